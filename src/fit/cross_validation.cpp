#include "fit/cross_validation.hpp"

#include <algorithm>
#include <cmath>
#include <memory>
#include <utility>

#include "core/parallel.hpp"
#include "fit/choice.hpp"
#include "fit/refit.hpp"
#include "fit/shapes.hpp"

namespace lodestone::fitting {
namespace {

// Values of λ without a better validation error after which the path ends, when the error is also
// clearly above the best one.
constexpr int values_without_gain = 3;
constexpr double clearly_worse = 1.02;

// Numbers of directions without a better validation error after which no more are tried.
constexpr int directions_without_gain = 2;

// What the rows of a range have of one number a row, or of none.
Vector within(const Vector& values, const RowRange& range) {
  return values.size() == 0 ? Vector() : Vector(values.segment(range.first, range.count));
}

}  // namespace

CrossValidation::CrossValidation(std::vector<Fold> folds, const PreparedRows& rows,
                                 const FitOptions& options)
    : folds_(std::move(folds)), rows_(rows), options_(options), paths_(folds_.size()) {
  for (const Fold& fold : folds_) solvers_.emplace_back(*fold.training);
}

double CrossValidation::linear_error() const {
  std::vector<Errors> errors;
  for (const Fold& fold : folds_) {
    errors.push_back(held_out_errors(fold, Network::empty(fold.training->dimension())));
  }
  Candidate candidate;
  summarize(errors, candidate);
  return candidate.validation_error;
}

std::vector<Candidate> CrossValidation::penalized_candidates(const std::vector<double>& lambdas,
                                                             Progress& progress) {
  PathOptions options = options_.path;
  options.rigorous = false;
  if (folds_.size() > 1) {
    // Only errors come of a fold's path; a single one is that of all rows.
    options.thorough = false;
    options.certified = false;
  }
  PathObserver observer;
  observer.should_stop = [&] { return progress.stopped(); };
  std::vector<Candidate> candidates;
  double least = HUGE_VAL;
  int since_least = 0;
  for (std::size_t i = 0; i < lambdas.size(); ++i) {
    std::vector<Errors> errors(folds_.size());
    for_each_block(static_cast<Index>(folds_.size()), [&](Index block) {
      const auto k = static_cast<std::size_t>(block);
      PathPoint point = solvers_[k].solve(lambdas[i], options, observer);
      paths_[k].push_back(point.network);
      errors[k] = held_out_errors(folds_[k], point.network);
      if (folds_.size() == 1) points_of_single_.push_back(std::move(point));
      progress.add(1.0, "cross-validation");
    });
    if (progress.stopped()) break;
    Candidate candidate;
    candidate.index = static_cast<int>(i);
    summarize(errors, candidate);
    since_least = candidate.validation_error < least ? 0 : since_least + 1;
    least = std::min(least, candidate.validation_error);
    const bool worse = candidate.validation_error > clearly_worse * least;
    candidates.push_back(std::move(candidate));
    if (since_least >= values_without_gain && worse) break;
  }
  return candidates;
}

void CrossValidation::refit(Candidate& candidate, Progress& progress) const {
  std::vector<Errors> errors(folds_.size());
  for_each_block(static_cast<Index>(folds_.size()), [&](Index block) {
    const auto k = static_cast<std::size_t>(block);
    errors[k] = held_out_errors(folds_[k], refitted(candidate, k, progress));
  });
  summarize(errors, candidate);
}

Network CrossValidation::refitted(const Candidate& candidate, std::size_t fold,
                                  Progress& progress) const {
  return refit_best(*folds_[fold].training, paths_[fold][static_cast<std::size_t>(candidate.index)],
                    candidate.merge_angle_deg, candidate.feature_count,
                    [&] { return progress.stopped(); });
}

Network CrossValidation::network_without(const Candidate& candidate, std::size_t fold,
                                         Progress& progress) const {
  if (candidate.relaxed) return refitted(candidate, fold, progress);
  const Network& network = paths_[fold][static_cast<std::size_t>(candidate.index)];
  if (!candidate.smooth) return network;
  RidgePursuit pursuit =
      pursuit_from(*folds_[fold].training->sample(), network, [&] { return progress.stopped(); });
  for (Index count = 0; count < candidate.feature_count; ++count) pursuit.add();
  return pursuit.sum().network();
}

PredictionIntervals CrossValidation::intervals(const Candidate& candidate,
                                               Progress& progress) const {
  PredictionIntervals result;
  result.folds.resize(folds_.size());
  for_each_block(static_cast<Index>(folds_.size()), [&](Index block) {
    const auto k = static_cast<std::size_t>(block);
    const auto [first, count] = folds_[k].held_out;
    const Dataset& table = *folds_[k].table;
    PredictionIntervals::Fold& fold = result.folds[k];
    fold.model = model_without(folds_[k], network_without(candidate, k, progress));
    const Vector predictions = fold.model.predict(table.X.middleRows(first, count),
                                                  within(table.offset, folds_[k].held_out));
    const Vector residuals = (predictions - table.y.segment(first, count)).cwiseAbs();
    const Vector weights = within(table.weights, folds_[k].held_out);
    fold.residuals = kept_residuals(residuals, weights);
    fold.weight = weights.size() == 0 ? static_cast<double>(count) : weights.sum();
    fold.rows = count;
  });
  if (progress.stopped()) return {};  // a refit was cut short
  double total = 0.0;
  for (const PredictionIntervals::Fold& fold : result.folds) total += fold.weight;
  for (PredictionIntervals::Fold& fold : result.folds) fold.weight /= total;
  return result;
}

void CrossValidation::add_smooth(int index, Index most, std::vector<Candidate>& candidates,
                                 Progress& progress) const {
  std::vector<std::unique_ptr<RidgePursuit>> pursuits(folds_.size());
  std::vector<Errors> errors(folds_.size());
  double least = HUGE_VAL;
  int since_least = 0;
  for (Index count = 1; count <= most && since_least < directions_without_gain; ++count) {
    for_each_block(static_cast<Index>(folds_.size()), [&](Index block) {
      const auto k = static_cast<std::size_t>(block);
      if (!pursuits[k]) {
        pursuits[k] = std::make_unique<RidgePursuit>(
            pursuit_from(*folds_[k].training->sample(), paths_[k][static_cast<std::size_t>(index)],
                         [&] { return progress.stopped(); }));
      }
      // A fold that has nothing left to explain stays as it is.
      pursuits[k]->add();
      errors[k] = held_out_errors(folds_[k], pursuits[k]->sum().network());
    });
    if (progress.stopped()) return;
    progress.add(1.0, "smooth shapes");
    Candidate candidate;
    candidate.index = index;
    candidate.smooth = true;
    candidate.feature_count = count;
    summarize(errors, candidate);
    since_least = candidate.validation_error < least ? 0 : since_least + 1;
    least = std::min(least, candidate.validation_error);
    candidates.push_back(std::move(candidate));
  }
}

std::vector<PathPoint> CrossValidation::take_single_path() { return std::move(points_of_single_); }

Index CrossValidation::most_features(int index, double merge_angle_deg) const {
  Index most = 0;
  for (const std::vector<Network>& path : paths_) {
    const Network& network = path[static_cast<std::size_t>(index)];
    most = std::max(most, merged_for(*folds_.front().training, network, merge_angle_deg).width());
  }
  return most;
}

Index CrossValidation::fewest_training_rows() const {
  Index fewest = folds_.front().training->rows();
  for (const Fold& fold : folds_) fewest = std::min(fewest, fold.training->rows());
  return fewest;
}

Model CrossValidation::model_without(const Fold& fold, const Network& network) const {
  Model model = to_original_units(network, fold.training->affines(network), options_.biases,
                                  rows_.standardization);
  model.columns = rows_.data.columns;
  model.target = rows_.data.target;
  model.offset_column = rows_.data.offset_column;
  model.family = options_.family;
  model.constraints = rows_.constraints;
  return model;
}

CrossValidation::Errors CrossValidation::held_out_errors(const Fold& fold,
                                                         const Network& network) const {
  const Dataset& table = *fold.table;
  const auto [first, count] = fold.held_out;
  Errors errors;
  errors.deviances = deviances(model_without(fold, network), table, first, count);
  if (table.weights.size() == 0) {
    errors.weights = Vector::Constant(count, 1.0 / static_cast<double>(count));
  } else {
    errors.weights = table.weights.segment(first, count);
    errors.weights /= errors.weights.sum();
  }
  return errors;
}

void CrossValidation::summarize(const std::vector<Errors>& errors, Candidate& candidate) const {
  if (errors.size() > 1) {
    candidate.parts.resize(static_cast<Index>(errors.size()));
    for (std::size_t k = 0; k < errors.size(); ++k) {
      candidate.parts[static_cast<Index>(k)] =
          errors[k].weights.dot(errors[k].deviances) / rows_.null_deviance;
    }
  } else {
    // A single set of rows: the mean over rows, each by its weight.
    const auto count = static_cast<double>(errors.front().deviances.size());
    candidate.parts =
        errors.front().deviances.cwiseProduct(errors.front().weights) * count / rows_.null_deviance;
  }
  candidate.validation_error = candidate.parts.mean();
  candidate.standard_error = standard_error(candidate.parts);
}

}  // namespace lodestone::fitting
