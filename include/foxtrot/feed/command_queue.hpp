// foxtrot/feed/command_queue.hpp: what other threads want of the network thread, in order and bounded.
#pragma once

#include <foxtrot/core/live_object.hpp>
#include <foxtrot/net/async_thread_bridge.hpp>
#include <foxtrot/queue/mpmc_queue.hpp>

#include <atomic>
#include <cstddef>
#include <functional>
#include <mutex>
#include <utility>

namespace foxtrot::inline v0 {

/// Commands wait in memory that was taken beforehand, so a network thread that is stuck, or callers that never stop,
/// cannot fill the machine. One post to the loop serves all that came before it ran. Commands of the loop thread keep
/// their order, and so do those of all other threads together.
template <mpmc_item Command>
class command_queue : private live_object<command_queue<Command>> {
 public:
  /// `run` is called on the loop, once for each command; what it throws goes to the loop. The queue must outlive what
  /// it posted there: it goes after the loop has ended, or before it began.
  command_queue(async_thread_bridge& bridge, std::size_t capacity, std::function<void(Command&)> run)
      : bridge_{bridge}, run_{std::move(run)}, waiting_{capacity, 2} {}
  command_queue(const command_queue&) = delete;
  command_queue& operator=(const command_queue&) = delete;

  /// False, and the command untouched, while as many as there is room for are waiting. Any thread.
  [[nodiscard]] bool try_send(Command&& command) {
    if (!push(std::move(command))) return false;
    // acquire and release: who finds it announced has its command seen by the run to come, for that takes the
    // announcement away first
    if (!announced_.exchange(true, std::memory_order_acq_rel)) bridge_.post([this] { run_all(); });
    return true;
  }

 private:
  // An end belongs to one thread at a time; the loop thread, which may not wait for others, has its own.
  [[nodiscard]] bool push(Command&& command) {
    if (bridge_.on_loop_thread()) return of_loop_.try_push(std::move(command));
    const std::lock_guard lock{mutex_};
    return of_others_.try_push(std::move(command));
  }

  void run_all() {
    announced_.exchange(false, std::memory_order_acq_rel);
    out_.consume(waiting_.capacity(), [this](Command&& command) { run_(command); });
  }

  async_thread_bridge& bridge_;
  const std::function<void(Command&)> run_;
  mpmc_queue<Command> waiting_;
  typename mpmc_queue<Command>::producer of_loop_{*waiting_.make_producer()};
  std::mutex mutex_;  // guards of_others_
  typename mpmc_queue<Command>::producer of_others_{*waiting_.make_producer()};
  typename mpmc_queue<Command>::consumer out_{waiting_.make_consumer()};  // the loop's
  std::atomic<bool> announced_{false};
};

}  // namespace foxtrot::inline v0
