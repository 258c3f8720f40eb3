#pragma once

#include <cfloat>
#include <cmath>

#ifdef LODESTONE_DOUBLE_DOUBLE
#include "core/double_double.hpp"
#elif LDBL_MANT_DIG != 113
#include <quadmath.h>
#endif

// Quadruple precision, for differences of nearly equal populations: binary128 where long double is
// that or GCC has it, else pairs of float64 numbers. CMakeLists.txt chooses (LODESTONE_BINARY128).

namespace lodestone {

inline long double square_root(long double x) { return std::sqrt(x); }
inline long double arcsine(long double x) { return std::asin(x); }

#ifdef LODESTONE_DOUBLE_DOUBLE

using Quad = DoubleDouble;

/// Each operation has a relative error of at most half of this: 15/16 of it is a quotient's.
constexpr double quad_epsilon = 0x1p-101;

/// And, of products near the end of float64's range, at most this absolute error.
constexpr double quad_underflow = 0x1p-1070;

#else

#if LDBL_MANT_DIG == 113
using Quad = long double;
inline Quad angle_of(Quad y, Quad x) { return std::atan2(y, x); }
#else
__extension__ typedef __float128 Quad;
inline Quad square_root(Quad x) { return sqrtq(x); }
inline Quad arcsine(Quad x) { return asinq(x); }
inline Quad angle_of(Quad y, Quad x) { return atan2q(y, x); }
#endif

constexpr double quad_epsilon = 0x1p-112;
constexpr double quad_underflow = 0.0;  // no product of float64 numbers comes near it

#endif

}  // namespace lodestone
