#include <foxtrot/net/task_name.hpp>

#include <catch2/catch.hpp>

#include <string>
#include <type_traits>
#include <utility>

using foxtrot::task_name;

static_assert(std::is_nothrow_move_constructible_v<task_name>);
static_assert(std::is_convertible_v<std::string, task_name>);

TEST_CASE("task_name: a literal is not copied, any other text is kept", "[net]") {
  constexpr const char* literal = "a literal";
  const task_name given{literal};
  CHECK(given.view().data() == literal);
  std::string text(40, 'x');
  const char* const letters = text.data();
  task_name owner{std::move(text)};
  CHECK(owner.view().data() == letters);
  const task_name moved{std::move(owner)};
  CHECK(moved.view().data() == letters);
  CHECK(moved.view() == std::string(40, 'x'));
  CHECK(task_name{std::string{"short"}}.view() == "short");
  CHECK(task_name{""}.view().empty());
}
