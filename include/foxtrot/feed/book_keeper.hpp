// foxtrot/feed/book_keeper.hpp: the feed's own books: one of each symbol with a stream of depth updates.
#pragma once

#include <foxtrot/core/clock.hpp>
#include <foxtrot/core/live_object.hpp>
#include <foxtrot/market/book_action.hpp>
#include <foxtrot/market/book_synchroniser.hpp>
#include <foxtrot/market/depth.hpp>
#include <foxtrot/market/kinds.hpp>
#include <foxtrot/market/level_changes.hpp>
#include <foxtrot/market/levels.hpp>
#include <foxtrot/market/order_book.hpp>
#include <foxtrot/market/status.hpp>
#include <foxtrot/market/symbol.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace foxtrot::inline v0 {

/// What a book keeper needs done; all on the network thread, and none may publish at once.
struct book_keeper_calls {
  /// Fetch a snapshot, however long it takes and however often it fails, and publish it as a tick with source::http.
  std::function<void(symbol_id)> fetch;
  /// Call on_time() after that wait; never asked for twice at a time.
  std::function<void(std::chrono::nanoseconds)> wake_after;
};

/// Follows the depth updates and REST snapshots of the symbols it was given, as a publisher shows them to it, and asks
/// for a snapshot where a book is not right. Knows no socket and no clock: time is that of the ticks. Network thread.
/// Allocates only while a book is not live, or grows.
class book_keeper : private live_object<book_keeper> {
 public:
  /// The most that a record of one side can tell; worse levels are forgotten.
  static constexpr std::size_t most_levels = 65'535;

  book_keeper(book_rule rule, book_keeper_calls calls) : calls_{std::move(calls)} {
    settings_.rule = rule;
    settings_.book = {.reserve = 64, .max_levels = most_levels};
    settings_.request_timeout = std::chrono::nanoseconds{0};
  }
  book_keeper(const book_keeper&) = delete;
  book_keeper& operator=(const book_keeper&) = delete;

  /// Keeps that symbol's book from now on, or forgets it.
  void add(symbol_id symbol) {
    const auto index = static_cast<std::size_t>(symbol);
    if (index >= books_.size()) books_.resize(index + 1);
    if (books_[index] == nullptr) books_[index] = std::make_unique<kept>(settings_);
  }
  void remove(symbol_id symbol) noexcept {
    if (find(symbol) != nullptr) books_[static_cast<std::size_t>(symbol)].reset();
    std::erase(early_, symbol);
  }

  /// A depth update, or a snapshot from REST, that is published now. What `lost` says has to be told before it.
  book_action take(tick_tag tag, const depth_record& record, std::span<const raw_level> levels) {
    kept* const book = find(record.symbol);
    if (book == nullptr) return {};
    const level_changes changes{levels.first(record.bids), levels.subspan(record.bids, record.asks),
                                record.price_exponent, record.quantity_exponent};
    now_ = std::max(now_, std::chrono::nanoseconds{record.received_ns});
    book->doubted = false;
    const bool chained = (tag.flags & depth_update::previous_id_flag) != 0;
    const book_action action =
        tag.kind == tick_kind::depth_snapshot
            ? book->sync.on_snapshot(record.last_id, changes, now_)
            : book->sync.on_diff({record.first_id, record.last_id,
                                  chained ? std::optional{record.previous_id} : std::nullopt, changes},
                                 now_);
    serve(record.symbol, book->sync, action);
    return action;
  }
  /// The update to come is the first of a new numbering.
  void forget_ids(symbol_id symbol) noexcept {
    if (kept* const book = find(symbol)) book->sync.reset();
  }

  /// The book if it is right, up to the last update taken; else null. Valid until the next call.
  [[nodiscard]] const book_synchroniser* live(symbol_id symbol) const noexcept {
    const kept* const book = find(symbol);
    return book != nullptr && book->sync.state() == book_state::live ? &book->sync : nullptr;
  }
  /// The connection is not the one that the books were followed on: none is given out before it has been heard of
  /// again.
  void doubt_all() noexcept {
    for (const auto& book : books_) {
      if (book != nullptr) book->doubted = true;
    }
  }
  /// A live book that nothing speaks against.
  [[nodiscard]] bool is_current(symbol_id symbol) const noexcept {
    return live(symbol) != nullptr && !find(symbol)->doubted;
  }

  /// Somebody wants the whole book as soon as it is live. Whether we keep it at all.
  bool want(symbol_id symbol) noexcept {
    kept* const book = find(symbol);
    return book != nullptr && (book->wanted = true);
  }
  /// Whether it was wanted; then it is no longer.
  [[nodiscard]] bool give(symbol_id symbol) noexcept {
    kept* const book = find(symbol);
    return book != nullptr && std::exchange(book->wanted, false);
  }

  /// The wait is over.
  void on_time() {
    now_ += settings_.request_interval;  // a feed without ticks has had no time
    for (const symbol_id symbol : std::exchange(early_, {})) {
      if (kept* const book = find(symbol)) serve(symbol, book->sync, book->sync.on_time(now_));
    }
  }

 private:
  struct kept {
    explicit kept(const book_synchroniser_settings& settings) : sync{settings} {}
    book_synchroniser sync;
    bool wanted{false};
    bool doubted{false};
  };

  [[nodiscard]] kept* find(symbol_id symbol) const noexcept {
    const auto index = static_cast<std::size_t>(symbol);
    return index < books_.size() ? books_[index].get() : nullptr;
  }

  void serve(symbol_id symbol, const book_synchroniser& book, const book_action& action) {
    if (action.request_snapshot) return calls_.fetch(symbol);
    if (!book.due() || std::find(early_.begin(), early_.end(), symbol) != early_.end()) return;
    if (early_.empty()) calls_.wake_after(settings_.request_interval);
    early_.push_back(symbol);
  }

  book_synchroniser_settings settings_;
  const book_keeper_calls calls_;
  std::vector<std::unique_ptr<kept>> books_;  // by symbol
  std::vector<symbol_id> early_;              // need a snapshot, but have only just had one
  std::chrono::nanoseconds now_{0};
};

namespace detail {

/// How a hole is told; whole books of REST are held against the updates.
[[nodiscard]] inline status_record gap_record(const book_loss& what, tick_kind kind, symbol_id symbol) {
  const tick_kind of = kind == tick_kind::depth_snapshot ? tick_kind::depth_update : kind;
  return make_gap_status(what.fault, what.from, what.to, of, epoch_clock::now_ns(), symbol);
}

[[nodiscard]] inline std::size_t level_count(const order_book& book) noexcept {
  return book.size(book_side::bids) + book.size(book_side::asks);
}

/// The record of a snapshot of all that the book holds, and its levels, best first, into as much room.
[[nodiscard]] inline depth_record write_book(const book_synchroniser& of, symbol_id symbol,
                                             std::span<raw_level> levels) noexcept {
  const std::span<const raw_level> bids = of.book().bids().raw();  // the best come last
  const std::span<const raw_level> asks = of.book().asks().raw();
  std::ranges::reverse_copy(asks, std::ranges::reverse_copy(bids, levels.begin()).out);
  depth_record record{};
  record.last_id = of.last_id();
  record.bids = static_cast<std::uint16_t>(bids.size());
  record.asks = static_cast<std::uint16_t>(asks.size());
  record.received_ns = epoch_clock::now_ns();
  record.symbol = symbol;
  record.price_exponent = static_cast<std::int8_t>(of.book().price_exponent());
  record.quantity_exponent = static_cast<std::int8_t>(of.book().quantity_exponent());
  return record;
}

}  // namespace detail
}  // namespace foxtrot::inline v0
