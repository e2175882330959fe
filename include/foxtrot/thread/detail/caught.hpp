// foxtrot/thread/detail/caught.hpp: an action's exception as text.
#pragma once

#include <exception>
#include <string>

namespace foxtrot::inline v0::detail {

/// Empty where the action returned; else what it threw, never empty.
template <class Action>
[[nodiscard]] std::string caught(Action&& action) {
  try {
    action();
    return {};
  } catch (const std::exception& failure) {
    const std::string what = failure.what();
    return what.empty() ? "an exception without a text" : what;
  } catch (...) {
    return "something that is no std::exception";
  }
}

}  // namespace foxtrot::inline v0::detail
