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
