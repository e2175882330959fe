// foxtrot/sim/market_source.hpp: what a simulated exchange needs of whatever makes its data.
#pragma once

#include <foxtrot/market/kline_interval.hpp>
#include <foxtrot/net/asio.hpp>
#include <foxtrot/net/timer_queue.hpp>
#include <foxtrot/sim/exchange_target.hpp>
#include <foxtrot/sim/exchange_truth.hpp>
#include <foxtrot/sim/stream_hub.hpp>
#include <foxtrot/sim/symbol_spec.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace foxtrot::inline v0 {

/// Data for the streams of a hub and the bodies of REST requests. Loop thread only, except the constructor.
class market_source {
 public:
  market_source() = default;
  market_source(const market_source&) = delete;
  market_source& operator=(const market_source&) = delete;
  virtual ~market_source() = default;

  [[nodiscard]] virtual std::size_t stream_count() const noexcept = 0;
  /// The stream of this name, if this route has it.
  [[nodiscard]] virtual std::optional<std::size_t> find_stream(std::string_view name, stream_route route) const = 0;
  /// Feeds the hub until it is cancelled or has nothing left. Called once.
  [[nodiscard]] virtual task<> run(timer_queue& timers, stream_hub& hub) = 0;
  /// No data, until `false`. Ids go on without a hole.
  virtual void pause(bool paused) = 0;
  /// The next depth update of that symbol that somebody wants happens, but is not sent. For those who make their data.
  virtual void lose_depth_update(std::string_view symbol) { (void)symbol; }

  /// The last ids made, by those who make their data. Any thread.
  [[nodiscard]] virtual exchange_truth truth() const { return {}; }

  [[nodiscard]] virtual const std::vector<symbol_spec>& symbols() const noexcept = 0;
  /// Body of a depth request for one of `symbols`; may wait for it, and is empty where there is none in the end.
  [[nodiscard]] virtual task<std::string> snapshot(timer_queue& timers, std::size_t symbol, std::size_t limit) = 0;
  /// One element of a book ticker's body; empty where there is no quote yet.
  [[nodiscard]] virtual std::string book_ticker(std::size_t symbol) = 0;

  // Bodies about one of `symbols`, or elements of them; empty where this source has none.
  /// Trades from that id on, or the last ones.
  [[nodiscard]] virtual std::string trades(std::size_t symbol, std::optional<std::uint64_t> first_id,
                                           std::size_t limit) {
    return (void)symbol, (void)first_id, (void)limit, std::string{};
  }
  /// Likewise.
  [[nodiscard]] virtual std::string aggregate_trades(std::size_t symbol, std::optional<std::uint64_t> first_id,
                                                     std::size_t limit) {
    return (void)symbol, (void)first_id, (void)limit, std::string{};
  }
  [[nodiscard]] virtual std::string ticker(std::size_t symbol, bool mini) {
    return (void)symbol, (void)mini, std::string{};
  }
  [[nodiscard]] virtual std::string klines(std::size_t symbol, kline_interval interval, std::size_t limit) {
    return (void)symbol, (void)interval, (void)limit, std::string{};
  }
  [[nodiscard]] virtual std::string average_price(std::size_t symbol) { return (void)symbol, std::string{}; }
  [[nodiscard]] virtual std::string mark_price(std::size_t symbol) { return (void)symbol, std::string{}; }
};

}  // namespace foxtrot::inline v0
