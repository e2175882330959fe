// bench/codec/limit.hpp: what looking at the bytes costs: one pass of AVX2 over them, and nothing understood.
#pragma once

#include <codec/decoded.hpp>

#include <cstddef>
#include <cstdint>
#include <string_view>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace foxtrot_bench {

class byte_pass {
 public:
  explicit byte_pass(venue) noexcept {}

  [[nodiscard]] static bool available() noexcept { return binance::best_isa() == binance::isa::avx2; }

#if defined(__x86_64__)
  /// Counts quotes, 32 bytes at a time: a load, a comparison, a sum. The last load goes into the padding.
  [[nodiscard, gnu::noinline, gnu::target("avx2")]] bool decode(std::string_view message, decoded& out) noexcept {
    const __m256i quote = _mm256_set1_epi8('"');
    __m256i sum = _mm256_setzero_si256();
    const char* const end = message.data() + message.size();
    for (const char* at = message.data(); at < end; at += 32) {
      const __m256i text = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at));
      sum = _mm256_add_epi8(sum, _mm256_cmpeq_epi8(text, quote));
    }
    out.book.update_id = static_cast<std::uint32_t>(_mm256_movemask_epi8(sum));
    return true;
  }
#else
  [[nodiscard]] bool decode(std::string_view, decoded&) noexcept { return false; }
#endif
};

}  // namespace foxtrot_bench
