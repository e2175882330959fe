// foxtrot/net/detail/wait_either.hpp: two waits at once; the first to end ends the other.
#pragma once

#include <foxtrot/core/error.hpp>
#include <foxtrot/net/asio.hpp>
#include <foxtrot/net/async_event.hpp>

#include <array>
#include <cstddef>
#include <exception>
#include <memory>
#include <system_error>
#include <utility>

namespace foxtrot::inline v0::detail {

// Outlives both waits: their frames point into the signals.
struct wait_race {
  explicit wait_race(asio::io_context& loop) : over{loop} {}

  async_event over;
  std::array<asio::cancellation_signal, 2> stop;
};

struct wait_race_guard {
  explicit wait_race_guard(wait_race& ending) : race{ending} {}
  wait_race_guard(const wait_race_guard&) = delete;
  wait_race_guard& operator=(const wait_race_guard&) = delete;
  ~wait_race_guard() {
    for (auto& signal : race.stop) signal.emit(asio::cancellation_type::terminal);
  }

  wait_race& race;
};

// Two plain tasks and an event: Asio's parallel groups are experimental and a lot to compile for a rare case.
[[nodiscard]] inline task<std::error_code> wait_either(task<std::error_code> one, task<std::error_code> other) {
  const io_executor executor = co_await asio::this_coro::executor;
  const auto race = std::make_shared<wait_race>(executor.context());
  const wait_race_guard ending{*race};
  const auto run = [&](task<std::error_code> work, std::size_t index) {
    auto report = [](std::shared_ptr<wait_race> in, task<std::error_code> wait) -> task<> {
      const std::error_code error = co_await std::move(wait);
      in->over.notify(error);
    };
    asio::co_spawn(executor, report(race, std::move(work)),
                   asio::bind_cancellation_slot(race->stop[index].slot(), [race](std::exception_ptr) {}));
  };
  run(std::move(one), 0);
  run(std::move(other), 1);
  const std::error_code first = co_await race->over.wait();
  co_return first;
}

}  // namespace foxtrot::inline v0::detail
