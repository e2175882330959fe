// foxtrot/sim/rest_reply.hpp: an answer of the simulated exchange to a REST request, and the venue's refusals.
#pragma once

#include <foxtrot/net/http/fields.hpp>
#include <foxtrot/sim/control_protocol.hpp>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace foxtrot::inline v0 {

struct rest_reply {
  int status{200};
  std::string reason{"OK"};
  std::string body;
  std::vector<http_field> headers;

  /// With the venue's code and text, or, where the code is 0, without a body.
  [[nodiscard]] static rest_reply problem(int status, std::string reason, int code, std::string_view text) {
    rest_reply reply;
    reply.status = status;
    reply.reason = std::move(reason);
    if (code != 0) reply.body = "{\"code\":" + std::to_string(code) + ",\"msg\":" + detail::json_quoted(text) + "}";
    return reply;
  }
  [[nodiscard]] static rest_reply bad_request(int code, std::string_view text) {
    return problem(400, "Bad Request", code, text);
  }
  [[nodiscard]] static rest_reply not_found() { return problem(404, "Not Found", 0, ""); }
  [[nodiscard]] static rest_reply invalid_symbol() { return bad_request(-1121, "Invalid symbol."); }
  [[nodiscard]] static rest_reply no_key() { return problem(401, "Unauthorized", -2014, "API-key format invalid."); }
  [[nodiscard]] static rest_reply missing(std::string_view parameter) {
    return bad_request(
        -1102, "Mandatory parameter '" + std::string{parameter} + "' was not sent, was empty/null, or malformed.");
  }
  [[nodiscard]] static rest_reply invalid(std::string_view parameter) {
    return bad_request(-1130, "Data sent for parameter '" + std::string{parameter} + "' is not valid.");
  }
};

}  // namespace foxtrot::inline v0
