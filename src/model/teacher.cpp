#include "lodestone/teacher.hpp"

#include <fmt/format.h>

#include <Eigen/Eigenvalues>
#include <Eigen/QR>
#include <Eigen/SVD>
#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <numbers>
#include <set>
#include <string_view>
#include <utility>

#include "core/nearest_name.hpp"
#include "lodestone/error.hpp"
#include "lodestone/file.hpp"
#include "lodestone/random.hpp"

namespace lodestone {
namespace {

constexpr std::string_view random_prefix = "random:";

void require(bool rule_holds, const char* field, const std::string& value, const char* rule) {
  if (!rule_holds) throw InvalidArgument(std::string("teacher ") + field, value, rule);
}

double parse_number(std::string_view key, std::string_view text) {
  double value = 0.0;
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (status != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) {
    throw InvalidArgument(fmt::format("teacher {}", key), fmt::format("'{}'", text),
                          "must be a number");
  }
  return value;
}

std::int64_t parse_integer(std::string_view key, std::string_view text) {
  std::int64_t value = 0;
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (status != std::errc() || end != text.data() + text.size() || value < 0) {
    throw InvalidArgument(fmt::format("teacher {}", key), fmt::format("'{}'", text),
                          "must be a whole number, 0 or more");
  }
  return value;
}

RandomTeacher parse_random(std::string_view description) {
  RandomTeacher options;
  bool r_given = false;
  std::set<std::string, std::less<>> seen;
  std::string_view rest = description;
  while (!rest.empty()) {
    const std::size_t comma = rest.find(',');
    const std::string_view item = rest.substr(0, comma);
    rest = comma == std::string_view::npos ? std::string_view{} : rest.substr(comma + 1);
    const std::size_t equals = item.find('=');
    if (equals == std::string_view::npos) {
      throw InvalidArgument("teacher", fmt::format("'{}'", item),
                            "must be KEY=VALUE, as in random:d=20,k=4,seed=0");
    }
    const std::string_view key = item.substr(0, equals);
    const std::string_view value = item.substr(equals + 1);
    if (!seen.insert(std::string(key)).second) {
      throw InvalidArgument("teacher", std::string(item), "this key is given twice");
    }
    if (key == "d") {
      options.d = parse_integer(key, value);
    } else if (key == "k") {
      options.k = parse_integer(key, value);
    } else if (key == "r") {
      options.r = parse_integer(key, value);
      r_given = true;
    } else if (key == "seed") {
      options.seed = static_cast<std::uint64_t>(parse_integer(key, value));
    } else if (key == "min-angle") {
      options.min_angle = parse_number(key, value);
    } else if (key == "amplitudes") {
      const std::size_t colon = value.find(':');
      options.amplitude_low = parse_number(key, value.substr(0, colon));
      options.amplitude_high = colon == std::string_view::npos
                                   ? options.amplitude_low
                                   : parse_number(key, value.substr(colon + 1));
    } else if (key == "signs") {
      if (value == "mixed") {
        options.signs = Signs::mixed;
      } else if (value == "positive") {
        options.signs = Signs::positive;
      } else if (value == "negative") {
        options.signs = Signs::negative;
      } else {
        throw InvalidArgument("teacher signs", fmt::format("'{}'", value),
                              "must be mixed, positive or negative");
      }
    } else {
      const std::string nearest =
          nearest_name(key, {"d", "k", "r", "min-angle", "signs", "amplitudes", "seed"});
      throw InvalidArgument(
          "teacher", fmt::format("unknown key '{}'", key),
          (nearest.empty() ? std::string() : fmt::format("did you mean '{}'? ", nearest)) +
              "the keys are d, k, r, min-angle, signs, amplitudes, seed");
    }
  }
  if (!r_given) options.r = std::min(options.d, options.k);
  return options;
}

Teacher read_teacher_file(const std::string& path) {
  nlohmann::json document;
  try {
    document = nlohmann::json::parse(read_file(path));
  } catch (const nlohmann::json::parse_error& error) {
    throw FileError(path, fmt::format("not a JSON file (stopped at byte {}); a teacher is "
                                      "{{\"directions\": [[...], ...], \"amplitudes\": [...]}}",
                                      error.byte));
  }
  if (!document.is_object() || !document.contains("directions") ||
      !document.contains("amplitudes")) {
    throw FileError(path,
                    "a teacher needs \"directions\" (k rows of d numbers) and \"amplitudes\" "
                    "(k numbers)");
  }
  Teacher teacher;
  try {
    const auto rows = document["directions"].get<std::vector<std::vector<double>>>();
    const auto amplitudes = document["amplitudes"].get<std::vector<double>>();
    if (rows.empty() || rows.front().empty()) {
      throw FileError(path, "\"directions\" holds no numbers");
    }
    teacher.directions.resize(static_cast<Index>(rows.size()),
                              static_cast<Index>(rows.front().size()));
    for (std::size_t j = 0; j < rows.size(); ++j) {
      if (rows[j].size() != rows.front().size()) {
        throw FileError(path, fmt::format("\"directions\" row {} has {} numbers, the first has {}",
                                          j + 1, rows[j].size(), rows.front().size()));
      }
      teacher.directions.row(static_cast<Index>(j)) =
          Eigen::Map<const Eigen::RowVectorXd>(rows[j].data(), static_cast<Index>(rows[j].size()));
    }
    teacher.amplitudes =
        Eigen::Map<const Vector>(amplitudes.data(), static_cast<Index>(amplitudes.size()));
  } catch (const nlohmann::json::type_error&) {
    throw FileError(path, "\"directions\" and \"amplitudes\" must hold numbers only");
  }
  return checked_teacher(std::move(teacher), path);
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
    // Rows that are already of unit length keep their bits.
    if (std::abs(norm - 1.0) > 4.0 * std::numeric_limits<double>::epsilon()) {
      teacher.directions.row(j) /= norm;
      teacher.amplitudes[j] *= norm;
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

Teacher draw_teacher(const RandomTeacher& options) {
  require(options.d >= 1 && options.d <= 100000, "d", std::to_string(options.d),
          "must be between 1 and 100000");
  require(options.k >= 1 && options.k <= 10000, "k", std::to_string(options.k),
          "must be between 1 and 10000");
  require(options.r >= 1 && options.r <= std::min(options.d, options.k), "r",
          std::to_string(options.r), "must be between 1 and the smaller of d and k");
  require(options.min_angle >= 0.0 && options.min_angle < 90.0, "min-angle",
          fmt::format("{}", options.min_angle), "must be at least 0 and below 90 degrees");
  require(options.amplitude_low > 0.0 && options.amplitude_low <= options.amplitude_high,
          "amplitudes", fmt::format("{}:{}", options.amplitude_low, options.amplitude_high),
          "must be LOW:HIGH with 0 < LOW <= HIGH");
  require(options.r > 1 || options.k == 1, "r", "1",
          "in one dimension all directions are parallel; use r >= 2 for k >= 2");

  const RandomStream subspace(options.seed, "teacher subspace");
  Eigen::MatrixXd gaussian(options.d, options.r);
  for (Index i = 0; i < gaussian.size(); ++i) {
    gaussian.data()[i] = subspace.normal(static_cast<std::uint64_t>(i));
  }
  const Eigen::MatrixXd basis = Eigen::HouseholderQR<Eigen::MatrixXd>(gaussian).householderQ() *
                                Eigen::MatrixXd::Identity(options.d, options.r);

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
          "teacher min-angle", fmt::format("{}", options.min_angle),
          fmt::format("could not place {} directions that far apart in {} dimensions; lower "
                      "min-angle or k, or raise r",
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

Teacher read_teacher(const std::string& description) {
  const std::string_view view = description;
  if (view.substr(0, random_prefix.size()) == random_prefix) {
    return draw_teacher(parse_random(view.substr(random_prefix.size())));
  }
  return read_teacher_file(description);
}

void write_teacher(const std::string& path, const Teacher& teacher) {
  nlohmann::json document;
  document["directions"] = nlohmann::json::array();
  for (Index j = 0; j < teacher.neurons(); ++j) {
    const Eigen::RowVectorXd row = teacher.directions.row(j);
    document["directions"].push_back(std::vector<double>(row.begin(), row.end()));
  }
  document["amplitudes"] =
      std::vector<double>(teacher.amplitudes.begin(), teacher.amplitudes.end());
  write_file_atomically(path, document.dump(1) + "\n");
}

double early_condition_number(const Teacher& teacher) {
  // The nonzero eigenvalues of H = Wᵀ diag(a) W, on the span of the rows of W.
  const Eigen::JacobiSVD<Eigen::MatrixXd> svd(Eigen::MatrixXd(teacher.directions),
                                              Eigen::ComputeThinV);
  Index rank = 0;
  while (rank < svd.singularValues().size() &&
         svd.singularValues()[rank] > 1e-9 * svd.singularValues()[0]) {
    ++rank;
  }
  const Eigen::MatrixXd inner = teacher.directions * svd.matrixV().leftCols(rank);
  const Eigen::MatrixXd H = inner.transpose() * teacher.amplitudes.asDiagonal() * inner;
  const Vector magnitudes =
      Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd>(H).eigenvalues().cwiseAbs();
  const double smallest = magnitudes.minCoeff();
  const double largest = magnitudes.maxCoeff();
  if (smallest <= 1e-14 * largest) return std::numeric_limits<double>::infinity();
  return largest / smallest;
}

}  // namespace lodestone
