// foxtrot/thread/signal_guard.hpp: SIGINT and SIGTERM as a stop token.
#pragma once

#include <foxtrot/core/live_object.hpp>
#include <foxtrot/thread/detail/blocked_signals.hpp>
#include <foxtrot/thread/detail/descriptor.hpp>
#include <foxtrot/thread/detail/ignored_sigpipe.hpp>
#include <foxtrot/thread/exit_code.hpp>
#include <foxtrot/thread/worker.hpp>

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <optional>
#include <stop_token>
#include <system_error>
#include <utility>
#include <vector>

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

namespace foxtrot::inline v0 {

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
  explicit signal_guard(signal_guard_settings settings = {})
      : settings_{std::move(settings)},
        mask_{chosen(settings_)},
        signals_{signalfd(-1, &mask_.ours(), SFD_CLOEXEC | SFD_NONBLOCK)},
        end_reading_{eventfd(0, EFD_CLOEXEC)},
        announced_{eventfd(0, EFD_CLOEXEC)} {
    if (signals_.fd < 0 || end_reading_.fd < 0 || announced_.fd < 0)
      throw std::system_error{errno, std::system_category(), "signal_guard"};
    if (settings_.ignore_sigpipe) sigpipe_.emplace();
    reader_.emplace(placement{.name = "signals"}, [this](std::stop_token over) { read(std::move(over)); });
    stopper_.emplace(placement{.name = "signals-stop"}, [this](std::stop_token over) { stop_when_told(over); });
  }
  signal_guard(const signal_guard&) = delete;
  signal_guard& operator=(const signal_guard&) = delete;

  ~signal_guard() {
    // A callback that blocks is waited for, and meanwhile a second signal still ends the process.
    stopper_.reset();
    reader_.reset();
    if (signal() != 0) stop_.request_stop();  // it came just now: whoever has the token may look at it later
  }

  /// Stops when a signal has come, or somebody called request_stop(). Any thread.
  [[nodiscard]] std::stop_token stop_token() const noexcept { return stop_.get_token(); }
  /// The same stop without a signal; callbacks run in the caller. Any thread, but not from a signal handler.
  void request_stop() noexcept { stop_.request_stop(); }
  /// The first signal that came, or 0.
  [[nodiscard]] int signal() const noexcept { return first_.load(std::memory_order_relaxed); }
  /// How many were read. Equal signals that were pending at the same time are one.
  [[nodiscard]] std::uint64_t received() const noexcept { return received_.load(std::memory_order_relaxed); }

  /// Between fork and exec, in the child: gives it the signal mask and SIGPIPE as they were before the guard.
  /// Async-signal-safe.
  void restore_in_child() const noexcept {
    if (sigpipe_) sigpipe_->restore();
    pthread_sigmask(SIG_SETMASK, &mask_.before(), nullptr);
  }

 private:
  [[nodiscard]] static std::vector<int> chosen(const signal_guard_settings& settings) {
    std::vector<int> kept;
    for (const int each : settings.signals) {
      struct sigaction now{};
      if (sigaction(each, nullptr, &now) != 0) throw std::system_error{errno, std::system_category(), "signal_guard"};
      const bool ignored = (now.sa_flags & SA_SIGINFO) == 0 && now.sa_handler == SIG_IGN;
      if (!ignored || !settings.keep_ignored) kept.push_back(each);
    }
    return kept;
  }

  // Does nothing but read: no callback of anybody's holds up the second signal.
  void read(std::stop_token over) {
    const std::stop_callback wake{over, [this]() noexcept { tell(end_reading_); }};
    std::array<pollfd, 2> sources{pollfd{signals_.fd, POLLIN, 0}, pollfd{end_reading_.fd, POLLIN, 0}};
    std::chrono::steady_clock::time_point settled = never;  // when the first has been taken in
    bool announced = false;
    while (!over.stop_requested()) {
      if (::poll(sources.data(), sources.size(), until(settled)) < 0 && errno != EINTR) return;
      signalfd_siginfo info{};
      while (::read(signals_.fd, &info, sizeof(info)) == static_cast<ssize_t>(sizeof(info))) {
        const int number = static_cast<int>(info.ssi_signo);
        received_.fetch_add(1, std::memory_order_relaxed);
        if (announced && settings_.second_exits) ::_exit(to_status(exit_code::signalled, number));
        if (signal() != 0) continue;
        first_.store(number, std::memory_order_relaxed);
        settled = std::chrono::steady_clock::now() + settings_.settle;
      }
      if (std::chrono::steady_clock::now() < settled) continue;
      settled = never;
      announced = true;
      tell(announced_);
    }
  }

  static constexpr auto never = std::chrono::steady_clock::time_point::max();

  // For poll: forever, or as many milliseconds, rounded up.
  [[nodiscard]] static int until(std::chrono::steady_clock::time_point when) {
    if (when == never) return -1;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(when - std::chrono::steady_clock::now());
    return left.count() > 0 ? static_cast<int>(left.count()) : 0;
  }

  void stop_when_told(const std::stop_token& over) {
    const std::stop_callback wake{over, [this]() noexcept { tell(announced_); }};
    while (!over.stop_requested()) {
      eventfd_t count = 0;
      if (eventfd_read(announced_.fd, &count) == 0 && signal() != 0) stop_.request_stop();
    }
  }

  static void tell(const detail::descriptor& event) noexcept {
    [[maybe_unused]] const int done = eventfd_write(event.fd, 1);
  }

  const signal_guard_settings settings_;
  const detail::blocked_signals mask_;  // made before the threads that inherit it, restored after their end
  const detail::descriptor signals_;
  const detail::descriptor end_reading_;
  const detail::descriptor announced_;
  std::optional<detail::ignored_sigpipe> sigpipe_;
  std::stop_source stop_;
  std::atomic<int> first_{0};               // relaxed: stands alone
  std::atomic<std::uint64_t> received_{0};  // relaxed: stands alone
  std::optional<worker> reader_;
  std::optional<worker> stopper_;
};

}  // namespace foxtrot::inline v0
