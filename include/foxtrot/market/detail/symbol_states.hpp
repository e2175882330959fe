// foxtrot/market/detail/symbol_states.hpp: what one consumer has been told of its symbols, against how things stand.
#pragma once

#include <foxtrot/core/separate_compilation.hpp>
#include <foxtrot/market/detail/consumer_filter.hpp>
#include <foxtrot/market/detail/status_board.hpp>
#include <foxtrot/market/detail/waiting_event.hpp>
#include <foxtrot/market/status.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

namespace foxtrot::inline v0::detail {

/// After a loss, and at the beginning, a consumer hears of every symbol whose state differs from what it last heard:
/// losing the event never loses the fact. Belongs to the consumer's thread, but for is_stale().
class symbol_states {
 public:
  /// Of nothing: all that there is to tell is told by others.
  symbol_states() noexcept : compared_{true} {}
  symbol_states(std::shared_ptr<const status_board> board, consumer_filter filter);

  /// The consumer has been shown this.
  void note(const waiting_event& shown) noexcept {
    if (tick_tag::kind_of(shown.tag) == tick_kind::status && board_ != nullptr) note_status(shown);
  }
  /// How it stands now, told already or not. Any thread.
  [[nodiscard]] bool is_stale(symbol_id symbol) const noexcept;
  [[nodiscard]] bool compared() const noexcept { return compared_; }

  /// What has to be told before `next` (or before nothing), if anything. Events that still wait may say themselves what
  /// the board says already: bad news is told at once, good news once they have been passed.
  [[nodiscard]] std::optional<status_record> news_before(const waiting_event& next) noexcept;

 private:
  void note_status(const waiting_event& shown) noexcept;
  using bits = std::array<std::uint64_t, symbol_words>;
  struct change {
    symbol_id symbol;
    bool in;
  };

  void look() noexcept;
  // Whether all that the board said has been passed when `next` comes.
  [[nodiscard]] bool passed_by(const waiting_event& next) const noexcept;

  static void set(bits& where, symbol_id symbol, bool in) noexcept;

  // The first wanted symbol of a word whose state is to be told; then it is known.
  [[nodiscard]] std::optional<change> difference(std::uint64_t& known, std::uint64_t now, std::size_t word,
                                                 bool good_too) noexcept;
  [[nodiscard]] static status_record record_of(status_code code, symbol_id symbol) noexcept;

  const std::shared_ptr<const status_board> board_;
  const consumer_filter filter_;
  bits silent_{};  // what the consumer knows
  bits broken_{};
  bits silent_now_{};  // what the board said when last looked at
  bits broken_now_{};
  std::int64_t changed_ns_{0};
  bool compared_{false};  // all of it
  bool bad_news_told_{false};
};

}  // namespace foxtrot::inline v0::detail

#ifdef FOXTROT_DEFINITIONS
#include <foxtrot/market/impl/symbol_states.hpp>
#endif
