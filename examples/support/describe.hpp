// examples/support/describe.hpp: a status event in words.
#pragma once

#include <foxtrot/market/status.hpp>

#include <string>

namespace example {

/// "-- gap BTCUSDT 117 to 120", "-- disconnected: connection reset".
[[nodiscard]] inline std::string describe(const foxtrot::status& told) {
  using foxtrot::status_code;
  std::string line = std::string{"-- "} + told.name();
  if (told.symbol()) line += " " + std::string{told.symbol().name()};
  if (const std::string thread = told.thread_name(); !thread.empty()) line += " " + thread;
  if (told.code() == status_code::gap || told.code() == status_code::filled)
    line += " " + std::to_string(told.from()) + " to " + std::to_string(told.to());
  if (told.code() == status_code::dropped) line += " " + std::to_string(told.count());
  if (told.code() == status_code::reconnecting) line += ", attempt " + std::to_string(told.attempt());
  if (told.error()) line += ": " + told.error().message();
  return line;
}

}  // namespace example
