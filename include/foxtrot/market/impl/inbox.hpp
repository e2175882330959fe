// foxtrot/market/impl/inbox.hpp: what detail/inbox.hpp declares.
#pragma once

#include <foxtrot/core/detail/stamp_clocks.hpp>
#include <foxtrot/market/channel.hpp>
#include <foxtrot/market/detail/conflated_channel.hpp>
#include <foxtrot/market/detail/consumer_latency.hpp>
#include <foxtrot/market/detail/feed_cursor.hpp>
#include <foxtrot/market/detail/inbox.hpp>
#include <foxtrot/market/detail/symbol_key.hpp>
#include <foxtrot/market/detail/symbol_states.hpp>
#include <foxtrot/market/detail/waiting_event.hpp>
#include <foxtrot/market/impl/merged_inbox.hpp>
#include <foxtrot/market/kinds.hpp>
#include <foxtrot/market/latency_report.hpp>
#include <foxtrot/market/status.hpp>
#include <foxtrot/market/symbol.hpp>
#include <foxtrot/queue/parking_spot.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

namespace foxtrot::inline v0::detail {

template <class Action>
decltype(auto) inbox::with(Action&& action) noexcept {
  if (from_.ring != nullptr) return action(*from_.ring);
  if (from_.own != nullptr) return action(*from_.own);
  if (from_.table != nullptr) return action(*from_.table);
  return action(*from_.several);
}

FOXTROT_DECL inbox_source::inbox_source(std::unique_ptr<feed_cursor> from) : ring{std::move(from)} {}

FOXTROT_DECL inbox::inbox(source from, symbol_states states)
    : from_{std::move(from)},
      symbols_{from_.several != nullptr ? nullptr
                                        : &with([](auto& queue) -> const symbol_table& { return queue.symbols(); })},
      states_{std::move(states)} {}
FOXTROT_DECL inbox::~inbox() = default;

FOXTROT_DECL waiting_event inbox::front_elsewhere() noexcept {
  if (from_.ring != nullptr) return from_.ring->front();
  return from_.table != nullptr ? from_.table->front() : from_.several->front();
}
FOXTROT_DECL void inbox::pop_elsewhere(const waiting_event& oldest) noexcept {
  if (from_.ring != nullptr) return from_.ring->pop(oldest);
  if (from_.table != nullptr) return from_.table->pop(oldest);
  from_.several->pop(oldest);
}
FOXTROT_DECL void inbox::see_elsewhere(const waiting_event& next) noexcept { from_.several->see(next); }
FOXTROT_DECL void inbox::wake_producers() noexcept { from_.several->wake_producers(); }
FOXTROT_DECL void inbox::drained() noexcept {
  if (from_.own != nullptr) return from_.own->drained();
  if (from_.several != nullptr) from_.several->drained();
}
FOXTROT_DECL const symbol_table& inbox::symbols_of_part() noexcept { return from_.several->symbols(); }
FOXTROT_DECL waiting_event inbox::after_news(const waiting_event& oldest) noexcept {
  const auto news = states_.news_before(oldest);
  if (!news) return oldest;
  told_.emplace<status_record>() = *news;
  telling_ = true;
  return {&told_, status_tag, {}};
}

FOXTROT_DECL void inbox::measure(kind_set kinds, stamp_clocks clocks) {
  latency_ = owner{new consumer_latency{kinds, clocks}};
}
FOXTROT_DECL latency_report inbox::latency() const {
  if (latency_ != nullptr) return latency_->report();
  return from_.several != nullptr ? from_.several->latency() : latency_report{};
}

FOXTROT_DECL bool inbox::closed_by_producer() noexcept {
  return with([](auto& from) { return from.closed_by_producer(); });
}
FOXTROT_DECL parking_spot& inbox::spot() noexcept {
  return with([](auto& from) -> parking_spot& { return from.consumer_spot(); });
}
FOXTROT_DECL std::size_t inbox::capacity() noexcept {
  return with([](auto& from) { return from.capacity(); });
}
FOXTROT_DECL std::uint64_t inbox::dropped() noexcept {
  return with([](auto& from) { return from.dropped(); });
}

FOXTROT_DECL bool inbox::latest(tick_kind kind, symbol_key of, std::uint8_t part, event_taker told) const {
  if (from_.several != nullptr) return from_.several->latest(kind, of, part, told);
  if (from_.table == nullptr) return false;
  const symbol_id symbol = of.in(from_.table->symbols());
  return !states_.is_stale(symbol) && from_.table->latest(kind, symbol, part, told);
}

FOXTROT_DECL void inbox::leave() noexcept {
  left_.store(true, std::memory_order_release);
  with([](auto& from) { from.close_by_consumer(); });
  nudge();
}
FOXTROT_DECL void inbox::nudge() noexcept { spot().wake(); }

}  // namespace foxtrot::inline v0::detail
