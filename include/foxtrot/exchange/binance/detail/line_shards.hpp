// foxtrot/exchange/binance/detail/line_shards.hpp: the streams of one route, spread over as many connections as it
// takes.
#pragma once

#include <foxtrot/core/clock.hpp>
#include <foxtrot/core/live_object.hpp>
#include <foxtrot/exchange/binance/detail/session_line.hpp>
#include <foxtrot/feed/handover.hpp>
#include <foxtrot/feed/line_set.hpp>
#include <foxtrot/feed/line_settings.hpp>
#include <foxtrot/net/asio.hpp>
#include <foxtrot/net/task_scope.hpp>
#include <foxtrot/net/timer_queue.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace foxtrot::inline v0::binance::detail {

/// Each stream has its home in one set of lines. New streams go where there is room, else to a new set. Where the
/// streams that are left would fit well into fewer sets, the smallest set is given up: its streams are taken over by
/// others, numbered ones without a break (see handover), others with one, so that nothing comes twice. Loop thread
/// only, except tasks().
class line_shards : private live_object<line_shards> {
 public:
  using lines = line_set<session_line>;
  using lines_maker = std::function<std::unique_ptr<lines>()>;

  line_shards(timer_queue& timers, const line_arbiter& arbiter, const line_settings& settings, const diagnostics& log,
              lines_maker make)
      : timers_{timers},
        arbiter_{arbiter},
        settings_{settings},
        make_{std::move(make)},
        scope_{timers.context(), "shards", &log} {
    add();
  }
  line_shards(const line_shards&) = delete;
  line_shards& operator=(const line_shards&) = delete;

  /// After streams without ids have been taken over.
  std::function<void()> on_moved{[] {}};

  void subscribe(std::span<const std::string> streams) {
    std::map<shard*, std::vector<std::string>> shares;
    for (const std::string& stream : streams) {
      const auto known = home_.find(stream);
      shard& home = known != home_.end() ? *known->second : place();
      if (known == home_.end()) settle(stream, home);
      shares[&home].push_back(stream);
    }
    for (const auto& [home, its] : shares) home->set->subscribe(its);
  }
  void unsubscribe(std::span<const std::string> streams) {
    for (const std::string& stream : streams) {
      const auto known = home_.find(stream);
      if (known == home_.end()) continue;
      --known->second->load;
      home_.erase(known);
    }
    for (const auto& each : shards_) each->set->unsubscribe(streams);
    for (const auto& each : moves_) {
      const auto is_gone = [&](const std::string& stream) {
        return std::ranges::find(streams, stream) != streams.end();
      };
      std::erase_if(each->numbered, is_gone);
      std::erase_if(each->others, is_gone);
      each->follow(arbiter_, settings_);
    }
    use_fewer();
  }

  /// Connects though nothing is wanted yet.
  void start() {
    (*std::ranges::find_if(shards_, [](const auto& each) { return !each->leaving; }))->set->subscribe({});
  }
  /// Disconnects until something is subscribed to.
  void rest() {
    for (const auto& each : moves_) {  // what is under way arrives at once: nothing comes by either
      each->to->set->subscribe(each->others);
      each->from->set->unsubscribe(each->numbered);
    }
    end_moves();
    for_each([](lines& each) { each.rest(); });
  }
  [[nodiscard]] task<> stop(steady_time::duration patience) {
    stopping_ = true;
    rest();                    // all say goodbye before one is waited for
    std::vector<lines*> left;  // the others are on their way already
    for (const auto& each : shards_)
      if (!each->leaving) left.push_back(each->set.get());
    for (lines* const each : left) co_await each->stop(patience);
    (void)co_await scope_.close(timers_, patience);
  }
  void cancel() {
    stopping_ = true;
    look_.cancel();
    moves_.clear();
    for_each([](lines& each) { each.cancel(); });
    scope_.cancel();
  }
  template <class Action>
  void for_each(Action action) const {
    for (const auto& each : shards_) action(*each->set);
  }
  /// Where the stream is at home; null: nowhere.
  [[nodiscard]] const lines* home_of(std::string_view stream) const {
    const auto known = home_.find(stream);
    return known != home_.end() ? known->second->set.get() : nullptr;
  }
  /// Sets of lines that have the stream.
  [[nodiscard]] std::ptrdiff_t carriers(std::string_view stream) const {
    return std::ranges::count_if(shards_, [stream](const auto& each) { return each->set->is_confirmed(stream); });
  }
  template <class Predicate>
  [[nodiscard]] bool any(Predicate holds) const {
    return std::ranges::any_of(shards_, [&](const auto& each) { return holds(std::as_const(*each->set)); });
  }
  /// Any thread.
  [[nodiscard]] std::vector<std::string> tasks() const {
    const std::lock_guard lock{structure_};
    std::vector<std::string> names;
    for (const auto& each : shards_)
      for (std::string& name : each->set->tasks()) names.push_back(std::move(name));
    return names;
  }

 private:
  struct shard : private live_object<shard> {
    std::unique_ptr<lines> set;
    std::size_t load{0};  // streams at home there
    bool leaving{false};
  };
  // Streams on their way from one shard to another.
  struct move : private live_object<move> {
    shard* from{nullptr};
    shard* to{nullptr};
    std::vector<std::string> numbered{};
    std::vector<std::string> others{};
    std::optional<handover> ready{};

    void follow(const line_arbiter& arbiter, const line_settings& settings) {
      ready.emplace(arbiter, from->set->numbered({numbered.begin(), numbered.end()}),
                    steady_time::duration{settings.overlap});
    }
  };
  static constexpr std::chrono::milliseconds look_every{20};
  static constexpr std::chrono::milliseconds goodbye_patience{500};

  shard& add() {
    auto made = std::make_unique<shard>();
    made->set = make_();
    const std::lock_guard lock{structure_};
    return *shards_.emplace_back(std::move(made));
  }
  // Where there is room for one more.
  shard& place() {
    const auto room = std::ranges::find_if(
        shards_, [this](const auto& each) { return !each->leaving && each->load < settings_.max_streams; });
    return room != shards_.end() ? **room : add();
  }
  void settle(const std::string& stream, shard& home) {
    home_[stream] = &home;
    ++home.load;
  }

  // A quarter stays free, lest the next stream need another connection.
  void use_fewer() {
    if (stopping_ || !moves_.empty()) return;
    const auto leaving = std::ranges::count(shards_, true, [](const auto& each) { return each->leaving; });
    const std::size_t staying = shards_.size() - static_cast<std::size_t>(leaving);
    if (staying < 2 || home_.size() > (staying - 1) * settings_.max_streams * 3 / 4) return;
    const auto load = [](const auto& each) { return each->leaving ? std::size_t(-1) : each->load; };
    shard& from = **std::ranges::min_element(shards_, {}, load);
    from.leaving = true;
    std::map<shard*, std::vector<std::string>> shares;
    for (auto& [stream, home] : home_) {
      if (home != &from) continue;
      home = &place();
      ++home->load;
      shares[home].push_back(stream);
    }
    from.load = 0;
    for (auto& [to, streams] : shares) begin_move(from, *to, streams);
    if (shares.empty()) return retire(from);
    look_later();
  }
  void begin_move(shard& from, shard& to, const std::vector<std::string>& streams) {
    auto made = std::make_unique<move>();
    made->from = &from;
    made->to = &to;
    for (const std::string& stream : streams)
      (from.set->numbered({stream}).empty() ? made->others : made->numbered).push_back(stream);
    made->follow(arbiter_, settings_);
    to.set->subscribe(made->numbered);
    from.set->unsubscribe(made->others);
    moves_.push_back(std::move(made));
  }
  void look_later() {
    look_ = timers_.call_after(steady_time::duration{look_every}, [this] { look(); });
  }
  void look() {
    bool moved = false;
    for (const auto& each : moves_) {
      const auto is_left = [&](const std::string& stream) { return !each->from->set->knows(stream); };
      if (!each->others.empty() && std::ranges::all_of(each->others, is_left)) {
        each->to->set->subscribe(each->others);
        each->others.clear();
        moved = true;
      }
      const auto has = [&](const std::string& stream) { return each->to->set->is_confirmed(stream); };
      const bool whole = std::ranges::all_of(each->numbered, has);
      const bool cut_off = !each->from->set->is_up();
      if (each->ready->ready(each->from->set->leader(), each->to->set->leader(), whole, timers_.now()) ||
          (cut_off && whole)) {
        each->from->set->unsubscribe(each->numbered);
        each->numbered.clear();
      }
    }
    if (moved) on_moved();
    const bool done =
        std::ranges::all_of(moves_, [](const auto& each) { return each->numbered.empty() && each->others.empty(); });
    if (!done) return look_later();
    end_moves();
    use_fewer();
  }
  void end_moves() {
    look_.cancel();
    if (!moves_.empty()) retire(*moves_.front()->from);
    moves_.clear();
  }

  void retire(shard& which) { (void)scope_.spawn("goodbye", goodbye(which)); }
  [[nodiscard]] task<> goodbye(shard& which) {
    co_await which.set->withdraw(goodbye_patience);
    const auto at = std::ranges::find(shards_, &which, &std::unique_ptr<shard>::get);
    std::unique_ptr<shard> gone;
    const std::lock_guard lock{structure_};  // whoever asks for tasks() finds it whole, or not at all
    gone = std::move(*at);
    shards_.erase(at);
  }

  timer_queue& timers_;
  const line_arbiter& arbiter_;
  const line_settings& settings_;
  const lines_maker make_;
  mutable std::mutex structure_;  // held while shards_ changes, and by who reads it on another thread
  std::vector<std::unique_ptr<shard>> shards_;
  std::map<std::string, shard*, std::less<>> home_;  // of each stream that is wanted
  std::vector<std::unique_ptr<move>> moves_;         // from one shard, to others
  timer look_;
  bool stopping_{false};
  task_scope scope_;  // last: its tasks refer to the rest
};

}  // namespace foxtrot::inline v0::binance::detail
