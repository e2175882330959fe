// foxtrot/feed/handover.hpp: when a new connection has everything that an old one had.
#pragma once

#include <foxtrot/core/clock.hpp>
#include <foxtrot/feed/line_arbiter.hpp>
#include <foxtrot/feed/tick_ids.hpp>
#include <foxtrot/market/symbol.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

namespace foxtrot::inline v0 {

/// Watches streams on their way from one line to another. Both deliver for a while. What the old line brings late in
/// that time was sent after the new one had its streams: once the new one has brought that, too, it has everything, and
/// the old one can go. Streams that say nothing meanwhile miss nothing. Knows no clock; one thread.
class handover {
 public:
  struct stream {
    numbering which;
    symbol_id symbol;
    [[nodiscard]] friend bool operator==(const stream&, const stream&) = default;
  };

  /// Both lines are to deliver for `overlap`; the old one may be behind the new one by half of it.
  handover(const line_arbiter& lines, std::vector<stream> streams, steady_time::duration overlap)
      : lines_{lines}, streams_{std::move(streams)}, overlap_{overlap} {}

  /// It is others by now; those that stay are as far as they were.
  void follow(std::vector<stream> streams) {
    std::vector<std::uint64_t> middle(middle_since_ ? streams.size() : 0, nothing_said);
    for (std::size_t i = 0; i < middle.size(); ++i) {
      const auto known = std::ranges::find(streams_, streams[i]);
      if (known != streams_.end()) middle[i] = middle_[static_cast<std::size_t>(known - streams_.begin())];
    }
    streams_ = std::move(streams);
    middle_ = std::move(middle);
    goal_.clear();
  }
  /// Whether `old` can go. `confirmed`: `fresh` has all streams.
  [[nodiscard]] bool ready(line_id old, line_id fresh, bool confirmed, steady_time now) {
    if (!confirmed) {  // or not any more
      since_ = middle_since_ = std::nullopt;
      goal_.clear();
      return false;
    }
    if (!since_) since_ = now;
    if (!middle_since_ && now - *since_ >= overlap_ / 2) {
      middle_since_ = now;
      middle_ = positions(old);
    }
    if (!middle_since_ || now - *middle_since_ < overlap_ / 2) return false;
    if (goal_.empty()) goal_ = positions(old);
    for (std::size_t i = 0; i < streams_.size(); ++i) {
      const bool spoke = goal_[i] > middle_[i];
      if (spoke && lines_.last(fresh, streams_[i].which, streams_[i].symbol) < goal_[i]) return false;
    }
    return true;
  }

 private:
  [[nodiscard]] std::vector<std::uint64_t> positions(line_id of) const {
    std::vector<std::uint64_t> all;
    all.reserve(streams_.size());
    for (const stream& each : streams_) all.push_back(lines_.last(of, each.which, each.symbol));
    return all;
  }

  static constexpr std::uint64_t nothing_said = ~std::uint64_t{0};  // nor will it have been

  const line_arbiter& lines_;
  std::vector<stream> streams_;
  const steady_time::duration overlap_;
  std::optional<steady_time> since_;         // both deliver
  std::optional<steady_time> middle_since_;  // for half of the time
  std::vector<std::uint64_t> middle_;        // where the old line was then
  std::vector<std::uint64_t> goal_;          // and at its end
};

}  // namespace foxtrot::inline v0
