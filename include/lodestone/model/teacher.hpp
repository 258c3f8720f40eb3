#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "lodestone/core/types.hpp"

namespace lodestone {

/// The network f_*(x) = Σ_j a*_j relu(w*_j·x) that generates the target (docs/math.md, 1.1).
struct Teacher {
  Matrix directions;  ///< k×d, unit rows w*_j, pairwise not parallel
  Vector amplitudes;  ///< k numbers a*_j, none zero

  Index neurons() const { return amplitudes.size(); }
  Index dimension() const { return directions.cols(); }
};

enum class Signs { positive, negative, mixed };

/// How to draw a random teacher: k directions, uniform in a uniformly random r-dimensional subspace
/// of R^d, kept when every pair (up to sign) is at least min_angle apart.
struct RandomTeacher {
  Index d = 20;                ///< input dimension, >= 1
  Index k = 4;                 ///< teacher neurons, >= 1
  Index r = 4;                 ///< dimension of their span, 1 <= r <= min(d, k)
  double min_angle = 25.0;     ///< degrees, 0 <= min_angle < 90
  Signs signs = Signs::mixed;  ///< mixed: fair coins, with both signs present when k > 1
  double amplitude_low = 1.0;  ///< |a*_j| uniform on [low, high], 0 < low <= high
  double amplitude_high = 1.0;
  std::uint64_t seed = 0;

  /// Throws InvalidArgument for a field out of range. (Whether so many directions fit that far
  /// apart is only known when they are drawn.)
  void validate() const;
};

/// Draws a teacher. Throws InvalidArgument for a field out of range, and when so many directions
/// cannot be found that far apart.
Teacher draw_teacher(const RandomTeacher& options);

/// Scales the directions to unit length, moving the lengths into the amplitudes, and checks the
/// teacher. Throws InvalidArgument for zero directions or amplitudes, parallel directions (up to
/// sign), numbers that are not finite, and sizes that do not match.
Teacher checked_teacher(Teacher teacher, const std::string& source);

/// A teacher as the command line names it: "random:d=20,k=4,r=4,min-angle=25,signs=mixed,seed=0"
/// (any subset of the keys) or a JSON file {"directions": k×d, "amplitudes": k}. k=LOW:HIGH and
/// r=LOW:HIGH are drawn by the seed: k uniform, then r uniform on the part of its range with
/// r <= min(d, k), and r >= 2 for k >= 2. Throws InvalidArgument or FileError.
Teacher read_teacher(const std::string& description);

/// What a description that starts with "random:" asks for, k and r drawn; nothing for a file's
/// name. Throws InvalidArgument for a key or value that is none.
std::optional<RandomTeacher> random_teacher(const std::string& description);

/// The description of a random teacher with one of its keys given or replaced. Throws
/// InvalidArgument for another kind of description, an unknown key, or a value that is none.
std::string with_teacher_key(const std::string& description, const std::string& key,
                             const std::string& value);

/// Writes the JSON form that read_teacher reads, whole or not at all.
void write_teacher(const std::string& path, const Teacher& teacher);

/// Condition number κ = |λ_1/λ_r| of H = Σ_j a*_j w*_j w*_jᵀ on the teachers' span: how well one
/// gradient step sees every direction (docs/math.md, 4.1). Infinite when H loses rank there.
double early_condition_number(const Teacher& teacher);

}  // namespace lodestone
