// bench/support/tick_client_limit.cpp: the floor of end_to_end: one recv for many records, a memory BIO, frames decoded
// in place, a parser that knows the text, then straight to the consumer or through a ring.
//
// Called as end_to_end/recorder.hpp says. Without `inline` it waits for room where the ring is full, whatever is asked;
// with `spin` both threads spin.
#include <end_to_end/limit_parser.hpp>
#include <end_to_end/limit_ring.hpp>
#include <end_to_end/recorder.hpp>
#include <support/raw_connection.hpp>

#include <foxtrot/core/cpu.hpp>

#include <openssl/bio.h>
#include <openssl/ssl.h>

#include <array>
#include <csignal>
#include <cstddef>
#include <cstdio>
#include <exception>
#include <memory>
#include <thread>

#include <fcntl.h>
#include <sched.h>

namespace {

using namespace foxtrot_bench;
using ring = limit_ring<limit_tick, std::size_t{1} << 16U>;

/// Calls `handler(tick)` for each until that says that it was the last.
template <class Handler>
void receive(const client_arguments& wanted, Handler&& handler) {
  constexpr std::size_t at_once = 64 * 1024;
  raw_connection server{{wanted.port, true, "/stream"}, wanted.ca_file.c_str()};
  server.send_text(subscribe_request);
  if (wanted.how == client_arguments::way::spin) ::fcntl(server.descriptor(), F_SETFL, O_NONBLOCK);
  BIO* const memory = BIO_new(BIO_s_mem());
  BIO_set_mem_eof_return(memory, -1);
  SSL_set0_rbio(server.tls(), memory);
  frame_buffer<4 * at_once, 20'000> frames;
  const auto cipher = std::make_unique<std::array<char, at_once>>();
  bool done = false;
  const auto on_message = [&](const char* payload, std::size_t size) {
    limit_tick tick;
    if (limit_parser{payload}.parse(size, tick)) done = handler(tick);
  };
  while (!done) {
    const std::size_t count = server.receive(cipher->data(), cipher->size());
    if (count == 0) continue;
    BIO_write(memory, cipher->data(), static_cast<int>(count));
    while (true) {
      const int plain = SSL_read(server.tls(), frames.space(), static_cast<int>(frames.room()));
      if (plain <= 0) break;
      frames.take(static_cast<std::size_t>(plain), on_message);
    }
  }
}

bool record(tick_recorder& into, const limit_tick& tick) {
  return into.on_tick(tick.id, tick.bid_price, tick.ask_quantity);
}

void consume(ring& from, tick_recorder& into, bool spins) {
  constexpr int rounds_before_parking = 64;
  limit_tick tick;
  for (int idle = 0; true;) {
    if (from.try_pop(tick)) {
      if (record(into, tick)) return;
      idle = 0;
    } else if (from.is_closed()) {
      if (!from.try_pop(tick) || record(into, tick)) return;
    } else if (spins || ++idle < rounds_before_parking) {
      foxtrot::cpu_relax();
    } else {
      from.park();
    }
  }
}

void run(const client_arguments& wanted, tick_recorder& into) {
  if (wanted.how == client_arguments::way::handler) {
    pin_if_wanted(wanted.net_cpu);
    return receive(wanted, [&into](const limit_tick& tick) { return record(into, tick); });
  }
  const bool spins = wanted.how == client_arguments::way::spin;
  const auto between = std::make_unique<ring>();
  std::thread network{[&] {
    pin_if_wanted(wanted.net_cpu);
    try {
      receive(wanted, [&](const limit_tick& tick) {
        while (!(spins ? between->try_push(tick) : between->try_push_and_wake(tick))) ::sched_yield();
        return tick.ask_quantity == 0;
      });
    } catch (const std::exception& error) {
      std::fprintf(stderr, "limit: %s\n", error.what());
    }
    between->close();
  }};
  pin_if_wanted(wanted.consumer_cpu);
  consume(*between, into, spins);
  network.join();
}

}  // namespace

int main(int argc, char** argv) {
  client_arguments wanted;
  if (!wanted.read(argc, argv)) {
    std::fprintf(stderr, client_arguments::usage, argv[0]);
    return 2;
  }
  std::signal(SIGPIPE, SIG_IGN);
  tick_recorder into{wanted.skip};
  try {
    run(wanted, into);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s: %s\n", argv[0], error.what());
  }
  print(into.report());
}
