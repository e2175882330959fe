// tests/support/websocket_peer.hpp: a WebSocket client of foxtrot's and its peer, which the test plays byte by byte,
// over any kind of connection.
#pragma once

#include <foxtrot/net/asio.hpp>
#include <foxtrot/net/websocket/frame.hpp>
#include <foxtrot/net/websocket/handshake_key.hpp>
#include <foxtrot/net/websocket/mask.hpp>
#include <foxtrot/net/websocket/stream.hpp>

#include <support/loop_fixture.hpp>
#include <support/loopback.hpp>
#include <support/memory_stream.hpp>
#include <support/websocket_frames.hpp>

#include <array>
#include <cstddef>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace foxtrot_test {

inline foxtrot::upgrade_request plain_request() {
  foxtrot::upgrade_request wanted;
  wanted.host = "localhost";
  wanted.target = "/ws";
  return wanted;
}

/// What a proper server answers to this request.
inline std::string switching_protocols(std::string_view request) {
  const std::string_view name = "Sec-WebSocket-Key: ";
  const std::size_t at = request.find(name);
  if (at == request.npos) throw std::runtime_error{"no upgrade request"};
  return "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " +
         foxtrot::websocket_accept(request.substr(at + name.size(), 24)) + "\r\n\r\n";
}

/// The payload of a close frame.
inline std::string close_payload(unsigned code, std::string_view reason = {}) {
  return std::string{static_cast<char>(code >> 8U), static_cast<char>(code & 0xffU)}.append(reason);
}

/// Takes every complete client's frame off the front, as "opcode:payload"; one without a mask as "unmasked".
inline std::vector<std::string> take_frames(std::string& bytes) {
  std::vector<std::string> frames;
  std::size_t at = 0;
  foxtrot::frame_header header;
  while (at != bytes.size()) {
    const foxtrot::errc bad =
        foxtrot::decode_frame_header(std::span{bytes}.subspan(at), foxtrot::websocket_role::server, header);
    if (bad == foxtrot::errc::would_block) break;
    if (bad != foxtrot::errc{} || bytes.size() - at - header.size < header.length) {
      if (bad != foxtrot::errc{}) frames.emplace_back("unmasked");
      break;
    }
    std::string payload = bytes.substr(at + header.size, static_cast<std::size_t>(header.length));
    foxtrot::apply_mask(payload, header.key);
    frames.push_back(std::to_string(static_cast<int>(header.op)) + ":" + payload);
    at += header.size + payload.size();
  }
  bytes.erase(0, at);
  return frames;
}

/// Both ends of a connection: (client, server).
template <class Stream>
std::pair<Stream, Stream> connected(loop_fixture& f);

template <>
inline std::pair<foxtrot::tcp_stream, foxtrot::tcp_stream> connected(loop_fixture& f) {
  tcp_pair made{f};
  return {std::move(made.client), std::move(made.server)};
}
template <>
inline std::pair<foxtrot::tls_stream, foxtrot::tls_stream> connected(loop_fixture& f) {
  static const foxtrot::tls_context ours = client_context();
  static const foxtrot::tls_context theirs = server_context();
  tls_pair made{f, ours, theirs};
  if (made.client_error) throw std::system_error{made.client_error};
  return {std::move(made.client), std::move(made.server)};
}

/// TLS without a socket: what happens depends on the test alone.
using memory_tls_stream = foxtrot::basic_tls_stream<memory_stream>;

template <>
inline std::pair<memory_stream, memory_stream> connected(loop_fixture& f) {
  return memory_stream::make_pair(f.loop);
}
template <>
inline std::pair<memory_tls_stream, memory_tls_stream> connected(loop_fixture& f) {
  static const foxtrot::tls_context ours = client_context();
  static const foxtrot::tls_context theirs = server_context();
  auto wire = memory_stream::make_pair(f.loop);
  memory_tls_stream client{std::move(wire.first), ours};
  memory_tls_stream server{std::move(wire.second), theirs};
  auto shaking = f.start(client.handshake("localhost"));
  auto answering = f.start(server.handshake());
  f.run_until([&] { return shaking.done() && answering.done(); });
  if (const std::error_code error = shaking.get()) throw std::system_error{error};
  return {std::move(client), std::move(server)};
}

/// The server's end of a connection. Nothing happens on it but what the test asks for.
template <class Stream>
class raw_peer {
 public:
  raw_peer(loop_fixture& f, Stream stream) : f_{f}, stream_{std::move(stream)} {}

  /// All of it, in one record where it fits into one.
  void send(std::string_view bytes) {
    std::span<const char> left{bytes};
    const bool went = f_.run_until([&] {
      if (left.empty()) return stream_.flush() != foxtrot::errc::would_block;
      left = left.subspan(stream_.write_some(left).bytes);
      return left.empty() && stream_.flush() != foxtrot::errc::would_block;
    });
    if (!went) throw std::runtime_error{"the client does not read"};
  }

  /// What has arrived and was not taken yet.
  std::string& heard() {
    std::array<char, 32 * 1024> buffer;
    while (!ended_) {
      const foxtrot::io_result got = stream_.read_some(buffer);
      if (got.error == foxtrot::errc::would_block) break;
      ended_ = got.error;
      heard_.append(buffer.data(), got.bytes);
    }
    return heard_;
  }
  /// How the client's end came; zero as long as it has not.
  std::error_code ended() {
    (void)heard();
    return ended_;
  }
  /// Runs the loop until the client has sent so much.
  bool hears(std::size_t bytes) {
    return f_.run_until([&] { return heard().size() >= bytes; });
  }
  bool hears(std::string_view text) {
    return f_.run_until([&] { return heard().find(text) != std::string::npos; });
  }
  /// The next frames from the client: at least so many.
  std::vector<std::string> frames(std::size_t least = 1) {
    std::vector<std::string> all;
    (void)f_.run_until([&] {
      for (std::string& frame : take_frames(heard())) all.push_back(std::move(frame));
      return all.size() >= least || ended_;
    });
    return all;
  }
  bool sees_end() {
    return f_.run_until([&] { return static_cast<bool>(ended()); });
  }
  void accept_upgrade(std::string_view behind = {}) {
    if (!hears("\r\n\r\n")) throw std::runtime_error{"no upgrade request"};
    const std::string answer = switching_protocols(heard()).append(behind);
    heard_.clear();
    send(answer);
  }
  Stream& stream() noexcept { return stream_; }

 private:
  loop_fixture& f_;
  Stream stream_;
  std::string heard_;
  std::error_code ended_;
};

/// A session's loop: hands over messages until the connection ends, and returns why.
template <class Client, class Handler>
foxtrot::task<std::error_code> read_to_end(Client& client, Handler& handler) {
  while (true) {
    const foxtrot::drain_result drained = client.drain(handler);
    if (drained.error) co_return drained.error;
    if (drained.more) continue;
    if (const std::error_code error = co_await client.wait_readable()) {
      const foxtrot::drain_result last = client.drain(handler);  // says why, if it was a time limit
      co_return last.error ? last.error : error;
    }
  }
}

/// A proper server for one connection: TLS, upgrade, a message, and the answer to a close.
template <class Stream>
foxtrot::task<> serve_one(Stream stream) {
  if constexpr (requires { stream.handshake(); }) {
    if (const std::error_code error = co_await stream.handshake()) co_return;
  }
  std::string heard;
  std::vector<char> buffer(4096);
  bool upgraded = false;
  while (true) {
    const foxtrot::io_result got = stream.read_some(buffer);
    heard.append(buffer.data(), got.bytes);
    if (got.error && got.error != foxtrot::errc::would_block) co_return;
    std::string answer;
    if (!upgraded && heard.find("\r\n\r\n") != std::string::npos) {
      upgraded = true;
      answer = switching_protocols(heard) + raw_frame(0x89, "ping") + raw_frame(0x81, "tick");
      heard.clear();
    }
    for (const std::string& frame : upgraded ? take_frames(heard) : std::vector<std::string>{}) {
      if (frame.starts_with("8:")) answer += raw_frame(0x88, frame.substr(2));
    }
    std::span<const char> left{answer};
    while (!left.empty()) {
      const foxtrot::io_result went = stream.write_some(left);
      left = left.subspan(went.bytes);
      if (went.error && went.error != foxtrot::errc::would_block) co_return;
      if (went.error) {
        if (const std::error_code error = co_await stream.wait_writable()) co_return;
      }
    }
    if (!got.error) continue;
    if (const std::error_code error = co_await stream.wait_readable()) co_return;
  }
}

template <class Stream>
class websocket_scene {
 public:
  using client_stream = foxtrot::websocket_stream<Stream>;

  explicit websocket_scene(loop_fixture& fixture, foxtrot::websocket_settings settings = {})
      : websocket_scene{fixture, connected<Stream>(fixture), settings} {}
  websocket_scene(loop_fixture& fixture, std::pair<Stream, Stream> ends, foxtrot::websocket_settings settings = {})
      : f{fixture}, peer{fixture, std::move(ends.second)}, client{fixture.timers, std::move(ends.first), settings} {}
  websocket_scene(const websocket_scene&) = delete;
  websocket_scene& operator=(const websocket_scene&) = delete;
  ~websocket_scene() {
    client.close_now();
    f.poll();
  }

  /// The whole upgrade, with `behind` in the same write as the answer.
  std::error_code upgrade(std::string_view behind = {}) {
    auto upgrading = f.start(client.upgrade(plain_request()));
    peer.accept_upgrade(behind);
    if (!f.run_until([&] { return upgrading.done(); })) return foxtrot::errc::timeout;
    return upgrading.get();
  }
  /// Reads until the connection ends.
  std::error_code read() {
    auto reading = f.start(read_to_end(client, log));
    if (!f.run_until([&] { return reading.done(); })) {
      reading.cancel();
      (void)f.run_until([&] { return reading.done(); });
    }
    return reading.get();
  }

  loop_fixture& f;
  raw_peer<Stream> peer;
  client_stream client;
  event_log log;
};

}  // namespace foxtrot_test
