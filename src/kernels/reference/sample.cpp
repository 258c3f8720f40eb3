#include "kernels/sample.hpp"

namespace lodestone::kernels::reference {

void forward(const Matrix& X, const Matrix& W, const Vector& a, Vector& values, Masks& masks) {
  values.setZero(X.rows());
  masks.resize(X.rows(), W.rows());
  for (Index t = 0; t < X.rows(); ++t) {
    for (Index byte = 0; byte < masks.stride(); ++byte) masks.row(t)[byte] = 0;
    for (Index i = 0; i < W.rows(); ++i) {
      const double activation = X.row(t).dot(W.row(i));
      if (activation > 0.0) {
        values[t] += a[i] * activation;
        masks.row(t)[i / 8] |= static_cast<std::uint8_t>(1U << (i % 8));
      }
    }
  }
}

void backward(const Matrix& X, const Masks& masks, const Vector& r, Matrix& moments) {
  moments.setZero(masks.neurons, X.cols());
  for (Index t = 0; t < X.rows(); ++t) {
    for (Index i = 0; i < masks.neurons; ++i) {
      if ((masks.row(t)[i / 8] >> (i % 8) & 1U) != 0) moments.row(i) += r[t] * X.row(t);
    }
  }
}

void masked_moments(const Matrix& X, const Matrix& U, const Vector& r, Matrix& moments) {
  moments.setZero(U.rows(), X.cols());
  for (Index t = 0; t < X.rows(); ++t) {
    for (Index i = 0; i < U.rows(); ++i) {
      if (X.row(t).dot(U.row(i)) > 0.0) moments.row(i) += r[t] * X.row(t);
    }
  }
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
