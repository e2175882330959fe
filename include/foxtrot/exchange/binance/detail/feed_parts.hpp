// foxtrot/exchange/binance/detail/feed_parts.hpp: what a feed has once for each of its network threads, connected or
// not.
#pragma once

#include <foxtrot/core/error.hpp>
#include <foxtrot/core/live_object.hpp>
#include <foxtrot/core/result.hpp>
#include <foxtrot/exchange/binance/detail/checked_settings.hpp>
#include <foxtrot/exchange/binance/detail/stream_shares.hpp>
#include <foxtrot/exchange/binance/settings.hpp>
#include <foxtrot/feed/counters.hpp>
#include <foxtrot/feed/detail/joint_handler.hpp>
#include <foxtrot/feed/inline_consumer.hpp>
#include <foxtrot/feed/line_race.hpp>
#include <foxtrot/feed/publisher.hpp>
#include <foxtrot/market/detail/joint_status.hpp>
#include <foxtrot/market/event.hpp>
#include <foxtrot/market/latency_report.hpp>
#include <foxtrot/market/merge.hpp>
#include <foxtrot/market/subscription.hpp>
#include <foxtrot/market/subscription_settings.hpp>

#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace foxtrot::inline v0::binance::detail {

/// A publisher for each thread, and the consumers that read all of them as one. Any thread, except where it says so.
class feed_parts : private live_object<feed_parts> {
 public:
  struct part {
    explicit part(checked_settings its)
        : settings{std::move(its)}, out{*settings.given.symbols, settings.given.ring, settings.given.measures_latency} {
      out.use_clocks({.receive_shift_ns = settings.given.session.clock_shift.count()});
    }

    checked_settings settings;  // without streams; its choice of WebSocket changes, under the owner's lock
    publisher out;
  };

  explicit feed_parts(const checked_settings& settings) {
    const std::size_t count = settings.given.network.threads;
    for (std::size_t i = 0; i < count; ++i) all_.push_back(std::make_unique<part>(settings_of(settings, i)));
    if (count == 1) return;
    sum_ = std::make_unique<feed_counters>();
    for (const auto& each : all_) counted_.push_back(&each->out.counters());
  }
  feed_parts(const feed_parts&) = delete;
  feed_parts& operator=(const feed_parts&) = delete;

  [[nodiscard]] std::size_t size() const noexcept { return all_.size(); }
  [[nodiscard]] part& operator[](std::size_t thread) noexcept { return *all_[thread]; }

  [[nodiscard]] result<subscription> subscribe(const subscription_settings& wanted) {
    if (size() == 1) return all_.front()->out.subscribe(wanted);
    std::vector<subscription> made;
    for (const auto& each : all_) {
      auto one = each->out.subscribe(wanted);
      if (!one) return one.error();
      made.push_back(std::move(*one));
    }
    return foxtrot::detail::merging::merge(std::move(made), foxtrot::detail::joint_status{in_use_});
  }
  [[nodiscard]] result<inline_subscription> subscribe_inline(const subscription_settings& wanted,
                                                             inline_handler handler) {
    if (size() == 1) return all_.front()->out.subscribe_inline(wanted, std::move(handler));
    using foxtrot::detail::joint_handler;
    const auto joint = std::make_shared<joint_handler>(std::move(handler), foxtrot::detail::joint_status{in_use_});
    std::vector<inline_subscription> made;
    for (std::size_t i = 0; i < size(); ++i) {
      auto one = all_[i]->out.subscribe_inline(wanted, [joint, i](const event& told) { joint->call(i, told); });
      if (!one) return one.error();
      made.push_back(std::move(*one));
    }
    return inline_subscription{std::move(made)};
  }

  void interrupt(bool on) {
    for (const auto& each : all_) each->out.interrupt(on);
  }
  /// Not while a network thread runs.
  void close() {
    for (const auto& each : all_) each->out.close();
  }

  /// Those of the one thread, as they go; of several what they were when this was called last.
  [[nodiscard]] const feed_counters& counters() const {
    if (sum_ == nullptr) return all_.front()->out.counters();
    const std::lock_guard lock{sum_mutex_};
    sum_->become_sum_of(counted_);
    return *sum_;
  }

  [[nodiscard]] foxtrot::line_statistics line_statistics() const {
    foxtrot::line_statistics all;
    for (const auto& each : all_) all.merge(each->out.lines().statistics());
    return all;
  }

  [[nodiscard]] latency_report latency() const {
    latency_report all;
    for (const auto& each : all_) all.merge(each->out.latency());
    return all;
  }

  /// Which threads have anything to bring.
  void use(const stream_shares& shares) noexcept { in_use_->store(shares.in_use(), std::memory_order_relaxed); }

 private:
  [[nodiscard]] static checked_settings settings_of(checked_settings made, std::size_t thread) {
    const network_settings all = made.given.network;
    made.given.streams.clear();
    if (all.threads == 1) return made;
    made.given.network = network_of(all, thread);
    made.given.polling.weight_share /= static_cast<double>(all.threads);  // the venue counts by address
    made.given.gap_repair.weight_share /= static_cast<double>(all.threads);
    // A thread that does not get on cannot say so.
    made.tells_of = [thread, first = all.name](std::string_view name) { return thread == (name == first ? 1U : 0U); };
    return made;
  }

  std::vector<std::unique_ptr<part>> all_;
  std::shared_ptr<foxtrot::detail::parts_in_use> in_use_{std::make_shared<foxtrot::detail::parts_in_use>(1)};
  std::vector<const feed_counters*> counted_;
  mutable std::mutex sum_mutex_;
  std::unique_ptr<feed_counters> sum_;  // of several; written under the mutex
};

}  // namespace foxtrot::inline v0::binance::detail
