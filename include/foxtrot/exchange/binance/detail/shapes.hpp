// foxtrot/exchange/binance/detail/shapes.hpp: the messages that the venue really sends, character by character.
#pragma once

#include <foxtrot/core/decimal.hpp>
#include <foxtrot/exchange/binance/detail/digits.hpp>
#include <foxtrot/exchange/binance/detail/literal.hpp>
#include <foxtrot/market/levels.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace foxtrot::inline v0::binance::detail {

// What a message said. Times are microseconds since the epoch, as the venue wrote them; views point into the message.
inline constexpr std::int64_t no_time = -1;

struct book_ticker_fields {
  std::uint64_t update_id{0};
  std::int64_t bid_price{0};  // mantissas
  std::int64_t bid_quantity{0};
  std::int64_t ask_price{0};
  std::int64_t ask_quantity{0};
  std::int64_t transaction_us{no_time};  // futures
  std::int64_t event_us{no_time};        // futures
  std::string_view symbol;
  std::int8_t price_exponent{0};
  std::int8_t quantity_exponent{0};
};

struct trade_fields {
  std::uint64_t trade_id{0};
  std::int64_t price{0};
  std::int64_t quantity{0};
  std::int64_t trade_us{no_time};
  std::int64_t event_us{no_time};
  std::string_view symbol;
  std::string_view execution;  // futures: "MARKET", "INSURANCE_FUND", "ADL"; else empty
  std::int8_t price_exponent{0};
  std::int8_t quantity_exponent{0};
  bool buyer_is_maker{false};
};

struct aggregate_trade_fields {
  std::uint64_t aggregate_id{0};
  std::uint64_t first_trade_id{0};
  std::uint64_t last_trade_id{0};
  std::int64_t price{0};
  std::int64_t quantity{0};
  std::int64_t normal_quantity{0};  // "nq", where there is one
  std::int64_t trade_us{no_time};
  std::int64_t event_us{no_time};
  std::string_view symbol;
  std::int8_t price_exponent{0};
  std::int8_t quantity_exponent{0};
  std::int8_t normal_quantity_exponent{0};
  bool has_normal_quantity{false};
  bool buyer_is_maker{false};
};

struct depth_fields {
  std::uint64_t first_id{0};  // 0 in a partial book of spot
  std::uint64_t last_id{0};
  std::uint64_t previous_id{0};
  std::int64_t transaction_us{no_time};        // futures
  std::int64_t event_us{no_time};              // not in a partial book of spot
  std::string_view symbol;                     // empty in a partial book of spot
  std::span<const foxtrot::raw_level> levels;  // bids, then asks; in the caller's room
  std::uint32_t bids{0};
  std::uint32_t asks{0};
  std::int8_t price_exponent{0};
  std::int8_t quantity_exponent{0};
  bool has_previous_id{false};
  bool is_update{true};  // by its keys; the futures send partial books in the shape of updates
};

struct average_price_fields {
  std::int64_t price{0};
  std::int64_t last_trade_us{no_time};
  std::int64_t event_us{no_time};
  std::string_view symbol;
  std::uint32_t interval_minutes{0};
  std::int8_t price_exponent{0};
};

struct reference_price_fields {
  std::int64_t price{0};
  std::int64_t time_us{no_time};
  std::string_view symbol;
  std::int8_t price_exponent{0};
  bool has_price{false};
};

struct mark_price_fields {
  std::int64_t mark{0};
  std::int64_t average{0};
  std::int64_t index{0};
  std::int64_t settlement{0};
  std::int64_t funding_rate{0};
  std::int64_t next_funding_us{no_time};
  std::int64_t event_us{no_time};
  std::string_view symbol;
  std::int8_t mark_exponent{0};
  std::int8_t average_exponent{0};
  std::int8_t index_exponent{0};
  std::int8_t settlement_exponent{0};
  std::int8_t funding_rate_exponent{0};
  bool has_average{false};      // "ap"
  bool has_index{false};        // "i"
  bool has_settlement{true};    // "P"
  bool has_funding_rate{true};  // "r"
};

// The grammar: what a message consists of, one after the other; `fields` is how many are read at most.
template <literal Text>
struct text {  // exactly this
  static constexpr std::size_t fields = 0;
};
template <class Reader, auto... Members>
struct field {  // read into these members
  static constexpr std::size_t fields = 1;
};
template <auto Member, auto Value>
struct set {  // nothing to read
  static constexpr std::size_t fields = 0;
};
template <auto Count>
struct side {  // price levels, from behind the opening bracket to behind the closing one
  static constexpr std::size_t fields = 0;
};
template <class Reader, class Value>
struct ignored {
  static constexpr std::size_t fields = 0;
};
template <class... Steps>
struct sequence {
  static constexpr std::size_t fields = (Steps::fields + ... + 0);
};
template <class... Sequences>
struct choice {  // the first whose first text is there, and then no other; an empty one is always there
  static constexpr std::size_t fields = std::max({std::size_t{0}, Sequences::fields...});
};
template <class... Steps>
using maybe = choice<sequence<Steps...>, sequence<>>;
using ignored_name = ignored<a_name, std::string_view>;
using ignored_number = ignored<a_number, std::uint64_t>;
using ignored_boolean = ignored<a_boolean, bool>;

namespace shapes {

// Types of their own: their names are short.

using book_sides = sequence<
    text<"\",\"b\":\"">, field<an_amount, &book_ticker_fields::bid_price, &book_ticker_fields::price_exponent>,
    text<"\",\"B\":\"">, field<an_amount, &book_ticker_fields::bid_quantity, &book_ticker_fields::quantity_exponent>,
    text<"\",\"a\":\"">, field<a_like_amount, &book_ticker_fields::ask_price, &book_ticker_fields::price_exponent>,
    text<"\",\"A\":\"">,
    field<a_like_amount, &book_ticker_fields::ask_quantity, &book_ticker_fields::quantity_exponent>>;
using futures_book = sequence<field<a_name, &book_ticker_fields::symbol>, maybe<text<"\",\"ps\":\"">, ignored_name>,
                              book_sides, text<"\",\"T\":">, field<a_time, &book_ticker_fields::transaction_us>,
                              text<",\"E\":">, field<a_time, &book_ticker_fields::event_us>, text<"}">>;
struct book_ticker
    : choice<
          sequence<
              text<"{\"u\":">, field<a_number, &book_ticker_fields::update_id>,
              choice<sequence<text<",\"s\":\"">, field<a_name, &book_ticker_fields::symbol>, book_sides, text<"\"}">>,
                     sequence<text<",\"e\":\"bookTicker\",\"s\":\"">, futures_book>>>,
          sequence<text<"{\"e\":\"bookTicker\",\"u\":">, field<a_number, &book_ticker_fields::update_id>,
                   text<",\"s\":\"">, futures_book>> {};

using trade_of_spot =
    sequence<text<"s\":\"">, field<a_name, &trade_fields::symbol>, text<"\",\"t\":">,
             field<a_number, &trade_fields::trade_id>, text<",\"p\":\"">,
             field<an_amount, &trade_fields::price, &trade_fields::price_exponent>, text<"\",\"q\":\"">,
             field<an_amount, &trade_fields::quantity, &trade_fields::quantity_exponent>,
             choice<sequence<text<"\",\"T\":">>,
                    sequence<text<"\",\"b\":">, ignored_number, text<",\"a\":">, ignored_number, text<",\"T\":">>>,
             field<a_time, &trade_fields::trade_us>, text<",\"m\":">, field<a_boolean, &trade_fields::buyer_is_maker>,
             text<",\"M\":">, ignored_boolean, text<"}">>;
using trade_of_futures =
    sequence<text<"T\":">, field<a_time, &trade_fields::trade_us>, text<",\"s\":\"">,
             field<a_name, &trade_fields::symbol>, text<"\",\"t\":">, field<a_number, &trade_fields::trade_id>,
             text<",\"p\":\"">, field<an_amount, &trade_fields::price, &trade_fields::price_exponent>,
             text<"\",\"q\":\"">, field<an_amount, &trade_fields::quantity, &trade_fields::quantity_exponent>,
             text<"\",\"X\":\"">, field<a_name, &trade_fields::execution>, text<"\",\"m\":">,
             field<a_boolean, &trade_fields::buyer_is_maker>, text<"}">>;
struct trade : sequence<text<"{\"e\":\"trade\",\"E\":">, field<a_time, &trade_fields::event_us>, text<",\"">,
                        choice<trade_of_spot, trade_of_futures>> {};

struct aggregate_trade
    : sequence<text<"{\"e\":\"aggTrade\",\"E\":">, field<a_time, &aggregate_trade_fields::event_us>,
               choice<sequence<text<",\"s\":\"">, field<a_name, &aggregate_trade_fields::symbol>, text<"\",\"a\":">,
                               field<a_number, &aggregate_trade_fields::aggregate_id>, text<",\"p\":\"">>,
                      sequence<text<",\"a\":">, field<a_number, &aggregate_trade_fields::aggregate_id>,
                               text<",\"s\":\"">, field<a_name, &aggregate_trade_fields::symbol>, text<"\",\"p\":\"">>>,
               field<an_amount, &aggregate_trade_fields::price, &aggregate_trade_fields::price_exponent>,
               text<"\",\"q\":\"">,
               field<an_amount, &aggregate_trade_fields::quantity, &aggregate_trade_fields::quantity_exponent>,
               maybe<text<"\",\"nq\":\"">, set<&aggregate_trade_fields::has_normal_quantity, true>,
                     field<an_amount, &aggregate_trade_fields::normal_quantity,
                           &aggregate_trade_fields::normal_quantity_exponent>>,
               text<"\",\"f\":">, field<a_number, &aggregate_trade_fields::first_trade_id>, text<",\"l\":">,
               field<a_number, &aggregate_trade_fields::last_trade_id>, text<",\"T\":">,
               field<a_time, &aggregate_trade_fields::trade_us>, text<",\"m\":">,
               field<a_boolean, &aggregate_trade_fields::buyer_is_maker>, maybe<text<",\"M\":">, ignored_boolean>,
               maybe<text<",\"st\":">, ignored_number>, text<"}">> {};

using depth_update =
    sequence<text<"{\"e\":\"depthUpdate\",\"E\":">, field<a_time, &depth_fields::event_us>,
             maybe<text<",\"T\":">, field<a_time, &depth_fields::transaction_us>>, text<",\"s\":\"">,
             field<a_name, &depth_fields::symbol>, maybe<text<"\",\"ps\":\"">, ignored_name>, text<"\",\"U\":">,
             field<a_number, &depth_fields::first_id>, text<",\"u\":">, field<a_number, &depth_fields::last_id>,
             maybe<text<",\"pu\":">, field<a_previous_id, &depth_fields::previous_id, &depth_fields::has_previous_id>>,
             text<",\"b\":[">, side<&depth_fields::bids>, text<",\"a\":[">, side<&depth_fields::asks>, text<"}">>;
/// Also the answer to a request for a book.
using book =
    sequence<text<"{\"lastUpdateId\":">, field<a_number, &depth_fields::last_id>, set<&depth_fields::is_update, false>,
             maybe<text<",\"E\":">, field<a_time, &depth_fields::event_us>, text<",\"T\":">,
                   field<a_time, &depth_fields::transaction_us>>,
             text<",\"bids\":[">, side<&depth_fields::bids>, text<",\"asks\":[">, side<&depth_fields::asks>, text<"}">>;
struct depth : choice<depth_update, book> {};

using mark_index = maybe<text<"\",\"i\":\"">, set<&mark_price_fields::has_index, true>,
                         field<an_amount, &mark_price_fields::index, &mark_price_fields::index_exponent>>;
using mark_settlement = field<an_amount, &mark_price_fields::settlement, &mark_price_fields::settlement_exponent>;
struct mark_price
    : sequence<text<"{\"e\":\"markPriceUpdate\",\"E\":">, field<a_time, &mark_price_fields::event_us>,
               text<",\"s\":\"">, field<a_name, &mark_price_fields::symbol>, text<"\",\"p\":\"">,
               field<an_amount, &mark_price_fields::mark, &mark_price_fields::mark_exponent>,
               maybe<text<"\",\"ap\":\"">, set<&mark_price_fields::has_average, true>,
                     field<an_amount, &mark_price_fields::average, &mark_price_fields::average_exponent>>,
               choice<sequence<text<"\",\"P\":\"">, mark_settlement, mark_index>,
                      sequence<text<"\",\"i\":\"">, set<&mark_price_fields::has_index, true>,
                               field<an_amount, &mark_price_fields::index, &mark_price_fields::index_exponent>,
                               text<"\",\"P\":\"">, mark_settlement>>,
               text<"\",\"r\":\"">,
               field<a_signed_amount, &mark_price_fields::funding_rate, &mark_price_fields::funding_rate_exponent>,
               text<"\",\"T\":">, field<a_time, &mark_price_fields::next_funding_us>,
               maybe<text<",\"st\":">, ignored_number>, text<"}">> {};

}  // namespace shapes
}  // namespace foxtrot::inline v0::binance::detail
