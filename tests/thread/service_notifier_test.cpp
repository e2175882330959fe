// tests/thread/service_notifier_test.cpp: the service manager's end of the socket, and what it is told.
#include <foxtrot/thread/service_notifier.hpp>

#include <foxtrot/thread/thread_monitor.hpp>

#include <catch2/catch.hpp>

#include <foxtrot/core/error.hpp>

#include <array>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace {

using namespace foxtrot;
using namespace std::chrono_literals;
using strings = std::vector<std::string>;

/// The environment of a service while it lives.
class environment {
 public:
  environment(const std::string& socket, const std::string& watchdog_us, const std::string& pid) {
    set("NOTIFY_SOCKET", socket);
    set("WATCHDOG_USEC", watchdog_us);
    set("WATCHDOG_PID", pid);
  }
  environment(const environment&) = delete;
  environment& operator=(const environment&) = delete;
  ~environment() {
    for (const char* name : {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"}) ::unsetenv(name);
  }

 private:
  static void set(const char* name, const std::string& value) {
    if (!value.empty()) ::setenv(name, value.c_str(), 1);
  }
};

/// Listens where a service manager would, in the abstract name space or at a path.
class manager {
 public:
  explicit manager(std::string address) : address_{std::move(address)} {
    socket_ = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    sockaddr_un where{};
    where.sun_family = AF_UNIX;
    address_.copy(where.sun_path, sizeof where.sun_path - 1);
    if (address_[0] == '@') where.sun_path[0] = '\0';
    const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + address_.size());
    REQUIRE(::bind(socket_, reinterpret_cast<const sockaddr*>(&where), length) == 0);
  }
  manager(const manager&) = delete;
  manager& operator=(const manager&) = delete;
  ~manager() {
    ::close(socket_);
    if (address_[0] == '/') ::unlink(address_.c_str());
  }
  [[nodiscard]] const std::string& address() const { return address_; }
  [[nodiscard]] strings heard() {
    strings all;
    std::array<char, 256> bytes{};
    for (;;) {
      const ssize_t got = ::recv(socket_, bytes.data(), bytes.size(), 0);
      if (got < 0) return all;
      all.emplace_back(bytes.data(), static_cast<std::size_t>(got));
    }
  }

 private:
  std::string address_;
  int socket_;
};

std::string own_name(const char* kind) { return "foxtrot-notify-" + std::to_string(::getpid()) + kind; }
std::string own_pid() { return std::to_string(::getpid()); }

}  // namespace

TEST_CASE("service_notifier: outside of a service everything succeeds and does nothing", "[thread]") {
  const environment none{"", "", ""};
  const service_notifier notifier;
  CHECK_FALSE(notifier.is_service());
  CHECK_FALSE(notifier.watchdog_interval());
  CHECK_FALSE(notifier.ready());
}

TEST_CASE("service_notifier: speaks to sockets by path and by abstract name", "[thread]") {
  for (const std::string& address : {"@" + own_name("a"), "/tmp/" + own_name("b")}) {
    manager listens{address};
    const environment service{address, "", ""};
    const service_notifier notifier;
    CHECK(notifier.is_service());
    CHECK_FALSE(notifier.watchdog_interval());
    CHECK_FALSE(notifier.ready());
    CHECK_FALSE(notifier.notify("STATUS=10 streams"));
    CHECK_FALSE(notifier.stopping());
    CHECK(listens.heard() == strings{"READY=1", "STATUS=10 streams", "STOPPING=1"});
  }
}

TEST_CASE("service_notifier: addresses that cannot be one are refused, a manager that is gone is an error",
          "[thread]") {
  for (const std::string& address : {std::string{"relative/path"}, std::string{"@"}, "/" + std::string(200, 'x')}) {
    const environment service{address, "1000000", own_pid()};
    const service_notifier notifier;
    CHECK_FALSE(notifier.is_service());
    CHECK_FALSE(notifier.watchdog_interval());
    CHECK(notifier.ready() == errc::bad_argument);
  }
  const environment service{"@" + own_name("nobody"), "", ""};
  CHECK(service_notifier{}.ready() == std::errc::connection_refused);
}

TEST_CASE("service_notifier: the watchdog's interval counts for the process that it was given to", "[thread]") {
  manager listens{"@" + own_name("w")};
  const auto interval = [&](const std::string& limit, const std::string& pid) {
    const environment service{listens.address(), limit, pid};
    return service_notifier{}.watchdog_interval();
  };
  CHECK(interval("3000000", own_pid()) == 3s);
  CHECK(interval("3000000", "") == 3s);
  CHECK_FALSE(interval("3000000", "1"));
  CHECK_FALSE(interval("0", own_pid()));
  CHECK_FALSE(interval("soon", own_pid()));
  CHECK_FALSE(interval("5s", own_pid()));
  CHECK_FALSE(interval("", own_pid()));
}

TEST_CASE("service_notifier: a monitor feeds the watchdog only while every thread is well", "[thread]") {
  manager listens{"@" + own_name("m")};
  const environment service{listens.address(), "1000000", own_pid()};
  service_notifier notifier;
  manual_time time;
  thread_monitor monitor{{.service = &notifier}, {}, time};
  const auto step = [&](std::chrono::milliseconds by) {
    time.advance(by);
    monitor.scan();
  };
  const auto pulse = std::make_shared<heartbeat>();
  const auto place = monitor.watch("net", pulse, {.threshold = 600ms});
  monitor.scan();
  CHECK(listens.heard() == strings{"WATCHDOG=1"});
  for (int i = 0; i < 39; ++i) step(25ms);          // 975 ms
  CHECK(listens.heard() == strings{"WATCHDOG=1"});  // at half of its second, and silent since 600 ms
  for (int i = 0; i < 100; ++i) step(25ms);
  CHECK(listens.heard().empty());
  pulse->beat();
  step(25ms);
  CHECK(listens.heard() == strings{"WATCHDOG=1"});
}
