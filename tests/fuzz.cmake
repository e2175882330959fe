# tests/fuzz/NAME_fuzz.cpp (LLVMFuzzerTestOneInput) is the program foxtrot_fuzz_NAME, with its seeds in
# tests/fuzz/corpus/NAME/, its words in NAME.dict and its flags in NAME.options, if any. ctest replays the seeds and
# gives each target a short run; tests/fuzz/run gives long ones.
file(GLOB sources_to_fuzz CONFIGURE_DEPENDS fuzz/*_fuzz.cpp)
if(NOT FOXTROT_BUILD_FUZZERS OR NOT sources_to_fuzz)
  return()
endif()
if(NOT CMAKE_CXX_COMPILER_ID MATCHES "Clang")
  message(FATAL_ERROR "FOXTROT_BUILD_FUZZERS needs clang")
endif()

add_custom_target(foxtrot_fuzz)
foreach(source IN LISTS sources_to_fuzz)
  cmake_path(GET source STEM name)
  string(REGEX REPLACE "_fuzz$" "" name "${name}")
  set(target foxtrot_fuzz_${name})
  add_executable(${target} ${source})
  add_dependencies(foxtrot_fuzz ${target})
  target_include_directories(${target} PRIVATE "${CMAKE_CURRENT_SOURCE_DIR}")
  target_link_libraries(${target} PRIVATE foxtrot::foxtrot)
  foxtrot_own_target(${target})
  # -O2: what is not fast finds little.
  target_compile_options(${target} PRIVATE -O2 -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all)
  target_link_options(${target} PRIVATE -fsanitize=fuzzer,address,undefined)

  set(own "${CMAKE_CURRENT_SOURCE_DIR}/fuzz/${name}")
  set(flags "")
  if(EXISTS "${own}.options")
    file(STRINGS "${own}.options" flags REGEX "^-")
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${own}.options")
  endif()
  if(EXISTS "${own}.dict")
    list(APPEND flags "-dict=${own}.dict")
  endif()
  set(seeds "${CMAKE_CURRENT_SOURCE_DIR}/fuzz/corpus/${name}")
  if(IS_DIRECTORY "${seeds}")
    foxtrot_add_check("fuzz: ${name}: the seeds" ${target} -runs=0 -timeout=5 "${seeds}")
  else()
    set(seeds "")
  endif()

  # New inputs go to the first folder, in the build; the seeds are only read.
  set(inputs "${CMAKE_CURRENT_BINARY_DIR}/fuzz/inputs/${name}")
  set(findings "${CMAKE_CURRENT_BINARY_DIR}/fuzz/findings")
  file(MAKE_DIRECTORY "${inputs}" "${findings}")
  foxtrot_add_check("fuzz: ${name}" ${target} ${flags} -runs=200000 -max_total_time=10 -timeout=5 -print_final_stats=1
    "-artifact_prefix=${findings}/${name}-" "${inputs}" ${seeds})
endforeach()
