// tests/compile_fail/event_copy.cpp: an event is a view into its queue and cannot be kept.
// expect: deleted
#include <foxtrot/market/event.hpp>

void keep(const foxtrot::event& event);
void keep(const foxtrot::event& event) {
#ifndef FOXTROT_COMPILE_FAIL
  const auto& kept = event;
#else
  const auto kept = event;
#endif
  static_cast<void>(kept);
}
