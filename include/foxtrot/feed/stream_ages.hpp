// foxtrot/feed/stream_ages.hpp: which streams have gone silent, at the price of one look at a byte for each tick.
#pragma once

#include <foxtrot/core/clock.hpp>
#include <foxtrot/core/live_object.hpp>
#include <foxtrot/feed/data_age_limits.hpp>
#include <foxtrot/market/kinds.hpp>
#include <foxtrot/market/symbol.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace foxtrot::inline v0 {

/// What a look at the ages found.
struct age_finding {
  enum class what : std::uint8_t {
    stale,      ///< the symbol has just become stale
    ask_again,  ///< confirmed, and nothing came: the streams should be asked for once more
    silent,     ///< they have been asked for often enough
    heard,      ///< streams that were silent speak after all
  };
  what found;
  tick_kind kind;
  symbol_id symbol;
  const std::vector<std::string>* streams;  ///< of that kind and symbol; until the next call
};

/// Ages of streams by kind and symbol: several streams of one kind and symbol, such as candles of two lengths, are one
/// here. A symbol is stale while one of its streams is. Ticks of a kind and symbol may be polled as well, until the
/// stream itself speaks: from then on what was polled is not to be published. Knows no socket and no clock; network
/// thread.
class stream_ages : private live_object<stream_ages> {
 public:
  stream_ages() = default;
  stream_ages(const stream_ages&) = delete;
  stream_ages& operator=(const stream_ages&) = delete;

  /// For every tick of a stream, before it is published: true where its symbol was stale and is so no more.
  [[nodiscard]] bool note(tick_kind kind, symbol_id symbol) noexcept {
    const std::size_t at = index_of(kind, symbol);
    if (at >= marks_.size() || marks_[at] <= mark::seen) [[likely]]
      return false;
    return wake(at, symbol);
  }

  /// The venue has confirmed a stream of these ticks to `owner`, on a new connection or again: its first tick is due.
  void watch(const void* owner, std::string_view stream, tick_kind kind, symbol_id symbol, steady_time now) {
    const std::size_t at = index_of(kind, symbol);
    make_room(at, symbol);
    entry& one = entries_[at];
    if (one.owner != owner) {
      one = {.kind = kind,
             .symbol = symbol,
             .owner = owner,
             .polled = one.polled,
             .heard = one.heard,
             .answered = one.answered};
    }
    if (std::find(one.streams.begin(), one.streams.end(), stream) == one.streams.end())
      one.streams.emplace_back(stream);
    one.running = true;
    one.last = now;
    if (!one.spoken && marks_[at] <= mark::seen) marks_[at] = mark::unseen;
  }
  /// Nobody wants that stream any more. True where its symbol was stale because of it alone.
  bool forget(const void* owner, std::string_view stream) {
    for (auto at = entries_.begin(); at != entries_.end(); ++at) {
      entry& one = at->second;
      if (one.owner != owner || std::erase(one.streams, stream) == 0) continue;
      if (!one.streams.empty()) return false;
      one.owner = nullptr;
      one.running = false;
      return !one.polled && remove(at);
    }
    return false;
  }
  /// The connection is lost: ages stand still until the venue confirms again. What is stale stays so.
  void pause(const void* owner) noexcept {
    for (auto& [at, one] : entries_) {
      if (one.owner != owner) continue;
      one.running = false;
      one.spoken = false;
      one.asked_again = 0;
      if (marks_[at] == mark::seen) marks_[at] = mark::unseen;
    }
  }
  /// The owner is about to go.
  void leave(const void* owner) noexcept {
    pause(owner);
    for (auto& [at, one] : entries_) {
      if (one.owner != owner) continue;
      one.owner = nullptr;
      one.streams.clear();
    }
  }

  /// Calls `found(age_finding)` for what has changed by now. A look that comes late blames nobody for that time, in
  /// which ticks may have waited unread.
  template <class Found>
  void look(const void* owner, const data_age_limits& limits, steady_time now, steady_time::duration late,
            Found found) {
    for (auto& [at, one] : entries_) {
      if (one.owner != owner || !one.running) continue;
      if (marks_[at] == mark::seen) {
        marks_[at] = mark::unseen;
        one.last = now;
        one.spoken = true;
        if (one.silent) found(age_finding{age_finding::what::heard, one.kind, one.symbol, &one.streams});
        one.silent = false;
        continue;
      }
      one.last += late;
      const auto kind = static_cast<std::size_t>(one.kind);
      const steady_time::duration limit = one.spoken ? limits.stale[kind] : limits.first[kind];
      if (limit <= steady_time::duration::zero() || now - one.last < limit) continue;
      const bool known = marks_[at] == mark::stale;
      if (!one.spoken && !one.silent && one.asked_again + 1 < limits.first_attempts) {
        ++one.asked_again;
        one.last = now;  // until the venue confirms
        found(age_finding{age_finding::what::ask_again, one.kind, one.symbol, &one.streams});
        continue;
      }
      if (!one.spoken && !std::exchange(one.silent, true)) {
        found(age_finding{age_finding::what::silent, one.kind, one.symbol, &one.streams});
      }
      if (known || one.polled) continue;
      if (become_stale(one, marks_[at], mark::stale))
        found(age_finding{age_finding::what::stale, one.kind, one.symbol, &one.streams});
    }
  }

  // --- what is polled ---

  /// Ticks of this kind and symbol are polled from now on, until the stream speaks or `unpoll`.
  void poll(tick_kind kind, symbol_id symbol, steady_time now) {
    const std::size_t at = index_of(kind, symbol);
    make_room(at, symbol);
    entry& one = entries_[at];
    one.kind = kind;
    one.symbol = symbol;
    if (std::exchange(one.polled, true)) return;
    one.answered = now;
    one.heard = false;
    marks_[at] = marks_[at] == mark::stale ? mark::polled_stale : mark::polled;
  }
  /// No more. True where its symbol was stale because of it alone, and nobody is left to tell that it speaks.
  bool unpoll(tick_kind kind, symbol_id symbol) {
    const auto at = entries_.find(index_of(kind, symbol));
    if (at == entries_.end() || !std::exchange(at->second.polled, false)) return false;
    mark& state = marks_[at->first];
    state = state == mark::polled_stale ? mark::stale : mark::unseen;
    return at->second.owner == nullptr && remove(at);
  }
  /// Whether what was polled is still wanted: the stream has not spoken meanwhile.
  [[nodiscard]] bool is_polled(tick_kind kind, symbol_id symbol) const noexcept {
    const std::size_t at = index_of(kind, symbol);
    return at < marks_.size() && marks_[at] >= mark::polled;
  }
  /// A tick that was asked for is about to be published: as note(). Whole books stand in for updates.
  [[nodiscard]] bool note_polled(tick_kind kind, symbol_id symbol) noexcept {
    const bool fresh = hear(kind, symbol);
    return (kind == tick_kind::depth_snapshot && hear(tick_kind::depth_update, symbol)) || fresh;
  }
  /// Calls `found(symbol_id)` for symbols that have become stale, because polling has brought nothing for too long.
  template <class Found>
  void look_at_polled(const data_age_limits& limits, steady_time now, Found found) {
    for (auto& [at, one] : entries_) {
      const steady_time::duration limit = limits.stale[static_cast<std::size_t>(one.kind)];
      if (std::exchange(one.heard, false)) one.answered = now;
      if (marks_[at] != mark::polled || limit <= steady_time::duration::zero() || now - one.answered < limit) continue;
      if (become_stale(one, marks_[at], mark::polled_stale)) found(one.symbol);
    }
  }

  [[nodiscard]] bool is_stale(symbol_id symbol) const noexcept {
    const auto at = static_cast<std::size_t>(symbol);
    return at < stale_streams_.size() && stale_streams_[at] > 0;
  }

 private:
  // The first two cost note() no more than one comparison; `seen` lasts until the next look.
  enum class mark : std::uint8_t { unwatched, seen, unseen, stale, polled, polled_stale };

  struct entry {
    tick_kind kind{};
    symbol_id symbol{};
    const void* owner{nullptr};
    std::vector<std::string> streams{};
    steady_time last{};            // of the last look that found a tick, or of the confirmation
    std::uint32_t asked_again{0};  // without a tick
    bool running{false};
    bool spoken{false};  // on this connection
    bool silent{false};
    bool polled{false};
    bool heard{false};       // by polling, since the last look
    steady_time answered{};  // the last look that found it so
  };
  using entry_map = std::map<std::size_t, entry>;  // by index in marks_

  [[nodiscard]] static constexpr std::size_t index_of(tick_kind kind, symbol_id symbol) noexcept {
    return static_cast<std::size_t>(symbol) * tick_kind_count + static_cast<std::size_t>(kind);
  }

  [[gnu::noinline]] bool wake(std::size_t at, symbol_id symbol) noexcept {
    const bool was_stale = is_stale(marks_[at]);
    if (marks_[at] >= mark::polled) entries_.find(at)->second.polled = false;  // the stream's turn
    marks_[at] = mark::seen;
    return was_stale && --stale_streams_[static_cast<std::size_t>(symbol)] == 0;
  }
  bool hear(tick_kind kind, symbol_id symbol) noexcept {
    const auto at = entries_.find(index_of(kind, symbol));
    if (at == entries_.end() || !at->second.polled) return false;
    at->second.heard = true;
    if (marks_[at->first] != mark::polled_stale) return false;
    marks_[at->first] = mark::polled;
    return --stale_streams_[static_cast<std::size_t>(symbol)] == 0;
  }
  [[nodiscard]] static constexpr bool is_stale(mark now) noexcept {
    return now == mark::stale || now == mark::polled_stale;
  }
  void make_room(std::size_t at, symbol_id symbol) {
    if (at < marks_.size()) return;
    marks_.resize(at + 1, mark::unwatched);
    stale_streams_.resize(static_cast<std::size_t>(symbol) + 1);
  }
  // True where its symbol was not stale before.
  bool become_stale(const entry& one, mark& state, mark as) noexcept {
    state = as;
    return stale_streams_[static_cast<std::size_t>(one.symbol)]++ == 0;
  }
  // True where its symbol was stale because of it alone.
  bool remove(entry_map::iterator at) {
    const bool fresh =
        is_stale(marks_[at->first]) && --stale_streams_[static_cast<std::size_t>(at->second.symbol)] == 0;
    marks_[at->first] = mark::unwatched;
    entries_.erase(at);
    return fresh;
  }

  std::vector<mark> marks_;                   // by symbol and kind
  std::vector<std::uint32_t> stale_streams_;  // by symbol
  entry_map entries_;
};

}  // namespace foxtrot::inline v0
