// foxtrot/market/impl/symbol.hpp: what symbol.hpp declares.
#pragma once

#include <foxtrot/core/error.hpp>
#include <foxtrot/core/result.hpp>
#include <foxtrot/market/symbol.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string_view>

namespace foxtrot::inline v0 {

FOXTROT_DECL symbol_table::symbol_table() : buckets_(bucket_count) {}

FOXTROT_DECL symbol_table::~symbol_table() {
  for (auto& page : pages_) delete[] page.load(std::memory_order_relaxed);  // nobody else is left
}

FOXTROT_DECL result<symbol_id> symbol_table::intern(std::string_view name) {
  if (const symbol_id known = find(name); known != symbol_id::none) return known;
  if (name.empty() || name.size() > longest_name || name.find('\0') != std::string_view::npos) {
    return errc::bad_argument;
  }
  const std::lock_guard lock{mutex_};
  if (const symbol_id known = find(name); known != symbol_id::none) return known;
  const std::size_t id = size_.load(std::memory_order_relaxed) + 1;
  if (id > max_symbols) return errc::symbol_table_full;
  auto& page = pages_[id / page_size];
  if (page.load(std::memory_order_relaxed) == nullptr) page.store(new entry[page_size], std::memory_order_release);
  entry& fresh = page.load(std::memory_order_relaxed)[id % page_size];
  name.copy(fresh.text, name.size());
  fresh.length = static_cast<std::uint8_t>(name.size());
  std::size_t at = hash(name);
  while (buckets_[at & (bucket_count - 1)].load(std::memory_order_relaxed) != 0) ++at;
  size_.store(id, std::memory_order_release);  // before the bucket: whoever finds an id finds its name, too
  buckets_[at & (bucket_count - 1)].store(static_cast<std::uint16_t>(id), std::memory_order_release);
  return symbol_id{static_cast<std::uint16_t>(id)};
}

}  // namespace foxtrot::inline v0
