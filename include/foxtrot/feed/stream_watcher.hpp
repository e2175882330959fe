// foxtrot/feed/stream_watcher.hpp: looks at the ages of one session's streams, and does what they call for.
#pragma once

#include <foxtrot/core/clock.hpp>
#include <foxtrot/core/diagnostics.hpp>
#include <foxtrot/core/error.hpp>
#include <foxtrot/core/live_object.hpp>
#include <foxtrot/feed/data_age_limits.hpp>
#include <foxtrot/feed/line_arbiter.hpp>
#include <foxtrot/feed/line_group.hpp>
#include <foxtrot/feed/protocol.hpp>
#include <foxtrot/feed/publisher.hpp>
#include <foxtrot/feed/stream_ages.hpp>
#include <foxtrot/feed/subscription_set.hpp>
#include <foxtrot/market/status.hpp>
#include <foxtrot/market/symbol.hpp>
#include <foxtrot/net/timer_queue.hpp>

#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace foxtrot::inline v0::detail {

/// Tells consumers of symbols that become stale, asks again for streams that were confirmed and never spoke, and gives
/// them up in the end. Where several lines carry the streams, the one that leads does that. Loop thread only.
template <venue_protocol Protocol>
class stream_watcher : private live_object<stream_watcher<Protocol>> {
 public:
  /// `ask` is called when `wanted` has something to ask for.
  stream_watcher(const data_age_limits& limits, timer_queue& timers, publisher& out, const Protocol& protocol,
                 subscription_set& wanted, const diagnostics& log, const line_place& place, std::function<void()> ask)
      : limits_{limits},
        timers_{timers},
        out_{out},
        protocol_{protocol},
        wanted_{wanted},
        log_{log},
        line_{place.line},
        leads_{place.leads},
        ask_{std::move(ask)} {}
  stream_watcher(const stream_watcher&) = delete;
  stream_watcher& operator=(const stream_watcher&) = delete;
  ~stream_watcher() { out_.ages().leave(this); }

  /// The venue has confirmed them: their first ticks are due.
  void watch(const std::vector<std::string>& streams) {
    for (const std::string& stream : streams) {
      const auto key = protocol_.key_of(stream);
      if (!key) continue;
      const auto symbol = out_.symbols().intern(key->symbol);
      if (!symbol) continue;
      if (line_ != no_line) out_.lines().confirmed(line_, key->kind, *symbol);
      if (leads_) out_.ages().watch(this, stream, key->kind, *symbol, timers_.now());
    }
    if (!leads_) return;
    looked_ = timers_.now();
    look_later();
  }
  /// Another line leads, or this one from now on.
  void lead(bool leads) {
    if (std::exchange(leads_, leads) == leads) return;
    if (line_ != no_line) out_.lines().lead(line_, leads);
    if (leads) return watch(wanted_.confirmed_streams());
    look_.cancel();
    out_.ages().leave(this);
  }
  /// The connection is lost.
  void pause() noexcept {
    look_.cancel();
    out_.ages().pause(this);
  }
  /// Nobody wants that stream any more.
  void forget(const std::string& stream) {
    const auto key = protocol_.key_of(stream);
    if (!key) return;
    const symbol_id symbol = out_.symbols().find(key->symbol);
    if (line_ != no_line && symbol != symbol_id::none) out_.lines().unsubscribed(line_, key->kind, symbol);
    if (out_.ages().forget(this, stream)) publish(status_code::fresh, symbol);
  }

 private:
  void look_later() {
    look_ = timers_.call_after(steady_time::duration{limits_.look_every}, [this] { look(); });
  }

  // What has not been read yet is no silence: time in which this thread was kept from reading does not count.
  void look() {
    look_later();
    const steady_time now = timers_.now();
    const steady_time::duration every{limits_.look_every};
    const steady_time::duration pause = now - std::exchange(looked_, now);
    const auto late = pause > 3 * every ? pause - every : steady_time::duration::zero();
    findings_.clear();
    out_.ages().look(this, limits_, now, late, [this](const age_finding& each) { findings_.push_back(each); });
    for (const age_finding& each : findings_) heed(each);
    if (!findings_.empty()) ask_();
  }

  void heed(const age_finding& finding) {
    switch (finding.found) {
      case age_finding::what::stale: out_.counters().stale.add(); return publish(status_code::stale, finding.symbol);
      case age_finding::what::ask_again:
        for (const std::string& stream : *finding.streams) wanted_.doubt(stream);
        return;
      case age_finding::what::silent:
        for (const std::string& stream : *finding.streams) {
          wanted_.set_silent(stream, true);
          out_.counters().silent_streams.add();
          log_.report(severity::error, "websocket_manager", stream + " is confirmed and silent", errc::data_silent);
        }
        return;
      case age_finding::what::heard:
        for (const std::string& stream : *finding.streams) wanted_.set_silent(stream, false);
        return;
    }
  }

  void publish(status_code code, symbol_id symbol) {
    publisher::batch batch{out_};
    batch.publish_status(make_symbol_status(code, epoch_clock::now_ns(), symbol), protocol_.where());
  }

  const data_age_limits& limits_;
  timer_queue& timers_;
  publisher& out_;
  const Protocol& protocol_;
  subscription_set& wanted_;
  const diagnostics& log_;
  const line_id line_;
  bool leads_;
  const std::function<void()> ask_;
  std::vector<age_finding> findings_;  // of one look
  steady_time looked_{};
  timer look_;
};

}  // namespace foxtrot::inline v0::detail
