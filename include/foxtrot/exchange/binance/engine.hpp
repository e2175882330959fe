// foxtrot/exchange/binance/engine.hpp: everything that runs between connect and disconnect of a market_data.
#pragma once

#include <foxtrot/core/error.hpp>
#include <foxtrot/core/live_object.hpp>
#include <foxtrot/exchange/binance/depth_fetcher.hpp>
#include <foxtrot/exchange/binance/detail/stream_names.hpp>
#include <foxtrot/exchange/binance/protocol.hpp>
#include <foxtrot/exchange/binance/settings.hpp>
#include <foxtrot/feed/book_keeper.hpp>
#include <foxtrot/feed/command_queue.hpp>
#include <foxtrot/feed/publisher.hpp>
#include <foxtrot/feed/tls_dialer.hpp>
#include <foxtrot/feed/websocket_manager.hpp>
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
#include <span>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace foxtrot::inline v0::binance::detail {

/// Whose network thread this is; null for all others. A thread's id could be another's before long.
inline thread_local const void* owner_of_this_thread = nullptr;

/// One network thread with its session and its REST requests. Made, started and stopped by its owner; the rest from any
/// thread.
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
        session_{bridge_,
                 out,
                 protocol_,
                 tls_dialer{settings.tls, settings.websocket.host, settings.websocket.port, settings.given.dial},
                 settings.given.session,
                 settings.given.log},
        fetcher_{bridge_.timers(), out, protocol_, settings} {}

  engine(const engine&) = delete;
  engine& operator=(const engine&) = delete;
  /// Joins the network thread, however long a handler there still takes.
  ~engine() {
    told_.cancel();
    watched_.cancel();
    join();
    // What stop() could not end in time ends here, while everything it refers to is alive.
    requests_.cancel();
    session_.cancel();
    bridge_.context().restart();
    bridge_.context().poll();
    out_.show_books_to(nullptr);
  }

  /// `owner` is known to be the network thread's before any event can reach a handler there.
  [[nodiscard]] std::error_code start(std::vector<std::string> streams, const void* owner) {
    if (const std::error_code error = bridge_.start()) return error;
    if (settings_.given.monitor != nullptr) listen_to(*settings_.given.monitor);
    return bridge_.call(
        [this, &streams, owner] {
          owner_of_this_thread = owner;
          subscribe_now(streams);
          if (settings_.given.depth_snapshots) {
            // A book that misses nothing but has no changes, either, would not ask: so one is fetched for each anyway.
            // What is under way when a connection is made may be of before.
            session_.on_connected = [this] {
              fetcher_.forget();
              books_.doubt_all();
            };
            session_.on_confirmed = [this](const std::vector<std::string>& confirmed) {
              for_each_book(confirmed, [this](std::string symbol) { fetcher_.ask(std::move(symbol)); });
            };
            out_.show_books_to(&books_);
            (void)requests_.spawn("depth snapshots", fetcher_.run());
          }
          session_.start();
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
      session_.cancel();
    });
  }
  /// What has not ended yet, by name. Any thread.
  [[nodiscard]] std::vector<std::string> tasks() const {
    std::vector<std::string> all = session_.tasks();
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
  [[nodiscard]] session_state state() const noexcept { return session_.state(); }
  [[nodiscard]] bool on_network_thread() const noexcept { return bridge_.on_loop_thread(); }

 private:
  static constexpr std::chrono::milliseconds start_patience{1000};
  static constexpr std::chrono::milliseconds task_patience{500};

  struct command {
    enum class action : std::uint8_t { subscribe, unsubscribe, greet, drop, snapshot, tell_of_thread };
    action what;
    std::vector<std::string> names{};  // of streams; snapshot: of a symbol; tell_of_thread: of a thread
    status_code status{};              // tell_of_thread
  };
  static constexpr std::size_t most_commands = 256;

  void run(command& wanted) {
    switch (wanted.what) {
      case command::action::subscribe: forget_ids(wanted.names); return subscribe_now(wanted.names);
      case command::action::unsubscribe: return unsubscribe_now(wanted.names);
      case command::action::greet: {
        const publisher::batch adopt{out_};
        return;
      }
      case command::action::drop: return session_.drop(errc::closed);
      case command::action::snapshot: {
        if (session_.state() != session_state::connected) books_.doubt_all();
        publisher::batch batch{out_};
        (void)batch.publish_book(protocol_.where(), out_.symbols().find(wanted.names.front()));
        return;
      }
      case command::action::tell_of_thread: {
        publisher::batch batch{out_};
        batch.publish_status(make_thread_status(wanted.status, epoch_clock::now_ns(), wanted.names.front()),
                             protocol_.where());
        return;
      }
    }
  }

  void listen_to(thread_monitor& monitor) {
    watched_ = monitor.watch(settings_.given.network.name, bridge_.pulse(), settings_.given.watch);
    told_ = monitor.on_event([this](const thread_event& event) {
      constexpr auto first = static_cast<unsigned>(status_code::thread_crashed);
      const auto code = static_cast<status_code>(first + static_cast<unsigned>(event.kind));
      (void)commands_.try_send({command::action::tell_of_thread, {event.name}, code});  // full: it has worse to tell of
    });
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
    const std::vector<std::string> known = session_.subscriptions().streams();
    for (const std::string& stream : streams) {
      const auto kind = numbered_kind_of_stream(stream);
      if (!kind || std::find(known.begin(), known.end(), stream) != known.end()) continue;
      out_.forget_ids(*kind, out_.symbols().find(symbol_of_stream(stream)));
    }
  }

  void subscribe_now(std::span<const std::string> streams) {
    for_each_book(streams, [this](const std::string& symbol) {
      if (!settings_.given.depth_snapshots) return;
      if (const auto id = out_.symbols().intern(symbol)) books_.add(*id);
    });
    session_.subscribe(streams);
  }
  void unsubscribe_now(std::span<const std::string> streams) {
    session_.unsubscribe(streams);
    const std::vector<std::string> left = session_.subscriptions().streams();
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
    (void)co_await session_.stop(task_patience);
    (void)co_await requests_.close(bridge_.timers(), task_patience);
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
  websocket_manager<protocol, tls_dialer> session_;
  depth_fetcher fetcher_;
  command_queue<command> commands_{bridge_, most_commands, [this](command& wanted) { run(wanted); }};
  task_scope requests_{bridge_.context(), "requests", &settings_.given.log};
  watched_thread watched_;
  thread_monitor::handler_registration told_;
};

}  // namespace foxtrot::inline v0::binance::detail
