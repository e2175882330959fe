// foxtrot/market/impl/merge.hpp: what merge.hpp declares.
#pragma once

#include <foxtrot/market/detail/inbox.hpp>
#include <foxtrot/market/detail/joint_status.hpp>
#include <foxtrot/market/detail/symbol_states.hpp>
#include <foxtrot/market/impl/merged_inbox.hpp>
#include <foxtrot/market/merge.hpp>
#include <foxtrot/market/subscription.hpp>
#include <foxtrot/queue/idle.hpp>

#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace foxtrot::inline v0 {

namespace detail {

FOXTROT_DECL subscription merging::merge(std::vector<subscription> from) { return make(std::move(from), nullptr); }
FOXTROT_DECL subscription merging::merge(std::vector<subscription> from, joint_status as_one) {
  return make(std::move(from), &as_one);
}

FOXTROT_DECL subscription merging::make(std::vector<subscription> from, joint_status* as_one) {
  std::vector<std::shared_ptr<inbox>> parts;
  std::optional<idle> waiting;
  for (subscription& each : from) {
    if (each.inbox_ == nullptr) continue;
    if (!waiting) waiting = each.waiting_;
    parts.push_back(std::move(each.inbox_));
  }
  if (parts.empty()) return {};
  if (parts.size() == 1 && as_one == nullptr) return {std::move(parts.front()), *waiting};
  std::optional<joint_status> joined;
  if (as_one != nullptr) joined = std::move(*as_one);
  auto merged = std::make_shared<merged_inbox>(std::move(parts), std::move(joined));
  return {std::make_shared<inbox>(std::move(merged), symbol_states{}), *waiting};
}

}  // namespace detail

FOXTROT_DECL subscription merge(std::vector<subscription> from) { return detail::merging::merge(std::move(from)); }

}  // namespace foxtrot::inline v0
