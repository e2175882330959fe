// foxtrot/feed/websocket_error_handler.hpp: what to do about an error, and how many there were.
#pragma once

#include <foxtrot/core/clock.hpp>
#include <foxtrot/core/live_object.hpp>
#include <foxtrot/feed/error_kind.hpp>
#include <foxtrot/feed/error_statistics.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string_view>
#include <utility>
#include <vector>

namespace foxtrot::inline v0 {

enum class error_severity : std::uint8_t { low, medium, high, critical };

[[nodiscard]] constexpr std::string_view to_string(error_severity severity) noexcept {
  constexpr std::array<std::string_view, 4> names{"low", "medium", "high", "critical"};
  return names[static_cast<std::size_t>(severity)];
}

/// The answer to a kind of error.
struct error_response {
  error_severity severity{error_severity::high};
  bool retry{true};                    ///< false: what failed stays as it is
  std::chrono::milliseconds delay{0};  ///< at least so long before the retry; the backoff may ask for more
  bool trips_breaker{true};            ///< counts as a failure of the WebSocket connection
};

using error_responses = std::array<error_response, error_kind_count>;

/// Network trouble is left to the backoff; what will not change soon waits; who we are does not change at all.
[[nodiscard]] constexpr error_responses default_error_responses() noexcept {
  using std::chrono::milliseconds;
  error_responses all{};
  const auto set = [&all](error_kind kind, error_response to) { all[static_cast<std::size_t>(kind)] = to; };
  set(error_kind::network, {error_severity::high, true, milliseconds{0}, true});
  set(error_kind::tls, {error_severity::critical, true, milliseconds{30'000}, true});
  set(error_kind::timeout, {error_severity::high, true, milliseconds{0}, true});
  set(error_kind::protocol, {error_severity::high, true, milliseconds{0}, true});
  set(error_kind::authentication, {error_severity::critical, false, milliseconds{0}, true});
  set(error_kind::rate_limit, {error_severity::medium, true, milliseconds{60'000}, true});
  set(error_kind::symbol, {error_severity::low, false, milliseconds{0}, false});
  set(error_kind::exchange, {error_severity::high, true, milliseconds{30'000}, true});
  set(error_kind::data, {error_severity::medium, true, milliseconds{1'000}, false});
  set(error_kind::unknown, {error_severity::high, true, milliseconds{10'000}, true});
  return all;
}

/// What one error was, and what to do about it.
struct error_decision {
  error_kind kind{error_kind::unknown};
  error_response response{};
};

struct error_handler_settings {
  std::vector<error_rule> rules{};  ///< of the venue or of your own: they go before the default ones
  error_responses responses{default_error_responses()};
  std::chrono::seconds max_retry_after{259'200};  ///< where a server asks for more: 3 days
  /// The last word, where there is one: gets the error and what would be decided. Called from any thread that meets an
  /// error, under no lock. Where it throws, what would be decided stands.
  std::function<error_decision(const session_error&, error_decision)> judge{};
};

/// Sorts errors, answers them, and counts. A server's Retry-After takes the place of the delay. Any thread.
class websocket_error_handler : private live_object<websocket_error_handler> {
 public:
  explicit websocket_error_handler(error_handler_settings settings = {}) : settings_{std::move(settings)} {}
  websocket_error_handler(const websocket_error_handler&) = delete;
  websocket_error_handler& operator=(const websocket_error_handler&) = delete;

  /// What to do; nothing is counted.
  [[nodiscard]] error_decision decide(const session_error& error) const {
    error_decision made{.kind = kind_of(error, settings_.rules)};
    made.response = settings_.responses[static_cast<std::size_t>(made.kind)];
    if (error.retry_after) made.response.delay = std::clamp(*error.retry_after, {}, settings_.max_retry_after);
    if (!settings_.judge) return made;
    try {
      return settings_.judge(error, made);
    } catch (...) {  // a judge without a judgement
      return made;
    }
  }

  /// The same, and counted.
  error_decision handle(const session_error& error, steady_time now) {
    const error_decision made = decide(error);
    const std::lock_guard lock{mutex_};
    counted_.add(error, made.kind, now);
    return made;
  }

  [[nodiscard]] error_summary statistics(steady_time now) const {
    const std::lock_guard lock{mutex_};
    return counted_.summary(now);
  }

 private:
  const error_handler_settings settings_;
  mutable std::mutex mutex_;
  error_statistics counted_;
};

}  // namespace foxtrot::inline v0
