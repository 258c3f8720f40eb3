#pragma once

// NumPy arrays to the library's types and back. Rows come in as views where the library takes them,
// results leave as arrays that own what the library computed: nothing is copied on the way out.

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <string>
#include <utility>
#include <vector>

#include "lodestone/core/types.hpp"
#include "lodestone/model/dataset.hpp"
#include "lodestone/model/network.hpp"

namespace lodestone::python {

namespace nb = nanobind;

using MatrixIn = nb::ndarray<const double, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
using VectorIn = nb::ndarray<const double, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using MatrixOut = nb::ndarray<nb::numpy, double, nb::ndim<2>>;
using VectorOut = nb::ndarray<nb::numpy, double, nb::ndim<1>>;
using ArrayOut = nb::ndarray<nb::numpy, double>;  // of one or two dimensions

/// The array's own memory as a matrix: valid while the array lives.
inline Eigen::Map<const Matrix> view(const MatrixIn& values) {
  return {values.data(), static_cast<Index>(values.shape(0)), static_cast<Index>(values.shape(1))};
}
inline Eigen::Map<const Vector> view(const VectorIn& values) {
  return {values.data(), static_cast<Index>(values.shape(0))};
}

inline MatrixOut to_numpy(Matrix values) {
  auto* kept = new Matrix(std::move(values));
  const nb::capsule owner(kept, [](void* p) noexcept { delete static_cast<Matrix*>(p); });
  return MatrixOut(kept->data(),
                   {static_cast<std::size_t>(kept->rows()), static_cast<std::size_t>(kept->cols())},
                   owner);
}
inline VectorOut to_numpy(Vector values) {
  auto* kept = new Vector(std::move(values));
  const nb::capsule owner(kept, [](void* p) noexcept { delete static_cast<Vector*>(p); });
  return VectorOut(kept->data(), {static_cast<std::size_t>(kept->size())}, owner);
}

/// The same where the number of dimensions depends on the number of outputs.
inline ArrayOut to_array(Matrix values) { return ArrayOut(to_numpy(std::move(values))); }
inline ArrayOut to_array(Vector values) { return ArrayOut(to_numpy(std::move(values))); }

/// What Python names a file by (str, bytes or os.PathLike) in the file system's encoding. Raises
/// TypeError for anything else and ValueError for a zero byte, as `open` does.
std::string to_path(nb::handle path);

/// θ = (a, W). Throws InvalidArgument when a does not have a number for each row of W.
Network to_network(const VectorIn& a, const MatrixIn& W);

/// Rows as the library's functions take them, sizes checked. Weights may be None.
Dataset to_dataset(const MatrixIn& X, const VectorIn& y, const std::optional<VectorIn>& weights,
                   std::vector<std::string> columns, std::string target);

/// Gives the rows a known part of their scores, where there is one.
void set_offset(Dataset& data, const std::optional<VectorIn>& offset, const std::string& name);

/// None is no offset.
Vector to_offset(const std::optional<VectorIn>& offset);

}  // namespace lodestone::python
