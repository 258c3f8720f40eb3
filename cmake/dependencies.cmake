# What the library and the command line are built with. All of it is looked for before anything is
# said, so that one message names whatever is missing: pip shows it to people who never ran CMake.
set(LODESTONE_MISSING)
set(LODESTONE_MISSING_PACKAGES)

# lodestone_require(VARIABLE NAME DEBIAN_PACKAGE): notes what was not found.
macro(lodestone_require variable name package)
  if(NOT ${variable})
    list(APPEND LODESTONE_MISSING "${name}")
    list(APPEND LODESTONE_MISSING_PACKAGES ${package})
  endif()
endmacro()

find_package(TBB QUIET)
lodestone_require(TBB_FOUND "oneTBB" libtbb-dev)
include(${CMAKE_CURRENT_LIST_DIR}/eigen.cmake)
lodestone_require(Eigen3_FOUND "Eigen 3.4 or 5" libeigen3-dev)
find_package(fmt 9 QUIET)
lodestone_require(fmt_FOUND "fmt 9" libfmt-dev)
find_package(nlohmann_json 3.11 QUIET)
lodestone_require(nlohmann_json_FOUND "nlohmann-json 3.11" nlohmann-json3-dev)
find_package(PkgConfig QUIET)
lodestone_require(PkgConfig_FOUND "pkg-config" pkg-config)
if(PkgConfig_FOUND)
  pkg_check_modules(hwy QUIET IMPORTED_TARGET libhwy>=1.0.3)
  pkg_check_modules(zip QUIET IMPORTED_TARGET libzip)
endif()
lodestone_require(hwy_FOUND "Highway 1.0.3" libhwy-dev)
lodestone_require(zip_FOUND "libzip" libzip-dev)
find_package(ZLIB QUIET)
lodestone_require(ZLIB_FOUND "zlib" zlib1g-dev)
find_path(RANDOM123_INCLUDE_DIR Random123/philox.h)
lodestone_require(RANDOM123_INCLUDE_DIR "Random123" librandom123-dev)
find_path(TOMLPLUSPLUS_INCLUDE_DIR toml++/toml.h)
lodestone_require(TOMLPLUSPLUS_INCLUDE_DIR "toml++" libtomlplusplus-dev)
find_path(BOOST_INCLUDE_DIR boost/numeric/odeint.hpp)
lodestone_require(BOOST_INCLUDE_DIR "Boost.odeint" libboost-dev)
if(LODESTONE_BUILD_APP)
  find_package(CLI11 2 QUIET)
  lodestone_require(CLI11_FOUND "CLI11 2" libcli11-dev)
  # For mpirun; a program built without says so when it is started that way.
  if(LODESTONE_MPI)
    find_package(MPI QUIET COMPONENTS CXX)
  endif()
endif()

if(LODESTONE_MISSING)
  list(JOIN LODESTONE_MISSING ", " missing)
  list(JOIN LODESTONE_MISSING_PACKAGES " " packages)
  message(FATAL_ERROR
    "Lodestone needs libraries that were not found: ${missing}.\n"
    "On Debian each of these installs them (as root or with sudo):\n"
    "  ./run packages\n"
    "  apt-get install ${packages}\n"
    "Elsewhere ./run packages prints what they are called on Fedora, Arch and in Homebrew.")
endif()
