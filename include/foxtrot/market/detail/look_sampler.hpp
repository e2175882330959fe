// foxtrot/market/detail/look_sampler.hpp: for which ticks the clock is asked.
#pragma once

#include <cstdint>
#include <utility>

namespace foxtrot::inline v0::detail {

/// A look at the clock costs 20 to 30 ns, as much as the rest of a tick's way, and more where nothing is cached. So a
/// tick that is received 1 ms or more after the last look gets one, which is at most 1,000 looks a second; of denser
/// ones a random one in 8 to 23 does, and stands for those since. One thread.
class look_sampler {
 public:
  /// For how many ticks a look now would stand, these included; 0: do not look. Nothing is left over by ticks that
  /// stand for themselves: who is passed over is represented by its like.
  [[nodiscard]] std::uint64_t due(std::int64_t received_ns, std::uint64_t ticks = 1) noexcept {
    if (received_ns - looked_ns_ >= sparse_ns) return ticks;
    passed_over_ += ticks;
    if (passed_over_ < stride_) [[likely]]
      return 0;
    // Knuth's MMIX generator: a fixed stride could beat in time with bursts
    random_ = random_ * 6364136223846793005U + 1442695040888963407U;
    stride_ = shortest_stride + (random_ >> 60U);
    return std::exchange(passed_over_, 0);
  }
  void looked(std::int64_t now_ns) noexcept { looked_ns_ = now_ns; }

 private:
  static constexpr std::int64_t sparse_ns = 1'000'000;
  static constexpr std::uint64_t shortest_stride = 8;

  std::int64_t looked_ns_{0};
  std::uint64_t passed_over_{0};
  std::uint64_t stride_{shortest_stride};
  std::uint64_t random_{1};
};

}  // namespace foxtrot::inline v0::detail
