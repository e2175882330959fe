// foxtrot/observe/tick_statistics.hpp: what one consumer has seen: counts by kind and symbol, latencies.
#pragma once

#include <foxtrot/core/clock.hpp>
#include <foxtrot/core/histogram.hpp>
#include <foxtrot/market/event.hpp>
#include <foxtrot/market/kinds.hpp>
#include <foxtrot/market/status.hpp>
#include <foxtrot/market/symbol.hpp>
#include <foxtrot/observe/signed_histogram.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <vector>

namespace foxtrot::inline v0 {

/// Give it every event. Two clock reads a batch are not enough for it: it reads the clock once per tick (about 20 ns).
/// Allocates only for a symbol seen first. One thread.
class tick_statistics {
 public:
  using by_kind = std::array<std::uint64_t, tick_kind_count>;

  /// `clock_shift` as in session_settings.
  explicit tick_statistics(std::chrono::nanoseconds clock_shift = {}) : shift_{clock_shift} {}

  void record(const event& told) {
    const auto kind = static_cast<std::size_t>(told.kind());
    ++kinds_[kind];
    told.visit([this](const status& s) { record_status(s); },
               [this, kind](const auto& tick) { record_tick(tick, kind); });
  }

  /// Ticks, without status events.
  [[nodiscard]] std::uint64_t ticks() const noexcept {
    return std::accumulate(kinds_.begin(), kinds_.end(), std::uint64_t{0}) - kinds_[0];
  }
  [[nodiscard]] const by_kind& kinds() const noexcept { return kinds_; }
  [[nodiscard]] std::uint64_t count_of(status_code code) const noexcept {
    return codes_[static_cast<std::size_t>(code)];
  }
  /// Events that status `dropped` told of.
  [[nodiscard]] std::uint64_t dropped() const noexcept { return dropped_; }
  /// From the end of the read to the call of record().
  [[nodiscard]] const histogram& latency() const noexcept { return latency_; }
  /// From the venue's event time to the end of the read, where ticks have one: two clocks, so it may be negative.
  [[nodiscard]] const signed_histogram& venue_delay() const noexcept { return venue_delay_; }

  struct symbol_counts {
    symbol name;
    by_kind kinds{};
  };
  /// Symbols seen so far, in order of their ids.
  [[nodiscard]] std::vector<symbol_counts> symbols() const {
    std::vector<symbol_counts> seen;
    for (const symbol_counts& each : symbols_) {
      if (each.name) seen.push_back(each);
    }
    return seen;
  }

 private:
  void record_status(const status& s) {
    ++codes_[static_cast<std::size_t>(s.code())];
    if (s.code() == status_code::dropped) dropped_ += s.count();
  }

  template <class Tick>
  void record_tick(const Tick& tick, std::size_t kind) {
    latency_.record((epoch_clock::now() + shift_ - tick.received()).count());
    if constexpr (requires { tick.event_time(); }) {
      if (const auto sent = tick.event_time()) venue_delay_.record((tick.received() - *sent).count());
    } else if (const auto made = tick.transaction_time()) {
      venue_delay_.record((tick.received() - *made).count());
    }
    const auto index = static_cast<std::size_t>(tick.symbol().id());
    if (index >= symbols_.size()) symbols_.resize(index + 1);
    symbols_[index].name = tick.symbol();
    ++symbols_[index].kinds[kind];
  }

  std::chrono::nanoseconds shift_;
  by_kind kinds_{};
  std::array<std::uint64_t, status_code_count> codes_{};
  std::uint64_t dropped_{0};
  histogram latency_;
  signed_histogram venue_delay_;
  std::vector<symbol_counts> symbols_;  // by id
};

}  // namespace foxtrot::inline v0
