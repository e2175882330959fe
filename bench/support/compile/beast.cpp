// bench/support/compile/beast.cpp: what bench/compile compiles: the same client on Boost.Beast, simdjson and
// moodycamel.
#include <utility>

#include <concurrentqueue/blockingconcurrentqueue.h>
#include <simdjson.h>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/strand.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/ssl.hpp>
#include <boost/beast/websocket.hpp>
#include <boost/beast/websocket/ssl.hpp>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

namespace {

namespace beast = boost::beast;
namespace asio = boost::asio;
namespace ssl = asio::ssl;
using tcp = asio::ip::tcp;

struct quote {
  std::string symbol;
  double bid{0};
  double ask{0};
};
using queue = moodycamel::BlockingConcurrentQueue<quote>;

class session : public std::enable_shared_from_this<session> {
 public:
  session(asio::io_context& loop, ssl::context& tls, queue& out)
      : resolver_{asio::make_strand(loop)}, stream_{asio::make_strand(loop), tls}, out_{out} {}

  void run(std::string host, const std::string& port) {
    host_ = std::move(host);
    resolver_.async_resolve(host_, port, [self = shared_from_this()](beast::error_code error, const auto& found) {
      if (!error) self->connect(found);
    });
  }

 private:
  void connect(const tcp::resolver::results_type& found) {
    beast::get_lowest_layer(stream_).async_connect(found, [self = shared_from_this()](beast::error_code error, auto) {
      if (!error) self->shake_hands();
    });
  }
  void shake_hands() {
    SSL_set_tlsext_host_name(stream_.next_layer().native_handle(), host_.c_str());
    stream_.next_layer().async_handshake(ssl::stream_base::client,
                                         [self = shared_from_this()](beast::error_code error) {
                                           if (!error) self->upgrade();
                                         });
  }
  void upgrade() {
    stream_.set_option(beast::websocket::stream_base::timeout::suggested(beast::role_type::client));
    stream_.async_handshake(host_, "/stream?streams=btcusdt@bookTicker",
                            [self = shared_from_this()](beast::error_code error) {
                              if (!error) self->read();
                            });
  }
  void read() {
    stream_.async_read(buffer_, [self = shared_from_this()](beast::error_code error, std::size_t) {
      if (error) return;
      self->parse();
      self->buffer_.clear();
      self->read();
    });
  }
  void parse() {
    const auto bytes = buffer_.cdata();
    const simdjson::padded_string text{static_cast<const char*>(bytes.data()), bytes.size()};
    auto document = parser_.iterate(text);
    auto data = document["data"];
    const std::string_view symbol = data["s"];
    const std::string_view bid = data["b"];
    const std::string_view ask = data["a"];
    out_.enqueue({std::string{symbol}, std::atof(std::string{bid}.c_str()), std::atof(std::string{ask}.c_str())});
  }

  tcp::resolver resolver_;
  beast::websocket::stream<beast::ssl_stream<beast::tcp_stream>> stream_;
  beast::flat_buffer buffer_;
  simdjson::ondemand::parser parser_;
  std::string host_;
  queue& out_;
};

}  // namespace

int main() {
  asio::io_context loop;
  ssl::context tls{ssl::context::tls_client};
  tls.set_default_verify_paths();
  tls.set_verify_mode(ssl::verify_peer);
  queue ticks;
  std::make_shared<session>(loop, tls, ticks)->run("stream.binance.com", "9443");
  std::thread network{[&loop] { loop.run(); }};
  quote q;
  for (;;) {
    ticks.wait_dequeue(q);
    std::printf("%s %f\n", q.symbol.c_str(), q.bid);
  }
}
