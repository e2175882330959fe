// bench/support/certificate_file.hpp: an authority's certificate, where another program can read it.
#pragma once

#include <cstdlib>
#include <fstream>
#include <string>

#include <unistd.h>

namespace foxtrot_bench {

/// A file of that text as long as this lives.
class certificate_file {
 public:
  explicit certificate_file(const std::string& pem = {}) {
    const int made = ::mkstemp(name_.data());
    if (made >= 0) ::close(made);
    std::ofstream{name_} << pem;
  }
  certificate_file(const certificate_file&) = delete;
  certificate_file& operator=(const certificate_file&) = delete;
  ~certificate_file() { ::unlink(name_.c_str()); }
  [[nodiscard]] const std::string& name() const noexcept { return name_; }

 private:
  std::string name_{"/tmp/foxtrot-bench-XXXXXX"};
};

}  // namespace foxtrot_bench
