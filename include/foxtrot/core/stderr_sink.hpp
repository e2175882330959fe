// foxtrot/core/stderr_sink.hpp: a sink for diagnostics that writes lines to the standard error.
#pragma once

#include <foxtrot/core/diagnostics.hpp>

#include <string>

#include <unistd.h>

namespace foxtrot::inline v0 {

/// Writes each remark from `least` on as one line, with one system call and without stdio's lock: nobody who is stuck
/// holds it up. Nothing of foxtrot uses it unless told to: `diagnostics{stderr_sink()}`.
[[nodiscard]] inline diagnostics::sink stderr_sink(severity least = severity::warning) {
  return [least](const diagnostic& remark) {
    if (remark.level < least) return;
    std::string line{to_string(remark.level)};
    line.append(" ").append(remark.component).append(": ").append(remark.message);
    if (remark.error) line.append(": ").append(remark.error.message());
    line += '\n';
    [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, line.data(), line.size());
  };
}

}  // namespace foxtrot::inline v0
