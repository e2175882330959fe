// foxtrot/thread/worker.hpp: a thread that is always joined and whose failure is always known.
#pragma once

#include <foxtrot/core/diagnostics.hpp>
#include <foxtrot/core/error.hpp>
#include <foxtrot/core/heartbeat.hpp>
#include <foxtrot/core/live_object.hpp>
#include <foxtrot/thread/placement.hpp>

#include <chrono>
#include <concepts>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>

namespace foxtrot::inline v0 {

/// What a worker runs: called once on its thread, returns soon after its token is asked to stop.
template <class F>
concept worker_body = std::move_constructible<F> && std::invocable<F&, std::stop_token>;

/// Hears of a worker's life on the worker's own thread, before anybody who waits for its end does.
class worker_observer {
 public:
  worker_observer() = default;
  worker_observer(const worker_observer&) = delete;
  worker_observer& operator=(const worker_observer&) = delete;
  virtual ~worker_observer() = default;

  virtual void on_start() noexcept = 0;
  /// `failure` says what left the body; empty where it returned. `asked`: after its stop was requested.
  virtual void on_end(std::string_view failure, bool asked) noexcept = 0;
};

/// A std::jthread with a name, a place, a heartbeat and a memory: an exception that leaves the body is caught, kept and
/// reported; it never ends the process. Destruction asks for a stop and joins. Owned by one thread at a time;
/// `current`, `failure`, `request_stop` and `finished_within` may be called from any.
class worker : private live_object<worker> {
 public:
  enum class state : std::uint8_t { running, finished, failed };

  /// Starts the thread. The constructor returns once the placement has been tried: `placement_error()` is then final.
  /// The body finds `pulse`, or one of the worker's own, as heartbeat::of_this_thread().
  /// Throws std::system_error where no thread can be made.
  template <worker_body Body>
  worker(placement where, Body body, diagnostics log = {}, std::shared_ptr<heartbeat> pulse = {},
         std::shared_ptr<worker_observer> observer = {})
      : shared_{std::make_shared<shared>(pulse != nullptr ? std::move(pulse) : std::make_shared<heartbeat>(),
                                         std::move(observer))},
        name_{where.name},
        thread_{start(std::move(where), std::move(body), std::move(log))} {
    std::unique_lock lock{shared_->mutex};
    shared_->changed.wait(lock, [this] { return shared_->placed; });
  }

  worker(worker&&) noexcept = default;
  worker& operator=(worker&&) = delete;
  ~worker() = default;

  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] std::thread::id id() const noexcept { return thread_.get_id(); }
  [[nodiscard]] std::stop_token stop_token() const noexcept { return thread_.get_stop_token(); }
  /// What the thread shows its progress by. Never null.
  [[nodiscard]] const std::shared_ptr<heartbeat>& pulse() const noexcept { return shared_->pulse; }
  [[nodiscard]] bool on_this_thread() const noexcept { return std::this_thread::get_id() == thread_.get_id(); }

  void request_stop() noexcept { thread_.request_stop(); }

  /// Waits for the body to return; a second call returns at once. Not from the worker's own thread.
  void join() {
    if (thread_.joinable()) thread_.join();
  }

  /// True once the body has returned or thrown, waiting up to `patience` for it.
  [[nodiscard]] bool finished_within(std::chrono::nanoseconds patience) const {
    const auto start = std::chrono::steady_clock::now();
    constexpr auto never = std::chrono::steady_clock::time_point::max();
    const auto deadline = patience < never - start ? start + patience : never;
    std::unique_lock lock{shared_->mutex};
    return shared_->changed.wait_until(lock, deadline, [this] { return shared_->now != state::running; });
  }

  [[nodiscard]] state current() const {
    const std::lock_guard lock{shared_->mutex};
    return shared_->now;
  }
  /// What the exception said that ended the body; empty unless `current()` is `failed`.
  [[nodiscard]] std::string failure() const {
    const std::lock_guard lock{shared_->mutex};
    return shared_->what;
  }
  /// Why the thread does not run where it was asked to; zero where it does.
  [[nodiscard]] std::error_code placement_error() const {
    const std::lock_guard lock{shared_->mutex};
    return shared_->placement_error;
  }

 private:
  struct shared {  // outlives both the worker and its thread
    shared(std::shared_ptr<heartbeat> beats, std::shared_ptr<worker_observer> listener)
        : pulse{std::move(beats)}, observer{std::move(listener)} {}

    const std::shared_ptr<heartbeat> pulse;
    const std::shared_ptr<worker_observer> observer;  // may be null
    std::mutex mutex;
    std::condition_variable changed;
    bool placed{false};
    state now{state::running};
    std::string what;
    std::error_code placement_error;
  };

  template <worker_body Body>
  [[nodiscard]] std::jthread start(placement where, Body body, diagnostics log) {
    return std::jthread{[memory = shared_, where = std::move(where), body = std::move(body),
                         log = std::move(log)](std::stop_token stop) mutable {
      const std::error_code misplaced = apply_placement(where);
      {
        const std::lock_guard lock{memory->mutex};
        memory->placed = true;
        memory->placement_error = misplaced;
        memory->changed.notify_all();
      }
      if (misplaced) log.report(severity::warning, where.name, "runs where the scheduler puts it", misplaced);
      const std::string what = run(*memory, body, stop);
      if (memory->observer != nullptr) memory->observer->on_end(what, stop.stop_requested());
      if (!what.empty()) log.report(severity::error, where.name, what);
      const std::lock_guard lock{memory->mutex};
      memory->now = what.empty() ? state::finished : state::failed;
      memory->what = what;
      memory->changed.notify_all();
    }};
  }

  // Empty where the body returned; else what it threw, never empty.
  template <worker_body Body>
  [[nodiscard]] static std::string run(shared& memory, Body& body, std::stop_token stop) {
    const heartbeat::adopted alive{*memory.pulse};
    if (memory.observer != nullptr) memory.observer->on_start();
    try {
      body(std::move(stop));
      return {};
    } catch (const std::exception& failure) {
      const std::string what = failure.what();
      return what.empty() ? "an exception without a text" : what;
    } catch (...) {
      return "something that is no std::exception";
    }
  }

  std::shared_ptr<shared> shared_;
  std::string name_;
  std::jthread thread_;
};

}  // namespace foxtrot::inline v0
