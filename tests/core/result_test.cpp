#include <foxtrot/core/result.hpp>

#include <catch2/catch.hpp>

#include <cerrno>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>

using namespace foxtrot;

TEST_CASE("result: holds a value", "[core]") {
  result<std::string> made = std::string{"value"};
  REQUIRE(made);
  CHECK(made.has_value());
  CHECK_FALSE(made.error());
  CHECK(made.value() == "value");
  CHECK(*made == "value");
  CHECK(made->size() == 5);
  *made = "changed";
  CHECK(std::as_const(made).value() == "changed");
  CHECK(*std::as_const(made) == "changed");
  CHECK(std::as_const(made)->size() == 7);
}

TEST_CASE("result: holds the error that explains its absence", "[core]") {
  const result<int> named = errc::bad_url;
  CHECK_FALSE(named);
  CHECK(named.error() == errc::bad_url);

  const result<int> system = std::error_code{ECONNRESET, std::system_category()};
  CHECK_FALSE(system.has_value());
  CHECK(system.error() == condition::transient);
}

TEST_CASE("result: value_or", "[core]") {
  const result<int> good = 7;
  const result<int> bad = errc::timeout;
  CHECK(good.value_or(1) == 7);
  CHECK(bad.value_or(1) == 1);
  const result<std::string> text = errc::timeout;
  CHECK(text.value_or("fallback") == "fallback");
}

TEST_CASE("result: carries what can only be moved, and gives it away", "[core]") {
  result<std::unique_ptr<int>> made = std::make_unique<int>(5);
  REQUIRE(made);
  const std::unique_ptr<int> taken = *std::move(made);
  CHECK(*taken == 5);
  result<std::unique_ptr<int>> again = std::make_unique<int>(6);
  CHECK(*std::move(again).value() == 6);
  static_assert(!std::is_copy_constructible_v<result<std::unique_ptr<int>>>);
  static_assert(std::is_nothrow_move_constructible_v<result<std::unique_ptr<int>>>);
}

TEST_CASE("result: success does not depend on the value", "[core]") {
  const result<bool> no = false;
  CHECK(no.has_value());
  CHECK_FALSE(*no);
  const result<int> zero = 0;
  CHECK(zero);
  CHECK(zero.value_or(1) == 0);
}

TEST_CASE("result: copies and assignments replace the state", "[core]") {
  result<std::string> first = std::string{"one"};
  const result<std::string> copy = first;
  first = errc::closed;
  CHECK(first.error() == errc::closed);
  REQUIRE(copy);
  CHECK(*copy == "one");
  first = copy;
  CHECK(first.value_or("") == "one");
}
