// foxtrot/queue/impl/parking_spot.hpp: what parking_spot.hpp declares.
#pragma once

#include <foxtrot/queue/parking_spot.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <climits>
#include <cstdint>
#include <ctime>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace foxtrot::inline v0 {

struct parking_spot::links {
  std::vector<parking_spot*> heard;  // the owner's
  std::mutex mutex;                  // guards the listeners, each of which it keeps alive
  std::vector<parking_spot*> listeners;
};

FOXTROT_DECL parking_spot::~parking_spot() {
  const std::unique_ptr<links> mine{links_.load(std::memory_order_relaxed)};
  if (mine == nullptr) return;
  for (parking_spot* other : mine->heard) other->forget(*this);
}

FOXTROT_DECL void parking_spot::listen_to(parking_spot& other) {
  made_links().heard.push_back(&other);
  links& there = other.made_links();
  const std::lock_guard lock{there.mutex};
  there.listeners.push_back(this);
}

FOXTROT_DECL void parking_spot::count_listener(std::uint64_t more) noexcept {
  const links* const mine = links_.load(std::memory_order_relaxed);  // what is heard was made before anybody slept
  if (mine == nullptr) return;
  for (parking_spot* other : mine->heard) {
    other->word_.fetch_add(more, std::memory_order_acq_rel);
    other->count_listener(more);
  }
}

[[gnu::noinline]] FOXTROT_DECL void parking_spot::wake_entered(std::uint64_t before, std::uint32_t how_many) noexcept {
  if (entered_in(before) >= listener) {
    links& mine = *links_.load(std::memory_order_acquire);
    const std::lock_guard lock{mine.mutex};
    for (parking_spot* each : mine.listeners) each->wake();
  }
  if (sleepers_in(before) == 0) return;
  ::syscall(SYS_futex, address(), FUTEX_WAKE_PRIVATE, std::min<std::uint32_t>(how_many, INT_MAX), nullptr, nullptr, 0);
}

FOXTROT_DECL void parking_spot::forget(parking_spot& gone) noexcept {
  links& mine = *links_.load(std::memory_order_acquire);
  const std::lock_guard lock{mine.mutex};
  std::erase(mine.listeners, &gone);
}

FOXTROT_DECL void parking_spot::sleep(ticket mine, std::optional<duration> patience) noexcept {
  timespec limit{};
  if (patience) {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(*patience);
    limit.tv_sec = static_cast<std::time_t>(seconds.count());
    limit.tv_nsec = static_cast<long>((*patience - seconds).count());
  }
  // returns at once where a waker has stepped the word already
  ::syscall(SYS_futex, address(), FUTEX_WAIT_PRIVATE, mine.step_, patience ? &limit : nullptr, nullptr, 0);
}

FOXTROT_DECL parking_spot::links& parking_spot::made_links() {
  if (links* known = links_.load(std::memory_order_acquire)) return *known;
  auto made = std::make_unique<links>();
  links* known = nullptr;
  // release: what was made; acquire: what another has made
  if (links_.compare_exchange_strong(known, made.get(), std::memory_order_acq_rel)) return *made.release();
  return *known;
}

}  // namespace foxtrot::inline v0
