#include "lodestone/path/path.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include "certify/gap.hpp"
#include "certify/kink_ascent.hpp"
#include "certify/row_search.hpp"
#include "certify/search_effort.hpp"
#include "lodestone/core/error.hpp"
#include "path/corrective.hpp"
#include "path/descent.hpp"
#include "path/lambda_grid.hpp"
#include "path/lasso.hpp"

namespace lodestone {
namespace {

// Shares of the tolerated gap spent on what is left undone inside a round.
constexpr double descent_share = 0.1;      // optimality violation at which the descent ends
constexpr double stagnation_share = 1e-3;  // mean decrease an iteration below which it gives up
constexpr double merge_share = 0.02;       // rise of P_λ accepted for one neuron less
constexpr int merging_rounds = 2;
constexpr double tighter = 0.1;  // of that violation, where no birth lowers the gap
constexpr int most_tightened = 3;
constexpr int round_patience = 8;    // rounds without a clearly smaller gap
constexpr double birth_share = 0.2;  // |η| − 1 that is worth a neuron

bool on_rows(const Objective& objective) {
  return objective.sample() != nullptr || objective.shared() != nullptr;
}

// Fewer neurons where P_λ does not mind: the coarsest merge that raises it by no more than `rise`.
Network merged_where_free(const Objective& objective, const Network& network, double lambda,
                          double rise) {
  const double before = path::penalized_loss(objective.evaluate(network).loss, network, lambda);
  for (const double angle : {10.0, 5.0, 2.0, 1.0, 0.5, 0.2, 0.1, 0.05, 0.01}) {
    Network candidate = merged_for(objective, network, angle);
    if (candidate.width() == network.width()) break;
    if (path::penalized_loss(objective.evaluate(candidate).loss, candidate, lambda) <=
        before + rise) {
      return candidate;
    }
  }
  return network;
}

// Amplitudes at their optimum with the directions fixed; neurons whose amplitude is zero there are
// removed. `born` directions (rows of unit length) start at zero.
Network refitted(const Objective& objective, const Network& network, const Matrix& born,
                 double lambda) {
  const Index m = network.width();
  Matrix directions(m + born.rows(), objective.dimension());
  directions.topRows(m) = unit_directions(network.W);
  directions.bottomRows(born.rows()) = born;
  Vector start = Vector::Zero(directions.rows());
  start.head(m) = network.a.cwiseProduct(network.W.rowwise().stableNorm());
  const FeatureGram gram = objective.feature_gram(directions);
  const Vector amplitudes = path::solve_lasso(gram.K, gram.b, lambda, start);
  const Index kept = (amplitudes.array() != 0.0).count();
  Network result{Vector(kept), Matrix(kept, objective.dimension())};
  Index next = 0;
  for (Index i = 0; i < amplitudes.size(); ++i) {
    if (amplitudes[i] == 0.0) continue;
    result.a[next] = amplitudes[i];
    result.W.row(next++) = directions.row(i);
  }
  balance(result);
  return result;
}

// Local maxima of |η| above 1, strongest first, that are not neurons already.
Matrix births(const Supremum& supremum, const Network& network, double lambda, double margin,
              Index most) {
  constexpr double same_chord = 1e-4;
  const Matrix neurons = unit_directions(network.W);
  Matrix born(std::min<Index>(most, supremum.maxima_directions.rows()),
              supremum.maxima_directions.cols());
  Index count = 0;
  for (Index i = 0; i < supremum.maxima_directions.rows() && count < born.rows(); ++i) {
    if (std::abs(supremum.maxima_values[i]) <= lambda * (1.0 + margin)) break;
    const auto direction = supremum.maxima_directions.row(i);
    bool known = false;
    for (Index j = 0; j < neurons.rows() && !known; ++j) {
      known = (neurons.row(j) - direction).norm() < same_chord;
    }
    if (!known) born.row(count++) = direction;
  }
  return born.topRows(count);
}

// One λ of a population, whose directions descend together.
PathPoint solve_jointly(const Objective& objective, double lambda, const Network& start,
                        const PathOptions& options, const PathObserver& observer);

void check_lambda_of_path(double lambda) {
  if (!(lambda > 0.0)) throw InvalidArgument("lambda", fmt::format("{}", lambda), "must be > 0");
}

}  // namespace

double largest_lambda(const Objective& objective, std::uint64_t seed) {
  const Network null = Network::empty(objective.dimension());
  const auto residual = objective.residual(null);
  const Supremum found = estimate_supremum(*residual, null, search::for_lambda_max(seed));
  if (!on_rows(objective) || found.maxima_directions.rows() == 0 ||
      !kinks_pay(residual->rows(), objective.dimension())) {
    return found.value;
  }
  // Ascents of a gradient end up to 1e-7 below the corners where kinks meet; which of them does so
  // hangs on the last bits.
  const Matrix tops =
      kink_ends(*residual, KinkAscents(residual->row_points(), residual->constraints()),
                found.maxima_directions);
  const Vector values = residual->correlate(tops).value;
  return std::max(found.value, residual->constraints().heights(tops, values).maxCoeff());
}

PathPoint solve_at(const Objective& objective, double lambda, const Network& start,
                   const PathOptions& options, const PathObserver& observer) {
  options.validate();
  check_lambda_of_path(lambda);
  if (on_rows(objective)) {
    path::CorrectivePath corrective(objective);
    corrective.start_from(start);
    return corrective.solve(lambda, options, observer);
  }
  return solve_jointly(objective, lambda, start, options, observer);
}

namespace {

PathPoint solve_jointly(const Objective& objective, double lambda, const Network& start,
                        const PathOptions& options, const PathObserver& observer) {
  PathPoint point;
  point.lambda = lambda;
  Network network = start;
  const Matrix none(0, objective.dimension());
  const double null_loss = objective.null_loss();
  double least = null_loss;
  int best_round = 0;
  path::DescentOptions descent;
  descent.gradient_tolerance = descent_share * options.gap_tolerance;
  descent.stagnation_window = options.stagnation_window;
  descent.stagnation = stagnation_share * options.gap_tolerance * options.stagnation_window;
  descent.max_iterations = options.max_iterations;
  descent.should_stop = observer.should_stop;
  const auto stopped = [&] { return observer.should_stop && observer.should_stop(); };
  bool searched_thoroughly = false;
  bool full = false;
  int tightened = 0;
  point.ending = Ending::rounds;
  while (point.rounds < options.max_rounds) {
    if (network.width() > 0) {
      path::Descended descended = path::descend(objective, network, lambda, descent);
      network = std::move(descended.network);
      point.evaluations += descended.evaluations;
      // A neuron worth little to P_λ may still be what keeps |η| down: later rounds merge no more
      // than what lowers P_λ.
      const double share = point.rounds < merging_rounds ? merge_share : 0.0;
      network =
          merged_where_free(objective, network, lambda, share * options.gap_tolerance * least);
      network = refitted(objective, network, none, lambda);
    }
    ++point.rounds;
    if (network.width() >= options.max_neurons) {
      // No neuron can be born: what is left of the gap stays.
      point.network = std::move(network);
      full = true;
      point.ending = Ending::neurons;
      break;
    }
    const auto residual = objective.residual(network);
    const std::uint64_t seed = options.seed + static_cast<std::uint64_t>(point.rounds);
    Supremum supremum =
        estimate_supremum(*residual, network, search::for_births(objective.smooth(), seed));
    Certificate certificate = estimated_certificate(*residual, network, lambda, supremum);
    bool thorough = false;
    if (options.thorough && certificate.relative_gap <= options.gap_tolerance) {
      supremum = estimate_supremum(*residual, network, search::thorough(seed));
      certificate = estimated_certificate(*residual, network, lambda, supremum);
      thorough = true;
    }
    if (point.rounds == 1 || certificate.gap <= 0.9 * point.certificate.gap) {
      best_round = point.rounds;
    }
    if (point.rounds == 1 || certificate.gap <= point.certificate.gap) {
      point.network = network;
      point.certificate = std::move(certificate);
      searched_thoroughly = thorough;
    }
    if (point.certificate.relative_gap <= options.gap_tolerance) {
      point.ending = Ending::tolerance;
      break;
    }
    if (stopped()) {
      point.ending = Ending::interrupted;
      break;
    }
    if (point.rounds >= best_round + round_patience) {
      point.ending = Ending::search;
      break;
    }
    least = 0.5 * residual->energy() + lambda * masses(network).sum();
    const Matrix born = births(supremum, network, lambda, birth_share * options.gap_tolerance,
                               std::max<Index>(0, options.max_neurons - network.width()));
    if (born.rows() == 0 && point.rounds > 1) {
      // Nothing is missing: what is left of the gap is a descent that ended too early.
      if (tightened == most_tightened) {
        point.ending = Ending::search;
        break;
      }
      ++tightened;
      descent.gradient_tolerance *= tighter;
    }
    network = refitted(objective, network, born, lambda);
  }
  if (options.rigorous) {
    AscentOptions ascent = search::thorough(options.seed);
    point.certificate =
        rigorous_certificate(objective, point.network, lambda, RigorousOptions{}, ascent);
  } else if (full ? options.certified : options.thorough && !searched_thoroughly) {
    const AscentOptions ascent =
        full ? search::at_the_bound(options.seed) : search::thorough(options.seed);
    point.certificate = estimate_certificate(objective, point.network, lambda, ascent);
  }
  point.loss = objective.loss(point.network);
  point.penalized_loss = path::penalized_loss(point.loss, point.network, lambda);
  return point;
}

}  // namespace

PathResult solve_path(const Objective& objective, const PathOptions& options,
                      const PathObserver& observer) {
  options.validate();
  PathResult result;
  result.lambda_max =
      options.lambda_max > 0.0 ? options.lambda_max : largest_lambda(objective, options.seed);
  std::vector<double> values = options.values;
  if (values.empty()) {
    values = path::lambda_grid(result.lambda_max, options.lambda_ratio, options.lambdas);
  }
  Network network = Network::empty(objective.dimension());
  std::optional<path::CorrectivePath> corrective;
  if (on_rows(objective)) corrective.emplace(objective);
  const int count = static_cast<int>(values.size());
  for (int i = 0; i < count && values[static_cast<std::size_t>(i)] > 0.0; ++i) {
    const double lambda = values[static_cast<std::size_t>(i)];
    PathPoint point = corrective ? corrective->solve(lambda, options, observer)
                                 : solve_jointly(objective, lambda, network, options, observer);
    result.interrupted = observer.should_stop && observer.should_stop();
    // A point that was cut short is only worth keeping where there is no other.
    if (result.interrupted && !result.points.empty()) break;
    network = point.network;
    result.points.push_back(std::move(point));
    if (result.interrupted) break;
    if (observer.on_point && !observer.on_point(result.points.back(), i, count)) {
      result.interrupted = true;
      break;
    }
  }
  return result;
}

}  // namespace lodestone
