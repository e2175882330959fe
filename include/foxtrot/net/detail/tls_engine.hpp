// foxtrot/net/detail/tls_engine.hpp: OpenSSL between two byte buffers; it never sees the socket.
#pragma once

#include <foxtrot/core/error.hpp>
#include <foxtrot/net/tls_context.hpp>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace foxtrot::inline v0::detail {

struct tls_step {
  enum class outcome : std::uint8_t { done, want_read, want_write, closed, failed };
  outcome result{outcome::done};
  std::size_t bytes{0};
};

/// One connection's SSL object, the ciphertext received for it and the ciphertext it wants sent. OpenSSL takes the
/// first straight out of the receive buffer: an own BIO saves the copy that a memory BIO makes. Neither copied nor
/// moved, because OpenSSL holds its address. One thread.
class tls_engine {
 public:
  static constexpr std::size_t buffer_size = 64 * 1024;
  static constexpr std::size_t record_payload = 16 * 1024;  // RFC 8446 section 5.1
  static constexpr std::size_t record_overhead = 256;       // RFC 8446 section 5.2: header, tag and padding of a record

  explicit tls_engine(const tls_context& context) : context_{context}, ssl_{SSL_new(context.native())} {
    out_.reserve(4096);
    BIO* bio = ssl_ ? BIO_new(method()) : nullptr;
    if (bio == nullptr) {
      ssl_.reset();
      return;
    }
    BIO_set_data(bio, this);
    BIO_set_init(bio, 1);
    SSL_set_bio(ssl_.get(), bio, bio);  // takes the one reference
    context.role() == tls_role::client ? SSL_set_connect_state(ssl_.get()) : SSL_set_accept_state(ssl_.get());
  }
  tls_engine(const tls_engine&) = delete;
  tls_engine& operator=(const tls_engine&) = delete;
  ~tls_engine() = default;

  [[nodiscard]] bool valid() const noexcept { return ssl_ != nullptr; }
  [[nodiscard]] SSL* native() const noexcept { return ssl_.get(); }
  [[nodiscard]] const tls_context& context() const noexcept { return context_; }

  /// Whom the certificate must name: as a DNS name, also sent as SNI, or as an address. The common name does not count.
  [[nodiscard]] bool expect(const std::string& host) {
    X509_VERIFY_PARAM* rules = SSL_get0_param(native());
    if (X509_VERIFY_PARAM_set1_ip_asc(rules, host.c_str()) == 1) return true;
    ERR_clear_error();
    X509_VERIFY_PARAM_set_hostflags(rules, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
    return X509_VERIFY_PARAM_set1_host(rules, host.data(), host.size()) == 1 &&
           SSL_set_tlsext_host_name(native(), host.c_str()) == 1;
  }

  [[nodiscard]] tls_step handshake() noexcept {
    forget_errors();
    return judge(SSL_do_handshake(native()), 0);
  }
  [[nodiscard]] tls_step read(std::span<char> into) noexcept {
    forget_errors();
    std::size_t count = 0;
    const int returned = SSL_read_ex(native(), into.data(), into.size(), &count);
    return judge(returned, count);
  }
  /// Encrypts a prefix of at most one record. The room has been checked, so this never stops half-way.
  [[nodiscard]] tls_step write(std::span<const char> from) noexcept {
    forget_errors();
    std::size_t count = 0;
    const int returned = SSL_write_ex(native(), from.data(), std::min(from.size(), room()), &count);
    return judge(returned, count);
  }
  /// Queues close_notify.
  void shut() noexcept {
    forget_errors();
    if (SSL_is_init_finished(native()) == 1) (void)SSL_shutdown(native());
    ERR_clear_error();
  }

  /// Why the peer's certificate did not pass, or why the handshake failed otherwise.
  [[nodiscard]] std::error_code handshake_error() const noexcept {
    const long verdict = context_.verifies() ? SSL_get_verify_result(native()) : X509_V_OK;
    switch (verdict) {
      case X509_V_OK: return errc::tls_handshake_failed;
      case X509_V_ERR_HOSTNAME_MISMATCH:
      case X509_V_ERR_IP_ADDRESS_MISMATCH: return errc::certificate_host_mismatch;
      case X509_V_ERR_CERT_HAS_EXPIRED: return errc::certificate_expired;
      case X509_V_ERR_CERT_NOT_YET_VALID: return errc::certificate_not_yet_valid;
      case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
      case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
      case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
      case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
      case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
      case X509_V_ERR_CERT_UNTRUSTED: return errc::certificate_unknown_authority;
      default: return errc::certificate_rejected;
    }
  }

  // Received ciphertext.
  [[nodiscard]] std::size_t undecrypted() const noexcept { return in_end_ - in_begin_; }
  [[nodiscard]] std::size_t decrypted() const noexcept { return static_cast<std::size_t>(SSL_pending(native())); }
  /// Free space, all of it once everything received has been taken.
  [[nodiscard]] std::span<char> receive_space() noexcept {
    if (in_begin_ == in_end_) in_begin_ = in_end_ = 0;
    return std::span{in_}.subspan(in_end_);
  }
  void received(std::size_t count) noexcept { in_end_ += count; }

  // Ciphertext to send.
  [[nodiscard]] std::span<const char> unsent() const noexcept { return std::span{out_}.subspan(out_begin_); }
  void sent(std::size_t count) noexcept {
    out_begin_ += count;
    if (out_begin_ == out_.size()) {
      out_.clear();
      out_begin_ = 0;
    }
  }
  /// Plaintext that can be encrypted now so that what waits to be sent stays within the bound.
  [[nodiscard]] std::size_t room() const noexcept {
    const std::size_t waiting = unsent().size() + record_overhead;
    return waiting >= buffer_size ? 0 : std::min(buffer_size - waiting, record_payload);
  }

 private:
  struct free_ssl {
    void operator()(SSL* ssl) const noexcept { SSL_free(ssl); }
  };

  // What somebody else on this thread left in OpenSSL's error queue would be taken for our own failure.
  static void forget_errors() noexcept {
    if (ERR_peek_error() != 0) ERR_clear_error();
  }

  [[nodiscard]] tls_step judge(int returned, std::size_t bytes) noexcept {
    using enum tls_step::outcome;
    if (returned == 1) return {done, bytes};
    switch (SSL_get_error(native(), returned)) {
      case SSL_ERROR_WANT_READ: return {want_read, 0};
      case SSL_ERROR_WANT_WRITE: return {want_write, 0};
      case SSL_ERROR_ZERO_RETURN: return {closed, 0};
      default: ERR_clear_error(); return {failed, 0};
    }
  }

  [[nodiscard]] static tls_engine& self(BIO* bio) noexcept { return *static_cast<tls_engine*>(BIO_get_data(bio)); }

  static int bio_read(BIO* bio, char* into, std::size_t size, std::size_t* count) {
    tls_engine& engine = self(bio);
    BIO_clear_retry_flags(bio);
    const std::size_t taken = std::min(size, engine.undecrypted());
    if (taken == 0) {
      BIO_set_retry_read(bio);
      return 0;
    }
    std::memcpy(into, engine.in_.data() + engine.in_begin_, taken);
    engine.in_begin_ += taken;
    *count = taken;
    return 1;
  }

  static int bio_write(BIO* bio, const char* from, std::size_t size, std::size_t* count) {
    tls_engine& engine = self(bio);
    BIO_clear_retry_flags(bio);
    // Only replies that the peer provokes get here with the buffer full: reading stops until it has taken some.
    if (engine.unsent().size() + size > buffer_size) {
      BIO_set_retry_write(bio);
      return 0;
    }
    try {
      if (engine.out_begin_ != 0 && engine.out_.size() + size > engine.out_.capacity()) {
        engine.out_.erase(engine.out_.begin(), engine.out_.begin() + static_cast<std::ptrdiff_t>(engine.out_begin_));
        engine.out_begin_ = 0;
      }
      engine.out_.insert(engine.out_.end(), from, from + size);
    } catch (...) {  // no memory; OpenSSL's C frames must not be unwound
      return 0;
    }
    *count = size;
    return 1;
  }

  static long bio_control(BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1 : 0; }

  [[nodiscard]] static const BIO_METHOD* method() noexcept {
    static const BIO_METHOD* const own = [] {
      BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "foxtrot");
      if (made == nullptr) return made;
      BIO_meth_set_read_ex(made, &bio_read);
      BIO_meth_set_write_ex(made, &bio_write);
      BIO_meth_set_ctrl(made, &bio_control);
      return made;
    }();
    return own;  // never freed: a thread may still use it during exit
  }

  tls_context context_;
  std::unique_ptr<SSL, free_ssl> ssl_;
  std::array<char, buffer_size> in_;
  std::size_t in_begin_{0};
  std::size_t in_end_{0};
  std::vector<char> out_;
  std::size_t out_begin_{0};
};

}  // namespace foxtrot::inline v0::detail
