// foxtrot/feed/subscription_set.hpp: the streams one connection should have against those the venue has acknowledged.
#pragma once

#include <foxtrot/core/clock.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace foxtrot::inline v0 {

/// Remembers what is wanted, says what to ask for next, learns from the answers, and forgets all acknowledgements when
/// the connection is lost, so that everything wanted is asked for again on the next one. Knows no socket and no clock.
/// One thread.
class subscription_set {
 public:
  enum class action : std::uint8_t { subscribe, unsubscribe };

  struct request {
    action what{};
    std::int64_t id{0};
    std::vector<std::string> streams;
  };

  /// Adds to what is wanted; those already there are left alone, one that was rejected is tried again.
  void want(std::span<const std::string> streams) {
    for (const std::string& stream : streams) {
      entry& known = entries_[stream];
      if (known.now == state::leaving || known.now == state::rejected) known.now = state::wanted;
      if (known.now == state::leaving_asked) known.come_back = true;
    }
  }

  /// Takes away from what is wanted.
  void unwant(std::span<const std::string> streams) {
    for (const std::string& stream : streams) {
      const auto at = entries_.find(stream);
      if (at == entries_.end()) continue;
      entry& known = at->second;
      known.come_back = false;
      if (known.now == state::wanted || known.now == state::rejected) {
        entries_.erase(at);
      } else if (known.now == state::asked || known.now == state::confirmed || known.now == state::silent) {
        known.now = state::leaving;
      }
    }
  }

  /// The next request to send, of at most `most` streams; nothing where the venue knows all we want, or is about to say
  /// so.
  [[nodiscard]] std::optional<request> next(std::size_t most, steady_time now) {
    request made{
        .what = action::unsubscribe, .id = last_id_ + 1, .streams = take(state::leaving, state::leaving_asked, most)};
    if (made.streams.empty()) made = {action::subscribe, last_id_ + 1, take(state::wanted, state::asked, most)};
    if (made.streams.empty()) return std::nullopt;
    asked_at_[++last_id_] = now;
    return made;
  }

  /// An answer came. The streams that it rejected, those to be left included, which stay then; empty where it accepted,
  /// or was not for any request of ours.
  std::vector<std::string> answered(std::int64_t id, bool accepted) {
    std::vector<std::string> rejected;
    if (asked_at_.erase(id) == 0) return rejected;
    for (auto at = entries_.begin(); at != entries_.end();) {
      entry& known = at->second;
      if (known.asked_in == id && known.now == state::asked) {
        known.now = accepted ? state::confirmed : state::rejected;
        known.unanswered = 0;
        if (!accepted) rejected.push_back(at->first);
      } else if (known.asked_in == id && known.now == state::leaving_asked) {
        if (!accepted) {
          known = {.now = state::confirmed, .come_back = false, .asked_in = id};
          rejected.push_back(at->first);
        } else if (known.come_back) {
          known = {};
        } else {
          at = entries_.erase(at);
          continue;
        }
      }
      ++at;
    }
    return rejected;
  }

  /// The request that waits longest for its answer, 0 if none does.
  [[nodiscard]] std::int64_t oldest_id() const noexcept { return asked_at_.empty() ? 0 : asked_at_.begin()->first; }

  /// Requests sent at `before` or earlier have had no answer: what they asked for is to be asked for again. How often
  /// that has happened to the stream that it has happened to most, since it was last answered.
  std::uint32_t expire(steady_time before) {
    std::uint32_t most = 0;
    for (auto asked = asked_at_.begin(); asked != asked_at_.end();) {
      if (asked->second > before) {
        ++asked;
        continue;
      }
      for (auto& [stream, known] : entries_) {
        if (known.asked_in == asked->first) most = std::max(most, known.ask_again());
      }
      asked = asked_at_.erase(asked);
    }
    return most;
  }

  /// Confirmed, but nothing came: it is to be asked for again.
  void doubt(std::string_view stream) {
    if (const auto at = entries_.find(stream); at != entries_.end() && at->second.now == state::confirmed) {
      at->second.now = state::wanted;
    }
  }
  /// Confirmed, and silent for good; or heard after all.
  void set_silent(std::string_view stream, bool silent) {
    const auto at = entries_.find(stream);
    if (at == entries_.end()) return;
    state& now = at->second.now;
    if (now == (silent ? state::confirmed : state::silent)) now = silent ? state::silent : state::confirmed;
  }

  /// The streams that this answer confirmed.
  [[nodiscard]] std::vector<std::string> confirmed_by(std::int64_t id) const {
    std::vector<std::string> streams;
    for (const auto& [stream, known] : entries_) {
      if (known.asked_in == id && known.now == state::confirmed) streams.push_back(stream);
    }
    return streams;
  }

  /// The connection is gone, and with it all the venue knew.
  void forget_answers() {
    asked_at_.clear();
    for (auto at = entries_.begin(); at != entries_.end();) {
      const bool gone =
          (at->second.now == state::leaving || at->second.now == state::leaving_asked) && !at->second.come_back;
      if (gone) {
        at = entries_.erase(at);
      } else {
        (at++)->second = {};
      }
    }
  }

  /// When the oldest request without an answer was sent.
  [[nodiscard]] std::optional<steady_time> oldest_request() const {
    return asked_at_.empty() ? std::nullopt : std::optional{asked_at_.begin()->second};
  }

  [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); }
  /// Whether it is wanted, or not yet known to be left.
  [[nodiscard]] bool contains(std::string_view stream) const { return entries_.contains(stream); }
  [[nodiscard]] bool is_confirmed(std::string_view stream) const {
    const auto at = entries_.find(stream);
    return at != entries_.end() && (at->second.now == state::confirmed || at->second.now == state::silent);
  }
  [[nodiscard]] std::size_t confirmed() const { return count(state::confirmed); }
  /// The venue has said yes or no to it.
  [[nodiscard]] bool is_settled(std::string_view stream) const {
    const auto at = entries_.find(stream);
    return is_confirmed(stream) || (at != entries_.end() && at->second.now == state::rejected);
  }
  /// Nothing is left to ask for, or to be answered. What was refused does not count.
  [[nodiscard]] bool settled() const noexcept {
    return std::ranges::all_of(entries_, [](const auto& each) {
      const state now = each.second.now;
      return now == state::confirmed || now == state::silent || now == state::rejected;
    });
  }
  [[nodiscard]] std::vector<std::string> confirmed_streams() const {
    std::vector<std::string> all;
    for (const auto& [stream, known] : entries_)
      if (known.now == state::confirmed || known.now == state::silent) all.push_back(stream);
    return all;
  }
  [[nodiscard]] std::size_t rejected() const { return count(state::rejected); }
  [[nodiscard]] std::size_t silent() const { return count(state::silent); }
  [[nodiscard]] std::vector<std::string> streams() const {
    std::vector<std::string> all;
    for (const auto& [stream, known] : entries_) {
      if (known.now != state::leaving && (known.now != state::leaving_asked || known.come_back)) all.push_back(stream);
    }
    return all;
  }

 private:
  enum class state : std::uint8_t { wanted, asked, confirmed, silent, rejected, leaving, leaving_asked };

  struct entry {
    state now{state::wanted};
    bool come_back{false};  // wanted again while its unsubscription is under way
    std::int64_t asked_in{0};
    std::uint32_t unanswered{0};  // requests in a row

    // How often that makes; 0 where nothing was being asked.
    std::uint32_t ask_again() noexcept {
      if (now != state::asked && now != state::leaving_asked) return 0;
      now = now == state::leaving_asked && !come_back ? state::leaving : state::wanted;
      come_back = false;
      return ++unanswered;
    }
  };

  [[nodiscard]] std::vector<std::string> take(state from, state to, std::size_t most) {
    std::vector<std::string> taken;
    for (auto& [stream, known] : entries_) {
      if (taken.size() == most) break;
      if (known.now != from) continue;
      known.now = to;
      known.asked_in = last_id_ + 1;
      taken.push_back(stream);
    }
    return taken;
  }

  [[nodiscard]] std::size_t count(state which) const {
    return static_cast<std::size_t>(std::count_if(entries_.begin(), entries_.end(),
                                                  [which](const auto& each) { return each.second.now == which; }));
  }

  std::map<std::string, entry, std::less<>> entries_;
  std::map<std::int64_t, steady_time> asked_at_;
  std::int64_t last_id_{0};
};

}  // namespace foxtrot::inline v0
