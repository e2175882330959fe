// foxtrot/feed/outlet.hpp: the network thread's end of one consumer's own queue.
#pragma once

#include <foxtrot/core/live_object.hpp>
#include <foxtrot/market/channel.hpp>
#include <foxtrot/market/detail/conflated_channel.hpp>
#include <foxtrot/market/detail/consumer_filter.hpp>
#include <foxtrot/market/detail/event_body.hpp>
#include <foxtrot/market/event.hpp>
#include <foxtrot/market/kinds.hpp>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <span>
#include <utility>

namespace foxtrot::inline v0::detail {

/// A queue that waits or drops, or a table that conflates. Copies are the same outlet.
class outlet : private live_object<outlet> {
 public:
  outlet(consumer_filter filter, std::shared_ptr<channel> queue) noexcept
      : filter_{std::move(filter)}, queue_{std::move(queue)} {}
  outlet(consumer_filter filter, std::shared_ptr<conflated_channel> table) noexcept
      : filter_{std::move(filter)}, table_{std::move(table)} {}

  [[nodiscard]] bool wants(tick_kind kind, symbol_id symbol) const noexcept { return filter_.wants(kind, symbol); }
  [[nodiscard]] bool wants(tick_kind kind) const noexcept { return filter_.wants(kind); }
  [[nodiscard]] friend bool same(const outlet& a, const outlet& b) noexcept {
    return a.queue_ == b.queue_ && a.table_ == b.table_;
  }

  /// Where events can be written in place; nullptr where they cannot.
  [[nodiscard]] channel* in_place() const noexcept { return queue_.get(); }
  /// Whether an event with so many levels would have to wait for room.
  [[nodiscard]] bool would_wait(std::size_t level_count) const noexcept {
    return queue_ != nullptr && queue_->waits() && queue_->try_claim(level_count).payload == nullptr;
  }

  /// May wait, where would_wait() says so.
  void put(const tick_payload& line, tick_tag tag, std::span<const raw_level> body) const noexcept {
    if (table_ != nullptr) return table_->put(line, tag, body);
    const channel::slot room = queue_->claim(body.size());
    if (room.payload == nullptr) return;
    *room.payload = line;
    std::copy_n(body.begin(), body.size(), room.body.elements.begin());
    if (has_body(tag.kind)) set_body_position(*room.payload, room.body.position);
    queue_->publish(room, body.size(), tag.packed());
  }
  void put_status(const status_record& record, line_tag tag) const noexcept {
    if (table_ != nullptr) return table_->put_status(record, tag);
    queue_->publish_status(queue_->claim(0), record, tag);
  }
  void wake_consumer() const noexcept {
    if (table_ != nullptr) return table_->wake_consumer();
    queue_->wake_consumer();
  }
  void wake_sleeper() const noexcept {
    if (table_ != nullptr) return table_->wake_sleeper();
    queue_->wake_sleeper();
  }

  // Any thread.
  [[nodiscard]] bool closed_by_consumer() const noexcept {
    return table_ != nullptr ? table_->closed_by_consumer() : queue_->closed_by_consumer();
  }
  /// Neither its consumer nor the network thread knows it any more. By whoever keeps others from copying it.
  [[nodiscard]] bool is_forsaken() const noexcept {
    return closed_by_consumer() && queue_.use_count() + table_.use_count() == 1;
  }
  void close_by_producer() const noexcept {
    if (table_ != nullptr) return table_->close_by_producer();
    queue_->close_by_producer();
  }
  void interrupt(bool on) const noexcept {
    if (queue_ != nullptr) queue_->interrupt(on);
  }

 private:
  consumer_filter filter_;
  std::shared_ptr<channel> queue_;
  std::shared_ptr<conflated_channel> table_;
};

}  // namespace foxtrot::inline v0::detail
