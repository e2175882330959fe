// foxtrot/feed/error_statistics.hpp: how many errors of each kind, how many lately, and the last one: of fixed size.
#pragma once

#include <foxtrot/core/clock.hpp>
#include <foxtrot/feed/error_kind.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace foxtrot::inline v0 {

/// A moment's view of one kind.
struct error_count {
  std::uint64_t total{0};
  std::uint64_t last_minute{0};  ///< in the last 60 seconds, to the second
};

/// A moment's view of all.
struct error_summary {
  std::array<error_count, error_kind_count> kinds{};
  std::uint64_t total{0};
  std::uint64_t last_minute{0};
  std::optional<session_error> last{};
  error_kind last_kind{error_kind::unknown};
  steady_time last_at{};

  [[nodiscard]] const error_count& of(error_kind kind) const noexcept { return kinds[static_cast<std::size_t>(kind)]; }
};

/// Counts by kind and by second. One thread; time comes from the caller.
class error_statistics {
 public:
  void add(const session_error& error, error_kind kind, steady_time now) noexcept {
    const std::int64_t second = second_of(now);
    bucket& at = buckets_[index_of(second)];
    if (at.second != second) at = {.second = second};
    ++at.counts[static_cast<std::size_t>(kind)];
    ++totals_[static_cast<std::size_t>(kind)];
    last_ = error;
    last_kind_ = kind;
    last_at_ = now;
  }

  [[nodiscard]] error_summary summary(steady_time now) const noexcept {
    error_summary made{.last = last_, .last_kind = last_kind_, .last_at = last_at_};
    const std::int64_t second = second_of(now);
    for (std::size_t kind = 0; kind < error_kind_count; ++kind) {
      error_count& count = made.kinds[kind];
      count.total = totals_[kind];
      for (const bucket& each : buckets_) {
        if (each.second > second - window && each.second <= second) count.last_minute += each.counts[kind];
      }
      made.total += count.total;
      made.last_minute += count.last_minute;
    }
    return made;
  }

 private:
  static constexpr std::int64_t window = 60;

  struct bucket {
    std::int64_t second{-window};
    std::array<std::uint32_t, error_kind_count> counts{};
  };

  [[nodiscard]] static std::int64_t second_of(steady_time now) noexcept {
    return std::chrono::floor<std::chrono::seconds>(now.time_since_epoch()).count();
  }
  [[nodiscard]] static std::size_t index_of(std::int64_t second) noexcept {
    return static_cast<std::size_t>(((second % window) + window) % window);
  }

  std::array<bucket, window> buckets_{};
  std::array<std::uint64_t, error_kind_count> totals_{};
  std::optional<session_error> last_;
  error_kind last_kind_{error_kind::unknown};
  steady_time last_at_{};
};

}  // namespace foxtrot::inline v0
