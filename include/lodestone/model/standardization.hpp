#pragma once

#include <string>

#include "lodestone/core/types.hpp"

namespace lodestone {

/// How inputs and target are brought to common scales before training (docs/math.md, 3.1):
///   x_std = mapᵀ (x − center),   y_std = y / target_scale.
/// The target's centre belongs to the affine part and needs no step of its own.
struct Standardization {
  enum class Kind {
    none,    ///< inputs as they are
    scale,   ///< each column centred and divided by its standard deviation
    whiten,  ///< centred, scaled, and rotated so that E x xᵀ = I on the columns' span
  };
  Kind kind = Kind::none;
  Vector center;  ///< d
  Vector scale;   ///< d standard deviations; 1 for a constant column
  Matrix map;     ///< d×p, p <= d: constant (and, whitened, collinear) columns drop out; of fewer
                  ///< rows than columns the span is kept, in an orthonormal basis
  double target_scale = 1.0;  ///< standard deviation of the target, > 0
  Vector target_scales = {};  ///< several targets: q, of each; target_scale is 1 then

  /// Whether fewer rows than columns may be kept by their span, whose basis mixes columns.
  enum class Columns { any, apart };

  /// Learns the step from n×d inputs, n targets and row weights (empty: equal). Throws
  /// InvalidArgument when the target is constant or no input varies.
  static Standardization fit(Kind kind, const Matrix& X, const Vector& y, const Vector& weights,
                             Columns columns = Columns::any);

  /// The same for several targets, the columns of Y (n×q).
  static Standardization fit_several(Kind kind, const Matrix& X, const Matrix& Y,
                                     const Vector& weights);

  /// What output k is multiplied by to be in its target's unit.
  double scale_of_output(Index k) const {
    return target_scales.size() > 0 ? target_scales[k] : target_scale;
  }

  /// n×p standardized inputs of n×d inputs; in their memory when they are moved in.
  Matrix apply(Matrix X) const;
};

/// "none", "scale" or "whiten"; parse throws InvalidArgument for anything else.
const char* name(Standardization::Kind kind);
Standardization::Kind parse_standardization(const std::string& text);

}  // namespace lodestone
