// foxtrot/feed/detail/ping_pong.hpp: pings and pongs of a connection whose venue counts every message.
#pragma once

#include <foxtrot/core/clock.hpp>
#include <foxtrot/core/error.hpp>
#include <foxtrot/core/live_object.hpp>
#include <foxtrot/net/rate_limiter.hpp>
#include <foxtrot/net/timer_queue.hpp>
#include <foxtrot/net/websocket/frame.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace foxtrot::inline v0::detail {

/// Sends pings of ours and misses their pongs; answers the peer's, of those that come faster than the limit allows the
/// latest (RFC 6455 section 5.5.3). Pongs take what is reserved for them and no more, so that a flood of pings does not
/// keep requests from leaving. Loop thread only.
class ping_pong : private live_object<ping_pong> {
 public:
  struct calls {
    std::function<std::error_code(opcode, std::string_view)> send;
    std::function<void()> look;                           ///< reads what waits: the pong may be there
    std::function<void(std::error_code)> give_up;         ///< the connection is dead
    std::function<void(steady_time::duration)> measured;  ///< from a ping of ours to its pong
  };

  ping_pong(timer_queue& timers, rate_limiter& messages, const rate_limit_settings& limit, calls wanted)
      : timers_{timers},
        messages_{messages},
        pongs_{{.limit = std::max<std::size_t>(limit.reserve, 1), .window = limit.window, .reserve = 0}},
        calls_{std::move(wanted)} {}
  ping_pong(const ping_pong&) = delete;
  ping_pong& operator=(const ping_pong&) = delete;

  /// Pings go out so often from now on, as far as the limit lets them; zero: never.
  void start(std::chrono::milliseconds interval, std::chrono::milliseconds patience) {
    interval_ = interval;
    patience_ = patience;
    schedule();
  }

  void on_ping(std::string_view payload) {
    owed_ = payload;
    owes_ = true;
  }
  void on_pong(std::string_view payload) {
    if (ping_.empty() || payload != ping_) return;  // unsolicited
    ping_.clear();
    pong_due_.cancel();
    calls_.measured(timers_.now() - pinged_);
  }
  /// After each read: the latest ping that it brought, if any, is answered as soon as the limit allows.
  void answer() {
    if (!owes_) return;
    const steady_time now = timers_.now();
    const auto later = std::max(pongs_.next_allowed(now), messages_.next_allowed(now, send_priority::urgent));
    if (later) {
      if (!answer_later_.pending()) answer_later_ = timers_.call_at(*later, [this] { answer(); });
      return;
    }
    owes_ = false;
    (void)pongs_.try_acquire(now);
    (void)messages_.try_acquire(now, send_priority::urgent);
    const std::error_code error = calls_.send(opcode::pong, owed_);
    if (error && error != errc::closed) calls_.give_up(error);
  }

 private:
  void schedule() {
    if (interval_ <= std::chrono::milliseconds::zero()) return;
    next_ping_ = timers_.call_after(steady_time::duration{interval_}, [this] { ping(); });
  }
  // Requests go before: what the limit does not allow now waits for the next turn.
  void ping() {
    schedule();
    if (!ping_.empty() || !messages_.try_acquire(timers_.now())) return;
    ping_ = std::to_string(++pings_);
    pinged_ = timers_.now();
    if (const std::error_code error = calls_.send(opcode::ping, ping_)) {
      ping_.clear();
      return error == errc::closed ? void() : calls_.give_up(error);  // closed: the goodbye has a time limit of its own
    }
    pong_due_ = timers_.call_after(steady_time::duration{patience_}, [this] {
      calls_.look();
      if (!ping_.empty()) calls_.give_up(errc::heartbeat_lost);
    });
  }

  timer_queue& timers_;
  rate_limiter& messages_;
  rate_limiter pongs_;
  const calls calls_;
  std::chrono::milliseconds interval_{0};
  std::chrono::milliseconds patience_{0};
  std::string owed_;  // payload of the latest ping that has no answer
  bool owes_{false};
  std::string ping_;  // of ours, under way
  std::uint64_t pings_{0};
  steady_time pinged_{};
  timer answer_later_;
  timer next_ping_;
  timer pong_due_;
};

}  // namespace foxtrot::inline v0::detail
