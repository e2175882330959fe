// foxtrot/sim/rest_api.hpp: the public REST requests of the simulated exchange.
#pragma once

#include <foxtrot/core/clock.hpp>
#include <foxtrot/net/asio.hpp>
#include <foxtrot/net/http/fields.hpp>
#include <foxtrot/net/timer_queue.hpp>
#include <foxtrot/sim/control_protocol.hpp>
#include <foxtrot/sim/exchange_info_json.hpp>
#include <foxtrot/sim/exchange_target.hpp>
#include <foxtrot/sim/market_source.hpp>
#include <foxtrot/sim/symbol_spec.hpp>

#include <simdjson.h>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace foxtrot::inline v0 {

struct rest_reply {
  int status{200};
  std::string reason{"OK"};
  std::string body;
  std::vector<http_field> headers;
};

/// Answers from a market source, and counts request weight as the venue does: one sum per minute for everybody. Loop
/// thread only; `source` has to outlive it.
class rest_api {
 public:
  rest_api(sim_market market, std::uint32_t weight_per_minute, market_source& source)
      : prefix_{market == sim_market::spot   ? "/api/v3/"
                : market == sim_market::usdm ? "/fapi/v1/"
                                             : "/dapi/v1/"},
        spot_{market == sim_market::spot},
        weight_per_minute_{weight_per_minute},
        source_{source},
        info_{market, weight_per_minute} {}

  /// May wait for a snapshot; never fails.
  [[nodiscard]] task<rest_reply> get(timer_queue& timers, std::string text) {
    const request_target target = request_target::parse(text);
    rest_reply reply;
    if (!target.path.starts_with(prefix_)) co_return problem(404, "Not Found", 0, "");
    const std::string name = target.path.substr(prefix_.size());
    const std::string_view symbol = target.parameter("symbol").value_or("");
    const std::size_t limit = limit_of(target);
    if (!charge(weight_of(name, target, limit))) {
      reply = problem(429, "Too Many Requests", -1003, "Too many requests.");
      reply.headers.push_back({"Retry-After", std::to_string(60 - epoch_clock::now_ns() / 1'000'000'000 % 60)});
    } else if (name == "ping") {
      reply.body = "{}";
    } else if (name == "time") {
      reply.body = "{\"serverTime\":" + std::to_string(now_ms()) + "}";
    } else if (name == "exchangeInfo") {
      reply = exchange_info(target);
    } else if (name == "ticker/bookTicker") {
      reply = book_tickers(target);
    } else if (name != "depth") {
      reply = problem(404, "Not Found", 0, "");
    } else if (symbol.empty()) {
      reply = missing_symbol();
    } else if (const auto number = number_of(symbol); !number) {
      reply = invalid_symbol();
    } else {
      reply.body = co_await source_.snapshot(timers, *number, limit);
      if (reply.body.empty())
        reply = problem(408, "Request Timeout", -1007, "Timeout waiting for response from backend.");
    }
    reply.headers.push_back({"Content-Type", "application/json;charset=UTF-8"});
    reply.headers.push_back({"X-MBX-USED-WEIGHT", std::to_string(used_)});
    reply.headers.push_back({"X-MBX-USED-WEIGHT-1M", std::to_string(used_)});
    co_return reply;
  }

 private:
  [[nodiscard]] static std::int64_t now_ms() { return epoch_clock::now_ns() / 1'000'000; }

  [[nodiscard]] static rest_reply problem(int status, std::string reason, int code, std::string_view text) {
    rest_reply reply;
    reply.status = status;
    reply.reason = std::move(reason);
    if (code != 0) reply.body = "{\"code\":" + std::to_string(code) + ",\"msg\":" + detail::json_quoted(text) + "}";
    return reply;
  }
  [[nodiscard]] static rest_reply invalid_symbol() { return problem(400, "Bad Request", -1121, "Invalid symbol."); }
  [[nodiscard]] static rest_reply missing_symbol() {
    return problem(400, "Bad Request", -1102,
                   "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed.");
  }

  [[nodiscard]] std::optional<std::size_t> number_of(std::string_view symbol) const {
    const std::vector<symbol_spec>& all = source_.symbols();
    const auto found =
        std::find_if(all.begin(), all.end(), [&](const symbol_spec& spec) { return spec.name == symbol; });
    return found == all.end() ? std::nullopt : std::optional{static_cast<std::size_t>(found - all.begin())};
  }

  /// Of a depth request, cut to what the venue gives.
  [[nodiscard]] std::size_t limit_of(const request_target& target) const {
    std::size_t limit = spot_ ? 100 : 500;
    const std::string_view text = target.parameter("limit").value_or("");
    (void)std::from_chars(text.data(), text.data() + text.size(), limit);
    return std::clamp<std::size_t>(limit, 1, spot_ ? 5'000 : 1'000);
  }

  [[nodiscard]] std::uint32_t weight_of(std::string_view name, const request_target& target, std::size_t limit) const {
    if (name == "depth" && spot_) return limit <= 100 ? 5 : limit <= 500 ? 25 : limit <= 1'000 ? 50 : 250;
    if (name == "depth") return limit <= 50 ? 2 : limit <= 100 ? 5 : limit <= 500 ? 10 : 20;
    if (name == "ticker/bookTicker") return target.parameter("symbol") ? 2 : 4;
    return name == "exchangeInfo" && spot_ ? 20 : 1;
  }

  [[nodiscard]] bool charge(std::uint32_t weight) {
    const std::int64_t minute = now_ms() / 60'000;
    if (minute != minute_) used_ = 0;
    minute_ = minute;
    used_ += weight;
    return used_ <= weight_per_minute_;
  }

  [[nodiscard]] rest_reply book_tickers(const request_target& target) {
    rest_reply reply;
    std::vector<std::size_t> wanted;
    const auto one = target.parameter("symbol");
    if (one) {
      const auto number = number_of(*one);
      if (!number) return invalid_symbol();
      reply.body = source_.book_ticker(*number);
      return reply.body.empty() ? invalid_symbol() : reply;
    }
    if (const auto problem = wanted_symbols(target, wanted)) return *problem;
    reply.body = "[";
    for (const std::size_t number : wanted) {
      const std::string ticker = source_.book_ticker(number);
      if (!ticker.empty()) reply.body.append(reply.body.size() > 1 ? "," : "").append(ticker);
    }
    reply.body += ']';
    return reply;
  }

  [[nodiscard]] rest_reply exchange_info(const request_target& target) const {
    rest_reply reply;
    std::vector<std::size_t> wanted;
    if (const auto problem = wanted_symbols(target, wanted)) return *problem;
    const bool permissions = target.parameter("showPermissionSets").value_or("true") != "false";
    reply.body = info_.body(source_.symbols(), wanted, now_ms(), permissions);
    return reply;
  }

  /// The numbers of the symbols that a request is about: all, unless it says which. Only spot takes lists.
  [[nodiscard]] std::optional<rest_reply> wanted_symbols(const request_target& target,
                                                         std::vector<std::size_t>& wanted) const {
    const auto one = spot_ ? target.parameter("symbol") : std::nullopt;
    const auto list = spot_ ? target.parameter("symbols") : std::nullopt;
    if (one) {
      const auto number = number_of(*one);
      if (!number) return invalid_symbol();
      wanted.push_back(*number);
    } else if (list) {
      simdjson::dom::parser parser;
      simdjson::dom::array names;
      if (parser.parse(list->data(), list->size(), true).get(names) != simdjson::SUCCESS)
        return problem(400, "Bad Request", -1100, "Illegal characters found in parameter 'symbols'.");
      for (const simdjson::dom::element name : names) {
        std::string_view text;
        const auto number = name.get(text) == simdjson::SUCCESS ? number_of(text) : std::nullopt;
        if (!number) return invalid_symbol();
        wanted.push_back(*number);
      }
    } else {
      for (std::size_t i = 0; i < source_.symbols().size(); ++i) wanted.push_back(i);
    }
    return std::nullopt;
  }

  std::string_view prefix_;
  bool spot_;
  std::uint32_t weight_per_minute_;
  market_source& source_;
  exchange_info_json info_;
  std::int64_t minute_{0};
  std::uint32_t used_{0};
};

}  // namespace foxtrot::inline v0
