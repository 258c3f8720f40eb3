#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "lodestone/model/network.hpp"
#include "lodestone/objective/objective.hpp"

namespace lodestone::path {

/// The features of a path on rows: fixed unit directions, and amplitudes that are settled at each λ
/// to the minimum of P_λ over them (docs/math.md, 9.7; of several outputs 12.3).
class RowFeatures {
 public:
  virtual ~RowFeatures() = default;

  const RowObjective& objective() const { return objective_; }

  /// p×d, unit rows.
  const Matrix& directions() const { return U_; }

  /// The features with their amplitudes, balanced.
  virtual Network network() const = 0;

  /// The objective's residual of a network near this one.
  virtual std::unique_ptr<Residual> residual(const Network& network) const {
    return objective_.residual(network);
  }

  /// Goes on from the neurons of this network that have mass.
  void start_from(const Network& network);

  /// New directions (unit rows) with amplitude 0.
  void append(const Matrix& born, const std::function<bool()>& should_stop);

  /// Amplitudes at their optimum to this share of λ, features without amplitude removed, and those
  /// of one cell made into one where P_λ does not mind.
  virtual void settle(double lambda, double tolerance,
                      const std::function<bool()>& should_stop) = 0;

 protected:
  /// `objective` must stay.
  explicit RowFeatures(const RowObjective& objective);

  /// Gives the last features these amplitudes: a network's neurons, in their order.
  virtual void set_amplitudes(const Network& network) = 0;

  /// Drops all amplitudes, and what stands beside the Gram matrix.
  virtual void clear_amplitudes() = 0;

  /// Computes what the square loss keeps of the new directions, the last `part.rows()` of U_.
  virtual void extend(const Matrix& part) = 0;

  /// Keeps the amplitudes of these features, and what stands beside the Gram matrix.
  virtual void keep_amplitudes(const std::vector<Index>& features) = 0;

  /// Adds rows and columns of the Gram matrix: `rows` has the products of the new features with
  /// themselves and then with the old ones.
  void extend_gram(const Matrix& rows);

  void keep(const std::vector<Index>& features);

  /// Features that are on at the same rows, more than one each. `kind` tells apart what must not
  /// come together.
  struct Cell {
    std::vector<Index> members;
    std::vector<double> sides;  ///< −1 where a member counts by its mirror image
  };
  std::vector<Cell> cells(const std::function<int(Index)>& kind) const;

  /// Makes feature members[0] the combination Σ shares_k · members_k of features of one cell, whose
  /// direction is known: the Gram matrix follows without a look at the rows.
  void combine(const std::vector<Index>& members, const std::vector<double>& shares,
               const Eigen::RowVectorXd& direction);

  const RowObjective& objective_;
  Matrix U_;  // p×d
  Matrix K_;  // p×p, of the square loss; other families: during a step
};

/// The features of an objective on rows, with one output or several.
std::unique_ptr<RowFeatures> row_features(const Objective& objective);

/// Steps of Newton's method between two searches, for other families than the square loss; the
/// share of the tolerance by which P_λ must fall for another one; halvings of a step that raises
/// P_λ.
inline constexpr int most_newton_steps = 10;
inline constexpr double newton_share = 0.1;
inline constexpr int most_halvings = 30;

}  // namespace lodestone::path
