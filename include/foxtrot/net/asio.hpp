// foxtrot/net/asio.hpp: the part of Asio that foxtrot uses, with its concrete executor and foxtrot's error codes.
#pragma once

#include <foxtrot/core/error.hpp>

#include <utility>  // Asio 1.22 uses std::exchange without including it

#include <asio/awaitable.hpp>
#include <asio/basic_stream_socket.hpp>
#include <asio/basic_waitable_timer.hpp>
#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/error.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/post.hpp>
#include <asio/redirect_error.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>

#include <system_error>

namespace foxtrot::inline v0 {

/// The concrete executor: any_io_executor would cost a virtual call and often an allocation per operation.
using io_executor = asio::io_context::executor_type;

/// A coroutine of foxtrot's network layer. Starts when awaited. Once its task_scope is cancelled the wait it is in
/// returns errc::cancelled and every further co_await throws, so a cancelled task unwinds by itself.
template <class T = void>
using task = asio::awaitable<T, io_executor>;

inline constexpr asio::use_awaitable_t<io_executor> use_task{};

namespace detail {

/// Asio keeps system errors in a category of its own; foxtrot's conditions know std::system_category() only.
[[nodiscard]] inline std::error_code from_asio(std::error_code error) noexcept {
  if (!error) return {};
  if (error == asio::error::operation_aborted) return errc::cancelled;
  if (error == asio::error::eof) return errc::closed;
  if (error.category() == asio::error::get_system_category()) return {error.value(), std::system_category()};
  return error;
}

}  // namespace detail
}  // namespace foxtrot::inline v0
