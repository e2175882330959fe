// foxtrot/thread/impl/worker.hpp: what worker.hpp declares.
#pragma once

#include <foxtrot/core/diagnostics.hpp>
#include <foxtrot/core/heartbeat.hpp>
#include <foxtrot/thread/detail/caught.hpp>
#include <foxtrot/thread/placement.hpp>
#include <foxtrot/thread/worker.hpp>

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

namespace foxtrot::inline v0 {

struct worker::shared {
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

FOXTROT_DECL worker::worker(placement where, detail::erased_body body, diagnostics log,
                            std::shared_ptr<heartbeat> pulse, std::shared_ptr<worker_observer> observer)
    : shared_{std::make_shared<shared>(pulse != nullptr ? std::move(pulse) : std::make_shared<heartbeat>(),
                                       std::move(observer))},
      name_{where.name},
      thread_{[memory = shared_, where = std::move(where), body = std::move(body), log = std::move(log)](
                  std::stop_token stop) mutable { run(*memory, where, body, log, std::move(stop)); }} {
  std::unique_lock lock{shared_->mutex};
  shared_->changed.wait(lock, [this] { return shared_->placed; });
}
FOXTROT_DECL worker::worker(worker&&) noexcept = default;
FOXTROT_DECL worker::~worker() = default;

FOXTROT_DECL void worker::run(shared& memory, const placement& where, detail::erased_body& body, const diagnostics& log,
                              std::stop_token stop) {
  const std::error_code misplaced = apply_placement(where);
  {
    const std::lock_guard lock{memory.mutex};
    memory.placed = true;
    memory.placement_error = misplaced;
    memory.changed.notify_all();
  }
  if (misplaced) log.report(severity::warning, where.name, "runs where the scheduler puts it", misplaced);
  const std::string what = [&] {
    const heartbeat::adopted alive{*memory.pulse};
    if (memory.observer != nullptr) memory.observer->on_start();
    return detail::caught([&] { body(stop); });
  }();
  if (memory.observer != nullptr) memory.observer->on_end(what, stop.stop_requested());
  if (!what.empty()) log.report(severity::error, where.name, what);
  const std::lock_guard lock{memory.mutex};
  memory.now = what.empty() ? state::finished : state::failed;
  memory.what = what;
  memory.changed.notify_all();
}

FOXTROT_DECL std::stop_token worker::stop_token() const noexcept { return thread_.get_stop_token(); }
FOXTROT_DECL const std::shared_ptr<heartbeat>& worker::pulse() const noexcept { return shared_->pulse; }
FOXTROT_DECL bool worker::on_this_thread() const noexcept { return std::this_thread::get_id() == thread_.get_id(); }
FOXTROT_DECL void worker::request_stop() noexcept { thread_.request_stop(); }
FOXTROT_DECL void worker::join() {
  if (thread_.joinable()) thread_.join();
}

FOXTROT_DECL bool worker::finished_within(std::chrono::nanoseconds patience) const {
  const auto start = std::chrono::steady_clock::now();
  constexpr auto never = std::chrono::steady_clock::time_point::max();
  const auto deadline = patience < never - start ? start + patience : never;
  std::unique_lock lock{shared_->mutex};
  return shared_->changed.wait_until(lock, deadline, [this] { return shared_->now != state::running; });
}
FOXTROT_DECL worker::state worker::current() const {
  const std::lock_guard lock{shared_->mutex};
  return shared_->now;
}
FOXTROT_DECL std::string worker::failure() const {
  const std::lock_guard lock{shared_->mutex};
  return shared_->what;
}
FOXTROT_DECL std::error_code worker::placement_error() const {
  const std::lock_guard lock{shared_->mutex};
  return shared_->placement_error;
}

}  // namespace foxtrot::inline v0
