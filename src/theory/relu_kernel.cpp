#include "theory/relu_kernel.hpp"

#include <cmath>
#include <numbers>

namespace lodestone::theory {
namespace {

constexpr double scale = 0.5 / std::numbers::pi;

// c_{k+2}² / c_k²
double next_square(int k) { return (k - 1.0) * (k - 1.0) / ((k + 2.0) * (k + 1.0)); }

}  // namespace

ReluKernel relu_kernel(int l, double t, double s) {
  const double complement = std::atan2(t, s);  // π/2 − θ
  ReluKernel kernel{scale * (s + t * complement - 1.0), scale * complement, 0.0, 0.0};
  double square = 0.5 * scale;  // c_k², k = 2
  double power = 1.0;           // t^(k−2)
  double second = 0.0;
  double third = 0.0;
  for (int k = 2; k < l; k += 2) {
    kernel.value -= square * power * t * t;
    kernel.first -= k * square * power * t;
    second += k * (k - 1) * square * power;
    if (t != 0.0) third += k * (k - 1) * (k - 2) * square * power / t;
    square *= next_square(k);
    power *= t * t;
  }
  if (s > 0.0) {
    kernel.second = scale / s - second;
    kernel.third = scale * t / (s * s * s) - third;
  }
  return kernel;
}

double left_out_moment(int l, int power) {
  double square = 0.5 * scale;
  double sum = 0.0;
  for (int k = 2; k < l; k += 2) {
    sum += square * std::pow(k, power);
    square *= next_square(k);
  }
  return sum;
}

}  // namespace lodestone::theory
