// foxtrot/sim/exchange_clients.hpp: everybody who is connected to a simulated exchange, and what happens to all at
// once.
#pragma once

#include <foxtrot/core/clock.hpp>
#include <foxtrot/net/websocket/close.hpp>
#include <foxtrot/sim/exchange_connection.hpp>
#include <foxtrot/sim/fault.hpp>

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace foxtrot::inline v0 {

/// A list that does not keep its members. Loop thread only.
class exchange_clients {
 public:
  using pointer = std::shared_ptr<exchange_connection>;

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
  void suffer(const fault& what, steady_time now) const {
    each([&](exchange_connection& one) {
      if (what.kind == fault_kind::reset) return one.socket().reset();
      if (what.kind == fault_kind::fin) return one.cut();
      if (!one.is_open_websocket()) return;
      if (what.kind == fault_kind::close) return one.begin_close(static_cast<close_code>(what.code), what.text);
      if (what.kind == fault_kind::expire && one.opened_at() <= now - what.wait)
        return one.begin_close(close_code::going_away, {});
      if (what.kind == fault_kind::server_shutdown) shut_down(one, what.wait);
    });
  }

 private:
  static void shut_down(exchange_connection& one, std::chrono::milliseconds cut_after) {
    const auto ms = std::to_string(epoch_clock::now_ns() / 1'000'000);
    one.announce("!serverShutdown", "{\"e\":\"serverShutdown\",\"E\":" + ms + "}");
    if (cut_after.count() != 0) one.cut(cut_after);
  }

  std::vector<std::weak_ptr<exchange_connection>> all_;
};

}  // namespace foxtrot::inline v0
