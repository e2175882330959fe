// tests/fuzz/http_response_fuzz.cpp: any bytes, in any pieces, give the same response or the same error, within limits.
#include <foxtrot/net/http/response_parser.hpp>
#include <foxtrot/net/websocket/handshake.hpp>

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace {

using namespace foxtrot;

constexpr http_response_limits limits{.head = {.bytes = 512, .fields = 8}, .body = 256};

template <class Parser>
std::size_t feed(Parser& parser, std::string_view bytes, std::size_t chunk) {
  std::size_t taken = 0;
  while (taken < bytes.size() && !parser.done() && !parser.error()) taken += parser.feed(bytes.substr(taken, chunk));
  return taken;
}

void check_response(std::string_view bytes, std::size_t chunk) {
  http_response_parser whole{limits};
  http_response_parser pieces{limits};
  const std::size_t taken = feed(whole, bytes, SIZE_MAX);
  const std::size_t taken_in_pieces = feed(pieces, bytes, chunk);
  if (whole.finish() != pieces.finish() || whole.done() != pieces.done()) __builtin_trap();
  if (whole.response().body.size() > limits.body || whole.response().headers.size() > limits.head.fields) {
    __builtin_trap();
  }
  if (!whole.done()) return;
  if (taken != taken_in_pieces || whole.response().body != pieces.response().body) __builtin_trap();
  (void)whole.response().retry_after();
}

void check_upgrade(std::string_view bytes, std::size_t chunk) {
  auto whole = client_handshake::make({.host = "h", .subprotocols = {"one"}}, "dGhlIHNhbXBsZSBub25jZQ==");
  auto pieces = whole;
  if (!whole) __builtin_trap();
  const std::size_t taken = feed(*whole, bytes, SIZE_MAX);
  const std::size_t taken_in_pieces = feed(*pieces, bytes, chunk);
  if (whole->error() != pieces->error() || whole->done() != pieces->done()) __builtin_trap();
  if (whole->done() && (taken != taken_in_pieces || whole->failure().status != 101)) __builtin_trap();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes{reinterpret_cast<const char*>(data) + 1, size - 1};
  const std::size_t chunk = std::size_t{data[0]} % 64 + 1;
  check_response(bytes, chunk);
  check_upgrade(bytes, chunk);
  return 0;
}
