#include <foxtrot/queue/huge_page_resource.hpp>

#include <foxtrot/queue/spsc_ring.hpp>

#include <support/allocation_counter.hpp>

#include <catch2/catch.hpp>

#include <cstddef>
#include <cstdint>
#include <fstream>
#include <string>

#include <sys/mman.h>
#include <unistd.h>

using namespace foxtrot;

namespace {

/// Pages of this process that are in memory.
std::size_t resident_pages() {
  std::ifstream file{"/proc/self/statm"};
  std::size_t size = 0;
  std::size_t resident = 0;
  file >> size >> resident;
  return resident;
}

}  // namespace

TEST_CASE("huge_page_resource: gives aligned, zeroed, touched memory and says what it is made of", "[queue]") {
  huge_page_resource memory;
  const std::size_t bytes = 3 * huge_page_resource::huge_page + 17;
  const std::size_t before = resident_pages();
  void* made = memory.allocate(bytes, cache_line);
  CHECK(reinterpret_cast<std::uintptr_t>(made) % huge_page_resource::huge_page == 0);
  // reserved pages are not counted as resident
  if (memory.last().pages != page_kind::reserved) CHECK(resident_pages() - before >= bytes / 4096);
  auto* const all = static_cast<unsigned char*>(made);
  CHECK((all[0] == 0 && all[bytes - 1] == 0));
  all[bytes - 1] = 1;
  switch (memory.last().pages) {
    case page_kind::reserved:
      CHECK_FALSE(memory.last().why_no_reserved);
      CHECK_FALSE(memory.last().why_no_transparent);
      break;
    case page_kind::transparent:
      CHECK(memory.last().why_no_reserved);
      CHECK_FALSE(memory.last().why_no_transparent);
      break;
    case page_kind::ordinary:
      CHECK(memory.last().why_no_reserved);
      CHECK(memory.last().why_no_transparent);
      break;
  }
  INFO(to_string(memory.last().pages) << ", " << memory.last().why_no_reserved.message());
  const std::size_t held = resident_pages();
  memory.deallocate(made, bytes, cache_line);
  if (held > before) CHECK(resident_pages() < held);
}

TEST_CASE("huge_page_resource: an unusable page stands on either side", "[queue]") {
  huge_page_resource memory;
  auto* const made = static_cast<char*>(memory.allocate(huge_page_resource::huge_page));
  unsigned char state = 0;
  CHECK(::mincore(made - 4096, 4096, &state) == 0);  // mapped, and so taken
  CHECK(::mincore(made + huge_page_resource::huge_page, 4096, &state) == 0);
  memory.deallocate(made, huge_page_resource::huge_page);
  CHECK(::mincore(made, 4096, &state) == -1);
}

TEST_CASE("huge_page_resource: what is smaller than a huge page comes from the heap", "[queue]") {
  huge_page_resource memory;
  const std::size_t before = foxtrot_test::allocations();
  void* made = memory.allocate(1000, cache_line);
  const std::size_t after = foxtrot_test::allocations();
  CHECK(after - before == 1);
  CHECK(memory.last().pages == page_kind::ordinary);
  CHECK(memory.last().why_no_reserved == std::errc::invalid_argument);
  memory.deallocate(made, 1000, cache_line);
}

TEST_CASE("huge_page_resource: what cannot be had is an exception, and nothing is left behind", "[queue]") {
  huge_page_resource memory;
  CHECK_THROWS_AS(memory.allocate(std::size_t{1} << 55), std::bad_alloc);
  CHECK_THROWS_AS(memory.allocate(SIZE_MAX - 5), std::bad_alloc);
}

TEST_CASE("huge_page_resource: carries a ring", "[queue]") {
  huge_page_resource memory;
  spsc_ring<std::uint64_t> ring{std::size_t{1} << 16, memory};
  CHECK(ring.capacity() == std::size_t{1} << 16);
  std::uint64_t value = 0;
  for (std::uint64_t i = 0; i < 100'000; ++i) {
    REQUIRE(ring.try_push(i));
    REQUIRE(ring.try_pop(value));
    REQUIRE(value == i);
  }
  CHECK(memory.is_equal(memory));
  CHECK_FALSE(memory.is_equal(huge_page_resource{}));
}

TEST_CASE("huge_page_resource: page kinds have names", "[queue]") {
  CHECK(to_string(page_kind::ordinary) == "ordinary");
  CHECK(to_string(page_kind::transparent) == "transparent");
  CHECK(to_string(page_kind::reserved) == "reserved");
}
