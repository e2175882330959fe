// foxtrot/exchange/binance/detail/isa.hpp: which vector instructions there are, looked up once.
#pragma once

#include <cstdint>

namespace foxtrot::inline v0::binance::detail {

/// A form of the parser, by what it asks of the processor; each includes those before it.
enum class isa : std::uint8_t { portable, sse41, avx2 };

/// The last form that this machine can run. Any thread.
[[nodiscard]] inline isa best_isa() noexcept {
#if defined(__x86_64__)
  static const isa best = [] {
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx2")) return isa::avx2;
    return __builtin_cpu_supports("sse4.1") ? isa::sse41 : isa::portable;
  }();
  return best;
#else
  return isa::portable;
#endif
}

}  // namespace foxtrot::inline v0::binance::detail
