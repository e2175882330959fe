// foxtrot/sim.hpp: generated from include/foxtrot/ by single_include/generate; not to be edited.
// SPDX-License-Identifier: MIT
#pragma once

#include "foxtrot.hpp"

#include <unordered_map>

// foxtrot/sim.hpp: entry point: a simulated exchange, and the parts it is made of.

// foxtrot/sim/certificate_kind.hpp: what can be right and wrong with a server's certificate.

namespace foxtrot::inline v0 {

/// The certificates that a client must tell apart; all but `right` must be refused.
enum class certificate_kind : std::uint8_t {
  right,
  wrong_host,
  expired,
  not_yet_valid,
  self_signed,
  common_name_only,
};

}  // namespace foxtrot::inline v0

// foxtrot/sim/exchange.hpp: a simulated exchange on loopback: real TLS, WebSocket and REST on one port.

#ifndef FOXTROT_SINGLE_FOXTROT_NET_WEBSOCKET_CLOSE_CODE_HPP
#define FOXTROT_SINGLE_FOXTROT_NET_WEBSOCKET_CLOSE_CODE_HPP
// foxtrot/net/websocket/close_code.hpp: why a WebSocket ends, RFC 6455 section 7.4.

namespace foxtrot::inline v0 {

enum class close_code : std::uint16_t {
  normal = 1000,
  going_away = 1001,
  protocol_error = 1002,
  unsupported_data = 1003,
  no_status = 1005,  ///< never on the wire: the close frame was empty
  abnormal = 1006,   ///< never on the wire: there was no close frame
  invalid_payload = 1007,
  policy_violation = 1008,
  message_too_big = 1009,
  mandatory_extension = 1010,
  internal_error = 1011,
  service_restart = 1012,
  try_again_later = 1013,
  bad_gateway = 1014,
};

}  // namespace foxtrot::inline v0
#endif

// foxtrot/sim/exchange_settings.hpp: what a simulated exchange is told, and what it tells about itself.

#ifndef FOXTROT_SINGLE_FOXTROT_NET_TLS_VERSION_HPP
#define FOXTROT_SINGLE_FOXTROT_NET_TLS_VERSION_HPP
// foxtrot/net/tls_version.hpp: the versions of TLS that are spoken.

namespace foxtrot::inline v0 {

enum class tls_version : std::uint8_t { tls_1_2, tls_1_3 };

}  // namespace foxtrot::inline v0
#endif

// foxtrot/sim/fault_script.hpp: what goes wrong at a simulated exchange and when, as text, one fault a line.

// foxtrot/sim/fault.hpp: one thing that goes wrong at a simulated exchange.

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

namespace foxtrot::inline v0 {

/// Why a text is no script.
struct fault_script_problem {
  std::size_t line{0};  ///< from 1
  std::string what{};
};

namespace detail {

struct duration_unit {
  std::string_view name;
  std::int64_t milliseconds;
};
// "ms" before "m" and "s": the first that fits is taken
inline constexpr std::array<duration_unit, 4> duration_units{
    {{"ms", 1}, {"s", 1'000}, {"m", 60'000}, {"h", 3'600'000}}};

inline constexpr std::array<std::pair<std::string_view, certificate_kind>, 6> certificate_names{
    {{"right", certificate_kind::right},
     {"wrong-host", certificate_kind::wrong_host},
     {"expired", certificate_kind::expired},
     {"not-yet-valid", certificate_kind::not_yet_valid},
     {"self-signed", certificate_kind::self_signed},
     {"common-name-only", certificate_kind::common_name_only}}};

// All of them needs no word.
inline constexpr std::array<std::pair<std::string_view, fault_victims>, 3> victim_names{
    {{"one", fault_victims::one}, {"oldest", fault_victims::oldest}, {"newest", fault_victims::newest}}};

/// Reads one line. After a failure `problem` says what is wrong with it.
class fault_line {
 public:
  explicit fault_line(std::string_view text) : rest_{text.substr(0, std::min(text.find('#'), text.size()))} {}

  std::string problem{};

  /// The next word; empty at the end.
  [[nodiscard]] std::string_view peek() noexcept {
    while (!rest_.empty() && is_blank(rest_.front())) rest_.remove_prefix(1);
    return rest_.substr(0, std::min(end_of_word(), rest_.size()));
  }
  std::string_view next() noexcept {
    const std::string_view word = peek();
    rest_.remove_prefix(word.size());
    return word;
  }

  [[nodiscard]] bool read(fault& into) {
    if (!duration(into.at, 0)) return false;
    const std::string_view name = next();
    const auto form =
        std::find_if(fault_forms.begin(), fault_forms.end(), [&](const auto& f) { return f.name == name; });
    if (form == fault_forms.end()) return fail("no fault of this name", name);
    into.kind = form->kind;
    if (has_victims(into.kind)) victims(into);
    if (!arguments(form->arguments, into)) return false;
    if (peek() == "for" && is_condition(into.kind)) {
      next();
      if (!duration(into.lasts, 1)) return false;
    }
    return peek().empty() || fail("not expected here", peek());
  }

 private:
  static constexpr std::int64_t longest = std::int64_t{10'000} * 3'600'000;  // ms; nanoseconds of it fit as well
  static constexpr std::uint64_t most = 1'000'000'000;

  [[nodiscard]] static constexpr bool is_blank(char c) noexcept { return c == ' ' || c == '\t' || c == '\r'; }
  [[nodiscard]] std::size_t end_of_word() const noexcept {
    return static_cast<std::size_t>(std::find_if(rest_.begin(), rest_.end(), is_blank) - rest_.begin());
  }

  [[nodiscard]] bool fail(std::string_view why, std::string_view word) {
    problem = std::string{why} + (word.empty() ? ": the line ends" : ": " + std::string{word});
    return false;
  }

  [[nodiscard]] bool duration(std::chrono::milliseconds& into, std::int64_t least) {
    const std::string_view word = next();
    std::int64_t count = 0;
    const auto [stop, error] = std::from_chars(word.data(), word.data() + word.size(), count);
    const std::string_view name{stop, static_cast<std::size_t>(word.data() + word.size() - stop)};
    const auto unit =
        std::find_if(duration_units.begin(), duration_units.end(), [&](const auto& u) { return u.name == name; });
    if (error != std::errc{} || unit == duration_units.end() || count < 0 || count > longest / unit->milliseconds ||
        count * unit->milliseconds < least)
      return fail("no duration like 500ms, 2s, 3m or 24h", word);
    into = std::chrono::milliseconds{count * unit->milliseconds};
    return true;
  }

  template <class Number>
  [[nodiscard]] bool number_in(std::string_view word, Number& into, std::uint64_t low, std::uint64_t high) {
    std::uint64_t value = 0;
    const auto [stop, error] = std::from_chars(word.data(), word.data() + word.size(), value);
    if (error != std::errc{} || stop != word.data() + word.size() || value < low || value > high)
      return fail("no number from " + std::to_string(low) + " to " + std::to_string(high), word);
    into = static_cast<Number>(value);
    return true;
  }
  template <class Number>
  [[nodiscard]] bool number(Number& into, std::uint64_t low, std::uint64_t high) {
    return number_in(next(), into, low, high);
  }

  [[nodiscard]] bool share(fault& into) {
    const std::string_view word = next();
    if (!word.starts_with("1/")) return fail("no share like 1/100", word);
    return number_in(word.substr(2), into.one_in, 1, most);
  }

  [[nodiscard]] bool every(fault& into) {
    if (const std::string_view word = next(); word != "every") return fail("expected: every DURATION", word);
    return duration(into.wait, 1);
  }

  /// True where `name` is there and its value is to follow.
  [[nodiscard]] bool option(std::string_view name) noexcept { return peek() == name && !next().empty(); }

  void victims(fault& into) noexcept {
    const auto named = std::find_if(victim_names.begin(), victim_names.end(),
                                    [this](const auto& entry) { return option(entry.first); });
    if (named != victim_names.end()) into.whom = named->second;
  }

  [[nodiscard]] bool certificate(fault& into) {
    const std::string_view word = next();
    const auto named = std::find_if(certificate_names.begin(), certificate_names.end(),
                                    [&](const auto& entry) { return entry.first == word; });
    if (named == certificate_names.end()) return fail("no kind of certificate", word);
    into.certificate = named->second;
    return true;
  }

  [[nodiscard]] bool arguments(fault_arguments wanted, fault& into) {
    switch (wanted) {
      case fault_arguments::none: return true;
      case fault_arguments::wait: return duration(into.wait, 1);
      case fault_arguments::wait_or_none: return peek().empty() || peek() == "for" || duration(into.wait, 0);
      case fault_arguments::cut_or_none: return !option("cut") || duration(into.wait, 1);
      case fault_arguments::code_and_reason:
        if (!number(into.code, 0, 65'535)) return false;
        while (!peek().empty()) into.text.append(into.text.empty() ? "" : " ").append(next());
        return true;
      case fault_arguments::status: {
        std::int64_t seconds = 0;
        if (!number(into.code, 200, 599)) return false;
        if (option("retry-after") && !number(seconds, 1, most)) return false;
        into.retry_after = std::chrono::seconds{seconds};
        return true;
      }
      case fault_arguments::share: return share(into);
      case fault_arguments::share_or_all: return peek().empty() || peek() == "for" || share(into);
      case fault_arguments::stream: into.text = next(); return !into.text.empty() || fail("no stream", {});
      case fault_arguments::certificate: return certificate(into);
      case fault_arguments::bytes: return number(into.bytes, into.kind == fault_kind::split ? 1 : 0, most);
      case fault_arguments::bytes_every: return number(into.bytes, 1, most) && every(into);
      case fault_arguments::pings:
        into.bytes = 125;
        return number(into.per_second, 1, 100'000) && (!option("size") || number(into.bytes, 0, 125));
    }
    return false;
  }

  std::string_view rest_;
};

[[nodiscard]] inline std::string duration_text(std::chrono::milliseconds time) {
  const duration_unit* largest = duration_units.data();
  for (const duration_unit& unit : duration_units)
    if (time.count() != 0 && time.count() % unit.milliseconds == 0) largest = &unit;
  return std::to_string(time.count() / largest->milliseconds).append(largest->name);
}

[[nodiscard]] inline std::string arguments_text(const fault& what) {
  switch (fault_forms[static_cast<std::size_t>(what.kind)].arguments) {
    case fault_arguments::none: return {};
    case fault_arguments::wait_or_none:
      if (what.wait.count() == 0) return {};
      [[fallthrough]];
    case fault_arguments::wait: return " " + duration_text(what.wait);
    case fault_arguments::cut_or_none: return what.wait.count() == 0 ? "" : " cut " + duration_text(what.wait);
    case fault_arguments::code_and_reason:
      return " " + std::to_string(what.code) + (what.text.empty() ? "" : " " + what.text);
    case fault_arguments::status: {
      const auto seconds = what.retry_after.count();
      return " " + std::to_string(what.code) + (seconds == 0 ? "" : " retry-after " + std::to_string(seconds));
    }
    case fault_arguments::share_or_all:
      if (what.one_in == 1) return {};
      [[fallthrough]];
    case fault_arguments::share: return " 1/" + std::to_string(what.one_in);
    case fault_arguments::stream: return " " + what.text;
    case fault_arguments::certificate:
      for (const auto& [name, kind] : certificate_names)
        if (kind == what.certificate) return " " + std::string{name};
      return {};
    case fault_arguments::bytes: return " " + std::to_string(what.bytes);
    case fault_arguments::bytes_every: return " " + std::to_string(what.bytes) + " every " + duration_text(what.wait);
    case fault_arguments::pings: return " " + std::to_string(what.per_second) + " size " + std::to_string(what.bytes);
  }
  return {};
}

}  // namespace detail

/// The line of a script that means this fault: "5s upgrade 503 for 4s".
[[nodiscard]] inline std::string to_string(const fault& what) {
  std::string line = detail::duration_text(what.at) + " ";
  line.append(to_string(what.kind));
  for (const auto& [name, whom] : detail::victim_names)
    if (whom == what.whom && has_victims(what.kind)) line.append(" ").append(name);
  line.append(detail::arguments_text(what));
  if (is_condition(what.kind) && what.lasts.count() != 0) line += " for " + detail::duration_text(what.lasts);
  return line;
}

/// Faults in any order. As text: `AT NAME [WHOM] [ARGUMENTS] [for DURATION]`, one a line, `#` begins a comment. The
/// names are those of fault_kind with hyphens, instants may say one, oldest or newest; the arguments follow from this:
///
///     500ms reset oldest                        5s   upgrade 503 retry-after 2 for 4s
///     1s    close 1012 maintenance              6s   rest 429 retry-after 2 for 1s
///     2s    server-shutdown cut 500ms           7s   drip 100 every 20ms for 1s
///     3s    freeze for 3s                       8s   drop 1/1000 for 5s
///     4s    silence btcusdt@bookTicker for 2s   9s   ping-storm 100 size 125 for 1s
///     4s    certificate expired for 2s          10s  ack-delay 500ms for 3s
///     5s    reset                               11s  delay 20ms for 5s
struct fault_script {
  std::vector<fault> faults{};

  /// errc::bad_argument, and `problem` says where and why.
  [[nodiscard]] static result<fault_script> parse(std::string_view text, fault_script_problem* problem = nullptr) {
    fault_script script;
    for (std::size_t number = 1; !text.empty(); ++number) {
      const std::size_t end = std::min(text.find('\n'), text.size());
      detail::fault_line line{text.substr(0, end)};
      text.remove_prefix(std::min(end + 1, text.size()));
      if (line.peek().empty()) continue;
      fault read;
      if (!line.read(read)) {
        if (problem != nullptr) *problem = {number, std::move(line.problem)};
        return errc::bad_argument;
      }
      script.faults.push_back(std::move(read));
    }
    return script;
  }
};

/// A text that parses to the same.
[[nodiscard]] inline std::string to_string(const fault_script& script) {
  std::string text;
  for (const fault& what : script.faults) text += to_string(what) + "\n";
  return text;
}

}  // namespace foxtrot::inline v0

// foxtrot/sim/symbol_spec.hpp: what a simulated exchange trades: symbols, their numbers' formats, their habits.

namespace foxtrot::inline v0 {

/// Which market is simulated: they differ in keys, number formats, update ids and paths.
enum class sim_market : std::uint8_t { spot, usdm, coinm };

/// One symbol. Prices are integers in units of its tick, quantities in units of its lot.
struct symbol_spec {
  std::string name;                  ///< upper case
  std::int64_t price{0};             ///< where it starts, in ticks
  std::int64_t tick{1};              ///< in units of the price's last decimal
  int price_decimals{2};             ///< spot pads to eight when it writes
  int quantity_decimals{5};          ///< likewise; the lot is one unit of the last decimal
  std::int64_t typical_quantity{1};  ///< what one level holds, in lots
  std::string status{"TRADING"};     ///< what exchangeInfo says; it trades whatever that is

  /// As in the names of its streams.
  [[nodiscard]] std::string lower_name() const {
    std::string lower = name;
    for (char& c : lower)
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return lower;
  }
};

namespace detail {

struct known_symbol {
  std::string_view name;
  std::int64_t price;
  std::int64_t tick;
  int price_decimals;
  int quantity_decimals;
  std::int64_t typical_quantity;
};

inline constexpr std::array<known_symbol, 10> spot_symbols{{
    {"BTCUSDT", 6183763, 1, 2, 5, 20000},
    {"ETHUSDT", 268380, 1, 2, 4, 8000},
    {"BNBUSDT", 51020, 1, 2, 3, 4000},
    {"SOLUSDT", 15387, 1, 2, 3, 25000},
    {"XRPUSDT", 61250, 1, 5, 1, 20000},
    {"DOGEUSDT", 10431, 1, 5, 0, 18000},
    {"ADAUSDT", 3390, 1, 4, 1, 90000},
    {"AVAXUSDT", 2214, 1, 2, 2, 30000},
    {"LINKUSDT", 1052, 1, 2, 2, 40000},
    {"PEPEUSDT", 785, 1, 8, 0, 900000000},
}};

inline constexpr std::array<known_symbol, 10> usdm_symbols{{
    {"BTCUSDT", 618002, 10, 2, 3, 800},
    {"ETHUSDT", 268377, 1, 2, 3, 9000},
    {"BNBUSDT", 51018, 10, 3, 2, 3000},
    {"SOLUSDT", 15385, 100, 4, 0, 40},
    {"XRPUSDT", 6124, 1, 4, 1, 60000},
    {"DOGEUSDT", 10429, 10, 6, 0, 30000},
    {"ADAUSDT", 3389, 10, 5, 0, 12000},
    {"AVAXUSDT", 22131, 10, 4, 0, 60},
    {"LINKUSDT", 10516, 1, 3, 2, 9000},
    {"1000PEPEUSDT", 78490, 1, 7, 0, 900000},
}};

// Quantities are contracts.
inline constexpr std::array<known_symbol, 10> coinm_symbols{{
    {"BTCUSD_PERP", 618002, 1, 1, 0, 8000},
    {"ETHUSD_PERP", 268377, 1, 2, 0, 20000},
    {"BNBUSD_PERP", 51018, 10, 2, 0, 3000},
    {"SOLUSD_PERP", 153850, 1, 3, 0, 4000},
    {"XRPUSD_PERP", 6124, 1, 4, 0, 6000},
    {"DOGEUSD_PERP", 104290, 10, 6, 0, 3000},
    {"ADAUSD_PERP", 33890, 10, 5, 0, 1200},
    {"AVAXUSD_PERP", 22131, 1, 3, 0, 600},
    {"LINKUSD_PERP", 10516, 1, 3, 0, 900},
    {"LTCUSD_PERP", 6120, 1, 2, 0, 900},
}};

[[nodiscard]] constexpr const std::array<known_symbol, 10>& known_symbols(sim_market market) noexcept {
  switch (market) {
    case sim_market::usdm: return usdm_symbols;
    case sim_market::coinm: return coinm_symbols;
    default: return spot_symbols;
  }
}

}  // namespace detail

/// What one contract of COIN-M is worth, in US dollars.
[[nodiscard]] constexpr std::int64_t contract_size_of(std::string_view name) noexcept {
  return name.starts_with("BTCUSD_") ? 100 : 10;
}

/// The first `count` symbols of a market: well-known ones with sensible prices, then invented ones.
[[nodiscard]] inline std::vector<symbol_spec> default_symbols(sim_market market, std::size_t count = 4) {
  const auto& known = detail::known_symbols(market);
  const std::string quote = market == sim_market::coinm ? "USD_PERP" : "USDT";
  std::vector<symbol_spec> specs;
  specs.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    const detail::known_symbol& model = known[i % known.size()];
    std::string name = i < known.size() ? std::string{model.name} : "SIM" + std::to_string(i) + quote;
    specs.push_back({std::move(name), model.price, model.tick, model.price_decimals, model.quantity_decimals,
                     model.typical_quantity, "TRADING"});
  }
  return specs;
}

}  // namespace foxtrot::inline v0

namespace foxtrot::inline v0 {

/// Where the data of a simulated exchange comes from if not from its generator: a capture file, played once.
struct replay_settings {
  std::string path{};  ///< empty: no replay
  double speed{1.0};   ///< times the capture's own pace; 0: as fast as the clients read
  std::chrono::milliseconds snapshot_patience{30'000};  ///< how long a depth request waits for its snapshot line
};

/// What clients may do before the venue objects. The defaults are the venue's.
struct exchange_limits {
  std::size_t messages_per_second{5};  ///< of one connection, pings and pongs included; 0: any number
  std::chrono::milliseconds ping_interval{20'000};
  std::chrono::milliseconds pong_timeout{60'000};
  std::chrono::milliseconds handshake_timeout{10'000};
  std::chrono::milliseconds close_timeout{1'000};  ///< for the client's answer to a close
  std::uint32_t weight_per_minute{6'000};          ///< of REST requests; 429 above
  std::size_t max_unsent{std::size_t{8} << 20U};   ///< bytes for a slow reader, who is then dropped; a replay waits
};

struct exchange_settings {
  sim_market market{sim_market::spot};
  std::vector<symbol_spec> symbols{};   ///< empty: default_symbols(market)
  std::int64_t events_per_second{800};  ///< of all symbols
  std::uint64_t seed{1};
  std::size_t levels{1'000};                      ///< per side of a book
  std::chrono::milliseconds depth_interval{100};  ///< of one symbol's diffs, also where a stream's name says 100 ms
  replay_settings replay{};
  bool tls{true};
  certificate_kind certificate{certificate_kind::right};
  tls_version max_tls{tls_version::tls_1_3};
  std::uint16_t port{0};  ///< on 127.0.0.1; 0: any free one
  std::string thread_name{"sim-exchange"};
  int cpu{-1};  ///< that the exchange's thread is pinned to; -1: none
  exchange_limits limits{};
  fault_script faults{};  ///< their times count from the start
  /// Messages of each stream whose ids and times `exchange::sent` tells, some 30 bytes each; 0: none. Of what the
  /// market makes unseen quotes are kept as well, because their ids have holes.
  std::size_t log_sent{0};
};

/// Kinds of messages that statistics tell apart.
enum class sim_message : std::uint8_t { book_ticker, trade, agg_trade, depth, mark_price, other };
inline constexpr std::size_t sim_message_kinds = 6;

/// A look at the counters; each is exact, together they are of about the same moment.
struct exchange_statistics {
  std::uint64_t connections{0};  ///< accepted since the start
  std::uint64_t open_connections{0};
  std::uint64_t websockets{0};  ///< upgraded since the start
  std::uint64_t upgrades_refused{0};
  std::uint64_t open_websockets{0};
  std::array<std::uint64_t, sim_message_kinds> sent{};  ///< market data messages handed to connections
  std::uint64_t control_messages{0};                    ///< received: texts
  std::uint64_t pings_sent{0};
  std::uint64_t pongs_received{0};
  std::uint64_t rest_requests{0};
  std::uint64_t bytes_sent{0};     ///< before TLS
  std::uint64_t dropped_slow{0};   ///< connections dropped because they did not read
  std::uint64_t dropped_noisy{0};  ///< connections closed for too many messages
  std::uint64_t replayed_lines{0};
  bool replay_finished{false};
  bool replay_failed{false};  ///< the capture could not be read to its end

  std::uint64_t faults_begun{0};
  std::uint64_t messages_dropped{0};     ///< by drop, mute, silence: once for each connection that lacks it
  std::uint64_t messages_duplicated{0};  ///< sent twice, and counted twice in `sent`
  std::uint64_t messages_reordered{0};   ///< sent after the stream's next one
  std::uint64_t messages_spoiled{0};     ///< bad frames and bad JSON; not in `sent`
  std::uint64_t answers_withheld{0};     ///< acks, handshakes, upgrades and requests that were never answered

  /// The most WebSockets that were open at once, closing ones not counted. Those whose client has hung up are not open
  /// any more, even where the exchange has not read that far: it asks the kernel whenever another one opens.
  std::uint64_t most_websockets_at_once{0};
  std::uint64_t most_websockets_per_path{0};  ///< the same, of any one path without its query
  std::uint64_t most_streams_per_websocket{0};
  /// The most texts, pings and pongs of one client within a second, those of a ping storm's not counted.
  std::uint64_t most_messages_per_second{0};

  [[nodiscard]] std::uint64_t sent_of(sim_message kind) const noexcept { return sent[static_cast<std::size_t>(kind)]; }
  [[nodiscard]] std::uint64_t sent_total() const noexcept {
    std::uint64_t total = 0;
    for (const std::uint64_t count : sent) total += count;
    return total;
  }
};

namespace detail {

/// One number, written by the loop's thread alone and read by any: no read-modify-write needed.
class sim_counter {
 public:
  void add(std::uint64_t count = 1) noexcept {
    value_.store(value_.load(std::memory_order_relaxed) + count, std::memory_order_relaxed);
  }
  void raise_to(std::uint64_t level) noexcept {
    if (get() < level) set(level);
  }
  void set(std::uint64_t value) noexcept { value_.store(value, std::memory_order_relaxed); }
  void subtract() noexcept { value_.store(value_.load(std::memory_order_relaxed) - 1, std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t get() const noexcept { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

struct exchange_counters {
  sim_counter connections, open_connections, websockets, open_websockets;
  std::array<sim_counter, sim_message_kinds> sent;
  sim_counter control_messages, pings_sent, pongs_received, rest_requests, bytes_sent;
  sim_counter dropped_slow, dropped_noisy, replayed_lines, replay_finished, replay_failed;
  sim_counter faults_begun, messages_dropped, messages_duplicated, messages_reordered, messages_spoiled;
  sim_counter answers_withheld, upgrades_refused, most_websockets_at_once, most_websockets_per_path;
  sim_counter most_streams_per_websocket, most_messages_per_second;

  [[nodiscard]] exchange_statistics look() const noexcept {
    exchange_statistics seen;
    seen.connections = connections.get();
    seen.open_connections = open_connections.get();
    seen.websockets = websockets.get();
    seen.upgrades_refused = upgrades_refused.get();
    seen.open_websockets = open_websockets.get();
    for (std::size_t i = 0; i < sent.size(); ++i) seen.sent[i] = sent[i].get();
    seen.control_messages = control_messages.get();
    seen.pings_sent = pings_sent.get();
    seen.pongs_received = pongs_received.get();
    seen.rest_requests = rest_requests.get();
    seen.bytes_sent = bytes_sent.get();
    seen.dropped_slow = dropped_slow.get();
    seen.dropped_noisy = dropped_noisy.get();
    seen.replayed_lines = replayed_lines.get();
    seen.replay_finished = replay_finished.get() != 0;
    seen.replay_failed = replay_failed.get() != 0;
    seen.faults_begun = faults_begun.get();
    seen.messages_dropped = messages_dropped.get();
    seen.messages_duplicated = messages_duplicated.get();
    seen.messages_reordered = messages_reordered.get();
    seen.messages_spoiled = messages_spoiled.get();
    seen.answers_withheld = answers_withheld.get();
    seen.most_websockets_at_once = most_websockets_at_once.get();
    seen.most_websockets_per_path = most_websockets_per_path.get();
    seen.most_streams_per_websocket = most_streams_per_websocket.get();
    seen.most_messages_per_second = most_messages_per_second.get();
    return seen;
  }
};

}  // namespace detail
}  // namespace foxtrot::inline v0

// foxtrot/sim/exchange_truth.hpp: how far a generated market has come, to compare with what a client has seen.

// foxtrot/sim/market_generator.hpp: a reproducible market of several symbols, told as events in order of time.

// foxtrot/sim/random.hpp: reproducible random numbers, the same on every platform and compiler.

namespace foxtrot::inline v0 {

/// SplitMix64: small, fast, good enough for simulated markets; the standard distributions are avoided because they
/// differ between libraries. Integers only. Not thread-safe.
class sim_random {
 public:
  explicit constexpr sim_random(std::uint64_t seed) noexcept : state_{seed} {}

  [[nodiscard]] constexpr std::uint64_t next() noexcept {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15U);
    z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27U)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31U);
  }

  /// Uniform in [0, bound); `bound` is at least 1 and under 2^32, where the bias of one multiplication is invisible.
  [[nodiscard]] constexpr std::uint64_t below(std::uint64_t bound) noexcept { return ((next() >> 32U) * bound) >> 32U; }

  /// Uniform in [low, high].
  [[nodiscard]] constexpr std::int64_t between(std::int64_t low, std::int64_t high) noexcept {
    return low + static_cast<std::int64_t>(below(static_cast<std::uint64_t>(high - low) + 1));
  }

  /// True in `share` of 1000 cases.
  [[nodiscard]] constexpr bool per_mille(std::uint64_t share) noexcept { return below(1000) < share; }

  /// Exponentially distributed with this mean (within 10 % at every quantile): -log2 of a uniform number, read off its
  /// leading zeros and interpolated between them.
  [[nodiscard]] constexpr std::int64_t exponential(std::int64_t mean) noexcept {
    const std::uint64_t bits = next() | 1U;
    const auto zeros = static_cast<unsigned>(std::countl_zero(bits));
    // 16 bits after the leading one: how far between this power of two and the next
    const auto fraction = static_cast<std::int64_t>(((bits << zeros) << 1U) >> 48U);
    const std::int64_t octaves = (static_cast<std::int64_t>(zeros + 1) << 16U) - fraction;  // mean 1.5
    return (mean * (octaves >> 6U) / 3) >> 9U;
  }

 private:
  std::uint64_t state_;
};

}  // namespace foxtrot::inline v0

// foxtrot/sim/sim_book.hpp: the order book of one simulated symbol, and what changed in it since the last diff.

namespace foxtrot::inline v0 {

/// Price in ticks, quantity in lots; quantity 0 in a diff removes the level.
struct sim_level {
  std::int64_t price{0};
  std::int64_t quantity{0};

  friend bool operator==(const sim_level&, const sim_level&) = default;
};

/// One side of a book, best level last, so that the busy end is the cheap one. Never allocates once it has grown.
class sim_book_side {
 public:
  explicit sim_book_side(bool bids) noexcept : bids_{bids} {}

  [[nodiscard]] bool empty() const noexcept { return levels_.empty(); }
  [[nodiscard]] std::size_t size() const noexcept { return levels_.size(); }
  [[nodiscard]] const sim_level& best() const noexcept { return levels_.back(); }
  /// Rank 0 is the best level.
  [[nodiscard]] const sim_level& at(std::size_t rank) const noexcept { return levels_[levels_.size() - 1 - rank]; }

  /// Zero where there is no such level.
  [[nodiscard]] std::int64_t quantity_at(std::int64_t price) const noexcept {
    const auto found = position(price);
    return found != levels_.end() && found->price == price ? found->quantity : 0;
  }

  /// Quantity 0 removes. Remembers the price for the next diff.
  void set(std::int64_t price, std::int64_t quantity) {
    const auto found = position(price);
    const bool there = found != levels_.end() && found->price == price;
    if (there && quantity == 0) {
      levels_.erase(found);
    } else if (there) {
      levels_[static_cast<std::size_t>(found - levels_.begin())].quantity = quantity;
    } else if (quantity != 0) {
      levels_.insert(found, {price, quantity});
    }
    if (changed_.empty() || changed_.back() != price) changed_.push_back(price);
  }

  /// Prices changed since the last `forget_changes`, sorted by `before`, each once.
  template <class Order>
  [[nodiscard]] std::span<const std::int64_t> changes(Order before) {
    std::sort(changed_.begin(), changed_.end(), before);
    changed_.erase(std::unique(changed_.begin(), changed_.end()), changed_.end());
    return changed_;
  }
  [[nodiscard]] std::size_t change_count() const noexcept { return changed_.size(); }
  void forget_changes() noexcept { changed_.clear(); }

 private:
  using iterator = std::vector<sim_level>::const_iterator;

  /// First level that is not worse than `price`.
  [[nodiscard]] iterator position(std::int64_t price) const noexcept {
    return std::lower_bound(levels_.begin(), levels_.end(), price, [this](const sim_level& level, std::int64_t wanted) {
      return bids_ ? level.price < wanted : level.price > wanted;
    });
  }

  bool bids_;
  std::vector<sim_level> levels_;
  std::vector<std::int64_t> changed_;
};

/// Both sides and the update id of the last change. The owner keeps the best bid under the best ask.
struct sim_book {
  sim_book_side bids{true};
  sim_book_side asks{false};
  std::uint64_t update_id{0};

  [[nodiscard]] sim_book_side& side(bool bid) noexcept { return bid ? bids : asks; }
  [[nodiscard]] const sim_book_side& side(bool bid) const noexcept { return bid ? bids : asks; }
  [[nodiscard]] bool crossed() const noexcept {
    return !bids.empty() && !asks.empty() && bids.best().price >= asks.best().price;
  }
};

}  // namespace foxtrot::inline v0

// foxtrot/sim/symbol_market.hpp: how the book of one simulated symbol lives: quotes, trades, deep changes, diffs.

namespace foxtrot::inline v0 {

/// What the symbols of one market share: chance, and update ids where those run through all of them.
struct market_chance {
  sim_market market{sim_market::spot};
  sim_random random{1};
  std::uint64_t shared_id{5'000'000'000'000};

  /// Ids of USD-M are the whole market's and have holes; those of spot are each symbol's own.
  [[nodiscard]] std::uint64_t id_after(std::uint64_t last) noexcept {
    if (market == sim_market::spot) return last + 1 + random.below(3);
    return shared_id += 1 + random.below(40);
  }
};

/// What one diff says. The spans are valid until the symbol's next diff.
struct sim_diff {
  std::uint64_t first_id{0};
  std::uint64_t last_id{0};
  std::uint64_t previous_id{0};
  std::span<const sim_level> bids, asks;
};

/// One symbol's book and everything that may happen to it. The book never crosses and no side runs empty. Quantities
/// are never unchanged by a change. Not thread-safe.
class symbol_market {
 public:
  symbol_market(const symbol_spec& spec, std::size_t levels, market_chance& chance) : spec_{&spec} {
    next_trade_id_ = 1'000'000 + chance.random.below(1'000'000'000);
    // sides reach 15 % from the middle, thinning out, but never to zero where one tick is a large step
    const std::int64_t mean_gap = spec.price * 15 / 100 / static_cast<std::int64_t>(levels);
    for (const bool bid : {true, false}) {
      std::int64_t price = spec.price + (bid ? 0 : 1);
      sim_book_side& side = book_.side(bid);
      for (std::size_t rank = 0; rank < levels && price > spec.price / 2; ++rank) {
        side.set(price, draw_quantity(chance));
        const std::int64_t spread_out =
            2 * mean_gap * static_cast<std::int64_t>(rank) / static_cast<std::int64_t>(levels);
        const std::int64_t gap = 1 + chance.random.exponential(spread_out);
        price += bid ? -gap : gap;
      }
      side.forget_changes();
      levels_ = std::max(levels_, side.size());
    }
    book_.update_id = chance.id_after(10'000'000'000 + chance.random.below(1'000'000'000));
    fast_.sent_id = slow_.sent_id = book_.update_id;
    wanted_changes_ = draw_change_count(chance);
  }

  [[nodiscard]] const sim_book& book() const noexcept { return book_; }

  /// The best level of one side gets another size, goes, or is bettered.
  void move_quote(market_chance& chance) {
    sim_random& random = chance.random;
    const std::int64_t spread = book_.asks.best().price - book_.bids.best().price;
    bool bid = random.per_mille(500);
    if (spread > 1 && random.per_mille(600)) {
      // a price that has wandered 10 % away is pulled back: the side that moves it home betters
      const std::int64_t away = book_.bids.best().price - spec_->price;
      if (away > spec_->price / 10 || -away > spec_->price / 10) bid = away < 0;
      const std::int64_t step = 1 + random.exponential(2) % (spread - 1);
      change(chance, bid, book_.side(bid).best().price + (bid ? step : -step), draw_quantity(chance));
    } else if (random.per_mille(60) && can_lose_best(bid)) {
      change(chance, bid, book_.side(bid).best().price, 0);
    } else {
      change_size(chance, bid, book_.side(bid).best());
    }
  }

  struct fill {
    std::uint64_t trade_id{0};
    sim_level traded;
  };

  /// An order takes from the best level of one side: all of it if `sweep`, else mostly a part.
  [[nodiscard]] fill trade(market_chance& chance, bool hits_bid, bool sweep) {
    const sim_level best = book_.side(hits_bid).best();
    const bool whole = can_lose_best(hits_bid) && (sweep || chance.random.per_mille(250));
    const std::int64_t part = 1 + chance.random.exponential(best.quantity / 8) % best.quantity;
    const std::int64_t taken = whole ? best.quantity : part;
    if (taken == best.quantity && !can_lose_best(hits_bid)) {
      change_size(chance, hits_bid, best);  // a hidden order shows its next part
    } else {
      change(chance, hits_bid, best.price, best.quantity - taken);
    }
    return {next_trade_id_++, {best.price, taken}};
  }

  /// Perhaps a change behind the best level: half of those that the next diff is to have come one by one.
  void stir(market_chance& chance) {
    if (deep_changes_ < wanted_changes_ / 2 && chance.random.per_mille(500)) change_deep(chance);
  }

  /// Everything that changed since the last one. Makes the changes that are still wanted first.
  [[nodiscard]] sim_diff take_diff(market_chance& chance) {
    const std::size_t made = book_.bids.change_count() + book_.asks.change_count();
    for (std::size_t i = made; i < wanted_changes_; ++i) change_deep(chance);
    const auto [bids, asks] = changed(chance.market);
    slow_bids_.insert(slow_bids_.end(), bids.begin(), bids.end());
    slow_asks_.insert(slow_asks_.end(), asks.begin(), asks.end());
    if (slow_.first_id == 0) slow_.first_id = fast_.first_id;
    const sim_diff told = tell(chance.market, fast_, bids, asks);
    book_.bids.forget_changes();
    book_.asks.forget_changes();
    deep_changes_ = 0;
    wanted_changes_ = draw_change_count(chance);
    return told;
  }

  /// Everything that the diffs since the last slow one told.
  [[nodiscard]] sim_diff take_slow_diff(const market_chance& chance) {
    const auto tidy = [](std::vector<std::int64_t>& prices, bool descending) {
      std::sort(prices.begin(), prices.end());
      prices.erase(std::unique(prices.begin(), prices.end()), prices.end());
      if (descending) std::reverse(prices.begin(), prices.end());
    };
    tidy(slow_bids_, chance.market == sim_market::spot);
    tidy(slow_asks_, false);
    const sim_diff told = tell(chance.market, slow_, slow_bids_, slow_asks_);
    slow_bids_.clear();
    slow_asks_.clear();
    return told;
  }

 private:
  /// What one kind of diff has told so far.
  struct chain {
    std::uint64_t first_id{0};  // of the first change not told yet; 0: there is none
    std::uint64_t sent_id{0};
  };
  struct changed_prices {
    std::span<const std::int64_t> bids, asks;
  };

  [[nodiscard]] std::int64_t draw_quantity(market_chance& chance) const noexcept {
    return 1 + chance.random.exponential(spec_->typical_quantity);
  }

  /// Median 20, 99th percentile near 390, never over 1,076: as recorded.
  [[nodiscard]] static std::size_t draw_change_count(market_chance& chance) noexcept {
    constexpr std::uint64_t median = 20;
    constexpr std::uint64_t largest = 1'076;
    const bool above = chance.random.per_mille(500);
    const auto octaves = static_cast<std::uint64_t>(chance.random.exponential(above ? 1'126 : 900));  // in 1/1024
    const std::uint64_t factor = (1'024 + (octaves & 1'023U)) << std::min<std::uint64_t>(octaves >> 10U, 8);
    const std::uint64_t count = above ? median * factor / 1'024 : median * 1'024 / factor;
    return static_cast<std::size_t>(std::clamp<std::uint64_t>(count, 1, largest));
  }

  [[nodiscard]] bool can_lose_best(bool bid) const noexcept { return book_.side(bid).size() > levels_ / 2 + 1; }

  void change(market_chance& chance, bool bid, std::int64_t price, std::int64_t quantity) {
    book_.side(bid).set(price, quantity);
    book_.update_id = chance.id_after(book_.update_id);
    if (fast_.first_id == 0) fast_.first_id = book_.update_id;
  }

  void change_size(market_chance& chance, bool bid, sim_level level) {
    const std::int64_t quantity = draw_quantity(chance);
    change(chance, bid, level.price, quantity != level.quantity ? quantity : quantity + 1);
  }

  /// Behind the best level, more often near it than far away.
  void change_deep(market_chance& chance) {
    sim_random& random = chance.random;
    const bool bid = random.per_mille(500);
    const sim_book_side& side = book_.side(bid);
    const auto rank = static_cast<std::size_t>(1 + (random.below(side.size() - 1) >> random.below(7)));
    const sim_level level = side.at(rank);
    const std::int64_t gap = side.at(rank - 1).price - level.price;  // to the next better level; negative among asks
    const std::int64_t room = (gap > 0 ? gap : -gap) - 1;
    const std::uint64_t roll = random.below(100);
    ++deep_changes_;
    if (roll < 55 || side.size() < 4) return change_size(chance, bid, level);
    if (roll < 77 && side.size() >= levels_ * 3 / 4) return change(chance, bid, level.price, 0);
    if (room == 0 || side.size() > levels_ * 5 / 4) return change_size(chance, bid, level);
    const std::int64_t step = random.between(1, room);
    change(chance, bid, level.price + (gap > 0 ? step : -step), draw_quantity(chance));
  }

  /// Spot lists bids from the best, USD-M from the lowest; asks rise everywhere.
  [[nodiscard]] changed_prices changed(sim_market market) {
    const auto bids =
        market == sim_market::spot ? book_.bids.changes(std::greater<>{}) : book_.bids.changes(std::less<>{});
    return {bids, book_.asks.changes(std::less<>{})};
  }

  [[nodiscard]] sim_diff tell(sim_market market, chain& told, std::span<const std::int64_t> bids,
                              std::span<const std::int64_t> asks) {
    sim_diff diff;
    diff.first_id = market == sim_market::spot ? told.sent_id + 1 : told.first_id;
    diff.last_id = book_.update_id;
    diff.previous_id = told.sent_id;
    diff.bids = collect(book_.bids, bids, bids_);
    diff.asks = collect(book_.asks, asks, asks_);
    told = {0, book_.update_id};
    return diff;
  }

  [[nodiscard]] static std::span<const sim_level> collect(const sim_book_side& side,
                                                          std::span<const std::int64_t> prices,
                                                          std::vector<sim_level>& out) {
    out.clear();
    for (const std::int64_t price : prices) out.push_back({price, side.quantity_at(price)});
    return out;
  }

  const symbol_spec* spec_;
  sim_book book_;
  chain fast_, slow_;
  std::vector<std::int64_t> slow_bids_, slow_asks_;  // prices changed since the last slow diff
  std::vector<sim_level> bids_, asks_;               // of the diff told last
  std::uint64_t next_trade_id_{0};
  std::size_t levels_{0};          // each side stays near it
  std::size_t wanted_changes_{0};  // levels that the next diff shall have
  std::size_t deep_changes_{0};    // of which made already
};

}  // namespace foxtrot::inline v0

namespace foxtrot::inline v0 {

struct generator_settings {
  sim_market market{sim_market::spot};
  std::vector<symbol_spec> symbols{};   ///< empty: default_symbols(market)
  std::uint64_t seed{1};                ///< the same seed gives the same market, byte for byte
  std::int64_t events_per_second{800};  ///< of all symbols; what the diffs leave goes to quotes and trades
  std::chrono::nanoseconds depth_interval{std::chrono::milliseconds{100}};  ///< one diff per symbol
  std::size_t levels{1000};                                                 ///< per side and symbol
  std::int64_t start_ns{1'700'000'000'000'000'000};                         ///< of the market, since the epoch
};

/// One thing that happened. Spans are valid until the generator's next event.
struct market_event {
  enum class kind : std::uint8_t {
    book_ticker,  ///< the best bid or ask changed
    trade,
    depth,       ///< what changed since the symbol's last diff
    depth_slow,  ///< the same, over ten of those
    mark_price,  ///< USD-M only, every ten diffs
  };
  kind what{kind::book_ticker};
  bool buyer_is_maker{false};  ///< of a trade
  std::size_t symbol{0};
  std::int64_t at_ns{0};
  std::uint64_t update_id{0};  ///< of the book's last change
  sim_level bid, ask;          ///< the top of the book after this event
  symbol_market::fill fill;    ///< of a trade
  sim_diff diff;               ///< of depth and depth_slow
};

/// Quotes, trades and diffs: bursts with silence between them, four fifths quotes, heavy-tailed diffs. Everything is
/// integers and consistent: no book crosses, a quote is the top of its book, ids have no holes beyond the venue's own,
/// and a book copied at any moment plus the diffs after it stays equal to `book`. No allocation once its buffers have
/// grown. Not thread-safe.
class market_generator {
 public:
  explicit market_generator(generator_settings settings = {}) : settings_{std::move(settings)} {
    if (settings_.symbols.empty()) settings_.symbols = default_symbols(settings_.market);
    chance_.market = settings_.market;
    chance_.random = sim_random{settings_.seed};
    books_.reserve(settings_.symbols.size());
    for (const symbol_spec& spec : settings_.symbols) {
      books_.emplace_back(spec, settings_.levels, chance_);
      total_weight_ += weight(books_.size());
    }
    const std::int64_t rate = std::max<std::int64_t>(settings_.events_per_second, 1);
    // one diff in ten is followed by a slow one
    const std::int64_t diffs =
        static_cast<std::int64_t>(books_.size()) * 1'100'000'000 / settings_.depth_interval.count();
    event_ns_ = std::max<std::int64_t>(1'000'000'000 / std::max<std::int64_t>(rate - diffs, (rate + 3) / 4), 1);
    activity_at_ = settings_.start_ns;
  }

  /// The specs have to stay where they are: books refer to them.
  market_generator(const market_generator&) = delete;
  market_generator& operator=(const market_generator&) = delete;
  ~market_generator() = default;

  [[nodiscard]] std::span<const symbol_spec> symbols() const noexcept { return settings_.symbols; }
  [[nodiscard]] sim_market market() const noexcept { return settings_.market; }
  [[nodiscard]] const sim_book& book(std::size_t symbol) const noexcept { return books_[symbol].book(); }

  /// When the next event happens, since the epoch.
  [[nodiscard]] std::int64_t next_at() const noexcept {
    return next_ != follow_up::none ? event_.at_ns : std::min(activity_at_, diff_at());
  }

  /// The market slept: everything to come comes later by `pause`. Ids go on without a hole.
  void sleep(std::chrono::nanoseconds pause) noexcept {
    settings_.start_ns += pause.count();
    activity_at_ += pause.count();
    burst_began_ += pause.count();
    if (next_ != follow_up::none) event_.at_ns += pause.count();
  }

  /// Lets the next event happen. The reference is valid until the next call.
  const market_event& next() {
    using kind = market_event::kind;
    symbol_market& book = books_[event_.symbol];  // of the event before
    switch (std::exchange(next_, follow_up::none)) {
      case follow_up::none: return diff_at() <= activity_at_ ? diff() : activity();
      case follow_up::trade: return trade();
      case follow_up::quote: return emit(kind::book_ticker);
      case follow_up::slow_diff:
        event_.diff = book.take_slow_diff(chance_);
        if (settings_.market != sim_market::spot) next_ = follow_up::mark_price;
        return emit(kind::depth_slow);
      case follow_up::mark_price: return emit(kind::mark_price);
    }
    return event_;
  }

 private:
  /// What must come right after the last event, at the same time.
  enum class follow_up : std::uint8_t { none, trade, quote, slow_diff, mark_price };

  static constexpr std::int64_t diffs_per_slow_diff = 10;

  /// The first symbols are the busy ones.
  [[nodiscard]] static constexpr std::uint64_t weight(std::size_t number) noexcept { return 1'000 / number + 20; }

  [[nodiscard]] std::size_t pick_symbol() noexcept {
    std::uint64_t point = chance_.random.below(total_weight_);
    std::size_t number = 1;
    for (; point >= weight(number); ++number) point -= weight(number);
    return number - 1;
  }

  /// Diffs come at fixed times, the symbols' evenly staggered.
  [[nodiscard]] std::int64_t diff_at() const noexcept {
    const auto symbols = static_cast<std::int64_t>(books_.size());
    const std::int64_t interval = settings_.depth_interval.count();
    return settings_.start_ns + (diff_number_ / symbols + 1) * interval + diff_number_ % symbols * interval / symbols;
  }

  const market_event& emit(market_event::kind what) noexcept {
    const sim_book& book = books_[event_.symbol].book();
    event_.what = what;
    event_.bid = book.bids.best();
    event_.ask = book.asks.best();
    event_.update_id = book.update_id;
    return event_;
  }

  const market_event& diff() {
    const auto symbols = static_cast<std::int64_t>(books_.size());
    event_.at_ns = diff_at();
    event_.symbol = static_cast<std::size_t>(diff_number_ % symbols);
    event_.diff = books_[event_.symbol].take_diff(chance_);
    if (diff_number_ / symbols % diffs_per_slow_diff == diffs_per_slow_diff - 1) next_ = follow_up::slow_diff;
    ++diff_number_;
    return emit(market_event::kind::depth);
  }

  /// A quote or trades. A burst is many of them within microseconds; the pause after it is, on average, what its actual
  /// size needs to keep the rate.
  const market_event& activity() {
    sim_random& random = chance_.random;
    if (burst_left_ == 0) {
      burst_left_ = 1 + random.exponential(4 * 16) / 16 + (random.per_mille(20) ? random.between(40, 120) : 0);
      burst_events_ = 0;
      burst_began_ = activity_at_;
      burst_symbol_ = pick_symbol();
    }
    event_.at_ns = activity_at_;
    event_.symbol = random.per_mille(850) ? burst_symbol_ : pick_symbol();
    symbol_market& book = books_[event_.symbol];
    book.stir(chance_);
    const bool trades = random.per_mille(147);
    trades_left_ = trades ? 1 + (random.per_mille(330) ? 1 : 0) + (random.per_mille(170) ? 1 : 0) : 0;
    burst_events_ += trades_left_ + 1;  // the quote
    if (--burst_left_ > 0) {
      activity_at_ += 1 + random.exponential(std::min<std::int64_t>(4'000, event_ns_ / 4));
    } else {
      const std::int64_t owed = burst_events_ * event_ns_ - (activity_at_ - burst_began_);
      activity_at_ += 1 + random.exponential(std::max<std::int64_t>(owed, 0));
    }
    if (trades) {
      event_.buyer_is_maker = random.per_mille(500);
      return trade();
    }
    book.move_quote(chance_);
    return emit(market_event::kind::book_ticker);
  }

  const market_event& trade() {
    --trades_left_;
    event_.fill = books_[event_.symbol].trade(chance_, event_.buyer_is_maker, trades_left_ > 0);
    next_ = trades_left_ > 0 ? follow_up::trade : follow_up::quote;
    return emit(market_event::kind::trade);
  }

  generator_settings settings_;
  market_chance chance_;
  std::vector<symbol_market> books_;
  std::uint64_t total_weight_{0};
  std::int64_t event_ns_{0};     // mean distance of quotes and trades
  std::int64_t activity_at_{0};  // when the next of them happens
  std::int64_t diff_number_{0};  // of all symbols, in turn
  std::size_t burst_symbol_{0};
  std::int64_t burst_left_{0};
  std::int64_t burst_events_{0};
  std::int64_t burst_began_{0};
  std::int64_t trades_left_{0};
  follow_up next_{follow_up::none};
  market_event event_;
};

}  // namespace foxtrot::inline v0

namespace foxtrot::inline v0 {

/// The last ids of one symbol; 0 where nothing of the kind has happened. They count whether anybody was told or not.
struct symbol_truth {
  std::string symbol{};
  std::uint64_t last_trade_id{0};
  std::uint64_t last_aggregate_trade_id{0};
  std::uint64_t last_book_update_id{0};
  std::uint64_t last_quote_id{0};       ///< `u` of the last book ticker
  std::uint64_t last_depth_id{0};       ///< `u` of the last diff of @depth@100ms
  std::uint64_t last_slow_depth_id{0};  ///< `u` of the last diff of @depth
};

/// Each id is exact, together they are of about the same moment: pause the market to have all of one.
struct exchange_truth {
  std::vector<symbol_truth> symbols{};  ///< none where the market is a replay

  [[nodiscard]] const symbol_truth* find(std::string_view symbol) const noexcept {
    const auto found = std::find_if(symbols.begin(), symbols.end(), [&](const auto& s) { return s.symbol == symbol; });
    return found == symbols.end() ? nullptr : &*found;
  }
};

namespace detail {

/// Written by the loop's thread, read by any.
class truth_keeper {
 public:
  explicit truth_keeper(const market_generator& market) : ids_(market.symbols().size()) {
    for (std::size_t i = 0; i < ids_.size(); ++i) {
      names_.push_back(market.symbols()[i].name);
      ids_[i].book.set(market.book(i).update_id);
    }
  }

  void note(const market_event& event) noexcept {
    symbol_ids& last = ids_[event.symbol];
    last.book.set(event.update_id);
    switch (event.what) {
      case market_event::kind::book_ticker: return last.quote.set(event.update_id);
      case market_event::kind::trade: return last.trade.set(event.fill.trade_id);
      case market_event::kind::depth: return last.depth.set(event.diff.last_id);
      case market_event::kind::depth_slow: return last.slow_depth.set(event.diff.last_id);
      case market_event::kind::mark_price: return;
    }
  }

  [[nodiscard]] exchange_truth look() const {
    exchange_truth seen;
    for (std::size_t i = 0; i < ids_.size(); ++i) {
      const symbol_ids& last = ids_[i];
      const std::uint64_t trade = last.trade.get();
      // every trade is an aggregate of its own here, of the same id
      seen.symbols.push_back(
          {names_[i], trade, trade, last.book.get(), last.quote.get(), last.depth.get(), last.slow_depth.get()});
    }
    return seen;
  }

 private:
  struct symbol_ids {
    sim_counter trade, book, quote, depth, slow_depth;
  };

  std::vector<std::string> names_;
  std::vector<symbol_ids> ids_;
};

}  // namespace detail
}  // namespace foxtrot::inline v0

// foxtrot/sim/sent_log.hpp: which ids a simulated exchange has made and sent, through which connection, and when.

namespace foxtrot::inline v0 {

/// One message of a stream on its way to one client.
struct sent_message {
  std::uint64_t id{0};      ///< of the trade or the quote; the last one of a diff
  std::int64_t at_ns{0};    ///< when it was handed to the connection, by epoch_clock: before any delay of its bytes
  std::uint64_t client{0};  ///< by the order in which connections were accepted, from 1; 0: the market made it
};

/// What one stream has sent, in that order, faults included: what was dropped is not here, what was doubled is twice.
/// What the bytes' own end kept from a client, as a reset does, nobody can know.
struct sent_messages {
  std::vector<sent_message> all{};
  bool complete{true};  ///< false: there were more than were to be kept

  /// Each once, ascending: what at least one client was sent, or what the market made.
  [[nodiscard]] std::vector<std::uint64_t> sent_ids() const {
    return ids([](const sent_message& each) { return each.client != 0; });
  }
  [[nodiscard]] std::vector<std::uint64_t> made_ids() const {
    return ids([](const sent_message& each) { return each.client == 0; });
  }

 private:
  template <class Predicate>
  [[nodiscard]] std::vector<std::uint64_t> ids(Predicate counts) const {
    std::vector<std::uint64_t> found;
    for (const sent_message& each : all)
      if (counts(each)) found.push_back(each.id);
    std::sort(found.begin(), found.end());
    found.erase(std::unique(found.begin(), found.end()), found.end());
    return found;
  }
};

/// Written by the loop's thread, read by any.
class sent_log : private live_object<sent_log> {
 public:
  /// `most` messages of each stream are kept; 0: none, and nothing is done for it.
  explicit sent_log(std::size_t most) : most_{most} {}

  [[nodiscard]] bool enabled() const noexcept { return most_ != 0; }

  /// Nothing where that text has no id.
  void add(sim_message kind, std::string_view stream, std::string_view text, std::uint64_t client) {
    if (const std::uint64_t id = id_in(kind, text); id != 0) add(stream, id, client);
  }
  void add(std::string_view stream, std::uint64_t id, std::uint64_t client) {
    const sent_message added{id, epoch_clock::now_ns(), client};
    const std::lock_guard lock{mutex_};
    sent_messages& its = streams_[std::string{stream}];
    its.complete = its.complete && its.all.size() < most_;
    if (its.complete) its.all.push_back(added);
  }

  [[nodiscard]] sent_messages of(const std::string& stream) const {
    const std::lock_guard lock{mutex_};
    const auto found = streams_.find(stream);
    return found == streams_.end() ? sent_messages{} : found->second;
  }

 private:
  [[nodiscard]] static constexpr std::string_view key_of(sim_message kind) noexcept {
    switch (kind) {
      case sim_message::book_ticker:
      case sim_message::depth: return "\"u\":";
      case sim_message::trade: return "\"t\":";
      case sim_message::agg_trade: return "\"a\":";
      case sim_message::mark_price:
      case sim_message::other: break;
    }
    return {};
  }
  [[nodiscard]] static std::uint64_t id_in(sim_message kind, std::string_view text) noexcept {
    const std::string_view key = key_of(kind);
    const std::size_t at = key.empty() ? text.npos : text.find(key);
    std::uint64_t id = 0;
    if (at != text.npos) std::from_chars(text.data() + at + key.size(), text.data() + text.size(), id);
    return id;
  }

  std::size_t most_;
  mutable std::mutex mutex_;  // guards what follows
  std::unordered_map<std::string, sent_messages> streams_;
};

}  // namespace foxtrot::inline v0

namespace foxtrot::inline v0 {

namespace detail {
class exchange_host;
}

/// Speaks the venue's protocol to any number of clients from a thread of its own. Starts once, stops once. Everything
/// but construction, `start` and destruction may be called from any thread at any time; what changes connections takes
/// effect soon after.
class exchange : private live_object<exchange> {
 public:
  explicit exchange(exchange_settings settings = {}, diagnostics log = {});
  exchange(const exchange&) = delete;
  exchange& operator=(const exchange&) = delete;
  /// Stops.
  ~exchange();

  /// The port it listens on. The error of the capture, of the certificate, or of the socket; nothing runs then.
  [[nodiscard]] result<std::uint16_t> start();
  /// Drops every connection and joins the thread, within `patience`. Any number of times.
  std::error_code stop(std::chrono::milliseconds patience = std::chrono::seconds{2});

  /// What `start` returned; 0 before.
  [[nodiscard]] std::uint16_t port() const noexcept;
  /// The authority that a client has to trust; empty before `start` and without TLS.
  [[nodiscard]] const std::string& ca_pem() const noexcept;
  [[nodiscard]] exchange_statistics statistics() const noexcept;
  /// The last ids that a generated market has made; nothing before `start`.
  [[nodiscard]] exchange_truth truth() const;
  /// What this stream has sent, to whom and when; nothing where the settings do not ask for it.
  [[nodiscard]] sent_messages sent(const std::string& stream) const;

  /// Goes wrong now, whatever its `at` says; the faults of the settings follow their own times.
  void inject(fault what);
  /// Ends every condition that is in force. What the settings' script has still to come will come.
  void clear_faults();

  /// Every connection ends with a reset (RST), or is closed by the WebSocket's handshake.
  void reset_connections();
  void close_connections(close_code code, std::string reason = {});
  /// No market data from now on, until `resume`; everything else goes on. Unlike the others it is in effect when it
  /// returns, so that what was made is known.
  void pause();
  void resume();
  /// The next depth update of this symbol gets lost on its way to everybody; not in a replay.
  void lose_depth_update(std::string symbol);

 private:
  std::unique_ptr<detail::exchange_host> host_;
};

}  // namespace foxtrot::inline v0

// foxtrot/sim/market_json.hpp: the venue's text of market events, byte for byte: keys in its order, numbers in its
// format.

// foxtrot/sim/text_writer.hpp: appends numbers and text to a caller's string without a temporary.

namespace foxtrot::inline v0 {

/// How one kind of number is written: an integer with `decimals` of its digits behind the point, padded with zeros to
/// `shown`.
struct number_format {
  int decimals{0};
  int shown{0};
};

/// Writes behind the end of a string that it enlarges once by `room`, and cuts to what was written when it goes. The
/// caller promises that `room` suffices. One number takes at most `number_room`, a wide one
/// `wide_number_room`.
class text_writer {
 public:
  static constexpr std::size_t number_room = 32;
  static constexpr std::size_t wide_number_room = 64;

  text_writer(std::string& out, std::size_t room) : out_{out} {
    const std::size_t size = out.size();
    if (out.capacity() < size + room) out.reserve(std::max(size + room, 2 * out.capacity()));
    out.resize(size + room);
    at_ = out.data() + size;
  }
  text_writer(const text_writer&) = delete;
  text_writer& operator=(const text_writer&) = delete;
  ~text_writer() {
    assert(at_ <= out_.data() + out_.size());
    out_.resize(static_cast<std::size_t>(at_ - out_.data()));
  }

  text_writer& text(std::string_view piece) noexcept {
    std::memcpy(at_, piece.data(), piece.size());
    at_ += piece.size();
    return *this;
  }

  text_writer& number(std::integral auto value) noexcept {
    at_ = std::to_chars(at_, at_ + number_room, value).ptr;
    return *this;
  }

  /// A mantissa that is not negative, in quotes: `"61837.63000000"`.
  text_writer& quoted(std::int64_t mantissa, number_format format) noexcept {
    *at_++ = '"';
    std::int64_t unit = 1;
    for (int i = 0; i < format.decimals; ++i) unit *= 10;
    number(mantissa / unit);
    if (format.shown > 0) {
      *at_++ = '.';
      std::int64_t fraction = mantissa % unit;
      for (int i = format.decimals; i-- > 0; fraction /= 10) at_[i] = static_cast<char>('0' + fraction % 10);
      at_ += format.decimals;
      for (int i = format.decimals; i < format.shown; ++i) *at_++ = '0';
    }
    *at_++ = '"';
    return *this;
  }

  /// A decimal in quotes, padded to `shown` digits behind the point; more where it needs them.
  text_writer& quoted(const wide_decimal& value, int shown) noexcept {
    *at_++ = '"';
    const int needed = std::max(shown, -value.normalized().exponent());
    at_ = value.to_chars(at_, at_ + wide_number_room - 2, needed).ptr;
    *at_++ = '"';
    return *this;
  }

 private:
  std::string& out_;
  char* at_;
};

}  // namespace foxtrot::inline v0

namespace foxtrot::inline v0 {

/// The unit of times in messages.
enum class time_unit : std::uint8_t { milliseconds, microseconds };

[[nodiscard]] constexpr std::int64_t to_unit(std::int64_t ns, time_unit unit) noexcept {
  return unit == time_unit::milliseconds ? ns / 1'000'000 : ns / 1'000;
}

/// The matching engine is a little earlier than the gateway that sends.
[[nodiscard]] constexpr std::int64_t matched_ns(std::int64_t sent_ns) noexcept { return sent_ns - 300'000; }

/// Writes what one symbol's streams say. Every function appends one raw message; none allocates once the string has
/// grown.
class market_json {
 public:
  market_json(sim_market market, const symbol_spec& spec)
      : spot_{market == sim_market::spot},
        tick_{spec.tick},
        price_{spec.price_decimals, spot_ ? 8 : spec.price_decimals},
        quantity_{spec.quantity_decimals, spot_ ? 8 : spec.quantity_decimals},
        name_{spec.name},
        pair_{market == sim_market::coinm ? spec.name.substr(0, spec.name.find('_')) : std::string{}} {}

  void book_ticker(std::string& out, const market_event& event, time_unit unit) const {
    text_writer to{out, 256 + 2 * name_.size()};
    to.text(spot_ ? "{\"u\":" : "{\"e\":\"bookTicker\",\"u\":").number(event.update_id);
    symbol(to);
    pair(to);
    price(to.text(",\"b\":"), event.bid);
    quantity(to.text(",\"B\":"), event.bid);
    price(to.text(",\"a\":"), event.ask);
    quantity(to.text(",\"A\":"), event.ask);
    if (!spot_) to.text(",\"T\":").number(matched(event, unit)).text(",\"E\":").number(to_unit(event.at_ns, unit));
    to.text("}");
  }

  void trade(std::string& out, const market_event& event, time_unit unit) const {
    text_writer to{out, 256 + 2 * name_.size()};
    to.text("{\"e\":\"trade\",\"E\":").number(to_unit(event.at_ns, unit));
    if (!spot_) to.text(",\"T\":").number(matched(event, unit));
    symbol(to);
    to.text(",\"t\":").number(event.fill.trade_id);
    price(to.text(",\"p\":"), event.fill.traded);
    quantity(to.text(",\"q\":"), event.fill.traded);
    if (spot_) {
      to.text(",\"T\":").number(matched(event, unit)).text(maker(event)).text(",\"M\":true}");
    } else {
      to.text(",\"X\":\"MARKET\"").text(maker(event)).text("}");
    }
  }

  /// One trade each: ids, first and last trade are the trade's.
  void agg_trade(std::string& out, const market_event& event, time_unit unit) const {
    const std::uint64_t id = event.fill.trade_id;
    text_writer to{out, 384 + name_.size()};
    to.text("{\"e\":\"aggTrade\",\"E\":").number(to_unit(event.at_ns, unit));
    if (spot_) symbol(to);
    to.text(",\"a\":").number(id);
    if (!spot_) symbol(to);
    price(to.text(",\"p\":"), event.fill.traded);
    quantity(to.text(",\"q\":"), event.fill.traded);
    if (!spot_) quantity(to.text(",\"nq\":"), event.fill.traded);
    to.text(",\"f\":").number(id).text(",\"l\":").number(id).text(",\"T\":").number(matched(event, unit));
    to.text(maker(event)).text(spot_ ? ",\"M\":true}" : ",\"st\":1}");
  }

  void depth(std::string& out, const market_event& event, time_unit unit) const {
    text_writer to{out, 256 + 2 * name_.size() + room(event.diff.bids.size() + event.diff.asks.size())};
    diff_head(to, event, unit, event.diff);
    levels(to.text(",\"b\":"), event.diff.bids);
    levels(to.text(",\"a\":"), event.diff.asks);
    to.text("}");
  }

  /// `<symbol>@depth<count>`: the best levels after a diff.
  void partial_depth(std::string& out, const market_event& event, const sim_book& book, std::size_t count,
                     time_unit unit) const {
    text_writer to{out, 256 + 2 * name_.size() + room(2 * count)};
    if (spot_) {
      to.text("{\"lastUpdateId\":").number(book.update_id).text(",\"bids\":");
      best_levels(to, book.bids, count);
      best_levels(to.text(",\"asks\":"), book.asks, count);
    } else {
      diff_head(to, event, unit, event.diff);
      best_levels(to.text(",\"b\":"), book.bids, count);
      best_levels(to.text(",\"a\":"), book.asks, count);
    }
    to.text("}");
  }

  /// USD-M: the middle of the book stands for every price in it; funding every eight hours.
  void mark_price(std::string& out, const market_event& event, time_unit unit) const {
    constexpr std::int64_t eight_hours_ns = 28'800'000'000'000;
    const number_format eight{price_.decimals + 1, 8};  // half a tick needs one decimal more
    const std::int64_t middle = (event.bid.price + event.ask.price) * tick_ * 5;
    text_writer to{out, 512 + name_.size()};
    to.text("{\"e\":\"markPriceUpdate\",\"E\":").number(to_unit(event.at_ns, unit));
    symbol(to);
    to.text(",\"p\":").quoted(middle, eight).text(",\"ap\":").quoted(middle, eight);
    to.text(",\"P\":").quoted(middle, eight).text(",\"i\":").quoted(middle, eight).text(",\"r\":\"0.00010000\",\"T\":");
    to.number(to_unit((event.at_ns / eight_hours_ns + 1) * eight_hours_ns, unit)).text(",\"st\":1}");
  }

  /// Body of the REST depth request: the best `limit` levels of each side.
  void snapshot(std::string& out, const sim_book& book, std::size_t limit, std::int64_t now_ns) const {
    text_writer to{out, 256 + room(std::min(limit, book.bids.size()) + std::min(limit, book.asks.size()))};
    to.text("{\"lastUpdateId\":").number(book.update_id);
    const std::int64_t now = to_unit(now_ns, time_unit::milliseconds);
    if (!spot_) to.text(",\"E\":").number(now).text(",\"T\":").number(now);
    best_levels(to.text(",\"bids\":"), book.bids, limit);
    best_levels(to.text(",\"asks\":"), book.asks, limit);
    to.text("}");
  }

  /// One element of the REST book ticker's body.
  void rest_book_ticker(std::string& out, const sim_book& book, std::int64_t now_ns) const {
    text_writer to{out, 384 + 2 * name_.size()};
    to.text("{");
    if (!spot_) to.text("\"lastUpdateId\":").number(book.update_id).text(",");
    to.text("\"symbol\":\"").text(name_).text("\"");
    if (!pair_.empty()) to.text(",\"pair\":\"").text(pair_).text("\"");
    price(to.text(",\"bidPrice\":"), book.bids.best());
    quantity(to.text(",\"bidQty\":"), book.bids.best());
    price(to.text(",\"askPrice\":"), book.asks.best());
    quantity(to.text(",\"askQty\":"), book.asks.best());
    if (!spot_) to.text(",\"time\":").number(to_unit(now_ns, time_unit::milliseconds));
    to.text("}");
  }

 private:
  static constexpr std::size_t room(std::size_t levels) noexcept { return levels * (2 * text_writer::number_room + 8); }
  static std::string_view maker(const market_event& event) noexcept {
    return event.buyer_is_maker ? ",\"m\":true" : ",\"m\":false";
  }
  static std::int64_t matched(const market_event& event, time_unit unit) noexcept {
    return to_unit(matched_ns(event.at_ns), unit);
  }

  void symbol(text_writer& to) const noexcept { to.text(",\"s\":\"").text(name_).text("\""); }
  /// COIN-M says what its contract is on.
  void pair(text_writer& to) const noexcept {
    if (!pair_.empty()) to.text(",\"ps\":\"").text(pair_).text("\"");
  }
  void price(text_writer& to, const sim_level& level) const noexcept { to.quoted(level.price * tick_, price_); }
  void quantity(text_writer& to, const sim_level& level) const noexcept { to.quoted(level.quantity, quantity_); }

  void diff_head(text_writer& to, const market_event& event, time_unit unit, const sim_diff& diff) const noexcept {
    to.text("{\"e\":\"depthUpdate\",\"E\":").number(to_unit(event.at_ns, unit));
    if (!spot_) to.text(",\"T\":").number(matched(event, unit));
    symbol(to);
    pair(to);
    to.text(",\"U\":").number(diff.first_id).text(",\"u\":").number(diff.last_id);
    if (!spot_) to.text(",\"pu\":").number(diff.previous_id);
  }

  void one_level(text_writer& to, const sim_level& level, bool first) const noexcept {
    price(to.text(first ? "[" : ",["), level);
    quantity(to.text(","), level);
    to.text("]");
  }
  void levels(text_writer& to, std::span<const sim_level> changed) const noexcept {
    to.text("[");
    for (std::size_t i = 0; i < changed.size(); ++i) one_level(to, changed[i], i == 0);
    to.text("]");
  }
  void best_levels(text_writer& to, const sim_book_side& side, std::size_t count) const noexcept {
    to.text("[");
    for (std::size_t i = 0; i < std::min(count, side.size()); ++i) one_level(to, side.at(i), i == 0);
    to.text("]");
  }

  bool spot_;
  std::int64_t tick_;
  number_format price_;
  number_format quantity_;
  std::string name_;
  std::string pair_;  // COIN-M only
};

}  // namespace foxtrot::inline v0

#ifdef FOXTROT_DEFINITIONS

// foxtrot/sim/impl/exchange.hpp: what exchange.hpp declares.

// foxtrot/sim/detail/exchange_host.hpp: what an exchange is made of, with all of its machinery.

// foxtrot/sim/capture_replay.hpp: a capture played to the clients of a simulated exchange, exactly as it was recorded.

// foxtrot/capture/reader.hpp: reads a capture file line by line: `<receive time, ns since epoch> <payload>`.

// foxtrot/capture/byte_source.hpp: bytes of a file, unpacked if it is gzip and FOXTROT_WITH_ZLIB is defined.

#ifdef FOXTROT_WITH_ZLIB
#include <zlib.h>
#endif

namespace foxtrot::inline v0::detail {

/// Reads a file from its beginning. What it is shows in its first two bytes, not in its name. Every part of a program
/// must agree on FOXTROT_WITH_ZLIB, as on any definition that selects code. Not thread-safe.
class byte_source {
 public:
  /// The system's error, or errc::no_gzip_support for a compressed file in a program without zlib.
  [[nodiscard]] static result<byte_source> open(const std::string& path) {
    byte_source opened;
    opened.file_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);  // NOLINT(*-vararg)
    if (opened.file_ < 0) return system_error();
    unsigned char magic[2] = {};
    const ssize_t got = ::pread(opened.file_, magic, sizeof magic, 0);
    if (got < 0) return system_error();
    const bool packed = got == 2 && magic[0] == 0x1f && magic[1] == 0x8b;
#ifdef FOXTROT_WITH_ZLIB
    if (packed) {
      opened.gzip_ = ::gzdopen(opened.file_, "rb");
      if (opened.gzip_ == nullptr) return std::make_error_code(std::errc::not_enough_memory);
      opened.file_ = -1;  // zlib owns it now
      ::gzbuffer(opened.gzip_, 256U * 1024U);
    }
#else
    if (packed) return errc::no_gzip_support;
#endif
    return opened;
  }

  byte_source(byte_source&& other) noexcept { swap(other); }
  byte_source& operator=(byte_source&& other) noexcept {
    byte_source moved{std::move(other)};
    swap(moved);
    return *this;
  }
  ~byte_source() {
#ifdef FOXTROT_WITH_ZLIB
    if (gzip_ != nullptr) ::gzclose(gzip_);
#endif
    if (file_ >= 0) ::close(file_);
  }

  /// Bytes read into `out`; zero at the end. A damaged or cut gzip file is errc::bad_capture.
  [[nodiscard]] result<std::size_t> read(std::span<char> out) {
#ifdef FOXTROT_WITH_ZLIB
    if (gzip_ != nullptr) {
      const int got = ::gzread(gzip_, out.data(), static_cast<unsigned>(out.size()));
      int state = Z_OK;
      if (got == 0) (void)::gzerror(gzip_, &state);  // the end, or a file that was cut
      if (got < 0 || (state != Z_OK && state != Z_STREAM_END)) return errc::bad_capture;
      return static_cast<std::size_t>(got);
    }
#endif
    for (;;) {
      const ssize_t got = ::read(file_, out.data(), out.size());
      if (got >= 0) return static_cast<std::size_t>(got);
      if (errno != EINTR) return system_error();
    }
  }

 private:
  byte_source() = default;

  [[nodiscard]] static std::error_code system_error() noexcept { return {errno, std::system_category()}; }

  void swap(byte_source& other) noexcept {
    std::swap(file_, other.file_);
#ifdef FOXTROT_WITH_ZLIB
    std::swap(gzip_, other.gzip_);
#endif
  }

  int file_{-1};
#ifdef FOXTROT_WITH_ZLIB
  gzFile gzip_{nullptr};
#endif
};

}  // namespace foxtrot::inline v0::detail

namespace foxtrot::inline v0 {

/// One captured message. The payload is a view into the reader, valid until its next call.
struct capture_record {
  std::int64_t received_ns{0};
  std::string_view payload;
};

/// Streams a capture, plain or gzip, through one buffer: memory does not grow with the file. Not thread-safe.
class capture_reader : private live_object<capture_reader> {
 public:
  /// Longer lines are refused: the largest known payload, a full book snapshot, is under half a megabyte.
  static constexpr std::size_t max_line = std::size_t{16} << 20U;

  [[nodiscard]] static result<capture_reader> open(const std::string& path) {
    auto source = detail::byte_source::open(path);
    if (!source) return source.error();
    return capture_reader{std::move(source).value()};
  }

  /// The next record; false at the end and on failure, which `error()` tells apart. A failure is final.
  [[nodiscard]] bool next(capture_record& record) {
    if (error_) return false;
    std::string_view line;
    if (!next_line(line)) return false;
    ++line_;
    const char* const end = line.data() + line.size();
    const auto [stop, problem] = std::from_chars(line.data(), end, record.received_ns);
    // at least one byte of payload has to follow the space
    if (problem != std::errc{} || end - stop < 2 || *stop != ' ') return fail(errc::bad_capture);
    record.payload = {stop + 1, static_cast<std::size_t>(end - stop - 1)};
    return true;
  }

  /// Zero until something failed: errc::bad_capture for a malformed line, the one that `line()` names.
  [[nodiscard]] std::error_code error() const noexcept { return error_; }

  /// Number of the line read last, counted from one.
  [[nodiscard]] std::uint64_t line() const noexcept { return line_; }

 private:
  explicit capture_reader(detail::byte_source source) : source_{std::move(source)}, buffer_(std::size_t{256} << 10U) {}

  bool fail(std::error_code error) noexcept {
    error_ = error;
    return false;
  }

  [[nodiscard]] bool next_line(std::string_view& line) {
    std::size_t searched = 0;  // bytes of the unfinished line already known to hold no line end
    for (;;) {
      const char* const from = buffer_.data() + begin_;
      if (const void* found = std::memchr(from + searched, '\n', end_ - begin_ - searched); found != nullptr) {
        line = {from, static_cast<std::size_t>(static_cast<const char*>(found) - from)};
        begin_ += line.size() + 1;
        return true;
      }
      searched = end_ - begin_;
      if (at_end_) {
        if (searched == 0) return false;
        line = {from, searched};  // the last line may lack its end
        begin_ = end_;
        return true;
      }
      if (!refill()) return false;
    }
  }

  [[nodiscard]] bool refill() {
    if (begin_ > 0) {
      std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
      end_ -= begin_;
      begin_ = 0;
    }
    if (end_ == buffer_.size()) {
      if (buffer_.size() >= max_line) {
        ++line_;
        return fail(errc::bad_capture);
      }
      buffer_.resize(buffer_.size() * 2);
    }
    const auto got = source_.read(std::span{buffer_}.subspan(end_));
    if (!got) {
      ++line_;
      return fail(got.error());
    }
    at_end_ = *got == 0;
    end_ += *got;
    return true;
  }

  detail::byte_source source_;
  std::vector<char> buffer_;
  std::size_t begin_{0};
  std::size_t end_{0};
  bool at_end_{false};
  std::uint64_t line_{0};
  std::error_code error_;
};

}  // namespace foxtrot::inline v0

// foxtrot/capture/survey.hpp: what is in a capture, found in one pass over it.

namespace foxtrot::inline v0 {

/// Which of the venue's markets a message comes from, as far as its shape tells.
enum class capture_market : std::uint8_t { unknown, spot, usdm };

/// One captured payload, sorted by shape. The views point into the payload.
struct captured_message {
  enum class kind : std::uint8_t {
    stream,    ///< market data
    snapshot,  ///< the body of a REST depth request
    other,     ///< an acknowledgement, an error, something unknown
  };
  kind what{kind::other};
  bool combined{false};  ///< wrapped as {"stream":...,"data":...}
  capture_market market{capture_market::unknown};
  std::string_view stream;  ///< the name in the wrapper; empty in a raw message
  std::string_view event;   ///< "bookTicker", "trade", "depthUpdate", ...
  std::string_view symbol;  ///< as written in the data: upper case
  std::string_view data;    ///< the payload without its wrapper
};

namespace detail {

[[nodiscard]] inline std::string_view text_after(std::string_view text, std::string_view key) noexcept {
  const std::size_t at = text.find(key);
  if (at == std::string_view::npos) return {};
  const std::size_t from = at + key.size();
  const std::size_t end = text.find('"', from);
  return end == std::string_view::npos ? std::string_view{} : text.substr(from, end - from);
}

[[nodiscard]] inline bool has_key(std::string_view text, std::string_view quoted_with_colon) noexcept {
  return text.find(quoted_with_colon) != std::string_view::npos;
}

[[nodiscard]] inline capture_market market_of(std::string_view event, std::string_view head, bool named) noexcept {
  if (event == "bookTicker") return named ? capture_market::usdm : capture_market::spot;
  if (event == "depthUpdate") return has_key(head, "\"pu\":") ? capture_market::usdm : capture_market::spot;
  if (event == "trade" || event == "aggTrade")
    return has_key(head, "\"M\":") ? capture_market::spot : capture_market::usdm;
  if (event == "markPriceUpdate" || event == "forceOrder") return capture_market::usdm;
  return capture_market::unknown;
}

[[nodiscard]] inline std::string lower_case(std::string_view text) {
  std::string lower{text};
  for (char& c : lower)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return lower;
}

}  // namespace detail

/// Takes the wrapper off and tells data from snapshots; event, symbol and market stay empty. Cheap enough for every
/// line of a replay.
[[nodiscard]] inline captured_message unwrap_captured(std::string_view payload) noexcept {
  using kind = captured_message::kind;
  constexpr std::string_view wrapper = "{\"stream\":\"";
  constexpr std::string_view joint = "\",\"data\":";
  captured_message message;
  message.data = payload;
  if (payload.starts_with("{\"lastUpdateId\":")) {
    message.what = kind::snapshot;
  } else if (payload.starts_with(wrapper)) {
    const std::size_t end = payload.find('"', wrapper.size());
    if (end == std::string_view::npos || !payload.substr(end).starts_with(joint) || !payload.ends_with('}'))
      return message;
    message.stream = payload.substr(wrapper.size(), end - wrapper.size());
    message.data = payload.substr(end + joint.size(), payload.size() - end - joint.size() - 1);
    message.combined = true;
    message.what = kind::stream;
  }
  return message;
}

/// The same, and sorts the data by its shape, without parsing it.
[[nodiscard]] inline captured_message classify_captured(std::string_view payload) noexcept {
  using kind = captured_message::kind;
  captured_message message = unwrap_captured(payload);
  if (message.what == kind::snapshot) return message;
  const std::string_view head = message.data.substr(0, 256);  // the keys that tell stand before the levels
  message.event = detail::text_after(head, "\"e\":\"");
  const bool named = !message.event.empty();
  if (!named && detail::has_key(head, "\"u\":") && detail::has_key(head, "\"B\":")) message.event = "bookTicker";
  if (message.event.empty()) return message;
  message.what = kind::stream;
  message.symbol = detail::text_after(head, "\"s\":\"");
  message.market = detail::market_of(message.event, head, named);
  return message;
}

/// The result of a survey. Streams and symbols stand in order of first appearance.
struct capture_survey {
  struct stream_count {
    std::string name;
    std::uint64_t messages{0};
  };
  struct snapshot_line {
    std::uint64_t line{0};  ///< counted from one
    std::string symbol;     ///< of the depth message before it, else the first one after; empty where there is none
  };

  capture_market market{capture_market::unknown};
  std::vector<stream_count> streams;
  std::vector<std::string> symbols;
  std::vector<snapshot_line> snapshots;
  std::uint64_t lines{0};
  std::uint64_t other{0};  ///< lines that are neither stream data nor a snapshot
  std::uint64_t payload_bytes{0};
  std::int64_t first_ns{0};
  std::int64_t last_ns{0};
};

/// The stream a message belongs to: its wrapper's name, or for a raw message the one its event and symbol imply.
[[nodiscard]] inline std::string stream_of(const captured_message& message) {
  if (message.combined) return std::string{message.stream};
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 4> renamed{{
      {"depthUpdate", "depth"},
      {"markPriceUpdate", "markPrice"},
      {"24hrTicker", "ticker"},
      {"24hrMiniTicker", "miniTicker"},
  }};
  std::string name = detail::lower_case(message.symbol) + '@';
  for (const auto& [event, stream] : renamed)
    if (message.event == event) return name.append(stream);
  return name.append(message.event);
}

/// Reads the whole capture once. The reader's error for a file that cannot be read to its end.
[[nodiscard]] inline result<capture_survey> survey(const std::string& path) {
  auto reader = capture_reader::open(path);
  if (!reader) return reader.error();
  capture_survey found;
  std::string depth_symbol;
  std::size_t recent = 0;  // streams come in runs: look at the last one first
  capture_record record;
  while (reader->next(record)) {
    if (found.lines++ == 0) found.first_ns = record.received_ns;
    found.last_ns = record.received_ns;
    found.payload_bytes += record.payload.size();
    const captured_message message = classify_captured(record.payload);
    if (message.what == captured_message::kind::other) ++found.other;
    if (message.what == captured_message::kind::snapshot) found.snapshots.push_back({reader->line(), depth_symbol});
    if (message.what != captured_message::kind::stream) continue;
    if (found.market == capture_market::unknown) found.market = message.market;
    const std::string name = stream_of(message);
    if (recent >= found.streams.size() || found.streams[recent].name != name) {
      const auto known = std::find_if(found.streams.begin(), found.streams.end(),
                                      [&](const capture_survey::stream_count& stream) { return stream.name == name; });
      recent = static_cast<std::size_t>(known - found.streams.begin());
      if (known == found.streams.end()) found.streams.push_back({name, 0});
    }
    ++found.streams[recent].messages;
    if (message.symbol.empty()) continue;
    if (std::find(found.symbols.begin(), found.symbols.end(), message.symbol) == found.symbols.end())
      found.symbols.emplace_back(message.symbol);
    if (message.event != "depthUpdate") continue;
    depth_symbol = message.symbol;
    for (capture_survey::snapshot_line& early : found.snapshots)
      if (early.symbol.empty()) early.symbol = depth_symbol;
  }
  if (reader->error()) return reader->error();
  return found;
}

}  // namespace foxtrot::inline v0

// foxtrot/sim/exchange_target.hpp: what the target of a request asks the simulated exchange for.

namespace foxtrot::inline v0 {

namespace detail {

/// "%40" becomes "@"; what is no escape stays as it is.
[[nodiscard]] inline std::string percent_decoded(std::string_view text) {
  const auto digit = [](char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
  };
  std::string plain;
  plain.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool escape = text[i] == '%' && i + 2 < text.size() && digit(text[i + 1]) >= 0 && digit(text[i + 2]) >= 0;
    plain += escape ? static_cast<char>(digit(text[i + 1]) * 16 + digit(text[i + 2])) : text[i];
    if (escape) i += 2;
  }
  return plain;
}

[[nodiscard]] inline std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(separator), text.size());
    if (end > 0) parts.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

}  // namespace detail

/// Path and query of a request, unescaped.
struct request_target {
  std::string path;
  std::vector<std::pair<std::string, std::string>> query;

  [[nodiscard]] static request_target parse(std::string_view target) {
    request_target parsed;
    const std::size_t mark = std::min(target.find('?'), target.size());
    parsed.path = detail::percent_decoded(target.substr(0, mark));
    if (mark == target.size()) return parsed;
    for (const std::string& part : detail::split(target.substr(mark + 1), '&')) {
      const std::size_t equals = std::min(part.find('='), part.size());
      parsed.query.emplace_back(
          detail::percent_decoded(std::string_view{part}.substr(0, equals)),
          detail::percent_decoded(std::string_view{part}.substr(std::min(equals + 1, part.size()))));
    }
    return parsed;
  }

  [[nodiscard]] std::optional<std::string_view> parameter(std::string_view name) const noexcept {
    for (const auto& [key, value] : query)
      if (key == name) return value;
    return std::nullopt;
  }
};

/// Which streams a path serves. USD-M splits its streams between two; on the wrong one they are silent.
enum class stream_route : std::uint8_t {
  all,      ///< spot
  quotes,   ///< USD-M /public and the root: bookTicker, depth, trade
  market,   ///< USD-M /market: aggTrade, markPrice
  nothing,  ///< USD-M /private
};

/// Whether messages of this kind are to be had on that route.
[[nodiscard]] constexpr bool serves(stream_route route, sim_message kind) noexcept {
  const bool quotes = kind == sim_message::book_ticker || kind == sim_message::trade || kind == sim_message::depth;
  return route == stream_route::all || (route == stream_route::quotes && quotes) ||
         (route == stream_route::market && !quotes);
}

/// What a WebSocket path asks for.
struct websocket_target {
  bool combined{false};
  stream_route route{stream_route::all};
  time_unit unit{time_unit::milliseconds};
  std::vector<std::string> streams;

  /// Nothing where the venue has no WebSocket there.
  [[nodiscard]] static std::optional<websocket_target> parse(std::string_view text, sim_market market) {
    const request_target target = request_target::parse(text);
    std::string_view path = target.path;
    websocket_target wanted;
    if (market == sim_market::usdm) {
      wanted.route = stream_route::quotes;
      for (const auto& [prefix, route] : {std::pair{std::string_view{"/public"}, stream_route::quotes},
                                          std::pair{std::string_view{"/market"}, stream_route::market},
                                          std::pair{std::string_view{"/private"}, stream_route::nothing}}) {
        if (!path.starts_with(prefix)) continue;
        path.remove_prefix(prefix.size());
        wanted.route = route;
        break;
      }
    }
    if (path == "/ws" || path.starts_with("/ws/")) {
      wanted.streams = detail::split(path.substr(3), '/');
    } else if (path == "/stream") {
      wanted.combined = true;
      wanted.streams = detail::split(target.parameter("streams").value_or(""), '/');
    } else {
      return std::nullopt;
    }
    const std::string_view unit = target.parameter("timeUnit").value_or("");
    if (unit == "MICROSECOND" || unit == "microsecond") wanted.unit = time_unit::microseconds;
    return wanted;
  }
};

}  // namespace foxtrot::inline v0

// foxtrot/sim/market_source.hpp: what a simulated exchange needs of whatever makes its data.

// foxtrot/sim/stream_hub.hpp: who is subscribed to which stream of a simulated exchange.

namespace foxtrot::inline v0 {

/// Somebody who is sent messages: a connection. Loop thread only.
class stream_subscriber {
 public:
  stream_subscriber() = default;
  stream_subscriber(const stream_subscriber&) = delete;
  stream_subscriber& operator=(const stream_subscriber&) = delete;
  virtual ~stream_subscriber() = default;

  [[nodiscard]] virtual time_unit unit() const noexcept = 0;
  /// Queues one message of a stream; it leaves with the next flush.
  virtual void message(sim_message kind, std::string_view stream, std::string_view data) = 0;
  virtual void flush() = 0;
  /// Bytes that the client has not taken.
  [[nodiscard]] virtual std::size_t unsent() const noexcept = 0;
};

/// The switchboard between a source, which numbers its streams from zero, and the connections. Loop thread only.
class stream_hub {
 public:
  explicit stream_hub(asio::io_context& loop) : changed_{loop} {}

  void resize(std::size_t streams) { lists_.resize(streams); }

  void subscribe(std::size_t stream, stream_subscriber& who) {
    lists_[stream].push_back(&who);
    ++subscriptions_;
    changed_.notify();
  }
  void unsubscribe(std::size_t stream, stream_subscriber& who) {
    subscriptions_ -= std::erase(lists_[stream], &who);
    changed_.notify();
  }
  /// Forgets a connection that is gone.
  void forget(stream_subscriber& who) {
    for (auto& list : lists_) subscriptions_ -= std::erase(list, &who);
    std::erase(to_flush_, &who);
    changed_.notify();
  }

  [[nodiscard]] bool anybody() const noexcept { return subscriptions_ != 0; }
  [[nodiscard]] const std::vector<stream_subscriber*>& subscribers(std::size_t stream) const noexcept {
    return lists_[stream];
  }
  [[nodiscard]] bool wanted(std::size_t stream) const noexcept { return !lists_[stream].empty(); }

  /// To be flushed with the others.
  void mark(stream_subscriber& who) {
    if (to_flush_.empty() || to_flush_.back() != &who)
      if (std::find(to_flush_.begin(), to_flush_.end(), &who) == to_flush_.end()) to_flush_.push_back(&who);
  }
  /// Sends everything that was queued. Returns the most that any of these connections still holds.
  std::size_t flush() {
    std::size_t most = 0;
    flushing_.swap(to_flush_);
    for (stream_subscriber* who : flushing_) {
      who->flush();
      most = std::max(most, who->unsent());
    }
    flushing_.clear();
    return most;
  }
  /// The most that any subscriber of anything holds.
  [[nodiscard]] std::size_t most_unsent() const noexcept {
    std::size_t most = 0;
    for (const auto& list : lists_)
      for (const stream_subscriber* who : list) most = std::max(most, who->unsent());
    return most;
  }

  /// Notified at every subscription, every end of one, and whenever a connection has room again. One waiter: the
  /// source.
  [[nodiscard]] async_event& changed() noexcept { return changed_; }

 private:
  std::vector<std::vector<stream_subscriber*>> lists_;  // by stream
  std::vector<stream_subscriber*> to_flush_;
  std::vector<stream_subscriber*> flushing_;
  std::size_t subscriptions_{0};
  async_event changed_;
};

}  // namespace foxtrot::inline v0

namespace foxtrot::inline v0 {

/// Data for the streams of a hub and the bodies of REST requests. Loop thread only, except the constructor.
class market_source {
 public:
  market_source() = default;
  market_source(const market_source&) = delete;
  market_source& operator=(const market_source&) = delete;
  virtual ~market_source() = default;

  [[nodiscard]] virtual std::size_t stream_count() const noexcept = 0;
  /// The stream of this name, if this route has it.
  [[nodiscard]] virtual std::optional<std::size_t> find_stream(std::string_view name, stream_route route) const = 0;
  /// Feeds the hub until it is cancelled or has nothing left. Called once.
  [[nodiscard]] virtual task<> run(timer_queue& timers, stream_hub& hub) = 0;
  /// No data, until `false`. Ids go on without a hole.
  virtual void pause(bool paused) = 0;
  /// The next depth update of that symbol that somebody wants happens, but is not sent. For those who make their data.
  virtual void lose_depth_update(std::string_view symbol) { (void)symbol; }

  /// The last ids made, by those who make their data. Any thread.
  [[nodiscard]] virtual exchange_truth truth() const { return {}; }

  [[nodiscard]] virtual const std::vector<symbol_spec>& symbols() const noexcept = 0;
  /// Body of a depth request for one of `symbols`; may wait for it, and is empty where there is none in the end.
  [[nodiscard]] virtual task<std::string> snapshot(timer_queue& timers, std::size_t symbol, std::size_t limit) = 0;
  /// One element of a book ticker's body; empty where there is no quote yet.
  [[nodiscard]] virtual std::string book_ticker(std::size_t symbol) = 0;

  // Bodies about one of `symbols`, or elements of them; empty where this source has none.
  /// Trades from that id on, or the last ones.
  [[nodiscard]] virtual std::string trades(std::size_t symbol, std::optional<std::uint64_t> first_id,
                                           std::size_t limit) {
    return (void)symbol, (void)first_id, (void)limit, std::string{};
  }
  /// Likewise.
  [[nodiscard]] virtual std::string aggregate_trades(std::size_t symbol, std::optional<std::uint64_t> first_id,
                                                     std::size_t limit) {
    return (void)symbol, (void)first_id, (void)limit, std::string{};
  }
  [[nodiscard]] virtual std::string ticker(std::size_t symbol, bool mini) {
    return (void)symbol, (void)mini, std::string{};
  }
  [[nodiscard]] virtual std::string klines(std::size_t symbol, kline_interval interval, std::size_t limit) {
    return (void)symbol, (void)interval, (void)limit, std::string{};
  }
  [[nodiscard]] virtual std::string average_price(std::size_t symbol) { return (void)symbol, std::string{}; }
  [[nodiscard]] virtual std::string mark_price(std::size_t symbol) { return (void)symbol, std::string{}; }
};

}  // namespace foxtrot::inline v0

namespace foxtrot::inline v0 {

/// Plays while anybody is subscribed to one of its streams, and starts with the first who is. Never outruns its slowest
/// client. A snapshot line becomes the body of depth requests for its symbol; a request that comes before it waits.
class capture_replay final : public market_source, private live_object<capture_replay> {
 public:
  /// Reads the capture once, to know its streams. Its errors, or errc::bad_capture where it has no market data.
  [[nodiscard]] static result<std::unique_ptr<capture_replay>> open(replay_settings settings,
                                                                    detail::exchange_counters& counters) {
    auto contents = survey(settings.path);
    if (!contents) return contents.error();
    if (contents->streams.empty()) return errc::bad_capture;
    return std::unique_ptr<capture_replay>{
        new capture_replay{std::move(settings), std::move(contents).value(), counters}};
  }

  [[nodiscard]] const capture_survey& contents() const noexcept { return contents_; }

  [[nodiscard]] std::size_t stream_count() const noexcept override { return contents_.streams.size(); }
  [[nodiscard]] std::optional<std::size_t> find_stream(std::string_view name, stream_route route) const override {
    const auto found = by_name_.find(name);
    if (found == by_name_.end() || !serves(route, kinds_[found->second])) return std::nullopt;
    return found->second;
  }
  [[nodiscard]] const std::vector<symbol_spec>& symbols() const noexcept override { return symbols_; }

  [[nodiscard]] task<> run(timer_queue& timers, stream_hub& hub) override {
    hub_ = &hub;
    auto reader = capture_reader::open(settings_.path);
    steady_time origin = timers.now();  // when the first line would have been due
    std::size_t unflushed = 0;
    capture_record record;
    while (reader && reader->next(record)) {
      const std::int64_t offset = since_start(record.received_ns);
      if (paused_ || !hub.anybody()) {
        hub.flush();
        while (paused_ || !hub.anybody()) {
          if (const std::error_code error = co_await hub.changed().wait()) co_return;
        }
        origin = timers.now() - std::chrono::nanoseconds{offset};
      }
      const steady_time due = origin + std::chrono::nanoseconds{offset};
      if (due - timers.now() > close_together) {
        hub.flush();
        unflushed = 0;
        if (const std::error_code error = co_await timers.sleep_until(due)) co_return;
      }
      play(record.payload, reader->line());
      unflushed += record.payload.size();
      if (unflushed < batch) continue;
      unflushed = 0;
      std::size_t held = hub.flush();
      while (held > most_held) {
        if (const std::error_code error = co_await hub.changed().wait()) co_return;
        held = hub.most_unsent();
      }
      co_await asio::post(timers.context().get_executor(), use_task);  // clients want to be read, too
    }
    hub.flush();
    if (!reader || reader->error()) counters_->replay_failed.add();
    counters_->replay_finished.add();
  }

  void pause(bool paused) override {
    paused_ = paused;
    if (hub_ != nullptr) hub_->changed().notify();
  }

  [[nodiscard]] task<std::string> snapshot(timer_queue& timers, std::size_t symbol, std::size_t) override {
    const bool comes = std::any_of(contents_.snapshots.begin(), contents_.snapshots.end(),
                                   [&](const auto& line) { return line.symbol == symbols_[symbol].name; });
    const steady_time until = timers.now() + settings_.snapshot_patience;
    while (comes && snapshots_[symbol].empty()) {
      async_event reached{timers.context()};
      const registration here{waiting_, reached};
      const timer limit = timers.call_at(until, [&reached] { reached.notify(errc::timeout); });
      if (const std::error_code error = co_await reached.wait()) break;
    }
    co_return snapshots_[symbol];
  }

  [[nodiscard]] std::string book_ticker(std::size_t symbol) override {
    const std::string& last = quotes_[symbol];
    if (last.empty()) return {};
    std::string body = "{\"symbol\":\"" + symbols_[symbol].name;
    using keys = std::pair<std::string_view, std::string_view>;
    for (const auto& [from, to] : {keys{"\"b\":\"", "bidPrice"}, keys{"\"B\":\"", "bidQty"},
                                   keys{"\"a\":\"", "askPrice"}, keys{"\"A\":\"", "askQty"}})
      body.append("\",\"").append(to).append("\":\"").append(detail::text_after(last, from));
    return body + "\"}";
  }

 private:
  static constexpr std::chrono::microseconds close_together{100};  // lines so near leave in one write
  static constexpr std::size_t batch = std::size_t{64} << 10U;
  static constexpr std::size_t most_held = std::size_t{256} << 10U;

  /// A depth request that waits, for as long as it does.
  struct registration {
    registration(std::vector<async_event*>& list, async_event& event) : waiting{list}, reached{event} {
      waiting.push_back(&reached);
    }
    registration(const registration&) = delete;
    registration& operator=(const registration&) = delete;
    ~registration() { std::erase(waiting, &reached); }

    std::vector<async_event*>& waiting;
    async_event& reached;
  };

  capture_replay(replay_settings settings, capture_survey contents, detail::exchange_counters& counters)
      : settings_{std::move(settings)}, contents_{std::move(contents)}, counters_{&counters} {
    for (const capture_survey::stream_count& stream : contents_.streams) {
      by_name_.emplace(stream.name, kinds_.size());
      kinds_.push_back(kind_of(stream.name));
    }
    for (const std::string& name : contents_.symbols) {
      symbols_.emplace_back();
      symbols_.back().name = name;
    }
    snapshots_.resize(symbols_.size());
    quotes_.resize(symbols_.size());
  }

  [[nodiscard]] static sim_message kind_of(std::string_view stream) noexcept {
    const std::string_view channel = stream.substr(std::min(stream.find('@'), stream.size() - 1) + 1);
    if (channel == "bookTicker") return sim_message::book_ticker;
    if (channel == "trade") return sim_message::trade;
    if (channel == "aggTrade") return sim_message::agg_trade;
    if (channel.starts_with("depth")) return sim_message::depth;
    return channel.starts_with("markPrice") ? sim_message::mark_price : sim_message::other;
  }

  /// Nanoseconds after the first line, in replayed time.
  [[nodiscard]] std::int64_t since_start(std::int64_t received_ns) const noexcept {
    if (settings_.speed <= 0) return 0;
    return static_cast<std::int64_t>(static_cast<double>(received_ns - contents_.first_ns) / settings_.speed);
  }

  void play(std::string_view payload, std::uint64_t line) {
    counters_->replayed_lines.add();
    captured_message message = unwrap_captured(payload);
    if (message.what == captured_message::kind::snapshot) return keep_snapshot(payload, line);
    std::string implied;
    if (!message.combined) {
      message = classify_captured(payload);
      if (message.what != captured_message::kind::stream) return;
      implied = stream_of(message);
      message.stream = implied;
    }
    const auto found = by_name_.find(message.stream);
    if (found == by_name_.end()) return;
    const sim_message kind = kinds_[found->second];
    if (kind == sim_message::book_ticker) keep_quote(message.data);
    for (stream_subscriber* who : hub_->subscribers(found->second)) {
      who->message(kind, message.stream, message.data);
      hub_->mark(*who);
    }
  }

  void keep_snapshot(std::string_view body, std::uint64_t line) {
    while (next_snapshot_ < contents_.snapshots.size() && contents_.snapshots[next_snapshot_].line < line)
      ++next_snapshot_;
    if (next_snapshot_ == contents_.snapshots.size() || contents_.snapshots[next_snapshot_].line != line) return;
    const std::string& name = contents_.snapshots[next_snapshot_].symbol;
    if (const auto symbol = number_of(name)) snapshots_[*symbol] = body;
    for (async_event* reached : waiting_) reached->notify();
  }

  void keep_quote(std::string_view data) {
    if (const auto symbol = number_of(detail::text_after(data.substr(0, 128), "\"s\":\""))) quotes_[*symbol] = data;
  }

  [[nodiscard]] std::optional<std::size_t> number_of(std::string_view symbol) const noexcept {
    for (std::size_t i = 0; i < symbols_.size(); ++i)
      if (symbols_[i].name == symbol) return i;
    return std::nullopt;
  }

  const replay_settings settings_;
  const capture_survey contents_;
  detail::exchange_counters* counters_;
  std::unordered_map<std::string_view, std::size_t> by_name_;  // into contents_
  std::vector<sim_message> kinds_;                             // by stream
  std::vector<symbol_spec> symbols_;
  std::vector<std::string> snapshots_;  // by symbol: the last one reached
  std::vector<std::string> quotes_;     // by symbol: the last book ticker
  std::size_t next_snapshot_{0};
  std::vector<async_event*> waiting_;
  stream_hub* hub_{nullptr};
  bool paused_{false};
};

}  // namespace foxtrot::inline v0

// foxtrot/sim/exchange_server.hpp: accepts the connections of a simulated exchange and serves each.

// foxtrot/net/http/request_parser.hpp: requests without a body, from pieces of any size: the server's end of a GET.

namespace foxtrot::inline v0 {

struct http_request {
  std::string method;
  std::string target;
  http_fields headers;
  bool keep_alive{true};
};

/// Reads one request. A body is refused as errc::http_malformed: no GET carries one. One thread.
class http_request_parser {
 public:
  explicit http_request_parser(http_head_limits limits = {}) : limits_{limits}, head_{limits} {}

  /// Takes bytes and returns how many belonged to the request: fewer than given only when `done` or `error`.
  std::size_t feed(std::string_view bytes) {
    if (done_ || error_) return 0;
    const std::size_t taken = head_.feed(bytes);
    error_ = head_.error();
    if (!error_ && head_.done()) {
      done_ = read_request_line(head_.start_line()) && read_headers();
      if (!done_) error_ = errc::http_malformed;
    }
    return taken;
  }

  [[nodiscard]] bool done() const noexcept { return done_; }
  [[nodiscard]] std::error_code error() const noexcept { return error_; }
  [[nodiscard]] const http_request& request() const noexcept { return request_; }

  /// Ready for the next request on the same connection.
  void reset() { *this = http_request_parser{limits_}; }

 private:
  [[nodiscard]] bool read_request_line(std::string_view line) {
    const std::size_t first = line.find(' ');
    const std::size_t last = line.rfind(' ');
    if (first == line.npos || first == last) return false;
    request_.method = line.substr(0, first);
    request_.target = line.substr(first + 1, last - first - 1);
    const std::string_view version = line.substr(last + 1);
    request_.keep_alive = version == "HTTP/1.1";
    return detail::is_http_token(request_.method) && is_valid_target(request_.target) &&
           (version == "HTTP/1.1" || version == "HTTP/1.0");
  }

  [[nodiscard]] bool read_headers() {
    request_.headers = head_.fields();
    const http_fields& got = request_.headers;
    if (got.has_token("Connection", "close")) request_.keep_alive = false;
    const bool body_free = got.count("Transfer-Encoding") == 0 && got.find("Content-Length").value_or("0") == "0";
    return body_free && got.count("Host") == 1;
  }

  http_head_limits limits_;
  http_head_reader head_;
  http_request request_;
  std::error_code error_;
  bool done_{false};
};

}  // namespace foxtrot::inline v0

// foxtrot/net/http/response.hpp: writing a response: the server's end, for a simulated exchange.

namespace foxtrot::inline v0 {

/// The bytes of a response with Content-Length. Headers are written as given: a simulation may lie.
[[nodiscard]] inline std::string encode_response(int status, std::string_view reason, std::string_view body,
                                                 const std::vector<http_field>& headers = {}) {
  std::string text = "HTTP/1.1 " + std::to_string(status) + " ";
  text.append(reason).append("\r\n");
  for (const http_field& field : headers) text += field.name + ": " + field.value + "\r\n";
  if (status >= 200 && status != 204) text += "Content-Length: " + std::to_string(body.size()) + "\r\n";
  return text.append("\r\n").append(body);
}

}  // namespace foxtrot::inline v0

// foxtrot/net/websocket/server_handshake.hpp: the server's side of the upgrade, RFC 6455 section 4.2.

namespace foxtrot::inline v0 {

/// True where the request asks for a WebSocket at all; `accept_upgrade` then says whether it asks properly.
[[nodiscard]] inline bool is_upgrade(const http_request& request) noexcept {
  return request.headers.has_token("Upgrade", "websocket");
}

/// The 101 that answers the request, with one of its subprotocols if one is named. errc::websocket_bad_upgrade where
/// the request is no proper upgrade, errc::bad_argument where the subprotocol was not offered.
[[nodiscard]] inline result<std::string> accept_upgrade(const http_request& request,
                                                        std::string_view subprotocol = {}) {
  const http_fields& got = request.headers;
  const std::string_view key = got.find("Sec-WebSocket-Key").value_or(std::string_view{});
  if (request.method != "GET" || !is_upgrade(request) || !got.has_token("Connection", "Upgrade") ||
      got.count("Sec-WebSocket-Key") != 1 || key.size() != 24 || !key.ends_with("==") ||
      got.find("Sec-WebSocket-Version") != "13") {
    return errc::websocket_bad_upgrade;
  }
  if (!subprotocol.empty() && !got.has_token("Sec-WebSocket-Protocol", subprotocol)) return errc::bad_argument;

  std::vector<http_field> headers{
      {"Upgrade", "websocket"}, {"Connection", "Upgrade"}, {"Sec-WebSocket-Accept", websocket_accept(key)}};
  if (!subprotocol.empty()) headers.push_back({"Sec-WebSocket-Protocol", std::string{subprotocol}});
  return encode_response(101, "Switching Protocols", {}, headers);
}

}  // namespace foxtrot::inline v0

// foxtrot/sim/control_protocol.hpp: the venue's side of control messages: SUBSCRIBE and its kin, answered in its words.

namespace foxtrot::inline v0 {

namespace detail {

/// A string as JSON, quotes included.
[[nodiscard]] inline std::string json_quoted(std::string_view text) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string quoted = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20) {
      quoted.append("\\u00").append({digits[byte >> 4U], digits[byte & 15U]});
      continue;
    }
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + '"';
}

}  // namespace detail

/// What a control message changed or wants sent.
struct control_outcome {
  bool not_json{false};  ///< the venue closes with 1008 "Invalid request"; nothing else is set
  std::string reply;
  std::vector<std::string> subscribed;    ///< new ones, in order
  std::vector<std::string> unsubscribed;  ///< that were subscribed
};

/// Subscriptions and properties of one connection. Knows no socket and no stream: the venue acknowledges names that do
/// not exist. Errors have the shape seen on the wire, `{"error":{"code":..,"msg":..},"id":..}`. Not thread-safe.
class control_session {
 public:
  static constexpr std::size_t max_streams = 1024;

  explicit control_session(bool combined) : combined_{combined} {}

  [[nodiscard]] bool combined() const noexcept { return combined_; }
  [[nodiscard]] const std::vector<std::string>& streams() const noexcept { return streams_; }

  /// Those of `names` that were not subscribed yet; nothing is, and false returned, where the limit would be passed.
  [[nodiscard]] bool subscribe(const std::vector<std::string>& names, std::vector<std::string>& added) {
    const std::size_t before = streams_.size();
    for (const std::string& name : names)
      if (!has(name)) streams_.push_back(name);
    if (streams_.size() > max_streams) {
      streams_.resize(before);
      return false;
    }
    added.assign(streams_.begin() + static_cast<std::ptrdiff_t>(before), streams_.end());
    return true;
  }

  [[nodiscard]] control_outcome handle(std::string_view text) {
    control_outcome outcome;
    simdjson::dom::element message;
    // copies: the message is a view into a receive buffer
    if (parser_.parse(text.data(), text.size(), true).get(message) != simdjson::SUCCESS) {
      outcome.not_json = true;
      return outcome;
    }
    answer(message, text.size(), outcome);
    return outcome;
  }

  /// Changes nothing, whatever the message asks for.
  [[nodiscard]] control_outcome refuse(std::string_view text, std::string_view why) {
    control_outcome outcome;
    simdjson::dom::element message;
    outcome.not_json = parser_.parse(text.data(), text.size(), true).get(message) != simdjson::SUCCESS;
    if (outcome.not_json) return outcome;
    const std::string id = message.is_object() ? id_of(message) : std::string{};
    fail(outcome, 2, "Invalid request: " + std::string{why}, id.empty() ? "null" : id);
    return outcome;
  }

 private:
  using element = simdjson::dom::element;

  static constexpr std::string_view variants =
      "`SUBSCRIBE`, `UNSUBSCRIBE`, `LIST_SUBSCRIPTIONS`, `SET_PROPERTY`, `GET_PROPERTY`";

  [[nodiscard]] bool has(std::string_view name) const {
    return std::find(streams_.begin(), streams_.end(), name) != streams_.end();
  }

  /// The id as it goes into the answer: int64, null, or an alphanumeric string of at most 36; empty for anything else.
  [[nodiscard]] static std::string id_of(const element& message) {
    element id;
    if (message["id"].get(id) != simdjson::SUCCESS || id.is_null()) return "null";
    if (std::int64_t number = 0; id.get(number) == simdjson::SUCCESS) return std::to_string(number);
    std::string_view text;
    if (id.get(text) != simdjson::SUCCESS || text.empty() || text.size() > 36) return {};
    const bool plain = std::all_of(text.begin(), text.end(), [](char c) {
      return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    });
    return plain ? "\"" + std::string{text} + "\"" : std::string{};
  }

  static void fail(control_outcome& outcome, int code, std::string_view text, const std::string& id) {
    outcome.reply = "{\"error\":{\"code\":" + std::to_string(code) + ",\"msg\":" + detail::json_quoted(text) +
                    "},\"id\":" + id + "}";
  }

  void answer(const element& message, std::size_t size, control_outcome& outcome) {
    const auto refuse = [&](std::string_view why, const std::string& id) {
      fail(outcome, 2, "Invalid request: " + std::string{why}, id);
    };
    const std::string where = " at line 1 column " + std::to_string(size);
    if (!message.is_object()) return refuse("invalid type, expected a request" + where, "null");
    const std::string id = id_of(message);
    if (id.empty()) return refuse("request ID must be an unsigned integer", "null");
    std::string_view method;
    if (message["method"].get(method) != simdjson::SUCCESS) return refuse("missing field `method`" + where, id);
    simdjson::dom::array params;
    const auto given = message["params"].get(params);
    if (given != simdjson::SUCCESS && given != simdjson::NO_SUCH_FIELD)
      return refuse("invalid type, expected a sequence" + where, id);
    const std::string done = "{\"result\":null,\"id\":" + id + "}";
    if (method == "LIST_SUBSCRIPTIONS") {
      outcome.reply = "{\"result\":" + listed() + ",\"id\":" + id + "}";
    } else if (method == "SET_PROPERTY" || method == "GET_PROPERTY") {
      property(params, given == simdjson::SUCCESS ? params.size() : 0, method == "SET_PROPERTY", id, outcome);
    } else if (method == "SUBSCRIBE" || method == "UNSUBSCRIBE") {
      if (given != simdjson::SUCCESS) return refuse("missing field `params`" + where, id);
      std::vector<std::string> names;
      for (const element parameter : params) {
        std::string_view name;
        if (parameter.get(name) != simdjson::SUCCESS) return refuse("stream name must be a string", id);
        names.emplace_back(name);
      }
      if (method == "UNSUBSCRIBE") {
        for (std::string& name : names)
          if (std::erase(streams_, name) != 0) outcome.unsubscribed.push_back(std::move(name));
      } else if (!subscribe(names, outcome.subscribed)) {
        return refuse("too many streams", id);
      }
      outcome.reply = done;
    } else {
      refuse("unknown variant `" + std::string{method} + "`, expected one of " + std::string{variants}, id);
    }
  }

  void property(const simdjson::dom::array& params, std::size_t count, bool set, const std::string& id,
                control_outcome& outcome) {
    std::string_view name;
    if (count == 0 || params.at(0).get(name) != simdjson::SUCCESS)
      return fail(outcome, 2, "Invalid request: property name must be a string", id);
    if (count > (set ? 2U : 1U)) return fail(outcome, 2, "Invalid request: too many parameters", id);
    if (name != "combined") return fail(outcome, 0, "Unknown property", id);
    if (!set) {
      outcome.reply = std::string{"{\"result\":"} + (combined_ ? "true" : "false") + ",\"id\":" + id + "}";
      return;
    }
    bool value = false;
    if (count != 2 || params.at(1).get(value) != simdjson::SUCCESS)
      return fail(outcome, 1, "Invalid value type: expected Boolean", id);
    combined_ = value;
    outcome.reply = "{\"result\":null,\"id\":" + id + "}";
  }

  [[nodiscard]] std::string listed() const {
    std::string list = "[";
    for (const std::string& name : streams_) {
      if (list.size() > 1) list += ',';
      list += detail::json_quoted(name);
    }
    return list + "]";
  }

  simdjson::dom::parser parser_;
  std::vector<std::string> streams_;
  bool combined_;
};

}  // namespace foxtrot::inline v0

// foxtrot/sim/exchange_clients.hpp: everybody who is connected to a simulated exchange, and what happens to all at
// once.

// foxtrot/sim/exchange_connection.hpp: the exchange's end of one connection.

// foxtrot/sim/client_messages.hpp: how often a client of a simulated exchange speaks, and when that is too often.

namespace foxtrot::inline v0 {

/// One connection's messages in the second that ends now. Loop thread only.
class client_messages {
 public:
  client_messages(const exchange_limits& limits, detail::exchange_counters& counters) : counters_{counters} {
    if (limits.messages_per_second == 0) return;
    limiter_.emplace(rate_limit_settings{limits.messages_per_second, second, 0});
  }

  /// Counts one more; false where it is one too many.
  [[nodiscard]] bool admit(steady_time now) {
    while (!recent_.empty() && recent_.front() + second <= now) recent_.pop_front();
    recent_.push_back(now);
    counters_.most_messages_per_second.raise_to(recent_.size());
    return !limiter_ || limiter_->try_acquire(now, send_priority::urgent);
  }

 private:
  static constexpr std::chrono::milliseconds second{1000};

  detail::exchange_counters& counters_;
  std::optional<rate_limiter> limiter_;
  std::deque<steady_time> recent_;
};

}  // namespace foxtrot::inline v0

// foxtrot/sim/control_answers.hpp: answers to control messages, and the faults that keep them from a client.

// foxtrot/sim/faults_in_force.hpp: the conditions under which a simulated exchange works at the moment.

#include <initializer_list>

namespace foxtrot::inline v0 {

/// A set of kinds.
class fault_mask {
 public:
  constexpr fault_mask() = default;
  constexpr fault_mask(std::initializer_list<fault_kind> kinds) noexcept {
    for (const fault_kind kind : kinds) add(kind);
  }
  constexpr void add(fault_kind kind) noexcept { bits_ |= std::uint64_t{1} << static_cast<unsigned>(kind); }
  [[nodiscard]] constexpr bool meets(fault_mask other) const noexcept { return (bits_ & other.bits_) != 0; }
  friend constexpr bool operator==(fault_mask, fault_mask) = default;

 private:
  static_assert(fault_kinds <= 64);

  std::uint64_t bits_{0};
};

/// What begins, holds for its time and ends. Whoever is about to do what a condition may spoil asks here; where none is
/// in force that is one comparison. Of several of one kind the last begun counts. Loop thread only.
class faults_in_force : private live_object<faults_in_force> {
 public:
  struct condition {
    fault what;
    std::uint64_t number{0};  ///< tells it from an earlier one of its kind
    timer end;
  };

  faults_in_force(timer_queue& timers, std::uint64_t seed) : timers_{timers}, seed_{seed} {}
  faults_in_force(const faults_in_force&) = delete;
  faults_in_force& operator=(const faults_in_force&) = delete;
  ~faults_in_force() = default;

  /// Called whenever one began or ended.
  void on_change(std::function<void()> changed) { changed_ = std::move(changed); }

  /// Not for instants.
  void begin(const fault& what) {
    const auto added = all_.insert(all_.begin(), condition{what, ++begun_, {}});
    if (what.lasts.count() != 0) added->end = timers_.call_after(what.lasts, [this, added] { end(added); });
    look();
  }
  void clear() {
    all_.clear();
    look();
  }

  [[nodiscard]] bool any_of(fault_mask kinds) const noexcept { return mask_.meets(kinds); }
  [[nodiscard]] bool has(fault_kind kind) const noexcept { return mask_.meets({kind}); }
  /// Valid until the loop's next turn.
  [[nodiscard]] const condition* find(fault_kind kind) const noexcept {
    if (!has(kind)) return nullptr;
    return &*std::find_if(all_.begin(), all_.end(), [&](const condition& each) { return each.what.kind == kind; });
  }
  /// The `wait` of that kind's fault; zero where none is in force.
  [[nodiscard]] std::chrono::milliseconds wait_of(fault_kind kind) const noexcept {
    const condition* found = find(kind);
    return found != nullptr ? found->what.wait : std::chrono::milliseconds{0};
  }
  [[nodiscard]] bool silences(std::string_view stream) const noexcept {
    return has(fault_kind::silence) && std::any_of(all_.begin(), all_.end(), [&](const condition& each) {
             return each.what.kind == fault_kind::silence && each.what.text == stream;
           });
  }

  [[nodiscard]] timer_queue& timers() const noexcept { return timers_; }
  [[nodiscard]] std::uint64_t seed() const noexcept { return seed_; }

 private:
  using iterator = std::list<condition>::iterator;

  void end(iterator over) {
    all_.erase(over);
    look();
  }
  void look() {
    mask_ = {};
    for (const condition& each : all_) mask_.add(each.what.kind);
    if (changed_) changed_();
  }

  timer_queue& timers_;
  std::uint64_t seed_;
  std::function<void()> changed_;
  std::list<condition> all_;  // the last begun first
  fault_mask mask_;
  std::uint64_t begun_{0};
};

/// Exactly one in N, at a place drawn anew for every N: the same seed and the same fault hit the same ones.
class fault_share {
 public:
  /// Whether the next one is hit; never where that kind is not in force.
  [[nodiscard]] bool hits(const faults_in_force& faults, fault_kind kind, std::uint64_t seed) noexcept {
    const faults_in_force::condition* found = faults.find(kind);
    if (found == nullptr) return false;
    const std::uint64_t count = std::max<std::uint64_t>(found->what.one_in, 1);
    if (found->number != fault_) {
      fault_ = found->number;
      random_ = sim_random{seed ^ (fault_ << 32U) ^ static_cast<std::uint64_t>(kind)};
      at_ = 0;
    }
    if (at_ == 0) chosen_ = random_.below(count);
    const bool hit = at_ == chosen_;
    at_ = (at_ + 1) % count;
    return hit;
  }

 private:
  std::uint64_t fault_{0};
  std::uint64_t at_{0};
  std::uint64_t chosen_{0};
  sim_random random_{0};
};

}  // namespace foxtrot::inline v0

namespace foxtrot::inline v0 {

/// One connection's subscriptions behind whatever goes wrong with its requests. Loop thread only.
class control_answers {
 public:
  control_answers(bool combined, const faults_in_force& faults, detail::exchange_counters& counters, std::uint64_t seed,
                  std::function<void(std::string_view)> send)
      : control{combined}, faults_{faults}, counters_{counters}, seed_{seed}, send_{std::move(send)} {}
  control_answers(const control_answers&) = delete;
  control_answers& operator=(const control_answers&) = delete;
  ~control_answers() = default;

  control_session control;

  /// What the message changes. `not_json`: the venue closes.
  [[nodiscard]] control_outcome handle(std::string_view text) {
    if (refused_.hits(faults_, fault_kind::ack_error, seed_)) return control.refuse(text, "out of order");
    return control.handle(text);
  }

  /// Sends the answer: at once, later, or never.
  void answer(std::string reply) {
    if (lost_.hits(faults_, fault_kind::ack_loss, seed_)) return counters_.answers_withheld.add();
    const auto wait = faults_.wait_of(fault_kind::ack_delay);
    if (wait.count() == 0) return send_(reply);
    late_.push_back({faults_.timers().now() + wait, std::move(reply)});
    if (late_.size() == 1) expect();
  }

 private:
  struct late_answer {
    steady_time due;
    std::string text;
  };

  void expect() {
    timer_ = faults_.timers().call_at(late_.front().due, [this] {
      const std::string text = std::move(late_.front().text);
      late_.pop_front();
      if (!late_.empty()) expect();
      send_(text);
    });
  }

  const faults_in_force& faults_;
  detail::exchange_counters& counters_;
  std::uint64_t seed_;
  std::function<void(std::string_view)> send_;
  fault_share refused_, lost_;
  std::deque<late_answer> late_;
  timer timer_;
};

}  // namespace foxtrot::inline v0

// foxtrot/sim/exchange_parts.hpp: what the connections of a simulated exchange share.

namespace foxtrot::inline v0 {

/// All of it outlives them. Loop thread only.
struct exchange_parts {
  timer_queue& timers;
  stream_hub& hub;
  const market_source& source;
  const exchange_limits& limits;
  detail::exchange_counters& counters;
  const faults_in_force& faults;
  sent_log& log;
  bool drop_slow{true};  ///< a replay waits for slow readers instead
};

}  // namespace foxtrot::inline v0

// foxtrot/sim/exchange_pings.hpp: the venue's pings on one WebSocket, and the pongs it waits for.

namespace foxtrot::inline v0 {

/// Pings at their interval with the time as payload, and without end while a storm is in force. Loop thread only.
class exchange_pings {
 public:
  struct callbacks {
    std::function<void(std::string_view payload)> send;  ///< one ping
    std::function<void()> deaf;                          ///< no pong came in time
  };

  exchange_pings(const exchange_limits& limits, detail::exchange_counters& counters, const faults_in_force& faults,
                 callbacks owner)
      : limits_{limits}, counters_{counters}, faults_{faults}, owner_{std::move(owner)} {
    schedule();
  }
  exchange_pings(const exchange_pings&) = delete;
  exchange_pings& operator=(const exchange_pings&) = delete;
  ~exchange_pings() = default;

  /// A pong that copies a ping answers it and those before; any other is allowed and proves nothing.
  void answered(std::string_view payload) {
    const auto found =
        std::find_if(unanswered_.begin(), unanswered_.end(), [&](const ping& p) { return p.payload == payload; });
    if (found == unanswered_.end()) return;
    counters_.pongs_received.add();
    unanswered_.erase(unanswered_.begin(), found + 1);
    pong_timer_.cancel();
    if (!unanswered_.empty()) expect_pong();
  }
  /// True for as many pongs as a storm had pings: they do not count as messages of the client's.
  [[nodiscard]] bool forgiven() noexcept {
    if (forgiven_ == 0) return false;
    --forgiven_;
    return true;
  }

  /// Other faults are in force now.
  void changed() {
    const bool storm = faults_.has(fault_kind::ping_storm);
    if (storm && storm_began_ == steady_time{}) {
      storm_began_ = now();
      storm_sent_ = 0;
      blow();
    } else if (!storm) {
      storm_began_ = {};
      storm_timer_.cancel();
    }
  }
  /// Nothing is sent or expected any more.
  void end() noexcept {
    ping_timer_.cancel();
    pong_timer_.cancel();
    storm_timer_.cancel();
  }

 private:
  struct ping {
    std::string payload;
    steady_time sent;
  };

  static constexpr std::chrono::milliseconds gust{1};

  [[nodiscard]] steady_time now() const noexcept { return faults_.timers().now(); }

  void schedule() {
    ping_timer_ = faults_.timers().call_after(limits_.ping_interval, [this] { send(); });
  }

  void send() {
    const auto time = std::chrono::duration_cast<std::chrono::milliseconds>(epoch_clock::now().time_since_epoch());
    unanswered_.push_back({std::to_string(time.count()), now()});
    counters_.pings_sent.add();
    schedule();
    if (unanswered_.size() == 1) expect_pong();
    owner_.send(unanswered_.back().payload);  // last: it may end the connection
  }

  void expect_pong() { pong_at(unanswered_.front().sent + limits_.pong_timeout); }
  void pong_at(steady_time limit) {
    pong_timer_ = faults_.timers().call_at(limit, [this] {
      // whoever is frozen does not look at its watch either
      if (faults_.has(fault_kind::freeze)) return pong_at(now() + limits_.pong_timeout);
      owner_.deaf();
    });
  }

  /// Sends what the storm is behind with.
  void blow() {
    const auto* storm = faults_.find(fault_kind::ping_storm);
    if (storm == nullptr) return;
    const fault what = storm->what;
    const std::chrono::duration<double> since = now() - storm_began_;
    storm_timer_ = faults_.timers().call_after(gust, [this] { blow(); });
    for (const double due = since.count() * what.per_second + 1; static_cast<double>(storm_sent_) < due;) {
      std::string payload = std::to_string(++storm_sent_);
      payload.resize(what.bytes, '.');
      counters_.pings_sent.add();
      ++forgiven_;
      owner_.send(payload);
    }
  }

  const exchange_limits& limits_;
  detail::exchange_counters& counters_;
  const faults_in_force& faults_;
  callbacks owner_;
  std::deque<ping> unanswered_;
  timer ping_timer_;
  timer pong_timer_;
  steady_time storm_began_{};
  std::uint64_t storm_sent_{0};
  std::uint64_t forgiven_{0};
  timer storm_timer_;
};

}  // namespace foxtrot::inline v0

// foxtrot/sim/exchange_socket.hpp: the bytes of one connection of the exchange, and the ways in which they end.

// foxtrot/sim/frame_queue.hpp: bytes that wait to be sent to one client: frames of a server, or an HTTP response.

namespace foxtrot::inline v0 {

/// Frames are laid one behind the other, so that all that are due leave in one write. Grows as needed, never shrinks;
/// the owner watches `size`. Not thread-safe.
class frame_queue {
 public:
  [[nodiscard]] std::size_t size() const noexcept { return end_ - begin_; }
  [[nodiscard]] bool empty() const noexcept { return begin_ == end_; }

  /// One unmasked frame whose payload is these pieces.
  void frame(opcode op, std::initializer_list<std::string_view> pieces) {
    std::size_t length = 0;
    for (const std::string_view piece : pieces) length += piece.size();
    char* at = room(max_frame_header + length);
    char head[max_frame_header];
    const std::size_t head_size = encode_frame_header(head, op, true, length, std::nullopt);
    std::memcpy(at, head, head_size);
    at += head_size;
    for (const std::string_view piece : pieces) at = put(at, piece);
    end_ += head_size + length;
  }

  void raw(std::string_view bytes) {
    put(room(bytes.size()), bytes);
    end_ += bytes.size();
  }

  /// Hands the stream what it takes. Zero once everything left, errc::would_block: wait until the stream is writable.
  template <byte_stream Stream>
  std::error_code flush(Stream& stream) noexcept {
    while (!empty()) {
      const io_result went = stream.write_some(std::span<const char>{data_.get() + begin_, size()});
      begin_ += went.bytes;
      if (went.error) return went.error;
    }
    begin_ = end_ = 0;
    return stream.flush();
  }

 private:
  /// An empty piece may have no address at all.
  static char* put(char* at, std::string_view bytes) noexcept {
    if (!bytes.empty()) std::memcpy(at, bytes.data(), bytes.size());
    return at + bytes.size();
  }

  [[nodiscard]] char* room(std::size_t count) {
    if (capacity_ - end_ >= count) return data_.get() + end_;
    if (capacity_ - size() >= count && begin_ >= size()) {  // moving is cheap where little is left
      std::memcpy(data_.get(), data_.get() + begin_, size());
    } else {
      const std::size_t larger = 2 * (size() + count) + 4096;
      std::unique_ptr<char[]> moved{new char[larger]};  // uninitialised on purpose
      if (!empty()) std::memcpy(moved.get(), data_.get() + begin_, size());
      data_ = std::move(moved);
      capacity_ = larger;
    }
    end_ -= std::exchange(begin_, 0);
    return data_.get() + end_;
  }

  std::unique_ptr<char[]> data_;
  std::size_t capacity_{0};
  std::size_t begin_{0};
  std::size_t end_{0};
};

}  // namespace foxtrot::inline v0

// foxtrot/sim/sim_stream.hpp: a server's end of a connection: TLS, or plain TCP where a test wants to look inside.

// foxtrot/sim/sim_transport.hpp: a server's end of a TCP connection, and the faults that are its bytes'.

namespace foxtrot::inline v0 {

/// Freezes, drips and coalesces below TLS, handshakes included. Loop thread only.
class sim_transport {
 public:
  /// `faults`: null where nothing ever goes wrong.
  explicit sim_transport(tcp_stream accepted, const faults_in_force* faults = nullptr)
      : tcp_{std::move(accepted)}, faults_{faults} {}

  [[nodiscard]] io_result read_some(std::span<char> into) noexcept {
    if (frozen() && tcp_.is_open()) return {0, errc::would_block};
    return tcp_.read_some(into);
  }
  [[nodiscard]] io_result write_some(std::span<const char> from) noexcept {
    if (!spoiled()) return tcp_.write_some(from);
    return paced_write(from);
  }
  [[nodiscard]] std::error_code flush() noexcept { return tcp_.flush(); }
  [[nodiscard]] task<std::error_code> wait_readable() {
    if (frozen() && tcp_.is_open()) return changed(waiters_, faults_->timers(), std::nullopt);
    return tcp_.wait_readable();
  }
  [[nodiscard]] task<std::error_code> wait_writable() {
    if (!spoiled() || !tcp_.is_open()) return tcp_.wait_writable();
    if (frozen()) return changed(waiters_, faults_->timers(), std::nullopt);
    const steady_time turn = next_turn(faults_->timers().now());
    if (turn == steady_time{}) return tcp_.wait_writable();
    return changed(waiters_, faults_->timers(), turn);
  }

  void close() noexcept {
    tcp_.close();
    wake();
  }
  void reset() noexcept {
    tcp_.reset();
    wake();
  }
  void shutdown_write() noexcept { tcp_.shutdown_write(); }

  /// Other faults are in force now: whoever waits looks again.
  void wake() {
    for (async_event* waiting : *waiters_) waiting->notify();
  }

  [[nodiscard]] std::size_t buffered() const noexcept { return tcp_.buffered(); }
  [[nodiscard]] bool drained() const noexcept { return tcp_.drained(); }
  [[nodiscard]] bool is_open() const noexcept { return tcp_.is_open(); }
  [[nodiscard]] int native_handle() noexcept { return tcp_.native_handle(); }

 private:
  using waiter_list = std::vector<async_event*>;

  static constexpr fault_mask of_bytes{fault_kind::freeze, fault_kind::drip, fault_kind::coalesce};
  static constexpr std::chrono::milliseconds window{1};  // in which all that is due leaves, in however many writes

  struct registration {
    registration(waiter_list& list, async_event& event) : waiters{list}, over{event} { waiters.push_back(&over); }
    registration(const registration&) = delete;
    registration& operator=(const registration&) = delete;
    ~registration() { std::erase(waiters, &over); }

    waiter_list& waiters;
    async_event& over;
  };

  [[nodiscard]] bool spoiled() const noexcept { return faults_ != nullptr && faults_->any_of(of_bytes); }
  [[nodiscard]] bool frozen() const noexcept { return faults_ != nullptr && faults_->has(fault_kind::freeze); }

  /// When more may leave, if not now.
  [[nodiscard]] steady_time next_turn(steady_time now) const noexcept {
    steady_time turn{};
    if (faults_->has(fault_kind::drip) && drop_left_ == 0 && now < next_drop_) turn = next_drop_;
    if (faults_->has(fault_kind::coalesce) && now >= window_end_ && now < next_window_)
      turn = std::max(turn, next_window_);
    return turn;
  }

  [[nodiscard]] io_result paced_write(std::span<const char> from) noexcept {
    if (!tcp_.is_open()) return {0, errc::closed};
    const steady_time now = faults_->timers().now();
    if (frozen() || next_turn(now) != steady_time{}) return {0, errc::would_block};
    if (const auto* coalesce = faults_->find(fault_kind::coalesce); coalesce != nullptr && now >= next_window_) {
      window_end_ = now + window;
      next_window_ = now + coalesce->what.wait;
    }
    const auto* drip = faults_->find(fault_kind::drip);
    if (drip == nullptr) return tcp_.write_some(from);
    if (now >= next_drop_) {
      drop_left_ = std::max<std::size_t>(drip->what.bytes, 1);
      next_drop_ = now + drip->what.wait;
    }
    const io_result went = tcp_.write_some(from.first(std::min(from.size(), drop_left_)));
    drop_left_ -= went.bytes;
    return went;
  }

  /// Nothing of the transport in here: it may be gone before the loop gets to a wait that is over.
  static task<std::error_code> changed(std::shared_ptr<waiter_list> waiters, timer_queue& timers,
                                       std::optional<steady_time> until) {
    async_event over{timers.context()};
    const registration here{*waiters, over};
    std::optional<timer> alarm;
    if (until) alarm = timers.call_at(*until, [&over] { over.notify(); });
    co_return co_await over.wait();
  }

  tcp_stream tcp_;
  const faults_in_force* faults_;
  std::shared_ptr<waiter_list> waiters_ = std::make_shared<waiter_list>();
  steady_time next_drop_{};
  std::size_t drop_left_{0};  // bytes that may leave before it
  steady_time next_window_{};
  steady_time window_end_{};
};

static_assert(buffered_stream<sim_transport>);

}  // namespace foxtrot::inline v0

namespace foxtrot::inline v0 {

/// One type for both. Every byte of a connection passes through here and through the transport below, and so does every
/// fault that is one of bytes. Loop thread only.
class sim_stream {
 public:
  /// `faults`: null where nothing ever goes wrong.
  sim_stream(tcp_stream accepted, const std::optional<tls_context>& tls, const faults_in_force* faults = nullptr)
      : stream_{tls ? either{std::in_place_type<tls_end>, sim_transport{std::move(accepted), faults}, *tls}
                    : either{std::in_place_type<sim_transport>, std::move(accepted), faults}},
        faults_{faults} {}

  /// Nothing to do where there is no TLS.
  [[nodiscard]] task<std::error_code> handshake() {
    std::error_code error;
    if (auto* tls = std::get_if<tls_end>(&stream_)) error = co_await tls->handshake();
    co_return error;
  }

  [[nodiscard]] io_result read_some(std::span<char> into) noexcept {
    return std::visit([&](auto& stream) { return stream.read_some(into); }, stream_);
  }
  [[nodiscard]] io_result write_some(std::span<const char> from) noexcept {
    if (faults_ != nullptr && faults_->has(fault_kind::split)) {
      const std::size_t most = std::max<std::size_t>(faults_->find(fault_kind::split)->what.bytes, 1);
      from = from.first(std::min(from.size(), most));
    }
    return std::visit([&](auto& stream) { return stream.write_some(from); }, stream_);
  }
  [[nodiscard]] std::error_code flush() noexcept {
    return std::visit([](auto& stream) { return stream.flush(); }, stream_);
  }
  [[nodiscard]] task<std::error_code> wait_readable() {
    return std::visit([](auto& stream) { return stream.wait_readable(); }, stream_);
  }
  [[nodiscard]] task<std::error_code> wait_writable() {
    return std::visit([](auto& stream) { return stream.wait_writable(); }, stream_);
  }
  void close() noexcept {
    std::visit([](auto& stream) { stream.close(); }, stream_);
  }

  /// Drops the connection with a reset (RST).
  void reset() noexcept {
    std::visit([](auto& stream) { stream.reset(); }, stream_);
  }
  /// Announces the end, as far as the socket takes that now.
  void shutdown() noexcept {
    if (auto* tls = std::get_if<tls_end>(&stream_)) tls->shutdown();
    if (auto* tcp = std::get_if<sim_transport>(&stream_)) tcp->shutdown_write();
  }
  [[nodiscard]] bool is_open() const noexcept {
    return std::visit([](const auto& stream) { return stream.is_open(); }, stream_);
  }
  /// What is below TLS.
  [[nodiscard]] sim_transport& transport() noexcept {
    auto* tls = std::get_if<tls_end>(&stream_);
    return tls != nullptr ? tls->next_layer() : *std::get_if<sim_transport>(&stream_);
  }

 private:
  using tls_end = basic_tls_stream<sim_transport>;
  using either = std::variant<sim_transport, tls_end>;

  either stream_;
  const faults_in_force* faults_;
};

static_assert(byte_stream<sim_stream>);

}  // namespace foxtrot::inline v0

namespace foxtrot::inline v0 {

/// Sends what the queue holds, at once where the socket takes it and no fault delays it. Loop thread only.
class exchange_socket : private live_object<exchange_socket> {
 public:
  exchange_socket(sim_stream stream, const faults_in_force& faults, const exchange_limits& limits,
                  detail::exchange_counters& counters)
      : faults_{faults},
        limits_{limits},
        counters_{counters},
        stream_{std::move(stream)},
        full_{faults.timers().context()},
        random_{faults.seed() ^ (counters.connections.get() << 32U)} {}
  exchange_socket(const exchange_socket&) = delete;
  exchange_socket& operator=(const exchange_socket&) = delete;
  ~exchange_socket() = default;

  [[nodiscard]] sim_stream& stream() noexcept { return stream_; }
  [[nodiscard]] frame_queue& queue() noexcept { return queue_; }
  [[nodiscard]] bool is_open() const noexcept { return stream_.is_open(); }
  /// Whether there is any sense in queueing more.
  [[nodiscard]] bool takes_more() const noexcept { return stream_.is_open() && !doomed_ && !cut_; }
  [[nodiscard]] std::size_t unsent() const noexcept { return stream_.is_open() ? queue_.size() : 0; }

  void flush() {
    if (blocked_ || cut_ || !stream_.is_open() || held_back()) return;
    const std::error_code error = queue_.flush(stream_);
    if (!error) return;
    if (error == errc::would_block) {
      blocked_ = true;
      full_.notify();
    } else {
      stream_.close();
    }
  }
  /// Waits until the socket takes more, and sends. The stream's error.
  [[nodiscard]] task<std::error_code> flush_later() {
    const std::error_code error = co_await stream_.wait_writable();
    blocked_ = false;
    if (!error) flush();
    co_return error;
  }
  /// Whether something waits for the socket to take more, in the queue or in TLS.
  [[nodiscard]] bool sending() const noexcept { return stream_.is_open() && !cut_ && blocked_; }

  /// Sends what the socket did not take at once, until the connection ends. `has_room` is notified whenever it did.
  [[nodiscard]] task<> write(async_event& has_room) {
    while (stream_.is_open()) {
      if (const std::error_code error = co_await full_.wait()) co_return;
      while (sending()) {
        if (const std::error_code error = co_await flush_later()) co_return;
      }
      has_room.notify();
    }
  }

  /// Sends raw bytes and waits until they left. Not beside `write`.
  [[nodiscard]] task<std::error_code> send_all(std::string bytes) {
    queue_.raw(bytes);
    counters_.bytes_sent.add(bytes.size());
    std::error_code error = queue_.flush(stream_);
    while (error == errc::would_block) {
      error = co_await stream_.wait_writable();
      if (!error) error = queue_.flush(stream_);
    }
    co_return error;
  }

  /// Answers nothing, whatever comes, until the client gives up.
  [[nodiscard]] task<> ignore() {
    std::array<char, 4096> buffer;
    sim_transport& transport = stream_.transport();
    while (transport.is_open()) {
      const io_result got = transport.read_some(buffer);
      if (!got.error) continue;
      if (got.error != errc::would_block) break;
      if (const std::error_code error = co_await transport.wait_readable()) break;
    }
    close();
  }

  /// At once, with a reset or without a word.
  void reset() noexcept { stream_.reset(); }
  void close() noexcept {
    stream_.close();
    full_.notify();
  }
  /// The orderly end of the side that has nothing more to say.
  void finish() noexcept {
    if (stream_.is_open()) stream_.shutdown();
    close();
  }
  /// Our direction ends (FIN) as where a machine dies: no close_notify, nothing that was still to be sent. Closes once
  /// the client does, or after the limit.
  void cut() {
    if (cut_ || !stream_.is_open()) return;
    cut_ = true;
    stream_.transport().shutdown_write();
    close_later();
  }
  /// As `close`, but a peer that is frozen keeps even its end to itself until it thaws.
  void drop() noexcept {
    doomed_ = true;
    if (!faults_.has(fault_kind::freeze)) close();
  }
  /// Drops the connection after the limit for closing.
  void close_later() {
    end_delay();
    limit_ = faults_.timers().call_after(limits_.close_timeout, [this] { drop(); });
  }

  /// Other faults are in force now.
  void faults_changed() {
    if (doomed_) drop();
    end_delay();
    stream_.transport().wake();
  }

 private:
  /// Whether a delay keeps what is to be sent. It draws its time for the first of a burst; what follows meanwhile
  /// leaves with that, so that nothing overtakes.
  [[nodiscard]] bool held_back() {
    if (delayed_) return true;
    if (undelayed_ || queue_.empty() || !faults_.has(fault_kind::delay)) return false;
    const std::chrono::microseconds most = faults_.wait_of(fault_kind::delay);
    delayed_ = true;
    delay_ = faults_.timers().call_after(most * random_.below(1'025) / 1'024, [this] { end_delay(); });
    return true;
  }
  /// What was held back leaves now.
  void end_delay() {
    if (!std::exchange(delayed_, false)) return;
    delay_.cancel();
    undelayed_ = true;
    flush();
    undelayed_ = false;
    full_.notify();  // whoever waits for room looks again
  }

  const faults_in_force& faults_;
  const exchange_limits& limits_;
  detail::exchange_counters& counters_;
  sim_stream stream_;
  frame_queue queue_;
  async_event full_;     // notified when there is something for `write` to do
  bool blocked_{false};  // the socket was full; `write` flushes
  bool cut_{false};
  bool doomed_{false};
  timer limit_;
  sim_random random_;      // draws delays
  bool delayed_{false};    // until `delay_` the queue is kept
  bool undelayed_{false};  // a flush that no delay keeps
  timer delay_;
};

}  // namespace foxtrot::inline v0

// foxtrot/sim/message_faults.hpp: which messages of one connection get lost, spoiled, doubled or out of order.

namespace foxtrot::inline v0 {

/// How a message goes out.
enum class message_shape : std::uint8_t { right, bad_frame, bad_json };

/// Shares are counted by stream: what happens to one does not depend on what else is subscribed. Loop thread only.
class message_faults {
 public:
  /// `seed` differs between connections: two lines do not lack the same messages.
  message_faults(const faults_in_force& faults, detail::exchange_counters& counters, std::uint64_t seed)
      : faults_{faults}, counters_{counters}, seed_{seed} {}

  /// False where every message simply goes out.
  [[nodiscard]] bool in_force() const noexcept { return faults_.any_of(of_messages); }

  /// Calls `deliver(kind, stream, data, shape)` for what is to be sent now: nothing, this message, this and others.
  template <class Deliver>
  void pass(sim_message kind, std::string_view stream, std::string_view data, Deliver deliver) {
    if (faults_.has(fault_kind::mute) || faults_.silences(stream)) return counters_.messages_dropped.add();
    per_stream& shares = of(stream);
    // all are asked, whoever is hit: each keeps its own count
    const bool dropped = shares.drop.hits(faults_, fault_kind::drop, shares.seed);
    const bool bad_frame = shares.bad_frame.hits(faults_, fault_kind::bad_frame, shares.seed);
    const bool bad_json = shares.bad_json.hits(faults_, fault_kind::bad_json, shares.seed);
    const bool twice = shares.duplicate.hits(faults_, fault_kind::duplicate, shares.seed);
    const bool late = shares.reorder.hits(faults_, fault_kind::reorder, shares.seed);
    if (dropped) return counters_.messages_dropped.add();
    if (late && !shares.held) {
      shares.held = held_message{kind, std::string{data}};
      return;
    }
    const message_shape shape = bad_frame  ? message_shape::bad_frame
                                : bad_json ? message_shape::bad_json
                                           : message_shape::right;
    deliver(kind, stream, data, shape);
    if (twice && shape == message_shape::right) {
      counters_.messages_duplicated.add();
      deliver(kind, stream, data, shape);
    }
    if (!shares.held) return;
    counters_.messages_reordered.add();
    release(stream, shares, deliver);
  }

  /// What is held back for a stream's next message does not wait for it any longer than the fault lasts.
  template <class Deliver>
  void changed(Deliver deliver) {
    if (faults_.has(fault_kind::reorder)) return;
    for (auto& [stream, shares] : streams_)
      if (shares.held) release(stream, shares, deliver);
  }
  /// Nobody wants that stream any more.
  void forget(const std::string& stream) { streams_.erase(stream); }

 private:
  static constexpr fault_mask of_messages{fault_kind::mute,     fault_kind::silence, fault_kind::bad_frame,
                                          fault_kind::bad_json, fault_kind::drop,    fault_kind::duplicate,
                                          fault_kind::reorder};

  struct held_message {
    sim_message kind;
    std::string data;
  };
  struct per_stream {
    std::uint64_t seed{0};
    fault_share drop, bad_frame, bad_json, duplicate, reorder;
    std::optional<held_message> held;
  };

  [[nodiscard]] per_stream& of(std::string_view stream) {
    const auto [found, fresh] = streams_.try_emplace(std::string{stream});
    if (fresh) {
      std::uint64_t hash = 0xcbf29ce484222325U;  // FNV-1a: the same everywhere, which std::hash is not
      for (const char c : stream) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
      found->second.seed = seed_ ^ hash;
    }
    return found->second;
  }

  template <class Deliver>
  static void release(std::string_view stream, per_stream& shares, Deliver& deliver) {
    const held_message late = std::move(*shares.held);
    shares.held.reset();
    deliver(late.kind, stream, late.data, message_shape::right);
  }

  const faults_in_force& faults_;
  detail::exchange_counters& counters_;
  std::uint64_t seed_;
  std::unordered_map<std::string, per_stream> streams_;  // what was sent while a fault was in force
};

}  // namespace foxtrot::inline v0

// foxtrot/sim/spoiled.hpp: messages and frames as no client wants them.

namespace foxtrot::inline v0 {

/// Three ways by turns: cut in the middle, a symbol (or the bids, or a code) of another type, no JSON at all.
[[nodiscard]] inline std::string spoiled_json(std::string_view text, std::uint64_t turn) {
  using replacement = std::pair<std::string_view, std::string_view>;
  std::string spoiled{text};
  if (turn % 3 == 0) return spoiled.substr(0, text.size() / 2);
  if (turn % 3 == 1) {
    for (const auto& [key, wrong] :
         {replacement{"\"s\":\"", "\"s\":7,\"_\":\""}, replacement{"\"symbol\":\"", "\"symbol\":7,\"_\":\""},
          replacement{"\"bids\":[", "\"bids\":7,\"_\":["},
          replacement{"\"serverTime\":", "\"serverTime\":null,\"_\":"}})
      if (const std::size_t at = text.find(key); at != text.npos) return spoiled.replace(at, key.size(), wrong);
  }
  return "<html><body>Bad Gateway</body></html>";
}

/// The frame of a text as RFC 6455 forbids it, four ways by turns: a reserved bit, a reserved opcode, masked by a
/// server, a length in more bytes than it needs.
[[nodiscard]] inline std::string spoiled_frame(std::string_view payload, std::uint64_t turn) {
  if (turn % 4 == 3) {
    std::string frame = "\x81\x7f";
    frame.resize(10);
    payload = payload.substr(0, 0xffff);
    detail::store_big_endian(frame.data() + 2, payload.size(), 8);
    return frame.append(payload);
  }
  char head[max_frame_header];
  std::string frame{head, encode_frame_header(head, opcode::text, true, payload.size(), std::nullopt)};
  if (turn % 4 == 0) frame[0] = static_cast<char>(0xc1);  // RSV1, and no extension agreed on
  if (turn % 4 == 1) frame[0] = static_cast<char>(0x83);
  if (turn % 4 == 2) frame[1] = static_cast<char>(static_cast<unsigned char>(frame[1]) | 0x80U);
  return frame.append(payload);
}

}  // namespace foxtrot::inline v0

namespace foxtrot::inline v0 {

/// One accepted connection, plain HTTP until `open`, a WebSocket from then on. Owned by the tasks that read and write
/// it. Every message leaves through `deliver` and every byte through the stream: faults have one place to step in. Loop
/// thread only.
class exchange_connection final : public stream_subscriber,
                                  public std::enable_shared_from_this<exchange_connection>,
                                  private live_object<exchange_connection> {
 public:
  exchange_connection(sim_stream stream, exchange_parts parts)
      : parts_{parts},
        number_{parts.counters.connections.get()},
        socket_{std::move(stream), parts.faults, parts.limits, parts.counters},
        heard_{parts.limits, parts.counters} {}
  ~exchange_connection() override {
    if (!session_) return;
    parts_.hub.forget(*this);
    parts_.counters.open_websockets.subtract();
  }

  [[nodiscard]] exchange_socket& socket() noexcept { return socket_; }
  [[nodiscard]] bool is_websocket() const noexcept { return session_ != nullptr; }
  /// Neither side has begun to close it, as far as it was read.
  [[nodiscard]] bool is_open_websocket() const noexcept { return session_ && !session_->closing && socket_.is_open(); }
  /// Of the upgrade, without the query. WebSockets only, and so are the next two.
  [[nodiscard]] const std::string& path() const noexcept { return session_->path; }
  [[nodiscard]] steady_time opened_at() const noexcept { return session_->opened_at; }
  /// A text of the venue's own, in the form that the client wants.
  void announce(std::string_view stream, std::string_view data) {
    if (!is_open_websocket()) return;
    put(stream, data);
    flush();
  }

  /// FIN after `wait`, without a WebSocket close or close_notify.
  void cut(std::chrono::milliseconds wait = {}) {
    if (wait.count() != 0) {
      cut_timer_ = parts_.timers.call_after(wait, [this] { cut(); });
      return;
    }
    stop_talking();
    socket_.cut();
  }
  /// Other faults are in force now.
  void faults_changed() {
    socket_.faults_changed();
    if (!is_open_websocket()) return;
    session_->pings.changed();
    session_->faults.changed(delivery{*this});
    flush();
  }

  /// The upgrade is done; `received` are bytes that came behind the request.
  void open(const websocket_target& target, std::string path, std::string_view received) {
    session_ = std::make_unique<session>(*this, target, std::move(path));
    parts_.counters.websockets.add();
    parts_.counters.open_websockets.add();
    const std::span<char> space = session_->decoder.prepare();
    if (!received.empty()) std::memcpy(space.data(), received.data(), received.size());
    session_->decoder.commit(received.size());
    std::vector<std::string> added;
    if (session_->answers.control.subscribe(target.streams, added)) subscribe(added);
    session_->pings.changed();  // there may be a storm
  }

  /// Reads until the connection ends, answering what the client says.
  [[nodiscard]] task<> read_messages() {
    incoming events{*this};
    sim_stream& stream = socket_.stream();
    while (stream.is_open()) {
      if (const std::error_code violation = session_->decoder.drain(events)) begin_close(close_code_for(violation), {});
      flush();
      if (session_->decoder.closed()) break;
      const io_result got = stream.read_some(session_->decoder.prepare());
      session_->decoder.commit(got.bytes);
      if (!got.error) continue;
      if (got.error != errc::would_block) break;
      if (const std::error_code error = co_await stream.wait_readable()) break;
    }
    // the client's close gets its answer behind whatever data was under way, within the limit
    if (session_->decoder.closed()) socket_.close_later();
    while (session_->decoder.closed() && socket_.sending()) {
      if (const std::error_code error = co_await socket_.flush_later()) break;
    }
    stop_talking();
    socket_.finish();
  }

  /// Sends what the socket did not take at once. Runs beside `read_messages`.
  [[nodiscard]] task<> write_messages() { return socket_.write(parts_.hub.changed()); }

  /// Sends a close frame and waits for the client's, within the limit. No data follows.
  void begin_close(close_code code, std::string_view reason) {
    if (!session_ || session_->closing) return;
    stop_talking();
    socket_.queue().frame(opcode::close, {encode_close(code, reason)});
    flush();
    socket_.close_later();
  }

  [[nodiscard]] time_unit unit() const noexcept override { return session_->unit; }
  [[nodiscard]] std::size_t unsent() const noexcept override { return socket_.unsent(); }

  void message(sim_message kind, std::string_view stream, std::string_view data) override {
    if (session_->closing || !socket_.takes_more()) return;
    if (session_->faults.in_force()) return session_->faults.pass(kind, stream, data, delivery{*this});
    deliver(kind, stream, data);
  }

  void flush() override { socket_.flush(); }

 private:
  /// What a WebSocket has beyond a connection.
  struct session {
    session(exchange_connection& self, const websocket_target& target, std::string asked)
        : unit{target.unit},
          route{target.route},
          path{std::move(asked)},
          opened_at{self.parts_.timers.now()},
          answers{target.combined, self.parts_.faults, self.parts_.counters, self.seed(),
                  [&self](std::string_view text) { self.tell(opcode::text, text); }},
          pings{self.parts_.limits,
                self.parts_.counters,
                self.parts_.faults,
                {[&self](std::string_view payload) { self.tell(opcode::ping, payload); },
                 [&self] { self.begin_close(close_code::policy_violation, "Pong timeout"); }}},
          faults{self.parts_.faults, self.parts_.counters, self.seed()} {}

    time_unit unit;
    stream_route route;
    std::string path;
    steady_time opened_at;
    control_answers answers;
    message_decoder<websocket_role::server> decoder{{.buffer = 64 * 1024, .max_message = 1024 * 1024}};
    exchange_pings pings;
    message_faults faults;
    bool closing{false};
  };

  /// What the decoder found.
  struct incoming {
    exchange_connection& self;

    void on_message(message_kind kind, std::string_view text) {
      if (!self.admit()) return;
      self.parts_.counters.control_messages.add();
      self.control(kind, text);
    }
    void on_ping(std::string_view payload) {
      if (self.admit()) self.send(opcode::pong, {payload});
    }
    void on_pong(std::string_view payload) {
      if (self.session_->pings.forgiven() || self.admit()) self.session_->pings.answered(payload);
    }
    void on_close(const close_info& info) {
      if (self.session_->closing) return;  // it is the answer to ours
      self.stop_talking();
      self.socket_.queue().frame(opcode::close, {encode_close(info.code)});
    }
  };

  /// Whatever is under way still leaves, but nothing is added to it.
  void stop_talking() {
    if (!session_) return;
    session_->closing = true;
    session_->pings.end();
  }
  void send(opcode op, std::initializer_list<std::string_view> pieces) {
    const std::size_t before = socket_.queue().size();
    socket_.queue().frame(op, pieces);
    parts_.counters.bytes_sent.add(socket_.queue().size() - before);
  }
  /// At once, outside of a flush that is to come anyway.
  void tell(opcode op, std::string_view payload) {
    if (session_->closing || !socket_.takes_more()) return;
    send(op, {payload});
    flush();
    limit_unsent();
  }
  void put(std::string_view stream, std::string_view data) {
    if (!session_->answers.control.combined()) return send(opcode::text, {data});
    send(opcode::text, {"{\"stream\":\"", stream, "\",\"data\":", data, "}"});
  }

  void deliver(sim_message kind, std::string_view stream, std::string_view data) {
    put(stream, data);
    if (parts_.log.enabled()) parts_.log.add(kind, stream, data, number_);
    parts_.counters.sent[static_cast<std::size_t>(kind)].add();
    limit_unsent();
  }
  void deliver_spoiled(std::string_view stream, std::string_view data, message_shape shape) {
    const std::uint64_t turn = parts_.counters.messages_spoiled.get();
    parts_.counters.messages_spoiled.add();
    if (shape == message_shape::bad_json) return put(stream, spoiled_json(data, turn));
    socket_.queue().raw(spoiled_frame(data, turn));
  }
  struct delivery {
    exchange_connection& self;

    void operator()(sim_message kind, std::string_view stream, std::string_view data, message_shape shape) const {
      if (shape == message_shape::right) return self.deliver(kind, stream, data);
      self.deliver_spoiled(stream, data, shape);
    }
  };

  void limit_unsent() {
    if (!parts_.drop_slow || socket_.queue().size() <= parts_.limits.max_unsent || !socket_.takes_more()) return;
    parts_.counters.dropped_slow.add();
    socket_.drop();
  }

  /// Counts a message of the client's; the one too many ends the connection.
  [[nodiscard]] bool admit() {
    if (session_->closing) return false;
    if (heard_.admit(parts_.timers.now())) return true;
    parts_.counters.dropped_noisy.add();
    begin_close(close_code::policy_violation, "Too many requests");
    return false;
  }

  void control(message_kind kind, std::string_view text) {
    control_outcome outcome;
    outcome.not_json = kind != message_kind::text;
    if (!outcome.not_json) outcome = session_->answers.handle(text);
    if (outcome.not_json) return begin_close(close_code::policy_violation, "Invalid request");
    for (const std::string& name : outcome.unsubscribed) {
      session_->faults.forget(name);
      if (const auto stream = parts_.source.find_stream(name, session_->route)) parts_.hub.unsubscribe(*stream, *this);
    }
    session_->answers.answer(std::move(outcome.reply));
    subscribe(outcome.subscribed);
  }

  void subscribe(const std::vector<std::string>& names) {
    for (const std::string& name : names)
      if (const auto stream = parts_.source.find_stream(name, session_->route)) parts_.hub.subscribe(*stream, *this);
    parts_.counters.most_streams_per_websocket.raise_to(session_->answers.control.streams().size());
  }

  [[nodiscard]] std::uint64_t seed() const noexcept { return parts_.faults.seed() + number_; }

  exchange_parts parts_;
  std::uint64_t number_;  // of this connection, from 1
  exchange_socket socket_;
  client_messages heard_;
  std::unique_ptr<session> session_;  // once it is a WebSocket
  timer cut_timer_;
};

}  // namespace foxtrot::inline v0

// foxtrot/sim/websocket_census.hpp: how many WebSockets are open at once, from where the client stands.

namespace foxtrot::inline v0::detail {

/// Whether the peer of this socket has ended its direction, or the connection is gone, whatever has been read of it.
[[nodiscard]] inline bool peer_hung_up(int socket) noexcept {
  pollfd asked{socket, POLLRDHUP, 0};
  return ::poll(&asked, 1, 0) != 0;  // POLLHUP and POLLERR are told unasked
}

/// Counts `opened` and those of `all` that are open beside it, and keeps the most.
template <class Connection>
void take_census(const std::vector<std::shared_ptr<Connection>>& all, Connection& opened, exchange_counters& counters) {
  std::uint64_t at_once = 1;
  std::uint64_t on_path = 1;
  for (const auto& other : all) {
    if (other.get() == &opened || !other->is_open_websocket()) continue;
    if (peer_hung_up(other->socket().stream().transport().native_handle())) continue;
    ++at_once;
    if (other->path() == opened.path()) ++on_path;
  }
  counters.most_websockets_at_once.raise_to(at_once);
  counters.most_websockets_per_path.raise_to(on_path);
}

}  // namespace foxtrot::inline v0::detail

namespace foxtrot::inline v0 {

/// A list that does not keep its members. Loop thread only.
class exchange_clients {
 public:
  using pointer = std::shared_ptr<exchange_connection>;

  explicit exchange_clients(std::uint64_t seed) : random_{seed} {}

  void add(const pointer& accepted) {
    std::erase_if(all_, [](const auto& weak) { return weak.expired(); });
    all_.push_back(accepted);
  }
  [[nodiscard]] std::vector<pointer> alive() const {
    std::vector<pointer> found;
    for (const auto& weak : all_)
      if (pointer strong = weak.lock()) found.push_back(std::move(strong));
    return found;
  }
  template <class Action>
  void each(Action act) const {
    for (const pointer& one : alive()) act(*one);
  }

  /// WebSockets by their handshake, others without a word.
  void close_all(close_code code, const std::string& reason) const {
    each([&](exchange_connection& one) {
      if (one.is_websocket()) {
        one.begin_close(code, reason);
      } else {
        one.socket().close();
      }
    });
  }
  void reset_all() const {
    each([](exchange_connection& one) { one.socket().reset(); });
  }

  /// An instant happens; `clear` and conditions are not for here.
  void suffer(const fault& what, steady_time now) {
    if (what.whom == fault_victims::all) return each([&](exchange_connection& one) { hit(one, what, now); });
    if (const pointer victim = choose(what, now)) hit(*victim, what, now);
  }

 private:
  [[nodiscard]] static bool is_due(const exchange_connection& one, const fault& what, steady_time now) noexcept {
    return what.kind != fault_kind::expire || one.opened_at() <= now - what.wait;
  }

  [[nodiscard]] pointer choose(const fault& what, steady_time now) {
    std::vector<pointer> open = alive();
    std::erase_if(open, [&](const pointer& each) {
      return !each->is_open_websocket() || !is_due(*each, what, now) ||
             detail::peer_hung_up(each->socket().stream().transport().native_handle());
    });
    if (open.empty()) return {};
    if (what.whom == fault_victims::one) return open[random_.below(open.size())];
    const auto earlier = [](const pointer& a, const pointer& b) { return a->opened_at() < b->opened_at(); };
    const bool oldest = what.whom == fault_victims::oldest;
    return *(oldest ? std::min_element(open.begin(), open.end(), earlier)
                    : std::max_element(open.begin(), open.end(), earlier));
  }

  static void hit(exchange_connection& one, const fault& what, steady_time now) {
    if (what.kind == fault_kind::reset) return one.socket().reset();
    if (what.kind == fault_kind::fin) return one.cut();
    if (!one.is_open_websocket() || !is_due(one, what, now)) return;
    if (what.kind == fault_kind::close) return one.begin_close(static_cast<close_code>(what.code), what.text);
    if (what.kind == fault_kind::expire) return one.begin_close(close_code::going_away, {});
    if (what.kind == fault_kind::server_shutdown) shut_down(one, what.wait);
  }

  static void shut_down(exchange_connection& one, std::chrono::milliseconds cut_after) {
    const auto ms = std::to_string(epoch_clock::now_ns() / 1'000'000);
    one.announce("!serverShutdown", "{\"e\":\"serverShutdown\",\"E\":" + ms + "}");
    if (cut_after.count() != 0) one.cut(cut_after);
  }

  std::vector<std::weak_ptr<exchange_connection>> all_;
  sim_random random_;  // draws victims
};

}  // namespace foxtrot::inline v0

// foxtrot/sim/http_faults.hpp: HTTP answers of a simulated exchange in trouble.

// foxtrot/sim/rest_api.hpp: the public REST requests of the simulated exchange.

// foxtrot/sim/exchange_info_json.hpp: what the simulated exchange says about its symbols and limits.

namespace foxtrot::inline v0 {

/// Writes the body of GET exchangeInfo in the shape of its market.
class exchange_info_json {
 public:
  exchange_info_json(sim_market market, std::uint32_t weight_per_minute)
      : market_{market}, weight_per_minute_{weight_per_minute} {}

  /// The symbols whose numbers are given; `permissions`: whether spot says who may trade them.
  [[nodiscard]] std::string body(std::span<const symbol_spec> all, std::span<const std::size_t> wanted,
                                 std::int64_t now_ms, bool permissions) const {
    std::string out = R"({"timezone":"UTC","serverTime":)" + std::to_string(now_ms);
    if (market_ == sim_market::usdm) out += R"(,"futuresType":"U_MARGINED")";
    out += R"(,"rateLimits":[)" + limit("REQUEST_WEIGHT", "MINUTE", 1, weight_per_minute_);
    if (spot()) {
      out += ',' + limit("ORDERS", "SECOND", 10, 100) + ',' + limit("ORDERS", "DAY", 1, 200'000) + ',' +
             limit("RAW_REQUESTS", "MINUTE", 5, 61'000);
    } else {
      out += ',' + limit("ORDERS", "MINUTE", 1, 1'200);
    }
    out += R"(],"exchangeFilters":[],"symbols":[)";
    for (const std::size_t number : wanted) {
      if (out.back() != '[') out += ',';
      spot() ? spot_symbol(out, all[number], permissions) : contract(out, all[number]);
    }
    return out + "]}";
  }

 private:
  struct assets {
    std::string_view pair, base, quote;
  };

  [[nodiscard]] bool spot() const noexcept { return market_ == sim_market::spot; }

  [[nodiscard]] static std::string limit(std::string_view type, std::string_view interval, int count,
                                         std::uint32_t most) {
    std::string out = R"({"rateLimitType":")";
    out.append(type).append(R"(","interval":")").append(interval);
    return out + R"(","intervalNum":)" + std::to_string(count) + R"(,"limit":)" + std::to_string(most) + "}";
  }

  // "BTCUSDT" is BTC in USDT, "BTCUSD_PERP" is a contract on BTC in USD.
  [[nodiscard]] static assets assets_of(std::string_view name) noexcept {
    constexpr std::array<std::string_view, 6> quotes{"USDT", "USDC", "USD", "BTC", "ETH", "BNB"};
    const std::string_view pair = name.substr(0, name.find('_'));
    for (const std::string_view quote : quotes) {
      if (pair.size() > quote.size() && pair.ends_with(quote))
        return {pair, pair.substr(0, pair.size() - quote.size()), quote};
    }
    return {pair, pair, "USDT"};
  }

  static void member(std::string& out, std::string_view key, std::string_view text) {
    out.append(R"(,")").append(key).append(R"(":)").append(detail::json_quoted(text));
  }
  static void member(std::string& out, std::string_view key, int number) {
    out.append(R"(,")").append(key).append(R"(":)").append(std::to_string(number));
  }
  /// A number of `units` of the last decimal; spot writes eight decimals.
  void amount(std::string& out, std::string_view key, std::int64_t units, int decimals) const {
    out.append(R"(,")").append(key).append(R"(":)");
    text_writer{out, 2 * text_writer::number_room}.quoted(units, {decimals, spot() ? 8 : decimals});
  }

  void price_filter(std::string& out, const symbol_spec& spec) const {
    constexpr std::int64_t most_ticks = 1'000'000'000;
    out += R"({"filterType":"PRICE_FILTER")";
    amount(out, "minPrice", spec.tick, spec.price_decimals);
    amount(out, "maxPrice", spec.tick * most_ticks, spec.price_decimals);
    amount(out, "tickSize", spec.tick, spec.price_decimals);
    out += '}';
  }
  void lot_filter(std::string& out, const symbol_spec& spec, std::string_view type, std::int64_t step) const {
    constexpr std::int64_t most_lots = 9'000'000'000;
    out.append(R"({"filterType":")").append(type).append(1, '"');
    amount(out, "minQty", step, spec.quantity_decimals);
    amount(out, "maxQty", most_lots, spec.quantity_decimals);
    amount(out, "stepSize", step, spec.quantity_decimals);
    out += '}';
  }

  void spot_symbol(std::string& out, const symbol_spec& spec, bool permissions) const {
    const assets traded = assets_of(spec.name);
    out += R"({"symbol":)" + detail::json_quoted(spec.name);
    member(out, "status", spec.status);
    member(out, "baseAsset", traded.base);
    member(out, "baseAssetPrecision", 8);
    member(out, "quoteAsset", traded.quote);
    member(out, "quotePrecision", 8);
    member(out, "quoteAssetPrecision", 8);
    out += R"(,"orderTypes":["LIMIT","MARKET"],"icebergAllowed":true,"isSpotTradingAllowed":true,"filters":[)";
    price_filter(out, spec);
    lot_filter(out += ',', spec, "LOT_SIZE", 1);
    lot_filter(out += ',', spec, "MARKET_LOT_SIZE", 0);  // no step of its own
    out += R"(,{"filterType":"NOTIONAL","minNotional":"5.00000000","applyMinToMarket":true,)"
           R"("maxNotional":"9000000.00000000","applyMaxToMarket":false,"avgPriceMins":5}],"permissions":[],)";
    out += permissions ? R"("permissionSets":[["SPOT","MARGIN"]]})" : R"("permissionSets":[]})";
  }

  void contract(std::string& out, const symbol_spec& spec) const {
    const bool coinm = market_ == sim_market::coinm;
    const assets traded = assets_of(spec.name);
    out += R"({"symbol":)" + detail::json_quoted(spec.name);
    member(out, "pair", traded.pair);
    member(out, "contractType", "PERPETUAL");
    member(out, coinm ? "contractStatus" : "status", spec.status);
    if (coinm) member(out, "contractSize", static_cast<int>(contract_size_of(spec.name)));
    member(out, "baseAsset", traded.base);
    member(out, "quoteAsset", traded.quote);
    member(out, "marginAsset", coinm ? traded.base : traded.quote);
    member(out, "pricePrecision", spec.price_decimals);
    member(out, "quantityPrecision", spec.quantity_decimals);
    member(out, "baseAssetPrecision", 8);
    member(out, "quotePrecision", 8);
    out += R"(,"filters":[)";
    price_filter(out, spec);
    lot_filter(out += ',', spec, "LOT_SIZE", 1);
    lot_filter(out += ',', spec, "MARKET_LOT_SIZE", 1);
    if (!coinm) out += R"(,{"filterType":"MIN_NOTIONAL","notional":"5"})";
    out += "]}";
  }

  sim_market market_;
  std::uint32_t weight_per_minute_;
};

}  // namespace foxtrot::inline v0

// foxtrot/sim/rest_market_data.hpp: the REST requests of the simulated exchange that stand in for its streams.

// foxtrot/sim/rest_reply.hpp: an answer of the simulated exchange to a REST request, and the venue's refusals.

namespace foxtrot::inline v0 {

struct rest_reply {
  int status{200};
  std::string reason{"OK"};
  std::string body;
  std::vector<http_field> headers;

  /// With the venue's code and text, or, where the code is 0, without a body.
  [[nodiscard]] static rest_reply problem(int status, std::string reason, int code, std::string_view text) {
    rest_reply reply;
    reply.status = status;
    reply.reason = std::move(reason);
    if (code != 0) reply.body = "{\"code\":" + std::to_string(code) + ",\"msg\":" + detail::json_quoted(text) + "}";
    return reply;
  }
  [[nodiscard]] static rest_reply bad_request(int code, std::string_view text) {
    return problem(400, "Bad Request", code, text);
  }
  [[nodiscard]] static rest_reply not_found() { return problem(404, "Not Found", 0, ""); }
  [[nodiscard]] static rest_reply invalid_symbol() { return bad_request(-1121, "Invalid symbol."); }
  [[nodiscard]] static rest_reply no_key() { return problem(401, "Unauthorized", -2014, "API-key format invalid."); }
  [[nodiscard]] static rest_reply missing(std::string_view parameter) {
    return bad_request(
        -1102, "Mandatory parameter '" + std::string{parameter} + "' was not sent, was empty/null, or malformed.");
  }
  [[nodiscard]] static rest_reply invalid(std::string_view parameter) {
    return bad_request(-1130, "Data sent for parameter '" + std::string{parameter} + "' is not valid.");
  }
};

}  // namespace foxtrot::inline v0

// foxtrot/sim/rest_symbols.hpp: which symbols a REST request is about.

namespace foxtrot::inline v0 {

/// Finds the symbols of a market by name. The specs have to stay where they are.
class rest_symbols {
 public:
  rest_symbols(sim_market market, const std::vector<symbol_spec>& all) : market_{market}, all_{all} {}

  [[nodiscard]] const std::vector<symbol_spec>& all() const noexcept { return all_; }

  [[nodiscard]] std::optional<std::size_t> number_of(std::string_view symbol) const {
    const auto found =
        std::find_if(all_.begin(), all_.end(), [&](const symbol_spec& spec) { return spec.name == symbol; });
    return found == all_.end() ? std::nullopt : std::optional{static_cast<std::size_t>(found - all_.begin())};
  }

  /// The one that `symbol` names, which must be there. The refusal where it is not.
  [[nodiscard]] std::optional<rest_reply> one(const request_target& target, std::size_t& number) const {
    const std::string_view name = target.parameter("symbol").value_or("");
    if (name.empty()) return rest_reply::missing("symbol");
    const auto found = number_of(name);
    if (!found) return rest_reply::invalid_symbol();
    number = *found;
    return std::nullopt;
  }

  /// The numbers of those that `symbol`, of spot `symbols` and of COIN-M `pair` name; all, unless there is one of
  /// these.
  [[nodiscard]] std::optional<rest_reply> many(const request_target& target, std::vector<std::size_t>& wanted) const {
    const auto list = market_ == sim_market::spot ? target.parameter("symbols") : std::nullopt;
    if (target.parameter("symbol")) {
      wanted.emplace_back();
      return one(target, wanted.back());
    }
    if (list) return listed(*list, wanted);
    const auto pair = market_ == sim_market::coinm ? target.parameter("pair") : std::nullopt;
    for (std::size_t i = 0; i < all_.size(); ++i) {
      const std::string_view name = all_[i].name;
      if (!pair || name.substr(0, name.find('_')) == *pair) wanted.push_back(i);
    }
    return std::nullopt;
  }

 private:
  [[nodiscard]] std::optional<rest_reply> listed(std::string_view list, std::vector<std::size_t>& wanted) const {
    simdjson::dom::parser parser;
    simdjson::dom::array names;
    if (parser.parse(list.data(), list.size(), true).get(names) != simdjson::SUCCESS)
      return rest_reply::bad_request(-1100, "Illegal characters found in parameter 'symbols'.");
    for (const simdjson::dom::element name : names) {
      std::string_view text;
      const auto number = name.get(text) == simdjson::SUCCESS ? number_of(text) : std::nullopt;
      if (!number) return rest_reply::invalid_symbol();
      wanted.push_back(*number);
    }
    return std::nullopt;
  }

  sim_market market_;
  const std::vector<symbol_spec>& all_;
};

}  // namespace foxtrot::inline v0

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

// foxtrot/sim/rest_weights.hpp: what REST requests count against the limit per minute.

namespace foxtrot::inline v0 {

/// The parameter `limit` where it is a number, else `usual`.
[[nodiscard]] inline std::size_t limit_in(const request_target& target, std::size_t usual) noexcept {
  std::size_t limit = usual;
  const std::string_view text = target.parameter("limit").value_or("");
  (void)std::from_chars(text.data(), text.data() + text.size(), limit);
  return limit;
}

/// The weight of a request by the name that follows the market's prefix. Spot: rest-api.md of binance-spot-api-docs;
/// the futures: the pages "Market Data" of their documentation. 1 for what is not known.
class rest_weights {
 public:
  explicit constexpr rest_weights(sim_market market) noexcept : market_{market} {}

  [[nodiscard]] std::uint32_t of(std::string_view name, const request_target& target) const noexcept {
    return market_ == sim_market::spot ? of_spot(name, target) : of_futures(name, target);
  }

 private:
  [[nodiscard]] static std::uint32_t of_spot(std::string_view name, const request_target& target) noexcept {
    if (name == "depth") {
      const std::size_t limit = limit_in(target, 100);
      return limit <= 100 ? 5 : limit <= 500 ? 25 : limit <= 1'000 ? 50 : 250;
    }
    if (name == "exchangeInfo") return 20;
    if (name == "ticker/bookTicker") return target.parameter("symbol") ? 2 : 4;
    if (name == "ticker/24hr") return of_spot_tickers(target);
    if (name == "trades" || name == "historicalTrades") return 25;
    if (name == "aggTrades") return 4;
    return name == "klines" || name == "avgPrice" ? 2 : 1;
  }
  [[nodiscard]] static std::uint32_t of_spot_tickers(const request_target& target) noexcept {
    if (target.parameter("symbol")) return 2;
    const auto list = target.parameter("symbols");
    if (!list) return 80;
    const auto count = std::count(list->begin(), list->end(), ',') + 1;
    return count <= 20 ? 2 : count <= 100 ? 40 : 80;
  }

  [[nodiscard]] std::uint32_t of_futures(std::string_view name, const request_target& target) const noexcept {
    const std::size_t limit = limit_in(target, 500);
    if (name == "depth") return limit <= 50 ? 2 : limit <= 100 ? 5 : limit <= 500 ? 10 : 20;
    if (name == "klines") return limit < 100 ? 1 : limit < 500 ? 2 : limit <= 1'000 ? 5 : 10;
    if (name == "ticker/bookTicker") return target.parameter("symbol") ? 2 : 5;
    if (name == "ticker/24hr") return target.parameter("symbol") ? 1 : 40;
    if (name == "trades") return 5;
    if (name == "aggTrades" || name == "historicalTrades") return 20;
    return name == "premiumIndex" && market_ == sim_market::coinm ? 10 : 1;
  }

  sim_market market_;
};

}  // namespace foxtrot::inline v0

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

namespace foxtrot::inline v0 {

/// A status as the venue words it: a body with its own code, or a page where something before the venue refuses.
[[nodiscard]] inline rest_reply refusal_of(const fault& what) {
  struct wording {
    std::uint32_t status;
    std::string_view reason;
    std::string_view body;
  };
  static constexpr wording known[]{
      {400, "Bad Request", R"({"code":-1100,"msg":"Illegal characters found in a parameter."})"},
      {403, "Forbidden", "<html><body>Request blocked.</body></html>"},
      {404, "Not Found", ""},
      {418, "I'm a teapot", R"({"code":-1003,"msg":"Way too many requests; IP banned."})"},
      {429, "Too Many Requests", R"({"code":-1003,"msg":"Too many requests."})"},
      {451, "Unavailable For Legal Reasons", R"({"code":0,"msg":"Service unavailable from a restricted location."})"},
      {500, "Internal Server Error", R"({"code":-1000,"msg":"An unknown error occurred."})"},
      {502, "Bad Gateway", "<html><body>Bad Gateway</body></html>"},
      {503, "Service Unavailable", R"({"code":-1008,"msg":"Server is currently overloaded."})"},
      {504, "Gateway Time-out", "<html><body>Gateway Time-out</body></html>"}};
  rest_reply reply;
  reply.status = static_cast<int>(what.code);
  reply.reason = "Simulated";
  for (const wording& each : known) {
    if (each.status != what.code) continue;
    reply.reason = each.reason;
    reply.body = each.body;
  }
  const bool json = reply.body.starts_with('{');
  if (!reply.body.empty()) reply.headers.push_back({"Content-Type", json ? "application/json" : "text/html"});
  if (what.retry_after.count() != 0) reply.headers.push_back({"Retry-After", std::to_string(what.retry_after.count())});
  return reply;
}

/// Answers REST requests on behalf of an api, as well as the faults let it. Loop thread only.
class http_faults {
 public:
  http_faults(const faults_in_force& faults, rest_api& api, detail::exchange_counters& counters)
      : faults_{faults}, api_{api}, counters_{counters} {}

  /// Any error ends the connection, which `socket` is.
  [[nodiscard]] task<std::error_code> answer(exchange_socket& socket, std::string target) {
    timer_queue& timers = faults_.timers();
    if (faults_.has(fault_kind::rest_stall)) {
      counters_.answers_withheld.add();
      co_await socket.ignore();
      co_return make_error_code(errc::closed);
    }
    if (const auto wait = faults_.wait_of(fault_kind::rest_delay); wait.count() != 0) {
      if (const std::error_code error = co_await timers.sleep_for(wait)) co_return error;
    }
    rest_reply reply;
    if (const auto* refused = faults_.find(fault_kind::rest)) {
      reply = refusal_of(refused->what);
    } else {
      reply = co_await api_.get(timers, target);
    }
    if (!faults_.any_of(of_bodies)) {
      co_return co_await socket.send_all(encode_response(reply.status, reply.reason, reply.body, reply.headers));
    }
    co_return co_await send_spoiled(socket, reply);
  }

 private:
  static constexpr fault_mask of_bodies{fault_kind::rest_cut, fault_kind::rest_length, fault_kind::rest_slow,
                                        fault_kind::rest_json};

  [[nodiscard]] task<std::error_code> send_spoiled(exchange_socket& socket, rest_reply reply) {
    if (faults_.has(fault_kind::rest_json)) {
      reply.body = spoiled_json(reply.body, counters_.messages_spoiled.get());
      counters_.messages_spoiled.add();
    }
    std::string head = encode_response(reply.status, reply.reason, reply.body, reply.headers);
    head.resize(head.size() - reply.body.size());
    if (const auto* lie = faults_.find(fault_kind::rest_length)) {
      const std::string field = "Content-Length: ";
      if (const std::size_t at = head.find(field); at != head.npos) {
        const std::size_t number = at + field.size();
        head.replace(number, head.find('\r', number) - number, std::to_string(lie->what.bytes));
      }
    }
    const bool cut = faults_.has(fault_kind::rest_cut);
    if (cut) reply.body.resize(reply.body.size() / 2);
    fault pace;
    pace.bytes = reply.body.size();
    if (const auto* slow = faults_.find(fault_kind::rest_slow)) pace = slow->what;
    std::error_code error = co_await socket.send_all(std::move(head));
    for (std::size_t sent = 0; !error && sent < reply.body.size(); sent += pace.bytes) {
      if (pace.wait.count() != 0) error = co_await faults_.timers().sleep_for(pace.wait);
      if (!error) error = co_await socket.send_all(reply.body.substr(sent, pace.bytes));
    }
    if (!error && cut) error = errc::closed;
    co_return error;
  }

  const faults_in_force& faults_;
  rest_api& api_;
  detail::exchange_counters& counters_;
};

}  // namespace foxtrot::inline v0

// foxtrot/sim/server_certificates.hpp: what a simulated exchange shows its clients: the right certificate, or another.

// foxtrot/sim/certificate_authority.hpp: a certificate authority that lives in memory, for tests over real TLS.

#include <openssl/asn1.h>
#include <openssl/ec.h>

namespace foxtrot::inline v0 {

/// What a server certificate says. The defaults are right for a server on loopback. Without DNS names and addresses it
/// has no subjectAltName, so that only its common name is left to look at, which a careful client does not.
struct certificate_request {
  std::string common_name{"localhost"};
  std::vector<std::string> dns_names{"localhost"};
  std::vector<std::string> addresses{"127.0.0.1", "::1"};
  std::chrono::seconds not_before{-std::chrono::hours{1}};  ///< counted from now
  std::chrono::seconds not_after{std::chrono::hours{24}};   ///< counted from now
};

/// The request behind each kind. `self_signed` asks for what `right` does: what differs is who signs.
[[nodiscard]] inline certificate_request request_for(certificate_kind kind) {
  using std::chrono::hours;
  certificate_request request;
  switch (kind) {
    case certificate_kind::right:
    case certificate_kind::self_signed: break;
    case certificate_kind::wrong_host:
      request.common_name = "elsewhere.test";
      request.dns_names = {"elsewhere.test"};
      request.addresses = {"192.0.2.1"};
      break;
    case certificate_kind::expired:
      request.not_before = -hours{48};
      request.not_after = -hours{24};
      break;
    case certificate_kind::not_yet_valid:
      request.not_before = hours{24};
      request.not_after = hours{48};
      break;
    case certificate_kind::common_name_only:
      request.dns_names.clear();
      request.addresses.clear();
      break;
  }
  return request;
}

/// A certificate and its private key, both PEM text.
struct issued_certificate {
  std::string certificate_pem;
  std::string key_pem;
};

/// Signs server certificates (EC P-256) for one process's tests. Keys are made afresh each time and never touch a file.
/// Not thread-safe.
class certificate_authority {
 public:
  [[nodiscard]] static result<certificate_authority> make(std::string name = "foxtrot test authority") {
    if (!detail::init_openssl()) return failed();
    certificate_authority made;
    made.key_ = key{EVP_EC_gen("P-256")};
    certificate_request own;
    own.common_name = std::move(name);
    if (made.key_) made.certificate_ = made.make_certificate(own, made.key_.get(), role::authority);
    made.pem_ = made.certificate_ ? text_of([&](BIO* out) { return PEM_write_bio_X509(out, made.certificate_.get()); })
                                  : std::string{};
    if (made.pem_.empty()) return failed();
    return made;
  }

  /// The authority's own certificate: what a client has to trust.
  [[nodiscard]] const std::string& ca_pem() const noexcept { return pem_; }

  /// A fresh key and its certificate, signed by this authority. errc::bad_argument for an address that is none.
  [[nodiscard]] result<issued_certificate> issue(const certificate_request& request) const {
    return issue_as(request, role::server);
  }

  /// The same, signed by its own key: no authority vouches for it.
  [[nodiscard]] result<issued_certificate> issue_self_signed(const certificate_request& request) const {
    return issue_as(request, role::self_signed);
  }

  [[nodiscard]] result<issued_certificate> issue(certificate_kind kind) const {
    return kind == certificate_kind::self_signed ? issue_self_signed(request_for(kind)) : issue(request_for(kind));
  }

 private:
  template <class T, void (*Free)(T*)>
  struct release {
    void operator()(T* object) const noexcept { Free(object); }
  };
  using key = std::unique_ptr<EVP_PKEY, release<EVP_PKEY, EVP_PKEY_free>>;
  using certificate = std::unique_ptr<X509, release<X509, X509_free>>;
  using extension = std::unique_ptr<X509_EXTENSION, release<X509_EXTENSION, X509_EXTENSION_free>>;
  using names = std::unique_ptr<GENERAL_NAMES, release<GENERAL_NAMES, GENERAL_NAMES_free>>;
  using general_name = std::unique_ptr<GENERAL_NAME, release<GENERAL_NAME, GENERAL_NAME_free>>;
  struct release_bio {
    void operator()(BIO* object) const noexcept { BIO_free(object); }
  };

  enum class role : std::uint8_t { authority, server, self_signed };

  certificate_authority() = default;

  [[nodiscard]] static std::error_code failed() noexcept {
    ERR_clear_error();
    return errc::certificate_unreadable;
  }

  [[nodiscard]] result<issued_certificate> issue_as(const certificate_request& request, role kind) const {
    for (const std::string& text : request.addresses)
      if (!general_name{a2i_GENERAL_NAME(nullptr, nullptr, nullptr, GEN_IPADD, text.c_str(), 0)}) {
        ERR_clear_error();
        return errc::bad_argument;
      }
    const key own{EVP_EC_gen("P-256")};
    if (!own) return failed();
    const certificate made = make_certificate(request, own.get(), kind);
    if (!made) return failed();
    issued_certificate issued;
    issued.certificate_pem = text_of([&](BIO* out) { return PEM_write_bio_X509(out, made.get()); });
    issued.key_pem = text_of(
        [&](BIO* out) { return PEM_write_bio_PrivateKey(out, own.get(), nullptr, nullptr, 0, nullptr, nullptr); });
    if (issued.certificate_pem.empty() || issued.key_pem.empty()) return failed();
    return issued;
  }

  [[nodiscard]] certificate make_certificate(const certificate_request& request, EVP_PKEY* subject, role kind) const {
    const bool authority = kind == role::authority;
    certificate made{X509_new()};
    if (!made || X509_set_version(made.get(), 2) != 1 || !set_serial(made.get())) return nullptr;
    if (X509_gmtime_adj(X509_getm_notBefore(made.get()), static_cast<long>(request.not_before.count())) == nullptr ||
        X509_gmtime_adj(X509_getm_notAfter(made.get()), static_cast<long>(request.not_after.count())) == nullptr)
      return nullptr;
    X509_NAME* name = X509_get_subject_name(made.get());
    const auto* text = reinterpret_cast<const unsigned char*>(request.common_name.c_str());
    const X509* parent = kind == role::server ? certificate_.get() : made.get();
    if (X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, text, -1, -1, 0) != 1 ||
        X509_set_issuer_name(made.get(), X509_get_subject_name(parent)) != 1 ||
        X509_set_pubkey(made.get(), subject) != 1)
      return nullptr;
    const bool extended = add_extension(made.get(), parent, NID_basic_constraints,
                                        authority ? "critical,CA:TRUE" : "critical,CA:FALSE") &&
                          add_extension(made.get(), parent, NID_subject_key_identifier, "hash") &&
                          add_extension(made.get(), parent, NID_key_usage,
                                        authority ? "critical,keyCertSign,cRLSign" : "critical,digitalSignature") &&
                          (authority || (add_extension(made.get(), parent, NID_ext_key_usage, "serverAuth") &&
                                         add_names(made.get(), request)));
    if (!extended || X509_sign(made.get(), kind == role::server ? key_.get() : subject, EVP_sha256()) <= 0)
      return nullptr;
    return made;
  }

  [[nodiscard]] static bool set_serial(X509* made) {
    std::uint64_t number = 0;
    if (RAND_bytes(reinterpret_cast<unsigned char*>(&number), sizeof number) != 1) return false;
    return ASN1_INTEGER_set_uint64(X509_get_serialNumber(made), number >> 1U) == 1;
  }

  [[nodiscard]] static bool add_extension(X509* made, const X509* issuer, int nid, const char* value) {
    X509V3_CTX context;
    X509V3_set_ctx(&context, const_cast<X509*>(issuer), made, nullptr, nullptr, 0);  // NOLINT: OpenSSL lacks the const
    const extension added{X509V3_EXT_conf_nid(nullptr, &context, nid, value)};
    return added && X509_add_ext(made, added.get(), -1) == 1;
  }

  /// Not by OpenSSL's text syntax: a comma in a name must not become another name.
  [[nodiscard]] static bool add_names(X509* made, const certificate_request& request) {
    const names all{GENERAL_NAMES_new()};
    if (!all) return false;
    const auto add = [&](int type, const std::string& text) {
      general_name name{a2i_GENERAL_NAME(nullptr, nullptr, nullptr, type, text.c_str(), 0)};
      if (!name || sk_GENERAL_NAME_push(all.get(), name.get()) == 0) return false;
      (void)name.release();  // the stack owns it
      return true;
    };
    for (const std::string& text : request.dns_names)
      if (!add(GEN_DNS, text)) return false;
    for (const std::string& text : request.addresses)
      if (!add(GEN_IPADD, text)) return false;
    if (sk_GENERAL_NAME_num(all.get()) == 0) return true;
    return X509_add1_ext_i2d(made, NID_subject_alt_name, all.get(), 0, X509V3_ADD_DEFAULT) == 1;
  }

  template <class Write>
  [[nodiscard]] static std::string text_of(Write write) {
    const std::unique_ptr<BIO, release_bio> out{BIO_new(BIO_s_mem())};
    if (!out || write(out.get()) != 1) return {};
    char* data = nullptr;
    const long size = BIO_get_mem_data(out.get(), &data);
    return size > 0 ? std::string(data, static_cast<std::size_t>(size)) : std::string{};
  }

  key key_;
  certificate certificate_;
  std::string pem_;
};

}  // namespace foxtrot::inline v0

namespace foxtrot::inline v0 {

/// One authority, one TLS context for each kind of certificate, made when it is first asked for. Not thread-safe.
class server_certificates {
 public:
  /// Always this one, whatever kind is asked for.
  server_certificates(tls_context always)
      : authority_{}, usual_{certificate_kind::right}, max_version_{tls_version::tls_1_3} {
    contexts_[static_cast<std::size_t>(usual_)] = std::move(always);
  }

  /// With the usual kind, so that what cannot be made shows here.
  [[nodiscard]] static result<server_certificates> make(certificate_kind usual, tls_version max_version) {
    auto authority = certificate_authority::make();
    if (!authority) return authority.error();
    server_certificates made{std::move(*authority), usual, max_version};
    auto first = made.prepare(usual);
    if (!first) return first.error();
    made.contexts_[static_cast<std::size_t>(usual)] = std::move(*first);
    return made;
  }

  /// What a client has to trust; empty where the authority is somebody else's.
  [[nodiscard]] std::string ca_pem() const { return authority_ ? authority_->ca_pem() : std::string{}; }

  [[nodiscard]] const std::optional<tls_context>& usual() const noexcept {
    return contexts_[static_cast<std::size_t>(usual_)];
  }
  /// The usual one where this one cannot be made.
  [[nodiscard]] const std::optional<tls_context>& of(certificate_kind kind) {
    std::optional<tls_context>& wanted = contexts_[static_cast<std::size_t>(kind)];
    if (wanted) return wanted;
    if (!authority_) return usual();
    auto made = prepare(kind);
    if (!made) return usual();
    return wanted = std::move(*made);
  }

 private:
  static constexpr std::size_t kinds = static_cast<std::size_t>(certificate_kind::common_name_only) + 1;

  server_certificates(certificate_authority authority, certificate_kind usual, tls_version max_version)
      : authority_{std::move(authority)}, usual_{usual}, max_version_{max_version} {}

  [[nodiscard]] result<tls_context> prepare(certificate_kind kind) const {
    const auto issued = authority_->issue(kind);
    if (!issued) return issued.error();
    tls_settings server;
    server.role = tls_role::server;
    server.max_version = max_version_;
    server.certificate_pem = issued->certificate_pem;
    server.key_pem = issued->key_pem;
    return tls_context::make(server);
  }

  std::optional<certificate_authority> authority_;
  certificate_kind usual_;
  tls_version max_version_;
  std::array<std::optional<tls_context>, kinds> contexts_;
};

}  // namespace foxtrot::inline v0

#include <asio/basic_socket_acceptor.hpp>

namespace foxtrot::inline v0 {

/// The loop's side of an exchange. Every task that it starts belongs to `scope`, which has to be closed before it is
/// destroyed. Loop thread only, except the constructor and `listen`.
class exchange_server : private live_object<exchange_server> {
 public:
  exchange_server(const exchange_settings& settings, std::optional<server_certificates> certificates,
                  asio::io_context& loop, timer_queue& timers, task_scope& scope, market_source& source, sent_log& log,
                  detail::exchange_counters& counters)
      : settings_{settings},
        certificates_{std::move(certificates)},
        loop_{loop},
        timers_{timers},
        scope_{scope},
        source_{source},
        log_{log},
        counters_{counters},
        hub_{loop},
        api_{settings.market, settings.limits.weight_per_minute, source},
        acceptor_{loop} {
    hub_.resize(source.stream_count());
    faults_.on_change([this] { faults_changed(); });
  }

  /// The port.
  [[nodiscard]] result<std::uint16_t> listen() {
    const asio::ip::tcp::endpoint here{asio::ip::address_v4::loopback(), settings_.port};
    std::error_code error;
    acceptor_.open(here.protocol(), error);
    if (!error) acceptor_.set_option(asio::socket_base::reuse_address{true}, error);
    if (!error) acceptor_.bind(here, error);
    if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
    if (error) return detail::from_asio(error);
    return acceptor_.local_endpoint().port();
  }

  void begin() {
    for (const fault& each : settings_.faults.faults) {
      if (each.at.count() == 0) {
        begin_fault(each);  // before anybody is let in
      } else {
        script_.push_back(timers_.call_after(each.at, [this, &each] { begin_fault(each); }));
      }
    }
    scope_.spawn("sim accept", accept());
    scope_.spawn("sim source", source_.run(timers_, hub_));
  }

  /// Now, whatever its `at` says.
  void begin_fault(const fault& what) {
    counters_.faults_begun.add();
    if (is_condition(what.kind)) return faults_.begin(what);
    if (what.kind == fault_kind::clear) return clear_faults();
    clients_.suffer(what, timers_.now());
  }
  void clear_faults() { faults_.clear(); }

  /// Beside the fault of that name.
  void pause(bool paused) {
    paused_by_hand_ = paused;
    apply_pause();
  }

  void reset_connections() { clients_.reset_all(); }
  void close_connections(close_code code, const std::string& reason) { clients_.close_all(code, reason); }

 private:
  using acceptor = asio::basic_socket_acceptor<asio::ip::tcp, io_executor>;
  using client_pointer = exchange_clients::pointer;

  /// Counts a connection for as long as it is served.
  struct open_mark {
    explicit open_mark(detail::exchange_counters& all) : counters{all} { counters.open_connections.add(); }
    open_mark(const open_mark&) = delete;
    open_mark& operator=(const open_mark&) = delete;
    ~open_mark() { counters.open_connections.subtract(); }

    detail::exchange_counters& counters;
  };

  void faults_changed() {
    apply_pause();
    clients_.each([](exchange_connection& one) { one.faults_changed(); });
  }
  void apply_pause() {
    const bool pause = paused_by_hand_ || faults_.has(fault_kind::pause);
    if (std::exchange(paused_, pause) != pause) source_.pause(pause);
  }

  [[nodiscard]] const std::optional<tls_context>& tls() {
    static const std::optional<tls_context> none;
    if (!certificates_) return none;
    const auto* other = faults_.find(fault_kind::certificate);
    return other != nullptr ? certificates_->of(other->what.certificate) : certificates_->usual();
  }

  [[nodiscard]] task<> accept() {
    while (true) {
      std::error_code error;
      tcp_stream::socket socket{loop_};
      co_await acceptor_.async_accept(socket, asio::redirect_error(use_task, error));
      if (error == asio::error::operation_aborted) co_return;
      if (error) {  // out of descriptors, perhaps: somebody may close one
        error = co_await timers_.sleep_for(std::chrono::milliseconds{10});
        if (error) co_return;
        continue;
      }
      counters_.connections.add();
      if (faults_.has(fault_kind::refuse)) {
        tcp_stream{std::move(socket)}.reset();
        continue;
      }
      const exchange_parts parts{timers_,   hub_,    source_, settings_.limits,
                                 counters_, faults_, log_,    settings_.replay.path.empty()};
      sim_stream stream{tcp_stream{std::move(socket)}, tls(), &faults_};
      auto accepted = std::make_shared<exchange_connection>(std::move(stream), parts);
      clients_.add(accepted);
      scope_.spawn("sim connection", serve(std::move(accepted)));
    }
  }

  [[nodiscard]] task<> serve(client_pointer client) {
    const open_mark counted{counters_};
    if (const std::error_code error = co_await shake_hands(client)) co_return;
    std::string received;  // and not used yet
    bool more = true;
    while (more) {
      http_request_parser parser;
      if (const std::error_code error = co_await read_request(client, parser, received)) break;
      const http_request& request = parser.request();
      more = request.keep_alive;
      if (is_upgrade(request)) {
        const auto target = websocket_target::parse(request.target, settings_.market);
        std::string response = upgrade_response(request, target);
        if (faults_.has(fault_kind::upgrade_stall)) {
          counters_.answers_withheld.add();
          co_await client->socket().ignore();
          co_return;
        }
        const bool accepted = response.starts_with("HTTP/1.1 101");
        if (!accepted) counters_.upgrades_refused.add();
        if (const std::error_code error = co_await client->socket().send_all(std::move(response))) break;
        if (!accepted) break;
        client->open(*target, request_target::parse(request.target).path, received);
        detail::take_census(clients_.alive(), *client, counters_);
        scope_.spawn("sim writer", write(client));
        if (const auto* flap = faults_.find(fault_kind::flap)) client->cut(flap->what.wait);
        co_await client->read_messages();
        co_return;
      }
      counters_.rest_requests.add();
      if (const std::error_code error = co_await rest_.answer(client->socket(), request.target)) break;
    }
    client->socket().finish();
  }

  [[nodiscard]] task<std::error_code> shake_hands(client_pointer client) {
    if (const auto wait = faults_.wait_of(fault_kind::accept_delay); wait.count() != 0) {
      if (const std::error_code error = co_await timers_.sleep_for(wait)) co_return error;
    }
    if (faults_.has(fault_kind::handshake_stall)) {
      counters_.answers_withheld.add();
      co_await client->socket().ignore();
      co_return make_error_code(errc::closed);
    }
    const deadline limit{timers_, settings_.limits.handshake_timeout, [raw = client.get()] { raw->socket().drop(); }};
    co_return co_await client->socket().stream().handshake();
  }

  /// Holds the connection: the two tasks of a WebSocket end in any order.
  [[nodiscard]] static task<> write(client_pointer client) { co_await client->write_messages(); }

  [[nodiscard]] static task<std::error_code> read_request(client_pointer client, http_request_parser& parser,
                                                          std::string& received) {
    std::array<char, 8192> buffer;
    while (true) {
      received.erase(0, parser.feed(received));
      if (parser.error()) co_return parser.error();
      if (parser.done()) co_return std::error_code{};
      const io_result got = client->socket().stream().read_some(buffer);
      received.append(buffer.data(), got.bytes);
      if (!got.error) continue;
      if (got.error != errc::would_block) co_return got.error;
      if (const std::error_code error = co_await client->socket().stream().wait_readable()) co_return error;
    }
  }

  [[nodiscard]] std::string upgrade_response(const http_request& request,
                                             const std::optional<websocket_target>& target) {
    const std::vector<http_field> last{{"Connection", "close"}};
    if (const auto* refused = faults_.find(fault_kind::upgrade)) {
      rest_reply reply = refusal_of(refused->what);
      reply.headers.push_back(last[0]);
      return encode_response(reply.status, reply.reason, reply.body, reply.headers);
    }
    if (!target) return encode_response(404, "Not Found", {}, last);
    if (target->streams.size() > control_session::max_streams) return encode_response(400, "Bad Request", {}, last);
    auto accepted = accept_upgrade(request);
    return accepted ? std::move(*accepted) : encode_response(400, "Bad Request", {}, last);
  }

  const exchange_settings& settings_;
  std::optional<server_certificates> certificates_;
  asio::io_context& loop_;
  timer_queue& timers_;
  task_scope& scope_;
  market_source& source_;
  sent_log& log_;
  detail::exchange_counters& counters_;
  stream_hub hub_;
  faults_in_force faults_{timers_, settings_.seed};
  rest_api api_;
  http_faults rest_{faults_, api_, counters_};
  acceptor acceptor_;
  exchange_clients clients_{settings_.seed};
  std::vector<timer> script_;
  bool paused_by_hand_{false};
  bool paused_{false};
};

}  // namespace foxtrot::inline v0

// foxtrot/sim/generator_source.hpp: a generated market, told in real time.

// foxtrot/sim/rest_json.hpp: the venue's text of REST answers about one symbol.

// foxtrot/sim/candle_series.hpp: the candles of one simulated symbol and interval, the last few of them.

namespace foxtrot::inline v0 {

namespace detail {

/// Of all but months.
[[nodiscard]] constexpr std::int64_t length_ns_of(kline_interval interval) noexcept {
  constexpr std::array<std::int64_t, kline_interval_count - 1> seconds{
      1, 60, 180, 300, 900, 1'800, 3'600, 7'200, 14'400, 21'600, 28'800, 43'200, 86'400, 259'200, 604'800};
  return seconds[static_cast<std::size_t>(interval)] * 1'000'000'000;
}

}  // namespace detail

/// When the interval begins that holds this moment, since the epoch, in UTC. Weeks begin on Mondays.
[[nodiscard]] inline std::int64_t open_of(kline_interval interval, std::int64_t at_ns) noexcept {
  using namespace std::chrono;
  if (interval == kline_interval::mo1) {
    const year_month_day day{floor<days>(sys_time<nanoseconds>{nanoseconds{at_ns}})};
    return nanoseconds{sys_days{day.year() / day.month() / 1}.time_since_epoch()}.count();
  }
  constexpr std::int64_t first_monday_ns = nanoseconds{days{4}}.count();
  const std::int64_t shift = interval == kline_interval::w1 ? first_monday_ns : 0;
  return at_ns - (at_ns - shift) % detail::length_ns_of(interval);
}

/// When the interval after the one that begins here begins.
[[nodiscard]] inline std::int64_t next_open_of(kline_interval interval, std::int64_t open_ns) noexcept {
  using namespace std::chrono;
  if (interval == kline_interval::mo1) return open_of(interval, open_ns + nanoseconds{days{31}}.count());
  return open_ns + detail::length_ns_of(interval);
}

/// Prices in ticks, volumes in lots, turnovers as turnover_rule counts them.
struct sim_candle {
  std::int64_t open_ns{0};
  std::int64_t open{0}, high{0}, low{0}, close{0};
  int128 volume{0}, turnover{0};
  int128 taker_buy_volume{0}, taker_buy_turnover{0};
  std::uint64_t trades{0};
};

/// The last `most` candles; allocates nothing after its constructor. An interval without a trade has a candle, too: it stays
/// where the one before closed.
class candle_series {
 public:
  static constexpr std::size_t most = 32;

  candle_series(kline_interval interval, std::int64_t price) : interval_{interval}, price_{price} {
    candles_.reserve(most);
  }

  void add(std::int64_t at_ns, const sim_level& traded, int128 turnover, bool buyer_is_maker) {
    advance(at_ns);
    sim_candle& now = candles_[newest_];
    if (now.trades++ == 0) now.open = now.high = now.low = traded.price;
    now.high = std::max(now.high, traded.price);
    now.low = std::min(now.low, traded.price);
    now.close = price_ = traded.price;
    now.volume += traded.quantity;
    now.turnover += turnover;
    if (buyer_is_maker) return;
    now.taker_buy_volume += traded.quantity;
    now.taker_buy_turnover += turnover;
  }

  /// Begins the candle of this moment, and those that are missing before it.
  void advance(std::int64_t now_ns) {
    if (candles_.empty()) return push(open_of(interval_, now_ns));
    while (now_ns >= next_open_ns_) push(next_open_ns_);
  }

  [[nodiscard]] std::size_t size() const noexcept { return candles_.size(); }
  /// Rank 0 is the newest.
  [[nodiscard]] const sim_candle& at(std::size_t rank) const noexcept {
    return candles_[(newest_ + candles_.size() - rank) % candles_.size()];
  }
  [[nodiscard]] kline_interval interval() const noexcept { return interval_; }

 private:
  void push(std::int64_t open_ns) {
    const sim_candle fresh{.open_ns = open_ns, .open = price_, .high = price_, .low = price_, .close = price_};
    if (candles_.size() < most) {
      newest_ = candles_.size();
      candles_.push_back(fresh);
    } else {
      newest_ = (newest_ + 1) % most;
      candles_[newest_] = fresh;
    }
    next_open_ns_ = next_open_of(interval_, open_ns);
  }

  kline_interval interval_;
  std::int64_t price_;  // the last one
  std::vector<sim_candle> candles_;
  std::size_t newest_{0};
  std::int64_t next_open_ns_{0};
};

}  // namespace foxtrot::inline v0

// foxtrot/sim/symbol_history.hpp: what has been traded of one simulated symbol.

// foxtrot/sim/turnover.hpp: what trades are worth, exactly.

namespace foxtrot::inline v0 {

/// Price times quantity, in the quote asset; of COIN-M, whose quantities are contracts, in the base asset. Sums are in
/// units of the last decimal.
class turnover_rule {
 public:
  turnover_rule(sim_market market, const symbol_spec& spec) noexcept
      : tick_{spec.tick},
        price_decimals_{spec.price_decimals},
        decimals_{market == sim_market::coinm ? base_decimals : spec.price_decimals + spec.quantity_decimals},
        contract_size_{market == sim_market::coinm ? contract_size_of(spec.name) : 0} {}

  /// Digits behind the point of what of() gives.
  [[nodiscard]] int decimals() const noexcept { return decimals_; }

  [[nodiscard]] int128 of(const sim_level& traded) const noexcept {
    const int128 price = int128{traded.price} * tick_;
    if (contract_size_ == 0) return price * traded.quantity;
    return int128{traded.quantity} * contract_size_ * power(base_decimals + price_decimals_) / price;
  }
  [[nodiscard]] wide_decimal value(int128 sum) const noexcept { return {sum, -decimals_}; }

  /// The average price of so many lots, with eight decimals, rounded down.
  [[nodiscard]] wide_decimal average(int128 sum, int128 lots) const noexcept {
    if (contract_size_ == 0) return {sum * power(average_decimals - price_decimals_) / lots, -average_decimals};
    return {lots * contract_size_ * power(base_decimals + average_decimals) / sum, -average_decimals};
  }

 private:
  static constexpr int base_decimals = 8;
  static constexpr int average_decimals = 8;  // no symbol's price has more

  [[nodiscard]] static int128 power(int exponent) noexcept {
    int128 value = 1;
    for (int i = 0; i < exponent; ++i) value *= 10;
    return value;
  }

  std::int64_t tick_;
  int price_decimals_;
  int decimals_;
  std::int64_t contract_size_;
};

}  // namespace foxtrot::inline v0

namespace foxtrot::inline v0 {

/// The last trades with the ids that streams tell, sums over all of them, and candles. Allocates nothing after its
/// constructor.
class symbol_history {
 public:
  static constexpr std::size_t most_trades = 10'000;

  struct trade {
    std::uint64_t id{0};
    std::int64_t matched_ns{0};
    sim_level traded;
    bool buyer_is_maker{false};
  };
  /// Since the market began. Its price was there before: prices are never none.
  struct totals {
    std::int64_t open{0}, high{0}, low{0};
    sim_level last;
    int128 volume{0}, turnover{0};
    std::uint64_t first_id{0}, last_id{0};  // mean something where there were trades
    std::uint64_t trades{0};
  };

  symbol_history(sim_market market, const symbol_spec& spec) : worth_{market, spec} {
    sums_.open = sums_.high = sums_.low = sums_.last.price = spec.price;
    for (std::size_t i = 0; i < kline_interval_count; ++i)
      candles_.emplace_back(static_cast<kline_interval>(i), spec.price);
    trades_.reserve(most_trades);
  }

  /// Takes what is a trade.
  void add(const market_event& event) {
    if (event.what != market_event::kind::trade) return;
    const trade one{event.fill.trade_id, matched_ns(event.at_ns), event.fill.traded, event.buyer_is_maker};
    const int128 worth = worth_.of(one.traded);
    if (trades_.size() < most_trades) {
      trades_.push_back(one);
    } else {
      trades_[oldest_] = one;
      oldest_ = (oldest_ + 1) % most_trades;
    }
    if (sums_.trades++ == 0) sums_.first_id = one.id;
    sums_.last_id = one.id;
    sums_.last = one.traded;
    sums_.high = std::max(sums_.high, one.traded.price);
    sums_.low = std::min(sums_.low, one.traded.price);
    sums_.volume += one.traded.quantity;
    sums_.turnover += worth;
    for (candle_series& each : candles_) each.add(one.matched_ns, one.traded, worth, one.buyer_is_maker);
  }

  /// How many trades are kept; number 0 is the oldest.
  [[nodiscard]] std::size_t size() const noexcept { return trades_.size(); }
  [[nodiscard]] const trade& at(std::size_t number) const noexcept {
    return trades_[(oldest_ + number) % trades_.size()];
  }
  [[nodiscard]] const totals& sums() const noexcept { return sums_; }
  [[nodiscard]] const turnover_rule& worth() const noexcept { return worth_; }

  /// Up to the one that is open now.
  [[nodiscard]] const candle_series& candles(kline_interval interval, std::int64_t now_ns) {
    candle_series& series = candles_[static_cast<std::size_t>(interval)];
    series.advance(now_ns);
    return series;
  }

 private:
  turnover_rule worth_;
  std::vector<trade> trades_;  // a ring once it is full
  std::size_t oldest_{0};
  totals sums_;
  std::vector<candle_series> candles_;  // by interval
};

}  // namespace foxtrot::inline v0

namespace foxtrot::inline v0 {

/// Writes bodies, or elements of them, in the shape of its market. Times are in milliseconds. Every function appends.
class rest_json {
 public:
  rest_json(sim_market market, const symbol_spec& spec)
      : market_{market},
        tick_{spec.tick},
        price_{spec.price_decimals, spot() ? 8 : spec.price_decimals},
        quantity_{spec.quantity_decimals, spot() ? 8 : spec.quantity_decimals},
        name_{spec.name} {}

  /// Those from that id on, or the last ones, `limit` at most; oldest first.
  void trades(std::string& out, const symbol_history& from, std::optional<std::uint64_t> first_id,
              std::size_t limit) const {
    const std::size_t begin = place_of(from, first_id, limit);
    const std::size_t end = std::min(begin + limit, from.size());
    text_writer to{out, 16 + (end - begin) * row_room};
    to.text("[");
    for (std::size_t i = begin; i < end; ++i) {
      const symbol_history::trade& one = from.at(i);
      to.text(i == begin ? "{\"id\":" : ",{\"id\":").number(one.id);
      price(to.text(",\"price\":"), one.traded.price);
      quantity(to.text(",\"qty\":"), one.traded.quantity);
      to.text(coinm() ? ",\"baseQty\":" : ",\"quoteQty\":");
      turnover(to, from.worth().value(from.worth().of(one.traded)));
      to.text(",\"time\":").number(ms(one.matched_ns));
      to.text(one.buyer_is_maker ? ",\"isBuyerMaker\":true" : ",\"isBuyerMaker\":false");
      to.text(spot() ? ",\"isBestMatch\":true}" : "}");
    }
    to.text("]");
  }

  /// Likewise. One trade each, as in the stream.
  void aggregate_trades(std::string& out, const symbol_history& from, std::optional<std::uint64_t> first_id,
                        std::size_t limit) const {
    const std::size_t begin = place_of(from, first_id, limit);
    const std::size_t end = std::min(begin + limit, from.size());
    text_writer to{out, 16 + (end - begin) * row_room};
    to.text("[");
    for (std::size_t i = begin; i < end; ++i) {
      const symbol_history::trade& one = from.at(i);
      to.text(i == begin ? "{\"a\":" : ",{\"a\":").number(one.id);
      price(to.text(",\"p\":"), one.traded.price);
      quantity(to.text(",\"q\":"), one.traded.quantity);
      to.text(",\"f\":").number(one.id).text(",\"l\":").number(one.id).text(",\"T\":").number(ms(one.matched_ns));
      to.text(one.buyer_is_maker ? ",\"m\":true" : ",\"m\":false").text(spot() ? ",\"M\":true}" : "}");
    }
    to.text("]");
  }

  /// One element of the 24-hour ticker's body: sums since the market began, which was today.
  void ticker(std::string& out, const symbol_history& from, const sim_book& book, std::int64_t now_ns,
              bool mini) const {
    const symbol_history::totals& all = from.sums();
    text_writer to{out, 2'048 + 2 * name_.size()};
    head(to);
    if (!mini) changes(to, from, book);
    price(to.text(",\"openPrice\":"), all.open);
    price(to.text(",\"highPrice\":"), all.high);
    price(to.text(",\"lowPrice\":"), all.low);
    if (mini) price(to.text(",\"lastPrice\":"), all.last.price);
    volume(to.text(",\"volume\":"), all.volume);
    turnover(to.text(coinm() ? ",\"baseVolume\":" : ",\"quoteVolume\":"), from.worth().value(all.turnover));
    constexpr std::int64_t day_ns = 86'400'000'000'000;
    to.text(",\"openTime\":").number(ms(now_ns - day_ns)).text(",\"closeTime\":").number(ms(now_ns));
    const bool traded = all.trades != 0;
    to.text(",\"firstId\":").number(traded ? static_cast<std::int64_t>(all.first_id) : -1);
    to.text(",\"lastId\":").number(traded ? static_cast<std::int64_t>(all.last_id) : -1);
    to.text(",\"count\":").number(all.trades).text("}");
  }

  /// The last `limit` candles that are kept, oldest first.
  void klines(std::string& out, const symbol_history& from, const candle_series& series, std::size_t limit) const {
    const std::size_t count = std::min(limit, series.size());
    text_writer to{out, 16 + count * row_room};
    to.text("[");
    for (std::size_t rank = count; rank-- > 0;) {
      const sim_candle& one = series.at(rank);
      to.text(rank + 1 == count ? "[" : ",[").number(ms(one.open_ns));
      for (const std::int64_t each : {one.open, one.high, one.low, one.close}) price(to.text(","), each);
      volume(to.text(","), one.volume);
      to.text(",").number(ms(next_open_of(series.interval(), one.open_ns)) - 1);
      turnover(to.text(","), from.worth().value(one.turnover));
      to.text(",").number(one.trades);
      volume(to.text(","), one.taker_buy_volume);
      turnover(to.text(","), from.worth().value(one.taker_buy_turnover));
      to.text(",\"0\"]");
    }
    to.text("]");
  }

  /// Of the trades within five minutes that are kept; the last price where there are none.
  void average_price(std::string& out, const symbol_history& from, std::int64_t now_ns) const {
    constexpr std::int64_t minutes_ns = 300'000'000'000;
    int128 lots = 0;
    int128 sum = 0;
    for (std::size_t i = from.size(); i-- > 0 && from.at(i).matched_ns > now_ns - minutes_ns;) {
      lots += from.at(i).traded.quantity;
      sum += from.worth().of(from.at(i).traded);
    }
    text_writer to{out, 256};
    to.text("{\"mins\":5,\"price\":");
    if (lots != 0) {
      to.quoted(from.worth().average(sum, lots), 8);
    } else {
      price(to, from.sums().last.price);
    }
    to.text(",\"closeTime\":").number(ms(from.size() != 0 ? from.at(from.size() - 1).matched_ns : now_ns)).text("}");
  }

  /// One element of the premium index' body: the prices of the mark price stream.
  void mark_price(std::string& out, const sim_book& book, std::int64_t now_ns) const {
    constexpr std::int64_t eight_hours_ns = 28'800'000'000'000;
    const std::int64_t middle = (book.bids.best().price + book.asks.best().price) * tick_ * 5;
    const number_format eight{price_.decimals + 1, 8};  // half a tick needs one decimal more
    text_writer to{out, 1'024 + 2 * name_.size()};
    head(to);
    to.text(",\"markPrice\":").quoted(middle, eight).text(",\"indexPrice\":").quoted(middle, eight);
    to.text(",\"estimatedSettlePrice\":").quoted(middle, eight);
    to.text(",\"lastFundingRate\":\"0.00010000\",\"interestRate\":\"0.00010000\",\"nextFundingTime\":");
    to.number(ms((now_ns / eight_hours_ns + 1) * eight_hours_ns)).text(",\"time\":").number(ms(now_ns)).text("}");
  }

 private:
  static constexpr std::size_t row_room = 12 * text_writer::wide_number_room;

  // Of the first trade that is told.
  [[nodiscard]] static std::size_t place_of(const symbol_history& from, std::optional<std::uint64_t> first_id,
                                            std::size_t limit) noexcept {
    if (!first_id) return from.size() - std::min(limit, from.size());
    std::size_t place = 0;
    while (place < from.size() && from.at(place).id < *first_id) ++place;
    return place;
  }

  [[nodiscard]] static std::int64_t ms(std::int64_t ns) noexcept { return ns / 1'000'000; }
  [[nodiscard]] bool spot() const noexcept { return market_ == sim_market::spot; }
  [[nodiscard]] bool coinm() const noexcept { return market_ == sim_market::coinm; }

  void head(text_writer& to) const noexcept {
    to.text("{\"symbol\":\"").text(name_).text("\"");
    if (coinm()) to.text(",\"pair\":\"").text(std::string_view{name_}.substr(0, name_.find('_'))).text("\"");
  }

  // What only the full ticker says.
  void changes(text_writer& to, const symbol_history& from, const sim_book& book) const noexcept {
    const symbol_history::totals& all = from.sums();
    const int128 change = int128{all.last.price - all.open} * tick_;
    to.text(",\"priceChange\":").quoted(wide_decimal{change, -price_.decimals}, price_.shown);
    const int128 thousandths = int128{all.last.price - all.open} * 100'000 / all.open;
    to.text(",\"priceChangePercent\":").quoted(wide_decimal{thousandths, -3}, 3).text(",\"weightedAvgPrice\":");
    if (all.volume != 0) {
      to.quoted(from.worth().average(all.turnover, all.volume), 8);
    } else {
      price(to, all.last.price);
    }
    if (spot()) price(to.text(",\"prevClosePrice\":"), all.open);
    price(to.text(",\"lastPrice\":"), all.last.price);
    quantity(to.text(",\"lastQty\":"), all.last.quantity);
    if (!spot()) return;
    price(to.text(",\"bidPrice\":"), book.bids.best().price);
    quantity(to.text(",\"bidQty\":"), book.bids.best().quantity);
    price(to.text(",\"askPrice\":"), book.asks.best().price);
    quantity(to.text(",\"askQty\":"), book.asks.best().quantity);
  }

  void price(text_writer& to, std::int64_t ticks) const noexcept { to.quoted(ticks * tick_, price_); }
  void quantity(text_writer& to, std::int64_t lots) const noexcept { to.quoted(lots, quantity_); }
  void volume(text_writer& to, int128 lots) const noexcept {
    to.quoted(wide_decimal{lots, -quantity_.decimals}, quantity_.shown);
  }
  void turnover(text_writer& to, const wide_decimal& value) const noexcept { to.quoted(value, spot() ? 8 : 2); }

  sim_market market_;
  std::int64_t tick_;
  number_format price_;
  number_format quantity_;
  std::string name_;
};

}  // namespace foxtrot::inline v0

namespace foxtrot::inline v0 {

/// Paces a generator by the wall clock: wakes at most once a millisecond and sends what is due, the whole of a burst at
/// once. Texts are written only for streams that somebody wants, once per time unit.
class generator_source final : public market_source, private live_object<generator_source> {
 public:
  /// `log`: null where nobody wants to know.
  explicit generator_source(generator_settings settings, sent_log* log = nullptr)
      : generator_{std::move(settings)}, log_{log}, specs_{generator_.symbols().begin(), generator_.symbols().end()} {
    for (const symbol_spec& spec : specs_) {
      json_.emplace_back(generator_.market(), spec);
      rest_.emplace_back(generator_.market(), spec);
      history_.emplace_back(generator_.market(), spec);
      const std::string lower = spec.lower_name();
      for (const channel& each : channels) {
        by_name_.emplace(lower + '@' + std::string{each.name}, names_.size());
        names_.push_back(lower + '@' + std::string{each.name});
      }
    }
  }

  [[nodiscard]] std::size_t stream_count() const noexcept override { return names_.size(); }

  [[nodiscard]] std::optional<std::size_t> find_stream(std::string_view name, stream_route route) const override {
    const auto found = by_name_.find(std::string{name});
    if (found == by_name_.end()) return std::nullopt;
    const channel& wanted = channels[found->second % channels.size()];
    const bool spot = generator_.market() == sim_market::spot;
    if (spot && wanted.kind == sim_message::mark_price) return std::nullopt;
    return serves(route, wanted.kind) ? std::optional{found->second} : std::nullopt;
  }

  [[nodiscard]] task<> run(timer_queue& timers, stream_hub& hub) override {
    generator_.sleep(std::chrono::nanoseconds{epoch_clock::now_ns() - generator_.next_at()});
    while (true) {
      const std::int64_t now = epoch_clock::now_ns();
      const std::int64_t behind = now - generator_.next_at();
      // a machine that was asleep must not make up for it in one flood
      if (paused_ || behind > most_behind_ns)
        generator_.sleep(std::chrono::nanoseconds{std::max<std::int64_t>(behind, 0)});
      std::size_t told = 0;
      while (!paused_ && told < most_at_once && generator_.next_at() <= now + burst_ns) {
        const market_event& event = generator_.next();
        history_[event.symbol].add(event);
        truth_.note(event);
        if (log_ != nullptr && event.what == event_kind::book_ticker)
          log_->add(names_[event.symbol * channels.size() + quotes], event.update_id, 0);
        tell(hub, event);
        ++told;
      }
      hub.flush();
      const auto until_next = std::chrono::nanoseconds{generator_.next_at() - epoch_clock::now_ns()};
      const auto wait = std::max<std::chrono::nanoseconds>(until_next, tick);
      const std::error_code error = co_await timers.sleep_for(wait);
      if (error) co_return;
    }
  }

  void pause(bool paused) override { paused_ = paused; }
  [[nodiscard]] exchange_truth truth() const override { return truth_.look(); }
  void lose_depth_update(std::string_view symbol) override {
    for (std::size_t i = 0; i < specs_.size(); ++i) {
      if (specs_[i].name == symbol) to_lose_[i] = true;
    }
  }

  [[nodiscard]] const std::vector<symbol_spec>& symbols() const noexcept override { return specs_; }
  [[nodiscard]] task<std::string> snapshot(timer_queue&, std::size_t symbol, std::size_t limit) override {
    std::string body;
    json_[symbol].snapshot(body, generator_.book(symbol), limit, epoch_clock::now_ns());
    co_return body;
  }
  [[nodiscard]] std::string book_ticker(std::size_t symbol) override {
    std::string body;
    json_[symbol].rest_book_ticker(body, generator_.book(symbol), epoch_clock::now_ns());
    return body;
  }
  [[nodiscard]] std::string trades(std::size_t symbol, std::optional<std::uint64_t> first_id,
                                   std::size_t limit) override {
    std::string body;
    rest_[symbol].trades(body, history_[symbol], first_id, limit);
    return body;
  }
  [[nodiscard]] std::string aggregate_trades(std::size_t symbol, std::optional<std::uint64_t> first_id,
                                             std::size_t limit) override {
    std::string body;
    rest_[symbol].aggregate_trades(body, history_[symbol], first_id, limit);
    return body;
  }
  [[nodiscard]] std::string ticker(std::size_t symbol, bool mini) override {
    std::string body;
    rest_[symbol].ticker(body, history_[symbol], generator_.book(symbol), epoch_clock::now_ns(), mini);
    return body;
  }
  [[nodiscard]] std::string klines(std::size_t symbol, kline_interval interval, std::size_t limit) override {
    std::string body;
    const candle_series& series = history_[symbol].candles(interval, epoch_clock::now_ns());
    rest_[symbol].klines(body, history_[symbol], series, limit);
    return body;
  }
  [[nodiscard]] std::string average_price(std::size_t symbol) override {
    std::string body;
    rest_[symbol].average_price(body, history_[symbol], epoch_clock::now_ns());
    return body;
  }
  [[nodiscard]] std::string mark_price(std::size_t symbol) override {
    std::string body;
    rest_[symbol].mark_price(body, generator_.book(symbol), epoch_clock::now_ns());
    return body;
  }

 private:
  using event_kind = market_event::kind;
  struct channel {
    std::string_view name;
    event_kind event;
    sim_message kind;
    std::size_t levels;  // of a partial book; 0 where it is none
  };

  static constexpr std::array<channel, 15> channels{{
      {"bookTicker", event_kind::book_ticker, sim_message::book_ticker, 0},
      {"trade", event_kind::trade, sim_message::trade, 0},
      {"aggTrade", event_kind::trade, sim_message::agg_trade, 0},
      {"depth@100ms", event_kind::depth, sim_message::depth, 0},
      {"depth5@100ms", event_kind::depth, sim_message::depth, 5},
      {"depth10@100ms", event_kind::depth, sim_message::depth, 10},
      {"depth20@100ms", event_kind::depth, sim_message::depth, 20},
      {"depth", event_kind::depth_slow, sim_message::depth, 0},
      {"depth@1000ms", event_kind::depth_slow, sim_message::depth, 0},
      {"depth5", event_kind::depth_slow, sim_message::depth, 5},
      {"depth10", event_kind::depth_slow, sim_message::depth, 10},
      {"depth20", event_kind::depth_slow, sim_message::depth, 20},
      {"markPrice", event_kind::mark_price, sim_message::mark_price, 0},
      {"markPrice@1s", event_kind::mark_price, sim_message::mark_price, 0},
      {"depth@0ms", event_kind::depth, sim_message::depth, 0},
  }};
  static constexpr std::size_t quotes = 0;  // of these
  static constexpr std::chrono::nanoseconds tick = std::chrono::milliseconds{1};
  static constexpr std::int64_t burst_ns = 100'000;  // what comes so soon belongs to the burst that is due
  static constexpr std::int64_t most_behind_ns = 500'000'000;
  static constexpr std::size_t most_at_once = 20'000;  // then the loop has its turn

  void tell(stream_hub& hub, const market_event& event) {
    bool lost = false;
    for (std::size_t i = 0; i < channels.size(); ++i) {
      if (channels[i].event != event.what) continue;
      const std::size_t stream = event.symbol * channels.size() + i;
      if (!hub.wanted(stream)) continue;
      const bool update = channels[i].kind == sim_message::depth && channels[i].levels == 0;
      lost = lost || (update && to_lose_[event.symbol]);
      if (!update || !to_lose_[event.symbol]) tell(hub, event, channels[i], stream);
    }
    if (lost) to_lose_[event.symbol] = false;
  }

  void tell(stream_hub& hub, const market_event& event, const channel& through, std::size_t stream) {
    for (std::string& text : texts_) text.clear();
    for (stream_subscriber* who : hub.subscribers(stream)) {
      std::string& text = texts_[static_cast<std::size_t>(who->unit())];
      if (text.empty()) write(text, event, through, who->unit());
      who->message(through.kind, names_[stream], text);
      hub.mark(*who);
    }
  }

  void write(std::string& text, const market_event& event, const channel& through, time_unit unit) const {
    const market_json& json = json_[event.symbol];
    switch (through.kind) {
      case sim_message::book_ticker: return json.book_ticker(text, event, unit);
      case sim_message::trade: return json.trade(text, event, unit);
      case sim_message::agg_trade: return json.agg_trade(text, event, unit);
      case sim_message::mark_price: return json.mark_price(text, event, unit);
      case sim_message::depth:
      case sim_message::other: break;
    }
    if (through.levels == 0) return json.depth(text, event, unit);
    json.partial_depth(text, event, generator_.book(event.symbol), through.levels, unit);
  }

  market_generator generator_;
  sent_log* log_;
  detail::truth_keeper truth_{generator_};
  std::vector<symbol_spec> specs_;
  std::vector<market_json> json_;  // by symbol
  std::vector<rest_json> rest_;    // likewise
  std::vector<symbol_history> history_;
  std::vector<std::string> names_;  // by stream
  std::unordered_map<std::string, std::size_t> by_name_;
  std::array<std::string, 2> texts_;                              // by time unit, of the message being told
  std::vector<bool> to_lose_ = std::vector<bool>(specs_.size());  // by symbol: its next depth update
  bool paused_{false};
};

}  // namespace foxtrot::inline v0

namespace foxtrot::inline v0::detail {

/// Does what exchange promises; threads as there.
class exchange_host : private live_object<exchange_host> {
 public:
  exchange_host(exchange_settings settings, diagnostics log)
      : settings_{std::move(settings)},
        log_{settings_.log_sent},
        bridge_{bridge_settings_of(settings_), std::move(log)} {}
  exchange_host(const exchange_host&) = delete;
  exchange_host& operator=(const exchange_host&) = delete;
  ~exchange_host() { stop(std::chrono::seconds{2}); }

  [[nodiscard]] result<std::uint16_t> start() {
    std::optional<server_certificates> certificates;
    if (settings_.tls) {
      auto made = server_certificates::make(settings_.certificate, settings_.max_tls);
      if (!made) return made.error();
      ca_pem_ = made->ca_pem();
      certificates = std::move(made).value();
    }
    if (const std::error_code error = prepare_source()) return error;
    server_.emplace(settings_, std::move(certificates), bridge_.context(), bridge_.timers(), bridge_.scope(), *source_,
                    log_, counters_);
    const auto port = server_->listen();
    if (!port) return port.error();
    if (const std::error_code error = bridge_.start()) return error;
    if (const std::error_code error = bridge_.call([this] { server_->begin(); }, std::chrono::seconds{1})) return error;
    port_ = *port;
    return port_;
  }

  std::error_code stop(std::chrono::milliseconds patience) { return bridge_.stop(patience); }

  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
  [[nodiscard]] const std::string& ca_pem() const noexcept { return ca_pem_; }
  [[nodiscard]] exchange_statistics statistics() const noexcept { return counters_.look(); }
  [[nodiscard]] exchange_truth truth() const { return port_ != 0 ? source_->truth() : exchange_truth{}; }

  [[nodiscard]] sent_messages sent(const std::string& stream) const { return log_.of(stream); }

  void inject(fault what) {
    bridge_.post([this, what = std::move(what)] { server_->begin_fault(what); });
  }
  void clear_faults() {
    bridge_.post([this] { server_->clear_faults(); });
  }

  void reset_connections() {
    bridge_.post([this] { server_->reset_connections(); });
  }
  void close_connections(close_code code, std::string reason) {
    bridge_.post([this, code, reason = std::move(reason)] { server_->close_connections(code, reason); });
  }
  void pause() {
    bridge_.post([this] { server_->pause(true); });
    if (port_ != 0) (void)bridge_.call([] {}, std::chrono::seconds{5});  // the market stands still on return
  }
  void resume() {
    bridge_.post([this] { server_->pause(false); });
  }
  void lose_depth_update(std::string symbol) {
    bridge_.post([this, symbol = std::move(symbol)] { source_->lose_depth_update(symbol); });
  }

 private:
  [[nodiscard]] static bridge_settings bridge_settings_of(const exchange_settings& settings) {
    bridge_settings bridge;
    bridge.network.name = settings.thread_name;
    bridge.network.cpu = settings.cpu;
    return bridge;
  }

  [[nodiscard]] std::error_code prepare_source() {
    if (settings_.replay.path.empty()) {
      generator_settings wanted;
      wanted.market = settings_.market;
      wanted.symbols = settings_.symbols;
      wanted.seed = settings_.seed;
      wanted.events_per_second = settings_.events_per_second;
      wanted.levels = settings_.levels;
      wanted.depth_interval = std::max(settings_.depth_interval, std::chrono::milliseconds{1});
      source_ = std::make_unique<generator_source>(std::move(wanted), log_.enabled() ? &log_ : nullptr);
      return {};
    }
    auto replay = capture_replay::open(settings_.replay, counters_);
    if (!replay) return replay.error();
    const capture_market market = (*replay)->contents().market;
    // a recording of COIN-M looks like one of USD-M
    if (market == capture_market::spot) settings_.market = sim_market::spot;
    if (market == capture_market::usdm && settings_.market == sim_market::spot) settings_.market = sim_market::usdm;
    source_ = std::move(*replay);
    return {};
  }

  exchange_settings settings_;
  exchange_counters counters_;
  sent_log log_;
  std::string ca_pem_;
  std::uint16_t port_{0};
  std::unique_ptr<market_source> source_;
  async_thread_bridge bridge_;
  std::optional<exchange_server> server_;  // used on the bridge's thread, which `stop` has joined before this goes
};

}  // namespace foxtrot::inline v0::detail

namespace foxtrot::inline v0 {

FOXTROT_DECL exchange::exchange(exchange_settings settings, diagnostics log)
    : host_{std::make_unique<detail::exchange_host>(std::move(settings), std::move(log))} {}
FOXTROT_DECL exchange::~exchange() = default;

FOXTROT_DECL result<std::uint16_t> exchange::start() { return host_->start(); }
FOXTROT_DECL std::error_code exchange::stop(std::chrono::milliseconds patience) { return host_->stop(patience); }

FOXTROT_DECL std::uint16_t exchange::port() const noexcept { return host_->port(); }
FOXTROT_DECL const std::string& exchange::ca_pem() const noexcept { return host_->ca_pem(); }
FOXTROT_DECL exchange_statistics exchange::statistics() const noexcept { return host_->statistics(); }
FOXTROT_DECL exchange_truth exchange::truth() const { return host_->truth(); }
FOXTROT_DECL sent_messages exchange::sent(const std::string& stream) const { return host_->sent(stream); }

FOXTROT_DECL void exchange::inject(fault what) { host_->inject(std::move(what)); }
FOXTROT_DECL void exchange::clear_faults() { host_->clear_faults(); }
FOXTROT_DECL void exchange::reset_connections() { host_->reset_connections(); }
FOXTROT_DECL void exchange::close_connections(close_code code, std::string reason) {
  host_->close_connections(code, std::move(reason));
}
FOXTROT_DECL void exchange::pause() { host_->pause(); }
FOXTROT_DECL void exchange::resume() { host_->resume(); }
FOXTROT_DECL void exchange::lose_depth_update(std::string symbol) { host_->lose_depth_update(std::move(symbol)); }

}  // namespace foxtrot::inline v0

#endif  // FOXTROT_DEFINITIONS
