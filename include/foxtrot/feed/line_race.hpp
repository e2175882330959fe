// foxtrot/feed/line_race.hpp: which of several connections is first with a tick, and by how much.
#pragma once

#include <foxtrot/core/histogram.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <vector>

namespace foxtrot::inline v0 {

/// One connection of a feed, from its first packet to its last and over reconnects.
enum class line_id : std::uint8_t {};
inline constexpr line_id no_line{255};

/// How lines that carry the same streams stand against each other.
struct line_statistics {
  /// By line, numbered as they were made: how often it was first with a tick that another brought as well. A place that
  /// became free is used again, and begins at 0.
  std::vector<std::uint64_t> wins{};
  histogram margins{};  ///< by how much the first was ahead of each of the others, in nanoseconds

  void merge(const line_statistics& other) {
    wins.resize(std::max(wins.size(), other.wins.size()));
    for (std::size_t i = 0; i < other.wins.size(); ++i) wins[i] += other.wins[i];
    margins.merge(other.margins);
  }
};

/// Remembers who brought the last few ticks of each stream, and when. Streams are numbered from 0. One thread, but for
/// statistics().
class line_race {
 public:
  /// That line brought this tick, and was the first; no_line: nobody that takes part.
  void first(line_id from, std::size_t stream, std::uint64_t id, std::int64_t received_ns) {
    arrival_of(stream, id) = {id, received_ns, from};
  }
  /// That line brought it, too.
  void late(line_id from, std::size_t stream, std::uint64_t id, std::int64_t received_ns) {
    const arrival& winner = arrival_of(stream, id);
    if (winner.id != id || winner.from == from || winner.from == no_line) return;  // too long ago to know
    const std::lock_guard lock{mutex_};                                            // nobody waits for what comes second
    statistics_.margins.record(received_ns - winner.received_ns);
    const auto index = static_cast<std::size_t>(winner.from);
    if (index >= statistics_.wins.size()) statistics_.wins.resize(index + 1);
    ++statistics_.wins[index];
  }
  /// The line is another from now on.
  void forget(line_id which) noexcept {
    const std::lock_guard lock{mutex_};
    const auto index = static_cast<std::size_t>(which);
    if (index < statistics_.wins.size()) statistics_.wins[index] = 0;
  }

  /// Any thread.
  [[nodiscard]] line_statistics statistics() const {
    line_statistics copy;
    const std::lock_guard lock{mutex_};
    copy.merge(statistics_);
    return copy;
  }

 private:
  struct arrival {
    std::uint64_t id{0};
    std::int64_t received_ns{0};
    line_id from{no_line};
  };
  static constexpr std::size_t arrivals_kept = 8;
  using stream_arrivals = std::array<arrival, arrivals_kept>;

  [[nodiscard]] arrival& arrival_of(std::size_t stream, std::uint64_t id) {
    if (stream >= arrivals_.size()) [[unlikely]]
      arrivals_.resize(stream + 1);
    return arrivals_[stream][id % arrivals_kept];
  }

  std::vector<stream_arrivals> arrivals_;  // by stream
  mutable std::mutex mutex_;               // for what others read
  line_statistics statistics_;
};

}  // namespace foxtrot::inline v0
