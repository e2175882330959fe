// foxtrot/feed/publisher.hpp: the producer's end of all subscriptions of one feed.
#pragma once

#include <foxtrot/core/clock.hpp>
#include <foxtrot/core/error.hpp>
#include <foxtrot/core/live_object.hpp>
#include <foxtrot/core/result.hpp>
#include <foxtrot/feed/book_keeper.hpp>
#include <foxtrot/feed/continuity.hpp>
#include <foxtrot/feed/counters.hpp>
#include <foxtrot/feed/inline_consumer.hpp>
#include <foxtrot/feed/outlets.hpp>
#include <foxtrot/feed/stream_ages.hpp>
#include <foxtrot/market/book_action.hpp>
#include <foxtrot/market/depth.hpp>
#include <foxtrot/market/detail/event_body.hpp>
#include <foxtrot/market/event.hpp>
#include <foxtrot/market/kinds.hpp>
#include <foxtrot/market/status.hpp>
#include <foxtrot/market/subscription.hpp>
#include <foxtrot/market/subscription_settings.hpp>
#include <foxtrot/market/symbol.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace foxtrot::inline v0 {

/// Gives every event to every consumer that wants it. Consumers come and go from any thread; publishing belongs to the
/// network thread, goes through a `batch`, and takes no lock per event, allocates nothing, and enters the kernel only
/// to wake a sleeper, once per batch.
///
/// A tick is written once: in place where there is a single queue, else into a scratch line that each queue copies. All
/// drop_oldest consumers read one ring, which is made for the first of them and costs nothing while it has no readers.
class publisher : private live_object<publisher> {
 public:
  class batch;

  explicit publisher(symbol_table& symbols = symbol_table::shared(), const ring_settings& ring = {})
      : symbols_{symbols}, consumers_{symbols, ring} {}
  publisher(const publisher&) = delete;
  publisher& operator=(const publisher&) = delete;
  ~publisher() { close(); }

  /// A new consumer, from any thread. It gets the state of the connection first. errc::bad_argument for a symbol that
  /// cannot be a name, errc::closed after close().
  [[nodiscard]] result<subscription> subscribe(const subscription_settings& wanted) {
    auto filter = detail::consumer_filter::make(wanted, symbols_);
    if (!filter) return filter.error();
    auto inbox = consumers_.add(std::move(*filter), wanted);
    if (inbox == nullptr) return errc::closed;
    return subscription{std::move(inbox), wanted.waiting};
  }

  /// A handler that runs on the network thread for every event that `wanted` lets through: no queue and no hand-off,
  /// but it must be quick and must not block. Its exceptions are counted and go no further. Any thread; errors as
  /// above.
  [[nodiscard]] result<inline_subscription> subscribe_inline(const subscription_settings& wanted,
                                                             inline_handler handler) {
    auto filter = detail::consumer_filter::make(wanted, symbols_);
    if (!filter) return filter.error();
    return inline_.add(std::move(*filter), std::move(handler));
  }

  /// While true, a network thread does not wait for room in a full queue: what does not fit is lost and counted. A wait
  /// under way ends. Any thread.
  void interrupt(bool on = true) { consumers_.interrupt(on); }

  /// No more events: consumers read what is there and then see the end; inline handlers are destroyed. Idempotent; not
  /// while a batch is open.
  void close() { consumers_.close(), inline_.close(); }

  /// Shows every depth update and REST snapshot to `keeper` from now on, or to nobody; tells what becomes of its books,
  /// and publishes them where asked to. Network thread, or while there is none.
  void show_books_to(book_keeper* keeper) noexcept { books_ = keeper; }

  /// Off: ticks are published whatever their ids say. For tests and benches that send one message again and again.
  /// Likewise.
  void follow_ids(bool on) noexcept { follows_ids_ = on; }
  /// The next tick of this kind follows nothing: nobody wanted what was between. Likewise.
  void forget_ids(tick_kind kind, symbol_id symbol) { continuity_.forget(kind, symbol); }

  [[nodiscard]] stream_ages& ages() noexcept { return ages_; }  // the network thread's
  [[nodiscard]] symbol_table& symbols() const noexcept { return symbols_; }
  [[nodiscard]] feed_counters& counters() noexcept { return counters_; }
  [[nodiscard]] const feed_counters& counters() const noexcept { return counters_; }

 private:
  symbol_table& symbols_;
  feed_counters counters_;
  inline_consumers inline_;
  detail::outlets consumers_;
  // the network thread's own
  continuity continuity_;
  stream_ages ages_;
  book_keeper* books_{nullptr};
  bool follows_ids_{true};
  std::vector<raw_level> scratch_levels_;
  tick_payload scratch_;
};

/// Everything that is published during one drain of a socket: one at a time, network thread. Its end wakes the
/// sleepers.
class publisher::batch {
 public:
  explicit batch(publisher& to) : to_{to}, handlers_{to.inline_.lock()} {
    to_.consumers_.look_for_changes();
    if (!handlers_.empty() && to_.consumers_.state()) greet_handlers();
  }
  batch(const batch&) = delete;
  batch& operator=(const batch&) = delete;
  ~batch() { to_.consumers_.wake_consumers(); }

  /// Where a decoder writes the next tick: one line, and room for `max_levels` price levels. Both are the decoder's
  /// until publish(), or until the next draft, which forgets an unpublished one.
  struct draft {
    tick_payload* payload;
    std::span<raw_level> levels;
  };
  [[nodiscard]] draft begin(std::size_t max_levels = 0) {
    in_place_ = {};
    if (const auto& all = to_.consumers_.queues(); all.size() == 1 && read_ring() == nullptr && handlers_.empty()) {
      if (auto* queue = all.front().in_place()) in_place_ = queue->try_claim(max_levels);
    }
    if (in_place_.payload != nullptr) return draft_ = {in_place_.payload, in_place_.body.elements};
    if (to_.scratch_levels_.size() < max_levels) to_.scratch_levels_.resize(max_levels);  // grows to the largest, once
    return draft_ = {&to_.scratch_, std::span{to_.scratch_levels_}.first(max_levels)};
  }

  /// Gives the draft, with its first `level_count` levels, to everyone who wants it. Where the venue's ids show a hole
  /// before it, or the book that we keep is not right with it, everyone hears of that first. Where they show that it
  /// came before, or is late, nobody gets it. What mends a book is followed by `resynchronised`.
  void publish(tick_tag tag, symbol_id symbol, std::size_t level_count = 0) {
    const id_verdict ids =
        to_.follows_ids_ ? to_.continuity_.follow(tag, symbol, *draft_.payload) : id_verdict::in_order;
    if (ids != id_verdict::in_order) [[unlikely]] {
      if (ids == id_verdict::repeated) return pass_over(tag, symbol, level_count);
      const id_range& hole = to_.continuity_.range();
      const bool anew = ids == id_verdict::renumbered;
      if (anew) to_.counters_.renumbered.add();
      if (anew && tag.kind == tick_kind::depth_update && to_.books_ != nullptr) to_.books_->forget_ids(symbol);
      publish_gap({anew ? gap_reason::renumbered : gap_reason::missing, hole.from, hole.to}, tag, symbol, level_count);
    }
    tell_if_fresh(tag, symbol, level_count);
    if (to_.books_ == nullptr || !changes_book(tag)) return deliver(tag, symbol, level_count);
    const book_action book =
        to_.books_->take(tag, draft_.payload->as<depth_record>(), draft_.levels.first(level_count));
    const bool told = ids == id_verdict::gap && book.lost && book.lost->fault == gap_reason::missing;
    if (book.lost && !told) [[unlikely]]
      publish_gap(*book.lost, tag, symbol, level_count);
    deliver(tag, symbol, level_count);
    if (to_.books_->live(symbol) != nullptr) follow_up(tag.where, symbol);
  }

  /// Publishes the whole book that is kept of this symbol, now or as soon as it is right. False where none is kept. Not
  /// while a draft is open.
  bool publish_book(venue where, symbol_id symbol) {
    if (to_.books_ == nullptr || !to_.books_->want(symbol)) return false;
    if (to_.books_->is_current(symbol)) follow_up(where, symbol);
    return true;
  }

  /// A status event, to everyone: nobody can filter these. A draft that is open is forgotten.
  void publish_status(const status_record& record, venue where) {
    in_place_ = {};
    const tick_tag tag{.kind = tick_kind::status, .where = where};
    to_.counters_.ticks[static_cast<std::size_t>(tick_kind::status)].add();
    to_.consumers_.note(record, tag.packed());
    if (auto* ring = to_.consumers_.ring()) ring->publish_status(record, tag.packed());
    for (const detail::outlet& each : to_.consumers_.queues()) {
      std::optional<inline_consumers::unlocked> meanwhile;
      if (each.would_wait(0)) let_others_go_on(meanwhile);
      each.put_status(record, tag.packed());
    }
    if (!handlers_.empty()) {
      tick_payload line;
      line.emplace<status_record>() = record;
      handlers_.call(event{line, tag.packed(), {}, to_.symbols_}, tag.kind, record.symbol,
                     to_.counters_.handler_failures);
    }
  }

  /// Whether anybody asked for events of this kind, of whatever symbols: what nobody wants need not be written.
  [[nodiscard]] bool wants(tick_kind kind) const noexcept {
    return handlers_.wants(kind) || to_.consumers_.wants(kind);
  }

  [[nodiscard]] feed_counters& counters() noexcept { return to_.counters_; }
  [[nodiscard]] symbol_table& symbols() const noexcept { return to_.symbols_; }

 private:
  // Partial books are whole by themselves.
  [[nodiscard]] static bool changes_book(tick_tag tag) noexcept {
    return tag.kind == tick_kind::depth_update || (tag.kind == tick_kind::depth_snapshot && tag.how == source::http);
  }
  // Of a symbol that was stale.
  void tell_if_fresh(tick_tag tag, symbol_id symbol, std::size_t level_count) {
    const bool polled = tag.how == source::http;
    if (polled ? to_.ages_.note_polled(tag.kind, symbol) : to_.ages_.note(tag.kind, symbol)) [[unlikely]]
      publish_before(make_symbol_status(status_code::fresh, epoch_clock::now_ns(), symbol), tag.where, level_count);
  }
  // It came before. What was asked for and is no newer proves that the symbol is merely quiet.
  void pass_over(tick_tag tag, symbol_id symbol, std::size_t level_count) {
    if (tag.how == source::http) tell_if_fresh(tag, symbol, level_count);
    to_.counters_.duplicates.add();
    in_place_ = {};
  }

  void deliver(tick_tag tag, symbol_id symbol, std::size_t level_count) {
    to_.counters_.ticks[static_cast<std::size_t>(tag.kind)].add();
    if (in_place_.payload != nullptr) return publish_in_place(tag, symbol, level_count);
    const std::span<const raw_level> body = draft_.levels.first(level_count);
    if (auto* ring = read_ring()) ring->publish(*draft_.payload, tag, body);
    for (const detail::outlet& each : to_.consumers_.queues()) {
      if (!each.wants(tag.kind, symbol)) continue;
      std::optional<inline_consumers::unlocked> meanwhile;
      if (each.would_wait(level_count)) let_others_go_on(meanwhile);
      each.put(*draft_.payload, tag, body);
    }
    if (!handlers_.empty()) {
      const event told{*draft_.payload, tag.packed(), body, to_.symbols_};
      handlers_.call(told, tag.kind, symbol, to_.counters_.handler_failures);
    }
  }

  void greet_handlers() {
    tick_payload line;
    line.emplace<status_record>() = to_.consumers_.state()->record;
    handlers_.greet(event{line, to_.consumers_.state()->tag, {}, to_.symbols_}, to_.counters_.handler_failures);
  }

  // The ring, if anybody reads it.
  [[nodiscard]] detail::feed_ring* read_ring() const noexcept {
    auto* ring = to_.consumers_.ring();
    return ring != nullptr && ring->has_readers() ? ring : nullptr;
  }

  void publish_in_place(tick_tag tag, symbol_id symbol, std::size_t level_count) {
    const detail::outlet& only = to_.consumers_.queues().front();
    if (only.wants(tag.kind, symbol)) {
      if (detail::has_body(tag.kind)) detail::set_body_position(*in_place_.payload, in_place_.body.position);
      only.in_place()->publish(in_place_, level_count, tag.packed());
    }
    in_place_ = {};
  }

  // From the queue's next line back to the scratch line, so that something else can go before.
  void withdraw(std::size_t level_count) {
    if (in_place_.payload == nullptr) return;
    to_.scratch_ = *draft_.payload;
    if (to_.scratch_levels_.size() < level_count) to_.scratch_levels_.resize(level_count);
    std::ranges::copy(draft_.levels.first(level_count), to_.scratch_levels_.begin());
    draft_ = {&to_.scratch_, std::span{to_.scratch_levels_}};
    in_place_ = {};
  }

  // Before the draft, which has so many levels.
  void publish_gap(const book_loss& what, tick_tag tag, symbol_id symbol, std::size_t level_count) {
    to_.counters_.gaps.add();
    publish_before(detail::gap_record(what, tag.kind, symbol), tag.where, level_count);
  }
  void publish_before(const status_record& record, venue where, std::size_t level_count) {
    withdraw(level_count);
    publish_status(record, where);
  }

  // The book is right now.
  void follow_up(venue where, symbol_id symbol) {
    if (to_.consumers_.is_book_broken(symbol)) [[unlikely]]
      publish_status(make_symbol_status(status_code::resynchronised, epoch_clock::now_ns(), symbol), where);
    if (to_.books_->give(symbol)) [[unlikely]]
      deliver_book(*to_.books_->live(symbol), where, symbol);
  }

  void deliver_book(const book_synchroniser& kept, venue where, symbol_id symbol) {
    const draft room = begin(detail::level_count(kept.book()));
    room.payload->emplace<depth_record>() = detail::write_book(kept, symbol, room.levels);
    const tick_tag tag{.kind = tick_kind::depth_snapshot, .where = where, .flags = depth_snapshot::kept_book_flag};
    deliver(tag, symbol, detail::level_count(kept.book()));
  }

  // Where we are about to wait for one consumer, nobody else shall wait for us: sleepers get what is published already,
  // and handlers can be deregistered while `meanwhile` lives.
  void let_others_go_on(std::optional<inline_consumers::unlocked>& meanwhile) {
    to_.consumers_.wake_consumers();
    meanwhile.emplace(handlers_);
  }

  publisher& to_;
  inline_consumers::locked handlers_;
  detail::channel::slot in_place_;
  draft draft_{};
};

}  // namespace foxtrot::inline v0
