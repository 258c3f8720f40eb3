#pragma once

#include <string>

#include "lodestone/core/range.hpp"
#include "lodestone/core/types.hpp"

namespace lodestone {

/// What a score has beside the neurons and the intercept, which is always free.
enum class LinearPart {
  free,  ///< β·x, any β
  none,  ///< β = 0: neurons u and −u carry what is linear, and pay for it
};
const char* name(LinearPart linear);
/// Throws InvalidArgument for other text than free and none.
LinearPart parse_linear_part(const std::string& text);

/// What kind of target there is: the loss ℓ(y, F) of a score F = α + β·x + Σ a_i relu(w_i·x), plus
/// the row's offset where it has one, and how a score is told as a prediction (docs/math.md, 11). ℓ
/// is half the unit deviance: 0 at the score that fits y perfectly, never negative, convex in F.
struct Family {
  enum class Kind {
    square,    ///< ℓ = ½ (F − y)²; the prediction is F
    logistic,  ///< y in [0, 1], a class or a share; the prediction is P(y = 1) = 1/(1 + e^−F)
    poisson,   ///< y >= 0, a count or a rate; the prediction is its mean e^F
    huber,     ///< ½ z² for |z| <= κ, else κ|z| − ½κ², z = F − y; the prediction is F
    softmax,  ///< y one of the classes 0, ..., q−1, with a score F_k each; ℓ = log Σ_k e^F_k − F_y;
              ///< the predictions are P(y = k) = e^F_k / Σ_j e^F_j (docs/math.md, 12.2)
  };

  /// What the numbers of a family may be.
  struct Limits {
    static constexpr Range huber_width = above(0);
    static constexpr Range linear_ridge = at_least(0);
    static constexpr Range classes = at_least(2);
  };

  // NOLINTNEXTLINE(google-explicit-constructor): a kind is a family
  constexpr Family(Kind which = Kind::square, double width = 1.345)
      : kind(which), huber_width(width) {}

  Kind kind;
  double huber_width;  ///< κ, in units of the target; > 0

  /// ν >= 0: L has ½ν Σ_j (β_j s_j)² added, s_j the deviation of column j. Keeps the linear part
  /// finite where a linear function separates the classes; not for the square loss.
  double linear_ridge = 0.0;

  LinearPart linear = LinearPart::free;

  Index classes = 0;  ///< q, of the softmax family; >= 2

  bool has_linear_part() const { return linear == LinearPart::free; }

  bool square() const { return kind == Kind::square; }
  bool softmax() const { return kind == Kind::softmax; }

  /// Whether targets are classes or shares of two.
  bool of_classes() const { return kind == Kind::logistic || softmax(); }

  /// ℓ, ∂ℓ/∂F and ∂²ℓ/∂F² at once, as the functions below have them. These and the following are of
  /// families with one score; those of the softmax are in SoftmaxPoint.
  struct Point {
    double loss;
    double derivative;
    double curvature;
  };
  Point at(double y, double score) const;

  /// ℓ(y, F) >= 0.
  double loss(double y, double score) const;

  /// ∂ℓ/∂F.
  double derivative(double y, double score) const;

  /// ∂²ℓ/∂F²; of Huber's loss beyond κ, where that is 0, a thousandth of the secant.
  double curvature(double y, double score) const;

  /// (ℓ'(F) − ℓ'(F₀))/(F − F₀) towards the score F₀ that fits y, or a number of that size where
  /// there is none: what the curvature is bounded from below with, so that a step stays in reach.
  double secant(double y, double score) const;

  /// ℓ*(y, ρ) = sup_F ρF − ℓ(y, F); infinite outside its domain, which holds c·ℓ'(y, F) for all F
  /// and all c in [0, 1].
  double conjugate(double y, double rho) const;

  /// The F at which ∂ℓ/∂F = ρ: the derivative of the conjugate.
  double score_of_derivative(double y, double rho) const;

  /// What a score predicts: the mean of y.
  double response(double score) const;
  Vector response(Vector scores) const;

  /// The best constant score for n targets with weights that sum to 1; beside an offset of each row
  /// the constant c of the best scores c + offset.
  double constant_score(const Vector& y, const Vector& weights, const Vector& offset = {}) const;

  /// Throws InvalidArgument naming the target where a value is none of this family: a share outside
  /// [0, 1], a negative count.
  void check_values(const Vector& y) const;

  /// The same, and where all values are alike so that the best score is infinite: all classes 0,
  /// all 1, all counts 0.
  void check_target(const Vector& y) const;

  friend bool operator==(const Family&, const Family&) = default;
};

/// The softmax loss of class y at q scores, with what follows from it: right to rounding for scores
/// of any size.
struct SoftmaxPoint {
  double loss;         ///< log Σ_k e^F_k − F_y >= 0
  Vector derivatives;  ///< q, ∂ℓ/∂F_k = P(k) − 1[k = y]; of class y that is −others
  double others;       ///< 1 − P(y)
};
SoftmaxPoint softmax_at(Index y, const Eigen::Ref<const Eigen::RowVectorXd>& scores);

/// P(k) = e^F_k / Σ_j e^F_j of q scores.
Vector softmax_probabilities(const Eigen::Ref<const Eigen::RowVectorXd>& scores);

/// "square", "logistic", "poisson", "huber", "softmax"; parse throws InvalidArgument for anything
/// else.
const char* name(Family::Kind kind);
Family::Kind parse_family(const std::string& text);

}  // namespace lodestone
