// tests/feed/counters_test.cpp: numbers with one writer and any number of readers.
#include <foxtrot/feed/counters.hpp>

#include <catch2/catch.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <thread>

namespace {

using namespace foxtrot;

TEST_CASE("counters: a reader sees every number grow, and in the end all of it") {
  counter value;
  constexpr std::uint64_t total = 200'000;
  bool went_back = false;
  std::jthread reader{[&] {
    for (std::uint64_t last = 0; last < total;) {
      const std::uint64_t now = value.get();
      went_back = went_back || now < last;
      last = now;
    }
  }};
  for (std::uint64_t i = 0; i < total; ++i) value.add();
  reader.join();
  CHECK_FALSE(went_back);
  CHECK(value.get() == total);
  value.add(5);
  CHECK(value.get() == total + 5);
}

TEST_CASE("counters: errors are counted by kind") {
  feed_counters counters;
  counters.count(errc::timeout);
  counters.count(errc::certificate_expired);
  counters.count(errc::timeout);
  CHECK(counters.errors[static_cast<std::size_t>(error_kind::timeout)].get() == 2);
  CHECK(counters.errors[static_cast<std::size_t>(error_kind::tls)].get() == 1);
  CHECK(counters.errors[static_cast<std::size_t>(error_kind::network)].get() == 0);
}

TEST_CASE("counters: of several feeds they add up, each time anew") {
  feed_counters a;
  feed_counters b;
  feed_counters sum;
  const feed_counters* const parts[] = {&a, &b};
  a.messages.add(3);
  b.messages.add(4);
  b.fallbacks_begun.add();
  a.ticks[1].add(5);
  b.ticks[1].add(6);
  a.count(errc::timeout);
  b.count_rejected(errc::wrong_type);
  a.round_trip_ns.set(7);
  b.round_trip_ns.set(2);
  a.unknown_events.add("x");
  b.unknown_events.add("x");
  b.unknown_events.add("y");
  for (std::size_t i = 0; i < 70; ++i) a.unknown_events.add("n" + std::to_string(i));
  for (int round = 0; round < 2; ++round) {
    sum.become_sum_of(parts);
    CHECK(sum.messages.get() == 7);
    CHECK(sum.rejected.get() == 1);
    CHECK(sum.fallbacks_begun.get() == 1);
    CHECK(sum.ticks[1].get() == 11);
    CHECK(sum.errors[static_cast<std::size_t>(error_kind::timeout)].get() == 1);
    CHECK(sum.rejections[static_cast<std::size_t>(rejection::wrong_type)].get() == 1);
    CHECK(sum.round_trip_ns.get() == 7);
    CHECK(sum.unknown_events.total() == 73);
  }
  b.messages.add();
  b.unknown_events.add("x");
  sum.become_sum_of(parts);
  CHECK(sum.messages.get() == 8);
  CHECK(sum.unknown_events.total() == 74);
}

}  // namespace
