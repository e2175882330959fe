// tests/support/conformance/fragments.hpp: cases of RFC 6455 section 5.4: messages in several frames.
#pragma once

#include <support/conformance/script.hpp>
#include <support/websocket_frames.hpp>

#include <string>

namespace foxtrot_test::conformance {

using foxtrot::opcode;

/// Section 5.1: what may be cut into frames, and what may come between them.
inline void add_good_fragments(case_table& table) {
  for (const unsigned kind : {1U, 2U}) {
    const std::string name = kind == 1 ? "text" : "binary";
    const auto op = static_cast<opcode>(kind);
    table.add("5.1", name + " in two frames",
              [=] { return script{}.frame(kind, "one").frame(0x80, "two").expect(op, "onetwo"); });
    table.add("5.1", name + " in two frames, a ping between",
              [=] { return script{}.frame(kind, "one").ping("between").frame(0x80, "two").expect(op, "onetwo"); });
    table.add("5.1", name + " in two frames, a pong between", [=] {
      return script{}.frame(kind, "one").frame(0x8a, "unasked").frame(0x80, "two").expect(op, "onetwo");
    });
    table.add("5.1", name + " in five frames, pings after the second and the fourth", [=] {
      return script{}
          .frame(kind, "one")
          .frame(0x00, "two")
          .ping("first")
          .frame(0x00, "three")
          .frame(0x00, "four")
          .ping("second")
          .frame(0x80, "five")
          .expect(op, "onetwothreefourfive");
    });
    table.add("5.1", name + " in frames of one byte", [=] { return script{}.fragments(kind, "byte after byte", 1); });
    table.add("5.1", name + " in empty frames",
              [=] { return script{}.frame(kind).frame(0x00).frame(0x00).frame(0x80).expect(op, ""); });
    table.add("5.1", name + " with empty frames around its bytes",
              [=] { return script{}.frame(kind).frame(0x00, "all").frame(0x00).frame(0x80).expect(op, "all"); });
    table.add("5.1", name + " in frames with every form of length", [=] {
      const std::string large(65536, 'l');
      const std::string medium(300, 'm');
      return script{}.frame(kind, large).frame(0x00, medium).frame(0x80, "s").expect(op, large + medium + "s");
    });
    table.add("5.1", name + " in two frames, twice, whole messages around them", [=] {
      return script{}
          .message(kind, "whole")
          .fragments(kind, "in pieces", 5)
          .fragments(kind, "again", 3)
          .message(3 - kind, "the other kind");
    });
  }
}

/// Section 5.2: control frames are never cut.
inline void add_cut_control_frames(case_table& table) {
  for (const unsigned op : {8U, 9U, 10U}) {
    const std::string name = op == 8 ? "close" : op == 9 ? "ping" : "pong";
    table.add("5.2", name + " in two frames", [=] {
      return script{}.break_protocol(raw_frame(op, op == 8 ? close_payload(1000) : "one") + raw_frame(0x80, "two"), 1);
    });
    table.add("5.2", "unfinished empty " + name, [=] { return script{}.break_protocol(raw_frame(op, ""), 1); });
    table.add("5.2", "unfinished " + name + " between two fragments", [=] {
      return script{}.frame(0x01, "one").break_protocol(raw_frame(op, "") + raw_frame(0x80, "two"), 1);
    });
  }
}

/// Section 5.3: continuations of nothing. That nothing is continued is known with the header.
inline void add_stray_continuations(case_table& table) {
  for (const unsigned fin : {0x80U, 0U}) {
    const std::string name = fin != 0 ? "last continuation" : "continuation";
    const std::string bad = raw_frame(fin, "stray");
    table.add("5.3", name + " of nothing, then a text",
              [=] { return script{}.break_protocol(bad + raw_frame(0x81, "after"), 2); });
    table.add("5.3", "empty " + name + " of nothing", [=] { return script{}.break_protocol(raw_frame(fin, ""), 2); });
    table.add("5.3", name + " behind a whole text",
              [=] { return script{}.text("whole").break_protocol(bad + raw_frame(0x81, "after"), 2); });
    table.add("5.3", name + " behind a text in two frames, then a text",
              [=] { return script{}.fragments(1, "onetwo", 3).break_protocol(bad + raw_frame(0x81, "after"), 2); });
    table.add("5.3", name + " behind a ping", [=] { return script{}.ping("ping").break_protocol(bad, 2); });
    table.add("5.3", name + " of nothing, then a text in two frames, twice", [=] {
      const std::string text = raw_frame(0x01, "one") + raw_frame(0x80, "two");
      return script{}.break_protocol(bad + text + bad + text, 2);
    });
    table.add("5.3", name + " of nothing, large, its payload not waited for",
              [=] { return script{}.break_protocol(raw_frame(fin, std::string(70'000, 'x')), 10); });
  }
}

/// Section 5.4: a message that begins before the last one has ended.
inline void add_interrupted_messages(case_table& table) {
  for (const unsigned kind : {1U, 2U}) {
    for (const unsigned next : {1U, 2U}) {
      for (const unsigned fin : {0x80U, 0U}) {
        const std::string what = std::string{fin != 0 ? "whole " : "first frame of a "} +
                                 (next == 1 ? "text" : "binary") + " within unfinished " +
                                 (kind == 1 ? "text" : "binary");
        const std::string bad = raw_frame(fin | next, "next");
        table.add("5.4", what,
                  [=] { return script{}.frame(kind, "one").break_protocol(bad + raw_frame(0x80, "two"), 2); });
        table.add("5.4", what + ", behind two fragments and a ping",
                  [=] { return script{}.frame(kind, "one").frame(0x00, "two").ping("ping").break_protocol(bad, 2); });
      }
    }
  }
}

inline void add_fragments(case_table& table) {
  add_good_fragments(table);
  add_cut_control_frames(table);
  add_stray_continuations(table);
  add_interrupted_messages(table);
}

}  // namespace foxtrot_test::conformance
