// foxtrot/feed/file_settings.hpp: what a settings file can say, with that file's own defaults.
#pragma once

#include <foxtrot/core/error.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace foxtrot::inline v0 {

/// Each member bears its name in the file. Times are seconds there, whole or fractions, from 1 ms to a day.
struct file_settings {
  struct venue_choice {
    bool enabled{true};
    std::vector<std::string> symbols{};  ///< such as "BTCUSDT"; empty: all of the venue's
    bool operator==(const venue_choice&) const = default;
  };
  struct reconnect_rules {
    std::uint64_t max_attempts{50};  ///< in a row without success; 0: no limit
    std::chrono::milliseconds base_delay{1'000};
    std::chrono::milliseconds max_delay{60'000};
    bool operator==(const reconnect_rules&) const = default;
  };
  struct heartbeat_rules {
    std::chrono::milliseconds interval{30'000};
    /// Silence for so long means that the connection is dead.
    [[nodiscard]] std::chrono::milliseconds stale_after() const noexcept { return 2 * interval; }
    bool operator==(const heartbeat_rules&) const = default;
  };
  struct breaker_rules {
    std::uint32_t failure_threshold{5};
    std::chrono::milliseconds recovery_timeout{60'000};
    std::uint32_t half_open_successes{3};
    bool operator==(const breaker_rules&) const = default;
  };
  struct websocket_rules {
    bool enabled{true};
    venue_choice binance{};
    reconnect_rules reconnect{};
    heartbeat_rules heartbeat{};
    breaker_rules circuit_breaker{};
    std::chrono::milliseconds connect_timeout{10'000};
    bool operator==(const websocket_rules&) const = default;
  };
  struct http_rules {
    std::chrono::milliseconds poll_interval{1'000};
    bool operator==(const http_rules&) const = default;
  };
  struct shutdown_rules {
    std::chrono::milliseconds timeout{30'000};
    bool operator==(const shutdown_rules&) const = default;
  };

  websocket_rules websocket{};
  http_rules http{};
  shutdown_rules shutdown{};
  bool operator==(const file_settings&) const = default;
};

/// A setting that could not be used: errc::wrong_type, errc::number_out_of_range, errc::bad_argument for a symbol that
/// cannot be a name, errc::malformed_message where it is given twice.
struct settings_problem {
  std::string key;  ///< its full name, dotted
  errc error{errc::none};
  bool operator==(const settings_problem&) const = default;
};

/// What a file said, and what of it was of no use.
struct loaded_settings {
  file_settings settings{};
  std::vector<std::string> unknown{};  ///< full names of values that mean nothing here, in the file's order
  std::vector<settings_problem> problems{};
  std::size_t unlisted{0};  ///< more of both, beyond the first 100 of each

  /// True where everything in the file was understood.
  [[nodiscard]] bool clean() const noexcept { return unknown.empty() && problems.empty(); }
};

}  // namespace foxtrot::inline v0
