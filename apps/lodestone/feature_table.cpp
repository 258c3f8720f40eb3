#include "feature_table.hpp"

#include <fmt/format.h>

#include <cmath>

#include "verbs.hpp"

namespace lodestone::app {

namespace {

// What the scores of a family's sum mean, and the affine part: the end of every table. `gap`: what
// the columns between amplitude and direction take.
std::string affine_rows(const Model& model, const std::string& gap) {
  std::string meaning;
  if (!model.classes.empty()) {
    meaning =
        fmt::format("  the sum is the log of the odds of {} = {}", model.target, model.classes[1]);
  } else if (model.family.kind == Family::Kind::logistic) {
    meaning = "  the sum is the log of the odds of 1";
  } else if (model.family.kind == Family::Kind::poisson) {
    meaning = "  the sum is the log of the mean";
  }
  if (!model.offset_column.empty()) {
    meaning += fmt::format("{}the offset {} of each row is added to the sum",
                           meaning.empty() ? "  " : "; ", model.offset_column);
  }
  const Vector& slope = model.affine.beta;
  const double linear = slope.cwiseProduct(model.standardization.scale).norm();
  std::string rows = fmt::format("  {:>9}  {:>+10.4g}\n", "intercept", model.affine.alpha);
  rows += fmt::format("  {:>9}  {:>10.4g}{}  {}\n", "linear", linear, gap,
                      direction_in_words(slope, model.standardization.scale, model.columns, 4));
  if (!meaning.empty()) rows += fmt::format("{}\n", meaning);
  return rows;
}

// A row for each direction of a smooth model.
std::string ridge_table(const Model& model, const std::vector<FeatureReport>& reports) {
  const bool with_angles = !reports.empty() && !std::isnan(reports.front().angle_error_deg);
  const auto angle_cell = [&](const std::string& text) {
    return with_angles ? fmt::format("  {:>8}", text) : std::string();
  };
  std::string table = fmt::format("  {:>9}  {:>10}  {:<32}{}  {}\n", "feature", "explains", "shape",
                                  angle_cell("angle ±"),
                                  "direction: column by standard deviation (by its own unit)");
  for (std::size_t k = 0; k < model.ridges.size(); ++k) {
    const Ridge& ridge = model.ridges[k];
    const auto first = static_cast<std::size_t>(ridge.first);
    const std::string angle =
        with_angles ? fmt::format("{:.2g}°", reports[first].angle_error_deg) : "";
    table += fmt::format("  {:>9}  {:>9.2f}%  {:<32}{}  {}\n", k + 1, 100.0 * ridge.explained,
                         fmt::format("smooth, {:.1f} degrees of freedom", ridge.degrees_of_freedom),
                         angle_cell(angle),
                         direction_in_words(model.features[first].direction,
                                            model.standardization.scale, model.columns, 4));
  }
  return table + affine_rows(model, fmt::format("  {:<32}{}", "", angle_cell("")));
}

}  // namespace

namespace {

// Several outputs: the shared directions, what each is worth to each output, and the affine parts.
std::string shared_table(const Model& model) {
  constexpr std::size_t most_rows = 10;
  constexpr std::size_t most_outputs = 6;
  const std::vector<Feature>& features = model.features;
  const std::size_t outputs = std::min(model.outputs.size(), most_outputs);
  const auto cells = [&](const auto& number, bool with_sign = true) {
    std::string row;
    for (std::size_t k = 0; k < outputs; ++k) {
      row += with_sign ? fmt::format("  {:>+10.4g}", number(k))
                       : fmt::format("  {:>10.4g}", number(k));
    }
    return row + (outputs < model.outputs.size() ? "  ..." : "");
  };
  std::string heads;
  for (std::size_t k = 0; k < outputs; ++k) {
    heads += fmt::format("  {:>10.10}", model.outputs[k].name);
  }
  if (outputs < model.outputs.size()) heads += "  ...";
  double total = 0.0;
  for (const Feature& feature : features) total += feature.amplitude;
  std::string table = fmt::format("  {:>9}  {:>6}{}\n", "feature", "share", heads);
  std::string directions;
  for (std::size_t i = 0; i < std::min(features.size(), most_rows); ++i) {
    table += fmt::format(
        "  {:>9}  {:>5.1f}%{}\n", i + 1, 100.0 * features[i].amplitude / total,
        cells([&](std::size_t k) { return features[i].amplitudes[static_cast<Index>(k)]; }));
    directions += fmt::format(
        "  {:>9}  {}\n", i + 1,
        direction_in_words(features[i].direction, model.standardization.scale, model.columns, 4));
  }
  table += fmt::format("  {:>9}  {:>6}{}\n", "intercept", "",
                       cells([&](std::size_t k) { return model.outputs[k].affine.alpha; }));
  const auto linear = [&](std::size_t k) {
    return model.outputs[k].affine.beta.cwiseProduct(model.standardization.scale).norm();
  };
  table += fmt::format("  {:>9}  {:>6}{}\n", "linear", "", cells(linear, false));
  if (features.size() > most_rows) {
    table += fmt::format("  ... and {} smaller ones in model.json\n", features.size() - most_rows);
  }
  if (!directions.empty()) {
    table += fmt::format("\n  {:>9}  {}\n{}", "feature",
                         "direction: column by standard deviation (by its own unit)", directions);
  }
  if (model.family.softmax()) table += "  the probabilities are the softmax of the sums\n";
  return table;
}

}  // namespace

std::string feature_table(const Model& model, const std::vector<FeatureReport>& reports) {
  if (!model.ridges.empty()) return ridge_table(model, reports);
  if (!model.outputs.empty()) return shared_table(model);
  constexpr std::size_t most_rows = 10;
  constexpr double smallest_share = 0.0005;
  const std::vector<Feature>& features = model.features;
  const bool with_angles = !reports.empty() && !std::isnan(reports.front().angle_error_deg);
  double total = 0.0;
  for (const Feature& feature : features) total += std::abs(feature.amplitude);
  const auto angle_cell = [&](const std::string& text) {
    return with_angles ? fmt::format("  {:>8}", text) : std::string();
  };
  std::string table = fmt::format("  {:>9}  {:>10}  {:>10}  {:>6}{}  {}\n", "feature", "amplitude",
                                  "bias", "share", angle_cell("angle ±"),
                                  "direction: column by standard deviation (by its own unit)");
  std::size_t shown = 0;
  while (shown < features.size() && shown < most_rows &&
         std::abs(features[shown].amplitude) >= smallest_share * total) {
    const Feature& feature = features[shown];
    const std::string angle =
        with_angles ? fmt::format("{:.2g}°", reports[shown].angle_error_deg) : "";
    ++shown;
    table += fmt::format(
        "  {:>9}  {:>+10.4g}  {:>+10.4g}  {:>5.1f}%{}  {}\n", shown, feature.amplitude,
        feature.bias, 100.0 * std::abs(feature.amplitude) / total, angle_cell(angle),
        direction_in_words(feature.direction, model.standardization.scale, model.columns, 4));
  }
  if (shown < features.size()) {
    table += fmt::format("  ... and {} smaller ones in model.json\n", features.size() - shown);
  }
  return table + affine_rows(model, fmt::format("  {:>10}  {:>6}{}", "", "", angle_cell("")));
}

std::string error_in_words(const TestError& error) {
  if (!std::isnan(error.log_loss)) {
    return fmt::format(
        "log loss {:.4g}{}, {:.1f}% of the deviance explained", error.log_loss,
        std::isnan(error.accuracy) ? "" : fmt::format(", accuracy {:.1f}%", 100.0 * error.accuracy),
        100.0 * error.deviance_explained);
  }
  if (!std::isnan(error.deviance_explained)) {
    return fmt::format("RMSE {:.4g}, {:.1f}% of the deviance explained", error.rmse,
                       100.0 * error.deviance_explained);
  }
  if (std::isnan(error.rmse)) return fmt::format("mean R² of the targets {:.4f}", error.r2);
  return fmt::format("RMSE {:.4g}{}", error.rmse,
                     std::isnan(error.r2) ? "" : fmt::format(", R² {:.4f}", error.r2));
}

std::string curve_table(const FitResult& result) {
  std::string table = fmt::format("  {:>10}  {:>18}\n", "features", "validation error");
  for (std::size_t i = 0; i < result.curve.size(); ++i) {
    const CurvePoint& point = result.curve[i];
    const Candidate& candidate = result.candidates[static_cast<std::size_t>(point.candidate)];
    std::string note = point.kind == CurvePoint::Kind::refitted ? "" : name(point.kind);
    if (static_cast<int>(i) == result.elbow) note = "elbow: a model to read";
    // "±" takes two bytes but one place.
    table += fmt::format(
        "{} {:>10}  {:>19}  {}", point.candidate == result.chosen_index ? ">" : " ",
        point.model.shown_count(),
        fmt::format("{:.4g} ± {:.1g}", candidate.validation_error, candidate.standard_error), note);
    table.erase(table.find_last_not_of(' ') + 1);
    table += "\n";
  }
  return table;
}

std::string path_table(const FitResult& result) {
  const int chosen = result.chosen().index;
  const int count = static_cast<int>(result.path.points.size());
  std::string table = fmt::format("  {:>10}  {:>8}  {:>9}  {:>9}  {:>18}\n", "lambda", "features",
                                  "gap", "train", result.cross_validated ? "validation" : "");
  for (int i = 0; i < count; ++i) {
    // Every third line is enough to see the path's shape; the chosen one and its neighbours show.
    if (count > 20 && i % 3 != 0 && std::abs(i - chosen) > 1 && i != count - 1) continue;
    const auto at = static_cast<std::size_t>(i);
    const PathPoint& point = result.path.points[at];
    std::string validation;
    for (const Candidate& candidate : result.candidates) {
      if (!candidate.relaxed && !candidate.smooth && candidate.index == i &&
          !std::isnan(candidate.validation_error)) {
        validation =
            fmt::format("{:.4g} ± {:.1g}", candidate.validation_error, candidate.standard_error);
      }
    }
    // "±" takes two bytes but one place.
    const std::size_t width = validation.empty() ? 18 : 19;
    table +=
        fmt::format("{} {:>10.4g}  {:>8}  {:>9.2g}  {:>9.4g}  {:>{}}\n", i == chosen ? ">" : " ",
                    point.lambda, result.path_feature_counts[at], point.certificate.relative_gap,
                    result.training_error[at], validation, width);
  }
  return table;
}

}  // namespace lodestone::app
