// foxtrot/queue/ends.hpp: what makes a queue's two ends, so that any queue fits where one is asked for, and how to
// wait.
#pragma once

#include <foxtrot/queue/idle_strategy.hpp>

#include <concepts>
#include <cstddef>
#include <stop_token>

namespace foxtrot::inline v0 {

/// Where items go in. `try_push` never waits; it is false where the queue is full, and the item is then untouched.
template <class Queue>
concept producer_end =
    requires { typename Queue::value_type; } && requires(Queue& queue, const typename Queue::value_type& item) {
      { queue.try_push(item) } -> std::same_as<bool>;
    };

/// Where items come out, in the order of each producer. `try_pop` never waits; it is false where the queue is empty.
template <class Queue>
concept consumer_end =
    requires { typename Queue::value_type; } && requires(Queue& queue, typename Queue::value_type& item) {
      { queue.try_pop(item) } -> std::same_as<bool>;
    };

/// A consumer's end that hands over several items at once, in place where it can.
template <class Queue>
concept batch_consumer_end =
    consumer_end<Queue> && requires(Queue& queue, std::size_t max, void (*visit)(const typename Queue::value_type&)) {
      { queue.consume(max, visit) } -> std::same_as<std::size_t>;
    };

/// Puts `item` in, waiting for room as `waiting` does. False where the stop came first; nothing is in then. A strategy
/// that sleeps needs somebody to wake its spot, at a stop as well.
template <producer_end Queue, idle_strategy Idle>
[[nodiscard]] bool push_waiting(Queue& queue, const typename Queue::value_type& item, Idle& waiting,
                                const std::stop_token& stop) {
  while (!queue.try_push(item)) {
    if (stop.stop_requested()) {
      waiting.reset();
      return false;
    }
    waiting.idle(0);
  }
  waiting.idle(1);
  return true;
}

/// Takes the next item out, waiting for one as `waiting` does. False where the stop came first and nothing is there.
template <consumer_end Queue, idle_strategy Idle>
[[nodiscard]] bool pop_waiting(Queue& queue, typename Queue::value_type& item, Idle& waiting,
                               const std::stop_token& stop) {
  while (!queue.try_pop(item)) {
    if (stop.stop_requested()) {
      waiting.reset();
      return false;
    }
    waiting.idle(0);
  }
  waiting.idle(1);
  return true;
}

}  // namespace foxtrot::inline v0
