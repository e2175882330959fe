// tests/support/program.hpp: a program that a test runs, signals, and listens to.
#pragma once

#include <support/sanitizer.hpp>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <poll.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

namespace foxtrot_test {

/// Starts at once; what it writes is collected while the test waits for something. Killed on destruction.
class program {
 public:
  program(const std::string& path, std::vector<std::string> arguments) {
    std::array<int, 2> out{};
    std::array<int, 2> err{};
    if (::pipe2(out.data(), O_CLOEXEC) != 0 || ::pipe2(err.data(), O_CLOEXEC) != 0) throw std::runtime_error{"pipe"};
    arguments.insert(arguments.begin(), path);
    std::vector<char*> argv;
    for (std::string& each : arguments) argv.push_back(each.data());
    argv.push_back(nullptr);
    pid_ = ::fork();
    if (pid_ < 0) throw std::runtime_error{"fork"};
    if (pid_ == 0) {
      ::dup2(out[1], STDOUT_FILENO);
      ::dup2(err[1], STDERR_FILENO);
      for (const int each : {SIGINT, SIGTERM, SIGPIPE}) std::signal(each, SIG_DFL);
      ::execv(path.c_str(), argv.data());
      ::_exit(127);
    }
    ::close(out[1]);
    ::close(err[1]);
    pipes_ = {out[0], err[0]};
  }
  program(program&& other) noexcept
      : pid_{std::exchange(other.pid_, -1)},
        pipes_{std::exchange(other.pipes_, {-1, -1})},
        texts_{std::move(other.texts_)} {}
  program& operator=(program&&) = delete;
  ~program() {
    if (pid_ > 0) {
      ::kill(pid_, SIGKILL);
      (void)::waitpid(pid_, nullptr, 0);
    }
    for (const int each : pipes_)
      if (each >= 0) ::close(each);
  }

  void signal(int number) const { ::kill(pid_, number); }

  /// Waits for its end: its exit code, minus the signal that killed it, or -1000 where it had to be killed for taking
  /// longer than only a hang does.
  int wait() {
    const bool ended = listen([] { return false; });
    if (!ended) ::kill(pid_, SIGKILL);
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    pid_ = -1;
    if (!ended) return -1000;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }

  /// True once its output holds this so many times; false where it ended before.
  bool until_output(std::string_view text, std::size_t times = 1) {
    const auto said = [&] {
      std::size_t at = output().find(text);
      for (std::size_t left = times; at != std::string::npos && --left != 0;)
        at = output().find(text, at + text.size());
      return at != std::string::npos;
    };
    (void)listen(said);
    return said();
  }

  /// True once it has at least so many threads.
  [[nodiscard]] bool until_threads(std::size_t count) const {
    const auto end = std::chrono::steady_clock::now() + patience;
    const std::filesystem::path folder = "/proc/" + std::to_string(pid_) + "/task";
    for (;;) {
      std::size_t threads = 0;
      std::error_code gone;
      for (std::filesystem::directory_iterator at{folder, gone}; !gone && at != std::filesystem::directory_iterator{};
           at.increment(gone))
        ++threads;
      if (threads >= count) return true;
      if (gone || std::chrono::steady_clock::now() > end) return false;
      std::this_thread::yield();
    }
  }

  /// True once its main thread blocks SIGINT and SIGTERM, and nothing else: before that they kill.
  [[nodiscard]] bool until_guarded() const {
    const auto end = std::chrono::steady_clock::now() + patience;
    constexpr unsigned long guarded = 1UL << (SIGINT - 1) | 1UL << (SIGTERM - 1);
    while (std::chrono::steady_clock::now() < end) {
      std::ifstream status{"/proc/" + std::to_string(pid_) + "/status"};
      for (std::string line; std::getline(status, line);) {
        if (line.starts_with("SigBlk:") && std::stoul(line.substr(7), nullptr, 16) == guarded) return true;
      }
      std::this_thread::yield();
    }
    return false;
  }

  [[nodiscard]] const std::string& output() const noexcept { return texts_[0]; }
  [[nodiscard]] const std::string& errors() const noexcept { return texts_[1]; }

 private:
  static constexpr std::chrono::milliseconds patience = bound(std::chrono::milliseconds{20'000});

  // Reads until both pipes have ended (true), or `enough()`, or the patience is over.
  template <class Predicate>
  bool listen(Predicate enough) {
    const auto end = std::chrono::steady_clock::now() + patience;
    while (!enough()) {
      std::array<pollfd, 2> ready{pollfd{pipes_[0], POLLIN, 0}, pollfd{pipes_[1], POLLIN, 0}};
      if (pipes_[0] < 0 && pipes_[1] < 0) return true;
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
      if (left.count() <= 0) return false;
      (void)::poll(ready.data(), ready.size(), static_cast<int>(left.count()));
      for (std::size_t i = 0; i < ready.size(); ++i) {
        if (ready[i].revents == 0) continue;
        std::array<char, 4096> buffer{};
        const ssize_t got = ::read(pipes_[i], buffer.data(), buffer.size());
        if (got > 0) {
          texts_[i].append(buffer.data(), static_cast<std::size_t>(got));
        } else if (got == 0 || errno != EINTR) {
          ::close(std::exchange(pipes_[i], -1));
        }
      }
    }
    return false;
  }

  pid_t pid_{-1};
  std::array<int, 2> pipes_{-1, -1};
  std::array<std::string, 2> texts_;
};

}  // namespace foxtrot_test
