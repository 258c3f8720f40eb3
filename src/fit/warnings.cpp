#include "fit/warnings.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/phrase.hpp"
#include "fit/choice.hpp"

namespace lodestone {
namespace fitting {
namespace {

// Numbers of features that leaving out one fold at a time may give before the choice counts as not
// settled: a factor.
constexpr double settled_factor = 1.5;

// What the errors on held-out rows leave open.
void add_doubts(const FitResult& result, const FitOptions& options,
                std::vector<Warning>& warnings) {
  const Candidate& chosen = result.chosen();
  const Candidate& best = result.candidates[static_cast<std::size_t>(result.best_index)];
  const std::vector<int> curve = curve_candidates(result.candidates);
  if (!options.family.has_linear_part() && !options.linear) {
    warnings.push_back({"no_linear_part",
                        phrase("too few rows for a free linear part: features carry what is linear "
                               "({linear} says otherwise)")});
  }
  if (options.constrained() && options.shape == Shape::automatic) {
    warnings.push_back({"monotone_shape",
                        phrase("smooth functions have no signs: features are relus where columns "
                               "are {increasing} or {decreasing} ({shape} relu says so)")});
  }
  if (!curve.empty() && chosen.feature_count > 0) {
    const Candidate& linear = result.candidates[static_cast<std::size_t>(curve.front())];
    if (linear.feature_count == 0 &&
        linear.validation_error <= best.validation_error + best.standard_error) {
      warnings.push_back(
          {"linear_does_as_well",
           phrase("weak evidence for features: the {} model's validation error {} is within "
                  "one standard error of the best, {} ± {}",
                  options.family.has_linear_part() ? "linear" : "constant",
                  fmt::format("{:.3g}", linear.validation_error),
                  fmt::format("{:.3g}", best.validation_error),
                  fmt::format("{:.1g}", best.standard_error))});
    }
  }
  if (options.select.rule == Selection::feature_count) {
    if (chosen.feature_count < options.select.features) {
      warnings.push_back(
          {"fewer_features", phrase("{select} asks for {} features; the largest refit has {}",
                                    options.select.features, chosen.feature_count)});
    }
    return;
  }
  const int folds = static_cast<int>(result.fold_count);
  const auto [fewest, most] = range_of_choices(result.candidates, options, folds);
  if (static_cast<double>(most) >
      settled_factor * static_cast<double>(std::max<Index>(1, fewest))) {
    warnings.push_back(
        {"choice_not_settled",
         phrase("the number of features is not settled: leaving out one fold at a time chooses {} "
                "to {}; {select} takes a number",
                fewest, most)});
  }
}

}  // namespace

std::vector<Warning> choice_warnings(const FitResult& result, const FitOptions& options) {
  const PathOptions& path = options.path;
  std::vector<Warning> warnings;
  if (result.lambda >= result.path.lambda_max) {
    warnings.push_back(
        {"no_feature_pays",
         phrase("lambda {} is not below lambda_max {}: no feature pays, and the model is the "
                "{} one",
                fmt::format("{:.4g}", result.lambda), fmt::format("{:.4g}", result.path.lambda_max),
                options.family.has_linear_part() ? "linear" : "constant")});
  }
  const auto chosen = static_cast<std::size_t>(result.chosen().index);
  const Ending ending = result.path.points[chosen].ending;
  const Certificate& certificate = result.certificate;
  if (ending == Ending::neurons) {
    warnings.push_back({"most_neurons",
                        phrase("the gap is that of a network of at most {} neurons; {max_features} "
                               "raises the bound",
                               path.max_neurons)});
  } else if (ending == Ending::rounds) {
    warnings.push_back(
        {"most_rounds",
         phrase("the gap is above its tolerance after {} rounds of births", path.max_rounds)});
  } else if (ending == Ending::search && certificate.relative_gap > path.gap_tolerance) {
    warnings.push_back({"births_do_not_help",
                        phrase("the gap is above its tolerance: births no longer lower it")});
  } else if (ending == Ending::search) {
    warnings.push_back(
        {"unseen_maxima",
         phrase("the gap may be understated: after {} starts new ones still find new maxima of "
                "|eta| (estimated share unseen {}%)",
                certificate.starts, fmt::format("{:.0f}", 100.0 * certificate.unseen_share))});
  }
  if (result.cross_validated) add_doubts(result, options, warnings);
  return warnings;
}

}  // namespace fitting

namespace {

// Warnings of one kind one by one where they are few, else the first and how many there are like
// it.
void add_few(const std::vector<Warning>& alike, std::vector<Warning>& warnings) {
  constexpr std::size_t most_told = 5;
  if (alike.size() <= most_told) {
    warnings.insert(warnings.end(), alike.begin(), alike.end());
    return;
  }
  warnings.push_back(alike.front());
  warnings.push_back({alike.front().code + "_more",
                      phrase("and {} more warnings like the one before", alike.size() - 1)});
}

}  // namespace

std::vector<Warning> feature_warnings(const Network& feature_network,
                                      const std::vector<FeatureReport>& reports) {
  constexpr double nearly_parallel_deg = 5.0;
  constexpr double nearly_linear = 0.005;
  std::vector<Warning> cancelling;
  std::vector<Warning> parallel;
  std::vector<Warning> linear;
  for (Index i = 0; i < feature_network.width(); ++i) {
    for (Index j = 0; j < i; ++j) {
      const double angle =
          angle_between_lines_deg(feature_network.W.row(i), feature_network.W.row(j));
      if (angle >= nearly_parallel_deg) continue;
      const bool opposite = (feature_network.a[i] > 0.0) != (feature_network.a[j] > 0.0);
      const FeatureReport& one = reports[static_cast<std::size_t>(i)];
      const FeatureReport& other = reports[static_cast<std::size_t>(j)];
      if (opposite && std::abs(one.mass - other.mass) < 0.2 * (one.mass + other.mass)) {
        cancelling.push_back(
            {"cancelling_features",
             phrase("features {} and {} are {} degrees apart with amplitudes of opposite sign that "
                    "nearly cancel: their difference is what matters, not either of them",
                    j + 1, i + 1, fmt::format("{:.2g}", angle))});
      } else {
        parallel.push_back(
            {"parallel_features",
             phrase("features {} and {} are nearly parallel ({} degrees): read them as one "
                    "direction",
                    j + 1, i + 1, fmt::format("{:.2g}", angle))});
      }
    }
    const double active = reports[static_cast<std::size_t>(i)].active_share;
    if (active < nearly_linear || active > 1.0 - nearly_linear) {
      linear.push_back(
          {"linear_feature",
           phrase("feature {} is {} on {} % of the rows: there it belongs to the linear part",
                  i + 1, active < 0.5 ? "off" : "on",
                  fmt::format("{:.1f}", 100.0 * std::max(active, 1.0 - active)))});
    }
  }
  std::vector<Warning> warnings;
  for (const auto& alike : {cancelling, parallel, linear}) add_few(alike, warnings);
  return warnings;
}

}  // namespace lodestone
