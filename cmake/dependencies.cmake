# Finds what foxtrot::foxtrot needs: the system's packages first; with FOXTROT_FETCH_DEPS=ON what is missing is fetched
# by pinned commit (untested: every tested configuration uses Debian's packages).

set(THREADS_PREFER_PTHREAD_FLAG ON)
find_package(Threads REQUIRED)

function(foxtrot_missing what package)
  message(FATAL_ERROR
    "foxtrot: ${what} was not found. Debian and Ubuntu: apt-get install ${package}"
    " (or -DFOXTROT_FETCH_DEPS=ON to fetch the pinned version, where there is one; untested).")
endfunction()

# foxtrot_fetch(<name> <git repository> <commit>): the sources in <name>_SOURCE_DIR, nothing of their build.
macro(foxtrot_fetch name repository commit)
  include(FetchContent)
  FetchContent_Declare(${name} GIT_REPOSITORY ${repository} GIT_TAG ${commit} SOURCE_SUBDIR no-build)
  FetchContent_MakeAvailable(${name})
endmacro()

find_package(OpenSSL 3.0 QUIET)
if(NOT OPENSSL_FOUND)
  foxtrot_missing("OpenSSL 3.0" libssl-dev)
endif()

find_path(FOXTROT_ASIO_INCLUDE_DIR asio/awaitable.hpp)
if(NOT FOXTROT_ASIO_INCLUDE_DIR)
  if(NOT FOXTROT_FETCH_DEPS)
    foxtrot_missing("Asio (standalone)" libasio-dev)
  endif()
  foxtrot_fetch(asio https://github.com/chriskohlhoff/asio.git 12e0ce9e0500bf0f247dbd1ae894272656456079)
  set(FOXTROT_ASIO_INCLUDE_DIR "${asio_SOURCE_DIR}/asio/include")
endif()

# Debian has <concurrentqueue/concurrentqueue.h>, upstream <concurrentqueue.h>: one form reaches the headers.
find_path(FOXTROT_MOODYCAMEL_INCLUDE_DIR concurrentqueue/concurrentqueue.h)
if(NOT FOXTROT_MOODYCAMEL_INCLUDE_DIR)
  find_path(FOXTROT_MOODYCAMEL_FLAT_DIR concurrentqueue.h PATH_SUFFIXES moodycamel)
  if(NOT FOXTROT_MOODYCAMEL_FLAT_DIR AND FOXTROT_FETCH_DEPS)
    foxtrot_fetch(concurrentqueue https://github.com/cameron314/concurrentqueue.git 6dd38b8a1dbaa7863aa907045f32308a56a6ff5d)
    set(FOXTROT_MOODYCAMEL_FLAT_DIR "${concurrentqueue_SOURCE_DIR}")
  endif()
  if(NOT FOXTROT_MOODYCAMEL_FLAT_DIR)
    foxtrot_missing("moodycamel::ConcurrentQueue" libconcurrentqueue-dev)
  endif()
  set(FOXTROT_MOODYCAMEL_INCLUDE_DIR "${CMAKE_CURRENT_BINARY_DIR}/moodycamel")
  file(CREATE_LINK "${FOXTROT_MOODYCAMEL_FLAT_DIR}/concurrentqueue.h"
    "${FOXTROT_MOODYCAMEL_INCLUDE_DIR}/concurrentqueue/concurrentqueue.h" COPY_ON_ERROR SYMBOLIC)
endif()

find_package(simdjson 3 QUIET)
if(NOT TARGET simdjson::simdjson)
  if(NOT FOXTROT_FETCH_DEPS)
    foxtrot_missing("simdjson 3" libsimdjson-dev)
  endif()
  include(FetchContent)
  FetchContent_Declare(simdjson GIT_REPOSITORY https://github.com/simdjson/simdjson.git
    GIT_TAG 0c0ce1bd48baa0677dc7c0945ea7cd1e8b52b297)
  FetchContent_MakeAvailable(simdjson)
endif()

if(FOXTROT_WITH_ZLIB)
  find_package(ZLIB QUIET)
  if(NOT ZLIB_FOUND)
    foxtrot_missing("zlib (FOXTROT_WITH_ZLIB=ON)" zlib1g-dev)
  endif()
endif()

# Debian's c-ares has no CMake package.
if(FOXTROT_WITH_CARES)
  find_path(FOXTROT_CARES_INCLUDE_DIR ares.h)
  find_library(FOXTROT_CARES_LIBRARY cares)
  if(NOT FOXTROT_CARES_INCLUDE_DIR OR NOT FOXTROT_CARES_LIBRARY)
    foxtrot_missing("c-ares (FOXTROT_WITH_CARES=ON)" libc-ares-dev)
  endif()
endif()

# The include directories and simdjson. /usr/include needs no mention (and breaks #include_next where it is named).
function(foxtrot_link_header_dependencies target)
  set(directories ${FOXTROT_ASIO_INCLUDE_DIR} ${FOXTROT_MOODYCAMEL_INCLUDE_DIR})
  if(FOXTROT_WITH_CARES)
    list(APPEND directories ${FOXTROT_CARES_INCLUDE_DIR})
  endif()
  list(REMOVE_DUPLICATES directories)
  list(REMOVE_ITEM directories ${CMAKE_CXX_IMPLICIT_INCLUDE_DIRECTORIES} /usr/include)
  foreach(directory IN LISTS directories)
    target_include_directories(${target} SYSTEM INTERFACE $<BUILD_INTERFACE:${directory}>)
  endforeach()
  target_link_libraries(${target} INTERFACE simdjson::simdjson)
endfunction()
