// foxtrot/exchange/binance/trade_fetcher.hpp: trades that are missing, fetched over REST where the user wants it.
#pragma once

#include <foxtrot/core/live_object.hpp>
#include <foxtrot/exchange/binance/detail/checked_settings.hpp>
#include <foxtrot/exchange/binance/detail/stream_names.hpp>
#include <foxtrot/exchange/binance/detail/trade_history.hpp>
#include <foxtrot/exchange/binance/settings.hpp>
#include <foxtrot/feed/gap_repair_settings.hpp>
#include <foxtrot/feed/gap_repairer.hpp>
#include <foxtrot/feed/publisher.hpp>
#include <foxtrot/net/task_scope.hpp>
#include <foxtrot/net/timer_queue.hpp>

#include <algorithm>
#include <set>
#include <span>
#include <string>

namespace foxtrot::inline v0::binance::detail {

/// Does what market_data_settings::gap_repair says. Loop thread only.
class trade_fetcher : private live_object<trade_fetcher> {
 public:
  trade_fetcher(timer_queue& timers, publisher& out, const checked_settings& settings)
      : out_{out},
        mode_{settings.given.gap_repair.mode},
        history_{timers, settings},
        repairer_{
            timers, out, history_, *settings.given.session.errors, settings.given.gap_repair, settings.given.log} {}
  trade_fetcher(const trade_fetcher&) = delete;
  trade_fetcher& operator=(const trade_fetcher&) = delete;

  /// Begins, as a task of `scope`.
  void start(task_scope& scope) {
    if (mode_ == gap_repair::off) return;
    repairer_.start();
    (void)scope.spawn("gap repair", repairer_.run());
  }
  /// What waited is published. Idempotent.
  void end() { repairer_.end(); }
  /// Of these streams those that are not among `left` are not wanted any more.
  void forget(std::span<const std::string> streams, const std::set<std::string>& left) {
    for (const std::string& stream : streams) {
      const auto kind = numbered_kind_of_stream(stream);
      if (kind && !left.contains(stream)) repairer_.forget(*kind, out_.symbols().find(symbol_of_stream(stream)));
    }
  }

 private:
  publisher& out_;
  const gap_repair mode_;
  trade_history history_;
  gap_repairer<trade_history> repairer_;
};

}  // namespace foxtrot::inline v0::binance::detail
