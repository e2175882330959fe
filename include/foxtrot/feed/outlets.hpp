// foxtrot/feed/outlets.hpp: the queues of one feed: consumers come and go from any thread, one thread publishes.
#pragma once

#include <foxtrot/feed/outlet.hpp>
#include <foxtrot/market/channel.hpp>
#include <foxtrot/market/detail/conflated_channel.hpp>
#include <foxtrot/market/detail/consumer_filter.hpp>
#include <foxtrot/market/detail/feed_cursor.hpp>
#include <foxtrot/market/detail/feed_ring.hpp>
#include <foxtrot/market/detail/inbox.hpp>
#include <foxtrot/market/status.hpp>
#include <foxtrot/market/subscription_settings.hpp>
#include <foxtrot/market/symbol.hpp>

#include <algorithm>
#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

namespace foxtrot::inline v0::detail {

/// All drop_oldest consumers read one ring, which is made for the first of them; everybody else has an outlet.
class outlets {
 public:
  outlets(symbol_table& symbols, const ring_settings& ring) : symbols_{symbols}, ring_settings_{ring} {}
  outlets(const outlets&) = delete;
  outlets& operator=(const outlets&) = delete;

  // --- any thread ---

  /// A new consumer's end; nullptr after close().
  [[nodiscard]] std::shared_ptr<inbox> add(consumer_filter filter, const subscription_settings& wanted) {
    switch (wanted.when_full) {
      case overflow::drop_oldest: return read_ring(std::move(filter));
      case overflow::drop_newest:
      case overflow::block: return add_queue<channel>(std::move(filter), wanted);
      case overflow::conflate: return add_queue<conflated_channel>(std::move(filter), wanted);
    }
    return nullptr;
  }
  [[nodiscard]] bool closed() {
    const std::lock_guard lock{mutex_};
    return closed_;
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
  }

  // --- network thread ---

  /// Once per batch: who is there now? Newcomers hear the state of the connection first.
  void look_for_changes() {
    const bool gone = std::ranges::any_of(current_, [](const outlet& each) { return each.closed_by_consumer(); });
    if (!gone && !changed_.load(std::memory_order_acquire)) return;
    const std::lock_guard lock{mutex_};
    changed_.store(false, std::memory_order_relaxed);  // under the mutex
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
  void wake_consumers() const noexcept {
    for (const auto& each : current_) each.wake_consumer();
    if (current_ring_ != nullptr) current_ring_->wake_consumers();
  }

  /// What newcomers hear.
  void set_state(const status_record& record, line_tag tag) noexcept { state_ = {record, tag}; }
  [[nodiscard]] const std::optional<status_board::state>& state() const noexcept { return state_; }

 private:
  template <class Queue>
  [[nodiscard]] std::shared_ptr<inbox> add_queue(consumer_filter filter, const subscription_settings& wanted) {
    auto queue = std::make_shared<Queue>(wanted, symbols_);
    auto made = std::make_shared<inbox>(queue);
    const std::lock_guard lock{mutex_};
    if (closed_) return nullptr;
    all_.emplace_back(std::move(filter), std::move(queue));
    changed_.store(true, std::memory_order_release);
    return made;
  }
  [[nodiscard]] std::shared_ptr<inbox> read_ring(consumer_filter filter) {
    const std::lock_guard lock{mutex_};
    if (closed_) return nullptr;
    if (ring_ == nullptr) {
      ring_ = std::make_shared<feed_ring>(ring_settings_, symbols_);
      changed_.store(true, std::memory_order_release);
    }
    return std::make_shared<inbox>(std::make_unique<feed_cursor>(ring_, std::move(filter)));
  }

  symbol_table& symbols_;
  const ring_settings ring_settings_;

  std::mutex mutex_;  // guards the next four
  std::vector<outlet> all_;
  std::shared_ptr<feed_ring> ring_;  // once made, there to the end
  bool closed_{false};
  bool interrupted_{false};
  std::atomic<bool> changed_{false};

  // the network thread's own
  std::vector<outlet> current_;
  feed_ring* current_ring_{nullptr};
  std::optional<status_board::state> state_;  // of the connection
};

}  // namespace foxtrot::inline v0::detail
