#include "lodestone/io/runs/fit_files.hpp"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "io/json_format.hpp"
#include "io/json_text.hpp"
#include "io/models/model_json.hpp"

namespace lodestone {
namespace {

using Json = nlohmann::ordered_json;

constexpr io::Format curve_format = {"lodestone-curve", 1, "curve", "the folder of a fit"};

std::string cell_of(double value) { return std::isnan(value) ? "" : fmt::format("{}", value); }

// The first validation error of each λ: the penalized network's.
const Candidate* penalized_at(const FitResult& result, std::size_t point) {
  for (const Candidate& candidate : result.candidates) {
    if (!candidate.relaxed && !candidate.smooth && candidate.index == static_cast<int>(point))
      return &candidate;
  }
  return nullptr;
}

}  // namespace

std::string path_csv(const FitResult& result) {
  std::string text =
      "lambda,features,neurons,loss,penalized_loss,sup_eta,gap,relative_gap,kind,train_error,"
      "validation_error,validation_standard_error,rounds,evaluations,starts,unseen_share,ending,"
      "chosen\n";
  const int chosen = result.chosen().index;
  for (std::size_t i = 0; i < result.path.points.size(); ++i) {
    const PathPoint& point = result.path.points[i];
    const Candidate* tried = penalized_at(result, i);
    text += fmt::format("{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{}\n", point.lambda,
                        result.path_feature_counts[i], point.network.width(), point.loss,
                        point.penalized_loss, point.certificate.sup_eta, point.certificate.gap,
                        point.certificate.relative_gap, name(point.certificate.kind),
                        result.training_error[i], tried ? cell_of(tried->validation_error) : "",
                        tried ? cell_of(tried->standard_error) : "", point.rounds,
                        point.evaluations, point.certificate.starts, point.certificate.unseen_share,
                        name(point.ending), static_cast<int>(i) == chosen ? 1 : 0);
  }
  return text;
}

std::string cross_validation_csv(const FitResult& result) {
  std::string text =
      "lambda,features,relaxed,merge_angle_deg,validation_error,validation_standard_error,chosen,"
      "smooth\n";
  for (std::size_t c = 0; c < result.candidates.size(); ++c) {
    const Candidate& candidate = result.candidates[c];
    text +=
        fmt::format("{},{},{},{},{},{},{},{}\n",
                    result.path.points[static_cast<std::size_t>(candidate.index)].lambda,
                    candidate.feature_count, candidate.relaxed ? 1 : 0,
                    candidate.relaxed ? fmt::format("{}", candidate.merge_angle_deg) : "",
                    cell_of(candidate.validation_error), cell_of(candidate.standard_error),
                    static_cast<int>(c) == result.chosen_index ? 1 : 0, candidate.smooth ? 1 : 0);
  }
  return text;
}

std::string curve_csv(const FitResult& result) {
  std::string text =
      "features,kind,validation_error,validation_standard_error,lambda,merge_angle_deg,chosen\n";
  for (const CurvePoint& point : result.curve) {
    const Candidate& candidate = result.candidates[static_cast<std::size_t>(point.candidate)];
    text += fmt::format("{},{},{},{},{},{},{}\n", point.model.shown_count(), name(point.kind),
                        cell_of(candidate.validation_error), cell_of(candidate.standard_error),
                        result.path.points[static_cast<std::size_t>(candidate.index)].lambda,
                        candidate.relaxed ? fmt::format("{}", candidate.merge_angle_deg) : "",
                        point.candidate == result.chosen_index ? 1 : 0);
  }
  return text;
}

std::string curve_json(const FitResult& result) {
  Json json = {{"format", curve_format.name}, {"version", curve_format.version}};
  Json& points = json["points"] = Json::array();
  for (const CurvePoint& point : result.curve) {
    points.push_back({{"kind", name(point.kind)},
                      {"features", point.model.shown_count()},
                      {"model", io::model_json(point.model)}});
  }
  return io::readable(json);
}

std::vector<Model> read_curve(const std::string& path) {
  return io::read_json(path, curve_format, [](const Json& json) {
    std::vector<Model> models;
    for (const Json& point : json.at("points")) models.push_back(io::model_from(point.at("model")));
    return models;
  });
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
    if (point.network.S.size() == 0) continue;
    Json& S = points.back()["S"] = Json::array();
    for (Index i = 0; i < point.network.width(); ++i) {
      S.push_back(
          std::vector<double>(point.network.S.row(i).begin(), point.network.S.row(i).end()));
    }
  }
  return io::readable(json);
}

}  // namespace lodestone
