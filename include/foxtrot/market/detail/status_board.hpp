// foxtrot/market/detail/status_board.hpp: which symbols are silent or have a broken book, for who missed hearing it.
#pragma once

#include <foxtrot/core/live_object.hpp>
#include <foxtrot/core/separate_compilation.hpp>
#include <foxtrot/market/kinds.hpp>
#include <foxtrot/market/status.hpp>
#include <foxtrot/market/symbol.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace foxtrot::inline v0::detail {

/// Bits by symbol.
inline constexpr std::size_t symbol_words = (symbol_table::max_symbols + 1) / 64;

/// What remains of a feed's status events about symbols. The network thread writes it before the event itself goes out,
/// so whoever has seen an event finds here at least what it said. A snapshot alone mends no book: it may be too old for
/// the updates that came meanwhile. Under no symbol's number stands whether the feed is polled. Relaxed throughout: the
/// events carry the order.
class status_board : private live_object<status_board> {
 public:
  /// Network thread.
  void note(const status_record& record) noexcept;
  /// Network thread: a gap of depth updates has been told, and `resynchronised` not yet.
  [[nodiscard]] bool is_broken(symbol_id symbol) const noexcept {
    const auto index = static_cast<std::size_t>(symbol);
    return (broken(index / 64) >> index % 64 & 1U) != 0;
  }

  // --- any thread ---

  [[nodiscard]] std::uint64_t silent(std::size_t word) const noexcept {
    return silent_[word].load(std::memory_order_relaxed);
  }
  [[nodiscard]] std::uint64_t broken(std::size_t word) const noexcept {
    return broken_[word].load(std::memory_order_relaxed);
  }
  /// When something changed last, on epoch_clock; events received later come after it.
  [[nodiscard]] std::int64_t changed_ns() const noexcept { return changed_ns_.load(std::memory_order_relaxed); }

 private:
  using bits = std::array<std::atomic<std::uint64_t>, symbol_words>;

  void set(bits& where, symbol_id symbol, bool in) noexcept;

  bits silent_{};
  bits broken_{};
  std::atomic<std::int64_t> changed_ns_{0};
};

}  // namespace foxtrot::inline v0::detail

#ifdef FOXTROT_DEFINITIONS
#include <foxtrot/market/impl/status_board.hpp>
#endif
