// foxtrot/feed/named_counters.hpp: counts by names that are not known beforehand.
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace foxtrot::inline v0 {

/// A bounded table of names and their counts, for what hardly ever happens: one thread counts, any thread reads. Takes
/// memory at the first count. What a venue can invent without end must not grow without end: names beyond the table
/// are counted together, long ones by their beginning.
class named_counters {
 public:
  static constexpr std::size_t longest_name = 55;

  /// Room for so many names, at least 1 and less than 65,536.
  explicit named_counters(std::size_t room) noexcept : room_{room} {}

  /// The one writer.
  void add(std::string_view name) { increment(count_of(name)); }
  /// Likewise: from now on counts what these have counted together.
  void become_sum_of(std::span<const named_counters* const> parts) {
    std::map<std::string, std::uint64_t, std::less<>> sums;
    std::uint64_t others = 0;
    for (const named_counters* part : parts) {
      others += part->others();
      part->for_each([&sums](std::string_view name, std::uint64_t count) { sums[std::string{name}] += count; });
    }
    for (const auto& [name, sum] : sums) {
      std::atomic<std::uint64_t>& count = count_of(name);
      if (&count == &others_) {
        others += sum;
      } else {
        count.store(sum, std::memory_order_relaxed);
      }
    }
    others_.store(others, std::memory_order_relaxed);
  }

  /// Calls `each(name, count)` for every name so far. Any thread.
  template <class Each>
  void for_each(Each&& each) const {
    const std::size_t known = size_.load(std::memory_order_acquire);
    const entry* const entries = entries_.load(std::memory_order_relaxed);
    for (std::size_t i = 0; i < known; ++i) {
      each(entries[i].view(), entries[i].count.load(std::memory_order_relaxed));
    }
  }
  /// The count of one name; 0 for one that never came. Any thread.
  [[nodiscard]] std::uint64_t get(std::string_view name) const {
    std::uint64_t found = 0;
    for_each([&](std::string_view each, std::uint64_t count) {
      if (each == name.substr(0, longest_name)) found = count;
    });
    return found;
  }
  /// What came after the table was full, under other names. Any thread.
  [[nodiscard]] std::uint64_t others() const noexcept { return others_.load(std::memory_order_relaxed); }

  [[nodiscard]] std::uint64_t total() const {
    std::uint64_t sum = others();
    for_each([&sum](std::string_view, std::uint64_t count) { sum += count; });
    return sum;
  }

 private:
  struct entry {
    std::array<char, longest_name> name;
    std::uint8_t length;
    std::atomic<std::uint64_t> count;
    [[nodiscard]] std::string_view view() const noexcept { return {name.data(), length}; }
  };

  // Where this name is counted, from now on if it is new.
  [[nodiscard]] std::atomic<std::uint64_t>& count_of(std::string_view name) {
    name = name.substr(0, longest_name);
    if (owned_ == nullptr) {
      buckets_.resize(std::bit_ceil(2 * room_));
      owned_ = std::make_unique<entry[]>(room_);
      entries_.store(owned_.get(), std::memory_order_relaxed);  // readers look only after they have seen size_
    }
    std::size_t at = std::hash<std::string_view>{}(name);
    std::uint16_t* bucket = nullptr;
    for (;; ++at) {
      bucket = &buckets_[at & (buckets_.size() - 1)];
      if (*bucket == 0) break;
      if (entry& known = owned_[*bucket - 1U]; known.view() == name) return known.count;
    }
    const std::size_t known = size_.load(std::memory_order_relaxed);  // this thread wrote it
    if (known == room_) return others_;
    *bucket = static_cast<std::uint16_t>(known + 1);
    entry& fresh = owned_[known];
    fresh.length = static_cast<std::uint8_t>(name.copy(fresh.name.data(), longest_name));
    size_.store(known + 1, std::memory_order_release);  // carries the name, and where the entries are
    return fresh.count;
  }

  // relaxed: a statistic with one writer, nothing is published with it
  static void increment(std::atomic<std::uint64_t>& count) noexcept {
    count.store(count.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  }

  std::size_t room_;
  std::unique_ptr<entry[]> owned_;
  std::vector<std::uint16_t> buckets_;  // by hash, 1 + its entry; the writer's
  std::atomic<entry*> entries_{nullptr};
  std::atomic<std::size_t> size_{0};
  std::atomic<std::uint64_t> others_{0};
};

}  // namespace foxtrot::inline v0
