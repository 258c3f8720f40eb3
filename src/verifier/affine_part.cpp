#include "verifier/affine_part.hpp"

#include <Eigen/Cholesky>
#include <algorithm>
#include <cmath>
#include <utility>

#include "core/indices.hpp"
#include "verifier/families.hpp"

namespace lodestone::verifying {
namespace {

using PivotedQr = Eigen::ColPivHouseholderQR<RealMatrix>;

// A column is constant when its deviation is below this share of its mean; a column depends on
// others when its deviation from them is below this share of its length about 0 (docs/math.md,
// 3.2).
constexpr Real constant_share = 1e-12L;
constexpr Real dependent_share = 1e-13L;

// Loss at which nothing is left to explain; the solver ends there too.
constexpr Real separated = 1e-10L;

/// 1 and the columns that vary, centred and divided by their deviations.
struct AffineColumns {
  RealMatrix values;  // n×(1 + those that vary)
  Real longest = 1;   // column about 0, in units of its deviation
};

AffineColumns affine_columns(const RealMatrix& X, const RealVector& omega) {
  AffineColumns columns{RealMatrix(X.rows(), X.cols() + 1)};
  columns.values.col(0).setOnes();
  Index kept = 1;
  for (Index j = 0; j < X.cols(); ++j) {
    const Real mean = omega.dot(X.col(j));
    const RealVector centred = X.col(j).array() - mean;
    const Real deviation = std::sqrt(omega.dot(centred.cwiseAbs2()));
    if (!(deviation > constant_share * std::abs(mean))) continue;
    columns.values.col(kept++) = centred / deviation;
    columns.longest = std::max(columns.longest, std::hypot(Real(1), mean / deviation));
  }
  columns.values.conservativeResize(Eigen::NoChange, kept);
  return columns;
}

PivotedQr factorized(const RealMatrix& weighted, Real longest) {
  PivotedQr qr;
  qr.setThreshold(dependent_share * longest);
  qr.compute(weighted);
  return qr;
}

/// The largest pivot of a factorization over the smallest one that counts.
double condition_of(const PivotedQr& qr) {
  const Index rank = qr.rank();
  if (rank == 0) return 1.0;
  return static_cast<double>(std::abs(qr.matrixQR()(0, 0) / qr.matrixQR()(rank - 1, rank - 1)));
}

/// Newton's method with steps that are halved until the loss does not rise. `scores_at` takes
/// coefficients, `move_from` gives what to take off them.
template <class Scores, class ScoresAt, class MoveFrom>
Scores newton(Scores best, const ScoresAt& scores_at, const MoveFrom& move_from) {
  for (int step = 0; step < 200 && best.loss > separated; ++step) {
    const auto move = move_from(best);
    Real share = 1;
    bool moved = false;
    const Real before = best.loss;
    for (int halving = 0; halving < 60 && !moved; ++halving, share /= 2) {
      Scores next = scores_at(best.coefficients - share * move);
      if (next.loss <= best.loss) {
        best = std::move(next);
        moved = true;
      }
    }
    if (!moved || before - best.loss <= 1e-18L * best.loss) break;
  }
  return best;
}

// The Hessian of the softmax loss in the coefficients, those of one class after those of another,
// with the sum over classes of each coefficient held: it has no curvature and no gradient.
RealMatrix class_hessian(const RealMatrix& columns, const RealVector& omega,
                         const std::vector<Index>& classes, const RealMatrix& derivatives,
                         Real linear_ridge) {
  const Index q = derivatives.cols();
  const Index size = columns.cols();
  RealMatrix P = derivatives;
  for (Index t = 0; t < P.rows(); ++t) P(t, classes[static_cast<std::size_t>(t)]) += 1;
  RealMatrix hessian(q * size, q * size);
  for (Index k = 0; k < q; ++k) {
    for (Index l = 0; l <= k; ++l) {
      // p (1 − p) = |r| (1 − |r|) for every class.
      const RealVector r = derivatives.col(k).cwiseAbs();
      const RealVector curvature = k == l ? RealVector(r.array() * (1 - r.array()))
                                          : RealVector(-P.col(k).cwiseProduct(P.col(l)));
      RealMatrix block =
          columns.transpose() * (omega.cwiseProduct(curvature).asDiagonal() * columns);
      block.diagonal().array() += 1;
      if (k == l) block.diagonal().tail(size - 1).array() += linear_ridge;
      hessian.block(k * size, l * size, size, size) = block;
      hessian.block(l * size, k * size, size, size) = block.transpose();
    }
  }
  return hessian;
}

}  // namespace

AffinePart::AffinePart(const RealMatrix& X, RealVector weights) : omega_(std::move(weights)) {
  const AffineColumns columns = affine_columns(X, omega_);
  const Index count = columns.values.cols() - 1;
  if (count == 0) return;
  qr_ = factorized(omega_.cwiseSqrt().asDiagonal() * columns.values.rightCols(count),
                   columns.longest);
  condition_ = condition_of(qr_);
}

RealVector AffinePart::without(const RealVector& values) const {
  Real mean = 0;
  for (Index t = 0; t < values.size(); ++t) mean += omega_[t] * values[t];
  RealVector scaled(values.size());
  for (Index t = 0; t < values.size(); ++t) scaled[t] = std::sqrt(omega_[t]) * (values[t] - mean);
  // Qᵀ turns the columns' span into the first `rank` coordinates.
  if (qr_.cols() > 0) {
    scaled.applyOnTheLeft(qr_.householderQ().adjoint());
    scaled.head(qr_.rank()).setZero();
    scaled.applyOnTheLeft(qr_.householderQ());
  }
  for (Index t = 0; t < values.size(); ++t) {
    scaled[t] = omega_[t] > 0 ? scaled[t] / std::sqrt(omega_[t]) : Real(0);
  }
  return scaled;
}

BestScores best_scores(const Family& family, const RealMatrix& X, const RealVector& y,
                       const RealVector& omega, const RealVector& offset,
                       const RealVector& contributions) {
  const Index n = X.rows();
  const auto [columns, longest] = affine_columns(X, omega);
  const Index size = columns.cols();
  const auto scores_at = [&, &columns = columns](const RealVector& coefficients) {
    BestScores scores{coefficients, contributions + columns * coefficients};
    scores.ridge = family.linear_ridge * coefficients.tail(size - 1).squaredNorm() / 2;
    scores.loss = scores.ridge;
    for (Index t = 0; t < n; ++t) {
      scores.loss += omega[t] * loss_of(family, y[t], scores.values[t]);
    }
    return scores;
  };
  double condition = 1.0;
  const auto move_from = [&, &columns = columns, &longest = longest](const BestScores& at) {
    // The ridge as rows of its own.
    const Index extra = family.linear_ridge > 0.0 ? size - 1 : 0;
    const Real root_of_ridge = std::sqrt(static_cast<Real>(family.linear_ridge));
    RealMatrix scaled = RealMatrix::Zero(n + extra, size);
    RealVector right(n + extra);
    for (Index j = 0; j < extra; ++j) {
      scaled(n + j, j + 1) = root_of_ridge;
      right[n + j] = root_of_ridge * at.coefficients[j + 1];
    }
    for (Index t = 0; t < n; ++t) {
      const Real curvature = curvature_of(family, y[t], at.values[t]);
      const Real root = std::sqrt(omega[t] * curvature);
      scaled.row(t) = root * columns.row(t);
      right[t] = root * derivative_of(family, y[t], at.values[t]) / curvature;
    }
    const PivotedQr qr = factorized(scaled, longest);
    condition = condition_of(qr);
    return RealVector(qr.solve(right));
  };
  RealVector start = RealVector::Zero(size);
  start[0] = family.constant_score(y.cast<double>(), omega.cast<double>(), offset.cast<double>());
  BestScores best = newton(scores_at(start), scores_at, move_from);
  best.condition = condition;
  return best;
}

BestClassScores best_class_scores(const Family& family, const RealMatrix& X,
                                  const std::vector<Index>& classes, const RealVector& omega,
                                  const RealMatrix& contributions) {
  const Index n = X.rows();
  const Index q = contributions.cols();
  const Real linear_ridge = family.linear_ridge;
  AffineColumns all = affine_columns(X, omega);
  const PivotedQr qr = factorized(omega.cwiseSqrt().asDiagonal() * all.values, all.longest);
  RealMatrix columns = all.values;
  if (linear_ridge == 0) {
    // Of columns that depend on others the span is enough; a ridge is about every column.
    std::vector<Index> chosen;
    for (Index i = 0; i < qr.rank(); ++i) chosen.push_back(qr.colsPermutation().indices()[i]);
    std::sort(chosen.begin(), chosen.end());  // 1 stays the first
    columns = all.values(indices::all, chosen);
  }
  const Index size = columns.cols();
  const auto scores_at = [&](const RealMatrix& coefficients) {
    BestClassScores scores{coefficients, contributions + columns * coefficients, RealMatrix(n, q)};
    scores.ridge = linear_ridge * coefficients.bottomRows(size - 1).squaredNorm() / 2;
    scores.loss = scores.ridge;
    for (Index t = 0; t < n; ++t) {
      const ClassPoint at = class_point(classes[static_cast<std::size_t>(t)], scores.values.row(t));
      scores.derivatives.row(t) = at.derivatives.transpose();
      scores.loss += omega[t] * at.loss;
    }
    return scores;
  };
  const auto move_from = [&](const BestClassScores& at) {
    RealMatrix gradient = columns.transpose() * (omega.asDiagonal() * at.derivatives);
    gradient.bottomRows(size - 1) += linear_ridge * at.coefficients.bottomRows(size - 1);
    const RealMatrix hessian = class_hessian(columns, omega, classes, at.derivatives, linear_ridge);
    const RealVector move = hessian.ldlt().solve(RealVector(gradient.reshaped()));
    return RealMatrix(move.reshaped(size, q));
  };
  // The constants of the shares of the classes, with mean 0.
  RealVector shares = RealVector::Zero(q);
  for (Index t = 0; t < n; ++t) shares[classes[static_cast<std::size_t>(t)]] += omega[t];
  const RealVector constants = shares.array().log();
  RealMatrix start = RealMatrix::Zero(size, q);
  start.row(0) = (constants.array() - constants.mean()).transpose();
  BestClassScores best = newton(scores_at(start), scores_at, move_from);
  best.condition = condition_of(qr);
  return best;
}

}  // namespace lodestone::verifying
