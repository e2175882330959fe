// foxtrot/sim/id_ledger.hpp: which ids of one numbering came, which were told to be missing, and of which nobody spoke.
#pragma once

#include <foxtrot/core/live_object.hpp>

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <vector>

namespace foxtrot::inline v0 {

/// Counts of ids; the sum of the first three is all that lies between the first and the last that came.
struct id_counts {
  std::uint64_t received{0};    ///< each once
  std::uint64_t told{0};        ///< never came, and a gap said so before the next that came
  std::uint64_t unreported{0};  ///< never came, and nobody said so: must be 0
  std::uint64_t duplicates{0};  ///< came again: must be 0
  std::uint64_t disordered{0};  ///< came after later ones: must be 0
  std::uint64_t mistold{0};     ///< told to be missing, but came or had come: must be 0

  [[nodiscard]] std::uint64_t missing() const noexcept { return told + unreported; }
  id_counts& operator+=(const id_counts& other) noexcept {
    received += other.received;
    told += other.told;
    unreported += other.unreported;
    duplicates += other.duplicates;
    disordered += other.disordered;
    mistold += other.mistold;
    return *this;
  }
  [[nodiscard]] friend bool operator==(const id_counts&, const id_counts&) = default;
};

/// Judges a feed by nothing but what a consumer sees of it: the ids of its ticks and its gaps, in the order in which
/// they were told. For numberings without holes. One thread.
class id_ledger : private live_object<id_ledger> {
 public:
  /// A tick that covers these ids, both included; a trade covers one.
  void receive(std::uint64_t first, std::uint64_t last) {
    if (last_ == 0) {
      first_ = first;
      told_.clear();  // what was missed before the first is nobody's loss
    } else if (last <= last_) {
      return receive_late(last);
    } else if (first <= last_) {
      ++counts_.duplicates;
    } else {
      account(last_ + 1, first - 1);
    }
    counts_.received += last - std::max(first, last_ + 1) + 1;
    last_ = last;
  }

  /// A gap that names these ids, both included.
  void tell(std::uint64_t from, std::uint64_t to) {
    if (last_ != 0 && from <= to) told_.push_back({from, to});
  }

  [[nodiscard]] const id_counts& counts() const noexcept { return counts_; }
  /// 0 where nothing came.
  [[nodiscard]] std::uint64_t first() const noexcept { return first_; }
  [[nodiscard]] std::uint64_t last() const noexcept { return last_; }
  /// What the venue has made after the last that came, if its own last id is this.
  [[nodiscard]] std::uint64_t behind(std::uint64_t made) const noexcept {
    return last_ != 0 && made > last_ ? made - last_ : 0;
  }

 private:
  struct range {
    std::uint64_t from;
    std::uint64_t to;
  };

  // The ids that the next tick leaves out, against the gaps that were told since the one before.
  void account(std::uint64_t from, std::uint64_t to) {
    std::uint64_t announced = 0;
    for (const range& each : told_) {
      const std::uint64_t low = std::max(each.from, from);
      const std::uint64_t high = std::min(each.to, to);
      const std::uint64_t common = low <= high ? high - low + 1 : 0;
      announced += common;
      counts_.mistold += each.to - each.from + 1 - common;
    }
    told_.clear();
    if (from > to) return;
    const std::uint64_t hole = to - from + 1;
    counts_.told += std::min(announced, hole);
    counts_.mistold += announced - std::min(announced, hole);  // told twice
    counts_.unreported += hole - std::min(announced, hole);
    holes_.push_back({from, to});
  }

  void receive_late(std::uint64_t id) noexcept {
    const auto after = std::upper_bound(holes_.begin(), holes_.end(), id,
                                        [](std::uint64_t wanted, const range& each) { return wanted < each.from; });
    const bool in_hole = after != holes_.begin() && std::prev(after)->to >= id;
    in_hole ? ++counts_.disordered : ++counts_.duplicates;
  }

  id_counts counts_;
  std::uint64_t first_{0};
  std::uint64_t last_{0};
  std::vector<range> told_;   // since the last tick
  std::vector<range> holes_;  // ascending
};

}  // namespace foxtrot::inline v0
