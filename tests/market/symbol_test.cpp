#include <foxtrot/market/symbol.hpp>

#include <support/allocation_counter.hpp>
#include <support/sanitizer.hpp>

#include <catch2/catch.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <latch>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

using namespace foxtrot;
using foxtrot_test::repetitions;

namespace {

std::string numbered(std::size_t number) { return "SYM" + std::to_string(number) + "USDT"; }

}  // namespace

TEST_CASE("symbol: names get numbers from 1 on, and keep them", "[market]") {
  symbol_table table;
  CHECK(table.size() == 0);
  CHECK(table.find("BTCUSDT") == symbol_id::none);
  const auto first = table.intern("BTCUSDT");
  const auto second = table.intern("ETHUSDT");
  REQUIRE(first);
  REQUIRE(second);
  CHECK(*first == symbol_id{1});
  CHECK(*second == symbol_id{2});
  CHECK(*table.intern("BTCUSDT") == *first);
  CHECK(table.find("BTCUSDT") == *first);
  CHECK(table.find("BTCUSD") == symbol_id::none);
  CHECK(table.find("btcusdt") == symbol_id::none);
  CHECK(table.find("") == symbol_id::none);
  CHECK(table.name(*second) == "ETHUSDT");
  CHECK(table.size() == 2);
}

TEST_CASE("symbol: numbers that nobody has are nameless", "[market]") {
  symbol_table table;
  REQUIRE(table.intern("BTCUSDT"));
  CHECK(table.name(symbol_id::none).empty());
  CHECK(table.name(symbol_id{2}).empty());
  CHECK(table.name(symbol_id{65'535}).empty());
}

TEST_CASE("symbol: names beyond ASCII, and up to the longest", "[market]") {
  symbol_table table;
  const std::string coin = "\xe5\xb8\x81\xe5\xae\x89\xe4\xba\xba\xe7\x94\x9fUSDT";
  const std::string longest(symbol_table::longest_name, 'X');
  for (const std::string& name : {coin, longest, std::string{"\xff\xfe"}, std::string{"A B"}}) {
    const auto id = table.intern(name);
    REQUIRE(id);
    CHECK(table.find(name) == *id);
    CHECK(table.name(*id) == name);
    CHECK(std::string{symbol{table, *id}.c_str()} == name);  // NUL-terminated
  }
}

TEST_CASE("symbol: a name that differs in one character is another one, whatever its length", "[market]") {
  symbol_table table;
  for (std::size_t size = 1; size <= symbol_table::longest_name; ++size) {
    const std::string name(size, 'A');
    const auto id = table.intern(name);
    REQUIRE(id);
    for (std::size_t at = 0; at < size; ++at) {
      std::string other = name;
      other[at] = 'B';
      INFO(other);
      CHECK(table.find(other) == symbol_id::none);
    }
    CHECK(table.find(name) == *id);
  }
}

TEST_CASE("symbol: names that are none are refused", "[market]") {
  symbol_table table;
  CHECK(table.intern("").error() == errc::bad_argument);
  CHECK(table.intern(std::string(symbol_table::longest_name + 1, 'X')).error() == errc::bad_argument);
  CHECK(table.intern(std::string_view{"BTC\0USDT", 8}).error() == errc::bad_argument);
  CHECK(table.size() == 0);
}

TEST_CASE("symbol: a full table keeps what it has", "[market]") {
  symbol_table table;
  for (std::size_t i = 1; i <= symbol_table::max_symbols; ++i) {
    const auto id = table.intern(numbered(i));
    if (!id || static_cast<std::size_t>(*id) != i) FAIL(i);
  }
  CHECK(table.size() == symbol_table::max_symbols);
  CHECK(table.intern("ONEMORE").error() == errc::symbol_table_full);
  CHECK(table.find("ONEMORE") == symbol_id::none);
  CHECK(table.intern(numbered(1)).value_or(symbol_id::none) == symbol_id{1});
  for (std::size_t i = 1; i <= symbol_table::max_symbols; ++i) {
    const auto id = static_cast<symbol_id>(i);
    if (table.find(numbered(i)) != id || table.name(id) != numbered(i)) FAIL(i);
  }
}

TEST_CASE("symbol: looking up allocates nothing", "[market]") {
  symbol_table table;
  const auto id = table.intern("BTCUSDT");
  REQUIRE(id);
  const std::size_t before = foxtrot_test::allocations();
  const bool found = table.find("BTCUSDT") == *id && table.find("nobody") == symbol_id::none &&
                     table.name(*id) == "BTCUSDT" && table.intern("BTCUSDT").has_value();
  const std::size_t after = foxtrot_test::allocations();
  CHECK(found);
  CHECK(after == before);
}

TEST_CASE("symbol: a value with two words", "[market]") {
  symbol_table table;
  symbol_table other;
  const auto id = table.intern("BTCUSDT");
  const auto same_number = other.intern("ETHUSDT");
  REQUIRE(id);
  REQUIRE(same_number);
  const symbol btc{table, *id};
  CHECK(btc);
  CHECK(btc == "BTCUSDT");
  CHECK(btc == symbol{table, *id});
  CHECK(btc != symbol{other, *same_number});
  CHECK_FALSE(symbol{});
  CHECK(symbol{}.name().empty());
  CHECK(std::string{symbol{}.c_str()}.empty());
  CHECK(symbol{table, symbol_id::none}.name().empty());
  static_assert(sizeof(symbol) == 2 * sizeof(void*));
}

TEST_CASE("symbol: the shared table is one", "[market]") { CHECK(&symbol_table::shared() == &symbol_table::shared()); }

TEST_CASE("symbol: threads intern and find the same names at once", "[market][stress]") {
  constexpr std::size_t writers = 3;
  const std::size_t names = repetitions(5'000);
  symbol_table table;
  std::atomic<std::size_t> faults{0};
  std::atomic<bool> over{false};
  std::latch together{writers + 1};
  {
    // reads what is there while it comes: a number up to size() always has its name, and no name another number
    std::jthread reader{[&] {
      together.arrive_and_wait();
      while (!over.load(std::memory_order_acquire)) {
        for (std::size_t id = 1, size = table.size(); id <= size; id += size / 50 + 1) {
          const std::string_view name = table.name(static_cast<symbol_id>(id));
          const symbol_id found = table.find(name);
          if (name.empty() || (found != symbol_id::none && found != static_cast<symbol_id>(id))) faults.fetch_add(1);
        }
        std::this_thread::yield();
      }
    }};
    std::vector<std::jthread> running;
    for (std::size_t writer = 0; writer < writers; ++writer) {
      running.emplace_back([&, writer] {
        together.arrive_and_wait();
        for (std::size_t i = 0; i < names; ++i) {
          // all the same names, each in an order of its own
          const std::string name = numbered(writer == 0 ? i : writer == 1 ? names - 1 - i : (i * 7919) % names);
          const auto id = table.intern(name);
          if (!id || table.find(name) != *id || table.name(*id) != name) faults.fetch_add(1);
        }
      });
    }
    running.clear();
    over.store(true, std::memory_order_release);
  }
  CHECK(faults.load() == 0);
  for (std::size_t i = 0; i < names; ++i) {
    if (table.find(numbered(i)) == symbol_id::none) FAIL(i);
  }
  CHECK(table.size() == names);  // each name once
}
