// foxtrot/sim/random.hpp: reproducible random numbers, the same on every platform and compiler.
#pragma once

#include <bit>
#include <cstdint>

namespace foxtrot::inline v0 {

/// SplitMix64: small, fast, good enough for simulated markets; the standard distributions are avoided because they
/// differ between libraries. Integers only. Not thread-safe.
class sim_random {
 public:
  explicit constexpr sim_random(std::uint64_t seed) noexcept : state_{seed} {}

  [[nodiscard]] constexpr std::uint64_t next() noexcept {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15U);
    z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27U)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31U);
  }

  /// Uniform in [0, bound); `bound` is at least 1 and under 2^32, where the bias of one multiplication is invisible.
  [[nodiscard]] constexpr std::uint64_t below(std::uint64_t bound) noexcept { return ((next() >> 32U) * bound) >> 32U; }

  /// Uniform in [low, high].
  [[nodiscard]] constexpr std::int64_t between(std::int64_t low, std::int64_t high) noexcept {
    return low + static_cast<std::int64_t>(below(static_cast<std::uint64_t>(high - low) + 1));
  }

  /// True in `share` of 1000 cases.
  [[nodiscard]] constexpr bool per_mille(std::uint64_t share) noexcept { return below(1000) < share; }

  /// Exponentially distributed with this mean (within 10 % at every quantile): -log2 of a uniform number, read off its
  /// leading zeros and interpolated between them.
  [[nodiscard]] constexpr std::int64_t exponential(std::int64_t mean) noexcept {
    const std::uint64_t bits = next() | 1U;
    const auto zeros = static_cast<unsigned>(std::countl_zero(bits));
    // 16 bits after the leading one: how far between this power of two and the next
    const auto fraction = static_cast<std::int64_t>(((bits << zeros) << 1U) >> 48U);
    const std::int64_t octaves = (static_cast<std::int64_t>(zeros + 1) << 16U) - fraction;  // mean 1.5
    return (mean * (octaves >> 6U) / 3) >> 9U;
  }

 private:
  std::uint64_t state_;
};

}  // namespace foxtrot::inline v0
