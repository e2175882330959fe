// foxtrot/exchange/binance/load_exchange_info.hpp: asks a market what it trades, once.
#pragma once

#include <foxtrot/core/result.hpp>
#include <foxtrot/core/separate_compilation.hpp>
#include <foxtrot/exchange/binance/exchange_info.hpp>
#include <foxtrot/exchange/binance/rate_limit.hpp>
#include <foxtrot/exchange/binance/settings.hpp>

#include <chrono>

namespace foxtrot::inline v0::binance {

/// Asks the market of these settings, over TLS, and waits for the answer: market, URL, authorities and dial settings
/// count, streams need not be there yet. Connecting included it takes no longer than `timeout`, errc::timeout then. Any
/// thread that may wait: not an inline handler's. Its loop lives for this call alone.
[[nodiscard]] result<exchange_info> load_exchange_info(const market_data_settings& settings,
                                                       std::chrono::milliseconds timeout,
                                                       retry_hint* retry_after = nullptr);

}  // namespace foxtrot::inline v0::binance

#ifdef FOXTROT_DEFINITIONS
#include <foxtrot/exchange/binance/impl/load_exchange_info.hpp>
#endif
