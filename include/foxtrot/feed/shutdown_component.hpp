// foxtrot/feed/shutdown_component.hpp: feeds as a component that a coordinator stops.
#pragma once

#include <foxtrot/thread/shutdown_coordinator.hpp>

#include <concepts>
#include <ranges>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace foxtrot::inline v0 {

/// What a coordinator needs to end a feed: politely, at once, and by name where it will not end.
template <class Feed>
concept stoppable_feed = requires(Feed& feed) {
  feed.start_disconnect();
  feed.disconnect();
  feed.abort();
  { feed.tasks() } -> std::convertible_to<std::vector<std::string>>;
};

namespace detail {

template <class View>
[[nodiscard]] registered_component add_feeds(shutdown_coordinator& coordinator, std::string name, View feeds) {
  const auto stop = [feeds]() mutable {
    for (auto& each : feeds) each.start_disconnect();
    for (auto& each : feeds) (void)each.disconnect();
  };
  const auto force = [feeds]() mutable {
    for (auto& each : feeds) each.abort();
  };
  const auto who = [feeds]() mutable {
    std::string all;
    for (auto& each : feeds) {
      for (const std::string& task : each.tasks()) all += (all.empty() ? "" : ", ") + task;
    }
    return all;
  };
  return coordinator.add(std::move(name), {.stop = stop, .force = force, .who = who});
}

}  // namespace detail

/// Registers several feeds as one component: they say goodbye at the same time in the graceful part of a shutdown, are
/// cut off in the forced one, and name their tasks in the last. The range and its feeds must live longer than the
/// handle.
template <std::ranges::forward_range Feeds>
  requires stoppable_feed<std::ranges::range_value_t<Feeds>>
[[nodiscard]] registered_component add_feeds(shutdown_coordinator& coordinator, std::string name, Feeds& feeds) {
  return detail::add_feeds(coordinator, std::move(name), std::ranges::ref_view{feeds});
}

/// The same for one.
template <stoppable_feed Feed>
[[nodiscard]] registered_component add_feed(shutdown_coordinator& coordinator, std::string name, Feed& feed) {
  return detail::add_feeds(coordinator, std::move(name), std::span<Feed, 1>{&feed, 1});
}

}  // namespace foxtrot::inline v0
