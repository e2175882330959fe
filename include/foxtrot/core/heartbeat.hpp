// foxtrot/core/heartbeat.hpp: how a thread shows that it still gets on with its work, and at what.
#pragma once

#include <foxtrot/core/cpu.hpp>

#include <atomic>
#include <cstdint>
#include <utility>

namespace foxtrot::inline v0 {

/// One cache line that a thread writes and a monitor reads. A beat is one plain store: no lock, no system call, no
/// read-modify-write. Beats, waits and scopes belong to the thread that owns it; `read` may be called from any.
class alignas(cache_line) heartbeat {
 public:
  /// What a monitor sees. Two readings with the same `beats` and without `waiting`: no progress between them.
  struct reading {
    std::uint64_t beats{0};
    bool waiting{false};         ///< silence is expected: it sleeps until somebody has work for it
    const char* scope{nullptr};  ///< the innermost watch_scope; null outside of all
  };

  heartbeat() = default;
  heartbeat(const heartbeat&) = delete;
  heartbeat& operator=(const heartbeat&) = delete;
  ~heartbeat() = default;

  void beat() noexcept { publish(word_.load(std::memory_order_relaxed) + one_beat); }
  /// From here to the next set_waiting(false) no beat is expected. Counts as a beat, either way. Returns what it was.
  bool set_waiting(bool waits) noexcept {
    const std::uint64_t word = word_.load(std::memory_order_relaxed);
    publish(((word + one_beat) & ~waiting_bit) | (waits ? waiting_bit : 0));
    return (word & waiting_bit) != 0;
  }
  /// A text that lives as long as the process, best a literal; returns the one before.
  const char* set_scope(const char* name) noexcept {
    const char* const before = scope_.load(std::memory_order_relaxed);
    scope_.store(name, std::memory_order_relaxed);
    return before;
  }

  /// Any thread. The parts may be of different moments, as a monitor can bear.
  [[nodiscard]] reading read() const noexcept {
    const std::uint64_t word = word_.load(std::memory_order_relaxed);
    return {word / one_beat, (word & waiting_bit) != 0, scope_.load(std::memory_order_relaxed)};
  }

  /// The calling thread's own; null where nobody watches it.
  [[nodiscard]] static heartbeat* of_this_thread() noexcept { return current_; }

  class adopted;

 private:
  static constexpr std::uint64_t waiting_bit = 1;
  static constexpr std::uint64_t one_beat = 2;

  // relaxed throughout: each word stands alone, nothing is published with it
  void publish(std::uint64_t word) noexcept { word_.store(word, std::memory_order_relaxed); }

  std::atomic<std::uint64_t> word_{0};  // beats, and whether the thread waits
  std::atomic<const char*> scope_{nullptr};

  [[gnu::visibility("default")]] static inline constinit thread_local heartbeat* current_ = nullptr;
};

/// Makes a heartbeat the calling thread's own while it lives; the one before comes back after it.
class heartbeat::adopted {
 public:
  explicit adopted(heartbeat& mine) noexcept : before_{std::exchange(current_, &mine)} {}
  adopted(const adopted&) = delete;
  adopted& operator=(const adopted&) = delete;
  ~adopted() { current_ = before_; }

 private:
  heartbeat* before_;
};

/// A beat of the calling thread; nothing where nobody watches it.
inline void beat() noexcept {
  if (heartbeat* const mine = heartbeat::of_this_thread()) mine->beat();
}

/// While it lives, silence of the calling thread is no stall: it sleeps until somebody has work for it. They nest.
class expected_silence {
 public:
  expected_silence() noexcept : mine_{heartbeat::of_this_thread()} {
    if (mine_ != nullptr) before_ = mine_->set_waiting(true);
  }
  expected_silence(const expected_silence&) = delete;
  expected_silence& operator=(const expected_silence&) = delete;
  ~expected_silence() {
    if (mine_ != nullptr) mine_->set_waiting(before_);
  }

 private:
  heartbeat* mine_;
  bool before_{false};
};

/// Names what the calling thread is about while it lives: a monitor that finds it stuck says so. They nest.
class watch_scope {
 public:
  /// `name` must outlive the process's last look at it: a literal.
  explicit watch_scope(const char* name) noexcept : mine_{heartbeat::of_this_thread()} {
    if (mine_ != nullptr) before_ = mine_->set_scope(name);
  }
  watch_scope(const watch_scope&) = delete;
  watch_scope& operator=(const watch_scope&) = delete;
  ~watch_scope() {
    if (mine_ != nullptr) mine_->set_scope(before_);
  }

 private:
  heartbeat* mine_;
  const char* before_{nullptr};
};

}  // namespace foxtrot::inline v0
