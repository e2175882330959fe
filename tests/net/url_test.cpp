// tests/net/url_test.cpp: a table of URLs that may be dialled and of those that may not.
#include <foxtrot/net/url.hpp>

#include <catch2/catch.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace {

using namespace foxtrot;

TEST_CASE("url: what may be dialled", "[url]") {
  struct row {
    const char* text;
    bool secure;
    const char* host;
    std::uint16_t port;
    const char* target;
    const char* header;
  };
  const row table[] = {
      {"wss://stream.binance.com:9443/ws", true, "stream.binance.com", 9443, "/ws", "stream.binance.com:9443"},
      {"wss://stream.binance.com", true, "stream.binance.com", 443, "/", "stream.binance.com"},
      {"ws://localhost", false, "localhost", 80, "/", "localhost"},
      {"https://api.example.com/a?b=%20c&d=[1]", true, "api.example.com", 443, "/a?b=%20c&d=[1]", "api.example.com"},
      {"http://127.0.0.1:8080", false, "127.0.0.1", 8080, "/", "127.0.0.1:8080"},
      {"WSS://Stream.Binance.COM:443/Ws", true, "stream.binance.com", 443, "/Ws", "stream.binance.com"},
      {"ws://h:443/", false, "h", 443, "/", "h:443"},
      {"wss://h:80/", true, "h", 80, "/", "h:80"},
      {"wss://[::1]:8443/x", true, "::1", 8443, "/x", "[::1]:8443"},
      {"wss://[2001:DB8::1]", true, "2001:db8::1", 443, "/", "[2001:db8::1]"},
      {"ws://[::ffff:127.0.0.1]/", false, "::ffff:127.0.0.1", 80, "/", "[::ffff:127.0.0.1]"},
      {"wss://h?streams=a@trade/b@trade", true, "h", 443, "/?streams=a@trade/b@trade", "h"},
      {"wss://h/a:b@c//d", true, "h", 443, "/a:b@c//d", "h"},
      {"ws://h:65535", false, "h", 65535, "/", "h:65535"},
      {"ws://a_b-c.d", false, "a_b-c.d", 80, "/", "a_b-c.d"},
  };
  for (const row& r : table) {
    INFO(r.text);
    const auto parsed = url::parse(r.text);
    REQUIRE(parsed);
    CHECK(parsed->secure == r.secure);
    CHECK(parsed->host == r.host);
    CHECK(parsed->port == r.port);
    CHECK(parsed->target == r.target);
    CHECK(host_header(parsed->host, parsed->port, parsed->secure) == r.header);
    CHECK(is_valid_host(parsed->host));
    CHECK(is_valid_target(parsed->target));
  }
}

TEST_CASE("url: what may not", "[url]") {
  const std::string long_label(64, 'a');
  std::string long_name;
  for (int i = 0; i < 64; ++i) long_name += "abc.";
  const std::string table[] = {"",
                               "wss",
                               "wss:",
                               "wss:/h",
                               "wss//h",
                               "://h",
                               "ftp://h",
                               "wsss://h",
                               "ws ://h",
                               " ws://h",
                               "wss://",
                               "wss:///path",
                               "wss://:443",
                               "wss://user@h",
                               "wss://user:pass@h",
                               "wss://@h",
                               "wss://h:",
                               "wss://h:0",
                               "wss://h:65536",
                               "wss://h:99999999999",
                               "wss://h:+1",
                               "wss://h:-1",
                               "wss://h:1x",
                               "wss://h: 1",
                               "wss://h:443:443",
                               "wss://h#part",
                               "wss://h/#part",
                               "wss://h/a#b",
                               "wss://.h",
                               "wss://h.",
                               "wss://a..b",
                               "wss://" + long_label,
                               "wss://" + long_name + "d",
                               "wss://h%41",
                               "wss://h\\x",
                               "wss://[::1",
                               "wss://::1",
                               "wss://[]",
                               "wss://[::1]x",
                               "wss://[::1]:",
                               "wss://[fe80::1%25eth0]",
                               "wss://[127.0.0.1]",
                               "wss://[g::]",
                               "wss://[1:2:3:4:5:6:7:8:9]",
                               "wss://m\xc3\xbcnchen.example",
                               "wss://h/\xc3\xbc"};
  for (const std::string& text : table) {
    INFO(text);
    CHECK(url::parse(text).error() == errc::bad_url);
  }
}

TEST_CASE("url: control characters, spaces and DEL are refused at every place", "[url]") {
  const std::string good = "wss://h.example:443/path?query";
  REQUIRE(url::parse(good));
  for (std::size_t at = 0; at <= good.size(); ++at) {
    for (int byte = 0; byte < 256; ++byte) {
      if (byte > ' ' && byte < 0x7f) continue;
      std::string bad = good;
      bad.insert(at, 1, static_cast<char>(byte));
      REQUIRE(url::parse(bad).error() == errc::bad_url);
    }
  }
}

}  // namespace
