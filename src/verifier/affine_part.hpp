#pragma once

#include <Eigen/QR>
#include <vector>

#include "lodestone/model/family.hpp"
#include "verifier/real.hpp"

// The affine part α + β·x at its optimum, by least squares and by Newton's method.

namespace lodestone::verifying {

/// Takes the affine part off values in the weighted inner product (docs/math.md, 3.2), by
/// Householder QR of the centred, scaled columns times √ω.
class AffinePart {
 public:
  AffinePart(const RealMatrix& X, RealVector weights);

  /// Of the columns that do not depend on others.
  double condition() const { return condition_; }

  RealVector without(const RealVector& values) const;

 private:
  RealVector omega_;
  Eigen::ColPivHouseholderQR<RealMatrix> qr_;
  double condition_ = 1.0;
};

/// Scores α + β·x + f + o with the α and β of least loss, from given contributions f + o on.
struct BestScores {
  RealVector coefficients;  // of 1 and the centred, scaled columns
  RealVector values;
  Real ridge = 0;  // ½ν‖β‖², part of the loss
  Real loss = 0;
  double condition = 1.0;  // of the columns, weighted by curvature
};

/// Newton's method on Householder QRs of the columns times √(ω ℓ''), for families with one score.
BestScores best_scores(const Family& family, const RealMatrix& X, const RealVector& y,
                       const RealVector& omega, const RealVector& offset,
                       const RealVector& contributions);

/// The same of q classes.
struct BestClassScores {
  RealMatrix coefficients;  // a column for each class
  RealMatrix values;        // n×q
  RealMatrix derivatives;   // n×q, ∂ℓ/∂F
  Real ridge = 0;
  Real loss = 0;
  double condition = 1.0;  // of the columns
};

/// Newton's method on the whole Hessian, of all classes at once, for contributions n×q.
BestClassScores best_class_scores(const Family& family, const RealMatrix& X,
                                  const std::vector<Index>& classes, const RealVector& omega,
                                  const RealMatrix& contributions);

}  // namespace lodestone::verifying
