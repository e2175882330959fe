// foxtrot/net/websocket/stream.hpp: a WebSocket connection over any byte stream.
#pragma once

#include <foxtrot/core/error.hpp>
#include <foxtrot/net/asio.hpp>
#include <foxtrot/net/deadline.hpp>
#include <foxtrot/net/detail/wait_either.hpp>
#include <foxtrot/net/stream.hpp>
#include <foxtrot/net/timer_queue.hpp>
#include <foxtrot/net/websocket/close.hpp>
#include <foxtrot/net/websocket/decoder.hpp>
#include <foxtrot/net/websocket/frame.hpp>
#include <foxtrot/net/websocket/handshake.hpp>
#include <foxtrot/net/websocket/sender.hpp>

#include <algorithm>
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

struct websocket_settings {
  decoder_settings decoder;
  bool answer_latest_ping_only{false};  ///< one pong for all pings of a drain, as some venues ask
  std::size_t max_unsent{47 * 1024};    ///< frames that the socket has not taken; with one TLS record below: 64 KiB
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
  bool more{false};       ///< the socket may hold more already: drain again before waiting
};

/// Messages are handed over synchronously from `drain`, as many as one socket read brought; coroutines only wait. One
/// coroutine at a time waits for reading, upgrading or closing; it must have ended before the stream is destroyed. One
/// thread: the loop's.
template <byte_stream Stream, websocket_role Role = websocket_role::client, text_check Check = text_check::on>
class websocket_stream {
 public:
  static constexpr std::size_t read_size = 64 * 1024;

  explicit websocket_stream(Stream stream, websocket_settings settings = {})
      : settings_{settings}, stream_{std::move(stream)}, decoder_{settings.decoder}, sender_{settings.max_unsent} {}

  /// Asks the server to switch and waits for its answer, however long that takes: give it a `deadline` that calls
  /// `close_now`. After a refusal `failure` has the status. Frames that came with the answer wait for the first
  /// `drain`.
  [[nodiscard]] task<std::error_code> upgrade(upgrade_request wanted) {
    auto made = client_handshake::make(wanted);
    if (!made) co_return made.error();
    client_handshake handshake = std::move(*made);
    sender_.queue_raw(handshake.request());
    std::error_code error = co_await flush();
    while (!error && !handshake.done()) {
      const std::span<char> space = decoder_.prepare();
      const io_result got = stream_.read_some(space);
      error = got.error;
      if (error == errc::would_block) {
        error = co_await stream_.wait_readable();
      } else if (!error) {
        const std::size_t taken = handshake.feed({space.data(), got.bytes});
        error = handshake.error();
        keep(space, taken, got.bytes);
      }
    }
    failure_ = handshake.failure();
    if (error == errc::closed) error = errc::http_truncated;
    if (error) co_return error;
    subprotocol_ = handshake.subprotocol();
    open_ = true;
    co_return error;
  }

  /// Where somebody else has done the upgrade, as servers do; `received` are the bytes that followed it.
  void adopt(std::string_view received = {}) {
    const std::span<char> space = decoder_.prepare();
    const std::size_t count = std::min(space.size(), received.size());
    if (count != 0) std::memcpy(space.data(), received.data(), count);
    keep(space, 0, count);
    open_ = true;
  }

  /// Reads the socket at most once (64 KiB) and hands every complete frame to `handler`; pings are answered and a close
  /// is echoed. errc::websocket_closed_by_peer: the peer ended it, `peer_close` says how if it did say. A violation was
  /// answered with the right close code; nothing is read any more. The handler may call `send` and `close_now`.
  template <message_handler Handler>
  drain_result drain(Handler& handler) {
    if (!open_) return {errc::closed, false};
    if (decoder_.error()) return discard();
    relay<Handler> events{*this, handler};
    io_result got;
    std::size_t budget = read_size;
    if (std::exchange(undrained_, false)) (void)decoder_.drain(events);
    while (open_ && !decoder_.error() && !decoder_.closed()) {
      const std::span<char> space = decoder_.prepare().first(read_size);
      got = stream_.read_some(space);
      if (got.error) break;
      ++counters_.reads;
      counters_.bytes += got.bytes;
      decoder_.commit(got.bytes);
      (void)decoder_.drain(events);
      budget -= std::min(budget, got.bytes);
      if (at_rest(budget)) break;
    }
    return settle(got.error, budget);
  }

  /// When `drain` may find something; may also return for nothing. What waits to be sent is sent meanwhile.
  [[nodiscard]] task<std::error_code> wait_readable() {
    if (undrained_) co_return std::error_code{};
    std::error_code error = sender_.flush(stream_);
    if (error != errc::would_block || sender_.unsent() == 0) co_return co_await stream_.wait_readable();
    error = co_await detail::wait_either(stream_.wait_readable(), stream_.wait_writable());
    if (!error) (void)sender_.flush(stream_);
    co_return error;
  }

  /// Sends one frame, or keeps what the socket does not take now. errc::would_block: too much waits already, and
  /// nothing of this frame was taken; errc::closed after either side's close; errc::bad_argument for a frame that can
  /// never fit.
  std::error_code send(opcode op, std::string_view payload) {
    if (!open_) return errc::closed;
    std::error_code error = sender_.queue(op, payload);
    if (error == errc::would_block) {
      (void)sender_.flush(stream_);
      error = sender_.queue(op, payload);
    }
    if (error) return error;
    error = sender_.flush(stream_);
    return error == errc::would_block ? std::error_code{} : error;
  }

  /// Waits until the socket has taken everything.
  [[nodiscard]] task<std::error_code> flush() {
    std::error_code error = sender_.flush(stream_);
    while (error == errc::would_block) {
      error = co_await stream_.wait_writable();
      if (!error) error = sender_.flush(stream_);
    }
    co_return error;
  }

  /// The closing handshake: sends a close, throws away what still arrives, waits for the peer's close, ends TLS, closes
  /// the socket. After `patience` (errc::timeout) or an error the socket is closed just the same.
  [[nodiscard]] task<std::error_code> close(close_code code, std::string reason, timer_queue& timers,
                                            steady_time::duration patience) {
    if (!open_) {
      close_now();
      co_return make_error_code(errc::closed);
    }
    const deadline limit{timers, patience, [this] { stream_.close(); }};
    start_close(code, reason);
    std::error_code error = co_await flush();
    nobody ignore;
    while (!error && !peer_close_) {
      const drain_result drained = drain(ignore);
      error = drained.error;
      if (!error && !drained.more) error = co_await wait_readable();
    }
    if (peer_close_ || decoder_.error()) error = {};
    if constexpr (requires { stream_.shutdown(); }) stream_.shutdown();
    close_now();
    co_return limit.map(error);
  }

  /// Sends a close; `drain` goes on until the peer's own. For whoever drains already: everybody else awaits `close`.
  void start_close(close_code code = close_code::normal, std::string_view reason = {}) {
    if (!open_) return;
    sender_.queue_close(code, reason);
    (void)sender_.flush(stream_);
  }

  /// Drops the connection without a word. Any number of times; a waiting coroutine gets errc::cancelled.
  void close_now() noexcept {
    open_ = false;
    stream_.close();
  }

  [[nodiscard]] bool is_open() const noexcept { return open_; }
  /// The peer's close frame, if there was one.
  [[nodiscard]] const std::optional<close_info>& peer_close() const noexcept { return peer_close_; }
  [[nodiscard]] const upgrade_failure& failure() const noexcept { return failure_; }
  [[nodiscard]] const std::string& subprotocol() const noexcept { return subprotocol_; }
  [[nodiscard]] const websocket_counters& counters() const noexcept { return counters_; }
  /// Frames received, and frames queued to be sent, of every kind.
  [[nodiscard]] std::uint64_t frames() const noexcept { return decoder_.frames(); }
  [[nodiscard]] std::uint64_t frames_sent() const noexcept { return sender_.frames(); }
  /// Bytes of frames that the stream below has not taken.
  [[nodiscard]] std::size_t unsent() const noexcept { return sender_.unsent(); }
  [[nodiscard]] Stream& next_layer() noexcept { return stream_; }

 private:
  struct nobody {
    void on_message(message_kind, std::string_view) noexcept {}
    void on_ping(std::string_view) noexcept {}
    void on_pong(std::string_view) noexcept {}
    void on_close(const close_info&) noexcept {}
  };

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
      stream.sender_.queue_pong(payload, stream.settings_.answer_latest_ping_only);
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

  // Nothing more to be had without another socket read, or enough for one drain.
  [[nodiscard]] bool at_rest(std::size_t budget) const noexcept {
    if constexpr (buffered_stream<Stream>) return stream_.buffered() == 0;
    return budget == 0;
  }
  [[nodiscard]] bool may_have_more(std::size_t budget) const noexcept {
    if constexpr (buffered_stream<Stream>) return !stream_.drained();
    return budget == 0;
  }

  drain_result settle(std::error_code read_error, std::size_t budget) {
    if (!open_) return {errc::closed, false};  // by the handler
    if (const std::error_code violation = decoder_.error()) {
      start_close(close_code_for(violation));
      return {violation, false};
    }
    if (decoder_.closed()) {
      start_close(peer_close_->code);
      return {errc::websocket_closed_by_peer, false};
    }
    (void)sender_.flush(stream_);  // pongs; an error shows at the next read as well
    if (read_error == errc::would_block) return {};
    if (read_error == errc::closed) return {errc::websocket_closed_by_peer, false};
    if (read_error) return {read_error, false};
    return {{}, may_have_more(budget)};
  }

  // After a violation: only the end of the connection is of interest.
  drain_result discard() {
    const io_result got = stream_.read_some(decoder_.prepare());
    if (got.error == errc::would_block) return {};
    if (got.error) return {got.error, false};
    return {{}, true};
  }

  websocket_settings settings_;
  Stream stream_;
  message_decoder<Role, Check> decoder_;
  frame_sender<Role> sender_;
  std::optional<close_info> peer_close_;
  upgrade_failure failure_;
  std::string subprotocol_;
  websocket_counters counters_;
  bool open_{false};
  bool undrained_{false};  // the decoder holds bytes that came with the upgrade
};

}  // namespace foxtrot::inline v0
