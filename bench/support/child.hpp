// bench/support/child.hpp: a program that is started, heard, waited for and signalled, with the time that its end took.
#pragma once

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace foxtrot_bench {

/// One child process with its standard output in a pipe; killed and reaped at the latest by the destructor.
class child {
 public:
  /// `arguments[0]` is a program beside this one. Check started().
  explicit child(std::vector<std::string> arguments) {
    arguments[0] = std::filesystem::read_symlink("/proc/self/exe").parent_path() / arguments[0];
    std::vector<char*> raw;
    for (std::string& each : arguments) raw.push_back(each.data());
    raw.push_back(nullptr);
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return;
    pid_ = ::fork();
    if (pid_ == 0) {
      ::dup2(ends[1], STDOUT_FILENO);
      ::execv(raw[0], raw.data());
      ::_exit(127);
    }
    ::close(ends[1]);
    output_ = ends[0];
    if (pid_ > 0) end_ = static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0));
  }
  child(const child&) = delete;
  child& operator=(const child&) = delete;
  ~child() {
    if (pid_ > 0) {
      ::kill(pid_, SIGKILL);
      (void)::waitpid(pid_, nullptr, 0);
    }
    if (output_ >= 0) ::close(output_);
    if (end_ >= 0) ::close(end_);
  }

  [[nodiscard]] bool started() const noexcept { return pid_ > 0 && end_ >= 0; }

  /// Until it has written that text, or for `patience`.
  [[nodiscard]] bool says(std::string_view text, std::chrono::milliseconds patience) const {
    const auto deadline = std::chrono::steady_clock::now() + patience;
    std::string heard;
    while (heard.find(text) == heard.npos) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
      pollfd source{output_, POLLIN, 0};
      if (left.count() <= 0 || ::poll(&source, 1, static_cast<int>(left.count())) <= 0) return false;
      char bytes[256];
      const ssize_t got = ::read(output_, bytes, sizeof bytes);
      if (got <= 0) return false;
      heard.append(bytes, static_cast<std::size_t>(got));
    }
    return true;
  }

  /// The next line that it writes, without its end; empty where none comes within `patience`.
  [[nodiscard]] std::string line(std::chrono::milliseconds patience) {
    const auto deadline = std::chrono::steady_clock::now() + patience;
    std::size_t end = 0;
    while ((end = heard_.find('\n')) == heard_.npos) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
      pollfd source{output_, POLLIN, 0};
      if (left.count() <= 0 || ::poll(&source, 1, static_cast<int>(left.count())) <= 0) return {};
      char bytes[256];
      const ssize_t got = ::read(output_, bytes, sizeof bytes);
      if (got <= 0) return {};
      heard_.append(bytes, static_cast<std::size_t>(got));
    }
    std::string found = heard_.substr(0, end);
    heard_.erase(0, end + 1);
    return found;
  }

  /// From the signal to the process's end; nothing where it does not end with status 0 within `patience`.
  [[nodiscard]] std::optional<std::chrono::nanoseconds> end_by(int signal, std::chrono::milliseconds patience) {
    const auto sent = std::chrono::steady_clock::now();
    ::kill(pid_, signal);
    pollfd source{end_, POLLIN, 0};
    if (::poll(&source, 1, static_cast<int>(patience.count())) != 1) return std::nullopt;
    const auto ended = std::chrono::steady_clock::now();
    int status = 0;
    if (::waitpid(std::exchange(pid_, -1), &status, 0) < 0 || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
      return std::nullopt;
    return ended - sent;
  }

 private:
  pid_t pid_{-1};
  int output_{-1};
  std::string heard_;  // and not yet returned by line()
  int end_{-1};        // readable once the process has ended
};

}  // namespace foxtrot_bench
