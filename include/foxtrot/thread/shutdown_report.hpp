// foxtrot/thread/shutdown_report.hpp: what a shutdown did: who took how long, and what it took to stop it.
#pragma once

#include <foxtrot/core/separate_compilation.hpp>
#include <foxtrot/thread/exit_code.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace foxtrot::inline v0 {

/// How far a shutdown has come.
enum class shutdown_phase : std::uint8_t {
  none,       ///< nobody has asked for one
  graceful,   ///< components are being stopped, the latest first
  force,      ///< those that did not stop have their sockets and timers cancelled
  emergency,  ///< those that still did not are being named
  over,
};

[[nodiscard]] constexpr std::string_view to_string(shutdown_phase phase) noexcept {
  constexpr std::string_view names[] = {"none", "graceful", "force", "emergency", "over"};
  return names[static_cast<std::size_t>(phase)];
}

/// One component's end.
struct component_report {
  std::string name{};
  shutdown_phase phase{shutdown_phase::none};  ///< in which it stopped, or was last seen; none: not asked yet
  bool stopped{false};
  std::chrono::nanoseconds took{0};  ///< from being asked to its end, or until now
  std::string said{};                ///< what its stop or force threw
  std::string who{};                 ///< the thread or task that would not stop, as far as it told

  [[nodiscard]] bool clean() const { return stopped && phase == shutdown_phase::graceful && said.empty(); }
};

/// A shutdown so far; final once its phase is `over`.
struct shutdown_report {
  std::string reason{};  ///< why it was begun: the first caller's words
  shutdown_phase phase{shutdown_phase::none};
  std::chrono::nanoseconds took{0};
  std::vector<component_report> components{};  ///< in the order in which they were stopped

  [[nodiscard]] exit_code code() const;

  /// A line for the whole and one for each component, for a person.
  [[nodiscard]] std::string text() const;
};

}  // namespace foxtrot::inline v0

#ifdef FOXTROT_DEFINITIONS
#include <foxtrot/thread/impl/shutdown_report.hpp>
#endif
