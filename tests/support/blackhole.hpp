// tests/support/blackhole.hpp: an address on loopback from which no answer comes.
#pragma once

#include <foxtrot/net/tcp_stream.hpp>

#include <support/loop_fixture.hpp>
#include <support/loopback.hpp>

#include <memory>
#include <system_error>
#include <vector>

namespace foxtrot_test {

/// Accepts nothing: its queue is full, so that further SYNs get no answer.
class blackhole {
 public:
  explicit blackhole(loop_fixture& f) : listener_{f.loop, 0} {
    for (int i = 0; i < 4; ++i) {
      fillers_.push_back(std::make_unique<foxtrot::tcp_stream>(f.loop));
      attempts_.push_back(std::make_unique<loop_fixture::running<std::error_code>>(
          f.loop, fillers_.back()->connect(listener_.where())));
    }
    f.run_until([&] { return attempts_.front()->done(); });
  }
  blackhole(const blackhole&) = delete;
  blackhole& operator=(const blackhole&) = delete;
  ~blackhole() {
    for (auto& filler : fillers_) filler->close();
    while (!attempts_.empty()) attempts_.pop_back();
  }
  [[nodiscard]] asio::ip::tcp::endpoint where() const { return listener_.where(); }

 private:
  listener listener_;
  std::vector<std::unique_ptr<foxtrot::tcp_stream>> fillers_;
  std::vector<std::unique_ptr<loop_fixture::running<std::error_code>>> attempts_;
};

}  // namespace foxtrot_test
