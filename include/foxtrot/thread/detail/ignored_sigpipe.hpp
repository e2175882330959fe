// foxtrot/thread/detail/ignored_sigpipe.hpp: a broken pipe as an error code instead of a signal, for a while.
#pragma once

#include <csignal>

namespace foxtrot::inline v0::detail {

/// In the whole process. What was there comes back in the end, unless somebody else has changed it meanwhile.
class ignored_sigpipe {
 public:
  ignored_sigpipe() noexcept {
    struct sigaction ignore{};
    ignore.sa_handler = SIG_IGN;
    sigaction(SIGPIPE, &ignore, &before_);
  }
  ignored_sigpipe(const ignored_sigpipe&) = delete;
  ignored_sigpipe& operator=(const ignored_sigpipe&) = delete;
  ~ignored_sigpipe() {
    struct sigaction now {};
    sigaction(SIGPIPE, nullptr, &now);
    if ((now.sa_flags & SA_SIGINFO) == 0 && now.sa_handler == SIG_IGN) restore();
  }

  /// Async-signal-safe.
  void restore() const noexcept { sigaction(SIGPIPE, &before_, nullptr); }

 private:
  struct sigaction before_{};
};

}  // namespace foxtrot::inline v0::detail
