// foxtrot/sim/certificate_authority.hpp: a certificate authority that lives in memory, for tests over real TLS.
#pragma once

#include <foxtrot/core/error.hpp>
#include <foxtrot/core/result.hpp>
#include <foxtrot/net/detail/openssl_init.hpp>
#include <foxtrot/sim/certificate_kind.hpp>

#include <openssl/asn1.h>
#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace foxtrot::inline v0 {

/// What a server certificate says. The defaults are right for a server on loopback. Without DNS names and addresses it
/// has no subjectAltName, so that only its common name is left to look at, which a careful client does not.
struct certificate_request {
  std::string common_name{"localhost"};
  std::vector<std::string> dns_names{"localhost"};
  std::vector<std::string> addresses{"127.0.0.1", "::1"};
  std::chrono::seconds not_before{-std::chrono::hours{1}};  ///< counted from now
  std::chrono::seconds not_after{std::chrono::hours{24}};   ///< counted from now
};

/// The request behind each kind. `self_signed` asks for what `right` does: what differs is who signs.
[[nodiscard]] inline certificate_request request_for(certificate_kind kind) {
  using std::chrono::hours;
  certificate_request request;
  switch (kind) {
    case certificate_kind::right:
    case certificate_kind::self_signed: break;
    case certificate_kind::wrong_host:
      request.common_name = "elsewhere.test";
      request.dns_names = {"elsewhere.test"};
      request.addresses = {"192.0.2.1"};
      break;
    case certificate_kind::expired:
      request.not_before = -hours{48};
      request.not_after = -hours{24};
      break;
    case certificate_kind::not_yet_valid:
      request.not_before = hours{24};
      request.not_after = hours{48};
      break;
    case certificate_kind::common_name_only:
      request.dns_names.clear();
      request.addresses.clear();
      break;
  }
  return request;
}

/// A certificate and its private key, both PEM text.
struct issued_certificate {
  std::string certificate_pem;
  std::string key_pem;
};

/// Signs server certificates (EC P-256) for one process's tests. Keys are made afresh each time and never touch a file.
/// Not thread-safe.
class certificate_authority {
 public:
  [[nodiscard]] static result<certificate_authority> make(std::string name = "foxtrot test authority") {
    if (!detail::init_openssl()) return failed();
    certificate_authority made;
    made.key_ = key{EVP_EC_gen("P-256")};
    certificate_request own;
    own.common_name = std::move(name);
    if (made.key_) made.certificate_ = made.make_certificate(own, made.key_.get(), role::authority);
    made.pem_ = made.certificate_ ? text_of([&](BIO* out) { return PEM_write_bio_X509(out, made.certificate_.get()); })
                                  : std::string{};
    if (made.pem_.empty()) return failed();
    return made;
  }

  /// The authority's own certificate: what a client has to trust.
  [[nodiscard]] const std::string& ca_pem() const noexcept { return pem_; }

  /// A fresh key and its certificate, signed by this authority. errc::bad_argument for an address that is none.
  [[nodiscard]] result<issued_certificate> issue(const certificate_request& request) const {
    return issue_as(request, role::server);
  }

  /// The same, signed by its own key: no authority vouches for it.
  [[nodiscard]] result<issued_certificate> issue_self_signed(const certificate_request& request) const {
    return issue_as(request, role::self_signed);
  }

  [[nodiscard]] result<issued_certificate> issue(certificate_kind kind) const {
    return kind == certificate_kind::self_signed ? issue_self_signed(request_for(kind)) : issue(request_for(kind));
  }

 private:
  template <class T, void (*Free)(T*)>
  struct release {
    void operator()(T* object) const noexcept { Free(object); }
  };
  using key = std::unique_ptr<EVP_PKEY, release<EVP_PKEY, EVP_PKEY_free>>;
  using certificate = std::unique_ptr<X509, release<X509, X509_free>>;
  using extension = std::unique_ptr<X509_EXTENSION, release<X509_EXTENSION, X509_EXTENSION_free>>;
  using names = std::unique_ptr<GENERAL_NAMES, release<GENERAL_NAMES, GENERAL_NAMES_free>>;
  using general_name = std::unique_ptr<GENERAL_NAME, release<GENERAL_NAME, GENERAL_NAME_free>>;
  struct release_bio {
    void operator()(BIO* object) const noexcept { BIO_free(object); }
  };

  enum class role : std::uint8_t { authority, server, self_signed };

  certificate_authority() = default;

  [[nodiscard]] static std::error_code failed() noexcept {
    ERR_clear_error();
    return errc::certificate_unreadable;
  }

  [[nodiscard]] result<issued_certificate> issue_as(const certificate_request& request, role kind) const {
    for (const std::string& text : request.addresses)
      if (!general_name{a2i_GENERAL_NAME(nullptr, nullptr, nullptr, GEN_IPADD, text.c_str(), 0)}) {
        ERR_clear_error();
        return errc::bad_argument;
      }
    const key own{EVP_EC_gen("P-256")};
    if (!own) return failed();
    const certificate made = make_certificate(request, own.get(), kind);
    if (!made) return failed();
    issued_certificate issued;
    issued.certificate_pem = text_of([&](BIO* out) { return PEM_write_bio_X509(out, made.get()); });
    issued.key_pem = text_of(
        [&](BIO* out) { return PEM_write_bio_PrivateKey(out, own.get(), nullptr, nullptr, 0, nullptr, nullptr); });
    if (issued.certificate_pem.empty() || issued.key_pem.empty()) return failed();
    return issued;
  }

  [[nodiscard]] certificate make_certificate(const certificate_request& request, EVP_PKEY* subject, role kind) const {
    const bool authority = kind == role::authority;
    certificate made{X509_new()};
    if (!made || X509_set_version(made.get(), 2) != 1 || !set_serial(made.get())) return nullptr;
    if (X509_gmtime_adj(X509_getm_notBefore(made.get()), static_cast<long>(request.not_before.count())) == nullptr ||
        X509_gmtime_adj(X509_getm_notAfter(made.get()), static_cast<long>(request.not_after.count())) == nullptr)
      return nullptr;
    X509_NAME* name = X509_get_subject_name(made.get());
    const auto* text = reinterpret_cast<const unsigned char*>(request.common_name.c_str());
    const X509* parent = kind == role::server ? certificate_.get() : made.get();
    if (X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, text, -1, -1, 0) != 1 ||
        X509_set_issuer_name(made.get(), X509_get_subject_name(parent)) != 1 ||
        X509_set_pubkey(made.get(), subject) != 1)
      return nullptr;
    const bool extended = add_extension(made.get(), parent, NID_basic_constraints,
                                        authority ? "critical,CA:TRUE" : "critical,CA:FALSE") &&
                          add_extension(made.get(), parent, NID_subject_key_identifier, "hash") &&
                          add_extension(made.get(), parent, NID_key_usage,
                                        authority ? "critical,keyCertSign,cRLSign" : "critical,digitalSignature") &&
                          (authority || (add_extension(made.get(), parent, NID_ext_key_usage, "serverAuth") &&
                                         add_names(made.get(), request)));
    if (!extended || X509_sign(made.get(), kind == role::server ? key_.get() : subject, EVP_sha256()) <= 0)
      return nullptr;
    return made;
  }

  [[nodiscard]] static bool set_serial(X509* made) {
    std::uint64_t number = 0;
    if (RAND_bytes(reinterpret_cast<unsigned char*>(&number), sizeof number) != 1) return false;
    return ASN1_INTEGER_set_uint64(X509_get_serialNumber(made), number >> 1U) == 1;
  }

  [[nodiscard]] static bool add_extension(X509* made, const X509* issuer, int nid, const char* value) {
    X509V3_CTX context;
    X509V3_set_ctx(&context, const_cast<X509*>(issuer), made, nullptr, nullptr, 0);  // NOLINT: OpenSSL lacks the const
    const extension added{X509V3_EXT_conf_nid(nullptr, &context, nid, value)};
    return added && X509_add_ext(made, added.get(), -1) == 1;
  }

  /// Not by OpenSSL's text syntax: a comma in a name must not become another name.
  [[nodiscard]] static bool add_names(X509* made, const certificate_request& request) {
    const names all{GENERAL_NAMES_new()};
    if (!all) return false;
    const auto add = [&](int type, const std::string& text) {
      general_name name{a2i_GENERAL_NAME(nullptr, nullptr, nullptr, type, text.c_str(), 0)};
      if (!name || sk_GENERAL_NAME_push(all.get(), name.get()) == 0) return false;
      (void)name.release();  // the stack owns it
      return true;
    };
    for (const std::string& text : request.dns_names)
      if (!add(GEN_DNS, text)) return false;
    for (const std::string& text : request.addresses)
      if (!add(GEN_IPADD, text)) return false;
    if (sk_GENERAL_NAME_num(all.get()) == 0) return true;
    return X509_add1_ext_i2d(made, NID_subject_alt_name, all.get(), 0, X509V3_ADD_DEFAULT) == 1;
  }

  template <class Write>
  [[nodiscard]] static std::string text_of(Write write) {
    const std::unique_ptr<BIO, release_bio> out{BIO_new(BIO_s_mem())};
    if (!out || write(out.get()) != 1) return {};
    char* data = nullptr;
    const long size = BIO_get_mem_data(out.get(), &data);
    return size > 0 ? std::string(data, static_cast<std::size_t>(size)) : std::string{};
  }

  key key_;
  certificate certificate_;
  std::string pem_;
};

}  // namespace foxtrot::inline v0
