#include <foxtrot/core/decimal_arithmetic.hpp>

#include <support/long_arithmetic.hpp>
#include <support/sanitizer.hpp>

#include <catch2/catch.hpp>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <tuple>

using namespace foxtrot;
using foxtrot_test::decimal_source;
using foxtrot_test::long_decimal;
using foxtrot_test::repetitions;

namespace {

constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t least = std::numeric_limits<std::int64_t>::min();

/// Exact where the width can hold the number at all, nothing where it cannot.
template <class Mantissa>
bool right(const std::optional<basic_decimal<Mantissa>>& got, const long_decimal& wanted) {
  return got ? long_decimal::of(*got) == wanted : !wanted.fits<Mantissa>();
}

template <class A, class B>
void compare_with_long_arithmetic(std::size_t times) {
  decimal_source random;
  std::size_t held = 0;
  for (std::size_t i = 0; i < times; ++i) {
    const auto a = random.next<A>();
    const auto b = random.next<B>();
    const long_decimal x = long_decimal::of(a);
    const long_decimal y = long_decimal::of(b);
    const auto sum = add(a, b);
    if (!right(sum, x + y)) FAIL(a.str() << " + " << b.str() << " = " << (sum ? sum->str() : "nothing"));
    const auto difference = subtract(a, b);
    if (!right(difference, x - y)) {
      FAIL(a.str() << " - " << b.str() << " = " << (difference ? difference->str() : "nothing"));
    }
    const auto product = multiply(a, b);
    if (!right(product, x * y)) FAIL(a.str() << " * " << b.str() << " = " << (product ? product->str() : "nothing"));
    if (!right(negate(a), long_decimal{} - x)) FAIL("-" << a.str());
    held += sum.has_value() + difference.has_value() + product.has_value();
  }
  CHECK(held > times);  // both outcomes have been seen often
  CHECK(held < 3 * times - times / 4);
}

}  // namespace

TEST_CASE("decimal arithmetic: sums, differences and products agree with long arithmetic", "[core]") {
  compare_with_long_arithmetic<std::int64_t, std::int64_t>(repetitions(40'000));
  compare_with_long_arithmetic<int128, int128>(repetitions(10'000));
  compare_with_long_arithmetic<std::int64_t, int128>(repetitions(5'000));
  compare_with_long_arithmetic<int128, std::int64_t>(repetitions(5'000));
}

TEST_CASE("decimal arithmetic: keeps the finer exponent where that fits", "[core]") {
  const decimal sum = add(decimal{150, -2}, decimal{25, -1}).value();
  CHECK(sum.mantissa() == 400);
  CHECK(sum.exponent() == -2);
  const decimal rest = subtract(decimal{6183763000000, -8}, decimal{1, -2}).value();
  CHECK(rest.mantissa() == 6183762000000);
  const decimal product = multiply(decimal{6183763, -2}, decimal{50, -2}).value();
  CHECK(product.mantissa() == 309188150);
  CHECK(product.exponent() == -4);
}

TEST_CASE("decimal arithmetic: what fits in no form is nothing, what fits in another is found", "[core]") {
  CHECK_FALSE(add(decimal{most, 0}, decimal{1, 0}));  // 2^63: no zeros at its end
  CHECK_FALSE(subtract(decimal{least, 0}, decimal{1, 0}));
  CHECK(*add(decimal{most, 0}, decimal{3, 0}) == decimal{922337203685477581, 1});
  CHECK_FALSE(negate(decimal{least, 0}));
  CHECK_FALSE(negate(wide_decimal{int128_min, 0}));
  CHECK(*negate(decimal{5, -1}) == decimal{-5, -1});
  CHECK(*subtract(decimal{0, 0}, decimal{-most, -5}) == decimal{most, -5});
  CHECK(*subtract(decimal{least, 0}, decimal{least, 0}) == decimal{});
  CHECK(*subtract(decimal{-1, 0}, decimal{least, 0}) == decimal{most, 0});
  CHECK(*add(decimal{1, 100}, decimal{0, -100}) == decimal{1, 100});
  CHECK_FALSE(add(decimal{1, 100}, decimal{1, 0}));
  CHECK(*subtract(decimal{1, 100}, decimal{10, 99}) == decimal{});

  CHECK_FALSE(multiply(decimal{most, 0}, decimal{2, 0}));
  CHECK(*multiply(decimal{4'000'000'000'000'000'000, 0}, decimal{5, 0}) == decimal{2, 19});
  CHECK(*multiply(decimal{std::int64_t{1} << 62, 0}, decimal{7'450'580'596'923'828'125, 0}) ==  // 2^62 x 5^27
        decimal{std::int64_t{1} << 35, 27});
  CHECK(*multiply(wide_decimal{int128{1} << 120, 0}, wide_decimal{7'450'580'596'923'828'125, 0}) ==
        wide_decimal{int128{1} << 93, 27});
  CHECK_FALSE(multiply(decimal{1, -100}, decimal{1, -29}));
  CHECK(*multiply(decimal{10, -100}, decimal{1, -29}) == decimal{1, -128});
  CHECK(*multiply(decimal{1, 100}, decimal{1, 30}) == decimal{1'000, 127});
  CHECK_FALSE(multiply(decimal{1, 127}, decimal{1, 127}));
  CHECK(*multiply(decimal{0, 127}, decimal{1, 127}) == decimal{});
  CHECK(multiply(wide_decimal{decimal{least, -8}}, decimal{least, -8})->mantissa() == int128{1} << 126);
}

TEMPLATE_TEST_CASE("decimal arithmetic: the laws of algebra", "[core]", decimal, wide_decimal) {
  decimal_source random;
  for (std::size_t i = 0; i < repetitions(50'000); ++i) {
    using mantissa = typename TestType::mantissa_type;
    const auto a = random.next<mantissa>();
    const auto b = random.next<mantissa>();
    const auto c = random.next<mantissa>();
    INFO(a.str() << ", " << b.str() << ", " << c.str());
    if (add(a, b) != add(b, a) || multiply(a, b) != multiply(b, a)) FAIL("commutes");
    const auto sum = add(a, b);
    if (sum && subtract(*sum, b) != a) FAIL("addition undone");
    if (sum && add(*sum, c) && add(b, c) && add(a, *add(b, c)) && add(*sum, c) != add(a, *add(b, c)))
      FAIL("associates");
    if (sum && multiply(*sum, c) && multiply(a, c) && multiply(b, c) && add(*multiply(a, c), *multiply(b, c)) &&
        multiply(*sum, c) != add(*multiply(a, c), *multiply(b, c))) {
      FAIL("distributes");
    }
    if (multiply(a, TestType{1, 0}) != a || add(a, TestType{}) != a) FAIL("neutral elements");
    if (negate(a) && add(a, *negate(a)) != TestType{}) FAIL("inverse");
    if ((a < b) != (subtract(a, b) ? subtract(a, b)->mantissa() < 0 : a < b)) FAIL("order");
  }
}

TEST_CASE("decimal arithmetic: narrow is exact or nothing", "[core]") {
  CHECK(*narrow(wide_decimal{15, -1}) == decimal{15, -1});
  CHECK(*narrow(wide_decimal{least, 0}) == decimal{least, 0});
  CHECK_FALSE(narrow(wide_decimal{int128{most} + 1, 0}));
  CHECK(*narrow(wide_decimal{int128{most} * 1'000, -3}) == decimal{most, 0});
  decimal_source random;
  for (std::size_t i = 0; i < repetitions(50'000); ++i) {
    const auto number = random.next<int128>();
    if (!right(narrow(number), long_decimal::of(number))) FAIL(number.str());
  }
}

TEST_CASE("decimal arithmetic: works at compile time", "[core]") {
  static_assert(*add(decimal{15, -1}, wide_decimal{5, -1}) == decimal{2, 0});
  static_assert(*subtract(decimal{15, -1}, decimal{5, -1}) == decimal{1, 0});
  static_assert(*multiply(decimal{15, -1}, decimal{2, 0}) == decimal{3, 0});
  static_assert(!multiply(decimal{most, 0}, decimal{most, 0}));
  SUCCEED();
}
