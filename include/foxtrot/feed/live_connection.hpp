// foxtrot/feed/live_connection.hpp: one upgraded connection: reads and publishes, subscribes, watches for silence.
#pragma once

#include <foxtrot/core/clock.hpp>
#include <foxtrot/core/detail/on_exit.hpp>
#include <foxtrot/core/diagnostics.hpp>
#include <foxtrot/core/error.hpp>
#include <foxtrot/core/live_object.hpp>
#include <foxtrot/feed/detail/breaker_gate.hpp>
#include <foxtrot/feed/detail/ping_pong.hpp>
#include <foxtrot/feed/line_arbiter.hpp>
#include <foxtrot/feed/protocol.hpp>
#include <foxtrot/feed/publisher.hpp>
#include <foxtrot/feed/session_hooks.hpp>
#include <foxtrot/feed/session_settings.hpp>
#include <foxtrot/feed/subscription_set.hpp>
#include <foxtrot/feed/websocket_error_handler.hpp>
#include <foxtrot/net/asio.hpp>
#include <foxtrot/net/async_event.hpp>
#include <foxtrot/net/async_thread_bridge.hpp>
#include <foxtrot/net/poller.hpp>
#include <foxtrot/net/rate_limiter.hpp>
#include <foxtrot/net/timer_queue.hpp>
#include <foxtrot/net/watchdog.hpp>
#include <foxtrot/net/websocket/stream.hpp>
#include <foxtrot/queue/idle.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace foxtrot::inline v0::detail {

/// Which line it is, and what becomes of the venue's answers and announcements.
struct connection_role {
  line_id line{no_line};
  confirmation_handler confirmed;  ///< at once, before the messages behind the answer: may not publish
  confirmation_handler answered;   ///< the same when all that came with it has been published; after other answers, too
  std::function<void()> shutdown;  ///< the venue is about to end the connection; likewise
};

/// Lives as long as one connection, in the frame of the coroutine that owns it. Loop thread only. The venue's JSON
/// parser checks UTF-8, so the frames' check is left out.
template <venue_protocol Protocol, byte_stream Stream>
class live_connection : private live_object<live_connection<Protocol, Stream>> {
 public:
  live_connection(Stream stream, const session_settings& settings, async_thread_bridge& bridge, publisher& out,
                  Protocol& protocol, subscription_set& wanted, const connection_role& role,
                  websocket_error_handler& errors, breaker_gate& gate, const diagnostics& log)
      : settings_{settings},
        bridge_{bridge},
        timers_{bridge.timers()},
        out_{out},
        protocol_{protocol},
        wanted_{wanted},
        role_{role},
        errors_{errors},
        gate_{gate},
        log_{log},
        socket_{bridge.timers(), std::move(stream), pongs_by_us(settings.websocket)},
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
    if (out_.measures_latency()) stamp_reads_of(socket_.next_layer());
    pings_.start(settings_.ping_interval, settings_.pong_timeout);
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
    void on_ping(std::string_view payload) { self.pings_.on_ping(payload); }
    void on_pong(std::string_view payload) { self.pings_.on_pong(payload); }
    void on_close(const close_info& said) noexcept { self.close_code_ = static_cast<std::uint16_t>(said.code); }
  };

  // Everything one read of the socket brought, published in one batch.
  drain_result drain() {
    if (reason_) return {reason_, false};
    const on_exit always{[this] { batch_.reset(); }};  // also where memory runs out
    received_ns_ = 0;                                  // taken once, at the first message that this read brought
    got_data_ = false;
    reader frames{*this};
    const std::uint64_t reads = socket_.counters().reads;
    const drain_result result = socket_.drain(frames);
    batch_.reset();
    if (socket_.counters().reads != reads) silence_.feed();
    if (std::exchange(shutdown_, false)) role_.shutdown();
    if (std::exchange(answered_, false)) role_.answered(std::exchange(confirmed_, {}));
    has_data_ = has_data_ || got_data_;
    if (got_data_ && !gate_.proven()) gate_.succeed(timers_.now());
    pings_.answer();
    if (result.error) fail(result.error);
    return result;
  }

  // One turn of a spinning loop: true where the socket had something.
  bool poll() {
    const std::uint64_t before = socket_.counters().reads;
    (void)drain();
    return socket_.counters().reads != before;
  }

  void take(message_kind kind, std::string_view payload) {
    if (!batch_) batch_.emplace(out_, role_.line);
    if (received_ns_ == 0)
      received_ns_ = batch_->received_now(kernel_stamp_of(socket_.next_layer())) + settings_.clock_shift.count();
    feed_counters& count = batch_->counters();
    count.messages.add();
    count.bytes.add(payload.size());
    if (kind != message_kind::text) return count.unknown.add();
    switch (protocol_.decode(payload, received_ns_, *batch_)) {
      case message_type::tick: got_data_ = true; return;
      case message_type::answer: count.answers.add(); return take_answer(protocol_.last_answer());
      case message_type::shutdown:
        shutdown_ = true;
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
    const std::vector<std::string> confirmed = wanted_.confirmed_by(id);
    role_.confirmed(confirmed);
    confirmed_.insert(confirmed_.end(), confirmed.begin(), confirmed.end());
    answered_ = true;
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

  // The venue counts pongs among our messages.
  [[nodiscard]] static websocket_settings pongs_by_us(websocket_settings given) noexcept {
    given.pongs = ping_answers::by_handler;
    return given;
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
  const connection_role& role_;
  websocket_error_handler& errors_;
  breaker_gate& gate_;
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
  bool got_data_{false};         // in this read
  bool has_data_{false};
  bool shutdown_{false};                // announced in this read
  bool answered_{false};                // the venue, to a request, in this read
  std::vector<std::string> confirmed_;  // by that
  ping_pong pings_{
      timers_,
      messages_,
      limits_.messages,
      {.send = [this](opcode op, std::string_view payload) { return socket_.send(op, payload); },
       .look = [this] { (void)drain(); },
       .give_up = [this](std::error_code why) { fail(why); },
       .measured = [this](steady_time::duration trip) { out_.counters().round_trip_ns.set(trip.count()); }}};
  timer retry_requests_;
  timer answers_due_;
  // Pings count: this is about the transport.
  watchdog silence_{timers_, steady_time::duration{settings_.silence_limit}, [this] { fail(errc::heartbeat_lost); }};
  poller_handle poller_;  // last: gone first
};

}  // namespace foxtrot::inline v0::detail
