// foxtrot/feed/detail/breaker_gate.hpp: one session's way through its circuit breaker.
#pragma once

#include <foxtrot/core/clock.hpp>
#include <foxtrot/core/live_object.hpp>
#include <foxtrot/net/circuit_breaker.hpp>

#include <functional>
#include <utility>

namespace foxtrot::inline v0::detail {

/// Holds the permit of the attempt under way, so that each attempt has one result: data came, or it failed. Without a
/// breaker everything may be tried. Loop thread only; `changed` is called there after each change of the breaker's
/// state that this session brought about.
class breaker_gate : private live_object<breaker_gate> {
 public:
  breaker_gate(circuit_breaker* breaker, std::function<void(breaker_state)> changed)
      : breaker_{breaker}, changed_{std::move(changed)} {}
  breaker_gate(const breaker_gate&) = delete;
  breaker_gate& operator=(const breaker_gate&) = delete;

  [[nodiscard]] bool is_open() const { return breaker_ != nullptr && breaker_->state() == breaker_state::open; }
  /// When an attempt may begin: `now`, or later.
  [[nodiscard]] steady_time next_try(steady_time now) const {
    return breaker_ != nullptr ? breaker_->next_try(now) : now;
  }
  /// An attempt begins, if it may.
  [[nodiscard]] bool enter(steady_time now) {
    proven_ = breaker_ == nullptr;
    if (breaker_ == nullptr) return true;
    const breaker_state before = breaker_->state();
    permit_ = {};
    const bool allowed = take_permit(now);
    tell_change(before);
    return allowed;
  }
  /// Whether there is nothing more to prove: data that comes now changes nothing.
  [[nodiscard]] bool proven() const noexcept { return proven_; }
  /// Data came. While half open each such moment is a success of its own.
  void succeed(steady_time now) {
    if (breaker_ == nullptr) return;
    const breaker_state before = breaker_->state();
    if (take_permit(now)) permit_.succeed(now);
    proven_ = breaker_->state() == breaker_state::closed;
    tell_change(before);
  }
  /// The attempt failed, or the connection was lost.
  void fail(steady_time now) {
    if (breaker_ == nullptr) return;
    const breaker_state before = breaker_->state();
    if (take_permit(now)) permit_.fail(now);
    tell_change(before);
  }
  /// It ended without saying anything about the venue.
  void leave() noexcept { permit_ = {}; }

 private:
  [[nodiscard]] bool take_permit(steady_time now) {
    if (permit_) return true;
    if (auto allowed = breaker_->try_acquire(now)) permit_ = std::move(*allowed);
    return static_cast<bool>(permit_);
  }
  void tell_change(breaker_state before) {
    const breaker_state now = breaker_->state();
    if (now != before && changed_) changed_(now);
  }

  circuit_breaker* const breaker_;
  const std::function<void(breaker_state)> changed_;
  circuit_breaker::permit permit_;
  bool proven_{true};
};

}  // namespace foxtrot::inline v0::detail
