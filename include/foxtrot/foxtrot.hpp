// foxtrot/foxtrot.hpp: everything a program needs to stream a market, down to the venue.
#pragma once

#include <foxtrot/exchange/binance/market_data.hpp>
#include <foxtrot/queue/mpmc_queue.hpp>
#include <foxtrot/strategy.hpp>
