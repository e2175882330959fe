// tests/support/captures.hpp: where recorded market data lies, if it is there at all.
#pragma once

#include <support/skip.hpp>

#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>
#include <system_error>

namespace foxtrot_test {

/// The folder of captures that the environment names in FOXTROT_CAPTURES. Nothing where there is none: the case is then
/// marked as skipped, and returns.
inline std::optional<std::filesystem::path> captures() {
  const char* const folder = std::getenv("FOXTROT_CAPTURES");
  std::error_code ignored;
  if (folder != nullptr && std::filesystem::is_directory(folder, ignored)) return std::filesystem::path{folder};
  skip("FOXTROT_CAPTURES names no folder of captures");
  return std::nullopt;
}

/// Path of one capture in that folder, such as "spot/file.gz". Nothing where it is absent: skipped likewise.
inline std::optional<std::string> capture_path(const std::string& name) {
  const std::optional<std::filesystem::path> folder = captures();
  if (!folder) return std::nullopt;
  std::error_code ignored;
  if (std::filesystem::is_regular_file(*folder / name, ignored)) return (*folder / name).string();
  skip("no capture " + name);
  return std::nullopt;
}

}  // namespace foxtrot_test
