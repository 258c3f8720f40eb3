#include "lodestone/objective/objective.hpp"

#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>

#include <memory>

#include "arrays.hpp"
#include "bindings.hpp"
#include "interpreter.hpp"
#include "lodestone/certify/certificate.hpp"
#include "lodestone/core/error.hpp"
#include "lodestone/path/path.hpp"
#include "results.hpp"
#include "teacher.hpp"

namespace lodestone::python {
namespace {

// Rows without any would be a view of nothing; the library takes a direction apiece.
void require_dimension(const Objective& objective, const MatrixIn& directions) {
  if (view(directions).cols() == objective.dimension()) return;
  throw InvalidArgument("directions", std::to_string(directions.shape(1)) + " columns",
                        "the objective has dimension " + std::to_string(objective.dimension()));
}

Certificate certificate_of(const Objective& objective, const Network& network, double lambda,
                           bool rigorous, std::uint64_t seed, Index max_cells, LongCall& call) {
  Network balanced = network;
  balance(balanced);
  AscentOptions ascent;
  ascent.seed = seed;
  if (!rigorous) return estimate_certificate(objective, balanced, lambda, ascent);
  RigorousOptions proof;
  proof.max_cells = max_cells;
  proof.should_stop = [&] { return call.should_stop(); };
  return rigorous_certificate(objective, balanced, lambda, proof, ascent);
}

}  // namespace

void bind_objective(nb::module_& module) {
  nb::class_<Objective>(module, "Objective")
      .def_prop_ro("dimension", &Objective::dimension)
      .def_prop_ro("null_loss", &Objective::null_loss)
      .def(
          "evaluate",
          [](const Objective& objective, const VectorIn& a, const MatrixIn& W) {
            const Network network = to_network(a, W);
            Evaluation found = without_lock([&] { return objective.evaluate(network); });
            return nb::make_tuple(found.loss, to_numpy(std::move(found.gradient_a)),
                                  to_numpy(std::move(found.gradient_W)));
          },
          nb::arg("a"), nb::arg("W"))
      .def(
          "loss",
          [](const Objective& objective, const VectorIn& a, const MatrixIn& W) {
            const Network network = to_network(a, W);
            return without_lock([&] { return objective.loss(network); });
          },
          nb::arg("a"), nb::arg("W"))
      .def(
          "affine",
          [](const Objective& objective, const VectorIn& a, const MatrixIn& W) {
            const Network network = to_network(a, W);
            Affine found = without_lock([&] { return objective.affine(network); });
            return nb::make_tuple(found.alpha, to_numpy(std::move(found.beta)));
          },
          nb::arg("a"), nb::arg("W"))
      .def(
          "correlate",
          [](const Objective& objective, const VectorIn& a, const MatrixIn& W,
             const MatrixIn& directions) {
            require_dimension(objective, directions);
            const Network network = to_network(a, W);
            const Matrix U = view(directions);
            Correlation found =
                without_lock([&] { return objective.residual(network)->correlate(U); });
            return nb::make_tuple(to_numpy(std::move(found.value)),
                                  to_numpy(std::move(found.gradient)));
          },
          nb::arg("a"), nb::arg("W"), nb::arg("directions"))
      .def(
          "feature_gram",
          [](const Objective& objective, const MatrixIn& directions) {
            require_dimension(objective, directions);
            const Matrix U = view(directions);
            FeatureGram found = without_lock([&] { return objective.feature_gram(U); });
            return nb::make_tuple(to_numpy(std::move(found.K)), to_numpy(std::move(found.b)));
          },
          nb::arg("directions"))
      .def(
          "certificate",
          [](const Objective& objective, const VectorIn& a, const MatrixIn& W, double lambda,
             bool rigorous, std::uint64_t seed, Index max_cells) {
            const Network network = to_network(a, W);
            LongCall call;
            Certificate found;
            call.run([&] {
              found = certificate_of(objective, network, lambda, rigorous, seed, max_cells, call);
            });
            return nb::make_tuple(as_dict(found), call.error());
          },
          nb::arg("a"), nb::arg("W"), nb::arg("weight_decay"), nb::arg("rigorous"), nb::arg("seed"),
          nb::arg("max_cells"))
      .def(
          "largest_weight_decay",
          [](const Objective& objective, std::uint64_t seed) {
            return without_lock([&] { return largest_lambda(objective, seed); });
          },
          nb::arg("seed"));
  nb::class_<PopulationObjective, Objective>(module, "PopulationObjective")
      .def(
          "__init__",
          [](PopulationObjective* self, const MatrixIn& directions, const VectorIn& amplitudes) {
            const AtWork at_work;
            new (self) PopulationObjective(to_teacher(directions, amplitudes));
          },
          nb::arg("directions"), nb::arg("amplitudes"));
  nb::class_<SampleObjective, Objective>(module, "SampleObjective")
      .def(
          "__init__",
          [](SampleObjective* self, const MatrixIn& X, const VectorIn& y,
             const std::optional<VectorIn>& weights, bool biases, const std::string& precision) {
            SampleData data{view(X), view(y), weights ? Vector(view(*weights)) : Vector(), biases,
                            parse_precision(precision)};
            const AtWork at_work;
            const nb::gil_scoped_release released;
            new (self) SampleObjective(std::move(data));
          },
          nb::arg("X"), nb::arg("y"), nb::arg("sample_weight").none(), nb::arg("biases"),
          nb::arg("precision"))
      .def_prop_ro("rows", &SampleObjective::rows);
}

}  // namespace lodestone::python
