// foxtrot/market/merge.hpp: one loop over several feeds.
#pragma once

#include <foxtrot/core/separate_compilation.hpp>
#include <foxtrot/market/detail/joint_status.hpp>
#include <foxtrot/market/subscription.hpp>

#include <concepts>
#include <utility>
#include <vector>

namespace foxtrot::inline v0 {

namespace detail {

/// What merge() makes; with `as_one`, of the parts of one feed, whose statuses it decides about.
class merging {
 public:
  [[nodiscard]] static subscription merge(std::vector<subscription> from);
  [[nodiscard]] static subscription merge(std::vector<subscription> from, joint_status as_one);

 private:
  static subscription make(std::vector<subscription> from, joint_status* as_one);
};

}  // namespace detail

/// Several subscriptions, of one feed or of different ones, read as one: each in its own order, none for more than a
/// few events while others wait. Statuses are each feed's own, and say which by `venue()`. It waits as the first does,
/// and wakes for any; it has closed when all have; losses and capacities add up; `latest` is the newest of all. Nothing
/// is copied, and nothing allocated per event.
[[nodiscard]] subscription merge(std::vector<subscription> from);
template <std::same_as<subscription>... Others>
[[nodiscard]] subscription merge(subscription first, Others... others) {
  std::vector<subscription> all;
  all.reserve(1 + sizeof...(Others));
  all.push_back(std::move(first));
  (all.push_back(std::move(others)), ...);
  return detail::merging::merge(std::move(all));
}

}  // namespace foxtrot::inline v0

#ifdef FOXTROT_DEFINITIONS
#include <foxtrot/market/impl/merge.hpp>
#endif
