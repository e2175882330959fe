// bench/websocket/calls.hpp: how often this thread asked the kernel for bytes, and how often it waited for them.
#pragma once

#include <cstdint>

namespace foxtrot_bench {

/// Calls of the C library's functions, which this program defines itself (calls.cpp): the libraries it is linked with
/// reach those as well.
struct call_counts {
  std::uint64_t receives{0};  ///< recv, recvfrom, recvmsg, read, readv
  std::uint64_t waits{0};     ///< epoll_wait, epoll_pwait, epoll_ctl, poll, ppoll, select
};

inline thread_local call_counts calls{};

}  // namespace foxtrot_bench
