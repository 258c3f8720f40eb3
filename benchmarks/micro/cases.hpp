#pragma once

#include <functional>
#include <string>

#include "benchmark/benchmark.hpp"
#include "lodestone/objective/objective.hpp"

namespace lodestone::micro {

/// One computation, ready to be repeated.
struct Case {
  std::string name;
  double flops = 0.0;  ///< of one run by formula; 0: not meaningful

  /// Makes the inputs, holds the result to plain loops, and returns what is repeated. Throws
  /// BenchmarkMismatch.
  std::function<std::function<void()>()> prepare;

  /// Whether a run that is not counted goes first, so that what happens once, such as the choice of
  /// an instruction set, does not count. A long run need not: it is a small part of it.
  bool warm_up = true;
};

/// Loss and gradient on rows.
Case sample_step(std::string name, const SampleSize& size, Precision precision, bool biases);

/// Correlations of a residual of `size` with many directions.
Case correlation(std::string name, const SampleSize& size, Index directions, Precision precision);

/// Loss and gradient of m neurons on the population of four teachers in 20 dimensions.
Case population_step(std::string name, Index m);

/// Predictions of a model of size.m features.
Case predict(std::string name, const SampleSize& size);

/// Ascents of a certificate's search from many starts.
Case certificate_ascent(std::string name, const SampleSize& size, Index starts);

/// The instruction set that the kernels run on here, as Highway names it.
std::string instruction_set();

}  // namespace lodestone::micro
