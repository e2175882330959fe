// tests/fuzz/url_fuzz.cpp: what parses can be written into a request, and parses to the same again.
#include <foxtrot/net/http/request.hpp>
#include <foxtrot/net/url.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace foxtrot;
  const auto parsed = url::parse({reinterpret_cast<const char*>(data), size});
  if (!parsed) return 0;
  const http_get request{parsed->host, parsed->port, parsed->secure, parsed->target, {}};
  if (!encode_get(request)) __builtin_trap();
  const std::string written =
      (parsed->secure ? "wss://" : "ws://") + host_header(parsed->host, parsed->port, parsed->secure) + parsed->target;
  const auto again = url::parse(written);
  if (!again || again->host != parsed->host || again->port != parsed->port || again->target != parsed->target) {
    __builtin_trap();
  }
  return 0;
}
