// tests/support/conformance_cases.hpp: RFC 6455 from a client's point of view, case by case.
#pragma once

#include <support/conformance/closing.hpp>
#include <support/conformance/fragments.hpp>
#include <support/conformance/framing.hpp>
#include <support/conformance/script.hpp>
#include <support/conformance/sizes.hpp>
#include <support/conformance/text.hpp>

#include <vector>

namespace foxtrot_test {

/// Every case; the scripts of the large ones are only made when they are run.
inline std::vector<conformance_case> conformance_cases() {
  case_table table;
  conformance::add_echoes(table);
  conformance::add_pings(table);
  conformance::add_reserved_bits(table);
  conformance::add_reserved_opcodes(table);
  conformance::add_fragments(table);
  conformance::add_texts(table);
  conformance::add_closings(table);
  conformance::add_forbidden_headers(table);
  conformance::add_sizes(table);
  return table.take();
}

}  // namespace foxtrot_test
