// tests/support/captured_depth.hpp: the depth updates and snapshots of a capture, decoded without the library's codec.
#pragma once

#include <foxtrot/capture/reader.hpp>
#include <foxtrot/core/error.hpp>
#include <foxtrot/market/order_book.hpp>
#include <support/captures.hpp>
#include <support/plain_tick.hpp>
#include <support/skip.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace foxtrot_test {

/// One diff, or a snapshot where `first` is 0. Mantissas of eight decimals.
struct depth_message {
  static constexpr int exponent = -8;

  std::uint64_t first{0};
  std::uint64_t last{0};
  std::optional<std::uint64_t> previous{};
  std::vector<foxtrot::raw_level> bids{};
  std::vector<foxtrot::raw_level> asks{};

  [[nodiscard]] foxtrot::level_changes changes() const { return {bids, asks, exponent, exponent}; }
};

namespace detail {

inline std::int64_t eight_decimals(const plain_number& number) {
  std::int64_t mantissa = number.digits;
  for (int places = number.places; places < -depth_message::exponent; ++places) mantissa *= 10;
  return mantissa;
}

inline std::vector<foxtrot::raw_level> raw_side(const std::vector<plain_level>& side) {
  std::vector<foxtrot::raw_level> made;
  for (const plain_level& level : side) made.push_back({eight_decimals(level.price), eight_decimals(level.quantity)});
  return made;
}

}  // namespace detail

/// All of them in a capture such as "spot/file.gz"; nothing, and the case skipped, where it is not to be had.
inline std::optional<std::vector<depth_message>> captured_depth(const std::string& name) {
  const auto path = capture_path(name);
  if (!path) return std::nullopt;
  auto reader = foxtrot::capture_reader::open(*path);
  if (!reader && reader.error() == foxtrot::errc::no_gzip_support) {
    skip("built without zlib");
    return std::nullopt;
  }
  std::vector<depth_message> made;
  simdjson::dom::parser parser;
  foxtrot::capture_record record;
  while (reader.value().next(record)) {
    if (record.payload.find("depthUpdate") == std::string_view::npos &&
        record.payload.find("lastUpdateId") == std::string_view::npos) {
      continue;
    }
    const auto tick = read_message(parser.parse(record.payload.data(), record.payload.size()), "ANY");
    if (!tick) throw std::runtime_error{"line without a tick: " + std::string{record.payload}};
    made.push_back(
        {tick->first_id, tick->id, tick->previous_id, detail::raw_side(tick->bids), detail::raw_side(tick->asks)});
  }
  if (reader.value().error()) throw std::system_error{reader.value().error()};
  return made;
}

}  // namespace foxtrot_test
