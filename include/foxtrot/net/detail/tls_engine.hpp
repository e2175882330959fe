// foxtrot/net/detail/tls_engine.hpp: OpenSSL between two byte buffers; it never sees the socket.
#pragma once

#include <foxtrot/core/error.hpp>
#include <foxtrot/core/live_object.hpp>
#include <foxtrot/net/detail/tls_session_store.hpp>
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
class tls_engine : private live_object<tls_engine> {
 public:
  // One read of the socket may bring so much: where much waits, fewer and larger reads save a tenth of the time that
  // 64 KiB at once take. Pages that a quiet connection never fills are never touched.
  static constexpr std::size_t receive_size = 256 * 1024;
  static constexpr std::size_t unsent_limit = 64 * 1024;
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
    SSL_set_read_ahead(ssl_.get(), 1);  // see bio_read
    SSL_set_app_data(ssl_.get(), &target_);
    context.role() == tls_role::client ? SSL_set_connect_state(ssl_.get()) : SSL_set_accept_state(ssl_.get());
  }
  tls_engine(const tls_engine&) = delete;
  tls_engine& operator=(const tls_engine&) = delete;
  /// OpenSSL would strike the session of a connection that was dropped off a server context's own list, where a
  /// reconnect looks for it. TLS does not ask for that any more (RFC 5246 section 7.2.1).
  ~tls_engine() {
    if (ssl_) SSL_set_shutdown(native(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
  }

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

  /// Offers the newest session of this server, if there is one, and keeps those that it sends. `server` tells apart
  /// whoever may have different tickets; only ever sessions of the same `expect`ed name may share it.
  void resume(std::string server) {
    if (tls_session_store* const store = context_.session_store()) target_ = {*store, std::move(server)};
    const tls_session known = target_.take();
    if (known && SSL_set_session(native(), known.get()) != 1) ERR_clear_error();
  }
  [[nodiscard]] bool resumed() const noexcept { return SSL_session_reused(native()) == 1; }

  [[nodiscard]] tls_step handshake() {
    forget_errors();
    const tls_step step = judge(SSL_do_handshake(native()), 0);
    readable_ = has_record();
    if (step.result == tls_step::outcome::done) keep_resumed_session();
    return step;
  }
  [[nodiscard]] tls_step read(std::span<char> into) noexcept {
    std::size_t count = 0;
    const int returned = SSL_read_ex(native(), into.data(), into.size(), &count);
    // a record is left half read only where the room was too small for it
    readable_ = (count == into.size() && SSL_pending(native()) > 0) || has_record();
    return judge(returned, count);
  }
  /// Encrypts a prefix of at most one record. The room has been checked, so this never stops half-way.
  [[nodiscard]] tls_step write(std::span<const char> from) noexcept {
    forget_errors();
    std::size_t count = 0;
    const int returned = SSL_write_ex(native(), from.data(), std::min(from.size(), room()), &count);
    return judge(returned, count);
  }
  /// Queues close_notify, once: at a second call OpenSSL reads, and takes data that waits for an error. Does nothing
  /// where a handshake or a reply is to be finished first; then it is to be called again.
  void shut() noexcept {
    if (shut_ || SSL_is_init_finished(native()) != 1) return;
    forget_errors();
    shut_ = shutting_ = true;
    (void)SSL_shutdown(native());
    shutting_ = false;
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
  /// True where `read` may find something without another read of the socket: all of a record, or of its rest, or a
  /// header that promises more than a record can hold.
  [[nodiscard]] bool readable() const noexcept { return readable_; }
  /// True where the next record is there and holds no more than so many bytes.
  [[nodiscard]] bool fits(std::size_t bytes) const noexcept {
    const std::size_t size = next_record();  // 0 where the rest of the one before is all there is
    return readable_ && record_left_ == 0 && size != 0 && size <= bytes;
  }
  /// Ciphertext that OpenSSL has not taken yet, in bytes.
  [[nodiscard]] std::size_t undecrypted() const noexcept { return in_end_ - in_begin_; }
  /// Free space: everything but the part of a record that may be left from before, 64 KiB at most.
  [[nodiscard]] std::span<char> receive_space() noexcept {
    forget_errors();  // what handlers of earlier records left: once for each read of the socket, not for each record
    if (in_begin_ != 0) std::memmove(in_.data(), in_.data() + in_begin_, undecrypted());
    in_end_ -= std::exchange(in_begin_, 0);
    return std::span{in_}.subspan(in_end_);
  }
  void received(std::size_t count) noexcept {
    in_end_ += count;
    readable_ = readable_ || has_record();
  }

  // Ciphertext to send.
  [[nodiscard]] std::span<const char> unsent() const noexcept { return std::span{out_}.subspan(out_begin_); }
  void sent(std::size_t count) noexcept {
    out_begin_ += count;
    if (out_begin_ != out_.size()) return;
    out_.clear();
    out_begin_ = 0;
  }
  /// Plaintext that can be encrypted now so that what waits to be sent stays within the bound.
  [[nodiscard]] std::size_t room() const noexcept {
    const std::size_t waiting = unsent().size() + record_overhead;
    return waiting >= unsent_limit ? 0 : std::min(unsent_limit - waiting, record_payload);
  }

 private:
  struct free_ssl {
    void operator()(SSL* ssl) const noexcept { SSL_free(ssl); }
  };

  // What somebody else on this thread left in OpenSSL's error queue would be taken for our own failure.
  static void forget_errors() noexcept {
    if (ERR_peek_error() != 0) ERR_clear_error();
  }

  // SSL_get_error would look at the error queue first, and find there what is not about this connection. The BIO knows
  // whether it was what stopped OpenSSL; after a fatal alert, either side's, the handshake is not finished any more.
  [[nodiscard]] tls_step judge(int returned, std::size_t bytes) noexcept {
    using enum tls_step::outcome;
    const bool starved = std::exchange(starved_, false);
    const bool blocked = std::exchange(blocked_, false);
    if (returned == 1) return {done, bytes};
    if (starved) return {want_read, 0};
    if (blocked) return {want_write, 0};
    ERR_clear_error();
    const bool alive = SSL_is_init_finished(native()) == 1;
    if (alive && (SSL_get_shutdown(native()) & SSL_RECEIVED_SHUTDOWN) != 0) return {closed, 0};
    if (!alive) target_.fail(resumed());
    return {failed, 0};
  }

  // TLS 1.3 servers send tickets; a TLS 1.2 session that was taken up stays good for another time.
  void keep_resumed_session() const noexcept {
    if (!resumed() || SSL_version(native()) >= TLS1_3_VERSION) return;
    if (const SSL_SESSION* const used = SSL_get0_session(native())) target_.put(*used, true);
  }

  static constexpr std::size_t record_header = 5;  // RFC 8446 section 5.1: type, version, length
  static constexpr std::size_t largest_record = record_header + record_payload + 2048;  // RFC 5246 section 6.2.3

  [[nodiscard]] bool has_record() const noexcept {
    const std::size_t awaited = record_left_ != 0 ? record_left_ : next_record();
    return awaited != 0 && (undecrypted() >= awaited || awaited > largest_record);
  }
  // Of the record that begins here, with its header; 0 where that has not arrived.
  [[nodiscard]] std::size_t next_record() const noexcept {
    if (undecrypted() < record_header) return 0;
    const auto byte = [this](std::size_t at) { return std::size_t{static_cast<unsigned char>(in_[in_begin_ + at])}; };
    return record_header + (byte(3) << 8U) + byte(4);
  }

  [[nodiscard]] static tls_engine& self(BIO* bio) noexcept { return *static_cast<tls_engine*>(BIO_get_data(bio)); }

  // With read-ahead on, OpenSSL asks for as much as it has room for, once a record instead of twice, and moves what
  // lies behind that record to the front again. It is given one record: nothing lies behind.
  static int bio_read(BIO* bio, char* into, std::size_t size, std::size_t* count) {
    tls_engine& engine = self(bio);
    *count = engine.take({into, size});
    BIO_clear_retry_flags(bio);
    engine.starved_ = *count == 0;
    if (engine.starved_) BIO_set_retry_read(bio);
    return engine.starved_ ? 0 : 1;
  }
  [[nodiscard]] std::size_t take(std::span<char> into) noexcept {
    if (record_left_ == 0) record_left_ = next_record();
    const std::size_t taken = std::min({record_left_, undecrypted(), into.size()});
    std::memcpy(into.data(), in_.data() + in_begin_, taken);
    in_begin_ += taken;
    record_left_ -= taken;
    return taken;
  }

  static int bio_write(BIO* bio, const char* from, std::size_t size, std::size_t* count) {
    tls_engine& engine = self(bio);
    BIO_clear_retry_flags(bio);
    // Only replies that the peer provokes find no room: reading stops until it has taken some. For close_notify, which
    // OpenSSL takes for sent before it is, there is always room.
    engine.blocked_ = !engine.shutting_ && engine.unsent().size() + size > unsent_limit;
    if (engine.blocked_) {
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
  tls_session_target target_;
  std::unique_ptr<SSL, free_ssl> ssl_;
  std::array<char, receive_size> in_;
  std::size_t in_begin_{0};
  std::size_t in_end_{0};
  std::size_t record_left_{0};  // of the record that OpenSSL has got the beginning of
  bool starved_{false};         // the last bio_read had nothing to give
  bool blocked_{false};         // the last bio_write had no room
  bool shutting_{false};        // within shut()
  bool shut_{false};            // close_notify is queued
  bool readable_{false};        // as of the last read or receipt
  std::vector<char> out_;
  std::size_t out_begin_{0};
};

}  // namespace foxtrot::inline v0::detail
