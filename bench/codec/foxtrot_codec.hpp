// bench/codec/foxtrot_codec.hpp: the project's own way: opened, told apart and read by the speculative parser; what
// that gives up on, a general parser decodes.
#pragma once

#include <codec/decoded.hpp>
#include <codec/simdjson_codec.hpp>

#include <foxtrot/exchange/binance/detail/isa.hpp>
#include <foxtrot/exchange/binance/detail/speculative.hpp>

#include <cstddef>
#include <string_view>

namespace foxtrot_bench {

class foxtrot_codec {
 public:
  explicit foxtrot_codec(venue from, binance::isa use = binance::best_isa()) : parser_{use}, general_{from} {}

  [[nodiscard]] bool decode(std::string_view message, decoded& out) {
    const auto opened = parser_.open(message);
    out.stream = opened.stream;
    out.kind = opened.kind;
    if (read(opened, out)) return true;
    ++fallbacks_;
    return general_.decode(message, out);
  }
  [[nodiscard]] std::size_t fallbacks() const noexcept { return fallbacks_; }
  [[nodiscard]] binance::isa form() const noexcept { return parser_.form(); }

 private:
  [[nodiscard]] bool read(const binance::speculative_parser::opening& opened, decoded& out) {
    switch (opened.kind) {
      case binance::shape::book_ticker: return parser_.read(opened, out.book = {});
      case binance::shape::trade: return parser_.read(opened, out.trade = {});
      case binance::shape::aggregate_trade: return parser_.read(opened, out.aggregate = {});
      case binance::shape::depth: return parser_.read(opened, out.room, out.depth);
      default: return false;
    }
  }

  binance::speculative_parser parser_;
  simdjson_codec general_;
  std::size_t fallbacks_{0};
};

/// The form for any machine.
class portable_foxtrot_codec : public foxtrot_codec {
 public:
  explicit portable_foxtrot_codec(venue from) : foxtrot_codec{from, binance::isa::portable} {}
};

}  // namespace foxtrot_bench
