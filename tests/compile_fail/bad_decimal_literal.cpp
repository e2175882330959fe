// tests/compile_fail/bad_decimal_literal.cpp: a text that is no decimal is found out by the compiler.
// expect: text_is_not_a_decimal_that_fits
#include <foxtrot/core/decimal_literals.hpp>

using namespace foxtrot::literals;

#ifndef FOXTROT_COMPILE_FAIL
constexpr foxtrot::decimal price = "61837.63"_dec;
#else
constexpr foxtrot::decimal price = "61837,63"_dec;
#endif

static_assert(!price.is_zero());
