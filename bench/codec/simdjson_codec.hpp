// bench/codec/simdjson_codec.hpp: simdjson On-Demand: members in their order, amounts as raw strings, no copy.
#pragma once

#include <codec/decoded.hpp>

#include <simdjson.h>

#include <cstdint>
#include <string_view>

namespace foxtrot_bench {

class simdjson_codec {
  using object = simdjson::ondemand::object;
  using value = simdjson::simdjson_result<simdjson::ondemand::value>;

 public:
  explicit simdjson_codec(venue from) noexcept : from_{from} {}

  [[nodiscard]] bool decode(std::string_view message, decoded& out) {
    end_ = message.data() + message.size();
    simdjson::ondemand::document document;
    object whole;
    object data;
    if (parser_.iterate(message.data(), message.size(), message.size() + padding).get(document) ||
        document.get_object().get(whole) || !text(whole.find_field("stream"), out.stream) ||
        whole.find_field("data").get_object().get(data)) {
      return false;
    }
    out.kind = kind_of_stream(out.stream);
    switch (out.kind) {
      case binance::shape::book_ticker: return read(data, out.book = {});
      case binance::shape::trade: return read(data, out.trade = {});
      case binance::shape::aggregate_trade: return read(data, out.aggregate = {});
      case binance::shape::depth: return read_depth(data, out);
      default: return false;
    }
  }

 private:
  [[nodiscard]] bool read(object& data, binance::book_ticker_fields& f) const {
    std::int8_t price_exponent = 0;
    std::int8_t quantity_exponent = 0;
    const bool good = number(data.find_field("u"), f.update_id) && text(data.find_field("s"), f.symbol) &&
                      amount(data.find_field("b"), f.bid_price, f.price_exponent) &&
                      amount(data.find_field("B"), f.bid_quantity, f.quantity_exponent) &&
                      amount(data.find_field("a"), f.ask_price, price_exponent) &&
                      amount(data.find_field("A"), f.ask_quantity, quantity_exponent) &&
                      price_exponent == f.price_exponent && quantity_exponent == f.quantity_exponent;
    if (from_ == venue::spot) return good;
    return good && time(data.find_field("T"), f.transaction_us) && time(data.find_field("E"), f.event_us);
  }
  [[nodiscard]] bool read(object& data, binance::trade_fields& f) const {
    return time(data.find_field("E"), f.event_us) && text(data.find_field("s"), f.symbol) &&
           number(data.find_field("t"), f.trade_id) && amount(data.find_field("p"), f.price, f.price_exponent) &&
           amount(data.find_field("q"), f.quantity, f.quantity_exponent) && time(data.find_field("T"), f.trade_us) &&
           !data.find_field("m").get_bool().get(f.buyer_is_maker);
  }
  [[nodiscard]] bool read(object& data, binance::aggregate_trade_fields& f) const {
    return time(data.find_field("E"), f.event_us) && text(data.find_field("s"), f.symbol) &&
           number(data.find_field("a"), f.aggregate_id) && amount(data.find_field("p"), f.price, f.price_exponent) &&
           amount(data.find_field("q"), f.quantity, f.quantity_exponent) &&
           number(data.find_field("f"), f.first_trade_id) && number(data.find_field("l"), f.last_trade_id) &&
           time(data.find_field("T"), f.trade_us) && !data.find_field("m").get_bool().get(f.buyer_is_maker);
  }
  [[nodiscard]] bool read_depth(object& data, decoded& out) const {
    binance::depth_fields& f = out.depth = {};
    f.is_update = !is_partial_book(out.stream);
    bool good = true;
    if (f.is_update) {
      good = time(data.find_field("E"), f.event_us);
      if (from_ == venue::futures) good = good && time(data.find_field("T"), f.transaction_us);
      good = good && text(data.find_field("s"), f.symbol) && number(data.find_field("U"), f.first_id) &&
             number(data.find_field("u"), f.last_id);
      if (from_ == venue::futures) {
        f.has_previous_id = true;
        good = good && number(data.find_field("pu"), f.previous_id);
      }
    } else {
      good = number(data.find_field("lastUpdateId"), f.last_id);
    }
    level_sink levels{out};
    if (!good || !side(data.find_field(f.is_update ? "b" : "bids"), levels)) return false;
    levels.end_bids();
    if (!side(data.find_field(f.is_update ? "a" : "asks"), levels)) return false;
    levels.end_asks();
    return true;
  }
  [[nodiscard]] bool side(value from, level_sink& levels) const {
    simdjson::ondemand::array all;
    if (from.get_array().get(all)) return false;
    for (auto level : all) {
      simdjson::ondemand::array pair;
      if (level.get_array().get(pair)) return false;
      auto at = pair.begin();
      const auto end = pair.end();
      if (at.error() || !(at != end) || !amount(*at, levels.price, levels.price_exponent)) return false;
      ++at;
      if (!(at != end) || !amount(*at, levels.quantity, levels.quantity_exponent)) return false;
      ++at;
      if (at != end || !levels.add()) return false;
    }
    return true;
  }

  [[nodiscard]] static bool text(value from, std::string_view& to) { return !from.get_string().get(to); }
  [[nodiscard]] static bool number(value from, std::uint64_t& to) { return !from.get_uint64().get(to); }
  [[nodiscard]] static bool time(value from, std::int64_t& to) {
    if (from.get_int64().get(to)) return false;
    to = microseconds(to);
    return true;
  }
  [[nodiscard]] bool amount(value from, std::int64_t& mantissa, std::int8_t& exponent) const {
    simdjson::ondemand::raw_json_string raw;
    return !from.get_raw_json_string().get(raw) && read_padded_amount(raw.raw(), end_, mantissa, exponent);
  }

  simdjson::ondemand::parser parser_;
  const char* end_{nullptr};
  venue from_;
};

}  // namespace foxtrot_bench
