// foxtrot/net/resolver.hpp: host names to addresses, without ever keeping the event loop or a shutdown waiting.
#pragma once

#include <foxtrot/core/clock.hpp>
#include <foxtrot/core/error.hpp>
#include <foxtrot/core/result.hpp>
#include <foxtrot/net/asio.hpp>
#include <foxtrot/net/async_event.hpp>
#include <foxtrot/net/timer_queue.hpp>
#include <foxtrot/thread/placement.hpp>

#include <asio/ip/address.hpp>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>

namespace foxtrot::inline v0 {

using endpoints = std::vector<asio::ip::tcp::endpoint>;

/// Turns a name into addresses and may block for as long as it likes. A seam: tests give one that fails or never
/// returns.
using lookup_function = std::function<result<endpoints>(const std::string& host, std::uint16_t port)>;

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

// One process-wide count, also where several shared objects use foxtrot.
[[gnu::visibility("default")]] inline std::atomic<std::size_t>& lookups_under_way() noexcept {
  static std::atomic<std::size_t> count{0};
  return count;
}

// What a lookup's thread and the coroutine that waits for it share; whoever comes last frees it.
struct lookup_job {
  std::mutex mutex;
  asio::io_context* loop{nullptr};  // guarded by mutex; null once nobody waits
  async_event* done{nullptr};       // loop thread only; valid while `loop` is set
  endpoints found;                  // written before the loop is told
  std::error_code error;
};

inline void run_lookup(const std::shared_ptr<lookup_job>& job, const lookup_function& lookup, const std::string& host,
                       std::uint16_t port) noexcept {
  try {
    auto answer = lookup(host, port);
    if (answer)
      job->found = std::move(*answer);
    else
      job->error = answer.error();
  } catch (...) {
    job->error = errc::resolve_failed;
  }
  lookups_under_way().fetch_sub(1, std::memory_order_relaxed);
  const std::lock_guard lock{job->mutex};
  if (job->loop == nullptr) return;
  asio::post(*job->loop, [job] {
    if (job->done != nullptr) job->done->notify();
  });
}

// The only threads of foxtrot's that are not joined: getaddrinfo cannot be interrupted, and no shutdown waits for it.
// All signals are blocked in them, so that they are left to the threads that expect them.
inline std::error_code start_lookup(std::shared_ptr<lookup_job> job, lookup_function lookup, std::string host,
                                    std::uint16_t port) {
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  lookups_under_way().fetch_add(1, std::memory_order_relaxed);
  std::error_code error;
  try {
    std::thread{[job = std::move(job), lookup = std::move(lookup), host = std::move(host), port] {
      name_this_thread("foxtrot-resolver");
      run_lookup(job, lookup, host, port);
    }}.detach();
  } catch (const std::system_error& failure) {
    lookups_under_way().fetch_sub(1, std::memory_order_relaxed);
    error = failure.code();
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return error;
}

// Takes the waiting coroutine out of the job, however it ends.
struct lookup_waiter {
  explicit lookup_waiter(lookup_job& under_way) : job{under_way} {}
  lookup_waiter(const lookup_waiter&) = delete;
  lookup_waiter& operator=(const lookup_waiter&) = delete;
  ~lookup_waiter() {
    const std::lock_guard lock{job.mutex};
    job.loop = nullptr;
    job.done = nullptr;
  }

  lookup_job& job;
};

}  // namespace detail

/// Lookups whose thread has not returned: what a shutdown names but does not wait for. Any thread.
[[nodiscard]] inline std::size_t lookups_under_way() noexcept {
  return detail::lookups_under_way().load(std::memory_order_relaxed);
}

/// The addresses of `host`, at least one; errc::timeout after `patience`. Numeric addresses are answered at once;
/// anything else is looked up on a thread of its own ("foxtrot-resolver"), which a caller who times out or is cancelled
/// leaves behind.
[[nodiscard]] inline task<result<endpoints>> resolve(timer_queue& timers, std::string host, std::uint16_t port,
                                                     steady_time::duration patience = std::chrono::seconds{10},
                                                     lookup_function lookup = system_lookup) {
  std::error_code not_numeric;
  const auto address = asio::ip::make_address(host, not_numeric);
  if (!not_numeric) {
    endpoints only;
    only.emplace_back(address, port);
    co_return result<endpoints>{std::move(only)};
  }
  const auto job = std::make_shared<detail::lookup_job>();
  async_event done{timers.context()};
  job->loop = &timers.context();
  job->done = &done;
  const detail::lookup_waiter waiting{*job};
  const timer limit = timers.call_after(patience, [&done] { done.notify(errc::timeout); });
  if (const auto error = detail::start_lookup(job, std::move(lookup), host, port)) co_return error;
  if (const auto error = co_await done.wait()) co_return error;
  if (job->error) co_return job->error;
  co_return std::move(job->found);
}

}  // namespace foxtrot::inline v0
