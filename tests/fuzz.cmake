# tests/fuzz/<name>_fuzz.cpp (LLVMFuzzerTestOneInput) with its seeds in tests/fuzz/corpus/<name>/, if any: the program
# foxtrot_fuzz_<name>. ctest gives each a short run; call it yourself for a long one.
file(GLOB sources_to_fuzz CONFIGURE_DEPENDS fuzz/*_fuzz.cpp)
if(NOT FOXTROT_BUILD_FUZZERS OR NOT sources_to_fuzz)
  return()
endif()
if(NOT CMAKE_CXX_COMPILER_ID MATCHES "Clang")
  message(FATAL_ERROR "FOXTROT_BUILD_FUZZERS needs clang")
endif()

foreach(source IN LISTS sources_to_fuzz)
  cmake_path(GET source STEM name)
  string(REGEX REPLACE "_fuzz$" "" name "${name}")
  set(target foxtrot_fuzz_${name})
  add_executable(${target} ${source})
  target_include_directories(${target} PRIVATE "${CMAKE_CURRENT_SOURCE_DIR}")
  target_link_libraries(${target} PRIVATE foxtrot::foxtrot)
  foxtrot_own_target(${target})
  target_compile_options(${target} PRIVATE -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all)
  target_link_options(${target} PRIVATE -fsanitize=fuzzer,address,undefined)

  # New inputs go to the first folder, in the build; the seeds are only read.
  set(found "${CMAKE_CURRENT_BINARY_DIR}/fuzz/${name}")
  file(MAKE_DIRECTORY "${found}")
  set(seeds "${CMAKE_CURRENT_SOURCE_DIR}/fuzz/corpus/${name}")
  if(NOT IS_DIRECTORY "${seeds}")
    set(seeds "")
  endif()
  foxtrot_add_check("fuzz: ${name}" ${target} -runs=200000 -max_total_time=10 -print_final_stats=1
    "-artifact_prefix=${found}/" "${found}" ${seeds})
endforeach()
