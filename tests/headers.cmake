# Every header compiles as the only include, though several are shown by one source (header_chains.py; as of the last
# configuration). No code is made of them. Without Python each has a source of its own.
file(GLOB_RECURSE headers CONFIGURE_DEPENDS RELATIVE "${PROJECT_SOURCE_DIR}/include/foxtrot"
  "${PROJECT_SOURCE_DIR}/include/foxtrot/*.hpp")
list(FILTER headers EXCLUDE REGEX "(^|/)impl/|^(foxtrot|src)\\.hpp$")
set(chains "${CMAKE_CURRENT_BINARY_DIR}/headers")
if(FOXTROT_PYTHON)
  execute_process(COMMAND "${FOXTROT_PYTHON}" "${CMAKE_CURRENT_SOURCE_DIR}/header_chains.py" "${PROJECT_SOURCE_DIR}/include" "${chains}"
    OUTPUT_VARIABLE alone COMMAND_ERROR_IS_FATAL ANY OUTPUT_STRIP_TRAILING_WHITESPACE)
  string(REPLACE "\n" ";" alone "${alone}")
else()
  set(alone "")
  foreach(header IN LISTS headers)
    string(REGEX REPLACE "\\.hpp$" ".cpp" source "${chains}/${header}")
    file(CONFIGURE OUTPUT "${source}" CONTENT "#include <foxtrot/${header}>\n" @ONLY)
    list(APPEND alone "${source}")
  endforeach()
endif()
add_library(foxtrot_headers OBJECT ${alone})
target_link_libraries(foxtrot_headers PRIVATE foxtrot::foxtrot)
foxtrot_own_target(foxtrot_headers)
set_target_properties(foxtrot_headers PROPERTIES CXX_COMPILER_LAUNCHER "${CMAKE_CURRENT_SOURCE_DIR}/check_syntax")

if(FOXTROT_PYTHON)
  foxtrot_add_check("headers: form" "${FOXTROT_PYTHON}" "${CMAKE_CURRENT_SOURCE_DIR}/check_headers.py" "${PROJECT_SOURCE_DIR}")
  foxtrot_add_check("headers: layers" "${FOXTROT_PYTHON}" "${CMAKE_CURRENT_SOURCE_DIR}/check_layers.py" "${PROJECT_SOURCE_DIR}")
endif()
