// tests/market/detail/symbol_states_test.cpp: what a consumer has to be told, and when.
#include <foxtrot/market/detail/symbol_states.hpp>

#include <catch2/catch.hpp>

#include <foxtrot/market/subscription_settings.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace {

using namespace foxtrot;
using strings = std::vector<std::string>;

struct desk {
  explicit desk(strings names = {}) {
    subscription_settings wanted;
    wanted.symbols = std::move(names);
    states.emplace(board, detail::consumer_filter::make(wanted, symbols).value());
  }
  /// What is told before an event that was received at that time, each taken note of; 0: before nothing.
  strings news(std::int64_t received_ns) {
    strings all;
    tick_payload line;
    line.emplace<status_record>() = make_status(status_code::connected, received_ns);
    detail::waiting_event next;
    if (received_ns != 0) next.payload = &line;
    while (const auto told = states->news_before(next)) {
      tick_payload shown;
      shown.emplace<status_record>() = *told;
      states->note({&shown, detail::status_tag, {}});
      all.push_back(std::to_string(static_cast<int>(told->code)) + "/" +
                    std::to_string(static_cast<int>(told->symbol)));
      REQUIRE(all.size() < 100);
    }
    return all;
  }
  static std::string word(status_code code, symbol_id symbol = symbol_id::none) {
    return std::to_string(static_cast<int>(code)) + "/" + std::to_string(static_cast<int>(symbol));
  }

  symbol_table symbols;
  std::shared_ptr<detail::status_board> board = std::make_shared<detail::status_board>();
  std::optional<detail::symbol_states> states;
};

TEST_CASE("symbol_states: bad news is told at once, good news when the events before it have been passed") {
  desk d;
  CHECK(d.news(epoch_clock::now_ns() + 1).empty());
  CHECK(d.states->compared());
  d.board->note(make_status(status_code::fallback_started, 0));
  CHECK_FALSE(d.states->is_stale(symbol_id{5}));
  // a loss makes it look again
  tick_payload shown;
  shown.emplace<status_record>() = make_status(status_code::dropped, 0);
  d.states->note({&shown, detail::status_tag, {}});
  const std::int64_t begun = d.board->changed_ns();
  CHECK(d.news(begun) == strings{desk::word(status_code::fallback_started)});  // an older tick
  CHECK_FALSE(d.states->compared());
  CHECK(d.news(begun + 1).empty());
  CHECK(d.states->compared());

  d.board->note(make_status(status_code::fallback_ended, 0));
  d.states->note({&shown, detail::status_tag, {}});
  const std::int64_t ended = d.board->changed_ns();
  CHECK(d.news(ended).empty());  // its own event may still come
  CHECK(d.news(ended + 1) == strings{desk::word(status_code::fallback_ended)});
  CHECK(d.news(0).empty());
  CHECK(d.states->compared());
}

TEST_CASE("symbol_states: every symbol's number has a place of its own, the feed's among them") {
  desk d;
  strings expected{desk::word(status_code::fallback_started)};
  d.board->note(make_status(status_code::fallback_started, 0));
  for (const int number : {1, 63, 64, 65, 127, 4'000, 65'535}) {
    const symbol_id symbol{static_cast<std::uint16_t>(number)};
    if (static_cast<std::size_t>(number) / 64 >= detail::symbol_words) continue;
    d.board->note(make_symbol_status(status_code::stale, 0, symbol));
    CHECK(d.states->is_stale(symbol));
    expected.push_back(desk::word(status_code::stale, symbol));
  }
  tick_payload shown;
  shown.emplace<status_record>() = make_status(status_code::dropped, 0);
  d.states->note({&shown, detail::status_tag, {}});
  CHECK(d.news(0) == expected);
  d.board->note(make_status(status_code::fallback_ended, 0));
  d.states->note({&shown, detail::status_tag, {}});
  CHECK(d.news(0) == strings{desk::word(status_code::fallback_ended)});
}

}  // namespace
