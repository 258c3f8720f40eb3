#pragma once

#include <memory>

#include "certify/sphere_cells.hpp"
#include "lodestone/core/types.hpp"
#include "lodestone/objective/objective.hpp"

namespace lodestone {

/// What a cell's halves may take over from it instead of computing it again.
class CellState {
 public:
  virtual ~CellState() = default;
};

struct CapBound {
  double upper = 0.0;         ///< |g| is at most this on the cell
  double centre_value = 0.0;  ///< |g| at the cap's centre
  std::shared_ptr<const CellState> state;
};

/// The correlation g(u) = E[(f − y) relu(u·x)] of a residual as branch and bound sees it: on the
/// sphere of the few dimensions that matter, and changed by at most `error` in the reduction.
class ReducedCorrelation {
 public:
  virtual ~ReducedCorrelation() = default;

  /// Dimension D of the space whose unit sphere is to be searched.
  virtual Index dimension() const = 0;
  virtual Symmetry symmetry() const = 0;

  /// sup |g| over all unit directions of the whole space is at most this plus sup over D
  /// dimensions of the reduced |g|. Rounding errors of everything that follows are included.
  virtual double error() const = 0;

  /// A bound on the reduced |g| over the whole sphere.
  virtual double anywhere() const = 0;

  /// The unit direction in the residual's coordinates that a unit direction stands for.
  virtual Vector lift(const Vector& direction) const = 0;

  /// Bounds the reduced |g| over a cell inside the cap, given the state of a cell around it (null
  /// for a root).
  virtual CapBound bound(const Cap& cap, const std::shared_ptr<const CellState>& outer) const = 0;
};

/// `budget`: how much error() may grow by leaving out what is not worth searching; some of it is
/// rounding and cannot be avoided. `energy`: E r² is at most this.
std::unique_ptr<ReducedCorrelation> reduce(const AtomMeasure& measure, double energy,
                                           double budget);
std::unique_ptr<ReducedCorrelation> reduce(const RowMeasure& measure, double budget);

/// The fewest columns (d×s), orthonormal up to rounding and chosen greedily from the vectors v_i
/// (rows) that cost most, outside of which Σ_i cost_i ‖v_i − P v_i‖ is within the budget or is
/// rounding. No more than the smaller of d and the number of vectors. Who drops what is outside
/// measures it on the vectors themselves and pays for it.
Matrix dominant_span(const Matrix& vectors, const Vector& costs, double budget);

/// ‖BᵀB − I‖, how far columns are from orthonormal, rounded up: ‖Bᵀu‖ <= (1 + that)‖u‖.
double orthonormality_defect(const Matrix& basis);

/// D − 1 orthonormal rows orthogonal to a unit vector of R^D.
Matrix tangent_basis(const Vector& u);

/// An upper bound, attained up to rounding, on b·x + ½ x·A x over ‖x‖ <= radius
/// (docs/math.md, 6.4). A in its own coordinates: eigenvalues, and the components of b along the
/// eigenvectors. Sums of positive terms: the bound holds but for (n + 4)ε of itself.
double quadratic_maximum(const Vector& eigenvalues, const Vector& b, double radius);

/// The same for a symmetric A in any coordinates. Infinite when its eigenvalues are not found. What
/// eigenvalues and eigenvectors are off by is the caller's to pay for: 16 n ε ‖A‖ ½ radius²
/// dominates it, with ‖A‖ in Frobenius' norm.
double quadratic_maximum_of(const Matrix& A, const Vector& b, double radius);

/// The smaller of a bound and one that holds anyway; that one where arithmetic has broken down.
inline double bounded(double bound, double anywhere) { return bound < anywhere ? bound : anywhere; }

}  // namespace lodestone
