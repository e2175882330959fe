// foxtrot/exchange/binance/engine.hpp: everything that runs between connect and disconnect of a market_data.
#pragma once

#include <foxtrot/core/error.hpp>
#include <foxtrot/core/live_object.hpp>
#include <foxtrot/exchange/binance/connection_info.hpp>
#include <foxtrot/exchange/binance/depth_fetcher.hpp>
#include <foxtrot/exchange/binance/detail/checked_settings.hpp>
#include <foxtrot/exchange/binance/detail/dual_mode.hpp>
#include <foxtrot/exchange/binance/detail/session_lines.hpp>
#include <foxtrot/exchange/binance/detail/stream_names.hpp>
#include <foxtrot/exchange/binance/protocol.hpp>
#include <foxtrot/exchange/binance/settings.hpp>
#include <foxtrot/exchange/binance/trade_fetcher.hpp>
#include <foxtrot/exchange/binance/websocket_choice.hpp>
#include <foxtrot/feed/book_keeper.hpp>
#include <foxtrot/feed/command_queue.hpp>
#include <foxtrot/feed/publisher.hpp>
#include <foxtrot/net/asio.hpp>
#include <foxtrot/net/async_thread_bridge.hpp>
#include <foxtrot/net/task_scope.hpp>
#include <foxtrot/net/timer_queue.hpp>
#include <foxtrot/thread/thread_event.hpp>
#include <foxtrot/thread/thread_monitor.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <future>
#include <set>
#include <span>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace foxtrot::inline v0::binance::detail {

/// Whose network thread this is; null for all others. A thread's id could be another's before long.
[[gnu::visibility("default")]] inline thread_local const void* owner_of_this_thread = nullptr;

/// One network thread with its sessions and its REST requests. Made, started and stopped by its owner; the rest from
/// any thread.
class engine : private live_object<engine> {
 public:
  engine(const checked_settings& settings, publisher& out)
      : settings_{settings},
        out_{out},
        bridge_{bridge_settings_of(settings.given.network), settings.given.log},
        protocol_{settings.given.market},
        books_{settings.given.market == market::spot ? book_rule::spot : book_rule::futures,
               {.fetch = [this](symbol_id symbol) { fetcher_.ask(std::string{out_.symbols().name(symbol)}); },
                .wake_after =
                    [this](std::chrono::nanoseconds wait) {
                      books_due_ = bridge_.timers().call_after(wait, [this] { books_.on_time(); });
                    }}},
        lines_{settings, bridge_, out},
        fetcher_{bridge_.timers(), out, protocol_, settings},
        modes_{bridge_.timers(), out, lines_, settings} {}

  engine(const engine&) = delete;
  engine& operator=(const engine&) = delete;
  /// Joins the network thread, however long a handler there still takes.
  ~engine() {
    told_.cancel();
    watched_.cancel();
    join();
    // What stop() could not end in time ends here, while everything it refers to is alive.
    requests_.cancel();
    lines_.cancel();
    bridge_.context().restart();
    bridge_.context().poll();
    lines_.on_change = [] {};
    out_.show_books_to(nullptr);
  }

  /// `owner` is known to be the network thread's before any event can reach a handler there.
  [[nodiscard]] std::error_code start(std::vector<std::string> streams, const void* owner) {
    if (const std::error_code error = bridge_.start()) return error;
    if (settings_.given.monitor != nullptr) listen_to(*settings_.given.monitor);
    return bridge_.call(
        [this, &streams, owner] {
          owner_of_this_thread = owner;
          listen_to_lines();
          if (settings_.given.depth_snapshots) {
            out_.show_books_to(&books_);
            (void)requests_.spawn("depth snapshots", fetcher_.run());
          }
          (void)requests_.spawn("polling", modes_.run());
          trades_.start(requests_);
          subscribe_now(streams);
          modes_.start();
        },
        start_patience);
  }

  /// Ends everything in order: the session says goodbye, the requests are dropped, the thread is joined. On the network
  /// thread it only begins; somebody else's stop() or the destructor joins. Idempotent. errc::timeout where a task
  /// would not end; it has been named to the diagnostics.
  std::error_code stop() {
    start_stop();
    if (on_network_thread()) return {};
    (void)said_.wait_for(settings_.given.session.close_timeout + task_patience);
    return bridge_.stop(task_patience);
  }

  /// Begins what stop() does, and waits for nothing.
  void start_stop() {
    if (!ending_.exchange(true, std::memory_order_relaxed)) bridge_.spawn("stop", say_goodbye());
  }
  /// Ends everything without a word: no goodbye to the venue, whatever is under way is cut off as soon as the network
  /// thread comes to it. Only begins; stop() joins.
  void abort() {
    start_stop();
    bridge_.post([this] {
      requests_.cancel();
      lines_.cancel();
    });
  }
  /// What has not ended yet, by name. Any thread.
  [[nodiscard]] std::vector<std::string> tasks() const {
    std::vector<std::string> all = lines_.tasks();
    for (std::string& each : requests_.names()) all.push_back(std::move(each));
    return all;
  }

  // What follows is done by the network thread as soon as it comes to it. False where too much waits for it already.
  [[nodiscard]] bool subscribe(std::vector<std::string> streams) {
    return commands_.try_send({command::action::subscribe, std::move(streams)});
  }
  [[nodiscard]] bool unsubscribe(std::vector<std::string> streams) {
    return commands_.try_send({command::action::unsubscribe, std::move(streams)});
  }
  /// Lets newcomers hear the state of the connection even if nothing else happens.
  [[nodiscard]] bool greet_newcomers() { return commands_.try_send({command::action::greet, {}}); }
  [[nodiscard]] bool drop_connection() { return commands_.try_send({command::action::drop, {}}); }
  [[nodiscard]] bool rotate() { return commands_.try_send({command::action::rotate, {}}); }
  /// Others come by WebSocket from then on.
  [[nodiscard]] bool choose(websocket_choice choice) {
    return commands_.try_send({.what = command::action::choose, .choice = std::move(choice)});
  }
  /// The book that is kept of this symbol goes out as a tick.
  [[nodiscard]] bool request_snapshot(std::string symbol) {
    return commands_.try_send({command::action::snapshot, {std::move(symbol)}});
  }

  /// After stop(): the network thread has not ended, because a handler there has not returned.
  [[nodiscard]] bool stuck() { return bridge_.has_thread(); }
  /// Ends the network thread however long a handler there still takes.
  void join() { bridge_.join(); }

  /// True once stop() was called.
  [[nodiscard]] bool ending() const noexcept { return ending_.load(std::memory_order_relaxed); }
  [[nodiscard]] session_state state() const noexcept { return lines_.state(); }
  /// Nothing comes any more, and nothing will.
  [[nodiscard]] bool given_up() const noexcept { return state() == session_state::error && modes_.polled() == 0; }
  /// Fills in what is known here.
  void describe(connection_info& into) {
    into.state = lines_.state();
    into.breaker = lines_.breaker();
    into.polled_streams = modes_.polled();
    into.connections = lines_.connections();
    into.connected_for = lines_.connected_for(bridge_.timers().now());
  }
  [[nodiscard]] bool on_network_thread() const noexcept { return bridge_.on_loop_thread(); }

 private:
  static constexpr std::chrono::milliseconds start_patience{1000};
  static constexpr std::chrono::milliseconds task_patience{500};

  struct command {
    enum class action : std::uint8_t { subscribe, unsubscribe, choose, greet, drop, rotate, snapshot, tell_of_thread };
    action what;
    std::vector<std::string> names{};  // of streams; snapshot: of a symbol; tell_of_thread: of a thread
    status_code status{};              // tell_of_thread
    websocket_choice choice{};
  };
  static constexpr std::size_t most_commands = 256;

  void run(command& wanted) {
    switch (wanted.what) {
      case command::action::subscribe: forget_ids(wanted.names); return subscribe_now(wanted.names);
      case command::action::unsubscribe: return unsubscribe_now(wanted.names);
      case command::action::choose: return modes_.choose(std::move(wanted.choice));
      case command::action::greet: return void(publisher::batch{out_});  // adopts them
      case command::action::drop: return lines_.drop(errc::closed);
      case command::action::rotate: return lines_.rotate();
      case command::action::snapshot: {
        if (!lines_.books_connected()) books_.doubt_all();
        publisher::batch batch{out_};
        (void)batch.publish_book(protocol_.where(), out_.symbols().find(wanted.names.front()));
        return;
      }
      case command::action::tell_of_thread:
        return publisher::batch{out_}.publish_status(
            make_thread_status(wanted.status, epoch_clock::now_ns(), wanted.names.front()), protocol_.where());
    }
  }

  void listen_to(thread_monitor& monitor) {
    watched_ = monitor.watch(settings_.given.network.name, bridge_.pulse(), settings_.given.watch);
    told_ = monitor.on_event([this](const thread_event& event) {
      if (settings_.tells_of && !settings_.tells_of(event.name)) return;
      constexpr auto first = static_cast<unsigned>(status_code::thread_crashed);
      const auto code = static_cast<status_code>(first + static_cast<unsigned>(event.kind));
      (void)commands_.try_send({command::action::tell_of_thread, {event.name}, code});  // full: it has worse to tell of
    });
  }

  void listen_to_lines() {
    lines_.on_change = [this] { modes_.review(); };
    // What is under way when a connection is made may be of before.
    lines_.on_books_connected = [this](const std::set<std::string>& streams) {
      for (const std::string& stream : streams)
        if (const std::string symbol = depth_symbol_of(stream); !symbol.empty()) fetcher_.forget(symbol);
      books_.doubt_all();
    };
    // A book that misses nothing but has no changes, either, would not ask: so one is fetched for each anyway.
    lines_.on_confirmed = [this](const std::vector<std::string>& confirmed) {
      if (settings_.given.depth_snapshots)
        for_each_book(confirmed, [this](std::string symbol) { fetcher_.ask(std::move(symbol)); });
      modes_.review();
    };
  }

  // Calls `action` with the symbol of each stream of depth updates among these.
  template <class Action>
  static void for_each_book(std::span<const std::string> streams, Action action) {
    for (const std::string& stream : streams) {
      if (std::string symbol = depth_symbol_of(stream); !symbol.empty()) action(std::move(symbol));
    }
  }

  // Of streams that are new now: what came between is no hole, for nobody wanted it.
  void forget_ids(std::span<const std::string> streams) {
    for (const std::string& stream : streams) {
      const auto kind = numbered_kind_of_stream(stream);
      if (!kind || modes_.streams().contains(stream)) continue;
      out_.forget_ids(*kind, out_.symbols().find(symbol_of_stream(stream)));
    }
  }

  void subscribe_now(std::span<const std::string> streams) {
    for_each_book(streams, [this](const std::string& symbol) {
      if (!settings_.given.depth_snapshots) return;
      if (const auto id = out_.symbols().intern(symbol)) books_.add(*id);
    });
    modes_.subscribe(streams);
  }
  void unsubscribe_now(std::span<const std::string> streams) {
    modes_.unsubscribe(streams);
    const auto& left = modes_.streams();
    trades_.forget(streams, left);
    for_each_book(streams, [&](const std::string& symbol) {
      const auto is_left = [&symbol](const std::string& stream) { return depth_symbol_of(stream) == symbol; };
      if (std::any_of(left.begin(), left.end(), is_left)) return;  // at another speed
      books_.remove(out_.symbols().find(symbol));
      fetcher_.forget(symbol);
    });
  }

  [[nodiscard]] static bridge_settings bridge_settings_of(const network_settings& given) {
    bridge_settings made;
    made.network = {given.name, given.cpu, given.realtime_priority, given.policy};
    made.waiting = given.idle;
    return made;
  }

  [[nodiscard]] task<> say_goodbye() {
    requests_.cancel();
    trades_.end();
    co_await lines_.stop(task_patience);
    (void)co_await requests_.close(bridge_.timers(), task_patience);
    modes_.end();
    bridge_.stop(task_patience);  // from here it only asks the loop to end
    goodbye_.set_value();
  }

  const checked_settings& settings_;
  publisher& out_;
  std::atomic<bool> ending_{false};
  std::promise<void> goodbye_;
  const std::future<void> said_{goodbye_.get_future()};
  async_thread_bridge bridge_;
  protocol protocol_;
  book_keeper books_;
  timer books_due_;
  session_lines lines_;
  depth_fetcher fetcher_;
  trade_fetcher trades_{bridge_.timers(), out_, settings_};
  dual_mode modes_;
  command_queue<command> commands_{bridge_, most_commands, [this](command& wanted) { run(wanted); }};
  task_scope requests_{bridge_.context(), "requests", &settings_.given.log};
  watched_thread watched_;
  thread_monitor::handler_registration told_;
};

}  // namespace foxtrot::inline v0::binance::detail
