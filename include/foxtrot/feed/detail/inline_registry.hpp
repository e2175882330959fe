// foxtrot/feed/detail/inline_registry.hpp: who is called on the network thread, while others come and go.
#pragma once

#include <foxtrot/core/live_object.hpp>
#include <foxtrot/market/detail/consumer_filter.hpp>
#include <foxtrot/market/event.hpp>

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace foxtrot::inline v0 {

using inline_handler = std::function<void(const event&)>;

namespace detail {

struct inline_entry : private live_object<inline_entry> {
  inline_entry(consumer_filter wanted, inline_handler called) : filter{std::move(wanted)}, handler{std::move(called)} {}

  consumer_filter filter;
  inline_handler handler;
  std::atomic<bool> alive{true};  // any thread
  bool greeted{false};            // network thread: has heard of the connection's state
};

// Shared with the handles, so that either side may go first. The mutex is held for moments, never while a handler runs:
// the network thread works on a list of its own, and says in `turns_` when it does.
class inline_registry : private live_object<inline_registry> {
 public:
  using list = std::vector<std::shared_ptr<inline_entry>>;
  class batch;

  // --- any thread ---

  // False once closed.
  [[nodiscard]] bool add(const std::shared_ptr<inline_entry>& entry);

  // The entry is not called again. Waits for a batch that is under way, except within one: another feed's thread may
  // be waiting there for this one.
  void remove(const std::shared_ptr<inline_entry>& entry);

  // Forgets all and destroys the handlers, whatever they hold. Not while a batch is open.
  void close() {
    list gone;
    list known;
    {
      const std::lock_guard lock{mutex_};
      closed_ = true;
      gone.swap(all_);
      known.swap(current_);
      for (const auto& each : gone) each->alive.store(false, std::memory_order_relaxed);
    }
    for (const auto& each : gone) each->handler = nullptr;  // not under the lock: it may hold handles of ours
  }

 private:
  static constexpr std::uint64_t awaited = 1;  // somebody waits for the end of the batch
  static constexpr std::uint64_t running = 2;  // and above it, the number of batches so far

  std::mutex mutex_;  // guards the next two
  list all_;
  bool closed_{false};
  std::atomic<bool> changed_{false};  // all_ is not what the network thread knows
  std::condition_variable ended_;
  // All writes are read-modify-writes, acquire and release: of a batch's begin and a removal one comes first, and is
  // seen by the other. So the batch finds the entry dead, or the removal finds the batch.
  std::atomic<std::uint64_t> turns_{0};

  // the network thread's own
  list current_;
  inline_registry* outer_{nullptr};  // batches of one thread are nested
};

// While it is held, handlers may run; costs nothing where there are none.
class inline_registry::batch {
 public:
  explicit batch(inline_registry& of) : of_{of} {
    if (of_.changed_.load(std::memory_order_acquire)) [[unlikely]]
      refresh();
    take();
  }
  batch(const batch&) = delete;
  batch& operator=(const batch&) = delete;
  ~batch() { give_back(); }

  [[nodiscard]] bool held() const noexcept { return held_; }
  [[nodiscard]] list& entries() const noexcept { return of_.current_; }

  void take() noexcept {
    if (of_.current_.empty()) return;
    of_.turns_.fetch_add(running, std::memory_order_acq_rel);
    of_.outer_ = std::exchange(innermost, &of_);
    held_ = true;
  }
  void give_back() {
    if (!std::exchange(held_, false)) return;
    innermost = of_.outer_;
    // a carry into the count: not running
    const bool is_awaited = (of_.turns_.fetch_add(running, std::memory_order_acq_rel) & awaited) != 0;
    // After the end was said: who removes an entry later destroys its handler itself.
    if (is_awaited || of_.changed_.load(std::memory_order_acquire)) [[unlikely]]
      tidy_up(is_awaited);
  }

  // Whether this thread is in a batch, of any feed; and of this one.
  [[nodiscard]] static bool any() noexcept { return innermost != nullptr; }
  [[nodiscard]] static bool any_of(const inline_registry& wanted) noexcept {
    const inline_registry* each = innermost;
    while (each != nullptr && each != &wanted) each = each->outer_;
    return each != nullptr;
  }

 private:
  [[nodiscard]] static bool is_dead(const std::shared_ptr<inline_entry>& entry) noexcept {
    return !entry->alive.load(std::memory_order_relaxed);
  }
  // What is seldom needed stays out of the way of what each event goes through.
  [[gnu::noinline]] void tidy_up(bool is_awaited) {
    if (is_awaited) {
      const std::lock_guard lock{of_.mutex_};
      of_.turns_.fetch_and(~awaited, std::memory_order_acq_rel);
      of_.ended_.notify_all();
    }
    std::erase_if(of_.current_, is_dead);
  }
  [[gnu::noinline]] void refresh() {
    list now;  // and then what was: what goes, goes after the lock
    const std::lock_guard lock{of_.mutex_};
    now = of_.all_;
    of_.changed_.store(false, std::memory_order_relaxed);  // under the mutex
    of_.current_.swap(now);
  }

  // Of registries, not of batches: one whose address is known elsewhere cannot be kept in registers.
  [[gnu::visibility("default")]] static inline thread_local inline_registry* innermost = nullptr;

  inline_registry& of_;
  bool held_{false};
};

inline bool inline_registry::add(const std::shared_ptr<inline_entry>& entry) {
  const std::lock_guard lock{mutex_};
  if (closed_) return false;
  all_.push_back(entry);
  // from within a handler: it hears of the rest of this batch, too
  if (batch::any_of(*this)) current_.push_back(entry);
  changed_.store(true, std::memory_order_release);
  return true;
}

inline void inline_registry::remove(const std::shared_ptr<inline_entry>& entry) {
  {
    std::unique_lock lock{mutex_};
    if (std::erase(all_, entry) == 0) return;  // closed meanwhile
    entry->alive.store(false, std::memory_order_relaxed);
    changed_.store(true, std::memory_order_release);
    const std::uint64_t now = turns_.fetch_or(awaited, std::memory_order_acq_rel) | awaited;
    if ((now & running) != 0) {
      if (batch::any()) return;  // goes with the batch
      ended_.wait(lock, [&] { return (turns_.load(std::memory_order_acquire) | awaited) != now; });
    }
  }
  entry->handler = nullptr;  // nobody calls it any more
}

}  // namespace detail

}  // namespace foxtrot::inline v0
