#include <foxtrot/core/error.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <cerrno>
#include <set>
#include <string>
#include <system_error>
#include <vector>

using namespace foxtrot;

namespace {

bool is_known(int value) {
  return std::error_code{errc::timeout}.category().message(value) != "unknown foxtrot error " + std::to_string(value);
}
/// Every errc, from `none` on: they are numbered without holes.
std::vector<errc> all_errors() {
  std::vector<errc> all;
  for (int value = 0; is_known(value); ++value) {
    all.push_back(static_cast<errc>(value));
  }
  return all;
}

struct row {
  condition group;
  std::vector<errc> members;
};

const std::vector<row>& table() {
  static const std::vector<row> rows{
      {condition::transient,
       {errc::timeout, errc::host_not_found, errc::resolve_failed, errc::tls_truncated, errc::http_truncated,
        errc::http_rate_limited, errc::http_server_error, errc::websocket_closed_by_peer, errc::heartbeat_lost,
        errc::data_silent}},
      {condition::protocol_violation,
       {errc::tls_protocol_error, errc::http_malformed, errc::http_header_too_large, errc::websocket_bad_accept,
        errc::websocket_bad_upgrade, errc::websocket_unrequested_extension, errc::websocket_reserved_bits,
        errc::websocket_bad_opcode, errc::websocket_masked_frame, errc::websocket_unmasked_frame,
        errc::websocket_bad_length, errc::websocket_bad_control_frame, errc::websocket_unexpected_continuation,
        errc::websocket_expected_continuation, errc::websocket_invalid_utf8, errc::websocket_bad_close,
        errc::websocket_message_too_big, errc::websocket_too_many_fragments}},
      {condition::tls_failure,
       {errc::tls_handshake_failed, errc::tls_protocol_error, errc::certificate_host_mismatch,
        errc::certificate_unknown_authority, errc::certificate_expired, errc::certificate_not_yet_valid,
        errc::certificate_rejected, errc::certificate_unreadable}},
      {condition::timeout, {errc::timeout, errc::heartbeat_lost, errc::data_silent}},
      {condition::cancelled, {errc::cancelled}},
      {condition::bad_data,
       {errc::malformed_message, errc::missing_field, errc::wrong_type, errc::number_out_of_range, errc::unknown_event,
        errc::bad_capture}},
  };
  return rows;
}

}  // namespace

TEST_CASE("error: every code has a text of its own", "[core]") {
  const auto all = all_errors();
  REQUIRE(all.size() > static_cast<std::size_t>(errc::no_gzip_support));
  std::set<std::string> texts;
  for (const errc code : all) {
    const std::error_code ec = code;
    INFO(ec.value());
    CHECK_FALSE(ec.message().empty());
    CHECK(texts.insert(ec.message()).second);
  }
  for (int value = static_cast<int>(all.size()); value < 1000; ++value) {
    CHECK_FALSE(is_known(value));
  }
}

TEST_CASE("error: numbers that are no code still have a message", "[core]") {
  const auto& category = std::error_code{errc::timeout}.category();
  CHECK(category.message(4711) == "unknown foxtrot error 4711");
  CHECK(category.message(-1) == "unknown foxtrot error -1");
  CHECK(std::string{category.name()} == "foxtrot");
}

TEST_CASE("error: none is success, everything else is not", "[core]") {
  CHECK_FALSE(std::error_code{errc::none});
  for (const errc code : all_errors()) {
    if (code != errc::none) CHECK(std::error_code{code});
  }
  CHECK(std::error_code{errc::timeout} == errc::timeout);
  CHECK(std::error_code{errc::timeout} != errc::cancelled);
  CHECK(&std::error_code{errc::timeout}.category() == &std::error_code{errc::closed}.category());
  // the same number of another category is another error
  CHECK(std::error_code(static_cast<int>(errc::timeout), std::system_category()) != errc::timeout);
}

TEST_CASE("error: each condition holds exactly its codes", "[core]") {
  for (const row& expected : table()) {
    for (const errc code : all_errors()) {
      const std::error_code ec = code;
      INFO(make_error_condition(expected.group).message() << ": " << ec.message());
      const bool member = std::find(expected.members.begin(), expected.members.end(), code) != expected.members.end();
      CHECK((ec == expected.group) == member);
    }
  }
}

TEST_CASE("error: codes of the operating system take part in the conditions", "[core]") {
  for (const int value : {ECONNRESET, ECONNREFUSED, ECONNABORTED, EPIPE, ETIMEDOUT, EHOSTUNREACH, ENETUNREACH, ENETDOWN,
                          ENETRESET, ENOBUFS, ENOMEM, EMFILE, ENFILE, EADDRNOTAVAIL, EAGAIN}) {
    INFO(value);
    CHECK(std::error_code{value, std::system_category()} == condition::transient);
    CHECK(std::error_code{value, std::generic_category()} == condition::transient);
  }
  for (const int value : {0, EACCES, EPERM, EINVAL, EBADF, ECANCELED}) {
    INFO(value);
    CHECK(std::error_code{value, std::system_category()} != condition::transient);
  }
  CHECK(std::error_code{ETIMEDOUT, std::system_category()} == condition::timeout);
  CHECK(std::error_code{ECANCELED, std::system_category()} == condition::cancelled);
  for (const condition group : {condition::protocol_violation, condition::tls_failure, condition::bad_data}) {
    CHECK(std::error_code{ECONNRESET, std::system_category()} != group);
  }
}

TEST_CASE("error: codes of strangers belong to no condition", "[core]") {
  class stranger final : public std::error_category {
   public:
    const char* name() const noexcept override { return "stranger"; }
    std::string message(int) const override { return "strange"; }
  };
  const stranger category;
  for (const row& each : table()) {
    for (const errc code : each.members) {
      CHECK(std::error_code(static_cast<int>(code), category) != each.group);
    }
  }
}

TEST_CASE("error: conditions have names", "[core]") {
  std::set<std::string> texts;
  for (const row& each : table()) {
    const std::error_condition group = each.group;
    CHECK(std::string{group.category().name()} == "foxtrot.condition");
    CHECK(texts.insert(group.message()).second);
  }
  CHECK(std::error_condition{condition::transient}.category().message(99) == "unknown foxtrot condition 99");
}
