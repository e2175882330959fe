// bench/websocket/throughput.cpp: client CPU and system calls for one text frame, the limit beside every subject.
#include <websocket/clients.hpp>
#include <websocket/server.hpp>

#include <support/bench.hpp>

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstddef>
#include <exception>
#include <map>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace foxtrot_bench;

struct wire {
  const char* name;
  bool tls;
  records cut;
};

/// Connects, receives that many frames, disconnects.
frame_meter receive(receiver client, const wire& over, std::size_t size, std::size_t frames) {
  frame_meter meter{frames};
  client(server_process::get().frames(over.tls, over.cut, size, frames), meter);
  if (!meter.complete(size)) throw std::runtime_error{"frames were lost or damaged"};
  return meter;
}

/// As many frames as take this client about as long as a slice shall last; estimated once.
std::size_t frames_of_slice(receiver client, const wire& over, std::size_t size) {
  static std::map<std::pair<receiver, std::string>, std::size_t> known;
  std::size_t& frames = known[{client, over.name + std::to_string(size)}];
  if (frames == 0) {
    const std::size_t few = std::max<std::size_t>(2'000, 8'000'000 / (size + 200));
    const double slice_ns = quick ? 50e6 : 80e6;
    const double ns = receive(client, over, size, few).wall_ns_per_frame();
    frames = static_cast<std::size_t>(std::clamp(slice_ns / ns, 2e3, 4e6));
  }
  return frames;
}

void measure(benchmark::State& state, receiver client, const wire& over, std::size_t size) {
  std::vector<double> cpu_ns;
  std::vector<double> receives;
  std::vector<double> waits;
  std::vector<double> ratio;
  try {
    (void)server_process::get();
    (void)pin(1);  // the server has CPU 0
    const std::size_t frames_of_limit = frames_of_slice(receive_by_limit, over, size);
    const std::size_t frames = frames_of_slice(client, over, size);
    for (int pair = 0; pair < 3; ++pair) {
      const frame_meter least = receive(receive_by_limit, over, size, frames_of_limit);
      const frame_meter done = receive(client, over, size, frames);
      cpu_ns.push_back(done.cpu_ns_per_frame());
      receives.push_back(done.receives_per_frame());
      waits.push_back(done.waits_per_frame());
      ratio.push_back(done.cpu_ns_per_frame() / least.cpu_ns_per_frame());
    }
  } catch (const std::exception& error) {
    return state.SkipWithError(error.what());
  }
  state.counters["cpu_ns_per_frame"] = median(cpu_ns);
  state.counters["recv_per_frame"] = median(receives);
  state.counters["wait_per_frame"] = median(waits);
  state.counters["ratio_to_limit"] = median(ratio);
  state.SetIterationTime(1e-9 * median(cpu_ns));
}

[[maybe_unused]] const bool added = [] {
  static constexpr wire wires[] = {
      {"tcp", false, records::full}, {"tls", true, records::full}, {"tls_record", true, records::one_per_frame}};
  const std::pair<const char*, receiver> subjects[] = {
      {"limit", receive_by_limit},  {"prototype", receive_by_prototype}, {"foxtrot", receive_by_foxtrot},
      {"beast_sync", beast_sync()}, {"beast_async", beast_async()},      {"websocketpp", websocketpp_client()},
  };
  for (const wire& over : wires) {
    for (const std::size_t size : {150, 1024, 20480}) {
      for (const auto& [name, client] : subjects) {
        if (client == nullptr || (!over.tls && client == receive_by_prototype)) continue;
        add_row(std::string{"websocket/"} + over.name + '/' + std::to_string(size) + '/' + name,
                [client = client, &over, size](benchmark::State& state) { measure(state, client, over, size); });
      }
    }
  }
  return true;
}();

}  // namespace
