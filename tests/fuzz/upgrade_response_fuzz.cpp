// tests/fuzz/upgrade_response_fuzz.cpp: any answer to an upgrade, in any pieces, gives the same verdict; what follows a
// 101 is left alone; an answer that was accepted can be written again, and is accepted again.
#include <foxtrot/net/websocket/handshake.hpp>

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

/// An upgrade that asks for no subprotocol, and one that asks for two. Made once: the hash of the key takes its time.
const client_handshake& handshake(bool with_subprotocols) {
  const auto make = [](const upgrade_request& wanted) {
    return client_handshake::make(wanted, "dGhlIHNhbXBsZSBub25jZQ==").value();
  };
  static const std::array made{make({.host = "h"}), make({.host = "h", .subprotocols = {"one", "two"}})};
  return made[with_subprotocols ? 1 : 0];
}

std::size_t feed(client_handshake& upgrade, std::string_view bytes, std::size_t piece) {
  std::size_t taken = 0;
  while (taken < bytes.size() && !upgrade.done() && !upgrade.error()) {
    const std::string_view next = bytes.substr(taken, piece);
    const std::size_t now = upgrade.feed(next);
    insist(now == next.size() || (now < next.size() && (upgrade.done() || upgrade.error())));
    taken += now;
  }
  return taken;
}

/// Status codes have classes of their own; everything else breaks a rule.
void check_refusal(const client_handshake& upgrade) {
  const std::error_code error = upgrade.error();
  const int status = upgrade.failure().status;
  const std::error_code by_status = error_of_status(status, errc::websocket_upgrade_rejected);
  if (error == condition::protocol_violation) return;
  insist(status >= 100 && status <= 599 && status != 101);
  insist(error == by_status || (!by_status && error == errc::websocket_upgrade_rejected));
}

void check_accepted(const client_handshake& upgrade, std::string_view head, bool with_subprotocols) {
  insist(upgrade.failure().status == 101 && !upgrade.failure().retry_after);
  insist(head.find("\r\n\r\n") == head.size() - 4);
  insist(head.size() <= http_head_limits{}.bytes && upgrade.fields().size() <= http_head_limits{}.fields);
  insist(upgrade.fields().find("Sec-WebSocket-Accept") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
  const std::string_view chosen = upgrade.subprotocol();
  insist(chosen.empty() || (with_subprotocols && (chosen == "one" || chosen == "two")));

  std::string text = "HTTP/1.1 101 again\r\n";
  for (const http_field& field : upgrade.fields()) text += field.name + ": " + field.value + "\r\n";
  text += "\r\n";
  client_handshake again = handshake(with_subprotocols);
  insist(feed(again, text, SIZE_MAX) == text.size());
  insist(again.done() && again.subprotocol() == chosen);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  foxtrot_test::fuzz_input input{data, size};
  const std::uint8_t first = input.choice();
  const bool with_subprotocols = (first & 0x40U) != 0;
  const std::string_view bytes = input.rest();
  client_handshake whole = handshake(with_subprotocols);
  client_handshake pieces = whole;
  const std::size_t taken = feed(whole, bytes, SIZE_MAX);
  const std::size_t taken_in_pieces = feed(pieces, bytes, foxtrot_test::piece_size(first, bytes.size()));

  insist(whole.error() == pieces.error() && whole.done() == pieces.done());
  insist(whole.failure().status == pieces.failure().status);
  insist(whole.failure().retry_after == pieces.failure().retry_after);
  insist(!whole.done() || !whole.error());
  insist(whole.done() || whole.error() || taken == bytes.size());
  if (whole.done() || whole.error()) insist(whole.feed("x") == 0);
  if (whole.error()) check_refusal(whole);
  if (!whole.done()) return 0;
  insist(taken == taken_in_pieces && whole.subprotocol() == pieces.subprotocol());
  check_accepted(whole, bytes.substr(0, taken), with_subprotocols);
  return 0;
}
