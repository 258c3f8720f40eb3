#include "kernels/sample.hpp"

namespace lodestone::kernels::reference {
namespace {

template <class T>
double inner_product(const SampleRows<T>& X, Index t, const Matrix& W, Index i) {
  double sum = 0.0;
  for (Index j = 0; j < X.dimension(); ++j) sum += W(i, j) * double{X.coordinate(t, j)};
  return sum;
}

template <class T>
void add_row(const SampleRows<T>& X, Index t, double factor, Matrix& moments, Index i) {
  for (Index j = 0; j < X.dimension(); ++j) moments(i, j) += factor * double{X.coordinate(t, j)};
}

}  // namespace

template <class T>
void forward(const SampleRows<T>& X, const Matrix& W, const Vector& a, const Vector& y,
             const AffineColumns& affine, Vector& values, Masks& masks, Vector& moments) {
  values.setZero(X.visited.total());
  masks.resize<T>(X.visited.total(), W.rows());
  masks.clear();
  for (Index t = 0; t < X.visited.total(); ++t) {
    if (!X.visited.visits(t)) continue;
    for (Index i = 0; i < W.rows(); ++i) {
      const double activation = inner_product(X, t, W, i);
      if (activation > 0.0) {
        values[t] += a[i] * activation;
        masks.set_on(t, i);
      }
    }
    values[t] -= y[t];
  }
  affine_moments(X, affine, values, moments);
}

template <class T>
double backward(const SampleRows<T>& X, const Masks& masks, const Vector& b,
                const AffineColumns& affine, Vector& values, Matrix& moments) {
  const double square = subtract_affine(X, affine, b, values);
  moments.setZero(masks.neurons(), X.dimension());
  for (Index t = 0; t < X.visited.total(); ++t) {
    if (!X.visited.visits(t)) continue;
    for (Index i = 0; i < masks.neurons(); ++i) {
      if (masks.on(t, i)) add_row(X, t, affine.weights[t] * values[t], moments, i);
    }
  }
  return square;
}

template <class T>
void masked_moments(const SampleRows<T>& X, const Matrix& U, const Vector& r, Matrix& moments) {
  moments.setZero(U.rows(), X.dimension());
  for (Index t = 0; t < X.visited.total(); ++t) {
    if (!X.visited.visits(t)) continue;
    for (Index i = 0; i < U.rows(); ++i) {
      if (inner_product(X, t, U, i) > 0.0) add_row(X, t, r[t], moments, i);
    }
  }
}

template <class T>
void affine_moments(const SampleRows<T>& X, const AffineColumns& affine, const Vector& values,
                    Vector& moments) {
  moments.setZero(1 + X.columns);
  for (Index t = 0; t < X.visited.total(); ++t) {
    if (!X.visited.visits(t)) continue;
    const double value = affine.weights[t] * values[t];
    moments[0] += value;
    for (Index j = 0; j < X.columns; ++j) {
      moments[1 + j] += value * (double{X.row(t)[j]} - affine.center[j]);
    }
  }
}

template <class T>
double subtract_affine(const SampleRows<T>& X, const AffineColumns& affine, const Vector& b,
                       Vector& values) {
  double square = 0.0;
  for (Index t = 0; t < X.visited.total(); ++t) {
    if (!X.visited.visits(t)) continue;
    values[t] -= b[0];
    for (Index j = 0; j < X.columns; ++j) {
      values[t] -= b[1 + j] * (double{X.row(t)[j]} - affine.center[j]);
    }
    square += affine.weights[t] * values[t] * values[t];
  }
  return square;
}

template <class T>
void activations(const SampleRows<T>& X, Index first, Index count, const Matrix& U,
                 Matrix& output) {
  output.resize(count, U.rows());
  for (Index t = 0; t < count; ++t) {
    for (Index i = 0; i < U.rows(); ++i) {
      output(t, i) = std::max(0.0, inner_product(X, first + t, U, i));
    }
  }
}

template void forward(const SampleRows<double>&, const Matrix&, const Vector&, const Vector&,
                      const AffineColumns&, Vector&, Masks&, Vector&);
template void forward(const SampleRows<float>&, const Matrix&, const Vector&, const Vector&,
                      const AffineColumns&, Vector&, Masks&, Vector&);
template double backward(const SampleRows<double>&, const Masks&, const Vector&,
                         const AffineColumns&, Vector&, Matrix&);
template double backward(const SampleRows<float>&, const Masks&, const Vector&,
                         const AffineColumns&, Vector&, Matrix&);
template void masked_moments(const SampleRows<double>&, const Matrix&, const Vector&, Matrix&);
template void masked_moments(const SampleRows<float>&, const Matrix&, const Vector&, Matrix&);
template void affine_moments(const SampleRows<double>&, const AffineColumns&, const Vector&,
                             Vector&);
template void affine_moments(const SampleRows<float>&, const AffineColumns&, const Vector&,
                             Vector&);
template double subtract_affine(const SampleRows<double>&, const AffineColumns&, const Vector&,
                                Vector&);
template double subtract_affine(const SampleRows<float>&, const AffineColumns&, const Vector&,
                                Vector&);
template void activations(const SampleRows<double>&, Index, Index, const Matrix&, Matrix&);
template void activations(const SampleRows<float>&, Index, Index, const Matrix&, Matrix&);

}  // namespace lodestone::kernels::reference
