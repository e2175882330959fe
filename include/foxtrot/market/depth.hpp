// foxtrot/market/depth.hpp: changes of an order book, and whole books.
#pragma once

#include <foxtrot/market/levels.hpp>
#include <foxtrot/market/tick.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace foxtrot::inline v0 {

/// The line of a depth event; its levels, bids then asks, stand in the ring's payload arena at `body`.
struct depth_record {
  std::uint64_t first_id;
  std::uint64_t last_id;
  std::uint64_t previous_id;  // futures only; see depth_update::previous_id
  std::uint64_t body;
  std::uint16_t bids;
  std::uint16_t asks;
  time_offset transaction_time;
  std::int64_t received_ns;
  time_offset event_time;
  symbol_id symbol;
  std::int8_t price_exponent;
  std::int8_t quantity_exponent;

  [[nodiscard]] std::size_t level_count() const noexcept { return std::size_t{bids} + asks; }
};
static_assert(tick_record<depth_record>);
static_assert(offsetof(depth_record, received_ns) == 40 && offsetof(depth_record, event_time) == 48 &&
              offsetof(depth_record, symbol) == 52 && offsetof(depth_record, price_exponent) == 54);

/// What depth updates and snapshots share. The levels are views: valid as long as the event.
class depth_tick : public tick<depth_record> {
 public:
  depth_tick(const depth_record& record, std::span<const raw_level> body, tick_tag tag,
             const symbol_table& symbols) noexcept
      : tick{record, tag, symbols}, body_{body} {}

  /// Changed or present levels, in the venue's order: snapshots from the best price outwards.
  [[nodiscard]] levels bids() const noexcept {
    return {body_.first(record().bids), record().price_exponent, record().quantity_exponent};
  }
  [[nodiscard]] levels asks() const noexcept {
    return {body_.subspan(record().bids, record().asks), record().price_exponent, record().quantity_exponent};
  }

  /// When the venue sent it, and when the matching engine made it; each only where the venue says so.
  [[nodiscard]] std::optional<timestamp> event_time() const noexcept {
    return record().event_time.from(record().received_ns);
  }
  [[nodiscard]] std::optional<timestamp> transaction_time() const noexcept {
    return record().transaction_time.from(record().received_ns);
  }

 private:
  std::span<const raw_level> body_;
};

/// Changes of a book: quantities are absolute, 0 removes the level.
class depth_update : public depth_tick {
 public:
  using depth_tick::depth_tick;

  /// Set in the tag where the venue sends `previous_id`.
  static constexpr std::uint8_t previous_id_flag = 1;

  /// The first and last change of the book in it, in the venue's numbering.
  [[nodiscard]] std::uint64_t first_id() const noexcept { return record().first_id; }
  [[nodiscard]] std::uint64_t last_id() const noexcept { return record().last_id; }
  /// `last_id` of the update before it: the futures' way to see a hole.
  [[nodiscard]] std::optional<std::uint64_t> previous_id() const noexcept {
    if ((tag().flags & previous_id_flag) == 0) return std::nullopt;
    return record().previous_id;
  }
};

/// A whole book, or its best levels, after update `last_id`.
class depth_snapshot : public depth_tick {
 public:
  using depth_tick::depth_tick;

  /// Set in the tag where the feed made it itself, from the book that it keeps.
  static constexpr std::uint8_t kept_book_flag = 2;

  /// Whether it is all that the feed's own book holds, at this very place among the updates: those before it are in it,
  /// the next one follows it. Else it is what the venue sent: some best levels, of a moment near by.
  [[nodiscard]] bool is_kept_book() const noexcept { return (tag().flags & kept_book_flag) != 0; }

  [[nodiscard]] std::uint64_t last_id() const noexcept { return record().last_id; }
};

}  // namespace foxtrot::inline v0
