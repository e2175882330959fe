// foxtrot/core/separate_compilation.hpp: where functions that are not called for each tick are compiled.
#pragma once

/// As a rule everything is compiled wherever it is included. A program with FOXTROT_SEPARATE_COMPILATION defined in all
/// of its files compiles what runs rarely, or needs Asio, OpenSSL or simdjson, once, in the one file that includes
/// <foxtrot/src.hpp> before all others (or defines FOXTROT_SOURCE there); its other files see declarations and compile
/// in seconds. A file that uses <foxtrot/strategy.hpp> alone needs that one as well then.
#ifndef FOXTROT_SEPARATE_COMPILATION
#define FOXTROT_DECL inline
#define FOXTROT_DEFINITIONS
#else
#define FOXTROT_DECL
#ifdef FOXTROT_SOURCE
#define FOXTROT_DEFINITIONS
#endif
#endif
