// tests/fuzz/http_response_fuzz.cpp: any bytes, in any pieces, give the same responses or the same error, within the
// limits; a response that was understood can be written, and is understood again.
#include <foxtrot/net/http/response.hpp>
#include <foxtrot/net/http/response_parser.hpp>

#include <support/fuzzing.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace {

using namespace foxtrot;
using foxtrot_test::insist;

constexpr std::array limits{http_response_limits{.head = {.bytes = 512, .fields = 8}, .body = 256},
                            http_response_limits{.head = {.bytes = 96, .fields = 2}, .body = 16}};

std::size_t feed(http_response_parser& parser, std::string_view bytes, std::size_t piece) {
  std::size_t taken = 0;
  while (taken < bytes.size() && !parser.done() && !parser.error()) {
    const std::string_view next = bytes.substr(taken, piece);
    const std::size_t now = parser.feed(next);
    insist(now == next.size() || (now < next.size() && (parser.done() || parser.error())));
    taken += now;
  }
  return taken;
}

bool same(const http_fields& one, const http_fields& other) {
  return std::equal(one.begin(), one.end(), other.begin(), other.end(),
                    [](const http_field& a, const http_field& b) { return a.name == b.name && a.value == b.value; });
}

void check_limits(const http_response& got, const http_response_limits& limit) {
  insist(got.body.size() <= limit.body && got.headers.size() <= limit.head.fields);
  std::size_t bytes = 0;
  for (const http_field& field : got.headers) bytes += field.name.size() + field.value.size();
  insist(bytes <= limit.head.bytes);
}

void check_error(std::error_code error) {
  insist(!error || error == errc::http_malformed || error == errc::http_header_too_large ||
         error == errc::http_body_too_large || error == errc::http_truncated);
}

/// Fields that say where the body ends are left out: the writer adds its own.
void check_again(const http_response& got) {
  std::vector<http_field> fields;
  for (const http_field& field : got.headers) {
    if (!detail::equal_ignoring_case(field.name, "Content-Length") &&
        !detail::equal_ignoring_case(field.name, "Transfer-Encoding")) {
      fields.push_back(field);
    }
  }
  const std::string text = encode_response(got.status, "again", got.body, fields);
  http_response_parser parser;
  insist(feed(parser, text, SIZE_MAX) == text.size());
  insist(!parser.error() && parser.done());
  insist(parser.response().status == got.status && parser.response().body == got.body);
  insist(parser.response().retry_after() == got.retry_after());
  insist(parser.response().error() == got.error());
}

/// One response from the front of `bytes`. Returns how many of them it took where another may follow, zero otherwise.
std::size_t check_one(http_response_parser& whole, http_response_parser& pieces, std::string_view bytes,
                      std::size_t piece, const http_response_limits& limit) {
  const std::size_t taken = feed(whole, bytes, SIZE_MAX);
  const std::size_t taken_in_pieces = feed(pieces, bytes, piece);
  const bool complete = whole.done();
  insist(pieces.done() == complete && pieces.error() == whole.error() && pieces.started() == whole.started());
  insist(!complete || taken == taken_in_pieces);
  insist(complete || whole.error() || taken == bytes.size());

  const std::error_code end = whole.finish();
  insist(pieces.finish() == end && whole.done() == !end && pieces.done() == whole.done());
  check_error(end);
  const http_response& got = whole.response();
  check_limits(got, limit);
  if (end) return 0;
  insist(got.status >= 200 && got.status <= 599);
  insist(got.status == pieces.response().status && got.body == pieces.response().body);
  insist(same(got.headers, pieces.response().headers) && got.keep_alive == pieces.response().keep_alive);
  insist(complete || !got.keep_alive);
  check_again(got);
  return got.keep_alive ? taken : 0;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  foxtrot_test::fuzz_input input{data, size};
  const std::uint8_t first = input.choice();
  std::string_view bytes = input.rest();
  const std::size_t piece = foxtrot_test::piece_size(first, bytes.size());
  const http_response_limits& limit = limits[(first & 0x40U) != 0];
  http_response_parser whole{limit};
  http_response_parser pieces{limit};
  while (!bytes.empty()) {
    const std::size_t taken = check_one(whole, pieces, bytes, piece, limit);
    if (taken == 0) break;
    bytes.remove_prefix(taken);
    whole.reset();
    pieces.reset();
  }
  return 0;
}
