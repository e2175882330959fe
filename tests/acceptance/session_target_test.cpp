// tests/acceptance/session_target_test.cpp: a session whose request could split its own head connects to nobody.
#include <foxtrot/feed/websocket_manager.hpp>

#include <support/memory_stream.hpp>
#include <support/quiet_venue.hpp>

#include <catch2/catch.hpp>

#include <string>
#include <system_error>

namespace {

using namespace foxtrot;
using namespace foxtrot_test;

/// Counts, and never gets a connection.
struct counting_dialer {
  using stream_type = memory_stream;
  int* dials;

  [[nodiscard]] task<result<memory_stream>> connect(timer_queue& timers) const { return refuse(*dials, timers); }
  static task<result<memory_stream>> refuse(int& dials, timer_queue&) {
    ++dials;
    co_return make_error_code(errc::host_not_found);
  }
};

TEST_CASE("session target: one that could split a request is refused before any connection",
          "[acceptance]") {
  manual_time time;
  async_thread_bridge bridge{{}, diagnostics{}, time};
  symbol_table symbols;
  publisher out{symbols};
  quiet_venue venue;
  const diagnostics log;
  int dials = 0;
  session_settings settings;
  settings.upgrade.host = "venue.test";
  settings.upgrade.target = "/stream HTTP/1.1\r\nX: y";
  websocket_manager<quiet_venue, counting_dialer> manager{bridge, out, venue, counting_dialer{&dials}, settings, log};
  manager.start();
  bridge.context().poll();
  CHECK(dials == 0);
  CHECK(manager.last_error() == errc::bad_argument);
  manager.cancel();
  bridge.context().restart();
  bridge.context().poll();
}

}  // namespace
