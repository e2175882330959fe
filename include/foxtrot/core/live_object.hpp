// foxtrot/core/live_object.hpp: how many objects of each type there are, for programs that look for leaks.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>
#include <vector>

/// Defined as 1 for ALL translation units of a program, objects that own something are counted by type. Never in some
/// of them only: the same class would then be defined in two ways. Ordinary programs leave it alone and pay nothing.
#ifndef FOXTROT_COUNT_LIVE_OBJECTS
#define FOXTROT_COUNT_LIVE_OBJECTS 0
#endif

namespace foxtrot::inline v0 {

/// What is known of one type.
struct live_count {
  std::string_view type;  ///< as the compiler writes it
  std::int64_t alive{0};  ///< constructed minus destroyed; a moved-from object counts until it is destroyed
  std::int64_t made{0};   ///< constructed, copies and moves included
};

namespace detail {

// One for each type, never destroyed: threads and static objects may outlive main.
struct live_counter {
  std::string_view type;
  std::atomic<std::int64_t> alive{0};
  std::atomic<std::int64_t> made{0};
  live_counter* next{nullptr};
  std::atomic<bool> listed{false};
};

// Every counter that has ever counted, the last first.
[[gnu::visibility("default")]] inline constinit std::atomic<live_counter*> live_counters{nullptr};

template <class T>
[[nodiscard]] constexpr std::string_view type_name() noexcept {
  // g++: "... [with T = X; std::string_view = ...]", clang: "... [T = X]"
  constexpr std::string_view all = __PRETTY_FUNCTION__;
  constexpr std::size_t begin = all.find("T = ") + 4;
  constexpr std::size_t end = all.find(';', begin) != all.npos ? all.find(';', begin) : all.rfind(']');
  return all.substr(begin, end - begin);
}

template <class T>
[[gnu::visibility("default")]] inline constinit live_counter counter_of{type_name<T>()};

// relaxed: plain statistics; whoever wants them exact has joined the threads that counted
inline void note_made(live_counter& counter) noexcept {
  counter.made.fetch_add(1, std::memory_order_relaxed);
  counter.alive.fetch_add(1, std::memory_order_relaxed);
  if (counter.listed.load(std::memory_order_relaxed)) return;
  if (counter.listed.exchange(true, std::memory_order_relaxed)) return;  // one thread enters it
  counter.next = live_counters.load(std::memory_order_relaxed);
  // release: whoever finds it there sees its `next`
  while (!live_counters.compare_exchange_weak(counter.next, &counter, std::memory_order_release,
                                              std::memory_order_relaxed)) {
  }
}
inline void note_destroyed(live_counter& counter) noexcept { counter.alive.fetch_sub(1, std::memory_order_relaxed); }

}  // namespace detail

#if FOXTROT_COUNT_LIVE_OBJECTS

inline constexpr bool counts_live_objects = true;

/// `class T : live_object<T>` counts the objects of type T. It is empty, so T's layout is that of an ordinary program.
template <class T>
class live_object {
 protected:
  constexpr live_object() noexcept { note(); }
  constexpr live_object(const live_object&) noexcept { note(); }
  constexpr live_object(live_object&&) noexcept { note(); }
  constexpr live_object& operator=(const live_object&) noexcept = default;
  constexpr live_object& operator=(live_object&&) noexcept = default;
  constexpr ~live_object() {
    if (!std::is_constant_evaluated()) detail::note_destroyed(detail::counter_of<T>);
  }

 private:
  static constexpr void note() noexcept {
    if (!std::is_constant_evaluated()) detail::note_made(detail::counter_of<T>);
  }
};

#else

inline constexpr bool counts_live_objects = false;

/// `class T : live_object<T>` counts the objects of type T where the whole program asks for it; here it is nothing.
template <class T>
class live_object {};

static_assert(std::is_trivially_copyable_v<live_object<int>> && std::is_trivially_destructible_v<live_object<int>>);

#endif

static_assert(std::is_empty_v<live_object<int>>);

/// Every type of which an object was ever made; nothing in a program that does not count. Any thread; exact where the
/// threads that make and destroy objects have been joined.
[[nodiscard]] inline std::vector<live_count> live_objects() {
  std::vector<live_count> all;
  const detail::live_counter* each = detail::live_counters.load(std::memory_order_acquire);
  for (; each != nullptr; each = each->next) {
    all.push_back(
        {each->type, each->alive.load(std::memory_order_relaxed), each->made.load(std::memory_order_relaxed)});
  }
  return all;
}

}  // namespace foxtrot::inline v0
