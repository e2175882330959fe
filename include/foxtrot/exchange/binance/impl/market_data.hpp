// foxtrot/exchange/binance/impl/market_data.hpp: what market_data.hpp declares.
#pragma once

#include <foxtrot/exchange/binance/detail/live_feed.hpp>
#include <foxtrot/exchange/binance/market_data.hpp>

#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace foxtrot::inline v0::binance {

FOXTROT_DECL market_data::market_data(market_data_settings settings)
    : live_{std::make_unique<detail::live_feed>(std::move(settings))} {}

FOXTROT_DECL market_data::~market_data() { live_->close(); }  // before it goes, for handlers still call through it

FOXTROT_DECL subscription market_data::subscribe() { return live_->subscribe(); }
FOXTROT_DECL result<subscription> market_data::subscribe(const subscription_settings& wanted) {
  return live_->subscribe(wanted);
}
FOXTROT_DECL result<inline_subscription> market_data::subscribe_inline(const subscription_settings& wanted,
                                                                       inline_handler handler) {
  return live_->subscribe_inline(wanted, std::move(handler));
}
FOXTROT_DECL std::error_code market_data::connect() { return live_->connect(); }
FOXTROT_DECL std::error_code market_data::disconnect() { return live_->disconnect(); }
FOXTROT_DECL void market_data::start_disconnect() { live_->start_disconnect(); }
FOXTROT_DECL void market_data::abort() { live_->abort(); }
FOXTROT_DECL std::vector<std::string> market_data::tasks() { return live_->tasks(); }
FOXTROT_DECL std::error_code market_data::subscribe_streams(const std::vector<std::string>& streams) {
  return live_->subscribe_streams(streams);
}
FOXTROT_DECL std::error_code market_data::unsubscribe_streams(const std::vector<std::string>& streams) {
  return live_->unsubscribe_streams(streams);
}
FOXTROT_DECL std::error_code market_data::use_websocket(websocket_choice choice) {
  return live_->use_websocket(std::move(choice));
}
FOXTROT_DECL std::error_code market_data::drop_connection() { return live_->drop_connection(); }
FOXTROT_DECL std::error_code market_data::rotate() { return live_->rotate(); }
FOXTROT_DECL std::error_code market_data::request_snapshot(std::string_view symbol) {
  return live_->request_snapshot(symbol);
}
FOXTROT_DECL binance::connection_info market_data::connection_info() { return live_->connection_info(); }
FOXTROT_DECL error_summary market_data::error_statistics() const { return live_->error_statistics(); }
FOXTROT_DECL foxtrot::line_statistics market_data::line_statistics() const { return live_->line_statistics(); }
FOXTROT_DECL latency_report market_data::latency() const { return live_->latency(); }
FOXTROT_DECL const feed_counters& market_data::counters() const { return live_->counters(); }

}  // namespace foxtrot::inline v0::binance
