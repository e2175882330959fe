// foxtrot/feed/gap_repairer.hpp: fetches ticks that are missing, one request at a time.
#pragma once

#include <foxtrot/core/clock.hpp>
#include <foxtrot/core/diagnostics.hpp>
#include <foxtrot/core/error.hpp>
#include <foxtrot/core/live_object.hpp>
#include <foxtrot/feed/error_kind.hpp>
#include <foxtrot/feed/gap_fill.hpp>
#include <foxtrot/feed/gap_repair_settings.hpp>
#include <foxtrot/feed/open_holes.hpp>
#include <foxtrot/feed/publisher.hpp>
#include <foxtrot/feed/repair_request.hpp>
#include <foxtrot/feed/tick_ids.hpp>
#include <foxtrot/feed/websocket_error_handler.hpp>
#include <foxtrot/feed/weight_budget.hpp>
#include <foxtrot/market/kinds.hpp>
#include <foxtrot/market/status.hpp>
#include <foxtrot/market/symbol.hpp>
#include <foxtrot/net/asio.hpp>
#include <foxtrot/net/async_event.hpp>
#include <foxtrot/net/backoff.hpp>
#include <foxtrot/net/timer_queue.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace foxtrot::inline v0 {

/// Hears of holes in the ids of trades and aggregate trades, and fetches what is missing within the venue's weight: the
/// streams in turn, and as many holes of one by one request as an answer can hold. Where the stream waits, a hole that
/// is not filled in time is given up, at once where the server has said that it will not answer until then; where it
/// does not, after some attempts without success. What a hole lacks in the end has been told as a gap, and counts as a
/// failed repair. Loop thread only.
template <repair_venue Venue>
class gap_repairer : private live_object<gap_repairer<Venue>> {
 public:
  /// That are looked for at once; others are not.
  static constexpr std::size_t most_holes = 1'024;
  /// Requests for one hole that bring nothing of it.
  static constexpr std::uint32_t most_attempts = 5;

  gap_repairer(timer_queue& timers, publisher& out, Venue& venue, websocket_error_handler& errors,
               const gap_repair_settings& settings, const diagnostics& log)
      : timers_{timers},
        out_{out},
        venue_{venue},
        errors_{errors},
        settings_{settings},
        log_{log},
        weight_{venue.weight_per_minute(), settings.weight_share},
        news_{timers.context()} {}
  gap_repairer(const gap_repairer&) = delete;
  gap_repairer& operator=(const gap_repairer&) = delete;
  ~gap_repairer() { end(); }

  /// Hears of holes from now on.
  void start() {
    running_ = true;
    if (waits()) {
      out_.lines().on_hole = [this](tick_kind kind, symbol_id symbol, const id_range& ids) {
        return take(kind, symbol, ids);
      };
    } else {
      out_.on_gap([this](tick_kind kind, symbol_id symbol, const id_range& ids) { (void)take(kind, symbol, ids); });
    }
  }
  /// Looks for nothing any more; what waited is published. Idempotent; not while a batch is open.
  void end() {
    if (!std::exchange(running_, false)) return;
    due_.cancel();
    waits() ? out_.lines().stop_asking() : out_.on_gap(nullptr);
    close_if([](const auto&, const open_hole&) { return true; });
    out_.release_held();
  }
  /// Nobody wants these ticks any more. Not while a batch is open.
  void forget(tick_kind kind, symbol_id symbol) {
    const auto at = streams_.find({kind, symbol});
    if (at == streams_.end()) return;
    holes_ -= at->second.holes.size();
    streams_.erase(at);
    out_.lines().settled(kind, symbol, everything);
    out_.release_held();
  }

  /// Holes that are looked for.
  [[nodiscard]] std::size_t holes() const noexcept { return holes_; }

  /// Fetches until cancelled; end() follows.
  [[nodiscard]] task<> run() {
    while (true) {
      forget_passed();
      const auto next = next_stream();
      if (next == streams_.end()) {
        if (const std::error_code error = co_await news_.wait()) co_return;
        continue;
      }
      const stream_key of = next->first;
      const open_holes& holes = next->second.holes;
      // one more: where the venue knows what comes behind a hole, what it does not know in it is not to be had
      const std::size_t count = std::min(holes.span(venue_.most_ids()) + 1, venue_.most_ids());
      const repair_request request = venue_.plan(of.first, out_.symbols().name(of.second), holes.first(), count);
      const steady_time now = timers_.now();
      const steady_time when =
          std::max({next->second.not_before, closed_until_, weight_.next_allowed(request.weight, now)});
      if (when > now) {
        const timer alarm = timers_.call_at(when, [this] { news_.notify(); });
        if (const std::error_code error = co_await news_.wait()) co_return;
        continue;  // what is missing may have changed
      }
      last_asked_ = of;
      weight_.spend(request.weight, now);
      const repair_answer answer = co_await venue_.ask(request);
      if (answer.how.error.code == errc::cancelled) co_return;
      heed(of, request, answer);
    }
  }

 private:
  using stream_key = std::pair<tick_kind, symbol_id>;
  struct stream {
    open_holes holes;
    steady_time not_before{};
  };
  using stream_map = std::map<stream_key, stream>;

  static constexpr std::chrono::seconds not_let_in{60};  // who is refused for good asks again now and then
  static constexpr id_range everything{0, ~std::uint64_t{0}};

  [[nodiscard]] bool waits() const noexcept { return settings_.mode == gap_repair::before; }

  // False where it will not be looked for.
  [[nodiscard]] bool take(tick_kind kind, symbol_id symbol, const id_range& ids) {
    const auto which = numbering_of(kind);
    if (!which || !counts_by_one(*which)) return false;
    const steady_time until = waits() ? timers_.now() + steady_time::duration{settings_.limit} : steady_time::max();
    if (ids.to - ids.from >= settings_.most || holes_ == most_holes || !venue_.has(kind) || closed_until_ >= until) {
      out_.counters().failed_repairs.add();
      return false;
    }
    streams_[{kind, symbol}].holes.add(ids, until);
    ++holes_;
    if (waits() && holes_ == 1) watch_time();
    news_.notify();
    return true;
  }

  // The one after the last, of those that may be asked for soonest.
  [[nodiscard]] stream_map::iterator next_stream() {
    const auto sooner = [now = timers_.now()](const auto& a, const auto& b) {
      return std::max(a.second.not_before, now) < std::max(b.second.not_before, now);
    };
    const auto behind = streams_.upper_bound(last_asked_);
    const auto first = std::min_element(behind, streams_.end(), sooner);
    const auto other = std::min_element(streams_.begin(), behind, sooner);
    if (first == streams_.end()) return other == behind ? streams_.end() : other;
    return other != behind && sooner(*other, *first) ? other : first;
  }

  void heed(const stream_key& of, const repair_request& request, const repair_answer& answer) {
    if (answer.how.used_weight) weight_.told(*answer.how.used_weight, weight_budget::left_of_minute(), timers_.now());
    session_error error = answer.how.error;
    std::uint64_t seen_to = 0;
    if (!error.code) error.code = publish(of, request, answer.body, seen_to);
    const auto at = streams_.find(of);
    if (seen_to >= request.first && at != streams_.end()) {  // what the answer has passed over is not to be had
      at->second.holes.pass(seen_to);
      close_if([&](const stream_key& key, const open_hole& hole) { return key == of && hole.ids.to <= seen_to; });
      out_.lines().settled(of.first, of.second, {request.first, seen_to});
    }
    if (error.code) {
      heed_error(of, request, error);
    } else if (seen_to >= request.first) {
      retry_.reset();
    } else {
      fail(of, request, timers_.now() + retry_.next());  // it is not known there yet
    }
    out_.release_held();
  }

  [[nodiscard]] std::error_code publish(const stream_key& of, const repair_request& request, const std::string& body,
                                        std::uint64_t& seen_to) {
    const auto at = streams_.find(of);
    if (at == streams_.end()) return {};  // nobody wants it any more
    gap_fill fill{.holes = at->second.holes, .in_order = waits()};
    publisher::batch batch{out_, fill};
    feed_counters& count = batch.counters();
    count.messages.add();
    count.bytes.add(body.size());
    const errc bad = venue_.decode(request, body, batch);
    seen_to = fill.seen_to;
    if (bad == errc::none) return {};
    count.count_rejected(bad);
    return bad;
  }

  void heed_error(const stream_key& of, const repair_request& request, const session_error& error) {
    const steady_time now = timers_.now();
    const error_decision decided = errors_.handle(error, now);
    out_.counters().count(decided.kind);
    log_.report(severity::warning, "gap_repairer", "no answer to " + request.target, error.code);
    if (decided.kind == error_kind::symbol)
      return close_if([&](const stream_key& key, const open_hole&) { return key == of; });
    if (decided.kind == error_kind::data) return fail(of, request, now + retry_.next());
    // The venue cannot be left alone as long as a connection may be, unless the server says so, or lets us in no more.
    const bool told_to_wait = error.retry_after || decided.kind == error_kind::rate_limit;
    steady_time::duration told = told_to_wait ? decided.response.delay : steady_time::duration::zero();
    if (!decided.response.retry) told = not_let_in;
    closed_until_ = now + std::max(retry_.next(), told);
    fail(of, request, closed_until_);
    close_if([this](const stream_key&, const open_hole& hole) { return hole.until <= closed_until_; });
  }
  // The request has brought nothing.
  void fail(const stream_key& of, const repair_request& request, steady_time again) {
    const auto at = streams_.find(of);
    if (at == streams_.end()) return;
    at->second.not_before = again;
    at->second.holes.note_failure(request.first + request.count - 1);
    if (waits()) return;  // until it is late
    close_if([](const stream_key&, const open_hole& hole) { return hole.attempts >= most_attempts; });
  }

  // What lines have brought meanwhile is not looked for any more.
  void forget_passed() {
    if (!waits()) return;
    for (auto& [key, its] : streams_) {
      const std::uint64_t last = out_.ids().last(*numbering_of(key.first), key.second);
      holes_ -= its.holes.extract_if([last](const open_hole& hole) { return hole.ids.to <= last; }).size();
    }
    std::erase_if(streams_, [](const auto& each) { return each.second.holes.empty(); });
  }

  // Those for which `which(stream, hole)` is true are not looked for any more, and it is told what has become of them.
  template <class Which>
  void close_if(Which which) {
    std::vector<std::pair<stream_key, open_hole>> closed;
    for (auto& [key, its] : streams_) {
      for (open_hole& each : its.holes.extract_if([&](const open_hole& hole) { return which(key, hole); }))
        closed.emplace_back(key, std::move(each));
    }
    holes_ -= closed.size();
    std::erase_if(streams_, [](const auto& each) { return each.second.holes.empty(); });
    for (const auto& [key, hole] : closed) tell(key, hole);
  }
  void tell(const stream_key& of, const open_hole& hole) {
    if (hole.missing() != 0) out_.counters().failed_repairs.add();
    if (waits()) return out_.lines().settled(of.first, of.second, hole.ids);
    publisher::batch batch{out_};
    for (const id_range& came : hole.came) {
      batch.publish_status(make_filled_status(came.from, came.to, of.first, epoch_clock::now_ns(), of.second),
                           venue_.where());
    }
  }

  // Holes are late in the order in which they were found, or about that.
  void watch_time() {
    steady_time earliest = steady_time::max();
    for (const auto& [key, its] : streams_) earliest = std::min(earliest, its.holes.due());
    if (earliest == steady_time::max()) return;
    due_ = timers_.call_at(earliest, [this] {
      close_if([now = timers_.now()](const stream_key&, const open_hole& hole) { return hole.until <= now; });
      out_.release_held();
      watch_time();
    });
  }

  timer_queue& timers_;
  publisher& out_;
  Venue& venue_;
  websocket_error_handler& errors_;
  const gap_repair_settings settings_;
  const diagnostics& log_;
  weight_budget weight_;
  backoff retry_{
      {.base = std::chrono::milliseconds{100}, .cap = std::chrono::milliseconds{30'000}, .first_immediate = false}};
  async_event news_;
  stream_map streams_;
  std::size_t holes_{0};
  stream_key last_asked_{};
  steady_time closed_until_{};
  timer due_;
  bool running_{false};
};

}  // namespace foxtrot::inline v0
