// foxtrot/net/detail/tls_session_store.hpp: TLS sessions that the next connection to the same server may resume.
#pragma once

#include <foxtrot/core/live_object.hpp>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <ctime>
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

/// The newest few sessions of each server. Each is given out once: a ticket used twice would tell an observer that both
/// connections are the same client's (RFC 8446 appendix C.4). It keeps copies: OpenSSL goes on reading and writing the
/// session of a live connection, while another thread's may resume it. Any thread.
class tls_session_store : private live_object<tls_session_store> {
 public:
  static constexpr std::size_t per_server = 4;
  static constexpr std::size_t in_total = 64;

  /// A number for a connection, which is to tell its sessions from others.
  [[nodiscard]] std::uint64_t connection() {
    const std::lock_guard lock{mutex_};
    return ++connections_;
  }

  /// Keeps nothing where there is no memory: the next handshake is a full one.
  void put(std::string_view server, std::uint64_t connection, const SSL_SESSION& session) noexcept {
    tls_session copy{SSL_SESSION_is_resumable(&session) == 1 ? SSL_SESSION_dup(&session) : nullptr};
    if (!copy) return ERR_clear_error();
    try {
      keep({std::string{server}, connection, std::move(copy)});
    } catch (...) {  // no memory
    }
  }

  /// The newest one that has not expired, or nothing.
  [[nodiscard]] tls_session take(std::string_view server) {
    const std::lock_guard lock{mutex_};
    const std::time_t now = std::time(nullptr);  // sessions carry the wall clock's time
    std::erase_if(kept_, [now](const entry& kept) { return expired(*kept.session, now); });
    const auto newest =
        std::find_if(kept_.rbegin(), kept_.rend(), [server](const entry& kept) { return kept.server == server; });
    if (newest == kept_.rend()) return nullptr;
    tls_session taken = std::move(newest->session);
    kept_.erase(std::next(newest).base());
    return taken;
  }

  /// Discards what a connection brought: it has failed (RFC 8446 section 6.2).
  void forget(std::uint64_t connection) noexcept {
    const std::lock_guard lock{mutex_};
    std::erase_if(kept_, [connection](const entry& kept) { return kept.connection == connection; });
  }

  [[nodiscard]] std::size_t size() const {
    const std::lock_guard lock{mutex_};
    return kept_.size();
  }

 private:
  struct entry {
    std::string server;
    std::uint64_t connection;
    tls_session session;
  };

  [[nodiscard]] static bool expired(const SSL_SESSION& session, std::time_t now) noexcept {
    return SSL_SESSION_get_time(&session) + SSL_SESSION_get_timeout(&session) <= now;
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

  mutable std::mutex mutex_;
  std::vector<entry> kept_;
  std::uint64_t connections_{0};
};

/// Where the sessions of one connection go; OpenSSL carries its address.
struct tls_session_target {
  void put(const SSL_SESSION& session) const noexcept {
    if (store != nullptr && !server.empty()) store->put(server, connection, session);
  }

  tls_session_store* store{nullptr};
  std::string server{};
  std::uint64_t connection{0};
};

/// OpenSSL's new-session callback: TLS 1.3 tickets arrive while the connection is being read.
inline int keep_tls_session(SSL* ssl, SSL_SESSION* session) noexcept {
  if (const auto* const target = static_cast<const tls_session_target*>(SSL_get_app_data(ssl))) target->put(*session);
  return 0;  // it stays the connection's
}

}  // namespace foxtrot::inline v0::detail
