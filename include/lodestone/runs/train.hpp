#pragma once

#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lodestone/certify/certificate.hpp"
#include "lodestone/core/message.hpp"
#include "lodestone/core/range.hpp"
#include "lodestone/core/record.hpp"
#include "lodestone/model/dataset.hpp"
#include "lodestone/model/model.hpp"
#include "lodestone/model/recovery.hpp"
#include "lodestone/model/standardization.hpp"
#include "lodestone/objective/objective.hpp"
#include "lodestone/theory/recovery_bound.hpp"
#include "lodestone/train/algorithm1.hpp"

namespace lodestone {

/// What `lodestone train` does: the problem, Algorithm 1's options, and when to stop.
struct TrainOptions {
  /// What the numbers below may be; those of the algorithm are in Algorithm1Options.
  struct Limits {
    static constexpr Range samples = at_least(0);
    static constexpr Range noise = SampleLimits::noise;
    static constexpr Range test_share = between(0, 0.9);
    static constexpr Range validation_share = between(0, 0.9);
    static constexpr Range patience = at_least(1);
    static constexpr Range max_seconds = above_or_infinite(0);
  };

  /// Teacher as read_teacher takes it; empty when training on a data file.
  std::string teacher;

  /// Rows drawn from the teacher; 0: its exact population.
  Index samples = 0;

  /// Standard deviation of the noise as a share of the noiseless target's; needs samples.
  double noise = 0.0;

  /// Data file, its target, and how it is read.
  DataSource data;

  /// Files with the same columns, in place of the shares below; empty: none.
  std::string validation_file;
  std::string test_file;

  /// Absent: scale for data files, none for teachers.
  std::optional<Standardization::Kind> standardize;

  /// Absent: biases for data files, none for teachers (whose neurons have none).
  std::optional<bool> biases;

  /// Of the rows; populations are always float64.
  Precision precision = Precision::float64;

  /// Share of a data file's rows kept aside for the test error. Unused with a
  /// test file.
  double test_share = 0.2;

  /// Share of the remaining rows kept aside to choose λ among the epochs. 0: the last
  /// epoch is taken. Unused with a validation file.
  double validation_share = 0.1;

  /// Epochs without a better validation error after which training ends.
  int patience = 3;

  Algorithm1Options algorithm;

  /// Where algorithm.schedule came from, as read_schedule takes it; kept for the run's records.
  std::string schedule_source = "halving";

  /// Budget of wall-clock seconds, counted anew when a run is resumed.
  double max_seconds = std::numeric_limits<double>::infinity();

  /// Throws InvalidArgument for fields out of range or at odds with each other.
  void validate() const;
};

/// A problem made from options: what is trained on, and how its coordinates relate to the inputs'.
struct Problem {
  std::unique_ptr<Objective> objective;
  std::optional<Teacher> teacher;       ///< in input coordinates
  std::vector<std::string> columns;     ///< names of the d inputs
  std::vector<Encoding> encodings;      ///< of text columns among them
  std::vector<Imputation> imputations;  ///< for their missing values
  std::string target;
  std::string source;               ///< teacher or data file, for people
  Index dropped_rows = 0;           ///< of the data file, for missing values
  std::vector<Warning> warnings;    ///< what reading the files found odd
  Standardization standardization;  ///< inputs to the objective's coordinates (before a bias)
  bool biases = false;
  Index training_rows = 0;            ///< 0 for a population
  ColumnRanges ranges;                ///< of the training rows
  std::optional<Dataset> validation;  ///< rows that choose λ, in original units
  std::optional<Dataset> test;        ///< rows that nothing has seen, in original units
  Communicator* processes = nullptr;  ///< those that share the training rows; null: none

  /// The network in the units of inputs and target: W m×d, biases left out.
  Network to_inputs(const Network& network) const;
};

/// The rows of a sample that training sees, in original units: those of a data file without the
/// shares kept aside, or those drawn from a teacher less the validation's. Throws InvalidArgument.
Dataset training_rows(const TrainOptions& options, const std::optional<Teacher>& teacher,
                      std::optional<Dataset> data);

/// Builds the problem. `data` is the file's content when options.data names one, `validation` and
/// `test` that of options.validation_file and test_file (read_dataset_like), and the teacher is
/// given when options.teacher is. Rows count by their weights. Data that is moved in is not copied:
/// it becomes the objective's rows. With `processes`, which must outlive the problem, each of them
/// makes the same call with all rows, and keeps its share of those for training; the square loss of
/// each step is then summed by all (docs/architecture.md, "Rows on several processes"). Throws
/// InvalidArgument, for a population on several processes too: it has no rows to share.
Problem make_problem(const TrainOptions& options, const std::optional<Teacher>& teacher,
                     std::optional<Dataset> data, std::optional<Dataset> validation = std::nullopt,
                     std::optional<Dataset> test = std::nullopt, Communicator* processes = nullptr);

/// One line of history.csv. NaN where a quantity does not apply.
struct HistoryRow {
  long step = 0;
  Stage stage = Stage::start;
  long epoch = 0;
  double lambda = 0.0;
  double loss = 0.0;
  double penalized_loss = 0.0;
  double gradient_norm = 0.0;
  Index neurons = 0;  ///< holding more than 1e-6 of the total mass
  double mean_angle_deg = std::numeric_limits<double>::quiet_NaN();
  double max_angle_deg = std::numeric_limits<double>::quiet_NaN();
  double far_mass = std::numeric_limits<double>::quiet_NaN();
  double seconds = 0.0;
  /// Mean squared errors as shares of the training (test: population) target's variance.
  double validation_error = std::numeric_limits<double>::quiet_NaN();
  double test_error = std::numeric_limits<double>::quiet_NaN();  ///< exact
  bool end_of_epoch = false;
};

template <RecordOf<HistoryRow> Record, class Visitor>
void visit_fields(Record& row, Visitor&& visitor) {
  visitor("step", row.step);
  visitor("stage", row.stage);
  visitor("epoch", row.epoch);
  visitor("lambda", row.lambda);
  visitor("loss", row.loss);
  visitor("penalized_loss", row.penalized_loss);
  visitor("gradient_norm", row.gradient_norm);
  visitor("neurons", row.neurons);
  visitor("mean_angle_deg", row.mean_angle_deg);
  visitor("max_angle_deg", row.max_angle_deg);
  visitor("far_mass", row.far_mass);
  visitor("seconds", row.seconds);
  visitor("validation_error", row.validation_error);
  visitor("test_error", row.test_error);
  visitor("end_of_epoch", row.end_of_epoch);
}

/// The epoch with the smallest validation error so far.
struct BestEpoch {
  double validation_error = std::numeric_limits<double>::infinity();
  double lambda = 0.0;
  long epoch = 0;
  Network network;
};

/// Everything a run needs to go on: saved in a checkpoint, restored bit by bit.
struct TrainState {
  Algorithm1State algorithm;
  BestEpoch best;
  long epochs_without_improvement = 0;
  double seconds = 0.0;  ///< worked so far
  std::vector<HistoryRow> history;
};

struct TrainObserver {
  /// For each line of the history, with the network of that moment in the objective's coordinates.
  std::function<void(const HistoryRow&, const Network&)> on_row;

  /// Asked after every step and between the parts of stage 2. True stops the run.
  std::function<bool()> should_stop;

  /// After every step, with a state that can be saved. False stops the run.
  std::function<bool(const TrainState&)> on_step;
};

/// How far predictions are from a target that is known. Means are weighted where the rows have
/// weights.
struct TestError {
  double rmse = 0.0;  ///< NaN for several outputs
  /// 1 − mean squared error over the variance of the test rows' target; NaN where that is 0.
  double r2 = std::numeric_limits<double>::quiet_NaN();
  double relative_error = std::numeric_limits<double>::quiet_NaN();  ///< 1 − R²; of several targets
                                                                     ///< the mean over them

  /// For other families than the square: 1 − mean deviance over that of the rows' best constant.
  double deviance_explained = std::numeric_limits<double>::quiet_NaN();
  double log_loss = std::numeric_limits<double>::quiet_NaN();  ///< classes: −log likelihood a row
  double accuracy = std::numeric_limits<double>::quiet_NaN();  ///< classes, that are no shares
  Index rows = 0;  ///< 0: exact expectation over the teacher's population
};

template <RecordOf<TestError> Record, class Visitor>
void visit_fields(Record& test, Visitor&& visitor) {
  visitor("rmse", test.rmse);
  visitor("r2", test.r2);
  visitor("relative_error", test.relative_error);
  visitor("deviance_explained", test.deviance_explained);
  visitor("log_loss", test.log_loss);
  visitor("accuracy", test.accuracy);
  visitor("rows", test.rows);
}

/// The error of scores against targets of a family, with weights (empty: equal). The scores have
/// the offset of their rows added where there is one; what they are compared with, the best
/// constant, has it too. Throws InvalidArgument for a target that the family cannot have.
TestError test_error(const Family& family, const Vector& scores, const Vector& targets,
                     const Vector& weights, const Vector& offset = {});

/// The error of a model on rows with a target. Throws InvalidArgument for a target that the model's
/// family cannot have, and for rows without the offset that the model needs.
TestError test_error(const Model& model, const Dataset& rows);

/// What a run ends with.
struct TrainResult {
  Status status = Status::converged;
  Message message;
  Network network;      ///< as trained, in the objective's coordinates
  double lambda = 0.0;  ///< λ of that network's epoch
  double loss = 0.0;
  double penalized_loss = 0.0;
  double gradient_norm = 0.0;
  double merge_angle_deg = 0.0;  ///< neurons closer than this were merged into features
  Model model;                   ///< merged features in original units
  Model neurons;                 ///< the network itself in original units, a feature a neuron
  std::optional<Certificate> certificate;
  std::optional<Recovery> recovery;
  std::optional<RecoveryBound> recovery_bound;  ///< on a population, where there is a certificate
  std::optional<TestError> test;
  std::optional<double> early_condition_number;  ///< κ of H, where the teacher is known
  std::vector<Warning> warnings;
};

/// Runs Algorithm 1 on a problem, from a fresh or a restored state.
TrainResult train(const Problem& problem, const TrainOptions& options, TrainState& state,
                  const TrainObserver& observer = {});

}  // namespace lodestone
