// tests/sim/loss_audit_test.cpp: a feed that tells the truth, and feeds that do not.
#include <foxtrot/sim/loss_audit.hpp>

#include <catch2/catch.hpp>

#include <support/event_teller.hpp>

#include <string>

namespace {

using namespace foxtrot;

struct scene {
  loss_audit audit;
  foxtrot_test::event_teller feed{[this](const event& told) { audit.on(told); }};
};

TEST_CASE("loss_audit: each symbol's trades and depth updates by themselves") {
  scene s;
  s.feed.trade(1, "BTC");
  s.feed.trade(100, "ETH");
  s.feed.trade(2, "BTC");
  s.feed.trade(101, "ETH", source::http);
  s.feed.depth(1, 5);
  s.feed.depth(6, 9);
  CHECK(s.audit.trades() == id_counts{.received = 4});
  CHECK(s.audit.depth() == id_counts{.received = 9});
  CHECK(s.audit.gaps() == 0);
}

TEST_CASE("loss_audit: a gap counts for its symbol and its kind alone") {
  scene s;
  s.feed.trade(1, "BTC");
  s.feed.trade(1, "ETH");
  s.feed.depth(1, 1, "BTC");
  s.feed.gap(tick_kind::trade, 2, 3, "BTC");
  s.feed.trade(4, "ETH");
  s.feed.depth(4, 4, "BTC");
  s.feed.trade(4, "BTC");
  CHECK(s.audit.trades() == id_counts{.received = 4, .told = 2, .unreported = 2});
  CHECK(s.audit.depth() == id_counts{.received = 2, .unreported = 2});
  CHECK(s.audit.gaps() == 1);
}

TEST_CASE("loss_audit: gaps that name nothing, or ids that came, excuse nothing") {
  scene s;
  s.feed.depth(1, 5);
  s.feed.gap(tick_kind::depth_update, 0, 0);                              // an old one, told again
  s.feed.gap(tick_kind::depth_update, 1, 5, "BTC", gap_reason::crossed);  // came, and crossed the book
  s.feed.depth(6, 6);
  s.feed.gap(tick_kind::depth_update, 6, 6, "BTC", gap_reason::renumbered);
  CHECK(s.audit.depth() == id_counts{.received = 6});
  CHECK(s.audit.gaps() == 3);
  CHECK(s.audit.renumbered() == 1);
}

TEST_CASE("loss_audit: updates of the futures follow the one that they name") {
  scene s;
  s.feed.depth(10, 15, "BTC", 9);
  s.feed.depth(20, 25, "BTC", 15);  // no hole: nothing of this symbol between
  s.feed.depth(30, 35, "BTC", 28);
  CHECK(s.audit.depth().unreported == 3);
  CHECK(s.audit.depth().duplicates == 0);
}

TEST_CASE("loss_audit: quotes have an order and no count") {
  scene s;
  s.feed.quote(5);
  s.feed.quote(9);
  s.feed.quote(0, "BTC", source::http);
  s.feed.quote(10);
  CHECK(s.audit.disordered_quotes() == 0);
  s.feed.quote(10);
  s.feed.quote(7);
  s.feed.quote(6, "ETH");
  CHECK(s.audit.disordered_quotes() == 2);
}

TEST_CASE("loss_audit: what the exchange made after the last that came is behind") {
  scene s;
  s.feed.trade(7, "BTC");
  s.feed.trade(3, "ETH");
  const exchange_truth truth{{{.symbol = "BTC", .last_trade_id = 9},
                              {.symbol = "ETH", .last_trade_id = 3},
                              {.symbol = "NEW", .last_trade_id = 50}}};
  CHECK(s.audit.trades_behind(truth, s.feed.names()) == 2);
}

TEST_CASE("loss_audit: what the consumer itself lost is counted") {
  scene s;
  CHECK(s.audit.dropped() == 0);
  tick_payload payload;
  auto& record = payload.emplace<status_record>();
  record = make_status(status_code::dropped, 0);
  record.first = 12;
  s.audit.on(event{payload, tick_tag{.kind = tick_kind::status}.packed(), {}, s.feed.names()});
  CHECK(s.audit.dropped() == 12);
}

}  // namespace
