// tests/net/websocket/frame_test.cpp: headers byte for byte.
#include <foxtrot/net/websocket/frame.hpp>

#include <support/websocket_frames.hpp>

#include <catch2/catch.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace foxtrot;
using foxtrot_test::hex;
using foxtrot_test::raw_frame;
using foxtrot_test::raw_masked_frame;

constexpr mask_key rfc_key{0x37, 0xfa, 0x21, 0x3d};

std::string encode(opcode op, std::string_view payload, std::optional<mask_key> key = {}, bool fin = true) {
  std::vector<char> out(frame_size(payload.size(), key.has_value()));
  const std::size_t size = encode_frame(out, op, payload, key, fin);
  return {out.data(), size};
}

TEST_CASE("frame: the examples of RFC 6455 section 5.7 are written as printed", "[frame]") {
  CHECK(encode(opcode::text, "Hello") == hex("81 05 48 65 6c 6c 6f"));
  CHECK(encode(opcode::text, "Hello", rfc_key) == hex("81 85 37 fa 21 3d 7f 9f 4d 51 58"));
  CHECK(encode(opcode::text, "Hel", {}, false) == hex("01 03 48 65 6c"));
  CHECK(encode(opcode::continuation, "lo") == hex("80 02 6c 6f"));
  CHECK(encode(opcode::ping, "Hello") == hex("89 05 48 65 6c 6c 6f"));
  CHECK(encode(opcode::pong, "Hello", rfc_key) == hex("8a 85 37 fa 21 3d 7f 9f 4d 51 58"));
  CHECK(encode(opcode::binary, std::string(256, 'b')).substr(0, 4) == hex("82 7e 01 00"));
  CHECK(encode(opcode::binary, std::string(65536, 'b')).substr(0, 10) == hex("82 7f 00 00 00 00 00 01 00 00"));
}

TEST_CASE("frame: every length around the limits, as written by hand", "[frame]") {
  for (const std::size_t size : {0U, 1U, 124U, 125U, 126U, 127U, 128U, 65534U, 65535U, 65536U, 65537U}) {
    const std::string payload(size, 'x');
    const std::string key = "\x01\x80\xff\x7f";
    CHECK(encode(opcode::text, payload) == raw_frame(0x81, payload));
    CHECK(encode(opcode::text, payload, mask_key{0x01, 0x80, 0xff, 0x7f}) == raw_masked_frame(0x81, payload, key));
  }
}

TEST_CASE("frame: nothing is written where the room is one byte short", "[frame]") {
  for (const std::size_t size : {0U, 5U, 125U, 126U, 65535U, 65536U}) {
    const std::string payload(size, 'x');
    std::vector<char> out(frame_size(size, true), '#');
    CHECK(encode_frame(std::span{out}.first(out.size() - 1), opcode::text, payload, rfc_key) == 0);
    CHECK(std::string(out.begin(), out.end()).find_first_not_of('#') == std::string::npos);
    CHECK(encode_frame(out, opcode::text, payload, rfc_key) == out.size());
  }
}

TEST_CASE("frame: a header is complete at its last byte and not before", "[frame]") {
  struct row {
    std::string bytes;
    websocket_role receiver;
    std::uint64_t length;
  };
  const row table[] = {{hex("82 00"), websocket_role::client, 0},
                       {hex("82 7d"), websocket_role::client, 125},
                       {hex("82 7e 00 7e"), websocket_role::client, 126},
                       {hex("82 7e ff ff"), websocket_role::client, 65535},
                       {hex("82 7f 00 00 00 00 00 01 00 00"), websocket_role::client, 65536},
                       {hex("82 7f 7f ff ff ff ff ff ff ff"), websocket_role::client, INT64_MAX},
                       {hex("82 80 01 02 03 04"), websocket_role::server, 0},
                       {hex("82 fe 01 00 01 02 03 04"), websocket_role::server, 256},
                       {hex("82 ff 00 00 00 01 00 00 00 00 01 02 03 04"), websocket_role::server, 4294967296}};
  for (const row& r : table) {
    frame_header header;
    for (std::size_t size = 0; size < r.bytes.size(); ++size) {
      REQUIRE(decode_frame_header(std::span{r.bytes}.first(size), r.receiver, header) == errc::would_block);
    }
    REQUIRE(decode_frame_header(r.bytes, r.receiver, header) == errc{});
    CHECK(header.length == r.length);
    CHECK(header.size == r.bytes.size());
    CHECK(header.op == opcode::binary);
    CHECK(header.fin);
    CHECK(header.masked == (r.receiver == websocket_role::server));
    if (header.masked) CHECK(header.key == mask_key{1, 2, 3, 4});
  }
}

TEST_CASE("frame: all 65536 first two bytes are judged as RFC 6455 section 5.2 says", "[frame]") {
  for (unsigned value = 0; value < 65536; ++value) {
    const unsigned first = value >> 8U;
    const unsigned second = value & 0xffU;
    const unsigned op = first & 0xfU;
    const bool known = op <= 2 || (op >= 8 && op <= 10);
    const bool good_control = op < 8 || ((first & 0x80U) != 0 && (second & 0x7fU) <= 125);
    for (const auto receiver : {websocket_role::client, websocket_role::server}) {
      const bool mask_fits = (second >= 0x80) == (receiver == websocket_role::server);
      const bool good = (first & 0x70U) == 0 && known && good_control && mask_fits;
      const char bytes[] = {static_cast<char>(first), static_cast<char>(second)};
      frame_header header;
      const errc got = decode_frame_header(bytes, receiver, header);
      const bool accepted = got == errc{} || got == errc::would_block;
      if (accepted != good) FAIL_CHECK(std::hex << value);
    }
  }
}

}  // namespace
