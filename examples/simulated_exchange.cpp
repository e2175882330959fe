// examples/simulated_exchange.cpp: the simulated exchange as a server of its own, for clients in other processes.
#include <foxtrot/sim.hpp>
#include <foxtrot/strategy.hpp>

#include <charconv>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <map>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace {

constexpr const char* usage =
    R"(simulated_exchange: speaks the venue's protocol over TLS on 127.0.0.1 until Ctrl-C.

  --ca FILE            writes the authority to trust, PEM      [simulated_exchange_ca.pem]
  --port N             listens there                           [any free port]
  --market MARKET      which of them: spot, usdm, coinm        [spot]
  --events N           events a second, of all symbols         [800]
  --capture FILE       plays a recording instead (.gz too), to the first who subscribes
  --speed X|max        its pace                                [1]
  --certificate KIND   right, wrong_host, expired, not_yet_valid, self_signed, common_name_only
  --faults FILE        what goes wrong and when, one fault a line: 2s freeze for 3s
  --help               prints this
)";

struct options {
  foxtrot::exchange_settings exchange;
  std::string ca_file{"simulated_exchange_ca.pem"};
  bool help{false};
};

template <class Number>
bool read_number(std::string_view text, Number& value) {
  const auto [stop, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
  return failed == std::errc{} && stop == text.data() + text.size() && value > 0;
}

bool apply(options& to, std::string_view name, std::string_view value) {
  static const std::map<std::string_view, foxtrot::certificate_kind> kinds{
      {"right", foxtrot::certificate_kind::right},
      {"wrong_host", foxtrot::certificate_kind::wrong_host},
      {"expired", foxtrot::certificate_kind::expired},
      {"not_yet_valid", foxtrot::certificate_kind::not_yet_valid},
      {"self_signed", foxtrot::certificate_kind::self_signed},
      {"common_name_only", foxtrot::certificate_kind::common_name_only}};
  if (name == "--ca") return !(to.ca_file = value).empty();
  if (name == "--port") return read_number(value, to.exchange.port);
  if (name == "--events") return read_number(value, to.exchange.events_per_second);
  if (name == "--capture") return !(to.exchange.replay.path = value).empty();
  if (name == "--speed" && value == "max") return to.exchange.replay.speed = 0, true;
  if (name == "--speed") return read_number(value, to.exchange.replay.speed);
  if (name == "--market") {
    if (value == "usdm") to.exchange.market = foxtrot::sim_market::usdm;
    if (value == "coinm") to.exchange.market = foxtrot::sim_market::coinm;
    return value == "spot" || value == "usdm" || value == "coinm";
  }
  if (name == "--certificate" && kinds.contains(value)) {
    to.exchange.certificate = kinds.at(value);
    return true;
  }
  return false;
}

// What is wrong with the script; empty if nothing.
std::string read_faults(const std::string& file, foxtrot::fault_script& into) {
  std::ifstream in{file};
  const std::string text{std::istreambuf_iterator<char>{in}, {}};
  if (!in) return "cannot read " + file;
  foxtrot::fault_script_problem problem;
  auto script = foxtrot::fault_script::parse(text, &problem);
  if (!script) return file + ":" + std::to_string(problem.line) + ": " + problem.what;
  into = std::move(*script);
  return {};
}

// What is wrong with the command line; empty if nothing.
std::string read(std::span<char*> arguments, options& to) {
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string name = arguments[i];
    if (name == "--help" || name == "-h") {
      to.help = true;
    } else if (name == "--faults" && i + 1 != arguments.size()) {
      if (std::string wrong = read_faults(arguments[++i], to.exchange.faults); !wrong.empty()) return wrong;
    } else if (i + 1 == arguments.size() || !apply(to, name, arguments[i + 1])) {
      return "not an option with its value: " + name;
    } else {
      ++i;
    }
  }
  return {};
}

int run(const options& wanted, foxtrot::signal_guard& signals) {
  foxtrot::exchange exchange{wanted.exchange};
  const auto port = exchange.start();
  if (!port) {
    std::fprintf(stderr, "simulated_exchange: cannot start: %s\n", port.error().message().c_str());
    return 1;
  }
  std::ofstream authority{wanted.ca_file};
  authority << exchange.ca_pem() << std::flush;
  if (!authority) {
    std::fprintf(stderr, "simulated_exchange: cannot write %s\n", wanted.ca_file.c_str());
    return 1;
  }
  std::printf("--url wss://127.0.0.1:%d --ca %s\n", *port, wanted.ca_file.c_str());
  std::fflush(stdout);

  std::mutex mutex;
  std::condition_variable_any until_stopped;
  std::unique_lock lock{mutex};
  until_stopped.wait(lock, signals.stop_token(), [] { return false; });

  exchange.stop();
  const foxtrot::exchange_statistics seen = exchange.statistics();
  std::printf("%llu connections, %llu messages sent, %llu requests answered\n",
              static_cast<unsigned long long>(seen.connections), static_cast<unsigned long long>(seen.sent_total()),
              static_cast<unsigned long long>(seen.rest_requests));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  foxtrot::signal_guard signals;  // before any other thread
  options wanted;
  const std::string wrong = read(std::span{argv, static_cast<std::size_t>(argc)}.subspan(1), wanted);
  if (!wrong.empty()) {
    std::fprintf(stderr, "simulated_exchange: %s (try --help)\n", wrong.c_str());
    return 2;
  }
  if (wanted.help) {
    std::fputs(usage, stdout);
    return 0;
  }
  return run(wanted, signals);
}
