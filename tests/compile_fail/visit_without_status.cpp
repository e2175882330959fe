// tests/compile_fail/visit_without_status.cpp: whoever visits events also hears of the feed's state.
// expect: visit needs a handler for const foxtrot::status&
#include <foxtrot/market/event.hpp>

void visit(const foxtrot::event& event);
void visit(const foxtrot::event& event) {
#ifndef FOXTROT_COMPILE_FAIL
  event.visit([](const foxtrot::trade&) {}, [](const foxtrot::status&) {});
#else
  event.visit([](const foxtrot::trade&) {});
#endif
}
