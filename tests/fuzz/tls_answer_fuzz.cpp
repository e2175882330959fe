// tests/fuzz/tls_answer_fuzz.cpp: any answer to a ClientHello, in any pieces, leads to the same end, never to a
// handshake that succeeds; what waits to be sent stays within its bound and OpenSSL's error queue stays empty.
#include <foxtrot/net/detail/tls_engine.hpp>
#include <foxtrot/net/tls_context.hpp>

#include <support/fuzzing.hpp>

#include <openssl/err.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <system_error>

namespace {

using namespace foxtrot;
using detail::tls_engine;
using foxtrot_test::insist;
using outcome = detail::tls_step::outcome;

const tls_context& context(tls_version newest) {
  const auto make = [](tls_version version) {
    tls_settings settings;
    settings.verify = false;  // no certificate needed: a chain that does not end anywhere is a failure all the same
    settings.max_version = version;
    return tls_context::make(settings).value();
  };
  static const std::array made{make(tls_version::tls_1_2), make(tls_version::tls_1_3)};
  return made[newest == tls_version::tls_1_3 ? 1 : 0];
}

/// The handshake as far as these bytes lead.
outcome answer(tls_engine& client, std::string_view bytes, std::size_t piece) {
  outcome result = client.handshake().result;
  insist(result == outcome::want_read && !client.unsent().empty());
  while (!bytes.empty() && result == outcome::want_read) {
    const auto space = client.receive_space();
    insist(!space.empty());
    const std::size_t size = std::min({bytes.size(), piece, space.size()});
    std::memcpy(space.data(), bytes.data(), size);
    client.received(size);
    bytes.remove_prefix(size);
    result = client.handshake().result;
    insist(result != outcome::want_read || !client.readable());  // nothing is left lying that could be used
    insist(client.unsent().size() <= tls_engine::unsent_limit);
    insist(ERR_peek_error() == 0);
  }
  insist(result == outcome::want_read || result == outcome::failed || result == outcome::closed);
  return result;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  foxtrot_test::fuzz_input input{data, size};
  const std::uint8_t first = input.choice();
  const std::string_view bytes = input.rest();
  const tls_context& used = context((first & 0x40U) != 0 ? tls_version::tls_1_2 : tls_version::tls_1_3);
  tls_engine whole{used};
  tls_engine pieces{used};
  const outcome end = answer(whole, bytes, SIZE_MAX);
  insist(answer(pieces, bytes, foxtrot_test::piece_size(first, bytes.size())) == end);
  insist(whole.unsent().size() == pieces.unsent().size());
  insist(end == outcome::want_read || whole.handshake_error() == errc::tls_handshake_failed);
  return 0;
}
