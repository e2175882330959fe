// foxtrot/exchange/binance/codec.hpp: the venue's JSON, as ticks.
#pragma once

#include <foxtrot/core/error.hpp>
#include <foxtrot/exchange/binance/fields.hpp>
#include <foxtrot/exchange/binance/market.hpp>
#include <foxtrot/exchange/binance/message_scanner.hpp>
#include <foxtrot/feed/protocol.hpp>
#include <foxtrot/feed/publisher.hpp>
#include <foxtrot/market/level_builder.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace foxtrot::inline v0::binance {

/// Reads one message at a time and publishes what it holds. Accepts the shapes of spot and USD-M in any key order,
/// alone or in the combined form {"stream":..,"data":..}. Needs 64 readable bytes after each message. Allocates nothing
/// once it has seen the largest message. One thread.
class codec {
 public:
  explicit codec(market where) : tag_{.where = venue_of(where)} {}
  codec(const codec&) = delete;
  codec& operator=(const codec&) = delete;

  /// One WebSocket text message, received at `received_ns` on epoch_clock.
  message_type decode(std::string_view message, std::int64_t received_ns, publisher::batch& out) {
    return decode(message, received_ns, source::websocket, {}, out);
  }

  /// The body of GET depth for `symbol`: a depth snapshot.
  message_type decode_depth(std::string_view body, std::string_view symbol, std::int64_t received_ns,
                            publisher::batch& out) {
    return decode(body, received_ns, source::http, symbol, out);
  }

  [[nodiscard]] const control_answer& last_answer() const noexcept { return answer_; }
  [[nodiscard]] errc last_error() const noexcept { return error_; }
  /// The name of the last event, of whatever kind; valid until the next message.
  [[nodiscard]] std::string_view last_event() const noexcept { return event_; }
  /// The stream that the last message came on; empty in raw form. Valid until the next message.
  [[nodiscard]] std::string_view last_stream() const noexcept { return found_.stream; }

 private:
  using field = detail::field;

  message_type decode(std::string_view message, std::int64_t received_ns, source how, std::string_view symbol,
                      publisher::batch& out) {
    received_ns_ = received_ns;
    tag_.how = how;
    symbol_ = symbol;
    event_ = {};
    error_ = scanner_.scan(message, out);
    if (error_ != errc::none) return message_type::rejected;
    return interpret(out);
  }

  [[nodiscard]] message_type interpret(publisher::batch& out) {
    if (found_.is_answer || (found_.scalars.has(field::code) && found_.scalars.has(field::message)))
      return interpret_answer();
    errc bad = errc::none;
    if (!found_.scalars.has(detail::letter('e'))) {
      if (found_.has_bids && found_.has_asks) {
        bad = publish_depth(tick_kind::depth_snapshot, out);
      } else if (found_.scalars.has(detail::letter('u')) && found_.scalars.has(detail::letter('B'))) {
        bad = publish_book_ticker(out);
      } else {
        return message_type::unknown;
      }
    } else {
      bad = found_.scalars.text(detail::letter('e'), event_);
      if (event_ == "bookTicker") {
        bad = publish_book_ticker(out);
      } else if (event_ == "trade") {
        bad = publish_trade(out);
      } else if (event_ == "depthUpdate") {
        bad = publish_depth(is_partial_book() ? tick_kind::depth_snapshot : tick_kind::depth_update, out);
      } else if (event_ == "serverShutdown") {
        return message_type::shutdown;
      } else if (bad == errc::none) {
        return message_type::unknown;
      }
    }
    error_ = bad;
    return bad == errc::none ? message_type::tick : message_type::rejected;
  }

  [[nodiscard]] message_type interpret_answer() {
    answer_ = {};
    std::string_view text;
    if (found_.scalars.number(field::id, answer_.id) != errc::none) answer_.id = -1;
    if (found_.scalars.text(field::message, text) == errc::none) answer_.error = text;
    const bool coded = found_.scalars.number(field::code, answer_.error_code) == errc::none;
    if ((coded || found_.is_error) && answer_.error.empty()) answer_.error = "error";
    return message_type::answer;
  }

  [[nodiscard]] errc publish_book_ticker(publisher::batch& out) {
    std::array<decimal, 2> prices;
    std::array<decimal, 2> quantities;
    std::uint64_t update_id = 0;
    symbol_id symbol{};
    time_offset transaction_time;
    errc bad = errc::none;
    const auto read = [&bad](errc outcome) { return (bad = outcome) == errc::none; };
    if (!(read(found_.scalars.number(detail::letter('u'), update_id)) &&
          read(found_.scalars.amount(detail::letter('b'), prices[0])) &&
          read(found_.scalars.amount(detail::letter('B'), quantities[0])) &&
          read(found_.scalars.amount(detail::letter('a'), prices[1])) &&
          read(found_.scalars.amount(detail::letter('A'), quantities[1])) && read(symbol_of(out, symbol)) &&
          read(optional_time('T', transaction_time, out)))) {
      return bad;
    }
    std::array<raw_level, 2> sides{};
    level_builder both{sides};
    if (!(read(both.add(prices[0], quantities[0])) && read(both.add(prices[1], quantities[1])))) return bad;
    auto& record = out.begin().payload->emplace<book_ticker_record>();
    record = {update_id,
              sides[0].price,
              sides[0].quantity,
              sides[1].price,
              sides[1].quantity,
              received_ns_,
              transaction_time,
              symbol,
              both.price_exponent(),
              both.quantity_exponent()};
    publish(out, tick_kind::book_ticker, 0, symbol, 0);
    return errc::none;
  }

  [[nodiscard]] errc publish_trade(publisher::batch& out) {
    decimal price;
    decimal quantity;
    std::uint64_t trade_id = 0;
    bool buyer_is_maker = false;
    symbol_id symbol{};
    time_offset event_time;
    time_offset trade_time;
    errc bad = errc::none;
    const auto read = [&bad](errc outcome) { return (bad = outcome) == errc::none; };
    if (!(read(found_.scalars.number(detail::letter('t'), trade_id)) &&
          read(found_.scalars.amount(detail::letter('p'), price)) &&
          read(found_.scalars.amount(detail::letter('q'), quantity)) &&
          read(found_.scalars.boolean(detail::letter('m'), buyer_is_maker)) && read(symbol_of(out, symbol)) &&
          read(time('E', event_time, out)) && read(time('T', trade_time, out)))) {
      return bad;
    }
    auto& record = out.begin().payload->emplace<trade_record>();
    record = {trade_id,
              price.mantissa(),
              quantity.mantissa(),
              0,
              trade_time,
              0,
              received_ns_,
              event_time,
              symbol,
              static_cast<std::int8_t>(price.exponent()),
              static_cast<std::int8_t>(quantity.exponent())};
    publish(out, tick_kind::trade, buyer_is_maker ? trade::buyer_is_maker_flag : std::uint8_t{0}, symbol, 0);
    return errc::none;
  }

  [[nodiscard]] errc publish_depth(tick_kind kind, publisher::batch& out) {
    constexpr std::size_t most_levels = 65'535;
    const bool futures_book =
        found_.scalars.has(detail::letter('u'));  // a partial book of the futures counts like an update
    std::uint64_t first_id = 0;
    std::uint64_t last_id = 0;
    std::uint64_t previous_id = 0;
    symbol_id symbol{};
    time_offset event_time;
    time_offset transaction_time;
    errc bad = errc::none;
    const auto read = [&bad](errc outcome) { return (bad = outcome) == errc::none; };
    if (!found_.has_bids || !found_.has_asks) return errc::missing_field;
    if (found_.bids > most_levels || found_.asks > most_levels) return errc::number_out_of_range;
    if (futures_book) {
      if (!(read(found_.scalars.number(detail::letter('U'), first_id)) &&
            read(found_.scalars.number(detail::letter('u'), last_id)))) {
        return bad;
      }
      if (first_id > last_id) return errc::number_out_of_range;
    } else if (!read(found_.scalars.number(field::last_update_id, last_id))) {
      return bad;
    }
    bool has_previous = found_.scalars.has(field::previous_update_id);
    if (has_previous) {
      std::int64_t previous = 0;  // -1 where there was none
      if (!read(found_.scalars.number(field::previous_update_id, previous))) return bad;
      has_previous = previous >= 0;
      previous_id = has_previous ? static_cast<std::uint64_t>(previous) : 0;
    }
    if (!(read(symbol_of(out, symbol)) && read(optional_time('E', event_time, out)) &&
          read(optional_time('T', transaction_time, out)))) {
      return bad;
    }
    auto& record = found_.draft.payload->emplace<depth_record>();
    record = {first_id,
              last_id,
              previous_id,
              0,
              static_cast<std::uint16_t>(found_.bids),
              static_cast<std::uint16_t>(found_.asks),
              transaction_time,
              received_ns_,
              event_time,
              symbol,
              found_.levels.price_exponent(),
              found_.levels.quantity_exponent()};
    publish(out, kind, has_previous ? depth_update::previous_id_flag : std::uint8_t{0}, symbol, found_.levels.size());
    return errc::none;
  }

  void publish(publisher::batch& out, tick_kind kind, std::uint8_t flags, symbol_id symbol, std::size_t levels) {
    tick_tag tag = tag_;
    tag.kind = kind;
    tag.flags = flags;
    out.publish(tag, symbol, levels);
  }

  // --- what is shared between the shapes ---

  // A partial book names no symbol in spot: its stream, or whoever asked for it, does.
  [[nodiscard]] errc symbol_of(publisher::batch& out, symbol_id& symbol) {
    std::array<char, symbol_table::longest_name> upper{};
    std::string_view name = symbol_;
    if (found_.scalars.has(detail::letter('s'))) {
      if (const errc bad = found_.scalars.text(detail::letter('s'), name); bad != errc::none) return bad;
    } else if (name.empty()) {
      name = found_.stream.substr(0, found_.stream.find('@'));
      if (name.empty()) return errc::missing_field;
      if (name.size() > upper.size()) return errc::number_out_of_range;
      for (std::size_t i = 0; i < name.size(); ++i) {
        upper[i] = name[i] >= 'a' && name[i] <= 'z' ? static_cast<char>(name[i] - 'a' + 'A') : name[i];
      }
      name = {upper.data(), name.size()};
    }
    const auto id = out.symbols().intern(name);
    if (!id) return id.error() == errc::symbol_table_full ? errc::symbol_table_full : errc::malformed_message;
    symbol = *id;
    return errc::none;
  }

  [[nodiscard]] errc time(char key, time_offset& offset, publisher::batch& out) const {
    std::int64_t microseconds = 0;
    if (const errc bad = found_.scalars.time_us(detail::letter(key), microseconds); bad != errc::none) return bad;
    offset = time_offset::between(received_ns_, microseconds);
    if (!offset.present()) out.counters().absent_times.add();
    return errc::none;
  }
  [[nodiscard]] errc optional_time(char key, time_offset& offset, publisher::batch& out) const {
    return found_.scalars.has(detail::letter(key)) ? time(key, offset, out) : errc::none;
  }

  // <symbol>@depth5, @depth10, @depth20: the futures send these as depthUpdate too.
  [[nodiscard]] bool is_partial_book() const noexcept {
    constexpr std::string_view mark = "@depth";
    const std::size_t at = found_.stream.find(mark);
    return at != std::string_view::npos && at + mark.size() < found_.stream.size() &&
           found_.stream[at + mark.size()] >= '0' && found_.stream[at + mark.size()] <= '9';
  }

  detail::message_scanner scanner_;
  const detail::message_scanner::content& found_{scanner_.found()};
  control_answer answer_;
  std::string_view event_;
  std::string_view symbol_;  // where the message cannot know it
  std::int64_t received_ns_{0};
  tick_tag tag_;
  errc error_{errc::none};
};

}  // namespace foxtrot::inline v0::binance
