// foxtrot/net/poller.hpp: functions that a spinning event loop calls at every turn.
#pragma once

#include <foxtrot/core/live_object.hpp>

#include <algorithm>
#include <cstddef>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

namespace foxtrot::inline v0 {

class poller_list;

/// Keeps a function registered; its destruction takes the function out, also from within the function itself, and also
/// when the list has died before. Loop thread only.
class [[nodiscard]] poller_handle : private live_object<poller_handle> {
 public:
  poller_handle() = default;
  poller_handle(poller_handle&&) noexcept = default;
  poller_handle& operator=(poller_handle&& other) noexcept {
    release();
    entry_ = std::move(other.entry_);
    return *this;
  }
  ~poller_handle() { release(); }

  void release() noexcept {
    if (const auto released = std::exchange(entry_, nullptr)) released->alive = false;
  }

 private:
  friend class poller_list;
  struct entry {
    std::function<bool()> poll;
    bool alive{true};
  };
  explicit poller_handle(std::shared_ptr<entry> registered) : entry_{std::move(registered)} {}

  std::shared_ptr<entry> entry_;
};

/// The functions of one loop. Loop thread only.
class poller_list : private live_object<poller_list> {
 public:
  /// `poll` returns whether it found work. It must not throw.
  [[nodiscard]] poller_handle add(std::function<bool()> poll) {
    auto added = std::make_shared<poller_handle::entry>();
    added->poll = std::move(poll);
    entries_.push_back(added);
    return poller_handle{std::move(added)};
  }

  /// Calls each once; true if any found work.
  bool run() {
    bool worked = false;
    bool dead = false;
    // by index: a function may add others, which are called in the same turn
    for (std::size_t i = 0; i < entries_.size(); ++i) {
      const auto entry = entries_[i];  // shared: it may take itself out, and the vector may move
      if (entry->alive) worked |= entry->poll();
      dead |= !entry->alive;
    }
    if (dead) std::erase_if(entries_, [](const auto& entry) { return !entry->alive; });
    return worked;
  }

  [[nodiscard]] bool empty() const noexcept { return entries_.empty(); }

 private:
  std::vector<std::shared_ptr<poller_handle::entry>> entries_;
};

}  // namespace foxtrot::inline v0
