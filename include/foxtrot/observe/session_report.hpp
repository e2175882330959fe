// foxtrot/observe/session_report.hpp: the end of a run as a table for people and as JSON for programs.
#pragma once

#include <foxtrot/core/histogram.hpp>
#include <foxtrot/feed/counters.hpp>
#include <foxtrot/feed/error_kind.hpp>
#include <foxtrot/market/kinds.hpp>
#include <foxtrot/observe/signed_histogram.hpp>
#include <foxtrot/observe/tick_statistics.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>

namespace foxtrot::inline v0 {

/// What is reported; all of it counted elsewhere.
struct session_report {
  const tick_statistics& seen;
  const feed_counters& feed;
  double seconds{0};
  double shutdown_ms{0};

  /// Messages that held data: answers to our own requests do not count.
  [[nodiscard]] std::uint64_t data_messages() const noexcept { return feed.messages.get() - feed.answers.get(); }
  /// Connections after the first.
  [[nodiscard]] std::uint64_t reconnects() const noexcept {
    const std::uint64_t connects = feed.connects.get();
    return connects == 0 ? 0 : connects - 1;
  }

  [[nodiscard]] std::string table() const;
  [[nodiscard]] std::string json() const;
};

namespace detail {

// printf's formats, into a string.
template <class... Values>
void append_format(std::string& text, const char* format, Values... values) {
  std::array<char, 256> line{};
  const int length = std::snprintf(line.data(), line.size(), format, values...);
  if (length > 0) text.append(line.data(), std::min(static_cast<std::size_t>(length), line.size() - 1));
}

inline void append_json_string(std::string& text, std::string_view value) {
  text += '"';
  for (const char c : value) {
    if (c == '"' || c == '\\') text += '\\';
    if (static_cast<unsigned char>(c) < ' ') {
      append_format(text, "\\u%04x", static_cast<unsigned>(c));
    } else {
      text += c;
    }
  }
  text += '"';
}

inline void append_json_kinds(std::string& text, const tick_statistics::by_kind& kinds) {
  text += '{';
  for (std::size_t kind = 1; kind < tick_kind_count; ++kind) {  // 0 is status
    if (kind != 1) text += ',';
    append_json_string(text, to_string(static_cast<tick_kind>(kind)));
    text += ':' + std::to_string(kinds[kind]);
  }
  text += '}';
}

template <class Histogram>
void append_json_percentiles(std::string& text, std::string_view name, const Histogram& values) {
  append_json_string(text, name);
  append_format(text, R"(:{"p50":%lld,"p90":%lld,"p99":%lld,"p999":%lld,"max":%lld})",
                static_cast<long long>(values.percentile(0.5)), static_cast<long long>(values.percentile(0.9)),
                static_cast<long long>(values.percentile(0.99)), static_cast<long long>(values.percentile(0.999)),
                static_cast<long long>(values.max()));
}

}  // namespace detail

inline std::string session_report::json() const {
  std::string text = "{\"messages\":" + std::to_string(data_messages()) + ",\"ticks\":";
  detail::append_json_kinds(text, seen.kinds());
  text += ",\"symbols\":{";
  bool first = true;
  for (const auto& [name, kinds] : seen.symbols()) {
    if (!first) text += ',';
    first = false;
    detail::append_json_string(text, name.name());
    text += ':';
    detail::append_json_kinds(text, kinds);
  }
  text += "},\"unknown\":" + std::to_string(feed.unknown.get());
  text += ",\"rejected\":" + std::to_string(feed.rejected.get());
  text += ",\"gaps\":" + std::to_string(feed.gaps.get());
  text += ",\"dropped\":" + std::to_string(seen.dropped());
  text += ",\"reconnects\":" + std::to_string(reconnects());
  text += ",\"errors\":{";
  first = true;
  for (std::size_t kind = 0; kind < error_kind_count; ++kind) {
    if (feed.errors[kind].get() == 0) continue;
    if (!first) text += ',';
    first = false;
    detail::append_json_string(text, to_string(static_cast<error_kind>(kind)));
    text += ':' + std::to_string(feed.errors[kind].get());
  }
  text += "},";
  detail::append_json_percentiles(text, "latency_ns", seen.latency());
  text += ',';
  detail::append_json_percentiles(text, "venue_delay_ns", seen.venue_delay());
  detail::append_format(text, ",\"shutdown_ms\":%.3f,\"seconds\":%.3f}", shutdown_ms, seconds);
  return text;
}

inline std::string session_report::table() const {
  std::string text;
  detail::append_format(text, "%-16s", "symbol");
  // quotes, trades and books; others only where there were some
  const auto shown = [this](std::size_t kind) {
    return kind <= static_cast<std::size_t>(tick_kind::depth_snapshot) || seen.kinds()[kind] != 0;
  };
  for (std::size_t kind = 1; kind < tick_kind_count; ++kind) {
    if (!shown(kind)) continue;
    detail::append_format(text, "%16s", std::string{to_string(static_cast<tick_kind>(kind))}.c_str());
  }
  text += '\n';
  const auto row = [&text, &shown](std::string_view name, const tick_statistics::by_kind& kinds) {
    detail::append_format(text, "%-16s", std::string{name}.c_str());
    for (std::size_t kind = 1; kind < tick_kind_count; ++kind) {
      if (!shown(kind)) continue;
      detail::append_format(text, "%16llu", static_cast<unsigned long long>(kinds[kind]));
    }
    text += '\n';
  };
  for (const auto& [name, kinds] : seen.symbols()) row(name.name(), kinds);
  row("all", seen.kinds());
  const auto number = [](const counter& value) { return static_cast<unsigned long long>(value.get()); };
  detail::append_format(
      text, "\n%llu messages in %.1f s, %llu unknown, %llu rejected, %llu gaps, %llu dropped, %llu reconnects\n",
      static_cast<unsigned long long>(data_messages()), seconds, number(feed.unknown), number(feed.rejected),
      number(feed.gaps), static_cast<unsigned long long>(seen.dropped()),
      static_cast<unsigned long long>(reconnects()));
  const auto us = [](std::int64_t nanoseconds) { return static_cast<double>(nanoseconds) / 1000.0; };
  const histogram& latency = seen.latency();
  detail::append_format(text, "read to strategy: p50 %.1f us, p90 %.1f us, p99 %.1f us, p99.9 %.1f us, max %.1f us\n",
                        us(latency.percentile(0.5)), us(latency.percentile(0.9)), us(latency.percentile(0.99)),
                        us(latency.percentile(0.999)), us(latency.max()));
  detail::append_format(text, "shutdown: %.1f ms\n", shutdown_ms);
  return text;
}

}  // namespace foxtrot::inline v0
