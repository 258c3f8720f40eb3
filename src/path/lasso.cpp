#include "path/lasso.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/factorizations.hpp"

namespace lodestone::path {
namespace {

double lasso_objective(const Matrix& K, const Vector& b, double lambda, const Vector& c) {
  return 0.5 * c.dot(K * c) - b.dot(c) + lambda * c.lpNorm<1>();
}

}  // namespace

Vector solve_lasso(const Matrix& K, const Vector& b, double lambda, const Vector& start) {
  const Index p = b.size();
  Vector c = start;
  double value = lasso_objective(K, b, lambda, c);
  Vector sign = c.unaryExpr([](double x) { return x > 0.0 ? 1.0 : x < 0.0 ? -1.0 : 0.0; });
  Index last_joined = -1;
  // Each round either lowers the value or proves optimality; the bound is for rounding's sake.
  for (Index round = 0; round < 20 * (p + 1); ++round) {
    std::vector<Index> active;
    for (Index i = 0; i < p; ++i) {
      if (sign[i] != 0.0) active.push_back(i);
    }
    bool improved = false;
    if (!active.empty()) {
      const auto count = static_cast<Index>(active.size());
      Eigen::MatrixXd system(count, count);
      Vector right(count);
      for (Index i = 0; i < count; ++i) {
        right[i] = b[active[static_cast<std::size_t>(i)]] -
                   lambda * sign[active[static_cast<std::size_t>(i)]];
        for (Index j = 0; j < count; ++j) {
          system(i, j) =
              K(active[static_cast<std::size_t>(i)], active[static_cast<std::size_t>(j)]);
        }
      }
      // Coinciding directions make the system singular; any of its solutions will do.
      system.diagonal().array() *= 1.0 + 1e-12;
      const Vector solution = solve_symmetric(system, right);
      // The value along the segment is a parabola between changes of sign: its minimum over the
      // end and the points where an amplitude passes through zero.
      Vector best = c;
      double best_value = value;
      const auto try_point = [&](double t, Index zero) {
        Vector candidate = c;
        for (Index i = 0; i < count; ++i) {
          const Index at = active[static_cast<std::size_t>(i)];
          candidate[at] = c[at] + t * (solution[i] - c[at]);
        }
        if (zero >= 0) candidate[zero] = 0.0;
        const double candidate_value = lasso_objective(K, b, lambda, candidate);
        if (candidate_value < best_value) {
          best = candidate;
          best_value = candidate_value;
        }
      };
      if (solution.allFinite()) {
        try_point(1.0, -1);
        for (Index i = 0; i < count; ++i) {
          const Index at = active[static_cast<std::size_t>(i)];
          if (c[at] != 0.0 && (c[at] > 0.0) != (solution[i] > 0.0)) {
            try_point(c[at] / (c[at] - solution[i]), at);
          }
        }
      }
      improved = best_value < value - 1e-15 * std::abs(value);
      if (best_value < value) {
        c = best;
        value = best_value;
      }
      for (const Index at : active) sign[at] = c[at] > 0.0 ? 1.0 : c[at] < 0.0 ? -1.0 : 0.0;
    }
    // The strongest violation among the amplitudes at zero joins when the active ones are settled.
    const Vector slope = b - K * c;
    bool settled = true;
    for (Index i = 0; i < p; ++i) {
      if (c[i] != 0.0 && std::abs(slope[i] - std::copysign(lambda, c[i])) > 1e-9 * lambda)
        settled = false;
    }
    if (improved && !settled) continue;
    Index next = -1;
    double strongest = lambda * (1.0 + 1e-9);
    for (Index i = 0; i < p; ++i) {
      if (c[i] == 0.0 && std::abs(slope[i]) > strongest) {
        strongest = std::abs(slope[i]);
        next = i;
      }
    }
    if (next < 0) break;
    if (!improved && next == last_joined) break;  // it was tried, and rounding took it back
    last_joined = next;
    sign[next] = slope[next] > 0.0 ? 1.0 : -1.0;
  }
  return c;
}

}  // namespace lodestone::path
