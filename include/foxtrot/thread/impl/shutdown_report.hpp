// foxtrot/thread/impl/shutdown_report.hpp: what shutdown_report.hpp declares.
#pragma once

#include <foxtrot/thread/exit_code.hpp>
#include <foxtrot/thread/shutdown_report.hpp>

#include <algorithm>
#include <chrono>
#include <string>

namespace foxtrot::inline v0 {

FOXTROT_DECL exit_code shutdown_report::code() const {
  const auto all = [this](auto test) { return std::all_of(components.begin(), components.end(), test); };
  if (!all([](const component_report& each) { return each.stopped; })) return exit_code::stuck;
  return all([](const component_report& each) { return each.clean(); }) ? exit_code::clean : exit_code::unclean;
}

FOXTROT_DECL std::string shutdown_report::text() const {
  const auto milliseconds = [](std::chrono::nanoseconds time) {
    return std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(time).count()) + " ms";
  };
  std::string made = "shutdown";
  if (!reason.empty()) made += " (" + reason + ")";
  made += ": " + std::string{to_string(phase)} + ", " + milliseconds(took) + "\n";
  for (const component_report& each : components) {
    made += "  " + each.name + ": ";
    made += each.stopped ? "stopped, " + std::string{to_string(each.phase)} : "does not stop";
    made += ", " + milliseconds(each.took);
    if (!each.said.empty()) made += ", threw: " + each.said;
    if (!each.who.empty()) made += ", " + each.who;
    made += "\n";
  }
  return made;
}

}  // namespace foxtrot::inline v0
