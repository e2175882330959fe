// tests/support/allocation_counter.hpp: counts every allocation of the program, to show that a path makes none.
#pragma once

#include <cstddef>

namespace foxtrot_test {

/// Allocations so far through operator new, by any thread. Every test program has the counting operators
/// (allocation_counter.cpp): in a unit of their own, or the compiler sees half a pair and warns.
std::size_t allocations() noexcept;

}  // namespace foxtrot_test
