// bench/websocket/server.cpp: text frames over blocking sockets, as fast as the client takes them.
#include <websocket/server.hpp>

#include <support/bench.hpp>
#include <support/tls_server.hpp>

#include <foxtrot/sim/certificate_authority.hpp>

#include <openssl/ssl.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <system_error>

#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace foxtrot_bench {
namespace {

constexpr std::size_t write_size = 64 * 1024;

[[noreturn]] void fail(const char* what) { throw std::system_error{errno, std::system_category(), what}; }

/// One client. Errors end the connection and nothing else.
class connection : server_connection {
 public:
  using server_connection::server_connection;

  void serve() {
    if (!accept()) return;
    const std::string request = read_until("\r\n\r\n");
    char style = 0;
    std::size_t size = 0;
    std::size_t count = 0;
    if (std::sscanf(request.c_str(), "GET /%c/%zu/%zu ", &style, &size, &count) != 3 || !accept_upgrade(request))
      return;
    std::array<char, 64> start;
    if (read(start.data(), start.size()) <= 0) return;
    if (has_tls()) gather_writes(write_size + write_size / 2);
    send_frames(size, count, style == 'r');
    while (read(start.data(), start.size()) > 0) {  // until the client has gone
    }
  }

 private:
  void send_frames(std::size_t size, std::size_t count, bool one_record_per_frame) {
    const std::string frame = make_frame(size);
    const std::size_t at_once = std::max<std::size_t>(1, write_size / frame.size());
    std::string many;
    for (std::size_t i = 0; i < at_once; ++i) many += frame;
    for (std::size_t sent = 0; sent < count;) {
      const std::size_t now = std::min(at_once, count - sent);
      bool ok = true;
      if (one_record_per_frame) {
        for (std::size_t i = 0; i < now; ++i) ok = ok && write(frame);
      } else {
        ok = write(std::string_view{many}.substr(0, now * frame.size()));
      }
      if (!ok || !flush()) return;
      sent += now;
    }
  }

  static std::string make_frame(std::size_t size) {
    std::string text =
        R"({"u":400900217,"s":"BNBUSDT","b":"25.35190000","B":"31.21000000","a":"25.36520000","A":"40.66","x":")";
    while (text.size() + 2 < size) text += static_cast<char>('a' + text.size() % 26);
    text += "\"}";
    std::string frame{static_cast<char>(0x81)};
    if (size < 126) {
      frame += static_cast<char>(size);
    } else {
      frame += static_cast<char>(126);
      frame += static_cast<char>(size >> 8U);
      frame += static_cast<char>(size & 0xffU);
    }
    return frame + text;
  }
};

[[noreturn]] void serve_until_killed(int tcp, int tls, SSL_CTX* context) {
  std::signal(SIGPIPE, SIG_IGN);
  (void)pin(0);
  std::array<pollfd, 2> doors{pollfd{tcp, POLLIN, 0}, pollfd{tls, POLLIN, 0}};
  while (true) {
    ::poll(doors.data(), doors.size(), -1);
    for (const pollfd& door : doors) {
      if ((door.revents & POLLIN) == 0) continue;
      const int socket = ::accept4(door.fd, nullptr, nullptr, SOCK_CLOEXEC);
      if (socket >= 0) connection{socket, door.fd == tls ? context : nullptr}.serve();
    }
  }
}

}  // namespace

const server_process& server_process::get() {
  static const server_process started;
  return started;
}

server_process::server_process() {
  const auto authority = foxtrot::certificate_authority::make().value();
  const owned<SSL_CTX> context = make_context(authority.issue(foxtrot::certificate_request{}).value());
  ca_pem_ = authority.ca_pem();
  const int tcp = listen_anywhere(tcp_port_);
  const int tls = listen_anywhere(tls_port_);
  const pid_t parent = ::getpid();
  child_ = ::fork();
  if (child_ < 0) fail("the server cannot be started");
  if (child_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(1);  // it ended before that was asked for
    serve_until_killed(tcp, tls, context.get());
  }
  ::close(tcp);
  ::close(tls);
}

server_process::~server_process() {
  if (child_ <= 0) return;
  ::kill(child_, SIGKILL);
  ::waitpid(child_, nullptr, 0);
}

server_address server_process::frames(bool tls, records cut, std::size_t size, std::size_t count) const {
  const char* const style = cut == records::one_per_frame ? "r" : "f";
  return {tls ? tls_port_ : tcp_port_, tls,
          '/' + std::string{style} + '/' + std::to_string(size) + '/' + std::to_string(count)};
}

}  // namespace foxtrot_bench
