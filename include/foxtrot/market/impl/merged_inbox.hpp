// foxtrot/market/impl/merged_inbox.hpp: several inboxes that are read as one.
#pragma once

#include <foxtrot/core/live_object.hpp>
#include <foxtrot/market/detail/inbox.hpp>
#include <foxtrot/market/detail/joint_status.hpp>
#include <foxtrot/market/detail/symbol_key.hpp>
#include <foxtrot/market/detail/waiting_event.hpp>
#include <foxtrot/market/event.hpp>
#include <foxtrot/market/kinds.hpp>
#include <foxtrot/market/latency_report.hpp>
#include <foxtrot/market/status.hpp>
#include <foxtrot/market/symbol.hpp>
#include <foxtrot/market/time_offset.hpp>
#include <foxtrot/queue/parking_spot.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace foxtrot::inline v0::detail {

/// Takes from one after the other, up to `run` events each time, so that none waits long for the others and their lines
/// stay in the cache for a while. The order of each stays; between them there is none. The threads are an inbox's.
class merged_inbox : private live_object<merged_inbox> {
 public:
  /// Events of one part before the next has its turn.
  static constexpr unsigned run = 8;

  /// At least one. With `as_one` they are parts of one feed, and it decides about their statuses.
  explicit merged_inbox(std::vector<std::shared_ptr<inbox>> parts, std::optional<joint_status> as_one = {})
      : as_one_{std::move(as_one)} {
    parts_.reserve(parts.size());
    for (auto& each : parts) {
      spot_.listen_to(each->spot());
      parts_.push_back({std::move(each)});
    }
  }
  merged_inbox(const merged_inbox&) = delete;
  merged_inbox& operator=(const merged_inbox&) = delete;

  [[nodiscard]] [[gnu::noinline]] waiting_event front() noexcept {
    if (shown_.payload != nullptr) return shown_;
    for (std::size_t empty = 0; empty < parts_.size();) {
      part& next = parts_[at_];
      const waiting_event oldest = next.from->held() ? waiting_event{} : next.from->front();
      if (oldest.payload == nullptr) {
        ++empty;
      } else if (is_told(oldest)) {
        return shown_ = oldest;
      } else {
        next.from->pop(oldest);
        next.popped = true;
        empty = 0;
      }
      move_on();  // also after what is not told: a newcomer hears all parts' states before ticks
    }
    return {};
  }
  [[gnu::noinline]] void pop(const waiting_event&) noexcept {
    parts_[at_].from->pop(std::exchange(shown_, {}));
    parts_[at_].popped = true;
    if (--left_ == 0) move_on();
  }

  /// The part whose event is in front measures.
  void see(const waiting_event& next) noexcept { parts_[at_].from->see(next); }

  /// Each part by itself: others may go on for ever.
  [[gnu::noinline]] void wake_producers() noexcept {
    for (part& each : parts_) {
      if (std::exchange(each.popped, false)) each.from->wake_producer();
    }
  }
  void drained() noexcept {
    for (const part& each : parts_) each.from->drained();
  }
  [[nodiscard]] bool closed_by_producer() const noexcept {
    return std::ranges::all_of(parts_, [](const part& each) { return each.from->closed_by_producer(); });
  }
  void close_by_consumer() noexcept {
    for (const part& each : parts_) each.from->leave();
  }
  /// Hears of all parts'.
  [[nodiscard]] parking_spot& consumer_spot() noexcept { return spot_; }
  /// Those of the event in front.
  [[nodiscard]] const symbol_table& symbols() const noexcept { return parts_[at_].from->symbols(); }
  [[nodiscard]] std::size_t capacity() const noexcept {
    std::size_t sum = 0;
    for (const part& each : parts_) sum += each.from->capacity();
    return sum;
  }

  // --- any thread ---

  [[nodiscard]] std::uint64_t dropped() const noexcept {
    std::uint64_t sum = 0;
    for (const part& each : parts_) sum += each.from->dropped();
    return sum;
  }
  [[nodiscard]] latency_report latency() const {
    latency_report all;
    for (const part& each : parts_) all.merge(each.from->latency());
    return all;
  }
  /// Of several that have one, the one that was received last.
  bool latest(tick_kind kind, symbol_key of, std::uint8_t which, event_taker told) const {
    const inbox* newest = nullptr;
    timestamp newest_at{};
    for (const part& each : parts_) {
      finding found;
      if (!each.from->latest(kind, of, which, found)) continue;
      if (newest == nullptr || found.at > newest_at) newest = each.from.get(), newest_at = found.at;
    }
    return newest != nullptr && newest->latest(kind, of, which, told);
  }

 private:
  struct finding {
    timestamp at{};
    void operator()(const event& found) noexcept { at = found.received(); }
  };
  struct part {
    std::shared_ptr<inbox> from;
    bool popped{false};  // since its producer was woken last
  };

  [[nodiscard]] bool is_told(const waiting_event& oldest) noexcept {
    if (tick_tag::kind_of(oldest.tag) != tick_kind::status || !as_one_) return true;
    return as_one_->passes(at_, oldest.payload->as<status_record>());
  }
  void move_on() noexcept {
    at_ = at_ + 1 == parts_.size() ? 0 : at_ + 1;
    left_ = run;
  }

  std::vector<part> parts_;
  parking_spot spot_;  // goes before what it listens to
  std::optional<joint_status> as_one_;
  waiting_event shown_;  // the front of parts_[at_], until pop()
  std::size_t at_{0};
  unsigned left_{run};
};

}  // namespace foxtrot::inline v0::detail
