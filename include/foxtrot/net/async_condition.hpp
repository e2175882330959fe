// foxtrot/net/async_condition.hpp: any number of coroutines wait until something on the same loop has changed.
#pragma once

#include <foxtrot/core/error.hpp>
#include <foxtrot/net/asio.hpp>
#include <foxtrot/net/async_event.hpp>

#include <memory>
#include <system_error>
#include <vector>

namespace foxtrot::inline v0 {

/// Unlike an async_event it keeps nothing: a notification is for those who wait now, and what they waited for they look
/// at again. Loop thread only.
class async_condition {
 public:
  explicit async_condition(asio::io_context& loop) : waiters_{std::make_shared<list>()}, loop_{loop} {}
  async_condition(const async_condition&) = delete;
  async_condition& operator=(const async_condition&) = delete;
  /// Whoever still waits gets errc::cancelled.
  ~async_condition() { notify(errc::cancelled); }

  [[nodiscard]] bool waiting() const noexcept { return !waiters_->empty(); }

  /// All go on, from the loop and not from inside this call, with `error` as their result.
  void notify(std::error_code error = {}) {
    for (async_event* each : *waiters_) each->notify(error);
    waiters_->clear();
  }

  /// errc::cancelled when the coroutine is cancelled or the condition destroyed; otherwise what `notify` was given.
  [[nodiscard]] task<std::error_code> wait() { return wait(waiters_, loop_); }

 private:
  using list = std::vector<async_event*>;

  struct entry {
    entry(list& all, async_event& mine) : waiters{all}, event{mine} { waiters.push_back(&event); }
    entry(const entry&) = delete;
    entry& operator=(const entry&) = delete;
    ~entry() { std::erase(waiters, &event); }

    list& waiters;
    async_event& event;
  };

  static task<std::error_code> wait(std::shared_ptr<list> waiters, asio::io_context& loop) {
    async_event event{loop};
    const entry here{*waiters, event};
    const std::error_code outcome = co_await event.wait();
    co_return outcome;
  }

  std::shared_ptr<list> waiters_;
  asio::io_context& loop_;
};

}  // namespace foxtrot::inline v0
