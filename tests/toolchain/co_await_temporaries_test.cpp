// tests/toolchain/co_await_temporaries_test.cpp: why a co_await expression here never holds a braced temporary or a
// capturing lambda. The forms foxtrot uses destroy everything exactly once on every compiler; the others are counted,
// not asserted, with a type that owns nothing, so that a compiler's double destruction is seen without being suffered.
#include <catch2/catch.hpp>

#include <coroutine>
#include <cstdio>
#include <exception>
#include <functional>
#include <memory>
#include <string>
#include <utility>

namespace {

struct counts {
  int made{0};
  int destroyed{0};
};
counts tally;

/// Counts what happens to it and owns nothing: destroying it twice is a number, not a crash.
struct counted {
  counted() noexcept { ++tally.made; }
  counted(const counted&) noexcept { ++tally.made; }
  counted(counted&&) noexcept { ++tally.made; }
  counted& operator=(const counted&) = default;
  counted& operator=(counted&&) = default;
  ~counted() { ++tally.destroyed; }
};

/// A lazily started coroutine that runs to its end within the co_await (or run()).
class job {
 public:
  struct promise_type {
    job get_return_object() { return job{std::coroutine_handle<promise_type>::from_promise(*this)}; }
    std::suspend_always initial_suspend() noexcept { return {}; }
    auto final_suspend() noexcept {
      struct resume_caller {
        bool await_ready() noexcept { return false; }
        std::coroutine_handle<> await_suspend(std::coroutine_handle<promise_type> self) noexcept {
          return self.promise().caller ? self.promise().caller : std::noop_coroutine();
        }
        void await_resume() noexcept {}
      };
      return resume_caller{};
    }
    void return_void() noexcept {}
    void unhandled_exception() { std::terminate(); }
    std::coroutine_handle<> caller;
  };

  explicit job(std::coroutine_handle<promise_type> handle) : handle_{handle} {}
  job(job&& other) noexcept : handle_{std::exchange(other.handle_, nullptr)} {}
  job(const job&) = delete;
  job& operator=(const job&) = delete;
  job& operator=(job&&) = delete;
  ~job() {
    if (handle_) handle_.destroy();
  }

  void run() { handle_.resume(); }
  bool await_ready() const noexcept { return false; }
  std::coroutine_handle<> await_suspend(std::coroutine_handle<> caller) noexcept {
    handle_.promise().caller = caller;
    return handle_;
  }
  void await_resume() const noexcept {}

 private:
  std::coroutine_handle<promise_type> handle_;
};

struct settings {
  counted member;
  int number{0};
};
struct owning_settings {
  std::string host;
  std::shared_ptr<int> resource;
};

job take(settings) { co_return; }
job take_reference(const settings&) { co_return; }
job take_owning(owning_settings) { co_return; }
job take_owning_reference(const owning_settings&) { co_return; }
template <class Fn>
job call(Fn fn) {
  fn();
  co_return;
}

job named_aggregate() {
  settings named{.member = {}, .number = 1};
  co_await take(std::move(named));
}
job named_aggregate_by_reference() {
  const settings named{.member = {}, .number = 1};
  co_await take_reference(named);
}
job named_lambda() {
  counted captured;
  auto named = [captured] { static_cast<void>(captured); };
  co_await call(std::move(named));
}
job named_function() {
  counted captured;
  std::function<void()> named = [captured] { static_cast<void>(captured); };
  co_await call(std::move(named));
}

job braced_aggregate() { co_await take(settings{.member = {}, .number = 1}); }
job braced_aggregate_by_reference() { co_await take_reference({.member = {}, .number = 1}); }
job capturing_lambda() {
  counted captured;
  co_await call([captured] { static_cast<void>(captured); });
}
job function_from_lambda() {
  counted captured;
  co_await call(std::function<void()>{[captured] { static_cast<void>(captured); }});
}

counts count(job (*form)()) {
  tally = {};
  form().run();
  return tally;
}

}  // namespace

TEST_CASE("co_await_temporaries: named locals are destroyed exactly once", "[toolchain]") {
  for (job (*form)() : {&named_aggregate, &named_aggregate_by_reference, &named_lambda, &named_function}) {
    const counts seen = count(form);
    CHECK(seen.made > 0);
    CHECK(seen.made == seen.destroyed);
  }
}

TEST_CASE("co_await_temporaries: named locals that own memory run clean", "[toolchain]") {
  // Long enough for the heap: a second destruction is a double free, which the address sanitizer reports.
  static std::weak_ptr<int> watch;
  const auto form = []() -> job {
    owning_settings named{.host = std::string(100, 'h'), .resource = std::make_shared<int>(1)};
    watch = named.resource;
    co_await take_owning_reference(named);
    co_await take_owning(named);
    auto lambda = [named] { CHECK(named.host.size() == 100); };
    co_await call(lambda);
    co_await call(std::move(lambda));
    CHECK(named.resource.use_count() == 1);
  };
  form().run();
  CHECK(watch.expired());
}

TEST_CASE("co_await_temporaries: what this compiler does with the forms foxtrot avoids", "[toolchain]") {
  struct {
    const char* name;
    job (*form)();
  } const forms[] = {{"braced aggregate by value", &braced_aggregate},
                     {"braced aggregate by reference", &braced_aggregate_by_reference},
                     {"capturing lambda", &capturing_lambda},
                     {"std::function from a capturing lambda", &function_from_lambda}};
  for (const auto& [name, form] : forms) {
    const counts seen = count(form);
    std::printf("%s: %d made, %d destroyed%s\n", name, seen.made, seen.destroyed,
                seen.made == seen.destroyed ? "" : " (miscompiled)");
    CHECK(seen.made > 0);
  }
}
