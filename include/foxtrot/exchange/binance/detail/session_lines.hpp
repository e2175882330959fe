// foxtrot/exchange/binance/detail/session_lines.hpp: the WebSocket connections of one feed, on each of the venue's
// routes.
#pragma once

#include <foxtrot/core/clock.hpp>
#include <foxtrot/core/error.hpp>
#include <foxtrot/core/live_object.hpp>
#include <foxtrot/exchange/binance/detail/checked_settings.hpp>
#include <foxtrot/exchange/binance/detail/line_shards.hpp>
#include <foxtrot/exchange/binance/detail/session_line.hpp>
#include <foxtrot/exchange/binance/detail/stream_names.hpp>
#include <foxtrot/exchange/binance/market.hpp>
#include <foxtrot/feed/handover.hpp>
#include <foxtrot/feed/line_group.hpp>
#include <foxtrot/feed/line_set.hpp>
#include <foxtrot/feed/publisher.hpp>
#include <foxtrot/feed/session_group.hpp>
#include <foxtrot/feed/session_settings.hpp>
#include <foxtrot/feed/tick_ids.hpp>
#include <foxtrot/net/asio.hpp>
#include <foxtrot/net/async_thread_bridge.hpp>
#include <foxtrot/net/circuit_breaker.hpp>
#include <foxtrot/net/timer_queue.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <iterator>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace foxtrot::inline v0::binance::detail {

/// Spot and COIN-M have one route, USD-M two. A route's connections begin when it has its first stream. Loop thread
/// only, except where it says otherwise.
class session_lines : private live_object<session_lines> {
 public:
  session_lines(const checked_settings& settings, async_thread_bridge& bridge, publisher& out)
      : settings_{settings}, bridge_{bridge}, timers_{bridge.timers()}, out_{out} {
    for (const std::string_view path : paths_of(settings.given.market)) {
      const bool has_books = routes_.empty();
      routes_.push_back(std::make_unique<line_shards>(timers_, out.lines(), settings.given.lines, settings.given.log,
                                                      [this, path, has_books] { return lines_of(path, has_books); }));
      routes_.back()->on_moved = [this] { tell_line_changed(); };
    }
    out.lines().on_hold = [this] { pass_time_later(); };
  }
  session_lines(const session_lines&) = delete;
  session_lines& operator=(const session_lines&) = delete;
  ~session_lines() { out_.lines().on_hold = nullptr; }

  /// Called after every change of a state or a breaker; after each connection of the route that has the books where no
  /// other carries the same, with its streams; and with streams that the venue has confirmed and nobody had, none where
  /// it answered something else.
  std::function<void()> on_change{[] {}};
  std::function<void(const std::set<std::string>&)> on_books_connected{[](const auto&) {}};
  confirmation_handler on_confirmed{[](const auto&) {}};

  void subscribe(std::span<const std::string> streams) {
    for_each_route(streams, [](line_shards& route, const auto& its) { route.subscribe(its); });
  }
  void unsubscribe(std::span<const std::string> streams) {
    for_each_route(streams, [](line_shards& route, const auto& its) { route.unsubscribe(its); });
  }
  /// Connects though nothing is wanted yet.
  void start_first() { routes_.front()->start(); }
  /// Disconnects until something is subscribed to.
  void rest() {
    for (const auto& route : routes_) route->rest();
  }
  /// Replaces every connection, without a break.
  void rotate() {
    for_each_set([](line_shards::lines& set) { set.rotate(); });
  }

  [[nodiscard]] task<> stop(steady_time::duration patience) {
    rest();  // all say goodbye before one is waited for
    for (const auto& route : routes_) co_await route->stop(patience);
  }
  void cancel() {
    for (const auto& route : routes_) route->cancel();
  }
  void drop(std::error_code reason) {
    for_each_set([reason](line_shards::lines& set) { set.drop(reason); });
  }

  /// Whether a connection that carries it is there.
  [[nodiscard]] bool is_up(std::string_view stream) const {
    return of(stream).any([stream](const auto& set) { return set.knows(stream) && set.is_up(); });
  }
  /// Whether it is better polled: no line that carries it is to be relied on.
  [[nodiscard]] bool falls_back(std::string_view stream) const {
    const auto serves = [stream](const auto& set) { return set.knows(stream) && !falls_back(set); };
    return knows(stream) && !of(stream).any(serves);
  }
  [[nodiscard]] bool any_falls_back() const {
    return any_set([](const auto& set) { return falls_back(set); });
  }
  /// Whether the venue has said that it will send it.
  [[nodiscard]] bool is_confirmed(std::string_view stream) const {
    return of(stream).any([stream](const auto& set) { return set.is_confirmed(stream); });
  }
  /// Whether the venue may still send it.
  [[nodiscard]] bool knows(std::string_view stream) const {
    return of(stream).any([stream](const auto& set) { return set.knows(stream); });
  }
  [[nodiscard]] bool any_running() const {
    return any_set([](const auto& set) { return set.any([](const auto& line) { return line.session.running(); }); });
  }
  /// Of the first that has one.
  [[nodiscard]] std::error_code last_error() const {
    std::error_code found;
    for_each_set([&found](const line_shards::lines& set) {
      if (!found) found = set.leading().session.last_error();
    });
    return found;
  }
  [[nodiscard]] bool books_connected() const {
    return !routes_.front()->any([](const auto& set) { return !set.is_up(); });
  }

  // --- any thread ---

  /// The worst of all that are in use; of lines that carry the same, the best.
  [[nodiscard]] session_state state() const noexcept { return state_.load(std::memory_order_relaxed); }
  /// How long everything has been connected; zero where something is not.
  [[nodiscard]] std::chrono::nanoseconds connected_for(steady_time now) const noexcept {
    const std::int64_t since = whole_since_ns_.load(std::memory_order_relaxed);
    return std::chrono::nanoseconds{since != 0 ? now.time_since_epoch().count() - since : 0};
  }
  [[nodiscard]] breaker_state breaker() const noexcept { return breaker_.load(std::memory_order_relaxed); }
  /// Connections that there are.
  [[nodiscard]] std::size_t connections() const noexcept { return connections_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::vector<std::string> tasks() const {
    std::vector<std::string> names;
    for (const auto& route : routes_)
      for (std::string& name : route->tasks()) names.push_back(std::move(name));
    return names;
  }

 private:
  [[nodiscard]] std::unique_ptr<line_shards::lines> lines_of(std::string_view path, bool has_books) {
    auto made = std::make_unique<line_shards::lines>(
        bridge_, out_, venue_of(settings_.given.market), group_, settings_.given.lines, settings_.given.log,
        [this, path](const line_place& place) {
          return std::make_unique<session_line>(settings_, path, bridge_, out_, place);
        },
        [this](std::string_view stream) { return numbered(stream); });
    made->on_change = [this] { changed(); };
    made->on_confirmed = [this](std::vector<std::string> streams) {
      std::erase_if(streams, [this](const std::string& each) { return of(each).carriers(each) > 1; });  // it moves
      on_confirmed(streams);
    };
    if (has_books) {
      made->on_connected = [this, set = made.get()](bool alone) {
        if (alone) on_books_connected(set->wanted());
      };
    }
    return made;
  }
  [[nodiscard]] std::optional<handover::stream> numbered(std::string_view stream) const {
    const auto kind = numbered_kind_of_stream(stream);
    const auto symbol = kind ? out_.symbols().intern(symbol_of_stream(stream)) : errc::bad_argument;
    if (!symbol) return std::nullopt;
    return handover::stream{*numbering_of(*kind), *symbol};
  }

  [[nodiscard]] line_shards& of(std::string_view stream) const {
    return *routes_[std::min(route_of(settings_.given.market, stream), routes_.size() - 1)];
  }
  template <class Action>
  void for_each_route(std::span<const std::string> streams, Action action) {
    for (const auto& route : routes_) {
      std::vector<std::string> its;
      std::ranges::copy_if(streams, std::back_inserter(its),
                           [&](const auto& stream) { return &of(stream) == route.get(); });
      if (!its.empty()) action(*route, its);
    }
  }
  template <class Action>
  void for_each_set(Action action) const {
    for (const auto& route : routes_) route->for_each(action);
  }
  template <class Predicate>
  [[nodiscard]] bool any_set(Predicate holds) const {
    return std::ranges::any_of(routes_, [&holds](const auto& route) { return route->any(holds); });
  }
  [[nodiscard]] static bool falls_back(const line_shards::lines& set) {
    return !set.any([](const session_line& line) { return !line.falls_back(); });
  }

  // What others read is written here alone, and orders nothing.
  void changed() {
    constexpr std::array order{session_state::disconnected, session_state::connected,    session_state::closing,
                               session_state::connecting,   session_state::reconnecting, session_state::error};
    const auto rank = [&order](session_state state) { return std::ranges::find(order, state) - order.begin(); };
    session_state worst = session_state::disconnected;
    breaker_state breaker = breaker_state::closed;
    std::size_t connections = 0;
    for_each_set([&](const line_shards::lines& set) {
      connections += set.up();
      session_state best = session_state::error;
      (void)set.any([&](const session_line& line) {
        const session_state its = line.session.state();
        if (rank(its) < rank(best)) best = its;
        return false;
      });
      if (set.is_up()) best = session_state::connected;
      if (rank(worst) < rank(best)) worst = best;
      if (set.any([](const auto& line) { return line.breaker.state() == breaker_state::closed; })) return;
      const breaker_state its = set.leading().breaker.state();
      if (breaker == breaker_state::closed || its == breaker_state::open) breaker = its;
    });
    state_.store(worst, std::memory_order_relaxed);
    breaker_.store(breaker, std::memory_order_relaxed);
    connections_.store(connections, std::memory_order_relaxed);
    const bool whole = worst == session_state::connected;
    if (whole != (whole_since_ns_.load(std::memory_order_relaxed) != 0))
      whole_since_ns_.store(whole ? timers_.now().time_since_epoch().count() : 0, std::memory_order_relaxed);
    on_change();
  }

  void tell_line_changed() {
    publisher::batch batch{out_};
    batch.publish_status(make_status(status_code::line_changed, epoch_clock::now_ns()),
                         venue_of(settings_.given.market));
  }

  // While ticks are held.
  void pass_time_later() {
    const steady_time::duration round =
        steady_time::duration{settings_.given.lines.hold_limit} / (line_arbiter::rounds_to_wait - 1);
    hold_ = timers_.call_after(round, [this] {
      out_.lines().pass_time();
      out_.release_held();
      if (out_.lines().holds()) pass_time_later();
    });
  }

  const checked_settings& settings_;
  async_thread_bridge& bridge_;
  timer_queue& timers_;
  publisher& out_;
  session_group group_;
  std::atomic<session_state> state_{session_state::disconnected};
  std::atomic<breaker_state> breaker_{breaker_state::closed};
  std::atomic<std::size_t> connections_{0};
  std::atomic<std::int64_t> whole_since_ns_{0};  // of the steady clock; 0: it is not
  timer hold_;
  std::vector<std::unique_ptr<line_shards>> routes_;  // the one with the books first
};

}  // namespace foxtrot::inline v0::binance::detail
