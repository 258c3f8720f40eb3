#include "objective/bounded_quadratic.hpp"

#include <algorithm>
#include <cmath>

#include "core/indices.hpp"
#include "objective/pseudo_inverse.hpp"

namespace lodestone {
namespace {

// A slope below this share of the largest product is rounding.
constexpr double rounding_share = 1e-13;

// What is left of a column's square after the free ones, as a share of it, below which it depends
// on them but for rounding: its coefficient is 0.
constexpr double dependent_share = 1e-10;

// Lawson and Hanson's active set: minimizes ½ gᵀTg − tᵀg over g >= 0.
Vector non_negative_minimum(const Matrix& T, const Vector& t) {
  const Index q = t.size();
  Vector g = Vector::Zero(q);
  std::vector<Index> positive;
  std::vector<bool> closed(static_cast<std::size_t>(q), false);  // positive, or tried in vain
  const double least_slope = rounding_share * t.lpNorm<Eigen::Infinity>();
  // Each entry lowers the value, so no set comes twice; the bound is for rounding's sake.
  for (Index entry = 0; entry < 10 * q; ++entry) {
    const Vector slope = t - T * g;
    Index entering = -1;
    for (Index j = 0; j < q; ++j) {
      if (closed[static_cast<std::size_t>(j)] || !(slope[j] > least_slope)) continue;
      if (entering < 0 || slope[j] > slope[entering]) entering = j;
    }
    if (entering < 0) break;
    positive.push_back(entering);
    closed[static_cast<std::size_t>(entering)] = true;
    while (!positive.empty()) {
      const Vector goal = pseudo_inverse(T(positive, positive)).matrix * t(positive);
      double share = 1.0;
      for (std::size_t k = 0; k < positive.size(); ++k) {
        const double to = goal[static_cast<Index>(k)];
        const double from = g[positive[k]];
        if (to <= 0.0) share = std::min(share, from > 0.0 ? from / (from - to) : 0.0);
      }
      std::vector<Index> staying;
      for (std::size_t k = 0; k < positive.size(); ++k) {
        const Index j = positive[k];
        const double to = goal[static_cast<Index>(k)];
        const double moved = share == 1.0 ? to : g[j] + share * (to - g[j]);
        const bool stays = share == 1.0 || (moved > 0.0 && !(to <= 0.0 && g[j] == 0.0));
        g[j] = stays ? moved : 0.0;
        if (stays) staying.push_back(j);
        // One that leaves as it enters was rounding; others may come back.
        if (!stays && j != entering) closed[static_cast<std::size_t>(j)] = false;
      }
      if (share == 1.0 || staying.size() == positive.size()) break;
      positive = std::move(staying);
    }
  }
  return g;
}

}  // namespace

BoundedQuadratic::BoundedQuadratic(const Matrix& H, const Vector& signs) {
  const Index k = H.rows();
  std::vector<Index> free;
  for (Index l = 0; l < k; ++l) (signs[l] == 0.0 ? free : bounded_).push_back(l);
  signs_ = signs(bounded_);
  columns_ = H(indices::all, bounded_);
  free_inverse_ = Matrix::Zero(k, k);
  if (!free.empty()) {
    const Matrix inverse = pseudo_inverse(H(free, free)).matrix;
    for (std::size_t i = 0; i < free.size(); ++i) {
      for (std::size_t j = 0; j < free.size(); ++j) {
        free_inverse_(free[i], free[j]) = inverse(static_cast<Index>(i), static_cast<Index>(j));
      }
    }
  }
  reduced_ = reduced_products(columns_.transpose());
  reduced_ = (0.5 * (reduced_ + reduced_.transpose())).eval();
  for (std::size_t i = 0; i < bounded_.size(); ++i) {
    const auto at = static_cast<Index>(i);
    if (reduced_(at, at) > dependent_share * columns_(bounded_[i], at)) continue;
    reduced_.row(at).setZero();
    reduced_.col(at).setZero();
  }
}

Matrix BoundedQuadratic::reduced_products(const Matrix& products) const {
  return products(indices::all, bounded_) - products * free_inverse_ * columns_;
}

Vector BoundedQuadratic::minimum(const Vector& b) const {
  Vector c = free_inverse_ * b;
  Vector t = signs_.cwiseProduct(b(bounded_) - columns_.transpose() * c);
  for (Index i = 0; i < t.size(); ++i) {
    if (reduced_(i, i) == 0.0) t[i] = 0.0;
  }
  const Matrix T = signs_.asDiagonal() * reduced_ * signs_.asDiagonal();
  const Vector g = signs_.cwiseProduct(non_negative_minimum(T, t));
  c -= free_inverse_ * (columns_ * g);
  for (std::size_t i = 0; i < bounded_.size(); ++i) c[bounded_[i]] = g[static_cast<Index>(i)];
  return c;
}

}  // namespace lodestone
