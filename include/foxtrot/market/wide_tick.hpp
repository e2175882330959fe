// foxtrot/market/wide_tick.hpp: ticks of more than one line: a record, and a body beside the ring.
#pragma once

#include <foxtrot/market/levels.hpp>
#include <foxtrot/market/tick.hpp>

#include <algorithm>
#include <cassert>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <type_traits>

namespace foxtrot::inline v0 {

/// The line of a wide tick; its body stands in the ring's payload arena at `body`. That arena is made for price levels
/// and counts in their size.
struct wide_record {
  std::uint64_t reserved[3];
  std::uint64_t body;        // the queue's to set
  std::uint16_t body_units;  // units_of<Body>
  std::uint16_t no_units;    // zero: stands where a depth event counts its asks
  std::uint32_t reserved_too;
  std::int64_t received_ns;
  time_offset event_time;
  symbol_id symbol;
  std::int8_t reserved_at_end[2];
};
static_assert(tick_record<wide_record>);
static_assert(offsetof(wide_record, body) == 24 && offsetof(wide_record, body_units) == 32 &&
              offsetof(wide_record, no_units) == 34 && offsetof(wide_record, received_ns) == 40 &&
              offsetof(wide_record, event_time) == 48 && offsetof(wide_record, symbol) == 52);

/// A body of fixed size: whole units of the arena and no padding, for it is copied by words.
template <class Body>
concept wide_body = std::is_trivially_copyable_v<Body> && std::has_unique_object_representations_v<Body> &&
                    sizeof(Body) % sizeof(raw_level) == 0 && std::default_initializable<Body>;

/// What a body takes of the arena.
template <wide_body Body>
inline constexpr std::size_t units_of = sizeof(Body) / sizeof(raw_level);

/// Writes a body where a draft has room for it: `room` holds at least units_of<Body>.
template <wide_body Body>
void write_body(std::span<raw_level> room, const Body& body) noexcept {
  assert(room.size() >= units_of<Body>);
  std::memcpy(room.data(), &body, sizeof body);
}
/// The body that lies there; where it is cut off, the rest is as in a new one.
template <wide_body Body>
[[nodiscard]] Body read_body(std::span<const raw_level> from) noexcept {
  Body body{};
  if (!from.empty()) {
    std::memcpy(static_cast<void*>(&body), from.data(), std::min(from.size_bytes(), sizeof body));
  }
  return body;
}

/// The record of a wide tick, its fields set but for those of the queue.
template <wide_body Body>
[[nodiscard]] wide_record make_wide_record(std::int64_t received_ns, time_offset event_time,
                                           symbol_id symbol) noexcept {
  wide_record record{};
  record.body_units = static_cast<std::uint16_t>(units_of<Body>);
  record.received_ns = received_ns;
  record.event_time = event_time;
  record.symbol = symbol;
  return record;
}

/// What wide ticks share. A plain value that holds its body: copy it to keep it.
template <wide_body Body>
class wide_tick : public tick<wide_record> {
 public:
  using body_type = Body;

  wide_tick(const wide_record& record, std::span<const raw_level> body, tick_tag tag,
            const symbol_table& symbols) noexcept
      : tick{record, tag, symbols}, body_{read_body<Body>(body)} {}

  /// When the venue sent it.
  [[nodiscard]] std::optional<timestamp> event_time() const noexcept {
    return record().event_time.from(record().received_ns);
  }
  /// The fixed layout.
  [[nodiscard]] const Body& body() const noexcept { return body_; }

 private:
  Body body_;
};

namespace detail {

/// Ids that the venue sends as -1 where there is none.
[[nodiscard]] constexpr std::optional<std::uint64_t> id_or_none(std::int64_t id) noexcept {
  if (id < 0) return std::nullopt;
  return static_cast<std::uint64_t>(id);
}

}  // namespace detail

}  // namespace foxtrot::inline v0
