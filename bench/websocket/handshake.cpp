// bench/websocket/handshake.cpp: what it takes foxtrot's client from a TCP connection to a TLS 1.3 one, the certificate
// checked.
#include <websocket/meter.hpp>
#include <websocket/server.hpp>

#include <support/bench.hpp>

#include <foxtrot/net/asio.hpp>
#include <foxtrot/net/tcp_stream.hpp>
#include <foxtrot/net/tls_context.hpp>
#include <foxtrot/net/tls_stream.hpp>

#include <benchmark/benchmark.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace {

using namespace foxtrot_bench;

void check(std::error_code error) {
  if (error) throw std::system_error{error};
}

struct samples {
  std::vector<double> us;
  std::vector<double> cpu_us;
};

/// The server's tickets come after the handshake, with its first bytes.
foxtrot::task<> read_tickets(foxtrot::tls_stream& stream, const foxtrot::tls_context& context) {
  std::array<char, 64> nothing;
  while (context.sessions() == 0) {
    const foxtrot::io_result got = stream.read_some(nothing);
    if (got.error != foxtrot::errc::would_block) check(got.error);
    if (context.sessions() == 0) check(co_await stream.wait_readable());
  }
}

foxtrot::task<> shake_hands(asio::io_context& loop, const foxtrot::tls_context& context, bool resume, std::size_t count,
                            samples& taken) {
  const asio::ip::tcp::endpoint where{asio::ip::address_v4::loopback(), server_process::get().tls_port()};
  for (std::size_t i = 0; i < count + 1; ++i) {
    foxtrot::tcp_stream transport{loop};
    check(co_await transport.connect(where));
    const std::int64_t began = clock_ns(CLOCK_MONOTONIC);
    const std::int64_t began_cpu = clock_ns(CLOCK_THREAD_CPUTIME_ID);
    foxtrot::tls_stream stream{std::move(transport), context};
    check(co_await stream.handshake("localhost"));
    const std::int64_t cpu = clock_ns(CLOCK_THREAD_CPUTIME_ID) - began_cpu;
    const std::int64_t wall = clock_ns(CLOCK_MONOTONIC) - began;
    if (resume) co_await read_tickets(stream, context);
    if (i == 0) continue;  // the one that has no session yet to resume
    if (stream.resumed() != resume) throw std::runtime_error{"resumed where it should not, or the reverse"};
    taken.us.push_back(1e-3 * static_cast<double>(wall));
    taken.cpu_us.push_back(1e-3 * static_cast<double>(cpu));
  }
}

void measure(benchmark::State& state, bool resume) {
  samples taken;
  std::exception_ptr failure;
  try {
    foxtrot::tls_settings settings;
    settings.ca_pem = server_process::get().ca_pem();
    settings.min_version = foxtrot::tls_version::tls_1_3;
    settings.resume = resume;
    const auto context = foxtrot::tls_context::make(settings).value();
    (void)pin(1);  // the server has CPU 0
    asio::io_context loop{1};
    asio::co_spawn(loop, shake_hands(loop, context, resume, quick ? 50 : 200, taken),
                   [&](std::exception_ptr thrown) { failure = thrown; });
    loop.run();
    if (failure) std::rethrow_exception(failure);
  } catch (const std::exception& error) {
    return state.SkipWithError(error.what());
  }
  state.counters["us_per_handshake"] = median(taken.us);
  state.counters["cpu_us_per_handshake"] = median(taken.cpu_us);
  state.SetIterationTime(1e-6 * median(taken.us));
}

[[maybe_unused]] const bool added = [] {
  add_row("websocket/handshake/full/foxtrot", [](benchmark::State& state) { measure(state, false); });
  add_row("websocket/handshake/resumed/foxtrot", [](benchmark::State& state) { measure(state, true); });
  return true;
}();

}  // namespace
