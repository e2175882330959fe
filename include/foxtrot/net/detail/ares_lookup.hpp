// foxtrot/net/detail/ares_lookup.hpp: a name looked up by c-ares, on the event loop, if FOXTROT_WITH_CARES is defined.
#pragma once

#include <foxtrot/core/clock.hpp>
#include <foxtrot/core/error.hpp>
#include <foxtrot/core/result.hpp>
#include <foxtrot/net/asio.hpp>
#include <foxtrot/net/async_event.hpp>
#include <foxtrot/net/timer_queue.hpp>

#include <asio/posix/basic_stream_descriptor.hpp>
#ifdef FOXTROT_WITH_CARES
#include <ares.h>
#endif

#include <chrono>
#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <sys/socket.h>
#include <sys/time.h>

#ifdef FOXTROT_WITH_CARES
namespace foxtrot::inline v0::detail {

/// What differs from the system's configuration; tests have a server of their own.
struct ares_settings {
  std::string servers;                         ///< "address:port,..."; empty: those of /etc/resolv.conf
  std::chrono::milliseconds first_timeout{0};  ///< of a server's answer, longer for later tries; 0: the configured one
  int tries{0};                                ///< per server; 0: as configured
};

[[nodiscard]] inline std::error_code error_of_ares(int status) noexcept {
  switch (status) {
    case ARES_SUCCESS: return {};
    case ARES_ENOTFOUND:
    case ARES_ENODATA:
    case ARES_ENONAME:
    case ARES_EBADNAME: return errc::host_not_found;
    case ARES_ECANCELLED:
    case ARES_EDESTRUCTION: return errc::cancelled;
    case ARES_ENOMEM: return std::make_error_code(std::errc::not_enough_memory);
    default: return errc::resolve_failed;
  }
}

// One lookup and the channel it has to itself: its end, however it comes, closes every socket and timer. Loop thread
// only. The files of the configuration and /etc/hosts are read at once, as every resolver does.
class ares_lookup {
 public:
  explicit ares_lookup(timer_queue& timers) : timers_{timers}, done_{timers.context()} {}
  ares_lookup(const ares_lookup&) = delete;
  ares_lookup& operator=(const ares_lookup&) = delete;
  ~ares_lookup() {
    over_ = true;
    if (channel_ != nullptr) ares_destroy(channel_);  // tells on_state of every socket that it closes
  }

  /// From here on `finished` comes, unless this ends before.
  [[nodiscard]] std::error_code begin(const std::string& host, std::uint16_t port, const ares_settings& settings) {
    if (const std::error_code error = open(settings)) return error;
    port_ = port;
    ares_addrinfo_hints hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    ares_getaddrinfo(channel_, host.c_str(), nullptr, &hints, &ares_lookup::on_answer, this);
    set_alarm();
    return {};
  }
  [[nodiscard]] async_event& finished() noexcept { return done_; }
  [[nodiscard]] result<std::vector<asio::ip::tcp::endpoint>> take() {
    if (error_) return error_;
    return std::move(found_);
  }

 private:
  // A socket of the channel's, which closes it itself.
  struct watched {
    watched(asio::io_context& loop, int socket) : descriptor{loop, socket} {}
    asio::posix::basic_stream_descriptor<io_executor> descriptor;
    bool wanted[2]{};   // readable, writable
    bool waiting[2]{};  // for the same
  };

  [[nodiscard]] std::error_code open(const ares_settings& settings) {
    static const int unusable = ares_library_init(ARES_LIB_INIT_ALL);  // once, and never undone
    if (unusable != ARES_SUCCESS) return errc::resolve_failed;
    ares_options options{};
    int given = ARES_OPT_SOCK_STATE_CB;
    options.sock_state_cb = &ares_lookup::on_state;
    options.sock_state_cb_data = this;
    if (settings.first_timeout.count() > 0) {
      options.timeout = static_cast<int>(settings.first_timeout.count());
      given |= ARES_OPT_TIMEOUTMS;
    }
    if (settings.tries > 0) {
      options.tries = settings.tries;
      given |= ARES_OPT_TRIES;
    }
    int status = ares_init_options(&channel_, &options, given);
    if (status != ARES_SUCCESS) channel_ = nullptr;
    if (status == ARES_SUCCESS && !settings.servers.empty())
      status = ares_set_servers_ports_csv(channel_, settings.servers.c_str());
    return error_of_ares(status);
  }

  static void on_answer(void* self, int status, int, ares_addrinfo* answer) {
    static_cast<ares_lookup*>(self)->finish(status, answer);
  }
  void finish(int status, ares_addrinfo* answer) {
    const std::unique_ptr<ares_addrinfo, decltype(&ares_freeaddrinfo)> owned{answer, &ares_freeaddrinfo};
    if (over_) return;
    error_ = error_of_ares(status);
    if (!error_ && answer != nullptr) {
      for (const ares_addrinfo_node* node = answer->nodes; node != nullptr; node = node->ai_next) add(*node);
    }
    if (!error_ && found_.empty()) error_ = errc::host_not_found;
    done_.notify();
  }
  void add(const ares_addrinfo_node& node) {
    asio::ip::tcp::endpoint address;
    if (node.ai_addrlen > address.capacity()) return;
    address.resize(node.ai_addrlen);
    std::memcpy(address.data(), node.ai_addr, node.ai_addrlen);
    address.port(port_);
    found_.push_back(address);
  }

  static void on_state(void* self, ares_socket_t socket, int readable, int writable) {
    static_cast<ares_lookup*>(self)->watch(socket, readable != 0, writable != 0);
  }
  void watch(int socket, bool readable, bool writable) {
    const auto known = sockets_.find(socket);
    if (!readable && !writable) {
      if (known == sockets_.end()) return;
      known->second->descriptor.release();  // it is about to be closed; what waits for it ends as cancelled
      sockets_.erase(known);
      return;
    }
    if (over_) return;
    const auto& entry =
        known != sockets_.end()
            ? known->second
            : sockets_.emplace(socket, std::make_shared<watched>(timers_.context(), socket)).first->second;
    entry->wanted[0] = readable;
    entry->wanted[1] = writable;
    wait(socket, entry, 0);
    wait(socket, entry, 1);
  }

  void wait(int socket, const std::shared_ptr<watched>& entry, int direction) {
    if (!entry->wanted[direction] || std::exchange(entry->waiting[direction], true)) return;
    using base = asio::posix::descriptor_base;
    entry->descriptor.async_wait(direction == 0 ? base::wait_read : base::wait_write,
                                 [this, alive = std::weak_ptr{entry}, socket, direction](std::error_code error) {
                                   // an entry lives no longer than its socket, and the sockets no longer than this
                                   const auto still = alive.lock();
                                   if (!still || error) return;
                                   still->waiting[direction] = false;
                                   process(direction == 0 ? socket : ARES_SOCKET_BAD,
                                           direction == 1 ? socket : ARES_SOCKET_BAD);
                                   const auto known = sockets_.find(socket);
                                   if (known != sockets_.end() && known->second == still)
                                     wait(socket, still, direction);
                                 });
  }

  void process(ares_socket_t readable, ares_socket_t writable) {
    ares_process_fd(channel_, readable, writable);
    set_alarm();
  }
  // For the next try.
  void set_alarm() {
    timeval left{};
    if (ares_timeout(channel_, nullptr, &left) == nullptr) return alarm_ = {}, void();
    const auto wait = std::chrono::seconds{left.tv_sec} + std::chrono::microseconds{left.tv_usec};
    // c-ares has its own idea of the time: a little later is due for certain
    alarm_ =
        timers_.call_after(wait + std::chrono::milliseconds{1}, [this] { process(ARES_SOCKET_BAD, ARES_SOCKET_BAD); });
  }

  timer_queue& timers_;
  async_event done_;
  ares_channel channel_{nullptr};
  std::map<int, std::shared_ptr<watched>> sockets_;
  timer alarm_;
  std::uint16_t port_{0};
  bool over_{false};
  std::error_code error_;
  std::vector<asio::ip::tcp::endpoint> found_;
};

/// The addresses of `host` in the order to try them; errc::timeout after `patience`.
[[nodiscard]] inline task<result<std::vector<asio::ip::tcp::endpoint>>> look_up_with_ares(
    timer_queue& timers, std::string host, std::uint16_t port, steady_time::duration patience, ares_settings settings) {
  ares_lookup lookup{timers};
  const timer limit = timers.call_after(patience, [&lookup] { lookup.finished().notify(errc::timeout); });
  if (const auto error = lookup.begin(host, port, settings)) co_return error;
  const std::error_code failed = co_await lookup.finished().wait();
  if (failed) co_return failed;
  co_return lookup.take();
}

}  // namespace foxtrot::inline v0::detail
#endif
