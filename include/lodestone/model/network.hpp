#pragma once

#include <vector>

#include "lodestone/core/types.hpp"

namespace lodestone {

/// The trained part θ = (a, W) of a two-layer network with m neurons (docs/math.md, 1.1):
///   f(x) = Σ_i a_i relu(w_i·x) + α + β·x.
/// With several outputs f(x) ∈ R^q and a_i s_i takes the place of a_i (docs/math.md, 12.1).
/// α and β are never parameters of a solver: every objective eliminates them (see Affine).
struct Network {
  Vector a;       ///< m output weights
  Matrix W;       ///< m×d input weights, a row a neuron
  Matrix S = {};  ///< several outputs: m×q, each neuron's unit direction s_i among them, and
                  ///< a_i >= 0; one output: empty

  /// The network without neurons on d inputs.
  static Network empty(Index d) { return {Vector(0), Matrix(0, d)}; }

  Index width() const { return a.size(); }
  Index outputs() const { return S.size() > 0 ? S.cols() : 1; }
};

/// The output weights a_i s_i of all outputs, m×q.
Matrix output_weights(const Network& network);

/// The network with these output weights A (m×q, q > 1) and input weights W (m×d).
Network with_outputs(const Matrix& A, Matrix W);

/// One output of a network as a network of its own; output < network.outputs().
Network output_of(const Network& network, Index output);

/// Those neurons, in that order.
Network chosen_neurons(const Network& network, const std::vector<Index>& neurons);

/// The linear part of a network, always at its optimum for the rest of it.
struct Affine {
  double alpha = 0.0;
  Vector beta;  ///< d
};

/// ‖a‖² + ‖W‖_F², the quantity weight decay multiplies by λ/2.
double squared_norm(const Network& network);

/// Mass |a_i|‖w_i‖ of every neuron (docs/math.md, 1.2).
Vector masses(const Network& network);

/// Rescales each neuron so that |a_i| = ‖w_i‖: f stays, the penalty falls to its minimum
/// (docs/math.md, 1.2). Neurons without mass become zero.
void balance(Network& network);

/// Rows of W divided by their norms; a zero row stays zero.
Matrix unit_directions(const Matrix& W);

/// Neurons that merged() makes into one.
struct MergeGroup {
  std::vector<Index> members;  ///< their positions, the heaviest first
  Vector sum;                  ///< Σ |a_i| w_i, mirrored to the heaviest one's side; d
};

/// Whether a neuron and its mirror image are one feature: they differ by a linear function.
enum class Mirrors { same, different };

/// The groups of merged(), those with the heaviest members first.
std::vector<MergeGroup> merge_groups(const Network& network, double angle_deg,
                                     Mirrors mirrors = Mirrors::same);

/// Neurons that have come together made into one (docs/math.md, 1.3): taken from the heaviest down,
/// a neuron joins the first group with the same sign of a whose heaviest neuron is within angle_deg
/// of it, up to sign where mirrors are the same; each group becomes its average neuron Σ a_i w_i,
/// mirrored to one side. With several outputs it takes the sum of the output weights, each times
/// the length of its w_i (docs/math.md, 12.4). Mirroring changes f by a linear function, which the
/// affine part takes up. Neurons without mass are dropped.
Network merged(const Network& network, double angle_deg, Mirrors mirrors = Mirrors::same);

/// θ with every row of W taken to other coordinates: W·map (m×d times d×d').
Network transformed(const Network& network, const Matrix& map);

}  // namespace lodestone
