// foxtrot/net/detail/task_entry.hpp: what a task_scope remembers of a live task, and the list of all.
#pragma once

#include <foxtrot/core/live_object.hpp>
#include <foxtrot/net/task_name.hpp>

#include <asio/cancellation_signal.hpp>

#include <atomic>
#include <cstddef>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace foxtrot::inline v0::detail {

struct task_entry : private live_object<task_entry> {
  task_name name{""};
  asio::cancellation_signal signal;  // the task's frames point into it
  bool listed{false};
  unsigned owners{0};  // the task, while it is listed, and whoever is just cancelling it
  task_entry* previous{nullptr};
  task_entry* next{nullptr};
};

// The live tasks of one scope, in the order of their start. An entry that is free again serves the next task, so that
// one costs no allocation. Loop thread only, but for `size` and `names`.
class task_list {
 public:
  task_list() = default;
  task_list(const task_list&) = delete;
  task_list& operator=(const task_list&) = delete;
  ~task_list() {
    while (spare_ != nullptr) delete std::exchange(spare_, spare_->next);
  }

  [[nodiscard]] task_entry* add(task_name name) {
    task_entry* const added = take_spare();
    added->name = std::move(name);
    added->listed = true;
    added->owners = 1;
    added->next = nullptr;
    const std::lock_guard lock{mutex_};
    added->previous = last_;
    (last_ != nullptr ? last_->next : first_) = added;
    last_ = added;
    count(1);
    return added;
  }

  /// The task has ended. Whether it was the last.
  bool remove(task_entry* entry) {
    std::size_t left = 0;
    {
      const std::lock_guard lock{mutex_};
      (entry->next != nullptr ? entry->next->previous : last_) = entry->previous;
      (entry->previous != nullptr ? entry->previous->next : first_) = entry->next;
      left = count(-std::size_t{1});
    }
    entry->listed = false;
    release(entry);
    return left == 0;
  }

  void cancel_all() {
    // A signal may end any of them at once, or start others: who is there now, is asked, and stays until then.
    std::vector<task_entry*> asked;
    asked.reserve(size());
    for (task_entry* entry = first_; entry != nullptr; entry = entry->next) {
      ++entry->owners;
      asked.push_back(entry);
    }
    for (task_entry* entry : asked) {
      if (entry->listed) entry->signal.emit(asio::cancellation_type::terminal);
      release(entry);
    }
  }

  [[nodiscard]] std::size_t size() const noexcept { return size_.load(std::memory_order_acquire); }
  [[nodiscard]] std::vector<std::string> names() const {
    const std::lock_guard lock{mutex_};
    std::vector<std::string> all;
    for (const task_entry* entry = first_; entry != nullptr; entry = entry->next) all.emplace_back(entry->name.view());
    return all;
  }

 private:
  static constexpr std::size_t most_spares = 64;

  [[nodiscard]] task_entry* take_spare() {
    if (spare_ == nullptr) return new task_entry;
    --spares_;
    return std::exchange(spare_, spare_->next);
  }
  std::size_t count(std::size_t change) noexcept {
    // under the mutex; release: whoever reads that none is left sees what they did
    const std::size_t now = size_.load(std::memory_order_relaxed) + change;
    size_.store(now, std::memory_order_release);
    return now;
  }
  // Its signal keeps the memory that the next task's needs.
  void release(task_entry* entry) {
    if (--entry->owners != 0) return;
    if (spares_ == most_spares) return delete entry;
    entry->next = std::exchange(spare_, entry);
    ++spares_;
  }

  mutable std::mutex mutex_;  // only the loop thread writes; others read under it
  task_entry* first_{nullptr};
  task_entry* last_{nullptr};
  std::atomic<std::size_t> size_{0};
  task_entry* spare_{nullptr};
  std::size_t spares_{0};
};

}  // namespace foxtrot::inline v0::detail
