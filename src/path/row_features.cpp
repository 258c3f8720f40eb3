#include "path/row_features.hpp"

#include <algorithm>
#include <cstdint>
#include <map>
#include <utility>

#include "certify/row_search.hpp"
#include "core/indices.hpp"
#include "lodestone/core/error.hpp"
#include "lodestone/objective/shared.hpp"
#include "path/shared_features.hpp"
#include "path/single_features.hpp"

namespace lodestone::path {
namespace {

// Features whose Gram matrix is computed at once.
constexpr Index gram_features = 64;

ActiveRows active_rows(const RowObjective& objective, const Matrix& U) {
  if (const SharedObjective* shared = objective.shared()) return shared->active_rows(U);
  return objective.sample()->active_rows(U);
}

}  // namespace

RowFeatures::RowFeatures(const RowObjective& objective)
    : objective_(objective), U_(0, objective.dimension()), K_(0, 0) {}

void RowFeatures::start_from(const Network& network) {
  const Vector mass = masses(network);
  std::vector<Index> with_mass;
  for (Index i = 0; i < mass.size(); ++i) {
    if (mass[i] > 0.0) with_mass.push_back(i);
  }
  U_.resize(0, objective_.dimension());
  K_.resize(0, 0);
  clear_amplitudes();
  const Network chosen = chosen_neurons(network, with_mass);
  append(unit_directions(chosen.W), {});
  set_amplitudes(chosen);
}

// Only their rows of the Gram matrix are computed.
void RowFeatures::append(const Matrix& born, const std::function<bool()>& should_stop) {
  for (Index first = 0; first < born.rows(); first += gram_features) {
    if (should_stop && should_stop()) return;
    extend(born.middleRows(first, std::min(gram_features, born.rows() - first)));
  }
}

void RowFeatures::extend_gram(const Matrix& rows) {
  const Index count = rows.rows();
  const Index p = K_.rows();
  Matrix K(p + count, p + count);
  K.topLeftCorner(p, p) = K_;
  K.bottomLeftCorner(count, p) = rows.rightCols(p);
  K.topRightCorner(p, count) = rows.rightCols(p).transpose();
  K.bottomRightCorner(count, count) = rows.leftCols(count);
  K_ = std::move(K);
}

void RowFeatures::keep(const std::vector<Index>& features) {
  if (static_cast<Index>(features.size()) == U_.rows()) return;
  U_ = U_(features, indices::all).eval();
  if (K_.rows() > 0) K_ = K_(features, features).eval();
  keep_amplitudes(features);
}

std::vector<RowFeatures::Cell> RowFeatures::cells(const std::function<int(Index)>& kind) const {
  const ActiveRows active = active_rows(objective_, U_);
  std::map<std::pair<int, std::vector<std::uint64_t>>, Cell> all;
  for (Index i = 0; i < U_.rows(); ++i) {
    const auto at = static_cast<std::size_t>(i);
    Cell& cell = all[{kind(i), active.bits[at]}];
    cell.members.push_back(i);
    cell.sides.push_back(active.mirrored[at] ? -1.0 : 1.0);
  }
  std::vector<Cell> shared;
  for (auto& [key, cell] : all) {
    if (cell.members.size() > 1) shared.push_back(std::move(cell));
  }
  return shared;
}

void RowFeatures::combine(const std::vector<Index>& members, const std::vector<double>& shares,
                          const Eigen::RowVectorXd& direction) {
  const Index to = members.front();
  const auto combined = [&](auto&& of) {
    auto result = (shares[0] * of(to)).eval();
    for (std::size_t k = 1; k < members.size(); ++k) result += shares[k] * of(members[k]);
    return result;
  };
  K_.row(to) = combined([&](Index i) { return K_.row(i); });
  K_.col(to) = combined([&](Index i) { return K_.col(i); });
  U_.row(to) = direction;
}

std::unique_ptr<RowFeatures> row_features(const Objective& objective) {
  if (const SharedObjective* shared = objective.shared()) {
    return std::make_unique<SharedFeatures>(*shared);
  }
  return std::make_unique<SingleFeatures>(*objective.sample());
}

}  // namespace lodestone::path
