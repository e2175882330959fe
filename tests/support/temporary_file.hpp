// tests/support/temporary_file.hpp: a file with given content that is gone when the test is.
#pragma once

#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <string_view>

#include <stdlib.h>  // NOLINT(*-deprecated-headers): mkstemp is POSIX
#include <unistd.h>

namespace foxtrot_test {

class temporary_file {
 public:
  explicit temporary_file(std::string_view content = {}) {
    path_ = (std::filesystem::temp_directory_path() / "foxtrot-test-XXXXXX").string();
    const int file = ::mkstemp(path_.data());
    if (file < 0) throw std::runtime_error{"mkstemp"};
    ::close(file);
    std::ofstream{path_, std::ios::binary}.write(content.data(), static_cast<std::streamsize>(content.size()));
  }
  temporary_file(const temporary_file&) = delete;
  temporary_file& operator=(const temporary_file&) = delete;
  ~temporary_file() { ::unlink(path_.c_str()); }

  [[nodiscard]] const std::string& path() const noexcept { return path_; }

 private:
  std::string path_;
};

}  // namespace foxtrot_test
