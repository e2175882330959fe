// foxtrot/feed/line_race.hpp: which of several connections is first with a tick, and by how much.
#pragma once

#include <foxtrot/core/histogram.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace foxtrot::inline v0 {

/// One connection of a feed, from its first packet to its last and over reconnects.
enum class line_id : std::uint8_t {};
inline constexpr line_id no_line{255};

/// Remembers who brought the last few ticks of each stream, and when. Streams are numbered from 0. One thread.
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
    margins_.record(received_ns - winner.received_ns);
    ++wins_[static_cast<std::size_t>(winner.from)];
  }
  /// The line is another from now on.
  void forget(line_id which) noexcept { wins_[static_cast<std::size_t>(which)] = 0; }

  /// How often the line was first with a tick that another brought as well.
  [[nodiscard]] std::uint64_t wins(line_id which) const noexcept { return wins_[static_cast<std::size_t>(which)]; }
  /// By how much the first was ahead of the others, in nanoseconds.
  [[nodiscard]] const histogram& margins() const noexcept { return margins_; }

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
  std::array<std::uint64_t, 256> wins_{};  // by line
  histogram margins_;
};

}  // namespace foxtrot::inline v0
