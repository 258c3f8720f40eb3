#pragma once

#include <string>
#include <string_view>

#include "benchmark/benchmark.hpp"
#include "lodestone/model/model.hpp"
#include "lodestone/objective/objective.hpp"

namespace lodestone {

/// Entries N(0, 1), a function of position and purpose.
Matrix normal_matrix(Index rows, Index columns, std::string_view purpose);

/// n rows x ~ N(0, I_d) with y = |x_0|, in float64.
SampleData normal_rows(Index n, Index d);

/// m neurons whose rows of W are d long.
Network normal_network(Index m, Index d);

/// The first rows: enough for a residual, few enough for plain loops.
SampleData prefix(const SampleData& data);

/// Flops of loss and gradient on rows: an inner product and a sum for every row and neuron.
double step_flops(const SampleSize& size);

/// Flops of the Gram matrix of m directions on rows: activations, their moments with 1, x and y,
/// and half of the products of pairs.
double gram_flops(const SampleSize& size);

/// Flops of loss and gradient of m neurons on a population, square roots and arcsines not counted.
double population_flops(Index m, const Teacher& teacher);

/// Σ_t r_t relu(u·x_t) of the network's residual r and its gradient in u, for the rows u of U, by
/// plain loops.
Correlation plain_correlation(const SampleData& data, const Network& network, const Matrix& U);

/// ‖value − expected‖ / ‖expected‖.
double relative_error(const Matrix& value, const Matrix& expected);

/// What rounding explains: a relative error.
double allowed_error(Precision precision);

/// Throws BenchmarkMismatch when a relative error is more than rounding explains, or NaN.
void check_error(const std::string& name, const std::string& quantity, double error,
                 double allowed);

/// Each holds one computation to plain loops and throws BenchmarkMismatch, which names the case and
/// the quantity, where they differ by more than rounding. Of rows, all that are given are used.
void check_step(const std::string& name, const SampleData& data, const Network& network);
void check_correlation(const std::string& name, const SampleData& data, const Network& network,
                       const Matrix& U);
void check_population(const std::string& name, const PopulationObjective& objective,
                      const Network& network);

void check_gram(const std::string& name, const SampleData& data, const Matrix& U);
void check_prediction(const std::string& name, const Model& model, const Matrix& X);

/// Throws BenchmarkMismatch unless one thread gives the bits of all threads.
void check_same_bits(const std::string& name, const Evaluation& one_thread,
                     const Evaluation& all_threads);

}  // namespace lodestone
