// foxtrot/queue/parking_spot.hpp: where threads sleep until another has something for them, without lost wake-ups.
#pragma once

#include <foxtrot/core/cpu.hpp>
#include <foxtrot/core/separate_compilation.hpp>

#include <atomic>
#include <bit>
#include <chrono>
#include <climits>
#include <cstdint>
#include <optional>

namespace foxtrot::inline v0 {

/// Any number of sleepers, any number of wakers. A waker pays one read-modify-write, and a system call only where
/// somebody sleeps.
///
/// No wake-up is lost: the waker first makes its news visible, then steps the word; the sleeper first enters itself in
/// the word, then looks for news again, then sleeps unless the word was stepped since. Both are read-modify-writes of
/// one atomic, so one comes first in its modification order. If the sleeper's does, the waker sees it and wakes it, or
/// it finds the word stepped. If the waker's does, the sleeper's reads from it or from a later one (acquire from
/// release), so its second look sees the news.
///
/// One sleeper can wait for several: a spot may listen to others. Who enters it enters those as well, in a count of its
/// own, and after it has got its ticket here; so the argument holds for each of them, and a waker there that sees the
/// entry steps the word here, which is later than the ticket.
class parking_spot {
 public:
  using duration = std::chrono::nanoseconds;

  parking_spot() noexcept = default;
  parking_spot(const parking_spot&) = delete;
  parking_spot& operator=(const parking_spot&) = delete;
  ~parking_spot();

  /// From now on wake() on `other`, and on all that it listens to, wakes who sleeps here. Costs its wakers nothing
  /// unless somebody sleeps. `other` outlives this spot. Before anybody sleeps here; spots do not listen in a circle.
  void listen_to(parking_spot& other);

  /// Proof of having been entered.
  class ticket {
   public:
    ticket() noexcept = default;  // of no use until prepare() has given one

   private:
    friend class parking_spot;
    explicit ticket(std::uint32_t seen) noexcept : step_{seen} {}
    std::uint32_t step_{0};
  };

  /// Enters the caller as a sleeper. It has to look for news again, and then to call cancel() or wait().
  [[nodiscard]] ticket prepare() noexcept {
    const ticket mine{step_of(word_.fetch_add(sleeper, std::memory_order_acq_rel))};
    count_listener(listener);
    return mine;
  }
  /// There was news: not sleeping after all.
  void cancel(ticket) noexcept { leave(); }
  /// Sleeps until wake(), or for `patience` if given; not at all where wake() was called since prepare(). May return
  /// early: the caller looks again in a loop.
  void wait(ticket mine, std::optional<duration> patience = {}) noexcept {
    if (!patience || *patience > duration::zero()) sleep(mine, patience);
    leave();
  }

  /// All three: enters, looks again, sleeps. Returns at once when `nothing_new()` is false.
  template <class Predicate>
  void park(Predicate&& nothing_new, std::optional<duration> patience = {}) noexcept {
    const ticket mine = prepare();
    if (nothing_new()) {
      wait(mine, patience);
    } else {
      cancel(mine);
    }
  }

  /// Wakes every sleeper, or up to `how_many`. Any thread. What a sleeper is to see has been written before.
  void wake(std::uint32_t how_many = INT_MAX) noexcept {
    const std::uint64_t before = word_.fetch_add(step, std::memory_order_acq_rel);
    if (entered_in(before) != 0) wake_entered(before, how_many);
  }

  /// Whether somebody is seen to sleep or to listen. Who is about to may not be seen, so it never stands in for wake().
  [[nodiscard]] bool occupied() const noexcept { return entered_in(word_.load(std::memory_order_relaxed)) != 0; }
  /// How many are entered now: for tests and statistics.
  [[nodiscard]] std::uint32_t sleepers() const noexcept { return sleepers_in(word_.load(std::memory_order_relaxed)); }

 private:
  // The upper half counts wake-ups: a sleeper misses one only if exactly 2^32 of them fall between its two steps. The
  // lower one counts who is entered: here, and at spots that listen.
  static constexpr std::uint64_t sleeper = 1;
  static constexpr std::uint64_t listener = std::uint64_t{1} << 20;
  static constexpr std::uint64_t step = std::uint64_t{1} << 32;

  struct links;

  [[nodiscard]] static std::uint32_t step_of(std::uint64_t word) noexcept {
    return static_cast<std::uint32_t>(word >> 32);
  }
  [[nodiscard]] static std::uint32_t entered_in(std::uint64_t word) noexcept {
    return static_cast<std::uint32_t>(word);
  }
  [[nodiscard]] static std::uint32_t sleepers_in(std::uint64_t word) noexcept {
    return entered_in(word) % static_cast<std::uint32_t>(listener);
  }

  // A read-modify-write as well, so that the chain of the argument above stays unbroken.
  void leave() noexcept {
    word_.fetch_sub(sleeper, std::memory_order_acq_rel);
    count_listener(std::uint64_t{0} - listener);  // one less
  }

  // At all spots that this one listens to.
  void count_listener(std::uint64_t more) noexcept;

  void wake_entered(std::uint64_t before, std::uint32_t how_many) noexcept;

  // Several may come to listen at once.
  [[nodiscard]] links& made_links();
  void forget(parking_spot& gone) noexcept;

  // The kernel compares 32 bits: the upper half of the word.
  [[nodiscard]] std::uint32_t* address() noexcept {
    static_assert(sizeof(word_) == sizeof(std::uint64_t) && decltype(word_)::is_always_lock_free);
    return reinterpret_cast<std::uint32_t*>(&word_) + (std::endian::native == std::endian::little ? 1 : 0);
  }

  void sleep(ticket mine, std::optional<duration> patience) noexcept;

  alignas(cache_line) std::atomic<std::uint64_t> word_{0};
  std::atomic<links*> links_{nullptr};  // made by the first who listens; goes with the spot
};
static_assert(sizeof(parking_spot) == cache_line);

}  // namespace foxtrot::inline v0

#ifdef FOXTROT_DEFINITIONS
#include <foxtrot/queue/impl/parking_spot.hpp>
#endif
