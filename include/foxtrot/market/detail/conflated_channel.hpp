// foxtrot/market/detail/conflated_channel.hpp: the latest event of each symbol and kind for one consumer.
#pragma once

#include <foxtrot/core/cpu.hpp>
#include <foxtrot/core/live_object.hpp>
#include <foxtrot/market/channel.hpp>
#include <foxtrot/market/detail/event_body.hpp>
#include <foxtrot/market/detail/key_numbers.hpp>
#include <foxtrot/market/detail/waiting_event.hpp>
#include <foxtrot/market/event.hpp>
#include <foxtrot/market/kinds.hpp>
#include <foxtrot/market/kline.hpp>
#include <foxtrot/market/kline_interval.hpp>
#include <foxtrot/market/levels.hpp>
#include <foxtrot/market/status.hpp>
#include <foxtrot/market/subscription_settings.hpp>
#include <foxtrot/market/symbol.hpp>
#include <foxtrot/market/ticker.hpp>
#include <foxtrot/queue/conflating_table.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <vector>

namespace foxtrot::inline v0::detail {

/// Ticks overwrite each other in a table; status events wait in a queue. Both are numbered, so that no tick is shown
/// before a status that came earlier, and none after one that came later. Producer functions belong to the network
/// thread, consumer functions to one strategy thread. What latest() looks at is only read by it, so that it takes
/// nothing from the consumer.
class conflated_channel : private live_object<conflated_channel> {
 public:
  /// Levels of the longest book that fits: twenty on either side, the venue's deepest partial book.
  static constexpr std::size_t book_levels = 40;

  conflated_channel(const subscription_settings& wanted, symbol_table& symbols)
      : status_{status_settings(wanted), symbols},
        symbols_in_{symbols_in(wanted)},
        columns_{columns_of(wanted.kinds)},
        lines_{columns_.count * symbols_in_, memory_or_heap(wanted.memory)},
        books_{books_in(wanted), memory_or_heap(wanted.memory)},
        wides_{wides_in(wanted), memory_or_heap(wanted.memory)},
        row_of_symbol_(symbol_table::max_symbols + 1),
        row_of_book_{books_.keys()},
        row_of_wide_{wides_.keys()} {}

  // --- network thread ---

  void put(const tick_payload& line, tick_tag tag, std::span<const raw_level> body) noexcept {
    // a change is worth nothing without those before it, and what is unknown may be one
    if (tag.kind == tick_kind::depth_update || tag.kind == tick_kind::unknown_event) return;
    if (is_filled(tag)) return;  // a newer one has come, or comes at once
    ++position_;
    if (!find_place(line, tag, body)) return status_.lose_one();
    status_.note_news();
  }
  void put_status(status_record record, line_tag tag) noexcept {
    record.position = ++position_;
    note_connection(record);
    status_.publish_status(status_.claim(0), record, tag);
  }
  void wake_consumer() noexcept { status_.wake_consumer(); }
  void wake_sleeper() noexcept { status_.wake_sleeper(); }
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
  [[nodiscard]] parking_spot& consumer_spot() noexcept { return status_.consumer_spot(); }
  [[nodiscard]] const symbol_table& symbols() const noexcept { return status_.symbols(); }
  /// Symbols.
  [[nodiscard]] std::size_t capacity() const noexcept { return symbols_in_; }

  // --- any thread ---

  [[nodiscard]] std::uint64_t dropped() const noexcept { return status_.dropped(); }

  /// Calls `told` with the latest event of a kind and symbol, and, if they are klines or tickers, of this interval or
  /// window. False where there is none, or none since the connection was lost. It stays to be read.
  template <event_handler Told>
  bool latest(tick_kind kind, symbol_id symbol, std::uint8_t part, Told&& told) const {
    if (symbol == symbol_id::none) return false;
    if (!has_body(kind)) {
      const std::size_t column = columns_.of[static_cast<std::size_t>(kind)];
      return column != no_column && tell_entry(lines_, known_row_of(symbol) * columns_.count + column, told);
    }
    if (kind == tick_kind::depth_snapshot)
      return tell_entry(books_, row_of_book_.find(static_cast<std::uint32_t>(symbol)), told);
    return tell_entry(wides_, row_of_wide_.find(wide_key(symbol, kind, part)), told);
  }

 private:
  static constexpr std::size_t no_row = std::numeric_limits<std::uint32_t>::max();  // beyond every table

  // Each kind of one line that is wanted has a place in a symbol's row.
  struct columns {
    std::array<std::uint8_t, tick_kind_count> of{};
    std::size_t count{0};
  };
  [[nodiscard]] static columns columns_of(kind_set wanted) noexcept {
    columns made;
    for (std::size_t i = 0; i < tick_kind_count; ++i) {
      const auto kind = static_cast<tick_kind>(i);
      const bool has_one = kind != tick_kind::status && !has_body(kind) && wanted.contains(kind);
      made.of[i] = has_one ? static_cast<std::uint8_t>(made.count++) : no_column;
    }
    return made;
  }
  static constexpr std::uint8_t no_column = 0xff;
  // A line and its body, as far as it is used.
  template <std::size_t Units>
  struct with_body {
    tick_payload line;
    std::array<raw_level, Units> body;
  };
  using book = with_body<book_levels>;
  using wide = with_body<largest_wide_body>;

  // False: there is no place for it.
  [[nodiscard]] bool find_place(const tick_payload& line, tick_tag tag, std::span<const raw_level> body) noexcept {
    if (!has_body(tag.kind)) return put_line(line, tag);
    if (tag.kind == tick_kind::depth_snapshot)
      return put_body(books_, row_of_book_.of(static_cast<std::uint32_t>(symbol_of(line))), line, tag, body);
    return put_body(wides_, row_of_wide(line, tag.kind, body), line, tag, body);
  }
  [[nodiscard]] bool put_line(const tick_payload& line, tick_tag tag) noexcept {
    const std::size_t column = columns_.of[static_cast<std::size_t>(tag.kind)];
    const std::size_t row = row_of(symbol_of(line));
    if (column == no_column || row >= symbols_in_) return false;
    lines_.store(row * columns_.count + column, line, position_, tag.packed());
    return true;
  }
  template <class Entry>
  [[nodiscard]] bool put_body(conflating_table<Entry>& table, std::size_t row, const tick_payload& line, tick_tag tag,
                              std::span<const raw_level> body) noexcept {
    Entry made;
    if (row >= table.keys() || body.size() > made.body.size()) return false;
    made.line = line;
    std::copy_n(body.begin(), body.size(), made.body.begin());
    table.store_prefix(row, made, offsetof(Entry, body) + body.size_bytes(), position_, tag.packed());
    return true;
  }

  // Symbols get rows as they come.
  [[nodiscard]] std::size_t row_of(symbol_id symbol) noexcept {
    const std::size_t known = known_row_of(symbol);
    if (known != no_row) return known;
    row_of_symbol_[static_cast<std::size_t>(symbol)].store(++rows_, std::memory_order_relaxed);  // see there
    return rows_ - 1;
  }
  [[nodiscard]] std::size_t known_row_of(symbol_id symbol) const noexcept {
    const std::uint32_t row = row_of_symbol_[static_cast<std::size_t>(symbol)].load(std::memory_order_relaxed);
    return row != 0 ? row - 1 : no_row;
  }
  // And so does what has a body, for each interval of klines and each window of tickers.
  [[nodiscard]] std::size_t row_of_wide(const tick_payload& line, tick_kind kind,
                                        std::span<const raw_level> body) noexcept {
    std::uint8_t part = 0;
    if (kind == tick_kind::kline) part = static_cast<std::uint8_t>(read_body<kline_body>(body).interval);
    if (kind == tick_kind::ticker) part = static_cast<std::uint8_t>(read_body<ticker_body>(body).window);
    return row_of_wide_.of(wide_key(symbol_of(line), kind, part));
  }
  [[nodiscard]] static constexpr std::uint32_t wide_key(symbol_id symbol, tick_kind kind, std::uint8_t part) noexcept {
    return static_cast<std::uint32_t>(symbol) | static_cast<std::uint32_t>(kind) << 16 | std::uint32_t{part} << 24;
  }
  [[nodiscard]] static std::size_t symbols_in(const subscription_settings& wanted) noexcept {
    const std::size_t named = wanted.symbols.empty() ? symbol_table::max_symbols + 1 : wanted.symbols.size();
    return std::clamp(std::min(wanted.capacity, named), std::size_t{1}, symbol_table::max_symbols + 1);
  }
  [[nodiscard]] static std::size_t books_in(const subscription_settings& wanted) noexcept {
    if (!wanted.kinds.contains(tick_kind::depth_snapshot)) return 0;
    return std::min(wanted.level_capacity / book_levels, symbols_in(wanted));
  }
  [[nodiscard]] static std::size_t wides_in(const subscription_settings& wanted) noexcept {
    const auto parts = [&wanted](tick_kind kind, std::size_t count) { return wanted.kinds.contains(kind) ? count : 0; };
    const std::size_t each_symbol = parts(tick_kind::mini_ticker, 1) + parts(tick_kind::mark_price, 1) +
                                    parts(tick_kind::liquidation, 1) + parts(tick_kind::ticker, ticker_window_count) +
                                    parts(tick_kind::kline, kline_interval_count);
    return std::min(wanted.level_capacity / largest_wide_body, symbols_in(wanted) * each_symbol);
  }
  [[nodiscard]] static subscription_settings status_settings(const subscription_settings& wanted) {
    return {.when_full = overflow::drop_newest, .capacity = 1024, .level_capacity = 2, .memory = wanted.memory};
  }

  void note_connection(const status_record& record) noexcept {
    // failing attempts lose nothing: what came meanwhile came by another way
    if (record.code != status_code::disconnected || record.attempt_failed) return;
    lost_at_.store(position_, std::memory_order_release);  // before the status itself: who was told of it sees this
  }

  [[nodiscard]] static const tick_payload& line_in(const tick_payload& entry) noexcept { return entry; }
  [[nodiscard]] static std::span<const raw_level> body_in(const tick_payload&) noexcept { return {}; }
  template <std::size_t Units>
  [[nodiscard]] static const tick_payload& line_in(const with_body<Units>& entry) noexcept {
    return entry.line;
  }
  template <std::size_t Units>
  [[nodiscard]] static std::span<const raw_level> body_in(const with_body<Units>& entry) noexcept {
    return std::span{entry.body}.first(std::min(body_size(entry.line), Units));
  }

  template <class Entry, class Told>
  bool tell_entry(const conflating_table<Entry>& table, std::size_t row, Told& told) const {
    Entry found;
    std::uint64_t position = 0;
    line_tag tag;
    if (row >= table.keys() || !table.try_load(row, found, position, tag)) return false;
    if (position < lost_at_.load(std::memory_order_acquire)) return false;
    told(event{line_in(found), tag, body_in(found), symbols()});
    return true;
  }

  [[nodiscard]] waiting_event shown() const noexcept { return {&line_, tag_, {body_.data(), body_size_}}; }

  // The next tick that no status precedes goes to line_.
  bool take_tick() noexcept {
    const auto take = [this](std::size_t, const auto& entry, std::uint64_t position, line_tag tag) {
      // Looked up now, not before: the tick was stored after the status was queued, so having one is seeing the other.
      if (status_precedes(position)) return false;
      const std::span<const raw_level> body = body_in(entry);
      line_ = line_in(entry);
      tag_ = tag;
      body_size_ = body.size();
      std::copy(body.begin(), body.end(), body_.begin());
      return held_ = true;
    };
    // each table is the first in turn: none keeps the others from being heard
    constexpr unsigned tables = 3;
    const unsigned first = turn_++;
    for (unsigned i = 0; i < tables; ++i) {
      switch ((first + i) % tables) {
        case 0:
          if (books_.any_dirty() && books_.consume(1, take) != 0) return true;
          break;
        case 1:
          if (lines_.any_dirty() && lines_.consume(1, take) != 0) return true;
          break;
        default:
          if (wides_.any_dirty() && wides_.consume(1, take) != 0) return true;
          break;
      }
    }
    return false;
  }
  [[nodiscard]] bool status_precedes(std::uint64_t position) noexcept {
    const waiting_event oldest = status_.front();
    return oldest.payload != nullptr && oldest.payload->as<status_record>().position < position;
  }

  channel status_;
  const std::size_t symbols_in_;
  const columns columns_;
  conflating_table<tick_payload> lines_;
  conflating_table<book> books_;
  conflating_table<wide> wides_;

  // Written by the network thread, read by any. Rows are relaxed: whether something stands there the table says.
  std::vector<std::atomic<std::uint32_t>> row_of_symbol_;  // by id; plus one
  key_numbers row_of_book_;                                // by symbol
  key_numbers row_of_wide_;                                // by symbol, kind and interval or window
  std::atomic<std::uint64_t> lost_at_{0};                  // the event that told of the connection's last loss

  // network thread
  alignas(cache_line) std::uint64_t position_{0};  // of the last event
  std::uint32_t rows_{0};                          // given to symbols

  // consumer's thread
  alignas(cache_line) unsigned turn_{0};
  bool held_{false};  // line_, tag_ and body_ are an event
  line_tag tag_;
  tick_payload line_;
  std::size_t body_size_{0};
  std::array<raw_level, book_levels> body_;
};

}  // namespace foxtrot::inline v0::detail
