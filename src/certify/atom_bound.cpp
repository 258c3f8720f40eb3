// Cell bounds for a population's residual (docs/math.md, 6.5).

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <numeric>
#include <utility>
#include <vector>

#include "certify/arc_derivatives.hpp"
#include "certify/cap_bound.hpp"
#include "core/factorizations.hpp"
#include "core/indices.hpp"
#include "lodestone/model/network.hpp"
#include "objective/arc_kernel.hpp"

namespace lodestone {
namespace {

constexpr double two_pi = 2.0 * std::numbers::pi;

double angle_between(const Vector& u, const Vector& v) {
  return 2.0 * std::asin(std::min(1.0, 0.5 * (u - v).norm()));
}

struct Atoms {
  Matrix directions;  // Q×d, unit
  Vector weights;     // Q
};

std::vector<Index> by_decreasing_size(const Vector& weights) {
  std::vector<Index> order(static_cast<std::size_t>(weights.size()));
  std::iota(order.begin(), order.end(), Index{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](Index i, Index j) { return std::abs(weights[i]) > std::abs(weights[j]); });
  return order;
}

// Atoms taken from the heaviest down: each joins the first group whose first member is within
// `angle` of it, up to sign, and that `may_join` allows, or starts a group.
template <class MayJoin>
std::vector<std::vector<Index>> grouped(const Atoms& atoms, double angle, const MayJoin& may_join) {
  const double chord = 2.0 * std::sin(0.5 * std::min(angle, std::numbers::pi / 2.0));
  std::vector<std::vector<Index>> groups;
  for (const Index q : by_decreasing_size(atoms.weights)) {
    const auto place = std::find_if(groups.begin(), groups.end(), [&](const auto& group) {
      const auto first = atoms.directions.row(group.front());
      const double distance = std::min((atoms.directions.row(q) - first).norm(),
                                       (atoms.directions.row(q) + first).norm());
      return distance <= chord && may_join(group.front(), q);
    });
    if (place == groups.end()) {
      groups.push_back({q});
    } else {
      place->push_back(q);
    }
  }
  return groups;
}

// v_q on the side of `reference`: h is the same for v and −v.
Vector mirrored(const Atoms& atoms, Index q, const Vector& reference) {
  const Vector v = atoms.directions.row(q);
  return v.dot(reference) < 0.0 ? Vector(-v) : v;
}

// Leaves out the lightest atoms while their |g| in all is at most the budget; adds it to `error`.
Atoms without_lightest(const AtomMeasure& measure, double budget, double& error) {
  std::vector<Index> order = by_decreasing_size(measure.weights);
  double left_out = 0.0;
  while (!order.empty()) {
    const double more = std::abs(measure.weights[order.back()]) * h_0;
    if (left_out + more > budget) break;
    left_out += more;
    order.pop_back();
  }
  error += left_out;
  std::sort(order.begin(), order.end());
  return {measure.directions(order, indices::all), measure.weights(order)};
}

// Atoms of one sign that are close together become one at their mean; adds what g changes by at
// most to `error`.
Atoms with_close_ones_merged(const Atoms& atoms, double budget, double& error) {
  const double mass = atoms.weights.cwiseAbs().sum();
  if (!(mass > 0.0)) return atoms;
  const auto groups = grouped(atoms, std::sqrt(2.0 * budget / mass), [&](Index i, Index j) {
    return (atoms.weights[i] > 0.0) == (atoms.weights[j] > 0.0);
  });
  Atoms merged{Matrix(static_cast<Index>(groups.size()), atoms.directions.cols()),
               Vector(static_cast<Index>(groups.size()))};
  for (Index g = 0; g < merged.weights.size(); ++g) {
    const auto& group = groups[static_cast<std::size_t>(g)];
    const Vector first = atoms.directions.row(group.front());
    Vector mean = Vector::Zero(first.size());
    double weight = 0.0;
    for (const Index q : group) {
      mean += atoms.weights[q] * mirrored(atoms, q, first);
      weight += atoms.weights[q];
    }
    mean /= weight;
    mean.normalize();
    merged.directions.row(g) = group.size() == 1 ? first : mean;
    merged.weights[g] = weight;
    if (group.size() == 1) continue;
    for (const Index q : group) {
      const double angle = angle_between(mirrored(atoms, q, first), mean);
      error += std::abs(atoms.weights[q]) * angle * angle *
               (1.0 / 8.0 + arc_slope_bound / two_pi * angle / 6.0);
    }
  }
  return merged;
}

// Atoms that are close together for cells of one size, of any sign: what they have in common
// cancels, and the rest is of the order of their distances.
struct Group {
  std::vector<Index> members;  // the heaviest first; the others are compared to it
  double net = 0.0;            // |Σ c_q|
  double mass = 0.0;           // Σ |c_q|
  double spread = 0.0;         // Σ |c_q| δ_q, δ_q the angle to the first
  double width = 0.0;          // max δ_q
};

std::vector<Group> groups_within(const Atoms& atoms, double angle) {
  std::vector<Group> result;
  for (auto& members : grouped(atoms, angle, [](Index, Index) { return true; })) {
    Group group;
    const Vector first = atoms.directions.row(members.front());
    double net = 0.0;
    for (const Index q : members) {
      const double delta = angle_between(mirrored(atoms, q, first), first);
      net += atoms.weights[q];
      group.mass += std::abs(atoms.weights[q]);
      group.spread += std::abs(atoms.weights[q]) * delta;
      group.width = std::max(group.width, delta);
    }
    group.net = std::abs(net);
    group.members = std::move(members);
    result.push_back(std::move(group));
  }
  return result;
}

class AtomCorrelation final : public ReducedCorrelation {
 public:
  AtomCorrelation(const AtomMeasure& measure, double energy, double budget) {
    const double mass = measure.weights.cwiseAbs().sum();
    const double share = budget / 3.0;
    Atoms atoms = without_lightest(measure, share, error_);
    atoms = with_close_ones_merged(atoms, share, error_);
    // 2 asin(e/2) <= e π/2: the angle between unit vectors at distance e, and what g changes by.
    const double cost = arc_slope_bound / two_pi * std::numbers::pi / 2.0;
    const Vector costs = cost * atoms.weights.cwiseAbs();
    basis_ = dominant_span(atoms.directions, costs, share);
    const Index s = basis_.cols();
    const Index d = measure.directions.cols();
    atoms_.weights = atoms.weights;
    atoms_.directions = Matrix::Zero(atoms.weights.size(), s < d ? s + 1 : s);
    atoms_.directions.leftCols(s) = unit_directions(atoms.directions * basis_);
    // From the atoms to those that take their place, and from the columns to orthonormal ones.
    const Matrix moves = atoms.directions - atoms_.directions.leftCols(s) * basis_.transpose();
    error_ += costs.dot(moves.rowwise().norm()) + orthonormality_defect(basis_) * costs.sum();
    // An atom with nothing in the span has been paid for in full.
    for (Index q = 0; q < atoms_.weights.size(); ++q) {
      if (atoms_.directions.row(q).isZero(0.0)) atoms_.weights[q] = 0.0;
    }
    outside_ = Vector::Zero(d);
    if (s < d) {
      // The unit vector least inside the span, made orthogonal to it.
      Index least = 0;
      basis_.rowwise().squaredNorm().minCoeff(&least);
      for (int pass = 0; pass < 2; ++pass) {
        if (pass == 0) outside_[least] = 1.0;
        outside_ -= basis_ * (basis_.transpose() * outside_);
        outside_.normalize();
      }
    }
    // One level of groups for each halving of the cell radius, down to where every atom is alone.
    for (double radius = 1.0; levels_.size() < 40; radius *= 0.5) {
      levels_.push_back(groups_within(atoms_, 0.125 * radius));
      if (static_cast<Index>(levels_.back().size()) == atoms_.weights.size()) break;
    }
    // Weights and directions are off by d/2 + 3 roundings each; of the terms of a cell's bound
    // tangents by D² at most, sums over Q atoms by one for each, eigenvalues by 16 D ε of the
    // Hessian, which is below mass/4 (docs/math.md, 6.8, has the count).
    const Index D = atoms_.directions.cols();
    const double rounding = 8.0 * static_cast<double>(D * D + d + measure.weights.size() + 8) *
                            std::numeric_limits<double>::epsilon() * mass;
    error_ += rounding;
    // ‖r‖ ‖σ_{≥2}(u·x)‖, and no atom exceeds h(0).
    anywhere_ = std::min(mass * h_0, std::sqrt(energy * h_0)) + rounding;
  }

  Index dimension() const override { return atoms_.directions.cols(); }
  Symmetry symmetry() const override {
    return basis_.cols() < dimension() ? Symmetry::antipodal_reflection : Symmetry::antipodal;
  }
  double error() const override { return error_; }
  double anywhere() const override { return anywhere_; }

  Vector lift(const Vector& direction) const override {
    const Index s = basis_.cols();
    Vector lifted = basis_ * direction.head(s);
    if (s < dimension()) lifted += direction[s] * outside_;
    return lifted.normalized();
  }

  CapBound bound(const Cap& cap, const std::shared_ptr<const CellState>&) const override {
    const Index D = dimension();
    const Matrix tangents = tangent_basis(cap.centre);
    double value = 0.0;
    double isotropic = 0.0;
    Vector gradient = Vector::Zero(D - 1);
    Matrix hessian = Matrix::Zero(D - 1, D - 1);
    Vector angle(atoms_.weights.size());  // to the atom or its mirror image
    Vector tangent(D - 1);
    for (Index q = 0; q < atoms_.weights.size(); ++q) {
      const auto v = atoms_.directions.row(q).transpose();
      const double weight = atoms_.weights[q] / two_pi;
      const double cosine = cap.centre.dot(v);
      tangent.noalias() = tangents * v;
      const double sine = tangent.norm();
      const double elevation = std::atan2(cosine, sine);  // π/2 − θ, accurate at every angle
      value += weight * (sine + cosine * elevation - 1.0);
      gradient += weight * elevation * tangent;
      isotropic -= weight * elevation * cosine;
      if (sine > 0.0) hessian.noalias() += (weight / sine * tangent) * tangent.transpose();
      angle[q] = std::numbers::pi / 2.0 - std::abs(elevation);
    }
    if (D == 1) return {std::abs(value), std::abs(value), nullptr};
    hessian.diagonal().array() += isotropic;
    const Eigenpairs pairs = symmetric_eigenpairs(hessian);
    if (!pairs.converged) return {anywhere_, std::abs(value), nullptr};
    const Vector b = pairs.vectors.transpose() * gradient;
    const Vector more = Vector::Constant(D - 1, remainder(angle, cap.radius));
    const double above = value + quadratic_maximum(pairs.values + more, b, cap.radius);
    const double below = -value + quadratic_maximum(more - pairs.values, b, cap.radius);
    return {std::max(bounded(above, anywhere_), bounded(below, anywhere_)), std::abs(value),
            nullptr};
  }

 private:
  // κ such that g is within ½ κ t² of its second-order expansion at t <= radius from the centre,
  // along every geodesic.
  double remainder(const Vector& angle, double radius) const {
    const auto level = static_cast<std::size_t>(
        std::clamp(-std::ceil(std::log2(radius)), 0.0, static_cast<double>(levels_.size() - 1)));
    const double third = radius / 3.0;
    double curvature = 0.0;
    for (const Group& group : levels_[level]) {
      const double nearest = angle[group.members.front()] - radius;
      const double alone = group.mass * arc_third_bound_beyond(nearest - group.width) * third;
      const double together =
          group.net * arc_third_bound_beyond(nearest) * third +
          group.spread * std::min(arc_fourth_bound_beyond(nearest - group.width) * third,
                                  2.0 * arc_third_bound);
      curvature += std::min(alone, together);
    }
    return curvature / two_pi;
  }

  Atoms atoms_;
  Matrix basis_;    // d×s
  Vector outside_;  // unit, orthogonal to the basis; zero when there is no such direction
  std::vector<std::vector<Group>> levels_;
  double error_ = 0.0;
  double anywhere_ = 0.0;
};

}  // namespace

std::unique_ptr<ReducedCorrelation> reduce(const AtomMeasure& measure, double energy,
                                           double budget) {
  return std::make_unique<AtomCorrelation>(measure, energy, budget);
}

}  // namespace lodestone
