// foxtrot/market/detail/feed_ring.hpp: the one ring of a feed that all its drop_oldest consumers read.
#pragma once

#include <foxtrot/core/cpu.hpp>
#include <foxtrot/market/detail/status_board.hpp>
#include <foxtrot/market/detail/waiting_event.hpp>
#include <foxtrot/market/subscription_settings.hpp>
#include <foxtrot/queue/broadcast_ring.hpp>
#include <foxtrot/queue/overwriting_arena.hpp>
#include <foxtrot/queue/parking_spot.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

namespace foxtrot::inline v0::detail {

/// Both ends keep it alive. Publishing and waking belong to the network thread; readers are feed_cursors.
class feed_ring {
 public:
  feed_ring(const ring_settings& settings, const symbol_table& symbols)
      : events_{settings.capacity < 4 ? 4 : settings.capacity, memory_or_heap(settings.memory)},
        levels_{settings.level_capacity, memory_or_heap(settings.memory)},
        symbols_{symbols} {}

  // --- network thread ---

  void publish(const tick_payload& line, tick_tag tag, std::span<const raw_level> body) noexcept {
    if (!has_levels(tag.kind)) return put(line, tag.packed());
    tick_payload copy = line;
    auto& record = copy.as<depth_record>();
    if (!body.empty()) record.body = levels_.publish(body);
    if (!body.empty() && record.body == levels_.refused) {  // longer than the arena: lost to everyone
      copy.emplace<status_record>() = told_of(1);
      return put(copy, status_tag);
    }
    if (tag.kind == tick_kind::depth_snapshot) board_.note_book(record.symbol);
    put(copy, tag.packed());
  }
  /// Also where nobody reads: who comes later finds it on the board.
  void publish_status(const status_record& record, line_tag tag) noexcept {
    board_.note(record, tag, events_.published());
    tick_payload line;
    line.emplace<status_record>() = record;
    put(line, tag);
  }
  /// Once per drain: wakes whoever sleeps, if something was published since.
  void wake_consumers() noexcept {
    if (!news_) return;
    news_ = false;
    spot_.wake();
  }
  [[nodiscard]] bool has_readers() const noexcept { return readers_.load(std::memory_order_acquire) != 0; }

  // --- any thread ---

  /// No more events will come.
  void close() noexcept {
    closed_.store(true, std::memory_order_release);  // after the last event
    spot_.wake();
  }
  [[nodiscard]] bool closed() const noexcept { return closed_.load(std::memory_order_acquire); }
  void enter() noexcept { readers_.fetch_add(1, std::memory_order_release); }
  void leave() noexcept { readers_.fetch_sub(1, std::memory_order_release); }

  [[nodiscard]] parking_spot& spot() noexcept { return spot_; }
  [[nodiscard]] const broadcast_ring<tick_payload>& events() const noexcept { return events_; }
  [[nodiscard]] const overwriting_arena<raw_level>& levels() const noexcept { return levels_; }
  [[nodiscard]] const status_board& board() const noexcept { return board_; }
  [[nodiscard]] const symbol_table& symbols() const noexcept { return symbols_; }

 private:
  void put(const tick_payload& line, line_tag tag) noexcept {
    events_.publish(line, tag);
    news_ = true;
  }

  broadcast_ring<tick_payload> events_;
  overwriting_arena<raw_level> levels_;
  const symbol_table& symbols_;
  status_board board_;
  parking_spot spot_;
  std::atomic<bool> closed_{false};
  std::atomic<std::uint32_t> readers_{0};
  alignas(cache_line) bool news_{false};  // network thread
};

}  // namespace foxtrot::inline v0::detail
