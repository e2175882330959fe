// tests/net/websocket/conformance_test.cpp: RFC 6455 case by case, with a client that echoes, on manual time.
#include <foxtrot/net/websocket/stream.hpp>

#include <support/conformance/client_reader.hpp>
#include <support/conformance/delivery.hpp>
#include <support/conformance/verdict.hpp>
#include <support/conformance_cases.hpp>
#include <support/loop_fixture.hpp>
#include <support/memory_stream.hpp>
#include <support/sanitizer.hpp>
#include <support/websocket_frames.hpp>

#include <catch2/catch.hpp>

#include <cstddef>
#include <deque>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace {

using namespace foxtrot;
using namespace foxtrot_test;

template <text_check Check>
using client_stream = websocket_stream<memory_stream, websocket_role::client, Check>;

/// Sends every message back: at once where it fits, so that it precedes whatever the same read brought behind it.
template <class Socket>
struct echo {
  explicit echo(Socket& to) : socket{to} {}

  void on_message(message_kind kind, std::string_view payload) {
    const opcode op = kind == message_kind::text ? opcode::text : opcode::binary;
    if (!waiting.empty() || socket.send(op, payload)) waiting.emplace_back(op, payload);
  }
  void on_ping(std::string_view) noexcept {}
  void on_pong(std::string_view) noexcept {}
  void on_close(const close_info&) noexcept {}

  Socket& socket;
  std::deque<std::pair<opcode, std::string>> waiting{};  // for `write`
};

template <class Socket>
task<std::error_code> echo_until_close(Socket& socket) {
  echo<Socket> events{socket};
  drain_result got;
  while (!got.error) {
    got = socket.drain(events);
    for (; !events.waiting.empty(); events.waiting.pop_front()) {
      const auto& [op, payload] = events.waiting.front();
      if (const std::error_code error = co_await socket.write(op, payload)) break;
    }
    if (!got.error && !got.more) (void)co_await socket.wait_readable();
  }
  co_return co_await socket.close();
}

/// A server that plays one script, with everything in the test's hands.
template <text_check Check>
class play {
 public:
  play(loop_fixture& fixture, const script& what, websocket_settings settings = {})
      : play{fixture, what, memory_stream::make_pair(fixture.loop), settings} {}

  /// From here on the client finds room for no more than this at once.
  void narrow(std::size_t bytes) { server_.end()->capacity = bytes; }

  /// What the client did wrong; empty if nothing.
  std::string run(delivery way) {
    std::string wrong = send(script_.bytes(), way);
    if (wrong.empty() && !script_.closes()) wrong = close();
    if (!wrong.empty()) return wrong;
    if (to_client_->closed) return "ends TCP before the server does";  // RFC 6455 section 7.1.1
    server_.close();
    f_.poll();
    return echoing_.done() ? "" : "does not notice the end";
  }

 private:
  play(loop_fixture& fixture, const script& what, std::pair<memory_stream, memory_stream> streams,
       websocket_settings settings)
      : f_{fixture},
        script_{what},
        to_client_{streams.first.end()},
        server_{std::move(streams.second)},
        client_{f_.timers, std::move(streams.first), settings},
        echoing_{f_.loop, begin(client_)} {
    f_.poll();
  }

  static task<std::error_code> begin(client_stream<Check>& client) {
    client.adopt();
    return echo_until_close(client);
  }

  std::string send(std::string_view bytes, delivery way) {
    verdict owed{script_.replies()};
    piece_sizes sizes{way, bytes.size()};
    for (std::size_t sent = 0; sent < bytes.size();) {
      const std::string_view piece = bytes.substr(sent, sizes.next());
      sent += piece.size();
      to_client_->deliver(std::string{piece});
      listen();
      const std::string wrong = owed.judge(said_, owed.due(sent));
      if (!wrong.empty())
        return wrong + ", after " + std::to_string(sent) + " bytes of " + std::to_string(bytes.size());
    }
    return {};
  }

  std::string close() {
    const std::size_t before = said_.said().size();
    to_client_->deliver(raw_frame(0x88, close_payload(1000)));
    listen();
    if (!said_.wrong().empty()) return said_.wrong();
    if (said_.said().size() != before + 1 || said_.said().back().describe() != "close 1000")
      return "did not answer the close";
    return {};
  }

  void listen() {
    f_.poll();
    while (!server_.end()->received.empty()) {
      said_.feed(std::exchange(server_.end()->received, {}));
      if (to_client_->writable.waiting()) to_client_->writable.notify();  // there is room again
      f_.poll();
    }
  }

  loop_fixture& f_;
  const script& script_;
  std::shared_ptr<memory_end> to_client_;
  memory_stream server_;
  client_stream<Check> client_;
  loop_fixture::running<std::error_code> echoing_;
  client_reader said_;
};

const std::vector<conformance_case>& table() {
  static const std::vector<conformance_case> cases = conformance_cases();
  return cases;
}

/// Every case of a section in every way of delivery; with `room`, all at once, through a socket that takes no more than
/// that. Under a sanitizer some of the large cases have to do.
void run_section(const std::string& section, std::size_t room = SIZE_MAX) {
  std::size_t count = 0;
  std::size_t large = 0;
  for (const conformance_run& run : conformance_runs(table())) {
    if (!run.which->id.starts_with(section + ".")) continue;
    if (room != SIZE_MAX && run.way != delivery::whole) continue;
    if (sanitized && run.which->large && (run.way != delivery::whole || large++ % 4 != 0)) continue;
    const script what = run.which->make();
    if (sanitized && run.way == delivery::octets && what.bytes().size() > 5000) continue;
    if (room != SIZE_MAX && what.bytes().size() > 100 * room) continue;
    ++count;
    loop_fixture f;
    play<text_check::on> one{f, what};
    one.narrow(room);
    const std::string wrong = one.run(run.way);
    if (wrong.empty()) continue;
    INFO(run.name());
    CHECK(wrong == "");
  }
  CHECK(count != 0);
}

/// The cases that a client of this kind does not pass, of the small ones.
template <text_check Check = text_check::on>
std::set<std::string> failed_cases(websocket_settings settings = {}) {
  std::set<std::string> failed;
  for (const conformance_run& run : conformance_runs(table())) {
    if (run.which->large || run.way != delivery::whole) continue;
    const script what = run.which->make();
    if (what.bytes().size() > 1000) continue;
    loop_fixture f;
    if (!play<Check>{f, what, settings}.run(run.way).empty()) failed.insert(run.which->id + " " + run.which->what);
  }
  return failed;
}

TEST_CASE("conformance: 1, messages in one frame", "[net]") { run_section("1"); }
TEST_CASE("conformance: 2, pings and pongs", "[net]") { run_section("2"); }
TEST_CASE("conformance: 3, reserved bits", "[net]") { run_section("3"); }
TEST_CASE("conformance: 4, reserved opcodes", "[net]") { run_section("4"); }
TEST_CASE("conformance: 5, messages in several frames", "[net]") { run_section("5"); }
TEST_CASE("conformance: 6, text is UTF-8", "[net]") { run_section("6"); }
TEST_CASE("conformance: 7, the close", "[net]") { run_section("7"); }
TEST_CASE("conformance: 8, masks and lengths of a server", "[net]") { run_section("8"); }
TEST_CASE("conformance: 9, large and many messages", "[net]") { run_section("9"); }
TEST_CASE("conformance: 10, small frames", "[net]") { run_section("10"); }

TEST_CASE("conformance: sockets that take little at once change nothing", "[net]") {
  for (const char* section : {"1", "2", "3", "4", "5", "6", "7", "8"}) run_section(section, 13);
  for (const char* section : {"1", "10"}) run_section(section, 1000);
  run_section("9", 20'000);
}

TEST_CASE("conformance: every case has a name of its own and an end", "[net]") {
  std::set<std::string> ids;
  for (const conformance_case& each : table()) {
    INFO(each.id);
    CHECK(ids.insert(each.id).second);
    CHECK_FALSE(each.what.empty());
    if (each.large) continue;
    const script what = each.make();
    std::size_t last = 0;
    for (const script::due& reply : what.replies()) {
      CHECK(reply.after >= last);
      CHECK(reply.after <= what.bytes().size());
      last = reply.after;
    }
  }
  CHECK(ids.size() > 900);
}

TEST_CASE("conformance: a client that does less is found out", "[net]") {
  const auto without_check = failed_cases<text_check::off>();
  CHECK(without_check.size() > 300);
  for (const std::string& id : without_check) CHECK(id.starts_with("6."));

  websocket_settings lazy;
  lazy.pongs = ping_answers::latest;
  const auto with_one_pong = failed_cases(lazy);
  CHECK(with_one_pong.contains("2.14 ten pings in a row"));
  for (const std::string& id : with_one_pong) CHECK(id.find("ping") != std::string::npos);

  websocket_settings small;
  small.decoder.max_message = 100;
  const auto with_a_limit = failed_cases(small);
  CHECK(with_a_limit.contains("1.1.3 text message of 125 bytes"));
  CHECK_FALSE(with_a_limit.contains("1.1.2 text message of 1 bytes"));
}

TEST_CASE("conformance: what no client may send is noticed", "[net]") {
  const auto verdict_on = [](const std::string& bytes) {
    client_reader client;
    for (const char byte : bytes) client.feed({&byte, 1});
    return client.wrong();
  };
  const std::string text = raw_masked_frame(0x81, "x", "mask");
  CHECK(verdict_on(text) == "");
  CHECK(verdict_on(raw_masked_frame(0x01, "x", "mask") + raw_masked_frame(0x89, "", "ping") +
                   raw_masked_frame(0x80, std::string(70'000, 'y'), "more")) == "");
  CHECK(verdict_on(raw_frame(0x81, "x")) == "frame without a mask");
  CHECK(verdict_on(raw_masked_frame(0xc1, "x", "mask")) == "reserved bits");
  CHECK(verdict_on(raw_masked_frame(0x83, "x", "mask")) == "reserved opcode");
  CHECK(verdict_on(raw_masked_frame(0x09, "x", "mask")) == "control frame fragmented or too long");
  CHECK(verdict_on(raw_masked_frame(0x8a, std::string(126, 'x'), "mask")) == "control frame fragmented or too long");
  CHECK(verdict_on(hex("81 fe 00 01") + "mask!") == "length not in its shortest form");
  CHECK(verdict_on(raw_masked_frame(0x80, "x", "mask")) == "continuation of nothing");
  CHECK(verdict_on(raw_masked_frame(0x01, "x", "mask") + text) == "message within a message");
  CHECK(verdict_on(raw_masked_frame(0x88, "x", "mask")) == "close of one byte");
  CHECK(verdict_on(raw_masked_frame(0x88, "", "mask") + text) == "frame after its close");
}

}  // namespace
