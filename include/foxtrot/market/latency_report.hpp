// foxtrot/market/latency_report.hpp: how long ticks took, stage by stage and kind by kind.
#pragma once

#include <foxtrot/core/histogram.hpp>
#include <foxtrot/core/separate_compilation.hpp>
#include <foxtrot/market/kinds.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace foxtrot::inline v0 {

/// The way of a tick. Its receive time, which it carries, parts the stages: it is taken once each time the
/// socket is drained, at the first message that this completed; nearly always that is one read. Ticks that waited for
/// another line or for a repair are counted with the read that let them go.
enum class latency_stage : std::uint8_t {
  /// From the kernel's stamp on the last packet that the read brought to the receive time. Absent where the stream is
  /// no socket.
  kernel_to_read,
  /// To the moment when everything that the read brought was published: decoded, in all queues, inline handlers done.
  read_to_published,
  /// From the receive time to the moment when a consumer gets the tick.
  read_to_strategy,
};
inline constexpr std::size_t latency_stage_count = 3;

[[nodiscard]] constexpr std::string_view to_string(latency_stage stage) noexcept {
  constexpr std::array<std::string_view, latency_stage_count> names{"kernel_to_read", "read_to_published",
                                                                    "read_to_strategy"};
  const auto index = static_cast<std::size_t>(stage);
  return index < names.size() ? names[index] : "?";
}

/// Of one histogram. Percentiles to its precision, max exact.
struct latency_figures {
  std::uint64_t count{0};
  std::chrono::nanoseconds p50{0};
  std::chrono::nanoseconds p90{0};
  std::chrono::nanoseconds p99{0};
  std::chrono::nanoseconds p999{0};
  std::chrono::nanoseconds max{0};

  [[nodiscard]] static latency_figures of(const histogram& times) noexcept;
};

/// A copy of what was measured up to a moment. Where ticks come faster than the clock is worth asking, one look at it
/// stands for up to 23 at the consumer, and at the network thread for up to 22 and all of the read that it falls into;
/// it counts as so many when it is made: the last few of a burst wait for the next burst's. A look at a read without
/// the kernel's stamp counts for `kernel_to_read` nowhere.
class latency_report {
 public:
  struct entry {
    latency_stage stage;
    tick_kind kind;
    histogram times;
  };

  /// Sorted by stage and kind; none is empty.
  [[nodiscard]] const std::vector<entry>& entries() const noexcept { return entries_; }
  [[nodiscard]] bool empty() const noexcept { return entries_.empty(); }

  /// Of one kind; nullptr where there was none.
  [[nodiscard]] const histogram* find(latency_stage stage, tick_kind kind) const noexcept;
  /// Of all kinds together.
  [[nodiscard]] histogram times(latency_stage stage) const;
  /// All zero where there was none.
  [[nodiscard]] latency_figures figures(latency_stage stage, tick_kind kind) const noexcept;
  [[nodiscard]] latency_figures figures(latency_stage stage) const;

  void add(latency_stage stage, tick_kind kind, const histogram& more);
  /// Adds another's, of another thread or consumer.
  void merge(const latency_report& other);

 private:
  [[nodiscard]] std::vector<entry>::const_iterator place_of(latency_stage stage, tick_kind kind) const noexcept;

  std::vector<entry> entries_;
};

}  // namespace foxtrot::inline v0

#ifdef FOXTROT_DEFINITIONS
#include <foxtrot/market/impl/latency_report.hpp>
#endif
