// foxtrot/sim/generator_source.hpp: a generated market, told in real time.
#pragma once

#include <foxtrot/core/clock.hpp>
#include <foxtrot/core/live_object.hpp>
#include <foxtrot/market/kline_interval.hpp>
#include <foxtrot/net/asio.hpp>
#include <foxtrot/net/timer_queue.hpp>
#include <foxtrot/sim/exchange_settings.hpp>
#include <foxtrot/sim/exchange_target.hpp>
#include <foxtrot/sim/exchange_truth.hpp>
#include <foxtrot/sim/market_generator.hpp>
#include <foxtrot/sim/market_json.hpp>
#include <foxtrot/sim/market_source.hpp>
#include <foxtrot/sim/rest_json.hpp>
#include <foxtrot/sim/sent_log.hpp>
#include <foxtrot/sim/stream_hub.hpp>
#include <foxtrot/sim/symbol_history.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <unordered_map>
#include <utility>
#include <vector>

namespace foxtrot::inline v0 {

/// Paces a generator by the wall clock: wakes at most once a millisecond and sends what is due, the whole of a burst at
/// once. Texts are written only for streams that somebody wants, once per time unit.
class generator_source final : public market_source, private live_object<generator_source> {
 public:
  /// `log`: null where nobody wants to know.
  explicit generator_source(generator_settings settings, sent_log* log = nullptr)
      : generator_{std::move(settings)}, log_{log}, specs_{generator_.symbols().begin(), generator_.symbols().end()} {
    for (const symbol_spec& spec : specs_) {
      json_.emplace_back(generator_.market(), spec);
      rest_.emplace_back(generator_.market(), spec);
      history_.emplace_back(generator_.market(), spec);
      const std::string lower = spec.lower_name();
      for (const channel& each : channels) {
        by_name_.emplace(lower + '@' + std::string{each.name}, names_.size());
        names_.push_back(lower + '@' + std::string{each.name});
      }
    }
  }

  [[nodiscard]] std::size_t stream_count() const noexcept override { return names_.size(); }

  [[nodiscard]] std::optional<std::size_t> find_stream(std::string_view name, stream_route route) const override {
    const auto found = by_name_.find(std::string{name});
    if (found == by_name_.end()) return std::nullopt;
    const channel& wanted = channels[found->second % channels.size()];
    const bool spot = generator_.market() == sim_market::spot;
    if (spot && wanted.kind == sim_message::mark_price) return std::nullopt;
    return serves(route, wanted.kind) ? std::optional{found->second} : std::nullopt;
  }

  [[nodiscard]] task<> run(timer_queue& timers, stream_hub& hub) override {
    generator_.sleep(std::chrono::nanoseconds{epoch_clock::now_ns() - generator_.next_at()});
    while (true) {
      const std::int64_t now = epoch_clock::now_ns();
      const std::int64_t behind = now - generator_.next_at();
      // a machine that was asleep must not make up for it in one flood
      if (paused_ || behind > most_behind_ns)
        generator_.sleep(std::chrono::nanoseconds{std::max<std::int64_t>(behind, 0)});
      std::size_t told = 0;
      while (!paused_ && told < most_at_once && generator_.next_at() <= now + burst_ns) {
        const market_event& event = generator_.next();
        history_[event.symbol].add(event);
        truth_.note(event);
        if (log_ != nullptr && event.what == event_kind::book_ticker)
          log_->add(names_[event.symbol * channels.size() + quotes], event.update_id, 0);
        tell(hub, event);
        ++told;
      }
      hub.flush();
      const auto until_next = std::chrono::nanoseconds{generator_.next_at() - epoch_clock::now_ns()};
      const auto wait = std::max<std::chrono::nanoseconds>(until_next, tick);
      const std::error_code error = co_await timers.sleep_for(wait);
      if (error) co_return;
    }
  }

  void pause(bool paused) override { paused_ = paused; }
  [[nodiscard]] exchange_truth truth() const override { return truth_.look(); }
  void lose_depth_update(std::string_view symbol) override {
    for (std::size_t i = 0; i < specs_.size(); ++i) {
      if (specs_[i].name == symbol) to_lose_[i] = true;
    }
  }

  [[nodiscard]] const std::vector<symbol_spec>& symbols() const noexcept override { return specs_; }
  [[nodiscard]] task<std::string> snapshot(timer_queue&, std::size_t symbol, std::size_t limit) override {
    std::string body;
    json_[symbol].snapshot(body, generator_.book(symbol), limit, epoch_clock::now_ns());
    co_return body;
  }
  [[nodiscard]] std::string book_ticker(std::size_t symbol) override {
    std::string body;
    json_[symbol].rest_book_ticker(body, generator_.book(symbol), epoch_clock::now_ns());
    return body;
  }
  [[nodiscard]] std::string trades(std::size_t symbol, std::optional<std::uint64_t> first_id,
                                   std::size_t limit) override {
    std::string body;
    rest_[symbol].trades(body, history_[symbol], first_id, limit);
    return body;
  }
  [[nodiscard]] std::string aggregate_trades(std::size_t symbol, std::optional<std::uint64_t> first_id,
                                             std::size_t limit) override {
    std::string body;
    rest_[symbol].aggregate_trades(body, history_[symbol], first_id, limit);
    return body;
  }
  [[nodiscard]] std::string ticker(std::size_t symbol, bool mini) override {
    std::string body;
    rest_[symbol].ticker(body, history_[symbol], generator_.book(symbol), epoch_clock::now_ns(), mini);
    return body;
  }
  [[nodiscard]] std::string klines(std::size_t symbol, kline_interval interval, std::size_t limit) override {
    std::string body;
    const candle_series& series = history_[symbol].candles(interval, epoch_clock::now_ns());
    rest_[symbol].klines(body, history_[symbol], series, limit);
    return body;
  }
  [[nodiscard]] std::string average_price(std::size_t symbol) override {
    std::string body;
    rest_[symbol].average_price(body, history_[symbol], epoch_clock::now_ns());
    return body;
  }
  [[nodiscard]] std::string mark_price(std::size_t symbol) override {
    std::string body;
    rest_[symbol].mark_price(body, generator_.book(symbol), epoch_clock::now_ns());
    return body;
  }

 private:
  using event_kind = market_event::kind;
  struct channel {
    std::string_view name;
    event_kind event;
    sim_message kind;
    std::size_t levels;  // of a partial book; 0 where it is none
  };

  static constexpr std::array<channel, 15> channels{{
      {"bookTicker", event_kind::book_ticker, sim_message::book_ticker, 0},
      {"trade", event_kind::trade, sim_message::trade, 0},
      {"aggTrade", event_kind::trade, sim_message::agg_trade, 0},
      {"depth@100ms", event_kind::depth, sim_message::depth, 0},
      {"depth5@100ms", event_kind::depth, sim_message::depth, 5},
      {"depth10@100ms", event_kind::depth, sim_message::depth, 10},
      {"depth20@100ms", event_kind::depth, sim_message::depth, 20},
      {"depth", event_kind::depth_slow, sim_message::depth, 0},
      {"depth@1000ms", event_kind::depth_slow, sim_message::depth, 0},
      {"depth5", event_kind::depth_slow, sim_message::depth, 5},
      {"depth10", event_kind::depth_slow, sim_message::depth, 10},
      {"depth20", event_kind::depth_slow, sim_message::depth, 20},
      {"markPrice", event_kind::mark_price, sim_message::mark_price, 0},
      {"markPrice@1s", event_kind::mark_price, sim_message::mark_price, 0},
      {"depth@0ms", event_kind::depth, sim_message::depth, 0},
  }};
  static constexpr std::size_t quotes = 0;  // of these
  static constexpr std::chrono::nanoseconds tick = std::chrono::milliseconds{1};
  static constexpr std::int64_t burst_ns = 100'000;  // what comes so soon belongs to the burst that is due
  static constexpr std::int64_t most_behind_ns = 500'000'000;
  static constexpr std::size_t most_at_once = 20'000;  // then the loop has its turn

  void tell(stream_hub& hub, const market_event& event) {
    bool lost = false;
    for (std::size_t i = 0; i < channels.size(); ++i) {
      if (channels[i].event != event.what) continue;
      const std::size_t stream = event.symbol * channels.size() + i;
      if (!hub.wanted(stream)) continue;
      const bool update = channels[i].kind == sim_message::depth && channels[i].levels == 0;
      lost = lost || (update && to_lose_[event.symbol]);
      if (!update || !to_lose_[event.symbol]) tell(hub, event, channels[i], stream);
    }
    if (lost) to_lose_[event.symbol] = false;
  }

  void tell(stream_hub& hub, const market_event& event, const channel& through, std::size_t stream) {
    for (std::string& text : texts_) text.clear();
    for (stream_subscriber* who : hub.subscribers(stream)) {
      std::string& text = texts_[static_cast<std::size_t>(who->unit())];
      if (text.empty()) write(text, event, through, who->unit());
      who->message(through.kind, names_[stream], text);
      hub.mark(*who);
    }
  }

  void write(std::string& text, const market_event& event, const channel& through, time_unit unit) const {
    const market_json& json = json_[event.symbol];
    switch (through.kind) {
      case sim_message::book_ticker: return json.book_ticker(text, event, unit);
      case sim_message::trade: return json.trade(text, event, unit);
      case sim_message::agg_trade: return json.agg_trade(text, event, unit);
      case sim_message::mark_price: return json.mark_price(text, event, unit);
      case sim_message::depth:
      case sim_message::other: break;
    }
    if (through.levels == 0) return json.depth(text, event, unit);
    json.partial_depth(text, event, generator_.book(event.symbol), through.levels, unit);
  }

  market_generator generator_;
  sent_log* log_;
  detail::truth_keeper truth_{generator_};
  std::vector<symbol_spec> specs_;
  std::vector<market_json> json_;  // by symbol
  std::vector<rest_json> rest_;    // likewise
  std::vector<symbol_history> history_;
  std::vector<std::string> names_;  // by stream
  std::unordered_map<std::string, std::size_t> by_name_;
  std::array<std::string, 2> texts_;                              // by time unit, of the message being told
  std::vector<bool> to_lose_ = std::vector<bool>(specs_.size());  // by symbol: its next depth update
  bool paused_{false};
};

}  // namespace foxtrot::inline v0
