// tests/consumer/network.cpp: everything, linked by the target alone.
#include <foxtrot/foxtrot.hpp>

int main() {
  const std::error_code error = foxtrot::errc::timeout;
  return error ? 0 : 1;
}
