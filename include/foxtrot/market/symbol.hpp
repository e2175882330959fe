// foxtrot/market/symbol.hpp: names of instruments as 16-bit numbers, looked up without a lock.
#pragma once

#include <foxtrot/core/error.hpp>
#include <foxtrot/core/immortal.hpp>
#include <foxtrot/core/result.hpp>
#include <foxtrot/core/separate_compilation.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <mutex>
#include <string_view>
#include <vector>

namespace foxtrot::inline v0 {

/// The number of a name in its table; 0 is no symbol. Never reused, so it stays valid as long as the table.
enum class symbol_id : std::uint16_t { none = 0 };

/// Names to numbers and back. Looking up, both ways, takes no lock and allocates nothing (network and strategy
/// threads); a new name takes a mutex once. Names are bytes as the venue writes them, UTF-8 where it goes beyond ASCII.
class [[gnu::visibility("default")]] symbol_table {
 public:
  static constexpr std::size_t max_symbols = 65'535;
  static constexpr std::size_t longest_name = 46;

  symbol_table();
  symbol_table(const symbol_table&) = delete;
  symbol_table& operator=(const symbol_table&) = delete;
  ~symbol_table();

  /// The table that everything uses unless given another: one per process, also across shared objects.
  [[nodiscard]] static symbol_table& shared() { return detail::immortal<symbol_table>(); }

  /// The number of a known name, or symbol_id::none. Any thread.
  [[nodiscard, gnu::always_inline]] symbol_id find(std::string_view name) const noexcept {
    for (std::size_t at = hash(name);; ++at) {
      // acquire: pairs with the release in intern() and carries the name's bytes
      const std::uint16_t id = buckets_[at & (bucket_count - 1)].load(std::memory_order_acquire);
      if (id == 0) return symbol_id::none;
      const entry& known = entry_of(id);
      if (known.length == name.size() && same_text(known.text, name.data(), name.size())) return symbol_id{id};
    }
  }

  /// The number of a name, new or known. errc::bad_argument for an empty name or one that is too long or holds a NUL,
  /// errc::symbol_table_full after 65,535 names. Any thread.
  [[nodiscard]] result<symbol_id> intern(std::string_view name);

  /// The name of a number from this table, NUL-terminated, valid as long as the table; empty for symbol_id::none. Any
  /// thread.
  [[nodiscard]] std::string_view name(symbol_id id) const noexcept {
    const auto number = static_cast<std::uint16_t>(id);
    if (number == 0 || number > size()) return "";
    return entry_of(number).view();
  }

  /// Names so far; ids run from 1 to size(). Any thread.
  [[nodiscard]] std::size_t size() const noexcept { return size_.load(std::memory_order_acquire); }

 private:
  struct entry {
    char text[longest_name + 1]{};
    std::uint8_t length{0};
    [[nodiscard]] std::string_view view() const noexcept { return {text, length}; }
  };
  using bucket = std::atomic<std::uint16_t>;

  static constexpr std::size_t page_size = 256;
  static constexpr std::size_t bucket_count = 131'072;  // twice max_symbols: probing always ends

  [[nodiscard]] const entry& entry_of(std::uint16_t id) const noexcept {
    return pages_[id / page_size].load(std::memory_order_acquire)[id % page_size];
  }

  // Eight characters at a time: most names have no more than sixteen, and each tick looks one up. The last word
  // overlaps the one before it, the length tells names apart that repeat themselves.
  [[nodiscard, gnu::always_inline]] static std::size_t hash(std::string_view name) noexcept {
    constexpr std::uint64_t odd = 0x9e3779b97f4a7c15;
    const auto word = [&name](std::size_t at, auto value) {
      std::memcpy(&value, name.data() + at, sizeof value);
      return std::uint64_t{value};
    };
    const std::size_t size = name.size();
    std::uint64_t value = size * odd;
    const auto mix = [&value](std::uint64_t next) { value = (value ^ next) * odd, value ^= value >> 32; };
    if (size >= 8) {
      for (std::size_t at = 0; at + 8 < size; at += 8) mix(word(at, std::uint64_t{}));
      mix(word(size - 8, std::uint64_t{}));
    } else if (size >= 4) {
      mix(word(0, std::uint32_t{}) | word(size - 4, std::uint32_t{}) << 32);
    } else {
      for (const char c : name) mix(static_cast<unsigned char>(c));
    }
    return static_cast<std::size_t>((value * odd) >> 40);
  }

  // As memcmp, which for a few characters is mostly the call: the first word and the last, which may overlap.
  template <class Word>
  [[nodiscard, gnu::always_inline]] static bool same_ends(const char* one, const char* other,
                                                          std::size_t size) noexcept {
    const auto word = [](const char* at) {
      Word value;
      std::memcpy(&value, at, sizeof value);
      return value;
    };
    const std::size_t last = size - sizeof(Word);
    return word(one) == word(other) && word(one + last) == word(other + last);
  }
  [[nodiscard, gnu::always_inline]] static bool same_text(const char* one, const char* other,
                                                          std::size_t size) noexcept {
    if (size >= 4 && size <= 8) return same_ends<std::uint32_t>(one, other, size);
    if (size > 8 && size <= 16) return same_ends<std::uint64_t>(one, other, size);
    return std::memcmp(one, other, size) == 0;
  }

  std::vector<bucket> buckets_;
  std::array<std::atomic<entry*>, max_symbols / page_size + 1> pages_{};
  std::atomic<std::size_t> size_{0};
  std::mutex mutex_;  // one writer at a time
};

/// A symbol as ticks give it: its number and the table that knows its name. Two words, copy it freely; valid as long as
/// the table. Equal when both agree.
class symbol {
 public:
  constexpr symbol() noexcept = default;
  constexpr symbol(const symbol_table& table, symbol_id id) noexcept : table_{&table}, id_{id} {}

  [[nodiscard]] constexpr symbol_id id() const noexcept { return id_; }
  [[nodiscard]] std::string_view name() const noexcept { return table_ != nullptr ? table_->name(id_) : ""; }
  [[nodiscard]] const char* c_str() const noexcept { return name().data(); }
  [[nodiscard]] constexpr explicit operator bool() const noexcept { return id_ != symbol_id::none; }

  friend constexpr bool operator==(const symbol&, const symbol&) = default;
  [[nodiscard]] friend bool operator==(const symbol& a, std::string_view b) noexcept { return a.name() == b; }

 private:
  const symbol_table* table_{nullptr};
  symbol_id id_{symbol_id::none};
};

}  // namespace foxtrot::inline v0

#ifdef FOXTROT_DEFINITIONS
#include <foxtrot/market/impl/symbol.hpp>
#endif
