// tests/support/sweep.hpp: what sweeps share: the faults to try at every step, and running a loop handler by handler.
#pragma once

#include <foxtrot/core/error.hpp>

#include <support/loop_fixture.hpp>

#include <array>
#include <cerrno>
#include <limits>
#include <system_error>

namespace foxtrot_test {

/// How a connection breaks: cut under TLS, ended, reset, written to after its end.
inline std::array<std::error_code, 4> stream_faults() {
  return {make_error_code(foxtrot::errc::tls_truncated), make_error_code(foxtrot::errc::closed),
          std::error_code{ECONNRESET, std::system_category()}, std::error_code{EPIPE, std::system_category()}};
}

inline constexpr int no_limit = std::numeric_limits<int>::max();

/// Runs one handler of the loop after the other, at most `most`, until `done()`; whenever nothing is ready `answer()`
/// is what the rest of the world does. Returns how many ran. Ends after so many answers without `done` that it hangs.
template <class Done, class Answer>
int run_handlers(loop_fixture& f, int most, Done done, Answer answer) {
  int ran = 0;
  for (int answers = 0; answers < 200 && !done();) {
    if (ran == most) return ran;
    f.loop.restart();
    if (f.loop.poll_one() != 0) {
      ++ran;
    } else {
      ++answers;
      answer();
    }
  }
  return ran;
}

}  // namespace foxtrot_test
