// foxtrot/thread/detail/event_handlers.hpp: handlers of a monitor's events, each with a registration that ends it.
#pragma once

#include <foxtrot/thread/thread_event.hpp>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace foxtrot::inline v0::detail {

class event_handlers {
 public:
  using handler = std::function<void(const thread_event&)>;

 private:
  struct entry {
    explicit entry(handler given) : handle{std::move(given)} {}
    std::recursive_mutex running;  // held for a call; by the same thread again where a handler ends itself
    bool alive{true};              // guarded by it
    handler handle;
  };
  struct list {
    std::mutex mutex;
    std::vector<std::shared_ptr<entry>> entries;
  };

 public:
  /// May outlive the handlers' owner.
  class [[nodiscard]] registration {
   public:
    registration() = default;
    registration(registration&&) noexcept = default;
    registration& operator=(registration&& other) noexcept {
      if (this != &other) {
        cancel();
        list_ = std::move(other.list_);
        entry_ = std::move(other.entry_);
      }
      return *this;
    }
    ~registration() { cancel(); }

    /// Idempotent. Waits for a call that is under way on another thread.
    void cancel() {
      if (entry_ == nullptr) return;
      {
        const std::lock_guard lock{list_->mutex};
        std::erase(list_->entries, entry_);
      }
      {
        const std::lock_guard lock{entry_->running};
        entry_->alive = false;
      }
      entry_.reset();
      list_.reset();
    }

   private:
    friend class event_handlers;
    registration(std::shared_ptr<list> from, std::shared_ptr<entry> made) noexcept
        : list_{std::move(from)}, entry_{std::move(made)} {}
    std::shared_ptr<list> list_;
    std::shared_ptr<entry> entry_;
  };

  [[nodiscard]] registration add(handler handle) {
    auto made = std::make_shared<entry>(std::move(handle));
    const std::lock_guard lock{list_->mutex};
    list_->entries.push_back(made);
    return {list_, std::move(made)};
  }

  void call(const thread_event& event) {
    std::vector<std::shared_ptr<entry>> now;
    {
      const std::lock_guard lock{list_->mutex};
      now = list_->entries;
    }
    for (const auto& each : now) {
      const std::lock_guard lock{each->running};
      if (!each->alive) continue;
      try {
        each->handle(event);
      } catch (...) {
        failures_.fetch_add(1, std::memory_order_relaxed);  // a number for people: orders nothing
      }
    }
  }
  [[nodiscard]] std::uint64_t failures() const noexcept { return failures_.load(std::memory_order_relaxed); }

 private:
  std::shared_ptr<list> list_{std::make_shared<list>()};
  std::atomic<std::uint64_t> failures_{0};
};

}  // namespace foxtrot::inline v0::detail
