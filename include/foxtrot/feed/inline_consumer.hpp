// foxtrot/feed/inline_consumer.hpp: handlers that run on the network thread.
#pragma once

#include <foxtrot/core/result.hpp>
#include <foxtrot/feed/counters.hpp>
#include <foxtrot/market/detail/consumer_filter.hpp>
#include <foxtrot/market/event.hpp>
#include <foxtrot/market/kinds.hpp>
#include <foxtrot/market/symbol.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace foxtrot::inline v0 {

using inline_handler = std::function<void(const event&)>;

namespace detail {

struct inline_entry {
  consumer_filter filter;
  inline_handler handler;
  bool alive{true};
  bool greeted{false};  // has heard of the connection's state
};

// Shared with the handles, so that either side may go first.
struct inline_registry {
  std::mutex mutex;  // held by the network thread for the length of a batch
  std::vector<std::shared_ptr<inline_entry>> entries;
  std::atomic<std::size_t> count{0};
  std::atomic<std::thread::id> runner{};  // who holds the mutex for a batch

  // From within a handler the mutex is ours already. The runner is only equal if this thread stored it.
  [[nodiscard]] bool within_batch() const noexcept {
    return runner.load(std::memory_order_relaxed) == std::this_thread::get_id();
  }
  void add(const std::shared_ptr<inline_entry>& entry) {
    std::unique_lock lock{mutex, std::defer_lock};
    if (!within_batch()) lock.lock();
    entries.push_back(entry);
    count.store(entries.size(), std::memory_order_release);
  }
  void remove(const std::shared_ptr<inline_entry>& entry) {
    if (within_batch()) {
      entry->alive = false;  // forgotten when the batch ends
      return;
    }
    const std::lock_guard lock{mutex};
    std::erase(entries, entry);
    count.store(entries.size(), std::memory_order_release);
  }
};

}  // namespace detail

/// Keeps an inline handler registered. Once its destructor has returned the handler is neither running nor called
/// again; destroyed by the handler itself, it is not called again. May outlive the feed.
class [[nodiscard]] inline_subscription {
 public:
  inline_subscription() = default;
  inline_subscription(std::shared_ptr<detail::inline_registry> registry, std::shared_ptr<detail::inline_entry> entry)
      : registry_{std::move(registry)}, entry_{std::move(entry)} {}
  inline_subscription(inline_subscription&&) noexcept = default;
  inline_subscription& operator=(inline_subscription&& other) noexcept {
    if (this != &other) {
      cancel();
      registry_ = std::move(other.registry_);
      entry_ = std::move(other.entry_);
    }
    return *this;
  }
  ~inline_subscription() { cancel(); }

  /// Deregisters; idempotent.
  void cancel() {
    if (entry_ != nullptr) registry_->remove(entry_);
    entry_.reset();
    registry_.reset();
  }

 private:
  std::shared_ptr<detail::inline_registry> registry_;
  std::shared_ptr<detail::inline_entry> entry_;
};

/// All inline handlers of a feed.
class inline_consumers {
 public:
  class locked;
  class unlocked;

  [[nodiscard]] inline_subscription add(detail::consumer_filter filter, inline_handler handler) {
    auto entry = std::make_shared<detail::inline_entry>(detail::inline_entry{std::move(filter), std::move(handler)});
    registry_->add(entry);
    return {registry_, std::move(entry)};
  }

  /// The network thread's hold on the handlers for one batch: costs nothing where there are none.
  class locked {
   public:
    explicit locked(detail::inline_registry& registry) : registry_{registry} {
      if (registry_.count.load(std::memory_order_acquire) != 0) take();
    }
    locked(const locked&) = delete;
    locked& operator=(const locked&) = delete;
    ~locked() { give_back(); }

    [[nodiscard]] bool empty() const noexcept { return !held_; }

    /// Whether one of them wants events of this kind.
    [[nodiscard]] bool wants(tick_kind kind) const noexcept {
      return held_ && std::ranges::any_of(registry_.entries,
                                          [kind](const auto& each) { return each->alive && each->filter.wants(kind); });
    }

    void call(const event& told, tick_kind kind, symbol_id symbol, counter& failures) {
      // by index: a handler may add others; none is erased before the batch ends
      for (std::size_t i = 0; i < registry_.entries.size(); ++i) {
        detail::inline_entry& each = *registry_.entries[i];
        if (!each.alive || !each.filter.wants(kind, symbol)) continue;
        if (kind == tick_kind::status) each.greeted = true;
        tell(each, told, failures);
      }
    }

    /// The state of the connection, to those who have not heard of it.
    void greet(const event& state, counter& failures) {
      for (std::size_t i = 0; i < registry_.entries.size(); ++i) {
        detail::inline_entry& each = *registry_.entries[i];
        if (each.alive && !std::exchange(each.greeted, true)) tell(each, state, failures);
      }
    }

   private:
    friend class inline_consumers::unlocked;
    static void tell(detail::inline_entry& each, const event& told, counter& failures) {
      try {
        each.handler(told);
      } catch (...) {
        failures.add();  // a strategy's mistake must not end the feed
      }
    }
    void take() {
      registry_.mutex.lock();
      registry_.runner.store(std::this_thread::get_id(), std::memory_order_relaxed);
      held_ = true;
    }
    void give_back() {
      if (!held_) return;
      std::erase_if(registry_.entries, [](const auto& each) { return !each->alive; });
      registry_.count.store(registry_.entries.size(), std::memory_order_release);
      registry_.runner.store({}, std::memory_order_relaxed);
      held_ = false;
      registry_.mutex.unlock();
    }

    detail::inline_registry& registry_;
    bool held_{false};
  };

  /// Lets go of the handlers while the network thread waits for somebody who may be deregistering one.
  class unlocked {
   public:
    explicit unlocked(locked& hold) : hold_{hold}, was_held_{hold.held_} { hold_.give_back(); }
    unlocked(const unlocked&) = delete;
    unlocked& operator=(const unlocked&) = delete;
    ~unlocked() {
      if (was_held_) hold_.take();
    }

   private:
    locked& hold_;
    bool was_held_;
  };

  [[nodiscard]] locked lock() { return locked{*registry_}; }

 private:
  std::shared_ptr<detail::inline_registry> registry_{std::make_shared<detail::inline_registry>()};
};

}  // namespace foxtrot::inline v0
