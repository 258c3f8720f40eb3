# Installs the library, its headers, its CMake package for find_package(lodestone), and its
# pkg-config file.
include(CMakePackageConfigHelpers)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/lodestone)

install(TARGETS lodestone EXPORT lodestone-targets FILE_SET HEADERS)
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

# The folders of the pkg-config file are those of the installation, wherever it is moved. Whoever
# links the static library links what it needs; the shared one names that itself.
cmake_path(APPEND LODESTONE_PC_LIBDIR "\${prefix}" ${CMAKE_INSTALL_LIBDIR})
cmake_path(APPEND LODESTONE_PC_INCLUDEDIR "\${prefix}" ${CMAKE_INSTALL_INCLUDEDIR})
file(RELATIVE_PATH LODESTONE_PC_PREFIX
  ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig ${CMAKE_INSTALL_PREFIX})
string(REGEX REPLACE "/$" "" LODESTONE_PC_PREFIX "${LODESTONE_PC_PREFIX}")
set(LODESTONE_PC_REQUIRES eigen3)
set(LODESTONE_PC_LIBS -llodestone)
if(LODESTONE_STATIC)
  list(APPEND LODESTONE_PC_REQUIRES tbb fmt libhwy libzip zlib)
  if(LODESTONE_QUADMATH)
    list(APPEND LODESTONE_PC_LIBS -lquadmath)
  endif()
endif()
list(JOIN LODESTONE_PC_REQUIRES " " LODESTONE_PC_REQUIRES)
list(JOIN LODESTONE_PC_LIBS " " LODESTONE_PC_LIBS)
configure_file(${CMAKE_CURRENT_LIST_DIR}/lodestone.pc.in ${PROJECT_BINARY_DIR}/cmake/lodestone.pc
  @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/cmake/lodestone.pc
  DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
