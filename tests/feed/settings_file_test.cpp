// tests/feed/settings_file_test.cpp: settings nested, dotted and mixed; what is wrong with one harms no other.
#include <foxtrot/feed/settings_file.hpp>

#include <catch2/catch.hpp>

#include <support/temporary_file.hpp>

#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace {

using namespace foxtrot;
using namespace std::chrono_literals;
using strings = std::vector<std::string>;
using problems = std::vector<settings_problem>;

loaded_settings parsed(std::string_view json) {
  auto made = parse_settings(json);
  if (!made) FAIL(made.error().message() << ": " << json);
  return std::move(*made);
}
std::error_code refusal(std::string_view json) { return parse_settings(json).error(); }
std::string one(const std::string& key, const std::string& value) { return "{\"" + key + "\":" + value + "}"; }

/// Every setting, with a value that is no default.
const std::pair<const char*, const char*> all[] = {
    {"websocket.enabled", "false"},
    {"websocket.binance.enabled", "false"},
    {"websocket.binance.symbols", R"(["BTCUSDT","ETHUSDT"])"},
    {"websocket.reconnect.max_attempts", "7"},
    {"websocket.reconnect.base_delay", "2"},
    {"websocket.reconnect.max_delay", "30.5"},
    {"websocket.heartbeat.interval", "15.0"},
    {"websocket.circuit_breaker.failure_threshold", "9"},
    {"websocket.circuit_breaker.recovery_timeout", "90"},
    {"websocket.circuit_breaker.half_open_successes", "2"},
    {"websocket.connect_timeout", "4"},
    {"http.poll_interval", "0.25"},
    {"shutdown.timeout", "12"},
};

file_settings all_set() {
  file_settings wanted;
  wanted.websocket.enabled = false;
  wanted.websocket.binance = {.enabled = false, .symbols = {"BTCUSDT", "ETHUSDT"}};
  wanted.websocket.reconnect = {.max_attempts = 7, .base_delay = 2s, .max_delay = 30'500ms};
  wanted.websocket.heartbeat.interval = 15s;
  wanted.websocket.circuit_breaker = {.failure_threshold = 9, .recovery_timeout = 90s, .half_open_successes = 2};
  wanted.websocket.connect_timeout = 4s;
  wanted.http.poll_interval = 250ms;
  wanted.shutdown.timeout = 12s;
  return wanted;
}

TEST_CASE("settings_file: the defaults are the format's own") {
  const loaded_settings made = parsed("{}");
  CHECK(made.clean());
  CHECK(made.settings == file_settings{});
  const file_settings::websocket_rules& rules = made.settings.websocket;
  CHECK(rules.enabled);
  CHECK(rules.binance.enabled);
  CHECK(rules.binance.symbols.empty());
  CHECK(rules.reconnect.max_attempts == 50);
  CHECK(rules.reconnect.base_delay == 1s);
  CHECK(rules.reconnect.max_delay == 60s);
  CHECK(rules.heartbeat.interval == 30s);
  CHECK(rules.heartbeat.stale_after() == 60s);
  CHECK(rules.circuit_breaker.failure_threshold == 5);
  CHECK(rules.circuit_breaker.recovery_timeout == 60s);
  CHECK(rules.circuit_breaker.half_open_successes == 3);
  CHECK(rules.connect_timeout == 10s);
  CHECK(made.settings.http.poll_interval == 1s);
  CHECK(made.settings.shutdown.timeout == 30s);
}

TEST_CASE("settings_file: nested, dotted and mixed names mean the same") {
  std::string dotted;
  for (const auto& [key, value] : all) dotted += (dotted.empty() ? "{\"" : ",\"") + std::string{key} + "\":" + value;
  const strings documents{
      dotted + "}",
      R"({"websocket": {"enabled": false,
                        "binance": {"enabled": false, "symbols": ["BTCUSDT", "ETHUSDT"]},
                        "reconnect": {"max_attempts": 7, "base_delay": 2, "max_delay": 30.5},
                        "heartbeat": {"interval": 15.0},
                        "circuit_breaker": {"failure_threshold": 9, "recovery_timeout": 90, "half_open_successes": 2},
                        "connect_timeout": 4},
          "http": {"poll_interval": 0.25}, "shutdown": {"timeout": 12}})",
      R"({"shutdown.timeout": 12, "http": {"poll_interval": 25e-2}, "websocket.enabled": false,
          "websocket": {"reconnect.max_attempts": 7, "reconnect": {"base_delay": 2.0}, "connect_timeout": 4.0004,
                        "binance.enabled": false, "circuit_breaker": {"failure_threshold": 9}},
          "websocket.binance": {"symbols": ["BTCUSDT", "ETHUSDT"]}, "websocket.heartbeat.interval": 15,
          "websocket.circuit_breaker": {"recovery_timeout": 90}, "websocket.reconnect.max_delay": 30.4999,
          "websocket.circuit_breaker.half_open_successes": 2})",
  };
  for (const std::string& document : documents) {
    INFO(document);
    const loaded_settings made = parsed(document);
    CHECK(made.clean());
    CHECK(made.settings == all_set());
    CHECK(parsed("\xEF\xBB\xBF" + document).settings == all_set());
  }
}

TEST_CASE("settings_file: what is not foxtrot's is named in full") {
  const loaded_settings made = parsed(
      R"({"logging": {"level": "info", "files": [{"path": "x"}, 1], "empty": {}},
          "websocket": {"reconnect": {"base_delai": 1, "base_delay": 3}, "kraken": {"enabled": true}},
          "websocket.heartbeat.interval.unit": "s", "": 1, ".": {"": null}})");
  CHECK(made.unknown == strings{"logging.level", "logging.files", "websocket.reconnect.base_delai",
                                "websocket.kraken.enabled", "websocket.heartbeat.interval.unit", "", ".."});
  CHECK(made.problems.empty());
  CHECK(made.unlisted == 0);
  CHECK_FALSE(made.clean());
  file_settings wanted;
  wanted.websocket.reconnect.base_delay = 3s;
  CHECK(made.settings == wanted);
}

TEST_CASE("settings_file: the list of unknown names is bounded, in number and in length") {
  std::string many = R"({"shutdown.timeout": 5)";
  for (int i = 0; i < 1000; ++i) many += ",\"k" + std::to_string(i) + "\":" + std::to_string(i);
  const loaded_settings made = parsed(many + ", \"" + std::string(100'000, 'x') + "\": 1, \"http.poll_interval\": 2}");
  CHECK(made.unknown.size() == 100);
  CHECK(made.unknown.back() == "k99");
  CHECK(made.unlisted == 901);
  CHECK(made.settings.shutdown.timeout == 5s);
  CHECK(made.settings.http.poll_interval == 2s);
  CHECK(parsed(one(std::string(100'000, 'x'), "1")).unknown == strings{std::string(200, 'x')});
}

TEST_CASE("settings_file: each value of the wrong type or size is named, and leaves its default and the others alone") {
  struct row {
    const char* value;
    errc for_flag, for_list, for_attempts, for_count, for_time;
  };
  constexpr errc fine = errc::none, type = errc::wrong_type, range = errc::number_out_of_range;
  const row rows[] = {
      {"null", type, type, type, type, type},
      {"\"1\"", type, type, type, type, type},
      {"{}", type, type, type, type, type},
      {"{\"x\":1}", type, type, type, type, type},
      {"true", fine, type, type, type, type},
      {"[]", type, fine, type, type, type},
      {"[1]", type, type, type, type, type},
      {"[\"A\",null]", type, type, type, type, type},
      {"[\"\"]", type, errc::bad_argument, type, type, type},
      {"[\"A B\"]", type, errc::bad_argument, type, type, type},
      {"[\"A\\n\"]", type, errc::bad_argument, type, type, type},
      {"[\"A\\u0000\"]", type, errc::bad_argument, type, type, type},
      {"[\"btcusdt@trade\"]", type, errc::bad_argument, type, type, type},
      {"0", type, type, fine, range, range},
      {"0.0", type, type, type, type, range},
      {"-0.0", type, type, type, type, range},
      {"0.0004", type, type, type, type, range},
      {"0.0005", type, type, type, type, fine},
      {"-1", type, type, range, range, range},
      {"-0.001", type, type, type, type, range},
      {"1.5", type, type, type, type, fine},
      {"86400", type, type, fine, fine, fine},
      {"86400.001", type, type, type, type, range},
      {"1000000", type, type, fine, fine, range},
      {"1000001", type, type, fine, range, range},
      {"18446744073709551615", type, type, fine, range, range},
      {"-9223372036854775808", type, type, range, range, range},
      {"1e300", type, type, type, type, range},
  };
  for (const auto& [key, good] : all) {
    const std::string name{key};
    const bool flag = name.ends_with("enabled"), list = name.ends_with("symbols");
    const bool attempts = name.ends_with("attempts");
    const bool counted = name.ends_with("threshold") || name.ends_with("successes");
    for (const row& bad : rows) {
      INFO(name << ": " << bad.value);
      const errc wanted = flag       ? bad.for_flag
                          : list     ? bad.for_list
                          : attempts ? bad.for_attempts
                          : counted  ? bad.for_count
                                     : bad.for_time;
      const loaded_settings made = parsed(one(name, bad.value));
      CHECK(made.unknown.empty());
      if (wanted == errc::none) {
        CHECK(made.clean());
        continue;
      }
      CHECK(made.problems == problems{{name, wanted}});
      CHECK(made.settings == file_settings{});
      // between others, which are read
      std::string document = "{";
      for (const auto& [other, value] : all) {
        document +=
            (document.size() > 1 ? ",\"" : "\"") + std::string{other} + "\":" + (other == key ? bad.value : value);
      }
      const loaded_settings mixed = parsed(document + "}");
      CHECK(mixed.problems == problems{{name, wanted}});
      CHECK(parsed(one(name, good)).settings != file_settings{});
      CHECK(mixed.settings != all_set());
    }
  }
}

TEST_CASE("settings_file: times are rounded to milliseconds") {
  const std::pair<const char*, std::chrono::milliseconds> rows[] = {
      {"1", 1000ms},      {"1.0", 1000ms},    {"0.001", 1ms}, {"0.0005", 1ms},
      {"1.2344", 1234ms}, {"1.2346", 1235ms}, {"1e1", 10s},   {"86400", 24h}};
  for (const auto& [text, wanted] : rows) {
    INFO(text);
    CHECK(parsed(one("http.poll_interval", text)).settings.http.poll_interval == wanted);
  }
}

TEST_CASE("settings_file: a value where a section belongs is a problem of that name") {
  const loaded_settings made = parsed(R"({"websocket": {"reconnect": 5, "heartbeat": []}, "http": "off", "web": 1})");
  CHECK(made.problems == problems{{"websocket.reconnect", errc::wrong_type},
                                  {"websocket.heartbeat", errc::wrong_type},
                                  {"http", errc::wrong_type}});
  CHECK(made.unknown == strings{"web"});
  CHECK(made.settings == file_settings{});
}

TEST_CASE("settings_file: given twice, in whatever way, it is not given at all") {
  for (const auto& [key, value] : all) {
    INFO(key);
    const std::string member = "\"" + std::string{key} + "\":" + value;
    const loaded_settings twice = parsed("{" + member + "," + member + "}");
    CHECK(twice.problems == problems{{key, errc::malformed_message}});
    CHECK(twice.settings == file_settings{});
    std::string often = "{" + member;
    for (int i = 0; i < 255; ++i) often += "," + member;
    CHECK(parsed(often + "}").problems == problems{{key, errc::malformed_message}});
  }
  const loaded_settings made =
      parsed(R"({"websocket": {"reconnect": {"base_delay": 2}}, "websocket.reconnect.base_delay": "x"})");
  CHECK(made.problems == problems{{"websocket.reconnect.base_delay", errc::malformed_message}});
  CHECK(made.settings == file_settings{});
}

TEST_CASE("settings_file: what is no JSON is no settings") {
  const strings broken{"",
                       " ",
                       "{",
                       "}",
                       "{\"a\":1",
                       "{\"a\":1}}",
                       "{\"a\":1} {}",
                       "{\"a\":1,}",
                       "{'a':1}",
                       "{\"a\":NaN}",
                       "{\"a\":Infinity}",
                       "{\"a\":01}",
                       "{\"a\":1e999}",
                       "{\"a\":tru}",
                       "{\"a\":\"\xff\"}",
                       "{\"a\\x\":1}",
                       "{\"a\":1 // remark\n}",
                       std::string("{\"a\":\0}", 7),
                       std::string(5000, '['),
                       "\xEF\xBB\xBF"};
  for (const std::string& text : broken) {
    INFO(text.substr(0, 40));
    CHECK(refusal(text) == errc::malformed_message);
  }
  std::string deep;
  for (int i = 0; i < 3000; ++i) deep += "{\"a\":";
  CHECK(refusal(deep + "1" + std::string(3000, '}')) == errc::malformed_message);
  for (const char* other : {"[]", "1", "\"{}\"", "null", "true"}) CHECK(refusal(other) == errc::wrong_type);
  // cut anywhere
  const std::string whole = R"({"websocket":{"reconnect":{"base_delay":2.5},"binance.symbols":["BTCUSDT"]}})";
  for (std::size_t size = 0; size < whole.size(); ++size)
    CHECK(refusal(whole.substr(0, size)) == errc::malformed_message);
  CHECK(parsed(whole).clean());
}

TEST_CASE("settings_file: from a file") {
  std::string text = R"({"shutdown.timeout": 3)";
  text += std::string(40'000, ' ');  // more than one read
  const foxtrot_test::temporary_file file{text + "}"};
  const auto made = load_settings(file.path());
  REQUIRE(made);
  CHECK(made->settings.shutdown.timeout == 3s);
  CHECK(load_settings(file.path() + ".not").error() == std::errc::no_such_file_or_directory);
  const foxtrot_test::temporary_file broken{"{"};
  CHECK(load_settings(broken.path()).error() == errc::malformed_message);
  CHECK(load_settings("/").error() == std::errc::is_a_directory);
  const foxtrot_test::temporary_file huge{std::string(4 * 1024 * 1024 + 1, ' ')};
  CHECK(load_settings(huge.path()).error() == std::errc::file_too_large);
}

}  // namespace
