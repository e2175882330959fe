// foxtrot/sim/recovery_cases.hpp: what goes wrong in a recovery drill, by name.
#pragma once

#include <foxtrot/market/status.hpp>
#include <foxtrot/sim/certificate_kind.hpp>
#include <foxtrot/sim/exchange_settings.hpp>
#include <foxtrot/sim/fault.hpp>
#include <foxtrot/sim/recovery_watch.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

namespace foxtrot::inline v0 {

/// The time limits of the feed that a drill is made for, and how long what goes wrong lasts.
struct recovery_limits {
  std::chrono::milliseconds step{1000};     ///< for TLS, for an upgrade, for an answer to a request
  std::chrono::milliseconds silence{1500};  ///< without a byte
  std::chrono::milliseconds quote_age{1000};
  std::chrono::milliseconds recovery{1000};  ///< of the circuit breaker
  std::chrono::milliseconds holds{1500};     ///< conditions whose length does not matter
  std::uint32_t one_in{100};                 ///< messages of each stream that are lost, doubled, spoiled
};

/// One accident. All of its faults are injected at the same time, in their order.
struct recovery_case {
  std::string name{};
  std::vector<fault> faults{};
  /// What tells of it; none where it costs nothing and needs no telling.
  status_set witnesses{};
  std::chrono::milliseconds lingers{0};  ///< it may do harm for so long after its end
  std::vector<fault> then{};             ///< injected at its end

  /// From the injection to the end of the last condition, or to the cut that was announced; 0 where all happens at
  /// once.
  [[nodiscard]] std::chrono::milliseconds lasts() const noexcept {
    std::chrono::milliseconds longest{0};
    for (const fault& each : faults)
      longest = std::max({longest, each.lasts, each.kind == fault_kind::server_shutdown ? each.wait : longest});
    return longest;
  }
  /// How many messages faults of its kinds, those that hit single connections, have kept from them: by the exchange's
  /// own counts, which other faults of the same time may have a part in. What hits every connection alike does not
  /// count: what one lacks another does not have.
  [[nodiscard]] std::uint64_t hits(const exchange_statistics& counts) const noexcept {
    std::uint64_t all = 0;
    for (const fault& each : faults) {
      if (each.kind == fault_kind::drop) all += counts.messages_dropped;
      if (each.kind == fault_kind::reorder) all += counts.messages_reordered;
      if (each.kind == fault_kind::bad_json || each.kind == fault_kind::bad_frame) all += counts.messages_spoiled;
    }
    return all;
  }
};

namespace detail {

[[nodiscard]] inline std::vector<recovery_case> endings_of_connections() {
  constexpr status_set lost{status_code::disconnected};
  const auto close = [](std::uint32_t code) {
    return recovery_case{
        "close-" + std::to_string(code), {{.kind = fault_kind::close, .code = code}}, {status_code::disconnected}};
  };
  return {
      {"reset", {{.kind = fault_kind::reset}}, lost},
      {"fin", {{.kind = fault_kind::fin}}, lost},
      close(1000),
      close(1001),
      close(1008),
      close(1012),
      {"server-shutdown",
       {{.kind = fault_kind::server_shutdown, .wait = std::chrono::milliseconds{300}}},
       {status_code::shutdown_announced}},
      {"expire", {{.kind = fault_kind::expire, .wait = std::chrono::milliseconds{1}}}, lost},
  };
}

// Each begins with a reset, so that new connections meet it.
[[nodiscard]] inline std::vector<recovery_case> obstacles_to_connections(const recovery_limits& limits) {
  const auto holds = limits.holds;
  const auto met_by_a_reset = [](std::string name, fault what, std::chrono::milliseconds lingers = {}) {
    return recovery_case{
        std::move(name), {std::move(what), {.kind = fault_kind::reset}}, {status_code::disconnected}, lingers};
  };
  return {
      met_by_a_reset("refuse", {.kind = fault_kind::refuse, .lasts = holds / 4}),
      met_by_a_reset("flap", {.kind = fault_kind::flap, .lasts = holds, .wait = std::chrono::milliseconds{20}}),
      met_by_a_reset("upgrade-503", {.kind = fault_kind::upgrade, .lasts = holds / 2, .code = 503}),
      met_by_a_reset(
          "upgrade-429",
          {.kind = fault_kind::upgrade, .lasts = holds / 4, .code = 429, .retry_after = std::chrono::seconds{1}}),
      met_by_a_reset("certificate",
                     {.kind = fault_kind::certificate, .lasts = holds, .certificate = certificate_kind::expired}),
      met_by_a_reset("handshake-stall", {.kind = fault_kind::handshake_stall, .lasts = holds / 4}),
      met_by_a_reset("upgrade-stall", {.kind = fault_kind::upgrade_stall, .lasts = holds / 4}),
      // data comes all the same, and the request is made again at the end of its patience
      met_by_a_reset("ack-loss", {.kind = fault_kind::ack_loss, .lasts = holds / 2}, limits.step),
      met_by_a_reset("ack-delay", {.kind = fault_kind::ack_delay, .lasts = holds, .wait = limits.step / 2}),
      // the venue's no is final for that connection: the next one asks again
      {"ack-error",
       {{.kind = fault_kind::ack_error, .lasts = holds / 2}, {.kind = fault_kind::reset}},
       {status_code::disconnected},
       {},
       {{.kind = fault_kind::reset}}},
  };
}

[[nodiscard]] inline std::vector<recovery_case> silences(const recovery_limits& limits, const std::string& stream) {
  const auto longer = limits.holds / 2;
  return {
      {"freeze", {{.kind = fault_kind::freeze, .lasts = limits.silence + longer}}, {status_code::disconnected}},
      {"mute", {{.kind = fault_kind::mute, .lasts = limits.quote_age + longer}}, {status_code::stale}},
      {"silence",
       {{.kind = fault_kind::silence, .lasts = limits.quote_age + longer, .text = stream}},
       {status_code::stale}},
  };
}

[[nodiscard]] inline std::vector<recovery_case> spoiled_data(const recovery_limits& limits) {
  const auto holds = limits.holds;
  constexpr std::chrono::milliseconds moment{20};
  return {
      {"drip", {{.kind = fault_kind::drip, .lasts = holds, .bytes = 60'000, .wait = moment}}},
      {"split", {{.kind = fault_kind::split, .lasts = holds / 2, .bytes = 100}}},
      {"coalesce", {{.kind = fault_kind::coalesce, .lasts = holds, .wait = moment}}},
      {"ping-storm", {{.kind = fault_kind::ping_storm, .lasts = holds, .per_second = 1'000, .bytes = 125}}},
      {"duplicate", {{.kind = fault_kind::duplicate, .lasts = holds, .one_in = limits.one_in}}},
      {"reorder", {{.kind = fault_kind::reorder, .lasts = holds, .one_in = limits.one_in}}, {status_code::gap}},
      {"drop", {{.kind = fault_kind::drop, .lasts = holds, .one_in = limits.one_in}}, {status_code::gap}},
      {"bad-json", {{.kind = fault_kind::bad_json, .lasts = holds, .one_in = limits.one_in}}, {status_code::gap}},
      {"bad-frame",
       {{.kind = fault_kind::bad_frame, .lasts = holds / 2, .one_in = limits.one_in}},
       {status_code::disconnected}},
  };
}

// WebSocket is refused until the breaker opens and for a while after that.
[[nodiscard]] inline std::vector<recovery_case> fallbacks(const recovery_limits& limits) {
  const auto away = 2 * limits.recovery + limits.holds + std::chrono::milliseconds{1000};
  const auto with = [&](std::string name, std::vector<fault> rest) {
    rest.push_back({.kind = fault_kind::upgrade, .lasts = away, .code = 500});
    rest.push_back({.kind = fault_kind::reset});
    return recovery_case{std::move(name), std::move(rest), {status_code::disconnected}};
  };
  return {
      with("fallback", {}),
      with("fallback-rest-429",
           {{.kind = fault_kind::rest, .lasts = limits.recovery, .code = 429, .retry_after = std::chrono::seconds{1}}}),
      with("fallback-rest-503", {{.kind = fault_kind::rest, .lasts = limits.recovery, .code = 503}}),
      with("fallback-rest-cut", {{.kind = fault_kind::rest_cut, .lasts = limits.recovery}}),
  };
}

}  // namespace detail

/// The accidents of a whole drill, in their order; `stream`: that of one symbol's quotes, which falls silent alone.
[[nodiscard]] inline std::vector<recovery_case> recovery_cases(const recovery_limits& limits = {},
                                                               const std::string& stream = "btcusdt@bookTicker") {
  std::vector<recovery_case> all = detail::endings_of_connections();
  const auto add = [&all](std::vector<recovery_case> more) {
    std::move(more.begin(), more.end(), std::back_inserter(all));
  };
  add(detail::obstacles_to_connections(limits));
  add(detail::silences(limits, stream));
  add(detail::spoiled_data(limits));
  add(detail::fallbacks(limits));
  return all;
}

}  // namespace foxtrot::inline v0
