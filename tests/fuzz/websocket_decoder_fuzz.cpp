// tests/fuzz/websocket_decoder_fuzz.cpp: any bytes, in any pieces, give the same events and the same end.
#include <foxtrot/net/websocket/decoder.hpp>

#include <support/websocket_frames.hpp>

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <system_error>

namespace {

using namespace foxtrot;

template <websocket_role Role>
void same_in_pieces(std::string_view bytes, std::size_t chunk) {
  constexpr decoder_settings settings{.buffer = 1, .max_message = 100'000, .max_fragments = 16};
  static message_decoder<Role> whole{settings};  // made once: clearing their buffers would be most of the time
  static message_decoder<Role> pieces{settings};
  whole.reset();
  pieces.reset();
  foxtrot_test::event_log at_once;
  foxtrot_test::event_log in_pieces;
  const std::error_code error = foxtrot_test::feed(whole, at_once, bytes, SIZE_MAX);
  if (foxtrot_test::feed(pieces, in_pieces, bytes, chunk) != error) __builtin_trap();
  if (at_once.events != in_pieces.events) __builtin_trap();
  if (error && error != condition::protocol_violation) __builtin_trap();
  if (whole.memory() > 512 * 1024) __builtin_trap();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::string_view bytes{reinterpret_cast<const char*>(data) + 2, size - 2};
  const std::size_t chunk = std::size_t{data[0]} + 1;
  if ((data[1] & 1U) != 0) {
    same_in_pieces<websocket_role::server>(bytes, chunk);
  } else {
    same_in_pieces<websocket_role::client>(bytes, chunk);
  }
  return 0;
}
