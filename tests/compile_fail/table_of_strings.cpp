// tests/compile_fail/table_of_strings.cpp: a table carries plain bytes, never objects that own.
// expect: constraint
#include <foxtrot/queue/conflating_table.hpp>

#include <cstdint>
#include <string>

#ifndef FOXTROT_COMPILE_FAIL
using record = std::uint64_t;
#else
using record = std::string;
#endif

void use(foxtrot::conflating_table<record>* table);
void use(foxtrot::conflating_table<record>*) {}
