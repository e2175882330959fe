// foxtrot/net/resolver.hpp: host names to addresses, without ever keeping the event loop or a shutdown waiting.
#pragma once

#include <foxtrot/core/clock.hpp>
#include <foxtrot/core/error.hpp>
#include <foxtrot/core/live_object.hpp>
#include <foxtrot/core/result.hpp>
#include <foxtrot/net/asio.hpp>
#include <foxtrot/net/async_event.hpp>
#include <foxtrot/net/detail/ares_lookup.hpp>
#include <foxtrot/net/detail/resolver_threads.hpp>
#include <foxtrot/net/dial_settings.hpp>
#include <foxtrot/net/timer_queue.hpp>

#include <asio/ip/address.hpp>

#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <netdb.h>
#include <sys/socket.h>

namespace foxtrot::inline v0 {

/// getaddrinfo, IPv4 and IPv6 in the system's order of preference. errc::host_not_found: there is no such name;
/// errc::resolve_failed: the name service did not answer.
[[nodiscard]] inline result<endpoints> system_lookup(const std::string& host, std::uint16_t port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_ADDRCONFIG;
  addrinfo* found = nullptr;
  const int failed = ::getaddrinfo(host.c_str(), nullptr, &hints, &found);
  if (failed == EAI_NONAME || failed == EAI_NODATA) return errc::host_not_found;
  if (failed == EAI_SYSTEM && errno != 0) return std::error_code{errno, std::system_category()};
  if (failed != 0) return errc::resolve_failed;
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owned{found, &::freeaddrinfo};
  endpoints all;
  for (const addrinfo* entry = found; entry != nullptr; entry = entry->ai_next) {
    asio::ip::tcp::endpoint address;
    if (entry->ai_addrlen > address.capacity()) continue;
    address.resize(entry->ai_addrlen);
    std::memcpy(address.data(), entry->ai_addr, entry->ai_addrlen);
    address.port(port);
    all.push_back(address);
  }
  if (all.empty()) return errc::host_not_found;
  return all;
}

namespace detail {

// What a lookup's thread and the coroutine that waits for it share; whoever comes last frees it.
struct lookup_job : blocking_lookup, private live_object<lookup_job> {
  std::mutex mutex;
  asio::io_context* loop{nullptr};  // guarded by mutex; null once nobody waits
  async_event* done{nullptr};       // loop thread only; valid while `loop` is set
  endpoints found;                  // written before the loop is told
  std::error_code error;
};

inline void run_lookup(const std::shared_ptr<lookup_job>& job, const lookup_function& lookup,
                       std::uint16_t port) noexcept {
  try {
    auto answer = lookup(job->host, port);
    if (answer)
      job->found = std::move(*answer);
    else
      job->error = answer.error();
  } catch (...) {
    job->error = errc::resolve_failed;
  }
  const std::lock_guard lock{job->mutex};
  if (job->loop == nullptr) return;
  asio::post(*job->loop, [job] {
    if (job->done != nullptr) job->done->notify();
  });
}

// Takes the waiting coroutine out of the job, however it ends.
struct lookup_waiter {
  explicit lookup_waiter(std::shared_ptr<lookup_job> under_way) : job{std::move(under_way)} {}
  lookup_waiter(const lookup_waiter&) = delete;
  lookup_waiter& operator=(const lookup_waiter&) = delete;
  ~lookup_waiter() {
    resolver_threads::of_process().forget(job);
    const std::lock_guard lock{job->mutex};
    job->loop = nullptr;
    job->done = nullptr;
  }

  std::shared_ptr<lookup_job> job;
};

[[nodiscard]] inline task<result<endpoints>> look_up_on_thread(timer_queue& timers, std::string host,
                                                               std::uint16_t port, steady_time::duration patience,
                                                               lookup_function lookup) {
  const auto job = std::make_shared<lookup_job>();
  async_event done{timers.context()};
  job->host = std::move(host);
  job->loop = &timers.context();
  job->done = &done;
  // weak: the job holds this; whoever runs it holds the job
  job->run = [weak = std::weak_ptr{job}, lookup = std::move(lookup), port] {
    if (const auto alive = weak.lock()) run_lookup(alive, lookup, port);
  };
  const lookup_waiter waiting{job};
  const timer limit = timers.call_after(patience, [&done] { done.notify(errc::timeout); });
  if (const auto error = resolver_threads::of_process().add(job)) co_return error;
  if (const auto error = co_await done.wait()) co_return error;
  if (job->error) co_return job->error;
  co_return std::move(job->found);
}

// True for what something better may stand in for.
[[nodiscard]] inline bool is_system_lookup(const lookup_function& lookup) {
  if (!lookup) return true;
  using plain = result<endpoints> (*)(const std::string&, std::uint16_t);
  const plain* const target = lookup.target<plain>();
  return target != nullptr && *target == &system_lookup;
}

}  // namespace detail

/// Lookups whose thread has not returned: what a shutdown names but does not wait for. Any thread.
[[nodiscard]] inline std::size_t lookups_under_way() { return detail::resolver_threads::of_process().running(); }
/// The names they are stuck at. Any thread.
[[nodiscard]] inline std::vector<std::string> hosts_under_way() {
  return detail::resolver_threads::of_process().hosts();
}

/// The addresses of `host`, at least one; errc::timeout after `patience`. Numeric addresses are answered at once. With
/// FOXTROT_WITH_CARES, and unless a `lookup` of one's own is given, c-ares asks from within the event loop; it reads
/// /etc/hosts and /etc/resolv.conf but no other source of names that the system may have.
///
/// Otherwise `lookup` runs on a thread of the process's own, "foxtrot-resolver": one as a rule. The system's cannot be
/// interrupted: who times out or is cancelled leaves it behind, and no shutdown waits for it. Then another thread takes
/// what is asked next, up to four in all; a host that one of them is stuck at is not asked for by another. Beyond that
/// a look-up waits for a thread, as long as its patience lasts.
[[nodiscard]] inline task<result<endpoints>> resolve(timer_queue& timers, std::string host, std::uint16_t port,
                                                     steady_time::duration patience = std::chrono::seconds{10},
                                                     lookup_function lookup = {}) {
  if (!lookup) lookup = system_lookup;
  std::error_code not_numeric;
  const auto address = asio::ip::make_address(host, not_numeric);
  if (!not_numeric) {
    endpoints only;
    only.emplace_back(address, port);
    co_return result<endpoints>{std::move(only)};
  }
#ifdef FOXTROT_WITH_CARES
  if (detail::is_system_lookup(lookup)) {
    detail::ares_settings as_configured;
    co_return co_await detail::look_up_with_ares(timers, std::move(host), port, patience, std::move(as_configured));
  }
#endif
  co_return co_await detail::look_up_on_thread(timers, std::move(host), port, patience, std::move(lookup));
}

}  // namespace foxtrot::inline v0
