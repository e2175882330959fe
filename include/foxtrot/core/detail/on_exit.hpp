// foxtrot/core/detail/on_exit.hpp: an action for whatever way a scope ends.
#pragma once

#include <utility>

namespace foxtrot::inline v0::detail {

/// In a coroutine it runs where the coroutine is cancelled, too. What it throws is dropped: what has to be told is told
/// later.
template <class Action>
struct on_exit {
  Action action;
  explicit on_exit(Action what) : action{std::move(what)} {}
  on_exit(const on_exit&) = delete;
  on_exit& operator=(const on_exit&) = delete;
  ~on_exit() {
    try {
      action();
    } catch (...) {  // out of memory
    }
  }
};

}  // namespace foxtrot::inline v0::detail
