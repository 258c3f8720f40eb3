#include "path/refit.hpp"

#include <Eigen/QR>

#include "path/descent.hpp"

namespace lodestone::path {

Network refit_heaviest(const Objective& objective, const Network& network, double merge_angle_deg,
                       Index count, const std::function<bool()>& should_stop) {
  Network features = heaviest(merged(network, merge_angle_deg), count);
  if (features.width() == 0) return features;
  features.W = unit_directions(features.W);
  const FeatureGram gram = objective.feature_gram(features.W);
  const Eigen::MatrixXd K = gram.K;
  features.a = Eigen::CompleteOrthogonalDecomposition<Eigen::MatrixXd>(K).solve(gram.b);
  balance(features);
  DescentOptions descent;
  descent.max_iterations = 200;
  descent.stagnation = 1e-5;
  descent.should_stop = should_stop;
  return descend(objective, features, 0.0, descent).network;
}

}  // namespace lodestone::path
