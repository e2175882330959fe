// tests/compile_fail/mpmc_of_throwing_moves.cpp: an item that may fail to move could be lost half way.
// expect: constraint
#include <foxtrot/queue/mpmc_queue.hpp>

#include <memory>
#include <utility>

struct may_throw {
  may_throw() = default;
  may_throw(may_throw&& other) noexcept(false) : owned{std::move(other.owned)} {}
  may_throw& operator=(may_throw&&) noexcept = default;
  std::unique_ptr<int> owned;
};

#ifndef FOXTROT_COMPILE_FAIL
using item = std::unique_ptr<int>;
#else
using item = may_throw;
#endif

void use(foxtrot::mpmc_queue<item>* queue);
void use(foxtrot::mpmc_queue<item>*) {}
