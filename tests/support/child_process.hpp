// tests/support/child_process.hpp: part of a test in a process of its own, to see what ends it and how.
#pragma once

#include <support/sanitizer.hpp>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <ctime>
#include <stdexcept>

#include <poll.h>
#include <pthread.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

namespace foxtrot_test {

/// The child's end: a byte each way at a time.
class child_line {
 public:
  child_line(int in, int out) noexcept : in_{in}, out_{out} {}

  void say(char word) const noexcept {
    if (::write(out_, &word, 1) != 1) ::_exit(99);
  }
  /// Waits for the parent's next byte; ends the child where the parent has gone.
  [[nodiscard]] char hear() const noexcept {
    char word = 0;
    ssize_t got = 0;
    do got = ::read(in_, &word, 1);
    while (got < 0 && errno == EINTR);
    if (got != 1) ::_exit(98);
    return word;
  }

 private:
  int in_;
  int out_;
};

/// Forks; the child runs `body(const child_line&)` and exits with what it returns, without the parent's destructors or
/// atexit handlers. Make it before the test has other threads. The child is killed, at the latest, on destruction.
class child_process {
 public:
  template <class Body>
  explicit child_process(Body body) {
    int down[2];
    int up[2];
    if (::pipe(down) != 0 || ::pipe(up) != 0) throw std::runtime_error{"pipe"};
    pid_ = ::fork();
    if (pid_ < 0) throw std::runtime_error{"fork"};
    if (pid_ == 0) {
      ::close(down[1]);
      ::close(up[0]);
      // the test framework's handlers are none of the child's
      for (const int each : {SIGINT, SIGTERM, SIGABRT, SIGSEGV}) std::signal(each, SIG_DFL);
      int code = 97;
      try {
        code = body(child_line{down[0], up[1]});
      } catch (...) {
      }
      ::_exit(code);
    }
    ::close(down[0]);
    ::close(up[1]);
    in_ = up[0];
    out_ = down[1];
  }
  child_process(const child_process&) = delete;
  child_process& operator=(const child_process&) = delete;
  ~child_process() {
    ::close(in_);
    ::close(out_);
    if (!over_) {
      ::kill(pid_, SIGKILL);
      (void)wait();
    }
  }

  /// The child's next byte; 0 where it ends or says nothing within a bound that only a hang exceeds.
  [[nodiscard]] char hear() const {
    pollfd ready{in_, POLLIN, 0};
    const auto patience = bound(std::chrono::milliseconds{10'000});
    char word = 0;
    if (::poll(&ready, 1, static_cast<int>(patience.count())) != 1 || ::read(in_, &word, 1) != 1) return 0;
    return word;
  }
  /// False where the child has gone.
  bool say(char word) const {
    sigset_t pipe;
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    sigset_t before;
    pthread_sigmask(SIG_BLOCK, &pipe, &before);
    const bool said = ::write(out_, &word, 1) == 1;
    const timespec none{};
    if (!said) ::sigtimedwait(&pipe, nullptr, &none);
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    return said;
  }
  void signal(int number) const { ::kill(pid_, number); }

  /// Waits for its end: its exit code, or minus the signal that killed it. One that hangs is killed.
  [[nodiscard]] int end() {
    while (hear() != 0) {
    }
    pollfd gone{in_, 0, 0};  // its end of the pipe closes when it ends
    if (::poll(&gone, 1, 0) != 1) ::kill(pid_, SIGKILL);
    return wait();
  }

 private:
  int wait() {
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    over_ = true;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }

  pid_t pid_{-1};
  int in_{-1};
  int out_{-1};
  bool over_{false};
};

}  // namespace foxtrot_test
