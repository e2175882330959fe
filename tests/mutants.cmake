# Rings with one mistake each: a short run of a few threads must see every one of them (tests/queue/mutants). It needs
# the cores for itself, or threads that should meet do not.
if(FOXTROT_PYTHON)
  foxtrot_add_check("mutants: queue" "${FOXTROT_PYTHON}" "${CMAKE_CURRENT_SOURCE_DIR}/queue/mutants/check_mutants.py"
    "${PROJECT_SOURCE_DIR}" "${CMAKE_CXX_COMPILER}")
  set_tests_properties("mutants: queue" PROPERTIES LABELS soak RUN_SERIAL TRUE)
endif()
