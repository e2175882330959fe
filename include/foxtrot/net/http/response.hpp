// foxtrot/net/http/response.hpp: writing a response: the server's end, for a simulated exchange.
#pragma once

#include <foxtrot/net/http/fields.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace foxtrot::inline v0 {

/// The bytes of a response with Content-Length. Headers are written as given: a simulation may lie.
[[nodiscard]] inline std::string encode_response(int status, std::string_view reason, std::string_view body,
                                                 const std::vector<http_field>& headers = {}) {
  std::string text = "HTTP/1.1 " + std::to_string(status) + " ";
  text.append(reason).append("\r\n");
  for (const http_field& field : headers) text += field.name + ": " + field.value + "\r\n";
  if (status >= 200 && status != 204) text += "Content-Length: " + std::to_string(body.size()) + "\r\n";
  return text.append("\r\n").append(body);
}

}  // namespace foxtrot::inline v0
