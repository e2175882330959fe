// foxtrot/exchange/binance/poll_plan.hpp: which REST requests stand in for which streams.
#pragma once

#include <foxtrot/exchange/binance/detail/stream_names.hpp>
#include <foxtrot/exchange/binance/market.hpp>
#include <foxtrot/feed/poll_request.hpp>
#include <foxtrot/market/kinds.hpp>

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace foxtrot::inline v0::binance {

/// What is in the body of a polled answer, as poll_request::what has it.
enum class poll_body : unsigned {
  book_tickers,
  trades,
  aggregate_trades,
  tickers,
  klines,
  average_price,
  mark_prices,
  depth,
};

/// What stands in for a stream; nothing where no request does.
[[nodiscard]] constexpr std::optional<poll_body> poll_body_of(std::string_view stream, market where) noexcept {
  const auto kind = detail::kind_of_stream(stream);
  if (!kind) return std::nullopt;
  switch (*kind) {
    case tick_kind::book_ticker: return poll_body::book_tickers;
    case tick_kind::trade: return poll_body::trades;
    case tick_kind::aggregate_trade: return poll_body::aggregate_trades;
    case tick_kind::kline:  // of other time zones not
      return stream.find('@') == stream.rfind('@') ? std::optional{poll_body::klines} : std::nullopt;
    case tick_kind::mini_ticker: return poll_body::tickers;
    case tick_kind::ticker:  // of 24 hours alone
      return stream.ends_with("@ticker") ? std::optional{poll_body::tickers} : std::nullopt;
    case tick_kind::average_price:
      return where == market::spot ? std::optional{poll_body::average_price} : std::nullopt;
    case tick_kind::mark_price: return where != market::spot ? std::optional{poll_body::mark_prices} : std::nullopt;
    case tick_kind::depth_update:
    case tick_kind::depth_snapshot: return poll_body::depth;
    default: return std::nullopt;
  }
}

/// The venue's requests with their weights: rest-api.md of binance-spot-api-docs and the futures' pages of the same
/// requests. Quotes, tickers and mark prices of many symbols come in one.
class poll_plan {
 public:
  explicit constexpr poll_plan(market where) noexcept : where_{where} {}

  /// What an address may spend in a minute: exchangeInfo tells, too.
  [[nodiscard]] constexpr std::uint32_t weight_per_minute() const noexcept {
    return where_ == market::spot ? 6'000 : 2'400;
  }

  [[nodiscard]] std::vector<poll_request> requests(std::span<const std::string> streams) const {
    std::vector<poll_request> made;
    std::map<std::pair<poll_body, std::string>, std::vector<std::string>> alone;    // by body and symbol or more
    std::map<poll_body, std::map<std::string, std::vector<std::string>>> together;  // by body and symbol
    for (const std::string& stream : streams) {
      const auto body = poll_body_of(stream, where_);
      if (!body) continue;
      const std::string symbol = detail::symbol_of_stream(stream);
      if (is_shared(*body)) {
        together[*body][symbol].push_back(stream);
      } else {
        alone[{*body, parameters_of(*body, symbol, stream)}].push_back(stream);
      }
    }
    for (auto& [body, symbols] : together) made.push_back(shared(body, symbols));
    for (auto& [what, served] : alone) {
      made.push_back({.target = path_of(what.first) + what.second,
                      .weight = weight_of(what.first, served.front()),
                      .what = static_cast<unsigned>(what.first),
                      .streams = std::move(served)});
    }
    return made;
  }

  /// The halves of a request for several symbols, so that a symbol which the venue refuses is found.
  [[nodiscard]] std::vector<poll_request> halves(const poll_request& of) const {
    std::map<std::string, std::vector<std::string>> symbols;
    for (const std::string& stream : of.streams) symbols[detail::symbol_of_stream(stream)].push_back(stream);
    if (symbols.size() < 2) return {};
    std::vector<std::string> first;
    std::vector<std::string> second;
    std::size_t taken = 0;  // symbols, of which one may have several streams
    for (const auto& [symbol, streams] : symbols) {
      std::vector<std::string>& half = taken++ * 2 < symbols.size() ? first : second;
      half.insert(half.end(), streams.begin(), streams.end());
    }
    std::vector<poll_request> made = requests(first);
    for (poll_request& each : requests(second)) made.push_back(std::move(each));
    return made;
  }

  /// The levels of a depth request for that stream: its own, where the venue has such a stream, or what the least
  /// weight buys.
  [[nodiscard]] static std::size_t levels_of(std::string_view stream) noexcept {
    std::size_t levels = 0;
    const std::size_t at = stream.find("@depth");
    const std::string_view digits = stream.substr(at == stream.npos ? stream.size() : at + 6);
    (void)std::from_chars(digits.data(), digits.data() + digits.size(), levels);
    return levels == 5 || levels == 10 || levels == 20 ? levels : 100;
  }
  /// "1m" of "btcusdt@kline_1m".
  [[nodiscard]] static std::string_view interval_of(std::string_view stream) noexcept {
    const std::size_t at = stream.find("@kline_");
    if (at == stream.npos) return {};
    return stream.substr(at + 7);
  }

 private:
  using by_symbol = std::map<std::string, std::vector<std::string>>;

  static constexpr std::size_t longest_list = 100;  // beyond it everybody's is asked for: it weighs no more

  [[nodiscard]] static constexpr bool is_shared(poll_body body) noexcept {
    return body == poll_body::book_tickers || body == poll_body::tickers || body == poll_body::mark_prices;
  }

  [[nodiscard]] std::string path_of(poll_body body) const {
    std::string path = where_ == market::spot ? "/api/v3/" : where_ == market::usdm ? "/fapi/v1/" : "/dapi/v1/";
    switch (body) {
      case poll_body::book_tickers: return path + "ticker/bookTicker";
      case poll_body::trades: return path + "trades";
      case poll_body::aggregate_trades: return path + "aggTrades";
      case poll_body::tickers: return path + "ticker/24hr";
      case poll_body::klines: return path + "klines";
      case poll_body::average_price: return path + "avgPrice";
      case poll_body::mark_prices: return path + "premiumIndex";
      case poll_body::depth: return path + "depth";
    }
    return path;
  }

  [[nodiscard]] static std::string parameters_of(poll_body body, const std::string& symbol, std::string_view stream) {
    std::string query = "?symbol=" + detail::escaped_symbol(symbol);
    if (body == poll_body::trades || body == poll_body::aggregate_trades) query += "&limit=1000";
    if (body == poll_body::klines) query.append("&interval=").append(interval_of(stream)).append("&limit=2");
    if (body == poll_body::depth) query += "&limit=" + std::to_string(levels_of(stream));
    return query;
  }

  [[nodiscard]] std::uint32_t weight_of(poll_body body, std::string_view stream) const noexcept {
    const bool spot = where_ == market::spot;
    switch (body) {
      case poll_body::trades: return spot ? 25 : 5;
      case poll_body::aggregate_trades: return spot ? 4 : 20;
      case poll_body::klines: return spot ? 2 : 1;
      case poll_body::depth: return spot || levels_of(stream) > 50 ? 5 : 2;
      default: return 2;
    }
  }

  [[nodiscard]] poll_request shared(poll_body body, by_symbol& symbols) const {
    poll_request made{.target = path_of(body),
                      .weight = shared_weight(body, symbols.size()),
                      .what = static_cast<unsigned>(body),
                      .streams = {}};
    if (symbols.size() == 1) {
      made.target += "?symbol=" + detail::escaped_symbol(symbols.begin()->first);
    } else if (where_ == market::spot && symbols.size() <= longest_list) {
      made.target += "?symbols=%5B";
      for (const auto& [symbol, streams] : symbols) {
        made.target.append(made.target.ends_with("%5B") ? "" : ",")
            .append("%22")
            .append(detail::escaped_symbol(symbol))
            .append("%22");
      }
      made.target += "%5D";
    }
    for (auto& [symbol, streams] : symbols) {
      for (std::string& stream : streams) made.streams.push_back(std::move(stream));
    }
    return made;
  }
  [[nodiscard]] std::uint32_t shared_weight(poll_body body, std::size_t symbols) const noexcept {
    const bool spot = where_ == market::spot;
    if (body == poll_body::mark_prices) return symbols == 1 && where_ == market::usdm ? 1 : 10;
    if (body == poll_body::book_tickers) return spot ? (symbols == 1 ? 2 : 4) : (symbols == 1 ? 2 : 5);
    if (!spot) return symbols == 1 ? 1 : 40;
    return symbols <= 20 ? 2 : symbols <= 100 ? 40 : 80;
  }

  market where_;
};

}  // namespace foxtrot::inline v0::binance
