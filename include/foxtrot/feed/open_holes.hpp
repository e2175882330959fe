// foxtrot/feed/open_holes.hpp: what is missing of one stream, and what has come of it.
#pragma once

#include <foxtrot/core/clock.hpp>
#include <foxtrot/feed/tick_ids.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace foxtrot::inline v0 {

/// Ids that are missing, and are looked for.
struct open_hole {
  id_range ids;
  steady_time until{steady_time::max()};  ///< then it is too late
  std::uint32_t attempts{0};              ///< requests that brought nothing of it
  std::uint64_t next{ids.from};           ///< what lies before has come, or is not to be had
  std::vector<id_range> came{};           ///< ascending

  [[nodiscard]] std::uint64_t missing() const noexcept {
    std::uint64_t left = ids.to - ids.from + 1;
    for (const id_range& each : came) left -= each.to - each.from + 1;
    return left;
  }
};

/// The holes of one stream in the order of their ids; no two have an id in common. One thread.
class open_holes {
 public:
  [[nodiscard]] bool empty() const noexcept { return holes_.empty(); }
  [[nodiscard]] std::size_t size() const noexcept { return holes_.size(); }
  /// The lowest id that is still looked for. Not where there is no hole.
  [[nodiscard]] std::uint64_t first() const noexcept { return holes_.front().next; }
  /// Ids from first() to the last that is looked for among the next `most`.
  [[nodiscard]] std::size_t span(std::size_t most) const noexcept {
    const std::uint64_t begin = first();
    std::uint64_t end = begin;
    for (const open_hole& each : holes_) {
      if (each.next >= begin + most) break;
      end = std::min(each.ids.to + 1, begin + most);
    }
    return static_cast<std::size_t>(end - begin);
  }
  /// When the first of them is late.
  [[nodiscard]] steady_time due() const noexcept {
    steady_time earliest = steady_time::max();
    for (const open_hole& each : holes_) earliest = std::min(earliest, each.until);
    return earliest;
  }

  void add(const id_range& ids, steady_time until) {
    const auto place = std::ranges::upper_bound(holes_, ids.from, {}, [](const open_hole& h) { return h.ids.from; });
    holes_.insert(place, open_hole{.ids = ids, .until = until});
  }

  /// This id has been found: whether it is looked for, which it then is no longer. Ids come in ascending order.
  [[nodiscard]] bool take(std::uint64_t id) {
    const auto at = std::ranges::lower_bound(holes_, id, {}, [](const open_hole& h) { return h.ids.to; });
    if (at == holes_.end() || id < at->next) return false;
    at->next = id + 1;
    if (!at->came.empty() && at->came.back().to + 1 == id)
      at->came.back().to = id;
    else
      at->came.push_back({id, id});
    return true;
  }

  /// A request for the ids up to this one has failed.
  void note_failure(std::uint64_t up_to) noexcept {
    for (open_hole& each : holes_)
      if (each.next <= up_to) ++each.attempts;
  }
  /// What lies up to this id and has not come is not to be had.
  void pass(std::uint64_t up_to) noexcept {
    for (open_hole& each : holes_) each.next = std::max(each.next, std::min(up_to, each.ids.to) + 1);
  }

  /// Takes those out for which `which(hole)` is true.
  template <class Which>
  [[nodiscard]] std::vector<open_hole> extract_if(Which which) {
    std::vector<open_hole> taken;
    std::vector<open_hole> left;
    for (open_hole& each : holes_) (which(std::as_const(each)) ? taken : left).push_back(std::move(each));
    holes_ = std::move(left);
    return taken;
  }

 private:
  std::vector<open_hole> holes_;
};

}  // namespace foxtrot::inline v0
