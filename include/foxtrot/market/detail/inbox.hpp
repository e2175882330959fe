// foxtrot/market/detail/inbox.hpp: where a subscription's events come from, by whatever policy.
#pragma once

#include <foxtrot/core/detail/stamp_clocks.hpp>
#include <foxtrot/core/live_object.hpp>
#include <foxtrot/market/channel.hpp>
#include <foxtrot/market/detail/conflated_channel.hpp>
#include <foxtrot/market/detail/consumer_latency.hpp>
#include <foxtrot/market/detail/feed_cursor.hpp>
#include <foxtrot/market/detail/merged_inbox.hpp>
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
#include <variant>

namespace foxtrot::inline v0::detail {

/// One of the three kinds of queue, as its reader sees it, and what has to be told between its events; or several such.
/// leave(), left(), nudge(), latest() and latency() may be called from any thread, the rest from the one that reads.
class inbox : private live_object<inbox> {
  // Not std::visit, which could throw and calls through a table.
  template <class Action>
  [[gnu::always_inline]] decltype(auto) with(Action&& action) noexcept {
    if (auto* ring = std::get_if<std::unique_ptr<feed_cursor>>(&from_)) return action(**ring);
    if (auto* own = std::get_if<std::shared_ptr<channel>>(&from_)) return action(**own);
    if (auto* table = std::get_if<std::shared_ptr<conflated_channel>>(&from_)) return action(**table);
    return action(**std::get_if<std::unique_ptr<merged_inbox<inbox>>>(&from_));
  }

 public:
  using source = std::variant<std::unique_ptr<feed_cursor>, std::shared_ptr<channel>,
                              std::shared_ptr<conflated_channel>, std::unique_ptr<merged_inbox<inbox>>>;

  inbox(source from, symbol_states states) : from_{std::move(from)}, states_{std::move(states)} {}

  /// The oldest event, in place until pop(). Nothing while take() holds one.
  [[nodiscard, gnu::always_inline]] waiting_event front() noexcept {
    if (telling_) return {&told_, status_tag, {}};
    const waiting_event oldest = with([](auto& from) { return from.front(); });
    if (!states_.compared() && !is_status(oldest)) [[unlikely]] {
      if (const auto news = states_.news_before(oldest)) {
        told_.emplace<status_record>() = *news;
        telling_ = true;
        return {&told_, status_tag, {}};
      }
    }
    return oldest;
  }
  [[gnu::always_inline]] void pop(const waiting_event& oldest) noexcept {
    if (oldest.payload == &told_) {
      telling_ = false;
      return;
    }
    states_.note(oldest);
    with([&oldest](auto& from) { from.pop(oldest); });
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
  void measure(kind_set kinds, stamp_clocks clocks) { latency_ = std::make_unique<consumer_latency>(kinds, clocks); }
  /// How old is it?
  void see(const waiting_event& next) noexcept {
    if (latency_ != nullptr) return latency_->see(next);
    if (auto* several = std::get_if<std::unique_ptr<merged_inbox<inbox>>>(&from_)) (*several)->see(next);
  }
  [[nodiscard]] latency_report latency() const {
    if (latency_ != nullptr) return latency_->report();
    const auto* several = std::get_if<std::unique_ptr<merged_inbox<inbox>>>(&from_);
    return several != nullptr ? (*several)->latency() : latency_report{};
  }

  /// After one or more pops; whether the last look found nothing more.
  void wake_producer(bool drained) noexcept {
    with([drained](auto& from) { from.wake_producer(drained); });
  }
  [[nodiscard]] bool closed_by_producer() noexcept {
    return with([](auto& from) { return from.closed_by_producer(); });
  }
  [[nodiscard]] parking_spot& spot() noexcept {
    return with([](auto& from) -> parking_spot& { return from.consumer_spot(); });
  }
  [[nodiscard]] const symbol_table& symbols() noexcept {
    return with([](auto& from) -> const symbol_table& { return from.symbols(); });
  }
  [[nodiscard]] std::size_t capacity() noexcept {
    return with([](auto& from) { return from.capacity(); });
  }
  [[nodiscard]] std::uint64_t dropped() noexcept {
    return with([](auto& from) { return from.dropped(); });
  }

  /// As conflated_channel::latest, but nothing of a symbol that is stale, and nothing from queues.
  template <event_handler Told>
  bool latest(tick_kind kind, symbol_key of, std::uint8_t part, Told&& told) const {
    if (const auto* several = std::get_if<std::unique_ptr<merged_inbox<inbox>>>(&from_))
      return (*several)->latest(kind, of, part, told);
    const auto* table = std::get_if<std::shared_ptr<conflated_channel>>(&from_);
    if (table == nullptr) return false;
    const symbol_id symbol = of.in((*table)->symbols());
    return !states_.is_stale(symbol) && (*table)->latest(kind, symbol, part, told);
  }

  /// Deregisters the consumer.
  void leave() noexcept {
    left_.store(true, std::memory_order_release);
    with([](auto& from) { from.close_by_consumer(); });
    nudge();
  }
  [[nodiscard]] bool left() const noexcept { return left_.load(std::memory_order_acquire); }
  /// Makes a waiting consumer look again, at a stop token for example.
  void nudge() noexcept { spot().wake(); }

 private:
  [[nodiscard]] static bool is_status(const waiting_event& event) noexcept {
    return event.payload != nullptr && tick_tag::unpack(event.tag).kind == tick_kind::status;
  }

  source from_;
  symbol_states states_;
  std::unique_ptr<consumer_latency> latency_;
  bool held_{false};
  bool telling_{false};  // told_ comes next
  tick_payload told_;
  std::atomic<bool> left_{false};
};

}  // namespace foxtrot::inline v0::detail
