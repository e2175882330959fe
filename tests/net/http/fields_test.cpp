// tests/net/http/fields_test.cpp: names without case, lists, numbers.
#include <foxtrot/net/http/fields.hpp>

#include <catch2/catch.hpp>

#include <cstdint>

namespace {

using namespace foxtrot;

TEST_CASE("fields: names are found without regard to case, the first one first", "[fields]") {
  http_fields fields;
  fields.add("Content-Type", "a");
  fields.add("content-type", "b");
  CHECK(fields.find("CONTENT-TYPE") == "a");
  CHECK(fields.count("content-Type") == 2);
  CHECK(fields.find("Content-Typ") == std::nullopt);
  CHECK(fields.size() == 2);
}

TEST_CASE("fields: tokens in lists over several fields", "[fields]") {
  http_fields fields;
  fields.add("Connection", "keep-alive,\tUpgrade ,x");
  fields.add("Connection", "last");
  CHECK(fields.has_token("connection", "upgrade"));
  CHECK(fields.has_token("connection", "keep-alive"));
  CHECK(fields.has_token("connection", "LAST"));
  CHECK_FALSE(fields.has_token("connection", "keep"));
  CHECK_FALSE(fields.has_token("connection", "upgrade ,x"));
  CHECK_FALSE(fields.has_token("other", "upgrade"));
}

TEST_CASE("fields: decimal numbers saturate and take nothing else", "[fields]") {
  using detail::parse_decimal;
  CHECK(parse_decimal("0") == 0U);
  CHECK(parse_decimal("18446744073709551615") == UINT64_MAX);
  CHECK(parse_decimal("18446744073709551616") == UINT64_MAX);
  CHECK(parse_decimal("99999999999999999999999999999999990") == UINT64_MAX);
  for (const char* bad : {"", " 1", "1 ", "+1", "-1", "1.0", "0x1", "1e3"}) CHECK(parse_decimal(bad) == std::nullopt);
}

}  // namespace
