// foxtrot/sim/certificate_kind.hpp: what can be right and wrong with a server's certificate.
#pragma once

#include <cstdint>

namespace foxtrot::inline v0 {

/// The certificates that a client must tell apart; all but `right` must be refused.
enum class certificate_kind : std::uint8_t {
  right,
  wrong_host,
  expired,
  not_yet_valid,
  self_signed,
  common_name_only,
};

}  // namespace foxtrot::inline v0
