#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "lodestone/teacher.hpp"
#include "lodestone/types.hpp"

namespace lodestone {

/// Inputs and a target, in their original units.
struct Dataset {
  Matrix X;                          ///< n×d
  Vector y;                          ///< n
  std::vector<std::string> columns;  ///< d names
  std::string target;
};

/// n rows x ~ N(0, I_d), y = f_*(x) + noise. `noise` is the noise's standard deviation as a share
/// of the standard deviation of f_*(x), >= 0. Row t depends on the seed and t alone. Columns are
/// named x0, x1, ..., the target y. Throws InvalidArgument for n < 1 or negative noise.
Dataset draw_samples(const Teacher& teacher, Index n, double noise, std::uint64_t seed);

/// Variance of f_*(x) for x ~ N(0, I), in closed form (docs/math.md, 2.2).
double target_variance(const Teacher& teacher);

/// Reads a data file (see read_table) and takes the target out of its columns. `target` is a column
/// name, a column number from 0, or a second file with one value a row. Throws FileError or
/// InvalidArgument, suggesting the nearest name for an unknown column.
Dataset read_dataset(const std::string& path, const std::string& target,
                     std::optional<char> delimiter = std::nullopt);

/// The chosen rows of a data set, in the given order.
Dataset take_rows(const Dataset& data, const std::vector<Index>& rows);

}  // namespace lodestone
