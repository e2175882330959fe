// foxtrot/thread/worker.hpp: a thread that is always joined and whose failure is always known.
#pragma once

#include <foxtrot/core/detail/owner.hpp>
#include <foxtrot/core/diagnostics.hpp>
#include <foxtrot/core/heartbeat.hpp>
#include <foxtrot/core/live_object.hpp>
#include <foxtrot/core/separate_compilation.hpp>
#include <foxtrot/thread/placement.hpp>

#include <chrono>
#include <concepts>
#include <cstdint>
#include <memory>
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

namespace detail {

/// A worker's body as one type for all, so that starting a thread is compiled once.
class erased_body {
 public:
  template <worker_body Body>
  [[nodiscard]] static erased_body of(Body body) {
    return erased_body{new held<Body>{std::move(body)}};
  }
  void operator()(std::stop_token stop) { made_->run(std::move(stop)); }

 private:
  struct base {
    base() = default;
    base(const base&) = delete;
    base& operator=(const base&) = delete;
    virtual ~base() = default;
    virtual void run(std::stop_token stop) = 0;
  };
  template <class Body>
  struct held final : base {
    explicit held(Body given) : body{std::move(given)} {}
    void run(std::stop_token stop) override { body(std::move(stop)); }
    Body body;
  };

  explicit erased_body(base* made) noexcept : made_{made} {}

  owner<base> made_;
};

}  // namespace detail

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
      : worker{std::move(where), detail::erased_body::of(std::move(body)), std::move(log), std::move(pulse),
               std::move(observer)} {}
  /// The same with a body whose type is not known any more.
  worker(placement where, detail::erased_body body, diagnostics log, std::shared_ptr<heartbeat> pulse,
         std::shared_ptr<worker_observer> observer);

  worker(worker&&) noexcept;
  worker& operator=(worker&&) = delete;
  ~worker();

  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] std::thread::id id() const noexcept { return thread_.get_id(); }
  [[nodiscard]] std::stop_token stop_token() const noexcept;
  /// What the thread shows its progress by. Never null.
  [[nodiscard]] const std::shared_ptr<heartbeat>& pulse() const noexcept;
  [[nodiscard]] bool on_this_thread() const noexcept;

  void request_stop() noexcept;

  /// Waits for the body to return; a second call returns at once. Not from the worker's own thread.
  void join();

  /// True once the body has returned or thrown, waiting up to `patience` for it.
  [[nodiscard]] bool finished_within(std::chrono::nanoseconds patience) const;

  [[nodiscard]] state current() const;
  /// What the exception said that ended the body; empty unless `current()` is `failed`.
  [[nodiscard]] std::string failure() const;
  /// Why the thread does not run where it was asked to; zero where it does.
  [[nodiscard]] std::error_code placement_error() const;

 private:
  struct shared;  // outlives both the worker and its thread

  static void run(shared& memory, const placement& where, detail::erased_body& body, const diagnostics& log,
                  std::stop_token stop);

  std::shared_ptr<shared> shared_;
  std::string name_;
  std::jthread thread_;
};

}  // namespace foxtrot::inline v0

#ifdef FOXTROT_DEFINITIONS
#include <foxtrot/thread/impl/worker.hpp>
#endif
