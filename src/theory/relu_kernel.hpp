#pragma once

namespace lodestone::theory {

/// K_ℓ and its derivatives in t.
template <class Real>
struct KernelValues {
  Real value;
  Real first;
  Real second;
  Real third;
};
using ReluKernel = KernelValues<double>;

/// K_ℓ at the cosine t of two unit vectors, s >= 0 being the sine of their angle: h less its
/// Hermite orders 2 to ℓ − 2, ℓ even (docs/math.md, 2.7). The sine is the caller's because 1 − t²
/// has lost it near t = ±1, where K'_ℓ is finite but steep. K''_ℓ grows like 1/s there and K'''_ℓ
/// like 1/s³. All that they multiply vanishes like s² and s⁴, so at s = 0 they are given as 0.
/// Real: double, or long double where the caller bounds rounding.
template <class Real>
KernelValues<Real> relu_kernel(int l, Real t, Real s);

/// Σ c_k² k^power over the even orders k from 2 to ℓ − 2 that K_ℓ leaves out of h.
double left_out_moment(int l, int power);

}  // namespace lodestone::theory
