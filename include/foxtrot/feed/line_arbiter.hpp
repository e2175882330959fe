// foxtrot/feed/line_arbiter.hpp: several connections that carry the same streams, made one by the venue's ids.
#pragma once

#include <foxtrot/core/histogram.hpp>
#include <foxtrot/core/live_object.hpp>
#include <foxtrot/feed/continuity.hpp>
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

/// One connection of a feed, from its first packet to its last and over reconnects.
enum class line_id : std::uint8_t {};
inline constexpr line_id no_line{255};

/// A tick that waits for others to come before it.
struct held_tick {
  tick_tag tag;
  symbol_id symbol;
  tick_payload payload;
  std::vector<raw_level> levels;
  tick_ids ids;
  std::uint64_t after;         ///< to be published when everything up to this id is
  std::uint32_t round;         ///< in which it came
  std::uint32_t confirmed_at;  ///< the stream, to the line that brought it
  line_id from;
};

/// Decides about each tick of each line: whoever brings it first is heard, and what follows a hole waits for the other
/// lines as long as they can still fill it. So the ticks of a stream come once and in order, whichever line is faster,
/// and a hole is told only where no line had it.
///
/// Kinds without ids are taken from the lines that lead alone. A book ticker does not name the one before it: each line
/// is followed by its own order, and the first of a line waits until another has come as far. Costs nothing while there
/// is one line. Knows no clock: time passes in rounds. Network thread.
class line_arbiter : private live_object<line_arbiter> {
 public:
  enum class verdict : std::uint8_t {
    publish,    ///< now; what the ids say of it is for continuity to judge
    pass_over,  ///< another line was first, or leads
    hold,       ///< it has been copied
  };
  /// A held tick is given up waiting for when this many rounds have begun.
  static constexpr std::uint32_t rounds_to_wait = 5;
  /// More ticks are not held, whatever is missing.
  static constexpr std::size_t most_held = 65'536;

  explicit line_arbiter(const continuity& published) : published_{published} {}
  line_arbiter(const line_arbiter&) = delete;
  line_arbiter& operator=(const line_arbiter&) = delete;

  /// Called when a tick is held and none was: rounds have to pass from now on.
  std::function<void()> on_hold;

  /// A new line; no_line where there are 255. The one that was alone is taken to have brought all there was.
  [[nodiscard]] line_id add_line(bool leads) {
    const auto free = std::ranges::find(lines_, false, &line::open);
    if (free == lines_.end() && lines_.size() == static_cast<std::size_t>(no_line)) return no_line;
    if (open_ == 1) seed(*std::ranges::find(lines_, true, &line::open));
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
  }
  /// Its connection has ended: nothing can be expected of it. What was held for it is ready().
  void lost(line_id which) { std::ranges::fill(of(which).streams, by_kind{}); }
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

  /// Whether there is anything to decide.
  [[nodiscard]] bool engaged() const noexcept { return open_ > 1; }

  [[nodiscard]] verdict take(line_id from, tick_tag tag, symbol_id symbol, const tick_payload& payload,
                             std::span<const raw_level> levels) {
    const auto which = numbering_of(tag.kind);
    const tick_ids ids = ids_of(tag, payload);
    if (!which || ids.last == 0) return of(from).leads ? verdict::publish : verdict::pass_over;
    progress& own = of(from, *which, symbol);
    const std::uint64_t before = std::exchange(own.last, std::max(own.last, ids.last));
    const bool again = ids.last <= before;  // by this line itself
    const std::uint64_t published = published_.last(*which, symbol);
    const bool named = *which != numbering::book_tickers;
    const std::uint64_t after = named ? ids.before : before != 0 && !again ? before : ids.last - 1;
    if (ids.last <= published) {
      if (!again) note_late(from, *which, symbol, ids.last, payload);
      return again ? verdict::publish : verdict::pass_over;  // a line that counts anew is none of our business
    }
    if (held_.empty() || !held_.contains(key_of(*which, symbol))) [[likely]] {
      if (after <= published || published == 0 || !may_be_filled(*which, symbol, after, own.confirmed_at)) {
        note_first(from, *which, symbol, ids.last, payload);
        return verdict::publish;
      }
    }
    hold({tag, symbol, payload, {levels.begin(), levels.end()}, ids, after, round_, own.confirmed_at, from}, *which);
    return verdict::hold;
  }

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
    for (auto queue = held_.begin(); queue != held_.end();) {
      const auto next = std::next(queue);
      if (auto found = ready(queue)) return found;
      queue = next;
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
    if (const auto queue = held_.find(key_of(*which, symbol)); queue != held_.end()) {
      held_count_ -= queue->second.size();
      held_.erase(queue);
    }
  }

  /// The highest id that the line has brought on its present connection; 0: none.
  [[nodiscard]] std::uint64_t last(line_id from, numbering which, symbol_id symbol) const noexcept {
    const progress* const known = find(lines_[static_cast<std::size_t>(from)], which, symbol);
    return known != nullptr ? known->last : 0;
  }
  /// How often the line was first with a tick that another brought as well.
  [[nodiscard]] std::uint64_t wins(line_id which) const noexcept {
    return lines_[static_cast<std::size_t>(which)].wins;
  }
  /// By how much the first was ahead of the others, in nanoseconds.
  [[nodiscard]] const histogram& margins() const noexcept { return margins_; }

 private:
  // How far a line has come with a stream, on its present connection.
  struct progress {
    std::uint64_t last{0};          // 0: nothing yet
    std::uint32_t confirmed_at{0};  // its place among all confirmations; 0: not confirmed
  };
  using by_kind = std::array<progress, numbering_count>;
  struct line {
    bool open{false};
    bool leads{false};
    std::uint64_t wins{0};
    std::vector<by_kind> streams{};  // by symbol
  };
  // Who brought the last few ticks of a stream, and when.
  struct arrival {
    std::uint64_t id{0};
    std::int64_t received_ns{0};
    line_id from{no_line};
  };
  static constexpr std::size_t arrivals_kept = 8;
  using stream_arrivals = std::array<arrival, arrivals_kept>;

  using key = std::uint32_t;
  using queues = std::map<key, std::deque<held_tick>>;  // each by last id

  [[nodiscard]] static key key_of(numbering which, symbol_id symbol) noexcept {
    return static_cast<key>(symbol) * static_cast<key>(numbering_count) + static_cast<key>(which);
  }
  [[nodiscard]] line& of(line_id which) noexcept { return lines_[static_cast<std::size_t>(which)]; }
  [[nodiscard]] progress& of(line_id from, numbering which, symbol_id symbol) {
    auto& all = of(from).streams;
    const auto index = static_cast<std::size_t>(symbol);
    if (index >= all.size()) [[unlikely]]
      all.resize(index + 1);
    return all[index][static_cast<std::size_t>(which)];
  }
  [[nodiscard]] static const progress* find(const line& from, numbering which, symbol_id symbol) noexcept {
    const auto index = static_cast<std::size_t>(symbol);
    return index < from.streams.size() ? &from.streams[index][static_cast<std::size_t>(which)] : nullptr;
  }

  void seed(line& alone) {
    alone.streams.resize(std::max(alone.streams.size(), published_.symbols()));
    for (std::size_t symbol = 0; symbol < published_.symbols(); ++symbol)
      for (std::size_t which = 0; which < numbering_count; ++which)
        alone.streams[symbol][which].last =
            published_.last(static_cast<numbering>(which), static_cast<symbol_id>(symbol));
  }

  // Whether a line that has not come so far has this stream at all. One that has not spoken yet may bring what was sent
  // before the stream was confirmed to the other.
  [[nodiscard]] bool may_be_filled(numbering which, symbol_id symbol, std::uint64_t up_to,
                                   std::uint32_t confirmed_at) const noexcept {
    return std::ranges::any_of(lines_, [&](const line& each) {
      const progress* const known = find(each, which, symbol);
      if (known == nullptr) return false;
      if (known->last != 0) return known->last < up_to;
      return known->confirmed_at != 0 && known->confirmed_at < confirmed_at;
    });
  }

  [[gnu::noinline]] void hold(held_tick tick, numbering which) {
    const bool first = held_.empty();
    auto& queue = held_[key_of(which, tick.symbol)];
    const auto last_id = [](const held_tick& each) { return each.ids.last; };
    const auto place = std::ranges::lower_bound(queue, tick.ids.last, {}, last_id);
    if (place != queue.end() && place->ids.last == tick.ids.last) {  // by both lines
      place->after = std::min(place->after, tick.after);
      return;
    }
    queue.insert(place, std::move(tick));
    ++held_count_;
    if (first && on_hold) on_hold();
  }

  [[nodiscard]] std::optional<held_tick> ready(queues::iterator at) {
    auto& queue = at->second;
    const auto which = static_cast<numbering>(at->first % numbering_count);
    std::optional<held_tick> found;
    while (!found && !queue.empty()) {
      held_tick& head = queue.front();
      const std::uint64_t published = published_.last(which, head.symbol);
      if (head.ids.last > published) {
        const bool over = round_ - head.round >= rounds_to_wait || held_count_ > most_held;
        if (head.after > published && published != 0 && !over &&
            may_be_filled(which, head.symbol, head.after, head.confirmed_at))
          break;
        note_first(head.from, which, head.symbol, head.ids.last, head.payload);
        found = std::move(head);
      }
      queue.pop_front();
      --held_count_;
    }
    if (queue.empty()) held_.erase(at);
    return found;
  }

  [[nodiscard]] arrival& arrival_of(numbering which, symbol_id symbol, std::uint64_t id) {
    const std::size_t index = key_of(which, symbol);
    if (index >= arrivals_.size()) [[unlikely]]
      arrivals_.resize(index + 1);
    return arrivals_[index][id % arrivals_kept];
  }
  void note_first(line_id from, numbering which, symbol_id symbol, std::uint64_t id, const tick_payload& payload) {
    arrival_of(which, symbol, id) = {id, received_ns_of(payload), from};
  }
  void note_late(line_id from, numbering which, symbol_id symbol, std::uint64_t id, const tick_payload& payload) {
    const arrival& first = arrival_of(which, symbol, id);
    if (first.id != id || first.from == from) return;  // too long ago to know
    margins_.record(received_ns_of(payload) - first.received_ns);
    ++of(first.from).wins;
  }

  const continuity& published_;
  std::vector<line> lines_;
  std::size_t open_{0};
  queues held_;
  std::size_t held_count_{0};
  std::uint32_t round_{0};
  std::uint32_t confirmations_{0};
  std::vector<stream_arrivals> arrivals_;  // by symbol and kind
  histogram margins_;
};

}  // namespace foxtrot::inline v0
