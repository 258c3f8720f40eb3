#pragma once

#include "lodestone/model/family.hpp"
#include "verifier/real.hpp"

// Losses and what follows from them (docs/math.md, 11.1 and 12.2).

namespace lodestone::verifying {

// Families with one score.
Real loss_of(const Family& family, Real y, Real score);
Real derivative_of(const Family& family, Real y, Real score);
Real curvature_of(const Family& family, Real y, Real score);  // with a floor where a loss is flat
Real conjugate_of(const Family& family, Real y, Real rho);

/// The softmax loss of class y at q scores.
struct ClassPoint {
  Real loss;
  RealVector derivatives;  // q; of class y it is minus the sum of the others
};
ClassPoint class_point(Index y, const RealVector& scores);

/// Its conjugate at c times derivatives r (q) of that loss, 0 <= c <= 1.
Real class_conjugate(Index y, Real c, const Eigen::Ref<const Eigen::RowVectorXd>& r);

}  // namespace lodestone::verifying
