// foxtrot/sim/exchange.hpp: a simulated exchange on loopback: real TLS, WebSocket and REST on one port.
#pragma once

#include <foxtrot/core/diagnostics.hpp>
#include <foxtrot/core/live_object.hpp>
#include <foxtrot/core/result.hpp>
#include <foxtrot/core/separate_compilation.hpp>
#include <foxtrot/net/websocket/close_code.hpp>
#include <foxtrot/sim/exchange_settings.hpp>
#include <foxtrot/sim/exchange_truth.hpp>
#include <foxtrot/sim/fault.hpp>
#include <foxtrot/sim/sent_log.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <system_error>

namespace foxtrot::inline v0 {

namespace detail {
class exchange_host;
}

/// Speaks the venue's protocol to any number of clients from a thread of its own. Starts once, stops once. Everything
/// but construction, `start` and destruction may be called from any thread at any time; what changes connections takes
/// effect soon after.
class exchange : private live_object<exchange> {
 public:
  explicit exchange(exchange_settings settings = {}, diagnostics log = {});
  exchange(const exchange&) = delete;
  exchange& operator=(const exchange&) = delete;
  /// Stops.
  ~exchange();

  /// The port it listens on. The error of the capture, of the certificate, or of the socket; nothing runs then.
  [[nodiscard]] result<std::uint16_t> start();
  /// Drops every connection and joins the thread, within `patience`. Any number of times.
  std::error_code stop(std::chrono::milliseconds patience = std::chrono::seconds{2});

  /// What `start` returned; 0 before.
  [[nodiscard]] std::uint16_t port() const noexcept;
  /// The authority that a client has to trust; empty before `start` and without TLS.
  [[nodiscard]] const std::string& ca_pem() const noexcept;
  [[nodiscard]] exchange_statistics statistics() const noexcept;
  /// The last ids that a generated market has made; nothing before `start`.
  [[nodiscard]] exchange_truth truth() const;
  /// What this stream has sent, to whom and when; nothing where the settings do not ask for it.
  [[nodiscard]] sent_messages sent(const std::string& stream) const;

  /// Goes wrong now, whatever its `at` says; the faults of the settings follow their own times.
  void inject(fault what);
  /// Ends every condition that is in force. What the settings' script has still to come will come.
  void clear_faults();

  /// Every connection ends with a reset (RST), or is closed by the WebSocket's handshake.
  void reset_connections();
  void close_connections(close_code code, std::string reason = {});
  /// No market data from now on, until `resume`; everything else goes on. Unlike the others it is in effect when it
  /// returns, so that what was made is known.
  void pause();
  void resume();
  /// The next depth update of this symbol gets lost on its way to everybody; not in a replay.
  void lose_depth_update(std::string symbol);

 private:
  std::unique_ptr<detail::exchange_host> host_;
};

}  // namespace foxtrot::inline v0

#ifdef FOXTROT_DEFINITIONS
#include <foxtrot/sim/impl/exchange.hpp>
#endif
