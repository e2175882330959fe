// foxtrot/net/circuit_breaker.hpp: stops trying what keeps failing, and finds out when it works again.
#pragma once

#include <foxtrot/core/clock.hpp>
#include <foxtrot/core/live_object.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string_view>
#include <utility>
#include <vector>

namespace foxtrot::inline v0 {

struct circuit_breaker_settings {
  std::uint32_t failure_threshold{5};                  ///< failures in a row that open it
  std::chrono::milliseconds recovery_timeout{60'000};  ///< open for so long before it is tried again
  std::uint32_t half_open_permits{3};                  ///< tries at the same time while half open
  std::uint32_t half_open_successes{3};                ///< successes that close it
  std::chrono::milliseconds probe_timeout{30'000};     ///< a try without a result gives its permit back then
};

enum class breaker_state : std::uint8_t { closed, open, half_open };

[[nodiscard]] constexpr std::string_view to_string(breaker_state state) noexcept {
  switch (state) {
    case breaker_state::closed: return "closed";
    case breaker_state::open: return "open";
    case breaker_state::half_open: return "half_open";
  }
  return "?";
}

/// Closed, everything may be tried; after `failure_threshold` failures in a row it opens, and nothing may. When
/// `recovery_timeout` has passed, a few tries are let through: successes close it, one failure opens it again. Every
/// change begins a new generation, and a result of an earlier one changes nothing any more. Any thread; time comes from
/// the caller. Must outlive its permits.
class circuit_breaker : private live_object<circuit_breaker> {
 public:
  /// The right to one try, and its result: the first that is told counts. Destroyed without one, it was no try. One
  /// thread at a time.
  class permit {
   public:
    permit() = default;
    permit(permit&& from) noexcept
        : breaker_{std::exchange(from.breaker_, nullptr)}, generation_{from.generation_}, serial_{from.serial_} {}
    permit& operator=(permit&& from) noexcept {
      if (this == &from) return *this;
      give_back();
      breaker_ = std::exchange(from.breaker_, nullptr);
      generation_ = from.generation_;
      serial_ = from.serial_;
      return *this;
    }
    ~permit() { give_back(); }

    /// False once a result was told.
    [[nodiscard]] explicit operator bool() const noexcept { return breaker_ != nullptr; }
    void succeed(steady_time now) {
      if (auto* const from = std::exchange(breaker_, nullptr)) from->succeeded(generation_, serial_, now);
    }
    void fail(steady_time now) {
      if (auto* const from = std::exchange(breaker_, nullptr)) from->failed(generation_, serial_, now);
    }

   private:
    friend class circuit_breaker;
    permit(circuit_breaker& breaker, std::uint64_t generation, std::uint64_t serial) noexcept
        : breaker_{&breaker}, generation_{generation}, serial_{serial} {}
    void give_back() noexcept {
      if (auto* const from = std::exchange(breaker_, nullptr)) from->abandoned(generation_, serial_);
    }

    circuit_breaker* breaker_{nullptr};
    std::uint64_t generation_{0};
    std::uint64_t serial_{0};  // of a probe; 0 where it was closed
  };

  /// Throws std::invalid_argument for a count of zero.
  explicit circuit_breaker(circuit_breaker_settings settings = {}) : settings_{settings} {
    if (settings.failure_threshold == 0 || settings.half_open_permits == 0 || settings.half_open_successes == 0) {
      throw std::invalid_argument{"circuit_breaker: a count of zero"};
    }
    probes_.reserve(settings.half_open_permits);
  }
  circuit_breaker(const circuit_breaker&) = delete;
  circuit_breaker& operator=(const circuit_breaker&) = delete;

  /// The right to try now; nothing where it must not be tried.
  [[nodiscard]] std::optional<permit> try_acquire(steady_time now) {
    const std::lock_guard lock{mutex_};
    if (state_ == breaker_state::closed) return permit{*this, generation_, 0};
    if (state_ == breaker_state::open) {
      if (now - opened_at_ < settings_.recovery_timeout) return std::nullopt;
      change(breaker_state::half_open);
    }
    std::erase_if(probes_, [&](const probe& each) { return now - each.since >= settings_.probe_timeout; });
    if (probes_.size() >= settings_.half_open_permits) return std::nullopt;
    probes_.push_back({++last_serial_, now});
    return permit{*this, generation_, last_serial_};
  }

  /// When try_acquire() is worth a call: `now` itself, the end of the recovery time-out, or of the oldest probe's.
  [[nodiscard]] steady_time next_try(steady_time now) const {
    const std::lock_guard lock{mutex_};
    if (state_ == breaker_state::open) return std::max(now, opened_at_ + settings_.recovery_timeout);
    if (probes_.size() < settings_.half_open_permits) return now;
    return std::max(now, probes_.front().since + settings_.probe_timeout);
  }

  [[nodiscard]] breaker_state state() const {
    const std::lock_guard lock{mutex_};
    return state_;
  }
  /// Changes of state so far.
  [[nodiscard]] std::uint64_t generation() const {
    const std::lock_guard lock{mutex_};
    return generation_;
  }
  /// Failures in a row while closed.
  [[nodiscard]] std::uint32_t failures() const {
    const std::lock_guard lock{mutex_};
    return failures_;
  }
  /// Closes it, whatever has failed: somebody knows better.
  void reset() {
    const std::lock_guard lock{mutex_};
    change(breaker_state::closed);
  }

 private:
  struct probe {
    std::uint64_t serial;
    steady_time since;
  };

  void change(breaker_state to) noexcept {
    state_ = to;
    ++generation_;
    failures_ = 0;
    successes_ = 0;
    probes_.clear();
  }

  // Whether that probe still had its permit.
  bool take_back(std::uint64_t serial) noexcept {
    return std::erase_if(probes_, [serial](const probe& each) { return each.serial == serial; }) != 0;
  }

  void succeeded(std::uint64_t generation, std::uint64_t serial, steady_time now) {
    const std::lock_guard lock{mutex_};
    if (generation != generation_) return;
    if (state_ == breaker_state::closed) {
      failures_ = 0;
    } else if (is_in_time(serial, now) && ++successes_ >= settings_.half_open_successes) {
      change(breaker_state::closed);
    }
  }
  void failed(std::uint64_t generation, std::uint64_t serial, steady_time now) {
    const std::lock_guard lock{mutex_};
    if (generation != generation_) return;
    const bool opens =
        state_ == breaker_state::closed ? ++failures_ >= settings_.failure_threshold : is_in_time(serial, now);
    if (!opens) return;
    change(breaker_state::open);
    opened_at_ = now;
  }
  void abandoned(std::uint64_t generation, std::uint64_t serial) noexcept {
    const std::lock_guard lock{mutex_};
    if (generation == generation_) take_back(serial);
  }

  // A probe that has taken longer than its permit allows says nothing, even if nobody has asked for its place.
  bool is_in_time(std::uint64_t serial, steady_time now) noexcept {
    std::erase_if(probes_, [&](const probe& each) { return now - each.since >= settings_.probe_timeout; });
    return take_back(serial);
  }

  const circuit_breaker_settings settings_;
  mutable std::mutex mutex_;
  breaker_state state_{breaker_state::closed};
  std::uint64_t generation_{0};
  std::uint32_t failures_{0};
  std::uint32_t successes_{0};
  std::uint64_t last_serial_{0};
  steady_time opened_at_{};
  std::vector<probe> probes_;  // under way, the oldest first
};

}  // namespace foxtrot::inline v0
