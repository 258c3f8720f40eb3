// What the referee (referee.py) asks of the library: reads cases from standard input and writes
// what the library claims about each, a line a case. Numbers are hexadecimal, so that both sides
// have the same bits.
//
//   rows TOLERANCE CELLS n d, then n times: w x_1 … x_d
//     the supremum of |Σ_t w_t relu(u·x_t)| over unit u: "LOWER UPPER CELLS"
//   population TOLERANCE CELLS k m d, then k times: a* w*_1 … w*_d, then m times: a w_1 … w_d
//     the supremum of |E[(f − f_*) relu(u·x)]|: the same
//   teacher-gap LAMBDA CELLS, then the rest of a population
//     a rigorous certificate: "GAP P SUP_ETA", P the penalized loss as it is reported
//   table-gap LAMBDA CELLS PRECISION BIASES n m d, then n times: weight y x_1 … x_d, then m times:
//     a w_1 … w_d (with BIASES, which is 0 or 1, and the bias): the same on rows

#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <stdexcept>
#include <string>
#include <utility>

#include "lodestone/certify/certificate.hpp"
#include "lodestone/model/network.hpp"
#include "referee/bare_rows.hpp"

namespace lodestone {
namespace {

double number() {
  std::string text;
  if (!(std::cin >> text)) throw std::runtime_error("a case ends early");
  return std::strtod(text.c_str(), nullptr);
}

Index count() {
  Index value = 0;
  if (!(std::cin >> value)) throw std::runtime_error("a case ends early");
  return value;
}

void read_lines(Vector& first, Matrix& rest) {
  for (Index i = 0; i < rest.rows(); ++i) {
    first[i] = number();
    for (Index j = 0; j < rest.cols(); ++j) rest(i, j) = number();
  }
}

void answer(const SupremumBound& bound) {
  std::printf("%a %a %ld\n", bound.lower, bound.upper, static_cast<long>(bound.cells));
}

struct Population {
  Teacher teacher;
  Network network;
};

Population read_population() {
  const Index k = count();
  const Index m = count();
  const Index d = count();
  Population population{{Matrix(k, d), Vector(k)}, {Vector(m), Matrix(m, d)}};
  read_lines(population.teacher.amplitudes, population.teacher.directions);
  read_lines(population.network.a, population.network.W);
  return population;
}

void answer(const Objective& objective, const Network& network, double lambda,
            const RigorousOptions& options) {
  AscentOptions ascent;
  ascent.random_starts = 20;
  const Certificate found = rigorous_certificate(objective, network, lambda, options, ascent);
  std::printf("%a %a %a\n", found.gap, objective.loss(network) + lambda * masses(network).sum(),
              found.sup_eta);
}

void serve() {
  std::string kind;
  while (std::cin >> kind) {
    const double parameter = number();
    RigorousOptions options;
    options.max_cells = count();
    if (kind == "rows") {
      options.tolerance = parameter;
      const Index n = count();
      const Index d = count();
      Vector weights(n);
      Matrix rows(n, d);
      read_lines(weights, rows);
      answer(bound_supremum(support::BareRows(std::move(rows), std::move(weights)), {}, options));
    } else if (kind == "population") {
      options.tolerance = parameter;
      const Population given = read_population();
      const PopulationObjective objective(given.teacher);
      answer(bound_supremum(*objective.residual(given.network), {}, options));
    } else if (kind == "teacher-gap") {
      const Population given = read_population();
      answer(PopulationObjective(given.teacher), given.network, parameter, options);
    } else if (kind == "table-gap") {
      std::string precision;
      std::cin >> precision;
      const Index biases = count();
      const Index n = count();
      const Index m = count();
      const Index d = count();
      Vector weights(n);
      Matrix table(n, d + 1);
      read_lines(weights, table);
      Network network{Vector(m), Matrix(m, d + biases)};
      read_lines(network.a, network.W);
      const SampleObjective objective(
          {table.rightCols(d), table.col(0), weights, biases == 1, parse_precision(precision)});
      answer(objective, network, parameter, options);
    } else {
      throw std::runtime_error("no such case: " + kind);
    }
    std::fflush(stdout);
  }
}

}  // namespace
}  // namespace lodestone

int main() {
  try {
    lodestone::serve();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  return 0;
}
