// Vectorized kernels against their plain loops: awkward sizes, every instruction set, any threads.

#include <gtest/gtest.h>
#include <hwy/highway.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "kernels/population.hpp"
#include "kernels/sample.hpp"
#include "support.hpp"

namespace lodestone::kernels {
namespace {

using support::same_bits;
using support::ThreadCount;

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr double epsilon = std::numeric_limits<double>::epsilon();
constexpr std::array<Index, 14> awkward = {0, 1, 2, 7, 8, 9, 15, 17, 31, 33, 127, 128, 129, 257};
constexpr std::array<Index, 7> depths = {1, 2, 3, 7, 8, 9, 17};

// Leaves NaN behind the last row: the buffer was longer, was full of NaN, and shrank in place.
void poison_behind(Matrix& matrix) {
  const Index rows = matrix.rows();
  if (matrix.size() == 0) return;
  matrix.conservativeResize(rows + 64, Eigen::NoChange);
  matrix.bottomRows(64).setConstant(nan);
  matrix.conservativeResize(rows, Eigen::NoChange);
}

void poison_behind(Vector& vector) {
  const Index size = vector.size();
  if (size == 0) return;
  vector.conservativeResize(size + 64);
  vector.tail(64).setConstant(nan);
  vector.conservativeResize(size);
}

// Unit rows with what makes kernels stumble: a zero row, equal and opposite rows.
Matrix awkward_units(Index rows, Index d, std::uint64_t seed) {
  Matrix U = unit_directions(support::normal_matrix(rows, d, seed));
  if (rows > 4) {
    U.row(2).setZero();
    U.row(3) = U.row(0);
    U.row(4) = -U.row(0);
  }
  poison_behind(U);
  return U;
}

double largest(const Matrix& matrix) {
  return matrix.size() == 0 ? 0.0 : matrix.cwiseAbs().maxCoeff();
}

// Compares every kernel on one instruction set after another.
class Kernels : public ::testing::TestWithParam<int64_t> {
 protected:
  void SetUp() override {
    hwy::SetSupportedTargetsForTest(GetParam());
    ASSERT_EQ(hwy::SupportedTargets(), GetParam());
    ASSERT_FALSE(hwy::GetChosenTarget().IsInitialized());
  }

  // A kernel must have been dispatched, and to this target: entry GetIndex() of the table of
  // functions is the one called. Index 0 stands for "not chosen yet".
  void TearDown() override {
    EXPECT_TRUE(hwy::GetChosenTarget().IsInitialized()) << "no kernel was called";
    hwy::ChosenTarget expected;
    expected.Update(GetParam());
    EXPECT_EQ(hwy::GetChosenTarget().GetIndex(), expected.GetIndex())
        << hwy::TargetName(GetParam()) << " did not run";
    RecordProperty("instruction_set", hwy::TargetName(GetParam()));
    hwy::SetSupportedTargetsForTest(0);
  }
};

// U with V and c: the field has an error of rounding times Σ|c|, at every angle (docs/math.md,
// 2.3). The vectorized arcsine adds a few units in the last place.
void compare_fields(const Matrix& U, const Matrix& V, const Vector& c) {
  Matrix expected;
  Matrix field = Matrix::Constant(3, 2, nan);
  reference::population_field(U, V, c, expected);
  simd::population_field(U, V, c, field);
  ASSERT_EQ(field.rows(), U.rows());
  ASSERT_EQ(field.cols(), U.cols());
  const auto terms = static_cast<double>(V.rows() + U.cols());
  const double allowed = (20.0 + std::sqrt(terms)) * epsilon * (c.cwiseAbs().sum() + 1e-300);
  EXPECT_LE(largest(field - expected), allowed);
}

TEST_P(Kernels, PopulationField) {
  std::size_t turn = 0;
  for (const Index p : awkward) {
    for (const Index q : awkward) {
      const Index d = depths[turn++ % depths.size()];
      SCOPED_TRACE(testing::Message() << "p " << p << " q " << q << " d " << d);
      Matrix V = awkward_units(q, d, 2);
      const Matrix U = awkward_units(p, d, 1);
      // Some directions meet themselves and their mirror images.
      if (p > 1 && q > 1) {
        V.row(0) = U.row(p - 1);
        V.row(1) = -U.row(0);
      }
      Vector c = support::normal_vector(q, 3);
      poison_behind(c);
      compare_fields(U, V, c);
    }
  }
  // Across the edges of a tile of columns, and long rows.
  for (const Index q : {511, 512, 513, 520, 521, 1025}) {
    compare_fields(awkward_units(17, 5, 4), awkward_units(q, 5, 5), support::normal_vector(q, 6));
  }
  for (const Index d : awkward) {
    if (d == 0) continue;
    compare_fields(awkward_units(17, d, 7), awkward_units(33, d, 8), support::normal_vector(33, 9));
  }
}

// Rows beyond unit length by rounding: the cosine is clipped and nothing is NaN.
TEST_P(Kernels, PopulationFieldAtCosinesBeyondOne) {
  Matrix U = unit_directions(support::normal_matrix(33, 9, 10));
  U *= 1.0 + 4.0 * epsilon;
  Matrix both(66, 9);
  both << U, -U;
  Matrix field;
  simd::population_field(both, both, Vector::Ones(66), field);
  EXPECT_TRUE(field.allFinite());
  compare_fields(both, both, Vector::Ones(66));
}

// One direction's field does not depend on its neighbours in the batch.
TEST_P(Kernels, PopulationFieldRowsAreApart) {
  const Matrix V = awkward_units(33, 5, 11);
  const Vector c = support::normal_vector(33, 12);
  Matrix U = awkward_units(35, 5, 13);
  Matrix clean;
  simd::population_field(U, V, c, clean);
  for (Index p = 1; p < U.rows(); p += 2) U.row(p).setConstant(nan);
  Matrix field;
  simd::population_field(U, V, c, field);
  for (Index p = 0; p < U.rows(); p += 2) EXPECT_TRUE(same_bits(clean.row(p), field.row(p))) << p;
}

struct Case {
  Matrix X;
  Matrix W;
  Vector a;
  Vector r;
};

Case sample_case(Index n, Index m, Index d) {
  Case data{support::normal_matrix(n, d, 21), support::normal_matrix(m, d, 22),
            support::normal_vector(m, 23), support::normal_vector(n, 24)};
  if (m > 4) {
    data.W.row(1).setZero();  // never on
    data.W.row(3) = data.W.row(0);
    data.W.row(4) = -data.W.row(0);
  }
  if (n > 2) data.X.row(n / 2).setZero();  // where nothing is on
  if (m > 2) data.a[2] = 0.0;
  poison_behind(data.X);
  poison_behind(data.W);
  poison_behind(data.a);
  poison_behind(data.r);
  return data;
}

void compare_sample_kernels(Index n, Index m, Index d) {
  SCOPED_TRACE(testing::Message() << "n " << n << " m " << m << " d " << d);
  const Case data = sample_case(n, m, d);
  const Vector row_norms = data.X.rowwise().norm();
  const Vector neuron_norms = data.W.rowwise().norm();
  const double mass = data.a.cwiseAbs().dot(neuron_norms);

  Vector expected_values;
  Masks expected_masks;
  reference::forward(data.X, data.X.rows(), data.W, data.a, expected_values, expected_masks);
  Vector values = Vector::Constant(5, nan);
  Masks masks;
  masks.bytes.assign(1000, 0xFF);
  simd::forward(data.X, data.X.rows(), data.W, data.a, values, masks);
  ASSERT_EQ(values.size(), n);
  ASSERT_EQ(masks.neurons, m);
  ASSERT_EQ(masks.groups(), (m + 7) / 8);
  // Random inner products are nowhere near zero, zero rows exactly there: bits agree, and those
  // beyond the last neuron are 0.
  EXPECT_EQ(masks.bytes, expected_masks.bytes);
  const double depth_error = (4.0 + static_cast<double>(d)) * epsilon;
  for (Index t = 0; t < n; ++t) {
    ASSERT_NEAR(values[t], expected_values[t], (depth_error + 16.0 * epsilon) * mass * row_norms[t])
        << t;
  }

  Matrix expected;
  Matrix moments = Matrix::Constant(2, 3, nan);
  reference::backward(data.X, data.X.rows(), expected_masks, data.r, expected);
  simd::backward(data.X, data.X.rows(), masks, data.r, moments);
  ASSERT_EQ(moments.rows(), m);
  ASSERT_EQ(moments.cols(), d);
  const double sum_error =
      (16.0 + std::sqrt(static_cast<double>(n))) * epsilon * data.r.cwiseAbs().dot(row_norms);
  EXPECT_LE(largest(moments - expected), sum_error);

  Matrix direct = Matrix::Constant(m, d, nan);
  reference::masked_moments(data.X, data.X.rows(), data.W, data.r, expected);
  simd::masked_moments(data.X, data.X.rows(), data.W, data.r, direct);
  ASSERT_EQ(direct.rows(), m);
  ASSERT_EQ(direct.cols(), d);
  EXPECT_LE(largest(direct - expected), sum_error);

  // The affine columns of all but the last column, as with biases.
  const Vector center = support::normal_vector(d - 1, 25);
  const Vector weights = support::normal_vector(n, 26).cwiseAbs();
  const Vector b = support::normal_vector(d, 27);
  const Vector products = weights.cwiseProduct(data.r).cwiseAbs();
  Vector expected_affine;
  Vector affine = Vector::Constant(2, nan);
  reference::affine_moments(data.X, data.X.rows(), center, weights, data.r, expected_affine);
  simd::affine_moments(data.X, data.X.rows(), center, weights, data.r, affine);
  ASSERT_EQ(affine.size(), d);
  const Matrix centred = data.X.leftCols(d - 1).rowwise() - center.transpose();
  EXPECT_LE(largest(affine - expected_affine),
            (16.0 + std::sqrt(static_cast<double>(n))) * epsilon *
                (products.sum() + products.dot(centred.rowwise().norm())));
  Vector expected_rest = data.r;
  Vector rest = data.r;
  const double expected_square =
      reference::subtract_affine(data.X, data.X.rows(), center, b, weights, expected_rest);
  const double square = simd::subtract_affine(data.X, data.X.rows(), center, b, weights, rest);
  ASSERT_EQ(rest.size(), n);
  for (Index t = 0; t < n; ++t) {
    ASSERT_NEAR(
        rest[t], expected_rest[t],
        depth_error * (std::abs(data.r[t]) + b.cwiseAbs().sum() * (1.0 + centred.row(t).norm())))
        << t;
  }
  EXPECT_NEAR(square, expected_square, 1e-12 * expected_square);

  // Rows in the middle of a matrix, as blocks take them.
  const Index first = n / 3;
  const Index count = n - first - n / 4;
  if (count == 0) return;
  Matrix output;
  simd::activations(data.X, first, count, data.W, output);
  Matrix plain;
  reference::activations(data.X, first, count, data.W, plain);
  ASSERT_EQ(output.rows(), count);
  ASSERT_EQ(output.cols(), m);
  if (m > 0) {
    EXPECT_GE(output.minCoeff(), 0.0);
    EXPECT_LE((output - plain).cwiseAbs().maxCoeff(),
              depth_error * row_norms.maxCoeff() * neuron_norms.maxCoeff());
  }
}

TEST_P(Kernels, SamplePasses) {
  std::size_t turn = 0;
  for (const Index n : awkward) {
    for (const Index m : awkward) {
      compare_sample_kernels(n, m, depths[turn++ % depths.size()]);
    }
  }
  for (const Index d : awkward) {
    if (d > 0) compare_sample_kernels(33, 17, d);
  }
  // Chunks of blocks: 32 blocks are 4096 rows.
  for (const Index n : {4095, 4096, 4097, 4225}) compare_sample_kernels(n, 9, 3);
}

// A row of data reaches its own value and mask bits, no others.
TEST_P(Kernels, ForwardRowsAreApart) {
  Case data = sample_case(260, 19, 5);
  Vector clean;
  Masks clean_masks;
  simd::forward(data.X, data.X.rows(), data.W, data.a, clean, clean_masks);
  for (Index t = 1; t < data.X.rows(); t += 2) data.X.row(t).setConstant(nan);
  Vector values;
  Masks masks;
  simd::forward(data.X, data.X.rows(), data.W, data.a, values, masks);
  for (Index t = 0; t < data.X.rows(); t += 2) {
    EXPECT_TRUE(same_bits(clean[t], values[t])) << t;
    for (Index g = 0; g < masks.groups(); ++g) {
      EXPECT_EQ(masks.group(g)[t], clean_masks.group(g)[t]) << t;
    }
  }
}

TEST_P(Kernels, BitsDoNotDependOnThreads) {
  const Case data = sample_case(1000, 33, 7);
  const Case many_blocks = sample_case(5000, 9, 3);
  const Matrix U = awkward_units(100, 7, 31);
  const Matrix V = awkward_units(600, 7, 32);
  const Vector c = support::normal_vector(600, 33);
  struct Results {
    Vector values, many_values;
    Masks masks, many_masks;
    Matrix backward, many_backward, moments, field;
  };
  const auto compute = [&](int threads) {
    const ThreadCount count(threads);
    Results results;
    simd::forward(data.X, data.X.rows(), data.W, data.a, results.values, results.masks);
    simd::backward(data.X, data.X.rows(), results.masks, data.r, results.backward);
    simd::masked_moments(data.X, data.X.rows(), data.W, data.r, results.moments);
    simd::forward(many_blocks.X, many_blocks.X.rows(), many_blocks.W, many_blocks.a,
                  results.many_values, results.many_masks);
    simd::backward(many_blocks.X, many_blocks.X.rows(), results.many_masks, many_blocks.r,
                   results.many_backward);
    simd::population_field(U, V, c, results.field);
    return results;
  };
  const Results one = compute(1);
  for (const int threads : {2, 3, 5}) {
    const Results more = compute(threads);
    EXPECT_TRUE(same_bits(one.values, more.values)) << threads;
    EXPECT_EQ(one.masks.bytes, more.masks.bytes) << threads;
    EXPECT_TRUE(same_bits(one.backward, more.backward)) << threads;
    EXPECT_TRUE(same_bits(one.moments, more.moments)) << threads;
    EXPECT_TRUE(same_bits(one.many_values, more.many_values)) << threads;
    EXPECT_TRUE(same_bits(one.many_backward, more.many_backward)) << threads;
    EXPECT_TRUE(same_bits(one.field, more.field)) << threads;
  }
}

INSTANTIATE_TEST_SUITE_P(On, Kernels, testing::ValuesIn(hwy::SupportedAndGeneratedTargets()),
                         [](const auto& target) {
                           std::string name = hwy::TargetName(target.param);
                           return name == "?" ? "Target" + std::to_string(target.index) : name;
                         });

}  // namespace
}  // namespace lodestone::kernels
