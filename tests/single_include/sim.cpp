// tests/single_include/sim.cpp: the simulated exchange's single header, with the one beside it.
#include <foxtrot/sim.hpp>

int main() {
  const std::error_code error = foxtrot::errc::timeout;
  return error ? 0 : 1;
}
