// foxtrot/exchange/binance/detail/rest_polling.hpp: the venue of an HTTP poller: its requests, asked and told as ticks.
#pragma once

#include <foxtrot/core/clock.hpp>
#include <foxtrot/core/error.hpp>
#include <foxtrot/core/live_object.hpp>
#include <foxtrot/exchange/binance/codec.hpp>
#include <foxtrot/exchange/binance/detail/checked_settings.hpp>
#include <foxtrot/exchange/binance/detail/stream_names.hpp>
#include <foxtrot/exchange/binance/detail/used_weight.hpp>
#include <foxtrot/exchange/binance/error_codes.hpp>
#include <foxtrot/exchange/binance/poll_plan.hpp>
#include <foxtrot/exchange/binance/rest_decoder.hpp>
#include <foxtrot/feed/poll_request.hpp>
#include <foxtrot/feed/publisher.hpp>
#include <foxtrot/net/asio.hpp>
#include <foxtrot/net/http/client.hpp>
#include <foxtrot/net/timer_queue.hpp>
#include <foxtrot/net/url.hpp>

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace foxtrot::inline v0::binance::detail {

/// Implements poll_venue. Loop thread only.
class rest_polling : private live_object<rest_polling> {
 public:
  rest_polling(timer_queue& timers, publisher& out, const checked_settings& settings)
      : out_{out},
        settings_{settings},
        plan_{settings.given.market},
        decoder_{settings.given.market},
        books_{settings.given.market},
        client_{timers, settings.tls, {.dial = settings.given.dial, .limits = {}, .headers = {}}} {}
  rest_polling(const rest_polling&) = delete;
  rest_polling& operator=(const rest_polling&) = delete;

  [[nodiscard]] std::vector<poll_request> plan(std::span<const std::string> streams) const {
    return plan_.requests(streams);
  }
  [[nodiscard]] std::vector<poll_request> narrow(const poll_request& request) const { return plan_.halves(request); }
  [[nodiscard]] std::uint32_t weight_per_minute() const noexcept { return plan_.weight_per_minute(); }

  [[nodiscard]] bool is_wanted(const poll_request& request) const {
    return std::ranges::any_of(request.streams, [this](const std::string& stream) {
      const auto kind = kind_of_stream(stream);
      return kind && out_.ages().is_polled(*kind, out_.symbols().find(symbol_of_stream(stream)));
    });
  }

  [[nodiscard]] task<poll_answer> ask(const poll_request& request) {
    poll_answer made;
    url where = settings_.rest;
    where.target = request.target;
    const steady_time::duration limit = settings_.given.request_timeout;
    auto answer = co_await client_.get(std::move(where), limit);
    made.error.code = answer ? answer->error() : answer.error();
    if (!answer) co_return made;
    made.used_weight = used_weight(answer->headers);
    if (made.error.code) {
      made.error.http_status = answer->status;
      made.error.venue_code = venue_code_of(answer->body);
      made.error.retry_after = answer->retry_after();
    } else {
      made.error.code = publish(request, answer->body);
    }
    co_return made;
  }

 private:
  [[nodiscard]] std::error_code publish(const poll_request& request, const std::string& body) {
    publisher::batch batch{out_};
    feed_counters& count = batch.counters();
    count.messages.add();
    count.bytes.add(body.size());
    const errc bad = decode(request, body, batch);
    if (bad == errc::none) return {};
    count.count_rejected(bad);
    return bad;
  }

  // What a stream has told meanwhile is newer.
  [[nodiscard]] errc decode(const poll_request& request, std::string_view body, publisher::batch& batch) {
    const std::int64_t now = epoch_clock::now_ns() + settings_.given.session.clock_shift.count();
    const std::string& stream = request.streams.front();
    const std::string symbol = symbol_of_stream(stream);
    const auto wanted = [this](tick_kind kind, symbol_id of) { return out_.ages().is_polled(kind, of); };
    switch (poll_body{request.what}) {
      case poll_body::book_tickers: return decoder_.book_tickers(body, now, batch, wanted);
      case poll_body::trades: return decoder_.trades(body, symbol, now, batch, wanted);
      case poll_body::aggregate_trades: return decoder_.aggregate_trades(body, symbol, now, batch, wanted);
      case poll_body::tickers:
        return decoder_.tickers(body, now, batch, wanted, tick_kind::ticker | tick_kind::mini_ticker);
      case poll_body::klines: return decoder_.klines(body, symbol, poll_plan::interval_of(stream), now, batch, wanted);
      case poll_body::average_price: return decoder_.average_price(body, symbol, now, batch, wanted);
      case poll_body::mark_prices: return decoder_.mark_prices(body, now, batch, wanted);
      case poll_body::depth: break;
    }
    const auto kind = kind_of_stream(stream);
    if (!kind || !wanted(*kind, out_.symbols().find(symbol))) return errc::none;
    const message_type read = books_.decode_depth(body, symbol, now, batch);
    if (read == message_type::rejected) return books_.last_error();
    return read == message_type::tick ? errc::none : errc::malformed_message;
  }

  publisher& out_;
  const checked_settings& settings_;
  const poll_plan plan_;
  rest_decoder decoder_;
  codec books_;
  http_client client_;
};
static_assert(poll_venue<rest_polling>);

}  // namespace foxtrot::inline v0::binance::detail
