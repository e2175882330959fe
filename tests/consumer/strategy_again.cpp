// tests/consumer/strategy_again.cpp: the same headers in a second unit.
#include <foxtrot/strategy.hpp>

std::error_code again();
std::error_code again() { return foxtrot::errc::timeout; }
