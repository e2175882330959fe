// foxtrot/market/raw_text.hpp: short words of the venue as they lie in the bodies of wide ticks.
#pragma once

#include <cstddef>
#include <string_view>

namespace foxtrot::inline v0 {

/// Up to `Size` characters, none of them NUL.
template <std::size_t Size>
class raw_text {
 public:
  constexpr raw_text() noexcept = default;

  /// False, and nothing changes, where the text is too long or holds a NUL.
  [[nodiscard]] constexpr bool assign(std::string_view text) noexcept {
    if (text.size() > Size || text.find('\0') != std::string_view::npos) return false;
    for (std::size_t i = 0; i < Size; ++i) bytes_[i] = i < text.size() ? text[i] : '\0';
    return true;
  }
  /// Valid as long as this is.
  [[nodiscard]] constexpr std::string_view view() const noexcept {
    const std::string_view all{bytes_, Size};
    return all.substr(0, all.find('\0'));
  }

 private:
  char bytes_[Size]{};
};

}  // namespace foxtrot::inline v0
