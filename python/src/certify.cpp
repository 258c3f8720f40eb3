#include "lodestone/certify/model_certificate.hpp"

#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>

#include <tuple>

#include "arrays.hpp"
#include "bindings.hpp"
#include "interpreter.hpp"
#include "lodestone/runs/train.hpp"
#include "lodestone/theory/teacher_certificate.hpp"
#include "lodestone/verifier/verifier.hpp"
#include "options.hpp"
#include "records.hpp"
#include "results.hpp"
#include "teacher.hpp"

namespace lodestone::python {
namespace {

// A teacher's certificate with the function η itself.
nb::dict dict_with_function(TeacherCertificate found) {
  nb::dict dict = dict_of(found);
  dict["directions"] = to_numpy(std::move(found.certificate.directions));
  dict["weights"] = to_numpy(std::move(found.certificate.amplitudes));
  dict["tangents"] = to_numpy(std::move(found.certificate.tangents));
  return dict;
}

// What a model is judged on: a teacher's exact population, or rows (or both, for the verifier): X,
// y, weights, offset, and all targets where there are several.
using TeacherArrays = std::optional<std::pair<MatrixIn, VectorIn>>;
using Table = std::optional<std::tuple<MatrixIn, VectorIn, std::optional<VectorIn>,
                                       std::optional<VectorIn>, std::optional<MatrixIn>>>;

std::optional<Teacher> to_teacher(const TeacherArrays& arrays) {
  if (!arrays) return std::nullopt;
  return python::to_teacher(arrays->first, arrays->second);
}

std::optional<Dataset> to_rows(const Table& table, const Model& model) {
  if (!table) return std::nullopt;
  const auto& [X, y, weights, offset, targets] = *table;
  if (view(X).cols() != model.dimension()) {
    throw InvalidArgument("X", std::to_string(X.shape(1)) + " columns",
                          "the model has " + std::to_string(model.dimension()));
  }
  Dataset rows = to_dataset(X, y, weights, model.columns, model.target);
  set_offset(rows, offset, model.offset_column);
  if (targets) rows.Y = view(*targets);
  return weighted_rows(std::move(rows));
}

// Coordinates for a network that brings none of its own. The columns' centre is not where the
// network's own zero is, so it needs biases then; on a population it must do without.
void give_coordinates(Model& model, const std::optional<Standardization::Kind>& kind,
                      const std::optional<Dataset>& rows) {
  if (!kind || *kind == Standardization::Kind::none || !rows) return;
  if (model.standardization.kind != Standardization::Kind::none) {
    throw InvalidArgument("standardize", name(*kind), "this model brings its own standardization");
  }
  model.standardization =
      Standardization::fit(*kind, rows->X, rows->target_beyond_offset(), rows->weights);
  model.biases = true;
}

// What the certificate implies for the directions, in the units of the certificate.
RecoveryBound bound_of(const Model& model, Teacher teacher, const ModelCertificate& found) {
  teacher.amplitudes /= model.standardization.target_scale;
  return bound_recovery(teacher, {found.lambda, found.loss, found.null_loss, found.mass,
                                  found.certificate.gap, found.certificate.kind});
}

nb::dict as_dict(const Discrepancy& item) {
  nb::dict dict;
  dict["field"] = item.field;
  dict["reported"] = item.reported;
  dict["recomputed"] = item.recomputed;
  dict["tolerance"] = item.tolerance;
  return dict;
}

// The numbers of a certificate that the verifier can contradict.
ReportedNumbers reported_numbers(const nb::dict& said) {
  ReportedNumbers numbers;
  numbers.loss = nb::cast<double>(said["loss"]);
  numbers.penalized_loss = nb::cast<double>(said["penalized_loss"]);
  numbers.balanced = true;
  numbers.sup_eta = nb::cast<double>(said["sup_eta"]);
  numbers.attained = nb::cast<double>(said["sup_eta_lower"]);
  numbers.gap = nb::cast<double>(said["gap"]);
  numbers.relative_gap = nb::cast<double>(said["relative_gap"]);
  const bool proven = nb::cast<std::string>(said["kind"]) == name(Certificate::Kind::rigorous);
  numbers.kind = proven ? Certificate::Kind::rigorous : Certificate::Kind::estimated;
  return numbers;
}

}  // namespace

void bind_certify(nb::module_& module) {
  module.def(
      "certificate",
      [](const MatrixIn& directions, const VectorIn& amplitudes, const OptionTexts& texts) {
        CertificateRequest request;
        set_options(texts, certificate_options(request));
        const Teacher teacher = to_teacher(directions, amplitudes);
        LongCall call;
        request.how.should_stop = [&] { return call.should_stop(); };
        TeacherCertificate found;
        call.run([&] { found = certify_teacher(teacher, request.how); });
        nb::dict dict = dict_with_function(std::move(found));
        dict["error"] = call.error();
        return dict;
      },
      nb::arg("directions"), nb::arg("amplitudes"), nb::arg("options"));
  module.def(
      "certificate_values",
      [](int order, const MatrixIn& directions, const VectorIn& weights, const MatrixIn& tangents,
         const MatrixIn& U) {
        const DualCertificate eta{order, view(directions), view(weights), view(tangents), 0.0};
        const Matrix points = view(U);
        return to_numpy(without_lock([&] { return eta.correlate(points).value; }));
      },
      nb::arg("order"), nb::arg("directions"), nb::arg("weights"), nb::arg("tangents"),
      nb::arg("U"));
  module.def(
      "certify",
      [](const Model& given, const TeacherArrays& teacher, const Table& table,
         const OptionTexts& texts) {
        CertifyRequest request;
        set_options(texts, certify_options(request));
        Model model = given;
        const std::optional<Dataset> rows = to_rows(table, model);
        const std::optional<Teacher> population = to_teacher(teacher);
        give_coordinates(model, request.standardize, rows);
        LongCall call;
        request.how.proof.should_stop = [&] { return call.should_stop(); };
        ModelCertificate found;
        std::optional<RecoveryBound> bound;
        call.run([&] {
          found = rows ? certify_model(model, *rows, rows->weights, request.how)
                       : certify_model(model, population.value(), request.how);
          if (!rows && !call.should_stop()) bound = bound_of(model, *population, found);
        });
        nb::dict dict = python::as_dict(found);
        dict["recovery_bound"] = bound ? nb::object(python::as_dict(*bound)) : nb::none();
        dict["model"] = std::move(model);
        dict["error"] = call.error();
        return dict;
      },
      nb::arg("model"), nb::arg("teacher").none(), nb::arg("table").none(), nb::arg("options"));
  module.def(
      "verify",
      [](const Model& model, const TeacherArrays& teacher, const Table& table, double lambda,
         Index random_directions, int searches, std::uint64_t seed,
         const std::optional<MatrixIn>& directions, const std::optional<nb::dict>& reported) {
        const std::optional<Dataset> rows = to_rows(table, model);
        const std::optional<Teacher> population = to_teacher(teacher);
        VerifierOptions options;
        options.random_directions = random_directions;
        options.searches = searches;
        options.seed = seed;
        if (directions) options.directions = view(*directions);
        VerifiedNumbers numbers;
        LongCall call;
        call.run([&] {
          numbers = rows ? verify_model(model, *rows, rows->weights, lambda, options, population)
                         : verify_model(model, population.value(), lambda, options);
        });
        nb::dict dict = python::as_dict(numbers);
        nb::list found;
        if (reported) {
          for (const Discrepancy& item : discrepancies(reported_numbers(*reported), numbers)) {
            found.append(as_dict(item));
          }
        }
        dict["discrepancies"] = found;
        dict["error"] = call.error();
        return dict;
      },
      nb::arg("model"), nb::arg("teacher").none(), nb::arg("table").none(), nb::arg("weight_decay"),
      nb::arg("random_directions"), nb::arg("searches"), nb::arg("seed"),
      nb::arg("directions").none(), nb::arg("reported").none());
  module.def(
      "test_error",
      [](const Model& model, const Table& table) {
        const std::optional<Dataset> rows = to_rows(table, model);
        return dict_of(without_lock([&] { return test_error(model, rows.value()); }));
      },
      nb::arg("model"), nb::arg("table"));
}

}  // namespace lodestone::python
