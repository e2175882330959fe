// foxtrot/sim/sent_log.hpp: which ids a simulated exchange has made and sent, through which connection, and when.
#pragma once

#include <foxtrot/core/clock.hpp>
#include <foxtrot/core/live_object.hpp>
#include <foxtrot/sim/exchange_settings.hpp>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace foxtrot::inline v0 {

/// One message of a stream on its way to one client.
struct sent_message {
  std::uint64_t id{0};      ///< of the trade or the quote; the last one of a diff
  std::int64_t at_ns{0};    ///< when it was handed to the connection, by epoch_clock: before any delay of its bytes
  std::uint64_t client{0};  ///< by the order in which connections were accepted, from 1; 0: the market made it
};

/// What one stream has sent, in that order, faults included: what was dropped is not here, what was doubled is twice.
/// What the bytes' own end kept from a client, as a reset does, nobody can know.
struct sent_messages {
  std::vector<sent_message> all{};
  bool complete{true};  ///< false: there were more than were to be kept

  /// Each once, ascending: what at least one client was sent, or what the market made.
  [[nodiscard]] std::vector<std::uint64_t> sent_ids() const {
    return ids([](const sent_message& each) { return each.client != 0; });
  }
  [[nodiscard]] std::vector<std::uint64_t> made_ids() const {
    return ids([](const sent_message& each) { return each.client == 0; });
  }

 private:
  template <class Predicate>
  [[nodiscard]] std::vector<std::uint64_t> ids(Predicate counts) const {
    std::vector<std::uint64_t> found;
    for (const sent_message& each : all)
      if (counts(each)) found.push_back(each.id);
    std::sort(found.begin(), found.end());
    found.erase(std::unique(found.begin(), found.end()), found.end());
    return found;
  }
};

/// Written by the loop's thread, read by any.
class sent_log : private live_object<sent_log> {
 public:
  /// `most` messages of each stream are kept; 0: none, and nothing is done for it.
  explicit sent_log(std::size_t most) : most_{most} {}

  [[nodiscard]] bool enabled() const noexcept { return most_ != 0; }

  /// Nothing where that text has no id.
  void add(sim_message kind, std::string_view stream, std::string_view text, std::uint64_t client) {
    if (const std::uint64_t id = id_in(kind, text); id != 0) add(stream, id, client);
  }
  void add(std::string_view stream, std::uint64_t id, std::uint64_t client) {
    const sent_message added{id, epoch_clock::now_ns(), client};
    const std::lock_guard lock{mutex_};
    sent_messages& its = streams_[std::string{stream}];
    its.complete = its.complete && its.all.size() < most_;
    if (its.complete) its.all.push_back(added);
  }

  [[nodiscard]] sent_messages of(const std::string& stream) const {
    const std::lock_guard lock{mutex_};
    const auto found = streams_.find(stream);
    return found == streams_.end() ? sent_messages{} : found->second;
  }

 private:
  [[nodiscard]] static constexpr std::string_view key_of(sim_message kind) noexcept {
    switch (kind) {
      case sim_message::book_ticker:
      case sim_message::depth: return "\"u\":";
      case sim_message::trade: return "\"t\":";
      case sim_message::agg_trade: return "\"a\":";
      case sim_message::mark_price:
      case sim_message::other: break;
    }
    return {};
  }
  [[nodiscard]] static std::uint64_t id_in(sim_message kind, std::string_view text) noexcept {
    const std::string_view key = key_of(kind);
    const std::size_t at = key.empty() ? text.npos : text.find(key);
    std::uint64_t id = 0;
    if (at != text.npos) std::from_chars(text.data() + at + key.size(), text.data() + text.size(), id);
    return id;
  }

  std::size_t most_;
  mutable std::mutex mutex_;  // guards what follows
  std::unordered_map<std::string, sent_messages> streams_;
};

}  // namespace foxtrot::inline v0
