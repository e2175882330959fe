// foxtrot/foxtrot.hpp: generated from include/foxtrot/ by single_include/generate; not to be edited.
// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cassert>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cinttypes>
#include <climits>
#include <cmath>
#include <compare>
#include <concepts>
#include <condition_variable>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <deque>
#include <exception>
#include <filesystem>
#include <fstream>
#include <functional>
#include <future>
#include <iterator>
#include <limits>
#include <list>
#include <map>
#include <memory>
#include <memory_resource>
#include <mutex>
#include <new>
#include <optional>
#include <random>
#include <ranges>
#include <set>
#include <span>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>
#include <version>

#include <asio/awaitable.hpp>
#include <asio/basic_stream_socket.hpp>
#include <asio/basic_waitable_timer.hpp>
#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/error.hpp>
#include <asio/execution_context.hpp>
#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/address.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/posix/basic_stream_descriptor.hpp>
#include <asio/post.hpp>
#include <asio/redirect_error.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>
#include <concurrentqueue/concurrentqueue.h>
#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <simdjson.h>

#include <arpa/inet.h>
#include <linux/futex.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/types.h>
#include <sys/un.h>
#include <unistd.h>

// foxtrot/foxtrot.hpp: everything a program needs to stream a market, down to the venue.

// foxtrot/exchange/binance/load_exchange_info.hpp: asks a market what it trades, once.

// foxtrot/core/clock.hpp: time as a seam: the system's clocks, or one that a test advances by hand.

// foxtrot/core/immortal.hpp: objects of the process that are never destroyed, because threads may outlive main.

namespace foxtrot::inline v0::detail {

/// The one T of the process, made at the first call, also where several shared objects use foxtrot. It takes no memory
/// from the heap, and exit() leaves it alone: a thread that still runs then may go on using it.
template <class T>
[[gnu::visibility("default")]] [[nodiscard]] T& immortal() {
  alignas(T) static std::byte place[sizeof(T)];
  static T* const made = ::new (static_cast<void*>(place)) T;
  return *made;
}

}  // namespace foxtrot::inline v0::detail

namespace foxtrot::inline v0 {

/// When something must have happened by: always the steady clock, so that a step of the wall clock moves no deadline.
using steady_time = std::chrono::steady_clock::time_point;

/// Where deadlines are measured. Network and feed code asks this object, never the clock itself. `now` may be called
/// from any thread.
class time_source {
 public:
  time_source() = default;
  time_source(const time_source&) = delete;
  time_source& operator=(const time_source&) = delete;
  virtual ~time_source() = default;

  [[nodiscard]] virtual steady_time now() const noexcept = 0;
  /// True where time moves only by a test's hand: timers then wait for nothing but `manual_time::advance`.
  [[nodiscard]] virtual bool manual() const noexcept { return false; }
};

namespace detail {
class system_time_source final : public time_source {
 public:
  [[nodiscard]] steady_time now() const noexcept override { return std::chrono::steady_clock::now(); }
};
}  // namespace detail

/// The process's steady clock.
[[nodiscard]] inline time_source& system_time() noexcept { return detail::immortal<detail::system_time_source>(); }

/// Time that stands still until `advance`. Any thread may read it.
class manual_time final : public time_source {
 public:
  explicit manual_time(steady_time start = steady_time{std::chrono::hours{1}}) noexcept
      : ticks_{start.time_since_epoch().count()} {}

  [[nodiscard]] steady_time now() const noexcept override {
    // relaxed: the value stands alone, nothing else is published with it
    return steady_time{steady_time::duration{ticks_.load(std::memory_order_relaxed)}};
  }
  [[nodiscard]] bool manual() const noexcept override { return true; }

  void advance(steady_time::duration step) noexcept { ticks_.fetch_add(step.count(), std::memory_order_relaxed); }
  void advance_to(steady_time when) noexcept {
    ticks_.store(when.time_since_epoch().count(), std::memory_order_relaxed);
  }

 private:
  std::atomic<steady_time::rep> ticks_;
};

/// Nanoseconds since the Unix epoch that never go backwards: the steady clock plus the wall clock's offset at the
/// process's first use. Differences are exact latencies even if somebody steps the wall clock meanwhile; the price is
/// that such a step does not show. One read costs one clock_gettime of the vDSO (about 20 ns). Any thread.
struct epoch_clock {
  using duration = std::chrono::nanoseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::sys_time<duration>;
  static constexpr bool is_steady = true;

  [[nodiscard]] static time_point now() noexcept { return time_point{steady_nanoseconds() + offset()}; }
  /// The same instant as an integer, as ticks carry it.
  [[nodiscard]] static std::int64_t now_ns() noexcept { return now().time_since_epoch().count(); }

 private:
  [[nodiscard]] static duration steady_nanoseconds() noexcept {
    return std::chrono::duration_cast<duration>(std::chrono::steady_clock::now().time_since_epoch());
  }
  [[gnu::visibility("default")]] [[nodiscard]] static duration offset() noexcept {
    static const duration value =
        std::chrono::duration_cast<duration>(std::chrono::system_clock::now().time_since_epoch()) -
        steady_nanoseconds();
    return value;
  }
};

}  // namespace foxtrot::inline v0

// foxtrot/core/diagnostics.hpp: where the library says what it notices; it never prints by itself.

namespace foxtrot::inline v0 {

enum class severity : std::uint8_t { debug, info, warning, error, critical };

[[nodiscard]] constexpr std::string_view to_string(severity level) noexcept {
  constexpr std::string_view names[] = {"debug", "info", "warning", "error", "critical"};
  return names[static_cast<std::size_t>(level)];
}

/// One remark. The views live only during the call to the sink.
struct diagnostic {
  severity level{severity::info};
  std::string_view component;  ///< which part speaks: "websocket_manager", "worker"
  std::string_view message;
  std::error_code error;  ///< zero where nothing failed
};

/// A sink that the user injects, shared by everything that a component makes. Called from any of foxtrot's threads,
/// never per message: it must be thread-safe. What it throws goes no further. Without a sink remarks go nowhere.
class diagnostics {
 public:
  using sink = std::function<void(const diagnostic&)>;

  diagnostics() = default;
  explicit diagnostics(sink target) : sink_{std::move(target)} {}

  void report(severity level, std::string_view component, std::string_view message,
              std::error_code error = {}) const noexcept {
    if (!sink_) return;
#if defined(__cpp_exceptions)
    try {
      sink_(diagnostic{level, component, message, error});
    } catch (...) {  // a sink's mistake must not end what it was told about
    }
#else
    sink_(diagnostic{level, component, message, error});
#endif
  }
  [[nodiscard]] explicit operator bool() const noexcept { return static_cast<bool>(sink_); }

 private:
  sink sink_;
};

}  // namespace foxtrot::inline v0

// foxtrot/core/error.hpp: every error foxtrot reports itself, in one category, grouped by conditions.

namespace foxtrot::inline v0 {

/// What went wrong. Errors of the operating system keep their own codes (std::system_category()) and take part in the
/// conditions below, so a caller never has to know which of the two it holds.
enum class errc : int {
  none = 0,  ///< no error
  // waiting
  timeout = 1,
  cancelled,
  closed,
  would_block,
  // arguments
  bad_argument,
  bad_url,
  bad_placement,
  not_permitted,
  // names and addresses
  host_not_found,
  resolve_failed,
  // TLS
  tls_handshake_failed,
  tls_protocol_error,
  tls_truncated,
  certificate_host_mismatch,
  certificate_unknown_authority,
  certificate_expired,
  certificate_not_yet_valid,
  certificate_rejected,
  certificate_unreadable,
  // HTTP
  http_malformed,
  http_header_too_large,
  http_body_too_large,
  http_truncated,
  http_rate_limited,
  http_banned,
  http_forbidden,
  http_client_error,
  http_server_error,
  http_unexpected_status,
  // WebSocket upgrade, RFC 6455 section 4
  websocket_upgrade_rejected,
  websocket_bad_accept,
  websocket_bad_upgrade,
  websocket_unrequested_extension,
  // WebSocket frames, RFC 6455 sections 5 to 8
  websocket_reserved_bits,
  websocket_bad_opcode,
  websocket_masked_frame,
  websocket_unmasked_frame,
  websocket_bad_length,
  websocket_bad_control_frame,
  websocket_unexpected_continuation,
  websocket_expected_continuation,
  websocket_invalid_utf8,
  websocket_bad_close,
  websocket_message_too_big,
  websocket_too_many_fragments,
  websocket_closed_by_peer,
  // sessions
  heartbeat_lost,
  data_silent,
  subscription_rejected,
  attempts_exhausted,
  // data
  malformed_message,
  missing_field,
  wrong_type,
  number_out_of_range,
  unknown_event,
  bad_capture,
  symbol_table_full,
  no_gzip_support,
};

/// Groups of errors: compare a std::error_code with one of these to decide what to do next.
enum class condition : int {
  transient = 1,       ///< trying again later may help
  protocol_violation,  ///< the peer broke TLS, HTTP or WebSocket rules
  tls_failure,         ///< no secure connection: certificate or handshake
  timeout,             ///< a deadline of ours passed
  cancelled,           ///< we asked for it to stop
  bad_data,            ///< a message could not be understood
};

}  // namespace foxtrot::inline v0

template <>
struct std::is_error_code_enum<foxtrot::errc> : std::true_type {};
template <>
struct std::is_error_condition_enum<foxtrot::condition> : std::true_type {};

namespace foxtrot::inline v0 {
namespace detail {

/// One line for a person; nullptr for a number that is no errc.
[[nodiscard]] constexpr const char* message_of(errc code) noexcept {
  switch (code) {
    case errc::none: return "no error";
    case errc::timeout: return "the deadline passed";
    case errc::cancelled: return "cancelled";
    case errc::closed: return "already closed";
    case errc::would_block: return "nothing to do without waiting";
    case errc::bad_argument: return "bad argument";
    case errc::bad_url: return "not a valid ws, wss, http or https URL";
    case errc::bad_placement: return "no such CPU, name or priority for a thread";
    case errc::not_permitted: return "the operating system does not permit it";
    case errc::host_not_found: return "host name not found";
    case errc::resolve_failed: return "name resolution failed";
    case errc::tls_handshake_failed: return "TLS handshake failed";
    case errc::tls_protocol_error: return "TLS protocol error";
    case errc::tls_truncated: return "connection cut without a TLS close";
    case errc::certificate_host_mismatch: return "the certificate is for another host name";
    case errc::certificate_unknown_authority: return "the certificate is not signed by a trusted authority";
    case errc::certificate_expired: return "the certificate has expired";
    case errc::certificate_not_yet_valid: return "the certificate is not valid yet";
    case errc::certificate_rejected: return "the certificate was rejected";
    case errc::certificate_unreadable: return "a certificate or key could not be read";
    case errc::http_malformed: return "malformed HTTP response";
    case errc::http_header_too_large: return "HTTP header too large";
    case errc::http_body_too_large: return "HTTP body too large";
    case errc::http_truncated: return "HTTP response cut short";
    case errc::http_rate_limited: return "rate limited by the server (429)";
    case errc::http_banned: return "banned by the server (418)";
    case errc::http_forbidden: return "forbidden by the server (403)";
    case errc::http_client_error: return "the server refused the request (4xx)";
    case errc::http_server_error: return "the server failed (5xx)";
    case errc::http_unexpected_status: return "unexpected HTTP status";
    case errc::websocket_upgrade_rejected: return "the server did not switch to WebSocket";
    case errc::websocket_bad_accept: return "wrong Sec-WebSocket-Accept";
    case errc::websocket_bad_upgrade: return "malformed WebSocket upgrade";
    case errc::websocket_unrequested_extension: return "WebSocket extension or subprotocol that was not requested";
    case errc::websocket_reserved_bits: return "reserved bit set in a WebSocket frame";
    case errc::websocket_bad_opcode: return "unknown WebSocket opcode";
    case errc::websocket_masked_frame: return "masked WebSocket frame from a server";
    case errc::websocket_unmasked_frame: return "unmasked WebSocket frame from a client";
    case errc::websocket_bad_length: return "WebSocket frame length not minimal or too large";
    case errc::websocket_bad_control_frame: return "WebSocket control frame fragmented or longer than 125 bytes";
    case errc::websocket_unexpected_continuation: return "WebSocket continuation without a message";
    case errc::websocket_expected_continuation: return "new WebSocket message inside a fragmented one";
    case errc::websocket_invalid_utf8: return "WebSocket text is not valid UTF-8";
    case errc::websocket_bad_close: return "malformed WebSocket close";
    case errc::websocket_message_too_big: return "WebSocket message over the limit";
    case errc::websocket_too_many_fragments: return "WebSocket message in too many fragments";
    case errc::websocket_closed_by_peer: return "closed by the server";
    case errc::heartbeat_lost: return "no answer to a ping";
    case errc::data_silent: return "no data within the limit";
    case errc::subscription_rejected: return "subscription rejected";
    case errc::attempts_exhausted: return "no connection attempts left";
    case errc::malformed_message: return "malformed message";
    case errc::missing_field: return "field missing in a message";
    case errc::wrong_type: return "field of the wrong type in a message";
    case errc::number_out_of_range: return "number out of range";
    case errc::unknown_event: return "unknown event";
    case errc::bad_capture: return "not a capture file";
    case errc::symbol_table_full: return "no room for another symbol";
    case errc::no_gzip_support: return "compressed with gzip, and built without zlib";
  }
  return nullptr;
}

class error_category final : public std::error_category {
 public:
  [[nodiscard]] const char* name() const noexcept override { return "foxtrot"; }
  [[nodiscard]] std::string message(int value) const override {
    const char* text = message_of(static_cast<errc>(value));
    return text != nullptr ? text : "unknown foxtrot error " + std::to_string(value);
  }
};

[[nodiscard]] constexpr bool is_transient(errc code) noexcept {
  switch (code) {
    case errc::timeout:
    case errc::resolve_failed:
    case errc::host_not_found:
    case errc::tls_truncated:
    case errc::http_truncated:
    case errc::http_rate_limited:
    case errc::http_server_error:
    case errc::websocket_closed_by_peer:
    case errc::heartbeat_lost:
    case errc::data_silent: return true;
    default: return false;
  }
}

[[nodiscard]] constexpr bool is_transient_errno(int value) noexcept {
  switch (value) {
    case ECONNRESET:
    case ECONNREFUSED:
    case ECONNABORTED:
    case EPIPE:
    case ETIMEDOUT:
    case EHOSTUNREACH:
    case ENETUNREACH:
    case ENETDOWN:
    case ENETRESET:
    case ENOBUFS:
    case ENOMEM:
    case EMFILE:
    case ENFILE:
    case EADDRNOTAVAIL:
    case EAGAIN: return true;
    default: return false;
  }
}

[[nodiscard]] constexpr bool in_range(errc code, errc first, errc last) noexcept {
  return code >= first && code <= last;
}

class condition_category final : public std::error_category {
 public:
  [[nodiscard]] const char* name() const noexcept override { return "foxtrot.condition"; }

  [[nodiscard]] std::string message(int value) const override {
    switch (static_cast<condition>(value)) {
      case condition::transient: return "transient";
      case condition::protocol_violation: return "protocol violation";
      case condition::tls_failure: return "TLS failure";
      case condition::timeout: return "timeout";
      case condition::cancelled: return "cancelled";
      case condition::bad_data: return "bad data";
    }
    return "unknown foxtrot condition " + std::to_string(value);
  }

  [[nodiscard]] bool equivalent(const std::error_code& code, int value) const noexcept override;
};

// Categories compare by address: there is one of each in a process.
[[gnu::visibility("default")]] [[nodiscard]] inline const std::error_category& category() noexcept {
  return immortal<error_category>();
}

[[gnu::visibility("default")]] [[nodiscard]] inline const std::error_category& conditions() noexcept {
  return immortal<condition_category>();
}

inline bool condition_category::equivalent(const std::error_code& code, int value) const noexcept {
  const auto wanted = static_cast<condition>(value);
  if (code.category() == category()) {
    const auto own = static_cast<errc>(code.value());
    switch (wanted) {
      case condition::transient: return is_transient(own);
      case condition::protocol_violation:
        return own == errc::tls_protocol_error || own == errc::http_malformed || own == errc::http_header_too_large ||
               in_range(own, errc::websocket_bad_accept, errc::websocket_too_many_fragments);
      case condition::tls_failure:
        // a cut connection is the network's fault, whatever was cut
        return in_range(own, errc::tls_handshake_failed, errc::certificate_unreadable) && own != errc::tls_truncated;
      case condition::timeout: return own == errc::timeout || own == errc::heartbeat_lost || own == errc::data_silent;
      case condition::cancelled: return own == errc::cancelled;
      case condition::bad_data: return in_range(own, errc::malformed_message, errc::bad_capture);
    }
    return false;
  }
  if (code.category() == std::system_category() || code.category() == std::generic_category()) {
    switch (wanted) {
      case condition::transient: return is_transient_errno(code.value());
      case condition::timeout: return code.value() == ETIMEDOUT;
      case condition::cancelled: return code.value() == ECANCELED;
      default: return false;
    }
  }
  return false;
}

}  // namespace detail

/// Found by argument-dependent look-up, so that `std::error_code ec = errc::timeout;` works.
[[nodiscard]] inline std::error_code make_error_code(errc code) noexcept {
  return {static_cast<int>(code), detail::category()};
}

/// Makes `ec == condition::transient` work.
[[nodiscard]] inline std::error_condition make_error_condition(condition group) noexcept {
  return {static_cast<int>(group), detail::conditions()};
}

}  // namespace foxtrot::inline v0

// foxtrot/core/result.hpp: a value or the std::error_code that explains its absence.

namespace foxtrot::inline v0 {

/// What a call on the set-up and control path returns. Works without exceptions: reading the value of a failed result
/// is a programming error (asserted), never a throw. Not thread-safe; a plain value.
template <class T>
  requires(!std::is_reference_v<T> && !std::is_same_v<T, std::error_code>)
class [[nodiscard]] result {
 public:
  using value_type = T;

  result(T value) noexcept(std::is_nothrow_move_constructible_v<T>)
      : state_{std::in_place_index<0>, std::move(value)} {}
  result(std::error_code error) noexcept : state_{std::in_place_index<1>, error} { assert(error); }
  result(errc error) noexcept : result{make_error_code(error)} {}

  [[nodiscard]] bool has_value() const noexcept { return state_.index() == 0; }
  [[nodiscard]] explicit operator bool() const noexcept { return has_value(); }

  /// The error, or a zero code where there is a value.
  [[nodiscard]] std::error_code error() const noexcept {
    const auto* code = std::get_if<1>(&state_);
    return code != nullptr ? *code : std::error_code{};
  }

  [[nodiscard]] T& value() & noexcept { return *pointer(); }
  [[nodiscard]] const T& value() const& noexcept { return *pointer(); }
  [[nodiscard]] T&& value() && noexcept { return std::move(*pointer()); }
  [[nodiscard]] T& operator*() & noexcept { return *pointer(); }
  [[nodiscard]] const T& operator*() const& noexcept { return *pointer(); }
  [[nodiscard]] T&& operator*() && noexcept { return std::move(*pointer()); }
  [[nodiscard]] T* operator->() noexcept { return pointer(); }
  [[nodiscard]] const T* operator->() const noexcept { return pointer(); }

  template <class U>
  [[nodiscard]] T value_or(U&& other) const& {
    return has_value() ? *pointer() : static_cast<T>(std::forward<U>(other));
  }

 private:
  [[nodiscard]] T* pointer() noexcept {
    T* value = std::get_if<0>(&state_);
    assert(value != nullptr && "value of a failed result");
    return value;
  }
  [[nodiscard]] const T* pointer() const noexcept {
    const T* value = std::get_if<0>(&state_);
    assert(value != nullptr && "value of a failed result");
    return value;
  }

  std::variant<T, std::error_code> state_;
};

}  // namespace foxtrot::inline v0

// foxtrot/exchange/binance/exchange_info.hpp: what a market trades, by which rules, and how often it may be asked.

// foxtrot/exchange/binance/detail/exchange_info_reader.hpp: the body of GET exchangeInfo, taken apart.

// foxtrot/exchange/binance/detail/json_members.hpp: the scalar members of one JSON object that somebody asked for.

// foxtrot/core/decimal.hpp: exact decimal numbers: an integer mantissa and a power of ten.

// foxtrot/core/detail/decimal_text.hpp: decimal numbers as text, whatever the width of their mantissa.

// foxtrot/core/int128.hpp: the compiler's 128-bit integers under names of our own.

namespace foxtrot::inline v0 {

/// Without the extension's mark -Wpedantic objects to every use; the standard library's traits need not know them.
__extension__ using int128 = __int128;
__extension__ using uint128 = unsigned __int128;

inline constexpr uint128 uint128_max = ~uint128{0};
inline constexpr int128 int128_max = static_cast<int128>(uint128_max >> 1);
inline constexpr int128 int128_min = -int128_max - 1;

namespace detail {

/// The distance from zero; right for the most negative number, too.
[[nodiscard]] constexpr std::uint64_t magnitude(std::int64_t value) noexcept {
  const auto bits = static_cast<std::uint64_t>(value);
  return value < 0 ? std::uint64_t{0} - bits : bits;
}
[[nodiscard]] constexpr uint128 magnitude(int128 value) noexcept {
  const auto bits = static_cast<uint128>(value);
  return value < 0 ? uint128{0} - bits : bits;
}

}  // namespace detail

}  // namespace foxtrot::inline v0

namespace foxtrot::inline v0::detail {

/// The decimal digits of an integer, the first one first; none for zero.
class digits {
 public:
  static constexpr std::size_t most = 39;  // of 2^128

  constexpr explicit digits(uint128 number) noexcept {
    constexpr std::uint64_t chunk = 10'000'000'000'000'000'000U;  // 10^19: divides by 128 bits once or twice only
    constexpr int chunk_digits = 19;
    for (; number > ~std::uint64_t{0}; number /= chunk) {
      auto low = static_cast<std::uint64_t>(number % chunk);
      for (int i = 0; i < chunk_digits; ++i, low /= 10) put(low);
    }
    for (auto rest = static_cast<std::uint64_t>(number); rest != 0; rest /= 10) put(rest);
  }

  [[nodiscard]] constexpr int count() const noexcept { return static_cast<int>(most - first_); }
  [[nodiscard]] constexpr char operator[](int index) const noexcept {
    return text_[first_ + static_cast<std::size_t>(index)];
  }
  [[nodiscard]] constexpr const char* begin() const noexcept { return text_.data() + first_; }
  [[nodiscard]] constexpr const char* end() const noexcept { return text_.data() + most; }

 private:
  constexpr void put(std::uint64_t number) noexcept { text_[--first_] = static_cast<char>('0' + number % 10); }

  std::array<char, most> text_{};
  std::size_t first_{most};
};

/// digits x 10^exponent with exactly `fraction` digits behind the point, of which there are never fewer than -exponent.
/// As std::to_chars: value_too_large and `last` where there is no room.
[[nodiscard]] constexpr std::to_chars_result write_decimal(char* first, char* last, bool negative, const digits& all,
                                                           int exponent, int fraction) noexcept {
  const int whole = all.count() == 0 ? 0 : all.count() + exponent;  // digits before the point
  const std::ptrdiff_t length =
      (negative ? 1 : 0) + std::ptrdiff_t{whole > 0 ? whole : 1} + (fraction > 0 ? 1 + std::ptrdiff_t{fraction} : 0);
  if (last - first < length) return {last, std::errc::value_too_large};
  const auto put = [&](int index) { *first++ = index >= 0 && index < all.count() ? all[index] : '0'; };
  if (negative) *first++ = '-';
  if (whole <= 0) *first++ = '0';
  for (int i = 0; i < whole; ++i) put(i);
  if (fraction > 0) *first++ = '.';
  for (int i = 0; i < fraction; ++i) put(whole + i);
  return {first, std::errc{}};
}

/// The nearest double of digits x 10^exponent; from_chars rounds once where a product with a power of ten rounds twice.
[[nodiscard]] inline double nearest_double(bool negative, const digits& all, int exponent) noexcept {
  std::array<char, digits::most + 8> text{};  // a sign, the digits, 'e' and an exponent of four characters
  char* end = text.data();
  if (negative) *end++ = '-';
  if (all.count() == 0) *end++ = '0';
  for (const char digit : all) *end++ = digit;
  *end++ = 'e';
  end = std::to_chars(end, text.data() + text.size(), exponent).ptr;
  double value = 0;
  std::from_chars(text.data(), end, value);
  return value;
}

/// What follows the digits that fit: zeros at the end of a fraction say nothing and may be left out.
[[nodiscard]] constexpr errc judge_rest(const char* at, const char* end, bool in_fraction) noexcept {
  bool exact = in_fraction;
  for (; at != end; ++at) {
    if (*at == '.') {
      if (in_fraction || at + 1 == end) return errc::malformed_message;
      in_fraction = true;
      continue;
    }
    if (*at < '0' || *at > '9') return errc::malformed_message;
    if (*at != '0') exact = false;
  }
  return exact ? errc::none : errc::number_out_of_range;
}

}  // namespace foxtrot::inline v0::detail

namespace foxtrot::inline v0 {

/// The widths there are.
template <class Mantissa>
concept decimal_mantissa = std::same_as<Mantissa, std::int64_t> || std::same_as<Mantissa, int128>;

/// mantissa x 10^exponent, as the venue wrote it: "61837.63000000" is 6183763000000 x 10^-8. Never rounded, never
/// binary floating point. Values are equal when they mean the same number, whatever their exponents. A plain value.
template <decimal_mantissa Mantissa>
class basic_decimal {
 public:
  using mantissa_type = Mantissa;

  constexpr basic_decimal() noexcept = default;
  constexpr basic_decimal(Mantissa mantissa, int exponent) noexcept
      : mantissa_{mantissa}, exponent_{static_cast<std::int8_t>(exponent)} {}
  /// From the narrower width, which always fits; the way back is narrow() in decimal_arithmetic.hpp.
  template <std::same_as<std::int64_t> Narrower>
    requires(!std::same_as<Mantissa, Narrower>)
  constexpr basic_decimal(const basic_decimal<Narrower>& narrower) noexcept
      : basic_decimal{narrower.mantissa(), narrower.exponent()} {}

  /// Reads `-?digits[.digits]`, the whole of it. Zeros at the end of the fraction are kept as long as the mantissa has
  /// room for them. errc::malformed_message for any other text, errc::number_out_of_range where the mantissa cannot
  /// hold it exactly.
  [[nodiscard]] static result<basic_decimal> parse(std::string_view text) noexcept {
    basic_decimal value;
    const errc failed = parse_into(text, value);
    if (failed != errc::none) return failed;
    return value;
  }

  /// The same for the hot path: errc::none, or the error with `value` left as it was.
  [[nodiscard]] static constexpr errc parse_into(std::string_view text, basic_decimal& value) noexcept;

  [[nodiscard]] constexpr Mantissa mantissa() const noexcept { return mantissa_; }
  [[nodiscard]] constexpr int exponent() const noexcept { return exponent_; }
  [[nodiscard]] constexpr bool is_zero() const noexcept { return mantissa_ == 0; }

  /// The same number with the shortest mantissa: no zeros at its end.
  [[nodiscard]] constexpr basic_decimal normalized() const noexcept {
    if (mantissa_ == 0) return {};
    basic_decimal value = *this;
    while (value.mantissa_ % 10 == 0 && value.exponent_ < std::numeric_limits<std::int8_t>::max()) {
      value.mantissa_ /= 10;
      ++value.exponent_;
    }
    return value;
  }

  /// The mantissa this number has under another exponent; nothing where that is not exact or does not fit.
  [[nodiscard]] constexpr std::optional<Mantissa> mantissa_at(int exponent) const noexcept {
    Mantissa value = mantissa_;
    for (int at = exponent_; value != 0 && at > exponent; --at) {
      if (__builtin_mul_overflow(value, Mantissa{10}, &value)) return std::nullopt;
    }
    for (int at = exponent_; value != 0 && at < exponent; ++at) {
      if (value % 10 != 0) return std::nullopt;
      value /= 10;
    }
    return value;
  }

  /// The nearest double. Not exact: for arithmetic that need not be. A constant expression where 53 bits hold the
  /// mantissa and the exponent is between -22 and 22.
  [[nodiscard]] constexpr double to_double() const noexcept {
    // then mantissa and power of ten are doubles themselves, and one operation rounds once
    constexpr std::uint64_t exact = std::uint64_t{1} << 53;
    constexpr int largest_power = 22;
    if (detail::magnitude(mantissa_) <= exact && exponent_ >= -largest_power && exponent_ <= largest_power) {
      double power = 1;
      for (int i = exponent_ < 0 ? -exponent_ : exponent_; i > 0; --i) power *= 10;
      return exponent_ < 0 ? static_cast<double>(mantissa_) / power : static_cast<double>(mantissa_) * power;
    }
    return detail::nearest_double(mantissa_ < 0, detail::digits{detail::magnitude(mantissa_)}, exponent_);
  }

  /// The shortest exact text, without exponent: "61837.63", "-0.5", "1200". Never more than max_chars.
  [[nodiscard]] std::string str() const {
    std::array<char, max_chars> text{};
    return {text.data(), to_chars(text)};
  }

  /// With that many digits behind the point: "61837.630". errc::number_out_of_range where they are too few (rounding
  /// is the caller's to ask for: round_to_step()), errc::bad_argument for a negative number of them.
  [[nodiscard]] result<std::string> fixed(int fraction_digits) const {
    if (fraction_digits < 0) return errc::bad_argument;
    std::string text(max_chars + static_cast<std::size_t>(fraction_digits), '\0');
    const auto [end, failed] = to_chars(text.data(), text.data() + text.size(), fraction_digits);
    if (failed != std::errc{}) return errc::number_out_of_range;
    text.resize(static_cast<std::size_t>(end - text.data()));
    return text;
  }

  /// Sign, digits, point, and zeros for every exponent: 19 or 39 digits and 127 zeros are the most.
  static constexpr std::size_t max_chars = sizeof(Mantissa) == sizeof(std::int64_t) ? 160 : 176;

  /// Writes what str() returns; returns its length. Allocates nothing.
  constexpr std::size_t to_chars(std::array<char, max_chars>& text) const noexcept {
    return static_cast<std::size_t>(to_chars(text.data(), text.data() + text.size()).ptr - text.data());
  }

  /// Writes what str() returns into [first, last), as std::to_chars does: the end of the text, or `last` and
  /// std::errc::value_too_large where there is no room.
  constexpr std::to_chars_result to_chars(char* first, char* last) const noexcept {
    const basic_decimal value = normalized();
    return value.write(first, last, value.exponent_ < 0 ? -value.exponent_ : 0);
  }

  /// Writes what fixed() returns. std::errc::invalid_argument and `last` where so many digits cannot hold it exactly.
  constexpr std::to_chars_result to_chars(char* first, char* last, int fraction_digits) const noexcept {
    const basic_decimal value = normalized();
    if (fraction_digits < 0 || fraction_digits < -value.exponent_) return {last, std::errc::invalid_argument};
    return value.write(first, last, fraction_digits);
  }

  /// Numbers of the same width, or of two: the narrower one becomes wide.
  [[nodiscard]] friend constexpr bool operator==(const basic_decimal& a, const basic_decimal& b) noexcept {
    return (a <=> b) == std::strong_ordering::equal;
  }
  [[nodiscard]] friend constexpr std::strong_ordering operator<=>(const basic_decimal& a,
                                                                  const basic_decimal& b) noexcept {
    if (a.exponent_ == b.exponent_) return a.mantissa_ <=> b.mantissa_;
    if (a.exponent_ < b.exponent_) return 0 <=> compare_finer(b, a);
    return compare_finer(a, b);
  }

  /// The same for equal numbers, whatever their exponents and widths.
  [[nodiscard]] constexpr std::size_t hash() const noexcept {
    constexpr std::uint64_t odd = 0x9e3779b97f4a7c15;
    const basic_decimal value = normalized();
    const auto wide = static_cast<int128>(value.mantissa_);
    auto mixed = static_cast<std::uint64_t>(wide) * odd;
    mixed = (mixed ^ (mixed >> 32) ^ static_cast<std::uint64_t>(wide >> 64)) * odd;
    mixed = (mixed ^ (mixed >> 32) ^ static_cast<std::uint8_t>(value.exponent_)) * odd;
    return static_cast<std::size_t>(mixed ^ (mixed >> 32));
  }

 private:
  [[nodiscard]] constexpr std::to_chars_result write(char* first, char* last, int fraction_digits) const noexcept {
    return detail::write_decimal(first, last, mantissa_ < 0, detail::digits{detail::magnitude(mantissa_)}, exponent_,
                                 fraction_digits);
  }

  // `coarse` has the larger exponent: bring it to the finer one, or see that it is out of the other's reach.
  [[nodiscard]] static constexpr std::strong_ordering compare_finer(const basic_decimal& coarse,
                                                                    const basic_decimal& fine) noexcept {
    if (const auto mantissa = coarse.mantissa_at(fine.exponent_)) return *mantissa <=> fine.mantissa_;
    return coarse.mantissa_ < 0 ? std::strong_ordering::less : std::strong_ordering::greater;
  }

  Mantissa mantissa_{0};
  std::int8_t exponent_{0};
};

/// What ticks carry: 64 bits.
using decimal = basic_decimal<std::int64_t>;
/// 128 bits: products, sums over a book, the daily volume of a cheap coin.
using wide_decimal = basic_decimal<int128>;

template <decimal_mantissa Mantissa>
constexpr errc basic_decimal<Mantissa>::parse_into(std::string_view text, basic_decimal& value) noexcept {
  const char* at = text.data();
  const char* const end = at + text.size();
  const bool negative = at != end && *at == '-';
  if (negative) ++at;

  Mantissa mantissa = 0;  // built negative: the negative side holds one value more
  int exponent = 0;
  const char* point = nullptr;
  if (at == end) return errc::malformed_message;
  for (const char* const first = at; at != end; ++at) {
    if (*at == '.') {
      if (point != nullptr || at == first || at + 1 == end) return errc::malformed_message;
      point = at;
      continue;
    }
    const int digit = *at - '0';
    if (digit < 0 || digit > 9) return errc::malformed_message;
    Mantissa longer = 0;
    if (__builtin_mul_overflow(mantissa, Mantissa{10}, &longer) ||
        __builtin_sub_overflow(longer, Mantissa{digit}, &longer)) {
      const errc lost = detail::judge_rest(at, end, point != nullptr);
      if (lost != errc::none) return lost;
      break;
    }
    mantissa = longer;
    if (point != nullptr) --exponent;
  }
  for (; exponent < std::numeric_limits<std::int8_t>::min(); ++exponent) {
    if (mantissa % 10 != 0) return errc::number_out_of_range;
    mantissa /= 10;
  }
  if (!negative && __builtin_sub_overflow(Mantissa{0}, mantissa, &mantissa)) return errc::number_out_of_range;
  value = basic_decimal{mantissa, exponent};
  return errc::none;
}

}  // namespace foxtrot::inline v0

template <foxtrot::decimal_mantissa Mantissa>
struct std::hash<foxtrot::basic_decimal<Mantissa>> {
  [[nodiscard]] constexpr std::size_t operator()(const foxtrot::basic_decimal<Mantissa>& value) const noexcept {
    return value.hash();
  }
};

namespace foxtrot::inline v0::binance::detail {

using json_value = simdjson::ondemand::value;

/// The name of a member as it stands in the document: one that is written with escapes is none we know.
[[nodiscard]] inline std::string_view name_of(simdjson::ondemand::field& member) noexcept {
  const char* const begin = member.key().raw();
  const char* end = begin;
  while (*end != '"') ++end;
  return {begin, static_cast<std::size_t>(end - begin)};
}

/// Members by the place of their name in a list. Every reader says what is wrong: errc::missing_field,
/// errc::wrong_type, errc::malformed_message, errc::number_out_of_range. A null counts as absent.
template <std::size_t Count>
class json_members {
 public:
  explicit constexpr json_members(const std::array<std::string_view, Count>& names) noexcept : names_{names} {}

  /// Takes one scalar, if its name is on the list. False where this is no JSON, and nothing more can be read.
  [[nodiscard]] bool take(std::string_view name, json_value& value, simdjson::ondemand::json_type type) noexcept {
    using simdjson::ondemand::json_type;
    std::size_t at = 0;
    while (at < Count && names_[at] != name) ++at;
    if (at == Count) return true;
    member& into = members_[at];
    twice_ = twice_ || into.is != kind::absent;
    if (type == json_type::string) {
      into.is = value.get_string().get(into.text) ? kind::unreadable : kind::text;
      return true;
    }
    if (type == json_type::array || type == json_type::object) {
      into.is = kind::unreadable;
      return true;
    }
    std::string_view token = value.raw_json_token();
    while (!token.empty() && static_cast<unsigned char>(token.back()) <= ' ') token.remove_suffix(1);
    into.text = token;
    if (type == json_type::number) {
      into.is = kind::number;
    } else if (type == json_type::boolean) {
      into.is = kind::boolean;
      return token == "true" || token == "false";
    } else {
      into.is = kind::null;
      return token == "null";
    }
    return true;
  }

  /// Whether a name came twice: what two mean is anybody's guess.
  [[nodiscard]] bool any_twice() const noexcept { return twice_; }
  [[nodiscard]] bool has(std::size_t at) const noexcept {
    return members_[at].is != kind::absent && members_[at].is != kind::null;
  }

  [[nodiscard]] errc text(std::size_t at, std::string& value) const {
    if (!has(at)) return errc::missing_field;
    if (members_[at].is != kind::text) return errc::wrong_type;
    value = members_[at].text;
    return errc::none;
  }
  /// A whole number, not negative.
  template <class Integer>
  [[nodiscard]] errc number(std::size_t at, Integer& value) const noexcept {
    if (!has(at)) return errc::missing_field;
    const std::string_view token = members_[at].text;
    if (members_[at].is != kind::number) return errc::wrong_type;
    std::uint64_t read = 0;
    if (token.starts_with('-')) return errc::number_out_of_range;
    const auto [end, failed] = std::from_chars(token.data(), token.data() + token.size(), read);
    if (failed == std::errc::result_out_of_range) return errc::number_out_of_range;
    if (failed != std::errc{} || end != token.data() + token.size()) return errc::wrong_type;
    if (read > static_cast<std::uint64_t>(std::numeric_limits<Integer>::max())) return errc::number_out_of_range;
    value = static_cast<Integer>(read);
    return errc::none;
  }
  /// A decimal in quotes; none where it is absent or zero, which is how the venue says that there is no such limit.
  [[nodiscard]] errc limit(std::size_t at, std::optional<decimal>& value) const noexcept {
    value.reset();
    if (!has(at)) return errc::none;
    if (members_[at].is != kind::text) return errc::wrong_type;
    decimal read;
    if (const errc bad = decimal::parse_into(members_[at].text, read); bad != errc::none) return bad;
    if (read.mantissa() < 0) return errc::number_out_of_range;
    if (!read.is_zero()) value = read;
    return errc::none;
  }
  [[nodiscard]] errc boolean(std::size_t at, bool& value) const noexcept {
    if (!has(at)) return errc::missing_field;
    if (members_[at].is != kind::boolean) return errc::wrong_type;
    value = members_[at].text == "true";
    return errc::none;
  }

 private:
  enum class kind : std::uint8_t { absent, text, number, boolean, null, unreadable };
  struct member {
    kind is{kind::absent};
    std::string_view text;
  };

  const std::array<std::string_view, Count>& names_;
  std::array<member, Count> members_{};
  bool twice_{false};
};

}  // namespace foxtrot::inline v0::binance::detail

// foxtrot/exchange/binance/detail/symbol_reader.hpp: one symbol of GET exchangeInfo, of spot, USD-M or COIN-M.

// foxtrot/exchange/binance/symbol_rules.hpp: what orders for one symbol have to obey: steps, bounds, least values.

// foxtrot/core/decimal_arithmetic.hpp: sums, differences and products of decimals: the exact value or nothing.

namespace foxtrot::inline v0 {

namespace detail {

template <class A, class B>
using wider_mantissa = std::conditional_t<std::same_as<A, int128>, A, B>;

/// What arithmetic passes through: a wider exponent, and room for the most negative mantissa.
struct signed_magnitude {
  bool negative{false};
  uint128 magnitude{0};
  int exponent{0};

  constexpr signed_magnitude(bool below_zero, uint128 distance, int power) noexcept
      : negative{below_zero}, magnitude{distance}, exponent{power} {}
  template <decimal_mantissa Mantissa>
  constexpr explicit signed_magnitude(const basic_decimal<Mantissa>& value) noexcept
      : negative{value.mantissa() < 0}, magnitude{detail::magnitude(value.mantissa())}, exponent{value.exponent()} {}

  constexpr void strip_zeros() noexcept {
    for (; magnitude != 0 && magnitude % 10 == 0; magnitude /= 10) ++exponent;
  }
};

/// As a decimal: zeros come off or on only where the number would not fit otherwise.
template <decimal_mantissa Mantissa>
[[nodiscard]] constexpr std::optional<basic_decimal<Mantissa>> fit(signed_magnitude value) noexcept {
  constexpr int least_exponent = std::numeric_limits<std::int8_t>::min();
  constexpr int most_exponent = std::numeric_limits<std::int8_t>::max();
  const uint128 limit = (uint128{1} << (8 * sizeof(Mantissa) - 1)) - (value.negative ? 0 : 1);
  if (value.magnitude == 0) {
    const int exponent = value.exponent < least_exponent  ? least_exponent
                         : value.exponent > most_exponent ? most_exponent
                                                          : value.exponent;
    return basic_decimal<Mantissa>{0, exponent};
  }
  for (; value.magnitude > limit || value.exponent < least_exponent; ++value.exponent) {
    if (value.magnitude % 10 != 0) return std::nullopt;
    value.magnitude /= 10;
  }
  for (; value.exponent > most_exponent; --value.exponent) {
    if (value.magnitude > limit / 10) return std::nullopt;
    value.magnitude *= 10;
  }
  // the most negative mantissa has no positive counterpart: negate before the sign is looked at
  const auto bits = value.negative ? uint128{0} - value.magnitude : value.magnitude;
  return basic_decimal<Mantissa>{static_cast<Mantissa>(static_cast<int128>(bits)), value.exponent};
}

/// The sum of two numbers whose magnitudes are those of mantissas.
template <decimal_mantissa Mantissa>
[[nodiscard]] constexpr std::optional<basic_decimal<Mantissa>> sum(signed_magnitude a, signed_magnitude b) noexcept {
  if (a.magnitude == 0) return fit<Mantissa>(b);
  if (b.magnitude == 0) return fit<Mantissa>(a);
  a.strip_zeros();
  b.strip_zeros();
  if (a.exponent < b.exponent) {
    const signed_magnitude coarse = b;
    b = a;
    a = coarse;
  }
  // The last digit of a finer b is one of the sum, so the sum has to fit as it stands; and where 128 bits do not hold
  // the aligned a, they do not hold its sum with a number of 127 bits either.
  for (; a.exponent > b.exponent; --a.exponent) {
    if (__builtin_mul_overflow(a.magnitude, uint128{10}, &a.magnitude)) return std::nullopt;
  }
  if (a.negative != b.negative) {
    const bool larger = a.magnitude >= b.magnitude;
    return fit<Mantissa>(
        {larger ? a.negative : b.negative, larger ? a.magnitude - b.magnitude : b.magnitude - a.magnitude, a.exponent});
  }
  // only -2^127 twice gets here with a carry: 2^128 does not end in a zero
  if (__builtin_add_overflow(a.magnitude, b.magnitude, &a.magnitude)) return std::nullopt;
  return fit<Mantissa>(a);
}

template <decimal_mantissa Mantissa>
[[nodiscard]] constexpr std::optional<basic_decimal<Mantissa>> product(signed_magnitude a,
                                                                       signed_magnitude b) noexcept {
  const bool negative = a.negative != b.negative;
  uint128 magnitude = 0;
  int exponent = a.exponent + b.exponent;
  if (__builtin_mul_overflow(a.magnitude, b.magnitude, &magnitude)) {
    // take every ten out of the factors: what then overflows cannot be written shorter
    const auto take_tens = [&exponent](uint128& twos, uint128& fives) {
      for (; twos % 2 == 0 && fives % 5 == 0; ++exponent) {
        twos /= 2;
        fives /= 5;
      }
    };
    a.strip_zeros();
    b.strip_zeros();
    exponent = a.exponent + b.exponent;
    take_tens(a.magnitude, b.magnitude);
    take_tens(b.magnitude, a.magnitude);
    if (__builtin_mul_overflow(a.magnitude, b.magnitude, &magnitude)) return std::nullopt;
  }
  return fit<Mantissa>({negative, magnitude, exponent});
}

}  // namespace detail

/// a + b, exactly; nothing where no mantissa of the wider of the two widths can hold it. The exponent is the finer one
/// where that fits.
template <class A, class B>
[[nodiscard]] constexpr auto add(const basic_decimal<A>& a, const basic_decimal<B>& b) noexcept
    -> std::optional<basic_decimal<detail::wider_mantissa<A, B>>> {
  using wider = basic_decimal<detail::wider_mantissa<A, B>>;
  using mantissa = typename wider::mantissa_type;
  const int finer = a.exponent() < b.exponent() ? a.exponent() : b.exponent();
  const auto left = wider{a}.mantissa_at(finer);
  const auto right = wider{b}.mantissa_at(finer);
  mantissa total = 0;
  if (left && right && !__builtin_add_overflow(*left, *right, &total)) return wider{total, finer};
  return detail::sum<mantissa>(detail::signed_magnitude{a}, detail::signed_magnitude{b});
}

/// a - b, exactly; nothing where no mantissa of the wider of the two widths can hold it.
template <class A, class B>
[[nodiscard]] constexpr auto subtract(const basic_decimal<A>& a, const basic_decimal<B>& b) noexcept
    -> std::optional<basic_decimal<detail::wider_mantissa<A, B>>> {
  using wider = basic_decimal<detail::wider_mantissa<A, B>>;
  using mantissa = typename wider::mantissa_type;
  const int finer = a.exponent() < b.exponent() ? a.exponent() : b.exponent();
  const auto left = wider{a}.mantissa_at(finer);
  const auto right = wider{b}.mantissa_at(finer);
  mantissa rest = 0;
  if (left && right && !__builtin_sub_overflow(*left, *right, &rest)) return wider{rest, finer};
  detail::signed_magnitude negated{b};
  negated.negative = !negated.negative;
  return detail::sum<mantissa>(detail::signed_magnitude{a}, negated);
}

/// a x b, exactly; nothing where no mantissa of the wider of the two widths can hold it. Two decimals always have a
/// product of 128 bits: make one of them wide.
template <class A, class B>
[[nodiscard]] constexpr auto multiply(const basic_decimal<A>& a, const basic_decimal<B>& b) noexcept
    -> std::optional<basic_decimal<detail::wider_mantissa<A, B>>> {
  return detail::product<detail::wider_mantissa<A, B>>(detail::signed_magnitude{a}, detail::signed_magnitude{b});
}

/// -value; nothing where only the most negative mantissa is left to be negated.
template <class Mantissa>
[[nodiscard]] constexpr std::optional<basic_decimal<Mantissa>> negate(const basic_decimal<Mantissa>& value) noexcept {
  detail::signed_magnitude negated{value};
  negated.negative = !negated.negative;
  return detail::fit<Mantissa>(negated);
}

/// The same number in 64 bits; nothing where they cannot hold it.
[[nodiscard]] constexpr std::optional<decimal> narrow(const wide_decimal& value) noexcept {
  return detail::fit<std::int64_t>(detail::signed_magnitude{value});
}

}  // namespace foxtrot::inline v0

// foxtrot/core/decimal_rounding.hpp: decimals brought to a tick or lot size, in a direction that the caller names.

namespace foxtrot::inline v0 {

/// Which multiple of the step: the one below or above (towards minus or plus infinity), or the nearer one, of two
/// equally near the one farther from zero.
enum class rounding : std::uint8_t { down, up, nearest };

namespace detail {

/// value / step as a whole number of steps and a remainder, `of` being the step in the remainder's unit.
struct division {
  bool overflow{false};  // the step is beyond 128 bits of the value's unit: the value is less than half of it
  uint128 whole{0};      // known where the step is the coarser one
  uint128 rest{0};
  uint128 of{1};
};

// x + y modulo m, for x and y below m.
[[nodiscard]] constexpr uint128 add_modulo(uint128 x, uint128 y, uint128 m) noexcept {
  return x >= m - y ? x - (m - y) : x + y;
}

[[nodiscard]] constexpr division divide(const signed_magnitude& value, const signed_magnitude& step) noexcept {
  division found{.of = step.magnitude};
  if (value.exponent < step.exponent) {
    for (int at = step.exponent; at > value.exponent; --at) {
      if (__builtin_mul_overflow(found.of, uint128{10}, &found.of)) return {.overflow = true, .rest = value.magnitude};
    }
    found.whole = value.magnitude / found.of;
    found.rest = value.magnitude % found.of;
    return found;
  }
  found.rest = value.magnitude % found.of;
  for (int at = value.exponent; at > step.exponent && found.rest != 0; --at) {  // times ten, never past 128 bits
    const uint128 two = add_modulo(found.rest, found.rest, found.of);
    const uint128 four = add_modulo(two, two, found.of);
    found.rest = add_modulo(add_modulo(four, four, found.of), two, found.of);
  }
  return found;
}

}  // namespace detail

/// The multiple of `step` next to `value` in that direction; `value` itself where it is one. Exact: nothing where the
/// mantissa cannot hold the outcome, or where the step is not above zero.
template <class Mantissa>
[[nodiscard]] constexpr std::optional<basic_decimal<Mantissa>> round_to_step(const basic_decimal<Mantissa>& value,
                                                                             const basic_decimal<Mantissa>& step,
                                                                             rounding direction) noexcept {
  if (step.mantissa() <= 0) return std::nullopt;
  const detail::signed_magnitude number{value};
  const detail::signed_magnitude unit{step};
  const detail::division found = detail::divide(number, unit);
  if (found.rest == 0) return value;
  const bool away_from_zero = direction == rounding::nearest ? !found.overflow && found.rest >= found.of - found.rest
                                                             : (direction == rounding::up) != number.negative;
  if (value.exponent() < step.exponent()) {
    return detail::product<Mantissa>({number.negative, found.whole + (away_from_zero ? 1 : 0), 0}, unit);
  }
  const uint128 distance = away_from_zero ? found.of - found.rest : found.rest;
  return detail::sum<Mantissa>(number, {number.negative == away_from_zero, distance, step.exponent()});
}

}  // namespace foxtrot::inline v0

namespace foxtrot::inline v0::binance {

/// Whether a symbol trades, and if not, why. The first seven are those of spot, the others those of the futures.
enum class symbol_status : std::uint8_t {
  trading,
  halted,
  in_break,
  pre_trading,
  post_trading,
  end_of_day,
  auction_match,
  pending_trading,
  pre_delivering,
  delivering,
  delivered,
  pre_settle,
  settling,
  closed,
  other,  ///< one that this list does not know: see symbol_rules::status_text
};

namespace detail {

/// The venue's words for them, in the same order.
inline constexpr std::array<std::string_view, 14> status_words{
    "TRADING",         "HALT",           "BREAK",      "PRE_TRADING", "POST_TRADING", "END_OF_DAY", "AUCTION_MATCH",
    "PENDING_TRADING", "PRE_DELIVERING", "DELIVERING", "DELIVERED",   "PRE_SETTLE",   "SETTLING",   "CLOSE"};

}  // namespace detail

/// The venue's word; empty for `other`.
[[nodiscard]] constexpr std::string_view to_string(symbol_status status) noexcept {
  const auto at = static_cast<std::size_t>(status);
  return at < detail::status_words.size() ? detail::status_words[at] : std::string_view{};
}
[[nodiscard]] constexpr symbol_status symbol_status_of(std::string_view word) noexcept {
  for (std::size_t at = 0; at < detail::status_words.size(); ++at) {
    if (detail::status_words[at] == word) return static_cast<symbol_status>(at);
  }
  return symbol_status::other;
}

/// Bounds and step of one number. The venue disables each with a zero or leaves it out: it is absent then, never 0.
struct number_rule {
  std::optional<decimal> least;
  std::optional<decimal> most;
  std::optional<decimal> step;

  /// Above zero, within the bounds, a multiple of the step.
  [[nodiscard]] constexpr bool allows(const decimal& value) const noexcept {
    return value.mantissa() > 0 && (!least || value >= *least) && (!most || value <= *most) && is_multiple(value);
  }
  /// The multiple of the step next to `value`, or `value` itself where there is no step. The bounds have no say in it.
  /// Nothing where a decimal cannot hold the outcome.
  [[nodiscard]] constexpr std::optional<decimal> round(const decimal& value, rounding direction) const noexcept {
    return step ? round_to_step(value, *step, direction) : std::optional{value};
  }
  /// Every bound and step is as exact as the venue wrote it.
  [[nodiscard]] friend constexpr bool operator==(const number_rule&, const number_rule&) noexcept = default;

 private:
  // The venue's least values are multiples themselves: those who count from them (futures) and from zero (spot) agree.
  [[nodiscard]] constexpr bool is_multiple(const decimal& value) const noexcept {
    return !step || round_to_step(value, *step, rounding::down) == value;
  }
};

/// One symbol as GET exchangeInfo describes it. A plain value: what the venue did not say is empty or absent.
struct symbol_rules {
  std::string name;         ///< upper case: "BTCUSDT"
  std::string base_asset;   ///< what is bought and sold
  std::string quote_asset;  ///< what prices are in
  symbol_status status{symbol_status::other};
  std::string status_text;  ///< the venue's word for it

  std::string contract_type;                  ///< futures: "PERPETUAL", "CURRENT_QUARTER"
  std::string pair;                           ///< futures: the underlying, "BTCUSD"
  std::string margin_asset;                   ///< futures
  std::optional<std::int64_t> contract_size;  ///< COIN-M: quote units that one contract is worth

  number_rule price;            ///< PRICE_FILTER: step is the tick size
  number_rule quantity;         ///< LOT_SIZE: step is the lot
  number_rule market_quantity;  ///< MARKET_LOT_SIZE: market orders obey it and LOT_SIZE

  std::optional<decimal> min_notional;  ///< of price x quantity, in the quote asset
  std::optional<decimal> max_notional;  ///< spot
  bool min_notional_for_market{true};   ///< whether market orders obey it, too
  bool max_notional_for_market{true};

  // Decimals that the venue reads or shows. These are not the tick's and the lot's.
  std::optional<int> price_precision;     ///< futures
  std::optional<int> quantity_precision;  ///< futures
  std::optional<int> base_precision;
  std::optional<int> quote_precision;

  [[nodiscard]] bool trading() const noexcept { return status == symbol_status::trading; }
  [[nodiscard]] const std::optional<decimal>& tick_size() const noexcept { return price.step; }
  [[nodiscard]] const std::optional<decimal>& lot_size() const noexcept { return quantity.step; }

  /// The price next to this one that is a multiple of the tick; see number_rule::round.
  [[nodiscard]] std::optional<decimal> round_price(const decimal& value, rounding direction) const noexcept {
    return price.round(value, direction);
  }
  /// The quantity next to this one that is a multiple of the lot.
  [[nodiscard]] std::optional<decimal> round_quantity(const decimal& value, rounding direction) const noexcept {
    return quantity.round(value, direction);
  }
  /// As far as PRICE_FILTER goes: filters that look at the market's price are not known here.
  [[nodiscard]] bool is_valid_price(const decimal& value) const noexcept { return price.allows(value); }
  /// Of a limit order.
  [[nodiscard]] bool is_valid_quantity(const decimal& value) const noexcept { return quantity.allows(value); }
  [[nodiscard]] bool is_valid_market_quantity(const decimal& value) const noexcept {
    return quantity.allows(value) && market_quantity.allows(value);
  }
  /// Of a limit order: whether it is worth enough, and not too much.
  [[nodiscard]] bool is_valid_notional(const decimal& at, const decimal& amount) const noexcept {
    const auto worth = multiply(wide_decimal{at}, amount);
    return worth && (!min_notional || *worth >= wide_decimal{*min_notional}) &&
           (!max_notional || *worth <= wide_decimal{*max_notional});
  }
};

}  // namespace foxtrot::inline v0::binance

namespace foxtrot::inline v0::binance::detail {

/// Reads an object to its end whatever is in it, so that the symbols behind an odd one can be read.
class symbol_reader {
 public:
  /// False where this is no JSON: then nothing behind it can be read either. Otherwise `bad` says what is wrong with
  /// the symbol, if anything; its name is set as soon as there is one.
  [[nodiscard]] bool read(simdjson::ondemand::object object, symbol_rules& into, errc& bad) {
    bad_ = errc::none;
    filters_seen_ = 0;
    bool has_filters = false;
    json_members<names.size()> members{names};
    for (auto next : object) {
      simdjson::ondemand::field member;
      if (std::move(next).get(member)) return false;
      const std::string_view name = name_of(member);
      json_value value = member.value();
      simdjson::ondemand::json_type type{};
      if (value.type().get(type)) return false;
      if (name == "filters") {
        if (std::exchange(has_filters, true)) note(errc::malformed_message);
        if (!read_filters(value, type, into)) return false;
      } else if (!members.take(name, value, type)) {
        return false;
      }
    }
    if (members.any_twice()) note(errc::malformed_message);
    if (!has_filters) note(errc::missing_field);
    interpret(members, into);
    bad = bad_;
    return true;
  }

 private:
  using json_type = simdjson::ondemand::json_type;

  enum key : std::size_t {
    symbol,
    status,
    contract_status,
    base_asset,
    quote_asset,
    contract_type,
    pair,
    margin_asset,
    contract_size,
    price_precision,
    quantity_precision,
    base_precision,
    quote_precision,
    quote_asset_precision
  };
  static constexpr std::array<std::string_view, 14> names{"symbol",
                                                          "status",
                                                          "contractStatus",
                                                          "baseAsset",
                                                          "quoteAsset",
                                                          "contractType",
                                                          "pair",
                                                          "marginAsset",
                                                          "contractSize",
                                                          "pricePrecision",
                                                          "quantityPrecision",
                                                          "baseAssetPrecision",
                                                          "quotePrecision",
                                                          "quoteAssetPrecision"};
  enum filter_key : std::size_t {
    filter_type,
    min_price,
    max_price,
    tick_size,
    min_qty,
    max_qty,
    step_size,
    min_notional,
    plain_notional,
    max_notional,
    apply_to_market,
    apply_min_to_market,
    apply_max_to_market
  };
  static constexpr std::array<std::string_view, 13> filter_names{
      "filterType",  "minPrice", "maxPrice",    "tickSize",      "minQty",           "maxQty",          "stepSize",
      "minNotional", "notional", "maxNotional", "applyToMarket", "applyMinToMarket", "applyMaxToMarket"};
  using filter_members = json_members<filter_names.size()>;
  enum filter : unsigned {
    price_filter = 1,
    lot_size = 2,
    market_lot_size = 4,
    min_notional_filter = 8,
    notional = 16
  };

  // What is wrong first is what is told.
  void note(errc bad) noexcept {
    if (bad_ == errc::none) bad_ = bad;
  }

  template <std::size_t Count>
  void interpret(const json_members<Count>& members, symbol_rules& into) {
    note(members.text(symbol, into.name));
    if (into.name.empty()) note(errc::missing_field);
    note(members.text(members.has(status) ? status : contract_status, into.status_text));
    into.status = symbol_status_of(into.status_text);
    note(members.text(base_asset, into.base_asset));
    note(members.text(quote_asset, into.quote_asset));
    if (members.has(contract_type)) note(members.text(contract_type, into.contract_type));
    if (members.has(pair)) note(members.text(pair, into.pair));
    if (members.has(margin_asset)) note(members.text(margin_asset, into.margin_asset));
    optional_number(members, contract_size, into.contract_size);
    optional_number(members, price_precision, into.price_precision);
    optional_number(members, quantity_precision, into.quantity_precision);
    optional_number(members, base_precision, into.base_precision);
    // spot has both names: the longer one took over from the shorter
    const bool longer = members.has(quote_asset_precision);
    optional_number(members, longer ? quote_asset_precision : quote_precision, into.quote_precision);
  }

  template <class Members, class Integer>
  void optional_number(const Members& members, std::size_t at, std::optional<Integer>& value) {
    if (!members.has(at)) return;
    Integer read = 0;
    note(members.number(at, read));
    value = read;
  }

  [[nodiscard]] bool read_filters(json_value& value, json_type type, symbol_rules& into) {
    if (type != json_type::array) {
      note(errc::wrong_type);
      return true;
    }
    simdjson::ondemand::array all;
    if (value.get_array().get(all)) return false;
    for (auto next : all) {
      json_value one;
      if (std::move(next).get(one)) return false;
      json_type is{};
      if (one.type().get(is)) return false;
      if (is != json_type::object) {
        note(errc::wrong_type);
      } else if (!read_filter(one, into)) {
        return false;
      }
    }
    return true;
  }

  [[nodiscard]] bool read_filter(json_value& value, symbol_rules& into) {
    simdjson::ondemand::object object;
    if (value.get_object().get(object)) return false;
    filter_members members{filter_names};
    for (auto next : object) {
      simdjson::ondemand::field member;
      if (std::move(next).get(member)) return false;
      const std::string_view name = name_of(member);
      json_value inner = member.value();
      json_type type{};
      if (inner.type().get(type)) return false;
      if (!members.take(name, inner, type)) return false;
    }
    if (members.any_twice()) note(errc::malformed_message);
    std::string kind;
    note(members.text(filter_type, kind));
    interpret_filter(kind, members, into);
    return true;
  }

  void interpret_filter(std::string_view kind, const filter_members& members, symbol_rules& into) {
    if (kind == "PRICE_FILTER") {
      once(price_filter);
      note(members.limit(min_price, into.price.least));
      note(members.limit(max_price, into.price.most));
      note(members.limit(tick_size, into.price.step));
    } else if (kind == "LOT_SIZE") {
      once(lot_size);
      read_quantity(members, into.quantity);
    } else if (kind == "MARKET_LOT_SIZE") {
      once(market_lot_size);
      read_quantity(members, into.market_quantity);
    } else if (kind == "MIN_NOTIONAL") {
      once(min_notional_filter);
      read_min_notional(members, members.has(min_notional) ? min_notional : plain_notional, apply_to_market, into);
    } else if (kind == "NOTIONAL") {
      once(notional);
      read_min_notional(members, min_notional, apply_min_to_market, into);
      note(members.limit(max_notional, into.max_notional));
      if (members.has(apply_max_to_market)) note(members.boolean(apply_max_to_market, into.max_notional_for_market));
    }
  }

  void once(filter which) noexcept {
    if ((filters_seen_ & which) != 0) note(errc::malformed_message);
    filters_seen_ |= which;
  }

  void read_quantity(const filter_members& members, number_rule& into) {
    note(members.limit(min_qty, into.least));
    note(members.limit(max_qty, into.most));
    note(members.limit(step_size, into.step));
  }

  // A symbol may have both filters: the larger amount is the one that counts.
  void read_min_notional(const filter_members& members, std::size_t amount, std::size_t applies, symbol_rules& into) {
    std::optional<decimal> least;
    bool for_market = true;
    note(members.limit(amount, least));
    if (members.has(applies)) note(members.boolean(applies, for_market));
    if (!least || (into.min_notional && *into.min_notional >= *least)) return;
    into.min_notional = least;
    into.min_notional_for_market = for_market;
  }

  errc bad_{errc::none};
  unsigned filters_seen_{0};
};

}  // namespace foxtrot::inline v0::binance::detail

// foxtrot/exchange/binance/rate_limit.hpp: how much the venue lets one address or account ask for.

namespace foxtrot::inline v0::binance {

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

namespace foxtrot::inline v0::binance {

/// A symbol that was left out, and why.
struct rejected_symbol {
  std::string name;  ///< empty where even that could not be read
  errc error{errc::none};
};

namespace detail {

/// What a body held, in its order.
struct exchange_info_content {
  std::int64_t server_time{0};  ///< as the venue wrote it
  std::vector<rate_limit> rate_limits;
  std::vector<symbol_rules> symbols;
  std::vector<rejected_symbol> rejected;
};

/// One document, once. The kinds of members decide, not their order; what is not asked for is passed over unread.
class exchange_info_reader {
 public:
  /// errc::none, or why the whole of it is of no use; `into` is then half filled.
  [[nodiscard]] errc read(std::string_view body, exchange_info_content& into) {
    if (body.starts_with("\xEF\xBB\xBF")) return errc::malformed_message;  // RFC 8259, section 8.1
    const simdjson::padded_string text{body};
    simdjson::ondemand::parser parser;
    simdjson::ondemand::document document;
    if (parser.iterate(text).get(document)) return errc::malformed_message;
    simdjson::ondemand::object all;
    if (const auto failed = document.get_object().get(all)) {
      return failed == simdjson::INCORRECT_TYPE ? errc::wrong_type : errc::malformed_message;
    }
    if (const errc bad = read_members(all, into); bad != errc::none) return bad;
    return document.current_location().error() == simdjson::OUT_OF_BOUNDS ? errc::none : errc::malformed_message;
  }

 private:
  using json_type = simdjson::ondemand::json_type;

  static constexpr std::array<std::string_view, 1> names{"serverTime"};
  enum limit_key : std::size_t { limit_type, interval, interval_count, limit };
  static constexpr std::array<std::string_view, 4> limit_names{"rateLimitType", "interval", "intervalNum", "limit"};

  [[nodiscard]] errc read_members(simdjson::ondemand::object& object, exchange_info_content& into) {
    json_members<names.size()> members{names};
    bool has_limits = false;
    bool has_symbols = false;
    for (auto next : object) {
      simdjson::ondemand::field member;
      if (std::move(next).get(member)) return errc::malformed_message;
      const std::string_view name = name_of(member);
      json_value value = member.value();
      json_type type{};
      if (value.type().get(type)) return errc::malformed_message;
      errc bad = errc::none;
      if (name == "symbols") {
        bad = std::exchange(has_symbols, true) ? errc::malformed_message : read_symbols(value, type, into);
      } else if (name == "rateLimits") {
        bad = std::exchange(has_limits, true) ? errc::malformed_message : read_limits(value, type, into);
      } else if (!members.take(name, value, type)) {
        bad = errc::malformed_message;
      }
      if (bad != errc::none) return bad;
    }
    if (members.any_twice()) return errc::malformed_message;
    if (!has_symbols || !has_limits) return errc::missing_field;
    return members.number(0, into.server_time);
  }

  [[nodiscard]] errc read_symbols(json_value& value, json_type type, exchange_info_content& into) {
    if (type != json_type::array) return errc::wrong_type;
    simdjson::ondemand::array all;
    if (value.get_array().get(all)) return errc::malformed_message;
    for (auto next : all) {
      json_value one;
      if (std::move(next).get(one)) return errc::malformed_message;
      json_type is{};
      if (one.type().get(is)) return errc::malformed_message;
      errc bad = errc::wrong_type;
      symbol_rules found;
      if (is == json_type::object) {
        simdjson::ondemand::object object;
        if (one.get_object().get(object)) return errc::malformed_message;
        if (!symbols_.read(object, found, bad)) return errc::malformed_message;
      }
      if (bad == errc::none) {
        into.symbols.push_back(std::move(found));
      } else {
        into.rejected.push_back({std::move(found.name), bad});
      }
    }
    return errc::none;
  }

  [[nodiscard]] static errc read_limits(json_value& value, json_type type, exchange_info_content& into) {
    if (type != json_type::array) return errc::wrong_type;
    simdjson::ondemand::array all;
    if (value.get_array().get(all)) return errc::malformed_message;
    for (auto next : all) {
      json_value one;
      if (std::move(next).get(one)) return errc::malformed_message;
      json_type is{};
      if (one.type().get(is)) return errc::malformed_message;
      if (is != json_type::object) return errc::wrong_type;
      if (const errc bad = read_limit(one, into.rate_limits.emplace_back()); bad != errc::none) return bad;
    }
    return errc::none;
  }

  [[nodiscard]] static errc read_limit(json_value& value, rate_limit& into) {
    simdjson::ondemand::object object;
    if (value.get_object().get(object)) return errc::malformed_message;
    json_members<limit_names.size()> members{limit_names};
    for (auto next : object) {
      simdjson::ondemand::field member;
      if (std::move(next).get(member)) return errc::malformed_message;
      const std::string_view name = name_of(member);
      json_value inner = member.value();
      json_type type{};
      if (inner.type().get(type) || !members.take(name, inner, type)) return errc::malformed_message;
    }
    if (members.any_twice()) return errc::malformed_message;
    errc bad = errc::none;
    const auto read = [&bad](errc outcome) { return (bad = outcome) == errc::none; };
    if (!(read(members.text(limit_type, into.type_text)) && read(members.text(interval, into.interval_text)) &&
          read(members.number(interval_count, into.interval_count)) && read(members.number(limit, into.limit)))) {
      return bad;
    }
    into.type = rate_limit_type_of(into.type_text);
    into.interval = rate_limit_interval_of(into.interval_text);
    return errc::none;
  }

  symbol_reader symbols_;
};

}  // namespace detail
}  // namespace foxtrot::inline v0::binance

namespace foxtrot::inline v0::binance {

/// The answer to GET exchangeInfo of spot, USD-M or COIN-M. A value that does not change: any number of threads may
/// read it. Its symbols are sorted by name.
class exchange_info {
 public:
  /// Reads a body. The error is errc::malformed_message for what is no JSON, errc::missing_field or errc::wrong_type
  /// for another document, and nothing is left of it; one symbol that cannot be understood is left out and listed in
  /// rejected().
  [[nodiscard]] static result<exchange_info> parse(std::string_view body) {
    exchange_info made;
    detail::exchange_info_reader reader;
    if (const errc bad = reader.read(body, made.content_); bad != errc::none) return bad;
    made.sort();
    return made;
  }

  /// When the venue answered, by its clock.
  [[nodiscard]] std::chrono::sys_time<std::chrono::microseconds> server_time() const noexcept {
    constexpr std::int64_t least_microseconds = 100'000'000'000'000;  // today's milliseconds have 13 digits, these 16
    const std::int64_t at = content_.server_time;
    return std::chrono::sys_time<std::chrono::microseconds>{
        std::chrono::microseconds{at < least_microseconds ? at * 1000 : at}};
  }
  [[nodiscard]] const std::vector<rate_limit>& rate_limits() const noexcept { return content_.rate_limits; }

  [[nodiscard]] const std::vector<symbol_rules>& symbols() const noexcept { return content_.symbols; }
  [[nodiscard]] auto begin() const noexcept { return content_.symbols.begin(); }
  [[nodiscard]] auto end() const noexcept { return content_.symbols.end(); }
  [[nodiscard]] std::size_t size() const noexcept { return content_.symbols.size(); }
  [[nodiscard]] bool empty() const noexcept { return content_.symbols.empty(); }

  /// The symbol of that name, in upper case; null where there is none. Valid as long as this object. Allocates nothing.
  [[nodiscard]] const symbol_rules* find(std::string_view name) const noexcept {
    const auto found = std::lower_bound(
        begin(), end(), name, [](const symbol_rules& one, std::string_view wanted) { return one.name < wanted; });
    return found != end() && found->name == name ? &*found : nullptr;
  }

  /// Those that trade now. Valid as long as this object.
  [[nodiscard]] std::vector<const symbol_rules*> trading_symbols() const {
    std::vector<const symbol_rules*> trading;
    for (const symbol_rules& one : *this) {
      if (one.trading()) trading.push_back(&one);
    }
    return trading;
  }

  /// What the venue listed and this does not hold.
  [[nodiscard]] const std::vector<rejected_symbol>& rejected() const noexcept { return content_.rejected; }

 private:
  exchange_info() = default;

  // Of two symbols with one name neither is to be trusted.
  void sort() {
    std::vector<symbol_rules>& all = content_.symbols;
    std::sort(all.begin(), all.end(), [](const symbol_rules& a, const symbol_rules& b) { return a.name < b.name; });
    std::vector<symbol_rules> unique;
    unique.reserve(all.size());
    for (auto at = all.begin(); at != all.end();) {
      const auto next = std::find_if(at, all.end(), [&at](const symbol_rules& one) { return one.name != at->name; });
      if (next - at == 1) {
        unique.push_back(std::move(*at));
      } else {
        content_.rejected.push_back({at->name, errc::malformed_message});
      }
      at = next;
    }
    all = std::move(unique);
  }

  detail::exchange_info_content content_;
};

}  // namespace foxtrot::inline v0::binance

// foxtrot/exchange/binance/market.hpp: Binance's markets and where they are reached.

// foxtrot/market/kinds.hpp: what an event is, where it comes from, and how both ride in a line's tag.

// foxtrot/queue/line.hpp: the unit of every ring: one cache line, an 8-byte word and 56 bytes of payload.

// foxtrot/core/cpu.hpp: the few facts about the machine that data layout and spinning depend on.

namespace foxtrot::inline v0 {

/// Bytes that travel together between cores on x86-64 and most aarch64 parts. A constant, not
/// std::hardware_destructive_interference_size, whose value may differ between translation units.
inline constexpr std::size_t cache_line = 64;

// FOXTROT_NO_CPU_HINTS leaves the hints out, for tools that read the program instead of running it: model checkers.

/// Tells the core that this is a spin loop: lets the sibling thread run and the loop exit without a pipeline flush.
inline void cpu_relax() noexcept {
#if defined(FOXTROT_NO_CPU_HINTS)
#elif defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("isb" ::: "memory");
#endif
}

/// Asks for the cache line at `address` to be brought here for writing, which takes it from the core that has it.
/// Never faults, changes nothing that a program can see.
inline void prefetch_for_write(const void* address) noexcept {
#if defined(FOXTROT_NO_CPU_HINTS)
  static_cast<void>(address);
#elif defined(__x86_64__)
  // not __builtin_prefetch: for the oldest x86-64 that makes a read of it
  asm volatile("prefetchw %0" ::"m"(*static_cast<const char*>(address)));
#else
  __builtin_prefetch(address, 1);
#endif
}

/// Keeps the core from running ahead of here on a guess: loads that follow wait for those before.
inline void stop_speculation() noexcept {
#if defined(__x86_64__) && !defined(FOXTROT_NO_CPU_HINTS)
  __builtin_ia32_lfence();
#endif
}

}  // namespace foxtrot::inline v0

namespace foxtrot::inline v0 {

/// Bytes of a line that carry data; the other eight hold its position and its tag.
inline constexpr std::size_t line_payload_bytes = cache_line - sizeof(std::uint64_t);

/// What fits into one line and may be copied as bytes.
template <class T>
concept line_payload = std::is_trivially_copyable_v<T> && std::is_trivially_destructible_v<T> &&
                       sizeof(T) <= line_payload_bytes && alignof(T) <= alignof(std::uint64_t);

/// 24 bits that travel in a line's word beside the position: whatever classifies the payload without touching it.
struct line_tag {
  std::uint32_t bits{0};
  friend constexpr bool operator==(line_tag, line_tag) = default;
};

/// What is called for each item of a ring: with its tag, or without.
template <class Visitor, class T>
concept line_visitor = std::invocable<Visitor&, const T&, line_tag> || std::invocable<Visitor&, const T&>;

namespace detail {

template <class T, line_visitor<T> Visitor>
void show(Visitor& visit, const T& item, line_tag tag) {
  if constexpr (std::invocable<Visitor&, const T&, line_tag>) {
    visit(item, tag);
  } else {
    visit(item);
  }
}

inline constexpr unsigned position_bits = 40;  // at 10 million a second, 30 hours; compared within one lap only
inline constexpr std::uint64_t position_mask = (std::uint64_t{1} << position_bits) - 1;
inline constexpr std::uint32_t tag_mask = (std::uint32_t{1} << (64 - position_bits)) - 1;

/// The word of the line that holds item number `position`: never the word a fresh (zeroed) or older line has.
[[nodiscard]] constexpr std::uint64_t word_of(std::uint64_t position, line_tag tag) noexcept {
  return ((position + 1) & position_mask) | (std::uint64_t{tag.bits & tag_mask} << position_bits);
}
[[nodiscard]] constexpr bool word_is_at(std::uint64_t word, std::uint64_t position) noexcept {
  return (word & position_mask) == ((position + 1) & position_mask);
}
[[nodiscard]] constexpr line_tag tag_of(std::uint64_t word) noexcept {
  return {static_cast<std::uint32_t>(word >> position_bits)};
}

/// One line. The word is published last and read first; the payload belongs to whoever the word says.
template <line_payload T>
struct alignas(cache_line) line {
  std::atomic<std::uint64_t> word{0};
  alignas(std::uint64_t) std::byte payload[line_payload_bytes]{};

  [[nodiscard]] T* value() noexcept { return std::launder(reinterpret_cast<T*>(payload)); }
  [[nodiscard]] const T* value() const noexcept { return std::launder(reinterpret_cast<const T*>(payload)); }
};

/// Which of `mask + 1` lines holds item number `position`. Items that follow each other stand far apart: where they are
/// neighbours, the reader's hardware prefetcher runs ahead of it and takes the lines from the writer just before they
/// are filled, and a writer with the reader at its heels gets a fifth of the speed (bench/queue). The stride is odd, so
/// that every line is used, and leaves several lines between any two of 16 that follow each other, in small rings too.
[[nodiscard]] constexpr std::size_t line_index(std::uint64_t position, std::size_t mask) noexcept {
  constexpr std::uint64_t stride = 331;
  return static_cast<std::size_t>(position * stride) & mask;
}

/// How many items ahead a writer asks for the lines it will fill.
inline constexpr std::uint64_t write_ahead = 8;

/// Where the lines are: each side of a ring keeps a copy of its own.
template <class Line>
struct line_view {
  Line* lines{nullptr};
  std::size_t mask{0};

  [[nodiscard]] Line& operator[](std::uint64_t position) const noexcept { return lines[line_index(position, mask)]; }
  [[nodiscard]] std::size_t count() const noexcept { return mask + 1; }
};

/// The memory of a ring: a power of two of lines, all of them written once here, so that no page is missing later.
template <class Line>
class line_store {
 public:
  line_store(std::size_t minimum, std::pmr::memory_resource& from)
      : from_{&from}, view_{nullptr, std::bit_ceil(std::clamp(minimum, std::size_t{2}, most)) - 1} {
    view_.lines = static_cast<Line*>(from.allocate(bytes(), alignof(Line)));
    std::uninitialized_default_construct_n(view_.lines, view_.count());
  }
  line_store(const line_store&) = delete;
  line_store& operator=(const line_store&) = delete;
  ~line_store() { from_->deallocate(view_.lines, bytes(), alignof(Line)); }

  [[nodiscard]] const line_view<Line>& view() const noexcept { return view_; }

 private:
  static_assert(std::is_trivially_destructible_v<Line>);
  static constexpr std::size_t most = std::size_t{1} << (position_bits - 1);  // more could not be told apart
  [[nodiscard]] std::size_t bytes() const noexcept { return view_.count() * sizeof(Line); }

  std::pmr::memory_resource* from_;
  line_view<Line> view_;
};

}  // namespace detail
}  // namespace foxtrot::inline v0

namespace foxtrot::inline v0 {

enum class tick_kind : std::uint8_t {
  status,
  book_ticker,
  trade,
  depth_update,
  depth_snapshot,
  aggregate_trade,
  block_trade,
  kline,
  mini_ticker,
  ticker,
  average_price,
  reference_price,
  mark_price,
  liquidation,
  unknown_event,  ///< what the venue sent and no other kind fits, as it came
};
inline constexpr std::size_t tick_kind_count = 15;

[[nodiscard]] constexpr std::string_view to_string(tick_kind kind) noexcept {
  constexpr std::array<std::string_view, tick_kind_count> names{
      "status",          "book_ticker",     "trade",      "depth_update", "depth_snapshot",
      "aggregate_trade", "block_trade",     "kline",      "mini_ticker",  "ticker",
      "average_price",   "reference_price", "mark_price", "liquidation",  "unknown_event"};
  const auto index = static_cast<std::size_t>(kind);
  return index < names.size() ? names[index] : "?";
}

/// A set of kinds, for filters.
class kind_set {
 public:
  constexpr kind_set() noexcept = default;
  constexpr kind_set(tick_kind kind) noexcept : bits_{bit(kind)} {}

  /// Every kind but unknown_event: who wants raw messages too says `kind_set::all() | tick_kind::unknown_event`.
  [[nodiscard]] static constexpr kind_set all() noexcept {
    kind_set every;
    every.bits_ = ((1U << tick_kind_count) - 1) & ~bit(tick_kind::unknown_event);
    return every;
  }
  [[nodiscard]] constexpr bool contains(tick_kind kind) const noexcept { return (bits_ & bit(kind)) != 0; }
  [[nodiscard]] friend constexpr kind_set operator|(kind_set a, kind_set b) noexcept {
    a.bits_ |= b.bits_;
    return a;
  }
  friend constexpr bool operator==(kind_set, kind_set) = default;

 private:
  [[nodiscard]] static constexpr std::uint32_t bit(tick_kind kind) noexcept {
    return 1U << static_cast<unsigned>(kind);
  }
  std::uint32_t bits_{0};
};
[[nodiscard]] constexpr kind_set operator|(tick_kind a, tick_kind b) noexcept { return kind_set{a} | kind_set{b}; }

enum class venue : std::uint8_t { none, binance_spot, binance_usdm, binance_coinm };

[[nodiscard]] constexpr std::string_view to_string(venue where) noexcept {
  constexpr std::array<std::string_view, 4> names{"none", "binance_spot", "binance_usdm", "binance_coinm"};
  const auto index = static_cast<std::size_t>(where);
  return index < names.size() ? names[index] : "?";
}

/// How a tick reached us.
enum class source : std::uint8_t { websocket, http };

[[nodiscard]] constexpr std::string_view to_string(source how) noexcept {
  return how == source::http ? "http" : "websocket";
}

/// What rides in the word of every line: kind in bits 0..7, venue in 8..12, source in 13..15, flags in 16..23.
struct tick_tag {
  tick_kind kind{tick_kind::status};
  venue where{venue::none};
  source how{source::websocket};
  std::uint8_t flags{0};  ///< meaning depends on the kind: see trade

  [[nodiscard]] constexpr line_tag packed() const noexcept {
    return {static_cast<std::uint32_t>(kind) | static_cast<std::uint32_t>(where) << 8 |
            static_cast<std::uint32_t>(how) << 13 | std::uint32_t{flags} << 16};
  }
  [[nodiscard]] static constexpr tick_tag unpack(line_tag tag) noexcept {
    return {static_cast<tick_kind>(tag.bits & 0xff), static_cast<venue>((tag.bits >> 8) & 0x1f),
            static_cast<source>((tag.bits >> 13) & 0x7), static_cast<std::uint8_t>((tag.bits >> 16) & 0xff)};
  }
  friend constexpr bool operator==(const tick_tag&, const tick_tag&) = default;
};

}  // namespace foxtrot::inline v0

namespace foxtrot::inline v0::binance {

/// Spot, the futures settled in US dollars, and those settled in the coin itself.
enum class market : std::uint8_t { spot, usdm, coinm };

[[nodiscard]] constexpr std::string_view to_string(market which) noexcept {
  switch (which) {
    case market::usdm: return "usdm";
    case market::coinm: return "coinm";
    default: return "spot";
  }
}
/// The market that to_string() names so; nothing for any other text.
[[nodiscard]] constexpr std::optional<market> market_of(std::string_view name) noexcept {
  for (const market which : {market::spot, market::usdm, market::coinm}) {
    if (name == to_string(which)) return which;
  }
  return std::nullopt;
}
[[nodiscard]] constexpr venue venue_of(market which) noexcept {
  switch (which) {
    case market::usdm: return venue::binance_usdm;
    case market::coinm: return venue::binance_coinm;
    default: return venue::binance_spot;
  }
}

/// Where a market is reached: base URLs without a path.
struct endpoints {
  std::string websocket;  ///< wss://host:port
  std::string rest;       ///< https://host:port
};

/// The venue's public endpoints for market data. Spot: the hosts that need no key; web-socket-streams.md and
/// market_data_only.md of binance-spot-api-docs. USD-M: the split endpoints of 2026, see path_of().
[[nodiscard]] inline endpoints public_endpoints(market which) {
  switch (which) {
    case market::usdm: return {"wss://fstream.binance.com", "https://fapi.binance.com"};
    case market::coinm: return {"wss://dstream.binance.com", "https://dapi.binance.com"};
    default: return {"wss://stream.binance.com:9443", "https://data-api.binance.vision"};
  }
}

/// The path of a combined-stream connection. USD-M serves book and depth streams under /public.
[[nodiscard]] constexpr std::string_view path_of(market which) noexcept {
  return which == market::usdm ? "/public/stream" : "/stream";
}

/// The REST request for the book of one symbol, without its parameters.
[[nodiscard]] constexpr std::string_view depth_path_of(market which) noexcept {
  switch (which) {
    case market::usdm: return "/fapi/v1/depth";
    case market::coinm: return "/dapi/v1/depth";
    default: return "/api/v3/depth";
  }
}

/// The REST request for what is traded and by which rules, without parameters.
[[nodiscard]] constexpr std::string_view exchange_info_path_of(market which) noexcept {
  switch (which) {
    case market::usdm: return "/fapi/v1/exchangeInfo";
    case market::coinm: return "/dapi/v1/exchangeInfo";
    default: return "/api/v3/exchangeInfo";
  }
}

}  // namespace foxtrot::inline v0::binance

// foxtrot/exchange/binance/settings.hpp: what market_data needs to know; the defaults stream from the venue itself.

// foxtrot/exchange/binance/error_codes.hpp: the venue's own numbers for what went wrong.

// foxtrot/feed/error_kind.hpp: errors sorted into the few kinds that are answered alike, by number and never by text.

namespace foxtrot::inline v0 {

enum class error_kind : std::uint8_t {
  network,         ///< the connection was refused, cut, or never made
  tls,             ///< certificate or handshake
  timeout,         ///< a deadline of ours passed
  protocol,        ///< the peer broke the rules of HTTP, TLS or WebSocket
  authentication,  ///< we are not who we should be
  rate_limit,      ///< we asked for too much
  symbol,          ///< one stream or symbol is not to be had
  exchange,        ///< the venue has trouble of its own
  data,            ///< a message could not be understood
  unknown,
};
inline constexpr std::size_t error_kind_count = 10;

[[nodiscard]] constexpr std::string_view to_string(error_kind kind) noexcept {
  constexpr std::array<std::string_view, error_kind_count> names{
      "network", "tls", "timeout", "protocol", "authentication", "rate_limit", "symbol", "exchange", "data", "unknown"};
  return names[static_cast<std::size_t>(kind)];
}

/// Everything that is known of one failure. What is most specific decides its kind: the venue's number, then the close
/// code, then the HTTP status, then the code.
struct session_error {
  std::error_code code{};
  int http_status{0};
  std::uint16_t close_code{0};  ///< that a peer gave, RFC 6455 section 7.4
  std::int64_t venue_code{0};   ///< such as -1121
  std::optional<std::chrono::seconds> retry_after{};
};

/// Whose numbers a rule is about.
enum class error_origin : std::uint8_t {
  own,              ///< errc, TLS included
  system,           ///< errno
  http_status,      ///< RFC 9110 section 15
  websocket_close,  ///< RFC 6455 section 7.4.1 and its registry
  venue,            ///< the venue's own, a setting
};

/// Numbers `first` to `last` of that origin are of that kind.
struct error_rule {
  error_origin origin;
  std::int64_t first;
  std::int64_t last;
  error_kind kind;
};

namespace detail {

[[nodiscard]] constexpr error_rule own_rule(errc first, errc last, error_kind kind) noexcept {
  return {error_origin::own, static_cast<std::int64_t>(first), static_cast<std::int64_t>(last), kind};
}
[[nodiscard]] constexpr error_rule own_rule(errc only, error_kind kind) noexcept { return own_rule(only, only, kind); }
[[nodiscard]] constexpr error_rule system_rule(int number, error_kind kind) noexcept {
  return {error_origin::system, number, number, kind};
}

}  // namespace detail

/// What holds for every venue. The first rule that fits decides.
inline constexpr std::array default_error_rules{
    error_rule{error_origin::websocket_close, 1000, 1001, error_kind::network},
    error_rule{error_origin::websocket_close, 1002, 1003, error_kind::protocol},
    error_rule{error_origin::websocket_close, 1007, 1007, error_kind::protocol},
    error_rule{error_origin::websocket_close, 1008, 1008, error_kind::exchange},  // policy: most often we were too slow
    error_rule{error_origin::websocket_close, 1009, 1010, error_kind::protocol},
    error_rule{error_origin::websocket_close, 1011, 1011, error_kind::exchange},
    error_rule{error_origin::websocket_close, 1012, 1012, error_kind::network},  // it restarts
    error_rule{error_origin::websocket_close, 1013, 1014, error_kind::exchange},

    error_rule{error_origin::http_status, 401, 401, error_kind::authentication},
    error_rule{error_origin::http_status, 407, 407, error_kind::authentication},
    error_rule{error_origin::http_status, 408, 408, error_kind::timeout},
    error_rule{error_origin::http_status, 418, 418, error_kind::rate_limit},
    error_rule{error_origin::http_status, 429, 429, error_kind::rate_limit},
    error_rule{error_origin::http_status, 300, 599, error_kind::exchange},

    detail::own_rule(errc::timeout, error_kind::timeout),
    detail::own_rule(errc::closed, error_kind::network),
    detail::own_rule(errc::host_not_found, errc::resolve_failed, error_kind::network),
    detail::own_rule(errc::tls_truncated, error_kind::network),
    detail::own_rule(errc::tls_handshake_failed, errc::certificate_unreadable, error_kind::tls),
    detail::own_rule(errc::http_malformed, errc::http_body_too_large, error_kind::protocol),
    detail::own_rule(errc::http_truncated, error_kind::network),
    detail::own_rule(errc::http_rate_limited, errc::http_banned, error_kind::rate_limit),
    detail::own_rule(errc::http_forbidden, errc::websocket_upgrade_rejected, error_kind::exchange),
    detail::own_rule(errc::websocket_bad_accept, errc::websocket_too_many_fragments, error_kind::protocol),
    detail::own_rule(errc::websocket_closed_by_peer, error_kind::network),
    detail::own_rule(errc::heartbeat_lost, errc::data_silent, error_kind::timeout),
    detail::own_rule(errc::subscription_rejected, error_kind::symbol),
    detail::own_rule(errc::malformed_message, errc::bad_capture, error_kind::data),

    detail::system_rule(ETIMEDOUT, error_kind::timeout),
    detail::system_rule(ECONNREFUSED, error_kind::network),
    detail::system_rule(ECONNRESET, error_kind::network),
    detail::system_rule(ECONNABORTED, error_kind::network),
    detail::system_rule(EPIPE, error_kind::network),
    detail::system_rule(ENOTCONN, error_kind::network),
    detail::system_rule(EHOSTUNREACH, error_kind::network),
    detail::system_rule(EHOSTDOWN, error_kind::network),
    detail::system_rule(ENETUNREACH, error_kind::network),
    detail::system_rule(ENETDOWN, error_kind::network),
    detail::system_rule(ENETRESET, error_kind::network),
    detail::system_rule(EADDRNOTAVAIL, error_kind::network),
    detail::system_rule(EADDRINUSE, error_kind::network),
    detail::system_rule(ENOBUFS, error_kind::network),
    detail::system_rule(ENOMEM, error_kind::network),
    detail::system_rule(EMFILE, error_kind::network),
    detail::system_rule(ENFILE, error_kind::network),
    detail::system_rule(EAGAIN, error_kind::network),
};

namespace detail {

[[nodiscard]] constexpr std::optional<error_kind> find_kind(std::span<const error_rule> rules, error_origin origin,
                                                            std::int64_t number) noexcept {
  for (const error_rule& rule : rules) {
    if (rule.origin == origin && number >= rule.first && number <= rule.last) return rule.kind;
  }
  return std::nullopt;
}

[[nodiscard]] inline std::optional<error_kind> find_kind(std::span<const error_rule> rules,
                                                         const session_error& error) noexcept {
  if (error.venue_code != 0) {
    if (const auto kind = find_kind(rules, error_origin::venue, error.venue_code)) return kind;
  }
  if (error.close_code != 0) {
    if (const auto kind = find_kind(rules, error_origin::websocket_close, error.close_code)) return kind;
  }
  if (error.http_status != 0) {
    if (const auto kind = find_kind(rules, error_origin::http_status, error.http_status)) return kind;
  }
  const std::error_category& whose = error.code.category();
  const bool own = whose == make_error_code(errc::timeout).category();
  if (!own && whose != std::system_category() && whose != std::generic_category()) return std::nullopt;
  return find_kind(rules, own ? error_origin::own : error_origin::system, error.code.value());
}

}  // namespace detail

/// The kind by `rules` first, then by the default ones.
[[nodiscard]] inline error_kind kind_of(const session_error& error, std::span<const error_rule> rules = {}) noexcept {
  if (const auto kind = detail::find_kind(rules, error)) return *kind;
  return detail::find_kind(default_error_rules, error).value_or(error_kind::unknown);
}
[[nodiscard]] inline error_kind kind_of(std::error_code error) noexcept {
  return kind_of(session_error{.code = error});
}

}  // namespace foxtrot::inline v0

// foxtrot/feed/websocket_error_handler.hpp: what to do about an error, and how many there were.

// foxtrot/core/live_object.hpp: how many objects of each type there are, for programs that look for leaks.

/// Defined as 1 for ALL translation units of a program, objects that own something are counted by type. Never in some
/// of them only: the same class would then be defined in two ways. Ordinary programs leave it alone and pay nothing.
#ifndef FOXTROT_COUNT_LIVE_OBJECTS
#define FOXTROT_COUNT_LIVE_OBJECTS 0
#endif

namespace foxtrot::inline v0 {

/// What is known of one type.
struct live_count {
  std::string_view type;  ///< as the compiler writes it
  std::int64_t alive{0};  ///< constructed minus destroyed; a moved-from object counts until it is destroyed
  std::int64_t made{0};   ///< constructed, copies and moves included
};

namespace detail {

// One for each type, never destroyed: threads and static objects may outlive main.
struct live_counter {
  std::string_view type;
  std::atomic<std::int64_t> alive{0};
  std::atomic<std::int64_t> made{0};
  live_counter* next{nullptr};
  std::atomic<bool> listed{false};
};

// Every counter that has ever counted, the last first.
[[gnu::visibility("default")]] inline constinit std::atomic<live_counter*> live_counters{nullptr};

template <class T>
[[nodiscard]] constexpr std::string_view type_name() noexcept {
  // g++: "... [with T = X; std::string_view = ...]", clang: "... [T = X]"
  constexpr std::string_view all = __PRETTY_FUNCTION__;
  constexpr std::size_t begin = all.find("T = ") + 4;
  constexpr std::size_t end = all.find(';', begin) != all.npos ? all.find(';', begin) : all.rfind(']');
  return all.substr(begin, end - begin);
}

template <class T>
[[gnu::visibility("default")]] inline constinit live_counter counter_of{type_name<T>()};

// relaxed: plain statistics; whoever wants them exact has joined the threads that counted
inline void note_made(live_counter& counter) noexcept {
  counter.made.fetch_add(1, std::memory_order_relaxed);
  counter.alive.fetch_add(1, std::memory_order_relaxed);
  if (counter.listed.load(std::memory_order_relaxed)) return;
  if (counter.listed.exchange(true, std::memory_order_relaxed)) return;  // one thread enters it
  counter.next = live_counters.load(std::memory_order_relaxed);
  // release: whoever finds it there sees its `next`
  while (!live_counters.compare_exchange_weak(counter.next, &counter, std::memory_order_release,
                                              std::memory_order_relaxed)) {
  }
}
inline void note_destroyed(live_counter& counter) noexcept { counter.alive.fetch_sub(1, std::memory_order_relaxed); }

}  // namespace detail

#if FOXTROT_COUNT_LIVE_OBJECTS

inline constexpr bool counts_live_objects = true;

/// `class T : live_object<T>` counts the objects of type T. It is empty, so T's layout is that of an ordinary program.
template <class T>
class live_object {
 protected:
  constexpr live_object() noexcept { note(); }
  constexpr live_object(const live_object&) noexcept { note(); }
  constexpr live_object(live_object&&) noexcept { note(); }
  constexpr live_object& operator=(const live_object&) noexcept = default;
  constexpr live_object& operator=(live_object&&) noexcept = default;
  constexpr ~live_object() {
    if (!std::is_constant_evaluated()) detail::note_destroyed(detail::counter_of<T>);
  }

 private:
  static constexpr void note() noexcept {
    if (!std::is_constant_evaluated()) detail::note_made(detail::counter_of<T>);
  }
};

#else

inline constexpr bool counts_live_objects = false;

/// `class T : live_object<T>` counts the objects of type T where the whole program asks for it; here it is nothing.
template <class T>
class live_object {};

static_assert(std::is_trivially_copyable_v<live_object<int>> && std::is_trivially_destructible_v<live_object<int>>);

#endif

static_assert(std::is_empty_v<live_object<int>>);

/// Every type of which an object was ever made; nothing in a program that does not count. Any thread; exact where the
/// threads that make and destroy objects have been joined.
[[nodiscard]] inline std::vector<live_count> live_objects() {
  std::vector<live_count> all;
  const detail::live_counter* each = detail::live_counters.load(std::memory_order_acquire);
  for (; each != nullptr; each = each->next) {
    all.push_back(
        {each->type, each->alive.load(std::memory_order_relaxed), each->made.load(std::memory_order_relaxed)});
  }
  return all;
}

}  // namespace foxtrot::inline v0

// foxtrot/feed/error_statistics.hpp: how many errors of each kind, how many lately, and the last one: of fixed size.

namespace foxtrot::inline v0 {

/// A moment's view of one kind.
struct error_count {
  std::uint64_t total{0};
  std::uint64_t last_minute{0};  ///< in the last 60 seconds, to the second
};

/// A moment's view of all.
struct error_summary {
  std::array<error_count, error_kind_count> kinds{};
  std::uint64_t total{0};
  std::uint64_t last_minute{0};
  std::optional<session_error> last{};
  error_kind last_kind{error_kind::unknown};
  steady_time last_at{};

  [[nodiscard]] const error_count& of(error_kind kind) const noexcept { return kinds[static_cast<std::size_t>(kind)]; }
};

/// Counts by kind and by second. One thread; time comes from the caller.
class error_statistics {
 public:
  void add(const session_error& error, error_kind kind, steady_time now) noexcept {
    const std::int64_t second = second_of(now);
    bucket& at = buckets_[index_of(second)];
    if (at.second != second) at = {.second = second};
    ++at.counts[static_cast<std::size_t>(kind)];
    ++totals_[static_cast<std::size_t>(kind)];
    last_ = error;
    last_kind_ = kind;
    last_at_ = now;
  }

  [[nodiscard]] error_summary summary(steady_time now) const noexcept {
    error_summary made{.last = last_, .last_kind = last_kind_, .last_at = last_at_};
    const std::int64_t second = second_of(now);
    for (std::size_t kind = 0; kind < error_kind_count; ++kind) {
      error_count& count = made.kinds[kind];
      count.total = totals_[kind];
      for (const bucket& each : buckets_) {
        if (each.second > second - window && each.second <= second) count.last_minute += each.counts[kind];
      }
      made.total += count.total;
      made.last_minute += count.last_minute;
    }
    return made;
  }

 private:
  static constexpr std::int64_t window = 60;

  struct bucket {
    std::int64_t second{-window};
    std::array<std::uint32_t, error_kind_count> counts{};
  };

  [[nodiscard]] static std::int64_t second_of(steady_time now) noexcept {
    return std::chrono::floor<std::chrono::seconds>(now.time_since_epoch()).count();
  }
  [[nodiscard]] static std::size_t index_of(std::int64_t second) noexcept {
    return static_cast<std::size_t>(((second % window) + window) % window);
  }

  std::array<bucket, window> buckets_{};
  std::array<std::uint64_t, error_kind_count> totals_{};
  std::optional<session_error> last_;
  error_kind last_kind_{error_kind::unknown};
  steady_time last_at_{};
};

}  // namespace foxtrot::inline v0

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
  /// error, under no lock.
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
    return settings_.judge ? settings_.judge(error, made) : made;
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

namespace foxtrot::inline v0::binance {

/// Source: errors.md and rest-api.md ("HTTP Return Codes") of binance-spot-api-docs. The small positive codes are the
/// WebSocket streams' answers to a request, web-socket-streams.md.
inline constexpr std::array error_rules{
    error_rule{error_origin::venue, 0, 4, error_kind::symbol},  // one request was refused
    error_rule{error_origin::venue, -1002, -1002, error_kind::authentication},
    error_rule{error_origin::venue, -1003, -1003, error_kind::rate_limit},
    error_rule{error_origin::venue, -1015, -1015, error_kind::rate_limit},
    error_rule{error_origin::venue, -1034, -1034, error_kind::rate_limit},
    error_rule{error_origin::venue, -1007, -1006, error_kind::exchange},
    error_rule{error_origin::venue, -1008, -1008, error_kind::exchange},
    error_rule{error_origin::venue, -1016, -1016, error_kind::exchange},
    error_rule{error_origin::venue, -1022, -1022, error_kind::authentication},
    error_rule{error_origin::venue, -1001, -1000, error_kind::exchange},
    error_rule{error_origin::venue, -1199, -1100, error_kind::symbol},  // "issues with the request", -1121 among them
    error_rule{error_origin::venue, -2015, -2014, error_kind::authentication},
    error_rule{error_origin::http_status, 403, 403, error_kind::rate_limit},  // the firewall's limit
};

/// How a session with this venue answers errors.
[[nodiscard]] inline error_handler_settings error_settings() {
  error_handler_settings made;
  made.rules.assign(error_rules.begin(), error_rules.end());
  return made;
}

/// The number in the body of a refusal, `{"code":-1121,"msg":"Invalid symbol."}`; 0 where there is none.
[[nodiscard]] constexpr std::int64_t venue_code_of(std::string_view body) noexcept {
  constexpr std::string_view key = "\"code\":";
  const std::size_t at = body.substr(0, 1024).find(key);
  if (at == body.npos) return 0;
  std::string_view digits = body.substr(at + key.size());
  while (!digits.empty() && digits.front() == ' ') digits.remove_prefix(1);
  const bool negative = digits.starts_with('-');
  if (negative) digits.remove_prefix(1);
  std::int64_t value = 0;
  for (std::size_t i = 0; i < digits.size() && digits[i] >= '0' && digits[i] <= '9'; ++i) {
    if (i == 9) return 0;
    value = value * 10 + (digits[i] - '0');
  }
  return negative ? -value : value;
}

}  // namespace foxtrot::inline v0::binance

// foxtrot/exchange/binance/protocol.hpp: Binance's side of a session: its messages, its requests, its limits.

// foxtrot/exchange/binance/codec.hpp: the venue's JSON, as ticks.

// foxtrot/exchange/binance/detail/body_readers.hpp: candles, tickers and the like, from fields in any order.

// foxtrot/exchange/binance/detail/shapes.hpp: the messages that the venue really sends, character by character.

// foxtrot/exchange/binance/detail/digits.hpp: numbers and names out of JSON text, eight characters at a time.

// foxtrot/exchange/binance/detail/literal.hpp: fixed text, compared a word at a time.

namespace foxtrot::inline v0::binance::detail {

static_assert(std::endian::native == std::endian::little, "the first character is the lowest byte of a word");

template <class Word>
[[nodiscard, gnu::always_inline]] inline Word load(const char* at) noexcept {
  Word word;
  std::memcpy(&word, at, sizeof word);
  return word;
}

/// A string literal as a template argument.
template <std::size_t Size>
struct literal {
  // NOLINTNEXTLINE(google-explicit-constructor): that is its purpose
  consteval literal(const char (&from)[Size]) noexcept {
    for (std::size_t i = 0; i < Size; ++i) text[i] = from[i];
  }

  [[nodiscard]] static consteval std::size_t size() noexcept { return Size - 1; }

  /// The characters from `offset` on as `Word` holds them.
  template <class Word>
  [[nodiscard]] consteval Word word(std::size_t offset, std::size_t count = sizeof(Word)) const noexcept {
    Word value = 0;
    for (std::size_t i = 0; i < count; ++i) {
      value = static_cast<Word>(value | static_cast<Word>(Word{static_cast<unsigned char>(text[offset + i])} << 8 * i));
    }
    return value;
  }

  char text[Size]{};
};

/// Whether `at` begins with the text. Reads no more than max(4, its length) bytes.
template <literal Text>
[[nodiscard, gnu::always_inline]] inline bool begins_with(const char* at) noexcept {
  constexpr std::size_t size = Text.size();
  const auto same = [at]<class Word, std::size_t Offset>(Word, std::integral_constant<std::size_t, Offset>)
                        __attribute__((always_inline)) {
                          constexpr Word wanted = Text.template word<Word>(Offset);
                          return load<Word>(at + Offset) == wanted;
                        };
  if constexpr (size >= sizeof(std::uint64_t)) {
    // whole words, and one that overlaps them at the end
    const auto words = [&]<std::size_t... Index>(std::index_sequence<Index...>) __attribute__((always_inline)) {
      return (same(std::uint64_t{}, std::integral_constant<std::size_t, 8 * Index>{}) && ...);
    };
    if constexpr (size % 8 == 0) return words(std::make_index_sequence<size / 8>{});
    return words(std::make_index_sequence<size / 8>{}) &&
           same(std::uint64_t{}, std::integral_constant<std::size_t, size - 8>{});
  } else if constexpr (size >= sizeof(std::uint32_t)) {
    return same(std::uint32_t{}, std::integral_constant<std::size_t, 0>{}) &&
           (size == 4 || same(std::uint32_t{}, std::integral_constant<std::size_t, size - 4>{}));
  } else if constexpr (size == 3) {
    constexpr auto wanted = Text.template word<std::uint32_t>(0, 3);
    return (load<std::uint32_t>(at) & 0xff'ffffU) == wanted;
  } else if constexpr (size == 2) {
    return same(std::uint16_t{}, std::integral_constant<std::size_t, 0>{});
  } else {
    static_assert(size == 1);
    return *at == Text.text[0];
  }
}

}  // namespace foxtrot::inline v0::binance::detail

namespace foxtrot::inline v0::binance::detail {

/// Where a reader stands in a message and where that ends. 64 readable bytes must follow the end: a reader begins at
/// most `longest_text` behind it, and looks at no more than 24 from there.
struct cursor {
  const char* at;
  const char* end;
};
inline constexpr std::size_t longest_text = 40;

// What can be read. All readers: true with the values, standing at the first character that is not part of it; false
// for anything else or anything unusual: values and place are then anywhere, and the caller asks a general parser.

/// A JSON integer from 0 to 2^64-1.
struct a_number {};
/// The last update's number: as above but 63 bits; -1 where there was none.
struct a_previous_id {};
/// 13 digits are milliseconds, 16 are microseconds; given in microseconds.
struct a_time {};
/// What decimal::parse_into takes: digits[.digits], leading zeros allowed. Mantissa and exponent.
struct an_amount {};
/// The same, with just the exponent that is there already.
struct a_like_amount {};
/// The same as an_amount, perhaps negative.
struct a_signed_amount {};
/// At least one character, up to the quote: printable ASCII without escapes.
struct a_name {};
struct a_boolean {};

/// Readers that need no vectors, and the way out for the rare lengths.
struct plain_digits {
  [[nodiscard, gnu::always_inline]] static bool moved(cursor& c, const char* to) noexcept {
    c.at = to;
    return to <= c.end;
  }

  [[nodiscard, gnu::always_inline]] static bool read(a_boolean, cursor& c, bool& value) noexcept {
    value = begins_with<"true">(c.at);
    if (!value && !begins_with<"false">(c.at)) return false;
    return moved(c, c.at + (value ? 4 : 5));
  }

  // These get no cursor, so that none need live in memory: they return where the number ends, or nullptr.

  [[nodiscard, gnu::noinline]] static const char* long_number(const char* const begin, const char* end,
                                                              std::uint64_t& value) noexcept {
    const char* at = begin;
    std::uint64_t all = 0;
    for (unsigned digit = 0; at < end && (digit = digit_at(at)) <= 9; ++at) {
      if (__builtin_mul_overflow(all, std::uint64_t{10}, &all) ||
          __builtin_add_overflow(all, std::uint64_t{digit}, &all)) {
        return nullptr;
      }
    }
    if (at == begin || (*begin == '0' && at - begin > 1)) return nullptr;
    value = all;
    return at;
  }

  [[nodiscard, gnu::noinline]] static const char* long_amount(const char* const begin, const char* end,
                                                              std::int64_t& mantissa, std::int8_t& exponent) noexcept {
    const char* at = begin;
    const char* point = nullptr;
    std::int64_t all = 0;
    for (; at < end; ++at) {
      if (*at == '.' && point == nullptr && at != begin) {
        point = at;
        continue;
      }
      const unsigned digit = digit_at(at);
      if (digit > 9) break;
      if (__builtin_mul_overflow(all, std::int64_t{10}, &all) ||
          __builtin_add_overflow(all, std::int64_t{digit}, &all)) {
        return nullptr;  // zeros at the end of a fraction might still be left out: not our business
      }
    }
    if (at == begin || (point != nullptr && at - point == 1)) return nullptr;
    const auto decimals = point == nullptr ? std::ptrdiff_t{0} : at - point - 1;
    if (decimals > std::numeric_limits<std::int8_t>::max()) return nullptr;
    mantissa = all;
    exponent = static_cast<std::int8_t>(-decimals);
    return at;
  }

  [[nodiscard, gnu::always_inline]] static bool read_long(a_number, cursor& c, std::uint64_t& value) noexcept {
    c.at = long_number(c.at, c.end, value);
    return c.at != nullptr;
  }
  [[nodiscard, gnu::always_inline]] static bool read_long(an_amount, cursor& c, std::int64_t& mantissa,
                                                          std::int8_t& exponent) noexcept {
    c.at = long_amount(c.at, c.end, mantissa, exponent);
    return c.at != nullptr;
  }

 private:
  [[nodiscard]] static unsigned digit_at(const char* at) noexcept {
    return static_cast<unsigned char>(*at) - unsigned{'0'};
  }
};

/// Digits of a number before and behind its point: 1 to 8 each.
struct amount_width {
  unsigned whole{1};
  unsigned decimals{1};
};

/// The readers for any machine: eight characters in a general register.
struct portable_digits : plain_digits {
  using plain_digits::read;

  [[nodiscard, gnu::always_inline]] static bool read(a_number, cursor& c, std::uint64_t& value) noexcept {
    const char* const at = c.at;
    const auto first = load<std::uint64_t>(at);
    const std::uint64_t stop = non_digits(first);
    if (*at == '0' && count(stop) != 1) [[unlikely]]
      return false;
    if (stop != 0) {
      const unsigned digits = count(stop);
      if (digits == 0) return false;
      value = leading(first, digits);
      return moved(c, at + digits);
    }
    const auto second = load<std::uint64_t>(at + 8);
    const std::uint64_t second_stop = non_digits(second);
    if (second_stop == 0) [[unlikely]]
      return read_long(a_number{}, c, value);
    const unsigned digits = count(second_stop);
    value = eight(first) * powers_of_ten[digits];
    if (digits != 0) value += leading(second, digits);
    return moved(c, at + 8 + digits);
  }

  [[nodiscard, gnu::always_inline]] static bool read(a_previous_id, cursor& c, std::uint64_t& value,
                                                     bool& present) noexcept {
    present = !begins_with<"-1">(c.at);
    if (!present) return moved(c, c.at + 2);
    return read(a_number{}, c, value) && value <= std::numeric_limits<std::int64_t>::max();
  }

  [[nodiscard, gnu::always_inline]] static bool read(a_time, cursor& c, std::int64_t& microseconds) noexcept {
    const char* const at = c.at;
    const auto first = load<std::uint64_t>(at);
    const auto second = load<std::uint64_t>(at + 8);
    if (*at == '0' || non_digits(first) != 0) return false;
    const unsigned digits = count(non_digits(second));
    if (digits == 5) {
      microseconds = static_cast<std::int64_t>((eight(first) * 100'000 + leading(second, 5)) * 1000);
    } else if (digits == 8) {
      microseconds = static_cast<std::int64_t>(eight(first) * 100'000'000 + eight(second));
    } else {
      return false;
    }
    return moved(c, at + 8 + digits);
  }

  [[nodiscard, gnu::always_inline]] static bool read(an_amount, cursor& c, std::int64_t& mantissa,
                                                     std::int8_t& exponent) noexcept {
    const char* const at = c.at;
    const auto first = load<std::uint64_t>(at);
    const unsigned whole = count(non_digits(first));
    if (whole - 1 > 6) [[unlikely]]
      return read_long(an_amount{}, c, mantissa, exponent);
    const std::uint64_t before = leading(first, whole);
    if (at[whole] != '.') {
      mantissa = static_cast<std::int64_t>(before);
      exponent = 0;
      return moved(c, at + whole);
    }
    const char* const fraction = at + whole + 1;
    const auto second = load<std::uint64_t>(fraction);
    const unsigned decimals = count(non_digits(second));
    if (decimals == 8 && fraction[8] >= '0' && fraction[8] <= '9') [[unlikely]] {
      return read_long(an_amount{}, c, mantissa, exponent);
    }
    if (decimals == 0) return false;
    mantissa = static_cast<std::int64_t>(before * powers_of_ten[decimals] + leading(second, decimals));
    exponent = static_cast<std::int8_t>(-static_cast<int>(decimals));
    return moved(c, fraction + decimals);
  }

  /// An amount in a long list of them, up to its quote: the guess is that it is as wide as the last one. Then nothing
  /// waits for where its parts end, which else is most of the time.
  [[nodiscard, gnu::always_inline]] static bool read_like(amount_width& last, cursor& c, std::int64_t& mantissa,
                                                          std::int8_t& exponent) noexcept {
    const char* const at = c.at;
    const char* const fraction = at + last.whole + 1;
    const std::uint64_t whole = aligned(load<std::uint64_t>(at), last.whole);
    const std::uint64_t part = aligned(load<std::uint64_t>(fraction), last.decimals);
    if (fraction[-1] == '.' && fraction[last.decimals] == '"' && (odd(whole) | odd(part)) == 0) [[likely]] {
      mantissa = static_cast<std::int64_t>(value_of(whole) * powers_of_ten[last.decimals] + value_of(part));
      exponent = static_cast<std::int8_t>(-static_cast<int>(last.decimals));
      return moved(c, fraction + last.decimals);
    }
    if (!read(an_amount{}, c, mantissa, exponent)) return false;
    const auto decimals = static_cast<unsigned>(-exponent);
    const auto length = static_cast<std::size_t>(c.at - at);
    if (decimals - 1 < 8 && length - decimals - 2 < 8) {
      last = {static_cast<unsigned>(length) - decimals - 1, decimals};
    }
    return true;
  }

  [[nodiscard, gnu::always_inline]] static bool read(a_like_amount, cursor& c, std::int64_t& mantissa,
                                                     const std::int8_t& exponent) noexcept {
    std::int8_t found = 0;
    return read(an_amount{}, c, mantissa, found) && found == exponent;
  }

  [[nodiscard, gnu::always_inline]] static bool read(a_signed_amount, cursor& c, std::int64_t& mantissa,
                                                     std::int8_t& exponent) noexcept {
    const bool negative = *c.at == '-';
    if (negative) ++c.at;
    if (!read(an_amount{}, c, mantissa, exponent)) return false;
    if (negative) mantissa = -mantissa;
    return true;
  }

  [[nodiscard, gnu::always_inline]] static bool read(a_name, cursor& c, std::string_view& name) noexcept {
    const char* const begin = c.at;
    for (const char* at = begin; at < c.end; at += 8) {
      const std::uint64_t stop = specials(load<std::uint64_t>(at));
      if (stop == 0) continue;
      const char* const end = at + count(stop);
      if (*end != '"' || end == begin) return false;
      name = {begin, static_cast<std::size_t>(end - begin)};
      return moved(c, end);
    }
    return false;
  }

 private:
  static constexpr std::uint64_t every_byte = 0x0101010101010101;
  static constexpr std::uint64_t high_bits = 0x80 * every_byte;
  static constexpr std::array<std::uint64_t, 9> powers_of_ten{1,       10,        100,        1'000,      10'000,
                                                              100'000, 1'000'000, 10'000'000, 100'000'000};

  /// The characters before the first that is marked; 8 where none is.
  [[nodiscard, gnu::always_inline]] static unsigned count(std::uint64_t marks) noexcept {
    return static_cast<unsigned>(std::countr_zero(marks)) / 8;
  }

  /// The high bit of each byte that is not a digit. No byte carries into the next: 0x7f + 0x76 fits.
  [[nodiscard, gnu::always_inline]] static std::uint64_t non_digits(std::uint64_t text) noexcept {
    const std::uint64_t value = text ^ '0' * every_byte;
    return (((value & ~high_bits) + 0x76 * every_byte) | value) & high_bits;
  }

  /// Marks quotes, backslashes, control characters and what is not ASCII. The lowest mark is right; a borrow can only
  /// have come from there to those above.
  [[nodiscard, gnu::always_inline]] static std::uint64_t specials(std::uint64_t text) noexcept {
    const std::uint64_t quote = text ^ '"' * every_byte;
    const std::uint64_t backslash = text ^ '\\' * every_byte;
    const std::uint64_t found = ((quote - every_byte) & ~quote) | ((backslash - every_byte) & ~backslash) |
                                ((text - 0x20 * every_byte) & ~text) | text;
    return found & high_bits;
  }

  /// The number that eight digits are: pairs, then fours, then all.
  [[nodiscard, gnu::always_inline]] static std::uint64_t value_of(std::uint64_t digits) noexcept {
    constexpr std::uint64_t low = 0x000000ff000000ff;
    digits = digits * 10 + (digits >> 8);
    return ((digits & low) * (100 + (1'000'000ULL << 32)) + (digits >> 16 & low) * (1 + (10'000ULL << 32))) >> 32;
  }
  [[nodiscard, gnu::always_inline]] static std::uint64_t eight(std::uint64_t text) noexcept {
    return value_of(text ^ '0' * every_byte);
  }
  /// The same of the first 1 to 8; zeros come before them.
  [[nodiscard, gnu::always_inline]] static std::uint64_t leading(std::uint64_t text, unsigned digits) noexcept {
    return value_of(aligned(text, digits));
  }
  [[nodiscard, gnu::always_inline]] static std::uint64_t aligned(std::uint64_t text, unsigned digits) noexcept {
    return (text ^ '0' * every_byte) << (64 - 8 * digits);
  }
  /// Not zero if any byte is not the value of a digit; which one is not told.
  [[nodiscard, gnu::always_inline]] static std::uint64_t odd(std::uint64_t values) noexcept {
    return ((values + 0x76 * every_byte) | values) & high_bits;
  }
};

}  // namespace foxtrot::inline v0::binance::detail

// foxtrot/market/levels.hpp: one side of a book or of a change to it: price levels with common exponents.

namespace foxtrot::inline v0 {

/// Mantissas of one level; the exponents are the record's.
struct raw_level {
  std::int64_t price;
  std::int64_t quantity;
  friend constexpr bool operator==(const raw_level&, const raw_level&) = default;
};

/// A price and the quantity there. In a depth update the quantity is absolute and 0 removes the level.
struct price_level {
  decimal price;
  decimal quantity;
  friend constexpr bool operator==(const price_level&, const price_level&) = default;
};

/// A view of levels in the venue's order. Valid as long as the event it came from.
class levels {
 public:
  class iterator {
   public:
    using iterator_category = std::input_iterator_tag;  // dereferencing makes a value
    using value_type = price_level;
    using difference_type = std::ptrdiff_t;
    using pointer = void;
    using reference = price_level;

    iterator() noexcept = default;
    iterator(const raw_level* at, int price_exponent, int quantity_exponent) noexcept
        : at_{at}, price_exponent_{price_exponent}, quantity_exponent_{quantity_exponent} {}
    [[nodiscard]] price_level operator*() const noexcept {
      return {{at_->price, price_exponent_}, {at_->quantity, quantity_exponent_}};
    }
    iterator& operator++() noexcept {
      ++at_;
      return *this;
    }
    iterator operator++(int) noexcept {
      const iterator before = *this;
      ++at_;
      return before;
    }
    friend bool operator==(const iterator&, const iterator&) noexcept = default;

   private:
    const raw_level* at_{nullptr};
    int price_exponent_{0};
    int quantity_exponent_{0};
  };

  levels() noexcept = default;
  levels(std::span<const raw_level> raw, int price_exponent, int quantity_exponent) noexcept
      : raw_{raw}, price_exponent_{price_exponent}, quantity_exponent_{quantity_exponent} {}

  [[nodiscard]] std::size_t size() const noexcept { return raw_.size(); }
  [[nodiscard]] bool empty() const noexcept { return raw_.empty(); }
  [[nodiscard]] price_level operator[](std::size_t index) const noexcept { return *at(index); }
  [[nodiscard]] iterator begin() const noexcept { return at(0); }
  [[nodiscard]] iterator end() const noexcept { return at(size()); }

  /// The mantissas, for those who count nanoseconds.
  [[nodiscard]] std::span<const raw_level> raw() const noexcept { return raw_; }

 private:
  [[nodiscard]] iterator at(std::size_t index) const noexcept {
    return {raw_.data() + index, price_exponent_, quantity_exponent_};
  }

  std::span<const raw_level> raw_;
  int price_exponent_{0};
  int quantity_exponent_{0};
};

}  // namespace foxtrot::inline v0

namespace foxtrot::inline v0::binance::detail {

// What a message said. Times are microseconds since the epoch, as the venue wrote them; views point into the message.
inline constexpr std::int64_t no_time = -1;

struct book_ticker_fields {
  std::uint64_t update_id{0};
  std::int64_t bid_price{0};  // mantissas
  std::int64_t bid_quantity{0};
  std::int64_t ask_price{0};
  std::int64_t ask_quantity{0};
  std::int64_t transaction_us{no_time};  // futures
  std::int64_t event_us{no_time};        // futures
  std::string_view symbol;
  std::int8_t price_exponent{0};
  std::int8_t quantity_exponent{0};
};

struct trade_fields {
  std::uint64_t trade_id{0};
  std::int64_t price{0};
  std::int64_t quantity{0};
  std::int64_t trade_us{no_time};
  std::int64_t event_us{no_time};
  std::string_view symbol;
  std::string_view execution;  // futures: "MARKET", "INSURANCE_FUND", "ADL"; else empty
  std::int8_t price_exponent{0};
  std::int8_t quantity_exponent{0};
  bool buyer_is_maker{false};
};

struct aggregate_trade_fields {
  std::uint64_t aggregate_id{0};
  std::uint64_t first_trade_id{0};
  std::uint64_t last_trade_id{0};
  std::int64_t price{0};
  std::int64_t quantity{0};
  std::int64_t normal_quantity{0};  // "nq", where there is one
  std::int64_t trade_us{no_time};
  std::int64_t event_us{no_time};
  std::string_view symbol;
  std::int8_t price_exponent{0};
  std::int8_t quantity_exponent{0};
  std::int8_t normal_quantity_exponent{0};
  bool has_normal_quantity{false};
  bool buyer_is_maker{false};
};

struct depth_fields {
  std::uint64_t first_id{0};  // 0 in a partial book of spot
  std::uint64_t last_id{0};
  std::uint64_t previous_id{0};
  std::int64_t transaction_us{no_time};        // futures
  std::int64_t event_us{no_time};              // not in a partial book of spot
  std::string_view symbol;                     // empty in a partial book of spot
  std::span<const foxtrot::raw_level> levels;  // bids, then asks; in the caller's room
  std::uint32_t bids{0};
  std::uint32_t asks{0};
  std::int8_t price_exponent{0};
  std::int8_t quantity_exponent{0};
  bool has_previous_id{false};
  bool is_update{true};  // by its keys; the futures send partial books in the shape of updates
};

struct average_price_fields {
  std::int64_t price{0};
  std::int64_t last_trade_us{no_time};
  std::int64_t event_us{no_time};
  std::string_view symbol;
  std::uint32_t interval_minutes{0};
  std::int8_t price_exponent{0};
};

struct reference_price_fields {
  std::int64_t price{0};
  std::int64_t time_us{no_time};
  std::string_view symbol;
  std::int8_t price_exponent{0};
  bool has_price{false};
};

struct mark_price_fields {
  std::int64_t mark{0};
  std::int64_t average{0};
  std::int64_t index{0};
  std::int64_t settlement{0};
  std::int64_t funding_rate{0};
  std::int64_t next_funding_us{no_time};
  std::int64_t event_us{no_time};
  std::string_view symbol;
  std::int8_t mark_exponent{0};
  std::int8_t average_exponent{0};
  std::int8_t index_exponent{0};
  std::int8_t settlement_exponent{0};
  std::int8_t funding_rate_exponent{0};
  bool has_average{false};      // "ap"
  bool has_index{false};        // "i"
  bool has_settlement{true};    // "P"
  bool has_funding_rate{true};  // "r"
};

// The grammar: what a message consists of, one after the other; `fields` is how many are read at most.
template <literal Text>
struct text {  // exactly this
  static constexpr std::size_t fields = 0;
};
template <class Reader, auto... Members>
struct field {  // read into these members
  static constexpr std::size_t fields = 1;
};
template <auto Member, auto Value>
struct set {  // nothing to read
  static constexpr std::size_t fields = 0;
};
template <auto Count>
struct side {  // price levels, from behind the opening bracket to behind the closing one
  static constexpr std::size_t fields = 0;
};
template <class Reader, class Value>
struct ignored {
  static constexpr std::size_t fields = 0;
};
template <class... Steps>
struct sequence {
  static constexpr std::size_t fields = (Steps::fields + ... + 0);
};
template <class... Sequences>
struct choice {  // the first whose first text is there, and then no other; an empty one is always there
  static constexpr std::size_t fields = std::max({std::size_t{0}, Sequences::fields...});
};
template <class... Steps>
using maybe = choice<sequence<Steps...>, sequence<>>;
using ignored_name = ignored<a_name, std::string_view>;
using ignored_number = ignored<a_number, std::uint64_t>;
using ignored_boolean = ignored<a_boolean, bool>;

namespace shapes {

// Types of their own: their names are short.

using book_sides = sequence<
    text<"\",\"b\":\"">, field<an_amount, &book_ticker_fields::bid_price, &book_ticker_fields::price_exponent>,
    text<"\",\"B\":\"">, field<an_amount, &book_ticker_fields::bid_quantity, &book_ticker_fields::quantity_exponent>,
    text<"\",\"a\":\"">, field<a_like_amount, &book_ticker_fields::ask_price, &book_ticker_fields::price_exponent>,
    text<"\",\"A\":\"">,
    field<a_like_amount, &book_ticker_fields::ask_quantity, &book_ticker_fields::quantity_exponent>>;
using futures_book = sequence<field<a_name, &book_ticker_fields::symbol>, maybe<text<"\",\"ps\":\"">, ignored_name>,
                              book_sides, text<"\",\"T\":">, field<a_time, &book_ticker_fields::transaction_us>,
                              text<",\"E\":">, field<a_time, &book_ticker_fields::event_us>, text<"}">>;
struct book_ticker
    : choice<
          sequence<
              text<"{\"u\":">, field<a_number, &book_ticker_fields::update_id>,
              choice<sequence<text<",\"s\":\"">, field<a_name, &book_ticker_fields::symbol>, book_sides, text<"\"}">>,
                     sequence<text<",\"e\":\"bookTicker\",\"s\":\"">, futures_book>>>,
          sequence<text<"{\"e\":\"bookTicker\",\"u\":">, field<a_number, &book_ticker_fields::update_id>,
                   text<",\"s\":\"">, futures_book>> {};

using trade_of_spot =
    sequence<text<"s\":\"">, field<a_name, &trade_fields::symbol>, text<"\",\"t\":">,
             field<a_number, &trade_fields::trade_id>, text<",\"p\":\"">,
             field<an_amount, &trade_fields::price, &trade_fields::price_exponent>, text<"\",\"q\":\"">,
             field<an_amount, &trade_fields::quantity, &trade_fields::quantity_exponent>,
             choice<sequence<text<"\",\"T\":">>,
                    sequence<text<"\",\"b\":">, ignored_number, text<",\"a\":">, ignored_number, text<",\"T\":">>>,
             field<a_time, &trade_fields::trade_us>, text<",\"m\":">, field<a_boolean, &trade_fields::buyer_is_maker>,
             text<",\"M\":">, ignored_boolean, text<"}">>;
using trade_of_futures =
    sequence<text<"T\":">, field<a_time, &trade_fields::trade_us>, text<",\"s\":\"">,
             field<a_name, &trade_fields::symbol>, text<"\",\"t\":">, field<a_number, &trade_fields::trade_id>,
             text<",\"p\":\"">, field<an_amount, &trade_fields::price, &trade_fields::price_exponent>,
             text<"\",\"q\":\"">, field<an_amount, &trade_fields::quantity, &trade_fields::quantity_exponent>,
             text<"\",\"X\":\"">, field<a_name, &trade_fields::execution>, text<"\",\"m\":">,
             field<a_boolean, &trade_fields::buyer_is_maker>, text<"}">>;
struct trade : sequence<text<"{\"e\":\"trade\",\"E\":">, field<a_time, &trade_fields::event_us>, text<",\"">,
                        choice<trade_of_spot, trade_of_futures>> {};

struct aggregate_trade
    : sequence<text<"{\"e\":\"aggTrade\",\"E\":">, field<a_time, &aggregate_trade_fields::event_us>,
               choice<sequence<text<",\"s\":\"">, field<a_name, &aggregate_trade_fields::symbol>, text<"\",\"a\":">,
                               field<a_number, &aggregate_trade_fields::aggregate_id>, text<",\"p\":\"">>,
                      sequence<text<",\"a\":">, field<a_number, &aggregate_trade_fields::aggregate_id>,
                               text<",\"s\":\"">, field<a_name, &aggregate_trade_fields::symbol>, text<"\",\"p\":\"">>>,
               field<an_amount, &aggregate_trade_fields::price, &aggregate_trade_fields::price_exponent>,
               text<"\",\"q\":\"">,
               field<an_amount, &aggregate_trade_fields::quantity, &aggregate_trade_fields::quantity_exponent>,
               maybe<text<"\",\"nq\":\"">, set<&aggregate_trade_fields::has_normal_quantity, true>,
                     field<an_amount, &aggregate_trade_fields::normal_quantity,
                           &aggregate_trade_fields::normal_quantity_exponent>>,
               text<"\",\"f\":">, field<a_number, &aggregate_trade_fields::first_trade_id>, text<",\"l\":">,
               field<a_number, &aggregate_trade_fields::last_trade_id>, text<",\"T\":">,
               field<a_time, &aggregate_trade_fields::trade_us>, text<",\"m\":">,
               field<a_boolean, &aggregate_trade_fields::buyer_is_maker>, maybe<text<",\"M\":">, ignored_boolean>,
               maybe<text<",\"st\":">, ignored_number>, text<"}">> {};

using depth_update =
    sequence<text<"{\"e\":\"depthUpdate\",\"E\":">, field<a_time, &depth_fields::event_us>,
             maybe<text<",\"T\":">, field<a_time, &depth_fields::transaction_us>>, text<",\"s\":\"">,
             field<a_name, &depth_fields::symbol>, maybe<text<"\",\"ps\":\"">, ignored_name>, text<"\",\"U\":">,
             field<a_number, &depth_fields::first_id>, text<",\"u\":">, field<a_number, &depth_fields::last_id>,
             maybe<text<",\"pu\":">, field<a_previous_id, &depth_fields::previous_id, &depth_fields::has_previous_id>>,
             text<",\"b\":[">, side<&depth_fields::bids>, text<",\"a\":[">, side<&depth_fields::asks>, text<"}">>;
/// Also the answer to a request for a book.
using book =
    sequence<text<"{\"lastUpdateId\":">, field<a_number, &depth_fields::last_id>, set<&depth_fields::is_update, false>,
             maybe<text<",\"E\":">, field<a_time, &depth_fields::event_us>, text<",\"T\":">,
                   field<a_time, &depth_fields::transaction_us>>,
             text<",\"bids\":[">, side<&depth_fields::bids>, text<",\"asks\":[">, side<&depth_fields::asks>, text<"}">>;
struct depth : choice<depth_update, book> {};

using mark_index = maybe<text<"\",\"i\":\"">, set<&mark_price_fields::has_index, true>,
                         field<an_amount, &mark_price_fields::index, &mark_price_fields::index_exponent>>;
using mark_settlement = field<an_amount, &mark_price_fields::settlement, &mark_price_fields::settlement_exponent>;
struct mark_price
    : sequence<text<"{\"e\":\"markPriceUpdate\",\"E\":">, field<a_time, &mark_price_fields::event_us>,
               text<",\"s\":\"">, field<a_name, &mark_price_fields::symbol>, text<"\",\"p\":\"">,
               field<an_amount, &mark_price_fields::mark, &mark_price_fields::mark_exponent>,
               maybe<text<"\",\"ap\":\"">, set<&mark_price_fields::has_average, true>,
                     field<an_amount, &mark_price_fields::average, &mark_price_fields::average_exponent>>,
               choice<sequence<text<"\",\"P\":\"">, mark_settlement, mark_index>,
                      sequence<text<"\",\"i\":\"">, set<&mark_price_fields::has_index, true>,
                               field<an_amount, &mark_price_fields::index, &mark_price_fields::index_exponent>,
                               text<"\",\"P\":\"">, mark_settlement>>,
               text<"\",\"r\":\"">,
               field<a_signed_amount, &mark_price_fields::funding_rate, &mark_price_fields::funding_rate_exponent>,
               text<"\",\"T\":">, field<a_time, &mark_price_fields::next_funding_us>,
               maybe<text<",\"st\":">, ignored_number>, text<"}">> {};

}  // namespace shapes
}  // namespace foxtrot::inline v0::binance::detail

// foxtrot/exchange/binance/fields.hpp: the scalar fields of one JSON object, found by key whatever their order.

namespace foxtrot::inline v0::binance::detail {

using foxtrot::basic_decimal;
using foxtrot::decimal;
using foxtrot::errc;

/// The venue names its fields with one letter, most of them; the others that matter are listed.
enum class key : std::uint8_t {
  last_update_id = 64,
  previous_update_id,
  average_price,
  symbol,
  id,
  code,
  message,
  none = 255
};

[[nodiscard]] constexpr key letter(char c) noexcept { return static_cast<key>(c - 'A'); }

[[nodiscard]] constexpr key key_of(std::string_view name) noexcept {
  if (name.size() == 1) return name[0] >= 'A' && name[0] <= 'z' ? letter(name[0]) : key::none;
  if (name == "lastUpdateId") return key::last_update_id;
  if (name == "pu") return key::previous_update_id;
  if (name == "ap") return key::average_price;
  if (name == "symbol") return key::symbol;
  if (name == "id") return key::id;
  if (name == "code") return key::code;
  if (name == "msg") return key::message;
  return key::none;
}

/// The text of each field as it stands in the message, looked at only when a decoder asks. Every reader says what is
/// wrong: errc::missing_field, errc::wrong_type, errc::malformed_message, errc::number_out_of_range.
class fields {
 public:
  void clear() noexcept { present_ = {}; }

  /// A scalar of the message, without white space around it. A field may come once: what two mean is anybody's guess.
  [[nodiscard]] errc put(key which, std::string_view token) noexcept {
    if (which == key::none) return errc::none;
    if (has(which)) return errc::malformed_message;
    const auto at = static_cast<std::size_t>(which);
    present_[at / 64] |= std::uint64_t{1} << (at % 64);
    tokens_[at] = token;
    return errc::none;
  }

  [[nodiscard]] bool has(key which) const noexcept {
    const auto at = static_cast<std::size_t>(which);
    return (present_[at / 64] >> (at % 64) & 1) != 0;
  }
  /// Absent, null or an empty string: the venue's ways to say that there is none.
  [[nodiscard]] bool is_blank(key which) const noexcept {
    return !has(which) || at(which) == "null" || at(which) == "\"\"";
  }

  /// What stands between the quotes; text with escapes is not taken for anything.
  [[nodiscard]] errc text(key which, std::string_view& value) const noexcept {
    if (!has(which)) return errc::missing_field;
    const std::string_view token = at(which);
    if (token.size() < 2 || token.front() != '"') return errc::wrong_type;
    if (token.back() != '"' || token.find('\\') != std::string_view::npos) return errc::malformed_message;
    value = token.substr(1, token.size() - 2);
    return errc::none;
  }

  /// A price or quantity: a decimal in quotes, not negative.
  template <class Mantissa>
  [[nodiscard]] errc amount(key which, basic_decimal<Mantissa>& value) const noexcept {
    std::string_view digits;
    if (const errc bad = text(which, digits); bad != errc::none) return bad;
    return parse_amount(digits, value);
  }
  template <class Mantissa>
  [[nodiscard]] static errc parse_amount(std::string_view digits, basic_decimal<Mantissa>& value) noexcept {
    const errc bad = basic_decimal<Mantissa>::parse_into(digits, value);
    return bad == errc::none && value.mantissa() < 0 ? errc::number_out_of_range : bad;
  }
  /// The same for changes and rates, which may be negative.
  [[nodiscard]] errc signed_amount(key which, decimal& value) const noexcept {
    std::string_view digits;
    if (const errc bad = text(which, digits); bad != errc::none) return bad;
    return decimal::parse_into(digits, value);
  }

  [[nodiscard]] errc number(key which, std::uint64_t& value) const noexcept { return parse(which, value); }
  [[nodiscard]] errc number(key which, std::int64_t& value) const noexcept { return parse(which, value); }

  [[nodiscard]] errc boolean(key which, bool& value) const noexcept {
    if (!has(which)) return errc::missing_field;
    if (at(which) != "true" && at(which) != "false") return errc::wrong_type;
    value = at(which) == "true";
    return errc::none;
  }

  /// A time in microseconds since the epoch. The venue sends milliseconds unless asked for microseconds: today's
  /// milliseconds have 13 digits, its microseconds 16.
  [[nodiscard]] errc time_us(key which, std::int64_t& value) const noexcept {
    constexpr std::int64_t least_microseconds = 100'000'000'000'000;
    const errc bad = parse(which, value);
    if (bad != errc::none) return bad;
    if (value < 0) return errc::number_out_of_range;
    if (value < least_microseconds) value *= 1000;
    return errc::none;
  }
  /// Leaves the value as it is where the field is absent.
  [[nodiscard]] errc optional_time_us(key which, std::int64_t& value) const noexcept {
    return has(which) ? time_us(which, value) : errc::none;
  }

 private:
  [[nodiscard]] std::string_view at(key which) const noexcept { return tokens_[static_cast<std::size_t>(which)]; }

  template <class Integer>
  [[nodiscard]] errc parse(key which, Integer& value) const noexcept {
    if (!has(which)) return errc::missing_field;
    const std::string_view token = at(which);
    const auto [end, failed] = std::from_chars(token.data(), token.data() + token.size(), value);
    if (failed == std::errc::result_out_of_range) return errc::number_out_of_range;
    return failed == std::errc{} && end == token.data() + token.size() ? errc::none : errc::wrong_type;
  }

  std::array<std::uint64_t, 2> present_{};
  std::array<std::string_view, 71> tokens_;  // only those that are present mean anything
};

}  // namespace foxtrot::inline v0::binance::detail

// foxtrot/market/kline.hpp: a candlestick: what was traded in one interval.

// foxtrot/market/kline_interval.hpp: how long a candlestick lasts.

namespace foxtrot::inline v0 {

/// Seconds, minutes, hours, days, weeks and months, from the shortest to the longest.
enum class kline_interval : std::uint8_t { s1, m1, m3, m5, m15, m30, h1, h2, h4, h6, h8, h12, d1, d3, w1, mo1 };
inline constexpr std::size_t kline_interval_count = 16;

namespace detail {
inline constexpr std::array<std::string_view, kline_interval_count> kline_interval_names{
    "1s", "1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h", "1d", "3d", "1w", "1M"};
}  // namespace detail

/// "1s" to "1M", as in the names of streams.
[[nodiscard]] constexpr std::string_view to_string(kline_interval interval) noexcept {
  const auto index = static_cast<std::size_t>(interval);
  return index < kline_interval_count ? detail::kline_interval_names[index] : "?";
}

/// The other way round; nothing for any other text.
[[nodiscard]] constexpr std::optional<kline_interval> parse_kline_interval(std::string_view text) noexcept {
  for (std::size_t i = 0; i < kline_interval_count; ++i) {
    if (detail::kline_interval_names[i] == text) return static_cast<kline_interval>(i);
  }
  return std::nullopt;
}

}  // namespace foxtrot::inline v0

// foxtrot/market/raw_decimal.hpp: decimals as they lie in the bodies of wide ticks.

namespace foxtrot::inline v0 {

/// A decimal, or none: without padding, so that bodies can be copied by words. Made from a decimal by assigning it.
template <decimal_mantissa Mantissa>
class basic_raw_decimal {
 public:
  constexpr basic_raw_decimal() noexcept = default;
  /// From a decimal of this width, or a narrower one.
  template <std::convertible_to<basic_decimal<Mantissa>> Decimal>
  constexpr basic_raw_decimal(const Decimal& from) noexcept {
    const basic_decimal<Mantissa> wanted = from;
    mantissa_ = wanted.mantissa();
    exponent_ = static_cast<std::int8_t>(wanted.exponent());
    present_ = 1;
  }

  [[nodiscard]] constexpr bool present() const noexcept { return present_ != 0; }
  /// 0 where there is none: for what the venue always sends.
  [[nodiscard]] constexpr basic_decimal<Mantissa> value() const noexcept { return {mantissa_, exponent_}; }
  [[nodiscard]] constexpr std::optional<basic_decimal<Mantissa>> get() const noexcept {
    if (!present()) return std::nullopt;
    return value();
  }

 private:
  Mantissa mantissa_{0};
  std::int8_t exponent_{0};
  std::uint8_t present_{0};
  std::uint8_t zeros_[sizeof(Mantissa) - 2]{};
};

using raw_decimal = basic_raw_decimal<std::int64_t>;
/// 128 bits: daily volumes.
using raw_wide_decimal = basic_raw_decimal<int128>;
static_assert(sizeof(raw_decimal) == 16 && sizeof(raw_wide_decimal) == 32);

}  // namespace foxtrot::inline v0

// foxtrot/market/venue_time.hpp: the venue's times in full, where they may be far from the receive time.

// foxtrot/market/time_offset.hpp: the venue's times as 32-bit microsecond offsets from the receive time.

namespace foxtrot::inline v0 {

/// Nanoseconds since the Unix epoch.
using timestamp = std::chrono::sys_time<std::chrono::nanoseconds>;

/// A venue's time, exact to the microsecond, within 35 minutes of the receive time; or absent.
class time_offset {
 public:
  constexpr time_offset() noexcept = default;

  /// Absent where the distance does not fit.
  [[nodiscard]] static constexpr time_offset between(std::int64_t received_ns, std::int64_t venue_us) noexcept {
    time_offset made;
    std::int64_t distance = 0;
    if (!__builtin_sub_overflow(venue_us, received_ns / 1000, &distance) &&
        distance > std::numeric_limits<std::int32_t>::min() && distance <= std::numeric_limits<std::int32_t>::max()) {
      made.microseconds_ = static_cast<std::int32_t>(distance);
    }
    return made;
  }

  [[nodiscard]] constexpr bool present() const noexcept { return microseconds_ != absent; }
  [[nodiscard]] constexpr std::optional<timestamp> from(std::int64_t received_ns) const noexcept {
    if (!present()) return std::nullopt;
    return timestamp{std::chrono::microseconds{received_ns / 1000 + microseconds_}};
  }
  friend constexpr bool operator==(const time_offset&, const time_offset&) = default;

 private:
  static constexpr std::int32_t absent = std::numeric_limits<std::int32_t>::min();
  std::int32_t microseconds_{absent};
};

}  // namespace foxtrot::inline v0

namespace foxtrot::inline v0 {

/// Microseconds since the Unix epoch, or absent. For what happened, or will, further away than a time_offset reaches.
class venue_time {
 public:
  constexpr venue_time() noexcept = default;
  constexpr explicit venue_time(std::int64_t microseconds) noexcept : microseconds_{microseconds} {}

  [[nodiscard]] constexpr bool present() const noexcept { return microseconds_ != absent; }
  [[nodiscard]] constexpr std::int64_t microseconds() const noexcept { return microseconds_; }
  /// Nothing also for a time that nanoseconds cannot say: before 1678 or after 2261.
  [[nodiscard]] constexpr std::optional<timestamp> get() const noexcept {
    constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max() / 1000;
    if (microseconds_ < -most || microseconds_ > most) return std::nullopt;
    return timestamp{std::chrono::microseconds{microseconds_}};
  }
  friend constexpr bool operator==(const venue_time&, const venue_time&) = default;

 private:
  static constexpr std::int64_t absent = std::numeric_limits<std::int64_t>::min();
  std::int64_t microseconds_{absent};
};

}  // namespace foxtrot::inline v0

// foxtrot/market/wide_tick.hpp: ticks of more than one line: a record, and a body beside the ring.

// foxtrot/market/tick.hpp: what every tick has: its record, where it came from and when.

// foxtrot/market/symbol.hpp: names of instruments as 16-bit numbers, looked up without a lock.

namespace foxtrot::inline v0 {

/// The number of a name in its table; 0 is no symbol. Never reused, so it stays valid as long as the table.
enum class symbol_id : std::uint16_t { none = 0 };

/// Names to numbers and back. Looking up, both ways, takes no lock and allocates nothing (network and strategy
/// threads); a new name takes a mutex once. Names are bytes as the venue writes them, UTF-8 where it goes beyond ASCII.
class symbol_table {
 public:
  static constexpr std::size_t max_symbols = 65'535;
  static constexpr std::size_t longest_name = 46;

  symbol_table() : buckets_{std::make_unique<bucket[]>(bucket_count)} {}
  symbol_table(const symbol_table&) = delete;
  symbol_table& operator=(const symbol_table&) = delete;
  ~symbol_table() {
    for (auto& page : pages_) delete[] page.load(std::memory_order_relaxed);  // nobody else is left
  }

  /// The table that everything uses unless given another: one per process, also across shared objects.
  [[nodiscard]] static symbol_table& shared() { return detail::immortal<symbol_table>(); }

  /// The number of a known name, or symbol_id::none. Any thread.
  [[nodiscard]] symbol_id find(std::string_view name) const noexcept {
    for (std::size_t at = hash(name);; ++at) {
      // acquire: pairs with the release in intern() and carries the name's bytes
      const std::uint16_t id = buckets_[at & (bucket_count - 1)].load(std::memory_order_acquire);
      if (id == 0) return symbol_id::none;
      if (entry_of(id).view() == name) return symbol_id{id};
    }
  }

  /// The number of a name, new or known. errc::bad_argument for an empty name or one that is too long or holds a NUL,
  /// errc::symbol_table_full after 65,535 names. Any thread.
  [[nodiscard]] result<symbol_id> intern(std::string_view name) {
    if (const symbol_id known = find(name); known != symbol_id::none) return known;
    if (name.empty() || name.size() > longest_name || name.find('\0') != std::string_view::npos) {
      return errc::bad_argument;
    }
    const std::lock_guard lock{mutex_};
    if (const symbol_id known = find(name); known != symbol_id::none) return known;
    const std::size_t id = size_.load(std::memory_order_relaxed) + 1;
    if (id > max_symbols) return errc::symbol_table_full;
    auto& page = pages_[id / page_size];
    if (page.load(std::memory_order_relaxed) == nullptr) page.store(new entry[page_size], std::memory_order_release);
    entry& fresh = page.load(std::memory_order_relaxed)[id % page_size];
    name.copy(fresh.text, name.size());
    fresh.length = static_cast<std::uint8_t>(name.size());
    std::size_t at = hash(name);
    while (buckets_[at & (bucket_count - 1)].load(std::memory_order_relaxed) != 0) ++at;
    size_.store(id, std::memory_order_release);  // before the bucket: whoever finds an id finds its name, too
    buckets_[at & (bucket_count - 1)].store(static_cast<std::uint16_t>(id), std::memory_order_release);
    return symbol_id{static_cast<std::uint16_t>(id)};
  }

  /// The name of a number from this table, NUL-terminated, valid as long as the table; empty for symbol_id::none. Any
  /// thread.
  [[nodiscard]] std::string_view name(symbol_id id) const noexcept {
    const auto number = static_cast<std::uint16_t>(id);
    if (number == 0 || number > size()) return "";
    return entry_of(number).view();
  }

  /// Names so far; ids run from 1 to size(). Any thread.
  [[nodiscard]] std::size_t size() const noexcept { return size_.load(std::memory_order_acquire); }

 private:
  struct entry {
    char text[longest_name + 1]{};
    std::uint8_t length{0};
    [[nodiscard]] std::string_view view() const noexcept { return {text, length}; }
  };
  using bucket = std::atomic<std::uint16_t>;

  static constexpr std::size_t page_size = 256;
  static constexpr std::size_t bucket_count = 131'072;  // twice max_symbols: probing always ends

  [[nodiscard]] const entry& entry_of(std::uint16_t id) const noexcept {
    return pages_[id / page_size].load(std::memory_order_acquire)[id % page_size];
  }

  // Eight characters at a time: most names have no more than sixteen, and each tick looks one up. The last word
  // overlaps the one before it, the length tells names apart that repeat themselves.
  [[nodiscard]] static std::size_t hash(std::string_view name) noexcept {
    constexpr std::uint64_t odd = 0x9e3779b97f4a7c15;
    const auto word = [&name](std::size_t at, auto value) {
      std::memcpy(&value, name.data() + at, sizeof value);
      return std::uint64_t{value};
    };
    const std::size_t size = name.size();
    std::uint64_t value = size * odd;
    const auto mix = [&value](std::uint64_t next) { value = (value ^ next) * odd, value ^= value >> 32; };
    if (size >= 8) {
      for (std::size_t at = 0; at + 8 < size; at += 8) mix(word(at, std::uint64_t{}));
      mix(word(size - 8, std::uint64_t{}));
    } else if (size >= 4) {
      mix(word(0, std::uint32_t{}) | word(size - 4, std::uint32_t{}) << 32);
    } else {
      for (const char c : name) mix(static_cast<unsigned char>(c));
    }
    return static_cast<std::size_t>((value * odd) >> 40);
  }

  std::unique_ptr<bucket[]> buckets_;
  std::array<std::atomic<entry*>, max_symbols / page_size + 1> pages_{};
  std::atomic<std::size_t> size_{0};
  std::mutex mutex_;  // one writer at a time
};

/// A symbol as ticks give it: its number and the table that knows its name. Two words, copy it freely; valid as long as
/// the table. Equal when both agree.
class symbol {
 public:
  constexpr symbol() noexcept = default;
  constexpr symbol(const symbol_table& table, symbol_id id) noexcept : table_{&table}, id_{id} {}

  [[nodiscard]] constexpr symbol_id id() const noexcept { return id_; }
  [[nodiscard]] std::string_view name() const noexcept { return table_ != nullptr ? table_->name(id_) : ""; }
  [[nodiscard]] const char* c_str() const noexcept { return name().data(); }
  [[nodiscard]] constexpr explicit operator bool() const noexcept { return id_ != symbol_id::none; }

  friend constexpr bool operator==(const symbol&, const symbol&) = default;
  [[nodiscard]] friend bool operator==(const symbol& a, std::string_view b) noexcept { return a.name() == b; }

 private:
  const symbol_table* table_{nullptr};
  symbol_id id_{symbol_id::none};
};

}  // namespace foxtrot::inline v0

namespace foxtrot::inline v0 {

/// A record: the 56 bytes that cross a ring. It holds at least the receive time and the symbol.
template <class R>
concept tick_record = line_payload<R> && sizeof(R) == line_payload_bytes && requires(const R& record) {
  { record.received_ns } -> std::convertible_to<std::int64_t>;
  { record.symbol } -> std::convertible_to<symbol_id>;
};

/// A tick as strategies see it: a record with its tag and the table of its symbols. A plain value: copy it to keep it.
template <tick_record Record>
class tick {
 public:
  using record_type = Record;

  tick(const Record& record, tick_tag tag, const symbol_table& symbols) noexcept
      : record_{record}, symbols_{&symbols}, tag_{tag} {}

  [[nodiscard]] foxtrot::symbol symbol() const noexcept { return {*symbols_, record_.symbol}; }
  [[nodiscard]] foxtrot::venue venue() const noexcept { return tag_.where; }
  [[nodiscard]] foxtrot::source source() const noexcept { return tag_.how; }

  /// When the read that brought it returned, on epoch_clock; the same for all ticks of one read.
  [[nodiscard]] timestamp received() const noexcept { return timestamp{std::chrono::nanoseconds{record_.received_ns}}; }

  /// The fixed layout, for those who count nanoseconds.
  [[nodiscard]] const Record& record() const noexcept { return record_; }

 protected:
  [[nodiscard]] tick_tag tag() const noexcept { return tag_; }

 private:
  Record record_;
  const symbol_table* symbols_;
  tick_tag tag_;
};

}  // namespace foxtrot::inline v0

namespace foxtrot::inline v0 {

/// The line of a wide tick; its body stands in the ring's payload arena at `body`. That arena is made for price levels
/// and counts in their size.
struct wide_record {
  std::uint64_t reserved[3];
  std::uint64_t body;        // the queue's to set
  std::uint16_t body_units;  // units_of<Body>
  std::uint16_t no_units;    // zero: stands where a depth event counts its asks
  std::uint32_t reserved_too;
  std::int64_t received_ns;
  time_offset event_time;
  symbol_id symbol;
  std::int8_t reserved_at_end[2];
};
static_assert(tick_record<wide_record>);
static_assert(offsetof(wide_record, body) == 24 && offsetof(wide_record, body_units) == 32 &&
              offsetof(wide_record, no_units) == 34 && offsetof(wide_record, received_ns) == 40 &&
              offsetof(wide_record, event_time) == 48 && offsetof(wide_record, symbol) == 52);

/// A body of fixed size: whole units of the arena and no padding, for it is copied by words.
template <class Body>
concept wide_body = std::is_trivially_copyable_v<Body> && std::has_unique_object_representations_v<Body> &&
                    sizeof(Body) % sizeof(raw_level) == 0 && std::default_initializable<Body>;

/// What a body takes of the arena.
template <wide_body Body>
inline constexpr std::size_t units_of = sizeof(Body) / sizeof(raw_level);

/// Writes a body where a draft has room for it: `room` holds at least units_of<Body>.
template <wide_body Body>
void write_body(std::span<raw_level> room, const Body& body) noexcept {
  assert(room.size() >= units_of<Body>);
  std::memcpy(room.data(), &body, sizeof body);
}
/// The body that lies there; where it is cut off, the rest is as in a new one.
template <wide_body Body>
[[nodiscard]] Body read_body(std::span<const raw_level> from) noexcept {
  Body body{};
  if (!from.empty()) {
    std::memcpy(static_cast<void*>(&body), from.data(), std::min(from.size_bytes(), sizeof body));
  }
  return body;
}

/// The record of a wide tick, its fields set but for those of the queue.
template <wide_body Body>
[[nodiscard]] wide_record make_wide_record(std::int64_t received_ns, time_offset event_time,
                                           symbol_id symbol) noexcept {
  wide_record record{};
  record.body_units = static_cast<std::uint16_t>(units_of<Body>);
  record.received_ns = received_ns;
  record.event_time = event_time;
  record.symbol = symbol;
  return record;
}

/// What wide ticks share. A plain value that holds its body: copy it to keep it.
template <wide_body Body>
class wide_tick : public tick<wide_record> {
 public:
  using body_type = Body;

  wide_tick(const wide_record& record, std::span<const raw_level> body, tick_tag tag,
            const symbol_table& symbols) noexcept
      : tick{record, tag, symbols}, body_{read_body<Body>(body)} {}

  /// When the venue sent it.
  [[nodiscard]] std::optional<timestamp> event_time() const noexcept {
    return record().event_time.from(record().received_ns);
  }
  /// The fixed layout.
  [[nodiscard]] const Body& body() const noexcept { return body_; }

 private:
  Body body_;
};

namespace detail {

/// Ids that the venue sends as -1 where there is none.
[[nodiscard]] constexpr std::optional<std::uint64_t> id_or_none(std::int64_t id) noexcept {
  if (id < 0) return std::nullopt;
  return static_cast<std::uint64_t>(id);
}

}  // namespace detail

}  // namespace foxtrot::inline v0

namespace foxtrot::inline v0 {

struct kline_body {
  raw_wide_decimal base_volume;
  raw_wide_decimal quote_volume;
  raw_wide_decimal taker_buy_base_volume;
  raw_wide_decimal taker_buy_quote_volume;
  raw_decimal open;
  raw_decimal close;
  raw_decimal high;
  raw_decimal low;
  venue_time open_time;
  venue_time close_time;
  std::int64_t first_trade_id{-1};  // -1: nothing was traded
  std::int64_t last_trade_id{-1};
  std::uint64_t trade_count{0};
  kline_interval interval{};
  std::uint8_t closed{0};
  std::uint8_t zeros[6]{};
};
static_assert(wide_body<kline_body>);

/// One interval of a symbol, so far or as a whole. Of COIN-M, base volumes are contracts and quote volumes the base
/// asset: so the venue counts there.
class kline : public wide_tick<kline_body> {
 public:
  using wide_tick::wide_tick;

  [[nodiscard]] kline_interval interval() const noexcept { return body().interval; }
  /// Whether the interval is over: nothing more will come for it.
  [[nodiscard]] bool closed() const noexcept { return body().closed != 0; }
  /// The interval's first and last moment, as the venue counts.
  [[nodiscard]] std::optional<timestamp> open_time() const noexcept { return body().open_time.get(); }
  [[nodiscard]] std::optional<timestamp> close_time() const noexcept { return body().close_time.get(); }

  [[nodiscard]] decimal open() const noexcept { return body().open.value(); }
  [[nodiscard]] decimal close() const noexcept { return body().close.value(); }
  [[nodiscard]] decimal high() const noexcept { return body().high.value(); }
  [[nodiscard]] decimal low() const noexcept { return body().low.value(); }

  [[nodiscard]] wide_decimal base_volume() const noexcept { return body().base_volume.value(); }
  [[nodiscard]] wide_decimal quote_volume() const noexcept { return body().quote_volume.value(); }
  /// The part of it where the buyer was the aggressor.
  [[nodiscard]] wide_decimal taker_buy_base_volume() const noexcept { return body().taker_buy_base_volume.value(); }
  [[nodiscard]] wide_decimal taker_buy_quote_volume() const noexcept { return body().taker_buy_quote_volume.value(); }

  [[nodiscard]] std::uint64_t trade_count() const noexcept { return body().trade_count; }
  /// Nothing where nothing was traded.
  [[nodiscard]] std::optional<std::uint64_t> first_trade_id() const noexcept {
    return detail::id_or_none(body().first_trade_id);
  }
  [[nodiscard]] std::optional<std::uint64_t> last_trade_id() const noexcept {
    return detail::id_or_none(body().last_trade_id);
  }
};

}  // namespace foxtrot::inline v0

// foxtrot/market/liquidation.hpp: an order by which the venue closed somebody's position.

// foxtrot/market/order_side.hpp: which way an order goes.

namespace foxtrot::inline v0 {

enum class order_side : std::uint8_t { buy, sell };

[[nodiscard]] constexpr std::string_view to_string(order_side side) noexcept {
  return side == order_side::sell ? "sell" : "buy";
}

}  // namespace foxtrot::inline v0

// foxtrot/market/raw_text.hpp: short words of the venue as they lie in the bodies of wide ticks.

namespace foxtrot::inline v0 {

/// Up to `Size` characters, none of them NUL.
template <std::size_t Size>
class raw_text {
 public:
  constexpr raw_text() noexcept = default;

  /// False, and nothing changes, where the text is too long or holds a NUL.
  [[nodiscard]] constexpr bool assign(std::string_view text) noexcept {
    if (text.size() > Size || text.find('\0') != std::string_view::npos) return false;
    for (std::size_t i = 0; i < Size; ++i) bytes_[i] = i < text.size() ? text[i] : '\0';
    return true;
  }
  /// Valid as long as this is.
  [[nodiscard]] constexpr std::string_view view() const noexcept {
    const std::string_view all{bytes_, Size};
    return all.substr(0, all.find('\0'));
  }

 private:
  char bytes_[Size]{};
};

}  // namespace foxtrot::inline v0

namespace foxtrot::inline v0 {

struct liquidation_body {
  raw_decimal original_quantity;
  raw_decimal price;
  raw_decimal average_price;
  raw_decimal last_filled_quantity;
  raw_decimal filled_quantity;
  venue_time trade_time;
  raw_text<24> order_type;  // 24: the venue's longest are TRAILING_STOP_MARKET and PARTIALLY_FILLED
  raw_text<24> time_in_force;
  raw_text<24> order_status;
  order_side side{};
  std::uint8_t zeros[15]{};
};
static_assert(wide_body<liquidation_body>);

/// Of a symbol's liquidations within a second the venue sends only one.
class liquidation : public wide_tick<liquidation_body> {
 public:
  using wide_tick::wide_tick;

  /// Of the order: sell where somebody was long.
  [[nodiscard]] order_side side() const noexcept { return body().side; }
  /// The venue's words, valid as long as this tick: "LIMIT", "IOC", "FILLED".
  [[nodiscard]] std::string_view order_type() const noexcept { return body().order_type.view(); }
  [[nodiscard]] std::string_view time_in_force() const noexcept { return body().time_in_force.view(); }
  [[nodiscard]] std::string_view order_status() const noexcept { return body().order_status.view(); }

  [[nodiscard]] decimal original_quantity() const noexcept { return body().original_quantity.value(); }
  [[nodiscard]] decimal price() const noexcept { return body().price.value(); }
  [[nodiscard]] decimal average_price() const noexcept { return body().average_price.value(); }
  [[nodiscard]] decimal last_filled_quantity() const noexcept { return body().last_filled_quantity.value(); }
  /// All fills of the order together.
  [[nodiscard]] decimal filled_quantity() const noexcept { return body().filled_quantity.value(); }
  [[nodiscard]] std::optional<timestamp> trade_time() const noexcept { return body().trade_time.get(); }
};

}  // namespace foxtrot::inline v0

// foxtrot/market/mark_price.hpp: a future's price for margins and liquidations, and what its funding costs.

namespace foxtrot::inline v0 {

struct mark_price_body {
  raw_decimal mark;
  raw_decimal average;
  raw_decimal index;
  raw_decimal settlement;
  raw_decimal funding_rate;
  venue_time next_funding_time;  // absent where the venue sends 0
  std::uint64_t zeros{0};
};
static_assert(wide_body<mark_price_body>);

/// Delivery contracts have no funding; what else is optional depends on the market.
class mark_price : public wide_tick<mark_price_body> {
 public:
  using wide_tick::wide_tick;

  [[nodiscard]] decimal mark() const noexcept { return body().mark.value(); }
  /// The moving average of the mark price.
  [[nodiscard]] std::optional<decimal> average() const noexcept { return body().average.get(); }
  [[nodiscard]] std::optional<decimal> index() const noexcept { return body().index.get(); }
  /// An estimate: it means something in the last hour before settlement.
  [[nodiscard]] std::optional<decimal> settlement() const noexcept { return body().settlement.get(); }
  /// A fraction, not percent; negative where the short side pays.
  [[nodiscard]] std::optional<decimal> funding_rate() const noexcept { return body().funding_rate.get(); }
  [[nodiscard]] std::optional<timestamp> next_funding_time() const noexcept { return body().next_funding_time.get(); }
};

}  // namespace foxtrot::inline v0

// foxtrot/market/mini_ticker.hpp: the last 24 hours of a symbol in six numbers.

namespace foxtrot::inline v0 {

struct mini_ticker_body {
  raw_wide_decimal base_volume;
  raw_wide_decimal quote_volume;
  raw_decimal close;
  raw_decimal open;
  raw_decimal high;
  raw_decimal low;
};
static_assert(wide_body<mini_ticker_body>);

/// Prices and volumes of the 24 hours that end now. Volumes of COIN-M: see kline.
class mini_ticker : public wide_tick<mini_ticker_body> {
 public:
  using wide_tick::wide_tick;

  /// The last price.
  [[nodiscard]] decimal close() const noexcept { return body().close.value(); }
  [[nodiscard]] decimal open() const noexcept { return body().open.value(); }
  [[nodiscard]] decimal high() const noexcept { return body().high.value(); }
  [[nodiscard]] decimal low() const noexcept { return body().low.value(); }
  [[nodiscard]] wide_decimal base_volume() const noexcept { return body().base_volume.value(); }
  [[nodiscard]] wide_decimal quote_volume() const noexcept { return body().quote_volume.value(); }
};

}  // namespace foxtrot::inline v0

// foxtrot/market/ticker.hpp: statistics of a symbol over a window that ends now.

namespace foxtrot::inline v0 {

/// The first three are rolling windows by the minute; h24 is the classic 24-hour ticker.
enum class ticker_window : std::uint8_t { h1, h4, d1, h24 };
inline constexpr std::size_t ticker_window_count = 4;

[[nodiscard]] constexpr std::string_view to_string(ticker_window window) noexcept {
  switch (window) {
    case ticker_window::h1: return "1h";
    case ticker_window::h4: return "4h";
    case ticker_window::d1: return "1d";
    case ticker_window::h24: return "24h";
  }
  return "?";
}

struct ticker_body {
  raw_wide_decimal base_volume;
  raw_wide_decimal quote_volume;
  raw_decimal price_change;
  raw_decimal percent_change;
  raw_decimal weighted_average;
  raw_decimal previous_close;
  raw_decimal last_price;
  raw_decimal last_quantity;
  raw_decimal bid_price;
  raw_decimal bid_quantity;
  raw_decimal ask_price;
  raw_decimal ask_quantity;
  raw_decimal open;
  raw_decimal high;
  raw_decimal low;
  venue_time open_time;
  venue_time close_time;
  std::int64_t first_trade_id{-1};  // -1: nothing was traded
  std::int64_t last_trade_id{-1};
  std::uint64_t trade_count{0};
  ticker_window window{ticker_window::h24};
  std::uint8_t zeros[7]{};
};
static_assert(wide_body<ticker_body>);

/// What optional accessors give depends on venue and window: futures have no bid, ask and previous close, rolling
/// windows no last quantity either. Volumes of COIN-M: see kline.
class ticker : public wide_tick<ticker_body> {
 public:
  using wide_tick::wide_tick;

  [[nodiscard]] ticker_window window() const noexcept { return body().window; }
  [[nodiscard]] std::optional<timestamp> open_time() const noexcept { return body().open_time.get(); }
  [[nodiscard]] std::optional<timestamp> close_time() const noexcept { return body().close_time.get(); }

  /// From the window's open to the last price; negative where the price fell. -1.5 percent is -1.5.
  [[nodiscard]] decimal price_change() const noexcept { return body().price_change.value(); }
  [[nodiscard]] decimal percent_change() const noexcept { return body().percent_change.value(); }
  [[nodiscard]] decimal weighted_average() const noexcept { return body().weighted_average.value(); }
  /// The last price before the window began.
  [[nodiscard]] std::optional<decimal> previous_close() const noexcept { return body().previous_close.get(); }
  [[nodiscard]] decimal last_price() const noexcept { return body().last_price.value(); }
  [[nodiscard]] std::optional<decimal> last_quantity() const noexcept { return body().last_quantity.get(); }
  [[nodiscard]] decimal open() const noexcept { return body().open.value(); }
  [[nodiscard]] decimal high() const noexcept { return body().high.value(); }
  [[nodiscard]] decimal low() const noexcept { return body().low.value(); }

  [[nodiscard]] std::optional<decimal> bid_price() const noexcept { return body().bid_price.get(); }
  [[nodiscard]] std::optional<decimal> bid_quantity() const noexcept { return body().bid_quantity.get(); }
  [[nodiscard]] std::optional<decimal> ask_price() const noexcept { return body().ask_price.get(); }
  [[nodiscard]] std::optional<decimal> ask_quantity() const noexcept { return body().ask_quantity.get(); }

  [[nodiscard]] wide_decimal base_volume() const noexcept { return body().base_volume.value(); }
  [[nodiscard]] wide_decimal quote_volume() const noexcept { return body().quote_volume.value(); }
  [[nodiscard]] std::uint64_t trade_count() const noexcept { return body().trade_count; }
  /// Nothing where nothing was traded.
  [[nodiscard]] std::optional<std::uint64_t> first_trade_id() const noexcept {
    return detail::id_or_none(body().first_trade_id);
  }
  [[nodiscard]] std::optional<std::uint64_t> last_trade_id() const noexcept {
    return detail::id_or_none(body().last_trade_id);
  }
};

}  // namespace foxtrot::inline v0

namespace foxtrot::inline v0::binance::detail {

/// Reads fields one after the other until one is wrong. The errors are those of `fields`.
class field_reader {
 public:
  explicit field_reader(const fields& from) noexcept : from_{from} {}

  [[nodiscard]] errc failed() const noexcept { return failed_; }

  template <class Mantissa>
  field_reader& amount(key which, basic_raw_decimal<Mantissa>& out) noexcept {
    return take([&](basic_decimal<Mantissa>& value) { return from_.amount(which, value); }, out);
  }
  /// None where it is absent or blank.
  field_reader& optional_amount(key which, raw_decimal& out) noexcept {
    return from_.is_blank(which) ? *this : amount(which, out);
  }
  field_reader& signed_amount(key which, raw_decimal& out) noexcept {
    return take([&](decimal& value) { return from_.signed_amount(which, value); }, out);
  }

  template <class Number>
  field_reader& number(key which, Number& out) noexcept {
    if (failed_ == errc::none) failed_ = from_.number(which, out);
    return *this;
  }
  field_reader& flag(key which, std::uint8_t& out) noexcept {
    bool value = false;
    if (failed_ == errc::none) failed_ = from_.boolean(which, value);
    out = value ? 1 : 0;
    return *this;
  }
  field_reader& time(key which, venue_time& out) noexcept {
    std::int64_t microseconds = 0;
    if (failed_ == errc::none) failed_ = from_.time_us(which, microseconds);
    out = venue_time{microseconds};
    return *this;
  }
  template <std::size_t Size>
  field_reader& text(key which, raw_text<Size>& out) noexcept {
    std::string_view word;
    if (failed_ == errc::none) failed_ = from_.text(which, word);
    if (failed_ == errc::none && !out.assign(word)) failed_ = errc::number_out_of_range;
    return *this;
  }

 private:
  template <class Mantissa, class Read>
  field_reader& take(Read read, basic_raw_decimal<Mantissa>& out) noexcept {
    basic_decimal<Mantissa> value;
    if (failed_ == errc::none) failed_ = read(value);
    if (failed_ == errc::none) out = value;
    return *this;
  }

  const fields& from_;
  errc failed_{errc::none};
};

/// Of the object "k".
[[nodiscard]] inline errc read(const fields& from, kline_body& out) noexcept {
  std::string_view interval;
  if (const errc bad = from.text(letter('i'), interval); bad != errc::none) return bad;
  const auto known = parse_kline_interval(interval);
  if (!known) return errc::number_out_of_range;
  out.interval = *known;
  return field_reader{from}
      .time(letter('t'), out.open_time)
      .time(letter('T'), out.close_time)
      .number(letter('f'), out.first_trade_id)
      .number(letter('L'), out.last_trade_id)
      .number(letter('n'), out.trade_count)
      .flag(letter('x'), out.closed)
      .amount(letter('o'), out.open)
      .amount(letter('c'), out.close)
      .amount(letter('h'), out.high)
      .amount(letter('l'), out.low)
      .amount(letter('v'), out.base_volume)
      .amount(letter('q'), out.quote_volume)
      .amount(letter('V'), out.taker_buy_base_volume)
      .amount(letter('Q'), out.taker_buy_quote_volume)
      .failed();
}

[[nodiscard]] inline errc read(const fields& from, mini_ticker_body& out) noexcept {
  return field_reader{from}
      .amount(letter('c'), out.close)
      .amount(letter('o'), out.open)
      .amount(letter('h'), out.high)
      .amount(letter('l'), out.low)
      .amount(letter('v'), out.base_volume)
      .amount(letter('q'), out.quote_volume)
      .failed();
}

/// All but the window. What only some markets and windows have is none where it is absent.
[[nodiscard]] inline errc read(const fields& from, ticker_body& out) noexcept {
  return field_reader{from}
      .signed_amount(letter('p'), out.price_change)
      .signed_amount(letter('P'), out.percent_change)
      .amount(letter('w'), out.weighted_average)
      .amount(letter('c'), out.last_price)
      .amount(letter('o'), out.open)
      .amount(letter('h'), out.high)
      .amount(letter('l'), out.low)
      .amount(letter('v'), out.base_volume)
      .amount(letter('q'), out.quote_volume)
      .optional_amount(letter('x'), out.previous_close)
      .optional_amount(letter('Q'), out.last_quantity)
      .optional_amount(letter('b'), out.bid_price)
      .optional_amount(letter('B'), out.bid_quantity)
      .optional_amount(letter('a'), out.ask_price)
      .optional_amount(letter('A'), out.ask_quantity)
      .time(letter('O'), out.open_time)
      .time(letter('C'), out.close_time)
      .number(letter('F'), out.first_trade_id)
      .number(letter('L'), out.last_trade_id)
      .number(letter('n'), out.trade_count)
      .failed();
}

/// Of the object "o".
[[nodiscard]] inline errc read(const fields& from, liquidation_body& out) noexcept {
  std::string_view side;
  if (const errc bad = from.text(letter('S'), side); bad != errc::none) return bad;
  if (side != "BUY" && side != "SELL") return errc::number_out_of_range;
  out.side = side == "BUY" ? order_side::buy : order_side::sell;
  return field_reader{from}
      .amount(letter('q'), out.original_quantity)
      .amount(letter('p'), out.price)
      .amount(key::average_price, out.average_price)
      .amount(letter('l'), out.last_filled_quantity)
      .amount(letter('z'), out.filled_quantity)
      .time(letter('T'), out.trade_time)
      .text(letter('o'), out.order_type)
      .text(letter('f'), out.time_in_force)
      .text(letter('X'), out.order_status)
      .failed();
}

[[nodiscard]] inline mark_price_body body_of(const mark_price_fields& said) noexcept {
  mark_price_body body;
  body.mark = decimal{said.mark, said.mark_exponent};
  if (said.has_average) body.average = decimal{said.average, said.average_exponent};
  if (said.has_index) body.index = decimal{said.index, said.index_exponent};
  if (said.has_settlement) body.settlement = decimal{said.settlement, said.settlement_exponent};
  if (said.has_funding_rate) body.funding_rate = decimal{said.funding_rate, said.funding_rate_exponent};
  if (said.next_funding_us > 0) body.next_funding_time = venue_time{said.next_funding_us};
  return body;
}

}  // namespace foxtrot::inline v0::binance::detail

// foxtrot/exchange/binance/detail/depth_reader.hpp: what a message about an order book says, from fields in any order.

// foxtrot/exchange/binance/detail/field_readers.hpp: what the known messages say, from fields in any order.

// foxtrot/market/level_builder.hpp: price levels read one by one, brought to common exponents.

namespace foxtrot::inline v0 {

/// One exponent for numbers that arrive one at a time. A venue writes the same number of decimals everywhere, so the
/// common case costs a comparison; else the mantissas so far are rewritten.
class common_exponent {
 public:
  [[nodiscard]] int get() const noexcept { return exponent_; }

  /// The mantissa of `value` under the common exponent. Where that has to change first, `mantissa_of(i)` for i below
  /// `count` names those already converted. errc::number_out_of_range where no exponent suits all.
  template <class MantissaOf>
  [[nodiscard]] errc convert(const decimal& value, std::size_t count, MantissaOf&& mantissa_of,
                             std::int64_t& converted) noexcept {
    if (count == 0) exponent_ = value.exponent();
    if (value.exponent() == exponent_) [[likely]] {
      converted = value.mantissa();
      return errc::none;
    }
    if (const auto fits = value.mantissa_at(exponent_)) {
      converted = *fits;
      return errc::none;
    }
    // the coarsest exponent that is exact for all of them
    int wanted = value.is_zero() ? exponent_ : value.normalized().exponent();
    for (std::size_t i = 0; i < count; ++i) {
      if (const decimal old{mantissa_of(i), exponent_}; !old.is_zero())
        wanted = std::min(wanted, old.normalized().exponent());
    }
    const auto last = value.mantissa_at(wanted);
    for (std::size_t i = 0; i < count; ++i) {
      if (!decimal{mantissa_of(i), exponent_}.mantissa_at(wanted)) return errc::number_out_of_range;
    }
    if (!last) return errc::number_out_of_range;
    for (std::size_t i = 0; i < count; ++i) mantissa_of(i) = *decimal{mantissa_of(i), exponent_}.mantissa_at(wanted);
    exponent_ = wanted;
    converted = *last;
    return errc::none;
  }

 private:
  int exponent_{0};
};

/// Fills a depth event's body, in place.
class level_builder {
 public:
  level_builder() noexcept = default;
  explicit level_builder(std::span<raw_level> room) noexcept : room_{room} {}

  /// errc::number_out_of_range where a mantissa or the room does not suffice.
  [[nodiscard]] errc add(const decimal& price, const decimal& quantity) noexcept {
    if (count_ == room_.size()) return errc::number_out_of_range;
    raw_level& level = room_[count_];
    const auto price_of = [this](std::size_t i) -> std::int64_t& { return room_[i].price; };
    const auto quantity_of = [this](std::size_t i) -> std::int64_t& { return room_[i].quantity; };
    if (const errc bad = price_.convert(price, count_, price_of, level.price); bad != errc::none) return bad;
    if (const errc bad = quantity_.convert(quantity, count_, quantity_of, level.quantity); bad != errc::none)
      return bad;
    ++count_;
    return errc::none;
  }

  /// Exchanges the first `count` levels with those after them.
  void swap_sides(std::size_t count) noexcept {
    std::rotate(room_.begin(), room_.begin() + static_cast<std::ptrdiff_t>(count),
                room_.begin() + static_cast<std::ptrdiff_t>(count_));
  }

  [[nodiscard]] std::size_t size() const noexcept { return count_; }
  [[nodiscard]] std::int8_t price_exponent() const noexcept { return static_cast<std::int8_t>(price_.get()); }
  [[nodiscard]] std::int8_t quantity_exponent() const noexcept { return static_cast<std::int8_t>(quantity_.get()); }

 private:
  std::span<raw_level> room_;
  std::size_t count_{0};
  common_exponent price_;
  common_exponent quantity_;
};

}  // namespace foxtrot::inline v0

namespace foxtrot::inline v0::binance::detail {

// Each gives the same values as the speculative parser does where that accepts the message. The symbol stays as it is
// where the message has none. The errors are those of `fields`.

[[nodiscard]] inline errc read_symbol(const fields& from, std::string_view& symbol) noexcept {
  if (!from.has(letter('s'))) return errc::none;
  const errc bad = from.text(letter('s'), symbol);
  return bad == errc::none && symbol.empty() ? errc::malformed_message : bad;
}

[[nodiscard]] inline errc read(const fields& from, book_ticker_fields& out) noexcept {
  std::array<decimal, 2> prices;
  std::array<decimal, 2> quantities;
  errc bad = errc::none;
  const auto good = [&bad](errc outcome) { return (bad = outcome) == errc::none; };
  if (!(good(from.number(letter('u'), out.update_id)) && good(from.amount(letter('b'), prices[0])) &&
        good(from.amount(letter('B'), quantities[0])) && good(from.amount(letter('a'), prices[1])) &&
        good(from.amount(letter('A'), quantities[1])) && good(read_symbol(from, out.symbol)) &&
        good(from.optional_time_us(letter('T'), out.transaction_us)) &&
        good(from.optional_time_us(letter('E'), out.event_us)))) {
    return bad;
  }
  std::array<raw_level, 2> sides{};
  level_builder both{sides};
  if (!(good(both.add(prices[0], quantities[0])) && good(both.add(prices[1], quantities[1])))) return bad;
  out.bid_price = sides[0].price;
  out.bid_quantity = sides[0].quantity;
  out.ask_price = sides[1].price;
  out.ask_quantity = sides[1].quantity;
  out.price_exponent = both.price_exponent();
  out.quantity_exponent = both.quantity_exponent();
  return errc::none;
}

/// An amount, as mantissa and exponent.
[[nodiscard]] inline errc read_amount(const fields& from, key which, std::int64_t& mantissa,
                                      std::int8_t& exponent) noexcept {
  decimal value;
  if (const errc bad = from.amount(which, value); bad != errc::none) return bad;
  mantissa = value.mantissa();
  exponent = static_cast<std::int8_t>(value.exponent());
  return errc::none;
}

/// Trades and block trades.
[[nodiscard]] inline errc read(const fields& from, trade_fields& out) noexcept {
  errc bad = errc::none;
  const auto good = [&bad](errc outcome) { return (bad = outcome) == errc::none; };
  (void)(good(from.number(letter('t'), out.trade_id)) &&
         good(read_amount(from, letter('p'), out.price, out.price_exponent)) &&
         good(read_amount(from, letter('q'), out.quantity, out.quantity_exponent)) &&
         good(from.boolean(letter('m'), out.buyer_is_maker)) && good(read_symbol(from, out.symbol)) &&
         good(from.time_us(letter('E'), out.event_us)) && good(from.time_us(letter('T'), out.trade_us)));
  return bad;
}

[[nodiscard]] inline errc read(const fields& from, aggregate_trade_fields& out) noexcept {
  errc bad = errc::none;
  const auto good = [&bad](errc outcome) { return (bad = outcome) == errc::none; };
  (void)(good(from.number(letter('a'), out.aggregate_id)) &&
         good(read_amount(from, letter('p'), out.price, out.price_exponent)) &&
         good(read_amount(from, letter('q'), out.quantity, out.quantity_exponent)) &&
         good(from.number(letter('f'), out.first_trade_id)) && good(from.number(letter('l'), out.last_trade_id)) &&
         good(from.boolean(letter('m'), out.buyer_is_maker)) && good(read_symbol(from, out.symbol)) &&
         good(from.time_us(letter('E'), out.event_us)) && good(from.time_us(letter('T'), out.trade_us)));
  return bad;
}

/// Amounts that are blank stay away; so does a funding rate of a contract that has none.
[[nodiscard]] inline errc read(const fields& from, mark_price_fields& out) noexcept {
  errc bad = errc::none;
  const auto good = [&bad](errc outcome) { return (bad = outcome) == errc::none; };
  const auto read_optional = [&from](key which, std::int64_t& mantissa, std::int8_t& exponent, bool& present) {
    present = !from.is_blank(which);
    return present ? read_amount(from, which, mantissa, exponent) : errc::none;
  };
  const auto read_rate = [&from, &out] {
    out.has_funding_rate = !from.is_blank(letter('r'));
    if (!out.has_funding_rate) return errc::none;
    decimal rate;
    if (const errc failed = from.signed_amount(letter('r'), rate); failed != errc::none) return failed;
    out.funding_rate = rate.mantissa();
    out.funding_rate_exponent = static_cast<std::int8_t>(rate.exponent());
    return errc::none;
  };
  (void)(good(read_amount(from, letter('p'), out.mark, out.mark_exponent)) &&
         good(read_optional(key::average_price, out.average, out.average_exponent, out.has_average)) &&
         good(read_optional(letter('i'), out.index, out.index_exponent, out.has_index)) &&
         good(read_optional(letter('P'), out.settlement, out.settlement_exponent, out.has_settlement)) &&
         good(read_rate()) && good(read_symbol(from, out.symbol)) && good(from.time_us(letter('E'), out.event_us)) &&
         good(from.optional_time_us(letter('T'), out.next_funding_us)));
  return bad;
}

/// "5m", "1h": how long the average reaches back.
[[nodiscard]] inline errc read_minutes(std::string_view text, std::uint32_t& minutes) noexcept {
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), minutes);
  if (failed != std::errc{} || end + 1 != text.data() + text.size()) return errc::malformed_message;
  switch (*end) {
    case 'm': return errc::none;
    case 'h': minutes = minutes < 100'000 ? minutes * 60 : 0; break;
    case 'd': minutes = minutes < 10'000 ? minutes * 1440 : 0; break;
    default: return errc::malformed_message;
  }
  return minutes != 0 ? errc::none : errc::number_out_of_range;
}

[[nodiscard]] inline errc read(const fields& from, average_price_fields& out) noexcept {
  std::string_view interval;
  errc bad = errc::none;
  const auto good = [&bad](errc outcome) { return (bad = outcome) == errc::none; };
  (void)(good(from.text(letter('i'), interval)) && good(read_minutes(interval, out.interval_minutes)) &&
         good(read_amount(from, letter('w'), out.price, out.price_exponent)) &&
         good(from.time_us(letter('T'), out.last_trade_us)) && good(read_symbol(from, out.symbol)) &&
         good(from.time_us(letter('E'), out.event_us)));
  return bad;
}

/// The venue sends null where it has none.
[[nodiscard]] inline errc read(const fields& from, reference_price_fields& out) noexcept {
  errc bad = errc::none;
  const auto good = [&bad](errc outcome) { return (bad = outcome) == errc::none; };
  if (!from.has(letter('r'))) return errc::missing_field;
  out.has_price = !from.is_blank(letter('r'));
  (void)((!out.has_price || good(read_amount(from, letter('r'), out.price, out.price_exponent))) &&
         good(read_symbol(from, out.symbol)) && good(from.time_us(letter('t'), out.time_us)));
  return bad;
}

}  // namespace foxtrot::inline v0::binance::detail

// foxtrot/exchange/binance/message_scanner.hpp: one pass over a JSON message: its fields, its stream, its price levels.

// foxtrot/exchange/binance/detail/json_text.hpp: whether a token of a message is JSON, for those that nobody decodes.

namespace foxtrot::inline v0::binance::detail {

/// A number by RFC 8259 section 6: no leading zeros, no sign but minus, digits on both sides of a point.
[[nodiscard]] constexpr bool is_json_number(std::string_view text) noexcept {
  std::size_t at = 0;
  const auto digits = [&text, &at] {
    const std::size_t begin = at;
    while (at < text.size() && text[at] >= '0' && text[at] <= '9') ++at;
    return at - begin;
  };
  if (at < text.size() && text[at] == '-') ++at;
  const bool zero = at < text.size() && text[at] == '0';
  const std::size_t whole = digits();
  if (whole == 0 || (zero && whole != 1)) return false;
  if (at < text.size() && text[at] == '.') {
    ++at;
    if (digits() == 0) return false;
  }
  if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    ++at;
    if (at < text.size() && (text[at] == '+' || text[at] == '-')) ++at;
    if (digits() == 0) return false;
  }
  return at == text.size();
}

/// What stands between quotes, by RFC 8259 section 7. That no control character is among it, and that it is UTF-8, the
/// scanner has seen.
[[nodiscard]] constexpr bool has_json_escapes_only(std::string_view text) noexcept {
  constexpr std::string_view simple = "\"\\/bfnrt";
  constexpr std::string_view hexadecimal = "0123456789abcdefABCDEF";
  for (std::size_t at = text.find('\\'); at != std::string_view::npos; at = text.find('\\', at)) {
    if (++at == text.size()) return false;
    if (text[at] != 'u') {
      if (simple.find(text[at++]) == std::string_view::npos) return false;
      continue;
    }
    if (text.size() - at < 5) return false;
    if (text.substr(at + 1, 4).find_first_not_of(hexadecimal) != std::string_view::npos) return false;
    at += 5;
  }
  return true;
}

/// A string, number, boolean or null, without white space around it.
[[nodiscard]] constexpr bool is_json_scalar(std::string_view token) noexcept {
  if (token.empty()) return false;
  if (token.front() == '"') {
    return token.size() > 1 && token.back() == '"' && has_json_escapes_only(token.substr(1, token.size() - 2));
  }
  return token == "true" || token == "false" || token == "null" || is_json_number(token);
}

/// Without the white space of RFC 8259 section 2 at its end.
[[nodiscard]] constexpr std::string_view without_space_behind(std::string_view token) noexcept {
  const auto is_space = [](char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; };
  while (!token.empty() && is_space(token.back())) token.remove_suffix(1);
  return token;
}

/// Whether a whole message is one JSON value with no more than 64 levels of nesting, read as plainly as can be.
class json_check {
 public:
  explicit constexpr json_check(std::string_view text) noexcept : text_{text} {}

  [[nodiscard]] constexpr bool passes() noexcept {
    while (true) {
      if (opens()) {
        if (depth_++ == most_nesting) return false;
        in_object_ = in_object_ << 1 | (text_[at_++] == '{' ? 1 : 0);
        if (!closes()) {
          if ((in_object_ & 1) != 0 && !takes_key()) return false;
          continue;
        }
      } else if (!takes_scalar()) {
        return false;
      }
      while (closes()) {
        ++at_, --depth_;
        in_object_ >>= 1;
      }
      skip_space();
      if (depth_ == 0) return at_ == text_.size();
      if (!takes(',') || ((in_object_ & 1) != 0 && !takes_key())) return false;
    }
  }

 private:
  static constexpr int most_nesting = 64;

  constexpr void skip_space() noexcept { at_ = std::min(text_.find_first_not_of(" \t\r\n", at_), text_.size()); }
  [[nodiscard]] constexpr bool is_at(char c) noexcept {
    skip_space();
    return at_ < text_.size() && text_[at_] == c;
  }
  [[nodiscard]] constexpr bool opens() noexcept { return is_at('{') || is_at('['); }
  [[nodiscard]] constexpr bool closes() noexcept { return depth_ != 0 && is_at(in_object_ & 1 ? '}' : ']'); }
  [[nodiscard]] constexpr bool takes(char c) noexcept {
    if (!is_at(c)) return false;
    ++at_;
    return true;
  }
  [[nodiscard]] constexpr bool takes_key() noexcept { return is_at('"') && takes_scalar() && takes(':'); }
  [[nodiscard]] constexpr bool takes_scalar() noexcept {
    const std::size_t begin = at_;
    if (is_at('"')) {
      const std::size_t first = at_++;
      while (at_ < text_.size() && text_[at_] != '"') at_ += text_[at_] == '\\' ? 2 : 1;
      if (at_ >= text_.size()) return false;
      ++at_;
      return is_json_scalar(text_.substr(first, at_ - first));
    }
    at_ = std::min(text_.find_first_of(",:]}[{\" \t\r\n", begin), text_.size());
    return is_json_scalar(text_.substr(begin, at_ - begin));
  }

  std::string_view text_;
  std::size_t at_{0};
  std::uint64_t in_object_{0};  // by level, the innermost lowest
  int depth_{0};
};

static_assert(json_check{R"( {"a":[1,{"b":"\\u00e4"},[],{}],"c":null} )"}.passes());
static_assert(!json_check{R"({"a":})"}.passes() && !json_check{R"([{"a":1},{"b":}])"}.passes());
static_assert(!json_check{R"({"a"})"}.passes() && !json_check{"[1,]"}.passes() && !json_check{"[1]]"}.passes());
static_assert(!json_check{R"({"a":1,})"}.passes() && !json_check{"[}"}.passes() && !json_check{""}.passes());

}  // namespace foxtrot::inline v0::binance::detail

// foxtrot/exchange/binance/detail/json_values.hpp: values of a message, with the checks that On-Demand leaves out.

namespace foxtrot::inline v0::binance::detail {

using json_object = simdjson::ondemand::object;
using json_array = simdjson::ondemand::array;
using json_value = simdjson::ondemand::value;
using json_type = simdjson::ondemand::json_type;

/// The name of a member as it stands in the message. Names with escapes are no known ones.
[[nodiscard]] inline errc read_name(simdjson::ondemand::field& member, std::string_view& name) noexcept {
  const char* const begin = member.key().raw();
  const char* end = begin;
  while (*end != '"') end += *end == '\\' ? 2 : 1;  // simdjson has seen the closing quote
  name = {begin, static_cast<std::size_t>(end - begin)};
  return has_json_escapes_only(name) ? errc::none : errc::malformed_message;
}

/// A string, with its quotes, number, boolean or null.
[[nodiscard]] inline errc read_scalar(json_value& value, std::string_view& token) {
  token = without_space_behind(value.raw_json_token());
  if (!is_json_scalar(token)) return errc::malformed_message;
  // On-Demand takes a string that nobody has read for a key, if a colon follows it.
  simdjson::ondemand::raw_json_string taken;
  if (token.front() == '"' && value.get_raw_json_string().get(taken)) return errc::malformed_message;
  return errc::none;
}

/// What nobody asks for: On-Demand passes over it without a look.
[[nodiscard]] inline errc check_value(json_value& value, int most_nesting = 32) {
  json_type type{};
  if (value.type().get(type) || most_nesting == 0) return errc::malformed_message;
  if (type == json_type::array) {
    json_array list;
    if (value.get_array().get(list)) return errc::malformed_message;
    for (auto next : list) {
      json_value each;
      if (std::move(next).get(each)) return errc::malformed_message;
      if (const errc bad = check_value(each, most_nesting - 1); bad != errc::none) return bad;
    }
    return errc::none;
  }
  std::string_view text;
  if (type != json_type::object) return read_scalar(value, text);
  json_object members;
  if (value.get_object().get(members)) return errc::malformed_message;
  for (auto next : members) {
    simdjson::ondemand::field member;
    if (std::move(next).get(member)) return errc::malformed_message;
    json_value each = member.value();
    if (const errc bad = read_name(member, text); bad != errc::none) return bad;
    if (const errc bad = check_value(each, most_nesting - 1); bad != errc::none) return bad;
  }
  return errc::none;
}

}  // namespace foxtrot::inline v0::binance::detail

// foxtrot/feed/publisher.hpp: the producer's end of all subscriptions of one feed.

// foxtrot/feed/book_keeper.hpp: the feed's own books: one of each symbol with a stream of depth updates.

// foxtrot/market/book_action.hpp: what goes into a book synchroniser and what it answers.

// foxtrot/market/depth.hpp: changes of an order book, and whole books.

namespace foxtrot::inline v0 {

/// The line of a depth event; its levels, bids then asks, stand in the ring's payload arena at `body`.
struct depth_record {
  std::uint64_t first_id;
  std::uint64_t last_id;
  std::uint64_t previous_id;  // futures only; see depth_update::previous_id
  std::uint64_t body;
  std::uint16_t bids;
  std::uint16_t asks;
  time_offset transaction_time;
  std::int64_t received_ns;
  time_offset event_time;
  symbol_id symbol;
  std::int8_t price_exponent;
  std::int8_t quantity_exponent;

  [[nodiscard]] std::size_t level_count() const noexcept { return std::size_t{bids} + asks; }
};
static_assert(tick_record<depth_record>);
static_assert(offsetof(depth_record, received_ns) == 40 && offsetof(depth_record, event_time) == 48 &&
              offsetof(depth_record, symbol) == 52 && offsetof(depth_record, price_exponent) == 54);

/// What depth updates and snapshots share. The levels are views: valid as long as the event.
class depth_tick : public tick<depth_record> {
 public:
  depth_tick(const depth_record& record, std::span<const raw_level> body, tick_tag tag,
             const symbol_table& symbols) noexcept
      : tick{record, tag, symbols}, body_{body} {}

  /// Changed or present levels, in the venue's order: snapshots from the best price outwards.
  [[nodiscard]] levels bids() const noexcept {
    return {body_.first(record().bids), record().price_exponent, record().quantity_exponent};
  }
  [[nodiscard]] levels asks() const noexcept {
    return {body_.subspan(record().bids, record().asks), record().price_exponent, record().quantity_exponent};
  }

  /// When the venue sent it, and when the matching engine made it; each only where the venue says so.
  [[nodiscard]] std::optional<timestamp> event_time() const noexcept {
    return record().event_time.from(record().received_ns);
  }
  [[nodiscard]] std::optional<timestamp> transaction_time() const noexcept {
    return record().transaction_time.from(record().received_ns);
  }

 private:
  std::span<const raw_level> body_;
};

/// Changes of a book: quantities are absolute, 0 removes the level.
class depth_update : public depth_tick {
 public:
  using depth_tick::depth_tick;

  /// Set in the tag where the venue sends `previous_id`.
  static constexpr std::uint8_t previous_id_flag = 1;

  /// The first and last change of the book in it, in the venue's numbering.
  [[nodiscard]] std::uint64_t first_id() const noexcept { return record().first_id; }
  [[nodiscard]] std::uint64_t last_id() const noexcept { return record().last_id; }
  /// `last_id` of the update before it: the futures' way to see a hole.
  [[nodiscard]] std::optional<std::uint64_t> previous_id() const noexcept {
    if ((tag().flags & previous_id_flag) == 0) return std::nullopt;
    return record().previous_id;
  }
};

/// A whole book, or its best levels, after update `last_id`.
class depth_snapshot : public depth_tick {
 public:
  using depth_tick::depth_tick;

  /// Set in the tag where the feed made it itself, from the book that it keeps.
  static constexpr std::uint8_t kept_book_flag = 2;

  /// Whether it is all that the feed's own book holds, at this very place among the updates: those before it are in it,
  /// the next one follows it. Else it is what the venue sent: some best levels, of a moment near by.
  [[nodiscard]] bool is_kept_book() const noexcept { return (tag().flags & kept_book_flag) != 0; }

  [[nodiscard]] std::uint64_t last_id() const noexcept { return record().last_id; }
};

}  // namespace foxtrot::inline v0

// foxtrot/market/level_changes.hpp: changed levels of both sides of a book, as order books take them.

namespace foxtrot::inline v0 {

/// Level changes with common exponents, in any order of prices: what a depth event holds. Quantities are absolute and
/// never negative; 0 removes the level.
struct level_changes {
  std::span<const raw_level> bids;
  std::span<const raw_level> asks;
  int price_exponent{0};
  int quantity_exponent{0};

  [[nodiscard]] static level_changes of(const depth_tick& tick) noexcept {
    const depth_record& record = tick.record();
    return {tick.bids().raw(), tick.asks().raw(), record.price_exponent, record.quantity_exponent};
  }
};

}  // namespace foxtrot::inline v0

// foxtrot/market/status.hpp: what happened to the stream itself, in order with its ticks.

namespace foxtrot::inline v0 {

enum class status_code : std::uint8_t {
  connected,           ///< ticks may come
  disconnected,        ///< a connection was lost, or could not be made; error() says why
  reconnecting,        ///< attempt() is about to begin
  gap,                 ///< symbol() misses something: reason() says what, gap_kind() of which kind of tick
  resynchronised,      ///< the book of symbol() is right again: every gap of depth updates before is mended
  stale,               ///< symbol() has been silent for too long
  fresh,               ///< symbol() speaks again
  dropped,             ///< count() events were lost between the one before and the one after, because we were too slow
  fallback_started,    ///< ticks come by HTTP polling
  fallback_ended,      ///< ticks come by WebSocket again
  shutdown_announced,  ///< the venue will close this connection soon
  thread_crashed,      ///< thread_name() has ended by an exception or before its time
  thread_stalled,      ///< thread_name() does not get on
  thread_recovered,    ///< thread_name() gets on again
  thread_restarted,    ///< thread_name() runs again
  thread_failed,       ///< thread_name() has crashed too often and stays down
};
inline constexpr std::size_t status_code_count = 16;

/// Why a gap is told.
enum class gap_reason : std::uint8_t {
  missing,     ///< ids from() to to() never came
  crossed,     ///< in the book after ids from() to to() bids reach the asks, so that changes must be missing
  unusable,    ///< ids from() to to() and the book have no common exponent
  renumbered,  ///< the venue counts anew, beginning with from() to to(): forget older ids, reset a book of your own
};

struct status_record {
  std::uint64_t first;   // gap: from; dropped: count; reconnecting: attempt; threads: the name's first eight bytes
  std::uint64_t second;  // gap: to; threads: the rest of the name, filled up with zeros
  std::int32_t error;    // an errc, or an errno if error_is_system
  status_code code;
  bool error_is_system;
  tick_kind gap_kind;
  gap_reason reason;  // gap
  std::uint8_t reserved[8];
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
                                                                      "thread_failed"};
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
  /// told again, after a loss or to a newcomer: the book of symbol() is not whole.
  [[nodiscard]] std::uint64_t from() const noexcept { return record().first; }
  [[nodiscard]] std::uint64_t to() const noexcept { return record().second; }
  [[nodiscard]] gap_reason reason() const noexcept { return record().reason; }
  [[nodiscard]] tick_kind gap_kind() const noexcept { return record().gap_kind; }
  /// dropped: how many events were lost.
  [[nodiscard]] std::uint64_t count() const noexcept { return record().first; }
  /// reconnecting: 1 for the first attempt since the connection was lost.
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

namespace foxtrot::inline v0 {

/// How a venue says that diffs follow each other. Spot counts on: U == previous u + 1. The futures name the one before:
/// pu == previous u.
enum class book_rule : std::uint8_t { spot, futures };

enum class book_state : std::uint8_t {
  waiting,    ///< no diff has come yet
  buffering,  ///< diffs are kept until a snapshot fits them
  live,       ///< the book is right, up to the last diff
  broken,     ///< it was live and lost its way: kept as it was, wrong, until a snapshot comes
};

/// Why a book was lost, or could not be made from a snapshot, and the ids in doubt, both ends included: those that
/// never came where they are missing, else those of the diff or the snapshot.
struct book_loss {
  gap_reason fault{};
  std::uint64_t from{0};
  std::uint64_t to{0};
  friend constexpr bool operator==(const book_loss&, const book_loss&) = default;
};

/// What became of an input, and what its giver has to do.
struct book_action {
  enum class outcome : std::uint8_t { dropped, buffered, applied };

  outcome input{outcome::dropped};
  bool request_snapshot{false};   ///< fetch one now, in the background
  bool resynchronised{false};     ///< tell consumers: the book is right, for the first time or again
  std::optional<book_loss> lost;  ///< tell consumers, before `resynchronised`: do not trust the book
};

/// A diff and the ids it covers, as the venue numbers them.
struct book_diff {
  std::uint64_t first_id{0};
  std::uint64_t last_id{0};
  std::optional<std::uint64_t> previous_id;
  level_changes changes;

  [[nodiscard]] static book_diff of(const depth_update& update) noexcept {
    return {update.first_id(), update.last_id(), update.previous_id(), level_changes::of(update)};
  }
};

}  // namespace foxtrot::inline v0

// foxtrot/market/book_synchroniser.hpp: makes a right book out of a stream of diffs and snapshots asked for beside it.

// foxtrot/market/detail/diff_buffer.hpp: book changes kept until the snapshot comes that they belong to.

namespace foxtrot::inline v0::detail {

/// A diff as the synchroniser sees it: it leads from the book after change `before` to the book after change `last`.
struct book_step {
  std::uint64_t before{0};
  std::uint64_t last{0};
  level_changes changes;
};

/// A queue of copies with bounds on diffs and levels; past them the oldest go, which only makes a newer snapshot
/// necessary. Holds up to twice the levels that are in it. One thread.
class diff_buffer {
 public:
  diff_buffer(std::size_t max_diffs, std::size_t max_levels) noexcept
      : max_diffs_{max_diffs}, max_levels_{max_levels} {}

  [[nodiscard]] std::size_t size() const noexcept { return entries_.size() - head_; }
  [[nodiscard]] bool empty() const noexcept { return size() == 0; }

  /// Valid until the next push.
  [[nodiscard]] book_step operator[](std::size_t index) const noexcept {
    const entry& at = entries_[head_ + index];
    const std::span<const raw_level> levels = std::span{levels_}.subspan(at.offset, at.bids + at.asks);
    return {
        at.before, at.last, {levels.first(at.bids), levels.subspan(at.bids), at.price_exponent, at.quantity_exponent}};
  }

  void clear() noexcept {
    entries_.clear();
    levels_.clear();
    head_ = 0;
  }

  /// Keeps a copy, at the price of the oldest if need be. A diff that is larger than the whole buffer empties it.
  void push(const book_step& step) {
    const std::size_t count = step.changes.bids.size() + step.changes.asks.size();
    while (!empty() && (size() >= max_diffs_ || levels_in_use() + count > max_levels_)) ++head_;
    if (head_ > entries_.size() / 2) compact();
    if (max_diffs_ == 0 || count > max_levels_) return;
    entries_.push_back({step.before, step.last, levels_.size(), step.changes.bids.size(), step.changes.asks.size(),
                        step.changes.price_exponent, step.changes.quantity_exponent});
    levels_.insert(levels_.end(), step.changes.bids.begin(), step.changes.bids.end());
    levels_.insert(levels_.end(), step.changes.asks.begin(), step.changes.asks.end());
  }

 private:
  struct entry {
    std::uint64_t before;
    std::uint64_t last;
    std::size_t offset;
    std::size_t bids;
    std::size_t asks;
    int price_exponent;
    int quantity_exponent;
  };

  [[nodiscard]] std::size_t levels_in_use() const noexcept {
    return empty() ? 0 : levels_.size() - entries_[head_].offset;
  }

  void compact() {
    const std::size_t gone = levels_.size() - levels_in_use();
    levels_.erase(levels_.begin(), levels_.begin() + static_cast<std::ptrdiff_t>(gone));
    entries_.erase(entries_.begin(), entries_.begin() + static_cast<std::ptrdiff_t>(head_));
    for (entry& at : entries_) at.offset -= gone;
    head_ = 0;
  }

  std::vector<entry> entries_;
  std::vector<raw_level> levels_;
  std::size_t head_{0};
  std::size_t max_diffs_;
  std::size_t max_levels_;
};

}  // namespace foxtrot::inline v0::detail

// foxtrot/market/order_book.hpp: one symbol's order book, built from the changes of its levels.

// foxtrot/market/book_levels.hpp: a view of one side of an order book, best price first.

namespace foxtrot::inline v0 {

/// The best levels of one side of a book. Valid until the book changes.
class book_levels {
 public:
  class iterator {
   public:
    using iterator_category = std::input_iterator_tag;  // dereferencing makes a value
    using value_type = price_level;
    using difference_type = std::ptrdiff_t;
    using pointer = void;
    using reference = price_level;

    iterator() noexcept = default;
    /// Stands before `past`, the level after the one it means.
    iterator(const raw_level* past, int price_exponent, int quantity_exponent) noexcept
        : past_{past}, price_exponent_{price_exponent}, quantity_exponent_{quantity_exponent} {}
    [[nodiscard]] price_level operator*() const noexcept {
      const raw_level& level = *(past_ - 1);
      return {{level.price, price_exponent_}, {level.quantity, quantity_exponent_}};
    }
    iterator& operator++() noexcept {
      --past_;
      return *this;
    }
    iterator operator++(int) noexcept {
      const iterator before = *this;
      --past_;
      return before;
    }
    friend bool operator==(const iterator&, const iterator&) noexcept = default;

   private:
    const raw_level* past_{nullptr};
    int price_exponent_{0};
    int quantity_exponent_{0};
  };

  book_levels() noexcept = default;
  /// `raw` has the best level last, as the book keeps them.
  book_levels(std::span<const raw_level> raw, int price_exponent, int quantity_exponent) noexcept
      : raw_{raw}, price_exponent_{price_exponent}, quantity_exponent_{quantity_exponent} {}

  [[nodiscard]] std::size_t size() const noexcept { return raw_.size(); }
  [[nodiscard]] bool empty() const noexcept { return raw_.empty(); }
  /// The index-th best.
  [[nodiscard]] price_level operator[](std::size_t index) const noexcept { return *at(index); }
  [[nodiscard]] iterator begin() const noexcept { return at(0); }
  [[nodiscard]] iterator end() const noexcept { return at(size()); }

  /// The mantissas as they stand in the book, the best level last, and their exponents.
  [[nodiscard]] std::span<const raw_level> raw() const noexcept { return raw_; }
  [[nodiscard]] int price_exponent() const noexcept { return price_exponent_; }
  [[nodiscard]] int quantity_exponent() const noexcept { return quantity_exponent_; }

 private:
  [[nodiscard]] iterator at(std::size_t index) const noexcept {
    return {raw_.data() + (raw_.size() - index), price_exponent_, quantity_exponent_};
  }

  std::span<const raw_level> raw_;
  int price_exponent_{0};
  int quantity_exponent_{0};
};

}  // namespace foxtrot::inline v0

// foxtrot/market/detail/sorted_levels.hpp: one side of a book in one array, the best price at its end.

namespace foxtrot::inline v0::detail {

/// A level that comes, or goes (quantity 0), at an index of the array as it was before.
struct level_edit {
  std::size_t at;
  raw_level level;
};

/// Most changes are near the best price, so they move and touch the last lines of the array only. Bids ascend, asks
/// descend. One thread.
template <bool Bids>
class sorted_levels {
 public:
  [[nodiscard]] std::size_t size() const noexcept { return levels_.size(); }
  [[nodiscard]] bool empty() const noexcept { return levels_.empty(); }
  [[nodiscard]] const raw_level& best() const noexcept { return levels_.back(); }
  [[nodiscard]] std::span<const raw_level> all() const noexcept { return levels_; }
  [[nodiscard]] std::span<raw_level> all() noexcept { return levels_; }

  void reserve(std::size_t count) { levels_.reserve(count); }
  void clear() noexcept { levels_.clear(); }

  /// Makes all the changes; `scratch` is room that is kept from call to call. Venues send them sorted: then what lies
  /// between a level that comes and one that goes moves by one, and what lies beyond both stays where it is.
  void apply(std::span<const raw_level> changes, std::vector<level_edit>& scratch) {
    const bool from_worst = changes.size() < 2 || worse(changes.front().price, changes.back().price);
    const auto ordered = [&](const raw_level& a, const raw_level& b) {
      return from_worst ? worse(a.price, b.price) : worse(b.price, a.price);
    };
    for (std::size_t i = 1; i < changes.size(); ++i) {
      if (ordered(changes[i - 1], changes[i])) [[likely]]
        continue;
      for (const raw_level& level : changes) set(level);
      return;
    }
    // All searches first: none waits for another or for a branch, so the processor runs several at a time.
    scratch.resize(changes.size());
    for (std::size_t i = 0; i < changes.size(); ++i) {
      const raw_level& level = changes[from_worst ? i : changes.size() - 1 - i];
      scratch[i] = {find(level.price), level};
    }
    std::size_t count = 0;
    for (const level_edit& edit : scratch) {
      const bool present = edit.at < levels_.size() && levels_[edit.at].price == edit.level.price;
      if (present && edit.level.quantity != 0) {
        levels_[edit.at].quantity = edit.level.quantity;
      } else if (present || edit.level.quantity != 0) {
        scratch[count++] = edit;
      }
    }
    scratch.resize(count);
    rearrange(scratch);
  }

  /// Makes the quantity at that price what it says, 0 for none.
  void set(const raw_level& level) {
    const bool best = !empty() && worse(this->best().price, level.price);  // a snapshot from its worst level on
    const std::size_t at = best ? levels_.size() : find(level.price);
    const bool present = at < levels_.size() && levels_[at].price == level.price;
    if (level.quantity == 0) {
      if (present) levels_.erase(levels_.begin() + static_cast<std::ptrdiff_t>(at));
    } else if (present) {
      levels_[at].quantity = level.quantity;
    } else {
      levels_.insert(levels_.begin() + static_cast<std::ptrdiff_t>(at), level);
    }
  }

  /// Forgets all but the best `count`.
  void keep(std::size_t count) {
    if (levels_.size() <= count) return;
    levels_.erase(levels_.begin(), levels_.end() - static_cast<std::ptrdiff_t>(count));
  }

  /// The first index whose price is not worse. Without a branch: which half it is in cannot be predicted.
  [[nodiscard]] std::size_t find(std::int64_t price) const noexcept {
    const raw_level* const level = levels_.data();
    std::size_t low = 0;
    for (std::size_t count = levels_.size(); count != 0;) {
      const std::size_t half = (count + 1) / 2;
      low += worse(level[low + half - 1].price, price) ? half : 0;
      count -= half;
    }
    return low;
  }

 private:
  // Between two places where as many levels have come as gone nothing else matters, so each such run is moved by
  // itself: upwards from its upper end, downwards from its lower one.
  void rearrange(std::span<const level_edit> all) {
    const std::size_t old_size = levels_.size();
    std::size_t size = old_size;
    for (const level_edit& each : all) size = each.level.quantity != 0 ? size + 1 : size - 1;
    if (size > old_size) levels_.resize(size);
    for (std::size_t first = 0; first < all.size();) {
      const bool up = all[first].level.quantity != 0;
      std::size_t shift = 1;
      std::size_t last = first + 1;
      for (; last < all.size() && shift != 0; ++last)
        shift += (all[last].level.quantity != 0) == up ? 1U : ~std::size_t{0};
      const std::span<const level_edit> run = all.subspan(first, last - first);
      if (up) {
        move_up(run, shift, old_size);
      } else {
        move_down(run, old_size);
      }
      first = last;
    }
    if (size < old_size) levels_.resize(size);
  }

  // `shift` more levels come than go in the run; if none, its last edit is the one that makes room.
  void move_up(std::span<const level_edit> run, std::size_t shift, std::size_t end) noexcept {
    raw_level* const level = levels_.data();
    if (shift == 0) {
      end = run.back().at;
      run = run.first(run.size() - 1);
      shift = 1;
    }
    for (std::size_t i = run.size(); i-- > 0;) {
      const level_edit& edit = run[i];
      // a level that goes is moved, too, and then overwritten by the one below it
      std::copy_backward(level + edit.at, level + end, level + end + shift);
      end = edit.at;
      if (edit.level.quantity != 0) {
        level[edit.at + --shift] = edit.level;
      } else {
        ++shift;
      }
    }
  }

  void move_down(std::span<const level_edit> run, std::size_t old_size) noexcept {
    raw_level* const level = levels_.data();
    std::size_t shift = 0;
    std::size_t begin = run.front().at;
    for (const level_edit& edit : run) {
      std::copy(level + begin, level + edit.at, level + begin - shift);
      if (edit.level.quantity != 0) {
        level[edit.at - shift--] = edit.level;
        begin = edit.at;
      } else {
        ++shift;
        begin = edit.at + 1;
      }
    }
    if (shift != 0) std::copy(level + begin, level + old_size, level + begin - shift);
  }

  [[nodiscard]] static bool worse(std::int64_t a, std::int64_t b) noexcept { return Bids ? a < b : a > b; }

  std::vector<raw_level> levels_;
};

}  // namespace foxtrot::inline v0::detail

namespace foxtrot::inline v0 {

enum class book_side : std::uint8_t { bids, asks };

struct order_book_settings {
  std::size_t reserve{4'096};  ///< levels a side with room made for them at once; more are allocated when they come
  std::size_t max_levels{0};   ///< levels a side to keep, the best ones, after each change; 0: all
};

/// Every level is a pair of integers; prices share one exponent and quantities another. When a finer one comes, all are
/// re-scaled, exactly. Changes cost a logarithmic search each, and together one pass over levels up to the best price
/// at most. With a cap, levels beyond it are forgotten, and are missing where better ones go. No allocation within the
/// reserved room, which holds for the levels of one message, too. One thread.
class order_book : private live_object<order_book> {
 public:
  explicit order_book(const order_book_settings& settings = {}) : max_levels_{settings.max_levels} {
    bids_.reserve(settings.reserve);
    asks_.reserve(settings.reserve);
    scratch_.reserve(settings.reserve);
  }

  /// Makes the changes. errc::number_out_of_range, and the book as it was, where no common exponent holds all numbers.
  [[nodiscard]] errc apply(const level_changes& changes) {
    if (changes.price_exponent != price_exponent_ || changes.quantity_exponent != quantity_exponent_) [[unlikely]] {
      if (const errc bad = agree(changes); bad != errc::none) return bad;
    }
    change(bids_, changes.bids, changes);
    change(asks_, changes.asks, changes);
    return errc::none;
  }
  [[nodiscard]] errc apply(const depth_update& update) { return apply(level_changes::of(update)); }

  /// Becomes the book that a snapshot shows, each price once. Best prices first is the order that costs least.
  void assign(const level_changes& snapshot) {
    clear();
    price_exponent_ = snapshot.price_exponent;
    quantity_exponent_ = snapshot.quantity_exponent;
    fill(bids_, snapshot.bids);
    fill(asks_, snapshot.asks);
  }
  void assign(const depth_snapshot& snapshot) { assign(level_changes::of(snapshot)); }

  /// No levels; the room stays.
  void clear() noexcept {
    bids_.clear();
    asks_.clear();
  }

  // --- the best prices, in constant time ---

  [[nodiscard]] std::optional<price_level> best_bid() const noexcept { return best(bids_); }
  [[nodiscard]] std::optional<price_level> best_ask() const noexcept { return best(asks_); }

  /// The best bid is not below the best ask: no market looks like that, so changes are missing.
  [[nodiscard]] bool crossed() const noexcept {
    return !bids_.empty() && !asks_.empty() && bids_.best().price >= asks_.best().price;
  }

  /// The best `count` levels, fewer if there are not as many; best first.
  [[nodiscard]] book_levels top(book_side side, std::size_t count) const noexcept {
    const auto raw = all(side);
    return {raw.last(std::min(count, raw.size())), price_exponent_, quantity_exponent_};
  }
  [[nodiscard]] book_levels bids() const noexcept { return top(book_side::bids, bids_.size()); }
  [[nodiscard]] book_levels asks() const noexcept { return top(book_side::asks, asks_.size()); }

  /// Levels of one side.
  [[nodiscard]] std::size_t size(book_side side) const noexcept { return all(side).size(); }
  [[nodiscard]] bool empty() const noexcept { return bids_.empty() && asks_.empty(); }

  // --- quantities, all exact ---

  /// What stands at that price; 0 where nothing does. Logarithmic.
  [[nodiscard]] decimal quantity_at(book_side side, const decimal& price) const noexcept {
    if (const auto mantissa = price.mantissa_at(price_exponent_)) {
      const auto raw = all(side);
      const std::size_t at = find(side, *mantissa);
      if (at < raw.size() && raw[at].price == *mantissa) return {raw[at].quantity, quantity_exponent_};
    }
    return {0, quantity_exponent_};
  }

  /// What stands at that price and at better ones. Linear in the levels it adds up.
  [[nodiscard]] wide_decimal depth_to(book_side side, const decimal& price) const noexcept {
    int128 total = 0;
    const auto raw = all(side);
    for (std::size_t i = raw.size(); i-- > 0;) {
      const auto order = decimal{raw[i].price, price_exponent_} <=> price;
      if (side == book_side::bids ? order < 0 : order > 0) break;
      total += raw[i].quantity;
    }
    return {total, quantity_exponent_};
  }

  /// The sum of price x quantity for taking that quantity from this side, best price first: exact. Nothing where the
  /// side does not hold as much, or where 128 bits do not suffice. Linear in the levels taken.
  [[nodiscard]] std::optional<wide_decimal> cost(book_side side, const decimal& quantity) const noexcept;

  /// The average price for taking that quantity from this side: cost / quantity, as a double.
  [[nodiscard]] std::optional<double> vwap(book_side side, const decimal& quantity) const noexcept {
    const auto total = cost(side, quantity);
    if (!total || quantity.is_zero()) return std::nullopt;
    return total->to_double() / quantity.to_double();
  }

  [[nodiscard]] int price_exponent() const noexcept { return price_exponent_; }
  [[nodiscard]] int quantity_exponent() const noexcept { return quantity_exponent_; }

 private:
  [[nodiscard]] std::span<const raw_level> all(book_side side) const noexcept {
    return side == book_side::bids ? bids_.all() : asks_.all();
  }
  [[nodiscard]] std::size_t find(book_side side, std::int64_t price) const noexcept {
    return side == book_side::bids ? bids_.find(price) : asks_.find(price);
  }
  template <class Side>
  [[nodiscard]] std::optional<price_level> best(const Side& side) const noexcept {
    if (side.empty()) return std::nullopt;
    return price_level{{side.best().price, price_exponent_}, {side.best().quantity, quantity_exponent_}};
  }

  template <class Side>
  void change(Side& side, std::span<const raw_level> levels, const level_changes& of) {
    if (of.price_exponent == price_exponent_ && of.quantity_exponent == quantity_exponent_) [[likely]] {
      side.apply(levels, scratch_);
    } else {
      for (const raw_level& level : levels) side.set(*converted(level, of));
    }
    if (max_levels_ != 0) side.keep(max_levels_);
  }

  // From the worst price, where a snapshot is in its usual order: each level goes to the end.
  template <class Side>
  void fill(Side& side, std::span<const raw_level> levels) {
    for (std::size_t i = levels.size(); i-- > 0;) side.set(levels[i]);
    if (max_levels_ != 0) side.keep(max_levels_);
  }

  [[nodiscard]] std::optional<raw_level> converted(const raw_level& level, const level_changes& of) const noexcept {
    const auto price = decimal{level.price, of.price_exponent}.mantissa_at(price_exponent_);
    const auto quantity = decimal{level.quantity, of.quantity_exponent}.mantissa_at(quantity_exponent_);
    if (!price || !quantity) return std::nullopt;
    return raw_level{*price, *quantity};
  }

  // Common exponents for the book and the changes: the finer ones, if every level can have them.
  [[nodiscard]] errc agree(const level_changes& changes) noexcept;
  [[nodiscard]] bool try_exponents(int price, int quantity, const level_changes& changes) noexcept;

  detail::sorted_levels<true> bids_;
  detail::sorted_levels<false> asks_;
  std::vector<detail::level_edit> scratch_;
  std::size_t max_levels_;
  int price_exponent_{0};
  int quantity_exponent_{0};
};

inline bool order_book::try_exponents(int price, int quantity, const level_changes& changes) noexcept {
  const level_changes now{{}, {}, price_exponent_, quantity_exponent_};
  const bool rescale = price != price_exponent_ || quantity != quantity_exponent_;
  price_exponent_ = price;
  quantity_exponent_ = quantity;
  const auto all_fit = [this](std::span<const raw_level> levels, const level_changes& of) {
    return std::ranges::all_of(levels, [&](const raw_level& level) { return converted(level, of).has_value(); });
  };
  if (!(all_fit(changes.bids, changes) && all_fit(changes.asks, changes) &&
        (!rescale || (all_fit(bids_.all(), now) && all_fit(asks_.all(), now))))) {
    price_exponent_ = now.price_exponent;
    quantity_exponent_ = now.quantity_exponent;
    return false;
  }
  if (rescale) {
    for (raw_level& level : bids_.all()) level = *converted(level, now);
    for (raw_level& level : asks_.all()) level = *converted(level, now);
  }
  return true;
}

inline errc order_book::agree(const level_changes& changes) noexcept {
  const bool fresh = empty();
  const int price = fresh ? changes.price_exponent : std::min(price_exponent_, changes.price_exponent);
  const int quantity = fresh ? changes.quantity_exponent : std::min(quantity_exponent_, changes.quantity_exponent);
  // zeros at the end of what came may be all that makes it finer
  const bool agreed =
      try_exponents(price, quantity, changes) || try_exponents(price_exponent_, quantity_exponent_, changes);
  return agreed ? errc::none : errc::number_out_of_range;
}

inline std::optional<wide_decimal> order_book::cost(book_side side, const decimal& quantity) const noexcept {
  const decimal wanted = quantity.normalized();
  const int unit = std::min(wanted.exponent(), quantity_exponent_);
  const auto mantissa = wide_decimal{wanted}.mantissa_at(unit);
  const int exponent = price_exponent_ + unit;
  if (!mantissa || *mantissa < 0 || exponent < std::numeric_limits<std::int8_t>::min()) return std::nullopt;
  int128 left = *mantissa;
  int128 total = 0;
  const auto raw = all(side);
  for (std::size_t i = raw.size(); i-- > 0 && left != 0;) {
    // a level that does not fit this unit holds more than is left
    const int128 there = wide_decimal{raw[i].quantity, quantity_exponent_}.mantissa_at(unit).value_or(left);
    const int128 taken = std::min(there, left);
    int128 paid = 0;
    if (__builtin_mul_overflow(int128{raw[i].price}, taken, &paid) || __builtin_add_overflow(total, paid, &total))
      return std::nullopt;
    left -= taken;
  }
  if (left != 0) return std::nullopt;
  return wide_decimal{total, exponent};
}

}  // namespace foxtrot::inline v0

namespace foxtrot::inline v0 {

struct book_synchroniser_settings {
  book_rule rule{book_rule::spot};
  order_book_settings book{};
  std::size_t max_diffs{4'096};                   ///< to keep while waiting for a snapshot; past it the oldest go
  std::size_t max_levels{std::size_t{1} << 17U};  ///< likewise, in all of them
  std::size_t max_stale{256};                     ///< old ids in a row that mean a new numbering
  std::chrono::nanoseconds request_interval{std::chrono::seconds{1}};  ///< between two requests at least
  /// A request without answer is made again; 0: never, whoever fetches sees to it that there is one.
  std::chrono::nanoseconds request_timeout{std::chrono::seconds{10}};
};

/// Pure logic for one symbol: knows no socket and no clock. Give it every diff and every snapshot in the order they
/// come and do what the action says; `now` is any clock that does not go back. While the state is live the book equals
/// one made from all diffs up to last_id(), and is not crossed. Diffs that came twice, late or early cost a resync at
/// worst. Allocates only while it is not live. One thread.
class book_synchroniser : private live_object<book_synchroniser> {
 public:
  using time = std::chrono::nanoseconds;

  explicit book_synchroniser(const book_synchroniser_settings& settings = {})
      : settings_{settings}, book_{settings.book}, kept_{settings.max_diffs, settings.max_levels} {}

  [[nodiscard]] book_action on_diff(const book_diff& diff, time now);
  [[nodiscard]] book_action on_diff(const depth_update& update, time now) {
    return on_diff(book_diff::of(update), now);
  }

  /// A snapshot after change `last_id`. One that is too old for the diffs at hand is dropped and another asked for.
  /// While live, one that is newer than the book takes its place, with the levels that it has: after a reconnect the
  /// next diff, which would show a hole, may be long in coming.
  [[nodiscard]] book_action on_snapshot(std::uint64_t last_id, const level_changes& levels, time now);
  [[nodiscard]] book_action on_snapshot(const depth_snapshot& snapshot, time now) {
    return on_snapshot(snapshot.last_id(), level_changes::of(snapshot), now);
  }

  /// The request came to nothing; another is due after the interval.
  [[nodiscard]] book_action on_snapshot_failed(time now) {
    in_flight_ = false;
    return on_time(now);
  }

  /// Call it when due() has come; then a request may have to be made.
  [[nodiscard]] book_action on_time(time now) {
    book_action action;
    ask(action, now);
    return action;
  }
  /// When on_time() has something to do; nothing while no request is pending.
  [[nodiscard]] std::optional<time> due() const noexcept {
    if (!needs_snapshot() || !requested_at_ || waits_for_ever()) return std::nullopt;
    return *requested_at_ + (in_flight_ ? settings_.request_timeout : settings_.request_interval);
  }

  /// Forgets everything, as if new; for a stream that was given up. After a reconnect there is no need: if diffs are
  /// missing the next one shows it.
  void reset() noexcept {
    state_ = book_state::waiting;
    book_.clear();
    forget_diffs();
    holds_snapshot_ = false;
    in_flight_ = false;
    requested_at_.reset();
  }

  [[nodiscard]] book_state state() const noexcept { return state_; }
  /// Trust it while the state is live, only.
  [[nodiscard]] const order_book& book() const noexcept { return book_; }
  /// The last change in the book.
  [[nodiscard]] std::uint64_t last_id() const noexcept { return id_; }
  /// Diffs kept until a snapshot comes.
  [[nodiscard]] std::size_t buffered() const noexcept { return kept_.size(); }

 private:
  using outcome = book_action::outcome;
  using step = detail::book_step;

  [[nodiscard]] bool needs_snapshot() const noexcept {
    return state_ == book_state::buffering || state_ == book_state::broken;
  }
  [[nodiscard]] bool waits_for_ever() const noexcept { return in_flight_ && settings_.request_timeout == time{0}; }

  // A snapshot may be of the middle of the diff that leads past it, and a futures' diff that ends at it still counts.
  [[nodiscard]] bool is_stale(std::uint64_t last_id) const noexcept {
    return settings_.rule == book_rule::futures && holds_snapshot_ ? last_id < id_ : last_id <= id_;
  }

  // A stream that is on its way to its snapshot has every right to lag.
  [[nodiscard]] std::size_t most_stale() const noexcept {
    constexpr std::size_t patience = 16;
    return holds_snapshot_ ? settings_.max_stale * patience : settings_.max_stale;
  }

  void forget_diffs() noexcept {
    kept_.clear();
    seen_.reset();
    stale_ = 0;
  }

  void keep(const step& next) {
    kept_.push(next);
    seen_ = next.last;
  }

  void ask(book_action& action, time now) noexcept {
    const auto when = due();
    if (!needs_snapshot() || waits_for_ever() || (when && now < *when)) return;
    action.request_snapshot = true;
    in_flight_ = true;
    requested_at_ = now;
  }

  void lose(book_action& action, gap_reason fault, std::uint64_t from, std::uint64_t to) noexcept {
    action.lost = book_loss{fault, from, to};
    if (state_ == book_state::live) state_ = book_state::broken;
    holds_snapshot_ = false;
  }

  void buffer(const step& next, book_action& action);
  void follow(const step& next, book_action& action);
  [[nodiscard]] bool apply(const step& next, book_action& action);
  void join(book_action& action);

  book_synchroniser_settings settings_;
  order_book book_;
  detail::diff_buffer kept_;           // each one follows the one before it
  std::optional<std::uint64_t> seen_;  // the last id of the stream while not live, whether kept or not
  std::uint64_t id_{0};
  std::size_t stale_{0};  // in a row
  std::optional<time> requested_at_;
  bool in_flight_{false};
  bool holds_snapshot_{false};  // the book is that of a snapshot, and no diff has followed it yet
  book_state state_{book_state::waiting};
};

inline book_action book_synchroniser::on_diff(const book_diff& diff, time now) {
  book_action action;
  const bool chained = settings_.rule == book_rule::futures && diff.previous_id;
  const std::uint64_t before_first = diff.first_id == 0 ? 0 : diff.first_id - 1;
  const step next{chained ? *diff.previous_id : before_first, diff.last_id, diff.changes};
  const bool old = state_ == book_state::live ? is_stale(next.last) : seen_ && next.last <= *seen_;
  if (!old) {
    stale_ = 0;
  } else if (++stale_ < most_stale()) {
    ask(action, now);
    return action;
  } else {
    lose(action, gap_reason::renumbered, diff.first_id, diff.last_id);
    forget_diffs();
  }
  if (state_ == book_state::live) {
    follow(next, action);
  } else {
    buffer(next, action);
  }
  ask(action, now);
  return action;
}

inline void book_synchroniser::buffer(const step& next, book_action& action) {
  if (seen_ && next.before > *seen_) {
    lose(action, gap_reason::missing, *seen_ + 1, next.before);
    kept_.clear();  // no snapshot can lead across the hole
  }
  keep(next);
  action.input = outcome::buffered;
  if (state_ != book_state::waiting) return;
  state_ = book_state::buffering;
  if (!holds_snapshot_) return;
  // the snapshot came first
  if (next.before <= id_) {
    join(action);
  } else {
    holds_snapshot_ = false;
  }
}

inline void book_synchroniser::follow(const step& next, book_action& action) {
  if (next.before > id_) {
    lose(action, gap_reason::missing, id_ + 1, next.before);
    keep(next);
    action.input = outcome::buffered;
  } else if (apply(next, action)) {
    action.input = outcome::applied;
  } else {
    seen_ = next.last;  // the snapshot has to be newer than what does no good
  }
}

inline bool book_synchroniser::apply(const step& next, book_action& action) {
  if (book_.apply(next.changes) != errc::none) {
    lose(action, gap_reason::unusable, next.before + 1, next.last);
    return false;
  }
  if (book_.crossed()) {
    lose(action, gap_reason::crossed, next.before + 1, next.last);
    return false;
  }
  id_ = next.last;
  holds_snapshot_ = false;
  return true;
}

inline book_action book_synchroniser::on_snapshot(std::uint64_t last_id, const level_changes& levels, time now) {
  book_action action;
  in_flight_ = false;
  const bool was_live = state_ == book_state::live;
  if (was_live) {
    if (last_id <= id_) return action;
    seen_ = id_;
  }
  // what the diffs at hand follow; all before it is gone
  const auto earliest = kept_.empty() ? seen_ : std::optional{kept_[0].before};
  if (!earliest || last_id >= *earliest) {
    book_.assign(levels);
    id_ = last_id;
    holds_snapshot_ = true;
    if (book_.crossed()) {
      lose(action, gap_reason::crossed, last_id, last_id);
    } else if (earliest) {
      join(action);
    } else {
      action.input = outcome::buffered;
    }
  }
  action.resynchronised = action.resynchronised && !was_live;
  ask(action, now);
  return action;
}

// The book is that of a snapshot which the first diff at hand leads past, or follows.
inline void book_synchroniser::join(book_action& action) {
  for (std::size_t i = 0; i < kept_.size(); ++i) {
    const step next = kept_[i];
    if (!is_stale(next.last) && !apply(next, action)) return;
  }
  forget_diffs();
  state_ = book_state::live;
  action.input = outcome::applied;
  action.resynchronised = true;
}

}  // namespace foxtrot::inline v0

namespace foxtrot::inline v0 {

/// What a book keeper needs done; all on the network thread, and none may publish at once.
struct book_keeper_calls {
  /// Fetch a snapshot, however long it takes and however often it fails, and publish it as a tick with source::http.
  std::function<void(symbol_id)> fetch;
  /// Call on_time() after that wait; never asked for twice at a time.
  std::function<void(std::chrono::nanoseconds)> wake_after;
};

/// Follows the depth updates and REST snapshots of the symbols it was given, as a publisher shows them to it, and asks
/// for a snapshot where a book is not right. Knows no socket and no clock: time is that of the ticks. Network thread.
/// Allocates only while a book is not live, or grows.
class book_keeper : private live_object<book_keeper> {
 public:
  /// The most that a record of one side can tell; worse levels are forgotten.
  static constexpr std::size_t most_levels = 65'535;

  book_keeper(book_rule rule, book_keeper_calls calls) : calls_{std::move(calls)} {
    settings_.rule = rule;
    settings_.book = {.reserve = 64, .max_levels = most_levels};
    settings_.request_timeout = std::chrono::nanoseconds{0};
  }
  book_keeper(const book_keeper&) = delete;
  book_keeper& operator=(const book_keeper&) = delete;

  /// Keeps that symbol's book from now on, or forgets it.
  void add(symbol_id symbol) {
    const auto index = static_cast<std::size_t>(symbol);
    if (index >= books_.size()) books_.resize(index + 1);
    if (books_[index] == nullptr) books_[index] = std::make_unique<kept>(settings_);
  }
  void remove(symbol_id symbol) noexcept {
    if (find(symbol) != nullptr) books_[static_cast<std::size_t>(symbol)].reset();
    std::erase(early_, symbol);
  }

  /// A depth update, or a snapshot from REST, that is published now. What `lost` says has to be told before it.
  book_action take(tick_tag tag, const depth_record& record, std::span<const raw_level> levels) {
    kept* const book = find(record.symbol);
    if (book == nullptr) return {};
    const level_changes changes{levels.first(record.bids), levels.subspan(record.bids, record.asks),
                                record.price_exponent, record.quantity_exponent};
    now_ = std::max(now_, std::chrono::nanoseconds{record.received_ns});
    book->doubted = false;
    const bool chained = (tag.flags & depth_update::previous_id_flag) != 0;
    const book_action action =
        tag.kind == tick_kind::depth_snapshot
            ? book->sync.on_snapshot(record.last_id, changes, now_)
            : book->sync.on_diff({record.first_id, record.last_id,
                                  chained ? std::optional{record.previous_id} : std::nullopt, changes},
                                 now_);
    serve(record.symbol, book->sync, action);
    return action;
  }
  /// The update to come is the first of a new numbering.
  void forget_ids(symbol_id symbol) noexcept {
    if (kept* const book = find(symbol)) book->sync.reset();
  }

  /// The book if it is right, up to the last update taken; else null. Valid until the next call.
  [[nodiscard]] const book_synchroniser* live(symbol_id symbol) const noexcept {
    const kept* const book = find(symbol);
    return book != nullptr && book->sync.state() == book_state::live ? &book->sync : nullptr;
  }
  /// The connection is not the one that the books were followed on: none is given out before it has been heard of
  /// again.
  void doubt_all() noexcept {
    for (const auto& book : books_) {
      if (book != nullptr) book->doubted = true;
    }
  }
  /// A live book that nothing speaks against.
  [[nodiscard]] bool is_current(symbol_id symbol) const noexcept {
    return live(symbol) != nullptr && !find(symbol)->doubted;
  }

  /// Somebody wants the whole book as soon as it is live. Whether we keep it at all.
  bool want(symbol_id symbol) noexcept {
    kept* const book = find(symbol);
    return book != nullptr && (book->wanted = true);
  }
  /// Whether it was wanted; then it is no longer.
  [[nodiscard]] bool give(symbol_id symbol) noexcept {
    kept* const book = find(symbol);
    return book != nullptr && std::exchange(book->wanted, false);
  }

  /// The wait is over.
  void on_time() {
    now_ += settings_.request_interval;  // a feed without ticks has had no time
    for (const symbol_id symbol : std::exchange(early_, {})) {
      if (kept* const book = find(symbol)) serve(symbol, book->sync, book->sync.on_time(now_));
    }
  }

 private:
  struct kept {
    explicit kept(const book_synchroniser_settings& settings) : sync{settings} {}
    book_synchroniser sync;
    bool wanted{false};
    bool doubted{false};
  };

  [[nodiscard]] kept* find(symbol_id symbol) const noexcept {
    const auto index = static_cast<std::size_t>(symbol);
    return index < books_.size() ? books_[index].get() : nullptr;
  }

  void serve(symbol_id symbol, const book_synchroniser& book, const book_action& action) {
    if (action.request_snapshot) return calls_.fetch(symbol);
    if (!book.due() || std::find(early_.begin(), early_.end(), symbol) != early_.end()) return;
    if (early_.empty()) calls_.wake_after(settings_.request_interval);
    early_.push_back(symbol);
  }

  book_synchroniser_settings settings_;
  const book_keeper_calls calls_;
  std::vector<std::unique_ptr<kept>> books_;  // by symbol
  std::vector<symbol_id> early_;              // need a snapshot, but have only just had one
  std::chrono::nanoseconds now_{0};
};

namespace detail {

[[nodiscard]] inline std::size_t level_count(const order_book& book) noexcept {
  return book.size(book_side::bids) + book.size(book_side::asks);
}

/// The record of a snapshot of all that the book holds, and its levels, best first, into as much room.
[[nodiscard]] inline depth_record write_book(const book_synchroniser& of, symbol_id symbol,
                                             std::span<raw_level> levels) noexcept {
  const std::span<const raw_level> bids = of.book().bids().raw();  // the best come last
  const std::span<const raw_level> asks = of.book().asks().raw();
  std::ranges::reverse_copy(asks, std::ranges::reverse_copy(bids, levels.begin()).out);
  depth_record record{};
  record.last_id = of.last_id();
  record.bids = static_cast<std::uint16_t>(bids.size());
  record.asks = static_cast<std::uint16_t>(asks.size());
  record.received_ns = epoch_clock::now_ns();
  record.symbol = symbol;
  record.price_exponent = static_cast<std::int8_t>(of.book().price_exponent());
  record.quantity_exponent = static_cast<std::int8_t>(of.book().quantity_exponent());
  return record;
}

}  // namespace detail
}  // namespace foxtrot::inline v0

// foxtrot/feed/continuity.hpp: follows the venue's numbering of ticks: sees holes, and what came twice or too late.

// foxtrot/market/aggregate_trade.hpp: the trades of one taker order at one price, as one.

namespace foxtrot::inline v0 {

struct aggregate_trade_record {
  std::uint64_t aggregate_id;
  std::int64_t price;
  std::int64_t quantity;
  std::uint64_t first_trade_id;
  time_offset trade_time;
  std::uint32_t trade_count;  // one or more
  std::int64_t received_ns;
  time_offset event_time;
  symbol_id symbol;
  std::int8_t price_exponent;
  std::int8_t quantity_exponent;
};
static_assert(tick_record<aggregate_trade_record>);
static_assert(offsetof(aggregate_trade_record, received_ns) == 40 &&
              offsetof(aggregate_trade_record, event_time) == 48 && offsetof(aggregate_trade_record, symbol) == 52 &&
              offsetof(aggregate_trade_record, price_exponent) == 54);

/// Several trades that one order made at one price. What the futures count apart, their "normal quantity" without
/// orders of retail price improvement, has no room here.
class aggregate_trade : public tick<aggregate_trade_record> {
 public:
  using tick::tick;

  /// Set in the tag where the buyer's orders stood in the book, so that the seller was the aggressor.
  static constexpr std::uint8_t buyer_is_maker_flag = 1;

  [[nodiscard]] std::uint64_t aggregate_id() const noexcept { return record().aggregate_id; }
  [[nodiscard]] decimal price() const noexcept { return {record().price, record().price_exponent}; }
  [[nodiscard]] decimal quantity() const noexcept { return {record().quantity, record().quantity_exponent}; }
  /// The trades in it, both ends included.
  [[nodiscard]] std::uint64_t first_trade_id() const noexcept { return record().first_trade_id; }
  [[nodiscard]] std::uint64_t last_trade_id() const noexcept {
    return record().first_trade_id + record().trade_count - 1;
  }
  [[nodiscard]] std::uint32_t trade_count() const noexcept { return record().trade_count; }
  [[nodiscard]] bool buyer_is_maker() const noexcept { return (tag().flags & buyer_is_maker_flag) != 0; }

  /// When the venue sent it, and when it happened.
  [[nodiscard]] std::optional<timestamp> event_time() const noexcept {
    return record().event_time.from(record().received_ns);
  }
  [[nodiscard]] std::optional<timestamp> trade_time() const noexcept {
    return record().trade_time.from(record().received_ns);
  }
};

}  // namespace foxtrot::inline v0

// foxtrot/market/book_ticker.hpp: the best bid and ask of a symbol.

namespace foxtrot::inline v0 {

struct book_ticker_record {
  std::uint64_t update_id;
  std::int64_t bid_price;  // mantissas: prices share one exponent, quantities another
  std::int64_t bid_quantity;
  std::int64_t ask_price;
  std::int64_t ask_quantity;
  std::int64_t received_ns;
  time_offset transaction_time;
  symbol_id symbol;
  std::int8_t price_exponent;
  std::int8_t quantity_exponent;
};
static_assert(tick_record<book_ticker_record>);
static_assert(offsetof(book_ticker_record, received_ns) == 40 && offsetof(book_ticker_record, transaction_time) == 48 &&
              offsetof(book_ticker_record, symbol) == 52 && offsetof(book_ticker_record, price_exponent) == 54);

/// The best bid and ask after one update of the book.
class book_ticker : public tick<book_ticker_record> {
 public:
  using tick::tick;

  [[nodiscard]] std::uint64_t update_id() const noexcept { return record().update_id; }
  [[nodiscard]] decimal bid_price() const noexcept { return {record().bid_price, record().price_exponent}; }
  [[nodiscard]] decimal bid_quantity() const noexcept { return {record().bid_quantity, record().quantity_exponent}; }
  [[nodiscard]] decimal ask_price() const noexcept { return {record().ask_price, record().price_exponent}; }
  [[nodiscard]] decimal ask_quantity() const noexcept { return {record().ask_quantity, record().quantity_exponent}; }

  /// When the matching engine made it. Spot's stream does not say; futures do.
  [[nodiscard]] std::optional<timestamp> transaction_time() const noexcept {
    return record().transaction_time.from(record().received_ns);
  }
};

}  // namespace foxtrot::inline v0

// foxtrot/market/event.hpp: the next thing a strategy is told: a tick or a status.

// foxtrot/market/average_price.hpp: the average of the last few minutes' trades.

namespace foxtrot::inline v0 {

struct average_price_record {
  std::int64_t price;
  venue_time last_trade;  // in full: it may be hours ago
  std::uint64_t reserved[2];
  std::uint32_t interval_minutes;
  std::uint32_t reserved_too;
  std::int64_t received_ns;
  time_offset event_time;
  symbol_id symbol;
  std::int8_t price_exponent;
  std::int8_t reserved_at_end;
};
static_assert(tick_record<average_price_record>);
static_assert(offsetof(average_price_record, received_ns) == 40 && offsetof(average_price_record, event_time) == 48 &&
              offsetof(average_price_record, symbol) == 52 && offsetof(average_price_record, price_exponent) == 54);

/// The average price over an interval that ends now.
class average_price : public tick<average_price_record> {
 public:
  using tick::tick;

  [[nodiscard]] decimal price() const noexcept { return {record().price, record().price_exponent}; }
  [[nodiscard]] std::chrono::minutes interval() const noexcept {
    return std::chrono::minutes{record().interval_minutes};
  }
  /// When the symbol was traded last.
  [[nodiscard]] std::optional<timestamp> last_trade_time() const noexcept { return record().last_trade.get(); }
  /// When the venue sent it.
  [[nodiscard]] std::optional<timestamp> event_time() const noexcept {
    return record().event_time.from(record().received_ns);
  }
};

}  // namespace foxtrot::inline v0

// foxtrot/market/block_trade.hpp: one trade that was agreed away from the book.

// foxtrot/market/trade.hpp: one trade between two orders.

namespace foxtrot::inline v0 {

struct trade_record {
  std::uint64_t trade_id;
  std::int64_t price;
  std::int64_t quantity;
  std::uint64_t reserved;  // zero; keeps the receive time where every tick has it
  time_offset trade_time;
  std::uint32_t reserved_too;
  std::int64_t received_ns;
  time_offset event_time;
  symbol_id symbol;
  std::int8_t price_exponent;
  std::int8_t quantity_exponent;
};
static_assert(tick_record<trade_record>);
static_assert(offsetof(trade_record, received_ns) == 40 && offsetof(trade_record, event_time) == 48 &&
              offsetof(trade_record, symbol) == 52 && offsetof(trade_record, price_exponent) == 54);

/// What trades of the book and block trades share.
class trade_tick : public tick<trade_record> {
 public:
  using tick::tick;

  /// Set in the tag where the buyer's order stood in the book, so that the seller was the aggressor.
  static constexpr std::uint8_t buyer_is_maker_flag = 1;

  [[nodiscard]] std::uint64_t trade_id() const noexcept { return record().trade_id; }
  [[nodiscard]] decimal price() const noexcept { return {record().price, record().price_exponent}; }
  [[nodiscard]] decimal quantity() const noexcept { return {record().quantity, record().quantity_exponent}; }
  [[nodiscard]] bool buyer_is_maker() const noexcept { return (tag().flags & buyer_is_maker_flag) != 0; }

  /// When the venue sent it, and when it happened.
  [[nodiscard]] std::optional<timestamp> event_time() const noexcept {
    return record().event_time.from(record().received_ns);
  }
  [[nodiscard]] std::optional<timestamp> trade_time() const noexcept {
    return record().trade_time.from(record().received_ns);
  }
};

/// One trade, as it happened.
class trade : public trade_tick {
 public:
  using trade_tick::trade_tick;
};

}  // namespace foxtrot::inline v0

namespace foxtrot::inline v0 {

/// Its record is that of a trade; its ids are numbered apart, and its price need not be near the book's.
class block_trade : public trade_tick {
 public:
  using trade_tick::trade_tick;
};

}  // namespace foxtrot::inline v0

// foxtrot/market/reference_price.hpp: the price that the venue takes for the right one.

namespace foxtrot::inline v0 {

struct reference_price_record {
  std::int64_t price;
  std::uint64_t reserved[4];
  std::int64_t received_ns;
  time_offset event_time;
  symbol_id symbol;
  std::int8_t price_exponent;
  std::int8_t reserved_at_end;
};
static_assert(tick_record<reference_price_record>);
static_assert(offsetof(reference_price_record, received_ns) == 40 &&
              offsetof(reference_price_record, event_time) == 48 && offsetof(reference_price_record, symbol) == 52 &&
              offsetof(reference_price_record, price_exponent) == 54);

/// The reference price of a symbol, or that it has none now.
class reference_price : public tick<reference_price_record> {
 public:
  using tick::tick;

  /// Set in the tag where there is a price.
  static constexpr std::uint8_t has_price_flag = 1;

  [[nodiscard]] std::optional<decimal> price() const noexcept {
    if ((tag().flags & has_price_flag) == 0) return std::nullopt;
    return decimal{record().price, record().price_exponent};
  }
  /// When the venue took it.
  [[nodiscard]] std::optional<timestamp> event_time() const noexcept {
    return record().event_time.from(record().received_ns);
  }
};

}  // namespace foxtrot::inline v0

// foxtrot/market/unknown_event.hpp: what the venue sent and no other kind of tick fits, as it came.

namespace foxtrot::inline v0 {

/// The line of an unknown event. Its text stands in the ring's payload arena at `body`, in units of the arena.
struct unknown_record {
  std::uint32_t text_bytes;
  std::uint32_t name_offset;  // the event's name within the text; 0 bytes: it has none
  std::uint32_t name_bytes;
  std::uint32_t reserved[3];
  std::uint64_t body;        // the queue's to set
  std::uint16_t body_units;  // unknown_event::units_for(text)
  std::uint16_t no_units;    // zero: stands where a depth event counts its asks
  std::uint32_t reserved_too;
  std::int64_t received_ns;
  time_offset event_time;
  symbol_id symbol;  // none
  std::int8_t reserved_at_end[2];
};
static_assert(tick_record<unknown_record>);
static_assert(offsetof(unknown_record, body) == 24 && offsetof(unknown_record, body_units) == 32 &&
              offsetof(unknown_record, no_units) == 34 && offsetof(unknown_record, received_ns) == 40 &&
              offsetof(unknown_record, event_time) == 48 && offsetof(unknown_record, symbol) == 52);

/// A message that this version knows no tick for: for streams that the venue adds. Comes only to who asks for its kind,
/// and then whatever symbols are asked for. A view: valid as long as the event.
class unknown_event : public tick<unknown_record> {
 public:
  /// Longer messages do not fit.
  static constexpr std::size_t longest_text = std::numeric_limits<std::uint16_t>::max() * sizeof(raw_level);

  unknown_event(const unknown_record& record, std::span<const raw_level> body, tick_tag tag,
                const symbol_table& symbols) noexcept
      : tick{record, tag, symbols}, body_{body} {}

  /// The whole message.
  [[nodiscard]] std::string_view text() const noexcept {
    if (body_.empty()) return {};
    return {reinterpret_cast<const char*>(body_.data()),
            std::min<std::size_t>(record().text_bytes, body_.size_bytes())};
  }
  /// The event's name as it stands in the message; empty where it has none.
  [[nodiscard]] std::string_view name() const noexcept {
    const std::string_view all = text();
    if (record().name_offset > all.size()) return {};
    return all.substr(record().name_offset, record().name_bytes);
  }
  /// When the venue sent it, where it says so.
  [[nodiscard]] std::optional<timestamp> event_time() const noexcept {
    return record().event_time.from(record().received_ns);
  }

  /// What a text takes of the arena.
  [[nodiscard]] static constexpr std::size_t units_for(std::string_view text) noexcept {
    return (text.size() + sizeof(raw_level) - 1) / sizeof(raw_level);
  }
  /// Writes `text` where a draft has room for it, units_for(text) or more, and makes its record, without times. `name`
  /// is a part of `text`, or empty. `text` is not longer than longest_text.
  [[nodiscard]] static unknown_record write(std::span<raw_level> room, std::string_view text,
                                            std::string_view name) noexcept {
    assert(text.size() <= longest_text && room.size() >= units_for(text));
    unknown_record record{};
    record.text_bytes = static_cast<std::uint32_t>(text.size());
    record.body_units = static_cast<std::uint16_t>(units_for(text));
    if (!name.empty()) {
      record.name_offset = static_cast<std::uint32_t>(name.data() - text.data());
      record.name_bytes = static_cast<std::uint32_t>(name.size());
    }
    if (text.empty()) return record;
    room[units_for(text) - 1] = {};  // what is left of the last unit
    std::memcpy(room.data(), text.data(), text.size());
    return record;
  }

 private:
  std::span<const raw_level> body_;
};

}  // namespace foxtrot::inline v0

namespace foxtrot::inline v0 {

template <std::size_t Levels>
class basic_stored_event;

/// The payload of every line: one of the records, as its tag says.
struct tick_payload {
  alignas(std::uint64_t) std::byte bytes[line_payload_bytes];

  /// Starts a record here; its fields are the caller's to fill.
  template <tick_record Record>
  [[nodiscard]] Record& emplace() noexcept {
    return *::new (static_cast<void*>(bytes)) Record;
  }
  template <tick_record Record>
  [[nodiscard]] Record& as() noexcept {
    return *std::launder(reinterpret_cast<Record*>(bytes));
  }
  template <tick_record Record>
  [[nodiscard]] const Record& as() const noexcept {
    return *std::launder(reinterpret_cast<const Record*>(bytes));
  }
};
static_assert(line_payload<tick_payload> && sizeof(tick_payload) == line_payload_bytes);

/// One event, in place in its queue: valid until the next one is taken, and so not copyable. What `visit` hands out may
/// be copied, except the levels of depth events and unknown events; the whole event as a stored_event.
class event {
 public:
  event(const tick_payload& payload, line_tag tag, std::span<const raw_level> body,
        const symbol_table& symbols) noexcept
      : payload_{&payload}, body_{body}, symbols_{&symbols}, tag_{tick_tag::unpack(tag)} {}
  event(const event&) = delete;
  event& operator=(const event&) = delete;

  [[nodiscard]] tick_kind kind() const noexcept { return tag_.kind; }

  /// Calls the first handler that takes this kind of event, if there is one. One must take `const status&`: a strategy
  /// that is not told of a lost connection trades on stale prices.
  template <class... Handlers>
  void visit(Handlers&&... handlers) const {
    // a disjunction, not a fold: handlers after the first that fits are not even looked at
    static_assert(std::disjunction_v<std::is_invocable<Handlers&, const status&>...>,
                  "visit needs a handler for const foxtrot::status&: without it a strategy acts on stale prices");
    switch (tag_.kind) {
      case tick_kind::status: return give<status>(handlers...);
      case tick_kind::book_ticker: return give<book_ticker>(handlers...);
      case tick_kind::trade: return give<trade>(handlers...);
      case tick_kind::depth_update: return give<depth_update>(handlers...);
      case tick_kind::depth_snapshot: return give<depth_snapshot>(handlers...);
      case tick_kind::aggregate_trade: return give<aggregate_trade>(handlers...);
      case tick_kind::block_trade: return give<block_trade>(handlers...);
      case tick_kind::kline: return give<kline>(handlers...);
      case tick_kind::mini_ticker: return give<mini_ticker>(handlers...);
      case tick_kind::ticker: return give<ticker>(handlers...);
      case tick_kind::average_price: return give<average_price>(handlers...);
      case tick_kind::reference_price: return give<reference_price>(handlers...);
      case tick_kind::mark_price: return give<mark_price>(handlers...);
      case tick_kind::liquidation: return give<liquidation>(handlers...);
      case tick_kind::unknown_event: return give<unknown_event>(handlers...);
    }
  }

 private:
  template <class Tick, class Handler, class... Others>
  void give(Handler& handler, Others&... others) const {
    if constexpr (std::invocable<Handler&, const Tick&>) {
      const Tick made = make<Tick>();
      handler(made);
    } else if constexpr (sizeof...(Others) != 0) {
      give<Tick>(others...);
    }
  }
  template <class Tick>
  [[nodiscard]] Tick make() const noexcept {
    const auto& record = payload_->as<typename Tick::record_type>();
    if constexpr (std::constructible_from<Tick, decltype(record), std::span<const raw_level>, tick_tag,
                                          const symbol_table&>) {
      return {record, body_, tag_, *symbols_};
    } else {
      return {record, tag_, *symbols_};
    }
  }

  template <std::size_t Levels>
  friend class basic_stored_event;

  const tick_payload* payload_;
  std::span<const raw_level> body_;
  const symbol_table* symbols_;
  tick_tag tag_;
};

/// What a consumer gives to poll(): called once per event.
template <class H>
concept event_handler = std::invocable<H&, const event&>;

}  // namespace foxtrot::inline v0

namespace foxtrot::inline v0 {

/// Ids, both ends included.
struct id_range {
  std::uint64_t from{0};
  std::uint64_t to{0};
};

/// What the id of a tick says about it.
enum class id_verdict : std::uint8_t {
  in_order,    ///< it follows what came before, or its kind has no numbering
  gap,         ///< it is newer, but ids before it never came: range()
  renumbered,  ///< ids have been low for so long that the venue must count anew, from range(), which is its own
  repeated,    ///< it has been seen, or is older: not to be published, for each symbol's ticks have an order
};

/// Follows the ids of each symbol of one market, over reconnects. Trades count one by one, and so do aggregate trades.
/// Book updates of spot continue where the one before ended (U == previous u + 1); those of the futures name the one
/// before (pu == previous u). Ids of book tickers only grow, and are absent (0) from REST. Books sent whole follow
/// nothing: one from REST may rightly be older than the updates. One thread; allocates only for a symbol with a higher
/// number than any before.
class continuity {
 public:
  /// So many low ids in a row, over at least about a second, are a new numbering. A second connection that lags does
  /// not look like one: it takes turns with the first, but for bursts.
  static constexpr std::uint32_t most_repeated = 256;
  /// So are these, over about half a minute: symbols that are hardly traded must not be silent for hours.
  static constexpr std::uint32_t most_repeated_slowly = 8;

  [[nodiscard]] id_verdict follow(tick_tag tag, symbol_id symbol, const tick_payload& payload) {
    switch (tag.kind) {
      case tick_kind::trade: {
        const std::uint64_t id = payload.as<trade_record>().trade_id;
        return step(of(symbol).trade, {id - 1, id, id}, payload);
      }
      case tick_kind::aggregate_trade: {
        const std::uint64_t id = payload.as<aggregate_trade_record>().aggregate_id;
        return step(of(symbol).aggregate_trade, {id - 1, id, id}, payload);
      }
      case tick_kind::book_ticker: {
        const std::uint64_t id = payload.as<book_ticker_record>().update_id;
        return id != 0 ? step(of(symbol).book_ticker, {0, id, id}, payload) : id_verdict::in_order;
      }
      case tick_kind::depth_update: {
        const auto& record = payload.as<depth_record>();
        const bool chained = (tag.flags & depth_update::previous_id_flag) != 0;
        const std::uint64_t before = chained ? record.previous_id : record.first_id - (record.first_id != 0);
        return step(of(symbol).depth, {before, record.first_id, record.last_id}, payload);
      }
      default: return id_verdict::in_order;
    }
  }

  /// What comes next of this kind follows nothing: nobody wanted what was between. Kinds without a numbering: nothing.
  void forget(tick_kind kind, symbol_id symbol) {
    if (static_cast<std::size_t>(symbol) >= ids_.size()) return;
    switch (kind) {
      case tick_kind::trade: of(symbol).trade = {}; return;
      case tick_kind::aggregate_trade: of(symbol).aggregate_trade = {}; return;
      case tick_kind::book_ticker: of(symbol).book_ticker = {}; return;
      case tick_kind::depth_update: of(symbol).depth = {}; return;
      default: return;
    }
  }

  /// After `gap`: the ids that never came. After `renumbered`: those of the tick itself.
  [[nodiscard]] const id_range& range() const noexcept { return range_; }

 private:
  struct numbering {
    std::uint64_t last{0};          // the highest id; 0: none yet
    std::uint32_t repeated{0};      // ticks in a row that were not higher
    std::uint32_t low_since_ms{0};  // when the first of these came, in units of 2^20 ns
  };
  // All that a tick's check touches: one line.
  struct alignas(64) symbol_ids {
    numbering trade;
    numbering aggregate_trade;
    numbering depth;
    numbering book_ticker;
  };
  static_assert(sizeof(symbol_ids) == 64);

  struct tick_ids {
    std::uint64_t before;  // what it follows
    std::uint64_t first;
    std::uint64_t last;
  };

  [[nodiscard]] symbol_ids& of(symbol_id symbol) {
    const auto index = static_cast<std::size_t>(symbol);
    if (index >= ids_.size()) [[unlikely]]
      ids_.resize(index + 1);
    return ids_[index];
  }

  [[nodiscard]] id_verdict step(numbering& seen, const tick_ids& now, const tick_payload& payload) noexcept {
    const std::uint64_t last = seen.last;
    if (now.last <= last) [[unlikely]]
      return repeat(seen, now, payload);
    seen.last = now.last;
    seen.repeated = 0;
    if (now.before <= last || last == 0) [[likely]]
      return id_verdict::in_order;
    range_ = {last + 1, now.before};
    return id_verdict::gap;
  }

  [[nodiscard, gnu::noinline]] id_verdict repeat(numbering& seen, const tick_ids& now,
                                                 const tick_payload& payload) noexcept {
    if (seen.last == 0) return id_verdict::in_order;  // a venue that counts from 0
    std::int64_t received_ns = 0;                     // all records have it in one place
    std::memcpy(&received_ns, payload.bytes + offsetof(trade_record, received_ns), sizeof received_ns);
    const auto ms = static_cast<std::uint32_t>(received_ns >> 20);
    if (seen.repeated++ == 0) seen.low_since_ms = ms;
    const std::uint32_t passed = ms - seen.low_since_ms;
    const bool is_anew = (seen.repeated >= most_repeated && passed >= 1'000) ||
                         (seen.repeated >= most_repeated_slowly && passed >= 30'000);
    if (!is_anew) return id_verdict::repeated;
    seen = {.last = now.last};
    range_ = {now.first, now.last};
    return id_verdict::renumbered;
  }

  std::vector<symbol_ids> ids_;  // by symbol
  id_range range_;
};

}  // namespace foxtrot::inline v0

// foxtrot/feed/counters.hpp: what a feed has counted, written by its network thread, read by anyone.

// foxtrot/feed/named_counters.hpp: counts by names that are not known beforehand.

namespace foxtrot::inline v0 {

/// A bounded table of names and their counts, for what hardly ever happens: one thread counts, any thread reads. Takes
/// memory at the first count. What a venue can invent without end must not grow without end: names beyond the table
/// are counted together, long ones by their beginning.
class named_counters {
 public:
  static constexpr std::size_t longest_name = 55;

  /// Room for so many names, at least 1 and less than 65,536.
  explicit named_counters(std::size_t room) noexcept : room_{room} {}

  /// The one writer.
  void add(std::string_view name) {
    name = name.substr(0, longest_name);
    if (owned_ == nullptr) {
      buckets_.resize(std::bit_ceil(2 * room_));
      owned_ = std::make_unique<entry[]>(room_);
      entries_.store(owned_.get(), std::memory_order_relaxed);  // readers look only after they have seen size_
    }
    std::size_t at = std::hash<std::string_view>{}(name);
    std::uint16_t* bucket = nullptr;
    for (;; ++at) {
      bucket = &buckets_[at & (buckets_.size() - 1)];
      if (*bucket == 0) break;
      if (entry& known = owned_[*bucket - 1U]; known.view() == name) return increment(known.count);
    }
    const std::size_t known = size_.load(std::memory_order_relaxed);  // this thread wrote it
    if (known == room_) return increment(others_);
    *bucket = static_cast<std::uint16_t>(known + 1);
    entry& fresh = owned_[known];
    fresh.length = static_cast<std::uint8_t>(name.copy(fresh.name.data(), longest_name));
    increment(fresh.count);
    size_.store(known + 1, std::memory_order_release);  // carries the name, and where the entries are
  }

  /// Calls `each(name, count)` for every name so far. Any thread.
  template <class Each>
  void for_each(Each&& each) const {
    const std::size_t known = size_.load(std::memory_order_acquire);
    const entry* const entries = entries_.load(std::memory_order_relaxed);
    for (std::size_t i = 0; i < known; ++i) {
      each(entries[i].view(), entries[i].count.load(std::memory_order_relaxed));
    }
  }
  /// The count of one name; 0 for one that never came. Any thread.
  [[nodiscard]] std::uint64_t get(std::string_view name) const {
    std::uint64_t found = 0;
    for_each([&](std::string_view each, std::uint64_t count) {
      if (each == name.substr(0, longest_name)) found = count;
    });
    return found;
  }
  /// What came after the table was full, under other names. Any thread.
  [[nodiscard]] std::uint64_t others() const noexcept { return others_.load(std::memory_order_relaxed); }

  [[nodiscard]] std::uint64_t total() const {
    std::uint64_t sum = others();
    for_each([&sum](std::string_view, std::uint64_t count) { sum += count; });
    return sum;
  }

 private:
  struct entry {
    std::array<char, longest_name> name;
    std::uint8_t length;
    std::atomic<std::uint64_t> count;
    [[nodiscard]] std::string_view view() const noexcept { return {name.data(), length}; }
  };

  // relaxed: a statistic with one writer, nothing is published with it
  static void increment(std::atomic<std::uint64_t>& count) noexcept {
    count.store(count.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  }

  std::size_t room_;
  std::unique_ptr<entry[]> owned_;
  std::vector<std::uint16_t> buckets_;  // by hash, 1 + its entry; the writer's
  std::atomic<entry*> entries_{nullptr};
  std::atomic<std::size_t> size_{0};
  std::atomic<std::uint64_t> others_{0};
};

}  // namespace foxtrot::inline v0

namespace foxtrot::inline v0 {

/// A number with one writer: cheaper than a locked increment, and any thread may read it.
class counter {
 public:
  void add(std::uint64_t more = 1) noexcept {
    // relaxed: a statistic, nothing is published with it
    value_.store(value_.load(std::memory_order_relaxed) + more, std::memory_order_relaxed);
  }
  [[nodiscard]] std::uint64_t get() const noexcept { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

/// Why a message was not understood.
enum class rejection : std::uint8_t { malformed, missing_field, wrong_type, out_of_range, other };
inline constexpr std::size_t rejection_count = 5;

[[nodiscard]] constexpr rejection rejection_of(errc why) noexcept {
  switch (why) {
    case errc::malformed_message: return rejection::malformed;
    case errc::missing_field: return rejection::missing_field;
    case errc::wrong_type: return rejection::wrong_type;
    case errc::number_out_of_range: return rejection::out_of_range;
    default: return rejection::other;
  }
}

/// Totals since the feed was made. Each number is right by itself; together they are a moment's view.
struct feed_counters {
  counter messages;          ///< WebSocket messages and HTTP bodies that held data or answers
  counter bytes;             ///< of these
  counter answers;           ///< of these, answers to our own requests
  counter shutdowns;         ///< of these, announcements that the connection will be closed
  counter unknown;           ///< of these, events of a kind that has no tick
  counter rejected;          ///< of these, not understood: see rejections
  counter connects;          ///< connections that reached `connected`
  counter disconnects;       ///< of these, lost again; our own goodbye is no loss
  counter failed_attempts;   ///< attempts that never got there
  counter gaps;              ///< told: holes in the venue's numbering, books that had to be given up
  counter duplicates;        ///< ticks not published, for their ids had been seen or passed
  counter renumbered;        ///< of the gaps, those where the venue began to count anew
  counter absent_times;      ///< venue times too far from the receive time to be kept
  counter stale;             ///< symbols told to be stale
  counter silent_streams;    ///< streams given up because they never spoke
  counter handler_failures;  ///< exceptions thrown by inline handlers
  std::array<counter, tick_kind_count>
      ticks;  ///< published, by kind; not what one consumer alone is told (dropped, greetings)
  std::array<counter, error_kind_count> errors;     ///< of connections and requests, by kind
  std::array<counter, rejection_count> rejections;  ///< by what was wrong
  named_counters unknown_events{64};                ///< events that have no tick, by the venue's name for them
  named_counters fallbacks{1024};  ///< messages not in the shape that their kind has, by stream: read all the same,
                                   ///< more slowly; many mean that the venue has changed its format

  /// Network thread.
  void count(error_kind kind) noexcept { errors[static_cast<std::size_t>(kind)].add(); }
  void count(std::error_code error) noexcept { count(kind_of(error)); }
  void count_rejected(errc why) noexcept {
    rejected.add();
    rejections[static_cast<std::size_t>(rejection_of(why))].add();
  }
};

}  // namespace foxtrot::inline v0

// foxtrot/feed/inline_consumer.hpp: handlers that run on the network thread.

// foxtrot/market/detail/consumer_filter.hpp: which events a consumer wants.

// foxtrot/market/subscription_settings.hpp: what one consumer of a feed wants, and what a slow one does to whom.

// foxtrot/queue/idle.hpp: the ways a thread may wait when there is nothing to do, by name.

namespace foxtrot::inline v0 {

/// How a thread waits: the setting behind the strategies of idle_strategy.hpp. `block` burns no CPU and costs a wake-up
/// by the kernel (microseconds); `spin` never sleeps and burns a core; `yield` burns one as well, but lets others have
/// it; `adaptive` spins, yields, then blocks.
enum class idle : std::uint8_t { block, spin, adaptive, yield };

[[nodiscard]] constexpr std::string_view to_string(idle waiting) noexcept {
  switch (waiting) {
    case idle::block: return "block";
    case idle::spin: return "spin";
    case idle::adaptive: return "adaptive";
    case idle::yield: return "yield";
  }
  return "?";
}

}  // namespace foxtrot::inline v0

namespace foxtrot::inline v0 {

/// What happens to events for a consumer that does not keep up.
///
/// Under `conflate` it reads the latest of each symbol and kind, of klines and tickers the latest of each interval
/// and window, however late it comes. So a kline's last word, `closed`, may be overwritten by the next interval's
/// first, and of trades and liquidations it sees samples. Depth updates, being changes, never come, nor do unknown
/// events; they count as lost nowhere.
enum class overflow : std::uint8_t {
  drop_oldest,  ///< it reads the feed's one ring, which overwrites: losing much at once, it goes on with what is recent
  drop_newest,  ///< a queue of its own: what finds it full is lost
  block,     ///< a queue of its own, for which the network thread waits, and all of the feed: replays, tests, benches
  conflate,  ///< a table of its own: the latest of each symbol and kind
};

[[nodiscard]] constexpr std::string_view to_string(overflow policy) noexcept {
  switch (policy) {
    case overflow::drop_oldest: return "drop_oldest";
    case overflow::drop_newest: return "drop_newest";
    case overflow::block: return "block";
    case overflow::conflate: return "conflate";
  }
  return "?";
}

/// What one consumer wants. The defaults want everything. Whatever is lost is counted and told in order, as status
/// `dropped`. Under drop_oldest no queue is its own, and what concerns one is ignored: see ring_settings.
struct subscription_settings {
  kind_set kinds{kind_set::all()};     ///< status events always come; unknown events only if named
  std::vector<std::string> symbols{};  ///< names as the venue writes them; empty: all
  overflow when_full{overflow::drop_oldest};
  std::size_t capacity{std::size_t{1} << 16};  ///< events in a queue of its own, a power of two; conflate: symbols
  /// Price levels of all waiting depth events in it together; other bodies count as a level for each 16 bytes, a ticker
  /// as 20. Under conflate books have that much room, and other bodies, of up to 20 each, as much again.
  std::size_t level_capacity{std::size_t{1} << 18};
  idle waiting{idle::block};  ///< how the consumer waits when there is nothing
  /// For a queue of its own. Used by several threads, and until the feed has gone; null: the heap.
  std::pmr::memory_resource* memory{nullptr};
};

/// The ring that all drop_oldest consumers of a feed read.
struct ring_settings {
  std::size_t capacity{std::size_t{1} << 16};        ///< events; rounded up to a power of two
  std::size_t level_capacity{std::size_t{1} << 18};  ///< price levels and other bodies, as in subscription_settings
  /// Used by several threads, and until the feed and its consumers have gone; null: the heap.
  std::pmr::memory_resource* memory{nullptr};
};

namespace detail {

[[nodiscard]] inline std::pmr::memory_resource& memory_or_heap(std::pmr::memory_resource* memory) noexcept {
  return memory != nullptr ? *memory : *std::pmr::new_delete_resource();
}

}  // namespace detail
}  // namespace foxtrot::inline v0

namespace foxtrot::inline v0::detail {

/// By kind and symbol; status events always pass, and unknown events, which name no symbol, where their kind is wanted.
class consumer_filter {
 public:
  [[nodiscard]] static result<consumer_filter> make(const subscription_settings& wanted, symbol_table& symbols) {
    consumer_filter made;
    made.kinds_ = wanted.kinds | tick_kind::status;
    for (const auto& name : wanted.symbols) {
      const auto id = symbols.intern(name);
      if (!id) return id.error();
      const auto index = static_cast<std::size_t>(*id);
      if (made.symbols_.size() <= index) made.symbols_.resize(index + 1);
      made.symbols_[index] = true;
    }
    return made;
  }

  [[nodiscard]] bool wants(tick_kind kind, symbol_id symbol) const noexcept {
    return kinds_.contains(kind) && (wants(symbol) || kind == tick_kind::status || kind == tick_kind::unknown_event);
  }
  /// Of some symbol at least.
  [[nodiscard]] bool wants(tick_kind kind) const noexcept { return kinds_.contains(kind); }
  [[nodiscard]] bool wants(symbol_id symbol) const noexcept {
    const auto index = static_cast<std::size_t>(symbol);
    return symbols_.empty() || (index < symbols_.size() && symbols_[index]);
  }

 private:
  kind_set kinds_;
  std::vector<bool> symbols_;  // by id; empty: all
};

}  // namespace foxtrot::inline v0::detail

namespace foxtrot::inline v0 {

using inline_handler = std::function<void(const event&)>;

namespace detail {

struct inline_entry : private live_object<inline_entry> {
  inline_entry(consumer_filter wanted, inline_handler called) : filter{std::move(wanted)}, handler{std::move(called)} {}

  consumer_filter filter;
  inline_handler handler;
  std::atomic<bool> alive{true};  // any thread
  bool greeted{false};            // network thread: has heard of the connection's state
};

// Shared with the handles, so that either side may go first. The mutex is held for moments, never while a handler runs:
// the network thread works on a list of its own, and says in `turns_` when it does.
class inline_registry : private live_object<inline_registry> {
 public:
  using list = std::vector<std::shared_ptr<inline_entry>>;
  class batch;

  // --- any thread ---

  // False once closed.
  [[nodiscard]] bool add(const std::shared_ptr<inline_entry>& entry);

  // The entry is not called again. Waits for a batch that is under way, except within one: another feed's thread may
  // be waiting there for this one.
  void remove(const std::shared_ptr<inline_entry>& entry);

  // Forgets all and destroys the handlers, whatever they hold. Not while a batch is open.
  void close() {
    list gone;
    list known;
    {
      const std::lock_guard lock{mutex_};
      closed_ = true;
      gone.swap(all_);
      known.swap(current_);
      for (const auto& each : gone) each->alive.store(false, std::memory_order_relaxed);
    }
    for (const auto& each : gone) each->handler = nullptr;  // not under the lock: it may hold handles of ours
  }

 private:
  static constexpr std::uint64_t awaited = 1;  // somebody waits for the end of the batch
  static constexpr std::uint64_t running = 2;  // and above it, the number of batches so far

  std::mutex mutex_;  // guards the next two
  list all_;
  bool closed_{false};
  std::atomic<bool> changed_{false};  // all_ is not what the network thread knows
  std::condition_variable ended_;
  // All writes are read-modify-writes, acquire and release: of a batch's begin and a removal one comes first, and is
  // seen by the other. So the batch finds the entry dead, or the removal finds the batch.
  std::atomic<std::uint64_t> turns_{0};

  // the network thread's own
  list current_;
  inline_registry* outer_{nullptr};  // batches of one thread are nested
};

// While it is held, handlers may run; costs nothing where there are none.
class inline_registry::batch {
 public:
  explicit batch(inline_registry& of) : of_{of} {
    if (of_.changed_.load(std::memory_order_acquire)) [[unlikely]]
      refresh();
    take();
  }
  batch(const batch&) = delete;
  batch& operator=(const batch&) = delete;
  ~batch() { give_back(); }

  [[nodiscard]] bool held() const noexcept { return held_; }
  [[nodiscard]] list& entries() const noexcept { return of_.current_; }

  void take() noexcept {
    if (of_.current_.empty()) return;
    of_.turns_.fetch_add(running, std::memory_order_acq_rel);
    of_.outer_ = std::exchange(innermost, &of_);
    held_ = true;
  }
  void give_back() {
    if (!std::exchange(held_, false)) return;
    innermost = of_.outer_;
    // a carry into the count: not running
    const bool is_awaited = (of_.turns_.fetch_add(running, std::memory_order_acq_rel) & awaited) != 0;
    // After the end was said: who removes an entry later destroys its handler itself.
    if (is_awaited || of_.changed_.load(std::memory_order_acquire)) [[unlikely]]
      tidy_up(is_awaited);
  }

  // Whether this thread is in a batch, of any feed; and of this one.
  [[nodiscard]] static bool any() noexcept { return innermost != nullptr; }
  [[nodiscard]] static bool any_of(const inline_registry& wanted) noexcept {
    const inline_registry* each = innermost;
    while (each != nullptr && each != &wanted) each = each->outer_;
    return each != nullptr;
  }

 private:
  [[nodiscard]] static bool is_dead(const std::shared_ptr<inline_entry>& entry) noexcept {
    return !entry->alive.load(std::memory_order_relaxed);
  }
  // What is seldom needed stays out of the way of what each event goes through.
  [[gnu::noinline]] void tidy_up(bool is_awaited) {
    if (is_awaited) {
      const std::lock_guard lock{of_.mutex_};
      of_.turns_.fetch_and(~awaited, std::memory_order_acq_rel);
      of_.ended_.notify_all();
    }
    std::erase_if(of_.current_, is_dead);
  }
  [[gnu::noinline]] void refresh() {
    list now;  // and then what was: what goes, goes after the lock
    const std::lock_guard lock{of_.mutex_};
    now = of_.all_;
    of_.changed_.store(false, std::memory_order_relaxed);  // under the mutex
    of_.current_.swap(now);
  }

  // Of registries, not of batches: one whose address is known elsewhere cannot be kept in registers.
  static inline thread_local inline_registry* innermost = nullptr;

  inline_registry& of_;
  bool held_{false};
};

inline bool inline_registry::add(const std::shared_ptr<inline_entry>& entry) {
  const std::lock_guard lock{mutex_};
  if (closed_) return false;
  all_.push_back(entry);
  // from within a handler: it hears of the rest of this batch, too
  if (batch::any_of(*this)) current_.push_back(entry);
  changed_.store(true, std::memory_order_release);
  return true;
}

inline void inline_registry::remove(const std::shared_ptr<inline_entry>& entry) {
  {
    std::unique_lock lock{mutex_};
    if (std::erase(all_, entry) == 0) return;  // closed meanwhile
    entry->alive.store(false, std::memory_order_relaxed);
    changed_.store(true, std::memory_order_release);
    const std::uint64_t now = turns_.fetch_or(awaited, std::memory_order_acq_rel) | awaited;
    if ((now & running) != 0) {
      if (batch::any()) return;  // goes with the batch
      ended_.wait(lock, [&] { return (turns_.load(std::memory_order_acquire) | awaited) != now; });
    }
  }
  entry->handler = nullptr;  // nobody calls it any more
}

}  // namespace detail

/// Keeps an inline handler registered. Once cancel() or the destructor has returned, the handler is neither running nor
/// called again, and is destroyed with all that it holds. From within an inline handler, its own or another, of this
/// feed or another, they do not wait, so that two feeds cannot wait for each other: a call on another feed's thread may
/// then still be under way or just beginning, and the handler is destroyed when that feed's batch ends. May outlive the
/// feed, whose end destroys the handlers.
class [[nodiscard]] inline_subscription : private live_object<inline_subscription> {
 public:
  inline_subscription() = default;
  inline_subscription(std::shared_ptr<detail::inline_registry> registry, std::shared_ptr<detail::inline_entry> entry)
      : registry_{std::move(registry)}, entry_{std::move(entry)} {}
  inline_subscription(inline_subscription&&) noexcept = default;
  inline_subscription& operator=(inline_subscription&& other) noexcept {
    if (this != &other) {
      cancel();
      registry_ = std::move(other.registry_);
      entry_ = std::move(other.entry_);
    }
    return *this;
  }
  ~inline_subscription() { cancel(); }

  /// Deregisters; idempotent.
  void cancel() {
    if (entry_ != nullptr) registry_->remove(entry_);
    entry_.reset();
    registry_.reset();
  }

 private:
  std::shared_ptr<detail::inline_registry> registry_;
  std::shared_ptr<detail::inline_entry> entry_;
};

/// All inline handlers of a feed.
class inline_consumers {
 public:
  class locked;
  class unlocked;

  /// Any thread. errc::closed after close().
  [[nodiscard]] result<inline_subscription> add(detail::consumer_filter filter, inline_handler handler) {
    auto entry = std::make_shared<detail::inline_entry>(std::move(filter), std::move(handler));
    if (!registry_->add(entry)) return errc::closed;
    return inline_subscription{registry_, std::move(entry)};
  }
  /// Destroys all handlers. Not while a batch is open.
  void close() { registry_->close(); }

  /// The network thread's hold on the handlers for one batch: costs nothing where there are none.
  class locked {
   public:
    explicit locked(detail::inline_registry& registry) : batch_{registry} {}

    [[nodiscard]] bool empty() const noexcept { return !batch_.held(); }

    /// Whether one of them wants events of this kind.
    [[nodiscard]] bool wants(tick_kind kind) const noexcept {
      return batch_.held() && std::ranges::any_of(batch_.entries(), [kind](const auto& each) {
               return is_alive(*each) && each->filter.wants(kind);
             });
    }

    void call(const event& told, tick_kind kind, symbol_id symbol, counter& failures) {
      // by index: a handler may add others; none is erased before the batch ends
      for (std::size_t i = 0; i < batch_.entries().size(); ++i) {
        detail::inline_entry& each = *batch_.entries()[i];
        if (!is_alive(each) || !each.filter.wants(kind, symbol)) continue;
        if (kind == tick_kind::status) each.greeted = true;
        tell(each, told, failures);
      }
    }

    /// The state of the connection, to those who have not heard of it.
    void greet(const event& state, counter& failures) {
      for (std::size_t i = 0; i < batch_.entries().size(); ++i) {
        detail::inline_entry& each = *batch_.entries()[i];
        if (is_alive(each) && !std::exchange(each.greeted, true)) tell(each, state, failures);
      }
    }

   private:
    friend class inline_consumers::unlocked;
    // relaxed: see turns_; where another handler removes it, a call more or less
    [[nodiscard]] static bool is_alive(const detail::inline_entry& each) noexcept {
      return each.alive.load(std::memory_order_relaxed);
    }
    static void tell(detail::inline_entry& each, const event& told, counter& failures) {
      try {
        each.handler(told);
      } catch (...) {
        failures.add();  // a strategy's mistake must not end the feed
      }
    }

    detail::inline_registry::batch batch_;
  };

  /// Lets go of the handlers while the network thread waits for somebody who may be deregistering one.
  class unlocked {
   public:
    explicit unlocked(locked& hold) : hold_{hold.batch_}, was_held_{hold_.held()} { hold_.give_back(); }
    unlocked(const unlocked&) = delete;
    unlocked& operator=(const unlocked&) = delete;
    ~unlocked() {
      if (was_held_) hold_.take();
    }

   private:
    detail::inline_registry::batch& hold_;
    bool was_held_;
  };

  [[nodiscard]] locked lock() { return locked{*registry_}; }

 private:
  std::shared_ptr<detail::inline_registry> registry_{std::make_shared<detail::inline_registry>()};
};

}  // namespace foxtrot::inline v0

// foxtrot/feed/outlets.hpp: the queues of one feed: consumers come and go from any thread, one thread publishes.

// foxtrot/feed/outlet.hpp: the network thread's end of one consumer's own queue.

// foxtrot/market/channel.hpp: one consumer's queue: what the network thread writes and a strategy thread reads.

// foxtrot/market/detail/event_body.hpp: where the body of an event lies, whatever its kind.

namespace foxtrot::inline v0::detail {

// All records with a body have its place and size where depth_record has them.
inline constexpr std::size_t body_offset = 24;
inline constexpr std::size_t body_size_offset = 32;
static_assert(offsetof(depth_record, body) == body_offset && offsetof(depth_record, bids) == body_size_offset &&
              offsetof(depth_record, asks) == body_size_offset + sizeof(std::uint16_t));
static_assert(offsetof(wide_record, body) == body_offset && offsetof(wide_record, body_units) == body_size_offset &&
              offsetof(wide_record, no_units) == body_size_offset + sizeof(std::uint16_t));
static_assert(offsetof(unknown_record, body) == body_offset &&
              offsetof(unknown_record, body_units) == body_size_offset &&
              offsetof(unknown_record, no_units) == body_size_offset + sizeof(std::uint16_t));

/// Whether events of this kind have a body beside their line.
[[nodiscard]] constexpr bool has_body(tick_kind kind) noexcept {
  switch (kind) {
    case tick_kind::depth_update:
    case tick_kind::depth_snapshot:
    case tick_kind::kline:
    case tick_kind::mini_ticker:
    case tick_kind::ticker:
    case tick_kind::mark_price:
    case tick_kind::liquidation:
    case tick_kind::unknown_event: return true;
    case tick_kind::status:
    case tick_kind::book_ticker:
    case tick_kind::trade:
    case tick_kind::aggregate_trade:
    case tick_kind::block_trade:
    case tick_kind::average_price:
    case tick_kind::reference_price: return false;
  }
  return false;
}

/// Units of the arena that the longest body of fixed size takes.
inline constexpr std::size_t largest_wide_body =
    std::max({units_of<kline_body>, units_of<mini_ticker_body>, units_of<ticker_body>, units_of<mark_price_body>,
              units_of<liquidation_body>});

// The rest is for events that have a body.

[[nodiscard]] inline std::uint64_t body_position(const tick_payload& payload) noexcept {
  std::uint64_t position = 0;
  std::memcpy(&position, payload.bytes + body_offset, sizeof position);
  return position;
}
inline void set_body_position(tick_payload& payload, std::uint64_t position) noexcept {
  std::memcpy(payload.bytes + body_offset, &position, sizeof position);
}
/// In units of the arena: a price level each.
[[nodiscard]] inline std::size_t body_size(const tick_payload& payload) noexcept {
  std::uint16_t parts[2];
  std::memcpy(parts, payload.bytes + body_size_offset, sizeof parts);
  return std::size_t{parts[0]} + parts[1];
}

}  // namespace foxtrot::inline v0::detail

// foxtrot/market/detail/waiting_event.hpp: the event at the head of a consumer's queue, whatever kind of queue it is.

namespace foxtrot::inline v0::detail {

/// In place, until it is given back.
struct waiting_event {
  const tick_payload* payload{nullptr};  // nullptr: nothing there
  line_tag tag{};
  std::span<const raw_level> body{};
};

/// All records have their symbol in one place.
[[nodiscard]] inline symbol_id symbol_of(const tick_payload& payload) noexcept {
  symbol_id symbol;
  std::memcpy(&symbol, payload.bytes + offsetof(status_record, symbol), sizeof symbol);
  return symbol;
}

inline constexpr line_tag status_tag = tick_tag{.kind = tick_kind::status}.packed();

/// "You lost so many".
[[nodiscard]] inline status_record told_of(std::uint64_t lost) noexcept {
  status_record record = make_status(status_code::dropped, epoch_clock::now_ns());
  record.first = lost;
  return record;
}

}  // namespace foxtrot::inline v0::detail

// foxtrot/queue/conflating_table.hpp: the latest record of each key, from one producer to one consumer.

// foxtrot/queue/detail/dirty_keys.hpp: which keys of a table changed: marked by one thread, swept by another.

namespace foxtrot::inline v0::detail {

/// What a sweep does about the key it has just shown.
enum class sweep_step : std::uint8_t { next, keep_dirty, stop };

/// A bitmap of two levels: 64 keys a word, and above 64 such words one bit each that says "look there".
///
/// No mark is forgotten. All that happens to one word of keys is read-modify-writes, so it happens in one order. The
/// marker sets its key's bit and, if the word was zero before, then the bit above. The sweeper clears the bit above
/// and then takes the keys. Suppose the sweeper's taking came before the marker's setting: it left the word zero (or
/// the sweeper itself puts the bit above back), the marker saw that zero and sets the bit above; and it does so after
/// the sweeper cleared it, for had the clearing seen that bit (acquire from release), the taking would have seen the
/// key. So the bit above stands and the next sweep finds the key. And where the marker saw a word that was not zero,
/// the bit above was set when it became so, and whoever cleared it since has yet to take this word.
class dirty_keys {
 public:
  dirty_keys(std::size_t keys, std::pmr::memory_resource& memory)
      : keys_{keys}, groups_{(keys + keys_per_group - 1) / keys_per_group, &memory} {}

  /// Marker's thread. What it wrote before is seen by the sweep that is shown this key.
  void mark(std::size_t key) noexcept {
    group& in = groups_[key / keys_per_group];
    const std::size_t word = key % keys_per_group / bits;
    // Never a plain look whether the bit is set already: it could be answered before the stores of the record become
    // visible, while the sweeper clears the bit and reads the old record. A read-modify-write comes either before the
    // clearing, which then acquires the record, or after it.
    if (in.keys[word].fetch_or(bit(key % bits), std::memory_order_release) == 0) {
      in.words.fetch_or(bit(word), std::memory_order_release);  // carries the key's bit to the sweeper
    }
  }

  /// Sweeper's thread: false if no mark made so far waits. May be true although the sweep then finds none.
  [[nodiscard]] bool any() const noexcept {
    // relaxed: only the sweep reads what the marks stand for
    return std::ranges::any_of(groups_, [](const group& in) { return in.words.load(std::memory_order_relaxed) != 0; });
  }

  /// Sweeper's thread: calls `show(key)` for the dirty keys from `first` up to, not including, `last`, each cleared
  /// before it is shown; false where `show` said stop. Keys not shown stay dirty, also where `show` throws.
  template <class Show>
  bool sweep(std::size_t first, std::size_t last, Show&& show) {
    last = std::min(last, keys_);
    for (std::size_t begin = first - first % keys_per_group; begin < last; begin += keys_per_group) {
      const range within{std::max(first, begin) - begin, std::min(last - begin, keys_per_group) - 1};
      if (!sweep_group(begin, within, show)) return false;
    }
    return true;
  }

 private:
  static constexpr std::size_t bits = 64;
  static constexpr std::size_t keys_per_group = bits * bits;

  struct alignas(cache_line) group {
    std::atomic<std::uint64_t> words{0};  // which of the words below to look at
    alignas(cache_line) std::atomic<std::uint64_t> keys[bits]{};
  };

  struct range {
    std::size_t first;
    std::size_t last;  // included
  };

  [[nodiscard]] static constexpr std::uint64_t bit(std::size_t index) noexcept { return std::uint64_t{1} << index; }
  [[nodiscard]] static constexpr std::uint64_t mask_of(range these) noexcept {
    return (~std::uint64_t{0} << these.first) & (~std::uint64_t{0} >> (bits - 1 - these.last));
  }

  /// Bits taken out of a word. Those that are not dealt with go back.
  class taken {
   public:
    taken(std::atomic<std::uint64_t>& from, std::uint64_t mask) noexcept
        // acquire: see mark()
        : word_{from}, before_{from.fetch_and(~mask, std::memory_order_acquire)}, unseen_{before_ & mask} {}
    taken(const taken&) = delete;
    taken& operator=(const taken&) = delete;
    ~taken() {
      // relaxed: only this thread takes bits, and it has acquired what they stand for
      if (left() != 0) word_.fetch_or(left(), std::memory_order_relaxed);
    }

    [[nodiscard]] bool done() const noexcept { return unseen_ == 0; }
    [[nodiscard]] std::size_t lowest() const noexcept { return static_cast<std::size_t>(std::countr_zero(unseen_)); }
    void drop_lowest() noexcept { unseen_ &= unseen_ - 1; }
    void keep(std::size_t index) noexcept { kept_ |= bit(index); }
    /// Whether bits of the word are set that were set before, inside of the mask or outside.
    [[nodiscard]] bool remains(std::uint64_t mask) const noexcept { return ((before_ & ~mask) | left()) != 0; }

   private:
    [[nodiscard]] std::uint64_t left() const noexcept { return unseen_ | kept_; }

    std::atomic<std::uint64_t>& word_;
    std::uint64_t before_;
    std::uint64_t unseen_;
    std::uint64_t kept_{0};
  };

  template <class Show>
  bool sweep_group(std::size_t begin, range within, Show& show) {
    group& in = groups_[begin / keys_per_group];
    const std::uint64_t mask = mask_of({within.first / bits, within.last / bits});
    if ((in.words.load(std::memory_order_relaxed) & mask) == 0) return true;  // missed now is seen by the next sweep
    for (taken words{in.words, mask}; !words.done();) {
      const std::size_t word = words.lowest();
      const range here{word == within.first / bits ? within.first % bits : 0,
                       word == within.last / bits ? within.last % bits : bits - 1};
      const word_result result = sweep_word(in.keys[word], begin + word * bits, mask_of(here), show);
      words.drop_lowest();  // not earlier: `show` may throw
      if (result.dirty) words.keep(word);
      if (result.stopped) return false;
    }
    return true;
  }

  struct word_result {
    bool stopped;
    bool dirty;  // keys remain that were dirty before
  };

  template <class Show>
  static word_result sweep_word(std::atomic<std::uint64_t>& word, std::size_t begin, std::uint64_t mask, Show& show) {
    taken keys{word, mask};
    while (!keys.done()) {
      const std::size_t key = begin + keys.lowest();
      keys.drop_lowest();  // shown is taken, also where `show` throws
      const sweep_step step = show(key);
      if (step == sweep_step::keep_dirty) keys.keep(key % bits);
      if (step == sweep_step::stop) return {true, keys.remains(mask)};
    }
    return {false, keys.remains(mask)};
  }

  std::size_t keys_;
  std::pmr::vector<group> groups_;
};

}  // namespace foxtrot::inline v0::detail

namespace foxtrot::inline v0 {

/// What may be copied as bytes, of any size: the cost is that of copying it, so a few KiB at most.
template <class T>
concept table_record = std::is_trivially_copyable_v<T> && std::is_trivially_destructible_v<T>;

/// What conflating_table::consume() calls. A visitor that returns bool says with false: leave it dirty, I want it
/// again.
template <class Visitor, class T>
concept table_visitor =
    std::invocable<Visitor&, std::size_t, const T&, std::uint64_t, line_tag> &&
    (std::is_void_v<std::invoke_result_t<Visitor&, std::size_t, const T&, std::uint64_t, line_tag>> ||
     std::same_as<std::invoke_result_t<Visitor&, std::size_t, const T&, std::uint64_t, line_tag>, bool>);

/// A table of `keys` records. Storing overwrites: a consumer that falls behind skips what is outdated and never waits.
/// The producer never waits either. Records carry the caller's running number of events, so that order between keys,
/// and between the table and other queues, is not lost. Memory is allocated and touched in the constructor only.
///
/// A reader never sees half a record: every 8 bytes of it are an atomic word, between two looks at the entry's first
/// word. The producer marks that first word as busy, stores the others with release and publishes the first. Whoever
/// reads one of the others with acquire and finds a newer record's, has that record's mark happen before its second
/// look, which then cannot give what the first gave. Older than the first look's record none can be: acquire from the
/// release that published it.
template <table_record T>
class conflating_table : private live_object<conflating_table<T>> {
 public:
  using value_type = T;

  /// `memory` must outlive the table; it is used here and in the destructor only.
  explicit conflating_table(std::size_t keys, std::pmr::memory_resource& memory = *std::pmr::new_delete_resource())
      : entries_{keys, &memory},
        laps_{(keys + laps_per_line - 1) / laps_per_line, &memory},
        dirty_{keys, memory},
        seen_{keys, &memory} {}
  conflating_table(const conflating_table&) = delete;
  conflating_table& operator=(const conflating_table&) = delete;

  /// Keys are 0 up to, not including, this.
  [[nodiscard]] std::size_t keys() const noexcept { return entries_.size(); }

  // --- the producer's thread ---

  /// Makes `value` the record of `key`. `position` grows from one record of a key to its next and stays below 2^64 - 1.
  /// Wait-free.
  void store(std::size_t key, const T& value, std::uint64_t position, line_tag tag = {}) noexcept {
    store_prefix(key, value, sizeof(T), position, tag);
  }

  /// The same where only the first `bytes` of `value` mean something: no more are read here. Readers find what earlier
  /// records left, or zeros, in the others.
  void store_prefix(std::size_t key, const T& value, std::size_t bytes, std::uint64_t position,
                    line_tag tag = {}) noexcept {
    entry& to = entries_[key];
    const std::uint64_t word = word_of(position, tag);
    // Asks for all lines at once: stores become visible in order, so each line would be waited for after the other.
    bytes = std::min(bytes, sizeof(T));
    for (std::size_t at = cache_line; at < sizeof to.word + bytes; at += cache_line) {
      prefetch_for_write(reinterpret_cast<const std::byte*>(&to) + at);
    }
    // relaxed: each release store below carries it to whoever sees that store
    to.word.store(word | busy, std::memory_order_relaxed);
    std::atomic<std::uint32_t>& lap = laps_[key / laps_per_line].of[key % laps_per_line];
    if (lap.load(std::memory_order_relaxed) != lap_of(position)) {  // only this thread writes it
      lap.store(lap_of(position), std::memory_order_release);
    }
    copy_in(to, reinterpret_cast<const std::byte*>(&value), bytes);
    to.word.store(word, std::memory_order_release);  // pairs with the first look of read()
    dirty_.mark(key);
  }

  // --- any thread ---

  /// The latest record of `key`; false, and the arguments untouched, if there was none ever. Waits while the producer
  /// is storing this very record, so not for a thread whose real-time priority can keep the producer from running.
  [[nodiscard]] bool try_load(std::size_t key, T& out, std::uint64_t& position, line_tag& tag) const noexcept {
    header found;
    look seen = read(key, reinterpret_cast<std::byte*>(&out), found);
    for (; seen == look::torn; seen = read(key, reinterpret_cast<std::byte*>(&out), found)) cpu_relax();
    if (seen == look::none) return false;
    position = found.position;
    tag = found.tag;
    return true;
  }

  // --- the consumer's thread ---

  /// Calls `visit(key, const T&, position, tag)` with the latest record of up to `max` keys that changed and returns
  /// their number. Begins after the key of the last visit, goes up and round once; shows no key twice in a call and no
  /// record twice ever, but for those that `visit` left dirty by returning false, which do not count. A record whose
  /// visit throws is consumed. A record that is being stored at this moment may be left to the next call.
  template <table_visitor<T> Visitor>
  std::size_t consume(std::size_t max, Visitor&& visit) {
    if (max == 0) return 0;
    std::size_t done = 0;
    const auto show = [&](std::size_t key) {
      const outcome of_key = show_key(key, visit);
      if (of_key == outcome::declined) return detail::sweep_step::keep_dirty;
      if (of_key == outcome::consumed) ++done;
      return done == max ? detail::sweep_step::stop : detail::sweep_step::next;
    };
    const std::size_t start = next_;
    if (dirty_.sweep(start, keys(), show)) dirty_.sweep(0, start, show);
    return done;
  }

  /// Whether a call of consume() is worth while; it may find less, never more.
  [[nodiscard]] bool any_dirty() const noexcept { return dirty_.any(); }

 private:
  static constexpr std::size_t word_bytes = sizeof(std::uint64_t);
  static constexpr std::size_t words = (sizeof(T) + word_bytes - 1) / word_bytes;
  static constexpr std::size_t last_word_bytes = sizeof(T) - (words - 1) * word_bytes;
  static constexpr std::uint64_t busy = 1;

  // The word: busy bit, lower bits of the position, tag. The position's upper bits stand in an array of their own,
  // written once per 2^39 positions: so positions are exact, and 56 bytes still make one line. Two words of one key
  // are alike only if the producer gets through a multiple of 2^39 positions while one read lasts.
  static constexpr unsigned lap_shift = detail::position_bits - 1;
  [[nodiscard]] static constexpr std::uint64_t word_of(std::uint64_t position, line_tag tag) noexcept {
    return ((position << 1) & detail::position_mask) |
           (std::uint64_t{tag.bits & detail::tag_mask} << detail::position_bits);
  }
  [[nodiscard]] static constexpr std::uint32_t lap_of(std::uint64_t position) noexcept {
    return static_cast<std::uint32_t>(position >> lap_shift) + 1;  // never 0, which says that there was no record
  }
  [[nodiscard]] static constexpr std::uint64_t position_of(std::uint64_t word, std::uint32_t lap) noexcept {
    return (std::uint64_t{lap - 1} << lap_shift) | ((word & detail::position_mask) >> 1);
  }

  struct alignas(cache_line) entry {
    std::atomic<std::uint64_t> word{busy};  // busy at first: a word that no record can have
    std::array<std::atomic<std::uint64_t>, words> payload{};
  };

  static constexpr std::size_t laps_per_line = cache_line / sizeof(std::uint32_t);
  struct alignas(cache_line) lap_line {  // lines of their own: both sides read them all the time
    std::array<std::atomic<std::uint32_t>, laps_per_line> of{};
  };

  static void copy_in(entry& to, const std::byte* from, std::size_t bytes) noexcept {
    std::uint64_t part = 0;
    const std::size_t whole = bytes / word_bytes;
    for (std::size_t i = 0; i < whole; ++i) {
      std::memcpy(&part, from + i * word_bytes, word_bytes);
      to.payload[i].store(part, std::memory_order_release);
    }
    if (const std::size_t rest = bytes % word_bytes; rest != 0) {
      part = 0;
      std::memcpy(&part, from + whole * word_bytes, rest);
      to.payload[whole].store(part, std::memory_order_release);
    }
  }

  struct header {
    std::uint64_t position{0};
    line_tag tag;
  };
  enum class look : std::uint8_t { none, torn, whole };

  static void copy_out(const entry& from, std::byte* to) noexcept {
    for (std::size_t i = 0; i < words; ++i) {
      const std::uint64_t part = from.payload[i].load(std::memory_order_acquire);
      std::memcpy(to + i * word_bytes, &part, i + 1 < words ? word_bytes : last_word_bytes);
    }
  }

  look read(std::size_t key, std::byte* to, header& found) const noexcept {
    const entry& from = entries_[key];
    const std::uint64_t word = from.word.load(std::memory_order_acquire);  // pairs with the last store of a record
    // acquire here and below: see the class
    const std::uint32_t lap = laps_[key / laps_per_line].of[key % laps_per_line].load(std::memory_order_acquire);
    if ((word & busy) != 0) return lap == 0 ? look::none : look::torn;
    copy_out(from, to);
    if (from.word.load(std::memory_order_relaxed) != word) return look::torn;  // stays behind the acquire loads
    found = {position_of(word, lap), detail::tag_of(word)};
    return look::whole;
  }

  enum class outcome : std::uint8_t { nothing, consumed, declined };

  template <class Visitor>
  outcome show_key(std::size_t key, Visitor& visit) {
    alignas(T) std::byte copy[sizeof(T)];
    header found;
    look seen = read(key, copy, found);
    for (int again = 0; seen == look::torn && again < 64; ++again, seen = read(key, copy, found)) cpu_relax();
    // Still torn: the producer was interrupted in the middle. It marks the key again when it is through: its mark comes
    // after the clearing of the bit, or the clearing would have acquired the whole record.
    if (seen != look::whole) return outcome::nothing;
    next_ = key + 1 < keys() ? key + 1 : 0;
    // The same record again where it was stored between the clearing of the bit and the last visit.
    const std::uint64_t shown_before = std::exchange(seen_[key], found.position + 1);
    if (shown_before == found.position + 1) return outcome::nothing;
    const T& value = *std::launder(reinterpret_cast<const T*>(copy));
    if constexpr (std::is_void_v<decltype(visit(key, value, found.position, found.tag))>) {
      visit(key, value, found.position, found.tag);
    } else if (!visit(key, value, found.position, found.tag)) {
      seen_[key] = shown_before;
      return outcome::declined;
    }
    return outcome::consumed;
  }

  std::pmr::vector<entry> entries_;
  std::pmr::vector<lap_line> laps_;  // upper bits of the positions
  detail::dirty_keys dirty_;

  alignas(cache_line) std::pmr::vector<std::uint64_t> seen_;  // consumer's thread: after the position shown last
  std::size_t next_{0};                                       // consumer's thread
};

}  // namespace foxtrot::inline v0

// foxtrot/queue/idle_strategy.hpp: what a polling loop does when a round found no work.

// foxtrot/queue/parking_spot.hpp: where threads sleep until another has something for them, without lost wake-ups.

namespace foxtrot::inline v0 {

/// Any number of sleepers, any number of wakers. A waker pays one read-modify-write, and a system call only where
/// somebody sleeps.
///
/// No wake-up is lost: the waker first makes its news visible, then steps the word; the sleeper first enters itself in
/// the word, then looks for news again, then sleeps unless the word was stepped since. Both are read-modify-writes of
/// one atomic, so one comes first in its modification order. If the sleeper's does, the waker sees it and wakes it, or
/// it finds the word stepped. If the waker's does, the sleeper's reads from it or from a later one (acquire from
/// release), so its second look sees the news.
class parking_spot {
 public:
  using duration = std::chrono::nanoseconds;

  /// Proof of having been entered.
  class ticket {
   public:
    ticket() noexcept = default;  // of no use until prepare() has given one

   private:
    friend class parking_spot;
    explicit ticket(std::uint32_t seen) noexcept : step_{seen} {}
    std::uint32_t step_{0};
  };

  /// Enters the caller as a sleeper. It has to look for news again, and then to call cancel() or wait().
  [[nodiscard]] ticket prepare() noexcept {
    return ticket{step_of(word_.fetch_add(sleeper, std::memory_order_acq_rel))};
  }
  /// There was news: not sleeping after all.
  void cancel(ticket) noexcept { leave(); }
  /// Sleeps until wake(), or for `patience` if given; not at all where wake() was called since prepare(). May return
  /// early: the caller looks again in a loop.
  void wait(ticket mine, std::optional<duration> patience = {}) noexcept {
    if (!patience || *patience > duration::zero()) sleep(mine, patience);
    leave();
  }

  /// All three: enters, looks again, sleeps. Returns at once when `nothing_new()` is false.
  template <class Predicate>
  void park(Predicate&& nothing_new, std::optional<duration> patience = {}) noexcept {
    const ticket mine = prepare();
    if (nothing_new()) {
      wait(mine, patience);
    } else {
      cancel(mine);
    }
  }

  /// Wakes every sleeper, or up to `how_many`. Any thread. What a sleeper is to see has been written before.
  void wake(std::uint32_t how_many = INT_MAX) noexcept {
    if (sleepers_in(word_.fetch_add(step, std::memory_order_acq_rel)) == 0) return;
    ::syscall(SYS_futex, address(), FUTEX_WAKE_PRIVATE, std::min<std::uint32_t>(how_many, INT_MAX), nullptr, nullptr,
              0);
  }

  /// How many are entered now: for tests and statistics.
  [[nodiscard]] std::uint32_t sleepers() const noexcept { return sleepers_in(word_.load(std::memory_order_relaxed)); }

 private:
  // The upper half counts wake-ups: a sleeper misses one only if exactly 2^32 of them fall between its two steps.
  static constexpr std::uint64_t sleeper = 1;
  static constexpr std::uint64_t step = std::uint64_t{1} << 32;
  [[nodiscard]] static std::uint32_t step_of(std::uint64_t word) noexcept {
    return static_cast<std::uint32_t>(word >> 32);
  }
  [[nodiscard]] static std::uint32_t sleepers_in(std::uint64_t word) noexcept {
    return static_cast<std::uint32_t>(word);
  }

  // A read-modify-write as well, so that the chain of the argument above stays unbroken.
  void leave() noexcept { word_.fetch_sub(sleeper, std::memory_order_acq_rel); }

  // The kernel compares 32 bits: the upper half of the word.
  [[nodiscard]] std::uint32_t* address() noexcept {
    static_assert(sizeof(word_) == sizeof(std::uint64_t) && decltype(word_)::is_always_lock_free);
    return reinterpret_cast<std::uint32_t*>(&word_) + (std::endian::native == std::endian::little ? 1 : 0);
  }

  void sleep(ticket mine, std::optional<duration> patience) noexcept {
    timespec limit{};
    if (patience) {
      const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(*patience);
      limit.tv_sec = static_cast<std::time_t>(seconds.count());
      limit.tv_nsec = static_cast<long>((*patience - seconds).count());
    }
    // returns at once where a waker has stepped the word already
    ::syscall(SYS_futex, address(), FUTEX_WAIT_PRIVATE, mine.step_, patience ? &limit : nullptr, nullptr, 0);
  }

  alignas(cache_line) std::atomic<std::uint64_t> word_{0};
};

}  // namespace foxtrot::inline v0

namespace foxtrot::inline v0 {

/// Goes into a loop as `waiting.idle(poll_everything())`: told after every round how much was done, it waits a little
/// after rounds that did nothing. `reset()` forgets how long the idleness has lasted. One thread; not shared.
template <class Strategy>
concept idle_strategy = requires(Strategy& strategy, std::size_t work_done) {
  strategy.idle(work_done);
  strategy.reset();
};

/// Looks again at once. The fastest to notice; burns a core.
class spin_idle {
 public:
  void idle(std::size_t work_done) noexcept {
    if (work_done == 0) cpu_relax();
  }
  void reset() noexcept {}
};

/// Lets any other thread that wants this core have it, then looks again.
class yield_idle {
 public:
  void idle(std::size_t work_done) noexcept {
    if (work_done == 0) ::sched_yield();
  }
  void reset() noexcept {}
};

/// Sleeps in the kernel until somebody calls wake() on the spot. The first idle round only enters the sleeper there and
/// so gives the loop the second look that a safe sleep needs; the next one sleeps. The loop must look at everything
/// that a waker might announce between two calls.
class block_idle {
 public:
  using duration = parking_spot::duration;

  /// Sleeps no longer than `patience` at a time, if given.
  explicit block_idle(parking_spot& spot, std::optional<duration> patience = {}) noexcept
      : spot_{&spot}, patience_{patience} {}
  block_idle(const block_idle&) = delete;
  block_idle& operator=(const block_idle&) = delete;
  ~block_idle() { reset(); }

  void idle(std::size_t work_done) noexcept {
    if (work_done != 0) return reset();
    if (!entered_) {
      ticket_ = spot_->prepare();
    } else {
      spot_->wait(ticket_, patience_);
    }
    entered_ = !entered_;
  }
  void reset() noexcept {
    if (std::exchange(entered_, false)) spot_->cancel(ticket_);
  }
  void set_patience(std::optional<duration> patience) noexcept { patience_ = patience; }
  /// Whether the next idle round sleeps.
  [[nodiscard]] bool about_to_sleep() const noexcept { return entered_; }

 private:
  parking_spot* spot_;
  std::optional<duration> patience_;
  parking_spot::ticket ticket_;
  bool entered_{false};  // at the spot, with that ticket
};

/// Spins for some rounds, yields for some, then blocks: awake within a burst, asleep after it.
class adaptive_idle {
 public:
  using duration = parking_spot::duration;

  struct rounds {
    unsigned spins{4096};  ///< 20 to 100 us, as the core pauses: longer than most gaps within a burst
    unsigned yields{16};
  };

  explicit adaptive_idle(parking_spot& spot, std::optional<duration> patience = {}) noexcept
      : adaptive_idle{spot, patience, rounds{}} {}
  adaptive_idle(parking_spot& spot, std::optional<duration> patience, rounds before_blocking) noexcept
      : before_{before_blocking}, block_{spot, patience} {}

  void idle(std::size_t work_done) noexcept {
    if (work_done != 0) return reset();
    if (idle_rounds_ < before_.spins) {
      ++idle_rounds_;
      cpu_relax();
    } else if (idle_rounds_ < before_.spins + before_.yields) {
      ++idle_rounds_;
      ::sched_yield();
    } else {
      block_.idle(0);
    }
  }
  void reset() noexcept {
    idle_rounds_ = 0;
    block_.reset();
  }
  void set_patience(std::optional<duration> patience) noexcept { block_.set_patience(patience); }
  [[nodiscard]] bool about_to_sleep() const noexcept { return block_.about_to_sleep(); }

 private:
  rounds before_;
  unsigned idle_rounds_{0};
  block_idle block_;
};

/// Any of them, chosen at run time.
class chosen_idle {
 public:
  using duration = parking_spot::duration;

  chosen_idle(foxtrot::idle how, parking_spot& spot, std::optional<duration> patience = {}) noexcept
      : how_{how}, adaptive_{spot, patience, rounds_of(how)} {}

  void idle(std::size_t work_done) noexcept {
    switch (how_) {
      case foxtrot::idle::spin: return spin_idle{}.idle(work_done);
      case foxtrot::idle::yield: return yield_idle{}.idle(work_done);
      case foxtrot::idle::block:
      case foxtrot::idle::adaptive: return adaptive_.idle(work_done);
    }
  }
  void reset() noexcept { adaptive_.reset(); }
  void set_patience(std::optional<duration> patience) noexcept { adaptive_.set_patience(patience); }
  [[nodiscard]] bool about_to_sleep() const noexcept { return adaptive_.about_to_sleep(); }

 private:
  [[nodiscard]] static adaptive_idle::rounds rounds_of(foxtrot::idle how) noexcept {
    return how == foxtrot::idle::block ? adaptive_idle::rounds{0, 0} : adaptive_idle::rounds{};
  }

  foxtrot::idle how_;
  adaptive_idle adaptive_;
};

static_assert(idle_strategy<spin_idle> && idle_strategy<yield_idle> && idle_strategy<block_idle> &&
              idle_strategy<adaptive_idle> && idle_strategy<chosen_idle>);

}  // namespace foxtrot::inline v0

// foxtrot/queue/payload_arena.hpp: contiguous bodies beside a ring, for records that need more than one line.

namespace foxtrot::inline v0 {

/// A circular store of `T`s for one producer and one consumer, gated: a body stays valid until the consumer releases
/// it. A body is never split at the end of the store. It is named by its position, a count of elements that never
/// repeats, which travels to the consumer in a ring's record; that record's publication also publishes the body.
template <class T>
  requires(std::is_trivially_copyable_v<T> && std::is_trivially_destructible_v<T>)
class payload_arena : private live_object<payload_arena<T>> {
 public:
  /// Room for at least `minimum` elements, rounded up to a power of two; pages are touched here.
  /// `memory` must outlive the arena; it is used here and in the destructor only.
  explicit payload_arena(std::size_t minimum, std::pmr::memory_resource& memory = *std::pmr::new_delete_resource())
      : memory_{&memory}, mask_{std::bit_ceil(std::clamp(minimum, std::size_t{2}, most)) - 1} {
    elements_ = static_cast<T*>(memory.allocate(bytes(), alignment));
    std::uninitialized_value_construct_n(elements_, capacity());
  }
  payload_arena(const payload_arena&) = delete;
  payload_arena& operator=(const payload_arena&) = delete;
  ~payload_arena() { memory_->deallocate(elements_, bytes(), alignment); }

  [[nodiscard]] std::size_t capacity() const noexcept { return mask_ + 1; }

  struct claimed {
    std::span<T> elements;      ///< where the body is to be written; empty: no room
    std::uint64_t position{0};  ///< its name, for the record
  };

  /// Producer: contiguous room for `count` elements; nothing is taken before commit().
  [[nodiscard]] claimed try_claim(std::size_t count) noexcept {
    if (count == 0 || count > capacity()) return {};
    const std::size_t offset = static_cast<std::size_t>(next_) & mask_;
    const std::uint64_t start = offset + count <= capacity() ? next_ : next_ + (capacity() - offset);
    if (!fits(start, count)) {
      released_seen_ = released_.load(std::memory_order_acquire);  // the consumer is done with what lies before
      if (!fits(start, count)) return {};
    }
    return {{elements_ + (static_cast<std::size_t>(start) & mask_), count}, start};
  }

  /// Producer: keeps the first `count` elements of a claim.
  void commit(const claimed& body, std::size_t count) noexcept { next_ = body.position + count; }

  /// Consumer: the body that a record names.
  [[nodiscard]] std::span<const T> view(std::uint64_t position, std::size_t count) const noexcept {
    return {elements_ + (static_cast<std::size_t>(position) & mask_), count};
  }

  /// Consumer: everything up to the end of that body may be overwritten.
  void release(std::uint64_t position, std::size_t count) noexcept {
    released_.store(position + count, std::memory_order_release);  // pairs with try_claim()
  }

 private:
  // Nothing alive: the tail that a long body skips does not count.
  [[nodiscard]] bool fits(std::uint64_t start, std::size_t count) const noexcept {
    return released_seen_ == next_ || start + count - released_seen_ <= capacity();
  }

  static constexpr std::size_t most = std::size_t{1} << 40;  // memory ends long before
  static constexpr std::size_t alignment = std::max(cache_line, alignof(T));
  [[nodiscard]] std::size_t bytes() const noexcept { return capacity() * sizeof(T); }

  std::pmr::memory_resource* memory_;
  T* elements_{nullptr};
  std::size_t mask_;
  std::uint64_t next_{0};                                       // producer's thread
  std::uint64_t released_seen_{0};                              // producer's last look at released_
  alignas(cache_line) std::atomic<std::uint64_t> released_{0};  // written by the consumer
};

}  // namespace foxtrot::inline v0

// foxtrot/queue/spsc_ring.hpp: one producer, one consumer, one cache-line transfer per hand-off.

namespace foxtrot::inline v0 {

/// A bounded queue between exactly two threads. The word that says "this line is filled" stands in the line itself, so
/// the consumer never touches the producer's index and a hand-off costs one cache-line transfer instead of two; a
/// consumer that looks at an empty ring has thereby asked for the next item's line already. Payloads are written in
/// place by the producer and read in place by the consumer. Memory is allocated and touched once, in the constructor;
/// nothing afterwards allocates, locks or enters the kernel. Larger records: see payload_arena.
template <line_payload T>
class spsc_ring : private live_object<spsc_ring<T>> {
 public:
  using value_type = T;

  /// Room for at least `minimum` items, rounded up to a power of two: see capacity(). `memory` must outlive the ring
  /// (huge_page_resource is one to try); it is used here and in the destructor only.
  explicit spsc_ring(std::size_t minimum, std::pmr::memory_resource& memory = *std::pmr::new_delete_resource())
      : store_{minimum, memory} {
    producer_.lines = consumer_.lines = store_.view();
  }
  spsc_ring(const spsc_ring&) = delete;
  spsc_ring& operator=(const spsc_ring&) = delete;

  /// Items that fit, exactly.
  [[nodiscard]] std::size_t capacity() const noexcept { return producer_.lines.count(); }

  // --- the producer's thread ---

  /// The next free payload, to be filled in place and then published; nullptr while the ring is full. Claiming twice
  /// without publishing gives the same payload, so a claim may be abandoned.
  [[nodiscard]] T* try_claim() noexcept {
    if (free_lines() == 0) return nullptr;
    prefetch_for_write(&producer_.lines[producer_.position + detail::write_ahead]);
    return ::new (static_cast<void*>(producer_.lines[producer_.position].payload)) T;
  }

  /// Hands the claimed payload over. Only after try_claim() gave one.
  void publish(line_tag tag = {}) noexcept {
    // release: pairs with the consumer's acquire of the same word and carries the payload
    producer_.lines[producer_.position].word.store(detail::word_of(producer_.position, tag), std::memory_order_release);
    ++producer_.position;
  }

  /// Copies `item` in; false, and `item` untouched, while the ring is full.
  [[nodiscard]] bool try_push(const T& item, line_tag tag = {}) noexcept {
    T* free = try_claim();
    if (free == nullptr) return false;
    *free = item;
    publish(tag);
    return true;
  }

  /// Lines that can be claimed now without asking again: at least `wanted` if the ring has them.
  [[nodiscard]] std::size_t free_lines(std::size_t wanted = 1) noexcept {
    std::size_t free = capacity() - static_cast<std::size_t>(producer_.position - producer_.other_seen);
    if (free < wanted) [[unlikely]] {
      // acquire: the consumer's reads of the payload happened before it released the line
      producer_.other_seen = released_.load(std::memory_order_acquire);
      free = capacity() - static_cast<std::size_t>(producer_.position - producer_.other_seen);
    }
    return free;
  }

  // --- the consumer's thread ---

  /// The oldest item, readable in place until pop(); nullptr while the ring is empty.
  [[nodiscard]] const T* front() noexcept {
    slot& line = consumer_.lines[consumer_.position];
    const std::uint64_t word = line.word.load(std::memory_order_acquire);  // pairs with publish()
    if (!detail::word_is_at(word, consumer_.position)) return nullptr;
    consumer_.other_seen = word;
    return line.value();
  }

  /// The tag of the item that front() returned.
  [[nodiscard]] line_tag front_tag() const noexcept { return detail::tag_of(consumer_.other_seen); }

  /// Gives the item that front() returned back to the producer.
  void pop() noexcept {
    ++consumer_.position;
    released_.store(consumer_.position, std::memory_order_release);  // pairs with free_lines()
  }

  /// Moves the oldest item to `item`; false while the ring is empty.
  [[nodiscard]] bool try_pop(T& item) noexcept {
    const T* oldest = front();
    if (oldest == nullptr) return false;
    item = *oldest;
    pop();
    return true;
  }

  /// Calls `visit(const T&, line_tag)`, or `visit(const T&)`, in place for up to `max` items that are there now and
  /// returns their number. The lines go back to the producer together at the end, also where `visit` throws (that item
  /// counts as consumed). `visit` must not take from the ring itself.
  template <line_visitor<T> Visitor>
  std::size_t consume(std::size_t max, Visitor&& visit) {
    const batch_release release{*this};
    std::size_t done = 0;
    while (done < max && holds(consumer_.position + many - 1)) {
      // All before that one are there as well: its acquire is one of everything published before it.
      const std::size_t end = std::min(max, done + many);
      for (; done < end; ++done) take(visit);
    }
    // Near the head one by one: a core that guessed on would take the lines that are just being filled from the
    // producer.
    for (; done < max && holds(consumer_.position); ++done) {
      take(visit);
      stop_speculation();
    }
    return done;
  }

  /// Items waiting, for the consumer's thread; a moment later there may be more.
  [[nodiscard]] bool empty() noexcept { return front() == nullptr; }

 private:
  using slot = detail::line<T>;

  struct alignas(cache_line) side {  // each owner's own line: nothing here is shared
    detail::line_view<slot> lines;
    std::uint64_t position{0};
    std::uint64_t other_seen{0};  // producer: the consumer's position as last read; consumer: the word of front()
  };

  // So many items behind, the consumer is out of the producer's way, however far its core guesses ahead.
  static constexpr std::size_t many = 64;

  [[nodiscard]] bool holds(std::uint64_t position) const noexcept {
    const std::uint64_t word = consumer_.lines[position].word.load(std::memory_order_acquire);  // pairs with publish()
    return detail::word_is_at(word, position);
  }

  template <class Visitor>
  void take(Visitor& visit) {
    slot& line = consumer_.lines[consumer_.position++];
    const std::uint64_t word = line.word.load(std::memory_order_relaxed);  // holds() has acquired it, or a later one
    detail::show<T>(visit, *line.value(), detail::tag_of(word));
  }

  struct batch_release {
    spsc_ring& ring;
    std::uint64_t before{ring.consumer_.position};
    ~batch_release() {
      if (ring.consumer_.position != before)
        ring.released_.store(ring.consumer_.position, std::memory_order_release);  // pairs with free_lines()
    }
  };

  side producer_;                                               // producer's thread
  side consumer_;                                               // consumer's thread
  alignas(cache_line) std::atomic<std::uint64_t> released_{0};  // written by the consumer
  detail::line_store<slot> store_;
};

}  // namespace foxtrot::inline v0

namespace foxtrot::inline v0 {

namespace detail {

/// The state that both ends share; each keeps it alive. Producer functions belong to the network thread, consumer
/// functions to one strategy thread, close_by_consumer() and interrupt() to any.
class channel : private live_object<channel> {
 public:
  channel(const subscription_settings& settings, symbol_table& symbols)
      : ring_{settings.capacity < 4 ? 4 : settings.capacity, memory_or_heap(settings.memory)},
        levels_{settings.level_capacity, memory_or_heap(settings.memory)},
        symbols_{symbols},
        when_full_{settings.when_full} {}

  // --- producer: the network thread ---

  struct slot {
    tick_payload* payload{nullptr};  // nullptr: no room
    payload_arena<raw_level>::claimed body{};
  };

  /// Room for one event with up to `level_count` levels, if there is any now. A claim may be abandoned.
  [[nodiscard]] slot try_claim(std::size_t level_count) noexcept {
    slot room;
    if (level_count != 0) {
      room.body = levels_.try_claim(level_count);
      if (room.body.elements.empty()) return room;
    }
    // after the levels: a line for every loss of a depth event would leave no room for anything else
    if (in_debt() && !pay_debts()) return room;
    room.payload = ring_.try_claim();
    return room;
  }

  /// The same for an event that is complete: waits for room under overflow::block, else counts the loss.
  [[nodiscard]] slot claim(std::size_t level_count) noexcept {
    slot room = try_claim(level_count);
    if (room.payload == nullptr && when_full_ == overflow::block) room = wait_for_room(level_count);
    if (room.payload == nullptr) lose_one();
    return room;
  }
  /// Counts one event as lost.
  void lose_one() noexcept {
    debts_.drops.fetch_add(1, std::memory_order_acq_rel);  // after all that was published before: see front()
    // relaxed: a statistic; the dropped event carries the number in order
    dropped_.store(dropped_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    note_news();
  }
  /// Whether claim() may wait.
  [[nodiscard]] bool waits() const noexcept { return when_full_ == overflow::block; }

  /// Hands over what was written into a claim.
  void publish(const slot& room, std::size_t level_count, line_tag tag) noexcept {
    if (level_count != 0) levels_.commit(room.body, level_count);
    ring_.publish(tag);
    note_news();
  }
  /// There is something to wake the consumer for.
  void note_news() noexcept { news_ = true; }

  /// A status event, into what claim(0) gave. Without room, a state of the connection is kept until the consumer is
  /// told.
  void publish_status(const slot& room, const status_record& record, line_tag tag) noexcept {
    if (room.payload != nullptr) {
      room.payload->emplace<status_record>() = record;
      publish(room, 0, tag);
    } else if (is_connection_state(record.code)) {
      debts_.state.store(0, record, ++debts_.states, tag);
      debts_.has_state.store(true, std::memory_order_release);  // after the state itself
    }
  }

  /// Wakes the consumer if something was published or lost since the last call: once per drain of the socket.
  void wake_consumer() noexcept {
    if (!news_) return;
    news_ = false;
    consumer_spot_.wake();
  }

  /// No more events will come.
  void close_by_producer() noexcept {
    producer_closed_.store(true, std::memory_order_release);
    consumer_spot_.wake();
  }
  [[nodiscard]] bool closed_by_consumer() const noexcept { return consumer_closed_.load(std::memory_order_acquire); }

  // --- any thread ---

  /// While true, a producer does not wait for room: what does not fit is dropped and counted. A wait under way ends.
  void interrupt(bool on) noexcept {
    interrupted_.store(on, std::memory_order_release);
    producer_spot_.wake();
  }
  void close_by_consumer() noexcept {
    consumer_closed_.store(true, std::memory_order_release);
    producer_spot_.wake();
  }
  /// Makes a waiting consumer look again, at a stop token for example.
  void nudge_consumer() noexcept { consumer_spot_.wake(); }

  // --- consumer: one strategy thread ---

  /// The oldest event, in place. Once everything has been read, what the producer could not tell for want of room.
  [[nodiscard]] waiting_event front() noexcept {
    if (last_words_tag_) return {&last_words_, *last_words_tag_, {}};  // until pop(), whatever came since
    if (const tick_payload* oldest = ring_.front()) return shown(*oldest);
    return in_debt() ? tell_debts() : waiting_event{};
  }

  /// Gives the front event back.
  void pop(const waiting_event& oldest) noexcept {
    if (oldest.payload == &last_words_) {
      last_words_tag_.reset();
      return;
    }
    if (!oldest.body.empty()) levels_.release(body_position(*oldest.payload), oldest.body.size());
    ring_.pop();
  }
  /// After one or more pops: lets a producer go on that waits for room.
  void wake_producer() noexcept {
    if (when_full_ == overflow::block) producer_spot_.wake();
  }

  [[nodiscard]] bool closed_by_producer() const noexcept { return producer_closed_.load(std::memory_order_acquire); }

  /// Where the consumer sleeps. Everything that ends its waiting is announced there.
  [[nodiscard]] parking_spot& consumer_spot() noexcept { return consumer_spot_; }

  [[nodiscard]] const symbol_table& symbols() const noexcept { return symbols_; }
  [[nodiscard]] std::size_t capacity() const noexcept { return ring_.capacity(); }
  /// Events lost so far. Any thread.
  [[nodiscard]] std::uint64_t dropped() const noexcept { return dropped_.load(std::memory_order_relaxed); }

 private:
  [[nodiscard]] bool in_debt() const noexcept {
    // acquire: what was published before the loss is in the ring
    return debts_.drops.load(std::memory_order_acquire) != 0 || debts_.has_state.load(std::memory_order_acquire);
  }

  // What the consumer must hear but had no room for. Whoever gets there first tells it: the producer before the next
  // event, the consumer once it has read everything before. On a line of its own, written on losses only.
  struct alignas(cache_line) debts {
    std::atomic<std::uint64_t> drops{0};
    std::atomic<bool> has_state{false};
    std::mutex mutex;                          // who pays: whoever has it finds the ring as the loss left it
    conflating_table<status_record> state{1};  // the connection's last
    std::uint64_t states{0};                   // network thread: how many there were
    std::uint64_t told{0};                     // under the mutex: the last of them that was told
  };

  // Under the mutex: the last state, once.
  [[nodiscard]] std::optional<std::pair<status_record, line_tag>> take_state() noexcept {
    // acquire: the state that was announced; a later one announces itself again
    if (!debts_.has_state.exchange(false, std::memory_order_acq_rel)) return std::nullopt;
    std::pair<status_record, line_tag> last{};
    std::uint64_t number = 0;
    if (!debts_.state.try_load(0, last.first, number, last.second) || number == debts_.told) return std::nullopt;
    debts_.told = number;
    return last;
  }
  [[nodiscard]] waiting_event shown(const tick_payload& oldest) const noexcept {
    const line_tag tag = ring_.front_tag();
    if (!has_body(tick_tag::unpack(tag).kind)) return {&oldest, tag, {}};
    return {&oldest, tag, levels_.view(body_position(oldest), body_size(oldest))};
  }

  // After a loss the consumer first hears how much it lost, then what state the connection is in, then goes on.
  [[nodiscard]] bool pay_debts() noexcept {
    constexpr std::size_t lines = 3;  // those two and the next event
    if (ring_.free_lines(lines) < lines) return false;
    const std::unique_lock lock{debts_.mutex, std::try_to_lock};
    if (!lock) return false;  // the consumer is just telling: this one is lost, too
    if (const std::uint64_t lost = debts_.drops.exchange(0, std::memory_order_acq_rel); lost != 0) {
      put(told_of(lost), status_tag);
    }
    if (const auto state = take_state()) put(state->first, state->second);
    news_ = true;
    return true;
  }

  // The consumer's own telling, in a line of its own. In debt, the producer publishes nothing before it has paid, and
  // it cannot pay now: an empty ring stays empty, and the loss is told in its place.
  [[nodiscard]] waiting_event tell_debts() noexcept {
    const std::lock_guard lock{debts_.mutex};
    if (!in_debt()) return {};
    if (const tick_payload* oldest = ring_.front()) return shown(*oldest);
    if (const std::uint64_t lost = debts_.drops.exchange(0, std::memory_order_acq_rel); lost != 0) {
      last_words_.emplace<status_record>() = told_of(lost);
      last_words_tag_ = status_tag;
    } else if (const auto state = take_state()) {
      last_words_.emplace<status_record>() = state->first;
      last_words_tag_ = state->second;
    } else {
      return {};
    }
    return {&last_words_, *last_words_tag_, {}};
  }
  void put(const status_record& record, line_tag tag) noexcept {
    ring_.try_claim()->emplace<status_record>() = record;
    ring_.publish(tag);
  }

  [[nodiscard]] slot wait_for_room(std::size_t level_count) noexcept {
    wake_consumer();  // it may sleep on what this drain has already published
    adaptive_idle waiting{producer_spot_, {}, {.spins = 256, .yields = 0}};
    while (!given_up()) {
      if (slot room = try_claim(level_count); room.payload != nullptr) return room;
      if (level_count > levels_.capacity()) break;  // will never fit
      waiting.idle(0);
    }
    return {};
  }
  [[nodiscard]] bool given_up() const noexcept {
    return interrupted_.load(std::memory_order_acquire) || closed_by_consumer();
  }

  spsc_ring<tick_payload> ring_;
  payload_arena<raw_level> levels_;
  symbol_table& symbols_;
  overflow when_full_;
  parking_spot consumer_spot_;
  parking_spot producer_spot_;
  std::atomic<bool> producer_closed_{false};
  std::atomic<bool> consumer_closed_{false};
  std::atomic<bool> interrupted_{false};
  std::atomic<std::uint64_t> dropped_{0};   // written by the producer
  tick_payload last_words_;                 // consumer's thread
  std::optional<line_tag> last_words_tag_;  // consumer's thread: there are some
  debts debts_;
  // the producer's own
  alignas(cache_line) bool news_{false};
};

}  // namespace detail
}  // namespace foxtrot::inline v0

// foxtrot/market/detail/conflated_channel.hpp: the latest event of each symbol and kind for one consumer.

// foxtrot/market/detail/key_numbers.hpp: keys as small numbers, in the order in which they come.

namespace foxtrot::inline v0::detail {

/// Numbers from 0 up to a limit, for keys that are never forgotten. Allocates in the constructor only. One thread gives
/// the numbers, any may look them up. Relaxed throughout: a key and its number are one word, and nothing else hangs on
/// it.
class key_numbers {
 public:
  explicit key_numbers(std::size_t most) : cells_(std::bit_ceil(2 * most + 1)), most_{most} {}

  /// The number of a key, new or known; the limit or more where there is none left. The one thread.
  [[nodiscard]] std::size_t of(std::uint32_t key) noexcept {
    const std::size_t at = place_of(key);
    if (const std::uint64_t here = cells_[at].load(std::memory_order_relaxed); here != 0) return number_in(here);
    if (used_ == most_) return most_;
    cells_[at].store(std::uint64_t{key} << 32 | ++used_, std::memory_order_relaxed);
    return used_ - 1;
  }

  /// The number of a known key, else the limit. Any thread.
  [[nodiscard]] std::size_t find(std::uint32_t key) const noexcept {
    const std::uint64_t here = cells_[place_of(key)].load(std::memory_order_relaxed);
    return here != 0 && here >> 32 == key ? number_in(here) : most_;
  }

 private:
  // Where the key is, or else the first empty cell that it could be in. Half of the cells stay empty: it ends.
  [[nodiscard]] std::size_t place_of(std::uint32_t key) const noexcept {
    const std::size_t mask = cells_.size() - 1;
    for (std::size_t at = hash(key);; ++at) {
      const std::uint64_t here = cells_[at & mask].load(std::memory_order_relaxed);
      if (here == 0 || here >> 32 == key) return at & mask;
    }
  }
  [[nodiscard]] static constexpr std::size_t number_in(std::uint64_t cell) noexcept {
    return static_cast<std::uint32_t>(cell) - 1;
  }
  [[nodiscard]] static constexpr std::size_t hash(std::uint32_t key) noexcept {
    return static_cast<std::size_t>((key * std::uint64_t{0x9e3779b97f4a7c15}) >> 32);
  }

  std::vector<std::atomic<std::uint64_t>> cells_;  // key and, in the lower half, its number plus one; 0: empty
  std::size_t most_;
  std::uint32_t used_{0};  // the one thread's
};

}  // namespace foxtrot::inline v0::detail

namespace foxtrot::inline v0::detail {

/// Ticks overwrite each other in a table; status events wait in a queue. Both are numbered, so that no tick is shown
/// before a status that came earlier, and none after one that came later. Producer functions belong to the network
/// thread, consumer functions to one strategy thread. What latest() looks at is only read by it, so that it takes
/// nothing from the consumer.
class conflated_channel : private live_object<conflated_channel> {
 public:
  /// Levels of the longest book that fits: twenty on either side, the venue's deepest partial book.
  static constexpr std::size_t book_levels = 40;

  conflated_channel(const subscription_settings& wanted, symbol_table& symbols)
      : status_{status_settings(wanted), symbols},
        symbols_in_{symbols_in(wanted)},
        columns_{columns_of(wanted.kinds)},
        lines_{columns_.count * symbols_in_, memory_or_heap(wanted.memory)},
        books_{books_in(wanted), memory_or_heap(wanted.memory)},
        wides_{wides_in(wanted), memory_or_heap(wanted.memory)},
        row_of_symbol_(symbol_table::max_symbols + 1),
        row_of_book_{books_.keys()},
        row_of_wide_{wides_.keys()} {}

  // --- network thread ---

  void put(const tick_payload& line, tick_tag tag, std::span<const raw_level> body) noexcept {
    // a change is worth nothing without those before it, and what is unknown may be one
    if (tag.kind == tick_kind::depth_update || tag.kind == tick_kind::unknown_event) return;
    ++position_;
    if (!find_place(line, tag, body)) return status_.lose_one();
    status_.note_news();
  }
  void put_status(status_record record, line_tag tag) noexcept {
    record.position = ++position_;
    note_connection(record.code);
    status_.publish_status(status_.claim(0), record, tag);
  }
  void wake_consumer() noexcept { status_.wake_consumer(); }
  void close_by_producer() noexcept { status_.close_by_producer(); }
  [[nodiscard]] bool closed_by_consumer() const noexcept { return status_.closed_by_consumer(); }

  // --- consumer: one strategy thread ---

  [[nodiscard]] waiting_event front() noexcept {
    if (held_) return shown();
    // Looked up before the sweep: whatever was stored before this status is dirty by then, and the sweep finds it. If
    // there is none yet, one that comes meanwhile waits for the next look.
    const waiting_event status = status_.front();
    return take_tick() ? shown() : status;
  }
  void pop(const waiting_event& oldest) noexcept {
    if (oldest.payload == &line_) {
      held_ = false;
    } else {
      status_.pop(oldest);
    }
  }
  void close_by_consumer() noexcept { status_.close_by_consumer(); }
  [[nodiscard]] bool closed_by_producer() const noexcept { return status_.closed_by_producer(); }
  void wake_producer() noexcept {}  // never waits
  [[nodiscard]] parking_spot& consumer_spot() noexcept { return status_.consumer_spot(); }
  [[nodiscard]] const symbol_table& symbols() const noexcept { return status_.symbols(); }
  /// Symbols.
  [[nodiscard]] std::size_t capacity() const noexcept { return symbols_in_; }

  // --- any thread ---

  [[nodiscard]] std::uint64_t dropped() const noexcept { return status_.dropped(); }

  /// Calls `told` with the latest event of a kind and symbol, and, if they are klines or tickers, of this interval or
  /// window. False where there is none, or none since the connection was lost. It stays to be read.
  template <event_handler Told>
  bool latest(tick_kind kind, symbol_id symbol, std::uint8_t part, Told&& told) const {
    if (symbol == symbol_id::none) return false;
    if (!has_body(kind)) {
      const std::size_t column = columns_.of[static_cast<std::size_t>(kind)];
      return column != no_column && tell_entry(lines_, known_row_of(symbol) * columns_.count + column, told);
    }
    if (kind == tick_kind::depth_snapshot)
      return tell_entry(books_, row_of_book_.find(static_cast<std::uint32_t>(symbol)), told);
    return tell_entry(wides_, row_of_wide_.find(wide_key(symbol, kind, part)), told);
  }

 private:
  static constexpr std::size_t no_row = std::numeric_limits<std::uint32_t>::max();  // beyond every table

  // Each kind of one line that is wanted has a place in a symbol's row.
  struct columns {
    std::array<std::uint8_t, tick_kind_count> of{};
    std::size_t count{0};
  };
  [[nodiscard]] static columns columns_of(kind_set wanted) noexcept {
    columns made;
    for (std::size_t i = 0; i < tick_kind_count; ++i) {
      const auto kind = static_cast<tick_kind>(i);
      const bool has_one = kind != tick_kind::status && !has_body(kind) && wanted.contains(kind);
      made.of[i] = has_one ? static_cast<std::uint8_t>(made.count++) : no_column;
    }
    return made;
  }
  static constexpr std::uint8_t no_column = 0xff;
  // A line and its body, as far as it is used.
  template <std::size_t Units>
  struct with_body {
    tick_payload line;
    std::array<raw_level, Units> body;
  };
  using book = with_body<book_levels>;
  using wide = with_body<largest_wide_body>;

  // False: there is no place for it.
  [[nodiscard]] bool find_place(const tick_payload& line, tick_tag tag, std::span<const raw_level> body) noexcept {
    if (!has_body(tag.kind)) return put_line(line, tag);
    if (tag.kind == tick_kind::depth_snapshot)
      return put_body(books_, row_of_book_.of(static_cast<std::uint32_t>(symbol_of(line))), line, tag, body);
    return put_body(wides_, row_of_wide(line, tag.kind, body), line, tag, body);
  }
  [[nodiscard]] bool put_line(const tick_payload& line, tick_tag tag) noexcept {
    const std::size_t column = columns_.of[static_cast<std::size_t>(tag.kind)];
    const std::size_t row = row_of(symbol_of(line));
    if (column == no_column || row >= symbols_in_) return false;
    lines_.store(row * columns_.count + column, line, position_, tag.packed());
    return true;
  }
  template <class Entry>
  [[nodiscard]] bool put_body(conflating_table<Entry>& table, std::size_t row, const tick_payload& line, tick_tag tag,
                              std::span<const raw_level> body) noexcept {
    Entry made;
    if (row >= table.keys() || body.size() > made.body.size()) return false;
    made.line = line;
    std::copy_n(body.begin(), body.size(), made.body.begin());
    table.store_prefix(row, made, offsetof(Entry, body) + body.size_bytes(), position_, tag.packed());
    return true;
  }

  // Symbols get rows as they come.
  [[nodiscard]] std::size_t row_of(symbol_id symbol) noexcept {
    const std::size_t known = known_row_of(symbol);
    if (known != no_row) return known;
    row_of_symbol_[static_cast<std::size_t>(symbol)].store(++rows_, std::memory_order_relaxed);  // see there
    return rows_ - 1;
  }
  [[nodiscard]] std::size_t known_row_of(symbol_id symbol) const noexcept {
    const std::uint32_t row = row_of_symbol_[static_cast<std::size_t>(symbol)].load(std::memory_order_relaxed);
    return row != 0 ? row - 1 : no_row;
  }
  // And so does what has a body, for each interval of klines and each window of tickers.
  [[nodiscard]] std::size_t row_of_wide(const tick_payload& line, tick_kind kind,
                                        std::span<const raw_level> body) noexcept {
    std::uint8_t part = 0;
    if (kind == tick_kind::kline) part = static_cast<std::uint8_t>(read_body<kline_body>(body).interval);
    if (kind == tick_kind::ticker) part = static_cast<std::uint8_t>(read_body<ticker_body>(body).window);
    return row_of_wide_.of(wide_key(symbol_of(line), kind, part));
  }
  [[nodiscard]] static constexpr std::uint32_t wide_key(symbol_id symbol, tick_kind kind, std::uint8_t part) noexcept {
    return static_cast<std::uint32_t>(symbol) | static_cast<std::uint32_t>(kind) << 16 | std::uint32_t{part} << 24;
  }
  [[nodiscard]] static std::size_t symbols_in(const subscription_settings& wanted) noexcept {
    const std::size_t named = wanted.symbols.empty() ? symbol_table::max_symbols + 1 : wanted.symbols.size();
    return std::clamp(std::min(wanted.capacity, named), std::size_t{1}, symbol_table::max_symbols + 1);
  }
  [[nodiscard]] static std::size_t books_in(const subscription_settings& wanted) noexcept {
    if (!wanted.kinds.contains(tick_kind::depth_snapshot)) return 0;
    return std::min(wanted.level_capacity / book_levels, symbols_in(wanted));
  }
  [[nodiscard]] static std::size_t wides_in(const subscription_settings& wanted) noexcept {
    const auto parts = [&wanted](tick_kind kind, std::size_t count) { return wanted.kinds.contains(kind) ? count : 0; };
    const std::size_t each_symbol = parts(tick_kind::mini_ticker, 1) + parts(tick_kind::mark_price, 1) +
                                    parts(tick_kind::liquidation, 1) + parts(tick_kind::ticker, ticker_window_count) +
                                    parts(tick_kind::kline, kline_interval_count);
    return std::min(wanted.level_capacity / largest_wide_body, symbols_in(wanted) * each_symbol);
  }
  [[nodiscard]] static subscription_settings status_settings(const subscription_settings& wanted) {
    return {.when_full = overflow::drop_newest, .capacity = 1024, .level_capacity = 2, .memory = wanted.memory};
  }

  void note_connection(status_code code) noexcept {
    if (code == status_code::connected) connected_ = true;
    // failing attempts lose nothing: what came meanwhile came by another way
    if (code != status_code::disconnected || !connected_) return;
    connected_ = false;
    lost_at_.store(position_, std::memory_order_release);  // before the status itself: who was told of it sees this
  }

  [[nodiscard]] static const tick_payload& line_in(const tick_payload& entry) noexcept { return entry; }
  [[nodiscard]] static std::span<const raw_level> body_in(const tick_payload&) noexcept { return {}; }
  template <std::size_t Units>
  [[nodiscard]] static const tick_payload& line_in(const with_body<Units>& entry) noexcept {
    return entry.line;
  }
  template <std::size_t Units>
  [[nodiscard]] static std::span<const raw_level> body_in(const with_body<Units>& entry) noexcept {
    return std::span{entry.body}.first(std::min(body_size(entry.line), Units));
  }

  template <class Entry, class Told>
  bool tell_entry(const conflating_table<Entry>& table, std::size_t row, Told& told) const {
    Entry found;
    std::uint64_t position = 0;
    line_tag tag;
    if (row >= table.keys() || !table.try_load(row, found, position, tag)) return false;
    if (position < lost_at_.load(std::memory_order_acquire)) return false;
    told(event{line_in(found), tag, body_in(found), symbols()});
    return true;
  }

  [[nodiscard]] waiting_event shown() const noexcept { return {&line_, tag_, {body_.data(), body_size_}}; }

  // The next tick that no status precedes goes to line_.
  bool take_tick() noexcept {
    const auto take = [this](std::size_t, const auto& entry, std::uint64_t position, line_tag tag) {
      // Looked up now, not before: the tick was stored after the status was queued, so having one is seeing the other.
      if (status_precedes(position)) return false;
      const std::span<const raw_level> body = body_in(entry);
      line_ = line_in(entry);
      tag_ = tag;
      body_size_ = body.size();
      std::copy(body.begin(), body.end(), body_.begin());
      return held_ = true;
    };
    // each table is the first in turn: none keeps the others from being heard
    constexpr unsigned tables = 3;
    const unsigned first = turn_++;
    for (unsigned i = 0; i < tables; ++i) {
      switch ((first + i) % tables) {
        case 0:
          if (books_.any_dirty() && books_.consume(1, take) != 0) return true;
          break;
        case 1:
          if (lines_.any_dirty() && lines_.consume(1, take) != 0) return true;
          break;
        default:
          if (wides_.any_dirty() && wides_.consume(1, take) != 0) return true;
          break;
      }
    }
    return false;
  }
  [[nodiscard]] bool status_precedes(std::uint64_t position) noexcept {
    const waiting_event oldest = status_.front();
    return oldest.payload != nullptr && oldest.payload->as<status_record>().position < position;
  }

  channel status_;
  const std::size_t symbols_in_;
  const columns columns_;
  conflating_table<tick_payload> lines_;
  conflating_table<book> books_;
  conflating_table<wide> wides_;

  // Written by the network thread, read by any. Rows are relaxed: whether something stands there the table says.
  std::vector<std::atomic<std::uint32_t>> row_of_symbol_;  // by id; plus one
  key_numbers row_of_book_;                                // by symbol
  key_numbers row_of_wide_;                                // by symbol, kind and interval or window
  std::atomic<std::uint64_t> lost_at_{0};                  // the event that told of the connection's last loss

  // network thread
  alignas(cache_line) std::uint64_t position_{0};  // of the last event
  std::uint32_t rows_{0};                          // given to symbols
  bool connected_{false};

  // consumer's thread
  alignas(cache_line) unsigned turn_{0};
  bool held_{false};  // line_, tag_ and body_ are an event
  line_tag tag_;
  tick_payload line_;
  std::size_t body_size_{0};
  std::array<raw_level, book_levels> body_;
};

}  // namespace foxtrot::inline v0::detail

namespace foxtrot::inline v0::detail {

/// A queue that waits or drops, or a table that conflates. Copies are the same outlet.
class outlet : private live_object<outlet> {
 public:
  outlet(consumer_filter filter, std::shared_ptr<channel> queue) noexcept
      : filter_{std::move(filter)}, queue_{std::move(queue)} {}
  outlet(consumer_filter filter, std::shared_ptr<conflated_channel> table) noexcept
      : filter_{std::move(filter)}, table_{std::move(table)} {}

  [[nodiscard]] bool wants(tick_kind kind, symbol_id symbol) const noexcept { return filter_.wants(kind, symbol); }
  [[nodiscard]] bool wants(tick_kind kind) const noexcept { return filter_.wants(kind); }
  [[nodiscard]] friend bool same(const outlet& a, const outlet& b) noexcept {
    return a.queue_ == b.queue_ && a.table_ == b.table_;
  }

  /// Where events can be written in place; nullptr where they cannot.
  [[nodiscard]] channel* in_place() const noexcept { return queue_.get(); }
  /// Whether an event with so many levels would have to wait for room.
  [[nodiscard]] bool would_wait(std::size_t level_count) const noexcept {
    return queue_ != nullptr && queue_->waits() && queue_->try_claim(level_count).payload == nullptr;
  }

  /// May wait, where would_wait() says so.
  void put(const tick_payload& line, tick_tag tag, std::span<const raw_level> body) const noexcept {
    if (table_ != nullptr) return table_->put(line, tag, body);
    const channel::slot room = queue_->claim(body.size());
    if (room.payload == nullptr) return;
    *room.payload = line;
    std::copy_n(body.begin(), body.size(), room.body.elements.begin());
    if (has_body(tag.kind)) set_body_position(*room.payload, room.body.position);
    queue_->publish(room, body.size(), tag.packed());
  }
  void put_status(const status_record& record, line_tag tag) const noexcept {
    if (table_ != nullptr) return table_->put_status(record, tag);
    queue_->publish_status(queue_->claim(0), record, tag);
  }
  void wake_consumer() const noexcept {
    if (table_ != nullptr) return table_->wake_consumer();
    queue_->wake_consumer();
  }

  // Any thread.
  [[nodiscard]] bool closed_by_consumer() const noexcept {
    return table_ != nullptr ? table_->closed_by_consumer() : queue_->closed_by_consumer();
  }
  /// Neither its consumer nor the network thread knows it any more. By whoever keeps others from copying it.
  [[nodiscard]] bool is_forsaken() const noexcept {
    return closed_by_consumer() && queue_.use_count() + table_.use_count() == 1;
  }
  void close_by_producer() const noexcept {
    if (table_ != nullptr) return table_->close_by_producer();
    queue_->close_by_producer();
  }
  void interrupt(bool on) const noexcept {
    if (queue_ != nullptr) queue_->interrupt(on);
  }

 private:
  consumer_filter filter_;
  std::shared_ptr<channel> queue_;
  std::shared_ptr<conflated_channel> table_;
};

}  // namespace foxtrot::inline v0::detail

// foxtrot/market/detail/feed_cursor.hpp: one drop_oldest consumer's place in its feed's ring.

// foxtrot/market/detail/feed_ring.hpp: the one ring of a feed that all its drop_oldest consumers read.

// foxtrot/queue/broadcast_ring.hpp: one producer that never waits, any number of readers that come and go.

namespace foxtrot::inline v0 {

/// What a look at the next event of a broadcast_ring found. `lapped`: the producer has overwritten it, and the reader
/// went on to newer ones.
enum class read_outcome : std::uint8_t { empty, read, lapped };

[[nodiscard]] constexpr std::string_view to_string(read_outcome outcome) noexcept {
  switch (outcome) {
    case read_outcome::empty: return "empty";
    case read_outcome::read: return "read";
    case read_outcome::lapped: return "lapped";
  }
  return "?";
}

namespace detail {

/// What a line's word says while event number `position` is being written over an older one: the word of the event
/// after it, which belongs to another line of any ring of two lines or more and so is no word of this one. That holds
/// over the wrap of the 40 bits too, for the number of lines divides 2^40, and however lines are scattered, as long as
/// two positions share a line only when a multiple of the number of lines lies between them.
[[nodiscard]] constexpr std::uint64_t mark_of(std::uint64_t position) noexcept { return word_of(position + 1, {}); }

/// How far what `word` says lies ahead of event number `position`: 40 bits and their sign.
[[nodiscard]] constexpr std::int64_t word_ahead_of(std::uint64_t word, std::uint64_t position) noexcept {
  constexpr unsigned rest = 64 - position_bits;
  return static_cast<std::int64_t>((word - (position + 1)) << rest) >> rest;
}

/// For a reader at `position` whose line does not hold its event: whether that is because the event is still to come.
/// Ahead by 1 is the mark of this very event; an older word, an older mark and a fresh zero are behind; a newer word is
/// ahead by the number of lines at least, which is 2 or more, and a newer mark by one more than that.
[[nodiscard]] constexpr bool is_still_to_come(std::uint64_t word, std::uint64_t position) noexcept {
  return word_ahead_of(word, position) <= 1;
}

/// A line that is copied while it may be overwritten: nothing in it is plain, so a torn copy is a value to be thrown
/// away and not a data race.
template <line_payload T>
struct alignas(cache_line) broadcast_line {
  static constexpr std::size_t word_bytes = sizeof(std::uint64_t);
  static constexpr std::size_t used = (sizeof(T) + word_bytes - 1) / word_bytes;

  std::atomic<std::uint64_t> word{0};
  std::atomic<std::uint64_t> payload[line_payload_bytes / word_bytes]{};

  /// Producer: puts event number `position` here, over an older one.
  void fill(std::uint64_t position, const T& item, line_tag tag) noexcept {
    // release: whoever acquires the mark finds head_ at `position` at least (see reader::resume())
    word.store(mark_of(position), std::memory_order_release);
    fill_payload(&item, std::make_index_sequence<used>{});
    word.store(word_of(position, tag), std::memory_order_release);  // carries the payload to copy_if()
  }

  /// Reader: copies the payload to `to` if it is that of `seen`, a word just acquired from here, and all of it is.
  [[nodiscard]] bool copy_if(std::uint64_t seen, void* to) const noexcept {
    return copy_if(seen, to, std::make_index_sequence<used>{});
  }

 private:
  // How much of the payload is in word number `index`.
  static constexpr std::size_t bytes_of(std::size_t index) noexcept {
    return std::min(word_bytes, sizeof(T) - index * word_bytes);
  }

  // Both copies are written out, word by word. Through an array in a loop, g++ stores eight bytes at a time and loads
  // sixteen, which the store buffer cannot forward: twice the time.
  template <std::size_t... Index>
  void fill_payload(const void* from, std::index_sequence<Index...>) noexcept {
    const auto part = [from](auto index) {
      std::uint64_t value{0};
      std::memcpy(&value, static_cast<const std::byte*>(from) + index * word_bytes, bytes_of(index));
      return value;
    };
    // release: keeps the mark before each of them. A reader that acquires a word of the new payload has the mark, or
    // something later, in front of its second look.
    (payload[Index].store(part(std::integral_constant<std::size_t, Index>{}), std::memory_order_release), ...);
  }

  template <std::size_t... Index>
  [[nodiscard]] bool copy_if(std::uint64_t seen, void* to, std::index_sequence<Index...>) const noexcept {
    // No word is older than `seen`: its acquire saw them all stored. One that is newer is seen with the mark that went
    // before it (acquire, of fill_payload()'s release), so the second look, which may be relaxed as it is about this
    // one atomic only, cannot find `seen` again: that stands before the mark in the order of the word's values.
    const std::uint64_t copy[]{payload[Index].load(std::memory_order_acquire)...};
    if (word.load(std::memory_order_relaxed) != seen) [[unlikely]]
      return false;
    (std::memcpy(static_cast<std::byte*>(to) + Index * word_bytes, &copy[Index], bytes_of(Index)), ...);
    return true;
  }
};

}  // namespace detail

/// Every reader sees every event that it comes for in time; one that comes too late is told how many it lost. The
/// producer overwrites the oldest event and knows nothing of its readers, so that none of them can hold it up, and
/// they may appear and vanish in any thread without a word. A reader that is up to date looks at the line of the next
/// event only, so a hand-off costs one cache-line transfer for each of them. Memory is allocated and touched once, in
/// the constructor; nothing afterwards allocates, locks or enters the kernel. Larger events: see overwriting_arena.
template <line_payload T>
class broadcast_ring : private live_object<broadcast_ring<T>> {
  using slot = detail::broadcast_line<T>;

 public:
  using value_type = T;
  class reader;

  /// Room for at least `minimum` events, rounded up to a power of two, two or more: see capacity(). `memory` must
  /// outlive the ring (huge_page_resource is one to try); it is used here and in the destructor only.
  explicit broadcast_ring(std::size_t minimum, std::pmr::memory_resource& memory = *std::pmr::new_delete_resource())
      : store_{minimum, memory} {
    producer_.lines = store_.view();
  }
  broadcast_ring(const broadcast_ring&) = delete;
  broadcast_ring& operator=(const broadcast_ring&) = delete;

  /// Events that can still be read while nothing is being published, exactly.
  [[nodiscard]] std::size_t capacity() const noexcept { return store_.view().count(); }

  /// Makes `item` the newest event, over the oldest one. The producer's thread; never fails, never waits.
  void publish(const T& item, line_tag tag = {}) noexcept {
    const detail::line_view<slot> lines = producer_.lines;
    const std::uint64_t position = producer_.position;
    prefetch_for_write(&lines[position + detail::write_ahead]);
    lines[position].fill(position, item, tag);
    producer_.position = position + 1;
    // release: to whoever acquires it, no event before it is still to come
    head_.store(position + 1, std::memory_order_release);
  }

  /// Events published so far: the number of the next one. Any thread; each look costs the producer a little.
  [[nodiscard]] std::uint64_t published() const noexcept { return head_.load(std::memory_order_acquire); }

 protected:
  /// A ring that has published `position` events already, the last of them zeros: for tests of what happens years
  /// later.
  broadcast_ring(std::size_t minimum, std::pmr::memory_resource& memory, std::uint64_t position)
      : broadcast_ring{minimum, memory} {
    producer_.position = position;
    head_.store(position, std::memory_order_relaxed);  // nobody else is here yet, as for the words
    for (std::uint64_t next = position; next < position + capacity(); ++next) {
      producer_.lines[next].word.store(detail::word_of(next - capacity(), {}), std::memory_order_relaxed);
    }
  }

 private:
  struct alignas(cache_line) side {
    detail::line_view<slot> lines;
    std::uint64_t position{0};
  };

  detail::line_store<slot> store_;                          // read by all, written by none
  side producer_;                                           // producer's thread
  alignas(cache_line) std::atomic<std::uint64_t> head_{0};  // written by the producer, after the line
};

/// A place in the sequence of a ring's events. A small value: a copy goes on from the same place, on its own. One
/// thread at a time; the ring must outlive it. It must look at least once in 2^39 events (15 hours at 10 million a
/// second): a line's word has no more bits to tell an event still to come from one long gone.
template <line_payload T>
class broadcast_ring<T>::reader {
 public:
  using value_type = T;
  using outcome = read_outcome;

  /// Begins with the next event to be published.
  explicit reader(const broadcast_ring& ring) noexcept : reader{ring, ring.published()} {}

  /// Begins with event number `position`, less than 2^39 away from published(). Where that is gone already, the events
  /// up to the oldest one read count as lost.
  reader(const broadcast_ring& ring, std::uint64_t position) noexcept
      : lines_{ring.store_.view()}, head_{&ring.head_}, position_{position} {}

  /// Copies the next event, if there is one. `lapped`: it was overwritten before it could be read; nothing was, the
  /// cursor stands half a ring before the newest event and lost() has grown by exactly the number skipped. Only where
  /// it says `read` are `item` and `tag` touched.
  [[nodiscard]] outcome try_read(T& item, line_tag& tag) noexcept { return look(&item, tag); }

  /// Copies the next event there is, going over losses, which lost() counts; false while there is none.
  [[nodiscard]] bool try_pop(T& item) noexcept {
    line_tag tag;
    return take(&item, tag);
  }

  /// Calls `visit(const T&, line_tag)`, or `visit(const T&)`, with a copy of each of up to `max` events, going over
  /// losses, and returns their number. Inside `visit`, position() and lost() already include that event and whatever
  /// was lost before it; where `visit` throws, the event counts as read.
  template <line_visitor<T> Visitor>
  std::size_t consume(std::size_t max, Visitor&& visit) {
    alignas(T) std::byte copy[sizeof(T)];
    line_tag tag;
    std::size_t done = 0;
    for (; done < max && take(copy, tag); ++done) {
      detail::show(visit, *std::launder(reinterpret_cast<const T*>(copy)), tag);
    }
    return done;
  }

  /// Whether the next look would find nothing; a moment later there may be something.
  [[nodiscard]] bool empty() const noexcept {
    const std::uint64_t word = lines_[position_].word.load(std::memory_order_acquire);
    return !detail::word_is_at(word, position_) && detail::is_still_to_come(word, position_);
  }

  /// Events skipped so far because they were overwritten first. Those read are position() less the first position, less
  /// these.
  [[nodiscard]] std::uint64_t lost() const noexcept { return lost_; }
  /// The number of the next event.
  [[nodiscard]] std::uint64_t position() const noexcept { return position_; }
  /// Events published and not yet read; more than the capacity if the next look will find itself lapped. Looks at what
  /// the producer writes at every event: now and then, not at each.
  [[nodiscard]] std::uint64_t lag() const noexcept {
    const std::uint64_t head = head_->load(std::memory_order_acquire);
    return head > position_ ? head - position_ : 0;  // an event can be read a moment before the head shows it
  }

 private:
  [[nodiscard]] outcome look(void* to, line_tag& tag) noexcept {
    const slot& line = lines_[position_];
    const std::uint64_t word = line.word.load(std::memory_order_acquire);  // pairs with fill(), carries the payload
    if (!detail::word_is_at(word, position_)) [[unlikely]] {
      // told by this line alone: a look at head_ would take a second line from the producer for every event
      return detail::is_still_to_come(word, position_) ? outcome::empty : resume();
    }
    if (!line.copy_if(word, to)) [[unlikely]]
      return resume();
    tag = detail::tag_of(word);
    ++position_;
    return outcome::read;
  }

  [[nodiscard]] bool take(void* to, line_tag& tag) noexcept {
    for (;;) {
      const outcome found = look(to, tag);
      if (found != outcome::lapped) return found == outcome::read;
    }
  }

  // The cursor's event is overwritten. The one half a ring before the head is whole and stays until half a ring more
  // has been published, one event at least: who is lapped again has been outrun by that many, and as soon as the
  // producer pauses the next look reads. (A ring of one line would resume at an event that is yet to come.)
  [[gnu::noinline]] outcome resume() noexcept {
    // The look that brought us here may have been the relaxed one. This one finds the mark of an event a lap ahead, or
    // something later, and acquires it: so head_ is a lap ahead at least, and the cursor moves forward.
    static_cast<void>(lines_[position_].word.load(std::memory_order_acquire));
    const std::uint64_t head = head_->load(std::memory_order_acquire);  // what lies before it is not still to come
    const std::uint64_t next = head - lines_.count() / 2;
    lost_ += next - position_;
    position_ = next;
    return outcome::lapped;
  }

  detail::line_view<slot> lines_;
  const std::atomic<std::uint64_t>* head_;
  std::uint64_t position_;
  std::uint64_t lost_{0};
};

}  // namespace foxtrot::inline v0

// foxtrot/queue/overwriting_arena.hpp: contiguous bodies beside a broadcast ring, for events of more than one line.

namespace foxtrot::inline v0 {

/// A circular store of `T`s for one producer that never waits and overwrites the oldest; see payload_arena for one that
/// waits. A body is never split at the end of the store. It is named by its position, a count of elements that never
/// repeats, which travels to readers in a broadcast_ring's record; that record's publication also publishes the body.
template <class T>
  requires(std::is_trivially_copyable_v<T> && sizeof(T) % sizeof(std::uint64_t) == 0)
class overwriting_arena : private live_object<overwriting_arena<T>> {
 public:
  /// What publish() returns for a body that is longer than the store. No body has it for a position.
  static constexpr std::uint64_t refused = ~std::uint64_t{0};

  /// Room for at least `minimum` elements, rounded up to a power of two, two or more: see capacity(). Pages are touched
  /// here. `memory` must outlive the arena; it is used here and in the destructor only.
  explicit overwriting_arena(std::size_t minimum, std::pmr::memory_resource& memory = *std::pmr::new_delete_resource())
      : memory_{&memory}, capacity_{std::bit_ceil(std::clamp(minimum, std::size_t{2}, most))} {
    words_ = static_cast<std::atomic<std::uint64_t>*>(memory.allocate(capacity_ * sizeof(T), cache_line));
    std::uninitialized_value_construct_n(words_, capacity_ * words_each);
  }
  overwriting_arena(const overwriting_arena&) = delete;
  overwriting_arena& operator=(const overwriting_arena&) = delete;
  ~overwriting_arena() { memory_->deallocate(words_, capacity_ * sizeof(T), cache_line); }

  /// Elements of the longest body. A body can be copied until more than this has been published from its position on.
  [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }

  /// Copies `body` in, over the oldest ones, and returns its position. The producer's thread; never waits. A body
  /// longer than capacity() is `refused`: nothing changes.
  [[nodiscard]] std::uint64_t publish(std::span<const T> body) noexcept {
    if (body.size() > capacity_) return refused;
    const std::size_t left = capacity_ - offset_of(next_);
    const std::uint64_t position = body.size() <= left ? next_ : next_ + left;
    next_ = position + body.size();
    // relaxed: the words that follow, each stored with release, keep it before them
    reserved_.store(next_, std::memory_order_relaxed);
    std::atomic<std::uint64_t>* to = words_ + offset_of(position) * words_each;
    const auto* from = reinterpret_cast<const std::byte*>(body.data());
    for (std::size_t i = 0; i < body.size() * words_each; ++i) {
      std::uint64_t word;
      std::memcpy(&word, from + i * sizeof word, sizeof word);
      to[i].store(word, std::memory_order_release);  // pairs with try_copy()
    }
    return position;
  }

  /// Copies the body that a record names to `to`. False where the producer has overtaken it, before or meanwhile:
  /// what stands in `to` then means nothing. Any thread that has read the record.
  [[nodiscard]] bool try_copy(std::uint64_t position, std::size_t count, T* to) const noexcept {
    if (!holds(position, count) || count > capacity_ - offset_of(position)) return false;
    const std::atomic<std::uint64_t>* from = words_ + offset_of(position) * words_each;
    auto* bytes = reinterpret_cast<std::byte*>(to);
    for (std::size_t i = 0; i < count * words_each; ++i) {
      // No word is older than the body: the record's acquire saw them all stored. One that is newer is acquired from
      // its publish() and with it what reserved_ was set to before, which the second look cannot miss.
      const std::uint64_t word = from[i].load(std::memory_order_acquire);
      std::memcpy(bytes + i * sizeof word, &word, sizeof word);
    }
    return holds(position, count);
  }

 private:
  static_assert(std::atomic<std::uint64_t>::is_always_lock_free);
  static_assert(sizeof(std::atomic<std::uint64_t>) == sizeof(std::uint64_t));
  static constexpr std::size_t words_each = sizeof(T) / sizeof(std::uint64_t);
  static constexpr std::size_t most = std::size_t{1} << 40;  // memory ends long before

  [[nodiscard]] std::size_t offset_of(std::uint64_t position) const noexcept {
    return static_cast<std::size_t>(position) & (capacity_ - 1);
  }

  // Published, and nothing reserved since reaches it: an element goes when the one a lap ahead of it comes.
  [[nodiscard]] bool holds(std::uint64_t position, std::size_t count) const noexcept {
    // relaxed: see try_copy() for the second look; the first one follows the acquire of the record
    const std::uint64_t reserved = reserved_.load(std::memory_order_relaxed);
    return position <= reserved && count <= reserved - position && reserved - position <= capacity_;
  }

  std::pmr::memory_resource* memory_;
  std::size_t capacity_;
  std::atomic<std::uint64_t>* words_{nullptr};
  alignas(cache_line) std::uint64_t next_{0};                   // producer's thread
  alignas(cache_line) std::atomic<std::uint64_t> reserved_{0};  // written by the producer, before the words
};

}  // namespace foxtrot::inline v0

namespace foxtrot::inline v0::detail {

/// Both ends keep it alive. Publishing and waking belong to the network thread; readers are feed_cursors.
class feed_ring : private live_object<feed_ring> {
 public:
  feed_ring(const ring_settings& settings, const symbol_table& symbols)
      : events_{settings.capacity < 4 ? 4 : settings.capacity, memory_or_heap(settings.memory)},
        levels_{settings.level_capacity, memory_or_heap(settings.memory)},
        symbols_{symbols} {}

  // --- network thread ---

  void publish(const tick_payload& line, tick_tag tag, std::span<const raw_level> body) noexcept {
    if (body.empty()) return put(line, tag.packed());
    tick_payload copy = line;
    // `refused`, where it is longer than the arena, is a position that no reader finds anything at
    set_body_position(copy, levels_.publish(body));
    put(copy, tag.packed());
  }
  /// A state of the connection also where nobody reads: who comes later finds it.
  void publish_status(const status_record& record, line_tag tag) noexcept {
    if (is_connection_state(record.code)) connection_.store(0, record, events_.published(), tag);
    tick_payload line;
    line.emplace<status_record>() = record;
    put(line, tag);
  }
  /// Once per drain: wakes whoever sleeps, if something was published since.
  void wake_consumers() noexcept {
    if (!news_) return;
    news_ = false;
    spot_.wake();
  }
  [[nodiscard]] bool has_readers() const noexcept { return readers_.load(std::memory_order_acquire) != 0; }
  /// Whether one of them wants events of this kind.
  [[nodiscard]] bool is_wanted(tick_kind kind) const noexcept {
    return wanting_[static_cast<std::size_t>(kind)].load(std::memory_order_acquire) != 0;
  }

  // --- any thread ---

  /// No more events will come.
  void close() noexcept {
    closed_.store(true, std::memory_order_release);  // after the last event
    spot_.wake();
  }
  [[nodiscard]] bool closed() const noexcept { return closed_.load(std::memory_order_acquire); }
  void enter(const consumer_filter& wanted) noexcept {
    count_kinds(wanted, 1);
    readers_.fetch_add(1, std::memory_order_release);
  }
  /// With what it came with.
  void leave(const consumer_filter& wanted) noexcept {
    readers_.fetch_sub(1, std::memory_order_release);
    count_kinds(wanted, std::uint32_t{0} - 1);  // one less
  }

  [[nodiscard]] parking_spot& spot() noexcept { return spot_; }
  [[nodiscard]] const broadcast_ring<tick_payload>& events() const noexcept { return events_; }
  [[nodiscard]] const overwriting_arena<raw_level>& levels() const noexcept { return levels_; }
  [[nodiscard]] const symbol_table& symbols() const noexcept { return symbols_; }

  struct state {
    status_record record;
    line_tag tag;
  };
  /// The connection's last state, if an event before `position` said it: a later one is still to be heard. Whoever has
  /// seen events up to there finds at least what they said, for it is stored first.
  [[nodiscard]] std::optional<state> connection_before(std::uint64_t position) const noexcept {
    state found{};
    std::uint64_t at = 0;
    if (!connection_.try_load(0, found.record, at, found.tag) || at >= position) return std::nullopt;
    return found;
  }

 private:
  void count_kinds(const consumer_filter& wanted, std::uint32_t more) noexcept {
    for (std::size_t i = 0; i < tick_kind_count; ++i) {
      if (wanted.wants(static_cast<tick_kind>(i))) wanting_[i].fetch_add(more, std::memory_order_release);
    }
  }
  void put(const tick_payload& line, line_tag tag) noexcept {
    events_.publish(line, tag);
    news_ = true;
  }

  broadcast_ring<tick_payload> events_;
  overwriting_arena<raw_level> levels_;
  const symbol_table& symbols_;
  conflating_table<status_record> connection_{1};
  parking_spot spot_;
  std::atomic<bool> closed_{false};
  std::atomic<std::uint32_t> readers_{0};
  std::array<std::atomic<std::uint32_t>, tick_kind_count> wanting_{};  // of the readers, by kind
  alignas(cache_line) bool news_{false};                               // network thread
};

}  // namespace foxtrot::inline v0::detail

namespace foxtrot::inline v0::detail {

/// Belongs to one strategy thread, but for dropped(). Events are copied out of the ring and checked, so what front()
/// shows is whole and stays.
class feed_cursor : private live_object<feed_cursor> {
 public:
  feed_cursor(std::shared_ptr<feed_ring> ring, consumer_filter filter)
      : ring_{std::move(ring)},
        filter_{std::move(filter)},
        reader_{ring_->events()},
        connection_{ring_->connection_before(reader_.position())},
        body_{std::make_unique_for_overwrite<raw_level[]>(ring_->levels().capacity())} {
    ring_->enter(filter_);
  }
  feed_cursor(const feed_cursor&) = delete;
  feed_cursor& operator=(const feed_cursor&) = delete;
  ~feed_cursor() { ring_->leave(filter_); }

  /// The next wanted event. After a loss, and at the beginning, first how much was lost and the connection's state.
  [[nodiscard]] waiting_event front() noexcept {
    while (!held_ && (tell() || read())) {
    }
    return held_ ? waiting_event{&line_, tag_, {body_.get(), body_size_}} : waiting_event{};
  }
  void pop(const waiting_event&) noexcept { held_ = false; }

  [[nodiscard]] bool closed_by_producer() const noexcept { return ring_->closed(); }
  void close_by_consumer() noexcept {}  // the ring knows nothing of its readers
  void wake_producer() noexcept {}      // never waits
  [[nodiscard]] parking_spot& consumer_spot() noexcept { return ring_->spot(); }
  [[nodiscard]] const symbol_table& symbols() const noexcept { return ring_->symbols(); }
  [[nodiscard]] std::size_t capacity() const noexcept { return ring_->events().capacity(); }
  /// Any thread.
  [[nodiscard]] std::uint64_t dropped() const noexcept { return dropped_.load(std::memory_order_relaxed); }

 private:
  // One look at the ring. False where nothing came.
  bool read() noexcept {
    switch (reader_.try_read(line_, tag_)) {
      case read_outcome::empty: return false;
      case read_outcome::lapped: lose(reader_.lost() - std::exchange(lost_before_, reader_.lost())); return true;
      case read_outcome::read: break;
    }
    const tick_kind kind = tick_tag::unpack(tag_).kind;
    if (!filter_.wants(kind, symbol_of(line_))) return true;
    body_size_ = 0;
    if (has_body(kind)) {
      const std::size_t size = detail::body_size(line_);
      if (size != 0 && !ring_->levels().try_copy(body_position(line_), size, body_.get())) {
        lose(1);  // its body has been overwritten, if not itself, or never fitted
        return true;
      }
      body_size_ = size;
    }
    return held_ = true;
  }

  void lose(std::uint64_t count) noexcept {
    untold_ += count;
    dropped_.store(dropped_.load(std::memory_order_relaxed) + count, std::memory_order_relaxed);
    connection_ = ring_->connection_before(reader_.position());
  }

  // Makes the next line of what has to be told before the ring goes on. False where there is none left.
  bool tell() noexcept {
    if (untold_ != 0) return hold(told_of(std::exchange(untold_, 0)), status_tag);
    if (const auto state = std::exchange(connection_, std::nullopt)) return hold(state->record, state->tag);
    return false;
  }
  bool hold(const status_record& record, line_tag tag) noexcept {
    line_.emplace<status_record>() = record;
    tag_ = tag;
    body_size_ = 0;
    return held_ = true;
  }

  const std::shared_ptr<feed_ring> ring_;
  const consumer_filter filter_;
  broadcast_ring<tick_payload>::reader reader_;
  std::uint64_t lost_before_{0};  // of reader_.lost(): counted already

  // to be told before the ring goes on
  std::uint64_t untold_{0};
  std::optional<feed_ring::state> connection_;

  bool held_{false};  // line_, tag_ and body_ are an event
  line_tag tag_;
  tick_payload line_;
  std::size_t body_size_{0};
  const std::unique_ptr<raw_level[]> body_;  // touched as far as the longest body reached
  std::atomic<std::uint64_t> dropped_{0};
};

}  // namespace foxtrot::inline v0::detail

// foxtrot/market/detail/inbox.hpp: where a subscription's events come from, by whatever policy.

// foxtrot/market/detail/symbol_key.hpp: a symbol as callers have it: by name or by number.

namespace foxtrot::inline v0::detail {

/// An argument only: a name must outlive it.
class symbol_key {
 public:
  constexpr symbol_key(symbol_id id) noexcept : id_{id} {}
  template <std::convertible_to<std::string_view> Name>
  constexpr symbol_key(const Name& name) noexcept : name_{name} {}

  /// Its number in a table; none where that does not know the name. Any thread.
  [[nodiscard]] symbol_id in(const symbol_table& table) const noexcept {
    return id_ != symbol_id::none ? id_ : table.find(name_);
  }

 private:
  symbol_id id_{symbol_id::none};
  std::string_view name_;
};

}  // namespace foxtrot::inline v0::detail

// foxtrot/market/detail/symbol_states.hpp: what one consumer has been told of its symbols, against how things stand.

// foxtrot/market/detail/status_board.hpp: which symbols are silent or have a broken book, for who missed hearing it.

namespace foxtrot::inline v0::detail {

/// Bits by symbol.
inline constexpr std::size_t symbol_words = (symbol_table::max_symbols + 1) / 64;

/// What remains of a feed's status events about symbols. The network thread writes it before the event itself goes out,
/// so whoever has seen an event finds here at least what it said. A snapshot alone mends no book: it may be too old for
/// the updates that came meanwhile. Relaxed throughout: the events carry the order.
class status_board : private live_object<status_board> {
 public:
  /// Network thread.
  void note(const status_record& record) noexcept {
    switch (record.code) {
      case status_code::stale: set(silent_, record.symbol, true); break;
      case status_code::fresh: set(silent_, record.symbol, false); break;
      case status_code::resynchronised: set(broken_, record.symbol, false); break;
      case status_code::gap:
        if (record.gap_kind == tick_kind::depth_update) set(broken_, record.symbol, true);
        break;
      default: break;
    }
  }
  /// Network thread: a gap of depth updates has been told, and `resynchronised` not yet.
  [[nodiscard]] bool is_broken(symbol_id symbol) const noexcept {
    const auto index = static_cast<std::size_t>(symbol);
    return (broken(index / 64) >> index % 64 & 1U) != 0;
  }

  // --- any thread ---

  [[nodiscard]] std::uint64_t silent(std::size_t word) const noexcept {
    return silent_[word].load(std::memory_order_relaxed);
  }
  [[nodiscard]] std::uint64_t broken(std::size_t word) const noexcept {
    return broken_[word].load(std::memory_order_relaxed);
  }
  /// When something changed last, on epoch_clock; events received later come after it.
  [[nodiscard]] std::int64_t changed_ns() const noexcept { return changed_ns_.load(std::memory_order_relaxed); }

 private:
  using bits = std::array<std::atomic<std::uint64_t>, symbol_words>;

  void set(bits& where, symbol_id symbol, bool in) noexcept {
    const auto index = static_cast<std::size_t>(symbol);
    const std::uint64_t bit = std::uint64_t{1} << index % 64;
    const std::uint64_t before = where[index / 64].load(std::memory_order_relaxed);  // nobody else writes
    const std::uint64_t now = in ? before | bit : before & ~bit;
    if (now == before) return;
    where[index / 64].store(now, std::memory_order_relaxed);
    changed_ns_.store(epoch_clock::now_ns(), std::memory_order_relaxed);
  }

  bits silent_{};
  bits broken_{};
  std::atomic<std::int64_t> changed_ns_{0};
};

}  // namespace foxtrot::inline v0::detail

namespace foxtrot::inline v0::detail {

/// After a loss, and at the beginning, a consumer hears of every symbol whose state differs from what it last heard:
/// losing the event never loses the fact. Belongs to the consumer's thread, but for is_stale().
class symbol_states {
 public:
  symbol_states(std::shared_ptr<const status_board> board, consumer_filter filter)
      : board_{std::move(board)}, filter_{std::move(filter)} {
    look();
  }

  /// The consumer has been shown this.
  void note(const waiting_event& shown) noexcept {
    const tick_kind kind = tick_tag::unpack(shown.tag).kind;
    if (kind != tick_kind::status) return;
    const auto& record = shown.payload->as<status_record>();
    switch (record.code) {
      case status_code::stale: set(silent_, record.symbol, true); break;
      case status_code::fresh: set(silent_, record.symbol, false); break;
      case status_code::resynchronised: set(broken_, record.symbol, false); break;
      case status_code::gap:
        if (record.gap_kind == tick_kind::depth_update) set(broken_, record.symbol, true);
        break;
      case status_code::dropped: look(); break;
      default: break;
    }
  }
  /// How it stands now, told already or not. Any thread.
  [[nodiscard]] bool is_stale(symbol_id symbol) const noexcept {
    const auto index = static_cast<std::size_t>(symbol);
    return (board_->silent(index / 64) >> index % 64 & 1U) != 0;
  }
  [[nodiscard]] bool compared() const noexcept { return compared_; }

  /// What has to be told before `next` (or before nothing), if anything. Events that still wait may say themselves what
  /// the board says already: bad news is told at once, good news once they have been passed.
  [[nodiscard]] std::optional<status_record> news_before(const waiting_event& next) noexcept {
    if (passed_by(next) && board_->changed_ns() != changed_ns_) look();
    const bool current = passed_by(next);
    if (!current && bad_news_told_) return std::nullopt;
    for (std::size_t word = 0; word < symbol_words; ++word) {
      if (const auto told = difference(silent_[word], silent_now_[word], word, current)) {
        return record_of(told->in ? status_code::stale : status_code::fresh, told->symbol);
      }
      if (const auto told = difference(broken_[word], broken_now_[word], word, current)) {
        return record_of(told->in ? status_code::gap : status_code::resynchronised, told->symbol);
      }
    }
    bad_news_told_ = true;
    compared_ = current;
    return std::nullopt;
  }

 private:
  using bits = std::array<std::uint64_t, symbol_words>;
  struct change {
    symbol_id symbol;
    bool in;
  };

  void look() noexcept {
    changed_ns_ = board_->changed_ns();  // before the rest: what changes meanwhile is seen again
    for (std::size_t word = 0; word < symbol_words; ++word) {
      silent_now_[word] = board_->silent(word);
      broken_now_[word] = board_->broken(word);
    }
    compared_ = bad_news_told_ = false;
  }
  // Whether all that the board said has been passed when `next` comes.
  [[nodiscard]] bool passed_by(const waiting_event& next) const noexcept {
    return next.payload == nullptr || next.payload->as<status_record>().received_ns > changed_ns_;
  }

  static void set(bits& where, symbol_id symbol, bool in) noexcept {
    const auto index = static_cast<std::size_t>(symbol);
    const std::uint64_t bit = std::uint64_t{1} << index % 64;
    where[index / 64] = in ? where[index / 64] | bit : where[index / 64] & ~bit;
  }

  // The first wanted symbol of a word whose state is to be told; then it is known.
  [[nodiscard]] std::optional<change> difference(std::uint64_t& known, std::uint64_t now, std::size_t word,
                                                 bool good_too) noexcept {
    std::uint64_t differs = now & ~known;
    if (good_too) differs |= known & ~now;
    while (differs != 0) {
      const auto index = static_cast<unsigned>(std::countr_zero(differs));
      const std::uint64_t bit = std::uint64_t{1} << index;
      differs &= ~bit;
      known ^= bit;
      const symbol_id symbol{static_cast<std::uint16_t>(word * 64 + index)};
      if (filter_.wants(symbol)) return change{symbol, (now & bit) != 0};
    }
    return std::nullopt;
  }
  [[nodiscard]] static status_record record_of(status_code code, symbol_id symbol) noexcept {
    status_record record = make_status(code, epoch_clock::now_ns());
    record.symbol = symbol;
    if (code == status_code::gap) record.gap_kind = tick_kind::depth_update;
    return record;
  }

  const std::shared_ptr<const status_board> board_;
  const consumer_filter filter_;
  bits silent_{};  // what the consumer knows
  bits broken_{};
  bits silent_now_{};  // what the board said when last looked at
  bits broken_now_{};
  std::int64_t changed_ns_{0};
  bool compared_{false};  // all of it
  bool bad_news_told_{false};
};

}  // namespace foxtrot::inline v0::detail

namespace foxtrot::inline v0::detail {

/// One of the three kinds of queue, as its reader sees it, and what has to be told between its events. leave(), left(),
/// nudge() and latest() may be called from any thread, the rest from the one that reads.
class inbox : private live_object<inbox> {
  // Not std::visit, which could throw and calls through a table.
  template <class Action>
  decltype(auto) with(Action&& action) noexcept {
    if (auto* ring = std::get_if<std::unique_ptr<feed_cursor>>(&from_)) return action(**ring);
    if (auto* own = std::get_if<std::shared_ptr<channel>>(&from_)) return action(**own);
    return action(**std::get_if<std::shared_ptr<conflated_channel>>(&from_));
  }

 public:
  using source =
      std::variant<std::unique_ptr<feed_cursor>, std::shared_ptr<channel>, std::shared_ptr<conflated_channel>>;

  inbox(source from, symbol_states states) : from_{std::move(from)}, states_{std::move(states)} {}

  /// The oldest event, in place until pop(). Nothing while take() holds one.
  [[nodiscard]] waiting_event front() noexcept {
    if (telling_) return {&told_, status_tag, {}};
    const waiting_event oldest = with([](auto& from) { return from.front(); });
    if (!states_.compared() && !is_status(oldest)) [[unlikely]] {
      if (const auto news = states_.news_before(oldest)) {
        told_.emplace<status_record>() = *news;
        telling_ = true;
        return {&told_, status_tag, {}};
      }
    }
    return oldest;
  }
  void pop(const waiting_event& oldest) noexcept {
    if (oldest.payload == &told_) {
      telling_ = false;
      return;
    }
    states_.note(oldest);
    with([&oldest](auto& from) { from.pop(oldest); });
  }

  /// Whether somebody further up is reading an event: who asks for the next one from within gets none.
  [[nodiscard]] bool held() const noexcept { return held_; }
  void set_held(bool held) noexcept { held_ = held; }

  void wake_producer() noexcept {
    with([](auto& from) { from.wake_producer(); });
  }
  [[nodiscard]] bool closed_by_producer() noexcept {
    return with([](auto& from) { return from.closed_by_producer(); });
  }
  [[nodiscard]] parking_spot& spot() noexcept {
    return with([](auto& from) -> parking_spot& { return from.consumer_spot(); });
  }
  [[nodiscard]] const symbol_table& symbols() noexcept {
    return with([](auto& from) -> const symbol_table& { return from.symbols(); });
  }
  [[nodiscard]] std::size_t capacity() noexcept {
    return with([](auto& from) { return from.capacity(); });
  }
  [[nodiscard]] std::uint64_t dropped() noexcept {
    return with([](auto& from) { return from.dropped(); });
  }

  /// As conflated_channel::latest, but nothing of a symbol that is stale, and nothing from queues.
  template <event_handler Told>
  bool latest(tick_kind kind, symbol_key of, std::uint8_t part, Told&& told) const {
    const auto* table = std::get_if<std::shared_ptr<conflated_channel>>(&from_);
    if (table == nullptr) return false;
    const symbol_id symbol = of.in((*table)->symbols());
    return !states_.is_stale(symbol) && (*table)->latest(kind, symbol, part, told);
  }

  /// Deregisters the consumer.
  void leave() noexcept {
    left_.store(true, std::memory_order_release);
    with([](auto& from) { from.close_by_consumer(); });
    nudge();
  }
  [[nodiscard]] bool left() const noexcept { return left_.load(std::memory_order_acquire); }
  /// Makes a waiting consumer look again, at a stop token for example.
  void nudge() noexcept { spot().wake(); }

 private:
  [[nodiscard]] static bool is_status(const waiting_event& event) noexcept {
    return event.payload != nullptr && tick_tag::unpack(event.tag).kind == tick_kind::status;
  }

  source from_;
  symbol_states states_;
  bool held_{false};
  bool telling_{false};  // told_ comes next
  tick_payload told_;
  std::atomic<bool> left_{false};
};

}  // namespace foxtrot::inline v0::detail

namespace foxtrot::inline v0::detail {

/// All drop_oldest consumers read one ring, which is made for the first of them; everybody else has an outlet.
class outlets : private live_object<outlets> {
 public:
  outlets(symbol_table& symbols, const ring_settings& ring) : symbols_{symbols}, ring_settings_{ring} {}
  outlets(const outlets&) = delete;
  outlets& operator=(const outlets&) = delete;

  // --- any thread ---

  /// A new consumer's end; nullptr after close(). What takes long is made without holding anybody up.
  [[nodiscard]] std::shared_ptr<inbox> add(consumer_filter filter, const subscription_settings& wanted) {
    forget_dead();
    symbol_states states{board_, filter};
    switch (wanted.when_full) {
      case overflow::drop_oldest: return read_ring(std::move(filter), std::move(states));
      case overflow::drop_newest:
      case overflow::block: return add_queue<channel>(std::move(filter), std::move(states), wanted);
      case overflow::conflate: return add_queue<conflated_channel>(std::move(filter), std::move(states), wanted);
    }
    return nullptr;
  }
  /// While true, nobody waits for room.
  void interrupt(bool on) {
    const std::lock_guard lock{mutex_};
    interrupted_ = on;
    for (const auto& each : all_) each.interrupt(on);
  }
  /// No more events. Not while the network thread publishes.
  void close() {
    const std::lock_guard lock{mutex_};
    closed_ = true;
    for (const auto& each : all_) each.close_by_producer();
    if (ring_ != nullptr) ring_->close();
    all_.clear();
    current_.clear();
    dead_.clear();
  }

  // --- network thread ---

  /// Once per batch: who is there now? Newcomers hear the state of the connection first.
  void look_for_changes() {
    const bool gone = std::ranges::any_of(current_, [](const outlet& each) { return each.closed_by_consumer(); });
    if (!gone && !changed_.load(std::memory_order_acquire)) return;
    const std::lock_guard lock{mutex_};
    changed_.store(false, std::memory_order_relaxed);  // under the mutex
    // freeing their memory is not for this thread
    std::ranges::copy_if(all_, std::back_inserter(dead_), [](const outlet& each) { return each.closed_by_consumer(); });
    std::erase_if(all_, [](const outlet& each) { return each.closed_by_consumer(); });
    for (const auto& each : all_) {
      if (std::ranges::any_of(current_, [&](const outlet& known) { return same(known, each); })) continue;
      if (interrupted_) each.interrupt(true);
      if (state_) each.put_status(state_->record, state_->tag);
    }
    current_ = all_;
    if (current_ring_ == nullptr && ring_ != nullptr) {
      current_ring_ = ring_.get();
      if (state_) current_ring_->publish_status(state_->record, state_->tag);  // later newcomers find it there
    }
  }
  [[nodiscard]] const std::vector<outlet>& queues() const noexcept { return current_; }
  /// The ring, if there is one.
  [[nodiscard]] feed_ring* ring() const noexcept { return current_ring_; }
  /// Whether one of them wants events of this kind.
  [[nodiscard]] bool wants(tick_kind kind) const noexcept {
    return (current_ring_ != nullptr && current_ring_->is_wanted(kind)) ||
           std::ranges::any_of(current_, [kind](const outlet& each) { return each.wants(kind); });
  }
  void wake_consumers() const noexcept {
    for (const auto& each : current_) each.wake_consumer();
    if (current_ring_ != nullptr) current_ring_->wake_consumers();
  }

  /// Before a status goes out: so that nobody who misses it misses the fact.
  void note(const status_record& record, line_tag tag) noexcept {
    board_->note(record);
    if (is_connection_state(record.code)) state_ = {record, tag};
  }
  [[nodiscard]] bool is_book_broken(symbol_id symbol) const noexcept { return board_->is_broken(symbol); }
  /// The connection's last state.
  [[nodiscard]] const std::optional<feed_ring::state>& state() const noexcept { return state_; }

 private:
  template <class Queue>
  [[nodiscard]] std::shared_ptr<inbox> add_queue(consumer_filter filter, symbol_states states,
                                                 const subscription_settings& wanted) {
    auto queue = std::make_shared<Queue>(wanted, symbols_);
    auto made = std::make_shared<inbox>(queue, std::move(states));
    const std::lock_guard lock{mutex_};
    if (closed_) return nullptr;
    all_.emplace_back(std::move(filter), std::move(queue));
    changed_.store(true, std::memory_order_release);
    return made;
  }
  [[nodiscard]] std::shared_ptr<inbox> read_ring(consumer_filter filter, symbol_states states) {
    auto ring = with_ring([](auto& there) { return there; });
    if (ring == nullptr) {
      auto fresh = std::make_shared<feed_ring>(ring_settings_, symbols_);
      ring = with_ring([&](auto& there) {
        if (there == nullptr && !closed_) {
          there = std::move(fresh);
          changed_.store(true, std::memory_order_release);
        }
        return there;
      });
    }
    if (ring == nullptr || ring->closed()) return nullptr;
    return std::make_shared<inbox>(std::make_unique<feed_cursor>(std::move(ring), std::move(filter)),
                                   std::move(states));
  }
  template <class Action>
  [[nodiscard]] std::shared_ptr<feed_ring> with_ring(Action action) {
    const std::lock_guard lock{mutex_};
    return action(ring_);
  }

  void forget_dead() {
    std::vector<outlet> dead;  // they go after the lock
    const std::lock_guard lock{mutex_};
    dead.swap(dead_);
    // Where no network thread runs, nobody else would let go of those who came and went.
    const auto forsaken = std::ranges::partition(all_, [](const outlet& each) { return !each.is_forsaken(); });
    std::ranges::move(forsaken, std::back_inserter(dead));
    all_.erase(forsaken.begin(), forsaken.end());
  }

  symbol_table& symbols_;
  const ring_settings ring_settings_;

  const std::shared_ptr<status_board> board_{std::make_shared<status_board>()};

  std::mutex mutex_;  // guards the next five
  std::vector<outlet> all_;
  std::vector<outlet> dead_;
  std::shared_ptr<feed_ring> ring_;  // once made, there to the end
  bool closed_{false};
  bool interrupted_{false};
  std::atomic<bool> changed_{false};

  // the network thread's own
  std::vector<outlet> current_;
  feed_ring* current_ring_{nullptr};
  std::optional<feed_ring::state> state_;
};

}  // namespace foxtrot::inline v0::detail

// foxtrot/feed/stream_ages.hpp: which streams have gone silent, at the price of one look at a byte for each tick.

// foxtrot/feed/data_age_limits.hpp: how long a stream may say nothing, by the kind of its ticks.

namespace foxtrot::inline v0 {

/// Zero: as long as it likes. Trades may well be rare, a best price that does not move for a minute is not believed.
struct data_age_limits {
  using by_kind = std::array<std::chrono::milliseconds, tick_kind_count>;

  by_kind stale{defaults(false)};  ///< between two ticks; after that the symbol is stale
  by_kind first{
      defaults(true)};  ///< from the venue's confirmation to the first tick; then the stream is asked for again
  std::uint32_t first_attempts{2};  ///< requests for a stream that stays silent, before it is given up and told
  std::chrono::milliseconds look_every{100};  ///< how often ages are looked at, which they may exceed their limits by

  [[nodiscard]] std::chrono::milliseconds& stale_after(tick_kind kind) noexcept {
    return stale[static_cast<std::size_t>(kind)];
  }
  [[nodiscard]] std::chrono::milliseconds& first_after(tick_kind kind) noexcept {
    return first[static_cast<std::size_t>(kind)];
  }

 private:
  [[nodiscard]] static constexpr by_kind defaults(bool first_tick) noexcept {
    by_kind all{};
    const auto set = [&all](tick_kind kind, int seconds) {
      all[static_cast<std::size_t>(kind)] = std::chrono::seconds{seconds};
    };
    for (const tick_kind kind : {tick_kind::book_ticker, tick_kind::depth_update, tick_kind::depth_snapshot,
                                 tick_kind::mark_price, tick_kind::reference_price}) {
      set(kind, 60);
    }
    if (!first_tick) return all;
    for (const tick_kind kind :
         {tick_kind::kline, tick_kind::mini_ticker, tick_kind::ticker, tick_kind::average_price}) {
      set(kind, 60);
    }
    set(tick_kind::trade, 600);
    set(tick_kind::aggregate_trade, 600);
    return all;
  }
};

}  // namespace foxtrot::inline v0

namespace foxtrot::inline v0 {

/// What a look at the ages found.
struct age_finding {
  enum class what : std::uint8_t {
    stale,      ///< the symbol has just become stale
    ask_again,  ///< confirmed, and nothing came: the streams should be asked for once more
    silent,     ///< they have been asked for often enough
    heard,      ///< streams that were silent speak after all
  };
  what found;
  tick_kind kind;
  symbol_id symbol;
  const std::vector<std::string>* streams;  ///< of that kind and symbol; until the next call
};

/// Ages of streams by kind and symbol: several streams of one kind and symbol, such as candles of two lengths, are one
/// here. A symbol is stale while one of its streams is. Knows no socket and no clock; network thread.
class stream_ages : private live_object<stream_ages> {
 public:
  stream_ages() = default;
  stream_ages(const stream_ages&) = delete;
  stream_ages& operator=(const stream_ages&) = delete;

  /// For every tick, before it is published: true where its symbol was stale and is so no more.
  [[nodiscard]] bool note(tick_kind kind, symbol_id symbol) noexcept {
    const std::size_t at = index_of(kind, symbol);
    if (at >= marks_.size() || marks_[at] <= mark::seen) [[likely]]
      return false;
    return wake(at, symbol);
  }

  /// The venue has confirmed a stream of these ticks to `owner`, on a new connection or again: its first tick is due.
  void watch(const void* owner, std::string_view stream, tick_kind kind, symbol_id symbol, steady_time now) {
    const std::size_t at = index_of(kind, symbol);
    if (at >= marks_.size()) {
      marks_.resize(at + 1, mark::unwatched);
      stale_streams_.resize(static_cast<std::size_t>(symbol) + 1);
    }
    entry& one = entries_[at];
    if (one.owner != owner) one = {.kind = kind, .symbol = symbol, .owner = owner};
    if (std::find(one.streams.begin(), one.streams.end(), stream) == one.streams.end())
      one.streams.emplace_back(stream);
    one.running = true;
    one.last = now;
    if (one.spoken) return;
    if (marks_[at] != mark::stale) marks_[at] = mark::unseen;
  }
  /// Nobody wants that stream any more. True where its symbol was stale because of it alone.
  bool forget(const void* owner, std::string_view stream) {
    for (auto at = entries_.begin(); at != entries_.end(); ++at) {
      entry& one = at->second;
      if (one.owner != owner || std::erase(one.streams, stream) == 0) continue;
      if (!one.streams.empty()) return false;
      const bool fresh =
          marks_[at->first] == mark::stale && --stale_streams_[static_cast<std::size_t>(one.symbol)] == 0;
      marks_[at->first] = mark::unwatched;
      entries_.erase(at);
      return fresh;
    }
    return false;
  }
  /// The connection is lost: ages stand still until the venue confirms again. What is stale stays so.
  void pause(const void* owner) noexcept {
    for (auto& [at, one] : entries_) {
      if (one.owner != owner) continue;
      one.running = false;
      one.spoken = false;
      one.asked_again = 0;
      if (marks_[at] == mark::seen) marks_[at] = mark::unseen;
    }
  }
  /// The owner is about to go.
  void leave(const void* owner) noexcept {
    pause(owner);
    for (auto& [at, one] : entries_) {
      if (one.owner != owner) continue;
      one.owner = nullptr;
      one.streams.clear();
    }
  }

  /// Calls `found(age_finding)` for what has changed by now. A look that comes late blames nobody for that time, in
  /// which ticks may have waited unread.
  template <class Found>
  void look(const void* owner, const data_age_limits& limits, steady_time now, steady_time::duration late,
            Found found) {
    for (auto& [at, one] : entries_) {
      if (one.owner != owner || !one.running) continue;
      if (marks_[at] == mark::seen) {
        marks_[at] = mark::unseen;
        one.last = now;
        one.spoken = true;
        if (one.silent) found(age_finding{age_finding::what::heard, one.kind, one.symbol, &one.streams});
        one.silent = false;
        continue;
      }
      one.last += late;
      const auto kind = static_cast<std::size_t>(one.kind);
      const steady_time::duration limit = one.spoken ? limits.stale[kind] : limits.first[kind];
      if (limit <= steady_time::duration::zero() || now - one.last < limit || one.silent) continue;
      const bool known = marks_[at] == mark::stale;
      if (!one.spoken && one.asked_again + 1 < limits.first_attempts) {
        ++one.asked_again;
        one.last = now;  // until the venue confirms
        found(age_finding{age_finding::what::ask_again, one.kind, one.symbol, &one.streams});
        continue;
      }
      if (!one.spoken) {
        one.silent = true;
        found(age_finding{age_finding::what::silent, one.kind, one.symbol, &one.streams});
      }
      if (known) continue;
      marks_[at] = mark::stale;
      if (stale_streams_[static_cast<std::size_t>(one.symbol)]++ > 0) continue;
      found(age_finding{age_finding::what::stale, one.kind, one.symbol, &one.streams});
    }
  }

  [[nodiscard]] bool is_stale(symbol_id symbol) const noexcept {
    const auto at = static_cast<std::size_t>(symbol);
    return at < stale_streams_.size() && stale_streams_[at] > 0;
  }

 private:
  // The first two cost note() no more than one comparison; `seen` lasts until the next look.
  enum class mark : std::uint8_t { unwatched, seen, unseen, stale };

  struct entry {
    tick_kind kind{};
    symbol_id symbol{};
    const void* owner{nullptr};
    std::vector<std::string> streams{};
    steady_time last{};            // of the last look that found a tick, or of the confirmation
    std::uint32_t asked_again{0};  // without a tick
    bool running{false};
    bool spoken{false};  // on this connection
    bool silent{false};
  };

  [[nodiscard]] static constexpr std::size_t index_of(tick_kind kind, symbol_id symbol) noexcept {
    return static_cast<std::size_t>(symbol) * tick_kind_count + static_cast<std::size_t>(kind);
  }

  [[gnu::noinline]] bool wake(std::size_t at, symbol_id symbol) noexcept {
    const bool was_stale = marks_[at] == mark::stale;
    marks_[at] = mark::seen;
    return was_stale && --stale_streams_[static_cast<std::size_t>(symbol)] == 0;
  }

  std::vector<mark> marks_;                   // by symbol and kind
  std::vector<std::uint32_t> stale_streams_;  // by symbol
  std::map<std::size_t, entry> entries_;      // by index in marks_
};

}  // namespace foxtrot::inline v0

// foxtrot/market/subscription.hpp: the consumer's end: how a strategy thread reads its events.

// foxtrot/core/heartbeat.hpp: how a thread shows that it still gets on with its work, and at what.

namespace foxtrot::inline v0 {

/// One cache line that a thread writes and a monitor reads. A beat is one plain store: no lock, no system call, no
/// read-modify-write. Beats, waits and scopes belong to the thread that owns it; `read` may be called from any.
class alignas(cache_line) heartbeat {
 public:
  /// What a monitor sees. Two readings with the same `beats` and without `waiting`: no progress between them.
  struct reading {
    std::uint64_t beats{0};
    bool waiting{false};         ///< silence is expected: it sleeps until somebody has work for it
    const char* scope{nullptr};  ///< the innermost watch_scope; null outside of all
  };

  heartbeat() = default;
  heartbeat(const heartbeat&) = delete;
  heartbeat& operator=(const heartbeat&) = delete;
  ~heartbeat() = default;

  void beat() noexcept { publish(word_.load(std::memory_order_relaxed) + one_beat); }
  /// From here to the next set_waiting(false) no beat is expected. Counts as a beat, either way. Returns what it was.
  bool set_waiting(bool waits) noexcept {
    const std::uint64_t word = word_.load(std::memory_order_relaxed);
    publish(((word + one_beat) & ~waiting_bit) | (waits ? waiting_bit : 0));
    return (word & waiting_bit) != 0;
  }
  /// A text that lives as long as the process, best a literal; returns the one before.
  const char* set_scope(const char* name) noexcept {
    const char* const before = scope_.load(std::memory_order_relaxed);
    scope_.store(name, std::memory_order_relaxed);
    return before;
  }

  /// Any thread. The parts may be of different moments, as a monitor can bear.
  [[nodiscard]] reading read() const noexcept {
    const std::uint64_t word = word_.load(std::memory_order_relaxed);
    return {word / one_beat, (word & waiting_bit) != 0, scope_.load(std::memory_order_relaxed)};
  }

  /// The calling thread's own; null where nobody watches it.
  [[nodiscard]] static heartbeat* of_this_thread() noexcept { return current_; }

  class adopted;

 private:
  static constexpr std::uint64_t waiting_bit = 1;
  static constexpr std::uint64_t one_beat = 2;

  // relaxed throughout: each word stands alone, nothing is published with it
  void publish(std::uint64_t word) noexcept { word_.store(word, std::memory_order_relaxed); }

  std::atomic<std::uint64_t> word_{0};  // beats, and whether the thread waits
  std::atomic<const char*> scope_{nullptr};

  [[gnu::visibility("default")]] static inline constinit thread_local heartbeat* current_ = nullptr;
};

/// Makes a heartbeat the calling thread's own while it lives; the one before comes back after it.
class heartbeat::adopted {
 public:
  explicit adopted(heartbeat& mine) noexcept : before_{std::exchange(current_, &mine)} {}
  adopted(const adopted&) = delete;
  adopted& operator=(const adopted&) = delete;
  ~adopted() { current_ = before_; }

 private:
  heartbeat* before_;
};

/// A beat of the calling thread; nothing where nobody watches it.
inline void beat() noexcept {
  if (heartbeat* const mine = heartbeat::of_this_thread()) mine->beat();
}

/// While it lives, silence of the calling thread is no stall: it sleeps until somebody has work for it. They nest.
class expected_silence {
 public:
  expected_silence() noexcept : mine_{heartbeat::of_this_thread()} {
    if (mine_ != nullptr) before_ = mine_->set_waiting(true);
  }
  expected_silence(const expected_silence&) = delete;
  expected_silence& operator=(const expected_silence&) = delete;
  ~expected_silence() {
    if (mine_ != nullptr) mine_->set_waiting(before_);
  }

 private:
  heartbeat* mine_;
  bool before_{false};
};

/// Names what the calling thread is about while it lives: a monitor that finds it stuck says so. They nest.
class watch_scope {
 public:
  /// `name` must outlive the process's last look at it: a literal.
  explicit watch_scope(const char* name) noexcept : mine_{heartbeat::of_this_thread()} {
    if (mine_ != nullptr) before_ = mine_->set_scope(name);
  }
  watch_scope(const watch_scope&) = delete;
  watch_scope& operator=(const watch_scope&) = delete;
  ~watch_scope() {
    if (mine_ != nullptr) mine_->set_scope(before_);
  }

 private:
  heartbeat* mine_;
  const char* before_{nullptr};
};

}  // namespace foxtrot::inline v0

// foxtrot/market/detail/kind_of.hpp: from the type of a tick to its kind.

namespace foxtrot::inline v0::detail {

/// The kind of events that are shown as a `Tick`; status where it is none.
template <class Tick>
inline constexpr tick_kind kind_of = tick_kind::status;
template <>
inline constexpr tick_kind kind_of<book_ticker> = tick_kind::book_ticker;
template <>
inline constexpr tick_kind kind_of<trade> = tick_kind::trade;
template <>
inline constexpr tick_kind kind_of<depth_update> = tick_kind::depth_update;
template <>
inline constexpr tick_kind kind_of<depth_snapshot> = tick_kind::depth_snapshot;
template <>
inline constexpr tick_kind kind_of<aggregate_trade> = tick_kind::aggregate_trade;
template <>
inline constexpr tick_kind kind_of<block_trade> = tick_kind::block_trade;
template <>
inline constexpr tick_kind kind_of<kline> = tick_kind::kline;
template <>
inline constexpr tick_kind kind_of<mini_ticker> = tick_kind::mini_ticker;
template <>
inline constexpr tick_kind kind_of<ticker> = tick_kind::ticker;
template <>
inline constexpr tick_kind kind_of<average_price> = tick_kind::average_price;
template <>
inline constexpr tick_kind kind_of<reference_price> = tick_kind::reference_price;
template <>
inline constexpr tick_kind kind_of<mark_price> = tick_kind::mark_price;
template <>
inline constexpr tick_kind kind_of<liquidation> = tick_kind::liquidation;
template <>
inline constexpr tick_kind kind_of<unknown_event> = tick_kind::unknown_event;

/// Ticks of which a conflating consumer has the latest, one of each symbol, as a plain value.
template <class Tick>
concept latest_value = kind_of<Tick> != tick_kind::status && kind_of<Tick> != tick_kind::unknown_event &&
                       kind_of<Tick> != tick_kind::depth_update && kind_of<Tick> != tick_kind::depth_snapshot &&
                       kind_of<Tick> != tick_kind::kline;

}  // namespace foxtrot::inline v0::detail

namespace foxtrot::inline v0 {

/// A consumer's own cursor on a feed. Movable, not copyable; one thread reads at a time. Destruction deregisters it,
/// and the feed forgets it. The feed may go first: `closed()` turns true once everything has been read. On a thread
/// that is watched (see heartbeat) each call and each turn of a loop beats, and waiting is no stall.
class subscription : private live_object<subscription> {
 public:
  using duration = std::chrono::nanoseconds;
  class range;

  subscription() = default;
  subscription(std::shared_ptr<detail::inbox> from, idle waiting) noexcept
      : inbox_{std::move(from)}, waiting_{waiting} {}
  subscription(subscription&& other) noexcept = default;
  subscription& operator=(subscription&& other) noexcept {
    if (this != &other) {
      cancel();
      inbox_ = std::move(other.inbox_);
      waiting_ = other.waiting_;
    }
    return *this;
  }
  ~subscription() { cancel(); }

  /// Calls `handler(const event&)` for up to `max` events that are there now; returns how many. Never waits. An event
  /// counts as consumed even if the handler throws. From within a handler or a loop over events there are no others.
  template <event_handler Handler>
  std::size_t poll(std::size_t max, Handler&& handler) {
    const auto keep = inbox_;  // the handler may cancel, replace or destroy this subscription
    if (keep == nullptr) return 0;
    beat();
    const producer_waker wake{*keep};
    std::size_t done = 0;
    while (done < max && !keep->left()) {
      const held next{*keep};
      if (!next) break;
      ++done;
      handler(next.get());
    }
    return done;
  }

  /// Waits, as `subscription_settings::waiting` says, for an event: true once one is there; false when the stop is
  /// requested, the feed has closed, or `patience` is over.
  [[nodiscard]] bool wait(const std::stop_token& stop, std::optional<duration> patience = {}) {
    if (inbox_ == nullptr) return false;
    detail::inbox& from = *inbox_;
    const std::stop_callback wake_on_stop{stop, [&from]() noexcept { from.nudge(); }};
    return wait_on(from, waiting_, stop, patience);
  }

  /// A loop over events as they come: `for (const auto& event : ticks.until(stop)) ...`. It ends when the stop is
  /// requested, when the feed has closed and everything is read, or when no event came for `patience`. An event is
  /// taken when the loop moves on or is left, by break or by an exception.
  [[nodiscard]] range until(std::stop_token stop, std::optional<duration> patience = {}) &;
  range until(std::stop_token stop, std::optional<duration> patience = {}) && = delete;  // it would end with the line

  /// True once the feed has closed, or this end was cancelled, and everything has been read. The reading thread.
  [[nodiscard]] bool closed() const noexcept {
    return inbox_ == nullptr || (inbox_->closed_by_producer() && inbox_->front().payload == nullptr);
  }

  /// Under overflow::conflate, the latest value of a symbol, by name or number, without waiting for its turn:
  /// `ticks.latest<book_ticker>("BTCUSDT")`. Any thread, as long as nobody moves, cancels or destroys this subscription
  /// meanwhile; it may wait for as long as storing one tick takes. It consumes nothing: the tick is still to be read.
  ///
  /// It is the newest that is known, and so may be newer than ticks and statuses that are not read yet, and than what
  /// the next poll() shows. Nothing where nothing came yet, or nothing since the connection was lost, or the symbol is
  /// stale: whatever the consumer has heard of that. Nothing under other policies and for symbols and kinds that were
  /// not asked for or had no room.
  template <detail::latest_value Tick>
  [[nodiscard]] std::optional<Tick> latest(detail::symbol_key symbol) const {
    return latest_value<Tick>(symbol, std::same_as<Tick, ticker> ? part_of(ticker_window::h24) : 0);
  }
  /// The same of klines, `ticks.latest<kline>("BTCUSDT", kline_interval::m1)`.
  template <std::same_as<kline> Tick>
  [[nodiscard]] std::optional<kline> latest(detail::symbol_key symbol, kline_interval interval) const {
    return latest_value<kline>(symbol, part_of(interval));
  }
  /// The same of tickers of another window than 24 hours, `ticks.latest<ticker>("BTCUSDT", ticker_window::h1)`.
  template <std::same_as<ticker> Tick>
  [[nodiscard]] std::optional<ticker> latest(detail::symbol_key symbol, ticker_window window) const {
    return latest_value<ticker>(symbol, part_of(window));
  }
  /// The same of books, whose levels are views: calls `handler(const depth_snapshot&)` with a copy that lives as long
  /// as the call; false where there is nothing to show.
  template <std::same_as<depth_snapshot> Tick, std::invocable<const depth_snapshot&> Handler>
  bool latest(detail::symbol_key symbol, Handler&& handler) const {
    return with_latest<Tick>(symbol, 0, handler);
  }

  /// Events lost so far; the consumer is told of each loss in order, as status `dropped`. On the feed's ring they are
  /// events of the feed, wanted or not: what was overwritten cannot be asked.
  [[nodiscard]] std::uint64_t dropped() const noexcept { return inbox_ != nullptr ? inbox_->dropped() : 0; }

  /// Events that fit before the overflow policy applies; under overflow::conflate, symbols.
  [[nodiscard]] std::size_t capacity() const noexcept { return inbox_ != nullptr ? inbox_->capacity() : 0; }

  /// Deregisters: no more events, a loop over them ends, the feed forgets this consumer. Idempotent; destruction does
  /// the same. The reading thread.
  void cancel() noexcept {
    if (inbox_ != nullptr) inbox_->leave();
    inbox_.reset();
  }

 private:
  // The event at the front, given back to the producer on destruction. One at a time: within, there is no other.
  class held {
   public:
    explicit held(detail::inbox& from) noexcept : from_{from} {
      if (from.held()) return;
      item_ = from.front();
      if (item_.payload == nullptr) return;
      event_.emplace(*item_.payload, item_.tag, item_.body, from.symbols());
      from.set_held(true);
    }
    held(const held&) = delete;
    held& operator=(const held&) = delete;
    ~held() {
      if (!event_) return;
      from_.set_held(false);
      from_.pop(item_);
    }
    explicit operator bool() const noexcept { return event_.has_value(); }
    [[nodiscard]] const event& get() const noexcept { return *event_; }

   private:
    detail::inbox& from_;
    detail::waiting_event item_;
    std::optional<event> event_;
  };

  // Klines and tickers are kept by interval and window.
  template <class Part>
  [[nodiscard]] static constexpr std::uint8_t part_of(Part which) noexcept {
    return static_cast<std::uint8_t>(which);
  }

  template <class Tick, class Handler>
  bool with_latest(detail::symbol_key symbol, std::uint8_t part, Handler& handler) const {
    const auto show = [&handler](const event& found) {
      found.visit([](const status&) {}, [&handler](const Tick& tick) { handler(tick); });
    };
    return inbox_ != nullptr && inbox_->latest(detail::kind_of<Tick>, symbol, part, show);
  }
  template <class Tick>
  [[nodiscard]] std::optional<Tick> latest_value(detail::symbol_key symbol, std::uint8_t part) const {
    std::optional<Tick> found;
    const auto keep = [&found](const Tick& tick) { found = tick; };
    (void)with_latest<Tick>(symbol, part, keep);
    return found;
  }

  struct producer_waker {
    detail::inbox& to;
    ~producer_waker() { to.wake_producer(); }
  };

  // The caller has a stop_callback that nudges the inbox.
  static bool wait_on(detail::inbox& from, idle waiting, const std::stop_token& stop,
                      std::optional<duration> patience) {
    const auto ready = [&from] { return from.front().payload != nullptr; };
    if (from.left() || from.held()) return false;
    beat();
    if (ready()) return !stop.stop_requested();
    const expected_silence no_stall;  // a quiet market is none
    const auto start = std::chrono::steady_clock::now();
    constexpr auto never = std::chrono::steady_clock::time_point::max();
    const auto deadline = patience && *patience < never - start ? start + *patience : never;
    chosen_idle idler{waiting, from.spot()};
    for (unsigned round = 1;; ++round) {
      if (stop.stop_requested() || from.left()) return false;
      if (ready()) return true;
      if (from.closed_by_producer()) return ready();
      if (deadline != never && (idler.about_to_sleep() || round % rounds_per_clock == 0)) {
        const auto left = deadline - std::chrono::steady_clock::now();
        if (left <= duration::zero()) return false;
        idler.set_patience(left);
      }
      idler.idle(0);
    }
  }
  static constexpr unsigned rounds_per_clock = 64;

  std::shared_ptr<detail::inbox> inbox_;
  idle waiting_{idle::block};
};

/// What `until` returns: an input range that waits in begin() and in ++.
class subscription::range {
 public:
  class iterator {
   public:
    using iterator_category = std::input_iterator_tag;
    using value_type = event;
    using difference_type = std::ptrdiff_t;
    using pointer = const event*;
    using reference = const event&;

    explicit iterator(range& from) noexcept : from_{&from} {}
    [[nodiscard]] const event& operator*() const noexcept { return from_->current_->get(); }
    [[nodiscard]] const event* operator->() const noexcept { return &from_->current_->get(); }
    iterator& operator++() {
      from_->next();
      return *this;
    }
    void operator++(int) { from_->next(); }
    [[nodiscard]] friend bool operator==(const iterator& at, std::default_sentinel_t) noexcept { return at.done(); }

   private:
    [[nodiscard]] bool done() const noexcept { return !from_->current_.has_value(); }
    range* from_;
  };

  range(subscription& from, std::stop_token stop, std::optional<duration> patience)
      : inbox_{from.inbox_}, waiting_{from.waiting_}, stop_{std::move(stop)}, patience_{patience} {
    if (inbox_ != nullptr) wake_on_stop_.emplace(stop_, nudge{inbox_.get()});
  }
  range(const range&) = delete;
  range& operator=(const range&) = delete;
  ~range() { leave(); }

  [[nodiscard]] iterator begin() {
    next();
    return iterator{*this};
  }
  [[nodiscard]] std::default_sentinel_t end() const noexcept { return {}; }

 private:
  struct nudge {
    detail::inbox* to;
    void operator()() const noexcept { to->nudge(); }
  };

  void leave() noexcept {
    if (!current_) return;
    current_.reset();
    inbox_->wake_producer();
  }
  void next() {
    leave();
    if (inbox_ != nullptr && wait_on(*inbox_, waiting_, stop_, patience_)) current_.emplace(*inbox_);
  }

  std::shared_ptr<detail::inbox> inbox_;
  idle waiting_;
  std::stop_token stop_;
  std::optional<duration> patience_;
  std::optional<std::stop_callback<nudge>> wake_on_stop_;
  std::optional<held> current_;
};

inline subscription::range subscription::until(std::stop_token stop, std::optional<duration> patience) & {
  return range{*this, std::move(stop), patience};
}

}  // namespace foxtrot::inline v0

namespace foxtrot::inline v0 {

/// Gives every event to every consumer that wants it. Consumers come and go from any thread; publishing belongs to the
/// network thread, goes through a `batch`, and takes no lock per event, allocates nothing, and enters the kernel only
/// to wake a sleeper, once per batch.
///
/// A tick is written once: in place where there is a single queue, else into a scratch line that each queue copies. All
/// drop_oldest consumers read one ring, which is made for the first of them and costs nothing while it has no readers.
class publisher : private live_object<publisher> {
 public:
  class batch;

  explicit publisher(symbol_table& symbols = symbol_table::shared(), const ring_settings& ring = {})
      : symbols_{symbols}, consumers_{symbols, ring} {}
  publisher(const publisher&) = delete;
  publisher& operator=(const publisher&) = delete;
  ~publisher() { close(); }

  /// A new consumer, from any thread. It gets the state of the connection first. errc::bad_argument for a symbol that
  /// cannot be a name, errc::closed after close().
  [[nodiscard]] result<subscription> subscribe(const subscription_settings& wanted) {
    auto filter = detail::consumer_filter::make(wanted, symbols_);
    if (!filter) return filter.error();
    auto inbox = consumers_.add(std::move(*filter), wanted);
    if (inbox == nullptr) return errc::closed;
    return subscription{std::move(inbox), wanted.waiting};
  }

  /// A handler that runs on the network thread for every event that `wanted` lets through: no queue and no hand-off,
  /// but it must be quick and must not block. Its exceptions are counted and go no further. Any thread; errors as
  /// above.
  [[nodiscard]] result<inline_subscription> subscribe_inline(const subscription_settings& wanted,
                                                             inline_handler handler) {
    auto filter = detail::consumer_filter::make(wanted, symbols_);
    if (!filter) return filter.error();
    return inline_.add(std::move(*filter), std::move(handler));
  }

  /// While true, a network thread does not wait for room in a full queue: what does not fit is lost and counted. A wait
  /// under way ends. Any thread.
  void interrupt(bool on = true) { consumers_.interrupt(on); }

  /// No more events: consumers read what is there and then see the end; inline handlers are destroyed. Idempotent; not
  /// while a batch is open.
  void close() { consumers_.close(), inline_.close(); }

  /// Shows every depth update and REST snapshot to `keeper` from now on, or to nobody; tells what becomes of its books,
  /// and publishes them where asked to. Network thread, or while there is none.
  void show_books_to(book_keeper* keeper) noexcept { books_ = keeper; }

  /// Off: ticks are published whatever their ids say. For tests and benches that send one message again and again.
  /// Likewise.
  void follow_ids(bool on) noexcept { follows_ids_ = on; }
  /// The next tick of this kind follows nothing: nobody wanted what was between. Likewise.
  void forget_ids(tick_kind kind, symbol_id symbol) { continuity_.forget(kind, symbol); }

  [[nodiscard]] stream_ages& ages() noexcept { return ages_; }  // the network thread's
  [[nodiscard]] symbol_table& symbols() const noexcept { return symbols_; }
  [[nodiscard]] feed_counters& counters() noexcept { return counters_; }
  [[nodiscard]] const feed_counters& counters() const noexcept { return counters_; }

 private:
  symbol_table& symbols_;
  feed_counters counters_;
  inline_consumers inline_;
  detail::outlets consumers_;
  // the network thread's own
  continuity continuity_;
  stream_ages ages_;
  book_keeper* books_{nullptr};
  bool follows_ids_{true};
  std::vector<raw_level> scratch_levels_;
  tick_payload scratch_;
};

/// Everything that is published during one drain of a socket: one at a time, network thread. Its end wakes the
/// sleepers.
class publisher::batch {
 public:
  explicit batch(publisher& to) : to_{to}, handlers_{to.inline_.lock()} {
    to_.consumers_.look_for_changes();
    if (!handlers_.empty() && to_.consumers_.state()) greet_handlers();
  }
  batch(const batch&) = delete;
  batch& operator=(const batch&) = delete;
  ~batch() { to_.consumers_.wake_consumers(); }

  /// Where a decoder writes the next tick: one line, and room for `max_levels` price levels. Both are the decoder's
  /// until publish(), or until the next draft, which forgets an unpublished one.
  struct draft {
    tick_payload* payload;
    std::span<raw_level> levels;
  };
  [[nodiscard]] draft begin(std::size_t max_levels = 0) {
    in_place_ = {};
    const auto& queues = to_.consumers_.queues();
    if (queues.size() == 1 && read_ring() == nullptr && handlers_.empty()) {
      if (auto* queue = queues.front().in_place()) in_place_ = queue->try_claim(max_levels);
    }
    if (in_place_.payload != nullptr) return draft_ = {in_place_.payload, in_place_.body.elements};
    if (to_.scratch_levels_.size() < max_levels) to_.scratch_levels_.resize(max_levels);  // grows to the largest, once
    return draft_ = {&to_.scratch_, std::span{to_.scratch_levels_}.first(max_levels)};
  }

  /// Gives the draft, with its first `level_count` levels, to everyone who wants it. Where the venue's ids show a hole
  /// before it, or the book that we keep is not right with it, everyone hears of that first. Where they show that it
  /// came before, or is late, nobody gets it. What mends a book is followed by `resynchronised`.
  void publish(tick_tag tag, symbol_id symbol, std::size_t level_count = 0) {
    const id_verdict ids =
        to_.follows_ids_ ? to_.continuity_.follow(tag, symbol, *draft_.payload) : id_verdict::in_order;
    if (ids != id_verdict::in_order) [[unlikely]] {
      if (ids == id_verdict::repeated) return forget_draft();
      const id_range& hole = to_.continuity_.range();
      const bool anew = ids == id_verdict::renumbered;
      if (anew) to_.counters_.renumbered.add();
      if (anew && tag.kind == tick_kind::depth_update && to_.books_ != nullptr) to_.books_->forget_ids(symbol);
      const gap_reason why = anew ? gap_reason::renumbered : gap_reason::missing;
      publish_gap({why, hole.from, hole.to}, tag, symbol, level_count);
    }
    if (to_.ages_.note(tag.kind, symbol)) [[unlikely]]
      publish_before(make_symbol_status(status_code::fresh, epoch_clock::now_ns(), symbol), tag.where, level_count);
    if (to_.books_ == nullptr || !changes_book(tag)) return deliver(tag, symbol, level_count);
    const book_action book =
        to_.books_->take(tag, draft_.payload->as<depth_record>(), draft_.levels.first(level_count));
    const bool told = ids == id_verdict::gap && book.lost && book.lost->fault == gap_reason::missing;
    if (book.lost && !told) [[unlikely]]
      publish_gap(*book.lost, tag, symbol, level_count);
    deliver(tag, symbol, level_count);
    if (to_.books_->live(symbol) != nullptr) follow_up(tag.where, symbol);
  }

  /// Publishes the whole book that is kept of this symbol, now or as soon as it is right. False where none is kept. Not
  /// while a draft is open.
  bool publish_book(venue where, symbol_id symbol) {
    if (to_.books_ == nullptr || !to_.books_->want(symbol)) return false;
    if (to_.books_->is_current(symbol)) follow_up(where, symbol);
    return true;
  }

  /// A status event, to everyone: nobody can filter these. A draft that is open is forgotten.
  void publish_status(const status_record& record, venue where) {
    in_place_ = {};
    const tick_tag tag{.kind = tick_kind::status, .where = where};
    to_.counters_.ticks[static_cast<std::size_t>(tick_kind::status)].add();
    to_.consumers_.note(record, tag.packed());
    if (auto* ring = to_.consumers_.ring()) ring->publish_status(record, tag.packed());
    for (const detail::outlet& each : to_.consumers_.queues()) {
      std::optional<inline_consumers::unlocked> meanwhile;
      if (each.would_wait(0)) let_others_go_on(meanwhile);
      each.put_status(record, tag.packed());
    }
    if (!handlers_.empty()) {
      tick_payload line;
      line.emplace<status_record>() = record;
      handlers_.call(event{line, tag.packed(), {}, to_.symbols_}, tag.kind, record.symbol,
                     to_.counters_.handler_failures);
    }
  }

  /// Whether anybody asked for events of this kind, of whatever symbols: what nobody wants need not be written.
  [[nodiscard]] bool wants(tick_kind kind) const noexcept {
    return handlers_.wants(kind) || to_.consumers_.wants(kind);
  }

  [[nodiscard]] feed_counters& counters() noexcept { return to_.counters_; }
  [[nodiscard]] symbol_table& symbols() const noexcept { return to_.symbols_; }

 private:
  // Partial books are whole by themselves.
  [[nodiscard]] static bool changes_book(tick_tag tag) noexcept {
    return tag.kind == tick_kind::depth_update || (tag.kind == tick_kind::depth_snapshot && tag.how == source::http);
  }
  void forget_draft() noexcept {
    to_.counters_.duplicates.add();
    in_place_ = {};
  }

  void deliver(tick_tag tag, symbol_id symbol, std::size_t level_count) {
    to_.counters_.ticks[static_cast<std::size_t>(tag.kind)].add();
    if (in_place_.payload != nullptr) return publish_in_place(tag, symbol, level_count);
    const std::span<const raw_level> body = draft_.levels.first(level_count);
    if (auto* ring = read_ring()) ring->publish(*draft_.payload, tag, body);
    for (const detail::outlet& each : to_.consumers_.queues()) {
      if (!each.wants(tag.kind, symbol)) continue;
      std::optional<inline_consumers::unlocked> meanwhile;
      if (each.would_wait(level_count)) let_others_go_on(meanwhile);
      each.put(*draft_.payload, tag, body);
    }
    if (!handlers_.empty()) {
      const event told{*draft_.payload, tag.packed(), body, to_.symbols_};
      handlers_.call(told, tag.kind, symbol, to_.counters_.handler_failures);
    }
  }

  void greet_handlers() {
    const auto& state = *to_.consumers_.state();
    tick_payload line;
    line.emplace<status_record>() = state.record;
    handlers_.greet(event{line, state.tag, {}, to_.symbols_}, to_.counters_.handler_failures);
  }

  // The ring, if anybody reads it.
  [[nodiscard]] detail::feed_ring* read_ring() const noexcept {
    auto* ring = to_.consumers_.ring();
    return ring != nullptr && ring->has_readers() ? ring : nullptr;
  }

  void publish_in_place(tick_tag tag, symbol_id symbol, std::size_t level_count) {
    const detail::outlet& only = to_.consumers_.queues().front();
    if (only.wants(tag.kind, symbol)) {
      if (detail::has_body(tag.kind)) detail::set_body_position(*in_place_.payload, in_place_.body.position);
      only.in_place()->publish(in_place_, level_count, tag.packed());
    }
    in_place_ = {};
  }

  // From the queue's next line back to the scratch line, so that something else can go before.
  void withdraw(std::size_t level_count) {
    if (in_place_.payload == nullptr) return;
    to_.scratch_ = *draft_.payload;
    if (to_.scratch_levels_.size() < level_count) to_.scratch_levels_.resize(level_count);
    std::ranges::copy(draft_.levels.first(level_count), to_.scratch_levels_.begin());
    draft_ = {&to_.scratch_, std::span{to_.scratch_levels_}};
    in_place_ = {};
  }

  // Before the draft, which has so many levels.
  void publish_gap(const book_loss& what, tick_tag tag, symbol_id symbol, std::size_t level_count) {
    to_.counters_.gaps.add();
    const tick_kind kind = tag.kind == tick_kind::depth_snapshot ? tick_kind::depth_update : tag.kind;
    const auto record = make_gap_status(what.fault, what.from, what.to, kind, epoch_clock::now_ns(), symbol);
    publish_before(record, tag.where, level_count);
  }
  void publish_before(const status_record& record, venue where, std::size_t level_count) {
    withdraw(level_count);
    publish_status(record, where);
  }

  // The book is right now.
  void follow_up(venue where, symbol_id symbol) {
    if (to_.consumers_.is_book_broken(symbol)) [[unlikely]] {
      publish_status(make_symbol_status(status_code::resynchronised, epoch_clock::now_ns(), symbol), where);
    }
    if (to_.books_->give(symbol)) [[unlikely]]
      deliver_book(*to_.books_->live(symbol), where, symbol);
  }

  void deliver_book(const book_synchroniser& kept, venue where, symbol_id symbol) {
    const std::size_t levels = detail::level_count(kept.book());
    const draft room = begin(levels);
    room.payload->emplace<depth_record>() = detail::write_book(kept, symbol, room.levels);
    deliver({.kind = tick_kind::depth_snapshot, .where = where, .flags = depth_snapshot::kept_book_flag}, symbol,
            levels);
  }

  // Where we are about to wait for one consumer, nobody else shall wait for us: sleepers get what is published already,
  // and handlers can be deregistered while `meanwhile` lives.
  void let_others_go_on(std::optional<inline_consumers::unlocked>& meanwhile) {
    to_.consumers_.wake_consumers();
    meanwhile.emplace(handlers_);
  }

  publisher& to_;
  inline_consumers::locked handlers_;
  detail::channel::slot in_place_;
  draft draft_{};
};

}  // namespace foxtrot::inline v0

namespace foxtrot::inline v0::binance::detail {

/// Takes a message apart without deciding what it is. Price levels go where the batch wants them at once; everything
/// else stays text in the message. The combined form {"stream":..,"data":{..}} and {"error":{..}} are opened, so are
/// lists and the objects inside of a candle and a forced order; what nobody asks for only has to be JSON. One thread.
class message_scanner {
 public:
  /// What an object held; views into the message.
  struct content {
    fields scalars;
    fields inner;                     ///< of the object "k" or "o" in it
    std::string_view stream;          ///< of the combined form
    publisher::batch::draft draft{};  ///< begun where there were levels
    level_builder levels;             ///< bids, then asks
    std::size_t bids{0};
    std::size_t asks{0};
    errc bad_levels{errc::none};  ///< what is wrong with a side, which is no fault where the event is no book
    bool has_bids{false};
    bool has_asks{false};
    bool has_inner{false};
    bool is_answer{false};  ///< it has a result or an error
    bool is_error{false};
    bool is_list{false};  ///< of objects, which were told one by one

    void clear() noexcept {
      clear_object();
      stream = {};
      is_answer = is_error = is_list = false;
    }
    void clear_object() noexcept {
      scalars.clear();
      inner.clear();
      draft = {};
      levels = {};
      bids = asks = 0;
      bad_levels = errc::none;
      has_bids = has_asks = has_inner = false;
    }
  };

  [[nodiscard]] const content& found() const noexcept { return found_; }

  /// Of a list, `each` is called after every object in it, with found() full. 64 readable bytes must follow the
  /// message.
  template <class Each>
  [[nodiscard]] errc scan(std::string_view message, publisher::batch& out, Each&& each) {
    constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";
    found_.clear();
    message_ = message;
    has_data_ = false;
    max_levels_ = message.size() / shortest_level + 1;
    if (message.starts_with(byte_order_mark)) return errc::malformed_message;  // RFC 8259 section 8.1
    simdjson::ondemand::document document;
    if (parser_.iterate(message.data(), message.size(), message.size() + simdjson::SIMDJSON_PADDING).get(document)) {
      return errc::malformed_message;
    }
    json_type type{};
    if (document.type().get(type)) return errc::malformed_message;
    errc bad = errc::none;
    if (type == json_type::object) {
      json_object all;
      if (document.get_object().get(all)) return errc::malformed_message;
      bad = scan_object(all, out, true, each);
    } else if (type == json_type::array) {
      json_array list;
      if (document.get_array().get(list)) return errc::malformed_message;
      bad = scan_list(list, out, each);
    } else {
      return errc::wrong_type;
    }
    if (bad == errc::none && found_.bad_levels == errc::none) {
      return document.current_location().error() == simdjson::OUT_OF_BOUNDS ? errc::none : errc::malformed_message;
    }
    // On-Demand goes on behind a message that lacks brackets, into whatever memory holds: what it finds wrong there
    // says nothing.
    return json_check{message}.passes() ? bad : errc::malformed_message;
  }

 private:
  template <class Each>
  [[nodiscard]] errc scan_object(json_object& object, publisher::batch& out, bool outermost, Each& each) {
    for (auto next : object) {
      simdjson::ondemand::field member;
      if (std::move(next).get(member)) return errc::malformed_message;
      std::string_view name;
      json_value value = member.value();
      json_type type{};
      if (value.type().get(type)) return errc::malformed_message;
      errc bad = read_name(member, name);
      if (bad != errc::none) return bad;
      if (type == json_type::array) {
        bad = outermost && name == "data" ? scan_data_list(value, out, each) : scan_array(name, value, out);
      } else if (type == json_type::object) {
        bad = outermost ? scan_outer_member(name, value, out, each) : scan_inner(name, value);
      } else {
        std::string_view token;
        bad = read_scalar(value, token);
        if (bad == errc::none) bad = scan_scalar(name, token, outermost);
      }
      if (bad != errc::none) return bad;
    }
    return errc::none;
  }

  [[nodiscard]] errc scan_scalar(std::string_view name, std::string_view token, bool outermost) noexcept {
    if (outermost && name == "stream") {
      if (token.size() < 3 || token.front() != '"') return errc::wrong_type;
      if (!found_.stream.empty()) return errc::malformed_message;
      found_.stream = token.substr(1, token.size() - 2);
      return errc::none;
    }
    if (outermost && (name == "result" || name == "error")) {
      found_.is_answer = true;
      if (name == "error" && token != "null") found_.is_error = true;
      return errc::none;
    }
    return found_.scalars.put(key_of(name), token);
  }

  template <class Each>
  [[nodiscard]] errc scan_outer_member(std::string_view name, json_value& value, publisher::batch& out, Each& each) {
    if (name != "data" && name != "error") return scan_inner(name, value);
    if (name == "error") found_.is_answer = found_.is_error = true;
    if (std::exchange(has_data_, true)) return errc::malformed_message;
    json_object inner;
    if (value.get_object().get(inner)) return errc::malformed_message;
    return scan_object(inner, out, false, each);
  }

  template <class Each>
  [[nodiscard]] errc scan_data_list(json_value& value, publisher::batch& out, Each& each) {
    if (std::exchange(has_data_, true)) return errc::malformed_message;
    json_array list;
    if (value.get_array().get(list)) return errc::malformed_message;
    return scan_list(list, out, each);
  }

  // Objects that cannot be understood do not hide those after them.
  template <class Each>
  [[nodiscard]] errc scan_list(json_array& list, publisher::batch& out, Each& each) {
    found_.is_list = true;
    if (!json_check{message_}.passes()) return errc::malformed_message;  // before the first is told
    errc first_bad = errc::none;
    for (auto next : list) {
      json_object element;
      if (const auto failed = next.get_object().get(element)) {
        return failed == simdjson::INCORRECT_TYPE ? errc::wrong_type : errc::malformed_message;
      }
      found_.clear_object();
      if (const errc bad = scan_object(element, out, false, each); bad != errc::none) return bad;
      if (const errc bad = each(); first_bad == errc::none) first_bad = bad;
    }
    return first_bad;
  }

  // A candle and a forced order stand in an object of their own.
  [[nodiscard]] errc scan_inner(std::string_view name, json_value& value) {
    if (name != "k" && name != "o") return check_value(value);
    if (std::exchange(found_.has_inner, true)) return errc::malformed_message;
    json_object inner;
    if (value.get_object().get(inner)) return errc::malformed_message;
    for (auto next : inner) {
      simdjson::ondemand::field member;
      if (std::move(next).get(member)) return errc::malformed_message;
      std::string_view field;
      json_value each = member.value();
      json_type type{};
      if (each.type().get(type)) return errc::malformed_message;
      errc bad = read_name(member, field);
      if (bad != errc::none) return bad;
      if (type == json_type::array || type == json_type::object) {
        bad = check_value(each);
      } else {
        std::string_view token;
        bad = read_scalar(each, token);
        if (bad == errc::none) bad = found_.inner.put(key_of(field), token);
      }
      if (bad != errc::none) return bad;
    }
    return errc::none;
  }

  [[nodiscard]] errc scan_array(std::string_view name, json_value& value, publisher::batch& out) {
    if (name == "b" || name == "bids") return scan_side(value, found_.has_bids, found_.bids, out);
    if (name == "a" || name == "asks") return scan_side(value, found_.has_asks, found_.asks, out);
    if (name == "result") found_.is_answer = true;
    return check_value(value);
  }

  // What is no side of a book may be something else in an event that is no book: then the rest of it only has to be
  // JSON, and whoever looks for levels finds the fault.
  [[nodiscard]] errc scan_side(json_value& value, bool& seen, std::size_t& count, publisher::batch& out) {
    if (seen) return errc::malformed_message;
    seen = true;
    if (found_.draft.payload == nullptr) {
      found_.draft = out.begin(max_levels_);
      found_.levels = level_builder{found_.draft.levels};
    }
    const std::size_t before = found_.levels.size();
    const errc bad = scan_levels(value);
    if (bad == errc::malformed_message) return bad;
    if (found_.bad_levels == errc::none) found_.bad_levels = bad;
    count = found_.levels.size() - before;
    if (&count == &found_.bids && found_.has_asks) found_.levels.swap_sides(found_.asks);
    return errc::none;
  }

  [[nodiscard]] errc scan_levels(json_value& value) {
    json_array side;
    if (value.get_array().get(side)) return errc::malformed_message;
    for (auto next : side) {
      json_array pair;
      if (const auto failed = next.get_array().get(pair)) {
        return failed == simdjson::INCORRECT_TYPE ? errc::wrong_type : errc::malformed_message;
      }
      if (const errc bad = scan_level(pair); bad != errc::none) return bad;
    }
    return errc::none;
  }

  [[nodiscard]] errc scan_level(json_array& pair) {
    std::array<decimal, 2> numbers;
    std::size_t count = 0;
    for (auto next : pair) {
      json_value value;
      if (std::move(next).get(value)) return errc::malformed_message;
      if (count == numbers.size()) {  // older shapes append an empty array
        if (const errc bad = check_value(value); bad != errc::none) return bad;
        continue;
      }
      json_type type{};
      std::string_view token;
      if (value.type().get(type)) return errc::malformed_message;
      if (type != json_type::string) return errc::wrong_type;
      if (const errc bad = read_scalar(value, token); bad != errc::none) return bad;
      const std::string_view digits = token.substr(1, token.size() - 2);
      if (const errc bad = fields::parse_amount(digits, numbers[count]); bad != errc::none) return bad;
      ++count;
    }
    return count == numbers.size() ? found_.levels.add(numbers[0], numbers[1]) : errc::missing_field;
  }

  static constexpr std::size_t shortest_level = 10;  // ["1","2"],

  simdjson::ondemand::parser parser_;
  content found_;
  std::string_view message_;
  std::size_t max_levels_{0};
  bool has_data_{false};
};

}  // namespace foxtrot::inline v0::binance::detail

namespace foxtrot::inline v0::binance::detail {

/// All but the levels, which stand in the draft already.
[[nodiscard]] inline errc read(const message_scanner::content& found, depth_fields& said) noexcept {
  constexpr std::size_t most_levels = 65'535;  // of a side
  const fields& from = found.scalars;
  if (found.bad_levels != errc::none) return found.bad_levels;
  if (!found.has_bids || !found.has_asks) return errc::missing_field;
  if (found.bids > most_levels || found.asks > most_levels) return errc::number_out_of_range;
  said.bids = static_cast<std::uint32_t>(found.bids);
  said.asks = static_cast<std::uint32_t>(found.asks);
  said.price_exponent = found.levels.price_exponent();
  said.quantity_exponent = found.levels.quantity_exponent();
  said.is_update = from.has(letter('u'));
  errc bad = errc::none;
  const auto good = [&bad](errc outcome) { return (bad = outcome) == errc::none; };
  if (said.is_update) {
    if (!(good(from.number(letter('U'), said.first_id)) && good(from.number(letter('u'), said.last_id)))) return bad;
    if (said.first_id > said.last_id) return errc::number_out_of_range;
  } else if (!good(from.number(key::last_update_id, said.last_id))) {
    return bad;
  }
  if (from.has(key::previous_update_id)) {
    std::int64_t previous = 0;  // -1 where there was none
    if (!good(from.number(key::previous_update_id, previous))) return bad;
    said.has_previous_id = previous >= 0;
    said.previous_id = said.has_previous_id ? static_cast<std::uint64_t>(previous) : 0;
  }
  (void)(good(read_symbol(from, said.symbol)) && good(from.optional_time_us(letter('E'), said.event_us)) &&
         good(from.optional_time_us(letter('T'), said.transaction_us)));
  return bad;
}

}  // namespace foxtrot::inline v0::binance::detail

// foxtrot/exchange/binance/detail/isa.hpp: which vector instructions there are, looked up once.

namespace foxtrot::inline v0::binance::detail {

/// A form of the parser, by what it asks of the processor; each includes those before it.
enum class isa : std::uint8_t { portable, sse41, avx2 };

/// The last form that this machine can run. Any thread.
[[nodiscard]] inline isa best_isa() noexcept {
#if defined(__x86_64__)
  static const isa best = [] {
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx2")) return isa::avx2;
    return __builtin_cpu_supports("sse4.1") ? isa::sse41 : isa::portable;
  }();
  return best;
#else
  return isa::portable;
#endif
}

}  // namespace foxtrot::inline v0::binance::detail

// foxtrot/exchange/binance/detail/speculative.hpp: reads messages of the known shapes; gives up at the first byte that
// differs.

// foxtrot/exchange/binance/detail/shape_reader.hpp: reads a message by the grammar of its shape, in each form.

// foxtrot/exchange/binance/detail/digits_sse41.hpp: the same readers, sixteen characters in a vector register.

#if defined(__x86_64__)

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string_view>

#include <immintrin.h>

namespace foxtrot::inline v0::binance::detail {

/// Whoever calls these must have their target or a larger one, so that they can be inlined.
struct sse41_digits : plain_digits {
  using plain_digits::read;

  [[gnu::always_inline, gnu::target("sse4.1")]] static bool read(a_number, cursor& c, std::uint64_t& value) noexcept {
    const char* const at = c.at;
    const sixteen text = look(at);
    const unsigned digits = count(text.others);
    if (digits - 1 > 14) [[unlikely]]
      return digits != 0 && read_long(a_number{}, c, value);
    if (*at == '0' && digits != 1) [[unlikely]]
      return false;
    value = value_of(_mm_shuffle_epi8(text.values, to_the_right(digits)));
    return moved(c, at + digits);
  }

  [[gnu::always_inline, gnu::target("sse4.1")]] static bool read(a_previous_id, cursor& c, std::uint64_t& value,
                                                                 bool& present) noexcept {
    present = !begins_with<"-1">(c.at);
    if (!present) return moved(c, c.at + 2);
    return read(a_number{}, c, value) && value <= std::numeric_limits<std::int64_t>::max();
  }

  [[gnu::always_inline, gnu::target("sse4.1")]] static bool read(a_time, cursor& c,
                                                                 std::int64_t& microseconds) noexcept {
    const char* const at = c.at;
    const sixteen text = look(at);
    if (*at == '0') [[unlikely]]
      return false;
    if ((text.others & 0x3fff) == 0x2000) {
      microseconds = static_cast<std::int64_t>(value_of(_mm_shuffle_epi8(text.values, to_the_right(13))) * 1000);
      return moved(c, at + 13);
    }
    if (text.others != 0x10000) return false;
    microseconds = static_cast<std::int64_t>(value_of(text.values));
    return moved(c, at + 16);
  }

  [[gnu::always_inline, gnu::target("sse4.1")]] static bool read(an_amount, cursor& c, std::int64_t& mantissa,
                                                                 std::int8_t& exponent) noexcept {
    const char* const at = c.at;
    const sixteen text = look(at);
    const unsigned point = count(text.others);
    if (point - 1 > 14) [[unlikely]]
      return point != 0 && read_long(an_amount{}, c, mantissa, exponent);
    if (at[point] != '.') [[unlikely]] {
      mantissa = static_cast<std::int64_t>(value_of(_mm_shuffle_epi8(text.values, to_the_right(point))));
      exponent = 0;
      return moved(c, at + point);
    }
    const unsigned length = count(text.others & (text.others - 1));
    const unsigned decimals = length - point - 1;
    if (length > 15) [[unlikely]]
      return read_long(an_amount{}, c, mantissa, exponent);
    if (decimals == 0) [[unlikely]]
      return false;
    const __m128i order = _mm_add_epi8(to_the_right(length), over_the_point(decimals));
    mantissa = static_cast<std::int64_t>(value_of(_mm_shuffle_epi8(text.values, order)));
    exponent = static_cast<std::int8_t>(0U - decimals);
    return moved(c, at + length);
  }

  [[gnu::always_inline, gnu::target("sse4.1")]] static bool read(a_like_amount, cursor& c, std::int64_t& mantissa,
                                                                 const std::int8_t& exponent) noexcept {
    std::int8_t found = 0;
    return read(an_amount{}, c, mantissa, found) && found == exponent;
  }

  [[gnu::always_inline, gnu::target("sse4.1")]] static bool read(a_signed_amount, cursor& c, std::int64_t& mantissa,
                                                                 std::int8_t& exponent) noexcept {
    const bool negative = *c.at == '-';
    if (negative) ++c.at;
    if (!read(an_amount{}, c, mantissa, exponent)) return false;
    if (negative) mantissa = -mantissa;
    return true;
  }

  // SSE2 is part of x86-64.
  [[nodiscard, gnu::always_inline]] static bool read(a_name, cursor& c, std::string_view& name) noexcept {
    const char* const begin = c.at;
    for (const char* at = begin; at < c.end; at += 16) {
      const unsigned stop = name_ends(at);
      if (stop == 0) continue;
      const char* const end = at + std::countr_zero(stop);
      if (*end != '"' || end == begin) [[unlikely]]
        return false;
      name = {begin, static_cast<std::size_t>(end - begin)};
      return moved(c, end);
    }
    return false;
  }

  /// Sixteen digits as four numbers of four.
  [[gnu::always_inline, gnu::target("sse4.1")]] static __m128i fours_of(__m128i digits) noexcept {
    return _mm_madd_epi16(_mm_maddubs_epi16(digits, _mm_set1_epi16(0x010a)), _mm_set1_epi32(0x00010064));
  }

 protected:
  struct sixteen {
    __m128i values;   // of the digits
    unsigned others;  // a bit for each character that is none, and one behind them
  };

  [[gnu::always_inline, gnu::target("sse4.1")]] static sixteen look(const char* at) noexcept {
    const __m128i text = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
    const __m128i values = _mm_sub_epi8(text, _mm_set1_epi8('0'));
    const __m128i digits = _mm_cmpeq_epi8(_mm_min_epu8(values, _mm_set1_epi8(9)), values);
    return {values, static_cast<unsigned>(_mm_movemask_epi8(digits)) ^ 0x1ffffU};
  }

  /// A bit for each of sixteen characters at which a name ends, one way or the other.
  [[nodiscard, gnu::always_inline]] static unsigned name_ends(const char* at) noexcept {
    const __m128i text = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
    // signed: what is not ASCII is below the space, too
    const __m128i odd =
        _mm_or_si128(_mm_cmplt_epi8(text, _mm_set1_epi8(' ')), _mm_cmpeq_epi8(text, _mm_set1_epi8('\\')));
    return static_cast<unsigned>(_mm_movemask_epi8(_mm_or_si128(odd, _mm_cmpeq_epi8(text, _mm_set1_epi8('"')))));
  }

  /// Characters before the first marked one; 16 where none of the 16 is.
  [[nodiscard, gnu::always_inline]] static unsigned count(unsigned marks) noexcept {
    return static_cast<unsigned>(__builtin_ctz(marks));
  }

  /// A shuffle that moves the first `length` bytes to the right end, zeros before them.
  [[gnu::always_inline, gnu::target("sse4.1")]] static __m128i to_the_right(unsigned length) noexcept {
    return _mm_loadu_si128(reinterpret_cast<const __m128i*>(right_order.data() + length));
  }
  /// What to add to that shuffle where the byte before the last `decimals` is to be left out.
  [[gnu::always_inline, gnu::target("sse4.1")]] static __m128i over_the_point(unsigned decimals) noexcept {
    return _mm_loadu_si128(reinterpret_cast<const __m128i*>(minus_ones.data() + decimals));
  }

  /// The number that sixteen digits are: fours, eights, all.
  [[gnu::always_inline, gnu::target("sse4.1")]] static std::uint64_t value_of(__m128i digits) noexcept {
    const __m128i fours = fours_of(digits);
    const __m128i eights = _mm_madd_epi16(_mm_packus_epi32(fours, fours), _mm_set1_epi32(0x00012710));
    const auto halves = static_cast<std::uint64_t>(_mm_cvtsi128_si64(eights));
    return (halves & 0xffff'ffffU) * 100'000'000 + (halves >> 32);
  }

 private:
  alignas(64) static constexpr std::array<std::int8_t, 32> right_order = [] {
    std::array<std::int8_t, 32> order{};
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<std::int8_t>(static_cast<int>(i) - 16);
    return order;
  }();
  alignas(64) static constexpr std::array<std::int8_t, 32> minus_ones = [] {
    std::array<std::int8_t, 32> order{};
    for (std::size_t i = 0; i < 16; ++i) order[i] = -1;
    return order;
  }();
};

}  // namespace foxtrot::inline v0::binance::detail

#endif

// foxtrot/exchange/binance/detail/level_reader.hpp: price levels out of JSON text, into the caller's room.

namespace foxtrot::inline v0::binance::detail {

/// How the digits of a level stand: a guess about the next one. `point` is `length` where there is none; at most 15
/// characters.
struct level_layout {
  amount_width price;     // the portable form's guess
  amount_width quantity;  // likewise
  std::uint8_t price_length{14};
  std::uint8_t price_point{5};
  std::uint8_t quantity_length{10};
  std::uint8_t quantity_point{1};

  [[nodiscard]] std::int8_t price_exponent() const noexcept { return exponent(price_length, price_point); }
  [[nodiscard]] std::int8_t quantity_exponent() const noexcept { return exponent(quantity_length, quantity_point); }

  [[nodiscard]] static constexpr std::int8_t exponent(int length, int point) noexcept {
    return static_cast<std::int8_t>(point == length ? 0 : point + 1 - length);
  }
};

/// Depth fields while they are read: where the next level goes, and the guess.
struct depth_reading : depth_fields {
  foxtrot::raw_level* next{nullptr};
  foxtrot::raw_level* first{nullptr};
  foxtrot::raw_level* limit{nullptr};
  level_layout* guess{nullptr};

  /// All levels of a message have the exponents of the first: venues write the same decimals everywhere.
  [[nodiscard, gnu::always_inline]] bool agree(std::int8_t price, std::int8_t quantity) noexcept {
    if (next == first) {
      price_exponent = price;
      quantity_exponent = quantity;
      return true;
    }
    return price == price_exponent && quantity == quantity_exponent;
  }
};

/// One side, from behind the opening bracket to behind the closing one. `Digits` reads the numbers.
struct portable_levels {
  [[nodiscard]] static bool read(cursor& c, depth_reading& out) noexcept {
    if (*c.at == ']') return plain_digits::moved(c, c.at + 1);
    amount_width price = out.guess->price;
    amount_width quantity = out.guess->quantity;
    for (cursor now = c; now.at < now.end && out.next != out.limit;) {
      std::int8_t price_exponent = 0;
      std::int8_t quantity_exponent = 0;
      if (!begins_with<"[\"">(now.at)) return false;
      now.at += 2;
      if (!portable_digits::read_like(price, now, out.next->price, price_exponent)) return false;
      if (!begins_with<"\",\"">(now.at)) return false;
      now.at += 3;
      if (!portable_digits::read_like(quantity, now, out.next->quantity, quantity_exponent)) return false;
      if (!out.agree(price_exponent, quantity_exponent)) return false;
      ++out.next;
      if (begins_with<"\"],">(now.at)) {
        now.at += 3;
      } else {
        c.at = now.at + 3;
        out.guess->price = price;
        out.guess->quantity = quantity;
        return begins_with<"\"]]">(now.at);
      }
    }
    return false;
  }
};

}  // namespace foxtrot::inline v0::binance::detail

// foxtrot/exchange/binance/detail/level_reader_x86.hpp: price levels, each checked and converted as a whole.

#if defined(__x86_64__)

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

#include <immintrin.h>

namespace foxtrot::inline v0::binance::detail {

/// What sixteen characters must be where a number of `length` characters with its point at `point` and the quote behind
/// it are expected, and how its digits move to the right end.
struct number_pattern {
  static constexpr std::size_t longest = 15;

  alignas(64) std::array<std::uint8_t, 16> exact;  // the point and the quote; elsewhere what is right anyway
  std::array<std::uint8_t, 16> digit;              // ff: a digit
  std::array<std::uint8_t, 16> any;                // ff: behind the quote
  std::array<std::int8_t, 16> order;
};

using number_patterns = std::array<number_pattern, 256>;  // by length * 16 + point; those that cannot be match nothing

inline constexpr number_patterns patterns = [] {
  number_patterns all{};
  for (std::size_t length = 1; length <= number_pattern::longest; ++length) {
    for (std::size_t point = 1; point <= length; ++point) {
      if (point + 1 == length) continue;
      number_pattern& one = all[length * 16 + point];
      for (std::size_t i = 0; i < 16; ++i) {
        const bool is_point = i == point && point != length;
        one.exact[i] = is_point ? '.' : i == length ? '"' : '0';  // a digit as well: nothing else passes
        one.digit[i] = i < length && !is_point ? 0xff : 0;
        one.any[i] = i > length ? 0xff : 0;
        one.order[i] = -1;
      }
      std::size_t to = 16;
      for (std::size_t from = length; from-- > 0;) {
        if (from != point) one.order[--to] = static_cast<std::int8_t>(from);
      }
    }
  }
  return all;
}();

/// The numbers of a level side by side: what is expected of price and quantity.
struct level_pattern {
  const number_pattern* price;
  const number_pattern* quantity;

  explicit level_pattern(const level_layout& guess) noexcept
      : price{&pattern_of(guess.price_length, guess.price_point)},
        quantity{&pattern_of(guess.quantity_length, guess.quantity_point)} {}

  [[nodiscard]] static const number_pattern& pattern_of(unsigned length, unsigned point) noexcept {
    return patterns[std::size_t{length} * 16 + point];
  }
};

/// Where a run of levels that look alike has got to.
struct level_run {
  const char* at;
  const char* const end;
  foxtrot::raw_level* next;
  foxtrot::raw_level* const limit;
  level_layout guess;
  const unsigned quantity_decimals;
  std::size_t to_quantity;
  std::size_t to_tail;
  bool ended{false};

  [[gnu::always_inline]] level_run(const cursor& c, const depth_reading& out) noexcept
      : at{c.at},
        end{c.end},
        next{out.next},
        limit{out.limit},
        guess{*out.guess},
        quantity_decimals{static_cast<unsigned>(-guess.quantity_exponent())},
        to_quantity{std::size_t{guess.price_length} + 3},
        to_tail{to_quantity + guess.quantity_length + 1} {}

  [[nodiscard, gnu::always_inline]] bool goes_on() const noexcept { return next != limit && at < end; }

  /// What is between and behind the numbers, in the likely order.
  [[nodiscard, gnu::always_inline]] bool separators_fit() noexcept {
    if (!begins_with<",\"">(at + to_quantity - 2)) [[unlikely]]
      return false;
    if (begins_with<"],[\"">(at + to_tail)) [[likely]]
      return true;
    ended = begins_with<"]]">(at + to_tail);
    return ended;
  }

  /// To the next level; false at the end of the side.
  [[nodiscard, gnu::always_inline]] bool advance() noexcept {
    ++next;
    at += to_tail + 4;
    if (!ended) [[likely]]
      return true;
    at -= 2;
    return false;
  }

  /// Quantities differ in the digits before the point. Given which of its characters are no digits: true with a new
  /// guess.
  [[nodiscard, gnu::always_inline]] bool adapt(unsigned others) noexcept {
    const auto point = static_cast<unsigned>(std::countr_zero(others | 0x10000U));
    const unsigned length = quantity_decimals == 0 ? point : point + 1 + quantity_decimals;
    if (length == guess.quantity_length || point == 0 || length > number_pattern::longest) return false;
    guess.quantity_length = static_cast<std::uint8_t>(length);
    guess.quantity_point = static_cast<std::uint8_t>(point);
    to_tail = to_quantity + length + 1;
    return true;
  }

  /// True at the end of the side, `c` then behind it; else `c` is in front of what was not expected.
  [[nodiscard, gnu::always_inline]] bool finish(cursor& c, depth_reading& out) const noexcept {
    c.at = at;
    out.next = next;
    *out.guess = guess;
    return ended;
  }
};

/// The loops that take level after level from the first character of a price.
struct level_runs {
  [[nodiscard, gnu::noinline, gnu::target("avx2")]] static bool avx2(cursor& c, depth_reading& out) noexcept {
    level_run run{c, out};
    level_pattern pattern{run.guess};
    __m256i exact = both(pattern.price->exact, pattern.quantity->exact);
    __m256i digit = both(pattern.price->digit, pattern.quantity->digit);
    __m256i any = both(pattern.price->any, pattern.quantity->any);
    __m256i order = both(pattern.price->order, pattern.quantity->order);
    while (run.goes_on()) {
      const __m256i text =
          _mm256_inserti128_si256(_mm256_castsi128_si256(vector(run.at)), vector(run.at + run.to_quantity), 1);
      const __m256i values = _mm256_sub_epi8(text, _mm256_set1_epi8('0'));
      const __m256i digits = _mm256_cmpeq_epi8(_mm256_min_epu8(values, _mm256_set1_epi8(9)), values);
      const __m256i fits =
          _mm256_or_si256(_mm256_or_si256(_mm256_cmpeq_epi8(text, exact), any), _mm256_and_si256(digits, digit));
      if (_mm256_movemask_epi8(fits) != -1) [[unlikely]] {
        if (!run.adapt(~static_cast<unsigned>(_mm256_movemask_epi8(digits)) >> 16)) break;
        pattern = level_pattern{run.guess};
        exact = _mm256_inserti128_si256(exact, vector(pattern.quantity->exact), 1);
        digit = _mm256_inserti128_si256(digit, vector(pattern.quantity->digit), 1);
        any = _mm256_inserti128_si256(any, vector(pattern.quantity->any), 1);
        order = _mm256_inserti128_si256(order, vector(pattern.quantity->order), 1);
        continue;
      }
      if (!run.separators_fit()) break;
      const __m256i pairs = _mm256_maddubs_epi16(_mm256_shuffle_epi8(values, order), _mm256_set1_epi16(0x010a));
      const __m256i fours = _mm256_madd_epi16(pairs, _mm256_set1_epi32(0x00010064));
      store(run.next, _mm256_castsi256_si128(fours), _mm256_extracti128_si256(fours, 1));
      if (!run.advance()) break;
    }
    return run.finish(c, out);
  }

  [[nodiscard, gnu::noinline, gnu::target("sse4.1")]] static bool sse41(cursor& c, depth_reading& out) noexcept {
    level_run run{c, out};
    level_pattern pattern{run.guess};
    while (run.goes_on()) {
      const __m128i price_text = vector(run.at);
      const __m128i quantity_text = vector(run.at + run.to_quantity);
      const __m128i price = _mm_sub_epi8(price_text, _mm_set1_epi8('0'));
      const __m128i quantity = _mm_sub_epi8(quantity_text, _mm_set1_epi8('0'));
      const __m128i quantity_digits = digits_of(quantity);
      const __m128i fit = _mm_and_si128(fits(price_text, digits_of(price), *pattern.price),
                                        fits(quantity_text, quantity_digits, *pattern.quantity));
      if (_mm_movemask_epi8(fit) != 0xffff) [[unlikely]] {
        if (!run.adapt(static_cast<unsigned>(_mm_movemask_epi8(quantity_digits)) ^ 0xffffU)) break;
        pattern = level_pattern{run.guess};
        continue;
      }
      if (!run.separators_fit()) break;
      store(run.next, sse41_digits::fours_of(_mm_shuffle_epi8(price, vector(pattern.price->order))),
            sse41_digits::fours_of(_mm_shuffle_epi8(quantity, vector(pattern.quantity->order))));
      if (!run.advance()) break;
    }
    return run.finish(c, out);
  }

 private:
  template <class Bytes>
  [[gnu::always_inline]] static __m128i vector(const Bytes& bytes) noexcept {
    return _mm_load_si128(reinterpret_cast<const __m128i*>(bytes.data()));
  }
  [[gnu::always_inline]] static __m128i vector(const char* at) noexcept {
    return _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
  }
  template <class Bytes>
  [[gnu::always_inline, gnu::target("avx2")]] static __m256i both(const Bytes& low, const Bytes& high) noexcept {
    return _mm256_inserti128_si256(_mm256_castsi128_si256(vector(low)), vector(high), 1);
  }

  [[gnu::always_inline, gnu::target("sse4.1")]] static __m128i digits_of(__m128i values) noexcept {
    return _mm_cmpeq_epi8(_mm_min_epu8(values, _mm_set1_epi8(9)), values);
  }
  [[gnu::always_inline, gnu::target("sse4.1")]] static __m128i fits(__m128i text, __m128i digits,
                                                                    const number_pattern& pattern) noexcept {
    return _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(text, vector(pattern.exact)), vector(pattern.any)),
                        _mm_and_si128(digits, vector(pattern.digit)));
  }

  /// Four numbers below 10,000 each for price and quantity become two of eight digits each, and then one each.
  [[gnu::always_inline, gnu::target("sse4.1")]] static void store(foxtrot::raw_level* to, __m128i price,
                                                                  __m128i quantity) noexcept {
    static_assert(sizeof(foxtrot::raw_level) == sizeof(__m128i) && offsetof(foxtrot::raw_level, price) == 0);
    const __m128i eights = _mm_madd_epi16(_mm_packus_epi32(price, quantity), _mm_set1_epi32(0x00012710));
    const __m128i value =
        _mm_add_epi64(_mm_mul_epu32(eights, _mm_set1_epi64x(100'000'000)), _mm_srli_epi64(eights, 32));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to), value);
  }
};

/// One side, with the loop that `Use` says; what it did not expect is read number by number, and then expected.
template <isa Use>
struct x86_levels {
  [[gnu::target("sse4.1")]] static bool read(cursor& c, depth_reading& out) noexcept {
    if (*c.at == ']') return plain_digits::moved(c, c.at + 1);
    if (!begins_with<"[\"">(c.at)) return false;
    c.at += 2;
    while (true) {
      if (out.agree(out.guess->price_exponent(), out.guess->quantity_exponent())) {
        if (Use == isa::avx2 ? level_runs::avx2(c, out) : level_runs::sse41(c, out)) return c.at <= c.end;
      }
      if (!read_one(c, out)) return false;
      ++out.next;
      if (begins_with<"\"],[\"">(c.at)) {
        c.at += 5;
      } else {
        c.at += 3;
        return begins_with<"\"]]">(c.at - 3);
      }
    }
  }

 private:
  [[gnu::target("sse4.1")]] static bool read_one(cursor& c, depth_reading& out) noexcept {
    if (c.at >= c.end || out.next == out.limit) return false;
    std::int8_t price_exponent = 0;
    std::int8_t quantity_exponent = 0;
    cursor now = c;
    if (!sse41_digits::read(an_amount{}, now, out.next->price, price_exponent)) return false;
    const auto price_length = static_cast<std::size_t>(now.at - c.at);
    if (!begins_with<"\",\"">(now.at)) return false;
    now.at += 3;
    const char* const quantity = now.at;
    if (!sse41_digits::read(an_amount{}, now, out.next->quantity, quantity_exponent)) return false;
    const auto quantity_length = static_cast<std::size_t>(now.at - quantity);
    c.at = now.at;
    if (!out.agree(price_exponent, quantity_exponent)) return false;
    if (price_length <= number_pattern::longest && quantity_length <= number_pattern::longest) {
      out.guess->price_length = static_cast<std::uint8_t>(price_length);
      out.guess->price_point = point_of(price_length, price_exponent);
      out.guess->quantity_length = static_cast<std::uint8_t>(quantity_length);
      out.guess->quantity_point = point_of(quantity_length, quantity_exponent);
    }
    return true;
  }

  [[nodiscard]] static std::uint8_t point_of(std::size_t length, int exponent) noexcept {
    return static_cast<std::uint8_t>(exponent == 0 ? static_cast<int>(length)
                                                   : static_cast<int>(length) - 1 + exponent);
  }
};

}  // namespace foxtrot::inline v0::binance::detail

#endif

// foxtrot/exchange/binance/detail/recalling_digits_sse41.hpp: readers that expect what stood in the same place before.

namespace foxtrot::inline v0::binance::detail {

/// How long a value was and where its characters ended or were parted: a guess about the next one in its place. What
/// never was read matches nothing.
struct field_layout {
  std::uint16_t within{0};  // a bit for each character and the one behind them
  std::uint16_t marks{1};   // those of them that are no digits; of a name, the quote
  std::uint8_t length{0};   // at most 15
  std::uint8_t decimals{0};
};

/// A cursor that brings the layouts of the fields to come.
struct recalling_cursor : cursor {
  field_layout* next;
};

}  // namespace foxtrot::inline v0::binance::detail

#if defined(__x86_64__)

#include <string_view>

#include <immintrin.h>

namespace foxtrot::inline v0::binance::detail {

/// A field begins where the one before it ends, and to find an end takes a chain of load, comparison, mask and count: a
/// message would be as slow as all these chains in a row. Here the place of the next field comes from the layout, and
/// the text only decides a branch, which the processor predicts: the chains run side by side. What was not expected is
/// read as ever, and expected from then on.
struct recalling_sse41_digits : sse41_digits {
  using sse41_digits::read;

  [[gnu::always_inline, gnu::target("sse4.1")]] static bool read(a_number, cursor& c, field_layout& last,
                                                                 std::uint64_t& value) noexcept {
    const char* const at = c.at;
    const sixteen text = look(at);
    if (differs(text.others, last)) [[unlikely]] {
      c.at = learn(at, c.end, last, value);
      return c.at != nullptr;
    }
    const unsigned digits = last.length;
    if (*at == '0' && digits != 1) [[unlikely]]
      return false;
    value = value_of(_mm_shuffle_epi8(text.values, to_the_right(digits)));
    return moved(c, at + digits);
  }

  [[gnu::always_inline, gnu::target("sse4.1")]] static bool read(an_amount, cursor& c, field_layout& last,
                                                                 std::int64_t& mantissa,
                                                                 std::int8_t& exponent) noexcept {
    const char* const at = c.at;
    const sixteen text = look(at);
    const unsigned length = last.length;
    const unsigned decimals = last.decimals;
    if ((text.others & last.within) != last.marks || at[length - decimals - 1] != '.') [[unlikely]] {
      c.at = learn(at, c.end, last, mantissa, exponent);
      return c.at != nullptr;
    }
    const __m128i order = _mm_add_epi8(to_the_right(length), over_the_point(decimals));
    mantissa = static_cast<std::int64_t>(value_of(_mm_shuffle_epi8(text.values, order)));
    exponent = static_cast<std::int8_t>(0U - decimals);
    return moved(c, at + length);
  }

  [[gnu::always_inline, gnu::target("sse4.1")]] static bool read(a_like_amount, cursor& c, field_layout& last,
                                                                 std::int64_t& mantissa,
                                                                 const std::int8_t& exponent) noexcept {
    std::int8_t found = 0;
    return read(an_amount{}, c, last, mantissa, found) && found == exponent;
  }

  [[nodiscard, gnu::always_inline]] static bool read(a_name, cursor& c, field_layout& last,
                                                     std::string_view& name) noexcept {
    const char* const at = c.at;
    if (differs(name_ends(at), last) || at[last.length] != '"') [[unlikely]] {
      c.at = learn(at, c.end, last, name);
      return c.at != nullptr;
    }
    name = {at, last.length};
    return moved(c, at + last.length);
  }

 private:
  static constexpr unsigned longest = 15;

  // Where messages of a kind differ in their fields, the layout may be that of another one: with a point, of an amount.
  [[nodiscard, gnu::always_inline]] static bool differs(unsigned ends, const field_layout& last) noexcept {
    return (((ends & last.within) ^ last.marks) | last.decimals) != 0;
  }

  // These get no cursor, so that none need live in memory: they return where the value ends, or nullptr.

  [[nodiscard, gnu::noinline, gnu::target("sse4.1")]] static const char* learn(const char* at, const char* end,
                                                                               field_layout& last,
                                                                               std::uint64_t& value) noexcept {
    cursor c{at, end};
    if (!read(a_number{}, c, value)) return nullptr;
    remember(last, static_cast<unsigned>(c.at - at), 0);
    return c.at;
  }

  /// Without a point there is nothing to remember: the rare integers are read as ever.
  [[nodiscard, gnu::noinline, gnu::target("sse4.1")]] static const char* learn(const char* at, const char* end,
                                                                               field_layout& last,
                                                                               std::int64_t& mantissa,
                                                                               std::int8_t& exponent) noexcept {
    cursor c{at, end};
    if (!read(an_amount{}, c, mantissa, exponent)) return nullptr;
    if (exponent != 0) remember(last, static_cast<unsigned>(c.at - at), static_cast<unsigned>(-exponent));
    return c.at;
  }

  [[nodiscard, gnu::noinline]] static const char* learn(const char* at, const char* end, field_layout& last,
                                                        std::string_view& name) noexcept {
    cursor c{at, end};
    if (!read(a_name{}, c, name)) return nullptr;
    remember(last, static_cast<unsigned>(c.at - at), 0);
    return c.at;
  }

  static void remember(field_layout& last, unsigned length, unsigned decimals) noexcept {
    if (length > longest) return;
    const unsigned point = decimals == 0 ? 0 : 1U << (length - decimals - 1);
    last = {.within = static_cast<std::uint16_t>((2U << length) - 1),
            .marks = static_cast<std::uint16_t>(1U << length | point),
            .length = static_cast<std::uint8_t>(length),
            .decimals = static_cast<std::uint8_t>(decimals)};
  }
};

}  // namespace foxtrot::inline v0::binance::detail

#endif

namespace foxtrot::inline v0::binance::detail {

/// The layouts of a message's fields.
using field_layouts = std::array<field_layout, 10>;

/// The steps that read nothing but text.
struct common_steps {
  template <literal Text, class Out>
  [[nodiscard, gnu::always_inline]] static bool take(text<Text>, cursor& c, Out&) noexcept {
    static_assert(Text.size() <= longest_text);
    const char* const at = c.at;
    c.at += Text.size();
    return begins_with<Text>(at);
  }
  template <auto Member, auto Value, class Out>
  [[nodiscard, gnu::always_inline]] static bool take(set<Member, Value>, cursor&, Out& out) noexcept {
    out.*Member = Value;
    return true;
  }
  template <class Out>
  [[nodiscard, gnu::always_inline]] static bool take(choice<sequence<>>, cursor&, Out&) noexcept {
    return true;
  }
  template <class Out>
  [[nodiscard, gnu::always_inline]] static bool take(choice<>, cursor&, Out&) noexcept {
    return false;
  }
};

// The other steps stand here once for each target: what is to be inlined into a function with a target must have that
// target itself, and an attribute cannot depend on a template parameter.

/// For any machine.
struct portable_shapes : common_steps {
  using common_steps::take;

  /// The whole of a message, from the first character to the last.
  template <class Shape, class Out>
  [[nodiscard, gnu::noinline]] static bool read(cursor c, Out& out) noexcept {
    return take(Shape{}, c, out) && c.at == c.end;
  }

 private:
  template <class Reader, auto... Members, class Out>
  [[nodiscard, gnu::always_inline]] static bool take(field<Reader, Members...>, cursor& c, Out& out) noexcept {
    return portable_digits::read(Reader{}, c, out.*Members...);
  }
  template <class Reader, class Value, class Out>
  [[nodiscard, gnu::always_inline]] static bool take(ignored<Reader, Value>, cursor& c, Out&) noexcept {
    Value nobody_asks{};
    return portable_digits::read(Reader{}, c, nobody_asks);
  }
  template <auto Count, class Out>
  [[nodiscard, gnu::always_inline]] static bool take(side<Count>, cursor& c, Out& out) noexcept {
    const auto* const before = out.next;
    const bool good = portable_levels::read(c, out);
    out.*Count = static_cast<std::uint32_t>(out.next - before);
    return good;
  }
  template <class... Steps, class Out>
  [[nodiscard, gnu::always_inline]] static bool take(sequence<Steps...>, cursor& c, Out& out) noexcept {
    return (take(Steps{}, c, out) && ...);
  }
  template <literal Text, class... Steps, class... Others, class Out>
  [[nodiscard, gnu::always_inline]] static bool take(choice<sequence<text<Text>, Steps...>, Others...>, cursor& c,
                                                     Out& out) noexcept {
    if (!begins_with<Text>(c.at)) return take(choice<Others...>{}, c, out);
    c.at += Text.size();
    return (take(Steps{}, c, out) && ...);
  }
};

#if defined(__x86_64__)

/// For isa::sse41 and beyond; only price levels know more than that.
template <isa Use>
struct x86_shapes : common_steps {
  using common_steps::take;

  /// The whole of a message, from the first character to the last. `layouts` are those of the last one, in the order
  /// of its fields; of another form of the shape they only cost time.
  template <class Shape, class Out>
  [[nodiscard, gnu::noinline, gnu::target("sse4.1")]] static bool read(cursor from, field_layouts& layouts,
                                                                       Out& out) noexcept {
    static_assert(Shape::fields <= std::tuple_size_v<field_layouts>);
    recalling_cursor c{from, layouts.data()};
    return take(Shape{}, c, out) && c.at == c.end;
  }

 private:
  /// Whose values differ in length from message to message, but rarely.
  template <class Reader, class... Values>
  static constexpr bool recalls = requires(cursor& c, field_layout& last, Values... values) {
    recalling_sse41_digits::read(Reader{}, c, last, values...);
  };

  template <class Reader, auto... Members, class Out>
  [[gnu::always_inline, gnu::target("sse4.1")]] static bool take(field<Reader, Members...>, recalling_cursor& c,
                                                                 Out& out) noexcept {
    if constexpr (recalls<Reader, decltype(out.*Members)...>) {
      return recalling_sse41_digits::read(Reader{}, c, *c.next++, out.*Members...);
    } else {
      return sse41_digits::read(Reader{}, c, out.*Members...);
    }
  }
  template <class Reader, class Value, class Out>
  [[gnu::always_inline, gnu::target("sse4.1")]] static bool take(ignored<Reader, Value>, recalling_cursor& c,
                                                                 Out&) noexcept {
    Value nobody_asks{};
    return sse41_digits::read(Reader{}, c, nobody_asks);
  }
  template <auto Count, class Out>
  [[gnu::always_inline, gnu::target("sse4.1")]] static bool take(side<Count>, recalling_cursor& c, Out& out) noexcept {
    const auto* const before = out.next;
    const bool good = x86_levels<Use>::read(c, out);
    out.*Count = static_cast<std::uint32_t>(out.next - before);
    return good;
  }
  template <class... Steps, class Out>
  [[gnu::always_inline, gnu::target("sse4.1")]] static bool take(sequence<Steps...>, recalling_cursor& c,
                                                                 Out& out) noexcept {
    return (take(Steps{}, c, out) && ...);
  }
  template <literal Text, class... Steps, class... Others, class Out>
  [[gnu::always_inline, gnu::target("sse4.1")]] static bool take(choice<sequence<text<Text>, Steps...>, Others...>,
                                                                 recalling_cursor& c, Out& out) noexcept {
    if (!begins_with<Text>(c.at)) return take(choice<Others...>{}, c, out);
    c.at += Text.size();
    return (take(Steps{}, c, out) && ...);
  }
};

#endif

}  // namespace foxtrot::inline v0::binance::detail

namespace foxtrot::inline v0::binance::detail {

/// What a message may be, by its first key and the name of its event.
enum class shape : std::uint8_t { unknown, book_ticker, trade, aggregate_trade, depth, mark_price };

/// Reads what the venue really sends, raw or combined, without looking for structure: it expects each character. Where
/// read() is true, any strict JSON parser takes the message and finds the same values; where it is false nothing is
/// known, the fields are anything, and a general parser must decide. Needs 64 readable bytes after each message. One
/// thread.
class speculative_parser {
 public:
  /// A message, with its combined form opened.
  struct opening {
    std::string_view stream;  ///< of the combined form; else empty
    cursor data{};
    shape kind{shape::unknown};  ///< which read() to try
  };

  /// `use` must not be beyond best_isa().
  explicit speculative_parser(isa use = best_isa()) noexcept : use_{use} {}

  [[nodiscard]] opening open(std::string_view message) const noexcept {
    opening opened;
    opened.data = {message.data(), message.data() + message.size()};
    cursor& c = opened.data;
    if (begins_with<"{\"stream\":\"">(c.at)) {
      c.at += 11;
      if (!read_name(c, opened.stream) || !begins_with<"\",\"data\":">(c.at) || *--c.end != '}') return opened;
      c.at += 9;
    }
    opened.kind = kind_at(c.at);
    return opened;
  }

  [[nodiscard]] bool read(const opening& from, book_ticker_fields& out) noexcept {
    return read_as<shapes::book_ticker>(from, out);
  }
  [[nodiscard]] bool read(const opening& from, trade_fields& out) noexcept { return read_as<shapes::trade>(from, out); }
  [[nodiscard]] bool read(const opening& from, aggregate_trade_fields& out) noexcept {
    return read_as<shapes::aggregate_trade>(from, out);
  }
  [[nodiscard]] bool read(const opening& from, mark_price_fields& out) noexcept {
    return read_as<shapes::mark_price>(from, out);
  }
  /// The levels go to `room`; false also where that does not suffice, or decimals differ between levels.
  [[nodiscard]] bool read(const opening& from, std::span<foxtrot::raw_level> room, depth_fields& out) noexcept {
    constexpr std::uint32_t most_levels = 65'535;  // of a side
    depth_reading reading;
    reading.first = reading.next = room.data();
    reading.limit = room.data() + room.size();
    reading.guess = &guess_for(from).levels;
    if (!read_as<shapes::depth>(from, reading)) return false;
    if (reading.first_id > reading.last_id || reading.bids > most_levels || reading.asks > most_levels) return false;
    reading.levels = {reading.first, reading.next};
    out = static_cast<const depth_fields&>(reading);
    return true;
  }

  [[nodiscard]] isa form() const noexcept { return use_; }

 private:
  [[nodiscard, gnu::always_inline]] bool read_name(cursor& c, std::string_view& name) const noexcept {
#if defined(__x86_64__)
    if (use_ != isa::portable) return sse41_digits::read(a_name{}, c, name);
#endif
    return portable_digits::read(a_name{}, c, name);
  }

  [[nodiscard]] static shape kind_at(const char* at) noexcept {
    if (begins_with<"{\"e\":\"">(at)) {
      switch (at[6]) {
        case 'b': return shape::book_ticker;
        case 't': return shape::trade;
        case 'a': return shape::aggregate_trade;
        case 'd': return shape::depth;
        case 'm': return shape::mark_price;
        default: return shape::unknown;
      }
    }
    if (begins_with<"{\"u\":">(at)) return shape::book_ticker;
    return begins_with<"{\"lastUpdateId\":">(at) ? shape::depth : shape::unknown;
  }

  template <class Shape, class Out>
  [[nodiscard]] bool read_as(const opening& from, Out& out) noexcept {
    switch (use_) {
#if defined(__x86_64__)
      case isa::avx2: return x86_shapes<isa::avx2>::read<Shape>(from.data, guess_for(from).fields, out);
      case isa::sse41: return x86_shapes<isa::sse41>::read<Shape>(from.data, guess_for(from).fields, out);
#endif
      default: return portable_shapes::read<Shape>(from.data, out);
    }
  }

  /// What the last message looked like.
  struct guess {
    level_layout levels;
    field_layouts fields;
  };

  /// Symbols differ in their digits, messages of one symbol and kind hardly. Streams that share a guess only cost time.
  [[nodiscard]] guess& guess_for(const opening& from) noexcept {
    const auto kind = static_cast<std::uint64_t>(from.kind);
    const auto name = from.stream.empty() ? 0 : load<std::uint64_t>(&from.stream.front());
    return guesses_[static_cast<std::size_t>(((name + kind) * 0x9e3779b97f4a7c15) >> (64 - guess_bits))];
  }

  static constexpr unsigned guess_bits = 7;

  isa use_;
  std::array<guess, std::size_t{1} << guess_bits> guesses_{};
};

}  // namespace foxtrot::inline v0::binance::detail

// foxtrot/exchange/binance/detail/tick_writer.hpp: what messages said, as records in the feed's queues.

namespace foxtrot::inline v0::binance::detail {

/// Where the ticks of one message go, and what all of them share.
class tick_writer {
 public:
  /// `stream` is that of the combined form, else empty; `asked` the symbol that was asked for over HTTP, else empty.
  tick_writer(publisher::batch& out, tick_tag tag, std::int64_t received_ns, std::string_view stream,
              std::string_view asked) noexcept
      : out_{out}, stream_{stream}, asked_{asked}, received_ns_{received_ns}, tag_{tag} {}

  [[nodiscard]] errc write(const book_ticker_fields& said) {
    symbol_id symbol{};
    if (const errc bad = find(said.symbol, symbol); bad != errc::none) return bad;
    auto& record = out_.begin().payload->emplace<book_ticker_record>();
    record = {said.update_id,
              said.bid_price,
              said.bid_quantity,
              said.ask_price,
              said.ask_quantity,
              received_ns_,
              offset_of(said.transaction_us),
              symbol,
              said.price_exponent,
              said.quantity_exponent};
    publish(tick_kind::book_ticker, 0, symbol);
    return errc::none;
  }

  [[nodiscard]] errc write(const trade_fields& said, tick_kind kind = tick_kind::trade) {
    symbol_id symbol{};
    if (const errc bad = find(said.symbol, symbol); bad != errc::none) return bad;
    auto& record = out_.begin().payload->emplace<trade_record>();
    record = {said.trade_id,
              said.price,
              said.quantity,
              0,
              offset_of(said.trade_us),
              0,
              received_ns_,
              offset_of(said.event_us),
              symbol,
              said.price_exponent,
              said.quantity_exponent};
    publish(kind, said.buyer_is_maker ? trade::buyer_is_maker_flag : std::uint8_t{0}, symbol);
    return errc::none;
  }

  /// Into the draft that holds the levels already.
  [[nodiscard]] errc write(const depth_fields& said, const publisher::batch::draft& draft) {
    // the futures send their partial books in the shape of updates: only the stream tells
    const bool update = said.is_update && !is_partial_book();
    symbol_id symbol{};
    if (const errc bad = find(said.symbol, symbol); bad != errc::none) return bad;
    auto& record = draft.payload->emplace<depth_record>();
    record = {said.first_id,
              said.last_id,
              said.previous_id,
              0,
              static_cast<std::uint16_t>(said.bids),
              static_cast<std::uint16_t>(said.asks),
              offset_of(said.transaction_us),
              received_ns_,
              offset_of(said.event_us),
              symbol,
              said.price_exponent,
              said.quantity_exponent};
    publish(update ? tick_kind::depth_update : tick_kind::depth_snapshot,
            said.has_previous_id ? depth_update::previous_id_flag : std::uint8_t{0}, symbol,
            std::size_t{said.bids} + said.asks);
    return errc::none;
  }

  [[nodiscard]] errc write(const aggregate_trade_fields& said) {
    symbol_id symbol{};
    std::uint64_t count = 0;
    if (const errc bad = find(said.symbol, symbol); bad != errc::none) return bad;
    if (__builtin_sub_overflow(said.last_trade_id, said.first_trade_id, &count) || ++count > most_trades)
      return errc::number_out_of_range;
    auto& record = out_.begin().payload->emplace<aggregate_trade_record>();
    record = {said.aggregate_id,
              said.price,
              said.quantity,
              said.first_trade_id,
              offset_of(said.trade_us),
              static_cast<std::uint32_t>(count),
              received_ns_,
              offset_of(said.event_us),
              symbol,
              said.price_exponent,
              said.quantity_exponent};
    publish(tick_kind::aggregate_trade, said.buyer_is_maker ? aggregate_trade::buyer_is_maker_flag : std::uint8_t{0},
            symbol);
    return errc::none;
  }

  [[nodiscard]] errc write(const average_price_fields& said) {
    symbol_id symbol{};
    if (const errc bad = find(said.symbol, symbol); bad != errc::none) return bad;
    auto& record = out_.begin().payload->emplace<average_price_record>();
    record = {};
    record.price = said.price;
    record.last_trade = venue_time{said.last_trade_us};
    record.interval_minutes = said.interval_minutes;
    record.received_ns = received_ns_;
    record.event_time = offset_of(said.event_us);
    record.symbol = symbol;
    record.price_exponent = said.price_exponent;
    publish(tick_kind::average_price, 0, symbol);
    return errc::none;
  }

  [[nodiscard]] errc write(const reference_price_fields& said) {
    symbol_id symbol{};
    if (const errc bad = find(said.symbol, symbol); bad != errc::none) return bad;
    auto& record = out_.begin().payload->emplace<reference_price_record>();
    record = {};
    record.price = said.price;
    record.received_ns = received_ns_;
    record.event_time = offset_of(said.time_us);
    record.symbol = symbol;
    record.price_exponent = said.price_exponent;
    publish(tick_kind::reference_price, said.has_price ? reference_price::has_price_flag : std::uint8_t{0}, symbol);
    return errc::none;
  }

  [[nodiscard]] errc write(const mark_price_fields& said) {
    return write(tick_kind::mark_price, said.symbol, said.event_us, body_of(said));
  }

  /// A tick of more than one line.
  template <wide_body Body>
  [[nodiscard]] errc write(tick_kind kind, std::string_view name, std::int64_t event_us, const Body& body) {
    symbol_id symbol{};
    if (const errc bad = find(name, symbol); bad != errc::none) return bad;
    const publisher::batch::draft draft = out_.begin(units_of<Body>);
    write_body(draft.levels, body);
    draft.payload->emplace<wide_record>() = make_wide_record<Body>(received_ns_, offset_of(event_us), symbol);
    publish(kind, 0, symbol, units_of<Body>);
    return errc::none;
  }

  /// A whole message as it came; `name` is its event's, a part of it, or empty. Only where somebody wants it: in the
  /// ring that all share, long texts would push out the levels of others.
  void write_unknown(std::string_view message, std::string_view name, std::int64_t event_us) {
    if (message.size() > unknown_event::longest_text) return;
    if (!out_.wants(tick_kind::unknown_event)) {
      return out_.counters().ticks[static_cast<std::size_t>(tick_kind::unknown_event)].add();
    }
    const std::size_t units = unknown_event::units_for(message);
    const publisher::batch::draft draft = out_.begin(units);
    auto& record = draft.payload->emplace<unknown_record>();
    record = unknown_event::write(draft.levels, message, name);
    record.received_ns = received_ns_;
    record.event_time = offset_of(event_us);
    publish(tick_kind::unknown_event, 0, symbol_id::none, units);
  }

 private:
  static constexpr std::uint64_t most_trades = std::numeric_limits<std::uint32_t>::max();

  // Where a message names no symbol, its stream does, or whoever asked for it.
  [[nodiscard]] errc find(std::string_view name, symbol_id& symbol) const {
    if (!name.empty()) [[likely]]
      return intern(name, symbol);
    if (!asked_.empty()) return intern(asked_, symbol);
    const std::size_t end = stream_.find('@');
    if (end == std::string_view::npos || stream_.front() == '!') return errc::missing_field;
    const std::string_view lower = stream_.substr(0, end);
    std::array<char, symbol_table::longest_name> upper{};
    if (lower.empty()) return errc::missing_field;
    if (lower.size() > upper.size()) return errc::number_out_of_range;
    for (std::size_t i = 0; i < lower.size(); ++i) {
      upper[i] = lower[i] >= 'a' && lower[i] <= 'z' ? static_cast<char>(lower[i] - 'a' + 'A') : lower[i];
    }
    return intern({upper.data(), lower.size()}, symbol);
  }
  [[nodiscard]] errc intern(std::string_view name, symbol_id& symbol) const {
    const auto id = out_.symbols().intern(name);
    if (!id) return id.error() == errc::symbol_table_full ? errc::symbol_table_full : errc::malformed_message;
    symbol = *id;
    return errc::none;
  }

  [[nodiscard]] time_offset offset_of(std::int64_t venue_us) const noexcept {
    if (venue_us == no_time) return {};
    const time_offset made = time_offset::between(received_ns_, venue_us);
    if (!made.present()) [[unlikely]]
      out_.counters().absent_times.add();
    return made;
  }

  // <symbol>@depth5, @depth10, @depth20
  [[nodiscard]] bool is_partial_book() const noexcept {
    constexpr std::string_view mark = "@depth";
    const std::size_t at = stream_.find(mark);
    return at != std::string_view::npos && at + mark.size() < stream_.size() && stream_[at + mark.size()] >= '0' &&
           stream_[at + mark.size()] <= '9';
  }

  void publish(tick_kind kind, std::uint8_t flags, symbol_id symbol, std::size_t body = 0) {
    tick_tag tag = tag_;
    tag.kind = kind;
    tag.flags = flags;
    out_.publish(tag, symbol, body);
  }

  publisher::batch& out_;
  std::string_view stream_;
  std::string_view asked_;
  std::int64_t received_ns_;
  tick_tag tag_;
};

}  // namespace foxtrot::inline v0::binance::detail

// foxtrot/feed/protocol.hpp: what a session has to know of a venue.

// foxtrot/net/rate_limiter.hpp: at most N events in any window of length T.

namespace foxtrot::inline v0 {

struct rate_limit_settings {
  std::size_t limit{5};
  std::chrono::milliseconds window{1000};
  std::size_t reserve{1};  ///< of the limit, for urgent events alone
};

enum class send_priority : std::uint8_t {
  normal,  ///< leaves the reserve free
  urgent,  ///< a pong: late is as bad as never
};

/// A strict sliding window, not a token bucket: no window [t, t + T), wherever it begins, holds more than N events,
/// from a cold start on. Time comes from the caller. One thread.
class rate_limiter {
 public:
  /// Throws std::invalid_argument where nothing could ever be sent: no window, or a reserve that takes the whole limit.
  explicit rate_limiter(rate_limit_settings settings = {}) : settings_{settings}, times_(settings.limit) {
    if (settings.reserve >= settings.limit || settings.window <= std::chrono::milliseconds::zero()) {
      throw std::invalid_argument{"rate_limiter: needs a window and a reserve below the limit"};
    }
  }

  /// Counts one event at `now` if there is room for it.
  [[nodiscard]] bool try_acquire(steady_time now, send_priority priority = send_priority::normal) noexcept {
    if (next_allowed(now, priority)) return false;
    times_[next_] = now;
    next_ = next_ + 1 == times_.size() ? 0 : next_ + 1;
    used_ = std::min(used_ + 1, times_.size());
    return true;
  }

  /// When to try again; nothing where an event is allowed at `now`.
  [[nodiscard]] std::optional<steady_time> next_allowed(steady_time now,
                                                        send_priority priority = send_priority::normal) const noexcept {
    // There is room for one more of n if the n-th event back has left the window.
    const std::size_t allowed = settings_.limit - (priority == send_priority::urgent ? 0 : settings_.reserve);
    if (used_ < allowed) return std::nullopt;
    const std::size_t oldest = (next_ + times_.size() - allowed) % times_.size();
    const steady_time free_at = times_[oldest] + settings_.window;
    return free_at <= now ? std::nullopt : std::optional{free_at};
  }

 private:
  rate_limit_settings settings_;
  std::vector<steady_time> times_;  // of the last events, a ring
  std::size_t next_{0};
  std::size_t used_{0};
};

}  // namespace foxtrot::inline v0

namespace foxtrot::inline v0 {

/// What a message turned out to be.
enum class message_type : std::uint8_t {
  tick,      ///< published
  answer,    ///< to a request of ours: last_answer()
  shutdown,  ///< the venue is about to close this connection
  unknown,   ///< an event without a tick: last_event()
  rejected,  ///< not understood, nothing published: last_error()
};

/// An answer to a request to subscribe or unsubscribe.
struct control_answer {
  std::int64_t id{-1};  ///< -1: none, or not one of ours
  std::int64_t error_code{0};
  std::string error;  ///< empty: accepted
};

/// Which ticks a stream brings.
struct stream_key {
  tick_kind kind{};
  std::string symbol{};  ///< as ticks have it
};

/// What a venue allows on one connection.
struct session_limits {
  std::size_t max_streams{1024};
  std::size_t streams_per_request{100};
  rate_limit_settings messages{};  ///< of ours, pongs included
  rate_limit_settings attempts{.limit = 300, .window = std::chrono::minutes{5}, .reserve = 0};  ///< to connect
};

/// Turns a venue's messages into events, and our wishes into its messages. Knows no socket; used by one network thread.
template <class P>
concept venue_protocol = requires(P& protocol, std::string_view text, std::int64_t received_ns, publisher::batch& out,
                                  std::span<const std::string> streams, std::int64_t id) {
  { protocol.decode(text, received_ns, out) } -> std::same_as<message_type>;
  { protocol.last_answer() } -> std::same_as<const control_answer&>;
  { protocol.last_error() } -> std::same_as<errc>;
  { protocol.last_event() } -> std::same_as<std::string_view>;
  { protocol.subscribe_request(streams, id) } -> std::same_as<std::string>;
  { protocol.unsubscribe_request(streams, id) } -> std::same_as<std::string>;
  {
    protocol.key_of(text)
  } -> std::same_as<std::optional<stream_key>>;  // of a stream's name; none: its age is nobody's
  { protocol.limits() } -> std::same_as<session_limits>;
  { protocol.where() } -> std::same_as<venue>;
};

}  // namespace foxtrot::inline v0

namespace foxtrot::inline v0::binance {

/// How messages of the known shapes are read.
enum class parsing : std::uint8_t {
  fastest,   ///< expecting each character, in the best form that this machine can run; whatever differs, generally
  portable,  ///< the same without vector instructions
  general    ///< all of them as any JSON
};

/// Reads one message at a time and publishes what it holds: every public stream of spot and of both futures, as the
/// venue sent them since 2020, in any key order, alone or in the combined form {"stream":..,"data":..}; times in
/// milliseconds or microseconds; the objects of a list name their symbols themselves. However a message is read, its
/// ticks are the same. Needs 64 readable bytes after each message. Allocates nothing once it has seen the largest
/// message. One thread.
class codec {
 public:
  explicit codec(market where, parsing how = parsing::fastest)
      : fast_{how == parsing::fastest ? detail::best_isa() : detail::isa::portable},
        tag_{.where = venue_of(where)},
        speculate_{how != parsing::general} {}
  codec(const codec&) = delete;
  codec& operator=(const codec&) = delete;

  /// One WebSocket text message, received at `received_ns` on epoch_clock. Of a list, what can be understood is
  /// published even where the answer is message_type::rejected.
  message_type decode(std::string_view message, std::int64_t received_ns, publisher::batch& out) {
    return decode(message, received_ns, source::websocket, {}, out);
  }

  /// The body of GET depth for `symbol`: a depth snapshot.
  message_type decode_depth(std::string_view body, std::string_view symbol, std::int64_t received_ns,
                            publisher::batch& out) {
    return decode(body, received_ns, source::http, symbol, out);
  }

  [[nodiscard]] const control_answer& last_answer() const noexcept { return answer_; }
  [[nodiscard]] errc last_error() const noexcept { return error_; }
  /// The name of the last event that had to be read generally; valid until the next message.
  [[nodiscard]] std::string_view last_event() const noexcept { return event_; }

 private:
  using key = detail::key;
  using shape = detail::shape;

  message_type decode(std::string_view message, std::int64_t received_ns, source how, std::string_view asked,
                      publisher::batch& out) {
    tick_tag tag = tag_;
    tag.how = how;
    error_ = errc::none;
    event_ = {};
    if (speculate_) {
      const auto opened = fast_.open(message);
      if (opened.kind != shape::unknown) {
        if (const auto read = speculate(opened, message.size(), {out, tag, received_ns, opened.stream, asked}, out))
          return *read;
        const message_type read = decode_generally(message, received_ns, tag, asked, out);
        if (read == message_type::tick && is_of(opened.kind)) count_fallback(out.counters());
        return read;
      }
    }
    return decode_generally(message, received_ns, tag, asked, out);
  }

  // Nothing where the message is not of the shape that it began with.
  [[nodiscard]] std::optional<message_type> speculate(const detail::speculative_parser::opening& from, std::size_t size,
                                                      detail::tick_writer to, publisher::batch& out) {
    switch (from.kind) {
      case shape::book_ticker: {
        detail::book_ticker_fields said;
        if (!fast_.read(from, said)) return std::nullopt;
        return outcome_of(to.write(said));
      }
      case shape::trade: {
        detail::trade_fields said;
        if (!fast_.read(from, said)) return std::nullopt;
        return outcome_of(to.write(said));
      }
      case shape::aggregate_trade: {
        detail::aggregate_trade_fields said;
        if (!fast_.read(from, said)) return std::nullopt;
        return outcome_of(to.write(said));
      }
      case shape::mark_price: {
        detail::mark_price_fields said;
        if (!fast_.read(from, said)) return std::nullopt;
        return outcome_of(to.write(said));
      }
      case shape::depth: {
        detail::depth_fields said;
        if (is_other_book(from.stream)) return std::nullopt;
        const publisher::batch::draft draft = out.begin(size / shortest_level + 1);
        if (!fast_.read(from, draft.levels, said)) return std::nullopt;
        return outcome_of(to.write(said, draft));
      }
      case shape::unknown: break;
    }
    return std::nullopt;
  }

  // <symbol>@rpiDepth: of the futures, with orders that the other depth streams do not count, and ids of its own.
  [[nodiscard]] static bool is_other_book(std::string_view stream) noexcept {
    return stream.find("@rpiDepth") != std::string_view::npos;
  }

  [[nodiscard]] message_type outcome_of(errc failed) noexcept {
    error_ = failed;
    return failed == errc::none ? message_type::tick : message_type::rejected;
  }

  // Whether the event turned out to be of the kind that its first characters promised.
  [[nodiscard]] bool is_of(shape kind) const noexcept {
    switch (kind) {
      case shape::book_ticker: return event_.empty() || event_ == "bookTicker";
      case shape::trade: return event_ == "trade";
      case shape::aggregate_trade: return event_ == "aggTrade";
      case shape::depth: return event_.empty() || event_ == "depthUpdate";
      case shape::mark_price: return event_ == "markPriceUpdate";
      case shape::unknown: break;
    }
    return false;
  }
  void count_fallback(feed_counters& count) const {
    count.fallbacks.add(!found_.stream.empty() ? found_.stream : !event_.empty() ? event_ : "?");
  }

  message_type decode_generally(std::string_view message, std::int64_t received_ns, tick_tag tag,
                                std::string_view asked, publisher::batch& out) {
    message_type all = message_type::tick;
    unknown_ = {};
    const errc bad = scanner_.scan(message, out, [&] {
      const message_type each = interpret({out, tag, received_ns, found_.stream, asked});
      if (each != message_type::tick) all = each;
      if (each == message_type::unknown) note_unknown();
      return error_;
    });
    if (bad != errc::none) return outcome_of(bad);
    detail::tick_writer to{out, tag, received_ns, found_.stream, asked};
    if (!found_.is_list) {
      all = interpret(to);
      if (all == message_type::unknown) note_unknown();
    }
    if (unknown_.seen) {
      out.counters().unknown_events.add(unknown_.name);
      to.write_unknown(message, unknown_.name, unknown_.event_us);
    }
    return all;
  }

  // The first of a list stands for all.
  void note_unknown() noexcept {
    if (unknown_.seen) return;
    unknown_ = {.seen = true, .name = event_};
    (void)found_.scalars.optional_time_us(detail::letter('E'), unknown_.event_us);  // whatever it may be here
  }

  // One object.
  [[nodiscard]] message_type interpret(detail::tick_writer to) {
    using detail::letter;
    const detail::fields& said = found_.scalars;
    error_ = errc::none;
    event_ = {};
    if (found_.is_answer || (said.has(key::code) && said.has(key::message))) return interpret_answer();
    if (!said.has(letter('e'))) {
      if (found_.has_bids && found_.has_asks) return outcome_of(write_depth(to));
      if (said.has(letter('u')) && said.has(letter('B'))) return write<detail::book_ticker_fields>(to);
      return message_type::unknown;
    }
    if (const errc bad = said.text(letter('e'), event_); bad != errc::none) return outcome_of(bad);
    return interpret_event(to);
  }

  [[nodiscard]] message_type interpret_event(detail::tick_writer to) {
    if (event_ == "bookTicker") return write<detail::book_ticker_fields>(to);
    if (event_ == "trade") return write<detail::trade_fields>(to);
    if (event_ == "aggTrade") return write<detail::aggregate_trade_fields>(to);
    if (event_ == "depthUpdate" && !is_other_book(found_.stream)) return outcome_of(write_depth(to));
    if (event_ == "markPriceUpdate") return write<detail::mark_price_fields>(to);
    if (event_ == "kline") return outcome_of(write_inner<kline_body>(to, tick_kind::kline));
    if (event_ == "24hrTicker") return outcome_of(write_ticker(to, ticker_window::h24));
    if (event_ == "24hrMiniTicker") {
      return outcome_of(write_body<mini_ticker_body>(to, tick_kind::mini_ticker, found_.scalars, {}));
    }
    if (event_ == "1hTicker") return outcome_of(write_ticker(to, ticker_window::h1));
    if (event_ == "4hTicker") return outcome_of(write_ticker(to, ticker_window::h4));
    if (event_ == "1dTicker") return outcome_of(write_ticker(to, ticker_window::d1));
    if (event_ == "forceOrder") return outcome_of(write_inner<liquidation_body>(to, tick_kind::liquidation));
    if (event_ == "avgPrice") return write<detail::average_price_fields>(to);
    if (event_ == "referencePrice") return write<detail::reference_price_fields>(to);
    if (event_ == "blockTrade") return write_block_trade(to);
    if (event_ == "serverShutdown") return message_type::shutdown;
    return message_type::unknown;
  }

  template <class Fields>
  [[nodiscard]] message_type write(detail::tick_writer to) {
    Fields said;
    const errc bad = detail::read(found_.scalars, said);
    return outcome_of(bad != errc::none ? bad : to.write(said));
  }

  [[nodiscard]] message_type write_block_trade(detail::tick_writer to) {
    detail::trade_fields said;
    const errc bad = detail::read(found_.scalars, said);
    return outcome_of(bad != errc::none ? bad : to.write(said, tick_kind::block_trade));
  }

  template <class Body>
  [[nodiscard]] errc write_body(detail::tick_writer to, tick_kind kind, const detail::fields& from, Body body) {
    std::string_view symbol;
    std::int64_t event_us = detail::no_time;
    if (const errc bad = detail::read(from, body); bad != errc::none) return bad;
    if (const errc bad = detail::read_symbol(found_.scalars, symbol); bad != errc::none) return bad;
    if (symbol.empty()) {
      if (const errc bad = detail::read_symbol(from, symbol); bad != errc::none) return bad;
    }
    if (const errc bad = found_.scalars.time_us(detail::letter('E'), event_us); bad != errc::none) return bad;
    return to.write(kind, symbol, event_us, body);
  }
  // What stands in an object of its own.
  template <class Body>
  [[nodiscard]] errc write_inner(detail::tick_writer to, tick_kind kind) {
    return found_.has_inner ? write_body<Body>(to, kind, found_.inner, {}) : errc::missing_field;
  }
  [[nodiscard]] errc write_ticker(detail::tick_writer to, ticker_window window) {
    ticker_body body;
    body.window = window;
    return write_body(to, tick_kind::ticker, found_.scalars, body);
  }

  [[nodiscard]] errc write_depth(detail::tick_writer to) {
    detail::depth_fields said;
    const errc bad = detail::read(found_, said);
    return bad != errc::none ? bad : to.write(said, found_.draft);
  }

  [[nodiscard]] message_type interpret_answer() {
    answer_ = {};
    std::string_view text;
    if (found_.scalars.number(key::id, answer_.id) != errc::none) answer_.id = -1;
    if (found_.scalars.text(key::message, text) == errc::none) answer_.error = text;
    const bool coded = found_.scalars.number(key::code, answer_.error_code) == errc::none;
    if ((coded || found_.is_error) && answer_.error.empty()) answer_.error = "error";
    return message_type::answer;
  }

  static constexpr std::size_t shortest_level = 10;  // ["1","2"],

  struct unknown_event_found {
    bool seen{false};
    std::string_view name{};
    std::int64_t event_us{detail::no_time};
  };

  detail::speculative_parser fast_;
  detail::message_scanner scanner_;
  const detail::message_scanner::content& found_{scanner_.found()};
  control_answer answer_;
  std::string_view event_;
  unknown_event_found unknown_;
  tick_tag tag_;
  errc error_{errc::none};
  bool speculate_;
};

}  // namespace foxtrot::inline v0::binance

// foxtrot/exchange/binance/detail/stream_names.hpp: what the name of a stream says of its ticks.

namespace foxtrot::inline v0::binance::detail {

/// The symbol of a stream in upper case, as ticks and REST have it; empty for a stream of all symbols.
[[nodiscard]] inline std::string symbol_of_stream(std::string_view stream) {
  if (stream.starts_with('!') || stream.find('@') == std::string_view::npos) return {};
  std::string symbol{stream.substr(0, stream.find('@'))};
  std::transform(symbol.begin(), symbol.end(), symbol.begin(),
                 [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; });
  return symbol;
}

/// The kind of its ticks, where they are numbered. Partial books (`@depth20`) are not.
[[nodiscard]] constexpr std::optional<tick_kind> numbered_kind_of_stream(std::string_view stream) noexcept {
  const std::size_t at = stream.find('@');
  if (at == std::string_view::npos) return std::nullopt;
  const std::string_view what = stream.substr(at + 1);
  if (what == "trade") return tick_kind::trade;
  if (what == "aggTrade") return tick_kind::aggregate_trade;
  if (what == "bookTicker") return tick_kind::book_ticker;
  if (what == "depth" || what.starts_with("depth@")) return tick_kind::depth_update;
  return std::nullopt;
}

/// The kind of its ticks; nothing for a stream of all symbols, whose ticks are of whoever has changed, and for names
/// that are not known.
[[nodiscard]] constexpr std::optional<tick_kind> kind_of_stream(std::string_view stream) noexcept {
  if (stream.starts_with('!')) return std::nullopt;
  if (const auto numbered = numbered_kind_of_stream(stream)) return numbered;
  const std::size_t at = stream.find('@');
  if (at == std::string_view::npos) return std::nullopt;
  const std::string_view what = stream.substr(at + 1);
  if (what.starts_with("depth")) return tick_kind::depth_snapshot;
  if (what.starts_with("kline_")) return tick_kind::kline;
  if (what == "miniTicker") return tick_kind::mini_ticker;
  if (what == "ticker" || what.starts_with("ticker_")) return tick_kind::ticker;
  if (what == "avgPrice") return tick_kind::average_price;
  if (what == "referencePrice") return tick_kind::reference_price;
  if (what == "markPrice" || what.starts_with("markPrice@")) return tick_kind::mark_price;
  if (what == "blockTrade") return tick_kind::block_trade;
  if (what == "forceOrder") return tick_kind::liquidation;
  return std::nullopt;
}

/// The symbol of a stream of depth updates; empty for any other stream.
[[nodiscard]] inline std::string depth_symbol_of(std::string_view stream) {
  return numbered_kind_of_stream(stream) == tick_kind::depth_update ? symbol_of_stream(stream) : std::string{};
}

}  // namespace foxtrot::inline v0::binance::detail

namespace foxtrot::inline v0::binance {

/// Implements venue_protocol. Source of the messages: web-socket-streams.md of binance-spot-api-docs, "Live
/// Subscribing/Unsubscribing to streams"; the limits are the same page's.
class protocol {
 public:
  explicit protocol(market where) : market_{where}, codec_{where} {}

  message_type decode(std::string_view message, std::int64_t received_ns, publisher::batch& out) {
    return codec_.decode(message, received_ns, out);
  }
  [[nodiscard]] const control_answer& last_answer() const noexcept { return codec_.last_answer(); }
  [[nodiscard]] errc last_error() const noexcept { return codec_.last_error(); }
  [[nodiscard]] std::string_view last_event() const noexcept { return codec_.last_event(); }

  [[nodiscard]] std::string subscribe_request(std::span<const std::string> streams, std::int64_t id) const {
    return request("SUBSCRIBE", streams, id);
  }
  [[nodiscard]] std::string unsubscribe_request(std::span<const std::string> streams, std::int64_t id) const {
    return request("UNSUBSCRIBE", streams, id);
  }

  [[nodiscard]] std::optional<stream_key> key_of(std::string_view stream) const {
    const auto kind = detail::kind_of_stream(stream);
    if (!kind) return std::nullopt;
    return stream_key{*kind, detail::symbol_of_stream(stream)};
  }

  [[nodiscard]] session_limits limits() const noexcept {
    return {.max_streams = 1024,
            .streams_per_request = 100,
            .messages = {.limit = 5, .window = std::chrono::milliseconds{1000}, .reserve = 1}};
  }
  [[nodiscard]] venue where() const noexcept { return venue_of(market_); }
  [[nodiscard]] codec& messages() noexcept { return codec_; }

 private:
  // Stream names hold no character that JSON would escape: is_stream_name() has seen to it.
  [[nodiscard]] static std::string request(std::string_view method, std::span<const std::string> streams,
                                           std::int64_t id) {
    std::string text = R"({"method":")";
    text.append(method).append(R"(","params":[)");
    for (const std::string& stream : streams) {
      if (&stream != &streams.front()) text += ',';
      text.append(1, '"').append(stream).append(1, '"');
    }
    return text.append(R"(],"id":)").append(std::to_string(id)).append(1, '}');
  }

  market market_;
  codec codec_;
};
static_assert(venue_protocol<protocol>);

/// Whether this can be a stream's name: `<symbol>@<what>` or `!<what>`, without what would need escaping in JSON or a
/// URL.
[[nodiscard]] constexpr bool is_stream_name(std::string_view name) noexcept {
  if (name.empty() || name.size() > 128) return false;
  for (const char c : name) {
    if (static_cast<unsigned char>(c) <= ' ' || c == '"' || c == '\\' || c == '/' || c == '?' || c == '#' ||
        c == '\x7f')
      return false;
  }
  if (name.front() == '!') return name.size() > 1;
  return name.find('@') != std::string_view::npos && name.front() != '@' && name.back() != '@';
}

}  // namespace foxtrot::inline v0::binance

// foxtrot/feed/session_settings.hpp: how one WebSocket session connects, waits and gives up.

// foxtrot/net/backoff.hpp: how long to wait before the next attempt: exponential with full jitter.

namespace foxtrot::inline v0 {

/// 64 random bits per call.
using random_source = std::function<std::uint64_t()>;

/// SplitMix64 from a seed: spreads attempts well, has no secrets. Copies go on from the same state independently.
[[nodiscard]] inline random_source seeded_random(std::uint64_t seed) {
  return [state = seed]() mutable noexcept {
    state += 0x9e3779b97f4a7c15U;
    std::uint64_t bits = state;
    bits = (bits ^ (bits >> 30U)) * 0xbf58476d1ce4e5b9U;
    bits = (bits ^ (bits >> 27U)) * 0x94d049bb133111ebU;
    return bits ^ (bits >> 31U);
  };
}

/// Seeded by the system, so that a thousand clients cut off at once do not come back at once.
[[nodiscard]] inline random_source system_random() {
  std::random_device device;
  return seeded_random((std::uint64_t{device()} << 32U) | device());
}

struct backoff_settings {
  std::chrono::milliseconds base{1000};
  std::chrono::milliseconds cap{60'000};
  bool first_immediate{true};  ///< a connection that was fine is worth one retry at once
};

/// Delays drawn from U(0, min(cap, base * 2^n)): never above the cap, whatever the number of attempts. One thread.
class backoff {
 public:
  using duration = steady_time::duration;

  explicit backoff(backoff_settings settings = {}, random_source random = system_random())
      : settings_{settings}, random_{std::move(random)} {}

  /// The wait before the next attempt.
  [[nodiscard]] duration next() {
    const std::uint64_t attempt = attempts_++;
    if (!settings_.first_immediate) return jitter(bound(attempt));
    return attempt == 0 ? duration::zero() : jitter(bound(attempt - 1));
  }

  /// After proven health, not after a mere connect.
  void reset() noexcept { attempts_ = 0; }

  /// Calls of `next` since the last `reset`.
  [[nodiscard]] std::uint64_t attempts() const noexcept { return attempts_; }

  /// min(cap, base * 2^n), without overflow for any n.
  [[nodiscard]] duration bound(std::uint64_t n) const noexcept {
    const duration::rep base = duration{settings_.base}.count();
    const duration::rep cap = duration{settings_.cap}.count();
    return duration{n >= 63 || base > (cap >> n) ? cap : base << n};
  }

 private:
  [[nodiscard]] duration jitter(duration limit) {
    // 53 random bits: a double of [0, 1) without rounding up
    const double share = static_cast<double>(random_() >> 11U) * 0x1p-53;
    const auto wait = static_cast<duration::rep>(share * static_cast<double>(limit.count()));
    return std::clamp(duration{wait}, duration::zero(), limit);
  }

  backoff_settings settings_;
  random_source random_;
  std::uint64_t attempts_{0};
};

}  // namespace foxtrot::inline v0

// foxtrot/net/connection_budget.hpp: how often a process may try to connect to one place.

namespace foxtrot::inline v0 {

/// A venue counts connection attempts by address, so all sessions of a process share one allowance for each place: a
/// strict sliding window, as rate_limiter has it. Any thread.
class connection_budget {
 public:
  connection_budget() = default;
  connection_budget(const connection_budget&) = delete;
  connection_budget& operator=(const connection_budget&) = delete;

  /// The process's own. One for all shared objects of a process; never destroyed.
  [[gnu::visibility("default")]] [[nodiscard]] static connection_budget& shared() {
    return detail::immortal<connection_budget>();
  }

  /// Counts one attempt at `place`, such as "host:port", of which `limit` allows so many; or says when to come back,
  /// and counts nothing. The first limit that a place is given stays.
  [[nodiscard]] std::optional<steady_time> try_spend(std::string_view place, const rate_limit_settings& limit,
                                                     steady_time now) {
    const std::lock_guard lock{mutex_};
    auto at = spent_.find(place);
    if (at == spent_.end()) at = spent_.emplace(place, rate_limiter{limit}).first;
    if (at->second.try_acquire(now)) return std::nullopt;
    return at->second.next_allowed(now);
  }

 private:
  std::mutex mutex_;
  std::map<std::string, rate_limiter, std::less<>> spent_;
};

}  // namespace foxtrot::inline v0

// foxtrot/net/websocket/handshake.hpp: the client's side of the upgrade, RFC 6455 section 4.1.

// foxtrot/net/http/fields.hpp: header fields of an HTTP message, names without regard to case.

// foxtrot/net/url.hpp: ws, wss, http and https URLs, checked before anything is resolved or sent.

namespace foxtrot::inline v0 {
namespace detail {

[[nodiscard]] constexpr char ascii_lower(char c) noexcept {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

[[nodiscard]] constexpr bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

[[nodiscard]] constexpr bool is_alphanumeric(char c) noexcept {
  return is_digit(c) || (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z');
}

[[nodiscard]] inline bool is_ip6_address(std::string_view host) noexcept {
  char text[INET6_ADDRSTRLEN]{};
  if (host.size() >= sizeof text || host.find('\0') != host.npos) return false;
  std::copy(host.begin(), host.end(), text);
  in6_addr address{};
  return inet_pton(AF_INET6, text, &address) == 1;
}

[[nodiscard]] constexpr bool is_dns_name(std::string_view host) noexcept {
  if (host.empty() || host.size() > 253) return false;
  std::size_t label = 0;
  for (const char c : host) {
    if (c == '.') {
      if (label == 0) return false;
      label = 0;
    } else {
      // the underscore is no part of a host name, but real service names carry it
      if (!is_alphanumeric(c) && c != '-' && c != '_') return false;
      if (++label > 63) return false;
    }
  }
  return label != 0;  // no root dot: neither SNI nor a certificate carries one
}

[[nodiscard]] constexpr bool is_visible_ascii(std::string_view text) noexcept {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < '\x7f'; });
}

}  // namespace detail

/// True for a DNS name, a dotted IPv4 address or a bare IPv6 address (without brackets). Nothing in it can end a header
/// line or a request line.
[[nodiscard]] inline bool is_valid_host(std::string_view host) noexcept {
  return detail::is_dns_name(host) || detail::is_ip6_address(host);
}

/// True for what may stand between method and version of a request line: a path that starts with '/', perhaps a query,
/// in visible ASCII, without a fragment.
[[nodiscard]] constexpr bool is_valid_target(std::string_view target) noexcept {
  return target.starts_with('/') && detail::is_visible_ascii(target) && target.find('#') == target.npos;
}

/// The value of a Host header: IPv6 in brackets, the port only where it is not the scheme's own.
[[nodiscard]] inline std::string host_header(std::string_view host, std::uint16_t port, bool secure) {
  std::string value{host};
  if (host.find(':') != host.npos) value = "[" + value + "]";
  if (port != (secure ? 443 : 80)) value += ":" + std::to_string(port);
  return value;
}

/// Where to connect and what to ask for. The host is in lower case and without brackets.
struct url {
  bool secure{true};  ///< wss or https
  std::string host{};
  std::uint16_t port{443};
  std::string target{"/"};  ///< path and query, never empty

  /// errc::bad_url for another scheme, userinfo, a fragment, a bad host or port, and for any byte that is not visible
  /// ASCII (CR, LF, NUL and space among them).
  [[nodiscard]] static result<url> parse(std::string_view text) {
    url out;
    const std::size_t scheme_end = text.find("://");
    if (scheme_end == text.npos) return errc::bad_url;
    const std::optional<bool> secure = scheme_of(text.substr(0, scheme_end));
    if (!secure) return errc::bad_url;
    out.secure = *secure;
    out.port = out.secure ? 443 : 80;

    text.remove_prefix(scheme_end + 3);
    const std::size_t authority_end = std::min(text.find_first_of("/?#"), text.size());
    if (!out.read_authority(text.substr(0, authority_end))) return errc::bad_url;
    const std::string_view rest = text.substr(authority_end);
    if (!rest.empty()) out.target = rest.front() == '/' ? std::string{rest} : "/" + std::string{rest};
    if (!is_valid_target(out.target)) return errc::bad_url;
    return out;
  }

 private:
  [[nodiscard]] static std::optional<bool> scheme_of(std::string_view text) noexcept {
    const auto is = [text](std::string_view name) {
      return std::equal(text.begin(), text.end(), name.begin(), name.end(),
                        [](char a, char b) { return detail::ascii_lower(a) == b; });
    };
    if (is("wss") || is("https")) return true;
    if (is("ws") || is("http")) return false;
    return std::nullopt;
  }

  [[nodiscard]] bool read_authority(std::string_view text) {
    std::string_view name;
    if (text.starts_with('[')) {
      const std::size_t end = text.find(']');
      if (end == text.npos) return false;
      name = text.substr(1, end - 1);
      if (!detail::is_ip6_address(name)) return false;
      text.remove_prefix(end + 1);
    } else {
      name = text.substr(0, text.find(':'));
      if (!detail::is_dns_name(name)) return false;  // '@' fails here, so userinfo never passes
      text.remove_prefix(name.size());
    }
    host.assign(name);
    std::transform(host.begin(), host.end(), host.begin(), detail::ascii_lower);
    return text.empty() || (text.front() == ':' && read_port(text.substr(1)));
  }

  [[nodiscard]] bool read_port(std::string_view text) noexcept {
    const char* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, port);
    return error == std::errc{} && stop == end && port != 0;
  }
};

}  // namespace foxtrot::inline v0

namespace foxtrot::inline v0 {

struct http_field {
  std::string name;
  std::string value;
};

namespace detail {

[[nodiscard]] constexpr bool equal_ignoring_case(std::string_view a, std::string_view b) noexcept {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return ascii_lower(x) == ascii_lower(y); });
}

[[nodiscard]] constexpr std::string_view trim(std::string_view text) noexcept {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

/// RFC 9110 section 5.6.2: field names, methods, subprotocols.
[[nodiscard]] constexpr bool is_http_token(std::string_view text) noexcept {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return is_alphanumeric(c) || std::string_view{"!#$%&'*+-.^_`|~"}.find(c) != std::string_view::npos;
  });
}

/// No control characters but the tab: such a value can end neither its line nor the head.
[[nodiscard]] constexpr bool is_field_value(std::string_view text) noexcept {
  return std::all_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return c == '\t' || (byte >= 0x20 && byte != 0x7f);
  });
}

/// A whole decimal number; what does not fit becomes the largest one, so that limits and delays still hold.
[[nodiscard]] constexpr std::optional<std::uint64_t> parse_decimal(std::string_view text) noexcept {
  constexpr auto most = std::numeric_limits<std::uint64_t>::max();
  if (text.empty()) return std::nullopt;
  std::uint64_t value = 0;
  for (const char c : text) {
    if (!is_digit(c)) return std::nullopt;
    const auto digit = static_cast<std::uint64_t>(c - '0');
    value = value > (most - digit) / 10 ? most : value * 10 + digit;
  }
  return value;
}

}  // namespace detail

/// Fields in the order of the message. A plain value; the views it returns live as long as it is not changed.
class http_fields {
 public:
  http_fields() = default;
  explicit http_fields(std::vector<http_field> fields) : fields_{std::move(fields)} {}

  void add(std::string_view name, std::string_view value) {
    fields_.push_back({std::string{name}, std::string{value}});
  }
  void clear() noexcept { fields_.clear(); }

  /// The first field of this name.
  [[nodiscard]] std::optional<std::string_view> find(std::string_view name) const noexcept {
    for (const http_field& field : fields_) {
      if (detail::equal_ignoring_case(field.name, name)) return field.value;
    }
    return std::nullopt;
  }

  [[nodiscard]] std::size_t count(std::string_view name) const noexcept {
    return static_cast<std::size_t>(std::count_if(fields_.begin(), fields_.end(), [name](const http_field& field) {
      return detail::equal_ignoring_case(field.name, name);
    }));
  }

  /// True where one of the comma-separated lists under this name holds the token, without regard to case.
  [[nodiscard]] bool has_token(std::string_view name, std::string_view token) const noexcept {
    return std::any_of(fields_.begin(), fields_.end(), [&](const http_field& field) {
      return detail::equal_ignoring_case(field.name, name) && list_holds(field.value, token);
    });
  }

  [[nodiscard]] std::size_t size() const noexcept { return fields_.size(); }
  [[nodiscard]] auto begin() const noexcept { return fields_.begin(); }
  [[nodiscard]] auto end() const noexcept { return fields_.end(); }

 private:
  [[nodiscard]] static bool list_holds(std::string_view list, std::string_view token) noexcept {
    while (true) {
      const std::size_t comma = list.find(',');
      if (detail::equal_ignoring_case(detail::trim(list.substr(0, comma)), token)) return true;
      if (comma == list.npos) return false;
      list.remove_prefix(comma + 1);
    }
  }

  std::vector<http_field> fields_;
};

/// Retry-After in seconds, at most 68 years so that it can be added to any time. The form with a date is ignored: it
/// would need the wall clock.
[[nodiscard]] inline std::optional<std::chrono::seconds> retry_after(const http_fields& fields) noexcept {
  const auto text = fields.find("Retry-After");
  const auto value = text ? detail::parse_decimal(*text) : std::nullopt;
  if (!value) return std::nullopt;
  constexpr std::uint64_t most = std::numeric_limits<std::int32_t>::max();
  return std::chrono::seconds{static_cast<std::int64_t>(std::min(*value, most))};
}

}  // namespace foxtrot::inline v0

// foxtrot/net/http/head_reader.hpp: the head of an HTTP message, from pieces of any size to its start line and fields.

namespace foxtrot::inline v0 {

struct http_head_limits {
  std::size_t bytes{16 * 1024};
  std::size_t fields{100};
};

/// Reads up to and including the empty line. Each byte is looked at once, whatever the pieces; memory stays within the
/// limits. Strict: lines end with CR LF, no folding, no space before the colon. One thread.
class http_head_reader {
 public:
  explicit http_head_reader(http_head_limits limits = {}) : limits_{limits} {}

  /// Takes bytes and returns how many belonged to the head: fewer than given only when `done` or `error`.
  std::size_t feed(std::string_view bytes) {
    std::size_t taken = 0;
    while (taken < bytes.size() && !done_ && !error_) {
      const std::string_view rest = bytes.substr(taken);
      const std::size_t line_end = rest.find('\n');
      const std::size_t size = line_end == rest.npos ? rest.size() : line_end + 1;
      if (size > limits_.bytes - bytes_) {
        fail(errc::http_header_too_large);
        break;
      }
      bytes_ += size;
      taken += size;
      line_.append(rest.substr(0, size));
      if (line_end != rest.npos) finish_line();
    }
    return taken;
  }

  [[nodiscard]] bool done() const noexcept { return done_; }
  /// errc::http_malformed or errc::http_header_too_large; sticky.
  [[nodiscard]] std::error_code error() const noexcept { return error_; }
  /// Bytes taken so far.
  [[nodiscard]] std::size_t size() const noexcept { return bytes_; }
  /// Without its line end; empty until it has arrived.
  [[nodiscard]] const std::string& start_line() const noexcept { return start_line_; }
  [[nodiscard]] const http_fields& fields() const noexcept { return fields_; }

  void reset() { *this = http_head_reader{limits_}; }

 private:
  void fail(errc code) noexcept { error_ = code; }

  void finish_line() {
    if (!line_.ends_with("\r\n")) return fail(errc::http_malformed);
    line_.resize(line_.size() - 2);
    if (start_line_.empty()) {
      if (line_.empty() || !detail::is_field_value(line_)) return fail(errc::http_malformed);
      start_line_.swap(line_);
    } else if (line_.empty()) {
      done_ = true;
    } else {
      add_field();
    }
    line_.clear();
  }

  void add_field() {
    if (fields_.size() == limits_.fields) return fail(errc::http_header_too_large);
    const std::string_view line = line_;
    const std::size_t colon = line.find(':');
    if (colon == line.npos || !detail::is_http_token(line.substr(0, colon))) return fail(errc::http_malformed);
    const std::string_view value = detail::trim(line.substr(colon + 1));
    if (!detail::is_field_value(value)) return fail(errc::http_malformed);
    fields_.add(line.substr(0, colon), value);
  }

  http_head_limits limits_;
  std::size_t bytes_{0};
  std::string line_;
  std::string start_line_;
  http_fields fields_;
  std::error_code error_;
  bool done_{false};
};

}  // namespace foxtrot::inline v0

// foxtrot/net/http/request.hpp: a GET request, checked and written.

namespace foxtrot::inline v0 {

struct http_get {
  std::string host{};
  std::uint16_t port{443};
  bool secure{true};  ///< decides whether the port is the default one, which Host leaves out
  std::string target{"/"};
  std::vector<http_field> headers{};  ///< besides Host, which is written here
};

namespace detail {

/// Fields that decide where a message goes or ends: a caller's list may not hold them.
[[nodiscard]] constexpr bool is_framing_field(std::string_view name) noexcept {
  return equal_ignoring_case(name, "Host") || equal_ignoring_case(name, "Content-Length") ||
         equal_ignoring_case(name, "Transfer-Encoding");
}

}  // namespace detail

/// The bytes of the request. errc::bad_argument for a host, target or header that could end its line, is no token where
/// one is due, or would set Host or a body: nothing reaches the wire then.
[[nodiscard]] inline result<std::string> encode_get(const http_get& request) {
  if (!is_valid_host(request.host) || request.port == 0 || !is_valid_target(request.target)) return errc::bad_argument;
  const bool headers_good = std::all_of(request.headers.begin(), request.headers.end(), [](const http_field& field) {
    return detail::is_http_token(field.name) && !detail::is_framing_field(field.name) &&
           detail::is_field_value(field.value);
  });
  if (!headers_good) return errc::bad_argument;

  std::string text = "GET " + request.target + " HTTP/1.1\r\nHost: ";
  text += host_header(request.host, request.port, request.secure);
  text += "\r\n";
  for (const http_field& field : request.headers) text += field.name + ": " + field.value + "\r\n";
  text += "\r\n";
  return text;
}

}  // namespace foxtrot::inline v0

// foxtrot/net/http/status.hpp: status lines and what a status means to us.

namespace foxtrot::inline v0 {

struct http_status_line {
  int minor_version{1};  ///< of HTTP/1
  int status{0};
};

/// Reads "HTTP/1.1 200 OK"; the reason is optional and ignored.
[[nodiscard]] constexpr std::optional<http_status_line> parse_status_line(std::string_view line) noexcept {
  if (line.size() < 12 || !line.starts_with("HTTP/1.") || (line[7] != '0' && line[7] != '1') || line[8] != ' ' ||
      (line.size() > 12 && line[12] != ' ')) {
    return std::nullopt;
  }
  int status = 0;
  for (const char c : line.substr(9, 3)) {
    if (!detail::is_digit(c)) return std::nullopt;
    status = status * 10 + (c - '0');
  }
  if (status < 100 || status > 599) return std::nullopt;
  return http_status_line{line[7] - '0', status};
}

/// The class of a status: zero for 2xx, `otherwise` for what is neither 2xx, 4xx nor 5xx.
[[nodiscard]] inline std::error_code error_of_status(int status,
                                                     errc otherwise = errc::http_unexpected_status) noexcept {
  if (status >= 200 && status < 300) return {};
  if (status == 429) return errc::http_rate_limited;
  if (status == 418) return errc::http_banned;
  if (status == 403) return errc::http_forbidden;
  if (status >= 400 && status < 500) return errc::http_client_error;
  if (status >= 500 && status < 600) return errc::http_server_error;
  return otherwise;
}

}  // namespace foxtrot::inline v0

// foxtrot/net/websocket/handshake_key.hpp: the nonce of an upgrade and the answer that proves it was understood.

// foxtrot/net/detail/openssl_init.hpp: OpenSSL without its atexit handler.

namespace foxtrot::inline v0::detail {

/// To be called before anything else of OpenSSL's: whoever comes first decides whether exit() frees the tables under a
/// network thread that is still running. Any thread, any number of times.
inline bool init_openssl() noexcept {
  static const bool done = OPENSSL_init_crypto(OPENSSL_INIT_NO_ATEXIT, nullptr) == 1;
  return done;
}

}  // namespace foxtrot::inline v0::detail

namespace foxtrot::inline v0 {
namespace detail {

[[nodiscard]] inline std::string base64(std::span<const unsigned char> bytes) {
  std::string text((bytes.size() + 2) / 3 * 4 + 1, '\0');  // EVP_EncodeBlock writes a terminator
  EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()), bytes.data(), static_cast<int>(bytes.size()));
  text.pop_back();
  return text;
}

}  // namespace detail

/// 16 unpredictable bytes in base64, for Sec-WebSocket-Key; errc::not_permitted where OpenSSL's generator fails.
[[nodiscard]] inline result<std::string> make_websocket_key() {
  std::array<unsigned char, 16> nonce{};
  if (!detail::init_openssl() || RAND_bytes(nonce.data(), static_cast<int>(nonce.size())) != 1) {
    return errc::not_permitted;
  }
  return detail::base64(nonce);
}

/// Sec-WebSocket-Accept for a Sec-WebSocket-Key, RFC 6455 section 4.2.2.
[[nodiscard]] inline std::string websocket_accept(std::string_view key) {
  detail::init_openssl();
  const std::string text = std::string{key} + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  std::array<unsigned char, SHA_DIGEST_LENGTH> digest{};
  SHA1(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
  return detail::base64(digest);
}

}  // namespace foxtrot::inline v0

namespace foxtrot::inline v0 {

/// What to ask a server for.
struct upgrade_request {
  std::string host{};
  std::uint16_t port{443};
  bool secure{true};  ///< decides whether the port is the default one, which Host leaves out
  std::string target{"/"};
  std::vector<http_field> headers{};        ///< besides those of the upgrade itself
  std::vector<std::string> subprotocols{};  ///< in order of preference
};

/// What the server said instead of 101.
struct upgrade_failure {
  int status{0};  ///< 0 where there was no valid status line
  std::optional<std::chrono::seconds> retry_after{};
};

/// One upgrade: `request` is what to send, `feed` takes what comes back. A value that knows no socket; one thread.
class client_handshake {
 public:
  /// errc::bad_argument where the request could not be sent as asked: CR, LF, NUL or space in host, target or a
  /// header's name, a header of the upgrade itself, a subprotocol that is no token.
  [[nodiscard]] static result<client_handshake> make(const upgrade_request& wanted) {
    const auto key = make_websocket_key();
    if (!key) return key.error();
    return make(wanted, *key);
  }

  /// The same with a given Sec-WebSocket-Key.
  [[nodiscard]] static result<client_handshake> make(const upgrade_request& wanted, std::string_view key) {
    http_get get{wanted.host, wanted.port, wanted.secure, wanted.target, {}};
    get.headers = {{"Upgrade", "websocket"},
                   {"Connection", "Upgrade"},
                   {"Sec-WebSocket-Key", std::string{key}},
                   {"Sec-WebSocket-Version", "13"}};
    std::string offer;
    for (const std::string& name : wanted.subprotocols) {
      if (!detail::is_http_token(name)) return errc::bad_argument;
      offer += (offer.empty() ? "" : ", ") + name;
    }
    if (!offer.empty()) get.headers.push_back({"Sec-WebSocket-Protocol", offer});
    for (const http_field& field : wanted.headers) {
      if (is_upgrade_field(field.name)) return errc::bad_argument;
      get.headers.push_back(field);
    }
    auto text = encode_get(get);
    if (!text) return text.error();
    return client_handshake{std::move(*text), websocket_accept(key), wanted.subprotocols};
  }

  /// The bytes to send.
  [[nodiscard]] const std::string& request() const noexcept { return request_; }

  /// Takes bytes of the answer and returns how many belonged to its head; what follows a 101 is WebSocket frames
  /// already.
  std::size_t feed(std::string_view bytes) {
    if (done() || error_) return 0;
    const std::size_t taken = head_.feed(bytes);
    // in the order of the bytes, so that the verdict does not depend on how they arrive
    if (!head_.start_line().empty() && !status_known_) check_status_line();
    if (!error_) error_ = head_.error();
    if (!error_ && head_.done()) check_head();
    return taken;
  }

  /// True when the connection is a WebSocket one now.
  [[nodiscard]] bool done() const noexcept { return upgraded_; }
  /// Why there will be no upgrade; zero while there may be one. Sticky.
  [[nodiscard]] std::error_code error() const noexcept { return error_; }
  [[nodiscard]] const upgrade_failure& failure() const noexcept { return failure_; }
  /// The fields of the answer, complete when `done` or when the server refused.
  [[nodiscard]] const http_fields& fields() const noexcept { return head_.fields(); }
  /// The subprotocol that the server chose, empty if none.
  [[nodiscard]] std::string_view subprotocol() const noexcept {
    return fields().find("Sec-WebSocket-Protocol").value_or(std::string_view{});
  }

 private:
  client_handshake(std::string request, std::string accept, std::vector<std::string> subprotocols)
      : request_{std::move(request)}, accept_{std::move(accept)}, subprotocols_{std::move(subprotocols)} {}

  [[nodiscard]] static bool is_upgrade_field(std::string_view name) noexcept {
    constexpr std::string_view prefix = "Sec-WebSocket-";
    return detail::equal_ignoring_case(name, "Upgrade") || detail::equal_ignoring_case(name, "Connection") ||
           detail::equal_ignoring_case(name.substr(0, prefix.size()), prefix);
  }

  void check_status_line() {
    const auto line = parse_status_line(head_.start_line());
    if (!line) {
      error_ = errc::http_malformed;
      return;
    }
    failure_.status = line->status;
    status_known_ = true;
    if (line->status == 101 && line->minor_version != 1) error_ = errc::websocket_bad_upgrade;
  }

  void check_head() {
    if (failure_.status != 101) {
      failure_.retry_after = retry_after(fields());
      error_ = error_of_status(failure_.status, errc::websocket_upgrade_rejected);
      if (!error_) error_ = errc::websocket_upgrade_rejected;  // 2xx: fine as HTTP, but no WebSocket
      return;
    }
    error_ = check_upgrade();
    upgraded_ = !error_;
  }

  [[nodiscard]] std::error_code check_upgrade() const {
    const http_fields& got = fields();
    if (got.count("Upgrade") != 1 || !detail::equal_ignoring_case(*got.find("Upgrade"), "websocket") ||
        !got.has_token("Connection", "Upgrade")) {
      return errc::websocket_bad_upgrade;
    }
    if (got.count("Sec-WebSocket-Accept") != 1 || *got.find("Sec-WebSocket-Accept") != accept_) {
      return errc::websocket_bad_accept;
    }
    if (got.count("Sec-WebSocket-Extensions") != 0) return errc::websocket_unrequested_extension;
    const std::size_t chosen = got.count("Sec-WebSocket-Protocol");
    if (chosen > 1) return errc::websocket_bad_upgrade;
    if (chosen == 1 && std::find(subprotocols_.begin(), subprotocols_.end(), subprotocol()) == subprotocols_.end()) {
      return errc::websocket_unrequested_extension;
    }
    return {};
  }

  std::string request_;
  std::string accept_;
  std::vector<std::string> subprotocols_;
  http_head_reader head_;
  upgrade_failure failure_;
  std::error_code error_;
  bool status_known_{false};
  bool upgraded_{false};
};

}  // namespace foxtrot::inline v0

// foxtrot/net/websocket/stream.hpp: a WebSocket connection over any byte stream.

// foxtrot/net/asio.hpp: the part of Asio that foxtrot uses, with its concrete executor and foxtrot's error codes.

namespace foxtrot::inline v0 {

/// The concrete executor: any_io_executor would cost a virtual call and often an allocation per operation.
using io_executor = asio::io_context::executor_type;

/// A coroutine of foxtrot's network layer. Starts when awaited. Once its task_scope is cancelled the wait it is in
/// returns errc::cancelled and every further co_await throws, so a cancelled task unwinds by itself.
template <class T = void>
using task = asio::awaitable<T, io_executor>;

inline constexpr asio::use_awaitable_t<io_executor> use_task{};

namespace detail {

/// Asio keeps system errors in a category of its own; foxtrot's conditions know std::system_category() only.
[[nodiscard]] inline std::error_code from_asio(std::error_code error) noexcept {
  if (!error) return {};
  if (error == asio::error::operation_aborted) return errc::cancelled;
  if (error == asio::error::eof) return errc::closed;
  if (error.category() == asio::error::get_system_category()) return {error.value(), std::system_category()};
  return error;
}

}  // namespace detail
}  // namespace foxtrot::inline v0

// foxtrot/net/deadline.hpp: a limit on how long a sequence of waits may take in total.

// foxtrot/net/timer_queue.hpp: all timers of one event loop, on a clock that a test may advance by hand.

// foxtrot/net/async_event.hpp: one coroutine waits until something on the same loop has happened.

namespace foxtrot::inline v0 {

/// What every wait in net/ that is not for a socket is made of. A notification that finds nobody waiting is kept for
/// the next wait (one is kept, not several). One waiter at a time. Loop thread only; a loop that is destroyed destroys
/// the coroutines that wait here, as it does those that wait for sockets.
class async_event : private live_object<async_event> {
 public:
  explicit async_event(asio::io_context& loop) : state_{std::make_shared<state>(loop)} {}
  async_event(const async_event&) = delete;
  async_event& operator=(const async_event&) = delete;
  /// Whoever still waits gets errc::cancelled.
  ~async_event() {
    if (state_->waiter) state_->complete(errc::cancelled);
  }

  [[nodiscard]] bool waiting() const noexcept { return state_->waiter.has_value(); }

  /// The waiting coroutine goes on, from the loop and not from inside this call, with `error` as its result.
  void notify(std::error_code error = {}) {
    if (state_->waiter)
      state_->complete(error);
    else
      state_->kept = error;
  }

  /// errc::cancelled when the coroutine is cancelled or the event destroyed; otherwise what `notify` was given.
  [[nodiscard]] task<std::error_code> wait() { return wait_on(state_); }

 private:
  // A type of its own: Asio would throw a plain std::error_code instead of returning it.
  struct outcome {
    std::error_code error;
  };
  using handler = asio::async_result<asio::use_awaitable_t<io_executor>, void(outcome)>::handler_type;

  struct state;

  // A waiting coroutine is owned by its own event: without this list a dying loop would not know of it.
  class registry final : public asio::execution_context::service {
   public:
    inline static asio::execution_context::id id;

    explicit registry(asio::execution_context& loop) : service{loop} {}
    void add(state& waiting) noexcept {
      waiting.next = first_;
      waiting.previous = nullptr;
      if (first_ != nullptr) first_->previous = &waiting;
      first_ = &waiting;
    }
    void remove(state& waiting) noexcept {
      if (waiting.next != nullptr) waiting.next->previous = waiting.previous;
      (waiting.previous != nullptr ? waiting.previous->next : first_) = waiting.next;
    }

   private:
    void shutdown() override {
      while (first_ != nullptr) (void)first_->release();
    }

    state* first_{nullptr};
  };

  struct state {
    explicit state(asio::io_context& context)
        : loop{context}, waits{asio::use_service<registry>(static_cast<asio::execution_context&>(context))} {}

    [[nodiscard]] handler release() noexcept {
      waits.remove(*this);
      handler released = std::move(*waiter);
      waiter.reset();
      return released;
    }
    void complete(std::error_code error) {
      asio::post(loop, [waiting = release(), error]() mutable { std::move(waiting)(outcome{error}); });
    }

    asio::io_context& loop;
    registry& waits;
    std::optional<handler> waiter;
    std::optional<std::error_code> kept;
    std::uint64_t round{0};  // a cancellation meant for an earlier wait must not end a later one
    state* previous{nullptr};
    state* next{nullptr};
  };

  static void begin(const std::shared_ptr<state>& shared, handler waiting) {
    auto slot = waiting.get_cancellation_slot();
    if (shared->waiter) shared->complete(errc::would_block);  // one at a time: the one before gives way
    const std::uint64_t round = ++shared->round;
    shared->waiter.emplace(std::move(waiting));
    shared->waits.add(*shared);
    if (!slot.is_connected()) return;
    slot.assign([weak = std::weak_ptr{shared}, round](asio::cancellation_type) {
      const auto alive = weak.lock();
      if (alive && alive->waiter && alive->round == round) alive->complete(errc::cancelled);
    });
  }

  static task<std::error_code> wait_on(std::shared_ptr<state> shared) {
    if (shared->kept) {
      const std::error_code kept = *shared->kept;
      shared->kept.reset();
      co_return kept;
    }
    auto initiation = [&shared](handler waiting) { begin(shared, std::move(waiting)); };
    const outcome result = co_await asio::async_initiate<decltype(use_task), void(outcome)>(initiation, use_task);
    co_return result.error;
  }

  std::shared_ptr<state> state_;
};

}  // namespace foxtrot::inline v0

namespace foxtrot::inline v0 {

class timer_queue;

namespace detail {

// Shared by the queue and its handles, so that a handle may outlive the queue. Loop thread only.
class timer_core : public std::enable_shared_from_this<timer_core>, private live_object<timer_core> {
 public:
  using key = std::pair<steady_time, std::uint64_t>;  // equal times fire in the order they were asked for

  timer_core(asio::io_context& loop, time_source& time) : loop_{loop}, time_{time}, alarm_{std::in_place, loop} {}

  [[nodiscard]] asio::io_context& loop() const noexcept { return loop_; }
  [[nodiscard]] time_source& time() const noexcept { return time_; }
  [[nodiscard]] const auto& entries() const noexcept { return entries_; }

  key add(steady_time when, std::function<void()> callback) {
    const key added{when, next_number_++};
    entries_.emplace(added, std::move(callback));
    arm();
    return added;
  }

  // While others are pending the alarm stays set: it fires for nothing once, which is cheaper than a timerfd call per
  // cancelled deadline. The last one takes it away, so that a loop without tasks has nothing left to run for.
  bool remove(const key& which) {
    auto node = entries_.extract(which);  // the callback dies only after the map is whole again
    if (entries_.empty() && armed_for_ && alarm_) {
      armed_for_.reset();
      alarm_->cancel();
    }
    return !node.empty();
  }

  std::size_t run_due() {
    const steady_time now = time_.now();
    const std::uint64_t first_new = next_number_;  // timers that callbacks add wait for the next call
    struct rearmer {
      timer_core& core;
      ~rearmer() { core.arm(); }
    };
    const rearmer always{*this};  // also where a callback throws
    std::size_t ran = 0;
    for (auto entry = entries_.begin(); entry != entries_.end() && entry->first.first <= now;) {
      if (entry->first.second >= first_new) {
        ++entry;
        continue;
      }
      const auto node = entries_.extract(entry);
      node.mapped()();
      ++ran;
      entry = entries_.begin();  // the callback may have changed everything
    }
    return ran;
  }

  void shut() {
    alarm_.reset();
    const auto dropped = std::exchange(entries_, {});
  }

 private:
  void arm() {
    if (time_.manual() || !alarm_ || entries_.empty()) return;
    const steady_time earliest = entries_.begin()->first.first;
    if (armed_for_ && *armed_for_ <= earliest) return;
    armed_for_ = earliest;
    alarm_->expires_at(earliest);
    alarm_->async_wait([weak = weak_from_this(), earliest](std::error_code error) {
      const auto core = weak.lock();
      if (error || !core || core->armed_for_ != earliest) return;  // overtaken by an earlier alarm
      core->armed_for_.reset();
      core->run_due();
    });
  }

  using alarm =
      asio::basic_waitable_timer<std::chrono::steady_clock, asio::wait_traits<std::chrono::steady_clock>, io_executor>;

  asio::io_context& loop_;
  time_source& time_;
  std::map<key, std::function<void()>> entries_;
  std::optional<alarm> alarm_;
  std::optional<steady_time> armed_for_;
  std::uint64_t next_number_{0};
};

}  // namespace detail

/// A pending call: its destruction takes the call back. Loop thread only; may outlive its queue.
class [[nodiscard]] timer : private live_object<timer> {
 public:
  timer() = default;
  timer(timer&& other) noexcept = default;
  timer& operator=(timer&& other) noexcept {
    cancel();
    core_ = std::move(other.core_);
    key_ = other.key_;
    return *this;
  }
  ~timer() { cancel(); }

  /// True if the call had not begun; it will not happen then. Safe from within any timer's callback.
  bool cancel() noexcept {
    const auto core = std::exchange(core_, {}).lock();
    return core && core->remove(key_);
  }
  [[nodiscard]] bool pending() const noexcept {
    const auto core = core_.lock();
    return core && core->entries().contains(key_);
  }

 private:
  friend class timer_queue;
  timer(const std::shared_ptr<detail::timer_core>& core, detail::timer_core::key key) : core_{core}, key_{key} {}

  std::weak_ptr<detail::timer_core> core_;
  detail::timer_core::key key_{};
};

/// The only source of timers in net/ and feed/: one ordered set, one Asio timer armed for the earliest. With a manual
/// time source nothing is armed: whoever advances the time calls `run_due`. Loop thread only.
class timer_queue : private live_object<timer_queue> {
 public:
  explicit timer_queue(asio::io_context& loop, time_source& time = system_time())
      : core_{std::make_shared<detail::timer_core>(loop, time)} {}
  timer_queue(const timer_queue&) = delete;
  timer_queue& operator=(const timer_queue&) = delete;
  /// Pending calls are dropped, not made.
  ~timer_queue() { core_->shut(); }

  [[nodiscard]] steady_time now() const noexcept { return core_->time().now(); }
  [[nodiscard]] asio::io_context& context() const noexcept { return core_->loop(); }

  /// Calls `callback` once, on the loop, as soon as `when` has come, as long as the handle lives.
  [[nodiscard]] timer call_at(steady_time when, std::function<void()> callback) {
    return timer{core_, core_->add(when, std::move(callback))};
  }
  [[nodiscard]] timer call_after(steady_time::duration wait, std::function<void()> callback) {
    return call_at(now() + wait, std::move(callback));
  }

  /// errc::cancelled when the awaiting coroutine is cancelled meanwhile.
  [[nodiscard]] task<std::error_code> sleep_until(steady_time when) { return sleep(core_, when); }
  [[nodiscard]] task<std::error_code> sleep_for(steady_time::duration wait) { return sleep(core_, now() + wait); }

  /// When the earliest pending call is due; nothing if there is none.
  [[nodiscard]] std::optional<steady_time> next() const {
    const auto& entries = core_->entries();
    return entries.empty() ? std::nullopt : std::optional{entries.begin()->first.first};
  }
  [[nodiscard]] std::size_t size() const noexcept { return core_->entries().size(); }

  /// Makes the calls that are due, in order of time; returns how many. Calls added meanwhile wait for the next time.
  std::size_t run_due() {
    const auto keep = core_;  // a callback may destroy the queue
    return keep->run_due();
  }

 private:
  static task<std::error_code> sleep(std::shared_ptr<detail::timer_core> core, steady_time when) {
    async_event due{core->loop()};
    const timer alarm{core, core->add(when, [&due] { due.notify(); })};
    co_return co_await due.wait();
  }

  std::shared_ptr<detail::timer_core> core_;
};

}  // namespace foxtrot::inline v0

namespace foxtrot::inline v0 {

/// Runs `on_expiry` (which closes a stream, say, and so ends the wait in it) unless destroyed in time; `map` then turns
/// the error that the closing caused into errc::timeout. A local variable of the coroutine it limits. Loop thread only.
class deadline {
 public:
  deadline(timer_queue& timers, steady_time when, std::function<void()> on_expiry)
      : on_expiry_{std::move(on_expiry)}, when_{when}, alarm_{timers.call_at(when, [this] { expire(); })} {}
  deadline(timer_queue& timers, steady_time::duration limit, std::function<void()> on_expiry)
      : deadline{timers, timers.now() + limit, std::move(on_expiry)} {}
  deadline(const deadline&) = delete;
  deadline& operator=(const deadline&) = delete;
  ~deadline() = default;

  [[nodiscard]] bool expired() const noexcept { return expired_; }
  [[nodiscard]] steady_time when() const noexcept { return when_; }

  /// errc::timeout for any failure after the deadline passed, success included: what was reached too late is not
  /// reached.
  [[nodiscard]] std::error_code map(std::error_code error) const noexcept {
    return expired_ ? make_error_code(errc::timeout) : error;
  }

  /// From here on nothing happens any more when the time comes.
  void release() noexcept { alarm_.cancel(); }

 private:
  void expire() {
    expired_ = true;
    const auto action = std::exchange(on_expiry_, nullptr);
    if (action) action();
  }

  std::function<void()> on_expiry_;
  steady_time when_;
  bool expired_{false};
  timer alarm_;
};

}  // namespace foxtrot::inline v0

// foxtrot/net/stream.hpp: what every byte stream promises: TCP, TLS, or memory in a test.

namespace foxtrot::inline v0 {

/// What one call moved. errc::would_block: nothing now, wait; errc::closed: the peer's end, or our own close;
/// errc::tls_truncated: the end without TLS's close_notify.
struct io_result {
  std::size_t bytes{0};
  std::error_code error;
};

/// Reading and writing never block and never wait: they move what can be moved now. Waiting is a coroutine, and is
/// allowed to return without reason. A stream that holds something back goes on sending it in `wait_readable`. One
/// thread.
template <class S>
concept byte_stream = requires(S& stream, std::span<char> in, std::span<const char> out) {
  { stream.read_some(in) } noexcept -> std::same_as<io_result>;    // at most one read of the socket
  { stream.write_some(out) } noexcept -> std::same_as<io_result>;  // takes a prefix
  { stream.flush() } noexcept -> std::same_as<std::error_code>;    // sends what the stream itself holds back
  { stream.wait_readable() } -> std::same_as<task<std::error_code>>;
  { stream.wait_writable() } -> std::same_as<task<std::error_code>>;
  { stream.close() } noexcept;  // at once, any number of times; waiters get errc::cancelled
};

/// Streams that know whether another read needs the socket let a reader stop after one socket read, without asking
/// the kernel again only to hear that it has nothing.
template <class S>
concept buffered_stream = byte_stream<S> && requires(const S& stream) {
  { stream.buffered() } noexcept -> std::same_as<std::size_t>;  // received bytes that read_some has not looked at yet
  { stream.drained() } noexcept -> std::same_as<bool>;          // the last socket read took all there was
};

}  // namespace foxtrot::inline v0

// foxtrot/net/watchdog.hpp: a call that comes when something has not happened for too long.

namespace foxtrot::inline v0 {

/// Calls `on_expiry` once, on the loop, when it has not been fed for `patience` since the first time. Feeding it is a
/// look at the clock and no more: the timer finds out by itself how long it still has to wait. Loop thread only.
class watchdog {
 public:
  /// A patience of zero means for ever.
  watchdog(timer_queue& timers, steady_time::duration patience, std::function<void()> on_expiry)
      : timers_{timers}, patience_{patience}, on_expiry_{std::move(on_expiry)} {}
  watchdog(const watchdog&) = delete;
  watchdog& operator=(const watchdog&) = delete;
  ~watchdog() = default;

  /// What is watched has just happened; begins to watch where nobody did.
  void feed() {
    if (patience_ <= steady_time::duration::zero()) return;
    fed_ = timers_.now();
    if (!std::exchange(watching_, true)) arm();
  }
  /// Until it is fed again.
  void stop() noexcept {
    if (std::exchange(watching_, false)) alarm_.cancel();
  }
  [[nodiscard]] bool watching() const noexcept { return watching_; }

 private:
  void arm() {
    alarm_ = timers_.call_at(fed_ + patience_, [this] { look(); });
  }
  void look() {
    if (timers_.now() < fed_ + patience_) return arm();
    watching_ = false;
    const auto call = on_expiry_;  // it may destroy the watchdog
    call();
  }

  timer_queue& timers_;
  const steady_time::duration patience_;
  const std::function<void()> on_expiry_;
  steady_time fed_{};
  bool watching_{false};
  timer alarm_;
};

}  // namespace foxtrot::inline v0

// foxtrot/net/websocket/close.hpp: close codes and what a close frame says, RFC 6455 sections 5.5.1 and 7.4.

// foxtrot/net/websocket/frame.hpp: frame headers on the wire, RFC 6455 section 5.2.

// foxtrot/net/websocket/mask.hpp: masking of client frames, RFC 6455 section 5.3.

namespace foxtrot::inline v0 {

/// Four bytes in the order in which they travel.
using mask_key = std::array<std::uint8_t, 4>;

/// Masks or unmasks in place; `offset` is the position of `data` in the payload. Any alignment.
inline void apply_mask(std::span<char> data, mask_key key, std::size_t offset = 0) noexcept {
  std::array<std::uint8_t, 8> repeated{};
  for (std::size_t i = 0; i < repeated.size(); ++i) repeated[i] = key[(offset + i) % key.size()];
  std::uint64_t wide = 0;
  std::memcpy(&wide, repeated.data(), sizeof wide);

  char* at = data.data();
  std::size_t left = data.size();
  for (; left >= sizeof wide; left -= sizeof wide, at += sizeof wide) {
    std::uint64_t word = 0;
    std::memcpy(&word, at, sizeof word);
    word ^= wide;
    std::memcpy(at, &word, sizeof word);
  }
  for (std::size_t i = 0; i < left; ++i) at[i] = static_cast<char>(static_cast<std::uint8_t>(at[i]) ^ repeated[i]);
}

/// Unpredictable keys from OpenSSL's generator, fetched in batches because one call costs about a microsecond whatever
/// its size. One thread. A moved-from source fetches a fresh batch, so that no key is ever used twice.
class mask_key_source {
 public:
  mask_key_source() = default;
  mask_key_source(mask_key_source&& other) noexcept : keys_{other.keys_}, next_{std::exchange(other.next_, batch)} {}
  mask_key_source& operator=(mask_key_source&& other) noexcept {
    if (this != &other) {
      keys_ = other.keys_;
      next_ = std::exchange(other.next_, batch);
    }
    return *this;
  }
  ~mask_key_source() = default;

  /// False where the generator fails: nothing may be sent then.
  [[nodiscard]] bool try_next(mask_key& key) noexcept {
    if (next_ == batch && !refill()) return false;
    key = keys_[next_++];
    return true;
  }

 private:
  static constexpr std::size_t batch = 64;

  [[nodiscard]] bool refill() noexcept {
    if (!detail::init_openssl()) return false;
    if (RAND_bytes(keys_.front().data(), static_cast<int>(sizeof keys_)) != 1) return false;
    next_ = 0;
    return true;
  }

  std::array<mask_key, batch> keys_{};
  std::size_t next_{batch};
};

}  // namespace foxtrot::inline v0

namespace foxtrot::inline v0 {

enum class opcode : std::uint8_t { continuation = 0, text = 1, binary = 2, close = 8, ping = 9, pong = 10 };

/// Who we are: a client sends masked frames and takes unmasked ones, a server the other way round.
enum class websocket_role : std::uint8_t { client, server };

struct frame_header {
  std::uint64_t length{0};  ///< payload bytes
  mask_key key{};           ///< zero where the frame is not masked
  opcode op{opcode::continuation};
  bool fin{true};
  bool masked{false};
  std::uint8_t size{0};  ///< bytes of the header itself
};

inline constexpr std::size_t max_frame_header = 14;
inline constexpr std::size_t max_control_payload = 125;

[[nodiscard]] constexpr bool is_control(opcode op) noexcept { return (static_cast<std::uint8_t>(op) & 0x8U) != 0; }

namespace detail {

[[nodiscard]] constexpr std::uint64_t load_big_endian(const char* at, std::size_t bytes) noexcept {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < bytes; ++i) value = (value << 8U) | static_cast<std::uint8_t>(at[i]);
  return value;
}

constexpr void store_big_endian(char* at, std::uint64_t value, std::size_t bytes) noexcept {
  for (std::size_t i = 0; i < bytes; ++i) at[i] = static_cast<char>((value >> (8 * (bytes - 1 - i))) & 0xffU);
}

/// What the first byte alone gives away.
[[nodiscard]] constexpr errc check_first_byte(std::uint8_t first) noexcept {
  constexpr unsigned known_opcodes = 0b0000'0111'0000'0111;
  if ((first & 0x70U) != 0) return errc::websocket_reserved_bits;
  if ((known_opcodes >> (first & 0x0fU) & 1U) == 0) return errc::websocket_bad_opcode;
  if ((first & 0x88U) == 0x08U) return errc::websocket_bad_control_frame;  // no FIN
  return {};
}

}  // namespace detail

/// Reads the header at the front of `bytes`. Returns zero when `header` is complete, errc::would_block when more bytes
/// are needed, and the violation otherwise, each at the first byte that proves it.
[[nodiscard]] inline errc decode_frame_header(std::span<const char> bytes, websocket_role receiver,
                                              frame_header& header) noexcept {
  if (bytes.empty()) return errc::would_block;
  const auto first = static_cast<std::uint8_t>(bytes[0]);
  if (const errc bad = detail::check_first_byte(first); bad != errc{}) return bad;
  if (bytes.size() < 2) return errc::would_block;

  const auto second = static_cast<std::uint8_t>(bytes[1]);
  header.op = static_cast<opcode>(first & 0x0fU);
  header.fin = (first & 0x80U) != 0;
  header.masked = (second & 0x80U) != 0;
  header.length = second & 0x7fU;
  if (header.masked && receiver == websocket_role::client) return errc::websocket_masked_frame;
  if (!header.masked && receiver == websocket_role::server) return errc::websocket_unmasked_frame;
  if (is_control(header.op) && header.length > max_control_payload) return errc::websocket_bad_control_frame;

  std::size_t size = 2;
  if (header.length == 126) {
    size = 4;
    if (bytes.size() < size) return errc::would_block;
    header.length = detail::load_big_endian(&bytes[2], 2);
    if (header.length < 126) return errc::websocket_bad_length;
  } else if (header.length == 127) {
    size = 10;
    if (bytes.size() < size) return errc::would_block;
    header.length = detail::load_big_endian(&bytes[2], 8);
    if (header.length <= 0xffffU || (header.length >> 63U) != 0) return errc::websocket_bad_length;
  }
  if (header.masked) {
    if (bytes.size() < size + header.key.size()) return errc::would_block;
    std::memcpy(header.key.data(), &bytes[size], header.key.size());
    size += header.key.size();
  }
  header.size = static_cast<std::uint8_t>(size);
  return {};
}

/// Bytes that a frame with this payload takes on the wire.
[[nodiscard]] constexpr std::size_t frame_size(std::size_t payload, bool masked) noexcept {
  return 2 + (payload > 0xffff ? 8U : payload > 125 ? 2U : 0U) + (masked ? 4U : 0U) + payload;
}

/// Writes a header with the shortest length field; it is masked if a key is given. Returns its size.
inline std::size_t encode_frame_header(std::span<char, max_frame_header> out, opcode op, bool fin, std::uint64_t length,
                                       const std::optional<mask_key>& key) noexcept {
  const unsigned mask_bit = key ? 0x80U : 0U;
  std::size_t size = 2;
  out[0] = static_cast<char>((fin ? 0x80U : 0U) | static_cast<unsigned>(op));
  if (length <= 125) {
    out[1] = static_cast<char>(mask_bit | static_cast<unsigned>(length));
  } else if (length <= 0xffffU) {
    out[1] = static_cast<char>(mask_bit | 126U);
    detail::store_big_endian(&out[2], length, 2);
    size = 4;
  } else {
    out[1] = static_cast<char>(mask_bit | 127U);
    detail::store_big_endian(&out[2], length, 8);
    size = 10;
  }
  if (key) {
    std::memcpy(&out[size], key->data(), key->size());
    size += key->size();
  }
  return size;
}

/// Writes a whole frame, masked if a key is given. Returns its size, or 0 and writes nothing where `out` is shorter
/// than `frame_size` says. `payload` may not overlap `out`.
[[nodiscard]] inline std::size_t encode_frame(std::span<char> out, opcode op, std::string_view payload,
                                              const std::optional<mask_key>& key, bool fin = true) noexcept {
  const std::size_t total = frame_size(payload.size(), key.has_value());
  if (out.size() < total) return 0;
  char head[max_frame_header];
  const std::size_t head_size = encode_frame_header(head, op, fin, payload.size(), key);
  std::memcpy(out.data(), head, head_size);
  const std::span<char> body = out.subspan(head_size, payload.size());
  if (!payload.empty()) std::memcpy(body.data(), payload.data(), payload.size());
  if (key) apply_mask(body, *key);
  return total;
}

}  // namespace foxtrot::inline v0

// foxtrot/net/websocket/utf8.hpp: exact UTF-8 validation (Unicode table 3-7), in pieces of any size.

#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace foxtrot::inline v0 {
namespace detail {

inline constexpr std::size_t ascii_block = 16;

/// Whether these 16 or 64 bytes have no high bit set. Written out: -O2 unrolls no loop.
#ifdef __SSE2__
[[nodiscard]] inline __m128i load_block(const char* at) noexcept {
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
}
[[nodiscard]] inline bool is_ascii_16(const char* at) noexcept { return _mm_movemask_epi8(load_block(at)) == 0; }
[[nodiscard]] inline bool is_ascii_64(const char* at) noexcept {
  const __m128i one = _mm_or_si128(load_block(at), load_block(at + ascii_block));
  const __m128i other = _mm_or_si128(load_block(at + 2 * ascii_block), load_block(at + 3 * ascii_block));
  return _mm_movemask_epi8(_mm_or_si128(one, other)) == 0;
}
#else
[[nodiscard]] inline bool is_ascii_16(const char* at) noexcept {
  std::uint64_t words[2];
  std::memcpy(words, at, sizeof words);
  return ((words[0] | words[1]) & 0x8080808080808080U) == 0;
}
[[nodiscard]] inline bool is_ascii_64(const char* at) noexcept {
  return is_ascii_16(at) && is_ascii_16(at + ascii_block) && is_ascii_16(at + 2 * ascii_block) &&
         is_ascii_16(at + 3 * ascii_block);
}
#endif

/// Length of the ASCII prefix, or less: where something else follows, only the whole blocks before it. The last block
/// overlaps the one before, so that no rest has to be looked at byte by byte.
[[nodiscard]] inline std::size_t ascii_prefix(const char* at, std::size_t size) noexcept {
  std::size_t done = 0;
  for (; size - done >= 4 * ascii_block && is_ascii_64(at + done); done += 4 * ascii_block) {
  }
  if (size >= 4 * ascii_block && size - done < 4 * ascii_block && is_ascii_64(at + size - 4 * ascii_block)) return size;
  for (; size - done >= ascii_block && is_ascii_16(at + done); done += ascii_block) {
  }
  if (size >= ascii_block) {
    return size - done < ascii_block && is_ascii_16(at + size - ascii_block) ? size : done;
  }
  while (done < size && (static_cast<std::uint8_t>(at[done]) & 0x80U) == 0) ++done;
  return done;
}

}  // namespace detail

/// Checks a text that arrives in pieces and fails at the first byte that no continuation can make valid. A plain value,
/// one thread.
class utf8_validator {
 public:
  /// False once anything fed so far is wrong; stays false until `reset`.
  [[nodiscard]] bool feed(std::string_view bytes) noexcept {
    const char* at = bytes.data();
    const char* const end = at + bytes.size();
    while (at != end && !failed_) {
      if (missing_ == 0) at += detail::ascii_prefix(at, static_cast<std::size_t>(end - at));
      const char* const stop = at + std::min<std::ptrdiff_t>(end - at, detail::ascii_block);
      for (; at != stop && !failed_; ++at) {
        const auto byte = static_cast<std::uint8_t>(*at);
        missing_ == 0 ? begin(byte) : next(byte);
      }
    }
    return !failed_;
  }

  /// True where the text may end here: nothing wrong, no character left half read.
  [[nodiscard]] bool complete() const noexcept { return !failed_ && missing_ == 0; }

  void reset() noexcept { *this = {}; }

 private:
  void expect(std::uint8_t bytes, std::uint8_t low, std::uint8_t high) noexcept {
    missing_ = bytes;
    low_ = low;
    high_ = high;
  }

  // Only the second byte has limits of its own: they exclude overlong forms, surrogates and what is above U+10FFFF.
  void begin(std::uint8_t lead) noexcept {
    if (lead < 0x80) return;
    if (lead >= 0xc2 && lead <= 0xdf) return expect(1, 0x80, 0xbf);
    if (lead == 0xe0) return expect(2, 0xa0, 0xbf);
    if (lead == 0xed) return expect(2, 0x80, 0x9f);
    if (lead >= 0xe1 && lead <= 0xef) return expect(2, 0x80, 0xbf);
    if (lead == 0xf0) return expect(3, 0x90, 0xbf);
    if (lead >= 0xf1 && lead <= 0xf3) return expect(3, 0x80, 0xbf);
    if (lead == 0xf4) return expect(3, 0x80, 0x8f);
    failed_ = true;
  }

  void next(std::uint8_t byte) noexcept {
    failed_ = byte < low_ || byte > high_;
    expect(static_cast<std::uint8_t>(missing_ - 1), 0x80, 0xbf);
  }

  std::uint8_t missing_{0};
  std::uint8_t low_{0x80};
  std::uint8_t high_{0xbf};
  bool failed_{false};
};

/// True where the whole text is valid UTF-8.
[[nodiscard]] inline bool is_valid_utf8(std::string_view text) noexcept {
  if (detail::ascii_prefix(text.data(), text.size()) == text.size()) return true;
  utf8_validator validator;
  return validator.feed(text) && validator.complete();
}

}  // namespace foxtrot::inline v0

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

/// What a peer gave as the reason of its close.
struct close_info {
  close_code code{close_code::no_status};
  std::string reason{};
};

inline constexpr std::size_t max_close_reason = max_control_payload - 2;

/// Codes that may stand in a close frame: the registered ones, and 3000 to 4999 for libraries and applications.
[[nodiscard]] constexpr bool is_valid_close_code(unsigned code) noexcept {
  return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) || (code >= 3000 && code <= 4999);
}

/// Reads the payload of a close frame. Returns zero, errc::websocket_bad_close or errc::websocket_invalid_utf8.
[[nodiscard]] inline errc decode_close(std::string_view payload, close_info& info) {
  info = {};
  if (payload.empty()) return {};
  if (payload.size() == 1) return errc::websocket_bad_close;
  const auto code = static_cast<std::uint16_t>(detail::load_big_endian(payload.data(), 2));
  if (!is_valid_close_code(code)) return errc::websocket_bad_close;
  payload.remove_prefix(2);
  if (!is_valid_utf8(payload)) return errc::websocket_invalid_utf8;
  info.code = static_cast<close_code>(code);
  info.reason.assign(payload);
  return {};
}

/// The payload of a close frame; empty for close_code::no_status. A reason that is too long is cut between characters.
[[nodiscard]] inline std::string encode_close(close_code code, std::string_view reason = {}) {
  if (code == close_code::no_status) return {};
  if (reason.size() > max_close_reason) {
    std::size_t end = max_close_reason;
    while (end > 0 && (static_cast<std::uint8_t>(reason[end]) & 0xc0U) == 0x80U) --end;
    reason = reason.substr(0, end);
  }
  std::string payload(2, '\0');
  detail::store_big_endian(payload.data(), static_cast<std::uint64_t>(code), 2);
  return payload.append(reason);
}

/// What to tell the peer about its own violation: 1007, 1009 or 1002.
[[nodiscard]] inline close_code close_code_for(std::error_code error) noexcept {
  if (error == errc::websocket_invalid_utf8) return close_code::invalid_payload;
  if (error == errc::websocket_message_too_big || error == errc::websocket_too_many_fragments) {
    return close_code::message_too_big;
  }
  return close_code::protocol_error;
}

}  // namespace foxtrot::inline v0

// foxtrot/net/websocket/decoder.hpp: bytes in, messages out, in place; RFC 6455 sections 5 to 8.

// foxtrot/net/detail/padded_buffer.hpp: bytes in a row, followed by readable padding, that grow without losing any.

namespace foxtrot::inline v0::detail {

/// A queue of bytes in one block: filled at the tail, taken from the front. At least `padding` bytes after the data may
/// be read (never relied on), so that a parser can load whole words. One thread.
class padded_buffer {
 public:
  static constexpr std::size_t padding = 64;

  // cleared once: the pages are there before the first message, and padding is never uninitialised memory
  explicit padded_buffer(std::size_t capacity)
      : bytes_{std::make_unique<char[]>(capacity + padding)}, capacity_{capacity} {}

  [[nodiscard]] std::size_t size() const noexcept { return end_ - begin_; }
  [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }
  [[nodiscard]] std::span<char> data() noexcept { return {bytes_.get() + begin_, size()}; }
  [[nodiscard]] std::string_view view() const noexcept { return {bytes_.get() + begin_, size()}; }

  /// Free space at the tail. Moves the data to the front only where less than `least` is free there, and allocates only
  /// where that does not help.
  [[nodiscard]] std::span<char> prepare(std::size_t least) {
    if (capacity_ - end_ < least) {
      if (capacity_ - size() >= least) {
        std::memmove(bytes_.get(), bytes_.get() + begin_, size());
        end_ -= std::exchange(begin_, 0);
      } else {
        grow(std::max(2 * capacity_, size() + least));
      }
    }
    return {bytes_.get() + end_, capacity_ - end_};
  }

  void commit(std::size_t count) noexcept { end_ += count; }

  /// Forgets bytes at the front; they stay readable until the next `prepare`.
  void consume(std::size_t count) noexcept { begin_ += count; }

  /// Starts again at the front of the block, whose lines are still in the cache.
  void rewind_if_empty() noexcept {
    if (begin_ == end_) clear();
  }
  void clear() noexcept { begin_ = end_ = 0; }

  void append(std::string_view bytes) {
    const std::span<char> space = prepare(bytes.size());
    if (!bytes.empty()) std::memcpy(space.data(), bytes.data(), bytes.size());
    commit(bytes.size());
  }

 private:
  void grow(std::size_t capacity) {
    auto bigger = std::make_unique<char[]>(capacity + padding);
    std::memcpy(bigger.get(), bytes_.get() + begin_, size());
    end_ = size();
    begin_ = 0;
    bytes_ = std::move(bigger);
    capacity_ = capacity;
  }

  std::unique_ptr<char[]> bytes_;
  std::size_t capacity_;
  std::size_t begin_{0};
  std::size_t end_{0};
};

}  // namespace foxtrot::inline v0::detail

namespace foxtrot::inline v0 {

enum class message_kind : std::uint8_t { text, binary };

/// Who takes what a decoder finds. The views live during the call only; at least 64 readable bytes follow each.
template <class H>
concept message_handler = requires(H& handler, message_kind kind, std::string_view payload, const close_info& close) {
  handler.on_message(kind, payload);
  handler.on_ping(payload);
  handler.on_pong(payload);
  handler.on_close(close);
};

struct decoder_settings {
  std::size_t buffer{256 * 1024};               ///< of the receive buffer at the start, in bytes
  std::uint64_t max_message{16 * 1024 * 1024};  ///< payload of one message, all fragments together, in bytes
  std::size_t max_fragments{0};                 ///< of one message; 0 sets no limit
};

/// Whether text is checked to be UTF-8. Off suits a session whose parser checks it anyway.
enum class text_check : bool { off, on };

/// Turns what was received into messages. A message in one frame is a view into the receive buffer; fragments are put
/// together in a second one. Nothing is allocated once both have grown to what the session needs. One thread.
///
///     space = decoder.prepare(); n = recv(space); decoder.commit(n); error = decoder.drain(handler);
template <websocket_role Role = websocket_role::client, text_check Check = text_check::on>
class message_decoder {
 public:
  static constexpr std::size_t min_read = 64 * 1024;
  static constexpr std::size_t padding = detail::padded_buffer::padding;

  explicit message_decoder(decoder_settings settings = {})
      : settings_{settings}, received_{std::max(settings.buffer, min_read)}, assembled_{0} {}

  /// Free space of at least 64 KiB to receive into. Moves half a frame to the front only where space runs short, and
  /// grows only for a frame that outgrows the buffer. Call `drain` between two reads: what it leaves is less than a
  /// frame.
  [[nodiscard]] std::span<char> prepare() { return received_.prepare(min_read); }

  /// The first `count` bytes of the space have been filled.
  void commit(std::size_t count) noexcept { received_.commit(count); }

  /// Hands over every complete frame. Returns the peer's violation, which is final and found as early as the bytes
  /// prove it, in the text of an unfinished frame too; a close frame is no violation, but nothing after it is looked
  /// at. A frame counts as taken before its handler runs: one that throws loses only that frame.
  template <message_handler Handler>
  std::error_code drain(Handler& handler) {
    stopped_ = error_ || closed_;
    while (received_.size() != 0 && !stopped_ && step(handler)) {
    }
    if (error_ || closed_) received_.clear();
    received_.rewind_if_empty();
    return error_;
  }

  /// Called by a handler: `drain` returns after this event, and the next one goes on where it stopped.
  void stop() noexcept { stopped_ = true; }

  /// Ready for another connection; the buffers keep their size.
  void reset() noexcept {
    received_.clear();
    assembled_.clear();
    error_.clear();
    frames_ = 0;
    checked_ = 0;
    fragmented_ = closed_ = stopped_ = false;
  }

  /// The violation that ended the decoding, zero if none; `close_code_for` says what to answer.
  [[nodiscard]] std::error_code error() const noexcept { return error_; }
  /// True once the peer's close frame was handed over.
  [[nodiscard]] bool closed() const noexcept { return closed_; }
  /// True where a message has begun and not ended.
  [[nodiscard]] bool mid_message() const noexcept { return fragmented_ || received_.size() != 0; }
  /// Frames taken so far, of every kind.
  [[nodiscard]] std::uint64_t frames() const noexcept { return frames_; }
  /// Bytes that the buffers hold now.
  [[nodiscard]] std::size_t memory() const noexcept { return received_.capacity() + assembled_.capacity(); }

 private:
  /// Takes one frame; false where there is no complete one.
  template <message_handler Handler>
  bool step(Handler& handler) {
    const std::span<char> pending = received_.data();
    if (const std::size_t header = usual_header(pending); header != 0) [[likely]] {
      return take_usual(handler, pending, header);
    }
    frame_header header;
    errc bad = decode_frame_header(pending, Role, header);
    if (bad == errc::would_block) return false;
    // Everything a header can be wrong about is known now, before a byte of its payload is waited for.
    if (bad == errc{}) bad = check_sequence(header);
    if (bad != errc{}) return fail(bad);
    if (pending.size() - header.size < header.length) return check_unfinished(header, pending.subspan(header.size));

    const std::span<char> body = pending.subspan(header.size, static_cast<std::size_t>(header.length));
    if constexpr (Role == websocket_role::server) apply_mask(body.subspan(checked_), header.key, checked_);
    received_.consume(header.size + body.size());
    ++frames_;
    return deliver(handler, header, std::string_view{body.data(), body.size()});
  }

  // Nearly every frame that a client gets is a whole message of less than 64 KiB that has arrived completely. Its
  // header takes a glance: the size of such a one, or 0 where it is anything else, which `step` then looks at in full.
  [[nodiscard]] std::size_t usual_header(std::span<const char> pending) const noexcept {
    if (Role == websocket_role::server || pending.size() < 4 || fragmented_ || checked_ != 0) return 0;
    const auto first = static_cast<std::uint8_t>(pending[0]);
    const auto length = static_cast<std::uint8_t>(pending[1]);
    if ((first != 0x81 && first != 0x82) || length > 126) return 0;
    if (length < 126) return fits(length, pending.size() - 2) ? 2 : 0;
    const auto extended = static_cast<std::size_t>(detail::load_big_endian(&pending[2], 2));
    return extended >= 126 && fits(extended, pending.size() - 4) ? 4 : 0;
  }
  [[nodiscard]] bool fits(std::size_t payload, std::size_t arrived) const noexcept {
    return payload <= arrived && payload <= settings_.max_message;
  }

  template <message_handler Handler>
  bool take_usual(Handler& handler, std::span<char> pending, std::size_t header) {
    const bool text = pending[0] == static_cast<char>(0x81);
    const std::size_t size = header == 2 ? static_cast<std::size_t>(pending[1])
                                         : static_cast<std::size_t>(detail::load_big_endian(&pending[2], 2));
    const std::string_view payload{pending.data() + header, size};
    received_.consume(header + size);
    ++frames_;
    kind_ = text ? message_kind::text : message_kind::binary;
    if (Check == text_check::on && text && !is_valid_utf8(payload)) return fail(errc::websocket_invalid_utf8);
    handler.on_message(kind_, payload);
    return true;
  }

  /// Text that is wrong already is refused before the rest of its frame is waited for. Each byte is looked at once:
  /// `checked_` counts those that are unmasked and in `text_`. Always false: there is no frame to hand over.
  bool check_unfinished(const frame_header& header, std::span<char> body) {
    if (!is_checked_text(header)) return false;
    const std::span<char> fresh = body.subspan(checked_);
    if constexpr (Role == websocket_role::server) apply_mask(fresh, header.key, checked_);
    if (checked_ == 0 && header.op == opcode::text) text_.reset();
    checked_ = body.size();
    if (!text_.feed({fresh.data(), fresh.size()})) return fail(errc::websocket_invalid_utf8);
    return false;
  }

  [[nodiscard]] errc check_sequence(const frame_header& header) const noexcept {
    if (is_control(header.op)) return {};
    const bool continues = header.op == opcode::continuation;
    if (continues && !fragmented_) return errc::websocket_unexpected_continuation;
    if (!continues && fragmented_) return errc::websocket_expected_continuation;
    if (header.length > settings_.max_message - assembled_.size()) return errc::websocket_message_too_big;
    if (continues && settings_.max_fragments != 0 && fragments_ >= settings_.max_fragments) {
      return errc::websocket_too_many_fragments;
    }
    return {};
  }

  template <message_handler Handler>
  bool deliver(Handler& handler, const frame_header& header, std::string_view payload) {
    switch (header.op) {
      case opcode::ping: handler.on_ping(payload); return true;
      case opcode::pong: handler.on_pong(payload); return true;
      case opcode::close: return deliver_close(handler, payload);
      case opcode::continuation: return deliver_fragment(handler, header, payload);
      case opcode::text:
      case opcode::binary: break;
    }
    kind_ = header.op == opcode::text ? message_kind::text : message_kind::binary;
    if (!header.fin) return deliver_fragment(handler, header, payload);
    if (is_checked_text(header) && !is_valid_text(payload)) return fail(errc::websocket_invalid_utf8);
    handler.on_message(kind_, payload);
    return true;
  }

  template <message_handler Handler>
  bool deliver_fragment(Handler& handler, const frame_header& header, std::string_view payload) {
    if (!fragmented_) {
      fragmented_ = true;
      fragments_ = 0;
      assembled_.clear();
      if (checked_ == 0) text_.reset();
    }
    ++fragments_;
    if (is_checked_text(header) && (!feed_rest(payload) || (header.fin && !text_.complete()))) {
      return fail(errc::websocket_invalid_utf8);
    }
    assembled_.append(payload);
    if (!header.fin) return true;
    fragmented_ = false;
    const std::string_view message = assembled_.view();
    assembled_.clear();  // the bytes stay where they are until the next fragment
    handler.on_message(kind_, message);
    return true;
  }

  template <message_handler Handler>
  bool deliver_close(Handler& handler, std::string_view payload) {
    close_info info;
    if (const errc bad = decode_close(payload, info); bad != errc{}) return fail(bad);
    closed_ = true;
    handler.on_close(info);
    return false;
  }

  [[nodiscard]] bool is_checked_text(const frame_header& header) const noexcept {
    if constexpr (Check == text_check::off) return false;
    return header.op == opcode::text || (header.op == opcode::continuation && kind_ == message_kind::text);
  }

  [[nodiscard]] bool is_valid_text(std::string_view payload) noexcept {
    if (checked_ == 0) [[likely]]
      return is_valid_utf8(payload);
    return feed_rest(payload) && text_.complete();
  }

  // What `check_unfinished` has not seen of the frame.
  [[nodiscard]] bool feed_rest(std::string_view payload) noexcept {
    return text_.feed(payload.substr(std::exchange(checked_, 0)));
  }

  bool fail(errc code) noexcept {
    error_ = code;
    return false;
  }

  decoder_settings settings_;
  detail::padded_buffer received_;
  detail::padded_buffer assembled_;  // fragments of the message under way
  utf8_validator text_;
  std::error_code error_;
  std::uint64_t frames_{0};
  std::size_t fragments_{0};
  std::size_t checked_{0};  // payload bytes of the unfinished frame at the front
  message_kind kind_{message_kind::text};
  bool fragmented_{false};
  bool closed_{false};
  bool stopped_{false};
};

}  // namespace foxtrot::inline v0

// foxtrot/net/websocket/ignore_messages.hpp: a handler for whoever wants nothing of what still arrives.

namespace foxtrot::inline v0 {

struct ignore_messages {
  void on_message(message_kind, std::string_view) noexcept {}
  void on_ping(std::string_view) noexcept {}
  void on_pong(std::string_view) noexcept {}
  void on_close(const close_info&) noexcept {}
};

static_assert(message_handler<ignore_messages>);

}  // namespace foxtrot::inline v0

// foxtrot/net/websocket/settings.hpp: how a WebSocket connection behaves, and what it counts.

namespace foxtrot::inline v0 {

/// The defaults are RFC 6455's: every ping is answered, messages are limited by their bytes.
struct websocket_settings {
  decoder_settings decoder{};
  bool answer_latest_ping_only{false};                ///< one pong for all pings of a drain, as some venues ask
  std::size_t max_unsent{47 * 1024};                  ///< bytes of frames; with one TLS record below: 64 KiB
  std::chrono::milliseconds upgrade_timeout{10'000};  ///< for the whole answer to the upgrade, however it drips
  std::chrono::milliseconds write_timeout{10'000};    ///< while frames wait, without the socket taking any; 0: no limit
  std::chrono::milliseconds idle_timeout{0};          ///< without a message; pings do not count; 0: no limit
  std::chrono::milliseconds close_timeout{1'000};     ///< for our close, the peer's, and the end of TLS
};

struct websocket_counters {
  std::uint64_t reads{0};  ///< times the stream had something
  std::uint64_t bytes{0};  ///< received after the upgrade
  std::uint64_t messages{0};
  std::uint64_t pings{0};  ///< received
  std::uint64_t pongs{0};  ///< received
};

struct drain_result {
  std::error_code error;  ///< zero: still open
  bool more{false};       ///< the socket may hold more already: whoever polls need not wait
};

}  // namespace foxtrot::inline v0

// foxtrot/net/websocket/writer.hpp: messages on their way into a stream: in order, within a bound, within a time.

// foxtrot/net/async_condition.hpp: any number of coroutines wait until something on the same loop has changed.

namespace foxtrot::inline v0 {

/// Unlike an async_event it keeps nothing: a notification is for those who wait now, and what they waited for they look
/// at again. Loop thread only.
class async_condition {
 public:
  explicit async_condition(asio::io_context& loop) : waiters_{std::make_shared<list>()}, loop_{loop} {}
  async_condition(const async_condition&) = delete;
  async_condition& operator=(const async_condition&) = delete;
  /// Whoever still waits gets errc::cancelled.
  ~async_condition() { notify(errc::cancelled); }

  [[nodiscard]] bool waiting() const noexcept { return !waiters_->empty(); }

  /// All go on, from the loop and not from inside this call, with `error` as their result.
  void notify(std::error_code error = {}) {
    for (async_event* each : *waiters_) each->notify(error);
    waiters_->clear();
  }

  /// errc::cancelled when the coroutine is cancelled or the condition destroyed; otherwise what `notify` was given.
  [[nodiscard]] task<std::error_code> wait() { return wait(waiters_, loop_); }

 private:
  using list = std::vector<async_event*>;

  struct entry {
    entry(list& all, async_event& mine) : waiters{all}, event{mine} { waiters.push_back(&event); }
    entry(const entry&) = delete;
    entry& operator=(const entry&) = delete;
    ~entry() { std::erase(waiters, &event); }

    list& waiters;
    async_event& event;
  };

  static task<std::error_code> wait(std::shared_ptr<list> waiters, asio::io_context& loop) {
    async_event event{loop};
    const entry here{*waiters, event};
    const std::error_code outcome = co_await event.wait();
    co_return outcome;
  }

  std::shared_ptr<list> waiters_;
  asio::io_context& loop_;
};

}  // namespace foxtrot::inline v0

// foxtrot/net/websocket/sender.hpp: frames on their way out: masked, queued within a bound, written when the stream
// takes them.

namespace foxtrot::inline v0 {

/// The sending half of a WebSocket connection. One thread.
template <websocket_role Role>
class frame_sender {
 public:
  explicit frame_sender(std::size_t limit) : limit_{limit}, unsent_{4096} {}

  /// Queues a frame, the last one of its message unless `fin` is false. errc::would_block: no room for it now, or
  /// another message has begun and not ended; errc::bad_argument: no such frame can ever be sent here; errc::closed:
  /// the close was queued before. Nothing of the frame is taken then.
  [[nodiscard]] std::error_code queue(opcode op, std::string_view payload, bool fin = true) {
    if (close_queued_) return errc::closed;
    const std::size_t size = frame_size(payload.size(), masks);
    if (size > limit_ || op == opcode::close) return errc::bad_argument;
    if (is_control(op)) {
      if (!fin || payload.size() > max_control_payload) return errc::bad_argument;
    } else if ((op == opcode::continuation) != mid_message_) {
      return mid_message_ ? errc::would_block : errc::bad_argument;
    }
    if (size > room()) return errc::would_block;
    const std::error_code error = encode(op, payload, fin);
    if (!error && !is_control(op)) mid_message_ = !fin;
    return error;
  }
  /// The largest payload that one frame can have here, in bytes.
  [[nodiscard]] std::size_t max_payload() const noexcept {
    return limit_ > max_frame_header ? limit_ - max_frame_header : 1;
  }

  /// Queues the answer to a ping; with `latest_only`, or where there is no room (a peer that pings without reading),
  /// only the latest one is answered, once there is (RFC 6455 section 5.5.3).
  void queue_pong(std::string_view payload, bool latest_only) {
    if (close_queued_) return;
    if (latest_only || late_pong_ || frame_size(payload.size(), masks) > room()) {
      late_pong_ = payload;
    } else {
      (void)encode(opcode::pong, payload);
    }
  }

  /// Queues the last frame; beyond the limit if it must be.
  void queue_close(close_code code, std::string_view reason) {
    if (std::exchange(close_queued_, true)) return;
    late_pong_.reset();
    (void)encode(opcode::close, encode_close(code, reason));
  }

  /// Queues bytes that are no frame: an upgrade request.
  void queue_raw(std::string_view bytes) { unsent_.append(bytes); }

  /// Gives the stream what it takes. errc::would_block: it did not take everything.
  template <byte_stream Stream>
  std::error_code flush(Stream& stream) {
    do {
      while (unsent_.size() != 0) {
        const io_result went = stream.write_some(unsent_.data());
        if (went.error) return went.error;
        unsent_.consume(went.bytes);
        taken_ += went.bytes;
      }
      unsent_.rewind_if_empty();
    } while (encode_late_pong());
    return stream.flush();
  }

  /// Bytes that the stream has not taken.
  [[nodiscard]] std::size_t unsent() const noexcept { return unsent_.size(); }
  /// Bytes that the stream has taken so far.
  [[nodiscard]] std::uint64_t taken() const noexcept { return taken_; }
  /// True where a message of several frames has begun and not ended.
  [[nodiscard]] bool mid_message() const noexcept { return mid_message_; }
  [[nodiscard]] bool close_queued() const noexcept { return close_queued_; }
  /// Frames queued so far.
  [[nodiscard]] std::uint64_t frames() const noexcept { return frames_; }

 private:
  static constexpr bool masks = Role == websocket_role::client;

  [[nodiscard]] std::size_t room() const noexcept { return limit_ > unsent_.size() ? limit_ - unsent_.size() : 0; }

  [[nodiscard]] std::error_code encode(opcode op, std::string_view payload, bool fin = true) {
    std::optional<mask_key> key;
    if constexpr (masks) {
      if (!keys_.try_next(key.emplace())) return errc::not_permitted;
    }
    const std::span<char> space = unsent_.prepare(frame_size(payload.size(), masks));
    unsent_.commit(encode_frame(space, op, payload, key, fin));
    ++frames_;
    return {};
  }

  [[nodiscard]] bool encode_late_pong() {
    if (!late_pong_) return false;
    const std::string payload = *std::exchange(late_pong_, std::nullopt);
    return !encode(opcode::pong, payload);
  }

  std::size_t limit_;
  detail::padded_buffer unsent_;
  mask_key_source keys_;
  std::optional<std::string> late_pong_;
  std::uint64_t frames_{0};
  std::uint64_t taken_{0};
  bool mid_message_{false};
  bool close_queued_{false};
};

}  // namespace foxtrot::inline v0

namespace foxtrot::inline v0 {

/// The sending half of a WebSocket connection together with the stream it fills. One thread: the loop's.
template <byte_stream Stream, websocket_role Role>
class message_writer {
 public:
  /// `on_failure` should close the stream. It is called with errc::timeout when the stream has taken nothing for
  /// `write_timeout` although something waits, and with errc::closed when a message was cut off in the middle.
  message_writer(Stream& stream, timer_queue& timers, const websocket_settings& settings,
                 std::function<void(errc)> on_failure)
      : stream_{stream},
        loop_{timers.context()},
        frames_{settings.max_unsent},
        on_failure_{std::move(on_failure)},
        blocked_{timers, settings.write_timeout, [this] { stall(); }} {}
  message_writer(const message_writer&) = delete;
  message_writer& operator=(const message_writer&) = delete;
  ~message_writer() { *alive_ = false; }

  /// What is queued, and how to queue frames that are no messages.
  [[nodiscard]] frame_sender<Role>& frames() noexcept { return frames_; }
  [[nodiscard]] const frame_sender<Role>& frames() const noexcept { return frames_; }

  /// See websocket_stream::send.
  std::error_code send(opcode op, std::string_view payload) {
    if (op == opcode::continuation) return errc::bad_argument;
    std::error_code error = frames_.queue(op, payload);
    if (error == errc::would_block) {
      (void)push();
      error = frames_.queue(op, payload);
    }
    if (error) return error;
    error = push();
    return error == errc::would_block ? std::error_code{} : error;
  }

  /// See websocket_stream::write.
  [[nodiscard]] task<std::error_code> write(opcode op, std::string_view payload) {
    if (is_control(op) || frames_.mid_message()) co_return make_error_code(errc::bad_argument);
    try {
      const std::error_code error = co_await write_pieces(op, payload);
      if (error == errc::cancelled) cut_off();
      co_return error;
    } catch (...) {
      cut_off();
      throw;
    }
  }

  /// Waits until the stream has taken everything.
  [[nodiscard]] task<std::error_code> flush() {
    std::error_code error = push();
    while (error == errc::would_block) {
      std::error_code waited;
      if (pushing_) waited = co_await moved_.wait();  // it may have ended before anybody could wait for it
      error = waited ? waited : push();
    }
    co_return stalled_ ? make_error_code(errc::timeout) : error;
  }

  /// Gives the stream what it takes now. errc::would_block: it did not take everything; the rest follows by itself.
  std::error_code push() {
    const std::error_code error = try_push();
    if (error != errc::would_block) {
      moved_.notify(error);  // there may be no room for a while, and nothing that waits for it
    } else if (!pushing_) {
      start_pushing();
    }
    return error;
  }

  /// Nothing will be sent any more: no time is measured either.
  void stop() noexcept { blocked_.stop(); }

 private:
  static constexpr std::size_t max_piece = 16 * 1024 - max_frame_header;  // a frame is one TLS record then

  [[nodiscard]] task<std::error_code> write_pieces(opcode op, std::string_view payload) {
    bool last = false;
    while (!last) {
      const std::string_view piece = payload.substr(0, std::min(max_piece, frames_.max_payload()));
      last = piece.size() == payload.size();
      std::error_code error = frames_.queue(op, piece, last);
      while (error == errc::would_block) {
        error = co_await flush();
        if (!error && frames_.mid_message() != (op == opcode::continuation)) error = errc::bad_argument;  // not alone
        if (!error) error = frames_.queue(op, piece, last);
      }
      if (error) co_return error;
      payload.remove_prefix(piece.size());
      op = opcode::continuation;
    }
    co_return co_await flush();
  }

  // Of a message that was begun only its rest may follow, and an end would make half of it look whole.
  void cut_off() {
    if (frames_.mid_message() && !frames_.close_queued()) on_failure_(errc::closed);
  }

  std::error_code try_push() {
    if (broken_) return broken_;
    const std::error_code error = frames_.flush(stream_);
    const auto before = std::exchange(passed_on_, std::pair{frames_.taken(), held_back()});
    if (error != errc::would_block) {
      blocked_.stop();
    } else if (!blocked_.watching() || passed_on_ != before) {
      blocked_.feed();
    }
    return error;
  }
  // What the stream itself has not passed on, in bytes.
  [[nodiscard]] std::size_t held_back() const noexcept {
    if constexpr (requires(const Stream& stream) { stream.unsent(); }) return stream_.unsent();
    return 0;
  }

  void start_pushing() {
    pushing_ = true;
    try {
      asio::co_spawn(loop_, push_on(alive_, *this), asio::detached);
    } catch (...) {
      pushing_ = false;
      throw;
    }
  }

  // The only one who waits for room. It needs nobody to await it: closing the stream ends its wait, and a writer that
  // is gone by then is not touched.
  static task<> push_on(std::shared_ptr<const bool> alive, message_writer& self) {
    std::error_code error = errc::would_block;
    try {
      while (*alive && error == errc::would_block) {  // outside of a running loop this begins later
        error = co_await self.stream_.wait_writable();
        if (*alive && !error) error = self.try_push();
        if (*alive && error == errc::would_block) self.moved_.notify();
      }
    } catch (...) {  // no memory; without a word to them those who flush would wait for ever
      error = std::make_error_code(std::errc::not_enough_memory);
    }
    if (!*alive) co_return;
    self.pushing_ = false;
    self.broken_ = error;
    self.moved_.notify(error);
  }

  void stall() {
    stalled_ = true;
    on_failure_(errc::timeout);
  }

  Stream& stream_;
  asio::io_context& loop_;
  frame_sender<Role> frames_;
  std::function<void(errc)> on_failure_;
  watchdog blocked_;
  async_condition moved_{loop_};  // the stream has taken something, or is broken
  const std::shared_ptr<bool> alive_{std::make_shared<bool>(true)};
  std::pair<std::uint64_t, std::size_t> passed_on_;  // taken by the stream in all, and held back by it now
  std::error_code broken_;                           // what ended the waiting for room
  bool pushing_{false};
  bool stalled_{false};
};

}  // namespace foxtrot::inline v0

namespace foxtrot::inline v0 {

/// Messages are handed over synchronously from `drain`, as many as one socket read brought; coroutines only wait. One
/// coroutine at a time waits for reading, upgrading or closing, and one for writing; they must have ended before the
/// stream is destroyed. Whatever takes longer than the settings allow ends the connection. One thread: the loop's.
///
///     while (!result.error) { result = socket.drain(handler); if (!result.error) co_await socket.wait_readable(); }
template <byte_stream Stream, websocket_role Role = websocket_role::client, text_check Check = text_check::on>
class websocket_stream : private live_object<websocket_stream<Stream, Role, Check>> {
 public:
  websocket_stream(timer_queue& timers, Stream stream, websocket_settings settings = {})
      : timers_{timers}, settings_{settings}, stream_{std::move(stream)}, decoder_{settings.decoder} {}
  websocket_stream(const websocket_stream&) = delete;
  websocket_stream& operator=(const websocket_stream&) = delete;
  ~websocket_stream() = default;

  /// Asks the server to switch and waits for its answer. After a refusal `failure` has the status. Frames that came
  /// with the answer wait for the first `drain`.
  [[nodiscard]] task<std::error_code> upgrade(upgrade_request wanted) {
    auto handshake = client_handshake::make(wanted);
    if (!handshake) co_return handshake.error();
    const deadline limit{timers_, steady_time::duration{settings_.upgrade_timeout}, [this] { stream_.close(); }};
    writer_.frames().queue_raw(handshake->request());
    std::error_code error = co_await flush();
    while (!error && !handshake->done()) {
      const std::span<char> space = decoder_.prepare();
      const io_result got = stream_.read_some(space);
      error = got.error;
      if (error == errc::would_block) {
        error = co_await stream_.wait_readable();
      } else if (!error) {
        const std::size_t taken = handshake->feed({space.data(), got.bytes});
        error = handshake->error();
        keep(space, taken, got.bytes);
      }
    }
    failure_ = handshake->failure();
    if (error == errc::closed && !reason_) error = errc::http_truncated;
    error = limit.map(error);
    if (!error) subprotocol_ = handshake->subprotocol();
    error ? close_now() : open();
    co_return error;
  }

  /// Where somebody else has upgraded, as servers do; `received` are the bytes that followed.
  void adopt(std::string_view received = {}) {
    for (std::size_t taken = 0; !received.empty(); received.remove_prefix(taken)) {
      const std::span<char> space = decoder_.prepare();
      taken = received.copy(space.data(), space.size());
      keep(space, 0, taken);
    }
    open();
  }

  /// Reads the socket at most once (256 KiB) and hands every complete frame to `handler`; pings are answered and a
  /// close is echoed. errc::websocket_closed_by_peer: the peer ended it, `peer_close` says how if it did say. A
  /// violation was answered with the right close code; nothing is read any more. The handler may call `send` and
  /// `close_now`.
  template <message_handler Handler>
  drain_result drain(Handler& handler) {
    more_ = false;
    if (!open_) return {end_reason(), false};
    if (decoder_.error() || deaf_) return discard();
    relay<Handler> events{*this, handler};
    const std::uint64_t messages = counters_.messages;
    io_result got;
    // stays true where the handler throws
    if (std::exchange(undrained_, true)) (void)decoder_.drain(events);
    while (open_ && !decoder_.error() && !decoder_.closed()) {
      const std::span<char> space = decoder_.prepare();
      got = stream_.read_some(space);
      if (got.error) break;
      ++counters_.reads;
      counters_.bytes += got.bytes;
      decoder_.commit(got.bytes);
      (void)decoder_.drain(events);
      if (at_rest()) break;
    }
    undrained_ = false;
    if (open_ && counters_.messages != messages) idle_.feed();
    return settle(got.error);
  }

  /// When `drain` may find something; may also return for nothing. Where there is more already it only gives others on
  /// the loop their turn. Where it fails, by a time limit or a `close_now` perhaps, the next `drain` says why.
  [[nodiscard]] task<std::error_code> wait_readable() {
    // no coroutine of our own around the wait of every quiet moment
    return undrained_ || more_ ? next_turn() : stream_.wait_readable();
  }

  /// Sends one frame, or keeps what the socket does not take now. errc::would_block: too much waits already, or a
  /// `write` is under way; nothing of this frame was taken. errc::closed after either side's close; errc::bad_argument
  /// for a frame that can never be sent.
  std::error_code send(opcode op, std::string_view payload) {
    return open_ ? writer_.send(op, payload) : make_error_code(errc::closed);
  }

  /// Sends a message of any size, in fragments where it exceeds 16 KiB, and waits until the socket has taken it.
  /// `payload` must live until then; meanwhile pings may be sent, no other message. Cancelled, it ends the connection.
  [[nodiscard]] task<std::error_code> write(opcode op, std::string_view payload) {
    if (!open_) co_return end_reason();
    co_return co_await writer_.write(op, payload);
  }

  /// Waits until the socket has taken everything.
  [[nodiscard]] task<std::error_code> flush() { return writer_.flush(); }

  /// The closing handshake, whoever began it: sends a close, throws away what still arrives, waits for the peer's
  /// close, ends TLS, closes the socket; all within close_timeout (errc::timeout), after which the socket is closed
  /// just the same. Also for an orderly end after `drain` returned a violation or the peer's close.
  [[nodiscard]] task<std::error_code> close(close_code code = close_code::normal, std::string reason = {}) {
    if (!open_) {
      close_now();
      co_return make_error_code(errc::closed);
    }
    const deadline limit{timers_, steady_time::duration{settings_.close_timeout}, [this] { stream_.close(); }};
    const bool peer_began = peer_close_.has_value();
    start_close(code, reason);
    std::error_code error = co_await flush();
    ignore_messages ignore;
    while (!error && !peer_close_) {
      error = drain(ignore).error;
      if (!error) error = co_await wait_readable();
    }
    error = peer_close_ || decoder_.error() ? std::error_code{} : limit.map(error);
    if constexpr (requires { stream_.shutdown(); }) stream_.shutdown();
    // The server ends TCP (RFC 6455 section 7.1.1): a reset, for bytes behind its close, could overtake our answer.
    deaf_ = peer_began && Role == websocket_role::client;
    for (std::error_code end; deaf_ && !end;) {
      end = drain(ignore).error;
      if (!end) end = co_await wait_readable();
    }
    close_now();
    co_return error;
  }

  /// Sends a close; `drain` goes on until the peer's own, which no time limit awaits. For whoever drains already:
  /// everybody else awaits `close`.
  void start_close(close_code code = close_code::normal, std::string_view reason = {}) {
    if (!open_) return;
    writer_.frames().queue_close(code, reason);
    (void)writer_.push();
  }

  /// Drops the connection without a word. Any number of times; a waiting coroutine gets errc::cancelled.
  void close_now() noexcept {
    open_ = false;
    reason_ = end_reason();
    idle_.stop();
    writer_.stop();
    stream_.close();
  }

  [[nodiscard]] bool is_open() const noexcept { return open_; }
  /// The peer's close frame, if there was one.
  [[nodiscard]] const std::optional<close_info>& peer_close() const noexcept { return peer_close_; }
  [[nodiscard]] const upgrade_failure& failure() const noexcept { return failure_; }
  [[nodiscard]] const std::string& subprotocol() const noexcept { return subprotocol_; }
  [[nodiscard]] const websocket_counters& counters() const noexcept { return counters_; }
  /// Frames received and frames queued to be sent, of every kind.
  [[nodiscard]] std::uint64_t frames() const noexcept { return decoder_.frames(); }
  [[nodiscard]] std::uint64_t frames_sent() const noexcept { return writer_.frames().frames(); }
  /// Bytes of frames that the stream below has not taken.
  [[nodiscard]] std::size_t unsent() const noexcept { return writer_.frames().unsent(); }
  [[nodiscard]] Stream& next_layer() noexcept { return stream_; }

 private:
  template <message_handler Handler>
  struct relay {
    websocket_stream& stream;
    Handler& handler;

    void on_message(message_kind kind, std::string_view payload) {
      ++stream.counters_.messages;
      handler.on_message(kind, payload);
      stop_if_closed();
    }
    void on_ping(std::string_view payload) {
      ++stream.counters_.pings;
      stream.writer_.frames().queue_pong(payload, stream.settings_.answer_latest_ping_only);
      handler.on_ping(payload);
      stop_if_closed();
    }
    void on_pong(std::string_view payload) {
      ++stream.counters_.pongs;
      handler.on_pong(payload);
      stop_if_closed();
    }
    void stop_if_closed() noexcept {
      if (!stream.open_) stream.decoder_.stop();
    }
    void on_close(const close_info& info) {
      stream.peer_close_ = info;
      handler.on_close(info);
    }
  };
  // Bytes of frames that were received behind a head.
  void keep(std::span<char> space, std::size_t head, std::size_t received) {
    if (received == head) return;
    std::memmove(space.data(), space.data() + head, received - head);
    decoder_.commit(received - head);
    undrained_ = true;
  }

  // True after one read of the socket and all that the stream made of it.
  [[nodiscard]] bool at_rest() const noexcept {
    if constexpr (buffered_stream<Stream>) return stream_.buffered() == 0;
    return true;
  }

  drain_result settle(std::error_code read_error) {
    if (!open_) return {end_reason(), false};  // by the handler
    if (const std::error_code violation = decoder_.error()) {
      start_close(close_code_for(violation));
      return {violation, false};
    }
    if (decoder_.closed()) {
      start_close(peer_close_->code);
      return {errc::websocket_closed_by_peer, false};
    }
    (void)writer_.push();  // pongs; an error shows at the next read as well
    if (read_error == errc::would_block) return {};
    if (read_error == errc::closed) return {errc::websocket_closed_by_peer, false};
    if (read_error) return {read_error, false};
    more_ = true;
    if constexpr (buffered_stream<Stream>) more_ = !stream_.drained();
    return {{}, more_};
  }

  void open() {
    open_ = true;
    idle_.feed();
  }

  void expire(errc reason) noexcept {
    if (!reason_) reason_ = reason;
    close_now();
  }
  [[nodiscard]] std::error_code end_reason() const noexcept {
    return reason_ ? reason_ : make_error_code(errc::closed);
  }
  [[nodiscard]] task<std::error_code> next_turn() {
    co_await asio::post(timers_.context(), use_task);
    co_return std::error_code{};
  }

  // Only the end is of interest any more.
  drain_result discard() {
    const std::error_code error = stream_.read_some(decoder_.prepare()).error;
    more_ = !error;
    return {error == errc::would_block ? std::error_code{} : error, more_};
  }

  timer_queue& timers_;
  const websocket_settings settings_;
  Stream stream_;
  message_decoder<Role, Check> decoder_;
  std::optional<close_info> peer_close_;
  upgrade_failure failure_;
  std::string subprotocol_;
  websocket_counters counters_;
  std::error_code reason_;  // why we ended it
  watchdog idle_{timers_, settings_.idle_timeout, [this] { expire(errc::data_silent); }};
  message_writer<Stream, Role> writer_{stream_, timers_, settings_, [this](errc why) { expire(why); }};
  bool open_{false};
  bool more_{false};       // the socket may hold more
  bool deaf_{false};       // nothing is decoded any more
  bool undrained_{false};  // the decoder may hold whole frames
};

}  // namespace foxtrot::inline v0

namespace foxtrot::inline v0 {

/// The defaults suit a busy public market stream.
struct session_settings {
  upgrade_request upgrade;         ///< host, port and path
  websocket_settings websocket{};  ///< frame limits, ping policy, time limits of the transport
  backoff_settings retry{};
  std::uint64_t max_attempts{0};                     ///< in a row without success; 0: no limit
  std::chrono::milliseconds answer_timeout{10'000};  ///< for the answer to a subscription
  std::chrono::milliseconds silence_limit{60'000};   ///< without a byte received, pings included
  std::chrono::milliseconds close_timeout{50};       ///< for the peer's part of a close
  std::chrono::milliseconds stable_after{2000};      ///< a connection that lived so long and had data was healthy
  /// Added to the receive times: a replay sets it so that they are those of the recording.
  std::chrono::nanoseconds clock_shift{0};
  data_age_limits ages{};  ///< how long streams may say nothing
  /// A ping of ours goes out so often, if the venue's message limit lets it; zero: never. Without its pong in time the
  /// connection is dead, whatever else it says.
  std::chrono::milliseconds ping_interval{30'000};
  std::chrono::milliseconds pong_timeout{10'000};
  std::uint32_t answer_attempts{3};  ///< how often a request is made that is not answered, before the connection ends
  /// Judges and counts errors; null: one of its own, with the default rules. May be shared.
  std::shared_ptr<websocket_error_handler> errors{};
  /// Shared by all sessions of the process with that place; null: no limit. Outlives the session.
  connection_budget* budget{nullptr};
};

/// Where a session stands.
enum class session_state : std::uint8_t { disconnected, connecting, connected, reconnecting, error, closing };

[[nodiscard]] constexpr std::string_view to_string(session_state now) noexcept {
  switch (now) {
    case session_state::disconnected: return "disconnected";
    case session_state::connecting: return "connecting";
    case session_state::connected: return "connected";
    case session_state::reconnecting: return "reconnecting";
    case session_state::error: return "error";
    case session_state::closing: return "closing";
  }
  return "?";
}

}  // namespace foxtrot::inline v0

// foxtrot/net/async_thread_bridge.hpp: an event loop on a thread of its own, and the way in from other threads.

// foxtrot/net/detail/loop_call.hpp: a function run on another thread while its caller waits, at most so long.

namespace foxtrot::inline v0::detail {

// The agreement between the two threads on who may still touch the caller's variables.
class loop_ticket : private live_object<loop_ticket> {
 public:
  /// Loop thread: false where the caller no longer waits; otherwise the caller waits until `finish`.
  [[nodiscard]] bool begin() {
    const std::lock_guard lock{mutex_};
    if (now_ != state::queued) return false;
    now_ = state::running;
    return true;
  }
  void finish() { change(state::running, state::done); }
  /// The loop will not come to it any more.
  void close() { change(state::queued, state::closed); }

  [[nodiscard]] std::error_code wait(std::chrono::nanoseconds patience) {
    std::unique_lock lock{mutex_};
    const auto settled = [this] { return now_ == state::done || now_ == state::closed; };
    if (!changed_.wait_for(lock, patience, settled)) {
      if (now_ == state::queued) {
        now_ = state::abandoned;
        return errc::timeout;
      }
      changed_.wait(lock, settled);
    }
    return now_ == state::done ? std::error_code{} : make_error_code(errc::closed);
  }

 private:
  enum class state : std::uint8_t { queued, running, done, abandoned, closed };

  void change(state from, state to) {
    const std::lock_guard lock{mutex_};
    if (now_ != from) return;
    now_ = to;
    changed_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  state now_{state::queued};
};

// The tickets of one loop. Any thread.
class loop_calls : private live_object<loop_calls> {
 public:
  [[nodiscard]] std::shared_ptr<loop_ticket> admit() {
    const std::lock_guard lock{mutex_};
    if (closed_) return nullptr;
    return *waiting_.insert(std::make_shared<loop_ticket>()).first;
  }
  void forget(const std::shared_ptr<loop_ticket>& ticket) {
    const std::lock_guard lock{mutex_};
    waiting_.erase(ticket);
  }
  void close() {
    const std::lock_guard lock{mutex_};
    closed_ = true;
    for (const auto& ticket : waiting_) ticket->close();
  }
  [[nodiscard]] bool closed() const {
    const std::lock_guard lock{mutex_};
    return closed_;
  }

 private:
  mutable std::mutex mutex_;
  std::set<std::shared_ptr<loop_ticket>> waiting_;
  bool closed_{false};
};

template <class T>
inline constexpr bool is_result = false;
template <class T>
inline constexpr bool is_result<result<T>> = true;

template <class R>
inline constexpr bool returns_code = std::is_void_v<R> || std::is_same_v<R, std::error_code>;

// Nothing and a std::error_code become a std::error_code, a result<T> stays one, any other T becomes a result<T>.
template <class R>
struct loop_call_result_of {
  using type = result<R>;
};
template <class R>
  requires returns_code<R>
struct loop_call_result_of<R> {
  using type = std::error_code;
};
template <class R>
  requires is_result<R>
struct loop_call_result_of<R> {
  using type = R;
};
template <class R>
using loop_call_result = typename loop_call_result_of<R>::type;

// What the function left behind.
template <class R>
class loop_call {
 public:
  template <class Work>
  void run(Work& work) noexcept {
    try {
      if constexpr (std::is_void_v<R>) {
        work();
        value_.emplace();
      } else {
        value_.emplace(work());
      }
    } catch (...) {
      thrown_ = std::current_exception();
    }
  }

  [[nodiscard]] loop_call_result<R> take() {
    if (thrown_) std::rethrow_exception(thrown_);
    return std::move(*value_);
  }

 private:
  std::optional<loop_call_result<R>> value_;
  std::exception_ptr thrown_;
};

}  // namespace foxtrot::inline v0::detail

// foxtrot/net/detail/loop_pulse.hpp: how an event loop shows that it turns, and how late it is.

namespace foxtrot::inline v0::detail {

// Beats from a timer of its own, on real time: a handler that does not return holds the timer up as well, a loop that
// has nothing to do does not. Loop thread only, except `line` and the readings.
class loop_pulse {
 public:
  struct reading {
    std::chrono::nanoseconds lag{0};
    std::chrono::nanoseconds longest{0};
    std::chrono::nanoseconds since{0};
  };

  loop_pulse(asio::io_context& loop, std::chrono::nanoseconds every) : loop_{loop}, every_{every} {
    rest();  // until there is a thread
  }
  loop_pulse(const loop_pulse&) = delete;
  loop_pulse& operator=(const loop_pulse&) = delete;

  [[nodiscard]] const std::shared_ptr<heartbeat>& line() const noexcept { return line_; }
  [[nodiscard]] bool timed() const noexcept { return every_ > std::chrono::nanoseconds{0}; }

  void begin() {
    line_->set_waiting(false);
    if (!timed()) return;
    alarm_.emplace(loop_);
    const auto now = clock::now();
    store(last_, now);
    arm(now + every_);
  }
  void beat() noexcept { line_->beat(); }
  /// Whether the timer has fired since the last time this was asked.
  [[nodiscard]] bool take_fired() noexcept { return std::exchange(fired_, false); }
  /// The timer fires no more.
  void disarm() {
    alarm_.reset();
    due_.store(0, std::memory_order_relaxed);
  }
  /// No beat is expected any more.
  void rest() noexcept { line_->set_waiting(true); }

  /// Any thread. A beat that is overdue counts as late as it is by now.
  [[nodiscard]] reading read() const noexcept {
    reading made{load(lag_), load(longest_), {}};
    const auto due = load(due_);
    if (due.count() == 0) return made;
    const auto now = clock::now().time_since_epoch();
    made.lag = std::max(made.lag, now - due);
    made.longest = std::max(made.longest, now - due);
    made.since = std::max(now - load(last_), clock::duration{0});
    return made;
  }

 private:
  using clock = std::chrono::steady_clock;
  using alarm = asio::basic_waitable_timer<clock, asio::wait_traits<clock>, io_executor>;
  using cell = std::atomic<std::int64_t>;  // nanoseconds; relaxed throughout: each stands alone

  [[nodiscard]] static std::chrono::nanoseconds load(const cell& from) noexcept {
    return std::chrono::nanoseconds{from.load(std::memory_order_relaxed)};
  }
  static void store(cell& into, clock::time_point when) noexcept {
    into.store(when.time_since_epoch().count(), std::memory_order_relaxed);
  }

  void arm(clock::time_point when) {
    store(due_, when);
    alarm_->expires_at(when);
    alarm_->async_wait([this, when](std::error_code error) {
      if (!error && alarm_) on_time(when);  // none: ended while this was on its way
    });
  }
  void on_time(clock::time_point due) {
    const auto now = clock::now();
    const std::int64_t late = (now - due).count();
    lag_.store(late, std::memory_order_relaxed);
    longest_.store(std::max(late, longest_.load(std::memory_order_relaxed)), std::memory_order_relaxed);
    store(last_, now);
    fired_ = true;
    line_->beat();
    arm(now + every_);
  }

  asio::io_context& loop_;
  const std::chrono::nanoseconds every_;
  const std::shared_ptr<heartbeat> line_{std::make_shared<heartbeat>()};
  std::optional<alarm> alarm_;
  bool fired_{false};
  cell lag_{0};
  cell longest_{0};
  cell due_{0};  // 0: none
  cell last_{0};
};

}  // namespace foxtrot::inline v0::detail

// foxtrot/net/detail/loop_turns.hpp: one turn of an event loop, for each way to wait when there is nothing to do.

// foxtrot/net/poller.hpp: functions that a spinning event loop calls at every turn.

namespace foxtrot::inline v0 {

class poller_list;

/// Keeps a function registered; its destruction takes the function out, also from within the function itself, and also
/// when the list has died before. Loop thread only.
class [[nodiscard]] poller_handle : private live_object<poller_handle> {
 public:
  poller_handle() = default;
  poller_handle(poller_handle&&) noexcept = default;
  poller_handle& operator=(poller_handle&& other) noexcept {
    release();
    entry_ = std::move(other.entry_);
    return *this;
  }
  ~poller_handle() { release(); }

  void release() noexcept {
    if (const auto released = std::exchange(entry_, nullptr)) released->alive = false;
  }

 private:
  friend class poller_list;
  struct entry {
    std::function<bool()> poll;
    bool alive{true};
  };
  explicit poller_handle(std::shared_ptr<entry> registered) : entry_{std::move(registered)} {}

  std::shared_ptr<entry> entry_;
};

/// The functions of one loop. Loop thread only.
class poller_list : private live_object<poller_list> {
 public:
  /// `poll` returns whether it found work. It must not throw.
  [[nodiscard]] poller_handle add(std::function<bool()> poll) {
    auto added = std::make_shared<poller_handle::entry>();
    added->poll = std::move(poll);
    entries_.push_back(added);
    return poller_handle{std::move(added)};
  }

  /// Calls each once; true if any found work.
  bool run() {
    bool worked = false;
    bool dead = false;
    // by index: a function may add others, which are called in the same turn
    for (std::size_t i = 0; i < entries_.size(); ++i) {
      const auto entry = entries_[i];  // shared: it may take itself out, and the vector may move
      if (entry->alive) worked |= entry->poll();
      dead |= !entry->alive;
    }
    if (dead) std::erase_if(entries_, [](const auto& entry) { return !entry->alive; });
    return worked;
  }

  [[nodiscard]] bool empty() const noexcept { return entries_.empty(); }

 private:
  std::vector<std::shared_ptr<poller_handle::entry>> entries_;
};

}  // namespace foxtrot::inline v0

namespace foxtrot::inline v0::detail {

// Loop thread only.
class loop_turns {
 public:
  loop_turns(asio::io_context& loop, timer_queue& timers, loop_pulse& pulse, idle waiting,
             std::chrono::microseconds spin_for)
      : loop_{loop}, timers_{timers}, pulse_{pulse}, waiting_{waiting}, spin_for_{spin_for} {}

  [[nodiscard]] poller_handle add_poller(std::function<bool()> poll) { return pollers_.add(std::move(poll)); }

  /// Soon over, but where it blocks: then when the loop was stopped. Exceptions of handlers pass.
  void turn() {
    switch (waiting_) {
      case idle::block: {
        const quiet_sleep sleeping{pulse_};
        loop_.run();
        return;
      }
      case idle::spin: (void)spin(); return;
      case idle::yield:
        if (!spin()) std::this_thread::yield();
        return;
      case idle::adaptive: adapt(); return;
    }
  }

 private:
  static constexpr unsigned turns_per_poll = 16;  // looking into the event loop costs a system call

  // Where no timer beats for it, a sleep is expected to be silent.
  struct quiet_sleep {
    explicit quiet_sleep(const loop_pulse& pulse) {
      if (!pulse.timed()) silence.emplace();
    }
    std::optional<expected_silence> silence;
  };

  // Whether there was anything to do.
  bool spin() {
    pulse_.beat();
    const bool worked = pollers_.run();
    if (worked && ++turns_ < turns_per_poll) return true;
    turns_ = 0;
    const bool ran = loop_.poll() != 0;
    timers_.run_due();
    return worked || ran;
  }

  void adapt() {
    pulse_.beat();
    const auto now = std::chrono::steady_clock::now();  // real time, whatever the timers run on
    const bool polled = pollers_.run();
    std::size_t ran = loop_.poll();
    if (pulse_.take_fired() && ran != 0) --ran;  // that was no work
    if (ran != 0 || polled) {
      busy_until_ = now + spin_for_;
    } else if (now >= busy_until_) {
      {
        const quiet_sleep sleeping{pulse_};
        loop_.run_one();
      }
      if (!pulse_.take_fired()) busy_until_ = std::chrono::steady_clock::now() + spin_for_;
    }
  }

  asio::io_context& loop_;
  timer_queue& timers_;
  loop_pulse& pulse_;
  const idle waiting_;
  const std::chrono::microseconds spin_for_;
  poller_list pollers_;
  unsigned turns_{0};
  std::chrono::steady_clock::time_point busy_until_;
};

}  // namespace foxtrot::inline v0::detail

// foxtrot/net/task_name.hpp: what a task is called, at no cost where it is a literal.

namespace foxtrot::inline v0 {

/// What a task is called: a literal, which is not copied, or a text of its own.
class task_name {
 public:
  consteval task_name(const char* literal) : literal_{literal} {}
  task_name(std::string text) noexcept : text_{std::move(text)} {}

  [[nodiscard]] std::string_view view() const noexcept { return text_ ? std::string_view{*text_} : literal_; }

 private:
  const char* literal_{""};
  std::optional<std::string> text_;  // an empty string itself would be no constant to g++ 12
};

}  // namespace foxtrot::inline v0

// foxtrot/net/task_scope.hpp: coroutines that belong together: named, counted, cancelled together, waited for.

// foxtrot/net/detail/task_entry.hpp: what a task_scope remembers of a live task, and the list of all.

namespace foxtrot::inline v0::detail {

struct task_entry : private live_object<task_entry> {
  task_name name{""};
  asio::cancellation_signal signal;  // the task's frames point into it
  bool listed{false};
  unsigned owners{0};  // the task, while it is listed, and whoever is just cancelling it
  task_entry* previous{nullptr};
  task_entry* next{nullptr};
};

// The live tasks of one scope, in the order of their start. An entry that is free again serves the next task, so that
// one costs no allocation. Loop thread only, but for `size` and `names`.
class task_list {
 public:
  task_list() = default;
  task_list(const task_list&) = delete;
  task_list& operator=(const task_list&) = delete;
  ~task_list() {
    while (spare_ != nullptr) delete std::exchange(spare_, spare_->next);
  }

  [[nodiscard]] task_entry* add(task_name name) {
    task_entry* const added = take_spare();
    added->name = std::move(name);
    added->listed = true;
    added->owners = 1;
    added->next = nullptr;
    const std::lock_guard lock{mutex_};
    added->previous = last_;
    (last_ != nullptr ? last_->next : first_) = added;
    last_ = added;
    count(1);
    return added;
  }

  /// The task has ended. Whether it was the last.
  bool remove(task_entry* entry) {
    std::size_t left = 0;
    {
      const std::lock_guard lock{mutex_};
      (entry->next != nullptr ? entry->next->previous : last_) = entry->previous;
      (entry->previous != nullptr ? entry->previous->next : first_) = entry->next;
      left = count(-std::size_t{1});
    }
    entry->listed = false;
    release(entry);
    return left == 0;
  }

  void cancel_all() {
    // A signal may end any of them at once, or start others: who is there now, is asked, and stays until then.
    std::vector<task_entry*> asked;
    asked.reserve(size());
    for (task_entry* entry = first_; entry != nullptr; entry = entry->next) {
      ++entry->owners;
      asked.push_back(entry);
    }
    for (task_entry* entry : asked) {
      if (entry->listed) entry->signal.emit(asio::cancellation_type::terminal);
      release(entry);
    }
  }

  [[nodiscard]] std::size_t size() const noexcept { return size_.load(std::memory_order_acquire); }
  [[nodiscard]] std::vector<std::string> names() const {
    const std::lock_guard lock{mutex_};
    std::vector<std::string> all;
    for (const task_entry* entry = first_; entry != nullptr; entry = entry->next) all.emplace_back(entry->name.view());
    return all;
  }

 private:
  static constexpr std::size_t most_spares = 64;

  [[nodiscard]] task_entry* take_spare() {
    if (spare_ == nullptr) return new task_entry;
    --spares_;
    return std::exchange(spare_, spare_->next);
  }
  std::size_t count(std::size_t change) noexcept {
    // under the mutex; release: whoever reads that none is left sees what they did
    const std::size_t now = size_.load(std::memory_order_relaxed) + change;
    size_.store(now, std::memory_order_release);
    return now;
  }
  // Its signal keeps the memory that the next task's needs.
  void release(task_entry* entry) {
    if (--entry->owners != 0) return;
    if (spares_ == most_spares) return delete entry;
    entry->next = std::exchange(spare_, entry);
    ++spares_;
  }

  mutable std::mutex mutex_;  // only the loop thread writes; others read under it
  task_entry* first_{nullptr};
  task_entry* last_{nullptr};
  std::atomic<std::size_t> size_{0};
  task_entry* spare_{nullptr};
  std::size_t spares_{0};
};

}  // namespace foxtrot::inline v0::detail

namespace foxtrot::inline v0 {

/// A task that would not end.
struct orphan {
  std::string name;
  std::chrono::nanoseconds age{0};  ///< since its scope gave up waiting for it
};

/// Owns the right to end the tasks spawned in it. A task that lives on after `close` timed out is an orphan: it is
/// reported by name and stays counted until it ends. Loop thread only, except `live`, `failed`, `names` and `orphans`.
class task_scope : private live_object<task_scope> {
 public:
  task_scope(asio::io_context& loop, std::string name, const diagnostics* log = nullptr)
      : state_{std::make_shared<state>(loop, std::move(name), log)} {}
  task_scope(const task_scope&) = delete;
  task_scope& operator=(const task_scope&) = delete;
  /// Cancels what still lives and reports it; the tasks themselves end when the loop next runs.
  ~task_scope() {
    state_->open = false;
    if (live() != 0) {
      state_->report_orphans("scope destroyed before its task ended");
      state_->tasks.cancel_all();
    }
    state_->log = nullptr;
  }

  /// Starts `work` now, up to its first wait. False, and nothing started, once the scope is closing. An exception that
  /// leaves the task is caught, counted and reported; one that only says "cancelled" is the normal end of a cancelled
  /// task.
  bool spawn(task_name name, task<> work) {
    if (!state_->open) return false;
    registration ticket{state_, std::move(name)};
    const auto slot = ticket.task->signal.slot();
    asio::co_spawn(state_->loop, std::move(work),
                   asio::bind_cancellation_slot(slot, [ticket = std::move(ticket)](std::exception_ptr failure) {
                     if (failure) ticket.scope->note_failure(ticket.task->name.view(), failure);
                   }));
    return true;
  }

  /// Asks every task that lives now to end, and says so once. Safe from within a task of the scope.
  void cancel() {
    const auto keep = state_;  // a task that ends at once may destroy the scope
    keep->tasks.cancel_all();
  }

  /// Refuses new tasks, cancels, waits until none is left. errc::timeout: some are, and are named to the diagnostics.
  /// Not from within a task of the scope, which would wait for itself.
  [[nodiscard]] task<std::error_code> close(timer_queue& timers, steady_time::duration patience) {
    return close(state_, timers, patience);
  }

  [[nodiscard]] const std::string& name() const noexcept { return state_->name; }
  /// Tasks that have not ended. Any thread.
  [[nodiscard]] std::size_t live() const noexcept { return state_->tasks.size(); }
  /// Tasks that ended by an exception. Any thread.
  [[nodiscard]] std::size_t failed() const noexcept { return state_->failed.load(std::memory_order_relaxed); }
  /// The names of the tasks that have not ended, oldest first. Any thread.
  [[nodiscard]] std::vector<std::string> names() const { return state_->tasks.names(); }
  /// The tasks that live on although `close` gave up on them: what a monitor or a shutdown names. Any thread.
  [[nodiscard]] std::vector<orphan> orphans() const {
    std::vector<orphan> all;
    const auto since = state_->gave_up.load(std::memory_order_relaxed);
    if (since == 0) return all;
    const auto age = std::chrono::steady_clock::now().time_since_epoch() - std::chrono::nanoseconds{since};
    for (std::string& left : names()) all.push_back({std::move(left), age});
    return all;
  }

 private:
  struct state : private live_object<state> {
    state(asio::io_context& context, std::string text, const diagnostics* sink)
        : loop{context}, name{std::move(text)}, log{sink} {}

    void remove(detail::task_entry* ended) {
      if (!tasks.remove(ended)) return;
      for (async_event* closer : closers) closer->notify();
    }

    void note_failure(std::string_view task, const std::exception_ptr& failure) {
      try {
        std::rethrow_exception(failure);
      } catch (const std::system_error& error) {
        if (error.code() == asio::error::operation_aborted || error.code() == errc::cancelled) return;
        fail(task, error.what(), error.code());
      } catch (const std::exception& error) {
        fail(task, error.what(), {});
      } catch (...) {
        fail(task, "something that is no std::exception", {});
      }
    }

    void fail(std::string_view task, const std::string& what, std::error_code error) {
      failed.fetch_add(1, std::memory_order_relaxed);
      if (log != nullptr) log->report(severity::error, name, std::string{task} + " failed: " + what, error);
    }

    void report_orphans(const std::string& why) const {
      if (log == nullptr) return;
      for (const std::string& left : tasks.names())
        log->report(severity::error, name, why + ": " + left, errc::timeout);
    }

    asio::io_context& loop;
    const std::string name;
    const diagnostics* log;  // null once the scope is gone
    bool open{true};
    std::vector<async_event*> closers;
    detail::task_list tasks;
    std::atomic<std::size_t> failed{0};
    std::atomic<std::int64_t> gave_up{0};  // by the steady clock; relaxed: it stands alone
  };

  // Lives in the task's completion handler: takes the task off the list when it ended, or when the loop destroyed it.
  struct registration {
    registration(std::shared_ptr<state> owner, task_name name)
        : scope{std::move(owner)}, task{scope->tasks.add(std::move(name))} {}
    registration(registration&&) noexcept = default;
    registration& operator=(registration&&) = delete;
    ~registration() {
      if (scope) scope->remove(task);
    }

    std::shared_ptr<state> scope;
    detail::task_entry* task;
  };

  struct closer_guard {
    closer_guard(state& scope, async_event& event) : owner{scope}, closer{event} { owner.closers.push_back(&closer); }
    closer_guard(const closer_guard&) = delete;
    closer_guard& operator=(const closer_guard&) = delete;
    ~closer_guard() { std::erase(owner.closers, &closer); }

    state& owner;
    async_event& closer;
  };

  static task<std::error_code> close(std::shared_ptr<state> scope, timer_queue& timers,
                                     steady_time::duration patience) {
    scope->open = false;
    scope->tasks.cancel_all();
    if (scope->tasks.size() == 0) co_return std::error_code{};
    async_event none_left{scope->loop};
    const closer_guard listening{*scope, none_left};
    const timer limit = timers.call_after(patience, [&none_left] { none_left.notify(errc::timeout); });
    const std::error_code error = co_await none_left.wait();
    if (error == errc::timeout) {
      scope->gave_up.store(std::chrono::steady_clock::now().time_since_epoch().count(), std::memory_order_relaxed);
      scope->report_orphans("still alive after its scope was closed");
    }
    co_return error;
  }

  std::shared_ptr<state> state_;
};

}  // namespace foxtrot::inline v0

// foxtrot/thread/placement.hpp: the name, CPU and scheduling priority of a thread.

namespace foxtrot::inline v0 {

/// Linux's scheduling policies, sched(7).
enum class scheduling : std::uint8_t {
  inherited,    ///< that of the thread that starts it; SCHED_FIFO where a realtime priority is given
  other,        ///< SCHED_OTHER: fair shares
  batch,        ///< SCHED_BATCH: as `other`, for work without a hurry
  idle,         ///< SCHED_IDLE: only what nobody else wants
  fifo,         ///< SCHED_FIFO: before all others, until it waits
  round_robin,  ///< SCHED_RR: the same, in turn with equals
};

/// Where and how a thread runs. The defaults leave everything to the scheduler.
struct placement {
  std::string name{"worker"};  ///< shown by top, gdb and diagnostics; Linux keeps the first 15 bytes
  int cpu{-1};                 ///< pinned to this CPU; -1: anywhere
  int realtime_priority{0};    ///< 1 to 99 under fifo and round_robin, which need CAP_SYS_NICE; 0 under the others
  scheduling policy{scheduling::inherited};
};

/// Names the calling thread; never fails, a name that is too long is cut to the 15 bytes that Linux keeps.
inline void name_this_thread(const std::string& name) noexcept {
  constexpr std::size_t longest = 15;
  char text[longest + 1]{};
  name.copy(text, longest);
  pthread_setname_np(pthread_self(), text);
}

namespace detail {

/// 0, or the system's reason against it. A thread that has a realtime policy by inheritance may always give it up.
[[nodiscard]] inline int apply_scheduling(scheduling policy, int priority) noexcept {
  if (policy == scheduling::inherited) {
    if (priority == 0) return 0;
    policy = scheduling::fifo;
  }
  const bool realtime = policy == scheduling::fifo || policy == scheduling::round_robin;
  if (realtime ? priority < 1 || priority > 99 : priority != 0) return EINVAL;
  sched_param parameters{};
  parameters.sched_priority = priority;
  constexpr int kinds[] = {SCHED_OTHER, SCHED_OTHER, SCHED_BATCH, SCHED_IDLE, SCHED_FIFO, SCHED_RR};
  const auto index = static_cast<std::size_t>(policy);
  return index < std::size(kinds) ? pthread_setschedparam(pthread_self(), kinds[index], &parameters) : EINVAL;
}

}  // namespace detail

/// Applies `where` to the calling thread. What cannot be had (no such CPU, policy or priority: errc::bad_placement; no
/// right to it: errc::not_permitted) is reported and left as it was: the thread runs on, unpinned.
[[nodiscard]] inline std::error_code apply_placement(const placement& where) noexcept {
  name_this_thread(where.name);
  std::error_code first;
  const auto note = [&first](int failed) {
    if (failed != 0 && !first) first = failed == EPERM ? errc::not_permitted : errc::bad_placement;
  };
  if (where.cpu >= CPU_SETSIZE || where.cpu < -1) {
    note(EINVAL);
  } else if (where.cpu >= 0) {
    cpu_set_t only;
    CPU_ZERO(&only);
    CPU_SET(static_cast<std::size_t>(where.cpu), &only);
    note(pthread_setaffinity_np(pthread_self(), sizeof(only), &only));
  }
  note(detail::apply_scheduling(where.policy, where.realtime_priority));
  return first;
}

}  // namespace foxtrot::inline v0

// foxtrot/thread/worker.hpp: a thread that is always joined and whose failure is always known.

namespace foxtrot::inline v0 {

/// What a worker runs: called once on its thread, returns soon after its token is asked to stop.
template <class F>
concept worker_body = std::move_constructible<F> && std::invocable<F&, std::stop_token>;

/// Hears of a worker's life on the worker's own thread, before anybody who waits for its end does.
class worker_observer {
 public:
  worker_observer() = default;
  worker_observer(const worker_observer&) = delete;
  worker_observer& operator=(const worker_observer&) = delete;
  virtual ~worker_observer() = default;

  virtual void on_start() noexcept = 0;
  /// `failure` says what left the body; empty where it returned. `asked`: after its stop was requested.
  virtual void on_end(std::string_view failure, bool asked) noexcept = 0;
};

/// A std::jthread with a name, a place, a heartbeat and a memory: an exception that leaves the body is caught, kept and
/// reported; it never ends the process. Destruction asks for a stop and joins. Owned by one thread at a time;
/// `current`, `failure`, `request_stop` and `finished_within` may be called from any.
class worker : private live_object<worker> {
 public:
  enum class state : std::uint8_t { running, finished, failed };

  /// Starts the thread. The constructor returns once the placement has been tried: `placement_error()` is then final.
  /// The body finds `pulse`, or one of the worker's own, as heartbeat::of_this_thread().
  /// Throws std::system_error where no thread can be made.
  template <worker_body Body>
  worker(placement where, Body body, diagnostics log = {}, std::shared_ptr<heartbeat> pulse = {},
         std::shared_ptr<worker_observer> observer = {})
      : shared_{std::make_shared<shared>(pulse != nullptr ? std::move(pulse) : std::make_shared<heartbeat>(),
                                         std::move(observer))},
        name_{where.name},
        thread_{start(std::move(where), std::move(body), std::move(log))} {
    std::unique_lock lock{shared_->mutex};
    shared_->changed.wait(lock, [this] { return shared_->placed; });
  }

  worker(worker&&) noexcept = default;
  worker& operator=(worker&&) = delete;
  ~worker() = default;

  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] std::thread::id id() const noexcept { return thread_.get_id(); }
  [[nodiscard]] std::stop_token stop_token() const noexcept { return thread_.get_stop_token(); }
  /// What the thread shows its progress by. Never null.
  [[nodiscard]] const std::shared_ptr<heartbeat>& pulse() const noexcept { return shared_->pulse; }
  [[nodiscard]] bool on_this_thread() const noexcept { return std::this_thread::get_id() == thread_.get_id(); }

  void request_stop() noexcept { thread_.request_stop(); }

  /// Waits for the body to return; a second call returns at once. Not from the worker's own thread.
  void join() {
    if (thread_.joinable()) thread_.join();
  }

  /// True once the body has returned or thrown, waiting up to `patience` for it.
  [[nodiscard]] bool finished_within(std::chrono::nanoseconds patience) const {
    const auto start = std::chrono::steady_clock::now();
    constexpr auto never = std::chrono::steady_clock::time_point::max();
    const auto deadline = patience < never - start ? start + patience : never;
    std::unique_lock lock{shared_->mutex};
    return shared_->changed.wait_until(lock, deadline, [this] { return shared_->now != state::running; });
  }

  [[nodiscard]] state current() const {
    const std::lock_guard lock{shared_->mutex};
    return shared_->now;
  }
  /// What the exception said that ended the body; empty unless `current()` is `failed`.
  [[nodiscard]] std::string failure() const {
    const std::lock_guard lock{shared_->mutex};
    return shared_->what;
  }
  /// Why the thread does not run where it was asked to; zero where it does.
  [[nodiscard]] std::error_code placement_error() const {
    const std::lock_guard lock{shared_->mutex};
    return shared_->placement_error;
  }

 private:
  struct shared {  // outlives both the worker and its thread
    shared(std::shared_ptr<heartbeat> beats, std::shared_ptr<worker_observer> listener)
        : pulse{std::move(beats)}, observer{std::move(listener)} {}

    const std::shared_ptr<heartbeat> pulse;
    const std::shared_ptr<worker_observer> observer;  // may be null
    std::mutex mutex;
    std::condition_variable changed;
    bool placed{false};
    state now{state::running};
    std::string what;
    std::error_code placement_error;
  };

  template <worker_body Body>
  [[nodiscard]] std::jthread start(placement where, Body body, diagnostics log) {
    return std::jthread{[memory = shared_, where = std::move(where), body = std::move(body),
                         log = std::move(log)](std::stop_token stop) mutable {
      const std::error_code misplaced = apply_placement(where);
      {
        const std::lock_guard lock{memory->mutex};
        memory->placed = true;
        memory->placement_error = misplaced;
        memory->changed.notify_all();
      }
      if (misplaced) log.report(severity::warning, where.name, "runs where the scheduler puts it", misplaced);
      const std::string what = run(*memory, body, stop);
      if (memory->observer != nullptr) memory->observer->on_end(what, stop.stop_requested());
      if (!what.empty()) log.report(severity::error, where.name, what);
      const std::lock_guard lock{memory->mutex};
      memory->now = what.empty() ? state::finished : state::failed;
      memory->what = what;
      memory->changed.notify_all();
    }};
  }

  // Empty where the body returned; else what it threw, never empty.
  template <worker_body Body>
  [[nodiscard]] static std::string run(shared& memory, Body& body, std::stop_token stop) {
    const heartbeat::adopted alive{*memory.pulse};
    if (memory.observer != nullptr) memory.observer->on_start();
    try {
      body(std::move(stop));
      return {};
    } catch (const std::exception& failure) {
      const std::string what = failure.what();
      return what.empty() ? "an exception without a text" : what;
    } catch (...) {
      return "something that is no std::exception";
    }
  }

  std::shared_ptr<shared> shared_;
  std::string name_;
  std::jthread thread_;
};

}  // namespace foxtrot::inline v0

namespace foxtrot::inline v0 {

struct bridge_settings {
  placement network{.name = "net"};
  idle waiting{idle::block};
  std::chrono::milliseconds start_timeout{1000};
  std::chrono::microseconds spin_for{200};  ///< adaptive: how long to look for work before sleeping
  /// A sleeping loop wakes this often to beat, and to see how late it is. 0: never; its sleep is expected_silence then,
  /// and so is whatever work wakes it.
  std::chrono::milliseconds beat_every{50};
};

/// A moment's view of a loop. The times are measured by the beats of `beat_every`, and 0 where there are none.
struct bridge_health {
  bool running{false};                      ///< the thread turns the loop
  std::uint64_t beats{0};                   ///< of the loop so far
  std::chrono::nanoseconds since_beat{0};   ///< since the last timed beat
  std::chrono::nanoseconds loop_lag{0};     ///< how late that one was; or how late the next one is, if later already
  std::chrono::nanoseconds longest_lag{0};  ///< of all so far
  std::size_t queued{0};                    ///< what post, call and spawn were given and the loop has not begun
  std::size_t tasks{0};                     ///< in the bridge's scope
};

/// Starts once, stops once. `context`, `timers`, `scope` and `add_poller` belong to the loop thread (before `start`: to
/// the owner); everything else may be called from any thread, callbacks on the loop included.
class async_thread_bridge : private live_object<async_thread_bridge> {
 public:
  explicit async_thread_bridge(bridge_settings settings = {}, diagnostics log = {}, time_source& time = system_time())
      : settings_{std::move(settings)},
        log_{std::move(log)},
        pulse_{loop_, settings_.beat_every},
        timers_{loop_, time} {}
  async_thread_bridge(const async_thread_bridge&) = delete;
  async_thread_bridge& operator=(const async_thread_bridge&) = delete;
  /// Stops and joins. Not on the loop thread.
  ~async_thread_bridge() { join(default_patience); }

  /// Returns once the loop turns. Again while running: nothing. errc::closed after `stop`, errc::timeout where the loop
  /// did not turn in time, the system's error where no thread could be made. No thread is left behind on failure, but
  /// one that a handler posted before will not let go: `has_thread` then, and `join` or the destructor waits for it.
  [[nodiscard]] std::error_code start() {
    const auto already = [this]() -> std::error_code {
      if (stopping_.load(std::memory_order_relaxed)) return errc::closed;
      return {};
    };
    if (on_loop_thread()) return already();
    const std::lock_guard lock{control_};
    if (thread_) return already();
    if (calls_->closed()) return errc::closed;
    try {
      thread_.emplace(settings_.network, [this](std::stop_token) { run(); }, log_);
    } catch (const std::system_error& failure) {
      return failure.code();
    }
    const auto turning = call([] {}, settings_.start_timeout);
    if (turning) (void)stop_locked(std::chrono::milliseconds{0}, true);
    return turning;
  }

  /// Cancels the scope, waits for its tasks, ends the loop, joins. Idempotent. errc::timeout: `patience` passed first;
  /// the loop was ended over the heads of its tasks, which the diagnostics name. On the loop thread it only asks, and
  /// the owner's `stop` or destructor joins.
  std::error_code stop(std::chrono::milliseconds patience = default_patience) {
    if (on_loop_thread()) {
      begin_stop(patience);
      return {};
    }
    const std::lock_guard lock{control_};
    return stop_locked(patience, false);
  }

  /// Stops, and joins however long a handler on the loop still takes. Not on the loop thread. What is left in the loop
  /// then belongs to the caller's thread.
  void join(std::chrono::milliseconds patience = std::chrono::milliseconds{0}) {
    (void)stop(patience);
    loop_.stop();
    const std::lock_guard lock{control_};
    thread_.reset();
  }

  /// True from start until stop or join has joined the thread.
  [[nodiscard]] bool has_thread() {
    if (on_loop_thread()) return true;
    const std::lock_guard lock{control_};
    return thread_.has_value();
  }

  [[nodiscard]] asio::io_context& context() noexcept { return loop_; }
  [[nodiscard]] timer_queue& timers() noexcept { return timers_; }
  [[nodiscard]] task_scope& scope() noexcept { return scope_; }
  [[nodiscard]] idle waiting() const noexcept { return settings_.waiting; }
  [[nodiscard]] bool on_loop_thread() const noexcept {
    return loop_thread_.load(std::memory_order_relaxed) == std::this_thread::get_id();  // only equal if we stored it
  }

  /// How the loop is. Any thread, at any time; a few loads and a look at the clock.
  [[nodiscard]] bridge_health health() const noexcept {
    const auto times = pulse_.read();
    return {.running = loop_thread_.load(std::memory_order_relaxed) != std::thread::id{},
            .beats = pulse_.line()->read().beats,
            .since_beat = times.since,
            .loop_lag = times.lag,
            .longest_lag = times.longest,
            .queued = queued_.load(std::memory_order_relaxed),
            .tasks = scope_.live()};
  }
  /// The loop thread's heartbeat, for a monitor: at every turn of a loop that spins, every `beat_every` of one that
  /// sleeps. `waiting` while there is no thread. Any thread.
  [[nodiscard]] const std::shared_ptr<heartbeat>& pulse() const noexcept { return pulse_.line(); }

  /// Runs `work` on the loop, never from inside this call. Dropped if the loop ends first. What it throws is reported.
  template <std::invocable Work>
  void post(Work work) {
    asio::post(loop_, [entry = queued{queued_}, work = std::move(work)]() mutable {
      entry.leave();
      work();
    });
  }

  /// Runs `work` on the loop and waits for what it returns: result<R>, or std::error_code where it returns nothing.
  /// After errc::timeout or errc::closed `work` has not run and never will, so it may refer to the caller's variables;
  /// once begun it is waited for to its end. What it throws is thrown here. At once when already on the loop thread.
  template <std::invocable Work>
  detail::loop_call_result<std::invoke_result_t<Work&>> call(Work work, std::chrono::nanoseconds patience) {
    detail::loop_call<std::invoke_result_t<Work&>> state;
    if (on_loop_thread()) {
      state.run(work);
      return state.take();
    }
    const auto ticket = calls_->admit();
    if (!ticket) return make_error_code(errc::closed);
    post([ticket, &state, work = std::move(work)]() mutable {
      if (!ticket->begin()) return;  // the caller is gone, and so is `state`
      state.run(work);
      ticket->finish();
    });
    const std::error_code outcome = ticket->wait(patience);
    calls_->forget(ticket);
    if (outcome) return outcome;
    return state.take();
  }

  /// Starts a task in the scope. Dropped if the loop ends first or the scope is closing.
  void spawn(task_name name, task<> work) {
    post([this, name = std::move(name), work = std::move(work)]() mutable {
      (void)scope_.spawn(std::move(name), std::move(work));
    });
  }

  /// Called at every turn while the loop spins, never while it is set to block. Returns whether it found work.
  [[nodiscard]] poller_handle add_poller(std::function<bool()> poll) { return turns_.add_poller(std::move(poll)); }

 private:
  static constexpr std::chrono::milliseconds default_patience{2000};
  static constexpr std::chrono::milliseconds grace{100};  // for a loop that was told to end over its tasks' heads

  // One piece of work that waits, for as long as it does: until it begins, or the loop drops it.
  class queued {
   public:
    // relaxed: the count stands alone
    explicit queued(std::atomic<std::size_t>& count) noexcept : count_{&count} {
      count.fetch_add(1, std::memory_order_relaxed);
    }
    queued(queued&& other) noexcept : count_{std::exchange(other.count_, nullptr)} {}
    queued& operator=(queued&&) = delete;
    ~queued() { leave(); }
    void leave() noexcept {
      if (count_ != nullptr) std::exchange(count_, nullptr)->fetch_sub(1, std::memory_order_relaxed);
    }

   private:
    std::atomic<std::size_t>* count_;
  };

  void run() {
    const heartbeat::adopted mine{*pulse_.line()};
    loop_thread_.store(std::this_thread::get_id(), std::memory_order_relaxed);
    pulse_.begin();
    while (!loop_.stopped()) guarded([this] { turns_.turn(); });
    pulse_.disarm();
    // What was posted before the end still runs, within reason: it holds frames that want to be destroyed here.
    loop_.restart();
    for (unsigned left = 1024; left != 0; --left) {
      bool more = false;
      guarded([&] { more = loop_.poll_one() != 0; });
      if (!more) break;
    }
    loop_.stop();
    calls_->close();
    pulse_.rest();
    loop_thread_.store({}, std::memory_order_relaxed);
  }

  template <std::invocable Work>
  void guarded(Work work) {
    try {
      work();
    } catch (const std::exception& failure) {
      log_.report(severity::error, settings_.network.name, failure.what());
    } catch (...) {
      log_.report(severity::error, settings_.network.name, "something that is no std::exception");
    }
  }

  void begin_stop(std::chrono::milliseconds patience) {
    if (stopping_.exchange(true, std::memory_order_relaxed)) return;
    asio::post(loop_, [this, patience] { asio::co_spawn(loop_, finish(patience), asio::detached); });
  }

  task<> finish(std::chrono::milliseconds patience) {
    (void)co_await scope_.close(timers_, patience);
    loop_.stop();
  }

  std::error_code stop_locked(std::chrono::milliseconds patience, bool failed_start) {
    if (!thread_) {
      calls_->close();  // never started: it never will
      return {};
    }
    begin_stop(patience);
    // The wall's clock here: the loop's may be standing still, and the loop itself may be stuck.
    if (failed_start || !thread_->finished_within(patience + grace)) {
      loop_.stop();
      if (!thread_->finished_within(grace)) return errc::timeout;  // stuck in a handler; joined later
    }
    thread_->join();
    thread_.reset();
    if (scope_.live() != 0) return errc::timeout;
    return {};
  }

  const bridge_settings settings_;
  const diagnostics log_;
  std::atomic<std::size_t> queued_{0};
  // The loop dies last: frames that are still in it are destroyed by its destructor.
  asio::io_context loop_{1};
  asio::executor_work_guard<io_executor> busy_{loop_.get_executor()};
  detail::loop_pulse pulse_;
  timer_queue timers_;
  task_scope scope_{loop_, "bridge", &log_};
  detail::loop_turns turns_{loop_, timers_, pulse_, settings_.waiting, settings_.spin_for};

  std::atomic<std::thread::id> loop_thread_{};
  std::atomic<bool> stopping_{false};
  const std::shared_ptr<detail::loop_calls> calls_{std::make_shared<detail::loop_calls>()};
  std::mutex control_;  // start and stop, one at a time
  std::optional<worker> thread_;
};

}  // namespace foxtrot::inline v0

// foxtrot/net/connect.hpp: from a host name to a connection: look up, try each address, shake hands.

// foxtrot/net/resolver.hpp: host names to addresses, without ever keeping the event loop or a shutdown waiting.

// foxtrot/net/detail/ares_lookup.hpp: a name looked up by c-ares, on the event loop, if FOXTROT_WITH_CARES is defined.

#ifdef FOXTROT_WITH_CARES
#include <ares.h>
#endif

#ifdef FOXTROT_WITH_CARES
namespace foxtrot::inline v0::detail {

/// What differs from the system's configuration; tests have a server of their own.
struct ares_settings {
  std::string servers;                         ///< "address:port,..."; empty: those of /etc/resolv.conf
  std::chrono::milliseconds first_timeout{0};  ///< of a server's answer, longer for later tries; 0: the configured one
  int tries{0};                                ///< per server; 0: as configured
};

[[nodiscard]] inline std::error_code error_of_ares(int status) noexcept {
  switch (status) {
    case ARES_SUCCESS: return {};
    case ARES_ENOTFOUND:
    case ARES_ENODATA:
    case ARES_ENONAME:
    case ARES_EBADNAME: return errc::host_not_found;
    case ARES_ECANCELLED:
    case ARES_EDESTRUCTION: return errc::cancelled;
    case ARES_ENOMEM: return std::make_error_code(std::errc::not_enough_memory);
    default: return errc::resolve_failed;
  }
}

// One lookup and the channel it has to itself: its end, however it comes, closes every socket and timer. Loop thread
// only. The files of the configuration and /etc/hosts are read at once, as every resolver does.
class ares_lookup {
 public:
  explicit ares_lookup(timer_queue& timers) : timers_{timers}, done_{timers.context()} {}
  ares_lookup(const ares_lookup&) = delete;
  ares_lookup& operator=(const ares_lookup&) = delete;
  ~ares_lookup() {
    over_ = true;
    if (channel_ != nullptr) ares_destroy(channel_);  // tells on_state of every socket that it closes
  }

  /// From here on `finished` comes, unless this ends before.
  [[nodiscard]] std::error_code begin(const std::string& host, std::uint16_t port, const ares_settings& settings) {
    if (const std::error_code error = open(settings)) return error;
    port_ = port;
    ares_addrinfo_hints hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    ares_getaddrinfo(channel_, host.c_str(), nullptr, &hints, &ares_lookup::on_answer, this);
    set_alarm();
    return {};
  }
  [[nodiscard]] async_event& finished() noexcept { return done_; }
  [[nodiscard]] result<std::vector<asio::ip::tcp::endpoint>> take() {
    if (error_) return error_;
    return std::move(found_);
  }

 private:
  // A socket of the channel's, which closes it itself.
  struct watched {
    watched(asio::io_context& loop, int socket) : descriptor{loop, socket} {}
    asio::posix::basic_stream_descriptor<io_executor> descriptor;
    bool wanted[2]{};   // readable, writable
    bool waiting[2]{};  // for the same
  };

  [[nodiscard]] std::error_code open(const ares_settings& settings) {
    static const int unusable = ares_library_init(ARES_LIB_INIT_ALL);  // once, and never undone
    if (unusable != ARES_SUCCESS) return errc::resolve_failed;
    ares_options options{};
    int given = ARES_OPT_SOCK_STATE_CB;
    options.sock_state_cb = &ares_lookup::on_state;
    options.sock_state_cb_data = this;
    if (settings.first_timeout.count() > 0) {
      options.timeout = static_cast<int>(settings.first_timeout.count());
      given |= ARES_OPT_TIMEOUTMS;
    }
    if (settings.tries > 0) {
      options.tries = settings.tries;
      given |= ARES_OPT_TRIES;
    }
    int status = ares_init_options(&channel_, &options, given);
    if (status != ARES_SUCCESS) channel_ = nullptr;
    if (status == ARES_SUCCESS && !settings.servers.empty())
      status = ares_set_servers_ports_csv(channel_, settings.servers.c_str());
    return error_of_ares(status);
  }

  static void on_answer(void* self, int status, int, ares_addrinfo* answer) {
    static_cast<ares_lookup*>(self)->finish(status, answer);
  }
  void finish(int status, ares_addrinfo* answer) {
    const std::unique_ptr<ares_addrinfo, decltype(&ares_freeaddrinfo)> owned{answer, &ares_freeaddrinfo};
    if (over_) return;
    error_ = error_of_ares(status);
    if (!error_ && answer != nullptr) {
      for (const ares_addrinfo_node* node = answer->nodes; node != nullptr; node = node->ai_next) add(*node);
    }
    if (!error_ && found_.empty()) error_ = errc::host_not_found;
    done_.notify();
  }
  void add(const ares_addrinfo_node& node) {
    asio::ip::tcp::endpoint address;
    if (node.ai_addrlen > address.capacity()) return;
    address.resize(node.ai_addrlen);
    std::memcpy(address.data(), node.ai_addr, node.ai_addrlen);
    address.port(port_);
    found_.push_back(address);
  }

  static void on_state(void* self, ares_socket_t socket, int readable, int writable) {
    static_cast<ares_lookup*>(self)->watch(socket, readable != 0, writable != 0);
  }
  void watch(int socket, bool readable, bool writable) {
    const auto known = sockets_.find(socket);
    if (!readable && !writable) {
      if (known == sockets_.end()) return;
      known->second->descriptor.release();  // it is about to be closed; what waits for it ends as cancelled
      sockets_.erase(known);
      return;
    }
    if (over_) return;
    const auto& entry =
        known != sockets_.end()
            ? known->second
            : sockets_.emplace(socket, std::make_shared<watched>(timers_.context(), socket)).first->second;
    entry->wanted[0] = readable;
    entry->wanted[1] = writable;
    wait(socket, entry, 0);
    wait(socket, entry, 1);
  }

  void wait(int socket, const std::shared_ptr<watched>& entry, int direction) {
    if (!entry->wanted[direction] || std::exchange(entry->waiting[direction], true)) return;
    using base = asio::posix::descriptor_base;
    entry->descriptor.async_wait(direction == 0 ? base::wait_read : base::wait_write,
                                 [this, alive = std::weak_ptr{entry}, socket, direction](std::error_code error) {
                                   // an entry lives no longer than its socket, and the sockets no longer than this
                                   const auto still = alive.lock();
                                   if (!still || error) return;
                                   still->waiting[direction] = false;
                                   process(direction == 0 ? socket : ARES_SOCKET_BAD,
                                           direction == 1 ? socket : ARES_SOCKET_BAD);
                                   const auto known = sockets_.find(socket);
                                   if (known != sockets_.end() && known->second == still)
                                     wait(socket, still, direction);
                                 });
  }

  void process(ares_socket_t readable, ares_socket_t writable) {
    ares_process_fd(channel_, readable, writable);
    set_alarm();
  }
  // For the next try.
  void set_alarm() {
    timeval left{};
    if (ares_timeout(channel_, nullptr, &left) == nullptr) return alarm_ = {}, void();
    const auto wait = std::chrono::seconds{left.tv_sec} + std::chrono::microseconds{left.tv_usec};
    // c-ares has its own idea of the time: a little later is due for certain
    alarm_ =
        timers_.call_after(wait + std::chrono::milliseconds{1}, [this] { process(ARES_SOCKET_BAD, ARES_SOCKET_BAD); });
  }

  timer_queue& timers_;
  async_event done_;
  ares_channel channel_{nullptr};
  std::map<int, std::shared_ptr<watched>> sockets_;
  timer alarm_;
  std::uint16_t port_{0};
  bool over_{false};
  std::error_code error_;
  std::vector<asio::ip::tcp::endpoint> found_;
};

/// The addresses of `host` in the order to try them; errc::timeout after `patience`.
[[nodiscard]] inline task<result<std::vector<asio::ip::tcp::endpoint>>> look_up_with_ares(
    timer_queue& timers, std::string host, std::uint16_t port, steady_time::duration patience, ares_settings settings) {
  ares_lookup lookup{timers};
  const timer limit = timers.call_after(patience, [&lookup] { lookup.finished().notify(errc::timeout); });
  if (const auto error = lookup.begin(host, port, settings)) co_return error;
  const std::error_code failed = co_await lookup.finished().wait();
  if (failed) co_return failed;
  co_return lookup.take();
}

}  // namespace foxtrot::inline v0::detail
#endif

// foxtrot/net/detail/resolver_threads.hpp: the process's threads for name look-ups that block.

namespace foxtrot::inline v0::detail {

/// A look-up that a thread may take. It must outlive neither its asker nor its thread: both hold it.
struct blocking_lookup {
  std::string host;
  std::function<void()> run;  // on a resolver thread; must not throw
};

// Any thread. Its threads come with the work and go with it; exit() leaves both them and this alone.
class resolver_threads {
 public:
  /// How many hosts may be stuck before the next has to wait for one of them. A host that is being looked up is not
  /// looked up by a second thread, so one that sticks keeps one thread, however often it is asked for again.
  static constexpr std::size_t most = 4;

  [[nodiscard]] static resolver_threads& of_process() { return immortal<resolver_threads>(); }

  /// The system's error where no thread could be made and there is none that would come to it.
  [[nodiscard]] std::error_code add(std::shared_ptr<blocking_lookup> wanted) {
    const std::lock_guard lock{mutex_};
    waiting_.push_back(std::move(wanted));
    const std::size_t idle = threads_ - hosts_.size();  // made and on their way to take what waits
    if (threads_ == most || waiting_.size() <= idle || !is_free(waiting_.back()->host)) return {};
    const std::error_code failed = start_thread();
    if (!failed || threads_ != 0) return {};
    waiting_.pop_back();
    return failed;
  }
  /// Nobody waits for it any more: if it has not begun it never will.
  void forget(const std::shared_ptr<blocking_lookup>& unwanted) noexcept {
    const std::lock_guard lock{mutex_};
    std::erase(waiting_, unwanted);
  }

  /// The hosts that are being looked up.
  [[nodiscard]] std::vector<std::string> hosts() const {
    const std::lock_guard lock{mutex_};
    return hosts_;
  }
  [[nodiscard]] std::size_t running() const {
    const std::lock_guard lock{mutex_};
    return hosts_.size();
  }

 private:
  [[nodiscard]] bool is_free(const std::string& host) const {
    return std::find(hosts_.begin(), hosts_.end(), host) == hosts_.end();
  }

  // All signals are blocked in them, so that they are left to the threads that expect them.
  [[nodiscard]] std::error_code start_thread() {
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    std::error_code error;
    try {
      std::thread{[this] { work(); }}.detach();
      ++threads_;
    } catch (const std::system_error& failure) {
      error = failure.code();
    }
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    return error;
  }

  void work() {
    name_this_thread("foxtrot-resolver");
    std::unique_lock lock{mutex_};
    while (true) {
      const auto next =
          std::find_if(waiting_.begin(), waiting_.end(), [this](const auto& one) { return is_free(one->host); });
      if (next == waiting_.end()) break;
      const auto taken = std::move(*next);
      waiting_.erase(next);
      hosts_.push_back(taken->host);
      lock.unlock();
      taken->run();
      lock.lock();
      hosts_.erase(std::find(hosts_.begin(), hosts_.end(), taken->host));
    }
    --threads_;
  }

  mutable std::mutex mutex_;
  std::deque<std::shared_ptr<blocking_lookup>> waiting_;
  std::vector<std::string> hosts_;
  std::size_t threads_{0};
};

}  // namespace foxtrot::inline v0::detail

namespace foxtrot::inline v0 {

using endpoints = std::vector<asio::ip::tcp::endpoint>;

/// Turns a name into addresses and may block for as long as it likes. A seam: tests give one that fails or never
/// returns.
using lookup_function = std::function<result<endpoints>(const std::string& host, std::uint16_t port)>;

/// getaddrinfo, IPv4 and IPv6 in the system's order of preference. errc::host_not_found: there is no such name;
/// errc::resolve_failed: the name service did not answer.
[[nodiscard]] inline result<endpoints> system_lookup(const std::string& host, std::uint16_t port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_ADDRCONFIG;
  addrinfo* found = nullptr;
  const int failed = ::getaddrinfo(host.c_str(), nullptr, &hints, &found);
  if (failed == EAI_NONAME || failed == EAI_NODATA) return errc::host_not_found;
  if (failed == EAI_SYSTEM && errno != 0) return std::error_code{errno, std::system_category()};
  if (failed != 0) return errc::resolve_failed;
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owned{found, &::freeaddrinfo};
  endpoints all;
  for (const addrinfo* entry = found; entry != nullptr; entry = entry->ai_next) {
    asio::ip::tcp::endpoint address;
    if (entry->ai_addrlen > address.capacity()) continue;
    address.resize(entry->ai_addrlen);
    std::memcpy(address.data(), entry->ai_addr, entry->ai_addrlen);
    address.port(port);
    all.push_back(address);
  }
  if (all.empty()) return errc::host_not_found;
  return all;
}

namespace detail {

// What a lookup's thread and the coroutine that waits for it share; whoever comes last frees it.
struct lookup_job : blocking_lookup, private live_object<lookup_job> {
  std::mutex mutex;
  asio::io_context* loop{nullptr};  // guarded by mutex; null once nobody waits
  async_event* done{nullptr};       // loop thread only; valid while `loop` is set
  endpoints found;                  // written before the loop is told
  std::error_code error;
};

inline void run_lookup(const std::shared_ptr<lookup_job>& job, const lookup_function& lookup,
                       std::uint16_t port) noexcept {
  try {
    auto answer = lookup(job->host, port);
    if (answer)
      job->found = std::move(*answer);
    else
      job->error = answer.error();
  } catch (...) {
    job->error = errc::resolve_failed;
  }
  const std::lock_guard lock{job->mutex};
  if (job->loop == nullptr) return;
  asio::post(*job->loop, [job] {
    if (job->done != nullptr) job->done->notify();
  });
}

// Takes the waiting coroutine out of the job, however it ends.
struct lookup_waiter {
  explicit lookup_waiter(std::shared_ptr<lookup_job> under_way) : job{std::move(under_way)} {}
  lookup_waiter(const lookup_waiter&) = delete;
  lookup_waiter& operator=(const lookup_waiter&) = delete;
  ~lookup_waiter() {
    resolver_threads::of_process().forget(job);
    const std::lock_guard lock{job->mutex};
    job->loop = nullptr;
    job->done = nullptr;
  }

  std::shared_ptr<lookup_job> job;
};

[[nodiscard]] inline task<result<endpoints>> look_up_on_thread(timer_queue& timers, std::string host,
                                                               std::uint16_t port, steady_time::duration patience,
                                                               lookup_function lookup) {
  const auto job = std::make_shared<lookup_job>();
  async_event done{timers.context()};
  job->host = std::move(host);
  job->loop = &timers.context();
  job->done = &done;
  // weak: the job holds this; whoever runs it holds the job
  job->run = [weak = std::weak_ptr{job}, lookup = std::move(lookup), port] {
    if (const auto alive = weak.lock()) run_lookup(alive, lookup, port);
  };
  const lookup_waiter waiting{job};
  const timer limit = timers.call_after(patience, [&done] { done.notify(errc::timeout); });
  if (const auto error = resolver_threads::of_process().add(job)) co_return error;
  if (const auto error = co_await done.wait()) co_return error;
  if (job->error) co_return job->error;
  co_return std::move(job->found);
}

// True for the default, which what is better may stand in for.
[[nodiscard]] inline bool is_system_lookup(const lookup_function& lookup) {
  using plain = result<endpoints> (*)(const std::string&, std::uint16_t);
  const plain* const target = lookup.target<plain>();
  return target != nullptr && *target == &system_lookup;
}

}  // namespace detail

/// Lookups whose thread has not returned: what a shutdown names but does not wait for. Any thread.
[[nodiscard]] inline std::size_t lookups_under_way() { return detail::resolver_threads::of_process().running(); }
/// The names they are stuck at. Any thread.
[[nodiscard]] inline std::vector<std::string> hosts_under_way() {
  return detail::resolver_threads::of_process().hosts();
}

/// The addresses of `host`, at least one; errc::timeout after `patience`. Numeric addresses are answered at once. With
/// FOXTROT_WITH_CARES, and unless a `lookup` of one's own is given, c-ares asks from within the event loop; it reads
/// /etc/hosts and /etc/resolv.conf but no other source of names that the system may have.
///
/// Otherwise `lookup` runs on a thread of the process's own, "foxtrot-resolver": one as a rule. The system's cannot be
/// interrupted: who times out or is cancelled leaves it behind, and no shutdown waits for it. Then another thread takes
/// what is asked next, up to four in all; a host that one of them is stuck at is not asked for by another. Beyond that
/// a look-up waits for a thread, as long as its patience lasts.
[[nodiscard]] inline task<result<endpoints>> resolve(timer_queue& timers, std::string host, std::uint16_t port,
                                                     steady_time::duration patience = std::chrono::seconds{10},
                                                     lookup_function lookup = system_lookup) {
  std::error_code not_numeric;
  const auto address = asio::ip::make_address(host, not_numeric);
  if (!not_numeric) {
    endpoints only;
    only.emplace_back(address, port);
    co_return result<endpoints>{std::move(only)};
  }
#ifdef FOXTROT_WITH_CARES
  if (detail::is_system_lookup(lookup)) {
    detail::ares_settings as_configured;
    co_return co_await detail::look_up_with_ares(timers, std::move(host), port, patience, std::move(as_configured));
  }
#endif
  co_return co_await detail::look_up_on_thread(timers, std::move(host), port, patience, std::move(lookup));
}

}  // namespace foxtrot::inline v0

// foxtrot/net/tcp_stream.hpp: a TCP connection that never blocks and never raises SIGPIPE.

namespace foxtrot::inline v0 {

struct tcp_settings {
  bool no_delay{true};                ///< requests are small and must not wait for an acknowledgement
  std::optional<int> receive_buffer;  ///< SO_RCVBUF in bytes, set before connecting; the kernel's own tuning otherwise
};

/// Owns the socket. One thread: the loop's.
class tcp_stream : private live_object<tcp_stream> {
 public:
  using socket = asio::basic_stream_socket<asio::ip::tcp, io_executor>;

  explicit tcp_stream(asio::io_context& loop) : socket_{loop} {}
  /// Takes over a connected socket, as a server does.
  explicit tcp_stream(socket accepted, const tcp_settings& settings = {}) : socket_{std::move(accepted)} {
    std::error_code ignored;  // the options are wishes; a dead socket shows at the first read
    set_options(settings, ignored);
  }

  /// Connects to one address, however long that takes. `close` ends the wait, and so does cancellation:
  /// errc::cancelled.
  [[nodiscard]] task<std::error_code> connect(asio::ip::tcp::endpoint where, tcp_settings settings = {}) {
    std::error_code error;
    close();
    socket_.open(where.protocol(), error);
    if (!error) set_options(settings, error);
    if (error) co_return detail::from_asio(error);
    connecting_ = std::make_shared<char>();
    const std::weak_ptr<char> alive{connecting_};
    co_await socket_.async_connect(where, asio::redirect_error(use_task, error));
    if (!error && alive.expired()) error = asio::error::operation_aborted;
    if (!error) error = watch_reading_only(where.protocol());
    co_return detail::from_asio(error);
  }

  [[nodiscard]] io_result read_some(std::span<char> into) noexcept {
    if (!socket_.is_open()) return {0, errc::closed};
    while (true) {
      const ssize_t count = ::recv(handle(), into.data(), into.size(), 0);
      if (count > 0) {
        drained_ = static_cast<std::size_t>(count) < into.size();
        return {static_cast<std::size_t>(count), {}};
      }
      if (count == 0) return {0, into.empty() ? std::error_code{} : make_error_code(errc::closed)};
      if (errno != EINTR) return {0, last_error()};
    }
  }

  [[nodiscard]] io_result write_some(std::span<const char> from) noexcept {
    if (!socket_.is_open()) return {0, errc::closed};
    while (true) {
      const ssize_t count = ::send(handle(), from.data(), from.size(), MSG_NOSIGNAL);
      if (count >= 0) return {static_cast<std::size_t>(count), {}};
      if (errno != EINTR) return {0, last_error()};
    }
  }

  /// Holds nothing back.
  [[nodiscard]] std::error_code flush() noexcept { return {}; }

  [[nodiscard]] task<std::error_code> wait_readable() { return wait(socket::wait_read); }
  [[nodiscard]] task<std::error_code> wait_writable() { return wait(socket::wait_write); }

  void close() noexcept {
    std::error_code ignored;
    socket_.close(ignored);
    drained_ = false;
  }

  /// Closes with a reset (RST) instead of the orderly end (FIN).
  void reset() noexcept {
    std::error_code ignored;
    if (socket_.is_open()) socket_.set_option(asio::socket_base::linger{true, 0}, ignored);
    close();
  }

  /// Ends our direction only: the peer reads to the end, and may still send.
  void shutdown_write() noexcept {
    std::error_code ignored;
    if (socket_.is_open()) socket_.shutdown(asio::socket_base::shutdown_send, ignored);
  }

  [[nodiscard]] std::size_t buffered() const noexcept { return 0; }
  [[nodiscard]] bool drained() const noexcept { return drained_; }
  [[nodiscard]] bool is_open() const noexcept { return socket_.is_open(); }
  [[nodiscard]] int native_handle() noexcept { return socket_.is_open() ? handle() : -1; }
  [[nodiscard]] io_executor get_executor() noexcept { return socket_.get_executor(); }

 private:
  [[nodiscard]] int handle() noexcept { return socket_.native_handle(); }

  [[nodiscard]] static std::error_code last_error() noexcept {
    if (errno == EAGAIN || errno == EWOULDBLOCK) return errc::would_block;
    return {errno, std::system_category()};
  }

  void set_options(const tcp_settings& settings, std::error_code& error) {
    socket_.non_blocking(true, error);
    if (!error && settings.no_delay) socket_.set_option(asio::ip::tcp::no_delay{true}, error);
    if (!error && settings.receive_buffer) {
      socket_.set_option(asio::socket_base::receive_buffer_size{*settings.receive_buffer}, error);
    }
  }

  // A socket that Asio has connected stays watched for writing: each wait to read would wake the loop once for nothing.
  // Registered afresh it is watched for reading alone.
  [[nodiscard]] std::error_code watch_reading_only(asio::ip::tcp protocol) {
    std::error_code error;
    const int taken_out = socket_.release(error);
    if (error) return error;
    socket_.assign(protocol, taken_out, error);
    if (error) ::close(taken_out);
    if (!error) socket_.non_blocking(true, error);
    return error;
  }

  [[nodiscard]] task<std::error_code> wait(socket::wait_type what) {
    if (!socket_.is_open()) co_return make_error_code(errc::closed);
    std::error_code error;
    co_await socket_.async_wait(what, asio::redirect_error(use_task, error));
    co_return detail::from_asio(error);  // nothing of *this from here on: it may be gone
  }

  socket socket_;
  std::shared_ptr<char> connecting_;  // lets a coroutine in `connect` see whether the stream is still there
  bool drained_{false};
};

static_assert(buffered_stream<tcp_stream>);

}  // namespace foxtrot::inline v0

// foxtrot/net/tls_context.hpp: what TLS connections have in common: whom to trust, which versions, which certificate.

// foxtrot/net/detail/tls_session_store.hpp: TLS sessions that the next connection to the same server may resume.

namespace foxtrot::inline v0::detail {

struct free_tls_session {
  void operator()(SSL_SESSION* session) const noexcept { SSL_SESSION_free(session); }
};
using tls_session = std::unique_ptr<SSL_SESSION, free_tls_session>;

/// The newest few sessions of each server. Each is given out once: a ticket used twice would tell an observer that both
/// connections are the same client's (RFC 8446 appendix C.4). Any thread.
class tls_session_store : private live_object<tls_session_store> {
 public:
  static constexpr std::size_t per_server = 4;
  static constexpr std::size_t in_total = 64;

  void put(std::string_view server, tls_session session) {
    const std::lock_guard lock{mutex_};
    const auto of_server = [server](const entry& kept) { return kept.server == server; };
    // the oldest stand first
    if (std::count_if(kept_.begin(), kept_.end(), of_server) == per_server) {
      kept_.erase(std::find_if(kept_.begin(), kept_.end(), of_server));
    } else if (kept_.size() == in_total) {
      kept_.erase(kept_.begin());
    }
    kept_.push_back({std::string{server}, std::move(session)});
  }

  /// The newest one that has not expired, or nothing.
  [[nodiscard]] tls_session take(std::string_view server) {
    const std::lock_guard lock{mutex_};
    const std::time_t now = std::time(nullptr);  // sessions carry the wall clock's time
    std::erase_if(kept_, [now](const entry& kept) { return expired(*kept.session, now); });
    const auto newest =
        std::find_if(kept_.rbegin(), kept_.rend(), [server](const entry& kept) { return kept.server == server; });
    if (newest == kept_.rend()) return nullptr;
    tls_session taken = std::move(newest->session);
    kept_.erase(std::next(newest).base());
    return taken;
  }

  [[nodiscard]] std::size_t size() const {
    const std::lock_guard lock{mutex_};
    return kept_.size();
  }

 private:
  struct entry {
    std::string server;
    tls_session session;
  };

  [[nodiscard]] static bool expired(const SSL_SESSION& session, std::time_t now) noexcept {
    return SSL_SESSION_get_time(&session) + SSL_SESSION_get_timeout(&session) <= now ||
           SSL_SESSION_is_resumable(&session) != 1;
  }

  mutable std::mutex mutex_;
  std::vector<entry> kept_;
};

/// Where the sessions of one connection go; OpenSSL carries its address.
struct tls_session_target {
  tls_session_store* store{nullptr};
  std::string server{};
};

/// OpenSSL's new-session callback: TLS 1.3 tickets arrive while the connection is being read.
inline int keep_tls_session(SSL* ssl, SSL_SESSION* session) noexcept {
  const auto* const target = static_cast<const tls_session_target*>(SSL_get_app_data(ssl));
  if (target == nullptr || target->store == nullptr || target->server.empty()) return 0;
  try {
    target->store->put(target->server, tls_session{session});
  } catch (...) {  // no memory: `put` has freed it, and the next handshake is a full one
  }
  return 1;  // it is ours
}

}  // namespace foxtrot::inline v0::detail

namespace foxtrot::inline v0 {

enum class tls_role : std::uint8_t { client, server };
enum class tls_version : std::uint8_t { tls_1_2, tls_1_3 };

struct tls_settings {
  tls_role role{tls_role::client};
  bool verify{true};      ///< client: check chain and host name; off for experiments only
  std::string ca_file{};  ///< PEM file of trusted authorities
  std::string ca_pem{};   ///< the same as text; with neither, the system's authorities
  tls_version min_version{tls_version::tls_1_2};
  tls_version max_version{tls_version::tls_1_3};
  std::vector<std::string> alpn{};  ///< protocols to offer, in order of preference; client only
  bool resume{true};                ///< client: a later connection to the same server takes up the session
  std::string certificate_pem{};    ///< server: its certificate, then those in between; text
  std::string key_pem{};            ///< server: the private key; text
};

/// A shared SSL_CTX and the sessions of its clients: copies are cheap and may be used by several threads at once.
class tls_context : private live_object<tls_context> {
 public:
  /// errc::certificate_unreadable for PEM that cannot be read or a key that does not fit, errc::bad_argument for the
  /// rest.
  [[nodiscard]] static result<tls_context> make(const tls_settings& settings) {
    if (!detail::init_openssl() || settings.min_version > settings.max_version) return errc::bad_argument;
    const bool client = settings.role == tls_role::client;
    tls_context made{SSL_CTX_new(client ? TLS_client_method() : TLS_server_method()), settings};
    if (!made.native_) return refused(errc::bad_argument);
    SSL_CTX* native = made.native_.get();
    SSL_CTX_set_options(native, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_mode(native, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    if (SSL_CTX_set_min_proto_version(native, number_of(settings.min_version)) != 1 ||
        SSL_CTX_set_max_proto_version(native, number_of(settings.max_version)) != 1) {
      return refused(errc::bad_argument);
    }
    const auto error = client ? made.prepare_client(settings) : made.prepare_server(settings);
    if (error) return refused(error);
    return made;
  }

  [[nodiscard]] SSL_CTX* native() const noexcept { return native_.get(); }
  [[nodiscard]] tls_role role() const noexcept { return role_; }
  [[nodiscard]] bool verifies() const noexcept { return verify_; }
  /// Sessions kept for later connections: a few for each server, in memory only.
  [[nodiscard]] std::size_t sessions() const { return sessions_ ? sessions_->size() : 0; }
  /// Null where nothing is resumed.
  [[nodiscard]] detail::tls_session_store* session_store() const noexcept { return sessions_.get(); }

 private:
  struct release {
    void operator()(BIO* bio) const noexcept { BIO_free(bio); }
    void operator()(X509* certificate) const noexcept { X509_free(certificate); }
    void operator()(EVP_PKEY* key) const noexcept { EVP_PKEY_free(key); }
  };
  template <class T>
  using owned = std::unique_ptr<T, release>;

  tls_context(SSL_CTX* native, const tls_settings& settings)
      : native_{native, &SSL_CTX_free}, role_{settings.role}, verify_{settings.verify} {}

  [[nodiscard]] static int number_of(tls_version version) noexcept {
    return version == tls_version::tls_1_2 ? TLS1_2_VERSION : TLS1_3_VERSION;
  }

  // Nothing of a failed attempt stays in the thread's error queue.
  [[nodiscard]] static std::error_code refused(std::error_code error) noexcept {
    ERR_clear_error();
    return error;
  }

  [[nodiscard]] static owned<BIO> reader(const std::string& pem) {
    return owned<BIO>{BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()))};
  }

  [[nodiscard]] std::error_code prepare_client(const tls_settings& settings) {
    SSL_CTX* native = native_.get();
    SSL_CTX_set_verify(native, verify_ ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nullptr);
    if (!settings.ca_file.empty() && SSL_CTX_load_verify_file(native, settings.ca_file.c_str()) != 1) {
      return errc::certificate_unreadable;
    }
    if (!settings.ca_pem.empty() && !trust(settings.ca_pem)) return errc::certificate_unreadable;
    if (settings.ca_file.empty() && settings.ca_pem.empty() && SSL_CTX_set_default_verify_paths(native) != 1) {
      return errc::certificate_unreadable;
    }
    std::string wire;
    for (const std::string& protocol : settings.alpn) {
      if (protocol.empty() || protocol.size() > 255) return errc::bad_argument;
      wire += static_cast<char>(protocol.size());
      wire += protocol;
    }
    const auto* bytes = reinterpret_cast<const unsigned char*>(wire.data());
    if (!wire.empty() && SSL_CTX_set_alpn_protos(native, bytes, static_cast<unsigned>(wire.size())) != 0) {
      return errc::bad_argument;
    }
    if (settings.resume) {
      sessions_ = std::make_shared<detail::tls_session_store>();
      SSL_CTX_set_session_cache_mode(native, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
      SSL_CTX_sess_set_new_cb(native, &detail::keep_tls_session);
    }
    return {};
  }

  [[nodiscard]] bool trust(const std::string& pem) {
    const owned<BIO> in = reader(pem);
    std::size_t count = 0;
    while (const owned<X509> authority{in ? PEM_read_bio_X509(in.get(), nullptr, nullptr, nullptr) : nullptr}) {
      if (X509_STORE_add_cert(SSL_CTX_get_cert_store(native_.get()), authority.get()) != 1) return false;
      ++count;
    }
    const bool reached_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
    ERR_clear_error();
    return count != 0 && reached_end;
  }

  [[nodiscard]] std::error_code prepare_server(const tls_settings& settings) {
    SSL_CTX* native = native_.get();
    SSL_CTX_set_verify(native, SSL_VERIFY_NONE, nullptr);  // clients show no certificate
    const owned<BIO> chain = reader(settings.certificate_pem);
    const owned<X509> own{chain ? PEM_read_bio_X509(chain.get(), nullptr, nullptr, nullptr) : nullptr};
    if (!own || SSL_CTX_use_certificate(native, own.get()) != 1) return errc::certificate_unreadable;
    while (owned<X509> between{PEM_read_bio_X509(chain.get(), nullptr, nullptr, nullptr)}) {
      if (SSL_CTX_add0_chain_cert(native, between.get()) != 1) return errc::certificate_unreadable;
      (void)between.release();  // the context owns it now
    }
    ERR_clear_error();
    const owned<BIO> secret = reader(settings.key_pem);
    const owned<EVP_PKEY> key{secret ? PEM_read_bio_PrivateKey(secret.get(), nullptr, nullptr, nullptr) : nullptr};
    if (!key || SSL_CTX_use_PrivateKey(native, key.get()) != 1) return errc::certificate_unreadable;
    return {};
  }

  std::shared_ptr<SSL_CTX> native_;
  std::shared_ptr<detail::tls_session_store> sessions_;
  tls_role role_;
  bool verify_;
};

}  // namespace foxtrot::inline v0

// foxtrot/net/tls_stream.hpp: TLS over TCP, or any stream of bytes, as client or server.

// foxtrot/net/detail/tls_engine.hpp: OpenSSL between two byte buffers; it never sees the socket.

namespace foxtrot::inline v0::detail {

struct tls_step {
  enum class outcome : std::uint8_t { done, want_read, want_write, closed, failed };
  outcome result{outcome::done};
  std::size_t bytes{0};
};

/// One connection's SSL object, the ciphertext received for it and the ciphertext it wants sent. OpenSSL takes the
/// first straight out of the receive buffer: an own BIO saves the copy that a memory BIO makes. Neither copied nor
/// moved, because OpenSSL holds its address. One thread.
class tls_engine : private live_object<tls_engine> {
 public:
  // One read of the socket may bring so much: where much waits, fewer and larger reads save a tenth of the time that
  // 64 KiB at once take. Pages that a quiet connection never fills are never touched.
  static constexpr std::size_t receive_size = 256 * 1024;
  static constexpr std::size_t unsent_limit = 64 * 1024;
  static constexpr std::size_t record_payload = 16 * 1024;  // RFC 8446 section 5.1
  static constexpr std::size_t record_overhead = 256;       // RFC 8446 section 5.2: header, tag and padding of a record

  explicit tls_engine(const tls_context& context) : context_{context}, ssl_{SSL_new(context.native())} {
    out_.reserve(4096);
    BIO* bio = ssl_ ? BIO_new(method()) : nullptr;
    if (bio == nullptr) {
      ssl_.reset();
      return;
    }
    BIO_set_data(bio, this);
    BIO_set_init(bio, 1);
    SSL_set_bio(ssl_.get(), bio, bio);  // takes the one reference
    SSL_set_read_ahead(ssl_.get(), 1);  // see bio_read
    SSL_set_app_data(ssl_.get(), &target_);
    context.role() == tls_role::client ? SSL_set_connect_state(ssl_.get()) : SSL_set_accept_state(ssl_.get());
  }
  tls_engine(const tls_engine&) = delete;
  tls_engine& operator=(const tls_engine&) = delete;
  /// OpenSSL would make the session of a connection that was dropped unfit for resumption, which is the very one that a
  /// reconnect wants (RFC 8446 does not ask for that any more).
  ~tls_engine() {
    if (ssl_) SSL_set_shutdown(native(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
  }

  [[nodiscard]] bool valid() const noexcept { return ssl_ != nullptr; }
  [[nodiscard]] SSL* native() const noexcept { return ssl_.get(); }
  [[nodiscard]] const tls_context& context() const noexcept { return context_; }

  /// Whom the certificate must name: as a DNS name, also sent as SNI, or as an address. The common name does not count.
  [[nodiscard]] bool expect(const std::string& host) {
    X509_VERIFY_PARAM* rules = SSL_get0_param(native());
    if (X509_VERIFY_PARAM_set1_ip_asc(rules, host.c_str()) == 1) return true;
    ERR_clear_error();
    X509_VERIFY_PARAM_set_hostflags(rules, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
    return X509_VERIFY_PARAM_set1_host(rules, host.data(), host.size()) == 1 &&
           SSL_set_tlsext_host_name(native(), host.c_str()) == 1;
  }

  /// Offers the newest session of this server, if there is one, and keeps those that it sends. `server` tells apart
  /// whoever may have different tickets; only ever sessions of the same `expect`ed name may share it.
  void resume(std::string server) {
    target_ = {context_.session_store(), std::move(server)};
    if (target_.store == nullptr) return;
    if (const tls_session known = target_.store->take(target_.server)) {
      if (SSL_set_session(native(), known.get()) != 1) ERR_clear_error();
    }
  }
  [[nodiscard]] bool resumed() const noexcept { return SSL_session_reused(native()) == 1; }

  [[nodiscard]] tls_step handshake() {
    forget_errors();
    const tls_step step = judge(SSL_do_handshake(native()), 0);
    readable_ = has_record();
    if (step.result == tls_step::outcome::done) keep_resumed_session();
    return step;
  }
  [[nodiscard]] tls_step read(std::span<char> into) noexcept {
    std::size_t count = 0;
    const int returned = SSL_read_ex(native(), into.data(), into.size(), &count);
    // a record is left half read only where the room was too small for it
    readable_ = (count == into.size() && SSL_pending(native()) > 0) || has_record();
    return judge(returned, count);
  }
  /// Encrypts a prefix of at most one record. The room has been checked, so this never stops half-way.
  [[nodiscard]] tls_step write(std::span<const char> from) noexcept {
    forget_errors();
    std::size_t count = 0;
    const int returned = SSL_write_ex(native(), from.data(), std::min(from.size(), room()), &count);
    return judge(returned, count);
  }
  /// Queues close_notify.
  void shut() noexcept {
    forget_errors();
    if (SSL_is_init_finished(native()) == 1) (void)SSL_shutdown(native());
    ERR_clear_error();
  }

  /// Why the peer's certificate did not pass, or why the handshake failed otherwise.
  [[nodiscard]] std::error_code handshake_error() const noexcept {
    const long verdict = context_.verifies() ? SSL_get_verify_result(native()) : X509_V_OK;
    switch (verdict) {
      case X509_V_OK: return errc::tls_handshake_failed;
      case X509_V_ERR_HOSTNAME_MISMATCH:
      case X509_V_ERR_IP_ADDRESS_MISMATCH: return errc::certificate_host_mismatch;
      case X509_V_ERR_CERT_HAS_EXPIRED: return errc::certificate_expired;
      case X509_V_ERR_CERT_NOT_YET_VALID: return errc::certificate_not_yet_valid;
      case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
      case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
      case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
      case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
      case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
      case X509_V_ERR_CERT_UNTRUSTED: return errc::certificate_unknown_authority;
      default: return errc::certificate_rejected;
    }
  }

  // Received ciphertext.
  /// True where `read` may find something without another read of the socket: all of a record, or of its rest, or a
  /// header that promises more than a record can hold.
  [[nodiscard]] bool readable() const noexcept { return readable_; }
  /// Ciphertext that OpenSSL has not taken yet, in bytes.
  [[nodiscard]] std::size_t undecrypted() const noexcept { return in_end_ - in_begin_; }
  /// Free space: everything but the part of a record that may be left from before, 64 KiB at most.
  [[nodiscard]] std::span<char> receive_space() noexcept {
    forget_errors();  // what handlers of earlier records left: once for each read of the socket, not for each record
    if (in_begin_ != 0) std::memmove(in_.data(), in_.data() + in_begin_, undecrypted());
    in_end_ -= std::exchange(in_begin_, 0);
    return std::span{in_}.subspan(in_end_);
  }
  void received(std::size_t count) noexcept {
    in_end_ += count;
    readable_ = readable_ || has_record();
  }

  // Ciphertext to send.
  [[nodiscard]] std::span<const char> unsent() const noexcept { return std::span{out_}.subspan(out_begin_); }
  void sent(std::size_t count) noexcept {
    out_begin_ += count;
    if (out_begin_ == out_.size()) {
      out_.clear();
      out_begin_ = 0;
    }
  }
  /// Plaintext that can be encrypted now so that what waits to be sent stays within the bound.
  [[nodiscard]] std::size_t room() const noexcept {
    const std::size_t waiting = unsent().size() + record_overhead;
    return waiting >= unsent_limit ? 0 : std::min(unsent_limit - waiting, record_payload);
  }

 private:
  struct free_ssl {
    void operator()(SSL* ssl) const noexcept { SSL_free(ssl); }
  };

  // What somebody else on this thread left in OpenSSL's error queue would be taken for our own failure.
  static void forget_errors() noexcept {
    if (ERR_peek_error() != 0) ERR_clear_error();
  }

  // SSL_get_error would look at the error queue first, and find there what is not about this connection. The BIO knows
  // whether it was what stopped OpenSSL; and after a fatal alert, either side's, the handshake is not finished any
  // more.
  [[nodiscard]] tls_step judge(int returned, std::size_t bytes) noexcept {
    using enum tls_step::outcome;
    const bool starved = std::exchange(starved_, false);
    const bool blocked = std::exchange(blocked_, false);
    if (returned == 1) return {done, bytes};
    if (starved) return {want_read, 0};
    if (blocked) return {want_write, 0};
    ERR_clear_error();
    const bool alive = SSL_is_init_finished(native()) == 1;
    if (alive && (SSL_get_shutdown(native()) & SSL_RECEIVED_SHUTDOWN) != 0) return {closed, 0};
    return {failed, 0};
  }

  // TLS 1.3 servers send tickets; a TLS 1.2 session that was taken up stays good for another time.
  void keep_resumed_session() {
    if (!resumed() || SSL_version(native()) >= TLS1_3_VERSION || target_.store == nullptr) return;
    target_.store->put(target_.server, tls_session{SSL_get1_session(native())});
  }

  static constexpr std::size_t record_header = 5;  // RFC 8446 section 5.1: type, version, length
  static constexpr std::size_t largest_record = record_header + record_payload + 2048;  // RFC 5246 section 6.2.3

  [[nodiscard]] bool has_record() const noexcept {
    const std::size_t awaited = record_left_ != 0 ? record_left_ : next_record();
    return awaited != 0 && (undecrypted() >= awaited || awaited > largest_record);
  }
  // Of the record that begins here, with its header; 0 where that has not arrived.
  [[nodiscard]] std::size_t next_record() const noexcept {
    if (undecrypted() < record_header) return 0;
    const auto byte = [this](std::size_t at) { return std::size_t{static_cast<unsigned char>(in_[in_begin_ + at])}; };
    return record_header + (byte(3) << 8U) + byte(4);
  }

  [[nodiscard]] static tls_engine& self(BIO* bio) noexcept { return *static_cast<tls_engine*>(BIO_get_data(bio)); }

  // With read-ahead on, OpenSSL asks for as much as it has room for, once a record instead of twice, and moves what
  // lies behind that record to the front again. It is given one record: nothing lies behind.
  static int bio_read(BIO* bio, char* into, std::size_t size, std::size_t* count) {
    tls_engine& engine = self(bio);
    *count = engine.take({into, size});
    BIO_clear_retry_flags(bio);
    engine.starved_ = *count == 0;
    if (engine.starved_) BIO_set_retry_read(bio);
    return engine.starved_ ? 0 : 1;
  }
  [[nodiscard]] std::size_t take(std::span<char> into) noexcept {
    if (record_left_ == 0) record_left_ = next_record();
    const std::size_t taken = std::min({record_left_, undecrypted(), into.size()});
    std::memcpy(into.data(), in_.data() + in_begin_, taken);
    in_begin_ += taken;
    record_left_ -= taken;
    return taken;
  }

  static int bio_write(BIO* bio, const char* from, std::size_t size, std::size_t* count) {
    tls_engine& engine = self(bio);
    BIO_clear_retry_flags(bio);
    // Only replies that the peer provokes get here with the buffer full: reading stops until it has taken some.
    engine.blocked_ = engine.unsent().size() + size > unsent_limit;
    if (engine.blocked_) {
      BIO_set_retry_write(bio);
      return 0;
    }
    try {
      if (engine.out_begin_ != 0 && engine.out_.size() + size > engine.out_.capacity()) {
        engine.out_.erase(engine.out_.begin(), engine.out_.begin() + static_cast<std::ptrdiff_t>(engine.out_begin_));
        engine.out_begin_ = 0;
      }
      engine.out_.insert(engine.out_.end(), from, from + size);
    } catch (...) {  // no memory; OpenSSL's C frames must not be unwound
      return 0;
    }
    *count = size;
    return 1;
  }

  static long bio_control(BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1 : 0; }

  [[nodiscard]] static const BIO_METHOD* method() noexcept {
    static const BIO_METHOD* const own = [] {
      BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "foxtrot");
      if (made == nullptr) return made;
      BIO_meth_set_read_ex(made, &bio_read);
      BIO_meth_set_write_ex(made, &bio_write);
      BIO_meth_set_ctrl(made, &bio_control);
      return made;
    }();
    return own;  // never freed: a thread may still use it during exit
  }

  tls_context context_;
  tls_session_target target_;
  std::unique_ptr<SSL, free_ssl> ssl_;
  std::array<char, receive_size> in_;
  std::size_t in_begin_{0};
  std::size_t in_end_{0};
  std::size_t record_left_{0};  // of the record that OpenSSL has got the beginning of
  bool starved_{false};         // the last bio_read had nothing to give
  bool blocked_{false};         // the last bio_write had no room
  bool readable_{false};        // as of the last read or receipt
  std::vector<char> out_;
  std::size_t out_begin_{0};
};

}  // namespace foxtrot::inline v0::detail

// foxtrot/net/detail/wait_either.hpp: two waits at once; the first to end ends the other.

namespace foxtrot::inline v0::detail {

// Outlives both waits: their frames point into the signals.
struct wait_race {
  explicit wait_race(asio::io_context& loop) : over{loop} {}

  async_event over;
  std::array<asio::cancellation_signal, 2> stop;
};

struct wait_race_guard {
  explicit wait_race_guard(wait_race& ending) : race{ending} {}
  wait_race_guard(const wait_race_guard&) = delete;
  wait_race_guard& operator=(const wait_race_guard&) = delete;
  ~wait_race_guard() {
    for (auto& signal : race.stop) signal.emit(asio::cancellation_type::terminal);
  }

  wait_race& race;
};

// Two plain tasks and an event: Asio's parallel groups are experimental and a lot to compile for a rare case.
[[nodiscard]] inline task<std::error_code> wait_either(task<std::error_code> one, task<std::error_code> other) {
  const io_executor executor = co_await asio::this_coro::executor;
  const auto race = std::make_shared<wait_race>(executor.context());
  const wait_race_guard ending{*race};
  const auto run = [&](task<std::error_code> work, std::size_t index) {
    auto report = [](std::shared_ptr<wait_race> in, task<std::error_code> wait) -> task<> {
      const std::error_code error = co_await std::move(wait);
      in->over.notify(error);
    };
    asio::co_spawn(executor, report(race, std::move(work)),
                   asio::bind_cancellation_slot(race->stop[index].slot(), [race](std::exception_ptr) {}));
  };
  run(std::move(one), 0);
  run(std::move(other), 1);
  const std::error_code first = co_await race->over.wait();
  co_return first;
}

}  // namespace foxtrot::inline v0::detail

namespace foxtrot::inline v0 {

/// Owns the connection. The socket is read at most 256 KiB at a time, and at most 64 KiB of ciphertext wait to be sent.
/// A moved-from stream may only be destroyed or assigned to. One thread: the loop's.
template <buffered_stream Transport>
class basic_tls_stream : private live_object<basic_tls_stream<Transport>> {
 public:
  basic_tls_stream(Transport transport, const tls_context& context)
      : state_{std::make_shared<state>(std::move(transport), context)} {}
  basic_tls_stream(basic_tls_stream&&) noexcept = default;
  basic_tls_stream& operator=(basic_tls_stream&& other) noexcept {
    if (state_) close();
    state_ = std::move(other.state_);
    return *this;
  }
  ~basic_tls_stream() {
    if (state_) close();
  }

  /// Client: `host_name` is who the server must prove to be (DNS name, sent as SNI, or address). Returns an
  /// errc::certificate_* where it does not, errc::tls_truncated where it hangs up, errc::tls_handshake_failed
  /// otherwise. No application byte moves before. A session of an earlier connection to the same `host_name` and
  /// `service` (the port, where one name stands for several servers) is taken up if the server still knows it; else the
  /// handshake is a full one. Server: both are ignored.
  [[nodiscard]] task<std::error_code> handshake(std::string host_name = {}, std::string service = {}) {
    return handshake(state_, std::move(host_name), std::move(service));
  }

  /// Decrypts one record. The end of the connection is sticky.
  [[nodiscard]] io_result read_some(std::span<char> into) noexcept { return state_->read_some(into); }
  [[nodiscard]] io_result write_some(std::span<const char> from) noexcept { return state_->write_some(from); }
  [[nodiscard]] std::error_code flush() noexcept { return state_->flush(); }
  [[nodiscard]] task<std::error_code> wait_readable() {
    if (state_->quiet()) return state_->transport.wait_readable();  // the usual case costs no coroutine of its own
    return wait_readable(state_);
  }
  [[nodiscard]] task<std::error_code> wait_writable() { return wait_writable(state_); }

  /// Sends close_notify as far as the socket takes it now; waits for nothing.
  void shutdown() noexcept {
    if (state_->usable()) state_->engine.shut();
    (void)state_->flush();
  }
  void close() noexcept {
    state_->transport.close();
    if (!state_->ended) state_->ended = errc::closed;
  }
  /// Closes with a reset (RST) instead of an orderly end.
  void reset() noexcept
    requires requires(Transport& transport) { transport.reset(); }
  {
    state_->transport.reset();
    close();
  }

  [[nodiscard]] std::size_t buffered() const noexcept {
    return state_->engine.readable() ? std::max<std::size_t>(state_->engine.undecrypted(), 1) : 0;
  }
  [[nodiscard]] bool drained() const noexcept { return state_->transport.drained(); }
  /// Ciphertext that the socket has not taken yet, in bytes.
  [[nodiscard]] std::size_t unsent() const noexcept { return state_->engine.unsent().size(); }
  [[nodiscard]] bool is_open() const noexcept { return state_->transport.is_open(); }
  [[nodiscard]] int native_handle() noexcept
    requires requires(Transport& transport) { transport.native_handle(); }
  {
    return state_->transport.native_handle();
  }
  [[nodiscard]] Transport& next_layer() noexcept { return state_->transport; }
  [[nodiscard]] SSL* native_tls() const noexcept { return state_->engine.native(); }
  /// True where the handshake took up an earlier session.
  [[nodiscard]] bool resumed() const noexcept { return state_->engine.resumed(); }
  /// "TLSv1.3".
  [[nodiscard]] std::string_view version() const noexcept { return SSL_get_version(native_tls()); }
  /// What ALPN agreed on; empty if nothing.
  [[nodiscard]] std::string_view protocol() const noexcept {
    const unsigned char* name = nullptr;
    unsigned size = 0;
    SSL_get0_alpn_selected(native_tls(), &name, &size);
    return {reinterpret_cast<const char*>(name), size};
  }

 private:
  using outcome = detail::tls_step::outcome;

  // On the heap: OpenSSL holds its address, and a waiting coroutine may outlive the stream.
  struct state {
    state(Transport connected, const tls_context& context) : transport{std::move(connected)}, engine{context} {
      if (!engine.valid()) ended = errc::tls_handshake_failed;
    }

    [[nodiscard]] bool usable() const noexcept { return proven && transport.is_open(); }
    [[nodiscard]] bool quiet() const noexcept { return !engine.readable() && engine.unsent().empty(); }

    [[nodiscard]] std::error_code receive() noexcept {
      const io_result got = transport.read_some(engine.receive_space());
      engine.received(got.bytes);
      // TCP's end where TLS did not announce one: somebody cut the connection
      return got.error == errc::closed && transport.is_open() ? make_error_code(errc::tls_truncated) : got.error;
    }

    [[nodiscard]] std::error_code flush() noexcept {
      while (!engine.unsent().empty()) {
        const io_result went = transport.write_some(engine.unsent());
        if (went.error) return went.error;
        engine.sent(went.bytes);
      }
      return {};
    }

    io_result end(std::error_code error) noexcept {
      ended = error;
      (void)flush();  // an alert, perhaps
      return {0, error};
    }

    io_result nothing_now() noexcept {
      (void)flush();  // what OpenSSL answered while it was reading
      return {0, errc::would_block};
    }

    io_result read_some(std::span<char> into) noexcept {
      if (ended || !proven) return {0, ended ? ended : make_error_code(errc::closed)};
      if (into.empty()) return {};
      replies_blocked = false;
      bool asked = false;
      while (true) {
        if (!engine.readable()) {
          if (std::exchange(asked, true)) return nothing_now();
          const std::error_code error = receive();
          if (error == errc::would_block) return nothing_now();
          if (error) return end(error);
        }
        const detail::tls_step step = engine.read(into);
        switch (step.result) {
          case outcome::done: return {step.bytes, {}};
          case outcome::want_read: break;
          case outcome::want_write: {
            const std::error_code error = flush();
            replies_blocked = error == errc::would_block;
            if (replies_blocked) return {0, error};
            if (error) return end(error);
            break;
          }
          case outcome::closed: return end(errc::closed);
          case outcome::failed: return end(errc::tls_protocol_error);
        }
      }
    }

    io_result write_some(std::span<const char> from) noexcept {
      if (!usable()) return {0, errc::closed};
      if (from.empty()) return {};
      std::error_code error = flush();
      std::size_t taken = 0;
      while (!error && taken != from.size()) {  // so no more than one record waits beside OpenSSL's own replies
        const detail::tls_step step = engine.write(from.subspan(taken));
        if (step.result == outcome::failed) error = errc::tls_protocol_error;
        if (step.result == outcome::closed) error = errc::closed;
        if (step.result != outcome::done) break;
        taken += step.bytes;
        error = flush();
      }
      if (taken != 0 || error) return {taken, taken != 0 ? std::error_code{} : error};
      return {0, errc::would_block};
    }

    Transport transport;
    detail::tls_engine engine;
    std::error_code ended;
    bool proven{false};           // OpenSSL would shake hands by itself, with whoever it is
    bool replies_blocked{false};  // OpenSSL reads no further until the socket takes its replies
  };

  static task<std::error_code> handshake(std::shared_ptr<state> self, std::string host_name, std::string service) {
    if (self->ended) co_return self->ended;
    detail::tls_engine& engine = self->engine;
    if (engine.context().role() == tls_role::client && !host_name.empty() && !engine.expect(host_name)) {
      co_return make_error_code(errc::bad_argument);
    }
    if (engine.context().verifies() && engine.context().role() == tls_role::client && host_name.empty()) {
      co_return make_error_code(errc::bad_argument);  // a chain to anybody proves nothing
    }
    // the name is part of it: a session proves what the certificate of its first handshake proved
    if (!host_name.empty()) engine.resume(host_name + '\0' + service);
    while (true) {
      const detail::tls_step step = engine.handshake();
      std::error_code error = self->flush();
      while (error == errc::would_block) {
        error = co_await self->transport.wait_writable();
        if (error) co_return error;
        error = self->flush();
      }
      if (step.result == outcome::done) {
        self->proven = true;
        co_return std::error_code{};
      }
      if (step.result != outcome::want_read && step.result != outcome::want_write) {
        self->ended = engine.handshake_error();
        co_return self->ended;
      }
      if (!error && step.result == outcome::want_write) continue;  // it has more to say before it listens
      error = self->receive();
      if (error == errc::would_block) error = co_await self->transport.wait_readable();
      if (error) co_return error;
    }
  }

  static task<std::error_code> wait_readable(std::shared_ptr<state> self) {
    const bool full = self->flush() == errc::would_block;
    if (self->replies_blocked ? !full : self->engine.readable()) co_return std::error_code{};
    if (!full) co_return co_await self->transport.wait_readable();
    // While replies wait the peer may be waiting for them.
    std::error_code error;
    if (self->replies_blocked) {
      error = co_await self->transport.wait_writable();
    } else {
      error = co_await detail::wait_either(self->transport.wait_readable(), self->transport.wait_writable());
    }
    if (!error) (void)self->flush();
    co_return error;
  }

  static task<std::error_code> wait_writable(std::shared_ptr<state> self) {
    const std::error_code error = co_await self->transport.wait_writable();
    if (!error) (void)self->flush();
    co_return error;
  }

  std::shared_ptr<state> state_;
};

using tls_stream = basic_tls_stream<tcp_stream>;

static_assert(buffered_stream<tls_stream>);

}  // namespace foxtrot::inline v0

namespace foxtrot::inline v0 {

struct dial_settings {
  std::chrono::milliseconds resolve_timeout{10'000};
  std::chrono::milliseconds connect_timeout{10'000};    ///< for each address
  std::chrono::milliseconds handshake_timeout{10'000};  ///< TLS, for each address
  steady_time give_up{steady_time::max()};              ///< errc::timeout then, whatever is under way
  endpoints addresses;                                  ///< tried instead of looking the host up, if any
  lookup_function lookup{system_lookup};
  tcp_settings socket;
};

namespace detail {

[[nodiscard]] inline steady_time stage_end(const timer_queue& timers, std::chrono::milliseconds stage,
                                           const dial_settings& settings) noexcept {
  return std::min(timers.now() + stage, settings.give_up);
}

[[nodiscard]] inline task<result<endpoints>> addresses_of(timer_queue& timers, std::string host, std::uint16_t port,
                                                          dial_settings settings) {
  if (!settings.addresses.empty()) co_return std::move(settings.addresses);
  const auto patience = stage_end(timers, settings.resolve_timeout, settings) - timers.now();
  co_return co_await resolve(timers, std::move(host), port, patience, std::move(settings.lookup));
}

[[nodiscard]] inline task<result<tcp_stream>> connect_to(timer_queue& timers, asio::ip::tcp::endpoint where,
                                                         dial_settings settings) {
  tcp_stream stream{timers.context()};
  const steady_time until = stage_end(timers, settings.connect_timeout, settings);
  const deadline limit{timers, until, [&stream] { stream.close(); }};
  std::error_code error = co_await stream.connect(where, settings.socket);
  error = limit.map(error);
  if (error) co_return error;
  co_return std::move(stream);
}

[[nodiscard]] inline task<result<tls_stream>> connect_to(timer_queue& timers, asio::ip::tcp::endpoint where,
                                                         dial_settings settings, tls_context context,
                                                         std::string host) {
  auto transport = co_await connect_to(timers, where, settings);
  if (!transport) co_return transport.error();
  tls_stream stream{std::move(*transport), context};
  const steady_time until = stage_end(timers, settings.handshake_timeout, settings);
  const deadline limit{timers, until, [&stream] { stream.close(); }};
  std::error_code error = co_await stream.handshake(std::move(host), std::to_string(where.port()));
  error = limit.map(error);
  if (error) co_return error;
  co_return std::move(stream);
}

// Another address would show the same certificate, and nobody cancels half a dial.
[[nodiscard]] inline bool ends_dial(std::error_code error) noexcept {
  return error == errc::cancelled || error == errc::bad_argument ||
         (error == condition::tls_failure && error != errc::tls_handshake_failed);
}

}  // namespace detail

/// Tries the addresses of `host` in turn, each with a deadline of its own; the error is that of the last one tried.
[[nodiscard]] inline task<result<tcp_stream>> dial_tcp(timer_queue& timers, std::string host, std::uint16_t port,
                                                       dial_settings settings) {
  const auto addresses = co_await detail::addresses_of(timers, host, port, settings);
  if (!addresses) co_return addresses.error();
  std::error_code error;
  for (const asio::ip::tcp::endpoint& where : *addresses) {
    auto connected = co_await detail::connect_to(timers, where, settings);
    if (connected) co_return connected;
    error = connected.error();
    if (detail::ends_dial(error) || timers.now() >= settings.give_up) break;
  }
  co_return error;
}

/// The same with TLS on top. A bad certificate ends the attempt: no other address is tried.
[[nodiscard]] inline task<result<tls_stream>> dial_tls(timer_queue& timers, tls_context context, std::string host,
                                                       std::uint16_t port, dial_settings settings) {
  const auto addresses = co_await detail::addresses_of(timers, host, port, settings);
  if (!addresses) co_return addresses.error();
  std::error_code error;
  for (const asio::ip::tcp::endpoint& where : *addresses) {
    auto connected = co_await detail::connect_to(timers, where, settings, context, host);
    if (connected) co_return connected;
    error = connected.error();
    if (detail::ends_dial(error) || timers.now() >= settings.give_up) break;
  }
  co_return error;
}

}  // namespace foxtrot::inline v0

// foxtrot/thread/thread_monitor.hpp: watches threads: who crashed, who is stuck and where, who gets on again.

// foxtrot/thread/detail/event_handlers.hpp: handlers of a monitor's events, each with a registration that ends it.

// foxtrot/thread/thread_event.hpp: what a thread_monitor notices, and what it knows of each thread.

namespace foxtrot::inline v0 {

enum class thread_event_kind : std::uint8_t {
  crashed,    ///< ended by an exception, or returned though nobody had asked it to stop
  stalled,    ///< alive, but no beat for longer than its threshold and no silence announced
  recovered,  ///< beats again after having stalled
  restarted,  ///< a supervisor runs it again after a crash
  failed,     ///< a supervisor has given it up: it crashed too often
};

[[nodiscard]] constexpr std::string_view to_string(thread_event_kind kind) noexcept {
  constexpr std::array<std::string_view, 5> names{"crashed", "stalled", "recovered", "restarted", "failed"};
  const auto index = static_cast<std::size_t>(kind);
  return index < names.size() ? names[index] : "?";
}

/// One thing that happened to one thread, told once.
struct thread_event {
  thread_event_kind kind{thread_event_kind::crashed};
  std::uint64_t id{0};  ///< of the registration; unique within a monitor
  std::string name{};
  std::string what{};                      ///< crashed, failed: what the exception said, or how else it ended
  std::string scope{};                     ///< stalled, recovered: the watch_scope it is, or was, stuck in
  std::chrono::nanoseconds silent_for{0};  ///< stalled, recovered: as far as scans have seen
  std::uint64_t restarts{0};               ///< restarted, failed: how often it was started again
};

enum class thread_state : std::uint8_t { running, waiting, stalled, crashed, finished };

[[nodiscard]] constexpr std::string_view to_string(thread_state state) noexcept {
  constexpr std::array<std::string_view, 5> names{"running", "waiting", "stalled", "crashed", "finished"};
  const auto index = static_cast<std::size_t>(state);
  return index < names.size() ? names[index] : "?";
}

/// A moment's view of one watched thread. What the system counts is 0 once the thread has ended, and for threads that
/// never said who they are.
struct thread_report {
  std::uint64_t id{0};
  std::string name{};
  thread_state state{thread_state::running};
  pid_t tid{0};
  std::uint64_t beats{0};
  std::chrono::nanoseconds longest_loop{0};  ///< the longest time without a beat, to a scan's precision
  std::string longest_scope{};               ///< the watch_scope it spent that in; empty: in none
  std::chrono::nanoseconds cpu_time{0};
  std::uint64_t voluntary_switches{0};    ///< it waited for something
  std::uint64_t involuntary_switches{0};  ///< it was pushed off its CPU
  std::uint64_t stalls{0};
};

}  // namespace foxtrot::inline v0

namespace foxtrot::inline v0::detail {

class event_handlers {
 public:
  using handler = std::function<void(const thread_event&)>;

 private:
  struct entry {
    explicit entry(handler given) : handle{std::move(given)} {}
    std::recursive_mutex running;  // held for a call; by the same thread again where a handler ends itself
    bool alive{true};              // guarded by it
    handler handle;
  };
  struct list {
    std::mutex mutex;
    std::vector<std::shared_ptr<entry>> entries;
  };

 public:
  /// May outlive the handlers' owner.
  class [[nodiscard]] registration {
   public:
    registration() = default;
    registration(registration&&) noexcept = default;
    registration& operator=(registration&& other) noexcept {
      if (this != &other) {
        cancel();
        list_ = std::move(other.list_);
        entry_ = std::move(other.entry_);
      }
      return *this;
    }
    ~registration() { cancel(); }

    /// Idempotent. Waits for a call that is under way on another thread.
    void cancel() {
      if (entry_ == nullptr) return;
      {
        const std::lock_guard lock{list_->mutex};
        std::erase(list_->entries, entry_);
      }
      {
        const std::lock_guard lock{entry_->running};
        entry_->alive = false;
      }
      entry_.reset();
      list_.reset();
    }

   private:
    friend class event_handlers;
    registration(std::shared_ptr<list> from, std::shared_ptr<entry> made) noexcept
        : list_{std::move(from)}, entry_{std::move(made)} {}
    std::shared_ptr<list> list_;
    std::shared_ptr<entry> entry_;
  };

  [[nodiscard]] registration add(handler handle) {
    auto made = std::make_shared<entry>(std::move(handle));
    const std::lock_guard lock{list_->mutex};
    list_->entries.push_back(made);
    return {list_, std::move(made)};
  }

  void call(const thread_event& event) {
    std::vector<std::shared_ptr<entry>> now;
    {
      const std::lock_guard lock{list_->mutex};
      now = list_->entries;
    }
    for (const auto& each : now) {
      const std::lock_guard lock{each->running};
      if (!each->alive) continue;
      try {
        each->handle(event);
      } catch (...) {
        failures_.fetch_add(1, std::memory_order_relaxed);  // a number for people: orders nothing
      }
    }
  }
  [[nodiscard]] std::uint64_t failures() const noexcept { return failures_.load(std::memory_order_relaxed); }

 private:
  std::shared_ptr<list> list_{std::make_shared<list>()};
  std::atomic<std::uint64_t> failures_{0};
};

}  // namespace foxtrot::inline v0::detail

// foxtrot/thread/detail/watched_entry.hpp: one thread on a monitor's list, and the list itself.

// foxtrot/thread/detail/thread_usage.hpp: what the system has counted for one thread of this process.

namespace foxtrot::inline v0::detail {

/// How a thread is known to the system while it lives.
struct thread_identity {
  pid_t tid{0};
  clockid_t cpu_clock{};

  /// The calling thread's.
  [[nodiscard]] static thread_identity of_this_thread() noexcept {
    thread_identity mine{.tid = ::gettid()};
    if (pthread_getcpuclockid(pthread_self(), &mine.cpu_clock) != 0) mine.tid = 0;
    return mine;
  }
};

struct thread_usage {
  std::chrono::nanoseconds cpu_time{0};
  std::uint64_t voluntary_switches{0};
  std::uint64_t involuntary_switches{0};

  /// All zero where the thread is unknown. Opens a file: not for every scan.
  [[nodiscard]] static thread_usage of(const thread_identity& thread) noexcept {
    thread_usage used;
    if (thread.tid == 0) return used;
    timespec spent{};
    if (::clock_gettime(thread.cpu_clock, &spent) == 0)
      used.cpu_time = std::chrono::seconds{spent.tv_sec} + std::chrono::nanoseconds{spent.tv_nsec};
    char path[64];
    std::snprintf(path, sizeof path, "/proc/self/task/%d/status", static_cast<int>(thread.tid));
    std::FILE* const file = std::fopen(path, "re");
    if (file == nullptr) return used;
    for (char line[256]; std::fgets(line, sizeof line, file) != nullptr;) {
      (void)(std::sscanf(line, "voluntary_ctxt_switches: %" SCNu64, &used.voluntary_switches) == 1 ||
             std::sscanf(line, "nonvoluntary_ctxt_switches: %" SCNu64, &used.involuntary_switches) == 1);
    }
    std::fclose(file);
    return used;
  }
};

}  // namespace foxtrot::inline v0::detail

namespace foxtrot::inline v0::detail {

/// What is known of one thread. Guarded by its list's mutex.
class watched_entry : private live_object<watched_entry> {
 public:
  watched_entry(std::uint64_t number, std::string text, std::shared_ptr<heartbeat> beats,
                std::chrono::nanoseconds limit, bool returns, steady_time now)
      : id{number},
        name{std::move(text)},
        pulse{std::move(beats)},
        threshold{limit},
        may_return{returns},
        beats_{pulse->read().beats},
        since_{now} {}

  const std::uint64_t id;
  const std::string name;
  const std::shared_ptr<heartbeat> pulse;
  const std::chrono::nanoseconds threshold;
  const bool may_return;

  thread_identity system;
  bool ended{false};
  bool crashed{false};

  /// One look. `unseen` is time in which nobody could have looked: the monitor itself did not get on, so perhaps nobody
  /// did. True where `event` has been filled in.
  [[nodiscard]] bool look(steady_time now, std::chrono::nanoseconds unseen, thread_event& event) {
    if (ended) return false;
    const heartbeat::reading read = pulse->read();
    if (read.beats != beats_ || read.waiting) {
      const auto silent = now - since_;
      if (!waited_) note_loop(silent);
      beats_ = read.beats;
      waited_ = read.waiting;
      since_ = now;
      scope_ = read.scope;
      if (!std::exchange(stalled_, false)) return false;
      event = make(thread_event_kind::recovered);
      event.scope = text_of(stuck_in_);
      event.silent_for = silent;
      return true;
    }
    since_ += unseen;
    scope_ = read.scope;
    waited_ = false;
    note_loop(now - since_);
    if (stalled_ || now - since_ <= threshold) return false;
    stalled_ = true;
    ++stalls_;
    stuck_in_ = read.scope;
    event = make(thread_event_kind::stalled);
    event.scope = text_of(stuck_in_);
    event.silent_for = now - since_;
    return true;
  }

  [[nodiscard]] thread_event make(thread_event_kind kind) const {
    return {.kind = kind, .id = id, .name = name, .what = {}, .scope = {}, .silent_for = {}, .restarts = 0};
  }
  [[nodiscard]] bool is_well() const noexcept { return !stalled_ && !crashed; }

  [[nodiscard]] thread_report report() const {
    const heartbeat::reading read = pulse->read();
    thread_report made;
    made.id = id;
    made.name = name;
    made.state = crashed        ? thread_state::crashed
                 : ended        ? thread_state::finished
                 : stalled_     ? thread_state::stalled
                 : read.waiting ? thread_state::waiting
                                : thread_state::running;
    made.tid = system.tid;
    made.beats = read.beats;
    made.longest_loop = longest_;
    made.longest_scope = text_of(longest_scope_);
    made.stalls = stalls_;
    return made;
  }

 private:
  [[nodiscard]] static std::string text_of(const char* scope) { return scope != nullptr ? scope : ""; }

  void note_loop(std::chrono::nanoseconds took) noexcept {
    if (took <= longest_) return;
    longest_ = took;
    longest_scope_ = scope_;
  }

  std::uint64_t beats_;
  steady_time since_;  // when the last beat was seen, later by what went unseen
  const char* scope_{nullptr};
  const char* stuck_in_{nullptr};
  bool stalled_{false};
  bool waited_{false};  // at the last look
  std::uint64_t stalls_{0};
  std::chrono::nanoseconds longest_{0};
  const char* longest_scope_{nullptr};
};

/// Shared by a monitor, its registrations and the threads themselves, so that any of them may go first.
struct watch_list {
  std::mutex mutex;                   // guards all
  std::condition_variable something;  // news, or the end
  std::vector<std::shared_ptr<watched_entry>> entries;
  std::vector<thread_event> news;  // told by threads, not yet by the monitor
  std::uint64_t next_id{1};
  bool over{false};  // the monitor is gone: news are for nobody

  void tell(thread_event event) {
    {
      const std::lock_guard lock{mutex};
      if (over) return;
      news.push_back(std::move(event));
    }
    something.notify_one();
  }
  void remove(const std::shared_ptr<watched_entry>& entry) {
    const std::lock_guard lock{mutex};
    std::erase(entries, entry);
  }
};

}  // namespace foxtrot::inline v0::detail

// foxtrot/thread/service_notifier.hpp: tells systemd that the program is ready, well, or stopping.

namespace foxtrot::inline v0 {

/// Speaks the protocol of sd_notify(3): datagrams to the socket that the service manager names in NOTIFY_SOCKET. Where
/// there is none, as outside of a service, everything succeeds and does nothing. Any thread.
class service_notifier {
 public:
  /// Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID, and leaves them there.
  service_notifier() {
    if (const char* const path = std::getenv("NOTIFY_SOCKET")) set_address(path);
    const auto pid = number_in("WATCHDOG_PID");
    if (pid && *pid != static_cast<std::uint64_t>(::getpid())) return;
    if (const auto limit = number_in("WATCHDOG_USEC"); limit && *limit != 0)
      watchdog_ = std::chrono::microseconds{*limit};
  }

  /// True where a service manager listens.
  [[nodiscard]] bool is_service() const noexcept { return length_ != 0; }
  /// The program is to say WATCHDOG=1 more often than that; nothing where nobody waits for it.
  [[nodiscard]] std::optional<std::chrono::microseconds> watchdog_interval() const noexcept {
    return is_service() ? watchdog_ : std::nullopt;
  }

  /// `state`: lines such as "READY=1", "STOPPING=1", "STATUS=text". Never waits. errc::bad_argument for an address that
  /// cannot be one, else the system's error.
  std::error_code notify(std::string_view state) const noexcept {
    if (bad_address_) return errc::bad_argument;
    if (!is_service()) return {};
    const int socket = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (socket < 0) return {errno, std::system_category()};
    const ssize_t sent = ::sendto(socket, state.data(), state.size(), MSG_NOSIGNAL,
                                  reinterpret_cast<const sockaddr*>(&address_), length_);
    const int error = sent < 0 ? errno : 0;
    ::close(socket);
    return {error, std::system_category()};
  }
  std::error_code ready() const noexcept { return notify("READY=1"); }
  std::error_code stopping() const noexcept { return notify("STOPPING=1"); }

 private:
  // A path, or with '@' first a name in the abstract name space; anything else is no address of ours.
  void set_address(std::string_view path) noexcept {
    if (path.empty()) return;
    bad_address_ = path.size() < 2 || path.size() >= sizeof address_.sun_path || (path[0] != '/' && path[0] != '@');
    if (bad_address_) return;
    address_.sun_family = AF_UNIX;
    std::memcpy(address_.sun_path, path.data(), path.size());
    if (path[0] == '@') address_.sun_path[0] = '\0';
    length_ = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size());
  }

  [[nodiscard]] static std::optional<std::uint64_t> number_in(const char* variable) noexcept {
    const char* const text = std::getenv(variable);
    if (text == nullptr) return std::nullopt;
    const char* const end = text + std::strlen(text);
    std::uint64_t value = 0;
    const auto [stopped, error] = std::from_chars(text, end, value);
    if (error != std::errc{} || stopped != end) return std::nullopt;
    return value;
  }

  sockaddr_un address_{};
  socklen_t length_{0};
  bool bad_address_{false};
  std::optional<std::chrono::microseconds> watchdog_;
};

}  // namespace foxtrot::inline v0

namespace foxtrot::inline v0 {

struct monitor_settings {
  placement where{.name = "monitor"};
  std::chrono::milliseconds scan_every{25};
  service_notifier* service{nullptr};  ///< fed as long as every thread is well; outlives the monitor
};

struct watch_settings {
  std::chrono::milliseconds threshold{2000};  ///< silent for longer: stalled
  bool may_return{false};  ///< for a thread that has an end of its own: returning unasked is no crash then
};

/// A thread's place on a monitor's list, and its line to it. Movable; its end takes the thread off the list, and
/// nothing is told of it afterwards. May outlive the monitor. Any thread, one at a time.
class [[nodiscard]] watched_thread final : private live_object<watched_thread> {
 public:
  watched_thread() = default;
  watched_thread(std::shared_ptr<detail::watch_list> list, std::shared_ptr<detail::watched_entry> entry) noexcept
      : list_{std::move(list)}, entry_{std::move(entry)} {}
  watched_thread(watched_thread&&) noexcept = default;
  watched_thread& operator=(watched_thread&& other) noexcept {
    if (this != &other) {
      cancel();
      list_ = std::move(other.list_);
      entry_ = std::move(other.entry_);
    }
    return *this;
  }
  ~watched_thread() { cancel(); }

  /// To be called by the watched thread itself: lets reports tell its CPU time.
  void is_this_thread() {
    if (entry_ == nullptr) return;
    const std::lock_guard lock{list_->mutex};
    entry_->system = detail::thread_identity::of_this_thread();
  }
  /// It has ended: by an exception with that text, or, where the text is empty, by returning. `asked`: as it should.
  void ended(std::string_view failure, bool asked) {
    if (entry_ == nullptr) return;
    const bool crashed = !failure.empty() || !(asked || entry_->may_return);
    {
      const std::lock_guard lock{list_->mutex};
      if (std::exchange(entry_->ended, true)) return;
      entry_->crashed = crashed;
      entry_->system = {};
    }
    if (!crashed) return;
    thread_event event = entry_->make(thread_event_kind::crashed);
    event.what = failure.empty() ? "returned before it was asked to" : failure;
    list_->tell(std::move(event));
  }
  /// A supervisor's word on it: restarted or failed.
  void tell(thread_event_kind kind, std::string_view what, std::uint64_t restarts) {
    if (entry_ == nullptr) return;
    thread_event event = entry_->make(kind);
    event.what = what;
    event.restarts = restarts;
    list_->tell(std::move(event));
  }

  [[nodiscard]] std::uint64_t id() const noexcept { return entry_ != nullptr ? entry_->id : 0; }
  /// Takes it off the list; idempotent.
  void cancel() noexcept {
    if (entry_ != nullptr) list_->remove(entry_);
    entry_.reset();
    list_.reset();
  }

 private:
  std::shared_ptr<detail::watch_list> list_;
  std::shared_ptr<detail::watched_entry> entry_;
};

/// One thread that looks at the heartbeats of others. A crash is told at once, by the thread that dies; a stall within
/// its threshold and one scan. Each is told once: to the handlers, on the monitor's thread, and to the diagnostics.
///
/// Where the monitor itself did not get to look for a while, the machine is overloaded or was asleep, and nobody is
/// blamed for that time. All functions may be called from any thread, handlers included.
class thread_monitor : private live_object<thread_monitor> {
 public:
  using handler = std::function<void(const thread_event&)>;
  /// Keeps a handler registered: once its end has come the handler neither runs nor is called again, unless it is the
  /// handler itself that ends it.
  using handler_registration = detail::event_handlers::registration;

  /// With time that a test advances by hand there is no thread: scan() is called instead.
  explicit thread_monitor(monitor_settings settings = {}, diagnostics log = {}, time_source& time = system_time())
      : settings_{std::move(settings)}, log_{std::move(log)}, time_{time}, scanned_{time.now()} {
    if (!time_.manual()) scanner_.emplace(settings_.where, [this](const std::stop_token& stop) { run(stop); }, log_);
  }
  thread_monitor(const thread_monitor&) = delete;
  thread_monitor& operator=(const thread_monitor&) = delete;
  /// Tells what is known, then ends its thread; registrations may live on. Not from a handler.
  ~thread_monitor() {
    if (scanner_) {
      {
        const std::lock_guard lock{list_->mutex};  // or the thread could miss it between looking and sleeping
        scanner_->request_stop();
      }
      list_->something.notify_all();
      scanner_.reset();
    }
    scan();
    const std::lock_guard lock{list_->mutex};
    list_->over = true;
  }

  /// Puts a thread on the list, by the heartbeat that it adopts.
  [[nodiscard]] watched_thread watch(std::string name, std::shared_ptr<heartbeat> pulse,
                                     const watch_settings& settings = {}) {
    const std::lock_guard lock{list_->mutex};
    auto entry = std::make_shared<detail::watched_entry>(list_->next_id++, std::move(name), std::move(pulse),
                                                         settings.threshold, settings.may_return, time_.now());
    list_->entries.push_back(entry);
    return {list_, std::move(entry)};
  }

  /// A worker on the list for as long as it exists, crashed or not.
  template <worker_body Body>
  [[nodiscard]] worker start(placement where, Body body, const watch_settings& settings = {}) {
    auto pulse = std::make_shared<heartbeat>();
    auto observer = std::make_shared<lifeline>(watch(where.name, pulse, settings));
    return worker{std::move(where), std::move(body), log_, std::move(pulse), std::move(observer)};
  }

  /// `handle` is called on the monitor's thread for each event from now on. What it throws is counted.
  [[nodiscard]] handler_registration on_event(handler handle) { return handlers_.add(std::move(handle)); }
  [[nodiscard]] std::uint64_t handler_failures() const noexcept { return handlers_.failures(); }

  /// Every thread on the list, with what the system counts of it. Not for hot paths: reads files.
  [[nodiscard]] std::vector<thread_report> report() const {
    std::vector<thread_report> all;
    std::vector<detail::thread_identity> known;
    {
      const std::lock_guard lock{list_->mutex};
      for (const auto& entry : list_->entries) {
        all.push_back(entry->report());
        known.push_back(entry->system);
      }
    }
    for (std::size_t i = 0; i < all.size(); ++i) {
      const auto used = detail::thread_usage::of(known[i]);
      all[i].cpu_time = used.cpu_time;
      all[i].voluntary_switches = used.voluntary_switches;
      all[i].involuntary_switches = used.involuntary_switches;
    }
    return all;
  }
  [[nodiscard]] std::size_t watched() const {
    const std::lock_guard lock{list_->mutex};
    return list_->entries.size();
  }
  /// Nobody is stalled or crashed.
  [[nodiscard]] bool all_well() const {
    const std::lock_guard lock{list_->mutex};
    return std::ranges::all_of(list_->entries, [](const auto& entry) { return entry->is_well(); });
  }

  /// Looks at everybody now and tells what is new. The monitor's thread does it by itself.
  void scan() {
    const std::lock_guard one_at_a_time{scanning_};
    std::vector<thread_event> found;
    {
      const std::lock_guard lock{list_->mutex};
      found.swap(list_->news);
      look_at_all(found);
    }
    for (const thread_event& event : found) tell(event);
    feed_service();
  }

 private:
  /// A worker's line to the list.
  class lifeline final : public worker_observer {
   public:
    explicit lifeline(watched_thread place) noexcept : place_{std::move(place)} {}
    void on_start() noexcept override { place_.is_this_thread(); }
    void on_end(std::string_view failure, bool asked) noexcept override {
      try {
        place_.ended(failure, asked);
      } catch (...) {  // out of memory: the list shows the crash all the same
      }
    }

   private:
    watched_thread place_;
  };

  void run(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      scan();
      std::unique_lock lock{list_->mutex};
      list_->something.wait_for(lock, settings_.scan_every,
                                [&] { return !list_->news.empty() || stop.stop_requested(); });
    }
  }

  // The list's mutex is held. News from threads bring a scan forward, which must not make it blame anybody sooner.
  void look_at_all(std::vector<thread_event>& found) {
    const steady_time now = time_.now();
    const auto passed = now - std::exchange(scanned_, now);
    const auto expected = 2 * std::chrono::nanoseconds{settings_.scan_every};
    const auto unseen = !time_.manual() && passed > expected ? passed - expected : std::chrono::nanoseconds{0};
    thread_event event;
    for (const auto& entry : list_->entries) {
      if (entry->look(now, unseen, event)) found.push_back(std::move(event));
    }
  }

  void tell(const thread_event& event) {
    const bool good = event.kind == thread_event_kind::recovered || event.kind == thread_event_kind::restarted;
    std::string text = event.name + ' ' + std::string{to_string(event.kind)};
    if (!event.scope.empty()) text += " in " + event.scope;
    if (!event.what.empty()) text += ": " + event.what;
    log_.report(good ? severity::info : severity::critical, "thread_monitor", text);
    handlers_.call(event);
  }

  void feed_service() {
    if (settings_.service == nullptr || !settings_.service->watchdog_interval()) return;
    const steady_time now = time_.now();
    if (fed_ && now - *fed_ < *settings_.service->watchdog_interval() / 2) return;
    if (!all_well()) return;
    (void)settings_.service->notify("WATCHDOG=1");
    fed_ = now;
  }

  const monitor_settings settings_;
  const diagnostics log_;
  time_source& time_;
  const std::shared_ptr<detail::watch_list> list_{std::make_shared<detail::watch_list>()};
  detail::event_handlers handlers_;
  std::recursive_mutex scanning_;  // one scan at a time; a handler may ask for another. Guards what follows
  steady_time scanned_;
  std::optional<steady_time> fed_;
  std::optional<worker> scanner_;
};

}  // namespace foxtrot::inline v0

namespace foxtrot::inline v0::binance {

/// What the venue counts its times in. Spot only: the futures know milliseconds alone.
enum class time_unit : std::uint8_t { milliseconds, microseconds };

/// The network thread.
struct network_settings {
  std::string name{"net"};
  int cpu{-1};               ///< pinned to this CPU; -1: anywhere
  int realtime_priority{0};  ///< SCHED_FIFO where above 0
  foxtrot::idle idle{foxtrot::idle::block};
  scheduling policy{scheduling::inherited};
};

struct market_data_settings {
  binance::market market{market::spot};
  std::vector<std::string> streams{};  ///< "btcusdt@bookTicker", "btcusdt@trade", "btcusdt@depth@100ms"
  network_settings network{};

  std::string websocket_url{};  ///< wss://host:port; empty: the venue's
  std::string rest_url{};       ///< https://host:port; empty: the venue's
  std::string ca_file{};        ///< trusted authorities, PEM; empty: the system's
  std::string ca_pem{};         ///< the same as text
  dial_settings dial{};         ///< time-outs, addresses instead of a look-up

  session_settings session{};  ///< its `upgrade` is filled in from the URL
  bool depth_snapshots{true};  ///< keep the book of each symbol with a depth stream, and fetch snapshots for it
  std::size_t snapshot_levels{1000};
  std::chrono::milliseconds request_timeout{10'000};

  ring_settings ring{};  ///< what drop_oldest consumers, the default kind, read together
  diagnostics log{};
  symbol_table* symbols{&symbol_table::shared()};
  binance::time_unit time_unit{
      time_unit::milliseconds};  ///< of the times in WebSocket messages; microseconds: spot only
  /// Watches the network thread. What it tells, of whichever thread, comes as a status among the ticks. Outlives the
  /// feed.
  thread_monitor* monitor{nullptr};
  watch_settings watch{};  ///< of the network thread
  /// How often this process may connect to that place, the venue's 300 attempts in five minutes; null: as often as it
  /// likes. Outlives the feed.
  connection_budget* budget{&connection_budget::shared()};
};

namespace detail {

/// The venue's limit for one connection.
inline constexpr std::size_t max_streams = 1024;

/// Settings that have been checked and completed.
struct checked_settings {
  market_data_settings given;
  url websocket;
  url rest;
  tls_context tls;

  [[nodiscard]] static result<checked_settings> make(market_data_settings given) {
    const endpoints venue = public_endpoints(given.market);
    auto websocket = url::parse(given.websocket_url.empty() ? venue.websocket : given.websocket_url);
    auto rest = url::parse(given.rest_url.empty() ? venue.rest : given.rest_url);
    if (!websocket) return websocket.error();
    if (!rest) return rest.error();
    if (websocket->target != "/" || rest->target != "/") return errc::bad_url;  // the paths are ours
    if (!websocket->secure || !rest->secure) return errc::bad_url;  // market data without TLS is anybody's market data
    const bool microseconds = given.time_unit == time_unit::microseconds;
    if (microseconds && given.market != market::spot) return errc::bad_argument;
    if (given.streams.size() > max_streams) return errc::bad_argument;
    for (const std::string& stream : given.streams) {
      if (!is_stream_name(stream)) return errc::bad_argument;
    }
    auto tls = tls_context::make({.ca_file = given.ca_file, .ca_pem = given.ca_pem});
    if (!tls) return tls.error();
    if (given.session.errors == nullptr) {
      given.session.errors = std::make_shared<websocket_error_handler>(error_settings());
    }
    if (given.session.budget == nullptr) given.session.budget = given.budget;
    given.session.upgrade.host = websocket->host;
    given.session.upgrade.port = websocket->port;
    given.session.upgrade.secure = websocket->secure;
    given.session.upgrade.target = path_of(given.market);
    if (microseconds) given.session.upgrade.target += "?timeUnit=MICROSECOND";  // web-socket-streams.md, "General"
    return checked_settings{std::move(given), std::move(*websocket), std::move(*rest), std::move(*tls)};
  }
};

}  // namespace detail
}  // namespace foxtrot::inline v0::binance

// foxtrot/net/http/client.hpp: GET over HTTP/1.1, plain or TLS, on a connection that is kept between requests.

// foxtrot/net/http/response_parser.hpp: HTTP/1.1 responses to GET, from pieces of any size.

// foxtrot/net/http/body_reader.hpp: the body of an HTTP/1.1 message, RFC 9112 sections 6 and 7.

namespace foxtrot::inline v0 {

/// How the end of a body is found.
enum class http_framing : std::uint8_t { none, length, chunked, until_close };

/// Reads a body in pieces of any size, never more than its limit into memory. Trailers and chunk extensions are read
/// past. One thread.
class http_body_reader {
 public:
  explicit http_body_reader(std::size_t max_body) : max_body_{max_body} {}

  /// Decides from the fields how the body ends. Returns errc::http_malformed where they contradict each other (the way
  /// requests are smuggled), errc::http_body_too_large where the announced length is over the limit.
  [[nodiscard]] std::error_code begin(const http_fields& fields, bool has_body) {
    body_.clear();
    framing_ = http_framing::none;
    stage_ = stage::done;
    if (!has_body) return {};
    const bool encoded = fields.count("Transfer-Encoding") != 0;
    if (encoded && fields.count("Content-Length") != 0) return errc::http_malformed;
    if (encoded) {
      if (fields.count("Transfer-Encoding") != 1 || !fields.has_token("Transfer-Encoding", "chunked") ||
          fields.find("Transfer-Encoding")->find(',') != std::string_view::npos) {
        return errc::http_malformed;
      }
      return enter(http_framing::chunked, stage::chunk_size);
    }
    if (fields.count("Content-Length") == 0) return enter(http_framing::until_close, stage::data);
    const auto length = agreed_length(fields);
    if (!length) return errc::http_malformed;
    if (*length > max_body_) return errc::http_body_too_large;
    left_ = static_cast<std::size_t>(*length);
    return enter(http_framing::length, left_ == 0 ? stage::done : stage::data);
  }

  /// Takes bytes and returns how many belonged to the body: fewer than given only when `done` or `error`.
  std::size_t feed(std::string_view bytes) {
    std::size_t taken = 0;
    while (taken < bytes.size() && stage_ != stage::done && !error_) {
      const std::string_view rest = bytes.substr(taken);
      taken += stage_ == stage::data ? take_data(rest) : take_framing(rest.front());
    }
    return taken;
  }

  /// The peer closed: the right end of one kind of body, errc::http_truncated for the others.
  [[nodiscard]] std::error_code finish() noexcept {
    if (error_ || done()) return error_;
    if (framing_ == http_framing::until_close) {
      stage_ = stage::done;
    } else {
      error_ = errc::http_truncated;
    }
    return error_;
  }

  [[nodiscard]] bool done() const noexcept { return stage_ == stage::done && !error_; }
  [[nodiscard]] std::error_code error() const noexcept { return error_; }
  [[nodiscard]] http_framing framing() const noexcept { return framing_; }
  [[nodiscard]] std::string& body() noexcept { return body_; }
  [[nodiscard]] const std::string& body() const noexcept { return body_; }

 private:
  enum class stage : std::uint8_t {
    data,
    chunk_size,
    chunk_extension,
    chunk_size_lf,
    data_cr,
    data_lf,
    trailer_start,
    trailer,
    trailer_lf,
    last_lf,
    done,
  };
  // Extensions and trailers carry nothing we read: a body may spend so many bytes on them and no more.
  static constexpr std::size_t max_overhead = 16 * 1024;

  std::error_code enter(http_framing framing, stage first) noexcept {
    framing_ = framing;
    stage_ = first;
    return {};
  }

  /// The one value of Content-Length; repeated ones must agree.
  [[nodiscard]] static std::optional<std::uint64_t> agreed_length(const http_fields& fields) noexcept {
    std::optional<std::uint64_t> agreed;
    for (const http_field& field : fields) {
      if (!detail::equal_ignoring_case(field.name, "Content-Length")) continue;
      const auto value = detail::parse_decimal(field.value);
      if (!value || (agreed && *agreed != *value)) return std::nullopt;
      agreed = value;
    }
    return agreed;
  }

  std::size_t take_data(std::string_view bytes) {
    if (framing_ == http_framing::until_close) {
      if (bytes.size() > max_body_ - body_.size()) return fail(errc::http_body_too_large);
      body_.append(bytes);
      return bytes.size();
    }
    const std::size_t size = std::min(bytes.size(), left_);
    body_.append(bytes.substr(0, size));
    left_ -= size;
    if (left_ == 0) stage_ = framing_ == http_framing::chunked ? stage::data_cr : stage::done;
    return size;
  }

  std::size_t take_framing(char c) noexcept {
    switch (stage_) {
      case stage::chunk_size: return take_size(c);
      case stage::chunk_extension: return c == '\r' ? go(stage::chunk_size_lf) : skip(c, stage::chunk_extension);
      case stage::chunk_size_lf: return c == '\n' ? begin_chunk() : fail(errc::http_malformed);
      case stage::data_cr: return c == '\r' ? go(stage::data_lf) : fail(errc::http_malformed);
      case stage::data_lf: return c == '\n' ? go(stage::chunk_size) : fail(errc::http_malformed);
      case stage::trailer_start: return c == '\r' ? go(stage::last_lf) : skip(c, stage::trailer);
      case stage::trailer: return c == '\r' ? go(stage::trailer_lf) : skip(c, stage::trailer);
      case stage::trailer_lf: return c == '\n' ? go(stage::trailer_start) : fail(errc::http_malformed);
      case stage::last_lf: return c == '\n' ? go(stage::done) : fail(errc::http_malformed);
      case stage::data:
      case stage::done: break;
    }
    return 0;
  }

  std::size_t take_size(char c) noexcept {
    const char lower = detail::ascii_lower(c);
    const int digit = detail::is_digit(c) ? c - '0' : lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
    if (digit >= 0) {
      // checked at every digit, so the number can neither wrap nor be waited for
      const auto add = static_cast<std::size_t>(digit);
      const std::size_t room = max_body_ - body_.size();
      if (add > room || left_ > (room - add) / 16) return fail(errc::http_body_too_large);
      left_ = left_ * 16 + add;
      size_digits_ = true;
      return skip(c, stage::chunk_size);
    }
    if (!size_digits_) return fail(errc::http_malformed);
    if (c == '\r') return go(stage::chunk_size_lf);
    return c == ';' || c == ' ' || c == '\t' ? skip(c, stage::chunk_extension) : fail(errc::http_malformed);
  }

  std::size_t begin_chunk() noexcept {
    size_digits_ = false;
    return go(left_ == 0 ? stage::trailer_start : stage::data);
  }

  std::size_t go(stage next) noexcept {
    stage_ = next;
    return 1;
  }

  std::size_t skip(char c, stage next) noexcept {
    if (c == '\n') return fail(errc::http_malformed);
    return ++overhead_ > max_overhead ? fail(errc::http_header_too_large) : go(next);
  }

  std::size_t fail(errc code) noexcept {
    error_ = code;
    return 0;
  }

  std::size_t max_body_;
  std::string body_;
  std::error_code error_;
  std::size_t left_{0};      // of the body or the chunk under way
  std::size_t overhead_{0};  // bytes spent on sizes, extensions and trailers
  http_framing framing_{http_framing::none};
  stage stage_{stage::done};
  bool size_digits_{false};
};

}  // namespace foxtrot::inline v0

namespace foxtrot::inline v0 {

struct http_response {
  int status{0};
  http_fields headers{};
  std::string body{};
  bool keep_alive{false};  ///< the connection may carry another request

  /// The class of the status; zero for 2xx.
  [[nodiscard]] std::error_code error() const noexcept { return error_of_status(status); }
  [[nodiscard]] std::optional<std::chrono::seconds> retry_after() const noexcept {
    return foxtrot::retry_after(headers);
  }
};

struct http_response_limits {
  http_head_limits head{};
  std::size_t body{16 * 1024 * 1024};
};

/// Reads one response, skipping interim (1xx) ones. Memory stays within the limits, each byte is looked at once. One
/// thread.
class http_response_parser {
 public:
  explicit http_response_parser(http_response_limits limits = {})
      : limits_{limits}, head_{limits.head}, body_{limits.body} {}

  /// Takes bytes and returns how many belonged to the response: fewer than given only when `done` or `error`.
  std::size_t feed(std::string_view bytes) {
    std::size_t taken = 0;
    started_ = started_ || !bytes.empty();
    while (taken < bytes.size() && !done_ && !error_) {
      if (in_body_) {
        taken += body_.feed(bytes.substr(taken));
        error_ = body_.error();
      } else {
        taken += head_.feed(bytes.substr(taken));
        error_ = head_.error();
        if (!error_ && head_.done()) finish_head();
      }
      if (in_body_ && body_.done()) complete();
    }
    return taken;
  }

  /// The peer closed the connection. Returns zero where that ends the response, errc::http_truncated where it cuts it.
  std::error_code finish() {
    if (done_ || error_) return error_;
    error_ = in_body_ ? body_.finish() : make_error_code(errc::http_truncated);
    if (!error_) complete();
    return error_;
  }

  [[nodiscard]] bool done() const noexcept { return done_; }
  /// errc::http_malformed, http_header_too_large, http_body_too_large or http_truncated; sticky.
  [[nodiscard]] std::error_code error() const noexcept { return error_; }
  /// True once a byte has arrived, taken or not: a request that was never answered may be sent again.
  [[nodiscard]] bool started() const noexcept { return started_; }
  /// Status and headers from the end of the head on, the body when `done`.
  [[nodiscard]] const http_response& response() const noexcept { return response_; }
  [[nodiscard]] http_response take() noexcept { return std::move(response_); }

  /// Ready for the next response on the same connection.
  void reset() { *this = http_response_parser{limits_}; }

 private:
  static constexpr int max_interim = 8;

  void finish_head() {
    const auto line = parse_status_line(head_.start_line());
    // 101 answers a question that a GET of ours never asks
    if (!line || line->status == 101) {
      error_ = errc::http_malformed;
      return;
    }
    if (line->status < 200) {
      if (++interim_ > max_interim) error_ = errc::http_malformed;
      head_.reset();
      return;
    }
    response_.status = line->status;
    response_.headers = head_.fields();
    error_ = body_.begin(response_.headers, line->status != 204 && line->status != 304);
    if (error_) return;
    in_body_ = true;
    const bool persistent = line->minor_version == 1 ? !response_.headers.has_token("Connection", "close")
                                                     : response_.headers.has_token("Connection", "keep-alive");
    response_.keep_alive = persistent && body_.framing() != http_framing::until_close;
  }

  void complete() {
    response_.body = std::move(body_.body());
    done_ = true;
  }

  http_response_limits limits_;
  http_head_reader head_;
  http_body_reader body_;
  http_response response_;
  std::error_code error_;
  int interim_{0};
  bool started_{false};
  bool in_body_{false};
  bool done_{false};
};

}  // namespace foxtrot::inline v0

namespace foxtrot::inline v0 {

/// Sends `request` and reads until `parser` has its response; the caller limits the time by closing the stream. A body
/// that ends with the connection must end it in an orderly way: a cut is never taken for its end.
template <byte_stream Stream>
[[nodiscard]] task<std::error_code> http_exchange(Stream& stream, std::string request, http_response_parser& parser) {
  std::span<const char> unsent{request};
  while (true) {
    const io_result went = unsent.empty() ? io_result{0, stream.flush()} : stream.write_some(unsent);
    unsent = unsent.subspan(went.bytes);
    if (!went.error && unsent.empty() && went.bytes == 0) break;
    if (!went.error) continue;
    if (went.error != errc::would_block) co_return went.error;
    if (const std::error_code error = co_await stream.wait_writable()) co_return error;
  }
  std::vector<char> buffer(64 * 1024);
  while (!parser.done()) {
    const io_result got = stream.read_some(buffer);
    if (got.error == errc::would_block) {
      if (const std::error_code error = co_await stream.wait_readable()) co_return error;
    } else if (got.error) {
      co_return got.error == errc::closed ? parser.finish() : got.error;
    } else {
      const std::size_t taken = parser.feed({buffer.data(), got.bytes});
      if (parser.error()) co_return parser.error();
      if (taken != got.bytes) stream.close();  // bytes nobody asked for: nothing more can be trusted on this connection
    }
  }
  co_return std::error_code{};
}

struct http_client_settings {
  dial_settings dial;
  http_response_limits limits;
  std::vector<http_field> headers;  ///< sent with every request
};

/// One connection, one request at a time. A response of any status is a result; `http_response::error` classifies it.
/// The client must outlive the request under way. One thread: the loop's.
class http_client : private live_object<http_client> {
 public:
  /// simdjson reads so far behind a document: that much may be read behind every body.
  static constexpr std::size_t body_padding = 64;

  http_client(timer_queue& timers, tls_context context, http_client_settings settings)
      : timers_{timers}, context_{std::move(context)}, settings_{std::move(settings)} {}
  http_client(const http_client&) = delete;
  http_client& operator=(const http_client&) = delete;
  ~http_client() = default;

  /// The whole request, connecting included, ends within `limit` (errc::timeout). A kept connection that turns out to
  /// be dead before it answered is replaced once. errc::would_block while another request is under way.
  [[nodiscard]] task<result<http_response>> get(url where, steady_time::duration limit) {
    if (busy_) co_return errc::would_block;
    const busy_guard guard{busy_};
    http_get wanted{where.host, where.port, where.secure, where.target, settings_.headers};
    const auto request = encode_get(wanted);
    if (!request) co_return request.error();
    const deadline until{timers_, limit, [this] { close(); }};
    bool reused = can_reuse(where);
    while (true) {
      if (!reused) {
        const std::error_code error = co_await connect(where, until.when());
        if (error) co_return until.map(error);
      }
      http_response_parser parser{settings_.limits};
      std::error_code error = co_await exchange(*request, parser);
      error = until.map(error);
      if (error || !parser.response().keep_alive) close();
      if (!error) {
        http_response response = parser.take();
        response.body.reserve(response.body.size() + body_padding);
        ++answered_;
        co_return std::move(response);
      }
      const bool final = error == errc::timeout || error == errc::cancelled;
      if (!reused || parser.started() || final) co_return error;
      reused = false;
    }
  }

  /// Drops the connection; a request that waits on it ends with errc::cancelled. One that still connects does not:
  /// cancel its task.
  void close() noexcept {
    if (auto* tcp = std::get_if<tcp_stream>(&connection_)) tcp->close();
    if (auto* tls = std::get_if<tls_stream>(&connection_)) tls->close();
  }

  /// Connections made so far.
  [[nodiscard]] std::uint64_t connections() const noexcept { return connections_; }
  /// Responses received so far, of any status.
  [[nodiscard]] std::uint64_t answered() const noexcept { return answered_; }

 private:
  struct busy_guard {
    explicit busy_guard(bool& flag) : busy{flag} { busy = true; }
    busy_guard(const busy_guard&) = delete;
    busy_guard& operator=(const busy_guard&) = delete;
    ~busy_guard() { busy = false; }

    bool& busy;
  };

  // Same place, still open, and silent: what a server says unasked is its goodbye.
  [[nodiscard]] bool can_reuse(const url& where) noexcept {
    if (!peer_ || peer_->secure != where.secure || peer_->host != where.host || peer_->port != where.port) return false;
    std::array<char, 64> probe;
    if (auto* tcp = std::get_if<tcp_stream>(&connection_)) return tcp->read_some(probe).error == errc::would_block;
    if (auto* tls = std::get_if<tls_stream>(&connection_)) return tls->read_some(probe).error == errc::would_block;
    return false;
  }

  task<std::error_code> connect(url where, steady_time until) {
    connection_.emplace<std::monostate>();
    peer_.reset();
    dial_settings settings = settings_.dial;
    settings.give_up = std::min(settings.give_up, until);
    if (where.secure) {
      auto made = co_await dial_tls(timers_, context_, where.host, where.port, settings);
      if (!made) co_return made.error();
      connection_.emplace<tls_stream>(std::move(*made));
    } else {
      auto made = co_await dial_tcp(timers_, where.host, where.port, settings);
      if (!made) co_return made.error();
      connection_.emplace<tcp_stream>(std::move(*made));
    }
    ++connections_;
    peer_ = std::move(where);
    co_return std::error_code{};
  }

  task<std::error_code> exchange(const std::string& request, http_response_parser& parser) {
    if (auto* tls = std::get_if<tls_stream>(&connection_)) co_return co_await http_exchange(*tls, request, parser);
    if (auto* tcp = std::get_if<tcp_stream>(&connection_)) co_return co_await http_exchange(*tcp, request, parser);
    co_return make_error_code(errc::closed);
  }

  timer_queue& timers_;
  tls_context context_;
  http_client_settings settings_;
  std::variant<std::monostate, tcp_stream, tls_stream> connection_;
  std::optional<url> peer_;
  std::uint64_t connections_{0};
  std::uint64_t answered_{0};
  bool busy_{false};
};

}  // namespace foxtrot::inline v0

namespace foxtrot::inline v0::binance {

/// How long the venue wants to be left alone: set with errc::http_rate_limited and errc::http_banned only.
using retry_hint = std::optional<std::chrono::seconds>;

/// Asks `rest` (a base URL) over `client`, on the client's loop. The errors are those of http_client::get, of the
/// status, and of exchange_info::parse; `retry_after`, if any, is set before it returns.
[[nodiscard]] inline task<result<exchange_info>> fetch_exchange_info(http_client& client, url rest, market which,
                                                                     steady_time::duration limit,
                                                                     retry_hint* retry_after = nullptr) {
  constexpr std::chrono::seconds untold{60};
  if (retry_after != nullptr) retry_after->reset();
  rest.target = exchange_info_path_of(which);
  // Most of spot's answer is who may trade what; nobody reads it here. rest-api.md, "Exchange information".
  if (which == market::spot) rest.target += "?showPermissionSets=false";
  auto answer = co_await client.get(std::move(rest), limit);
  if (!answer) co_return answer.error();
  if (const std::error_code refused = answer->error()) {
    const bool told_to_wait = refused == errc::http_rate_limited || refused == errc::http_banned;
    if (told_to_wait && retry_after != nullptr) *retry_after = answer->retry_after().value_or(untold);
    co_return refused;
  }
  co_return exchange_info::parse(answer->body);
}

namespace detail {

struct exchange_info_request {
  std::optional<result<exchange_info>> outcome;
  std::exception_ptr failure;
  bool done{false};
};

[[nodiscard]] inline task<> run(exchange_info_request& request, http_client& client, url rest, market which,
                                steady_time::duration limit, retry_hint* retry_after) {
  request.outcome.emplace(co_await fetch_exchange_info(client, std::move(rest), which, limit, retry_after));
}

}  // namespace detail

/// Asks the market of these settings, over TLS, and waits for the answer: market, URL, authorities and dial settings
/// count, streams need not be there yet. Connecting included it takes no longer than `timeout`, errc::timeout then. Any
/// thread that may wait: not an inline handler's. Its loop lives for this call alone.
[[nodiscard]] inline result<exchange_info> load_exchange_info(const market_data_settings& settings,
                                                              std::chrono::milliseconds timeout,
                                                              retry_hint* retry_after = nullptr) {
  constexpr std::size_t largest_body = std::size_t{64} << 20U;
  auto checked = detail::checked_settings::make(settings);
  if (!checked) return checked.error();
  if (timeout <= std::chrono::milliseconds{0}) return errc::timeout;
  asio::io_context loop{1};
  timer_queue timers{loop, system_time()};
  http_client client{
      timers, checked->tls, {.dial = settings.dial, .limits = {.head = {}, .body = largest_body}, .headers = {}}};
  detail::exchange_info_request request;
  asio::co_spawn(loop, detail::run(request, client, checked->rest, settings.market, timeout, retry_after),
                 [&request](std::exception_ptr failure) {
                   request.failure = std::move(failure);
                   request.done = true;
                 });
  while (!request.done) loop.run_one();
  if (request.failure) std::rethrow_exception(request.failure);
  if (!*request.outcome) {
    settings.log.report(severity::warning, "exchange_info", "no answer from " + checked->rest.host,
                        request.outcome->error());
  }
  return std::move(*request.outcome);
}

}  // namespace foxtrot::inline v0::binance

// foxtrot/exchange/binance/market_data.hpp: live market data from Binance: the class that most programs need.

// foxtrot/exchange/binance/engine.hpp: everything that runs between connect and disconnect of a market_data.

// foxtrot/exchange/binance/depth_fetcher.hpp: whole books over REST, one after the other, for the symbols that need
// one.

namespace foxtrot::inline v0::binance::detail {

/// Fetches the depth snapshots that were asked for and publishes them as ticks; a request that fails is tried again,
/// with backoff, until it is answered or forgotten. What it brings may be too old: who asked sees, and asks again. Loop
/// thread only.
class depth_fetcher : private live_object<depth_fetcher> {
 public:
  depth_fetcher(timer_queue& timers, publisher& out, protocol& decoder, const checked_settings& settings)
      : timers_{timers},
        out_{out},
        decoder_{decoder},
        settings_{settings},
        client_{timers, settings.tls, {.dial = settings.given.dial, .limits = {}, .headers = {}}},
        news_{timers.context()} {}

  /// A snapshot of this symbol, unless it is waited for already.
  void ask(std::string symbol) {
    if (symbol == asking_ || std::find(waiting_.begin(), waiting_.end(), symbol) != waiting_.end()) return;
    waiting_.push_back(std::move(symbol));
    news_.notify();
  }
  /// Nobody wants it any more. An answer to come will not be published.
  void forget(const std::string& symbol) {
    std::erase(waiting_, symbol);
    if (asking_ == symbol) asking_.clear();
  }
  /// The same for all.
  void forget() noexcept {
    waiting_.clear();
    asking_.clear();
  }

  /// Runs until cancelled.
  [[nodiscard]] task<> run() {
    backoff retry{
        {.base = std::chrono::milliseconds{500}, .cap = std::chrono::milliseconds{30'000}, .first_immediate = false}};
    while (true) {
      if (waiting_.empty()) {
        if (const std::error_code error = co_await news_.wait()) co_return;
        continue;
      }
      const std::string symbol = std::exchange(waiting_.front(), {});
      waiting_.pop_front();
      asking_ = symbol;
      const session_error failed = co_await fetch(symbol);
      if (failed.code == errc::cancelled) co_return;
      const bool wanted = std::exchange(asking_, {}) == symbol;
      if (!failed.code) {
        retry.reset();
        continue;
      }
      const error_decision decided = settings_.given.session.errors->handle(failed, timers_.now());
      const bool again = decided.response.retry;  // "no such symbol" will not change
      if (again && wanted) ask(symbol);           // the others have their turn first
      out_.counters().count(decided.kind);
      settings_.given.log.report(severity::warning, "depth_fetcher", "no snapshot of " + symbol, failed.code);
      if (!again) continue;
      // A book cannot wait as long as a connection can, unless the server says so.
      const bool told_to_wait = failed.retry_after || decided.kind == error_kind::rate_limit;
      const steady_time::duration told = told_to_wait ? decided.response.delay : steady_time::duration::zero();
      const auto wait = std::max(retry.next(), told);
      if (const std::error_code stopped = co_await timers_.sleep_for(wait)) co_return;
    }
  }

 private:
  [[nodiscard]] task<session_error> fetch(std::string symbol) {
    session_error outcome;
    url where = settings_.rest;
    where.target = depth_path_of(settings_.given.market);
    where.target += "?symbol=" + symbol + "&limit=" + std::to_string(settings_.given.snapshot_levels);
    const steady_time::duration limit = settings_.given.request_timeout;
    auto answer = co_await client_.get(std::move(where), limit);
    outcome.code = answer ? answer->error() : answer.error();
    if (outcome.code) {
      if (!answer) co_return outcome;
      outcome.http_status = answer->status;
      outcome.venue_code = venue_code_of(answer->body);
      outcome.retry_after = answer->retry_after();
      co_return outcome;
    }
    if (asking_ != symbol) co_return outcome;  // forgotten
    asking_.clear();                           // whom it does not serve may ask again
    outcome.code = publish(symbol, answer->body);
    if (outcome.code) asking_ = symbol;
    co_return outcome;
  }

  [[nodiscard]] std::error_code publish(const std::string& symbol, const std::string& body) {
    publisher::batch batch{out_};
    feed_counters& count = batch.counters();
    count.messages.add();
    count.bytes.add(body.size());
    const auto now = epoch_clock::now_ns() + settings_.given.session.clock_shift.count();
    switch (decoder_.messages().decode_depth(body, symbol, now, batch)) {
      case message_type::tick: return {};
      case message_type::rejected: count.count_rejected(decoder_.last_error()); return decoder_.last_error();
      default: count.unknown.add(); return errc::malformed_message;
    }
  }

  timer_queue& timers_;
  publisher& out_;
  protocol& decoder_;
  const checked_settings& settings_;
  http_client client_;
  async_event news_;
  std::deque<std::string> waiting_;
  std::string asking_;  // the symbol of the request under way, while somebody wants it
};

}  // namespace foxtrot::inline v0::binance::detail

// foxtrot/feed/command_queue.hpp: what other threads want of the network thread, in order and bounded.

// foxtrot/queue/mpmc_queue.hpp: many producers, many consumers, bounded; the one header that sees moodycamel.

// foxtrot/queue/detail/mpmc_cell.hpp: a place for an item in a block of moodycamel's, and the ways out of it.

namespace foxtrot::inline v0 {

/// What may travel through an mpmc_queue: moving it never fails. Copying is not asked for.
template <class T>
concept mpmc_item = std::is_nothrow_move_constructible_v<T> && std::is_nothrow_move_assignable_v<T> &&
                    std::is_nothrow_destructible_v<T>;

namespace detail {

/// In a block it holds an item, or nothing; as an argument it says where the item is to come from, so that the item
/// stays untouched where there is no block for it. The ways out below end the item, the destructor does not.
template <mpmc_item T>
union mpmc_cell {
  explicit mpmc_cell(T* from) noexcept : source{from} {}
  explicit mpmc_cell(T&& item) noexcept : value{std::move(item)} {}
  mpmc_cell(mpmc_cell&& from) noexcept {
    if (from.source != nullptr) std::construct_at(&value, std::move(*from.source));
  }
  ~mpmc_cell() {}

  T value;
  T* source;
};

// What an item taken out of a block is assigned to.

/// To a living item.
template <mpmc_item T>
struct mpmc_assign {
  T& to;
  void operator=(mpmc_cell<T>&& from) noexcept {
    to = std::move(from.value);
    std::destroy_at(&from.value);
  }
};

/// To raw memory: an output iterator.
template <mpmc_item T>
struct mpmc_construct {
  T* to;
  mpmc_construct& operator*() noexcept { return *this; }
  mpmc_construct& operator++() noexcept { return ++to, *this; }
  mpmc_construct operator++(int) noexcept { return {to++}; }
  void operator=(mpmc_cell<T>&& from) noexcept {
    std::construct_at(to, std::move(from.value));
    std::destroy_at(&from.value);
  }
};

/// Nowhere.
struct mpmc_destroy {
  template <mpmc_item T>
  void operator=(mpmc_cell<T>&& from) noexcept {
    std::destroy_at(&from.value);
  }
};

/// Nowhere, where the cell holds nothing.
struct mpmc_ignore {
  template <mpmc_item T>
  void operator=(mpmc_cell<T>&&) noexcept {}
};

}  // namespace detail
}  // namespace foxtrot::inline v0

namespace foxtrot::inline v0 {

/// A bounded queue between any number of threads, for commands and work sharing; between two threads, spsc_ring is
/// several times as fast. Items of one producer's end come out in order; between ends there is no order. All memory is
/// taken in the constructor. Ends are made of it, one for each thread; they must be gone before the queue is.
/// There is no pushing without an end: moodycamel's queue would allocate for every such thread.
template <mpmc_item T>
class mpmc_queue : private live_object<mpmc_queue<T>> {
 public:
  using value_type = T;
  class producer;
  class consumer;

  /// Room for exactly `capacity` items (at least one), and for up to `producers` producers' ends at a time.
  mpmc_queue(std::size_t capacity, std::size_t producers)
      : capacity_{std::clamp(capacity, std::size_t{1}, most)}, in_use_(std::max(producers, std::size_t{1})) {
    tokens_.reserve(in_use_.size());
    for (std::size_t i = 0; i < in_use_.size(); ++i) give_blocks(tokens_.emplace_back(queue_));
  }
  mpmc_queue(const mpmc_queue&) = delete;
  mpmc_queue& operator=(const mpmc_queue&) = delete;
  ~mpmc_queue() {
    moodycamel::ConsumerToken token{queue_};
    for (detail::mpmc_destroy each; queue_.try_dequeue(token, each);) continue;
  }

  [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }

  /// A producer's end; none while as many as the constructor was told are in use. Any thread.
  [[nodiscard]] std::optional<producer> make_producer() noexcept {
    for (std::size_t i = 0; i < in_use_.size(); ++i) {
      // acquire: what the end before did with the token
      if (!in_use_[i].exchange(true, std::memory_order_acquire)) return producer{*this, i};
    }
    return std::nullopt;
  }

  /// A consumer's end. Any thread, any number.
  [[nodiscard]] consumer make_consumer() noexcept { return consumer{*this}; }

  /// No push succeeds any more; what is inside can still be taken. Wakes everybody who waits. Any thread.
  void close() noexcept {
    state_.fetch_or(closed_bit, std::memory_order_release);
    sleepers_.wake();
  }
  [[nodiscard]] bool closed() const noexcept { return (state() & closed_bit) != 0; }

  /// Items inside at some moment of the call, and those on their way in or out. Any thread.
  [[nodiscard]] std::size_t size() const noexcept { return static_cast<std::size_t>(state() & ~closed_bit); }

 private:
  using cell = detail::mpmc_cell<T>;

  struct traits : moodycamel::ConcurrentQueueDefaultTraits {
    static constexpr std::size_t INITIAL_IMPLICIT_PRODUCER_HASH_SIZE = 0;  // no producers without a token
    static void* malloc(std::size_t bytes) { return ::operator new(bytes); }
    static void free(void* block) noexcept { ::operator delete(block); }
  };
  using queue_type = moodycamel::ConcurrentQueue<cell, traits>;

  static constexpr std::uint64_t closed_bit = std::uint64_t{1} << 63;
  static constexpr std::size_t most = std::size_t{1} << 40;

  // Blocks belong to their producer for ever. A producer goes round its blocks in a circle and can go on into the next
  // one if that is empty, that is, if all items that were ever put there have been taken out completely. When it needs
  // one, less than `capacity` other items are inside. If they are its latest, then ceil(capacity / size) blocks hold
  // them all and one more block is the empty one, whichever producers the other items are of: so each producer gets
  // its own blocks for all of `capacity`. They need not be its latest: a consumer may be interrupted after it laid
  // claim to an item and before it moved it out, and others go on. For that there are as many blocks again.
  void give_blocks(const moodycamel::ProducerToken& token) {
    constexpr std::size_t size = queue_type::BLOCK_SIZE;
    const std::size_t blocks = 2 * ((capacity_ + size - 1) / size) + 1;
    for (std::size_t i = 0; i < blocks * size; ++i) queue_.enqueue(token, cell{nullptr});
    for (detail::mpmc_ignore each; queue_.try_dequeue_from_producer(token, each);) continue;
  }
  [[nodiscard]] std::uint64_t state() const noexcept { return state_.load(std::memory_order_acquire); }

  /// Room for up to `wanted` items; 0 if there is none.
  [[nodiscard]] std::size_t reserve(std::size_t wanted) noexcept {
    std::uint64_t seen = state_.load(std::memory_order_relaxed);
    while ((seen & closed_bit) == 0 && seen < capacity_) {
      const std::size_t count = std::min(wanted, capacity_ - static_cast<std::size_t>(seen));
      // acquire: pairs with give_back(), so that the blocks emptied before it are seen to be empty
      if (state_.compare_exchange_weak(seen, seen + count, std::memory_order_acquire, std::memory_order_relaxed)) {
        return count;
      }
    }
    return 0;
  }
  void give_back(std::size_t count) noexcept {
    // release: see reserve(). All writes are read-modify-writes, so an acquire of any later one gets it as well.
    state_.fetch_sub(count, std::memory_order_release);
  }

  const std::size_t capacity_;
  queue_type queue_{0};
  std::vector<moodycamel::ProducerToken> tokens_;            // each used by the end that has it
  std::vector<std::atomic<bool>> in_use_;                    // whether an end has that token
  alignas(cache_line) std::atomic<std::uint64_t> state_{0};  // items inside, and whether closed; any thread
  parking_spot sleepers_;                                    // consumers
};

/// Where one thread puts items in.
template <mpmc_item T>
class mpmc_queue<T>::producer {
 public:
  using value_type = T;

  producer(producer&& other) noexcept : queue_{std::exchange(other.queue_, nullptr)}, token_{other.token_} {}
  producer& operator=(producer&& other) noexcept {
    std::swap(queue_, other.queue_);
    std::swap(token_, other.token_);
    return *this;
  }
  ~producer() {
    if (queue_ != nullptr)
      queue_->in_use_[token_].store(false, std::memory_order_release);  // pairs with make_producer()
  }

  /// False, and `item` untouched, where capacity() items are inside or the queue is closed. There is one more reason: a
  /// consumer was interrupted in the middle of taking an item of this end, and has been for so long that capacity()
  /// others went past it.
  [[nodiscard]] bool try_push(T&& item) noexcept {
    if (queue_->reserve(1) == 0) return false;
    if (!enqueue(item)) {
      queue_->give_back(1);
      return false;
    }
    queue_->sleepers_.wake(1);
    return true;
  }
  [[nodiscard]] bool try_push(const T& item) noexcept(std::is_nothrow_copy_constructible_v<T>)
    requires std::copy_constructible<T>
  {
    T copy{item};  // before anything is reserved: copying may throw
    return try_push(std::move(copy));
  }

  /// Moves as many of the items in as there is room for, the first ones first, and returns their number. The others
  /// are untouched.
  [[nodiscard]] std::size_t try_push_bulk(std::span<T> items) noexcept {
    const std::size_t room = items.empty() ? 0 : queue_->reserve(items.size());
    if (room == 0) return 0;
    std::size_t done = 0;
    if (queue_->queue_.try_enqueue_bulk(token(), std::move_iterator<T*>{items.data()}, room)) {
      done = room;
    } else {  // blocks are missing, as try_push() says: into those that there are
      while (done < room && enqueue(items[done])) ++done;
      queue_->give_back(room - done);
    }
    if (done != 0) queue_->sleepers_.wake(static_cast<std::uint32_t>(std::min<std::size_t>(done, INT_MAX)));
    return done;
  }

 private:
  friend mpmc_queue;
  producer(mpmc_queue& queue, std::size_t token) noexcept : queue_{&queue}, token_{token} {}

  [[nodiscard]] const moodycamel::ProducerToken& token() const noexcept {
    const moodycamel::ProducerToken& mine = queue_->tokens_[token_];
    if (!mine.valid()) __builtin_unreachable();  // or g++ warns of the null pointer that an invalid one has
    return mine;
  }
  [[nodiscard]] bool enqueue(T& item) noexcept { return queue_->queue_.try_enqueue(token(), cell{&item}); }

  mpmc_queue* queue_;
  std::size_t token_;
};

/// Where one thread takes items out. Items that consume() had taken when its visitor threw stay in this end and come
/// first next time; they go with it when it goes.
template <mpmc_item T>
class mpmc_queue<T>::consumer {
 public:
  using value_type = T;

  consumer(const consumer&) = delete;
  consumer& operator=(const consumer&) = delete;
  ~consumer() { std::destroy(taken_.value + next_, taken_.value + end_); }

  /// Moves an item to `item`; false where none is inside, or others are just taking the last.
  [[nodiscard]] bool try_pop(T& item) noexcept {
    if (next_ != end_) return pop_taken(item), true;
    if (queue_.size() == 0) return false;  // one line to look at instead of every producer's
    detail::mpmc_assign<T> to{item};
    if (!queue_.queue_.try_dequeue(token_, to)) return false;
    queue_.give_back(1);
    return true;
  }

  /// Calls `visit(T&&)` for up to `max` items that are there now and returns their number. An item whose visit throws
  /// is consumed, no other is.
  template <std::invocable<T&&> Visitor>
  std::size_t consume(std::size_t max, Visitor&& visit) {
    std::size_t done = 0;
    while (done < max && (next_ != end_ || take(max - done) != 0)) {
      for (; next_ != end_ && done < max; ++done) {
        T item{std::move(taken_.value[next_])};
        std::destroy_at(&taken_.value[next_++]);
        visit(std::move(item));
      }
    }
    return done;
  }

  /// Moves an item to `item`, sleeping until there is one. False where the queue is empty and closed, a stop requested,
  /// or `patience` over; never while an item is on its way: not for threads whose priority keeps others from running.
  [[nodiscard]] bool pop_wait(T& item, const std::stop_token& stop,
                              std::optional<std::chrono::nanoseconds> patience = {}) noexcept {
    if (try_pop(item)) return true;
    using clock = std::chrono::steady_clock;
    const auto start = clock::now();
    const std::stop_callback on_stop{stop, [this]() noexcept { queue_.sleepers_.wake(); }};
    for (unsigned turns = 1;; ++turns) {
      if (try_pop(item)) return true;
      // Something is inside, but on its way in or out, or hidden by another consumer that is just finding nothing.
      // Never asleep, and never gone, then: the wake-up for it may have come here.
      if (queue_.size() != 0) {
        pause(turns);
        continue;
      }
      std::optional<std::chrono::nanoseconds> left = patience;
      if (patience) left = *patience - (clock::now() - start);
      if (queue_.closed() || stop.stop_requested() || (left && *left <= std::chrono::nanoseconds::zero())) return false;
      // Whoever pushes counts the item before it wakes, and a stop or close is there before its waking: so the second
      // look sees it, or the spot is awake (see parking_spot).
      queue_.sleepers_.park([&] { return queue_.state() == 0 && !stop.stop_requested(); }, left);
    }
  }

 private:
  friend mpmc_queue;
  explicit consumer(mpmc_queue& queue) noexcept : queue_{queue}, token_{queue.queue_} {}

  // Few enough for a stack, and to leave something to other consumers.
  static constexpr std::size_t batch = std::clamp<std::size_t>(4096 / sizeof(T), 1, 32);
  union storage {
    storage() noexcept {}
    ~storage() {}
    T value[batch];
  };

  std::size_t take(std::size_t max) noexcept {
    if (queue_.size() == 0) return 0;
    next_ = 0;
    end_ = queue_.queue_.try_dequeue_bulk(token_, detail::mpmc_construct<T>{taken_.value}, std::min(max, batch));
    queue_.give_back(end_);
    return end_;
  }

  void pop_taken(T& item) noexcept {
    item = std::move(taken_.value[next_]);
    std::destroy_at(&taken_.value[next_++]);
  }

  static void pause(unsigned turns) noexcept {
    if (turns % 64 == 0) {
      ::sched_yield();
    } else {
      cpu_relax();
    }
  }

  mpmc_queue& queue_;
  moodycamel::ConsumerToken token_;
  std::size_t next_{0};  // taken and not yet handed over: from here
  std::size_t end_{0};   // to here
  storage taken_;
};

}  // namespace foxtrot::inline v0

namespace foxtrot::inline v0 {

/// Commands wait in memory that was taken beforehand, so a network thread that is stuck, or callers that never stop,
/// cannot fill the machine. One post to the loop serves all that came before it ran. Commands of the loop thread keep
/// their order, and so do those of all other threads together.
template <mpmc_item Command>
class command_queue : private live_object<command_queue<Command>> {
 public:
  /// `run` is called on the loop, once for each command; what it throws goes to the loop. The queue must outlive what
  /// it posted there: it goes after the loop has ended, or before it began.
  command_queue(async_thread_bridge& bridge, std::size_t capacity, std::function<void(Command&)> run)
      : bridge_{bridge}, run_{std::move(run)}, waiting_{capacity, 2} {}
  command_queue(const command_queue&) = delete;
  command_queue& operator=(const command_queue&) = delete;

  /// False, and the command untouched, while as many as there is room for are waiting. Any thread.
  [[nodiscard]] bool try_send(Command&& command) {
    if (!push(std::move(command))) return false;
    // acquire and release: who finds it announced has its command seen by the run to come, for that takes the
    // announcement away first
    if (!announced_.exchange(true, std::memory_order_acq_rel)) bridge_.post([this] { run_all(); });
    return true;
  }

 private:
  // An end belongs to one thread at a time; the loop thread, which may not wait for others, has its own.
  [[nodiscard]] bool push(Command&& command) {
    if (bridge_.on_loop_thread()) return of_loop_.try_push(std::move(command));
    const std::lock_guard lock{mutex_};
    return of_others_.try_push(std::move(command));
  }

  void run_all() {
    announced_.exchange(false, std::memory_order_acq_rel);
    out_.consume(waiting_.capacity(), [this](Command&& command) { run_(command); });
  }

  async_thread_bridge& bridge_;
  const std::function<void(Command&)> run_;
  mpmc_queue<Command> waiting_;
  typename mpmc_queue<Command>::producer of_loop_{*waiting_.make_producer()};
  std::mutex mutex_;  // guards of_others_
  typename mpmc_queue<Command>::producer of_others_{*waiting_.make_producer()};
  typename mpmc_queue<Command>::consumer out_{waiting_.make_consumer()};  // the loop's
  std::atomic<bool> announced_{false};
};

}  // namespace foxtrot::inline v0

// foxtrot/feed/tls_dialer.hpp: how a session gets its connection in production.

namespace foxtrot::inline v0 {

/// Looks the host up, connects, shakes hands; see dial_tls.
struct tls_dialer {
  using stream_type = tls_stream;

  tls_context context;
  std::string host;
  std::uint16_t port{443};
  dial_settings settings{};

  [[nodiscard]] task<result<tls_stream>> connect(timer_queue& timers) const {
    return dial_tls(timers, context, host, port, settings);
  }
};

}  // namespace foxtrot::inline v0

// foxtrot/feed/websocket_manager.hpp: one logical connection that stays up: connect, subscribe, read, reconnect.

// foxtrot/feed/live_connection.hpp: one upgraded connection: reads and publishes, subscribes, watches for silence.

// foxtrot/feed/subscription_set.hpp: the streams one connection should have against those the venue has acknowledged.

namespace foxtrot::inline v0 {

/// Remembers what is wanted, says what to ask for next, learns from the answers, and forgets all acknowledgements when
/// the connection is lost, so that everything wanted is asked for again on the next one. Knows no socket and no clock.
/// One thread.
class subscription_set {
 public:
  enum class action : std::uint8_t { subscribe, unsubscribe };

  struct request {
    action what{};
    std::int64_t id{0};
    std::vector<std::string> streams;
  };

  /// Adds to what is wanted; those already there are left alone, one that was rejected is tried again.
  void want(std::span<const std::string> streams) {
    for (const std::string& stream : streams) {
      entry& known = entries_[stream];
      if (known.now == state::leaving || known.now == state::rejected) known.now = state::wanted;
      if (known.now == state::leaving_asked) known.come_back = true;
    }
  }

  /// Takes away from what is wanted.
  void unwant(std::span<const std::string> streams) {
    for (const std::string& stream : streams) {
      const auto at = entries_.find(stream);
      if (at == entries_.end()) continue;
      entry& known = at->second;
      known.come_back = false;
      if (known.now == state::wanted || known.now == state::rejected) {
        entries_.erase(at);
      } else if (known.now == state::asked || known.now == state::confirmed || known.now == state::silent) {
        known.now = state::leaving;
      }
    }
  }

  /// The next request to send, of at most `most` streams; nothing where the venue knows all we want, or is about to say
  /// so.
  [[nodiscard]] std::optional<request> next(std::size_t most, steady_time now) {
    request made{
        .what = action::unsubscribe, .id = last_id_ + 1, .streams = take(state::leaving, state::leaving_asked, most)};
    if (made.streams.empty()) made = {action::subscribe, last_id_ + 1, take(state::wanted, state::asked, most)};
    if (made.streams.empty()) return std::nullopt;
    asked_at_[++last_id_] = now;
    return made;
  }

  /// An answer came. The streams that it rejected, those to be left included, which stay then; empty where it accepted,
  /// or was not for any request of ours.
  std::vector<std::string> answered(std::int64_t id, bool accepted) {
    std::vector<std::string> rejected;
    if (asked_at_.erase(id) == 0) return rejected;
    for (auto at = entries_.begin(); at != entries_.end();) {
      entry& known = at->second;
      if (known.asked_in == id && known.now == state::asked) {
        known.now = accepted ? state::confirmed : state::rejected;
        known.unanswered = 0;
        if (!accepted) rejected.push_back(at->first);
      } else if (known.asked_in == id && known.now == state::leaving_asked) {
        if (!accepted) {
          known = {.now = state::confirmed, .come_back = false, .asked_in = id};
          rejected.push_back(at->first);
        } else if (known.come_back) {
          known = {};
        } else {
          at = entries_.erase(at);
          continue;
        }
      }
      ++at;
    }
    return rejected;
  }

  /// The request that waits longest for its answer, 0 if none does.
  [[nodiscard]] std::int64_t oldest_id() const noexcept { return asked_at_.empty() ? 0 : asked_at_.begin()->first; }

  /// Requests sent at `before` or earlier have had no answer: what they asked for is to be asked for again. How often
  /// that has happened to the stream that it has happened to most, since it was last answered.
  std::uint32_t expire(steady_time before) {
    std::uint32_t most = 0;
    for (auto asked = asked_at_.begin(); asked != asked_at_.end();) {
      if (asked->second > before) {
        ++asked;
        continue;
      }
      for (auto& [stream, known] : entries_) {
        if (known.asked_in == asked->first) most = std::max(most, known.ask_again());
      }
      asked = asked_at_.erase(asked);
    }
    return most;
  }

  /// Confirmed, but nothing came: it is to be asked for again.
  void doubt(std::string_view stream) {
    if (const auto at = entries_.find(stream); at != entries_.end() && at->second.now == state::confirmed) {
      at->second.now = state::wanted;
    }
  }
  /// Confirmed, and silent for good; or heard after all.
  void set_silent(std::string_view stream, bool silent) {
    const auto at = entries_.find(stream);
    if (at == entries_.end()) return;
    state& now = at->second.now;
    if (now == (silent ? state::confirmed : state::silent)) now = silent ? state::silent : state::confirmed;
  }

  /// The streams that this answer confirmed.
  [[nodiscard]] std::vector<std::string> confirmed_by(std::int64_t id) const {
    std::vector<std::string> streams;
    for (const auto& [stream, known] : entries_) {
      if (known.asked_in == id && known.now == state::confirmed) streams.push_back(stream);
    }
    return streams;
  }

  /// The connection is gone, and with it all the venue knew.
  void forget_answers() {
    asked_at_.clear();
    for (auto at = entries_.begin(); at != entries_.end();) {
      const bool gone =
          (at->second.now == state::leaving || at->second.now == state::leaving_asked) && !at->second.come_back;
      if (gone) {
        at = entries_.erase(at);
      } else {
        (at++)->second = {};
      }
    }
  }

  /// When the oldest request without an answer was sent.
  [[nodiscard]] std::optional<steady_time> oldest_request() const {
    return asked_at_.empty() ? std::nullopt : std::optional{asked_at_.begin()->second};
  }

  [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); }
  [[nodiscard]] std::size_t confirmed() const { return count(state::confirmed); }
  [[nodiscard]] std::size_t rejected() const { return count(state::rejected); }
  [[nodiscard]] std::size_t silent() const { return count(state::silent); }
  [[nodiscard]] std::vector<std::string> streams() const {
    std::vector<std::string> all;
    for (const auto& [stream, known] : entries_) {
      if (known.now != state::leaving && (known.now != state::leaving_asked || known.come_back)) all.push_back(stream);
    }
    return all;
  }

 private:
  enum class state : std::uint8_t { wanted, asked, confirmed, silent, rejected, leaving, leaving_asked };

  struct entry {
    state now{state::wanted};
    bool come_back{false};  // wanted again while its unsubscription is under way
    std::int64_t asked_in{0};
    std::uint32_t unanswered{0};  // requests in a row

    // How often that makes; 0 where nothing was being asked.
    std::uint32_t ask_again() noexcept {
      if (now != state::asked && now != state::leaving_asked) return 0;
      now = now == state::leaving_asked && !come_back ? state::leaving : state::wanted;
      come_back = false;
      return ++unanswered;
    }
  };

  [[nodiscard]] std::vector<std::string> take(state from, state to, std::size_t most) {
    std::vector<std::string> taken;
    for (auto& [stream, known] : entries_) {
      if (taken.size() == most) break;
      if (known.now != from) continue;
      known.now = to;
      known.asked_in = last_id_ + 1;
      taken.push_back(stream);
    }
    return taken;
  }

  [[nodiscard]] std::size_t count(state which) const {
    return static_cast<std::size_t>(std::count_if(entries_.begin(), entries_.end(),
                                                  [which](const auto& each) { return each.second.now == which; }));
  }

  std::map<std::string, entry, std::less<>> entries_;
  std::map<std::int64_t, steady_time> asked_at_;
  std::int64_t last_id_{0};
};

}  // namespace foxtrot::inline v0

namespace foxtrot::inline v0::detail {

/// Told of streams that the venue has just confirmed.
using confirmation_handler = std::function<void(const std::vector<std::string>&)>;

/// Lives as long as one connection, in the frame of the coroutine that owns it. Loop thread only. The venue's JSON
/// parser checks UTF-8, so the frames' check is left out.
template <venue_protocol Protocol, byte_stream Stream>
class live_connection : private live_object<live_connection<Protocol, Stream>> {
 public:
  live_connection(Stream stream, const session_settings& settings, async_thread_bridge& bridge, publisher& out,
                  Protocol& protocol, subscription_set& wanted, const confirmation_handler& on_confirmed,
                  websocket_error_handler& errors, const diagnostics& log)
      : settings_{settings},
        bridge_{bridge},
        timers_{bridge.timers()},
        out_{out},
        protocol_{protocol},
        wanted_{wanted},
        on_confirmed_{on_confirmed},
        errors_{errors},
        log_{log},
        socket_{bridge.timers(), std::move(stream), settings.websocket},
        limits_{protocol.limits()},
        messages_{limits_.messages} {}
  live_connection(const live_connection&) = delete;
  live_connection& operator=(const live_connection&) = delete;

  [[nodiscard]] task<std::error_code> upgrade() {
    upgrade_request wanted = settings_.upgrade;
    const std::error_code error = co_await socket_.upgrade(std::move(wanted));
    since_ = timers_.now();
    co_return error;
  }
  /// Why an upgrade that ended with `code` failed.
  [[nodiscard]] session_error refusal(std::error_code code) const {
    const upgrade_failure& said = socket_.failure();
    return {.code = code, .http_status = said.status, .retry_after = said.retry_after};
  }

  /// Publishes until the connection ends; returns end_reason().
  [[nodiscard]] task<std::error_code> read_until_end() {
    silence_.feed();
    schedule_ping();
    if (bridge_.waiting() != idle::block) poller_ = bridge_.add_poller([this] { return poll(); });
    while (!reason_) {
      (void)drain();
      if (reason_) break;
      const bool polled = bridge_.waiting() == idle::spin || bridge_.waiting() == idle::yield;
      std::error_code error;
      if (polled) error = co_await polled_end_.wait();
      if (!polled) error = co_await socket_.wait_readable();
      if (!error) continue;
      (void)drain();  // says why, if it was a time limit
      end(error);
    }
    co_return reason_;
  }

  /// Asks the venue for what it does not know yet, as fast as it allows.
  void send_requests() {
    while (!reason_) {
      if (const auto later = messages_.next_allowed(timers_.now())) {
        retry_requests_ = timers_.call_at(*later, [this] { send_requests(); });
        return;
      }
      const auto next = wanted_.next(limits_.streams_per_request, timers_.now());
      if (!next) break;
      (void)messages_.try_acquire(timers_.now());
      const std::string text = next->what == subscription_set::action::subscribe
                                   ? protocol_.subscribe_request(next->streams, next->id)
                                   : protocol_.unsubscribe_request(next->streams, next->id);
      if (const std::error_code error = socket_.send(opcode::text, text)) return fail(error);
    }
    watch_answers();
  }

  /// From the last ping of ours to its pong; zero before the first.
  [[nodiscard]] steady_time::duration round_trip() const noexcept { return round_trip_; }

  /// Says goodbye; reading goes on until the peer's own.
  void start_close() { socket_.start_close(); }

  /// Ends it now, for this reason.
  void fail(std::error_code reason) {
    end(reason);
    socket_.close_now();
    polled_end_.notify();
  }

  [[nodiscard]] std::error_code end_reason() const noexcept {
    return reason_ ? reason_ : make_error_code(errc::cancelled);
  }
  /// The same with the close code that the peer gave, where it was the peer that ended it.
  [[nodiscard]] session_error why_ended() const noexcept {
    const bool by_peer = reason_ == errc::websocket_closed_by_peer;
    return {.code = end_reason(), .close_code = by_peer ? close_code_ : std::uint16_t{0}};
  }
  [[nodiscard]] bool was_healthy() const noexcept {
    return has_data_ && timers_.now() - since_ >= steady_time::duration{settings_.stable_after};
  }

 private:
  // What the socket's decoder calls, frame by frame, within drain().
  struct reader {
    live_connection& self;

    void on_message(message_kind kind, std::string_view payload) { self.take(kind, payload); }
    void on_ping(std::string_view) { (void)self.messages_.try_acquire(self.timers_.now(), send_priority::urgent); }
    void on_pong(std::string_view payload) noexcept { self.take_pong(payload); }
    void on_close(const close_info& said) noexcept { self.close_code_ = static_cast<std::uint16_t>(said.code); }
  };

  // Everything one read of the socket brought, published in one batch.
  drain_result drain() {
    if (reason_) return {reason_, false};
    const batch_end always{batch_};
    received_ns_ = 0;  // taken once, at the first message that this read brought
    reader frames{*this};
    const std::uint64_t reads = socket_.counters().reads;
    const drain_result result = socket_.drain(frames);
    batch_.reset();
    if (socket_.counters().reads != reads) silence_.feed();
    if (result.error) fail(result.error);
    return result;
  }

  struct batch_end {  // also where memory runs out
    std::optional<publisher::batch>& open;
    ~batch_end() { open.reset(); }
  };

  // One turn of a spinning loop: true where the socket had something.
  bool poll() {
    const std::uint64_t before = socket_.counters().reads;
    (void)drain();
    return socket_.counters().reads != before;
  }

  void take(message_kind kind, std::string_view payload) {
    if (!batch_) batch_.emplace(out_);
    if (received_ns_ == 0) received_ns_ = epoch_clock::now_ns() + settings_.clock_shift.count();
    feed_counters& count = batch_->counters();
    count.messages.add();
    count.bytes.add(payload.size());
    if (kind != message_kind::text) return count.unknown.add();
    switch (protocol_.decode(payload, received_ns_, *batch_)) {
      case message_type::tick: has_data_ = true; return;
      case message_type::answer: count.answers.add(); return take_answer(protocol_.last_answer());
      case message_type::shutdown:
        count.shutdowns.add();
        batch_->publish_status(make_status(status_code::shutdown_announced, received_ns_), protocol_.where());
        log_.report(severity::info, "websocket_manager", "the venue announces a shutdown");
        return;
      case message_type::unknown: return count.unknown.add();
      case message_type::rejected: return reject(count, protocol_.last_error());
    }
  }

  // Counted each time, said at most once a second.
  void reject(feed_counters& count, errc why) {
    count.count_rejected(why);
    const steady_time now = timers_.now();
    if (now < next_remark_) return;
    next_remark_ = now + std::chrono::seconds{1};
    log_.report(severity::warning, "websocket_manager", "message not understood", why);
  }

  // An error without an id is about the oldest request: a venue that cannot read one cannot name it.
  void take_answer(const control_answer& answer) {
    const bool accepted = answer.error.empty();
    const std::int64_t id = answer.id < 0 && !accepted ? wanted_.oldest_id() : answer.id;
    const std::vector<std::string> refused = wanted_.answered(id, accepted);
    if (!accepted) {
      const session_error why{.code = errc::subscription_rejected, .venue_code = answer.error_code};
      batch_->counters().count(errors_.handle(why, timers_.now()).kind);
    }
    for (const std::string& stream : refused) {
      log_.report(severity::error, "websocket_manager", stream + " refused: " + answer.error,
                  errc::subscription_rejected);
    }
    if (accepted && on_confirmed_) on_confirmed_(wanted_.confirmed_by(id));
    watch_answers();
  }

  void watch_answers() {
    const auto oldest = wanted_.oldest_request();
    if (!oldest) {
      answers_due_.cancel();
      return;
    }
    answers_due_ = timers_.call_at(*oldest + settings_.answer_timeout, [this] { miss_answers(); });
  }

  // What has not been answered is asked again; a venue that never answers is left.
  void miss_answers() {
    const std::uint32_t times = wanted_.expire(timers_.now() - settings_.answer_timeout);
    if (times >= settings_.answer_attempts) return fail(errc::timeout);
    log_.report(severity::warning, "websocket_manager", "no answer to a request, asked again", errc::timeout);
    send_requests();
  }

  void schedule_ping() {
    if (settings_.ping_interval <= std::chrono::milliseconds::zero()) return;
    next_ping_ = timers_.call_after(steady_time::duration{settings_.ping_interval}, [this] { ping(); });
  }

  // Pongs and requests go before: what the limit does not allow now waits for the next turn.
  void ping() {
    schedule_ping();
    if (!ping_.empty() || !messages_.try_acquire(timers_.now())) return;
    ping_ = std::to_string(++pings_);
    pinged_ = timers_.now();
    if (const std::error_code error = socket_.send(opcode::ping, ping_)) return fail(error);
    pong_due_ = timers_.call_after(steady_time::duration{settings_.pong_timeout}, [this] {
      (void)drain();  // it may be there, and we were late
      if (!ping_.empty()) fail(errc::heartbeat_lost);
    });
  }
  void take_pong(std::string_view payload) noexcept {
    if (ping_.empty() || payload != ping_) return;  // unsolicited
    ping_.clear();
    round_trip_ = timers_.now() - pinged_;
    pong_due_.cancel();
  }

  void end(std::error_code reason) {
    if (!reason_) reason_ = reason;
  }

  const session_settings& settings_;
  async_thread_bridge& bridge_;
  timer_queue& timers_;
  publisher& out_;
  Protocol& protocol_;
  subscription_set& wanted_;
  const confirmation_handler& on_confirmed_;
  websocket_error_handler& errors_;
  const diagnostics& log_;
  websocket_stream<Stream, websocket_role::client, text_check::off> socket_;
  session_limits limits_;
  rate_limiter messages_;
  async_event polled_end_{bridge_.context()};
  std::optional<publisher::batch> batch_;  // during drain()
  std::error_code reason_;                 // why it ended
  steady_time since_{};
  steady_time next_remark_{};
  std::int64_t received_ns_{0};
  std::uint16_t close_code_{0};  // the peer's
  bool has_data_{false};
  std::string ping_;  // under way
  std::uint64_t pings_{0};
  steady_time pinged_{};
  steady_time::duration round_trip_{};
  timer next_ping_;
  timer pong_due_;
  timer retry_requests_;
  timer answers_due_;
  // Pings count: this is about the transport.
  watchdog silence_{timers_, steady_time::duration{settings_.silence_limit}, [this] { fail(errc::heartbeat_lost); }};
  poller_handle poller_;  // last: gone first
};

}  // namespace foxtrot::inline v0::detail

// foxtrot/feed/stream_watcher.hpp: looks at the ages of one session's streams, and does what they call for.

namespace foxtrot::inline v0::detail {

/// Tells consumers of symbols that become stale, asks again for streams that were confirmed and never spoke, and gives
/// them up in the end. Loop thread only.
template <venue_protocol Protocol>
class stream_watcher : private live_object<stream_watcher<Protocol>> {
 public:
  /// `ask` is called when `wanted` has something to ask for.
  stream_watcher(const data_age_limits& limits, timer_queue& timers, publisher& out, const Protocol& protocol,
                 subscription_set& wanted, const diagnostics& log, std::function<void()> ask)
      : limits_{limits},
        timers_{timers},
        out_{out},
        protocol_{protocol},
        wanted_{wanted},
        log_{log},
        ask_{std::move(ask)} {}
  stream_watcher(const stream_watcher&) = delete;
  stream_watcher& operator=(const stream_watcher&) = delete;
  ~stream_watcher() { out_.ages().leave(this); }

  /// The venue has confirmed them: their first ticks are due.
  void watch(const std::vector<std::string>& streams) {
    for (const std::string& stream : streams) {
      const auto key = protocol_.key_of(stream);
      if (!key) continue;
      const auto symbol = out_.symbols().intern(key->symbol);
      if (symbol) out_.ages().watch(this, stream, key->kind, *symbol, timers_.now());
    }
    looked_ = timers_.now();
    look_later();
  }
  /// The connection is lost.
  void pause() noexcept {
    look_.cancel();
    out_.ages().pause(this);
  }
  /// Nobody wants that stream any more.
  void forget(const std::string& stream) {
    const auto key = protocol_.key_of(stream);
    if (key && out_.ages().forget(this, stream)) publish(status_code::fresh, out_.symbols().find(key->symbol));
  }

 private:
  void look_later() {
    look_ = timers_.call_after(steady_time::duration{limits_.look_every}, [this] { look(); });
  }

  // What has not been read yet is no silence: time in which this thread was kept from reading does not count.
  void look() {
    look_later();
    const steady_time now = timers_.now();
    const steady_time::duration every{limits_.look_every};
    const steady_time::duration pause = now - std::exchange(looked_, now);
    const auto late = pause > 3 * every ? pause - every : steady_time::duration::zero();
    findings_.clear();
    out_.ages().look(this, limits_, now, late, [this](const age_finding& each) { findings_.push_back(each); });
    for (const age_finding& each : findings_) heed(each);
    if (!findings_.empty()) ask_();
  }

  void heed(const age_finding& finding) {
    switch (finding.found) {
      case age_finding::what::stale: out_.counters().stale.add(); return publish(status_code::stale, finding.symbol);
      case age_finding::what::ask_again:
        for (const std::string& stream : *finding.streams) wanted_.doubt(stream);
        return;
      case age_finding::what::silent:
        for (const std::string& stream : *finding.streams) {
          wanted_.set_silent(stream, true);
          out_.counters().silent_streams.add();
          log_.report(severity::error, "websocket_manager", stream + " is confirmed and silent", errc::data_silent);
        }
        return;
      case age_finding::what::heard:
        for (const std::string& stream : *finding.streams) wanted_.set_silent(stream, false);
        return;
    }
  }

  void publish(status_code code, symbol_id symbol) {
    publisher::batch batch{out_};
    batch.publish_status(make_symbol_status(code, epoch_clock::now_ns(), symbol), protocol_.where());
  }

  const data_age_limits& limits_;
  timer_queue& timers_;
  publisher& out_;
  const Protocol& protocol_;
  subscription_set& wanted_;
  const diagnostics& log_;
  const std::function<void()> ask_;
  std::vector<age_finding> findings_;  // of one look
  steady_time looked_{};
  timer look_;
};

}  // namespace foxtrot::inline v0::detail

namespace foxtrot::inline v0 {

/// Makes the connection that a session runs over: TLS in production, memory in a test. Limits its own time.
template <class D>
concept dialer = requires(D& dial, timer_queue& timers) {
  typename D::stream_type;
  { dial.connect(timers) } -> std::same_as<task<result<typename D::stream_type>>>;
};

/// Keeps one WebSocket session alive until it is stopped: connects, subscribes to what is wanted, publishes what comes,
/// reconnects with full-jitter backoff (the first retry at once, after a connection that was healthy) and subscribes
/// again. Every step has a deadline, every loss is published in order with the ticks. Loop thread only, except state().
template <venue_protocol Protocol, dialer Dialer>
class websocket_manager : private live_object<websocket_manager<Protocol, Dialer>> {
 public:
  websocket_manager(async_thread_bridge& bridge, publisher& out, Protocol& protocol, Dialer dial,
                    session_settings settings, const diagnostics& log)
      : bridge_{bridge},
        timers_{bridge.timers()},
        out_{out},
        protocol_{protocol},
        dial_{std::move(dial)},
        settings_{std::move(settings)},
        log_{log},
        errors_{settings_.errors != nullptr ? settings_.errors : std::make_shared<websocket_error_handler>()},
        place_{settings_.upgrade.host + ":" + std::to_string(settings_.upgrade.port)},
        retry_{settings_.retry} {}
  websocket_manager(const websocket_manager&) = delete;
  websocket_manager& operator=(const websocket_manager&) = delete;
  ~websocket_manager() = default;

  /// Called on the loop after each `connected`, and for streams that the venue has confirmed.
  std::function<void()> on_connected;
  detail::confirmation_handler on_confirmed;

  /// Begins; once.
  void start() { (void)scope_.spawn("session", run()); }

  /// Ends: a close frame and a moment for the answer where there is a connection, else at once. Idempotent.
  /// errc::timeout where a task would not end within `patience`; the diagnostics name it.
  [[nodiscard]] task<std::error_code> stop(steady_time::duration patience) {
    closing_ = true;
    if (live_ != nullptr) {
      set_state(session_state::closing);
      live_->start_close();
      const deadline limit{timers_, steady_time::duration{settings_.close_timeout}, [this] { ended_.notify(); }};
      (void)co_await ended_.wait();
    }
    co_return co_await scope_.close(timers_, patience);
  }

  /// Asks the session to end without a word: it does so when the loop next runs.
  void cancel() {
    closing_ = true;
    scope_.cancel();
  }

  void subscribe(std::span<const std::string> streams) {
    wanted_.want(streams);
    if (live_ != nullptr) live_->send_requests();
  }
  void unsubscribe(std::span<const std::string> streams) {
    wanted_.unwant(streams);
    for (const std::string& stream : streams) ages_.forget(stream);
    if (live_ != nullptr) live_->send_requests();
  }
  [[nodiscard]] const subscription_set& subscriptions() const noexcept { return wanted_; }

  /// Resets the connection as if the network had failed: for tests and for users who know better.
  void drop(std::error_code reason) {
    if (live_ != nullptr) live_->fail(reason);
  }

  /// The names of the tasks that have not ended. Any thread.
  [[nodiscard]] std::vector<std::string> tasks() const { return scope_.names(); }
  [[nodiscard]] session_state state() const noexcept { return state_.load(std::memory_order_relaxed); }
  /// Why the last attempt or connection ended; zero before the first end.
  [[nodiscard]] std::error_code last_error() const noexcept { return last_error_; }

 private:
  using connection = detail::live_connection<Protocol, typename Dialer::stream_type>;

  // Whatever way a coroutine ends, cancellation included, what it registered goes.
  template <class Action>
  struct on_exit {
    Action action;
    explicit on_exit(Action what) : action{std::move(what)} {}
    on_exit(const on_exit&) = delete;
    on_exit& operator=(const on_exit&) = delete;
    ~on_exit() {
      try {
        action();
      } catch (...) {  // out of memory: the next attempt tells
      }
    }
  };

  [[nodiscard]] task<> run() {
    const on_exit end{[this] {
      if (state() != session_state::error) set_state(session_state::disconnected);
      ended_.notify();
    }};
    set_state(session_state::connecting);
    while (!closing_) {
      const auto wait = std::max(retry_.next(), std::exchange(told_to_wait_, {}));
      if (wait > steady_time::duration::zero()) {
        if (const std::error_code error = co_await timers_.sleep_for(wait)) co_return;
      }
      if (const std::error_code error = co_await within_budget()) co_return;
      if (std::exchange(tried_, true)) publish(status_code::reconnecting, {});
      ++attempts_;
      last_error_ = co_await attempt();
      if (closing_) break;
      set_state(session_state::reconnecting);
      const bool exhausted = settings_.max_attempts != 0 && attempts_ >= settings_.max_attempts;
      if (exhausted || hopeless_) {
        set_state(session_state::error);
        log_.report(severity::error, "websocket_manager", "gives up", last_error_);
        publish(status_code::disconnected, errc::attempts_exhausted);
        co_return;
      }
    }
  }

  // Returns when one more attempt is allowed; the error is cancellation.
  [[nodiscard]] task<std::error_code> within_budget() {
    while (settings_.budget != nullptr) {
      const auto later = settings_.budget->try_spend(place_, protocol_.limits().attempts, timers_.now());
      if (!later) break;
      log_.report(severity::warning, "websocket_manager", "no connection attempt is left for now");
      const steady_time::duration wait = *later - timers_.now();
      if (const std::error_code error = co_await timers_.sleep_for(wait)) co_return error;
    }
    co_return std::error_code{};
  }

  // One connection from the first packet to the last. Returns why it ended, never a zero code.
  [[nodiscard]] task<std::error_code> attempt() {
    auto stream = co_await dial_.connect(timers_);
    if (!stream) co_return failed({.code = stream.error()});
    connection live{std::move(*stream), settings_, bridge_, out_, protocol_, wanted_, confirmed_, *errors_, log_};
    if (const std::error_code error = co_await live.upgrade()) co_return failed(live.refusal(error));

    live_ = &live;
    const on_exit lost{[this, &live] { disconnected(live); }};
    set_state(session_state::connected);
    out_.counters().connects.add();
    publish(status_code::connected, {});
    live.send_requests();
    if (on_connected) on_connected();
    co_return co_await live.read_until_end();
  }

  [[nodiscard]] std::error_code failed(const session_error& error) {
    if (closing_) return error.code;
    out_.counters().failed_attempts.add();
    take_error(error);
    log_.report(severity::warning, "websocket_manager", "cannot connect", error.code);
    publish(status_code::disconnected, error.code);
    return error.code;
  }

  // Counts it, and heeds what is decided about it.
  void take_error(const session_error& error) {
    const error_decision decided = errors_->handle(error, timers_.now());
    out_.counters().count(decided.kind);
    told_to_wait_ = decided.response.delay;
    hopeless_ = !decided.response.retry;
  }

  void disconnected(connection& live) {
    live_ = nullptr;
    ages_.pause();
    wanted_.forget_answers();
    if (live.was_healthy()) {
      retry_.reset();
      attempts_ = 0;
    }
    const std::error_code reason = closing_ ? make_error_code(errc::cancelled) : live.end_reason();
    if (!closing_) {
      out_.counters().disconnects.add();
      take_error(live.why_ended());
      log_.report(severity::warning, "websocket_manager", "connection lost", reason);
    }
    publish(status_code::disconnected, reason);
  }

  void publish(status_code code, std::error_code error) {
    status_record record = make_status(code, epoch_clock::now_ns(), error);
    if (code == status_code::reconnecting) record.first = attempts_ + 1;
    publisher::batch batch{out_};
    batch.publish_status(record, protocol_.where());
  }

  void set_state(session_state now) noexcept { state_.store(now, std::memory_order_relaxed); }  // a view for others

  async_thread_bridge& bridge_;
  timer_queue& timers_;
  publisher& out_;
  Protocol& protocol_;
  Dialer dial_;
  const session_settings settings_;
  const diagnostics& log_;
  const std::shared_ptr<websocket_error_handler> errors_;
  const std::string place_;
  task_scope scope_{bridge_.context(), "websocket_manager", &log_};
  async_event ended_{bridge_.context()};
  backoff retry_;
  subscription_set wanted_;
  connection* live_{nullptr};  // in attempt()'s frame
  detail::stream_watcher<Protocol> ages_{settings_.ages, timers_, out_, protocol_, wanted_, log_, [this] {
                                           if (live_ != nullptr) live_->send_requests();
                                         }};
  const detail::confirmation_handler confirmed_{[this](const std::vector<std::string>& streams) {
    ages_.watch(streams);
    if (on_confirmed) on_confirmed(streams);
  }};
  std::error_code last_error_;
  steady_time::duration told_to_wait_{};  // because of the last error
  std::uint64_t attempts_{0};             // since the last healthy connection
  bool tried_{false};
  bool hopeless_{false};  // the last error is not to be tried again
  bool closing_{false};
  std::atomic<session_state> state_{session_state::disconnected};
};

}  // namespace foxtrot::inline v0

namespace foxtrot::inline v0::binance::detail {

/// Whose network thread this is; null for all others. A thread's id could be another's before long.
inline thread_local const void* owner_of_this_thread = nullptr;

/// One network thread with its session and its REST requests. Made, started and stopped by its owner; the rest from any
/// thread.
class engine : private live_object<engine> {
 public:
  engine(const checked_settings& settings, publisher& out)
      : settings_{settings},
        out_{out},
        bridge_{bridge_settings_of(settings.given.network), settings.given.log},
        protocol_{settings.given.market},
        books_{settings.given.market == market::spot ? book_rule::spot : book_rule::futures,
               {.fetch = [this](symbol_id symbol) { fetcher_.ask(std::string{out_.symbols().name(symbol)}); },
                .wake_after =
                    [this](std::chrono::nanoseconds wait) {
                      books_due_ = bridge_.timers().call_after(wait, [this] { books_.on_time(); });
                    }}},
        session_{bridge_,
                 out,
                 protocol_,
                 tls_dialer{settings.tls, settings.websocket.host, settings.websocket.port, settings.given.dial},
                 settings.given.session,
                 settings.given.log},
        fetcher_{bridge_.timers(), out, protocol_, settings} {}

  engine(const engine&) = delete;
  engine& operator=(const engine&) = delete;
  /// Joins the network thread, however long a handler there still takes.
  ~engine() {
    told_.cancel();
    watched_.cancel();
    join();
    // What stop() could not end in time ends here, while everything it refers to is alive.
    requests_.cancel();
    session_.cancel();
    bridge_.context().restart();
    bridge_.context().poll();
    out_.show_books_to(nullptr);
  }

  /// `owner` is known to be the network thread's before any event can reach a handler there.
  [[nodiscard]] std::error_code start(std::vector<std::string> streams, const void* owner) {
    if (const std::error_code error = bridge_.start()) return error;
    if (settings_.given.monitor != nullptr) listen_to(*settings_.given.monitor);
    return bridge_.call(
        [this, &streams, owner] {
          owner_of_this_thread = owner;
          subscribe_now(streams);
          if (settings_.given.depth_snapshots) {
            // A book that misses nothing but has no changes, either, would not ask: so one is fetched for each anyway.
            // What is under way when a connection is made may be of before.
            session_.on_connected = [this] {
              fetcher_.forget();
              books_.doubt_all();
            };
            session_.on_confirmed = [this](const std::vector<std::string>& confirmed) {
              for_each_book(confirmed, [this](std::string symbol) { fetcher_.ask(std::move(symbol)); });
            };
            out_.show_books_to(&books_);
            (void)requests_.spawn("depth snapshots", fetcher_.run());
          }
          session_.start();
        },
        start_patience);
  }

  /// Ends everything in order: the session says goodbye, the requests are dropped, the thread is joined. On the network
  /// thread it only begins; somebody else's stop() or the destructor joins. Idempotent. errc::timeout where a task
  /// would not end; it has been named to the diagnostics.
  std::error_code stop() {
    start_stop();
    if (on_network_thread()) return {};
    (void)said_.wait_for(settings_.given.session.close_timeout + task_patience);
    return bridge_.stop(task_patience);
  }

  /// Begins what stop() does, and waits for nothing.
  void start_stop() {
    if (!ending_.exchange(true, std::memory_order_relaxed)) bridge_.spawn("stop", say_goodbye());
  }
  /// Ends everything without a word: no goodbye to the venue, whatever is under way is cut off as soon as the network
  /// thread comes to it. Only begins; stop() joins.
  void abort() {
    start_stop();
    bridge_.post([this] {
      requests_.cancel();
      session_.cancel();
    });
  }
  /// What has not ended yet, by name. Any thread.
  [[nodiscard]] std::vector<std::string> tasks() const {
    std::vector<std::string> all = session_.tasks();
    for (std::string& each : requests_.names()) all.push_back(std::move(each));
    return all;
  }

  // What follows is done by the network thread as soon as it comes to it. False where too much waits for it already.
  [[nodiscard]] bool subscribe(std::vector<std::string> streams) {
    return commands_.try_send({command::action::subscribe, std::move(streams)});
  }
  [[nodiscard]] bool unsubscribe(std::vector<std::string> streams) {
    return commands_.try_send({command::action::unsubscribe, std::move(streams)});
  }
  /// Lets newcomers hear the state of the connection even if nothing else happens.
  [[nodiscard]] bool greet_newcomers() { return commands_.try_send({command::action::greet, {}}); }
  [[nodiscard]] bool drop_connection() { return commands_.try_send({command::action::drop, {}}); }
  /// The book that is kept of this symbol goes out as a tick.
  [[nodiscard]] bool request_snapshot(std::string symbol) {
    return commands_.try_send({command::action::snapshot, {std::move(symbol)}});
  }

  /// After stop(): the network thread has not ended, because a handler there has not returned.
  [[nodiscard]] bool stuck() { return bridge_.has_thread(); }
  /// Ends the network thread however long a handler there still takes.
  void join() { bridge_.join(); }

  /// True once stop() was called.
  [[nodiscard]] bool ending() const noexcept { return ending_.load(std::memory_order_relaxed); }
  [[nodiscard]] session_state state() const noexcept { return session_.state(); }
  [[nodiscard]] bool on_network_thread() const noexcept { return bridge_.on_loop_thread(); }

 private:
  static constexpr std::chrono::milliseconds start_patience{1000};
  static constexpr std::chrono::milliseconds task_patience{500};

  struct command {
    enum class action : std::uint8_t { subscribe, unsubscribe, greet, drop, snapshot, tell_of_thread };
    action what;
    std::vector<std::string> names{};  // of streams; snapshot: of a symbol; tell_of_thread: of a thread
    status_code status{};              // tell_of_thread
  };
  static constexpr std::size_t most_commands = 256;

  void run(command& wanted) {
    switch (wanted.what) {
      case command::action::subscribe: forget_ids(wanted.names); return subscribe_now(wanted.names);
      case command::action::unsubscribe: return unsubscribe_now(wanted.names);
      case command::action::greet: {
        const publisher::batch adopt{out_};
        return;
      }
      case command::action::drop: return session_.drop(errc::closed);
      case command::action::snapshot: {
        if (session_.state() != session_state::connected) books_.doubt_all();
        publisher::batch batch{out_};
        (void)batch.publish_book(protocol_.where(), out_.symbols().find(wanted.names.front()));
        return;
      }
      case command::action::tell_of_thread: {
        publisher::batch batch{out_};
        batch.publish_status(make_thread_status(wanted.status, epoch_clock::now_ns(), wanted.names.front()),
                             protocol_.where());
        return;
      }
    }
  }

  void listen_to(thread_monitor& monitor) {
    watched_ = monitor.watch(settings_.given.network.name, bridge_.pulse(), settings_.given.watch);
    told_ = monitor.on_event([this](const thread_event& event) {
      constexpr auto first = static_cast<unsigned>(status_code::thread_crashed);
      const auto code = static_cast<status_code>(first + static_cast<unsigned>(event.kind));
      (void)commands_.try_send({command::action::tell_of_thread, {event.name}, code});  // full: it has worse to tell of
    });
  }

  // Calls `action` with the symbol of each stream of depth updates among these.
  template <class Action>
  static void for_each_book(std::span<const std::string> streams, Action action) {
    for (const std::string& stream : streams) {
      if (std::string symbol = depth_symbol_of(stream); !symbol.empty()) action(std::move(symbol));
    }
  }

  // Of streams that are new now: what came between is no hole, for nobody wanted it.
  void forget_ids(std::span<const std::string> streams) {
    const std::vector<std::string> known = session_.subscriptions().streams();
    for (const std::string& stream : streams) {
      const auto kind = numbered_kind_of_stream(stream);
      if (!kind || std::find(known.begin(), known.end(), stream) != known.end()) continue;
      out_.forget_ids(*kind, out_.symbols().find(symbol_of_stream(stream)));
    }
  }

  void subscribe_now(std::span<const std::string> streams) {
    for_each_book(streams, [this](const std::string& symbol) {
      if (!settings_.given.depth_snapshots) return;
      if (const auto id = out_.symbols().intern(symbol)) books_.add(*id);
    });
    session_.subscribe(streams);
  }
  void unsubscribe_now(std::span<const std::string> streams) {
    session_.unsubscribe(streams);
    const std::vector<std::string> left = session_.subscriptions().streams();
    for_each_book(streams, [&](const std::string& symbol) {
      const auto is_left = [&symbol](const std::string& stream) { return depth_symbol_of(stream) == symbol; };
      if (std::any_of(left.begin(), left.end(), is_left)) return;  // at another speed
      books_.remove(out_.symbols().find(symbol));
      fetcher_.forget(symbol);
    });
  }

  [[nodiscard]] static bridge_settings bridge_settings_of(const network_settings& given) {
    bridge_settings made;
    made.network = {given.name, given.cpu, given.realtime_priority, given.policy};
    made.waiting = given.idle;
    return made;
  }

  [[nodiscard]] task<> say_goodbye() {
    requests_.cancel();
    (void)co_await session_.stop(task_patience);
    (void)co_await requests_.close(bridge_.timers(), task_patience);
    bridge_.stop(task_patience);  // from here it only asks the loop to end
    goodbye_.set_value();
  }

  const checked_settings& settings_;
  publisher& out_;
  std::atomic<bool> ending_{false};
  std::promise<void> goodbye_;
  const std::future<void> said_{goodbye_.get_future()};
  async_thread_bridge bridge_;
  protocol protocol_;
  book_keeper books_;
  timer books_due_;
  websocket_manager<protocol, tls_dialer> session_;
  depth_fetcher fetcher_;
  command_queue<command> commands_{bridge_, most_commands, [this](command& wanted) { run(wanted); }};
  task_scope requests_{bridge_.context(), "requests", &settings_.given.log};
  watched_thread watched_;
  thread_monitor::handler_registration told_;
};

}  // namespace foxtrot::inline v0::binance::detail

namespace foxtrot::inline v0::binance {

/// A moment's view of the connection.
struct connection_info {
  session_state state{session_state::disconnected};
  std::uint64_t connects{0};
  std::uint64_t disconnects{0};
  std::uint64_t failed_attempts{0};
  std::string endpoint;
};

/// Streams a market into any number of consumers, reconnects by itself, and ends when told to. Every function may be
/// called from any thread, inline handlers included; only the destructor may not run on the network thread.
class market_data : private live_object<market_data> {
 public:
  /// Checks the settings; nothing is connected yet. Throws std::system_error for a stream name, URL or certificate file
  /// that cannot be right.
  explicit market_data(market_data_settings settings)
      : settings_{checked(std::move(settings))}, out_{*settings_.given.symbols, settings_.given.ring} {}
  market_data(const market_data&) = delete;
  market_data& operator=(const market_data&) = delete;
  /// Disconnects; consumers read what is there and then see the end.
  ~market_data() {
    disconnect();
    if (engine_ != nullptr) engine_->join();
    replace_engine(nullptr);
    out_.close();
  }

  /// A consumer of everything that reads the feed's ring.
  [[nodiscard]] subscription subscribe() {
    auto made = subscribe(subscription_settings{});
    return made ? std::move(*made) : subscription{};
  }
  /// A consumer of what it wants, by the policy it wants. errc::bad_argument for a symbol that cannot be a name.
  [[nodiscard]] result<subscription> subscribe(const subscription_settings& wanted) {
    auto made = out_.subscribe(wanted);
    greet_newcomers();
    return made;
  }
  /// A handler on the network thread: see publisher::subscribe_inline.
  [[nodiscard]] result<inline_subscription> subscribe_inline(const subscription_settings& wanted,
                                                             inline_handler handler) {
    auto made = out_.subscribe_inline(wanted, std::move(handler));
    greet_newcomers();
    return made;
  }

  /// Starts the network thread and returns; the connection is made there, and consumers hear of it. Connected already:
  /// nothing. The error is the system's, where no thread could be had; errc::would_block while an earlier disconnect
  /// waits for an inline handler to return.
  std::error_code connect() {
    if (on_network_thread()) return engine_->ending() ? make_error_code(errc::would_block) : std::error_code{};
    const std::lock_guard lock{mutex_};
    const bool over = engine_ != nullptr && (engine_->ending() || engine_->state() == session_state::error);
    if (over) (void)end_engine();  // an inline handler has disconnected, or the session has given up
    if (engine_ != nullptr) return engine_->ending() ? make_error_code(errc::would_block) : std::error_code{};
    out_.interrupt(false);
    replace_engine(std::make_unique<detail::engine>(settings_, out_));
    const std::error_code failed = engine_->start(streams_now(), this);
    if (failed) end_engine();
    return failed;
  }

  /// Says goodbye to the venue and ends the network thread; what consumers have not read yet stays readable.
  /// Idempotent. An inline handler that calls it only begins it. errc::timeout where something would not end in time.
  std::error_code disconnect() {
    out_.interrupt(true);
    if (on_network_thread()) return engine_->stop();
    const std::lock_guard lock{mutex_};
    out_.interrupt(true);  // again: a connect() may have come between
    return engine_ != nullptr ? end_engine() : std::error_code{};
  }

  /// Begins a disconnect and returns: several feeds say goodbye at the same time when each was told so before the first
  /// disconnect() waits. Idempotent.
  void start_disconnect() {
    out_.interrupt(true);
    const std::lock_guard lock{alive_};
    if (engine_ != nullptr) engine_->start_stop();
  }
  /// Cuts off what a disconnect() still does politely, such as waiting for the venue's goodbye: for a shutdown that has
  /// run out of patience. Begins a disconnect where there was none. Never waits; disconnect() or the destructor joins.
  void abort() {
    out_.interrupt(true);
    const std::lock_guard lock{alive_};
    if (engine_ != nullptr) engine_->abort();
  }
  /// Tasks of the network thread that have not ended, by name: what a shutdown waits for. Never waits.
  [[nodiscard]] std::vector<std::string> tasks() {
    const std::lock_guard lock{alive_};
    return engine_ != nullptr ? engine_->tasks() : std::vector<std::string>{};
  }

  /// Adds streams, now and for later connections. errc::bad_argument, and nothing added, for a name that cannot be one,
  /// or for more than 1,024 in all; errc::would_block where the network thread does not get to what it was told before:
  /// later connections will have them.
  std::error_code subscribe_streams(const std::vector<std::string>& streams) {
    if (!std::all_of(streams.begin(), streams.end(), is_stream_name)) return errc::bad_argument;
    {
      const std::lock_guard lock{streams_mutex_};
      std::vector<std::string> all = settings_.given.streams;
      for (const std::string& stream : streams) {
        if (std::find(all.begin(), all.end(), stream) == all.end()) all.push_back(stream);
      }
      if (all.size() > detail::max_streams) return errc::bad_argument;
      settings_.given.streams = std::move(all);
    }
    return tell_engine([&streams](detail::engine& running) { return running.subscribe(streams); });
  }
  /// Takes streams away, now and for later connections. errc::would_block as above.
  std::error_code unsubscribe_streams(const std::vector<std::string>& streams) {
    {
      const std::lock_guard lock{streams_mutex_};
      std::erase_if(settings_.given.streams, [&streams](const std::string& stream) {
        return std::find(streams.begin(), streams.end(), stream) != streams.end();
      });
    }
    return tell_engine([&streams](detail::engine& running) { return running.unsubscribe(streams); });
  }

  /// Cuts the connection as the network might; it is made again at once. For drills.
  std::error_code drop_connection() {
    return tell_engine([](detail::engine& running) { return running.drop_connection(); });
  }

  /// Asks for the whole book of a symbol, such as "BTCUSDT", that has a stream of depth updates: for a consumer that
  /// keeps its own and lost some. It comes to everybody, as a depth_snapshot of all that our book holds, in its place
  /// among the updates: at once, or as soon as our book is right. errc::bad_argument where we keep no such book,
  /// errc::closed where nothing is connected, errc::would_block as above.
  std::error_code request_snapshot(std::string_view symbol) {
    {
      const std::lock_guard lock{streams_mutex_};
      const auto& all = settings_.given.streams;
      const bool kept = std::any_of(all.begin(), all.end(),
                                    [symbol](const auto& stream) { return detail::depth_symbol_of(stream) == symbol; });
      if (!kept || !settings_.given.depth_snapshots) return errc::bad_argument;
    }
    bool running = false;
    const std::error_code error = tell_engine([&](detail::engine& engine) {
      running = true;
      return engine.request_snapshot(std::string{symbol});
    });
    return running ? error : make_error_code(errc::closed);
  }

  [[nodiscard]] connection_info info() {
    connection_info made{.endpoint = settings_.websocket.host + ":" + std::to_string(settings_.websocket.port)};
    with_engine([&made](detail::engine& running) { made.state = running.state(); });
    made.connects = counters().connects.get();
    made.disconnects = counters().disconnects.get();
    made.failed_attempts = counters().failed_attempts.get();
    return made;
  }
  /// Errors of the connection and of requests: by kind, in the last minute, the last one.
  [[nodiscard]] error_summary error_statistics() const {
    return settings_.given.session.errors->statistics(system_time().now());
  }
  [[nodiscard]] const feed_counters& counters() const noexcept { return out_.counters(); }

 private:
  [[nodiscard]] static detail::checked_settings checked(market_data_settings given) {
    auto made = detail::checked_settings::make(std::move(given));
    if (!made) throw std::system_error{made.error(), "binance::market_data"};
    return std::move(*made);
  }

  // Then the engine lives: nobody ends it without joining that thread.
  [[nodiscard]] bool on_network_thread() const noexcept { return detail::owner_of_this_thread == this; }

  // On the network thread without the lock: whoever holds it may be waiting for this thread to end.
  template <class Action>
  void with_engine(Action action) {
    if (on_network_thread()) return action(*engine_);
    const std::lock_guard lock{mutex_};
    if (engine_ != nullptr) action(*engine_);
  }

  // The same for a command, which there may be no room for.
  template <class Action>
  std::error_code tell_engine(Action action) {
    bool taken = true;
    with_engine([&](detail::engine& running) { taken = action(running); });
    return taken ? std::error_code{} : make_error_code(errc::would_block);
  }
  // Where there is no room for it, the network thread is behind with so much that it will greet them anyway.
  void greet_newcomers() {
    (void)tell_engine([](detail::engine& running) { return running.greet_newcomers(); });
  }

  [[nodiscard]] std::vector<std::string> streams_now() {
    const std::lock_guard lock{streams_mutex_};
    return settings_.given.streams;
  }

  std::error_code end_engine() {
    const std::error_code late = engine_->stop();
    if (engine_->stuck())
      return late;  // in a handler, which may still use it: a later disconnect or the destructor joins
    replace_engine(nullptr);
    return late;
  }

  // The old one dies without anybody waiting for it.
  void replace_engine(std::unique_ptr<detail::engine> by) {
    const std::lock_guard lock{alive_};
    engine_.swap(by);
  }

  detail::checked_settings settings_;  // constant but for the streams, which streams_mutex_ guards
  std::mutex streams_mutex_;
  publisher out_;
  std::mutex mutex_;  // held while an engine starts and stops
  std::mutex alive_;  // held while it is replaced or used without mutex_; taken last, and never for long
  std::unique_ptr<detail::engine> engine_;
};

}  // namespace foxtrot::inline v0::binance

// foxtrot/exchange/binance/streams_of.hpp: the names of the streams of every symbol that trades.

namespace foxtrot::inline v0::binance {

/// The stream `what` ("@bookTicker") of each trading symbol that `wanted` says true to, in the order of their names:
/// "btcusdt@bookTicker". One connection carries 1,024 streams at most.
template <std::predicate<const symbol_rules&> Wanted>
[[nodiscard]] std::vector<std::string> streams_of(const exchange_info& info, std::string_view what, Wanted wanted) {
  std::vector<std::string> streams;
  for (const symbol_rules& symbol : info) {
    if (!symbol.trading() || !wanted(symbol)) continue;
    std::string stream = symbol.name;
    std::transform(stream.begin(), stream.end(), stream.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
    stream += what;
    if (is_stream_name(stream)) streams.push_back(std::move(stream));
  }
  return streams;
}

/// The same of every trading symbol that is priced in `quote_asset`.
[[nodiscard]] inline std::vector<std::string> streams_of(const exchange_info& info, std::string_view what,
                                                         std::string_view quote_asset) {
  return streams_of(info, what,
                    [quote_asset](const symbol_rules& symbol) { return symbol.quote_asset == quote_asset; });
}

/// The same of every trading symbol.
[[nodiscard]] inline std::vector<std::string> streams_of(const exchange_info& info, std::string_view what) {
  return streams_of(info, what, [](const symbol_rules&) { return true; });
}

}  // namespace foxtrot::inline v0::binance

// foxtrot/feed/shutdown_component.hpp: feeds as a component that a coordinator stops.

// foxtrot/thread/shutdown_coordinator.hpp: one orderly end for everything that a program runs, by a deadline.

// foxtrot/thread/detail/blocked_signals.hpp: signals that the calling thread does not get for a while.

namespace foxtrot::inline v0::detail {

/// Until its end, on the thread that made it and on those that this one starts meanwhile, which keep it.
class blocked_signals {
 public:
  /// All that the process as a whole can get; not those of a thread's own mistakes.
  blocked_signals() noexcept {
    sigfillset(&ours_);
    for (const int each : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT}) sigdelset(&ours_, each);
    pthread_sigmask(SIG_BLOCK, &ours_, &before_);
  }
  explicit blocked_signals(std::span<const int> numbers) noexcept {
    sigemptyset(&ours_);
    for (const int each : numbers) sigaddset(&ours_, each);
    pthread_sigmask(SIG_BLOCK, &ours_, &before_);
  }
  blocked_signals(const blocked_signals&) = delete;
  blocked_signals& operator=(const blocked_signals&) = delete;
  ~blocked_signals() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

  [[nodiscard]] const sigset_t& ours() const noexcept { return ours_; }
  [[nodiscard]] const sigset_t& before() const noexcept { return before_; }

 private:
  sigset_t ours_{};
  sigset_t before_{};
};

}  // namespace foxtrot::inline v0::detail

// foxtrot/thread/detail/shutdown_component.hpp: what a shutdown knows of one component.

// foxtrot/thread/shutdown_report.hpp: what a shutdown did: who took how long, and what it took to stop it.

// foxtrot/thread/exit_code.hpp: how a program that foxtrot ends, or helps to end, says why.

namespace foxtrot::inline v0 {

/// The exit status of a program that ends through shutdown_coordinator or signal_guard.
enum class exit_code : int {
  clean = 0,        ///< everything stopped when it was asked to
  stuck = 1,        ///< something had not stopped at the deadline: it was named, and the process ended over its head
  unclean = 3,      ///< everything stopped, but something had to be forced, or its stop threw
  uncaught = 4,     ///< std::terminate: an exception that nobody caught; everything else was stopped first
  signalled = 128,  ///< plus the number of the second signal, which ends the process at once
};

[[nodiscard]] constexpr int to_status(exit_code code, int signal = 0) noexcept {
  return static_cast<int>(code) + signal;
}

}  // namespace foxtrot::inline v0

namespace foxtrot::inline v0 {

/// How far a shutdown has come.
enum class shutdown_phase : std::uint8_t {
  none,       ///< nobody has asked for one
  graceful,   ///< components are being stopped, the latest first
  force,      ///< those that did not stop have their sockets and timers cancelled
  emergency,  ///< those that still did not are being named
  over,
};

[[nodiscard]] constexpr std::string_view to_string(shutdown_phase phase) noexcept {
  constexpr std::string_view names[] = {"none", "graceful", "force", "emergency", "over"};
  return names[static_cast<std::size_t>(phase)];
}

/// One component's end.
struct component_report {
  std::string name{};
  shutdown_phase phase{shutdown_phase::none};  ///< in which it stopped, or was last seen; none: not asked yet
  bool stopped{false};
  std::chrono::nanoseconds took{0};  ///< from being asked to its end, or until now
  std::string said{};                ///< what its stop or force threw
  std::string who{};                 ///< the thread or task that would not stop, as far as it told

  [[nodiscard]] bool clean() const { return stopped && phase == shutdown_phase::graceful && said.empty(); }
};

/// A shutdown so far; final once its phase is `over`.
struct shutdown_report {
  std::string reason{};  ///< why it was begun: the first caller's words
  shutdown_phase phase{shutdown_phase::none};
  std::chrono::nanoseconds took{0};
  std::vector<component_report> components{};  ///< in the order in which they were stopped

  [[nodiscard]] exit_code code() const {
    const auto all = [this](auto test) { return std::all_of(components.begin(), components.end(), test); };
    if (!all([](const component_report& each) { return each.stopped; })) return exit_code::stuck;
    return all([](const component_report& each) { return each.clean(); }) ? exit_code::clean : exit_code::unclean;
  }

  /// A line for the whole and one for each component, for a person.
  [[nodiscard]] std::string text() const {
    const auto milliseconds = [](std::chrono::nanoseconds time) {
      return std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(time).count()) + " ms";
    };
    std::string made = "shutdown";
    if (!reason.empty()) made += " (" + reason + ")";
    made += ": " + std::string{to_string(phase)} + ", " + milliseconds(took) + "\n";
    for (const component_report& each : components) {
      made += "  " + each.name + ": ";
      made += each.stopped ? "stopped, " + std::string{to_string(each.phase)} : "does not stop";
      made += ", " + milliseconds(each.took);
      if (!each.said.empty()) made += ", threw: " + each.said;
      if (!each.who.empty()) made += ", " + each.who;
      made += "\n";
    }
    return made;
  }
};

}  // namespace foxtrot::inline v0

namespace foxtrot::inline v0 {

/// How a component is stopped. Each may be empty, may block, throw, or never return; each runs on a thread of the
/// coordinator's, `force` and `who` possibly while `stop` still runs.
struct component_actions {
  std::function<void()> stop{};   ///< asks it to end and waits until it has; until then it counts as running
  std::function<void()> force{};  ///< cancels what `stop` may be waiting for: sockets, timers. Without `stop`: ends it
  std::function<std::string()> who{};  ///< names the thread or task that does not get on
};

namespace detail {

/// Under the sequence's mutex, all of it.
struct shutdown_component {
  enum class call : std::uint8_t { none, running, done, threw };

  shutdown_component(std::string named, component_actions stopped_by)
      : name{std::move(named)}, actions{std::move(stopped_by)} {}

  std::string name;
  component_actions actions;
  bool internal{false};  // told of only where it went wrong
  bool removed{false};   // nothing of it is called any more
  call stop{call::none};
  call force{call::none};
  int calls{0};     // of its actions, now
  pid_t thread{0};  // that called stop or force last
  steady_time began{};
  steady_time ended{};
  component_report told{};

  [[nodiscard]] bool to_stop() const { return !removed && stop == call::none && actions.stop; }
  [[nodiscard]] bool to_force() const { return !settled() && !removed && force == call::none && actions.force; }
  [[nodiscard]] bool settled() const {
    if (stop == call::running || force == call::running) return false;
    if (removed || stop == call::done) return true;
    if (actions.force) return force != call::none;
    return stop == call::threw || !actions.stop;
  }
  // All that can be had without force.
  [[nodiscard]] bool stopped_or_past_help() const { return stop != call::running && !to_stop(); }

  void begin(call& which, shutdown_phase phase, steady_time now) {
    which = call::running;
    ++calls;
    if (told.phase == shutdown_phase::none) began = now;
    told.phase = phase;
  }
  void end(call& which, std::string said, steady_time now) {
    which = said.empty() ? call::done : call::threw;
    --calls;
    ended = now;
    if (!said.empty()) told.said += (told.said.empty() ? "" : "; ") + said;
  }
  [[nodiscard]] component_report report(steady_time now) const {
    component_report made = told;
    made.name = name;
    made.stopped = settled();
    if (made.phase != shutdown_phase::none) made.took = (settled() ? ended : now) - began;
    return made;
  }
};

}  // namespace detail
}  // namespace foxtrot::inline v0

// foxtrot/thread/detail/shutdown_sequence.hpp: one shutdown from its first request to the end of the process.

// foxtrot/thread/detail/caught.hpp: an action's exception as text.

namespace foxtrot::inline v0::detail {

/// Empty where the action returned; else what it threw, never empty.
template <class Action>
[[nodiscard]] std::string caught(Action&& action) {
  try {
    action();
    return {};
  } catch (const std::exception& failure) {
    const std::string what = failure.what();
    return what.empty() ? "an exception without a text" : what;
  } catch (...) {
    return "something that is no std::exception";
  }
}

}  // namespace foxtrot::inline v0::detail

// foxtrot/thread/detail/descriptor.hpp: a file descriptor that is closed in the end.

namespace foxtrot::inline v0::detail {

struct descriptor {
  int fd;

  explicit descriptor(int opened) noexcept : fd{opened} {}
  descriptor(const descriptor&) = delete;
  descriptor& operator=(const descriptor&) = delete;
  ~descriptor() {
    if (fd >= 0) ::close(fd);
  }
};

}  // namespace foxtrot::inline v0::detail

// foxtrot/thread/detail/runner_pool.hpp: threads for calls that may never return: a stuck one costs its thread only.

namespace foxtrot::inline v0::detail {

/// Runs each job on a thread that has nothing else to do. The first thread is made beforehand, so that a process that
/// can make no more still gets through its jobs as long as they return. `start`: any thread.
class runner_pool {
 public:
  explicit runner_pool(std::string name) : name_{std::move(name)} { add(); }
  runner_pool(const runner_pool&) = delete;
  runner_pool& operator=(const runner_pool&) = delete;
  ~runner_pool() { retire(); }

  /// The job must not throw. False where there is no thread for it and none could be made, or the pool is retired.
  [[nodiscard]] bool start(std::function<void()> job) noexcept {
    try {
      const std::lock_guard lock{mutex_};
      if (retired_) return false;
      for (runner& each : runners_) {
        if (each.busy) continue;
        each.busy = true;
        each.job = std::move(job);
        changed_.notify_all();
        return true;
      }
      add();
      runners_.back().busy = true;
      runners_.back().job = std::move(job);
      changed_.notify_all();
      return true;
    } catch (const std::exception&) {
      return false;
    }
  }

  /// Waits for the jobs that were started, however long they take, and joins.
  void retire() {
    {
      const std::lock_guard lock{mutex_};
      retired_ = true;
      changed_.notify_all();
    }
    for (runner& each : runners_) each.thread.reset();
  }

  /// Whether the caller is a job of this pool.
  [[nodiscard]] bool on_its_thread() const noexcept { return pool_of_this_thread() == this; }

 private:
  struct runner {
    bool busy{false};
    std::function<void()> job;
    std::optional<worker> thread;
  };

  [[gnu::visibility("default")]] static const runner_pool*& pool_of_this_thread() noexcept {
    static constinit thread_local const runner_pool* mine = nullptr;
    return mine;
  }

  void add() {
    runner& made = runners_.emplace_back();
    try {
      made.thread.emplace(placement{.name = name_}, [this, &made](std::stop_token) { serve(made); });
    } catch (...) {
      runners_.pop_back();
      throw;
    }
  }

  void serve(runner& mine) {
    pool_of_this_thread() = this;
    std::unique_lock lock{mutex_};
    while (true) {
      changed_.wait(lock, [&] { return mine.job || retired_; });
      if (!mine.job) return;
      std::function<void()> job = std::exchange(mine.job, nullptr);
      lock.unlock();
      job();
      job = nullptr;
      lock.lock();
      mine.busy = false;
    }
  }

  const std::string name_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool retired_{false};
  std::list<runner> runners_;  // its elements stay where they are
};

}  // namespace foxtrot::inline v0::detail

// foxtrot/thread/detail/shutdown_clock.hpp: when each phase of a shutdown ends, and waiting for it.

namespace foxtrot::inline v0::detail {

/// Under the mutex of who waits.
class shutdown_clock {
 public:
  explicit shutdown_clock(time_source& time) : time_{time} {}

  steady_time started{};
  steady_time forces{};  // 70 % of the time are over
  steady_time names{};   // 95 %
  steady_time ends{};

  void start(std::chrono::milliseconds deadline) noexcept {
    using std::chrono::milliseconds;
    constexpr milliseconds longest = std::chrono::hours{24 * 365};
    const std::chrono::nanoseconds whole = std::clamp(deadline, milliseconds{0}, longest);
    started = now();
    forces = started + whole / 20 * 14;
    names = started + whole / 20 * 19;
    ends = started + whole;
  }

  [[nodiscard]] steady_time now() const noexcept { return time_.now(); }

  // A test's time does not wake anybody, so we look at it now and then.
  template <class Predicate>
  bool wait_until(std::condition_variable& changed, std::unique_lock<std::mutex>& lock, steady_time when,
                  Predicate done) const {
    if (!time_.manual()) return changed.wait_until(lock, when, done);
    while (!done() && now() < when) changed.wait_for(lock, std::chrono::milliseconds{1});
    return done();
  }

 private:
  time_source& time_;
};

}  // namespace foxtrot::inline v0::detail

// foxtrot/thread/detail/signal_name.hpp: what a signal is called.

namespace foxtrot::inline v0::detail {

[[nodiscard]] inline std::string signal_name(int number) {
  switch (number) {
    case SIGINT: return "SIGINT";
    case SIGTERM: return "SIGTERM";
    case SIGHUP: return "SIGHUP";
    case SIGQUIT: return "SIGQUIT";
    case SIGUSR1: return "SIGUSR1";
    case SIGUSR2: return "SIGUSR2";
    default: return "signal " + std::to_string(number);
  }
}

}  // namespace foxtrot::inline v0::detail

// foxtrot/thread/detail/speaker.hpp: remarks to a sink that may block, from threads that must not.

// foxtrot/thread/detail/live_threads.hpp: the names of a process's threads, for the last words of one that is stuck.

namespace foxtrot::inline v0::detail {

/// "net 4711, strategy 4712": every thread's name and kernel number. Empty where /proc cannot be read.
[[nodiscard]] inline std::string live_threads() {
  std::string names;
  std::error_code error;
  for (std::filesystem::directory_iterator at{"/proc/self/task", error}, end; !error && at != end;
       at.increment(error)) {
    std::ifstream file{at->path() / "comm"};
    std::string name;
    if (!std::getline(file, name)) continue;  // it has just ended
    if (!names.empty()) names += ", ";
    names += name + " " + at->path().filename().string();
  }
  return names;
}

}  // namespace foxtrot::inline v0::detail

namespace foxtrot::inline v0::detail {

/// Says remarks in their order on a runner's thread. Any thread; never waits for the sink. The pool must be retired
/// before its destruction.
class speaker {
 public:
  speaker(std::string_view component, diagnostics log, runner_pool& runners)
      : component_{component}, log_{std::move(log)}, runners_{runners} {}

  void say(severity level, std::string text) {
    if (!log_) return;
    const std::lock_guard lock{mutex_};
    remarks_.emplace_back(level, std::move(text));
    if (!speaking_) speaking_ = runners_.start([this] { speak(); });
  }

  /// For who is about to end the process.
  [[nodiscard]] bool all_said_within(std::chrono::milliseconds patience) {
    std::unique_lock lock{mutex_};
    return silent_.wait_for(lock, patience, [this] { return !speaking_; });
  }

  /// Names all threads of the process.
  void say_threads() {
    if (log_) (void)runners_.start([this] { say(severity::critical, "threads alive: " + live_threads()); });
  }

 private:
  void speak() {
    std::unique_lock lock{mutex_};
    for (; !remarks_.empty(); lock.lock()) {
      const auto [level, text] = std::move(remarks_.front());
      remarks_.pop_front();
      lock.unlock();
      log_.report(level, component_, text);
    }
    speaking_ = false;
    silent_.notify_all();
  }

  const std::string_view component_;
  const diagnostics log_;
  runner_pool& runners_;
  std::mutex mutex_;  // guards what follows
  std::condition_variable silent_;
  std::deque<std::pair<severity, std::string>> remarks_;
  bool speaking_{false};
};

}  // namespace foxtrot::inline v0::detail

// foxtrot/thread/shutdown_settings.hpp: how long a shutdown may take, and how far its arm reaches.

namespace foxtrot::inline v0 {

struct shutdown_settings {
  /// From the first request to the end of the process: 70 % to stop, 25 % to force, 5 % to say who is stuck.
  std::chrono::milliseconds deadline{30'000};
  /// Also where all components have stopped: the process ends at the deadline unless the coordinator is destroyed by
  /// then. So a hang in a destructor on main's way out is a named one, too.
  bool until_destroyed{true};
  /// std::terminate, as after an exception that main does not catch, shuts down first and then ends the process with
  /// exit_code::uncaught; otherwise it aborts.
  bool on_terminate{true};
  /// How the process is ended: at once, without destructors, atexit handlers or the flushing of streams, because a
  /// stuck thread may hold any lock. A test's may return.
  std::function<void(int)> exit{[](int status) { ::_exit(status); }};
};

}  // namespace foxtrot::inline v0

namespace foxtrot::inline v0::detail {

/// The machinery of shutdown_coordinator, shared with its components' handles.
class shutdown_sequence {
 public:
  using component = shutdown_component;
  using pointer = std::shared_ptr<component>;

  shutdown_sequence(shutdown_settings settings, diagnostics log, time_source& time)
      : settings_{std::move(settings)}, clock_{time}, speaker_{"shutdown", std::move(log), runners_} {
    if (wanted_.fd < 0) throw std::system_error{errno, std::system_category(), "shutdown_coordinator"};
  }
  shutdown_sequence(const shutdown_sequence&) = delete;
  shutdown_sequence& operator=(const shutdown_sequence&) = delete;
  ~shutdown_sequence() = default;

  [[nodiscard]] std::stop_token stop_token() const noexcept { return stop_.get_token(); }
  [[nodiscard]] const shutdown_settings& settings() const noexcept { return settings_; }
  /// Whether the caller is one of the sequence's own threads, that is: in some component's action.
  [[nodiscard]] bool on_its_thread() const noexcept { return runners_.on_its_thread(); }

  /// Null where it is too late to stop anything.
  [[nodiscard]] pointer add(std::string name, component_actions actions) {
    auto made = std::make_shared<component>(std::move(name), std::move(actions));
    const std::lock_guard lock{mutex_};
    if (phase_ >= shutdown_phase::emergency) return nullptr;
    components_.push_back(made);
    changed_.notify_all();
    return made;
  }

  /// Afterwards none of its actions runs or will; the one that the caller is in excepted.
  void remove(const pointer& which) {
    component_actions unused;  // destroyed without the lock: what they hold is the user's
    std::unique_lock lock{mutex_};
    which->removed = true;
    changed_.notify_all();
    changed_.wait(lock, [&] { return which->calls <= (called_by_this_thread() == which.get() ? 1 : 0); });
    if (which->told.phase == shutdown_phase::none) std::erase(components_, which);
    if (which->calls == 0) unused = std::move(which->actions);
    lock.unlock();
  }

  void begin(std::string_view reason) noexcept {
    const std::lock_guard lock{mutex_};
    if (phase_ == shutdown_phase::none) wake_conductor();
    begin_locked(reason);
  }
  /// May be called from a signal handler.
  void begin_from_handler(int signal) noexcept {
    const int before = errno;
    handled_.store(signal, std::memory_order_relaxed);  // relaxed: it stands alone, and only words depend on it
    wake_conductor();
    errno = before;
  }

  [[nodiscard]] bool wait_until_over(std::chrono::nanoseconds patience) {
    if (on_its_thread()) return false;
    const steady_time start = std::chrono::steady_clock::now();  // a test's time stands still
    constexpr steady_time never = steady_time::max();
    std::unique_lock lock{mutex_};
    return changed_.wait_until(lock, patience < never - start ? start + patience : never,
                               [this] { return phase_ == shutdown_phase::over; });
  }

  [[nodiscard]] shutdown_report report() const {
    const std::lock_guard lock{mutex_};
    shutdown_report made{.reason = reason_, .phase = phase_};
    const steady_time now = phase_ == shutdown_phase::over ? ended_ : clock_.now();
    if (phase_ != shutdown_phase::none) made.took = now - clock_.started;
    for (const pointer& each : order_) {
      component_report told = each->report(now);
      if (!each->internal || !told.clean()) made.components.push_back(std::move(told));
    }
    return made;
  }

  /// On a thread of its own: returns once the shutdown is over and the coordinator on its way out.
  void conduct() noexcept {
    const std::string failure = caught([this] {
      eventfd_t wakes = 0;
      while (eventfd_read(wanted_.fd, &wakes) != 0) {
      }
      run_phases();
    });
    if (!failure.empty()) settings_.exit(to_status(exit_code::stuck));  // no memory even to stop
  }

  /// For remarks from elsewhere about this end.
  [[nodiscard]] speaker& remarks() noexcept { return speaker_; }

  /// The coordinator is on its way out: waits for the actions that still run.
  void retire() {
    runners_.retire();
    const std::lock_guard lock{mutex_};
    dismissed_ = true;
    changed_.notify_all();
  }

 private:
  [[gnu::visibility("default")]] static const component*& called_by_this_thread() noexcept {
    static constinit thread_local const component* mine = nullptr;
    return mine;
  }

  void run_phases() {
    std::unique_lock lock{mutex_};
    begin_locked("a signal handler: " + signal_name(handled_.load(std::memory_order_relaxed)));
    speaker_.say(severity::info, reason_.empty() ? "begins" : "begins: " + reason_);
    announce();
    run_phase(lock, shutdown_phase::graceful, clock_.forces);
    if (!all_settled()) run_phase(lock, shutdown_phase::force, clock_.names);
    // Nobody is told that it is over before the process ends: main would take things apart that are in use.
    const bool stuck = !all_settled() && !settle_in_emergency(lock);
    if (stuck) end_process(lock);
    ended_ = clock_.now();
    phase_ = shutdown_phase::over;
    changed_.notify_all();
    if (!stuck && settings_.until_destroyed && !dismissed_in_time(lock)) end_process(lock);
    changed_.wait(lock, [this] { return dismissed_; });
  }

  template <class Predicate>
  bool wait_until(std::unique_lock<std::mutex>& lock, steady_time when, Predicate done) {
    return clock_.wait_until(changed_, lock, when, done);
  }

  [[nodiscard]] bool all_settled() const {
    return std::all_of(components_.begin(), components_.end(), [](const pointer& each) { return each->settled(); });
  }
  void wake_conductor() const noexcept { [[maybe_unused]] const int done = eventfd_write(wanted_.fd, 1); }
  void begin_locked(std::string_view reason) noexcept {
    if (phase_ != shutdown_phase::none) return;
    phase_ = shutdown_phase::graceful;
    clock_.start(settings_.deadline);
    try {
      reason_ = reason;
    } catch (const std::exception&) {  // out of memory: it stops without a reason
    }
  }

  // Stops the token before everything else. Its callbacks are the users' own and may block: they are a component.
  void announce() {
    auto made =
        std::make_shared<component>("stop callbacks", component_actions{.stop = [this] { stop_.request_stop(); }});
    made->internal = true;
    components_.push_back(std::move(made));
  }

  // Calls the newest that is left, gives it its share of the time, goes on; and then waits for all, as long as there is
  // time. One that hangs delays the others by its share and no more, and is not hurried by them.
  void run_phase(std::unique_lock<std::mutex>& lock, shutdown_phase phase, steady_time end) {
    phase_ = phase;
    const bool forcing = phase == shutdown_phase::force;
    const auto due = [forcing](const pointer& each) { return each->to_stop() || (forcing && each->to_force()); };
    const auto finished = [forcing](const pointer& each) {
      return forcing ? each->settled() : each->stopped_or_past_help();
    };
    const auto all_finished = [&] { return std::all_of(components_.begin(), components_.end(), finished); };
    while (true) {
      const auto next = std::find_if(components_.rbegin(), components_.rend(), due);
      if (next == components_.rend()) {
        const auto ready = [&] { return all_finished() || std::any_of(components_.begin(), components_.end(), due); };
        if (all_finished() || !wait_until(lock, end, ready)) return;
        continue;
      }
      const auto left = std::count_if(components_.begin(), components_.end(), due);
      const pointer which = *next;  // a copy: it may be removed meanwhile
      const bool stopping = which->to_stop();
      launch(which, stopping);
      const steady_time now = clock_.now();
      const steady_time share = now + std::max(end - now, steady_time::duration{0}) / left;
      const component::call& going = stopping ? which->stop : which->force;
      const auto returned = [&going] { return going != component::call::running; };
      if (!wait_until(lock, share, returned) && now < end)
        speaker_.say(severity::warning, which->name + " takes its time to " + (stopping ? "stop" : "be forced"));
    }
  }

  // Under the lock.
  void launch(const pointer& which, bool stopping) {
    which->begin(stopping ? which->stop : which->force, phase_, clock_.now());
    if (std::find(order_.begin(), order_.end(), which) == order_.end()) order_.push_back(which);
    if (!runners_.start([this, which, stopping] { call_action(*which, stopping); }))
      which->end(stopping ? which->stop : which->force, "no thread could be made for it", clock_.now());
  }

  void call_action(component& which, bool stopping) {
    {
      const std::lock_guard lock{mutex_};
      if (stopping || which.stop != component::call::running) which.thread = ::gettid();  // the one that is waited for
    }
    called_by_this_thread() = &which;
    std::string said = caught([&] { (stopping ? which.actions.stop : which.actions.force)(); });
    called_by_this_thread() = nullptr;
    const std::lock_guard lock{mutex_};
    if (!said.empty()) speaker_.say(severity::error, which.name + ": " + said);
    which.end(stopping ? which.stop : which.force, std::move(said), clock_.now());
    changed_.notify_all();
  }

  bool settle_in_emergency(std::unique_lock<std::mutex>& lock) {
    phase_ = shutdown_phase::emergency;
    for (const pointer& each : components_) {
      if (each->settled()) continue;
      each->told.phase = phase_;
      speaker_.say(severity::critical,
                   each->name + " does not stop: it is waited for on thread " + std::to_string(each->thread));
      if (each->actions.who) ask_who(each);
    }
    speaker_.say_threads();
    return wait_until(lock, clock_.ends, [this] { return all_settled(); });
  }

  void ask_who(const pointer& which) {
    ++which->calls;
    const auto ask = [this, which] {
      called_by_this_thread() = which.get();
      std::string who;
      const std::string said = caught([&] { who = which->actions.who(); });
      called_by_this_thread() = nullptr;
      const std::lock_guard lock{mutex_};
      which->told.who = said.empty() ? who : said;
      speaker_.say(severity::critical, which->name + ": " + which->told.who);
      --which->calls;
      changed_.notify_all();
    };
    if (!runners_.start(ask)) --which->calls;
  }

  void end_process(std::unique_lock<std::mutex>& lock) {
    lock.unlock();
    settings_.exit(to_status(exit_code::stuck));
    lock.lock();  // a test's has returned
  }

  // All components have stopped, but the process may go on.
  bool dismissed_in_time(std::unique_lock<std::mutex>& lock) {
    const auto dismissed = [this] { return dismissed_; };
    if (wait_until(lock, clock_.names, dismissed)) return true;
    speaker_.say(severity::critical, "all components have stopped, but the process does not end");
    speaker_.say_threads();
    return wait_until(lock, clock_.ends, dismissed);
  }

  const shutdown_settings settings_;
  std::stop_source stop_;
  const descriptor wanted_{eventfd(0, EFD_CLOEXEC)};  // a signal handler can write it, too
  std::atomic<int> handled_{0};

  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  shutdown_clock clock_;
  shutdown_phase phase_{shutdown_phase::none};
  std::string reason_;
  steady_time ended_{};
  std::vector<pointer> components_;  // the latest last
  std::vector<pointer> order_;       // in which they were called
  bool dismissed_{false};

  runner_pool runners_{"shutdown-call"};  // after the above, which its threads use
  speaker speaker_;
};

}  // namespace foxtrot::inline v0::detail

// foxtrot/thread/detail/terminate_hook.hpp: std::terminate as one more way to begin a shutdown.

namespace foxtrot::inline v0::detail {

/// While one lives, std::terminate shuts down in order, and then ends the process with exit_code::uncaught. The first
/// of several has the say. The handler from before comes back after it, unless somebody else has put in his own.
class terminate_hook {
 public:
  explicit terminate_hook(shutdown_sequence& whom) noexcept {
    shutdown_sequence* none = nullptr;
    // release: the handler's thread sees the sequence as it was made
    mine_ = sequence().compare_exchange_strong(none, &whom, std::memory_order_release, std::memory_order_relaxed);
    if (mine_) before_ = std::set_terminate(handler);
  }
  terminate_hook(const terminate_hook&) = delete;
  terminate_hook& operator=(const terminate_hook&) = delete;
  ~terminate_hook() {
    if (!mine_) return;
    if (std::get_terminate() == handler) std::set_terminate(before_);
    if (sequence().exchange(nullptr, std::memory_order_acquire) != nullptr) return;
    while (true) ::pause();  // another thread is ending the process, and uses what we were to destroy
  }

 private:
  [[gnu::visibility("default")]] static std::atomic<shutdown_sequence*>& sequence() noexcept {
    static constinit std::atomic<shutdown_sequence*> the_one{nullptr};
    return the_one;
  }

  [[noreturn]] static void handler() {
    shutdown_sequence* const whom = sequence().exchange(nullptr, std::memory_order_acquire);
    while (whom == nullptr) ::pause();  // somebody else was first, and ends the process
    const std::string why = "std::terminate: " + what();
    whom->remarks().say(severity::critical, why);
    whom->begin(why);
    // In a component's action: that one will never return, and the deadline finds it. The others are stopped.
    while (whom->on_its_thread()) ::pause();
    (void)whom->wait_until_over(std::chrono::nanoseconds::max());
    (void)whom->remarks().all_said_within(std::chrono::milliseconds{100});
    whom->settings().exit(to_status(exit_code::uncaught));
    std::abort();
  }

  [[nodiscard]] static std::string what() {
    const std::exception_ptr uncaught = std::current_exception();
    if (uncaught == nullptr) return "no exception";
    try {
      std::rethrow_exception(uncaught);
    } catch (const std::exception& failure) {
      return failure.what();
    } catch (...) {
      return "something that is no std::exception";
    }
  }

  bool mine_{false};
  std::terminate_handler before_{nullptr};
};

}  // namespace foxtrot::inline v0::detail

// foxtrot/thread/signal_guard.hpp: SIGINT and SIGTERM as a stop token.

// foxtrot/thread/detail/ignored_sigpipe.hpp: a broken pipe as an error code instead of a signal, for a while.

namespace foxtrot::inline v0::detail {

/// In the whole process. What was there comes back in the end, unless somebody else has changed it meanwhile.
class ignored_sigpipe {
 public:
  ignored_sigpipe() noexcept {
    struct sigaction ignore{};
    ignore.sa_handler = SIG_IGN;
    sigaction(SIGPIPE, &ignore, &before_);
  }
  ignored_sigpipe(const ignored_sigpipe&) = delete;
  ignored_sigpipe& operator=(const ignored_sigpipe&) = delete;
  ~ignored_sigpipe() {
    struct sigaction now{};
    sigaction(SIGPIPE, nullptr, &now);
    if ((now.sa_flags & SA_SIGINFO) == 0 && now.sa_handler == SIG_IGN) restore();
  }

  /// Async-signal-safe.
  void restore() const noexcept { sigaction(SIGPIPE, &before_, nullptr); }

 private:
  struct sigaction before_{};
};

}  // namespace foxtrot::inline v0::detail

namespace foxtrot::inline v0 {

struct signal_guard_settings {
  /// Those that ask for a stop; SIGHUP and SIGQUIT may be others.
  std::vector<int> signals{SIGINT, SIGTERM};
  /// A signal that was ignored before, as nohup ignores SIGHUP and a shell ignores SIGINT for what it runs in the
  /// background, stays ignored.
  bool keep_ignored{true};
  /// What comes so soon after the first signal is the same request, delivered again: timeout(1) signals its child both
  /// alone and with its group, and a wrapper passes on what the terminal has sent to both. Only then is the stop made
  /// known, so that a signal from anybody who has seen it counts as a second one, however soon it comes.
  std::chrono::milliseconds settle{2};
  /// The second signal ends the process at once. Otherwise it is only counted: for programs whose shutdown has a
  /// deadline and which must survive a storm of signals.
  bool second_exits{true};
  /// Also ignores SIGPIPE. Foxtrot's own sockets do not need it; a program's pipes may.
  bool ignore_sigpipe{false};
};

/// While one lives, SIGINT and SIGTERM do not kill: the first requests a stop on stop_token(), the second ends the
/// process at once with status 128 + its number, whatever the stop's callbacks are doing. No signal handler is
/// installed: the signals are blocked and read by one thread, and the callbacks run on another, so that they may use
/// locks, memory and streams, and may block.
///
/// Make it first thing in main: threads inherit the blocked signals when they start, and a thread that already ran
/// would still be killed by them. A signal that was blocked and pending before counts as the first. std::raise and
/// pthread_kill signal one thread alone, and are not seen: use kill(getpid(), n). Programs started with exec inherit
/// what is blocked and ignored: see restore_in_child. Destruction, on the thread that made it, restores that thread's
/// signal mask and the process's SIGPIPE, and waits for a callback that still runs; a signal that comes then has its
/// old meaning. One at a time in a process.
class signal_guard : private live_object<signal_guard> {
 public:
  /// Throws std::system_error where the process is out of descriptors or threads, or a number is no signal.
  explicit signal_guard(signal_guard_settings settings = {})
      : settings_{std::move(settings)},
        mask_{chosen(settings_)},
        signals_{signalfd(-1, &mask_.ours(), SFD_CLOEXEC | SFD_NONBLOCK)},
        end_reading_{eventfd(0, EFD_CLOEXEC)},
        announced_{eventfd(0, EFD_CLOEXEC)} {
    if (signals_.fd < 0 || end_reading_.fd < 0 || announced_.fd < 0)
      throw std::system_error{errno, std::system_category(), "signal_guard"};
    if (settings_.ignore_sigpipe) sigpipe_.emplace();
    reader_.emplace(placement{.name = "signals"}, [this](std::stop_token over) { read(std::move(over)); });
    stopper_.emplace(placement{.name = "signals-stop"}, [this](std::stop_token over) { stop_when_told(over); });
  }
  signal_guard(const signal_guard&) = delete;
  signal_guard& operator=(const signal_guard&) = delete;

  ~signal_guard() {
    // A callback that blocks is waited for, and meanwhile a second signal still ends the process.
    stopper_.reset();
    reader_.reset();
    if (signal() != 0) stop_.request_stop();  // it came just now: whoever has the token may look at it later
  }

  /// Stops when a signal has come, or somebody called request_stop(). Any thread.
  [[nodiscard]] std::stop_token stop_token() const noexcept { return stop_.get_token(); }
  /// The same stop without a signal; callbacks run in the caller. Any thread, but not from a signal handler.
  void request_stop() noexcept { stop_.request_stop(); }
  /// The first signal that came, or 0.
  [[nodiscard]] int signal() const noexcept { return first_.load(std::memory_order_relaxed); }
  /// How many were read. Equal signals that were pending at the same time are one.
  [[nodiscard]] std::uint64_t received() const noexcept { return received_.load(std::memory_order_relaxed); }

  /// Between fork and exec, in the child: gives it the signal mask and SIGPIPE as they were before the guard.
  /// Async-signal-safe.
  void restore_in_child() const noexcept {
    if (sigpipe_) sigpipe_->restore();
    pthread_sigmask(SIG_SETMASK, &mask_.before(), nullptr);
  }

 private:
  [[nodiscard]] static std::vector<int> chosen(const signal_guard_settings& settings) {
    std::vector<int> kept;
    for (const int each : settings.signals) {
      struct sigaction now{};
      if (sigaction(each, nullptr, &now) != 0) throw std::system_error{errno, std::system_category(), "signal_guard"};
      const bool ignored = (now.sa_flags & SA_SIGINFO) == 0 && now.sa_handler == SIG_IGN;
      if (!ignored || !settings.keep_ignored) kept.push_back(each);
    }
    return kept;
  }

  // Does nothing but read: no callback of anybody's holds up the second signal.
  void read(std::stop_token over) {
    const std::stop_callback wake{over, [this]() noexcept { tell(end_reading_); }};
    std::array<pollfd, 2> sources{pollfd{signals_.fd, POLLIN, 0}, pollfd{end_reading_.fd, POLLIN, 0}};
    std::chrono::steady_clock::time_point settled = never;  // when the first has been taken in
    bool announced = false;
    while (!over.stop_requested()) {
      if (::poll(sources.data(), sources.size(), until(settled)) < 0 && errno != EINTR) return;
      signalfd_siginfo info{};
      while (::read(signals_.fd, &info, sizeof(info)) == static_cast<ssize_t>(sizeof(info))) {
        const int number = static_cast<int>(info.ssi_signo);
        received_.fetch_add(1, std::memory_order_relaxed);
        if (announced && settings_.second_exits) ::_exit(to_status(exit_code::signalled, number));
        if (signal() != 0) continue;
        first_.store(number, std::memory_order_relaxed);
        settled = std::chrono::steady_clock::now() + settings_.settle;
      }
      if (std::chrono::steady_clock::now() < settled) continue;
      settled = never;
      announced = true;
      tell(announced_);
    }
  }

  static constexpr auto never = std::chrono::steady_clock::time_point::max();

  // For poll: forever, or as many milliseconds, rounded up.
  [[nodiscard]] static int until(std::chrono::steady_clock::time_point when) {
    if (when == never) return -1;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(when - std::chrono::steady_clock::now());
    return left.count() > 0 ? static_cast<int>(left.count()) : 0;
  }

  void stop_when_told(const std::stop_token& over) {
    const std::stop_callback wake{over, [this]() noexcept { tell(announced_); }};
    while (!over.stop_requested()) {
      eventfd_t count = 0;
      if (eventfd_read(announced_.fd, &count) == 0 && signal() != 0) stop_.request_stop();
    }
  }

  static void tell(const detail::descriptor& event) noexcept {
    [[maybe_unused]] const int done = eventfd_write(event.fd, 1);
  }

  const signal_guard_settings settings_;
  const detail::blocked_signals mask_;  // made before the threads that inherit it, restored after their end
  const detail::descriptor signals_;
  const detail::descriptor end_reading_;
  const detail::descriptor announced_;
  std::optional<detail::ignored_sigpipe> sigpipe_;
  std::stop_source stop_;
  std::atomic<int> first_{0};               // relaxed: stands alone
  std::atomic<std::uint64_t> received_{0};  // relaxed: stands alone
  std::optional<worker> reader_;
  std::optional<worker> stopper_;
};

}  // namespace foxtrot::inline v0

namespace foxtrot::inline v0 {

/// While it lives, its component is stopped with the others. Destruction takes it out: waits for an action of it that
/// runs just then (except from inside that action), and afterwards none will. May outlive the coordinator.
class registered_component : private live_object<registered_component> {
 public:
  registered_component() = default;
  registered_component(registered_component&& other) noexcept = default;
  registered_component& operator=(registered_component&& other) noexcept {
    if (this != &other) {
      reset();
      sequence_ = std::move(other.sequence_);
      which_ = std::move(other.which_);
    }
    return *this;
  }
  ~registered_component() { reset(); }

  void reset() {
    if (which_ != nullptr) sequence_->remove(which_);
    which_.reset();
    sequence_.reset();
  }
  /// False where it came too late: the shutdown was over.
  [[nodiscard]] explicit operator bool() const noexcept { return which_ != nullptr; }

 private:
  friend class shutdown_coordinator;
  registered_component(std::shared_ptr<detail::shutdown_sequence> sequence, detail::shutdown_sequence::pointer which)
      : sequence_{std::move(sequence)}, which_{std::move(which)} {}

  std::shared_ptr<detail::shutdown_sequence> sequence_;
  detail::shutdown_sequence::pointer which_;
};

/// Stops what has registered with it, the latest first, each on a thread of its own: one that hangs holds up the others
/// for its share of the time only. What does not stop in 70 % of the deadline is forced; what still runs after 95 % is
/// named to the diagnostics, and at the deadline the process ends with exit_code::stuck. Nothing happens to a program
/// that never asks for a stop.
///
/// Make it in main after the signal_guard and before everything that it is to stop. Any thread may call anything but
/// the destructor; `wait` and `shutdown` not from a thread that a component's stop waits for. A component may be added
/// while a shutdown is under way, and is stopped as well.
class shutdown_coordinator : private live_object<shutdown_coordinator> {
 public:
  /// Throws std::system_error where no thread can be made.
  explicit shutdown_coordinator(shutdown_settings settings = {}, diagnostics log = {},
                                time_source& time = system_time())
      : shutdown_coordinator{detail::blocked_signals{}, std::move(settings), std::move(log), time} {}
  /// The guard's signal begins the shutdown. The guard must live longer.
  explicit shutdown_coordinator(signal_guard& signals, shutdown_settings settings = {}, diagnostics log = {},
                                time_source& time = system_time())
      : shutdown_coordinator{detail::blocked_signals{}, std::move(settings), std::move(log), time} {
    signals_.emplace(signals.stop_token(), [this, &signals] {
      request_stop(signals.signal() != 0 ? detail::signal_name(signals.signal()) : "request");
    });
  }
  shutdown_coordinator(const shutdown_coordinator&) = delete;
  shutdown_coordinator& operator=(const shutdown_coordinator&) = delete;
  /// Shuts down what is still registered, and waits for it. Not from a component's action.
  ~shutdown_coordinator() {
    signals_.reset();
    (void)shutdown("the coordinator's end");
    terminate_.reset();
    sequence_->retire();
  }

  /// Until the handle's end, `actions` are how this component is stopped. `name` is what reports call it.
  [[nodiscard]] registered_component add(std::string name, component_actions actions) {
    auto which = sequence_->add(std::move(name), std::move(actions));
    return which != nullptr ? registered_component{sequence_, std::move(which)} : registered_component{};
  }
  /// A thread that is asked to stop and waited for. It must not be moved or destroyed before the handle.
  [[nodiscard]] registered_component add(worker& thread) {
    const auto stop = [&thread] {
      thread.request_stop();
      (void)thread.finished_within(std::chrono::nanoseconds::max());
    };
    return add(thread.name(), {.stop = stop, .who = [name = thread.name()] { return "thread " + name; }});
  }

  /// The same for a plain thread, which is joined. Its owner must not join it meanwhile.
  [[nodiscard]] registered_component add(std::string name, std::jthread& thread) {
    const auto stop = [&thread] {
      thread.request_stop();
      if (thread.joinable()) thread.join();
    };
    return add(std::move(name), {.stop = stop});
  }

  /// Stops as the first thing in a shutdown. Its callbacks run on a thread of the coordinator's.
  [[nodiscard]] std::stop_token stop_token() const noexcept { return sequence_->stop_token(); }
  /// Begins the shutdown, and returns at once. Later calls change nothing. Not from a signal handler.
  void request_stop(std::string_view reason = {}) noexcept { sequence_->begin(reason); }
  /// The same from a signal handler that somebody else owns: async-signal-safe.
  void request_stop_from_handler(int signal) noexcept { sequence_->begin_from_handler(signal); }

  /// Waits until somebody has begun a shutdown and it is over. In a component's action: false at once.
  bool wait() { return wait_for(std::chrono::nanoseconds::max()); }
  /// The same, for so long at most. False where it is not over by then.
  bool wait_for(std::chrono::nanoseconds patience) { return sequence_->wait_until_over(patience); }
  /// Begins it and waits; in a component's action it only begins. What main returns, as the process's exit status.
  int shutdown(std::string_view reason = {}) {
    request_stop(reason);
    (void)wait();
    return status();
  }
  [[nodiscard]] shutdown_report report() const { return sequence_->report(); }
  /// As the report has it.
  [[nodiscard]] int status() const { return to_status(report().code()); }

 private:
  // The signals of a program that owns its own never interrupt our threads: they inherit what is blocked meanwhile.
  shutdown_coordinator(const detail::blocked_signals&, shutdown_settings settings, diagnostics log, time_source& time)
      : sequence_{std::make_shared<detail::shutdown_sequence>(std::move(settings), std::move(log), time)},
        conductor_{placement{.name = "shutdown"},
                   [sequence = sequence_.get()](std::stop_token) { sequence->conduct(); }} {
    if (sequence_->settings().on_terminate) terminate_.emplace(*sequence_);
  }

  std::shared_ptr<detail::shutdown_sequence> sequence_;
  worker conductor_;
  std::optional<detail::terminate_hook> terminate_;
  std::optional<std::stop_callback<std::function<void()>>> signals_;
};

/// Made after all components, destroyed before them: shuts down when its scope is left, by an exception too, so that a
/// component that hangs meets the deadline and not just its own destructor.
class shutdown_scope {
 public:
  explicit shutdown_scope(shutdown_coordinator& whose) noexcept : coordinator_{whose} {}
  shutdown_scope(const shutdown_scope&) = delete;
  shutdown_scope& operator=(const shutdown_scope&) = delete;
  ~shutdown_scope() { (void)coordinator_.shutdown("the end of main"); }

 private:
  shutdown_coordinator& coordinator_;
};

}  // namespace foxtrot::inline v0

namespace foxtrot::inline v0 {

/// What a coordinator needs to end a feed: politely, at once, and by name where it will not end.
template <class Feed>
concept stoppable_feed = requires(Feed& feed) {
  feed.start_disconnect();
  feed.disconnect();
  feed.abort();
  { feed.tasks() } -> std::convertible_to<std::vector<std::string>>;
};

namespace detail {

template <class View>
[[nodiscard]] registered_component add_feeds(shutdown_coordinator& coordinator, std::string name, View feeds) {
  const auto stop = [feeds]() mutable {
    for (auto& each : feeds) each.start_disconnect();
    for (auto& each : feeds) (void)each.disconnect();
  };
  const auto force = [feeds]() mutable {
    for (auto& each : feeds) each.abort();
  };
  const auto who = [feeds]() mutable {
    std::string all;
    for (auto& each : feeds) {
      for (const std::string& task : each.tasks()) all += (all.empty() ? "" : ", ") + task;
    }
    return all;
  };
  return coordinator.add(std::move(name), {.stop = stop, .force = force, .who = who});
}

}  // namespace detail

/// Registers several feeds as one component: they say goodbye at the same time in the graceful part of a shutdown, are
/// cut off in the forced one, and name their tasks in the last. The range and its feeds must live longer than the
/// handle.
template <std::ranges::forward_range Feeds>
  requires stoppable_feed<std::ranges::range_value_t<Feeds>>
[[nodiscard]] registered_component add_feeds(shutdown_coordinator& coordinator, std::string name, Feeds& feeds) {
  return detail::add_feeds(coordinator, std::move(name), std::ranges::ref_view{feeds});
}

/// The same for one.
template <stoppable_feed Feed>
[[nodiscard]] registered_component add_feed(shutdown_coordinator& coordinator, std::string name, Feed& feed) {
  return detail::add_feeds(coordinator, std::move(name), std::span<Feed, 1>{&feed, 1});
}

}  // namespace foxtrot::inline v0

// foxtrot/strategy.hpp: what a strategy sees: ticks, queues and threads, without any networking. Compiles fast.

// foxtrot/core/decimal_format.hpp: std::format of decimals, where the standard library has it.

#ifdef __cpp_lib_format
#include <array>
#include <cstddef>
#include <format>

/// "{}" writes the shortest exact text. There is nothing to specify: whatever else stands in the braces is refused.
template <foxtrot::decimal_mantissa Mantissa>
struct std::formatter<foxtrot::basic_decimal<Mantissa>, char> {
  template <class Context>
  constexpr typename Context::iterator parse(Context& context) const {
    return context.begin();  // std::format itself insists on the closing brace
  }

  template <class Context>
  typename Context::iterator format(const foxtrot::basic_decimal<Mantissa>& value, Context& context) const {
    std::array<char, foxtrot::basic_decimal<Mantissa>::max_chars> text{};
    const std::size_t length = value.to_chars(text);
    auto out = context.out();
    for (std::size_t i = 0; i < length; ++i) *out++ = text[i];
    return out;
  }
};
#endif

// foxtrot/core/decimal_literals.hpp: decimals in source code: "61837.63"_dec.

namespace foxtrot::inline v0 {

namespace detail {

// Not constexpr: to get here while compiling is the error, and its name is the message.
inline void text_is_not_a_decimal_that_fits() {}

template <class Decimal>
consteval Decimal literal(std::string_view text) {
  Decimal value;
  if (Decimal::parse_into(text, value) != errc::none) text_is_not_a_decimal_that_fits();
  return value;
}

}  // namespace detail

inline namespace literals {

/// A number as the venue writes it; any other text does not compile, nor does one that 64 bits cannot hold.
consteval decimal operator""_dec(const char* text, std::size_t length) {
  return detail::literal<decimal>({text, length});
}
/// The same with 128 bits.
consteval wide_decimal operator""_wide_dec(const char* text, std::size_t length) {
  return detail::literal<wide_decimal>({text, length});
}

}  // namespace literals

}  // namespace foxtrot::inline v0

// foxtrot/core/histogram.hpp: latencies, recorded without allocation, read as percentiles.

namespace foxtrot::inline v0 {

/// Counts of nanoseconds in buckets whose width grows with the value: every reported value is within 1/128 (0.8 %) of a
/// recorded one, from 1 ns to 2^40 ns (18 minutes); what is longer counts as that, what is negative as 0. 34 KiB,
/// allocated once. Not thread-safe: one per thread, then merge.
class histogram {
 public:
  histogram() : counts_{std::make_unique<std::array<std::uint64_t, bucket_count>>()} {}

  void record(std::int64_t nanoseconds) noexcept {
    const std::int64_t value = std::clamp<std::int64_t>(nanoseconds, 0, largest);
    ++(*counts_)[bucket_of(static_cast<std::uint64_t>(value))];
    ++count_;
    sum_ += static_cast<std::uint64_t>(value);
    least_ = std::min(least_, value);
    most_ = std::max(most_, value);
  }

  /// Adds what another one has recorded.
  void merge(const histogram& other) noexcept {
    for (std::size_t i = 0; i < bucket_count; ++i) (*counts_)[i] += (*other.counts_)[i];
    count_ += other.count_;
    sum_ += other.sum_;
    least_ = std::min(least_, other.least_);
    most_ = std::max(most_, other.most_);
  }

  void reset() noexcept {
    counts_->fill(0);
    count_ = sum_ = 0;
    least_ = largest;
    most_ = 0;
  }

  [[nodiscard]] std::uint64_t count() const noexcept { return count_; }
  [[nodiscard]] bool empty() const noexcept { return count_ == 0; }
  /// The smallest and largest recorded value, exact; 0 where nothing was recorded.
  [[nodiscard]] std::int64_t min() const noexcept { return empty() ? 0 : least_; }
  [[nodiscard]] std::int64_t max() const noexcept { return most_; }
  [[nodiscard]] double mean() const noexcept {
    return empty() ? 0.0 : static_cast<double>(sum_) / static_cast<double>(count_);
  }

  /// The value that a `fraction` of the recorded ones do not exceed: 0.5 is the median, 0.99 the p99. Rounded up to the
  /// end of its bucket, never above max(). 0 where nothing was recorded.
  [[nodiscard]] std::int64_t percentile(double fraction) const noexcept {
    if (empty()) return 0;
    const double wanted = std::ceil(std::clamp(fraction, 0.0, 1.0) * static_cast<double>(count_));
    const auto rank = std::max<std::uint64_t>(1, static_cast<std::uint64_t>(wanted));
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < bucket_count; ++i) {
      seen += (*counts_)[i];
      if (seen >= rank) return std::clamp(static_cast<std::int64_t>(last_value_of(i)), least_, most_);
    }
    return most_;
  }

 private:
  // Values below 2 x 128 have a bucket each; above, every power of two is cut into 128.
  static constexpr unsigned precision_bits = 7;
  static constexpr unsigned range_bits = 40;
  static constexpr std::int64_t largest = (std::int64_t{1} << range_bits) - 1;
  static constexpr std::size_t bucket_count = (range_bits - precision_bits + 1) << precision_bits;

  [[nodiscard]] static constexpr std::size_t bucket_of(std::uint64_t value) noexcept {
    const unsigned width = static_cast<unsigned>(std::bit_width(value));
    const unsigned shift = width > precision_bits + 1 ? width - (precision_bits + 1) : 0;
    return (std::size_t{shift} << precision_bits) + static_cast<std::size_t>(value >> shift);
  }
  [[nodiscard]] static constexpr std::uint64_t last_value_of(std::size_t bucket) noexcept {
    const std::size_t row = bucket >> precision_bits;
    const std::size_t shift = row > 1 ? row - 1 : 0;
    const std::uint64_t mantissa = bucket - (shift << precision_bits);
    return ((mantissa + 1) << shift) - 1;
  }

  std::unique_ptr<std::array<std::uint64_t, bucket_count>> counts_;
  std::uint64_t count_{0};
  std::uint64_t sum_{0};
  std::int64_t least_{largest};
  std::int64_t most_{0};
};

}  // namespace foxtrot::inline v0

// foxtrot/core/version.hpp: the version, in one place; CMakeLists.txt reads it from here.

#define FOXTROT_VERSION_MAJOR 0
#define FOXTROT_VERSION_MINOR 1
#define FOXTROT_VERSION_PATCH 0
#define FOXTROT_VERSION_STRING "0.1.0"

// foxtrot/market/stored_event.hpp: an event that outlives its place in a queue, to be handed on to other threads.

namespace foxtrot::inline v0 {

/// A copy of an event with up to `Levels` price levels, or as many times 16 bytes of another body. A plain value: keep
/// it, put it into any queue, visit it in any thread. The symbol table of the feed must outlive it.
template <std::size_t Levels>
class basic_stored_event {
 public:
  /// Nothing: something to be overwritten.
  basic_stored_event() noexcept = default;

  /// Nothing where the event has a longer body than fits.
  [[nodiscard]] static std::optional<basic_stored_event> of(const event& from) noexcept {
    if (from.body_.size() > Levels) return std::nullopt;
    return basic_stored_event{from};
  }

  [[nodiscard]] tick_kind kind() const noexcept { return tag_.kind; }

  /// As event::visit; nothing is visited where nothing was stored. Views, as of levels, are valid as long as this copy.
  template <class... Handlers>
  void visit(Handlers&&... handlers) const {
    if (symbols_ == nullptr) return;
    event{payload_, tag_.packed(), std::span{levels_}.first(level_count_), *symbols_}.visit(
        std::forward<Handlers>(handlers)...);
  }

 private:
  explicit basic_stored_event(const event& from) noexcept
      : symbols_{from.symbols_}, tag_{from.tag_}, level_count_{from.body_.size()}, payload_{*from.payload_} {
    std::ranges::copy(from.body_, levels_.begin());
  }

  const symbol_table* symbols_{nullptr};
  tick_tag tag_;
  std::size_t level_count_{0};
  tick_payload payload_;  // and levels_: as far as the event goes
  std::array<raw_level, Levels> levels_;
};

/// Ticks of one line and statuses: quotes, trades of all kinds, average and reference prices.
using stored_event = basic_stored_event<0>;
/// Klines, tickers, mark prices and liquidations as well: everything but books, their changes, and unknown events that
/// are longer than a ticker.
using stored_wide_event = basic_stored_event<detail::largest_wide_body>;
/// Books of up to twenty levels on either side as well.
using stored_book_event = basic_stored_event<40>;

static_assert(std::is_trivially_copyable_v<stored_event> && std::is_trivially_copyable_v<stored_wide_event> &&
              std::is_trivially_copyable_v<stored_book_event>);

}  // namespace foxtrot::inline v0

// foxtrot/queue/ends.hpp: what makes a queue's two ends, so that any queue fits where one is asked for, and how to
// wait.

namespace foxtrot::inline v0 {

/// Where items go in. `try_push` never waits; it is false where the queue is full, and the item is then untouched.
template <class Queue>
concept producer_end =
    requires { typename Queue::value_type; } && requires(Queue& queue, const typename Queue::value_type& item) {
      { queue.try_push(item) } -> std::same_as<bool>;
    };

/// Where items come out, in the order of each producer. `try_pop` never waits; it is false where the queue is empty.
template <class Queue>
concept consumer_end =
    requires { typename Queue::value_type; } && requires(Queue& queue, typename Queue::value_type& item) {
      { queue.try_pop(item) } -> std::same_as<bool>;
    };

/// A consumer's end that hands over several items at once, in place where it can.
template <class Queue>
concept batch_consumer_end =
    consumer_end<Queue> && requires(Queue& queue, std::size_t max, void (*visit)(const typename Queue::value_type&)) {
      { queue.consume(max, visit) } -> std::same_as<std::size_t>;
    };

/// Puts `item` in, waiting for room as `waiting` does. False where the stop came first; nothing is in then. A strategy
/// that sleeps needs somebody to wake its spot, at a stop as well.
template <producer_end Queue, idle_strategy Idle>
[[nodiscard]] bool push_waiting(Queue& queue, const typename Queue::value_type& item, Idle& waiting,
                                const std::stop_token& stop) {
  while (!queue.try_push(item)) {
    if (stop.stop_requested()) {
      waiting.reset();
      return false;
    }
    waiting.idle(0);
  }
  waiting.idle(1);
  return true;
}

/// Takes the next item out, waiting for one as `waiting` does. False where the stop came first and nothing is there.
template <consumer_end Queue, idle_strategy Idle>
[[nodiscard]] bool pop_waiting(Queue& queue, typename Queue::value_type& item, Idle& waiting,
                               const std::stop_token& stop) {
  while (!queue.try_pop(item)) {
    if (stop.stop_requested()) {
      waiting.reset();
      return false;
    }
    waiting.idle(0);
  }
  waiting.idle(1);
  return true;
}

}  // namespace foxtrot::inline v0

// foxtrot/queue/huge_page_resource.hpp: memory for rings and tables in 2 MiB pages where the system has them.

namespace foxtrot::inline v0 {

/// What memory is made of.
enum class page_kind : std::uint8_t {
  ordinary,     ///< the system's usual pages
  transparent,  ///< huge ones that the kernel put together when asked
  reserved,     ///< huge ones set aside by the administrator (vm.nr_hugepages)
};

[[nodiscard]] constexpr std::string_view to_string(page_kind pages) noexcept {
  switch (pages) {
    case page_kind::ordinary: return "ordinary";
    case page_kind::transparent: return "transparent";
    case page_kind::reserved: return "reserved";
  }
  return "?";
}

/// Fewer pages mean fewer misses of the address translation in rings and tables of more than a few hundred kilobytes.
/// Tries reserved huge pages, then transparent ones, then takes ordinary ones: an allocation never fails for want of
/// huge pages, and last() says what it got and why not more. Everything it gives has been touched. What is smaller than
/// one huge page comes from the heap. For a few large allocations: each is a mapping of its own. One thread at a time.
class huge_page_resource final : public std::pmr::memory_resource {
 public:
  static constexpr std::size_t huge_page = std::size_t{2} << 20;

  struct outcome {
    page_kind pages{page_kind::ordinary};
    std::error_code why_no_reserved{};     ///< the system's reason, where `pages` is less than reserved
    std::error_code why_no_transparent{};  ///< and where it is less than transparent
  };

  /// How the last allocation ended.
  [[nodiscard]] const outcome& last() const noexcept { return last_; }

 private:
  static constexpr std::size_t small_page = 4096;

  [[nodiscard]] static std::error_code reason(int error) noexcept { return {error, std::system_category()}; }
  [[nodiscard]] static bool worth_it(std::size_t bytes, std::size_t alignment) noexcept {
    return bytes >= huge_page && alignment <= huge_page;
  }
  [[nodiscard]] static std::size_t rounded(std::size_t bytes) noexcept {
    return (bytes + huge_page - 1) / huge_page * huge_page;
  }

  void* do_allocate(std::size_t bytes, std::size_t alignment) override {
    last_ = {page_kind::ordinary, reason(EINVAL), reason(EINVAL)};
    if (!worth_it(bytes, alignment)) return std::pmr::new_delete_resource()->allocate(bytes, alignment);
    char* made = nullptr;
    if (bytes <= SIZE_MAX / 2) {
      made = reserved(rounded(bytes));
      if (made == nullptr) made = transparent(rounded(bytes));
    }
    if (made == nullptr) return std::pmr::null_memory_resource()->allocate(bytes, alignment);  // throws
    return made;
  }

  void do_deallocate(void* memory, std::size_t bytes, std::size_t alignment) override {
    if (!worth_it(bytes, alignment)) return std::pmr::new_delete_resource()->deallocate(memory, bytes, alignment);
    give_back(static_cast<char*>(memory), rounded(bytes));
  }

  bool do_is_equal(const std::pmr::memory_resource& other) const noexcept override { return this == &other; }

  // Addresses alone, aligned to a huge page, with unusable ones on either side: they catch overruns and keep the kernel
  // from merging the mapping with others, so that it can be asked about. nullptr: none to be had.
  [[nodiscard]] static char* addresses(std::size_t bytes) noexcept {
    const std::size_t whole = bytes + 3 * huge_page;
    void* const mapped = ::mmap(nullptr, whole, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (mapped == MAP_FAILED) return nullptr;
    char* const first = static_cast<char*>(mapped);
    const std::size_t before = (huge_page - reinterpret_cast<std::uintptr_t>(first) % huge_page) % huge_page;
    if (before != 0) ::munmap(first, before);
    ::munmap(first + before + bytes + 2 * huge_page, huge_page - before);
    return first + before + huge_page;
  }
  static void give_back(char* made, std::size_t bytes) noexcept { ::munmap(made - huge_page, bytes + 2 * huge_page); }

  [[nodiscard]] char* reserved(std::size_t bytes) noexcept {
    // Made wherever the system likes, then moved between unusable addresses of our own. Asking for them right there,
    // where there are none, would leave a hole that another thread's mapping could fall into.
    constexpr int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | MAP_POPULATE;
    void* const anywhere = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, flags, -1, 0);
    if (anywhere == MAP_FAILED) {
      last_.why_no_reserved = reason(errno);
      return nullptr;
    }
    char* const made = addresses(bytes);
    if (made != nullptr && ::mremap(anywhere, bytes, bytes, MREMAP_MAYMOVE | MREMAP_FIXED, made) != MAP_FAILED) {
      last_ = {page_kind::reserved, {}, {}};
      return made;
    }
    last_.why_no_reserved = reason(errno);
    ::munmap(anywhere, bytes);
    if (made != nullptr) give_back(made, bytes);
    return nullptr;
  }

  [[nodiscard]] char* transparent(std::size_t bytes) noexcept {
    char* const made = addresses(bytes);
    if (made == nullptr) return nullptr;
    if (::mprotect(made, bytes, PROT_READ | PROT_WRITE) != 0) {
      give_back(made, bytes);
      return nullptr;
    }
    last_.why_no_transparent = ::madvise(made, bytes, MADV_HUGEPAGE) == 0 ? std::error_code{} : reason(errno);
    for (std::size_t at = 0; at < bytes; at += small_page) static_cast<volatile char*>(made)[at] = 0;
    if (!last_.why_no_transparent) {
      if (huge_bytes(made) == bytes) {
        last_.pages = page_kind::transparent;
      } else {
        last_.why_no_transparent = reason(ENOMEM);  // asked for, and not given in full: switched off, or fragmented
      }
    }
    return made;
  }

  // How much of the mapping that begins there is in transparent huge pages: the kernel tells nobody but readers of
  // text.
  [[nodiscard]] static std::size_t huge_bytes(const char* made) noexcept {
    std::FILE* const maps = std::fopen("/proc/self/smaps", "re");
    if (maps == nullptr) return 0;
    std::size_t kilobytes = 0;
    bool here = false;
    for (char line[512]; std::fgets(line, sizeof line, maps) != nullptr;) {
      std::uintptr_t first = 0;
      std::uintptr_t last = 0;
      if (std::sscanf(line, "%" SCNxPTR "-%" SCNxPTR " ", &first, &last) == 2) {
        if (here) break;
        here = first == reinterpret_cast<std::uintptr_t>(made);
      } else if (here && std::sscanf(line, "AnonHugePages: %zu kB", &kilobytes) == 1) {
        break;
      }
    }
    std::fclose(maps);
    return kilobytes * 1024;
  }

  outcome last_;
};

}  // namespace foxtrot::inline v0

// foxtrot/thread/restart_policy.hpp: who is started again after a crash, how soon, and when to give up.

namespace foxtrot::inline v0 {

/// Which children of a supervisor a crash concerns; the names are those of Erlang/OTP's supervisors.
enum class restart_strategy : std::uint8_t {
  one_for_one,   ///< the crashed one alone
  one_for_all,   ///< all: they cannot work without each other
  rest_for_one,  ///< the crashed one and those that were added after it, which build on it
};

[[nodiscard]] constexpr std::string_view to_string(restart_strategy strategy) noexcept {
  switch (strategy) {
    case restart_strategy::one_for_one: return "one_for_one";
    case restart_strategy::one_for_all: return "one_for_all";
    case restart_strategy::rest_for_one: return "rest_for_one";
  }
  return "?";
}

struct restart_policy {
  restart_strategy strategy{restart_strategy::one_for_one};
  std::size_t most_restarts{5};  ///< within `within`; one crash more and the supervisor gives up
  std::chrono::milliseconds within{10'000};
  std::chrono::milliseconds first_delay{0};  ///< before the first restart of a series
  std::chrono::milliseconds delay_step{10};  ///< before the second; doubled for each one more
  std::chrono::milliseconds longest_delay{1'000};
};

/// Counts the restarts of one supervisor. One thread.
class restart_budget {
 public:
  explicit restart_budget(const restart_policy& policy) : policy_{policy} {}

  /// Whether there may be another restart now; counts it if so.
  [[nodiscard]] bool allow(steady_time now) {
    while (!made_.empty() && now - made_.front() >= policy_.within) made_.pop_front();
    if (made_.size() >= policy_.most_restarts) return false;
    made_.push_back(now);
    return true;
  }
  /// How long to wait before the restart that was allowed last.
  [[nodiscard]] std::chrono::milliseconds delay() const noexcept {
    if (made_.size() <= 1) return std::min(policy_.first_delay, policy_.longest_delay);
    auto wait = policy_.delay_step;
    for (std::size_t i = 2; i < made_.size() && wait < policy_.longest_delay; ++i) wait *= 2;
    return std::min(wait, policy_.longest_delay);
  }

 private:
  const restart_policy policy_;
  std::deque<steady_time> made_;  // restarts that still count
};

}  // namespace foxtrot::inline v0

// foxtrot/thread/supervisor.hpp: workers that are started again when they crash, until they crash too often.

namespace foxtrot::inline v0 {

/// One thread of a supervisor. The body is called anew for each life of it.
struct child_settings {
  placement where{};
  std::function<void(std::stop_token)> body{};
  watch_settings watch{};
};

struct supervisor_settings {
  restart_policy policy{};
  std::string name{"supervisor"};                          ///< of its own thread
  std::chrono::milliseconds stop_timeout{5'000};           ///< how long stop() waits for each child
  std::function<void(std::string_view why)> on_give_up{};  ///< e.g. to begin a shutdown; on the supervisor's thread
};

/// Starts its children in order, starts them again after a crash as its policy says, and stops them in reverse order. A
/// child that returns after its stop was requested, or that may return, has ended well and stays down. Crashes,
/// restarts and the end of all patience are events of the monitor, on whose list the children are. Having given up, it
/// stops the others as well.
///
/// A stalled child is reported by the monitor and left alone: a thread cannot be killed without harm to the process.
class supervisor : private live_object<supervisor> {
 public:
  /// The children run once it returns. Throws std::system_error where a thread cannot be made; none is left then. The
  /// monitor outlives the supervisor.
  supervisor(thread_monitor& monitor, std::vector<child_settings> children, supervisor_settings settings = {},
             diagnostics log = {})
      : monitor_{monitor}, settings_{std::move(settings)}, log_{std::move(log)}, budget_{settings_.policy} {
    for (child_settings& each : children) children_.push_back(std::make_unique<child>(std::move(each)));
    for (const auto& each : children_) start(*each);
    keeper_.emplace(placement{.name = settings_.name}, [this](const std::stop_token&) { keep(); }, log_);
  }
  supervisor(const supervisor&) = delete;
  supervisor& operator=(const supervisor&) = delete;
  /// Stops, and joins however long a child still takes. Not from a child, nor from on_give_up.
  ~supervisor() {
    (void)stop();
    keeper_.reset();
    for (auto each = children_.rbegin(); each != children_.rend(); ++each) (*each)->thread.reset();
  }

  /// Asks the children to stop, the last first, each once the one before has ended or `stop_timeout` is over. The names
  /// of those that have not ended. Idempotent, any thread; on a child's and in on_give_up it only asks.
  std::vector<std::string> stop() {
    {
      const std::lock_guard lock{mutex_};
      stopping_ = true;
    }
    changed_.notify_all();
    if (of_this_thread() == this) return {};
    const std::lock_guard one_at_a_time{joining_};
    keeper_->join();
    return late_;
  }

  /// False once it has given up or was stopped. Any thread.
  [[nodiscard]] bool running() const {
    const std::lock_guard lock{mutex_};
    return !stopping_ && !given_up_;
  }
  /// Crashes that it has answered by starting again. Any thread.
  [[nodiscard]] std::uint64_t restarts() const {
    const std::lock_guard lock{mutex_};
    return restarts_;
  }

 private:
  struct child {
    explicit child(child_settings given) : settings{std::move(given)} {}
    const child_settings settings;
    watched_thread place;  // keeper only, like what follows
    std::optional<worker> thread;
    std::uint64_t lives{0};
    std::optional<std::string> crash;  // guarded by the supervisor's mutex
  };

  /// Between a child's thread, which may end at any time, and the list.
  class lifeline final : public worker_observer {
   public:
    lifeline(supervisor& owner, child& mine) noexcept : owner_{owner}, child_{mine} {}
    void on_start() noexcept override {
      of_this_thread() = &owner_;
      child_.place.is_this_thread();
    }
    void on_end(std::string_view failure, bool asked) noexcept override {
      try {
        child_.place.ended(failure, asked);
        if (!failure.empty() || !(asked || child_.settings.watch.may_return)) owner_.note_crash(child_, failure);
      } catch (...) {  // out of memory: the list shows the crash all the same
      }
    }

   private:
    supervisor& owner_;
    child& child_;
  };

  void start(child& each) {
    auto pulse = std::make_shared<heartbeat>();
    each.thread.reset();
    each.place = monitor_.watch(each.settings.where.name, pulse, each.settings.watch);
    ++each.lives;
    each.thread.emplace(each.settings.where, each.settings.body, log_, std::move(pulse),
                        std::make_shared<lifeline>(*this, each));
  }

  void note_crash(child& each, std::string_view failure) {
    {
      const std::lock_guard lock{mutex_};
      each.crash = failure.empty() ? "returned before it was asked to" : std::string{failure};
    }
    changed_.notify_all();
  }

  // Whose child, or keeper, the calling thread is.
  [[nodiscard]] static const supervisor*& of_this_thread() noexcept {
    static thread_local const supervisor* owner = nullptr;
    return owner;
  }

  void keep() {
    of_this_thread() = this;
    while (answer_next_crash()) {
    }
    late_ = stop_children(0);
  }

  // Waits for a crash and answers it. False where the end has come.
  bool answer_next_crash() {
    std::unique_lock lock{mutex_};
    const auto is_over = [this] { return stopping_ || given_up_; };
    const auto has_crashed = [](const auto& each) { return each->crash.has_value(); };
    changed_.wait(lock, [&] { return is_over() || std::ranges::any_of(children_, has_crashed); });
    if (is_over()) return false;
    const auto crashed = std::ranges::find_if(children_, has_crashed);
    const std::string what = *std::exchange((*crashed)->crash, std::nullopt);
    if (!budget_.allow(system_time().now())) {
      lock.unlock();
      give_up(**crashed, what);
      return false;
    }
    if (changed_.wait_for(lock, budget_.delay(), is_over)) return false;
    ++restarts_;
    lock.unlock();
    restart(static_cast<std::size_t>(crashed - children_.begin()), what);
    return true;
  }

  void restart(std::size_t crashed, const std::string& what) {
    const restart_strategy strategy = settings_.policy.strategy;
    const std::size_t first = strategy == restart_strategy::one_for_all ? 0 : crashed;
    const std::size_t end = strategy == restart_strategy::one_for_one ? crashed + 1 : children_.size();
    if (end - first > 1) {
      const std::vector<std::string> late = stop_children(first);
      for (const std::string& each : late) log_.report(severity::critical, settings_.name, "does not stop: " + each);
      if (!late.empty()) return give_up(*children_[crashed], late.front() + " does not stop");
    }
    for (std::size_t i = first; i < end; ++i) {
      child& each = *children_[i];
      {
        const std::lock_guard lock{mutex_};
        if (i != crashed) each.crash.reset();  // of the life that is over
      }
      try {
        start(each);
      } catch (const std::system_error& failure) {
        note_crash(each, failure.what());  // no thread to be had: as if it had crashed at once
        return;
      }
      each.place.tell(thread_event_kind::restarted, what, each.lives - 1);
    }
  }

  void give_up(child& crashed, const std::string& what) {
    {
      const std::lock_guard lock{mutex_};
      given_up_ = true;
    }
    crashed.place.tell(thread_event_kind::failed, what, crashed.lives - 1);
    if (!settings_.on_give_up) return;
    try {
      settings_.on_give_up(crashed.settings.where.name + ": " + what);
    } catch (const std::exception& failure) {
      log_.report(severity::error, settings_.name, failure.what());
    } catch (...) {
      log_.report(severity::error, settings_.name, "something that is no std::exception");
    }
  }

  // From the last down to this one.
  [[nodiscard]] std::vector<std::string> stop_children(std::size_t first) {
    std::vector<std::string> late;
    for (std::size_t i = children_.size(); i-- > first;) {
      child& each = *children_[i];
      if (!each.thread) continue;
      each.thread->request_stop();
      if (each.thread->finished_within(settings_.stop_timeout)) {
        each.thread->join();
      } else {
        late.push_back(each.settings.where.name);
      }
    }
    return late;
  }

  thread_monitor& monitor_;
  const supervisor_settings settings_;
  const diagnostics log_;
  restart_budget budget_;  // keeper only
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_{false};  // guarded by mutex_, as is what follows
  bool given_up_{false};
  std::uint64_t restarts_{0};
  std::vector<std::unique_ptr<child>> children_;
  std::vector<std::string> late_;  // the keeper's, then anybody's
  std::mutex joining_;
  std::optional<worker> keeper_;
};

}  // namespace foxtrot::inline v0
