// foxtrot/market/detail/feed_ring.hpp: the one ring of a feed that all its drop_oldest consumers read.
#pragma once

#include <foxtrot/core/cpu.hpp>
#include <foxtrot/core/live_object.hpp>
#include <foxtrot/core/separate_compilation.hpp>
#include <foxtrot/market/detail/consumer_filter.hpp>
#include <foxtrot/market/detail/event_body.hpp>
#include <foxtrot/market/detail/waiting_event.hpp>
#include <foxtrot/market/event.hpp>
#include <foxtrot/market/kinds.hpp>
#include <foxtrot/market/status.hpp>
#include <foxtrot/market/subscription_settings.hpp>
#include <foxtrot/queue/broadcast_ring.hpp>
#include <foxtrot/queue/conflating_table.hpp>
#include <foxtrot/queue/overwriting_arena.hpp>
#include <foxtrot/queue/parking_spot.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace foxtrot::inline v0::detail {

/// Both ends keep it alive. Publishing and waking belong to the network thread; readers are feed_cursors.
class feed_ring : private live_object<feed_ring> {
 public:
  feed_ring(const ring_settings& settings, const symbol_table& symbols);

  // --- network thread ---

  void publish(const tick_payload& line, tick_tag tag, std::span<const raw_level> body) noexcept;
  /// A state of the connection also where nobody reads: who comes later finds it.
  void publish_status(const status_record& record, line_tag tag) noexcept;
  /// Once per drain: wakes whoever sleeps, if something was published since.
  void wake_consumers() noexcept;
  /// The same, if somebody is seen to sleep; wake_consumers() is still due for those who are not.
  void wake_sleepers() noexcept {
    if (spot_.occupied()) wake_consumers();
  }
  [[nodiscard]] bool has_readers() const noexcept { return readers_.load(std::memory_order_acquire) != 0; }
  /// Whether one of them wants events of this kind.
  [[nodiscard]] bool is_wanted(tick_kind kind) const noexcept {
    return wanting_[static_cast<std::size_t>(kind)].load(std::memory_order_acquire) != 0;
  }

  // --- any thread ---

  /// No more events will come.
  void close() noexcept;
  [[nodiscard]] bool closed() const noexcept { return closed_.load(std::memory_order_acquire); }
  void enter(const consumer_filter& wanted) noexcept;
  /// With what it came with.
  void leave(const consumer_filter& wanted) noexcept;

  [[nodiscard]] parking_spot& spot() noexcept { return spot_; }
  [[nodiscard]] const broadcast_ring<tick_payload>& events() const noexcept { return events_; }
  [[nodiscard]] const overwriting_arena<raw_level>& levels() const noexcept { return levels_; }
  [[nodiscard]] const symbol_table& symbols() const noexcept { return symbols_; }

  struct state {
    status_record record;
    line_tag tag;
  };
  /// The connection's last state, if an event before `position` said it: a later one is still to be heard. Whoever has
  /// seen events up to there finds at least what they said, for it is stored first.
  [[nodiscard]] std::optional<state> connection_before(std::uint64_t position) const noexcept;

 private:
  void count_kinds(const consumer_filter& wanted, std::uint32_t more) noexcept;
  void put(const tick_payload& line, line_tag tag) noexcept;

  broadcast_ring<tick_payload> events_;
  overwriting_arena<raw_level> levels_;
  const symbol_table& symbols_;
  conflating_table<status_record> connection_{1};
  parking_spot spot_;
  std::atomic<bool> closed_{false};
  std::atomic<std::uint32_t> readers_{0};
  std::array<std::atomic<std::uint32_t>, tick_kind_count> wanting_{};  // of the readers, by kind
  alignas(cache_line) bool news_{false};                               // network thread
};

}  // namespace foxtrot::inline v0::detail

#ifdef FOXTROT_DEFINITIONS
#include <foxtrot/market/impl/feed_ring.hpp>
#endif
