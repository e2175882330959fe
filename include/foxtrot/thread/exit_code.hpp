// foxtrot/thread/exit_code.hpp: how a program that foxtrot ends, or helps to end, says why.
#pragma once

namespace foxtrot::inline v0 {

/// The exit status of a program that ends through shutdown_coordinator or signal_guard.
enum class exit_code : int {
  clean = 0,        ///< everything stopped when it was asked to
  stuck = 1,        ///< something had not stopped at the deadline: it was named, and the process ended over its head
  unclean = 3,      ///< everything stopped, but something had to be forced, or its stop threw
  uncaught = 4,     ///< std::terminate: an exception that nobody caught; everything else was stopped first
  signalled = 128,  ///< plus the number of the second signal, which ends the process at once
};

[[nodiscard]] constexpr int to_status(exit_code code, int signal = 0) noexcept {
  return static_cast<int>(code) + signal;
}

}  // namespace foxtrot::inline v0
