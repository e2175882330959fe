// foxtrot/market/detail/event_taker.hpp: a handler of events of whatever type.
#pragma once

#include <foxtrot/market/event.hpp>

#include <type_traits>

namespace foxtrot::inline v0::detail {

/// As long as a call lasts.
class event_taker {
 public:
  template <event_handler Handler, class = std::enable_if_t<!std::is_same_v<std::remove_const_t<Handler>, event_taker>>>
  event_taker(Handler& handler) noexcept
      : handler_{&handler}, call_{[](const void* to, const event& told) {
          (*const_cast<Handler*>(static_cast<const Handler*>(to)))(told);
        }} {}
  void operator()(const event& told) const { call_(handler_, told); }

 private:
  const void* handler_;
  void (*call_)(const void*, const event&);
};

}  // namespace foxtrot::inline v0::detail
