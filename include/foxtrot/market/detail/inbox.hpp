// foxtrot/market/detail/inbox.hpp: where a subscription's events come from, by whatever policy.
#pragma once

#include <foxtrot/core/detail/owner.hpp>
#include <foxtrot/core/detail/stamp_clocks.hpp>
#include <foxtrot/core/live_object.hpp>
#include <foxtrot/core/separate_compilation.hpp>
#include <foxtrot/market/channel.hpp>
#include <foxtrot/market/detail/consumer_latency.hpp>
#include <foxtrot/market/detail/event_taker.hpp>
#include <foxtrot/market/detail/symbol_key.hpp>
#include <foxtrot/market/detail/symbol_states.hpp>
#include <foxtrot/market/detail/waiting_event.hpp>
#include <foxtrot/market/event.hpp>
#include <foxtrot/market/kinds.hpp>
#include <foxtrot/market/latency_report.hpp>
#include <foxtrot/market/symbol.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

namespace foxtrot::inline v0::detail {

class conflated_channel;
class feed_cursor;
class merged_inbox;

/// What an inbox reads: one of the four.
struct inbox_source {
  inbox_source(std::unique_ptr<feed_cursor> from);
  inbox_source(std::shared_ptr<channel> from) noexcept : own{std::move(from)} {}
  inbox_source(std::shared_ptr<conflated_channel> from) noexcept : table{std::move(from)} {}
  inbox_source(std::shared_ptr<merged_inbox> from) noexcept : several{std::move(from)} {}

  std::shared_ptr<feed_cursor> ring;
  std::shared_ptr<channel> own;
  std::shared_ptr<conflated_channel> table;
  std::shared_ptr<merged_inbox> several;
};

/// One of the three kinds of queue, as its reader sees it, and what has to be told between its events; or several such.
/// leave(), left(), nudge(), latest() and latency() may be called from any thread, the rest from the one that reads.
/// Events of a queue of the consumer's own come without a call.
class inbox : private live_object<inbox> {
 public:
  using source = inbox_source;

  inbox(source from, symbol_states states);
  inbox(const inbox&) = delete;
  inbox& operator=(const inbox&) = delete;
  ~inbox();

  /// The oldest event, in place until pop(). Nothing while take() holds one.
  [[nodiscard, gnu::always_inline]] waiting_event front() noexcept {
    if (telling_) return {&told_, status_tag, {}};
    const waiting_event oldest = from_.own != nullptr ? from_.own->front() : by_members(front_elsewhere());
    if (!states_.compared() && !is_status(oldest)) [[unlikely]]
      return by_members(after_news(by_members(oldest)));
    return oldest;
  }
  [[gnu::always_inline]] void pop(const waiting_event& oldest) noexcept {
    if (oldest.payload == &told_) {
      telling_ = false;
      return;
    }
    ++run_;
    states_.note(oldest);
    if (from_.own != nullptr) return from_.own->pop(oldest);
    pop_elsewhere(oldest);
  }

  /// Whether somebody further up is reading an event: who asks for the next one from within gets none.
  [[nodiscard]] bool held() const noexcept { return held_; }
  /// The consumer gets what is in front, and gives it back.
  void hold(const waiting_event& next) noexcept {
    held_ = true;
    see(next);
  }
  void release() noexcept { held_ = false; }

  /// From now on the times of ticks of these kinds are kept. Before the first is read.
  void measure(kind_set kinds, stamp_clocks clocks);
  /// How old is it?
  void see(const waiting_event& next) noexcept {
    if (latency_ != nullptr) return latency_->see(next);
    if (from_.several != nullptr) see_elsewhere(next);
  }
  [[nodiscard]] latency_report latency() const;

  /// After one or more pops.
  void wake_producer() noexcept {
    if (from_.own != nullptr) return from_.own->wake_producer();
    if (from_.several != nullptr) wake_producers();
  }
  /// Nothing is there: as channel::drained().
  void drained() noexcept;
  /// Whether many events have been read since it was asked last, of a queue that makes the feed wait.
  [[nodiscard]] bool end_long_run() noexcept {
    constexpr std::size_t many = 128;
    return std::exchange(run_, 0) >= many && from_.own != nullptr && from_.own->waits();
  }
  [[nodiscard]] const symbol_table& symbols() noexcept { return symbols_ != nullptr ? *symbols_ : symbols_of_part(); }
  [[nodiscard]] bool closed_by_producer() noexcept;
  [[nodiscard]] parking_spot& spot() noexcept;
  [[nodiscard]] std::size_t capacity() noexcept;
  [[nodiscard]] std::uint64_t dropped() noexcept;

  /// As conflated_channel::latest, but nothing of a symbol that is stale, and nothing from queues.
  bool latest(tick_kind kind, symbol_key of, std::uint8_t part, event_taker told) const;

  /// Deregisters the consumer.
  void leave() noexcept;
  [[nodiscard]] bool left() const noexcept { return left_.load(std::memory_order_acquire); }
  /// Makes a waiting consumer look again, at a stop token for example.
  void nudge() noexcept;

 private:
  [[nodiscard]] static bool is_status(const waiting_event& event) noexcept {
    return event.payload != nullptr && tick_tag::kind_of(event.tag) == tick_kind::status;
  }
  template <class Action>
  decltype(auto) with(Action&& action) noexcept;

  [[nodiscard]] waiting_event front_elsewhere() noexcept;
  void pop_elsewhere(const waiting_event& oldest) noexcept;
  void see_elsewhere(const waiting_event& next) noexcept;
  void wake_producers() noexcept;
  [[nodiscard]] const symbol_table& symbols_of_part() noexcept;
  [[nodiscard]] waiting_event after_news(const waiting_event& oldest) noexcept;

  source from_;
  const symbol_table* symbols_;  // null where there are several
  symbol_states states_;
  owner<consumer_latency> latency_;
  std::size_t run_{0};
  bool held_{false};
  bool telling_{false};  // told_ comes next
  tick_payload told_;
  std::atomic<bool> left_{false};
};

}  // namespace foxtrot::inline v0::detail

#ifdef FOXTROT_DEFINITIONS
#include <foxtrot/market/impl/inbox.hpp>
#endif
