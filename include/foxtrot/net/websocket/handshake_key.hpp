// foxtrot/net/websocket/handshake_key.hpp: the nonce of an upgrade and the answer that proves it was understood.
#pragma once

#include <foxtrot/core/error.hpp>
#include <foxtrot/core/result.hpp>
#include <foxtrot/net/detail/openssl_init.hpp>

#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace foxtrot::inline v0 {
namespace detail {

[[nodiscard]] inline std::string base64(std::span<const unsigned char> bytes) {
  std::string text((bytes.size() + 2) / 3 * 4 + 1, '\0');  // EVP_EncodeBlock writes a terminator
  EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()), bytes.data(), static_cast<int>(bytes.size()));
  text.pop_back();
  return text;
}

}  // namespace detail

/// 16 unpredictable bytes in base64, for Sec-WebSocket-Key; errc::not_permitted where OpenSSL's generator fails.
[[nodiscard]] inline result<std::string> make_websocket_key() {
  std::array<unsigned char, 16> nonce{};
  if (!detail::init_openssl() || RAND_bytes(nonce.data(), static_cast<int>(nonce.size())) != 1) {
    return errc::not_permitted;
  }
  return detail::base64(nonce);
}

/// Sec-WebSocket-Accept for a Sec-WebSocket-Key, RFC 6455 section 4.2.2.
[[nodiscard]] inline std::string websocket_accept(std::string_view key) {
  detail::init_openssl();
  const std::string text = std::string{key} + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  std::array<unsigned char, SHA_DIGEST_LENGTH> digest{};
  SHA1(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
  return detail::base64(digest);
}

}  // namespace foxtrot::inline v0
