// tests/queue/mutants/stress.hpp: what the stress programs for rings with a mistake have in common.
#pragma once

#include <foxtrot/core/cpu.hpp>
#include <foxtrot/queue/line.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <thread>

namespace stress {

/// An item that fills its line and shows when part of it is of another item.
struct item {
  std::uint64_t words[7];

  static item of(std::uint64_t number) {
    item made{};
    for (std::uint64_t i = 0; i < 7; ++i) made.words[i] = number + i * 0x9e3779b97f4a7c15;
    return made;
  }
  [[nodiscard]] std::uint64_t number() const { return words[0]; }
  [[nodiscard]] bool whole() const {
    for (std::uint64_t i = 1; i < 7; ++i) {
      if (words[i] != words[0] + i * 0x9e3779b97f4a7c15) return false;
    }
    return true;
  }
};

inline foxtrot::line_tag tag_for(std::uint64_t number) {
  return {static_cast<std::uint32_t>(number * 31 + 1) & 0xffffff};
}

/// Lets the other side run where both share a core.
inline void pause(unsigned& turns) {
  if (++turns % 64 == 0) std::this_thread::yield();
  foxtrot::cpu_relax();
}

/// Says what is wrong and ends the program, from any thread.
[[noreturn]] inline void fault(const char* what, std::uint64_t where) {
  std::fprintf(stderr, "fault: %s at %llu\n", what, static_cast<unsigned long long>(where));
  std::_Exit(1);
}

/// Calls `round(capacity, seed)` for small rings, again and again for as many seconds as the program's argument says.
template <class Round>
int run(int count, char** arguments, Round round) {
  const std::chrono::duration<double> limit{count > 1 ? std::atof(arguments[1]) : 1.0};
  const auto begin = std::chrono::steady_clock::now();
  for (unsigned seed = 0; std::chrono::steady_clock::now() - begin < limit; ++seed) {
    for (const std::size_t capacity : {2U, 8U, 64U}) round(capacity, seed);
  }
  return 0;
}

}  // namespace stress
