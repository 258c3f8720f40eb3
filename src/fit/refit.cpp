#include "fit/refit.hpp"

#include <utility>
#include <vector>

#include "core/factorizations.hpp"
#include "core/indices.hpp"
#include "lodestone/objective/shared.hpp"
#include "path/descent.hpp"

namespace lodestone::fitting {
namespace {

// What is left of a feature's square after projecting off others, below which it is their copy.
constexpr double copy_tolerance = 1e-10;

// Of one output b as a column.
Matrix target_products(const FeatureGram& gram) {
  return gram.B.size() > 0 ? gram.B : Matrix(gram.b);
}

// Forward selection: the features that lower the least-squares loss most, one after the other.
std::vector<Index> most_helpful(const FeatureGram& gram, Index count) {
  Eigen::MatrixXd K = gram.K;  // of what the chosen features leave of the others
  Matrix B = target_products(gram);
  std::vector<Index> chosen;
  while (static_cast<Index>(chosen.size()) < count) {
    Index best = -1;
    double most = 0.0;
    for (Index i = 0; i < B.rows(); ++i) {
      if (K(i, i) <= copy_tolerance * gram.K(i, i)) continue;
      const double decrease = B.row(i).squaredNorm() / K(i, i);
      if (decrease > most) {
        most = decrease;
        best = i;
      }
    }
    if (best < 0) break;
    chosen.push_back(best);
    const Vector column = K.col(best) / K(best, best);
    B -= column * B.row(best).eval();
    K -= column * K.row(best).eval();
  }
  return chosen;
}

}  // namespace

double decay_of_refits(const Objective& objective) {
  if (const SharedObjective* shared = objective.shared()) return shared->family().linear_ridge;
  const SampleObjective* rows = objective.sample();
  return rows == nullptr ? 0.0 : rows->family().linear_ridge;
}

Network refit_best(const Objective& objective, const Network& network, double merge_angle_deg,
                   Index count, const std::function<bool()>& should_stop) {
  Network feature_network = merged(network, merge_angle_deg, mirrors_of(objective));
  if (feature_network.width() == 0) return feature_network;
  feature_network.W = unit_directions(feature_network.W);
  const FeatureGram gram = objective.feature_gram(feature_network.W);
  const std::vector<Index> chosen = most_helpful(gram, count);
  Matrix directions = feature_network.W(chosen, indices::all);
  const Matrix products = target_products(gram);
  Matrix A(directions.rows(), products.cols());
  for (Index k = 0; k < A.cols(); ++k) {
    A.col(k) = least_squares(gram.K(chosen, chosen), products.col(k)(chosen));
  }
  feature_network = gram.B.size() > 0 ? with_outputs(A, std::move(directions))
                                      : Network{A.col(0), std::move(directions)};
  balance(feature_network);
  path::DescentOptions descent;
  descent.max_iterations = 200;
  descent.stagnation = 1e-5;
  descent.should_stop = should_stop;
  return path::descend(objective, feature_network, decay_of_refits(objective), descent).network;
}

}  // namespace lodestone::fitting
