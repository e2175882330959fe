// bench/codec/messages.hpp: the messages that are decoded: captured ones, and two kinds made of them.
#pragma once

#include <codec/decoded.hpp>
#include <codec/foxtrot_codec.hpp>

#include <foxtrot/capture/reader.hpp>
#include <foxtrot/core/error.hpp>
#include <foxtrot/market/level_changes.hpp>
#include <foxtrot/market/order_book.hpp>

#include <array>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace foxtrot_bench {

inline constexpr std::array<const char*, 8> message_names{
    "bookTicker", "usdm_bookTicker", "trade", "aggTrade", "depth20", "depth_diff", "usdm_depth_diff", "mix"};

/// Messages in one buffer, each with its padding behind it.
class message_set {
 public:
  /// A network thread has just written what it decodes: no more than a second-level cache holds.
  static constexpr std::size_t most_bytes = std::size_t{1} << 20;

  explicit message_set(venue source) : from{source} { buffer_.reserve(most_bytes + (std::size_t{1} << 16)); }

  [[nodiscard]] bool full() const noexcept { return buffer_.size() >= most_bytes; }
  void add(std::string_view message) {
    if (full()) return;
    const std::size_t begin = (buffer_.size() + 63) / 64 * 64;
    buffer_.resize(begin + message.size() + padding);
    std::memcpy(buffer_.data() + begin, message.data(), message.size());
    places_.push_back({begin, message.size()});
    bytes_ += message.size();
  }

  [[nodiscard]] std::size_t size() const noexcept { return places_.size(); }
  [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }
  [[nodiscard]] std::string_view operator[](std::size_t index) const noexcept {
    return {buffer_.data() + places_[index].begin, places_[index].size};
  }

  venue from;

 private:
  struct place {
    std::size_t begin;
    std::size_t size;
  };

  std::vector<char> buffer_;
  std::vector<place> places_;
  std::size_t bytes_{0};
};

namespace detail {

[[nodiscard]] inline bool has(std::string_view message, std::string_view text) {
  return message.find(text) != std::string_view::npos;
}

/// Captured aggregate trades are too few: a captured trade as one of its own, its members in the order that the venue
/// documents (e,E,s,a,p,q,f,l,T,m,M).
[[nodiscard]] inline std::string aggregate_of(std::string_view trade) {
  std::string made{trade};
  const auto replace = [&made](std::string_view from, std::string_view to) {
    made.replace(made.find(from), from.size(), to);
  };
  replace("@trade\"", "@aggTrade\"");
  replace("\"e\":\"trade\"", "\"e\":\"aggTrade\"");
  const std::size_t begin = made.find("\"t\":") + 4;
  const std::string id = made.substr(begin, made.find(',', begin) - begin);
  replace("\"t\":", "\"a\":");
  replace(",\"T\":", ",\"f\":" + id + ",\"l\":" + id + ",\"T\":");
  return made;
}

/// No partial books of 20 levels were captured: the best 20 of the captured book after each diff, in the order that
/// the venue documents (lastUpdateId,bids,asks).
class partial_books {
 public:
  void snapshot(std::string_view message) {
    binance::depth_fields f;
    const std::string padded = std::string{message} + std::string(padding, '\0');
    known_ = parser_.read(parser_.open({padded.data(), message.size()}), room_, f);
    last_ = f.last_id;
    book_.assign(changes(f));
  }
  /// The message, or nothing before there is a book.
  [[nodiscard]] std::string after(std::string_view diff) {
    binance::depth_fields f;
    const std::string padded = std::string{diff} + std::string(padding, '\0');
    if (!known_ || !parser_.read(parser_.open({padded.data(), diff.size()}), room_, f) || f.last_id <= last_ ||
        book_.apply(changes(f)) != foxtrot::errc::none) {
      return {};
    }
    return "{\"stream\":\"btcusdt@depth20@100ms\",\"data\":{\"lastUpdateId\":" + std::to_string(f.last_id) +
           ",\"bids\":[" + text(foxtrot::book_side::bids) + "],\"asks\":[" + text(foxtrot::book_side::asks) + "]}}";
  }

 private:
  [[nodiscard]] static foxtrot::level_changes changes(const binance::depth_fields& f) {
    return {f.levels.first(f.bids), f.levels.subspan(f.bids), f.price_exponent, f.quantity_exponent};
  }
  [[nodiscard]] std::string text(foxtrot::book_side side) const {
    std::string made;
    for (const foxtrot::price_level& level : book_.top(side, 20)) {
      made += made.empty() ? "[\"" : ",[\"";
      made += level.price.fixed(8).value() + "\",\"" + level.quantity.fixed(8).value() + "\"]";
    }
    return made;
  }

  binance::speculative_parser parser_;
  std::vector<foxtrot::raw_level> room_ = std::vector<foxtrot::raw_level>(8'192);
  foxtrot::order_book book_;
  std::uint64_t last_{0};
  bool known_{false};
};

}  // namespace detail

/// The messages of one of these names, in the order they came; none where FOXTROT_CAPTURES names no folder of captures.
/// `mix` is everything on a connection with the three streams of one spot symbol.
[[nodiscard]] inline message_set read_messages(std::string_view name) {
  const bool futures = name.starts_with("usdm_");
  message_set made{futures ? venue::futures : venue::spot};
  const char* const folder = std::getenv("FOXTROT_CAPTURES");
  if (folder == nullptr) return made;
  auto reader =
      foxtrot::capture_reader::open(std::string{folder} + (futures ? "/usdm" : "/spot") + "/btcusdt_20240808.txt.gz");
  if (!reader) return made;

  detail::partial_books books;
  foxtrot::capture_record record;
  while (!made.full() && reader->next(record)) {
    const std::string_view message = record.payload;
    if (!message.starts_with("{\"stream\":\"")) {
      if (name == "depth20") books.snapshot(message);
      continue;
    }
    const bool trade = detail::has(message, "@trade\"");
    const bool diff = detail::has(message, "\"depthUpdate\"");
    if (name == "mix" || (name.ends_with("bookTicker") && detail::has(message, "@bookTicker\"")) ||
        (name == "trade" && trade) || (name.ends_with("depth_diff") && diff)) {
      made.add(message);
    } else if (name == "aggTrade" && trade) {
      made.add(detail::aggregate_of(message));
    } else if (name == "depth20" && diff) {
      if (const std::string book = books.after(message); !book.empty()) made.add(book);
    }
  }
  return made;
}

}  // namespace foxtrot_bench
