// foxtrot/feed/publisher.hpp: the producer's end of all subscriptions of one feed.
#pragma once

#include <foxtrot/core/detail/stamp_clocks.hpp>
#include <foxtrot/core/error.hpp>
#include <foxtrot/core/live_object.hpp>
#include <foxtrot/core/result.hpp>
#include <foxtrot/feed/book_keeper.hpp>
#include <foxtrot/feed/continuity.hpp>
#include <foxtrot/feed/counters.hpp>
#include <foxtrot/feed/detail/publication.hpp>
#include <foxtrot/feed/gap_fill.hpp>
#include <foxtrot/feed/inline_consumer.hpp>
#include <foxtrot/feed/line_arbiter.hpp>
#include <foxtrot/feed/stream_ages.hpp>
#include <foxtrot/feed/tick_ids.hpp>
#include <foxtrot/market/kinds.hpp>
#include <foxtrot/market/latency_report.hpp>
#include <foxtrot/market/subscription.hpp>
#include <foxtrot/market/subscription_settings.hpp>
#include <foxtrot/market/symbol.hpp>

#include <functional>
#include <utility>

namespace foxtrot::inline v0 {

/// Gives every event to every consumer that wants it. Consumers come and go from any thread; publishing belongs to the
/// network thread, goes through a `batch`, and takes no lock per event, allocates nothing, and enters the kernel only
/// to wake consumers that sleep, each at most twice per batch: at its first tick and at its end. Under the policy
/// `block` it does so also for each time that it waits for room, and sleeps meanwhile.
///
/// A tick is written once: in place where there is a single queue, else into a scratch line that each queue copies. All
/// drop_oldest consumers read one ring, which is made for the first of them and costs nothing while it has no readers.
class publisher : private live_object<publisher> {
 public:
  class batch;

  /// `measures`: whether it keeps the times of what it publishes, and each consumer those of what it reads.
  explicit publisher(symbol_table& symbols = symbol_table::shared(), const ring_settings& ring = {},
                     bool measures = true)
      : state_{symbols, ring, measures} {}
  publisher(const publisher&) = delete;
  publisher& operator=(const publisher&) = delete;
  ~publisher() { close(); }

  /// A new consumer, from any thread. It gets the state of the connection first. errc::bad_argument for a symbol that
  /// cannot be a name, errc::closed after close().
  [[nodiscard]] result<subscription> subscribe(const subscription_settings& wanted) {
    auto filter = detail::consumer_filter::make(wanted, state_.symbols);
    if (!filter) return filter.error();
    auto inbox = state_.consumers.add(std::move(*filter), wanted);
    if (inbox == nullptr) return errc::closed;
    if (measures_latency()) inbox->measure(wanted.kinds, state_.latency.clocks());
    return subscription{std::move(inbox), wanted.waiting};
  }

  /// A handler that runs on the network thread for every event that `wanted` lets through: no queue and no hand-off,
  /// but it must be quick and must not block. Its exceptions are counted and go no further. Any thread; errors as
  /// above.
  [[nodiscard]] result<inline_subscription> subscribe_inline(const subscription_settings& wanted,
                                                             inline_handler handler) {
    auto filter = detail::consumer_filter::make(wanted, state_.symbols);
    if (!filter) return filter.error();
    return state_.handlers.add(std::move(*filter), std::move(handler));
  }

  /// While true, a network thread does not wait for room in a full queue: what does not fit is lost and counted. A wait
  /// under way ends. Any thread.
  void interrupt(bool on = true) { state_.consumers.interrupt(on); }

  /// No more events: consumers read what is there and then see the end; inline handlers are destroyed. Idempotent; not
  /// while a batch is open.
  void close() { state_.consumers.close(), state_.handlers.close(); }

  /// Shows every depth update and REST snapshot to `keeper` from now on, or to nobody; tells what becomes of its books,
  /// and publishes them where asked to. Network thread, or while there is none.
  void show_books_to(book_keeper* keeper) noexcept { state_.books = keeper; }

  /// Off: ticks are published whatever their ids say. For tests and benches that send one message again and again.
  /// Likewise.
  void follow_ids(bool on) noexcept { state_.follows_ids = on; }
  /// The next tick of this kind follows nothing: nobody wanted what was between. Likewise.
  void forget_ids(tick_kind kind, symbol_id symbol) {
    state_.continuity.forget(kind, symbol);
    state_.lines.forget(kind, symbol);
  }

  /// Called after each gap of ids that are missing, whatever the kind; null: nobody is. May not publish. Likewise.
  void on_gap(std::function<void(tick_kind, symbol_id, const id_range&)> told) { state_.on_gap = std::move(told); }

  /// Who decides where several connections carry the same streams. Likewise.
  [[nodiscard]] line_arbiter& lines() noexcept { return state_.lines; }
  [[nodiscard]] const line_arbiter& lines() const noexcept { return state_.lines; }
  [[nodiscard]] const continuity& ids() const noexcept { return state_.continuity; }
  /// The connection of a line has ended: what waited for it is published. Likewise; not while a batch is open.
  void line_lost(line_id which);
  /// Publishes what waits for nothing any more. Likewise.
  void release_held();

  /// How long published ticks took on this side: kernel to read, read to published. The rest is in the subscriptions.
  /// Any thread.
  [[nodiscard]] latency_report latency() const { return state_.latency.report(); }
  [[nodiscard]] bool measures_latency() const noexcept { return state_.latency.on(); }
  /// For tests, and for replays. Before anything is published or subscribed.
  void use_clocks(detail::stamp_clocks clocks) noexcept { state_.latency.use(clocks); }

  [[nodiscard]] stream_ages& ages() noexcept { return state_.ages; }  // the network thread's
  [[nodiscard]] symbol_table& symbols() const noexcept { return state_.symbols; }
  [[nodiscard]] feed_counters& counters() noexcept { return state_.counters; }
  [[nodiscard]] const feed_counters& counters() const noexcept { return state_.counters; }

 private:
  detail::publisher_state state_;
};

/// Everything that is published during one drain of a socket: one at a time, network thread. Its end wakes the
/// sleepers.
class publisher::batch : public detail::publication {
 public:
  /// `from` is the line that brings it; nothing where there is only one way that it can come.
  explicit batch(publisher& to, line_id from = no_line) : publication{to.state_, from} {}
  /// For ticks that have been fetched: those that `fill` wants are marked so and published.
  batch(publisher& to, gap_fill& fill) : publication{to.state_, no_line, &fill} {}
};

inline void publisher::line_lost(line_id which) {
  state_.lines.lost(which);
  release_held();
}
inline void publisher::release_held() {
  if (state_.lines.holds()) batch{*this}.release_held();
}

}  // namespace foxtrot::inline v0
