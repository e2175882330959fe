// foxtrot/market/impl/channel.hpp: what channel.hpp declares.
#pragma once

#include <foxtrot/market/channel.hpp>
#include <foxtrot/market/detail/waiting_event.hpp>
#include <foxtrot/market/event.hpp>
#include <foxtrot/market/levels.hpp>
#include <foxtrot/market/status.hpp>
#include <foxtrot/market/subscription_settings.hpp>
#include <foxtrot/market/symbol.hpp>
#include <foxtrot/queue/idle_strategy.hpp>
#include <foxtrot/queue/parking_spot.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <utility>

namespace foxtrot::inline v0::detail {

// 0 would be each event.
[[nodiscard]] constexpr std::size_t quarter_of(std::size_t whole) noexcept { return whole < 4 ? 1 : whole / 4; }

FOXTROT_DECL channel::channel(const subscription_settings& settings, symbol_table& symbols)
    : ring_{settings.capacity < 4 ? 4 : settings.capacity, memory_or_heap(settings.memory)},
      levels_{settings.level_capacity, memory_or_heap(settings.memory)},
      symbols_{symbols},
      when_full_{settings.when_full},
      many_lines_{quarter_of(ring_.capacity())},
      many_levels_{quarter_of(levels_.capacity())} {}

FOXTROT_DECL void channel::lose_one() noexcept {
  debts_.drops.fetch_add(1, std::memory_order_acq_rel);  // after all that was published before: see front()
  // relaxed: a statistic; the dropped event carries the number in order
  dropped_.store(dropped_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  note_news();
}

FOXTROT_DECL void channel::publish_status(const slot& room, const status_record& record, line_tag tag) noexcept {
  if (room.payload != nullptr) {
    room.payload->emplace<status_record>() = record;
    publish(room, 0, tag);
  } else if (is_connection_state(record.code)) {
    debts_.state.store(0, record, ++debts_.states, tag);
    debts_.has_state.store(true, std::memory_order_release);  // after the state itself
  }
}

FOXTROT_DECL void channel::wake_consumer() noexcept {
  if (!news_) return;
  news_ = false;
  consumer_spot_.wake();
}

FOXTROT_DECL void channel::close_by_producer() noexcept {
  producer_closed_.store(true, std::memory_order_release);
  consumer_spot_.wake();
}

FOXTROT_DECL void channel::interrupt(bool on) noexcept {
  interrupted_.store(on, std::memory_order_release);
  producer_spot_.wake();
}

FOXTROT_DECL void channel::close_by_consumer() noexcept {
  consumer_closed_.store(true, std::memory_order_release);
  producer_spot_.wake();
}

FOXTROT_DECL void channel::nudge_consumer() noexcept { consumer_spot_.wake(); }

FOXTROT_DECL bool channel::pay_debts() noexcept {
  constexpr std::size_t lines = 3;  // those two and the next event
  if (ring_.free_lines(lines) < lines) return false;
  const std::unique_lock lock{debts_.mutex, std::try_to_lock};
  if (!lock) return false;  // the consumer is just telling: this one is lost, too
  if (const std::uint64_t lost = debts_.drops.exchange(0, std::memory_order_acq_rel); lost != 0) {
    put(told_of(lost), status_tag);
  }
  if (const auto state = take_state()) put(state->first, state->second);
  news_ = true;
  return true;
}

FOXTROT_DECL waiting_event channel::tell_debts() noexcept {
  const std::lock_guard lock{debts_.mutex};
  if (!in_debt()) return {};
  if (const tick_payload* oldest = ring_.front()) return shown(*oldest);
  if (const std::uint64_t lost = debts_.drops.exchange(0, std::memory_order_acq_rel); lost != 0) {
    last_words_.emplace<status_record>() = told_of(lost);
    last_words_tag_ = status_tag;
    has_last_words_ = true;
  } else if (const auto state = take_state()) {
    last_words_.emplace<status_record>() = state->first;
    last_words_tag_ = state->second;
    has_last_words_ = true;
  } else {
    return {};
  }
  return {&last_words_, last_words_tag_, {}};
}

FOXTROT_DECL void channel::put(const status_record& record, line_tag tag) noexcept {
  ring_.try_claim()->emplace<status_record>() = record;
  ring_.publish(tag);
}

FOXTROT_DECL bool channel::given_up() const noexcept {
  return interrupted_.load(std::memory_order_acquire) || closed_by_consumer();
}

FOXTROT_DECL channel::slot channel::claim(std::size_t level_count) noexcept {
  slot room = try_claim(level_count);
  if (room.payload == nullptr && when_full_ == overflow::block) room = wait_for_room(level_count);
  if (room.payload == nullptr) lose_one();
  return room;
}

FOXTROT_DECL channel::slot channel::wait_for_room(std::size_t level_count) noexcept {
  // A consumer that reads less than what it wakes us for may be waiting for what we have for another queue.
  constexpr parking_spot::duration look_again = std::chrono::milliseconds{1};
  wake_consumer();  // it may sleep on what this drain has already published
  adaptive_idle waiting{producer_spot_, look_again, {.spins = 256, .yields = 0}};
  while (!given_up()) {
    if (slot room = try_claim(level_count); room.payload != nullptr) return room;
    if (level_count > levels_.capacity()) break;  // will never fit
    waiting.idle(0);
  }
  return {};
}

FOXTROT_DECL std::optional<std::pair<status_record, line_tag>> channel::take_state() noexcept {
  // acquire: the state that was announced; a later one announces itself again
  if (!debts_.has_state.exchange(false, std::memory_order_acq_rel)) return std::nullopt;
  std::pair<status_record, line_tag> last{};
  std::uint64_t number = 0;
  if (!debts_.state.try_load(0, last.first, number, last.second) || number == debts_.told) return std::nullopt;
  debts_.told = number;
  return last;
}

}  // namespace foxtrot::inline v0::detail
