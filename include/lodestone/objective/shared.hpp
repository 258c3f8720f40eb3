#pragma once

#include <memory>
#include <vector>

#include "lodestone/objective/objective.hpp"

namespace lodestone {

struct SharedQuadraticModel;

class AffinePreconditioner;

/// Where a search for the affine part of several classes ended, for the next one to begin at. Empty
/// where there was none.
struct AffineStart {
  Matrix coefficients = {};  ///< of the affine columns, a column for each class
  std::shared_ptr<const AffinePreconditioner> preconditioner = {};  ///< of its Newton steps
};

/// Several outputs on rows that share their directions (docs/math.md, 12): q targets under the
/// square loss, or q classes under the softmax loss. L is the sum over outputs, or the softmax loss
/// of the q scores. Networks have q > 1 outputs (Network::S); one without neurons may say nothing
/// of outputs.
class SharedObjective final : public RowObjective {
 public:
  /// Keeps the inputs it is given. Targets are the columns of SampleData::Y (n×q, q > 1), or for
  /// the softmax family numbers of classes in SampleData::y. Throws InvalidArgument as
  /// SampleObjective does, for other families, targets of another shape, and offsets.
  explicit SharedObjective(SampleData data);
  ~SharedObjective() override;

  const SharedObjective* shared() const override { return this; }
  Index outputs() const override { return outputs_; }
  const Family& family() const override { return family_; }
  Index rows() const override { return targets_.front().rows(); }
  double linear_rounding() const override { return targets_.front().linear_rounding(); }
  std::unique_ptr<const RowObjective> leaving_out(Index first, Index count) const override;
  std::unique_ptr<const RowObjective> reweighted(Vector weights) const override;

  Index dimension() const override { return targets_.front().dimension(); }
  double loss_rounding() const override { return targets_.front().loss_rounding(); }
  double null_loss() const override { return null_loss_; }
  Evaluation evaluate(const Network& network) const override;
  double loss(const Network& network) const override;
  std::unique_ptr<Residual> residual(const Network& network) const override;

  /// The same with the search for the affine part begun where another one ended (Scores::affine).
  std::unique_ptr<Residual> residual(const Network& network, const AffineStart& start) const;

  /// K and B of the square loss; of the softmax of its quadratic model at the empty network.
  FeatureGram feature_gram(const Matrix& U) const override;

  /// For the features of U (p×d): K with those of U and, after these, of V (q×d), and B of U. For
  /// the square loss.
  FeatureGram feature_gram(const Matrix& U, const Matrix& V) const;

  /// α and β of the first output.
  Affine affine(const Network& network) const override { return affines(network).front(); }
  std::vector<Affine> affines(const Network& network) const override;

  ActiveRows active_rows(const Matrix& U) const { return targets_.front().active_rows(U); }

  /// The softmax loss with its affine part at the optimum, for contributions of the neurons that
  /// are known.
  struct Scores {
    AffineStart affine;  ///< coefficients of the affine columns, a column for each class
    Matrix values;       ///< n×q, F
    Matrix derivatives;  ///< n×q, ∂ℓ/∂F
    double ridge = 0.0;  ///< ½ν Σ_k ‖β_k‖², part of the loss
    double loss = 0.0;
  };

  /// Newton's method from `start` (or, where that is empty, from the network without neurons) until
  /// the decrement is that share of the loss (docs/math.md, 12.2). For the softmax family.
  Scores best_scores(const Network& network, const AffineStart& start, double decrement) const;

  /// L of the softmax family as a function of the network and of the affine part together, where
  /// searches for the best affine part at every network would take most of the time: coefficients
  /// are those of `origin` and a change in units in which L curves alike in all of them near it.
  struct JointPoint {
    Evaluation evaluation;   ///< at these coefficients
    Matrix gradient_change;  ///< in the change
  };
  JointPoint evaluate_at(const Network& network, const AffineStart& origin,
                         const Matrix& change) const;

  /// Newton decrement, as a share of the loss, that leaves the affine part right to rounding.
  static constexpr double fine_decrement = 1e-12;
  /// Enough for gradients that the next step makes stale.
  static constexpr double coarse_decrement = 1e-6;

  /// The weighted square loss that touches the softmax loss at these scores, with one curvature a
  /// row, this share of a bound on what the row's scores have (docs/math.md, 12.3): λ becomes
  /// λ/curvature.
  SharedQuadraticModel quadratic_model(const Scores& scores, double share = 1.0) const;

 private:
  class SharedResidual;

  SharedObjective(std::vector<SampleObjective> targets, const Family& family);

  const SampleObjective& base() const { return targets_.front(); }
  Matrix contributions(const Network& network) const;
  void add_network_gradient(const Network& network, const Scores& scores, Evaluation& to) const;
  Matrix affine_gradient(const Scores& at) const;
  Scores scores_at(const Matrix& contributions, Matrix coefficients) const;
  Matrix affine_values(const Matrix& coefficients) const;
  const double* affine_columns(Index first, Index rows, Matrix& computed) const;
  Matrix affine_moments(const Matrix& values, const Vector& weights) const;
  Matrix probabilities(const Scores& at) const;
  std::shared_ptr<const AffinePreconditioner> preconditioner(const Scores& at) const;
  struct AffineStep {
    Matrix direction;
    Index products;  // with the Hessian
  };
  AffineStep newton_direction(const Scores& at, const Matrix& gradient,
                              const AffinePreconditioner& preconditioner) const;
  Matrix best_constants() const;
  Matrix target_moments(const Matrix& U) const;
  void settle();

  Index outputs_;
  Family family_;
  // The square loss of each output; of the softmax one, whose targets are 0: the rows, their
  // weights and the affine columns.
  std::vector<SampleObjective> targets_;
  std::vector<Index> classes_;  // softmax: of each row
  double null_loss_ = 0.0;
  // Softmax: the affine columns of all rows, where these are few; the affine part of the network
  // without neurons.
  std::shared_ptr<const Matrix> affine_columns_;
  AffineStart null_affine_;
};

struct SharedQuadraticModel {
  SharedObjective objective;
  double curvature;  ///< mean over rows
};

}  // namespace lodestone
