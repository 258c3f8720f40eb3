#pragma once

#include <Eigen/Core>

// Extended precision, which the verifier computes in.

namespace lodestone::verifying {

using Real = long double;
using RealVector = Eigen::Matrix<Real, Eigen::Dynamic, 1>;
using RealMatrix = Eigen::Matrix<Real, Eigen::Dynamic, Eigen::Dynamic>;

constexpr Real pi = 3.141592653589793238462643383279502884L;

}  // namespace lodestone::verifying
