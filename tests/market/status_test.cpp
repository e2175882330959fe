#include <foxtrot/market/status.hpp>

#include <catch2/catch.hpp>

#include <cerrno>
#include <cstddef>
#include <set>
#include <string>
#include <system_error>

using namespace foxtrot;

namespace {

status made(const status_record& record) {
  static symbol_table table;
  return {record, {.kind = tick_kind::status}, table};
}

}  // namespace

TEST_CASE("status: every code has a name of its own", "[market]") {
  std::set<std::string> names;
  for (std::size_t i = 0; i < status_code_count; ++i) {
    names.insert(made(make_status(static_cast<status_code>(i), 0)).name());
  }
  CHECK(names.size() == status_code_count);
  CHECK(names.count("?") == 0);
  CHECK(std::string{made(make_status(status_code::fallback_ended, 0)).name()} == "fallback_ended");
  CHECK(std::string{made(make_status(status_code::shutdown_announced, 0)).name()} == "shutdown_announced");
  CHECK(std::string{made(make_status(static_cast<status_code>(99), 0)).name()} == "?");
}

TEST_CASE("status: errors come back as they went in", "[market]") {
  CHECK_FALSE(made(make_status(status_code::connected, 0)).error());
  CHECK(made(make_status(status_code::disconnected, 0, errc::heartbeat_lost)).error() == errc::heartbeat_lost);
  const std::error_code reset{ECONNRESET, std::system_category()};
  CHECK(made(make_status(status_code::disconnected, 0, reset)).error() == reset);
  CHECK(made(make_status(status_code::disconnected, 0, reset)).error() == condition::transient);
}

TEST_CASE("status: its numbers", "[market]") {
  status_record record = make_status(status_code::gap, 77);
  record.first = 10;
  record.second = 12;
  record.gap_kind = tick_kind::trade;
  const status gap = made(record);
  CHECK(gap.code() == status_code::gap);
  CHECK(gap.from() == 10);
  CHECK(gap.to() == 12);
  CHECK(gap.gap_kind() == tick_kind::trade);
  CHECK(gap.received().time_since_epoch().count() == 77);
  CHECK_FALSE(gap.symbol());

  const status filled = made(make_filled_status(10, 12, tick_kind::aggregate_trade, 78, symbol_id{3}));
  CHECK(std::string{filled.name()} == "filled");
  CHECK((filled.from() == 10 && filled.to() == 12));
  CHECK(filled.gap_kind() == tick_kind::aggregate_trade);
  CHECK(filled.record().symbol == symbol_id{3});
  CHECK(filled.received().time_since_epoch().count() == 78);

  record = make_status(status_code::dropped, 0);
  record.first = 5;
  CHECK(made(record).count() == 5);
  record = make_status(status_code::reconnecting, 0);
  record.first = 3;
  CHECK(made(record).attempt() == 3);
}

TEST_CASE("status: threads go by their names", "[market]") {
  CHECK(made(make_thread_status(status_code::thread_crashed, 5, "net")).thread_name() == "net");
  CHECK(made(make_thread_status(status_code::thread_stalled, 5, "")).thread_name().empty());
  CHECK(made(make_thread_status(status_code::thread_failed, 5, "sixteen letters!")).thread_name() ==
        "sixteen letters!");
  CHECK(made(make_thread_status(status_code::thread_recovered, 5, "more than sixteen letters")).thread_name() ==
        "more than sixtee");
  CHECK(made(make_thread_status(status_code::thread_restarted, 5, "a b")).received().time_since_epoch().count() == 5);
  CHECK(made(make_status(status_code::connected, 5)).thread_name().empty());
  status_record gap = make_status(status_code::gap, 5);
  gap.first = 0x4142434445464748U;
  CHECK(made(gap).thread_name().empty());
}

TEST_CASE("status: a connection that was lost is told from one that could not be made", "[market]") {
  const status lost = made(make_disconnected_status(7, errc::heartbeat_lost, true));
  CHECK(lost.code() == status_code::disconnected);
  CHECK(lost.lost_connection());
  CHECK(lost.error() == errc::heartbeat_lost);
  CHECK(lost.received().time_since_epoch().count() == 7);
  CHECK_FALSE(lost.symbol());
  const std::error_code refused{ECONNREFUSED, std::system_category()};
  const status never = made(make_disconnected_status(8, refused, false));
  CHECK(never.code() == status_code::disconnected);
  CHECK_FALSE(never.lost_connection());
  CHECK(never.error() == refused);
  for (std::size_t i = 0; i < status_code_count; ++i) {
    const auto code = static_cast<status_code>(i);
    INFO(made(make_status(code, 0)).name());
    CHECK(made(make_status(code, 0)).lost_connection() == (code == status_code::disconnected));
    if (code == status_code::disconnected) continue;
    status_record record = make_status(code, 0);
    record.attempt_failed = true;
    CHECK_FALSE(made(record).lost_connection());
  }
}
