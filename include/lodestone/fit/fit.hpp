#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "lodestone/core/message.hpp"
#include "lodestone/core/range.hpp"
#include "lodestone/core/record.hpp"
#include "lodestone/model/dataset.hpp"
#include "lodestone/model/family.hpp"
#include "lodestone/model/intervals.hpp"
#include "lodestone/model/model.hpp"
#include "lodestone/model/recovery.hpp"
#include "lodestone/model/standardization.hpp"
#include "lodestone/model/teacher.hpp"
#include "lodestone/path/path.hpp"

namespace lodestone {

/// Which of the models that were cross-validated is taken.
struct Selection {
  enum class Rule {
    best,                ///< the smallest validation error; a refit only where it is clearly better
    one_standard_error,  ///< the fewest features within one standard error of it
    elbow,               ///< the refit where the curve of errors bends (docs/math.md, 9.5)
    feature_count,       ///< a refit of so many features, 0 for the linear model
  };
  using enum Rule;

  // NOLINTNEXTLINE(google-explicit-constructor): a rule is a selection
  constexpr Selection(Rule which = best, Index count = 0) : rule(which), features(count) {}

  Rule rule;
  Index features;  ///< of Rule::feature_count, >= 0

  friend bool operator==(const Selection& left, const Selection& right) = default;
};

/// best, one-standard-error, elbow, or the number of features.
std::string name(const Selection& selection);

/// The selection of a name. Throws InvalidArgument for any other text.
Selection parse_selection(const std::string& text);

/// Whether the chosen features may be refitted without penalty (docs/math.md, 9.5).
enum class Relaxed {
  automatic,  ///< where validation says it helps
  never,
  always,
};
const char* name(Relaxed relaxed);
Relaxed parse_relaxed(const std::string& text);

/// What a feature's function of its direction is.
enum class Shape {
  relu,
  smooth,     ///< a spline of as many knots as it takes (docs/math.md, 9.8)
  automatic,  ///< smooth where validation clearly says that it is better
};
const char* name(Shape shape);
Shape parse_shape(const std::string& text);

/// One fold of a cross-validation: numbers of the rows to train on and to judge by.
struct Split {
  std::vector<Index> training;
  std::vector<Index> held_out;
};

/// How a certified model is fitted to rows (docs/math.md, 9).
struct FitOptions {
  /// What the numbers below may be; those of the path are in PathOptions. Where the program may
  /// choose, 0 leaves it to the program.
  struct Limits {
    static constexpr Range gap_tolerance = PathOptions::Limits::gap_tolerance;
    static constexpr Range max_features = at_least(0);
    static constexpr Range lambda = above(0);
    static constexpr Range folds = at_least(2);
    static constexpr Range bootstrap = at_least(0);
  };

  /// The path. max_neurons and gap_tolerance are set by the two fields below.
  PathOptions path = default_path();

  /// Relative gap of the path of all rows; 0: 1e-2 on rows, 2e-5 on populations.
  double gap_tolerance = 0.0;

  /// Most features, at most the number of rows; 0: as many as it takes.
  Index max_features = 0;

  /// λ of the standardized problem: the path ends there and nothing is cross-validated. 0:
  /// chosen.
  double lambda = 0.0;

  Standardization::Kind standardize = Standardization::Kind::scale;
  bool biases = true;
  Precision precision = Precision::float64;  ///< of the rows

  /// The loss. All but the square one keep the target in its own unit.
  Family family;

  /// The family's ridge on the linear part; absent: for classes the one of 0.0001 to 0.3 with which
  /// the linear model alone predicts the held-out rows best (0.001 where λ is given), none for the
  /// other families.
  std::optional<double> linear_ridge;

  /// Whether there is a free linear part; absent: where every fold trains on more different
  /// rows than it has coefficients.
  std::optional<LinearPart> linear;

  /// Names of columns in which the score is never to fall, and never to rise: features and linear
  /// part have such signs there (docs/math.md, 13). Of one output, without whitening, smooth shapes
  /// and proofs. A column of text has no order; its 0/1 columns may be named.
  std::vector<std::string> increasing = {};
  std::vector<std::string> decreasing = {};

  bool constrained() const { return !increasing.empty() || !decreasing.empty(); }

  int folds = 5;  ///< of the cross-validation; not used with validation rows

  /// Rows are in the order of time: cut into one part more than there are folds, and each part but
  /// the first is held out by a fold that trains on all parts before it. Otherwise rows are dealt
  /// at random, whole groups where the rows have groups.
  bool forward_folds = false;

  /// The folds themselves, at least 2, as numbers of the rows given to fit(), those of weight 0
  /// counted; empty: as the fields above say.
  std::vector<Split> splits;

  Selection select;
  Relaxed relaxed = Relaxed::automatic;
  Shape shape = Shape::relu;  ///< smooth ones only for the square loss, with biases and linear part
  int bootstrap = 0;          ///< resamples for the angles' errors
  std::uint64_t seed = 0;     ///< of folds, searches and resamples

  /// 30 values of λ down to 1e-4 λ_max.
  static PathOptions default_path();

  /// Throws InvalidArgument naming the field, its value and its range.
  void validate() const;
};

/// One model that was tried: the penalized network at a λ, some of its features refitted, or smooth
/// ridge functions along its directions.
struct Candidate {
  int index = 0;                 ///< into the path
  bool relaxed = false;          ///< refitted without penalty
  double merge_angle_deg = 0.0;  ///< relaxed: neurons closer than this were merged first
  Index feature_count = 0;       ///< relaxed: of the heaviest; smooth: directions; else the path's
                                 ///< after merging
  bool smooth = false;           ///< a sum of smooth ridge functions
  /// Mean squared error on rows held out, as a share of the target's variance, or mean deviance as
  /// a share of that of the best constant (docs/math.md, 11.5): mean over folds, and its standard
  /// error (over validation rows: of their mean).
  double validation_error = std::numeric_limits<double>::quiet_NaN();
  double standard_error = std::numeric_limits<double>::quiet_NaN();
  Vector
      parts;  ///< what the mean is taken over: an error for each fold, or for each validation row
};

/// What is known of one feature beyond its numbers.
struct FeatureReport {
  double mass = 0.0;          ///< |amplitude|·‖(direction, bias)‖ in standardized units
  double share = 0.0;         ///< of the sum of masses
  double eta = 0.0;           ///< η_λ at the penalized network's nearest neuron
  double active_share = 0.0;  ///< of the training rows on which its relu is above zero
  /// Bootstrap, where asked for: root mean square and 95 % quantile of the angle between the
  /// feature's direction and its counterpart in resamples, up to sign, and the share of resamples
  /// that have one within 30°.
  double angle_error_deg = std::numeric_limits<double>::quiet_NaN();
  double angle_95_deg = std::numeric_limits<double>::quiet_NaN();
  double found_share = std::numeric_limits<double>::quiet_NaN();
};

template <RecordOf<FeatureReport> Record, class Visitor>
void visit_fields(Record& report, Visitor&& visitor) {
  visitor("mass", report.mass);
  visitor("share", report.share);
  visitor("eta", report.eta);
  visitor("active_share", report.active_share);
  visitor("angle_error_deg", report.angle_error_deg);
  visitor("angle_95_deg", report.angle_95_deg);
  visitor("found_share", report.found_share);
}

/// One point of the curve of errors over the number of features: the best refit of so many
/// features, the linear model, the penalized network that validates best, or so many smooth ridge
/// functions.
struct CurvePoint {
  enum class Kind { linear, refitted, penalized, smooth };

  Kind kind = Kind::refitted;
  int candidate = 0;  ///< into FitResult::candidates: its error, λ and number of features
  Model model;        ///< of all training rows, in original units
};
const char* name(CurvePoint::Kind kind);

struct FitResult {
  PathResult path;                         ///< of all training rows
  std::vector<Index> path_feature_counts;  ///< features after merging, one a point
  std::vector<double> training_error;      ///< share of the target's deviance, one a point
  std::vector<Candidate> candidates;       ///< penalized ones first, in the path's order
  int chosen_index = 0;                    ///< into candidates
  int best_index = 0;            ///< the best penalized one, or the refit that is clearly better
  bool cross_validated = false;  ///< whether validation_error means anything
  std::size_t fold_count = 0;    ///< of the cross-validation; 1: validation rows

  /// By number of features, the penalized network last; empty where nothing was cross-validated.
  /// Where a smooth model was chosen, those of fewer directions and it follow.
  std::vector<CurvePoint> curve;
  PredictionIntervals intervals;  ///< of the chosen model; empty without validation, and for
                                  ///< classes and counts
  int elbow = -1;  ///< into curve: the point where it bends, a model to read; -1 without a curve

  Network network;  ///< the penalized network of the chosen λ, to which the certificate belongs
  Certificate certificate;
  double loss = 0.0;
  double penalized_loss = 0.0;
  double lambda = 0.0;

  /// Of the model, in standardized coordinates: heaviest first, or ridge after ridge.
  Network feature_network;
  double feature_network_loss = 0.0;  ///< its L
  double merge_angle_deg = 0.0;
  Standardization standardization;
  bool biases = true;
  Model model;                         ///< what predicts
  Model network_model;                 ///< the penalized network in original units
  std::vector<FeatureReport> reports;  ///< one a feature of the model
  std::vector<Warning> warnings;
  bool interrupted = false;  ///< stopped early: the model is the best of what was finished
  bool out_of_time = false;  ///< stopped early by FitObserver::max_seconds

  /// The candidate that was taken; candidates must not be empty.
  const Candidate& chosen() const { return candidates[static_cast<std::size_t>(chosen_index)]; }
};

struct FitObserver {
  /// Work done so far as a share of all, and what is being done, for a progress bar. May be called
  /// from several threads, one at a time.
  std::function<void(double share, const std::string& what)> on_progress;
  std::function<bool()> should_stop;  ///< asked often, from any thread; true ends the work
  /// The budget of time, in seconds > 0. The choice of λ and of features has three quarters of it;
  /// the model is the best of what was finished.
  double max_seconds = std::numeric_limits<double>::infinity();
  /// Once, when options and rows have proved usable and the work begins.
  std::function<void()> on_start;
};

/// Fits the certified λ-path to rows, names columns that have no names, chooses λ and the number of
/// features by cross-validation (or by the validation rows), and refits where that helps. Weights
/// of rows are honoured throughout. Several targets (Dataset::Y), or the classes of the softmax
/// family, share their directions (docs/math.md, 12). Throws InvalidArgument for options out of
/// range, more folds than rows or groups, folds that train on one class only, a target that its
/// family cannot have, proofs for another family than the square, proofs, smooth shapes and offsets
/// of several outputs, monotone columns that are not there or cannot be (FitOptions::increasing),
/// and data that cannot be fitted. Memory: the rows, once more standardized,
/// and O(n + features·d) a fold.
FitResult fit(Dataset training, const std::optional<Dataset>& validation, const FitOptions& options,
              const FitObserver& observer = {});

/// The same without validation rows: λ is chosen by cross-validation.
FitResult fit(Dataset training, const FitOptions& options = {}, const FitObserver& observer = {});

/// The same for n rows X (n×d) and n targets, all of weight 1; columns are named x0, x1, ..., the
/// target y.
FitResult fit(const Eigen::Ref<const Matrix>& X, const Eigen::Ref<const Vector>& y,
              const FitOptions& options = {}, const FitObserver& observer = {});

/// The path on a teacher's exact population. Nothing is cross-validated: the last λ is taken.
FitResult fit(const Teacher& teacher, const FitOptions& options = {},
              const FitObserver& observer = {});

/// Things about a fitted model that its reader should know: nearly parallel features, amplitudes
/// that nearly cancel, features that are linear on the training rows.
std::vector<Warning> feature_warnings(const Network& feature_network,
                                      const std::vector<FeatureReport>& reports);

}  // namespace lodestone
