// bench/websocket/raw_client.hpp: what the hand-written clients share: a connection that is watched by an epoll.
#pragma once

#include <websocket/clients.hpp>

#include <support/raw_connection.hpp>

#include <cstddef>

#include <fcntl.h>
#include <sys/epoll.h>
#include <unistd.h>

namespace foxtrot_bench {

/// Connected, upgraded and told to `go`; then non-blocking and watched by an epoll of its own.
class raw_client : public raw_connection {
 public:
  explicit raw_client(const server_address& server) : raw_connection{server} {
    send_text(go);
    check(::fcntl(descriptor(), F_SETFL, O_NONBLOCK));
    epoll_event event{};
    event.events = EPOLLIN;
    check(epoll_ = ::epoll_create1(EPOLL_CLOEXEC));
    check(::epoll_ctl(epoll_, EPOLL_CTL_ADD, descriptor(), &event));
  }
  raw_client(const raw_client&) = delete;
  raw_client& operator=(const raw_client&) = delete;
  ~raw_client() { ::close(epoll_); }

  void wait() {
    epoll_event event{};
    ::epoll_wait(epoll_, &event, 1, -1);
  }

 private:
  int epoll_{-1};
};

/// Gives each frame to the meter.
struct metered {
  frame_meter& meter;
  void operator()(const char* payload, std::size_t size) const noexcept { meter.on_frame(payload, size); }
};

}  // namespace foxtrot_bench
