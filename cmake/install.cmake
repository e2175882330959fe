# The installed package: headers, foxtrotConfig.cmake (find_package(foxtrot)), foxtrot.pc and foxtrot-strategy.pc.
include(CMakePackageConfigHelpers)

install(DIRECTORY "${PROJECT_SOURCE_DIR}/include/foxtrot" DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.hpp")
install(TARGETS foxtrot_strategy foxtrot_foxtrot EXPORT foxtrot)

set(package_dir "${CMAKE_INSTALL_DATADIR}/cmake/foxtrot")
install(EXPORT foxtrot NAMESPACE foxtrot:: FILE foxtrotTargets.cmake DESTINATION "${package_dir}")
configure_package_config_file("${PROJECT_SOURCE_DIR}/cmake/foxtrotConfig.cmake.in"
  "${PROJECT_BINARY_DIR}/foxtrotConfig.cmake" INSTALL_DESTINATION "${package_dir}")
write_basic_package_version_file("${PROJECT_BINARY_DIR}/foxtrotConfigVersion.cmake"
  COMPATIBILITY SameMinorVersion ARCH_INDEPENDENT)
install(FILES "${PROJECT_BINARY_DIR}/foxtrotConfig.cmake" "${PROJECT_BINARY_DIR}/foxtrotConfigVersion.cmake"
  "${PROJECT_SOURCE_DIR}/cmake/compiled.cmake" DESTINATION "${package_dir}")

set(pc_requires "foxtrot-strategy openssl >= 3.0 simdjson >= 3")
set(pc_cflags "")
if(FOXTROT_WITH_ZLIB)
  string(APPEND pc_requires " zlib")
  string(APPEND pc_cflags " -DFOXTROT_WITH_ZLIB=1")
endif()
if(FOXTROT_WITH_CARES)
  string(APPEND pc_requires " libcares")
  string(APPEND pc_cflags " -DFOXTROT_WITH_CARES=1")
endif()
foreach(package foxtrot foxtrot-strategy)
  configure_file("${PROJECT_SOURCE_DIR}/cmake/${package}.pc.in" "${PROJECT_BINARY_DIR}/${package}.pc" @ONLY)
  install(FILES "${PROJECT_BINARY_DIR}/${package}.pc" DESTINATION "${CMAKE_INSTALL_DATADIR}/pkgconfig")
endforeach()
