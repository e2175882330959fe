// foxtrot/net/task_name.hpp: what a task is called, at no cost where it is a literal.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace foxtrot::inline v0 {

/// What a task is called: a literal, which is not copied, or a text of its own.
class task_name {
 public:
  consteval task_name(const char* literal) : literal_{literal} {}
  task_name(std::string text) noexcept : text_{std::move(text)} {}

  [[nodiscard]] std::string_view view() const noexcept { return text_ ? std::string_view{*text_} : literal_; }

 private:
  const char* literal_{""};
  std::optional<std::string> text_;  // an empty string itself would be no constant to g++ 12
};

}  // namespace foxtrot::inline v0
