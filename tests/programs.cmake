# Programs that are compiled as a user would: from the README, and from the single headers alone.

# The README's first program, exactly as shown.
set(readme "${PROJECT_SOURCE_DIR}/README.md")
if(EXISTS "${readme}")
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${readme}")
  file(READ "${readme}" text)
  string(FIND "${text}" "\n```cpp\n" begin)
  if(NOT begin EQUAL -1)
    math(EXPR begin "${begin} + 8")
    string(SUBSTRING "${text}" ${begin} -1 text)
    string(FIND "${text}" "\n```" end)
    math(EXPR end "${end} + 1")
    string(SUBSTRING "${text}" 0 ${end} text)
    set(source "${CMAKE_CURRENT_BINARY_DIR}/readme_program.cpp")
    file(GENERATE OUTPUT "${source}" CONTENT "${text}")
    add_executable(foxtrot_readme_program "${source}")
    target_link_libraries(foxtrot_readme_program PRIVATE foxtrot::foxtrot)
    foxtrot_own_target(foxtrot_readme_program)
    target_compile_options(foxtrot_readme_program PRIVATE -O0)  # all of foxtrot at once
    foxtrot_add_check("readme: its first program builds" "${CMAKE_COMMAND}" -E cat "${source}")
  endif()
endif()

# The single headers are fresh; that they are enough is shown below.
set(single "${PROJECT_SOURCE_DIR}/single_include")
if(FOXTROT_PYTHON)
  foxtrot_add_check("single_include: fresh" "${FOXTROT_PYTHON}" "${single}/generate" --check)
endif()
# A project of its own that uses foxtrot: its tree, installed, or the single headers.
if(EXISTS "${PROJECT_SOURCE_DIR}/include/foxtrot/strategy.hpp" AND EXISTS "${PROJECT_SOURCE_DIR}/include/foxtrot/foxtrot.hpp")
  find_program(FOXTROT_PKG_CONFIG pkg-config)
  foreach(way IN ITEMS tree fetch package pkgconfig single)
    if(way STREQUAL "pkgconfig" AND NOT FOXTROT_PKG_CONFIG)
      continue()
    endif()
    foxtrot_add_check("consumer: ${way}" "${CMAKE_COMMAND}" "-DWAY=${way}" "-DTREE=${PROJECT_SOURCE_DIR}"
      "-DBUILD=${PROJECT_BINARY_DIR}" "-DSCRATCH=${CMAKE_CURRENT_BINARY_DIR}/consumer/${way}"
      "-DGENERATOR=${CMAKE_GENERATOR}" "-DCXX=${CMAKE_CXX_COMPILER}" "-DWITH_ZLIB=${FOXTROT_WITH_ZLIB}"
      "-DWITH_CARES=${FOXTROT_WITH_CARES}"
      -P "${CMAKE_CURRENT_SOURCE_DIR}/consumer.cmake")
    set_tests_properties("consumer: ${way}" PROPERTIES TIMEOUT 900 COST 1000)  # long, so first
  endforeach()
endif()

# A program whose wall clock jumps: its own clock_gettime answers, so it is one by itself.
add_executable(foxtrot_clock_step acceptance/clock_step.cpp)
target_link_libraries(foxtrot_clock_step PRIVATE foxtrot::foxtrot)
foxtrot_own_target(foxtrot_clock_step)
foxtrot_add_check("clock: steps of the wall clock end no wait early or late" foxtrot_clock_step)
