// foxtrot/net/detail/loop_call.hpp: a function run on another thread while its caller waits, at most so long.
#pragma once

#include <foxtrot/core/error.hpp>
#include <foxtrot/core/live_object.hpp>
#include <foxtrot/core/result.hpp>

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <system_error>
#include <type_traits>
#include <utility>

namespace foxtrot::inline v0::detail {

// The agreement between the two threads on who may still touch the caller's variables.
class loop_ticket : private live_object<loop_ticket> {
 public:
  /// Loop thread: false where the caller no longer waits; otherwise the caller waits until `finish`.
  [[nodiscard]] bool begin() {
    const std::lock_guard lock{mutex_};
    if (now_ != state::queued) return false;
    now_ = state::running;
    return true;
  }
  void finish() { change(state::running, state::done); }
  /// The loop will not come to it any more.
  void close() { change(state::queued, state::closed); }

  [[nodiscard]] std::error_code wait(std::chrono::nanoseconds patience) {
    std::unique_lock lock{mutex_};
    const auto settled = [this] { return now_ == state::done || now_ == state::closed; };
    if (!changed_.wait_for(lock, patience, settled)) {
      if (now_ == state::queued) {
        now_ = state::abandoned;
        return errc::timeout;
      }
      changed_.wait(lock, settled);
    }
    return now_ == state::done ? std::error_code{} : make_error_code(errc::closed);
  }

 private:
  enum class state : std::uint8_t { queued, running, done, abandoned, closed };

  void change(state from, state to) {
    const std::lock_guard lock{mutex_};
    if (now_ != from) return;
    now_ = to;
    changed_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  state now_{state::queued};
};

// The tickets of one loop. Any thread.
class loop_calls : private live_object<loop_calls> {
 public:
  [[nodiscard]] std::shared_ptr<loop_ticket> admit() {
    const std::lock_guard lock{mutex_};
    if (closed_) return nullptr;
    return *waiting_.insert(std::make_shared<loop_ticket>()).first;
  }
  void forget(const std::shared_ptr<loop_ticket>& ticket) {
    const std::lock_guard lock{mutex_};
    waiting_.erase(ticket);
  }
  void close() {
    const std::lock_guard lock{mutex_};
    closed_ = true;
    for (const auto& ticket : waiting_) ticket->close();
  }
  [[nodiscard]] bool closed() const {
    const std::lock_guard lock{mutex_};
    return closed_;
  }

 private:
  mutable std::mutex mutex_;
  std::set<std::shared_ptr<loop_ticket>> waiting_;
  bool closed_{false};
};

template <class T>
inline constexpr bool is_result = false;
template <class T>
inline constexpr bool is_result<result<T>> = true;

template <class R>
inline constexpr bool returns_code = std::is_void_v<R> || std::is_same_v<R, std::error_code>;

// Nothing and a std::error_code become a std::error_code, a result<T> stays one, any other T becomes a result<T>.
template <class R>
struct loop_call_result_of {
  using type = result<R>;
};
template <class R>
  requires returns_code<R>
struct loop_call_result_of<R> {
  using type = std::error_code;
};
template <class R>
  requires is_result<R>
struct loop_call_result_of<R> {
  using type = R;
};
template <class R>
using loop_call_result = typename loop_call_result_of<R>::type;

// What the function left behind.
template <class R>
class loop_call {
 public:
  template <class Work>
  void run(Work& work) noexcept {
    try {
      if constexpr (std::is_void_v<R>) {
        work();
        value_.emplace();
      } else {
        value_.emplace(work());
      }
    } catch (...) {
      thrown_ = std::current_exception();
    }
  }

  [[nodiscard]] loop_call_result<R> take() {
    if (thrown_) std::rethrow_exception(thrown_);
    return std::move(*value_);
  }

 private:
  std::optional<loop_call_result<R>> value_;
  std::exception_ptr thrown_;
};

}  // namespace foxtrot::inline v0::detail
