// bench/threads/signal_to_exit.cpp: from SIGTERM to the end of a streaming process, everything closed and joined.
#include <support/bench.hpp>
#include <support/certificate_file.hpp>
#include <support/child.hpp>

#include <foxtrot/sim.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include <signal.h>
#include <unistd.h>

namespace {

using namespace foxtrot_bench;
using namespace std::chrono_literals;

constexpr std::size_t connections = 10;
constexpr std::size_t streams = 1024;
constexpr std::size_t consumers = 4;

foxtrot::exchange_settings venue(std::int64_t events_per_second) {
  foxtrot::exchange_settings wanted;
  wanted.events_per_second = events_per_second;
  wanted.levels = 20;
  const foxtrot::symbol_spec pattern = foxtrot::default_symbols(foxtrot::sim_market::spot).front();
  for (std::size_t i = 0; i < (streams + 2) / 3; ++i) {
    char name[16];
    std::snprintf(name, sizeof name, "S%03zuUSDT", i);
    wanted.symbols.push_back(pattern);
    wanted.symbols.back().name = name;
  }
  return wanted;
}

// With `settle` the data flows at its full rate before the signal.
void measure(benchmark::State& state, std::int64_t events_per_second, bool quiet) {
  foxtrot::exchange exchange{venue(events_per_second)};
  const auto port = exchange.start();
  if (!port) return state.SkipWithError(port.error().message().c_str());
  const certificate_file authority{exchange.ca_pem()};
  const std::string host = "127.0.0.1:" + std::to_string(*port);

  std::vector<std::int64_t> took;
  double rate = 0;
  const int rounds = quick ? 10 : 40;
  for (int i = 0; i < rounds; ++i) {
    child client{{"foxtrot_streaming_client", "wss://" + host, "https://" + host, authority.name(),
                  std::to_string(connections), std::to_string(streams), std::to_string(consumers)}};
    if (!client.started() || !client.says("ready", 20s)) return state.SkipWithError("the client did not get ready");
    if (quiet) exchange.pause();
    const std::uint64_t before = exchange.statistics().sent_total();
    const auto began = std::chrono::steady_clock::now();
    ::usleep(200'000);  // into the steady state
    const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - began;
    rate += static_cast<double>(exchange.statistics().sent_total() - before) / passed.count() / rounds;
    const auto ended = client.end_by(SIGTERM, 10s);
    if (!ended) return state.SkipWithError("the client did not end with status 0");
    took.push_back(ended->count());
    if (quiet) exchange.resume();
  }
  std::sort(took.begin(), took.end());
  state.counters["p50_us"] = percentile(took, 0.5) / 1e3;
  state.counters["p99_us"] = percentile(took, 0.99) / 1e3;
  state.counters["messages_per_s"] = rate;
  state.SetIterationTime(percentile(took, 0.5) * 1e-9);
}

[[maybe_unused]] const bool added = [] {
  // Each event of the market makes so many messages for a client of all streams that these are 50,000 a second.
  add_row("threads/signal_to_exit/foxtrot", [](benchmark::State& state) { measure(state, 50'000, false); });
  add_row("threads/quiet_signal_to_exit/foxtrot", [](benchmark::State& state) { measure(state, 500, true); });
  return true;
}();

}  // namespace
