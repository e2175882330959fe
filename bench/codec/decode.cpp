// bench/codec/decode.cpp: codec/MESSAGE/SUBJECT: the time from the bytes of a message to its exact fields.
//
// Every subject gives the same fields for the same bytes, which is looked at beforehand. ns_per_message is over all
// messages of a set: smaller is better. `limit` is one pass of AVX2 over the bytes, made right before each pass of the
// subject; ratio_to_limit is the median of the pairs. fallbacks: messages of the set that the speculative parser gave
// up on; none of those captured may be among them.
//
// peers: rapidjson-dev nlohmann-json3-dev
#include <codec/decoded.hpp>
#include <codec/limit.hpp>
#include <codec/messages.hpp>
#include <codec/subjects.hpp>
#include <support/bench.hpp>

#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace {

using namespace foxtrot_bench;

/// Read once, and looked at: `trouble` says what makes the set useless.
struct checked_set {
  explicit checked_set(const std::string& name) : messages{read_messages(name)} {
    if (messages.size() == 0) {
      trouble = "FOXTROT_CAPTURES names no folder of captures";
      return;
    }
    foxtrot_codec first{messages.from};
    decoded expected;
    for_each_codec([&]<class Codec>(const char* subject) {
      Codec codec{messages.from};
      decoded found;
      for (std::size_t i = 0; i < messages.size() && trouble.empty(); ++i) {
        if (!first.decode(messages[i], expected) || !codec.decode(messages[i], found) || !same(expected, found)) {
          trouble = std::string{subject} + " reads otherwise: " + std::string{messages[i].substr(0, 300)};
        }
      }
      if constexpr (requires { codec.fallbacks(); }) {
        std::fprintf(stderr, "%s: %zu messages of %zu bytes, %s: %zu fallbacks\n", name.c_str(), messages.size(),
                     messages.bytes() / messages.size(), subject, codec.fallbacks());
        if (codec.fallbacks() != 0) trouble = std::string{subject} + " gave up on captured messages";
      }
    });
  }

  message_set messages;
  std::string trouble;
};

const checked_set& set_named(const std::string& name) {
  static std::map<std::string, std::unique_ptr<checked_set>> known;
  std::unique_ptr<checked_set>& one = known[name];
  if (one == nullptr) one = std::make_unique<checked_set>(name);
  return *one;
}

/// All messages once; nanoseconds.
template <class Codec>
[[gnu::noinline]] double pass(Codec& codec, const message_set& messages, decoded& out, bool& good) {
  using clock = std::chrono::steady_clock;
  const auto began = clock::now();
  for (std::size_t i = 0; i < messages.size(); ++i) {
    if (!codec.decode(messages[i], out)) good = false;
    sink(out);
  }
  return std::chrono::duration<double, std::nano>(clock::now() - began).count();
}

template <class Codec>
void measure(benchmark::State& state, const std::string& name) {
  const checked_set& set = set_named(name);
  if (!set.trouble.empty()) return state.SkipWithError(set.trouble.c_str());
  if constexpr (std::is_same_v<Codec, byte_pass>) {
    if (!byte_pass::available()) return state.SkipWithError("no AVX2 here");
  }
  const message_set& messages = set.messages;
  byte_pass limit{messages.from};
  Codec codec{messages.from};
  decoded out;
  bool good = true;
  (void)pass(codec, messages, out, good);
  const double slice_ns = quick ? 50e6 : 150e6;
  const double once = pass(codec, messages, out, good);
  const int pairs = static_cast<int>(std::clamp(slice_ns / once, 5.0, 200.0));
  std::vector<double> spent;
  std::vector<double> ratio;
  for (int pair = 0; pair < pairs; ++pair) {
    const double least = byte_pass::available() ? pass(limit, messages, out, good) : 0;
    spent.push_back(pass(codec, messages, out, good));
    if (least != 0) ratio.push_back(spent.back() / least);
  }
  if (!good) return state.SkipWithError("a message was refused");

  const double ns = median(spent);
  const auto count = static_cast<double>(messages.size());
  state.counters["ns_per_message"] = ns / count;
  state.counters["gb_per_s"] = static_cast<double>(messages.bytes()) / ns;
  if (!ratio.empty()) state.counters["ratio_to_limit"] = median(ratio);
  if constexpr (requires { codec.fallbacks(); }) state.counters["fallbacks"] = static_cast<double>(codec.fallbacks());
  state.SetIterationTime(ns / count * 1e-9);
}

[[maybe_unused]] const bool added = [] {
  for (const char* const message : message_names) {
    const std::string name = message;
    const auto add = [&name]<class Codec>(const char* subject) {
      add_row("codec/" + name + '/' + subject, [name](benchmark::State& state) { measure<Codec>(state, name); });
    };
    add.template operator()<byte_pass>("limit");
    for_each_codec(add);
  }
  return true;
}();

}  // namespace
