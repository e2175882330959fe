// bench/support/tls_server.hpp: the server's end of a WebSocket over blocking sockets, with and without TLS.
#pragma once

#include <foxtrot/net/websocket/handshake_key.hpp>
#include <foxtrot/sim/certificate_authority.hpp>

#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

namespace foxtrot_bench {

struct free_openssl {
  void operator()(SSL_CTX* context) const noexcept { SSL_CTX_free(context); }
  void operator()(SSL* ssl) const noexcept { SSL_free(ssl); }
  void operator()(BIO* bio) const noexcept { BIO_free(bio); }
  void operator()(X509* certificate) const noexcept { X509_free(certificate); }
  void operator()(EVP_PKEY* key) const noexcept { EVP_PKEY_free(key); }
};
template <class T>
using owned = std::unique_ptr<T, free_openssl>;

/// Throws where that certificate cannot be used.
[[nodiscard]] inline owned<SSL_CTX> make_context(const foxtrot::issued_certificate& own) {
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

/// Listens on a port of 127.0.0.1 that is free, and says which; throws where it cannot.
[[nodiscard]] inline int listen_anywhere(std::uint16_t& port) {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in where{};
  where.sin_family = AF_INET;
  where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof where;
  auto* const address = reinterpret_cast<sockaddr*>(&where);
  if (socket < 0 || ::bind(socket, address, sizeof where) != 0 || ::listen(socket, 16) != 0 ||
      ::getsockname(socket, address, &size) != 0) {
    throw std::system_error{errno, std::system_category(), "the server cannot listen"};
  }
  port = ntohs(where.sin_port);
  return socket;
}

/// One client. What fails returns false or nothing, and the connection is of no more use.
class server_connection {
 public:
  /// The socket is closed with this; no context: without TLS.
  server_connection(int socket, SSL_CTX* context) : socket_{socket} {
    const int on = 1;
    const timeval patience{.tv_sec = 20, .tv_usec = 0};  // a client that hangs must not block those after it
    ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    ::setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    ::setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (context == nullptr) return;
    ssl_.reset(SSL_new(context));
    SSL_set_fd(ssl_.get(), socket);
  }
  server_connection(const server_connection&) = delete;
  server_connection& operator=(const server_connection&) = delete;
  ~server_connection() { ::close(socket_); }

  /// TLS's handshake.
  [[nodiscard]] bool accept() { return !ssl_ || SSL_accept(ssl_.get()) == 1; }
  [[nodiscard]] bool has_tls() const noexcept { return ssl_ != nullptr; }

  /// As SSL_read and recv: 0 or less at the end.
  int read(char* into, std::size_t size) {
    if (ssl_) return SSL_read(ssl_.get(), into, static_cast<int>(size));
    return static_cast<int>(::recv(socket_, into, size, 0));
  }

  /// All of it.
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

  /// Up to what comes with that text; empty where it does not come.
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

  /// Answers a request that read_until() has brought.
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

  /// A buffer of that size between TLS and the socket: records leave when it is full, and with flush().
  void gather_writes(std::size_t size) {
    BIO* const gather = BIO_new(BIO_f_buffer());
    BIO* const socket = SSL_get_wbio(ssl_.get());
    BIO_set_write_buffer_size(gather, static_cast<long>(size));
    BIO_up_ref(socket);
    SSL_set0_wbio(ssl_.get(), BIO_push(gather, socket));
  }

 private:
  int socket_;
  owned<SSL> ssl_;
};

}  // namespace foxtrot_bench
