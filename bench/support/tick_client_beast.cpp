// bench/support/tick_client_beast.cpp: what is usually written without foxtrot: Boost.Beast reading asynchronously on a
// thread of its own, simdjson On-Demand, and moodycamel's queue to the consumer. Called as end_to_end/recorder.hpp
// says; with `spin` only the consumer spins. The queue grows, so nothing is lost. C++17: Boost 1.74 needs that.
#include <end_to_end/recorder.hpp>

#include <utility>  // Boost 1.74 uses std::exchange without including it

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/ssl/ssl_stream.hpp>
#include <boost/beast/websocket/ssl.hpp>
#include <boost/beast/websocket/stream.hpp>

#include <simdjson.h>

#include <concurrentqueue/blockingconcurrentqueue.h>

#include <array>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <exception>
#include <string>
#include <string_view>
#include <thread>

#include <openssl/ssl.h>

namespace {

using namespace foxtrot_bench;
namespace asio = boost::asio;
namespace beast = boost::beast;
using tcp = asio::ip::tcp;

// The concrete executor saves what any_io_executor costs in every operation.
using tcp_socket = asio::basic_stream_socket<tcp, asio::io_context::executor_type>;
using websocket = beast::websocket::stream<beast::ssl_stream<tcp_socket>>;

struct book_ticker {
  std::uint64_t id;
  double bid_price;
  double bid_quantity;
  double ask_price;
  double ask_quantity;  // 0: the last one, or there will be no more
  char symbol[16];
};
using queue = moodycamel::BlockingConcurrentQueue<book_ticker>;

/// False: something else, such as the answer to a subscription.
bool parse(simdjson::ondemand::parser& parser, simdjson::padded_string_view text, book_ticker& into) {
  simdjson::ondemand::document message;
  simdjson::ondemand::object data;
  std::string_view symbol;
  if (parser.iterate(text).get(message) || message["data"].get_object().get(data) ||
      data["u"].get_uint64().get(into.id) || data["s"].get_string().get(symbol) ||
      data["b"].get_double_in_string().get(into.bid_price) || data["B"].get_double_in_string().get(into.bid_quantity) ||
      data["a"].get_double_in_string().get(into.ask_price) || data["A"].get_double_in_string().get(into.ask_quantity) ||
      symbol.size() >= sizeof into.symbol)
    return false;
  std::memcpy(into.symbol, symbol.data(), symbol.size());
  into.symbol[symbol.size()] = '\0';
  return true;
}

class client {
 public:
  client(const client_arguments& wanted, queue& out) : token_{out}, out_{out} {
    context_.load_verify_file(wanted.ca_file);
    context_.set_verify_mode(asio::ssl::verify_peer);
    auto& tls = socket_.next_layer();
    SSL_set_tlsext_host_name(tls.native_handle(), "localhost");
    tls.set_verify_callback(asio::ssl::host_name_verification{"localhost"});
    auto& transport = beast::get_lowest_layer(socket_);
    transport.connect(tcp::endpoint{asio::ip::address_v4::loopback(), wanted.port});
    transport.set_option(tcp::no_delay{true});
    tls.handshake(asio::ssl::stream_base::client);
    socket_.handshake("localhost", "/stream");
    socket_.text(true);
    socket_.write(asio::buffer(std::string_view{subscribe_request}));
    buffer_.reserve(64 * 1024);
  }

  /// Until the last message.
  void run() {
    read_next();
    loop_.run();
  }

 private:
  void read_next() {
    socket_.async_read(buffer_, [this](beast::error_code error, std::size_t) {
      if (error) throw beast::system_error{error};
      if (take()) read_next();
    });
  }

  bool take() {
    const std::size_t size = buffer_.size();
    if (buffer_.capacity() < size + simdjson::SIMDJSON_PADDING) buffer_.reserve(size + simdjson::SIMDJSON_PADDING);
    const auto* const text = static_cast<const char*>(buffer_.cdata().data());
    book_ticker tick;
    bool more = true;
    if (parse(parser_, simdjson::padded_string_view{text, size, size + simdjson::SIMDJSON_PADDING}, tick)) {
      more = tick.ask_quantity != 0;
      out_.enqueue(token_, tick);
    }
    buffer_.consume(size);
    return more;
  }

  asio::io_context loop_{1};
  asio::ssl::context context_{asio::ssl::context::tls_client};
  websocket socket_{loop_, context_};
  beast::flat_buffer buffer_;
  simdjson::ondemand::parser parser_;
  queue::producer_token_t token_;
  queue& out_;
};

void receive(const client_arguments& wanted, queue& out) {
  pin_if_wanted(wanted.net_cpu);
  try {
    client{wanted, out}.run();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "beast: %s\n", error.what());
    out.enqueue(book_ticker{});
  }
}

void consume(const client_arguments& wanted, queue& from, tick_recorder& into) {
  pin_if_wanted(wanted.consumer_cpu);
  queue::consumer_token_t token{from};
  std::array<book_ticker, 64> ticks;
  while (true) {
    const std::size_t count = wanted.how == client_arguments::way::spin
                                  ? from.try_dequeue_bulk(token, ticks.begin(), ticks.size())
                                  : from.wait_dequeue_bulk(token, ticks.begin(), ticks.size());
    for (std::size_t i = 0; i < count; ++i)
      if (ticks[i].id == 0 || into.on_tick(ticks[i].id, ticks[i].bid_price, ticks[i].ask_quantity)) return;
  }
}

}  // namespace

int main(int argc, char** argv) {
  client_arguments wanted;
  if (!wanted.read(argc, argv)) {
    std::fprintf(stderr, client_arguments::usage, argv[0]);
    return 2;
  }
  std::signal(SIGPIPE, SIG_IGN);
  tick_recorder into{wanted.skip};
  queue between;
  std::thread network{[&] { receive(wanted, between); }};
  consume(wanted, between, into);
  network.join();
  print(into.report());
}
