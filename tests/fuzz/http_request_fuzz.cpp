// tests/fuzz/http_request_fuzz.cpp: the server's end: any bytes, in any pieces, give the same requests or the same
// error; a request that was understood can be written again; an upgrade that we accept is one that our client accepts.
#include <foxtrot/net/http/request.hpp>
#include <foxtrot/net/http/request_parser.hpp>
#include <foxtrot/net/websocket/handshake.hpp>
#include <foxtrot/net/websocket/server_handshake.hpp>

#include <support/fuzzing.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>

namespace {

using namespace foxtrot;
using foxtrot_test::insist;

constexpr std::array limits{http_head_limits{.bytes = 512, .fields = 8}, http_head_limits{.bytes = 128, .fields = 3}};

std::size_t feed(http_request_parser& parser, std::string_view bytes, std::size_t piece) {
  std::size_t taken = 0;
  while (taken < bytes.size() && !parser.done() && !parser.error()) {
    const std::string_view next = bytes.substr(taken, piece);
    const std::size_t now = parser.feed(next);
    insist(now == next.size() || (now < next.size() && (parser.done() || parser.error())));
    taken += now;
  }
  return taken;
}

bool same(const http_request& one, const http_request& other) {
  const auto same_field = [](const http_field& a, const http_field& b) {
    return a.name == b.name && a.value == b.value;
  };
  return one.method == other.method && one.target == other.target &&
         std::equal(one.headers.begin(), one.headers.end(), other.headers.begin(), other.headers.end(), same_field);
}

void check_again(const http_request& got) {
  std::string text = got.method + " " + got.target + " HTTP/1.1\r\n";
  for (const http_field& field : got.headers) text += field.name + ": " + field.value + "\r\n";
  text += "\r\n";
  http_request_parser parser;
  insist(feed(parser, text, SIZE_MAX) == text.size());
  insist(parser.done() && same(parser.request(), got));
}

void check_upgrade(const http_request& got) {
  const auto answer = accept_upgrade(got);
  insist(!accept_upgrade(got, "one") || got.headers.has_token("Sec-WebSocket-Protocol", "one"));
  if (!answer) {
    insist(answer.error() == errc::websocket_bad_upgrade);
    return;
  }
  insist(is_upgrade(got) && got.method == "GET");
  auto client = client_handshake::make({.host = "h"}, *got.headers.find("Sec-WebSocket-Key"));
  insist(client.has_value());
  insist(client->feed(*answer) == answer->size() && client->done());
}

/// One request from the front of `bytes`. Returns how many of them it took where another may follow, zero otherwise.
std::size_t check_one(http_request_parser& whole, http_request_parser& pieces, std::string_view bytes,
                      std::size_t piece, const http_head_limits& limit) {
  const std::size_t taken = feed(whole, bytes, SIZE_MAX);
  const std::size_t taken_in_pieces = feed(pieces, bytes, piece);
  insist(whole.error() == pieces.error() && whole.done() == pieces.done());
  insist(whole.done() || whole.error() || taken == bytes.size());
  insist(!whole.done() || !whole.error());
  insist(taken <= limit.bytes);
  if (whole.error()) insist(whole.error() == errc::http_malformed || whole.error() == errc::http_header_too_large);
  if (!whole.done()) return 0;

  const http_request& got = whole.request();
  insist(taken == taken_in_pieces && same(got, pieces.request()));
  insist(got.headers.size() <= limit.fields && got.headers.count("Host") == 1);
  insist(is_valid_target(got.target));
  check_again(got);
  check_upgrade(got);
  return got.keep_alive ? taken : 0;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  foxtrot_test::fuzz_input input{data, size};
  const std::uint8_t first = input.choice();
  std::string_view bytes = input.rest();
  const std::size_t piece = foxtrot_test::piece_size(first, bytes.size());
  const http_head_limits& limit = limits[(first & 0x40U) != 0];
  http_request_parser whole{limit};
  http_request_parser pieces{limit};
  while (!bytes.empty()) {
    const std::size_t taken = check_one(whole, pieces, bytes, piece, limit);
    if (taken == 0) break;
    bytes.remove_prefix(taken);
    whole.reset();
    pieces.reset();
  }
  return 0;
}
