// foxtrot/net/websocket/mask.hpp: masking of client frames, RFC 6455 section 5.3.
#pragma once

#include <foxtrot/net/detail/openssl_init.hpp>

#include <openssl/rand.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <utility>

namespace foxtrot::inline v0 {

/// Four bytes in the order in which they travel.
using mask_key = std::array<std::uint8_t, 4>;

/// Masks or unmasks in place; `offset` is the position of `data` in the payload. Any alignment.
inline void apply_mask(std::span<char> data, mask_key key, std::size_t offset = 0) noexcept {
  std::array<std::uint8_t, 8> repeated{};
  for (std::size_t i = 0; i < repeated.size(); ++i) repeated[i] = key[(offset + i) % key.size()];
  std::uint64_t wide = 0;
  std::memcpy(&wide, repeated.data(), sizeof wide);

  char* at = data.data();
  std::size_t left = data.size();
  for (; left >= sizeof wide; left -= sizeof wide, at += sizeof wide) {
    std::uint64_t word = 0;
    std::memcpy(&word, at, sizeof word);
    word ^= wide;
    std::memcpy(at, &word, sizeof word);
  }
  for (std::size_t i = 0; i < left; ++i) at[i] = static_cast<char>(static_cast<std::uint8_t>(at[i]) ^ repeated[i]);
}

/// Unpredictable keys from OpenSSL's generator, fetched in batches because one call costs about a microsecond whatever
/// its size. One thread. A moved-from source fetches a fresh batch, so that no key is ever used twice.
class mask_key_source {
 public:
  mask_key_source() = default;
  mask_key_source(mask_key_source&& other) noexcept : keys_{other.keys_}, next_{std::exchange(other.next_, batch)} {}
  mask_key_source& operator=(mask_key_source&& other) noexcept {
    if (this != &other) {
      keys_ = other.keys_;
      next_ = std::exchange(other.next_, batch);
    }
    return *this;
  }
  ~mask_key_source() = default;

  /// False where the generator fails: nothing may be sent then.
  [[nodiscard]] bool try_next(mask_key& key) noexcept {
    if (next_ == batch && !refill()) return false;
    key = keys_[next_++];
    return true;
  }

 private:
  static constexpr std::size_t batch = 64;

  [[nodiscard]] bool refill() noexcept {
    if (!detail::init_openssl()) return false;
    if (RAND_bytes(keys_.front().data(), static_cast<int>(sizeof keys_)) != 1) return false;
    next_ = 0;
    return true;
  }

  std::array<mask_key, batch> keys_{};
  std::size_t next_{batch};
};

}  // namespace foxtrot::inline v0
