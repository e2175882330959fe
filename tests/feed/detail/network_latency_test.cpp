// tests/feed/detail/network_latency_test.cpp: the stages of ticks that are published, and of those that are read.
#include <foxtrot/feed/detail/network_latency.hpp>

#include <foxtrot/feed/publisher.hpp>
#include <foxtrot/market/merge.hpp>

#include <support/allocation_counter.hpp>
#include <support/fake_clocks.hpp>
#include <support/sanitizer.hpp>

#include <catch2/catch.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <thread>
#include <utility>

using namespace foxtrot;
using namespace std::chrono_literals;
using foxtrot_test::fake_clocks;
using foxtrot_test::repetitions;

namespace {

constexpr auto from_kernel = latency_stage::kernel_to_read;
constexpr auto to_published = latency_stage::read_to_published;
constexpr auto to_strategy = latency_stage::read_to_strategy;

template <class Record>
void publish(publisher::batch& batch, tick_kind kind, std::int64_t received_ns) {
  auto& record = batch.begin().payload->template emplace<Record>();
  record = {};
  record.received_ns = received_ns;
  batch.publish({.kind = kind}, record.symbol);
}
void put_trade(publisher::batch& batch, std::int64_t received_ns) {
  publish<trade_record>(batch, tick_kind::trade, received_ns);
}
void put_quote(publisher::batch& batch, std::int64_t received_ns) {
  publish<book_ticker_record>(batch, tick_kind::book_ticker, received_ns);
}

/// On the fake clocks.
struct scene {
  explicit scene(bool measures = true) : out{symbols, {}, measures} {
    out.follow_ids(false);
    out.use_clocks(fake_clocks::as_stamp_clocks());
  }
  /// A read with so many trades; each takes `each` to publish.
  void trades(std::uint64_t count, std::int64_t each = 100, std::int64_t kernel_wall_ns = 0) {
    publisher::batch batch{out};
    const std::int64_t received = batch.received_now(kernel_wall_ns);
    for (std::uint64_t i = 0; i < count; ++i) {
      put_trade(batch, received);
      fake_clocks::epoch += each;
    }
  }
  static std::size_t drain(subscription& from) {
    return from.poll(1'000'000, [](const event&) {});
  }

  fake_clocks clocks;
  symbol_table symbols;
  publisher out;
};

}  // namespace

TEST_CASE("network_latency: what a read brought is published when the last of it is", "[feed]") {
  scene s;
  {
    publisher::batch batch{s.out};
    const std::int64_t received = batch.received_now(fake_clocks::wall() - 7'000);
    CHECK(received == fake_clocks::epoch);
    put_trade(batch, received);
    put_quote(batch, received);
    fake_clocks::epoch += 150;
    put_quote(batch, received);
    fake_clocks::epoch += 50;
  }
  const latency_report report = s.out.latency();
  CHECK(report.entries().size() == 4);
  CHECK(report.figures(to_published, tick_kind::trade).count == 1);
  CHECK(report.figures(to_published, tick_kind::trade).max == 200ns);
  CHECK(report.figures(to_published, tick_kind::book_ticker).count == 2);
  CHECK(report.figures(to_published, tick_kind::book_ticker).max == 200ns);
  CHECK(report.figures(from_kernel, tick_kind::trade).max == 7us);
  CHECK(report.figures(from_kernel, tick_kind::book_ticker).count == 2);
}

TEST_CASE("network_latency: without a kernel's stamp, without a read, without ticks the stage is absent", "[feed]") {
  scene s;
  SECTION("no stamp") {
    s.trades(3);
    CHECK(s.out.latency().figures(to_published).count == 3);
    CHECK(s.out.latency().figures(from_kernel).count == 0);
  }
  SECTION("no read") {
    publisher::batch batch{s.out};
    put_trade(batch, fake_clocks::epoch);
  }
  SECTION("no ticks") {
    publisher::batch batch{s.out};
    (void)batch.received_now(fake_clocks::wall());
    batch.publish_status(make_status(status_code::connected, 1), venue::none);
  }
  CHECK(s.out.latency().figures(from_kernel).count == 0);
}

TEST_CASE("network_latency: ticks of no read do not count with the next", "[feed]") {
  scene s;
  {
    publisher::batch batch{s.out};
    for (int i = 0; i < 20; ++i) put_trade(batch, fake_clocks::epoch);
  }
  s.trades(2);
  CHECK(s.out.latency().figures(to_published).count == 2);
}

TEST_CASE("network_latency: reads in quick succession share looks at the clock", "[feed]") {
  scene s;
  const std::uint64_t reads = 10'000;
  fake_clocks::looks = 0;
  for (std::uint64_t i = 0; i < reads; ++i) s.trades(1);
  const auto looks = static_cast<std::uint64_t>(fake_clocks::looks) - reads;  // the receive times aside
  CHECK(looks < reads / 12);
  const latency_figures found = s.out.latency().figures(to_published, tick_kind::trade);
  CHECK(found.count <= reads);
  CHECK(found.count > reads - 24);
  CHECK(found.max == 100ns);
}

TEST_CASE("network_latency: the first read of a burst stands for itself, the others for their like", "[feed]") {
  scene s;
  constexpr int bursts = 20'000;
  constexpr int length = 8;
  for (int burst = 0; burst < bursts; ++burst) {
    fake_clocks::epoch += 10'000'000;
    for (int i = 0; i < length; ++i) s.trades(1, i == 0 ? 20'000 : 1'000);
  }
  const latency_figures found = s.out.latency().figures(to_published, tick_kind::trade);
  CHECK(found.count > bursts * length - 24);
  CHECK(found.p50 <= 1'010ns);
  CHECK(found.p90 >= 19us);  // an eighth of them are first
  CHECK(found.max <= 20'100ns);
}

TEST_CASE("network_latency: a look stands for ticks of other kinds, and the sum is right", "[feed]") {
  scene s;
  for (int i = 0; i < 1000; ++i) {
    publisher::batch batch{s.out};
    const std::int64_t received = batch.received_now(0);
    i % 2 == 0 ? put_trade(batch, received) : put_quote(batch, received);
    fake_clocks::epoch += 50;
  }
  const latency_report report = s.out.latency();
  const std::uint64_t trades = report.figures(to_published, tick_kind::trade).count;
  const std::uint64_t quotes = report.figures(to_published, tick_kind::book_ticker).count;
  CHECK(trades + quotes > 1000 - 24);
  CHECK(trades + quotes <= 1000);
  CHECK(trades > 300);
  CHECK(quotes > 300);
}

TEST_CASE("network_latency: reads of two kinds count each of them, dense or not", "[feed]") {
  for (const std::int64_t apart : {50, 200'000}) {
    scene s;
    for (int i = 0; i < 1000; ++i) {
      publisher::batch batch{s.out};
      const std::int64_t received = batch.received_now(0);
      put_trade(batch, received);
      put_quote(batch, received);
      put_quote(batch, received);
      fake_clocks::epoch += apart;
    }
    const latency_report report = s.out.latency();
    const std::uint64_t trades = report.figures(to_published, tick_kind::trade).count;
    CHECK(trades > 1000 - 24);
    CHECK(trades <= 1000);
    CHECK(report.figures(to_published, tick_kind::book_ticker).count == 2 * trades);
  }
}

TEST_CASE("network_latency: switched off, nothing is looked at", "[feed]") {
  scene s{false};
  auto queue = s.out.subscribe({}).value();
  s.trades(5, 100, fake_clocks::wall());
  CHECK(scene::drain(queue) == 5);
  CHECK(fake_clocks::looks == 1);  // the receive time
  CHECK(s.out.latency().empty());
  CHECK(queue.latency().empty());
}

TEST_CASE("network_latency: a consumer's ticks are as old as when it gets them", "[feed]") {
  const overflow policy = GENERATE(overflow::drop_oldest, overflow::drop_newest, overflow::block);
  scene s;
  auto queue = s.out.subscribe({.when_full = policy, .capacity = 1024, .level_capacity = 1024}).value();
  {
    publisher::batch batch{s.out};
    batch.publish_status(make_status(status_code::connected, 1), venue::none);
  }
  s.trades(1);
  fake_clocks::epoch += 2'900;
  CHECK(scene::drain(queue) == 2);
  const latency_report report = queue.latency();
  REQUIRE(report.entries().size() == 1);
  CHECK(report.entries()[0].stage == to_strategy);
  CHECK(report.entries()[0].kind == tick_kind::trade);
  CHECK(report.figures(to_strategy).count == 1);
  CHECK(report.figures(to_strategy).max == 3us);
}

TEST_CASE("network_latency: a loop over events measures as poll does", "[feed]") {
  scene s;
  auto queue = s.out.subscribe({}).value();
  s.trades(1, 500);
  s.out.close();
  for (const event& each : queue.until({})) CHECK(each.kind() == tick_kind::trade);
  CHECK(queue.latency().figures(to_strategy).max == 500ns);
}

TEST_CASE("network_latency: of a backlog each tick is as old as it is", "[feed]") {
  scene s;
  auto queue = s.out.subscribe({}).value();
  for (int i = 0; i < 1000; ++i) s.trades(1, 1'000);
  (void)queue.poll(1'000'000, [](const event&) { fake_clocks::epoch += 500; });
  const latency_figures found = queue.latency().figures(to_strategy, tick_kind::trade);
  CHECK(found.count > 1000 - 24);
  CHECK(found.max >= 1ms);   // the first waited for all the others
  CHECK(found.p50 > 700us);  // half as long behind, and half of the handlers before
  CHECK(found.p50 < 800us);
}

TEST_CASE("network_latency: a replay's receive times are shifted, and ages are not", "[feed]") {
  scene s;
  auto clocks = fake_clocks::as_stamp_clocks();
  clocks.receive_shift_ns = -86'400'000'000'000;
  s.out.use_clocks(clocks);
  auto queue = s.out.subscribe({}).value();
  {
    publisher::batch batch{s.out};
    put_trade(batch, batch.received_now(0) + clocks.receive_shift_ns);
    fake_clocks::epoch += 250;
  }
  CHECK(scene::drain(queue) == 1);
  CHECK(queue.latency().figures(to_strategy).max == 250ns);
  CHECK(s.out.latency().figures(to_published).max == 250ns);
}

TEST_CASE("network_latency: times of another day are no ages", "[feed]") {
  scene s;
  auto queue = s.out.subscribe({}).value();
  for (const std::int64_t received : {std::int64_t{5}, fake_clocks::epoch + 1'000'000}) {
    publisher::batch batch{s.out};
    put_trade(batch, received);
  }
  CHECK(scene::drain(queue) == 2);
  CHECK(queue.latency().empty());
}

TEST_CASE("network_latency: merged subscriptions keep what each has measured, and go on", "[feed]") {
  scene s;
  publisher other{s.symbols};
  other.use_clocks(fake_clocks::as_stamp_clocks());
  auto one = s.out.subscribe({}).value();
  auto two = other.subscribe({}).value();
  s.trades(1, 100);
  CHECK(scene::drain(one) == 1);
  subscription both = merge(std::move(one), std::move(two));
  CHECK(both.latency().figures(to_strategy).count == 1);
  fake_clocks::epoch += 1'000'000;
  s.trades(1, 200);
  {
    publisher::batch batch{other};
    put_quote(batch, batch.received_now(0));
  }
  fake_clocks::epoch += 300;
  CHECK(scene::drain(both) == 2);
  CHECK(both.latency().figures(to_strategy, tick_kind::trade).count == 2);
  CHECK(both.latency().figures(to_strategy, tick_kind::trade).max == 500ns);
  CHECK(both.latency().figures(to_strategy, tick_kind::book_ticker).max == 300ns);
}

TEST_CASE("network_latency: stamps allocate nothing", "[feed]") {
  scene s;
  auto queue = s.out.subscribe({}).value();
  s.trades(1);
  CHECK(scene::drain(queue) == 1);
  const std::size_t before = foxtrot_test::allocations();
  for (int i = 0; i < 1000; ++i) {
    fake_clocks::epoch += i % 3 == 0 ? 200'000 : 0;
    s.trades(3, i, fake_clocks::wall() - i);
    (void)scene::drain(queue);
  }
  CHECK(foxtrot_test::allocations() == before);
  CHECK(s.out.latency().figures(from_kernel).count > 2900);
  CHECK(queue.latency().figures(to_strategy).count > 2900);
}

TEST_CASE("network_latency: both sides are read while they record", "[feed]") {
  const std::uint64_t rounds = repetitions(100'000);
  symbol_table symbols;
  publisher out{symbols};
  out.follow_ids(false);
  auto queue = out.subscribe({.when_full = overflow::block, .capacity = 1024}).value();
  std::thread network{[&] {
    for (std::uint64_t i = 0; i < rounds; ++i) {
      publisher::batch batch{out};
      const std::int64_t received = batch.received_now(detail::wall_clock_ns() - 1000);
      put_trade(batch, received);
    }
    out.close();
  }};
  std::atomic<bool> done{false};
  std::atomic<bool> too_many{false};
  std::thread reader{[&] {
    while (!done.load(std::memory_order_relaxed)) {
      if (out.latency().figures(to_published).count > rounds) too_many = true;
      if (queue.latency().figures(to_strategy).count > rounds) too_many = true;
    }
  }};
  std::uint64_t events = 0;
  while (!queue.closed()) events += queue.poll(64, [](const event&) {});
  network.join();
  done.store(true, std::memory_order_relaxed);
  reader.join();
  CHECK_FALSE(too_many);
  CHECK(events == rounds);
  CHECK(out.latency().figures(to_published).count > rounds - 24);
  CHECK(out.latency().figures(from_kernel).count > rounds / 2);
  CHECK(queue.latency().figures(to_strategy).count > rounds - 24);
}
