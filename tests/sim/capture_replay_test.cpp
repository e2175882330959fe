// tests/sim/capture_replay_test.cpp: what a client receives from a replay, against the capture's own bytes.
#include <foxtrot/sim/capture_replay.hpp>

#include <catch2/catch.hpp>

#include <support/captures.hpp>
#include <support/exchange_client.hpp>
#include <support/temporary_file.hpp>

#include <chrono>
#include <cstddef>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace foxtrot;
using foxtrot_test::exchange_client;
using foxtrot_test::rest_client;
using foxtrot_test::temporary_file;
using namespace std::chrono_literals;

/// A capture made by the generator: three streams of one symbol, a snapshot in the middle.
struct small_capture {
  std::vector<std::string> combined;  // payloads in order, without the snapshot
  std::string snapshot;
  std::string text;
  std::int64_t span_ns{0};
};

small_capture make_capture(std::size_t messages) {
  generator_settings settings;
  settings.symbols = default_symbols(sim_market::spot, 1);
  market_generator generator{settings};
  const market_json json{sim_market::spot, generator.symbols()[0]};
  small_capture made;
  std::int64_t first = 0;
  while (made.combined.size() < messages) {
    const market_event& event = generator.next();
    std::string data;
    std::string stream;
    if (event.what == market_event::kind::book_ticker) {
      stream = "btcusdt@bookTicker";
      json.book_ticker(data, event, {});
    } else if (event.what == market_event::kind::trade) {
      stream = "btcusdt@trade";
      json.trade(data, event, {});
    } else if (event.what == market_event::kind::depth) {
      stream = "btcusdt@depth@100ms";
      json.depth(data, event, {});
    } else {
      continue;
    }
    if (first == 0) first = event.at_ns;
    made.span_ns = event.at_ns - first;
    made.combined.push_back("{\"stream\":\"" + stream + "\",\"data\":" + data + "}");
    made.text += std::to_string(event.at_ns) + " " + made.combined.back() + "\n";
    if (made.combined.size() == messages / 2) {
      json.snapshot(made.snapshot, generator.book(0), 1'000, 0);
      made.text += std::to_string(event.at_ns) + " " + made.snapshot + "\n";
    }
  }
  return made;
}

constexpr const char* all_streams = "/stream?streams=btcusdt@bookTicker/btcusdt@trade/btcusdt@depth@100ms";

struct replaying_exchange : exchange {
  explicit replaying_exchange(const std::string& path, double speed) : exchange{settings_for(path, speed)} {
    const auto port = start();
    if (!port) FAIL("start: " << port.error().message());
  }
  static exchange_settings settings_for(const std::string& path, double speed) {
    exchange_settings settings;
    settings.replay.path = path;
    settings.replay.speed = speed;
    return settings;
  }
};

TEST_CASE("capture_replay: every line arrives exactly as it was captured, and then there is silence") {
  const small_capture capture = make_capture(20'000);
  const temporary_file file{capture.text};
  replaying_exchange venue{file.path(), 0};
  exchange_client client{venue, all_streams};
  REQUIRE(client.read_messages(capture.combined.size()));
  CHECK(client.messages() == capture.combined);
  CHECK(client.ask(R"({"method":"GET_PROPERTY","params":["combined"],"id":2})") == R"({"result":true,"id":2})");
  const exchange_statistics seen = venue.statistics();
  CHECK(seen.replay_finished);
  CHECK_FALSE(seen.replay_failed);
  CHECK(seen.replayed_lines == capture.combined.size() + 1);
  CHECK(seen.sent_total() == capture.combined.size());
}

TEST_CASE("capture_replay: a raw connection gets the data alone, of the streams it asked for") {
  const small_capture capture = make_capture(5'000);
  const temporary_file file{capture.text};
  replaying_exchange venue{file.path(), 0};
  std::vector<std::string> expected;
  for (const std::string& line : capture.combined)
    if (line.find("@trade\"") != std::string::npos) expected.emplace_back(unwrap_captured(line).data);
  exchange_client client{venue, "/ws/btcusdt@trade"};
  REQUIRE(client.read_messages(expected.size()));
  CHECK(client.messages() == expected);
}

TEST_CASE("capture_replay: starts with the first subscription, and a slow client loses nothing") {
  const small_capture capture = make_capture(30'000);
  const temporary_file file{capture.text};
  replaying_exchange venue{file.path(), 0};
  exchange_client client{venue, "/stream"};
  CHECK(client.ask(R"({"method":"SUBSCRIBE","params":["nothing@here"],"id":1})") == R"({"result":null,"id":1})");
  CHECK(venue.statistics().replayed_lines == 0);
  CHECK(client.ask(
            R"({"method":"SUBSCRIBE","params":["btcusdt@bookTicker","btcusdt@trade","btcusdt@depth@100ms"],"id":2})") ==
        R"({"result":null,"id":2})");
  // the replay gets ahead by what sockets and queue hold, then waits for us
  std::uint64_t before = 0;
  for (int same = 0; same < 200; ++same) {
    std::this_thread::yield();
    const std::uint64_t now = venue.statistics().replayed_lines;
    if (now != before) same = 0;
    before = now;
  }
  REQUIRE(client.read_messages(capture.combined.size() + 2));
  std::vector<std::string> data;
  for (const std::string& text : client.messages())
    if (text.starts_with("{\"stream\"")) data.push_back(text);
  CHECK(data == capture.combined);
}

TEST_CASE("capture_replay: a depth request waits for its snapshot line and gets exactly that") {
  const small_capture capture = make_capture(2'000);
  const temporary_file file{capture.text};
  replaying_exchange venue{file.path(), 0};
  rest_client rest{venue};
  CHECK(rest.get("/api/v3/depth?symbol=NOPE").status == 400);

  url where;
  where.host = "localhost";
  where.port = venue.port();
  where.target = "/api/v3/depth?symbol=BTCUSDT&limit=1000";
  auto early = rest.loop().start(rest.client().get(where, 60s));
  (void)rest.loop().run_until([&] { return venue.statistics().rest_requests == 2; });
  CHECK_FALSE(early.done());
  exchange_client client{venue, all_streams};
  REQUIRE(client.read_messages(capture.combined.size()));
  REQUIRE(rest.loop().run_until([&] { return early.done(); }));
  CHECK(early.get().value().body == capture.snapshot);
  CHECK(rest.get(where.target).body == capture.snapshot);
  CHECK(rest.get("/api/v3/ticker/bookTicker?symbol=BTCUSDT").body.starts_with(R"({"symbol":"BTCUSDT","bidPrice":")"));
}

TEST_CASE("capture_replay: keeps the capture's pace, times its speed") {
  const small_capture capture = make_capture(800);
  const temporary_file file{capture.text};
  replaying_exchange venue{file.path(), 4};
  exchange_client client{venue, all_streams};
  const auto began = std::chrono::steady_clock::now();
  REQUIRE(client.read_messages(capture.combined.size()));
  const auto took = std::chrono::steady_clock::now() - began;
  CHECK(took > std::chrono::nanoseconds{capture.span_ns / 4} - 50ms);
  CHECK(client.messages() == capture.combined);
}

TEST_CASE("capture_replay: two clients get the same, and one that leaves does not hold up the other") {
  const small_capture capture = make_capture(10'000);
  const temporary_file file{capture.text};
  replaying_exchange venue{file.path(), 0};
  venue.pause();
  exchange_client one{venue, all_streams};
  exchange_client other{venue, all_streams};
  REQUIRE_FALSE(other.error());
  CHECK(one.ask(R"({"method":"LIST_SUBSCRIPTIONS","id":1})") != "");
  CHECK(other.ask(R"({"method":"LIST_SUBSCRIPTIONS","id":1})") != "");
  one.forget();
  other.forget();
  venue.resume();
  REQUIRE(other.read_messages(1));
  other.stream().close_now();
  REQUIRE(one.read_messages(capture.combined.size()));
  CHECK(one.messages() == capture.combined);
}

TEST_CASE("capture_replay: what is no capture of market data does not start") {
  const small_capture capture = make_capture(100);
  const temporary_file broken{capture.text + "garbage\n"};
  exchange_settings settings;
  settings.replay.path = broken.path();
  exchange venue{settings};
  CHECK(venue.start().error() == errc::bad_capture);
  const temporary_file empty{"1 {\"result\":null,\"id\":1}\n"};
  settings.replay.path = empty.path();
  exchange nothing{settings};
  CHECK(nothing.start().error() == errc::bad_capture);
}

#ifdef FOXTROT_WITH_ZLIB
TEST_CASE("capture_replay: a recorded session comes through TLS byte for byte") {
  const auto path = foxtrot_test::capture_path("spot/btcusdt_20240808.txt.gz");
  if (!path) return;
  std::vector<std::string> expected;
  auto reader = capture_reader::open(*path);
  REQUIRE(reader.has_value());
  capture_record record;
  while (reader->next(record))
    if (unwrap_captured(record.payload).combined) expected.emplace_back(record.payload);
  replaying_exchange venue{*path, 0};
  exchange_client client{venue, all_streams};
  REQUIRE(client.read_messages(expected.size()));
  CHECK((client.messages() == expected));
}
#endif

}  // namespace
