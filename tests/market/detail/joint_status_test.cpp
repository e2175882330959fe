// tests/market/detail/joint_status_test.cpp: what a consumer of a feed in parts is told.
#include <foxtrot/market/detail/joint_status.hpp>

#include <catch2/catch.hpp>

#include <cstddef>
#include <memory>

namespace {

using namespace foxtrot;

struct consumer {
  explicit consumer(std::uint64_t parts) : used{std::make_shared<detail::parts_in_use>(parts)} {}
  [[nodiscard]] bool hears(std::size_t part, status_code code) { return told.passes(part, make_status(code, 1)); }
  [[nodiscard]] bool hears_goodbye(std::size_t part) {
    return told.passes(part, make_disconnected_status(1, errc::cancelled, true));
  }

  std::shared_ptr<detail::parts_in_use> used;
  detail::joint_status told{used};
};

using enum status_code;

TEST_CASE("joint_status: connected with the last part, lost with each", "[market]") {
  consumer c{3};
  CHECK_FALSE(c.hears(0, connected));
  CHECK(c.hears(1, connected));
  CHECK(c.hears(1, disconnected));
  CHECK(c.hears(1, reconnecting));
  CHECK(c.hears(0, disconnected));
  CHECK_FALSE(c.hears(0, connected));
  CHECK(c.hears(1, connected));
  CHECK_FALSE(c.hears(1, connected));  // known
}

TEST_CASE("joint_status: a newcomer hears one state", "[market]") {
  consumer whole{7};
  CHECK_FALSE(whole.hears(2, connected));
  CHECK_FALSE(whole.hears(0, connected));
  CHECK(whole.hears(1, connected));
  consumer broken{7};
  CHECK(broken.hears(0, reconnecting));
  CHECK_FALSE(broken.hears(1, connected));
  CHECK_FALSE(broken.hears(2, disconnected));
  CHECK(broken.hears(2, reconnecting));  // from now on it is news
}

TEST_CASE("joint_status: a part without streams is not waited for, until it gets some", "[market]") {
  consumer c{3};
  CHECK_FALSE(c.hears(1, connected));
  *c.used = 2;
  CHECK(c.hears(1, connected));
  *c.used = 6;
  CHECK(c.hears(1, disconnected));
  CHECK_FALSE(c.hears(1, connected));
  CHECK(c.hears(2, connected));
}

TEST_CASE("joint_status: polling begins with the first part and ends with the last", "[market]") {
  consumer c{7};
  CHECK(c.hears(1, fallback_started));
  CHECK_FALSE(c.hears(1, fallback_started));
  CHECK_FALSE(c.hears(0, fallback_started));
  CHECK_FALSE(c.hears(1, fallback_ended));
  CHECK(c.hears(0, fallback_ended));
  CHECK_FALSE(c.hears(2, fallback_ended));
}

TEST_CASE("joint_status: a feed says goodbye once, and connects anew", "[market]") {
  consumer c{3};
  CHECK_FALSE(c.hears(0, connected));
  CHECK(c.hears(1, connected));
  CHECK(c.hears_goodbye(1));
  CHECK_FALSE(c.hears_goodbye(0));
  CHECK_FALSE(c.hears(1, connected));
  CHECK(c.hears(0, connected));
}

TEST_CASE("joint_status: after a loss the state is told again, all else passes", "[market]") {
  consumer c{3};
  CHECK_FALSE(c.hears(0, connected));
  CHECK(c.hears(1, connected));
  CHECK(c.hears(1, dropped));
  CHECK(c.hears(1, connected));
  CHECK(c.hears(0, reconnecting));
  CHECK(c.hears(1, dropped));
  CHECK_FALSE(c.hears(1, connected));
  for (const status_code code : {gap, resynchronised, stale, fresh, shutdown_announced, thread_stalled}) {
    CHECK(c.hears(0, code));
    CHECK(c.hears(1, code));
  }
}

}  // namespace
