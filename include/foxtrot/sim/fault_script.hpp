// foxtrot/sim/fault_script.hpp: what goes wrong at a simulated exchange and when, as text, one fault a line.
#pragma once

#include <foxtrot/core/error.hpp>
#include <foxtrot/core/result.hpp>
#include <foxtrot/sim/fault.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace foxtrot::inline v0 {

/// Why a text is no script.
struct fault_script_problem {
  std::size_t line{0};  ///< from 1
  std::string what{};
};

namespace detail {

struct duration_unit {
  std::string_view name;
  std::int64_t milliseconds;
};
// "ms" before "m" and "s": the first that fits is taken
inline constexpr std::array<duration_unit, 4> duration_units{
    {{"ms", 1}, {"s", 1'000}, {"m", 60'000}, {"h", 3'600'000}}};

inline constexpr std::array<std::pair<std::string_view, certificate_kind>, 6> certificate_names{
    {{"right", certificate_kind::right},
     {"wrong-host", certificate_kind::wrong_host},
     {"expired", certificate_kind::expired},
     {"not-yet-valid", certificate_kind::not_yet_valid},
     {"self-signed", certificate_kind::self_signed},
     {"common-name-only", certificate_kind::common_name_only}}};

// All of them needs no word.
inline constexpr std::array<std::pair<std::string_view, fault_victims>, 3> victim_names{
    {{"one", fault_victims::one}, {"oldest", fault_victims::oldest}, {"newest", fault_victims::newest}}};

/// Reads one line. After a failure `problem` says what is wrong with it.
class fault_line {
 public:
  explicit fault_line(std::string_view text) : rest_{text.substr(0, std::min(text.find('#'), text.size()))} {}

  std::string problem{};

  /// The next word; empty at the end.
  [[nodiscard]] std::string_view peek() noexcept {
    while (!rest_.empty() && is_blank(rest_.front())) rest_.remove_prefix(1);
    return rest_.substr(0, std::min(end_of_word(), rest_.size()));
  }
  std::string_view next() noexcept {
    const std::string_view word = peek();
    rest_.remove_prefix(word.size());
    return word;
  }

  [[nodiscard]] bool read(fault& into) {
    if (!duration(into.at, 0)) return false;
    const std::string_view name = next();
    const auto form =
        std::find_if(fault_forms.begin(), fault_forms.end(), [&](const auto& f) { return f.name == name; });
    if (form == fault_forms.end()) return fail("no fault of this name", name);
    into.kind = form->kind;
    if (has_victims(into.kind)) victims(into);
    if (!arguments(form->arguments, into)) return false;
    if (peek() == "for" && is_condition(into.kind)) {
      next();
      if (!duration(into.lasts, 1)) return false;
    }
    return peek().empty() || fail("not expected here", peek());
  }

 private:
  static constexpr std::int64_t longest = std::int64_t{10'000} * 3'600'000;  // ms; nanoseconds of it fit as well
  static constexpr std::uint64_t most = 1'000'000'000;

  [[nodiscard]] static constexpr bool is_blank(char c) noexcept { return c == ' ' || c == '\t' || c == '\r'; }
  [[nodiscard]] std::size_t end_of_word() const noexcept {
    return static_cast<std::size_t>(std::find_if(rest_.begin(), rest_.end(), is_blank) - rest_.begin());
  }

  [[nodiscard]] bool fail(std::string_view why, std::string_view word) {
    problem = std::string{why} + (word.empty() ? ": the line ends" : ": " + std::string{word});
    return false;
  }

  [[nodiscard]] bool duration(std::chrono::milliseconds& into, std::int64_t least) {
    const std::string_view word = next();
    std::int64_t count = 0;
    const auto [stop, error] = std::from_chars(word.data(), word.data() + word.size(), count);
    const std::string_view name{stop, static_cast<std::size_t>(word.data() + word.size() - stop)};
    const auto unit =
        std::find_if(duration_units.begin(), duration_units.end(), [&](const auto& u) { return u.name == name; });
    if (error != std::errc{} || unit == duration_units.end() || count < 0 || count > longest / unit->milliseconds ||
        count * unit->milliseconds < least)
      return fail("no duration like 500ms, 2s, 3m or 24h", word);
    into = std::chrono::milliseconds{count * unit->milliseconds};
    return true;
  }

  template <class Number>
  [[nodiscard]] bool number_in(std::string_view word, Number& into, std::uint64_t low, std::uint64_t high) {
    std::uint64_t value = 0;
    const auto [stop, error] = std::from_chars(word.data(), word.data() + word.size(), value);
    if (error != std::errc{} || stop != word.data() + word.size() || value < low || value > high)
      return fail("no number from " + std::to_string(low) + " to " + std::to_string(high), word);
    into = static_cast<Number>(value);
    return true;
  }
  template <class Number>
  [[nodiscard]] bool number(Number& into, std::uint64_t low, std::uint64_t high) {
    return number_in(next(), into, low, high);
  }

  [[nodiscard]] bool share(fault& into) {
    const std::string_view word = next();
    if (!word.starts_with("1/")) return fail("no share like 1/100", word);
    return number_in(word.substr(2), into.one_in, 1, most);
  }

  [[nodiscard]] bool every(fault& into) {
    if (const std::string_view word = next(); word != "every") return fail("expected: every DURATION", word);
    return duration(into.wait, 1);
  }

  /// True where `name` is there and its value is to follow.
  [[nodiscard]] bool option(std::string_view name) noexcept { return peek() == name && !next().empty(); }

  void victims(fault& into) noexcept {
    const auto named = std::find_if(victim_names.begin(), victim_names.end(),
                                    [this](const auto& entry) { return option(entry.first); });
    if (named != victim_names.end()) into.whom = named->second;
  }

  [[nodiscard]] bool certificate(fault& into) {
    const std::string_view word = next();
    const auto named = std::find_if(certificate_names.begin(), certificate_names.end(),
                                    [&](const auto& entry) { return entry.first == word; });
    if (named == certificate_names.end()) return fail("no kind of certificate", word);
    into.certificate = named->second;
    return true;
  }

  [[nodiscard]] bool arguments(fault_arguments wanted, fault& into) {
    switch (wanted) {
      case fault_arguments::none: return true;
      case fault_arguments::wait: return duration(into.wait, 1);
      case fault_arguments::wait_or_none: return peek().empty() || peek() == "for" || duration(into.wait, 0);
      case fault_arguments::cut_or_none: return !option("cut") || duration(into.wait, 1);
      case fault_arguments::code_and_reason:
        if (!number(into.code, 0, 65'535)) return false;
        while (!peek().empty()) into.text.append(into.text.empty() ? "" : " ").append(next());
        return true;
      case fault_arguments::status: {
        std::int64_t seconds = 0;
        if (!number(into.code, 200, 599)) return false;
        if (option("retry-after") && !number(seconds, 1, most)) return false;
        into.retry_after = std::chrono::seconds{seconds};
        return true;
      }
      case fault_arguments::share: return share(into);
      case fault_arguments::share_or_all: return peek().empty() || peek() == "for" || share(into);
      case fault_arguments::stream: into.text = next(); return !into.text.empty() || fail("no stream", {});
      case fault_arguments::certificate: return certificate(into);
      case fault_arguments::bytes: return number(into.bytes, into.kind == fault_kind::split ? 1 : 0, most);
      case fault_arguments::bytes_every: return number(into.bytes, 1, most) && every(into);
      case fault_arguments::pings:
        into.bytes = 125;
        return number(into.per_second, 1, 100'000) && (!option("size") || number(into.bytes, 0, 125));
    }
    return false;
  }

  std::string_view rest_;
};

[[nodiscard]] inline std::string duration_text(std::chrono::milliseconds time) {
  const duration_unit* largest = duration_units.data();
  for (const duration_unit& unit : duration_units)
    if (time.count() != 0 && time.count() % unit.milliseconds == 0) largest = &unit;
  return std::to_string(time.count() / largest->milliseconds).append(largest->name);
}

[[nodiscard]] inline std::string arguments_text(const fault& what) {
  switch (fault_forms[static_cast<std::size_t>(what.kind)].arguments) {
    case fault_arguments::none: return {};
    case fault_arguments::wait_or_none:
      if (what.wait.count() == 0) return {};
      [[fallthrough]];
    case fault_arguments::wait: return " " + duration_text(what.wait);
    case fault_arguments::cut_or_none: return what.wait.count() == 0 ? "" : " cut " + duration_text(what.wait);
    case fault_arguments::code_and_reason:
      return " " + std::to_string(what.code) + (what.text.empty() ? "" : " " + what.text);
    case fault_arguments::status: {
      const auto seconds = what.retry_after.count();
      return " " + std::to_string(what.code) + (seconds == 0 ? "" : " retry-after " + std::to_string(seconds));
    }
    case fault_arguments::share_or_all:
      if (what.one_in == 1) return {};
      [[fallthrough]];
    case fault_arguments::share: return " 1/" + std::to_string(what.one_in);
    case fault_arguments::stream: return " " + what.text;
    case fault_arguments::certificate:
      for (const auto& [name, kind] : certificate_names)
        if (kind == what.certificate) return " " + std::string{name};
      return {};
    case fault_arguments::bytes: return " " + std::to_string(what.bytes);
    case fault_arguments::bytes_every: return " " + std::to_string(what.bytes) + " every " + duration_text(what.wait);
    case fault_arguments::pings: return " " + std::to_string(what.per_second) + " size " + std::to_string(what.bytes);
  }
  return {};
}

}  // namespace detail

/// The line of a script that means this fault: "5s upgrade 503 for 4s".
[[nodiscard]] inline std::string to_string(const fault& what) {
  std::string line = detail::duration_text(what.at) + " ";
  line.append(to_string(what.kind));
  for (const auto& [name, whom] : detail::victim_names)
    if (whom == what.whom && has_victims(what.kind)) line.append(" ").append(name);
  line.append(detail::arguments_text(what));
  if (is_condition(what.kind) && what.lasts.count() != 0) line += " for " + detail::duration_text(what.lasts);
  return line;
}

/// Faults in any order. As text: `AT NAME [WHOM] [ARGUMENTS] [for DURATION]`, one a line, `#` begins a comment. The
/// names are those of fault_kind with hyphens, instants may say one, oldest or newest; the arguments follow from this:
///
///     500ms reset oldest                        5s   upgrade 503 retry-after 2 for 4s
///     1s    close 1012 maintenance              6s   rest 429 retry-after 2 for 1s
///     2s    server-shutdown cut 500ms           7s   drip 100 every 20ms for 1s
///     3s    freeze for 3s                       8s   drop 1/1000 for 5s
///     4s    silence btcusdt@bookTicker for 2s   9s   ping-storm 100 size 125 for 1s
///     4s    certificate expired for 2s          10s  ack-delay 500ms for 3s
///     5s    reset                               11s  delay 20ms for 5s
struct fault_script {
  std::vector<fault> faults{};

  /// errc::bad_argument, and `problem` says where and why.
  [[nodiscard]] static result<fault_script> parse(std::string_view text, fault_script_problem* problem = nullptr) {
    fault_script script;
    for (std::size_t number = 1; !text.empty(); ++number) {
      const std::size_t end = std::min(text.find('\n'), text.size());
      detail::fault_line line{text.substr(0, end)};
      text.remove_prefix(std::min(end + 1, text.size()));
      if (line.peek().empty()) continue;
      fault read;
      if (!line.read(read)) {
        if (problem != nullptr) *problem = {number, std::move(line.problem)};
        return errc::bad_argument;
      }
      script.faults.push_back(std::move(read));
    }
    return script;
  }
};

/// A text that parses to the same.
[[nodiscard]] inline std::string to_string(const fault_script& script) {
  std::string text;
  for (const fault& what : script.faults) text += to_string(what) + "\n";
  return text;
}

}  // namespace foxtrot::inline v0
