// bench/websocket/server.hpp: the process that sends the frames.
#pragma once

#include <websocket/clients.hpp>

#include <cstddef>
#include <cstdint>
#include <string>

#include <sys/types.h>

namespace foxtrot_bench {

/// How TLS cuts frames into records. Either way TCP is written about 64 KiB at a time.
enum class records : std::uint8_t { full, one_per_frame };

/// A child of this process, on CPU 0: serves one connection after the other with blocking sockets, with and without
/// TLS. It ends with its parent, however that ends.
class server_process {
 public:
  /// Started at the first call, which must come before this process has threads. Throws where it cannot be.
  [[nodiscard]] static const server_process& get();

  server_process(const server_process&) = delete;
  server_process& operator=(const server_process&) = delete;
  ~server_process();

  /// What to connect to for so many text frames.
  [[nodiscard]] server_address frames(bool tls, records cut, std::size_t size, std::size_t count) const;
  [[nodiscard]] std::uint16_t tls_port() const noexcept { return tls_port_; }
  /// The authority behind the server's certificate, for localhost.
  [[nodiscard]] const std::string& ca_pem() const noexcept { return ca_pem_; }

 private:
  server_process();

  std::string ca_pem_;
  std::uint16_t tcp_port_{0};
  std::uint16_t tls_port_{0};
  pid_t child_{-1};
};

}  // namespace foxtrot_bench
