// foxtrot/sim/fault.hpp: one thing that goes wrong at a simulated exchange.
#pragma once

#include <foxtrot/sim/certificate_kind.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace foxtrot::inline v0 {

/// What goes wrong. In brackets the members of a `fault` that say more. The instants come first: they happen once, to
/// the connections that live then, or to a single one of them [whom]. All others are conditions: they hold for as long
/// as the fault lasts.
enum class fault_kind : std::uint8_t {
  reset,            ///< every connection ends with RST
  fin,              ///< every connection ends with FIN: no WebSocket close, no close_notify
  close,            ///< every WebSocket is closed [code, text: the reason]
  server_shutdown,  ///< every WebSocket gets the venue's serverShutdown event, and FIN after [wait], if any
  expire,           ///< WebSockets older than [wait] are closed with 1001: the venue's 24 h
  clear,            ///< ends all conditions

  // new connections
  accept_delay,     ///< served only after [wait]
  refuse,           ///< RST right after accept
  certificate,      ///< another certificate [certificate]
  handshake_stall,  ///< the TLS handshake is never answered
  upgrade,          ///< the WebSocket's upgrade is answered with a status [code, retry_after]
  upgrade_stall,    ///< never answered
  flap,             ///< the WebSocket opens, and ends with FIN after [wait]

  // bytes of all connections
  freeze,    ///< nothing is read or written: a silent peer
  drip,      ///< at most [bytes] leave every [wait]
  coalesce,  ///< what is due leaves at most every [wait]
  delay,     ///< a WebSocket's messages leave up to [wait] late, by burst, at random for each connection
  split,     ///< writes, hence TLS records, of at most [bytes]

  // market data, by connection and stream
  pause,      ///< the market stands still; ids go on without a hole
  mute,       ///< the market goes on, nothing of it is sent: ids have a hole
  silence,    ///< the same for one stream [text: its name]
  bad_frame,  ///< one in [one_in] goes out in a frame that violates RFC 6455
  bad_json,   ///< one in [one_in] is cut short, has a wrong type, or is no JSON at all
  drop,       ///< one in [one_in] is lost
  duplicate,  ///< one in [one_in] is sent twice
  reorder,    ///< one in [one_in] comes after the stream's next

  // control messages
  ack_loss,    ///< one in [one_in] is carried out, but not answered
  ack_error,   ///< one in [one_in] is refused with an error
  ack_delay,   ///< answered after [wait]
  ping_storm,  ///< [per_second] pings of [bytes], whose pongs are not held against the client

  // REST requests
  rest,         ///< answered with a status [code, retry_after]
  rest_stall,   ///< never answered
  rest_delay,   ///< answered after [wait]
  rest_cut,     ///< the connection ends in the middle of the body
  rest_length,  ///< Content-Length says [bytes], whatever the body has
  rest_slow,    ///< [bytes] of the body every [wait]
  rest_json,    ///< the body is no answer: cut short, of a wrong type, or no JSON at all
};
inline constexpr std::size_t fault_kinds = static_cast<std::size_t>(fault_kind::rest_json) + 1;

/// Whom an instant hits: everybody, or one of the WebSockets that are open on both sides, if there is any. Of a fault
/// that asks for an age, one that is old enough.
enum class fault_victims : std::uint8_t {
  all,
  one,     ///< drawn by the exchange's seed
  oldest,  ///< open for the longest time
  newest,
};

/// The members behind `lasts` mean what the kind says, and nothing to the others.
struct fault {
  std::chrono::milliseconds at{0};  ///< of a script: after the exchange's start
  fault_kind kind{fault_kind::reset};
  fault_victims whom{fault_victims::all};  ///< of an instant but `clear`
  std::chrono::milliseconds lasts{0};      ///< of a condition; 0: until cleared
  std::uint32_t code{0};                   ///< of a WebSocket's close, or an HTTP status
  std::uint32_t one_in{1};
  std::uint32_t per_second{0};
  std::size_t bytes{0};
  std::chrono::milliseconds wait{0};
  std::chrono::seconds retry_after{0};  ///< 0: none is sent
  certificate_kind certificate{certificate_kind::right};
  std::string text{};

  [[nodiscard]] friend bool operator==(const fault&, const fault&) = default;
};

namespace detail {

/// What stands behind a fault's name in a script.
enum class fault_arguments : std::uint8_t {
  none,
  wait,             // DURATION
  wait_or_none,     // [DURATION]
  cut_or_none,      // [cut DURATION]
  code_and_reason,  // CODE [REASON ...]
  status,           // STATUS [retry-after SECONDS]
  share,            // 1/N
  share_or_all,     // [1/N]
  stream,           // STREAM
  certificate,      // KIND
  bytes,            // BYTES
  bytes_every,      // BYTES every DURATION
  pings,            // N [size BYTES]
};

struct fault_form {
  fault_kind kind;
  std::string_view name;
  fault_arguments arguments;
};

// In the order of the enumeration.
inline constexpr std::array<fault_form, fault_kinds> fault_forms{{
    {fault_kind::reset, "reset", fault_arguments::none},
    {fault_kind::fin, "fin", fault_arguments::none},
    {fault_kind::close, "close", fault_arguments::code_and_reason},
    {fault_kind::server_shutdown, "server-shutdown", fault_arguments::cut_or_none},
    {fault_kind::expire, "expire", fault_arguments::wait},
    {fault_kind::clear, "clear", fault_arguments::none},
    {fault_kind::accept_delay, "accept-delay", fault_arguments::wait},
    {fault_kind::refuse, "refuse", fault_arguments::none},
    {fault_kind::certificate, "certificate", fault_arguments::certificate},
    {fault_kind::handshake_stall, "handshake-stall", fault_arguments::none},
    {fault_kind::upgrade, "upgrade", fault_arguments::status},
    {fault_kind::upgrade_stall, "upgrade-stall", fault_arguments::none},
    {fault_kind::flap, "flap", fault_arguments::wait_or_none},
    {fault_kind::freeze, "freeze", fault_arguments::none},
    {fault_kind::drip, "drip", fault_arguments::bytes_every},
    {fault_kind::coalesce, "coalesce", fault_arguments::wait},
    {fault_kind::delay, "delay", fault_arguments::wait},
    {fault_kind::split, "split", fault_arguments::bytes},
    {fault_kind::pause, "pause", fault_arguments::none},
    {fault_kind::mute, "mute", fault_arguments::none},
    {fault_kind::silence, "silence", fault_arguments::stream},
    {fault_kind::bad_frame, "bad-frame", fault_arguments::share},
    {fault_kind::bad_json, "bad-json", fault_arguments::share},
    {fault_kind::drop, "drop", fault_arguments::share},
    {fault_kind::duplicate, "duplicate", fault_arguments::share},
    {fault_kind::reorder, "reorder", fault_arguments::share},
    {fault_kind::ack_loss, "ack-loss", fault_arguments::share_or_all},
    {fault_kind::ack_error, "ack-error", fault_arguments::share_or_all},
    {fault_kind::ack_delay, "ack-delay", fault_arguments::wait},
    {fault_kind::ping_storm, "ping-storm", fault_arguments::pings},
    {fault_kind::rest, "rest", fault_arguments::status},
    {fault_kind::rest_stall, "rest-stall", fault_arguments::none},
    {fault_kind::rest_delay, "rest-delay", fault_arguments::wait},
    {fault_kind::rest_cut, "rest-cut", fault_arguments::none},
    {fault_kind::rest_length, "rest-length", fault_arguments::bytes},
    {fault_kind::rest_slow, "rest-slow", fault_arguments::bytes_every},
    {fault_kind::rest_json, "rest-json", fault_arguments::none},
}};

static_assert([] {
  for (std::size_t i = 0; i < fault_kinds; ++i)
    if (static_cast<std::size_t>(fault_forms[i].kind) != i) return false;
  return true;
}());

}  // namespace detail

/// The name in a script.
[[nodiscard]] constexpr std::string_view to_string(fault_kind kind) noexcept {
  const auto index = static_cast<std::size_t>(kind);
  return index < fault_kinds ? detail::fault_forms[index].name : std::string_view{"unknown"};
}

/// False for what happens once.
[[nodiscard]] constexpr bool is_condition(fault_kind kind) noexcept { return kind > fault_kind::clear; }

/// Whether it may be aimed at one connection.
[[nodiscard]] constexpr bool has_victims(fault_kind kind) noexcept { return kind < fault_kind::clear; }

}  // namespace foxtrot::inline v0
