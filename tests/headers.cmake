# Every header compiles as the only include. The test that bears a header's name includes it first and so proves it
# (check_headers.py sees to that); a header without such a test gets a source of its own, of which no code is made.
file(GLOB_RECURSE headers CONFIGURE_DEPENDS RELATIVE "${PROJECT_SOURCE_DIR}/include/foxtrot"
  "${PROJECT_SOURCE_DIR}/include/foxtrot/*.hpp")
# These are the first include of a program (the README's, foxtrot::compiled); impl/ comes by the header of its name.
list(FILTER headers EXCLUDE REGEX "(^|/)impl/|^(foxtrot|src)\\.hpp$")
set(alone "")
foreach(header IN LISTS headers)
  string(REGEX REPLACE "\\.hpp$" "" name "${header}")
  if(NOT "${name}_test.cpp" IN_LIST sources)
    set(source "${CMAKE_CURRENT_BINARY_DIR}/headers/${name}.cpp")
    file(CONFIGURE OUTPUT "${source}" CONTENT "#include <foxtrot/${header}>\n" @ONLY)
    list(APPEND alone "${source}")
  endif()
endforeach()
if(alone)
  add_library(foxtrot_headers OBJECT ${alone})
  target_link_libraries(foxtrot_headers PRIVATE foxtrot::foxtrot)
  foxtrot_own_target(foxtrot_headers)
  set_target_properties(foxtrot_headers PROPERTIES CXX_COMPILER_LAUNCHER "${CMAKE_CURRENT_SOURCE_DIR}/check_syntax")
endif()

if(FOXTROT_PYTHON)
  foxtrot_add_check("headers: form" "${FOXTROT_PYTHON}" "${CMAKE_CURRENT_SOURCE_DIR}/check_headers.py" "${PROJECT_SOURCE_DIR}")
  foxtrot_add_check("headers: layers" "${FOXTROT_PYTHON}" "${CMAKE_CURRENT_SOURCE_DIR}/check_layers.py" "${PROJECT_SOURCE_DIR}")
endif()
