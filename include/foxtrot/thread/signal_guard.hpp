// foxtrot/thread/signal_guard.hpp: SIGINT and SIGTERM as a stop token.
#pragma once

#include <foxtrot/core/detail/owner.hpp>
#include <foxtrot/core/live_object.hpp>
#include <foxtrot/core/separate_compilation.hpp>

#include <chrono>
#include <csignal>
#include <cstdint>
#include <stop_token>
#include <vector>

namespace foxtrot::inline v0 {

namespace detail {
class signal_reader;
}

struct signal_guard_settings {
  /// Those that ask for a stop; SIGHUP and SIGQUIT may be others.
  std::vector<int> signals{SIGINT, SIGTERM};
  /// A signal that was ignored before, as nohup ignores SIGHUP and a shell ignores SIGINT for what it runs in the
  /// background, stays ignored.
  bool keep_ignored{true};
  /// What comes so soon after the first signal is the same request, delivered again: timeout(1) signals its child both
  /// alone and with its group, and a wrapper passes on what the terminal has sent to both. Only then is the stop made
  /// known, so that a signal from anybody who has seen it counts as a second one, however soon it comes.
  std::chrono::milliseconds settle{2};
  /// The second signal ends the process at once. Otherwise it is only counted: for programs whose shutdown has a
  /// deadline and which must survive a storm of signals.
  bool second_exits{true};
  /// Also ignores SIGPIPE. Foxtrot's own sockets do not need it; a program's pipes may.
  bool ignore_sigpipe{false};
};

/// While one lives, SIGINT and SIGTERM do not kill: the first requests a stop on stop_token(), the second ends the
/// process at once with status 128 + its number, whatever the stop's callbacks are doing. No signal handler is
/// installed: the signals are blocked and read by one thread, and the callbacks run on another, so that they may use
/// locks, memory and streams, and may block.
///
/// Make it first thing in main: threads inherit the blocked signals when they start, and a thread that already ran
/// would still be killed by them. A signal that was blocked and pending before counts as the first. std::raise and
/// pthread_kill signal one thread alone, and are not seen: use kill(getpid(), n). Programs started with exec inherit
/// what is blocked and ignored: see restore_in_child. Destruction, on the thread that made it, restores that thread's
/// signal mask and the process's SIGPIPE, and waits for a callback that still runs; a signal that comes then has its
/// old meaning. One at a time in a process.
class signal_guard : private live_object<signal_guard> {
 public:
  /// Throws std::system_error where the process is out of descriptors or threads, or a number is no signal.
  explicit signal_guard(signal_guard_settings settings = {});
  signal_guard(const signal_guard&) = delete;
  signal_guard& operator=(const signal_guard&) = delete;
  ~signal_guard();

  /// Stops when a signal has come, or somebody called request_stop(). Any thread.
  [[nodiscard]] std::stop_token stop_token() const noexcept;
  /// The same stop without a signal; callbacks run in the caller. Any thread, but not from a signal handler.
  void request_stop() noexcept;
  /// The first signal that came, or 0.
  [[nodiscard]] int signal() const noexcept;
  /// How many were read. Equal signals that were pending at the same time are one.
  [[nodiscard]] std::uint64_t received() const noexcept;

  /// Between fork and exec, in the child: gives it the signal mask and SIGPIPE as they were before the guard.
  /// Async-signal-safe.
  void restore_in_child() const noexcept;

 private:
  detail::owner<detail::signal_reader> reader_;
};

}  // namespace foxtrot::inline v0

#ifdef FOXTROT_DEFINITIONS
#include <foxtrot/thread/impl/signal_guard.hpp>
#endif
