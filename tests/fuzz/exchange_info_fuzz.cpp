// tests/fuzz/exchange_info_fuzz.cpp: any bytes are an error, or symbols whose rules hold: what is rounded is allowed or
// out of bounds.
#include <foxtrot/exchange/binance/exchange_info.hpp>
#include <foxtrot/exchange/binance/streams_of.hpp>

#include <support/fuzzing.hpp>

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace {

using namespace foxtrot;
using foxtrot_test::insist;

void check_rule(const binance::number_rule& rule) {
  for (const auto& one : {rule.least, rule.most, rule.step}) insist(!one || one->mantissa() > 0);
  for (const decimal value : {decimal{1234567891, -4}, decimal{1, 0}, decimal{INT64_MAX, -8}}) {
    for (const rounding direction : {rounding::down, rounding::up, rounding::nearest}) {
      const auto rounded = rule.round(value, direction);
      if (!rounded || rounded->is_zero()) continue;
      const bool in_bounds = (!rule.least || *rounded >= *rule.least) && (!rule.most || *rounded <= *rule.most);
      insist(rule.allows(*rounded) == in_bounds);
      insist(rule.round(*rounded, direction) == *rounded);
    }
  }
}

void check(const binance::exchange_info& info) {
  const binance::symbol_rules* previous = nullptr;
  std::size_t trading = 0;
  for (const binance::symbol_rules& one : info) {
    insist(previous == nullptr || previous->name < one.name);
    insist(info.find(one.name) == &one && !one.name.empty());
    insist(one.status == binance::symbol_status::other || to_string(one.status) == one.status_text);
    insist(!one.min_notional || one.min_notional->mantissa() > 0);
    for (const auto* const rule : {&one.price, &one.quantity, &one.market_quantity}) check_rule(*rule);
    trading += one.trading() ? 1 : 0;
    previous = &one;
  }
  for (const binance::rejected_symbol& one : info.rejected()) insist(one.error != errc::none);
  insist(info.trading_symbols().size() == trading);
  insist(binance::streams_of(info, "@trade").size() <= trading);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view body{reinterpret_cast<const char*>(data), size};
  const auto info = binance::exchange_info::parse(body);
  if (info) {
    check(*info);
  } else {
    insist(info.error() == condition::bad_data);
  }
  return 0;
}
