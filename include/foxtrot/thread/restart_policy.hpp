// foxtrot/thread/restart_policy.hpp: who is started again after a crash, how soon, and when to give up.
#pragma once

#include <foxtrot/core/clock.hpp>
#include <foxtrot/core/separate_compilation.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace foxtrot::inline v0 {

/// Which children of a supervisor a crash concerns; the names are those of Erlang/OTP's supervisors.
enum class restart_strategy : std::uint8_t {
  one_for_one,   ///< the crashed one alone
  one_for_all,   ///< all: they cannot work without each other
  rest_for_one,  ///< the crashed one and those that were added after it, which build on it
};

[[nodiscard]] constexpr std::string_view to_string(restart_strategy strategy) noexcept {
  switch (strategy) {
    case restart_strategy::one_for_one: return "one_for_one";
    case restart_strategy::one_for_all: return "one_for_all";
    case restart_strategy::rest_for_one: return "rest_for_one";
  }
  return "?";
}

struct restart_policy {
  restart_strategy strategy{restart_strategy::one_for_one};
  std::size_t most_restarts{5};  ///< within `within`; one crash more and the supervisor gives up
  std::chrono::milliseconds within{10'000};
  std::chrono::milliseconds first_delay{0};  ///< before the first restart of a series
  std::chrono::milliseconds delay_step{10};  ///< before the second; doubled for each one more
  std::chrono::milliseconds longest_delay{1'000};
};

/// Counts the restarts of one supervisor. One thread.
class restart_budget {
 public:
  explicit restart_budget(const restart_policy& policy);

  /// Whether there may be another restart now; counts it if so.
  [[nodiscard]] bool allow(steady_time now);
  /// How long to wait before the restart that was allowed last.
  [[nodiscard]] std::chrono::milliseconds delay() const noexcept;

 private:
  const restart_policy policy_;
  std::vector<steady_time> made_;  // restarts that still count
};

}  // namespace foxtrot::inline v0

#ifdef FOXTROT_DEFINITIONS
#include <foxtrot/thread/impl/restart_policy.hpp>
#endif
