#include "path/group_set.hpp"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "core/factorizations.hpp"
#include "core/indices.hpp"
#include "core/largest.hpp"
#include "lodestone/model/network.hpp"

namespace lodestone::path {
namespace {

// Groups that enter at once.
constexpr Index most_entering = 64;

// Steps of conjugate gradients for a Newton step, and the share of the first remainder at which
// they end.
constexpr int most_gradients = 60;
constexpr double remainder_share = 1e-3;

// How often a Newton step that raises the value is halved.
constexpr int most_cuts = 20;

// Newton steps and sweeps between two looks at the groups without amplitude.
constexpr int most_steps = 200;

// The amplitudes, and what they make of all features.
class Groups {
 public:
  Groups(const Matrix& K, const Matrix& B, double lambda, const Matrix& start)
      : K_(K), B_(B), lambda_(lambda), A_(start), slope_(B - K * start) {
    for (Index i = 0; i < A_.rows(); ++i) {
      if (!A_.row(i).isZero(0.0)) active_.push_back(i);
    }
  }

  const Matrix& amplitudes() const { return A_; }

  double value() const {
    // ½ tr(AᵀKA) − tr(BᵀA) = −½ tr((B + slope)ᵀ A).
    return -0.5 * (B_ + slope_).cwiseProduct(A_).sum() + lambda_ * A_.rowwise().norm().sum();
  }

  void refresh() { slope_ = B_ - K_ * A_; }

  // The largest violation of the conditions on the active groups, as a share of λ.
  double violation() const {
    double worst = 0.0;
    for (const Index i : active_) {
      worst = std::max(worst, (slope_.row(i) - lambda_ * A_.row(i).normalized()).norm());
    }
    return worst / lambda_;
  }

  // Groups outside that would lower the value enter, the strongest of them; how many.
  Index enter(double tolerance) {
    Vector heights = slope_.rowwise().norm();
    for (const Index i : active_) heights[i] = 0.0;
    std::vector<Index> found;
    for (const Index i : positions_of_largest(heights, most_entering)) {
      if (heights[i] > lambda_ * (1.0 + tolerance)) found.push_back(i);
    }
    active_.insert(active_.end(), found.begin(), found.end());
    return static_cast<Index>(found.size());
  }

  // The exact minimum over each active group in turn. Those that end at zero leave.
  void sweep() {
    std::vector<Index> staying;
    for (const Index i : active_) {
      const double diagonal = K_(i, i);
      const Eigen::RowVectorXd pull = slope_.row(i) + diagonal * A_.row(i);
      const double length = pull.norm();
      const bool zero = !(diagonal > 0.0) || length <= lambda_;
      const Eigen::RowVectorXd next =
          zero ? Eigen::RowVectorXd::Zero(pull.size())
               : Eigen::RowVectorXd((1.0 - lambda_ / length) / diagonal * pull);
      const Eigen::RowVectorXd change = next - A_.row(i);
      if (!change.isZero(0.0)) {
        slope_ -= K_.row(i).transpose() * change;
        A_.row(i) = next;
      }
      if (!zero) staying.push_back(i);
    }
    active_ = std::move(staying);
  }

  // A step of Newton's method on the active groups, halved until the value falls. Returns by how
  // much it fell.
  double newton_step() {
    const auto s = static_cast<Index>(active_.size());
    if (s == 0) return 0.0;
    const Matrix A = A_(active_, indices::all);
    const Matrix K = K_(active_, active_);
    const Vector lengths = A.rowwise().norm();
    const Matrix sides = lengths.cwiseInverse().asDiagonal() * A;
    const Matrix remainder = slope_(active_, indices::all) - lambda_ * sides;
    const Matrix step = solve(K, lengths, sides, remainder);
    const Matrix image = K * step;
    const double pull = slope_(active_, indices::all).cwiseProduct(step).sum();
    const double curvature = step.cwiseProduct(image).sum();
    const double mass = lengths.sum();
    double share = 1.0;
    for (int halving = 0; halving < most_cuts; ++halving, share *= 0.5) {
      const double moved = (A + share * step).rowwise().norm().sum();
      const double fall = share * pull - 0.5 * share * share * curvature - lambda_ * (moved - mass);
      if (!(fall > 0.0)) continue;
      for (Index k = 0; k < s; ++k)
        A_.row(active_[static_cast<std::size_t>(k)]) += share * step.row(k);
      slope_ -= share * (K_(indices::all, active_) * step);
      return fall;
    }
    return 0.0;
  }

 private:
  // (K V)_i + λ (V_i − s_i (s_i·V_i))/‖A_i‖ = remainder_i, by conjugate gradients with K + λ (1 −
  // 1/q)/‖A_i‖ for each output.
  Matrix solve(const Matrix& K, const Vector& lengths, const Matrix& sides,
               const Matrix& remainder) const {
    const double mean_share = 1.0 - 1.0 / static_cast<double>(A_.cols());
    const Vector bend = lambda_ * lengths.cwiseInverse();
    const auto times = [&](const Matrix& V) {
      const Vector along = sides.cwiseProduct(V).rowwise().sum();
      return Matrix(K * V + bend.asDiagonal() * (V - along.asDiagonal() * sides));
    };
    ColMatrix approximate = K;
    approximate.diagonal() *= 1.0 + 1e-12;
    approximate.diagonal() += mean_share * bend;
    const Cholesky factor(approximate);
    if (!factor.positive()) return Matrix::Zero(remainder.rows(), remainder.cols());
    const auto precondition = [&](const Matrix& V) {
      Matrix result(V.rows(), V.cols());
      for (Index k = 0; k < V.cols(); ++k) result.col(k) = factor.solve(V.col(k));
      return result;
    };
    Matrix V = Matrix::Zero(remainder.rows(), remainder.cols());
    Matrix left = remainder;
    Matrix scaled = precondition(left);
    Matrix search = scaled;
    double size = left.cwiseProduct(scaled).sum();
    const double first = size;
    for (int step = 0; step < most_gradients; ++step) {
      if (!(size > remainder_share * remainder_share * first)) break;
      const Matrix image = times(search);
      const double curvature = search.cwiseProduct(image).sum();
      if (!(curvature > 0.0)) break;
      V += size / curvature * search;
      left -= size / curvature * image;
      scaled = precondition(left);
      const double next = left.cwiseProduct(scaled).sum();
      search = scaled + next / size * search;
      size = next;
    }
    return V;
  }

  const Matrix& K_;
  const Matrix& B_;
  double lambda_;
  Matrix A_;
  Matrix slope_;  // B − K A
  std::vector<Index> active_;
};

}  // namespace

double group_value(const Matrix& K, const Matrix& B, double lambda, const Matrix& A) {
  return 0.5 * A.cwiseProduct(K * A).sum() - B.cwiseProduct(A).sum() +
         lambda * A.rowwise().norm().sum();
}

GroupResult solve_groups(const Matrix& K, const Matrix& B, double lambda, const Matrix& start,
                         const GroupOptions& options) {
  Groups groups(K, B, lambda, start);
  GroupResult result;
  const auto stopped = [&] { return options.should_stop && options.should_stop(); };
  // Every entry lowers the value; the bound is for rounding's sake.
  const Index most_entries = 20 + 2 * K.rows();
  for (Index entry = 0; entry < most_entries && !stopped(); ++entry) {
    bool still = false;  // steps that come to nothing are rounding
    for (int step = 0; step < most_steps && !still && !stopped(); ++step) {
      groups.sweep();
      if (groups.violation() <= options.tolerance) break;
      still = !(groups.newton_step() > 1e-15 * std::abs(groups.value()));
    }
    groups.refresh();
    result.settled = groups.violation() <= options.tolerance;
    if (groups.enter(options.violation) == 0) break;
  }
  result.amplitudes = groups.amplitudes();
  result.value = groups.value();
  return result;
}

}  // namespace lodestone::path
