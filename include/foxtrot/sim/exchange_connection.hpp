// foxtrot/sim/exchange_connection.hpp: the exchange's end of one connection.
#pragma once

#include <foxtrot/core/clock.hpp>
#include <foxtrot/core/error.hpp>
#include <foxtrot/core/live_object.hpp>
#include <foxtrot/net/asio.hpp>
#include <foxtrot/net/websocket/close.hpp>
#include <foxtrot/net/websocket/decoder.hpp>
#include <foxtrot/net/websocket/frame.hpp>
#include <foxtrot/sim/client_messages.hpp>
#include <foxtrot/sim/control_answers.hpp>
#include <foxtrot/sim/control_protocol.hpp>
#include <foxtrot/sim/exchange_parts.hpp>
#include <foxtrot/sim/exchange_pings.hpp>
#include <foxtrot/sim/exchange_settings.hpp>
#include <foxtrot/sim/exchange_socket.hpp>
#include <foxtrot/sim/exchange_target.hpp>
#include <foxtrot/sim/message_faults.hpp>
#include <foxtrot/sim/sim_stream.hpp>
#include <foxtrot/sim/spoiled.hpp>
#include <foxtrot/sim/stream_hub.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
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

/// One accepted connection, plain HTTP until `open`, a WebSocket from then on. Owned by the tasks that read and write
/// it. Every message leaves through `deliver` and every byte through the stream: faults have one place to step in. Loop
/// thread only.
class exchange_connection final : public stream_subscriber,
                                  public std::enable_shared_from_this<exchange_connection>,
                                  private live_object<exchange_connection> {
 public:
  exchange_connection(sim_stream stream, exchange_parts parts)
      : parts_{parts},
        number_{parts.counters.connections.get()},
        socket_{std::move(stream), parts.faults, parts.limits, parts.counters},
        heard_{parts.limits, parts.counters} {}
  ~exchange_connection() override {
    if (!session_) return;
    parts_.hub.forget(*this);
    parts_.counters.open_websockets.subtract();
  }

  [[nodiscard]] exchange_socket& socket() noexcept { return socket_; }
  [[nodiscard]] bool is_websocket() const noexcept { return session_ != nullptr; }
  /// Neither side has begun to close it, as far as it was read.
  [[nodiscard]] bool is_open_websocket() const noexcept { return session_ && !session_->closing && socket_.is_open(); }
  /// Of the upgrade, without the query. WebSockets only, and so are the next two.
  [[nodiscard]] const std::string& path() const noexcept { return session_->path; }
  [[nodiscard]] steady_time opened_at() const noexcept { return session_->opened_at; }
  /// A text of the venue's own, in the form that the client wants.
  void announce(std::string_view stream, std::string_view data) {
    if (!is_open_websocket()) return;
    put(stream, data);
    flush();
  }

  /// FIN after `wait`, without a WebSocket close or close_notify.
  void cut(std::chrono::milliseconds wait = {}) {
    if (wait.count() != 0) {
      cut_timer_ = parts_.timers.call_after(wait, [this] { cut(); });
      return;
    }
    stop_talking();
    socket_.cut();
  }
  /// Other faults are in force now.
  void faults_changed() {
    socket_.faults_changed();
    if (!is_open_websocket()) return;
    session_->pings.changed();
    session_->faults.changed(delivery{*this});
    flush();
  }

  /// The upgrade is done; `received` are bytes that came behind the request.
  void open(const websocket_target& target, std::string path, std::string_view received) {
    session_ = std::make_unique<session>(*this, target, std::move(path));
    parts_.counters.websockets.add();
    parts_.counters.open_websockets.add();
    const std::span<char> space = session_->decoder.prepare();
    if (!received.empty()) std::memcpy(space.data(), received.data(), received.size());
    session_->decoder.commit(received.size());
    std::vector<std::string> added;
    if (session_->answers.control.subscribe(target.streams, added)) subscribe(added);
    session_->pings.changed();  // there may be a storm
  }

  /// Reads until the connection ends, answering what the client says.
  [[nodiscard]] task<> read_messages() {
    incoming events{*this};
    sim_stream& stream = socket_.stream();
    while (stream.is_open()) {
      if (const std::error_code violation = session_->decoder.drain(events)) begin_close(close_code_for(violation), {});
      flush();
      if (session_->decoder.closed()) break;
      const io_result got = stream.read_some(session_->decoder.prepare());
      session_->decoder.commit(got.bytes);
      if (!got.error) continue;
      if (got.error != errc::would_block) break;
      if (const std::error_code error = co_await stream.wait_readable()) break;
    }
    // the client's close gets its answer behind whatever data was under way, within the limit
    if (session_->decoder.closed()) socket_.close_later();
    while (session_->decoder.closed() && socket_.sending()) {
      if (const std::error_code error = co_await socket_.flush_later()) break;
    }
    stop_talking();
    socket_.finish();
  }

  /// Sends what the socket did not take at once. Runs beside `read_messages`.
  [[nodiscard]] task<> write_messages() { return socket_.write(parts_.hub.changed()); }

  /// Sends a close frame and waits for the client's, within the limit. No data follows.
  void begin_close(close_code code, std::string_view reason) {
    if (!session_ || session_->closing) return;
    stop_talking();
    socket_.queue().frame(opcode::close, {encode_close(code, reason)});
    flush();
    socket_.close_later();
  }

  [[nodiscard]] time_unit unit() const noexcept override { return session_->unit; }
  [[nodiscard]] std::size_t unsent() const noexcept override { return socket_.unsent(); }

  void message(sim_message kind, std::string_view stream, std::string_view data) override {
    if (session_->closing || !socket_.takes_more()) return;
    if (session_->faults.in_force()) return session_->faults.pass(kind, stream, data, delivery{*this});
    deliver(kind, stream, data);
  }

  void flush() override { socket_.flush(); }

 private:
  /// What a WebSocket has beyond a connection.
  struct session {
    session(exchange_connection& self, const websocket_target& target, std::string asked)
        : unit{target.unit},
          route{target.route},
          path{std::move(asked)},
          opened_at{self.parts_.timers.now()},
          answers{target.combined, self.parts_.faults, self.parts_.counters, self.seed(),
                  [&self](std::string_view text) { self.tell(opcode::text, text); }},
          pings{self.parts_.limits,
                self.parts_.counters,
                self.parts_.faults,
                {[&self](std::string_view payload) { self.tell(opcode::ping, payload); },
                 [&self] { self.begin_close(close_code::policy_violation, "Pong timeout"); }}},
          faults{self.parts_.faults, self.parts_.counters, self.seed()} {}

    time_unit unit;
    stream_route route;
    std::string path;
    steady_time opened_at;
    control_answers answers;
    message_decoder<websocket_role::server> decoder{{.buffer = 64 * 1024, .max_message = 1024 * 1024}};
    exchange_pings pings;
    message_faults faults;
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
      if (self.session_->pings.forgiven() || self.admit()) self.session_->pings.answered(payload);
    }
    void on_close(const close_info& info) {
      if (self.session_->closing) return;  // it is the answer to ours
      self.stop_talking();
      self.socket_.queue().frame(opcode::close, {encode_close(info.code)});
    }
  };

  /// Whatever is under way still leaves, but nothing is added to it.
  void stop_talking() {
    if (!session_) return;
    session_->closing = true;
    session_->pings.end();
  }
  void send(opcode op, std::initializer_list<std::string_view> pieces) {
    const std::size_t before = socket_.queue().size();
    socket_.queue().frame(op, pieces);
    parts_.counters.bytes_sent.add(socket_.queue().size() - before);
  }
  /// At once, outside of a flush that is to come anyway.
  void tell(opcode op, std::string_view payload) {
    if (session_->closing || !socket_.takes_more()) return;
    send(op, {payload});
    flush();
    limit_unsent();
  }
  void put(std::string_view stream, std::string_view data) {
    if (!session_->answers.control.combined()) return send(opcode::text, {data});
    send(opcode::text, {"{\"stream\":\"", stream, "\",\"data\":", data, "}"});
  }

  void deliver(sim_message kind, std::string_view stream, std::string_view data) {
    put(stream, data);
    if (parts_.log.enabled()) parts_.log.add(kind, stream, data, number_);
    parts_.counters.sent[static_cast<std::size_t>(kind)].add();
    limit_unsent();
  }
  void deliver_spoiled(std::string_view stream, std::string_view data, message_shape shape) {
    const std::uint64_t turn = parts_.counters.messages_spoiled.get();
    parts_.counters.messages_spoiled.add();
    if (shape == message_shape::bad_json) return put(stream, spoiled_json(data, turn));
    socket_.queue().raw(spoiled_frame(data, turn));
  }
  struct delivery {
    exchange_connection& self;

    void operator()(sim_message kind, std::string_view stream, std::string_view data, message_shape shape) const {
      if (shape == message_shape::right) return self.deliver(kind, stream, data);
      self.deliver_spoiled(stream, data, shape);
    }
  };

  void limit_unsent() {
    if (!parts_.drop_slow || socket_.queue().size() <= parts_.limits.max_unsent || !socket_.takes_more()) return;
    parts_.counters.dropped_slow.add();
    socket_.drop();
  }

  /// Counts a message of the client's; the one too many ends the connection.
  [[nodiscard]] bool admit() {
    if (session_->closing) return false;
    if (heard_.admit(parts_.timers.now())) return true;
    parts_.counters.dropped_noisy.add();
    begin_close(close_code::policy_violation, "Too many requests");
    return false;
  }

  void control(message_kind kind, std::string_view text) {
    control_outcome outcome;
    outcome.not_json = kind != message_kind::text;
    if (!outcome.not_json) outcome = session_->answers.handle(text);
    if (outcome.not_json) return begin_close(close_code::policy_violation, "Invalid request");
    for (const std::string& name : outcome.unsubscribed) {
      session_->faults.forget(name);
      if (const auto stream = parts_.source.find_stream(name, session_->route)) parts_.hub.unsubscribe(*stream, *this);
    }
    session_->answers.answer(std::move(outcome.reply));
    subscribe(outcome.subscribed);
  }

  void subscribe(const std::vector<std::string>& names) {
    for (const std::string& name : names)
      if (const auto stream = parts_.source.find_stream(name, session_->route)) parts_.hub.subscribe(*stream, *this);
    parts_.counters.most_streams_per_websocket.raise_to(session_->answers.control.streams().size());
  }

  [[nodiscard]] std::uint64_t seed() const noexcept { return parts_.faults.seed() + number_; }

  exchange_parts parts_;
  std::uint64_t number_;  // of this connection, from 1
  exchange_socket socket_;
  client_messages heard_;
  std::unique_ptr<session> session_;  // once it is a WebSocket
  timer cut_timer_;
};

}  // namespace foxtrot::inline v0
