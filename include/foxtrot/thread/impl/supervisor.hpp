// foxtrot/thread/impl/supervisor.hpp: what supervisor.hpp declares.
#pragma once

#include <foxtrot/thread/impl/supervision.hpp>
#include <foxtrot/thread/supervisor.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace foxtrot::inline v0 {

FOXTROT_DECL supervisor::supervisor(thread_monitor& monitor, std::vector<child_settings> children,
                                    supervisor_settings settings, diagnostics log)
    : children_{new detail::supervision(monitor, std::move(children), std::move(settings), std::move(log))} {
  children_->start_all();
}
FOXTROT_DECL supervisor::~supervisor() { children_->close(); }
FOXTROT_DECL std::vector<std::string> supervisor::stop() { return children_->stop(); }
FOXTROT_DECL bool supervisor::running() const { return children_->running(); }
FOXTROT_DECL std::uint64_t supervisor::restarts() const { return children_->restarts(); }

}  // namespace foxtrot::inline v0
