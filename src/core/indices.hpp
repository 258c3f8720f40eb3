#pragma once

#include <Eigen/Core>

// indices::all stands for all rows or columns in an index of a matrix. Eigen 5 has it in another
// namespace than Eigen 3.4, which warns where it is taken from that one.

namespace lodestone {

#if EIGEN_MAJOR_VERSION >= 5
namespace indices = Eigen::placeholders;
#else
namespace indices = Eigen;
#endif

}  // namespace lodestone
