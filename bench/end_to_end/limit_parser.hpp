// bench/end_to_end/limit_parser.hpp: book tickers in the one form in which the bench's server writes them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace foxtrot_bench {

struct limit_tick {
  std::uint64_t id;
  double bid_price;
  double bid_quantity;
  double ask_price;
  double ask_quantity;
  std::uint32_t symbol;  // its length and its first letter
};

/// Knows the order of the fields and believes the text; something readable follows it.
class limit_parser {
 public:
  explicit limit_parser(const char* text) noexcept : at_{text} {}

  /// False: something else, such as the answer to a subscription.
  [[nodiscard]] bool parse(std::size_t size, limit_tick& into) noexcept {
    if (at_[2] == 's' &&
        at_[3] == 't') {  // {"stream":"x","data":{"u":1,"s":"X","b":"1.0","B":"1.0","a":"1.0","A":"1.0"}}
      const char* const name = at_ + 11;
      const auto* const name_end = static_cast<const char*>(std::memchr(name, '"', size - 11));
      if (name_end == nullptr) return false;
      at_ = name_end + 9;
    }
    if (at_[1] != '"' || at_[2] != 'u') return false;
    at_ += 5;
    into.id = integer();
    at_ += 6;
    const char* const symbol = at_;
    while (*at_ != '"') ++at_;
    into.symbol = static_cast<std::uint32_t>(at_ - symbol) << 8U | static_cast<unsigned char>(*symbol);
    at_ += 7;
    into.bid_price = decimal();
    at_ += 7;
    into.bid_quantity = decimal();
    at_ += 7;
    into.ask_price = decimal();
    at_ += 7;
    into.ask_quantity = decimal();
    return *at_ == '"';
  }

 private:
  [[nodiscard]] std::uint64_t integer(std::uint64_t value = 0) noexcept {
    for (unsigned digit = 0; (digit = static_cast<unsigned>(*at_ - '0')) < 10; ++at_) value = value * 10 + digit;
    return value;
  }
  [[nodiscard]] double decimal() noexcept {
    static constexpr double powers[] = {1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10};
    const std::uint64_t whole = integer();
    if (*at_ != '.') return static_cast<double>(whole);
    const char* const fraction = ++at_;
    const std::uint64_t all = integer(whole);
    return static_cast<double>(all) / powers[at_ - fraction];
  }

  const char* at_;
};

}  // namespace foxtrot_bench
