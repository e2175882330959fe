// tests/feed/error_kind_test.cpp: errors sorted by code, never by text.
#include <foxtrot/feed/error_kind.hpp>

#include <catch2/catch.hpp>

#include <cerrno>
#include <cstddef>
#include <set>
#include <string_view>
#include <system_error>
#include <utility>

namespace {

using namespace foxtrot;

TEST_CASE("error_kind: every kind of trouble has its drawer") {
  const std::pair<std::error_code, error_kind> all[] = {
      {errc::closed, error_kind::network},
      {errc::host_not_found, error_kind::network},
      {errc::resolve_failed, error_kind::network},
      {errc::tls_truncated, error_kind::network},
      {errc::websocket_closed_by_peer, error_kind::network},
      {std::make_error_code(std::errc::connection_reset), error_kind::network},
      {std::make_error_code(std::errc::connection_refused), error_kind::network},
      {std::error_code{ECONNRESET, std::system_category()}, error_kind::network},
      {errc::certificate_expired, error_kind::tls},
      {errc::certificate_host_mismatch, error_kind::tls},
      {errc::certificate_unknown_authority, error_kind::tls},
      {errc::tls_handshake_failed, error_kind::tls},
      {errc::timeout, error_kind::timeout},
      {errc::heartbeat_lost, error_kind::timeout},
      {errc::data_silent, error_kind::timeout},
      {std::error_code{ETIMEDOUT, std::system_category()}, error_kind::timeout},
      {errc::http_rate_limited, error_kind::rate_limit},
      {errc::http_banned, error_kind::rate_limit},
      {errc::websocket_bad_accept, error_kind::protocol},
      {errc::websocket_reserved_bits, error_kind::protocol},
      {errc::http_malformed, error_kind::protocol},
      {errc::http_forbidden, error_kind::exchange},
      {errc::http_client_error, error_kind::exchange},
      {errc::http_server_error, error_kind::exchange},
      {errc::websocket_upgrade_rejected, error_kind::exchange},
      {errc::subscription_rejected, error_kind::symbol},
      {errc::malformed_message, error_kind::data},
      {errc::number_out_of_range, error_kind::data},
      {errc::bad_argument, error_kind::unknown},
      {std::make_error_code(std::errc::permission_denied), error_kind::unknown},
      {{}, error_kind::unknown},
  };
  for (const auto& [error, kind] : all) {
    INFO(error.message());
    CHECK(to_string(kind_of(error)) == to_string(kind));
  }
}

TEST_CASE("error_kind: names are distinct") {
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < error_kind_count; ++i) names.insert(to_string(static_cast<error_kind>(i)));
  CHECK(names.size() == error_kind_count);
}

}  // namespace
