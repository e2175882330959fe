// foxtrot/thread/detail/live_threads.hpp: the names of a process's threads, for the last words of one that is stuck.
#pragma once

#include <fstream>
#include <memory>
#include <string>

#include <dirent.h>

namespace foxtrot::inline v0::detail {

/// "net 4711, strategy 4712": every thread's name and kernel number. Empty where /proc cannot be read.
[[nodiscard]] inline std::string live_threads() {
  struct closer {
    void operator()(DIR* open) const noexcept { ::closedir(open); }
  };
  const std::string tasks = "/proc/self/task/";
  std::string names;
  const std::unique_ptr<DIR, closer> all{::opendir(tasks.c_str())};
  while (const dirent* each = all != nullptr ? ::readdir(all.get()) : nullptr) {
    const std::string number{static_cast<const char*>(each->d_name)};
    if (number.starts_with('.')) continue;
    std::ifstream file{tasks + number + "/comm"};
    std::string name;
    if (!std::getline(file, name)) continue;  // it has just ended
    if (!names.empty()) names += ", ";
    names += name + " " + number;
  }
  return names;
}

}  // namespace foxtrot::inline v0::detail
