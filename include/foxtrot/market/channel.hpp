// foxtrot/market/channel.hpp: one consumer's queue: what the network thread writes and a strategy thread reads.
#pragma once

#include <foxtrot/core/cpu.hpp>
#include <foxtrot/market/event.hpp>
#include <foxtrot/market/kinds.hpp>
#include <foxtrot/market/levels.hpp>
#include <foxtrot/market/status.hpp>
#include <foxtrot/market/symbol.hpp>
#include <foxtrot/queue/idle.hpp>
#include <foxtrot/queue/parking_spot.hpp>
#include <foxtrot/queue/payload_arena.hpp>
#include <foxtrot/queue/spsc_ring.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace foxtrot::inline v0 {

/// What happens to an event that finds its consumer's queue full.
enum class overflow : std::uint8_t {
  drop_newest,  ///< it is lost and counted; the consumer is told how many, in order
  block,        ///< the network thread waits, and with it every other consumer of the feed: for replays, tests, benches
};

/// What one consumer wants. The defaults want everything.
struct subscription_settings {
  kind_set kinds{kind_set::all()};     ///< status events always come
  std::vector<std::string> symbols{};  ///< names as the venue writes them; empty: all
  overflow when_full{overflow::drop_newest};
  std::size_t capacity{std::size_t{1} << 16};        ///< events; rounded up to a power of two
  std::size_t level_capacity{std::size_t{1} << 18};  ///< price levels of all waiting depth events together
  idle waiting{idle::block};                         ///< how the consumer waits when there is nothing
};

namespace detail {

[[nodiscard]] constexpr bool has_levels(tick_kind kind) noexcept {
  return kind == tick_kind::depth_update || kind == tick_kind::depth_snapshot;
}
[[nodiscard]] constexpr bool is_connection_state(status_code code) noexcept {
  return code == status_code::connected || code == status_code::disconnected || code == status_code::reconnecting;
}

/// The state that both ends share; each keeps it alive. Producer functions belong to the network thread, consumer
/// functions to one strategy thread, close_by_consumer() and interrupt() to any.
class channel {
 public:
  channel(const subscription_settings& settings, symbol_table& symbols)
      : ring_{settings.capacity < 4 ? 4 : settings.capacity},
        levels_{settings.level_capacity},
        symbols_{symbols},
        when_full_{settings.when_full} {}

  // --- producer: the network thread ---

  struct slot {
    tick_payload* payload{nullptr};  // nullptr: no room
    payload_arena<raw_level>::claimed body{};
  };

  /// Room for one event with up to `level_count` levels, if there is any now. A claim may be abandoned.
  [[nodiscard]] slot try_claim(std::size_t level_count) noexcept {
    slot room;
    if (level_count != 0) {
      room.body = levels_.try_claim(level_count);
      if (room.body.elements.empty()) return room;
    }
    // after the levels: a line for every loss of a depth event would leave no room for anything else
    if (owed_drops_ != 0 && !pay_debts()) return room;
    room.payload = ring_.try_claim();
    return room;
  }

  /// The same for an event that is complete: waits for room under overflow::block, else counts the loss.
  [[nodiscard]] slot claim(std::size_t level_count) noexcept {
    slot room = try_claim(level_count);
    if (room.payload == nullptr && when_full_ == overflow::block) room = wait_for_room(level_count);
    if (room.payload == nullptr) {
      ++owed_drops_;
      // relaxed: a statistic; the dropped event carries the number in order
      dropped_.store(dropped_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    }
    return room;
  }

  /// Hands over what was written into a claim.
  void publish(const slot& room, std::size_t level_count, line_tag tag) noexcept {
    if (level_count != 0) levels_.commit(room.body, level_count);
    ring_.publish(tag);
    news_ = true;
  }

  /// A status event. Without room, a state of the connection is kept until the consumer can be told.
  void publish_status(const status_record& record, line_tag tag) noexcept {
    const slot room = claim(0);
    if (room.payload != nullptr) {
      room.payload->emplace<status_record>() = record;
      publish(room, 0, tag);
    } else if (is_connection_state(record.code)) {
      owed_state_ = record;
      owed_state_tag_ = tag;
    }
  }

  /// Wakes the consumer if something was published since the last call: once per drain of the socket.
  void wake_consumer() noexcept {
    if (!news_) return;
    news_ = false;
    consumer_spot_.wake();
  }

  /// No more events will come.
  void close_by_producer() noexcept {
    undelivered_drops_ = owed_drops_;
    producer_closed_.store(true, std::memory_order_release);  // carries undelivered_drops_
    consumer_spot_.wake();
  }
  [[nodiscard]] bool closed_by_consumer() const noexcept { return consumer_closed_.load(std::memory_order_acquire); }

  // --- any thread ---

  /// While true, a producer does not wait for room: what does not fit is dropped and counted. A wait under way ends.
  void interrupt(bool on) noexcept {
    interrupted_.store(on, std::memory_order_release);
    producer_spot_.wake();
  }
  void close_by_consumer() noexcept {
    consumer_closed_.store(true, std::memory_order_release);
    producer_spot_.wake();
  }
  /// Makes a waiting consumer look again, at a stop token for example.
  void nudge_consumer() noexcept { consumer_spot_.wake(); }

  // --- consumer: one strategy thread ---

  struct item {
    const tick_payload* payload{nullptr};  // nullptr: nothing there
    line_tag tag{};
  };

  /// The oldest event, in place. After the feed has closed, losses that it could not tell in order come last.
  [[nodiscard]] item front() noexcept {
    const bool last = closed_by_producer();  // before the look at the ring: what was published before closing is seen
    if (const tick_payload* oldest = ring_.front()) return {oldest, ring_.front_tag()};
    if (!last || undelivered_drops_ == 0) return {};
    status_record lost = make_status(status_code::dropped, 0);
    lost.first = undelivered_drops_;
    last_words_.emplace<status_record>() = lost;
    return {&last_words_, tick_tag{.kind = tick_kind::status}.packed()};
  }
  [[nodiscard]] std::span<const raw_level> body_of(const item& oldest) const noexcept {
    if (!has_levels(tick_tag::unpack(oldest.tag).kind)) return {};
    const auto& record = oldest.payload->as<depth_record>();
    return levels_.view(record.body, record.level_count());
  }

  /// Gives the front event back.
  void pop(const item& oldest) noexcept {
    if (oldest.payload == &last_words_) {
      undelivered_drops_ = 0;  // the producer has closed: ours now
      return;
    }
    if (const auto body = body_of(oldest); !body.empty()) {
      levels_.release(oldest.payload->as<depth_record>().body, body.size());
    }
    ring_.pop();
  }
  /// After one or more pops: lets a producer go on that waits for room.
  void wake_producer() noexcept {
    if (when_full_ == overflow::block) producer_spot_.wake();
  }

  [[nodiscard]] bool closed_by_producer() const noexcept { return producer_closed_.load(std::memory_order_acquire); }

  template <class Predicate>
  void park_consumer(Predicate&& nothing_new, std::optional<std::chrono::nanoseconds> patience) noexcept {
    consumer_spot_.park([&] { return ring_.empty() && !closed_by_producer() && nothing_new(); }, patience);
  }

  [[nodiscard]] const symbol_table& symbols() const noexcept { return symbols_; }
  [[nodiscard]] std::size_t capacity() const noexcept { return ring_.capacity(); }
  /// Events lost so far. Any thread.
  [[nodiscard]] std::uint64_t dropped() const noexcept { return dropped_.load(std::memory_order_relaxed); }

 private:
  // After a loss the consumer first hears how much it lost, then what state the connection is in, then goes on.
  [[nodiscard]] bool pay_debts() noexcept {
    constexpr std::size_t lines = 3;  // those two and the next event
    if (ring_.free_lines(lines) < lines) return false;
    status_record lost = make_status(status_code::dropped, 0);
    lost.first = owed_drops_;
    owed_drops_ = 0;
    put(lost, tick_tag{.kind = tick_kind::status}.packed());
    if (owed_state_) put(*owed_state_, owed_state_tag_);
    owed_state_.reset();
    news_ = true;
    return true;
  }
  void put(const status_record& record, line_tag tag) noexcept {
    ring_.try_claim()->emplace<status_record>() = record;
    ring_.publish(tag);
  }

  [[nodiscard]] slot wait_for_room(std::size_t level_count) noexcept {
    constexpr int spins = 256;
    wake_consumer();  // it may sleep on what this drain has already published
    for (int spin = 0; !given_up(); ++spin) {
      if (slot room = try_claim(level_count); room.payload != nullptr) return room;
      if (level_count > levels_.capacity()) break;  // will never fit
      if (spin < spins) {
        cpu_relax();
      } else {
        slot room;
        producer_spot_.park([&] {
          room = try_claim(level_count);
          return room.payload == nullptr && !given_up();
        });
        if (room.payload != nullptr) return room;
      }
    }
    return {};
  }
  [[nodiscard]] bool given_up() const noexcept {
    return interrupted_.load(std::memory_order_acquire) || closed_by_consumer();
  }

  spsc_ring<tick_payload> ring_;
  payload_arena<raw_level> levels_;
  symbol_table& symbols_;
  overflow when_full_;
  parking_spot consumer_spot_;
  parking_spot producer_spot_;
  std::atomic<bool> producer_closed_{false};
  std::atomic<bool> consumer_closed_{false};
  std::atomic<bool> interrupted_{false};
  std::atomic<std::uint64_t> dropped_{0};  // written by the producer
  std::uint64_t undelivered_drops_{0};     // the producer's until producer_closed_, then the consumer's
  tick_payload last_words_;                // consumer's thread
  // the producer's own
  alignas(cache_line) std::uint64_t owed_drops_{0};  // lost since the consumer was last told
  std::optional<status_record> owed_state_;
  line_tag owed_state_tag_;
  bool news_{false};
};

}  // namespace detail
}  // namespace foxtrot::inline v0
