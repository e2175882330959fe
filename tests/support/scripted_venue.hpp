// tests/support/scripted_venue.hpp: a venue over real TLS that does what a test tells it, and a live feed that talks to
// it.
#pragma once

#include <foxtrot/core/clock.hpp>
#include <foxtrot/exchange/binance/market_data.hpp>
#include <foxtrot/net/asio.hpp>
#include <foxtrot/net/async_event.hpp>
#include <foxtrot/net/tls_stream.hpp>

#include <support/live_feed.hpp>
#include <support/loop_fixture.hpp>
#include <support/loopback.hpp>
#include <support/sanitizer.hpp>
#include <support/websocket_frames.hpp>
#include <support/websocket_peer.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace foxtrot_test {

/// SUBSCRIBE and UNSUBSCRIBE, as the client wrote them.
struct venue_request {
  std::string method;
  std::vector<std::string> streams;
  std::string id;

  [[nodiscard]] static venue_request parse(std::string_view text) {
    venue_request made;
    const auto between = [text](std::string_view before, std::string_view behind) {
      const std::size_t from = text.find(before) + before.size();
      return std::string{text.substr(from, text.find_first_of(behind, from) - from)};
    };
    made.method = between(R"("method":")", "\"");
    made.id = between(R"("id":)", "}");
    std::string list = between(R"("params":[)", "]");
    for (std::size_t at = list.find('"'); at != list.npos; at = list.find('"', at)) {
      const std::size_t end = list.find('"', at + 1);
      made.streams.push_back(list.substr(at + 1, end - at - 1));
      at = end + 1;
    }
    return made;
  }
};

inline std::string venue_answer(const venue_request& to) { return R"({"result":null,"id":)" + to.id + "}"; }
inline std::string venue_refusal(const venue_request& to) {
  return R"({"error":{"code":2,"msg":"Invalid request"},"id":)" + to.id + "}";
}

/// The venue's frame with one quote, "BTCUSDT" or so.
inline std::string quote_frame(const std::string& symbol, std::uint64_t id) {
  std::string stream = symbol;
  std::transform(stream.begin(), stream.end(), stream.begin(), [](char c) { return foxtrot::detail::ascii_lower(c); });
  return raw_frame(0x81, R"({"stream":")" + stream + R"(@bookTicker","data":{"u":)" + std::to_string(id) + R"(,"s":")" +
                             symbol + R"(","b":"25.35","B":"31.21","a":"25.36","A":"40.66"}})");
}

/// Everything happens while the fixture's loop runs.
class scripted_venue {
 public:
  using real = std::chrono::steady_clock;

  struct connection {
    connection(asio::io_context& loop, foxtrot::tls_stream taken, std::size_t nth)
        : stream{std::move(taken)}, number{nth}, has_more{loop} {}

    /// Queued, and sent as the client takes it.
    void send(std::string_view more) {
      if (over) return;
      out.append(more);
      has_more.notify();
    }
    void reset() {
      over = true;
      stream.reset();
      has_more.notify();
    }
    void close() {
      over = true;
      stream.close();
      has_more.notify();
    }

    foxtrot::tls_stream stream;
    std::size_t number;             ///< from 1
    std::string head;               ///< the request to upgrade
    bool upgraded{false};           ///< and answered so
    bool over{false};               ///< ended, by whomever
    bool deaf{false};               ///< reads nothing any more
    std::uint64_t heard{0};         ///< bytes behind the head
    std::set<std::string> streams;  ///< subscribed
    std::string bytes;
    std::string out;
    foxtrot::async_event has_more;
  };
  /// One message of a client's, control frames included, as "opcode:payload".
  struct message {
    real::time_point at;
    std::size_t connection;
    std::string frame;
  };

  explicit scripted_venue(loop_fixture& f, foxtrot::certificate_kind certificate = foxtrot::certificate_kind::right)
      : f_{f}, context_{server_context(certificate)}, listener_{f.loop} {
    asio::co_spawn(f.loop, accept_all(*this), asio::detached);
  }
  scripted_venue(const scripted_venue&) = delete;
  scripted_venue& operator=(const scripted_venue&) = delete;
  ~scripted_venue() {
    listener_.close();
    for (const auto& each : connections) each->close();
    for (int i = 0; i < 4; ++i) f_.poll();
  }

  [[nodiscard]] std::uint16_t port() const { return listener_.port(); }
  [[nodiscard]] static const std::string& ca_pem() { return authority().ca_pem(); }
  [[nodiscard]] connection& latest() { return *connections.back(); }
  [[nodiscard]] bool has_upgraded(std::size_t number) const {
    return connections.size() >= number && connections[number - 1]->upgraded;
  }

  /// What a request to upgrade is answered with; empty: nothing.
  std::function<std::string(connection&)> on_upgrade = [](connection& who) { return switching_protocols(who.head); };
  /// What a request is answered with, as text; empty: nothing.
  std::function<std::string(connection&, const venue_request&)> on_request =
      [](connection&, const venue_request& what) { return venue_answer(what); };
  /// Every connection that was accepted and shook hands, for ever.
  std::vector<std::shared_ptr<connection>> connections;
  std::size_t accepted{0};  ///< before TLS
  std::vector<message> messages;

 private:
  static foxtrot::task<> accept_all(scripted_venue& self) {
    for (;;) {
      foxtrot::tcp_stream wire = co_await self.listener_.accept();
      ++self.accepted;
      asio::co_spawn(self.f_.loop, serve(self, std::move(wire)), asio::detached);
    }
  }

  static foxtrot::task<> serve(scripted_venue& self, foxtrot::tcp_stream wire) {
    foxtrot::tls_stream stream{std::move(wire), self.context_};
    if (const std::error_code error = co_await stream.handshake()) co_return;
    const auto who = std::make_shared<connection>(self.f_.loop, std::move(stream), self.connections.size() + 1);
    self.connections.push_back(who);
    asio::co_spawn(self.f_.loop, write(who), asio::detached);
    std::vector<char> buffer(16 * 1024);
    while (!who->over && !who->deaf) {
      const foxtrot::io_result got = who->stream.read_some(buffer);
      if (got.bytes != 0) self.take(*who, {buffer.data(), got.bytes});
      if (!got.error) continue;
      if (got.error != foxtrot::errc::would_block) break;
      if (const std::error_code error = co_await who->stream.wait_readable()) break;
    }
    if (!who->deaf) who->close();
  }

  static foxtrot::task<> write(std::shared_ptr<connection> who) {
    while (!who->over) {
      const std::string sending = std::exchange(who->out, {});
      for (std::span<const char> left{sending}; !left.empty();) {
        const foxtrot::io_result went = who->stream.write_some(left);
        left = left.subspan(went.bytes);
        if (went.error && went.error != foxtrot::errc::would_block) co_return;
        if (!went.error) continue;
        if (const std::error_code error = co_await who->stream.wait_writable()) co_return;
      }
      while (!who->over && who->stream.flush() == foxtrot::errc::would_block) {
        if (const std::error_code error = co_await who->stream.wait_writable()) co_return;
      }
      if (!who->out.empty()) continue;
      if (const std::error_code error = co_await who->has_more.wait()) co_return;
    }
  }

  void take(connection& who, std::string_view bytes) {
    if (!who.head.ends_with("\r\n\r\n")) {
      const std::size_t before = who.head.size();
      who.head.append(bytes);
      const std::size_t end = who.head.find("\r\n\r\n");
      if (end == who.head.npos) return;
      bytes.remove_prefix(end + 4 - before);
      who.head.resize(end + 4);
      const std::string answer = on_upgrade(who);
      who.upgraded = answer.starts_with("HTTP/1.1 101");
      who.send(answer);
    }
    who.heard += bytes.size();
    who.bytes.append(bytes);
    if (!who.upgraded) return;
    for (std::string& frame : take_frames(who.bytes)) {
      messages.push_back({real::now(), who.number, frame});
      if (frame.starts_with("9:")) who.send(raw_frame(0x8a, frame.substr(2)));
      if (frame.starts_with("8:")) who.send(raw_frame(0x88, frame.substr(2)));
      if (frame.starts_with("1:")) heed(who, venue_request::parse(std::string_view{frame}.substr(2)));
    }
  }

  void heed(connection& who, const venue_request& what) {
    const std::string answer = on_request(who, what);
    if (answer.find("\"result\":null") != answer.npos) {
      for (const std::string& each : what.streams) {
        if (what.method == "SUBSCRIBE") who.streams.insert(each);
        if (what.method == "UNSUBSCRIBE") who.streams.erase(each);
      }
    }
    if (!answer.empty()) who.send(raw_frame(0x81, answer));
  }

  loop_fixture& f_;
  foxtrot::tls_context context_;
  listener listener_;
};

/// A feed on its own thread and a venue that runs in the test's, whenever the test waits.
class scripted_feed {
 public:
  using settings_type = foxtrot::binance::market_data_settings;

  explicit scripted_feed(std::vector<std::string> streams, const std::function<void(settings_type&)>& change = {})
      : feed{made(venue, std::move(streams), change)} {}
  scripted_feed(const scripted_feed&) = delete;
  scripted_feed& operator=(const scripted_feed&) = delete;
  ~scripted_feed() {
    feed.start_disconnect();  // the venue answers the goodbye meanwhile
    (void)f.run_until([this] { return feed.tasks().empty(); }, std::chrono::milliseconds{500});
  }

  /// Runs the venue until then.
  template <class Predicate>
  bool until(Predicate happened) {
    return f.run_until([&] { return look(), happened(); }, bound(std::chrono::milliseconds{20'000}));
  }
  /// Until the feed has told of this status so often, or published a tick ("BTCUSDT") so often, since the last forget.
  bool tells(const std::string& what, std::size_t often = 1) {
    return until([&] { return count(what) >= often; });
  }
  [[nodiscard]] std::size_t count(const std::string& what) const {
    return static_cast<std::size_t>(std::count(told.begin(), told.end(), what));
  }
  void forget() {
    look();
    told.clear();
    times.clear();
    reasons.clear();
  }
  /// When it was published, by the feed's clock; the first one of its kind.
  [[nodiscard]] std::chrono::nanoseconds when(const std::string& what) const {
    const auto at = std::find(told.begin(), told.end(), what);
    return at == told.end() ? std::chrono::nanoseconds::max() : times[static_cast<std::size_t>(at - told.begin())];
  }
  [[nodiscard]] static std::chrono::nanoseconds now() {
    return std::chrono::nanoseconds{foxtrot::epoch_clock::now_ns()};
  }

  loop_fixture f;
  scripted_venue venue{f};
  foxtrot::binance::market_data feed;
  foxtrot::subscription ticks{feed.subscribe()};
  std::vector<std::string> told;  ///< "connected", "stale BTCUSDT", "BTCUSDT" for its quotes
  std::vector<std::chrono::nanoseconds> times;
  std::vector<std::error_code> reasons;  ///< of what was told as "disconnected"

 private:
  static settings_type made(const scripted_venue& venue, std::vector<std::string> streams,
                            const std::function<void(settings_type&)>& change) {
    settings_type settings = feed_settings(venue, std::move(streams));
    settings.session.errors = hasty();
    if (change) change(settings);
    return settings;
  }

  void look() {
    ticks.poll(100'000, [this](const foxtrot::event& each) {
      each.visit(
          [this](const foxtrot::status& s) {
            const std::string symbol{s.symbol().name()};
            told.push_back(s.name() + (symbol.empty() ? "" : " " + symbol));
            times.emplace_back(s.record().received_ns);
            if (s.code() == foxtrot::status_code::disconnected) reasons.push_back(s.error());
          },
          [this](const foxtrot::book_ticker& t) {
            told.emplace_back(t.symbol().name());
            times.emplace_back(t.record().received_ns);
          });
    });
  }
};

}  // namespace foxtrot_test
