// tests/consumer/declarations.cpp: the declarations of everything, where nothing is compiled that needs definitions.
#define FOXTROT_SEPARATE_COMPILATION
#include <foxtrot/foxtrot.hpp>
#include <foxtrot/sim.hpp>

#if defined(OPENSSL_SSL_H) || defined(SIMDJSON_VERSION) || defined(ASIO_IO_CONTEXT_HPP)
#error "the declarations reach a network library"
#endif

int main() {
  const foxtrot::binance::market_data* feed = nullptr;
  const foxtrot::exchange* venue = nullptr;
  return feed == nullptr && venue == nullptr && foxtrot::line_settings{}.count == 1 ? 0 : 1;
}
