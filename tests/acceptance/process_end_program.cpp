// tests/acceptance/process_end_program.cpp: a program that ends in the way that its argument names.
#include <foxtrot/core/stderr_sink.hpp>
#include <foxtrot/exchange/binance/market_data.hpp>
#include <foxtrot/sim/exchange.hpp>
#include <foxtrot/thread/shutdown_coordinator.hpp>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <map>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>

#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

using namespace foxtrot;
using namespace std::chrono_literals;

void say(std::string_view line) {
  const std::string text = std::string{line} + "\n";
  if (::write(STDOUT_FILENO, text.data(), text.size()) < 0) ::_exit(99);
}

shutdown_settings within(std::chrono::milliseconds deadline) { return {.deadline = deadline}; }
diagnostics to_stderr() { return diagnostics{stderr_sink()}; }

void never_stops(const std::stop_token&) {
  while (true) ::pause();
}

// A venue on loopback and a feed from it, over TLS, that has begun to stream.
struct live_feed {
  explicit live_feed(inline_handler on_tick = [](const event&) {}) {
    binance::market_data_settings wanted;
    const auto port = venue.start();
    if (!port) throw std::system_error{port.error()};
    wanted.streams = {"btcusdt@bookTicker", "ethusdt@bookTicker"};
    wanted.websocket_url = "wss://127.0.0.1:" + std::to_string(*port);
    wanted.rest_url = "https://127.0.0.1:" + std::to_string(*port);
    wanted.ca_pem = venue.ca_pem();
    wanted.session.retry = {.base = 10ms, .cap = 10ms};
    feed.emplace(wanted);
    ticks = std::move(*feed->subscribe_inline({}, [this, on_tick = std::move(on_tick)](const event& told) {
      seen.fetch_add(1, std::memory_order_relaxed);
      on_tick(told);
    }));
    if (const std::error_code error = feed->connect()) throw std::system_error{error};
  }
  void wait_for_ticks(int more) const {
    const int before = seen.load(std::memory_order_relaxed);
    while (seen.load(std::memory_order_relaxed) < before + more) std::this_thread::sleep_for(1ms);
  }

  std::atomic<int> seen{0};  // relaxed: a mere count
  exchange venue;
  std::optional<binance::market_data> feed;
  inline_subscription ticks;
};

// A rogue that the coordinator knows.
int rogue() {
  signal_guard signals;
  shutdown_coordinator coordinator{signals, within(300ms), to_stderr()};
  worker thread{placement{.name = "rogue-one"}, never_stops};
  const auto handle = coordinator.add(thread);
  say("ready");
  coordinator.wait();
  return 0;
}

// A rogue that nobody has registered: main would wait for it on its way out.
int unknown_rogue() {
  signal_guard signals;
  shutdown_coordinator coordinator{signals, within(300ms), to_stderr()};
  const worker thread{placement{.name = "rogue-two"}, never_stops};
  say("ready");
  coordinator.wait();
  return 0;
}

int blocked_callback() {
  signal_guard signals;
  const std::stop_callback blocking{signals.stop_token(), [] {
                                      say("stopping");
                                      never_stops({});
                                    }};
  say("ready");
  never_stops({});
  return 0;
}

int live(signal_guard& signals, const std::function<void()>& stopping) {
  shutdown_coordinator coordinator{signals, {}, to_stderr()};
  const std::stop_callback told{coordinator.stop_token(), [] { say("stop"); }};
  live_feed live;
  const auto handle = coordinator.add("feed", {.stop = [&] {
                                        stopping();
                                        if (live.feed->disconnect()) throw std::runtime_error{"late"};
                                      }});
  live.wait_for_ticks(1);
  say("ready");
  coordinator.wait();
  return coordinator.status();
}

int orderly() {
  signal_guard signals;
  return live(signals, [] {});
}

// Ends once no more signals come.
int survives() {
  signal_guard signals{{.second_exits = false}};
  return live(signals, [&] {
    std::uint64_t before = 0;
    while (std::exchange(before, signals.received()) != signals.received()) std::this_thread::sleep_for(100ms);
  });
}

int exits_in_main() {
  live_feed live;
  live.wait_for_ticks(100);
  std::exit(7);
}

int exits_in_callback() {
  static std::atomic<bool> now{false};
  live_feed live{[](const event&) {
    if (now.exchange(false, std::memory_order_relaxed)) std::exit(7);
  }};
  live.wait_for_ticks(100);
  now.store(true, std::memory_order_relaxed);
  never_stops({});
  return 0;
}

int exits_with_static_coordinator() {
  static shutdown_coordinator coordinator{within(30s), to_stderr()};
  static live_feed live;
  static const auto handle = coordinator.add("feed", {.stop = [] { (void)live.feed->disconnect(); }});

  live.wait_for_ticks(100);
  std::exit(7);
}

void fail_with_everything_alive() {
  signal_guard signals;
  shutdown_coordinator coordinator{signals, {}, to_stderr()};
  live_feed live;
  const worker strategy{placement{.name = "strategy"}, [](const std::stop_token& stop) {
                          while (!stop.stop_requested()) std::this_thread::sleep_for(1ms);
                        }};
  const auto handle = coordinator.add("feed", {.stop = [&] {
                                        (void)live.feed->disconnect();
                                        say("stopped in order");
                                      }});
  const shutdown_scope scope{coordinator};
  live.wait_for_ticks(10);
  throw std::runtime_error{"main has failed"};
}

int throws_caught() {
  try {
    fail_with_everything_alive();
  } catch (const std::runtime_error&) {
    return 8;
  }
  return 0;
}

int throws_uncaught() {
  fail_with_everything_alive();
  return 0;
}

// The peer resets, closes, and is left in mid-sentence; SIGPIPE would kill.
int sigpipe() {
  live_feed live;
  for (int i = 0; i < 20; ++i) {
    live.wait_for_ticks(10);
    (void)live.feed->subscribe_streams({"btcusdt@trade"});
    if (i % 2 == 0) live.venue.reset_connections();
    if (i % 2 == 1) live.venue.close_connections(close_code::going_away);
    (void)live.feed->unsubscribe_streams({"btcusdt@trade"});
  }
  live.wait_for_ticks(10);
  live.venue.reset_connections();
  return live.feed->disconnect() ? 1 : 0;
}

int early_thread() {
  const std::jthread early{never_stops};
  const signal_guard signals;
  say("ready");
  never_stops({});
  return 0;
}

// 1: SIGTERM is blocked, 2: SIGPIPE is ignored.
int inherited() {
  sigset_t mask;
  pthread_sigmask(SIG_SETMASK, nullptr, &mask);
  struct sigaction pipe{};
  sigaction(SIGPIPE, nullptr, &pipe);
  return (sigismember(&mask, SIGTERM) == 1 ? 1 : 0) + (pipe.sa_handler == SIG_IGN ? 2 : 0);
}

// What an exec'd child inherits, and what it does not with restore_in_child.
int children() {
  const signal_guard signals{{.ignore_sigpipe = true}};
  const auto child = [&](bool restored) {
    const pid_t pid = ::fork();
    if (pid == 0) {
      if (restored) signals.restore_in_child();
      ::execl("/proc/self/exe", "process_end", "inherited", nullptr);
      ::_exit(98);
    }
    int status = 0;
    ::waitpid(pid, &status, 0);
    return WEXITSTATUS(status);
  };
  return child(false) * 10 + child(true);
}

// Somebody else's program: it owns its signals before, and again after.
int foreign() {
  static std::atomic<int> handled{0};
  std::signal(SIGTERM, [](int number) { handled.store(number, std::memory_order_relaxed); });
  {
    signal_guard signals;
    say("guarded");
    while (!signals.stop_token().stop_requested()) std::this_thread::sleep_for(1ms);
  }
  if (handled.load(std::memory_order_relaxed) != 0) return 1;
  say("ready");
  while (handled.load(std::memory_order_relaxed) == 0) std::this_thread::sleep_for(1ms);
  return 9;
}

}  // namespace

int main(int argc, char** argv) {
  const std::map<std::string_view, int (*)()> ways{{"rogue", rogue},
                                                   {"unknown rogue", unknown_rogue},
                                                   {"blocked callback", blocked_callback},
                                                   {"orderly", orderly},
                                                   {"survives", survives},
                                                   {"exits in main", exits_in_main},
                                                   {"exits in callback", exits_in_callback},
                                                   {"exits with static coordinator", exits_with_static_coordinator},
                                                   {"throws caught", throws_caught},
                                                   {"throws uncaught", throws_uncaught},
                                                   {"sigpipe", sigpipe},
                                                   {"early thread", early_thread},
                                                   {"inherited", inherited},
                                                   {"children", children},
                                                   {"foreign", foreign}};
  const auto way = ways.find(argc == 2 ? argv[1] : "");
  return way != ways.end() ? way->second() : 97;
}
