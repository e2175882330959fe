// tests/acceptance/mask_keys_test.cpp: the mask keys of a client, as its peer sees them on the wire.
#include <foxtrot/net/websocket/stream.hpp>

#include <support/loop_fixture.hpp>
#include <support/memory_stream.hpp>
#include <support/sanitizer.hpp>
#include <support/websocket_peer.hpp>

#include <catch2/catch.hpp>

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

namespace {

using namespace foxtrot;
using namespace foxtrot_test;

/// Against 256 equally likely values, 255 degrees of freedom.
double chi_square(const std::array<std::size_t, 256>& seen, std::size_t total) {
  const double expected = static_cast<double>(total) / 256;
  double sum = 0;
  for (const std::size_t count : seen) sum += std::pow(static_cast<double>(count) - expected, 2) / expected;
  return sum;
}

/// Keys in their order, from frames of 8 bytes of payload each.
std::vector<std::uint32_t> take_keys(std::string& wire, std::string_view payload) {
  std::vector<std::uint32_t> keys;
  std::size_t at = 0;
  frame_header header;
  while (at < wire.size()) {
    REQUIRE(decode_frame_header(std::span{wire}.subspan(at), websocket_role::server, header) == errc{});
    std::string body = wire.substr(at + header.size, static_cast<std::size_t>(header.length));
    apply_mask(body, header.key);
    if (body != payload) FAIL("not what was sent");
    std::uint32_t key = 0;
    std::memcpy(&key, header.key.data(), sizeof key);
    keys.push_back(key);
    at += header.size + body.size();
  }
  wire.clear();
  return keys;
}

}  // namespace

TEST_CASE("mask keys: a million frames on the wire, each with a fresh key", "[acceptance]") {
  loop_fixture f;
  auto [ours, theirs] = memory_stream::make_pair(f.loop);
  websocket_stream<memory_stream> client{f.timers, std::move(ours)};
  client.adopt();
  const std::size_t count = repetitions(1'000'000);
  const opcode kinds[] = {opcode::text, opcode::binary, opcode::ping, opcode::pong};
  std::vector<std::uint32_t> keys;
  keys.reserve(count);
  for (std::size_t i = 0; i < count;) {
    for (int burst = 0; burst < 500; ++burst, ++i) {
      if (client.send(kinds[i % 4], "payload!")) FAIL("not sent");
    }
    const auto more = take_keys(theirs.end()->received, "payload!");
    keys.insert(keys.end(), more.begin(), more.end());
  }
  REQUIRE(keys.size() == count);

  std::array<std::array<std::size_t, 256>, 4> seen{};
  std::array<std::array<std::size_t, 256>, 4> steps{};  // from one key to the next
  std::unordered_set<std::uint64_t> pairs;
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint32_t step = i == 0 ? 0 : keys[i] ^ keys[i - 1];
    for (std::size_t byte = 0; byte < 4; ++byte) {
      ++seen[byte][(keys[i] >> (8 * byte)) & 0xffU];
      ++steps[byte][(step >> (8 * byte)) & 0xffU];
    }
    if (i != 0) pairs.insert((std::uint64_t{keys[i - 1]} << 32U) | keys[i]);
  }
  // p < 1e-9 is above 405 (Wilson-Hilferty)
  for (const auto& histogram : seen) CHECK(chi_square(histogram, count) < 405);
  for (const auto& histogram : steps) CHECK(chi_square(histogram, count) < 405);
  // Neighbours that come twice would be a sequence that repeats; by chance 1e12 / 2^65, about 3e-8.
  CHECK(pairs.size() == count - 1);
  std::size_t same = 0;
  for (std::size_t i = 1; i < count; ++i) same += keys[i] == keys[i - 1];
  CHECK(same <= 2);  // 1e6 / 2^32 expected
}

TEST_CASE("mask keys: two connections never share a sequence", "[acceptance]") {
  loop_fixture f;
  std::unordered_set<std::uint64_t> pairs;
  std::size_t expected = 0;
  for (int connection = 0; connection < 50; ++connection) {
    auto [ours, theirs] = memory_stream::make_pair(f.loop);
    websocket_stream<memory_stream> client{f.timers, std::move(ours)};
    client.adopt();
    for (int i = 0; i < 100; ++i) REQUIRE_FALSE(client.send(opcode::text, "payload!"));
    const auto keys = take_keys(theirs.end()->received, "payload!");
    for (std::size_t i = 1; i < keys.size(); ++i) pairs.insert((std::uint64_t{keys[i - 1]} << 32U) | keys[i]);
    expected += keys.size() - 1;
  }
  CHECK(pairs.size() == expected);
}
