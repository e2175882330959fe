// tests/sim/delivery_audit_test.cpp: what came of what was sent, for feeds that are honest and others.
#include <foxtrot/sim/delivery_audit.hpp>

#include <catch2/catch.hpp>

#include <support/event_teller.hpp>

#include <cstdint>
#include <vector>

namespace {

using namespace foxtrot;
using numbers = std::vector<std::uint64_t>;

struct scene {
  delivery_audit audit;
  foxtrot_test::event_teller feed{[this](const event& told) { audit.on(told); }};

  delivery_verdict judge(tick_kind kind, const numbers& sent, const char* name = "BTC") {
    return audit.judge(kind, feed.names().intern(name).value(), sent);
  }
};

TEST_CASE("delivery_audit: quotes whose numbering has holes are missed all the same") {
  scene s;
  for (const std::uint64_t id : {5U, 7U, 20U}) s.feed.quote(id);
  s.feed.quote(6, "ETH");
  CHECK(s.judge(tick_kind::book_ticker, {1, 5, 7, 20}) == delivery_verdict{.delivered = 3});
  CHECK(s.judge(tick_kind::book_ticker, {5, 7, 11, 20}) == delivery_verdict{.delivered = 3, .missing = 1});
  CHECK(s.judge(tick_kind::book_ticker, {5, 7, 20, 21}) == delivery_verdict{.delivered = 3, .missing = 1});
  CHECK(s.judge(tick_kind::book_ticker, {5, 20}) == delivery_verdict{.delivered = 3, .invented = 1});
  CHECK(s.judge(tick_kind::book_ticker, {6}, "ETH").clean());
  CHECK(s.judge(tick_kind::trade, {1, 2, 3}) == delivery_verdict{});
  CHECK(s.audit.ticks() == 4);
}

TEST_CASE("delivery_audit: again, and late") {
  scene s;
  for (const std::uint64_t id : {1U, 2U, 2U, 4U, 3U, 1U}) s.feed.trade(id);
  CHECK(s.judge(tick_kind::trade, {1, 2, 3, 4}) ==
        delivery_verdict{.delivered = 3, .missing = 1, .repeated = 2, .disordered = 1});
  CHECK_FALSE(s.judge(tick_kind::trade, {1, 2, 3, 4}).clean());
}

TEST_CASE("delivery_audit: what was told to be missing is no loss, unless it came") {
  scene s;
  s.feed.gap(tick_kind::trade, 1, 9);  // before the first: nobody's
  s.feed.trade(10);
  s.feed.gap(tick_kind::trade, 11, 12);
  s.feed.gap(tick_kind::depth_update, 13, 14);
  s.feed.trade(13);
  s.feed.gap(tick_kind::trade, 0, 0);  // an old one, told again
  CHECK(s.judge(tick_kind::trade, {9, 10, 11, 12, 13}) == delivery_verdict{.delivered = 2, .told = 2});
  CHECK(s.judge(tick_kind::trade, {10, 13}) == delivery_verdict{.delivered = 2});  // nobody was sent them
  s.feed.gap(tick_kind::trade, 14, 15);
  s.feed.trade(15);
  CHECK(s.judge(tick_kind::trade, {10, 11, 12, 13, 14, 15}) ==
        delivery_verdict{.delivered = 3, .told = 3, .mistold = 1});
  CHECK(s.audit.gaps() == 5);
}

TEST_CASE("delivery_audit: what is polled may never have been sent") {
  scene s;
  s.feed.trade(1);
  s.feed.trade(2, "BTC", source::http);
  s.feed.trade(3);
  CHECK(s.judge(tick_kind::trade, {1, 3}) == delivery_verdict{.delivered = 3});
  CHECK(s.audit.of(tick_kind::trade, s.feed.names().intern("BTC").value())[1].polled);
}

TEST_CASE("delivery_audit: a diff counts by its last id, a gap among them by all that it names") {
  scene s;
  s.feed.depth(1, 5);
  s.feed.gap(tick_kind::depth_update, 6, 12);
  s.feed.depth(13, 20);
  CHECK(s.judge(tick_kind::depth_update, {5, 9, 12, 20}) == delivery_verdict{.delivered = 2, .told = 2});
}

}  // namespace
