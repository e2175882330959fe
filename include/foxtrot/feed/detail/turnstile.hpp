// foxtrot/feed/detail/turnstile.hpp: when a session may try to connect.
#pragma once

#include <foxtrot/core/clock.hpp>
#include <foxtrot/core/diagnostics.hpp>
#include <foxtrot/core/error.hpp>
#include <foxtrot/core/live_object.hpp>
#include <foxtrot/feed/detail/breaker_gate.hpp>
#include <foxtrot/feed/session_settings.hpp>
#include <foxtrot/net/asio.hpp>
#include <foxtrot/net/backoff.hpp>
#include <foxtrot/net/rate_limiter.hpp>
#include <foxtrot/net/timer_queue.hpp>

#include <algorithm>
#include <functional>
#include <string>
#include <system_error>
#include <utility>

namespace foxtrot::inline v0::detail {

/// Four have a say: the backoff, the last error (a server may name a time), the circuit breaker, and the attempts that
/// the venue allows this process. Loop thread only.
class turnstile : private live_object<turnstile> {
 public:
  turnstile(timer_queue& timers, const session_settings& settings, const rate_limit_settings& attempts,
            const diagnostics& log, std::function<void(breaker_state)> breaker_changed)
      : timers_{timers},
        settings_{settings},
        attempts_{attempts},
        log_{log},
        place_{settings.upgrade.host + ":" + std::to_string(settings.upgrade.port)},
        retry_{settings.retry},
        gate_{settings.breaker, std::move(breaker_changed)} {}
  turnstile(const turnstile&) = delete;
  turnstile& operator=(const turnstile&) = delete;

  /// Returns when the next attempt may begin. The error is cancellation.
  [[nodiscard]] task<std::error_code> its_turn() {
    steady_time begin = not_before_;
    // an open breaker has a time of its own
    if (!gate_.is_open()) begin = std::max(begin, timers_.now() + retry_.next());
    if (begin > timers_.now()) {
      if (const std::error_code error = co_await timers_.sleep_until(begin)) co_return error;
    }
    do {
      for (steady_time now = timers_.now(); gate_.next_try(now) > now; now = timers_.now()) {
        if (const std::error_code error = co_await timers_.sleep_until(gate_.next_try(now))) co_return error;
      }
      if (const std::error_code error = co_await within_budget()) co_return error;
    } while (!gate_.enter(timers_.now()));
    co_return std::error_code{};
  }
  /// The next attempt waits at least so long from now, whoever gives up waiting meanwhile.
  void wait_at_least(steady_time::duration told) noexcept { not_before_ = timers_.now() + told; }
  /// The connection was a good one: the next failure is the first.
  void begin_anew() noexcept { retry_.reset(); }

  [[nodiscard]] breaker_gate& gate() noexcept { return gate_; }

 private:
  [[nodiscard]] task<std::error_code> within_budget() {
    while (settings_.budget != nullptr) {
      const auto later = settings_.budget->try_spend(place_, attempts_, timers_.now());
      if (!later) break;
      log_.report(severity::warning, "websocket_manager", "no connection attempt is left for now");
      if (const std::error_code error = co_await timers_.sleep_until(*later)) co_return error;
    }
    co_return std::error_code{};
  }

  timer_queue& timers_;
  const session_settings& settings_;
  const rate_limit_settings attempts_;
  const diagnostics& log_;
  const std::string place_;
  backoff retry_;
  steady_time not_before_{};
  breaker_gate gate_;
};

}  // namespace foxtrot::inline v0::detail
