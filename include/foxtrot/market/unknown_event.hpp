// foxtrot/market/unknown_event.hpp: what the venue sent and no other kind of tick fits, as it came.
#pragma once

#include <foxtrot/market/levels.hpp>
#include <foxtrot/market/tick.hpp>

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <optional>
#include <span>
#include <string_view>

namespace foxtrot::inline v0 {

/// The line of an unknown event. Its text stands in the ring's payload arena at `body`, in units of the arena.
struct unknown_record {
  std::uint32_t text_bytes;
  std::uint32_t name_offset;  // the event's name within the text; 0 bytes: it has none
  std::uint32_t name_bytes;
  std::uint32_t reserved[3];
  std::uint64_t body;        // the queue's to set
  std::uint16_t body_units;  // unknown_event::units_for(text)
  std::uint16_t no_units;    // zero: stands where a depth event counts its asks
  std::uint32_t reserved_too;
  std::int64_t received_ns;
  time_offset event_time;
  symbol_id symbol;  // none
  std::int8_t reserved_at_end[2];
};
static_assert(tick_record<unknown_record>);
static_assert(offsetof(unknown_record, body) == 24 && offsetof(unknown_record, body_units) == 32 &&
              offsetof(unknown_record, no_units) == 34 && offsetof(unknown_record, received_ns) == 40 &&
              offsetof(unknown_record, event_time) == 48 && offsetof(unknown_record, symbol) == 52);

/// A message that this version knows no tick for: for streams that the venue adds. Comes only to who asks for its kind,
/// and then whatever symbols are asked for. A view: valid as long as the event.
class unknown_event : public tick<unknown_record> {
 public:
  /// Longer messages do not fit.
  static constexpr std::size_t longest_text = std::numeric_limits<std::uint16_t>::max() * sizeof(raw_level);

  unknown_event(const unknown_record& record, std::span<const raw_level> body, tick_tag tag,
                const symbol_table& symbols) noexcept
      : tick{record, tag, symbols}, body_{body} {}

  /// The whole message.
  [[nodiscard]] std::string_view text() const noexcept {
    if (body_.empty()) return {};
    return {reinterpret_cast<const char*>(body_.data()),
            std::min<std::size_t>(record().text_bytes, body_.size_bytes())};
  }
  /// The event's name as it stands in the message; empty where it has none.
  [[nodiscard]] std::string_view name() const noexcept {
    const std::string_view all = text();
    if (record().name_offset > all.size()) return {};
    return all.substr(record().name_offset, record().name_bytes);
  }
  /// When the venue sent it, where it says so.
  [[nodiscard]] std::optional<timestamp> event_time() const noexcept {
    return record().event_time.from(record().received_ns);
  }

  /// What a text takes of the arena.
  [[nodiscard]] static constexpr std::size_t units_for(std::string_view text) noexcept {
    return (text.size() + sizeof(raw_level) - 1) / sizeof(raw_level);
  }
  /// Writes `text` where a draft has room for it, units_for(text) or more, and makes its record, without times. `name`
  /// is a part of `text`, or empty. `text` is not longer than longest_text.
  [[nodiscard]] static unknown_record write(std::span<raw_level> room, std::string_view text,
                                            std::string_view name) noexcept {
    assert(text.size() <= longest_text && room.size() >= units_for(text));
    unknown_record record{};
    record.text_bytes = static_cast<std::uint32_t>(text.size());
    record.body_units = static_cast<std::uint16_t>(units_for(text));
    if (!name.empty()) {
      record.name_offset = static_cast<std::uint32_t>(name.data() - text.data());
      record.name_bytes = static_cast<std::uint32_t>(name.size());
    }
    if (text.empty()) return record;
    room[units_for(text) - 1] = {};  // what is left of the last unit
    std::memcpy(room.data(), text.data(), text.size());
    return record;
  }

 private:
  std::span<const raw_level> body_;
};

}  // namespace foxtrot::inline v0
