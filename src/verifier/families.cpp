#include "verifier/families.hpp"

#include <algorithm>
#include <cmath>

namespace lodestone::verifying {
namespace {

Real entropy(Real x) { return x > 0 ? x * std::log(x) : Real(0); }

}  // namespace

Real loss_of(const Family& family, Real y, Real score) {
  switch (family.kind) {
    case Family::Kind::square:
      return (score - y) * (score - y) / 2;
    case Family::Kind::logistic:
      return std::max<Real>(score, 0) + std::log1p(std::exp(-std::abs(score))) - y * score +
             entropy(y) + entropy(1 - y);
    case Family::Kind::poisson:
      return std::exp(score) - y * score + entropy(y) - y;
    case Family::Kind::huber: {
      const Real z = std::abs(score - y);
      const Real width = family.huber_width;
      return z <= width ? z * z / 2 : width * z - width * width / 2;
    }
    case Family::Kind::softmax:
      break;  // of several scores
  }
  return 0;
}

Real derivative_of(const Family& family, Real y, Real score) {
  switch (family.kind) {
    case Family::Kind::square:
      return score - y;
    case Family::Kind::logistic:
      return 1 / (1 + std::exp(-score)) - y;
    case Family::Kind::poisson:
      return std::exp(score) - y;
    case Family::Kind::huber:
      return std::clamp<Real>(score - y, -family.huber_width, family.huber_width);
    case Family::Kind::softmax:
      break;
  }
  return 0;
}

// The floor keeps Newton's system regular where a loss is flat.
Real curvature_of(const Family& family, Real y, Real score) {
  constexpr Real least = 1e-12L;
  switch (family.kind) {
    case Family::Kind::square:
      return 1;
    case Family::Kind::logistic: {
      const Real p = 1 / (1 + std::exp(-std::abs(score)));
      return std::max(least, p * (1 - p));
    }
    case Family::Kind::poisson:
      return std::max(least, std::exp(score));
    case Family::Kind::huber: {
      const Real z = std::abs(score - y);
      return z <= family.huber_width ? 1 : family.huber_width / (1000 * z);
    }
    case Family::Kind::softmax:
      break;
  }
  return 1;
}

Real conjugate_of(const Family& family, Real y, Real rho) {
  const Real s = rho + y;
  switch (family.kind) {
    case Family::Kind::square:
    case Family::Kind::huber:
      return rho * rho / 2 + rho * y;
    case Family::Kind::logistic:
      return entropy(s) + entropy(1 - s) - entropy(y) - entropy(1 - y);
    case Family::Kind::poisson:
      return entropy(s) - s - entropy(y) + y;
    case Family::Kind::softmax:
      break;
  }
  return 0;
}

ClassPoint class_point(Index y, const RealVector& scores) {
  const Real highest = scores.maxCoeff();
  RealVector powers = (scores.array() - highest).exp();
  const Real own = powers[y];
  powers[y] = 0;
  const Real others = powers.sum();  // by itself: sure rows keep their digits
  ClassPoint point;
  point.loss =
      scores[y] == highest ? std::log1p(others) : std::log(own + others) - (scores[y] - highest);
  point.derivatives = powers / (own + others);
  point.derivatives[y] = -others / (own + others);
  return point;
}

Real class_conjugate(Index y, Real c, const Eigen::Ref<const Eigen::RowVectorXd>& r) {
  Real sum = 0;
  for (Index k = 0; k < r.size(); ++k) {
    if (k != y) sum += entropy(c * r[k]);
  }
  const Real rest = 1 + c * r[y];
  return rest > 0 ? sum + rest * std::log1p(c * r[y]) : sum;
}

}  // namespace lodestone::verifying
