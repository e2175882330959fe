// foxtrot/exchange/binance/detail/session_lines.hpp: the WebSocket sessions of one feed: one for each of the venue's
// routes.
#pragma once

#include <foxtrot/core/error.hpp>
#include <foxtrot/core/live_object.hpp>
#include <foxtrot/exchange/binance/market.hpp>
#include <foxtrot/exchange/binance/protocol.hpp>
#include <foxtrot/exchange/binance/settings.hpp>
#include <foxtrot/feed/publisher.hpp>
#include <foxtrot/feed/session_group.hpp>
#include <foxtrot/feed/session_settings.hpp>
#include <foxtrot/feed/tls_dialer.hpp>
#include <foxtrot/feed/websocket_manager.hpp>
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
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace foxtrot::inline v0::binance::detail {

/// Spot and COIN-M have one, USD-M two. A route's session begins when it has its first stream. One that gave up is
/// begun again after the breaker's recovery time-out, where its streams can be polled meanwhile. Loop thread only,
/// except state() and tasks().
class session_lines : private live_object<session_lines> {
 public:
  session_lines(const checked_settings& settings, async_thread_bridge& bridge, publisher& out)
      : settings_{settings}, timers_{bridge.timers()} {
    for (const std::string_view path : paths_of(settings.given.market)) {
      all_.push_back(std::make_unique<line>(*this, path, bridge, out));
    }
  }
  session_lines(const session_lines&) = delete;
  session_lines& operator=(const session_lines&) = delete;

  /// Called after every change of a state or a breaker; after each connection of the route that has the books; and with
  /// streams that the venue has confirmed, none where it answered something else.
  std::function<void()> on_change;
  std::function<void()> on_books_connected;
  foxtrot::detail::confirmation_handler on_confirmed;

  void subscribe(std::span<const std::string> streams) {
    for_each_line(streams, [](line& each, const std::vector<std::string>& its) {
      each.session.subscribe(its);
      each.session.start();
    });
  }
  void unsubscribe(std::span<const std::string> streams) {
    for_each_line(streams, [](line& each, const std::vector<std::string>& its) { each.session.unsubscribe(its); });
  }
  /// Connects though nothing is wanted yet.
  void start_first() { all_.front()->session.start(); }
  /// Disconnects until something is subscribed to.
  void rest() {
    for (const auto& each : all_) {
      each->again.cancel();
      each->session.rest();
    }
  }

  [[nodiscard]] task<> stop(steady_time::duration patience) {
    for (const auto& each : all_) {
      each->again.cancel();
      each->session.rest();  // all say goodbye before one is waited for
    }
    for (const auto& each : all_) (void)co_await each->session.stop(patience);
  }
  void cancel() {
    for (const auto& each : all_) {
      each->again.cancel();
      each->session.cancel();
    }
  }
  void drop(std::error_code reason) {
    for (const auto& each : all_) each->session.drop(reason);
  }

  /// Whether its route is connected.
  [[nodiscard]] bool is_up(std::string_view stream) const {
    return of(stream).session.state() == session_state::connected;
  }
  /// Whether it is better polled: its route's breaker is not closed, or its session has given up.
  [[nodiscard]] bool falls_back(std::string_view stream) const { return falls_back(of(stream)); }
  [[nodiscard]] bool any_falls_back() const {
    return std::ranges::any_of(all_, [this](const auto& each) { return falls_back(*each); });
  }
  /// Whether the venue has said that it will send it.
  [[nodiscard]] bool is_confirmed(std::string_view stream) const {
    return of(stream).session.subscriptions().is_confirmed(stream);
  }
  /// Whether the venue may still send it.
  [[nodiscard]] bool knows(std::string_view stream) const {
    return of(stream).session.subscriptions().contains(stream);
  }
  [[nodiscard]] bool any_running() const {
    return std::ranges::any_of(all_, [](const auto& each) { return each->session.running(); });
  }
  /// Of the first route that has one.
  [[nodiscard]] std::error_code last_error() const {
    for (const auto& each : all_) {
      if (each->session.last_error()) return each->session.last_error();
    }
    return {};
  }
  [[nodiscard]] bool books_connected() const noexcept {
    return all_.front()->session.state() == session_state::connected;
  }

  /// The worst of all routes that are in use. Any thread.
  [[nodiscard]] session_state state() const noexcept {
    constexpr auto rank = [](session_state state) {
      constexpr std::array order{session_state::disconnected, session_state::connected,    session_state::closing,
                                 session_state::connecting,   session_state::reconnecting, session_state::error};
      return std::ranges::find(order, state) - order.begin();
    };
    session_state worst = session_state::disconnected;
    for (const auto& each : all_)
      worst = std::max(worst, each->session.state(), [&](auto a, auto b) { return rank(a) < rank(b); });
    return worst;
  }
  /// How long all that are in use have been connected; zero where one is not. Any thread.
  [[nodiscard]] std::chrono::nanoseconds connected_for(steady_time now) const noexcept {
    const std::int64_t since = whole_since_ns_.load(std::memory_order_relaxed);
    return std::chrono::nanoseconds{since != 0 ? now.time_since_epoch().count() - since : 0};
  }
  [[nodiscard]] breaker_state breaker() const {
    breaker_state worst = breaker_state::closed;
    for (const auto& each : all_) {
      const breaker_state now = each->breaker.state();
      if (worst == breaker_state::closed || now == breaker_state::open) worst = now;
    }
    return worst;
  }
  [[nodiscard]] std::vector<std::string> tasks() const {
    std::vector<std::string> names;
    for (const auto& each : all_) {
      for (std::string& name : each->session.tasks()) names.push_back(std::move(name));
    }
    return names;
  }

 private:
  struct line : private live_object<line> {
    line(session_lines& owner, std::string_view path, async_thread_bridge& bridge, publisher& out)
        : decoder{owner.settings_.given.market},
          breaker{owner.settings_.given.breaker},
          session{bridge,
                  out,
                  decoder,
                  tls_dialer{owner.settings_.tls, owner.settings_.websocket.host, owner.settings_.websocket.port,
                             owner.settings_.given.dial},
                  owner.session_of(path, breaker),
                  owner.settings_.given.log,
                  &owner.group_} {
      const bool has_books = owner.all_.empty();
      session.on_connected = [&owner, has_books] {
        if (has_books && owner.on_books_connected) owner.on_books_connected();
      };
      session.on_confirmed = [&owner](const std::vector<std::string>& streams) {
        if (owner.on_confirmed) owner.on_confirmed(streams);
      };
      session.on_state = [&owner, this](session_state now, std::error_code) {
        if (now == session_state::error) owner.begin_again(*this);
        owner.changed();
      };
      session.on_breaker = [&owner](breaker_state) { owner.changed(); };
    }

    protocol decoder;
    circuit_breaker breaker;
    websocket_manager<protocol, tls_dialer> session;
    timer again;
  };

  [[nodiscard]] session_settings session_of(std::string_view path, circuit_breaker& breaker) const {
    session_settings made = settings_.given.session;
    made.upgrade.target = std::string{path} + made.upgrade.target;  // there is the query already
    if (settings_.given.fallback) made.breaker = &breaker;
    return made;
  }

  [[nodiscard]] line& of(std::string_view stream) const {
    return *all_[std::min(route_of(settings_.given.market, stream), all_.size() - 1)];
  }
  template <class Action>
  void for_each_line(std::span<const std::string> streams, Action action) {
    for (const auto& each : all_) {
      std::vector<std::string> its;
      std::ranges::copy_if(streams, std::back_inserter(its),
                           [&](const auto& stream) { return &of(stream) == each.get(); });
      if (!its.empty()) action(*each, its);
    }
  }

  [[nodiscard]] bool falls_back(const line& each) const {
    return settings_.given.fallback &&
           (each.breaker.state() != breaker_state::closed || each.session.state() == session_state::error);
  }
  void begin_again(line& given_up) {
    if (!settings_.given.fallback || given_up.session.hopeless()) return;
    const steady_time::duration wait{settings_.given.breaker.recovery_timeout};
    given_up.again = timers_.call_after(wait, [&given_up] { given_up.session.start(); });
  }
  void changed() {
    const bool whole = state() == session_state::connected;
    // written here alone, and read by people: orders nothing
    if (whole != (whole_since_ns_.load(std::memory_order_relaxed) != 0))
      whole_since_ns_.store(whole ? timers_.now().time_since_epoch().count() : 0, std::memory_order_relaxed);
    if (on_change) on_change();
  }

  const checked_settings& settings_;
  timer_queue& timers_;
  session_group group_;
  std::atomic<std::int64_t> whole_since_ns_{0};  // of the steady clock; 0: it is not
  std::vector<std::unique_ptr<line>> all_;       // the one with the books first
};

}  // namespace foxtrot::inline v0::binance::detail
