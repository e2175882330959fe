// foxtrot/net/tls_context.hpp: what TLS connections have in common: whom to trust, which versions, which certificate.
#pragma once

#include <foxtrot/core/error.hpp>
#include <foxtrot/core/live_object.hpp>
#include <foxtrot/core/result.hpp>
#include <foxtrot/net/detail/openssl_init.hpp>
#include <foxtrot/net/detail/tls_session_store.hpp>
#include <foxtrot/net/tls_version.hpp>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace foxtrot::inline v0 {

enum class tls_role : std::uint8_t { client, server };

struct tls_settings {
  tls_role role{tls_role::client};
  bool verify{true};      ///< client: check chain and host name; off for experiments only
  std::string ca_file{};  ///< PEM file of trusted authorities
  std::string ca_pem{};   ///< the same as text; with neither, the system's authorities
  tls_version min_version{tls_version::tls_1_2};
  tls_version max_version{tls_version::tls_1_3};
  std::vector<std::string> alpn{};  ///< protocols to offer, in order of preference; client only
  bool resume{true};                ///< client: a later connection to the same server takes up the session
  std::string certificate_pem{};    ///< server: its certificate, then those in between; text
  std::string key_pem{};            ///< server: the private key; text
};

/// A shared SSL_CTX and the sessions of its clients: copies are cheap and may be used by several threads at once.
class tls_context : private live_object<tls_context> {
 public:
  /// errc::certificate_unreadable for PEM that cannot be read or a key that does not fit, errc::bad_argument for the
  /// rest.
  [[nodiscard]] static result<tls_context> make(const tls_settings& settings) {
    if (!detail::init_openssl() || settings.min_version > settings.max_version) return errc::bad_argument;
    const bool client = settings.role == tls_role::client;
    tls_context made{SSL_CTX_new(client ? TLS_client_method() : TLS_server_method()), settings};
    if (!made.native_) return refused(errc::bad_argument);
    SSL_CTX* native = made.native_.get();
    SSL_CTX_set_options(native, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_mode(native, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    if (SSL_CTX_set_min_proto_version(native, number_of(settings.min_version)) != 1 ||
        SSL_CTX_set_max_proto_version(native, number_of(settings.max_version)) != 1) {
      return refused(errc::bad_argument);
    }
    const auto error = client ? made.prepare_client(settings) : made.prepare_server(settings);
    if (error) return refused(error);
    return made;
  }

  [[nodiscard]] SSL_CTX* native() const noexcept { return native_.get(); }
  [[nodiscard]] tls_role role() const noexcept { return role_; }
  [[nodiscard]] bool verifies() const noexcept { return verify_; }
  /// Sessions kept for later connections: a few for each server, in memory only.
  [[nodiscard]] std::size_t sessions() const { return sessions_ ? sessions_->size() : 0; }
  /// Null where nothing is resumed.
  [[nodiscard]] detail::tls_session_store* session_store() const noexcept { return sessions_.get(); }

 private:
  struct release {
    void operator()(BIO* bio) const noexcept { BIO_free(bio); }
    void operator()(X509* certificate) const noexcept { X509_free(certificate); }
    void operator()(EVP_PKEY* key) const noexcept { EVP_PKEY_free(key); }
  };
  template <class T>
  using owned = std::unique_ptr<T, release>;

  tls_context(SSL_CTX* native, const tls_settings& settings)
      : native_{native, &SSL_CTX_free}, role_{settings.role}, verify_{settings.verify} {}

  [[nodiscard]] static int number_of(tls_version version) noexcept {
    return version == tls_version::tls_1_2 ? TLS1_2_VERSION : TLS1_3_VERSION;
  }

  // Nothing of a failed attempt stays in the thread's error queue.
  [[nodiscard]] static std::error_code refused(std::error_code error) noexcept {
    ERR_clear_error();
    return error;
  }

  [[nodiscard]] static owned<BIO> reader(const std::string& pem) {
    return owned<BIO>{BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()))};
  }

  [[nodiscard]] std::error_code prepare_client(const tls_settings& settings) {
    SSL_CTX* native = native_.get();
    SSL_CTX_set_verify(native, verify_ ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nullptr);
    if (!settings.ca_file.empty() && SSL_CTX_load_verify_file(native, settings.ca_file.c_str()) != 1) {
      return errc::certificate_unreadable;
    }
    if (!settings.ca_pem.empty() && !trust(settings.ca_pem)) return errc::certificate_unreadable;
    if (settings.ca_file.empty() && settings.ca_pem.empty() && SSL_CTX_set_default_verify_paths(native) != 1) {
      return errc::certificate_unreadable;
    }
    std::string wire;
    for (const std::string& protocol : settings.alpn) {
      if (protocol.empty() || protocol.size() > 255) return errc::bad_argument;
      wire += static_cast<char>(protocol.size());
      wire += protocol;
    }
    const auto* bytes = reinterpret_cast<const unsigned char*>(wire.data());
    if (!wire.empty() && SSL_CTX_set_alpn_protos(native, bytes, static_cast<unsigned>(wire.size())) != 0) {
      return errc::bad_argument;
    }
    if (settings.resume) {
      sessions_ = std::make_shared<detail::tls_session_store>();
      SSL_CTX_set_session_cache_mode(native, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
      SSL_CTX_sess_set_new_cb(native, &detail::keep_tls_session);
    }
    return {};
  }

  [[nodiscard]] bool trust(const std::string& pem) {
    const owned<BIO> in = reader(pem);
    std::size_t count = 0;
    while (const owned<X509> authority{in ? PEM_read_bio_X509(in.get(), nullptr, nullptr, nullptr) : nullptr}) {
      if (X509_STORE_add_cert(SSL_CTX_get_cert_store(native_.get()), authority.get()) != 1) return false;
      ++count;
    }
    const bool reached_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
    ERR_clear_error();
    return count != 0 && reached_end;
  }

  [[nodiscard]] std::error_code prepare_server(const tls_settings& settings) {
    SSL_CTX* native = native_.get();
    SSL_CTX_set_verify(native, SSL_VERIFY_NONE, nullptr);  // clients show no certificate
    const owned<BIO> chain = reader(settings.certificate_pem);
    const owned<X509> own{chain ? PEM_read_bio_X509(chain.get(), nullptr, nullptr, nullptr) : nullptr};
    if (!own || SSL_CTX_use_certificate(native, own.get()) != 1) return errc::certificate_unreadable;
    while (owned<X509> between{PEM_read_bio_X509(chain.get(), nullptr, nullptr, nullptr)}) {
      if (SSL_CTX_add0_chain_cert(native, between.get()) != 1) return errc::certificate_unreadable;
      (void)between.release();  // the context owns it now
    }
    ERR_clear_error();
    const owned<BIO> secret = reader(settings.key_pem);
    const owned<EVP_PKEY> key{secret ? PEM_read_bio_PrivateKey(secret.get(), nullptr, nullptr, nullptr) : nullptr};
    if (!key || SSL_CTX_use_PrivateKey(native, key.get()) != 1) return errc::certificate_unreadable;
    return {};
  }

  std::shared_ptr<SSL_CTX> native_;
  std::shared_ptr<detail::tls_session_store> sessions_;
  tls_role role_;
  bool verify_;
};

}  // namespace foxtrot::inline v0
