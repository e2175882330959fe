// foxtrot/market/impl/feed_cursor.hpp: what detail/feed_cursor.hpp declares.
#pragma once

#include <foxtrot/market/detail/consumer_filter.hpp>
#include <foxtrot/market/detail/feed_cursor.hpp>
#include <foxtrot/market/detail/feed_ring.hpp>
#include <foxtrot/market/detail/waiting_event.hpp>

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

namespace foxtrot::inline v0::detail {

FOXTROT_DECL feed_cursor::feed_cursor(std::shared_ptr<feed_ring> ring, consumer_filter filter)
    : ring_{std::move(ring)},
      filter_{std::move(filter)},
      reader_{ring_->events()},
      connection_{ring_->connection_before(reader_.position())},
      body_{std::make_unique_for_overwrite<raw_level[]>(ring_->levels().capacity())} {
  ring_->enter(filter_);
}

FOXTROT_DECL feed_cursor::~feed_cursor() { ring_->leave(filter_); }

FOXTROT_DECL void feed_cursor::lose(std::uint64_t count) noexcept {
  untold_ += count;
  dropped_.store(dropped_.load(std::memory_order_relaxed) + count, std::memory_order_relaxed);
  connection_ = ring_->connection_before(reader_.position());
}

FOXTROT_DECL bool feed_cursor::hold(const status_record& record, line_tag tag) noexcept {
  line_.emplace<status_record>() = record;
  tag_ = tag;
  body_size_ = 0;
  return held_ = true;
}

FOXTROT_DECL std::size_t feed_cursor::capacity() const noexcept { return ring_->events().capacity(); }

FOXTROT_DECL bool feed_cursor::closed_by_producer() const noexcept { return ring_->closed(); }

FOXTROT_DECL parking_spot& feed_cursor::consumer_spot() noexcept { return ring_->spot(); }

FOXTROT_DECL bool feed_cursor::tell_now() noexcept {
  if (untold_ != 0) return hold(told_of(std::exchange(untold_, 0)), status_tag);
  if (const auto state = std::exchange(connection_, std::nullopt)) return hold(state->record, state->tag);
  return false;
}

}  // namespace foxtrot::inline v0::detail
