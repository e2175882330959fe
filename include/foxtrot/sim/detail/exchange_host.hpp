// foxtrot/sim/detail/exchange_host.hpp: what an exchange is made of, with all of its machinery.
#pragma once

#include <foxtrot/core/diagnostics.hpp>
#include <foxtrot/core/error.hpp>
#include <foxtrot/core/live_object.hpp>
#include <foxtrot/core/result.hpp>
#include <foxtrot/net/async_thread_bridge.hpp>
#include <foxtrot/net/websocket/close.hpp>
#include <foxtrot/sim/capture_replay.hpp>
#include <foxtrot/sim/exchange_server.hpp>
#include <foxtrot/sim/exchange_settings.hpp>
#include <foxtrot/sim/exchange_truth.hpp>
#include <foxtrot/sim/fault.hpp>
#include <foxtrot/sim/generator_source.hpp>
#include <foxtrot/sim/sent_log.hpp>
#include <foxtrot/sim/server_certificates.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

namespace foxtrot::inline v0::detail {

/// Does what exchange promises; threads as there.
class exchange_host : private live_object<exchange_host> {
 public:
  exchange_host(exchange_settings settings, diagnostics log)
      : settings_{std::move(settings)},
        log_{settings_.log_sent},
        bridge_{bridge_settings_of(settings_), std::move(log)} {}
  exchange_host(const exchange_host&) = delete;
  exchange_host& operator=(const exchange_host&) = delete;
  ~exchange_host() { stop(std::chrono::seconds{2}); }

  [[nodiscard]] result<std::uint16_t> start() {
    std::optional<server_certificates> certificates;
    if (settings_.tls) {
      auto made = server_certificates::make(settings_.certificate, settings_.max_tls);
      if (!made) return made.error();
      ca_pem_ = made->ca_pem();
      certificates = std::move(made).value();
    }
    if (const std::error_code error = prepare_source()) return error;
    server_.emplace(settings_, std::move(certificates), bridge_.context(), bridge_.timers(), bridge_.scope(), *source_,
                    log_, counters_);
    const auto port = server_->listen();
    if (!port) return port.error();
    if (const std::error_code error = bridge_.start()) return error;
    if (const std::error_code error = bridge_.call([this] { server_->begin(); }, std::chrono::seconds{1})) return error;
    port_ = *port;
    return port_;
  }

  std::error_code stop(std::chrono::milliseconds patience) { return bridge_.stop(patience); }

  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
  [[nodiscard]] const std::string& ca_pem() const noexcept { return ca_pem_; }
  [[nodiscard]] exchange_statistics statistics() const noexcept { return counters_.look(); }
  [[nodiscard]] exchange_truth truth() const { return port_ != 0 ? source_->truth() : exchange_truth{}; }

  [[nodiscard]] sent_messages sent(const std::string& stream) const { return log_.of(stream); }

  void inject(fault what) {
    bridge_.post([this, what = std::move(what)] { server_->begin_fault(what); });
  }
  void clear_faults() {
    bridge_.post([this] { server_->clear_faults(); });
  }

  void reset_connections() {
    bridge_.post([this] { server_->reset_connections(); });
  }
  void close_connections(close_code code, std::string reason) {
    bridge_.post([this, code, reason = std::move(reason)] { server_->close_connections(code, reason); });
  }
  void pause() {
    bridge_.post([this] { server_->pause(true); });
    if (port_ != 0) (void)bridge_.call([] {}, std::chrono::seconds{5});  // the market stands still on return
  }
  void resume() {
    bridge_.post([this] { server_->pause(false); });
  }
  void lose_depth_update(std::string symbol) {
    bridge_.post([this, symbol = std::move(symbol)] { source_->lose_depth_update(symbol); });
  }

 private:
  [[nodiscard]] static bridge_settings bridge_settings_of(const exchange_settings& settings) {
    bridge_settings bridge;
    bridge.network.name = settings.thread_name;
    bridge.network.cpu = settings.cpu;
    return bridge;
  }

  [[nodiscard]] std::error_code prepare_source() {
    if (settings_.replay.path.empty()) {
      generator_settings wanted;
      wanted.market = settings_.market;
      wanted.symbols = settings_.symbols;
      wanted.seed = settings_.seed;
      wanted.events_per_second = settings_.events_per_second;
      wanted.levels = settings_.levels;
      wanted.depth_interval = std::max(settings_.depth_interval, std::chrono::milliseconds{1});
      source_ = std::make_unique<generator_source>(std::move(wanted), log_.enabled() ? &log_ : nullptr);
      return {};
    }
    auto replay = capture_replay::open(settings_.replay, counters_);
    if (!replay) return replay.error();
    const capture_market market = (*replay)->contents().market;
    // a recording of COIN-M looks like one of USD-M
    if (market == capture_market::spot) settings_.market = sim_market::spot;
    if (market == capture_market::usdm && settings_.market == sim_market::spot) settings_.market = sim_market::usdm;
    source_ = std::move(*replay);
    return {};
  }

  exchange_settings settings_;
  exchange_counters counters_;
  sent_log log_;
  std::string ca_pem_;
  std::uint16_t port_{0};
  std::unique_ptr<market_source> source_;
  async_thread_bridge bridge_;
  std::optional<exchange_server> server_;  // used on the bridge's thread, which `stop` has joined before this goes
};

}  // namespace foxtrot::inline v0::detail
