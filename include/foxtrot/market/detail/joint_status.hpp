// foxtrot/market/detail/joint_status.hpp: what a consumer is told where a feed comes in parts: the statuses of one
// feed.
#pragma once

#include <foxtrot/core/error.hpp>
#include <foxtrot/core/separate_compilation.hpp>
#include <foxtrot/market/status.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

namespace foxtrot::inline v0::detail {

inline constexpr std::size_t most_parts = 64;

/// The parts that a feed needs to be whole, a bit each: those that have something to bring.
using parts_in_use = std::atomic<std::uint64_t>;

/// Lets statuses of the parts pass, or not: `connected` when the last part is; every connection that a part loses or
/// cannot make, but of goodbyes and of the states that a newcomer finds only one; polling when the first part begins
/// and when the last ends. All other statuses pass. One thread.
class joint_status {
 public:
  explicit joint_status(std::shared_ptr<const parts_in_use> needed) noexcept : needed_{std::move(needed)} {}

  /// Whether a consumer that heard of everything before hears of this.
  [[nodiscard]] bool passes(std::size_t part, const status_record& record) noexcept;

 private:
  enum class state : std::uint8_t { unknown, whole, broken };

  // relaxed: who has an event of a part that came into use has what was written before
  [[nodiscard]] bool whole() const noexcept { return (needed_->load(std::memory_order_relaxed) & ~connected_) == 0; }
  [[nodiscard]] static bool is_goodbye(const status_record& record) noexcept {
    return record.code == status_code::disconnected && !record.error_is_system &&
           record.error == static_cast<std::int32_t>(errc::cancelled);
  }

  std::shared_ptr<const parts_in_use> needed_;
  std::uint64_t known_{0};  // parts, a bit each: have said how their connection is
  std::uint64_t connected_{0};
  std::uint64_t polled_{0};
  state told_{state::unknown};
};

}  // namespace foxtrot::inline v0::detail

#ifdef FOXTROT_DEFINITIONS
#include <foxtrot/market/impl/joint_status.hpp>
#endif
