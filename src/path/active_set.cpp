#include "path/active_set.hpp"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "core/factorizations.hpp"

namespace lodestone::path {

namespace {

// A pivot below minus this share of its diagonal element is more than rounding.
constexpr double rounding_share = 1e-9;

// The ridge, as a share of the diagonal, with which a matrix is factorized that has no factor as it
// is: the first one tried, and the last.
constexpr double first_ridge = 1e-12;
constexpr double last_ridge = 1e-3;

}  // namespace

void CholeskyFactor::reserve(Index rows) {
  if (rows <= L_.rows()) return;
  const Index capacity = std::max<Index>(rows, 2 * L_.rows());
  L_.conservativeResize(capacity, capacity);
}

bool CholeskyFactor::factorize(const Eigen::MatrixXd& M) {
  const Index n = M.rows();
  size_ = 0;
  exact_ = true;
  if (n == 0) return true;
  reserve(n);
  const Cholesky all(M);
  if (!all.positive()) return false;
  const auto pivots = all.L().diagonal().array().square();
  if (!(pivots > least_pivot_share * M.diagonal().array()).all()) return false;
  L_.topLeftCorner(n, n) = all.L();
  size_ = n;
  return true;
}

bool CholeskyFactor::append(const Vector& column, double diagonal) {
  const Index n = size_;
  reserve(n + 1);
  Vector row = column;
  if (n > 0) L_.topLeftCorner(n, n).triangularView<Eigen::Lower>().solveInPlace(row);
  const double pivot = diagonal - row.squaredNorm();
  L_.row(n).head(n) = row;
  L_(n, n) = std::sqrt(std::max(pivot, least_pivot_share * diagonal));
  if (!(L_(n, n) > 0.0)) L_(n, n) = 1.0;  // a feature that is zero: its row of M is zero
  if (!(pivot > least_pivot_share * diagonal)) exact_ = false;
  size_ = n + 1;
  return pivot >= -rounding_share * diagonal;
}

void CholeskyFactor::remove(Index position) {
  const Index n = size_ - 1;
  // The rows below move up: each then reaches one column beyond the diagonal.
  for (Index j = 0; j <= n; ++j) {
    const Index first = std::max(j, position + 1);
    double* column = &L_(0, j);
    std::copy(column + first, column + n + 1, column + first - 1);
  }
  // Rotations of neighbouring columns take that element away.
  for (Index j = position; j < n; ++j) {
    const double x = L_(j, j);
    const double y = L_(j, j + 1);
    const double length = std::hypot(x, y);
    const double c = x / length;
    const double s = y / length;
    double* left = &L_(0, j);
    double* right = &L_(0, j + 1);
    for (Index i = j; i < n; ++i) {
      const double l = left[i];
      const double r = right[i];
      left[i] = c * l + s * r;
      right[i] = c * r - s * l;
    }
  }
  size_ = n;
}

Vector CholeskyFactor::solve(const Vector& v) const {
  Vector x = v;
  if (size_ == 0) return x;
  const auto L = L_.topLeftCorner(size_, size_).triangularView<Eigen::Lower>();
  L.solveInPlace(x);
  L.transpose().solveInPlace(x);
  return x;
}

namespace {

double sign_of(double x) { return x > 0.0 ? 1.0 : x < 0.0 ? -1.0 : 0.0; }

// The active set A, its signs and its factor, and what the present amplitudes make of all features.
class ActiveSet {
 public:
  ActiveSet(const Matrix& K, const Vector& b, double lambda, const Vector& start,
            const ActiveSetOptions& options)
      : K_(K),
        b_(b),
        lambda_(lambda),
        price_(Vector::Constant(b.size(), lambda)),
        allowed_(options.signs),
        a_(start),
        slope_(b),
        place_(static_cast<std::size_t>(b.size()), -1) {
    price_.tail(options.unpenalized).setZero();
    std::vector<Index> support;
    for (Index i = 0; i < a_.size(); ++i) {
      if (a_[i] != 0.0) support.push_back(i);
    }
    for (const Index i : support) {
      place_[static_cast<std::size_t>(i)] = static_cast<Index>(active_.size());
      active_.push_back(i);
      sign_.push_back(sign_of(a_[i]));
    }
    refresh();
    factorize();
  }

  const Vector& amplitudes() const { return a_; }

  // b − K a anew, for all features.
  void refresh() {
    slope_ = b_;
    for (const Index i : active_) slope_ -= a_[i] * K_.row(i).transpose();
  }

  // b − K a − λ s on the active set: zero where its amplitudes are optimal for their signs.
  Vector remainder() const {
    Vector result(static_cast<Index>(active_.size()));
    for (std::size_t k = 0; k < active_.size(); ++k) {
      result[static_cast<Index>(k)] = slope_[active_[k]] - price_[active_[k]] * sign_[k];
    }
    return result;
  }

  // Features outside that would lower the value, the strongest first.
  std::vector<Index> violators(double tolerance, const std::vector<bool>& banned) const {
    std::vector<Index> found;
    for (Index i = 0; i < slope_.size(); ++i) {
      const auto at = static_cast<std::size_t>(i);
      if (place_[at] >= 0 || banned[at]) continue;
      if (!allows(i, slope_[i])) continue;
      const double share = price_[i] > 0.0 ? 1.0 : 0.0;
      if (std::abs(slope_[i]) > lambda_ * (share + tolerance)) found.push_back(i);
    }
    std::stable_sort(found.begin(), found.end(),
                     [&](Index i, Index j) { return std::abs(slope_[i]) > std::abs(slope_[j]); });
    return found;
  }

  void enter(Index i) {
    Vector column(static_cast<Index>(active_.size()));
    for (std::size_t k = 0; k < active_.size(); ++k) {
      column[static_cast<Index>(k)] = K_(i, active_[k]);
    }
    const bool sound = factor_.append(column, K_(i, i));
    place_[static_cast<std::size_t>(i)] = static_cast<Index>(active_.size());
    active_.push_back(i);
    sign_.push_back(sign_of(slope_[i]));
    if (!sound) factorize();
  }

  void leave(std::size_t k) {
    factor_.remove(static_cast<Index>(k));
    place_[static_cast<std::size_t>(active_[k])] = -1;
    active_.erase(active_.begin() + static_cast<std::ptrdiff_t>(k));
    sign_.erase(sign_.begin() + static_cast<std::ptrdiff_t>(k));
    for (std::size_t j = k; j < active_.size(); ++j) {
      place_[static_cast<std::size_t>(active_[j])] = static_cast<Index>(j);
    }
  }

  // The step to the optimum for the present signs. Features at zero that it would move against
  // their sign leave again: without them the step is downhill.
  Vector step() {
    while (true) {
      Vector d = factor_.solve(remainder());
      if (!d.allFinite()) {
        ridge_ = std::max(first_ridge, 10.0 * ridge_);
        factorize();
        d = factor_.solve(remainder());
        if (!d.allFinite()) return Vector::Zero(d.size());
      }
      bool removed = false;
      for (std::size_t k = active_.size(); k-- > 0;) {
        if (a_[active_[k]] != 0.0 || d[static_cast<Index>(k)] * sign_[k] > 0.0) continue;
        leave(k);
        removed = true;
      }
      if (!removed) return d;
    }
  }

  // Goes along d to the lowest point. Amplitudes that change sign on the way end at zero instead
  // where that is lower still, and leave. Returns by how much the value fell.
  double go(const Vector& d) {
    const auto n = static_cast<Index>(active_.size());
    if (n == 0) return 0.0;
    const Vector image = image_of(d);
    double curvature = 0.0;
    double slope = 0.0;
    std::vector<std::pair<double, Index>> changes;
    for (Index k = 0; k < n; ++k) {
      const Index i = active_[static_cast<std::size_t>(k)];
      curvature += d[k] * image[k];
      slope -= d[k] * (slope_[i] - price_[i] * sign_[static_cast<std::size_t>(k)]);
      if (a_[i] * d[k] < 0.0) changes.emplace_back(-a_[i] / d[k], k);
    }
    if (!(slope < 0.0)) return 0.0;
    std::sort(changes.begin(), changes.end());
    // The value along d is a convex parabola between changes of sign, its slope jumps at them.
    double fall = 0.0;
    double t = 0.0;
    Index zero = -1;
    std::size_t passed = 0;
    while (true) {
      const double end = curvature > 0.0 ? t - slope / curvature : HUGE_VAL;
      const double next = passed < changes.size() ? changes[passed].first : HUGE_VAL;
      const double to = std::min(end, next);
      if (!std::isfinite(to)) return 0.0;  // a direction that rounding has made flat
      fall -= slope * (to - t) + 0.5 * curvature * (to - t) * (to - t);
      slope += curvature * (to - t);
      t = to;
      if (end <= next) break;
      const Index k = changes[passed].second;
      const Index crossing = active_[static_cast<std::size_t>(k)];
      slope += 2.0 * price_[crossing] * std::abs(d[k]);
      if (slope >= 0.0 || !allows(crossing, d[k])) {
        zero = k;
        break;
      }
      ++passed;
    }
    if (changes.size() > 1 && changes[1].first < 1.0) {
      if (const double bent_fall = try_bent(d, image, fall); bent_fall > 0.0) return bent_fall;
    }
    for (Index k = 0; k < n; ++k) {
      const Index i = active_[static_cast<std::size_t>(k)];
      a_[i] += t * d[k];
      slope_[i] -= t * image[k];
    }
    for (std::size_t c = 0; c < passed; ++c) {
      sign_[static_cast<std::size_t>(changes[c].second)] *= -1.0;
    }
    if (zero >= 0) {
      a_[active_[static_cast<std::size_t>(zero)]] = 0.0;
      leave(static_cast<std::size_t>(zero));
    }
    return fall;
  }

 private:
  // The factor anew, with a ridge where the features depend on each other: the steps are a little
  // short then, and more of them are taken.
  void factorize() {
    Eigen::MatrixXd M = K_(active_, active_);
    const Vector diagonal = M.diagonal();
    for (; ridge_ <= last_ridge; ridge_ = std::max(first_ridge, 10.0 * ridge_)) {
      M.diagonal() = (1.0 + ridge_) * diagonal;
      // A feature that is zero on all rows has no diagonal element to raise.
      M.diagonal() = (diagonal.array() > 0.0).select(M.diagonal(), 1.0);
      if (factor_.factorize(M)) return;
    }
  }

  // Whether amplitude i may have the sign of x.
  bool allows(Index i, double x) const { return allowed_.size() == 0 || allowed_[i] * x >= 0.0; }

  // K d on the active set. A step solves K d = remainder there, unless features depend on others.
  Vector image_of(const Vector& d) const {
    if (factor_.exact() && ridge_ == 0.0) return remainder();
    Vector image(d.size());
    for (Index k = 0; k < d.size(); ++k) image[k] = row_of_active(k).dot(d);
    return image;
  }

  // Row k of K on the active set.
  Vector row_of_active(Index k) const {
    return K_.row(active_[static_cast<std::size_t>(k)])(active_).transpose();
  }

  // The whole step with every amplitude that changes sign on the way left at zero: taken, and the
  // fall returned, where that is lower than `fall`; else 0.
  double try_bent(const Vector& d, const Vector& image, double fall) {
    const auto n = static_cast<Index>(active_.size());
    Vector bent = d;
    Vector change = image;
    std::vector<std::size_t> zeros;
    double bent_fall = 0.0;
    for (Index k = 0; k < n; ++k) {
      const Index i = active_[static_cast<std::size_t>(k)];
      if (a_[i] == 0.0 || (a_[i] + d[k]) * a_[i] > 0.0) continue;
      bent[k] = -a_[i];
      change += (bent[k] - d[k]) * row_of_active(k);
      zeros.push_back(static_cast<std::size_t>(k));
    }
    for (Index k = 0; k < n; ++k) {
      const Index i = active_[static_cast<std::size_t>(k)];
      const double drop =
          slope_[i] - 0.5 * change[k] - price_[i] * sign_[static_cast<std::size_t>(k)];
      bent_fall += bent[k] * drop;
    }
    if (!(bent_fall > fall)) return 0.0;
    for (Index k = 0; k < n; ++k) {
      const Index i = active_[static_cast<std::size_t>(k)];
      a_[i] += bent[k];
      slope_[i] -= change[k];
    }
    for (auto k = zeros.rbegin(); k != zeros.rend(); ++k) {
      a_[active_[*k]] = 0.0;
      leave(*k);
    }
    return bent_fall;
  }

  const Matrix& K_;
  const Vector& b_;
  double lambda_;
  Vector price_;    // of each |a_i|: λ or 0
  Vector allowed_;  // signs to keep, or empty
  Vector a_;
  Vector slope_;               // b − K a; steps keep it up to date on the active set alone
  std::vector<Index> place_;   // of each feature in the active set, or −1
  std::vector<Index> active_;  // in the factor's order
  std::vector<double> sign_;
  CholeskyFactor factor_;
  double ridge_ = 0.0;
};

}  // namespace

ActiveSetResult solve_active_set(const Matrix& K, const Vector& b, double lambda,
                                 const Vector& start, const ActiveSetOptions& options) {
  const Index p = b.size();
  ActiveSet set(K, b, lambda, start, options);
  ActiveSetResult result;
  std::vector<bool> banned(static_cast<std::size_t>(p), false);
  Index together = options.entering;
  Index alone = -1;               // the feature that entered last, where it entered alone
  double since_entry = HUGE_VAL;  // fall of the value since then
  const double scale = b.squaredNorm() / std::max(1e-300, K.diagonal().sum());
  // Every step lowers the value; the bound is for rounding's sake.
  const long most_steps = 1000 + 50 * p;
  int stalled = 0;
  constexpr int most_refreshed = 3;  // between two entries
  int refreshed = 0;
  bool fresh = true;  // no step since b − K a was computed anew
  while (result.steps < most_steps) {
    if (options.should_stop && options.should_stop()) break;
    const double worst = set.remainder().lpNorm<Eigen::Infinity>();
    if (worst <= options.tolerance * lambda || stalled > 3) {
      stalled = 0;
      if (!fresh) {
        // Once more on what the amplitudes make of all features, without the steps' rounding.
        set.refresh();
        fresh = true;
        if (++refreshed <= most_refreshed) continue;
      }
      refreshed = 0;
      // An entry that came to nothing was rounding: it is not tried again.
      if (since_entry <= 1e-16 * scale) {
        if (alone >= 0) banned[static_cast<std::size_t>(alone)] = true;
        together = std::max<Index>(1, together / 4);
      }
      std::vector<Index> entering = set.violators(options.violation, banned);
      if (entering.empty()) {
        result.settled = set.remainder().lpNorm<Eigen::Infinity>() <= options.tolerance * lambda;
        break;
      }
      if (static_cast<Index>(entering.size()) > together) {
        entering.resize(static_cast<std::size_t>(together));
      }
      alone = entering.size() == 1 ? entering.front() : -1;
      since_entry = 0.0;
      for (const Index i : entering) set.enter(i);
    }
    fresh = false;
    const double fall = set.go(set.step());
    since_entry += fall;
    stalled = fall <= 1e-16 * scale ? stalled + 1 : 0;
    ++result.steps;
  }
  result.amplitudes = set.amplitudes();
  return result;
}

}  // namespace lodestone::path
