// foxtrot/feed/detail/publication.hpp: how one drain's ticks and statuses reach everybody.
#pragma once

#include <foxtrot/core/clock.hpp>
#include <foxtrot/feed/book_keeper.hpp>
#include <foxtrot/feed/continuity.hpp>
#include <foxtrot/feed/counters.hpp>
#include <foxtrot/feed/detail/network_latency.hpp>
#include <foxtrot/feed/detail/publisher_state.hpp>
#include <foxtrot/feed/gap_fill.hpp>
#include <foxtrot/feed/inline_consumer.hpp>
#include <foxtrot/feed/line_arbiter.hpp>
#include <foxtrot/feed/outlets.hpp>
#include <foxtrot/feed/stream_ages.hpp>
#include <foxtrot/feed/tick_ids.hpp>
#include <foxtrot/market/book_action.hpp>
#include <foxtrot/market/depth.hpp>
#include <foxtrot/market/detail/event_body.hpp>
#include <foxtrot/market/event.hpp>
#include <foxtrot/market/kinds.hpp>
#include <foxtrot/market/status.hpp>
#include <foxtrot/market/subscription_settings.hpp>
#include <foxtrot/market/symbol.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>

namespace foxtrot::inline v0::detail {

/// See publisher::batch.
class publication {
 public:
  publication(publisher_state& to, line_id from, gap_fill* fill = nullptr)
      : to_{to}, from_{from}, fill_{fill}, handlers_{to.handlers.lock()} {
    to_.consumers.look_for_changes();
    if (!handlers_.empty() && to_.consumers.state()) greet_handlers();
  }
  publication(const publication&) = delete;
  publication& operator=(const publication&) = delete;
  ~publication() {
    to_.latency.read_done(read_, to_.counters);
    to_.consumers.wake_consumers();
  }

  /// What is published came with a read of a socket that ended just now; `kernel_wall_ns` is the kernel's stamp, 0
  /// where there is none. Returns the receive time.
  [[nodiscard]] std::int64_t received_now(std::int64_t kernel_wall_ns) noexcept {
    read_ = {to_.latency.clocks().epoch_ns(), kernel_wall_ns};
    return read_.received_ns;
  }

  /// Where a decoder writes the next tick: one line, and room for `max_levels` price levels. Both are the decoder's
  /// until publish(), or until the next draft, which forgets an unpublished one.
  struct draft {
    tick_payload* payload;
    std::span<raw_level> levels;
  };
  [[nodiscard]] draft begin(std::size_t max_levels = 0) {
    in_place_ = {};
    if (const auto& all = to_.consumers.queues(); all.size() == 1 && read_ring() == nullptr && handlers_.empty()) {
      if (auto* queue = all.front().in_place()) in_place_ = queue->try_claim(max_levels);
    }
    if (in_place_.payload != nullptr) return opened({in_place_.payload, in_place_.body.elements});
    if (to_.scratch_levels.size() < max_levels) to_.scratch_levels.resize(max_levels);  // grows to the largest, once
    return opened({&to_.scratch, std::span{to_.scratch_levels}.first(max_levels)});
  }

  /// Gives the draft, with its first `level_count` levels, to everyone who wants it. Where the venue's ids show a hole
  /// before it, or the book that we keep is not right with it, everyone hears of that first. Where they show that it
  /// came before, or is late, nobody gets it. What mends a book is followed by `resynchronised`.
  void publish(tick_tag tag, symbol_id symbol, std::size_t level_count = 0) {
    if (arbitrated_) [[unlikely]]
      return arbitrate(tag, symbol, level_count);
    admit(tag, symbol, level_count);
  }

  /// Publishes what the arbiter of the lines holds and what waits for nothing any more.
  void release_held() {
    while (auto next = to_.lines.ready()) admit(*next);
  }

  /// Publishes the whole book that is kept of this symbol, now or as soon as it is right. False where none is kept. Not
  /// while a draft is open.
  bool publish_book(venue where, symbol_id symbol) {
    if (to_.books == nullptr || !to_.books->want(symbol)) return false;
    if (to_.books->is_current(symbol)) follow_up(where, symbol);
    return true;
  }

  /// A status event, to everyone: nobody can filter these. A draft that is open is forgotten.
  void publish_status(const status_record& record, venue where) {
    in_place_ = {};
    const tick_tag tag{.kind = tick_kind::status, .where = where};
    to_.counters.ticks[static_cast<std::size_t>(tick_kind::status)].add();
    to_.consumers.note(record, tag.packed());
    if (auto* ring = to_.consumers.ring()) ring->publish_status(record, tag.packed());
    for (const outlet& each : to_.consumers.queues()) {
      std::optional<inline_consumers::unlocked> meanwhile;
      if (each.would_wait(0)) let_others_go_on(meanwhile);
      each.put_status(record, tag.packed());
    }
    if (!handlers_.empty()) {
      tick_payload line;
      line.emplace<status_record>() = record;
      handlers_.call(event{line, tag.packed(), {}, to_.symbols}, tag.kind, record.symbol,
                     to_.counters.handler_failures);
    }
  }

  /// Whether anybody asked for events of this kind, of whatever symbols: what nobody wants need not be written.
  [[nodiscard]] bool wants(tick_kind kind) const noexcept { return handlers_.wants(kind) || to_.consumers.wants(kind); }

  [[nodiscard]] feed_counters& counters() noexcept { return to_.counters; }
  [[nodiscard]] symbol_table& symbols() const noexcept { return to_.symbols; }

 private:
  // A copy of draft_ would be read before it is written: see by_members().
  [[nodiscard]] draft opened(const draft& room) noexcept {
    draft_ = room;
    return room;
  }
  // Another line may have been first, or may still bring what comes before it.
  [[gnu::noinline]] void arbitrate(tick_tag tag, symbol_id symbol, std::size_t level_count) {
    if (fill_ != nullptr) return fill(tag, symbol);
    const auto levels = draft_.levels.first(level_count);
    switch (to_.lines.take(from_, tag, symbol, *draft_.payload, levels)) {
      case line_arbiter::verdict::publish: admit(tag, symbol, level_count); break;
      case line_arbiter::verdict::hold: to_.counters.held_ticks.add(); break;
      case line_arbiter::verdict::pass_over: to_.counters.line_duplicates.add(); break;
    }
    in_place_ = {};
    if (!to_.lines.holds()) return;
    while (auto next = to_.lines.ready(tag.kind, symbol)) admit(*next);
  }
  // It has been fetched. What nobody asked for came with it.
  void fill(tick_tag tag, symbol_id symbol) {
    const bool wanted = fill_->take(ids_of(tag, *draft_.payload).last);
    tag.flags |= filled_flag;
    if (wanted && !fill_->in_order) {
      to_.counters.repaired_ticks.add();
      return deliver(tag, symbol, 0);
    }
    in_place_ = {};
    if (!wanted || !to_.lines.fill(tag, symbol, *draft_.payload)) return;
    while (auto next = to_.lines.ready(tag.kind, symbol)) admit(*next);
  }
  void admit(held_tick& held) {
    if (is_filled(held.tag)) to_.counters.repaired_ticks.add();
    in_place_ = {};
    draft_ = {&held.payload, held.levels};
    admit(held.tag, held.symbol, held.levels.size());
  }

  void admit(tick_tag tag, symbol_id symbol, std::size_t level_count) {
    const id_verdict ids = to_.follows_ids ? to_.continuity.follow(tag, symbol, *draft_.payload) : id_verdict::in_order;
    if (ids != id_verdict::in_order) [[unlikely]] {
      if (ids == id_verdict::repeated) return pass_over(tag, symbol, level_count);
      const id_range& hole = to_.continuity.range();
      const bool anew = ids == id_verdict::renumbered;
      if (anew) to_.counters.renumbered.add();
      if (anew && tag.kind == tick_kind::depth_update && to_.books != nullptr) to_.books->forget_ids(symbol);
      publish_gap({anew ? gap_reason::renumbered : gap_reason::missing, hole.from, hole.to}, tag, symbol, level_count);
      if (to_.on_gap && !anew) to_.on_gap(tag.kind, symbol, hole);
    }
    tell_if_fresh(tag, symbol, level_count);
    if (to_.books == nullptr || !changes_book(tag)) return deliver(tag, symbol, level_count);
    const book_action book = to_.books->take(tag, draft_.payload->as<depth_record>(), draft_.levels.first(level_count));
    const bool told = ids == id_verdict::gap && book.lost && book.lost->fault == gap_reason::missing;
    if (book.lost && !told) [[unlikely]]
      publish_gap(*book.lost, tag, symbol, level_count);
    deliver(tag, symbol, level_count);
    if (to_.books->live(symbol) != nullptr) follow_up(tag.where, symbol);
  }

  // Partial books are whole by themselves.
  [[nodiscard]] static bool changes_book(tick_tag tag) noexcept {
    return tag.kind == tick_kind::depth_update || (tag.kind == tick_kind::depth_snapshot && tag.how == source::http);
  }
  // Of a symbol that was stale.
  void tell_if_fresh(tick_tag tag, symbol_id symbol, std::size_t level_count) {
    const bool polled = tag.how == source::http;
    if (polled ? to_.ages.note_polled(tag.kind, symbol) : to_.ages.note(tag.kind, symbol)) [[unlikely]]
      publish_before(make_symbol_status(status_code::fresh, epoch_clock::now_ns(), symbol), tag.where, level_count);
  }
  // It came before. What was asked for and is no newer proves that the symbol is merely quiet.
  void pass_over(tick_tag tag, symbol_id symbol, std::size_t level_count) {
    if (tag.how == source::http) tell_if_fresh(tag, symbol, level_count);
    to_.counters.duplicates.add();
    in_place_ = {};
  }

  void deliver(tick_tag tag, symbol_id symbol, std::size_t level_count) {
    hand_out(tag, symbol, level_count);
    // Who sleeps wakes while the rest of the drain is still being read.
    if (std::exchange(first_, false)) to_.consumers.wake_sleepers();
  }
  void hand_out(tick_tag tag, symbol_id symbol, std::size_t level_count) {
    to_.counters.ticks[static_cast<std::size_t>(tag.kind)].add();
    to_.latency.published(tag.kind);
    if (in_place_.payload != nullptr) return publish_in_place(tag, symbol, level_count);
    const std::span<const raw_level> body = draft_.levels.first(level_count);
    if (auto* ring = read_ring()) ring->publish(*draft_.payload, tag, body);
    for (const outlet& each : to_.consumers.queues()) {
      if (!each.wants(tag.kind, symbol)) continue;
      std::optional<inline_consumers::unlocked> meanwhile;
      if (each.would_wait(level_count)) let_others_go_on(meanwhile);
      each.put(*draft_.payload, tag, body);
    }
    if (!handlers_.empty()) {
      const event told{*draft_.payload, tag.packed(), body, to_.symbols};
      handlers_.call(told, tag.kind, symbol, to_.counters.handler_failures);
    }
  }

  void greet_handlers() {
    tick_payload line;
    line.emplace<status_record>() = to_.consumers.state()->record;
    handlers_.greet(event{line, to_.consumers.state()->tag, {}, to_.symbols}, to_.counters.handler_failures);
  }

  // The ring, if anybody reads it.
  [[nodiscard]] feed_ring* read_ring() const noexcept {
    auto* ring = to_.consumers.ring();
    return ring != nullptr && ring->has_readers() ? ring : nullptr;
  }

  void publish_in_place(tick_tag tag, symbol_id symbol, std::size_t level_count) {
    const outlet& only = to_.consumers.queues().front();
    if (only.wants(tag.kind, symbol)) {
      if (has_body(tag.kind)) set_body_position(*in_place_.payload, in_place_.body.position);
      only.in_place()->publish(in_place_, level_count, tag.packed());
    }
    in_place_ = {};
  }

  // From the queue's next line back to the scratch line, so that something else can go before.
  void withdraw(std::size_t level_count) {
    if (in_place_.payload == nullptr) return;
    to_.scratch = *draft_.payload;
    if (to_.scratch_levels.size() < level_count) to_.scratch_levels.resize(level_count);
    std::ranges::copy(draft_.levels.first(level_count), to_.scratch_levels.begin());
    draft_ = {&to_.scratch, std::span{to_.scratch_levels}};
    in_place_ = {};
  }

  // Before the draft, which has so many levels.
  void publish_gap(const book_loss& what, tick_tag tag, symbol_id symbol, std::size_t level_count) {
    to_.counters.gaps.add();
    publish_before(gap_record(what, tag.kind, symbol), tag.where, level_count);
  }
  void publish_before(const status_record& record, venue where, std::size_t level_count) {
    withdraw(level_count);
    publish_status(record, where);
  }

  // The book is right now.
  void follow_up(venue where, symbol_id symbol) {
    if (to_.consumers.is_book_broken(symbol)) [[unlikely]]
      publish_status(make_symbol_status(status_code::resynchronised, epoch_clock::now_ns(), symbol), where);
    if (to_.books->give(symbol)) [[unlikely]]
      deliver_book(*to_.books->live(symbol), where, symbol);
  }

  void deliver_book(const book_synchroniser& kept, venue where, symbol_id symbol) {
    const draft room = begin(level_count(kept.book()));
    room.payload->emplace<depth_record>() = write_book(kept, symbol, room.levels);
    const tick_tag tag{.kind = tick_kind::depth_snapshot, .where = where, .flags = depth_snapshot::kept_book_flag};
    deliver(tag, symbol, level_count(kept.book()));
  }

  // Where we are about to wait for one consumer, nobody else shall wait for us: sleepers get what is published already,
  // and handlers can be deregistered while `meanwhile` lives.
  void let_others_go_on(std::optional<inline_consumers::unlocked>& meanwhile) {
    to_.consumers.wake_consumers();
    meanwhile.emplace(handlers_);
  }

  publisher_state& to_;
  const line_id from_;
  gap_fill* const fill_;
  const bool arbitrated_{fill_ != nullptr || to_.lines.engaged(from_)};
  inline_consumers::locked handlers_;
  read_stamp read_;
  bool first_{true};  // nothing was handed out yet
  channel::slot in_place_;
  draft draft_{};
};

}  // namespace foxtrot::inline v0::detail
