// foxtrot/exchange/binance/websocket_choice.hpp: which symbols come by WebSocket; the others are polled.
#pragma once

#include <algorithm>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace foxtrot::inline v0::binance {

/// Made by all(), none() or of().
class websocket_choice {
 public:
  [[nodiscard]] static websocket_choice all() { return {}; }
  [[nodiscard]] static websocket_choice none() {
    websocket_choice made;
    made.all_ = false;
    return made;
  }
  /// These alone, such as "BTCUSDT", in capital letters or not.
  [[nodiscard]] static websocket_choice of(std::vector<std::string> symbols) {
    websocket_choice made = none();
    for (std::string& symbol : symbols) {
      std::ranges::transform(symbol, symbol.begin(),
                             [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; });
    }
    made.symbols_ = std::move(symbols);
    std::ranges::sort(made.symbols_);
    return made;
  }

  /// Of a symbol in capital letters; empty, for a stream of all symbols: true unless there is no WebSocket at all.
  [[nodiscard]] bool includes(std::string_view symbol) const noexcept {
    return all_ || (symbol.empty() ? !is_none() : std::ranges::binary_search(symbols_, symbol, std::less<>{}));
  }
  [[nodiscard]] bool is_all() const noexcept { return all_; }
  [[nodiscard]] bool is_none() const noexcept { return !all_ && symbols_.empty(); }
  /// In alphabetical order.
  [[nodiscard]] const std::vector<std::string>& symbols() const noexcept { return symbols_; }
  [[nodiscard]] friend bool operator==(const websocket_choice&, const websocket_choice&) = default;

 private:
  bool all_{true};
  std::vector<std::string> symbols_;  // sorted: it is asked for each of a thousand streams
};

}  // namespace foxtrot::inline v0::binance
