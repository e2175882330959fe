// foxtrot/net/tls_stream.hpp: TLS over TCP, or any stream of bytes, as client or server.
#pragma once

#include <foxtrot/core/error.hpp>
#include <foxtrot/core/live_object.hpp>
#include <foxtrot/net/asio.hpp>
#include <foxtrot/net/detail/tls_engine.hpp>
#include <foxtrot/net/detail/wait_either.hpp>
#include <foxtrot/net/stream.hpp>
#include <foxtrot/net/tcp_stream.hpp>
#include <foxtrot/net/tls_context.hpp>

#include <openssl/ssl.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

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

  /// Decrypts one record, or up to four small ones that have arrived together: as many as `into` has room for whole.
  /// What comes behind them and is no data (an error, the end) is for the next call. The end of the connection is
  /// sticky.
  [[nodiscard]] io_result read_some(std::span<char> into) noexcept { return state_->read_some(into); }
  [[nodiscard]] io_result write_some(std::span<const char> from) noexcept { return state_->write_some(from); }
  [[nodiscard]] std::error_code flush() noexcept { return state_->flush(); }
  [[nodiscard]] task<std::error_code> wait_readable() {
    if (state_->quiet()) return state_->transport.wait_readable();  // the usual case costs no coroutine of its own
    return wait_readable(state_);
  }
  [[nodiscard]] task<std::error_code> wait_writable() { return wait_writable(state_); }

  /// Sends close_notify as far as the socket takes it now; waits for nothing. Where the socket takes no more, or a
  /// reply that the peer provoked comes first, later reads and flushes send it. Nothing can be written any more, but
  /// read until the peer ends its side. Does nothing before the handshake has succeeded; a second call does what
  /// flush() does.
  void shutdown() noexcept {
    state_->ending = state_->ending || state_->usable();
    (void)state_->flush();
  }
  void close() noexcept {
    state_->transport.close();
    if (!state_->ended) state_->ended = errc::closed;
  }
  /// Closes with a reset (RST) instead of an orderly end.
  void reset() noexcept requires detail::resettable_stream<Transport> {
    state_->transport.reset();
    close();
  }

  [[nodiscard]] std::size_t buffered() const noexcept {
    return state_->readable() ? std::max<std::size_t>(state_->engine.undecrypted(), 1) : 0;
  }
  [[nodiscard]] bool drained() const noexcept { return state_->transport.drained(); }
  /// The socket's: see stamped_stream.
  bool stamp_reads() noexcept requires stamped_stream<Transport> { return state_->transport.stamp_reads(); }
  [[nodiscard]] std::int64_t take_kernel_stamp() noexcept requires stamped_stream<Transport> {
    return state_->transport.take_kernel_stamp();
  }
  /// Ciphertext that the socket has not taken yet, in bytes.
  [[nodiscard]] std::size_t unsent() const noexcept { return state_->engine.unsent().size(); }
  [[nodiscard]] bool is_open() const noexcept { return state_->transport.is_open(); }
  [[nodiscard]] int native_handle() noexcept requires detail::descriptor_stream<Transport> {
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
  static constexpr int records_at_once = 4;

  // On the heap: OpenSSL holds its address, and a waiting coroutine may outlive the stream.
  struct state {
    state(Transport connected, const tls_context& context) : transport{std::move(connected)}, engine{context} {
      if (!engine.valid()) ended = errc::tls_handshake_failed;
    }

    [[nodiscard]] bool usable() const noexcept { return proven && transport.is_open(); }
    /// Whether read_some() can go on without the socket.
    [[nodiscard]] bool readable() const noexcept { return left || engine.readable(); }
    [[nodiscard]] bool quiet() const noexcept { return !readable() && engine.unsent().empty(); }

    [[nodiscard]] std::error_code receive() noexcept {
      const io_result got = transport.read_some(engine.receive_space());
      engine.received(got.bytes);
      // TCP's end where TLS did not announce one: somebody cut the connection
      return got.error == errc::closed && transport.is_open() ? make_error_code(errc::tls_truncated) : got.error;
    }

    [[nodiscard]] std::error_code flush() noexcept {
      if (ending) engine.shut();
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
        if (!readable()) {
          if (std::exchange(asked, true)) return nothing_now();
          const std::error_code error = receive();
          if (error == errc::would_block) return nothing_now();
          if (error) return end(error);
        }
        const detail::tls_step step = left ? *std::exchange(left, std::nullopt) : engine.read(into);
        switch (step.result) {
          case outcome::done: return {step.bytes + read_more(into.subspan(step.bytes)), {}};
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

    // What has arrived after a record. The code that decrypts and the code that decodes displace each other from the
    // caches, so small records come a few at a time; more would keep the first waiting.
    std::size_t read_more(std::span<char> into) noexcept {
      std::size_t total = 0;
      for (int records = 1; records < records_at_once && engine.fits(into.size() - total); ++records) {
        const detail::tls_step step = engine.read(into.subspan(total));
        if (step.result != outcome::done) {
          if (step.result != outcome::want_read) left = step;
          break;
        }
        total += step.bytes;
      }
      return total;
    }

    io_result write_some(std::span<const char> from) noexcept {
      if (!usable() || ending) return {0, errc::closed};
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
    std::optional<detail::tls_step> left;  // what came after the last data that was read, and is still to be dealt with
    std::error_code ended;
    bool ending{false};           // by shutdown()
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
    if (self->replies_blocked ? !full : self->readable()) co_return std::error_code{};
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

static_assert(buffered_stream<tls_stream> && stamped_stream<tls_stream>);

}  // namespace foxtrot::inline v0
