// foxtrot/exchange/binance/detail/speculative.hpp: reads messages of the known shapes; gives up at the first byte that
// differs.
#pragma once

#include <foxtrot/exchange/binance/detail/isa.hpp>
#include <foxtrot/exchange/binance/detail/shape_reader.hpp>
#include <foxtrot/exchange/binance/detail/shapes.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace foxtrot::inline v0::binance::detail {

/// What a message may be, by its first key and the name of its event.
enum class shape : std::uint8_t { unknown, book_ticker, trade, aggregate_trade, depth, mark_price };

/// Reads what the venue really sends, raw or combined, without looking for structure: it expects each character. Where
/// read() is true, any strict JSON parser takes the message and finds the same values; where it is false nothing is
/// known, the fields are anything, and a general parser must decide. Needs 64 readable bytes after each message. One
/// thread.
class speculative_parser {
 public:
  /// A message, with its combined form opened.
  struct opening {
    std::string_view stream;  ///< of the combined form; else empty
    cursor data{};
    shape kind{shape::unknown};  ///< which read() to try
  };

  /// `use` must not be beyond best_isa().
  explicit speculative_parser(isa use = best_isa()) noexcept : use_{use} {}

  [[nodiscard]] opening open(std::string_view message) const noexcept {
    opening opened;
    opened.data = {message.data(), message.data() + message.size()};
    cursor& c = opened.data;
    if (begins_with<"{\"stream\":\"">(c.at)) {
      c.at += 11;
      if (!read_name(c, opened.stream) || !begins_with<"\",\"data\":">(c.at) || *--c.end != '}') return opened;
      c.at += 9;
    }
    opened.kind = kind_at(c.at);
    return opened;
  }

  [[nodiscard]] bool read(const opening& from, book_ticker_fields& out) noexcept {
    return read_as<shapes::book_ticker>(from, out);
  }
  [[nodiscard]] bool read(const opening& from, trade_fields& out) noexcept { return read_as<shapes::trade>(from, out); }
  [[nodiscard]] bool read(const opening& from, aggregate_trade_fields& out) noexcept {
    return read_as<shapes::aggregate_trade>(from, out);
  }
  [[nodiscard]] bool read(const opening& from, mark_price_fields& out) noexcept {
    return read_as<shapes::mark_price>(from, out);
  }
  /// The levels go to `room`; false also where that does not suffice, or decimals differ between levels.
  [[nodiscard]] bool read(const opening& from, std::span<foxtrot::raw_level> room, depth_fields& out) noexcept {
    constexpr std::uint32_t most_levels = 65'535;  // of a side
    depth_reading reading;
    reading.first = reading.next = room.data();
    reading.limit = room.data() + room.size();
    reading.guess = &guess_for(from).levels;
    if (!read_as<shapes::depth>(from, reading)) return false;
    if (reading.first_id > reading.last_id || reading.bids > most_levels || reading.asks > most_levels) return false;
    reading.levels = {reading.first, reading.next};
    out = static_cast<const depth_fields&>(reading);
    return true;
  }

  [[nodiscard]] isa form() const noexcept { return use_; }

 private:
  [[nodiscard, gnu::always_inline]] bool read_name(cursor& c, std::string_view& name) const noexcept {
#if defined(__x86_64__)
    if (use_ != isa::portable) return sse41_digits::read(a_name{}, c, name);
#endif
    return portable_digits::read(a_name{}, c, name);
  }

  [[nodiscard]] static shape kind_at(const char* at) noexcept {
    if (begins_with<"{\"e\":\"">(at)) {
      switch (at[6]) {
        case 'b': return shape::book_ticker;
        case 't': return shape::trade;
        case 'a': return shape::aggregate_trade;
        case 'd': return shape::depth;
        case 'm': return shape::mark_price;
        default: return shape::unknown;
      }
    }
    if (begins_with<"{\"u\":">(at)) return shape::book_ticker;
    return begins_with<"{\"lastUpdateId\":">(at) ? shape::depth : shape::unknown;
  }

  template <class Shape, class Out>
  [[nodiscard]] bool read_as(const opening& from, Out& out) noexcept {
    switch (use_) {
#if defined(__x86_64__)
      case isa::avx2: return x86_shapes<isa::avx2>::read<Shape>(from.data, guess_for(from).fields, out);
      case isa::sse41: return x86_shapes<isa::sse41>::read<Shape>(from.data, guess_for(from).fields, out);
#endif
      default: return portable_shapes::read<Shape>(from.data, out);
    }
  }

  /// What the last message looked like.
  struct guess {
    level_layout levels;
    field_layouts fields;
  };

  /// Symbols differ in their digits, messages of one symbol and kind hardly. Streams that share a guess only cost time.
  [[nodiscard]] guess& guess_for(const opening& from) noexcept {
    const auto kind = static_cast<std::uint64_t>(from.kind);
    const auto name = from.stream.empty() ? 0 : load<std::uint64_t>(&from.stream.front());
    return guesses_[static_cast<std::size_t>(((name + kind) * 0x9e3779b97f4a7c15) >> (64 - guess_bits))];
  }

  static constexpr unsigned guess_bits = 7;

  isa use_;
  std::array<guess, std::size_t{1} << guess_bits> guesses_{};
};

}  // namespace foxtrot::inline v0::binance::detail
