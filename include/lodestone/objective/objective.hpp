#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "lodestone/core/row_share.hpp"
#include "lodestone/core/types.hpp"
#include "lodestone/model/family.hpp"
#include "lodestone/model/network.hpp"
#include "lodestone/model/sign_constraints.hpp"
#include "lodestone/model/teacher.hpp"

namespace lodestone {

/// L and its gradient at a network, with α and β at their optimum (docs/math.md, 2.1 and 3.2).
struct Evaluation {
  double loss = 0.0;       ///< L(θ), without the penalty
  Vector gradient_a;       ///< m; of several outputs empty
  Matrix gradient_W;       ///< m×d
  Matrix gradient_A = {};  ///< several outputs: m×q, in the output weights a_i s_i
};

/// Correlations of a residual r with relu(u·x) for a batch of directions. r is f − y for the square
/// loss, ∂ℓ/∂F for other families.
struct Correlation {
  Vector value;     ///< E[r relu(u·x)], one per direction
  Matrix gradient;  ///< its gradient in u, a row per direction; u·gradient = value
};

/// Residual of a population: E[(f − y) relu(u·x)] = Σ_q weights_q h(∠(u, v_q)) at unit u
/// (docs/math.md, 2.5). A view: it lives as long as the residual it comes from.
struct AtomMeasure {
  const Matrix& directions;  ///< Q×d, v_q, rows of unit length; zero where the weight is zero
  const Vector& weights;     ///< Q, of either sign
};

/// Residual of a sample: E[(f − y) relu(u·x)] = Σ_t weights_t relu(u·x_t), of the rows of all
/// processes.
struct RowMeasure {
  Matrix rows;     ///< n×d, x_t, the constant coordinate of a bias included
  Vector weights;  ///< n, residual times row weight
};

/// What a residual is made of, for those who bound it.
using ResidualMeasure = std::variant<AtomMeasure, RowMeasure>;

/// Numbers that a proven gap is made of, each on the safe side of its value in exact arithmetic
/// (docs/math.md, 6.8). As they are here, nothing is known. p is the residual that
/// Residual::measure holds, without the affine part that rounding has left in it.
struct MomentBounds {
  double energy = std::numeric_limits<double>::infinity();       ///< E (f − y)² is at most this
  double dual_energy = std::numeric_limits<double>::infinity();  ///< E p² is at most this

  /// −E p y has this sign and is at least as large.
  double dual_product = 0.0;

  /// sup |E[p relu(u·x)]| exceeds the supremum of the measure by at most this,
  double affine_rest = std::numeric_limits<double>::infinity();

  /// and that of the network's exact residual exceeds the one of p by at most this.
  double distance = std::numeric_limits<double>::infinity();
};

/// A function C(u) = E[r relu(u·x)] of directions, for some r.
class CorrelationField {
 public:
  virtual ~CorrelationField() = default;

  /// For p directions U (p×d, any length; a zero row gives zero).
  virtual Correlation correlate(const Matrix& U) const = 0;
};

/// The affine-free residual f − y of one network, kept so that many directions can be tried.
/// It refers to the objective that made it, which must outlive it.
class Residual : public CorrelationField {
 public:
  virtual ResidualMeasure measure() const = 0;

  /// The number of rows that measure() would copy; 0 on a population.
  virtual Index rows() const { return 0; }

  /// On rows: x_t, n×d, a copy, as measure() has them.
  virtual Matrix row_points() const { return std::get<RowMeasure>(measure()).rows; }

  /// On rows: the derivatives times the weights of the rows, n×q.
  virtual Matrix row_derivatives() const { return std::get<RowMeasure>(measure()).weights; }

  /// On rows: weights (n) of the function Σ_t weights_t relu(u·x_t) of u that touches the field at
  /// this unit direction and is nowhere above it; of one output the field itself, up to sign.
  virtual Vector row_weights(const Vector& direction) const {
    static_cast<void>(direction);
    return std::get<RowMeasure>(measure()).weights;
  }

  /// Whether L is the square loss.
  virtual bool square() const { return true; }

  /// The number of outputs. Of several the field is C(u) = ‖E[r relu(u·x)]‖, r ∈ R^q, and `measure`
  /// throws: proofs are of one.
  virtual Index outputs() const { return 1; }

  /// Which directions there may be neurons in, with amplitudes of which sign. Where they are
  /// constrained, suprema are over these alone (docs/math.md, 13.3).
  virtual const SignConstraints& constraints() const { return SignConstraints::none(); }

  /// L of the network.
  virtual double loss() const { return 0.5 * energy(); }

  /// The largest dual value −E ℓ*(y, c r) of a multiple c of the residual, |c| <= most
  /// (docs/math.md, 6.2 and, for other families than the square, 11.4).
  virtual double dual_value(double most) const;

  /// E (f − y)² = 2L. Only for the square loss, as the next one.
  virtual double energy() const = 0;

  /// E (y − f) y, y without its affine part.
  virtual double target_product() const = 0;

  /// What float64 leaves open of correlate() at unit directions and of target_product(), about: a
  /// few roundings of the terms that cancel in f − y.
  struct Rounding {
    double correlation = 0.0;
    double product = 0.0;
  };
  virtual Rounding rounding() const { return {}; }

  /// The moments above with bounds on their rounding. Costs some passes over the rows, or over the
  /// pairs of neurons, in extended precision.
  virtual MomentBounds moment_bounds() const { return {}; }

  /// At most `count` unit directions in which the residual is likely to be large, a row each, the
  /// likeliest first: teachers of a population, rows of a sample with the largest weighted error.
  virtual Matrix suggested_directions(Index count) const = 0;

  /// A stand-in that costs a fraction, for a search to begin with: of many rows a random part, with
  /// weights that keep expectations. None where there is little to gain.
  virtual std::unique_ptr<CorrelationField> sketch(std::uint64_t seed) const {
    static_cast<void>(seed);
    return nullptr;
  }

  /// The same with inputs kept in float32, at about half the cost: values are off by some 1e-7 of
  /// E |r| |u·x|. None where there is no such form. Refers to this residual, which must stay.
  virtual std::unique_ptr<CorrelationField> in_float32() const { return nullptr; }
};

/// The columns of the linear part whose coefficients have a sign, c of them, in units of their
/// deviations and without what the free ones make of them: c more features, without penalty
/// (docs/math.md, 13.2).
struct BoundedColumns {
  Matrix products;  ///< p×c, with the features
  Matrix gram;      ///< c×c, with each other
  Vector target;    ///< c, with the target
  Vector signs;     ///< c, 1 or −1: that of the coefficient
};

/// Least squares in the output weights with the directions fixed: minimize
/// ½ aᵀ K a − bᵀ a + L(0), K_ij = E σ_i σ_j, b_i = E σ_i y with affine-free features σ_i. Under
/// sign constraints only the free columns are taken off, and the others stand beside the features.
struct FeatureGram {
  Matrix K;       ///< p×p
  Vector b;       ///< p; of several outputs empty
  Matrix B = {};  ///< several outputs: p×q, a column for each
  BoundedColumns bounded = {};
};

/// The same with the bounded columns as the last features.
FeatureGram with_bounded_columns(const FeatureGram& gram);

/// The amplitudes a that minimize ½ aᵀ K a − bᵀ a + ½ ridge ‖a‖²; ridge > 0.
Vector solve_ridge(const FeatureGram& gram, double ridge);

/// The same for each of several ridges, side by side on all threads.
std::vector<Vector> solve_ridges(const FeatureGram& gram, const std::vector<double>& ridges);

class SampleObjective;
class SharedObjective;

/// What a network is trained against: population or sample, behind one interface.
///
/// Objectives are immutable and their calls may run at the same time. Calls throw InvalidArgument
/// when a network or directions do not have the objective's dimension. Results do not depend on the
/// number of threads. Work comes in blocks of rows (samples) or of neurons (populations) whose
/// partial results are reduced in a fixed order.
class Objective {
 public:
  virtual ~Objective() = default;

  /// Length of a neuron's weight vector, the constant coordinate of a bias included.
  virtual Index dimension() const = 0;

  /// Whether ∇L is continuous away from zero neurons. A sum over rows is not: its gradient jumps
  /// where a neuron's boundary crosses a row.
  virtual bool smooth() const = 0;

  /// Relative error of the loss below which a decrease is not to be seen; 0: that of float64
  /// itself.
  virtual double loss_rounding() const { return 0.0; }

  /// The network that is the target, where the target is one and x ~ N(0, I): a proof then searches
  /// its span alone (docs/math.md, 6.7). Null otherwise.
  virtual const Teacher* target_network() const { return nullptr; }

  /// This objective where E is a mean over rows, whose features a solver can switch on row by row.
  /// Null otherwise.
  virtual const SampleObjective* sample() const { return nullptr; }

  /// The same with several outputs.
  virtual const SharedObjective* shared() const { return nullptr; }

  virtual Index outputs() const { return 1; }

  /// The signs that neurons and linear part must have.
  virtual const SignConstraints& constraints() const { return SignConstraints::none(); }

  /// Whether scores have β·x beside the neurons, so that a neuron and its mirror image −u are one
  /// feature.
  virtual bool has_linear_part() const { return true; }

  /// L of the network without neurons; for the square loss ½ E y² once y has lost its affine part.
  virtual double null_loss() const = 0;

  /// L and ∇L. Rounding error of the loss: about 1e-16 of the squared mass.
  virtual Evaluation evaluate(const Network& network) const = 0;

  /// L as it is reported: correct to 1e-6 relative also where evaluate() has lost its digits.
  virtual double loss(const Network& network) const = 0;

  virtual std::unique_ptr<Residual> residual(const Network& network) const = 0;

  /// K and b for the features relu(u·x), u a row of U (p×d).
  virtual FeatureGram feature_gram(const Matrix& U) const = 0;

  /// The optimal α and β for a network. β has the inputs' dimension (no bias coordinate).
  virtual Affine affine(const Network& network) const = 0;

  /// The same for each output.
  virtual std::vector<Affine> affines(const Network& network) const { return {affine(network)}; }
};

/// Population objective: x ~ N(0, I_d), y = f_*(x); everything in closed form (docs/math.md, 2).
class PopulationObjective final : public Objective {
 public:
  explicit PopulationObjective(Teacher teacher);

  const Teacher& teacher() const { return teacher_; }

  Index dimension() const override { return teacher_.dimension(); }
  bool smooth() const override { return true; }
  const Teacher* target_network() const override { return &teacher_; }
  double null_loss() const override { return null_loss_; }
  Evaluation evaluate(const Network& network) const override;
  double loss(const Network& network) const override;
  std::unique_ptr<Residual> residual(const Network& network) const override;
  FeatureGram feature_gram(const Matrix& U) const override;
  Affine affine(const Network& network) const override;

 private:
  Teacher teacher_;
  double null_loss_ = 0.0;
};

/// How inputs are kept and inner products computed. Losses, gradients and everything else are sums
/// in float64 over blocks of rows in either case (docs/math.md, 3.4).
enum class Precision { float64, float32 };
const char* name(Precision precision);
/// Throws InvalidArgument for other text than float64 and float32.
Precision parse_precision(const std::string& text);

/// Rows a network is fitted to, already in the coordinates of training.
struct SampleData {
  Matrix X;             ///< n×p inputs
  Vector y;             ///< n targets
  Vector weights;       ///< n non-negative row weights, or empty for equal ones
  bool biases = false;  ///< give neurons a bias: weight vectors have a coordinate for a constant 1
  Precision precision = Precision::float64;
  Family family = {};
  Vector offset = {};  ///< n known parts of the scores, or empty: a score is offset + f(x)
  Matrix Y = {};       ///< several outputs of the square loss: n×q targets, in the place of y
  SignConstraints constraints = {};  ///< of one output

  /// Which rows the n are, where several processes have a part each: of the square loss of one
  /// output without constraints. Absent: all rows are here.
  std::optional<RowShare> share = {};
};

class AffineBasis;
class BoundedQuadratic;

/// The weighted square loss that touches L at a network (docs/math.md, 11.3):
/// L ≈ const + curvature · L_square, so that λ becomes λ/curvature.
struct QuadraticModel;

/// The rows with weight on which each neuron is on, u·x_t > 0: its cell. A neuron and its mirror
/// −u differ by a linear function. Where that is free, the one of the two with fewer rows stands
/// for both (of equally many, the one with the smaller bits).
struct ActiveRows {
  std::vector<bool> mirrored;                    ///< the bits are those of −u
  std::vector<std::vector<std::uint64_t>> bits;  ///< for each neuron, 256 bits a block of rows
};

/// An objective that is a (weighted) mean over rows.
class RowObjective : public Objective {
 public:
  bool smooth() const override { return false; }

  virtual const Family& family() const = 0;
  bool has_linear_part() const override { return family().has_linear_part(); }

  /// Rows that count.
  virtual Index rows() const = 0;

  /// What rounding leaves of a linear target, as a share of its mean square: more than 1e-31 where
  /// columns nearly depend on each other.
  virtual double linear_rounding() const = 0;

  /// The same without rows [first, first + count), and with other weights; the inputs are shared.
  /// Throw InvalidArgument as the constructor does.
  virtual std::unique_ptr<const RowObjective> leaving_out(Index first, Index count) const = 0;
  virtual std::unique_ptr<const RowObjective> reweighted(Vector weights) const = 0;
};

/// Sample objective: (weighted) means over n rows (docs/math.md, 3).
class SampleObjective final : public RowObjective {
 public:
  /// Keeps the matrix it is given, without a copy (in float32, half of it). Throws InvalidArgument
  /// for sizes that do not match, numbers that are not finite (in float32), negative or all-zero
  /// weights, a target without variance beyond its affine part being allowed, and fewer rows with
  /// weight than the affine part has coefficients plus one (it would interpolate). With rows on
  /// several processes (SampleData::share) every call is made by all of them, and has the same
  /// result, to the bit, as with all rows in one; calls that need the rows of others throw.
  explicit SampleObjective(SampleData data);
  ~SampleObjective() override;

  /// The same without rows [first, first + count): they have no weight and cost nothing. The inputs
  /// are shared with this objective, not copied; 3n numbers are new. Throws InvalidArgument when
  /// the range is not within the rows, or too few rows are left.
  SampleObjective without_rows(Index first, Index count) const;

  /// The same with other weights of the rows (n numbers >= 0, as in SampleData; a resample counts
  /// each row as often as it was drawn). The inputs are shared. Throws InvalidArgument as the
  /// constructor does.
  SampleObjective with_weights(Vector weights) const;

  /// The same with other targets (n), for the square loss. Inputs, and what they and the weights
  /// alone make, are shared or copied.
  SampleObjective with_target(Vector y) const;

  std::unique_ptr<const RowObjective> leaving_out(Index first, Index count) const override;
  std::unique_ptr<const RowObjective> reweighted(Vector weights) const override;

  const SampleObjective* sample() const override { return this; }
  const Family& family() const override;
  const SignConstraints& constraints() const override;
  double linear_rounding() const override { return linear_rounding_; }

  /// For other families than the square: the square loss with weights ω ℓ'' and targets F − ℓ'/ℓ''
  /// at this network with its best affine part. The inputs are shared.
  QuadraticModel quadratic_model(const Network& network) const;

  Index rows() const override;

  /// Copies of the rows with weight: inputs without a bias coordinate, the target without offset
  /// and affine part (of other families than the square both as they are), weights that sum to 1.
  SampleData counted_rows() const;

  Precision precision() const;

  Index dimension() const override;
  double loss_rounding() const override;
  double null_loss() const override { return null_loss_; }
  Evaluation evaluate(const Network& network) const override;
  double loss(const Network& network) const override;
  std::unique_ptr<Residual> residual(const Network& network) const override;
  /// K and b of the square loss; for other families of the quadratic model at the empty network.
  FeatureGram feature_gram(const Matrix& U) const override;
  Affine affine(const Network& network) const override;

  /// For the features of U (p×d) with those of U and, after these, of V (q×d): K is p×(p+q), b is
  /// that of U. What a Gram matrix needs when features are born.
  FeatureGram feature_gram(const Matrix& U, const Matrix& V) const;

  /// On which rows the neurons of directions U are on.
  ActiveRows active_rows(const Matrix& U) const;

 private:
  friend class SharedObjective;  // several outputs on the same rows
  class RowResidual;
  struct Rows;

  explicit SampleObjective(std::shared_ptr<const Rows> data);

  void refuse_several_processes(const std::string& what) const;
  Index input_dimension() const;
  Matrix inputs(Index first, Index rows) const;
  Matrix affine_moments(const Vector& weights) const;
  Vector affine_coefficients(Vector moments) const;
  Vector best_coefficients(Vector moments) const;
  BoundedColumns bounded_columns(const Matrix& moments) const;
  Vector fit_affine(const Vector& values) const;
  double remove_affine(Vector& values) const;
  double residuals(const Network& network, Vector& values) const;

  // The affine part that goes best with given contributions of the neurons, for other families.
  struct Scores {
    Vector coefficients;  // of the affine columns
    Vector values;        // n, F, with the offset
    Vector derivatives;   // n, ∂ℓ/∂F
    Vector curvatures;    // n, ω ∂²ℓ/∂F²
    double ridge = 0.0;   // ½ν‖β‖², part of the loss
    double loss = 0.0;
  };
  Vector contributions(const Network& network) const;
  Scores scores_at(const Vector& contributions, Vector coefficients) const;
  Scores best_scores(const Vector& contributions, double decrement) const;
  Evaluation evaluate_family(const Network& network) const;
  double dual_value(const Vector& weighted, double ridge, double most) const;
  void settle_target();
  SampleObjective square_loss(Vector weights, Vector targets, double curvature) const;
  std::unique_ptr<Residual> residual_of(Vector derivatives) const;
  Affine affine_of(const Vector& coefficients) const;

  std::shared_ptr<const Rows> data_;
  Vector weights_;   // n, sum 1
  Vector y_;         // n, without offset, affine-free; for other families than the square as given
  Vector y_affine_;  // coefficients of the part taken off y, or of the best affine scores
  std::shared_ptr<const AffineBasis> basis_;  // the affine columns
  Matrix affine_inverse_;  // pseudo-inverse of the free affine columns' second moments
  // Of f − y, where coefficients have signs: the opposite ones of the linear part's.
  std::shared_ptr<const BoundedQuadratic> bounds_;
  double row_length_ = 0.0;  // (E ‖x‖²)^½, constant coordinate included
  double linear_rounding_ = 0.0;
  double null_loss_ = 0.0;
};

struct QuadraticModel {
  SampleObjective objective;
  double curvature;  ///< mean of ℓ''
};

/// The same where scores have a linear part, which takes up the difference. One with signs may not
/// be able to.
inline Mirrors mirrors_of(const Objective& objective) {
  return objective.has_linear_part() && !objective.constraints().any() ? Mirrors::same
                                                                       : Mirrors::different;
}

/// Neurons merged (Mirrors of the objective), and projected to its sign constraints.
Network merged_for(const Objective& objective, const Network& network, double angle_deg);

/// The coarsest merge of neurons into features that leaves the loss within one percent, and its
/// angle in degrees, from 20 down to 0 (exactly equal directions).
std::pair<Network, double> coarsest_merge(const Objective& objective, const Network& network);

/// L of a population network in binary128 arithmetic, or in pairs of float64 numbers in builds
/// without it, rounded to float64 at the end: relative error below 1e-6 down to 1e-26 of the
/// squared mass (docs/math.md, 2.4). Costs about a microsecond per pair of neurons.
double population_loss_binary128(const Teacher& teacher, const Network& network);

}  // namespace lodestone
