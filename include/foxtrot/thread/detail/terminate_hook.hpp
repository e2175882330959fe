// foxtrot/thread/detail/terminate_hook.hpp: std::terminate as one more way to begin a shutdown.
#pragma once

#include <foxtrot/core/diagnostics.hpp>
#include <foxtrot/thread/detail/shutdown_sequence.hpp>
#include <foxtrot/thread/exit_code.hpp>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <exception>
#include <string>

#include <unistd.h>

namespace foxtrot::inline v0::detail {

/// While one lives, std::terminate shuts down in order, and then ends the process with exit_code::uncaught. The first
/// of several has the say. The handler from before comes back after it, unless somebody else has put in his own.
class terminate_hook {
 public:
  explicit terminate_hook(shutdown_sequence& whom) noexcept {
    shutdown_sequence* none = nullptr;
    // release: the handler's thread sees the sequence as it was made
    mine_ = sequence().compare_exchange_strong(none, &whom, std::memory_order_release, std::memory_order_relaxed);
    if (mine_) before_ = std::set_terminate(handler);
  }
  terminate_hook(const terminate_hook&) = delete;
  terminate_hook& operator=(const terminate_hook&) = delete;
  ~terminate_hook() {
    if (!mine_) return;
    if (std::get_terminate() == handler) std::set_terminate(before_);
    if (sequence().exchange(nullptr, std::memory_order_acquire) != nullptr) return;
    while (true) ::pause();  // another thread is ending the process, and uses what we were to destroy
  }

 private:
  [[gnu::visibility("default")]] static std::atomic<shutdown_sequence*>& sequence() noexcept {
    static constinit std::atomic<shutdown_sequence*> the_one{nullptr};
    return the_one;
  }

  [[noreturn]] static void handler() {
    shutdown_sequence* const whom = sequence().exchange(nullptr, std::memory_order_acquire);
    while (whom == nullptr) ::pause();  // somebody else was first, and ends the process
    const std::string why = "std::terminate: " + what();
    whom->remarks().say(severity::critical, why);
    whom->begin(why);
    // In a component's action: that one will never return, and the deadline finds it. The others are stopped.
    while (whom->on_its_thread()) ::pause();
    (void)whom->wait_until_over(std::chrono::nanoseconds::max());
    (void)whom->remarks().all_said_within(std::chrono::milliseconds{100});
    whom->settings().exit(to_status(exit_code::uncaught));
    std::abort();
  }

  [[nodiscard]] static std::string what() {
    const std::exception_ptr uncaught = std::current_exception();
    if (uncaught == nullptr) return "no exception";
    try {
      std::rethrow_exception(uncaught);
    } catch (const std::exception& failure) {
      return failure.what();
    } catch (...) {
      return "something that is no std::exception";
    }
  }

  bool mine_{false};
  std::terminate_handler before_{nullptr};
};

}  // namespace foxtrot::inline v0::detail
