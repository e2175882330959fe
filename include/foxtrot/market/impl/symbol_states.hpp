// foxtrot/market/impl/symbol_states.hpp: what detail/symbol_states.hpp declares.
#pragma once

#include <foxtrot/core/clock.hpp>
#include <foxtrot/market/detail/consumer_filter.hpp>
#include <foxtrot/market/detail/status_board.hpp>
#include <foxtrot/market/detail/symbol_states.hpp>
#include <foxtrot/market/detail/waiting_event.hpp>
#include <foxtrot/market/status.hpp>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

namespace foxtrot::inline v0::detail {

FOXTROT_DECL void symbol_states::note_status(const waiting_event& shown) noexcept {
  const auto& record = shown.payload->as<status_record>();
  switch (record.code) {
    case status_code::stale: set(silent_, record.symbol, true); break;
    case status_code::fresh: set(silent_, record.symbol, false); break;
    case status_code::fallback_started: set(silent_, symbol_id::none, true); break;
    case status_code::fallback_ended: set(silent_, symbol_id::none, false); break;
    case status_code::resynchronised: set(broken_, record.symbol, false); break;
    case status_code::gap:
      if (record.gap_kind == tick_kind::depth_update) set(broken_, record.symbol, true);
      break;
    case status_code::dropped: look(); break;
    default: break;
  }
}

FOXTROT_DECL symbol_states::symbol_states(std::shared_ptr<const status_board> board, consumer_filter filter)
    : board_{std::move(board)}, filter_{std::move(filter)} {
  look();
}

FOXTROT_DECL bool symbol_states::is_stale(symbol_id symbol) const noexcept {
  const auto index = static_cast<std::size_t>(symbol);
  return (board_->silent(index / 64) >> index % 64 & 1U) != 0;
}

FOXTROT_DECL std::optional<status_record> symbol_states::news_before(const waiting_event& next) noexcept {
  if (passed_by(next) && board_->changed_ns() != changed_ns_) look();
  const bool current = passed_by(next);
  if (!current && bad_news_told_) return std::nullopt;
  for (std::size_t word = 0; word < symbol_words; ++word) {
    if (const auto told = difference(silent_[word], silent_now_[word], word, current)) {
      if (told->symbol == symbol_id::none) {  // the feed's own
        return record_of(told->in ? status_code::fallback_started : status_code::fallback_ended, symbol_id::none);
      }
      return record_of(told->in ? status_code::stale : status_code::fresh, told->symbol);
    }
    if (const auto told = difference(broken_[word], broken_now_[word], word, current)) {
      return record_of(told->in ? status_code::gap : status_code::resynchronised, told->symbol);
    }
  }
  bad_news_told_ = true;
  compared_ = current;
  return std::nullopt;
}

FOXTROT_DECL void symbol_states::look() noexcept {
  changed_ns_ = board_->changed_ns();  // before the rest: what changes meanwhile is seen again
  for (std::size_t word = 0; word < symbol_words; ++word) {
    silent_now_[word] = board_->silent(word);
    broken_now_[word] = board_->broken(word);
  }
  compared_ = bad_news_told_ = false;
}

FOXTROT_DECL bool symbol_states::passed_by(const waiting_event& next) const noexcept {
  return next.payload == nullptr || next.payload->as<status_record>().received_ns > changed_ns_;
}

FOXTROT_DECL void symbol_states::set(bits& where, symbol_id symbol, bool in) noexcept {
  const auto index = static_cast<std::size_t>(symbol);
  const std::uint64_t bit = std::uint64_t{1} << index % 64;
  where[index / 64] = in ? where[index / 64] | bit : where[index / 64] & ~bit;
}

FOXTROT_DECL std::optional<symbol_states::change> symbol_states::difference(std::uint64_t& known, std::uint64_t now,
                                                                            std::size_t word, bool good_too) noexcept {
  std::uint64_t differs = now & ~known;
  if (good_too) differs |= known & ~now;
  while (differs != 0) {
    const auto index = static_cast<unsigned>(std::countr_zero(differs));
    const std::uint64_t bit = std::uint64_t{1} << index;
    differs &= ~bit;
    known ^= bit;
    const symbol_id symbol{static_cast<std::uint16_t>(word * 64 + index)};
    if (symbol == symbol_id::none || filter_.wants(symbol)) return change{symbol, (now & bit) != 0};
  }
  return std::nullopt;
}

FOXTROT_DECL status_record symbol_states::record_of(status_code code, symbol_id symbol) noexcept {
  status_record record = make_status(code, epoch_clock::now_ns());
  record.symbol = symbol;
  if (code == status_code::gap) record.gap_kind = tick_kind::depth_update;
  return record;
}

}  // namespace foxtrot::inline v0::detail
