// foxtrot/core/version.hpp: the version, in one place; CMakeLists.txt reads it from here.
#pragma once

#define FOXTROT_VERSION_MAJOR 0
#define FOXTROT_VERSION_MINOR 1
#define FOXTROT_VERSION_PATCH 0
#define FOXTROT_VERSION_STRING "0.1.0"
