#include <foxtrot/net/tls_context.hpp>

#include <support/loopback.hpp>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <catch2/catch.hpp>

#include <string>

using namespace foxtrot;
using namespace foxtrot_test;

TEST_CASE("tls_context: a client verifies, and speaks TLS 1.2 or newer, unless told otherwise", "[net]") {
  const auto made = tls_context::make({});
  REQUIRE(made);
  CHECK(made->verifies());
  CHECK(SSL_CTX_get_verify_mode(made->native()) == SSL_VERIFY_PEER);
  CHECK(SSL_CTX_get_min_proto_version(made->native()) == TLS1_2_VERSION);
  CHECK((SSL_CTX_get_options(made->native()) & SSL_OP_NO_RENEGOTIATION) != 0);
}

TEST_CASE("tls_context: what cannot be read is refused and leaves no OpenSSL error behind", "[net]") {
  const auto issued = authority().issue(certificate_kind::right).value();
  const auto other = authority().issue(certificate_kind::right).value();
  tls_settings client;
  client.ca_pem = "no certificate";
  CHECK(tls_context::make(client).error() == errc::certificate_unreadable);
  client.ca_pem = authority().ca_pem() + "-----BEGIN CERTIFICATE-----\nbroken\n-----END CERTIFICATE-----\n";
  CHECK(tls_context::make(client).error() == errc::certificate_unreadable);
  client.ca_pem = {};
  client.ca_file = "/nowhere/at/all.pem";
  CHECK(tls_context::make(client).error() == errc::certificate_unreadable);
  client.ca_file = {};
  client.alpn = {std::string(256, 'x')};
  CHECK(tls_context::make(client).error() == errc::bad_argument);
  client.alpn = {};
  client.min_version = tls_version::tls_1_3;
  client.max_version = tls_version::tls_1_2;
  CHECK(tls_context::make(client).error() == errc::bad_argument);

  tls_settings server;
  server.role = tls_role::server;
  CHECK(tls_context::make(server).error() == errc::certificate_unreadable);
  server.certificate_pem = issued.certificate_pem;
  CHECK(tls_context::make(server).error() == errc::certificate_unreadable);
  server.key_pem = other.key_pem;  // the key of another certificate
  CHECK(tls_context::make(server).error() == errc::certificate_unreadable);
  server.key_pem = issued.key_pem;
  CHECK(tls_context::make(server));
  CHECK(ERR_peek_error() == 0);
}

TEST_CASE("tls_context: several authorities in one text are all trusted", "[net]") {
  const auto another = certificate_authority::make("another").value();
  tls_settings client;
  client.ca_pem = another.ca_pem() + authority().ca_pem();
  loop_fixture f;
  const tls_pair p{f, tls_context::make(client).value(), server_context()};
  CHECK(p.client_error == std::error_code{});
}
