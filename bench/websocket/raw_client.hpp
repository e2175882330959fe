// bench/websocket/raw_client.hpp: what the hand-written clients share: the connection, and frames decoded in place.
#pragma once

#include <websocket/clients.hpp>

#include <openssl/ssl.h>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace foxtrot_bench {

struct free_ssl {
  void operator()(SSL_CTX* context) const noexcept { SSL_CTX_free(context); }
  void operator()(SSL* ssl) const noexcept { SSL_free(ssl); }
};

/// Connected and upgraded with blocking calls, then non-blocking and watched by an epoll of its own.
class raw_connection {
 public:
  explicit raw_connection(const server_address& server) : socket_{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)} {
    sockaddr_in where{};
    where.sin_family = AF_INET;
    where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    where.sin_port = htons(server.port);
    check(::connect(socket_, reinterpret_cast<const sockaddr*>(&where), sizeof where));
    const int on = 1;
    check(::setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on));
    if (server.tls) start_tls();
    upgrade(server.target);
    check(::fcntl(socket_, F_SETFL, O_NONBLOCK));
    epoll_event event{};
    event.events = EPOLLIN;
    check(epoll_ = ::epoll_create1(EPOLL_CLOEXEC));
    check(::epoll_ctl(epoll_, EPOLL_CTL_ADD, socket_, &event));
  }
  raw_connection(const raw_connection&) = delete;
  raw_connection& operator=(const raw_connection&) = delete;
  ~raw_connection() {
    ::close(epoll_);
    ::close(socket_);
  }

  [[nodiscard]] SSL* tls() const noexcept { return ssl_.get(); }

  /// What there is, 0 for nothing now.
  [[nodiscard]] std::size_t receive(char* into, std::size_t size) {
    const ssize_t count = ::recv(socket_, into, size, 0);
    if (count > 0) return static_cast<std::size_t>(count);
    if (count == 0) throw std::runtime_error{"the server hung up"};
    if (errno != EAGAIN && errno != EINTR) throw std::system_error{errno, std::system_category(), "recv"};
    return 0;
  }
  void wait() {
    epoll_event event{};
    ::epoll_wait(epoll_, &event, 1, -1);
  }

 private:
  static void check(int result) {
    if (result < 0) throw std::system_error{errno, std::system_category(), "connecting"};
  }

  void start_tls() {
    static const std::unique_ptr<SSL_CTX, free_ssl> context{SSL_CTX_new(TLS_client_method())};
    ssl_.reset(SSL_new(context.get()));
    SSL_set_fd(ssl_.get(), socket_);
    if (SSL_connect(ssl_.get()) != 1) throw std::runtime_error{"TLS handshake"};
  }

  void upgrade(const std::string& target) {
    write("GET " + target +
          " HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
          "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n");
    std::string answer;
    char piece[1024];
    while (!answer.ends_with("\r\n\r\n")) {
      const auto count =
          ssl_ ? SSL_read(ssl_.get(), piece, sizeof piece) : static_cast<int>(::recv(socket_, piece, sizeof piece, 0));
      if (count <= 0) throw std::runtime_error{"no answer to the upgrade"};
      answer.append(piece, static_cast<std::size_t>(count));
    }
    std::string start{"\x81\x82\0\0\0\0", 6};  // a mask of zeros
    write(start + go);
  }

  void write(std::string_view bytes) {
    const auto count = ssl_ ? SSL_write(ssl_.get(), bytes.data(), static_cast<int>(bytes.size()))
                            : static_cast<int>(::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL));
    if (count != static_cast<int>(bytes.size())) throw std::runtime_error{"sending"};
  }

  int socket_;
  int epoll_{-1};
  std::unique_ptr<SSL, free_ssl> ssl_;
};

/// A buffer whose complete frames are told to the meter where they lie. Knows what this server sends and nothing else:
/// no fragments, no control frames, less than 64 KiB, and no frame larger than Capacity - Room.
template <std::size_t Capacity, std::size_t Room>
class frame_buffer {
 public:
  [[nodiscard]] char* space() noexcept { return bytes_.get() + end_; }
  [[nodiscard]] std::size_t room() const noexcept { return Capacity - end_; }

  /// So many bytes more; makes room for at least `Room` bytes after them.
  void take(std::size_t count, frame_meter& meter) {
    end_ += count;
    const auto* at = reinterpret_cast<const unsigned char*>(bytes_.get()) + begin_;
    std::size_t left = end_ - begin_;
    while (left >= 4) {
      const bool is_short = at[1] < 126;
      const std::size_t head = is_short ? 2 : 4;
      const std::size_t size = is_short ? at[1] : static_cast<std::size_t>(at[2] << 8U | at[3]);
      if (left < head + size) break;
      if (at[0] != 0x81) throw std::runtime_error{"not a text frame"};
      meter.on_frame(reinterpret_cast<const char*>(at) + head, size);
      at += head + size;
      __builtin_prefetch(at + 8 * (head + size));  // most frames have the size of the one before
      left -= head + size;
    }
    begin_ = end_ - left;
    if (left == 0) {
      begin_ = end_ = 0;
    } else if (left < 1024 || Capacity - end_ < Room) {  // little to move keeps to lines that the cache has
      std::memmove(bytes_.get(), bytes_.get() + begin_, left);
      begin_ = 0;
      end_ = left;
    }
  }

 private:
  std::unique_ptr<char[]> bytes_{new char[Capacity]};
  std::size_t begin_{0};
  std::size_t end_{0};
};

}  // namespace foxtrot_bench
