// tests/consumer/network_again.cpp: the same headers in a second unit.
#include <foxtrot/foxtrot.hpp>
#include <foxtrot/sim.hpp>

bool describes(foxtrot::binance::market_data& feed);
bool describes(foxtrot::binance::market_data& feed) {
  return feed.connection_info().state == foxtrot::session_state::connected && foxtrot::parse_settings("{}").has_value();
}
