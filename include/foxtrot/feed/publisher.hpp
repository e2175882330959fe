// foxtrot/feed/publisher.hpp: the producer's end of all subscriptions of one feed.
#pragma once

#include <foxtrot/core/clock.hpp>
#include <foxtrot/core/error.hpp>
#include <foxtrot/core/result.hpp>
#include <foxtrot/feed/continuity.hpp>
#include <foxtrot/feed/counters.hpp>
#include <foxtrot/feed/inline_consumer.hpp>
#include <foxtrot/market/channel.hpp>
#include <foxtrot/market/event.hpp>
#include <foxtrot/market/kinds.hpp>
#include <foxtrot/market/status.hpp>
#include <foxtrot/market/subscription.hpp>
#include <foxtrot/market/symbol.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace foxtrot::inline v0 {

/// Gives every event to every consumer that wants it. Consumers come and go from any thread; publishing belongs to the
/// network thread, goes through a `batch`, and takes no lock per event, allocates nothing, and enters the kernel only
/// to wake a sleeper, once per batch.
///
/// A tick is written once: in place where there is a single queue, else into a scratch line that each queue copies.
class publisher {
 public:
  class batch;

  explicit publisher(symbol_table& symbols = symbol_table::shared()) : symbols_{symbols} {}
  publisher(const publisher&) = delete;
  publisher& operator=(const publisher&) = delete;
  ~publisher() { close(); }

  /// A new consumer, from any thread. It gets the state of the connection first. errc::bad_argument for a symbol that
  /// cannot be a name, errc::closed after close().
  [[nodiscard]] result<subscription> subscribe(const subscription_settings& wanted) {
    auto filter = detail::consumer_filter::make(wanted, symbols_);
    if (!filter) return filter.error();
    const auto shared = std::make_shared<detail::channel>(wanted, symbols_);
    const std::lock_guard lock{mutex_};
    if (closed_) return errc::closed;
    all_.push_back({std::move(*filter), shared});
    changed_.store(true, std::memory_order_release);
    return subscription{shared, wanted.waiting};
  }

  /// A handler that runs on the network thread for every event that `wanted` lets through: no queue and no hand-off,
  /// but it must be quick and must not block. Its exceptions are counted and go no further. Any thread; errors as
  /// above.
  [[nodiscard]] result<inline_subscription> subscribe_inline(const subscription_settings& wanted,
                                                             inline_handler handler) {
    auto filter = detail::consumer_filter::make(wanted, symbols_);
    if (!filter) return filter.error();
    {
      const std::lock_guard lock{mutex_};
      if (closed_) return errc::closed;
    }
    return inline_.add(std::move(*filter), std::move(handler));
  }

  /// While true, a network thread does not wait for room in a full queue: what does not fit is lost and counted. A wait
  /// under way ends. Any thread.
  void interrupt(bool on = true) {
    const std::lock_guard lock{mutex_};
    interrupted_ = on;
    for (const auto& each : all_) each.queue->interrupt(on);
  }

  /// No more events: consumers read what is there and then see the end. Idempotent; not while a batch is open.
  void close() {
    const std::lock_guard lock{mutex_};
    closed_ = true;
    for (const auto& each : all_) each.queue->close_by_producer();
    all_.clear();
    current_.clear();
  }

  [[nodiscard]] symbol_table& symbols() const noexcept { return symbols_; }
  [[nodiscard]] feed_counters& counters() noexcept { return counters_; }
  [[nodiscard]] const feed_counters& counters() const noexcept { return counters_; }

 private:
  struct consumer {
    detail::consumer_filter filter;
    std::shared_ptr<detail::channel> queue;
  };

  // Network thread, once per batch: who is there now?
  void look_for_changes() {
    const bool gone =
        std::any_of(current_.begin(), current_.end(), [](const auto& c) { return c.queue->closed_by_consumer(); });
    if (!gone && !changed_.load(std::memory_order_acquire)) return;
    const std::lock_guard lock{mutex_};
    changed_.store(false, std::memory_order_relaxed);  // under the mutex
    std::erase_if(all_, [](const auto& c) { return c.queue->closed_by_consumer(); });
    for (const auto& each : all_) {
      const bool known =
          std::any_of(current_.begin(), current_.end(), [&](const auto& c) { return c.queue == each.queue; });
      if (known) continue;
      if (interrupted_) each.queue->interrupt(true);
      if (state_) each.queue->publish_status(each.queue->claim(0), *state_, state_tag_.packed());
    }
    current_ = all_;
  }

  symbol_table& symbols_;
  feed_counters counters_;
  inline_consumers inline_;

  std::mutex mutex_;  // guards all_, closed_, interrupted_
  std::vector<consumer> all_;
  bool closed_{false};
  bool interrupted_{false};
  std::atomic<bool> changed_{false};

  // the network thread's own
  std::vector<consumer> current_;
  std::optional<status_record> state_;  // of the connection: what a newcomer is told
  tick_tag state_tag_;
  continuity continuity_;
  std::vector<raw_level> scratch_levels_;
  tick_payload scratch_;
};

/// Everything that is published during one drain of a socket: one at a time, network thread. Its end wakes the
/// sleepers.
class publisher::batch {
 public:
  explicit batch(publisher& to) : to_{to}, handlers_{to.inline_.lock()} {
    to_.look_for_changes();
    if (!handlers_.empty() && to_.state_) greet_handlers();
  }
  batch(const batch&) = delete;
  batch& operator=(const batch&) = delete;
  ~batch() {
    for (const auto& each : to_.current_) each.queue->wake_consumer();
  }

  /// Where a decoder writes the next tick: one line, and room for `max_levels` price levels. Both are the decoder's
  /// until publish(), or until the next draft, which forgets an unpublished one.
  struct draft {
    tick_payload* payload;
    std::span<raw_level> levels;
  };
  [[nodiscard]] draft begin(std::size_t max_levels = 0) {
    in_place_ = {};
    if (to_.current_.size() == 1 && handlers_.empty()) in_place_ = to_.current_.front().queue->try_claim(max_levels);
    if (in_place_.payload != nullptr) return draft_ = {in_place_.payload, in_place_.body.elements};
    if (to_.scratch_levels_.size() < max_levels) to_.scratch_levels_.resize(max_levels);  // grows to the largest, once
    return draft_ = {&to_.scratch_, std::span{to_.scratch_levels_}.first(max_levels)};
  }

  /// Gives the draft, with its first `level_count` levels, to everyone who wants it. Where the venue's ids show a hole
  /// before it, everyone hears of that first.
  void publish(tick_tag tag, symbol_id symbol, std::size_t level_count = 0) {
    if (const auto hole = to_.continuity_.follow(tag, symbol, *draft_.payload)) [[unlikely]] {
      withdraw(level_count);
      publish_gap(*hole, tag, symbol);
    }
    to_.counters_.ticks[static_cast<std::size_t>(tag.kind)].add();
    if (in_place_.payload != nullptr) {
      const consumer& only = to_.current_.front();
      if (only.filter.wants(tag.kind, symbol)) {
        set_body(*in_place_.payload, tag.kind, in_place_.body.position);
        only.queue->publish(in_place_, level_count, tag.packed());
      }
      in_place_ = {};
      return;
    }
    for (const consumer& each : to_.current_) {
      if (each.filter.wants(tag.kind, symbol)) copy_to(*each.queue, tag, level_count);
    }
    if (!handlers_.empty()) {
      const event told{*draft_.payload, tag.packed(), draft_.levels.first(level_count), to_.symbols_};
      handlers_.call(told, tag.kind, symbol, to_.counters_.handler_failures);
    }
  }

  /// A status event, to everyone: nobody can filter these.
  void publish_status(const status_record& record, venue where) {
    const tick_tag tag{.kind = tick_kind::status, .where = where};
    to_.counters_.ticks[static_cast<std::size_t>(tick_kind::status)].add();
    if (detail::is_connection_state(record.code)) {
      to_.state_ = record;
      to_.state_tag_ = tag;
    }
    for (const consumer& each : to_.current_) {
      each.queue->publish_status(room_in(*each.queue, 0), record, tag.packed());
    }
    if (!handlers_.empty()) {
      tick_payload line;
      line.emplace<status_record>() = record;
      handlers_.call(event{line, tag.packed(), {}, to_.symbols_}, tag.kind, record.symbol,
                     to_.counters_.handler_failures);
    }
  }

  [[nodiscard]] feed_counters& counters() noexcept { return to_.counters_; }
  [[nodiscard]] symbol_table& symbols() const noexcept { return to_.symbols_; }

 private:
  void greet_handlers() {
    tick_payload line;
    line.emplace<status_record>() = *to_.state_;
    handlers_.greet(event{line, to_.state_tag_.packed(), {}, to_.symbols_}, to_.counters_.handler_failures);
  }

  static void set_body(tick_payload& payload, tick_kind kind, std::uint64_t position) noexcept {
    if (detail::has_levels(kind)) payload.as<depth_record>().body = position;
  }

  // From the queue's next line back to the scratch line, so that something else can go before.
  void withdraw(std::size_t level_count) {
    if (in_place_.payload == nullptr) return;
    to_.scratch_ = *draft_.payload;
    to_.scratch_levels_.assign(draft_.levels.begin(), draft_.levels.begin() + static_cast<std::ptrdiff_t>(level_count));
    draft_ = {&to_.scratch_, std::span{to_.scratch_levels_}};
    in_place_ = {};
  }

  void publish_gap(const id_gap& hole, tick_tag tag, symbol_id symbol) {
    to_.counters_.gaps.add();
    status_record record = make_status(status_code::gap, epoch_clock::now_ns());
    record.first = hole.from;
    record.second = hole.to;
    record.gap_kind = tag.kind;
    record.symbol = symbol;
    publish_status(record, tag.where);
  }

  // Room for one event; nullptr where it is lost, and counted. Where that means waiting for a consumer, nobody else
  // shall wait for us: sleepers get what is published already, and handlers can be deregistered.
  [[nodiscard]] detail::channel::slot room_in(detail::channel& queue, std::size_t level_count) {
    const auto room = queue.try_claim(level_count);
    if (room.payload != nullptr) return room;
    if (!queue.waits()) return queue.claim(level_count);
    for (const consumer& each : to_.current_) each.queue->wake_consumer();
    const inline_consumers::unlocked meanwhile{handlers_};
    return queue.claim(level_count);
  }

  void copy_to(detail::channel& queue, tick_tag tag, std::size_t level_count) {
    const auto room = room_in(queue, level_count);
    if (room.payload == nullptr) return;
    *room.payload = *draft_.payload;
    std::copy_n(draft_.levels.begin(), level_count, room.body.elements.begin());
    set_body(*room.payload, tag.kind, room.body.position);
    queue.publish(room, level_count, tag.packed());
  }

  publisher& to_;
  inline_consumers::locked handlers_;
  detail::channel::slot in_place_;
  draft draft_{};
};

}  // namespace foxtrot::inline v0
