// tests/support/conformance/text.hpp: cases of RFC 6455 section 8.1: text that is UTF-8, and text that is not.
#pragma once

#include <foxtrot/net/websocket/close.hpp>

#include <support/conformance/script.hpp>
#include <support/conformance/utf8_samples.hpp>
#include <support/websocket_frames.hpp>

#include <cstddef>
#include <string>
#include <string_view>

namespace foxtrot_test::conformance {

inline constexpr auto invalid_payload = foxtrot::close_code::invalid_payload;

/// The sample as one text message of one frame.
inline script in_one_frame(const utf8_sample& sample) {
  if (sample.proof == utf8_sample::valid) return script{}.text(sample.bytes);
  const std::string frame = raw_frame(0x81, sample.bytes);
  const std::size_t header = frame.size() - sample.bytes.size();
  return script{}.violate(frame, header + sample.proof, invalid_payload);
}

/// The same in frames of one byte each.
inline script in_tiny_frames(const utf8_sample& sample) {
  if (sample.proof == utf8_sample::valid) return script{}.fragments(1, sample.bytes, 1);
  std::string frames;
  for (std::size_t i = 0; i < sample.bytes.size(); ++i) {
    const unsigned fin = i + 1 == sample.bytes.size() ? 0x80U : 0U;
    frames += raw_frame(fin | (i == 0 ? 1U : 0U), sample.bytes.substr(i, 1));
  }
  return script{}.violate(frames, 3 * sample.proof, invalid_payload);
}

/// The same within ASCII, at a place where words of eight or more bytes are looked at together.
inline script within_ascii(const utf8_sample& sample) {
  const std::string before(37, 'b');
  const std::string after(45, 'a');
  // a character that the end of the text cut off is cut off by the first byte behind it
  const bool cut = sample.proof == sample.bytes.size() && sample.cut;
  return in_one_frame(
      {sample.what, before + sample.bytes + after,
       sample.proof == utf8_sample::valid ? sample.proof : before.size() + sample.proof + (cut ? 1 : 0)});
}

/// Section 6.2: every sample, whole and in tiny frames and within other text.
inline void add_samples(case_table& table) {
  for (const utf8_sample& sample : utf8_samples()) {
    table.add("6.2", sample.what, [=] { return in_one_frame(sample); });
    table.add("6.3", sample.what + ", a frame for each byte", [=] { return in_tiny_frames(sample); });
    table.add("6.4", sample.what + ", within ASCII", [=] { return within_ascii(sample); });
  }
  for (const utf8_sample& sample : utf8_bad_starts())
    table.add("6.5", sample.what, [=] { return in_one_frame(sample); });
}

/// Section 6.1: text in frames whose borders respect characters, or not.
inline void add_text_fragments(case_table& table) {
  table.add("6.1", "empty text", [] { return script{}.text(""); });
  table.add("6.1", "three empty frames",
            [] { return script{}.frame(0x01).frame(0x00).frame(0x80).expect(foxtrot::opcode::text, ""); });
  table.add("6.1", "a frame with text between empty ones", [] {
    return script{}.frame(0x01).frame(0x00, "middle").frame(0x80).expect(foxtrot::opcode::text, "middle");
  });
  const std::string text =
      "Hello-\xc2\xb5@\xc3\x9f\xc3\xb6\xc3\xa4\xc3\xbc\xc3\xa0\xc3\xa1-UTF-8!! \xe2\x82\xac \xf0\x9f\x98\x80";
  table.add("6.1", "characters of every length", [=] { return script{}.text(text); });
  for (std::size_t cut = 1; cut < text.size(); ++cut) {
    table.add("6.1", "the same in two frames, cut after byte " + std::to_string(cut), [=] {
      return script{}
          .frame(0x01, text.substr(0, cut))
          .frame(0x80, text.substr(cut))
          .expect(foxtrot::opcode::text, text);
    });
  }
  table.add("6.1", "a ping within a character", [] {
    return script{}
        .frame(0x01, "\xe2")
        .ping("\xff")
        .frame(0x00, "\x82")
        .ping("")
        .frame(0x80, "\xac")
        .expect(foxtrot::opcode::text, "\xe2\x82\xac");
  });
  table.add("6.1", "binary that is no text",
            [] { return script{}.binary("\xff\xfe\xc3").fragments(2, "\xc3\x28\xff", 1); });
  table.add("6.1", "text behind a binary message that ends in half a character",
            [] { return script{}.fragments(2, "a\xe2\x82", 2).text("b").fragments(1, "\xc3\xa4", 1); });
}

/// Section 6.6: the connection fails at the first wrong byte, not with its frame or its message.
inline void add_early_failures(case_table& table) {
  const std::string good = "\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5";  // 11 bytes
  const std::string bad = "\xf4\x90\x80\x80";                               // U+110000: the second byte proves it
  const std::string rest = "edited";
  table.add("6.6", "wrong in the second of three frames", [=] {
    return script{}.frame(0x01, good).violate(raw_frame(0x00, bad) + raw_frame(0x80, rest), 4, invalid_payload);
  });
  table.add("6.6", "cut by a frame's end before it is wrong", [=] {
    return script{}
        .frame(0x01, good + bad.substr(0, 1))
        .violate(raw_frame(0x00, bad.substr(1)) + raw_frame(0x80, rest), 3, invalid_payload);
  });
  table.add("6.6", "wrong in the middle of one frame",
            [=] { return script{}.violate(raw_frame(0x81, good + bad + rest), 15, invalid_payload); });
  table.add("6.6", "wrong in the middle of the first of two frames", [=] {
    return script{}.violate(raw_frame(0x01, good + bad + rest) + raw_frame(0x80, rest), 15, invalid_payload);
  });
  table.add("6.6", "wrong in the middle of the last of two frames", [=] {
    return script{}.frame(0x01, good).violate(raw_frame(0x80, rest + bad + rest), 10, invalid_payload);
  });
  table.add("6.6", "wrong at the start of a frame of 100000 bytes",
            [=] { return script{}.violate(raw_frame(0x81, "\xff" + std::string(99'999, 'x')), 11, invalid_payload); });
  table.add("6.6", "wrong far within a frame of 100000 bytes", [=] {
    return script{}.violate(raw_frame(0x81, std::string(70'000, 'x') + bad + std::string(29'996, 'x')), 10 + 70'002,
                            invalid_payload);
  });
  table.add("6.6", "behind a good text, before a ping", [=] {
    return script{}.text(good).violate(raw_frame(0x81, good + bad), 15, invalid_payload).frame(0x89, "after");
  });
  table.add("6.6", "behind a good text in two frames and a ping", [=] {
    return script{}.fragments(1, good, 6).ping("\xff").violate(raw_frame(0x81, bad), 4, invalid_payload);
  });
  table.add("6.6", "half a character, then a frame that begins another", [=] {
    return script{}
        .frame(0x01, "\xe2\x82")
        .violate(raw_frame(0x00, "\xc3\xa4") + raw_frame(0x80, ""), 3, invalid_payload);
  });
  table.add("6.6", "half a character at the end of a message of two frames",
            [=] { return script{}.frame(0x01, good).violate(raw_frame(0x80, "\xe2\x82"), 4, invalid_payload); });
  table.add("6.6", "half a character, then an empty last frame",
            [=] { return script{}.frame(0x01, "\xe2\x82").violate(raw_frame(0x80, ""), 2, invalid_payload); });
}

inline void add_texts(case_table& table) {
  add_text_fragments(table);
  add_samples(table);
  add_early_failures(table);
}

}  // namespace foxtrot_test::conformance
