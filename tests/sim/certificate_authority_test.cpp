// tests/sim/certificate_authority_test.cpp: what OpenSSL's own verification says about each kind of certificate.
#include <foxtrot/sim/certificate_authority.hpp>

#include <catch2/catch.hpp>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include <memory>
#include <string>

namespace {

using namespace foxtrot;

struct free_x509 {
  void operator()(X509* object) const { X509_free(object); }
};
using x509 = std::unique_ptr<X509, free_x509>;

x509 read(const std::string& pem) {
  BIO* in = BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));
  x509 read_back{PEM_read_bio_X509(in, nullptr, nullptr, nullptr)};
  BIO_free(in);
  return read_back;
}

/// X509_V_OK or what verification found, for a client that trusts `ca` and wants `host`.
int verify(const std::string& ca, const std::string& leaf, const char* host, const char* address = nullptr) {
  const x509 root = read(ca);
  const x509 certificate = read(leaf);
  REQUIRE(root);
  REQUIRE(certificate);
  X509_STORE* store = X509_STORE_new();
  X509_STORE_add_cert(store, root.get());
  X509_STORE_CTX* context = X509_STORE_CTX_new();
  X509_STORE_CTX_init(context, store, certificate.get(), nullptr);
  X509_VERIFY_PARAM* wanted = X509_STORE_CTX_get0_param(context);
  X509_VERIFY_PARAM_set_hostflags(wanted, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
  X509_STORE_CTX_set_purpose(context, X509_PURPOSE_SSL_SERVER);
  if (host != nullptr) X509_VERIFY_PARAM_set1_host(wanted, host, 0);
  if (address != nullptr) X509_VERIFY_PARAM_set1_ip_asc(wanted, address);
  const int verdict = X509_verify_cert(context) == 1 ? X509_V_OK : X509_STORE_CTX_get_error(context);
  X509_STORE_CTX_free(context);
  X509_STORE_free(store);
  return verdict;
}

certificate_authority authority() {
  auto made = certificate_authority::make();
  REQUIRE(made.has_value());
  return std::move(made).value();
}

TEST_CASE("certificate_authority: a right certificate verifies for its names and addresses only") {
  const certificate_authority ca = authority();
  const auto issued = ca.issue(certificate_kind::right);
  REQUIRE(issued.has_value());
  CHECK(verify(ca.ca_pem(), issued->certificate_pem, "localhost") == X509_V_OK);
  CHECK(verify(ca.ca_pem(), issued->certificate_pem, nullptr, "127.0.0.1") == X509_V_OK);
  CHECK(verify(ca.ca_pem(), issued->certificate_pem, nullptr, "::1") == X509_V_OK);
  CHECK(verify(ca.ca_pem(), issued->certificate_pem, "example.test") == X509_V_ERR_HOSTNAME_MISMATCH);
  CHECK(verify(ca.ca_pem(), issued->certificate_pem, nullptr, "127.0.0.2") == X509_V_ERR_IP_ADDRESS_MISMATCH);
}

TEST_CASE("certificate_authority: every wrong kind is refused for its own reason") {
  const certificate_authority ca = authority();
  const auto verdict = [&](certificate_kind kind) {
    const auto issued = ca.issue(kind);
    REQUIRE(issued.has_value());
    return verify(ca.ca_pem(), issued->certificate_pem, "localhost");
  };
  CHECK(verdict(certificate_kind::wrong_host) == X509_V_ERR_HOSTNAME_MISMATCH);
  CHECK(verdict(certificate_kind::expired) == X509_V_ERR_CERT_HAS_EXPIRED);
  CHECK(verdict(certificate_kind::not_yet_valid) == X509_V_ERR_CERT_NOT_YET_VALID);
  CHECK(verdict(certificate_kind::self_signed) == X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT);
  CHECK(verdict(certificate_kind::common_name_only) == X509_V_ERR_HOSTNAME_MISMATCH);
}

TEST_CASE("certificate_authority: another authority is not trusted, not even one of the same name") {
  const certificate_authority ours = authority();
  const certificate_authority theirs = authority();
  const auto issued = theirs.issue(certificate_kind::right);
  REQUIRE(issued.has_value());
  CHECK(verify(ours.ca_pem(), issued->certificate_pem, "localhost") != X509_V_OK);
}

TEST_CASE("certificate_authority: a key belongs to its certificate, and a server may not sign") {
  const certificate_authority ca = authority();
  const auto issued = ca.issue(certificate_kind::right);
  REQUIRE(issued.has_value());
  BIO* in = BIO_new_mem_buf(issued->key_pem.data(), static_cast<int>(issued->key_pem.size()));
  EVP_PKEY* key = PEM_read_bio_PrivateKey(in, nullptr, nullptr, nullptr);
  BIO_free(in);
  const x509 certificate = read(issued->certificate_pem);
  CHECK(X509_check_private_key(certificate.get(), key) == 1);
  CHECK(X509_check_ca(certificate.get()) == 0);
  CHECK(X509_check_ca(read(ca.ca_pem()).get()) == 1);
  EVP_PKEY_free(key);
}

TEST_CASE("certificate_authority: a comma in a name stays in that name, a bad address is an error") {
  const certificate_authority ca = authority();
  certificate_request request;
  request.dns_names = {"a.test,DNS:localhost"};
  request.addresses.clear();
  const auto odd = ca.issue(request);
  REQUIRE(odd.has_value());
  CHECK(verify(ca.ca_pem(), odd->certificate_pem, "localhost") == X509_V_ERR_HOSTNAME_MISMATCH);
  request.addresses = {"not an address"};
  CHECK(ca.issue(request).error() == errc::bad_argument);
  CHECK(ERR_peek_error() == 0);
}

}  // namespace
