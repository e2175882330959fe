// foxtrot/thread/impl/signal_reader.hpp: the machinery of a signal_guard: one thread reads, another calls back.
#pragma once

#include <foxtrot/thread/detail/blocked_signals.hpp>
#include <foxtrot/thread/detail/descriptor.hpp>
#include <foxtrot/thread/detail/ignored_sigpipe.hpp>
#include <foxtrot/thread/exit_code.hpp>
#include <foxtrot/thread/signal_guard.hpp>
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

namespace foxtrot::inline v0::detail {

/// Its functions are those of signal_guard, which see.
class signal_reader {
 public:
  explicit signal_reader(signal_guard_settings settings)
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
  signal_reader(const signal_reader&) = delete;
  signal_reader& operator=(const signal_reader&) = delete;

  ~signal_reader() = default;

  // Before destruction, for callbacks call through the guard.
  void close() {
    // A callback that blocks is waited for, and meanwhile a second signal still ends the process.
    stopper_.reset();
    reader_.reset();
    if (signal() != 0) stop_.request_stop();  // it came just now: whoever has the token may look at it later
  }

  [[nodiscard]] std::stop_token stop_token() const noexcept { return stop_.get_token(); }
  void request_stop() noexcept { stop_.request_stop(); }
  [[nodiscard]] int signal() const noexcept { return first_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t received() const noexcept { return received_.load(std::memory_order_relaxed); }

  void restore_in_child() const noexcept {
    if (sigpipe_) sigpipe_->restore();
    pthread_sigmask(SIG_SETMASK, &mask_.before(), nullptr);
  }

 private:
  [[nodiscard]] static std::vector<int> chosen(const signal_guard_settings& settings) {
    std::vector<int> kept;
    for (const int each : settings.signals) {
      struct sigaction now {};
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

  static void tell(const descriptor& event) noexcept { [[maybe_unused]] const int done = eventfd_write(event.fd, 1); }

  const signal_guard_settings settings_;
  const blocked_signals mask_;  // made before the threads that inherit it, restored after their end
  const descriptor signals_;
  const descriptor end_reading_;
  const descriptor announced_;
  std::optional<ignored_sigpipe> sigpipe_;
  std::stop_source stop_;
  std::atomic<int> first_{0};               // relaxed: stands alone
  std::atomic<std::uint64_t> received_{0};  // relaxed: stands alone
  std::optional<worker> reader_;
  std::optional<worker> stopper_;
};

}  // namespace foxtrot::inline v0::detail
