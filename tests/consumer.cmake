# Builds tests/consumer as a user would, and runs what came of it. Called by ctest with TREE, BUILD, SCRATCH, WAY, CXX,
# GENERATOR, WITH_ZLIB and WITH_CARES. WAY: tree (add_subdirectory), fetch (FetchContent), package (installed,
# find_package), pkgconfig (installed, no CMake), single (single_include alone, no CMake).
cmake_minimum_required(VERSION 3.25)

function(run)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE failed ERROR_VARIABLE said OUTPUT_VARIABLE said)
  if(failed)
    list(JOIN ARGN " " command)
    message(FATAL_ERROR "${command}\n${said}")
  endif()
endfunction()

file(REMOVE_RECURSE "${SCRATCH}")
file(MAKE_DIRECTORY "${SCRATCH}/build")
if(WAY MATCHES "^(package|pkgconfig)$")
  run("${CMAKE_COMMAND}" --install "${BUILD}" --prefix "${SCRATCH}/prefix")
endif()

if(WAY MATCHES "^(tree|fetch|package)$")
  if(WAY STREQUAL "package")
    set(where "-DCMAKE_PREFIX_PATH=${SCRATCH}/prefix")
  else()
    set(where "-DFOXTROT_TREE=${TREE}" "-DFOXTROT_WITH_ZLIB=${WITH_ZLIB}" "-DFOXTROT_WITH_CARES=${WITH_CARES}")
  endif()
  run("${CMAKE_COMMAND}" -S "${TREE}/tests/consumer" -B "${SCRATCH}/build" -G "${GENERATOR}" "-DCMAKE_CXX_COMPILER=${CXX}"
    "-DCMAKE_BUILD_TYPE=" "-DWAY=${WAY}" ${where})
  run("${CMAKE_COMMAND}" --build "${SCRATCH}/build" --parallel 1)  # other tests run beside this one
  run("${SCRATCH}/build/strategy")
  run("${SCRATCH}/build/declarations")
  if(WAY STREQUAL "package")
    run("${SCRATCH}/build/network")
    run("${SCRATCH}/build/shared_state" "${SCRATCH}/build")
  endif()
elseif(WAY STREQUAL "pkgconfig")
  set(ENV{PKG_CONFIG_PATH} "${SCRATCH}/prefix/share/pkgconfig")
  foreach(name IN ITEMS strategy foxtrot)
    string(REPLACE "strategy" "foxtrot-strategy" package ${name})
    execute_process(COMMAND pkg-config --cflags --libs ${package} OUTPUT_VARIABLE flags COMMAND_ERROR_IS_FATAL ANY)
    separate_arguments(flags UNIX_COMMAND "${flags}")
    set(files strategy.cpp strategy_again.cpp)
    if(name STREQUAL "foxtrot")
      set(files declarations.cpp)
    endif()
    list(TRANSFORM files PREPEND "${TREE}/tests/consumer/")
    run("${CXX}" -std=c++20 ${files} ${flags} -o "${SCRATCH}/build/${name}")
    run("${SCRATCH}/build/${name}")
  endforeach()
else()
  # Two files, each of which compiles everything; with clang Asio has to be told that it has coroutines.
  run("${CXX}" -std=c++20 -DASIO_HAS_CO_AWAIT -DASIO_HAS_STD_COROUTINE "${TREE}/tests/consumer/network.cpp"
    "${TREE}/tests/consumer/network_again.cpp" "-I${TREE}/single_include" -lssl -lcrypto -lsimdjson -pthread
    -o "${SCRATCH}/build/network")
  run("${SCRATCH}/build/network")
endif()
