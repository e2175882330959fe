// foxtrot/queue/idle_strategy.hpp: what a polling loop does when a round found no work.
#pragma once

#include <foxtrot/core/cpu.hpp>
#include <foxtrot/queue/idle.hpp>
#include <foxtrot/queue/parking_spot.hpp>

#include <concepts>
#include <cstddef>
#include <optional>
#include <utility>

#include <sched.h>

namespace foxtrot::inline v0 {

/// Goes into a loop as `waiting.idle(poll_everything())`: told after every round how much was done, it waits a little
/// after rounds that did nothing. `reset()` forgets how long the idleness has lasted. One thread; not shared.
template <class Strategy>
concept idle_strategy = requires(Strategy& strategy, std::size_t work_done) {
  strategy.idle(work_done);
  strategy.reset();
};

/// Looks again at once. The fastest to notice; burns a core.
class spin_idle {
 public:
  void idle(std::size_t work_done) noexcept {
    if (work_done == 0) cpu_relax();
  }
  void reset() noexcept {}
};

/// Lets any other thread that wants this core have it, then looks again.
class yield_idle {
 public:
  void idle(std::size_t work_done) noexcept {
    if (work_done == 0) ::sched_yield();
  }
  void reset() noexcept {}
};

/// Sleeps in the kernel until somebody calls wake() on the spot. The first idle round only enters the sleeper there and
/// so gives the loop the second look that a safe sleep needs; the next one sleeps. The loop must look at everything
/// that a waker might announce between two calls.
class block_idle {
 public:
  using duration = parking_spot::duration;

  /// Sleeps no longer than `patience` at a time, if given.
  explicit block_idle(parking_spot& spot, std::optional<duration> patience = {}) noexcept
      : spot_{&spot}, patience_{patience} {}
  block_idle(const block_idle&) = delete;
  block_idle& operator=(const block_idle&) = delete;
  ~block_idle() { reset(); }

  void idle(std::size_t work_done) noexcept {
    if (work_done != 0) return reset();
    if (!entered_) {
      ticket_ = spot_->prepare();
    } else {
      spot_->wait(ticket_, patience_);
    }
    entered_ = !entered_;
  }
  void reset() noexcept {
    if (std::exchange(entered_, false)) spot_->cancel(ticket_);
  }
  void set_patience(std::optional<duration> patience) noexcept { patience_ = patience; }
  /// Whether the next idle round sleeps.
  [[nodiscard]] bool about_to_sleep() const noexcept { return entered_; }

 private:
  parking_spot* spot_;
  std::optional<duration> patience_;
  parking_spot::ticket ticket_;
  bool entered_{false};  // at the spot, with that ticket
};

/// Spins for some rounds, yields for some, then blocks: awake within a burst, asleep after it.
class adaptive_idle {
 public:
  using duration = parking_spot::duration;

  struct rounds {
    unsigned spins{4096};  ///< 20 to 100 us, as the core pauses: longer than most gaps within a burst
    unsigned yields{16};
  };

  explicit adaptive_idle(parking_spot& spot, std::optional<duration> patience = {}) noexcept
      : adaptive_idle{spot, patience, rounds{}} {}
  adaptive_idle(parking_spot& spot, std::optional<duration> patience, rounds before_blocking) noexcept
      : before_{before_blocking}, block_{spot, patience} {}

  void idle(std::size_t work_done) noexcept {
    if (work_done != 0) return reset();
    if (idle_rounds_ < before_.spins) {
      ++idle_rounds_;
      cpu_relax();
    } else if (idle_rounds_ < before_.spins + before_.yields) {
      ++idle_rounds_;
      ::sched_yield();
    } else {
      block_.idle(0);
    }
  }
  void reset() noexcept {
    idle_rounds_ = 0;
    block_.reset();
  }
  void set_patience(std::optional<duration> patience) noexcept { block_.set_patience(patience); }
  [[nodiscard]] bool about_to_sleep() const noexcept { return block_.about_to_sleep(); }

 private:
  rounds before_;
  unsigned idle_rounds_{0};
  block_idle block_;
};

/// Any of them, chosen at run time.
class chosen_idle {
 public:
  using duration = parking_spot::duration;

  /// `block` yields for so many rounds before it sleeps.
  chosen_idle(foxtrot::idle how, parking_spot& spot, std::optional<duration> patience = {},
              unsigned yields_before_block = 0) noexcept
      : how_{how}, adaptive_{spot, patience, rounds_of(how, yields_before_block)} {}

  void idle(std::size_t work_done) noexcept {
    switch (how_) {
      case foxtrot::idle::spin: return spin_idle{}.idle(work_done);
      case foxtrot::idle::yield: return yield_idle{}.idle(work_done);
      case foxtrot::idle::block:
      case foxtrot::idle::adaptive: return adaptive_.idle(work_done);
    }
  }
  void reset() noexcept { adaptive_.reset(); }
  void set_patience(std::optional<duration> patience) noexcept { adaptive_.set_patience(patience); }
  [[nodiscard]] bool about_to_sleep() const noexcept { return adaptive_.about_to_sleep(); }

 private:
  [[nodiscard]] static adaptive_idle::rounds rounds_of(foxtrot::idle how, unsigned yields) noexcept {
    return how == foxtrot::idle::block ? adaptive_idle::rounds{0, yields} : adaptive_idle::rounds{};
  }

  foxtrot::idle how_;
  adaptive_idle adaptive_;
};

static_assert(idle_strategy<spin_idle> && idle_strategy<yield_idle> && idle_strategy<block_idle> &&
              idle_strategy<adaptive_idle> && idle_strategy<chosen_idle>);

}  // namespace foxtrot::inline v0
