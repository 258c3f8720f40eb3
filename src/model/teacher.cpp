#include "lodestone/model/teacher.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <utility>

#include "core/factorizations.hpp"
#include "lodestone/core/error.hpp"
#include "lodestone/core/random.hpp"

namespace lodestone {
namespace {

void require(bool rule_holds, const char* field, const std::string& value, const char* rule) {
  if (!rule_holds) throw InvalidArgument(std::string("teacher ") + field, value, rule);
}

}  // namespace

Teacher checked_teacher(Teacher teacher, const std::string& source) {
  const Index k = teacher.neurons();
  const auto fail = [&](const std::string& what) { throw InvalidArgument(source, "", what); };
  if (k == 0 || teacher.directions.rows() != k || teacher.dimension() == 0) {
    fail(
        fmt::format("a teacher needs as many directions as amplitudes, at least one; got {} and {}",
                    teacher.directions.rows(), k));
  }
  if (!teacher.directions.allFinite() || !teacher.amplitudes.allFinite()) {
    fail("directions and amplitudes must be finite");
  }
  for (Index j = 0; j < k; ++j) {
    const double norm = teacher.directions.row(j).stableNorm();
    if (norm == 0.0) fail(fmt::format("direction {} is zero; remove it", j + 1));
    if (teacher.amplitudes[j] == 0.0) fail(fmt::format("amplitude {} is zero; remove it", j + 1));
    // A shorter one has lost digits of its direction.
    if (norm < std::numeric_limits<double>::min() || !std::isfinite(norm)) {
      fail(fmt::format("direction {} has the length {}; scale it to 1", j + 1, norm));
    }
    // Rows that are already of unit length keep their bits.
    if (std::abs(norm - 1.0) > 4.0 * std::numeric_limits<double>::epsilon()) {
      teacher.directions.row(j) /= norm;
      teacher.amplitudes[j] *= norm;
      if (teacher.amplitudes[j] == 0.0 || !std::isfinite(teacher.amplitudes[j])) {
        fail(
            fmt::format("amplitude {} times the length {} of its direction is beyond the range of "
                        "float64; use other units",
                        j + 1, norm));
      }
    }
    for (Index i = 0; i < j; ++i) {
      const double chord = std::min((teacher.directions.row(j) - teacher.directions.row(i)).norm(),
                                    (teacher.directions.row(j) + teacher.directions.row(i)).norm());
      if (chord < 1e-9) {
        fail(fmt::format("directions {} and {} are parallel; merge them into one", i + 1, j + 1));
      }
    }
  }
  return teacher;
}

void RandomTeacher::validate() const {
  require(d >= 1 && d <= 100000, "d", std::to_string(d), "must be between 1 and 100000");
  require(k >= 1 && k <= 10000, "k", std::to_string(k), "must be between 1 and 10000");
  require(r >= 1 && r <= std::min(d, k), "r", std::to_string(r),
          "must be between 1 and the smaller of d and k");
  require(min_angle >= 0.0 && min_angle < 90.0, "min_angle", fmt::format("{}", min_angle),
          "must be at least 0 and below 90 degrees");
  require(amplitude_low > 0.0 && amplitude_low <= amplitude_high, "amplitudes",
          fmt::format("{}:{}", amplitude_low, amplitude_high),
          "must be LOW:HIGH with 0 < LOW <= HIGH");
  require(r > 1 || k == 1, "r", "1",
          "in one dimension all directions are parallel; use r >= 2 for k >= 2");
}

Teacher draw_teacher(const RandomTeacher& options) {
  options.validate();
  const RandomStream subspace(options.seed, "teacher subspace");
  Eigen::MatrixXd gaussian(options.d, options.r);
  for (Index i = 0; i < gaussian.size(); ++i) {
    gaussian.data()[i] = subspace.normal(static_cast<std::uint64_t>(i));
  }
  const Eigen::MatrixXd basis = orthonormal_columns(gaussian, options.r);

  // Rejection, one direction at a time; a crowded start is thrown away after a while.
  const double largest_cosine = std::cos(options.min_angle * std::numbers::pi / 180.0);
  const RandomStream candidates(options.seed, "teacher directions");
  Matrix inner(options.k, options.r);
  Index found = 0;
  std::uint64_t draw = 0;
  Index tries_since_start = 0;
  constexpr std::uint64_t most_draws = 2000000;
  while (found < options.k) {
    if (draw == most_draws) {
      throw InvalidArgument(
          "teacher min_angle", fmt::format("{}", options.min_angle),
          fmt::format("could not place {} directions that far apart in {} dimensions; lower the "
                      "angle or k, or raise r",
                      options.k, options.r));
    }
    if (++tries_since_start > 2000 * options.k) found = tries_since_start = 0;
    Eigen::RowVectorXd direction(options.r);
    for (Index j = 0; j < options.r; ++j) {
      direction[j] = candidates.normal(draw * static_cast<std::uint64_t>(options.r) +
                                       static_cast<std::uint64_t>(j));
    }
    ++draw;
    direction.normalize();
    const bool far_enough =
        found == 0 ||
        (inner.topRows(found) * direction.transpose()).cwiseAbs().maxCoeff() <= largest_cosine;
    if (far_enough) inner.row(found++) = direction;
  }

  Teacher teacher;
  teacher.directions = inner * basis.transpose();
  teacher.directions.rowwise().normalize();
  teacher.amplitudes.resize(options.k);
  const RandomStream amplitudes(options.seed, "teacher amplitudes");
  for (Index j = 0; j < options.k; ++j) {
    const double position = amplitudes.uniform(2 * static_cast<std::uint64_t>(j));
    const bool coin = amplitudes.uniform(2 * static_cast<std::uint64_t>(j) + 1) < 0.5;
    const double size =
        options.amplitude_low + position * (options.amplitude_high - options.amplitude_low);
    const bool negative =
        options.signs == Signs::negative || (options.signs == Signs::mixed && coin);
    teacher.amplitudes[j] = negative ? -size : size;
  }
  const bool all_equal =
      (teacher.amplitudes.array() > 0.0).all() || (teacher.amplitudes.array() < 0.0).all();
  if (options.signs == Signs::mixed && options.k > 1 && all_equal) {
    teacher.amplitudes[options.k - 1] = -teacher.amplitudes[options.k - 1];
  }
  return checked_teacher(std::move(teacher), "teacher");
}

double early_condition_number(const Teacher& teacher) {
  // The nonzero eigenvalues of H = Wᵀ diag(a) W, on the span of the rows of W.
  const SingularVectors svd = right_singular_vectors(teacher.directions);
  const Index rank = (svd.values.array() > 1e-9 * svd.values[0]).count();
  const Eigen::MatrixXd inner = teacher.directions * svd.V.leftCols(rank);
  const Eigen::MatrixXd H = inner.transpose() * teacher.amplitudes.asDiagonal() * inner;
  const Vector magnitudes = symmetric_eigenvalues(H).cwiseAbs();
  const double smallest = magnitudes.minCoeff();
  const double largest = magnitudes.maxCoeff();
  if (smallest <= 1e-14 * largest) return std::numeric_limits<double>::infinity();
  return largest / smallest;
}

}  // namespace lodestone
