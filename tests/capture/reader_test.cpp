// tests/capture/reader_test.cpp: capture lines, plain and gzip, good and bad.
#include <foxtrot/capture/reader.hpp>

#include <catch2/catch.hpp>

#include <support/captures.hpp>
#include <support/temporary_file.hpp>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace foxtrot;
using foxtrot_test::temporary_file;

struct outcome {
  std::vector<std::pair<std::int64_t, std::string>> records;
  std::error_code error;
  std::uint64_t line{0};
};

outcome read_all(const std::string& path) {
  outcome seen;
  auto reader = capture_reader::open(path);
  if (!reader) {
    seen.error = reader.error();
    return seen;
  }
  capture_record record;
  while (reader->next(record)) seen.records.emplace_back(record.received_ns, record.payload);
  seen.error = reader->error();
  seen.line = reader->line();
  return seen;
}

#ifdef FOXTROT_WITH_ZLIB
std::string gzip(const std::string& text) {
  const temporary_file file;
  gzFile out = gzopen(file.path().c_str(), "wb");
  gzwrite(out, text.data(), static_cast<unsigned>(text.size()));
  gzclose(out);
  std::ifstream in{file.path(), std::ios::binary};
  return {std::istreambuf_iterator<char>{in}, {}};
}
#endif

TEST_CASE("reader: times and payloads come back exactly, the last line without its end too") {
  const temporary_file file{"1723161254087891268 {\"a\":1}\n1723161254087891269  two  spaces \n3 x"};
  const outcome seen = read_all(file.path());
  CHECK_FALSE(seen.error);
  REQUIRE(seen.records.size() == 3);
  CHECK(seen.records[0] == std::pair<std::int64_t, std::string>{1723161254087891268, "{\"a\":1}"});
  CHECK(seen.records[1].second == " two  spaces ");
  CHECK(seen.records[2] == std::pair<std::int64_t, std::string>{3, "x"});
}

TEST_CASE("reader: an empty file has no records and no error") {
  const temporary_file file{""};
  const outcome seen = read_all(file.path());
  CHECK(seen.records.empty());
  CHECK_FALSE(seen.error);
}

TEST_CASE("reader: a malformed line is an error that names the line, and final") {
  const std::string bad = GENERATE("no time", "12", "12 ", "", "12x y", " 12 y", "99999999999999999999 y", "12\ty");
  const temporary_file file{"1 a\n2 b\n" + bad + "\n4 d\n"};
  const outcome seen = read_all(file.path());
  CAPTURE(bad);
  CHECK(seen.error == errc::bad_capture);
  CHECK(seen.error == condition::bad_data);
  CHECK(seen.line == 3);
  CHECK(seen.records.size() == 2);
}

TEST_CASE("reader: a line longer than the buffer is read whole, one over the limit is refused") {
  const std::string large(700'000, 'q');
  const temporary_file file{"1 a\n2 " + large + "\n3 c\n"};
  const outcome seen = read_all(file.path());
  CHECK_FALSE(seen.error);
  REQUIRE(seen.records.size() == 3);
  CHECK(seen.records[1].second == large);
  CHECK(seen.records[2].second == "c");

  const temporary_file endless{"1 " + std::string(capture_reader::max_line + 1, 'q') + "\n"};
  CHECK(read_all(endless.path()).error == errc::bad_capture);
}

TEST_CASE("reader: a file that is not there is the system's error") {
  CHECK(read_all("/nonexistent/capture").error == std::errc::no_such_file_or_directory);
}

#ifdef FOXTROT_WITH_ZLIB
TEST_CASE("reader: gzip is known by its content, and a cut file is an error after its last whole line") {
  std::string text;
  for (int i = 1; i <= 50'000; ++i) text += std::to_string(i) + " payload " + std::to_string(i * 7919 % 50'021) + "\n";
  const std::string packed = gzip(text);
  const temporary_file whole{packed};
  const outcome seen = read_all(whole.path());
  CHECK_FALSE(seen.error);
  REQUIRE(seen.records.size() == 50'000);
  CHECK(seen.records.back().first == 50'000);

  const temporary_file cut{packed.substr(0, packed.size() / 2)};
  const outcome partial = read_all(cut.path());
  CHECK(partial.error == errc::bad_capture);
  CHECK(partial.records.size() < 50'000);
  CHECK(partial.records.size() > 1'000);
}

TEST_CASE("reader: a recorded session is read to its end") {
  const auto path = foxtrot_test::capture_path("spot/btcusdt_20240808.txt.gz");
  if (!path) return;
  const outcome seen = read_all(*path);
  CHECK_FALSE(seen.error);
  CHECK(seen.records.size() == 41'249);
  for (const auto& [time, payload] : seen.records)
    if (payload.front() != '{' || payload.back() != '}') FAIL(payload);
}
#else
TEST_CASE("reader: without zlib a gzip file says so") {
  const temporary_file file{std::string{"\x1f\x8b\x08\x00", 4}};
  CHECK(read_all(file.path()).error == errc::no_gzip_support);
}
#endif

}  // namespace
