#include "lodestone/fit_files.hpp"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "io/json_text.hpp"
#include "lodestone/parallel.hpp"
#include "lodestone/version.hpp"

namespace lodestone {
namespace {

using Json = nlohmann::ordered_json;

std::string cell(double value) { return std::isnan(value) ? "" : fmt::format("{}", value); }

const char* kind_of(const Certificate& certificate) {
  return certificate.kind == Certificate::Kind::rigorous ? "rigorous" : "estimated";
}

Json to_json(const Candidate& candidate, const FitResult& result) {
  Json json = {{"lambda", result.path.points[static_cast<std::size_t>(candidate.index)].lambda},
               {"features", candidate.features},
               {"relaxed", candidate.relaxed}};
  if (candidate.relaxed) json["merge_angle_deg"] = candidate.merge_angle_deg;
  if (!std::isnan(candidate.validation_error)) {
    json["validation_error"] = candidate.validation_error;
  }
  if (!std::isnan(candidate.standard_error)) json["standard_error"] = candidate.standard_error;
  return json;
}

// The first validation error of each λ: the penalized network's.
const Candidate* penalized_at(const FitResult& result, std::size_t point) {
  for (const Candidate& candidate : result.candidates) {
    if (!candidate.relaxed && candidate.index == static_cast<int>(point)) return &candidate;
  }
  return nullptr;
}

}  // namespace

std::string fit_summary_text(const FitRequest& request, const FitResult& result,
                             const FitRun& run) {
  const Candidate& chosen = result.candidates[static_cast<std::size_t>(result.chosen)];
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
               {"backend", "cpu"},
               {"loss", result.loss},
               {"penalized_loss", result.penalized_loss},
               {"lambda", result.lambda},
               {"lambda_in_target_units", result.lambda * result.standardization.target_scale},
               {"lambda_max", result.path.lambda_max},
               {"evaluations", evaluations},
               {"seconds", run.seconds},
               {"neurons", result.network.width()},
               {"features", result.features.width()},
               {"merge_angle_deg", result.merge_angle_deg},
               {"standardization", name(result.standardization.kind)},
               {"certificate",
                {{"sup_eta", result.certificate.sup_eta},
                 {"gap", result.certificate.gap},
                 {"relative_gap", result.certificate.relative_gap},
                 {"kind", kind_of(result.certificate)}}},
               {"model", {{"relaxed", chosen.relaxed}, {"loss", result.features_loss}}}};
  if (run.rows > 0) json["training_rows"] = run.rows;
  if (run.dropped_rows > 0) json["dropped_rows"] = run.dropped_rows;
  if (result.cross_validated) {
    json["selection"] = {
        {"rule", name(request.how.select)},
        {"folds", request.validation_file.empty() ? request.how.folds : 1},
        {"chosen", to_json(chosen, result)},
        {"best", to_json(result.candidates[static_cast<std::size_t>(result.best)], result)}};
  }
  Json& features = json["feature_list"] = Json::array();
  for (const FeatureReport& report : result.reports) {
    Json item = {{"mass", report.mass},
                 {"share", report.share},
                 {"eta", report.eta},
                 {"active_share", report.active_share}};
    if (!std::isnan(report.angle_error_deg)) {
      item["angle_error_deg"] = report.angle_error_deg;
      item["angle_95_deg"] = report.angle_95_deg;
      item["found_share"] = report.found_share;
    }
    features.push_back(item);
  }
  if (run.recovery) {
    Json per_teacher = Json::array();
    for (const TeacherRecovery& teacher : run.recovery->per_teacher) {
      per_teacher.push_back({{"amplitude", teacher.amplitude},
                             {"mass", teacher.mass},
                             {"angle_deg", teacher.angle_deg},
                             {"neurons", teacher.neurons},
                             {"recovered", teacher.recovered}});
    }
    json["recovery"] = {{"teachers", run.recovery->teachers},
                        {"recovered", run.recovery->recovered},
                        {"max_angle_deg", run.recovery->max_angle_deg},
                        {"mean_angle_deg", run.recovery->mean_angle_deg},
                        {"far_mass", run.recovery->far_mass},
                        {"subspace_share", run.recovery->subspace_share},
                        {"per_teacher", per_teacher}};
  }
  if (run.test) {
    json["test"] = {{"rmse", run.test->rmse}};
    if (!std::isnan(run.test->r2)) {
      json["test"]["r2"] = run.test->r2;
      json["test"]["relative_error"] = run.test->relative_error;
    }
    json["test"]["rows"] = run.test->rows;
    json["test"]["exact"] = run.test->rows == 0;
  }
  if (!result.warnings.empty()) json["warnings"] = result.warnings;
  return io::readable(json);
}

std::string path_csv(const FitResult& result) {
  std::string text =
      "lambda,features,neurons,loss,penalized_loss,sup_eta,gap,relative_gap,kind,train_error,"
      "validation_error,validation_standard_error,rounds,evaluations,chosen\n";
  const int chosen = result.candidates[static_cast<std::size_t>(result.chosen)].index;
  for (std::size_t i = 0; i < result.path.points.size(); ++i) {
    const PathPoint& point = result.path.points[i];
    const Candidate* tried = penalized_at(result, i);
    text += fmt::format("{},{},{},{},{},{},{},{},{},{},{},{},{},{},{}\n", point.lambda,
                        result.path_features[i], point.network.width(), point.loss,
                        point.penalized_loss, point.certificate.sup_eta, point.certificate.gap,
                        point.certificate.relative_gap, kind_of(point.certificate),
                        result.training_error[i], tried ? cell(tried->validation_error) : "",
                        tried ? cell(tried->standard_error) : "", point.rounds, point.evaluations,
                        static_cast<int>(i) == chosen ? 1 : 0);
  }
  return text;
}

std::string cross_validation_csv(const FitResult& result) {
  std::string text =
      "lambda,features,relaxed,merge_angle_deg,validation_error,validation_standard_error,chosen\n";
  for (std::size_t c = 0; c < result.candidates.size(); ++c) {
    const Candidate& candidate = result.candidates[c];
    text += fmt::format("{},{},{},{},{},{},{}\n",
                        result.path.points[static_cast<std::size_t>(candidate.index)].lambda,
                        candidate.features, candidate.relaxed ? 1 : 0,
                        candidate.relaxed ? fmt::format("{}", candidate.merge_angle_deg) : "",
                        cell(candidate.validation_error), cell(candidate.standard_error),
                        static_cast<int>(c) == result.chosen ? 1 : 0);
  }
  return text;
}

std::string path_json(const FitResult& result) {
  Json json = {{"format", "lodestone-path"},
               {"version", 1},
               {"coordinates",
                "standardized inputs, with a constant 1 last where neurons have "
                "biases; standardized target"},
               {"lambda_max", result.path.lambda_max}};
  Json& points = json["points"] = Json::array();
  for (const PathPoint& point : result.path.points) {
    Json W = Json::array();
    for (Index i = 0; i < point.network.width(); ++i) {
      W.push_back(
          std::vector<double>(point.network.W.row(i).begin(), point.network.W.row(i).end()));
    }
    points.push_back({{"lambda", point.lambda},
                      {"a", std::vector<double>(point.network.a.begin(), point.network.a.end())},
                      {"W", W}});
  }
  return io::readable(json);
}

}  // namespace lodestone
