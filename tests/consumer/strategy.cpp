// tests/consumer/strategy.cpp: a strategy's file, which pulls in no network library.
#include <foxtrot/strategy.hpp>

#if defined(ASIO_VERSION) || defined(OPENSSL_VERSION_NUMBER) || defined(SIMDJSON_VERSION)
#error "foxtrot/strategy.hpp reaches a network library"
#endif

std::error_code again();

int main() { return again() == foxtrot::errc::timeout ? 0 : 1; }
