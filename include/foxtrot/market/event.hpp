// foxtrot/market/event.hpp: the next thing a strategy is told: a tick or a status.
#pragma once

#include <foxtrot/market/aggregate_trade.hpp>
#include <foxtrot/market/average_price.hpp>
#include <foxtrot/market/block_trade.hpp>
#include <foxtrot/market/book_ticker.hpp>
#include <foxtrot/market/depth.hpp>
#include <foxtrot/market/kinds.hpp>
#include <foxtrot/market/kline.hpp>
#include <foxtrot/market/liquidation.hpp>
#include <foxtrot/market/mark_price.hpp>
#include <foxtrot/market/mini_ticker.hpp>
#include <foxtrot/market/reference_price.hpp>
#include <foxtrot/market/status.hpp>
#include <foxtrot/market/symbol.hpp>
#include <foxtrot/market/ticker.hpp>
#include <foxtrot/market/time_offset.hpp>
#include <foxtrot/market/trade.hpp>
#include <foxtrot/market/unknown_event.hpp>

#include <chrono>
#include <concepts>
#include <cstddef>
#include <new>
#include <span>
#include <type_traits>

namespace foxtrot::inline v0 {

template <std::size_t Levels>
class basic_stored_event;

/// The payload of every line: one of the records, as its tag says.
struct tick_payload {
  alignas(std::uint64_t) std::byte bytes[line_payload_bytes];

  /// Starts a record here; its fields are the caller's to fill.
  template <tick_record Record>
  [[nodiscard]] Record& emplace() noexcept {
    return *::new (static_cast<void*>(bytes)) Record;
  }
  template <tick_record Record>
  [[nodiscard]] Record& as() noexcept {
    return *std::launder(reinterpret_cast<Record*>(bytes));
  }
  template <tick_record Record>
  [[nodiscard]] const Record& as() const noexcept {
    return *std::launder(reinterpret_cast<const Record*>(bytes));
  }
};
static_assert(line_payload<tick_payload> && sizeof(tick_payload) == line_payload_bytes);

/// One event, in place in its queue: valid until the next one is taken, and so not copyable. What `visit` hands out may
/// be copied, except the levels of depth events and unknown events; the whole event as a stored_event.
class event {
 public:
  event(const tick_payload& payload, line_tag tag, std::span<const raw_level> body,
        const symbol_table& symbols) noexcept
      : payload_{&payload}, body_{body}, symbols_{&symbols}, tag_{tag} {}
  event(const event&) = delete;
  event& operator=(const event&) = delete;

  [[nodiscard]] tick_kind kind() const noexcept { return tick_tag::kind_of(tag_); }
  /// As tick::received.
  [[nodiscard]] timestamp received() const noexcept {
    return timestamp{std::chrono::nanoseconds{payload_->as<status_record>().received_ns}};  // all have it there
  }

  /// Calls the first handler that takes this kind of event, if there is one. One must take `const status&`: a strategy
  /// that is not told of a lost connection trades on stale prices.
  // Not inlined: g++ compiles what runs once, main() above all, for size, and handlers that are inlined there with it.
  template <class... Handlers>
  [[gnu::noinline]] void visit(Handlers&&... handlers) const {
    static_assert(sizeof...(Handlers) != 0, "visit needs a handler, of const foxtrot::status& at least");
    switch (kind()) {
      case tick_kind::status: return give<status>(handlers...);
      case tick_kind::book_ticker: return give<book_ticker>(handlers...);
      case tick_kind::trade: return give<trade>(handlers...);
      case tick_kind::depth_update: return give<depth_update>(handlers...);
      case tick_kind::depth_snapshot: return give<depth_snapshot>(handlers...);
      case tick_kind::aggregate_trade: return give<aggregate_trade>(handlers...);
      case tick_kind::block_trade: return give<block_trade>(handlers...);
      case tick_kind::kline: return give<kline>(handlers...);
      case tick_kind::mini_ticker: return give<mini_ticker>(handlers...);
      case tick_kind::ticker: return give<ticker>(handlers...);
      case tick_kind::average_price: return give<average_price>(handlers...);
      case tick_kind::reference_price: return give<reference_price>(handlers...);
      case tick_kind::mark_price: return give<mark_price>(handlers...);
      case tick_kind::liquidation: return give<liquidation>(handlers...);
      case tick_kind::unknown_event: return give<unknown_event>(handlers...);
    }
  }

 private:
  template <class Tick, class Handler, class... Others>
  void give(Handler& handler, Others&... others) const {
    if constexpr (requires(const Tick& made) { handler(made); }) {
      const Tick made = make<Tick>();
      handler(made);
    } else if constexpr (sizeof...(Others) != 0) {
      give<Tick>(others...);  // handlers after the first that fits are not even looked at
    } else {
      static_assert(!std::is_same_v<Tick, status>,
                    "visit needs a handler for const foxtrot::status&: without it a strategy acts on stale prices");
    }
  }
  template <class Tick>
  [[nodiscard]] Tick make() const noexcept {
    const auto& record = payload_->as<typename Tick::record_type>();
    const tick_tag tag = tick_tag::unpack(tag_);
    if constexpr (requires { Tick{record, body_, tag, *symbols_}; }) {
      return {record, body_, tag, *symbols_};
    } else {
      return {record, tag, *symbols_};
    }
  }

  template <std::size_t Levels>
  friend class basic_stored_event;

  const tick_payload* payload_;
  std::span<const raw_level> body_;
  const symbol_table* symbols_;
  line_tag tag_;
};

/// What a consumer gives to poll(): called once per event.
template <class H>
concept event_handler = std::invocable<H&, const event&>;

}  // namespace foxtrot::inline v0
