#include "cases.hpp"

#include <hwy/highway.h>
#include <hwy/targets.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <utility>

#include "benchmark/problems.hpp"
#include "certify/ascent.hpp"
#include "lodestone/model/model.hpp"

namespace lodestone::micro {
namespace {

// The result is kept where the compiler cannot tell that nobody reads it.
template <class Call>
std::function<void()> repeated(const Call& call) {
  auto result = std::make_shared<decltype(call())>();
  return [call, result] { *result = call(); };
}

SampleData rows_of(const SampleSize& size, Precision precision, bool biases) {
  SampleData data = normal_rows(size.n, size.d);
  data.precision = precision;
  data.biases = biases;
  return data;
}

// A residual with all that it refers to.
struct OwnedResidual {
  OwnedResidual(SampleData data, const Network& network)
      : objective(std::move(data)), residual(objective.residual(network)) {}
  SampleObjective objective;
  std::unique_ptr<Residual> residual;
};

}  // namespace

Case sample_step(std::string name, const SampleSize& size, Precision precision, bool biases) {
  const Index dimension = size.d + (biases ? 1 : 0);
  return {name, step_flops({size.n, dimension, size.m}), [=] {
            const Network network = normal_network(size.m, dimension);
            SampleData data = rows_of(size, precision, biases);
            check_step(name, prefix(data), network);
            const auto objective = std::make_shared<SampleObjective>(std::move(data));
            return repeated([=] { return objective->evaluate(network); });
          }};
}

Case correlation(std::string name, const SampleSize& size, Index directions, Precision precision) {
  return {name, step_flops({size.n, size.d, directions}), [=] {
            const Network network = normal_network(size.m, size.d);
            const Matrix U = normal_matrix(directions, size.d, "benchmark directions");
            SampleData data = rows_of(size, precision, false);
            check_correlation(name, prefix(data), network, U);
            const auto owned = std::make_shared<OwnedResidual>(std::move(data), network);
            return repeated([=] { return owned->residual->correlate(U); });
          }};
}

Case population_step(std::string name, Index m) {
  RandomTeacher options;
  options.d = 20;
  options.k = 4;
  const auto objective = std::make_shared<PopulationObjective>(draw_teacher(options));
  return {name, population_flops(m, objective->teacher()), [=] {
            const Network network = normal_network(m, objective->dimension());
            check_population(name, *objective, network);
            return repeated([=] { return objective->evaluate(network); });
          }};
}

Case predict(std::string name, const SampleSize& size) {
  return {name, step_flops(size) / 2.0, [=] {
            const auto X =
                std::make_shared<const Matrix>(normal_matrix(size.n, size.d, "benchmark rows"));
            const Network network = normal_network(size.m, size.d);
            const auto model = std::make_shared<Model>();
            model->columns = numbered_columns(size.d);
            model->affine = {0.5, Vector::Constant(size.d, 0.1)};
            for (Index i = 0; i < size.m; ++i) {
              model->features.push_back({network.W.row(i), 0.25, network.a[i]});
            }
            Vector expected(size.n);
            for (Index t = 0; t < size.n; ++t) {
              expected[t] = 0.5;
              for (Index j = 0; j < size.d; ++j) expected[t] += 0.1 * (*X)(t, j);
              for (const Feature& feature : model->features) {
                double inner = feature.bias;
                for (Index j = 0; j < size.d; ++j) inner += feature.direction[j] * (*X)(t, j);
                expected[t] += feature.amplitude * std::max(0.0, inner);
              }
            }
            check_error(name, "the prediction", relative_error(model->predict(*X), expected),
                        allowed_error(Precision::float64));
            return repeated([=] { return model->predict(*X); });
          }};
}

Case certificate_ascent(std::string name, const SampleSize& size, Index starts) {
  return {
      name, 0.0, [=] {
        constexpr int iterations = 40;
        const Network network = normal_network(size.m, size.d);
        const SampleData data = rows_of(size, Precision::float64, false);
        const Matrix U = unit_directions(normal_matrix(starts, size.d, "benchmark directions"));
        const auto owned = std::make_shared<OwnedResidual>(data, network);
        // The maxima are real: plain loops find the same values there, and none of the starts
        // is above them.
        const Supremum found = ascend(*owned->residual, U, iterations);
        check_error(name, "the value at the maxima",
                    relative_error(found.maxima_values,
                                   plain_correlation(data, network, found.maxima_directions).value),
                    allowed_error(Precision::float64));
        const double start = plain_correlation(data, network, U).value.cwiseAbs().maxCoeff();
        check_error(name, "the supremum, less than at a start,",
                    std::max(0.0, start - found.value) / start, allowed_error(Precision::float64));
        return repeated([=] { return ascend(*owned->residual, U, iterations); });
      }};
}

std::string instruction_set() {
  // The lowest bit is the best of the targets that were compiled and that this processor has.
  const auto targets = hwy::SupportedTargets() & HWY_TARGETS;
  return hwy::TargetName(targets & -targets);
}

}  // namespace lodestone::micro
