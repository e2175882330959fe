// foxtrot/src.hpp: entry point of the one file that compiles foxtrot, where FOXTROT_SEPARATE_COMPILATION is defined.
#pragma once

#ifndef FOXTROT_SOURCE
#define FOXTROT_SOURCE
#endif

#include <foxtrot/foxtrot.hpp>
#include <foxtrot/sim.hpp>

#ifndef FOXTROT_SEPARATE_COMPILATION
#error "foxtrot/src.hpp is for programs that define FOXTROT_SEPARATE_COMPILATION in all of their files"
#elif !defined(FOXTROT_DEFINITIONS)
#error "foxtrot/src.hpp comes before all other headers of foxtrot, precompiled ones included"
#endif
