// foxtrot/net/websocket/frame.hpp: frame headers on the wire, RFC 6455 section 5.2.
#pragma once

#include <foxtrot/core/error.hpp>
#include <foxtrot/net/websocket/mask.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>

namespace foxtrot::inline v0 {

enum class opcode : std::uint8_t { continuation = 0, text = 1, binary = 2, close = 8, ping = 9, pong = 10 };

/// Who we are: a client sends masked frames and takes unmasked ones, a server the other way round.
enum class websocket_role : std::uint8_t { client, server };

struct frame_header {
  std::uint64_t length{0};  ///< payload bytes
  mask_key key{};           ///< zero where the frame is not masked
  opcode op{opcode::continuation};
  bool fin{true};
  bool masked{false};
  std::uint8_t size{0};  ///< bytes of the header itself
};

inline constexpr std::size_t max_frame_header = 14;
inline constexpr std::size_t max_control_payload = 125;

[[nodiscard]] constexpr bool is_control(opcode op) noexcept { return (static_cast<std::uint8_t>(op) & 0x8U) != 0; }

namespace detail {

[[nodiscard]] constexpr std::uint64_t load_big_endian(const char* at, std::size_t bytes) noexcept {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < bytes; ++i) value = (value << 8U) | static_cast<std::uint8_t>(at[i]);
  return value;
}

constexpr void store_big_endian(char* at, std::uint64_t value, std::size_t bytes) noexcept {
  for (std::size_t i = 0; i < bytes; ++i) at[i] = static_cast<char>((value >> (8 * (bytes - 1 - i))) & 0xffU);
}

/// What the first byte alone gives away.
[[nodiscard]] constexpr errc check_first_byte(std::uint8_t first) noexcept {
  constexpr unsigned known_opcodes = 0b0000'0111'0000'0111;
  if ((first & 0x70U) != 0) return errc::websocket_reserved_bits;
  if ((known_opcodes >> (first & 0x0fU) & 1U) == 0) return errc::websocket_bad_opcode;
  if ((first & 0x88U) == 0x08U) return errc::websocket_bad_control_frame;  // no FIN
  return {};
}

}  // namespace detail

/// Reads the header at the front of `bytes`. Returns zero when `header` is complete, errc::would_block when more bytes
/// are needed, and the violation otherwise, each at the first byte that proves it.
[[nodiscard]] inline errc decode_frame_header(std::span<const char> bytes, websocket_role receiver,
                                              frame_header& header) noexcept {
  if (bytes.empty()) return errc::would_block;
  const auto first = static_cast<std::uint8_t>(bytes[0]);
  if (const errc bad = detail::check_first_byte(first); bad != errc{}) return bad;
  if (bytes.size() < 2) return errc::would_block;

  const auto second = static_cast<std::uint8_t>(bytes[1]);
  header.op = static_cast<opcode>(first & 0x0fU);
  header.fin = (first & 0x80U) != 0;
  header.masked = (second & 0x80U) != 0;
  header.length = second & 0x7fU;
  if (header.masked && receiver == websocket_role::client) return errc::websocket_masked_frame;
  if (!header.masked && receiver == websocket_role::server) return errc::websocket_unmasked_frame;
  if (is_control(header.op) && header.length > max_control_payload) return errc::websocket_bad_control_frame;

  std::size_t size = 2;
  if (header.length == 126) {
    size = 4;
    if (bytes.size() < size) return errc::would_block;
    header.length = detail::load_big_endian(&bytes[2], 2);
    if (header.length < 126) return errc::websocket_bad_length;
  } else if (header.length == 127) {
    size = 10;
    if (bytes.size() < size) return errc::would_block;
    header.length = detail::load_big_endian(&bytes[2], 8);
    if (header.length <= 0xffffU || (header.length >> 63U) != 0) return errc::websocket_bad_length;
  }
  if (header.masked) {
    if (bytes.size() < size + header.key.size()) return errc::would_block;
    std::memcpy(header.key.data(), &bytes[size], header.key.size());
    size += header.key.size();
  }
  header.size = static_cast<std::uint8_t>(size);
  return {};
}

/// Bytes that a frame with this payload takes on the wire.
[[nodiscard]] constexpr std::size_t frame_size(std::size_t payload, bool masked) noexcept {
  return 2 + (payload > 0xffff ? 8U : payload > 125 ? 2U : 0U) + (masked ? 4U : 0U) + payload;
}

/// Writes a header with the shortest length field; it is masked if a key is given. Returns its size.
inline std::size_t encode_frame_header(std::span<char, max_frame_header> out, opcode op, bool fin, std::uint64_t length,
                                       const std::optional<mask_key>& key) noexcept {
  const unsigned mask_bit = key ? 0x80U : 0U;
  std::size_t size = 2;
  out[0] = static_cast<char>((fin ? 0x80U : 0U) | static_cast<unsigned>(op));
  if (length <= 125) {
    out[1] = static_cast<char>(mask_bit | static_cast<unsigned>(length));
  } else if (length <= 0xffffU) {
    out[1] = static_cast<char>(mask_bit | 126U);
    detail::store_big_endian(&out[2], length, 2);
    size = 4;
  } else {
    out[1] = static_cast<char>(mask_bit | 127U);
    detail::store_big_endian(&out[2], length, 8);
    size = 10;
  }
  if (key) {
    std::memcpy(&out[size], key->data(), key->size());
    size += key->size();
  }
  return size;
}

/// Writes a whole frame, masked if a key is given. Returns its size, or 0 and writes nothing where `out` is shorter
/// than `frame_size` says. `payload` may not overlap `out`.
[[nodiscard]] inline std::size_t encode_frame(std::span<char> out, opcode op, std::string_view payload,
                                              const std::optional<mask_key>& key, bool fin = true) noexcept {
  const std::size_t total = frame_size(payload.size(), key.has_value());
  if (out.size() < total) return 0;
  char head[max_frame_header];
  const std::size_t head_size = encode_frame_header(head, op, fin, payload.size(), key);
  std::memcpy(out.data(), head, head_size);
  const std::span<char> body = out.subspan(head_size, payload.size());
  if (!payload.empty()) std::memcpy(body.data(), payload.data(), payload.size());
  if (key) apply_mask(body, *key);
  return total;
}

}  // namespace foxtrot::inline v0
