// foxtrot/net/tls_version.hpp: the versions of TLS that are spoken.
#pragma once

#include <cstdint>

namespace foxtrot::inline v0 {

enum class tls_version : std::uint8_t { tls_1_2, tls_1_3 };

}  // namespace foxtrot::inline v0
