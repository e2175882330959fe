// foxtrot/foxtrot.hpp: everything a program needs to stream a market, down to the venue.
#pragma once

#include <foxtrot/exchange/binance/apply_settings.hpp>
#include <foxtrot/exchange/binance/load_exchange_info.hpp>
#include <foxtrot/exchange/binance/market_data.hpp>
#include <foxtrot/exchange/binance/streams_of.hpp>
#include <foxtrot/feed/settings_file.hpp>
#include <foxtrot/feed/shutdown_component.hpp>
#include <foxtrot/queue/mpmc_queue.hpp>
#include <foxtrot/strategy.hpp>
