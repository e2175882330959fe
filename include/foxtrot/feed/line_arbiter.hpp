// foxtrot/feed/line_arbiter.hpp: several connections that carry the same streams, made one by the venue's ids.
#pragma once

#include <foxtrot/core/histogram.hpp>
#include <foxtrot/core/live_object.hpp>
#include <foxtrot/feed/asked_ids.hpp>
#include <foxtrot/feed/continuity.hpp>
#include <foxtrot/feed/detail/line_record.hpp>
#include <foxtrot/feed/held_tick.hpp>
#include <foxtrot/feed/line_race.hpp>
#include <foxtrot/feed/tick_ids.hpp>
#include <foxtrot/market/event.hpp>
#include <foxtrot/market/kinds.hpp>
#include <foxtrot/market/levels.hpp>
#include <foxtrot/market/symbol.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace foxtrot::inline v0 {

/// Decides about each tick of each line: whoever brings it first is heard, and what follows a hole waits for the other
/// lines as long as they can still fill it. So the ticks of a stream come once and in order, whichever line is faster,
/// and a hole is told only where no line had it. What no line has may be asked for elsewhere (`on_hole`), which is then
/// as good as one more line.
///
/// Kinds without ids are taken from the lines that lead alone. A book ticker does not name the one before it: each line
/// is followed by its own order, and the first of a line waits until another has come as far. Costs nothing while there
/// is one line and nobody to ask. Knows no clock: time passes in rounds. Network thread.
class line_arbiter : private live_object<line_arbiter> {
 public:
  enum class verdict : std::uint8_t {
    publish,    ///< now; what the ids say of it is for continuity to judge
    pass_over,  ///< another line was first, or leads
    hold,       ///< it has been copied
  };
  /// A held tick no longer waits for other lines when this many rounds have begun.
  static constexpr std::uint32_t rounds_to_wait = 5;
  /// More ticks are not held, whatever is missing.
  static constexpr std::size_t most_held = 65'536;

  explicit line_arbiter(const continuity& published) : published_{published} {}
  line_arbiter(const line_arbiter&) = delete;
  line_arbiter& operator=(const line_arbiter&) = delete;

  /// Called when a tick is held and none was: rounds have to pass from now on.
  std::function<void()> on_hold;
  /// Told of ids that no line can bring, of ticks that count one by one: true where they have been asked for, and are
  /// awaited until settled(). May not publish. Null: nobody can be asked.
  std::function<bool(tick_kind, symbol_id, const id_range&)> on_hole;

  /// A new line; no_line where there are 255. The one that was alone is taken to have brought all there was.
  [[nodiscard]] line_id add_line(bool leads) {
    const auto free = std::ranges::find(lines_, false, &line::open);
    if (free == lines_.end() && lines_.size() == static_cast<std::size_t>(no_line)) return no_line;
    if (open_ == 1) std::ranges::find(lines_, true, &line::open)->was_alone(published_);
    ++open_;
    const auto at = static_cast<std::size_t>(free - lines_.begin());
    if (free == lines_.end()) lines_.emplace_back();
    lines_[at] = {.open = true, .leads = leads};
    return static_cast<line_id>(at);
  }
  /// After lost(), which see.
  void remove_line(line_id which) {
    --open_;
    of(which) = {};
    race_.forget(which);
  }
  /// Its connection has ended: nothing can be expected of it. What was held for it is ready().
  void lost(line_id which) { of(which).forget(); }
  /// The venue has said that it will send these ticks on this line from now on.
  void confirmed(line_id which, tick_kind kind, symbol_id symbol) {
    const auto numbered = numbering_of(kind);
    if (!numbered) return;
    progress& own = of(which, *numbered, symbol);
    if (own.confirmed_at == 0) own.confirmed_at = ++confirmations_;
  }
  /// Nobody wants these ticks of it any more.
  void unsubscribed(line_id which, tick_kind kind, symbol_id symbol) {
    if (const auto numbered = numbering_of(kind)) of(which, *numbered, symbol) = {};
  }
  /// Whether its ticks without ids count.
  void lead(line_id which, bool leads) { of(which).leads = leads; }

  /// Whether there is anything to decide about what comes from there; no_line: by another way, which polling is.
  [[nodiscard]] bool engaged(line_id from) const noexcept {
    return (from != no_line && open_ > 1) || on_hole != nullptr;
  }

  [[nodiscard]] verdict take(line_id from, tick_tag tag, symbol_id symbol, const tick_payload& payload,
                             std::span<const raw_level> levels) {
    const auto which = numbering_of(tag.kind);
    const tick_ids ids = ids_of(tag, payload);
    const bool alone = from == no_line || open_ < 2;  // no other line has a say
    if (!which || ids.last == 0 || (alone && !counts_by_one(*which)))
      return alone || of(from).leads ? verdict::publish : verdict::pass_over;
    progress unknown;
    progress& own = alone ? unknown : of(from, *which, symbol);
    const std::uint32_t confirmed_at = own.confirmed_at;
    const std::uint64_t before = std::exchange(own.last, std::max(own.last, ids.last));
    const bool again = alone || ids.last <= before;  // by this line itself
    const std::uint64_t published = published_.last(*which, symbol);
    const bool named = *which != numbering::book_tickers;
    const std::uint64_t after = named ? ids.before : before != 0 && !again ? before : ids.last - 1;
    if (ids.last <= published) {
      own.same = own.same || has_come_to(*which, symbol, ids.last, from);
      if (again || !own.same) return verdict::publish;  // it may count anew, which is for continuity to see
      race_.late(from, key_of(*which, symbol), ids.last, received_ns_of(payload));
      return verdict::pass_over;
    }
    own.same = true;
    const auto queue = held_.empty() ? held_.end() : held_.find(key_of(*which, symbol));
    if (queue == held_.end()) [[likely]] {
      if (after <= published || published == 0 || !is_awaited(*which, symbol, {published + 1, after}, confirmed_at)) {
        race_.first(from, key_of(*which, symbol), ids.last, received_ns_of(payload));
        return verdict::publish;
      }
    } else if (const std::uint64_t newest = queue->second.back().ids.last; newest < after) {
      (void)is_awaited(*which, symbol, {newest + 1, after}, confirmed_at);  // asked for in good time
    }
    (void)hold({tag, symbol, payload, {levels.begin(), levels.end()}, ids, after, round_, confirmed_at, from}, *which);
    return verdict::hold;
  }

  /// A tick that was asked for takes its place among those that are held. False where it is not awaited any more.
  [[nodiscard]] bool fill(tick_tag tag, symbol_id symbol, const tick_payload& payload) {
    const auto which = numbering_of(tag.kind);
    const tick_ids ids = ids_of(tag, payload);
    if (!which || ids.last <= published_.last(*which, symbol)) return false;
    if (!asked_[key_of(*which, symbol)].awaits(ids.last)) return false;
    return hold({tag, symbol, payload, {}, ids, ids.before, round_, 0, no_line}, *which);
  }
  /// Of these ids, which were asked for, none will come that has not come by now: what waited for them may be ready().
  void settled(tick_kind kind, symbol_id symbol, const id_range& ids) {
    if (const auto which = numbering_of(kind)) asked_[key_of(*which, symbol)].settle(ids);
  }
  /// Nobody can be asked any more, and nothing that was asked for will come.
  void stop_asking() noexcept { on_hole = nullptr, asked_.clear(); }

  [[nodiscard]] bool holds() const noexcept { return !held_.empty(); }
  [[nodiscard]] std::size_t held() const noexcept { return held_count_; }
  /// The next held tick of this kind that waits for nothing any more. It is to be published before the next call.
  [[nodiscard]] std::optional<held_tick> ready(tick_kind kind, symbol_id symbol) {
    const auto which = numbering_of(kind);
    const auto queue = which ? held_.find(key_of(*which, symbol)) : held_.end();
    return queue != held_.end() ? ready(queue) : std::nullopt;
  }
  /// The same of any kind and symbol.
  [[nodiscard]] std::optional<held_tick> ready() {
    for (auto queue = held_.begin(), next = queue; queue != held_.end(); queue = next) {
      next = std::next(queue);
      if (auto found = ready(queue)) return found;
    }
    return std::nullopt;
  }
  /// Another round begins.
  void pass_time() noexcept { ++round_; }

  /// What comes next of this kind follows nothing. What is held is dropped.
  void forget(tick_kind kind, symbol_id symbol) {
    const auto which = numbering_of(kind);
    if (!which) return;
    for (std::size_t at = 0; at < lines_.size(); ++at)
      if (lines_[at].open) of(static_cast<line_id>(at), *which, symbol) = {};
    asked_.erase(key_of(*which, symbol));
    if (const auto queue = held_.find(key_of(*which, symbol)); queue != held_.end()) {
      held_count_ -= queue->second.size();
      held_.erase(queue);
    }
  }

  /// The highest id that the line has brought on its present connection; 0: none.
  [[nodiscard]] std::uint64_t last(line_id from, numbering which, symbol_id symbol) const noexcept {
    if (from == no_line) return 0;
    const progress* const known = lines_[static_cast<std::size_t>(from)].find(which, symbol);
    return known != nullptr ? known->last : 0;
  }
  /// Any thread.
  [[nodiscard]] line_statistics statistics() const { return race_.statistics(); }

 private:
  using line = detail::line_record;
  using progress = detail::stream_progress;
  using key = std::uint32_t;
  using queues = std::map<key, std::deque<held_tick>>;  // each by last id

  [[nodiscard]] static key key_of(numbering which, symbol_id symbol) noexcept {
    return static_cast<key>(symbol) * static_cast<key>(numbering_count) + static_cast<key>(which);
  }
  [[nodiscard]] line& of(line_id which) noexcept { return lines_[static_cast<std::size_t>(which)]; }
  [[nodiscard]] progress& of(line_id from, numbering which, symbol_id symbol) { return of(from).of(which, symbol); }

  // Whether another line has, on its present connection.
  [[nodiscard]] bool has_come_to(numbering which, symbol_id symbol, std::uint64_t id, line_id but) const noexcept {
    return std::ranges::any_of(lines_, [&](const line& each) {
      const progress* const known = each.find(which, symbol);
      return known != nullptr && &each != &lines_[static_cast<std::size_t>(but)] && known->last >= id;
    });
  }

  // Whether a line that has not come so far has this stream. One that has not spoken yet may bring what was sent before
  // the stream was confirmed to the other.
  [[nodiscard]] bool may_be_filled(numbering which, symbol_id symbol, std::uint64_t up_to,
                                   std::uint32_t confirmed_at) const noexcept {
    return open_ > 1 && std::ranges::any_of(lines_, [&](const line& each) {
             const progress* const known = each.find(which, symbol);
             if (known == nullptr) return false;
             if (known->last != 0) return known->last < up_to;
             return known->confirmed_at != 0 && known->confirmed_at < confirmed_at;
           });
  }

  // Whether any of these ids may still come, from whomever. Asks where nobody was asked.
  [[nodiscard, gnu::noinline]] bool is_awaited(numbering which, symbol_id symbol, const id_range& hole,
                                               std::uint32_t confirmed_at, bool from_lines = true) {
    if (from_lines && may_be_filled(which, symbol, hole.to, confirmed_at)) return true;
    if (!on_hole || !counts_by_one(which)) return false;
    asked_ids& asked = asked_[key_of(which, symbol)];
    asked.pass(published_.last(which, symbol));
    const asked_ids::answer known = asked.state_of(hole);
    if (known != asked_ids::answer::never) return known == asked_ids::answer::pending;
    const bool taken = on_hole(numbered_kind(which), symbol, hole);
    asked.add(hole, taken);
    return taken;
  }

  // False where it is held already.
  [[gnu::noinline]] bool hold(held_tick tick, numbering which) {
    const bool first = held_.empty();
    auto& queue = held_[key_of(which, tick.symbol)];
    const auto place =
        std::ranges::lower_bound(queue, tick.ids.last, {}, [](const auto& each) { return each.ids.last; });
    if (place != queue.end() && place->ids.last == tick.ids.last) {  // by both lines
      place->after = std::min(place->after, tick.after);
      return false;
    }
    queue.insert(place, std::move(tick));
    ++held_count_;
    if (first && on_hold) on_hold();
    return true;
  }

  [[nodiscard]] std::optional<held_tick> ready(queues::iterator at) {
    auto& queue = at->second;
    const auto which = static_cast<numbering>(at->first % numbering_count);
    std::optional<held_tick> found;
    while (!found && !queue.empty()) {
      held_tick& head = queue.front();
      const std::uint64_t published = published_.last(which, head.symbol);
      if (head.ids.last > published) {
        const bool late = round_ - head.round >= rounds_to_wait;
        if (head.after > published && published != 0 && held_count_ <= most_held &&
            is_awaited(which, head.symbol, {published + 1, head.after}, head.confirmed_at, !late))
          break;
        race_.first(head.from, at->first, head.ids.last, received_ns_of(head.payload));
        found = std::move(head);
      }
      queue.pop_front();
      --held_count_;
    }
    if (queue.empty()) held_.erase(at);
    return found;
  }

  const continuity& published_;
  std::vector<line> lines_;
  std::size_t open_{0};
  queues held_;
  std::size_t held_count_{0};
  std::uint32_t round_{0};
  std::uint32_t confirmations_{0};
  std::map<key, asked_ids> asked_;
  line_race race_;
};

}  // namespace foxtrot::inline v0
