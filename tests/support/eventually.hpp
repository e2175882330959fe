// tests/support/eventually.hpp: waits for what is to happen, however slow the machine.
#pragma once

#include <support/sanitizer.hpp>

#include <chrono>
#include <thread>

namespace foxtrot_test {

/// True once it has happened; false after longer than only a hang takes.
template <class Predicate>
bool eventually(Predicate happened) {
  const auto end = std::chrono::steady_clock::now() + bound(std::chrono::seconds{20});
  while (!happened()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::microseconds{100});
  }
  return true;
}

}  // namespace foxtrot_test
