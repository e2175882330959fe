// tests/core/live_object_test.cpp: in an ordinary program the mix-in is nothing. What it counts elsewhere:
// tests/live_objects.
#include <foxtrot/core/live_object.hpp>

#include <catch2/catch.hpp>

#include <cstdint>
#include <string_view>
#include <type_traits>

namespace {

struct alignas(8) plain {
  std::int64_t number;
};
struct alignas(8) counted : private foxtrot::live_object<counted> {
  std::int64_t number;
};
template <class T>
struct box : private foxtrot::live_object<box<T>> {};

static_assert(!foxtrot::counts_live_objects);
static_assert(sizeof(counted) == sizeof(plain) && alignof(counted) == alignof(plain));
static_assert(std::is_trivially_copyable_v<counted> && std::is_trivially_destructible_v<counted>);
static_assert(std::is_trivially_default_constructible_v<counted> && std::is_empty_v<box<int>>);

}  // namespace

TEST_CASE("live_object: costs and counts nothing in an ordinary program") {
  const counted one{};
  const box<int> other;
  (void)one, (void)other;
  CHECK(foxtrot::live_objects().empty());
}

TEST_CASE("live_object: names are those of the source") {
  CHECK(foxtrot::detail::type_name<int>() == "int");
  CHECK(foxtrot::detail::type_name<box<box<int>>>().find("box<") != std::string_view::npos);
}
