// foxtrot/queue/idle.hpp: the ways a thread may wait when there is nothing to do, by name.
#pragma once

#include <cstdint>
#include <string_view>

namespace foxtrot::inline v0 {

/// How a thread waits: the setting behind the strategies of idle_strategy.hpp. `block` burns no CPU and costs a wake-up
/// by the kernel (microseconds); `spin` never sleeps and burns a core; `yield` burns one as well, but lets others have
/// it; `adaptive` spins, yields, then blocks.
enum class idle : std::uint8_t { block, spin, adaptive, yield };

[[nodiscard]] constexpr std::string_view to_string(idle waiting) noexcept {
  switch (waiting) {
    case idle::block: return "block";
    case idle::spin: return "spin";
    case idle::adaptive: return "adaptive";
    case idle::yield: return "yield";
  }
  return "?";
}

}  // namespace foxtrot::inline v0
