// bench/codec/nlohmann_codec.hpp: nlohmann::json: a document, then its members.
#pragma once

#if defined(FOXTROT_BENCH_WITH_NLOHMANN)
#include <codec/decoded.hpp>

#include <nlohmann/json.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace foxtrot_bench {

class nlohmann_codec {
  using json = nlohmann::json;

 public:
  explicit nlohmann_codec(venue from) noexcept : from_{from} {}

  /// No exceptions for text that is no JSON; the wrong members would throw, and end the program.
  [[nodiscard]] bool decode(std::string_view message, decoded& out) {
    document_ = json::parse(message, nullptr, false);
    if (document_.is_discarded()) return false;
    out.stream = text(document_["stream"]);
    out.kind = kind_of_stream(out.stream);
    const json& data = document_["data"];
    switch (out.kind) {
      case binance::shape::book_ticker: return read(data, out.book = {});
      case binance::shape::trade: return read(data, out.trade = {});
      case binance::shape::aggregate_trade: return read(data, out.aggregate = {});
      case binance::shape::depth: return read_depth(data, out);
      default: return false;
    }
  }

 private:
  [[nodiscard]] bool read(const json& data, binance::book_ticker_fields& f) const {
    std::int8_t price_exponent = 0;
    std::int8_t quantity_exponent = 0;
    f.update_id = data["u"];
    f.symbol = text(data["s"]);
    if (from_ == venue::futures) {
      f.transaction_us = time(data["T"]);
      f.event_us = time(data["E"]);
    }
    return read_amount(text(data["b"]), f.bid_price, f.price_exponent) &&
           read_amount(text(data["B"]), f.bid_quantity, f.quantity_exponent) &&
           read_amount(text(data["a"]), f.ask_price, price_exponent) &&
           read_amount(text(data["A"]), f.ask_quantity, quantity_exponent) && price_exponent == f.price_exponent &&
           quantity_exponent == f.quantity_exponent;
  }
  [[nodiscard]] static bool read(const json& data, binance::trade_fields& f) {
    f.event_us = time(data["E"]);
    f.symbol = text(data["s"]);
    f.trade_id = data["t"];
    f.trade_us = time(data["T"]);
    f.buyer_is_maker = data["m"];
    return read_amount(text(data["p"]), f.price, f.price_exponent) &&
           read_amount(text(data["q"]), f.quantity, f.quantity_exponent);
  }
  [[nodiscard]] static bool read(const json& data, binance::aggregate_trade_fields& f) {
    f.event_us = time(data["E"]);
    f.symbol = text(data["s"]);
    f.aggregate_id = data["a"];
    f.first_trade_id = data["f"];
    f.last_trade_id = data["l"];
    f.trade_us = time(data["T"]);
    f.buyer_is_maker = data["m"];
    return read_amount(text(data["p"]), f.price, f.price_exponent) &&
           read_amount(text(data["q"]), f.quantity, f.quantity_exponent);
  }
  [[nodiscard]] bool read_depth(const json& data, decoded& out) const {
    binance::depth_fields& f = out.depth = {};
    f.is_update = !is_partial_book(out.stream);
    if (f.is_update) {
      f.event_us = time(data["E"]);
      f.symbol = text(data["s"]);
      f.first_id = data["U"];
      f.last_id = data["u"];
      if (from_ == venue::futures) {
        f.transaction_us = time(data["T"]);
        f.previous_id = data["pu"];
        f.has_previous_id = true;
      }
    } else {
      f.last_id = data["lastUpdateId"];
    }
    level_sink levels{out};
    if (!side(data[f.is_update ? "b" : "bids"], levels)) return false;
    levels.end_bids();
    if (!side(data[f.is_update ? "a" : "asks"], levels)) return false;
    levels.end_asks();
    return true;
  }
  [[nodiscard]] static bool side(const json& all, level_sink& levels) {
    for (const json& level : all) {
      if (!read_amount(text(level[0]), levels.price, levels.price_exponent) ||
          !read_amount(text(level[1]), levels.quantity, levels.quantity_exponent) || !levels.add()) {
        return false;
      }
    }
    return true;
  }

  [[nodiscard]] static std::string_view text(const json& from) { return from.get_ref<const std::string&>(); }
  [[nodiscard]] static std::int64_t time(const json& from) { return microseconds(from.get<std::int64_t>()); }

  json document_;
  venue from_;
};

}  // namespace foxtrot_bench
#endif
