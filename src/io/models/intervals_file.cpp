#include <algorithm>
#include <stdexcept>
#include <utility>
#include <vector>

#include "io/json_format.hpp"
#include "io/json_text.hpp"
#include "io/models/model_json.hpp"
#include "lodestone/io/file.hpp"
#include "lodestone/model/intervals.hpp"

namespace lodestone {
namespace {

using Json = nlohmann::ordered_json;

constexpr io::Format intervals_format = {"lodestone-intervals", 1, "intervals",
                                         "the intervals.json of a fit"};

PredictionIntervals intervals_from(const Json& json) {
  PredictionIntervals intervals;
  for (const Json& item : json.at("folds")) {
    const auto residuals = item.at("residuals").get<std::vector<double>>();
    PredictionIntervals::Fold fold;
    fold.model = io::model_from(item.at("model"));
    fold.residuals =
        Eigen::Map<const Vector>(residuals.data(), static_cast<Index>(residuals.size()));
    fold.weight = item.at("weight").get<double>();
    fold.rows = io::whole_number_at<Index>(item, "rows");
    if (fold.residuals.size() == 0 || !(fold.weight >= 0.0) || fold.rows < 1 ||
        !std::is_sorted(residuals.begin(), residuals.end())) {
      throw std::out_of_range("a fold has no residuals in ascending order");
    }
    intervals.folds.push_back(std::move(fold));
  }
  return intervals;
}

}  // namespace

void write_intervals(const std::string& path, const PredictionIntervals& intervals) {
  Json json = {{"format", intervals_format.name},
               {"version", intervals_format.version},
               {"formula", "CV+: quantiles of each fold's prediction plus or minus its residuals"}};
  Json& folds = json["folds"] = Json::array();
  for (const PredictionIntervals::Fold& fold : intervals.folds) {
    folds.push_back(
        {{"rows", fold.rows},
         {"weight", fold.weight},
         {"residuals", std::vector<double>(fold.residuals.begin(), fold.residuals.end())},
         {"model", io::model_json(fold.model)}});
  }
  write_file_atomically(path, io::readable(json));
}

PredictionIntervals read_intervals(const std::string& path) {
  return io::read_json(path, intervals_format, intervals_from);
}

}  // namespace lodestone
