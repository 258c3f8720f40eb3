#pragma once

#include <optional>
#include <string>
#include <vector>

namespace lodestone {

/// Weight decay λ of each epoch of stage 3 (docs/math.md, 4.3).
struct Schedule {
  enum class Kind {
    halving,   ///< λ_start, then times `factor` each epoch
    constant,  ///< λ_start throughout, one epoch
    none,      ///< λ = 0 throughout, one epoch
    list,      ///< the numbers in `values`, one an epoch
  };
  Kind kind = Kind::halving;
  double factor = 0.5;         ///< 0 < factor < 1
  std::vector<double> values;  ///< each >= 0, for Kind::list

  /// λ of an epoch counted from 0, or nothing when the schedule has ended.
  std::optional<double> lambda(long epoch, double lambda_start) const;

  /// Whether stage 3 begins at a λ_start (halving and constant do).
  bool has_start() const { return kind == Kind::halving || kind == Kind::constant; }
};

/// "halving", "constant", "none", or a file with one λ a line (# starts a comment).
/// Throws FileError for a missing file, a line that is not a number >= 0, an empty list.
Schedule read_schedule(const std::string& description);

}  // namespace lodestone
