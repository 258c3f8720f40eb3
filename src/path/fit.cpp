#include "lodestone/fit.hpp"

#include <fmt/format.h>

#include <Eigen/Cholesky>
#include <algorithm>
#include <cmath>
#include <memory>
#include <mutex>
#include <numeric>
#include <utility>

#include "core/parallel.hpp"
#include "lodestone/error.hpp"
#include "lodestone/random.hpp"
#include "path/corrective.hpp"
#include "path/descent.hpp"
#include "path/refit.hpp"

namespace lodestone {
namespace {

// Values of λ without a better validation error after which the path ends, when the error is also
// clearly above the best one.
constexpr int patience = 3;

// Values of λ after the best one that the path of all rows still shows.
constexpr int shown_beyond = 2;
constexpr double clearly_worse = 1.02;

// Share of the target's variance below which what the linear part leaves is rounding.
constexpr double linear_target = 1e-20;

// Rows made ready: what they are trained on and how to come back.
struct Prepared {
  Standardization standardization;
  std::unique_ptr<SampleObjective> objective;
};

SampleData standardized(const Dataset& data, const Standardization& standardization,
                        const FitOptions& options) {
  return {standardization.apply(data.X), data.y / standardization.target_scale, data.weights,
          options.biases, options.precision};
}

Prepared prepare(const Dataset& data, const FitOptions& options) {
  Prepared rows;
  rows.standardization = Standardization::fit(options.standardize, data.X, data.y, data.weights);
  rows.objective =
      std::make_unique<SampleObjective>(standardized(data, rows.standardization, options));
  return rows;
}

Model model_of(const Network& network, const Prepared& rows, const Dataset& data, bool biases) {
  Model model =
      to_original_units(network, rows.objective->affine(network), biases, rows.standardization);
  model.columns = data.columns;
  model.encodings = data.encodings;
  model.target = data.target;
  model.ranges = column_ranges(data.X);
  return model;
}

Vector normalized_weights(const Dataset& data) {
  if (data.weights.size() == 0) {
    return Vector::Constant(data.y.size(), 1.0 / static_cast<double>(data.y.size()));
  }
  return data.weights / data.weights.sum();
}

double variance(const Dataset& data) {
  const Vector weights = normalized_weights(data);
  const double mean = weights.dot(data.y);
  return weights.dot((data.y.array() - mean).square().matrix());
}

double standard_error(const Vector& parts) {
  const auto count = static_cast<double>(parts.size());
  return std::sqrt((parts.array() - parts.mean()).square().sum() / (count * (count - 1.0)));
}

// Whether `other` is better by more than the standard error of the paired difference.
bool clearly_better(const Candidate& other, const Candidate& than) {
  const Vector difference = than.parts - other.parts;
  return difference.mean() > standard_error(difference);
}

// Rows that lie one after the other.
struct RowRange {
  Index first;
  Index count;
};

// A table whose folds lie one after the other, so that an objective can leave one out without
// copying the others.
struct FoldedRows {
  Dataset data;
  std::vector<RowRange> folds;
};

FoldedRows by_folds(const Dataset& data, int folds, std::uint64_t seed) {
  const Index n = data.y.size();
  const std::vector<Index> deal = RandomStream(seed, "folds").permutation(n);
  std::vector<Index> order;
  FoldedRows result;
  for (Index k = 0; k < folds; ++k) {
    const auto first = static_cast<Index>(order.size());
    for (Index t = k; t < n; t += folds) order.push_back(deal[static_cast<std::size_t>(t)]);
    std::sort(order.begin() + first, order.end());
    result.folds.push_back({first, static_cast<Index>(order.size()) - first});
  }
  result.data = take_rows(data, order);
  return result;
}

// A fold as the caller deals it: its rows may overlap with those of others.
struct GivenFold {
  Dataset training;
  Dataset held_out;
};

std::vector<GivenFold> given_folds(const Dataset& data, const std::vector<Split>& splits) {
  const auto take = [&](const std::vector<Index>& rows) {
    if (rows.empty()) throw InvalidArgument("splits", "no rows", "every fold must have some");
    for (const Index row : rows) {
      if (row < 0 || row >= data.y.size()) {
        throw InvalidArgument("splits", fmt::format("row {}", row),
                              fmt::format("there are {} rows, counted from 0", data.y.size()));
      }
    }
    return weighted_rows(take_rows(data, rows));
  };
  std::vector<GivenFold> result;
  for (const Split& split : splits) {
    result.push_back({take(split.training), take(split.held_out)});
  }
  return result;
}

// Reports from several threads, one at a time.
class Progress {
 public:
  Progress(const FitObserver& observer, double units) : observer_(observer), units_(units) {}

  void add(double units, const std::string& what) {
    if (!observer_.on_progress) return;
    const std::scoped_lock lock(mutex_);
    done_ += units;
    observer_.on_progress(std::min(1.0, done_ / units_), what);
  }
  bool stopped() const { return observer_.should_stop && observer_.should_stop(); }

 private:
  const FitObserver& observer_;
  double units_;
  std::mutex mutex_;
  double done_ = 0.0;
};

// Cross-validation: every fold's path is kept, so that its features can be refitted afterwards.
// All folds are in the units of the whole table's standardization, so that λ means the same in
// each.
class CrossValidation {
 public:
  /// Leaves out one range of the rows after the other. What is given must stay.
  CrossValidation(const Prepared& rows, const Dataset& data, const std::vector<RowRange>& ranges,
                  const FitOptions& options)
      : rows_(rows), options_(options), target_variance_(variance(data)) {
    for (const RowRange& range : ranges) {
      reduced_.push_back(std::make_unique<const SampleObjective>(
          rows.objective->without_rows(range.first, range.count)));
      folds_.push_back({*reduced_.back(), data, range});
    }
    paths_.resize(folds_.size());
  }

  /// Trains on all rows and compares on the rows of another table. What is given must stay.
  CrossValidation(const Prepared& rows, const Dataset& data, const Dataset& validation,
                  const FitOptions& options)
      : rows_(rows), options_(options), target_variance_(variance(data)) {
    folds_.push_back({*rows.objective, validation, {0, validation.y.size()}});
    paths_.resize(1);
  }

  /// Any folds of the rows `data`, which are copied. `rows` and `options` must stay.
  CrossValidation(const Prepared& rows, const Dataset& data, std::vector<GivenFold> given,
                  const FitOptions& options)
      : rows_(rows), options_(options), target_variance_(variance(data)), given_(std::move(given)) {
    for (const GivenFold& fold : given_) {
      reduced_.push_back(std::make_unique<const SampleObjective>(
          standardized(fold.training, rows.standardization, options)));
      folds_.push_back({*reduced_.back(), fold.held_out, {0, fold.held_out.y.size()}});
    }
    paths_.resize(folds_.size());
  }

  // Mean and standard error of the penalized networks on the rows held out, until they get worse.
  std::vector<Candidate> penalized(const std::vector<double>& lambdas, Progress& progress) {
    PathOptions options = options_.path;
    options.rigorous = false;
    if (folds_.size() > 1) {
      // Only errors come of a fold's path; a single one is that of all rows.
      options.thorough = false;
      options.certified = false;
      options.gap_tolerance = std::max(options.gap_tolerance, 1e-2);
      options.max_rounds = std::min(options.max_rounds, 40);
    }
    for (const Fold& fold : folds_) solvers_.emplace_back(fold.objective);
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
        errors[k] = held_out_errors(k, point.network);
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
      if (since_least >= patience && worse) break;
    }
    return candidates;
  }

  // The same for features refitted without penalty.
  void refit(Candidate& candidate, Progress& progress) const {
    std::vector<Errors> errors(folds_.size());
    for_each_block(static_cast<Index>(folds_.size()), [&](Index block) {
      const auto k = static_cast<std::size_t>(block);
      const Network network = path::refit_best(
          folds_[k].objective, paths_[k][static_cast<std::size_t>(candidate.index)],
          candidate.merge_angle_deg, candidate.features, [&] { return progress.stopped(); });
      errors[k] = held_out_errors(k, network);
    });
    summarize(errors, candidate);
  }

  /// The path of a single fold, which was trained on all rows.
  std::vector<PathPoint> take_single_path() { return std::move(points_of_single_); }

  /// The most features that a fold's network at this point of the path has after merging.
  Index most_features(int index, double merge_angle_deg) const {
    Index most = 0;
    for (const std::vector<Network>& path : paths_) {
      const Network& network = path[static_cast<std::size_t>(index)];
      most = std::max(most, merged(network, merge_angle_deg).width());
    }
    return most;
  }

  Index fewest_training_rows() const {
    Index fewest = folds_.front().objective.rows();
    for (const Fold& fold : folds_) fewest = std::min(fewest, fold.objective.rows());
    return fewest;
  }

 private:
  struct Fold {
    const SampleObjective& objective;
    const Dataset& table;  // of the rows held out
    RowRange held_out;
  };

  struct Errors {
    Vector squared;
    Vector weights;  // sum to 1
  };

  Errors held_out_errors(std::size_t k, const Network& network) const {
    const auto& [objective, table, held_out] = folds_[k];
    Model model = to_original_units(network, objective.affine(network), options_.biases,
                                    rows_.standardization);
    model.columns = table.columns;
    const Vector values = model.predict(table.X.middleRows(held_out.first, held_out.count));
    Errors errors;
    errors.squared = (values - table.y.segment(held_out.first, held_out.count)).cwiseAbs2();
    if (table.weights.size() == 0) {
      errors.weights = Vector::Constant(held_out.count, 1.0 / static_cast<double>(held_out.count));
    } else {
      errors.weights = table.weights.segment(held_out.first, held_out.count);
      errors.weights /= errors.weights.sum();
    }
    return errors;
  }

  void summarize(const std::vector<Errors>& errors, Candidate& candidate) const {
    if (errors.size() > 1) {
      candidate.parts.resize(static_cast<Index>(errors.size()));
      for (std::size_t k = 0; k < errors.size(); ++k) {
        candidate.parts[static_cast<Index>(k)] =
            errors[k].weights.dot(errors[k].squared) / target_variance_;
      }
    } else {
      // A single set of rows: the mean over rows, each by its weight.
      const auto count = static_cast<double>(errors.front().squared.size());
      candidate.parts =
          errors.front().squared.cwiseProduct(errors.front().weights) * count / target_variance_;
    }
    candidate.validation_error = candidate.parts.mean();
    candidate.standard_error = standard_error(candidate.parts);
  }

  const Prepared& rows_;
  const FitOptions& options_;
  double target_variance_;
  std::vector<GivenFold> given_;
  std::vector<std::unique_ptr<const SampleObjective>> reduced_;
  std::vector<Fold> folds_;
  std::vector<path::CorrectivePath> solvers_;  // by fold
  std::vector<std::vector<Network>> paths_;    // by fold, then λ
  std::vector<PathPoint> points_of_single_;
};

// The values of λ; with one given, about as dense as without and ending there.
std::vector<double> lambda_values(const FitOptions& fit_options, double largest) {
  PathOptions options = fit_options.path;
  if (!options.values.empty()) return options.values;
  if (fit_options.lambda >= largest) return {fit_options.lambda};
  if (fit_options.lambda > 0.0) {
    const double ratio = fit_options.lambda / largest;
    const double share = std::log(ratio) / std::log(options.lambda_ratio);
    options.lambdas = 1 + static_cast<int>(std::ceil(share * std::max(1, options.lambdas - 1)));
    options.lambda_ratio = ratio;
  }
  std::vector<double> values;
  const double steps = std::max(1, options.lambdas - 1);
  for (int i = 0; i < options.lambdas; ++i) {
    values.push_back(largest * std::pow(options.lambda_ratio, i / steps));
  }
  if (fit_options.lambda > 0.0) values.back() = fit_options.lambda;
  return values;
}

std::vector<Index> feature_counts(Index most) {
  std::vector<Index> counts;
  for (Index count = 1; count <= most; count = std::max(count + 1, count * 5 / 4)) {
    counts.push_back(count);
  }
  return counts;
}

// Where the smallest validation error is among the refits, or among the others; -1 without any.
int position_of_least(const std::vector<Candidate>& candidates, bool relaxed) {
  int best = -1;
  for (int c = 0; c < static_cast<int>(candidates.size()); ++c) {
    const auto error = [&](int i) {
      return candidates[static_cast<std::size_t>(i)].validation_error;
    };
    if (candidates[static_cast<std::size_t>(c)].relaxed != relaxed) continue;
    if (best < 0 || error(c) < error(best)) best = c;
  }
  return best;
}

// Refits of the features found at the best λ and at the largest λ within a standard error of it:
// neurons that share a direction are merged closely or boldly, and the heaviest 1, 2, 3, ... kept.
void add_relaxed(const CrossValidation& validation, const FitOptions& options, Index dimension,
                 std::vector<Candidate>& candidates, Progress& progress) {
  const Candidate best = candidates[static_cast<std::size_t>(position_of_least(candidates, false))];
  int sparse = best.index;
  for (const Candidate& candidate : candidates) {
    if (candidate.validation_error <= best.validation_error + best.standard_error) {
      sparse = candidate.index;
      break;
    }
  }
  // What is refitted: an index of the path and an angle of merging, and how many features that
  // leaves at most. A bolder merge that merges nothing more is no other candidate.
  struct Source {
    int index;
    double angle;
    Index features;
  };
  std::vector<Source> sources;
  for (const int index : {best.index, sparse}) {
    for (const double angle : {2.0, 15.0}) {
      const Index features = validation.most_features(index, angle);
      const bool known = std::any_of(sources.begin(), sources.end(), [&](const Source& source) {
        return source.index == index && source.features == features;
      });
      if (!known) sources.push_back({index, angle, features});
    }
  }
  // A refit with more weights than half the rows would interpolate.
  const Index most =
      std::min(options.path.max_neurons, validation.fewest_training_rows() / 2 / (dimension + 1));
  double least = HUGE_VAL;
  int since_least = 0;
  Index last = 0;
  for (const Index count : feature_counts(most)) {
    double least_of_count = HUGE_VAL;
    for (const Source& source : sources) {
      if (progress.stopped()) return;
      // All that there are were refitted already.
      if (last >= source.features) continue;
      Candidate candidate;
      candidate.index = source.index;
      candidate.relaxed = true;
      candidate.merge_angle_deg = source.angle;
      candidate.features = std::min(count, source.features);
      validation.refit(candidate, progress);
      if (progress.stopped()) return;  // this refit was cut short
      progress.add(1.0, "refits");
      least_of_count = std::min(least_of_count, candidate.validation_error);
      candidates.push_back(candidate);
    }
    last = count;
    since_least = least_of_count < least ? 0 : since_least + 1;
    least = std::min(least, least_of_count);
    if (since_least >= 3) break;
  }
}

double active_share(const Feature& feature, const Dataset& data) {
  const Vector z = (data.X * feature.direction).array() + feature.bias;
  return normalized_weights(data).dot((z.array() > 0.0).cast<double>().matrix());
}

std::vector<FeatureReport> report_features(const Objective& objective, const Network& network,
                                           const Network& features, double lambda) {
  std::vector<FeatureReport> reports(static_cast<std::size_t>(features.width()));
  const Vector mass = masses(features);
  const Correlation correlation =
      objective.residual(network)->correlate(unit_directions(features.W));
  for (Index i = 0; i < features.width(); ++i) {
    FeatureReport& report = reports[static_cast<std::size_t>(i)];
    report.mass = mass[i];
    report.share = mass[i] / mass.sum();
    report.eta = -correlation.value[i] / lambda;
  }
  return reports;
}

// The same λ again, from the point's network and, on rows, the direction where |η| is largest.
PathPoint resumed(const Objective& objective, const PathPoint& point, const PathOptions& options,
                  const PathObserver& observer) {
  const auto* rows = dynamic_cast<const SampleObjective*>(&objective);
  if (rows == nullptr) {
    return solve_at(objective, point.lambda, point.network, options, observer);
  }
  path::CorrectivePath corrective(*rows);
  corrective.start_from(point.network);
  if (point.certificate.direction.size() > 0) {
    corrective.remember(point.certificate.direction.transpose());
  }
  return corrective.solve(point.lambda, options, observer);
}

// The chosen point, after the full search for sup |η| where it is not proven. What the short
// searches along the path have missed there is made up for.
void take_point(const Objective& objective, const PathOptions& options,
                const PathObserver& observer, PathPoint& point, FitResult& result) {
  if (point.certificate.kind == Certificate::Kind::estimated) {
    AscentOptions ascent;
    ascent.sketch = true;
    ascent.seed = options.seed;
    const auto search = [&](PathPoint& at) {
      const Certificate full = estimate_certificate(objective, at.network, at.lambda, ascent);
      // Either search can only find too little.
      if (full.gap >= at.certificate.gap) at.certificate = full;
    };
    search(point);
    // What the full search found is where the work goes on; it may uncover more.
    const int most_resumptions = objective.smooth() ? 1 : 5;
    for (int i = 0; i < most_resumptions; ++i) {
      const bool stopped = observer.should_stop && observer.should_stop();
      if (point.certificate.relative_gap <= options.gap_tolerance || stopped ||
          point.network.width() >= options.max_neurons) {
        break;
      }
      PathOptions thorough = options;
      thorough.thorough = true;
      thorough.seed = options.seed + static_cast<std::uint64_t>(i) + 1;
      PathPoint again = resumed(objective, point, thorough, observer);
      ascent.seed = thorough.seed;
      search(again);
      again.rounds += point.rounds;
      again.evaluations += point.evaluations;
      if (again.certificate.gap < point.certificate.gap) point = std::move(again);
    }
  }
  result.network = point.network;
  result.certificate = point.certificate;
  result.loss = point.loss;
  result.penalized_loss = point.penalized_loss;
  result.lambda = point.lambda;
}

// Where λ is given, there is one model: the last point's, refitted on request.
std::vector<Candidate> last_point_only(int points, bool relaxed) {
  Candidate candidate;
  candidate.index = points - 1;
  candidate.relaxed = relaxed;
  candidate.merge_angle_deg = 2.0;
  return {candidate};
}

// Fewer features, or as many and a smaller error.
bool simpler(const Candidate& other, const Candidate& than) {
  return other.features < than.features ||
         (other.features == than.features && other.validation_error < than.validation_error);
}

// The best candidate and the one that is taken, which the one-standard-error rule makes simpler.
// A refit is best only where validation clearly says that it helps, unless refits were asked for.
std::pair<int, int> choose(const std::vector<Candidate>& candidates, const FitOptions& options) {
  const auto at = [&](int c) -> const Candidate& {
    return candidates[static_cast<std::size_t>(c)];
  };
  const auto count = static_cast<int>(candidates.size());
  const bool only_relaxed = options.relaxed == Relaxed::always;
  const int least = position_of_least(candidates, true);
  int best = position_of_least(candidates, false);
  if (best < 0 || (least >= 0 && (only_relaxed || clearly_better(at(least), at(best))))) {
    // Among refits, which have as many features as they are given, more of them must clearly help.
    best = least;
    for (int c = 0; c < count; ++c) {
      if (at(c).relaxed && simpler(at(c), at(best)) && !clearly_better(at(least), at(c))) best = c;
    }
  }
  int chosen = best;
  if (options.select == Selection::one_standard_error) {
    const double most = at(best).validation_error + at(best).standard_error;
    for (int c = 0; c < count; ++c) {
      const bool allowed = at(c).relaxed || !only_relaxed;
      if (allowed && simpler(at(c), at(chosen)) && at(c).validation_error <= most) chosen = c;
    }
  }
  return {best, chosen};
}

// Directions without the bias coordinate, of unit length.
Matrix input_directions(const Network& network, bool biases) {
  return unit_directions(network.W.leftCols(network.W.cols() - (biases ? 1 : 0)));
}

// The features descended on a resample. Too few different rows for the affine part determine no
// direction: no features then.
Network fitted_again(const SampleObjective& rows, const Vector& resampled, const Network& features,
                     double lambda, const std::function<bool()>& should_stop) {
  std::unique_ptr<SampleObjective> objective;
  try {
    objective = std::make_unique<SampleObjective>(rows.with_weights(resampled));
  } catch (const InvalidArgument&) {
    return {Vector(0), Matrix(0, features.W.cols())};
  }
  path::DescentOptions descent;
  descent.should_stop = should_stop;
  return path::descend(*objective, features, lambda, descent).network;
}

// Angles between the features and their counterparts in resamples (docs/math.md, 9.6).
void bootstrap(const SampleObjective& rows, const Dataset& data, const FitOptions& options,
               bool relaxed, Progress& progress, FitResult& result) {
  constexpr double counterpart_deg = 30.0;
  const Index n = data.y.size();
  const Index count = result.features.width();
  const Vector weights = normalized_weights(data);
  Vector cumulative(n);
  std::partial_sum(weights.begin(), weights.end(), cumulative.begin());
  const Matrix directions = input_directions(result.features, options.biases);
  Matrix angles(options.bootstrap, count);
  for_each_block(options.bootstrap, [&](Index b) {
    const RandomStream stream(options.seed, fmt::format("bootstrap {}", b));
    Vector resampled = Vector::Zero(n);
    for (Index t = 0; t < n; ++t) {
      const double at = stream.uniform(static_cast<std::uint64_t>(t)) * cumulative[n - 1];
      const auto row =
          std::upper_bound(cumulative.begin(), cumulative.end(), at) - cumulative.begin();
      resampled[std::min<Index>(row, n - 1)] += 1.0;
    }
    const Matrix found = input_directions(
        fitted_again(rows, resampled, result.features, relaxed ? 0.0 : result.lambda,
                     [&] { return progress.stopped(); }),
        options.biases);
    for (Index i = 0; i < count; ++i) {
      double least = 90.0;
      for (Index j = 0; j < found.rows(); ++j) {
        least = std::min(least, angle_between_lines_deg(directions.row(i), found.row(j)));
      }
      angles(b, i) = least;
    }
    progress.add(1.0, "bootstrap");
  });
  // Resamples cut short stay near the features they started from: no errors rather than small ones.
  if (progress.stopped()) return;
  for (Index i = 0; i < count; ++i) {
    std::vector<double> column(angles.col(i).begin(), angles.col(i).end());
    std::sort(column.begin(), column.end());
    FeatureReport& report = result.reports[static_cast<std::size_t>(i)];
    report.angle_error_deg = std::sqrt(angles.col(i).squaredNorm() / options.bootstrap);
    const auto position = static_cast<std::size_t>(std::ceil(0.95 * options.bootstrap)) - 1;
    report.angle_95_deg = column[position];
    report.found_share =
        static_cast<double>((angles.col(i).array() < counterpart_deg).count()) / options.bootstrap;
  }
}

}  // namespace

const char* name(Selection selection) {
  return selection == Selection::best ? "best" : "one-standard-error";
}

Selection parse_selection(const std::string& text) {
  for (const Selection selection : {Selection::best, Selection::one_standard_error}) {
    if (text == name(selection)) return selection;
  }
  throw InvalidArgument("select", "'" + text + "'", "must be best or one-standard-error");
}

const char* name(Relaxed relaxed) {
  switch (relaxed) {
    case Relaxed::automatic:
      return "auto";
    case Relaxed::never:
      return "never";
    case Relaxed::always:
      return "always";
  }
  return "";
}

Relaxed parse_relaxed(const std::string& text) {
  for (const Relaxed relaxed : {Relaxed::automatic, Relaxed::never, Relaxed::always}) {
    if (text == name(relaxed)) return relaxed;
  }
  throw InvalidArgument("relaxed", "'" + text + "'", "must be auto, never or always");
}

PathOptions FitOptions::default_path() {
  PathOptions path;
  path.lambdas = 30;
  path.lambda_ratio = 1e-4;
  return path;
}

void FitOptions::validate() const {
  path.validate();
  if (folds < 2) throw InvalidArgument("folds", fmt::format("{}", folds), "must be at least 2");
  if (splits.size() == 1) throw InvalidArgument("splits", "1", "must be at least 2 folds, or none");
  if (max_features < 0) {
    throw InvalidArgument("max-features", fmt::format("{}", max_features),
                          "must be positive, or 0 for the default");
  }
  if (!(lambda >= 0.0) || !std::isfinite(lambda)) {
    throw InvalidArgument("lambda", fmt::format("{}", lambda), "must be positive");
  }
  if (!(gap_tolerance >= 0.0)) {
    throw InvalidArgument("gap-tolerance", fmt::format("{}", gap_tolerance), "must be positive");
  }
  if (bootstrap < 0) {
    throw InvalidArgument("bootstrap", fmt::format("{}", bootstrap), "must be 0 or positive");
  }
}

std::vector<std::string> feature_warnings(const Network& features,
                                          const std::vector<FeatureReport>& reports) {
  constexpr double nearly_parallel_deg = 5.0;
  constexpr double nearly_linear = 0.005;
  std::vector<std::string> warnings;
  for (Index i = 0; i < features.width(); ++i) {
    for (Index j = 0; j < i; ++j) {
      const double angle = angle_between_lines_deg(features.W.row(i), features.W.row(j));
      if (angle >= nearly_parallel_deg) continue;
      const bool opposite = (features.a[i] > 0.0) != (features.a[j] > 0.0);
      const FeatureReport& one = reports[static_cast<std::size_t>(i)];
      const FeatureReport& other = reports[static_cast<std::size_t>(j)];
      if (opposite && std::abs(one.mass - other.mass) < 0.2 * (one.mass + other.mass)) {
        warnings.push_back(fmt::format(
            "features {} and {} are {:.2g} degrees apart with amplitudes of opposite sign that "
            "nearly cancel: their difference is what matters, not either of them",
            j + 1, i + 1, angle));
      } else {
        warnings.push_back(fmt::format(
            "features {} and {} are nearly parallel ({:.2g} degrees): read them as one direction",
            j + 1, i + 1, angle));
      }
    }
    const double active = reports[static_cast<std::size_t>(i)].active_share;
    if (active < nearly_linear || active > 1.0 - nearly_linear) {
      warnings.push_back(fmt::format(
          "feature {} is {} on {:.1f} % of the rows: there it belongs to the linear part", i + 1,
          active < 0.5 ? "off" : "on", 100.0 * std::max(active, 1.0 - active)));
    }
  }
  return warnings;
}

FitResult fit(Dataset all, const std::optional<Dataset>& validation, const FitOptions& given,
              const FitObserver& observer) {
  given.validate();
  std::vector<GivenFold> own_folds;
  if (given.lambda == 0.0 && !validation) own_folds = given_folds(all, given.splits);
  FoldedRows folded{weighted_rows(std::move(all)), {}};
  const Index n = folded.data.y.size();
  bool choosing = given.lambda == 0.0;
  if (choosing && !validation && given.splits.empty() && given.folds > n) {
    throw InvalidArgument("folds", fmt::format("{}", given.folds),
                          fmt::format("there are only {} rows", n));
  }
  if (given.max_features > n) {
    throw InvalidArgument("max-features", fmt::format("{}", given.max_features),
                          fmt::format("there are only {} rows", n));
  }
  if (choosing && validation && validation->y.size() < 2) {
    throw InvalidArgument("validation", fmt::format("{} rows", validation->y.size()),
                          "must have at least 2 rows: errors are compared by their spread");
  }
  FitOptions options = given;
  options.path.max_neurons = given.max_features > 0 ? given.max_features : n;
  options.path.gap_tolerance = given.gap_tolerance > 0.0 ? given.gap_tolerance : 1e-2;
  options.path.seed = options.seed;
  if (choosing && !validation && own_folds.empty()) {
    folded = by_folds(folded.data, options.folds, options.seed);
  }
  const Dataset& training = folded.data;
  const Prepared rows = prepare(training, options);
  const Objective& objective = *rows.objective;
  FitResult result;
  result.standardization = rows.standardization;
  result.biases = options.biases;

  // On many rows thorough searches would take most of the time, and the idle end of descents most
  // of the rest: the chosen λ alone has a search, and fewer iterations show that a descent is over.
  const Network null{Vector(0), Matrix(0, objective.dimension())};
  if (objective.residual(null)->sketch(options.seed) != nullptr) {
    options.path.thorough = false;
    options.path.patience = 8;
  }
  const double largest = largest_lambda(objective, options.seed);
  std::vector<double> lambdas = lambda_values(options, largest);
  // Nothing but rounding is left of a target that is linear in the inputs; any λ gives that model.
  if (choosing && objective.null_loss() < linear_target) {
    choosing = false;
    lambdas = {1.0};
  }
  const auto points = static_cast<double>(lambdas.size());
  const std::size_t folds = !choosing            ? 0
                            : validation         ? 1
                            : !own_folds.empty() ? own_folds.size()
                                                 : folded.folds.size();
  // A validation table leaves all rows to one path, which serves for both.
  const bool one_path = choosing && validation && !options.path.rigorous;
  const auto paths = static_cast<double>(one_path ? 1 : folds + 1);
  Progress progress(observer, points * paths + 20.0 + options.bootstrap);
  if (choosing) {
    CrossValidation cross = validation ? CrossValidation(rows, training, *validation, options)
                            : !own_folds.empty()
                                ? CrossValidation(rows, training, std::move(own_folds), options)
                                : CrossValidation(rows, training, folded.folds, options);
    if (observer.on_start) observer.on_start();
    result.candidates = cross.penalized(lambdas, progress);
    result.cross_validated = !result.candidates.empty();
    // Stopped before the first λ was finished: what is left is the linear model.
    if (result.candidates.empty()) result.candidates.emplace_back();
    const int best = position_of_least(result.candidates, false);
    if (options.relaxed != Relaxed::never && result.cross_validated) {
      add_relaxed(cross, options, objective.dimension(), result.candidates, progress);
    }
    const int last = progress.stopped() ? best : best + shown_beyond;
    lambdas.resize(std::min(lambdas.size(), static_cast<std::size_t>(last + 1)));
    if (one_path && result.cross_validated) {
      result.path.points = cross.take_single_path();
      if (result.path.points.size() > lambdas.size()) result.path.points.resize(lambdas.size());
    }
  } else if (observer.on_start) {
    observer.on_start();
  }

  // The path of all rows, as far as validation went.
  PathOptions path_options = options.path;
  path_options.values = lambdas;
  path_options.lambda_max = largest;
  PathObserver path_observer;
  const bool stopped = progress.stopped();
  if (stopped && !choosing) path_options.values.resize(1);
  if (stopped) {
    // What was chosen among still has to be fitted; that is short beside what was left out.
    path_options.thorough = false;
    path_options.rigorous = false;
  } else {
    path_observer.should_stop = [&] { return progress.stopped(); };
  }
  path_observer.on_point = [&](const PathPoint&, int, int) {
    progress.add(1.0, "path");
    return true;
  };
  if (result.path.points.empty()) result.path = solve_path(objective, path_options, path_observer);
  result.path.lambda_max = largest;
  result.interrupted = result.path.interrupted || progress.stopped();
  const auto solved = static_cast<int>(result.path.points.size());
  if (!choosing) result.candidates = last_point_only(solved, options.relaxed == Relaxed::always);
  for (const PathPoint& point : result.path.points) {
    result.path_features.push_back(coarsest_merge(objective, point.network).first.width());
    result.training_error.push_back(2.0 * point.loss);
  }
  std::erase_if(result.candidates, [&](const Candidate& c) { return c.index >= solved; });
  for (Candidate& candidate : result.candidates) {
    if (!candidate.relaxed || !choosing) {
      candidate.features = result.path_features[static_cast<std::size_t>(candidate.index)];
    }
  }

  std::tie(result.best, result.chosen) = choose(result.candidates, options);
  Candidate& choice = result.candidates[static_cast<std::size_t>(result.chosen)];
  const auto chosen = static_cast<std::size_t>(choice.index);
  take_point(objective, path_options, path_observer, result.path.points[chosen], result);
  result.path_features[chosen] = coarsest_merge(objective, result.network).first.width();
  result.training_error[chosen] = 2.0 * result.loss;
  for (Candidate& candidate : result.candidates) {
    if (candidate.index == choice.index && (!candidate.relaxed || !choosing)) {
      candidate.features = result.path_features[chosen];
    }
  }
  if (choice.relaxed) {
    result.features = path::refit_best(objective, result.network, choice.merge_angle_deg,
                                       choice.features, [&] { return progress.stopped(); });
    result.merge_angle_deg = choice.merge_angle_deg;
  } else {
    std::tie(result.features, result.merge_angle_deg) = coarsest_merge(objective, result.network);
  }
  result.features = path::heaviest(result.features, result.features.width());
  result.features_loss = objective.loss(result.features);
  result.model = model_of(result.features, rows, training, options.biases);
  result.network_model = model_of(result.network, rows, training, options.biases);
  result.reports = report_features(objective, result.network, result.features, result.lambda);
  for (std::size_t i = 0; i < result.model.features.size(); ++i) {
    result.reports[i].active_share = active_share(result.model.features[i], training);
  }
  if (options.bootstrap > 0 && result.features.width() > 0) {
    bootstrap(*rows.objective, training, options, choice.relaxed, progress, result);
    result.interrupted = result.interrupted || progress.stopped();
  }
  result.warnings = feature_warnings(result.features, result.reports);
  if (result.lambda >= largest) {
    result.warnings.push_back(fmt::format(
        "lambda {:.4g} is not below lambda_max {:.4g}: no feature pays, and the model is "
        "the linear one",
        result.lambda, largest));
  }
  if (result.network.width() >= options.path.max_neurons &&
      result.certificate.relative_gap > options.path.gap_tolerance) {
    result.warnings.push_back(
        fmt::format("the gap is that of a network of at most {} neurons; --max-features raises the "
                    "bound",
                    options.path.max_neurons));
  }
  return result;
}

FitResult fit(const Teacher& teacher, const FitOptions& given, const FitObserver& observer) {
  given.validate();
  FitOptions options = given;
  if (given.max_features > 0) options.path.max_neurons = given.max_features;
  options.path.gap_tolerance = given.gap_tolerance > 0.0 ? given.gap_tolerance : 2e-5;
  const PopulationObjective objective(teacher);
  FitResult result;
  result.biases = false;
  const Index d = teacher.dimension();
  result.standardization.center = Vector::Zero(d);
  result.standardization.scale = Vector::Ones(d);
  result.standardization.map = Matrix::Identity(d, d);
  if (observer.on_start) observer.on_start();
  Progress progress(observer,
                    static_cast<double>(options.path.values.empty() ? options.path.lambdas
                                                                    : options.path.values.size()));
  PathOptions path_options = options.path;
  path_options.seed = options.seed;
  if (options.lambda > 0.0) {
    path_options.values = lambda_values(options, largest_lambda(objective, options.seed));
  }
  PathObserver path_observer;
  path_observer.should_stop = [&] { return progress.stopped(); };
  path_observer.on_point = [&](const PathPoint&, int, int) {
    progress.add(1.0, "path");
    return true;
  };
  result.path = solve_path(objective, path_options, path_observer);
  result.interrupted = result.path.interrupted;
  const double target = target_variance(teacher);
  for (const PathPoint& point : result.path.points) {
    result.path_features.push_back(coarsest_merge(objective, point.network).first.width());
    result.training_error.push_back(2.0 * point.loss / target);
    Candidate candidate;
    candidate.index = static_cast<int>(result.candidates.size());
    candidate.features = result.path_features.back();
    result.candidates.push_back(candidate);
  }
  result.chosen = result.best = static_cast<int>(result.candidates.size()) - 1;
  take_point(objective, path_options, path_observer, result.path.points.back(), result);
  std::tie(result.features, result.merge_angle_deg) = coarsest_merge(objective, result.network);
  result.features = path::heaviest(result.features, result.features.width());
  result.features_loss = objective.loss(result.features);
  const auto model_of_population = [&](const Network& network) {
    Model model =
        to_original_units(network, objective.affine(network), false, result.standardization);
    for (Index j = 0; j < d; ++j) model.columns.push_back(fmt::format("x{}", j));
    model.target = "y";
    return model;
  };
  result.model = model_of_population(result.features);
  result.network_model = model_of_population(result.network);
  result.reports = report_features(objective, result.network, result.features, result.lambda);
  for (FeatureReport& report : result.reports) report.active_share = 0.5;
  result.warnings = feature_warnings(result.features, result.reports);
  return result;
}

}  // namespace lodestone
