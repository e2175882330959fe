// foxtrot/feed/inline_consumer.hpp: handlers that run on the network thread.
#pragma once

#include <foxtrot/core/error.hpp>
#include <foxtrot/core/live_object.hpp>
#include <foxtrot/core/result.hpp>
#include <foxtrot/feed/counters.hpp>
#include <foxtrot/feed/detail/inline_registry.hpp>
#include <foxtrot/market/detail/consumer_filter.hpp>
#include <foxtrot/market/event.hpp>
#include <foxtrot/market/kinds.hpp>
#include <foxtrot/market/symbol.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

namespace foxtrot::inline v0 {

/// Keeps an inline handler registered. Once cancel() or the destructor has returned, the handler is neither running nor
/// called again, and is destroyed with all that it holds. From within an inline handler, its own or another, of this
/// feed or another, they do not wait, so that two feeds cannot wait for each other: a call on another feed's thread may
/// then still be under way or just beginning, and the handler is destroyed when that feed's batch ends. May outlive the
/// feed, whose end destroys the handlers. One that stands for several holds them all.
class [[nodiscard]] inline_subscription : private live_object<inline_subscription> {
 public:
  inline_subscription() = default;
  inline_subscription(std::shared_ptr<detail::inline_registry> registry, std::shared_ptr<detail::inline_entry> entry)
      : registry_{std::move(registry)}, entry_{std::move(entry)} {}
  explicit inline_subscription(std::vector<inline_subscription> several) noexcept : several_{std::move(several)} {}
  inline_subscription(inline_subscription&&) noexcept = default;
  inline_subscription& operator=(inline_subscription&& other) noexcept {
    if (this != &other) {
      cancel();
      registry_ = std::move(other.registry_);
      entry_ = std::move(other.entry_);
      several_ = std::move(other.several_);
    }
    return *this;
  }
  ~inline_subscription() { cancel(); }

  /// Deregisters; idempotent.
  void cancel() {
    if (entry_ != nullptr) registry_->remove(entry_);
    entry_.reset();
    registry_.reset();
    several_.clear();
  }

 private:
  std::shared_ptr<detail::inline_registry> registry_;
  std::shared_ptr<detail::inline_entry> entry_;
  std::vector<inline_subscription> several_;
};

/// All inline handlers of a feed.
class inline_consumers {
 public:
  class locked;
  class unlocked;

  /// Any thread. errc::closed after close().
  [[nodiscard]] result<inline_subscription> add(detail::consumer_filter filter, inline_handler handler) {
    auto entry = std::make_shared<detail::inline_entry>(std::move(filter), std::move(handler));
    if (!registry_->add(entry)) return errc::closed;
    return inline_subscription{registry_, std::move(entry)};
  }
  /// Destroys all handlers. Not while a batch is open.
  void close() { registry_->close(); }

  /// The network thread's hold on the handlers for one batch: costs nothing where there are none.
  class locked {
   public:
    explicit locked(detail::inline_registry& registry) : batch_{registry} {}

    [[nodiscard]] bool empty() const noexcept { return !batch_.held(); }

    /// Whether one of them wants events of this kind.
    [[nodiscard]] bool wants(tick_kind kind) const noexcept {
      return batch_.held() && std::ranges::any_of(batch_.entries(), [kind](const auto& each) {
               return is_alive(*each) && each->filter.wants(kind);
             });
    }

    void call(const event& told, tick_kind kind, symbol_id symbol, counter& failures) {
      // by index: a handler may add others; none is erased before the batch ends
      for (std::size_t i = 0; i < batch_.entries().size(); ++i) {
        detail::inline_entry& each = *batch_.entries()[i];
        if (!is_alive(each) || !each.filter.wants(kind, symbol)) continue;
        if (kind == tick_kind::status) each.greeted = true;
        tell(each, told, failures);
      }
    }

    /// The state of the connection, to those who have not heard of it.
    void greet(const event& state, counter& failures) {
      for (std::size_t i = 0; i < batch_.entries().size(); ++i) {
        detail::inline_entry& each = *batch_.entries()[i];
        if (is_alive(each) && !std::exchange(each.greeted, true)) tell(each, state, failures);
      }
    }

   private:
    friend class inline_consumers::unlocked;
    // relaxed: see turns_; where another handler removes it, a call more or less
    [[nodiscard]] static bool is_alive(const detail::inline_entry& each) noexcept {
      return each.alive.load(std::memory_order_relaxed);
    }
    static void tell(detail::inline_entry& each, const event& told, counter& failures) {
      try {
        each.handler(told);
      } catch (...) {
        failures.add();  // a strategy's mistake must not end the feed
      }
    }

    detail::inline_registry::batch batch_;
  };

  /// Lets go of the handlers while the network thread waits for somebody who may be deregistering one.
  class unlocked {
   public:
    explicit unlocked(locked& hold) : hold_{hold.batch_}, was_held_{hold_.held()} { hold_.give_back(); }
    unlocked(const unlocked&) = delete;
    unlocked& operator=(const unlocked&) = delete;
    ~unlocked() {
      if (was_held_) hold_.take();
    }

   private:
    detail::inline_registry::batch& hold_;
    bool was_held_;
  };

  [[nodiscard]] locked lock() { return locked{*registry_}; }

 private:
  std::shared_ptr<detail::inline_registry> registry_{std::make_shared<detail::inline_registry>()};
};

}  // namespace foxtrot::inline v0
