// foxtrot/exchange/binance/codec.hpp: the venue's JSON, as ticks.
#pragma once

#include <foxtrot/core/error.hpp>
#include <foxtrot/exchange/binance/detail/body_readers.hpp>
#include <foxtrot/exchange/binance/detail/depth_reader.hpp>
#include <foxtrot/exchange/binance/detail/field_readers.hpp>
#include <foxtrot/exchange/binance/detail/isa.hpp>
#include <foxtrot/exchange/binance/detail/shapes.hpp>
#include <foxtrot/exchange/binance/detail/speculative.hpp>
#include <foxtrot/exchange/binance/detail/tick_writer.hpp>
#include <foxtrot/exchange/binance/fields.hpp>
#include <foxtrot/exchange/binance/market.hpp>
#include <foxtrot/exchange/binance/message_scanner.hpp>
#include <foxtrot/feed/protocol.hpp>
#include <foxtrot/feed/publisher.hpp>
#include <foxtrot/market/kline.hpp>
#include <foxtrot/market/liquidation.hpp>
#include <foxtrot/market/mini_ticker.hpp>
#include <foxtrot/market/ticker.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace foxtrot::inline v0::binance {

/// How messages of the known shapes are read.
enum class parsing : std::uint8_t {
  fastest,   ///< expecting each character, in the best form that this machine can run; whatever differs, generally
  portable,  ///< the same without vector instructions
  general    ///< all of them as any JSON
};

/// Reads one message at a time and publishes what it holds: every public stream of spot and of both futures, as the
/// venue sent them since 2020, in any key order, alone or in the combined form {"stream":..,"data":..}; times in
/// milliseconds or microseconds; the objects of a list name their symbols themselves. However a message is read, its
/// ticks are the same. Needs 64 readable bytes after each message. Allocates nothing once it has seen the largest
/// message. One thread.
class codec {
 public:
  explicit codec(market where, parsing how = parsing::fastest)
      : fast_{how == parsing::fastest ? detail::best_isa() : detail::isa::portable},
        tag_{.where = venue_of(where)},
        speculate_{how != parsing::general} {}
  codec(const codec&) = delete;
  codec& operator=(const codec&) = delete;

  /// One WebSocket text message, received at `received_ns` on epoch_clock. Of a list, what can be understood is
  /// published even where the answer is message_type::rejected.
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
  /// The name of the last event that had to be read generally; valid until the next message.
  [[nodiscard]] std::string_view last_event() const noexcept { return event_; }

 private:
  using key = detail::key;
  using shape = detail::shape;

  message_type decode(std::string_view message, std::int64_t received_ns, source how, std::string_view asked,
                      publisher::batch& out) {
    tick_tag tag = tag_;
    tag.how = how;
    error_ = errc::none;
    event_ = {};
    if (speculate_) {
      const auto opened = fast_.open(message);
      if (opened.kind != shape::unknown) {
        if (const auto read = speculate(opened, message.size(), {out, tag, received_ns, opened.stream, asked}, out))
          return *read;
        const message_type read = decode_generally(message, received_ns, tag, asked, out);
        if (read == message_type::tick && is_of(opened.kind)) count_fallback(out.counters());
        return read;
      }
    }
    return decode_generally(message, received_ns, tag, asked, out);
  }

  // Nothing where the message is not of the shape that it began with.
  [[nodiscard]] std::optional<message_type> speculate(const detail::speculative_parser::opening& from, std::size_t size,
                                                      const detail::tick_writer& to, publisher::batch& out) {
    switch (from.kind) {
      case shape::book_ticker: {
        detail::book_ticker_fields said;
        if (!fast_.read(from, said)) return std::nullopt;
        return outcome_of(to.write(said));
      }
      case shape::trade: {
        detail::trade_fields said;
        if (!fast_.read(from, said)) return std::nullopt;
        return outcome_of(to.write(said));
      }
      case shape::aggregate_trade: {
        detail::aggregate_trade_fields said;
        if (!fast_.read(from, said)) return std::nullopt;
        return outcome_of(to.write(said));
      }
      case shape::mark_price: {
        detail::mark_price_fields said;
        if (!fast_.read(from, said)) return std::nullopt;
        return outcome_of(to.write(said));
      }
      case shape::depth: {
        detail::depth_fields said;
        if (is_other_book(from.stream)) return std::nullopt;
        const publisher::batch::draft draft = out.begin(size / shortest_level + 1);
        if (!fast_.read(from, draft.levels, said)) return std::nullopt;
        return outcome_of(to.write(said, draft));
      }
      case shape::unknown: break;
    }
    return std::nullopt;
  }

  // <symbol>@rpiDepth: of the futures, with orders that the other depth streams do not count, and ids of its own.
  [[nodiscard]] static bool is_other_book(std::string_view stream) noexcept {
    return stream.find("@rpiDepth") != std::string_view::npos;
  }

  [[nodiscard]] message_type outcome_of(errc failed) noexcept {
    error_ = failed;
    return failed == errc::none ? message_type::tick : message_type::rejected;
  }

  // Whether the event turned out to be of the kind that its first characters promised.
  [[nodiscard]] bool is_of(shape kind) const noexcept {
    switch (kind) {
      case shape::book_ticker: return event_.empty() || event_ == "bookTicker";
      case shape::trade: return event_ == "trade";
      case shape::aggregate_trade: return event_ == "aggTrade";
      case shape::depth: return event_.empty() || event_ == "depthUpdate";
      case shape::mark_price: return event_ == "markPriceUpdate";
      case shape::unknown: break;
    }
    return false;
  }
  void count_fallback(feed_counters& count) const {
    count.fallbacks.add(!found_.stream.empty() ? found_.stream : !event_.empty() ? event_ : "?");
  }

  message_type decode_generally(std::string_view message, std::int64_t received_ns, tick_tag tag,
                                std::string_view asked, publisher::batch& out) {
    message_type all = message_type::tick;
    unknown_ = {};
    const errc bad = scanner_.scan(message, out, [&] {
      const message_type each = interpret({out, tag, received_ns, found_.stream, asked});
      if (each != message_type::tick) all = each;
      if (each == message_type::unknown) note_unknown();
      return error_;
    });
    if (bad != errc::none) return outcome_of(bad);
    detail::tick_writer to{out, tag, received_ns, found_.stream, asked};
    if (!found_.is_list) {
      all = interpret(to);
      if (all == message_type::unknown) note_unknown();
    }
    if (unknown_.seen) {
      out.counters().unknown_events.add(unknown_.name);
      to.write_unknown(message, unknown_.name, unknown_.event_us);
    }
    return all;
  }

  // The first of a list stands for all.
  void note_unknown() noexcept {
    if (unknown_.seen) return;
    unknown_ = {.seen = true, .name = event_};
    (void)found_.scalars.optional_time_us(detail::letter('E'), unknown_.event_us);  // whatever it may be here
  }

  // One object.
  [[nodiscard]] message_type interpret(const detail::tick_writer& to) {
    using detail::letter;
    const detail::fields& said = found_.scalars;
    error_ = errc::none;
    event_ = {};
    if (found_.is_answer || (said.has(key::code) && said.has(key::message))) return interpret_answer();
    if (!said.has(letter('e'))) {
      if (found_.has_bids && found_.has_asks) return outcome_of(write_depth(to));
      if (said.has(letter('u')) && said.has(letter('B'))) return write<detail::book_ticker_fields>(to);
      return message_type::unknown;
    }
    if (const errc bad = said.text(letter('e'), event_); bad != errc::none) return outcome_of(bad);
    return interpret_event(to);
  }

  [[nodiscard]] message_type interpret_event(const detail::tick_writer& to) {
    if (event_ == "bookTicker") return write<detail::book_ticker_fields>(to);
    if (event_ == "trade") return write<detail::trade_fields>(to);
    if (event_ == "aggTrade") return write<detail::aggregate_trade_fields>(to);
    if (event_ == "depthUpdate" && !is_other_book(found_.stream)) return outcome_of(write_depth(to));
    if (event_ == "markPriceUpdate") return write<detail::mark_price_fields>(to);
    if (event_ == "kline") return outcome_of(write_inner<kline_body>(to, tick_kind::kline));
    if (event_ == "24hrTicker") return outcome_of(write_ticker(to, ticker_window::h24));
    if (event_ == "24hrMiniTicker") {
      return outcome_of(write_body<mini_ticker_body>(to, tick_kind::mini_ticker, found_.scalars, {}));
    }
    if (event_ == "1hTicker") return outcome_of(write_ticker(to, ticker_window::h1));
    if (event_ == "4hTicker") return outcome_of(write_ticker(to, ticker_window::h4));
    if (event_ == "1dTicker") return outcome_of(write_ticker(to, ticker_window::d1));
    if (event_ == "forceOrder") return outcome_of(write_inner<liquidation_body>(to, tick_kind::liquidation));
    if (event_ == "avgPrice") return write<detail::average_price_fields>(to);
    if (event_ == "referencePrice") return write<detail::reference_price_fields>(to);
    if (event_ == "blockTrade") return write_block_trade(to);
    if (event_ == "serverShutdown") return message_type::shutdown;
    return message_type::unknown;
  }

  template <class Fields>
  [[nodiscard]] message_type write(const detail::tick_writer& to) {
    Fields said;
    const errc bad = detail::read(found_.scalars, said);
    return outcome_of(bad != errc::none ? bad : to.write(said));
  }

  [[nodiscard]] message_type write_block_trade(const detail::tick_writer& to) {
    detail::trade_fields said;
    const errc bad = detail::read(found_.scalars, said);
    return outcome_of(bad != errc::none ? bad : to.write(said, tick_kind::block_trade));
  }

  template <class Body>
  [[nodiscard]] errc write_body(const detail::tick_writer& to, tick_kind kind, const detail::fields& from, Body body) {
    std::string_view symbol;
    std::int64_t event_us = detail::no_time;
    if (const errc bad = detail::read(from, body); bad != errc::none) return bad;
    if (const errc bad = detail::read_symbol(found_.scalars, symbol); bad != errc::none) return bad;
    if (symbol.empty()) {
      if (const errc bad = detail::read_symbol(from, symbol); bad != errc::none) return bad;
    }
    if (const errc bad = found_.scalars.time_us(detail::letter('E'), event_us); bad != errc::none) return bad;
    return to.write(kind, symbol, event_us, body);
  }
  // What stands in an object of its own.
  template <class Body>
  [[nodiscard]] errc write_inner(const detail::tick_writer& to, tick_kind kind) {
    return found_.has_inner ? write_body<Body>(to, kind, found_.inner, {}) : errc::missing_field;
  }
  [[nodiscard]] errc write_ticker(const detail::tick_writer& to, ticker_window window) {
    ticker_body body;
    body.window = window;
    return write_body(to, tick_kind::ticker, found_.scalars, body);
  }

  [[nodiscard]] errc write_depth(const detail::tick_writer& to) {
    detail::depth_fields said;
    const errc bad = detail::read(found_, said);
    return bad != errc::none ? bad : to.write(said, found_.draft);
  }

  [[nodiscard]] message_type interpret_answer() {
    answer_ = {};
    std::string_view text;
    if (found_.scalars.number(key::id, answer_.id) != errc::none) answer_.id = -1;
    if (found_.scalars.text(key::message, text) == errc::none) answer_.error = text;
    const bool coded = found_.scalars.number(key::code, answer_.error_code) == errc::none;
    if ((coded || found_.is_error) && answer_.error.empty()) answer_.error = "error";
    return message_type::answer;
  }

  static constexpr std::size_t shortest_level = 10;  // ["1","2"],

  struct unknown_event_found {
    bool seen{false};
    std::string_view name{};
    std::int64_t event_us{detail::no_time};
  };

  detail::speculative_parser fast_;
  detail::message_scanner scanner_;
  const detail::message_scanner::content& found_{scanner_.found()};
  control_answer answer_;
  std::string_view event_;
  unknown_event_found unknown_;
  tick_tag tag_;
  errc error_{errc::none};
  bool speculate_;
};

}  // namespace foxtrot::inline v0::binance
