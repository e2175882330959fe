// foxtrot/thread/detail/watched_entry.hpp: one thread on a monitor's list, and the list itself.
#pragma once

#include <foxtrot/core/clock.hpp>
#include <foxtrot/core/heartbeat.hpp>
#include <foxtrot/core/live_object.hpp>
#include <foxtrot/thread/detail/thread_usage.hpp>
#include <foxtrot/thread/thread_event.hpp>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace foxtrot::inline v0::detail {

/// What is known of one thread. Guarded by its list's mutex.
class watched_entry : private live_object<watched_entry> {
 public:
  watched_entry(std::uint64_t number, std::string text, std::shared_ptr<heartbeat> beats,
                std::chrono::nanoseconds limit, bool returns, steady_time now)
      : id{number},
        name{std::move(text)},
        pulse{std::move(beats)},
        threshold{limit},
        may_return{returns},
        beats_{pulse->read().beats},
        since_{now} {}

  const std::uint64_t id;
  const std::string name;
  const std::shared_ptr<heartbeat> pulse;
  const std::chrono::nanoseconds threshold;
  const bool may_return;

  thread_identity system;
  bool ended{false};
  bool crashed{false};

  /// One look. `unseen` is time in which nobody could have looked: the monitor itself did not get on, so perhaps nobody
  /// did. True where `event` has been filled in.
  [[nodiscard]] bool look(steady_time now, std::chrono::nanoseconds unseen, thread_event& event) {
    if (ended) return false;
    const heartbeat::reading read = pulse->read();
    if (read.beats != beats_ || read.waiting) {
      const auto silent = now - since_;
      if (!waited_) note_loop(silent);
      beats_ = read.beats;
      waited_ = read.waiting;
      since_ = now;
      scope_ = read.scope;
      if (!std::exchange(stalled_, false)) return false;
      event = make(thread_event_kind::recovered);
      event.scope = text_of(stuck_in_);
      event.silent_for = silent;
      return true;
    }
    since_ += unseen;
    scope_ = read.scope;
    waited_ = false;
    note_loop(now - since_);
    if (stalled_ || now - since_ <= threshold) return false;
    stalled_ = true;
    ++stalls_;
    stuck_in_ = read.scope;
    event = make(thread_event_kind::stalled);
    event.scope = text_of(stuck_in_);
    event.silent_for = now - since_;
    return true;
  }

  [[nodiscard]] thread_event make(thread_event_kind kind) const {
    return {.kind = kind, .id = id, .name = name, .what = {}, .scope = {}, .silent_for = {}, .restarts = 0};
  }
  [[nodiscard]] bool is_well() const noexcept { return !stalled_ && !crashed; }

  [[nodiscard]] thread_report report() const {
    const heartbeat::reading read = pulse->read();
    thread_report made;
    made.id = id;
    made.name = name;
    made.state = crashed        ? thread_state::crashed
                 : ended        ? thread_state::finished
                 : stalled_     ? thread_state::stalled
                 : read.waiting ? thread_state::waiting
                                : thread_state::running;
    made.tid = system.tid;
    made.beats = read.beats;
    made.longest_loop = longest_;
    made.longest_scope = text_of(longest_scope_);
    made.stalls = stalls_;
    return made;
  }

 private:
  [[nodiscard]] static std::string text_of(const char* scope) { return scope != nullptr ? scope : ""; }

  void note_loop(std::chrono::nanoseconds took) noexcept {
    if (took <= longest_) return;
    longest_ = took;
    longest_scope_ = scope_;
  }

  std::uint64_t beats_;
  steady_time since_;  // when the last beat was seen, later by what went unseen
  const char* scope_{nullptr};
  const char* stuck_in_{nullptr};
  bool stalled_{false};
  bool waited_{false};  // at the last look
  std::uint64_t stalls_{0};
  std::chrono::nanoseconds longest_{0};
  const char* longest_scope_{nullptr};
};

/// Shared by a monitor, its registrations and the threads themselves, so that any of them may go first.
struct watch_list {
  std::mutex mutex;                   // guards all
  std::condition_variable something;  // news, or the end
  std::vector<std::shared_ptr<watched_entry>> entries;
  std::vector<thread_event> news;  // told by threads, not yet by the monitor
  std::uint64_t next_id{1};
  bool over{false};  // the monitor is gone: news are for nobody

  void tell(thread_event event) {
    {
      const std::lock_guard lock{mutex};
      if (over) return;
      news.push_back(std::move(event));
    }
    something.notify_one();
  }
  void remove(const std::shared_ptr<watched_entry>& entry) {
    const std::lock_guard lock{mutex};
    std::erase(entries, entry);
  }
};

}  // namespace foxtrot::inline v0::detail
