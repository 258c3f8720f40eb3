#pragma once

#include <optional>
#include <vector>

#include "lodestone/certify/certificate.hpp"
#include "lodestone/model/dataset.hpp"
#include "lodestone/model/model.hpp"
#include "lodestone/model/teacher.hpp"

namespace lodestone {

struct CertifyOptions {
  /// What the numbers below may be.
  struct Limits {
    static constexpr Range lambda = above(0);
    static constexpr Range tolerance = above_or_infinite(0);
  };

  /// λ of the standardized problem. Absent: the model's own (Provenance::lambda), and for a
  /// model without one the λ at which its relative gap is smallest.
  std::optional<double> lambda;

  /// A neuron violates optimality when |η − sign(a)| exceeds this.
  double tolerance = 0.01;

  bool rigorous = false;  ///< prove sup |η| instead of estimating it
  AscentOptions ascent = default_search();
  RigorousOptions proof;

  /// That of a result: on rows until it may be trusted.
  static AscentOptions default_search();
};

/// How well any model, of this program or not, minimizes P_λ (docs/math.md, 6). Losses, masses and
/// λ are those of the standardized problem: divided by the target's scale, squared for losses.
struct ModelCertificate {
  enum class LambdaSource {
    given,     ///< by the caller
    model,     ///< what the model was trained with
    tightest,  ///< chosen here, for the smallest relative gap
  };
  struct Neuron {
    Index feature = 0;  ///< its number in Model::features
    double mass = 0.0;  ///< |a|‖w‖
    double sign = 0.0;  ///< of a
    double eta = 0.0;   ///< η(ŵ), sign(a) at an optimum
    bool violates = false;
  };
  struct Maximum {
    double eta = 0.0;   ///< with its sign
    Feature direction;  ///< of unit length when standardized, in original units; amplitude 1 there
  };

  double lambda = 0.0;
  double lambda_in_target_units = 0.0;
  LambdaSource lambda_source = LambdaSource::given;

  double loss = 0.0;            ///< L with α and β at their optimum
  double loss_as_given = 0.0;   ///< with the model's own α and β
  double null_loss = 0.0;       ///< L without neurons
  double mass = 0.0;            ///< Σ |a_i|‖w_i‖
  double penalized_loss = 0.0;  ///< P_λ at balance, L + λ · mass

  Certificate certificate;
  Maximum worst;                 ///< where |η| is largest
  std::vector<Maximum> maxima;   ///< distinct local maxima of |η| that were found, largest first
  std::vector<Neuron> neurons;   ///< those with mass, the heaviest first
  Index violations = 0;          ///< of them, how many violate optimality
  double violating_share = 0.0;  ///< of the mass
};

/// "given", "model" or "tightest".
const char* name(ModelCertificate::LambdaSource source);

/// On rows in original units, columns in the model's order, with row weights (empty: equal). Throws
/// InvalidArgument for options out of range and for rows that do not fit the model or lack the
/// offset that it needs.
ModelCertificate certify_model(const Model& model, const Dataset& rows, const Vector& weights,
                               const CertifyOptions& options = {});

/// On the exact population of a teacher. Throws InvalidArgument, also for a model with biases or
/// standardized inputs: a population has neither.
ModelCertificate certify_model(const Model& model, const Teacher& teacher,
                               const CertifyOptions& options = {});

}  // namespace lodestone
