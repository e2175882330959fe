// foxtrot/thread/impl/placement.hpp: what placement.hpp declares.
#pragma once

#include <foxtrot/core/error.hpp>
#include <foxtrot/thread/placement.hpp>

#include <cerrno>
#include <cstddef>
#include <iterator>
#include <string>
#include <system_error>

#include <pthread.h>
#include <sched.h>

namespace foxtrot::inline v0 {

FOXTROT_DECL void name_this_thread(const std::string& name) noexcept {
  constexpr std::size_t longest = 15;
  char text[longest + 1]{};
  name.copy(text, longest);
  pthread_setname_np(pthread_self(), text);
}

namespace detail {

/// 0, or the system's reason against it. A thread that has a realtime policy by inheritance may always give it up.
[[nodiscard]] inline int apply_scheduling(scheduling policy, int priority) noexcept {
  if (policy == scheduling::inherited) {
    if (priority == 0) return 0;
    policy = scheduling::fifo;
  }
  const bool realtime = policy == scheduling::fifo || policy == scheduling::round_robin;
  if (realtime ? priority < 1 || priority > 99 : priority != 0) return EINVAL;
  sched_param parameters{};
  parameters.sched_priority = priority;
  constexpr int kinds[] = {SCHED_OTHER, SCHED_OTHER, SCHED_BATCH, SCHED_IDLE, SCHED_FIFO, SCHED_RR};
  const auto index = static_cast<std::size_t>(policy);
  return index < std::size(kinds) ? pthread_setschedparam(pthread_self(), kinds[index], &parameters) : EINVAL;
}

}  // namespace detail

FOXTROT_DECL std::error_code apply_placement(const placement& where) noexcept {
  name_this_thread(where.name);
  std::error_code first;
  const auto note = [&first](int failed) {
    if (failed != 0 && !first) first = failed == EPERM ? errc::not_permitted : errc::bad_placement;
  };
  if (where.cpu >= CPU_SETSIZE || where.cpu < -1) {
    note(EINVAL);
  } else if (where.cpu >= 0) {
    cpu_set_t only;
    CPU_ZERO(&only);
    CPU_SET(static_cast<std::size_t>(where.cpu), &only);
    note(pthread_setaffinity_np(pthread_self(), sizeof(only), &only));
  }
  note(detail::apply_scheduling(where.policy, where.realtime_priority));
  return first;
}

}  // namespace foxtrot::inline v0
