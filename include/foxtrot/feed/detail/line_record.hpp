// foxtrot/feed/detail/line_record.hpp: what an arbiter knows of one line.
#pragma once

#include <foxtrot/feed/continuity.hpp>
#include <foxtrot/feed/tick_ids.hpp>
#include <foxtrot/market/symbol.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace foxtrot::inline v0::detail {

/// How far a line has come with a stream, on its present connection.
struct stream_progress {
  std::uint64_t last{0};          // 0: nothing yet
  std::uint32_t confirmed_at{0};  // its place among all confirmations; 0: not confirmed
  bool same{false};               // it counts as the feed does
};

struct line_record {
  bool open{false};
  bool leads{false};
  std::vector<std::array<stream_progress, numbering_count>> streams{};  // by symbol

  [[nodiscard]] stream_progress& of(numbering which, symbol_id symbol) {
    const auto index = static_cast<std::size_t>(symbol);
    if (index >= streams.size()) [[unlikely]]
      streams.resize(index + 1);
    return streams[index][static_cast<std::size_t>(which)];
  }
  /// Null: nothing is known.
  [[nodiscard]] const stream_progress* find(numbering which, symbol_id symbol) const noexcept {
    const auto index = static_cast<std::size_t>(symbol);
    return index < streams.size() ? &streams[index][static_cast<std::size_t>(which)] : nullptr;
  }

  void forget() noexcept {
    for (auto& each : streams) each.fill({});
  }
  /// It alone has brought all that was published of the streams that it has.
  void was_alone(const continuity& published) noexcept {
    for (std::size_t symbol = 0; symbol < streams.size(); ++symbol) {
      for (std::size_t which = 0; which < numbering_count; ++which) {
        stream_progress& own = streams[symbol][which];
        if (own.confirmed_at == 0) continue;
        own.last = std::max(own.last, published.last(static_cast<numbering>(which), static_cast<symbol_id>(symbol)));
        own.same = true;
      }
    }
  }
};

}  // namespace foxtrot::inline v0::detail
