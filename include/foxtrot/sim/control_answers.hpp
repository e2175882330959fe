// foxtrot/sim/control_answers.hpp: answers to control messages, and the faults that keep them from a client.
#pragma once

#include <foxtrot/core/clock.hpp>
#include <foxtrot/net/timer_queue.hpp>
#include <foxtrot/sim/control_protocol.hpp>
#include <foxtrot/sim/exchange_settings.hpp>
#include <foxtrot/sim/fault.hpp>
#include <foxtrot/sim/faults_in_force.hpp>

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

namespace foxtrot::inline v0 {

/// One connection's subscriptions behind whatever goes wrong with its requests. Loop thread only.
class control_answers {
 public:
  control_answers(bool combined, const faults_in_force& faults, detail::exchange_counters& counters, std::uint64_t seed,
                  std::function<void(std::string_view)> send)
      : control{combined}, faults_{faults}, counters_{counters}, seed_{seed}, send_{std::move(send)} {}
  control_answers(const control_answers&) = delete;
  control_answers& operator=(const control_answers&) = delete;
  ~control_answers() = default;

  control_session control;

  /// What the message changes. `not_json`: the venue closes.
  [[nodiscard]] control_outcome handle(std::string_view text) {
    if (refused_.hits(faults_, fault_kind::ack_error, seed_)) return control.refuse(text, "out of order");
    return control.handle(text);
  }

  /// Sends the answer: at once, later, or never.
  void answer(std::string reply) {
    if (lost_.hits(faults_, fault_kind::ack_loss, seed_)) return counters_.answers_withheld.add();
    const auto wait = faults_.wait_of(fault_kind::ack_delay);
    if (wait.count() == 0) return send_(reply);
    late_.push_back({faults_.timers().now() + wait, std::move(reply)});
    if (late_.size() == 1) expect();
  }

 private:
  struct late_answer {
    steady_time due;
    std::string text;
  };

  void expect() {
    timer_ = faults_.timers().call_at(late_.front().due, [this] {
      const std::string text = std::move(late_.front().text);
      late_.pop_front();
      if (!late_.empty()) expect();
      send_(text);
    });
  }

  const faults_in_force& faults_;
  detail::exchange_counters& counters_;
  std::uint64_t seed_;
  std::function<void(std::string_view)> send_;
  fault_share refused_, lost_;
  std::deque<late_answer> late_;
  timer timer_;
};

}  // namespace foxtrot::inline v0
