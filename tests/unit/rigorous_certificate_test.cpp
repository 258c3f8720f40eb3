// Proven bounds on sup |η|: against grids, against points drawn inside cells, against planted
// peaks, and in a certificate.

#include <gtest/gtest.h>

#include <Eigen/LU>
#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <numbers>
#include <utility>

#include "certify/arc_derivatives.hpp"
#include "certify/cap_bound.hpp"
#include "certify/sphere_cells.hpp"
#include "lodestone/certify/certificate.hpp"
#include "lodestone/core/error.hpp"
#include "lodestone/model/dataset.hpp"
#include "lodestone/train/algorithm1.hpp"
#include "quad.hpp"
#include "referee/bare_rows.hpp"
#include "support.hpp"

namespace lodestone {
namespace {

using support::normal_matrix;
using support::normal_network;
using support::normal_vector;
using support::small_teacher;

const double h_0 = 0.25 - 0.5 / std::numbers::pi;

// A residual with the objective it refers to.
struct Problem {
  std::unique_ptr<Objective> objective;
  std::unique_ptr<Residual> residual;

  double at(const Vector& u) const { return std::abs(residual->correlate(u.transpose()).value[0]); }
};

Problem population(const Teacher& teacher, const Network& network) {
  Problem problem{std::make_unique<PopulationObjective>(teacher), nullptr};
  problem.residual = problem.objective->residual(network);
  return problem;
}

Problem sample(SampleData data) {
  Problem problem{std::make_unique<SampleObjective>(std::move(data)), nullptr};
  problem.residual = problem.objective->residual(Network::empty(problem.objective->dimension()));
  return problem;
}

// Weights of any sign on directions, by way of a teacher of one of them and a network of the rest.
Problem measure(const Matrix& directions, const Vector& weights) {
  const Index rest = weights.size() - 1;
  return population({directions.topRows(1).rowwise().normalized(), -weights.head(1)},
                    {weights.tail(rest), unit_directions(directions.bottomRows(rest))});
}

Problem noisy_rows(Index n, Index d, bool biases, std::uint64_t seed) {
  const Matrix X = normal_matrix(n, d, seed, "test X");
  const Vector signal = (X * normal_matrix(d, 2, seed)).cwiseAbs() * Vector{{1.0, -0.7}};
  return sample({X, signal + 0.3 * normal_vector(n, seed, "test noise"), {}, biases});
}

// Half of the sphere of R^2 or R^3.
Matrix grid(Index dimension, Index count) {
  if (dimension == 2) {
    Matrix points(count, 2);
    for (Index i = 0; i < count; ++i) {
      const double angle = std::numbers::pi * static_cast<double>(i) / static_cast<double>(count);
      points.row(i) << std::cos(angle), std::sin(angle);
    }
    return points;
  }
  // A Fibonacci lattice: even in height, turning by the golden angle.
  Matrix points(count, 3);
  for (Index i = 0; i < count; ++i) {
    const double z = (static_cast<double>(i) + 0.5) / static_cast<double>(count);
    const double turn = std::numbers::pi * (3.0 - std::sqrt(5.0)) * static_cast<double>(i);
    const double radius = std::sqrt(1.0 - z * z);
    points.row(i) << radius * std::cos(turn), radius * std::sin(turn), z;
  }
  return points;
}

double largest_on(const Residual& residual, const Matrix& points) {
  return residual.correlate(points).value.cwiseAbs().maxCoeff();
}

void expect_consistent(const SupremumBound& bound, const Problem& problem, double tolerance) {
  EXPECT_LE(bound.lower, bound.upper);
  EXPECT_TRUE(bound.reached);
  EXPECT_LE(bound.upper - bound.lower, tolerance * bound.upper);
  EXPECT_NEAR(bound.direction.norm(), 1.0, 1e-14);
  EXPECT_NEAR(problem.at(bound.direction), bound.lower, 1e-14 * bound.upper);
}

TEST(BoundSupremum, HoldsAgainstGridsOnTheCircle) {
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    for (const Problem& problem :
         {population(small_teacher(2, 3, seed, 10.0), normal_network(4, 2, seed)),
          noisy_rows(60, 2, false, seed), noisy_rows(50, 1, true, seed)}) {
      const SupremumBound bound = bound_supremum(*problem.residual, {});
      expect_consistent(bound, problem, 1e-5);
      EXPECT_EQ(bound.effective_dimension, 2);
      const double on_grid = largest_on(*problem.residual, grid(2, 20000));
      EXPECT_GE(bound.upper, on_grid) << seed;
      EXPECT_GE(bound.lower, on_grid * (1.0 - 2e-5)) << seed;
    }
  }
}

TEST(BoundSupremum, HoldsAgainstGridsInThreeDimensions) {
  for (std::uint64_t seed = 0; seed < 5; ++seed) {
    // Neurons on the plane of two teachers leave the third dimension to be searched by half.
    const Teacher plane{normal_matrix(2, 3, seed).rowwise().normalized(), Vector{{1.0, -0.7}}};
    const Network inside{normal_vector(3, seed), normal_matrix(3, 2, seed) * plane.directions};
    for (const Problem& problem :
         {population(small_teacher(3, 3, seed), normal_network(4, 3, seed)),
          population(plane, inside), noisy_rows(80, 3, false, seed),
          noisy_rows(80, 2, true, seed)}) {
      const SupremumBound bound = bound_supremum(*problem.residual, {});
      expect_consistent(bound, problem, 1e-5);
      EXPECT_EQ(bound.effective_dimension, 3);
      const double on_grid = largest_on(*problem.residual, grid(3, 20000));
      EXPECT_GE(bound.upper, on_grid) << seed;
      EXPECT_GE(bound.lower, on_grid * (1.0 - 2e-5)) << seed;
    }
  }
}

TEST(BoundSupremum, IsAboveEveryAscentInMoreDimensions) {
  RigorousOptions options;
  options.tolerance = 1e-3;
  for (std::uint64_t seed = 0; seed < 3; ++seed) {
    for (const Problem& problem :
         {population(small_teacher(4, 4, seed), normal_network(3, 4, seed)),
          population(small_teacher(6, 3, seed), Network::empty(6)), noisy_rows(100, 4, false, seed),
          noisy_rows(100, 3, true, seed)}) {
      const Network zero = Network::empty(problem.objective->dimension());
      AscentOptions ascent;
      ascent.random_starts = 500;
      const Supremum found = estimate_supremum(*problem.residual, zero, ascent);
      const SupremumBound bound = bound_supremum(*problem.residual, {}, options);
      expect_consistent(bound, problem, options.tolerance);
      EXPECT_EQ(bound.effective_dimension, 4);
      EXPECT_GE(bound.upper, found.value) << seed;
      // The incumbent only saves work.
      const SupremumBound helped = bound_supremum(*problem.residual, found, options);
      expect_consistent(helped, problem, options.tolerance);
      EXPECT_LE(bound.lower, helped.upper);
      EXPECT_LE(helped.lower, bound.upper);
    }
  }
}

// Twelve ridges of |g| a thousandth of a radian wide cross at one point; away from it a broad
// maximum is higher than each of them, and ascents end there.
TEST(BoundSupremum, FindsAPlantedPeakOfRows) {
  const Vector peak = Vector{{0.36, 0.48, 0.8}};
  const Matrix across = tangent_basis(peak);
  const double width = 1e-3;
  const Index ridges = 12;
  const Index background = 120;
  SampleData data{Matrix(3 * ridges + background, 3), Vector(3 * ridges + background), {}, false};
  for (Index i = 0; i < ridges; ++i) {
    // |u·(x + δp)| + |u·(x − δp)| − 2|u·x| is 2δ|u·p| where u·x = 0, and 0 where |u·x| > δ.
    const double turn = std::numbers::pi * static_cast<double>(i) / static_cast<double>(ridges);
    const Vector x = across.transpose() * Vector{{std::cos(turn), std::sin(turn)}};
    for (Index j = 0; j < 3; ++j) {
      data.X.row(3 * i + j) = x + width * static_cast<double>(j - 1) * peak;
      data.y[3 * i + j] = (j == 1 ? -2.0 : 1.0) / width;
    }
  }
  data.X.bottomRows(background) = normal_matrix(background, 3, 1);
  data.y.tail(background) = 0.4 * (data.X.bottomRows(background).col(0).array().abs() - 0.8);
  const Problem problem = sample(data);
  const double at_peak = problem.at(peak);

  AscentOptions ascent;
  ascent.random_starts = 30;
  const Supremum found = estimate_supremum(*problem.residual, Network::empty(3), ascent);
  EXPECT_LT(found.value, 0.8 * at_peak);
  const SupremumBound bound = bound_supremum(*problem.residual, found);
  expect_consistent(bound, problem, 1e-5);
  EXPECT_GE(bound.upper, at_peak);
  EXPECT_LT((tangent_basis(peak) * bound.direction).norm(), width);
}

// Fourth differences of h across close atoms: huge weights that cancel, and what is left is a bump
// as wide as their distance.
TEST(BoundSupremum, FindsAPlantedPeakOfAPopulation) {
  for (const Index d : {2, 3}) {
    for (const double width : {0.1, 0.03, 0.01}) {
      Matrix directions(8, d);
      Vector weights(8);
      directions.topRows(3) = normal_matrix(3, d, 5).rowwise().normalized();
      weights.head(3) << 0.3, -0.2, 0.25;
      const Vector centre = normal_vector(d, 6).normalized();
      const Vector side = tangent_basis(centre).row(0);
      for (Index j = 0; j < 5; ++j) {
        const double angle = width * static_cast<double>(j - 2);
        directions.row(3 + j) = std::cos(angle) * centre + std::sin(angle) * side;
        weights[3 + j] = Vector{{1.0, -4.0, 6.0, -4.0, 1.0}}[j] / (width * width * width);
      }
      const Problem problem = measure(directions, weights);
      const SupremumBound bound = bound_supremum(*problem.residual, {});
      expect_consistent(bound, problem, 1e-5);
      EXPECT_GE(bound.upper, problem.at(centre));
      Matrix around(2001, d);
      for (Index i = 0; i < around.rows(); ++i) {
        const Vector step = normal_vector(d, static_cast<std::uint64_t>(i));
        around.row(i) = (centre + width * step).normalized();
      }
      EXPECT_GE(bound.upper, largest_on(*problem.residual, around)) << d << " " << width;
    }
  }
}

// Close atoms of opposite signs: only their differences matter.
TEST(BoundSupremum, HoldsForPairsOfOppositeAtoms) {
  for (std::uint64_t seed = 0; seed < 4; ++seed) {
    for (const double distance : {1e-1, 1e-3, 1e-6}) {
      Matrix directions(6, 3);
      directions.topRows(3) = normal_matrix(3, 3, seed).rowwise().normalized();
      directions.bottomRows(3) =
          directions.topRows(3) + distance * normal_matrix(3, 3, seed, "moves");
      Vector weights(6);
      weights << 1.0, -0.8, 1.2, -1.0 + distance, 0.8, -1.2 - distance;
      const Problem problem = measure(directions, weights);
      const SupremumBound bound = bound_supremum(*problem.residual, {});
      expect_consistent(bound, problem, 1e-5);
      EXPECT_GE(bound.upper, largest_on(*problem.residual, grid(3, 10000)));
      EXPECT_LT(bound.cells, 20000) << distance;
    }
  }
}

TEST(BoundSupremum, SearchesTheSpanOfTheRowsOnly) {
  const Dataset data = draw_samples(small_teacher(2, 2, 1), 100, 0.2, 1);
  const double alone = bound_supremum(*sample({data.X, data.y, {}, false}).residual, {}).upper;
  Matrix X(100, 6);
  // u·(x_1, x_2, x_1, x_2, 0, …) = √2 u'·x: twice the columns, √2 times the supremum.
  X << data.X, data.X, Matrix::Zero(100, 2);
  const Problem doubled = sample({X, data.y, {}, false});
  const SupremumBound bound = bound_supremum(*doubled.residual, {});
  expect_consistent(bound, doubled, 1e-5);
  EXPECT_EQ(bound.effective_dimension, 2);
  EXPECT_NEAR(bound.upper, std::numbers::sqrt2 * alone, 3e-5 * bound.upper);

  // Columns that are nearly a combination of others, and what is outside them paid for.
  for (const double off : {1e-12, 1e-9}) {
    X.col(4) = data.X.col(0) - data.X.col(1) + off * normal_vector(100, 2);
    const Problem nearly = sample({X, data.y, {}, false});
    const SupremumBound there = bound_supremum(*nearly.residual, {});
    expect_consistent(there, nearly, 1e-5);
    EXPECT_EQ(there.effective_dimension, 2) << off;
    AscentOptions ascent;
    ascent.random_starts = 50;
    EXPECT_GE(there.upper, estimate_supremum(*nearly.residual, Network::empty(6), ascent).value);
  }
  // One column more that counts.
  X.col(4) = normal_vector(100, 2);
  EXPECT_EQ(bound_supremum(*sample({X, data.y, {}, false}).residual, {}).effective_dimension, 3);

  // Nothing at all to correlate with.
  const Problem empty = sample({Matrix::Zero(5, 2), Vector::LinSpaced(5, 0.0, 1.0), {}, false});
  const SupremumBound none = bound_supremum(*empty.residual, {});
  EXPECT_EQ(none.effective_dimension, 0);
  EXPECT_EQ(none.upper, 0.0);
  EXPECT_TRUE(none.reached);
}

TEST(BoundSupremum, NeuronsOutsideTheSpan) {
  const Index d = 10;
  const Teacher teacher = small_teacher(d, 2, 3);
  AscentOptions ascent;
  ascent.random_starts = 100;
  for (const double off : {0.0, 1e-12, 1e-9, 1e-2}) {
    Network network{Vector{{0.3, -0.2, 0.25}}, Matrix(3, d)};
    network.W = normal_matrix(3, 2, 4) * teacher.directions + off * normal_matrix(3, d, 5);
    const Problem problem = population(teacher, network);
    const SupremumBound bound = bound_supremum(*problem.residual, {}, {1e-3, 5'000'000, {}});
    expect_consistent(bound, problem, 1e-3);
    EXPECT_EQ(bound.effective_dimension, off < 1e-6 ? 3 : 6) << off;
    EXPECT_GE(bound.upper, estimate_supremum(*problem.residual, network, ascent).value) << off;
  }
  // Dead neurons cost nothing, wherever they point.
  Network dead{Vector::Constant(40, 1e-9), 1e-9 * normal_matrix(40, d, 6)};
  EXPECT_EQ(bound_supremum(*population(teacher, dead).residual, {}).effective_dimension, 3);
}

TEST(BoundSupremum, SmallestProblems) {
  // One input: the sphere is one point, up to sign.
  const Problem line =
      population({Matrix::Ones(1, 1), Vector::Constant(1, 2.0)}, Network::empty(1));
  const SupremumBound on_line = bound_supremum(*line.residual, {});
  expect_consistent(on_line, line, 1e-5);
  EXPECT_NEAR(on_line.upper, 2.0 * h_0, 1e-12);
  const Problem rows = noisy_rows(20, 1, false, 1);
  expect_consistent(bound_supremum(*rows.residual, {}), rows, 1e-5);
  // One teacher in many dimensions: |a*|h(0), at the teacher.
  const Problem one =
      population({Matrix::Identity(1, 30), Vector::Constant(1, -2.0)}, Network::empty(30));
  const SupremumBound bound = bound_supremum(*one.residual, {});
  expect_consistent(bound, one, 1e-5);
  EXPECT_EQ(bound.effective_dimension, 2);
  EXPECT_NEAR(bound.lower, 2.0 * h_0, 1e-10);
}

TEST(BoundSupremum, SmallBudgetsStillProve) {
  for (const Problem& problem : {population(small_teacher(4, 4, 1), normal_network(6, 4, 1)),
                                 noisy_rows(200, 4, false, 1), noisy_rows(200, 3, true, 2)}) {
    const Supremum found =
        estimate_supremum(*problem.residual, Network::empty(problem.objective->dimension()));
    const SupremumBound full = bound_supremum(*problem.residual, found);
    EXPECT_TRUE(full.reached);
    double before = HUGE_VAL;
    for (const Index budget : {1, 2, 3, 10, 100}) {
      RigorousOptions options;
      options.max_cells = budget;
      const SupremumBound bound = bound_supremum(*problem.residual, {}, options);
      EXPECT_LE(bound.cells, budget);
      EXPECT_FALSE(bound.reached);
      EXPECT_GE(bound.upper, found.value);
      EXPECT_LE(bound.lower, bound.upper);
      EXPECT_LE(bound.upper, before * (1.0 + 1e-5));
      before = bound.upper;
    }
  }
}

TEST(BoundSupremum, StopsWhenAsked) {
  const Problem problem = noisy_rows(200, 4, false, 1);
  int asked = 0;
  RigorousOptions options;
  options.should_stop = [&] { return ++asked > 2; };
  const SupremumBound bound = bound_supremum(*problem.residual, {}, options);
  EXPECT_EQ(asked, 3);
  EXPECT_FALSE(bound.reached);
  EXPECT_GE(bound.upper, bound_supremum(*problem.residual, {}).lower);
}

TEST(BoundSupremum, SameBitsAtAnyThreadCount) {
  for (const Problem& problem :
       {population(small_teacher(4, 4, 1), normal_network(6, 4, 1)), noisy_rows(150, 3, true, 2)}) {
    RigorousOptions options;
    options.tolerance = 1e-4;
    SupremumBound first;
    for (const int count : {1, 2, 3}) {
      const support::ThreadCount scope(count);
      const SupremumBound bound = bound_supremum(*problem.residual, {}, options);
      if (count == 1) first = bound;
      EXPECT_TRUE(support::same_bits(bound.upper, first.upper));
      EXPECT_TRUE(support::same_bits(bound.lower, first.lower));
      EXPECT_TRUE(support::same_bits(bound.direction, first.direction));
      EXPECT_EQ(bound.cells, first.cells);
    }
  }
}

TEST(BoundSupremum, ResidualsThatVanishOrAreNotFinite) {
  const Teacher teacher = small_teacher(4, 3, 1);
  const Problem fitted = population(teacher, {teacher.amplitudes, teacher.directions});
  const SupremumBound bound = bound_supremum(*fitted.residual, {});
  EXPECT_LT(bound.upper, 1e-11);
  EXPECT_LE(bound.lower, bound.upper);
  EXPECT_LT(bound.cells, 100000);

  Network broken = normal_network(2, 4, 1);
  broken.a[0] = std::numeric_limits<double>::quiet_NaN();
  const Problem nan = population(teacher, broken);
  EXPECT_EQ(bound_supremum(*nan.residual, {}).upper, std::numeric_limits<double>::infinity());
  EXPECT_FALSE(bound_supremum(*nan.residual, {}).reached);
}

TEST(BoundSupremum, RejectsOptions) {
  const Problem problem = noisy_rows(20, 2, false, 1);
  for (const double tolerance : {0.0, -1.0, std::numeric_limits<double>::quiet_NaN()}) {
    EXPECT_THROW(bound_supremum(*problem.residual, {}, {tolerance, 100, {}}), InvalidArgument);
  }
  for (const Index cells : {0, -5}) {
    EXPECT_THROW(bound_supremum(*problem.residual, {}, {1e-3, cells, {}}), InvalidArgument);
  }
  EXPECT_THROW(bound_supremum(*problem.residual, {1.0, Vector::Ones(3)}), InvalidArgument);
}

// Points of a cell lie in its cap; the two halves of a cell are the cell.
TEST(SphereCells, CapsContainTheirCells) {
  for (const Index D : {2, 3, 5}) {
    for (const Symmetry symmetry :
         {Symmetry::none, Symmetry::antipodal, Symmetry::antipodal_reflection}) {
      std::vector<SphereCell> cells = sphere_cells(D, symmetry);
      const RandomStream stream(7, "points");
      std::uint64_t draw = 0;
      for (int depth = 0; depth < 30; ++depth) {
        for (SphereCell& cell : cells) {
          const Cap cap = cap_around(cell);
          EXPECT_LT(cap.radius, std::numbers::pi / 2.0);
          double farthest = 0.0;
          for (int i = 0; i < 50; ++i) {
            Vector x = cell.middle;
            for (Index j = 0; j < D; ++j) {
              const double share = 2.0 * stream.uniform(draw++) - 1.0;
              // Half of the points are corners.
              x[j] += cell.half[j] * (i % 2 == 0 ? std::copysign(1.0, share) : share);
            }
            const Vector offset = x.normalized() - cap.centre;
            farthest = std::max(farthest, 2.0 * std::asin(0.5 * offset.norm()));
          }
          EXPECT_LE(farthest, cap.radius);
          auto [left, right] = halves(cell);
          EXPECT_EQ(left.half, right.half);
          EXPECT_EQ(0.5 * (left.middle + right.middle), cell.middle);
          EXPECT_EQ(left.half + 0.5 * (right.middle - left.middle), cell.half);
          cell = stream.uniform(draw++) < 0.5 ? left : right;
        }
      }
    }
  }
}

// Every direction, or its mirror image, lies in one of the root cells.
TEST(SphereCells, RootsCoverTheSphere) {
  for (const Index D : {1, 2, 3, 6}) {
    for (const Symmetry symmetry :
         {Symmetry::none, Symmetry::antipodal, Symmetry::antipodal_reflection}) {
      if (D == 1 && symmetry == Symmetry::antipodal_reflection) continue;
      const std::vector<SphereCell> cells = sphere_cells(D, symmetry);
      for (std::uint64_t i = 0; i < 200; ++i) {
        const Vector u = normal_vector(D, i);
        int found = 0;
        for (const SphereCell& cell : cells) {
          for (const int images : {0, 1, 2, 3}) {
            Vector v = images & 1 ? Vector(-u) : u;
            if (images & 1 && symmetry == Symmetry::none) continue;
            if (images & 2) v[D - 1] = -v[D - 1];
            if (images & 2 && symmetry != Symmetry::antipodal_reflection) continue;
            v /= v.cwiseAbs().maxCoeff();
            found += ((v - cell.middle).cwiseAbs().array() <= cell.half.array()).all();
          }
        }
        EXPECT_EQ(found, 1) << D;
      }
    }
  }
}

// The bound of a cell, at all sizes of cells, against points drawn in it; the halves of a cell
// inherit from it.
void expect_bounds_cells(const ReducedCorrelation& g, const Problem& problem, std::uint64_t seed) {
  const RandomStream stream(seed, "cells");
  std::uint64_t draw = 0;
  for (int path = 0; path < 20; ++path) {
    std::vector<SphereCell> roots = sphere_cells(g.dimension(), g.symmetry());
    SphereCell cell = roots[static_cast<std::size_t>(path) % roots.size()];
    std::shared_ptr<const CellState> state;
    for (int depth = 0; depth < 50; ++depth) {
      const Cap cap = cap_around(cell);
      const CapBound bound = g.bound(cap, state);
      const double slack = g.error() * (1.0 + 1e-12);
      EXPECT_NEAR(bound.centre_value, problem.at(g.lift(cap.centre)), slack);
      for (int i = 0; i < 10; ++i) {
        Vector x = cell.middle;
        for (Index j = 0; j < x.size(); ++j) {
          const double share = 2.0 * stream.uniform(draw++) - 1.0;
          x[j] += cell.half[j] * (i % 2 == 0 ? std::copysign(1.0, share) : share);
        }
        EXPECT_LE(problem.at(g.lift(x.normalized())), bound.upper + slack) << depth;
      }
      state = bound.state;
      auto [left, right] = halves(cell);
      cell = stream.uniform(draw++) < 0.5 ? left : right;
    }
  }
}

TEST(CellBound, HoldsInsideCellsOfPopulations) {
  for (std::uint64_t seed = 0; seed < 3; ++seed) {
    for (const double spread : {1.0, 1e-2, 1e-5}) {
      // Atoms in clusters of both signs.
      const Index d = 4;
      const Matrix centres = normal_matrix(3, d - 1, seed).rowwise().normalized();
      Matrix directions = Matrix::Zero(9, d);
      directions.leftCols(d - 1) = centres.replicate(3, 1);
      directions.leftCols(d - 1) += spread * normal_matrix(9, d - 1, seed, "moves");
      Vector weights = normal_vector(9, seed);
      weights.tail(3) = -weights.head(3) - weights.segment(3, 3);
      const Problem problem = measure(directions, weights);
      const auto atoms = std::get<AtomMeasure>(problem.residual->measure());
      const auto g = reduce(atoms, problem.residual->energy(), 0.0);
      EXPECT_EQ(g->dimension(), d);
      expect_bounds_cells(*g, problem, seed);
      // The same when the reduction may leave something out.
      expect_bounds_cells(*reduce(atoms, problem.residual->energy(), 1e-3), problem, seed);
    }
  }
}

TEST(CellBound, HoldsInsideCellsOfRows) {
  for (std::uint64_t seed = 0; seed < 3; ++seed) {
    for (const Problem& problem : {noisy_rows(40, 2, false, seed), noisy_rows(60, 3, true, seed)}) {
      const auto rows = std::get<RowMeasure>(problem.residual->measure());
      expect_bounds_cells(*reduce(rows, 1e-9), problem, seed);
      // Without the symmetry, for which rounding leaves no room here.
      const auto whole = reduce(rows, 0.0);
      EXPECT_EQ(whole->symmetry(), Symmetry::none);
      expect_bounds_cells(*whole, problem, seed);
    }
  }
}

TEST(QuadraticMaximum, IsAttainedAndNotExceeded) {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    const Index s = 1 + static_cast<Index>(seed % 4);
    Vector eigenvalues = normal_vector(s, seed, "eigenvalues");
    if (seed % 3 == 0) eigenvalues = -eigenvalues.cwiseAbs();
    Vector b = normal_vector(s, seed, "b") * std::pow(10.0, static_cast<double>(seed % 7) - 4.0);
    if (seed % 5 == 0) b[0] = 0.0;
    if (seed % 50 == 0) b.setZero();
    const double radius = std::pow(10.0, static_cast<double>(seed % 4) - 2.0);
    const double bound = quadratic_maximum(eigenvalues, b, radius);
    const auto value = [&](const Vector& x) {
      return b.dot(x) + 0.5 * x.dot(eigenvalues.cwiseProduct(x));
    };
    double best = 0.0;
    for (std::uint64_t i = 0; i < 2000; ++i) {
      // Points of the sphere (in the plane all around), and the stationary point if it is inside.
      Vector x = normal_vector(s, i, "x");
      const double turn = 2.0 * std::numbers::pi * static_cast<double>(i) / 2000.0;
      if (s == 2) x = Vector{{std::cos(turn), std::sin(turn)}};
      best = std::max(best, value(x.normalized() * radius));
    }
    const Vector stationary = -b.cwiseQuotient(eigenvalues);
    if (stationary.norm() <= radius) best = std::max(best, value(stationary));
    EXPECT_GE(bound, best * (1.0 - 1e-12)) << seed;
    if (s <= 2) {
      EXPECT_LE(bound, best * (1.0 + 1e-4)) << seed;
    }
  }
}

// Derivatives of 2πh(∠(u, v)) along a geodesic of u that leaves under an angle with cosine β to the
// way to v, from the formulas of docs/math.md, 6.5.
double second_derivative(double theta, double beta) {
  return std::sin(theta) * beta * beta - std::cos(theta) * (std::numbers::pi / 2.0 - theta);
}
double third_derivative(double theta, double beta) {
  return -3.0 * std::cos(theta) * beta + std::cos(theta) * std::pow(beta, 3) -
         beta * std::sin(theta) * (std::numbers::pi / 2.0 - theta);
}

TEST(ArcDerivatives, FormulasAreDerivatives) {
  for (const double theta : {0.05, 0.3, 1.0, 1.5, 2.5}) {
    for (const double beta : {-1.0, -0.4, 0.0, 0.7, 1.0}) {
      // cos ∠(u(t), v) for u(t) = cos t u + sin t τ.
      const auto value = [&](double t) {
        const double c = std::cos(t) * std::cos(theta) + std::sin(t) * std::sin(theta) * beta;
        return std::sqrt((1.0 - c) * (1.0 + c)) + c * std::asin(c) - 1.0;
      };
      const double step = 2e-3;
      const double second = (value(step) - 2.0 * value(0.0) + value(-step)) / (step * step);
      const double third =
          (value(2.0 * step) - 2.0 * value(step) + 2.0 * value(-step) - value(-2.0 * step)) /
          (2.0 * step * step * step);
      EXPECT_NEAR(second, second_derivative(theta, beta), 2e-4) << theta << " " << beta;
      EXPECT_NEAR(third, third_derivative(theta, beta), 1e-2) << theta << " " << beta;
    }
  }
}

TEST(ArcDerivatives, BoundsHoldAndAreTight) {
  const int angles = 4000;
  const int betas = 200;
  double slope = 0.0;
  double third_at_all = 0.0;
  double second_change = 0.0;
  double third_so_far = 0.0;
  for (int i = angles; i >= 1; --i) {
    const double theta = std::numbers::pi / 2.0 * i / angles;
    const double rest = std::numbers::pi / 2.0 - theta;
    double third = 0.0;
    double third_change = 0.0;
    for (int j = 0; j <= betas; ++j) {
      const double b = static_cast<double>(j) / betas;
      const double s = std::sqrt((1.0 - b) * (1.0 + b));
      third = std::max(third, std::abs(third_derivative(theta, b)));
      // v moves: θ changes at rate cos ω and the direction to v, which is at distance sin θ, at
      // rate sin ω / sin θ, hence β at rate ±s sin ω / sin θ.
      const double second_theta = (1.0 + b * b) * std::cos(theta) + std::sin(theta) * rest;
      second_change = std::max(second_change, std::hypot(second_theta, 2.0 * b * s));
      const double third_theta = b * ((3.0 + s * s) * std::sin(theta) - std::cos(theta) * rest);
      const double third_beta = s * (3.0 * s * s / std::tan(theta) + rest);
      third_change = std::max(third_change, std::hypot(third_theta, third_beta));
    }
    // Angles come from far to near: the bound beyond θ holds for all there have been.
    third_so_far = std::max(third_so_far, third);
    EXPECT_LE(third_so_far, arc_third_bound_beyond(theta) * (1.0 + 1e-12)) << theta;
    EXPECT_GE(third_so_far * 1.2, arc_third_bound_beyond(theta)) << theta;
    EXPECT_LE(third_change, arc_fourth_bound_beyond(theta) * (1.0 + 1e-12)) << theta;
    slope = std::max(slope, rest * std::sin(theta));
    third_at_all = std::max(third_at_all, third);
  }
  EXPECT_LE(slope, arc_slope_bound);
  EXPECT_GE(slope * 1.001, arc_slope_bound);
  EXPECT_LE(third_at_all, arc_third_bound);
  EXPECT_GE(third_at_all * 1.001, arc_third_bound);
  EXPECT_LE(second_change, arc_third_bound);
}

// Exact suprema in the plane (docs/math.md, 6.8): |Σ w_t relu(u·x_t)| is largest at a kink or along
// the slope of an arc beside one. Signs are exact: products of float64 numbers fit into a Quad.
quad::Quad planar_supremum(const Matrix& rows, const Vector& weights) {
  using quad::Plane;
  using quad::Quad;
  const auto row = [&](Index t) { return Plane{rows(t, 0), rows(t, 1)}; };
  Quad best = 0;
  const auto attempt = [&](const Plane& u) {
    const Quad norm = quad::newton_root(quad::dot(u, u));
    if (norm == 0) return;
    for (const int sign : {1, -1}) {
      Quad sum = 0;
      for (Index t = 0; t < rows.rows(); ++t) {
        const Quad z = sign * quad::dot(u, row(t));
        if (z > 0) sum += weights[t] * z;
      }
      best = std::max(best, (sum < 0 ? -sum : sum) / norm);
    }
  };
  for (Index kink = 0; kink < rows.rows(); ++kink) {
    for (const int sign : {1, -1}) {
      const Plane u = {-sign * row(kink)[1], sign * row(kink)[0]};
      attempt(u);
      for (const int side : {1, -1}) {
        const Plane ahead = {-side * u[1], side * u[0]};
        Plane slope = {0, 0};
        for (Index t = 0; t < rows.rows(); ++t) {
          const Quad z = quad::dot(u, row(t));
          if (z < 0 || (z == 0 && quad::dot(ahead, row(t)) <= 0)) continue;
          slope[0] += weights[t] * row(t)[0];
          slope[1] += weights[t] * row(t)[1];
        }
        attempt(slope);
      }
    }
  }
  return best;
}

// Kinks of rows that are close together cut the circle into cells that are far smaller than they
// are: coefficients w/(4R) of the majorants meet heights of the order of R.
TEST(Rigorous, RowsThatAreCloseTogether) {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    const double width = std::pow(10.0, -5.0 + 3.0 * static_cast<double>(seed) / 200.0);
    Matrix rows = width * normal_matrix(12, 2, seed, "moves");
    rows.rowwise() += normal_vector(2, seed, "centre").normalized().transpose();
    // Σ w_t x_t = 0 but for rounding, as of a residual: what is left is of the order of the width.
    Vector weights = normal_vector(12, seed, "weights");
    const Matrix last = rows.bottomRows(2).transpose();
    weights.tail(2) = -last.inverse() * (rows.topRows(10).transpose() * weights.head(10));
    const SupremumBound bound = bound_supremum(support::BareRows(rows, weights), {});
    EXPECT_GE(quad::Quad(bound.upper), planar_supremum(rows, weights)) << seed;
    EXPECT_TRUE(bound.reached) << seed;
  }
}

// Second differences of weight 1/δ: |u·x| leaves 2δ|u·e| on an arc of width δ.
TEST(Rigorous, WeightsThatCancel) {
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    const double width = std::pow(10.0, -6.0 + 5.0 * static_cast<double>(seed) / 100.0);
    Matrix rows(3, 2);
    for (Index j = 0; j < 3; ++j) {
      rows.row(j) = normal_vector(2, seed, "x") +
                    width * static_cast<double>(j - 1) * normal_vector(2, seed, "e");
    }
    const Vector weights = Vector{{1.0, -2.0, 1.0}} / width;
    const SupremumBound bound = bound_supremum(support::BareRows(rows, weights), {});
    EXPECT_GE(quad::Quad(bound.upper), planar_supremum(rows, weights)) << seed;
  }
}

// Lengths and weights whose squares leave the range of float64, and products that do not.
TEST(Rigorous, LengthsAndWeightsOfAnySize) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    Matrix rows = normal_matrix(8, 2, seed);
    Vector weights = normal_vector(8, seed);
    const double expected = bound_supremum(support::BareRows(rows, weights), {}).upper;
    for (Index t = 0; t < rows.rows(); ++t) {
      const int exponent =
          static_cast<int>(1800 *
                           RandomStream(seed, "sizes").uniform(static_cast<std::uint64_t>(t))) -
          900;
      rows.row(t) *= std::ldexp(1.0, exponent);
      weights[t] = std::ldexp(weights[t], -exponent);
    }
    const double bound = bound_supremum(support::BareRows(rows, weights), {}).upper;
    EXPECT_NEAR(bound, expected, 2e-5 * expected) << seed;
  }
  // All of them tiny: what is below the smallest number is rounded up.
  const Matrix tiny = 1e-160 * normal_matrix(8, 2, 1);
  const Vector weights = 1e-150 * normal_vector(8, 1);
  // The exact one in units of 2^-1000, where pairs of float64 numbers have all of their bits.
  const double bound = bound_supremum(support::BareRows(tiny, weights), {}).upper;
  EXPECT_GE(quad::Quad(std::ldexp(bound, 1000)),
            planar_supremum(0x1p500 * tiny, 0x1p500 * weights));
}

// One teacher of length 1 but for rounding; the minimum of P_λ is known (docs/math.md, 6.2). At
// small λ all that P_λ is made of is below the rounding of E (f − y)² in float64.
TEST(Rigorous, GapsBelowTheRoundingOfTheLoss) {
  const quad::Quad peak = (quad::pi() / 2 - 1) / (2 * quad::pi());
  int below_rounding = 0;
  for (std::uint64_t seed = 0; seed < 340; ++seed) {
    const RandomStream random(seed, "problem");
    const Teacher teacher{normal_matrix(1, 2, seed).rowwise().normalized(),
                          Vector::Constant(1, 0.5 + random.uniform(0))};
    const double amplitude = teacher.amplitudes[0];
    const double lambda = std::pow(10.0, -16.0 + 14.0 * random.uniform(1));
    const double off = std::pow(10.0, -16.0 + 12.0 * random.uniform(2));
    Network network{Vector::Constant(2, 0.5 * (amplitude - lambda / h_0)),
                    teacher.directions.replicate(2, 1)};
    network.a += off * normal_vector(2, seed);
    network.W += off * normal_matrix(2, 2, seed, "moves");
    const PopulationObjective objective(teacher);
    RigorousOptions options;
    options.max_cells = 200;
    AscentOptions ascent;
    ascent.random_starts = 2;
    const Certificate certificate =
        rigorous_certificate(objective, network, lambda, options, ascent);

    using quad::Quad;
    const auto length = [](const Matrix& W, Index i) {
      return quad::newton_root(Quad(W(i, 0)) * W(i, 0) + Quad(W(i, 1)) * W(i, 1));
    };
    const Quad size = amplitude * length(teacher.directions, 0);
    const Quad least = lambda * size - Quad(lambda) * lambda / (2 * peak);
    const Quad primal = quad::loss(teacher, network) +
                        lambda * (Quad(std::abs(network.a[0])) * length(network.W, 0) +
                                  Quad(std::abs(network.a[1])) * length(network.W, 1));
    EXPECT_GE(Quad(certificate.gap), primal - least) << seed;
    const double reported = objective.loss(network) + lambda * masses(network).sum();
    EXPECT_LE(Quad(reported) - Quad(certificate.gap), least) << seed;
    below_rounding += primal < Quad(1e-14);
  }
  EXPECT_GT(below_rounding, 20);
}

// ½ E r² of least squares with two columns and a constant, by Gram and Schmidt in long double.
double loss_of_linear_fit(const Matrix& X, const Vector& y) {
  using Column = Eigen::Matrix<long double, Eigen::Dynamic, 1>;
  const auto n = X.rows();
  std::vector<Column> basis;
  const auto without = [&](Column column) {
    for (int pass = 0; pass < 2; ++pass) {
      for (const Column& unit : basis) column -= unit.dot(column) * unit;
    }
    return column;
  };
  for (const Column& column : {Column(Column::Ones(n)), Column(X.col(0).cast<long double>()),
                               Column(X.col(1).cast<long double>())}) {
    const Column rest = without(column);
    basis.push_back(rest / rest.norm());
  }
  return static_cast<double>(without(y.cast<long double>()).squaredNorm() /
                             (2 * static_cast<long double>(n)));
}

// y is a linear function of two columns that differ by 1e-5 of their size. The loss of the network
// without neurons is 0 but for the rounding of the columns, and no feature is optimal.
TEST(Rigorous, LinearFunctionsOfColumnsThatAreNearlyCollinear) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const Index n = 40;
    const Vector z = normal_vector(n, seed, "z");
    Matrix X(n, 2);
    X.col(0) = normal_vector(n, seed, "x");
    X.col(1) = X.col(0) + 1e-5 * z;
    const SampleObjective objective({X, z, {}, false});
    const double lambda = 1e-3;
    const double least = loss_of_linear_fit(X, z);
    EXPECT_LT(least, 1e-20);
    const Network one{Vector::Constant(1, 0.5), normal_matrix(1, 2, seed)};
    for (const Network& network : {Network::empty(2), one}) {
      const Certificate certificate = rigorous_certificate(objective, network, lambda);
      const double reported = objective.loss(network) + lambda * masses(network).sum();
      EXPECT_GE(certificate.gap, reported - least * (1.0 + 1e-9)) << seed;
    }
  }
}

// Directions that a reduction drops are paid for by what the rows have there.
TEST(Rigorous, RowsNearlyInALine) {
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    const double off = std::pow(10.0, -18.0 + 14.0 * static_cast<double>(seed) / 60.0);
    Matrix rows = normal_vector(10, seed) * normal_vector(2, seed, "line").transpose();
    rows.col(1) += off * normal_vector(10, seed, "off");
    const Vector weights = normal_vector(10, seed, "weights");
    for (const double tolerance : {1e-2, 1e-6}) {
      const SupremumBound bound =
          bound_supremum(support::BareRows(rows, weights), {}, {tolerance, 10'000, {}});
      EXPECT_GE(quad::Quad(bound.upper), planar_supremum(rows, weights)) << seed;
    }
  }
}

// A cell is halved while that is exact; where nothing ends the search, it ends there.
TEST(Rigorous, CellsAreHalvedWhileThatIsExact) {
  SphereCell cell = sphere_cells(2, Symmetry::none).front();
  int halvings = 0;
  for (; can_be_halved(cell); ++halvings) {
    const auto [left, right] = halves(cell);
    ASSERT_EQ(left.middle[1] + left.half[1], right.middle[1] - right.half[1]);
    ASSERT_LT(left.middle[1], right.middle[1]);
    cell = right;
  }
  EXPECT_EQ(halvings, 52);
}

TEST(RigorousCertificate, OneTeacher) {
  const Teacher teacher{normal_matrix(1, 4, 1).rowwise().normalized(), Vector::Constant(1, -2.5)};
  const PopulationObjective objective(teacher);
  for (const double share : {1e-3, 0.1, 0.99}) {
    const double lambda = share * 2.5 * h_0;
    const double least = lambda * 2.5 - lambda * lambda / (2.0 * h_0);
    const Network optimum{Vector::Constant(1, -2.5 + lambda / h_0), teacher.directions};
    const Certificate certificate = rigorous_certificate(objective, optimum, lambda);
    EXPECT_EQ(certificate.kind, Certificate::Kind::rigorous);
    EXPECT_GE(certificate.sup_eta, 1.0 - 1e-12);
    EXPECT_LE(certificate.sup_eta, 1.0 + 1.1e-5);
    EXPECT_LE(certificate.sup_eta_lower, certificate.sup_eta);
    EXPECT_LE(certificate.relative_gap, 2e-5);
    EXPECT_EQ(certificate.effective_dimension, 2);
    EXPECT_FALSE(certificate.search_failed);

    Network worse = optimum;
    worse.W += 0.1 * normal_matrix(1, 4, 2);
    const double primal = objective.evaluate(worse).loss + lambda * masses(worse).sum();
    const Certificate there = rigorous_certificate(objective, worse, lambda);
    EXPECT_GE(there.gap, primal - least);
  }
  EXPECT_THROW(rigorous_certificate(objective, Network::empty(4), 0.0), InvalidArgument);
}

// Networks of Algorithm 1 near the optimum, where |η| touches 1 at every neuron: the proof closes.
TEST(RigorousCertificate, ProvesWhatAlgorithm1Found) {
  for (const Index r : {2, 3}) {
    const Teacher teacher = small_teacher(8, r, 11);
    const PopulationObjective objective(teacher);
    const Network zero = Network::empty(8);
    const double lambda_max = estimate_supremum(*objective.residual(zero), zero).value;
    for (const double share : {0.1, 0.01}) {
      Algorithm1Options options;
      options.width = 30;
      options.lambda_start = options.lambda_end = share * lambda_max;
      options.epoch_tolerance = 1e-6;
      options.tolerance = 0.0;
      Algorithm1State state;
      run_algorithm1(objective, options, state);
      const Certificate certificate = rigorous_certificate(objective, state.network, state.lambda);
      EXPECT_LE(certificate.relative_gap, 2e-5) << r << " " << share;
      EXPECT_EQ(certificate.effective_dimension, r + 1);
      EXPECT_FALSE(certificate.search_failed);
    }
  }
  const Dataset data = draw_samples(small_teacher(3, 2, 12), 300, 0.2, 13);
  const SampleObjective objective({data.X, data.y, {}, false});
  Algorithm1Options options;
  options.width = 30;
  options.lambda_start = options.lambda_end = 0.02;
  options.tolerance = 0.0;
  Algorithm1State state;
  run_algorithm1(objective, options, state);
  const Certificate estimated = estimate_certificate(objective, state.network, state.lambda);
  const Certificate rigorous = rigorous_certificate(objective, state.network, state.lambda);
  EXPECT_GE(rigorous.sup_eta, estimated.sup_eta * (1.0 - 1e-12));
  EXPECT_GE(rigorous.gap, estimated.gap - 1e-12);
  EXPECT_LE(rigorous.gap, estimated.gap + 1e-4);
}

}  // namespace
}  // namespace lodestone
