// bench/support/raw_connection.hpp: what the hand-written clients share: the connection, and frames decoded in place.
#pragma once

#include <support/server_address.hpp>

#include <openssl/ssl.h>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

namespace foxtrot_bench {

struct free_ssl {
  void operator()(SSL_CTX* context) const noexcept { SSL_CTX_free(context); }
  void operator()(SSL* ssl) const noexcept { SSL_free(ssl); }
};

/// Connected and upgraded with blocking calls. The certificate is checked where an authority's file is given.
class raw_connection {
 public:
  explicit raw_connection(const server_address& server, const char* ca_file = nullptr)
      : socket_{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)} {
    sockaddr_in where{};
    where.sin_family = AF_INET;
    where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    where.sin_port = htons(server.port);
    check(::connect(socket_, reinterpret_cast<const sockaddr*>(&where), sizeof where));
    const int on = 1;
    check(::setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on));
    if (server.tls) start_tls(ca_file);
    upgrade(server.target);
  }
  raw_connection(const raw_connection&) = delete;
  raw_connection& operator=(const raw_connection&) = delete;
  ~raw_connection() { ::close(socket_); }

  [[nodiscard]] SSL* tls() const noexcept { return ssl_.get(); }
  [[nodiscard]] int descriptor() const noexcept { return socket_; }

  /// A text frame of less than 126 bytes.
  void send_text(std::string_view text) {
    std::string frame{"\x81\x80\0\0\0\0", 6};  // a mask of zeros
    frame[1] = static_cast<char>(0x80U | text.size());
    write(frame.append(text));
  }

  /// What there is; 0 for nothing now, where the socket does not block.
  [[nodiscard]] std::size_t receive(char* into, std::size_t size) {
    const ssize_t count = ::recv(socket_, into, size, 0);
    if (count > 0) return static_cast<std::size_t>(count);
    if (count == 0) throw std::runtime_error{"the server hung up"};
    if (errno != EAGAIN && errno != EINTR) throw std::system_error{errno, std::system_category(), "recv"};
    return 0;
  }

 protected:
  static void check(int result) {
    if (result < 0) throw std::system_error{errno, std::system_category(), "connecting"};
  }

 private:
  void start_tls(const char* ca_file) {
    static const std::unique_ptr<SSL_CTX, free_ssl> context{SSL_CTX_new(TLS_client_method())};
    if (ca_file != nullptr) {
      SSL_CTX_load_verify_locations(context.get(), ca_file, nullptr);
      SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
    }
    ssl_.reset(SSL_new(context.get()));
    SSL_set_fd(ssl_.get(), socket_);
    SSL_set1_host(ssl_.get(), "localhost");
    SSL_set_tlsext_host_name(ssl_.get(), "localhost");
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
  }

  void write(std::string_view bytes) {
    const auto count = ssl_ ? SSL_write(ssl_.get(), bytes.data(), static_cast<int>(bytes.size()))
                            : static_cast<int>(::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL));
    if (count != static_cast<int>(bytes.size())) throw std::runtime_error{"sending"};
  }

  int socket_;
  std::unique_ptr<SSL, free_ssl> ssl_;
};

/// A buffer whose complete frames' payloads are told to a handler where they lie. Knows what this server sends and
/// nothing else: no fragments, no control frames, less than 64 KiB, and no frame larger than Capacity - Room.
template <std::size_t Capacity, std::size_t Room>
class frame_buffer {
 public:
  [[nodiscard]] char* space() noexcept { return bytes_.get() + end_; }
  [[nodiscard]] std::size_t room() const noexcept { return Capacity - end_; }

  /// So many bytes more; calls `handler(payload, size)` and makes room for at least `Room` bytes after them.
  template <class Handler>
  void take(std::size_t count, Handler&& handler) {
    end_ += count;
    const auto* at = reinterpret_cast<const unsigned char*>(bytes_.get()) + begin_;
    std::size_t left = end_ - begin_;
    while (left >= 4) {
      const bool is_short = at[1] < 126;
      const std::size_t head = is_short ? 2 : 4;
      const std::size_t size = is_short ? at[1] : static_cast<std::size_t>(at[2] << 8U | at[3]);
      if (left < head + size) break;
      if (at[0] != 0x81) throw std::runtime_error{"not a text frame"};
      handler(reinterpret_cast<const char*>(at) + head, size);
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
