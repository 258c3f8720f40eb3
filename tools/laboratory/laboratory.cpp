#include "laboratory/laboratory.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "laboratory/experiments.hpp"
#include "lodestone/core/error.hpp"
#include "lodestone/core/nearest_name.hpp"
#include "lodestone/core/random.hpp"
#include "lodestone/model/recovery.hpp"

namespace lodestone {

bool ExperimentResult::holds() const {
  return !checks.empty() && std::all_of(checks.begin(), checks.end(),
                                        [](const Check& check) { return check.holds(); });
}

const std::vector<Experiment>& experiments() {
  static const std::vector<Experiment> table = {
      laboratory::theorem_3_1(),
      laboratory::stage_1(),
      laboratory::stage_2(),
      laboratory::stage_3(),
      laboratory::definition_1(),
      laboratory::lemma_6_2(),
      laboratory::mass_bound(),
      laboratory::test_functions(),
      laboratory::lemma_6_1(),
      laboratory::lemma_5_1(),
      laboratory::gradient_lower_bound(),
      laboratory::lazy(),
      laboratory::samples(),
  };
  return table;
}

const Experiment& find_experiment(const std::string& id) {
  std::vector<std::string> ids;
  for (const Experiment& experiment : experiments()) {
    if (experiment.id == id) return experiment;
    ids.push_back(experiment.id);
  }
  const std::string hint = did_you_mean(id, ids);
  throw InvalidArgument("only", "'" + id + "'",
                        hint.empty() ? fmt::format("must be of {}", fmt::join(ids, ", "))
                                     : "no such experiment" + hint);
}

namespace laboratory {

std::uint64_t derived_seed(std::uint64_t seed, const std::string& purpose, std::uint64_t i) {
  const double uniform = RandomStream(seed, "laboratory " + purpose).uniform(i);
  return static_cast<std::uint64_t>(std::ldexp(uniform, 53));
}

double Draw::uniform(double low, double high) {
  return low + (high - low) * uniforms_.uniform(next_uniform_++);
}

double Draw::power(double low, double high) { return std::pow(10.0, uniform(low, high)); }

Index Draw::integer(Index low, Index high) {
  return low + static_cast<Index>(uniform(0.0, static_cast<double>(high - low + 1)));
}

bool Draw::coin() { return uniform(0.0, 1.0) < 0.5; }

Vector Draw::normal(Index size) {
  Vector result(size);
  for (double& entry : result) entry = normals_.normal(next_normal_++);
  return result;
}

Vector Draw::direction(Index size) { return normal(size).normalized(); }

double nearest_angle(const Matrix& directions, const Vector& w) {
  double least = 90.0;
  for (Index j = 0; j < directions.rows(); ++j) {
    least = std::min(least, angle_between_lines_deg(directions.row(j), w));
  }
  return least * std::numbers::pi / 180.0;
}

}  // namespace laboratory
}  // namespace lodestone
