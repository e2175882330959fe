// foxtrot/observe.hpp: statistics of a consumer and reports of a run.
#pragma once

#include <foxtrot/observe/latency_table.hpp>
#include <foxtrot/observe/session_report.hpp>
#include <foxtrot/observe/signed_histogram.hpp>
#include <foxtrot/observe/tick_statistics.hpp>
