// foxtrot/net/detail/resolver_threads.hpp: the process's threads for name look-ups that block.
#pragma once

#include <foxtrot/core/immortal.hpp>
#include <foxtrot/thread/placement.hpp>

#include <algorithm>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <pthread.h>
#include <signal.h>

namespace foxtrot::inline v0::detail {

/// A look-up that a thread may take. It must outlive neither its asker nor its thread: both hold it.
struct blocking_lookup {
  std::string host;
  std::function<void()> run;  // on a resolver thread; must not throw
};

// Any thread. Its threads come with the work and go with it; exit() leaves both them and this alone.
class [[gnu::visibility("default")]] resolver_threads {
 public:
  /// How many hosts may be stuck before the next has to wait for one of them. A host that is being looked up is not
  /// looked up by a second thread, so one that sticks keeps one thread, however often it is asked for again.
  static constexpr std::size_t most = 4;

  [[nodiscard]] static resolver_threads& of_process() { return immortal<resolver_threads>(); }

  /// The system's error where no thread could be made and there is none that would come to it.
  [[nodiscard]] std::error_code add(std::shared_ptr<blocking_lookup> wanted) {
    const std::lock_guard lock{mutex_};
    waiting_.push_back(std::move(wanted));
    const std::size_t idle = threads_ - hosts_.size();  // made and on their way to take what waits
    if (threads_ == most || waiting_.size() <= idle || !is_free(waiting_.back()->host)) return {};
    const std::error_code failed = start_thread();
    if (!failed || threads_ != 0) return {};
    waiting_.pop_back();
    return failed;
  }
  /// Nobody waits for it any more: if it has not begun it never will.
  void forget(const std::shared_ptr<blocking_lookup>& unwanted) noexcept {
    const std::lock_guard lock{mutex_};
    std::erase(waiting_, unwanted);
  }

  /// The hosts that are being looked up.
  [[nodiscard]] std::vector<std::string> hosts() const {
    const std::lock_guard lock{mutex_};
    return hosts_;
  }
  [[nodiscard]] std::size_t running() const {
    const std::lock_guard lock{mutex_};
    return hosts_.size();
  }

 private:
  [[nodiscard]] bool is_free(const std::string& host) const {
    return std::find(hosts_.begin(), hosts_.end(), host) == hosts_.end();
  }

  // All signals are blocked in them, so that they are left to the threads that expect them.
  [[nodiscard]] std::error_code start_thread() {
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    std::error_code error;
    try {
      std::thread{[this] { work(); }}.detach();
      ++threads_;
    } catch (const std::system_error& failure) {
      error = failure.code();
    }
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    return error;
  }

  void work() {
    name_this_thread("foxtrot-resolver");
    std::unique_lock lock{mutex_};
    while (true) {
      const auto next =
          std::find_if(waiting_.begin(), waiting_.end(), [this](const auto& one) { return is_free(one->host); });
      if (next == waiting_.end()) break;
      const auto taken = std::move(*next);
      waiting_.erase(next);
      hosts_.push_back(taken->host);
      lock.unlock();
      taken->run();
      lock.lock();
      hosts_.erase(std::find(hosts_.begin(), hosts_.end(), taken->host));
    }
    --threads_;
  }

  mutable std::mutex mutex_;
  std::deque<std::shared_ptr<blocking_lookup>> waiting_;
  std::vector<std::string> hosts_;
  std::size_t threads_{0};
};

}  // namespace foxtrot::inline v0::detail
