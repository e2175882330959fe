// foxtrot/src.hpp: entry point of the one file that compiles foxtrot, where FOXTROT_SEPARATE_COMPILATION is defined.
#pragma once

#ifndef FOXTROT_SOURCE
#define FOXTROT_SOURCE
#endif

#include <foxtrot/foxtrot.hpp>
#include <foxtrot/sim.hpp>
