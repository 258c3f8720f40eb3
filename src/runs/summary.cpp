#include "lodestone/runs/summary.hpp"

#include <cmath>
#include <nlohmann/json.hpp>

#include "io/json_record.hpp"
#include "io/json_text.hpp"
#include "lodestone/core/instruction_set.hpp"
#include "lodestone/core/parallel.hpp"
#include "lodestone/io/config/option.hpp"
#include "lodestone/version.hpp"
#include "runs/certificate_json.hpp"

namespace lodestone {
namespace {

using Json = nlohmann::ordered_json;

Json to_json(const TestError& test) {
  Json json = io::json_of(test);
  json["exact"] = test.rows == 0;
  return json;
}

Json to_json(const Candidate& candidate, const FitResult& result) {
  Json json = {{"lambda", result.path.points[static_cast<std::size_t>(candidate.index)].lambda},
               {"features", candidate.feature_count},
               {"relaxed", candidate.relaxed}};
  if (candidate.smooth) json["smooth"] = true;
  if (candidate.relaxed) json["merge_angle_deg"] = candidate.merge_angle_deg;
  if (!std::isnan(candidate.validation_error)) {
    json["validation_error"] = candidate.validation_error;
  }
  if (!std::isnan(candidate.standard_error)) json["standard_error"] = candidate.standard_error;
  return json;
}

// In words, with options as the keys of the configuration beside the summary.
void add_warnings(Json& json, const std::vector<Warning>& warnings) {
  for (const Warning& warning : warnings) {
    json["warnings"].push_back(warning.message.spelled(config_key));
  }
}

}  // namespace

std::string summary_text(const Problem& problem, const TrainOptions& options,
                         const TrainState& state, const TrainResult& result) {
  const Algorithm1State& algorithm = state.algorithm;
  const bool sample = problem.training_rows > 0;
  Json json = {{"lodestone", version},
               {"command", "train"},
               {"status", name(result.status)},
               {"message", result.message.spelled(config_key)},
               {"finished", algorithm.stage == Stage::done},
               {"epochs_cut", algorithm.epochs_cut},
               {"objective", sample ? "sample" : "population"},
               {"source", problem.source},
               {"seed", options.algorithm.seed},
               {"threads", threads()},
               {"precision", name(options.precision)},
               {"backend", "cpu (" + instruction_set() + ")"},
               {"loss", result.loss},
               {"penalized_loss", result.penalized_loss},
               {"null_loss", problem.objective->null_loss()},
               {"lambda", result.lambda},
               {"lambda_in_target_units", result.lambda * problem.standardization.target_scale},
               {"lambda_start", algorithm.lambda_start},
               {"gap_after_stage_2", algorithm.starting_gap},
               {"gradient_norm", result.gradient_norm},
               {"steps", algorithm.steps},
               {"evaluations", algorithm.evaluations},
               {"seconds", state.seconds},
               {"neurons", options.algorithm.width},
               {"features", result.model.features.size()},
               {"merge_angle_deg", result.merge_angle_deg},
               {"standardization", name(problem.standardization.kind)}};
  if (sample) json["training_rows"] = problem.training_rows;
  if (problem.dropped_rows > 0) json["dropped_rows"] = problem.dropped_rows;
  if (problem.validation) {
    json["validation"] = {{"rows", problem.validation->y.size()},
                          {"relative_error", state.best.validation_error},
                          {"epoch", state.best.epoch}};
  }
  if (result.early_condition_number) json["kappa"] = *result.early_condition_number;
  if (result.certificate) json["certificate"] = certificate_json(*result.certificate);
  if (result.recovery) json["recovery"] = io::json_of(*result.recovery);
  if (result.recovery_bound) {
    json["recovery_bound"] = recovery_bound_json(*result.recovery_bound);
  }
  if (result.test) json["test"] = to_json(*result.test);
  add_warnings(json, result.warnings);
  return io::readable(json);
}

std::string fit_summary_text(const FitRequest& request, const FitResult& result,
                             const FitRun& run) {
  const Candidate& chosen = result.chosen();
  long evaluations = 0;
  for (const PathPoint& point : result.path.points) evaluations += point.evaluations;
  Json json = {{"lodestone", version},
               {"command", "fit"},
               {"status", name(run.status)},
               {"objective", run.rows > 0 ? "sample" : "population"},
               {"source", run.source},
               {"seed", request.how.seed},
               {"threads", threads()},
               {"precision", name(request.how.precision)},
               {"backend", "cpu (" + instruction_set() + ")"},
               {"loss", result.loss},
               {"penalized_loss", result.penalized_loss},
               {"lambda", result.lambda},
               {"lambda_in_target_units", result.lambda * result.standardization.target_scale},
               {"lambda_max", result.path.lambda_max},
               {"evaluations", evaluations},
               {"seconds", run.seconds},
               {"neurons", result.network.width()},
               {"features", result.model.shown_count()},
               {"merge_angle_deg", result.merge_angle_deg},
               {"standardization", name(result.standardization.kind)},
               {"certificate", certificate_json(result.certificate)},
               {"model",
                {{"relaxed", chosen.relaxed},
                 {"shape", name(chosen.smooth ? Shape::smooth : Shape::relu)},
                 {"loss", result.feature_network_loss}}}};
  if (run.rows > 0) json["training_rows"] = run.rows;
  if (run.dropped_rows > 0) json["dropped_rows"] = run.dropped_rows;
  if (!result.model.offset_column.empty()) json["offset"] = result.model.offset_column;
  if (!result.model.classes.empty()) {
    json["classes"] = result.model.classes;
    if (result.model.outputs.empty()) json["probability_of"] = result.model.classes[1];
  }
  for (const Output& output : result.model.outputs) json["outputs"].push_back(output.name);
  if (result.cross_validated) {
    json["selection"] = {
        {"rule", name(request.how.select)},
        {"folds", request.validation_file.empty() ? request.how.folds : 1},
        {"chosen", to_json(chosen, result)},
        {"best", to_json(result.candidates[static_cast<std::size_t>(result.best_index)], result)}};
    if (request.how.forward_folds) json["selection"]["forward"] = true;
    if (!request.data.groups.empty()) json["selection"]["groups"] = request.data.groups;
  }
  Json& features = json["feature_list"] = Json::array();
  if (result.model.ridges.empty()) {
    for (const FeatureReport& report : result.reports) features.push_back(io::json_of(report));
  }
  for (const Ridge& ridge : result.model.ridges) {
    Json one = {{"degrees_of_freedom", ridge.degrees_of_freedom},
                {"explained", ridge.explained},
                {"knots", ridge.count}};
    const FeatureReport& report = result.reports[static_cast<std::size_t>(ridge.first)];
    if (!std::isnan(report.angle_error_deg)) {
      one["angle_error_deg"] = report.angle_error_deg;
      one["angle_95_deg"] = report.angle_95_deg;
      one["found_share"] = report.found_share;
    }
    features.push_back(std::move(one));
  }
  if (run.recovery) json["recovery"] = io::json_of(*run.recovery);
  if (run.test) json["test"] = to_json(*run.test);
  add_warnings(json, result.warnings);
  return io::readable(json);
}

}  // namespace lodestone
