// foxtrot/thread/detail/descriptor.hpp: a file descriptor that is closed in the end.
#pragma once

#include <unistd.h>

namespace foxtrot::inline v0::detail {

struct descriptor {
  int fd;

  explicit descriptor(int opened) noexcept : fd{opened} {}
  descriptor(const descriptor&) = delete;
  descriptor& operator=(const descriptor&) = delete;
  ~descriptor() {
    if (fd >= 0) ::close(fd);
  }
};

}  // namespace foxtrot::inline v0::detail
