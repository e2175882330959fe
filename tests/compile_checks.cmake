# What is checked by calling the compiler from ctest: limits that must not compile, and core/, queue/, market/ without
# exceptions and run-time type information.
set(compile "${CMAKE_CXX_COMPILER}" -std=c++20 -fsyntax-only "-I${PROJECT_SOURCE_DIR}/include" "-I${CMAKE_CURRENT_SOURCE_DIR}")
foreach(directory IN ITEMS ${FOXTROT_ASIO_INCLUDE_DIR} ${FOXTROT_MOODYCAMEL_INCLUDE_DIR})
  if(NOT directory IN_LIST CMAKE_CXX_IMPLICIT_INCLUDE_DIRECTORIES)
    list(APPEND compile -isystem "${directory}")
  endif()
endforeach()
if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
  list(APPEND compile -DASIO_HAS_CO_AWAIT -DASIO_HAS_STD_COROUTINE)
endif()

file(GLOB sources_that_fail CONFIGURE_DEPENDS compile_fail/*.cpp)
foreach(source IN LISTS sources_that_fail)
  cmake_path(GET source STEM name)
  foxtrot_add_check("compile_fail: ${name}" "${CMAKE_COMMAND}" "-DSOURCE=${source}"
    -P "${CMAKE_CURRENT_SOURCE_DIR}/compile_fail.cmake" -- ${compile})
endforeach()

foreach(layer IN ITEMS core queue market)
  set(includes "${headers}")
  list(FILTER includes INCLUDE REGEX "^${layer}/")
  if(includes)
    list(TRANSFORM includes REPLACE "(.+)" "#include <foxtrot/\\1>\n")
    string(JOIN "" includes ${includes})
    set(source "${CMAKE_CURRENT_BINARY_DIR}/no_exceptions/${layer}.cpp")
    file(CONFIGURE OUTPUT "${source}" CONTENT "${includes}" @ONLY)
    foxtrot_add_check("no_exceptions: ${layer}" ${compile} -fno-exceptions -fno-rtti
      -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror "${source}")
  endif()
endforeach()
