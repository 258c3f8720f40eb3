#include "fit/curve.hpp"

#include <algorithm>
#include <cstddef>

#include "core/parallel.hpp"
#include "fit/choice.hpp"
#include "fit/refit.hpp"
#include "fit/signs.hpp"
#include "path/descent.hpp"

namespace lodestone::fitting {

std::pair<Network, double> features_of(const Objective& objective, const Network& network,
                                       const Candidate& candidate,
                                       const std::function<bool()>& should_stop) {
  auto [features, angle] = candidate.relaxed
                               ? std::pair(refit_best(objective, network, candidate.merge_angle_deg,
                                                      candidate.feature_count, should_stop),
                                           candidate.merge_angle_deg)
                               : coarsest_merge(objective, network);
  return {with_smallest_linear_part(objective, path::heaviest(features, features.width())), angle};
}

std::vector<RidgeSum> ridge_sums(const SampleObjective& objective, const Network& network,
                                 Index most, const std::function<bool()>& should_stop) {
  RidgePursuit pursuit = pursuit_from(objective, network, should_stop);
  std::vector<RidgeSum> sums;
  while (static_cast<Index>(sums.size()) < most && pursuit.add()) {
    sums.push_back(with_smallest_linear_part(objective, pursuit.sum()));
  }
  return sums;
}

void add_smooth_points(const std::vector<RidgeSum>& sums, const PreparedRows& rows,
                       FitResult& result) {
  for (int c = 0; c < static_cast<int>(result.candidates.size()); ++c) {
    const Candidate& candidate = result.candidates[static_cast<std::size_t>(c)];
    const auto count = static_cast<std::size_t>(candidate.feature_count);
    // All rows may leave less to explain than the folds did.
    if (!candidate.smooth || sums.empty()) continue;
    if (count > sums.size() && c != result.chosen_index) continue;
    const RidgeSum& sum = sums[std::min(count, sums.size()) - 1];
    result.curve.push_back({CurvePoint::Kind::smooth, c, model_of(sum, rows)});
  }
}

void trace_curve(const Objective& objective, const std::function<Model(const Network&)>& model_of,
                 const std::function<bool()>& should_stop, FitResult& result) {
  std::vector<CurvePoint>& curve = result.curve;
  const std::vector<int> candidates = curve_candidates(result.candidates);
  if (!candidates.empty()) {
    result.elbow =
        static_cast<int>(std::find(candidates.begin(), candidates.end(), elbow(result.candidates)) -
                         candidates.begin());
  }
  for (const int c : candidates) {
    const bool refitted = result.candidates[static_cast<std::size_t>(c)].relaxed;
    curve.push_back({refitted ? CurvePoint::Kind::refitted : CurvePoint::Kind::linear, c, {}});
  }
  const int penalized = position_of_least(result.candidates, false);
  if (penalized > 0) curve.push_back({CurvePoint::Kind::penalized, penalized, {}});
  for_each_block(static_cast<Index>(curve.size()), [&](Index block) {
    CurvePoint& point = curve[static_cast<std::size_t>(block)];
    if (point.candidate == result.chosen_index) {
      point.model = result.model;
      return;
    }
    const Candidate& candidate = result.candidates[static_cast<std::size_t>(point.candidate)];
    const Network& network = result.path.points[static_cast<std::size_t>(candidate.index)].network;
    point.model = model_of(features_of(objective, network, candidate, should_stop).first);
  });
}

}  // namespace lodestone::fitting
