#include "fit/shapes.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "core/block_sums.hpp"
#include "core/factorizations.hpp"
#include "core/indices.hpp"
#include "core/parallel.hpp"
#include "kernels/product.hpp"

namespace lodestone::fitting {
namespace {

// Knots of a ridge function: enough for three periods of a sine over the rows, since the penalty
// chooses how many of them count.
constexpr Index most_knots = 25;
constexpr double rows_per_knot = 5.0;

// Knots closer than this share of the range are one.
constexpr double closest_knots = 1e-3;

// What is added to the diagonal of normal equations as a share of it: collinear columns share their
// effect instead of failing.
constexpr double jitter = 1e-10;

// Effective degrees of freedom below which a ridge function is none: one bend has about one.
constexpr double least_freedom = 0.5;

// Bounds of a smoothing parameter and its start, as shares of the mean square of the columns.
constexpr double least_smoothing = 1e-8;
constexpr double most_smoothing = 1e6;
constexpr double first_smoothing = 0.1;

// Starts that are refined before the best is taken.
constexpr std::size_t refined_starts = 3;
constexpr double same_start_deg = 10.0;

// Directions that are refined together have at most so many coordinates; beyond, one ridge function
// is refined after the other.
constexpr Index most_coordinates = 400;

struct Knots {
  Vector at;
  Vector width;  // half the distance between the neighbours of each
};

// Values of rows at which the mean of t's weighted distribution and of its place in the range
// passes (j − 1/2)/J. Quantiles alone leave out the ends, where a function of normal rows may still
// bend; a row of weight 2 counts as two.
Knots knots_of(const Vector& t, const Vector& weights) {
  const Index n = t.size();
  std::vector<Index> order(static_cast<std::size_t>(n));
  std::iota(order.begin(), order.end(), Index{0});
  std::sort(order.begin(), order.end(),
            [&](Index a, Index b) { return t[a] < t[b] || (t[a] == t[b] && a < b); });
  const double lowest = t[order.front()];
  const double highest = t[order.back()];
  const double apart = closest_knots * (highest - lowest);
  const double effective = 1.0 / weights.squaredNorm();
  const auto count = static_cast<Index>(
      std::clamp(effective / rows_per_knot, 3.0, static_cast<double>(most_knots)));
  std::vector<double> at;
  double sum = 0.0;
  Index j = 0;
  for (const Index row : order) {
    sum += weights[row];
    bool passed = false;
    const double place = 0.5 * (sum + (t[row] - lowest) / (highest - lowest));
    while (j < count &&
           place >= (static_cast<double>(j) + 0.5) / static_cast<double>(count) - 1e-12) {
      passed = true;
      ++j;
    }
    if (passed && t[row] > (at.empty() ? lowest : at.back()) + apart && t[row] < highest - apart) {
      at.push_back(t[row]);
    }
  }
  Knots knots;
  const auto kept = static_cast<Index>(at.size());
  knots.at = Eigen::Map<const Vector>(at.data(), kept);
  knots.width.resize(kept);
  for (Index i = 0; i < kept; ++i) {
    const double before = i > 0 ? knots.at[i - 1] : lowest;
    const double after = i + 1 < kept ? knots.at[i + 1] : highest;
    knots.width[i] = 0.5 * (after - before);
  }
  return knots;
}

// The columns 1, x, then of each ridge function √h_j relu(t − κ_j), whose coefficients the penalty
// takes alike (docs/math.md, 9.8).
struct Basis {
  Matrix directions;         // K×p
  Matrix t;                  // n×K
  std::vector<Knots> knots;  // K
  std::vector<Index> first;  // K + 1: where the columns of each begin

  Index columns() const { return first.back(); }
  Index ridges() const { return directions.rows(); }
};

Basis basis_of(const SampleData& rows, const Matrix& directions) {
  Basis basis;
  basis.directions = directions;
  basis.t = rows.X * directions.transpose();
  basis.first = {1 + rows.X.cols()};
  for (Index k = 0; k < directions.rows(); ++k) {
    basis.knots.push_back(knots_of(basis.t.col(k), rows.weights));
    basis.first.push_back(basis.first.back() + basis.knots.back().at.size());
  }
  return basis;
}

// Slopes g_k'(t) of each row: the affine part's share along u_k is no part of them.
Matrix slopes_of(const Basis& basis, const Vector& coefficients) {
  Matrix slopes(basis.t.rows(), basis.ridges());
  for (Index k = 0; k < basis.ridges(); ++k) {
    const Knots& knots = basis.knots[static_cast<std::size_t>(k)];
    const Index size = knots.at.size();
    Vector after(size + 1);  // the slope after so many knots
    after[0] = 0.0;
    for (Index j = 0; j < size; ++j) {
      after[j + 1] = after[j] + coefficients[basis.first[static_cast<std::size_t>(k)] + j] *
                                    std::sqrt(knots.width[j]);
    }
    for (Index t = 0; t < slopes.rows(); ++t) {
      const auto passed =
          std::lower_bound(knots.at.begin(), knots.at.end(), basis.t(t, k)) - knots.at.begin();
      slopes(t, k) = after[passed];
    }
  }
  return slopes;
}

// Weighted second moments, upper half, of the basis' columns, of slope·x for the ridge functions
// from `from` on (as many as `slopes` has columns), and of the target, which is the last column.
Matrix moments(const SampleData& rows, const Basis& basis, const Vector& y, const Matrix& slopes) {
  const Index n = rows.X.rows();
  const Index p = rows.X.cols();
  const Index size = basis.columns() + slopes.cols() * p + 1;
  const std::vector<double> sums = sum_over_blocks(
      blocks_of(n), static_cast<std::size_t>(size * size), [&](Index block, double* to) {
        const Index begin = block * rows_per_block;
        const Index count = std::min(rows_per_block, n - begin);
        Matrix columns(count, size);
        for (Index i = 0; i < count; ++i) {
          const Index t = begin + i;
          double* row = columns.data() + i * size;
          *row++ = 1.0;
          for (Index j = 0; j < p; ++j) *row++ = rows.X(t, j);
          for (Index k = 0; k < basis.ridges(); ++k) {
            const Knots& knots = basis.knots[static_cast<std::size_t>(k)];
            for (Index j = 0; j < knots.at.size(); ++j) {
              *row++ = std::sqrt(knots.width[j]) * std::max(0.0, basis.t(t, k) - knots.at[j]);
            }
          }
          for (Index k = 0; k < slopes.cols(); ++k) {
            for (Index j = 0; j < p; ++j) *row++ = slopes(t, k) * rows.X(t, j);
          }
          *row = y[t];
        }
        const kernels::PackedFactor<double> right(
            count, size, kernels::rows_of(columns.data(), size), rows.weights.data() + begin);
        kernels::simd::multiply_add(size, kernels::transpose_of(columns.data(), size), right, to,
                                    size, kernels::Part::upper);
      });
  Matrix result = Eigen::Map<const Matrix>(sums.data(), size, size);
  result.triangularView<Eigen::StrictlyLower>() = result.transpose();
  return result;
}

// Penalized least squares on moments: minimize E (y − Z c)² + Σ_j penalty_j c_j².
struct LeastSquares {
  Vector coefficients;
  Vector inverse;      // diagonal of the normal equations' inverse
  double error = 0.0;  // E (y − Z c)²
  double penalty = 0.0;
  double freedom = 0.0;  // trace of the hat matrix

  double loss() const { return error + penalty; }
  // GCV (docs/math.md, 9.8), for so many rows.
  double validation(double rows) const {
    const double left = 1.0 - freedom / rows;
    return left > 0.0 ? error / (left * left) : HUGE_VAL;
  }
};

Vector penalties(const Basis& basis, const Vector& smoothing) {
  Vector penalty = Vector::Zero(basis.columns());
  for (Index k = 0; k < basis.ridges(); ++k) {
    const Index first = basis.first[static_cast<std::size_t>(k)];
    penalty.segment(first, basis.first[static_cast<std::size_t>(k) + 1] - first)
        .setConstant(smoothing[k]);
  }
  return penalty;
}

LeastSquares solve(const Matrix& moments, const Vector& penalty, bool with_inverse) {
  const Index size = penalty.size();
  const Index last = moments.cols() - 1;
  Eigen::MatrixXd normal = moments.topLeftCorner(size, size);
  const Vector b = moments.col(last).head(size);
  normal.diagonal() += penalty + jitter * normal.diagonal();
  const Cholesky factor(normal);
  LeastSquares result;
  result.coefficients = factor.solve(b);
  const Vector fitted = moments.topLeftCorner(size, size) * result.coefficients;
  const Vector& c = result.coefficients;
  result.error = std::max(0.0, moments(last, last) - 2.0 * c.dot(b) + c.dot(fitted));
  result.penalty = c.cwiseAbs2().dot(penalty);
  if (with_inverse) {
    result.inverse = factor.inverse_diagonal();
    result.freedom = static_cast<double>(size) - result.inverse.dot(penalty);
  }
  return result;
}

// Restricted maximum likelihood by the update of Fellner and Schall (docs/math.md, 9.8), until no
// smoothing parameter moves by more than the tolerance, as a factor.
LeastSquares choose_smoothing(const Basis& basis, const Matrix& moments, double rows,
                              Vector& smoothing, int most_rounds, double tolerance) {
  LeastSquares result;
  for (int round = 0;; ++round) {
    result = solve(moments, penalties(basis, smoothing), true);
    if (round == most_rounds || basis.ridges() == 0) return result;
    // At least a twentieth of the rows are free: what interpolates has no variance to go by.
    const double variance = result.error / std::max(0.05, 1.0 - result.freedom / rows);
    double moved = 0.0;
    for (Index k = 0; k < basis.ridges(); ++k) {
      const Index first = basis.first[static_cast<std::size_t>(k)];
      const Index size = basis.first[static_cast<std::size_t>(k) + 1] - first;
      if (size == 0) continue;
      const double unit = moments.diagonal().segment(first, size).mean();
      const double freedom =
          static_cast<double>(size) - smoothing[k] * result.inverse.segment(first, size).sum();
      const double square = result.coefficients.segment(first, size).squaredNorm();
      const double wanted = variance / rows * std::max(freedom, 1e-8) / std::max(square, 1e-300);
      const double next = std::clamp(wanted, least_smoothing * unit, most_smoothing * unit);
      moved = std::max(moved, std::abs(std::log(next / smoothing[k])));
      smoothing[k] = next;
    }
    if (moved < std::log1p(tolerance)) most_rounds = round + 1;  // once more, with these
  }
}

Matrix no_slopes(const SampleData& rows) { return Matrix(rows.X.rows(), 0); }

double effective_rows(const SampleData& rows) { return 1.0 / rows.weights.squaredNorm(); }

double start_of_smoothing(const Basis& basis, const Matrix& moments, Index k) {
  const Index first = basis.first[static_cast<std::size_t>(k)];
  const Index size = basis.first[static_cast<std::size_t>(k) + 1] - first;
  return size == 0 ? 1.0 : first_smoothing * moments.diagonal().segment(first, size).mean();
}

// A state of the descent in the directions: everything at its best for these directions.
struct State {
  Basis basis;
  Matrix moments;
  LeastSquares fit;
};

State state_of(const SampleData& rows, const Vector& y, const Matrix& directions,
               const Vector& smoothing) {
  State state;
  state.basis = basis_of(rows, directions);
  state.moments = moments(rows, state.basis, y, no_slopes(rows));
  state.fit = solve(state.moments, penalties(state.basis, smoothing), false);
  return state;
}

// The linearized problem in coefficients and some directions: its matrix and right-hand side.
struct Linearized {
  Matrix matrix;
  Vector right;
};

// Columns of the basis and slope·x of the ridge functions in `moved`.
Linearized linearized(const SampleData& rows, const Vector& y, const State& state,
                      const Vector& penalty, const std::vector<Index>& moved) {
  const Index p = rows.X.cols();
  const Matrix all = slopes_of(state.basis, state.fit.coefficients);
  const Matrix slopes = all(indices::all, moved);
  const Matrix gram = moments(rows, state.basis, y, slopes);
  const Index columns = state.basis.columns();
  const Index size = columns + static_cast<Index>(moved.size()) * p;
  Linearized result;
  result.matrix = gram.topLeftCorner(size, size);
  // E z (y − Z c), less the penalty's part.
  result.right =
      gram.col(size).head(size) - gram.topLeftCorner(size, columns) * state.fit.coefficients;
  result.right.head(columns) -= penalty.cwiseProduct(state.fit.coefficients);
  return result;
}

// Gauss–Newton steps in the directions of the ridge functions in `moved`, with Levenberg's damping;
// only steps that lower the penalized loss are taken (docs/math.md, 9.8).
State descend(const SampleData& rows, const Vector& y, State state, const Vector& smoothing,
              const std::vector<Index>& moved, int steps, double tolerance,
              const std::function<bool()>& should_stop) {
  const Index p = rows.X.cols();
  double damping = 1e-3;
  for (int step = 0; step < steps; ++step) {
    if (should_stop && should_stop()) break;
    const Vector penalty = penalties(state.basis, smoothing);
    const Linearized problem = linearized(rows, y, state, penalty, moved);
    const Index columns = state.basis.columns();
    bool lower = false;
    double decrease = 0.0;
    for (int attempt = 0; attempt < 6 && !lower; ++attempt) {
      Eigen::MatrixXd normal = problem.matrix;
      const Vector diagonal = normal.diagonal();
      normal.diagonal().head(columns) += penalty + jitter * diagonal.head(columns);
      const Index rest = normal.rows() - columns;
      normal.diagonal().tail(rest).array() += damping * diagonal.tail(rest).array() +
                                              jitter * (1e-300 + diagonal.tail(rest).maxCoeff());
      const Vector change = Cholesky(normal).solve(problem.right).tail(rest);
      Matrix directions = state.basis.directions;
      for (std::size_t i = 0; i < moved.size(); ++i) {
        directions.row(moved[i]) += change.segment(static_cast<Index>(i) * p, p).transpose();
        directions.row(moved[i]) /= directions.row(moved[i]).norm();
      }
      if (directions.allFinite()) {
        State next = state_of(rows, y, directions, smoothing);
        if (next.fit.loss() < state.fit.loss()) {
          decrease = (state.fit.loss() - next.fit.loss()) / state.fit.loss();
          state = std::move(next);
          lower = true;
        }
      }
      damping = lower ? damping / 5.0 : std::max(10.0 * damping, 1e-3);
    }
    if (!lower || decrease < tolerance) break;
  }
  return state;
}

std::vector<Index> numbers(Index first, Index count) {
  std::vector<Index> result(static_cast<std::size_t>(count));
  std::iota(result.begin(), result.end(), first);
  return result;
}

// A direction with the smoothing and the GCV error of its ridge function alone.
struct Start {
  Vector direction;
  double smoothing = 0.0;
  double validation = HUGE_VAL;
};

Start judged(const SampleData& rows, const Vector& residual, const Vector& direction,
             double smoothing, int rounds) {
  Start start{direction, smoothing, HUGE_VAL};
  const Basis basis = basis_of(rows, direction.transpose());
  if (basis.knots.front().at.size() == 0) return start;
  const Matrix gram = moments(rows, basis, residual, no_slopes(rows));
  Vector chosen(1);
  chosen << (smoothing > 0.0 ? smoothing : start_of_smoothing(basis, gram, 0));
  const LeastSquares fit = choose_smoothing(basis, gram, effective_rows(rows), chosen, rounds, 0.1);
  start.smoothing = chosen[0];
  start.validation = fit.validation(effective_rows(rows));
  return start;
}

void append_row(Matrix& rows, const Vector& row) {
  rows.conservativeResize(rows.rows() + 1, row.size());
  rows.bottomRows(1) = row.transpose();
}

// Directions in which a residual curves: the leading eigenvectors, by absolute value, of E r x xᵀ.
void append_curved(const SampleData& rows, const Vector& residual, Matrix& starts) {
  constexpr Index count = 3;
  const Vector weighted = rows.weights.cwiseProduct(residual);
  const Eigen::MatrixXd curvature = rows.X.transpose() * weighted.asDiagonal() * rows.X;
  const Eigenpairs pairs = symmetric_eigenpairs(curvature);
  std::vector<Index> order = numbers(0, curvature.rows());
  std::stable_sort(order.begin(), order.end(), [&](Index a, Index b) {
    return std::abs(pairs.values[a]) > std::abs(pairs.values[b]);
  });
  for (Index i = 0; i < std::min<Index>(count, curvature.rows()); ++i) {
    append_row(starts, pairs.vectors.col(order[static_cast<std::size_t>(i)]));
  }
}

double angle_deg(const Vector& u, const Vector& v) {
  return std::acos(std::min(1.0, std::abs(u.dot(v)))) * 57.29577951308232;
}

}  // namespace

Network RidgeSum::network() const {
  Index count = 0;
  for (const Ridge& ridge : ridges) count += ridge.knots.size();
  Network network{Vector(count), Matrix(count, inputs + 1)};
  Index i = 0;
  for (const Ridge& ridge : ridges) {
    const Index size = ridge.knots.size();
    for (Index at = 0; at < size; ++at, ++i) {
      const Index j = (at + ridge.mirrored) % size;
      const double side = j < ridge.mirrored ? -1.0 : 1.0;
      network.a[i] = ridge.amplitudes[j];
      network.W.row(i) << side * ridge.direction.transpose(), -side * ridge.knots[j];
    }
  }
  return network;
}

RidgeSum with_smallest_linear_part(const SampleObjective& objective, RidgeSum sum) {
  // One ridge function after the other, until none changes; each change lowers ‖β‖.
  constexpr int most_rounds = 20;
  Vector beta = objective.affine(sum.network()).beta;
  bool changed = true;
  for (int round = 0; round < most_rounds && changed; ++round) {
    changed = false;
    for (RidgeSum::Ridge& ridge : sum.ridges) {
      // β without what this ridge function's mirrored knots have moved into it.
      const double moved = ridge.amplitudes.head(ridge.mirrored).sum();
      const Vector rest = beta - moved * ridge.direction;
      Index best = ridge.mirrored;
      double least = beta.squaredNorm();
      double slope = 0.0;
      for (Index count = 0; count <= ridge.knots.size(); ++count) {
        const double square = (rest + slope * ridge.direction).squaredNorm();
        if (square < least * (1.0 - 1e-12)) {
          least = square;
          best = count;
        }
        if (count < ridge.knots.size()) slope += ridge.amplitudes[count];
      }
      if (best == ridge.mirrored) continue;
      ridge.mirrored = best;
      beta = rest + ridge.amplitudes.head(best).sum() * ridge.direction;
      changed = true;
    }
  }
  return sum;
}

Matrix directions_of(const Network& network, const SampleData& rows) {
  constexpr Index most_neurons = 12;
  constexpr Index most_eigenvectors = 6;
  constexpr Index most_axes = 12;
  constexpr double merge_angle_deg = 15.0;
  const Index p = rows.X.cols();
  Matrix starts(0, p);
  const auto add = [&](const Vector& direction) {
    const double norm = direction.norm();
    if (norm > 0.0) append_row(starts, direction / norm);
  };
  const Network groups = merged(network, merge_angle_deg);
  const Vector mass = masses(groups);
  std::vector<Index> order = numbers(0, groups.width());
  std::stable_sort(order.begin(), order.end(), [&](Index a, Index b) { return mass[a] > mass[b]; });
  for (Index i = 0; i < std::min(most_neurons, groups.width()); ++i) {
    add(groups.W.row(order[static_cast<std::size_t>(i)]).head(p));
  }
  Vector by_axis = Vector::Zero(p);
  if (network.width() > 0) {
    // The gradient of every row is Σ of a_i w_i over the neurons that are on.
    const Matrix W = network.a.asDiagonal() * network.W.leftCols(p);
    Matrix z = rows.X * network.W.leftCols(p).transpose();
    if (network.W.cols() > p) z.rowwise() += network.W.col(p).transpose();
    const Matrix gradients = (z.array() > 0.0).cast<double>().matrix() * W;
    const Vector mean = gradients.transpose() * rows.weights;
    const Matrix centred = gradients.rowwise() - mean.transpose();
    const Eigen::MatrixXd outer = centred.transpose() * rows.weights.asDiagonal() * centred;
    const Eigenpairs pairs = symmetric_eigenpairs(outer);
    for (Index i = 0; i < std::min(most_eigenvectors, p); ++i) {
      add(pairs.vectors.col(p - 1 - i));
    }
    by_axis = outer.diagonal();
  }
  order = numbers(0, p);
  std::stable_sort(order.begin(), order.end(),
                   [&](Index a, Index b) { return by_axis[a] > by_axis[b]; });
  for (Index i = 0; i < std::min(most_axes, p); ++i) {
    add(Vector::Unit(p, order[static_cast<std::size_t>(i)]));
  }
  return starts;
}

RidgePursuit::RidgePursuit(SampleData rows, Matrix starts, std::function<bool()> should_stop)
    : rows_(std::move(rows)),
      starts_(std::move(starts)),
      should_stop_(std::move(should_stop)),
      directions_(0, rows_.X.cols()),
      smoothing_(0) {
  sum_.inputs = rows_.X.cols();
}

bool RidgePursuit::add() {
  const auto stopped = [&] { return should_stop_ && should_stop_(); };
  if (ended_ || stopped()) return false;
  const Index n = rows_.X.rows();
  const Index K = directions_.rows();
  const State now = state_of(rows_, rows_.y, directions_, smoothing_);
  const double left = now.fit.error;
  if (left <= 1e-20 * now.moments(now.moments.rows() - 1, now.moments.cols() - 1) || left == 0.0) {
    return false;
  }
  // The residual of every row.
  Vector residual(n);
  const Vector& c = now.fit.coefficients;
  for (Index t = 0; t < n; ++t) {
    double value = c[0] + rows_.X.row(t).dot(c.segment(1, rows_.X.cols()));
    Index column = now.basis.first.front();
    for (Index k = 0; k < K; ++k) {
      const Knots& knots = now.basis.knots[static_cast<std::size_t>(k)];
      for (Index j = 0; j < knots.at.size(); ++j, ++column) {
        value +=
            c[column] * std::sqrt(knots.width[j]) * std::max(0.0, now.basis.t(t, k) - knots.at[j]);
      }
    }
    residual[t] = rows_.y[t] - value;
  }
  Matrix tried = starts_;
  append_curved(rows_, residual, tried);
  std::vector<Start> starts(static_cast<std::size_t>(tried.rows()));
  for_each_block(tried.rows(), [&](Index i) {
    starts[static_cast<std::size_t>(i)] = judged(rows_, residual, tried.row(i), 0.0, 8);
  });
  if (stopped()) return false;
  std::stable_sort(starts.begin(), starts.end(), [](const Start& one, const Start& other) {
    return one.validation < other.validation;
  });
  std::vector<Start> refined;
  for (const Start& start : starts) {
    if (refined.size() == refined_starts || !std::isfinite(start.validation)) break;
    const bool known = std::any_of(refined.begin(), refined.end(), [&](const Start& other) {
      return angle_deg(start.direction, other.direction) < same_start_deg;
    });
    if (!known) refined.push_back(start);
  }
  if (refined.empty()) return false;
  for_each_block(static_cast<Index>(refined.size()), [&](Index i) {
    Start& start = refined[static_cast<std::size_t>(i)];
    const Vector smoothing = Vector::Constant(1, start.smoothing);
    const State end =
        descend(rows_, residual, state_of(rows_, residual, start.direction.transpose(), smoothing),
                smoothing, {0}, 8, 1e-3, should_stop_);
    start = judged(rows_, residual, end.basis.directions.row(0), start.smoothing, 8);
  });
  const Start& best = *std::min_element(
      refined.begin(), refined.end(),
      [](const Start& one, const Start& other) { return one.validation < other.validation; });
  if (!std::isfinite(best.validation) || stopped()) return false;
  std::vector<Vector> directions;
  for (Index k = 0; k < K; ++k) directions.emplace_back(directions_.row(k));
  directions.push_back(best.direction);
  Vector smoothing(K + 1);
  smoothing << smoothing_, best.smoothing;
  const RidgePursuit before = *this;
  smoothing_ = smoothing;
  refine(directions);
  if (sum_.ridges.back().degrees_of_freedom >= least_freedom) return true;
  // Smoothed away: what is left is noise to it.
  *this = before;
  ended_ = true;
  return false;
}

void RidgePursuit::refine(const std::vector<Vector>& given) {
  constexpr int most_rounds = 4;
  constexpr double least_decrease = 1e-3;
  const auto K = static_cast<Index>(given.size());
  Matrix directions(K, rows_.X.cols());
  for (Index k = 0; k < K; ++k) {
    directions.row(k) = given[static_cast<std::size_t>(k)].transpose().normalized();
  }
  Vector smoothing = smoothing_;
  State state;
  state.basis = basis_of(rows_, directions);
  state.moments = moments(rows_, state.basis, rows_.y, no_slopes(rows_));
  if (smoothing.size() != K) {
    smoothing.resize(K);
    for (Index k = 0; k < K; ++k) {
      smoothing[k] = start_of_smoothing(state.basis, state.moments, k);
    }
  }
  const double rows = effective_rows(rows_);
  double last = HUGE_VAL;
  for (int round = 0;; ++round) {
    // Between steps of the directions near enough will do.
    state.fit = choose_smoothing(state.basis, state.moments, rows, smoothing, 10, 1e-2);
    const double validation = state.fit.validation(rows);
    if (round == most_rounds || !(validation < (1.0 - least_decrease) * last)) break;
    if (should_stop_ && should_stop_()) break;
    last = validation;
    if (K * rows_.X.cols() <= most_coordinates) {
      state = descend(rows_, rows_.y, std::move(state), smoothing, numbers(0, K), 10, 1e-4,
                      should_stop_);
    } else {
      for (Index k = 0; k < K; ++k) {
        state = descend(rows_, rows_.y, std::move(state), smoothing, {k}, 3, 1e-4, should_stop_);
      }
    }
  }
  choose_smoothing(state.basis, state.moments, rows, smoothing, 30, 1e-2);
  describe(state.basis.directions, smoothing);
}

void RidgePursuit::describe(const Matrix& directions, const Vector& smoothing) {
  directions_ = directions;
  smoothing_ = smoothing;
  const Basis basis = basis_of(rows_, directions);
  const Matrix gram = moments(rows_, basis, rows_.y, no_slopes(rows_));
  const Vector penalty = penalties(basis, smoothing);
  const LeastSquares fit = solve(gram, penalty, true);
  sum_.ridges.clear();
  for (Index k = 0; k < basis.ridges(); ++k) {
    const Knots& knots = basis.knots[static_cast<std::size_t>(k)];
    const Index first = basis.first[static_cast<std::size_t>(k)];
    const Index size = knots.at.size();
    RidgeSum::Ridge ridge;
    ridge.direction = directions.row(k);
    ridge.knots = knots.at;
    ridge.amplitudes = fit.coefficients.segment(first, size).cwiseProduct(knots.width.cwiseSqrt());
    ridge.smoothing = smoothing[k];
    ridge.degrees_of_freedom =
        static_cast<double>(size) - smoothing[k] * fit.inverse.segment(first, size).sum();
    // Without the ridge function, the others as smooth as they are.
    std::vector<Index> kept;
    for (Index j = 0; j < gram.cols(); ++j) {
      if (j < first || j >= first + size) kept.push_back(j);
    }
    const Matrix rest = gram(kept, kept);
    const Vector rest_penalty = penalty(std::vector<Index>(kept.begin(), kept.end() - 1));
    ridge.explained = solve(rest, rest_penalty, false).error - fit.error;
    sum_.ridges.push_back(std::move(ridge));
  }
}

RidgePursuit pursuit_from(const SampleObjective& objective, const Network& network,
                          std::function<bool()> should_stop) {
  SampleData rows = objective.counted_rows();
  Matrix starts = directions_of(network, rows);
  return {std::move(rows), std::move(starts), std::move(should_stop)};
}

RidgePursuit::Value RidgePursuit::evaluate(const Matrix& directions,
                                           const Vector& smoothing) const {
  const State state = state_of(rows_, rows_.y, directions, smoothing);
  const Linearized problem = linearized(rows_, rows_.y, state, penalties(state.basis, smoothing),
                                        numbers(0, directions.rows()));
  Value value{state.fit.loss(), Matrix(directions.rows(), directions.cols())};
  for (Index k = 0; k < directions.rows(); ++k) {
    value.gradient.row(k) =
        -2.0 *
        problem.right.segment(state.basis.columns() + k * directions.cols(), directions.cols());
  }
  return value;
}

}  // namespace lodestone::fitting
