// tests/feed/handover_test.cpp: an old line goes when the new one has everything that it had.
#include <foxtrot/feed/handover.hpp>
#include <foxtrot/feed/line_arbiter.hpp>
#include <foxtrot/feed/publisher.hpp>
#include <foxtrot/market/trade.hpp>

#include <catch2/catch.hpp>

#include <chrono>
#include <cstdint>

namespace {

using namespace std::chrono_literals;
using foxtrot::handover;
using foxtrot::line_id;
using foxtrot::steady_time;

struct two_lines {
  foxtrot::symbol_table symbols;
  foxtrot::publisher out{symbols};
  foxtrot::symbol_id btc{*symbols.intern("BTCUSDT")};
  foxtrot::symbol_id eth{*symbols.intern("ETHUSDT")};
  line_id old{out.lines().add_line(true)};
  line_id fresh{out.lines().add_line(false)};
  handover watch{out.lines(), {{foxtrot::numbering::trades, btc}, {foxtrot::numbering::trades, eth}}, 2s};
  steady_time now{};

  void trade(line_id from, foxtrot::symbol_id symbol, std::uint64_t id) {
    foxtrot::publisher::batch batch{out, from};
    auto& record = batch.begin().payload->emplace<foxtrot::trade_record>();
    record = {};
    record.trade_id = id;
    record.symbol = symbol;
    batch.publish({.kind = foxtrot::tick_kind::trade}, symbol);
  }
  [[nodiscard]] bool ready_after(std::chrono::milliseconds time, bool confirmed = true) {
    now += time;
    return watch.ready(old, fresh, confirmed, now);
  }
};

TEST_CASE("handover: both deliver for the whole overlap, however quiet they are") {
  two_lines l;
  CHECK_FALSE(l.ready_after(10s, false));
  CHECK_FALSE(l.ready_after(0ms));
  CHECK_FALSE(l.ready_after(1000ms));
  CHECK_FALSE(l.ready_after(999ms));
  CHECK(l.ready_after(1ms));
}

TEST_CASE("handover: a late look does not shorten it") {
  two_lines l;
  CHECK_FALSE(l.ready_after(0ms));
  CHECK_FALSE(l.ready_after(1min));
  CHECK_FALSE(l.ready_after(999ms));
  CHECK(l.ready_after(1ms));
}

TEST_CASE("handover: what the old line brings at last, the new one has to bring, too") {
  two_lines l;
  l.trade(l.old, l.btc, 7);  // before the new one had its streams: it need not have that
  CHECK_FALSE(l.ready_after(0ms));
  l.trade(l.old, l.btc, 8);  // may have been sent before
  CHECK_FALSE(l.ready_after(1000ms));
  l.trade(l.old, l.btc, 9);
  l.trade(l.old, l.eth, 5);
  CHECK_FALSE(l.ready_after(1000ms));
  l.trade(l.fresh, l.btc, 9);
  CHECK_FALSE(l.ready_after(5s));
  l.trade(l.old, l.btc, 11);  // what comes from now on does not count
  l.trade(l.fresh, l.eth, 5);
  CHECK(l.ready_after(0ms));
}

TEST_CASE("handover: it begins again where the new line loses its streams") {
  two_lines l;
  CHECK_FALSE(l.ready_after(0ms));
  CHECK_FALSE(l.ready_after(1500ms));
  CHECK_FALSE(l.ready_after(10ms, false));
  CHECK_FALSE(l.ready_after(0ms));
  CHECK_FALSE(l.ready_after(1000ms));
  CHECK_FALSE(l.ready_after(900ms));
  CHECK(l.ready_after(100ms));
}

TEST_CASE("handover: an old line that is lost holds nothing up") {
  two_lines l;
  CHECK_FALSE(l.ready_after(0ms));
  CHECK_FALSE(l.ready_after(1000ms));
  l.trade(l.old, l.btc, 9);
  l.out.line_lost(l.old);
  CHECK(l.ready_after(1000ms));
}

TEST_CASE("handover: streams that come and go do not make it begin again") {
  two_lines l;
  CHECK_FALSE(l.ready_after(0ms));
  CHECK_FALSE(l.ready_after(1000ms));
  l.trade(l.old, l.eth, 5);
  l.watch.follow({{foxtrot::numbering::depth, l.btc}, {foxtrot::numbering::trades, l.eth}});
  CHECK_FALSE(l.ready_after(1000ms));  // still waits for what stayed
  l.watch.follow({{foxtrot::numbering::depth, l.btc}});
  CHECK(l.ready_after(0ms));
}

}  // namespace
