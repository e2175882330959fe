// foxtrot/capture/survey.hpp: what is in a capture, found in one pass over it.
#pragma once

#include <foxtrot/capture/reader.hpp>
#include <foxtrot/core/result.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace foxtrot::inline v0 {

/// Which of the venue's markets a message comes from, as far as its shape tells.
enum class capture_market : std::uint8_t { unknown, spot, usdm };

/// One captured payload, sorted by shape. The views point into the payload.
struct captured_message {
  enum class kind : std::uint8_t {
    stream,    ///< market data
    snapshot,  ///< the body of a REST depth request
    other,     ///< an acknowledgement, an error, something unknown
  };
  kind what{kind::other};
  bool combined{false};  ///< wrapped as {"stream":...,"data":...}
  capture_market market{capture_market::unknown};
  std::string_view stream;  ///< the name in the wrapper; empty in a raw message
  std::string_view event;   ///< "bookTicker", "trade", "depthUpdate", ...
  std::string_view symbol;  ///< as written in the data: upper case
  std::string_view data;    ///< the payload without its wrapper
};

namespace detail {

[[nodiscard]] inline std::string_view text_after(std::string_view text, std::string_view key) noexcept {
  const std::size_t at = text.find(key);
  if (at == std::string_view::npos) return {};
  const std::size_t from = at + key.size();
  const std::size_t end = text.find('"', from);
  return end == std::string_view::npos ? std::string_view{} : text.substr(from, end - from);
}

[[nodiscard]] inline bool has_key(std::string_view text, std::string_view quoted_with_colon) noexcept {
  return text.find(quoted_with_colon) != std::string_view::npos;
}

[[nodiscard]] inline capture_market market_of(std::string_view event, std::string_view head, bool named) noexcept {
  if (event == "bookTicker") return named ? capture_market::usdm : capture_market::spot;
  if (event == "depthUpdate") return has_key(head, "\"pu\":") ? capture_market::usdm : capture_market::spot;
  if (event == "trade" || event == "aggTrade")
    return has_key(head, "\"M\":") ? capture_market::spot : capture_market::usdm;
  if (event == "markPriceUpdate" || event == "forceOrder") return capture_market::usdm;
  return capture_market::unknown;
}

[[nodiscard]] inline std::string lower_case(std::string_view text) {
  std::string lower{text};
  for (char& c : lower)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return lower;
}

}  // namespace detail

/// Takes the wrapper off and tells data from snapshots; event, symbol and market stay empty. Cheap enough for every
/// line of a replay.
[[nodiscard]] inline captured_message unwrap_captured(std::string_view payload) noexcept {
  using kind = captured_message::kind;
  constexpr std::string_view wrapper = "{\"stream\":\"";
  constexpr std::string_view joint = "\",\"data\":";
  captured_message message;
  message.data = payload;
  if (payload.starts_with("{\"lastUpdateId\":")) {
    message.what = kind::snapshot;
  } else if (payload.starts_with(wrapper)) {
    const std::size_t end = payload.find('"', wrapper.size());
    if (end == std::string_view::npos || !payload.substr(end).starts_with(joint) || !payload.ends_with('}'))
      return message;
    message.stream = payload.substr(wrapper.size(), end - wrapper.size());
    message.data = payload.substr(end + joint.size(), payload.size() - end - joint.size() - 1);
    message.combined = true;
    message.what = kind::stream;
  }
  return message;
}

/// The same, and sorts the data by its shape, without parsing it.
[[nodiscard]] inline captured_message classify_captured(std::string_view payload) noexcept {
  using kind = captured_message::kind;
  captured_message message = unwrap_captured(payload);
  if (message.what == kind::snapshot) return message;
  const std::string_view head = message.data.substr(0, 256);  // the keys that tell stand before the levels
  message.event = detail::text_after(head, "\"e\":\"");
  const bool named = !message.event.empty();
  if (!named && detail::has_key(head, "\"u\":") && detail::has_key(head, "\"B\":")) message.event = "bookTicker";
  if (message.event.empty()) return message;
  message.what = kind::stream;
  message.symbol = detail::text_after(head, "\"s\":\"");
  message.market = detail::market_of(message.event, head, named);
  return message;
}

/// The result of a survey. Streams and symbols stand in order of first appearance.
struct capture_survey {
  struct stream_count {
    std::string name;
    std::uint64_t messages{0};
  };
  struct snapshot_line {
    std::uint64_t line{0};  ///< counted from one
    std::string symbol;     ///< of the depth message before it, else the first one after; empty where there is none
  };

  capture_market market{capture_market::unknown};
  std::vector<stream_count> streams;
  std::vector<std::string> symbols;
  std::vector<snapshot_line> snapshots;
  std::uint64_t lines{0};
  std::uint64_t other{0};  ///< lines that are neither stream data nor a snapshot
  std::uint64_t payload_bytes{0};
  std::int64_t first_ns{0};
  std::int64_t last_ns{0};
};

/// The stream a message belongs to: its wrapper's name, or for a raw message the one its event and symbol imply.
[[nodiscard]] inline std::string stream_of(const captured_message& message) {
  if (message.combined) return std::string{message.stream};
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 4> renamed{{
      {"depthUpdate", "depth"},
      {"markPriceUpdate", "markPrice"},
      {"24hrTicker", "ticker"},
      {"24hrMiniTicker", "miniTicker"},
  }};
  std::string name = detail::lower_case(message.symbol) + '@';
  for (const auto& [event, stream] : renamed)
    if (message.event == event) return name.append(stream);
  return name.append(message.event);
}

/// Reads the whole capture once. The reader's error for a file that cannot be read to its end.
[[nodiscard]] inline result<capture_survey> survey(const std::string& path) {
  auto reader = capture_reader::open(path);
  if (!reader) return reader.error();
  capture_survey found;
  std::string depth_symbol;
  std::size_t recent = 0;  // streams come in runs: look at the last one first
  capture_record record;
  while (reader->next(record)) {
    if (found.lines++ == 0) found.first_ns = record.received_ns;
    found.last_ns = record.received_ns;
    found.payload_bytes += record.payload.size();
    const captured_message message = classify_captured(record.payload);
    if (message.what == captured_message::kind::other) ++found.other;
    if (message.what == captured_message::kind::snapshot) found.snapshots.push_back({reader->line(), depth_symbol});
    if (message.what != captured_message::kind::stream) continue;
    if (found.market == capture_market::unknown) found.market = message.market;
    const std::string name = stream_of(message);
    if (recent >= found.streams.size() || found.streams[recent].name != name) {
      const auto known = std::find_if(found.streams.begin(), found.streams.end(),
                                      [&](const capture_survey::stream_count& stream) { return stream.name == name; });
      recent = static_cast<std::size_t>(known - found.streams.begin());
      if (known == found.streams.end()) found.streams.push_back({name, 0});
    }
    ++found.streams[recent].messages;
    if (message.symbol.empty()) continue;
    if (std::find(found.symbols.begin(), found.symbols.end(), message.symbol) == found.symbols.end())
      found.symbols.emplace_back(message.symbol);
    if (message.event != "depthUpdate") continue;
    depth_symbol = message.symbol;
    for (capture_survey::snapshot_line& early : found.snapshots)
      if (early.symbol.empty()) early.symbol = depth_symbol;
  }
  if (reader->error()) return reader->error();
  return found;
}

}  // namespace foxtrot::inline v0
