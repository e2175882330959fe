// foxtrot/feed/repair_request.hpp: a request for ticks that are missing, and what a gap repairer has to know of a
// venue.
#pragma once

#include <foxtrot/core/error.hpp>
#include <foxtrot/feed/poll_request.hpp>
#include <foxtrot/feed/publisher.hpp>
#include <foxtrot/market/kinds.hpp>
#include <foxtrot/net/asio.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace foxtrot::inline v0 {

/// One request for ticks of one stream, from an id on.
struct repair_request {
  tick_kind kind{tick_kind::trade};
  std::string symbol{};
  std::uint64_t first{0};  ///< the lowest id that is wanted
  std::size_t count{0};    ///< ids from there on
  std::string target{};    ///< path and query
  std::uint32_t weight{1};
};

/// How it went, and what came.
struct repair_answer {
  poll_answer how{};
  std::string body{};  ///< as http_client leaves it, with what a parser may read behind it
};

/// Asks for ticks by id. Used by one network thread.
template <class V>
concept repair_venue = requires(V& venue, const V& known, const repair_request& request, std::string_view symbol,
                                std::uint64_t first, std::size_t count, publisher::batch& out) {
  /// Whether ticks of that kind can be asked for.
  { known.has(tick_kind::trade) } -> std::same_as<bool>;
  /// So many ids fit into one answer.
  { known.most_ids() } -> std::same_as<std::size_t>;
  /// Of a kind that it has; `count` is no more than fits.
  { known.plan(tick_kind::trade, symbol, first, count) } -> std::same_as<repair_request>;
  /// Takes part in cancellation; `request` lives until it ends.
  { venue.ask(request) } -> std::same_as<task<repair_answer>>;
  /// Publishes what is in the body, in the order of its ids; errc::none, or what was wrong first.
  { venue.decode(request, std::string_view{}, out) } -> std::same_as<errc>;
  { known.where() } -> std::same_as<foxtrot::venue>;
  /// What it allows in a minute.
  { known.weight_per_minute() } -> std::same_as<std::uint32_t>;
};

}  // namespace foxtrot::inline v0
