// tests/feed/outlets_test.cpp: a feed forgets the consumers that have gone, whether or not anybody publishes.
#include <foxtrot/feed/outlets.hpp>

#include <foxtrot/feed/publisher.hpp>

#include <catch2/catch.hpp>

#include <atomic>
#include <cstddef>
#include <memory_resource>

namespace {

using namespace foxtrot;

/// The heap, and how many blocks of it are in use.
class counting_resource final : public std::pmr::memory_resource {
 public:
  [[nodiscard]] std::size_t blocks() const noexcept { return blocks_.load(std::memory_order_relaxed); }

 private:
  void* do_allocate(std::size_t bytes, std::size_t alignment) override {
    blocks_.fetch_add(1, std::memory_order_relaxed);
    return std::pmr::new_delete_resource()->allocate(bytes, alignment);
  }
  void do_deallocate(void* block, std::size_t bytes, std::size_t alignment) override {
    blocks_.fetch_sub(1, std::memory_order_relaxed);
    std::pmr::new_delete_resource()->deallocate(block, bytes, alignment);
  }
  [[nodiscard]] bool do_is_equal(const memory_resource& other) const noexcept override { return this == &other; }

  std::atomic<std::size_t> blocks_{0};
};

void tell(publisher& out) {
  publisher::batch batch{out};
  batch.publish_status(make_status(status_code::connected, 1), venue::none);
}

}  // namespace

TEST_CASE("outlets: consumers that come and go while nobody publishes do not pile up") {
  for (const overflow policy : {overflow::drop_newest, overflow::block, overflow::conflate}) {
    counting_resource memory;
    {
      symbol_table symbols;
      publisher out{symbols};
      const subscription_settings wanted{.when_full = policy, .capacity = 16, .level_capacity = 64, .memory = &memory};
      auto stays = out.subscribe(wanted).value();
      const std::size_t of_one = memory.blocks();
      REQUIRE(of_one > 0);
      for (int i = 0; i < 100; ++i) {
        const auto gone = out.subscribe(wanted).value();
        CHECK(memory.blocks() <= 3 * of_one);  // and the one before, which goes when the next one comes
      }
      tell(out);
      for (int i = 0; i < 100; ++i) {
        const auto gone = out.subscribe(wanted).value();
        if (i % 3 == 0) tell(out);
        (void)stays.poll(16, [](const event&) {});
        CHECK(memory.blocks() <= 5 * of_one);
      }
    }
    CHECK(memory.blocks() == 0);
  }
}
