// foxtrot/thread/impl/service_notifier.hpp: what service_notifier.hpp declares.
#pragma once

#include <foxtrot/core/error.hpp>
#include <foxtrot/thread/service_notifier.hpp>

#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string_view>
#include <system_error>

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace foxtrot::inline v0 {

FOXTROT_DECL service_notifier::service_notifier() {
  if (const char* const path = std::getenv("NOTIFY_SOCKET")) set_address(path);
  const auto pid = number_in("WATCHDOG_PID");
  if (pid && *pid != static_cast<std::uint64_t>(::getpid())) return;
  if (const auto limit = number_in("WATCHDOG_USEC"); limit && *limit != 0)
    watchdog_ = std::chrono::microseconds{*limit};
}

FOXTROT_DECL std::optional<std::chrono::microseconds> service_notifier::watchdog_interval() const noexcept {
  return is_service() ? watchdog_ : std::nullopt;
}

FOXTROT_DECL std::error_code service_notifier::notify(std::string_view state) const noexcept {
  if (bad_address_) return errc::bad_argument;
  if (!is_service()) return {};
  const int socket = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (socket < 0) return {errno, std::system_category()};
  const ssize_t sent =
      ::sendto(socket, state.data(), state.size(), MSG_NOSIGNAL, reinterpret_cast<const sockaddr*>(&address_), length_);
  const int error = sent < 0 ? errno : 0;
  ::close(socket);
  return {error, std::system_category()};
}
FOXTROT_DECL std::error_code service_notifier::ready() const noexcept { return notify("READY=1"); }
FOXTROT_DECL std::error_code service_notifier::stopping() const noexcept { return notify("STOPPING=1"); }

// A path, or with '@' first a name in the abstract name space; anything else is no address of ours.
FOXTROT_DECL void service_notifier::set_address(std::string_view path) noexcept {
  if (path.empty()) return;
  bad_address_ = path.size() < 2 || path.size() >= sizeof address_.sun_path || (path[0] != '/' && path[0] != '@');
  if (bad_address_) return;
  address_.sun_family = AF_UNIX;
  std::memcpy(address_.sun_path, path.data(), path.size());
  if (path[0] == '@') address_.sun_path[0] = '\0';
  length_ = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size());
}

FOXTROT_DECL std::optional<std::uint64_t> service_notifier::number_in(const char* variable) noexcept {
  const char* const text = std::getenv(variable);
  if (text == nullptr) return std::nullopt;
  const char* const end = text + std::strlen(text);
  std::uint64_t value = 0;
  const auto [stopped, error] = std::from_chars(text, end, value);
  if (error != std::errc{} || stopped != end) return std::nullopt;
  return value;
}

}  // namespace foxtrot::inline v0
