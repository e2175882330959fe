// foxtrot/feed/http_poller.hpp: ticks by HTTP, asked for again and again, where streams do not bring them.
#pragma once

#include <foxtrot/core/clock.hpp>
#include <foxtrot/core/diagnostics.hpp>
#include <foxtrot/core/error.hpp>
#include <foxtrot/core/live_object.hpp>
#include <foxtrot/feed/error_kind.hpp>
#include <foxtrot/feed/poll_request.hpp>
#include <foxtrot/feed/poll_settings.hpp>
#include <foxtrot/feed/publisher.hpp>
#include <foxtrot/feed/websocket_error_handler.hpp>
#include <foxtrot/feed/weight_budget.hpp>
#include <foxtrot/net/asio.hpp>
#include <foxtrot/net/async_event.hpp>
#include <foxtrot/net/backoff.hpp>
#include <foxtrot/net/timer_queue.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace foxtrot::inline v0 {

/// Makes the requests that stand in for a set of streams, each once per interval, one at a time and within the venue's
/// weight: where there is not enough of it, all come less often. A server that names a time is left alone until then;
/// other failures are followed by backoff; a name that the venue does not know is left out, and the others go on. Loop
/// thread only.
template <poll_venue Venue>
class http_poller : private live_object<http_poller<Venue>> {
 public:
  http_poller(timer_queue& timers, publisher& out, Venue& venue, websocket_error_handler& errors,
              const poll_settings& settings, const diagnostics& log)
      : timers_{timers},
        out_{out},
        venue_{venue},
        errors_{errors},
        interval_{settings.interval},
        log_{log},
        weight_{settings.weight_per_minute != 0 ? settings.weight_per_minute : venue.weight_per_minute(),
                settings.weight_share},
        news_{timers.context()} {}
  http_poller(const http_poller&) = delete;
  http_poller& operator=(const http_poller&) = delete;

  /// Called after each request, with how the venue took it: names and answers that are no good say nothing of that.
  std::function<void(std::error_code)> on_outcome;

  /// What is to be polled from now on, instead of what was. Begins at once with what is new.
  void set(std::vector<std::string> streams) {
    std::erase_if(refused_, [&](const auto& each) { return std::ranges::find(streams, each) == streams.end(); });
    std::erase_if(streams, [this](const std::string& each) { return refused_.contains(each); });
    std::map<std::string_view, steady_time> due;  // there may be a thousand
    for (const job& each : jobs_) due.emplace(each.request.target, each.due);
    std::vector<job> jobs;
    for (poll_request& request : venue_.plan(streams)) {
      const auto known = due.find(request.target);
      const steady_time when = known != due.end() ? known->second : timers_.now();
      jobs.push_back({std::move(request), when});
    }
    jobs_ = std::move(jobs);
    news_.notify();
  }
  [[nodiscard]] std::size_t requests() const noexcept { return jobs_.size(); }

  /// Runs until cancelled.
  [[nodiscard]] task<> run() {
    while (true) {
      std::erase_if(jobs_, [this](const job& each) { return !venue_.is_wanted(each.request); });
      const auto next = std::ranges::min_element(jobs_, {}, &job::due);
      if (next == jobs_.end()) {
        if (const std::error_code error = co_await news_.wait()) co_return;
        continue;
      }
      const steady_time now = timers_.now();
      const steady_time when = std::max({next->due, closed_until_, weight_.next_allowed(next->request.weight, now)});
      if (when > now) {
        const timer alarm = timers_.call_at(when, [this] { news_.notify(); });
        if (const std::error_code error = co_await news_.wait()) co_return;
        continue;  // what is wanted may have changed
      }
      next->due = now + interval_;  // what was missed while all was closed is not caught up with
      const poll_request request = next->request;
      weight_.spend(request.weight, now);
      const poll_answer answer = co_await venue_.ask(request);
      if (answer.error.code == errc::cancelled) co_return;
      heed(request, answer);
    }
  }

 private:
  static constexpr std::chrono::seconds not_let_in{60};  // who is refused for good asks again now and then

  struct job {
    poll_request request;
    steady_time due{};
  };

  [[nodiscard]] auto find(const std::string& target) {
    return std::ranges::find_if(jobs_, [&target](const job& each) { return each.request.target == target; });
  }

  void heed(const poll_request& request, const poll_answer& answer) {
    const steady_time now = timers_.now();
    if (answer.used_weight) weight_.told(*answer.used_weight, weight_budget::left_of_minute(), now);
    if (!answer.error.code) {
      out_.counters().polls.add();
      retry_.reset();
      if (on_outcome) on_outcome({});
      return;
    }
    out_.counters().failed_polls.add();
    const error_decision decided = errors_.handle(answer.error, now);
    out_.counters().count(decided.kind);
    log_.report(severity::warning, "http_poller", "no answer to " + request.target, answer.error.code);
    if (decided.kind == error_kind::symbol) return narrow(request);
    if (decided.kind == error_kind::data) return;  // one answer was no good: that says nothing of the others
    // The venue cannot be left alone as long as a connection may be, unless the server says so, or lets us in no more.
    const bool told_to_wait = answer.error.retry_after || decided.kind == error_kind::rate_limit;
    steady_time::duration told = told_to_wait ? decided.response.delay : steady_time::duration::zero();
    if (!decided.response.retry) told = not_let_in;
    closed_until_ = now + std::max(retry_.next(), told);
    if (on_outcome) on_outcome(answer.error.code);
  }

  // One name in it will never be answered: which one?
  void narrow(const poll_request& request) {
    const auto at = find(request.target);
    if (at == jobs_.end()) return;  // nobody wants it any more
    jobs_.erase(at);
    std::vector<poll_request> smaller = venue_.narrow(request);
    if (smaller.empty()) {
      for (const std::string& stream : request.streams) {
        refused_.insert(stream);
        log_.report(severity::error, "http_poller", stream + " cannot be polled", errc::subscription_rejected);
      }
    }
    for (poll_request& each : smaller) jobs_.push_back({std::move(each), timers_.now()});
  }

  timer_queue& timers_;
  publisher& out_;
  Venue& venue_;
  websocket_error_handler& errors_;
  const steady_time::duration interval_;
  const diagnostics& log_;
  weight_budget weight_;
  backoff retry_{
      {.base = std::chrono::milliseconds{500}, .cap = std::chrono::milliseconds{30'000}, .first_immediate = false}};
  async_event news_;
  std::vector<job> jobs_;
  std::set<std::string> refused_;
  steady_time closed_until_{};
};

}  // namespace foxtrot::inline v0
