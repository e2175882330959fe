// bench/end_to_end/modes.cpp: from an exchange's sending, through TLS, to a tick in the consumer's thread.
// peers: libboost1.74-dev+libboost-system1.74-dev|libboost1.81-dev+libboost-system1.81-dev
//
// end_to_end/MODE/SUBJECT. Each run is a new server and a new client, each a process of its own. The server sends book
// tickers of Binance's combined form for a while; the update id is the time of sending, so the latency is the
// consumer's clock minus the id. MODE: paced, one message each millisecond; burst, 50 each 10 ms in one record of
// TLS; blast, as many as go, in full records; blast_record, the same with a record for each message.
//
// SUBJECT: limit, limit_queue, limit_spin: written by hand, the tick consumed on the network thread, behind a ring by a
// thread that sleeps, and by two threads that spin. foxtrot_inline, foxtrot and foxtrot_spin: market_data with an
// inline handler, its default queue, and both sides spinning. beast: Boost.Beast, simdjson and moodycamel's queue.
// Where it blasts, foxtrot's queue is of the policy `block`, so that nothing is lost; otherwise drop_oldest, the
// default.
//
// Figures are of the ticks after the first few: p50_us and p99_us; ticks_per_s; cpu_ns_per_tick, of the client's whole
// process, user and system; ticks_lost, of all ticks: sent, not received and not told as dropped. A run in which that
// does not balance, an id is not larger than the one before, or the sum of prices and quantities is not what was sent,
// fails its row.
//
// Pinning, the same for all: the server and the consumer's thread on CPU 0, the network thread on CPU 1. With two CPUs
// two of three must share one, and the server is done with a burst before a consumer can be awake; a consumer beside
// the network thread waits until that sleeps again, and two that spin get nowhere on one CPU.
#include <end_to_end/report.hpp>
#include <support/bench.hpp>
#include <support/certificate_file.hpp>
#include <support/child.hpp>

#include <benchmark/benchmark.h>

#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

using namespace foxtrot_bench;
using namespace std::chrono_literals;

struct mode {
  const char* name;
  int duration_ms;
  int quick_ms;
  std::size_t skip;  // ticks before the measured interval
  bool blasts;
};

constexpr mode modes[] = {{"paced", 1200, 700, 100, false},
                          {"burst", 2400, 1200, 500, false},
                          {"blast", 600, 400, 20'000, true},
                          {"blast_record", 600, 400, 5'000, true}};

struct subject {
  const char* name;
  const char* program;
  const char* variant;
  const char* limit;  // what it is compared to, beside beast
};

// Each right beside its limit.
constexpr subject subjects[] = {
    {"limit", "limit", "inline", nullptr},
    {"foxtrot_inline", "foxtrot", "inline", "limit"},
    {"limit_queue", "limit", "queue", nullptr},
    {"foxtrot", "foxtrot", "queue", "limit_queue"},
    {"beast", "beast", "queue", "limit_queue"},
    {"limit_spin", "limit", "spin", nullptr},
    {"foxtrot_spin", "foxtrot", "spin", "limit_spin"},
};

struct placement {
  int server;
  int network;
  int consumer;
};

constexpr placement pinned{0, 1, 0};

struct outcome {
  tick_report client;
  sent_report server;

  [[nodiscard]] std::uint64_t told() const noexcept { return client.received + client.dropped; }
  [[nodiscard]] double lost() const noexcept { return static_cast<double>(server.sent) - static_cast<double>(told()); }
};

/// Throws where something did not work, or does not balance.
outcome run(const mode& how, const subject& who) {
  const int duration = quick ? how.quick_ms : how.duration_ms;
  const certificate_file authority;
  child server{
      {"foxtrot_tick_server", how.name, std::to_string(duration), std::to_string(pinned.server), authority.name()}};
  const std::string port = server.line(10s);
  if (port.empty()) throw std::runtime_error{"the server does not listen"};
  const std::string variant = who.variant;
  child client{{std::string{"foxtrot_tick_client_"} + who.program,
                how.blasts && variant != "inline" ? variant + "_block" : variant, port, authority.name(),
                std::to_string(how.skip), std::to_string(pinned.network), std::to_string(pinned.consumer)}};
  outcome made;
  if (!parse(client.line(60s), made.client)) throw std::runtime_error{"the client says nothing"};
  if (!parse(server.line(5s), made.server)) throw std::runtime_error{"the server does not say what it sent"};
  if (!made.client.ended) throw std::runtime_error{"the last tick did not come"};
  if (made.told() != made.server.sent) throw std::runtime_error{"ticks are missing and not told as dropped"};
  if (made.client.disorder != 0) throw std::runtime_error{"ticks came out of order"};
  if (made.client.dropped == 0 && std::abs(made.client.sum / made.server.sum - 1) > 1e-9)
    throw std::runtime_error{"prices are not what was sent"};
  if (made.client.measured == 0) throw std::runtime_error{"too few ticks to measure"};
  return made;
}

void measure(benchmark::State& state, const mode& how, const subject& who) {
  try {
    const outcome done = run(how, who);
    const auto ticks = static_cast<double>(done.client.measured);
    state.counters["p50_us"] = done.client.p50_us;
    state.counters["p99_us"] = done.client.p99_us;
    state.counters["ticks_per_s"] = ticks / done.client.wall_ns * 1e9;
    state.counters["cpu_ns_per_tick"] = done.client.cpu_ns / ticks;
    state.counters["ticks_lost"] = done.lost();
    if (done.client.dropped != 0) state.counters["dropped"] = static_cast<double>(done.client.dropped);
    state.SetIterationTime(done.client.p50_us * 1e-6);
  } catch (const std::exception& error) {
    state.SkipWithError(error.what());
  }
}

[[nodiscard]] bool is_here(const subject& who) {
#if !defined(FOXTROT_BENCH_WITH_BOOST)
  if (std::string{who.program} == "beast") {
    std::fprintf(stderr, "no Boost.Beast here (Debian: libboost-dev and libboost-system-dev)\n");
    return false;
  }
#endif
  (void)who;
  return true;
}

[[maybe_unused]] const bool added = [] {
  std::vector<subject> here;
  for (const subject& each : subjects)
    if (is_here(each)) here.push_back(each);
  for (const mode& how : modes) {
    for (const subject& who : here) {
      std::vector<std::string> beside;
      if (who.limit != nullptr) beside.emplace_back(who.limit);
      if (std::string{who.name} != "beast") beside.emplace_back("beast");
      add_row(
          std::string{"end_to_end/"} + how.name + '/' + who.name,
          [&how, who](benchmark::State& state) { measure(state, how, who); }, beside);
    }
  }
  return true;
}();

}  // namespace
