// foxtrot/feed/asked_ids.hpp: the missing ids of one stream that have been asked for elsewhere.
#pragma once

#include <foxtrot/feed/tick_ids.hpp>

#include <algorithm>
#include <cstdint>
#include <vector>

namespace foxtrot::inline v0 {

/// Remembers what was asked for until the stream has passed it, so that nothing is asked for twice. One thread.
class asked_ids {
 public:
  enum class answer : std::uint8_t {
    never,    ///< nobody was asked
    pending,  ///< some of them may come
    settled,  ///< some were asked for, and none of these will come any more
  };

  [[nodiscard]] answer state_of(const id_range& hole) const noexcept {
    answer found = answer::never;
    for (const entry& each : entries_) {
      if (!overlap(each.ids, hole)) continue;
      if (each.pending) return answer::pending;
      found = answer::settled;
    }
    return found;
  }
  [[nodiscard]] bool awaits(std::uint64_t id) const noexcept { return state_of({id, id}) == answer::pending; }

  /// `pending`: somebody will look for them; else they cannot be had.
  void add(const id_range& hole, bool pending) { entries_.push_back({hole, pending}); }

  /// Of these ids none will come that has not come by now.
  void settle(const id_range& ids) {
    for (std::size_t i = 0, count = entries_.size(); i < count; ++i) {
      const entry was = entries_[i];
      if (!was.pending || !overlap(was.ids, ids)) continue;
      entries_[i] = {{std::max(was.ids.from, ids.from), std::min(was.ids.to, ids.to)}, false};
      if (was.ids.from < ids.from) entries_.push_back({{was.ids.from, ids.from - 1}, true});
      if (was.ids.to > ids.to) entries_.push_back({{ids.to + 1, was.ids.to}, true});
    }
  }

  /// The stream has come so far: what lies behind is of no interest.
  void pass(std::uint64_t last) {
    std::erase_if(entries_, [last](const entry& each) { return each.ids.to <= last; });
  }

 private:
  struct entry {
    id_range ids;
    bool pending;
  };

  [[nodiscard]] static bool overlap(const id_range& a, const id_range& b) noexcept {
    return a.from <= b.to && b.from <= a.to;
  }

  std::vector<entry> entries_;
};

}  // namespace foxtrot::inline v0
