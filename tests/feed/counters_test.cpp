// tests/feed/counters_test.cpp: numbers with one writer and any number of readers.
#include <foxtrot/feed/counters.hpp>

#include <catch2/catch.hpp>

#include <cstddef>
#include <cstdint>
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

}  // namespace
