// foxtrot/sim/rest_market_data.hpp: the REST requests of the simulated exchange that stand in for its streams.
#pragma once

#include <foxtrot/market/kline_interval.hpp>
#include <foxtrot/sim/exchange_target.hpp>
#include <foxtrot/sim/market_source.hpp>
#include <foxtrot/sim/rest_reply.hpp>
#include <foxtrot/sim/rest_symbols.hpp>
#include <foxtrot/sim/symbol_spec.hpp>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace foxtrot::inline v0 {

/// Answers ticker/bookTicker, ticker/24hr, trades, historicalTrades (spot; the futures want a key), aggTrades, klines,
/// avgPrice (spot) and premiumIndex (futures). Loop thread only; `source` has to outlive it.
class rest_market_data {
 public:
  rest_market_data(sim_market market, market_source& source, const rest_symbols& symbols)
      : market_{market}, source_{source}, symbols_{symbols} {}

  /// `name` is what follows the market's prefix. Nothing where this is none of those requests.
  [[nodiscard]] std::optional<rest_reply> answer(std::string_view name, const request_target& target) const {
    if (name == "ticker/bookTicker") {
      return of_many(target, [this](std::size_t symbol) { return source_.book_ticker(symbol); });
    }
    if (name == "premiumIndex" && !spot()) {
      return of_many(target, [this](std::size_t symbol) { return source_.mark_price(symbol); });
    }
    if (name == "ticker/24hr") return tickers(target);
    if (name == "trades") return trades(target, false);
    if (name == "historicalTrades") return spot() ? trades(target, true) : rest_reply::no_key();
    if (name == "aggTrades") return aggregate_trades(target);
    if (name == "klines") return klines(target);
    if (name == "avgPrice" && spot()) return average_price(target);
    return std::nullopt;
  }

 private:
  static constexpr std::size_t usual_limit = 500;

  [[nodiscard]] bool spot() const noexcept { return market_ == sim_market::spot; }

  [[nodiscard]] static rest_reply with(std::string body) {
    if (body.empty()) return rest_reply::invalid_symbol();  // a recording does not know
    rest_reply reply;
    reply.body = std::move(body);
    return reply;
  }

  /// One object where one symbol is asked for, but of COIN-M a list in any case.
  template <class Element>
  [[nodiscard]] rest_reply of_many(const request_target& target, Element&& element) const {
    std::vector<std::size_t> wanted;
    if (auto problem = symbols_.many(target, wanted)) return *problem;
    if (target.parameter("symbol") && market_ != sim_market::coinm) return with(element(wanted.front()));
    std::string body = "[";
    for (const std::size_t number : wanted) {
      const std::string one = element(number);
      if (!one.empty()) body.append(body.size() > 1 ? "," : "").append(one);
    }
    return with(body + ']');
  }

  [[nodiscard]] rest_reply tickers(const request_target& target) const {
    const std::string_view type = spot() ? target.parameter("type").value_or("FULL") : "FULL";
    if (type != "FULL" && type != "MINI") return rest_reply::bad_request(-1139, "Invalid ticker type.");
    return of_many(target, [&](std::size_t symbol) { return source_.ticker(symbol, type == "MINI"); });
  }

  [[nodiscard]] rest_reply trades(const request_target& target, bool by_id) const {
    std::size_t symbol = 0;
    std::size_t limit = usual_limit;
    std::optional<std::uint64_t> first;
    if (auto problem = symbols_.one(target, symbol)) return *problem;
    if (auto problem = read_limit(target, 1'000, limit)) return *problem;
    if (auto problem = by_id ? read_first(target, first) : std::nullopt) return *problem;
    return with(source_.trades(symbol, first, limit));
  }

  [[nodiscard]] rest_reply aggregate_trades(const request_target& target) const {
    std::size_t symbol = 0;
    std::size_t limit = usual_limit;
    std::optional<std::uint64_t> first;
    if (auto problem = symbols_.one(target, symbol)) return *problem;
    if (auto problem = read_limit(target, 1'000, limit)) return *problem;
    if (auto problem = read_first(target, first)) return *problem;
    return with(source_.aggregate_trades(symbol, first, limit));
  }

  [[nodiscard]] rest_reply klines(const request_target& target) const {
    std::size_t symbol = 0;
    std::size_t limit = usual_limit;
    if (auto problem = symbols_.one(target, symbol)) return *problem;
    if (auto problem = read_limit(target, spot() ? 1'000 : 1'500, limit)) return *problem;
    const std::string_view text = target.parameter("interval").value_or("");
    if (text.empty()) return rest_reply::missing("interval");
    const auto interval = parse_kline_interval(text);
    if (!interval || (*interval == kline_interval::s1 && !spot())) {
      return rest_reply::bad_request(-1120, "Invalid interval.");
    }
    return with(source_.klines(symbol, *interval, limit));
  }

  [[nodiscard]] rest_reply average_price(const request_target& target) const {
    std::size_t symbol = 0;
    if (auto problem = symbols_.one(target, symbol)) return *problem;
    return with(source_.average_price(symbol));
  }

  [[nodiscard]] static std::optional<std::uint64_t> number_in(std::string_view text) noexcept {
    std::uint64_t value = 0;
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (failed != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return value;
  }
  [[nodiscard]] static std::optional<rest_reply> read_first(const request_target& target,
                                                            std::optional<std::uint64_t>& first) {
    const auto text = target.parameter("fromId");
    if (!text) return std::nullopt;
    first = number_in(*text);
    return first ? std::nullopt : std::optional{rest_reply::invalid("fromId")};
  }
  /// Spot gives no more than it has, the futures refuse to.
  [[nodiscard]] std::optional<rest_reply> read_limit(const request_target& target, std::size_t most,
                                                     std::size_t& limit) const {
    const auto text = target.parameter("limit");
    if (!text) return std::nullopt;
    const auto asked = number_in(*text);
    if (!asked || *asked == 0 || (*asked > most && !spot())) return rest_reply::invalid("limit");
    limit = static_cast<std::size_t>(std::min<std::uint64_t>(*asked, most));
    return std::nullopt;
  }

  sim_market market_;
  market_source& source_;
  const rest_symbols& symbols_;
};

}  // namespace foxtrot::inline v0
