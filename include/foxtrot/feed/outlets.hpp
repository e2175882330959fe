// foxtrot/feed/outlets.hpp: the queues of one feed: consumers come and go from any thread, one thread publishes.
#pragma once

#include <foxtrot/core/live_object.hpp>
#include <foxtrot/feed/outlet.hpp>
#include <foxtrot/market/channel.hpp>
#include <foxtrot/market/detail/conflated_channel.hpp>
#include <foxtrot/market/detail/consumer_filter.hpp>
#include <foxtrot/market/detail/feed_cursor.hpp>
#include <foxtrot/market/detail/feed_ring.hpp>
#include <foxtrot/market/detail/inbox.hpp>
#include <foxtrot/market/detail/status_board.hpp>
#include <foxtrot/market/detail/symbol_states.hpp>
#include <foxtrot/market/kinds.hpp>
#include <foxtrot/market/status.hpp>
#include <foxtrot/market/subscription_settings.hpp>
#include <foxtrot/market/symbol.hpp>

#include <algorithm>
#include <atomic>
#include <iterator>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

namespace foxtrot::inline v0::detail {

/// All drop_oldest consumers read one ring, which is made for the first of them; everybody else has an outlet.
class outlets : private live_object<outlets> {
 public:
  outlets(symbol_table& symbols, const ring_settings& ring) : symbols_{symbols}, ring_settings_{ring} {}
  outlets(const outlets&) = delete;
  outlets& operator=(const outlets&) = delete;

  // --- any thread ---

  /// A new consumer's end; nullptr after close(). What takes long is made without holding anybody up.
  [[nodiscard]] std::shared_ptr<inbox> add(consumer_filter filter, const subscription_settings& wanted) {
    forget_dead();
    symbol_states states{board_, filter};
    switch (wanted.when_full) {
      case overflow::drop_oldest: return read_ring(std::move(filter), std::move(states));
      case overflow::drop_newest:
      case overflow::block: return add_queue<channel>(std::move(filter), std::move(states), wanted);
      case overflow::conflate: return add_queue<conflated_channel>(std::move(filter), std::move(states), wanted);
    }
    return nullptr;
  }
  /// While true, nobody waits for room.
  void interrupt(bool on) {
    const std::lock_guard lock{mutex_};
    interrupted_ = on;
    for (const auto& each : all_) each.interrupt(on);
  }
  /// No more events. Not while the network thread publishes.
  void close() {
    const std::lock_guard lock{mutex_};
    closed_ = true;
    for (const auto& each : all_) each.close_by_producer();
    if (ring_ != nullptr) ring_->close();
    all_.clear();
    current_.clear();
    dead_.clear();
  }

  // --- network thread ---

  /// Once per batch: who is there now? Newcomers hear the state of the connection first.
  void look_for_changes() {
    const bool gone = std::ranges::any_of(current_, [](const outlet& each) { return each.closed_by_consumer(); });
    if (!gone && !changed_.load(std::memory_order_acquire)) return;
    const std::lock_guard lock{mutex_};
    changed_.store(false, std::memory_order_relaxed);  // under the mutex
    // freeing their memory is not for this thread
    std::ranges::copy_if(all_, std::back_inserter(dead_), [](const outlet& each) { return each.closed_by_consumer(); });
    std::erase_if(all_, [](const outlet& each) { return each.closed_by_consumer(); });
    for (const auto& each : all_) {
      if (std::ranges::any_of(current_, [&](const outlet& known) { return same(known, each); })) continue;
      if (interrupted_) each.interrupt(true);
      if (state_) each.put_status(state_->record, state_->tag);
    }
    current_ = all_;
    if (current_ring_ == nullptr && ring_ != nullptr) {
      current_ring_ = ring_.get();
      if (state_) current_ring_->publish_status(state_->record, state_->tag);  // later newcomers find it there
    }
  }
  [[nodiscard]] const std::vector<outlet>& queues() const noexcept { return current_; }
  /// The ring, if there is one.
  [[nodiscard]] feed_ring* ring() const noexcept { return current_ring_; }
  /// Whether one of them wants events of this kind.
  [[nodiscard]] bool wants(tick_kind kind) const noexcept {
    return (current_ring_ != nullptr && current_ring_->is_wanted(kind)) ||
           std::ranges::any_of(current_, [kind](const outlet& each) { return each.wants(kind); });
  }
  void wake_consumers() const noexcept {
    for (const auto& each : current_) each.wake_consumer();
    if (current_ring_ != nullptr) current_ring_->wake_consumers();
  }

  /// Those who are seen to sleep; wake_consumers() is still due.
  void wake_sleepers() const noexcept {
    for (const auto& each : current_) each.wake_sleeper();
    if (current_ring_ != nullptr) current_ring_->wake_sleepers();
  }

  /// Before a status goes out: so that nobody who misses it misses the fact.
  void note(const status_record& record, line_tag tag) noexcept {
    board_->note(record);
    if (is_connection_state(record.code)) state_ = {record, tag};
  }
  [[nodiscard]] bool is_book_broken(symbol_id symbol) const noexcept { return board_->is_broken(symbol); }
  /// The connection's last state.
  [[nodiscard]] const std::optional<feed_ring::state>& state() const noexcept { return state_; }

 private:
  template <class Queue>
  [[nodiscard]] std::shared_ptr<inbox> add_queue(consumer_filter filter, symbol_states states,
                                                 const subscription_settings& wanted) {
    auto queue = std::make_shared<Queue>(wanted, symbols_);
    auto made = std::make_shared<inbox>(queue, std::move(states));
    const std::lock_guard lock{mutex_};
    if (closed_) return nullptr;
    all_.emplace_back(std::move(filter), std::move(queue));
    changed_.store(true, std::memory_order_release);
    return made;
  }
  [[nodiscard]] std::shared_ptr<inbox> read_ring(consumer_filter filter, symbol_states states) {
    auto ring = with_ring([](auto& there) { return there; });
    if (ring == nullptr) {
      auto fresh = std::make_shared<feed_ring>(ring_settings_, symbols_);
      ring = with_ring([&](auto& there) {
        if (there == nullptr && !closed_) {
          there = std::move(fresh);
          changed_.store(true, std::memory_order_release);
        }
        return there;
      });
    }
    if (ring == nullptr || ring->closed()) return nullptr;
    return std::make_shared<inbox>(std::make_unique<feed_cursor>(std::move(ring), std::move(filter)),
                                   std::move(states));
  }
  template <class Action>
  [[nodiscard]] std::shared_ptr<feed_ring> with_ring(Action action) {
    const std::lock_guard lock{mutex_};
    return action(ring_);
  }

  void forget_dead() {
    std::vector<outlet> dead;  // they go after the lock
    const std::lock_guard lock{mutex_};
    dead.swap(dead_);
    // Where no network thread runs, nobody else would let go of those who came and went.
    const auto forsaken = std::ranges::partition(all_, [](const outlet& each) { return !each.is_forsaken(); });
    std::ranges::move(forsaken, std::back_inserter(dead));
    all_.erase(forsaken.begin(), forsaken.end());
  }

  symbol_table& symbols_;
  const ring_settings ring_settings_;

  const std::shared_ptr<status_board> board_{std::make_shared<status_board>()};

  std::mutex mutex_;  // guards the next five
  std::vector<outlet> all_;
  std::vector<outlet> dead_;
  std::shared_ptr<feed_ring> ring_;  // once made, there to the end
  bool closed_{false};
  bool interrupted_{false};
  std::atomic<bool> changed_{false};

  // the network thread's own
  std::vector<outlet> current_;
  feed_ring* current_ring_{nullptr};
  std::optional<feed_ring::state> state_;
};

}  // namespace foxtrot::inline v0::detail
