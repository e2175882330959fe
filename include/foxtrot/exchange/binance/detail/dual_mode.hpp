// foxtrot/exchange/binance/detail/dual_mode.hpp: decides for each stream whether it comes by WebSocket or is polled.
#pragma once

#include <foxtrot/core/clock.hpp>
#include <foxtrot/core/error.hpp>
#include <foxtrot/core/live_object.hpp>
#include <foxtrot/exchange/binance/detail/checked_settings.hpp>
#include <foxtrot/exchange/binance/detail/rest_polling.hpp>
#include <foxtrot/exchange/binance/detail/session_lines.hpp>
#include <foxtrot/exchange/binance/detail/stream_names.hpp>
#include <foxtrot/exchange/binance/poll_plan.hpp>
#include <foxtrot/exchange/binance/websocket_choice.hpp>
#include <foxtrot/feed/http_poller.hpp>
#include <foxtrot/feed/publisher.hpp>
#include <foxtrot/market/kinds.hpp>
#include <foxtrot/market/status.hpp>
#include <foxtrot/market/symbol.hpp>
#include <foxtrot/net/asio.hpp>
#include <foxtrot/net/timer_queue.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace foxtrot::inline v0::binance::detail {

/// A stream is polled where the user chose so, and while its WebSocket session falls back. The hand-over is by stream
/// and needs no id: polling ends with the first tick that the stream itself brings, and begins when none can come any
/// more. So no polled tick follows a newer one of the stream's. Loop thread only, except polled().
class dual_mode : private live_object<dual_mode> {
 public:
  dual_mode(timer_queue& timers, publisher& out, session_lines& lines, const checked_settings& settings)
      : timers_{timers},
        out_{out},
        lines_{lines},
        settings_{settings},
        choice_{settings.given.websocket},
        venue_{timers, out, settings},
        poller_{timers, out, venue_, *settings.given.session.errors, settings.given.polling, settings.given.log} {
    poller_.on_outcome = [this](std::error_code error) { tell_outcome(error); };
  }
  dual_mode(const dual_mode&) = delete;
  dual_mode& operator=(const dual_mode&) = delete;
  ~dual_mode() { end(); }

  /// Begins with what is wanted by now.
  void start() {
    running_ = true;
    if (streams_.empty() && !choice_.is_none()) lines_.start_first();
    review();
    look_later();
  }
  /// No more polling; nothing stays marked as polled. Idempotent.
  void end() {
    running_ = false;
    look_.cancel();
    poll(std::vector<std::string>{});
    tell_fallback(false);
  }
  /// Polls until cancelled.
  [[nodiscard]] task<> run() { return poller_.run(); }

  void subscribe(std::span<const std::string> streams) {
    std::vector<std::string> listened;
    for (const std::string& stream : streams) {
      streams_.insert(stream);
      if (uses_websocket(stream)) listened.push_back(stream);
      if (!uses_websocket(stream) && !poll_body_of(stream, settings_.given.market))
        settings_.given.log.report(severity::error, "market_data", stream + " cannot be polled", errc::bad_argument);
    }
    lines_.subscribe(listened);
    review();
  }
  void unsubscribe(std::span<const std::string> streams) {
    for (const std::string& stream : streams) streams_.erase(stream);
    review();  // first: what was polled is not told as stale again
    lines_.unsubscribe(streams);
  }
  [[nodiscard]] const std::set<std::string>& streams() const noexcept { return streams_; }

  /// Others come by WebSocket from now on.
  void choose(websocket_choice choice) {
    std::vector<std::string> come;
    std::vector<std::string> go;
    for (const std::string& stream : streams_) {
      const bool before = uses_websocket(stream);
      const bool after = choice.includes(symbol_of_stream(stream));
      if (before == after) continue;
      (after ? come : go).push_back(stream);
    }
    choice_ = std::move(choice);
    lines_.unsubscribe(go);
    if (choice_.is_none()) lines_.rest();
    lines_.subscribe(come);
    review();
  }

  /// Looks again at who is polled; after every change of a session, and every answer of the venue's.
  void review() {
    if (!running_) return;
    if (std::exchange(reviewing_, true)) {
      again_ = true;
      return;
    }
    do {
      again_ = false;
      const bool falls_back = lines_.any_falls_back();
      if (falls_back) tell_fallback(true);
      const bool all_by_websocket = choice_.is_all() && !falls_back && polled_.empty();  // then nobody need be asked
      if (!all_by_websocket) {
        std::vector<std::string> polled;
        std::ranges::copy_if(streams_, std::back_inserter(polled),
                             [this](const auto& each) { return is_to_be_polled(each); });
        poll(std::move(polled));
      }
      if (!falls_back) tell_fallback(false);
    } while (again_);
    reviewing_ = false;
  }

  /// How many streams are polled at the moment. Any thread.
  [[nodiscard]] std::size_t polled() const noexcept { return polled_count_.load(std::memory_order_relaxed); }

 private:
  using key = std::pair<tick_kind, symbol_id>;

  [[nodiscard]] bool uses_websocket(std::string_view stream) const {
    return choice_.includes(symbol_of_stream(stream));
  }
  [[nodiscard]] std::optional<key> key_of(std::string_view stream) const {
    if (!poll_body_of(stream, settings_.given.market)) return std::nullopt;
    const auto symbol = out_.symbols().intern(symbol_of_stream(stream));
    if (!symbol) return std::nullopt;
    return key{*kind_of_stream(stream), *symbol};
  }
  [[nodiscard]] bool is_polled_now(std::string_view stream) const {
    const auto which = key_of(stream);
    return which && out_.ages().is_polled(which->first, which->second);
  }
  [[nodiscard]] bool is_to_be_polled(const std::string& stream) const {
    if (!uses_websocket(stream)) return !lines_.knows(stream);  // a tick under way would be older than a polled one
    if (lines_.falls_back(stream)) return !lines_.is_up(stream) || is_polled_now(stream);
    return is_polled_now(stream) && !lines_.is_confirmed(stream);  // on its way to WebSocket
  }

  void poll(std::vector<std::string> streams) {
    std::set<key> wanted;
    std::erase_if(streams, [&](const std::string& stream) {
      const auto which = key_of(stream);
      if (which) wanted.insert(*which);
      return !which;
    });
    for (const key& which : wanted) out_.ages().poll(which.first, which.second, timers_.now());
    for (const key& which : polled_) {
      if (!wanted.contains(which) && out_.ages().unpoll(which.first, which.second))
        publish(make_symbol_status(status_code::fresh, epoch_clock::now_ns(), which.second));
    }
    polled_ = std::move(wanted);
    polled_count_.store(streams.size(), std::memory_order_relaxed);  // a number for people
    poller_.set(std::move(streams));
  }

  void tell_fallback(bool on) {
    if (std::exchange(fallback_, on) == on) return;
    if (on) out_.counters().fallbacks_begun.add();
    const status_code code = on ? status_code::fallback_started : status_code::fallback_ended;
    publish(make_status(code, epoch_clock::now_ns(), on ? lines_.last_error() : std::error_code{}));
  }
  // Where everything is polled, answers are the connection.
  void tell_outcome(std::error_code error) {
    if (lines_.any_running()) {
      answered_.reset();
      return;
    }
    if (answered_ == !error && !error) return;
    const std::int64_t now = epoch_clock::now_ns();
    const bool lost = answered_.value_or(false);
    answered_ = !error;
    publish(error ? make_disconnected_status(now, error, lost) : make_status(status_code::connected, now));
  }

  void look_later() {
    look_ = timers_.call_after(steady_time::duration{look_every}, [this] {
      look_later();
      out_.ages().look_at_polled(settings_.given.session.ages, timers_.now(),
                                 [this](symbol_id symbol) { stale_.push_back(symbol); });
      for (const symbol_id symbol : std::exchange(stale_, {})) {
        out_.counters().stale.add();
        publish(make_symbol_status(status_code::stale, epoch_clock::now_ns(), symbol));
      }
    });
  }

  void publish(const status_record& record) {
    publisher::batch batch{out_};
    batch.publish_status(record, venue_of(settings_.given.market));
  }

  static constexpr std::chrono::milliseconds look_every{500};

  timer_queue& timers_;
  publisher& out_;
  session_lines& lines_;
  const checked_settings& settings_;
  websocket_choice choice_;
  rest_polling venue_;
  http_poller<rest_polling> poller_;
  std::set<std::string> streams_;  // all that is wanted
  std::set<key> polled_;
  std::atomic<std::size_t> polled_count_{0};
  std::vector<symbol_id> stale_;
  timer look_;
  std::optional<bool> answered_;  // the last request, where everything is polled
  bool running_{false};
  bool fallback_{false};
  bool reviewing_{false};
  bool again_{false};
};

}  // namespace foxtrot::inline v0::binance::detail
