// bench/queue/subjects.hpp: the queues under one interface, each through the calls that its documentation names for it.
#pragma once

#include <foxtrot/queue/spsc_ring.hpp>
#include <queue/index_ring.hpp>

#include <concurrentqueue/concurrentqueue.h>
#if __has_include(<readerwriterqueue/readerwriterqueue.h>)
#include <readerwriterqueue/readerwriterqueue.h>
#endif
#if __has_include(<boost/lockfree/spsc_queue.hpp>)
#include <boost/lockfree/spsc_queue.hpp>
#endif

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>

namespace foxtrot_bench {

inline constexpr std::size_t capacity = 1024;  // of every queue
inline constexpr std::size_t batch = 64;       // about what one read of a socket holds in a burst

/// Says which subject is left out; the value means nothing.
inline bool skip(const char* subject, const char* package) {
  return std::fprintf(stderr, "no %s here (Debian: %s)\n", subject, package) > 0;
}

// Every subject has
//   bool push(const Item&), bool pop(Item&)                      one at a time; false: full, empty
//   std::size_t push_batch(std::uint64_t first, std::size_t n)   n <= batch items numbered from `first`: how many fit
//   std::size_t pop_batch(visit)                                 visit(const Item&) for some items: how many

template <class Item>
class foxtrot_subject {
 public:
  static constexpr const char* name = "foxtrot";

  bool push(const Item& value) noexcept { return ring_.try_push(value); }
  bool pop(Item& value) noexcept { return ring_.try_pop(value); }
  std::size_t push_batch(std::uint64_t first, std::size_t n) noexcept {
    const std::size_t count = std::min(ring_.free_lines(n), n);
    for (std::size_t i = 0; i < count; ++i) {
      ring_.try_claim()->set(first + i);
      ring_.publish();
    }
    return count;
  }
  template <class Visitor>
  std::size_t pop_batch(Visitor&& visit) {
    return ring_.consume(batch, visit);
  }

 private:
  foxtrot::spsc_ring<Item> ring_{capacity};
};

template <class Item>
class index_ring_subject {
 public:
  static constexpr const char* name = "index_ring";

  bool push(const Item& value) noexcept {
    return ring_.produce(1, [&](Item& to, std::size_t) { to = value; }) == 1;
  }
  bool pop(Item& value) noexcept {
    return ring_.consume(1, [&](const Item& from) { value = from; }) == 1;
  }
  std::size_t push_batch(std::uint64_t first, std::size_t n) noexcept {
    return ring_.produce(n, [&](Item& to, std::size_t i) { to.set(first + i); });
  }
  template <class Visitor>
  std::size_t pop_batch(Visitor&& visit) noexcept {
    return ring_.consume(batch, visit);
  }

 private:
  index_ring<Item> ring_{capacity};
};

template <class Item>
class moodycamel_subject {
 public:
  static constexpr const char* name = "moodycamel";

  bool push(const Item& value) { return queue_.try_enqueue(producer_, value); }
  bool pop(Item& value) { return queue_.try_dequeue(consumer_, value); }
  std::size_t push_batch(std::uint64_t first, std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) outgoing_[i].set(first + i);
    return queue_.try_enqueue_bulk(producer_, outgoing_.begin(), n) ? n : 0;
  }
  template <class Visitor>
  std::size_t pop_batch(Visitor&& visit) {
    const std::size_t count = queue_.try_dequeue_bulk(consumer_, incoming_.begin(), batch);
    for (std::size_t i = 0; i < count; ++i) visit(incoming_[i]);
    return count;
  }

 private:
  moodycamel::ConcurrentQueue<Item> queue_{capacity};
  moodycamel::ProducerToken producer_{queue_};
  moodycamel::ConsumerToken consumer_{queue_};
  alignas(foxtrot::cache_line) std::array<Item, batch> outgoing_{};
  alignas(foxtrot::cache_line) std::array<Item, batch> incoming_{};
};

#if __has_include(<readerwriterqueue/readerwriterqueue.h>)
/// It has no calls for batches: they go one by one.
template <class Item>
class readerwriterqueue_subject {
 public:
  static constexpr const char* name = "readerwriterqueue";

  bool push(const Item& value) { return queue_.try_enqueue(value); }
  bool pop(Item& value) { return queue_.try_dequeue(value); }
  std::size_t push_batch(std::uint64_t first, std::size_t n) {
    Item value;
    for (std::size_t i = 0; i < n; ++i) {
      value.set(first + i);
      if (!queue_.try_enqueue(value)) return i;
    }
    return n;
  }
  template <class Visitor>
  std::size_t pop_batch(Visitor&& visit) {
    std::size_t count = 0;
    for (const Item* oldest = nullptr; count < batch && (oldest = queue_.peek()) != nullptr; ++count) {
      visit(*oldest);
      queue_.pop();
    }
    return count;
  }

 private:
  moodycamel::ReaderWriterQueue<Item> queue_{capacity};
};
#else
inline const bool no_readerwriterqueue = skip("readerwriterqueue", "libreaderwriterqueue-dev");
#endif

#if __has_include(<boost/lockfree/spsc_queue.hpp>)
template <class Item>
class boost_spsc_subject {
 public:
  static constexpr const char* name = "boost_spsc";

  bool push(const Item& value) { return queue_.push(value); }
  bool pop(Item& value) { return queue_.pop(value); }
  std::size_t push_batch(std::uint64_t first, std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) outgoing_[i].set(first + i);
    return queue_.push(outgoing_.data(), n);
  }
  template <class Visitor>
  std::size_t pop_batch(Visitor&& visit) {
    return queue_.consume_all(visit);
  }

 private:
  boost::lockfree::spsc_queue<Item> queue_{capacity};
  alignas(foxtrot::cache_line) std::array<Item, batch> outgoing_{};
};
#else
inline const bool no_boost_spsc = skip("boost_spsc", "libboost1.74-dev");
#endif

/// Calls `add.operator()<Subject>()` for every queue that is here, but foxtrot's.
template <class Item, class Add>
void for_each_peer(Add&& add) {
  add.template operator()<moodycamel_subject<Item>>();
#if __has_include(<readerwriterqueue/readerwriterqueue.h>)
  add.template operator()<readerwriterqueue_subject<Item>>();
#endif
#if __has_include(<boost/lockfree/spsc_queue.hpp>)
  add.template operator()<boost_spsc_subject<Item>>();
#endif
  add.template operator()<index_ring_subject<Item>>();
}

/// The same with foxtrot's first.
template <class Item, class Add>
void for_each_subject(Add&& add) {
  add.template operator()<foxtrot_subject<Item>>();
  for_each_peer<Item>(add);
}

}  // namespace foxtrot_bench
