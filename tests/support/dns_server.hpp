// tests/support/dns_server.hpp: a name server on loopback that answers what the test wants.
#pragma once

#include <foxtrot/net/asio.hpp>

#include <asio/buffer.hpp>
#include <asio/ip/udp.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace foxtrot_test {

enum class dns_type : std::uint16_t { a = 1, aaaa = 28 };

/// One question as it came.
struct dns_query {
  std::string packet;
  std::string name;  // "exchange.test"
  dns_type type{};
};

[[nodiscard]] inline std::string dns_number(std::size_t value) {
  return {static_cast<char>(value >> 8 & 0xff), static_cast<char>(value & 0xff)};
}

/// A reply with addresses of the kind that was asked for among these; without any it says "no data".
[[nodiscard]] inline std::string dns_reply(const dns_query& query, const std::vector<std::string>& addresses,
                                           unsigned code = 0) {
  std::string records;
  std::size_t count = 0;
  for (const std::string& text : addresses) {
    const auto address = asio::ip::make_address(text);
    std::string bytes;
    if (address.is_v4() && query.type == dns_type::a) {
      const auto raw = address.to_v4().to_bytes();
      bytes.assign(raw.begin(), raw.end());
    } else if (address.is_v6() && query.type == dns_type::aaaa) {
      const auto raw = address.to_v6().to_bytes();
      bytes.assign(raw.begin(), raw.end());
    } else {
      continue;
    }
    ++count;
    records += dns_number(0xc00c) + dns_number(static_cast<std::size_t>(query.type)) + dns_number(1) + dns_number(0) +
               dns_number(60) + dns_number(bytes.size()) + bytes;
  }
  const std::string question = query.packet.substr(12, query.name.size() + 2 + 4);
  return query.packet.substr(0, 2) + dns_number(0x8180 | code) + dns_number(1) + dns_number(count) + dns_number(0) +
         dns_number(0) + question + records;
}

/// Lives on the test's loop. `answer` gives a reply, or nothing for silence.
class dns_server {
 public:
  using answer = std::function<std::optional<std::string>(const dns_query&)>;

  dns_server(asio::io_context& loop, answer says)
      : socket_{loop, asio::ip::udp::endpoint{asio::ip::address_v4::loopback(), 0}}, says_{std::move(says)} {
    receive();
  }
  dns_server(const dns_server&) = delete;
  dns_server& operator=(const dns_server&) = delete;

  [[nodiscard]] std::string where() const { return "127.0.0.1:" + std::to_string(socket_.local_endpoint().port()); }
  [[nodiscard]] std::size_t asked() const noexcept { return asked_; }

 private:
  void receive() {
    socket_.async_receive_from(asio::buffer(bytes_), from_, [this](std::error_code error, std::size_t size) {
      if (error == asio::error::operation_aborted) return;
      if (!error) reply({bytes_.data(), size});
      receive();
    });
  }
  void reply(std::string_view packet) {
    ++asked_;
    dns_query query{std::string{packet}, {}, {}};
    std::size_t at = 12;
    while (at < packet.size() && packet[at] != 0) {
      const auto length = static_cast<unsigned char>(packet[at]);
      if (!query.name.empty()) query.name += '.';
      query.name += packet.substr(at + 1, length);
      at += length + 1U;
    }
    if (at + 3 > packet.size()) return;
    query.type = static_cast<dns_type>(static_cast<unsigned char>(packet[at + 2]));
    const auto says = says_(query);
    std::error_code ignored;
    if (says) (void)socket_.send_to(asio::buffer(*says), from_, 0, ignored);
  }

  asio::basic_datagram_socket<asio::ip::udp, foxtrot::io_executor> socket_;
  answer says_;
  asio::ip::udp::endpoint from_;
  std::array<char, 1500> bytes_{};
  std::size_t asked_{0};
};

}  // namespace foxtrot_test
