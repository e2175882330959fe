// tests/market/event_body_test.cpp: every event's body is where queues look for it.
#include <foxtrot/market/detail/event_body.hpp>

#include <support/every_tick.hpp>

#include <catch2/catch.hpp>

using namespace foxtrot;
using foxtrot_test::make_tick;

TEST_CASE("event_body: every kind with a body has its place and size in one spot", "[market]") {
  CHECK_FALSE(detail::has_body(tick_kind::status));
  CHECK_FALSE(detail::has_body(static_cast<tick_kind>(200)));
  for (const tick_kind kind : foxtrot_test::every_tick_kind()) {
    INFO(to_string(kind));
    auto made = make_tick(kind, 3, symbol_id{1});
    CHECK(detail::has_body(kind) == !made.body.empty());
    if (made.body.empty()) continue;
    CHECK(detail::body_size(made.line) == made.body.size());
    detail::set_body_position(made.line, 0x123456789abcdef0);
    CHECK(detail::body_position(made.line) == 0x123456789abcdef0);
    CHECK(detail::body_size(made.line) == made.body.size());
  }
  tick_payload line{};
  line.emplace<depth_record>() = {};
  line.as<depth_record>().bids = line.as<depth_record>().asks = 65'535;
  line.as<depth_record>().body = 9;
  CHECK(detail::body_size(line) == 131'070);
  CHECK(detail::body_position(line) == 9);
}
