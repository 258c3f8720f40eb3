#include "kernels/sample.hpp"

#include <algorithm>

namespace lodestone::kernels::reference {

void forward(const Matrix& X, const RowBlocks& rows, const Matrix& W, const Vector& a,
             Vector& values, Masks& masks) {
  values.setZero(X.rows());
  masks.resize(X.rows(), W.rows());
  std::fill(masks.bytes.begin(), masks.bytes.end(), std::uint8_t{0});
  for (Index t = 0; t < X.rows(); ++t) {
    if (!rows.visits(t)) continue;
    for (Index i = 0; i < W.rows(); ++i) {
      const double activation = X.row(t).dot(W.row(i));
      if (activation > 0.0) {
        values[t] += a[i] * activation;
        masks.group(i / 8)[t] |= static_cast<std::uint8_t>(1U << (i % 8));
      }
    }
  }
}

void backward(const Matrix& X, const RowBlocks& rows, const Masks& masks, const Vector& r,
              Matrix& moments) {
  moments.setZero(masks.neurons, X.cols());
  for (Index t = 0; t < X.rows(); ++t) {
    if (!rows.visits(t)) continue;
    for (Index i = 0; i < masks.neurons; ++i) {
      if (masks.on(t, i)) moments.row(i) += r[t] * X.row(t);
    }
  }
}

void masked_moments(const Matrix& X, const RowBlocks& rows, const Matrix& U, const Vector& r,
                    Matrix& moments) {
  moments.setZero(U.rows(), X.cols());
  for (Index t = 0; t < X.rows(); ++t) {
    if (!rows.visits(t)) continue;
    for (Index i = 0; i < U.rows(); ++i) {
      if (X.row(t).dot(U.row(i)) > 0.0) moments.row(i) += r[t] * X.row(t);
    }
  }
}

void affine_moments(const Matrix& X, const RowBlocks& rows, const Vector& center,
                    const Vector& weights, const Vector& values, Vector& moments) {
  moments.setZero(1 + center.size());
  for (Index t = 0; t < X.rows(); ++t) {
    if (!rows.visits(t)) continue;
    const double value = weights[t] * values[t];
    moments[0] += value;
    for (Index j = 0; j < center.size(); ++j) moments[1 + j] += value * (X(t, j) - center[j]);
  }
}

double subtract_affine(const Matrix& X, const RowBlocks& rows, const Vector& center,
                       const Vector& b, const Vector& weights, Vector& values) {
  double square = 0.0;
  for (Index t = 0; t < X.rows(); ++t) {
    if (!rows.visits(t)) continue;
    values[t] -= b[0];
    for (Index j = 0; j < center.size(); ++j) values[t] -= b[1 + j] * (X(t, j) - center[j]);
    square += weights[t] * values[t] * values[t];
  }
  return square;
}

void activations(const Matrix& X, Index first, Index count, const Matrix& U, Matrix& output) {
  output.resize(count, U.rows());
  for (Index t = 0; t < count; ++t) {
    for (Index i = 0; i < U.rows(); ++i) {
      const double activation = X.row(first + t).dot(U.row(i));
      output(t, i) = activation > 0.0 ? activation : 0.0;
    }
  }
}

}  // namespace lodestone::kernels::reference
