// foxtrot/feed/detail/network_latency.hpp: the network thread's share of the ticks' way.
#pragma once

#include <foxtrot/core/detail/stamp_clocks.hpp>
#include <foxtrot/feed/counters.hpp>
#include <foxtrot/feed/detail/kernel_clock.hpp>
#include <foxtrot/market/detail/kind_histograms.hpp>
#include <foxtrot/market/detail/look_sampler.hpp>
#include <foxtrot/market/kinds.hpp>
#include <foxtrot/market/latency_report.hpp>

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

namespace foxtrot::inline v0::detail {

/// When one read of a socket was received; 0: it was none, or the kernel did not say.
struct read_stamp {
  std::int64_t received_ns{0};     // epoch clock
  std::int64_t kernel_wall_ns{0};  // wall clock
};

/// Of one publisher. Costs a few instructions per tick, and per batch that is looked at two clock reads; one that
/// brought no kernel's stamp, one. The network thread, but for report() and on().
class network_latency {
 public:
  explicit network_latency(bool on) {
    if (on) stages_ = std::make_unique<stages>();
  }

  [[nodiscard]] bool on() const noexcept { return stages_ != nullptr; }
  /// Before anything is published or subscribed.
  void use(stamp_clocks clocks) noexcept { clocks_ = clocks; }
  [[nodiscard]] const stamp_clocks& clocks() const noexcept { return clocks_; }

  /// A tick of this kind has been published.
  void published(tick_kind kind) noexcept {
    kinds_ |= 1U << static_cast<unsigned>(kind);
    ++ticks_;
  }
  /// Everything that this read brought has been published, as `counts` say.
  void read_done(const read_stamp& read, const feed_counters& counts) noexcept {
    if (ticks_ == 0) return;
    const std::uint64_t ticks = std::exchange(ticks_, 0);
    const bool stamped = on() && read.received_ns != 0;
    const std::uint64_t due = stamped ? sampler_.due(read.received_ns, ticks) : 0;
    const bool alone = due == ticks;  // the look is not for those that wait for the next one, if any do
    const looked found = due != 0 ? look(read) : looked{};
    for (std::uint32_t left = std::exchange(kinds_, 0); left != 0; left &= left - 1) {
      const auto kind = static_cast<std::size_t>(std::countr_zero(left));
      const std::uint64_t total = counts.ticks[kind].get();
      const std::uint64_t of_kind = total - std::exchange(counted_[kind], total);
      if (alone) {
        record(kind, found, of_kind);
      } else if (stamped) {
        waiting_[kind] += of_kind;
        waiting_kinds_ |= 1U << kind;
      }
    }
    if (due != 0 && !alone) record_waiting(found);
  }

  /// Any thread.
  [[nodiscard]] latency_report report() const {
    latency_report made;
    if (stages_ == nullptr) return made;
    stages_->kernel_to_read.report(latency_stage::kernel_to_read, made);
    stages_->read_to_published.report(latency_stage::read_to_published, made);
    return made;
  }

 private:
  struct stages {
    static constexpr kind_set all = kind_set::all() | tick_kind::unknown_event;
    kind_histograms kernel_to_read{all};
    kind_histograms read_to_published{all};
  };
  struct looked {
    std::int64_t since_read{0};
    std::int64_t from_kernel{-1};  // below zero: not known
  };

  [[gnu::noinline]] looked look(const read_stamp& read) noexcept {
    const std::int64_t now = clocks_.epoch_ns();
    sampler_.looked(now);
    looked made{.since_read = now - read.received_ns};
    if (read.kernel_wall_ns == 0) return made;
    const auto kernel_ns = kernel_.on_epoch_clock(read.kernel_wall_ns, now, clocks_);
    if (kernel_ns) made.from_kernel = read.received_ns - *kernel_ns;
    return made;
  }
  void record(std::size_t kind, const looked& found, std::uint64_t times) noexcept {
    stages_->read_to_published.record(static_cast<tick_kind>(kind), found.since_read, times);
    if (found.from_kernel >= 0) stages_->kernel_to_read.record(static_cast<tick_kind>(kind), found.from_kernel, times);
  }
  // A look at a dense tick stands for all such since the one before, each of its own kind.
  [[gnu::noinline]] void record_waiting(const looked& found) noexcept {
    for (std::uint32_t left = std::exchange(waiting_kinds_, 0); left != 0; left &= left - 1) {
      const auto kind = static_cast<std::size_t>(std::countr_zero(left));
      record(kind, found, std::exchange(waiting_[kind], 0));
    }
  }

  std::uint32_t kinds_{0};  // of this batch
  std::uint64_t ticks_{0};
  std::array<std::uint64_t, tick_kind_count> counted_{};  // by kind, up to the end of the last batch
  std::array<std::uint64_t, tick_kind_count> waiting_{};  // likewise, that no look stands for yet
  std::uint32_t waiting_kinds_{0};
  look_sampler sampler_;
  kernel_clock kernel_;
  stamp_clocks clocks_;
  std::unique_ptr<stages> stages_;
};

}  // namespace foxtrot::inline v0::detail
