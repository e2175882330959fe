// foxtrot/market/detail/feed_cursor.hpp: one drop_oldest consumer's place in its feed's ring.
#pragma once

#include <foxtrot/core/live_object.hpp>
#include <foxtrot/core/separate_compilation.hpp>
#include <foxtrot/market/detail/consumer_filter.hpp>
#include <foxtrot/market/detail/event_body.hpp>
#include <foxtrot/market/detail/feed_ring.hpp>
#include <foxtrot/market/detail/waiting_event.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

namespace foxtrot::inline v0::detail {

/// Belongs to one strategy thread, but for dropped(). Events are copied out of the ring and checked, so what front()
/// shows is whole and stays.
class feed_cursor : private live_object<feed_cursor> {
 public:
  feed_cursor(std::shared_ptr<feed_ring> ring, consumer_filter filter);
  feed_cursor(const feed_cursor&) = delete;
  feed_cursor& operator=(const feed_cursor&) = delete;
  ~feed_cursor();

  /// The next wanted event. After a loss, and at the beginning, first how much was lost and the connection's state.
  [[nodiscard]] waiting_event front() noexcept {
    while (!held_ && (tell() || read())) {
    }
    return held_ ? waiting_event{&line_, tag_, {body_.get(), body_size_}} : waiting_event{};
  }
  void pop(const waiting_event&) noexcept { held_ = false; }

  [[nodiscard]] bool closed_by_producer() const noexcept;
  void close_by_consumer() noexcept {}  // the ring knows nothing of its readers
  [[nodiscard]] parking_spot& consumer_spot() noexcept;
  [[nodiscard]] const symbol_table& symbols() const noexcept { return ring_->symbols(); }
  [[nodiscard]] std::size_t capacity() const noexcept;
  /// Any thread.
  [[nodiscard]] std::uint64_t dropped() const noexcept { return dropped_.load(std::memory_order_relaxed); }

 private:
  // One look at the ring. False where nothing came.
  bool read() noexcept {
    switch (reader_.try_read(line_, tag_)) {
      case read_outcome::empty: return false;
      case read_outcome::lapped: lose(reader_.lost() - std::exchange(lost_before_, reader_.lost())); return true;
      case read_outcome::read: break;
    }
    const tick_kind kind = tick_tag::kind_of(tag_);
    if (!filter_.wants(kind, symbol_of(line_))) return true;
    body_size_ = 0;
    if (has_body(kind)) {
      const std::size_t size = detail::body_size(line_);
      if (size != 0 && !ring_->levels().try_copy(body_position(line_), size, body_.get())) {
        lose(1);  // its body has been overwritten, if not itself, or never fitted
        return true;
      }
      body_size_ = size;
    }
    return held_ = true;
  }

  void lose(std::uint64_t count) noexcept;

  // Makes the next line of what has to be told before the ring goes on. False where there is none left.
  bool tell() noexcept { return (untold_ != 0 || connection_) && tell_now(); }
  bool tell_now() noexcept;
  bool hold(const status_record& record, line_tag tag) noexcept;

  const std::shared_ptr<feed_ring> ring_;
  const consumer_filter filter_;
  broadcast_ring<tick_payload>::reader reader_;
  std::uint64_t lost_before_{0};  // of reader_.lost(): counted already

  // to be told before the ring goes on
  std::uint64_t untold_{0};
  std::optional<feed_ring::state> connection_;

  bool held_{false};  // line_, tag_ and body_ are an event
  line_tag tag_;
  tick_payload line_;
  std::size_t body_size_{0};
  const std::unique_ptr<raw_level[]> body_;  // touched as far as the longest body reached
  std::atomic<std::uint64_t> dropped_{0};
};

}  // namespace foxtrot::inline v0::detail

#ifdef FOXTROT_DEFINITIONS
#include <foxtrot/market/impl/feed_cursor.hpp>
#endif
