// foxtrot/sim/exchange_pings.hpp: the venue's pings on one WebSocket, and the pongs it waits for.
#pragma once

#include <foxtrot/core/clock.hpp>
#include <foxtrot/net/timer_queue.hpp>
#include <foxtrot/sim/exchange_settings.hpp>
#include <foxtrot/sim/fault.hpp>
#include <foxtrot/sim/faults_in_force.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

namespace foxtrot::inline v0 {

/// Pings at their interval with the time as payload, and without end while a storm is in force. Loop thread only.
class exchange_pings {
 public:
  struct callbacks {
    std::function<void(std::string_view payload)> send;  ///< one ping
    std::function<void()> deaf;                          ///< no pong came in time
  };

  exchange_pings(const exchange_limits& limits, detail::exchange_counters& counters, const faults_in_force& faults,
                 callbacks owner)
      : limits_{limits}, counters_{counters}, faults_{faults}, owner_{std::move(owner)} {
    schedule();
  }
  exchange_pings(const exchange_pings&) = delete;
  exchange_pings& operator=(const exchange_pings&) = delete;
  ~exchange_pings() = default;

  /// A pong that copies a ping answers it and those before; any other is allowed and proves nothing.
  void answered(std::string_view payload) {
    const auto found =
        std::find_if(unanswered_.begin(), unanswered_.end(), [&](const ping& p) { return p.payload == payload; });
    if (found == unanswered_.end()) return;
    counters_.pongs_received.add();
    unanswered_.erase(unanswered_.begin(), found + 1);
    pong_timer_.cancel();
    if (!unanswered_.empty()) expect_pong();
  }
  /// True for as many pongs as a storm had pings: they do not count as messages of the client's.
  [[nodiscard]] bool forgiven() noexcept {
    if (forgiven_ == 0) return false;
    --forgiven_;
    return true;
  }

  /// Other faults are in force now.
  void changed() {
    const bool storm = faults_.has(fault_kind::ping_storm);
    if (storm && storm_began_ == steady_time{}) {
      storm_began_ = now();
      storm_sent_ = 0;
      blow();
    } else if (!storm) {
      storm_began_ = {};
      storm_timer_.cancel();
    }
  }
  /// Nothing is sent or expected any more.
  void end() noexcept {
    ping_timer_.cancel();
    pong_timer_.cancel();
    storm_timer_.cancel();
  }

 private:
  struct ping {
    std::string payload;
    steady_time sent;
  };

  static constexpr std::chrono::milliseconds gust{1};

  [[nodiscard]] steady_time now() const noexcept { return faults_.timers().now(); }

  void schedule() {
    ping_timer_ = faults_.timers().call_after(limits_.ping_interval, [this] { send(); });
  }

  void send() {
    const auto time = std::chrono::duration_cast<std::chrono::milliseconds>(epoch_clock::now().time_since_epoch());
    unanswered_.push_back({std::to_string(time.count()), now()});
    counters_.pings_sent.add();
    schedule();
    if (unanswered_.size() == 1) expect_pong();
    owner_.send(unanswered_.back().payload);  // last: it may end the connection
  }

  void expect_pong() { pong_at(unanswered_.front().sent + limits_.pong_timeout); }
  void pong_at(steady_time limit) {
    pong_timer_ = faults_.timers().call_at(limit, [this] {
      // whoever is frozen does not look at its watch either
      if (faults_.has(fault_kind::freeze)) return pong_at(now() + limits_.pong_timeout);
      owner_.deaf();
    });
  }

  /// Sends what the storm is behind with.
  void blow() {
    const auto* storm = faults_.find(fault_kind::ping_storm);
    if (storm == nullptr) return;
    const fault what = storm->what;
    const std::chrono::duration<double> since = now() - storm_began_;
    storm_timer_ = faults_.timers().call_after(gust, [this] { blow(); });
    for (const double due = since.count() * what.per_second + 1; static_cast<double>(storm_sent_) < due;) {
      std::string payload = std::to_string(++storm_sent_);
      payload.resize(what.bytes, '.');
      counters_.pings_sent.add();
      ++forgiven_;
      owner_.send(payload);
    }
  }

  const exchange_limits& limits_;
  detail::exchange_counters& counters_;
  const faults_in_force& faults_;
  callbacks owner_;
  std::deque<ping> unanswered_;
  timer ping_timer_;
  timer pong_timer_;
  steady_time storm_began_{};
  std::uint64_t storm_sent_{0};
  std::uint64_t forgiven_{0};
  timer storm_timer_;
};

}  // namespace foxtrot::inline v0
