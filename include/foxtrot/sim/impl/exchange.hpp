// foxtrot/sim/impl/exchange.hpp: what exchange.hpp declares.
#pragma once

#include <foxtrot/core/diagnostics.hpp>
#include <foxtrot/core/result.hpp>
#include <foxtrot/net/websocket/close_code.hpp>
#include <foxtrot/sim/detail/exchange_host.hpp>
#include <foxtrot/sim/exchange.hpp>
#include <foxtrot/sim/exchange_settings.hpp>
#include <foxtrot/sim/exchange_truth.hpp>
#include <foxtrot/sim/fault.hpp>
#include <foxtrot/sim/sent_log.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <system_error>
#include <utility>

namespace foxtrot::inline v0 {

FOXTROT_DECL exchange::exchange(exchange_settings settings, diagnostics log)
    : host_{std::make_unique<detail::exchange_host>(std::move(settings), std::move(log))} {}
FOXTROT_DECL exchange::~exchange() = default;

FOXTROT_DECL result<std::uint16_t> exchange::start() { return host_->start(); }
FOXTROT_DECL std::error_code exchange::stop(std::chrono::milliseconds patience) { return host_->stop(patience); }

FOXTROT_DECL std::uint16_t exchange::port() const noexcept { return host_->port(); }
FOXTROT_DECL const std::string& exchange::ca_pem() const noexcept { return host_->ca_pem(); }
FOXTROT_DECL exchange_statistics exchange::statistics() const noexcept { return host_->statistics(); }
FOXTROT_DECL exchange_truth exchange::truth() const { return host_->truth(); }
FOXTROT_DECL sent_messages exchange::sent(const std::string& stream) const { return host_->sent(stream); }

FOXTROT_DECL void exchange::inject(fault what) { host_->inject(std::move(what)); }
FOXTROT_DECL void exchange::clear_faults() { host_->clear_faults(); }
FOXTROT_DECL void exchange::reset_connections() { host_->reset_connections(); }
FOXTROT_DECL void exchange::close_connections(close_code code, std::string reason) {
  host_->close_connections(code, std::move(reason));
}
FOXTROT_DECL void exchange::pause() { host_->pause(); }
FOXTROT_DECL void exchange::resume() { host_->resume(); }
FOXTROT_DECL void exchange::lose_depth_update(std::string symbol) { host_->lose_depth_update(std::move(symbol)); }

}  // namespace foxtrot::inline v0
