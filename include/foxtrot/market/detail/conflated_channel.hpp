// foxtrot/market/detail/conflated_channel.hpp: the latest event of each symbol and kind for one consumer.
#pragma once

#include <foxtrot/market/channel.hpp>
#include <foxtrot/market/detail/waiting_event.hpp>
#include <foxtrot/market/subscription_settings.hpp>
#include <foxtrot/queue/conflating_table.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <vector>

namespace foxtrot::inline v0::detail {

/// Ticks overwrite each other in a table; status events wait in a queue. Both are numbered, so that no tick is shown
/// before a status that came earlier, and none after one that came later. Producer functions belong to the network
/// thread, consumer functions to one strategy thread.
class conflated_channel {
 public:
  /// Levels of the longest book that fits: twenty on either side, the venue's deepest partial book.
  static constexpr std::size_t book_levels = 40;

  conflated_channel(const subscription_settings& wanted, symbol_table& symbols)
      : status_{status_settings(wanted), symbols},
        lines_{kinds_in_lines * symbols_in(wanted), memory_or_heap(wanted.memory)},
        books_{books_in(wanted), memory_or_heap(wanted.memory)},
        row_of_symbol_(symbol_table::max_symbols + 1, no_row) {}

  // --- network thread ---

  void put(const tick_payload& line, tick_tag tag, std::span<const raw_level> body) noexcept {
    if (tag.kind == tick_kind::depth_update) return;  // a change is worth nothing without those before it
    ++position_;
    const std::size_t row = row_of(symbol_of(line));
    if (const auto column = column_of(tag.kind); column && row < capacity()) {
      lines_.store(row * kinds_in_lines + *column, line, position_, tag.packed());
    } else if (tag.kind == tick_kind::depth_snapshot && row < books_.keys() && body.size() <= book_levels) {
      book made;  // its levels as far as they are used
      made.line = line.as<depth_record>();
      std::copy_n(body.begin(), body.size(), made.levels.begin());
      books_.store_prefix(row, made, offsetof(book, levels) + body.size_bytes(), position_, tag.packed());
    } else {
      return status_.lose_one();
    }
    status_.note_news();
  }
  void put_status(status_record record, line_tag tag) noexcept {
    record.position = ++position_;
    status_.publish_status(status_.claim(0), record, tag);
  }
  void wake_consumer() noexcept { status_.wake_consumer(); }
  void close_by_producer() noexcept { status_.close_by_producer(); }
  [[nodiscard]] bool closed_by_consumer() const noexcept { return status_.closed_by_consumer(); }

  // --- consumer: one strategy thread ---

  [[nodiscard]] waiting_event front() noexcept {
    if (held_) return shown();
    // Looked up before the sweep: whatever was stored before this status is dirty by then, and the sweep finds it. If
    // there is none yet, one that comes meanwhile waits for the next look.
    const waiting_event status = status_.front();
    return take_tick() ? shown() : status;
  }
  void pop(const waiting_event& oldest) noexcept {
    if (oldest.payload == &line_) {
      held_ = false;
    } else {
      status_.pop(oldest);
    }
  }
  void close_by_consumer() noexcept { status_.close_by_consumer(); }
  [[nodiscard]] bool closed_by_producer() const noexcept { return status_.closed_by_producer(); }
  void wake_producer() noexcept {}  // never waits
  [[nodiscard]] parking_spot& consumer_spot() noexcept { return status_.consumer_spot(); }
  [[nodiscard]] const symbol_table& symbols() const noexcept { return status_.symbols(); }
  /// Symbols.
  [[nodiscard]] std::size_t capacity() const noexcept { return lines_.keys() / kinds_in_lines; }
  /// Any thread.
  [[nodiscard]] std::uint64_t dropped() const noexcept { return status_.dropped(); }

 private:
  static constexpr std::size_t kinds_in_lines = 2;
  static constexpr std::uint32_t no_row = std::numeric_limits<std::uint32_t>::max();

  [[nodiscard]] static constexpr std::optional<std::size_t> column_of(tick_kind kind) noexcept {
    switch (kind) {
      case tick_kind::book_ticker: return 0;
      case tick_kind::trade: return 1;
      default: return std::nullopt;
    }
  }
  // Symbols get rows as they come.
  [[nodiscard]] std::size_t row_of(symbol_id symbol) noexcept {
    std::uint32_t& row = row_of_symbol_[static_cast<std::size_t>(symbol)];
    if (row == no_row) row = next_row_++;
    return row;
  }
  [[nodiscard]] static std::size_t symbols_in(const subscription_settings& wanted) noexcept {
    const std::size_t named = wanted.symbols.empty() ? symbol_table::max_symbols + 1 : wanted.symbols.size();
    return std::clamp(std::min(wanted.capacity, named), std::size_t{1}, symbol_table::max_symbols + 1);
  }
  [[nodiscard]] static std::size_t books_in(const subscription_settings& wanted) noexcept {
    if (!wanted.kinds.contains(tick_kind::depth_snapshot)) return 0;
    return std::min(wanted.level_capacity / book_levels, symbols_in(wanted));
  }
  [[nodiscard]] static subscription_settings status_settings(const subscription_settings& wanted) {
    return {.when_full = overflow::drop_newest, .capacity = 1024, .level_capacity = 2, .memory = wanted.memory};
  }

  [[nodiscard]] waiting_event shown() const noexcept { return {&line_, tag_, {body_.data(), body_size_}}; }

  struct book {
    depth_record line;
    std::array<raw_level, book_levels> levels;
  };

  // The next tick that no status precedes goes to line_.
  bool take_tick() noexcept {
    const auto take = [this](const tick_payload& line, std::span<const raw_level> body, std::uint64_t position,
                             line_tag tag) {
      // Looked up now, not before: the tick was stored after the status was queued, so having one is seeing the other.
      if (status_precedes(position)) return false;
      line_ = line;
      tag_ = tag;
      body_size_ = body.size();
      std::copy(body.begin(), body.end(), body_.begin());
      return held_ = true;
    };
    const auto line = [&](std::size_t, const tick_payload& from, std::uint64_t position, line_tag tag) {
      return take(from, {}, position, tag);
    };
    const auto book_of = [&](std::size_t, const book& from, std::uint64_t position, line_tag tag) {
      tick_payload copy;
      copy.emplace<depth_record>() = from.line;
      return take(copy, std::span{from.levels}.first(from.line.level_count()), position, tag);
    };
    books_first_ = !books_first_;  // neither keeps the other from being heard
    if (books_first_ && books_.any_dirty() && books_.consume(1, book_of) != 0) return true;
    if (lines_.any_dirty() && lines_.consume(1, line) != 0) return true;
    return !books_first_ && books_.any_dirty() && books_.consume(1, book_of) != 0;
  }
  [[nodiscard]] bool status_precedes(std::uint64_t position) noexcept {
    const waiting_event oldest = status_.front();
    return oldest.payload != nullptr && oldest.payload->as<status_record>().position < position;
  }

  channel status_;
  conflating_table<tick_payload> lines_;
  conflating_table<book> books_;

  // network thread
  std::uint64_t position_{0};                 // of the last event
  std::vector<std::uint32_t> row_of_symbol_;  // by id
  std::uint32_t next_row_{0};

  // consumer's thread
  bool books_first_{false};
  bool held_{false};  // line_, tag_ and body_ are an event
  line_tag tag_;
  tick_payload line_;
  std::size_t body_size_{0};
  std::array<raw_level, book_levels> body_;
};

}  // namespace foxtrot::inline v0::detail
