// foxtrot/net/tcp_stream.hpp: a TCP connection that never blocks and never raises SIGPIPE.
#pragma once

#include <foxtrot/core/error.hpp>
#include <foxtrot/core/live_object.hpp>
#include <foxtrot/net/asio.hpp>
#include <foxtrot/net/stream.hpp>
#include <foxtrot/net/tcp_settings.hpp>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <ctime>
#include <memory>
#include <span>
#include <system_error>
#include <utility>

#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

namespace foxtrot::inline v0 {

/// Owns the socket. One thread: the loop's.
class tcp_stream : private live_object<tcp_stream> {
 public:
  using socket = asio::basic_stream_socket<asio::ip::tcp, io_executor>;

  explicit tcp_stream(asio::io_context& loop) : socket_{loop} {}
  /// Takes over a connected socket, as a server does.
  explicit tcp_stream(socket accepted, const tcp_settings& settings = {}) : socket_{std::move(accepted)} {
    std::error_code ignored;  // the options are wishes; a dead socket shows at the first read
    set_options(settings, ignored);
  }

  /// Connects to one address, however long that takes. `close` ends the wait, and so does cancellation:
  /// errc::cancelled.
  [[nodiscard]] task<std::error_code> connect(asio::ip::tcp::endpoint where, tcp_settings settings = {}) {
    std::error_code error;
    close();
    socket_.open(where.protocol(), error);
    if (!error) set_options(settings, error);
    if (error) co_return detail::from_asio(error);
    connecting_ = std::make_shared<char>();
    const std::weak_ptr<char> alive{connecting_};
    co_await socket_.async_connect(where, asio::redirect_error(use_task, error));
    if (!error && alive.expired()) error = asio::error::operation_aborted;
    if (!error) error = watch_reading_only(where.protocol());
    co_return detail::from_asio(error);
  }

  [[nodiscard]] io_result read_some(std::span<char> into) noexcept {
    if (!socket_.is_open()) return {0, errc::closed};
    while (true) {
      const ssize_t count = stamped_ ? receive_stamped(into) : ::recv(handle(), into.data(), into.size(), 0);
      if (count > 0) {
        drained_ = static_cast<std::size_t>(count) < into.size();
        return {static_cast<std::size_t>(count), {}};
      }
      if (count == 0) return {0, into.empty() ? std::error_code{} : make_error_code(errc::closed)};
      if (errno != EINTR) return {0, last_error()};
    }
  }

  [[nodiscard]] io_result write_some(std::span<const char> from) noexcept {
    if (!socket_.is_open()) return {0, errc::closed};
    while (true) {
      const ssize_t count = ::send(handle(), from.data(), from.size(), MSG_NOSIGNAL);
      if (count >= 0) return {static_cast<std::size_t>(count), {}};
      if (errno != EINTR) return {0, last_error()};
    }
  }

  /// See stamped_stream. A system call, and from then on less than a tenth more for each read (bench/latency).
  bool stamp_reads() noexcept {
    const int on = 1;
    stamped_ = socket_.is_open() && ::setsockopt(handle(), SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on) == 0;
    return stamped_;
  }
  [[nodiscard]] std::int64_t take_kernel_stamp() noexcept { return std::exchange(kernel_stamp_, 0); }

  /// Holds nothing back.
  [[nodiscard]] std::error_code flush() noexcept { return {}; }

  [[nodiscard]] task<std::error_code> wait_readable() { return wait(socket::wait_read); }
  [[nodiscard]] task<std::error_code> wait_writable() { return wait(socket::wait_write); }

  void close() noexcept {
    std::error_code ignored;
    socket_.close(ignored);
    drained_ = stamped_ = false;
    kernel_stamp_ = 0;
  }

  /// Closes with a reset (RST) instead of the orderly end (FIN).
  void reset() noexcept {
    std::error_code ignored;
    if (socket_.is_open()) socket_.set_option(asio::socket_base::linger{true, 0}, ignored);
    close();
  }

  /// Ends our direction only: the peer reads to the end, and may still send.
  void shutdown_write() noexcept {
    std::error_code ignored;
    if (socket_.is_open()) socket_.shutdown(asio::socket_base::shutdown_send, ignored);
  }

  [[nodiscard]] std::size_t buffered() const noexcept { return 0; }
  [[nodiscard]] bool drained() const noexcept { return drained_; }
  [[nodiscard]] bool is_open() const noexcept { return socket_.is_open(); }
  [[nodiscard]] int native_handle() noexcept { return socket_.is_open() ? handle() : -1; }
  [[nodiscard]] io_executor get_executor() noexcept { return socket_.get_executor(); }

 private:
  [[nodiscard]] int handle() noexcept { return socket_.native_handle(); }

  [[nodiscard]] static std::error_code last_error() noexcept {
    if (errno == EAGAIN || errno == EWOULDBLOCK) return errc::would_block;
    return {errno, std::system_category()};
  }

  [[nodiscard]] ssize_t receive_stamped(std::span<char> into) noexcept {
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(timespec))> control;
    iovec where{into.data(), into.size()};
    msghdr message{};
    message.msg_iov = &where;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    const ssize_t count = ::recvmsg(handle(), &message, 0);
    if (count <= 0) return count;
    kernel_stamp_ = 0;  // packets from before the first stamp_reads() of the system have none
    const cmsghdr* const said = CMSG_FIRSTHDR(&message);
    if (said != nullptr && said->cmsg_level == SOL_SOCKET && said->cmsg_type == SCM_TIMESTAMPNS) {
      timespec when{};
      std::memcpy(&when, CMSG_DATA(said), sizeof when);
      kernel_stamp_ = std::int64_t{when.tv_sec} * 1'000'000'000 + when.tv_nsec;
    }
    return count;
  }

  void set_options(const tcp_settings& settings, std::error_code& error) {
    socket_.non_blocking(true, error);
    if (!error && settings.no_delay) socket_.set_option(asio::ip::tcp::no_delay{true}, error);
    if (!error && settings.receive_buffer) {
      socket_.set_option(asio::socket_base::receive_buffer_size{*settings.receive_buffer}, error);
    }
  }

  // A socket that Asio has connected stays watched for writing: each wait to read would wake the loop once for nothing.
  // Registered afresh it is watched for reading alone.
  [[nodiscard]] std::error_code watch_reading_only(asio::ip::tcp protocol) {
    std::error_code error;
    const int taken_out = socket_.release(error);
    if (error) return error;
    socket_.assign(protocol, taken_out, error);
    if (error) ::close(taken_out);
    if (!error) socket_.non_blocking(true, error);
    return error;
  }

  [[nodiscard]] task<std::error_code> wait(socket::wait_type what) {
    if (!socket_.is_open()) co_return make_error_code(errc::closed);
    std::error_code error;
    co_await socket_.async_wait(what, asio::redirect_error(use_task, error));
    co_return detail::from_asio(error);  // nothing of *this from here on: it may be gone
  }

  socket socket_;
  std::shared_ptr<char> connecting_;  // lets a coroutine in `connect` see whether the stream is still there
  std::int64_t kernel_stamp_{0};
  bool drained_{false};
  bool stamped_{false};
};

static_assert(buffered_stream<tcp_stream> && stamped_stream<tcp_stream>);

}  // namespace foxtrot::inline v0
