// tests/examples/autobahn_client_test.cpp: the example against a server that judges every case.
#include <catch2/catch.hpp>

#include <support/conformance_cases.hpp>
#include <support/conformance_server.hpp>
#include <support/loopback.hpp>
#include <support/program.hpp>
#include <support/sanitizer.hpp>
#include <support/temporary_file.hpp>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace {

using namespace foxtrot_test;
using namespace std::chrono_literals;
using strings = std::vector<std::string>;

program autobahn_client(strings arguments) { return program{FOXTROT_AUTOBAHN_CLIENT, std::move(arguments)}; }

const std::vector<conformance_case>& table() {
  static const std::vector<conformance_case> cases = conformance_cases();
  return cases;
}

/// Every case at once and byte by byte, the large ones in one way; under a sanitizer a part of them, of every section.
std::vector<conformance_run> runs_on_sockets(delivery of_large) {
  std::vector<conformance_run> runs;
  std::size_t number = 0;
  for (const conformance_run& run : conformance_runs(table())) {
    if (run.which->large ? run.way != of_large : run.way == delivery::odd) continue;
    if (run.way == delivery::octets && run.which->make().bytes().size() > 3000) continue;
    if (sanitized && number++ % 7 != 0) continue;
    runs.push_back(run);
  }
  return runs;
}

std::vector<conformance_run> first_runs(std::size_t count) {
  std::vector<conformance_run> runs = conformance_runs(table());
  runs.resize(count);
  return runs;
}

std::string url_of(const conformance_server& server, const std::string& scheme = "ws",
                   const std::string& host = "127.0.0.1") {
  return scheme + "://" + host + ":" + std::to_string(server.port());
}

/// The client has been through every case once and was right every time.
void check_report(const conformance_server::report& seen, const std::string& agent) {
  for (const std::string& failure : seen.failures) CHECK(failure == "");
  CHECK(std::all_of(seen.judged.begin(), seen.judged.end(), [](std::size_t times) { return times == 1; }));
  CHECK(seen.agents == strings(seen.judged.size() + 1, agent));
  CHECK(seen.counted == 1);
  CHECK(seen.updated == 1);
  CHECK(seen.unknown == strings{});
}

TEST_CASE("autobahn_client: passes every case over TCP") {
  conformance_server server{runs_on_sockets(delivery::whole)};
  program run = autobahn_client({url_of(server), "foxtrot"});
  CHECK(run.wait() == 0);
  CHECK(run.errors() == "");
  check_report(server.stop(), "foxtrot");
}

TEST_CASE("autobahn_client: passes every case over TLS") {
  const temporary_file ca{authority().ca_pem()};
  conformance_server server{runs_on_sockets(delivery::odd), server_context()};
  program run = autobahn_client({url_of(server, "wss", "localhost"), "foxtrot/TLS", "--ca", ca.path()});
  CHECK(run.wait() == 0);
  CHECK(run.errors() == "");
  check_report(server.stop(), "foxtrot/TLS");
}

TEST_CASE("autobahn_client: the agent's name may be anything, and every case is a line") {
  const std::string agent = "a b&c=d%20e/\xc3\xa4?#+";
  conformance_server server{first_runs(3)};
  program run = autobahn_client({url_of(server), agent});
  CHECK(run.wait() == 0);
  CHECK(std::count(run.output().begin(), run.output().end(), '\n') == 4);
  CHECK(run.output().starts_with("3 cases\n"));
  CHECK(run.output().find("case 3 of 3: ") != std::string::npos);
  check_report(server.stop(), agent);
}

TEST_CASE("autobahn_client: IPv6") {
  std::optional<conformance_server> server;
  try {
    server.emplace(first_runs(3), std::nullopt, asio::ip::address_v6::loopback());
  } catch (const std::system_error&) {
    WARN("no IPv6 here");
    return;
  }
  program run = autobahn_client({url_of(*server, "ws", "[::1]"), "six"});
  CHECK(run.wait() == 0);
  check_report(server->stop(), "six");
}

TEST_CASE("autobahn_client: a server that cannot be reached or trusted is status 1 and one line") {
  const auto fails = [](strings arguments) {
    program run = autobahn_client(std::move(arguments));
    CHECK(run.wait() == 1);
    CHECK(std::count(run.errors().begin(), run.errors().end(), '\n') == 1);
    CHECK(run.errors().starts_with("autobahn_client: "));
  };
  conformance_server plain{first_runs(1)};
  conformance_server secure{first_runs(1), server_context()};
  fails({url_of(secure, "wss", "localhost"), "no authority"});
  fails({url_of(plain, "wss", "localhost"), "no TLS"});
  const std::string gone = url_of(plain);
  (void)plain.stop();
  (void)secure.stop();
  std::string refused;
  {
    conformance_server closed{first_runs(1)};
    refused = url_of(closed);
  }
  fails({refused, "nobody listens"});
  conformance_server idle{{}};
  fails({url_of(idle), "no cases"});
}

TEST_CASE("autobahn_client: --help explains, wrong arguments get one line and status 2") {
  program help = autobahn_client({"--help"});
  REQUIRE(help.wait() == 0);
  CHECK(help.output().find("--ca FILE") != std::string::npos);
  CHECK(help.errors().empty());
  const std::vector<strings> wrong{{},
                                   {"ws://localhost:1"},
                                   {"ws://localhost:1", ""},
                                   {"ws://localhost:1", "agent", "more"},
                                   {"http://localhost:1", "agent"},
                                   {"ws://localhost:1/path", "agent"},
                                   {"ws://localhost:0", "agent"},
                                   {"localhost:1", "agent"},
                                   {"", "agent"},
                                   {"ws://localhost:1", "agent", "--ca"},
                                   {"wss://localhost:1", "agent", "--ca", "/nonexistent.pem"},
                                   {"ws://localhost:1", "agent", "--nonsense"}};
  for (const strings& arguments : wrong) {
    std::string line;
    for (const std::string& each : arguments) line += each + ' ';
    INFO(line);
    program run = autobahn_client(arguments);
    CHECK(run.wait() == 2);
    CHECK(run.output().empty());
    CHECK(std::count(run.errors().begin(), run.errors().end(), '\n') == 1);
    CHECK(run.errors().starts_with("autobahn_client: "));
  }
}

TEST_CASE("autobahn_client: a signal ends it at once", "[alone]") {
  for (const int number : {SIGINT, SIGTERM}) {
    conformance_server server{runs_on_sockets(delivery::whole)};
    program run = autobahn_client({url_of(server), "interrupted"});
    REQUIRE(run.until_output("case 5 of"));
    const auto before = std::chrono::steady_clock::now();
    run.signal(number);
    CHECK(run.wait() == 1);
    CHECK(std::chrono::steady_clock::now() - before < bound(1s));
    CHECK(run.errors().empty());
    CHECK(server.stop().updated == 0);
  }
}

}  // namespace
