#pragma once

#include <cmath>
#include <limits>

#include "core/statistics.hpp"
#include "laboratory/laboratory.hpp"
#include "lodestone/core/random.hpp"

// The experiments, one a file of the same name, and what they share.
namespace lodestone::laboratory {

Experiment theorem_3_1();
Experiment stage_1();
Experiment stage_2();
Experiment stage_3();
Experiment samples();
Experiment definition_1();
Experiment lemma_6_2();
Experiment mass_bound();
Experiment test_functions();
Experiment lemma_5_1();
Experiment gradient_lower_bound();
Experiment lemma_6_1();
Experiment lazy();

inline constexpr double infinity = std::numeric_limits<double>::infinity();

/// One of three sizes, by the effort asked for.
template <class T>
T by_effort(Effort effort, T minimal, T quick, T full) {
  if (effort == Effort::minimal) return minimal;
  return effort == Effort::quick ? quick : full;
}

inline bool stopped(const LaboratoryOptions& options) {
  return options.should_stop && options.should_stop();
}

inline void report_progress(const LaboratoryOptions& options, double share) {
  if (options.on_progress) options.on_progress(share);
}

/// The seed of the i-th of an experiment's random objects: different for every experiment
/// ("purpose"), seed and i.
std::uint64_t derived_seed(std::uint64_t seed, const std::string& purpose, std::uint64_t i);

/// One random number after another from a stream of its own.
class Draw {
 public:
  Draw(std::uint64_t seed, const std::string& purpose)
      : uniforms_(seed, purpose), normals_(seed, purpose + " normal") {}

  double uniform(double low, double high);  ///< on (low, high)
  double power(double low, double high);    ///< 10^u, u uniform on (low, high)
  Index integer(Index low, Index high);     ///< uniform on low, ..., high
  bool coin();
  Vector normal(Index size);     ///< independent standard normals
  Vector direction(Index size);  ///< uniform on the unit sphere

 private:
  RandomStream uniforms_;
  RandomStream normals_;
  std::uint64_t next_uniform_ = 0;
  std::uint64_t next_normal_ = 0;
};

/// Angle between the line through w and the nearest of the lines through the rows of directions
/// (k×d), in radians in [0, π/2].
double nearest_angle(const Matrix& directions, const Vector& w);

}  // namespace lodestone::laboratory
