#include <foxtrot/net/detail/ares_lookup.hpp>
#ifdef FOXTROT_WITH_CARES

#include <support/dns_server.hpp>
#include <support/loop_fixture.hpp>
#include <support/open_files.hpp>
#include <support/sanitizer.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using namespace foxtrot;
using namespace foxtrot_test;
using foxtrot::detail::ares_settings;
using foxtrot::detail::look_up_with_ares;
using endpoint_list = std::vector<asio::ip::tcp::endpoint>;
using strings = std::vector<std::string>;

namespace {

constexpr auto host = "exchange.test.";  // absolute: no domain of the machine's is tried

strings texts(const result<endpoint_list>& found) {
  strings all;
  if (found) {
    for (const auto& one : *found) all.push_back(one.address().to_string() + " " + std::to_string(one.port()));
  }
  return all;
}

ares_settings asking(const dns_server& server) {
  ares_settings made;
  made.servers = server.where();
  made.tries = 2;
  return made;
}

dns_server::answer always(strings addresses, unsigned code = 0) {
  return [addresses = std::move(addresses), code](const dns_query& query) {
    return std::optional{dns_reply(query, addresses, code)};
  };
}
std::optional<std::string> silence(const dns_query&) { return std::nullopt; }

// c-ares measures real time: so does the queue, or its tries would wait for a clock that stands still.
struct real_fixture : loop_fixture {
  timer_queue real{loop};
};

}  // namespace

TEST_CASE("ares_lookup: addresses of both kinds, with the port", "[net]") {
  loop_fixture f;
  dns_server server{f.loop, always({"127.0.0.3", "127.0.0.1", "::1", "127.0.0.2"})};
  const auto found = f.run(look_up_with_ares(f.timers, host, 443, 5s, asking(server)));
  REQUIRE(found);
  strings all = texts(found);
  CHECK(std::count(all.begin(), all.end(), "::1 443") == 1);
  std::erase(all, "::1 443");
  CHECK(all == strings{"127.0.0.3 443", "127.0.0.1 443", "127.0.0.2 443"});  // the server's order
  CHECK(server.asked() == 2);
  CHECK(f.timers.size() == 0);
}

TEST_CASE("ares_lookup: one kind is enough", "[net]") {
  loop_fixture f;
  for (const char* only : {"127.0.0.1", "::1"}) {
    dns_server server{f.loop, always({only})};
    CHECK(texts(f.run(look_up_with_ares(f.timers, host, 9, 5s, asking(server)))) == strings{std::string{only} + " 9"});
    dns_server half{f.loop, [only](const dns_query& query) {
                      const bool there = asio::ip::make_address(only).is_v4() == (query.type == dns_type::a);
                      return std::optional{there ? dns_reply(query, {only}) : dns_reply(query, {}, 3)};
                    }};
    CHECK(texts(f.run(look_up_with_ares(f.timers, host, 9, 5s, asking(half)))) == strings{std::string{only} + " 9"});
  }
}

TEST_CASE("ares_lookup: no such name, no address, no service", "[net]") {
  loop_fixture f;
  for (const auto& [code, meaning] : {std::pair{0U, errc::host_not_found}, std::pair{3U, errc::host_not_found},
                                      std::pair{2U, errc::resolve_failed}, std::pair{5U, errc::resolve_failed}}) {
    CAPTURE(code);
    dns_server server{f.loop, always({}, code)};
    CHECK(f.run(look_up_with_ares(f.timers, host, 1, 5s, asking(server))).error() == meaning);
    CHECK(f.timers.size() == 0);
  }
  ares_settings nobody;
  {
    const dns_server gone{f.loop, silence};
    nobody = asking(gone);
  }
  CHECK(f.run(look_up_with_ares(f.timers, host, 1, 5s, nobody)).error() == errc::resolve_failed);
  ares_settings wrong;
  wrong.servers = "no address";
  CHECK(f.run(look_up_with_ares(f.timers, host, 1, 5s, wrong)).error());
  CHECK(f.run(look_up_with_ares(f.timers, std::string(300, 'x'), 1, 5s, nobody)).error());
}

TEST_CASE("ares_lookup: a silent server costs a try, and the next is asked", "[net]") {
  real_fixture f;
  const dns_server dead{f.loop, silence};
  dns_server alive{f.loop, always({"127.0.0.1"})};
  ares_settings settings = asking(dead);
  settings.servers += "," + alive.where();
  settings.first_timeout = 20ms;
  CHECK(texts(f.run(look_up_with_ares(f.real, host, 9, 10s, settings))) == strings{"127.0.0.1 9"});
  CHECK(dead.asked() >= 2);
  CHECK(alive.asked() == 2);
  CHECK(f.real.size() == 0);
}

TEST_CASE("ares_lookup: tries come to an end by themselves", "[net]") {
  real_fixture f;
  const dns_server dead{f.loop, silence};
  ares_settings settings = asking(dead);
  settings.first_timeout = 10ms;
  CHECK(f.run(look_up_with_ares(f.real, host, 9, 10s, settings)).error() == errc::resolve_failed);
  CHECK(f.run(look_up_with_ares(f.real, host, 9, 1ms, settings)).error() == errc::timeout);
  CHECK(f.real.size() == 0);
}

TEST_CASE("ares_lookup: silence lasts as long as the patience", "[net]") {
  loop_fixture f;
  const dns_server server{f.loop, silence};
  const std::size_t files = open_files();
  auto work = f.start(look_up_with_ares(f.timers, host, 1, 3s, asking(server)));
  REQUIRE(f.run_until([&] { return server.asked() == 2; }));
  CHECK(open_files() > files);
  f.advance(2999ms);
  CHECK_FALSE(work.done());
  f.advance(1ms);
  REQUIRE(work.done());
  CHECK(work.get().error() == errc::timeout);
  CHECK(open_files() == files);
  CHECK(f.timers.size() == 0);
}

TEST_CASE("ares_lookup: cancelled after 0, 1, 2 ... steps it ends at once and leaves nothing", "[net]") {
  int steps = 0;
  for (bool interrupted = true; interrupted; ++steps) {
    REQUIRE(steps < 200);
    loop_fixture f;
    dns_server server{f.loop, always({"127.0.0.1", "::1"})};
    const std::size_t files = open_files();
    auto work = f.start(look_up_with_ares(f.timers, host, 1, 5s, asking(server)));
    for (int i = 0; i < steps && !work.done(); ++i) {
      f.loop.restart();
      f.loop.run_one_for(1s);
    }
    interrupted = !work.done();
    work.cancel();
    f.poll();
    REQUIRE(work.done());
    CHECK(open_files() == files);
    CHECK(f.timers.size() == 0);
  }
  CHECK(steps > 3);
}

TEST_CASE("ares_lookup: a loop that dies after 0, 1, 2 ... steps takes it along", "[net]") {
  const std::size_t files = open_files();
  for (int steps = 0; steps < 8; ++steps) {
    auto held = std::make_shared<int>(0);
    {
      manual_time time;
      asio::io_context loop{1};
      std::optional<timer_queue> timers{std::in_place, loop, time};
      const dns_server server{loop, always({"127.0.0.1"})};
      const auto asker = [](timer_queue& by, ares_settings settings, std::shared_ptr<int>) -> task<> {
        (void)co_await look_up_with_ares(by, host, 1, 5s, std::move(settings));
      };
      asio::co_spawn(loop, asker(*timers, asking(server), held), asio::detached);
      for (int i = 0; i < steps; ++i) loop.run_one_for(100ms);
      if (steps % 2 == 0) timers.reset();
    }
    CHECK(held.use_count() == 1);
    CHECK(open_files() == files);
  }
}

TEST_CASE("ares_lookup: a reply cut after any byte, or with any byte wrong, is survived", "[net]") {
  real_fixture f;
  std::size_t cut = 0;
  std::size_t wrong = 0;
  dns_server server{f.loop, [&](const dns_query& query) -> std::optional<std::string> {
                      std::string reply = dns_reply(query, {"127.0.0.1", "127.0.0.2", "::1"});
                      if (wrong < reply.size()) reply[wrong] = static_cast<char>(~reply[wrong]);
                      reply.resize(std::min(cut, reply.size()));
                      return reply;
                    }};
  ares_settings settings = asking(server);
  settings.first_timeout = 5ms;
  settings.tries = 1;
  constexpr std::size_t whole = 120;
  const std::size_t step = sanitized ? 5 : 2;
  for (cut = 0, wrong = whole; cut < whole; cut += step) {
    CAPTURE(cut);
    const auto found = f.run(look_up_with_ares(f.real, host, 9, 10s, settings));
    if (found) CHECK_FALSE(found->empty());
  }
  for (cut = whole, wrong = 0; wrong < whole; wrong += step) {
    CAPTURE(wrong);
    const auto found = f.run(look_up_with_ares(f.real, host, 9, 10s, settings));
    if (found) CHECK_FALSE(found->empty());
  }
  CHECK(f.real.size() == 0);
}

TEST_CASE("ares_lookup: a hundred at once", "[net]") {
  loop_fixture f;
  dns_server server{f.loop, [](const dns_query& query) {
                      return std::optional{dns_reply(query, {"127.0.0." + query.name.substr(0, query.name.find('.'))})};
                    }};
  std::vector<loop_fixture::running<result<endpoint_list>>> all;
  for (int i = 1; i <= 100; ++i)
    all.push_back(f.start(look_up_with_ares(f.timers, std::to_string(i) + ".test.", 9, 10s, asking(server))));
  REQUIRE(f.run_until([&] { return std::all_of(all.begin(), all.end(), [](const auto& one) { return one.done(); }); }));
  for (std::size_t i = 0; i < all.size(); ++i)
    CHECK(texts(all[i].get()) == strings{"127.0.0." + std::to_string(i + 1) + " 9"});
}

#endif
