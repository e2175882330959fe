// foxtrot/exchange/binance/rate_limit.hpp: how much the venue lets one address or account ask for.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace foxtrot::inline v0::binance {

/// How long the venue wants to be left alone: set with errc::http_rate_limited and errc::http_banned only.
using retry_hint = std::optional<std::chrono::seconds>;

/// What is counted.
enum class rate_limit_type : std::uint8_t { request_weight, raw_requests, orders, connections, other };

[[nodiscard]] constexpr rate_limit_type rate_limit_type_of(std::string_view word) noexcept {
  if (word == "REQUEST_WEIGHT") return rate_limit_type::request_weight;
  if (word == "RAW_REQUESTS") return rate_limit_type::raw_requests;
  if (word == "ORDERS") return rate_limit_type::orders;
  if (word == "CONNECTIONS") return rate_limit_type::connections;
  return rate_limit_type::other;
}

/// The unit of the time in which it is counted.
enum class rate_limit_interval : std::uint8_t { second, minute, hour, day, other };

[[nodiscard]] constexpr rate_limit_interval rate_limit_interval_of(std::string_view word) noexcept {
  if (word == "SECOND") return rate_limit_interval::second;
  if (word == "MINUTE") return rate_limit_interval::minute;
  if (word == "HOUR") return rate_limit_interval::hour;
  if (word == "DAY") return rate_limit_interval::day;
  return rate_limit_interval::other;
}

/// At most `limit` in `interval_count` intervals.
struct rate_limit {
  rate_limit_type type{rate_limit_type::other};
  std::string type_text;  ///< the venue's word for it
  rate_limit_interval interval{rate_limit_interval::other};
  std::string interval_text;  ///< likewise
  std::uint32_t interval_count{0};
  std::uint64_t limit{0};

  /// Nothing for an interval whose word is not known.
  [[nodiscard]] std::optional<std::chrono::seconds> window() const noexcept {
    switch (interval) {
      case rate_limit_interval::second: return std::chrono::seconds{interval_count};
      case rate_limit_interval::minute: return std::chrono::minutes{interval_count};
      case rate_limit_interval::hour: return std::chrono::hours{interval_count};
      case rate_limit_interval::day: return std::chrono::hours{24} * interval_count;
      default: return std::nullopt;
    }
  }
};

}  // namespace foxtrot::inline v0::binance
