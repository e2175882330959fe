// foxtrot/net/detail/padded_buffer.hpp: bytes in a row, followed by readable padding, that grow without losing any.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>
#include <utility>

namespace foxtrot::inline v0::detail {

/// A queue of bytes in one block: filled at the tail, taken from the front. At least `padding` bytes after the data may
/// be read (never relied on), so that a parser can load whole words. One thread.
class padded_buffer {
 public:
  static constexpr std::size_t padding = 64;

  // cleared once: the pages are there before the first message, and padding is never uninitialised memory
  explicit padded_buffer(std::size_t capacity)
      : bytes_{std::make_unique<char[]>(capacity + padding)}, capacity_{capacity} {}

  [[nodiscard]] std::size_t size() const noexcept { return end_ - begin_; }
  [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }
  [[nodiscard]] std::span<char> data() noexcept { return {bytes_.get() + begin_, size()}; }
  [[nodiscard]] std::string_view view() const noexcept { return {bytes_.get() + begin_, size()}; }

  /// Free space at the tail. Moves the data to the front only where less than `least` is free there, and allocates only
  /// where that does not help.
  [[nodiscard]] std::span<char> prepare(std::size_t least) {
    if (capacity_ - end_ < least) {
      if (capacity_ - size() >= least) {
        std::memmove(bytes_.get(), bytes_.get() + begin_, size());
        end_ -= std::exchange(begin_, 0);
      } else {
        grow(std::max(2 * capacity_, size() + least));
      }
    }
    return {bytes_.get() + end_, capacity_ - end_};
  }

  void commit(std::size_t count) noexcept { end_ += count; }

  /// Forgets bytes at the front; they stay readable until the next `prepare`.
  void consume(std::size_t count) noexcept { begin_ += count; }

  /// Starts again at the front of the block, whose lines are still in the cache.
  void rewind_if_empty() noexcept {
    if (begin_ == end_) clear();
  }
  void clear() noexcept { begin_ = end_ = 0; }

  void append(std::string_view bytes) {
    const std::span<char> space = prepare(bytes.size());
    if (!bytes.empty()) std::memcpy(space.data(), bytes.data(), bytes.size());
    commit(bytes.size());
  }

 private:
  void grow(std::size_t capacity) {
    auto bigger = std::make_unique<char[]>(capacity + padding);
    std::memcpy(bigger.get(), bytes_.get() + begin_, size());
    end_ = size();
    begin_ = 0;
    bytes_ = std::move(bigger);
    capacity_ = capacity;
  }

  std::unique_ptr<char[]> bytes_;
  std::size_t capacity_;
  std::size_t begin_{0};
  std::size_t end_{0};
};

}  // namespace foxtrot::inline v0::detail
