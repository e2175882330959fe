// foxtrot/core/clock.hpp: time as a seam: the system's clocks, or one that a test advances by hand.
#pragma once

#include <foxtrot/core/immortal.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>

namespace foxtrot::inline v0 {

/// When something must have happened by: always the steady clock, so that a step of the wall clock moves no deadline.
using steady_time = std::chrono::steady_clock::time_point;

/// Where deadlines are measured. Network and feed code asks this object, never the clock itself. `now` may be called
/// from any thread.
class time_source {
 public:
  time_source() = default;
  time_source(const time_source&) = delete;
  time_source& operator=(const time_source&) = delete;
  virtual ~time_source() = default;

  [[nodiscard]] virtual steady_time now() const noexcept = 0;
  /// True where time moves only by a test's hand: timers then wait for nothing but `manual_time::advance`.
  [[nodiscard]] virtual bool manual() const noexcept { return false; }
};

namespace detail {
class [[gnu::visibility("default")]] system_time_source final : public time_source {
 public:
  [[nodiscard]] steady_time now() const noexcept override { return std::chrono::steady_clock::now(); }
};
}  // namespace detail

/// The process's steady clock.
[[nodiscard]] inline time_source& system_time() noexcept { return detail::immortal<detail::system_time_source>(); }

/// Time that stands still until `advance`. Any thread may read it.
class manual_time final : public time_source {
 public:
  explicit manual_time(steady_time start = steady_time{std::chrono::hours{1}}) noexcept
      : ticks_{start.time_since_epoch().count()} {}

  [[nodiscard]] steady_time now() const noexcept override {
    // relaxed: the value stands alone, nothing else is published with it
    return steady_time{steady_time::duration{ticks_.load(std::memory_order_relaxed)}};
  }
  [[nodiscard]] bool manual() const noexcept override { return true; }

  void advance(steady_time::duration step) noexcept { ticks_.fetch_add(step.count(), std::memory_order_relaxed); }
  void advance_to(steady_time when) noexcept {
    ticks_.store(when.time_since_epoch().count(), std::memory_order_relaxed);
  }

 private:
  std::atomic<steady_time::rep> ticks_;
};

/// Nanoseconds since the Unix epoch that never go backwards: the steady clock plus the wall clock's offset at the
/// process's first use. Differences are exact latencies even if somebody steps the wall clock meanwhile; the price is
/// that such a step does not show. One read costs one clock_gettime of the vDSO (about 20 ns). Any thread.
struct epoch_clock {
  using duration = std::chrono::nanoseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::sys_time<duration>;
  static constexpr bool is_steady = true;

  [[nodiscard]] static time_point now() noexcept { return time_point{steady_nanoseconds() + offset()}; }
  /// The same instant as an integer, as ticks carry it.
  [[nodiscard]] static std::int64_t now_ns() noexcept { return now().time_since_epoch().count(); }

 private:
  [[nodiscard]] static duration steady_nanoseconds() noexcept {
    return std::chrono::duration_cast<duration>(std::chrono::steady_clock::now().time_since_epoch());
  }
  [[gnu::visibility("default")]] [[nodiscard]] static duration offset() noexcept {
    static const duration value =
        std::chrono::duration_cast<duration>(std::chrono::system_clock::now().time_since_epoch()) -
        steady_nanoseconds();
    return value;
  }
};

}  // namespace foxtrot::inline v0
