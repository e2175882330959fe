// foxtrot/thread/impl/signal_guard.hpp: what signal_guard.hpp declares.
#pragma once

#include <foxtrot/thread/impl/signal_reader.hpp>
#include <foxtrot/thread/signal_guard.hpp>

#include <cstdint>
#include <memory>
#include <stop_token>
#include <utility>

namespace foxtrot::inline v0 {

FOXTROT_DECL signal_guard::signal_guard(signal_guard_settings settings)
    : reader_{new detail::signal_reader(std::move(settings))} {}
FOXTROT_DECL signal_guard::~signal_guard() { reader_->close(); }
FOXTROT_DECL std::stop_token signal_guard::stop_token() const noexcept { return reader_->stop_token(); }
FOXTROT_DECL void signal_guard::request_stop() noexcept { reader_->request_stop(); }
FOXTROT_DECL int signal_guard::signal() const noexcept { return reader_->signal(); }
FOXTROT_DECL std::uint64_t signal_guard::received() const noexcept { return reader_->received(); }
FOXTROT_DECL void signal_guard::restore_in_child() const noexcept { reader_->restore_in_child(); }

}  // namespace foxtrot::inline v0
