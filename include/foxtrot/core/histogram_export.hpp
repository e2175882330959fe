// foxtrot/core/histogram_export.hpp: a histogram as the percentile distribution (.hgrm) that the usual plotters read.
#pragma once

#include <foxtrot/core/histogram.hpp>
#include <foxtrot/core/separate_compilation.hpp>

#include <concepts>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>

namespace foxtrot::inline v0 {

struct distribution_format {
  double unit{1000};  ///< nanoseconds in one unit of the text's values; 1000: they are microseconds
  /// Lines for each halving of the distance to 100 %: 0, 10, .. 40, 50, 55, .. 70, 75, 77.5 % are 5. At least 1.
  unsigned ticks_per_half_distance{5};
  int decimals{3};  ///< of values; 0 to 9
};

/// What takes a text piece by piece.
template <class S>
concept text_sink = std::invocable<S&, std::string_view>;

namespace detail {

/// The same for a sink of whatever type.
void write_percentile_distribution(const histogram& times, const distribution_format& format, void* sink,
                                   void (*take)(void* sink, std::string_view piece));

}  // namespace detail

/// Writes the distribution line by line, as HdrHistogram's outputPercentileDistribution does: the value that a share of
/// all does not exceed, the share, how many that are, and 1/(1-share); then mean, deviation, maximum and count. Throws
/// what the sink throws.
template <text_sink Sink>
void write_percentile_distribution(const histogram& times, Sink&& sink, const distribution_format& format = {}) {
  const auto take = [](void* to, std::string_view piece) { (*static_cast<std::remove_reference_t<Sink>*>(to))(piece); };
  detail::write_percentile_distribution(times, format,
                                        const_cast<void*>(static_cast<const void*>(std::addressof(sink))), take);
}

/// The same as one text.
[[nodiscard]] std::string percentile_distribution(const histogram& times, const distribution_format& format = {});

}  // namespace foxtrot::inline v0

#ifdef FOXTROT_DEFINITIONS
#include <foxtrot/core/impl/histogram_export.hpp>
#endif
