// bench/websocket/limit.cpp: the floor: one recv for many frames, OpenSSL fed by the record, frames decoded in place.
#include <websocket/raw_client.hpp>

#include <benchmark/benchmark.h>
#include <openssl/bio.h>

#include <array>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>
#include <utility>

namespace foxtrot_bench {
namespace {

constexpr std::size_t read_size = 256 * 1024;
constexpr std::size_t largest_record = 5 + 16 * 1024 + 256;  // RFC 8446 section 5.2, with its header

// Both floors stop asking once a recv brought less than it could have: the next one would say that there is nothing.
// 256 KiB at once instead of 64 save a twentieth where that much is waiting.

void receive_plain(raw_client& server, frame_meter& meter) {
  frame_buffer<2 * read_size, read_size> frames;
  while (!meter.done()) {
    const std::size_t count = server.receive(frames.space(), read_size);
    frames.take(count, metered{meter});
    if (count < read_size && !meter.done()) server.wait();
  }
}

/// Ciphertext as recv left it. OpenSSL gets exactly one whole record for each read it makes: with read-ahead it then
/// asks once for each record, and never has to move what follows to the front of its own buffer.
class record_source {
 public:
  explicit record_source(SSL* ssl) {
    static BIO_METHOD* const method = make_method();
    BIO* const bio = BIO_new(method);
    BIO_set_data(bio, this);
    BIO_set_init(bio, 1);
    SSL_set0_rbio(ssl, bio);
    SSL_set_read_ahead(ssl, 1);
  }

  [[nodiscard]] char* space() noexcept { return bytes_.data() + end_; }
  void take(std::size_t count) noexcept { end_ += count; }
  [[nodiscard]] bool has_record() const noexcept { return record_size() <= end_ - begin_; }
  void make_room() noexcept {
    std::memmove(bytes_.data(), bytes_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }

 private:
  // Of the first record; more than there can be where its header has not arrived.
  [[nodiscard]] std::size_t record_size() const noexcept {
    if (end_ - begin_ < 5) return bytes_.size() + 1;
    const auto* const head = reinterpret_cast<const unsigned char*>(bytes_.data()) + begin_;
    return 5 + static_cast<std::size_t>(head[3] << 8U | head[4]);
  }

  static BIO_METHOD* make_method() {
    BIO_METHOD* const made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "records");
    BIO_meth_set_read_ex(made, [](BIO* bio, char* into, std::size_t size, std::size_t* count) -> int {
      auto& self = *static_cast<record_source*>(BIO_get_data(bio));
      const std::size_t n = self.record_size();
      if (n > self.end_ - self.begin_ || n > size) {
        BIO_set_retry_read(bio);
        return 0;
      }
      std::memcpy(into, self.bytes_.data() + self.begin_, n);
      self.begin_ += n;
      *count = n;
      return 1;
    });
    BIO_meth_set_ctrl(made, [](BIO*, int command, long, void*) -> long { return command == BIO_CTRL_FLUSH; });
    return made;
  }

  std::size_t begin_{0};
  std::size_t end_{0};
  std::array<char, read_size + largest_record> bytes_;
};

void receive_tls(raw_client& server, frame_meter& meter) {
  const auto source = std::make_unique<record_source>(server.tls());
  frame_buffer<4 * largest_record, largest_record> frames;
  while (!meter.done()) {
    const std::size_t count = server.receive(source->space(), read_size);
    source->take(count);
    while (source->has_record()) {
      const int plain = SSL_read(server.tls(), frames.space(), static_cast<int>(frames.room()));
      if (plain > 0) frames.take(static_cast<std::size_t>(plain), metered{meter});
    }
    source->make_room();
    if (count < read_size && !meter.done()) server.wait();
  }
}

/// Says once which cipher suite the two ends of OpenSSL agree on when left alone.
void name_suite(SSL* ssl) {
  static bool told = false;
  if (std::exchange(told, true)) return;
  const std::string suite = std::string{SSL_get_version(ssl)} + ' ' + SSL_get_cipher(ssl);
  benchmark::AddCustomContext("tls", suite);
  std::fprintf(stderr, "%s\n", suite.c_str());
}

}  // namespace

void receive_by_limit(const server_address& address, frame_meter& meter) {
  raw_client server{address};
  if (address.tls) name_suite(server.tls());
  address.tls ? receive_tls(server, meter) : receive_plain(server, meter);
}

// 64 KiB into a memory BIO, read until it wants more: what is usually recommended.
void receive_by_prototype(const server_address& address, frame_meter& meter) {
  constexpr std::size_t at_once = 64 * 1024;
  raw_client server{address};
  BIO* const memory = BIO_new(BIO_s_mem());
  BIO_set_mem_eof_return(memory, -1);
  SSL_set0_rbio(server.tls(), memory);
  frame_buffer<4 * at_once, at_once> frames;
  const auto cipher = std::make_unique<std::array<char, at_once>>();
  while (!meter.done()) {
    const std::size_t count = server.receive(cipher->data(), cipher->size());
    if (count == 0) {
      server.wait();
      continue;
    }
    BIO_write(memory, cipher->data(), static_cast<int>(count));
    while (true) {
      const int plain = SSL_read(server.tls(), frames.space(), static_cast<int>(frames.room()));
      if (plain <= 0) break;
      frames.take(static_cast<std::size_t>(plain), metered{meter});
    }
  }
}

}  // namespace foxtrot_bench
