#pragma once

#include <Eigen/Core>
#include <cstddef>

namespace lodestone {

/// Counts and positions: rows, neurons, dimensions.
using Index = Eigen::Index;

/// Dense column of float64 numbers.
using Vector = Eigen::VectorXd;

/// Dense float64 matrix, row-major: a row is a neuron, a direction or a data row.
using Matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

}  // namespace lodestone
