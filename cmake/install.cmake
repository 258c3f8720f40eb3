# Installs the library, its headers and its CMake package, for find_package(lodestone).
include(CMakePackageConfigHelpers)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/lodestone)

install(TARGETS lodestone EXPORT lodestone-targets)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/lodestone ${PROJECT_BINARY_DIR}/include/lodestone
  DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN *.hpp)
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})

# A shared library carries its dependencies; whoever links a static one has to find them.
get_target_property(library_type lodestone TYPE)
string(COMPARE EQUAL ${library_type} STATIC_LIBRARY LODESTONE_STATIC)
configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/lodestone-config.cmake.in
  ${PROJECT_BINARY_DIR}/cmake/lodestone-config.cmake INSTALL_DESTINATION ${package_dir})
# Before 1.0 a new minor version may change the interface.
write_basic_package_version_file(${PROJECT_BINARY_DIR}/cmake/lodestone-config-version.cmake
  COMPATIBILITY SameMinorVersion)

install(EXPORT lodestone-targets NAMESPACE lodestone:: DESTINATION ${package_dir})
install(FILES
  ${PROJECT_BINARY_DIR}/cmake/lodestone-config.cmake
  ${PROJECT_BINARY_DIR}/cmake/lodestone-config-version.cmake
  DESTINATION ${package_dir})
