// Branch and bound on the sphere (docs/math.md, 6.4).

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "certify/ascent.hpp"
#include "certify/cap_bound.hpp"
#include "certify/gap.hpp"
#include "certify/sphere_cells.hpp"
#include "core/parallel.hpp"
#include "lodestone/certify/certificate.hpp"
#include "lodestone/core/error.hpp"
#include "objective/arc_kernel.hpp"

namespace lodestone {
namespace {

// Cells cut at once: work for the threads, the same for any number of them.
constexpr Index batch_size = 256;
constexpr int polish_iterations = 60;

// The part of the tolerance that may be spent on leaving out what is not worth searching.
constexpr double reduction_share = 0.1;

constexpr double epsilon = std::numeric_limits<double>::epsilon();

struct OpenCell {
  SphereCell cell;
  std::shared_ptr<const CellState> state;
  double upper = 0.0;
  Index number = 0;  // in order of creation
};

// Largest bound first; among equals the oldest.
bool comes_later(const OpenCell& left, const OpenCell& right) {
  return left.upper != right.upper ? left.upper < right.upper : left.number > right.number;
}

// A cell that is too small to be halved is bounded as a whole, and is done with.
std::vector<SphereCell> parts_of(const SphereCell& cell) {
  if (!can_be_halved(cell)) return {cell};
  auto [first, second] = halves(cell);
  return {std::move(first), std::move(second)};
}

struct Parts {
  std::vector<SphereCell> cells;
  std::vector<Vector> centres;
  std::vector<CapBound> bounds;
};

class BranchAndBound {
 public:
  BranchAndBound(const Residual& residual, const ReducedCorrelation& g, Supremum incumbent,
                 const RigorousOptions& options)
      : residual_(residual), g_(g), options_(options), best_(std::move(incumbent)) {
    for (SphereCell& cell : sphere_cells(g.dimension(), g.symmetry())) {
      open_.push_back({std::move(cell), nullptr, g.anywhere(), numbered_++});
    }
    std::make_heap(open_.begin(), open_.end(), comes_later);
  }

  SupremumBound run() {
    while (!open_.empty() && !good_enough(open_.front().upper) && may_go_on()) cut_batch();
    if (!open_.empty()) closed_ = std::max(closed_, open_.front().upper);
    SupremumBound result;
    result.lower = best_.value;
    result.upper = std::max(closed_ + g_.error(), best_.value);
    result.direction = best_.direction;
    result.cells = cells_;
    result.effective_dimension = g_.dimension();
    result.reached = result.upper - result.lower <= options_.tolerance * result.upper;
    return result;
  }

 private:
  // Whether a cell's bound settles it: within the tolerance, or so close that the error of the
  // reduction is what is left.
  bool good_enough(double upper) const {
    const double error = g_.error();
    return upper + error - best_.value <= options_.tolerance * (upper + error) ||
           upper - best_.value <= 0.1 * error;
  }

  bool may_go_on() const {
    return cells_ + 2 <= options_.max_cells && !(options_.should_stop && options_.should_stop());
  }

  void cut_batch() {
    std::vector<OpenCell> batch;
    const Index most = std::min(batch_size, (options_.max_cells - cells_) / 2);
    while (static_cast<Index>(batch.size()) < most && !open_.empty() &&
           !good_enough(open_.front().upper)) {
      std::pop_heap(open_.begin(), open_.end(), comes_later);
      batch.push_back(std::move(open_.back()));
      open_.pop_back();
    }
    std::vector<Parts> parts(batch.size());
    for_each_block(static_cast<Index>(batch.size()), [&](Index i) {
      const OpenCell& whole = batch[static_cast<std::size_t>(i)];
      Parts& part = parts[static_cast<std::size_t>(i)];
      part.cells = parts_of(whole.cell);
      for (const SphereCell& cell : part.cells) {
        const Cap cap = cap_around(cell);
        part.centres.push_back(cap.centre);
        part.bounds.push_back(g_.bound(cap, whole.state));
      }
    });
    improve_incumbent(parts);
    for (std::size_t i = 0; i < batch.size(); ++i) {
      for (std::size_t j = 0; j < parts[i].cells.size(); ++j) {
        ++cells_;
        CapBound& bound = parts[i].bounds[j];
        const double upper = std::min(bound.upper, batch[i].upper);
        if (good_enough(upper) || parts[i].cells.size() == 1) {
          closed_ = std::max(closed_, upper);
          continue;
        }
        open_.push_back({std::move(parts[i].cells[j]), std::move(bound.state), upper, numbered_++});
        std::push_heap(open_.begin(), open_.end(), comes_later);
      }
    }
  }

  // Climbs from the best of the new centres when it promises more than the incumbent.
  void improve_incumbent(const std::vector<Parts>& parts) {
    double most = best_.value * (1.0 + 0.05 * options_.tolerance);
    const Vector* centre = nullptr;
    for (const Parts& part : parts) {
      for (std::size_t j = 0; j < part.cells.size(); ++j) {
        if (part.bounds[j].centre_value <= most) continue;
        most = part.bounds[j].centre_value;
        centre = &part.centres[j];
      }
    }
    if (centre == nullptr) return;
    Supremum found = ascend(residual_, g_.lift(*centre).transpose(), polish_iterations);
    if (found.value > best_.value) best_ = std::move(found);
  }

  const Residual& residual_;
  const ReducedCorrelation& g_;
  const RigorousOptions& options_;
  Supremum best_;
  std::vector<OpenCell> open_;  // a heap
  double closed_ = 0.0;         // largest bound of the cells that need no more cutting
  Index cells_ = 0;
  Index numbered_ = 0;
};

void check(const RigorousOptions& options) {
  require_in(RigorousOptions::Limits::tolerance, "tolerance", options.tolerance);
  require_in(RigorousOptions::Limits::max_cells, "max_cells", options.max_cells);
}

// On a population, the network with its neurons projected to the teachers' span; on rows, the
// network (docs/math.md, 6.7).
Network without_outside_parts(const Objective& objective, const Network& network) {
  const Teacher* target = objective.target_network();
  if (target == nullptr) return network;
  const Matrix basis = dominant_span(target->directions, target->amplitudes.cwiseAbs(), 0.0);
  return transformed(network, basis * basis.transpose());
}

// `moments` are those of the residual; null: not known yet, and needed for populations only.
SupremumBound bound_supremum(const Residual& residual, const Supremum& incumbent,
                             const RigorousOptions& options, const MomentBounds* moments) {
  check(options);
  const ResidualMeasure measure = residual.measure();
  const auto* atoms = std::get_if<AtomMeasure>(&measure);
  const auto* rows = std::get_if<RowMeasure>(&measure);
  const Matrix& points = atoms != nullptr ? atoms->directions : rows->rows;
  const Vector& weights = atoms != nullptr ? atoms->weights : rows->weights;
  const Index dimension = points.cols();
  if (incumbent.direction.size() != 0 && incumbent.direction.size() != dimension) {
    throw InvalidArgument("incumbent",
                          "a direction of size " + std::to_string(incumbent.direction.size()),
                          "must have size " + std::to_string(dimension));
  }

  // The incumbent is measured again: a value that is not attained would prove nothing.
  Supremum best;
  best.direction = Vector::Unit(dimension, 0);
  if (incumbent.direction.size() != 0 && incumbent.direction.norm() > 0.0) {
    best.direction = incumbent.direction.normalized();
  }
  best.value = std::abs(residual.correlate(best.direction.transpose()).value[0]);
  if (!points.allFinite() || !weights.allFinite() || !std::isfinite(best.value)) {
    return {0.0, std::numeric_limits<double>::infinity(), best.direction, 0, 0, false};
  }
  const double budget = reduction_share * options.tolerance * best.value;
  std::unique_ptr<ReducedCorrelation> reduced;
  if (rows != nullptr) {
    reduced = reduce(*rows, budget);
  } else {
    const double energy = (moments != nullptr ? *moments : residual.moment_bounds()).dual_energy;
    reduced = reduce(*atoms, energy, budget);
  }
  return BranchAndBound(residual, *reduced, std::move(best), options).run();
}

}  // namespace

SupremumBound bound_supremum(const Residual& residual, const Supremum& incumbent,
                             const RigorousOptions& options) {
  return bound_supremum(residual, incumbent, options, nullptr);
}

Certificate rigorous_certificate(const Objective& objective, const Network& network, double lambda,
                                 const RigorousOptions& options, const AscentOptions& ascent) {
  check_lambda(lambda);
  const auto residual = objective.residual(network);
  // The dual function may come from any network. One without what the neurons have outside the
  // teachers' span has fewer dimensions to search, and changes g by no more than `moved`.
  const Network inside = without_outside_parts(objective, network);
  const auto dual = objective.residual(inside);
  // Lengths of differences: sums of d squares, over m neurons.
  const double rounding = static_cast<double>(network.W.cols() + network.width() + 8) * epsilon;
  const double moved = (1.0 + rounding) * 0.5 * std::sqrt(h_0) *
                       network.a.cwiseAbs().dot((network.W - inside.W).rowwise().stableNorm());
  const Supremum incumbent = estimate_supremum(*dual, inside, ascent);
  const MomentBounds dual_moments = dual->moment_bounds();
  const SupremumBound bound = bound_supremum(*dual, incumbent, options, &dual_moments);
  // On rows the dual function is that of the network itself.
  const MomentBounds own_moments =
      objective.target_network() == nullptr ? dual_moments : residual->moment_bounds();
  const double reported = objective.loss(network) + lambda * masses(network).sum();
  Certificate certificate;
  certificate.kind = Certificate::Kind::rigorous;
  certificate.gap = proven_gap(own_moments, dual_moments, network, lambda, bound.upper, reported);
  // No minimum is below zero, so that the gap is at most all of P_λ; that also where P_λ is not a
  // number.
  certificate.relative_gap =
      reported == 0.0 ? 0.0 : std::min(1.0, certificate.gap / reported * (1.0 + epsilon));
  // Three sums and a quotient, each rounded.
  const double supremum = bound.upper + moved + own_moments.affine_rest + own_moments.distance;
  certificate.sup_eta = supremum / lambda * (1.0 + 4.0 * epsilon);
  certificate.sup_eta_lower =
      std::abs(residual->correlate(bound.direction.transpose()).value[0]) / lambda;
  certificate.direction = bound.direction;
  certificate.distinct_maxima = incumbent.maxima;
  certificate.cells = bound.cells;
  certificate.effective_dimension = bound.effective_dimension;
  return certificate;
}

}  // namespace lodestone
