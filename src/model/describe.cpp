#include "lodestone/model/describe.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <ostream>
#include <vector>

namespace lodestone {
namespace {

constexpr std::size_t most_features = 10;
constexpr Index most_columns = 6;

// "1 neuron", "2 neurons".
std::string counted(Index count, const char* noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

std::string column_name(const Model& model, Index j) {
  const auto at = static_cast<std::size_t>(j);
  return at < model.columns.size() ? model.columns[at] : fmt::format("x{}", j);
}

// "+0.8 age -0.6 height and 3 more": the columns whose standard deviations move the sum most.
std::string weighted_columns(const Model& model, const Vector& weights) {
  const Vector& scale = model.standardization.scale;
  const Vector moves =
      scale.size() == weights.size() ? Vector(weights.cwiseProduct(scale)) : weights;
  std::vector<Index> order;
  for (Index j = 0; j < weights.size(); ++j) {
    if (weights[j] != 0.0) order.push_back(j);
  }
  std::stable_sort(order.begin(), order.end(),
                   [&](Index i, Index j) { return std::abs(moves[i]) > std::abs(moves[j]); });
  const auto nonzero = static_cast<Index>(order.size());
  if (nonzero == 0) return "none";
  std::string text;
  for (Index place = 0; place < std::min(nonzero, most_columns); ++place) {
    const Index j = order[static_cast<std::size_t>(place)];
    text += fmt::format("{}{:+.4g} {}", place == 0 ? "" : " ", weights[j], column_name(model, j));
  }
  if (nonzero > most_columns) text += fmt::format(" and {} more", nonzero - most_columns);
  return text;
}

}  // namespace

std::string describe(const Model& model) {
  const std::size_t count = model.features.size();
  std::string text = fmt::format(
      "{} = intercept + linear part + {} of the form amplitude * relu(direction + bias)",
      model.target.empty() ? "y" : model.target, counted(static_cast<Index>(count), "feature"));
  if (model.outputs.empty()) {
    text += fmt::format("\nintercept: {:.4g}", model.affine.alpha);
    text += fmt::format("\nlinear part: {}", weighted_columns(model, model.affine.beta));
  }
  for (const Output& output : model.outputs) {
    text += fmt::format("\n{}: intercept {:.4g}, linear part {}", output.name, output.affine.alpha,
                        weighted_columns(model, output.affine.beta));
  }
  for (std::size_t i = 0; i < std::min(count, most_features); ++i) {
    const Feature& feature = model.features[i];
    text +=
        fmt::format("\nfeature {}: amplitude {:+.4g}, bias {:+.4g}, direction {}", i + 1,
                    feature.amplitude, feature.bias, weighted_columns(model, feature.direction));
  }
  if (count > most_features) text += fmt::format("\nand {} more", count - most_features);
  return text;
}

std::string describe(const Certificate& certificate) {
  const bool proven = certificate.kind == Certificate::Kind::rigorous;
  return fmt::format(
      "penalized loss at most {:.3g} ({:.2g} of it) above the least possible, {}; "
      "sup |eta| {} {:.6g}{}",
      certificate.gap, certificate.relative_gap, proven ? "proven" : "estimated",
      proven ? "<=" : "=", certificate.sup_eta,
      certificate.search_failed ? "; the search missed the supremum" : "");
}

std::string describe(const Recovery& recovery) {
  return fmt::format(
      "{} of {} recovered, {} matched; neurons are {:.3g} degrees from the nearest one on "
      "average, at most {:.3g}",
      recovery.recovered, counted(recovery.teachers, "direction"), recovery.matched,
      recovery.mean_angle_deg, recovery.max_angle_deg);
}

std::string describe(const Network& network) {
  return fmt::format("{} on {}", counted(network.width(), "neuron"),
                     counted(network.W.cols(), "input"));
}

std::ostream& operator<<(std::ostream& out, const Model& model) { return out << describe(model); }

std::ostream& operator<<(std::ostream& out, const Certificate& certificate) {
  return out << describe(certificate);
}

std::ostream& operator<<(std::ostream& out, const Recovery& recovery) {
  return out << describe(recovery);
}

std::ostream& operator<<(std::ostream& out, const Network& network) {
  return out << describe(network);
}

}  // namespace lodestone
