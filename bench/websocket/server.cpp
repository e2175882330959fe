// bench/websocket/server.cpp: text frames over blocking sockets, as fast as the client takes them.
#include <websocket/server.hpp>

#include <support/bench.hpp>

#include <foxtrot/net/websocket/handshake_key.hpp>
#include <foxtrot/sim/certificate_authority.hpp>

#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace foxtrot_bench {
namespace {

constexpr std::size_t write_size = 64 * 1024;

[[noreturn]] void fail(const char* what) { throw std::system_error{errno, std::system_category(), what}; }

struct free_openssl {
  void operator()(SSL_CTX* context) const noexcept { SSL_CTX_free(context); }
  void operator()(SSL* ssl) const noexcept { SSL_free(ssl); }
  void operator()(BIO* bio) const noexcept { BIO_free(bio); }
  void operator()(X509* certificate) const noexcept { X509_free(certificate); }
  void operator()(EVP_PKEY* key) const noexcept { EVP_PKEY_free(key); }
};
template <class T>
using owned = std::unique_ptr<T, free_openssl>;

owned<SSL_CTX> make_context(const foxtrot::issued_certificate& own) {
  owned<SSL_CTX> context{SSL_CTX_new(TLS_server_method())};
  const owned<BIO> certificate_text{
      BIO_new_mem_buf(own.certificate_pem.data(), static_cast<int>(own.certificate_pem.size()))};
  const owned<BIO> key_text{BIO_new_mem_buf(own.key_pem.data(), static_cast<int>(own.key_pem.size()))};
  const owned<X509> certificate{PEM_read_bio_X509(certificate_text.get(), nullptr, nullptr, nullptr)};
  const owned<EVP_PKEY> key{PEM_read_bio_PrivateKey(key_text.get(), nullptr, nullptr, nullptr)};
  if (!context || SSL_CTX_use_certificate(context.get(), certificate.get()) != 1 ||
      SSL_CTX_use_PrivateKey(context.get(), key.get()) != 1) {
    throw std::runtime_error{"the server's certificate cannot be used"};
  }
  return context;
}

/// One client. Errors end the connection and nothing else.
class connection {
 public:
  connection(int socket, SSL_CTX* context) : socket_{socket} {
    const int on = 1;
    const timeval patience{.tv_sec = 20, .tv_usec = 0};  // a client that hangs must not block those after it
    ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    ::setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    ::setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (context == nullptr) return;
    ssl_.reset(SSL_new(context));
    SSL_set_fd(ssl_.get(), socket);
  }
  connection(const connection&) = delete;
  connection& operator=(const connection&) = delete;
  ~connection() { ::close(socket_); }

  void serve() {
    if (ssl_ && SSL_accept(ssl_.get()) != 1) return;
    const std::string request = read_until("\r\n\r\n");
    char style = 0;
    std::size_t size = 0;
    std::size_t count = 0;
    if (std::sscanf(request.c_str(), "GET /%c/%zu/%zu ", &style, &size, &count) != 3 || !accept_upgrade(request))
      return;
    std::array<char, 64> start;
    if (read(start.data(), start.size()) <= 0) return;
    if (ssl_) gather_writes();
    send_frames(size, count, style == 'r');
    while (read(start.data(), start.size()) > 0) {  // until the client has gone
    }
  }

 private:
  int read(char* into, std::size_t size) {
    if (ssl_) return SSL_read(ssl_.get(), into, static_cast<int>(size));
    return static_cast<int>(::recv(socket_, into, size, 0));
  }

  bool write(std::string_view bytes) {
    while (!bytes.empty()) {
      const auto count = ssl_ ? SSL_write(ssl_.get(), bytes.data(), static_cast<int>(bytes.size()))
                              : static_cast<int>(::send(socket_, bytes.data(), bytes.size(), 0));
      if (count <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(count));
    }
    return true;
  }

  bool flush() { return !ssl_ || BIO_flush(SSL_get_wbio(ssl_.get())) == 1; }

  std::string read_until(std::string_view end) {
    std::string text;
    std::array<char, 4096> piece;
    while (text.find(end) == std::string::npos) {
      const int count = read(piece.data(), piece.size());
      if (count <= 0) return {};
      text.append(piece.data(), static_cast<std::size_t>(count));
    }
    return text;
  }

  bool accept_upgrade(std::string request) {
    std::string lower = request;
    std::transform(lower.begin(), lower.end(), lower.begin(), [](unsigned char c) { return std::tolower(c); });
    constexpr std::string_view field = "sec-websocket-key:";
    const std::size_t found = lower.find(field);
    if (found == std::string::npos) return false;
    const std::size_t begin = request.find_first_not_of(' ', found + field.size());
    const std::string key = request.substr(begin, request.find("\r\n", begin) - begin);
    return write(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " +
        foxtrot::websocket_accept(key) + "\r\n\r\n");
  }

  // Between TLS and the socket, so that records leave in writes of about 64 KiB.
  void gather_writes() {
    BIO* const gather = BIO_new(BIO_f_buffer());
    BIO* const socket = SSL_get_wbio(ssl_.get());
    BIO_set_write_buffer_size(gather, static_cast<long>(write_size + write_size / 2));
    BIO_up_ref(socket);
    SSL_set0_wbio(ssl_.get(), BIO_push(gather, socket));
  }

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

  int socket_;
  owned<SSL> ssl_;
};

int listen_anywhere(std::uint16_t& port) {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in where{};
  where.sin_family = AF_INET;
  where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof where;
  auto* const address = reinterpret_cast<sockaddr*>(&where);
  if (socket < 0 || ::bind(socket, address, sizeof where) != 0 || ::listen(socket, 16) != 0 ||
      ::getsockname(socket, address, &size) != 0) {
    fail("the server cannot listen");
  }
  port = ntohs(where.sin_port);
  return socket;
}

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
