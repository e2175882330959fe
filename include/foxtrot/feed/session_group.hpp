// foxtrot/feed/session_group.hpp: the connections of one feed, which consumers hear of as one.
#pragma once

#include <foxtrot/core/live_object.hpp>

#include <cstddef>
#include <utility>

namespace foxtrot::inline v0 {

/// A feed that needs several connections is connected when all of them are. Each session says when it begins, connects,
/// is cut off and ends. Loop thread only.
class session_group : private live_object<session_group> {
 public:
  session_group() = default;
  session_group(const session_group&) = delete;
  session_group& operator=(const session_group&) = delete;

  void join() noexcept { ++members_; }
  void leave() noexcept { --members_; }
  /// True where the feed is whole now.
  [[nodiscard]] bool connected() noexcept {
    const bool whole = ++connected_ == members_;
    announced_ = announced_ || whole;
    return whole;
  }
  /// `told`: consumers hear of it.
  void disconnected(bool told = true) noexcept {
    --connected_;
    announced_ = announced_ && !told;
  }

  /// True where it is whole, and consumers do not know yet: they are to be told then.
  [[nodiscard]] bool became_whole() noexcept { return whole() && !std::exchange(announced_, true); }
  [[nodiscard]] bool whole() const noexcept { return members_ != 0 && connected_ == members_; }
  /// Consumers take it for connected.
  [[nodiscard]] bool announced() const noexcept { return announced_; }
  /// Connections that there are.
  [[nodiscard]] std::size_t up() const noexcept { return connected_; }

 private:
  std::size_t members_{0};
  std::size_t connected_{0};
  bool announced_{false};
};

}  // namespace foxtrot::inline v0
