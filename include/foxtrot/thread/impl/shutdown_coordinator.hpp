// foxtrot/thread/impl/shutdown_coordinator.hpp: what shutdown_coordinator.hpp declares.
#pragma once

#include <foxtrot/core/clock.hpp>
#include <foxtrot/core/diagnostics.hpp>
#include <foxtrot/thread/detail/blocked_signals.hpp>
#include <foxtrot/thread/detail/shutdown_component.hpp>
#include <foxtrot/thread/detail/shutdown_sequence.hpp>
#include <foxtrot/thread/detail/signal_name.hpp>
#include <foxtrot/thread/detail/terminate_hook.hpp>
#include <foxtrot/thread/placement.hpp>
#include <foxtrot/thread/shutdown_coordinator.hpp>
#include <foxtrot/thread/signal_guard.hpp>
#include <foxtrot/thread/worker.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

namespace foxtrot::inline v0 {

namespace detail {

/// What a coordinator consists of.
class shutdown_parts {
 public:
  // The signals of a program that owns its own never interrupt our threads: they inherit what is blocked meanwhile.
  shutdown_parts(const blocked_signals&, shutdown_settings settings, diagnostics log, time_source& time)
      : sequence{std::make_shared<shutdown_sequence>(std::move(settings), std::move(log), time)},
        conductor{placement{.name = "shutdown"}, [own = sequence.get()](std::stop_token) { own->conduct(); }} {
    if (sequence->settings().on_terminate) terminate.emplace(*sequence);
  }

  std::shared_ptr<shutdown_sequence> sequence;
  worker conductor;
  std::optional<terminate_hook> terminate;
  std::optional<std::stop_callback<std::function<void()>>> signals;
};

}  // namespace detail

FOXTROT_DECL registered_component::registered_component() noexcept = default;
FOXTROT_DECL registered_component::registered_component(registered_component&& other) noexcept = default;
FOXTROT_DECL registered_component& registered_component::operator=(registered_component&& other) noexcept {
  if (this != &other) {
    reset();
    sequence_ = std::move(other.sequence_);
    which_ = std::move(other.which_);
  }
  return *this;
}
FOXTROT_DECL registered_component::~registered_component() { reset(); }
FOXTROT_DECL registered_component::registered_component(std::shared_ptr<detail::shutdown_sequence> sequence,
                                                        std::shared_ptr<detail::shutdown_component> which) noexcept
    : sequence_{std::move(sequence)}, which_{std::move(which)} {}
FOXTROT_DECL void registered_component::reset() {
  if (which_ != nullptr) sequence_->remove(which_);
  which_.reset();
  sequence_.reset();
}

FOXTROT_DECL shutdown_coordinator::shutdown_coordinator(shutdown_settings settings, diagnostics log, time_source& time)
    : parts_{new detail::shutdown_parts(detail::blocked_signals{}, std::move(settings), std::move(log), time)} {}
FOXTROT_DECL shutdown_coordinator::shutdown_coordinator(signal_guard& signals, shutdown_settings settings,
                                                        diagnostics log, time_source& time)
    : shutdown_coordinator{std::move(settings), std::move(log), time} {
  parts_->signals.emplace(signals.stop_token(), [this, &signals] {
    request_stop(signals.signal() != 0 ? detail::signal_name(signals.signal()) : "request");
  });
}
FOXTROT_DECL shutdown_coordinator::~shutdown_coordinator() {
  parts_->signals.reset();
  (void)shutdown("the coordinator's end");
  parts_->terminate.reset();
  parts_->sequence->retire();
}

FOXTROT_DECL registered_component shutdown_coordinator::add(std::string name, component_actions actions) {
  auto which = parts_->sequence->add(std::move(name), std::move(actions));
  return which != nullptr ? registered_component{parts_->sequence, std::move(which)} : registered_component{};
}
FOXTROT_DECL registered_component shutdown_coordinator::add(worker& thread) {
  const auto stop = [&thread] {
    thread.request_stop();
    (void)thread.finished_within(std::chrono::nanoseconds::max());
  };
  return add(thread.name(), {.stop = stop, .who = [name = thread.name()] { return "thread " + name; }});
}
FOXTROT_DECL registered_component shutdown_coordinator::add(std::string name, std::jthread& thread) {
  const auto stop = [&thread] {
    thread.request_stop();
    if (thread.joinable()) thread.join();
  };
  return add(std::move(name), {.stop = stop});
}

FOXTROT_DECL std::stop_token shutdown_coordinator::stop_token() const noexcept {
  return parts_->sequence->stop_token();
}
FOXTROT_DECL void shutdown_coordinator::request_stop(std::string_view reason) noexcept {
  parts_->sequence->begin(reason);
}
FOXTROT_DECL void shutdown_coordinator::request_stop_from_handler(int signal) noexcept {
  parts_->sequence->begin_from_handler(signal);
}
FOXTROT_DECL bool shutdown_coordinator::wait() { return wait_for(std::chrono::nanoseconds::max()); }
FOXTROT_DECL bool shutdown_coordinator::wait_for(std::chrono::nanoseconds patience) {
  return parts_->sequence->wait_until_over(patience);
}
FOXTROT_DECL int shutdown_coordinator::shutdown(std::string_view reason) {
  request_stop(reason);
  (void)wait();
  return status();
}
FOXTROT_DECL shutdown_report shutdown_coordinator::report() const { return parts_->sequence->report(); }
FOXTROT_DECL int shutdown_coordinator::status() const { return to_status(report().code()); }

FOXTROT_DECL shutdown_scope::~shutdown_scope() { (void)coordinator_.shutdown("the end of main"); }

}  // namespace foxtrot::inline v0
