// foxtrot/thread/signal_guard.hpp: SIGINT and SIGTERM as a stop token.
#pragma once

#include <foxtrot/thread/worker.hpp>

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <optional>
#include <stop_token>
#include <system_error>
#include <utility>

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

namespace foxtrot::inline v0 {

/// While one lives, SIGINT and SIGTERM do not kill: the first requests a stop on stop_token(), the second ends the
/// process at once with status 128 + its number. No signal handler is installed: the signals are blocked and read by
/// one thread, so what runs on a stop may use locks, memory and streams.
///
/// Make it first thing in main: threads inherit the blocked signals when they start, and a thread that already ran
/// would still be killed by them. Programs started with exec inherit them too, and should unblock them. Destruction
/// restores the signal mask of the thread that made the guard; that thread must also destroy it. One at a time in a
/// process.
class signal_guard {
 public:
  /// Throws std::system_error where the process is out of descriptors or threads.
  signal_guard()
      : signals_{signalfd(-1, &mask_.ours, SFD_CLOEXEC | SFD_NONBLOCK)}, wake_{eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)} {
    if (signals_.fd < 0 || wake_.fd < 0) throw std::system_error{errno, std::system_category(), "signal_guard"};
    reader_.emplace(placement{.name = "signals"}, [this](std::stop_token over) { read(std::move(over)); });
  }
  signal_guard(const signal_guard&) = delete;
  signal_guard& operator=(const signal_guard&) = delete;

  ~signal_guard() = default;

  /// Stops when a signal has come, or somebody called request_stop(). Any thread.
  [[nodiscard]] std::stop_token stop_token() const noexcept { return stop_.get_token(); }
  /// The same stop without a signal. Any thread, but not from a signal handler.
  void request_stop() noexcept { stop_.request_stop(); }
  /// The first signal that came, or 0.
  [[nodiscard]] int signal() const noexcept { return first_.load(std::memory_order_relaxed); }

 private:
  struct blocked_signals {  // until its end, also where the constructor above throws
    sigset_t ours{};
    sigset_t before{};
    blocked_signals() noexcept {
      sigemptyset(&ours);
      sigaddset(&ours, SIGINT);
      sigaddset(&ours, SIGTERM);
      pthread_sigmask(SIG_BLOCK, &ours, &before);
    }
    blocked_signals(const blocked_signals&) = delete;
    blocked_signals& operator=(const blocked_signals&) = delete;
    ~blocked_signals() { pthread_sigmask(SIG_SETMASK, &before, nullptr); }
  };
  struct descriptor {
    int fd;
    explicit descriptor(int opened) noexcept : fd{opened} {}
    descriptor(const descriptor&) = delete;
    descriptor& operator=(const descriptor&) = delete;
    ~descriptor() {
      if (fd >= 0) ::close(fd);
    }
  };

  void read(std::stop_token over) {
    const std::stop_callback wake{over,
                                  [this]() noexcept { [[maybe_unused]] const int done = eventfd_write(wake_.fd, 1); }};
    std::array<pollfd, 2> sources{pollfd{signals_.fd, POLLIN, 0}, pollfd{wake_.fd, POLLIN, 0}};
    while (!over.stop_requested()) {
      if (::poll(sources.data(), sources.size(), -1) < 0 && errno != EINTR) return;
      signalfd_siginfo info{};
      while (::read(signals_.fd, &info, sizeof(info)) == static_cast<ssize_t>(sizeof(info))) {
        const int number = static_cast<int>(info.ssi_signo);
        int none = 0;
        if (!first_.compare_exchange_strong(none, number, std::memory_order_relaxed)) ::_exit(128 + number);
        stop_.request_stop();  // may run callbacks: this is an ordinary thread
      }
    }
  }

  blocked_signals mask_;  // first: made before the thread that inherits it, restored after its end
  descriptor signals_;
  descriptor wake_;
  std::stop_source stop_;
  std::atomic<int> first_{0};  // relaxed: stands alone
  std::optional<worker> reader_;
};

}  // namespace foxtrot::inline v0
