// The λ-path on rows by corrective births: Gram matrices that grow, cells, gaps, endings.

#include "path/corrective.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "lodestone/certify/certificate.hpp"
#include "support.hpp"

namespace lodestone::path {
namespace {

using support::normal_matrix;
using support::normal_vector;
using support::same_bits;
using support::ThreadCount;

SampleData noisy_rows(Index n, Index d, std::uint64_t seed, bool biases = true) {
  const Matrix X = normal_matrix(n, d, seed, "corrective X");
  const Vector signal = (X * normal_matrix(d, 3, seed)).cwiseAbs() * Vector{{1.0, -0.7, 0.4}};
  return {X, signal + 0.3 * normal_vector(n, seed, "corrective noise"), {}, biases};
}

// ---- what the rows give

TEST(FeatureGram, OfNewFeaturesIsPartOfTheWhole) {
  SampleData data = noisy_rows(700, 4, 1);
  data.weights = normal_vector(700, 1, "weights").cwiseAbs();
  const SampleObjective all(data);
  for (const SampleObjective& objective : {all, all.without_rows(100, 300)}) {
    const Matrix U = unit_directions(normal_matrix(9, 5, 1, "born"));
    const Matrix V = unit_directions(normal_matrix(6, 5, 1, "known"));
    Matrix both(15, 5);
    both << U, V;
    const FeatureGram whole = objective.feature_gram(both);
    const FeatureGram part = objective.feature_gram(U, V);
    EXPECT_LE((part.K - whole.K.topRows(9)).norm(), 1e-13 * whole.K.norm());
    EXPECT_LE((part.b - whole.b.head(9)).norm(), 1e-13 * whole.b.norm());
    EXPECT_EQ(objective.feature_gram(U, Matrix(0, 5)).K.cols(), 9);
  }
}

TEST(ActiveRows, MirrorsShareTheirRows) {
  SampleData data = noisy_rows(501, 3, 2);
  data.weights = Vector::Ones(501);
  data.weights[7] = 0.0;
  const SampleObjective objective(data);
  const Matrix U = unit_directions(normal_matrix(20, 4, 2, "cells"));
  const ActiveRows own = objective.active_rows(U);
  const ActiveRows mirrored = objective.active_rows(-U);
  for (std::size_t i = 0; i < 20; ++i) {
    EXPECT_EQ(own.bits[i], mirrored.bits[i]);
    EXPECT_NE(own.mirrored[i], mirrored.mirrored[i]);
    const double sign = own.mirrored[i] ? -1.0 : 1.0;
    Index count = 0;
    for (Index t = 0; t < 501; ++t) {
      const auto row = static_cast<Index>(i);
      const double z = sign * (U.row(row).head(3).dot(data.X.row(t)) + U(row, 3));
      const std::uint64_t word = own.bits[i][static_cast<std::size_t>(t / 240 * 4 + t % 240 / 64)];
      const bool on = (word >> (t % 240 % 64) & 1U) != 0;
      EXPECT_EQ(on, z > 0.0 && t != 7) << i << " " << t;
      count += on;
    }
    EXPECT_LE(count, 250);
  }
}

// ---- the path

TEST(CorrectivePath, ReachesTheToleranceAndSaysSo) {
  for (std::uint64_t seed = 0; seed < 5; ++seed) {
    const SampleObjective objective(noisy_rows(200, 3, seed));
    const double largest = largest_lambda(objective);
    CorrectivePath path(objective);
    PathOptions options;
    options.gap_tolerance = 1e-2;
    double last = objective.null_loss() * (1.0 + 1e-12);
    for (const double share : {1.5, 0.5, 0.1, 0.02, 0.005}) {
      const PathPoint point = path.solve(share * largest, options, {});
      EXPECT_EQ(point.ending, Ending::tolerance) << seed << " " << share;
      EXPECT_LE(point.certificate.relative_gap, 1e-2);
      EXPECT_LE(point.penalized_loss, last);
      last = point.penalized_loss;
      EXPECT_EQ(point.network.width() == 0, share > 1.0);
      if (share > 1.0) continue;
      EXPECT_GE(point.certificate.starts, 500);
      EXPECT_GE(point.certificate.unseen_share, 0.0);
      EXPECT_LE(point.certificate.unseen_share, 1.0);
      // No two neurons of one sign have the same rows switched on.
      const ActiveRows active = objective.active_rows(point.network.W);
      for (Index i = 0; i < point.network.width(); ++i) {
        for (Index j = 0; j < i; ++j) {
          EXPECT_FALSE((point.network.a[i] > 0.0) == (point.network.a[j] > 0.0) &&
                       active.bits[static_cast<std::size_t>(i)] ==
                           active.bits[static_cast<std::size_t>(j)]);
        }
      }
    }
  }
}

// A much longer search by other ascents finds little that the path has missed.
TEST(CorrectivePath, AnotherSearchAgrees) {
  const SampleObjective objective(noisy_rows(150, 2, 7));
  CorrectivePath path(objective);
  const PathPoint point = path.solve(0.02 * largest_lambda(objective), {}, {});
  AscentOptions search;
  search.random_starts = 5000;
  search.seed = 5;
  const Certificate other = estimate_certificate(objective, point.network, point.lambda, search);
  EXPECT_LE(other.relative_gap, 2.0 * PathOptions().gap_tolerance);
}

TEST(CorrectivePath, GoesOnFromANetwork) {
  const SampleObjective objective(noisy_rows(200, 3, 3));
  const double lambda = 0.02 * largest_lambda(objective);
  PathOptions options;
  CorrectivePath path(objective);
  const PathPoint first = path.solve(lambda, options, {});
  CorrectivePath other(objective);
  other.start_from(first.network);
  const PathPoint again = other.solve(lambda, options, {});
  EXPECT_LE(again.penalized_loss, first.penalized_loss * (1.0 + 1e-12));
  EXPECT_LE(again.rounds, first.rounds);
}

TEST(CorrectivePath, CopiesOfNeuronsBecomeOne) {
  const SampleObjective objective(noisy_rows(100, 2, 4));
  Network copies{Vector{{0.3, 0.2, 0.4}}, Matrix(3, 3)};
  copies.W << 1.0, 0.2, 0.1, 1.0, 0.2, 0.1, -1.0, -0.2, -0.1;
  CorrectivePath path(objective);
  path.start_from(copies);
  const PathPoint point = path.solve(0.1 * largest_lambda(objective), {}, {});
  EXPECT_EQ(point.ending, Ending::tolerance);
}

TEST(CorrectivePath, EveryEndHasItsReason) {
  const SampleObjective objective(noisy_rows(200, 3, 5));
  const double lambda = 0.005 * largest_lambda(objective);
  PathOptions options;
  options.max_rounds = 1;
  EXPECT_EQ(CorrectivePath(objective).solve(lambda, options, {}).ending, Ending::rounds);
  options = {};
  options.max_neurons = 3;
  const PathPoint few = CorrectivePath(objective).solve(lambda, options, {});
  EXPECT_EQ(few.ending, Ending::neurons);
  EXPECT_LE(few.network.width(), 3);
  EXPECT_GT(few.certificate.relative_gap, options.gap_tolerance);
  PathObserver observer;
  observer.should_stop = [] { return true; };
  EXPECT_EQ(CorrectivePath(objective).solve(lambda, {}, observer).ending, Ending::interrupted);
}

TEST(CorrectivePath, SameBitsAtAnyNumberOfThreads) {
  const SampleObjective objective(noisy_rows(700, 4, 6));
  const double lambda = 0.02 * largest_lambda(objective);
  const PathPoint one = [&] {
    const ThreadCount threads(1);
    return CorrectivePath(objective).solve(lambda, {}, {});
  }();
  const PathPoint three = [&] {
    const ThreadCount threads(3);
    return CorrectivePath(objective).solve(lambda, {}, {});
  }();
  EXPECT_TRUE(same_bits(one.network, three.network));
  EXPECT_TRUE(same_bits(one.certificate.gap, three.certificate.gap));
}

}  // namespace
}  // namespace lodestone::path
