// foxtrot/market/detail/status_board.hpp: how things stand, for consumers that missed hearing how they came to be so.
#pragma once

#include <foxtrot/market/event.hpp>
#include <foxtrot/market/kinds.hpp>
#include <foxtrot/market/status.hpp>
#include <foxtrot/market/symbol.hpp>
#include <foxtrot/queue/conflating_table.hpp>

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace foxtrot::inline v0::detail {

[[nodiscard]] constexpr bool is_connection_state(status_code code) noexcept {
  return code == status_code::connected || code == status_code::disconnected || code == status_code::reconnecting;
}

/// Some symbols, to be gone through once.
class symbol_bits {
 public:
  static constexpr std::size_t words = (symbol_table::max_symbols + 1) / 64;

  /// The first of them, which is taken out.
  [[nodiscard]] std::optional<symbol_id> take_first() noexcept {
    for (; first_ < words; ++first_) {
      std::uint64_t& word = bits_[first_];
      if (word == 0) continue;
      const auto index = first_ * 64 + static_cast<std::size_t>(std::countr_zero(word));
      word &= word - 1;
      return symbol_id{static_cast<std::uint16_t>(index)};
    }
    return std::nullopt;
  }

 private:
  friend class symbol_set;
  std::array<std::uint64_t, words> bits_{};
  std::size_t first_{words};  // no bit below this word
};

/// A set of symbols that one thread changes and any number read. Relaxed throughout: what a reader must find here is
/// ordered by the events it has seen.
class symbol_set {
 public:
  void set(symbol_id symbol, bool in) noexcept {
    const auto index = static_cast<std::size_t>(symbol);
    std::atomic<std::uint64_t>& word = words_[index / 64];
    const std::uint64_t bit = std::uint64_t{1} << index % 64;
    const std::uint64_t before = word.load(std::memory_order_relaxed);  // nobody else writes
    if (const std::uint64_t now = in ? before | bit : before & ~bit; now != before) {
      word.store(now, std::memory_order_relaxed);
    }
  }
  /// Copies those that are in now to `to`.
  void copy(symbol_bits& to) const noexcept {
    to.first_ = 0;
    for (std::size_t i = 0; i < words_.size(); ++i) to.bits_[i] = words_[i].load(std::memory_order_relaxed);
  }

 private:
  std::array<std::atomic<std::uint64_t>, symbol_bits::words> words_{};
};

/// What remains of the status events: the connection's last state, the symbols that are silent, the books that have a
/// hole. The network thread writes it before the event itself goes out, so whoever has seen events up to some position
/// finds here at least what they said.
class status_board {
 public:
  /// Network thread: event number `position` is about to say this.
  void note(const status_record& record, line_tag tag, std::uint64_t position) noexcept {
    if (is_connection_state(record.code)) connection_.store(0, record, position, tag);
    switch (record.code) {
      case status_code::stale: silent_.set(record.symbol, true); break;
      case status_code::fresh: silent_.set(record.symbol, false); break;
      case status_code::resynchronised: broken_.set(record.symbol, false); break;
      case status_code::gap:
        if (record.gap_kind == tick_kind::depth_update) broken_.set(record.symbol, true);
        break;
      default: break;
    }
  }
  /// Network thread: the whole book of that symbol goes out.
  void note_book(symbol_id symbol) noexcept { broken_.set(symbol, false); }

  struct state {
    status_record record;
    line_tag tag;
  };
  /// The connection's last state, if an event before `position` said it: a later one is still to be heard.
  [[nodiscard]] std::optional<state> connection_before(std::uint64_t position) const noexcept {
    state found{};
    std::uint64_t at = 0;
    if (!connection_.try_load(0, found.record, at, found.tag) || at >= position) return std::nullopt;
    return found;
  }
  [[nodiscard]] const symbol_set& silent() const noexcept { return silent_; }
  [[nodiscard]] const symbol_set& broken() const noexcept { return broken_; }

 private:
  conflating_table<status_record> connection_{1};
  symbol_set silent_;
  symbol_set broken_;
};

}  // namespace foxtrot::inline v0::detail
