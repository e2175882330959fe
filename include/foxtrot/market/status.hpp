// foxtrot/market/status.hpp: what happened to the stream itself, in order with its ticks.
#pragma once

#include <foxtrot/core/error.hpp>
#include <foxtrot/market/kinds.hpp>
#include <foxtrot/market/tick.hpp>

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <system_error>

namespace foxtrot::inline v0 {

enum class status_code : std::uint8_t {
  connected,           ///< ticks may come
  disconnected,        ///< a connection was lost, or could not be made; error() says why
  reconnecting,        ///< attempt() is about to begin
  gap,                 ///< symbol() misses something: reason() says what, gap_kind() of which kind of tick
  resynchronised,      ///< the book of symbol() is right again: every gap of depth updates before is mended
  filled,              ///< ids from() to to() of a gap() of symbol() told before have been fetched and told: gap_kind()
  stale,               ///< symbol() has been silent for too long
  fresh,               ///< symbol() speaks again
  dropped,             ///< count() events were lost between the one before and the one after, because we were too slow
  fallback_started,    ///< ticks come by HTTP polling
  fallback_ended,      ///< ticks come by WebSocket again, or the feed ends
  shutdown_announced,  ///< the venue will close this connection soon
  thread_crashed,      ///< thread_name() has ended by an exception or before its time
  thread_stalled,      ///< thread_name() does not get on
  thread_recovered,    ///< thread_name() gets on again
  thread_restarted,    ///< thread_name() runs again
  thread_failed,       ///< thread_name() has crashed too often and stays down
  line_changed,  ///< ticks without ids come by another connection from here on: some may come twice, or not at all
};
inline constexpr std::size_t status_code_count = 18;

/// Why a gap is told.
enum class gap_reason : std::uint8_t {
  missing,     ///< ids from() to to() never came
  crossed,     ///< in the book after ids from() to to() bids reach the asks, so that changes must be missing
  unusable,    ///< ids from() to to() and the book have no common exponent
  renumbered,  ///< the venue counts anew, beginning with from() to to(): forget older ids, reset a book of your own
};

struct status_record {
  std::uint64_t first;   // gap, filled: from; dropped: count; reconnecting: attempt; threads: the name's first 8 bytes
  std::uint64_t second;  // gap, filled: to; threads: the rest of the name, filled up with zeros
  std::int32_t error;    // an errc, or an errno if error_is_system
  status_code code;
  bool error_is_system;
  tick_kind gap_kind;   // gap, filled
  gap_reason reason;    // gap
  bool attempt_failed;  // disconnected: there was no connection to lose
  std::uint8_t reserved[7];
  std::uint64_t position;  // under overflow::conflate: its number among the consumer's events
  std::int64_t received_ns;
  std::uint32_t reserved_too;
  symbol_id symbol;
  std::uint16_t reserved_at_end;
};
static_assert(tick_record<status_record>);
static_assert(offsetof(status_record, received_ns) == 40 && offsetof(status_record, symbol) == 52);

namespace detail {

[[nodiscard]] constexpr bool is_connection_state(status_code code) noexcept {
  return code == status_code::connected || code == status_code::disconnected || code == status_code::reconnecting;
}
[[nodiscard]] constexpr bool is_thread_state(status_code code) noexcept {
  return code >= status_code::thread_crashed && code <= status_code::thread_failed;
}

}  // namespace detail

/// An event about the stream. `symbol()` is empty where it concerns all of them.
class status : public tick<status_record> {
 public:
  using tick::tick;

  [[nodiscard]] status_code code() const noexcept { return record().code; }
  [[nodiscard]] const char* name() const noexcept {
    static constexpr std::array<const char*, status_code_count> names{"connected",
                                                                      "disconnected",
                                                                      "reconnecting",
                                                                      "gap",
                                                                      "resynchronised",
                                                                      "filled",
                                                                      "stale",
                                                                      "fresh",
                                                                      "dropped",
                                                                      "fallback_started",
                                                                      "fallback_ended",
                                                                      "shutdown_announced",
                                                                      "thread_crashed",
                                                                      "thread_stalled",
                                                                      "thread_recovered",
                                                                      "thread_restarted",
                                                                      "thread_failed",
                                                                      "line_changed"};
    const auto index = static_cast<std::size_t>(code());
    return index < names.size() ? names[index] : "?";
  }

  /// Why: disconnected, fallback_started; else zero.
  [[nodiscard]] std::error_code error() const noexcept {
    if (record().error == 0) return {};
    if (record().error_is_system) return {record().error, std::system_category()};
    return make_error_code(static_cast<errc>(record().error));
  }
  /// gap: the first and the last id in question, why, and of which kind of tick. Both ids are 0 where an earlier gap is
  /// told again, after a loss or to a newcomer: the book of symbol() is not whole. filled: the same but for the reason.
  [[nodiscard]] std::uint64_t from() const noexcept { return record().first; }
  [[nodiscard]] std::uint64_t to() const noexcept { return record().second; }
  [[nodiscard]] gap_reason reason() const noexcept { return record().reason; }
  [[nodiscard]] tick_kind gap_kind() const noexcept { return record().gap_kind; }
  /// disconnected: true where a connection was lost, false where an attempt to make one failed.
  [[nodiscard]] bool lost_connection() const noexcept {
    return code() == status_code::disconnected && !record().attempt_failed;
  }
  /// dropped: how many events were lost.
  [[nodiscard]] std::uint64_t count() const noexcept { return record().first; }
  /// reconnecting: which attempt since there was a healthy connection; that which made a young one counts.
  [[nodiscard]] std::uint64_t attempt() const noexcept { return record().first; }
  /// thread_crashed and its like: which thread of this process, by up to 16 bytes of its name; else empty.
  [[nodiscard]] std::string thread_name() const {
    if (!detail::is_thread_state(code())) return {};
    const auto bytes = std::bit_cast<std::array<char, 16>>(std::array{record().first, record().second});
    return {bytes.data(), ::strnlen(bytes.data(), bytes.size())};
  }
};

[[nodiscard]] constexpr std::string_view to_string(gap_reason reason) noexcept {
  constexpr std::array<std::string_view, 4> names{"missing", "crossed", "unusable", "renumbered"};
  const auto index = static_cast<std::size_t>(reason);
  return index < names.size() ? names[index] : "?";
}

/// Makes the record of a status event; the rest of its fields are zero.
[[nodiscard]] inline status_record make_status(status_code code, std::int64_t received_ns, std::error_code error = {}) {
  status_record record{};
  record.code = code;
  record.received_ns = received_ns;
  record.error = error.value();
  record.error_is_system = error && error.category() != make_error_code(errc::timeout).category();
  return record;
}

/// `disconnected`: a connection was lost, or else could not be made.
[[nodiscard]] inline status_record make_disconnected_status(std::int64_t received_ns, std::error_code why, bool lost) {
  status_record record = make_status(status_code::disconnected, received_ns, why);
  record.attempt_failed = !lost;
  return record;
}

/// `reconnecting`: that attempt is about to begin.
[[nodiscard]] inline status_record make_attempt_status(std::int64_t received_ns, std::uint64_t attempt) {
  status_record record = make_status(status_code::reconnecting, received_ns);
  record.first = attempt;
  return record;
}

/// The same about one symbol.
[[nodiscard]] inline status_record make_symbol_status(status_code code, std::int64_t received_ns, symbol_id symbol) {
  status_record record = make_status(code, received_ns);
  record.symbol = symbol;
  return record;
}

/// A gap in the ticks of that kind.
[[nodiscard]] inline status_record make_gap_status(gap_reason reason, std::uint64_t from, std::uint64_t to,
                                                   tick_kind kind, std::int64_t received_ns, symbol_id symbol) {
  status_record record = make_symbol_status(status_code::gap, received_ns, symbol);
  record.first = from;
  record.second = to;
  record.reason = reason;
  record.gap_kind = kind;
  return record;
}

/// These ids of a gap have been told after all.
[[nodiscard]] inline status_record make_filled_status(std::uint64_t from, std::uint64_t to, tick_kind kind,
                                                      std::int64_t received_ns, symbol_id symbol) {
  status_record record = make_symbol_status(status_code::filled, received_ns, symbol);
  record.first = from;
  record.second = to;
  record.gap_kind = kind;
  return record;
}

/// The same about a thread of this process; the first 16 bytes of its name go with it.
[[nodiscard]] inline status_record make_thread_status(status_code code, std::int64_t received_ns,
                                                      std::string_view name) {
  status_record record = make_status(code, received_ns);
  std::array<char, 16> bytes{};
  name.copy(bytes.data(), bytes.size());
  const auto words = std::bit_cast<std::array<std::uint64_t, 2>>(bytes);
  record.first = words[0];
  record.second = words[1];
  return record;
}

}  // namespace foxtrot::inline v0
