// Ascents along kinks: their ends are local maxima, in the plane the exact ones; awkward rows; and
// searches on rows against many more starts.

#include "certify/kink_ascent.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

#include "certify/row_search.hpp"
#include "certify/search_effort.hpp"
#include "lodestone/certify/certificate.hpp"
#include "lodestone/path/path.hpp"
#include "support.hpp"

namespace lodestone {
namespace {

using support::normal_matrix;
using support::normal_vector;
using support::same_bits;
using support::ThreadCount;

double correlation(const Matrix& rows, const Vector& weights, const Vector& u) {
  double sum = 0.0;
  for (Index t = 0; t < rows.rows(); ++t) sum += weights[t] * std::max(rows.row(t).dot(u), 0.0);
  return sum;
}

Vector heights(const Matrix& rows, const Vector& weights, const Matrix& directions) {
  Vector result(directions.rows());
  for (Index i = 0; i < directions.rows(); ++i) {
    result[i] = std::abs(correlation(rows, weights, directions.row(i).transpose()));
  }
  return result;
}

// In the plane C is a sinusoid between neighbouring kinks: its extremes are at kinks or where the
// gradient of a sector points into it.
double planar_supremum(const Matrix& rows, const Vector& weights) {
  std::vector<double> angles;
  for (Index t = 0; t < rows.rows(); ++t) {
    const double angle = std::atan2(rows(t, 1), rows(t, 0)) + 0.5 * std::numbers::pi;
    for (const double kink : {angle, angle + std::numbers::pi}) {
      angles.push_back(std::remainder(kink, 2.0 * std::numbers::pi));
    }
  }
  std::sort(angles.begin(), angles.end());
  angles.push_back(angles.front() + 2.0 * std::numbers::pi);
  double highest = 0.0;
  const auto at = [&](double angle) {
    const Vector u{{std::cos(angle), std::sin(angle)}};
    highest = std::max(highest, std::abs(correlation(rows, weights, u)));
  };
  for (std::size_t i = 0; i + 1 < angles.size(); ++i) {
    at(angles[i]);
    const double middle = 0.5 * (angles[i] + angles[i + 1]);
    const Vector u{{std::cos(middle), std::sin(middle)}};
    Eigen::Vector2d gradient = Eigen::Vector2d::Zero();
    for (Index t = 0; t < rows.rows(); ++t) {
      if (rows.row(t).dot(u) > 0.0) gradient += weights[t] * rows.row(t).transpose();
    }
    for (const double side : {0.0, std::numbers::pi}) {
      const double top = std::atan2(gradient[1], gradient[0]) + side;
      const double beyond = std::remainder(top - middle, 2.0 * std::numbers::pi);
      if (std::abs(beyond) <= 0.5 * (angles[i + 1] - angles[i])) at(top);
    }
  }
  return highest;
}

TEST(KinkAscents, FindTheExactSupremumInThePlane) {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    const Index n = 2 + static_cast<Index>(seed % 19);
    const Matrix rows = normal_matrix(n, 2, 3 * seed);
    const Vector weights = normal_vector(n, 3 * seed + 1);
    const Matrix starts = unit_directions(normal_matrix(200, 2, 3 * seed + 2));
    const Matrix ends = KinkAscents(rows).ends(weights, starts, 100);
    const double exact = planar_supremum(rows, weights);
    EXPECT_NEAR(heights(rows, weights, ends).maxCoeff(), exact, 1e-12 * exact) << seed;
  }
}

TEST(KinkAscents, EndAtLocalMaxima) {
  for (const Index d : {3, 5, 9}) {
    for (const Index n : {Index{20}, Index{300}}) {
      const Matrix rows = normal_matrix(n, d, 11);
      const Vector weights = normal_vector(n, 12) / static_cast<double>(n);
      const Matrix starts = unit_directions(normal_matrix(60, d, 13));
      const Matrix ends = KinkAscents(rows).ends(weights, starts, 200);
      EXPECT_LT((ends.rowwise().norm().array() - 1.0).abs().maxCoeff(), 1e-14);
      const Vector before = heights(rows, weights, starts);
      const Vector after = heights(rows, weights, ends);
      EXPECT_TRUE((after.array() >= before.array() * (1.0 - 1e-12)).all()) << d << ' ' << n;
      for (Index i = 0; i < ends.rows(); ++i) {
        // As close as this no other maximum lies.
        constexpr double distance = 1e-7;
        Matrix nearby = distance * normal_matrix(100, d, 14 + static_cast<std::uint64_t>(i));
        nearby.rowwise() += ends.row(i);
        EXPECT_LE(heights(rows, weights, unit_directions(nearby)).maxCoeff(),
                  after[i] * (1.0 + 1e-10))
            << d << ' ' << n << ' ' << i;
      }
    }
  }
}

TEST(KinkAscents, AwkwardRows) {
  const Matrix starts = unit_directions(normal_matrix(20, 3, 1));
  // One row: C rises to the row itself.
  const Matrix one{{3.0, 0.0, 4.0}};
  const Matrix ends = KinkAscents(one).ends(Vector::Ones(1), starts, 50);
  for (Index i = 0; i < 20; ++i) {
    if (starts.row(i).dot(one.row(0)) > 0.0) {
      EXPECT_NEAR(ends.row(i).dot(one.row(0)), 5.0, 1e-12);
    }
  }
  // Rows that occur again, with weights that cancel, count by their sum.
  const Matrix rows = normal_matrix(15, 3, 2);
  const Vector weights = normal_vector(15, 3);
  Matrix twice(30, 3);
  twice << rows, rows;
  Vector halves(30);
  halves << 2.0 * weights, -weights;
  EXPECT_TRUE(same_bits(KinkAscents(twice).ends(halves, starts, 50),
                        KinkAscents(rows).ends(weights, starts, 50)));
  // Nothing to climb.
  EXPECT_TRUE(KinkAscents(rows).ends(Vector::Zero(15), starts, 50).allFinite());
  EXPECT_TRUE(KinkAscents(Matrix::Zero(4, 3)).ends(Vector::Ones(4), starts, 50).allFinite());
  EXPECT_EQ(KinkAscents(rows).ends(weights, Matrix(0, 3), 50).rows(), 0);
  // Columns of 0 and 1: many kinks meet in a point.
  const Matrix grid = (normal_matrix(200, 4, 5).array() > 0.0).cast<double>();
  const Matrix corners = unit_directions(normal_matrix(50, 4, 6));
  const Vector noise = normal_vector(200, 7);
  const Vector before = heights(grid, noise, corners);
  const Vector after = heights(grid, noise, KinkAscents(grid).ends(noise, corners, 100));
  EXPECT_TRUE((after.array() >= before.array() * (1.0 - 1e-12)).all());
}

TEST(KinkAscents, BitsDoNotDependOnThreads) {
  const Matrix rows = normal_matrix(400, 6, 1);
  const Vector weights = normal_vector(400, 2);
  const Matrix starts = unit_directions(normal_matrix(50, 6, 3));
  const KinkAscents kinks(rows);
  const ThreadCount one(1);
  const Matrix alone = kinks.ends(weights, starts, 100);
  const ThreadCount three(3);
  EXPECT_TRUE(same_bits(alone, kinks.ends(weights, starts, 100)));
}

// 300 rows of noise in 30 columns: the landscape that a fixed number of starts does not know.
TEST(RowSearch, FindsWhatManyStartsFind) {
  const SampleObjective objective({normal_matrix(300, 30, 1), normal_vector(300, 2), {}, false});
  PathOptions options;
  options.gap_tolerance = 1e-3;
  options.search_flops = search::flops_for_a_result;
  const PathPoint point = solve_at(objective, 0.1, Network::empty(30), options);
  const auto residual = objective.residual(point.network);
  const Certificate found =
      estimate_certificate(objective, point.network, 0.1, search::for_a_result(5));
  ClimbOptions climbing;
  climbing.steps = 60;
  climbing.least_rise = 1e-5;
  const Matrix starts = random_directions(20'000, 30, 9, 0);
  const double reference = climb(*residual, starts, climbing).values.cwiseAbs().maxCoeff() / 0.1;
  EXPECT_GE(found.sup_eta, reference * (1.0 - 1e-3));
  EXPECT_GE(point.certificate.sup_eta, reference * (1.0 - 1e-3));
  EXPECT_GE(found.starts, 1000);
}

TEST(Corners, AreWhereKinksMeet) {
  for (const Index d : {2, 3, 7}) {
    const Matrix rows = normal_matrix(40, d, 12);
    const KinkAscents kinks(rows);
    const Matrix corners = kinks.vertices(30, 1, 0);
    ASSERT_EQ(corners.rows(), 30);
    for (Index i = 0; i < corners.rows(); ++i) {
      EXPECT_NEAR(corners.row(i).norm(), 1.0, 1e-12);
      // A row that is drawn again leaves one kink fewer.
      const Vector products = (rows * corners.row(i).transpose()).cwiseAbs();
      EXPECT_GE((products.array() < 1e-12).count(), std::max<Index>(1, d - 3)) << d;
    }
    EXPECT_TRUE(same_bits(Matrix(corners.bottomRows(10)), kinks.vertices(10, 1, 20)));
  }
  EXPECT_EQ(KinkAscents(normal_matrix(3, 5, 13)).vertices(10, 1, 0).rows(), 0);
  EXPECT_EQ(KinkAscents(normal_matrix(60, 20, 14)).vertices(10, 1, 0).rows(), 0);
}

// Each cell of the plane has a direction: no two have the same rows on, and all 2n are there.
TEST(Cells, OfThePlaneAreAllMet) {
  Matrix rows = normal_matrix(25, 2, 15);
  rows.row(24) = 3.0 * rows.row(0);  // one kink of two rows
  const Matrix directions = cells_of_plane(rows);
  std::vector<std::vector<bool>> on;
  for (Index i = 0; i < directions.rows(); ++i) {
    std::vector<bool> cell;
    for (Index t = 0; t < 24; ++t) cell.push_back(rows.row(t).dot(directions.row(i)) > 0.0);
    on.push_back(std::move(cell));
  }
  std::sort(on.begin(), on.end());
  EXPECT_EQ(std::unique(on.begin(), on.end()) - on.begin(), 48);
  EXPECT_EQ(cells_of_plane(normal_matrix(5, 3, 16)).rows(), 0);
}

}  // namespace
}  // namespace lodestone
