// The floor of the linearized network (docs/math.md, 7.9).
#include "lodestone/theory/linearized.hpp"

#include <gtest/gtest.h>

#include <Eigen/QR>
#include <cmath>

#include "lodestone/core/error.hpp"
#include "lodestone/model/network.hpp"
#include "support.hpp"

namespace lodestone {
namespace {

// A teacher among the directions is in the span: σ(u·x) = u · σ'(u·x)x.
TEST(Linearized, NoFloorWhereTheTeachersAreFeatures) {
  const Teacher teacher = support::small_teacher(4, 3, 1);
  const PopulationObjective objective(teacher);
  EXPECT_LT(linearized_floor(objective, teacher.directions), 1e-9 * objective.null_loss());
  EXPECT_LT(linearized_floor(objective, -teacher.directions), 1e-9 * objective.null_loss());
}

// More features never raise the floor, and it lies between 0 and the loss without any.
TEST(Linearized, FallsAsFeaturesAreAdded) {
  const PopulationObjective objective(support::small_teacher(4, 3, 2));
  const Matrix U = unit_directions(support::normal_matrix(20, 4, 5));
  double before = objective.null_loss();
  for (const Index p : {1, 2, 5, 10, 20}) {
    const double floor = linearized_floor(objective, U.topRows(p));
    EXPECT_GE(floor, 0.0);
    EXPECT_LE(floor, before + 1e-12);
    before = floor;
  }
  EXPECT_LT(before, 0.5 * objective.null_loss());
}

// Against least squares on a sample, with the affine part fitted too: the two agree up to the
// sample's error, about 1% here.
TEST(Linearized, AgreesWithSampledFeatures) {
  const Teacher teacher = support::small_teacher(3, 2, 4);
  const PopulationObjective objective(teacher);
  const Matrix U = unit_directions(support::normal_matrix(2, 3, 9));
  const Index n = 20000;
  const Matrix X = support::normal_matrix(n, 3, 10);
  Eigen::MatrixXd columns(n, 4 + 6);
  columns.col(0).setOnes();
  columns.middleCols(1, 3) = X;
  for (Index i = 0; i < 2; ++i) {
    const Vector active = ((X * U.row(i).transpose()).array() > 0.0).cast<double>();
    columns.middleCols(4 + 3 * i, 3) = active.asDiagonal() * X;
  }
  const Vector y = (X * teacher.directions.transpose()).cwiseMax(0.0) * teacher.amplitudes;
  const Vector fitted = columns * columns.colPivHouseholderQr().solve(y);
  const double sampled = 0.5 * (y - fitted).squaredNorm() / static_cast<double>(n);
  EXPECT_NEAR(linearized_floor(objective, U), sampled, 0.03 * sampled);
}

TEST(Linearized, RejectsBadArguments) {
  const PopulationObjective objective(support::small_teacher(4, 2, 6));
  EXPECT_THROW(linearized_floor(objective, Matrix(0, 4)), InvalidArgument);
  EXPECT_THROW(linearized_floor(objective, Matrix::Identity(2, 3)), InvalidArgument);
  EXPECT_THROW(linearized_floor(objective, 2.0 * Matrix::Identity(2, 4)), InvalidArgument);
}

}  // namespace
}  // namespace lodestone
