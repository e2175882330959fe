// foxtrot/exchange/binance/detail/engines.hpp: all that runs between connect and disconnect, on one network thread or
// several.
#pragma once

#include <foxtrot/core/live_object.hpp>
#include <foxtrot/exchange/binance/connection_info.hpp>
#include <foxtrot/exchange/binance/detail/feed_parts.hpp>
#include <foxtrot/exchange/binance/engine.hpp>
#include <foxtrot/exchange/binance/websocket_choice.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <functional>
#include <iterator>
#include <memory>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace foxtrot::inline v0::binance::detail {

/// What a feed wants now, by thread.
struct wanted_streams {
  std::vector<std::string> streams;
  websocket_choice choice;
};

/// The engines of one connect: they begin and end together, and none dies before the threads of all have ended. So on
/// each of them all can be used without a lock. Threads as an engine's.
class engines : private live_object<engines> {
 public:
  explicit engines(feed_parts& parts) {
    for (std::size_t i = 0; i < parts.size(); ++i)
      all_.push_back(std::make_unique<engine>(parts[i].settings, parts[i].out));
  }
  engines(const engines&) = delete;
  engines& operator=(const engines&) = delete;
  ~engines() { join(); }

  /// Starts one after the other. The first error; the caller stops then, and none is left. `wanted_of` says what a
  /// thread has to bring.
  [[nodiscard]] std::error_code start(const std::function<wanted_streams(std::size_t)>& wanted_of, const void* owner) {
    for (std::size_t i = 0; i < all_.size(); ++i) {
      wanted_streams before = wanted_of(i);
      if (const std::error_code error = all_[i]->start(before.streams, owner)) return error;
      // seq_cst, here and where commands look: what changed meanwhile is sent by who changed it, or found now; and an
      // end that began meanwhile is begun there, or here
      begun_.store(i + 1, std::memory_order_seq_cst);
      if (all_.size() != 1) catch_up(i, before, wanted_of(i));
      if (ending_.load(std::memory_order_seq_cst)) all_[i]->start_stop();
    }
    return {};
  }

  std::error_code stop() {
    start_stop();
    if (on_network_thread()) return {};
    std::error_code first;
    const std::size_t begun = begun_.load(std::memory_order_seq_cst);
    for (std::size_t i = 0; i < all_.size(); ++i) {
      if (i >= begun && !all_[i]->stuck()) continue;  // it has no thread that could say goodbye
      if (const std::error_code late = all_[i]->stop(); !first) first = late;
    }
    return first;
  }
  void start_stop() {
    ending_.store(true, std::memory_order_seq_cst);
    for_each_begun([](engine& each) { each.start_stop(); });
  }
  void abort() {
    start_stop();
    for_each_begun([](engine& each) { each.abort(); });
  }
  [[nodiscard]] std::vector<std::string> tasks() const {
    std::vector<std::string> names;
    for (const auto& each : all_) {
      for (std::string& name : each->tasks()) names.push_back(std::move(name));
    }
    return names;
  }

  /// Does this on each thread, or on one; one that has not begun will find out by itself. False where one of them has
  /// too much waiting.
  template <class Action>
  bool tell(Action action) {
    bool taken = true;
    for_each_begun([&](engine& each) { taken = action(each) && taken; });
    return taken;
  }
  template <class Action>
  bool tell(std::size_t thread, Action action) {
    return thread >= begun_.load(std::memory_order_seq_cst) || action(*all_[thread]);
  }

  [[nodiscard]] bool stuck() {
    return std::ranges::any_of(all_, [](const auto& each) { return each->stuck(); });
  }
  void join() {
    for (const auto& each : all_) each->join();
  }
  [[nodiscard]] bool ending() const noexcept {
    return std::ranges::any_of(all_, [](const auto& each) { return each->ending(); });
  }
  /// One of them: it will not come back by itself.
  [[nodiscard]] bool given_up() const noexcept {
    return std::ranges::any_of(all_, [](const auto& each) { return each->given_up(); });
  }
  void describe(connection_info& into) {
    const connection_info blank = into;
    for (std::size_t i = 0; i < all_.size(); ++i) {
      connection_info its = blank;
      all_[i]->describe(its);
      into = i == 0 ? its : worse(into, its);
    }
  }
  [[nodiscard]] bool on_network_thread() const noexcept {
    return std::ranges::any_of(all_, [](const auto& each) { return each->on_network_thread(); });
  }

 private:
  template <class Action>
  void for_each_begun(Action action) {
    const std::size_t begun = begun_.load(std::memory_order_seq_cst);
    for (std::size_t i = 0; i < begun; ++i) action(*all_[i]);
  }

  void catch_up(std::size_t thread, const wanted_streams& before, wanted_streams now) {
    std::vector<std::string> gone;
    std::ranges::copy_if(before.streams, std::back_inserter(gone), [&now](const std::string& stream) {
      return std::ranges::find(now.streams, stream) == now.streams.end();
    });
    if (!gone.empty()) (void)all_[thread]->unsubscribe(std::move(gone));
    if (now.streams != before.streams) (void)all_[thread]->subscribe(std::move(now.streams));
    if (now.choice != before.choice) (void)all_[thread]->choose(std::move(now.choice));
  }

  std::vector<std::unique_ptr<engine>> all_;
  std::atomic<std::size_t> begun_{0};  // of them, the first so many
  std::atomic<bool> ending_{false};
};

}  // namespace foxtrot::inline v0::binance::detail
