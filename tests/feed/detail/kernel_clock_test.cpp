#include <foxtrot/feed/detail/kernel_clock.hpp>

#include <support/fake_clocks.hpp>

#include <catch2/catch.hpp>

#include <cstdint>

using namespace foxtrot;
using foxtrot_test::fake_clocks;

namespace {

/// How long ago a packet came, that the kernel stamped `ago` before now; -1: not known.
std::int64_t age(detail::kernel_clock& kernel, std::int64_t ago) {
  const auto at = kernel.on_epoch_clock(fake_clocks::wall() - ago, fake_clocks::epoch, fake_clocks::as_stamp_clocks());
  return at ? fake_clocks::epoch - *at : -1;
}

// The next look at the wall clock comes late.
int interruptions = 0;
std::int64_t wall_after_interruption() noexcept {
  if (interruptions != 0) --interruptions, fake_clocks::epoch += 3'000'000;
  return fake_clocks::wall();
}

}  // namespace

TEST_CASE("kernel_clock: stamps of the wall clock are as old as they are", "[feed]") {
  const fake_clocks clocks;
  detail::kernel_clock kernel;
  CHECK(age(kernel, 12'345) == 12'345);
  fake_clocks::epoch += 3'600'000'000'000;
  CHECK(age(kernel, 777) == 777);
}

TEST_CASE("kernel_clock: a wall clock that was set, either way, costs one stamp and no more", "[feed]") {
  const std::int64_t jump = GENERATE(-3'600'000'000'000, -1'000'000, 1'000'000, 3'600'000'000'000);
  const fake_clocks clocks;
  detail::kernel_clock kernel;
  CHECK(age(kernel, 10'000) == 10'000);
  fake_clocks::ahead += jump;
  CHECK(age(kernel, 10'000) == -1);
  CHECK(age(kernel, 10'000) == 10'000);
}

TEST_CASE("kernel_clock: an interruption between the two clocks is no step", "[feed]") {
  const fake_clocks fakes;
  detail::kernel_clock kernel;
  CHECK(age(kernel, 10'000) == 10'000);
  interruptions = 1;
  auto clocks = fake_clocks::as_stamp_clocks();
  clocks.wall_ns = &wall_after_interruption;
  const std::int64_t stamp = fake_clocks::wall() - 10'000;
  const std::int64_t now = fake_clocks::epoch;
  const auto at = kernel.on_epoch_clock(stamp, now, clocks);
  REQUIRE(at);
  CHECK(now - *at == 10'000);
  CHECK(interruptions == 0);
}

TEST_CASE("kernel_clock: one that was interrupted at its first look recovers", "[feed]") {
  const fake_clocks fakes;
  detail::kernel_clock kernel;
  interruptions = 1;
  auto clocks = fake_clocks::as_stamp_clocks();
  clocks.wall_ns = &wall_after_interruption;
  (void)kernel.on_epoch_clock(fake_clocks::wall(), fake_clocks::epoch, clocks);
  (void)age(kernel, 10'000);
  CHECK(age(kernel, 10'000) == 10'000);
}
