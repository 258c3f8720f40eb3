#include "certify/kink_ascent.hpp"

#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <numeric>
#include <span>
#include <utility>

#include "core/factorizations.hpp"
#include "core/indices.hpp"
#include "core/parallel.hpp"
#include "kernels/columns.hpp"
#include "lodestone/core/random.hpp"
#include "lodestone/model/network.hpp"

namespace lodestone {
namespace {

using Column = Eigen::VectorXd;

// A gradient along the sphere below this share of the whole one is none.
constexpr double stationary_share = 1e-9;

// The part of a row outside the span of others, as a share of the row, below which it depends on
// them.
constexpr double independent_share = 1e-8;

// A kink is left when its multiplier is out of [0, 1] by more than this.
constexpr double multiplier_slack = 1e-7;

// How far an ascent can go before it looks at all rows again, as an angle: at first, and at least;
// and the line searches after which it does so at any rate.
constexpr double first_radius = 0.1;
constexpr double least_radius = 1e-3;
constexpr int searches_per_anchor = 12;

// Line searches in a row that may go nowhere, where many kinks meet.
constexpr int most_idle_steps = 8;

// Ascents that one thread makes one after the other.
constexpr Index ascents_per_block = 8;

// Rows in an order in which equal ones are neighbours.
std::vector<Index> grouped(const Matrix& rows) {
  std::vector<Index> order(static_cast<std::size_t>(rows.rows()));
  std::iota(order.begin(), order.end(), Index{0});
  const auto row = [&](Index t) {
    return std::span<const double>(rows.data() + t * rows.cols(),
                                   static_cast<std::size_t>(rows.cols()));
  };
  std::sort(order.begin(), order.end(), [&](Index s, Index t) {
    return std::lexicographical_compare(row(s).begin(), row(s).end(), row(t).begin(), row(t).end());
  });
  return order;
}

}  // namespace

KinkAscents::KinkAscents(const Matrix& rows, const SignConstraints& constraints)
    : position_(static_cast<std::size_t>(rows.rows())), constraints_(constraints) {
  std::vector<Index> distinct;
  for (const Index t : grouped(rows)) {
    if (distinct.empty() || rows.row(t) != rows.row(distinct.back())) distinct.push_back(t);
    position_[static_cast<std::size_t>(t)] = static_cast<Index>(distinct.size()) - 1;
  }
  rows_ = rows(distinct, indices::all);
  const Vector& signs = constraints.signs();
  first_bound_ = rows_.rows();
  const Index n = first_bound_;
  const Index bounds = (signs.array() != 0.0).count();
  rows_.conservativeResize(n + 2 * bounds, Eigen::NoChange);
  rows_.bottomRows(2 * bounds).setZero();
  for (Index j = 0; j < signs.size(); ++j) {
    if (signs[j] == 0.0) continue;
    const Index first = n + 2 * static_cast<Index>(bounds_.size());
    rows_(first, j) = signs[j];
    rows_(first + 1, j) = -signs[j];
    bounds_.push_back({first, first + 1});
  }
  coordinates_ = rows_.transpose();
  lengths_ = rows_.rowwise().norm();
}

Vector KinkAscents::products(const Eigen::VectorXd& u) const {
  Vector result(rows_.rows());
  kernels::simd::products_of_columns(result.size(), u.size(), coordinates_.data(), result.size(),
                                     u.data(), result.data());
  return result;
}

// One ascent. S = ±C is what rises; a row is on when u·x_t > 0, or counts as on where it is 0.
//
// Rows further from the ascent than it can go are left out: within `radius` of the anchor u_0, only
// rows with |u_0·x_t| <= radius ‖x_t‖ can be crossed. These are the near rows; most searches are
// short and see a few of all.
class KinkAscents::Ascent {
 public:
  Ascent(const KinkAscents& field, const Vector& weights, Column start)
      : Ascent(field, std::move(start), weights, weights, weights) {}

  Ascent(const KinkAscents& field, const Weights& weights, Column start)
      : Ascent(field, std::move(start), weights.data, weights.rising, weights.falling) {}

  Column climb(int steps) {
    // A start on bounds needs a search for each of them to hold it.
    const int bounds = static_cast<int>(field_.bounds_.size());
    int idle = 0;
    for (int step = 1; step <= steps + bounds && idle < most_idle_steps + bounds; ++step) {
      Column along = ahead();
      if (along.norm() <= stationary_share * gradient_.norm()) {
        if (!leave_a_kink()) break;
        along = ahead();
        if (along.norm() <= stationary_share * gradient_.norm()) break;
      }
      idle = search(along.normalized()) > 0.0 ? 0 : idle + 1;
    }
    return u_;
  }

  /// Of the amplitude that would answer: S = −C where that is positive.
  double amplitude_sign() const { return -sign_; }

 private:
  Ascent(const KinkAscents& field, Column start, const Vector& data, const Vector& rising,
         const Vector& falling)
      : field_(field), u_(std::move(start)) {
    const Vector heights = field_.products(u_);
    on_.resize(static_cast<std::size_t>(heights.size()));
    double value = 0.0;
    for (Index t = 0; t < heights.size(); ++t) {
      on_[static_cast<std::size_t>(t)] = heights[t] > 0.0;
      if (heights[t] > 0.0) value += data[t] * heights[t];
    }
    sign_ = value < 0.0 ? -1.0 : 1.0;
    weights_ = value < 0.0 ? &falling : &rising;
    gradient_ = Column::Zero(u_.size());
    for (Index t = 0; t < heights.size(); ++t) {
      if (heights[t] > 0.0) gradient_ += weight(t) * row(t);
    }
    basis_ = Eigen::MatrixXd(u_.size(), u_.size());
    triangle_ = Eigen::MatrixXd(u_.size(), u_.size());
    drop_anchor(heights);
  }

  struct Crossing {
    double tangent;
    Index near;
  };

  double weight(Index t) const { return sign_ * (*weights_)[t]; }
  Eigen::Map<const Column> row(Index t) const {
    return {field_.rows_.data() + t * field_.rows_.cols(), field_.rows_.cols()};
  }
  Eigen::MatrixXd::ConstColsBlockXpr kinks() const {
    return basis_.leftCols(static_cast<Index>(kinks_.size()));
  }

  // Finds the near rows of u, given u·x_t for all rows.
  void drop_anchor(const Vector& heights) {
    // Few rows are near and which ones is hard to foretell: no branch.
    near_.resize(static_cast<std::size_t>(heights.size()) + 1);
    std::size_t found = 0;
    for (Index t = 0; t < heights.size(); ++t) {
      near_[found] = t;
      found += static_cast<std::size_t>(std::abs(heights[t]) <= radius_ * field_.lengths_[t]);
    }
    near_.resize(found);
    // A kink has height 0, but for rounding.
    for (const Index t : kinks_) {
      if (std::abs(heights[t]) > radius_ * field_.lengths_[t]) near_.push_back(t);
    }
    near_rows_ = field_.rows_(near_, indices::all);
    heights_ = heights(near_);
    side_.resize(heights_.size());
    free_ = Vector::Ones(heights_.size());
    for (Index k = 0; k < side_.size(); ++k) {
      side_[k] = on_[static_cast<std::size_t>(near_[static_cast<std::size_t>(k)])] ? 1.0 : -1.0;
    }
    for (const Index t : kinks_) hold(position(t));
    travelled_ = 0.0;
    searches_ = 0;
  }

  Index position(Index t) const { return std::find(near_.begin(), near_.end(), t) - near_.begin(); }

  // The near row stays at height 0.
  void hold(Index near) {
    free_[near] = 0.0;
    heights_[near] = 0.0;
    side_[near] = -1.0;
  }

  // v without its part in the span of the kinks' rows, which are orthonormal in the basis. Twice,
  // for rounding.
  Column off_kinks(Column v) const {
    if (kinks_.empty()) return v;
    v -= kinks() * (kinks().transpose() * v);
    v -= kinks() * (kinks().transpose() * v);
    return v;
  }

  // The gradient of S along the sphere and all kinks.
  Column ahead() const {
    Column along = off_kinks(gradient_);
    along -= along.dot(u_) * u_;
    return along - along.dot(u_) * u_;
  }

  // Adds row t to the basis; false where it depends on the kinks there are.
  bool add_to_basis(Index t) {
    const auto count = static_cast<Index>(kinks_.size());
    if (count + 1 >= u_.size()) return false;
    Column beyond = row(t);
    Column within = kinks().transpose() * beyond;
    beyond -= kinks() * within;
    const Column again = kinks().transpose() * beyond;
    beyond -= kinks() * again;
    const double length = beyond.norm();
    if (!(length > independent_share * field_.lengths_[t])) return false;
    basis_.col(count) = beyond / length;
    triangle_.col(count).head(count) = within + again;
    triangle_(count, count) = length;
    kinks_.push_back(t);
    return true;
  }

  void stay_on(Index near) {
    const Index t = near_[static_cast<std::size_t>(near)];
    if (!add_to_basis(t)) return;
    if (side_[near] > 0.0) gradient_ -= weight(t) * row(t);
    on_[static_cast<std::size_t>(t)] = false;
    hold(near);
  }

  // At a maximum along the kinks: gradient_ + Σ θ_t weight_t x_t is normal to the sphere for some
  // θ. Where every θ lies in [0, 1] it is a maximum of S; else the kink furthest out is left, to
  // the side that its θ tells. False at a maximum.
  bool leave_a_kink() {
    const auto count = static_cast<Index>(kinks_.size());
    if (count == 0) return false;
    // u is orthogonal to the kinks' rows: what is normal to the sphere has no part in them.
    const Column multipliers = triangle_.topLeftCorner(count, count)
                                   .triangularView<Eigen::Upper>()
                                   .solve(-(kinks().transpose() * gradient_));
    double worst = 0.0;
    Index leaving = -1;
    bool on = false;
    for (Index k = 0; k < count; ++k) {
      const Index t = kinks_[static_cast<std::size_t>(k)];
      const double theta = multipliers[k] / weight(t);
      const double outside = std::max(-theta, theta - 1.0);
      // The weight of a bound is large beside the forces on it, of which its multiplier tells the
      // share.
      const double slack = field_.is_bound(t)
                               ? multiplier_slack * gradient_.norm() / std::abs(weight(t))
                               : multiplier_slack;
      if (!(outside > slack)) continue;
      const double rise = outside * std::abs(weight(t)) * field_.lengths_[t];
      if (rise <= worst) continue;
      worst = rise;
      leaving = k;
      on = theta > 1.0;
    }
    if (leaving < 0) return false;
    const Index t = kinks_[static_cast<std::size_t>(leaving)];
    const Index near = position(t);
    free_[near] = 1.0;
    side_[near] = on ? 1.0 : -1.0;
    on_[static_cast<std::size_t>(t)] = on;
    if (on) gradient_ += weight(t) * row(t);
    std::vector<Index> staying = std::move(kinks_);
    staying.erase(staying.begin() + leaving);
    kinks_.clear();
    for (const Index s : staying) {
      if (!add_to_basis(s)) free_[position(s)] = 1.0;
    }
    return true;
  }

  // Crossings of kinks with a tangent up to `to`, as a heap with the first one on top.
  void find_crossings(const Vector& speeds, double to) {
    // Few rows are crossed and which ones is hard to foretell: no branch.
    const Index count = speeds.size();
    candidates_.resize(static_cast<std::size_t>(count) + 1);
    std::size_t found = 0;
    for (Index k = 0; k < count; ++k) {
      const double distance = side_[k] * heights_[k];
      const double approach = -side_[k] * speeds[k];
      candidates_[found] = k;
      found += static_cast<std::size_t>(approach > 0.0) &
               static_cast<std::size_t>(distance <= to * approach);
    }
    crossings_.clear();
    for (std::size_t c = 0; c < found; ++c) {
      const Index k = candidates_[c];
      crossings_.push_back({std::max(heights_[k] / -speeds[k], 0.0), k});
    }
    std::make_heap(crossings_.begin(), crossings_.end(), later);
  }

  static bool later(const Crossing& p, const Crossing& q) {
    return p.tangent != q.tangent ? p.tangent > q.tangent : p.near > q.near;
  }

  // Goes along the great circle u cos φ + along sin φ to the first local maximum of S: a smooth
  // one, or a kink from which S falls, which is then stayed on. At most to where the near rows end.
  // Returns tan φ.
  double search(const Column& along) {
    const double farthest = radius_ - travelled_;
    Vector speeds(free_.size());
    kernels::simd::products_of_columns(speeds.size(), along.size(), near_rows_.data(),
                                       near_rows_.rows(), along.data(), speeds.data());
    speeds = speeds.cwiseProduct(free_);
    // S = value cos φ + slope sin φ between kinks: its maximum has the tangent slope / value.
    double value = gradient_.dot(u_);
    double slope = gradient_.dot(along);
    const auto top = [&] { return value > 0.0 ? std::min(slope / value, farthest) : farthest; };
    double reached = 0.0;
    double searched = 0.0;
    Index stopped_by = -1;
    // Crossings are looked for as far as the maximum is now, and on where it has moved away. What
    // was crossed is on its other side, and not found again.
    while (stopped_by < 0) {
      const double end = top();
      if (end <= searched) {
        reached = std::max(reached, end);
        break;
      }
      searched = end;
      find_crossings(speeds, searched);
      while (!crossings_.empty() && stopped_by < 0) {
        const auto [tangent, k] = crossings_.front();
        if (tangent >= top()) {
          searched = top();
          break;
        }
        std::pop_heap(crossings_.begin(), crossings_.end(), later);
        crossings_.pop_back();
        const Index t = near_[static_cast<std::size_t>(k)];
        reached = std::max(reached, tangent);
        const double change = -side_[k] * weight(t);
        const double new_value = value + change * heights_[k];
        const double new_slope = slope + change * speeds[k];
        // A bound stops every search, also one that would rise beyond it for a while.
        if (weight(t) < 0.0 && (field_.is_bound(t) || new_slope <= reached * new_value)) {
          stopped_by = k;
          break;
        }
        value = new_value;
        slope = new_slope;
        side_[k] = -side_[k];
        on_[static_cast<std::size_t>(t)] = side_[k] > 0.0;
        gradient_ += change * row(t);
      }
    }
    const bool short_of_rows = stopped_by < 0 && reached >= farthest;
    go(along, speeds, reached);
    if (stopped_by >= 0) stay_on(stopped_by);
    u_ = off_kinks(u_);
    u_ /= u_.norm();
    travelled_ += reached;
    if (short_of_rows || ++searches_ == searches_per_anchor) {
      radius_ = short_of_rows ? 2.0 * radius_ : std::max(least_radius, 2.0 * travelled_);
      drop_anchor(field_.products(u_));
    }
    return reached;
  }

  void go(const Column& along, const Vector& speeds, double tangent) {
    const double scale = 1.0 / std::sqrt(1.0 + tangent * tangent);
    u_ = scale * (u_ + tangent * along);
    heights_ = scale * (heights_ + tangent * speeds);
  }

  const KinkAscents& field_;
  const Vector* weights_ = nullptr;  // of the distinct rows
  Column u_;
  double sign_ = 1.0;
  std::vector<bool> on_;  // of all rows
  Column gradient_;       // of S, over the rows that are on and not among the kinks
  std::vector<Index> kinks_;
  Eigen::MatrixXd basis_;     // its first columns span the kinks' rows
  Eigen::MatrixXd triangle_;  // upper: the kinks' rows in this basis

  // Near rows, and what is known of them: u·x_t; 1 for on and −1 for off; 0 for kinks, else 1.
  std::vector<Index> near_;
  Eigen::MatrixXd near_rows_;
  Vector heights_;
  Vector side_;
  Vector free_;
  double radius_ = first_radius;
  double travelled_ = 0.0;  // since the anchor
  int searches_ = 0;        // since the anchor

  std::vector<Crossing> crossings_;
  std::vector<Index> candidates_;
};

Matrix KinkAscents::vertices(Index count, std::uint64_t seed, Index first) const {
  constexpr Index largest_dimension = 16;
  const Index d = rows_.cols();
  const Index n = first_bound_;
  if (d < 2 || d > largest_dimension || n < d) return Matrix(0, d);
  const RandomStream random(seed, "corners of cells");
  const RandomStream random_bounds(seed, "bounds at corners");
  Matrix directions(count, d);
  for (Index i = 0; i < count; ++i) {
    Eigen::MatrixXd meeting(d, d - 1);
    // On each bound every other corner lies: what the constraints leave has as many faces as there
    // are sets of bounds, and maxima lie on all of them.
    Index held = 0;
    for (std::size_t b = 0; b < bounds_.size() && held + 1 < d; ++b) {
      const auto position = static_cast<std::uint64_t>(first + i) * bounds_.size() + b;
      if (random_bounds.uniform(position) < 0.5) continue;
      meeting.col(held++) = rows_.row(bounds_[b].increasing).transpose();
    }
    for (Index k = held; k + 1 < d; ++k) {
      const auto position = static_cast<std::uint64_t>((first + i) * (d - 1) + k);
      const Index t =
          std::min(n - 1, static_cast<Index>(random.uniform(position) * static_cast<double>(n)));
      meeting.col(k) = rows_.row(t).transpose();
    }
    // What is orthogonal to all of them; of rows that are drawn twice, or zero, one of many.
    directions.row(i) =
        (random.uniform(~static_cast<std::uint64_t>(first + i)) < 0.5 ? 1.0 : -1.0) *
        last_orthonormal_column(meeting).transpose();
  }
  return directions;
}

Vector KinkAscents::of_distinct(const Vector& weights) const {
  Vector sums = Vector::Zero(rows_.rows());
  for (std::size_t t = 0; t < position_.size(); ++t) {
    sums[position_[t]] += weights[static_cast<Index>(t)];
  }
  return sums;
}

// A bound weighs so much that S falls beyond it whatever the rows say: no slope of theirs exceeds
// Σ |weights_t| ‖x_t‖.
KinkAscents::Weights KinkAscents::bounded(Vector of_distinct) const {
  const double enough = 4.0 * of_distinct.cwiseAbs().dot(lengths_);
  Weights weights{of_distinct, of_distinct, std::move(of_distinct)};
  for (const Bound& bound : bounds_) {
    // C > 0 asks for an amplitude below 0, which s_j u_j <= 0 is the bound for.
    weights.rising[bound.increasing] = -enough;
    weights.falling[bound.decreasing] = enough;
  }
  return weights;
}

Matrix KinkAscents::ends(const Vector& weights, const Matrix& starts, int steps) const {
  const Weights of_distinct = bounded(this->of_distinct(weights));
  Matrix result(starts.rows(), starts.cols());
  for_each_block((starts.rows() + ascents_per_block - 1) / ascents_per_block, [&](Index block) {
    const Index end = std::min(starts.rows(), (block + 1) * ascents_per_block);
    for (Index i = block * ascents_per_block; i < end; ++i) {
      Ascent ascent(*this, of_distinct, starts.row(i).transpose());
      result.row(i) = ascent.climb(steps).transpose();
      // What rounding has left beyond a bound.
      constraints_.project(result.row(i), ascent.amplitude_sign());
    }
  });
  return constraints_.any() ? unit_directions(result) : result;
}

Matrix KinkAscents::ends(const std::function<Vector(Index start)>& weights, const Matrix& starts,
                         int steps) const {
  Matrix result(starts.rows(), starts.cols());
  for_each_block(starts.rows(), [&](Index i) {
    const Vector own = of_distinct(weights(i));
    Ascent ascent(*this, own, starts.row(i).transpose());
    result.row(i) = ascent.climb(steps).transpose();
  });
  return result;
}

Matrix KinkAscents::at_rest(const Matrix& weights, const Matrix& ends) const {
  constexpr double on_kink = 1e-7;      // |u·x_t| as a share of ‖x_t‖
  constexpr double longest_way = 1e-4;  // chord
  Matrix R(rows_.rows(), weights.cols());
  for (Index k = 0; k < R.cols(); ++k) R.col(k) = of_distinct(weights.col(k));
  Matrix result = ends;
  for_each_block(ends.rows(), [&](Index i) {
    const Column u = ends.row(i).transpose();
    const Vector heights = products(u);
    std::vector<Index> held;
    ColMatrix G = ColMatrix::Zero(u.size(), R.cols());  // C on the cell: ‖Gᵀu‖
    for (Index t = 0; t < heights.size(); ++t) {
      if (std::abs(heights[t]) <= on_kink * lengths_[t]) {
        held.push_back(t);
      } else if (heights[t] > 0.0) {
        G += rows_.row(t).transpose() * R.row(t);
      }
    }
    if (!held.empty()) {
      const ColumnSpan span = column_span(rows_(held, indices::all).transpose());
      const auto basis = span.basis.leftCols(span.rank);
      for (int pass = 0; pass < 2; ++pass) G -= basis * (basis.transpose() * G);
    }
    const Eigenpairs pairs = symmetric_eigenpairs(G.transpose() * G);
    if (!pairs.converged) return;
    Column top = G * pairs.vectors.rightCols(1);
    if (!(top.norm() > 0.0)) return;
    top.normalize();
    if (top.dot(u) < 0.0) top = -top;
    if ((top - u).norm() <= longest_way) result.row(i) = top.transpose();
  });
  return result;
}

Matrix kink_ends(const Residual& residual, const KinkAscents& kinks, const Matrix& starts) {
  constexpr int most_rounds = 20;
  constexpr double at_rest = 1e-6;  // chord
  if (starts.rows() == 0) return starts;
  if (residual.outputs() == 1) {
    return kinks.ends(residual.row_weights(starts.row(0).transpose()), starts, enough_kink_steps);
  }
  Matrix ends = starts;
  std::vector<Index> moving(static_cast<std::size_t>(starts.rows()));
  std::iota(moving.begin(), moving.end(), Index{0});
  for (int round = 0; round < most_rounds && !moving.empty(); ++round) {
    const Matrix from = ends(moving, indices::all);
    const Matrix to =
        kinks.ends([&](Index i) { return residual.row_weights(from.row(i).transpose()); }, from,
                   enough_kink_steps);
    std::vector<Index> still;
    for (std::size_t k = 0; k < moving.size(); ++k) {
      const auto row = static_cast<Index>(k);
      ends.row(moving[k]) = to.row(row);
      if ((to.row(row) - from.row(row)).norm() > at_rest) still.push_back(moving[k]);
    }
    moving = std::move(still);
  }
  return kinks.at_rest(residual.row_derivatives(), ends);
}

}  // namespace lodestone
