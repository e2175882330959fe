// foxtrot/queue/mpmc_queue.hpp: many producers, many consumers, bounded; the one header that sees moodycamel.
#pragma once

#include <foxtrot/core/cpu.hpp>
#include <foxtrot/core/live_object.hpp>
#include <foxtrot/queue/detail/mpmc_cell.hpp>
#include <foxtrot/queue/parking_spot.hpp>

#include <concurrentqueue/concurrentqueue.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <climits>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <new>
#include <optional>
#include <span>
#include <stop_token>
#include <type_traits>
#include <utility>
#include <vector>

#include <sched.h>

namespace foxtrot::inline v0 {

/// A bounded queue between any number of threads, for commands and work sharing; between two threads, spsc_ring is
/// several times as fast. Items of one producer's end come out in order; between ends there is no order. All memory is
/// taken in the constructor. Ends are made of it, one for each thread; they must be gone before the queue is.
/// There is no pushing without an end: moodycamel's queue would allocate for every such thread.
template <mpmc_item T>
class mpmc_queue : private live_object<mpmc_queue<T>> {
 public:
  using value_type = T;
  class producer;
  class consumer;

  /// Room for exactly `capacity` items (at least one), and for up to `producers` producers' ends at a time.
  mpmc_queue(std::size_t capacity, std::size_t producers)
      : capacity_{std::clamp(capacity, std::size_t{1}, most)}, in_use_(std::max(producers, std::size_t{1})) {
    tokens_.reserve(in_use_.size());
    for (std::size_t i = 0; i < in_use_.size(); ++i) give_blocks(tokens_.emplace_back(queue_));
  }
  mpmc_queue(const mpmc_queue&) = delete;
  mpmc_queue& operator=(const mpmc_queue&) = delete;
  ~mpmc_queue() {
    moodycamel::ConsumerToken token{queue_};
    for (detail::mpmc_destroy each; queue_.try_dequeue(token, each);) continue;
  }

  [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }

  /// A producer's end; none while as many as the constructor was told are in use. Any thread.
  [[nodiscard]] std::optional<producer> make_producer() noexcept {
    for (std::size_t i = 0; i < in_use_.size(); ++i) {
      // acquire: what the end before did with the token
      if (!in_use_[i].exchange(true, std::memory_order_acquire)) return producer{*this, i};
    }
    return std::nullopt;
  }

  /// A consumer's end. Any thread, any number.
  [[nodiscard]] consumer make_consumer() noexcept { return consumer{*this}; }

  /// No push succeeds any more; what is inside can still be taken. Wakes everybody who waits. Any thread.
  void close() noexcept {
    state_.fetch_or(closed_bit, std::memory_order_release);
    sleepers_.wake();
  }
  [[nodiscard]] bool closed() const noexcept { return (state() & closed_bit) != 0; }

  /// Items inside at some moment of the call, and those on their way in or out. Any thread.
  [[nodiscard]] std::size_t size() const noexcept { return static_cast<std::size_t>(state() & ~closed_bit); }

 private:
  using cell = detail::mpmc_cell<T>;

  struct traits : moodycamel::ConcurrentQueueDefaultTraits {
    static constexpr std::size_t INITIAL_IMPLICIT_PRODUCER_HASH_SIZE = 0;  // no producers without a token
    static void* malloc(std::size_t bytes) { return ::operator new(bytes); }
    static void free(void* block) noexcept { ::operator delete(block); }
  };
  using queue_type = moodycamel::ConcurrentQueue<cell, traits>;

  static constexpr std::uint64_t closed_bit = std::uint64_t{1} << 63;
  static constexpr std::size_t most = std::size_t{1} << 40;

  // Blocks belong to their producer for ever. A producer goes round its blocks in a circle and can go on into the next
  // one if that is empty, that is, if all items that were ever put there have been taken out completely. When it needs
  // one, less than `capacity` other items are inside. If they are its latest, then ceil(capacity / size) blocks hold
  // them all and one more block is the empty one, whichever producers the other items are of: so each producer gets
  // its own blocks for all of `capacity`. They need not be its latest: a consumer may be interrupted after it laid
  // claim to an item and before it moved it out, and others go on. For that there are as many blocks again.
  void give_blocks(const moodycamel::ProducerToken& token) {
    constexpr std::size_t size = queue_type::BLOCK_SIZE;
    const std::size_t blocks = 2 * ((capacity_ + size - 1) / size) + 1;
    for (std::size_t i = 0; i < blocks * size; ++i) queue_.enqueue(token, cell{nullptr});
    for (detail::mpmc_ignore each; queue_.try_dequeue_from_producer(token, each);) continue;
  }
  [[nodiscard]] std::uint64_t state() const noexcept { return state_.load(std::memory_order_acquire); }

  /// Room for up to `wanted` items; 0 if there is none.
  [[nodiscard]] std::size_t reserve(std::size_t wanted) noexcept {
    std::uint64_t seen = state_.load(std::memory_order_relaxed);
    while ((seen & closed_bit) == 0 && seen < capacity_) {
      const std::size_t count = std::min(wanted, capacity_ - static_cast<std::size_t>(seen));
      // acquire: pairs with give_back(), so that the blocks emptied before it are seen to be empty
      if (state_.compare_exchange_weak(seen, seen + count, std::memory_order_acquire, std::memory_order_relaxed)) {
        return count;
      }
    }
    return 0;
  }
  void give_back(std::size_t count) noexcept {
    // release: see reserve(). All writes are read-modify-writes, so an acquire of any later one gets it as well.
    state_.fetch_sub(count, std::memory_order_release);
  }

  const std::size_t capacity_;
  queue_type queue_{0};
  std::vector<moodycamel::ProducerToken> tokens_;            // each used by the end that has it
  std::vector<std::atomic<bool>> in_use_;                    // whether an end has that token
  alignas(cache_line) std::atomic<std::uint64_t> state_{0};  // items inside, and whether closed; any thread
  parking_spot sleepers_;                                    // consumers
};

/// Where one thread puts items in.
template <mpmc_item T>
class mpmc_queue<T>::producer {
 public:
  using value_type = T;

  producer(producer&& other) noexcept : queue_{std::exchange(other.queue_, nullptr)}, token_{other.token_} {}
  producer& operator=(producer&& other) noexcept {
    std::swap(queue_, other.queue_);
    std::swap(token_, other.token_);
    return *this;
  }
  ~producer() {
    if (queue_ != nullptr)
      queue_->in_use_[token_].store(false, std::memory_order_release);  // pairs with make_producer()
  }

  /// False, and `item` untouched, where capacity() items are inside or the queue is closed. There is one more reason: a
  /// consumer was interrupted in the middle of taking an item of this end, and has been for so long that capacity()
  /// others went past it.
  [[nodiscard]] bool try_push(T&& item) noexcept {
    if (queue_->reserve(1) == 0) return false;
    if (!enqueue(item)) {
      queue_->give_back(1);
      return false;
    }
    queue_->sleepers_.wake(1);
    return true;
  }
  [[nodiscard]] bool try_push(const T& item) noexcept(std::is_nothrow_copy_constructible_v<T>)
    requires std::copy_constructible<T>
  {
    T copy{item};  // before anything is reserved: copying may throw
    return try_push(std::move(copy));
  }

  /// Moves as many of the items in as there is room for, the first ones first, and returns their number. The others
  /// are untouched.
  [[nodiscard]] std::size_t try_push_bulk(std::span<T> items) noexcept {
    const std::size_t room = items.empty() ? 0 : queue_->reserve(items.size());
    if (room == 0) return 0;
    std::size_t done = 0;
    if (queue_->queue_.try_enqueue_bulk(token(), std::move_iterator<T*>{items.data()}, room)) {
      done = room;
    } else {  // blocks are missing, as try_push() says: into those that there are
      while (done < room && enqueue(items[done])) ++done;
      queue_->give_back(room - done);
    }
    if (done != 0) queue_->sleepers_.wake(static_cast<std::uint32_t>(std::min<std::size_t>(done, INT_MAX)));
    return done;
  }

 private:
  friend mpmc_queue;
  producer(mpmc_queue& queue, std::size_t token) noexcept : queue_{&queue}, token_{token} {}

  [[nodiscard]] const moodycamel::ProducerToken& token() const noexcept {
    const moodycamel::ProducerToken& mine = queue_->tokens_[token_];
    if (!mine.valid()) __builtin_unreachable();  // or g++ warns of the null pointer that an invalid one has
    return mine;
  }
  [[nodiscard]] bool enqueue(T& item) noexcept { return queue_->queue_.try_enqueue(token(), cell{&item}); }

  mpmc_queue* queue_;
  std::size_t token_;
};

/// Where one thread takes items out. Items that consume() had taken when its visitor threw stay in this end and come
/// first next time; they go with it when it goes.
template <mpmc_item T>
class mpmc_queue<T>::consumer {
 public:
  using value_type = T;

  consumer(const consumer&) = delete;
  consumer& operator=(const consumer&) = delete;
  ~consumer() { std::destroy(taken_.value + next_, taken_.value + end_); }

  /// Moves an item to `item`; false where none is inside, or others are just taking the last.
  [[nodiscard]] bool try_pop(T& item) noexcept {
    if (next_ != end_) return pop_taken(item), true;
    if (queue_.size() == 0) return false;  // one line to look at instead of every producer's
    detail::mpmc_assign<T> to{item};
    if (!queue_.queue_.try_dequeue(token_, to)) return false;
    queue_.give_back(1);
    return true;
  }

  /// Calls `visit(T&&)` for up to `max` items that are there now and returns their number. An item whose visit throws
  /// is consumed, no other is.
  template <std::invocable<T&&> Visitor>
  std::size_t consume(std::size_t max, Visitor&& visit) {
    std::size_t done = 0;
    while (done < max && (next_ != end_ || take(max - done) != 0)) {
      for (; next_ != end_ && done < max; ++done) {
        T item{std::move(taken_.value[next_])};
        std::destroy_at(&taken_.value[next_++]);
        visit(std::move(item));
      }
    }
    return done;
  }

  /// Moves an item to `item`, sleeping until there is one. False where the queue is empty and closed, a stop requested,
  /// or `patience` over; never while an item is on its way: not for threads whose priority keeps others from running.
  [[nodiscard]] bool pop_wait(T& item, const std::stop_token& stop,
                              std::optional<std::chrono::nanoseconds> patience = {}) noexcept {
    if (try_pop(item)) return true;
    using clock = std::chrono::steady_clock;
    const auto start = clock::now();
    const std::stop_callback on_stop{stop, [this]() noexcept { queue_.sleepers_.wake(); }};
    for (unsigned turns = 1;; ++turns) {
      if (try_pop(item)) return true;
      // Something is inside, but on its way in or out, or hidden by another consumer that is just finding nothing.
      // Never asleep, and never gone, then: the wake-up for it may have come here.
      if (queue_.size() != 0) {
        pause(turns);
        continue;
      }
      std::optional<std::chrono::nanoseconds> left = patience;
      if (patience) left = *patience - (clock::now() - start);
      if (queue_.closed() || stop.stop_requested() || (left && *left <= std::chrono::nanoseconds::zero())) return false;
      // Whoever pushes counts the item before it wakes, and a stop or close is there before its waking: so the second
      // look sees it, or the spot is awake (see parking_spot).
      queue_.sleepers_.park([&] { return queue_.state() == 0 && !stop.stop_requested(); }, left);
    }
  }

 private:
  friend mpmc_queue;
  explicit consumer(mpmc_queue& queue) noexcept : queue_{queue}, token_{queue.queue_} {}

  // Few enough for a stack, and to leave something to other consumers.
  static constexpr std::size_t batch = std::clamp<std::size_t>(4096 / sizeof(T), 1, 32);
  union storage {
    storage() noexcept {}
    ~storage() {}
    T value[batch];
  };

  std::size_t take(std::size_t max) noexcept {
    if (queue_.size() == 0) return 0;
    next_ = 0;
    end_ = queue_.queue_.try_dequeue_bulk(token_, detail::mpmc_construct<T>{taken_.value}, std::min(max, batch));
    queue_.give_back(end_);
    return end_;
  }

  void pop_taken(T& item) noexcept {
    item = std::move(taken_.value[next_]);
    std::destroy_at(&taken_.value[next_++]);
  }

  static void pause(unsigned turns) noexcept {
    if (turns % 64 == 0) {
      ::sched_yield();
    } else {
      cpu_relax();
    }
  }

  mpmc_queue& queue_;
  moodycamel::ConsumerToken token_;
  std::size_t next_{0};  // taken and not yet handed over: from here
  std::size_t end_{0};   // to here
  storage taken_;
};

}  // namespace foxtrot::inline v0
