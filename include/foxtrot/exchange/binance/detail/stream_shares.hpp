// foxtrot/exchange/binance/detail/stream_shares.hpp: which of a feed's network threads has which streams.
#pragma once

#include <foxtrot/exchange/binance/detail/stream_names.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace foxtrot::inline v0::binance::detail {

/// All streams of a symbol have one thread, the one that had the fewest streams when the symbol first came; for good,
/// so that its ticks stay in order wherever they wait. What has no symbol goes to the first. One thread at a time.
class stream_shares {
 public:
  /// By thread.
  using shares = std::vector<std::vector<std::string>>;

  explicit stream_shares(std::size_t threads) : loads_(threads) {}

  /// These are new.
  void add(std::span<const std::string> streams) {
    if (loads_.size() == 1) {
      loads_.front() += streams.size();
      return;
    }
    // with all that comes of a symbol at once, in the order in which symbols come
    std::vector<std::pair<std::string, std::size_t>> symbols;
    std::map<std::string, std::size_t, std::less<>> places;
    for (const std::string& stream : streams) {
      std::string symbol = symbol_of_stream(stream);
      const auto [at, fresh] = places.try_emplace(symbol, symbols.size());
      if (fresh) symbols.emplace_back(std::move(symbol), 0);
      ++symbols[at->second].second;
    }
    for (auto& [symbol, count] : symbols) loads_[assign(std::move(symbol))] += count;
  }
  /// These were added, and are no longer wanted. Their symbols stay where they are.
  void remove(std::span<const std::string> streams) {
    for (const std::string& stream : streams) --loads_[thread_of(stream)];
  }

  /// The first for what never came.
  [[nodiscard]] std::size_t thread_of(std::string_view stream) const {
    return loads_.size() == 1 ? 0 : thread_of_symbol(symbol_of_stream(stream));
  }
  [[nodiscard]] std::size_t thread_of_symbol(std::string_view symbol) const {
    const auto known = threads_.find(symbol);
    return known != threads_.end() ? known->second : 0;
  }
  [[nodiscard]] shares split(std::span<const std::string> streams) const {
    shares made(loads_.size());
    for (const std::string& stream : streams) made[thread_of(stream)].push_back(stream);
    return made;
  }
  /// The threads that have streams, a bit each; the first where there are none.
  [[nodiscard]] std::uint64_t in_use() const noexcept {
    std::uint64_t bits = 0;
    for (std::size_t i = 0; i < loads_.size(); ++i) bits |= std::uint64_t{loads_[i] != 0} << i;
    return bits != 0 ? bits : 1;
  }
  [[nodiscard]] std::size_t load(std::size_t thread) const noexcept { return loads_[thread]; }

 private:
  [[nodiscard]] std::size_t assign(std::string symbol) {
    if (symbol.empty()) return 0;
    const auto [at, fresh] = threads_.try_emplace(std::move(symbol), 0);
    if (fresh) at->second = static_cast<std::size_t>(std::ranges::min_element(loads_) - loads_.begin());
    return at->second;
  }

  std::vector<std::size_t> loads_;  // streams
  std::map<std::string, std::size_t, std::less<>> threads_;
};

/// Takes those streams out of `all`; returns those that were there.
[[nodiscard]] inline std::vector<std::string> take_away(std::vector<std::string>& all,
                                                        const std::vector<std::string>& streams) {
  std::vector<std::string> gone;
  std::erase_if(all, [&](const std::string& each) {
    const bool going = std::find(streams.begin(), streams.end(), each) != streams.end();
    if (going) gone.push_back(each);
    return going;
  });
  return gone;
}

}  // namespace foxtrot::inline v0::binance::detail
