// Teachers: drawing, checking, parsing, condition number, files.

#include "lodestone/model/teacher.hpp"

#include <gtest/gtest.h>

#include <Eigen/SVD>
#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <string>
#include <vector>

#include "lodestone/core/error.hpp"
#include "lodestone/model/dataset.hpp"
#include "lodestone/model/recovery.hpp"
#include "support.hpp"

namespace lodestone {
namespace {

using support::message_of;
using support::normal_matrix;
using support::normal_vector;
using support::same_bits;
using support::TemporaryFolder;

constexpr double degree = std::numbers::pi / 180.0;

Vector singular_values(const Matrix& directions) {
  return Eigen::JacobiSVD<Eigen::MatrixXd>(Eigen::MatrixXd(directions)).singularValues();
}

// Every combination is kept to: sizes, rank of the span, unit rows, least angle, amplitudes.
TEST(DrawTeacher, RespectsItsOptions) {
  std::uint64_t seed = 0;
  for (const Index d : {1, 2, 5, 40}) {
    for (const Index k : {1, 2, 4, 9}) {
      for (const Index r : {1, 2, 3, 9}) {
        if (r > std::min(d, k) || (r == 1 && k > 1)) continue;
        RandomTeacher options;
        options.d = d;
        options.k = k;
        options.r = r;
        options.min_angle = r == 2 ? 15.0 : 30.0;
        options.amplitude_low = 0.5;
        options.amplitude_high = 2.0;
        options.seed = seed++;
        SCOPED_TRACE(testing::Message() << "d " << d << " k " << k << " r " << r);
        const Teacher teacher = draw_teacher(options);
        ASSERT_EQ(teacher.neurons(), k);
        ASSERT_EQ(teacher.dimension(), d);
        EXPECT_LT((teacher.directions.rowwise().norm().array() - 1.0).abs().maxCoeff(), 1e-15);
        const Vector values = singular_values(teacher.directions);
        EXPECT_GT(values[r - 1], 1e-3 * values[0]);
        EXPECT_LT(values.size() > r ? values[r] : 0.0, 1e-14 * values[0]);
        for (Index i = 0; i < k; ++i) {
          for (Index j = 0; j < i; ++j) {
            EXPECT_GE(angle_between_lines_deg(teacher.directions.row(i), teacher.directions.row(j)),
                      options.min_angle - 1e-10);
          }
        }
        const Vector sizes = teacher.amplitudes.cwiseAbs();
        EXPECT_GE(sizes.minCoeff(), 0.5);
        EXPECT_LE(sizes.maxCoeff(), 2.0);
        if (k > 1) {
          EXPECT_GT(teacher.amplitudes.maxCoeff(), 0.0) << "mixed has both signs";
          EXPECT_LT(teacher.amplitudes.minCoeff(), 0.0) << "mixed has both signs";
          EXPECT_GT(sizes.maxCoeff() - sizes.minCoeff(), 0.0);
        }
      }
    }
  }
}

TEST(DrawTeacher, Signs) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    RandomTeacher options;
    options.seed = seed;
    options.signs = Signs::positive;
    const Teacher positive = draw_teacher(options);
    EXPECT_EQ(positive.amplitudes, Vector::Ones(4));
    options.signs = Signs::negative;
    const Teacher negative = draw_teacher(options);
    EXPECT_EQ(negative.amplitudes, -Vector::Ones(4));
    EXPECT_TRUE(same_bits(positive.directions, negative.directions)) << "signs alone differ";
    options.signs = Signs::mixed;
    EXPECT_EQ(draw_teacher(options).amplitudes.cwiseAbs(), Vector::Ones(4));
  }
}

TEST(DrawTeacher, SeedsDecide) {
  RandomTeacher options;
  const Teacher first = draw_teacher(options);
  EXPECT_TRUE(same_bits(first.directions, draw_teacher(options).directions));
  options.seed = 1;
  EXPECT_GT((first.directions - draw_teacher(options).directions).norm(), 0.1);
}

// In the plane without a least angle the direction is uniform: over 2000 seeds the mean of cos 4φ
// is 0 ± 0.0158, five standard errors are 0.08 (a false alarm in 2 million). Likewise the
// amplitudes, mean 1.5 ± 0.0065, and the fair coin of a single sign.
TEST(DrawTeacher, DirectionsAndAmplitudesAreUniform) {
  double fourth_harmonic = 0.0;
  double amplitude = 0.0;
  double sign = 0.0;
  for (std::uint64_t seed = 0; seed < 2000; ++seed) {
    RandomTeacher options;
    options.d = 2;
    options.k = 1;
    options.r = 1;
    options.min_angle = 0.0;
    options.amplitude_high = 2.0;
    options.seed = seed;
    const Teacher teacher = draw_teacher(options);
    const double angle = std::atan2(teacher.directions(0, 1), teacher.directions(0, 0));
    fourth_harmonic += std::cos(4.0 * angle) / 2000.0;
    amplitude += std::abs(teacher.amplitudes[0]) / 2000.0;
    sign += (teacher.amplitudes[0] > 0.0 ? 1.0 : -1.0) / 2000.0;
  }
  EXPECT_NEAR(fourth_harmonic, 0.0, 0.08);
  EXPECT_NEAR(amplitude, 1.5, 0.033);
  EXPECT_NEAR(sign, 0.0, 0.112);
}

TEST(DrawTeacher, NamesWhatIsOutOfRange) {
  const auto message = [](auto change) {
    RandomTeacher options;
    change(options);
    return message_of<InvalidArgument>([&] { draw_teacher(options); });
  };
  const auto expect = [](const std::string& text, const std::string& field) {
    EXPECT_EQ(text.rfind("teacher " + field + ":", 0), 0U) << field << ": " << text;
  };
  expect(message([](auto& o) { o.d = 0; }), "d");
  expect(message([](auto& o) { o.d = -3; }), "d");
  expect(message([](auto& o) { o.k = 0; }), "k");
  expect(message([](auto& o) { o.r = 0; }), "r");
  expect(message([](auto& o) { o.r = 5; }), "r");
  expect(message([](auto& o) { o.d = 3; }), "r");
  expect(message([](auto& o) { o.r = 1; }), "r");
  expect(message([](auto& o) { o.min_angle = -1.0; }), "min_angle");
  expect(message([](auto& o) { o.min_angle = 90.0; }), "min_angle");
  expect(message([](auto& o) { o.min_angle = std::nan(""); }), "min_angle");
  expect(message([](auto& o) { o.amplitude_low = 0.0; }), "amplitudes");
  expect(message([](auto& o) { o.amplitude_high = 0.5; }), "amplitudes");
  expect(message([](auto& o) { o.amplitude_low = std::nan(""); }), "amplitudes");
  EXPECT_NE(message([](auto& o) { o.amplitude_high = HUGE_VAL; }), "");
  // Four lines in the plane are at most 45 degrees apart.
  expect(message([](auto& o) {
           o.d = o.r = 2;
           o.min_angle = 46.0;
         }),
         "min_angle");
}

TEST(CheckedTeacher, MovesLengthsIntoAmplitudes) {
  Matrix directions(3, 2);
  directions << 3.0, 4.0, 0.0, -1e-200, -1e200, 1e200;
  const Teacher teacher = checked_teacher({directions, Vector{{2.0, 1.0, -1e-200}}}, "here");
  EXPECT_NEAR(teacher.amplitudes[0], 10.0, 1e-14);
  EXPECT_NEAR(teacher.amplitudes[1] / 1e-200, 1.0, 1e-14);
  EXPECT_NEAR(teacher.amplitudes[2], -std::sqrt(2.0), 1e-14);
  EXPECT_LT((teacher.directions.rowwise().norm().array() - 1.0).abs().maxCoeff(), 1e-15);
  EXPECT_NEAR(teacher.directions(0, 0), 0.6, 1e-15);
  EXPECT_EQ(teacher.directions(1, 1), -1.0);
}

TEST(CheckedTeacher, RejectsWhatIsNotATeacher) {
  const auto refused = [](const Matrix& directions, const Vector& amplitudes) {
    return message_of<InvalidArgument>([&] {
      checked_teacher({directions, amplitudes}, "SOURCE");
    });
  };
  const Matrix identity = Matrix::Identity(2, 2);
  const Vector ones = Vector::Ones(2);
  EXPECT_EQ(refused(identity, ones), "");
  const auto expect = [](const std::string& message, const std::string& part) {
    EXPECT_EQ(message.rfind("SOURCE", 0), 0U) << message;
    EXPECT_NE(message.find(part), std::string::npos) << message;
  };
  expect(refused(Matrix(0, 2), Vector(0)), "at least one");
  expect(refused(Matrix(2, 0), ones), "at least one");
  expect(refused(identity, Vector::Ones(3)), "2 and 3");
  expect(refused(identity, Vector{{1.0, 0.0}}), "amplitude 2");
  expect(refused(identity, Vector{{1.0, std::nan("")}}), "finite");
  Matrix bad = identity;
  bad(0, 1) = std::numeric_limits<double>::infinity();
  expect(refused(bad, ones), "finite");
  bad = identity;
  bad.row(1).setZero();
  expect(refused(bad, ones), "direction 2");
  bad.row(1) << 2.0, 0.0;
  expect(refused(bad, ones), "1 and 2");
  bad.row(1) << -3.0, 0.0;
  expect(refused(bad, ones), "parallel");
  bad.row(1) << 1.0, 1e-8;
  EXPECT_EQ(refused(bad, ones), "") << "close is not parallel";
}

TEST(ReadTeacher, RandomDescriptions) {
  RandomTeacher options;
  options.d = 6;
  options.k = 3;
  options.r = 2;
  options.min_angle = 12.5;
  options.signs = Signs::negative;
  options.amplitude_low = 0.5;
  options.amplitude_high = 2.0;
  options.seed = 77;
  const Teacher expected = draw_teacher(options);
  const Teacher read =
      read_teacher("random:seed=77,d=6,k=3,r=2,min-angle=12.5,signs=negative,amplitudes=0.5:2");
  EXPECT_TRUE(same_bits(read.directions, expected.directions));
  EXPECT_TRUE(same_bits(read.amplitudes, expected.amplitudes));
  EXPECT_TRUE(same_bits(read_teacher("random:").directions, draw_teacher({}).directions));
  EXPECT_EQ(read_teacher("random:d=3,k=2").dimension(), 3) << "r follows d and k";
  EXPECT_EQ(read_teacher("random:amplitudes=3,signs=positive").amplitudes,
            Vector::Constant(4, 3.0));
}

TEST(ReadTeacher, NamesWhatIsWrongInADescription) {
  const auto expect = [](const std::string& description, const std::string& part) {
    const std::string message =
        message_of<InvalidArgument>([&] { read_teacher("random:" + description); });
    EXPECT_NE(message.find(part), std::string::npos) << description << ": " << message;
  };
  expect("d", "KEY=VALUE");
  expect("d=2.5", "'2.5'");
  expect("d=-2", "'-2'");
  expect("d=", "''");
  expect("k=3x", "'3x'");
  expect("min-angle=wide", "'wide'");
  expect("min-angle=nan", "'nan'");
  expect("amplitudes=1:2:3", "'2:3'");
  expect("amplitudes=inf", "'inf'");
  expect("signs=both", "'both'");
  expect("min_angle=3", "did you mean 'min-angle'");
  expect("d=3,d=4", "twice");
  expect("d=99999999999999999999", "'99999999999999999999'");
  expect("k=2,r=7", "teacher r");
}

TEST(ReadTeacher, FilesKeepEveryBit) {
  const TemporaryFolder folder;
  std::uint64_t seed = 0;
  for (const Index d : {1, 2, 3, 20, 500, 3000}) {
    for (int repeat = 0; repeat < 5; ++repeat) {
      RandomTeacher options;
      options.d = d;
      options.k = options.r = std::min<Index>(d, 3);
      options.min_angle = 5.0;
      options.amplitude_low = 1e-3;
      options.amplitude_high = 1e3;
      options.seed = seed++;
      const Teacher teacher = draw_teacher(options);
      write_teacher(folder.file("teacher.json"), teacher);
      const Teacher read = read_teacher(folder.file("teacher.json"));
      EXPECT_TRUE(same_bits(read.directions, teacher.directions)) << d;
      EXPECT_TRUE(same_bits(read.amplitudes, teacher.amplitudes)) << d;
    }
  }
}

TEST(ReadTeacher, RejectsBadFiles) {
  const TemporaryFolder folder;
  const auto refused = [&](const std::string& content, const std::string& part) {
    const std::string path = folder.write("teacher.json", content);
    const std::string message = message_of<Error>([&] { read_teacher(path); });
    EXPECT_EQ(message.rfind(path, 0), 0U) << content << ": " << message;
    EXPECT_NE(message.find(part), std::string::npos) << content << ": " << message;
  };
  refused("", "JSON");
  refused("{\"directions\": [[1, 0]", "JSON");
  refused("[1, 2]", "directions");
  refused("{\"directions\": [[1, 0]]}", "amplitudes");
  refused("{\"directions\": [], \"amplitudes\": []}", "no numbers");
  refused("{\"directions\": [[]], \"amplitudes\": [1]}", "no numbers");
  refused("{\"directions\": [[1, 0], [1]], \"amplitudes\": [1, 1]}", "row 2");
  refused("{\"directions\": [[1, \"x\"]], \"amplitudes\": [1]}", "numbers only");
  refused("{\"directions\": [[1, null]], \"amplitudes\": [1]}", "numbers only");
  refused("{\"directions\": [[1, 0]], \"amplitudes\": 1}", "numbers only");
  refused("{\"directions\": [[1, 0]], \"amplitudes\": [1, 2]}", "1 and 2");
  refused("{\"directions\": [[0, 0]], \"amplitudes\": [1]}", "zero");
  refused("{\"directions\": [[1, 0], [-2, 0]], \"amplitudes\": [1, 1]}", "parallel");
  refused("{\"directions\": [[1, 1e999]], \"amplitudes\": [1]}", "");
  EXPECT_THROW(read_teacher(folder.file("missing.json")), FileError);
  EXPECT_THROW(read_teacher(""), Error);
  EXPECT_THROW(read_teacher("randomly"), FileError);
}

// κ of H = Σ a w wᵀ: 1 for orthonormal equal amplitudes, the ratio of amplitudes otherwise, and
// infinite where two teachers cancel.
TEST(EarlyConditionNumber, KnownCases) {
  const Matrix identity = Matrix::Identity(4, 6);
  EXPECT_NEAR(early_condition_number({identity, Vector::Ones(4)}), 1.0, 1e-14);
  EXPECT_NEAR(early_condition_number({identity, Vector{{1.0, -5.0, 2.0, -0.5}}}), 10.0, 1e-13);
  // In the plane: two unit amplitudes at angle φ give eigenvalues 1 ± cos φ.
  const double angle = 40.0 * degree;
  Matrix pair(2, 2);
  pair << 1.0, 0.0, std::cos(angle), std::sin(angle);
  EXPECT_NEAR(early_condition_number({pair, Vector::Ones(2)}),
              (1.0 + std::cos(angle)) / (1.0 - std::cos(angle)), 1e-12);
  // Opposite signs: eigenvalues ± sin φ.
  EXPECT_NEAR(early_condition_number({pair, Vector{{1.0, -1.0}}}), 1.0, 1e-14);
  // A third teacher of amplitude t half-way between two axes: eigenvalues 1 and 1 + t.
  Matrix three(3, 2);
  three << 1.0, 0.0, 0.0, 1.0, std::sqrt(0.5), std::sqrt(0.5);
  EXPECT_EQ(early_condition_number({three, Vector{{1.0, 1.0, -1.0}}}),
            std::numeric_limits<double>::infinity());
  EXPECT_NEAR(early_condition_number({three, Vector{{1.0, 1.0, 2.0}}}), 3.0, 1e-13);
}

TEST(EarlyConditionNumber, DoesNotDependOnCoordinates) {
  const Teacher teacher = support::small_teacher(3, 3, 5);
  const Eigen::MatrixXd wide = normal_matrix(9, 9, 6);
  const Matrix Q = Eigen::JacobiSVD<Eigen::MatrixXd>(wide, Eigen::ComputeFullU).matrixU();
  const Teacher turned{teacher.directions * Q.topRows(3), teacher.amplitudes};
  const double expected = early_condition_number(teacher);
  EXPECT_NEAR(early_condition_number(turned), expected, 1e-11 * expected);
}

// Variance of f_* against 100000 rows: five standard errors, a false alarm in 2 million.
TEST(TargetVariance, MatchesSampling) {
  const Teacher teacher = support::small_teacher(4, 3, 7);
  const Dataset data = draw_samples(teacher, 100000, 0.0, 8);
  const Eigen::ArrayXd squares = (data.y.array() - data.y.mean()).square();
  const double variance = squares.mean();
  const double error = std::sqrt((squares - variance).square().mean() / 100000.0);
  EXPECT_NEAR(target_variance(teacher), variance, 5.0 * error);
  const Dataset noisy = draw_samples(teacher, 100000, 0.5, 8);
  EXPECT_TRUE(same_bits(noisy.X, data.X));
  const double added = (noisy.y - data.y).array().square().mean();
  // The mean square of 100000 normals is 1 ± 0.0045; five standard errors.
  EXPECT_NEAR(added / (0.25 * target_variance(teacher)), 1.0, 0.0225);
}

// The first rows of a longer sample are the shorter sample.
TEST(DrawSamples, RowsDependOnSeedAndNumberAlone) {
  const Teacher teacher = support::small_teacher(3, 2, 9);
  const Dataset few = draw_samples(teacher, 7, 0.3, 10);
  const Dataset many = draw_samples(teacher, 20, 0.3, 10);
  EXPECT_TRUE(same_bits(few.X, Matrix(many.X.topRows(7))));
  EXPECT_TRUE(same_bits(few.y, Vector(many.y.head(7))));
  EXPECT_EQ(few.columns, (std::vector<std::string>{"x0", "x1", "x2"}));
  EXPECT_EQ(few.target, "y");
  EXPECT_THROW(draw_samples(teacher, 0, 0.0, 1), InvalidArgument);
  EXPECT_THROW(draw_samples(teacher, 5, -0.1, 1), InvalidArgument);
  EXPECT_THROW(draw_samples(teacher, 5, std::nan(""), 1), InvalidArgument);
}

}  // namespace
}  // namespace lodestone
