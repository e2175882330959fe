// tests/capture/survey_test.cpp: what a survey finds in small captures and in recorded ones.
#include <foxtrot/capture/survey.hpp>

#include <catch2/catch.hpp>

#include <support/captures.hpp>
#include <support/temporary_file.hpp>

#include <string>

namespace {

using namespace foxtrot;
using foxtrot_test::temporary_file;

TEST_CASE("survey: markets are told apart by the shape of each message") {
  const auto market = [](std::string_view payload) { return classify_captured(payload).market; };
  CHECK(market(R"({"u":1,"s":"BTCUSDT","b":"1.0","B":"2.0","a":"1.1","A":"3.0"})") == capture_market::spot);
  CHECK(market(R"({"e":"bookTicker","u":1,"s":"BTCUSDT","b":"1.0","B":"2.0","a":"1.1","A":"3.0","T":1,"E":2})") ==
        capture_market::usdm);
  CHECK(market(R"({"e":"depthUpdate","E":1,"s":"BTCUSDT","U":1,"u":2,"b":[],"a":[]})") == capture_market::spot);
  CHECK(market(R"({"e":"depthUpdate","E":1,"T":1,"s":"BTCUSDT","U":1,"u":2,"pu":0,"b":[],"a":[]})") ==
        capture_market::usdm);
  CHECK(market(R"({"e":"trade","E":1,"s":"BTCUSDT","t":1,"p":"1","q":"1","T":1,"m":true,"M":true})") ==
        capture_market::spot);
  CHECK(market(R"({"e":"trade","E":1,"T":1,"s":"BTCUSDT","t":1,"p":"1","q":"1","X":"MARKET","m":true})") ==
        capture_market::usdm);
  CHECK(market(R"({"result":null,"id":1})") == capture_market::unknown);
}

TEST_CASE("survey: the wrapper is taken off exactly") {
  const captured_message seen = classify_captured(R"({"stream":"a@trade","data":{"e":"trade","s":"A"}})");
  CHECK(seen.what == captured_message::kind::stream);
  CHECK(seen.stream == "a@trade");
  CHECK(seen.data == R"({"e":"trade","s":"A"})");
  CHECK(seen.symbol == "A");
  CHECK(classify_captured(R"({"stream":"a@trade","data")").what == captured_message::kind::other);
  CHECK(classify_captured(R"({"stream":"a)").what == captured_message::kind::other);
  CHECK(classify_captured("").what == captured_message::kind::other);
}

TEST_CASE("survey: counts, names, times and the snapshot's symbol") {
  const temporary_file file{
      "100 {\"lastUpdateId\":5,\"bids\":[],\"asks\":[]}\n"
      "101 "
      "{\"stream\":\"ethusdt@depth@100ms\",\"data\":{\"e\":\"depthUpdate\",\"E\":1,\"s\":\"ETHUSDT\",\"U\":6,\"u\":7}}"
      "\n"
      "102 "
      "{\"stream\":\"btcusdt@depth@100ms\",\"data\":{\"e\":\"depthUpdate\",\"E\":1,\"s\":\"BTCUSDT\",\"U\":6,\"u\":7}}"
      "\n"
      "103 {\"lastUpdateId\":6,\"bids\":[],\"asks\":[]}\n"
      "104 {\"u\":8,\"s\":\"BTCUSDT\",\"b\":\"1.0\",\"B\":\"2.0\",\"a\":\"1.1\",\"A\":\"3.0\"}\n"
      "105 {\"u\":9,\"s\":\"BTCUSDT\",\"b\":\"1.0\",\"B\":\"2.0\",\"a\":\"1.1\",\"A\":\"3.0\"}\n"
      "106 {\"result\":null,\"id\":1}\n"};
  const auto found = survey(file.path());
  REQUIRE(found.has_value());
  CHECK(found->market == capture_market::spot);
  CHECK(found->lines == 7);
  CHECK(found->other == 1);
  CHECK(found->first_ns == 100);
  CHECK(found->last_ns == 106);
  CHECK(found->symbols == std::vector<std::string>{"ETHUSDT", "BTCUSDT"});
  REQUIRE(found->streams.size() == 3);
  CHECK(found->streams[2].name == "btcusdt@bookTicker");
  CHECK(found->streams[2].messages == 2);
  REQUIRE(found->snapshots.size() == 2);
  CHECK(found->snapshots[0].line == 1);
  CHECK(found->snapshots[0].symbol == "ETHUSDT");
  CHECK(found->snapshots[1].line == 4);
  CHECK(found->snapshots[1].symbol == "BTCUSDT");
}

TEST_CASE("survey: a malformed line fails the survey") {
  const temporary_file file{"1 a\nb\n"};
  CHECK(survey(file.path()).error() == errc::bad_capture);
}

#ifdef FOXTROT_WITH_ZLIB
TEST_CASE("survey: recorded sessions are recognised") {
  const auto spot = foxtrot_test::capture_path("spot/ethusdt_20240808.txt.gz");
  const auto usdm = foxtrot_test::capture_path("usdm/btcusdt_20240808.txt.gz");
  if (!spot || !usdm) return;
  const auto eth = survey(*spot);
  REQUIRE(eth.has_value());
  CHECK(eth->market == capture_market::spot);
  CHECK(eth->lines == 33'618);
  CHECK(eth->streams.size() == 3);
  CHECK(eth->symbols == std::vector<std::string>{"ETHUSDT"});
  REQUIRE(eth->snapshots.size() == 1);
  CHECK(eth->snapshots[0].symbol == "ETHUSDT");
  const auto btc = survey(*usdm);
  REQUIRE(btc.has_value());
  CHECK(btc->market == capture_market::usdm);
  CHECK(btc->lines == 93'954);
  CHECK(btc->snapshots.size() == 1);
  CHECK(btc->other == 0);
}
#endif

}  // namespace
