// bench/codec/decoded.hpp: what every subject makes of a message, and the decimals that peers share.
#pragma once

#include <foxtrot/core/decimal.hpp>
#include <foxtrot/core/error.hpp>
#include <foxtrot/exchange/binance/detail/digits.hpp>
#include <foxtrot/exchange/binance/detail/shapes.hpp>
#include <foxtrot/exchange/binance/detail/speculative.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <tuple>
#include <vector>

namespace foxtrot_bench {

namespace binance = foxtrot::binance::detail;

/// Readable bytes behind every message.
inline constexpr std::size_t padding = 64;

/// The fields of the last message: those of its kind. Views go into the message or the subject.
struct decoded {
  binance::shape kind{binance::shape::unknown};
  std::string_view stream;
  binance::book_ticker_fields book;
  binance::trade_fields trade;
  binance::aggregate_trade_fields aggregate;
  binance::depth_fields depth;
  std::vector<foxtrot::raw_level> room = std::vector<foxtrot::raw_level>(8'192);
};

/// The compiler must believe that somebody reads all of it.
inline void sink(const decoded& value) noexcept { asm volatile("" : : "r"(&value) : "memory"); }

/// Book tickers and depth of the futures differ from those of the spot market; a connection has one or the other.
enum class venue : std::uint8_t { spot, futures };

/// The kind by the name of the stream, as users of combined streams tell them apart.
[[nodiscard]] inline binance::shape kind_of_stream(std::string_view stream) noexcept {
  stream.remove_prefix(std::min(stream.find('@'), stream.size()));
  if (stream.starts_with("@bookTicker")) return binance::shape::book_ticker;
  if (stream.starts_with("@trade")) return binance::shape::trade;
  if (stream.starts_with("@aggTrade")) return binance::shape::aggregate_trade;
  return stream.starts_with("@depth") ? binance::shape::depth : binance::shape::unknown;
}
/// Of depth streams: those of books have their number of levels behind "depth".
[[nodiscard]] inline bool is_partial_book(std::string_view stream) noexcept {
  const std::size_t behind = stream.find('@') + std::string_view{"@depth"}.size();
  return behind < stream.size() && stream[behind] != '@';
}

/// A time of the captures: milliseconds.
[[nodiscard]] inline std::int64_t microseconds(std::int64_t milliseconds) noexcept { return milliseconds * 1000; }

[[nodiscard]] inline bool read_amount(std::string_view text, std::int64_t& mantissa, std::int8_t& exponent) noexcept {
  foxtrot::decimal value;
  if (foxtrot::decimal::parse_into(text, value) != foxtrot::errc::none) return false;
  mantissa = value.mantissa();
  exponent = static_cast<std::int8_t>(value.exponent());
  return true;
}

/// Up to the quote; padding must follow. The project's own decimals, eight digits at a time: a good user of any parser
/// would not take less. `end` is the message's.
[[nodiscard]] inline bool read_padded_amount(const char* text, const char* end, std::int64_t& mantissa,
                                             std::int8_t& exponent) noexcept {
  binance::cursor at{text, end};
  if (binance::portable_digits::read(binance::an_amount{}, at, mantissa, exponent) && *at.at == '"') return true;
  const void* const quote = std::memchr(text, '"', static_cast<std::size_t>(end - text));
  return quote != nullptr &&
         read_amount({text, static_cast<std::size_t>(static_cast<const char*>(quote) - text)}, mantissa, exponent);
}

/// Fills depth_fields level by level; all of them must have the same exponents.
class level_sink {
 public:
  explicit level_sink(decoded& out) noexcept : out_{out} {}

  /// Where the next level's numbers go.
  std::int64_t price{0};
  std::int64_t quantity{0};
  std::int8_t price_exponent{0};
  std::int8_t quantity_exponent{0};

  [[nodiscard]] bool add() noexcept {
    if (size_ == out_.room.size()) return false;
    if (size_ == 0) {
      out_.depth.price_exponent = price_exponent;
      out_.depth.quantity_exponent = quantity_exponent;
    }
    out_.room[size_++] = {price, quantity};
    return price_exponent == out_.depth.price_exponent && quantity_exponent == out_.depth.quantity_exponent;
  }
  void end_bids() noexcept { out_.depth.bids = static_cast<std::uint32_t>(size_); }
  void end_asks() noexcept {
    out_.depth.asks = static_cast<std::uint32_t>(size_) - out_.depth.bids;
    out_.depth.levels = {out_.room.data(), size_};
  }

 private:
  decoded& out_;
  std::size_t size_{0};
};

[[nodiscard]] inline bool same(const decoded& a, const decoded& b) {
  if (a.kind != b.kind || a.stream != b.stream) return false;
  const auto book = [](const binance::book_ticker_fields& f) {
    return std::tuple{f.update_id,      f.bid_price, f.bid_quantity, f.ask_price,      f.ask_quantity,
                      f.transaction_us, f.event_us,  f.symbol,       f.price_exponent, f.quantity_exponent};
  };
  const auto trade = [](const binance::trade_fields& f) {
    return std::tuple{f.trade_id, f.price,     f.quantity,       f.trade_us,          f.event_us,
                      f.symbol,   f.execution, f.price_exponent, f.quantity_exponent, f.buyer_is_maker};
  };
  const auto aggregate = [](const binance::aggregate_trade_fields& f) {
    return std::tuple{f.aggregate_id,
                      f.first_trade_id,
                      f.last_trade_id,
                      f.price,
                      f.quantity,
                      f.trade_us,
                      f.event_us,
                      f.symbol,
                      f.price_exponent,
                      f.quantity_exponent,
                      f.has_normal_quantity,
                      f.buyer_is_maker};
  };
  const auto depth = [](const binance::depth_fields& f) {
    return std::tuple{f.first_id, f.last_id, f.previous_id,    f.transaction_us,    f.event_us,        f.symbol,
                      f.bids,     f.asks,    f.price_exponent, f.quantity_exponent, f.has_previous_id, f.is_update};
  };
  switch (a.kind) {
    case binance::shape::book_ticker: return book(a.book) == book(b.book);
    case binance::shape::trade: return trade(a.trade) == trade(b.trade);
    case binance::shape::aggregate_trade: return aggregate(a.aggregate) == aggregate(b.aggregate);
    case binance::shape::depth:
      return depth(a.depth) == depth(b.depth) && std::ranges::equal(a.depth.levels, b.depth.levels);
    default: return false;
  }
}

}  // namespace foxtrot_bench
