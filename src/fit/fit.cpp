#include "lodestone/fit/fit.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cfloat>
#include <cmath>
#include <cstddef>
#include <functional>
#include <tuple>
#include <utility>

#include "certify/search_effort.hpp"
#include "core/phrase.hpp"
#include "fit/bootstrap.hpp"
#include "fit/choice.hpp"
#include "fit/cross_validation.hpp"
#include "fit/curve.hpp"
#include "fit/feature_report.hpp"
#include "fit/folds.hpp"
#include "fit/lambda_grid.hpp"
#include "fit/prepared_rows.hpp"
#include "fit/progress.hpp"
#include "fit/relaxed.hpp"
#include "fit/warnings.hpp"
#include "lodestone/core/error.hpp"
#include "model/distinct_rows.hpp"

namespace lodestone {
namespace {

using fitting::Progress;
using fitting::RidgeSum;

// Values of λ after the best one that the path of all rows still shows.
constexpr int shown_beyond = 2;

// Share of the target's variance below which what the linear part leaves is rounding; for families
// whose affine part ends near this, as that of separable classes does, share of the null deviance.
constexpr double linear_target = 1e-20;
constexpr double separated_target = 1e-8;

// λ_max as a share of what the linear part leaves below which no feature pulls: correlations are
// sums over rows, whose rounding is 1e-16 of it and grows with the root of their number.
constexpr double no_pull = 1e-12;

// Smooth ridge functions that are tried at most: as many as a person reads. On yacht seven are
// taken at most (docs/results.md).
constexpr Index most_directions = 8;

// Ridge on the linear part for classes: as much as one observation in a thousand says. Breast
// cancer, whose classes a linear function separates: log loss 1.97 without, 0.09 with it.
constexpr double ridge_of_classes = 1e-3;

// Those that the folds choose from, where there are folds.
constexpr double ridges_of_classes[] = {1e-4, ridge_of_classes, 3e-3, 1e-2, 3e-2, 0.1, 0.3};

// Steps of the progress that the work after the path counts for.
constexpr double steps_after_path = 20.0;

FitOptions options_for_rows(const FitOptions& given, Index n) {
  FitOptions options = given;
  options.path.max_neurons = given.max_features > 0 ? given.max_features : n;
  options.path.gap_tolerance = given.gap_tolerance > 0.0 ? given.gap_tolerance : 1e-2;
  options.path.seed = given.seed;
  options.path.least_decrease = search::least_decrease_of_errors;
  return options;
}

// Whether the score has a linear part, and how it is kept small.
void set_linear_part(FitOptions& options, const fitting::DealtRows& dealt, bool validated) {
  Index rows = dealt.data.y.size();
  for (const Split& split : options.splits) {
    rows = std::min(rows, static_cast<Index>(split.training.size()));
  }
  if (options.splits.empty() && options.lambda == 0.0 && !validated) {
    // The first fold of time trains on what the others leave.
    rows -= options.forward_folds ? options.folds * (rows / (options.folds + 1))
                                  : (rows + options.folds - 1) / options.folds;
  }
  // Rows that repeat each other determine no more than one of them, and are not interpolated.
  const Index coefficients = dealt.data.X.cols() + 1;
  const bool few = rows <= coefficients && distinct_rows(dealt.data.X, rows) >= rows;
  options.family.linear = options.linear.value_or(few ? LinearPart::none : LinearPart::free);
  const bool ridged = options.family.of_classes() && options.family.has_linear_part();
  options.family.linear_ridge = options.linear_ridge.value_or(ridged ? ridge_of_classes : 0.0);
  if (!options.family.has_linear_part()) options.family.linear_ridge = 0.0;
}

// The ridge with which the linear model alone predicts the held-out rows best (docs/math.md, 11.2);
// the rows get it.
void choose_linear_ridge(const fitting::DealtRows& dealt, const std::optional<Dataset>& validation,
                         FitOptions& options, fitting::PreparedRows& rows) {
  const auto set = [&](double ridge) {
    options.family.linear_ridge = ridge;
    rows.objective = fitting::objective_of(rows.data, rows.standardization, options);
  };
  double best = ridge_of_classes;
  double least = HUGE_VAL;
  for (const double ridge : ridges_of_classes) {
    set(ridge);
    const fitting::CrossValidation cross(
        fitting::make_folds(rows, dealt.ranges, dealt.given, validation, options), rows, options);
    const double error = cross.linear_error();
    if (!(error < least)) continue;
    least = error;
    best = ridge;
  }
  set(best);
}

FitOptions options_for_population(const FitOptions& given) {
  FitOptions options = given;
  if (given.max_features > 0) options.path.max_neurons = given.max_features;
  options.path.gap_tolerance = given.gap_tolerance > 0.0 ? given.gap_tolerance : 2e-5;
  options.path.seed = given.seed;
  return options;
}

// What rounding leaves of a linear target, as a share of its variance: more than 1e-30 where nearly
// dependent columns were whitened or are told apart by the linear part.
double linear_rounding(const fitting::PreparedRows& rows) {
  const Standardization& step = rows.standardization;
  const double terms = (step.scale.asDiagonal() * step.map).cwiseAbs().colwise().sum().maxCoeff();
  const double of_inputs = 16.0 * DBL_EPSILON * terms;
  return std::max(of_inputs * of_inputs, rows.objective->linear_rounding());
}

// Candidates and their errors on held-out rows; what is left of `lambdas` is the path that all rows
// are to have. `one_path`: the single fold's path is that of all rows.
void cross_validate(fitting::CrossValidation& cross, std::size_t fold_count,
                    const fitting::PreparedRows& rows, const FitOptions& options, bool one_path,
                    std::vector<double>& lambdas, Progress& progress, FitResult& result) {
  result.candidates = cross.penalized_candidates(lambdas, progress);
  result.cross_validated = !result.candidates.empty();
  result.fold_count = fold_count;
  // Stopped before the first λ was finished: what is left is the linear model.
  if (result.candidates.empty()) result.candidates.emplace_back();
  const int best = fitting::position_of_least(result.candidates, false);
  if (options.relaxed != Relaxed::never && result.cross_validated) {
    fitting::add_relaxed(cross, options, rows.objective->dimension(), result.candidates, progress);
  }
  const bool smooth = options.shape != Shape::relu && options.family.square() && options.biases &&
                      options.family.has_linear_part() && !options.constrained() &&
                      rows.objective->outputs() == 1;
  if (smooth && result.cross_validated) {
    const bool asked = options.select.rule == Selection::feature_count;
    cross.add_smooth(best,
                     asked ? std::max(most_directions, options.select.features) : most_directions,
                     result.candidates, progress);
  }
  const int last = progress.stopped() ? best : best + shown_beyond;
  lambdas.resize(std::min(lambdas.size(), static_cast<std::size_t>(last + 1)));
  if (one_path && result.cross_validated) {
    result.path.points = cross.take_single_path();
    if (result.path.points.size() > lambdas.size()) result.path.points.resize(lambdas.size());
  }
}

// How a path is solved, and what is told and asked meanwhile.
struct PathPlan {
  PathOptions options;
  PathObserver observer;
};

PathPlan watched_path(const PathOptions& options, Progress& progress) {
  PathPlan plan{options, {}};
  plan.observer.should_stop = [&progress] { return progress.stopped(); };
  plan.observer.on_point = [&progress](const PathPoint&, int, int) {
    progress.add(1.0, "path");
    return true;
  };
  return plan;
}

// The smallest λ that can be chosen: that of the best network, or of the best refit.
double smallest_choice(const std::vector<Candidate>& candidates,
                       const std::vector<double>& lambdas) {
  int last = 0;
  for (const bool relaxed : {false, true}) {
    const int best = fitting::position_of_least(candidates, relaxed);
    if (best >= 0) last = std::max(last, candidates[static_cast<std::size_t>(best)].index);
  }
  return lambdas[static_cast<std::size_t>(last)];
}

// The path of all rows, as far as validation went.
PathPlan path_of_all_rows(const PathOptions& options, std::vector<double> lambdas, double largest,
                          bool choosing, Progress& progress) {
  PathPlan plan = watched_path(options, progress);
  plan.options.values = std::move(lambdas);
  plan.options.lambda_max = largest;
  if (progress.end_choice()) {
    if (!choosing) plan.options.values.resize(1);
    plan.options.thorough = false;
    plan.options.rigorous = false;
  }
  return plan;
}

// What a network of the path means in the problem's own units.
struct Meaning {
  double null_deviance = 1.0;  // in the units of the losses
  std::function<Model(const Network&)> model_of;
  std::function<Model(const RidgeSum&)> model_of_ridges;  // absent on populations
  std::function<double(const Feature&)> active_share;
};

// Features and errors along the path; candidates beyond its end are dropped.
void describe_path(const Objective& objective, double null_deviance, FitResult& result) {
  for (const PathPoint& point : result.path.points) {
    result.path_feature_counts.push_back(coarsest_merge(objective, point.network).first.width());
    result.training_error.push_back(2.0 * point.loss / null_deviance);
  }
  const auto solved = static_cast<int>(result.path.points.size());
  std::erase_if(result.candidates, [&](const Candidate& c) { return c.index >= solved; });
  for (Candidate& candidate : result.candidates) {
    if (!(candidate.relaxed || candidate.smooth) || !result.cross_validated) {
      candidate.feature_count =
          result.path_feature_counts[static_cast<std::size_t>(candidate.index)];
    }
  }
}

// The chosen point, after the full search for sup |η| where it is not proven. What the short
// searches along the path have missed there is made up for.
void search_chosen_point(const Objective& objective, const PathPlan& plan, PathPoint& point) {
  if (point.certificate.kind != Certificate::Kind::estimated) return;
  const auto stopped = [&] { return plan.observer.should_stop && plan.observer.should_stop(); };
  PathOptions thorough = plan.options;
  thorough.thorough = true;
  thorough.search_flops = search::flops_for_a_result;
  if (!objective.smooth()) {
    // A path on rows searches as it goes; it goes on where its last search fell short.
    if (point.ending != Ending::search || stopped()) return;
    PathPoint again = solve_at(objective, point.lambda, point.network, thorough, plan.observer);
    again.rounds += point.rounds;
    point = std::move(again);
    return;
  }
  const AscentOptions ascent = search::for_a_result(plan.options.seed);
  const auto search = [&](PathPoint& at) {
    const Certificate full = estimate_certificate(objective, at.network, at.lambda, ascent);
    // Either search can only find too little.
    if (full.gap >= at.certificate.gap) at.certificate = full;
  };
  search(point);
  if (point.certificate.relative_gap > plan.options.gap_tolerance && !stopped() &&
      point.network.width() < plan.options.max_neurons) {
    PathPoint again = solve_at(objective, point.lambda, point.network, thorough, plan.observer);
    search(again);
    again.rounds += point.rounds;
    again.evaluations += point.evaluations;
    if (again.certificate.gap < point.certificate.gap) point = std::move(again);
  }
}

// The network of the chosen candidate, with its certificate.
void take_network(const Objective& objective, const PathPlan& plan, double null_deviance,
                  FitResult& result) {
  const auto chosen = static_cast<std::size_t>(result.chosen().index);
  PathPoint& point = result.path.points[chosen];
  search_chosen_point(objective, plan, point);
  result.network = point.network;
  result.certificate = point.certificate;
  result.loss = point.loss;
  result.penalized_loss = point.penalized_loss;
  result.lambda = point.lambda;
  result.path_feature_counts[chosen] = coarsest_merge(objective, result.network).first.width();
  result.training_error[chosen] = 2.0 * result.loss / null_deviance;
  for (Candidate& candidate : result.candidates) {
    if (candidate.index == static_cast<int>(chosen) &&
        (!(candidate.relaxed || candidate.smooth) || !result.cross_validated)) {
      candidate.feature_count = result.path_feature_counts[chosen];
    }
  }
}

// The features of the chosen network, refitted or made smooth where the choice says so; the smooth
// sums of fewer directions, if any.
std::vector<RidgeSum> take_features(const Objective& objective, const Meaning& meaning,
                                    const Progress& progress, FitResult& result) {
  if (result.chosen().smooth) {
    // Not to be stopped: what was chosen still has to be fitted, which is short beside the folds.
    std::vector<RidgeSum> sums = fitting::ridge_sums(*objective.sample(), result.network,
                                                     result.chosen().feature_count, nullptr);
    if (!sums.empty()) {
      result.feature_network = sums.back().network();
      result.feature_network_loss = objective.loss(result.feature_network);
      result.model = meaning.model_of_ridges(sums.back());
      return sums;
    }
    // All rows leave nothing to explain where folds did: the network that the directions came from.
    result.chosen_index = fitting::position_of_least(result.candidates, false);
  }
  std::tie(result.feature_network, result.merge_angle_deg) = fitting::features_of(
      objective, result.network, result.chosen(), [&progress] { return progress.stopped(); });
  result.feature_network_loss = objective.loss(result.feature_network);
  result.model = meaning.model_of(result.feature_network);
  return {};
}

// From the choice to models and reports: the end of every fit. Returns the smooth sums of
// take_features.
std::vector<RidgeSum> finish(const Objective& objective, const PathPlan& plan,
                             const Meaning& meaning, const Progress& progress, FitResult& result) {
  take_network(objective, plan, meaning.null_deviance, result);
  std::vector<RidgeSum> sums = take_features(objective, meaning, progress, result);
  result.network_model = meaning.model_of(result.network);
  result.reports =
      fitting::report_features(objective, result.network, result.feature_network, result.lambda);
  for (std::size_t i = 0; i < result.model.features.size(); ++i) {
    result.reports[i].active_share = meaning.active_share(result.model.features[i]);
  }
  // Neurons of a smooth function share its direction: that is no fault of theirs.
  if (sums.empty()) result.warnings = feature_warnings(result.feature_network, result.reports);
  return sums;
}

}  // namespace

namespace {

// What rows with several outputs cannot have, and how many classes there are.
void settle_outputs(const Dataset& data, FitOptions& options) {
  Family& family = options.family;
  const auto refuse = [](const char* field, const std::string& value, const char* rule) {
    throw InvalidArgument(field, value, rule);
  };
  if (family.softmax() && family.classes == 0) {
    family.classes = data.classes.empty() ? static_cast<Index>(data.y.maxCoeff()) + 1
                                          : static_cast<Index>(data.classes.size());
  }
  if (family.softmax()) family.check_target(data.y);
  if (!family.softmax() && data.Y.size() == 0) return;
  if (data.Y.size() > 0 && !family.square()) {
    refuse("family", name(family.kind), "several targets have the square loss");
  }
  if (data.offset.size() > 0) {
    refuse("offset", data.offset_column, "several outputs have no offset");
  }
  if (options.path.rigorous) refuse("rigorous", "true", "proofs are of one output");
  if (options.shape == Shape::smooth) {
    refuse("shape", name(options.shape), "smooth ridge functions are of one output");
  }
  if (options.constrained()) {
    const bool rising = !options.increasing.empty();
    refuse(rising ? "increasing" : "decreasing",
           rising ? options.increasing.front() : options.decreasing.front(),
           "predictions of several outputs are monotone in no column; fit them one by one");
  }
}

}  // namespace

FitResult fit(Dataset all, const std::optional<Dataset>& validation, const FitOptions& asked,
              const FitObserver& observer) {
  FitOptions given = asked;
  given.validate();
  all = checked_dataset(std::move(all));
  settle_outputs(all, given);
  if (validation) given.family.check_values(validation->y);
  if (validation && validation->offset.size() == 0 && all.offset.size() > 0) {
    throw InvalidArgument("offset", "nothing in the validation rows",
                          "the rows have an offset, so every validation row needs one");
  }
  fitting::DealtRows dealt = fitting::deal_folds(std::move(all), validation, given);
  FitOptions options = options_for_rows(given, dealt.data.y.size());
  set_linear_part(options, dealt, validation.has_value());
  fitting::PreparedRows rows = fitting::prepare(std::move(dealt.data), options);
  const bool ridge_is_open = options.family.linear_ridge > 0.0 && !options.linear_ridge;
  if (ridge_is_open && options.lambda == 0.0) {
    choose_linear_ridge(dealt, validation, options, rows);
  }
  const Objective& objective = *rows.objective;

  const double largest = largest_lambda(objective, options.seed);
  std::vector<double> lambdas = fitting::lambda_values(options, largest);
  // Nothing but rounding is left of a target that is linear in the inputs; any λ gives that model.
  const bool several = objective.outputs() > 1;
  const double left = options.family.square()
                          ? objective.null_loss() / std::max(linear_target, linear_rounding(rows))
                          : 2.0 * objective.null_loss() / rows.deviance_unit() / separated_target;
  const bool nothing_left = left < 1.0;
  // Under sign constraints it may be that no feature lowers the loss: lambda_max is rounding.
  const bool none_pays =
      options.constrained() && largest <= no_pull * std::sqrt(2.0 * objective.null_loss());
  const bool linear = options.lambda == 0.0 && (nothing_left || none_pays);
  if (linear) lambdas = {1.0};
  const bool choosing = options.lambda == 0.0 && !linear;

  std::vector<fitting::Fold> folds;
  if (choosing) {
    folds = fitting::make_folds(rows, dealt.ranges, std::move(dealt.given), validation, options);
  }
  // A validation table leaves all rows to one path, which serves for both.
  const bool one_path = choosing && validation && !options.path.rigorous;
  const std::size_t paths = one_path ? 1 : folds.size() + 1;
  Progress progress(
      observer, static_cast<double>(lambdas.size() * paths) + steps_after_path + options.bootstrap);
  if (observer.on_start) observer.on_start();

  FitResult result;
  result.standardization = rows.standardization;
  result.biases = options.biases;
  std::optional<fitting::CrossValidation> cross;
  if (choosing) {
    progress.begin_choice();
    const std::size_t fold_count = folds.size();
    cross.emplace(std::move(folds), rows, options);
    cross_validate(*cross, fold_count, rows, options, one_path, lambdas, progress, result);
  }
  if (choosing) options.path.quick_below = smallest_choice(result.candidates, lambdas);
  const PathPlan plan =
      path_of_all_rows(options.path, std::move(lambdas), largest, choosing, progress);
  if (result.path.points.empty()) result.path = solve_path(objective, plan.options, plan.observer);
  result.path.lambda_max = largest;
  result.interrupted = result.path.interrupted || progress.cut_short();
  if (!choosing) {
    result.candidates = fitting::last_point_only(static_cast<int>(result.path.points.size()),
                                                 options.relaxed == Relaxed::always);
  }

  const double null_deviance = options.family.square() && !several ? 1.0 : rows.deviance_unit();
  describe_path(objective, null_deviance, result);
  std::tie(result.best_index, result.chosen_index) = fitting::choose(result.candidates, options);
  const Meaning meaning{
      null_deviance,
      [&](const Network& network) { return fitting::model_of(network, rows, options.biases); },
      [&](const RidgeSum& sum) { return fitting::model_of(sum, rows); },
      [&](const Feature& feature) { return fitting::active_share(feature, rows.data); }};
  const std::vector<RidgeSum> sums = finish(objective, plan, meaning, progress, result);
  if (options.bootstrap > 0 && result.feature_network.width() > 0 && !progress.cut_short()) {
    const bool relaxed = result.chosen().relaxed;
    fitting::bootstrap(rows, options, relaxed, progress, result);
    result.interrupted = result.interrupted || progress.cut_short();
  }
  const bool told_as_score =
      !several && (options.family.square() || options.family.kind == Family::Kind::huber);
  if (result.cross_validated && told_as_score && !progress.cut_short()) {
    result.intervals = cross->intervals(result.chosen(), progress);
  }
  if (result.cross_validated) {
    fitting::trace_curve(
        objective, meaning.model_of, [&progress] { return progress.stopped(); }, result);
    fitting::add_smooth_points(sums, rows, result);
  }
  if (linear && nothing_left && !options.family.square()) {
    result.warnings.push_back(
        {"separated",
         phrase("a linear function separates the classes: no finite coefficients are best, "
                "those of the model are where the loss is {}",
                fmt::format("{:.1g}", result.loss))});
  }
  result.out_of_time = result.interrupted && progress.out_of_time();
  for (Warning& warning : fitting::choice_warnings(result, options)) {
    result.warnings.push_back(std::move(warning));
  }
  return result;
}

FitResult fit(Dataset training, const FitOptions& options, const FitObserver& observer) {
  return fit(std::move(training), std::nullopt, options, observer);
}

FitResult fit(const Eigen::Ref<const Matrix>& X, const Eigen::Ref<const Vector>& y,
              const FitOptions& options, const FitObserver& observer) {
  return fit(Dataset{X, y}, options, observer);
}

FitResult fit(const Teacher& teacher, const FitOptions& given, const FitObserver& observer) {
  given.validate();
  if (!given.family.square()) {
    throw InvalidArgument("family", name(given.family.kind),
                          "the population of a teacher has the square loss");
  }
  if (given.constrained()) {
    const bool rising = !given.increasing.empty();
    throw InvalidArgument(rising ? "increasing" : "decreasing",
                          rising ? given.increasing.front() : given.decreasing.front(),
                          "a population has no columns to be monotone in; fit rows of it");
  }
  if (given.shape == Shape::smooth) {
    throw InvalidArgument("shape", name(given.shape),
                          "smooth ridge functions are fitted to rows; a population has relus");
  }
  const FitOptions options = options_for_population(given);
  const PopulationObjective objective(teacher);
  const Index d = teacher.dimension();
  FitResult result;
  result.biases = false;
  result.standardization.center = Vector::Zero(d);
  result.standardization.scale = Vector::Ones(d);
  result.standardization.map = Matrix::Identity(d, d);
  if (observer.on_start) observer.on_start();

  Progress progress(observer,
                    static_cast<double>(options.path.values.empty() ? options.path.lambdas
                                                                    : options.path.values.size()));
  PathPlan plan = watched_path(options.path, progress);
  if (options.lambda > 0.0) {
    plan.options.values = fitting::lambda_values(options, largest_lambda(objective, options.seed));
  }
  result.path = solve_path(objective, plan.options, plan.observer);
  result.interrupted = result.path.interrupted;
  result.out_of_time = result.interrupted && progress.out_of_time();

  // Nothing is cross-validated: every point is a candidate, and the last one is taken.
  const Meaning meaning{target_variance(teacher),
                        [&](const Network& network) {
                          Model model = to_original_units(network, objective.affine(network), false,
                                                          result.standardization);
                          model.target = "y";
                          return model;
                        },
                        {},
                        [](const Feature&) { return 0.5; }};
  result.candidates.resize(result.path.points.size());
  for (std::size_t i = 0; i < result.candidates.size(); ++i) {
    result.candidates[i].index = static_cast<int>(i);
  }
  result.chosen_index = result.best_index = static_cast<int>(result.candidates.size()) - 1;
  describe_path(objective, meaning.null_deviance, result);
  finish(objective, plan, meaning, progress, result);
  return result;
}

}  // namespace lodestone
