// foxtrot/net/websocket/stream.hpp: a WebSocket connection over any byte stream.
#pragma once

#include <foxtrot/core/clock.hpp>
#include <foxtrot/core/error.hpp>
#include <foxtrot/core/live_object.hpp>
#include <foxtrot/net/asio.hpp>
#include <foxtrot/net/deadline.hpp>
#include <foxtrot/net/stream.hpp>
#include <foxtrot/net/timer_queue.hpp>
#include <foxtrot/net/watchdog.hpp>
#include <foxtrot/net/websocket/close.hpp>
#include <foxtrot/net/websocket/decoder.hpp>
#include <foxtrot/net/websocket/frame.hpp>
#include <foxtrot/net/websocket/handshake.hpp>
#include <foxtrot/net/websocket/ignore_messages.hpp>
#include <foxtrot/net/websocket/settings.hpp>
#include <foxtrot/net/websocket/writer.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

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
  [[nodiscard]] std::uint64_t pongs_sent() const noexcept { return writer_.frames().pongs(); }
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
