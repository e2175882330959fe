// foxtrot/net/detail/tls_session_store.hpp: TLS sessions that the next connection to the same server may resume.
#pragma once

#include <foxtrot/core/live_object.hpp>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <ctime>
#include <iterator>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace foxtrot::inline v0::detail {

struct free_tls_session {
  void operator()(SSL_SESSION* session) const noexcept { SSL_SESSION_free(session); }
};
using tls_session = std::unique_ptr<SSL_SESSION, free_tls_session>;

/// Whether a connection has failed whose sessions these are: in TLS 1.3 those whose tickets it brought, in TLS 1.2 all
/// that resumed one another. Any thread; every access is relaxed, as the mark guards nothing.
using tls_failure_mark = std::shared_ptr<std::atomic<bool>>;

/// The newest few sessions of each server. Each is given out once: a ticket used twice would tell an observer that both
/// connections are the same client's (RFC 8446 appendix C.4). It keeps copies: OpenSSL goes on reading and writing the
/// session of a live connection, while another thread's may resume it. Any thread.
class tls_session_store : private live_object<tls_session_store> {
 public:
  static constexpr std::size_t per_server = 4;
  static constexpr std::size_t in_total = 64;

  struct entry {
    std::string server{};
    tls_failure_mark failed{};
    tls_session session{};
  };

  /// Keeps nothing that cannot be resumed, and nothing where there is no memory: the next handshake is a full one.
  void put(std::string_view server, const tls_failure_mark& failed, const SSL_SESSION& session) noexcept {
    tls_session copy{SSL_SESSION_is_resumable(&session) == 1 ? SSL_SESSION_dup(&session) : nullptr};
    if (!copy) return ERR_clear_error();
    try {
      keep({std::string{server}, failed, std::move(copy)});
    } catch (...) {  // no memory
    }
  }

  /// The newest one that is still good, or one without a session.
  [[nodiscard]] entry take(std::string_view server) {
    const std::lock_guard lock{mutex_};
    discard_bad();
    const auto newest =
        std::find_if(kept_.rbegin(), kept_.rend(), [server](const entry& kept) { return kept.server == server; });
    if (newest == kept_.rend()) return {};
    entry taken = std::move(*newest);
    kept_.erase(std::next(newest).base());
    return taken;
  }

  [[nodiscard]] std::size_t size() {
    const std::lock_guard lock{mutex_};
    discard_bad();
    return kept_.size();
  }

 private:
  // Those that have expired, or are of a connection that has failed (RFC 8446 section 6, RFC 5246 section 7.2.2).
  void discard_bad() {
    const std::time_t now = std::time(nullptr);  // sessions carry the wall clock's time
    std::erase_if(kept_, [now](const entry& kept) {
      const SSL_SESSION* const session = kept.session.get();
      return kept.failed->load(std::memory_order_relaxed) ||
             SSL_SESSION_get_time(session) + SSL_SESSION_get_timeout(session) <= now;
    });
  }

  void keep(entry newest) {
    const std::lock_guard lock{mutex_};
    const auto of_server = [&newest](const entry& kept) { return kept.server == newest.server; };
    // the oldest stand first
    if (std::count_if(kept_.begin(), kept_.end(), of_server) == per_server) {
      kept_.erase(std::find_if(kept_.begin(), kept_.end(), of_server));
    } else if (kept_.size() == in_total) {
      kept_.erase(kept_.begin());
    }
    kept_.push_back(std::move(newest));
  }

  std::mutex mutex_;
  std::vector<entry> kept_;
};

/// Where the sessions of one connection come from and go to; OpenSSL carries its address. The connection's thread.
class tls_session_target {
 public:
  tls_session_target() = default;
  tls_session_target(tls_session_store& store, std::string server)
      : store_{&store}, server_{std::move(server)}, own_{std::make_shared<std::atomic<bool>>(false)} {}

  /// A session to resume, or nothing.
  [[nodiscard]] tls_session take() {
    if (store_ == nullptr) return nullptr;
    tls_session_store::entry known = store_->take(server_);
    if (known.session && SSL_SESSION_get_protocol_version(known.session.get()) < TLS1_3_VERSION) {
      resumed_ = std::move(known.failed);
    }
    return std::move(known.session);
  }
  void put(const SSL_SESSION& session, bool resumed) const noexcept {
    if (store_ != nullptr) store_->put(server_, mark(resumed), session);
  }
  /// The connection has failed: what has its secret is not resumed any more.
  void fail(bool resumed) const noexcept {
    if (store_ != nullptr) mark(resumed)->store(true, std::memory_order_relaxed);
  }

 private:
  [[nodiscard]] const tls_failure_mark& mark(bool resumed) const noexcept {
    return resumed && resumed_ ? resumed_ : own_;
  }

  tls_session_store* store_{nullptr};
  std::string server_{};
  tls_failure_mark own_{};
  tls_failure_mark resumed_{};  // of the session offered, where that is one of TLS 1.2
};

/// OpenSSL's new-session callback: TLS 1.3 tickets arrive while the connection is being read.
inline int keep_tls_session(SSL* ssl, SSL_SESSION* session) noexcept {
  if (const auto* const target = static_cast<const tls_session_target*>(SSL_get_app_data(ssl))) {
    target->put(*session, SSL_session_reused(ssl) == 1);
  }
  return 0;  // it stays the connection's
}

}  // namespace foxtrot::inline v0::detail
