// bench/latency.cpp: latency/CASE/foxtrot: what latency stamps cost.
//
// stamps_off, stamps_on: a quote from a publisher through the feed's ring to a subscription, both on one thread,
// without a network. Each quote is a read of its own with a receive time, in both cases, and a kernel's stamp, and is
// polled alone: the most that stamps can cost where ticks are dense. stamps_on_8 has eight quotes to a read.
// stamps_on_sparse is the same as stamps_on with clocks that show each read 100 us or more after the one before;
// stamps_on_rare, 1 ms or more, so that both sides look at the clock for every quote. overhead_ns is ns_per_tick less that of the same without stamps,
// measured in turns of a millisecond or two, by the CPU time of the thread; its bar is 30 where ticks are not rare.
//
// record: one value into a histogram that others may read. read/recv, read/recvmsg: one read of 200 bytes that wait in
// a TCP socket on loopback, p50 without and with the kernel's stamp; the clock's own time is in both.
#include <foxtrot/core/clock.hpp>
#include <foxtrot/core/detail/stamp_clocks.hpp>
#include <foxtrot/core/shared_histogram.hpp>
#include <foxtrot/feed/publisher.hpp>
#include <foxtrot/market/event.hpp>
#include <foxtrot/market/subscription.hpp>
#include <foxtrot/net/asio.hpp>
#include <foxtrot/net/tcp_stream.hpp>

#include <support/bench.hpp>

#include <benchmark/benchmark.h>
#include <asio/basic_socket_acceptor.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace foxtrot_bench;
using clock_type = std::chrono::steady_clock;

/// What this thread has used of its CPU: others on the machine do not count.
[[nodiscard]] double cpu_nanoseconds() {
  timespec used{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  return static_cast<double>(used.tv_sec) * 1e9 + static_cast<double>(used.tv_nsec);
}

/// Each look is so much after the one before.
template <std::int64_t Step>
std::int64_t stepping_ns() noexcept {
  static std::int64_t ahead = 0;
  return foxtrot::epoch_clock::now_ns() + (ahead += Step);
}
using clock_function = std::int64_t (*)() noexcept;

/// A publisher and a consumer of its ring.
class path {
 public:
  path(bool stamps, std::uint64_t ticks_per_read, clock_function clock) : out_{symbols_, {}, stamps}, per_read_{ticks_per_read} {
    if (clock != nullptr) out_.use_clocks({.epoch_ns = clock});
    queue_ = out_.subscribe({}).value();
  }

  /// Nanoseconds per tick.
  double run(std::uint64_t reads) {
    const std::int64_t kernel = foxtrot::detail::wall_clock_ns();
    const double before = cpu_nanoseconds();
    for (std::uint64_t i = 0; i < reads; ++i) {
      publish(kernel);
      read();
    }
    return (cpu_nanoseconds() - before) / static_cast<double>(reads * per_read_);
  }

 private:
  void publish(std::int64_t kernel_wall_ns) {
    foxtrot::publisher::batch batch{out_};
    const std::int64_t received = batch.received_now(kernel_wall_ns);
    for (std::uint64_t i = 0; i < per_read_; ++i) {
      auto& quote = batch.begin().payload->emplace<foxtrot::book_ticker_record>();
      quote = {};
      quote.update_id = ++id_;
      quote.received_ns = received;
      quote.symbol = symbol_;
      batch.publish({.kind = foxtrot::tick_kind::book_ticker, .where = foxtrot::venue::binance_spot}, symbol_);
    }
  }
  void read() {
    (void)queue_.poll(per_read_, [](const foxtrot::event& told) {
      told.visit([](const foxtrot::status&) {},
                 [](const foxtrot::book_ticker& quote) { benchmark::DoNotOptimize(quote.update_id()); });
    });
  }

  foxtrot::symbol_table symbols_;
  foxtrot::publisher out_;
  foxtrot::symbol_id symbol_{symbols_.intern("BTCUSDT").value()};
  foxtrot::subscription queue_;
  std::uint64_t id_{0};
  std::uint64_t per_read_;
};

struct cost {
  double off;
  double on;
  double overhead;
};

/// In turns, so that both meet the same machine; medians.
cost compare(std::uint64_t ticks_per_read, clock_function clock) {
  path off{false, ticks_per_read, clock};
  path on{true, ticks_per_read, clock};
  const std::uint64_t reads = 20'000 / ticks_per_read;
  const std::size_t turns = quick ? 100 : 300;
  (void)off.run(reads * 5), (void)on.run(reads * 5);
  std::vector<double> without;
  std::vector<double> with;
  std::vector<double> more;
  for (std::size_t i = 0; i < turns; ++i) {
    without.push_back(off.run(reads));
    with.push_back(on.run(reads));
    more.push_back(with.back() - without.back());
  }
  return {median(without), median(with), median(more)};
}

void add_stamps(const std::string& name, std::uint64_t ticks_per_read, clock_function clock) {
  add_row("latency/" + name + "/foxtrot", [=](benchmark::State& state) {
    const cost found = compare(ticks_per_read, clock);
    state.SetIterationTime(found.on * 1e-9);
    state.counters["ns_per_tick"] = found.on;
    state.counters["off_ns_per_tick"] = found.off;
    state.counters["overhead_ns"] = found.overhead;
  });
}

void record(benchmark::State& state) {
  constexpr std::size_t count = 1 << 20;
  foxtrot::shared_histogram times;
  std::uint32_t random = 1;
  const double before = cpu_nanoseconds();
  for (std::size_t i = 0; i < count; ++i) {
    random = random * 1664525U + 1013904223U;
    times.record(1000 + (random >> 18U));  // up to 17 us
  }
  const double each = (cpu_nanoseconds() - before) / count;
  benchmark::DoNotOptimize(&times);
  state.SetIterationTime(each * 1e-9);
  state.counters["ns_per_record"] = each;
}

/// A connection over loopback whose far end writes.
class connection {
 public:
  using socket = foxtrot::tcp_stream::socket;

  explicit connection(bool stamps) {
    using asio::ip::tcp;
    const tcp::endpoint any{asio::ip::address_v4::loopback(), 0};
    asio::basic_socket_acceptor<tcp, foxtrot::io_executor> from{loop_, any};
    socket ours{loop_};
    ours.connect(from.local_endpoint());
    from.accept(far_);
    near_ = foxtrot::tcp_stream{std::move(ours)};
    if (stamps) stamped_ = near_.stamp_reads();
  }
  [[nodiscard]] bool stamped() const noexcept { return stamped_; }

  /// How long one read takes of what waits.
  std::int64_t read() {
    (void)far_.send(asio::buffer(message_));
    const auto before = clock_type::now();
    const foxtrot::io_result got = near_.read_some(buffer_);
    const auto after = clock_type::now();
    benchmark::DoNotOptimize(near_.take_kernel_stamp());
    if (got.bytes != message_.size()) failed_ = true;
    return (after - before).count();
  }
  [[nodiscard]] bool failed() const noexcept { return failed_; }

 private:
  asio::io_context loop_;
  socket far_{loop_};
  foxtrot::tcp_stream near_{loop_};
  const std::string message_ = std::string(200, 'x');
  std::array<char, 65536> buffer_{};
  bool stamped_{false};
  bool failed_{false};
};

/// Both in turns; each row shows its own.
void compare_reads(benchmark::State& state, bool stamps) {
  connection plain{false};
  connection stamped{true};
  const std::size_t count = quick ? 20'000 : 100'000;
  std::vector<std::int64_t> without;
  std::vector<std::int64_t> with;
  for (std::size_t i = 0; i < count; ++i) {
    without.push_back(plain.read());
    with.push_back(stamped.read());
  }
  if (plain.failed() || stamped.failed()) return state.SkipWithError("a read found less than was sent");
  if (!stamped.stamped()) return state.SkipWithError("no kernel stamps here");
  std::sort(without.begin(), without.end());
  std::sort(with.begin(), with.end());
  const double shown = percentile(stamps ? with : without, 0.5);
  state.SetIterationTime(shown * 1e-9);
  state.counters["ns_per_read"] = shown;
  if (stamps) state.counters["overhead_ns"] = shown - percentile(without, 0.5);
}

[[maybe_unused]] const bool registered = [] {
  add_row("latency/stamps_off/foxtrot", [](benchmark::State& state) {
    const double each = compare(1, nullptr).off;
    state.SetIterationTime(each * 1e-9);
    state.counters["ns_per_tick"] = each;
  });
  add_stamps("stamps_on", 1, nullptr);
  add_stamps("stamps_on_8", 8, nullptr);
  add_stamps("stamps_on_sparse", 1, &stepping_ns<100'000>);
  add_stamps("stamps_on_rare", 1, &stepping_ns<1'000'000>);
  add_row("latency/record/foxtrot", record);
  add_row("latency/read/recv", [](benchmark::State& state) { compare_reads(state, false); });
  add_row("latency/read/recvmsg", [](benchmark::State& state) { compare_reads(state, true); });
  return true;
}();

}  // namespace
