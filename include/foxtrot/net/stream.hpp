// foxtrot/net/stream.hpp: what every byte stream promises: TCP, TLS, or memory in a test.
#pragma once

#include <foxtrot/net/asio.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <system_error>

namespace foxtrot::inline v0 {

/// What one call moved. errc::would_block: nothing now, wait; errc::closed: the peer's end, or our own close;
/// errc::tls_truncated: the end without TLS's close_notify.
struct io_result {
  std::size_t bytes{0};
  std::error_code error;
};

/// Reading and writing never block and never wait: they move what can be moved now. Waiting is a coroutine, and is
/// allowed to return without reason. A stream that holds something back goes on sending it in `wait_readable`. One
/// thread.
template <class S>
concept byte_stream = requires(S& stream, std::span<char> in, std::span<const char> out) {
  { stream.read_some(in) } noexcept -> std::same_as<io_result>;    // at most one read of the socket
  { stream.write_some(out) } noexcept -> std::same_as<io_result>;  // takes a prefix
  { stream.flush() } noexcept -> std::same_as<std::error_code>;    // sends what the stream itself holds back
  { stream.wait_readable() } -> std::same_as<task<std::error_code>>;
  { stream.wait_writable() } -> std::same_as<task<std::error_code>>;
  { stream.close() } noexcept;  // at once, any number of times; waiters get errc::cancelled
};

/// Streams that know whether another read needs the socket let a reader stop after one socket read, without asking
/// the kernel again only to hear that it has nothing.
template <class S>
concept buffered_stream = byte_stream<S> && requires(const S& stream) {
  { stream.buffered() } noexcept -> std::same_as<std::size_t>;  // received bytes that read_some has not looked at yet
  { stream.drained() } noexcept -> std::same_as<bool>;          // the last socket read took all there was
};

/// Streams over sockets can say when the kernel received what the last read brought: CLOCK_REALTIME, in nanoseconds
/// since the Unix epoch, of the last packet in it.
template <class S>
concept stamped_stream = byte_stream<S> && requires(S& stream) {
  { stream.stamp_reads() } noexcept -> std::same_as<bool>;                // from now on; false: the system refuses
  { stream.take_kernel_stamp() } noexcept -> std::same_as<std::int64_t>;  // 0: none, or taken already
};

namespace detail {

template <class S>
concept resettable_stream = requires(S& stream) { stream.reset(); };
template <class S>
concept descriptor_stream = requires(S& stream) { stream.native_handle(); };

template <byte_stream Stream>
void stamp_reads_of(Stream& stream) noexcept {
  if constexpr (stamped_stream<Stream>) (void)stream.stamp_reads();
}
template <byte_stream Stream>
[[nodiscard]] std::int64_t kernel_stamp_of(Stream& stream) noexcept {
  if constexpr (stamped_stream<Stream>) return stream.take_kernel_stamp();
  return 0;
}

}  // namespace detail
}  // namespace foxtrot::inline v0
