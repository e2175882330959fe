// tests/support/event_teller.hpp: single events of a market, told to whatever listens.
#pragma once

#include <foxtrot/market/event.hpp>
#include <foxtrot/market/kinds.hpp>
#include <foxtrot/market/status.hpp>
#include <foxtrot/market/symbol.hpp>

#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>
#include <utility>

namespace foxtrot_test {

class event_teller {
 public:
  explicit event_teller(std::function<void(const foxtrot::event&)> to) : to_{std::move(to)} {}

  void trade(std::uint64_t id, std::string_view name = "BTC", foxtrot::source how = foxtrot::source::websocket) {
    auto& record = start<foxtrot::trade_record>(name);
    record.trade_id = id;
    tell({.kind = foxtrot::tick_kind::trade, .how = how});
  }
  void quote(std::uint64_t id, std::string_view name = "BTC", foxtrot::source how = foxtrot::source::websocket) {
    auto& record = start<foxtrot::book_ticker_record>(name);
    record.update_id = id;
    tell({.kind = foxtrot::tick_kind::book_ticker, .how = how});
  }
  void depth(std::uint64_t first, std::uint64_t last, std::string_view name = "BTC",
             std::optional<std::uint64_t> previous = {}) {
    auto& record = start<foxtrot::depth_record>(name);
    record.first_id = first;
    record.last_id = last;
    record.previous_id = previous.value_or(0);
    const auto flags = static_cast<std::uint8_t>(previous ? foxtrot::depth_update::previous_id_flag : 0);
    tell({.kind = foxtrot::tick_kind::depth_update, .flags = flags});
  }
  void gap(foxtrot::tick_kind kind, std::uint64_t from, std::uint64_t to, std::string_view name = "BTC",
           foxtrot::gap_reason why = foxtrot::gap_reason::missing) {
    payload_.emplace<foxtrot::status_record>() = foxtrot::make_gap_status(why, from, to, kind, 0, symbol(name));
    tell({.kind = foxtrot::tick_kind::status});
  }
  void say(foxtrot::status_code code, std::string_view name = "") {
    payload_.emplace<foxtrot::status_record>() =
        foxtrot::make_symbol_status(code, 0, name.empty() ? foxtrot::symbol_id::none : symbol(name));
    tell({.kind = foxtrot::tick_kind::status});
  }

  [[nodiscard]] foxtrot::symbol_table& names() noexcept { return names_; }

 private:
  [[nodiscard]] foxtrot::symbol_id symbol(std::string_view name) { return names_.intern(name).value(); }
  template <class Record>
  [[nodiscard]] Record& start(std::string_view name) {
    auto& record = payload_.emplace<Record>();
    record = {};
    record.symbol = symbol(name);
    return record;
  }
  void tell(foxtrot::tick_tag tag) { to_(foxtrot::event{payload_, tag.packed(), {}, names_}); }

  std::function<void(const foxtrot::event&)> to_;
  foxtrot::symbol_table names_;
  foxtrot::tick_payload payload_{};
};

}  // namespace foxtrot_test
