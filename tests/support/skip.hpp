// tests/support/skip.hpp: how a test says that it could not run here.
#pragma once

#include <cstdio>
#include <string_view>

namespace foxtrot_test {

/// Set by skip(); the program's main turns a case that passed and skipped into ctest's "skipped".
inline bool skipped = false;

/// Says why this case could not run; return from the case afterwards. A failed case stays failed.
inline void skip(std::string_view reason) {
  skipped = true;
  std::printf("[skipped] %.*s\n", static_cast<int>(reason.size()), reason.data());
}

}  // namespace foxtrot_test
