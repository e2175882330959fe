// tests/acceptance/exhaustion_test.cpp: a system without descriptors, without buffers, or whose name service does not
// answer: the feed says what is wrong, waits between its attempts, and is back as soon as the system is.
#include <foxtrot/exchange/binance/market_data.hpp>

#include <support/open_files.hpp>
#include <support/sanitizer.hpp>
#include <support/scripted_venue.hpp>
#include <support/skip.hpp>

#include <catch2/catch.hpp>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <functional>
#include <memory>
#include <string>
#include <system_error>

#include <sys/resource.h>
#include <time.h>  // NOLINT(*-deprecated-headers): clock_gettime is POSIX

namespace {

using namespace foxtrot;
using namespace foxtrot_test;
using namespace std::chrono_literals;
using real = std::chrono::steady_clock;

const std::string stream = "btcusdt@bookTicker";
constexpr std::size_t failures = 12;

/// Nothing can be opened as long as it lives; what is open stays so.
class no_descriptors {
 public:
  no_descriptors() {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    rlimit none = before_;
    none.rlim_cur = 3;
    ::setrlimit(RLIMIT_NOFILE, &none);
  }
  no_descriptors(const no_descriptors&) = delete;
  no_descriptors& operator=(const no_descriptors&) = delete;
  ~no_descriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_{};
};

/// CPU time of this process.
std::chrono::nanoseconds worked() {
  timespec now{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return std::chrono::seconds{now.tv_sec} + std::chrono::nanoseconds{now.tv_nsec};
}

void slowly(scripted_feed::settings_type& settings) { settings.session.retry = {.base = 200ms, .cap = 200ms}; }
void by_name(scripted_feed::settings_type& settings) {
  const std::string numeric = "127.0.0.1";
  settings.websocket_url.replace(settings.websocket_url.find(numeric), numeric.size(), "localhost");
}
endpoints loopback(std::uint16_t port) { return {{asio::ip::address_v4::loopback(), port}}; }

/// Connected, then cut off, then in need of what `break_down` takes away and `mend` gives back.
void check_recovery(scripted_feed& s, std::error_code wanted, const std::function<void()>& break_down,
                    const std::function<void()>& mend) {
  REQUIRE_FALSE(s.feed.connect());
  REQUIRE(s.until([&] { return s.venue.has_upgraded(1) && s.venue.latest().streams.size() == 1; }));
  s.venue.latest().send(quote_frame("BTCUSDT", 1));
  REQUIRE(s.tells("BTCUSDT"));
  const std::size_t files = open_files();
  s.forget();
  break_down();
  s.venue.latest().reset();
  REQUIRE(s.tells("disconnected"));
  const auto began = real::now();
  const auto before = worked();
  REQUIRE(s.until([&] { return s.reasons.size() > failures; }));
  const std::chrono::duration<double> spent = worked() - before;
  const std::chrono::duration<double> took = real::now() - began;
  mend();
  std::printf("%s: %.1f %% of a CPU while failing, 5 are promised\n", wanted.message().c_str(), 100 * spent / took);
  CHECK(spent < bound(0.05 * took));
  CHECK(took > failures * 200ms / 10);  // a tenth of full jitter's mean: no hot loop
  for (std::size_t i = 1; i < s.reasons.size(); ++i) {
    CHECK(s.reasons[i] == wanted);
    CHECK(s.reasons[i] == condition::transient);
  }
  REQUIRE(s.tells("connected"));
  REQUIRE(s.until([&] { return s.venue.has_upgraded(2) && s.venue.latest().streams.size() == 1; }));
  s.venue.latest().send(quote_frame("BTCUSDT", 2));
  REQUIRE(s.tells("BTCUSDT"));
  const feed_counters& counted = s.feed.counters();
  CHECK(counted.failed_attempts.get() >= failures);
  CHECK(counted.errors[static_cast<std::size_t>(error_kind::network)].get() == counted.failed_attempts.get() + 1);
  CHECK(s.venue.accepted == 2);
  CHECK(open_files() <= files);  // the venue's end of the first connection has gone meanwhile
}

TEST_CASE("exhaustion: no descriptor is left", "[acceptance][alone]") {
  if (sanitized) return skip("the sanitizer needs a descriptor to look at an object's type for the first time");
  scripted_feed s{{stream}, slowly};
  std::unique_ptr<no_descriptors> none;
  check_recovery(
      s, {EMFILE, std::system_category()}, [&] { none = std::make_unique<no_descriptors>(); }, [&] { none.reset(); });
}

TEST_CASE("exhaustion: no buffers are left, or no memory, ports or descriptors of the whole system",
          "[acceptance][alone]") {
  for (const int number : {ENOBUFS, ENOMEM, ENFILE, EADDRNOTAVAIL}) {
    std::atomic<int> broken{0};
    std::atomic<int> asked{0};
    scripted_feed s{{stream}, [&](scripted_feed::settings_type& settings) {
                      by_name(settings);
                      settings.session.retry = {.base = number == ENOBUFS ? 200ms : 40ms, .cap = 200ms};
                      settings.dial.lookup = [](const std::string&, std::uint16_t port) { return loopback(port); };
                      settings.dial.before_connect = [&](const asio::ip::tcp::endpoint&) {
                        ++asked;
                        return std::error_code{broken.load(), std::system_category()};
                      };
                    }};
    check_recovery(
        s, {number, std::system_category()}, [&] { broken = number; }, [&] { broken = 0; });
    CHECK(static_cast<std::uint64_t>(asked) == s.feed.counters().failed_attempts.get() + 2);
  }
}

TEST_CASE("exhaustion: the name service does not answer, or does not know the name", "[acceptance][alone]") {
  for (const errc error : {errc::resolve_failed, errc::host_not_found}) {
    std::atomic<bool> broken{false};
    scripted_feed s{{stream}, [&](scripted_feed::settings_type& settings) {
                      slowly(settings);
                      by_name(settings);
                      settings.dial.lookup = [&](const std::string&, std::uint16_t port) -> result<endpoints> {
                        if (broken) return error;
                        return loopback(port);
                      };
                    }};
    check_recovery(
        s, error, [&] { broken = true; }, [&] { broken = false; });
  }
}

}  // namespace
