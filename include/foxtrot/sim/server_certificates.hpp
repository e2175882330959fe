// foxtrot/sim/server_certificates.hpp: what a simulated exchange shows its clients: the right certificate, or another.
#pragma once

#include <foxtrot/core/error.hpp>
#include <foxtrot/core/result.hpp>
#include <foxtrot/net/tls_context.hpp>
#include <foxtrot/sim/certificate_authority.hpp>

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <utility>

namespace foxtrot::inline v0 {

/// One authority, one TLS context for each kind of certificate, made when it is first asked for. Not thread-safe.
class server_certificates {
 public:
  /// Always this one, whatever kind is asked for.
  server_certificates(tls_context always)
      : authority_{}, usual_{certificate_kind::right}, max_version_{tls_version::tls_1_3} {
    contexts_[static_cast<std::size_t>(usual_)] = std::move(always);
  }

  /// With the usual kind, so that what cannot be made shows here.
  [[nodiscard]] static result<server_certificates> make(certificate_kind usual, tls_version max_version) {
    auto authority = certificate_authority::make();
    if (!authority) return authority.error();
    server_certificates made{std::move(*authority), usual, max_version};
    auto first = made.prepare(usual);
    if (!first) return first.error();
    made.contexts_[static_cast<std::size_t>(usual)] = std::move(*first);
    return made;
  }

  /// What a client has to trust; empty where the authority is somebody else's.
  [[nodiscard]] std::string ca_pem() const { return authority_ ? authority_->ca_pem() : std::string{}; }

  [[nodiscard]] const std::optional<tls_context>& usual() const noexcept {
    return contexts_[static_cast<std::size_t>(usual_)];
  }
  /// The usual one where this one cannot be made.
  [[nodiscard]] const std::optional<tls_context>& of(certificate_kind kind) {
    std::optional<tls_context>& wanted = contexts_[static_cast<std::size_t>(kind)];
    if (wanted) return wanted;
    if (!authority_) return usual();
    auto made = prepare(kind);
    if (!made) return usual();
    return wanted = std::move(*made);
  }

 private:
  static constexpr std::size_t kinds = static_cast<std::size_t>(certificate_kind::common_name_only) + 1;

  server_certificates(certificate_authority authority, certificate_kind usual, tls_version max_version)
      : authority_{std::move(authority)}, usual_{usual}, max_version_{max_version} {}

  [[nodiscard]] result<tls_context> prepare(certificate_kind kind) const {
    const auto issued = authority_->issue(kind);
    if (!issued) return issued.error();
    tls_settings server;
    server.role = tls_role::server;
    server.max_version = max_version_;
    server.certificate_pem = issued->certificate_pem;
    server.key_pem = issued->key_pem;
    return tls_context::make(server);
  }

  std::optional<certificate_authority> authority_;
  certificate_kind usual_;
  tls_version max_version_;
  std::array<std::optional<tls_context>, kinds> contexts_;
};

}  // namespace foxtrot::inline v0
