// foxtrot/feed/counters.hpp: what a feed has counted, written by its network thread, read by anyone.
#pragma once

#include <foxtrot/core/error.hpp>
#include <foxtrot/feed/error_kind.hpp>
#include <foxtrot/feed/named_counters.hpp>
#include <foxtrot/market/kinds.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <system_error>
#include <vector>

namespace foxtrot::inline v0 {

/// A number with one writer: cheaper than a locked increment, and any thread may read it.
class counter {
 public:
  [[gnu::always_inline]] void add(std::uint64_t more = 1) noexcept {
    // relaxed: a statistic, nothing is published with it
    value_.store(value_.load(std::memory_order_relaxed) + more, std::memory_order_relaxed);
  }
  void set(std::uint64_t now) noexcept { value_.store(now, std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t get() const noexcept { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

/// The latest of something, with one writer.
class gauge {
 public:
  void set(std::int64_t now) noexcept { value_.store(now, std::memory_order_relaxed); }  // orders nothing
  [[nodiscard]] std::int64_t get() const noexcept { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::int64_t> value_{0};
};

/// Why a message was not understood.
enum class rejection : std::uint8_t { malformed, missing_field, wrong_type, out_of_range, other };
inline constexpr std::size_t rejection_count = 5;

[[nodiscard]] constexpr rejection rejection_of(errc why) noexcept {
  switch (why) {
    case errc::malformed_message: return rejection::malformed;
    case errc::missing_field: return rejection::missing_field;
    case errc::wrong_type: return rejection::wrong_type;
    case errc::number_out_of_range: return rejection::out_of_range;
    default: return rejection::other;
  }
}

/// Totals since the feed was made. Each number is right by itself; together they are a moment's view.
struct feed_counters {
  counter messages;          ///< WebSocket messages and HTTP bodies that held data or answers
  counter bytes;             ///< of these
  counter answers;           ///< of these, answers to our own requests
  counter shutdowns;         ///< of these, announcements that the connection will be closed
  counter unknown;           ///< of these, events of a kind that has no tick
  counter rejected;          ///< of these, not understood: see rejections
  counter connects;          ///< connections that reached `connected`
  counter disconnects;       ///< of these, lost again; our own goodbye is no loss
  counter failed_attempts;   ///< attempts that never got there
  counter gaps;              ///< told: holes in the venue's numbering, books that had to be given up
  counter duplicates;        ///< ticks not published, for their ids had been seen or passed
  counter renumbered;        ///< of the gaps, those where the venue began to count anew
  counter absent_times;      ///< venue times too far from the receive time to be kept
  counter stale;             ///< symbols told to be stale
  counter silent_streams;    ///< streams given up because they never spoke
  counter handler_failures;  ///< exceptions thrown by inline handlers
  counter polls;             ///< HTTP requests for ticks that were answered well
  counter failed_polls;      ///< and those that were not
  counter fallbacks_begun;   ///< times that polling stood in for a connection
  counter rotations;         ///< connections replaced by a new one, without a break
  counter failed_rotations;  ///< attempts at that which were given up: the old one stayed, or reconnected first
  counter lost_lines;        ///< disconnects while another connection carried the same streams
  counter line_duplicates;   ///< ticks not published, for another line was first, or leads
  counter held_ticks;        ///< ticks that had to wait for another line to bring what comes before
  counter repaired_ticks;    ///< ticks that were missing and have been fetched and published
  counter failed_repairs;    ///< holes of which a part or all could not be had, or not in time
  gauge round_trip_ns;       ///< from the last ping of ours to its pong; 0 before the first
  std::array<counter, tick_kind_count>
      ticks;  ///< published, by kind; not what one consumer alone is told (dropped, greetings)
  std::array<counter, error_kind_count> errors;     ///< of connections and requests, by kind
  std::array<counter, rejection_count> rejections;  ///< by what was wrong
  named_counters unknown_events{64};                ///< events that have no tick, by the venue's name for them
  named_counters fallbacks{1024};  ///< messages not in the shape that their kind has, by stream: read all the same,
                                   ///< more slowly; many mean that the venue has changed its format

  /// Network thread.
  void count(error_kind kind) noexcept { errors[static_cast<std::size_t>(kind)].add(); }
  void count(std::error_code error) noexcept { count(kind_of(error)); }
  void count_rejected(errc why) noexcept {
    rejected.add();
    rejections[static_cast<std::size_t>(rejection_of(why))].add();
  }

  /// From now on what these have counted together, and the longest round trip. The one writer's.
  void become_sum_of(std::span<const feed_counters* const> parts);
};

namespace detail {

inline constexpr std::array summed_counters{&feed_counters::messages,
                                            &feed_counters::bytes,
                                            &feed_counters::answers,
                                            &feed_counters::shutdowns,
                                            &feed_counters::unknown,
                                            &feed_counters::rejected,
                                            &feed_counters::connects,
                                            &feed_counters::disconnects,
                                            &feed_counters::failed_attempts,
                                            &feed_counters::gaps,
                                            &feed_counters::duplicates,
                                            &feed_counters::renumbered,
                                            &feed_counters::absent_times,
                                            &feed_counters::stale,
                                            &feed_counters::silent_streams,
                                            &feed_counters::handler_failures,
                                            &feed_counters::polls,
                                            &feed_counters::failed_polls,
                                            &feed_counters::fallbacks_begun,
                                            &feed_counters::rotations,
                                            &feed_counters::failed_rotations,
                                            &feed_counters::lost_lines,
                                            &feed_counters::line_duplicates,
                                            &feed_counters::held_ticks,
                                            &feed_counters::repaired_ticks,
                                            &feed_counters::failed_repairs};

}  // namespace detail

inline void feed_counters::become_sum_of(std::span<const feed_counters* const> parts) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Winvalid-offsetof"  // which g++ and clang know for all that is not virtual
  // all that are numbers by themselves
  static_assert(offsetof(feed_counters, round_trip_ns) == detail::summed_counters.size() * sizeof(counter));
#pragma GCC diagnostic pop
  const auto add_up = [&](auto of) {
    std::uint64_t sum = 0;
    for (const feed_counters* part : parts) sum += of(*part).get();
    return sum;
  };
  for (const auto each : detail::summed_counters)
    (this->*each).set(add_up([each](const feed_counters& part) -> const counter& { return part.*each; }));
  const auto add_up_all = [&](auto counters) {
    for (std::size_t i = 0; i < (this->*counters).size(); ++i)
      (this->*counters)[i].set(
          add_up([=](const feed_counters& part) -> const counter& { return (part.*counters)[i]; }));
  };
  add_up_all(&feed_counters::ticks);
  add_up_all(&feed_counters::errors);
  add_up_all(&feed_counters::rejections);
  std::int64_t slowest = 0;
  for (const feed_counters* part : parts) slowest = std::max(slowest, part->round_trip_ns.get());
  round_trip_ns.set(slowest);
  for (const auto names : {&feed_counters::unknown_events, &feed_counters::fallbacks}) {
    std::vector<const named_counters*> all;
    for (const feed_counters* part : parts) all.push_back(&(part->*names));
    (this->*names).become_sum_of(all);
  }
}

}  // namespace foxtrot::inline v0
