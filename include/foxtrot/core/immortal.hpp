// foxtrot/core/immortal.hpp: objects of the process that are never destroyed, because threads may outlive main.
#pragma once

#include <cstddef>
#include <new>

namespace foxtrot::inline v0::detail {

/// The one T of the process, made at the first call, also where several shared objects use foxtrot. It takes no memory
/// from the heap, and exit() leaves it alone: a thread that still runs then may go on using it. T must have default
/// visibility as well, for g++ gives a function template that of its arguments.
template <class T>
[[gnu::visibility("default")]] [[nodiscard]] T& immortal() {
  alignas(T) static std::byte place[sizeof(T)];
  static T* const made = ::new (static_cast<void*>(place)) T;
  return *made;
}

}  // namespace foxtrot::inline v0::detail
