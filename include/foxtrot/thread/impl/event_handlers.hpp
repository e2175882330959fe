// foxtrot/thread/impl/event_handlers.hpp: what detail/event_handlers.hpp declares.
#pragma once

#include <foxtrot/thread/detail/event_handlers.hpp>
#include <foxtrot/thread/thread_event.hpp>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace foxtrot::inline v0::detail {

struct event_handlers::entry {
  explicit entry(handler given) : handle{std::move(given)} {}
  std::recursive_mutex running;  // held for a call; by the same thread again where a handler ends itself
  bool alive{true};              // guarded by it
  handler handle;
};
struct event_handlers::list {
  std::mutex mutex;
  std::vector<std::shared_ptr<entry>> entries;
};

FOXTROT_DECL event_handlers::registration::registration() noexcept = default;
FOXTROT_DECL event_handlers::registration::registration(registration&&) noexcept = default;
FOXTROT_DECL event_handlers::registration& event_handlers::registration::operator=(registration&& other) noexcept {
  if (this != &other) {
    cancel();
    list_ = std::move(other.list_);
    entry_ = std::move(other.entry_);
  }
  return *this;
}
FOXTROT_DECL event_handlers::registration::~registration() { cancel(); }
FOXTROT_DECL event_handlers::registration::registration(std::shared_ptr<list> from,
                                                        std::shared_ptr<entry> made) noexcept
    : list_{std::move(from)}, entry_{std::move(made)} {}

FOXTROT_DECL void event_handlers::registration::cancel() {
  if (entry_ == nullptr) return;
  {
    const std::lock_guard lock{list_->mutex};
    std::erase(list_->entries, entry_);
  }
  {
    const std::lock_guard lock{entry_->running};
    entry_->alive = false;
  }
  entry_.reset();
  list_.reset();
}

FOXTROT_DECL event_handlers::event_handlers() : list_{std::make_shared<list>()} {}

FOXTROT_DECL event_handlers::registration event_handlers::add(handler handle) {
  auto made = std::make_shared<entry>(std::move(handle));
  const std::lock_guard lock{list_->mutex};
  list_->entries.push_back(made);
  return {list_, std::move(made)};
}

FOXTROT_DECL void event_handlers::call(const thread_event& event) {
  std::vector<std::shared_ptr<entry>> now;
  {
    const std::lock_guard lock{list_->mutex};
    now = list_->entries;
  }
  for (const auto& each : now) {
    const std::lock_guard lock{each->running};
    if (!each->alive) continue;
    try {
      each->handle(event);
    } catch (...) {
      failures_.fetch_add(1, std::memory_order_relaxed);  // a number for people: orders nothing
    }
  }
}
FOXTROT_DECL std::uint64_t event_handlers::failures() const noexcept {
  return failures_.load(std::memory_order_relaxed);
}

}  // namespace foxtrot::inline v0::detail
