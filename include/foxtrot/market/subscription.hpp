// foxtrot/market/subscription.hpp: the consumer's end: how a strategy thread reads its events.
#pragma once

#include <foxtrot/core/heartbeat.hpp>
#include <foxtrot/core/live_object.hpp>
#include <foxtrot/core/separate_compilation.hpp>
#include <foxtrot/market/depth.hpp>
#include <foxtrot/market/detail/event_taker.hpp>
#include <foxtrot/market/detail/kind_of.hpp>
#include <foxtrot/market/detail/symbol_key.hpp>
#include <foxtrot/market/detail/waiting_event.hpp>
#include <foxtrot/market/event.hpp>
#include <foxtrot/market/kinds.hpp>
#include <foxtrot/market/kline.hpp>
#include <foxtrot/market/kline_interval.hpp>
#include <foxtrot/market/latency_report.hpp>
#include <foxtrot/market/ticker.hpp>
#include <foxtrot/queue/idle.hpp>

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <optional>
#include <stop_token>
#include <type_traits>
#include <utility>

namespace foxtrot::inline v0 {

namespace detail {
class inbox;
class merging;
}  // namespace detail

/// A consumer's own cursor on a feed. Movable, not copyable; one thread reads at a time. Destruction deregisters it,
/// and the feed forgets it. The feed may go first: `closed()` turns true once everything has been read. On a thread
/// that is watched (see heartbeat) each call and each turn of a loop beats, and waiting is no stall.
class subscription : private live_object<subscription> {
 public:
  using duration = std::chrono::nanoseconds;
  class range;
  subscription() = default;
  subscription(std::shared_ptr<detail::inbox> from, idle waiting) noexcept
      : inbox_{std::move(from)}, waiting_{waiting} {}
  subscription(subscription&& other) noexcept = default;
  subscription& operator=(subscription&& other) noexcept {
    if (this != &other) {
      cancel();
      inbox_ = std::move(other.inbox_);
      waiting_ = other.waiting_;
    }
    return *this;
  }
  ~subscription() { cancel(); }

  /// Calls `handler(const event&)` for up to `max` events that are there now; returns how many. Never waits. An event
  /// counts as consumed even if the handler throws. From within a handler or a loop over events there are no others.
  template <event_handler Handler>
  std::size_t poll(std::size_t max, Handler&& handler) {
    const auto keep = inbox_;  // the handler may cancel, replace or destroy this subscription
    if (keep == nullptr) return 0;
    beat();
    const producer_waker wake{*keep};
    std::size_t done = 0;
    while (done < max) {
      held next;
      if (!next.take(*keep)) break;
      ++done;
      handler(next.get());
    }
    return done;
  }

  /// Waits, as `subscription_settings::waiting` says, for an event: true once one is there; false when the stop is
  /// requested, the feed has closed, or `patience` is over.
  [[nodiscard]] bool wait(const std::stop_token& stop, std::optional<duration> patience = {});

  /// A loop over events as they come: `for (const auto& event : ticks.until(stop)) ...`. It ends when the stop is
  /// requested, when the feed has closed and everything is read, or when no event came for `patience`. An event is
  /// taken when the loop moves on or is left, by break or by an exception.
  [[nodiscard]] range until(std::stop_token stop, std::optional<duration> patience = {}) &;
  range until(std::stop_token stop, std::optional<duration> patience = {}) && = delete;  // it would end with the line

  /// True once the feed has closed, or this end was cancelled, and everything has been read. The reading thread.
  [[nodiscard]] bool closed() const noexcept;

  /// Under overflow::conflate, the latest value of a symbol, by name or number, without waiting for its turn:
  /// `ticks.latest<book_ticker>("BTCUSDT")`. Any thread, as long as nobody moves, cancels or destroys this subscription
  /// meanwhile; it may wait for as long as storing one tick takes. It consumes nothing: the tick is still to be read.
  /// It is the newest that is known, and so may be newer than ticks and statuses that are not read yet, and than what
  /// the next poll() shows. Nothing where nothing came yet, or nothing since the connection was lost, or the symbol is
  /// stale: whatever the consumer has heard of that. Nothing under other policies and for symbols and kinds that were
  /// not asked for or had no room.
  template <detail::latest_value Tick>
  [[nodiscard]] std::optional<Tick> latest(detail::symbol_key symbol) const {
    return latest_value<Tick>(symbol, std::same_as<Tick, ticker> ? part_of(ticker_window::h24) : 0);
  }
  /// The same of klines, `ticks.latest<kline>("BTCUSDT", kline_interval::m1)`.
  template <std::same_as<kline> Tick>
  [[nodiscard]] std::optional<Tick> latest(detail::symbol_key symbol, kline_interval interval) const {
    return latest_value<Tick>(symbol, part_of(interval));
  }
  /// The same of tickers of another window than 24 hours, `ticks.latest<ticker>("BTCUSDT", ticker_window::h1)`.
  template <std::same_as<ticker> Tick>
  [[nodiscard]] std::optional<Tick> latest(detail::symbol_key symbol, ticker_window window) const {
    return latest_value<Tick>(symbol, part_of(window));
  }
  /// The same of books, whose levels are views: calls `handler(const depth_snapshot&)` with a copy that lives as long
  /// as the call; false where there is nothing to show.
  template <std::same_as<depth_snapshot> Tick, std::invocable<const depth_snapshot&> Handler>
  bool latest(detail::symbol_key symbol, Handler&& handler) const {
    return with_latest<Tick>(symbol, 0, handler);
  }

  /// Events lost so far; the consumer is told of each loss in order, as status `dropped`. On the feed's ring they are
  /// events of the feed, wanted or not: what was overwritten cannot be asked.
  [[nodiscard]] std::uint64_t dropped() const noexcept;

  /// Events that fit before the overflow policy applies; under overflow::conflate, symbols.
  [[nodiscard]] std::size_t capacity() const noexcept;

  /// How old ticks were when this consumer got them: read_to_strategy. Any thread, as `latest`.
  [[nodiscard]] latency_report latency() const;

  /// Deregisters: no more events, a loop over them ends, the feed forgets this consumer. Idempotent; destruction does
  /// the same. The reading thread.
  void cancel() noexcept;

 private:
  friend class detail::merging;
  // The event at the front, until it is given back to the producer. One at a time: within, there is no other.
  class held {
   public:
    held() noexcept {}
    held(const held&) = delete;
    held& operator=(const held&) = delete;
    ~held() { give_back(); }

    // False where there is none, or the consumer has left.
    bool take(detail::inbox& from) noexcept;
    void give_back() noexcept;
    explicit operator bool() const noexcept { return from_ != nullptr; }
    [[nodiscard]] const event& get() const noexcept { return event_; }

   private:
    static_assert(std::is_trivially_destructible_v<event>);
    detail::inbox* from_{nullptr};
    detail::waiting_event item_;
    union {
      event event_;  // while from_ is somebody
    };
  };

  // Klines and tickers are kept by interval and window.
  template <class Part>
  [[nodiscard]] static constexpr std::uint8_t part_of(Part which) noexcept {
    return static_cast<std::uint8_t>(which);
  }

  template <class Tick, class Handler>
  bool with_latest(detail::symbol_key symbol, std::uint8_t part, Handler& handler) const {
    const auto show = [&handler](const event& found) {
      found.visit([](const status&) {}, [&handler](const Tick& tick) { handler(tick); });
    };
    return latest_event(detail::kind_of<Tick>, symbol, part, show);
  }
  bool latest_event(tick_kind kind, detail::symbol_key symbol, std::uint8_t part, detail::event_taker told) const;
  template <class Tick>
  [[nodiscard]] std::optional<Tick> latest_value(detail::symbol_key symbol, std::uint8_t part) const {
    std::optional<Tick> found;
    const auto keep = [&found](const Tick& tick) { found = tick; };
    (void)with_latest<Tick>(symbol, part, keep);
    return found;
  }
  struct producer_waker {
    detail::inbox& to;
    ~producer_waker();
  };

  // The caller has a stop_callback that nudges the inbox.
  static bool wait_on(detail::inbox& from, idle waiting, const std::stop_token& stop, std::optional<duration> patience);

  std::shared_ptr<detail::inbox> inbox_;
  idle waiting_{idle::block};
};

/// What `until` returns: an input range that waits in begin() and in ++.
class subscription::range {
 public:
  class iterator {
   public:
    using iterator_category = std::input_iterator_tag;
    using value_type = event;
    using difference_type = std::ptrdiff_t;
    using pointer = const event*;
    using reference = const event&;

    explicit iterator(range& from) noexcept : from_{&from} {}
    [[nodiscard]] const event& operator*() const noexcept { return from_->current_.get(); }
    [[nodiscard]] const event* operator->() const noexcept { return &from_->current_.get(); }
    iterator& operator++() {
      from_->next();
      return *this;
    }
    void operator++(int) { from_->next(); }
    [[nodiscard]] friend bool operator==(const iterator& at, std::default_sentinel_t) noexcept { return at.done(); }

   private:
    [[nodiscard]] bool done() const noexcept { return !from_->current_; }
    range* from_;
  };

  range(subscription& from, std::stop_token stop, std::optional<duration> patience);
  range(const range&) = delete;
  range& operator=(const range&) = delete;
  ~range();

  [[nodiscard]] iterator begin() {
    next();
    return iterator{*this};
  }
  [[nodiscard]] std::default_sentinel_t end() const noexcept { return {}; }

 private:
  struct nudge {
    detail::inbox* to;
    void operator()() const noexcept;
  };

  void leave() noexcept;
  bool take();
  void wait_and_take();
  void next();

  std::shared_ptr<detail::inbox> inbox_;
  idle waiting_;
  std::stop_token stop_;
  std::optional<duration> patience_;
  std::optional<std::stop_callback<nudge>> wake_on_stop_;
  held current_;
};

inline subscription::range subscription::until(std::stop_token stop, std::optional<duration> patience) & {
  return range{*this, std::move(stop), patience};
}

}  // namespace foxtrot::inline v0

#ifdef FOXTROT_DEFINITIONS
#include <foxtrot/market/impl/subscription.hpp>
#endif
