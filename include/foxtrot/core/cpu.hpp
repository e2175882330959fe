// foxtrot/core/cpu.hpp: the few facts about the machine that data layout and spinning depend on.
#pragma once

#include <cstddef>

namespace foxtrot::inline v0 {

/// Bytes that travel together between cores on x86-64 and most aarch64 parts. A constant, not
/// std::hardware_destructive_interference_size, whose value may differ between translation units.
inline constexpr std::size_t cache_line = 64;

// FOXTROT_NO_CPU_HINTS leaves the hints out, for tools that read the program instead of running it: model checkers.

/// Tells the core that this is a spin loop: lets the sibling thread run and the loop exit without a pipeline flush.
inline void cpu_relax() noexcept {
#if defined(FOXTROT_NO_CPU_HINTS)
#elif defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("isb" ::: "memory");
#endif
}

/// Asks for the cache line at `address` to be brought here for writing, which takes it from the core that has it.
/// Never faults, changes nothing that a program can see.
inline void prefetch_for_write(const void* address) noexcept {
#if defined(FOXTROT_NO_CPU_HINTS)
  static_cast<void>(address);
#elif defined(__x86_64__)
  // not __builtin_prefetch: for the oldest x86-64 that makes a read of it
  asm volatile("prefetchw %0" ::"m"(*static_cast<const char*>(address)));
#else
  __builtin_prefetch(address, 1);
#endif
}

/// Keeps the core from running ahead of here on a guess: loads that follow wait for those before.
inline void stop_speculation() noexcept {
#if defined(__x86_64__) && !defined(FOXTROT_NO_CPU_HINTS)
  __builtin_ia32_lfence();
#endif
}

}  // namespace foxtrot::inline v0
