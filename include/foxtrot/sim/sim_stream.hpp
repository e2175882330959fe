// foxtrot/sim/sim_stream.hpp: a server's end of a connection: TLS, or plain TCP where a test wants to look inside.
#pragma once

#include <foxtrot/net/asio.hpp>
#include <foxtrot/net/stream.hpp>
#include <foxtrot/net/tcp_stream.hpp>
#include <foxtrot/net/tls_context.hpp>
#include <foxtrot/net/tls_stream.hpp>

#include <optional>
#include <span>
#include <system_error>
#include <utility>
#include <variant>

namespace foxtrot::inline v0 {

/// One type for both. Every byte of a connection passes through here, and so will every fault that is one of bytes.
/// Loop thread only.
class sim_stream {
 public:
  sim_stream(tcp_stream accepted, const std::optional<tls_context>& tls)
      : stream_{tls ? either{std::in_place_type<tls_stream>, std::move(accepted), *tls}
                    : either{std::in_place_type<tcp_stream>, std::move(accepted)}} {}

  /// Nothing to do where there is no TLS.
  [[nodiscard]] task<std::error_code> handshake() {
    std::error_code error;
    if (auto* tls = std::get_if<tls_stream>(&stream_)) error = co_await tls->handshake();
    co_return error;
  }

  [[nodiscard]] io_result read_some(std::span<char> into) noexcept {
    return std::visit([&](auto& stream) { return stream.read_some(into); }, stream_);
  }
  [[nodiscard]] io_result write_some(std::span<const char> from) noexcept {
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
    if (auto* tls = std::get_if<tls_stream>(&stream_)) tls->shutdown();
    if (auto* tcp = std::get_if<tcp_stream>(&stream_)) tcp->shutdown_write();
  }
  [[nodiscard]] bool is_open() const noexcept {
    return std::visit([](const auto& stream) { return stream.is_open(); }, stream_);
  }

 private:
  using either = std::variant<tcp_stream, tls_stream>;

  either stream_;
};

static_assert(byte_stream<sim_stream>);

}  // namespace foxtrot::inline v0
