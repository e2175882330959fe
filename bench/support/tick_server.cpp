// bench/support/tick_server.cpp: an exchange for one client, which sends book tickers over TLS for a while.
//
//   foxtrot_tick_server MODE MILLISECONDS CPU CA_FILE
// Writes its authority's certificate to CA_FILE and says on which port of 127.0.0.1 it listens; sends from the answer
// to the client's first text frame on, the last message without an ask quantity; says how many it sent; ends when the
// client has gone. MODE is paced (a message each millisecond), burst (50 each 10 ms, in one record), blast (as many as
// go, in full records) or blast_record (the same, a record for each).
#include <end_to_end/messages.hpp>
#include <end_to_end/report.hpp>
#include <support/tls_server.hpp>

#include <foxtrot/sim/certificate_authority.hpp>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <memory>
#include <string>
#include <string_view>

#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>

namespace {

using namespace foxtrot_bench;

constexpr std::size_t write_size = 64 * 1024;

void sleep_until(std::int64_t when) {
  const timespec at{static_cast<time_t>(when / 1'000'000'000), static_cast<long>(when % 1'000'000'000)};
  while (::clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, nullptr) == EINTR) {
  }
}

std::int64_t now_ns() { return clock_ns(CLOCK_MONOTONIC); }

class tick_server {
 public:
  tick_server(server_connection& client, std::int64_t duration_ns) : client_{client}, duration_{duration_ns} {}

  /// `count` messages at a time, which are one record.
  void send_bursts(std::size_t count, std::int64_t period_ns) {
    const std::int64_t end = now_ns() + duration_;
    bool ok = true;
    for (std::int64_t next = now_ns() + period_ns; ok && next < end; next += period_ns) {
      sleep_until(next);
      char* at = text_.get();
      for (std::size_t i = 0; i < count; ++i) at = messages_.write(at, now_ns());
      ok = send(at);
    }
    if (ok) (void)send(messages_.write_last(text_.get(), now_ns()));
  }

  /// 64 KiB at a time, in full records; what leaves together has about the same time.
  void blast() {
    const std::int64_t end = now_ns() + duration_;
    bool ok = true;
    for (std::int64_t now = now_ns(); ok && now < end; now = now_ns()) {
      char* at = text_.get();
      while (at < text_.get() + write_size - message_writer::most) at = messages_.write(at, now);
      ok = send(at);
    }
    if (ok) (void)send(messages_.write_last(text_.get(), now_ns()));
  }

  /// The same with a record for each.
  void blast_records() {
    constexpr std::size_t at_once = 256;
    client_.gather_writes(write_size);
    const std::int64_t end = now_ns() + duration_;
    bool ok = true;
    for (std::int64_t now = now_ns(); ok && now < end; now = now_ns()) {
      for (std::size_t i = 0; ok && i < at_once; ++i) ok = send(messages_.write(text_.get(), now_ns()));
      ok = ok && client_.flush();
    }
    if (ok && send(messages_.write_last(text_.get(), now_ns()))) (void)client_.flush();
  }

  [[nodiscard]] sent_report report() const { return {messages_.sent(), messages_.sum()}; }

 private:
  bool send(const char* end) { return client_.write({text_.get(), static_cast<std::size_t>(end - text_.get())}); }

  server_connection& client_;
  std::int64_t duration_;
  message_writer messages_;
  std::unique_ptr<char[]> text_{new char[write_size]};
};

/// Answers `{"method":"SUBSCRIBE",...,"id":N}`, which comes in one masked frame.
bool accept_subscription(server_connection& client) {
  std::array<char, 1024> bytes;
  const int got = client.read(bytes.data(), bytes.size());
  if (got < 6) return false;
  const auto* const frame = reinterpret_cast<const unsigned char*>(bytes.data());
  const std::size_t head = (frame[1] & 0x7fU) < 126 ? 2 : 4;
  std::string text;
  for (std::size_t i = head + 4; i < static_cast<std::size_t>(got); ++i)
    text += static_cast<char>(frame[i] ^ frame[head + (i - head - 4) % 4]);
  const std::size_t id = text.find("\"id\":");
  if (id == text.npos) return false;
  const std::string answer = R"({"result":null,"id":)" + std::to_string(std::atoll(text.c_str() + id + 5)) + "}";
  return client.write(std::string{'\x81', static_cast<char>(answer.size())} + answer);
}

int serve(std::string_view mode, std::int64_t duration_ns, const std::string& ca_file) {
  const auto authority = foxtrot::certificate_authority::make().value();
  const owned<SSL_CTX> context = make_context(authority.issue(foxtrot::certificate_request{}).value());
  std::ofstream{ca_file} << authority.ca_pem();
  std::uint16_t port = 0;
  const int door = listen_anywhere(port);
  std::printf("%d\n", port);
  std::fflush(stdout);

  pollfd waiting{door, POLLIN, 0};
  if (::poll(&waiting, 1, 60'000) != 1) return 1;
  server_connection client{::accept4(door, nullptr, nullptr, SOCK_CLOEXEC), context.get()};
  ::close(door);
  if (!client.accept() || !client.accept_upgrade(client.read_until("\r\n\r\n")) || !accept_subscription(client))
    return 1;
  sleep_until(now_ns() + 20'000'000);  // the client settles
  tick_server sender{client, duration_ns};
  if (mode == "paced") sender.send_bursts(1, 1'000'000);
  if (mode == "burst") sender.send_bursts(50, 10'000'000);
  if (mode == "blast") sender.blast();
  if (mode == "blast_record") sender.blast_records();
  print(sender.report());
  std::array<char, 256> rest;
  (void)client.read(rest.data(), rest.size());  // the client's goodbye, or its end
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) {
    std::fprintf(stderr, "usage: %s paced|burst|blast|blast_record MILLISECONDS CPU CA_FILE\n", argv[0]);
    return 2;
  }
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::prctl(PR_SET_TIMERSLACK, 1);
  std::signal(SIGPIPE, SIG_IGN);
  if (const int cpu = std::atoi(argv[3]); cpu >= 0) (void)pin(cpu);
  try {
    return serve(argv[1], std::atoll(argv[2]) * 1'000'000, argv[4]);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s: %s\n", argv[0], error.what());
    return 1;
  }
}
