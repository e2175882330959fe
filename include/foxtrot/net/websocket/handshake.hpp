// foxtrot/net/websocket/handshake.hpp: the client's side of the upgrade, RFC 6455 section 4.1.
#pragma once

#include <foxtrot/core/error.hpp>
#include <foxtrot/core/result.hpp>
#include <foxtrot/net/http/fields.hpp>
#include <foxtrot/net/http/head_reader.hpp>
#include <foxtrot/net/http/request.hpp>
#include <foxtrot/net/http/status.hpp>
#include <foxtrot/net/websocket/handshake_key.hpp>
#include <foxtrot/net/websocket/upgrade_request.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace foxtrot::inline v0 {

/// One upgrade: `request` is what to send, `feed` takes what comes back. A value that knows no socket; one thread.
class client_handshake {
 public:
  /// errc::bad_argument where the request could not be sent as asked: CR, LF, NUL or space in host, target or a
  /// header's name, a header of the upgrade itself, a subprotocol that is no token.
  [[nodiscard]] static result<client_handshake> make(const upgrade_request& wanted) {
    const auto key = make_websocket_key();
    if (!key) return key.error();
    return make(wanted, *key);
  }

  /// The same with a given Sec-WebSocket-Key.
  [[nodiscard]] static result<client_handshake> make(const upgrade_request& wanted, std::string_view key) {
    http_get get{wanted.host, wanted.port, wanted.secure, wanted.target, {}};
    get.headers = {{"Upgrade", "websocket"},
                   {"Connection", "Upgrade"},
                   {"Sec-WebSocket-Key", std::string{key}},
                   {"Sec-WebSocket-Version", "13"}};
    std::string offer;
    for (const std::string& name : wanted.subprotocols) {
      if (!detail::is_http_token(name)) return errc::bad_argument;
      offer += (offer.empty() ? "" : ", ") + name;
    }
    if (!offer.empty()) get.headers.push_back({"Sec-WebSocket-Protocol", offer});
    for (const http_field& field : wanted.headers) {
      if (is_upgrade_field(field.name)) return errc::bad_argument;
      get.headers.push_back(field);
    }
    auto text = encode_get(get);
    if (!text) return text.error();
    return client_handshake{std::move(*text), websocket_accept(key), wanted.subprotocols};
  }

  /// The bytes to send.
  [[nodiscard]] const std::string& request() const noexcept { return request_; }

  /// Takes bytes of the answer and returns how many belonged to its head; what follows a 101 is WebSocket frames
  /// already.
  std::size_t feed(std::string_view bytes) {
    if (done() || error_) return 0;
    const std::size_t taken = head_.feed(bytes);
    // in the order of the bytes, so that the verdict does not depend on how they arrive
    if (!head_.start_line().empty() && !status_known_) check_status_line();
    if (!error_) error_ = head_.error();
    if (!error_ && head_.done()) check_head();
    return taken;
  }

  /// True when the connection is a WebSocket one now.
  [[nodiscard]] bool done() const noexcept { return upgraded_; }
  /// Why there will be no upgrade; zero while there may be one. Sticky.
  [[nodiscard]] std::error_code error() const noexcept { return error_; }
  [[nodiscard]] const upgrade_failure& failure() const noexcept { return failure_; }
  /// The fields of the answer, complete when `done` or when the server refused.
  [[nodiscard]] const http_fields& fields() const noexcept { return head_.fields(); }
  /// The subprotocol that the server chose, empty if none.
  [[nodiscard]] std::string_view subprotocol() const noexcept {
    return fields().find("Sec-WebSocket-Protocol").value_or(std::string_view{});
  }

 private:
  client_handshake(std::string request, std::string accept, std::vector<std::string> subprotocols)
      : request_{std::move(request)}, accept_{std::move(accept)}, subprotocols_{std::move(subprotocols)} {}

  [[nodiscard]] static bool is_upgrade_field(std::string_view name) noexcept {
    constexpr std::string_view prefix = "Sec-WebSocket-";
    return detail::equal_ignoring_case(name, "Upgrade") || detail::equal_ignoring_case(name, "Connection") ||
           detail::equal_ignoring_case(name.substr(0, prefix.size()), prefix);
  }

  void check_status_line() {
    const auto line = parse_status_line(head_.start_line());
    if (!line) {
      error_ = errc::http_malformed;
      return;
    }
    failure_.status = line->status;
    status_known_ = true;
    if (line->status == 101 && line->minor_version != 1) error_ = errc::websocket_bad_upgrade;
  }

  void check_head() {
    if (failure_.status != 101) {
      failure_.retry_after = retry_after(fields());
      error_ = error_of_status(failure_.status, errc::websocket_upgrade_rejected);
      if (!error_) error_ = errc::websocket_upgrade_rejected;  // 2xx: fine as HTTP, but no WebSocket
      return;
    }
    error_ = check_upgrade();
    upgraded_ = !error_;
  }

  [[nodiscard]] std::error_code check_upgrade() const {
    const http_fields& got = fields();
    if (got.count("Upgrade") != 1 || !detail::equal_ignoring_case(*got.find("Upgrade"), "websocket") ||
        !got.has_token("Connection", "Upgrade")) {
      return errc::websocket_bad_upgrade;
    }
    if (got.count("Sec-WebSocket-Accept") != 1 || *got.find("Sec-WebSocket-Accept") != accept_) {
      return errc::websocket_bad_accept;
    }
    if (got.count("Sec-WebSocket-Extensions") != 0) return errc::websocket_unrequested_extension;
    const std::size_t chosen = got.count("Sec-WebSocket-Protocol");
    if (chosen > 1) return errc::websocket_bad_upgrade;
    if (chosen == 1 && std::find(subprotocols_.begin(), subprotocols_.end(), subprotocol()) == subprotocols_.end()) {
      return errc::websocket_unrequested_extension;
    }
    return {};
  }

  std::string request_;
  std::string accept_;
  std::vector<std::string> subprotocols_;
  http_head_reader head_;
  upgrade_failure failure_;
  std::error_code error_;
  bool status_known_{false};
  bool upgraded_{false};
};

}  // namespace foxtrot::inline v0
