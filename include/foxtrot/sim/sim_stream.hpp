// foxtrot/sim/sim_stream.hpp: a server's end of a connection: TLS, or plain TCP where a test wants to look inside.
#pragma once

#include <foxtrot/net/asio.hpp>
#include <foxtrot/net/stream.hpp>
#include <foxtrot/net/tcp_stream.hpp>
#include <foxtrot/net/tls_context.hpp>
#include <foxtrot/net/tls_stream.hpp>
#include <foxtrot/sim/fault.hpp>
#include <foxtrot/sim/faults_in_force.hpp>
#include <foxtrot/sim/sim_transport.hpp>

#include <algorithm>
#include <cstddef>
#include <optional>
#include <span>
#include <system_error>
#include <utility>
#include <variant>

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
