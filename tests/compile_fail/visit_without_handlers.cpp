// tests/compile_fail/visit_without_handlers.cpp: whoever visits events handles some.
// expect: visit needs a handler, of const foxtrot::status& at least
#include <foxtrot/market/event.hpp>

void visit(const foxtrot::event& event);
void visit(const foxtrot::event& event) {
#ifndef FOXTROT_COMPILE_FAIL
  event.visit([](const foxtrot::status&) {});
#else
  event.visit();
#endif
}
