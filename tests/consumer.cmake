# Builds tests/consumer as a user would. Called by ctest with TREE, BUILD, SCRATCH, WAY (tree or package), CXX, WITH_ZLIB
# and WITH_CARES.
cmake_minimum_required(VERSION 3.25)

function(run)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE failed ERROR_VARIABLE said OUTPUT_VARIABLE said)
  if(failed)
    list(JOIN ARGN " " command)
    message(FATAL_ERROR "${command}\n${said}")
  endif()
endfunction()

file(REMOVE_RECURSE "${SCRATCH}")
if(WAY STREQUAL "tree")
  set(where "-DFOXTROT_TREE=${TREE}" "-DFOXTROT_WITH_ZLIB=${WITH_ZLIB}" "-DFOXTROT_WITH_CARES=${WITH_CARES}")
else()
  run("${CMAKE_COMMAND}" --install "${BUILD}" --prefix "${SCRATCH}/prefix")
  set(where "-DCMAKE_PREFIX_PATH=${SCRATCH}/prefix")
endif()
run("${CMAKE_COMMAND}" -S "${TREE}/tests/consumer" -B "${SCRATCH}/build" -G "${GENERATOR}" "-DCMAKE_CXX_COMPILER=${CXX}"
  "-DCMAKE_BUILD_TYPE=" ${where})
run("${CMAKE_COMMAND}" --build "${SCRATCH}/build")
run("${SCRATCH}/build/strategy")
run("${SCRATCH}/build/network")
