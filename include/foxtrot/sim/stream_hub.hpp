// foxtrot/sim/stream_hub.hpp: who is subscribed to which stream of a simulated exchange.
#pragma once

#include <foxtrot/net/asio.hpp>
#include <foxtrot/net/async_event.hpp>
#include <foxtrot/sim/exchange_settings.hpp>
#include <foxtrot/sim/exchange_target.hpp>

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace foxtrot::inline v0 {

/// Somebody who is sent messages: a connection. Loop thread only.
class stream_subscriber {
 public:
  stream_subscriber() = default;
  stream_subscriber(const stream_subscriber&) = delete;
  stream_subscriber& operator=(const stream_subscriber&) = delete;
  virtual ~stream_subscriber() = default;

  [[nodiscard]] virtual time_unit unit() const noexcept = 0;
  /// Queues one message of a stream; it leaves with the next flush.
  virtual void message(sim_message kind, std::string_view stream, std::string_view data) = 0;
  virtual void flush() = 0;
  /// Bytes that the client has not taken.
  [[nodiscard]] virtual std::size_t unsent() const noexcept = 0;
};

/// The switchboard between a source, which numbers its streams from zero, and the connections. Loop thread only.
class stream_hub {
 public:
  explicit stream_hub(asio::io_context& loop) : changed_{loop} {}

  void resize(std::size_t streams) { lists_.resize(streams); }

  void subscribe(std::size_t stream, stream_subscriber& who) {
    lists_[stream].push_back(&who);
    ++subscriptions_;
    changed_.notify();
  }
  void unsubscribe(std::size_t stream, stream_subscriber& who) {
    subscriptions_ -= std::erase(lists_[stream], &who);
    changed_.notify();
  }
  /// Forgets a connection that is gone.
  void forget(stream_subscriber& who) {
    for (auto& list : lists_) subscriptions_ -= std::erase(list, &who);
    std::erase(to_flush_, &who);
    changed_.notify();
  }

  [[nodiscard]] bool anybody() const noexcept { return subscriptions_ != 0; }
  [[nodiscard]] const std::vector<stream_subscriber*>& subscribers(std::size_t stream) const noexcept {
    return lists_[stream];
  }
  [[nodiscard]] bool wanted(std::size_t stream) const noexcept { return !lists_[stream].empty(); }

  /// To be flushed with the others.
  void mark(stream_subscriber& who) {
    if (to_flush_.empty() || to_flush_.back() != &who)
      if (std::find(to_flush_.begin(), to_flush_.end(), &who) == to_flush_.end()) to_flush_.push_back(&who);
  }
  /// Sends everything that was queued. Returns the most that any of these connections still holds.
  std::size_t flush() {
    std::size_t most = 0;
    flushing_.swap(to_flush_);
    for (stream_subscriber* who : flushing_) {
      who->flush();
      most = std::max(most, who->unsent());
    }
    flushing_.clear();
    return most;
  }
  /// The most that any subscriber of anything holds.
  [[nodiscard]] std::size_t most_unsent() const noexcept {
    std::size_t most = 0;
    for (const auto& list : lists_)
      for (const stream_subscriber* who : list) most = std::max(most, who->unsent());
    return most;
  }

  /// Notified at every subscription, every end of one, and whenever a connection has room again. One waiter: the
  /// source.
  [[nodiscard]] async_event& changed() noexcept { return changed_; }

 private:
  std::vector<std::vector<stream_subscriber*>> lists_;  // by stream
  std::vector<stream_subscriber*> to_flush_;
  std::vector<stream_subscriber*> flushing_;
  std::size_t subscriptions_{0};
  async_event changed_;
};

}  // namespace foxtrot::inline v0
