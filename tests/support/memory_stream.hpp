// tests/support/memory_stream.hpp: a byte stream in memory, in slices, with faults at any step.
#pragma once

#include <foxtrot/core/error.hpp>
#include <foxtrot/net/asio.hpp>
#include <foxtrot/net/async_condition.hpp>
#include <foxtrot/net/stream.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <system_error>
#include <utility>

namespace foxtrot_test {

/// One direction and one side's rules. A test keeps it to look inside and to interfere.
struct memory_end {
  explicit memory_end(asio::io_context& loop) : readable{loop}, writable{loop} {}

  std::string received;                                           // by this end, not yet read
  std::string taken;                                              // all this end ever read
  std::size_t capacity{std::numeric_limits<std::size_t>::max()};  // of `received`: a smaller one blocks the peer
  std::size_t max_read{std::numeric_limits<std::size_t>::max()};
  std::size_t max_write{std::numeric_limits<std::size_t>::max()};
  std::error_code end;  // what reading returns once `received` is empty; zero: would_block
  bool closed{false};

  int steps{0};  // calls of read, write, flush, wait so far
  int fail_at{-1};
  std::error_code fail_with{foxtrot::errc::tls_truncated};
  int moves{0};                                                 // reads and writes so far
  int block_at{-1};                                             // the one of them that moves nothing although it could
  std::size_t cut_at{std::numeric_limits<std::size_t>::max()};  // bytes after which reading ends with `cut_with`
  std::error_code cut_with{foxtrot::errc::closed};

  std::int64_t kernel_stamp{0};  // of the next read, where reads are stamped
  bool stamped{false};           // somebody asked for that

  foxtrot::async_condition readable;
  foxtrot::async_condition writable;
  std::weak_ptr<memory_end> peer;

  /// True where this step is the one to fail: the stream is broken from there on.
  bool fails() {
    if (fail_at < 0 || steps++ < fail_at) return false;
    return true;
  }
  bool blocks() noexcept { return block_at >= 0 && moves++ == block_at; }
  [[nodiscard]] bool cut() const noexcept { return taken.size() == cut_at; }
  void wake(std::error_code error = {}) {
    if (readable.waiting()) readable.notify(error);
    if (writable.waiting()) writable.notify(error);
  }
  /// As if the peer had sent it.
  void deliver(std::string bytes) {
    received += bytes;
    wake();
  }
  void finish(std::error_code error) {
    end = error;
    wake();
  }
};

class memory_stream {
 public:
  [[nodiscard]] static std::pair<memory_stream, memory_stream> make_pair(asio::io_context& loop) {
    auto one = std::make_shared<memory_end>(loop);
    auto other = std::make_shared<memory_end>(loop);
    one->peer = other;
    other->peer = one;
    return {memory_stream{std::move(one)}, memory_stream{std::move(other)}};
  }
  memory_stream(memory_stream&&) noexcept = default;
  memory_stream& operator=(memory_stream&&) = delete;
  ~memory_stream() {
    if (end_) close();
  }

  [[nodiscard]] const std::shared_ptr<memory_end>& end() const noexcept { return end_; }

  [[nodiscard]] foxtrot::io_result read_some(std::span<char> into) noexcept {
    if (end_->closed) return {0, foxtrot::errc::closed};
    if (end_->fails()) return {0, end_->fail_with};
    if (end_->blocks()) return {0, foxtrot::errc::would_block};
    if (end_->cut()) return {0, end_->cut_with};
    const std::size_t uncut = end_->cut_at - end_->taken.size();
    const std::size_t count = std::min({into.size(), end_->received.size(), end_->max_read, uncut});
    if (count == 0) return {0, end_->end ? end_->end : make_error_code(foxtrot::errc::would_block)};
    end_->received.copy(into.data(), count);
    end_->taken.append(end_->received, 0, count);
    end_->received.erase(0, count);
    if (const auto peer = end_->peer.lock(); peer && peer->writable.waiting()) peer->writable.notify();
    return {count, {}};
  }

  [[nodiscard]] foxtrot::io_result write_some(std::span<const char> from) noexcept {
    if (end_->closed) return {0, foxtrot::errc::closed};
    if (end_->fails()) return {0, end_->fail_with};
    if (end_->blocks()) return {0, foxtrot::errc::would_block};
    const auto peer = end_->peer.lock();
    if (!peer || peer->closed) return {0, std::make_error_code(std::errc::broken_pipe)};
    const std::size_t room = peer->capacity - std::min(peer->capacity, peer->received.size());
    const std::size_t count = std::min({from.size(), room, end_->max_write});
    if (count == 0) return {0, foxtrot::errc::would_block};
    peer->received.append(from.data(), count);
    if (peer->readable.waiting()) peer->readable.notify();
    return {count, {}};
  }

  [[nodiscard]] std::error_code flush() noexcept { return end_->fails() ? end_->fail_with : std::error_code{}; }

  [[nodiscard]] foxtrot::task<std::error_code> wait_readable() { return wait_readable(end_); }
  [[nodiscard]] foxtrot::task<std::error_code> wait_writable() { return wait_writable(end_); }

  // A read leaves nothing behind that another call of the "socket" would have to be asked for.
  [[nodiscard]] std::size_t buffered() const noexcept { return 0; }
  [[nodiscard]] bool drained() const noexcept { return end_->received.empty() && !end_->end; }
  [[nodiscard]] bool is_open() const noexcept { return !end_->closed; }

  // As a socket's reads, of a test's clock.
  bool stamp_reads() noexcept { return end_->stamped = true; }
  [[nodiscard]] std::int64_t take_kernel_stamp() noexcept { return std::exchange(end_->kernel_stamp, 0); }

  void close() noexcept {
    if (std::exchange(end_->closed, true)) return;
    end_->wake(foxtrot::errc::cancelled);
    if (const auto peer = end_->peer.lock(); peer && !peer->end) peer->finish(foxtrot::errc::closed);
  }

 private:
  explicit memory_stream(std::shared_ptr<memory_end> end) : end_{std::move(end)} {}

  static foxtrot::task<std::error_code> wait_readable(std::shared_ptr<memory_end> end) {
    if (end->closed) co_return make_error_code(foxtrot::errc::closed);
    if (end->fails()) co_return end->fail_with;
    if (!end->received.empty() || end->end || end->cut()) co_return std::error_code{};
    co_return co_await end->readable.wait();
  }
  static foxtrot::task<std::error_code> wait_writable(std::shared_ptr<memory_end> end) {
    if (end->closed) co_return make_error_code(foxtrot::errc::closed);
    if (end->fails()) co_return end->fail_with;
    const auto peer = end->peer.lock();
    if (!peer || peer->received.size() < peer->capacity) co_return std::error_code{};
    co_return co_await end->writable.wait();
  }

  std::shared_ptr<memory_end> end_;
};

static_assert(foxtrot::buffered_stream<memory_stream> && foxtrot::stamped_stream<memory_stream>);

}  // namespace foxtrot_test
