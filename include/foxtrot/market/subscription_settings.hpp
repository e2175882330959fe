// foxtrot/market/subscription_settings.hpp: what one consumer of a feed wants, and what a slow one does to whom.
#pragma once

#include <foxtrot/market/kinds.hpp>
#include <foxtrot/queue/idle.hpp>

#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <string>
#include <string_view>
#include <vector>

namespace foxtrot::inline v0 {

/// What happens to events for a consumer that does not keep up.
///
/// Under `conflate` it reads the latest of each symbol and kind, of klines and tickers the latest of each interval
/// and window, however late it comes. So a kline's last word, `closed`, may be overwritten by the next interval's
/// first, and of trades and liquidations it sees samples. Depth updates, being changes, never come, nor do unknown
/// events; they count as lost nowhere.
enum class overflow : std::uint8_t {
  drop_oldest,  ///< it reads the feed's one ring, which overwrites: losing much at once, it goes on with what is recent
  drop_newest,  ///< a queue of its own: what finds it full is lost
  block,     ///< a queue of its own, for which the network thread waits, and all of the feed: replays, tests, benches.
             ///< It goes on when a quarter has been read, or everything, or within a millisecond of any room
  conflate,  ///< a table of its own: the latest of each symbol and kind
};

[[nodiscard]] constexpr std::string_view to_string(overflow policy) noexcept {
  switch (policy) {
    case overflow::drop_oldest: return "drop_oldest";
    case overflow::drop_newest: return "drop_newest";
    case overflow::block: return "block";
    case overflow::conflate: return "conflate";
  }
  return "?";
}

/// What one consumer wants. The defaults want everything. Whatever is lost is counted and told in order, as status
/// `dropped`. Under drop_oldest no queue is its own, and what concerns one is ignored: see ring_settings.
struct subscription_settings {
  kind_set kinds{kind_set::all()};     ///< status events always come; unknown events only if named
  std::vector<std::string> symbols{};  ///< names as the venue writes them; empty: all
  overflow when_full{overflow::drop_oldest};
  std::size_t capacity{std::size_t{1} << 16};  ///< events in a queue of its own, a power of two; conflate: symbols
  /// Price levels of all waiting depth events in it together; other bodies count as a level for each 16 bytes, a ticker
  /// as 20. Under conflate books have that much room, and other bodies, of up to 20 each, as much again.
  std::size_t level_capacity{std::size_t{1} << 18};
  /// How the consumer waits when there is nothing. Under overflow::block, for throughput, idle::block first gives the
  /// core to whoever else wants it if 128 events were read since the last wait: on a core of its own that is nobody,
  /// else for a turn of the scheduler, which nothing ends early, no stop either. Not where the patience is less than
  /// 100 ms, and not where several subscriptions were merged.
  idle waiting{idle::block};
  /// For a queue of its own. Used by several threads, and until the feed has gone; null: the heap.
  std::pmr::memory_resource* memory{nullptr};
};

/// The ring that all drop_oldest consumers of a feed read.
struct ring_settings {
  std::size_t capacity{std::size_t{1} << 16};        ///< events; rounded up to a power of two
  std::size_t level_capacity{std::size_t{1} << 18};  ///< price levels and other bodies, as in subscription_settings
  /// Used by several threads, and until the feed and its consumers have gone; null: the heap.
  std::pmr::memory_resource* memory{nullptr};
};

namespace detail {

[[nodiscard]] inline std::pmr::memory_resource& memory_or_heap(std::pmr::memory_resource* memory) noexcept {
  return memory != nullptr ? *memory : *std::pmr::new_delete_resource();
}

}  // namespace detail
}  // namespace foxtrot::inline v0
