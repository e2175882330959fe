// tests/support/conformance/verdict.hpp: what a client said against what it had to say by now.
#pragma once

#include <support/conformance/client_reader.hpp>
#include <support/conformance/script.hpp>

#include <algorithm>
#include <cstddef>
#include <string>
#include <vector>

namespace foxtrot_test {

/// Follows one script: the server says how far it is, the verdict is right at every moment.
class verdict {
 public:
  explicit verdict(const std::vector<script::due>& replies) : replies_{&replies} {}

  /// The statements due once the client has `sent` bytes.
  [[nodiscard]] std::size_t due(std::size_t sent) const {
    const auto later =
        std::find_if(replies_->begin(), replies_->end(), [sent](const auto& r) { return r.after > sent; });
    return static_cast<std::size_t>(later - replies_->begin());
  }

  /// What is wrong; empty where the client said exactly the first `count` statements, or, with `so_far`, has begun to.
  [[nodiscard]] std::string judge(const client_reader& client, std::size_t count, bool so_far = false) {
    if (!client.wrong().empty()) return client.wrong();
    const auto& said = client.said();
    for (; checked_ < std::min(said.size(), count); ++checked_) {
      if (said[checked_] == (*replies_)[checked_].what) continue;
      return "said " + said[checked_].describe() + " instead of " + (*replies_)[checked_].what.describe() +
             (said[checked_].op == (*replies_)[checked_].what.op ? ", with another content" : "");
    }
    if (said.size() > count) return "said " + said[count].describe() + " that was not called for";
    if (so_far) return {};
    if (said.size() < count) return "did not say " + (*replies_)[said.size()].what.describe();
    if (client.unfinished()) return "began to say something that was not called for";
    return {};
  }

 private:
  const std::vector<script::due>* replies_;
  std::size_t checked_{0};  // statements that are known to be right
};

}  // namespace foxtrot_test
