// foxtrot/net/timer_queue.hpp: all timers of one event loop, on a clock that a test may advance by hand.
#pragma once

#include <foxtrot/core/clock.hpp>
#include <foxtrot/core/live_object.hpp>
#include <foxtrot/net/asio.hpp>
#include <foxtrot/net/async_event.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <system_error>
#include <utility>

namespace foxtrot::inline v0 {

class timer_queue;

namespace detail {

// Shared by the queue and its handles, so that a handle may outlive the queue. Loop thread only.
class timer_core : public std::enable_shared_from_this<timer_core>, private live_object<timer_core> {
 public:
  using key = std::pair<steady_time, std::uint64_t>;  // equal times fire in the order they were asked for

  timer_core(asio::io_context& loop, time_source& time) : loop_{loop}, time_{time}, alarm_{std::in_place, loop} {}

  [[nodiscard]] asio::io_context& loop() const noexcept { return loop_; }
  [[nodiscard]] time_source& time() const noexcept { return time_; }
  [[nodiscard]] const auto& entries() const noexcept { return entries_; }

  key add(steady_time when, std::function<void()> callback) {
    const key added{when, next_number_++};
    entries_.emplace(added, std::move(callback));
    arm();
    return added;
  }

  // While others are pending the alarm stays set: it fires for nothing once, which is cheaper than a timerfd call per
  // cancelled deadline. The last one takes it away, so that a loop without tasks has nothing left to run for.
  bool remove(const key& which) {
    auto node = entries_.extract(which);  // the callback dies only after the map is whole again
    if (entries_.empty() && armed_for_ && alarm_) {
      armed_for_.reset();
      alarm_->cancel();
    }
    return !node.empty();
  }

  std::size_t run_due() {
    const steady_time now = time_.now();
    const std::uint64_t first_new = next_number_;  // timers that callbacks add wait for the next call
    struct rearmer {
      timer_core& core;
      ~rearmer() { core.arm(); }
    };
    const rearmer always{*this};  // also where a callback throws
    std::size_t ran = 0;
    for (auto entry = entries_.begin(); entry != entries_.end() && entry->first.first <= now;) {
      if (entry->first.second >= first_new) {
        ++entry;
        continue;
      }
      const auto node = entries_.extract(entry);
      node.mapped()();
      ++ran;
      entry = entries_.begin();  // the callback may have changed everything
    }
    return ran;
  }

  void shut() {
    alarm_.reset();
    const auto dropped = std::exchange(entries_, {});
  }

 private:
  void arm() {
    if (time_.manual() || !alarm_ || entries_.empty()) return;
    const steady_time earliest = entries_.begin()->first.first;
    if (armed_for_ && *armed_for_ <= earliest) return;
    armed_for_ = earliest;
    alarm_->expires_at(earliest);
    alarm_->async_wait([weak = weak_from_this(), earliest](std::error_code error) {
      const auto core = weak.lock();
      if (error || !core || core->armed_for_ != earliest) return;  // overtaken by an earlier alarm
      core->armed_for_.reset();
      core->run_due();
    });
  }

  using alarm =
      asio::basic_waitable_timer<std::chrono::steady_clock, asio::wait_traits<std::chrono::steady_clock>, io_executor>;

  asio::io_context& loop_;
  time_source& time_;
  std::map<key, std::function<void()>> entries_;
  std::optional<alarm> alarm_;
  std::optional<steady_time> armed_for_;
  std::uint64_t next_number_{0};
};

}  // namespace detail

/// A pending call: its destruction takes the call back. Loop thread only; may outlive its queue.
class [[nodiscard]] timer : private live_object<timer> {
 public:
  timer() = default;
  timer(timer&& other) noexcept = default;
  timer& operator=(timer&& other) noexcept {
    cancel();
    core_ = std::move(other.core_);
    key_ = other.key_;
    return *this;
  }
  ~timer() { cancel(); }

  /// True if the call had not begun; it will not happen then. Safe from within any timer's callback.
  bool cancel() noexcept {
    const auto core = std::exchange(core_, {}).lock();
    return core && core->remove(key_);
  }
  [[nodiscard]] bool pending() const noexcept {
    const auto core = core_.lock();
    return core && core->entries().contains(key_);
  }

 private:
  friend class timer_queue;
  timer(const std::shared_ptr<detail::timer_core>& core, detail::timer_core::key key) : core_{core}, key_{key} {}

  std::weak_ptr<detail::timer_core> core_;
  detail::timer_core::key key_{};
};

/// The only source of timers in net/ and feed/: one ordered set, one Asio timer armed for the earliest. With a manual
/// time source nothing is armed: whoever advances the time calls `run_due`. Loop thread only.
class timer_queue : private live_object<timer_queue> {
 public:
  explicit timer_queue(asio::io_context& loop, time_source& time = system_time())
      : core_{std::make_shared<detail::timer_core>(loop, time)} {}
  timer_queue(const timer_queue&) = delete;
  timer_queue& operator=(const timer_queue&) = delete;
  /// Pending calls are dropped, not made.
  ~timer_queue() { core_->shut(); }

  [[nodiscard]] steady_time now() const noexcept { return core_->time().now(); }
  [[nodiscard]] asio::io_context& context() const noexcept { return core_->loop(); }

  /// Calls `callback` once, on the loop, as soon as `when` has come, as long as the handle lives.
  [[nodiscard]] timer call_at(steady_time when, std::function<void()> callback) {
    return timer{core_, core_->add(when, std::move(callback))};
  }
  [[nodiscard]] timer call_after(steady_time::duration wait, std::function<void()> callback) {
    return call_at(now() + wait, std::move(callback));
  }

  /// errc::cancelled when the awaiting coroutine is cancelled meanwhile.
  [[nodiscard]] task<std::error_code> sleep_until(steady_time when) { return sleep(core_, when); }
  [[nodiscard]] task<std::error_code> sleep_for(steady_time::duration wait) { return sleep(core_, now() + wait); }

  /// When the earliest pending call is due; nothing if there is none.
  [[nodiscard]] std::optional<steady_time> next() const {
    const auto& entries = core_->entries();
    return entries.empty() ? std::nullopt : std::optional{entries.begin()->first.first};
  }
  [[nodiscard]] std::size_t size() const noexcept { return core_->entries().size(); }

  /// Makes the calls that are due, in order of time; returns how many. Calls added meanwhile wait for the next time.
  std::size_t run_due() {
    const auto keep = core_;  // a callback may destroy the queue
    return keep->run_due();
  }

 private:
  static task<std::error_code> sleep(std::shared_ptr<detail::timer_core> core, steady_time when) {
    async_event due{core->loop()};
    const timer alarm{core, core->add(when, [&due] { due.notify(); })};
    co_return co_await due.wait();
  }

  std::shared_ptr<detail::timer_core> core_;
};

}  // namespace foxtrot::inline v0
