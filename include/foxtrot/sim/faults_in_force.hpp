// foxtrot/sim/faults_in_force.hpp: the conditions under which a simulated exchange works at the moment.
#pragma once

#include <foxtrot/core/live_object.hpp>
#include <foxtrot/net/timer_queue.hpp>
#include <foxtrot/sim/fault.hpp>
#include <foxtrot/sim/random.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <list>
#include <string_view>
#include <utility>

namespace foxtrot::inline v0 {

/// A set of kinds.
class fault_mask {
 public:
  constexpr fault_mask() = default;
  constexpr fault_mask(std::initializer_list<fault_kind> kinds) noexcept {
    for (const fault_kind kind : kinds) add(kind);
  }
  constexpr void add(fault_kind kind) noexcept { bits_ |= std::uint64_t{1} << static_cast<unsigned>(kind); }
  [[nodiscard]] constexpr bool meets(fault_mask other) const noexcept { return (bits_ & other.bits_) != 0; }
  friend constexpr bool operator==(fault_mask, fault_mask) = default;

 private:
  static_assert(fault_kinds <= 64);

  std::uint64_t bits_{0};
};

/// What begins, holds for its time and ends. Whoever is about to do what a condition may spoil asks here; where none is
/// in force that is one comparison. Of several of one kind the last begun counts. Loop thread only.
class faults_in_force : private live_object<faults_in_force> {
 public:
  struct condition {
    fault what;
    std::uint64_t number{0};  ///< tells it from an earlier one of its kind
    timer end;
  };

  faults_in_force(timer_queue& timers, std::uint64_t seed) : timers_{timers}, seed_{seed} {}
  faults_in_force(const faults_in_force&) = delete;
  faults_in_force& operator=(const faults_in_force&) = delete;
  ~faults_in_force() = default;

  /// Called whenever one began or ended.
  void on_change(std::function<void()> changed) { changed_ = std::move(changed); }

  /// Not for instants.
  void begin(const fault& what) {
    const auto added = all_.insert(all_.begin(), condition{what, ++begun_, {}});
    if (what.lasts.count() != 0) added->end = timers_.call_after(what.lasts, [this, added] { end(added); });
    look();
  }
  void clear() {
    all_.clear();
    look();
  }

  [[nodiscard]] bool any_of(fault_mask kinds) const noexcept { return mask_.meets(kinds); }
  [[nodiscard]] bool has(fault_kind kind) const noexcept { return mask_.meets({kind}); }
  /// Valid until the loop's next turn.
  [[nodiscard]] const condition* find(fault_kind kind) const noexcept {
    if (!has(kind)) return nullptr;
    return &*std::find_if(all_.begin(), all_.end(), [&](const condition& each) { return each.what.kind == kind; });
  }
  /// The `wait` of that kind's fault; zero where none is in force.
  [[nodiscard]] std::chrono::milliseconds wait_of(fault_kind kind) const noexcept {
    const condition* found = find(kind);
    return found != nullptr ? found->what.wait : std::chrono::milliseconds{0};
  }
  [[nodiscard]] bool silences(std::string_view stream) const noexcept {
    return has(fault_kind::silence) && std::any_of(all_.begin(), all_.end(), [&](const condition& each) {
             return each.what.kind == fault_kind::silence && each.what.text == stream;
           });
  }

  [[nodiscard]] timer_queue& timers() const noexcept { return timers_; }
  [[nodiscard]] std::uint64_t seed() const noexcept { return seed_; }

 private:
  using iterator = std::list<condition>::iterator;

  void end(iterator over) {
    all_.erase(over);
    look();
  }
  void look() {
    mask_ = {};
    for (const condition& each : all_) mask_.add(each.what.kind);
    if (changed_) changed_();
  }

  timer_queue& timers_;
  std::uint64_t seed_;
  std::function<void()> changed_;
  std::list<condition> all_;  // the last begun first
  fault_mask mask_;
  std::uint64_t begun_{0};
};

/// Exactly one in N, at a place drawn anew for every N: the same seed and the same fault hit the same ones.
class fault_share {
 public:
  /// Whether the next one is hit; never where that kind is not in force.
  [[nodiscard]] bool hits(const faults_in_force& faults, fault_kind kind, std::uint64_t seed) noexcept {
    const faults_in_force::condition* found = faults.find(kind);
    if (found == nullptr) return false;
    const std::uint64_t count = std::max<std::uint64_t>(found->what.one_in, 1);
    if (found->number != fault_) {
      fault_ = found->number;
      random_ = sim_random{seed ^ (fault_ << 32U) ^ static_cast<std::uint64_t>(kind)};
      at_ = 0;
    }
    if (at_ == 0) chosen_ = random_.below(count);
    const bool hit = at_ == chosen_;
    at_ = (at_ + 1) % count;
    return hit;
  }

 private:
  std::uint64_t fault_{0};
  std::uint64_t at_{0};
  std::uint64_t chosen_{0};
  sim_random random_{0};
};

}  // namespace foxtrot::inline v0
