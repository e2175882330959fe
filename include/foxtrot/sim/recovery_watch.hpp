// foxtrot/sim/recovery_watch.hpp: when a consumer of a feed learns of trouble, and when its market is whole again.
#pragma once

#include <foxtrot/core/live_object.hpp>
#include <foxtrot/market/event.hpp>
#include <foxtrot/market/kinds.hpp>
#include <foxtrot/market/status.hpp>
#include <foxtrot/market/symbol.hpp>

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <mutex>
#include <optional>
#include <set>
#include <stop_token>
#include <vector>

namespace foxtrot::inline v0 {

/// Kinds of status.
class status_set {
 public:
  constexpr status_set() = default;
  constexpr status_set(std::initializer_list<status_code> codes) noexcept {
    for (const status_code each : codes) bits_ |= std::uint32_t{1} << static_cast<unsigned>(each);
  }
  [[nodiscard]] constexpr bool contains(status_code code) const noexcept {
    return (bits_ >> static_cast<unsigned>(code) & 1U) != 0;
  }
  [[nodiscard]] constexpr bool empty() const noexcept { return bits_ == 0; }

 private:
  std::uint32_t bits_{0};
};

/// Knows of the feed what its events say. A feed is well while it is connected, does not fall back and no symbol is
/// stale; it is whole while it is well, every stream has spoken since it last was not, and every book is right. `on`
/// belongs to one thread, all else to any.
class recovery_watch : private live_object<recovery_watch> {
 public:
  using clock = std::chrono::steady_clock;
  using moment = std::optional<clock::time_point>;

  struct sight {
    moment detected;      ///< the first status that was looked for
    moment fell_back;     ///< the first fallback_started
    moment polled;        ///< the first tick after it that came by HTTP
    moment data_since;    ///< of a feed that is well: the first tick by WebSocket since it is
    moment whole_since;   ///< of a feed that is whole
    moment last_trouble;  ///< the last status that told of any
  };

  /// `streams`: pairs of kind and symbol that have to speak.
  explicit recovery_watch(std::size_t streams) : streams_{streams} {}
  recovery_watch(const recovery_watch&) = delete;
  recovery_watch& operator=(const recovery_watch&) = delete;
  ~recovery_watch() = default;

  void on(const event& told) {
    const std::lock_guard lock{mutex_};
    told.visit([this](const status& s) { on_status(s); },
               [this](const book_ticker& t) { on_tick(told_kind::quote, t); },
               [this](const trade& t) { on_tick(told_kind::trade, t); },
               [this](const depth_update& t) { on_tick(told_kind::depth, t); },
               [this](const depth_snapshot& t) {
                 if (t.source() == source::http && !t.is_kept_book()) on_polled();
               });
  }

  /// Forgets what was seen, and looks out for one of these.
  void look_out_for(status_set witnesses) {
    const std::lock_guard lock{mutex_};
    witnesses_ = witnesses;
    seen_.detected = seen_.fell_back = seen_.polled = seen_.last_trouble = std::nullopt;
  }
  /// From now on: every stream has to speak anew.
  void ask_for_proof() {
    const std::lock_guard lock{mutex_};
    forget_speakers();
  }

  [[nodiscard]] sight look() const {
    const std::lock_guard lock{mutex_};
    return seen_;
  }

  /// True once it is so; false at `until`, or when asked to stop.
  bool wait_detected(const std::stop_token& stop, clock::time_point until) {
    return wait(stop, until, [this] { return seen_.detected.has_value(); });
  }
  bool wait_whole(const std::stop_token& stop, clock::time_point until) {
    return wait(stop, until, [this] { return seen_.whole_since.has_value(); });
  }
  /// Waits for nothing but the end of the time, or a stop: false then.
  bool pass(const std::stop_token& stop, clock::time_point until) {
    (void)wait(stop, until, [] { return false; });
    return !stop.stop_requested();
  }

 private:
  enum class told_kind : std::uint8_t { quote, trade, depth };
  static constexpr std::size_t told_kinds = 3;

  template <class Predicate>
  bool wait(const std::stop_token& stop, clock::time_point until, Predicate happened) {
    std::unique_lock lock{mutex_};
    return changed_.wait_until(lock, stop, until, happened) && !stop.stop_requested();
  }

  [[nodiscard]] bool is_well() const noexcept { return connected_ && !falls_back_ && stale_.empty(); }

  template <class Tick>
  void on_tick(told_kind kind, const Tick& t) {
    if (t.source() == source::http) return on_polled();
    if (seen_.whole_since || !is_well()) [[likely]]
      return;
    if (!seen_.data_since) seen_.data_since = clock::now();
    const std::size_t at = static_cast<std::size_t>(t.record().symbol) * told_kinds + static_cast<std::size_t>(kind);
    if (at >= spoken_.size()) spoken_.resize(at + 1);
    if (!spoken_[at]) {
      spoken_[at] = true;
      ++spoken_count_;
    }
    become_whole();
  }
  void on_polled() {
    if (seen_.fell_back && !seen_.polled) seen_.polled = clock::now();
  }

  void on_status(const status& s) {
    const clock::time_point now = clock::now();
    if (!seen_.detected && witnesses_.contains(s.code())) {
      seen_.detected = now;
      changed_.notify_all();
    }
    switch (s.code()) {
      case status_code::connected: connected_ = true; return;
      case status_code::disconnected: connected_ = false; return suffer(now);
      case status_code::fallback_started:
        falls_back_ = true;
        if (!seen_.fell_back) seen_.fell_back = now;
        return suffer(now);
      case status_code::fallback_ended: falls_back_ = false; return;
      case status_code::stale: stale_.insert(s.record().symbol); return suffer(now);
      case status_code::fresh: stale_.erase(s.record().symbol); return;
      case status_code::resynchronised: broken_.erase(s.record().symbol); return become_whole();
      case status_code::gap:
        if (s.gap_kind() == tick_kind::depth_update) broken_.insert(s.record().symbol);
        seen_.last_trouble = now;
        seen_.whole_since = std::nullopt;  // the streams that have spoken go on
        return;
      default: return;
    }
  }

  void suffer(clock::time_point now) {
    seen_.last_trouble = now;
    seen_.data_since = std::nullopt;
    forget_speakers();
  }
  void forget_speakers() {
    seen_.whole_since = std::nullopt;
    spoken_.assign(spoken_.size(), false);
    spoken_count_ = 0;
  }
  void become_whole() {
    if (seen_.whole_since || spoken_count_ < streams_ || !broken_.empty() || !is_well()) return;
    seen_.whole_since = clock::now();
    changed_.notify_all();
  }

  const std::size_t streams_;
  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable_any changed_;
  status_set witnesses_;
  sight seen_;
  bool connected_{false};
  bool falls_back_{false};
  std::set<symbol_id> stale_;
  std::set<symbol_id> broken_;
  std::vector<bool> spoken_;  // by symbol and kind
  std::size_t spoken_count_{0};
};

}  // namespace foxtrot::inline v0
