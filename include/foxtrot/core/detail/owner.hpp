// foxtrot/core/detail/owner.hpp: owns one object, whose type may be declared only.
#pragma once

#include <cstddef>
#include <utility>

namespace foxtrot::inline v0::detail {

/// A std::unique_ptr without a deleter, which each file that includes it compiles in a fraction of the time
/// (bench/compile). Where it is destroyed or assigned to, the type is complete.
template <class T>
class owner {
 public:
  constexpr owner() noexcept = default;
  explicit constexpr owner(T* made) noexcept : object_{made} {}
  constexpr owner(owner&& from) noexcept : object_{std::exchange(from.object_, nullptr)} {}
  constexpr owner& operator=(owner&& from) noexcept {
    owner old{std::exchange(object_, std::exchange(from.object_, nullptr))};
    return *this;
  }
  ~owner() {
    static_assert(sizeof(T) != 0, "the type is complete where an owner of it is destroyed");
    delete object_;
  }

  [[nodiscard]] T* get() const noexcept { return object_; }
  [[nodiscard]] T& operator*() const noexcept { return *object_; }
  [[nodiscard]] T* operator->() const noexcept { return object_; }
  [[nodiscard]] friend bool operator==(const owner& one, std::nullptr_t) noexcept { return one.object_ == nullptr; }

 private:
  T* object_{nullptr};
};

}  // namespace foxtrot::inline v0::detail
