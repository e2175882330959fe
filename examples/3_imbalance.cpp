// examples/3_imbalance.cpp: a signal from the weight of both sides of an order book that the strategy keeps itself.
#include "support/describe.hpp"
#include "support/imbalance.hpp"
#include "support/session.hpp"

#include <foxtrot/foxtrot.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>

namespace {

using namespace foxtrot::literals;

struct choice {
  foxtrot::decimal threshold{"0.5"_dec};
  std::size_t levels{5};
};

constexpr const char* symbol = "BTCUSDT";

class imbalance_signal {
 public:
  imbalance_signal(foxtrot::binance::market_data& feed, const choice& chosen) : feed_{feed}, chosen_{chosen} {}

  void on(const foxtrot::event& told) {
    const auto now = told.received().time_since_epoch();
    told.visit([&](const foxtrot::depth_update& update) { after(book_.on_diff(update, now), now); },
               [&](const foxtrot::depth_snapshot& snapshot) { after(book_.on_snapshot(snapshot, now), now); },
               [this](const foxtrot::status& status) { on_status(status); });
  }

  void print_summary() const {
    std::printf("\n%llu updates of the book, lost %llu times, %llu snapshots asked for, %s at the end\n",
                number(updates_), number(losses_), number(asked_), is_live() ? "right" : "not right");
    std::printf("%llu signals up, %llu down; the middle went along %llu times, against them %llu times\n",
                number(signals_[1]), number(signals_[2]), number(along_), number(against_));
  }

 private:
  [[nodiscard]] static unsigned long long number(std::uint64_t value) { return value; }
  [[nodiscard]] bool is_live() const { return book_.state() == foxtrot::book_state::live; }

  // The synchroniser knows what follows what; we do what it asks for.
  void after(const foxtrot::book_action& action, std::chrono::nanoseconds now) {
    if (action.lost) {
      ++losses_;
      end_signal();  // before the first look at a book that may be wrong
      std::puts("   the book is lost");
    }
    if (action.request_snapshot) {
      ++asked_;
      // It comes among the updates, in its place.
      if (feed_.request_snapshot(symbol)) (void)book_.on_snapshot_failed(now);
    }
    if (action.resynchronised) std::puts("   the book is right");
    if (action.input != foxtrot::book_action::outcome::applied || !is_live()) return;
    ++updates_;
    decide();
  }

  void decide() {
    const auto pressure = example::pressure::of(book_.book(), chosen_.levels);
    const example::lean now = pressure.leans(chosen_.threshold);
    if (now == signal_) return;
    end_signal();
    if (now == example::lean::none) return;
    signal_ = now;
    began_at_ = middle();
    ++signals_[static_cast<std::size_t>(now)];
    std::printf("%s  %s: %s to %s at the best %zu levels, imbalance %+.2f; middle %s\n", symbol,
                now == example::lean::up ? "up" : "down", pressure.bids.str().c_str(), pressure.asks.str().c_str(),
                chosen_.levels, pressure.imbalance(), began_at_ ? began_at_->str().c_str() : "?");
  }

  void end_signal() {
    const auto now = middle();
    if (signal_ != example::lean::none && is_live() && now && began_at_ && *now != *began_at_)
      ++((*now > *began_at_) == (signal_ == example::lean::up) ? along_ : against_);
    signal_ = example::lean::none;
  }

  [[nodiscard]] std::optional<foxtrot::wide_decimal> middle() const {
    const auto bid = book_.book().best_bid();
    const auto ask = book_.book().best_ask();
    if (!bid || !ask) return std::nullopt;
    return example::middle(bid->price, ask->price);
  }

  void on_status(const foxtrot::status& status) {
    std::puts(example::describe(status).c_str());
    switch (status.code()) {
      case foxtrot::status_code::gap:
        // Missing ids the synchroniser sees for itself; a new numbering only the feed can know of at once.
        if (status.reason() == foxtrot::gap_reason::renumbered) book_.reset();
        [[fallthrough]];
      case foxtrot::status_code::disconnected:
      case foxtrot::status_code::stale:
      case foxtrot::status_code::dropped: signal_ = example::lean::none; break;  // until the next update that fits
      default: break;
    }
  }

  foxtrot::binance::market_data& feed_;
  const choice& chosen_;
  foxtrot::book_synchroniser book_;
  example::lean signal_{example::lean::none};
  std::optional<foxtrot::wide_decimal> began_at_;  // the middle then
  std::uint64_t updates_{0};
  std::uint64_t losses_{0};
  std::uint64_t asked_{0};
  std::array<std::uint64_t, 3> signals_{};  // by lean
  std::uint64_t along_{0};
  std::uint64_t against_{0};
};

void imbalance(example::session& market, const choice& chosen) {
  foxtrot::binance::market_data feed{market.settings({"btcusdt@depth@100ms"})};
  const auto part = foxtrot::add_feed(market.end(), "feed", feed);
  auto ticks = feed.subscribe();
  market.connect(feed);

  imbalance_signal strategy{feed, chosen};
  for (const foxtrot::event& told : ticks.until(market.stop_token())) strategy.on(told);
  strategy.print_summary();
}

}  // namespace

int main(int argc, char** argv) {
  choice chosen;
  example::description what{.name = "imbalance",
                            .about = "a signal where one side of the order book of BTCUSDT outweighs the other."};
  what.options = {
      {"--threshold", "0.5", "an imbalance from here on is a signal: 0.01 to 1",
       [&chosen](std::string_view text) { return example::read_decimal(text, "0.01"_dec, "1"_dec, chosen.threshold); }},
      {"--levels", "5", "how many levels of each side are weighed", [&chosen](std::string_view text) {
         return example::read_number(text, std::size_t{1}, std::size_t{1000}, chosen.levels);
       }}};
  return example::run(what, argc, argv, [&chosen](example::session& market) { imbalance(market, chosen); });
}
