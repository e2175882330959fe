// foxtrot/core/diagnostics.hpp: where the library says what it notices; it never prints by itself.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>
#include <system_error>
#include <utility>

namespace foxtrot::inline v0 {

enum class severity : std::uint8_t { debug, info, warning, error, critical };

[[nodiscard]] constexpr std::string_view to_string(severity level) noexcept {
  constexpr std::string_view names[] = {"debug", "info", "warning", "error", "critical"};
  return names[static_cast<std::size_t>(level)];
}

/// One remark. The views live only during the call to the sink.
struct diagnostic {
  severity level{severity::info};
  std::string_view component;  ///< which part speaks: "websocket_manager", "worker"
  std::string_view message;
  std::error_code error;  ///< zero where nothing failed
};

/// A sink that the user injects, shared by everything that a component makes. Called from any of foxtrot's threads,
/// never per message: it must be thread-safe. What it throws goes no further. Without a sink remarks go nowhere.
class diagnostics {
 public:
  using sink = std::function<void(const diagnostic&)>;

  diagnostics() = default;
  explicit diagnostics(sink target) : sink_{std::move(target)} {}

  void report(severity level, std::string_view component, std::string_view message,
              std::error_code error = {}) const noexcept {
    if (!sink_) return;
#if defined(__cpp_exceptions)
    try {
      sink_(diagnostic{level, component, message, error});
    } catch (...) {  // a sink's mistake must not end what it was told about
    }
#else
    sink_(diagnostic{level, component, message, error});
#endif
  }
  [[nodiscard]] explicit operator bool() const noexcept { return static_cast<bool>(sink_); }

 private:
  sink sink_;
};

}  // namespace foxtrot::inline v0
