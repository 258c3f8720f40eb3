#pragma once

// Problems with several outputs, shared by the unit tests and the referees.

#include "lodestone/core/random.hpp"
#include "lodestone/model/family.hpp"
#include "lodestone/objective/objective.hpp"
#include "support.hpp"

namespace lodestone::support {

/// Targets that depend on three directions, each output in its own way.
inline SampleData several_targets(Index n, Index d, Index q, std::uint64_t seed) {
  const Matrix X = normal_matrix(n, d, seed, "shared X");
  const Matrix hidden = (X * normal_matrix(d, 3, seed, "hidden")).cwiseMax(0.0);
  SampleData data{X, Vector(), {}, true};
  data.Y = hidden * normal_matrix(3, q, seed, "mixing") +
           0.3 * normal_matrix(n, q, seed, "shared noise");
  return data;
}

/// Classes drawn with the softmax of such scores.
inline SampleData several_classes(Index n, Index d, Index q, std::uint64_t seed,
                                  double ridge = 1e-3) {
  const SampleData rows = several_targets(n, d, q, seed);
  SampleData data{rows.X, Vector(n), {}, true};
  const RandomStream random(seed, "classes");
  for (Index t = 0; t < n; ++t) {
    const Vector p = softmax_probabilities(1.5 * rows.Y.row(t));
    double left = random.uniform(static_cast<std::uint64_t>(t));
    Index k = 0;
    while (k + 1 < q && left >= p[k]) left -= p[k++];
    data.y[t] = static_cast<double>(k);
  }
  data.family.kind = Family::Kind::softmax;
  data.family.classes = q;
  data.family.linear_ridge = ridge;
  return data;
}

inline Network shared_network(Index m, Index d, Index q, std::uint64_t seed) {
  return with_outputs(normal_matrix(m, q, seed, "outputs"), normal_matrix(m, d, seed, "W"));
}

}  // namespace lodestone::support
