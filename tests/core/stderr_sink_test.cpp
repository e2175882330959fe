#include <foxtrot/core/stderr_sink.hpp>

#include <foxtrot/core/error.hpp>

#include <catch2/catch.hpp>

#include <array>
#include <cstddef>
#include <stdexcept>
#include <string>

#include <unistd.h>

using namespace foxtrot;

namespace {

/// What `action` writes to the standard error.
template <class Action>
std::string written(Action action) {
  std::array<int, 2> ends{};
  if (::pipe(ends.data()) != 0) throw std::runtime_error{"pipe"};
  const int before = ::dup(STDERR_FILENO);
  ::dup2(ends[1], STDERR_FILENO);
  action();
  ::dup2(before, STDERR_FILENO);
  ::close(before);
  ::close(ends[1]);
  std::string text(1000, '\0');
  const ssize_t got = ::read(ends[0], text.data(), text.size());
  ::close(ends[0]);
  text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  return text;
}

}  // namespace

TEST_CASE("stderr_sink: a line for each remark that is bad enough", "[core]") {
  CHECK(written([] {
          const diagnostics log{stderr_sink()};
          log.report(severity::info, "part", "not this");
          log.report(severity::warning, "part", "this");
          log.report(severity::critical, "part", "and this", errc::closed);
        }) == "warning part: this\ncritical part: and this: already closed\n");
  CHECK(written([] { diagnostics{stderr_sink(severity::debug)}.report(severity::debug, "part", "all"); }) ==
        "debug part: all\n");
}
