// foxtrot/net/async_event.hpp: one coroutine waits until something on the same loop has happened.
#pragma once

#include <foxtrot/core/error.hpp>
#include <foxtrot/core/live_object.hpp>
#include <foxtrot/net/asio.hpp>

#include <asio/execution_context.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <system_error>
#include <utility>

namespace foxtrot::inline v0 {

/// What every wait in net/ that is not for a socket is made of. A notification that finds nobody waiting is kept for
/// the next wait (one is kept, not several). One waiter at a time. Loop thread only; a loop that is destroyed destroys
/// the coroutines that wait here, as it does those that wait for sockets.
class async_event : private live_object<async_event> {
 public:
  explicit async_event(asio::io_context& loop) : state_{std::make_shared<state>(loop)} {}
  async_event(const async_event&) = delete;
  async_event& operator=(const async_event&) = delete;
  /// Whoever still waits gets errc::cancelled.
  ~async_event() {
    if (state_->waiter) state_->complete(errc::cancelled);
  }

  [[nodiscard]] bool waiting() const noexcept { return state_->waiter.has_value(); }

  /// The waiting coroutine goes on, from the loop and not from inside this call, with `error` as its result.
  void notify(std::error_code error = {}) {
    if (state_->waiter)
      state_->complete(error);
    else
      state_->kept = error;
  }

  /// errc::cancelled when the coroutine is cancelled or the event destroyed; otherwise what `notify` was given.
  [[nodiscard]] task<std::error_code> wait() { return wait_on(state_); }

 private:
  // A type of its own: Asio would throw a plain std::error_code instead of returning it.
  struct outcome {
    std::error_code error;
  };
  using handler = asio::async_result<asio::use_awaitable_t<io_executor>, void(outcome)>::handler_type;

  struct state;

  // A waiting coroutine is owned by its own event: without this list a dying loop would not know of it.
  class registry final : public asio::execution_context::service {
   public:
    inline static asio::execution_context::id id;

    explicit registry(asio::execution_context& loop) : service{loop} {}
    void add(state& waiting) noexcept {
      waiting.next = first_;
      waiting.previous = nullptr;
      if (first_ != nullptr) first_->previous = &waiting;
      first_ = &waiting;
    }
    void remove(state& waiting) noexcept {
      if (waiting.next != nullptr) waiting.next->previous = waiting.previous;
      (waiting.previous != nullptr ? waiting.previous->next : first_) = waiting.next;
    }

   private:
    void shutdown() override {
      while (first_ != nullptr) (void)first_->release();
    }

    state* first_{nullptr};
  };

  struct state {
    explicit state(asio::io_context& context)
        : loop{context}, waits{asio::use_service<registry>(static_cast<asio::execution_context&>(context))} {}

    [[nodiscard]] handler release() noexcept {
      waits.remove(*this);
      handler released = std::move(*waiter);
      waiter.reset();
      return released;
    }
    void complete(std::error_code error) {
      asio::post(loop, [waiting = release(), error]() mutable { std::move(waiting)(outcome{error}); });
    }

    asio::io_context& loop;
    registry& waits;
    std::optional<handler> waiter;
    std::optional<std::error_code> kept;
    std::uint64_t round{0};  // a cancellation meant for an earlier wait must not end a later one
    state* previous{nullptr};
    state* next{nullptr};
  };

  static void begin(const std::shared_ptr<state>& shared, handler waiting) {
    auto slot = waiting.get_cancellation_slot();
    if (shared->waiter) shared->complete(errc::would_block);  // one at a time: the one before gives way
    const std::uint64_t round = ++shared->round;
    shared->waiter.emplace(std::move(waiting));
    shared->waits.add(*shared);
    if (!slot.is_connected()) return;
    slot.assign([weak = std::weak_ptr{shared}, round](asio::cancellation_type) {
      const auto alive = weak.lock();
      if (alive && alive->waiter && alive->round == round) alive->complete(errc::cancelled);
    });
  }

  static task<std::error_code> wait_on(std::shared_ptr<state> shared) {
    if (shared->kept) {
      const std::error_code kept = *shared->kept;
      shared->kept.reset();
      co_return kept;
    }
    auto initiation = [&shared](handler waiting) { begin(shared, std::move(waiting)); };
    const outcome result = co_await asio::async_initiate<decltype(use_task), void(outcome)>(initiation, use_task);
    co_return result.error;
  }

  std::shared_ptr<state> state_;
};

}  // namespace foxtrot::inline v0
