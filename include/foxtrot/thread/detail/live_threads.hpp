// foxtrot/thread/detail/live_threads.hpp: the names of a process's threads, for the last words of one that is stuck.
#pragma once

#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>

namespace foxtrot::inline v0::detail {

/// "net 4711, strategy 4712": every thread's name and kernel number. Empty where /proc cannot be read.
[[nodiscard]] inline std::string live_threads() {
  std::string names;
  std::error_code error;
  for (std::filesystem::directory_iterator at{"/proc/self/task", error}, end; !error && at != end;
       at.increment(error)) {
    std::ifstream file{at->path() / "comm"};
    std::string name;
    if (!std::getline(file, name)) continue;  // it has just ended
    if (!names.empty()) names += ", ";
    names += name + " " + at->path().filename().string();
  }
  return names;
}

}  // namespace foxtrot::inline v0::detail
