// foxtrot/net/websocket/writer.hpp: messages on their way into a stream: in order, within a bound, within a time.
#pragma once

#include <foxtrot/core/clock.hpp>
#include <foxtrot/core/error.hpp>
#include <foxtrot/net/asio.hpp>
#include <foxtrot/net/async_condition.hpp>
#include <foxtrot/net/stream.hpp>
#include <foxtrot/net/timer_queue.hpp>
#include <foxtrot/net/watchdog.hpp>
#include <foxtrot/net/websocket/frame.hpp>
#include <foxtrot/net/websocket/sender.hpp>
#include <foxtrot/net/websocket/settings.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>
#include <system_error>
#include <utility>

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
        timers_{timers},
        pong_interval_{settings.answer_latest_ping_only ? settings.pong_interval : std::chrono::milliseconds{0}},
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
  void stop() noexcept {
    blocked_.stop();
    next_pong_.cancel();
  }

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
    const std::uint64_t pongs = frames_.pongs();
    const std::error_code error = frames_.flush(stream_);
    if (pong_interval_ > std::chrono::milliseconds{0} && frames_.pongs() != pongs) rest_from_pongs();
    const auto before = std::exchange(passed_on_, std::pair{frames_.taken(), held_back()});
    if (error != errc::would_block) {
      blocked_.stop();
    } else if (!blocked_.watching() || passed_on_ != before) {
      blocked_.feed();
    }
    return error;
  }
  void rest_from_pongs() {
    frames_.hold_pongs(true);
    next_pong_ = timers_.call_after(steady_time::duration{pong_interval_}, [this] {
      frames_.hold_pongs(false);
      (void)push();  // an error shows at the next read as well
    });
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
  timer_queue& timers_;
  const std::chrono::milliseconds pong_interval_;
  asio::io_context& loop_;
  frame_sender<Role> frames_;
  std::function<void(errc)> on_failure_;
  watchdog blocked_;
  timer next_pong_;
  async_condition moved_{loop_};  // the stream has taken something, or is broken
  const std::shared_ptr<bool> alive_{std::make_shared<bool>(true)};
  std::pair<std::uint64_t, std::size_t> passed_on_;  // taken by the stream in all, and held back by it now
  std::error_code broken_;                           // what ended the waiting for room
  bool pushing_{false};
  bool stalled_{false};
};

}  // namespace foxtrot::inline v0
