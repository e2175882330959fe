// tests/fuzz/websocket_decoder_fuzz.cpp: any bytes, in any pieces, give the same events and the same end, within the
// limits: those that a plain reading of the RFC gives. What was understood can be encoded, and is understood again.
#include <foxtrot/net/websocket/decoder.hpp>

#include <support/fuzzing.hpp>
#include <support/plain_decoder.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace {

using namespace foxtrot;
using foxtrot_test::insist;

constexpr std::array limits{decoder_settings{.buffer = 1, .max_message = 100'000, .max_fragments = 0},
                            decoder_settings{.buffer = 1, .max_message = 100'000, .max_fragments = 2},
                            decoder_settings{.buffer = 1, .max_message = 200, .max_fragments = 0},
                            decoder_settings{.buffer = 1, .max_message = 16, .max_fragments = 3}};

/// Takes every event into the hash; in `frames`, if there is one, as a frame of its own.
template <class Decoder, websocket_role Role>
struct observer {
  Decoder& decoder;
  const decoder_settings& settings;
  bool one_at_a_time{false};
  std::vector<char>* frames{nullptr};
  std::size_t framed{0};
  std::size_t events{0};
  foxtrot_test::running_hash hash{};

  FOXTROT_TEST_UNSEEN void on_message(message_kind kind, std::string_view payload) {
    insist(payload.size() <= settings.max_message);
    note(kind == message_kind::text ? opcode::text : opcode::binary, payload);
  }
  FOXTROT_TEST_UNSEEN void on_ping(std::string_view payload) { note(opcode::ping, payload); }
  FOXTROT_TEST_UNSEEN void on_pong(std::string_view payload) { note(opcode::pong, payload); }
  FOXTROT_TEST_UNSEEN void on_close(const close_info& info) {
    insist(info.code == close_code::no_status || is_valid_close_code(static_cast<unsigned>(info.code)));
    insist(info.reason.size() <= max_close_reason);
    const std::string payload = encode_close(info.code, info.reason);
    hash.add(opcode_number(opcode::close));
    hash.add(payload);
    keep(opcode::close, payload);
  }

 private:
  static std::uint64_t opcode_number(opcode op) noexcept { return static_cast<std::uint64_t>(op); }

  FOXTROT_TEST_UNSEEN void note(opcode op, std::string_view payload) {
    if (is_control(op)) insist(payload.size() <= max_control_payload);
    char behind[Decoder::padding];
    std::memcpy(behind, payload.data() + payload.size(), sizeof behind);  // promised to be readable
    hash.add(opcode_number(op));
    hash.add(payload);
    keep(op, payload);
  }

  FOXTROT_TEST_UNSEEN void keep(opcode op, std::string_view payload) {
    ++events;
    if (one_at_a_time) decoder.stop();
    if (frames == nullptr) return;
    std::optional<mask_key> key;
    if (Role == websocket_role::server) key = mask_key{0x37, 0xfa, 0x21, 0x3d};
    const std::size_t size = encode_frame(std::span{*frames}.subspan(framed), op, payload, key);
    insist(size != 0);  // one frame is never longer than the fragments it came in
    framed += size;
  }
};

template <class Decoder, class Observer>
FOXTROT_TEST_UNSEEN std::error_code feed(Decoder& decoder, Observer& seen, std::string_view bytes, std::size_t piece) {
  std::error_code error;
  while (!bytes.empty() && !error && !decoder.closed()) {
    const auto space = decoder.prepare();
    insist(space.size() >= Decoder::min_read);
    const std::size_t size = std::min({bytes.size(), piece, space.size()});
    std::memcpy(space.data(), bytes.data(), size);
    decoder.commit(size);
    bytes.remove_prefix(size);
    std::size_t before = 0;
    do {
      before = seen.events;
      error = decoder.drain(seen);
    } while (seen.one_at_a_time && seen.events != before);
  }
  return error;
}

template <websocket_role Role>
void check_end(std::error_code error) {
  if (!error) return;
  insist(error == condition::protocol_violation);
  insist(error != errc::websocket_masked_frame || Role == websocket_role::client);
  insist(error != errc::websocket_unmasked_frame || Role == websocket_role::server);
  insist(is_valid_close_code(static_cast<unsigned>(close_code_for(error))));
}

/// The decoders of one set of limits. Made once: clearing their buffers would be most of the time.
template <class Decoder>
struct bench {
  explicit bench(const decoder_settings& wanted) : settings{wanted} {}

  decoder_settings settings;
  Decoder whole{settings};
  Decoder pieces{settings};
  Decoder again{settings};
};

template <websocket_role Role, text_check Check>
void run(std::string_view bytes, std::size_t piece, unsigned choices) {
  using decoder = message_decoder<Role, Check>;
  using observer_type = observer<decoder, Role>;
  static std::array<bench<decoder>, limits.size()> benches{bench<decoder>{limits[0]}, bench<decoder>{limits[1]},
                                                           bench<decoder>{limits[2]}, bench<decoder>{limits[3]}};
  static std::vector<char> frames;
  auto& [settings, whole, pieces, again] = benches[choices % limits.size()];
  whole.reset();
  pieces.reset();
  again.reset();
  frames.resize(std::max(frames.size(), bytes.size()));

  observer_type at_once{whole, settings};
  at_once.frames = &frames;
  const std::error_code error = feed(whole, at_once, bytes, SIZE_MAX);
  check_end<Role>(error);

  const auto plain = foxtrot_test::plain_decoder{Role, Check == text_check::on, settings}.read(bytes);
  insist(error == make_error_code(plain.error) || (!error && plain.error == errc{}));
  insist(plain.hash == at_once.hash && plain.events == at_once.events);
  insist(error || plain.frames == whole.frames());  // the wrong one may count
  insist(plain.closed == whole.closed() && (error || plain.closed || plain.mid_message == whole.mid_message()));

  observer_type in_pieces{pieces, settings};
  in_pieces.one_at_a_time = (choices & limits.size()) != 0;
  insist(feed(pieces, in_pieces, bytes, piece) == error);
  insist(at_once.hash == in_pieces.hash && at_once.events == in_pieces.events);
  insist(whole.closed() == pieces.closed());
  insist(error || (whole.frames() == pieces.frames() && whole.mid_message() == pieces.mid_message()));

  // half a frame with room for a read behind it, and the fragments; buffers double
  const std::size_t message = std::max<std::size_t>(settings.max_message, max_control_payload);
  insist(whole.memory() <= 2 * (message + max_frame_header + decoder::min_read) + 2 * message);
  insist(pieces.memory() <= 2 * (message + max_frame_header + decoder::min_read) + 2 * message);

  observer_type second{again, settings};
  insist(!feed(again, second, {frames.data(), at_once.framed}, SIZE_MAX));
  insist(second.hash == at_once.hash && again.closed() == whole.closed() && !again.mid_message());

  const std::size_t events = at_once.events;
  insist(whole.drain(at_once) == error && at_once.events == events);  // the end is final
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  foxtrot_test::fuzz_input input{data, size};
  const std::uint8_t first = input.choice();
  const unsigned choices = input.choice();
  const std::string_view bytes = input.rest();
  const std::size_t piece = foxtrot_test::piece_size(first, bytes.size());
  switch (choices & 3U) {
    case 0: run<websocket_role::client, text_check::on>(bytes, piece, choices >> 2U); break;
    case 1: run<websocket_role::server, text_check::on>(bytes, piece, choices >> 2U); break;
    case 2: run<websocket_role::client, text_check::off>(bytes, piece, choices >> 2U); break;
    default: run<websocket_role::server, text_check::off>(bytes, piece, choices >> 2U); break;
  }
  return 0;
}
