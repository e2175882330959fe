// tests/support/line_scene.hpp: a feed of several connections, an exchange that disturbs them, and a judge of what the
// one consumer saw.
#pragma once

#include <foxtrot/exchange/binance/market_data.hpp>
#include <foxtrot/feed/line_settings.hpp>
#include <foxtrot/market/event.hpp>
#include <foxtrot/market/kinds.hpp>
#include <foxtrot/market/status.hpp>
#include <foxtrot/market/subscription.hpp>
#include <foxtrot/sim/delivery_audit.hpp>
#include <foxtrot/sim/exchange.hpp>
#include <foxtrot/sim/fault_script.hpp>
#include <foxtrot/sim/loss_audit.hpp>
#include <foxtrot/sim/symbol_spec.hpp>

#include <support/live_feed.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace foxtrot_test {

struct line_scene_settings {
  std::size_t symbols{2};
  std::int64_t events_per_second{4'000};
  foxtrot::line_settings lines{};
  std::vector<std::string> kinds{"@bookTicker", "@trade", "@depth@100ms"};
  std::size_t log_sent{1'000'000};
};

/// Lines that are replaced when told to and in no time.
inline foxtrot::line_settings hasty_lines(std::size_t count = 1) {
  foxtrot::line_settings made;
  made.count = count;
  made.rotate_after = std::chrono::milliseconds{0};
  made.rotate_jitter = std::chrono::milliseconds{0};
  made.overlap = std::chrono::milliseconds{40};
  made.handover_limit = bound(std::chrono::milliseconds{2'000});
  return made;
}

class line_scene {
 public:
  explicit line_scene(line_scene_settings wanted = {})
      : wanted_{std::move(wanted)}, venue_{std::make_unique<foxtrot::exchange>(venue_settings())} {
    REQUIRE(venue_->start().has_value());
    open();
  }
  line_scene(const line_scene&) = delete;
  line_scene& operator=(const line_scene&) = delete;
  ~line_scene() { close(); }

  /// A feed of its own, whose consumer has seen nothing yet. Connected when this returns; each stream has spoken.
  void open() {
    close();
    const std::lock_guard lock{mutex_};
    audit_ = std::make_unique<foxtrot::delivery_audit>();
    losses_ = std::make_unique<foxtrot::loss_audit>();
    told_.clear();
    feed_ = std::make_unique<foxtrot::binance::market_data>(feed_settings());
    auto made = feed_->subscribe_inline({}, [this](const foxtrot::event& one) { on(one); });
    REQUIRE(made.has_value());
    consumer_ = std::move(*made);
    REQUIRE_FALSE(feed_->connect());
  }
  void close() {
    if (feed_ != nullptr) CHECK_FALSE(feed_->disconnect());
    consumer_ = {};
    feed_.reset();
  }

  [[nodiscard]] foxtrot::exchange& venue() noexcept { return *venue_; }
  [[nodiscard]] foxtrot::binance::market_data& feed() noexcept { return *feed_; }
  [[nodiscard]] const foxtrot::feed_counters& counters() const noexcept { return feed_->counters(); }
  [[nodiscard]] std::vector<std::string> streams() const {
    std::vector<std::string> names;
    for (const auto& [name, kind] : named_streams()) names.push_back(name);
    return names;
  }

  /// In force when this returns.
  void suffer(std::string_view lines) {
    const auto script = foxtrot::fault_script::parse(lines);
    REQUIRE(script.has_value());
    const std::uint64_t before = venue_->statistics().faults_begun;
    for (const foxtrot::fault& each : script->faults) venue_->inject(each);
    REQUIRE(eventually([&] { return venue_->statistics().faults_begun >= before + script->faults.size(); }));
  }

  [[nodiscard]] std::size_t told(foxtrot::status_code what) {
    const std::lock_guard lock{mutex_};
    return told_[what];
  }
  [[nodiscard]] std::uint64_t ticks() {
    const std::lock_guard lock{mutex_};
    return audit_->ticks();
  }
  [[nodiscard]] std::uint64_t gaps() {
    const std::lock_guard lock{mutex_};
    return audit_->gaps();
  }
  /// Every stream has spoken and all lines are there.
  bool wait_whole(std::size_t websockets) {
    return eventually([&] {
      const std::lock_guard lock{mutex_};
      const auto all = named_streams();
      return venue_->statistics().open_websockets == websockets && std::all_of(all.begin(), all.end(), [&](auto& one) {
               return !audit_->of(one.second, symbol_of(one.first)).empty();
             });
    });
  }
  /// An accident that ends so many connections; true once they have been made again and all lines are there.
  bool lose(std::string_view fault, std::uint64_t connections, std::size_t websockets) {
    const std::uint64_t before = counters().connects.get();
    suffer(fault);
    return eventually([&] { return counters().connects.get() >= before + connections; }) && wait_whole(websockets);
  }
  /// So many more ticks have come.
  bool wait_ticks(std::uint64_t more) {
    const std::uint64_t enough = ticks() + more;
    return eventually([&] { return ticks() >= enough; });
  }

  /// Every stream has spoken since: what nobody carried while all was down shows.
  bool wait_spoken() {
    std::map<std::string, std::size_t> before;
    const auto all = named_streams();
    const auto count = [this](const auto& one) { return audit_->of(one.second, symbol_of(one.first)).size(); };
    {
      const std::lock_guard lock{mutex_};
      for (const auto& one : all) before[one.first] = count(one);
    }
    return eventually([&] {
      const std::lock_guard lock{mutex_};
      return std::all_of(all.begin(), all.end(), [&](const auto& one) { return count(one) > before[one.first]; });
    });
  }
  /// Lets the market stand still and waits for what is under way: for the last trade and the last quote of each symbol.
  /// False where they do not come.
  bool settle() {
    const bool spoken = wait_spoken();
    venue_->pause();
    std::string behind;
    const bool settled = eventually([&] {
      behind.clear();
      const foxtrot::exchange_truth truth = venue_->truth();
      const std::lock_guard lock{mutex_};
      for (const auto& [name, kind] : named_streams()) {
        const foxtrot::symbol_truth* made = truth.find(upper(name));
        const auto& seen = audit_->of(kind, symbol_of(name));
        const std::uint64_t last = kind == foxtrot::tick_kind::trade             ? made->last_trade_id
                                   : kind == foxtrot::tick_kind::aggregate_trade ? made->last_aggregate_trade_id
                                   : kind == foxtrot::tick_kind::book_ticker     ? made->last_quote_id
                                                                                 : made->last_depth_id;
        const std::uint64_t come = seen.empty() ? 0 : seen.back().id;
        if (come < last) behind += name + " is at " + std::to_string(come) + " of " + std::to_string(last) + "; ";
      }
      return behind.empty();
    });
    if (!settled) UNSCOPED_INFO(behind);
    return spoken && settled;
  }

  /// Of all streams, against what some connection was sent; quotes against all that were made.
  [[nodiscard]] foxtrot::delivery_verdict verdict(bool quotes_as_made = true) {
    foxtrot::delivery_verdict sum;
    for (const auto& [name, kind] : named_streams()) {
      const foxtrot::sent_messages sent = venue_->sent(name);
      CHECK(sent.complete);
      const bool made = quotes_as_made && kind == foxtrot::tick_kind::book_ticker;
      const std::lock_guard lock{mutex_};
      const auto its = audit_->judge(kind, symbol_of(name), made ? sent.made_ids() : sent.sent_ids());
      INFO(name << ": missing " << its.missing << " repeated " << its.repeated << " disordered " << its.disordered
                << " mistold " << its.mistold << " invented " << its.invented << " told " << its.told);
      CHECK(its.delivered > 0);
      if (quotes_as_made || kind != foxtrot::tick_kind::book_ticker) CHECK(its.missing == 0);
      CHECK(its.repeated + its.disordered + its.mistold + its.invented == 0);
      sum += its;
    }
    return sum;
  }
  /// Nothing was lost, nothing came twice, no gap was told.
  void check_untouched() {
    CHECK(settle());
    CHECK(verdict().told == 0);
    CHECK(gaps() == 0);
    check_honest();
  }
  /// Whatever was lost was told, and nothing else was.
  void check_honest() {
    const std::lock_guard lock{mutex_};
    for (const foxtrot::id_counts& counts : {losses_->trades(), losses_->depth()}) {
      CHECK(counts.unreported == 0);
      CHECK(counts.duplicates == 0);
      CHECK(counts.disordered == 0);
      CHECK(counts.mistold == 0);
    }
    CHECK(losses_->disordered_quotes() == 0);
    CHECK(losses_->renumbered() == 0);
    CHECK(losses_->dropped() == 0);
  }

 private:
  [[nodiscard]] foxtrot::exchange_settings venue_settings() const {
    foxtrot::exchange_settings made;
    made.symbols = foxtrot::default_symbols(foxtrot::sim_market::spot, wanted_.symbols);
    made.events_per_second = wanted_.events_per_second;
    made.levels = 100;
    made.log_sent = wanted_.log_sent;
    made.limits.weight_per_minute = 1'000'000'000;
    return made;
  }
  [[nodiscard]] foxtrot::binance::market_data_settings feed_settings() const {
    auto made = foxtrot_test::feed_settings(*venue_, streams());
    made.lines = wanted_.lines;
    made.polling.weight_per_minute = 1'000'000'000;
    return made;
  }

  [[nodiscard]] static std::string upper(const std::string& stream) {
    std::string name = stream.substr(0, stream.find('@'));
    for (char& c : name)
      if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    return name;
  }
  [[nodiscard]] static foxtrot::symbol_id symbol_of(const std::string& stream) {
    return foxtrot::symbol_table::shared().find(upper(stream));
  }
  [[nodiscard]] std::vector<std::pair<std::string, foxtrot::tick_kind>> named_streams() const {
    constexpr std::array<std::pair<std::string_view, foxtrot::tick_kind>, 4> kinds{
        {{"@bookTicker", foxtrot::tick_kind::book_ticker},
         {"@trade", foxtrot::tick_kind::trade},
         {"@aggTrade", foxtrot::tick_kind::aggregate_trade},
         {"@depth@100ms", foxtrot::tick_kind::depth_update}}};
    std::vector<std::pair<std::string, foxtrot::tick_kind>> all;
    for (const foxtrot::symbol_spec& each : foxtrot::default_symbols(foxtrot::sim_market::spot, wanted_.symbols)) {
      const std::string name = each.lower_name();
      for (const auto& [text, kind] : kinds)
        if (std::find(wanted_.kinds.begin(), wanted_.kinds.end(), text) != wanted_.kinds.end())
          all.emplace_back(name + std::string{text}, kind);
    }
    return all;
  }

  void on(const foxtrot::event& one) {
    const std::lock_guard lock{mutex_};
    audit_->on(one);
    losses_->on(one);
    one.visit([this](const foxtrot::status& s) { ++told_[s.code()]; });
  }

  line_scene_settings wanted_;
  std::mutex mutex_;  // guards what the consumer has seen
  std::unique_ptr<foxtrot::delivery_audit> audit_;
  std::unique_ptr<foxtrot::loss_audit> losses_;
  std::map<foxtrot::status_code, std::size_t> told_;
  std::unique_ptr<foxtrot::exchange> venue_;
  std::unique_ptr<foxtrot::binance::market_data> feed_;
  foxtrot::inline_subscription consumer_;  // goes before the feed
};

}  // namespace foxtrot_test
