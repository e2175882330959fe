// foxtrot/observe/latency_table.hpp: a latency report for people, and as files for plotters.
#pragma once

#include <foxtrot/core/histogram_export.hpp>
#include <foxtrot/market/kinds.hpp>
#include <foxtrot/market/latency_report.hpp>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <string>
#include <system_error>

namespace foxtrot::inline v0 {

/// One line for each stage and kind, in microseconds; below a head, unless there is nothing.
[[nodiscard]] inline std::string latency_table(const latency_report& report) {
  std::array<char, 160> line{};
  std::string text;
  if (report.empty()) return text;
  std::snprintf(line.data(), line.size(), "%-18s %-16s %12s %9s %9s %9s %9s %9s\n", "us", "kind", "ticks", "p50", "p90",
                "p99", "p99.9", "max");
  text += line.data();
  for (const latency_report::entry& each : report.entries()) {
    const latency_figures found = latency_figures::of(each.times);
    const auto us = [](std::chrono::nanoseconds time) { return static_cast<double>(time.count()) / 1000; };
    std::snprintf(line.data(), line.size(), "%-18s %-16s %12llu %9.1f %9.1f %9.1f %9.1f %9.1f\n",
                  std::string{to_string(each.stage)}.c_str(), std::string{to_string(each.kind)}.c_str(),
                  static_cast<unsigned long long>(found.count), us(found.p50), us(found.p90), us(found.p99),
                  us(found.p999), us(found.max));
    text += line.data();
  }
  return text;
}

/// Writes `<prefix><stage>.<kind>.hgrm` for each, over what is there. The first error ends it.
[[nodiscard]] inline std::error_code write_latency_files(const latency_report& report, const std::string& prefix,
                                                         const distribution_format& format = {}) {
  for (const latency_report::entry& each : report.entries()) {
    errno = 0;
    std::ofstream file{prefix + std::string{to_string(each.stage)} + '.' + std::string{to_string(each.kind)} + ".hgrm"};
    file << percentile_distribution(each.times, format);
    if (!file.flush()) return {errno != 0 ? errno : EIO, std::system_category()};
  }
  return {};
}

}  // namespace foxtrot::inline v0
