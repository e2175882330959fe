// foxtrot/capture.hpp: entry point: reading recorded market data.
#pragma once

#include <foxtrot/capture/reader.hpp>
#include <foxtrot/capture/survey.hpp>
