// foxtrot/net/detail/openssl_init.hpp: OpenSSL without its atexit handler.
#pragma once

#include <openssl/crypto.h>

namespace foxtrot::inline v0::detail {

/// To be called before anything else of OpenSSL's: whoever comes first decides whether exit() frees the tables under a
/// network thread that is still running. Any thread, any number of times.
inline bool init_openssl() noexcept {
  static const bool done = OPENSSL_init_crypto(OPENSSL_INIT_NO_ATEXIT, nullptr) == 1;
  return done;
}

}  // namespace foxtrot::inline v0::detail
