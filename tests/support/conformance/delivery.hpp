// tests/support/conformance/delivery.hpp: the ways in which a script's bytes are cut into pieces.
#pragma once

#include <support/conformance/script.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace foxtrot_test {

enum class delivery : std::uint8_t { whole, octets, odd };

[[nodiscard]] inline const char* to_string(delivery way) {
  return way == delivery::whole ? "all at once" : way == delivery::octets ? "octet by octet" : "in odd pieces";
}

/// Sizes of pieces, one after the other; the same in every run.
class piece_sizes {
 public:
  piece_sizes(delivery way, std::size_t total) : way_{way}, most_{total < 30'000 ? 11U : 4'999U} {}

  [[nodiscard]] std::size_t next() {
    if (way_ == delivery::whole) return SIZE_MAX;
    if (way_ == delivery::octets) return 1;
    state_ = state_ * 1664525U + 1013904223U;
    return 1 + (state_ >> 8U) % most_;
  }

 private:
  delivery way_;
  std::size_t most_;
  std::uint32_t state_{7};
};

/// A case and how it is delivered.
struct conformance_run {
  const conformance_case* which;
  delivery way;

  [[nodiscard]] std::string name() const { return which->id + " (" + which->what + "), " + to_string(way); }
};

/// Every case in every way that makes sense for its size.
[[nodiscard]] inline std::vector<conformance_run> conformance_runs(const std::vector<conformance_case>& cases) {
  std::vector<conformance_run> runs;
  for (const conformance_case& each : cases) {
    runs.push_back({&each, delivery::whole});
    runs.push_back({&each, delivery::odd});
    if (!each.large) runs.push_back({&each, delivery::octets});
  }
  return runs;
}

}  // namespace foxtrot_test
