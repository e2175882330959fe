// tests/net/websocket/close_test.cpp: close payloads as they are written; how they are read is in decoder_test.cpp.
#include <foxtrot/net/websocket/close.hpp>

#include <support/websocket_frames.hpp>

#include <catch2/catch.hpp>

#include <string>

namespace {

using namespace foxtrot;
using foxtrot_test::hex;

TEST_CASE("close: code and reason on the wire", "[close]") {
  CHECK(encode_close(close_code::normal) == hex("03 e8"));
  CHECK(encode_close(close_code::going_away, "bye") == hex("03 e9 62 79 65"));
  CHECK(encode_close(close_code::no_status, "ignored").empty());
}

TEST_CASE("close: a long reason is cut between characters", "[close]") {
  CHECK(encode_close(close_code::normal, std::string(200, 'r')).size() == max_control_payload);
  for (std::size_t lead = 118; lead <= 124; ++lead) {
    const std::string payload =
        encode_close(close_code::normal, std::string(lead, 'r') + "\xf0\x9f\x98\x80\xe2\x82\xac");
    close_info info;
    CHECK(payload.size() <= max_control_payload);
    REQUIRE(decode_close(payload, info) == errc{});
    CHECK(info.code == close_code::normal);
    CHECK(info.reason.size() >= lead - 1);
  }
}

TEST_CASE("close: what is read back", "[close]") {
  close_info info{close_code::normal, "stale"};
  CHECK(decode_close("", info) == errc{});
  CHECK(info.code == close_code::no_status);
  CHECK(info.reason.empty());
  CHECK(decode_close(hex("0f a0 c3 a4"), info) == errc{});
  CHECK(static_cast<int>(info.code) == 4000);
  CHECK(info.reason == "\xc3\xa4");
}

TEST_CASE("close: the answer to each class of violation", "[close]") {
  CHECK(close_code_for(errc::websocket_invalid_utf8) == close_code::invalid_payload);
  CHECK(close_code_for(errc::websocket_message_too_big) == close_code::message_too_big);
  CHECK(close_code_for(errc::websocket_too_many_fragments) == close_code::message_too_big);
  CHECK(close_code_for(errc::websocket_bad_close) == close_code::protocol_error);
  CHECK(close_code_for(errc::websocket_reserved_bits) == close_code::protocol_error);
}

}  // namespace
