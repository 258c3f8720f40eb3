#pragma once

#include <vector>

#include "fit/folds.hpp"
#include "fit/prepared_rows.hpp"
#include "fit/progress.hpp"
#include "lodestone/fit/fit.hpp"
#include "lodestone/path/path.hpp"
#include "path/corrective.hpp"

namespace lodestone::fitting {

/// Cross-validation: every fold's path is kept, so that its features can be refitted afterwards.
class CrossValidation {
 public:
  /// Folds of these rows, at least one. `rows` and `options` must stay.
  CrossValidation(std::vector<Fold> folds, const PreparedRows& rows, const FitOptions& options);

  /// The mean error of models without neurons on the rows held out.
  double linear_error() const;

  /// Mean and standard error of the penalized networks on the rows held out, until they get worse.
  std::vector<Candidate> penalized_candidates(const std::vector<double>& lambdas,
                                              Progress& progress);

  /// The same for features refitted without penalty.
  void refit(Candidate& candidate, Progress& progress) const;

  /// The candidate's model without each fold, and its residuals at the fold's rows.
  PredictionIntervals intervals(const Candidate& candidate, Progress& progress) const;

  /// Sums of 1, 2, 3, ... smooth ridge functions from the directions of the networks at this point
  /// of the path, for as long as the error falls; at most `most` of them.
  void add_smooth(int index, Index most, std::vector<Candidate>& candidates,
                  Progress& progress) const;

  /// The path of a single fold, which was trained on all rows.
  std::vector<PathPoint> take_single_path();

  /// The most features that a fold's network at this point of the path has after merging.
  Index most_features(int index, double merge_angle_deg) const;

  Index fewest_training_rows() const;

 private:
  struct Errors {
    Vector deviances;
    Vector weights;  // sum to 1
  };

  Network refitted(const Candidate& candidate, std::size_t fold, Progress& progress) const;
  Network network_without(const Candidate& candidate, std::size_t fold, Progress& progress) const;
  Model model_without(const Fold& fold, const Network& network) const;
  Errors held_out_errors(const Fold& fold, const Network& network) const;
  void summarize(const std::vector<Errors>& errors, Candidate& candidate) const;

  std::vector<Fold> folds_;
  const PreparedRows& rows_;
  const FitOptions& options_;
  std::vector<path::CorrectivePath> solvers_;  // by fold
  std::vector<std::vector<Network>> paths_;    // by fold, then λ
  std::vector<PathPoint> points_of_single_;
};

}  // namespace lodestone::fitting
