// bench/end_to_end/recorder.hpp: the consumer: looks at every tick's latency. C++17, as some peers need it.
#pragma once

#include <end_to_end/report.hpp>
#include <support/system.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <string>
#include <vector>

namespace foxtrot_bench {

/// How every client is called: PROGRAM VARIANT PORT CA_FILE SKIP NET_CPU CONSUMER_CPU; a CPU of -1 is any.
struct client_arguments {
  enum class way { handler, queue, spin };

  static constexpr const char* usage =
      "usage: %s inline|queue|queue_block|spin|spin_block PORT CA_FILE SKIP NET CONSUMER\n";

  /// False where it was called otherwise.
  [[nodiscard]] bool read(int count, char** given) {
    if (count != 7) return false;
    const std::string variant = given[1];
    how = variant == "inline" ? way::handler : variant.compare(0, 5, "queue") == 0 ? way::queue : way::spin;
    waits_for_room = variant.find("_block") != std::string::npos;
    port = static_cast<std::uint16_t>(std::atoi(given[2]));
    ca_file = given[3];
    skip = static_cast<std::size_t>(std::atoll(given[4]));
    net_cpu = std::atoi(given[5]);
    consumer_cpu = std::atoi(given[6]);
    return true;
  }

  way how{way::queue};
  bool waits_for_room{false};  ///< what finds the queue full is not lost
  std::uint16_t port{0};
  std::string ca_file;
  std::size_t skip{0};
  int net_cpu{-1};
  int consumer_cpu{-1};
};

inline void pin_if_wanted(int cpu) noexcept {
  if (cpu >= 0) (void)pin(cpu);
}

/// The first text frame of every client: the server answers it, then sends.
inline constexpr const char* subscribe_request = R"({"method":"SUBSCRIBE","params":["btcusdt@bookTicker"],"id":1})";

/// Of the consumer's thread.
class tick_recorder {
 public:
  explicit tick_recorder(std::size_t skip) : skip_{skip}, latencies_(capacity, 1) {}

  /// The id is the time at which it was sent. True: that was the last, which has no ask quantity.
  bool on_tick(std::uint64_t id, double bid_price, double ask_quantity) noexcept {
    const std::int64_t now = clock_ns(CLOCK_MONOTONIC);
    if (received_ == skip_) begin(now);
    disorder_ += id <= last_id_ ? 1 : 0;
    last_id_ = id;
    sum_ += bid_price + ask_quantity;
    latencies_[std::min(received_, capacity - 1)] = narrow(now - static_cast<std::int64_t>(id));
    ++received_;
    if (ask_quantity != 0) return false;
    end_ns_ = now;
    end_cpu_ = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
    ended_ = true;
    return true;
  }

  /// After the last tick, or where no more will come.
  [[nodiscard]] tick_report report(std::uint64_t dropped = 0) {
    tick_report made;
    made.received = received_;
    made.dropped = dropped;
    made.disorder = disorder_;
    made.ended = ended_;
    made.sum = sum_;
    if (!ended_ || received_ <= skip_ + 1) return made;
    made.measured = received_ - skip_ - 1;  // that came after the interval had begun
    made.wall_ns = static_cast<double>(end_ns_ - begin_ns_);
    made.cpu_ns = static_cast<double>(end_cpu_ - begin_cpu_);
    const auto first = latencies_.begin() + static_cast<std::ptrdiff_t>(skip_);
    const auto last = latencies_.begin() + static_cast<std::ptrdiff_t>(std::min(received_, capacity));
    std::sort(first, last);
    const auto at = [&](double share) {
      return first[static_cast<std::ptrdiff_t>(share * static_cast<double>(last - first))] / 1e3;
    };
    made.p50_us = at(0.5);
    made.p99_us = at(0.99);
    return made;
  }

 private:
  static constexpr std::size_t capacity = 6'000'000;  // more than any run has

  void begin(std::int64_t now) noexcept {
    begin_ns_ = now;
    begin_cpu_ = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
  }
  [[nodiscard]] static std::uint32_t narrow(std::int64_t ns) noexcept {
    return static_cast<std::uint32_t>(std::min<std::int64_t>(ns, std::numeric_limits<std::uint32_t>::max()));
  }

  std::size_t skip_;
  std::size_t received_{0};
  std::uint64_t last_id_{0};
  std::uint64_t disorder_{0};
  double sum_{0};
  std::vector<std::uint32_t> latencies_;  // written once already: no page comes in while ticks do
  std::int64_t begin_ns_{0};
  std::int64_t begin_cpu_{0};
  std::int64_t end_ns_{0};
  std::int64_t end_cpu_{0};
  bool ended_{false};
};

}  // namespace foxtrot_bench
