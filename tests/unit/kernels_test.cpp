// Vectorized kernels against their plain loops: awkward sizes, every instruction set, any threads.

#include <gtest/gtest.h>
#include <hwy/highway.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "core/instruction_set.hpp"
#include "instruction_sets.hpp"
#include "kernels/columns.hpp"
#include "kernels/population.hpp"
#include "kernels/product.hpp"
#include "kernels/sample.hpp"
#include "kernels/triangular.hpp"
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

// Inputs in the precision of the kernels, with NaN behind the last row.
template <class T>
struct Rows {
  Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor> storage;
  Index n;
  Index columns;
  bool constant;

  Rows(const Matrix& X, bool with_constant)
      : storage(X.rows() + 64, X.cols()), n(X.rows()), columns(X.cols()), constant(with_constant) {
    storage.topRows(n) = X.cast<T>();
    storage.bottomRows(64).setConstant(std::numeric_limits<T>::quiet_NaN());
  }
  SampleRows<T> view() const { return {storage.data(), columns, constant, n}; }
  // With the constant coordinate, in float64.
  Matrix full() const {
    Matrix X = Matrix::Ones(n, columns + (constant ? 1 : 0));
    X.leftCols(columns) = storage.topRows(n).template cast<double>();
    return X;
  }
};

template <class T>
struct Case {
  Rows<T> X;
  Matrix W;  // as the kernels hold it: rounded to T
  Vector a;
  Vector y;
  Vector center;
  Vector weights;

  AffineColumns affine() const { return {center, weights}; }
};

template <class T>
Case<T> sample_case(Index n, Index m, Index columns, bool constant) {
  Matrix X = support::normal_matrix(n, columns, 21);
  if (n > 2) X.row(n / 2).setZero();  // where nothing is on, without a constant
  const Index d = columns + (constant ? 1 : 0);
  const auto rounded = [](const auto& values) {
    return values.template cast<T>().template cast<double>().eval();
  };
  Case<T> data{Rows<T>(X, constant),
               rounded(support::normal_matrix(m, d, 22)),
               rounded(support::normal_vector(m, 23)),
               support::normal_vector(n, 24),
               rounded(support::normal_vector(columns, 25)),
               support::normal_vector(n, 26).cwiseAbs()};
  if (m > 4) {
    data.W.row(1).setZero();  // never on
    data.W.row(3) = data.W.row(0);
    data.W.row(4) = -data.W.row(0);
  }
  if (m > 2) data.a[2] = 0.0;
  poison_behind(data.W);
  poison_behind(data.a);
  poison_behind(data.y);
  poison_behind(data.weights);
  return data;
}

// Where masks differ, the inner product is zero up to rounding.
void expect_equal_masks(const Masks& masks, const Masks& expected, const Matrix& products,
                        const Matrix& rounding) {
  for (Index t = 0; t < products.rows(); ++t) {
    for (Index i = 0; i < products.cols(); ++i) {
      if (masks.on(t, i) == expected.on(t, i)) continue;
      ASSERT_LE(std::abs(products(t, i)), rounding(t, i)) << "row " << t << " neuron " << i;
    }
  }
}

template <class T>
void compare_sample_kernels(Index n, Index m, Index columns, bool constant) {
  SCOPED_TRACE(testing::Message() << "n " << n << " m " << m << " columns " << columns
                                  << " constant " << constant << " bytes " << sizeof(T));
  constexpr double unit = double{std::numeric_limits<T>::epsilon()};
  const Case<T> data = sample_case<T>(n, m, columns, constant);
  const SampleRows<T> rows = data.X.view();
  const Matrix X = data.X.full();
  const Index d = rows.dimension();
  const auto count = static_cast<double>(n);
  const Vector row_norms = X.rowwise().norm();
  const Vector neuron_norms = data.W.rowwise().norm();
  const double depth_error = (4.0 + static_cast<double>(d)) * unit;
  const double sum_error = (16.0 + std::sqrt(count)) * unit;
  const double mass = data.a.cwiseAbs().dot(neuron_norms);
  const Matrix centred = X.leftCols(columns).rowwise() - data.center.transpose();

  Vector expected_values, values = Vector::Constant(5, nan);
  Vector expected_affine, affine = Vector::Constant(2, nan);
  Masks expected_masks, masks;
  masks.resize<T>(3, 100);
  reference::forward(rows, data.W, data.a, data.y, data.affine(), expected_values, expected_masks,
                     expected_affine);
  simd::forward(rows, data.W, data.a, data.y, data.affine(), values, masks, affine);
  ASSERT_EQ(values.size(), n);
  ASSERT_EQ(masks.neurons(), m);
  ASSERT_EQ(affine.size(), 1 + columns);
  expect_equal_masks(masks, expected_masks, X * data.W.transpose(),
                     depth_error * row_norms * neuron_norms.transpose());
  for (Index t = 0; t < n; ++t) {
    const double allowed =
        (depth_error + (16.0 + std::sqrt(double(m))) * unit) * mass * row_norms[t] +
        2.0 * epsilon * std::abs(data.y[t]);
    ASSERT_NEAR(values[t], expected_values[t], allowed) << t;
  }
  // The rest starts from the same values and masks.
  reference::affine_moments(rows, data.affine(), values, expected_affine);
  const Vector products = data.weights.cwiseProduct(values).cwiseAbs();
  const double affine_error =
      4.0 * sum_error * (products.sum() + products.dot(centred.rowwise().norm()));
  EXPECT_LE(largest(affine - expected_affine), affine_error);
  Vector alone;
  simd::affine_moments(rows, data.affine(), values, alone);
  EXPECT_TRUE(same_bits(alone, affine));

  const Vector b = support::normal_vector(1 + columns, 27);
  Vector expected_rest = values, rest = values;
  Matrix expected, moments = Matrix::Constant(2, 3, nan);
  const double expected_square =
      reference::backward(rows, masks, b, data.affine(), expected_rest, expected);
  const double square = simd::backward(rows, masks, b, data.affine(), rest, moments);
  ASSERT_EQ(moments.rows(), m);
  ASSERT_EQ(moments.cols(), d);
  for (Index t = 0; t < n; ++t) {
    const double size = std::abs(values[t]) + b.cwiseAbs().sum() * (1.0 + centred.row(t).norm());
    ASSERT_NEAR(rest[t], expected_rest[t], depth_error * size) << t;
  }
  EXPECT_NEAR(square, expected_square, 1e3 * unit * (1.0 + expected_square));
  const Vector r = data.weights.cwiseProduct(expected_rest);
  const double moment_error = (sum_error + depth_error) *
                              (r.cwiseAbs() + data.weights).dot(row_norms) *
                              (1.0 + b.cwiseAbs().maxCoeff() * (1.0 + largest(centred)));
  EXPECT_LE(largest(moments - expected), moment_error);
  Vector subtracted = values;
  EXPECT_NEAR(simd::subtract_affine(rows, data.affine(), b, subtracted), square,
              1e-12 * (1.0 + square));
  EXPECT_TRUE(same_bits(subtracted, rest));

  Matrix direct = Matrix::Constant(m, d, nan);
  reference::masked_moments(rows, data.W, data.y, expected);
  simd::masked_moments(rows, data.W, data.y, direct);
  ASSERT_EQ(direct.rows(), m);
  ASSERT_EQ(direct.cols(), d);
  // A row whose bit differs has an inner product of rounding: W·moments does not see it.
  const Matrix difference = direct - expected;
  EXPECT_LE(largest(difference.cwiseProduct(data.W).rowwise().sum()),
            (sum_error + depth_error) * data.y.cwiseAbs().dot(row_norms) *
                (1e-300 + (m > 0 ? neuron_norms.maxCoeff() : 0.0)));
  if (sizeof(T) == sizeof(double)) {
    EXPECT_LE(largest(difference), sum_error * data.y.cwiseAbs().dot(row_norms));
  }

  // Rows in the middle of a matrix, as blocks take them.
  const Index first = n / 3;
  const Index taken = std::min<Index>(n - first - n / 4, rows_per_block);
  if (taken == 0) return;
  Matrix output, plain;
  simd::activations(rows, first, taken, data.W, output);
  reference::activations(rows, first, taken, data.W, plain);
  ASSERT_EQ(output.rows(), taken);
  ASSERT_EQ(output.cols(), m);
  if (m > 0) {
    EXPECT_GE(output.minCoeff(), 0.0);
    EXPECT_LE((output - plain).cwiseAbs().maxCoeff(),
              depth_error * row_norms.maxCoeff() * neuron_norms.maxCoeff());
  }
}

void compare_in_both_precisions(Index n, Index m, Index columns, bool constant) {
  compare_sample_kernels<double>(n, m, columns, constant);
  compare_sample_kernels<float>(n, m, columns, constant);
}

TEST_P(Kernels, SamplePasses) {
  std::size_t turn = 0;
  for (const Index n : awkward) {
    for (const Index m : awkward) {
      ++turn;
      compare_in_both_precisions(n, m, depths[turn % depths.size()], turn % 2 == 0);
    }
  }
  for (const Index columns : awkward) {
    if (columns > 0) compare_in_both_precisions(33, 17, columns, columns % 2 == 1);
  }
  // The edges of a block, and trees of 32 and 33 leaves.
  for (const Index n : {239, 240, 241, 7679, 7680, 7681, 7921}) {
    compare_in_both_precisions(n, 9, 3, n % 2 == 0);
  }
}

// A row of data reaches its own value and mask bits, no others.
template <class T>
void compare_rows_apart() {
  Case<T> data = sample_case<T>(260, 19, 5, true);
  Vector clean, values, moments;
  Masks clean_masks, masks;
  simd::forward(data.X.view(), data.W, data.a, data.y, data.affine(), clean, clean_masks, moments);
  for (Index t = 1; t < data.X.n; t += 2) {
    data.X.storage.row(t).setConstant(std::numeric_limits<T>::quiet_NaN());
  }
  simd::forward(data.X.view(), data.W, data.a, data.y, data.affine(), values, masks, moments);
  for (Index t = 0; t < data.X.n; t += 2) {
    EXPECT_TRUE(same_bits(clean[t], values[t])) << t;
    for (Index i = 0; i < masks.neurons(); ++i) EXPECT_EQ(masks.on(t, i), clean_masks.on(t, i));
  }
}

TEST_P(Kernels, ForwardRowsAreApart) {
  compare_rows_apart<double>();
  compare_rows_apart<float>();
}

// Everything that the kernels compute for some rows.
struct SampleResults {
  Vector values, affine, subtracted, predictions;
  Matrix backward, moments, activations;
  double square;

  bool same(const SampleResults& other) const {
    return same_bits(values, other.values) && same_bits(affine, other.affine) &&
           same_bits(subtracted, other.subtracted) && same_bits(predictions, other.predictions) &&
           same_bits(backward, other.backward) && same_bits(moments, other.moments) &&
           same_bits(activations, other.activations) && same_bits(square, other.square);
  }
};

template <class T>
SampleResults sample_results(const Case<T>& data) {
  SampleResults results;
  Masks masks;
  const SampleRows<T> rows = data.X.view();
  simd::forward(rows, data.W, data.a, data.y, data.affine(), results.values, masks, results.affine);
  const Vector b = support::normal_vector(1 + data.X.columns, 27);
  results.subtracted = results.values;
  results.square =
      simd::backward(rows, masks, b, data.affine(), results.subtracted, results.backward);
  simd::masked_moments(rows, data.W, data.y, results.moments);
  simd::predictions(rows, data.W, data.a, b, results.predictions);
  simd::activations(rows, 0, std::min(data.X.n, rows_per_block), data.W, results.activations);
  return results;
}

template <class T>
SampleResults sample_results(const Case<T>& data, int threads) {
  const ThreadCount scope(threads);
  return sample_results(data);
}

// Results of the plain loops in place of those of an instruction set.
template <class Compute>
auto by_plain_loops(const Compute& compute) {
  set_plain_loops_for_test(true);
  auto results = compute();
  set_plain_loops_for_test(false);
  return results;
}

// Instruction sets without fused multiply-adds round their products as well.
bool has_fused_multiply_add(std::int64_t target) {
#if HWY_ARCH_X86
  return target <= HWY_AVX2;
#else
  static_cast<void>(target);
  return true;
#endif
}

template <class T>
void expect_bits_of_plain_loops(Index n, Index m, Index columns, bool constant) {
  const Case<T> data = sample_case<T>(n, m, columns, constant);
  const auto compute = [&] { return sample_results(data); };
  EXPECT_TRUE(compute().same(by_plain_loops(compute)))
      << "n " << n << " m " << m << " columns " << columns << " bytes " << sizeof(T);
}

TEST_P(Kernels, SamplePassesHaveTheBitsOfThePlainLoops) {
  std::size_t turn = 0;
  for (const Index n : awkward) {
    for (const Index m : awkward) {
      ++turn;
      const Index columns = depths[turn % depths.size()];
      if (n == 0) continue;
      // At least one kernel of each target has to run, whether or not its bits are compared.
      if (!has_fused_multiply_add(GetParam())) {
        sample_results(sample_case<double>(n, m, columns, true));
        continue;
      }
      expect_bits_of_plain_loops<double>(n, m, columns, turn % 2 == 0);
      expect_bits_of_plain_loops<float>(n, m, columns, turn % 2 == 0);
    }
  }
  if (!has_fused_multiply_add(GetParam())) return;
  for (const Index columns : awkward) {
    if (columns == 0) continue;
    expect_bits_of_plain_loops<double>(241, 9, columns, columns % 2 == 1);
    expect_bits_of_plain_loops<float>(241, 9, columns, columns % 2 == 1);
  }
}

TEST_P(Kernels, PopulationFieldsHaveTheBitsOfThePlainLoops) {
  for (const Index q : {1, 7, 8, 9, 33, 64, 65, 200, 481, 700}) {
    for (const Index d : {1, 5, 8, 17}) {
      const Matrix U = awkward_units(35, d, 41);
      const Matrix V = awkward_units(q, d, 42);
      const Vector c = support::normal_vector(q, 43);
      const auto field = [&] {
        Matrix result;
        simd::population_field(U, V, c, result);
        return result;
      };
      const auto self_field = [&] {
        Matrix result;
        simd::population_self_field(V, c, result);
        return result;
      };
      const Matrix one = field();
      const Matrix other = self_field();
      if (!has_fused_multiply_add(GetParam())) continue;
      EXPECT_TRUE(same_bits(one, by_plain_loops(field))) << "q " << q << " d " << d;
      EXPECT_TRUE(same_bits(other, by_plain_loops(self_field))) << "q " << q << " d " << d;
    }
  }
}

template <class T>
using Dense = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

// A product against long double, and its bits against those of the plain loops.
template <class T>
void compare_product(Index rows, Index columns, Index depth, bool transposed, Part part,
                     bool compare_bits) {
  SCOPED_TRACE(testing::Message() << rows << "x" << columns << "x" << depth << " transposed "
                                  << transposed << " bytes " << sizeof(T));
  const Dense<T> A = support::normal_matrix(rows, depth, 51).cast<T>();
  const Dense<T> B = support::normal_matrix(depth, columns, 52).cast<T>();
  const Dense<T> start = support::normal_matrix(rows, columns, 53).cast<T>();
  const Dense<T> A_transposed = A.transpose();
  const Dense<T> B_transposed = B.transpose();
  const MatrixView<T> left =
      transposed ? transpose_of(A_transposed.data(), rows) : rows_of(A.data(), depth);
  const PackedFactor<T> right(
      depth, columns,
      transposed ? transpose_of(B_transposed.data(), depth) : rows_of(B.data(), columns));
  // A wider C, whose last columns must stay as they are.
  const Index stride = columns + 3;
  const auto product = [&] {
    Dense<T> C = Dense<T>::Constant(rows, stride, T{7});
    C.leftCols(columns) = start;
    simd::multiply_add(rows, left, right, C.data(), stride, part);
    return C;
  };
  const Dense<T> C = product();
  const Dense<T> plain = by_plain_loops(product);
  EXPECT_TRUE((C.rightCols(3).array() == T{7}).all());
  const double unit = double{std::numeric_limits<T>::epsilon()};
  for (Index i = 0; i < rows; ++i) {
    for (Index j = part == Part::upper ? i : 0; j < columns; ++j) {
      long double exact = start(i, j);
      long double size = std::abs(exact);
      for (Index k = 0; k < depth; ++k) {
        const long double term = static_cast<long double>(A(i, k)) * B(k, j);
        exact += term;
        size += std::abs(term);
      }
      ASSERT_NEAR(static_cast<double>(C(i, j)), static_cast<double>(exact),
                  static_cast<double>(size) * unit * (2.0 + std::sqrt(double(depth))))
          << i << ", " << j;
      if (compare_bits) {
        ASSERT_EQ(C(i, j), plain(i, j)) << i << ", " << j;
      }
    }
  }
}

TEST_P(Kernels, Products) {
  const bool compare_bits = has_fused_multiply_add(GetParam());
  std::size_t turn = 0;
  for (const Index rows : {1, 2, 5, 6, 7, 12, 13, 24, 95, 97}) {
    for (const Index columns : {1, 7, 8, 9, 16, 17, 40, 97}) {
      ++turn;
      const Index depth = std::array<Index, 5>{1, 3, 20, 240, 241}[turn % 5];
      const Part part = turn % 3 == 0 ? Part::upper : Part::all;
      compare_product<double>(rows, columns, depth, turn % 2 == 0, part, compare_bits);
      compare_product<float>(rows, columns, depth, turn % 2 == 0, part, compare_bits);
    }
  }
  compare_product<double>(0, 5, 3, false, Part::all, compare_bits);
  compare_product<double>(5, 9, 0, false, Part::all, compare_bits);
}

// The solution of Uᵀ X = B, in a wider matrix whose last columns must stay as they are.
TEST_P(Kernels, TriangularSolutions) {
  for (const Index size : {1, 2, 7, 31, 32}) {
    for (const Index columns : {0, 1, 7, 8, 9, 64, 65, 71, 130}) {
      SCOPED_TRACE(testing::Message() << size << "x" << columns);
      const Index stride = std::max(size, columns) + 3;
      Matrix U = support::normal_matrix(size, stride, 54);
      U.diagonal().array() += 8.0;
      // What lies below the diagonal is not read.
      U.leftCols(size).triangularView<Eigen::StrictlyLower>().setConstant(std::nan(""));
      const Matrix B = support::normal_matrix(size, stride, 55);
      const auto solution = [&] {
        Matrix X = B;
        simd::solve_transposed(size, columns, U.data(), X.data(), stride);
        return X;
      };
      const Matrix X = solution();
      EXPECT_TRUE(
          same_bits(X.rightCols(stride - columns).eval(), B.rightCols(stride - columns).eval()));
      for (Index i = 0; i < size; ++i) {
        for (Index j = 0; j < columns; ++j) {
          long double product = 0.0L;
          long double terms = 0.0L;
          for (Index k = 0; k <= i; ++k) {
            const long double term = static_cast<long double>(U(k, i)) * X(k, j);
            product += term;
            terms += std::abs(term);
          }
          ASSERT_NEAR(static_cast<double>(product), B(i, j), static_cast<double>(terms) * 1e-14);
        }
      }
      if (has_fused_multiply_add(GetParam())) {
        EXPECT_TRUE(same_bits(X, by_plain_loops(solution)));
      }
    }
  }
}

TEST_P(Kernels, ProductsOfColumns) {
  for (const Index rows : {0, 1, 7, 8, 9, 63, 64, 65, 200}) {
    for (const Index depth : {1, 3, 20}) {
      const Index stride = rows + 2;
      const Matrix C = support::normal_matrix(depth, stride, 56);
      const Vector u = support::normal_vector(depth, 57);
      const auto products = [&] {
        Vector y = Vector::Constant(rows + 1, 7.0);
        simd::products_of_columns(rows, depth, C.data(), stride, u.data(), y.data());
        return y;
      };
      const Vector y = products();
      EXPECT_EQ(y[rows], 7.0);
      for (Index t = 0; t < rows; ++t) {
        ASSERT_NEAR(y[t], u.dot(C.col(t)), 1e-13 * u.norm() * C.col(t).norm());
      }
      if (has_fused_multiply_add(GetParam())) {
        EXPECT_TRUE(same_bits(y, by_plain_loops(products))) << rows << " " << depth;
      }
    }
  }
}

template <class T>
void compare_threads(Index n, Index m, Index columns) {
  const Case<T> data = sample_case<T>(n, m, columns, true);
  const SampleResults one = sample_results(data, 1);
  for (const int threads : {2, 3, 5}) {
    EXPECT_TRUE(one.same(sample_results(data, threads))) << threads;
  }
}

TEST_P(Kernels, BitsDoNotDependOnThreads) {
  compare_threads<double>(1000, 33, 7);
  compare_threads<float>(1000, 33, 7);
  compare_threads<double>(9000, 9, 3);
  compare_threads<float>(9000, 9, 3);
  // Sums long enough to be added in several slices.
  compare_threads<double>(1000, 700, 30);
  const Matrix U = awkward_units(100, 7, 31);
  const Matrix V = awkward_units(600, 7, 32);
  const Vector c = support::normal_vector(600, 33);
  const auto field = [&](int threads) {
    const ThreadCount scope(threads);
    Matrix result;
    simd::population_field(U, V, c, result);
    return result;
  };
  const Matrix one = field(1);
  for (const int threads : {2, 3, 5}) EXPECT_TRUE(same_bits(one, field(threads))) << threads;
}

INSTANTIATE_TEST_SUITE_P(On, Kernels, testing::ValuesIn(support::instruction_sets()),
                         [](const auto& target) {
                           std::string name = hwy::TargetName(target.param);
                           return name == "?" ? "Target" + std::to_string(target.index) : name;
                         });

}  // namespace
}  // namespace lodestone::kernels
