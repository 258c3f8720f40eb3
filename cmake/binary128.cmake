# What losses near recovery are summed in (src/core/quad.hpp): binary128 where long double is that or GCC has it in
# libquadmath, else pairs of float64 numbers. LODESTONE_BINARY128 says which; this sets LODESTONE_QUADMATH and
# LODESTONE_DOUBLE_DOUBLE.
include(CheckCXXSourceCompiles)

set(LODESTONE_QUADMATH OFF)
set(LODESTONE_DOUBLE_DOUBLE OFF)
string(TOUPPER "${LODESTONE_BINARY128}" wanted)
if(wanted STREQUAL "AUTO" OR wanted)
  check_cxx_source_compiles(
    "#include <cfloat>\nstatic_assert(LDBL_MANT_DIG == 113);\nint main() {}" LODESTONE_LONG_DOUBLE_IS_BINARY128)
  if(NOT LODESTONE_LONG_DOUBLE_IS_BINARY128)
    set(CMAKE_REQUIRED_LIBRARIES quadmath)
    check_cxx_source_compiles(
      "#include <quadmath.h>\n__extension__ typedef __float128 Quad;
       int main(int count, char**) { return static_cast<double>(sqrtq(Quad(count))) > 0.0 ? 0 : 1; }"
      LODESTONE_HAS_QUADMATH)
    unset(CMAKE_REQUIRED_LIBRARIES)
    set(LODESTONE_QUADMATH ${LODESTONE_HAS_QUADMATH})
  endif()
  if(NOT LODESTONE_LONG_DOUBLE_IS_BINARY128 AND NOT LODESTONE_QUADMATH)
    if(NOT wanted STREQUAL "AUTO")
      message(FATAL_ERROR "LODESTONE_BINARY128 is ${LODESTONE_BINARY128}, but the compiler has no binary128: "
        "long double is shorter, and libquadmath was not found. AUTO takes pairs of float64 numbers.")
    endif()
    set(LODESTONE_DOUBLE_DOUBLE ON)
  endif()
else()
  set(LODESTONE_DOUBLE_DOUBLE ON)
endif()
