// bench/book/recorded_diffs.hpp: the depth diffs of the captures, decoded beforehand.
#pragma once

#include <foxtrot/capture/reader.hpp>
#include <foxtrot/core/decimal.hpp>
#include <foxtrot/market/level_builder.hpp>
#include <foxtrot/market/level_changes.hpp>

#include <simdjson.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace foxtrot_bench {

struct recorded_message {
  std::uint64_t last{0};
  std::vector<foxtrot::raw_level> levels{};  // bids, then asks
  std::size_t bids{0};
  int price_exponent{0};
  int quantity_exponent{0};

  [[nodiscard]] foxtrot::level_changes changes() const {
    const std::span<const foxtrot::raw_level> all{levels};
    return {all.first(bids), all.subspan(bids), price_exponent, quantity_exponent};
  }
};

/// One symbol's snapshot and the diffs that follow it.
struct recorded_book {
  recorded_message snapshot;
  std::vector<recorded_message> diffs;
};

namespace detail {

inline recorded_message read_depth(simdjson::dom::element data, const char* last, const char* bids, const char* asks) {
  recorded_message made;
  const simdjson::dom::array sides[] = {data[bids].get_array(), data[asks].get_array()};
  made.levels.resize(sides[0].size() + sides[1].size());
  foxtrot::level_builder builder{made.levels};
  bool good = true;
  for (const simdjson::dom::array& side : sides) {
    for (const simdjson::dom::element level : side) {
      foxtrot::decimal price;
      foxtrot::decimal quantity;
      good = good && foxtrot::decimal::parse_into(std::string_view{level.at(0)}, price) == foxtrot::errc::none &&
             foxtrot::decimal::parse_into(std::string_view{level.at(1)}, quantity) == foxtrot::errc::none &&
             builder.add(price, quantity) == foxtrot::errc::none;
    }
  }
  if (!good) made.levels.clear();
  made.last = data[last];
  made.bids = good ? sides[0].size() : 0;
  made.price_exponent = builder.price_exponent();
  made.quantity_exponent = builder.quantity_exponent();
  return made;
}

}  // namespace detail

/// Reads a capture such as "spot/file.gz" from the folder that FOXTROT_CAPTURES names; no diffs where there is none.
inline recorded_book read_capture(const std::string& name) {
  recorded_book made;
  const char* const folder = std::getenv("FOXTROT_CAPTURES");
  if (folder == nullptr) return made;
  auto reader = foxtrot::capture_reader::open(std::string{folder} + '/' + name);
  if (!reader) return made;
  simdjson::dom::parser parser;
  foxtrot::capture_record record;
  while (reader->next(record)) {
    const bool snapshot = record.payload.find("\"lastUpdateId\"") != std::string_view::npos;
    if (!snapshot && record.payload.find("\"depthUpdate\"") == std::string_view::npos) continue;
    const simdjson::dom::element message = parser.parse(record.payload.data(), record.payload.size());
    if (snapshot) {
      made.snapshot = detail::read_depth(message, "lastUpdateId", "bids", "asks");
    } else {
      made.diffs.push_back(detail::read_depth(message["data"], "u", "b", "a"));
    }
  }
  std::erase_if(made.diffs, [&](const recorded_message& diff) { return diff.last <= made.snapshot.last; });
  return made;
}

}  // namespace foxtrot_bench
