// foxtrot/market/detail/inbox.hpp: where a subscription's events come from, by whatever policy.
#pragma once

#include <foxtrot/market/channel.hpp>
#include <foxtrot/market/detail/conflated_channel.hpp>
#include <foxtrot/market/detail/feed_cursor.hpp>
#include <foxtrot/market/detail/waiting_event.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <variant>

namespace foxtrot::inline v0::detail {

/// One of the three kinds of queue, as its reader sees it: see channel for what each function means. leave() and
/// nudge() may be called from any thread, the rest from the one that reads.
class inbox {
  // Not std::visit, which could throw and calls through a table.
  template <class Action>
  decltype(auto) with(Action&& action) noexcept {
    if (auto* ring = std::get_if<std::unique_ptr<feed_cursor>>(&from_)) return action(**ring);
    if (auto* own = std::get_if<std::shared_ptr<channel>>(&from_)) return action(**own);
    return action(**std::get_if<std::shared_ptr<conflated_channel>>(&from_));
  }

 public:
  explicit inbox(std::shared_ptr<channel> from) noexcept : from_{std::move(from)} {}
  explicit inbox(std::shared_ptr<conflated_channel> from) noexcept : from_{std::move(from)} {}
  explicit inbox(std::unique_ptr<feed_cursor> from) noexcept : from_{std::move(from)} {}

  [[nodiscard]] waiting_event front() noexcept {
    return with([](auto& from) { return from.front(); });
  }
  void pop(const waiting_event& oldest) noexcept {
    with([&oldest](auto& from) { from.pop(oldest); });
  }
  void wake_producer() noexcept {
    with([](auto& from) { from.wake_producer(); });
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

  /// Deregisters the consumer.
  void leave() noexcept {
    left_.store(true, std::memory_order_release);
    if (auto* own = std::get_if<std::shared_ptr<channel>>(&from_)) (*own)->close_by_consumer();
    if (auto* own = std::get_if<std::shared_ptr<conflated_channel>>(&from_)) (*own)->close_by_consumer();
    nudge();
  }
  [[nodiscard]] bool left() const noexcept { return left_.load(std::memory_order_acquire); }
  /// Makes a waiting consumer look again, at a stop token for example.
  void nudge() noexcept { spot().wake(); }

 private:
  std::variant<std::unique_ptr<feed_cursor>, std::shared_ptr<channel>, std::shared_ptr<conflated_channel>> from_;
  std::atomic<bool> left_{false};
};

}  // namespace foxtrot::inline v0::detail
