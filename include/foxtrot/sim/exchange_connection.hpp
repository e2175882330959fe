// foxtrot/sim/exchange_connection.hpp: the exchange's end of one connection.
#pragma once

#include <foxtrot/core/clock.hpp>
#include <foxtrot/core/error.hpp>
#include <foxtrot/core/live_object.hpp>
#include <foxtrot/net/asio.hpp>
#include <foxtrot/net/async_event.hpp>
#include <foxtrot/net/rate_limiter.hpp>
#include <foxtrot/net/timer_queue.hpp>
#include <foxtrot/net/websocket/close.hpp>
#include <foxtrot/net/websocket/decoder.hpp>
#include <foxtrot/net/websocket/frame.hpp>
#include <foxtrot/sim/control_protocol.hpp>
#include <foxtrot/sim/exchange_settings.hpp>
#include <foxtrot/sim/exchange_target.hpp>
#include <foxtrot/sim/frame_queue.hpp>
#include <foxtrot/sim/market_source.hpp>
#include <foxtrot/sim/sim_stream.hpp>
#include <foxtrot/sim/stream_hub.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <deque>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace foxtrot::inline v0 {

/// What connections share. Loop thread only.
struct exchange_parts {
  timer_queue& timers;
  stream_hub& hub;
  const market_source& source;
  const exchange_limits& limits;
  detail::exchange_counters& counters;
  bool drop_slow{true};  ///< a replay waits for slow readers instead
};

/// One accepted connection, plain HTTP until `open`, a WebSocket from then on. Owned by the tasks that read and write
/// it. Every message leaves through `send` and every byte through the stream: faults have one place to step in. Loop
/// thread only.
class exchange_connection final : public stream_subscriber,
                                  public std::enable_shared_from_this<exchange_connection>,
                                  private live_object<exchange_connection> {
 public:
  exchange_connection(sim_stream stream, exchange_parts parts)
      : parts_{parts}, stream_{std::move(stream)}, writable_{parts.timers.context()} {}
  ~exchange_connection() override {
    if (!session_) return;
    parts_.hub.forget(*this);
    parts_.counters.open_websockets.subtract();
  }

  [[nodiscard]] sim_stream& stream() noexcept { return stream_; }
  [[nodiscard]] bool is_websocket() const noexcept { return session_ != nullptr; }

  /// Drops the connection with a reset, or without a word.
  void reset() noexcept { stream_.reset(); }
  void close_now() noexcept { stream_.close(); }

  /// Sends raw bytes and waits until they left.
  [[nodiscard]] task<std::error_code> send_all(std::string bytes) {
    queue_.raw(bytes);
    parts_.counters.bytes_sent.add(bytes.size());
    std::error_code error = queue_.flush(stream_);
    while (error == errc::would_block) {
      error = co_await stream_.wait_writable();
      if (!error) error = queue_.flush(stream_);
    }
    co_return error;
  }

  /// The upgrade is done; `received` are bytes that came behind the request.
  void open(const websocket_target& target, std::string_view received) {
    session_ = std::make_unique<session>(target);
    parts_.counters.websockets.add();
    parts_.counters.open_websockets.add();
    const std::span<char> space = session_->decoder.prepare();
    if (!received.empty()) std::memcpy(space.data(), received.data(), received.size());
    session_->decoder.commit(received.size());
    std::vector<std::string> added;
    if (session_->control.subscribe(target.streams, added)) subscribe(added);
    schedule_ping();
  }

  /// Reads until the connection ends, answering what the client says.
  [[nodiscard]] task<> read_messages() {
    incoming events{*this};
    while (stream_.is_open()) {
      if (const std::error_code violation = session_->decoder.drain(events)) begin_close(close_code_for(violation), {});
      flush();
      if (session_->decoder.closed()) break;
      const io_result got = stream_.read_some(session_->decoder.prepare());
      session_->decoder.commit(got.bytes);
      if (!got.error) continue;
      if (got.error != errc::would_block) break;
      if (const std::error_code error = co_await stream_.wait_readable()) break;
    }
    // the client's close gets its answer behind whatever data was under way, within the limit
    if (session_->decoder.closed()) {
      session_->close_timer = parts_.timers.call_after(parts_.limits.close_timeout, [this] { stream_.close(); });
    }
    while (session_->decoder.closed() && stream_.is_open() && queue_.size() != 0) {
      if (const std::error_code error = co_await stream_.wait_writable()) break;
      blocked_ = false;
      flush();
    }
    if (stream_.is_open()) stream_.shutdown();
    stream_.close();
    writable_.notify();
  }

  /// Sends what the socket did not take at once. Runs beside `read_messages`.
  [[nodiscard]] task<> write_messages() {
    while (stream_.is_open()) {
      if (const std::error_code error = co_await writable_.wait()) co_return;
      while (stream_.is_open() && blocked_) {
        if (const std::error_code error = co_await stream_.wait_writable()) co_return;
        blocked_ = false;
        flush();
      }
      parts_.hub.changed().notify();  // whoever waits for room looks again
    }
  }

  /// Sends a close frame and waits for the client's, within the limit. No data follows.
  void begin_close(close_code code, std::string_view reason) {
    if (!session_ || session_->closing) return;
    session_->closing = true;
    queue_.frame(opcode::close, {encode_close(code, reason)});
    flush();
    session_->close_timer = parts_.timers.call_after(parts_.limits.close_timeout, [this] { stream_.close(); });
  }

  [[nodiscard]] time_unit unit() const noexcept override { return session_->unit; }
  [[nodiscard]] std::size_t unsent() const noexcept override { return stream_.is_open() ? queue_.size() : 0; }

  void message(sim_message kind, std::string_view stream, std::string_view data) override {
    if (session_->closing || !stream_.is_open()) return;
    if (session_->control.combined()) {
      send(opcode::text, {"{\"stream\":\"", stream, "\",\"data\":", data, "}"});
    } else {
      send(opcode::text, {data});
    }
    parts_.counters.sent[static_cast<std::size_t>(kind)].add();
    if (!parts_.drop_slow || queue_.size() <= parts_.limits.max_unsent) return;
    parts_.counters.dropped_slow.add();
    stream_.close();
  }

  void flush() override {
    if (blocked_ || !stream_.is_open()) return;
    const std::error_code error = queue_.flush(stream_);
    if (!error) return;
    if (error == errc::would_block) {
      blocked_ = true;
      writable_.notify();
    } else {
      stream_.close();
    }
  }

 private:
  struct ping {
    std::string payload;
    steady_time sent;
  };

  /// What a WebSocket has beyond a connection.
  struct session {
    explicit session(const websocket_target& target)
        : unit{target.unit}, route{target.route}, control{target.combined} {}

    time_unit unit;
    stream_route route;
    control_session control;
    message_decoder<websocket_role::server> decoder{{.buffer = 64 * 1024, .max_message = 1024 * 1024}};
    std::deque<ping> unanswered;
    timer ping_timer;
    timer pong_timer;
    timer close_timer;
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
      if (self.admit()) self.answered(payload);
    }
    void on_close(const close_info& info) {
      if (self.session_->closing) return;  // it is the answer to ours
      self.session_->closing = true;
      self.queue_.frame(opcode::close, {encode_close(info.code)});
    }
  };

  void send(opcode op, std::initializer_list<std::string_view> pieces) {
    const std::size_t before = queue_.size();
    queue_.frame(op, pieces);
    parts_.counters.bytes_sent.add(queue_.size() - before);
  }

  /// Counts a message of the client's; the one too many ends the connection.
  [[nodiscard]] bool admit() {
    if (session_->closing) return false;
    if (!rate_ && parts_.limits.messages_per_second != 0) {
      const std::chrono::milliseconds second{1000};
      rate_.emplace(rate_limit_settings{parts_.limits.messages_per_second, second, 0});
    }
    if (!rate_ || rate_->try_acquire(parts_.timers.now(), send_priority::urgent)) return true;
    parts_.counters.dropped_noisy.add();
    begin_close(close_code::policy_violation, "Too many requests");
    return false;
  }

  void control(message_kind kind, std::string_view text) {
    control_outcome outcome;
    outcome.not_json = kind != message_kind::text;
    if (!outcome.not_json) outcome = session_->control.handle(text);
    if (outcome.not_json) return begin_close(close_code::policy_violation, "Invalid request");
    for (const std::string& name : outcome.unsubscribed)
      if (const auto stream = parts_.source.find_stream(name, session_->route)) parts_.hub.unsubscribe(*stream, *this);
    send(opcode::text, {outcome.reply});
    subscribe(outcome.subscribed);
  }

  void subscribe(const std::vector<std::string>& names) {
    for (const std::string& name : names)
      if (const auto stream = parts_.source.find_stream(name, session_->route)) parts_.hub.subscribe(*stream, *this);
  }

  void schedule_ping() {
    session_->ping_timer = parts_.timers.call_after(parts_.limits.ping_interval, [this] { send_ping(); });
  }

  void send_ping() {
    if (session_->closing || !stream_.is_open()) return;
    const auto now = std::chrono::duration_cast<std::chrono::milliseconds>(epoch_clock::now().time_since_epoch());
    session_->unanswered.push_back({std::to_string(now.count()), parts_.timers.now()});
    send(opcode::ping, {session_->unanswered.back().payload});
    parts_.counters.pings_sent.add();
    flush();
    if (session_->unanswered.size() == 1) expect_pong();
    schedule_ping();
  }

  void expect_pong() {
    const steady_time limit = session_->unanswered.front().sent + parts_.limits.pong_timeout;
    session_->pong_timer =
        parts_.timers.call_at(limit, [this] { begin_close(close_code::policy_violation, "Pong timeout"); });
  }

  /// A pong that copies a ping answers it and those before; any other is allowed and proves nothing.
  void answered(std::string_view payload) {
    auto& waiting = session_->unanswered;
    const auto found =
        std::find_if(waiting.begin(), waiting.end(), [&](const ping& p) { return p.payload == payload; });
    if (found == waiting.end()) return;
    parts_.counters.pongs_received.add();
    waiting.erase(waiting.begin(), found + 1);
    session_->pong_timer.cancel();
    if (!waiting.empty()) expect_pong();
  }

  exchange_parts parts_;
  sim_stream stream_;
  frame_queue queue_;
  async_event writable_;  // notified when there is something for write_messages to do
  std::optional<rate_limiter> rate_;
  std::unique_ptr<session> session_;  // once it is a WebSocket
  bool blocked_{false};               // the socket was full; write_messages flushes
};

}  // namespace foxtrot::inline v0
