// tests/support/sanitizer.hpp: whether a sanitizer is at work, and what a bound or a size becomes then.
#pragma once

#include <cstddef>

namespace foxtrot_test {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool sanitized = true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
inline constexpr bool sanitized = true;
#else
inline constexpr bool sanitized = false;
#endif
#else
inline constexpr bool sanitized = false;
#endif

/// A bound on time: ten times as much under a sanitizer.
template <class Duration>
constexpr Duration bound(Duration time) {
  return sanitized ? time * 10 : time;
}

/// A number of repetitions: a twentieth under a sanitizer, at least one.
constexpr std::size_t repetitions(std::size_t full) { return sanitized ? (full + 19) / 20 : full; }

}  // namespace foxtrot_test
