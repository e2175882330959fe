// tests/queue/mutants/overwriting_arena.cpp: bodies in an arena, named by a ring's records, and two readers; ends with
// 1 at the first fault. check_mutants.py runs it.
#include <foxtrot/queue/overwriting_arena.hpp>

#include <foxtrot/queue/broadcast_ring.hpp>

#include "stress.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <thread>

using namespace foxtrot;
using stress::fault;

namespace {

constexpr std::uint64_t bodies = 3000;
constexpr std::size_t longest = 64;
using room = std::array<std::uint64_t, longest>;

struct record {
  std::uint64_t position;
  std::uint64_t count;
  std::uint64_t number;
};

std::uint64_t element(std::uint64_t number, std::uint64_t index) { return number * 0x9e3779b97f4a7c15 + index; }

struct scene {
  explicit scene(std::size_t capacity) : ring{16}, store{capacity} {}
  broadcast_ring<record> ring;
  overwriting_arena<std::uint64_t> store;
  std::atomic<bool> done{false};
};

void follow(const scene& at) {
  broadcast_ring<record>::reader records{at.ring, 0};
  room copy{};
  record named{};
  unsigned turns = 0;
  for (bool last = false; !last || !records.empty();) {
    last = at.done.load(std::memory_order_acquire);
    if (!records.try_pop(named)) {
      stress::pause(turns);
      continue;
    }
    if (!at.store.try_copy(named.position, named.count, copy.data())) {
      if (last && named.number == bodies - 1) fault("the newest is gone", named.number);
      continue;
    }
    for (std::size_t i = 0; i < named.count; ++i) {
      if (copy[i] != element(named.number, i)) fault("not whole", named.number);
    }
  }
}

void round(std::size_t capacity, unsigned seed) {
  scene at{capacity};
  std::jthread first{[&] { follow(at); }};
  std::jthread second{[&] { follow(at); }};
  room body{};
  unsigned turns = seed;
  for (std::uint64_t number = 0; number < bodies; ++number) {
    const std::size_t count = (number * 7 + seed) % (capacity / 2) + 1;
    for (std::size_t i = 0; i < count; ++i) body[i] = element(number, i);
    at.ring.publish({at.store.publish(std::span{body}.first(count)), count, number});
    stress::pause(turns);
  }
  at.done.store(true, std::memory_order_release);
}

}  // namespace

int main(int count, char** arguments) { return stress::run(count, arguments, round); }
