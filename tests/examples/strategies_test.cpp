// tests/examples/strategies_test.cpp: the numbered examples as their reader runs them: what they find, arguments,
// signals.
#include <foxtrot/core/decimal.hpp>
#include <foxtrot/core/decimal_arithmetic.hpp>
#include <foxtrot/core/decimal_literals.hpp>

#include <support/program.hpp>
#include <support/sanitizer.hpp>

#include <catch2/catch.hpp>

#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using namespace foxtrot::literals;
using namespace std::chrono_literals;
using foxtrot::decimal;
using foxtrot::wide_decimal;
using foxtrot_test::bound;
using foxtrot_test::program;
using strings = std::vector<std::string>;

struct strategy {
  const char* name;
  const char* path;
  std::vector<strings> wrong;  // arguments that only it can get wrong
};

const std::vector<strategy>& strategies() {
  static const std::vector<strategy> all{
      {"print_ticks", FOXTROT_PRINT_TICKS, {}},
      {"micro_price", FOXTROT_MICRO_PRICE, {}},
      {"imbalance", FOXTROT_IMBALANCE, {{"--threshold", "0"}, {"--threshold", "1.01"}, {"--levels", "0"}}},
      {"triangular_arbitrage",
       FOXTROT_TRIANGULAR_ARBITRAGE,
       {{"--fee", "-1"}, {"--fee", "101"}, {"--fee", "0.00001"}, {"--fee", "cheap"}}},
      {"paper_market_maker", FOXTROT_PAPER_MARKET_MAKER, {{"--size", "0"}, {"--limit", "much"}, {"--fee", "-2"}}},
      {"many_strategies", FOXTROT_MANY_STRATEGIES, {{"--crash-after", "0"}, {"--crash-after", "1.5"}}},
      {"http_fallback", FOXTROT_HTTP_FALLBACK, {{"--venue", "binance"}}},
  };
  return all;
}

/// The word that stands before this text where it stands last.
std::string word_before(const std::string& output, std::string_view text) {
  INFO(output);
  INFO(text);
  const std::size_t end = output.rfind(text);
  REQUIRE(end != std::string::npos);
  const std::size_t begin = output.find_last_of(" \n", end - 1);
  return output.substr(begin + 1, end - begin - 1);
}
std::uint64_t number_before(const std::string& output, std::string_view text) {
  return std::stoull(word_before(output, text));
}
/// The number that stands behind the last such text, up to what cannot be part of it.
decimal decimal_after(std::string_view output, std::string_view text) {
  INFO(output);
  INFO(text);
  const std::size_t at = output.rfind(text);
  REQUIRE(at != std::string_view::npos);
  output.remove_prefix(at + text.size());
  const auto value = decimal::parse(output.substr(0, output.find_first_not_of("-.0123456789")));
  REQUIRE(value);
  return *value;
}

/// Until it has said this, and then Ctrl-C.
void run_until(program& run, std::string_view text) {
  REQUIRE(run.until_output(text));
  run.signal(SIGINT);
  REQUIRE(run.wait() == 0);
  CHECK(run.errors().empty());
}

TEST_CASE("print_ticks: prints ticks, and what happens to the stream") {
  program run{FOXTROT_PRINT_TICKS, {"--fault", "500ms reset"}};
  REQUIRE(run.until_output("-- connected\n", 2));
  run_until(run, "BTCUSDT  sold ");
  CHECK(number_before(run.output(), " quotes and") > 0);
  CHECK(number_before(run.output(), " trades in") > 0);
  CHECK(number_before(run.output(), " connections;") == 2);
  CHECK(number_before(run.output(), " events lost") == 0);
  for (const char* told : {"-- disconnected: ", "-- reconnecting, attempt ", "BTCUSDT  bought "})
    CHECK(run.output().find(told) != std::string::npos);
}

TEST_CASE("print_ticks: --seconds ends it") {
  program run{FOXTROT_PRINT_TICKS, {"--seconds", "1"}};
  REQUIRE(run.wait() == 0);
  CHECK(run.errors().empty());
  CHECK(decimal_after(run.output(), " trades in ") >= "1"_dec);
  CHECK(number_before(run.output(), " quotes and") > 0);
  CHECK(number_before(run.output(), " connections;") == 1);
}

TEST_CASE("micro_price: each symbol has a spread, and the micro-price a record") {
  program run{FOXTROT_MICRO_PRICE, {"--seconds", "2.5"}};
  REQUIRE(run.wait() == 0);
  CHECK(run.errors().empty());
  for (const std::string symbol : {"BTCUSDT", "ETHUSDT", "SOLUSDT"}) {
    const std::string summary = run.output().substr(run.output().rfind("\n" + symbol + ": ") + 1);
    CHECK(number_before(summary.substr(0, summary.find(" quotes") + 7), " quotes") > 10);
    CHECK(run.output().find("\n" + symbol + "  ") != std::string::npos);  // a line a second
  }
  CHECK(decimal_after(run.output(), "quotes, spread ") >= "0.01"_dec);
}

TEST_CASE("imbalance: a book that is lost gets its snapshot, and is right at the end") {
  // The market goes on while nothing of it is sent: the next update shows a hole.
  program run{FOXTROT_IMBALANCE, {"--threshold", "0.2", "--fault", "1s mute for 500ms"}};
  run_until(run, "-- resynchronised BTCUSDT");
  const std::string& output = run.output();
  const std::size_t lost = output.find("   the book is lost\n");
  CHECK(output.find("-- gap BTCUSDT ") < output.size());
  CHECK(output.find("   the book is right\n", lost) < output.size());
  CHECK(number_before(output, " updates of the book") > 5);
  CHECK(number_before(output.substr(0, output.rfind(" snapshots")), " times, ") >= 1);
  CHECK(number_before(output, " snapshots asked for, right at the end\n") >= 1);
}

TEST_CASE("triangular_arbitrage: finds chances where trades are free, and none where they cost all") {
  program free{FOXTROT_TRIANGULAR_ARBITRAGE, {"--fee", "0"}};
  run_until(free, "USDT > ");
  CHECK(number_before(free.output(), " chances by BTC") + number_before(free.output(), " by ETH,") > 0);
  CHECK(decimal_after(free.output(), "the best: ") > "0"_dec);

  program dear{FOXTROT_TRIANGULAR_ARBITRAGE, {"--fee", "100", "--seconds", "2"}};
  REQUIRE(dear.wait() == 0);
  CHECK(dear.errors().empty());
  CHECK(number_before(dear.output(), " looks,") > number_before(dear.output(), " of them in vain"));
  CHECK(number_before(dear.output(), " chances by BTC") == 0);
  CHECK(number_before(dear.output(), " by ETH,") == 0);
}

TEST_CASE("triangular_arbitrage: no trip is taken on a quote that has gone stale") {
  program run{FOXTROT_TRIANGULAR_ARBITRAGE, {"--fee", "0", "--fault", "500ms silence ethbtc@bookTicker for 3s"}};
  run_until(run, "-- fresh ETHBTC");
  const std::size_t stale = run.output().find("-- stale ETHBTC");
  const std::size_t fresh = run.output().find("-- fresh ETHBTC");
  REQUIRE(stale < fresh);
  CHECK(run.output().substr(stale, fresh - stale).find("USDT > ") == std::string::npos);
  CHECK(number_before(run.output(), " of them in vain") > 0);
}

TEST_CASE("paper_market_maker: fills both ways, never beyond its limit, and counts to the last digit") {
  program run{FOXTROT_PAPER_MARKET_MAKER, {"--size", "0.02", "--limit", "0.03", "--fee", "0.01"}};
  REQUIRE(run.until_output("bought "));
  run_until(run, "sold ");
  const std::string& output = run.output();
  const std::size_t summary = output.rfind("\n\n");
  REQUIRE(summary != std::string::npos);
  CHECK(number_before(output, " bought, ") > 0);
  CHECK(number_before(output, " sold; position") > 0);
  std::size_t fills = 0;
  for (std::size_t at = output.find("  position "); at < summary; at = output.find("  position ", at + 1), ++fills) {
    const decimal position = decimal_after(output.substr(at, output.find("  realised", at) - at), "  position ");
    CHECK(position <= "0.03"_dec);
    CHECK(position >= "-0.03"_dec);
  }
  CHECK(fills >= 2);
  CHECK(decimal_after(output, "never beyond ") <= "0.03"_dec);
  const auto before_fees = add(decimal_after(output, "\nrealised "), decimal_after(output, ", open "));
  REQUIRE(before_fees);
  const auto profit = subtract(*before_fees, decimal_after(output, ", fees "));
  REQUIRE(profit);
  CHECK(decimal::parse(word_before(output, " USDT\n")).value_or(decimal{}) == *profit);
}

TEST_CASE("paper_market_maker: pulls its quotes when the connection is lost") {
  program run{FOXTROT_PAPER_MARKET_MAKER, {"--fault", "1s reset"}};
  run_until(run, "-- disconnected");
  CHECK(number_before(run.output(), " times\n") >= 1);
}

TEST_CASE("many_strategies: one crashes and is started again, the others lose nothing") {
  program run{FOXTROT_MANY_STRATEGIES, {"--crash-after", "20"}};
  run_until(run, "-- fragile restarted");
  const std::string& output = run.output();
  CHECK(output.find("-- fragile crashed: did not expect trade ") != std::string::npos);
  CHECK(number_before(output, " crashes mended") >= 1);
  for (const std::string name : {"counter", "volume", "fragile"}) {
    INFO(output);
    const std::size_t at = output.rfind("\n" + name + " ");
    REQUIRE(at != std::string::npos);
    const std::string line = output.substr(at + 1, output.find('\n', at + 1) - at - 1);
    if (name == "fragile") {
      CHECK(number_before(line, " lives,") >= 2);
      continue;
    }
    CHECK(number_before(line, " lives,") == 1);
    CHECK(number_before(line, " trades of") >= 20);
    CHECK(number_before(line, " missed,") == 0);
    CHECK(number_before(line, " events lost") == 0);
  }
}

TEST_CASE("many_strategies: past all patience the whole program ends in order") {
  program run{FOXTROT_MANY_STRATEGIES, {"--crash-after", "1"}};
  CHECK(run.wait() == 0);
  CHECK(run.errors().empty());
  CHECK(run.output().find("-- fragile failed: ") != std::string::npos);
  CHECK(number_before(run.output(), " crashes mended") >= 20);
}

TEST_CASE("http_fallback: ticks go on over HTTP while WebSocket is refused, and come back") {
  program run{FOXTROT_HTTP_FALLBACK, {}};
  REQUIRE(run.until_output("ticks come by http"));
  run_until(run, "-- fallback_ended");
  const std::string& output = run.output();
  CHECK(output.find("-- fallback_started") < output.find("ticks come by http"));
  CHECK(number_before(output, " ticks by websocket") > 0);
  CHECK(number_before(output, " by http;") > 0);
  CHECK(number_before(output, " fallbacks began") == 1);
  CHECK(number_before(output, " ended;") == 1);
}

TEST_CASE("strategies: --help explains, wrong arguments get the usage and status 2") {
  for (const strategy& each : strategies()) {
    INFO(each.name);
    program help{each.path, {"--help"}};
    CHECK(help.wait() == 0);
    CHECK(help.output().starts_with(std::string{each.name} + ": "));
    CHECK(help.errors().empty());
    std::vector<strings> wrong{{"--nonsense"},
                               {"nonsense"},
                               {""},
                               {"--seconds"},
                               {"--seconds", "0"},
                               {"--seconds", "nan"},
                               {"--seconds", "1 "},
                               {"--fault", "2s"},
                               {"--fault", "2s nonsense"},
                               {"--venue", "moon"},
                               {"--seconds", "1", ""},
                               {"--fault", ""},
                               {"--fault", "1s reset\n2s reset"}};
    wrong.insert(wrong.end(), each.wrong.begin(), each.wrong.end());
    for (const strings& arguments : wrong) {
      std::string line;
      for (const std::string& word : arguments) line += word + ' ';
      INFO(line);
      program run{each.path, arguments};
      CHECK(run.wait() == 2);
      CHECK(run.output().empty());
      CHECK(run.errors().starts_with(std::string{each.name} + ": "));
      CHECK(run.errors().ends_with(help.output().substr(help.output().find("  --seconds"))));
    }
  }
}

TEST_CASE("strategies: Ctrl-C ends each of them cleanly, whenever it comes", "[alone]") {
  const auto interrupt = [](program& run) {
    const auto before = std::chrono::steady_clock::now();
    run.signal(SIGINT);
    CHECK(run.wait() == 0);
    CHECK(std::chrono::steady_clock::now() - before < bound(3s));
    CHECK(run.errors().empty());
  };
  for (const strategy& each : strategies()) {
    INFO(each.name);
    SECTION(std::string{each.name} + ", just started") {
      for (int i = 0; i < 5; ++i) {
        program run{each.path, {}};
        REQUIRE(run.until_guarded());
        interrupt(run);
        CHECK(run.output().ends_with('\n'));
      }
    }
    SECTION(std::string{each.name} + ", when its first threads are there") {
      program run{each.path, {}};
      REQUIRE(run.until_threads(6));
      interrupt(run);
    }
    SECTION(std::string{each.name} + ", in the middle of an outage") {
      if (std::string_view{each.name} == "many_strategies") continue;  // tells of its threads alone
      program run{each.path, {"--fault", "200ms upgrade 503 retry-after 5 for 60s", "--fault", "200ms reset"}};
      REQUIRE(run.until_output("-- disconnected"));
      interrupt(run);
    }
  }
}

}  // namespace
