// foxtrot/exchange/binance/protocol.hpp: Binance's side of a session: its messages, its requests, its limits.
#pragma once

#include <foxtrot/exchange/binance/codec.hpp>
#include <foxtrot/exchange/binance/detail/stream_names.hpp>
#include <foxtrot/exchange/binance/market.hpp>
#include <foxtrot/exchange/binance/stream_name.hpp>
#include <foxtrot/feed/protocol.hpp>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace foxtrot::inline v0::binance {

/// Implements venue_protocol. Source of the messages: web-socket-streams.md of binance-spot-api-docs, "Live
/// Subscribing/Unsubscribing to streams"; the limits are the same page's.
class protocol {
 public:
  explicit protocol(market where) : market_{where}, codec_{where} {}

  message_type decode(std::string_view message, std::int64_t received_ns, publisher::batch& out) {
    return codec_.decode(message, received_ns, out);
  }
  [[nodiscard]] const control_answer& last_answer() const noexcept { return codec_.last_answer(); }
  [[nodiscard]] errc last_error() const noexcept { return codec_.last_error(); }
  [[nodiscard]] std::string_view last_event() const noexcept { return codec_.last_event(); }

  [[nodiscard]] std::string subscribe_request(std::span<const std::string> streams, std::int64_t id) const {
    return request("SUBSCRIBE", streams, id);
  }
  [[nodiscard]] std::string unsubscribe_request(std::span<const std::string> streams, std::int64_t id) const {
    return request("UNSUBSCRIBE", streams, id);
  }

  [[nodiscard]] std::optional<stream_key> key_of(std::string_view stream) const {
    const auto kind = detail::kind_of_stream(stream);
    if (!kind) return std::nullopt;
    return stream_key{*kind, detail::symbol_of_stream(stream)};
  }

  // The venue counts what arrives within a second. What left a second apart may arrive closer, for the network delays
  // some of it more than other: 100 ms are left for that.
  [[nodiscard]] session_limits limits() const noexcept {
    return {.max_streams = 1024,
            .streams_per_request = 100,
            .messages = {.limit = 5, .window = std::chrono::milliseconds{1100}, .reserve = 1}};
  }
  [[nodiscard]] venue where() const noexcept { return venue_of(market_); }
  [[nodiscard]] codec& messages() noexcept { return codec_; }

 private:
  // Stream names hold no character that JSON would escape: is_stream_name() has seen to it.
  [[nodiscard]] static std::string request(std::string_view method, std::span<const std::string> streams,
                                           std::int64_t id) {
    std::string text = R"({"method":")";
    text.append(method).append(R"(","params":[)");
    for (const std::string& stream : streams) {
      if (&stream != &streams.front()) text += ',';
      text.append(1, '"').append(stream).append(1, '"');
    }
    return text.append(R"(],"id":)").append(std::to_string(id)).append(1, '}');
  }

  market market_;
  codec codec_;
};
static_assert(venue_protocol<protocol>);

}  // namespace foxtrot::inline v0::binance
