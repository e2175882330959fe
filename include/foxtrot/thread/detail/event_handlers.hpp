// foxtrot/thread/detail/event_handlers.hpp: handlers of a monitor's events, each with a registration that ends it.
#pragma once

#include <foxtrot/core/separate_compilation.hpp>
#include <foxtrot/thread/thread_event.hpp>

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>

namespace foxtrot::inline v0::detail {

class event_handlers {
  struct entry;
  struct list;

 public:
  using handler = std::function<void(const thread_event&)>;

  /// May outlive the handlers' owner.
  class [[nodiscard]] registration {
   public:
    registration() noexcept;
    registration(registration&&) noexcept;
    registration& operator=(registration&& other) noexcept;
    ~registration();

    /// Idempotent. Waits for a call that is under way on another thread.
    void cancel();

   private:
    friend class event_handlers;
    registration(std::shared_ptr<list> from, std::shared_ptr<entry> made) noexcept;
    std::shared_ptr<list> list_;
    std::shared_ptr<entry> entry_;
  };

  event_handlers();
  [[nodiscard]] registration add(handler handle);
  void call(const thread_event& event);
  [[nodiscard]] std::uint64_t failures() const noexcept;

 private:
  std::shared_ptr<list> list_;
  std::atomic<std::uint64_t> failures_{0};
};

}  // namespace foxtrot::inline v0::detail

#ifdef FOXTROT_DEFINITIONS
#include <foxtrot/thread/impl/event_handlers.hpp>
#endif
