// tests/support/conformance/session.hpp: a server's end of one connection that plays a script and judges the client.
#pragma once

#include <foxtrot/core/error.hpp>
#include <foxtrot/net/asio.hpp>
#include <foxtrot/net/deadline.hpp>
#include <foxtrot/net/detail/wait_either.hpp>
#include <foxtrot/net/stream.hpp>
#include <foxtrot/net/timer_queue.hpp>
#include <foxtrot/sim/sim_stream.hpp>

#include <support/conformance/client_reader.hpp>
#include <support/conformance/delivery.hpp>
#include <support/conformance/script.hpp>
#include <support/conformance/verdict.hpp>
#include <support/sanitizer.hpp>
#include <support/websocket_frames.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <system_error>

namespace foxtrot_test {

/// After the upgrade. Loop thread only.
class conformance_session {
 public:
  conformance_session(foxtrot::timer_queue& timers, foxtrot::sim_stream& stream) : timers_{timers}, stream_{stream} {}

  /// Plays the script to its end and that of the connection. Returns what the client did wrong; empty if nothing.
  [[nodiscard]] foxtrot::task<std::string> play(const script& what, delivery way) {
    const foxtrot::deadline limit{timers_, patience, [this] { stream_.close(); }};
    verdict owed{what.replies()};
    std::string wrong = co_await send(what, way, owed);
    if (wrong.empty() && !what.closes()) wrong = co_await close();
    const std::size_t said = said_.said().size();
    stream_.shutdown();
    co_await hear(SIZE_MAX);
    stream_.close();
    if (wrong.empty() && said_.said().size() > said)
      wrong = "said " + said_.said()[said].describe() + " after its close";
    if (wrong.empty()) wrong = said_.wrong();
    if (limit.expired()) wrong += wrong.empty() ? "did not end the connection" : ", for too long";
    co_return wrong;
  }

 private:
  static constexpr std::chrono::milliseconds patience = bound(std::chrono::milliseconds{10'000});

  /// Where an answer is due the server sends no more until it is there, unless everything goes out at once.
  [[nodiscard]] foxtrot::task<std::string> send(const script& what, delivery way, verdict& owed) {
    const std::string_view bytes = what.bytes();
    piece_sizes sizes{way, bytes.size()};
    std::string wrong;
    for (std::size_t sent = 0; sent < bytes.size() && wrong.empty() && !said_.closed();) {
      const std::size_t stop = way == delivery::whole ? bytes.size() : next_stop(what, sent);
      const std::string_view piece = bytes.substr(sent, std::min(sizes.next(), stop - sent));
      co_await write(piece);
      sent += piece.size();
      if (sent == stop) co_await hear(owed.due(sent));
      wrong = owed.judge(said_, owed.due(sent), sent != stop);
    }
    co_return wrong;
  }

  [[nodiscard]] static std::size_t next_stop(const script& what, std::size_t sent) {
    for (const script::due& reply : what.replies())
      if (reply.after > sent) return reply.after;
    return what.bytes().size();
  }

  [[nodiscard]] foxtrot::task<std::string> close() {
    const std::size_t before = said_.said().size();
    const std::string frame = raw_frame(0x88, close_payload(1000));
    co_await write(frame);
    co_await hear(before + 1);
    if (!said_.wrong().empty()) co_return said_.wrong();
    if (said_.said().size() == before) co_return "did not answer the close";
    const statement& answer = said_.said()[before];
    co_return answer.describe() == "close 1000" ? "" : "answered the close with " + answer.describe();
  }

  /// Hears what the client says meanwhile, which may not read before it is heard. A client that is gone shows when it
  /// should say something.
  [[nodiscard]] foxtrot::task<> write(std::string_view bytes) {
    std::span<const char> left{bytes};
    while (true) {
      const foxtrot::io_result went = stream_.write_some(left);
      left = left.subspan(went.bytes);
      std::error_code error = went.error;
      if (!error && left.empty()) error = stream_.flush();
      if (!error && left.empty()) co_return;
      if (error && error != foxtrot::errc::would_block) co_return;
      if (error) error = read();
      if (error == foxtrot::errc::would_block) {
        error = co_await foxtrot::detail::wait_either(stream_.wait_readable(), stream_.wait_writable());
      }
      if (error) co_return;
    }
  }

  /// Until the client has said so much, or has gone.
  [[nodiscard]] foxtrot::task<> hear(std::size_t statements) {
    while (said_.said().size() < statements && said_.wrong().empty()) {
      std::error_code error = read();
      if (error == foxtrot::errc::would_block) error = co_await stream_.wait_readable();
      if (error) break;
    }
  }

  [[nodiscard]] std::error_code read() {
    std::array<char, 65536> space;
    const foxtrot::io_result got = stream_.read_some(space);
    said_.feed({space.data(), got.bytes});
    return got.error;
  }

  foxtrot::timer_queue& timers_;
  foxtrot::sim_stream& stream_;
  client_reader said_;
};

}  // namespace foxtrot_test
