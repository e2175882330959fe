// foxtrot/sim/exchange_socket.hpp: the bytes of one connection of the exchange, and the ways in which they end.
#pragma once

#include <foxtrot/core/error.hpp>
#include <foxtrot/core/live_object.hpp>
#include <foxtrot/net/asio.hpp>
#include <foxtrot/net/async_event.hpp>
#include <foxtrot/net/stream.hpp>
#include <foxtrot/net/timer_queue.hpp>
#include <foxtrot/sim/exchange_settings.hpp>
#include <foxtrot/sim/fault.hpp>
#include <foxtrot/sim/faults_in_force.hpp>
#include <foxtrot/sim/frame_queue.hpp>
#include <foxtrot/sim/random.hpp>
#include <foxtrot/sim/sim_stream.hpp>

#include <array>
#include <cstddef>
#include <string>
#include <system_error>
#include <utility>

namespace foxtrot::inline v0 {

/// Sends what the queue holds, at once where the socket takes it and no fault delays it. Loop thread only.
class exchange_socket : private live_object<exchange_socket> {
 public:
  exchange_socket(sim_stream stream, const faults_in_force& faults, const exchange_limits& limits,
                  detail::exchange_counters& counters)
      : faults_{faults},
        limits_{limits},
        counters_{counters},
        stream_{std::move(stream)},
        full_{faults.timers().context()},
        random_{faults.seed() ^ (counters.connections.get() << 32U)} {}
  exchange_socket(const exchange_socket&) = delete;
  exchange_socket& operator=(const exchange_socket&) = delete;
  ~exchange_socket() = default;

  [[nodiscard]] sim_stream& stream() noexcept { return stream_; }
  [[nodiscard]] frame_queue& queue() noexcept { return queue_; }
  [[nodiscard]] bool is_open() const noexcept { return stream_.is_open(); }
  /// Whether there is any sense in queueing more.
  [[nodiscard]] bool takes_more() const noexcept { return stream_.is_open() && !doomed_ && !cut_; }
  [[nodiscard]] std::size_t unsent() const noexcept { return stream_.is_open() ? queue_.size() : 0; }

  void flush() {
    if (blocked_ || cut_ || !stream_.is_open() || held_back()) return;
    const std::error_code error = queue_.flush(stream_);
    if (!error) return;
    if (error == errc::would_block) {
      blocked_ = true;
      full_.notify();
    } else {
      stream_.close();
    }
  }
  /// Waits until the socket takes more, and sends. The stream's error.
  [[nodiscard]] task<std::error_code> flush_later() {
    const std::error_code error = co_await stream_.wait_writable();
    blocked_ = false;
    if (!error) flush();
    co_return error;
  }
  /// Whether something waits for the socket to take more, in the queue or in TLS.
  [[nodiscard]] bool sending() const noexcept { return stream_.is_open() && !cut_ && blocked_; }

  /// Sends what the socket did not take at once, until the connection ends. `has_room` is notified whenever it did.
  [[nodiscard]] task<> write(async_event& has_room) {
    while (stream_.is_open()) {
      if (const std::error_code error = co_await full_.wait()) co_return;
      while (sending()) {
        if (const std::error_code error = co_await flush_later()) co_return;
      }
      has_room.notify();
    }
  }

  /// Sends raw bytes and waits until they left. Not beside `write`.
  [[nodiscard]] task<std::error_code> send_all(std::string bytes) {
    queue_.raw(bytes);
    counters_.bytes_sent.add(bytes.size());
    std::error_code error = queue_.flush(stream_);
    while (error == errc::would_block) {
      error = co_await stream_.wait_writable();
      if (!error) error = queue_.flush(stream_);
    }
    co_return error;
  }

  /// Answers nothing, whatever comes, until the client gives up.
  [[nodiscard]] task<> ignore() {
    std::array<char, 4096> buffer;
    sim_transport& transport = stream_.transport();
    while (transport.is_open()) {
      const io_result got = transport.read_some(buffer);
      if (!got.error) continue;
      if (got.error != errc::would_block) break;
      if (const std::error_code error = co_await transport.wait_readable()) break;
    }
    close();
  }

  /// At once, with a reset or without a word.
  void reset() noexcept { stream_.reset(); }
  void close() noexcept {
    stream_.close();
    full_.notify();
  }
  /// The orderly end of the side that has nothing more to say.
  void finish() noexcept {
    if (stream_.is_open()) stream_.shutdown();
    close();
  }
  /// Our direction ends (FIN) as where a machine dies: no close_notify, nothing that was still to be sent. Closes once
  /// the client does, or after the limit.
  void cut() {
    if (cut_ || !stream_.is_open()) return;
    cut_ = true;
    stream_.transport().shutdown_write();
    close_later();
  }
  /// As `close`, but a peer that is frozen keeps even its end to itself until it thaws.
  void drop() noexcept {
    doomed_ = true;
    if (!faults_.has(fault_kind::freeze)) close();
  }
  /// Drops the connection after the limit for closing.
  void close_later() {
    end_delay();
    limit_ = faults_.timers().call_after(limits_.close_timeout, [this] { drop(); });
  }

  /// Other faults are in force now.
  void faults_changed() {
    if (doomed_) drop();
    end_delay();
    stream_.transport().wake();
  }

 private:
  /// Whether a delay keeps what is to be sent. It draws its time for the first of a burst; what follows meanwhile
  /// leaves with that, so that nothing overtakes.
  [[nodiscard]] bool held_back() {
    if (delayed_) return true;
    if (undelayed_ || queue_.empty() || !faults_.has(fault_kind::delay)) return false;
    const std::chrono::microseconds most = faults_.wait_of(fault_kind::delay);
    delayed_ = true;
    delay_ = faults_.timers().call_after(most * random_.below(1'025) / 1'024, [this] { end_delay(); });
    return true;
  }
  /// What was held back leaves now.
  void end_delay() {
    if (!std::exchange(delayed_, false)) return;
    delay_.cancel();
    undelayed_ = true;
    flush();
    undelayed_ = false;
    full_.notify();  // whoever waits for room looks again
  }

  const faults_in_force& faults_;
  const exchange_limits& limits_;
  detail::exchange_counters& counters_;
  sim_stream stream_;
  frame_queue queue_;
  async_event full_;     // notified when there is something for `write` to do
  bool blocked_{false};  // the socket was full; `write` flushes
  bool cut_{false};
  bool doomed_{false};
  timer limit_;
  sim_random random_;      // draws delays
  bool delayed_{false};    // until `delay_` the queue is kept
  bool undelayed_{false};  // a flush that no delay keeps
  timer delay_;
};

}  // namespace foxtrot::inline v0
