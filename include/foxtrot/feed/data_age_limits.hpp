// foxtrot/feed/data_age_limits.hpp: how long a stream may say nothing, by the kind of its ticks.
#pragma once

#include <foxtrot/market/kinds.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace foxtrot::inline v0 {

/// Zero: as long as it likes. Trades may well be rare, a best price that does not move for a minute is not believed.
struct data_age_limits {
  using by_kind = std::array<std::chrono::milliseconds, tick_kind_count>;

  by_kind stale{defaults(false)};  ///< between two ticks; after that the symbol is stale
  by_kind first{
      defaults(true)};  ///< from the venue's confirmation to the first tick; then the stream is asked for again
  std::uint32_t first_attempts{2};  ///< requests for a stream that stays silent, before it is given up and told
  std::chrono::milliseconds look_every{100};  ///< how often ages are looked at, which they may exceed their limits by

  [[nodiscard]] std::chrono::milliseconds& stale_after(tick_kind kind) noexcept {
    return stale[static_cast<std::size_t>(kind)];
  }
  [[nodiscard]] std::chrono::milliseconds& first_after(tick_kind kind) noexcept {
    return first[static_cast<std::size_t>(kind)];
  }

 private:
  [[nodiscard]] static constexpr by_kind defaults(bool first_tick) noexcept {
    by_kind all{};
    const auto set = [&all](tick_kind kind, int seconds) {
      all[static_cast<std::size_t>(kind)] = std::chrono::seconds{seconds};
    };
    for (const tick_kind kind : {tick_kind::book_ticker, tick_kind::depth_update, tick_kind::depth_snapshot,
                                 tick_kind::mark_price, tick_kind::reference_price}) {
      set(kind, 60);
    }
    if (!first_tick) return all;
    for (const tick_kind kind :
         {tick_kind::kline, tick_kind::mini_ticker, tick_kind::ticker, tick_kind::average_price}) {
      set(kind, 60);
    }
    set(tick_kind::trade, 600);
    set(tick_kind::aggregate_trade, 600);
    return all;
  }
};

}  // namespace foxtrot::inline v0
