// bench/websocket/meter.hpp: what receiving one frame costs the thread that does it.
#pragma once

#include <websocket/calls.hpp>

#include <support/system.hpp>

#include <cstddef>
#include <cstdint>

namespace foxtrot_bench {

/// Told of every frame by the client's thread. What comes before the first tenth has passed is not measured.
class frame_meter {
 public:
  explicit frame_meter(std::size_t frames) noexcept : total_{frames}, mark_{frames / 10 + 1} {}

  /// True: that was the last one. Looks at both ends of the payload.
  bool on_frame(const char* payload, std::size_t size) noexcept {
    sum_ += static_cast<unsigned char>(payload[0]) + static_cast<unsigned char>(payload[size - 1]) + size;
    return ++count_ >= mark_ && reach_mark();
  }

  [[nodiscard]] bool done() const noexcept { return count_ == total_; }
  /// Whether it was `total` frames that all had this size and began and ended as a JSON object does.
  [[nodiscard]] bool complete(std::size_t size) const noexcept {
    return count_ == total_ &&
           sum_ == total_ * (static_cast<unsigned char>('{') + static_cast<unsigned char>('}') + size);
  }

  [[nodiscard]] double cpu_ns_per_frame() const noexcept { return per_frame(end_.cpu - begin_.cpu); }
  [[nodiscard]] double wall_ns_per_frame() const noexcept { return per_frame(end_.wall - begin_.wall); }
  [[nodiscard]] double receives_per_frame() const noexcept {
    return per_frame(static_cast<std::int64_t>(end_.made.receives - begin_.made.receives));
  }
  [[nodiscard]] double waits_per_frame() const noexcept {
    return per_frame(static_cast<std::int64_t>(end_.made.waits - begin_.made.waits));
  }

 private:
  struct moment {
    std::int64_t cpu{0};
    std::int64_t wall{0};
    call_counts made;

    [[nodiscard]] static moment now() noexcept {
      moment taken;
      taken.made = calls;
      taken.wall = clock_ns(CLOCK_MONOTONIC);
      taken.cpu = clock_ns(CLOCK_THREAD_CPUTIME_ID);
      return taken;
    }
  };

  bool reach_mark() noexcept {
    if (count_ >= total_) {
      end_ = moment::now();
      return true;
    }
    mark_ = total_;
    begin_ = moment::now();
    first_ = count_;
    return false;
  }

  [[nodiscard]] double per_frame(std::int64_t amount) const noexcept {
    return static_cast<double>(amount) / static_cast<double>(total_ - first_);
  }

  std::size_t total_;
  std::size_t mark_;
  std::size_t count_{0};
  std::size_t first_{0};
  std::uint64_t sum_{0};
  moment begin_;
  moment end_;
};

}  // namespace foxtrot_bench
