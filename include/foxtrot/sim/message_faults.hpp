// foxtrot/sim/message_faults.hpp: which messages of one connection get lost, spoiled, doubled or out of order.
#pragma once

#include <foxtrot/sim/exchange_settings.hpp>
#include <foxtrot/sim/fault.hpp>
#include <foxtrot/sim/faults_in_force.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace foxtrot::inline v0 {

/// How a message goes out.
enum class message_shape : std::uint8_t { right, bad_frame, bad_json };

/// Shares are counted by stream: what happens to one does not depend on what else is subscribed. Loop thread only.
class message_faults {
 public:
  /// `seed` differs between connections: two lines do not lack the same messages.
  message_faults(const faults_in_force& faults, detail::exchange_counters& counters, std::uint64_t seed)
      : faults_{faults}, counters_{counters}, seed_{seed} {}

  /// False where every message simply goes out.
  [[nodiscard]] bool in_force() const noexcept { return faults_.any_of(of_messages); }

  /// Calls `deliver(kind, stream, data, shape)` for what is to be sent now: nothing, this message, this and others.
  template <class Deliver>
  void pass(sim_message kind, std::string_view stream, std::string_view data, Deliver deliver) {
    if (faults_.has(fault_kind::mute) || faults_.silences(stream)) return counters_.messages_dropped.add();
    per_stream& shares = of(stream);
    // all are asked, whoever is hit: each keeps its own count
    const bool dropped = shares.drop.hits(faults_, fault_kind::drop, shares.seed);
    const bool bad_frame = shares.bad_frame.hits(faults_, fault_kind::bad_frame, shares.seed);
    const bool bad_json = shares.bad_json.hits(faults_, fault_kind::bad_json, shares.seed);
    const bool twice = shares.duplicate.hits(faults_, fault_kind::duplicate, shares.seed);
    const bool late = shares.reorder.hits(faults_, fault_kind::reorder, shares.seed);
    if (dropped) return counters_.messages_dropped.add();
    if (late && !shares.held) {
      shares.held = held_message{kind, std::string{data}};
      return;
    }
    const message_shape shape = bad_frame  ? message_shape::bad_frame
                                : bad_json ? message_shape::bad_json
                                           : message_shape::right;
    deliver(kind, stream, data, shape);
    if (twice && shape == message_shape::right) {
      counters_.messages_duplicated.add();
      deliver(kind, stream, data, shape);
    }
    if (!shares.held) return;
    counters_.messages_reordered.add();
    release(stream, shares, deliver);
  }

  /// What is held back for a stream's next message does not wait for it any longer than the fault lasts.
  template <class Deliver>
  void changed(Deliver deliver) {
    if (faults_.has(fault_kind::reorder)) return;
    for (auto& [stream, shares] : streams_)
      if (shares.held) release(stream, shares, deliver);
  }
  /// Nobody wants that stream any more.
  void forget(const std::string& stream) { streams_.erase(stream); }

 private:
  static constexpr fault_mask of_messages{fault_kind::mute,     fault_kind::silence, fault_kind::bad_frame,
                                          fault_kind::bad_json, fault_kind::drop,    fault_kind::duplicate,
                                          fault_kind::reorder};

  struct held_message {
    sim_message kind;
    std::string data;
  };
  struct per_stream {
    std::uint64_t seed{0};
    fault_share drop, bad_frame, bad_json, duplicate, reorder;
    std::optional<held_message> held;
  };

  [[nodiscard]] per_stream& of(std::string_view stream) {
    const auto [found, fresh] = streams_.try_emplace(std::string{stream});
    if (fresh) {
      std::uint64_t hash = 0xcbf29ce484222325U;  // FNV-1a: the same everywhere, which std::hash is not
      for (const char c : stream) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
      found->second.seed = seed_ ^ hash;
    }
    return found->second;
  }

  template <class Deliver>
  static void release(std::string_view stream, per_stream& shares, Deliver& deliver) {
    const held_message late = std::move(*shares.held);
    shares.held.reset();
    deliver(late.kind, stream, late.data, message_shape::right);
  }

  const faults_in_force& faults_;
  detail::exchange_counters& counters_;
  std::uint64_t seed_;
  std::unordered_map<std::string, per_stream> streams_;  // what was sent while a fault was in force
};

}  // namespace foxtrot::inline v0
