// bench/support/server_address.hpp: where a server of the benches listens.
#pragma once

#include <cstdint>
#include <string>

namespace foxtrot_bench {

/// Where on 127.0.0.1, and what to ask for.
struct server_address {
  std::uint16_t port;
  bool tls;
  std::string target;
};

}  // namespace foxtrot_bench
