#include <algorithm>
#include <cmath>
#include <utility>

#include "core/factorizations.hpp"
#include "lodestone/core/error.hpp"
#include "lodestone/core/random.hpp"
#include "lodestone/runs/train.hpp"

namespace lodestone {
namespace {

void require_finite_loss(const Objective& objective) {
  if (std::isfinite(objective.null_loss())) return;
  throw InvalidArgument("target", "",
                        "numbers so large that their squares leave the range of float64; use "
                        "larger units");
}

// Orthonormal basis (d×s) of span(W⁰, teachers), which a population run never leaves
// (docs/math.md, 2.6). The start is drawn in the inputs' coordinates, so that the reduction changes
// nothing but the cost.
Matrix span_of_run(const Teacher& teacher, const Network& start) {
  const Index pairs = start.width() / 2;
  Eigen::MatrixXd spanning(teacher.dimension(), pairs + teacher.neurons());
  for (Index i = 0; i < pairs; ++i) spanning.col(i) = start.W.row(2 * i).normalized();
  spanning.rightCols(teacher.neurons()) = teacher.directions.transpose();
  return column_span(spanning).basis;
}

Problem population_problem(const TrainOptions& options, const Teacher& teacher) {
  Problem problem;
  const Index d = teacher.dimension();
  problem.standardization.center = Vector::Zero(d);
  problem.standardization.scale = Vector::Ones(d);
  problem.standardization.map = Matrix::Identity(d, d);
  Teacher reduced = teacher;
  if (options.algorithm.width / 2 + teacher.neurons() < d) {
    const Network start = symmetric_start(options.algorithm.width, d, options.algorithm.seed);
    problem.standardization.map = span_of_run(teacher, start);
    reduced.directions = teacher.directions * problem.standardization.map;
  }
  problem.objective = std::make_unique<PopulationObjective>(std::move(reduced));
  require_finite_loss(*problem.objective);
  problem.teacher = teacher;
  problem.columns = numbered_columns(d);
  problem.target = "y";
  problem.source = options.teacher;
  return problem;
}

void keep_share(SampleData& data, const RowShare& share) {
  data.X = data.X.middleRows(share.first(), share.count()).eval();
  data.y = data.y.segment(share.first(), share.count()).eval();
  if (data.weights.size() > 0) {
    data.weights = data.weights.segment(share.first(), share.count()).eval();
  }
  data.share = share;
}

Problem sample_problem(const TrainOptions& options, const std::optional<Teacher>& teacher,
                       Dataset data, std::optional<Dataset> validation_rows,
                       std::optional<Dataset> test_rows, Communicator* processes) {
  const bool from_file = !teacher.has_value();
  Problem problem;
  // Before rows are dealt: a share of the data has the warnings of the data.
  for (const Dataset* read :
       {&data, validation_rows ? &*validation_rows : nullptr, test_rows ? &*test_rows : nullptr}) {
    if (read == nullptr) continue;
    problem.warnings.insert(problem.warnings.end(), read->warnings.begin(), read->warnings.end());
  }
  auto [training, validation, test] =
      deal_rows(checked_dataset(std::move(data)), from_file ? options.test_share : 0.0,
                options.validation_share, options.algorithm.seed, std::move(validation_rows),
                std::move(test_rows));
  problem.teacher = teacher;
  problem.columns = training.columns;
  problem.target = training.target;
  problem.encodings = training.encodings;
  problem.imputations = training.imputations;
  problem.source = from_file ? options.data.file : options.teacher;
  problem.dropped_rows = training.dropped_rows;
  problem.biases = options.biases.value_or(from_file);
  problem.training_rows = training.X.rows();
  problem.ranges = column_ranges(training.X);
  const auto kind = options.standardize.value_or(from_file ? Standardization::Kind::scale
                                                           : Standardization::Kind::none);
  problem.standardization = Standardization::fit(kind, training.X, training.y, training.weights);

  SampleData standardized;
  standardized.X = problem.standardization.apply(std::move(training.X));
  standardized.y = training.y / problem.standardization.target_scale;
  standardized.weights = training.weights;
  standardized.biases = problem.biases;
  standardized.precision = options.precision;
  if (processes != nullptr) {
    keep_share(standardized, RowShare(problem.training_rows, *processes));
    problem.processes = processes;
  }
  problem.objective = std::make_unique<SampleObjective>(std::move(standardized));
  require_finite_loss(*problem.objective);
  problem.validation = std::move(validation);
  problem.test = std::move(test);
  return problem;
}

Dataset drawn_rows(const TrainOptions& options, const Teacher& teacher) {
  return draw_samples(teacher, options.samples, options.noise, options.algorithm.seed);
}

}  // namespace

void TrainOptions::validate() const {
  if (teacher.empty() == data.file.empty()) {
    throw InvalidArgument(
        "teacher", teacher.empty() ? "neither" : "both",
        Message::pattern("give either {teacher} (a hidden network) or {data} (a table)"));
  }
  require_in(Limits::samples, "samples", samples);
  if (samples > 0 && teacher.empty()) {
    throw InvalidArgument("samples", number_text(samples),
                          "draws rows from a teacher; a data file brings its own");
  }
  require_in(Limits::noise, "noise", noise);
  if (noise > 0.0 && samples == 0) {
    throw InvalidArgument("noise", number_text(noise),
                          Message::pattern("a population has no noise; give {samples} as well"));
  }
  if (precision == Precision::float32 && samples == 0 && data.file.empty()) {
    throw InvalidArgument("precision", name(precision),
                          Message::pattern("an exact population is computed in float64; give "
                                           "{samples} or {data}"));
  }
  require_in(Limits::test_share, "test_share", test_share);
  require_in(Limits::validation_share, "validation_share", validation_share);
  require_in(Limits::patience, "patience", patience);
  require_in(Limits::max_seconds, "max_seconds", max_seconds);
  for (const auto& [field, file] :
       {std::pair("validation", validation_file), {"test", test_file}}) {
    if (!file.empty() && data.file.empty()) {
      throw InvalidArgument(field, "'" + file + "'",
                            Message::pattern("goes with a data file ({data})"));
    }
  }
  const auto from_standard_input = {data.file == "-", validation_file == "-", test_file == "-"};
  if (std::count(from_standard_input.begin(), from_standard_input.end(), true) > 1) {
    throw InvalidArgument("data", "'-' twice", "standard input can be read once only");
  }
  if (teacher.empty() && data.target.empty()) {
    throw InvalidArgument("target", "nothing",
                          Message::pattern("name the column to predict with {target} COLUMN"));
  }
  algorithm.validate();
}

Network Problem::to_inputs(const Network& network) const {
  const Index p = standardization.map.cols();
  return {standardization.target_scale * network.a,
          network.W.leftCols(p) * standardization.map.transpose()};
}

Dataset training_rows(const TrainOptions& options, const std::optional<Teacher>& teacher,
                      std::optional<Dataset> data) {
  options.validate();
  if (data) {
    // A share takes no rows where a file has them.
    return deal_rows(std::move(*data), options.test_file.empty() ? options.test_share : 0.0,
                     options.validation_file.empty() ? options.validation_share : 0.0,
                     options.algorithm.seed)
        .training;
  }
  if (!teacher || options.samples == 0) {
    throw InvalidArgument("samples", "0", "only a data file or a sample has rows");
  }
  return deal_rows(drawn_rows(options, *teacher), 0.0, options.validation_share,
                   options.algorithm.seed)
      .training;
}

Problem make_problem(const TrainOptions& options, const std::optional<Teacher>& teacher,
                     std::optional<Dataset> data, std::optional<Dataset> validation,
                     std::optional<Dataset> test, Communicator* processes) {
  options.validate();
  if (data) {
    return sample_problem(options, std::nullopt, std::move(*data), std::move(validation),
                          std::move(test), processes);
  }
  if (!teacher) throw InvalidArgument("teacher", "nothing", "a teacher or a data set is needed");
  if (options.samples == 0) {
    if (processes != nullptr) {
      throw InvalidArgument("samples", "0",
                            "a population has no rows that processes could share; start one");
    }
    return population_problem(options, *teacher);
  }
  return sample_problem(options, teacher, drawn_rows(options, *teacher), std::nullopt, std::nullopt,
                        processes);
}

}  // namespace lodestone
