// bench/codec/rapidjson_codec.hpp: RapidJSON's reader: events, and no document. Reading in place would change messages.
#pragma once

#if defined(FOXTROT_BENCH_WITH_RAPIDJSON)
#include <codec/decoded.hpp>

#include <rapidjson/reader.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace foxtrot_bench {

/// Strings are told from the reader's own memory: names are kept here.
class rapidjson_codec {
 public:
  explicit rapidjson_codec(venue) noexcept {}

  /// A NUL must follow the message.
  [[nodiscard]] bool decode(std::string_view message, decoded& out) {
    handler events{*this, out};
    rapidjson::StringStream stream{message.data()};
    return !reader_.Parse<rapidjson::kParseDefaultFlags>(stream, events).IsError() && events.finish();
  }

 private:
  using size_type = rapidjson::SizeType;

  class name {
   public:
    [[nodiscard]] std::string_view keep(const char* text, std::size_t size) noexcept {
      size = std::min(size, memory_.size());
      std::memcpy(memory_.data(), text, size);
      return {memory_.data(), size};
    }

   private:
    std::array<char, 64> memory_{};
  };

  class handler : public rapidjson::BaseReaderHandler<rapidjson::UTF8<>, handler> {
   public:
    handler(rapidjson_codec& owner, decoded& out) noexcept : owner_{owner}, out_{out}, levels_{out} {}

    bool Key(const char* text, size_type size, bool) noexcept {
      key_ = *text;
      long_key_ = size > 1;
      if (objects_ == 2 && !known_) begin();
      return true;
    }
    bool StartObject() noexcept { return ++objects_ <= 2; }
    bool EndObject(size_type) noexcept {
      --objects_;
      return true;
    }
    bool StartArray() noexcept {
      in_pair_ = 0;
      return ++arrays_ <= 2 && out_.kind == binance::shape::depth;
    }
    bool EndArray(size_type size) noexcept {
      if (--arrays_ == 1) return size == 2 && levels_.add();
      if (key_ == 'b') {
        levels_.end_bids();
      } else {
        levels_.end_asks();
      }
      return true;
    }

    bool String(const char* text, size_type size, bool) noexcept {
      if (arrays_ == 2) {
        return in_pair_++ == 0 ? amount(text, size, levels_.price, levels_.price_exponent)
                               : amount(text, size, levels_.quantity, levels_.quantity_exponent);
      }
      if (objects_ == 1) {
        out_.stream = owner_.stream_.keep(text, size);
        return true;
      }
      if (key_ == 'e') return true;
      if (key_ == 's') return symbol(owner_.symbol_.keep(text, size));
      switch (out_.kind) {
        case binance::shape::book_ticker: return book_amount(text, size);
        case binance::shape::trade: return trade_amount(out_.trade, text, size);
        case binance::shape::aggregate_trade: return trade_amount(out_.aggregate, text, size);
        default: return false;
      }
    }
    bool Bool(bool value) noexcept {
      if (key_ == 'M') return true;
      (out_.kind == binance::shape::trade ? out_.trade.buyer_is_maker : out_.aggregate.buyer_is_maker) = value;
      return key_ == 'm';
    }
    bool Uint(unsigned value) noexcept { return Uint64(value); }
    bool Uint64(std::uint64_t value) noexcept {
      switch (out_.kind) {
        case binance::shape::book_ticker: return book_number(value);
        case binance::shape::trade: return trade_number(value);
        case binance::shape::aggregate_trade: return aggregate_number(value);
        case binance::shape::depth: return depth_number(value);
        default: return false;
      }
    }
    bool Default() noexcept { return false; }

    [[nodiscard]] bool finish() const noexcept {
      const binance::book_ticker_fields& book = out_.book;
      return known_ && (out_.kind != binance::shape::book_ticker || (book.price_exponent == ask_price_exponent_ &&
                                                                     book.quantity_exponent == ask_quantity_exponent_));
    }

   private:
    /// The stream's name has been there: which fields follow.
    void begin() noexcept {
      known_ = true;
      out_.kind = kind_of_stream(out_.stream);
      switch (out_.kind) {
        case binance::shape::book_ticker: out_.book = {}; break;
        case binance::shape::trade: out_.trade = {}; break;
        case binance::shape::aggregate_trade: out_.aggregate = {}; break;
        case binance::shape::depth:
          out_.depth = {};
          out_.depth.is_update = !is_partial_book(out_.stream);
          break;
        default: break;
      }
    }
    bool symbol(std::string_view kept) noexcept {
      switch (out_.kind) {
        case binance::shape::book_ticker: out_.book.symbol = kept; return true;
        case binance::shape::trade: out_.trade.symbol = kept; return true;
        case binance::shape::aggregate_trade: out_.aggregate.symbol = kept; return true;
        case binance::shape::depth: out_.depth.symbol = kept; return true;
        default: return false;
      }
    }
    /// Where the reader keeps strings nothing is promised to follow them.
    bool amount(const char* text, size_type size, std::int64_t& mantissa, std::int8_t& exponent) noexcept {
      if (size >= owner_.digits_.size() - padding) return read_amount({text, size}, mantissa, exponent);
      char* const digits = owner_.digits_.data();
      std::memcpy(digits, text, size);
      digits[size] = '"';
      return read_padded_amount(digits, digits + size + 1, mantissa, exponent);
    }
    bool book_amount(const char* text, size_type size) noexcept {
      binance::book_ticker_fields& f = out_.book;
      switch (key_) {
        case 'b': return amount(text, size, f.bid_price, f.price_exponent);
        case 'B': return amount(text, size, f.bid_quantity, f.quantity_exponent);
        case 'a': return amount(text, size, f.ask_price, ask_price_exponent_);
        case 'A': return amount(text, size, f.ask_quantity, ask_quantity_exponent_);
        default: return false;
      }
    }
    template <class Fields>
    bool trade_amount(Fields& f, const char* text, size_type size) noexcept {
      if (key_ == 'p') return amount(text, size, f.price, f.price_exponent);
      return key_ == 'q' && amount(text, size, f.quantity, f.quantity_exponent);
    }
    static bool set(std::uint64_t& to, std::uint64_t value) noexcept {
      to = value;
      return true;
    }
    static bool set(std::int64_t& to, std::uint64_t value) noexcept {
      to = microseconds(static_cast<std::int64_t>(value));
      return true;
    }
    bool book_number(std::uint64_t value) noexcept {
      switch (key_) {
        case 'u': return set(out_.book.update_id, value);
        case 'T': return set(out_.book.transaction_us, value);
        case 'E': return set(out_.book.event_us, value);
        default: return false;
      }
    }
    bool trade_number(std::uint64_t value) noexcept {
      switch (key_) {
        case 't': return set(out_.trade.trade_id, value);
        case 'T': return set(out_.trade.trade_us, value);
        case 'E': return set(out_.trade.event_us, value);
        default: return false;
      }
    }
    bool aggregate_number(std::uint64_t value) noexcept {
      switch (key_) {
        case 'a': return set(out_.aggregate.aggregate_id, value);
        case 'f': return set(out_.aggregate.first_trade_id, value);
        case 'l': return set(out_.aggregate.last_trade_id, value);
        case 'T': return set(out_.aggregate.trade_us, value);
        case 'E': return set(out_.aggregate.event_us, value);
        default: return false;
      }
    }
    bool depth_number(std::uint64_t value) noexcept {
      switch (key_) {
        case 'U': return set(out_.depth.first_id, value);
        case 'u':
        case 'l': return set(out_.depth.last_id, value);
        case 'T': return set(out_.depth.transaction_us, value);
        case 'E': return set(out_.depth.event_us, value);
        case 'p': out_.depth.has_previous_id = long_key_; return set(out_.depth.previous_id, value);
        default: return false;
      }
    }

    rapidjson_codec& owner_;
    decoded& out_;
    level_sink levels_;
    std::int8_t ask_price_exponent_{0};
    std::int8_t ask_quantity_exponent_{0};
    int objects_{0};
    int arrays_{0};
    int in_pair_{0};
    char key_{0};
    bool long_key_{false};
    bool known_{false};
  };

  rapidjson::Reader reader_;
  name stream_;
  name symbol_;
  std::array<char, 2 * padding> digits_{};
};

}  // namespace foxtrot_bench
#endif
