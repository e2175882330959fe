// tests/single_include/foxtrot.cpp: the single header is enough on its own.
#include <foxtrot/foxtrot.hpp>

#include <string_view>

int main() {
  const std::error_code error = foxtrot::errc::timeout;
  return std::string_view{FOXTROT_VERSION_STRING}.empty() || !error ? 1 : 0;
}
