// foxtrot/sim.hpp: entry point: a simulated exchange, and the parts it is made of.
#pragma once

#include <foxtrot/sim/certificate_kind.hpp>
#include <foxtrot/sim/exchange.hpp>
#include <foxtrot/sim/exchange_truth.hpp>
#include <foxtrot/sim/fault.hpp>
#include <foxtrot/sim/fault_script.hpp>
#include <foxtrot/sim/market_generator.hpp>
#include <foxtrot/sim/market_json.hpp>
#include <foxtrot/sim/sent_log.hpp>
