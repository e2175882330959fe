// tests/feed/named_counters_test.cpp: counts by name stay bounded, exact, and readable from elsewhere.
#include <foxtrot/feed/named_counters.hpp>

#include <catch2/catch.hpp>

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>
#include <thread>

#include <support/sanitizer.hpp>

namespace {

using foxtrot::named_counters;

TEST_CASE("named_counters: each name has its count, in the order of their first") {
  named_counters counts{8};
  CHECK(counts.total() == 0);
  CHECK(counts.get("kline") == 0);
  for (const char* name : {"kline", "", "ticker", "kline", "kline"}) counts.add(name);
  CHECK(counts.get("kline") == 3);
  CHECK(counts.get("") == 1);
  CHECK(counts.get("klin") == 0);
  std::string all;
  counts.for_each([&all](std::string_view name, std::uint64_t count) {
    all.append(name).append("=").append(std::to_string(count)).append(" ");
  });
  CHECK(all == "kline=3 =1 ticker=1 ");
  CHECK(counts.total() == 5);
  CHECK(counts.others() == 0);
}

TEST_CASE("named_counters: names beyond its room are counted together, and known ones still by name") {
  named_counters counts{100};
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < 150; ++i) counts.add("name" + std::to_string(i));
  }
  CHECK(counts.get("name0") == 2);
  CHECK(counts.get("name99") == 2);
  CHECK(counts.get("name100") == 0);
  CHECK(counts.others() == 100);
  CHECK(counts.total() == 300);
}

TEST_CASE("named_counters: long names count by their beginning") {
  named_counters counts{4};
  const std::string longest(named_counters::longest_name, 'x');
  counts.add(longest);
  counts.add(longest + "y");
  counts.add(longest.substr(1));
  CHECK(counts.get(longest) == 2);
  CHECK(counts.get(longest + "z") == 2);
  CHECK(counts.get(longest.substr(1)) == 1);
}

TEST_CASE("named_counters: a reader sees whole names and counts that only grow", "[stress]") {
  const int rounds = foxtrot_test::repetitions(20'000);
  named_counters counts{1000};
  std::atomic<bool> done{false};
  std::uint64_t torn = 0;
  std::uint64_t shrunk = 0;
  std::jthread reader{[&] {
    std::uint64_t before = 0;
    while (!done.load(std::memory_order_acquire)) {
      std::uint64_t sum = 0;
      counts.for_each([&](std::string_view name, std::uint64_t count) {
        torn += name.size() < 2 || name.front() != 's' || name.back() != 'e' ? 1U : 0U;
        sum += count;
      });
      shrunk += sum < before ? 1U : 0U;
      before = sum;
    }
  }};
  for (int i = 0; i < rounds; ++i) counts.add("s" + std::to_string(i % 900) + "e");
  done.store(true, std::memory_order_release);
  reader.join();
  CHECK(torn == 0);
  CHECK(shrunk == 0);
  CHECK(counts.total() == static_cast<std::uint64_t>(rounds));
}

}  // namespace
