// foxtrot/market/impl/joint_status.hpp: what detail/joint_status.hpp declares.
#pragma once

#include <foxtrot/market/detail/joint_status.hpp>
#include <foxtrot/market/status.hpp>

#include <cstddef>
#include <cstdint>
#include <utility>

namespace foxtrot::inline v0::detail {

FOXTROT_DECL bool joint_status::passes(std::size_t part, const status_record& record) noexcept {
  const std::uint64_t bit = std::uint64_t{1} << part;
  switch (record.code) {
    case status_code::connected:
      known_ |= bit;
      connected_ |= bit;
      return whole() && std::exchange(told_, state::whole) != state::whole;
    case status_code::disconnected:
    case status_code::reconnecting: {
      const bool is_news = (known_ & bit) != 0 && !is_goodbye(record);
      known_ |= bit;
      connected_ &= ~bit;
      return std::exchange(told_, state::broken) != state::broken || is_news;
    }
    case status_code::fallback_started: return std::exchange(polled_, polled_ | bit) == 0;
    case status_code::fallback_ended: return std::exchange(polled_, polled_ & ~bit) == bit;
    case status_code::dropped: told_ = state::unknown; return true;  // a state that follows is told again
    default: return true;
  }
}

}  // namespace foxtrot::inline v0::detail
