// bench/end_to_end/messages.hpp: book tickers as the venue sends them, whose update id is the time of sending.
#pragma once

#include <support/system.hpp>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

namespace foxtrot_bench {

/// Writes WebSocket frames, one message in each: a few dozen quotes in turn, ids that only grow.
class message_writer {
 public:
  static constexpr std::size_t most = 256;  ///< bytes of a frame, not reached

  message_writer() {
    std::uint64_t state = 42;
    const auto draw = [&state](std::uint64_t below) {
      state = state * 6364136223846793005U + 1442695040888963407U;
      return (state >> 33U) % below;
    };
    for (std::size_t i = 0; i < 64; ++i) {
      const std::uint64_t bid = 6'730'000 + draw(10'000);                               // in cents
      const std::uint64_t bid_quantity = 1 + draw(draw(4) == 0 ? 2'500'000 : 900'000);  // in 1e-5
      const std::uint64_t ask_quantity = 1 + draw(draw(4) == 0 ? 2'500'000 : 900'000);
      quotes_.push_back(make_quote(bid, bid_quantity, ask_quantity));
    }
    last_ = make_quote(6'730'000, 100'000, 0);
  }

  /// One more at the end of `into`, sent at `now`; two at the same time get different ids.
  char* write(char* into, std::int64_t now) noexcept { return write(into, now, quotes_[sent_ % quotes_.size()]); }
  /// The last of all, which says so: no ask quantity.
  char* write_last(char* into, std::int64_t now) noexcept { return write(into, now, last_); }

  [[nodiscard]] std::uint64_t sent() const noexcept { return sent_; }
  /// Of bid prices and ask quantities of all messages so far.
  [[nodiscard]] double sum() const noexcept { return sum_; }

 private:
  struct quote {
    std::string text;  // what follows the id
    double sum;
  };

  static quote make_quote(std::uint64_t bid, std::uint64_t bid_quantity, std::uint64_t ask_quantity) {
    const std::uint64_t ask = bid + 1;
    const auto number = [](std::uint64_t value) { return static_cast<unsigned long long>(value); };
    char text[most];
    std::snprintf(
        text, sizeof text,
        R"(,"s":"BTCUSDT","b":"%llu.%02llu000000","B":"%llu.%05llu000","a":"%llu.%02llu000000","A":"%llu.%05llu000"}})",
        number(bid / 100), number(bid % 100), number(bid_quantity / 100'000), number(bid_quantity % 100'000),
        number(ask / 100), number(ask % 100), number(ask_quantity / 100'000), number(ask_quantity % 100'000));
    return {text, static_cast<double>(bid) / 100 + static_cast<double>(ask_quantity) / 100'000};
  }

  char* write(char* into, std::int64_t now, const quote& told) noexcept {
    static constexpr char opening[] = R"({"stream":"btcusdt@bookTicker","data":{"u":)";
    constexpr std::size_t head = 4;
    last_id_ = std::max(last_id_ + 1, now);
    char* at = into + head;
    std::memcpy(at, opening, sizeof opening - 1);
    at = std::to_chars(at + sizeof opening - 1, into + most, last_id_).ptr;
    std::memcpy(at, told.text.data(), told.text.size());
    at += told.text.size();
    const auto size = static_cast<std::size_t>(at - into) - head;  // always more than 125
    into[0] = static_cast<char>(0x81);
    into[1] = 126;
    into[2] = static_cast<char>(size >> 8U);
    into[3] = static_cast<char>(size & 0xffU);
    ++sent_;
    sum_ += told.sum;
    return at;
  }

  std::vector<quote> quotes_;
  quote last_;
  std::int64_t last_id_{0};
  std::uint64_t sent_{0};
  double sum_{0};
};

}  // namespace foxtrot_bench
