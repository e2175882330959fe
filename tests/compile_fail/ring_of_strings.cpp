// tests/compile_fail/ring_of_strings.cpp: rings carry plain bytes, never objects that own.
// expect: constraint
#include <foxtrot/queue/spsc_ring.hpp>

#include <cstdint>
#include <string>

#ifndef FOXTROT_COMPILE_FAIL
using item = std::uint64_t;
#else
using item = std::string;
#endif

void use(foxtrot::spsc_ring<item>* ring);
void use(foxtrot::spsc_ring<item>*) {}
