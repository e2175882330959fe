# Compiles SOURCE twice: as it is, which must work, and with FOXTROT_COMPILE_FAIL defined, which must fail and say what
# the source's "// expect: ..." line announces. Called by ctest: cmake -DSOURCE=... -P compile_fail.cmake -- COMPILER FLAGS...
cmake_minimum_required(VERSION 3.25)

set(compile "")
foreach(index RANGE 1 ${CMAKE_ARGC})
  if(DEFINED begin AND DEFINED CMAKE_ARGV${index})
    list(APPEND compile "${CMAKE_ARGV${index}}")
  elseif("${CMAKE_ARGV${index}}" STREQUAL "--")
    set(begin ${index})
  endif()
endforeach()

file(STRINGS "${SOURCE}" expected REGEX "^// expect: ")
if(NOT expected)
  message(FATAL_ERROR "${SOURCE} has no \"// expect: \" line")
endif()

execute_process(COMMAND ${compile} "${SOURCE}" RESULT_VARIABLE failed ERROR_VARIABLE said OUTPUT_VARIABLE said)
if(failed)
  message(FATAL_ERROR "The good form does not compile:\n${said}")
endif()

execute_process(COMMAND ${compile} -DFOXTROT_COMPILE_FAIL "${SOURCE}"
  RESULT_VARIABLE failed ERROR_VARIABLE said OUTPUT_VARIABLE said)
if(NOT failed)
  message(FATAL_ERROR "The bad form compiles")
endif()
foreach(line IN LISTS expected)
  string(REPLACE "// expect: " "" text "${line}")
  string(FIND "${said}" "${text}" found)
  if(found EQUAL -1)
    message(FATAL_ERROR "The bad form fails, but not with \"${text}\":\n${said}")
  endif()
endforeach()
