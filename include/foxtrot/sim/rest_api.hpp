// foxtrot/sim/rest_api.hpp: the public REST requests of the simulated exchange.
#pragma once

#include <foxtrot/core/clock.hpp>
#include <foxtrot/net/asio.hpp>
#include <foxtrot/net/timer_queue.hpp>
#include <foxtrot/sim/exchange_info_json.hpp>
#include <foxtrot/sim/exchange_target.hpp>
#include <foxtrot/sim/market_source.hpp>
#include <foxtrot/sim/rest_market_data.hpp>
#include <foxtrot/sim/rest_reply.hpp>
#include <foxtrot/sim/rest_symbols.hpp>
#include <foxtrot/sim/rest_weights.hpp>
#include <foxtrot/sim/symbol_spec.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace foxtrot::inline v0 {

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
        info_{market, weight_per_minute},
        weights_{market},
        symbols_{market, source.symbols()},
        market_data_{market, source, symbols_} {}
  rest_api(const rest_api&) = delete;
  rest_api& operator=(const rest_api&) = delete;

  /// May wait for a snapshot; never fails.
  [[nodiscard]] task<rest_reply> get(timer_queue& timers, std::string text) {
    const request_target target = request_target::parse(text);
    if (!target.path.starts_with(prefix_)) co_return rest_reply::not_found();
    const std::string name = target.path.substr(prefix_.size());
    rest_reply reply;
    if (!charge(weights_.of(name, target))) {
      reply = too_many_requests();
    } else if (name == "depth") {
      reply = co_await depth(timers, target);
    } else {
      reply = answer(name, target);
    }
    reply.headers.push_back({"Content-Type", "application/json;charset=UTF-8"});
    reply.headers.push_back({"X-MBX-USED-WEIGHT", std::to_string(used_)});
    reply.headers.push_back({"X-MBX-USED-WEIGHT-1M", std::to_string(used_)});
    co_return reply;
  }

 private:
  [[nodiscard]] static std::int64_t now_ms() { return epoch_clock::now_ns() / 1'000'000; }

  [[nodiscard]] static rest_reply too_many_requests() {
    rest_reply reply = rest_reply::problem(429, "Too Many Requests", -1003, "Too many requests.");
    reply.headers.push_back({"Retry-After", std::to_string(60 - epoch_clock::now_ns() / 1'000'000'000 % 60)});
    return reply;
  }

  [[nodiscard]] task<rest_reply> depth(timer_queue& timers, const request_target& target) {
    std::size_t symbol = 0;
    if (auto problem = symbols_.one(target, symbol)) co_return std::move(*problem);
    rest_reply reply;
    reply.body = co_await source_.snapshot(timers, symbol, depth_limit(target));
    if (reply.body.empty())
      reply = rest_reply::problem(408, "Request Timeout", -1007, "Timeout waiting for response from backend.");
    co_return reply;
  }

  [[nodiscard]] rest_reply answer(std::string_view name, const request_target& target) const {
    rest_reply reply;
    if (name == "ping") {
      reply.body = "{}";
    } else if (name == "time") {
      reply.body = "{\"serverTime\":" + std::to_string(now_ms()) + "}";
    } else if (name == "exchangeInfo") {
      reply = exchange_info(target);
    } else {
      reply = market_data_.answer(name, target).value_or(rest_reply::not_found());
    }
    return reply;
  }

  /// Cut to what the venue gives.
  [[nodiscard]] std::size_t depth_limit(const request_target& target) const {
    return std::clamp<std::size_t>(limit_in(target, spot_ ? 100 : 500), 1, spot_ ? 5'000 : 1'000);
  }

  [[nodiscard]] bool charge(std::uint32_t weight) {
    const std::int64_t minute = now_ms() / 60'000;
    if (minute != minute_) used_ = 0;
    minute_ = minute;
    used_ += weight;
    return used_ <= weight_per_minute_;
  }

  /// Only spot says of which symbols.
  [[nodiscard]] rest_reply exchange_info(const request_target& target) const {
    rest_reply reply;
    std::vector<std::size_t> wanted;
    if (auto problem = symbols_.many(spot_ ? target : request_target{}, wanted)) return *problem;
    const bool permissions = target.parameter("showPermissionSets").value_or("true") != "false";
    reply.body = info_.body(source_.symbols(), wanted, now_ms(), permissions);
    return reply;
  }

  std::string_view prefix_;
  bool spot_;
  std::uint32_t weight_per_minute_;
  market_source& source_;
  exchange_info_json info_;
  rest_weights weights_;
  rest_symbols symbols_;
  rest_market_data market_data_;
  std::int64_t minute_{0};
  std::uint32_t used_{0};
};

}  // namespace foxtrot::inline v0
