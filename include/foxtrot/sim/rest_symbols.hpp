// foxtrot/sim/rest_symbols.hpp: which symbols a REST request is about.
#pragma once

#include <foxtrot/sim/exchange_target.hpp>
#include <foxtrot/sim/rest_reply.hpp>
#include <foxtrot/sim/symbol_spec.hpp>

#include <simdjson.h>

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string_view>
#include <vector>

namespace foxtrot::inline v0 {

/// Finds the symbols of a market by name. The specs have to stay where they are.
class rest_symbols {
 public:
  rest_symbols(sim_market market, const std::vector<symbol_spec>& all) : market_{market}, all_{all} {}

  [[nodiscard]] const std::vector<symbol_spec>& all() const noexcept { return all_; }

  [[nodiscard]] std::optional<std::size_t> number_of(std::string_view symbol) const {
    const auto found =
        std::find_if(all_.begin(), all_.end(), [&](const symbol_spec& spec) { return spec.name == symbol; });
    return found == all_.end() ? std::nullopt : std::optional{static_cast<std::size_t>(found - all_.begin())};
  }

  /// The one that `symbol` names, which must be there. The refusal where it is not.
  [[nodiscard]] std::optional<rest_reply> one(const request_target& target, std::size_t& number) const {
    const std::string_view name = target.parameter("symbol").value_or("");
    if (name.empty()) return rest_reply::missing("symbol");
    const auto found = number_of(name);
    if (!found) return rest_reply::invalid_symbol();
    number = *found;
    return std::nullopt;
  }

  /// The numbers of those that `symbol`, of spot `symbols` and of COIN-M `pair` name; all, unless there is one of
  /// these.
  [[nodiscard]] std::optional<rest_reply> many(const request_target& target, std::vector<std::size_t>& wanted) const {
    const auto list = market_ == sim_market::spot ? target.parameter("symbols") : std::nullopt;
    if (target.parameter("symbol")) {
      wanted.emplace_back();
      return one(target, wanted.back());
    }
    if (list) return listed(*list, wanted);
    const auto pair = market_ == sim_market::coinm ? target.parameter("pair") : std::nullopt;
    for (std::size_t i = 0; i < all_.size(); ++i) {
      const std::string_view name = all_[i].name;
      if (!pair || name.substr(0, name.find('_')) == *pair) wanted.push_back(i);
    }
    return std::nullopt;
  }

 private:
  [[nodiscard]] std::optional<rest_reply> listed(std::string_view list, std::vector<std::size_t>& wanted) const {
    simdjson::dom::parser parser;
    simdjson::dom::array names;
    if (parser.parse(list.data(), list.size(), true).get(names) != simdjson::SUCCESS)
      return rest_reply::bad_request(-1100, "Illegal characters found in parameter 'symbols'.");
    for (const simdjson::dom::element name : names) {
      std::string_view text;
      const auto number = name.get(text) == simdjson::SUCCESS ? number_of(text) : std::nullopt;
      if (!number) return rest_reply::invalid_symbol();
      wanted.push_back(*number);
    }
    return std::nullopt;
  }

  sim_market market_;
  const std::vector<symbol_spec>& all_;
};

}  // namespace foxtrot::inline v0
