// tests/queue/steady_state_test.cpp: once made, queues neither allocate nor enter the kernel while nobody sleeps.
#include <foxtrot/queue/broadcast_ring.hpp>
#include <foxtrot/queue/conflating_table.hpp>
#include <foxtrot/queue/mpmc_queue.hpp>
#include <foxtrot/queue/overwriting_arena.hpp>
#include <foxtrot/queue/parking_spot.hpp>
#include <foxtrot/queue/payload_arena.hpp>
#include <foxtrot/queue/spsc_ring.hpp>

#include <support/allocation_counter.hpp>
#include <support/sanitizer.hpp>

#include <catch2/catch.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/seccomp.h>

using namespace foxtrot;

namespace {

/// One of everything, and a round through all of it.
struct queues {
  spsc_ring<std::uint64_t> ring{64};
  broadcast_ring<std::uint64_t> broadcast{64};
  broadcast_ring<std::uint64_t>::reader reader{broadcast};
  payload_arena<std::uint64_t> gated{64};
  overwriting_arena<std::uint64_t> arena{64};
  conflating_table<std::uint64_t> table{64};
  mpmc_queue<std::uint64_t> shared{64, 1};
  mpmc_queue<std::uint64_t>::producer in{*shared.make_producer()};
  mpmc_queue<std::uint64_t>::consumer out{shared.make_consumer()};
  parking_spot spot;
  std::array<std::uint64_t, 5> body{1, 2, 3, 4, 5};
  std::uint64_t rounds{0};

  /// Whether everything came out as it went in.
  bool go_round() {
    const std::uint64_t number = ++rounds;
    std::uint64_t seen = 0;
    bool well = ring.try_push(number) && ring.try_pop(seen) && seen == number;
    broadcast.publish(number);
    well = well && reader.try_pop(seen) && seen == number;
    const auto room = gated.try_claim(3);
    gated.commit(room, room.elements.size());
    gated.release(room.position, room.elements.size());
    const std::uint64_t at = arena.publish(body);
    std::array<std::uint64_t, 5> copy{};
    well = well && arena.try_copy(at, copy.size(), copy.data()) && copy == body;
    table.store(number % 64, number, number);
    well = well &&
           table.consume(64, [&](std::size_t, const std::uint64_t& value, std::uint64_t, line_tag) { seen = value; }) ==
               1 &&
           seen == number;
    well = well && in.try_push(std::uint64_t{number}) && out.try_pop(seen) && seen == number;
    spot.wake();
    return well;
  }
};

}  // namespace

TEST_CASE("queues: no allocation in the steady state", "[queue]") {
  const auto all = std::make_unique<queues>();
  REQUIRE(all->go_round());
  const std::size_t before = foxtrot_test::allocations();
  bool well = true;
  for (int i = 0; i < 10'000; ++i) well = all->go_round() && well;
  const std::size_t after = foxtrot_test::allocations();
  CHECK(well);
  CHECK(after == before);
}

TEST_CASE("queues: no system call while nobody sleeps", "[queue]") {
  if (foxtrot_test::sanitized) return;  // the sanitizer's own
  const auto all = std::make_unique<queues>();
  REQUIRE(all->go_round());
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    // from here any system call but read, write, exit and return from a signal kills
    if (::prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) != 0) ::_exit(2);
    bool well = true;
    for (int i = 0; i < 100'000; ++i) well = all->go_round() && well;
    ::syscall(SYS_exit, well ? 0 : 1);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
}
