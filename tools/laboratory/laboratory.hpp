#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "io/figure.hpp"
#include "lodestone/core/types.hpp"

namespace lodestone {

/// How much an experiment measures.
enum class Effort {
  minimal,  ///< well under a second: just enough for a test to see that it holds, or does not
  quick,    ///< seconds
  full,     ///< minutes
};

struct LaboratoryOptions {
  std::uint64_t seed = 0;  ///< teachers, networks and starts are drawn from it
  Effort effort = Effort::full;

  /// Take the statement's assumption away, as Experiment::broken_assumption says: it should fail.
  bool broken = false;

  /// Optional, asked often, from one thread; true ends the experiment early, and its result is then
  /// to be thrown away.
  std::function<bool()> should_stop;

  /// Optional: the share of the experiment that is done, in [0, 1]. Called from one thread.
  std::function<void(double)> on_progress;
};

/// A measured number and the bounds it is held against, which were computed without it.
struct Check {
  std::string quantity;  ///< what was measured, in words, with its unit where it has one
  double measured = 0.0;
  double lower = -std::numeric_limits<double>::infinity();
  double upper = std::numeric_limits<double>::infinity();

  /// Whether lower <= measured <= upper; a NaN never does.
  bool holds() const { return measured >= lower && measured <= upper; }
};

/// What an experiment found.
struct ExperimentResult {
  std::vector<Check> checks;  ///< at least one; the first is the one that the statement is about
  std::string verdict;        ///< what the numbers say, in a few sentences
  std::vector<DataTable> tables;
  std::vector<Figure> figures;  ///< the first is the experiment's own

  /// Whether every check holds.
  bool holds() const;
};

/// One statement of the theory made into a measurement that can fail (docs/math.md, 7).
struct Experiment {
  std::string id;                 ///< in lower case, with digits, dots and dashes
  std::string title;              ///< a few words
  std::string statement;          ///< one sentence
  bool reconstructed = true;      ///< worked out from the paper's abstract, not quoted from it
  std::string measurement;        ///< what is measured, on what
  std::string comparison;         ///< the bound or exponent, and where it comes from
  std::string broken_assumption;  ///< what LaboratoryOptions::broken takes away

  /// Throws nothing but what the library throws for options out of range.
  std::function<ExperimentResult(const LaboratoryOptions&)> run;
};

/// All experiments, in the order in which a newcomer should read them.
const std::vector<Experiment>& experiments();

/// The experiment of that id. Throws InvalidArgument that names the nearest id.
const Experiment& find_experiment(const std::string& id);

}  // namespace lodestone
