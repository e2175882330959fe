// tests/compile_fail/arena_of_strings.cpp: arenas carry plain bytes, never objects that own.
// expect: constraint
#include <foxtrot/queue/overwriting_arena.hpp>
#include <foxtrot/queue/payload_arena.hpp>

#include <cstdint>
#include <string>

#ifndef FOXTROT_COMPILE_FAIL
using element = std::uint64_t;
#else
using element = std::string;
#endif

void use(foxtrot::payload_arena<element>*, foxtrot::overwriting_arena<element>*);
void use(foxtrot::payload_arena<element>*, foxtrot::overwriting_arena<element>*) {}
