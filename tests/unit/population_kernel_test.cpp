// The field of directions on themselves, which shares the work of the pairs (p, q) and (q, p):
// against the plain loops, on every instruction set, with any threads.

#include <gtest/gtest.h>
#include <hwy/highway.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numbers>
#include <string>
#include <vector>

#include "instruction_sets.hpp"
#include "kernels/population.hpp"
#include "support.hpp"

namespace lodestone::kernels {
namespace {

using support::same_bits;
using support::ThreadCount;

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr double epsilon = std::numeric_limits<double>::epsilon();

// Compares on one instruction set after another.
class PopulationKernel : public ::testing::TestWithParam<int64_t> {
 protected:
  void SetUp() override {
    hwy::SetSupportedTargetsForTest(GetParam());
    ASSERT_EQ(hwy::SupportedTargets(), GetParam());
    ASSERT_FALSE(hwy::GetChosenTarget().IsInitialized());
  }

  // A kernel must have been dispatched, and to this target.
  void TearDown() override {
    EXPECT_TRUE(hwy::GetChosenTarget().IsInitialized()) << "no kernel was called";
    hwy::ChosenTarget expected;
    expected.Update(GetParam());
    EXPECT_EQ(hwy::GetChosenTarget().GetIndex(), expected.GetIndex())
        << hwy::TargetName(GetParam()) << " did not run";
    hwy::SetSupportedTargetsForTest(0);
  }
};

// Leaves NaN behind the last row: the buffer was longer, was full of NaN, and shrank in place.
template <class Dense>
Dense poisoned_behind(const Dense& dense) {
  Dense longer = Dense::Constant(dense.rows() + 64, dense.cols(), nan);
  longer.topRows(dense.rows()) = dense;
  longer.conservativeResize(dense.rows(), Eigen::NoChange);
  return longer;
}

// Unit rows with what makes kernels stumble: a zero row, equal and opposite rows near and far.
Matrix awkward_units(Index rows, Index d, std::uint64_t seed) {
  Matrix V = unit_directions(support::normal_matrix(rows, d, seed));
  if (rows > 5) {
    V.row(2).setZero();
    V.row(3) = V.row(0);
    V.row(4) = -V.row(0);
    V.row(rows - 1) = V.row(0);
    V.row(rows / 2) = -V.row(1);
  }
  return poisoned_behind(V);
}

// The allowance of the general field's test: rounding times Σ|c|, at every angle.
void compare_fields(const Matrix& V, const Vector& c) {
  Matrix expected;
  Matrix field = Matrix::Constant(3, 2, nan);
  reference::population_self_field(V, c, expected);
  simd::population_self_field(V, c, field);
  ASSERT_EQ(field.rows(), V.rows());
  ASSERT_EQ(field.cols(), V.cols());
  if (field.size() == 0) return;
  const auto terms = static_cast<double>(V.rows() + V.cols());
  EXPECT_LE((field - expected).cwiseAbs().maxCoeff(),
            (20.0 + std::sqrt(terms)) * epsilon * (c.cwiseAbs().sum() + 1e-300));
}

TEST_P(PopulationKernel, SelfField) {
  constexpr std::array<Index, 9> depths = {1, 2, 3, 4, 5, 7, 8, 9, 20};
  std::size_t turn = 0;
  // Groups of 16 rows, chunks of 64 columns, and parts: from 128 rows on there are several.
  for (const Index n : {0,  1,  2,   7,   8,   9,   15,  16,  17,  31,  33,  63,
                        64, 65, 127, 128, 129, 191, 193, 204, 257, 512, 513, 700}) {
    const Index d = depths[turn++ % depths.size()];
    SCOPED_TRACE(testing::Message() << "n " << n << " d " << d);
    compare_fields(awkward_units(n, d, 1), poisoned_behind(support::normal_vector(n, 2)));
  }
  for (const Index d : {1, 2, 3, 4, 5, 6, 7, 8, 9, 15, 16, 17, 31, 33, 129}) {
    SCOPED_TRACE(testing::Message() << "d " << d);
    compare_fields(awkward_units(150, d, 3), poisoned_behind(support::normal_vector(150, 4)));
  }
}

// A long call first: a later, shorter one must not see what it left in memory.
TEST_P(PopulationKernel, SelfFieldForgetsTheLastCall) {
  Matrix ignored;
  simd::population_self_field(Matrix::Constant(700, 33, nan), Vector::Constant(700, nan), ignored);
  EXPECT_TRUE(ignored.array().isNaN().all());
  compare_fields(awkward_units(201, 5, 5), support::normal_vector(201, 6));
}

// Rows beyond unit length by rounding: the cosine is clipped and nothing is NaN.
TEST_P(PopulationKernel, SelfFieldAtCosinesBeyondOne) {
  const Matrix U = (1.0 + 4.0 * epsilon) * unit_directions(support::normal_matrix(80, 9, 7));
  Matrix both(160, 9);
  both << U, -U;
  Matrix field;
  simd::population_self_field(both, Vector::Ones(160), field);
  EXPECT_TRUE(field.allFinite());
  compare_fields(both, Vector::Ones(160));
}

// The arcsine by itself: with u = (1, 0), v = (x, 1) and c = 2π the second coordinate of the field
// is asin(x), free of the sine. (v is no unit vector; the formula holds as it stands.)
TEST_P(PopulationKernel, ArcsineAgainstLongDouble) {
  std::vector<double> cosines = {0.0, 1e-300, 1e-16, 1e-8, 0.5, 1.0};
  for (int i = 1; i <= 2000; ++i) cosines.push_back(i / 2000.0);
  for (int i = 1; i <= 52; ++i) {
    cosines.push_back(1.0 - std::ldexp(1.0, -i));
    cosines.push_back(std::ldexp(1.0, -i));
  }
  double near = std::sqrt(0.5);  // where the branches meet
  for (int i = 0; i < 8; ++i) cosines.push_back(near = std::nextafter(near, i < 4 ? 0.0 : 1.0));
  const auto count = static_cast<Index>(cosines.size());
  Matrix U(2, 2);
  U << 1.0, 0.0, -1.0, 0.0;
  double worst = 0.0;
  for (Index i = 0; i < count; ++i) {
    const double x = cosines[static_cast<std::size_t>(i)];
    Matrix V(1, 2);
    V << x, 1.0;
    Matrix field;
    simd::population_field(U, V, Vector::Constant(1, 2.0 * std::numbers::pi), field);
    const long double exact = std::asin(static_cast<long double>(x));
    const double scale = std::max(static_cast<double>(exact), 1e-300);
    worst = std::max(worst, static_cast<double>(std::abs(field(0, 1) - exact)) / scale);
    worst = std::max(worst, static_cast<double>(std::abs(field(1, 1) + exact)) / scale);
  }
  EXPECT_LE(worst, 4.0 * epsilon);
}

TEST_P(PopulationKernel, SelfFieldBitsDoNotDependOnThreads) {
  for (const Index n : {100, 204, 700}) {
    const Matrix V = awkward_units(n, 7, 8);
    const Vector c = support::normal_vector(n, 9);
    const auto compute = [&](int threads) {
      const ThreadCount count(threads);
      Matrix field;
      simd::population_self_field(V, c, field);
      return field;
    };
    const Matrix one = compute(1);
    for (const int threads : {2, 3, 5}) EXPECT_TRUE(same_bits(one, compute(threads))) << threads;
  }
}

INSTANTIATE_TEST_SUITE_P(On, PopulationKernel, testing::ValuesIn(support::instruction_sets()),
                         [](const auto& target) {
                           std::string name = hwy::TargetName(target.param);
                           return name == "?" ? "Target" + std::to_string(target.index) : name;
                         });

}  // namespace
}  // namespace lodestone::kernels
