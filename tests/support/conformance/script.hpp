// tests/support/conformance/script.hpp: what a server sends to a client, and what the client has to say to it, when.
#pragma once

#include <foxtrot/net/websocket/close.hpp>
#include <foxtrot/net/websocket/frame.hpp>

#include <support/websocket_frames.hpp>

#include <cstddef>
#include <functional>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace foxtrot_test {

/// A message of the client's, in however many frames, or a control frame. Of a close only the code counts.
struct statement {
  foxtrot::opcode op;
  std::string payload;

  bool operator==(const statement&) const = default;

  /// "text of 5 bytes", "close 1002".
  [[nodiscard]] std::string describe() const {
    if (op == foxtrot::opcode::close) {
      if (payload.size() < 2) return "close without a code";
      return "close " + std::to_string(foxtrot::detail::load_big_endian(payload.data(), 2));
    }
    const char* const name = op == foxtrot::opcode::text     ? "text"
                             : op == foxtrot::opcode::binary ? "binary"
                             : op == foxtrot::opcode::ping   ? "ping"
                                                             : "pong";
    return name + std::string{" of "} + std::to_string(payload.size()) + " bytes";
  }
};

/// The bytes of a server, and what an echoing client owes for them: each statement is due as soon as the client has
/// that many bytes, and wrong before. So one script holds however the bytes are cut, and says where a client has to
/// fail without waiting for more. A control frame is one piece: only what its header says is due before its end.
class script {
 public:
  struct due {
    std::size_t after;
    statement what;
  };

  script& raw(std::string_view bytes) {
    bytes_ += bytes;
    return *this;
  }
  /// A frame that is not answered; `first` is FIN, RSV and opcode in one byte.
  script& frame(unsigned first, std::string_view payload = {}) { return raw(raw_frame(first, payload)); }
  script& expect(foxtrot::opcode op, std::string_view payload) { return expect_at(bytes_.size(), op, payload); }

  script& text(std::string_view payload) { return frame(0x81, payload).expect(foxtrot::opcode::text, payload); }
  script& binary(std::string_view payload) { return frame(0x82, payload).expect(foxtrot::opcode::binary, payload); }
  script& ping(std::string_view payload) { return frame(0x89, payload).expect(foxtrot::opcode::pong, payload); }
  script& message(unsigned kind, std::string_view payload) { return kind == 1 ? text(payload) : binary(payload); }

  /// A message in frames of `size` bytes, the last one perhaps shorter, and its echo.
  script& fragments(unsigned kind, std::string_view payload, std::size_t size) {
    std::string_view left = payload;
    for (unsigned first = kind; left.size() > size; first = 0) {
      frame(first, left.substr(0, size));
      left.remove_prefix(size);
    }
    frame(0x80U | (left.size() == payload.size() ? kind : 0), left);
    return expect(static_cast<foxtrot::opcode>(kind), payload);
  }

  /// A close frame with this payload, which the client answers with the same code.
  script& close(std::string_view payload) {
    return frame(0x88, payload).expect(foxtrot::opcode::close, payload.substr(0, 2));
  }
  /// The first `proof` of these bytes are enough for the client to fail the connection.
  script& violate(std::string_view bytes, std::size_t proof, foxtrot::close_code code) {
    expect_at(bytes_.size() + proof, foxtrot::opcode::close, foxtrot::encode_close(code));
    return raw(bytes);
  }
  script& break_protocol(std::string_view bytes, std::size_t proof) {
    return violate(bytes, proof, foxtrot::close_code::protocol_error);
  }

  [[nodiscard]] const std::string& bytes() const noexcept { return bytes_; }
  [[nodiscard]] const std::vector<due>& replies() const noexcept { return replies_; }
  /// True where the last thing the client says is a close; otherwise the closing handshake is still to come.
  [[nodiscard]] bool closes() const noexcept {
    return !replies_.empty() && replies_.back().what.op == foxtrot::opcode::close;
  }

 private:
  script& expect_at(std::size_t after, foxtrot::opcode op, std::string_view payload) {
    if (closes()) throw std::logic_error{"a client says nothing after its close"};
    replies_.push_back({after, {op, std::string{payload}}});
    return *this;
  }

  std::string bytes_;
  std::vector<due> replies_;
};

struct conformance_case {
  std::string id;    // section and number
  std::string what;  // one line
  std::function<script()> make;
  bool large{false};  // too large to be sent byte by byte
};

/// Numbers the cases of each section.
class case_table {
 public:
  void add(const std::string& section, std::string what, std::function<script()> make, bool large = false) {
    cases_.push_back({section + "." + std::to_string(++last_[section]), std::move(what), std::move(make), large});
  }
  [[nodiscard]] std::vector<conformance_case> take() { return std::move(cases_); }

 private:
  std::vector<conformance_case> cases_;
  std::map<std::string, int> last_;
};

/// The payload of a close frame.
inline std::string close_payload(unsigned code, std::string_view reason = {}) {
  return std::string{static_cast<char>(code >> 8U), static_cast<char>(code & 0xffU)}.append(reason);
}

}  // namespace foxtrot_test
