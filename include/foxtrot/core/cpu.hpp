// foxtrot/core/cpu.hpp: the few facts about the machine that data layout and spinning depend on.
#pragma once

#include <cstddef>

namespace foxtrot::inline v0 {

/// Bytes that travel together between cores on x86-64 and most aarch64 parts. A constant, not
/// std::hardware_destructive_interference_size, whose value may differ between translation units.
inline constexpr std::size_t cache_line = 64;

/// Tells the core that this is a spin loop: lets the sibling thread run and the loop exit without a pipeline flush.
inline void cpu_relax() noexcept {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("isb" ::: "memory");
#endif
}

}  // namespace foxtrot::inline v0
