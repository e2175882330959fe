// tests/support/loop_fixture.hpp: an event loop driven by the test, on a clock that the test advances.
#pragma once

#include <foxtrot/core/clock.hpp>
#include <foxtrot/net/asio.hpp>
#include <foxtrot/net/timer_queue.hpp>

#include <asio/executor_work_guard.hpp>

#include <algorithm>
#include <chrono>
#include <exception>
#include <memory>
#include <optional>
#include <stdexcept>
#include <type_traits>
#include <utility>

namespace foxtrot_test {

/// Everything happens in the test's thread. Sockets need real time to pass (`run_until`, `run`), timers only `advance`.
class loop_fixture {
 public:
  asio::io_context loop{1};
  foxtrot::manual_time time;
  foxtrot::timer_queue timers{loop, time};

  /// Runs what is ready.
  void poll() {
    loop.restart();
    loop.poll();
  }

  /// Lets the time pass: timers fire in their order, and what they set free runs in between.
  void advance(foxtrot::steady_time::duration step) {
    const foxtrot::steady_time target = time.now() + step;
    poll();
    for (auto next = timers.next(); next && *next <= target; next = timers.next()) {
      time.advance_to(std::max(time.now(), *next));
      timers.run_due();
      poll();
    }
    time.advance_to(target);
    poll();
  }

  /// Runs the loop until `done()`; false after `guard` of real time.
  template <class Predicate>
  bool run_until(Predicate done, std::chrono::milliseconds guard = std::chrono::seconds{20}) {
    const auto end = std::chrono::steady_clock::now() + guard;
    while (!done()) {
      if (std::chrono::steady_clock::now() > end) return false;
      loop.restart();
      loop.run_one_for(std::chrono::milliseconds{20});
    }
    return true;
  }

  /// Starts a coroutine; its result, or what it threw, is in what is returned.
  template <class T>
  class running {
   public:
    explicit running(asio::io_context& loop, foxtrot::task<T> work) {
      asio::co_spawn(loop, keep(std::move(work), state_),
                     asio::bind_cancellation_slot(state_->signal.slot(), [state = state_](std::exception_ptr thrown) {
                       state->thrown = thrown;
                       state->done = true;
                     }));
    }

    [[nodiscard]] bool done() const noexcept { return state_->done; }
    void cancel() { state_->signal.emit(asio::cancellation_type::terminal); }
    [[nodiscard]] bool threw() const noexcept { return state_->thrown != nullptr; }
    T get() {
      if (!done()) throw std::logic_error{"the coroutine has not ended"};
      if (state_->thrown) std::rethrow_exception(state_->thrown);
      return std::move(state_->value.value());
    }

   private:
    struct state {  // lives as long as the coroutine
      asio::cancellation_signal signal;
      std::optional<T> value;
      std::exception_ptr thrown;
      bool done{false};
    };

    static foxtrot::task<> keep(foxtrot::task<T> work, std::shared_ptr<state> into) {
      into->value.emplace(co_await std::move(work));
    }

    std::shared_ptr<state> state_ = std::make_shared<state>();
  };

  template <class T>
  [[nodiscard]] running<T> start(foxtrot::task<T> work) {
    return running<T>{loop, std::move(work)};
  }

  /// Runs the loop until the coroutine ends.
  template <class T>
  T run(foxtrot::task<T> work) {
    running<T> under_way{loop, std::move(work)};
    if (!run_until([&] { return under_way.done(); })) throw std::runtime_error{"the coroutine did not end"};
    return under_way.get();
  }
};

}  // namespace foxtrot_test
