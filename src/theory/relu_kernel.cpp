#include "theory/relu_kernel.hpp"

#include <cmath>
#include <numbers>

namespace lodestone::theory {
namespace {

template <class Real>
constexpr Real scale = Real(0.5) / std::numbers::pi_v<Real>;

// c_{k+2}² / c_k²
template <class Real>
Real next_square(int k) {
  const Real n = k;
  return (n - 1) * (n - 1) / ((n + 2) * (n + 1));
}

}  // namespace

template <class Real>
KernelValues<Real> relu_kernel(int l, Real t, Real s) {
  const Real complement = std::atan2(t, s);  // π/2 − θ
  KernelValues<Real> kernel{scale<Real> * (s + t * complement - 1), scale<Real> * complement, 0, 0};
  Real square = scale<Real> / 2;  // c_k², k = 2
  Real power = 1;                 // t^(k−2)
  Real second = 0;
  Real third = 0;
  for (int k = 2; k < l; k += 2) {
    kernel.value -= square * power * t * t;
    kernel.first -= k * square * power * t;
    second += k * (k - 1) * square * power;
    if (t != 0) third += k * (k - 1) * (k - 2) * square * power / t;
    square *= next_square<Real>(k);
    power *= t * t;
  }
  if (s > 0) {
    kernel.second = scale<Real> / s - second;
    kernel.third = scale<Real> * t / (s * s * s) - third;
  }
  return kernel;
}

template KernelValues<double> relu_kernel(int l, double t, double s);
template KernelValues<long double> relu_kernel(int l, long double t, long double s);

double left_out_moment(int l, int power) {
  double square = 0.5 * scale<double>;
  double sum = 0.0;
  for (int k = 2; k < l; k += 2) {
    sum += square * std::pow(k, power);
    square *= next_square<double>(k);
  }
  return sum;
}

}  // namespace lodestone::theory
