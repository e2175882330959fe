// foxtrot/thread/detail/shutdown_component.hpp: what a shutdown knows of one component.
#pragma once

#include <foxtrot/core/clock.hpp>
#include <foxtrot/thread/component_actions.hpp>
#include <foxtrot/thread/shutdown_report.hpp>

#include <cstdint>
#include <string>
#include <utility>

#include <sys/types.h>

namespace foxtrot::inline v0::detail {

/// Under the sequence's mutex, all of it.
struct shutdown_component {
  enum class call : std::uint8_t { none, running, done, threw };

  shutdown_component(std::string named, component_actions stopped_by)
      : name{std::move(named)}, actions{std::move(stopped_by)} {}

  std::string name;
  component_actions actions;
  bool internal{false};  // told of only where it went wrong
  bool removed{false};   // nothing of it is called any more
  call stop{call::none};
  call force{call::none};
  int calls{0};     // of its actions, now
  pid_t thread{0};  // that called stop or force last
  steady_time began{};
  steady_time ended{};
  component_report told{};

  [[nodiscard]] bool to_stop() const { return !removed && stop == call::none && actions.stop; }
  [[nodiscard]] bool to_force() const { return !settled() && !removed && force == call::none && actions.force; }
  [[nodiscard]] bool settled() const {
    if (stop == call::running || force == call::running) return false;
    if (removed || stop == call::done) return true;
    if (actions.force) return force != call::none;
    return stop == call::threw || !actions.stop;
  }
  // All that can be had without force.
  [[nodiscard]] bool stopped_or_past_help() const { return stop != call::running && !to_stop(); }

  void begin(call& which, shutdown_phase phase, steady_time now) {
    which = call::running;
    ++calls;
    if (told.phase == shutdown_phase::none) began = now;
    told.phase = phase;
  }
  void end(call& which, std::string said, steady_time now) {
    which = said.empty() ? call::done : call::threw;
    --calls;
    ended = now;
    if (!said.empty()) told.said += (told.said.empty() ? "" : "; ") + said;
  }
  [[nodiscard]] component_report report(steady_time now) const {
    component_report made = told;
    made.name = name;
    made.stopped = settled();
    if (made.phase != shutdown_phase::none) made.took = (settled() ? ended : now) - began;
    return made;
  }
};

}  // namespace foxtrot::inline v0::detail
