// foxtrot/core/result.hpp: a value or the std::error_code that explains its absence.
#pragma once

#include <foxtrot/core/error.hpp>

#include <cassert>
#include <system_error>
#include <type_traits>
#include <utility>
#include <variant>

namespace foxtrot::inline v0 {

/// What a call on the set-up and control path returns. Works without exceptions: reading the value of a failed result
/// is a programming error (asserted), never a throw. Not thread-safe; a plain value.
template <class T>
  requires(!std::is_reference_v<T> && !std::is_same_v<T, std::error_code>)
class [[nodiscard]] result {
 public:
  using value_type = T;

  result(T value) noexcept(std::is_nothrow_move_constructible_v<T>)
      : state_{std::in_place_index<0>, std::move(value)} {}
  result(std::error_code error) noexcept : state_{std::in_place_index<1>, error} { assert(error); }
  result(errc error) noexcept : result{make_error_code(error)} {}

  [[nodiscard]] bool has_value() const noexcept { return state_.index() == 0; }
  [[nodiscard]] explicit operator bool() const noexcept { return has_value(); }

  /// The error, or a zero code where there is a value.
  [[nodiscard]] std::error_code error() const noexcept {
    const auto* code = std::get_if<1>(&state_);
    return code != nullptr ? *code : std::error_code{};
  }

  [[nodiscard]] T& value() & noexcept { return *pointer(); }
  [[nodiscard]] const T& value() const& noexcept { return *pointer(); }
  [[nodiscard]] T&& value() && noexcept { return std::move(*pointer()); }
  [[nodiscard]] T& operator*() & noexcept { return *pointer(); }
  [[nodiscard]] const T& operator*() const& noexcept { return *pointer(); }
  [[nodiscard]] T&& operator*() && noexcept { return std::move(*pointer()); }
  [[nodiscard]] T* operator->() noexcept { return pointer(); }
  [[nodiscard]] const T* operator->() const noexcept { return pointer(); }

  template <class U>
  [[nodiscard]] T value_or(U&& other) const& {
    return has_value() ? *pointer() : static_cast<T>(std::forward<U>(other));
  }

 private:
  [[nodiscard]] T* pointer() noexcept {
    T* value = std::get_if<0>(&state_);
    assert(value != nullptr && "value of a failed result");
    return value;
  }
  [[nodiscard]] const T* pointer() const noexcept {
    const T* value = std::get_if<0>(&state_);
    assert(value != nullptr && "value of a failed result");
    return value;
  }

  std::variant<T, std::error_code> state_;
};

}  // namespace foxtrot::inline v0
