#include "path/lbfgs.hpp"

#include <algorithm>
#include <cmath>
#include <deque>
#include <limits>
#include <utility>

namespace lodestone::path {
namespace {

constexpr double sufficient_decrease = 1e-4;
constexpr double curvature = 0.9;
constexpr int most_trials = 40;

// Steps and gradient changes of the last iterations.
class History {
 public:
  explicit History(int memory) : memory_(memory) {}

  void add(Vector step, Vector change) {
    const double product = step.dot(change);
    // Without positive curvature the pair would spoil the approximation.
    if (!(product > 1e-14 * step.norm() * change.norm())) return;
    if (static_cast<int>(pairs_.size()) == memory_) pairs_.pop_front();
    pairs_.push_back({std::move(step), std::move(change), 1.0 / product});
  }

  bool empty() const { return pairs_.empty(); }
  void clear() { pairs_.clear(); }

  // −H g, H the approximate inverse Hessian (two-loop recursion).
  Vector direction(const Vector& gradient) const {
    Vector result = -gradient;
    Vector weight(static_cast<Index>(pairs_.size()));
    for (Index i = weight.size() - 1; i >= 0; --i) {
      const Pair& pair = pairs_[static_cast<std::size_t>(i)];
      weight[i] = pair.reciprocal * pair.step.dot(result);
      result -= weight[i] * pair.change;
    }
    if (!pairs_.empty()) {
      const Pair& last = pairs_.back();
      result *= 1.0 / (last.reciprocal * last.change.squaredNorm());
    }
    for (Index i = 0; i < weight.size(); ++i) {
      const Pair& pair = pairs_[static_cast<std::size_t>(i)];
      result += (weight[i] - pair.reciprocal * pair.change.dot(result)) * pair.step;
    }
    return result;
  }

 private:
  struct Pair {
    Vector step;
    Vector change;
    double reciprocal;  // 1 / step·change
  };
  int memory_;
  std::deque<Pair> pairs_;
};

}  // namespace

LbfgsResult minimize_lbfgs(const ValueAndGradient& function, const Vector& start,
                           const LbfgsOptions& options) {
  LbfgsResult now;
  now.point = start;
  now.gradient.resize(start.size());
  now.value = function(now.point, now.gradient);
  now.evaluations = 1;
  History history(options.memory);
  std::deque<double> recent{now.value};

  while (now.iterations < options.max_iterations && now.gradient.norm() > options.gradient_norm) {
    if (options.should_stop && options.should_stop()) break;
    Vector direction = history.direction(now.gradient);
    double slope = direction.dot(now.gradient);
    if (!(slope < 0.0)) {
      history.clear();
      direction = -now.gradient;
      slope = -now.gradient.squaredNorm();
    }
    const double invisible = options.value_rounding * std::abs(now.value);
    if (!history.empty() && -slope <= invisible) break;
    // Without curvature known yet, a first step that lowers the value by about a tenth.
    double step = history.empty() ? std::min(1.0, 0.1 * std::abs(now.value) / -slope) : 1.0;
    if (!(step > 0.0)) step = 1.0;
    double low = 0.0;
    double high = std::numeric_limits<double>::infinity();
    // The best point so far with sufficient decrease: taken when curvature cannot be had.
    bool found = false;
    Vector point;
    Vector gradient(start.size());
    double value = 0.0;
    Vector trial_gradient(start.size());
    for (int trial = 0; trial < most_trials; ++trial) {
      const Vector trial_point = now.point + step * direction;
      const double trial_value = function(trial_point, trial_gradient);
      ++now.evaluations;
      if (!(trial_value <= now.value + sufficient_decrease * step * slope) ||
          !trial_gradient.allFinite()) {
        high = step;
      } else {
        if (!found || trial_value < value) {
          found = true;
          point = trial_point;
          value = trial_value;
          gradient = trial_gradient;
        }
        if (trial_gradient.dot(direction) >= curvature * slope) break;
        low = step;
      }
      step = std::isinf(high) ? 2.0 * step : 0.5 * (low + high);
      if (-step * slope <= invisible) break;
    }
    if (!found) {
      if (history.empty()) break;  // not even along the gradient: rounding or a kink
      history.clear();
      continue;
    }
    history.add(point - now.point, gradient - now.gradient);
    now.point = std::move(point);
    now.gradient = std::move(gradient);
    now.value = value;
    ++now.iterations;
    recent.push_back(now.value);
    if (static_cast<int>(recent.size()) > options.stagnation_window + 1) recent.pop_front();
    if (static_cast<int>(recent.size()) == options.stagnation_window + 1 &&
        recent.front() - recent.back() <= options.least_relative_decrease * recent.front()) {
      break;
    }
  }
  return now;
}

}  // namespace lodestone::path
