// foxtrot/net/backoff.hpp: how long to wait before the next attempt: exponential with full jitter.
#pragma once

#include <foxtrot/core/clock.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <random>
#include <utility>

namespace foxtrot::inline v0 {

/// 64 random bits per call.
using random_source = std::function<std::uint64_t()>;

/// SplitMix64 from a seed: spreads attempts well, has no secrets. Copies go on from the same state independently.
[[nodiscard]] inline random_source seeded_random(std::uint64_t seed) {
  return [state = seed]() mutable noexcept {
    state += 0x9e3779b97f4a7c15U;
    std::uint64_t bits = state;
    bits = (bits ^ (bits >> 30U)) * 0xbf58476d1ce4e5b9U;
    bits = (bits ^ (bits >> 27U)) * 0x94d049bb133111ebU;
    return bits ^ (bits >> 31U);
  };
}

/// Seeded by the system, so that a thousand clients cut off at once do not come back at once.
[[nodiscard]] inline random_source system_random() {
  std::random_device device;
  return seeded_random((std::uint64_t{device()} << 32U) | device());
}

struct backoff_settings {
  std::chrono::milliseconds base{1000};
  std::chrono::milliseconds cap{60'000};
  bool first_immediate{true};  ///< a connection that was fine is worth one retry at once
};

/// Delays drawn from U(0, min(cap, base * 2^n)): never above the cap, whatever the number of attempts. One thread.
class backoff {
 public:
  using duration = steady_time::duration;

  explicit backoff(backoff_settings settings = {}, random_source random = system_random())
      : settings_{settings}, random_{std::move(random)} {}

  /// The wait before the next attempt.
  [[nodiscard]] duration next() {
    const std::uint64_t attempt = attempts_++;
    if (!settings_.first_immediate) return jitter(bound(attempt));
    return attempt == 0 ? duration::zero() : jitter(bound(attempt - 1));
  }

  /// After proven health, not after a mere connect.
  void reset() noexcept { attempts_ = 0; }

  /// Calls of `next` since the last `reset`.
  [[nodiscard]] std::uint64_t attempts() const noexcept { return attempts_; }

  /// min(cap, base * 2^n), without overflow for any n.
  [[nodiscard]] duration bound(std::uint64_t n) const noexcept {
    const duration::rep base = duration{settings_.base}.count();
    const duration::rep cap = duration{settings_.cap}.count();
    return duration{n >= 63 || base > (cap >> n) ? cap : base << n};
  }

 private:
  [[nodiscard]] duration jitter(duration limit) {
    // 53 random bits: a double of [0, 1) without rounding up
    const double share = static_cast<double>(random_() >> 11U) * 0x1p-53;
    const auto wait = static_cast<duration::rep>(share * static_cast<double>(limit.count()));
    return std::clamp(duration{wait}, duration::zero(), limit);
  }

  backoff_settings settings_;
  random_source random_;
  std::uint64_t attempts_{0};
};

}  // namespace foxtrot::inline v0
