#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "lodestone/certify/certificate.hpp"
#include "lodestone/core/range.hpp"
#include "lodestone/model/network.hpp"
#include "lodestone/objective/objective.hpp"

namespace lodestone {

/// How the certified λ-path is computed (docs/math.md, 9).
struct PathOptions {
  /// What the numbers below may be.
  struct Limits {
    static constexpr Range lambdas = at_least(1);
    static constexpr Range lambda_ratio = strictly_between(0, 1);
    static constexpr Range lambda_max = above(0);
    static constexpr Range gap_tolerance = above_or_infinite(0);
    static constexpr Range max_neurons = at_least(1);
    static constexpr Range max_rounds = at_least(1);
    static constexpr Range max_iterations = at_least(1);
    static constexpr Range stagnation_window = at_least(1);
  };

  /// Number of values of λ, from λ_max down in equal ratios.
  int lambdas = 50;

  /// Last λ as a share of λ_max.
  double lambda_ratio = 1e-4;

  /// The values themselves, positive and falling; empty: chosen by the two fields above.
  std::vector<double> values;

  /// What largest_lambda found, where it is known; 0: searched for.
  double lambda_max = 0.0;

  /// A value of λ is done when the gap is at most this share of P_λ.
  double gap_tolerance = 1e-3;

  /// Most neurons, on rows never more than there are rows. When more would be needed, a value of λ
  /// ends with the gap it has.
  Index max_neurons = 10'000;

  /// Most rounds of births for one value of λ.
  int max_rounds = 200;

  /// Most iterations of one joint descent.
  int max_iterations = 500;

  /// On rows, where kinks keep gradients from vanishing, a descent also ends when this number of
  /// iterations together has come to little. The more rows, the fewer tell.
  int stagnation_window = 20;

  /// Search for sup |η| as estimate_certificate does before a value of λ counts as done. Without it
  /// only the quick search for births is made, and the gaps may be understated.
  bool thorough = true;

  /// On rows, most flops of one thorough search; > 0. With too few the last searches of a λ still
  /// find new maxima: it ends with Ending::search.
  double search_flops = 3e9;

  /// On rows searches are quick below this λ, for values that are only shown; >= 0.
  double quick_below = 0.0;

  /// On rows, where searches are quick: a value of λ also ends when a round lowered P_λ by less
  /// than this share; >= 0. P_λ comes near its least value long before the gap tells so
  /// (docs/math.md, 9.7).
  double least_decrease = 0.0;

  /// Give every value of λ a certificate. Without it one whose network has max_neurons ends without
  /// a search: for paths of which only the predictions matter.
  bool certified = true;

  /// Prove sup |η| (rigorous_certificate) for every value of λ.
  bool rigorous = false;

  std::uint64_t seed = 0;  ///< of the searches' random directions

  /// Throws InvalidArgument naming the field, its value and its range.
  void validate() const;
};

/// Why the work at a value of λ ended.
enum class Ending {
  tolerance,    ///< the gap is at most gap_tolerance of P_λ
  rounds,       ///< max_rounds were taken
  neurons,      ///< a neuron more would have been needed than max_neurons
  decrease,     ///< a round lowered P_λ by less than least_decrease
  search,       ///< no direction was found that would lower the gap further
  interrupted,  ///< should_stop
};
const char* name(Ending ending);

/// The solution at one λ.
struct PathPoint {
  double lambda = 0.0;
  Network network;  ///< balanced, in the objective's coordinates
  double loss = 0.0;
  double penalized_loss = 0.0;  ///< P_λ
  Certificate certificate;
  int rounds = 0;
  long evaluations = 0;  ///< of the gradient
  Ending ending = Ending::search;
};

/// Whether the path came to its end.
struct PathResult {
  double lambda_max = 0.0;  ///< sup |η| of the affine model times λ: above it no neuron pays
  std::vector<PathPoint> points;
  bool interrupted = false;
};

struct PathObserver {
  /// After each value of λ. False ends the path there.
  std::function<bool(const PathPoint&, int index, int count)> on_point;
  std::function<bool()> should_stop;  ///< asked often; true ends the path with what it has
};

/// Largest λ at which any neuron has mass: sup_u |E (y − affine) relu(u·x)| (estimated).
double largest_lambda(const Objective& objective, std::uint64_t seed = 0);

/// The certified λ-path: from λ_max, where no neuron has mass, λ falls and each solution starts
/// from the one before. Neurons are born where |η| > 1, until the gap is below tolerance. On a
/// population all weights descend together between births, on rows the directions stay and the
/// amplitudes are exact (docs/math.md, 9.1 and, on rows, 9.7). λ >= λ_max gives the affine model.
/// Throws InvalidArgument for bad options.
PathResult solve_path(const Objective& objective, const PathOptions& options,
                      const PathObserver& observer = {});

/// One λ from a given start, as solve_path does it.
PathPoint solve_at(const Objective& objective, double lambda, const Network& start,
                   const PathOptions& options, const PathObserver& observer = {});

}  // namespace lodestone
