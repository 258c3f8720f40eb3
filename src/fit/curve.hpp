#pragma once

#include <functional>
#include <utility>
#include <vector>

#include "fit/prepared_rows.hpp"
#include "fit/shapes.hpp"
#include "lodestone/fit/fit.hpp"
#include "lodestone/objective/objective.hpp"

namespace lodestone::fitting {

/// The features of a candidate, from the penalized network of its λ on all rows: refitted, or
/// merged; heaviest first, with the signs of the smallest linear part. And the angle within which
/// neurons were merged, in degrees.
std::pair<Network, double> features_of(const Objective& objective, const Network& network,
                                       const Candidate& candidate,
                                       const std::function<bool()>& should_stop);

/// Sums of 1, 2, ..., `most` smooth ridge functions on all rows, from the directions of a network:
/// fewer where less is left to explain.
std::vector<RidgeSum> ridge_sums(const SampleObjective& objective, const Network& network,
                                 Index most, const std::function<bool()>& should_stop);

/// The points of the curve that a smooth choice adds, one a sum.
void add_smooth_points(const std::vector<RidgeSum>& sums, const PreparedRows& rows,
                       FitResult& result);

/// The curve of a fit that was cross-validated, FitResult::curve and elbow: its candidates' models
/// on all rows, made on all threads.
void trace_curve(const Objective& objective, const std::function<Model(const Network&)>& model_of,
                 const std::function<bool()>& should_stop, FitResult& result);

}  // namespace lodestone::fitting
