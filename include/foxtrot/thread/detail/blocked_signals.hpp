// foxtrot/thread/detail/blocked_signals.hpp: signals that the calling thread does not get for a while.
#pragma once

#include <csignal>
#include <span>

#include <pthread.h>

namespace foxtrot::inline v0::detail {

/// Until its end, on the thread that made it and on those that this one starts meanwhile, which keep it.
class blocked_signals {
 public:
  /// All that the process as a whole can get; not those of a thread's own mistakes.
  blocked_signals() noexcept {
    sigfillset(&ours_);
    for (const int each : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT}) sigdelset(&ours_, each);
    pthread_sigmask(SIG_BLOCK, &ours_, &before_);
  }
  explicit blocked_signals(std::span<const int> numbers) noexcept {
    sigemptyset(&ours_);
    for (const int each : numbers) sigaddset(&ours_, each);
    pthread_sigmask(SIG_BLOCK, &ours_, &before_);
  }
  blocked_signals(const blocked_signals&) = delete;
  blocked_signals& operator=(const blocked_signals&) = delete;
  ~blocked_signals() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

  [[nodiscard]] const sigset_t& ours() const noexcept { return ours_; }
  [[nodiscard]] const sigset_t& before() const noexcept { return before_; }

 private:
  sigset_t ours_{};
  sigset_t before_{};
};

}  // namespace foxtrot::inline v0::detail
