// tests/support/exchange_client.hpp: foxtrot's own client streams, driven step by step against a simulated exchange.
#pragma once

#include <foxtrot/net/connect.hpp>
#include <foxtrot/net/http/client.hpp>
#include <foxtrot/net/websocket/stream.hpp>
#include <foxtrot/sim/exchange.hpp>

#include <support/loop_fixture.hpp>

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace foxtrot_test {

/// What a client of this exchange trusts.
inline foxtrot::tls_context trusting(const foxtrot::exchange& venue) {
  foxtrot::tls_settings settings;
  settings.ca_pem = venue.ca_pem();
  return foxtrot::tls_context::make(settings).value();
}

inline foxtrot::dial_settings dial_loopback(const foxtrot::exchange& venue) {
  foxtrot::dial_settings dial;
  dial.addresses = {{asio::ip::address_v4::loopback(), venue.port()}};
  return dial;
}

/// One WebSocket. Everything happens inside the calls, in the caller's thread.
class exchange_client {
 public:
  exchange_client(const foxtrot::exchange& venue, const std::string& target) { error_ = open(venue, target); }

  /// Why it could not connect, or how it ended.
  [[nodiscard]] std::error_code error() const { return error_; }
  [[nodiscard]] int refused_with() const { return stream_ ? stream_->failure().status : 0; }
  [[nodiscard]] const std::optional<foxtrot::close_info>& peer_close() const { return stream_->peer_close(); }
  [[nodiscard]] const std::vector<std::string>& messages() const { return events_.messages; }
  [[nodiscard]] const std::vector<std::string>& pings() const { return events_.pings; }
  [[nodiscard]] auto& stream() { return *stream_; }
  void forget() { events_.messages.clear(); }

  std::error_code send(std::string_view text) { return stream_->send(foxtrot::opcode::text, text); }

  /// Reads until `done()` or the end of the connection; false after the guard.
  template <class Predicate>
  bool read_until(Predicate done) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds{30};
    while (!done()) {
      if (error_ || std::chrono::steady_clock::now() > until) return false;
      const foxtrot::drain_result drained = stream_->drain(events_);
      error_ = drained.error;
      if (error_ || drained.more || done()) continue;
      auto waiting = loop_.start(stream_->wait_readable());
      if (!loop_.run_until([&] { return waiting.done(); }, std::chrono::seconds{30})) {
        stream_->close_now();
        (void)loop_.run_until([&] { return waiting.done(); });
        return false;
      }
    }
    return true;
  }
  /// Reads for so long; true if nothing came, not even the end.
  bool silent_for(std::chrono::milliseconds patience) {
    const auto until = std::chrono::steady_clock::now() + patience;
    const std::size_t before = events_.messages.size() + events_.pings.size();
    while (!error_ && events_.messages.size() + events_.pings.size() == before) {
      error_ = stream_->drain(events_).error;
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
      if (error_ || events_.messages.size() + events_.pings.size() != before) break;
      auto waiting = loop_.start(stream_->wait_readable());
      if (loop_.run_until([&] { return waiting.done(); }, left)) continue;
      waiting.cancel();
      return loop_.run_until([&] { return waiting.done(); });
    }
    return false;
  }
  bool read_messages(std::size_t count) {
    return read_until([&] { return events_.messages.size() >= count; });
  }
  bool read_to_end() {
    return !read_until([] { return false; }) && error_;
  }
  /// Sends, and reads until a message that contains `expected`, which is returned.
  std::string ask(std::string_view text, std::string_view expected = "\"id\":") {
    if (send(text)) return {};
    std::size_t looked_at = events_.messages.size();
    std::string found;
    (void)read_until([&] {
      for (; looked_at < events_.messages.size() && found.empty(); ++looked_at)
        if (events_.messages[looked_at].find(expected) != std::string::npos) found = events_.messages[looked_at];
      return !found.empty();
    });
    return found;
  }

 private:
  using websocket = foxtrot::websocket_stream<foxtrot::tls_stream>;

  struct collector {
    std::vector<std::string> messages;
    std::vector<std::string> pings;

    void on_message(foxtrot::message_kind, std::string_view text) { messages.emplace_back(text); }
    void on_ping(std::string_view payload) { pings.emplace_back(payload); }
    void on_pong(std::string_view) {}
    void on_close(const foxtrot::close_info&) {}
  };

  std::error_code open(const foxtrot::exchange& venue, const std::string& target) {
    auto dialed =
        loop_.run(foxtrot::dial_tls(loop_.timers, trusting(venue), "localhost", venue.port(), dial_loopback(venue)));
    if (!dialed) return dialed.error();
    stream_ = std::make_unique<websocket>(loop_.timers, std::move(*dialed));
    foxtrot::upgrade_request wanted;
    wanted.host = "localhost";
    wanted.port = venue.port();
    wanted.target = target;
    return loop_.run(stream_->upgrade(wanted));
  }

  loop_fixture loop_;
  std::unique_ptr<websocket> stream_;
  collector events_;
  std::error_code error_;
};

/// GET requests on one kept connection.
class rest_client {
 public:
  explicit rest_client(const foxtrot::exchange& venue)
      : port_{venue.port()}, client_{loop_.timers, trusting(venue), client_settings(venue)} {}

  foxtrot::http_response get(const std::string& target) {
    foxtrot::url where;
    where.host = "localhost";
    where.port = port_;
    where.target = target;
    return loop_.run(client_.get(where, std::chrono::seconds{60})).value();
  }
  [[nodiscard]] loop_fixture& loop() { return loop_; }
  [[nodiscard]] foxtrot::http_client& client() { return client_; }

 private:
  static foxtrot::http_client_settings client_settings(const foxtrot::exchange& venue) {
    foxtrot::http_client_settings settings;
    settings.dial = dial_loopback(venue);
    return settings;
  }

  std::uint16_t port_;
  loop_fixture loop_;
  foxtrot::http_client client_;
};

}  // namespace foxtrot_test
