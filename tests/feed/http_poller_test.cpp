// tests/feed/http_poller_test.cpp: requests again and again, at a pace that the venue and its errors set.
#include <foxtrot/feed/http_poller.hpp>

#include <catch2/catch.hpp>

#include <support/loop_fixture.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace {

using namespace foxtrot;
using namespace std::chrono_literals;
using strings = std::vector<std::string>;

/// Streams "a/x" and "a/y" share one request "a:x,y"; "x" alone is one by itself. Answers what the test wants.
class shop {
 public:
  explicit shop(timer_queue& timers) : timers_{timers} {}

  [[nodiscard]] std::vector<poll_request> plan(std::span<const std::string> streams) const {
    std::map<std::string, strings> shared;
    std::vector<poll_request> made;
    for (const std::string& stream : streams) {
      const auto slash = stream.find('/');
      if (stream == "never") continue;
      if (slash == stream.npos)
        made.push_back({.target = stream, .weight = weight, .what = 0, .streams = {stream}});
      else
        shared[stream.substr(0, slash)].push_back(stream);
    }
    for (const auto& [name, its] : shared) {
      std::string target = name + ":";
      for (const std::string& stream : its) target += stream.substr(name.size() + 1) + ",";
      made.push_back({.target = target, .weight = weight, .what = 0, .streams = its});
    }
    return made;
  }
  [[nodiscard]] std::vector<poll_request> narrow(const poll_request& request) const {
    const std::size_t half = request.streams.size() / 2;
    if (half == 0) return {};
    auto made = plan(std::span{request.streams}.first(half));
    for (auto& each : plan(std::span{request.streams}.subspan(half))) made.push_back(std::move(each));
    return made;
  }
  [[nodiscard]] bool is_wanted(const poll_request& request) const {
    return std::ranges::any_of(request.streams, [this](const auto& each) { return !unwanted.contains(each); });
  }
  [[nodiscard]] std::uint32_t weight_per_minute() const { return per_minute; }

  [[nodiscard]] task<poll_answer> ask(const poll_request& request) {
    asked.emplace_back(timers_.now(), request.target);
    ++under_way;
    const struct leave {
      int& count;
      ~leave() { --count; }
    } always{under_way};
    poll_answer made;
    if (takes > 0s) {
      if (const std::error_code error = co_await timers_.sleep_for(takes)) {
        made.error.code = error;
        co_return made;
      }
    }
    for (const std::string& stream : request.streams) {
      if (bad.contains(stream)) {
        made.error = {.code = errc::http_client_error, .http_status = 400, .venue_code = -1121};
        co_return made;
      }
    }
    if (!answers.empty()) {
      made = answers.front();
      answers.pop_front();
    }
    co_return made;
  }

  std::uint32_t weight{1};
  std::uint32_t per_minute{60'000};
  steady_time::duration takes{0};
  std::set<std::string> unwanted;
  std::set<std::string> bad;
  std::deque<poll_answer> answers;  // then: well
  std::vector<std::pair<steady_time, std::string>> asked;
  int under_way{0};

 private:
  timer_queue& timers_;
};
static_assert(poll_venue<shop>);

poll_answer failed(session_error error) { return {.error = error, .used_weight = {}}; }

struct scene : foxtrot_test::loop_fixture {
  explicit scene(poll_settings wanted = {}, std::uint32_t per_minute = 60'000) : settings{wanted} {
    venue.per_minute = per_minute;
    poller = std::make_unique<http_poller<shop>>(timers, out, venue, errors, settings, log);
    poller->on_outcome = [this](std::error_code error) { outcomes.push_back(error); };
  }
  ~scene() {
    if (running) running->cancel();
    poll();
  }

  void begin(strings streams) {
    poller->set(std::move(streams));
    running.emplace(start([](http_poller<shop>& of) -> task<int> {
      co_await of.run();
      co_return 0;
    }(*poller)));
    poll();
  }
  /// What was asked since the last look: "name" or "name@milliseconds since the beginning".
  strings asked(bool times = false) {
    strings all;
    for (const auto& [when, target] : std::exchange(venue.asked, {})) {
      const auto since = std::chrono::duration_cast<std::chrono::milliseconds>(when - origin).count();
      all.push_back(times ? target + "@" + std::to_string(since) : target);
    }
    return all;
  }

  poll_settings settings;
  steady_time origin{time.now()};
  symbol_table symbols;
  publisher out{symbols};
  websocket_error_handler errors{{.rules = {{error_origin::venue, -1199, -1100, error_kind::symbol}}}};
  strings remarks;
  diagnostics log{[this](const diagnostic& d) { remarks.emplace_back(d.message); }};
  shop venue{timers};
  std::unique_ptr<http_poller<shop>> poller;
  std::vector<std::error_code> outcomes;
  std::optional<running<int>> running;
};

TEST_CASE("http_poller: asks at once, then once per interval") {
  scene s;
  s.begin({"a"});
  s.advance(3500ms);
  CHECK(s.asked(true) == strings{"a@0", "a@1000", "a@2000", "a@3000"});
  CHECK(s.out.counters().polls.get() == 4);
  CHECK(s.outcomes == std::vector<std::error_code>(4));
}

TEST_CASE("http_poller: the interval is from one beginning to the next, and one request waits for the other") {
  scene s;
  s.venue.takes = 300ms;
  s.begin({"a", "b"});
  s.advance(2500ms);
  CHECK(s.asked(true) == strings{"a@0", "b@300", "a@1000", "b@1300", "a@2000", "b@2300"});
  CHECK(s.venue.under_way <= 1);
  s.venue.takes = 1500ms;  // longer than the interval
  s.advance(20s);
  const strings slow = s.asked();
  REQUIRE(slow.size() >= 12);
  for (std::size_t i = 2; i < slow.size(); ++i) CHECK(slow[i] != slow[i - 1]);  // still in turn
}

TEST_CASE("http_poller: nothing to do is no work; what is wanted later begins at once") {
  scene s;
  s.begin({});
  s.advance(1h);
  CHECK(s.asked().empty());
  CHECK(s.timers.size() == 0);
  s.poller->set({"never"});
  s.advance(1h);
  CHECK((s.asked().empty() && s.poller->requests() == 0));
  s.poller->set({"a"});
  s.poll();
  CHECK(s.asked() == strings{"a"});
  s.advance(500ms);
  s.poller->set({"a", "b"});
  s.poll();
  CHECK(s.asked() == strings{"b"});  // the other one keeps its pace
  s.advance(500ms);
  CHECK(s.asked() == strings{"a"});
}

TEST_CASE("http_poller: where there is too little weight all come less often, and all come") {
  scene s{{.interval = 1000ms, .weight_per_minute = 0, .weight_share = 0.5}, 1'200};  // ten a second
  s.venue.weight = 10;
  strings names;
  for (int i = 0; i < 10; ++i) names.push_back("s" + std::to_string(i));
  s.begin(names);
  s.advance(60s);
  std::map<std::string, int> times;
  for (const std::string& each : s.asked()) ++times[each];
  CHECK(times.size() == 10);
  int all = 0;
  for (const auto& [name, count] : times) {
    CHECK(count >= 6);
    CHECK(count <= 7);
    all += count;
  }
  CHECK(all <= 62);
  CHECK(all >= 60);
}

TEST_CASE("http_poller: the settings may know the limit better than the venue") {
  scene s{{.interval = 100ms, .weight_per_minute = 120, .weight_share = 1.0}, 60'000};  // two a second
  s.begin({"a"});
  s.advance(30s);
  const std::size_t asked = s.asked().size();
  CHECK(asked >= 60);
  CHECK(asked <= 65);
}

TEST_CASE("http_poller: Retry-After is obeyed to the millisecond, by all requests") {
  scene s;
  const auto [status, code] = GENERATE(std::pair{429, errc::http_rate_limited}, std::pair{418, errc::http_banned},
                                       std::pair{503, errc::http_server_error});
  s.venue.answers.push_back(failed({.code = code, .http_status = status, .retry_after = 7s}));
  s.begin({"a", "b"});
  CHECK(s.asked(true) == strings{"a@0"});
  s.advance(7s - 1ms);
  CHECK(s.asked().empty());
  s.advance(1ms);
  CHECK(s.asked(true) == strings{"b@7000", "a@7000"});
  s.advance(10s);
  CHECK(s.asked().size() == 20);
  CHECK(s.out.counters().failed_polls.get() == 1);
  CHECK(s.outcomes.front() == code);
}

TEST_CASE("http_poller: a limit without a time is a minute") {
  scene s;
  s.venue.answers.push_back(failed({.code = errc::http_rate_limited, .http_status = 429}));
  s.begin({"a"});
  s.advance(60s - 1ms);
  CHECK(s.asked().size() == 1);
  s.advance(1ms);
  CHECK(s.asked().size() == 1);
}

TEST_CASE("http_poller: other failures are followed by backoff, and the first success by the old pace") {
  scene s;
  const session_error error = GENERATE(session_error{.code = errc::http_server_error, .http_status = 502},
                                       session_error{.code = errc::timeout}, session_error{.code = errc::closed});
  for (int i = 0; i < 200; ++i) s.venue.answers.push_back(failed(error));
  s.begin({"a"});
  s.advance(60s);
  const std::size_t first = s.asked().size();
  CHECK(first >= 3);
  CHECK(first <= 60);  // never more often than the interval
  s.advance(30min);
  const std::size_t later = s.asked().size();
  CHECK(later >= 50);  // 30 s at most
  CHECK(later < 200 - first);
  s.venue.answers.clear();
  s.advance(31s);
  (void)s.asked();
  s.advance(10s);
  CHECK(s.asked().size() == 10);
  s.venue.answers.push_back(failed(error));
  s.advance(3s);
  CHECK(s.asked().size() >= 2);  // it began anew
}

TEST_CASE("http_poller: an answer that is no good holds nobody up, and says nothing of the venue") {
  scene s;
  int outcomes = 0;
  s.poller->on_outcome = [&](std::error_code) { ++outcomes; };
  for (int i = 0; i < 10; ++i) s.venue.answers.push_back(failed({.code = errc::malformed_message}));
  s.begin({"a"});
  s.advance(9500ms);
  CHECK(s.asked().size() == 10);
  CHECK(outcomes == 0);
  CHECK(s.out.counters().failed_polls.get() == 10);
  s.advance(1s);
  CHECK((s.asked().size() == 1 && outcomes == 1));
}

TEST_CASE("http_poller: who is not let in asks once a minute, and loses no name") {
  scene s;
  for (int i = 0; i < 3; ++i) s.venue.answers.push_back(failed({.code = errc::http_client_error, .http_status = 401}));
  s.begin({"a", "b"});
  CHECK(s.asked().size() == 1);
  s.advance(59s);
  CHECK(s.asked().empty());
  s.advance(1s);
  CHECK(s.asked().size() == 1);
  s.advance(61s);
  CHECK(s.asked().size() == 1);
  s.advance(70s);
  CHECK(s.asked().size() >= 10);  // both, and all is well
}

TEST_CASE("http_poller: nearly all weight used by somebody else: it waits for the end of the minute") {
  scene s;
  s.venue.answers.push_back({.error = {}, .used_weight = 53'999});
  s.venue.answers.push_back({.error = {}, .used_weight = 54'000});
  constexpr std::int64_t minute = 60'000'000'000;
  const std::int64_t before = epoch_clock::now_ns();
  s.begin({"a", "b", "c"});
  const std::int64_t after = epoch_clock::now_ns();
  CHECK(s.asked(true) == strings{"a@0", "b@0"});
  const std::chrono::nanoseconds most{minute - before % minute};
  const std::chrono::nanoseconds least = before / minute == after / minute
                                             ? std::chrono::nanoseconds{minute - after % minute}
                                             : std::chrono::nanoseconds{0};
  if (least > 1ns) {
    s.advance(least - 1ns);
    CHECK(s.asked().empty());
  }
  s.advance(most - least + 60s);
  CHECK(s.asked().front() == "c");
}

TEST_CASE("http_poller: a name that is refused is left out, and the others go on") {
  scene s;
  strings names;
  for (int i = 0; i < 40; ++i) names.push_back("t/" + std::to_string(i));
  s.venue.bad = {"t/17", "lone"};
  names.push_back("lone");
  names.push_back("good");
  s.begin(names);
  s.advance(1ms);
  const strings first = s.asked();
  CHECK(first.size() < 20);  // by halves, not one by one
  CHECK(std::ranges::count(s.remarks, "t/17 cannot be polled") == 1);
  CHECK(std::ranges::count(s.remarks, "lone cannot be polled") == 1);
  CHECK(std::ranges::count_if(s.remarks, [](const auto& each) { return each.ends_with("cannot be polled"); }) == 2);
  s.outcomes.clear();
  s.advance(10s);
  std::map<std::string, int> names_asked;
  for (const std::string& each : s.asked()) {
    for (const auto& [name, job] : {std::pair{std::string{"good"}, each}}) names_asked[name] += job == name;
    if (!each.starts_with("t:")) continue;
    for (std::size_t at = 2; at < each.size(); at = each.find(',', at) + 1)
      ++names_asked["t/" + each.substr(at, each.find(',', at) - at)];
  }
  CHECK(names_asked.size() == 40);  // all but the two
  for (const auto& [name, count] : names_asked) {
    INFO(name);
    CHECK(count == 10);
  }
  CHECK_FALSE(names_asked.contains("t/17"));
  CHECK(std::ranges::count(s.outcomes, std::error_code{}) == static_cast<std::ptrdiff_t>(s.outcomes.size()));

  // it stays left out while it is wanted
  s.poller->set(names);
  s.advance(5s);
  for (const std::string& each : s.asked()) CHECK((each != "lone" && each.find(",17,") == each.npos));
  std::erase(names, "lone");
  s.poller->set(names);
  names.push_back("lone");
  s.venue.bad.erase("lone");
  s.poller->set(names);  // wanted again: it may be there by now
  s.advance(1ms);
  CHECK(std::ranges::count(s.asked(), "lone") == 1);
}

TEST_CASE("http_poller: what is wanted may change while a request is under way") {
  scene s;
  s.venue.takes = 100ms;
  s.begin({"a", "b"});
  CHECK(s.asked() == strings{"a"});
  SECTION("by something else") {
    s.poller->set({"c"});
    s.advance(5s);
    const strings after = s.asked();
    CHECK(std::set<std::string>{after.begin(), after.end()} == std::set<std::string>{"c"});
    CHECK(after.size() == 5);
  }
  SECTION("by nothing") {
    s.poller->set({});
    s.advance(5s);
    CHECK(s.asked().empty());
    CHECK(s.timers.size() == 0);
  }
  SECTION("refused meanwhile, and not wanted any more") {
    s.venue.bad = {"a"};
    s.poller->set({"b"});
    s.advance(1s);
    CHECK(s.asked().front() == "b");
    CHECK(s.poller->requests() == 1);
    s.poller->set({"a"});
    s.venue.bad.clear();
    s.advance(1s);
    CHECK(s.asked().back() == "a");
  }
  SECTION("by the one who is told how it went") {
    bool once = true;
    s.poller->on_outcome = [&](std::error_code) {
      if (std::exchange(once, false)) s.poller->set({"d"});
    };
    s.advance(2s);
    const strings after = s.asked();
    CHECK(std::set<std::string>{after.begin(), after.end()} == std::set<std::string>{"d"});
  }
}

TEST_CASE("http_poller: what no stream needs any more is dropped") {
  scene s;
  s.begin({"a", "t/1", "t/2"});
  s.advance(500ms);
  CHECK(s.poller->requests() == 2);
  s.venue.unwanted = {"t/1"};
  s.advance(1s);
  CHECK(s.poller->requests() == 2);
  s.venue.unwanted = {"t/1", "t/2"};
  s.advance(1s);
  CHECK(s.poller->requests() == 1);
  s.venue.unwanted.insert("a");
  s.advance(1s);
  CHECK(s.poller->requests() == 0);
  (void)s.asked();
  s.advance(1h);
  CHECK(s.asked().empty());
  CHECK(s.timers.size() == 0);
}

TEST_CASE("http_poller: many requests that are set again and again keep their turns") {
  scene s{{}, 12'000};  // a hundred a second
  strings names;
  for (int i = 0; i < 300; ++i) names.push_back("stream-with-a-long-name-" + std::to_string(i));
  s.begin(names);
  s.advance(100ms);
  const std::size_t before = s.asked().size();
  for (int i = 0; i < 20; ++i) s.poller->set(names);
  s.advance(100ms);
  const strings after = s.asked();
  const std::set<std::string> different{after.begin(), after.end()};
  CHECK(before + after.size() <= 300);
  CHECK(different.size() == after.size());  // nobody twice before everybody once
}

TEST_CASE("http_poller: cancelled at any moment it ends at once and leaves nothing behind") {
  const auto run = [](int most) {
    scene s{{.interval = 1000ms, .weight_per_minute = 0, .weight_share = 1.0}, 600};
    s.venue.takes = 150ms;
    s.venue.weight = 7;
    s.venue.bad = {"t/2"};
    s.venue.answers.push_back(failed({.code = errc::timeout}));
    s.venue.answers.push_back(failed({.code = errc::http_rate_limited, .http_status = 429, .retry_after = 2s}));
    s.poller->set({"a", "t/1", "t/2"});
    auto work = s.start([](http_poller<shop>& of) -> task<int> {
      co_await of.run();
      co_return 0;
    }(*s.poller));
    int steps = 0;
    for (int idle = 0; idle < 200 && steps < most;) {
      s.loop.restart();
      if (s.loop.poll_one() != 0) {
        ++steps;
        continue;
      }
      ++idle;
      ++steps;
      if (idle == 190) s.poller->set({});
      const auto next = s.timers.next();
      if (!next) break;
      s.time.advance_to(std::max(s.time.now(), *next));
      s.timers.run_due();
    }
    work.cancel();
    s.poll();
    s.poll();
    CHECK(work.done());
    CHECK(s.venue.under_way == 0);
    CHECK(s.timers.size() == 0);
    return steps;
  };
  for (int most = 0; run(most) == most && most < 400; ++most) {
  }
}

}  // namespace
