// tests/support/loopback.hpp: connected pairs over real sockets, plain and TLS, and certificates for them.
#pragma once

#include <foxtrot/net/asio.hpp>
#include <foxtrot/net/tcp_stream.hpp>
#include <foxtrot/net/tls_context.hpp>
#include <foxtrot/net/tls_stream.hpp>
#include <foxtrot/sim/certificate_authority.hpp>

#include <support/loop_fixture.hpp>

#include <asio/basic_socket_acceptor.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <random>
#include <span>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace foxtrot_test {

/// Listens on 127.0.0.1 or another local address, any port.
class listener {
 public:
  explicit listener(asio::io_context& loop, int backlog = 16,
                    asio::ip::address local = asio::ip::address_v4::loopback())
      : acceptor_{loop, asio::ip::tcp::endpoint{local, 0}, false} {
    acceptor_.listen(backlog);
  }
  [[nodiscard]] asio::ip::tcp::endpoint where() const { return acceptor_.local_endpoint(); }
  [[nodiscard]] std::uint16_t port() const { return where().port(); }
  [[nodiscard]] foxtrot::task<foxtrot::tcp_stream> accept() {
    foxtrot::tcp_stream::socket socket{acceptor_.get_executor()};
    co_await acceptor_.async_accept(socket, foxtrot::use_task);
    co_return foxtrot::tcp_stream{std::move(socket)};
  }
  void close() { acceptor_.close(); }

 private:
  asio::basic_socket_acceptor<asio::ip::tcp, foxtrot::io_executor> acceptor_;
};

struct tcp_pair {
  foxtrot::tcp_stream client;
  foxtrot::tcp_stream server;

  explicit tcp_pair(loop_fixture& f) : client{f.loop}, server{f.loop} {
    listener from{f.loop};
    auto accepted = f.start(from.accept());
    if (const auto error = f.run(client.connect(from.where()))) throw std::system_error{error};
    f.run_until([&] { return accepted.done(); });
    server = accepted.get();
  }
};

/// One authority for the whole program: keys cost time.
inline const foxtrot::certificate_authority& authority() {
  static const auto made = foxtrot::certificate_authority::make();
  return made.value();
}

inline foxtrot::tls_context client_context(foxtrot::tls_settings settings = {}) {
  if (settings.ca_pem.empty()) settings.ca_pem = authority().ca_pem();
  return foxtrot::tls_context::make(settings).value();
}
inline foxtrot::tls_context server_context(foxtrot::certificate_kind kind = foxtrot::certificate_kind::right,
                                           foxtrot::tls_settings settings = {}) {
  const auto issued = authority().issue(kind).value();
  settings.role = foxtrot::tls_role::server;
  settings.certificate_pem = issued.certificate_pem;
  settings.key_pem = issued.key_pem;
  return foxtrot::tls_context::make(settings).value();
}

struct tls_pair {
  foxtrot::tls_stream client;
  foxtrot::tls_stream server;
  std::error_code client_error;
  std::error_code server_error;

  tls_pair(loop_fixture& f, const foxtrot::tls_context& of_client, const foxtrot::tls_context& of_server,
           const std::string& host = "localhost")
      : tls_pair{f, tcp_pair{f}, of_client, of_server, host} {}
  explicit tls_pair(loop_fixture& f) : tls_pair{f, client_context(), server_context()} {}

 private:
  tls_pair(loop_fixture& f, tcp_pair wire, const foxtrot::tls_context& of_client, const foxtrot::tls_context& of_server,
           const std::string& host)
      : client{std::move(wire.client), of_client}, server{std::move(wire.server), of_server} {
    auto ours = f.start(client.handshake(host));
    auto theirs = f.start(server.handshake());
    f.run_until([&] { return ours.done(); });
    client_error = ours.get();
    if (client_error) client.close();
    f.run_until([&] { return theirs.done(); });
    server_error = theirs.get();
  }
};

/// Sizes that look random and are the same in every run.
class odd_sizes {
 public:
  explicit odd_sizes(std::uint32_t seed) : state_{seed} {}
  std::size_t next(std::size_t most) {
    state_ = state_ * 1664525U + 1013904223U;
    return 1 + (state_ >> 8U) % most;
  }

 private:
  std::uint32_t state_;
};

inline std::string random_bytes(std::size_t size, unsigned seed) {
  std::mt19937 random{seed};
  std::string bytes(size, '\0');
  std::generate(bytes.begin(), bytes.end(), [&] { return static_cast<char>(random()); });
  return bytes;
}

/// Writes everything, in slices of odd sizes.
template <foxtrot::byte_stream Stream>
foxtrot::task<std::error_code> write_all(Stream& stream, const std::string& bytes, unsigned seed = 1) {
  odd_sizes sizes{seed};
  std::span<const char> left{bytes};
  while (!left.empty()) {
    const std::size_t slice = std::min(left.size(), sizes.next(40'000));
    const auto went = stream.write_some(left.first(slice));
    left = left.subspan(went.bytes);
    if (went.error && went.error != foxtrot::errc::would_block) co_return went.error;
    if (went.error) {
      if (const std::error_code error = co_await stream.wait_writable()) co_return error;
    }
  }
  while (stream.flush() == foxtrot::errc::would_block) {
    if (const std::error_code error = co_await stream.wait_writable()) co_return error;
  }
  co_return std::error_code{};
}

/// Reads `size` bytes in slices of odd sizes; fewer where the stream ends before.
template <foxtrot::byte_stream Stream>
foxtrot::task<std::string> read_all(Stream& stream, std::size_t size, unsigned seed = 2) {
  odd_sizes sizes{seed};
  std::vector<char> buffer(50'000);
  std::string bytes;
  while (bytes.size() != size) {
    const std::size_t slice = std::min(size - bytes.size(), sizes.next(buffer.size()));
    const auto got = stream.read_some(std::span{buffer}.first(slice));
    bytes.append(buffer.data(), got.bytes);
    if (got.error && got.error != foxtrot::errc::would_block) co_return bytes;
    if (!got.error) continue;
    if (const std::error_code error = co_await stream.wait_readable()) co_return bytes;
  }
  co_return bytes;
}

/// Both directions at once; true if every byte arrived as it was sent.
template <foxtrot::byte_stream One, foxtrot::byte_stream Other>
bool exchange(loop_fixture& f, One& one, Other& other, std::size_t size) {
  const std::string there = random_bytes(size, 11);
  const std::string back = random_bytes(size, 12);
  auto write_there = f.start(write_all(one, there, 3));
  auto write_back = f.start(write_all(other, back, 4));
  auto read_there = f.start(read_all(other, size, 5));
  auto read_back = f.start(read_all(one, size, 6));
  const bool ended =
      f.run_until([&] { return write_there.done() && write_back.done() && read_there.done() && read_back.done(); });
  return ended && !write_there.get() && !write_back.get() && read_there.get() == there && read_back.get() == back;
}

}  // namespace foxtrot_test
