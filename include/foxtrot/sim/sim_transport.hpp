// foxtrot/sim/sim_transport.hpp: a server's end of a TCP connection, and the faults that are its bytes'.
#pragma once

#include <foxtrot/core/clock.hpp>
#include <foxtrot/core/error.hpp>
#include <foxtrot/net/asio.hpp>
#include <foxtrot/net/async_event.hpp>
#include <foxtrot/net/stream.hpp>
#include <foxtrot/net/tcp_stream.hpp>
#include <foxtrot/net/timer_queue.hpp>
#include <foxtrot/sim/fault.hpp>
#include <foxtrot/sim/faults_in_force.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <system_error>
#include <utility>
#include <vector>

namespace foxtrot::inline v0 {

/// Freezes, drips and coalesces below TLS, handshakes included. Loop thread only.
class sim_transport {
 public:
  /// `faults`: null where nothing ever goes wrong.
  explicit sim_transport(tcp_stream accepted, const faults_in_force* faults = nullptr)
      : tcp_{std::move(accepted)}, faults_{faults} {}

  [[nodiscard]] io_result read_some(std::span<char> into) noexcept {
    if (frozen() && tcp_.is_open()) return {0, errc::would_block};
    return tcp_.read_some(into);
  }
  [[nodiscard]] io_result write_some(std::span<const char> from) noexcept {
    if (!spoiled()) return tcp_.write_some(from);
    return paced_write(from);
  }
  [[nodiscard]] std::error_code flush() noexcept { return tcp_.flush(); }
  [[nodiscard]] task<std::error_code> wait_readable() {
    if (frozen() && tcp_.is_open()) return changed(waiters_, faults_->timers(), std::nullopt);
    return tcp_.wait_readable();
  }
  [[nodiscard]] task<std::error_code> wait_writable() {
    if (!spoiled() || !tcp_.is_open()) return tcp_.wait_writable();
    if (frozen()) return changed(waiters_, faults_->timers(), std::nullopt);
    const steady_time turn = next_turn(faults_->timers().now());
    if (turn == steady_time{}) return tcp_.wait_writable();
    return changed(waiters_, faults_->timers(), turn);
  }

  void close() noexcept {
    tcp_.close();
    wake();
  }
  void reset() noexcept {
    tcp_.reset();
    wake();
  }
  void shutdown_write() noexcept { tcp_.shutdown_write(); }

  /// Other faults are in force now: whoever waits looks again.
  void wake() {
    for (async_event* waiting : *waiters_) waiting->notify();
  }

  [[nodiscard]] std::size_t buffered() const noexcept { return tcp_.buffered(); }
  [[nodiscard]] bool drained() const noexcept { return tcp_.drained(); }
  [[nodiscard]] bool is_open() const noexcept { return tcp_.is_open(); }
  [[nodiscard]] int native_handle() noexcept { return tcp_.native_handle(); }

 private:
  using waiter_list = std::vector<async_event*>;

  static constexpr fault_mask of_bytes{fault_kind::freeze, fault_kind::drip, fault_kind::coalesce};
  static constexpr std::chrono::milliseconds window{1};  // in which all that is due leaves, in however many writes

  struct registration {
    registration(waiter_list& list, async_event& event) : waiters{list}, over{event} { waiters.push_back(&over); }
    registration(const registration&) = delete;
    registration& operator=(const registration&) = delete;
    ~registration() { std::erase(waiters, &over); }

    waiter_list& waiters;
    async_event& over;
  };

  [[nodiscard]] bool spoiled() const noexcept { return faults_ != nullptr && faults_->any_of(of_bytes); }
  [[nodiscard]] bool frozen() const noexcept { return faults_ != nullptr && faults_->has(fault_kind::freeze); }

  /// When more may leave, if not now.
  [[nodiscard]] steady_time next_turn(steady_time now) const noexcept {
    steady_time turn{};
    if (faults_->has(fault_kind::drip) && drop_left_ == 0 && now < next_drop_) turn = next_drop_;
    if (faults_->has(fault_kind::coalesce) && now >= window_end_ && now < next_window_)
      turn = std::max(turn, next_window_);
    return turn;
  }

  [[nodiscard]] io_result paced_write(std::span<const char> from) noexcept {
    if (!tcp_.is_open()) return {0, errc::closed};
    const steady_time now = faults_->timers().now();
    if (frozen() || next_turn(now) != steady_time{}) return {0, errc::would_block};
    if (const auto* coalesce = faults_->find(fault_kind::coalesce); coalesce != nullptr && now >= next_window_) {
      window_end_ = now + window;
      next_window_ = now + coalesce->what.wait;
    }
    const auto* drip = faults_->find(fault_kind::drip);
    if (drip == nullptr) return tcp_.write_some(from);
    if (now >= next_drop_) {
      drop_left_ = std::max<std::size_t>(drip->what.bytes, 1);
      next_drop_ = now + drip->what.wait;
    }
    const io_result went = tcp_.write_some(from.first(std::min(from.size(), drop_left_)));
    drop_left_ -= went.bytes;
    return went;
  }

  /// Nothing of the transport in here: it may be gone before the loop gets to a wait that is over.
  static task<std::error_code> changed(std::shared_ptr<waiter_list> waiters, timer_queue& timers,
                                       std::optional<steady_time> until) {
    async_event over{timers.context()};
    const registration here{*waiters, over};
    std::optional<timer> alarm;
    if (until) alarm = timers.call_at(*until, [&over] { over.notify(); });
    co_return co_await over.wait();
  }

  tcp_stream tcp_;
  const faults_in_force* faults_;
  std::shared_ptr<waiter_list> waiters_ = std::make_shared<waiter_list>();
  steady_time next_drop_{};
  std::size_t drop_left_{0};  // bytes that may leave before it
  steady_time next_window_{};
  steady_time window_end_{};
};

static_assert(buffered_stream<sim_transport>);

}  // namespace foxtrot::inline v0
