// tests/support/fake_clocks.hpp: the clocks of latency stamps, moved by the test.
#pragma once

#include <foxtrot/core/detail/stamp_clocks.hpp>

#include <cstdint>
#include <utility>

namespace foxtrot_test {

/// Of the process, because clocks are functions: one test, one thread at a time. Made anew they begin at one moment.
struct fake_clocks {
  static inline std::int64_t epoch = 0;
  static inline std::int64_t ahead = 0;  // the wall clock's lead
  static inline std::int64_t step = 0;   // what a look at the epoch clock takes
  static inline int looks = 0;           // at the epoch clock

  fake_clocks() noexcept {
    epoch = 1'700'000'000'000'000'000;
    ahead = 5'000'000'000;
    step = 0;
    looks = 0;
  }
  [[nodiscard]] static std::int64_t wall() noexcept { return epoch + ahead; }
  [[nodiscard]] static foxtrot::detail::stamp_clocks as_stamp_clocks() noexcept {
    return {.epoch_ns =
                []() noexcept {
                  ++looks;
                  return std::exchange(epoch, epoch + step);
                },
            .wall_ns = &wall};
  }
};

}  // namespace foxtrot_test
