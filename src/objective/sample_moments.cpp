#include "objective/sample_moments.hpp"

#include <algorithm>
#include <cfloat>
#include <cmath>
#include <vector>

#include "core/block_sums.hpp"
#include "core/parallel.hpp"
#include "objective/affine_basis.hpp"

namespace lodestone {
namespace {

using Real = long double;
constexpr Real epsilon = LDBL_EPSILON;
using Reals = std::vector<Real>;

// Parts of the table that are summed by themselves: work for the threads, the same for any number
// of them.
constexpr Index most_chunks = 64;

// Rows [first, first + count) of chunk `number`.
struct Chunks {
  explicit Chunks(Index n) : rows(n), count(std::clamp<Index>(blocks_of(n), 1, most_chunks)) {}

  Index first(Index number) const { return number * rows / count; }
  Index size(Index number) const { return first(number + 1) - first(number); }

  Index rows;
  Index count;
};

// What one pass adds up over rows.
struct Sums {
  explicit Sums(std::size_t r)
      : gram(r * r), of_values(r), of_targets(r), of_residual(r), residual_error(r) {}

  void add(const Sums& other) {
    const auto add_each = [](Reals& to, const Reals& from) {
      for (std::size_t i = 0; i < to.size(); ++i) to[i] += from[i];
    };
    add_each(gram, other.gram);
    add_each(of_values, other.of_values);
    add_each(of_targets, other.of_targets);
    add_each(of_residual, other.of_residual);
    add_each(residual_error, other.residual_error);
    gram_error += other.gram_error;
  }

  Reals gram;            // Σ ω v vᵀ, the lower half
  Reals of_values;       // Σ ω v (f − y)
  Reals of_targets;      // Σ ω v y
  Reals of_residual;     // Σ w v
  Reals residual_error;  // what each of these is off by at most
  Real gram_error = 0;   // the same of the Gram matrix, in Frobenius' norm
};

struct Squares {
  void add(const Squares& other) {
    energy += other.energy;
    dual_energy += other.dual_energy;
    product += other.product;
    product_error += other.product_error;
    target += other.target;
    distance += other.distance;
    lengths += other.lengths;
  }

  Real energy = 0;         // Σ ω (|r| + its error)²
  Real dual_energy = 0;    // Σ w²/ω
  Real product = 0;        // −Σ w y
  Real product_error = 0;  // what that is off by at most
  Real target = 0;         // Σ ω y²
  Real distance = 0;       // Σ ω (|r − w/ω| + error)²
  Real lengths = 0;        // Σ ω ‖x‖²
};

class Proof {
 public:
  Proof(const TableOfAProof& table, const Network& network)
      : table_(table), network_(network), chunks_(table.rows) {
    for (Index t = 0; t < table.rows; ++t) total_ += table.weights[t];
    // Any S would do, how near to orthonormal its columns are gets measured.
    S_ = table.linear
             ? orthonormal_combinations(table.rows, table.inputs, table.weights, table.centre)
             : Matrix(Matrix::Identity(table.centre.size() + 1, 1));
    rank_ = static_cast<std::size_t>(S_.cols());
  }

  MomentBounds bounds() const {
    const auto n = static_cast<Real>(table_.rows);
    const Sums sums = sum_over_chunks(
        Sums(rank_), [&](Index first, Index count, Sums& to) { add_moments(first, count, to); });
    // p has an affine part of at most ‖Vᵀp‖/√(1 − ‖VᵀV − I‖).
    Real deviation = 0;
    Real affine = 0;
    for (std::size_t i = 0; i < rank_; ++i) {
      for (std::size_t j = 0; j < i; ++j) {
        deviation += 2 * sums.gram[i * rank_ + j] * sums.gram[i * rank_ + j];
      }
      const Real off = sums.gram[i * rank_ + i] - 1;
      deviation += off * off;
      const Real moment = std::abs(sums.of_residual[i]) + sums.residual_error[i];
      affine += moment * moment;
    }
    deviation = std::sqrt(deviation) + sums.gram_error;
    if (!(deviation < 0.5L)) return {};
    affine = std::sqrt(affine / (1 - deviation));

    const Squares squares = sum_over_chunks(Squares{}, [&](Index first, Index count, Squares& to) {
      add_squares(sums, first, count, to);
    });
    // Sums of n positive terms, each a few roundings, and the weights' sum.
    const Real more = 1 + 2 * (n + 16) * epsilon;
    MomentBounds result;
    result.energy = rounded_up(squares.energy * more);
    result.dual_energy = rounded_up(squares.dual_energy * more);
    const Real size = std::abs(squares.product) -
                      (squares.product_error + affine * std::sqrt(squares.target)) * more;
    const double product = size > 0 ? std::nextafter(static_cast<double>(size), 0.0) : 0.0;
    result.dual_product = squares.product < 0 ? -product : product;
    // |E[q relu(u·x)]| <= ‖q‖ (E‖x‖²)^½ at unit u.
    const Real length = std::sqrt(squares.lengths) * more;
    result.affine_rest = rounded_up(affine * length * more);
    result.distance = rounded_up(std::sqrt(squares.distance) * length * more);
    return result;
  }

 private:
  static double rounded_up(Real value) {
    return value == 0 ? 0.0 : std::nextafter(static_cast<double>(value), HUGE_VAL);
  }

  template <class Result, class Add>
  Result sum_over_chunks(const Result& zero, const Add& add) const {
    std::vector<Result> parts(static_cast<std::size_t>(chunks_.count), zero);
    for_each_block(chunks_.count, [&](Index number) {
      add(chunks_.first(number), chunks_.size(number), parts[static_cast<std::size_t>(number)]);
    });
    Result result = zero;
    for (const Result& part : parts) result.add(part);
    return result;
  }

  Index columns() const { return table_.centre.size() + 1; }

  // One row: its weight, v = Sᵀ[1, x − centre], and f − y without an affine part.
  struct Row {
    Real omega = 0;
    Reals v;
    Reals v_error;
    Real value = 0;        // f − y
    Real value_error = 0;  // of that
    Real squared_length = 0;
  };

  void read(const Matrix& X, Index i, Index t, Row& row) const {
    const Index p = X.cols();
    row.omega = static_cast<Real>(table_.weights[t]) / total_;
    row.v.assign(rank_, 0);
    row.v_error.assign(rank_, 0);
    row.squared_length = table_.biases ? 1 : 0;
    for (Index j = 0; j < p; ++j) row.squared_length += static_cast<Real>(X(i, j)) * X(i, j);
    for (Index j = 0; j <= p; ++j) {
      const Real entry =
          j == 0 ? Real(1)
                 : static_cast<Real>(X(i, j - 1)) - static_cast<Real>(table_.centre[j - 1]);
      const double* s = S_.data() + j * S_.cols();
      for (std::size_t c = 0; c < rank_; ++c) {
        const Real term = s[c] * entry;
        row.v[c] += term;
        row.v_error[c] += std::abs(term);
      }
    }
    const Real sum_error = static_cast<Real>(p + 4) * epsilon;
    for (Real& error : row.v_error) error *= sum_error;
    Real size = std::abs(static_cast<Real>(table_.y[t]));
    row.value = -static_cast<Real>(table_.y[t]);
    for (Index h = 0; h < network_.width(); ++h) {
      const double* w = network_.W.data() + h * network_.W.cols();
      Real z = table_.biases ? static_cast<Real>(w[p]) : Real(0);
      Real sizes = std::abs(z);
      for (Index j = 0; j < p; ++j) {
        const Real term = static_cast<Real>(w[j]) * X(i, j);
        z += term;
        sizes += std::abs(term);
      }
      if (z > 0) row.value += network_.a[h] * z;
      size += std::abs(static_cast<Real>(network_.a[h])) * sizes;
    }
    // Products and a sum of d, a product and a sum of m + 1, and what takes off the affine part.
    row.value_error = static_cast<Real>(2 * p + network_.width() + 10) * epsilon * size;
  }

  template <class Visit>
  void visit(Index first, Index count, const Visit& visit) const {
    Row row;
    for (Index start = first; start < first + count; start += rows_per_block) {
      const Index rows = std::min(rows_per_block, first + count - start);
      const Matrix X = table_.inputs(start, rows);
      for (Index i = 0; i < rows; ++i) {
        if (table_.weights[start + i] == 0.0) continue;
        read(X, i, start + i, row);
        visit(start + i, row);
      }
    }
  }

  void add_moments(Index first, Index count, Sums& to) const {
    const Real sum_error = static_cast<Real>(table_.rows + 4) * epsilon;
    visit(first, count, [&](Index t, const Row& row) {
      const Real w = table_.residual[t];
      Real length = 0;  // of v and of its error, for the Gram matrix
      Real error = 0;
      for (std::size_t i = 0; i < rank_; ++i) {
        const Real part = row.omega * row.v[i];
        for (std::size_t j = 0; j <= i; ++j) to.gram[i * rank_ + j] += part * row.v[j];
        to.of_values[i] += part * row.value;
        to.of_targets[i] += part * table_.y[t];
        to.of_residual[i] += w * row.v[i];
        to.residual_error[i] += std::abs(w) * (row.v_error[i] + sum_error * std::abs(row.v[i]));
        length += row.v[i] * row.v[i];
        error += row.v_error[i] * row.v_error[i];
      }
      to.gram_error += row.omega * (2 * std::sqrt(length * error) + error + sum_error * length);
    });
  }

  // Whatever the coefficients are, what is taken off is affine: they need no bound.
  void add_squares(const Sums& sums, Index first, Index count, Squares& to) const {
    const Real sum_error = static_cast<Real>(static_cast<Index>(rank_) + 4) * epsilon;
    visit(first, count, [&](Index t, const Row& row) {
      Real r = row.value;
      Real r_error = row.value_error;
      Real y = table_.y[t];
      Real y_error = sum_error * std::abs(y);
      for (std::size_t i = 0; i < rank_; ++i) {
        const Real each = row.v_error[i] + sum_error * std::abs(row.v[i]);
        r -= sums.of_values[i] * row.v[i];
        r_error += std::abs(sums.of_values[i]) * each;
        y -= sums.of_targets[i] * row.v[i];
        y_error += std::abs(sums.of_targets[i]) * each;
      }
      const Real w = table_.residual[t];
      const Real off = std::abs(r) + r_error;
      const Real apart =
          std::abs(r - w / row.omega) + 2 * epsilon * std::abs(w / row.omega) + r_error;
      to.energy += row.omega * off * off;
      to.dual_energy += w * w / row.omega;
      to.product -= w * y;
      to.product_error +=
          std::abs(w) * (y_error + static_cast<Real>(table_.rows + 4) * epsilon * std::abs(y));
      to.target += row.omega * (std::abs(y) + y_error) * (std::abs(y) + y_error);
      to.distance += row.omega * apart * apart;
      to.lengths += row.omega * row.squared_length;
    });
  }

  const TableOfAProof& table_;
  const Network& network_;
  Chunks chunks_;
  Real total_ = 0;
  std::size_t rank_ = 0;
  Matrix S_;  // k×rank
};

}  // namespace

MomentBounds moment_bounds(const TableOfAProof& table, const Network& network) {
  return Proof(table, network).bounds();
}

}  // namespace lodestone
