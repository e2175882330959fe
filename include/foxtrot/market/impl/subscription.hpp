// foxtrot/market/impl/subscription.hpp: what subscription.hpp declares.
#pragma once

#include <foxtrot/core/heartbeat.hpp>
#include <foxtrot/market/detail/event_taker.hpp>
#include <foxtrot/market/detail/inbox.hpp>
#include <foxtrot/market/detail/symbol_key.hpp>
#include <foxtrot/market/event.hpp>
#include <foxtrot/market/kinds.hpp>
#include <foxtrot/market/latency_report.hpp>
#include <foxtrot/market/subscription.hpp>
#include <foxtrot/queue/idle.hpp>
#include <foxtrot/queue/idle_strategy.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <new>
#include <optional>
#include <stop_token>
#include <utility>

namespace foxtrot::inline v0 {

FOXTROT_DECL bool subscription::held::take(detail::inbox& from) noexcept {
  if (from.left() || from.held()) return false;
  item_ = from.front();
  if (item_.payload == nullptr) {
    from.drained();
    return false;
  }
  ::new (static_cast<void*>(&event_)) event{*item_.payload, item_.tag, item_.body, from.symbols()};
  from_ = &from;
  from.hold(item_);
  return true;
}
FOXTROT_DECL void subscription::held::give_back() noexcept {
  if (from_ == nullptr) return;
  from_->release();
  std::exchange(from_, nullptr)->pop(item_);
}

FOXTROT_DECL subscription::producer_waker::~producer_waker() { to.wake_producer(); }

FOXTROT_DECL bool subscription::latest_event(tick_kind kind, detail::symbol_key symbol, std::uint8_t part,
                                             detail::event_taker told) const {
  return inbox_ != nullptr && inbox_->latest(kind, symbol, part, told);
}

FOXTROT_DECL bool subscription::wait(const std::stop_token& stop, std::optional<duration> patience) {
  if (inbox_ == nullptr) return false;
  detail::inbox& from = *inbox_;
  const std::stop_callback wake_on_stop{stop, [&from]() noexcept { from.nudge(); }};
  return wait_on(from, waiting_, stop, patience);
}

FOXTROT_DECL bool subscription::wait_on(detail::inbox& from, idle waiting, const std::stop_token& stop,
                                        std::optional<duration> patience) {
  const auto ready = [&from] { return from.front().payload != nullptr; };
  constexpr unsigned rounds_per_clock = 64;
  constexpr std::chrono::milliseconds some_turns{100};  // of Linux's scheduler, whose slices are of a few
  if (from.left() || from.held()) return false;
  beat();
  if (ready()) return !stop.stop_requested();
  from.drained();
  const expected_silence no_stall;  // a quiet market is none
  const auto start = std::chrono::steady_clock::now();
  constexpr auto never = std::chrono::steady_clock::time_point::max();
  const auto deadline = patience && *patience < never - start ? start + *patience : never;
  // Where nothing may be lost, throughput is what counts, and after many events more are on their way. If another
  // thread wants this core, let it have its turn and find many again: to sleep and be woken for each few costs that
  // thread, the producer and this one far more than the events.
  const bool yields = from.end_long_run() && (!patience || *patience >= some_turns);
  chosen_idle idler{waiting, from.spot(), {}, yields ? 1U : 0U};
  for (unsigned round = 1;; ++round) {
    if (stop.stop_requested() || from.left()) return false;
    if (ready()) return true;
    if (from.closed_by_producer()) return ready();
    if (deadline != never && (idler.about_to_sleep() || round % rounds_per_clock == 0)) {
      const auto left = deadline - std::chrono::steady_clock::now();
      if (left <= duration::zero()) return false;
      idler.set_patience(left);
    }
    idler.idle(0);
  }
}

FOXTROT_DECL bool subscription::closed() const noexcept {
  return inbox_ == nullptr || (inbox_->closed_by_producer() && inbox_->front().payload == nullptr);
}

FOXTROT_DECL std::uint64_t subscription::dropped() const noexcept { return inbox_ != nullptr ? inbox_->dropped() : 0; }

FOXTROT_DECL std::size_t subscription::capacity() const noexcept { return inbox_ != nullptr ? inbox_->capacity() : 0; }

FOXTROT_DECL latency_report subscription::latency() const {
  return inbox_ != nullptr ? inbox_->latency() : latency_report{};
}

FOXTROT_DECL void subscription::cancel() noexcept {
  if (inbox_ != nullptr) inbox_->leave();
  inbox_.reset();
}

FOXTROT_DECL subscription::range::range(subscription& from, std::stop_token stop, std::optional<duration> patience)
    : inbox_{from.inbox_}, waiting_{from.waiting_}, stop_{std::move(stop)}, patience_{patience} {
  if (inbox_ != nullptr) wake_on_stop_.emplace(stop_, nudge{inbox_.get()});
}

FOXTROT_DECL subscription::range::~range() { leave(); }

FOXTROT_DECL void subscription::range::nudge::operator()() const noexcept { to->nudge(); }

FOXTROT_DECL void subscription::range::leave() noexcept {
  if (!current_) return;
  current_.give_back();
  inbox_->wake_producer();
}
// What is there already; most events of a burst are.
FOXTROT_DECL bool subscription::range::take() {
  if (stop_.stop_requested()) return false;
  beat();
  return current_.take(*inbox_);
}
FOXTROT_DECL void subscription::range::next() {
  leave();
  if (inbox_ != nullptr && !take()) wait_and_take();
}
FOXTROT_DECL void subscription::range::wait_and_take() {
  if (wait_on(*inbox_, waiting_, stop_, patience_)) (void)current_.take(*inbox_);
}

}  // namespace foxtrot::inline v0
