// tests/sim/id_ledger_test.cpp: ids that came, ids that were told to be missing, ids that nobody spoke of.
#include <foxtrot/sim/id_ledger.hpp>

#include <catch2/catch.hpp>

#include <cstdint>
#include <initializer_list>

namespace {

using namespace foxtrot;

struct ledger : id_ledger {
  void trades(std::initializer_list<std::uint64_t> ids) {
    for (const std::uint64_t id : ids) receive(id, id);
  }
};

TEST_CASE("id_ledger: what follows is received, wherever it begins") {
  ledger seen;
  seen.tell(1, 99);  // before anything came: nobody's loss
  seen.trades({100, 101, 102});
  seen.receive(103, 110);
  CHECK(seen.counts() == id_counts{.received = 11});
  CHECK(seen.first() == 100);
  CHECK(seen.last() == 110);
  CHECK(seen.behind(110) == 0);
  CHECK(seen.behind(115) == 5);
  CHECK(seen.behind(90) == 0);
  CHECK(ledger{}.behind(100) == 0);
}

TEST_CASE("id_ledger: a hole is told, or it is not, or in part") {
  ledger told;
  told.trades({1});
  told.tell(2, 4);
  told.trades({5});
  CHECK(told.counts() == id_counts{.received = 2, .told = 3});

  ledger silent;
  silent.trades({1, 5});
  CHECK(silent.counts() == id_counts{.received = 2, .unreported = 3});
  CHECK(silent.counts().missing() == 3);

  ledger in_part;
  in_part.trades({1});
  in_part.tell(2, 3);
  in_part.trades({5});
  CHECK(in_part.counts() == id_counts{.received = 2, .told = 2, .unreported = 1});

  ledger in_pieces;
  in_pieces.trades({1});
  in_pieces.tell(2, 2);
  in_pieces.tell(3, 4);
  in_pieces.trades({5});
  CHECK(in_pieces.counts() == id_counts{.received = 2, .told = 3});
}

TEST_CASE("id_ledger: a gap after the tick that shows it comes too late") {
  ledger seen;
  seen.trades({1, 5});
  seen.tell(2, 4);
  seen.trades({6});
  CHECK(seen.counts() == id_counts{.received = 3, .unreported = 3, .mistold = 3});
}

TEST_CASE("id_ledger: gaps that name what came, or name it twice, are counted against the feed") {
  ledger invented;
  invented.trades({1});
  invented.tell(2, 3);
  invented.trades({2, 3});
  CHECK(invented.counts() == id_counts{.received = 3, .mistold = 2});

  ledger too_long;
  too_long.trades({10});
  too_long.tell(9, 14);
  too_long.trades({13});
  CHECK(too_long.counts() == id_counts{.received = 2, .told = 2, .mistold = 4});

  ledger twice;
  twice.trades({1});
  twice.tell(2, 3);
  twice.tell(2, 3);
  twice.trades({4});
  CHECK(twice.counts() == id_counts{.received = 2, .told = 2, .mistold = 2});
}

TEST_CASE("id_ledger: what comes again is no receipt, and what comes too late is told apart from it") {
  ledger seen;
  seen.trades({1, 2, 2, 1});
  CHECK(seen.counts() == id_counts{.received = 2, .duplicates = 2});
  seen.tell(3, 4);
  seen.trades({5});
  seen.tell(6, 7);
  seen.trades({8, 4, 6, 5});
  CHECK(seen.counts() == id_counts{.received = 4, .told = 4, .duplicates = 3, .disordered = 2});
}

TEST_CASE("id_ledger: an update that overlaps the one before counts as one that came again") {
  ledger seen;
  seen.receive(1, 10);
  seen.receive(8, 12);
  CHECK(seen.counts() == id_counts{.received = 12, .duplicates = 1});
  CHECK(seen.last() == 12);
}

}  // namespace
