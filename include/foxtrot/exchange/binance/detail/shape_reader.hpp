// foxtrot/exchange/binance/detail/shape_reader.hpp: reads a message by the grammar of its shape, in each form.
#pragma once

#include <foxtrot/exchange/binance/detail/digits.hpp>
#include <foxtrot/exchange/binance/detail/digits_sse41.hpp>
#include <foxtrot/exchange/binance/detail/isa.hpp>
#include <foxtrot/exchange/binance/detail/level_reader.hpp>
#include <foxtrot/exchange/binance/detail/level_reader_x86.hpp>
#include <foxtrot/exchange/binance/detail/recalling_digits_sse41.hpp>
#include <foxtrot/exchange/binance/detail/shapes.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <tuple>

namespace foxtrot::inline v0::binance::detail {

/// The layouts of a message's fields.
using field_layouts = std::array<field_layout, 10>;

/// The steps that read nothing but text.
struct common_steps {
  template <literal Text, class Out>
  [[nodiscard, gnu::always_inline]] static bool take(text<Text>, cursor& c, Out&) noexcept {
    static_assert(Text.size() <= longest_text);
    const char* const at = c.at;
    c.at += Text.size();
    return begins_with<Text>(at);
  }
  template <auto Member, auto Value, class Out>
  [[nodiscard, gnu::always_inline]] static bool take(set<Member, Value>, cursor&, Out& out) noexcept {
    out.*Member = Value;
    return true;
  }
  template <class Out>
  [[nodiscard, gnu::always_inline]] static bool take(choice<sequence<>>, cursor&, Out&) noexcept {
    return true;
  }
  template <class Out>
  [[nodiscard, gnu::always_inline]] static bool take(choice<>, cursor&, Out&) noexcept {
    return false;
  }
};

// The other steps stand here once for each target: what is to be inlined into a function with a target must have that
// target itself, and an attribute cannot depend on a template parameter.

/// For any machine.
struct portable_shapes : common_steps {
  using common_steps::take;

  /// The whole of a message, from the first character to the last.
  template <class Shape, class Out>
  [[nodiscard, gnu::noinline]] static bool read(cursor c, Out& out) noexcept {
    return take(Shape{}, c, out) && c.at == c.end;
  }

 private:
  template <class Reader, auto... Members, class Out>
  [[nodiscard, gnu::always_inline]] static bool take(field<Reader, Members...>, cursor& c, Out& out) noexcept {
    return portable_digits::read(Reader{}, c, out.*Members...);
  }
  template <class Reader, class Value, class Out>
  [[nodiscard, gnu::always_inline]] static bool take(ignored<Reader, Value>, cursor& c, Out&) noexcept {
    Value nobody_asks{};
    return portable_digits::read(Reader{}, c, nobody_asks);
  }
  template <auto Count, class Out>
  [[nodiscard, gnu::always_inline]] static bool take(side<Count>, cursor& c, Out& out) noexcept {
    const auto* const before = out.next;
    const bool good = portable_levels::read(c, out);
    out.*Count = static_cast<std::uint32_t>(out.next - before);
    return good;
  }
  template <class... Steps, class Out>
  [[nodiscard, gnu::always_inline]] static bool take(sequence<Steps...>, cursor& c, Out& out) noexcept {
    return (take(Steps{}, c, out) && ...);
  }
  template <literal Text, class... Steps, class... Others, class Out>
  [[nodiscard, gnu::always_inline]] static bool take(choice<sequence<text<Text>, Steps...>, Others...>, cursor& c,
                                                     Out& out) noexcept {
    if (!begins_with<Text>(c.at)) return take(choice<Others...>{}, c, out);
    c.at += Text.size();
    return (take(Steps{}, c, out) && ...);
  }
};

#if defined(__x86_64__)

/// For isa::sse41 and beyond; only price levels know more than that.
template <isa Use>
struct x86_shapes : common_steps {
  using common_steps::take;

  /// The whole of a message, from the first character to the last. `layouts` are those of the last one, in the order
  /// of its fields; of another form of the shape they only cost time.
  template <class Shape, class Out>
  [[nodiscard, gnu::noinline, gnu::target("sse4.1")]] static bool read(cursor from, field_layouts& layouts,
                                                                       Out& out) noexcept {
    static_assert(Shape::fields <= std::tuple_size_v<field_layouts>);
    recalling_cursor c{from, layouts.data()};
    return take(Shape{}, c, out) && c.at == c.end;
  }

 private:
  /// Whose values differ in length from message to message, but rarely.
  template <class Reader, class... Values>
  static constexpr bool recalls = requires(cursor& c, field_layout& last, Values... values) {
    recalling_sse41_digits::read(Reader{}, c, last, values...);
  };

  template <class Reader, auto... Members, class Out>
  [[gnu::always_inline, gnu::target("sse4.1")]] static bool take(field<Reader, Members...>, recalling_cursor& c,
                                                                 Out& out) noexcept {
    if constexpr (recalls<Reader, decltype(out.*Members)...>) {
      return recalling_sse41_digits::read(Reader{}, c, *c.next++, out.*Members...);
    } else {
      return sse41_digits::read(Reader{}, c, out.*Members...);
    }
  }
  template <class Reader, class Value, class Out>
  [[gnu::always_inline, gnu::target("sse4.1")]] static bool take(ignored<Reader, Value>, recalling_cursor& c,
                                                                 Out&) noexcept {
    Value nobody_asks{};
    return sse41_digits::read(Reader{}, c, nobody_asks);
  }
  template <auto Count, class Out>
  [[gnu::always_inline, gnu::target("sse4.1")]] static bool take(side<Count>, recalling_cursor& c, Out& out) noexcept {
    const auto* const before = out.next;
    const bool good = x86_levels<Use>::read(c, out);
    out.*Count = static_cast<std::uint32_t>(out.next - before);
    return good;
  }
  template <class... Steps, class Out>
  [[gnu::always_inline, gnu::target("sse4.1")]] static bool take(sequence<Steps...>, recalling_cursor& c,
                                                                 Out& out) noexcept {
    return (take(Steps{}, c, out) && ...);
  }
  template <literal Text, class... Steps, class... Others, class Out>
  [[gnu::always_inline, gnu::target("sse4.1")]] static bool take(choice<sequence<text<Text>, Steps...>, Others...>,
                                                                 recalling_cursor& c, Out& out) noexcept {
    if (!begins_with<Text>(c.at)) return take(choice<Others...>{}, c, out);
    c.at += Text.size();
    return (take(Steps{}, c, out) && ...);
  }
};

#endif

}  // namespace foxtrot::inline v0::binance::detail
