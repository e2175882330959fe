// foxtrot/thread/service_notifier.hpp: tells systemd that the program is ready, well, or stopping.
#pragma once

#include <foxtrot/core/separate_compilation.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>
#include <system_error>

#include <sys/socket.h>
#include <sys/un.h>

namespace foxtrot::inline v0 {

/// Speaks the protocol of sd_notify(3): datagrams to the socket that the service manager names in NOTIFY_SOCKET. Where
/// there is none, as outside of a service, everything succeeds and does nothing. Any thread.
class service_notifier {
 public:
  /// Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID, and leaves them there.
  service_notifier();

  /// True where a service manager listens.
  [[nodiscard]] bool is_service() const noexcept { return length_ != 0; }
  /// The program is to say WATCHDOG=1 more often than that; nothing where nobody waits for it.
  [[nodiscard]] std::optional<std::chrono::microseconds> watchdog_interval() const noexcept;

  /// `state`: lines such as "READY=1", "STOPPING=1", "STATUS=text". Never waits. errc::bad_argument for an address that
  /// cannot be one, else the system's error.
  std::error_code notify(std::string_view state) const noexcept;
  std::error_code ready() const noexcept;
  std::error_code stopping() const noexcept;

 private:
  void set_address(std::string_view path) noexcept;
  [[nodiscard]] static std::optional<std::uint64_t> number_in(const char* variable) noexcept;

  sockaddr_un address_{};
  socklen_t length_{0};
  bool bad_address_{false};
  std::optional<std::chrono::microseconds> watchdog_;
};

}  // namespace foxtrot::inline v0

#ifdef FOXTROT_DEFINITIONS
#include <foxtrot/thread/impl/service_notifier.hpp>
#endif
