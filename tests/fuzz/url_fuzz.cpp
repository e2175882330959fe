// tests/fuzz/url_fuzz.cpp: what parses can be written into a request and nothing else gets into it; written out, it
// parses to the same again.
#include <foxtrot/net/http/request.hpp>
#include <foxtrot/net/http/request_parser.hpp>
#include <foxtrot/net/url.hpp>

#include <support/fuzzing.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace {

using namespace foxtrot;
using foxtrot_test::insist;

/// The request reads back as exactly one, for this target and this host, with nothing behind it.
void check_request(const url& parsed) {
  const auto text = encode_get({parsed.host, parsed.port, parsed.secure, parsed.target, {}});
  insist(text.has_value());
  http_request_parser parser;
  insist(parser.feed(*text) == text->size() || parser.error() == errc::http_header_too_large);
  if (parser.error() == errc::http_header_too_large) return;
  insist(parser.done());
  const http_request& read = parser.request();
  insist(read.target == parsed.target && read.headers.size() == 1);
  insist(read.headers.find("Host") == host_header(parsed.host, parsed.port, parsed.secure));
}

void check_again(const url& parsed) {
  const std::string text =
      (parsed.secure ? "wss://" : "ws://") + host_header(parsed.host, parsed.port, parsed.secure) + parsed.target;
  const auto again = url::parse(text);
  insist(again && again->secure == parsed.secure && again->host == parsed.host && again->port == parsed.port &&
         again->target == parsed.target);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  const auto parsed = url::parse(text);
  if (!parsed) {
    insist(parsed.error() == errc::bad_url);
    return 0;
  }
  insist(std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < '\x7f'; }));
  insist(text.find('#') == text.npos && is_valid_host(parsed->host) && parsed->port != 0);
  insist(std::none_of(parsed->host.begin(), parsed->host.end(), [](char c) { return c >= 'A' && c <= 'Z'; }));
  check_request(*parsed);
  check_again(*parsed);
  return 0;
}
