#include "lodestone/verifier/verifier.hpp"

#include <Eigen/QR>
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include "core/indices.hpp"
#include "core/quad.hpp"
#include "lodestone/core/error.hpp"
#include "lodestone/core/random.hpp"
#include "verifier/affine_part.hpp"
#include "verifier/families.hpp"
#include "verifier/real.hpp"

// Deliberately apart: nothing here comes from objective/, kernels/, the solvers or the other
// certificates. What they compute in blocks, with SIMD, Gram matrices and gradients is computed
// here by sums over rows and atoms, Householder QR and derivative-free search.

namespace lodestone {
namespace {

using verifying::AffinePart;
using verifying::best_class_scores;
using verifying::best_scores;
using verifying::BestClassScores;
using verifying::BestScores;
using verifying::class_conjugate;
using verifying::class_point;
using verifying::conjugate_of;
using verifying::derivative_of;
using verifying::loss_of;
using verifying::pi;
using verifying::Real;
using verifying::RealMatrix;
using verifying::RealVector;

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

// The share of a supremum that an estimate leaves open (docs/math.md, 6.3).
constexpr Real estimate_resolution = 1e-9L;

// An estimated supremum may be short by the first share where the gap is not short by more than the
// second; by more where the run itself says that maxima are unseen.
constexpr double estimated_share = 1e-2;
constexpr double estimated_gap_share = 0.25;

// ---------------------------------------------------------------- the network, standardized

Real norm_of_row(const RealMatrix& matrix, Index i) {
  Real sum = 0;
  for (Index j = 0; j < matrix.cols(); ++j) sum += matrix(i, j) * matrix(i, j);
  return std::sqrt(sum);
}

/// Neurons a_i relu(w_i·x̃) of the standardized problem; with biases, w ends in the bias.
struct Neurons {
  RealMatrix A;  // output weights, m×q
  RealVector a;  // of several outputs the lengths of the rows of A
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
  const Standardization& step = model.standardization;
  Neurons neurons{RealMatrix(m, model.output_count()), RealVector(m),
                  RealMatrix(m, p + (model.biases ? 1 : 0)), model.biases};
  for (Index i = 0; i < m; ++i) {
    const Feature& feature = model.features[static_cast<std::size_t>(i)];
    if (model.outputs.empty()) {
      neurons.A(i, 0) = neurons.a[i] = static_cast<Real>(feature.amplitude) / step.target_scale;
    } else {
      for (Index k = 0; k < neurons.A.cols(); ++k) {
        neurons.A(i, k) = static_cast<Real>(feature.amplitudes[k]) / step.scale_of_output(k);
      }
      neurons.a[i] = norm_of_row(neurons.A, i);
    }
    neurons.W.row(i).head(p) = coordinates.weight_of(feature.direction).transpose();
    if (!model.biases) continue;
    Real bias = feature.bias;
    for (Index j = 0; j < feature.direction.size(); ++j) {
      bias += static_cast<Real>(feature.direction[j]) * step.center[j];
    }
    neurons.W(i, p) = bias;
  }
  return neurons;
}

// ---------------------------------------------------------------- correlations

/// C(u) = E[R relu(u·x)] as a sum over rows or atoms: it needs only their products with u.
/// λη(u) = −C(u)/‖u‖; of several outputs its length stands for it.
class Correlator {
 public:
  virtual ~Correlator() = default;

  /// Rows or atoms, N×p.
  virtual const RealMatrix& points() const = 0;

  /// λη(u) from the N products points·u and ‖u‖ > 0.
  virtual Real value(const RealVector& products, Real norm) const = 0;

  Real at(const RealVector& u) const { return value(points() * u, u.norm()); }
};

class RowCorrelator final : public Correlator {
 public:
  /// Of several outputs a column of weighted residuals for each.
  RowCorrelator(RealMatrix rows, RealMatrix weighted)
      : X_(std::move(rows)), R_(std::move(weighted)) {}
  const RealMatrix& points() const override { return X_; }
  Real value(const RealVector& products, Real norm) const override {
    if (R_.cols() == 1) return -sum(products, 0) / norm;
    Real squares = 0;
    for (Index k = 0; k < R_.cols(); ++k) {
      const Real C = sum(products, k);
      squares += C * C;
    }
    return std::sqrt(squares) / norm;
  }

 private:
  // C of one output.
  Real sum(const RealVector& products, Index output) const {
    Real sum = 0;
    for (Index t = 0; t < products.size(); ++t) {
      if (products[t] > 0) sum += R_(t, output) * products[t];
    }
    return sum;
  }

  RealMatrix X_;
  RealMatrix R_;  // ω_t R_t
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
    return -sum;
  }

 private:
  RealMatrix V_;
  RealVector c_;
};

/// The directions that a model's sign constraints allow: a neuron at u whose amplitude has the sign
/// of η needs sign(η) s_j u_j >= 0 (docs/math.md, 13.3).
struct Allowed {
  Vector signs;  // one a column, or none

  bool at(const RealVector& u, Real eta) const {
    for (Index j = 0; j < signs.size(); ++j) {
      if (signs[j] * u[j] * eta < 0) return false;
    }
    return true;
  }

  /// |λη| where a neuron may be; −1 elsewhere.
  Real height(const RealVector& u, Real eta) const { return at(u, eta) ? std::abs(eta) : -1; }

  /// u mirrored, coordinate by coordinate, to the side of this sign.
  RealVector mirrored(RealVector u, Real sign) const {
    for (Index j = 0; j < signs.size(); ++j) {
      if (signs[j] * u[j] * sign < 0) u[j] = -u[j];
    }
    return u;
  }
};

/// Hooke and Jeeves' pattern search for a larger |λη|: coordinate moves, then the whole
/// displacement once more; half the step where nothing helps. No derivative is used.
struct Found {
  Real value = -1;  // |λη|
  RealVector direction;
};

Found pattern_search(const Correlator& correlator, const Allowed& allowed, RealVector u) {
  u /= u.norm();
  RealVector products = correlator.points() * u;
  Found best{allowed.height(u, correlator.value(products, 1)), u};
  // Moves the direction by `step` along coordinate j, if that is better.
  const auto try_move = [&](Index j, Real step) {
    const RealVector moved = products + step * correlator.points().col(j);
    const Real norm = std::sqrt(1 + 2 * step * best.direction[j] + step * step);
    if (!(norm > 1e-3L)) return false;
    RealVector there = best.direction;
    there[j] += step;
    there /= norm;
    const Real value = allowed.height(there, correlator.value(moved, norm));
    if (!(value > best.value)) return false;
    best.direction = std::move(there);
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
      const Real value = allowed.height(ahead, correlator.value(there, 1));
      if (value > best.value) {
        best = {value, ahead};
        products = there;
      }
    }
  }
  return best;
}

/// Fills in everything that follows from η.
void search(const Correlator& correlator, const Allowed& allowed, const Neurons& neurons,
            const VerifierOptions& options, VerifiedNumbers& numbers) {
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
    seen.push_back({allowed.height(u, value), u / norm});
    return static_cast<double>(value / numbers.lambda);
  };
  for (Index i = 0; i < neurons.W.rows(); ++i) numbers.neuron_eta[i] = look(neurons.W.row(i));
  for (Index i = 0; i < options.directions.rows(); ++i) {
    numbers.given_eta[i] = look(options.directions.row(i).cast<Real>());
  }
  const RandomStream stream(options.seed, "verifier");
  for (Index i = 0; i < options.random_directions; ++i) {
    RealVector u(p);
    for (Index j = 0; j < p; ++j) u[j] = stream.normal(static_cast<std::uint64_t>(i * p + j));
    if (allowed.signs.size() == 0) {
      look(u);
      continue;
    }
    look(allowed.mirrored(u, 1));
    look(allowed.mirrored(u, -1));
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
    Found end = pattern_search(correlator, allowed, start.direction);
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

// ------------------------------------------------------------ populations in quadruple precision

using QuadVector = std::vector<Quad>;

// In units of a power of two near the largest entry, which keep squares in the range of float64.
Quad norm_of(const QuadVector& v) {
  double largest = 0.0;
  for (const Quad& x : v) largest = std::max(largest, std::abs(static_cast<double>(x)));
  const Quad unit = largest > 0.0 ? std::exp2(std::floor(std::log2(largest))) : 1.0;
  Quad sum = 0;
  for (const Quad& x : v) sum += (x / unit) * (x / unit);
  return unit * square_root(sum);
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
  const Quad theta = 2 * angle_of(square_root(minus), square_root(plus));
  const Quad cosine = (plus - minus) / (plus + minus);
  const Quad sine = 2 * square_root(minus * plus) / (plus + minus);
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
      for (Index t = 0; t < derivatives.rows(); ++t) {
        if (!(shares[t] > 0.0)) continue;
        sum -= shares[t] *
               (family.softmax()
                    ? class_conjugate(static_cast<Index>(targets[t]), c, derivatives.row(t))
                    : conjugate_of(family, targets[t], c * derivatives(t, 0)));
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
      const bool rising = dual(left) < dual(right);
      (rising ? low : high) = rising ? left : right;
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

void check_rows(const Model& model, const Dataset& rows, const Vector& weights) {
  const Index n = rows.X.rows();
  if (n == 0 || rows.y.size() != n || (weights.size() != 0 && weights.size() != n)) {
    throw InvalidArgument("rows", std::to_string(n),
                          "there must be some, with a target and a weight for each");
  }
  if (rows.offset.size() != n && (rows.offset.size() != 0 || !model.offset_column.empty())) {
    throw InvalidArgument("offset", std::to_string(rows.offset.size()) + " numbers",
                          "there are " + std::to_string(n) + " rows");
  }
  const bool several_targets = !model.outputs.empty() && !model.family.softmax();
  if (rows.Y.cols() != (several_targets ? model.output_count() : 0) ||
      (several_targets && rows.Y.rows() != n)) {
    throw InvalidArgument("targets", std::to_string(rows.Y.cols()) + " columns",
                          "the model has " + std::to_string(model.output_count()) +
                              (model.family.softmax() ? " classes" : " outputs"));
  }
  if (model.family.softmax()) {
    model.family.check_target(rows.y);
  } else {
    model.family.check_values(rows.y);
  }
}

/// Rows of the standardized problem.
struct StandardizedRows {
  RealVector omega;          // shares, which sum to 1
  RealMatrix X;              // n×p; with biases the last column is 1
  RealMatrix linear;         // the columns of the linear part
  RealMatrix targets;        // n×q; of classes their numbers, n×1
  RealVector offset;         // n
  RealMatrix contributions;  // of the neurons, n×q
};

// The columns of the linear part that its optimum is sought in. A constrained one whose coefficient
// is 0 is held there by its bound; that it is to be held, its sign of E ∂ℓ/∂F x tells
// (docs/math.md, 13.2).
std::vector<Index> free_columns(const Model& model, Index count) {
  std::vector<Index> columns;
  if (!model.family.has_linear_part()) return columns;
  const Vector& signs = model.constraints.signs();
  for (Index j = 0; j < count; ++j) {
    const bool held = signs.size() > 0 && signs[j] != 0.0 && model.affine.beta[j] == 0.0;
    if (!held) columns.push_back(j);
  }
  return columns;
}

StandardizedRows standardized_rows(const Model& model, const Dataset& rows, const Vector& weights,
                                   const Coordinates& coordinates, const Neurons& neurons) {
  const Index n = rows.X.rows();
  const Index p = coordinates.count();
  const Standardization& step = model.standardization;
  StandardizedRows result;
  result.omega = weights.size() == 0 ? RealVector::Ones(n) : RealVector(weights.cast<Real>());
  result.omega /= result.omega.sum();
  result.X.resize(n, neurons.W.cols());
  for (Index t = 0; t < n; ++t) {
    result.X.row(t).head(p) = coordinates.of(rows.X.row(t)).transpose();
    if (neurons.biases) result.X(t, p) = 1;
  }
  result.linear = result.X(indices::all, free_columns(model, p));
  if (rows.Y.size() > 0) {
    result.targets = rows.Y.cast<Real>();
  } else {
    result.targets = rows.y.cast<Real>();
  }
  for (Index k = 0; k < result.targets.cols(); ++k) {
    result.targets.col(k) /= step.scale_of_output(k);
  }
  result.offset = RealVector::Zero(n);
  if (rows.offset.size() > 0) result.offset = rows.offset.cast<Real>() / step.target_scale;
  result.contributions = RealMatrix::Zero(n, neurons.A.cols());
  for (Index t = 0; t < n; ++t) {
    for (Index i = 0; i < neurons.W.rows(); ++i) {
      Real z = 0;
      for (Index j = 0; j < result.X.cols(); ++j) z += neurons.W(i, j) * result.X(t, j);
      if (z > 0) result.contributions.row(t) += z * neurons.A.row(i);
    }
  }
  return result;
}

const Affine& affine_of(const Model& model, Index output) {
  return model.outputs.empty() ? model.affine
                               : model.outputs[static_cast<std::size_t>(output)].affine;
}

std::vector<Index> classes_of(const RealMatrix& targets) {
  std::vector<Index> classes;
  for (Index t = 0; t < targets.rows(); ++t) classes.push_back(static_cast<Index>(targets(t, 0)));
  return classes;
}

// The loss of the features as they are written, with their own α and β.
Real loss_as_given(const Model& model, const Dataset& rows, const Coordinates& coordinates,
                   const StandardizedRows& at) {
  const Family& family = model.family;
  const Index n = at.X.rows();
  const Index q = at.contributions.cols();
  RealMatrix scores(n, q);
  Real loss = 0;
  for (Index k = 0; k < q; ++k) {
    const Affine& affine = affine_of(model, k);
    const Real unit = model.standardization.scale_of_output(k);
    for (Index t = 0; t < n; ++t) {
      Real prediction = affine.alpha;
      for (Index j = 0; j < rows.X.cols(); ++j) {
        prediction += static_cast<Real>(affine.beta[j]) * rows.X(t, j);
      }
      scores(t, k) = prediction / unit + at.contributions(t, k) + at.offset[t];
    }
    if (!(family.linear_ridge > 0.0)) continue;
    // The linear part in standardized columns: what it adds to the scores is β·(x − x̄).
    const RealVector slopes = coordinates.weight_of(affine.beta) / unit;
    for (Index j = 0; j < slopes.size(); ++j) {
      const Real mean = at.omega.dot(at.X.col(j));
      const Real variance = at.omega.dot((at.X.col(j).array() - mean).square().matrix());
      loss += family.linear_ridge * slopes[j] * slopes[j] * variance / 2;
    }
  }
  for (Index t = 0; t < n; ++t) {
    if (family.softmax()) {
      loss += at.omega[t] * class_point(static_cast<Index>(at.targets(t, 0)), scores.row(t)).loss;
      continue;
    }
    for (Index k = 0; k < q; ++k) {
      loss += at.omega[t] * loss_of(family, at.targets(t, k), scores(t, k));
    }
  }
  return loss;
}

// The following fill in the losses and what the dual value is made of, and return ω_t ∂ℓ/∂F, n×q.

RealMatrix by_least_squares(const StandardizedRows& at, VerifiedNumbers& numbers) {
  const AffinePart affine(at.linear, at.omega);
  numbers.condition = affine.condition();
  RealMatrix weighted(at.contributions.rows(), at.contributions.cols());
  Real deviations = 0;
  Real energy = 0;
  Real product = 0;
  Real null = 0;
  for (Index k = 0; k < weighted.cols(); ++k) {
    // The square loss knows the difference of target and offset alone.
    const RealVector target = at.targets.col(k) - at.offset;
    const Real mean = at.omega.dot(target);
    deviations += at.omega.dot((target.array() - mean).square().matrix());
    const RealVector y = affine.without(target);
    const RealVector R = affine.without(at.contributions.col(k)) - y;
    weighted.col(k) = at.omega.cwiseProduct(R);
    energy += weighted.col(k).dot(R);
    product -= weighted.col(k).dot(y);
    null += at.omega.dot(y.cwiseAbs2());
  }
  numbers.target_deviation = static_cast<double>(std::sqrt(deviations));
  numbers.energy = static_cast<double>(energy);
  numbers.target_product = static_cast<double>(product);
  numbers.dual_energy = numbers.energy;
  numbers.dual_product = numbers.target_product;
  numbers.loss = static_cast<double>(energy / 2);
  numbers.null_loss = static_cast<double>(null / 2);
  return weighted;
}

template <class Scores>
void take_scores(const Scores& best, const RealMatrix& contributions, VerifiedNumbers& numbers) {
  numbers.condition = best.condition;
  numbers.target_deviation = static_cast<double>(
      (contributions - best.values).norm() / std::sqrt(static_cast<Real>(contributions.rows())));
  numbers.loss = static_cast<double>(best.loss);
  numbers.ridge = static_cast<double>(best.ridge);
}

RealMatrix by_newton(const Family& family, const StandardizedRows& at, VerifiedNumbers& numbers) {
  const RealVector target = at.targets.col(0);
  const RealVector contributions = at.contributions.col(0) + at.offset;
  const BestScores best =
      best_scores(family, at.linear, target, at.omega, at.offset, contributions);
  take_scores(best, contributions, numbers);
  RealVector derivatives(target.size());
  for (Index t = 0; t < target.size(); ++t) {
    derivatives[t] = derivative_of(family, target[t], best.values[t]);
  }
  const RealVector weighted = at.omega.cwiseProduct(derivatives);
  numbers.derivatives = derivatives.cast<double>();
  numbers.offset_product = static_cast<double>(weighted.dot(at.offset));
  numbers.null_loss = static_cast<double>(
      best_scores(family, at.linear, target, at.omega, at.offset, at.offset).loss);
  return weighted;
}

RealMatrix by_newton_of_classes(const Family& family, const StandardizedRows& at,
                                VerifiedNumbers& numbers) {
  const std::vector<Index> classes = classes_of(at.targets);
  const auto best_at = [&](const RealMatrix& contributions) {
    return best_class_scores(family, at.linear, classes, at.omega, contributions);
  };
  const BestClassScores best = best_at(at.contributions);
  take_scores(best, at.contributions, numbers);
  numbers.derivatives = best.derivatives.cast<double>();
  numbers.null_loss = static_cast<double>(
      best_at(RealMatrix::Zero(at.contributions.rows(), at.contributions.cols())).loss);
  return at.omega.asDiagonal() * best.derivatives;
}

// The losses and ω_t ∂ℓ/∂F, n×q.
RealMatrix weighted_derivatives(const Family& family, const StandardizedRows& at,
                                VerifiedNumbers& numbers) {
  if (family.square()) return by_least_squares(at, numbers);
  numbers.family = family;
  numbers.targets = at.targets.col(0).cast<double>();
  numbers.shares = at.omega.cast<double>();
  return family.softmax() ? by_newton_of_classes(family, at, numbers)
                          : by_newton(family, at, numbers);
}

// How much the signs of neurons, of the linear part and of what bounds hold are violated.
Real sign_violation(const Model& model, const Coordinates& coordinates, const Neurons& neurons,
                    const StandardizedRows& at, const RealMatrix& weighted) {
  constexpr Real rounding = 1e-9L;  // of E ∂ℓ/∂F x as a share of E |∂ℓ/∂F| |x|
  const Vector& signs = model.constraints.signs();
  if (signs.size() == 0) return 0;
  Real worst = 0;
  const RealVector slopes =
      coordinates.weight_of(model.affine.beta) / model.standardization.target_scale;
  for (Index j = 0; j < signs.size(); ++j) {
    for (Index i = 0; i < neurons.W.rows(); ++i) {
      worst = std::max<Real>(worst, -signs[j] * neurons.a[i] * neurons.W(i, j));
    }
    worst = std::max<Real>(worst, -signs[j] * slopes[j]);
    if (signs[j] == 0.0 || slopes[j] != 0 || !model.family.has_linear_part()) continue;
    const Real pull = -signs[j] * weighted.col(0).dot(at.X.col(j));
    const Real size = weighted.col(0).cwiseAbs().dot(at.X.col(j).cwiseAbs());
    if (pull > rounding * size) worst = std::max(worst, pull);
  }
  return worst;
}

}  // namespace

VerifiedNumbers verify_model(const Model& model, const Dataset& rows, const Vector& weights,
                             double lambda, const VerifierOptions& options,
                             const std::optional<Teacher>& teacher) {
  VerifiedNumbers numbers = checked_numbers(model, lambda, rows.X.cols());
  check_rows(model, rows, weights);
  const Coordinates coordinates(model);
  const Neurons neurons = standardized_neurons(model, coordinates);
  check(options, neurons.W.cols());
  StandardizedRows at = standardized_rows(model, rows, weights, coordinates, neurons);
  numbers.loss_as_given = static_cast<double>(loss_as_given(model, rows, coordinates, at));
  RealMatrix weighted = weighted_derivatives(model.family, at, numbers);
  numbers.sign_violation =
      static_cast<double>(sign_violation(model, coordinates, neurons, at, weighted));
  search(RowCorrelator(std::move(at.X), std::move(weighted)), {model.constraints.signs()}, neurons,
         options, numbers);
  finish(numbers, neurons);
  if (teacher && model.family.square() && model.outputs.empty()) {
    numbers.recovery = recompute_recovery(*teacher, model);
  }
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
    alpha -= measure.masses[p] / square_root(two_pi);
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
  search(AtomCorrelator(std::move(directions), std::move(weights)), {}, neurons, with_teachers,
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
    // The affine part of classes is solved for by conjugate gradients (docs/math.md, 12.2): the
    // loss is right to rounding, the derivative to the root of the decrement.
    const double share = verified.family.softmax() ? 1e-7 : 1e-9;
    compare("certificate.sup_eta_lower", reported.attained, there, share * there + eta_noise);
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
  compare("signs", 0.0, verified.sign_violation, 0.0);
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
