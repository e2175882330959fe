// foxtrot/feed/line_group.hpp: connections that carry the same streams, which consumers hear of as one.
#pragma once

#include <foxtrot/core/live_object.hpp>
#include <foxtrot/feed/line_arbiter.hpp>
#include <foxtrot/feed/session_group.hpp>

#include <cstddef>
#include <utility>

namespace foxtrot::inline v0 {

/// One member of a session_group, connected while one of its lines is: the loss of a line that another stands in for is
/// not told. Loop thread only.
class line_group : private live_object<line_group> {
 public:
  explicit line_group(session_group& feed) noexcept : feed_{feed} {}
  line_group(const line_group&) = delete;
  line_group& operator=(const line_group&) = delete;

  void join() noexcept {
    if (members_++ == 0 && !withdrawn_) feed_.join();
  }
  void leave() noexcept {
    if (--members_ == 0 && !withdrawn_) feed_.leave();
  }
  /// True where the feed is whole by that.
  [[nodiscard]] bool connected() noexcept { return ++up_ == 1 && !withdrawn_ && feed_.connected(); }
  /// True where that was the last line.
  [[nodiscard]] bool disconnected() noexcept {
    if (--up_ != 0 || withdrawn_) return false;
    feed_.disconnected();
    return true;
  }
  /// The feed does without these lines from now on: nothing about them is told any more.
  /// True where the rest of the feed is whole, which consumers do not know yet.
  [[nodiscard]] bool withdraw() noexcept {
    if (std::exchange(withdrawn_, true)) return false;
    if (up_ != 0) feed_.disconnected(false);
    if (members_ != 0) feed_.leave();
    return feed_.became_whole();
  }
  /// Consumers take the feed for connected.
  [[nodiscard]] bool announced() const noexcept { return feed_.announced(); }

  /// Lines that are connected.
  [[nodiscard]] std::size_t up() const noexcept { return up_; }

 private:
  session_group& feed_;
  std::size_t members_{0};
  std::size_t up_{0};
  bool withdrawn_{false};
};

/// Where a session stands among others.
struct line_place {
  line_group* group{nullptr};  ///< null: it is alone. Outlives the session.
  line_id line{no_line};       ///< as the publisher's arbiter knows it
  bool leads{true};            ///< its ticks without ids count, and it watches over the streams' ages
};

}  // namespace foxtrot::inline v0
