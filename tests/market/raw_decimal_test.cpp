#include <foxtrot/market/raw_decimal.hpp>

#include <catch2/catch.hpp>

#include <cstdint>
#include <limits>
#include <type_traits>

using namespace foxtrot;

static_assert(std::has_unique_object_representations_v<raw_decimal> && std::is_trivially_copyable_v<raw_decimal>);
static_assert(std::has_unique_object_representations_v<raw_wide_decimal>);

TEST_CASE("raw_decimal: absent until something is assigned, zero included", "[market]") {
  raw_decimal none;
  CHECK_FALSE(none.present());
  CHECK_FALSE(none.get());
  CHECK(none.value() == decimal{});
  none = decimal{0, 0};
  CHECK(none.get() == decimal{});
}

TEST_CASE("raw_decimal: mantissa and exponent come back as they went in", "[market]") {
  for (const std::int64_t mantissa : {std::int64_t{-150}, std::int64_t{0}, std::numeric_limits<std::int64_t>::min(),
                                      std::numeric_limits<std::int64_t>::max()}) {
    for (const int exponent : {-128, -8, 0, 127}) {
      const raw_decimal kept = decimal{mantissa, exponent};
      CHECK(kept.value().mantissa() == mantissa);
      CHECK(kept.value().exponent() == exponent);
      CHECK(kept.present());
    }
  }
  const auto daily = wide_decimal::parse("123456789012345678901234567.12345678").value();
  const raw_wide_decimal volume = daily;
  CHECK(volume.value().str() == "123456789012345678901234567.12345678");
  CHECK(raw_wide_decimal{decimal{-3, 2}}.get() == wide_decimal{-300, 0});
}
