// foxtrot/market/channel.hpp: one consumer's queue: what the network thread writes and a strategy thread reads.
#pragma once

#include <foxtrot/core/cpu.hpp>
#include <foxtrot/core/live_object.hpp>
#include <foxtrot/core/separate_compilation.hpp>
#include <foxtrot/market/detail/event_body.hpp>
#include <foxtrot/market/detail/waiting_event.hpp>
#include <foxtrot/market/event.hpp>
#include <foxtrot/market/levels.hpp>
#include <foxtrot/market/status.hpp>
#include <foxtrot/market/subscription_settings.hpp>
#include <foxtrot/market/symbol.hpp>
#include <foxtrot/queue/conflating_table.hpp>
#include <foxtrot/queue/parking_spot.hpp>
#include <foxtrot/queue/payload_arena.hpp>
#include <foxtrot/queue/spsc_ring.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <span>
#include <utility>

namespace foxtrot::inline v0 {

namespace detail {

/// The state that both ends share; each keeps it alive. Producer functions belong to the network thread, consumer
/// functions to one strategy thread, close_by_consumer() and interrupt() to any.
class channel : private live_object<channel> {
 public:
  channel(const subscription_settings& settings, symbol_table& symbols);

  // --- producer: the network thread ---

  struct slot {
    tick_payload* payload{nullptr};  // nullptr: no room
    payload_arena<raw_level>::claimed body{};
  };

  /// Room for one event with up to `level_count` levels, if there is any now. A claim may be abandoned.
  [[nodiscard, gnu::always_inline]] slot try_claim(std::size_t level_count) noexcept {
    slot room;
    if (level_count != 0) {
      room.body = levels_.try_claim(level_count);
      if (room.body.elements.empty()) return room;
    }
    // after the levels: a line for every loss of a depth event would leave no room for anything else
    if (in_debt() && !pay_debts()) return room;
    room.payload = ring_.try_claim();
    return room;
  }

  /// The same for an event that is complete: waits for room under overflow::block, else counts the loss.
  [[nodiscard]] slot claim(std::size_t level_count) noexcept;
  /// Counts one event as lost.
  void lose_one() noexcept;
  /// Whether claim() may wait. Set once: for either end.
  [[nodiscard]] bool waits() const noexcept { return when_full_ == overflow::block; }

  /// Hands over what was written into a claim.
  [[gnu::always_inline]] void publish(const slot& room, std::size_t level_count, line_tag tag) noexcept {
    if (level_count != 0) levels_.commit(room.body, level_count);
    ring_.publish(tag);
    note_news();
  }
  /// There is something to wake the consumer for.
  void note_news() noexcept { news_ = true; }

  /// A status event, into what claim(0) gave. Without room, a state of the connection is kept until the consumer is
  /// told.
  void publish_status(const slot& room, const status_record& record, line_tag tag) noexcept;

  /// Wakes the consumer if something was published or lost since the last call: once per drain of the socket.
  void wake_consumer() noexcept;

  /// The same, if the consumer is seen to sleep: so that it need not wait for the end of a drain. One that falls asleep
  /// meanwhile is not seen, so wake_consumer() is still due.
  void wake_sleeper() noexcept {
    if (consumer_spot_.occupied()) wake_consumer();
  }

  /// No more events will come.
  void close_by_producer() noexcept;
  [[nodiscard]] bool closed_by_consumer() const noexcept { return consumer_closed_.load(std::memory_order_acquire); }

  // --- any thread ---

  /// While true, a producer does not wait for room: what does not fit is dropped and counted. A wait under way ends.
  void interrupt(bool on) noexcept;
  void close_by_consumer() noexcept;
  /// Makes a waiting consumer look again, at a stop token for example.
  void nudge_consumer() noexcept;

  // --- consumer: one strategy thread ---

  /// The oldest event, in place. Once everything has been read, what the producer could not tell for want of room.
  [[nodiscard, gnu::always_inline]] waiting_event front() noexcept {
    if (has_last_words_) return {&last_words_, last_words_tag_, {}};  // until pop(), whatever came since
    if (const tick_payload* oldest = ring_.front()) return shown(*oldest);
    return in_debt() ? by_members(tell_debts()) : waiting_event{};
  }

  /// Gives the front event back.
  [[gnu::always_inline]] void pop(const waiting_event& oldest) noexcept {
    if (oldest.payload == &last_words_) {
      has_last_words_ = false;
      return;
    }
    if (!oldest.body.empty()) {
      levels_.release(body_position(*oldest.payload), oldest.body.size());
      freed_levels_ += oldest.body.size();
    }
    ring_.pop();
    ++freed_lines_;
  }
  /// After one or more pops: lets a producer go on that waits for room, once a quarter of the queue has become free.
  /// For each event alone it would be woken, write one, and sleep again; for less it looks by itself.
  void wake_producer() noexcept {
    if (freed_lines_ >= many_lines_ || freed_levels_ >= many_levels_) drained();
  }
  /// Lets a producer go on that waits for room, if any became free: also where everything has been read, of less than a
  /// quarter.
  void drained() noexcept {
    if (freed_lines_ == 0) return;
    freed_lines_ = freed_levels_ = 0;
    if (waits()) producer_spot_.wake();
  }

  [[nodiscard]] bool closed_by_producer() const noexcept { return producer_closed_.load(std::memory_order_acquire); }

  /// Where the consumer sleeps. Everything that ends its waiting is announced there.
  [[nodiscard]] parking_spot& consumer_spot() noexcept { return consumer_spot_; }

  [[nodiscard]] const symbol_table& symbols() const noexcept { return symbols_; }
  [[nodiscard]] std::size_t capacity() const noexcept { return ring_.capacity(); }
  /// Events lost so far. Any thread.
  [[nodiscard]] std::uint64_t dropped() const noexcept { return dropped_.load(std::memory_order_relaxed); }

 private:
  [[nodiscard, gnu::always_inline]] bool in_debt() const noexcept {
    // acquire: what was published before the loss is in the ring
    return debts_.drops.load(std::memory_order_acquire) != 0 || debts_.has_state.load(std::memory_order_acquire);
  }

  // What the consumer must hear but had no room for. Whoever gets there first tells it: the producer before the next
  // event, the consumer once it has read everything before. On a line of its own, written on losses only.
  struct alignas(cache_line) debts {
    std::atomic<std::uint64_t> drops{0};
    std::atomic<bool> has_state{false};
    std::mutex mutex;                          // who pays: whoever has it finds the ring as the loss left it
    conflating_table<status_record> state{1};  // the connection's last
    std::uint64_t states{0};                   // network thread: how many there were
    std::uint64_t told{0};                     // under the mutex: the last of them that was told
  };

  // Under the mutex: the last state, once.
  [[nodiscard]] std::optional<std::pair<status_record, line_tag>> take_state() noexcept;
  [[nodiscard, gnu::always_inline]] waiting_event shown(const tick_payload& oldest) const noexcept {
    const line_tag tag = ring_.front_tag();
    if (!has_body(tick_tag::kind_of(tag))) return {&oldest, tag, {}};
    return {&oldest, tag, levels_.view(body_position(oldest), body_size(oldest))};
  }

  // After a loss the consumer first hears how much it lost, then what state the connection is in, then goes on.
  [[nodiscard]] bool pay_debts() noexcept;

  // The consumer's own telling, in a line of its own. In debt, the producer publishes nothing before it has paid, and
  // it cannot pay now: an empty ring stays empty, and the loss is told in its place.
  [[nodiscard]] waiting_event tell_debts() noexcept;
  void put(const status_record& record, line_tag tag) noexcept;

  [[nodiscard]] slot wait_for_room(std::size_t level_count) noexcept;
  [[nodiscard]] bool given_up() const noexcept;

  spsc_ring<tick_payload> ring_;
  payload_arena<raw_level> levels_;
  symbol_table& symbols_;
  const overflow when_full_;
  parking_spot consumer_spot_;
  parking_spot producer_spot_;
  std::atomic<bool> producer_closed_{false};
  std::atomic<bool> consumer_closed_{false};
  std::atomic<bool> interrupted_{false};
  std::atomic<std::uint64_t> dropped_{0};  // written by the producer
  tick_payload last_words_;                // consumer's thread
  line_tag last_words_tag_;                // likewise
  bool has_last_words_{false};             // likewise
  const std::size_t many_lines_;           // likewise: a quarter of the ring
  const std::size_t many_levels_;          // likewise: a quarter of the arena
  std::size_t freed_lines_{0};             // likewise: since the producer was woken
  std::size_t freed_levels_{0};            // likewise
  debts debts_;
  // the producer's own
  alignas(cache_line) bool news_{false};
};

}  // namespace detail
}  // namespace foxtrot::inline v0

#ifdef FOXTROT_DEFINITIONS
#include <foxtrot/market/impl/channel.hpp>
#endif
