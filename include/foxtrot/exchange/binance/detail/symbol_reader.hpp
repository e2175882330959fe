// foxtrot/exchange/binance/detail/symbol_reader.hpp: one symbol of GET exchangeInfo, of spot, USD-M or COIN-M.
#pragma once

#include <foxtrot/core/decimal.hpp>
#include <foxtrot/core/error.hpp>
#include <foxtrot/exchange/binance/detail/json_members.hpp>
#include <foxtrot/exchange/binance/symbol_rules.hpp>

#include <simdjson.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace foxtrot::inline v0::binance::detail {

/// Reads an object to its end whatever is in it, so that the symbols behind an odd one can be read.
class symbol_reader {
 public:
  /// False where this is no JSON: then nothing behind it can be read either. Otherwise `bad` says what is wrong with
  /// the symbol, if anything; its name is set as soon as there is one.
  [[nodiscard]] bool read(simdjson::ondemand::object object, symbol_rules& into, errc& bad) {
    bad_ = errc::none;
    filters_seen_ = 0;
    bool has_filters = false;
    json_members<names.size()> members{names};
    for (auto next : object) {
      simdjson::ondemand::field member;
      if (std::move(next).get(member)) return false;
      const std::string_view name = name_of(member);
      json_value value = member.value();
      simdjson::ondemand::json_type type{};
      if (value.type().get(type)) return false;
      if (name == "filters") {
        if (std::exchange(has_filters, true)) note(errc::malformed_message);
        if (!read_filters(value, type, into)) return false;
      } else if (!members.take(name, value, type)) {
        return false;
      }
    }
    if (members.any_twice()) note(errc::malformed_message);
    if (!has_filters) note(errc::missing_field);
    interpret(members, into);
    bad = bad_;
    return true;
  }

 private:
  using json_type = simdjson::ondemand::json_type;

  enum key : std::size_t {
    symbol,
    status,
    contract_status,
    base_asset,
    quote_asset,
    contract_type,
    pair,
    margin_asset,
    contract_size,
    price_precision,
    quantity_precision,
    base_precision,
    quote_precision,
    quote_asset_precision
  };
  static constexpr std::array<std::string_view, 14> names{"symbol",
                                                          "status",
                                                          "contractStatus",
                                                          "baseAsset",
                                                          "quoteAsset",
                                                          "contractType",
                                                          "pair",
                                                          "marginAsset",
                                                          "contractSize",
                                                          "pricePrecision",
                                                          "quantityPrecision",
                                                          "baseAssetPrecision",
                                                          "quotePrecision",
                                                          "quoteAssetPrecision"};
  enum filter_key : std::size_t {
    filter_type,
    min_price,
    max_price,
    tick_size,
    min_qty,
    max_qty,
    step_size,
    min_notional,
    plain_notional,
    max_notional,
    apply_to_market,
    apply_min_to_market,
    apply_max_to_market
  };
  static constexpr std::array<std::string_view, 13> filter_names{
      "filterType",  "minPrice", "maxPrice",    "tickSize",      "minQty",           "maxQty",          "stepSize",
      "minNotional", "notional", "maxNotional", "applyToMarket", "applyMinToMarket", "applyMaxToMarket"};
  using filter_members = json_members<filter_names.size()>;
  enum filter : unsigned {
    price_filter = 1,
    lot_size = 2,
    market_lot_size = 4,
    min_notional_filter = 8,
    notional = 16
  };

  // What is wrong first is what is told.
  void note(errc bad) noexcept {
    if (bad_ == errc::none) bad_ = bad;
  }

  template <std::size_t Count>
  void interpret(const json_members<Count>& members, symbol_rules& into) {
    note(members.text(symbol, into.name));
    if (into.name.empty()) note(errc::missing_field);
    note(members.text(members.has(status) ? status : contract_status, into.status_text));
    into.status = symbol_status_of(into.status_text);
    note(members.text(base_asset, into.base_asset));
    note(members.text(quote_asset, into.quote_asset));
    if (members.has(contract_type)) note(members.text(contract_type, into.contract_type));
    if (members.has(pair)) note(members.text(pair, into.pair));
    if (members.has(margin_asset)) note(members.text(margin_asset, into.margin_asset));
    optional_number(members, contract_size, into.contract_size);
    optional_number(members, price_precision, into.price_precision);
    optional_number(members, quantity_precision, into.quantity_precision);
    optional_number(members, base_precision, into.base_precision);
    // spot has both names: the longer one took over from the shorter
    const bool longer = members.has(quote_asset_precision);
    optional_number(members, longer ? quote_asset_precision : quote_precision, into.quote_precision);
  }

  template <class Members, class Integer>
  void optional_number(const Members& members, std::size_t at, std::optional<Integer>& value) {
    if (!members.has(at)) return;
    Integer read = 0;
    note(members.number(at, read));
    value = read;
  }

  [[nodiscard]] bool read_filters(json_value& value, json_type type, symbol_rules& into) {
    if (type != json_type::array) {
      note(errc::wrong_type);
      return true;
    }
    simdjson::ondemand::array all;
    if (value.get_array().get(all)) return false;
    for (auto next : all) {
      json_value one;
      if (std::move(next).get(one)) return false;
      json_type is{};
      if (one.type().get(is)) return false;
      if (is != json_type::object) {
        note(errc::wrong_type);
      } else if (!read_filter(one, into)) {
        return false;
      }
    }
    return true;
  }

  [[nodiscard]] bool read_filter(json_value& value, symbol_rules& into) {
    simdjson::ondemand::object object;
    if (value.get_object().get(object)) return false;
    filter_members members{filter_names};
    for (auto next : object) {
      simdjson::ondemand::field member;
      if (std::move(next).get(member)) return false;
      const std::string_view name = name_of(member);
      json_value inner = member.value();
      json_type type{};
      if (inner.type().get(type)) return false;
      if (!members.take(name, inner, type)) return false;
    }
    if (members.any_twice()) note(errc::malformed_message);
    std::string kind;
    note(members.text(filter_type, kind));
    interpret_filter(kind, members, into);
    return true;
  }

  void interpret_filter(std::string_view kind, const filter_members& members, symbol_rules& into) {
    if (kind == "PRICE_FILTER") {
      once(price_filter);
      note(members.limit(min_price, into.price.least));
      note(members.limit(max_price, into.price.most));
      note(members.limit(tick_size, into.price.step));
    } else if (kind == "LOT_SIZE") {
      once(lot_size);
      read_quantity(members, into.quantity);
    } else if (kind == "MARKET_LOT_SIZE") {
      once(market_lot_size);
      read_quantity(members, into.market_quantity);
    } else if (kind == "MIN_NOTIONAL") {
      once(min_notional_filter);
      read_min_notional(members, members.has(min_notional) ? min_notional : plain_notional, apply_to_market, into);
    } else if (kind == "NOTIONAL") {
      once(notional);
      read_min_notional(members, min_notional, apply_min_to_market, into);
      note(members.limit(max_notional, into.max_notional));
      if (members.has(apply_max_to_market)) note(members.boolean(apply_max_to_market, into.max_notional_for_market));
    }
  }

  void once(filter which) noexcept {
    if ((filters_seen_ & which) != 0) note(errc::malformed_message);
    filters_seen_ |= which;
  }

  void read_quantity(const filter_members& members, number_rule& into) {
    note(members.limit(min_qty, into.least));
    note(members.limit(max_qty, into.most));
    note(members.limit(step_size, into.step));
  }

  // A symbol may have both filters: the larger amount is the one that counts.
  void read_min_notional(const filter_members& members, std::size_t amount, std::size_t applies, symbol_rules& into) {
    std::optional<decimal> least;
    bool for_market = true;
    note(members.limit(amount, least));
    if (members.has(applies)) note(members.boolean(applies, for_market));
    if (!least || (into.min_notional && *into.min_notional >= *least)) return;
    into.min_notional = least;
    into.min_notional_for_market = for_market;
  }

  errc bad_{errc::none};
  unsigned filters_seen_{0};
};

}  // namespace foxtrot::inline v0::binance::detail
