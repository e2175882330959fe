// tests/fuzz/settings_file_fuzz.cpp: any bytes are an error, or settings within their bounds and short lists of names.
#include <foxtrot/feed/settings_file.hpp>

#include <support/fuzzing.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace {

using namespace foxtrot;
using namespace std::chrono_literals;
using foxtrot_test::insist;

void check_time(std::chrono::milliseconds time) { insist(time >= 1ms && time <= 24h); }
void check_count(std::uint32_t count) { insist(count >= 1 && count <= 1'000'000); }

void check(const loaded_settings& made) {
  const file_settings::websocket_rules& rules = made.settings.websocket;
  check_time(rules.reconnect.base_delay);
  check_time(rules.reconnect.max_delay);
  check_time(rules.heartbeat.interval);
  check_time(rules.circuit_breaker.recovery_timeout);
  check_time(rules.connect_timeout);
  check_time(made.settings.http.poll_interval);
  check_time(made.settings.shutdown.timeout);
  check_count(rules.circuit_breaker.failure_threshold);
  check_count(rules.circuit_breaker.half_open_successes);
  for (const std::string& symbol : rules.binance.symbols) {
    insist(!symbol.empty() && symbol.size() <= 64 && symbol.find_first_of("\"\\/@ \r\n") == symbol.npos);
  }
  insist(made.unknown.size() <= 100 && made.problems.size() <= 100);
  insist(made.unlisted == 0 || made.unknown.size() == 100 || made.problems.size() == 100);
  for (const std::string& name : made.unknown) insist(name.size() <= 200);
  for (const settings_problem& problem : made.problems) insist(problem.error != errc::none && !problem.key.empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  const auto made = parse_settings(text);
  if (!made) {
    insist(made.error() == errc::malformed_message || made.error() == errc::wrong_type);
    return 0;
  }
  check(*made);
  const auto again = parse_settings(text);
  insist(again && again->settings == made->settings && again->problems == made->problems &&
         again->unknown == made->unknown);
  return 0;
}
