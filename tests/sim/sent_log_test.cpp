// tests/sim/sent_log_test.cpp: which ids were made, and which were sent to whom.
#include <foxtrot/sim/sent_log.hpp>

#include <catch2/catch.hpp>

#include <foxtrot/core/clock.hpp>

#include <cstdint>
#include <vector>

namespace {

using namespace foxtrot;
using numbers = std::vector<std::uint64_t>;

TEST_CASE("sent_log: an id is the one that the venue numbers that kind by") {
  sent_log log{100};
  log.add(sim_message::book_ticker, "quote", R"({"u":400900217,"s":"BNBUSDT","b":"1","B":"2","a":"3","A":"4"})", 1);
  log.add(sim_message::book_ticker, "usdm", R"({"e":"bookTicker","u":7,"s":"BNBUSDT","a":"3","T":8,"E":9})", 1);
  log.add(sim_message::trade, "trade", R"({"e":"trade","E":1672515782136,"s":"BNBBTC","t":12345,"p":"1"})", 1);
  log.add(sim_message::agg_trade, "agg", R"({"e":"aggTrade","E":1,"s":"BNBBTC","a":164325,"p":"1"})", 1);
  log.add(sim_message::depth, "diff", R"({"e":"depthUpdate","E":1,"s":"X","U":157,"u":160,"pu":149,"b":[],"a":[]})", 1);
  log.add(sim_message::depth, "top", R"({"lastUpdateId":160,"bids":[],"asks":[]})", 1);
  log.add(sim_message::mark_price, "mark", R"({"e":"markPriceUpdate","E":1,"s":"X"})", 1);
  CHECK(log.of("quote").sent_ids() == numbers{400900217});
  CHECK(log.of("usdm").sent_ids() == numbers{7});
  CHECK(log.of("trade").sent_ids() == numbers{12345});
  CHECK(log.of("agg").sent_ids() == numbers{164325});
  CHECK(log.of("diff").sent_ids() == numbers{160});
  CHECK(log.of("top").all.empty());
  CHECK(log.of("mark").all.empty());
}

TEST_CASE("sent_log: each message as it was sent, with its time; sets of ids have each once, in order") {
  sent_log log{100};
  const std::int64_t before = epoch_clock::now_ns();
  for (const std::uint64_t id : {5U, 9U, 7U}) log.add("s", id, 0);
  for (const std::uint64_t id : {5U, 5U, 9U}) log.add("s", id, 1);
  log.add("s", 7, 2);
  const sent_messages seen = log.of("s");
  REQUIRE(seen.all.size() == 7);
  CHECK(seen.complete);
  CHECK(seen.all[4].id == 5);
  CHECK(seen.all[4].client == 1);
  CHECK(seen.all[0].at_ns >= before);
  CHECK(seen.all[6].at_ns >= seen.all[0].at_ns);
  CHECK(seen.made_ids() == numbers{5, 7, 9});
  CHECK(seen.sent_ids() == numbers{5, 7, 9});
  CHECK(log.of("other").all.empty());
}

TEST_CASE("sent_log: no more than was asked for, and it says so") {
  sent_log log{2};
  CHECK(log.enabled());
  log.add("s", 1, 0);
  log.add("s", 2, 0);
  CHECK(log.of("s").complete);
  log.add("s", 3, 0);
  log.add("t", 4, 0);
  CHECK(log.of("s").all.size() == 2);
  CHECK_FALSE(log.of("s").complete);
  CHECK(log.of("t").complete);
  CHECK_FALSE(sent_log{0}.enabled());
}

}  // namespace
