// examples/support/live_ticks_options.hpp: the command line of live_ticks.
#pragma once

#include <foxtrot/exchange/binance/market.hpp>

#include <charconv>
#include <chrono>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

struct live_ticks_options {
  std::vector<std::string> symbols{};  // empty: the source's own
  std::vector<std::string> streams{"bookTicker", "trade", "depth@100ms"};
  double seconds{std::numeric_limits<double>::infinity()};
  std::uint64_t count{0};
  bool spin{false};
  bool inline_handler{false};
  bool json{false};
  bool help{false};
  int cpu_net{-1};
  int cpu_strategy{-1};
  std::string capture{};
  double speed{1.0};  // 0: as fast as it can be read
  bool venue{false};
  std::string url{};
  std::string rest{};
  std::string ca{};
  foxtrot::binance::market market{foxtrot::binance::market::spot};

  // The embedded exchange makes its market up, unless it plays a capture; with a venue or a URL there is none.
  [[nodiscard]] bool simulated() const { return !venue && url.empty(); }

  static constexpr const char* usage =
      R"(live_ticks: streams a market into a strategy thread and shows what it did.

Without a source of data it starts a simulated exchange of its own, on loopback over TLS.
  --capture FILE       replays a recording through that exchange (.gz too)
  --speed X|max        the recording's pace times X, or as fast as possible   [1]
  --venue binance      the real venue
  --url wss://H:P      any server that speaks the protocol, with
  --rest https://H:P     its REST side                                        [the URL's host and port]
  --ca FILE            trusts the authorities in this PEM file                [the system's]
  --market MARKET      which of the venue's: spot, usdm, coinm                [spot]

  --symbols A,B        symbols                                                [btcusdt,ethusdt,... or the capture's]
  --streams X,Y        streams of each symbol                                 [bookTicker,trade,depth@100ms]
  --seconds N          ends after N seconds
  --count N            ends after N ticks
  --spin               network and strategy threads never sleep
  --inline             the strategy runs on the network thread, without a queue
  --cpu-net N          pins the network thread
  --cpu-strategy N     pins the strategy thread
  --json               prints one JSON object at the end instead
  --help               prints this

Ctrl-C ends it at any time. Exit status: 0, 1 where it could not run, 2 for wrong arguments.
)";
};

namespace live_ticks_arguments {

[[nodiscard]] inline std::vector<std::string> split(std::string_view list) {
  std::vector<std::string> parts;
  while (!list.empty()) {
    const std::size_t comma = list.find(',');
    parts.emplace_back(list.substr(0, comma));
    list.remove_prefix(comma == std::string_view::npos ? list.size() : comma + 1);
  }
  return parts;
}

template <class Number>
[[nodiscard]] bool read_number(std::string_view text, Number least, Number most, Number& value) {
  const char* const end = text.data() + text.size();
  const auto [stop, failed] = std::from_chars(text.data(), end, value);
  return failed == std::errc{} && stop == end && value >= least && value <= most;
}

// What is wrong with one option; empty if nothing.
[[nodiscard]] inline std::string apply(live_ticks_options& to, std::string_view name, std::string_view value) {
  constexpr double week = 7 * 24 * 3600.0;
  const std::string wrong = "not a value for " + std::string{name} + ": " + std::string{value};
  const auto check = [&wrong](bool good) { return good ? std::string{} : wrong; };
  if (name == "--capture") return to.capture = value, check(!value.empty());
  if (name == "--url") return to.url = value, check(!value.empty());
  if (name == "--rest") return to.rest = value, check(!value.empty());
  if (name == "--ca") return to.ca = value, check(!value.empty());
  if (name == "--symbols") return to.symbols = split(value), check(!to.symbols.empty());
  if (name == "--streams") return to.streams = split(value), check(!to.streams.empty());
  if (name == "--venue") return to.venue = true, check(value == "binance");
  if (name == "--count") return check(read_number(value, std::uint64_t{1}, std::uint64_t{1} << 60, to.count));
  if (name == "--cpu-net") return check(read_number(value, 0, 4095, to.cpu_net));
  if (name == "--cpu-strategy") return check(read_number(value, 0, 4095, to.cpu_strategy));
  if (name == "--seconds") return check(read_number(value, 0.01, week, to.seconds));
  if (name == "--speed") {
    if (value == "max") return to.speed = 0, std::string{};
    return check(read_number(value, 0.001, 1e6, to.speed));
  }
  if (name == "--market") {
    const auto market = foxtrot::binance::market_of(value);
    if (market) to.market = *market;
    return check(market.has_value());
  }
  return "unknown option " + std::string{name};
}

// What is wrong with the command line; empty if nothing.
[[nodiscard]] inline std::string read(std::span<char*> arguments, live_ticks_options& to) {
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string_view name = arguments[i];
    if (name == "--spin") {
      to.spin = true;
    } else if (name == "--inline") {
      to.inline_handler = true;
    } else if (name == "--json") {
      to.json = true;
    } else if (name == "--help" || name == "-h") {
      to.help = true;
    } else if (!name.starts_with("--")) {
      return "not an option: " + std::string{name};
    } else if (++i == arguments.size()) {
      const std::string unknown = apply(to, name, "");
      return unknown.starts_with("unknown") ? unknown : std::string{name} + " needs a value";
    } else if (const std::string wrong = apply(to, name, arguments[i]); !wrong.empty()) {
      return wrong;
    }
  }
  const int sources = (to.capture.empty() ? 0 : 1) + (to.venue ? 1 : 0) + (to.url.empty() ? 0 : 1);
  if (sources > 1) return "--capture, --venue and --url exclude each other";
  if (!to.rest.empty() && to.url.empty()) return "--rest needs --url";
  if (!to.ca.empty() && to.url.empty()) return "--ca needs --url";
  return {};
}

}  // namespace live_ticks_arguments
