// foxtrot/sim/exchange_info_json.hpp: what the simulated exchange says about its symbols and limits.
#pragma once

#include <foxtrot/sim/control_protocol.hpp>
#include <foxtrot/sim/symbol_spec.hpp>
#include <foxtrot/sim/text_writer.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace foxtrot::inline v0 {

/// Writes the body of GET exchangeInfo in the shape of its market.
class exchange_info_json {
 public:
  exchange_info_json(sim_market market, std::uint32_t weight_per_minute)
      : market_{market}, weight_per_minute_{weight_per_minute} {}

  /// The symbols whose numbers are given; `permissions`: whether spot says who may trade them.
  [[nodiscard]] std::string body(std::span<const symbol_spec> all, std::span<const std::size_t> wanted,
                                 std::int64_t now_ms, bool permissions) const {
    std::string out = R"({"timezone":"UTC","serverTime":)" + std::to_string(now_ms);
    if (market_ == sim_market::usdm) out += R"(,"futuresType":"U_MARGINED")";
    out += R"(,"rateLimits":[)" + limit("REQUEST_WEIGHT", "MINUTE", 1, weight_per_minute_);
    if (spot()) {
      out += ',' + limit("ORDERS", "SECOND", 10, 100) + ',' + limit("ORDERS", "DAY", 1, 200'000) + ',' +
             limit("RAW_REQUESTS", "MINUTE", 5, 61'000);
    } else {
      out += ',' + limit("ORDERS", "MINUTE", 1, 1'200);
    }
    out += R"(],"exchangeFilters":[],"symbols":[)";
    for (const std::size_t number : wanted) {
      if (out.back() != '[') out += ',';
      spot() ? spot_symbol(out, all[number], permissions) : contract(out, all[number]);
    }
    return out + "]}";
  }

 private:
  struct assets {
    std::string_view pair, base, quote;
  };

  [[nodiscard]] bool spot() const noexcept { return market_ == sim_market::spot; }

  [[nodiscard]] static std::string limit(std::string_view type, std::string_view interval, int count,
                                         std::uint32_t most) {
    std::string out = R"({"rateLimitType":")";
    out.append(type).append(R"(","interval":")").append(interval);
    return out + R"(","intervalNum":)" + std::to_string(count) + R"(,"limit":)" + std::to_string(most) + "}";
  }

  // "BTCUSDT" is BTC in USDT, "BTCUSD_PERP" is a contract on BTC in USD.
  [[nodiscard]] static assets assets_of(std::string_view name) noexcept {
    constexpr std::array<std::string_view, 6> quotes{"USDT", "USDC", "USD", "BTC", "ETH", "BNB"};
    const std::string_view pair = name.substr(0, name.find('_'));
    for (const std::string_view quote : quotes) {
      if (pair.size() > quote.size() && pair.ends_with(quote))
        return {pair, pair.substr(0, pair.size() - quote.size()), quote};
    }
    return {pair, pair, "USDT"};
  }

  static void member(std::string& out, std::string_view key, std::string_view text) {
    out.append(R"(,")").append(key).append(R"(":)").append(detail::json_quoted(text));
  }
  static void member(std::string& out, std::string_view key, int number) {
    out.append(R"(,")").append(key).append(R"(":)").append(std::to_string(number));
  }
  /// A number of `units` of the last decimal; spot writes eight decimals.
  void amount(std::string& out, std::string_view key, std::int64_t units, int decimals) const {
    out.append(R"(,")").append(key).append(R"(":)");
    text_writer{out, 2 * text_writer::number_room}.quoted(units, {decimals, spot() ? 8 : decimals});
  }

  void price_filter(std::string& out, const symbol_spec& spec) const {
    constexpr std::int64_t most_ticks = 1'000'000'000;
    out += R"({"filterType":"PRICE_FILTER")";
    amount(out, "minPrice", spec.tick, spec.price_decimals);
    amount(out, "maxPrice", spec.tick * most_ticks, spec.price_decimals);
    amount(out, "tickSize", spec.tick, spec.price_decimals);
    out += '}';
  }
  void lot_filter(std::string& out, const symbol_spec& spec, std::string_view type, std::int64_t step) const {
    constexpr std::int64_t most_lots = 9'000'000'000;
    out.append(R"({"filterType":")").append(type).append(1, '"');
    amount(out, "minQty", step, spec.quantity_decimals);
    amount(out, "maxQty", most_lots, spec.quantity_decimals);
    amount(out, "stepSize", step, spec.quantity_decimals);
    out += '}';
  }

  void spot_symbol(std::string& out, const symbol_spec& spec, bool permissions) const {
    const assets traded = assets_of(spec.name);
    out += R"({"symbol":)" + detail::json_quoted(spec.name);
    member(out, "status", spec.status);
    member(out, "baseAsset", traded.base);
    member(out, "baseAssetPrecision", 8);
    member(out, "quoteAsset", traded.quote);
    member(out, "quotePrecision", 8);
    member(out, "quoteAssetPrecision", 8);
    out += R"(,"orderTypes":["LIMIT","MARKET"],"icebergAllowed":true,"isSpotTradingAllowed":true,"filters":[)";
    price_filter(out, spec);
    lot_filter(out += ',', spec, "LOT_SIZE", 1);
    lot_filter(out += ',', spec, "MARKET_LOT_SIZE", 0);  // no step of its own
    out += R"(,{"filterType":"NOTIONAL","minNotional":"5.00000000","applyMinToMarket":true,)"
           R"("maxNotional":"9000000.00000000","applyMaxToMarket":false,"avgPriceMins":5}],"permissions":[],)";
    out += permissions ? R"("permissionSets":[["SPOT","MARGIN"]]})" : R"("permissionSets":[]})";
  }

  void contract(std::string& out, const symbol_spec& spec) const {
    const bool coinm = market_ == sim_market::coinm;
    const assets traded = assets_of(spec.name);
    out += R"({"symbol":)" + detail::json_quoted(spec.name);
    member(out, "pair", traded.pair);
    member(out, "contractType", "PERPETUAL");
    member(out, coinm ? "contractStatus" : "status", spec.status);
    if (coinm) member(out, "contractSize", static_cast<int>(contract_size_of(spec.name)));
    member(out, "baseAsset", traded.base);
    member(out, "quoteAsset", traded.quote);
    member(out, "marginAsset", coinm ? traded.base : traded.quote);
    member(out, "pricePrecision", spec.price_decimals);
    member(out, "quantityPrecision", spec.quantity_decimals);
    member(out, "baseAssetPrecision", 8);
    member(out, "quotePrecision", 8);
    out += R"(,"filters":[)";
    price_filter(out, spec);
    lot_filter(out += ',', spec, "LOT_SIZE", 1);
    lot_filter(out += ',', spec, "MARKET_LOT_SIZE", 1);
    if (!coinm) out += R"(,{"filterType":"MIN_NOTIONAL","notional":"5"})";
    out += "]}";
  }

  sim_market market_;
  std::uint32_t weight_per_minute_;
};

}  // namespace foxtrot::inline v0
