#include "fit/refit.hpp"

#include <utility>
#include <vector>

#include "core/factorizations.hpp"
#include "core/indices.hpp"
#include "lodestone/objective/shared.hpp"
#include "path/active_set.hpp"
#include "path/descent.hpp"

namespace lodestone::fitting {
namespace {

// What is left of a feature's square after projecting off others, below which it is their copy.
constexpr double copy_tolerance = 1e-10;

// Of one output b as a column.
Matrix target_products(const FeatureGram& gram) {
  return gram.B.size() > 0 ? gram.B : Matrix(gram.b);
}

// What may become of each feature: the sign that its amplitude must have (0: either), and whether
// it is left out.
struct Admission {
  Vector signs;
  std::vector<bool> left_out;
};

// Forward selection: the features that lower the least-squares loss most, one after the other.
std::vector<Index> most_helpful(const FeatureGram& gram, const Admission& admission, Index count) {
  Eigen::MatrixXd K = gram.K;  // of what the chosen features leave of the others
  Matrix B = target_products(gram);
  std::vector<Index> chosen;
  while (static_cast<Index>(chosen.size()) < count) {
    Index best = -1;
    double most = 0.0;
    for (Index i = 0; i < B.rows(); ++i) {
      if (K(i, i) <= copy_tolerance * gram.K(i, i)) continue;
      if (admission.left_out[static_cast<std::size_t>(i)]) continue;
      if (admission.signs[i] * B(i, 0) < 0.0) continue;
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

Admission admission_of(const SignConstraints& constraints, const Matrix& directions) {
  Admission admission{Vector(directions.rows()),
                      std::vector<bool>(static_cast<std::size_t>(directions.rows()), false)};
  for (Index i = 0; i < directions.rows(); ++i) {
    admission.signs[i] = constraints.amplitude_sign(directions.row(i));
  }
  return admission;
}

// Least squares in the amplitudes of these features, which have signs, and in the constrained
// columns of the linear part beside them (docs/math.md, 13.4).
Vector bounded_amplitudes(const FeatureGram& gram, const Vector& signs,
                          const std::vector<Index>& chosen) {
  // A penalty that is no more than rounding: the active set ends by it.
  constexpr double penalty_share = 1e-10;
  const auto p = static_cast<Index>(chosen.size());
  const Index c = gram.bounded.signs.size();
  const FeatureGram both = with_bounded_columns(gram);
  std::vector<Index> kept = chosen;
  for (Index j = 0; j < c; ++j) kept.push_back(gram.b.size() + j);
  const Matrix K = both.K(kept, kept);
  const Vector b = both.b(kept);
  path::ActiveSetOptions options;
  options.signs.resize(p + c);
  options.signs << signs(chosen), gram.bounded.signs;
  options.unpenalized = c;
  const double penalty = penalty_share * b.lpNorm<Eigen::Infinity>();
  if (!(penalty > 0.0)) return Vector::Zero(p);
  return path::solve_active_set(K, b, penalty, Vector::Zero(p + c), options).amplitudes.head(p);
}

struct Selected {
  std::vector<Index> features;
  Matrix amplitudes;  // a column for each output
};

Selected by_least_squares(const FeatureGram& gram, std::vector<Index> chosen) {
  const Matrix products = target_products(gram);
  Matrix A(static_cast<Index>(chosen.size()), products.cols());
  for (Index k = 0; k < A.cols(); ++k) {
    A.col(k) = least_squares(gram.K(chosen, chosen), products.col(k)(chosen));
  }
  return {std::move(chosen), std::move(A)};
}

// The features that help most, `count` of them at most, and their amplitudes. One whose sign holds
// its amplitude at 0 gives its place to another.
Selected selected(const FeatureGram& gram, const SignConstraints& constraints,
                  const Matrix& directions, Index count) {
  Admission admission = admission_of(constraints, directions);
  while (true) {
    const std::vector<Index> chosen = most_helpful(gram, admission, count);
    if (!constraints.any()) return by_least_squares(gram, chosen);
    const Vector a = bounded_amplitudes(gram, admission.signs, chosen);
    bool all = true;
    for (std::size_t k = 0; k < chosen.size(); ++k) {
      if (a[static_cast<Index>(k)] != 0.0) continue;
      admission.left_out[static_cast<std::size_t>(chosen[k])] = true;
      all = false;
    }
    if (all) return {chosen, a};
  }
}

}  // namespace

double decay_of_refits(const Objective& objective) {
  if (const SharedObjective* shared = objective.shared()) return shared->family().linear_ridge;
  const SampleObjective* rows = objective.sample();
  return rows == nullptr ? 0.0 : rows->family().linear_ridge;
}

Network refit_best(const Objective& objective, const Network& network, double merge_angle_deg,
                   Index count, const std::function<bool()>& should_stop) {
  Network feature_network = merged_for(objective, network, merge_angle_deg);
  if (feature_network.width() == 0) return feature_network;
  feature_network.W = unit_directions(feature_network.W);
  const FeatureGram gram = objective.feature_gram(feature_network.W);
  const auto [chosen, A] = selected(gram, objective.constraints(), feature_network.W, count);
  Matrix directions = feature_network.W(chosen, indices::all);
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
