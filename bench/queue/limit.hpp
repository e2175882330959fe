// bench/queue/limit.hpp: what two cores can do at best: one line to and fro, and blocks of lines one way.
#pragma once

#include <foxtrot/core/cpu.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

namespace foxtrot_bench {

/// One word in one line, written by one side, answered in place by the other; every round takes the next line. No
/// payload: whatever a queue carries comes on top. Taking the same line every round is up to twice slower (the waiting
/// side keeps taking it back), and so is a line for each direction; waiting with the pause instruction costs nothing
/// between two cores and saves a quarter between two threads of one.
class one_line {
 public:
  void ping(std::uint64_t round) noexcept {
    at(round).store(2 * round + 1, std::memory_order_release);
    wait_for(at(round), 2 * round + 2);
  }
  void pong(std::uint64_t round) noexcept {
    wait_for(at(round), 2 * round + 1);
    at(round).store(2 * round + 2, std::memory_order_release);
  }

 private:
  struct alignas(foxtrot::cache_line) line {
    std::atomic<std::uint64_t> word{0};
  };
  [[nodiscard]] std::atomic<std::uint64_t>& at(std::uint64_t round) noexcept {
    return lines_[static_cast<std::size_t>(round) % lines_.size()].word;
  }
  static void wait_for(const std::atomic<std::uint64_t>& word, std::uint64_t value) noexcept {
    while (word.load(std::memory_order_acquire) != value) foxtrot::cpu_relax();
  }

  std::array<line, 1024> lines_;
};

/// Blocks of lines, one item in each line, handed over and back by one flag for a block: the lines themselves are all
/// that travels. Two blocks of 512 are as fast as any larger ones, and no slower than smaller ones. Lines that follow
/// each other stand apart and are asked for before they are written: a third (CPUs far apart) to two thirds (near)
/// faster than neighbouring lines, which the reader's prefetcher takes away from the writer of the next block.
template <class Item, std::size_t BlockLines = 512, std::size_t Blocks = 2>
class block_hand_off {
 public:
  /// `first` and `end` in whole blocks.
  void produce(std::uint64_t first, std::uint64_t end) noexcept {
    for (std::uint64_t number = first; number < end; number += BlockLines) {
      std::atomic<bool>& full = full_of(number);
      while (full.load(std::memory_order_acquire)) {
      }
      for (std::size_t i = 0; i < BlockLines; ++i) {
        foxtrot::prefetch_for_write(&at(number + i + 8));
        at(number + i).value.set(number + i);
      }
      full.store(true, std::memory_order_release);
    }
  }

  template <class Visitor>
  std::uint64_t consume(std::uint64_t first, std::uint64_t end, Visitor&& visit) noexcept {
    for (std::uint64_t number = first; number < end; number += BlockLines) {
      std::atomic<bool>& full = full_of(number);
      while (!full.load(std::memory_order_acquire)) {
      }
      for (std::size_t i = 0; i < BlockLines; ++i) visit(at(number + i).value);
      full.store(false, std::memory_order_release);
    }
    return end;
  }

 private:
  struct alignas(foxtrot::cache_line) line {
    Item value;
  };
  struct alignas(foxtrot::cache_line) flag {
    std::atomic<bool> full{false};
  };
  [[nodiscard]] line& at(std::uint64_t number) noexcept {
    constexpr std::uint64_t stride = 331;  // odd: every line is used
    return lines_[static_cast<std::size_t>(number * stride) % (BlockLines * Blocks)];
  }
  [[nodiscard]] std::atomic<bool>& full_of(std::uint64_t number) noexcept {
    return flags_[static_cast<std::size_t>(number / BlockLines) % Blocks].full;
  }

  std::array<flag, Blocks> flags_{};
  std::unique_ptr<line[]> lines_{std::make_unique<line[]>(BlockLines * Blocks)};
};

}  // namespace foxtrot_bench
