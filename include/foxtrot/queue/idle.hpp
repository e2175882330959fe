// foxtrot/queue/idle.hpp: how a thread waits when there is nothing to do.
#pragma once

#include <foxtrot/core/cpu.hpp>

#include <cstdint>
#include <string_view>

namespace foxtrot::inline v0 {

/// How a thread waits. `block` burns no CPU and costs a wake-up by the kernel (microseconds); `spin` never sleeps and
/// burns a core; `adaptive` spins for a moment, then blocks.
enum class idle : std::uint8_t { block, spin, adaptive };

[[nodiscard]] constexpr std::string_view to_string(idle waiting) noexcept {
  switch (waiting) {
    case idle::block: return "block";
    case idle::spin: return "spin";
    case idle::adaptive: return "adaptive";
  }
  return "?";
}

}  // namespace foxtrot::inline v0
