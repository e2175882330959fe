// tests/support/child_exchange.hpp: a simulated exchange in a process of its own, so that what a test measures is the
// client's alone.
#pragma once

#include <foxtrot/core/result.hpp>
#include <foxtrot/sim/exchange.hpp>

#include <support/child_process.hpp>

#include <cstdint>
#include <stdexcept>
#include <string>
#include <utility>

namespace foxtrot_test {

/// Made before the test has other threads; ends with its object, and with the test's process.
class child_exchange {
 public:
  explicit child_exchange(const foxtrot::exchange_settings& settings = {})
      : process_{[&settings](const child_line& line) { return serve(settings, line); }} {
    const std::string port = hear_text();
    ca_pem_ = hear_text();
    if (port.empty() || ca_pem_.empty()) throw std::runtime_error{"no exchange"};
    port_ = static_cast<std::uint16_t>(std::stoul(port));
  }

  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
  [[nodiscard]] const std::string& ca_pem() const noexcept { return ca_pem_; }

  /// Every connection ends with a reset.
  void reset_connections() const { (void)process_.say('r'); }
  /// How many connections are open there.
  [[nodiscard]] std::size_t open_connections() const {
    (void)process_.say('o');
    const std::string answer = hear_text();
    return answer.empty() ? 0 : std::stoul(answer);
  }

 private:
  static constexpr char end_of_text = '\4';

  static int serve(const foxtrot::exchange_settings& settings, const child_line& line) {
    foxtrot::exchange venue{settings};
    const auto port = venue.start();
    say_text(line, port ? std::to_string(*port) : "");
    say_text(line, venue.ca_pem());
    for (;;) {
      switch (line.hear()) {
        case 'o': say_text(line, std::to_string(venue.statistics().open_connections)); break;
        case 'r': venue.reset_connections(); break;
        default: break;
      }
    }
  }
  static void say_text(const child_line& line, const std::string& text) {
    for (const char each : text) line.say(each);
    line.say(end_of_text);
  }
  [[nodiscard]] std::string hear_text() const {
    std::string text;
    for (char each = process_.hear(); each != end_of_text; each = process_.hear()) {
      if (each == 0) throw std::runtime_error{"the exchange is silent"};
      text += each;
    }
    return text;
  }

  child_process process_;
  std::uint16_t port_{0};
  std::string ca_pem_;
};

}  // namespace foxtrot_test
