// bench/end_to_end/report.hpp: what a client says of its run, and how a run's numbers get from process to process.
#pragma once

#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <string>

namespace foxtrot_bench {

/// One run of one client. Times and CPU are of the ticks after the first `skip`.
struct tick_report {
  std::uint64_t received{0};  ///< ticks, all of them
  std::uint64_t dropped{0};   ///< that it was told it had lost
  std::uint64_t measured{0};  ///< ticks in the measured interval
  std::uint64_t disorder{0};  ///< ticks whose id was not larger than the one before
  bool ended{false};          ///< the last tick came
  double sum{0};              ///< of bid price and ask quantity of all ticks
  double p50_us{0};
  double p99_us{0};
  double wall_ns{0};
  double cpu_ns{0};  ///< of the whole process
};

/// What the server sent.
struct sent_report {
  std::uint64_t sent{0};
  double sum{0};  ///< as above
};

inline void print(const tick_report& told) {
  std::printf("{\"received\":%" PRIu64 ",\"dropped\":%" PRIu64 ",\"measured\":%" PRIu64 ",\"disorder\":%" PRIu64
              ",\"ended\":%d,\"sum\":%.17g,\"p50_us\":%.3f,\"p99_us\":%.3f,\"wall_ns\":%.0f,\"cpu_ns\":%.0f}\n",
              told.received, told.dropped, told.measured, told.disorder, told.ended ? 1 : 0, told.sum, told.p50_us,
              told.p99_us, told.wall_ns, told.cpu_ns);
  std::fflush(stdout);
}
inline void print(const sent_report& told) {
  std::printf("{\"sent\":%" PRIu64 ",\"sum\":%.17g}\n", told.sent, told.sum);
  std::fflush(stdout);
}

/// False where the line is none of print()'s.
[[nodiscard]] inline bool parse(const std::string& line, tick_report& into) {
  int ended = 0;
  const int found =
      std::sscanf(line.c_str(),
                  "{\"received\":%" SCNu64 ",\"dropped\":%" SCNu64 ",\"measured\":%" SCNu64 ",\"disorder\":%" SCNu64
                  ",\"ended\":%d,\"sum\":%lf,\"p50_us\":%lf,\"p99_us\":%lf,\"wall_ns\":%lf,\"cpu_ns\":%lf}",
                  &into.received, &into.dropped, &into.measured, &into.disorder, &ended, &into.sum, &into.p50_us,
                  &into.p99_us, &into.wall_ns, &into.cpu_ns);
  into.ended = ended != 0;
  return found == 10;
}
[[nodiscard]] inline bool parse(const std::string& line, sent_report& into) {
  return std::sscanf(line.c_str(), "{\"sent\":%" SCNu64 ",\"sum\":%lf}", &into.sent, &into.sum) == 2;
}

}  // namespace foxtrot_bench
