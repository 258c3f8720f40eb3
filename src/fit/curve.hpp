#pragma once

#include <functional>
#include <utility>
#include <vector>

#include "lodestone/fit/fit.hpp"
#include "lodestone/objective/objective.hpp"

namespace lodestone::fitting {

/// The features of a candidate, from the penalized network of its λ on all rows: refitted, or
/// merged; heaviest first, with the signs of the smallest linear part. And the angle within which
/// neurons were merged, in degrees.
std::pair<Network, double> features_of(const Objective& objective, const Network& network,
                                       const Candidate& candidate,
                                       const std::function<bool()>& should_stop);

/// The curve of a fit that was cross-validated, FitResult::curve and elbow: its candidates' models
/// on all rows, made on all threads.
void trace_curve(const Objective& objective, const std::function<Model(const Network&)>& model_of,
                 const std::function<bool()>& should_stop, FitResult& result);

}  // namespace lodestone::fitting
