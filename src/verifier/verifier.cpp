#include "lodestone/verifier/verifier.hpp"

#include <Eigen/QR>
#include <algorithm>
#include <cfloat>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include "lodestone/core/error.hpp"
#include "lodestone/core/random.hpp"
#include "verifier/real.hpp"

#if LDBL_MANT_DIG != 113
#include <quadmath.h>
#endif

// Deliberately apart: nothing here comes from objective/, kernels/, the solvers or the other
// certificates. What they compute in blocks, with SIMD, Gram matrices and gradients is computed
// here by sums over rows and atoms, Householder QR and derivative-free search.

namespace lodestone {
namespace {

using verifying::pi;
using verifying::Real;
using verifying::RealMatrix;
using verifying::RealVector;

// binary128, for the differences of nearly equal populations.
#if LDBL_MANT_DIG == 113
using Quad = long double;
Quad root(Quad x) { return std::sqrt(x); }
Quad angle_of(Quad y, Quad x) { return std::atan2(y, x); }
#else
__extension__ typedef __float128 Quad;
Quad root(Quad x) { return sqrtq(x); }
Quad angle_of(Quad y, Quad x) { return atan2q(y, x); }
#endif

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

// A column is constant when its deviation is below this share of its mean; a column depends on
// others when its deviation from them is below this share of its length about 0 (docs/math.md,
// 3.2).
constexpr Real constant_share = 1e-12L;
constexpr Real dependent_share = 1e-13L;

// The share of a supremum that an estimate leaves open (docs/math.md, 6.3).
constexpr Real estimate_resolution = 1e-9L;

// An estimated supremum may be short by the first share where the gap is not short by more than the
// second; by more where the run itself says that maxima are unseen.
constexpr double estimated_share = 1e-2;
constexpr double estimated_gap_share = 0.25;

// ---------------------------------------------------------------- the network, standardized

/// Neurons a_i relu(w_i·x̃) of the standardized problem; with biases, w ends in the bias.
struct Neurons {
  RealVector a;
  RealMatrix W;
  bool biases = false;
};

/// x̃ = A (x − x̄) of docs/math.md 3.1.
class Coordinates {
 public:
  explicit Coordinates(const Model& model) : step_(model.standardization) {
    if (!whitened()) return;
    map_ = step_.map.transpose().cast<Real>();
    transposed_.compute(map_.transpose());
  }

  Index count() const { return whitened() ? map_.rows() : step_.center.size(); }

  RealVector of(const Eigen::RowVectorXd& x) const {
    RealVector centred(x.size());
    for (Index j = 0; j < x.size(); ++j) {
      centred[j] = (static_cast<Real>(x[j]) - step_.center[j]) / (scaled() ? step_.scale[j] : 1.0);
    }
    return whitened() ? RealVector(map_ * centred) : centred;
  }

  /// w̃ from w = Aᵀw̃.
  RealVector weight_of(const Vector& direction) const {
    const RealVector w = direction.cast<Real>();
    if (!whitened()) return scaled() ? RealVector(w.cwiseProduct(step_.scale.cast<Real>())) : w;
    const RealVector weight = transposed_.solve(w);
    if ((map_.transpose() * weight - w).norm() > 1e-8L * w.norm()) {
      throw InvalidArgument("model", "a direction that its standardization leaves out",
                            "directions and standardization must belong together");
    }
    return weight;
  }

 private:
  bool whitened() const { return step_.kind == Standardization::Kind::whiten; }
  bool scaled() const { return step_.kind == Standardization::Kind::scale; }

  const Standardization& step_;
  RealMatrix map_;  // A, where it is not diagonal
  Eigen::ColPivHouseholderQR<RealMatrix> transposed_;
};

// b̃ = b + w·x̄.
Neurons standardized_neurons(const Model& model, const Coordinates& coordinates) {
  const Index p = coordinates.count();
  const auto m = static_cast<Index>(model.features.size());
  Neurons neurons{RealVector(m), RealMatrix(m, p + (model.biases ? 1 : 0)), model.biases};
  for (Index i = 0; i < m; ++i) {
    const Feature& feature = model.features[static_cast<std::size_t>(i)];
    neurons.a[i] = static_cast<Real>(feature.amplitude) / model.standardization.target_scale;
    neurons.W.row(i).head(p) = coordinates.weight_of(feature.direction).transpose();
    if (!model.biases) continue;
    Real bias = feature.bias;
    for (Index j = 0; j < feature.direction.size(); ++j) {
      bias += static_cast<Real>(feature.direction[j]) * model.standardization.center[j];
    }
    neurons.W(i, p) = bias;
  }
  return neurons;
}

Real norm_of_row(const RealMatrix& matrix, Index i) {
  Real sum = 0;
  for (Index j = 0; j < matrix.cols(); ++j) sum += matrix(i, j) * matrix(i, j);
  return std::sqrt(sum);
}

// ---------------------------------------------------------------- correlations

/// C(u) = E[R relu(u·x)] as a sum over rows or atoms: it needs only their products with u.
class Correlator {
 public:
  virtual ~Correlator() = default;

  /// Rows or atoms, N×p.
  virtual const RealMatrix& points() const = 0;

  /// C(u)/‖u‖ from the N products points·u and ‖u‖ > 0.
  virtual Real value(const RealVector& products, Real norm) const = 0;

  Real at(const RealVector& u) const { return value(points() * u, u.norm()); }
};

class RowCorrelator final : public Correlator {
 public:
  RowCorrelator(RealMatrix rows, RealVector weighted)
      : X_(std::move(rows)), r_(std::move(weighted)) {}
  const RealMatrix& points() const override { return X_; }
  Real value(const RealVector& products, Real norm) const override {
    Real sum = 0;
    for (Index t = 0; t < products.size(); ++t) {
      if (products[t] > 0) sum += r_[t] * products[t];
    }
    return sum / norm;
  }

 private:
  RealMatrix X_;
  RealVector r_;  // ω_t R_t
};

// h as a function of the angle (docs/math.md, 2.2).
template <class Number>
Number kernel_from_angle(Number theta, Number cos_theta, Number sin_theta, Number half_turn) {
  return (sin_theta + (half_turn / 2 - theta) * cos_theta - 1) / (2 * half_turn);
}

class AtomCorrelator final : public Correlator {
 public:
  AtomCorrelator(RealMatrix units, RealVector weights)
      : V_(std::move(units)), c_(std::move(weights)) {}
  const RealMatrix& points() const override { return V_; }
  Real value(const RealVector& products, Real norm) const override {
    Real sum = 0;
    for (Index p = 0; p < products.size(); ++p) {
      const Real c = std::clamp<Real>(products[p] / norm, -1, 1);
      sum += c_[p] * kernel_from_angle<Real>(std::acos(c), c, std::sqrt((1 - c) * (1 + c)), pi);
    }
    return sum;
  }

 private:
  RealMatrix V_;
  RealVector c_;
};

/// Hooke and Jeeves' pattern search for a larger |C|: coordinate moves, then the whole displacement
/// once more; half the step where nothing helps. No derivative is used.
struct Found {
  Real value = -1;  // |C|
  RealVector direction;
};

Found pattern_search(const Correlator& correlator, RealVector u) {
  u /= u.norm();
  RealVector products = correlator.points() * u;
  Found best{std::abs(correlator.value(products, 1)), u};
  // Moves the direction by `step` along coordinate j, if that is better.
  const auto try_move = [&](Index j, Real step) {
    const RealVector moved = products + step * correlator.points().col(j);
    const Real norm = std::sqrt(1 + 2 * step * best.direction[j] + step * step);
    if (!(norm > 1e-3L)) return false;
    const Real value = std::abs(correlator.value(moved, norm));
    if (!(value > best.value)) return false;
    best.direction[j] += step;
    best.direction /= norm;
    products = moved / norm;
    best.value = value;
    return true;
  };
  const auto explore = [&](Real step) {
    bool better = false;
    for (Index j = 0; j < best.direction.size(); ++j) {
      better = try_move(j, step) || try_move(j, -step) || better;
    }
    return better;
  };
  for (Real step = 0.25L; step > 1e-6L; step /= 2) {
    RealVector base = best.direction;
    for (int round = 0; round < 50 && explore(step); ++round) {
      RealVector ahead = 2 * best.direction - base;
      base = best.direction;
      if (!(ahead.norm() > 1e-3L)) continue;
      ahead /= ahead.norm();
      const RealVector there = correlator.points() * ahead;
      const Real value = std::abs(correlator.value(there, 1));
      if (value > best.value) {
        best = {value, ahead};
        products = there;
      }
    }
  }
  return best;
}

/// Fills in everything that follows from C.
void search(const Correlator& correlator, const Neurons& neurons, const VerifierOptions& options,
            VerifiedNumbers& numbers) {
  const Index p = correlator.points().cols();
  numbers.sup_eta = nan;
  numbers.neuron_eta = Vector::Constant(neurons.W.rows(), nan);
  numbers.given_eta = Vector::Constant(options.directions.rows(), nan);
  if (numbers.lambda == 0.0) return;
  std::vector<Found> seen;
  const auto look = [&](const RealVector& u) {
    const Real norm = u.norm();
    if (!(norm > 0)) return nan;
    const Real value = correlator.at(u);
    seen.push_back({std::abs(value), u / norm});
    return static_cast<double>(-value / numbers.lambda);
  };
  for (Index i = 0; i < neurons.W.rows(); ++i) numbers.neuron_eta[i] = look(neurons.W.row(i));
  for (Index i = 0; i < options.directions.rows(); ++i) {
    numbers.given_eta[i] = look(options.directions.row(i).cast<Real>());
  }
  const RandomStream stream(options.seed, "verifier");
  for (Index i = 0; i < options.random_directions; ++i) {
    RealVector u(p);
    for (Index j = 0; j < p; ++j) u[j] = stream.normal(static_cast<std::uint64_t>(i * p + j));
    look(u);
  }
  std::stable_sort(seen.begin(), seen.end(),
                   [](const Found& x, const Found& y) { return x.value > y.value; });
  // Starts that are not neighbours of each other: two halves of a hill need one search.
  std::vector<Found> starts;
  for (const Found& start : seen) {
    if (static_cast<int>(starts.size()) == options.searches) break;
    const bool apart = std::none_of(starts.begin(), starts.end(), [&](const Found& other) {
      return std::abs(start.direction.dot(other.direction)) > 0.98L;
    });
    if (apart) starts.push_back(start);
  }
  Found best = seen.empty() ? Found{0, RealVector::Zero(p)} : seen.front();
  for (const Found& start : starts) {
    Found end = pattern_search(correlator, start.direction);
    if (end.value > best.value) best = std::move(end);
  }
  numbers.sup_eta = static_cast<double>(best.value / numbers.lambda);
  numbers.worst_direction = best.direction.cast<double>();
}

void finish(VerifiedNumbers& numbers, const Neurons& neurons) {
  Real mass = 0;
  Real squares = 0;
  for (Index i = 0; i < neurons.W.rows(); ++i) {
    const Real norm = norm_of_row(neurons.W, i);
    mass += std::abs(neurons.a[i]) * norm;
    squares += neurons.a[i] * neurons.a[i] + norm * norm;
  }
  numbers.mass = static_cast<double>(mass);
  numbers.squared_norm = static_cast<double>(squares);
  numbers.penalty = static_cast<double>(numbers.lambda * mass);
  numbers.penalized_loss = static_cast<double>(numbers.loss + numbers.lambda * squares / 2);
  numbers.balanced_loss = static_cast<double>(numbers.loss + numbers.lambda * mass);
  numbers.gap = numbers.gap_at(numbers.sup_eta);
  numbers.relative_gap = numbers.balanced_loss > 0.0 ? numbers.gap / numbers.balanced_loss : 0.0;
}

// ---------------------------------------------------------------- affine least squares

/// The largest pivot of a factorization over the smallest one that counts.
double condition_of(const Eigen::ColPivHouseholderQR<RealMatrix>& qr) {
  const Index rank = qr.rank();
  if (rank == 0) return 1.0;
  return static_cast<double>(std::abs(qr.matrixQR()(0, 0) / qr.matrixQR()(rank - 1, rank - 1)));
}

/// Takes the affine part off values in the weighted inner product (docs/math.md, 3.2), by
/// Householder QR of the centred, scaled columns times √ω.
class AffinePart {
 public:
  AffinePart(const RealMatrix& X, RealVector weights) : omega_(std::move(weights)) {
    std::vector<RealVector> columns;
    Real longest = 1;  // column about 0, in units of its deviation
    for (Index j = 0; j < X.cols(); ++j) {
      Real mean = 0;
      for (Index t = 0; t < X.rows(); ++t) mean += omega_[t] * X(t, j);
      RealVector column(X.rows());
      for (Index t = 0; t < X.rows(); ++t) column[t] = std::sqrt(omega_[t]) * (X(t, j) - mean);
      const Real deviation = column.norm();
      if (!(deviation > constant_share * std::abs(mean))) continue;
      columns.push_back(column / deviation);
      longest = std::max(longest, std::hypot(Real(1), mean / deviation));
    }
    RealMatrix A(X.rows(), static_cast<Index>(columns.size()));
    for (Index j = 0; j < A.cols(); ++j) A.col(j) = columns[static_cast<std::size_t>(j)];
    if (A.cols() == 0) return;
    qr_.setThreshold(dependent_share * longest);
    qr_.compute(A);
    condition_ = condition_of(qr_);
  }

  /// Of the columns that do not depend on others.
  double condition() const { return condition_; }

  RealVector without(const RealVector& values) const {
    Real mean = 0;
    for (Index t = 0; t < values.size(); ++t) mean += omega_[t] * values[t];
    RealVector scaled(values.size());
    for (Index t = 0; t < values.size(); ++t) scaled[t] = std::sqrt(omega_[t]) * (values[t] - mean);
    // Qᵀ turns the columns' span into the first `rank` coordinates.
    if (qr_.cols() > 0) {
      scaled.applyOnTheLeft(qr_.householderQ().adjoint());
      scaled.head(qr_.rank()).setZero();
      scaled.applyOnTheLeft(qr_.householderQ());
    }
    for (Index t = 0; t < values.size(); ++t) {
      scaled[t] = omega_[t] > 0 ? scaled[t] / std::sqrt(omega_[t]) : Real(0);
    }
    return scaled;
  }

 private:
  RealVector omega_;
  Eigen::ColPivHouseholderQR<RealMatrix> qr_;
  double condition_ = 1.0;
};

// ---------------------------------------------------------------- other families (docs/math.md,
// 11)

Real entropy(Real x) { return x > 0 ? x * std::log(x) : Real(0); }

Real loss_of(const Family& family, Real y, Real score) {
  switch (family.kind) {
    case Family::Kind::square:
      return (score - y) * (score - y) / 2;
    case Family::Kind::logistic:
      return std::max<Real>(score, 0) + std::log1p(std::exp(-std::abs(score))) - y * score +
             entropy(y) + entropy(1 - y);
    case Family::Kind::poisson:
      return std::exp(score) - y * score + entropy(y) - y;
    case Family::Kind::huber: {
      const Real z = std::abs(score - y);
      const Real width = family.huber_width;
      return z <= width ? z * z / 2 : width * z - width * width / 2;
    }
  }
  return 0;
}

Real derivative_of(const Family& family, Real y, Real score) {
  switch (family.kind) {
    case Family::Kind::square:
      return score - y;
    case Family::Kind::logistic:
      return 1 / (1 + std::exp(-score)) - y;
    case Family::Kind::poisson:
      return std::exp(score) - y;
    case Family::Kind::huber:
      return std::clamp<Real>(score - y, -family.huber_width, family.huber_width);
  }
  return 0;
}

// With a floor that keeps Newton's system regular where a loss is flat.
Real curvature_of(const Family& family, Real y, Real score) {
  constexpr Real least = 1e-12L;
  switch (family.kind) {
    case Family::Kind::square:
      return 1;
    case Family::Kind::logistic: {
      const Real p = 1 / (1 + std::exp(-std::abs(score)));
      return std::max(least, p * (1 - p));
    }
    case Family::Kind::poisson:
      return std::max(least, std::exp(score));
    case Family::Kind::huber: {
      const Real z = std::abs(score - y);
      return z <= family.huber_width ? 1 : family.huber_width / (1000 * z);
    }
  }
  return 1;
}

Real conjugate_of(const Family& family, Real y, Real rho) {
  const Real s = rho + y;
  switch (family.kind) {
    case Family::Kind::square:
    case Family::Kind::huber:
      return rho * rho / 2 + rho * y;
    case Family::Kind::logistic:
      return entropy(s) + entropy(1 - s) - entropy(y) - entropy(1 - y);
    case Family::Kind::poisson:
      return entropy(s) - s - entropy(y) + y;
  }
  return 0;
}

/// Scores α + β·x + f + o with the α and β of least loss, by Newton's method on Householder QRs of
/// the columns times √(ω ℓ''), from given contributions f + o on.
struct BestScores {
  RealVector coefficients;  // of 1 and the centred, scaled columns
  RealVector values;
  Real ridge = 0;  // ½ν‖β‖², part of the loss
  Real loss = 0;
  double condition = 1.0;  // of the columns so weighted
};

Real mean_loss(const Family& family, const RealVector& y, const RealVector& omega,
               const RealVector& scores) {
  Real sum = 0;
  for (Index t = 0; t < y.size(); ++t) sum += omega[t] * loss_of(family, y[t], scores[t]);
  return sum;
}

BestScores best_scores(const Family& family, const RealMatrix& X, const RealVector& y,
                       const RealVector& omega, const RealVector& offset,
                       const RealVector& contributions) {
  constexpr Real separated = 1e-10L;  // where the solver ends too
  const Index n = X.rows();
  RealMatrix columns(n, X.cols() + 1);
  columns.col(0).setOnes();
  Index kept = 1;
  Real longest = 1;  // column about 0, in units of its deviation
  for (Index j = 0; j < X.cols(); ++j) {
    const Real mean = omega.dot(X.col(j));
    const RealVector centred = X.col(j).array() - mean;
    const Real deviation = std::sqrt(omega.dot(centred.cwiseAbs2()));
    if (!(deviation > constant_share * std::abs(mean))) continue;
    columns.col(kept++) = centred / deviation;
    longest = std::max(longest, std::hypot(Real(1), mean / deviation));
  }
  columns.conservativeResize(n, kept);
  const auto scores_of = [&](const RealVector& coefficients) {
    BestScores scores{coefficients, contributions + columns * coefficients, 0, 0};
    scores.ridge = family.linear_ridge * coefficients.tail(kept - 1).squaredNorm() / 2;
    scores.loss = mean_loss(family, y, omega, scores.values) + scores.ridge;
    return scores;
  };
  RealVector start = RealVector::Zero(kept);
  start[0] = family.constant_score(y.cast<double>(), omega.cast<double>(), offset.cast<double>());
  BestScores best = scores_of(start);
  double condition = 1.0;
  for (int step = 0; step < 200 && best.loss > separated; ++step) {
    // The ridge as rows of its own.
    const Index extra = family.linear_ridge > 0.0 ? kept - 1 : 0;
    const Real root_of_ridge = std::sqrt(static_cast<Real>(family.linear_ridge));
    RealMatrix scaled = RealMatrix::Zero(n + extra, kept);
    RealVector right(n + extra);
    for (Index j = 0; j < extra; ++j) {
      scaled(n + j, j + 1) = root_of_ridge;
      right[n + j] = root_of_ridge * best.coefficients[j + 1];
    }
    for (Index t = 0; t < n; ++t) {
      const Real curvature = curvature_of(family, y[t], best.values[t]);
      const Real root = std::sqrt(omega[t] * curvature);
      scaled.row(t) = root * columns.row(t);
      right[t] = root * derivative_of(family, y[t], best.values[t]) / curvature;
    }
    Eigen::ColPivHouseholderQR<RealMatrix> qr;
    qr.setThreshold(dependent_share * longest);
    qr.compute(scaled);
    condition = condition_of(qr);
    const RealVector move = qr.solve(right);
    Real share = 1;
    bool moved = false;
    const Real before = best.loss;
    for (int halving = 0; halving < 60 && !moved; ++halving, share /= 2) {
      BestScores next = scores_of(best.coefficients - share * move);
      if (next.loss <= best.loss) {
        best = std::move(next);
        moved = true;
      }
    }
    if (!moved || before - best.loss <= 1e-18L * best.loss) break;
  }
  best.condition = condition;
  return best;
}

// ---------------------------------------------------------------- recovery

double angle_between_lines(const RealVector& u, const RealVector& v) {
  const RealVector x = u / u.norm();
  const RealVector y = v / v.norm();
  // Kahan: 2 atan(‖x − y‖/‖x + y‖), good at every angle.
  const Real smaller = std::min((x - y).norm(), (x + y).norm());
  const Real larger = std::max((x - y).norm(), (x + y).norm());
  return static_cast<double>(2 * std::atan2(smaller, larger) * 180 / pi);
}

// Orthonormal basis (d×r) of the teachers' span.
RealMatrix teacher_span(const Teacher& teacher) {
  Eigen::ColPivHouseholderQR<RealMatrix> qr;
  qr.setThreshold(1e-9L);
  qr.compute(teacher.directions.transpose().cast<Real>());
  return RealMatrix(qr.householderQ()).leftCols(qr.rank());
}

// docs/math.md, 5, on the model's directions without biases.
Recovery recompute_recovery(const Teacher& teacher, const Model& model) {
  const Index k = teacher.neurons();
  const Index d = teacher.dimension();
  Recovery recovery;
  recovery.teachers = k;
  std::vector<RealVector> directions;
  std::vector<Real> amplitudes;
  Real total = 0;
  for (const Feature& feature : model.features) {
    const RealVector w = feature.direction.cast<Real>();
    const Real norm = w.norm();
    if (!(norm > 0) || feature.amplitude == 0.0) continue;
    directions.push_back(w / norm);
    amplitudes.push_back(feature.amplitude * norm);
    total += std::abs(amplitudes.back());
  }
  std::vector<RealVector> averages(static_cast<std::size_t>(k), RealVector::Zero(d));
  for (Index j = 0; j < k; ++j) {
    recovery.per_teacher.emplace_back().amplitude = teacher.amplitudes[j];
  }
  if (!(total > 0)) {
    recovery.max_angle_deg = recovery.mean_angle_deg = 90.0;
    recovery.far_mass = 1.0;
    return recovery;
  }
  const RealMatrix teachers = teacher.directions.transpose().cast<Real>();
  const RealMatrix basis = teacher_span(teacher);
  // Of the neurons nearest to each teacher: all their mass, what of it is far, mass times angle.
  struct GroupSums {
    Real all = 0;
    Real far = 0;
    Real turned = 0;
  };
  std::vector<GroupSums> sums(static_cast<std::size_t>(k));
  for (std::size_t i = 0; i < directions.size(); ++i) {
    std::size_t nearest = 0;
    double angle = 360.0;
    for (Index j = 0; j < k; ++j) {
      const double candidate = angle_between_lines(directions[i], teachers.col(j));
      if (candidate < angle) {
        angle = candidate;
        nearest = static_cast<std::size_t>(j);
      }
    }
    const bool mirrored = directions[i].dot(teachers.col(static_cast<Index>(nearest))) < 0;
    averages[nearest] += (mirrored ? -amplitudes[i] : amplitudes[i]) * directions[i];
    TeacherRecovery& group = recovery.per_teacher[nearest];
    const Real share = std::abs(amplitudes[i]) / total;
    sums[nearest].all += share;
    sums[nearest].turned += share * angle;
    if (angle > 10.0) sums[nearest].far += share;
    group.mass += static_cast<double>(amplitudes[i]);
    recovery.mean_angle_deg += static_cast<double>(share * angle);
    recovery.subspace_share +=
        static_cast<double>(share * (basis.transpose() * directions[i]).squaredNorm());
    if (angle > 10.0) recovery.far_mass += static_cast<double>(share);
    if (share > 1e-4L) {
      ++group.neurons;
      recovery.max_angle_deg = std::max(recovery.max_angle_deg, angle);
    }
  }
  for (Index j = 0; j < k; ++j) {
    TeacherRecovery& group = recovery.per_teacher[static_cast<std::size_t>(j)];
    const RealVector& average = averages[static_cast<std::size_t>(j)];
    if (average.norm() > 0) group.angle_deg = angle_between_lines(average, teachers.col(j));
    const GroupSums& sum = sums[static_cast<std::size_t>(j)];
    if (sum.all > 0) {
      group.mean_angle_deg = static_cast<double>(sum.turned / sum.all);
      group.far_mass = static_cast<double>(sum.far / sum.all);
    }
    const double error = std::abs(group.mass - group.amplitude);
    group.matched = group.angle_deg <= 0.1 && error <= 0.01 * std::abs(group.amplitude);
    const bool learned = group.mean_angle_deg <= 1.0 && group.far_mass <= 0.01;
    group.recovered = group.matched && learned;
    recovery.matched += group.matched ? 1 : 0;
    recovery.recovered += group.recovered ? 1 : 0;
  }
  return recovery;
}

// ---------------------------------------------------------------- populations in binary128

using QuadVector = std::vector<Quad>;

Quad norm_of(const QuadVector& v) {
  Quad sum = 0;
  for (const Quad x : v) sum += x * x;
  return root(sum);
}

// h of the angle between unit vectors, from Kahan's formula for the angle.
Quad quad_kernel(const QuadVector& u, const QuadVector& v) {
  Quad minus = 0;
  Quad plus = 0;
  for (std::size_t j = 0; j < u.size(); ++j) {
    minus += (u[j] - v[j]) * (u[j] - v[j]);
    plus += (u[j] + v[j]) * (u[j] + v[j]);
  }
  static const Quad half_turn = angle_of(Quad(0), Quad(-1));
  const Quad theta = 2 * angle_of(root(minus), root(plus));
  const Quad cosine = (plus - minus) / (plus + minus);
  const Quad sine = 2 * root(minus * plus) / (plus + minus);
  return kernel_from_angle<Quad>(theta, cosine, sine, half_turn);
}

// The signed measure of f − y: students, then teachers with their sign turned (docs/math.md, 2.2).
struct Measure {
  std::vector<QuadVector> units;
  QuadVector masses;
  std::size_t students = 0;

  void add(Quad amplitude, const RealVector& w) {
    QuadVector direction(w.begin(), w.end());
    const Quad norm = norm_of(direction);
    if (!(norm > 0) || amplitude == 0) return;
    for (Quad& x : direction) x /= norm;
    units.push_back(std::move(direction));
    masses.push_back(amplitude * norm);
  }
};

Measure measure_of(const Neurons& neurons, const Teacher& teacher, Real unit) {
  Measure measure;
  for (Index i = 0; i < neurons.W.rows(); ++i) measure.add(neurons.a[i], neurons.W.row(i));
  measure.students = measure.units.size();
  for (Index j = 0; j < teacher.neurons(); ++j) {
    measure.add(-static_cast<Real>(teacher.amplitudes[j]) / unit,
                teacher.directions.row(j).cast<Real>());
  }
  return measure;
}

struct Moments {
  Quad energy = 0;   // E (f − y)²
  Quad product = 0;  // E (y − f) y
  Quad null = 0;     // E y²
};

Moments moments_of(const Measure& measure) {
  Moments moments;
  for (std::size_t p = 0; p < measure.units.size(); ++p) {
    for (std::size_t q = 0; q <= p; ++q) {
      const Quad both = (p == q ? 1 : 2) * measure.masses[p] * measure.masses[q] *
                        quad_kernel(measure.units[p], measure.units[q]);
      moments.energy += both;
      // −E (f − y) y: pairs of a teacher with anything; two teachers count fully, a pair of a
      // teacher and a student once of twice.
      if (p >= measure.students) moments.product += q >= measure.students ? both : both / 2;
      if (q >= measure.students) moments.null += both;
    }
  }
  return moments;
}

// Neurons without what they have outside the teachers' span, and how far that can move a
// correlation (docs/math.md, 6.7).
std::pair<Neurons, Real> projected(const Neurons& neurons, const Teacher& teacher) {
  const RealMatrix basis = teacher_span(teacher);
  std::pair<Neurons, Real> result{neurons, 0};
  result.first.W = neurons.W * basis * basis.transpose();
  for (Index i = 0; i < neurons.W.rows(); ++i) {
    result.second += std::abs(neurons.a[i]) * (neurons.W.row(i) - result.first.W.row(i)).norm();
  }
  result.second *= std::sqrt(0.25L - 0.5L / pi) / 2;
  return result;
}

}  // namespace

double VerifiedNumbers::gap_at(double supremum, Certificate::Kind kind) const {
  if (derivatives.size() > 0) {
    const auto dual = [&](Real c) {
      Real sum = c * static_cast<Real>(offset_product) - c * c * static_cast<Real>(ridge);
      for (Index t = 0; t < derivatives.size(); ++t) {
        if (shares[t] > 0.0)
          sum -= shares[t] * conjugate_of(family, targets[t], c * derivatives[t]);
      }
      return sum;
    };
    // Concave in c, from 0 to the largest feasible one.
    Real low = 0;
    Real high = std::min<Real>(1, 1 / ((1 + estimate_resolution) * supremum));
    const Real most = high;
    for (int step = 0; step < 120; ++step) {
      const Real left = low + (high - low) / 3;
      const Real right = high - (high - low) / 3;
      (dual(left) < dual(right) ? low : high) = dual(left) < dual(right) ? left : right;
    }
    const Real bound = std::max({dual(low), dual(most), Real(0)});
    const Real primal = loss + static_cast<Real>(lambda) * mass;
    return static_cast<double>(primal - bound);
  }
  const bool rigorous = kind == Certificate::Kind::rigorous;
  const Real E = rigorous ? dual_energy : energy;
  const Real product = rigorous ? dual_product : target_product;
  const Real primal = static_cast<Real>(energy) / 2 + static_cast<Real>(lambda) * mass;
  if (!(E > 0)) return static_cast<double>(primal);
  const Real shift = rigorous ? dual_shift : 0.0;
  const Real open = rigorous ? Real(0) : estimate_resolution;
  const Real correlation = (1 + open) * supremum * lambda - shift;
  Real c = product / E;
  if (correlation > 0) c = std::clamp<Real>(c, -lambda / correlation, lambda / correlation);
  return static_cast<double>(primal - (c * product - c * c * E / 2));
}

namespace {

void check(const VerifierOptions& options, Index dimension) {
  if (options.directions.rows() > 0 && options.directions.cols() != dimension) {
    throw InvalidArgument("directions", std::to_string(options.directions.cols()) + " columns",
                          "must have " + std::to_string(dimension));
  }
  if (options.random_directions < 0 || options.searches < 0) {
    throw InvalidArgument("verifier options", "", "random_directions and searches must be >= 0");
  }
}

VerifiedNumbers checked_numbers(const Model& model, double lambda, Index data_columns) {
  if (!(lambda >= 0.0) || !std::isfinite(lambda)) {
    throw InvalidArgument("lambda", std::to_string(lambda), "must be 0 or positive");
  }
  const Index d = model.dimension();
  if (data_columns != d) {
    throw InvalidArgument("data", std::to_string(data_columns) + " columns",
                          "the model has " + std::to_string(d));
  }
  const Standardization& step = model.standardization;
  const bool whitened = step.kind == Standardization::Kind::whiten;
  if (step.center.size() != d || step.scale.size() != d || (whitened && step.map.rows() != d) ||
      !(step.target_scale > 0.0)) {
    throw InvalidArgument("model", "a standardization of another size",
                          "it must have a number for each of the model's columns");
  }
  VerifiedNumbers numbers;
  numbers.lambda = lambda;
  return numbers;
}

}  // namespace

VerifiedNumbers verify_model(const Model& model, const Dataset& rows, const Vector& weights,
                             double lambda, const VerifierOptions& options,
                             const std::optional<Teacher>& teacher) {
  VerifiedNumbers numbers = checked_numbers(model, lambda, rows.X.cols());
  const Index n = rows.X.rows();
  if (n == 0 || rows.y.size() != n || (weights.size() != 0 && weights.size() != n)) {
    throw InvalidArgument("rows", std::to_string(n),
                          "there must be some, with a target and a weight for each");
  }
  if (rows.offset.size() != n && (rows.offset.size() != 0 || !model.offset_column.empty())) {
    throw InvalidArgument("offset", std::to_string(rows.offset.size()) + " numbers",
                          "there are " + std::to_string(n) + " rows");
  }
  RealVector omega(n);
  Real total = 0;
  for (Index t = 0; t < n; ++t) total += omega[t] = weights.size() == 0 ? 1.0 : weights[t];
  omega /= total;

  const Coordinates coordinates(model);
  const Neurons neurons = standardized_neurons(model, coordinates);
  const Index p = coordinates.count();
  check(options, neurons.W.cols());
  RealMatrix X(n, neurons.W.cols());
  for (Index t = 0; t < n; ++t) {
    X.row(t).head(p) = coordinates.of(rows.X.row(t)).transpose();
    if (neurons.biases) X(t, p) = 1;
  }

  const Family& family = model.family;
  const RealMatrix linear = X.leftCols(family.has_linear_part() ? p : 0);
  const Real unit = model.standardization.target_scale;
  RealVector target(n);
  RealVector offset = RealVector::Zero(n);
  if (rows.offset.size() > 0) offset = rows.offset.cast<Real>() / unit;
  RealVector output(n);
  RealVector scores(n);
  Real given = 0;
  for (Index t = 0; t < n; ++t) {
    target[t] = rows.y[t] / unit;
    Real f = 0;
    for (Index i = 0; i < neurons.W.rows(); ++i) {
      Real z = 0;
      for (Index j = 0; j < X.cols(); ++j) z += neurons.W(i, j) * X(t, j);
      if (z > 0) f += neurons.a[i] * z;
    }
    output[t] = f;
    // The features as they are written, with their own α and β.
    Real prediction = model.affine.alpha;
    for (Index j = 0; j < rows.X.cols(); ++j) {
      prediction += static_cast<Real>(model.affine.beta[j]) * rows.X(t, j);
    }
    scores[t] = prediction / unit + f + offset[t];
    given += omega[t] * loss_of(family, target[t], scores[t]);
  }
  if (family.linear_ridge > 0.0) {
    // The linear part in standardized columns: what it adds to the scores is β·(x − x̄).
    const RealVector slopes = coordinates.weight_of(model.affine.beta);
    for (Index j = 0; j < p; ++j) {
      const Real mean = omega.dot(X.col(j));
      const Real variance = omega.dot((X.col(j).array() - mean).square().matrix());
      given += family.linear_ridge * slopes[j] * slopes[j] * variance / 2;
    }
  }
  numbers.loss_as_given = static_cast<double>(given);
  if (!family.square()) {
    family.check_values(rows.y);
    const RealVector contributions = output + offset;
    const BestScores best = best_scores(family, linear, target, omega, offset, contributions);
    numbers.condition = best.condition;
    numbers.target_deviation =
        static_cast<double>((contributions - best.values).norm() / std::sqrt(static_cast<Real>(n)));
    RealVector weighted(n);
    numbers.family = family;
    numbers.targets = rows.y;
    numbers.shares = omega.cast<double>();
    numbers.derivatives = Vector(n);
    for (Index t = 0; t < n; ++t) {
      const Real derivative = derivative_of(family, target[t], best.values[t]);
      numbers.derivatives[t] = static_cast<double>(derivative);
      weighted[t] = omega[t] * derivative;
    }
    numbers.loss = static_cast<double>(best.loss);
    numbers.ridge = static_cast<double>(best.ridge);
    numbers.offset_product = static_cast<double>(weighted.dot(offset));
    numbers.null_loss =
        static_cast<double>(best_scores(family, linear, target, omega, offset, offset).loss);
    search(RowCorrelator(X, weighted), neurons, options, numbers);
    finish(numbers, neurons);
    return numbers;
  }
  target -= offset;  // the square loss knows their difference alone
  const AffinePart affine(linear, omega);
  numbers.condition = affine.condition();
  const Real mean = omega.dot(target);
  numbers.target_deviation =
      static_cast<double>(std::sqrt(omega.dot((target.array() - mean).square().matrix())));
  const RealVector y = affine.without(target);
  const RealVector R = affine.without(output) - y;
  RealVector weighted(n);
  Real energy = 0;
  Real product = 0;
  Real null = 0;
  for (Index t = 0; t < n; ++t) {
    weighted[t] = omega[t] * R[t];
    energy += weighted[t] * R[t];
    product -= weighted[t] * y[t];
    null += omega[t] * y[t] * y[t];
  }
  numbers.energy = static_cast<double>(energy);
  numbers.target_product = static_cast<double>(product);
  numbers.dual_energy = numbers.energy;
  numbers.dual_product = numbers.target_product;
  numbers.loss = static_cast<double>(energy / 2);
  numbers.null_loss = static_cast<double>(null / 2);
  search(RowCorrelator(X, weighted), neurons, options, numbers);
  finish(numbers, neurons);
  if (teacher) numbers.recovery = recompute_recovery(*teacher, model);
  return numbers;
}

VerifiedNumbers verify_model(const Model& model, const Teacher& teacher, double lambda,
                             const VerifierOptions& options) {
  VerifiedNumbers numbers = checked_numbers(model, lambda, teacher.dimension());
  if (model.biases || model.standardization.kind != Standardization::Kind::none) {
    throw InvalidArgument("model", model.biases ? "neurons with biases" : "standardized inputs",
                          "the population of a teacher has neither; verify it on rows");
  }
  const Neurons neurons = standardized_neurons(model, Coordinates(model));
  const Real unit = model.standardization.target_scale;
  const Index k = teacher.neurons();
  const Index d = teacher.dimension();
  check(options, d);
  const Measure measure = measure_of(neurons, teacher, unit);
  const Moments moments = moments_of(measure);
  numbers.energy = static_cast<double>(moments.energy);
  numbers.target_product = static_cast<double>(moments.product);
  numbers.loss = static_cast<double>(moments.energy / 2);
  numbers.null_loss = static_cast<double>(moments.null / 2);
  const auto [inside, shift] = projected(neurons, teacher);
  const Moments dual = moments_of(measure_of(inside, teacher, unit));
  numbers.dual_energy = static_cast<double>(dual.energy);
  numbers.dual_product = static_cast<double>(dual.product);
  numbers.dual_shift = static_cast<double>(shift);

  // What α and β as given miss of their optimum (docs/math.md, 2.1) adds to the loss.
  Quad alpha = 0;
  QuadVector beta(static_cast<std::size_t>(d), Quad(0));
  const Quad two_pi = 2 * angle_of(Quad(0), Quad(-1));
  for (std::size_t p = 0; p < measure.units.size(); ++p) {
    alpha -= measure.masses[p] / root(two_pi);
    for (std::size_t j = 0; j < beta.size(); ++j) {
      beta[j] -= measure.masses[p] * measure.units[p][j] / 2;
    }
  }
  const Quad offset = model.affine.alpha / unit - alpha;
  Quad missed = offset * offset;
  for (Index j = 0; j < d; ++j) {
    const Quad slope = model.affine.beta[j] / unit - beta[static_cast<std::size_t>(j)];
    missed += slope * slope;
  }
  numbers.loss_as_given = static_cast<double>((moments.energy + missed) / 2);

  const auto atoms = static_cast<Index>(measure.units.size());
  RealMatrix directions(atoms, d);
  RealVector weights(atoms);
  for (Index p = 0; p < atoms; ++p) {
    const auto position = static_cast<std::size_t>(p);
    weights[p] = static_cast<Real>(measure.masses[position]);
    for (Index j = 0; j < d; ++j) {
      directions(p, j) = static_cast<Real>(measure.units[position][static_cast<std::size_t>(j)]);
    }
  }
  VerifierOptions with_teachers = options;
  with_teachers.directions.resize(options.directions.rows() + k, d);
  if (options.directions.rows() > 0) {
    with_teachers.directions.topRows(options.directions.rows()) = options.directions;
  }
  with_teachers.directions.bottomRows(k) = teacher.directions;
  search(AtomCorrelator(std::move(directions), std::move(weights)), neurons, with_teachers,
         numbers);
  numbers.given_eta.conservativeResize(options.directions.rows());
  finish(numbers, neurons);
  numbers.recovery = recompute_recovery(teacher, model);
  return numbers;
}

std::vector<Discrepancy> discrepancies(const ReportedNumbers& reported,
                                       const VerifiedNumbers& verified) {
  std::vector<Discrepancy> found;
  const auto compare = [&](const char* field, std::optional<double> number, double recomputed,
                           double tolerance) {
    if (number && !(std::abs(*number - recomputed) <= tolerance)) {
      found.push_back({field, *number, recomputed, tolerance});
    }
  };
  // Weights are rounded to float64 in original units, which moves f by about 1e-15 of the sizes
  // that cancel in it, and the loss by that times ‖R‖ and squared. Float64 sums over a sample or
  // over atoms lose the same share of what they add up.
  const double size = verified.mass + std::sqrt(2.0 * verified.null_loss);
  // What the linear part takes off leaves its rounding, times the condition of the columns.
  const double moved =
      std::max(1e-14 * size, 4e-16 * (verified.condition - 1.0) * verified.target_deviation);
  const double loss_noise = moved * std::sqrt(2.0 * verified.loss) + moved * moved;
  const double loss_tolerance = 1e-6 * verified.loss + loss_noise;
  compare("loss", reported.loss, verified.loss, loss_tolerance);
  const double expected = reported.balanced ? verified.balanced_loss : verified.penalized_loss;
  compare("penalized_loss", reported.penalized_loss, expected, loss_tolerance + 1e-9 * expected);

  // η divides a correlation by λ, and with it what rounding left.
  const double eta_noise = verified.lambda > 0.0 ? 0.1 * moved / verified.lambda : 0.0;
  if (verified.given_eta.size() > 0) {
    const double there = std::abs(verified.given_eta[0]);
    compare("certificate.sup_eta_lower", reported.attained, there, 1e-9 * there + eta_noise);
  }
  if (reported.sup_eta) {
    const bool rigorous = reported.kind == Certificate::Kind::rigorous;
    const double tolerance = (rigorous ? 1e-9 : 1e-4) * verified.sup_eta + eta_noise;
    // An estimate is for its gap: a higher maximum that leaves this as it is contradicts nothing.
    const double said_gap = verified.gap_at(*reported.sup_eta, reported.kind);
    const double unseen = reported.unseen_share;
    const double share = estimated_share * (1.0 + 4.0 * unseen);
    const double gap_share = estimated_gap_share + 2.0 * unseen;
    const bool close = !rigorous && *reported.sup_eta >= (1.0 - share) * verified.sup_eta &&
                       verified.gap <= (1.0 + gap_share) * std::max(said_gap, 0.0);
    if (!(*reported.sup_eta >= verified.sup_eta - tolerance) && !close) {
      found.push_back({"certificate.sup_eta", *reported.sup_eta, verified.sup_eta, tolerance});
    }
    // The dual bound is a difference of terms of the size of E R y, whose float64 sum is of the
    // size of the squared mass.
    const double gap_tolerance = 1e-9 * verified.balanced_loss + loss_noise + 1e-14 * size * size;
    compare("certificate.gap", reported.gap, std::max(0.0, said_gap), gap_tolerance);
    compare("certificate.relative_gap", reported.relative_gap,
            std::max(0.0, said_gap) / verified.balanced_loss,
            gap_tolerance / verified.balanced_loss);
  }
  if (reported.recovery && verified.recovery) {
    const Recovery& said = *reported.recovery;
    const Recovery& is = *verified.recovery;
    const auto count = [&](const char* field, Index number, Index recomputed) {
      compare(field, static_cast<double>(number), static_cast<double>(recomputed), 0.0);
    };
    count("recovery.teachers", said.teachers, is.teachers);
    count("recovery.matched", said.matched, is.matched);
    count("recovery.recovered", said.recovered, is.recovered);
    compare("recovery.max_angle_deg", said.max_angle_deg, is.max_angle_deg, 1e-6);
    compare("recovery.mean_angle_deg", said.mean_angle_deg, is.mean_angle_deg, 1e-6);
    compare("recovery.far_mass", said.far_mass, is.far_mass, 1e-9);
    compare("recovery.subspace_share", said.subspace_share, is.subspace_share, 1e-9);
    if (said.per_teacher.size() != is.per_teacher.size()) {
      count("recovery.per_teacher", static_cast<Index>(said.per_teacher.size()), is.teachers);
      return found;
    }
    for (std::size_t j = 0; j < is.per_teacher.size(); ++j) {
      const TeacherRecovery& mine = is.per_teacher[j];
      const TeacherRecovery& theirs = said.per_teacher[j];
      compare("recovery.per_teacher.amplitude", theirs.amplitude, mine.amplitude,
              1e-9 * std::abs(mine.amplitude));
      compare("recovery.per_teacher.mass", theirs.mass, mine.mass, 1e-9 * size);
      compare("recovery.per_teacher.angle_deg", theirs.angle_deg, mine.angle_deg, 1e-6);
      compare("recovery.per_teacher.mean_angle_deg", theirs.mean_angle_deg, mine.mean_angle_deg,
              1e-6);
      compare("recovery.per_teacher.far_mass", theirs.far_mass, mine.far_mass, 1e-9);
      count("recovery.per_teacher.neurons", theirs.neurons, mine.neurons);
      count("recovery.per_teacher.matched", theirs.matched, mine.matched);
      count("recovery.per_teacher.recovered", theirs.recovered, mine.recovered);
    }
  }
  return found;
}

}  // namespace lodestone
