// tests/consumer/shared_part.cpp: a shared object that tells where its copies of what a process has once are.
#include <foxtrot/net/connection_budget.hpp>
#include <foxtrot/strategy.hpp>

#include <system_error>

extern "C" [[gnu::visibility("default")]] const void* foxtrot_part(int which) {
  switch (which) {
    case 0: return &foxtrot::symbol_table::shared();
    case 1: return &std::error_code{foxtrot::errc::timeout}.category();
    case 2: return &foxtrot::system_time();
    case 3: return &foxtrot::connection_budget::shared();
    default: return nullptr;
  }
}
