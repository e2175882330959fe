// foxtrot/market/stored_event.hpp: an event that outlives its place in a queue, to be handed on to other threads.
#pragma once

#include <foxtrot/market/detail/event_body.hpp>
#include <foxtrot/market/event.hpp>
#include <foxtrot/market/levels.hpp>
#include <foxtrot/market/symbol.hpp>
#include <foxtrot/queue/line.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <type_traits>
#include <utility>

namespace foxtrot::inline v0 {

/// A copy of an event with up to `Levels` price levels, or as many times 16 bytes of another body. A plain value: keep
/// it, put it into any queue, visit it in any thread. The symbol table of the feed must outlive it.
template <std::size_t Levels>
class basic_stored_event {
 public:
  /// Nothing: something to be overwritten.
  basic_stored_event() noexcept = default;

  /// Nothing where the event has a longer body than fits.
  [[nodiscard]] static std::optional<basic_stored_event> of(const event& from) noexcept {
    if (from.body_.size() > Levels) return std::nullopt;
    return basic_stored_event{from};
  }

  [[nodiscard]] tick_kind kind() const noexcept { return tick_tag::kind_of(tag_); }

  /// As event::visit; nothing is visited where nothing was stored. Views, as of levels, are valid as long as this copy.
  template <class... Handlers>
  void visit(Handlers&&... handlers) const {
    if (symbols_ == nullptr) return;
    event{payload_, tag_, std::span{levels_}.first(level_count_), *symbols_}.visit(std::forward<Handlers>(handlers)...);
  }

 private:
  explicit basic_stored_event(const event& from) noexcept
      : symbols_{from.symbols_}, tag_{from.tag_}, level_count_{from.body_.size()}, payload_{*from.payload_} {
    std::ranges::copy(from.body_, levels_.begin());
  }

  const symbol_table* symbols_{nullptr};
  line_tag tag_;
  std::size_t level_count_{0};
  tick_payload payload_;  // and levels_: as far as the event goes
  std::array<raw_level, Levels> levels_;
};

/// Ticks of one line and statuses: quotes, trades of all kinds, average and reference prices.
using stored_event = basic_stored_event<0>;
/// Klines, tickers, mark prices and liquidations as well: everything but books, their changes, and unknown events that
/// are longer than a ticker.
using stored_wide_event = basic_stored_event<detail::largest_wide_body>;
/// Books of up to twenty levels on either side as well.
using stored_book_event = basic_stored_event<40>;

static_assert(std::is_trivially_copyable_v<stored_event> && std::is_trivially_copyable_v<stored_wide_event> &&
              std::is_trivially_copyable_v<stored_book_event>);

}  // namespace foxtrot::inline v0
