// tests/support/open_files.hpp: how many files this process has open, to see that none is left behind.
#pragma once

#include <cstddef>
#include <filesystem>
#include <iterator>

namespace foxtrot_test {

inline std::size_t open_files() {
  const std::filesystem::directory_iterator all{"/proc/self/fd"};
  return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

}  // namespace foxtrot_test
