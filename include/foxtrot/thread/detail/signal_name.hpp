// foxtrot/thread/detail/signal_name.hpp: what a signal is called.
#pragma once

#include <csignal>
#include <string>

namespace foxtrot::inline v0::detail {

[[nodiscard]] inline std::string signal_name(int number) {
  switch (number) {
    case SIGINT: return "SIGINT";
    case SIGTERM: return "SIGTERM";
    case SIGHUP: return "SIGHUP";
    case SIGQUIT: return "SIGQUIT";
    case SIGUSR1: return "SIGUSR1";
    case SIGUSR2: return "SIGUSR2";
    default: return "signal " + std::to_string(number);
  }
}

}  // namespace foxtrot::inline v0::detail
