// foxtrot/sim/capture_replay.hpp: a capture played to the clients of a simulated exchange, exactly as it was recorded.
#pragma once

#include <foxtrot/capture/reader.hpp>
#include <foxtrot/capture/survey.hpp>
#include <foxtrot/core/clock.hpp>
#include <foxtrot/core/live_object.hpp>
#include <foxtrot/core/result.hpp>
#include <foxtrot/net/asio.hpp>
#include <foxtrot/net/async_event.hpp>
#include <foxtrot/net/timer_queue.hpp>
#include <foxtrot/sim/exchange_settings.hpp>
#include <foxtrot/sim/exchange_target.hpp>
#include <foxtrot/sim/market_source.hpp>
#include <foxtrot/sim/stream_hub.hpp>
#include <foxtrot/sim/symbol_spec.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <unordered_map>
#include <utility>
#include <vector>

namespace foxtrot::inline v0 {

/// Plays while anybody is subscribed to one of its streams, and starts with the first who is. Never outruns its slowest
/// client. A snapshot line becomes the body of depth requests for its symbol; a request that comes before it waits.
class capture_replay final : public market_source, private live_object<capture_replay> {
 public:
  /// Reads the capture once, to know its streams. Its errors, or errc::bad_capture where it has no market data.
  [[nodiscard]] static result<std::unique_ptr<capture_replay>> open(replay_settings settings,
                                                                    detail::exchange_counters& counters) {
    auto contents = survey(settings.path);
    if (!contents) return contents.error();
    if (contents->streams.empty()) return errc::bad_capture;
    return std::unique_ptr<capture_replay>{
        new capture_replay{std::move(settings), std::move(contents).value(), counters}};
  }

  [[nodiscard]] const capture_survey& contents() const noexcept { return contents_; }

  [[nodiscard]] std::size_t stream_count() const noexcept override { return contents_.streams.size(); }
  [[nodiscard]] std::optional<std::size_t> find_stream(std::string_view name, stream_route route) const override {
    const auto found = by_name_.find(name);
    if (found == by_name_.end() || !serves(route, kinds_[found->second])) return std::nullopt;
    return found->second;
  }
  [[nodiscard]] const std::vector<symbol_spec>& symbols() const noexcept override { return symbols_; }

  [[nodiscard]] task<> run(timer_queue& timers, stream_hub& hub) override {
    hub_ = &hub;
    auto reader = capture_reader::open(settings_.path);
    steady_time origin = timers.now();  // when the first line would have been due
    std::size_t unflushed = 0;
    capture_record record;
    while (reader && reader->next(record)) {
      const std::int64_t offset = since_start(record.received_ns);
      if (paused_ || !hub.anybody()) {
        hub.flush();
        while (paused_ || !hub.anybody()) {
          if (const std::error_code error = co_await hub.changed().wait()) co_return;
        }
        origin = timers.now() - std::chrono::nanoseconds{offset};
      }
      const steady_time due = origin + std::chrono::nanoseconds{offset};
      if (due - timers.now() > close_together) {
        hub.flush();
        unflushed = 0;
        if (const std::error_code error = co_await timers.sleep_until(due)) co_return;
      }
      play(record.payload, reader->line());
      unflushed += record.payload.size();
      if (unflushed < batch) continue;
      unflushed = 0;
      std::size_t held = hub.flush();
      while (held > most_held) {
        if (const std::error_code error = co_await hub.changed().wait()) co_return;
        held = hub.most_unsent();
      }
      co_await asio::post(timers.context().get_executor(), use_task);  // clients want to be read, too
    }
    hub.flush();
    if (!reader || reader->error()) counters_->replay_failed.add();
    counters_->replay_finished.add();
  }

  void pause(bool paused) override {
    paused_ = paused;
    if (hub_ != nullptr) hub_->changed().notify();
  }

  [[nodiscard]] task<std::string> snapshot(timer_queue& timers, std::size_t symbol, std::size_t) override {
    const bool comes = std::any_of(contents_.snapshots.begin(), contents_.snapshots.end(),
                                   [&](const auto& line) { return line.symbol == symbols_[symbol].name; });
    const steady_time until = timers.now() + settings_.snapshot_patience;
    while (comes && snapshots_[symbol].empty()) {
      async_event reached{timers.context()};
      const registration here{waiting_, reached};
      const timer limit = timers.call_at(until, [&reached] { reached.notify(errc::timeout); });
      if (const std::error_code error = co_await reached.wait()) break;
    }
    co_return snapshots_[symbol];
  }

  [[nodiscard]] std::string book_ticker(std::size_t symbol) override {
    const std::string& last = quotes_[symbol];
    if (last.empty()) return {};
    std::string body = "{\"symbol\":\"" + symbols_[symbol].name;
    using keys = std::pair<std::string_view, std::string_view>;
    for (const auto& [from, to] : {keys{"\"b\":\"", "bidPrice"}, keys{"\"B\":\"", "bidQty"},
                                   keys{"\"a\":\"", "askPrice"}, keys{"\"A\":\"", "askQty"}})
      body.append("\",\"").append(to).append("\":\"").append(detail::text_after(last, from));
    return body + "\"}";
  }

 private:
  static constexpr std::chrono::microseconds close_together{100};  // lines so near leave in one write
  static constexpr std::size_t batch = std::size_t{64} << 10U;
  static constexpr std::size_t most_held = std::size_t{256} << 10U;

  /// A depth request that waits, for as long as it does.
  struct registration {
    registration(std::vector<async_event*>& list, async_event& event) : waiting{list}, reached{event} {
      waiting.push_back(&reached);
    }
    registration(const registration&) = delete;
    registration& operator=(const registration&) = delete;
    ~registration() { std::erase(waiting, &reached); }

    std::vector<async_event*>& waiting;
    async_event& reached;
  };

  capture_replay(replay_settings settings, capture_survey contents, detail::exchange_counters& counters)
      : settings_{std::move(settings)}, contents_{std::move(contents)}, counters_{&counters} {
    for (const capture_survey::stream_count& stream : contents_.streams) {
      by_name_.emplace(stream.name, kinds_.size());
      kinds_.push_back(kind_of(stream.name));
    }
    for (const std::string& name : contents_.symbols) {
      symbols_.emplace_back();
      symbols_.back().name = name;
    }
    snapshots_.resize(symbols_.size());
    quotes_.resize(symbols_.size());
  }

  [[nodiscard]] static sim_message kind_of(std::string_view stream) noexcept {
    const std::string_view channel = stream.substr(std::min(stream.find('@'), stream.size() - 1) + 1);
    if (channel == "bookTicker") return sim_message::book_ticker;
    if (channel == "trade") return sim_message::trade;
    if (channel == "aggTrade") return sim_message::agg_trade;
    if (channel.starts_with("depth")) return sim_message::depth;
    return channel.starts_with("markPrice") ? sim_message::mark_price : sim_message::other;
  }

  /// Nanoseconds after the first line, in replayed time.
  [[nodiscard]] std::int64_t since_start(std::int64_t received_ns) const noexcept {
    if (settings_.speed <= 0) return 0;
    return static_cast<std::int64_t>(static_cast<double>(received_ns - contents_.first_ns) / settings_.speed);
  }

  void play(std::string_view payload, std::uint64_t line) {
    counters_->replayed_lines.add();
    captured_message message = unwrap_captured(payload);
    if (message.what == captured_message::kind::snapshot) return keep_snapshot(payload, line);
    std::string implied;
    if (!message.combined) {
      message = classify_captured(payload);
      if (message.what != captured_message::kind::stream) return;
      implied = stream_of(message);
      message.stream = implied;
    }
    const auto found = by_name_.find(message.stream);
    if (found == by_name_.end()) return;
    const sim_message kind = kinds_[found->second];
    if (kind == sim_message::book_ticker) keep_quote(message.data);
    for (stream_subscriber* who : hub_->subscribers(found->second)) {
      who->message(kind, message.stream, message.data);
      hub_->mark(*who);
    }
  }

  void keep_snapshot(std::string_view body, std::uint64_t line) {
    while (next_snapshot_ < contents_.snapshots.size() && contents_.snapshots[next_snapshot_].line < line)
      ++next_snapshot_;
    if (next_snapshot_ == contents_.snapshots.size() || contents_.snapshots[next_snapshot_].line != line) return;
    const std::string& name = contents_.snapshots[next_snapshot_].symbol;
    if (const auto symbol = number_of(name)) snapshots_[*symbol] = body;
    for (async_event* reached : waiting_) reached->notify();
  }

  void keep_quote(std::string_view data) {
    if (const auto symbol = number_of(detail::text_after(data.substr(0, 128), "\"s\":\""))) quotes_[*symbol] = data;
  }

  [[nodiscard]] std::optional<std::size_t> number_of(std::string_view symbol) const noexcept {
    for (std::size_t i = 0; i < symbols_.size(); ++i)
      if (symbols_[i].name == symbol) return i;
    return std::nullopt;
  }

  const replay_settings settings_;
  const capture_survey contents_;
  detail::exchange_counters* counters_;
  std::unordered_map<std::string_view, std::size_t> by_name_;  // into contents_
  std::vector<sim_message> kinds_;                             // by stream
  std::vector<symbol_spec> symbols_;
  std::vector<std::string> snapshots_;  // by symbol: the last one reached
  std::vector<std::string> quotes_;     // by symbol: the last book ticker
  std::size_t next_snapshot_{0};
  std::vector<async_event*> waiting_;
  stream_hub* hub_{nullptr};
  bool paused_{false};
};

}  // namespace foxtrot::inline v0
