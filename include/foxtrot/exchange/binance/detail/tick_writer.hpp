// foxtrot/exchange/binance/detail/tick_writer.hpp: what messages said, as records in the feed's queues.
#pragma once

#include <foxtrot/core/error.hpp>
#include <foxtrot/exchange/binance/detail/body_readers.hpp>
#include <foxtrot/exchange/binance/detail/shapes.hpp>
#include <foxtrot/feed/publisher.hpp>
#include <foxtrot/market/aggregate_trade.hpp>
#include <foxtrot/market/average_price.hpp>
#include <foxtrot/market/book_ticker.hpp>
#include <foxtrot/market/depth.hpp>
#include <foxtrot/market/kinds.hpp>
#include <foxtrot/market/reference_price.hpp>
#include <foxtrot/market/symbol.hpp>
#include <foxtrot/market/tick.hpp>
#include <foxtrot/market/time_offset.hpp>
#include <foxtrot/market/trade.hpp>
#include <foxtrot/market/unknown_event.hpp>
#include <foxtrot/market/venue_time.hpp>
#include <foxtrot/market/wide_tick.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string_view>

namespace foxtrot::inline v0::binance::detail {

/// Where the ticks of one message go, and what all of them share.
class tick_writer {
 public:
  /// `stream` is that of the combined form, else empty; `asked` the symbol that was asked for over HTTP, else empty.
  tick_writer(publisher::batch& out, tick_tag tag, std::int64_t received_ns, std::string_view stream,
              std::string_view asked) noexcept
      : out_{out}, stream_{stream}, asked_{asked}, received_ns_{received_ns}, tag_{tag} {}

  [[nodiscard]] errc write(const book_ticker_fields& said) const {
    symbol_id symbol{};
    if (const errc bad = find(said.symbol, symbol); bad != errc::none) return bad;
    auto& record = out_.begin().payload->emplace<book_ticker_record>();
    record = {said.update_id,
              said.bid_price,
              said.bid_quantity,
              said.ask_price,
              said.ask_quantity,
              received_ns_,
              offset_of(said.transaction_us),
              symbol,
              said.price_exponent,
              said.quantity_exponent};
    publish(tick_kind::book_ticker, 0, symbol);
    return errc::none;
  }

  [[nodiscard]] errc write(const trade_fields& said, tick_kind kind = tick_kind::trade) const {
    symbol_id symbol{};
    if (const errc bad = find(said.symbol, symbol); bad != errc::none) return bad;
    auto& record = out_.begin().payload->emplace<trade_record>();
    record = {said.trade_id,
              said.price,
              said.quantity,
              0,
              offset_of(said.trade_us),
              0,
              received_ns_,
              offset_of(said.event_us),
              symbol,
              said.price_exponent,
              said.quantity_exponent};
    publish(kind, said.buyer_is_maker ? trade::buyer_is_maker_flag : std::uint8_t{0}, symbol);
    return errc::none;
  }

  /// Into the draft that holds the levels already.
  [[nodiscard]] errc write(const depth_fields& said, const publisher::batch::draft& draft) const {
    // the futures send their partial books in the shape of updates: only the stream tells
    const bool update = said.is_update && !is_partial_book();
    symbol_id symbol{};
    if (const errc bad = find(said.symbol, symbol); bad != errc::none) return bad;
    auto& record = draft.payload->emplace<depth_record>();
    record = {said.first_id,
              said.last_id,
              said.previous_id,
              0,
              static_cast<std::uint16_t>(said.bids),
              static_cast<std::uint16_t>(said.asks),
              offset_of(said.transaction_us),
              received_ns_,
              offset_of(said.event_us),
              symbol,
              said.price_exponent,
              said.quantity_exponent};
    publish(update ? tick_kind::depth_update : tick_kind::depth_snapshot,
            said.has_previous_id ? depth_update::previous_id_flag : std::uint8_t{0}, symbol,
            std::size_t{said.bids} + said.asks);
    return errc::none;
  }

  [[nodiscard]] errc write(const aggregate_trade_fields& said) const {
    symbol_id symbol{};
    std::uint64_t count = 0;
    if (const errc bad = find(said.symbol, symbol); bad != errc::none) return bad;
    if (__builtin_sub_overflow(said.last_trade_id, said.first_trade_id, &count) || ++count > most_trades)
      return errc::number_out_of_range;
    auto& record = out_.begin().payload->emplace<aggregate_trade_record>();
    record = {said.aggregate_id,
              said.price,
              said.quantity,
              said.first_trade_id,
              offset_of(said.trade_us),
              static_cast<std::uint32_t>(count),
              received_ns_,
              offset_of(said.event_us),
              symbol,
              said.price_exponent,
              said.quantity_exponent};
    publish(tick_kind::aggregate_trade, said.buyer_is_maker ? aggregate_trade::buyer_is_maker_flag : std::uint8_t{0},
            symbol);
    return errc::none;
  }

  [[nodiscard]] errc write(const average_price_fields& said) const {
    symbol_id symbol{};
    if (const errc bad = find(said.symbol, symbol); bad != errc::none) return bad;
    auto& record = out_.begin().payload->emplace<average_price_record>();
    record = {};
    record.price = said.price;
    record.last_trade = venue_time{said.last_trade_us};
    record.interval_minutes = said.interval_minutes;
    record.received_ns = received_ns_;
    record.event_time = offset_of(said.event_us);
    record.symbol = symbol;
    record.price_exponent = said.price_exponent;
    publish(tick_kind::average_price, 0, symbol);
    return errc::none;
  }

  [[nodiscard]] errc write(const reference_price_fields& said) const {
    symbol_id symbol{};
    if (const errc bad = find(said.symbol, symbol); bad != errc::none) return bad;
    auto& record = out_.begin().payload->emplace<reference_price_record>();
    record = {};
    record.price = said.price;
    record.received_ns = received_ns_;
    record.event_time = offset_of(said.time_us);
    record.symbol = symbol;
    record.price_exponent = said.price_exponent;
    publish(tick_kind::reference_price, said.has_price ? reference_price::has_price_flag : std::uint8_t{0}, symbol);
    return errc::none;
  }

  [[nodiscard]] errc write(const mark_price_fields& said) const {
    return write(tick_kind::mark_price, said.symbol, said.event_us, body_of(said));
  }

  /// A tick of more than one line.
  template <wide_body Body>
  [[nodiscard]] errc write(tick_kind kind, std::string_view name, std::int64_t event_us, const Body& body) const {
    symbol_id symbol{};
    if (const errc bad = find(name, symbol); bad != errc::none) return bad;
    const publisher::batch::draft draft = out_.begin(units_of<Body>);
    write_body(draft.levels, body);
    draft.payload->emplace<wide_record>() = make_wide_record<Body>(received_ns_, offset_of(event_us), symbol);
    publish(kind, 0, symbol, units_of<Body>);
    return errc::none;
  }

  /// A whole message as it came; `name` is its event's, a part of it, or empty. Only where somebody wants it: in the
  /// ring that all share, long texts would push out the levels of others.
  void write_unknown(std::string_view message, std::string_view name, std::int64_t event_us) const {
    if (message.size() > unknown_event::longest_text) return;
    if (!out_.wants(tick_kind::unknown_event)) {
      return out_.counters().ticks[static_cast<std::size_t>(tick_kind::unknown_event)].add();
    }
    const std::size_t units = unknown_event::units_for(message);
    const publisher::batch::draft draft = out_.begin(units);
    auto& record = draft.payload->emplace<unknown_record>();
    record = unknown_event::write(draft.levels, message, name);
    record.received_ns = received_ns_;
    record.event_time = offset_of(event_us);
    publish(tick_kind::unknown_event, 0, symbol_id::none, units);
  }

  /// The symbol of a message that names this one, or none: then its stream does, or whoever asked for it.
  [[nodiscard]] errc find(std::string_view name, symbol_id& symbol) const {
    if (!name.empty()) [[likely]]
      return intern(name, symbol);
    if (!asked_.empty()) return intern(asked_, symbol);
    const std::size_t end = stream_.find('@');
    if (end == std::string_view::npos || stream_.front() == '!') return errc::missing_field;
    const std::string_view lower = stream_.substr(0, end);
    std::array<char, symbol_table::longest_name> upper{};
    if (lower.empty()) return errc::missing_field;
    if (lower.size() > upper.size()) return errc::number_out_of_range;
    for (std::size_t i = 0; i < lower.size(); ++i) {
      upper[i] = lower[i] >= 'a' && lower[i] <= 'z' ? static_cast<char>(lower[i] - 'a' + 'A') : lower[i];
    }
    return intern({upper.data(), lower.size()}, symbol);
  }

 private:
  static constexpr std::uint64_t most_trades = std::numeric_limits<std::uint32_t>::max();

  [[nodiscard]] errc intern(std::string_view name, symbol_id& symbol) const {
    symbol = out_.symbols().find(name);  // for each tick: intern() is a call, and a result in memory
    return symbol != symbol_id::none ? errc::none : learn(name, symbol);
  }
  [[nodiscard, gnu::noinline]] errc learn(std::string_view name, symbol_id& symbol) const {
    const auto id = out_.symbols().intern(name);
    if (!id) return id.error() == errc::symbol_table_full ? errc::symbol_table_full : errc::malformed_message;
    symbol = *id;
    return errc::none;
  }

  [[nodiscard]] time_offset offset_of(std::int64_t venue_us) const noexcept {
    if (venue_us == no_time) return {};
    const time_offset made = time_offset::between(received_ns_, venue_us);
    if (!made.present()) [[unlikely]]
      out_.counters().absent_times.add();
    return made;
  }

  // <symbol>@depth5, @depth10, @depth20
  [[nodiscard]] bool is_partial_book() const noexcept {
    constexpr std::string_view mark = "@depth";
    const std::size_t at = stream_.find(mark);
    return at != std::string_view::npos && at + mark.size() < stream_.size() && stream_[at + mark.size()] >= '0' &&
           stream_[at + mark.size()] <= '9';
  }

  void publish(tick_kind kind, std::uint8_t flags, symbol_id symbol, std::size_t body = 0) const {
    tick_tag tag = tag_;
    tag.kind = kind;
    tag.flags = flags;
    out_.publish(tag, symbol, body);
  }

  publisher::batch& out_;
  std::string_view stream_;
  std::string_view asked_;
  std::int64_t received_ns_;
  tick_tag tag_;
};

}  // namespace foxtrot::inline v0::binance::detail
