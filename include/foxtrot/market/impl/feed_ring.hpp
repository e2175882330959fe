// foxtrot/market/impl/feed_ring.hpp: what detail/feed_ring.hpp declares.
#pragma once

#include <foxtrot/market/detail/consumer_filter.hpp>
#include <foxtrot/market/detail/event_body.hpp>
#include <foxtrot/market/detail/feed_ring.hpp>
#include <foxtrot/market/detail/waiting_event.hpp>
#include <foxtrot/market/event.hpp>
#include <foxtrot/market/kinds.hpp>
#include <foxtrot/market/status.hpp>
#include <foxtrot/market/subscription_settings.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace foxtrot::inline v0::detail {

FOXTROT_DECL feed_ring::feed_ring(const ring_settings& settings, const symbol_table& symbols)
    : events_{settings.capacity < 4 ? 4 : settings.capacity, memory_or_heap(settings.memory)},
      levels_{settings.level_capacity, memory_or_heap(settings.memory)},
      symbols_{symbols} {}

FOXTROT_DECL void feed_ring::publish(const tick_payload& line, tick_tag tag, std::span<const raw_level> body) noexcept {
  if (body.empty()) return put(line, tag.packed());
  tick_payload copy = line;
  // `refused`, where it is longer than the arena, is a position that no reader finds anything at
  set_body_position(copy, levels_.publish(body));
  put(copy, tag.packed());
}

FOXTROT_DECL void feed_ring::publish_status(const status_record& record, line_tag tag) noexcept {
  if (is_connection_state(record.code)) connection_.store(0, record, events_.published(), tag);
  tick_payload line;
  line.emplace<status_record>() = record;
  put(line, tag);
}

FOXTROT_DECL void feed_ring::wake_consumers() noexcept {
  if (!news_) return;
  news_ = false;
  spot_.wake();
}

FOXTROT_DECL void feed_ring::close() noexcept {
  closed_.store(true, std::memory_order_release);  // after the last event
  spot_.wake();
}

FOXTROT_DECL void feed_ring::enter(const consumer_filter& wanted) noexcept {
  count_kinds(wanted, 1);
  readers_.fetch_add(1, std::memory_order_release);
}

FOXTROT_DECL void feed_ring::leave(const consumer_filter& wanted) noexcept {
  readers_.fetch_sub(1, std::memory_order_release);
  count_kinds(wanted, std::uint32_t{0} - 1);  // one less
}

FOXTROT_DECL void feed_ring::count_kinds(const consumer_filter& wanted, std::uint32_t more) noexcept {
  for (std::size_t i = 0; i < tick_kind_count; ++i) {
    if (wanted.wants(static_cast<tick_kind>(i))) wanting_[i].fetch_add(more, std::memory_order_release);
  }
}

FOXTROT_DECL void feed_ring::put(const tick_payload& line, line_tag tag) noexcept {
  events_.publish(line, tag);
  news_ = true;
}

FOXTROT_DECL std::optional<feed_ring::state> feed_ring::connection_before(std::uint64_t position) const noexcept {
  state found{};
  std::uint64_t at = 0;
  if (!connection_.try_load(0, found.record, at, found.tag) || at >= position) return std::nullopt;
  return found;
}

}  // namespace foxtrot::inline v0::detail
