// foxtrot/sim/exchange_clients.hpp: everybody who is connected to a simulated exchange, and what happens to all at
// once.
#pragma once

#include <foxtrot/core/clock.hpp>
#include <foxtrot/net/websocket/close.hpp>
#include <foxtrot/sim/exchange_connection.hpp>
#include <foxtrot/sim/fault.hpp>
#include <foxtrot/sim/random.hpp>
#include <foxtrot/sim/websocket_census.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace foxtrot::inline v0 {

/// A list that does not keep its members. Loop thread only.
class exchange_clients {
 public:
  using pointer = std::shared_ptr<exchange_connection>;

  explicit exchange_clients(std::uint64_t seed) : random_{seed} {}

  void add(const pointer& accepted) {
    std::erase_if(all_, [](const auto& weak) { return weak.expired(); });
    all_.push_back(accepted);
  }
  [[nodiscard]] std::vector<pointer> alive() const {
    std::vector<pointer> found;
    for (const auto& weak : all_)
      if (pointer strong = weak.lock()) found.push_back(std::move(strong));
    return found;
  }
  template <class Action>
  void each(Action act) const {
    for (const pointer& one : alive()) act(*one);
  }

  /// WebSockets by their handshake, others without a word.
  void close_all(close_code code, const std::string& reason) const {
    each([&](exchange_connection& one) {
      if (one.is_websocket()) {
        one.begin_close(code, reason);
      } else {
        one.socket().close();
      }
    });
  }
  void reset_all() const {
    each([](exchange_connection& one) { one.socket().reset(); });
  }

  /// An instant happens; `clear` and conditions are not for here.
  void suffer(const fault& what, steady_time now) {
    if (what.whom == fault_victims::all) return each([&](exchange_connection& one) { hit(one, what, now); });
    if (const pointer victim = choose(what, now)) hit(*victim, what, now);
  }

 private:
  [[nodiscard]] static bool is_due(const exchange_connection& one, const fault& what, steady_time now) noexcept {
    return what.kind != fault_kind::expire || one.opened_at() <= now - what.wait;
  }

  [[nodiscard]] pointer choose(const fault& what, steady_time now) {
    std::vector<pointer> open = alive();
    std::erase_if(open, [&](const pointer& each) {
      return !each->is_open_websocket() || !is_due(*each, what, now) ||
             detail::peer_hung_up(each->socket().stream().transport().native_handle());
    });
    if (open.empty()) return {};
    if (what.whom == fault_victims::one) return open[random_.below(open.size())];
    const auto earlier = [](const pointer& a, const pointer& b) { return a->opened_at() < b->opened_at(); };
    const bool oldest = what.whom == fault_victims::oldest;
    return *(oldest ? std::min_element(open.begin(), open.end(), earlier)
                    : std::max_element(open.begin(), open.end(), earlier));
  }

  static void hit(exchange_connection& one, const fault& what, steady_time now) {
    if (what.kind == fault_kind::reset) return one.socket().reset();
    if (what.kind == fault_kind::fin) return one.cut();
    if (!one.is_open_websocket() || !is_due(one, what, now)) return;
    if (what.kind == fault_kind::close) return one.begin_close(static_cast<close_code>(what.code), what.text);
    if (what.kind == fault_kind::expire) return one.begin_close(close_code::going_away, {});
    if (what.kind == fault_kind::server_shutdown) shut_down(one, what.wait);
  }

  static void shut_down(exchange_connection& one, std::chrono::milliseconds cut_after) {
    const auto ms = std::to_string(epoch_clock::now_ns() / 1'000'000);
    one.announce("!serverShutdown", "{\"e\":\"serverShutdown\",\"E\":" + ms + "}");
    if (cut_after.count() != 0) one.cut(cut_after);
  }

  std::vector<std::weak_ptr<exchange_connection>> all_;
  sim_random random_;  // draws victims
};

}  // namespace foxtrot::inline v0
