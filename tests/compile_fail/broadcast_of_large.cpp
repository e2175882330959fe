// tests/compile_fail/broadcast_of_large.cpp: an event of a broadcast ring fits into one line.
// expect: constraint
#include <foxtrot/queue/broadcast_ring.hpp>

#include <array>
#include <cstddef>

#ifndef FOXTROT_COMPILE_FAIL
using item = std::array<std::byte, 56>;
#else
using item = std::array<std::byte, 57>;
#endif

void use(foxtrot::broadcast_ring<item>* ring);
void use(foxtrot::broadcast_ring<item>*) {}
