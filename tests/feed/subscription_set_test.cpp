// tests/feed/subscription_set_test.cpp: what is wanted against what the venue has acknowledged.
#include <foxtrot/feed/subscription_set.hpp>

#include <catch2/catch.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace {

using namespace foxtrot;
using namespace std::chrono_literals;
using strings = std::vector<std::string>;
using action = subscription_set::action;

constexpr steady_time start{1h};

TEST_CASE("subscription_set: asks for what is wanted, in batches, each stream once") {
  subscription_set set;
  set.want(strings{"c@t", "a@t", "b@t", "a@t"});
  CHECK(set.size() == 3);
  const auto first = set.next(2, start);
  REQUIRE(first);
  CHECK(first->what == action::subscribe);
  CHECK(first->streams == strings{"a@t", "b@t"});
  const auto second = set.next(2, start + 1s);
  REQUIRE(second);
  CHECK(second->streams == strings{"c@t"});
  CHECK(second->id != first->id);
  CHECK_FALSE(set.next(2, start));
  CHECK(set.oldest_request() == start);
  CHECK(set.confirmed() == 0);
  CHECK(set.answered(first->id, true).empty());
  CHECK(set.confirmed() == 2);
  CHECK(set.oldest_request() == start + 1s);
  CHECK(set.answered(second->id, true).empty());
  CHECK(set.confirmed() == 3);
  CHECK_FALSE(set.oldest_request());
}

TEST_CASE("subscription_set: an answer to another request confirms nothing") {
  subscription_set set;
  set.want(strings{"a@t"});
  const auto asked = set.next(10, start);
  REQUIRE(asked);
  for (const std::int64_t other : {asked->id + 1, std::int64_t{-1}, std::int64_t{0}}) {
    CHECK(set.answered(other, true).empty());
    CHECK(set.answered(other, false).empty());
  }
  CHECK(set.confirmed() == 0);
  CHECK(set.oldest_request() == start);
  CHECK(set.answered(asked->id, true).empty());
  CHECK(set.confirmed() == 1);
  CHECK(set.answered(asked->id, false).empty());  // a second answer changes nothing
  CHECK(set.confirmed() == 1);
}

TEST_CASE("subscription_set: what was rejected is asked for again only when wanted again") {
  subscription_set set;
  set.want(strings{"a@t", "b@t"});
  const auto asked = set.next(10, start);
  REQUIRE(asked);
  CHECK(set.answered(asked->id, false) == strings{"a@t", "b@t"});
  CHECK(set.rejected() == 2);
  CHECK_FALSE(set.next(10, start));
  set.want(strings{"b@t"});
  CHECK(set.rejected() == 1);
  const auto again = set.next(10, start);
  REQUIRE(again);
  CHECK(again->streams == strings{"b@t"});
  set.unwant(strings{"a@t"});
  CHECK(set.size() == 1);
}

TEST_CASE("subscription_set: a lost connection is followed by asking for everything again") {
  subscription_set set;
  set.want(strings{"asked@t", "confirmed@t", "leaving@t", "back@t", "new@t", "refused@t"});
  const auto one_by_one = [&](const std::string& stream) {
    for (;;) {
      const auto asked = set.next(1, start);
      REQUIRE(asked);
      if (asked->streams.front() == stream) return asked->id;
    }
  };
  (void)one_by_one("refused@t");  // all are asked for by then, in the order of their names
  subscription_set fresh;
  fresh.want(strings{"confirmed@t"});
  fresh.answered(fresh.next(1, start)->id, true);
  fresh.want(strings{"leaving@t"});
  fresh.answered(fresh.next(1, start)->id, true);
  fresh.want(strings{"back@t"});
  fresh.answered(fresh.next(1, start)->id, true);
  fresh.want(strings{"refused@t"});
  fresh.answered(fresh.next(1, start)->id, false);
  fresh.unwant(strings{"leaving@t", "back@t"});
  const auto leave = fresh.next(10, start);
  REQUIRE(leave);
  CHECK(leave->what == action::unsubscribe);
  CHECK(leave->streams == strings{"back@t", "leaving@t"});
  fresh.want(strings{"back@t"});
  fresh.want(strings{"asked@t"});
  (void)fresh.next(1, start);
  fresh.want(strings{"new@t"});

  const strings wanted{"asked@t", "back@t", "confirmed@t", "new@t", "refused@t"};
  CHECK(fresh.streams() == wanted);
  fresh.forget_answers();
  CHECK(fresh.streams() == wanted);
  CHECK(fresh.confirmed() == 0);
  CHECK_FALSE(fresh.oldest_request());
  const auto all = fresh.next(10, start);
  REQUIRE(all);
  CHECK(all->what == action::subscribe);
  CHECK(all->streams == wanted);
  CHECK(all->id > leave->id);  // so that a late answer is never taken for this one's
}

TEST_CASE("subscription_set: taking away and bringing back while the venue is being asked") {
  subscription_set set;
  set.want(strings{"a@t"});
  const auto subscribe = set.next(10, start);
  set.unwant(strings{"a@t"});  // before the answer
  const auto unsubscribe = set.next(10, start);
  REQUIRE(unsubscribe);
  CHECK(unsubscribe->what == action::unsubscribe);
  CHECK(set.streams().empty());
  set.want(strings{"a@t"});  // before the second answer
  CHECK(set.streams() == strings{"a@t"});
  CHECK_FALSE(set.next(10, start));
  CHECK(set.answered(subscribe->id, true).empty());
  CHECK(set.confirmed() == 0);
  CHECK(set.answered(unsubscribe->id, true).empty());
  const auto again = set.next(10, start);
  REQUIRE(again);
  CHECK(again->what == action::subscribe);
  CHECK(again->streams == strings{"a@t"});
  set.answered(again->id, true);
  CHECK(set.confirmed() == 1);

  set.unwant(strings{"a@t"});
  set.want(strings{"a@t"});  // nobody has told the venue yet: nothing changes there
  CHECK(set.streams() == strings{"a@t"});
  const auto harmless = set.next(10, start);
  if (harmless) {
    CHECK(harmless->what == action::subscribe);
    set.answered(harmless->id, true);
  }
  CHECK(set.confirmed() == 1);

  set.unwant(strings{"a@t", "never@t"});
  const auto last = set.next(10, start);
  REQUIRE(last);
  set.want(strings{"a@t"});
  set.unwant(strings{"a@t"});
  set.answered(last->id, true);
  CHECK(set.size() == 0);
  CHECK_FALSE(set.next(10, start));
}

TEST_CASE("subscription_set: an unsubscription that is refused leaves the stream where it was") {
  subscription_set set;
  set.want(strings{"a@t"});
  const auto asked = set.next(10, start);
  REQUIRE(asked);
  CHECK(set.oldest_id() == asked->id);
  set.answered(asked->id, true);
  CHECK(set.confirmed_by(asked->id) == strings{"a@t"});
  CHECK(set.oldest_id() == 0);
  set.unwant(strings{"a@t"});
  const auto leave = set.next(10, start);
  REQUIRE(leave);
  CHECK(set.answered(leave->id, false) == strings{"a@t"});
  CHECK(set.confirmed() == 1);
  CHECK(set.streams() == strings{"a@t"});
}

TEST_CASE("subscription_set: 1024 streams take eleven requests of a hundred") {
  subscription_set set;
  strings all;
  for (int i = 0; i < 1024; ++i) all.push_back("s" + std::to_string(i) + "@t");
  set.want(all);
  std::size_t requests = 0, streams = 0;
  while (const auto next = set.next(100, start)) {
    ++requests;
    streams += next->streams.size();
    CHECK(next->streams.size() <= 100);
    set.answered(next->id, true);
  }
  CHECK(requests == 11);
  CHECK(streams == 1024);
  CHECK(set.confirmed() == 1024);
}

TEST_CASE("subscription_set: what was not answered in time is asked for again, and nothing else") {
  subscription_set set;
  set.want(strings{"a", "b"});
  const auto first = set.next(10, start);
  REQUIRE(first);
  (void)set.answered(first->id, true);
  set.want(strings{"c"});
  set.unwant(strings{"a"});
  const auto leave = set.next(10, start + 1s);
  const auto join = set.next(10, start + 2s);
  REQUIRE((leave && join));
  CHECK(set.expire(start) == 0);
  CHECK_FALSE(set.next(10, start + 3s));
  CHECK(set.expire(start + 1s) == 1);
  const auto again = set.next(10, start + 3s);
  REQUIRE(again);
  CHECK((again->what == subscription_set::action::unsubscribe && again->streams == strings{"a"}));
  CHECK(set.answered(leave->id, true).empty());  // late: it is nobody's any more
  CHECK(set.expire(start + 9s) == 2);
  CHECK(set.oldest_id() == 0);
  (void)set.next(10, start + 10s);
  (void)set.next(10, start + 10s);
  CHECK(set.expire(start + 10s) == 3);
  CHECK(set.confirmed() == 1);
}

TEST_CASE("subscription_set: a stream that is wanted back while its leaving is not answered is subscribed to again") {
  subscription_set set;
  set.want(strings{"a"});
  (void)set.answered(set.next(10, start)->id, true);
  set.unwant(strings{"a"});
  (void)set.next(10, start);
  set.want(strings{"a"});
  CHECK(set.expire(start) == 1);
  const auto next = set.next(10, start);
  REQUIRE(next);
  CHECK(next->what == subscription_set::action::subscribe);
}

}  // namespace
