#pragma once

#include <string>

#include "lodestone/core/error.hpp"
#include "lodestone/model/network.hpp"

namespace lodestone {

/// Throws InvalidArgument unless a and W have one entry a neuron and W the objective's dimension.
inline void check_sizes(const Network& network, Index dimension) {
  if (network.W.cols() != dimension || network.W.rows() != network.a.size()) {
    throw InvalidArgument("network",
                          "W " + std::to_string(network.W.rows()) + "×" +
                              std::to_string(network.W.cols()) + " with a of size " +
                              std::to_string(network.a.size()),
                          "W must be m×" + std::to_string(dimension) + " and a of size m");
  }
}

/// Throws InvalidArgument unless the directions have the objective's dimension.
inline void check_sizes(const Matrix& directions, Index dimension) {
  if (directions.cols() != dimension) {
    throw InvalidArgument("directions", std::to_string(directions.cols()) + " columns",
                          "must have " + std::to_string(dimension));
  }
}

}  // namespace lodestone
