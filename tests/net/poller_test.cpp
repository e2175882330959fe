#include <foxtrot/net/poller.hpp>

#include <catch2/catch.hpp>

#include <optional>
#include <string>

using namespace foxtrot;

TEST_CASE("poller: every function is called once a turn until its handle dies", "[net]") {
  poller_list list;
  int calls = 0;
  CHECK_FALSE(list.run());
  {
    const poller_handle idle = list.add([&] { return ++calls, false; });
    CHECK_FALSE(list.run());
    const poller_handle busy = list.add([&] { return ++calls, true; });
    CHECK(list.run());
    CHECK(calls == 3);
  }
  CHECK_FALSE(list.run());
  CHECK(calls == 3);
  CHECK(list.empty());
}

TEST_CASE("poller: functions may come and go while they run", "[net]") {
  poller_list list;
  std::string order;
  std::optional<poller_handle> self;
  poller_handle added;
  poller_handle victim;
  self = list.add([&] {
    order += 's';
    victim.release();
    for (int i = 0; i < 8; ++i) added = list.add([&] { return order += 'a', true; });
    self.reset();
    return true;
  });
  victim = list.add([&] { return order += 'v', true; });
  CHECK(list.run());
  CHECK(order == "sa");
  CHECK(list.run());
  CHECK(order == "saa");
}

TEST_CASE("poller: a handle may outlive the list", "[net]") {
  poller_handle survivor;
  {
    poller_list list;
    survivor = list.add([] { return true; });
  }
  survivor.release();
  SUCCEED();
}
