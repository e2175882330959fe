// foxtrot/feed/poll_request.hpp: what is polled, and what an HTTP poller has to know of a venue.
#pragma once

#include <foxtrot/feed/error_kind.hpp>
#include <foxtrot/net/asio.hpp>

#include <concepts>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace foxtrot::inline v0 {

/// One request that is made again and again while somebody wants what it brings.
struct poll_request {
  std::string target{};                ///< path and query
  std::uint32_t weight{1};             ///< as the venue counts it
  unsigned what{0};                    ///< the venue's own: how to read the answer
  std::vector<std::string> streams{};  ///< that the answer stands in for
};

/// How it went.
struct poll_answer {
  session_error error{};                       ///< zero code: well
  std::optional<std::uint32_t> used_weight{};  ///< of this minute and this address, as the venue says
};

/// Turns streams into requests, asks, and publishes what comes. Used by one network thread.
template <class V>
concept poll_venue = requires(V& venue, const poll_request& request, std::span<const std::string> streams) {
  /// As few requests as possible, by weight; streams that no request can stand in for are left out.
  { venue.plan(streams) } -> std::same_as<std::vector<poll_request>>;
  /// The same in smaller ones, after the venue has refused a name in it; none where there is only one name.
  { venue.narrow(request) } -> std::same_as<std::vector<poll_request>>;
  /// Whether one of its streams still needs it.
  { venue.is_wanted(request) } -> std::same_as<bool>;
  /// Asks and publishes. Takes part in cancellation; `request` lives until it ends.
  { venue.ask(request) } -> std::same_as<task<poll_answer>>;
  /// What it allows in a minute.
  { venue.weight_per_minute() } -> std::same_as<std::uint32_t>;
};

}  // namespace foxtrot::inline v0
