#include <algorithm>
#include <cmath>
#include <numbers>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "certify/ascent.hpp"
#include "certify/gap.hpp"
#include "certify/kink_ascent.hpp"
#include "certify/row_search.hpp"
#include "certify/search_effort.hpp"
#include "core/indices.hpp"
#include "core/largest.hpp"
#include "lodestone/certify/certificate.hpp"
#include "lodestone/core/error.hpp"
#include "lodestone/core/random.hpp"

namespace lodestone {
namespace {

// Ascents that end this close to each other, up to sign, have found the same maximum.
constexpr double same_maximum_deg = 0.5;

// Ascents this close to each other are on the same hill when |C| half-way between them is not below
// the lower one by more than this share.
constexpr double same_hill_deg = 20.0;
constexpr double smallest_dip = 1e-3;

// Ends of ascents on a sketch that go on with the whole residual.
constexpr Index most_after_sketch = 50;

// A sketch is off by more than this share of |C|: an ascent that rises by less in so many steps has
// told where to look.
constexpr double least_rise_on_sketch = 1e-3;
constexpr double least_rise_of_finalists = 1e-5;
constexpr int rise_steps = 5;

// With the whole residual all ascents take so small a part of the steps before the finalists go on.
constexpr int finals_part = 8;

// A tangential gradient below this share of |C| leaves the value right to rounding.
constexpr double converged_share = 1e-9;

Matrix ascent_starts(const Residual& residual, const Network& network,
                     const AscentOptions& options) {
  const std::vector<Index> heaviest = positions_of_largest(masses(network), options.most_neurons);
  const Matrix suggested = residual.suggested_directions(options.suggested);
  Matrix random(options.random_starts, network.W.cols());
  const RandomStream stream(options.seed, "ascent starts");
  for (Index i = 0; i < random.size(); ++i) {
    random.data()[i] = stream.normal(static_cast<std::uint64_t>(i));
  }
  Matrix starts(static_cast<Index>(heaviest.size()) + suggested.rows() + random.rows(),
                network.W.cols());
  starts << network.W(heaviest, indices::all), suggested, random;
  return unit_directions(starts);
}

// The shortest vector on the segment between two.
Eigen::RowVectorXd shortest_between(const Eigen::RowVectorXd& p, const Eigen::RowVectorXd& q) {
  const Eigen::RowVectorXd step = q - p;
  const double length = step.squaredNorm();
  if (length == 0.0) return p;
  return p + std::clamp(-p.dot(step) / length, 0.0, 1.0) * step;
}

// A batch of ascents on |C|, so that one pass over the rows serves them all. No step lowers |C|.
class Ascents {
 public:
  Ascents(const CorrelationField& field, Matrix starts)
      : field_(field),
        U_(std::move(starts)),
        at_(field.correlate(U_)),
        stride_(Vector::Ones(U_.rows())),
        uphill_(U_.rows(), U_.cols()) {
    for (Index i = 0; i < U_.rows(); ++i) uphill_.row(i) = tangent(i, at_.gradient.row(i));
  }

  Index count() const { return U_.rows(); }

  /// Goes on with these ascents only.
  void keep(const std::vector<Index>& chosen) {
    U_ = U_(chosen, indices::all).eval();
    at_ = {at_.value(chosen).eval(), at_.gradient(chosen, indices::all).eval()};
    stride_ = stride_(chosen).eval();
    uphill_ = uphill_(chosen, indices::all).eval();
  }

  /// Takes steps with every ascent that has not converged, and that still rises: in five steps by
  /// `least_rise` of the highest |C|. To the top: and that at this pace will come as high as one
  /// that has ended.
  void climb(int steps, double least_rise = 0.0, bool to_the_top = false) {
    Vector earlier = Vector::Zero(U_.rows());
    std::vector<bool> rising(static_cast<std::size_t>(U_.rows()), true);
    for (int step = 0; step < steps; ++step) {
      if (least_rise > 0.0 && step % rise_steps == 0) {
        const Vector height = at_.value.cwiseAbs();
        if (step > 0) {
          const Vector rise = height - earlier;
          const double times = static_cast<double>(steps - step) / rise_steps;
          end_slow_ones(height, rise, least_rise, to_the_top ? times : HUGE_VAL, rising);
        }
        earlier = height;
      }
      std::vector<Index> moving = unconverged();
      std::erase_if(moving, [&](Index i) { return !rising[static_cast<std::size_t>(i)]; });
      if (moving.empty()) return;
      const Matrix trial = trials(moving);
      const Correlation next = field_.correlate(trial);
      for (std::size_t k = 0; k < moving.size(); ++k) {
        const Index i = moving[k];
        const auto row = static_cast<Index>(k);
        const Eigen::RowVectorXd beyond = tangent(i, next.gradient.row(row));
        const bool too_long = beyond.dot(uphill_.row(i)) <= 0.0;
        const bool higher = std::abs(next.value[row]) > std::abs(at_.value[i]);
        if (higher) {
          U_.row(i) = trial.row(row);
          at_.value[i] = next.value[row];
          at_.gradient.row(i) = next.gradient.row(row);
        }
        const Eigen::RowVectorXd here = tangent(i, at_.gradient.row(i));
        if (higher && !too_long) {
          uphill_.row(i) = here;
          stride_[i] = std::min(4.0, 2.0 * stride_[i]);
        } else {
          // On a sample |C| has ridges, where the tangents of both sides point across. Between them
          // lies the direction along the ridge (the null step of bundle methods); where it
          // vanishes, the step was merely too long.
          const Eigen::RowVectorXd both = shortest_between(uphill_.row(i), beyond);
          uphill_.row(i) = both.norm() > 0.05 * here.norm() ? both : here;
          stride_[i] *= 0.5;
        }
      }
    }
  }

  /// The chosen ends, highest first, as a Supremum.
  Supremum summary(const std::vector<Index>& found) const {
    Supremum result;
    result.maxima = static_cast<Index>(found.size());
    result.maxima_directions = U_(found, indices::all);
    result.maxima_values = at_.value(found);
    if (found.empty()) return result;
    result.value = std::abs(result.maxima_values[0]);
    result.direction = result.maxima_directions.row(0);
    return result;
  }

  /// One ascent, the highest, of each group that has come together; highest first, and at
  /// most so many.
  std::vector<Index> distinct(Index most) const {
    std::vector<Index> apart;
    for (const Index i : positions_of_largest(at_.value.cwiseAbs(), at_.value.size())) {
      if (static_cast<Index>(apart.size()) == most) break;
      const bool known = std::any_of(apart.begin(), apart.end(),
                                     [&](Index j) { return within(i, j, same_maximum_deg); });
      if (!known) apart.push_back(i);
    }
    return apart;
  }

  /// Of those, the ones with a dip between them and every higher one nearby: along a ridge ascents
  /// can end anywhere.
  std::vector<Index> hills(const std::vector<Index>& apart) const {
    std::vector<std::pair<std::size_t, std::size_t>> neighbours;  // higher, lower
    for (std::size_t i = 0; i < apart.size(); ++i) {
      for (std::size_t j = 0; j < i; ++j) {
        if (within(apart[i], apart[j], same_hill_deg)) neighbours.emplace_back(j, i);
      }
    }
    Matrix between(static_cast<Index>(neighbours.size()), U_.cols());
    for (std::size_t k = 0; k < neighbours.size(); ++k) {
      const auto [higher, lower] = neighbours[k];
      between.row(static_cast<Index>(k)) =
          U_.row(apart[lower]) + side(apart[higher], apart[lower]) * U_.row(apart[higher]);
    }
    const Vector value = field_.correlate(unit_directions(between)).value.cwiseAbs();
    std::vector<bool> is_top(apart.size(), true);
    for (std::size_t k = 0; k < neighbours.size(); ++k) {
      const auto [higher, lower] = neighbours[k];
      const double dip_level = (1.0 - smallest_dip) * std::abs(at_.value[apart[lower]]);
      if (value[static_cast<Index>(k)] >= dip_level) is_top[lower] = false;
    }
    std::vector<Index> found;
    for (std::size_t i = 0; i < apart.size(); ++i) {
      if (is_top[i]) found.push_back(apart[i]);
    }
    return found;
  }

 private:
  // Directions count up to sign.
  double side(Index i, Index j) const { return U_.row(i).dot(U_.row(j)) < 0.0 ? -1.0 : 1.0; }
  bool within(Index i, Index j, double angle_deg) const {
    const double chord = 2.0 * std::sin(0.5 * angle_deg * std::numbers::pi / 180.0);
    return (U_.row(i) - side(i, j) * U_.row(j)).norm() <= chord;
  }

  // The part of a gradient of C along the sphere at ascent i, turned uphill for |C|.
  Eigen::RowVectorXd tangent(Index i, const Eigen::RowVectorXd& gradient) const {
    const double sign = at_.value[i] < 0.0 ? -1.0 : 1.0;
    return sign * (gradient - gradient.dot(U_.row(i)) * U_.row(i));
  }

  // Those that rose by too little, and those that `times` as much would leave below one of these.
  static void end_slow_ones(const Vector& height, const Vector& rise, double least_rise,
                            double times, std::vector<bool>& rising) {
    const double enough = least_rise * height.maxCoeff();
    double ended = 0.0;
    for (Index i = 0; i < rise.size(); ++i) {
      if (rise[i] >= enough) continue;
      rising[static_cast<std::size_t>(i)] = false;
      ended = std::max(ended, height[i]);
    }
    for (Index i = 0; i < rise.size(); ++i) {
      // A rise of 0 has ended already: no 0·∞ comes this far.
      if (height[i] + times * rise[i] < ended) rising[static_cast<std::size_t>(i)] = false;
    }
  }

  std::vector<Index> unconverged() const {
    std::vector<Index> moving;
    for (Index i = 0; i < U_.rows(); ++i) {
      const double move = std::min(1.0, stride_[i]) * tangent(i, at_.gradient.row(i)).norm();
      if (move > converged_share * std::abs(at_.value[i]) && at_.value[i] != 0.0) {
        moving.push_back(i);
      }
    }
    return moving;
  }

  // Stride 1 is the fixed-point map u ← ±∇/‖∇‖; an ascent that fails to rise tries a shorter one.
  Matrix trials(const std::vector<Index>& moving) const {
    Matrix trial(static_cast<Index>(moving.size()), U_.cols());
    for (std::size_t k = 0; k < moving.size(); ++k) {
      const Index i = moving[k];
      trial.row(static_cast<Index>(k)) =
          U_.row(i) + stride_[i] / std::abs(at_.value[i]) * uphill_.row(i);
    }
    return unit_directions(trial);
  }

  const CorrelationField& field_;
  Matrix U_;
  Correlation at_;
  Vector stride_;
  Matrix uphill_;
};

}  // namespace

Supremum ascend(const Residual& residual, Matrix starts, int iterations) {
  Ascents ascents(residual, std::move(starts));
  ascents.climb(iterations);
  return ascents.summary(ascents.distinct(ascents.count()));
}

namespace {

// What the first search has found on rows, followed along kinks and from new starts.
Supremum searched_on(const Residual& residual, const Network& network, std::uint64_t seed,
                     const Supremum& found) {
  constexpr double news_share = 1e-4;  // rise of the highest |C| that counts as something new
  constexpr Index first_batch = 500;
  constexpr double same_maximum_chord = 1e-2;
  const Vector mass = masses(network);
  std::vector<Index> with_mass;
  for (Index i = 0; i < mass.size(); ++i) {
    if (mass[i] > 0.0) with_mass.push_back(i);
  }
  const Matrix neurons = unit_directions(network.W(with_mass, indices::all));
  const Index d = neurons.cols();
  std::optional<KinkAscents> kinks;
  if (kinks_pay(residual.rows(), d)) kinks.emplace(residual.row_points(), residual.constraints());
  const Index most = affordable_starts(search::flops_for_a_result, residual.rows(), d);
  Matrix known = found.maxima_directions;
  if (d == 2) {
    known = rows_below(known, cells_of_plane(residual.row_points()));
  }
  double height = found.value;
  Index starts = found.starts;
  while (true) {
    // Maxima count that come near the highest; where it rises, the count begins anew.
    RowSearch search(residual, kinks ? &*kinks : nullptr, neurons, height, {});
    search.add(known);
    bool done = false;
    while (!done && search.highest() <= height * (1.0 + news_share)) {
      const Index batch = std::max(first_batch, search.starts());
      const Index position = starts + search.starts();
      search.add(
          starts_around(rows_below(neurons, known), batch / 2, batch - batch / 2, seed, position));
      if (kinks) search.add(kinks->vertices(batch, seed, position));
      done = search.trusted() || starts + search.starts() >= most;
    }
    starts += search.starts();
    const Ends maxima = search.maxima();
    if (done) {
      // The maxima at neurons, and lower ones, are those of the first search.
      const Ends both = distinct({rows_below(maxima.directions, found.maxima_directions),
                                  joined(maxima.values, found.maxima_values),
                                  Vector::Ones(maxima.values.size() + found.maxima)},
                                 same_maximum_chord, 0.0, maxima.values.size() + found.maxima,
                                 residual.constraints());
      Supremum result;
      result.value = search.highest();
      result.direction = search.direction();
      result.maxima = both.values.size();
      result.maxima_directions = both.directions;
      result.maxima_values = both.values;
      result.starts = starts;
      result.unseen_share = search.unseen_share();
      return result;
    }
    height = search.highest();
    known = maxima.directions;
  }
}

// The same starts, climbed within sign constraints.
Supremum climbed(const Residual& residual, const Network& network, const AscentOptions& options) {
  constexpr double same_end_chord = 1e-2;
  ClimbOptions climbing;
  climbing.constraints = residual.constraints();
  climbing.steps = options.iterations;
  Matrix starts = ascent_starts(residual, network, options);
  Supremum result;
  result.starts = starts.rows();
  const auto tops = [&](const CorrelationField& field) {
    return distinct(climb(field, std::move(starts), climbing), same_end_chord, 0.0,
                    options.most_refined, climbing.constraints);
  };
  if (const auto sketch = options.sketch ? residual.sketch(options.seed) : nullptr) {
    starts = tops(*sketch).directions;
  }
  const Ends found = tops(residual);
  result.maxima = found.values.size();
  result.maxima_directions = found.directions;
  result.maxima_values = found.values;
  if (result.maxima == 0) return result;
  result.value = std::abs(found.values[0]);
  result.direction = found.directions.row(0);
  return result;
}

// Multi-start ascents of as many steps as the options say.
Supremum ascended(const Residual& residual, const Network& network, const AscentOptions& options);

}  // namespace

Supremum estimate_supremum(const Residual& residual, const Network& network,
                           const AscentOptions& options) {
  Supremum found = ascended(residual, network, options);
  if (!options.until_trusted || residual.rows() == 0 || !(found.value > 0.0)) return found;
  return searched_on(residual, network, options.seed, found);
}

namespace {

Supremum ascended(const Residual& residual, const Network& network, const AscentOptions& options) {
  using Limits = AscentOptions::Limits;
  require_in(Limits::random_starts, "random_starts", options.random_starts);
  require_in(Limits::most_neurons, "most_neurons", options.most_neurons);
  require_in(Limits::suggested, "suggested", options.suggested);
  require_in(Limits::iterations, "iterations", options.iterations);
  require_in(Limits::most_refined, "most_refined", options.most_refined);
  require_in(Limits::finalists, "finalists", options.finalists);
  if (residual.constraints().any()) return climbed(residual, network, options);
  const auto ends = [&](const CorrelationField& on, Matrix starts, Index most, double least_rise) {
    Ascents all(on, std::move(starts));
    all.climb(options.iterations, least_rise);
    // The few distinct ends are taken further: what has not arrived looks like another maximum.
    Ascents last(on, all.summary(all.distinct(most)).maxima_directions);
    last.climb(5 * options.iterations, least_rise);
    return last;
  };
  Matrix starts = ascent_starts(residual, network, options);
  const Index count = starts.rows();
  const auto counted = [&](Supremum found) {
    found.starts = count;
    return found;
  };
  if (const auto sketch = options.sketch ? residual.sketch(options.seed) : nullptr) {
    // What is known beforehand does not depend on which rows the part has.
    const Matrix known = starts.topRows(starts.rows() - options.random_starts);
    const Index most = std::min({options.most_refined, options.finalists, most_after_sketch});
    const Ascents rough = ends(*sketch, std::move(starts), most, least_rise_on_sketch);
    const Matrix found = rough.summary(rough.distinct(most)).maxima_directions;
    Matrix both(found.rows() + known.rows(), known.cols());
    both << found, known;
    Ascents last(residual, std::move(both));
    if (last.count() > options.finalists) {
      last.climb(options.iterations / finals_part);
      last.keep(last.distinct(options.finalists));
      last.climb(5 * options.iterations, least_rise_of_finalists, true);
    } else {
      last.climb(options.iterations);
    }
    return counted(last.summary(last.hills(last.distinct(options.most_refined))));
  }
  const Ascents last = ends(residual, std::move(starts), options.most_refined, 0.0);
  return counted(last.summary(last.hills(last.distinct(options.most_refined))));
}

}  // namespace

Certificate estimate_certificate(const Objective& objective, const Network& network, double lambda,
                                 const AscentOptions& options) {
  check_lambda(lambda);
  const auto residual = objective.residual(network);
  return estimated_certificate(*residual, network, lambda,
                               estimate_supremum(*residual, network, options));
}

}  // namespace lodestone
