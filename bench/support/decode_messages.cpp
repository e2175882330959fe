// bench/support/decode_messages.cpp: decodes captured messages and does nothing else, to count its instructions.
//
//   foxtrot_decode_messages MESSAGE SUBJECT COUNT
// Decodes COUNT messages, beginning again where there are fewer, and says in which form. Exit code 77 without captures.
#include <codec/decoded.hpp>
#include <codec/messages.hpp>
#include <codec/subjects.hpp>

#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace {

using namespace foxtrot_bench;

const char* name_of(binance::isa form) {
  switch (form) {
    case binance::isa::avx2: return "avx2";
    case binance::isa::sse41: return "sse4.1";
    default: return "portable";
  }
}

template <class Codec>
int decode(const message_set& messages, std::size_t count) {
  Codec codec{messages.from};
  decoded out;
  std::size_t refused = 0;
  for (std::size_t next = 0; count != 0; --count) {
    if (!codec.decode(messages[next], out)) ++refused;
    sink(out);
    if (++next == messages.size()) next = 0;
  }
  const char* form = "own choice";
  std::size_t fallbacks = 0;
  if constexpr (requires { codec.fallbacks(); }) {
    form = name_of(codec.form());
    fallbacks = codec.fallbacks();
  }
  std::printf("%s\n", form);
  return refused == 0 && fallbacks == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fprintf(stderr, "usage: %s MESSAGE SUBJECT COUNT\n", argv[0]);
    return 2;
  }
  const message_set messages = read_messages(argv[1]);
  if (messages.size() == 0) {
    std::fprintf(stderr, "no captured messages '%s': FOXTROT_CAPTURES names their folder\n", argv[1]);
    return 77;
  }
  int result = 2;
  for_each_codec([&]<class Codec>(const char* subject) {
    if (std::string_view{argv[2]} == subject) result = decode<Codec>(messages, std::strtoull(argv[3], nullptr, 10));
  });
  if (result == 2) std::fprintf(stderr, "no subject '%s' here\n", argv[2]);
  return result;
}
