// foxtrot/net/detail/loop_turns.hpp: one turn of an event loop, for each way to wait when there is nothing to do.
#pragma once

#include <foxtrot/core/heartbeat.hpp>
#include <foxtrot/net/asio.hpp>
#include <foxtrot/net/detail/loop_pulse.hpp>
#include <foxtrot/net/poller.hpp>
#include <foxtrot/net/timer_queue.hpp>
#include <foxtrot/queue/idle.hpp>

#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <thread>
#include <utility>

namespace foxtrot::inline v0::detail {

// Loop thread only.
class loop_turns {
 public:
  loop_turns(asio::io_context& loop, timer_queue& timers, loop_pulse& pulse, idle waiting,
             std::chrono::microseconds spin_for)
      : loop_{loop}, timers_{timers}, pulse_{pulse}, waiting_{waiting}, spin_for_{spin_for} {}

  [[nodiscard]] poller_handle add_poller(std::function<bool()> poll) { return pollers_.add(std::move(poll)); }

  /// Soon over, but where it blocks: then when the loop was stopped. Exceptions of handlers pass.
  void turn() {
    switch (waiting_) {
      case idle::block: {
        const quiet_sleep sleeping{pulse_};
        loop_.run();
        return;
      }
      case idle::spin: (void)spin(); return;
      case idle::yield:
        if (!spin()) std::this_thread::yield();
        return;
      case idle::adaptive: adapt(); return;
    }
  }

 private:
  static constexpr unsigned turns_per_poll = 16;  // looking into the event loop costs a system call

  // Where no timer beats for it, a sleep is expected to be silent.
  struct quiet_sleep {
    explicit quiet_sleep(const loop_pulse& pulse) {
      if (!pulse.timed()) silence.emplace();
    }
    std::optional<expected_silence> silence;
  };

  // Whether there was anything to do.
  bool spin() {
    pulse_.beat();
    const bool worked = pollers_.run();
    if (worked && ++turns_ < turns_per_poll) return true;
    turns_ = 0;
    const bool ran = loop_.poll() != 0;
    timers_.run_due();
    return worked || ran;
  }

  void adapt() {
    pulse_.beat();
    const auto now = std::chrono::steady_clock::now();  // real time, whatever the timers run on
    const bool polled = pollers_.run();
    std::size_t ran = loop_.poll();
    if (pulse_.take_fired() && ran != 0) --ran;  // that was no work
    if (ran != 0 || polled) {
      busy_until_ = now + spin_for_;
    } else if (now >= busy_until_) {
      {
        const quiet_sleep sleeping{pulse_};
        loop_.run_one();
      }
      if (!pulse_.take_fired()) busy_until_ = std::chrono::steady_clock::now() + spin_for_;
    }
  }

  asio::io_context& loop_;
  timer_queue& timers_;
  loop_pulse& pulse_;
  const idle waiting_;
  const std::chrono::microseconds spin_for_;
  poller_list pollers_;
  unsigned turns_{0};
  std::chrono::steady_clock::time_point busy_until_;
};

}  // namespace foxtrot::inline v0::detail
