#include "lodestone/model/model.hpp"

#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <new>
#include <optional>
#include <tuple>

#include "arrays.hpp"
#include "bindings.hpp"
#include "interpreter.hpp"
#include "lodestone/core/error.hpp"
#include "lodestone/model/intervals.hpp"

namespace lodestone::python {
namespace {

Matrix directions(const Model& model) {
  Matrix result(static_cast<Index>(model.features.size()), model.dimension());
  for (Index i = 0; i < result.rows(); ++i) {
    result.row(i) = model.features[static_cast<std::size_t>(i)].direction;
  }
  return result;
}

Vector numbers(const Model& model, double Feature::*field) {
  Vector result(static_cast<Index>(model.features.size()));
  for (Index i = 0; i < result.size(); ++i) {
    result[i] = model.features[static_cast<std::size_t>(i)].*field;
  }
  return result;
}

// Of several outputs m×q, else m.
ArrayOut amplitudes(const Model& model) {
  if (model.outputs.empty()) return to_array(numbers(model, &Feature::amplitude));
  Matrix result(static_cast<Index>(model.features.size()), model.output_count());
  for (Index i = 0; i < result.rows(); ++i) {
    result.row(i) = model.features[static_cast<std::size_t>(i)].amplitudes;
  }
  return to_array(std::move(result));
}

nb::object alpha(const Model& model) {
  if (model.outputs.empty()) return nb::float_(model.affine.alpha);
  Vector result(model.output_count());
  for (Index k = 0; k < result.size(); ++k) {
    result[k] = model.outputs[static_cast<std::size_t>(k)].affine.alpha;
  }
  return nb::cast(to_numpy(std::move(result)));
}

ArrayOut beta(const Model& model) {
  if (model.outputs.empty()) return to_array(model.affine.beta);
  Matrix result(model.output_count(), model.dimension());
  for (Index k = 0; k < result.rows(); ++k) {
    result.row(k) = model.outputs[static_cast<std::size_t>(k)].affine.beta;
  }
  return to_array(std::move(result));
}

void set_features(Model& model, const MatrixIn& W, const VectorIn& b, const VectorIn& a) {
  if (b.shape(0) != W.shape(0) || a.shape(0) != W.shape(0)) {
    throw InvalidArgument("model", std::to_string(W.shape(0)) + " directions",
                          "there must be as many biases and amplitudes");
  }
  if (static_cast<Index>(W.shape(1)) != model.dimension()) {
    throw InvalidArgument("model", std::to_string(W.shape(1)) + " inputs in its directions",
                          "it has " + std::to_string(model.dimension()) + " columns");
  }
  for (Index i = 0; i < view(W).rows(); ++i) {
    model.features.push_back({view(W).row(i), view(b)[i], view(a)[i]});
  }
}

Vector sized(const VectorIn& values, Index size) {
  if (view(values).size() != size) {
    throw InvalidArgument("model", std::to_string(values.shape(0)) + " numbers",
                          std::to_string(size) + " are needed, one for each column");
  }
  return view(values);
}

void require_columns(const Model& model, const MatrixIn& X) {
  if (view(X).cols() == model.dimension()) return;
  throw InvalidArgument("X", std::to_string(X.shape(1)) + " columns",
                        "the model has " + std::to_string(model.dimension()));
}

// Of several outputs n×q, else n.
ArrayOut predict(const Model& model, const MatrixIn& X, const std::optional<VectorIn>& offset) {
  require_columns(model, X);
  const auto rows = view(X);
  const Vector known = to_offset(offset);
  if (model.outputs.empty()) {
    return to_array(without_lock([&] { return model.predict(rows, known); }));
  }
  return to_array(without_lock([&] { return model.predict_outputs(rows, known); }));
}

ArrayOut scores(const Model& model, const MatrixIn& X, const std::optional<VectorIn>& offset) {
  require_columns(model, X);
  const auto rows = view(X);
  const Vector known = to_offset(offset);
  if (model.outputs.empty()) {
    return to_array(without_lock([&] { return model.scores(rows, known); }));
  }
  return to_array(without_lock([&] { return model.output_scores(rows, known); }));
}

// None where there are no rows, another number of columns, an offset is missing, or a number in X
// or a prediction is not finite: who calls this has somebody else say what is wrong.
std::optional<VectorOut> predict_finite(const Model& model, const MatrixIn& X) {
  const auto rows = view(X);
  if (rows.rows() == 0 || rows.cols() != model.dimension() || !model.offset_column.empty() ||
      !model.outputs.empty()) {
    return std::nullopt;
  }
  bool finite = false;
  Vector predictions = without_lock([&] { return model.predict(rows, finite); });
  if (!finite) return std::nullopt;
  return to_numpy(std::move(predictions));
}

// The features without their amplitudes: relu(direction·x + bias), n×m.
Matrix features(const Model& model, const MatrixIn& X) {
  require_columns(model, X);
  const auto rows = view(X);
  return without_lock([&] {
    Matrix result(rows.rows(), static_cast<Index>(model.features.size()));
    for (Index t = 0; t < result.rows(); ++t) {
      for (Index i = 0; i < result.cols(); ++i) {
        const Feature& feature = model.features[static_cast<std::size_t>(i)];
        result(t, i) = std::max(0.0, rows.row(t).dot(feature.direction) + feature.bias);
      }
    }
    return result;
  });
}

// ---- pickling

using EncodingState = std::tuple<std::string, std::vector<std::string>>;
using StandardizationState = std::tuple<std::string, VectorOut, VectorOut, MatrixOut, double>;
using ProvenanceState =
    std::tuple<std::string, std::string, std::string, std::uint64_t, double, double, Index>;

std::vector<EncodingState> encodings(const Model& model) {
  std::vector<EncodingState> result;
  for (const Encoding& encoding : model.encodings) {
    result.emplace_back(encoding.column, encoding.values);
  }
  return result;
}

using ImputationState = std::tuple<std::string, std::optional<double>, bool>;

std::vector<ImputationState> imputations(const Model& model) {
  std::vector<ImputationState> result;
  for (const Imputation& imputation : model.imputations) {
    result.emplace_back(imputation.column, imputation.mean, imputation.has_indicator);
  }
  return result;
}

using RidgeState = std::tuple<Index, Index, double, double>;

std::vector<RidgeState> ridges(const Model& model) {
  std::vector<RidgeState> result;
  for (const Ridge& ridge : model.ridges) {
    result.emplace_back(ridge.first, ridge.count, ridge.degrees_of_freedom, ridge.explained);
  }
  return result;
}

// Name, alpha, beta and amplitudes of each output, and the deviations of the targets; of one output
// empty.
using OutputState = std::tuple<std::string, double, VectorOut, VectorOut>;

std::vector<OutputState> outputs(const Model& model) {
  std::vector<OutputState> result;
  for (std::size_t k = 0; k < model.outputs.size(); ++k) {
    const auto& [name, affine] = model.outputs[k];
    Vector amplitudes(static_cast<Index>(model.features.size()));
    for (Index i = 0; i < amplitudes.size(); ++i) {
      amplitudes[i] = model.features[static_cast<std::size_t>(i)].amplitudes[static_cast<Index>(k)];
    }
    result.emplace_back(name, affine.alpha, to_numpy(affine.beta), to_numpy(std::move(amplitudes)));
  }
  return result;
}

void restore_outputs(Model& model, const nb::list& state) {
  for (const nb::handle item : state) {
    const auto one = nb::cast<nb::tuple>(item);
    const Vector amplitudes = view(nb::cast<VectorIn>(one[3]));
    if (static_cast<std::size_t>(amplitudes.size()) != model.features.size()) {
      throw InvalidArgument("model", std::to_string(amplitudes.size()) + " amplitudes of an output",
                            "it has " + std::to_string(model.features.size()) + " features");
    }
    model.outputs.push_back(
        {nb::cast<std::string>(one[0]),
         {nb::cast<double>(one[1]), sized(nb::cast<VectorIn>(one[2]), model.dimension())}});
    for (Index i = 0; i < amplitudes.size(); ++i) {
      Vector& all = model.features[static_cast<std::size_t>(i)].amplitudes;
      all.conservativeResize(all.size() + 1);
      all[all.size() - 1] = amplitudes[i];
    }
  }
  if (model.family.softmax()) model.family.classes = model.output_count();
}

// Columns with a sign of this kind.
std::vector<std::string> monotone(const Model& model, double sign) {
  std::vector<std::string> columns;
  const Vector& signs = model.constraints.signs();
  for (Index j = 0; j < signs.size(); ++j) {
    if (signs[j] == sign) columns.push_back(model.columns[static_cast<std::size_t>(j)]);
  }
  return columns;
}

nb::tuple state_of(const Model& model) {
  const Standardization& step = model.standardization;
  const Provenance& from = model.provenance;
  return nb::make_tuple(
      model.columns, encodings(model), model.target, model.affine.alpha,
      to_numpy(model.affine.beta), to_numpy(directions(model)),
      to_numpy(numbers(model, &Feature::bias)), to_numpy(numbers(model, &Feature::amplitude)),
      model.biases,
      nb::make_tuple(std::string(name(step.kind)), to_numpy(step.center), to_numpy(step.scale),
                     to_numpy(step.map), step.target_scale),
      nb::make_tuple(from.lodestone_version, from.command, from.source, from.seed, from.lambda,
                     from.lambda_in_target_units, from.rows),
      nb::make_tuple(std::string(name(model.family.kind)), model.family.huber_width,
                     model.family.linear_ridge, std::string(name(model.family.linear))),
      ridges(model), model.classes, model.offset_column, imputations(model),
      nb::make_tuple(outputs(model), to_numpy(step.target_scales)),
      to_numpy(model.constraints.signs()));
}

// Elements of a tuple are read without a look at its length.
void check_length(const nb::tuple& state, std::size_t length) {
  if (nb::len(state) != length) throw InvalidArgument("model", "a state of another version", "");
}

nb::tuple part_of(const nb::tuple& state, int position, std::size_t length) {
  auto part = nb::cast<nb::tuple>(state[position]);
  check_length(part, length);
  return part;
}

void restore(Model& model, const nb::tuple& state) {
  check_length(state, 18);
  const nb::tuple step = part_of(state, 9, 5);
  const nb::tuple from = part_of(state, 10, 7);
  const nb::tuple family = part_of(state, 11, 4);
  Model made;
  made.columns = nb::cast<std::vector<std::string>>(state[0]);
  for (const auto& [column, values] : nb::cast<std::vector<EncodingState>>(state[1])) {
    made.encodings.push_back({column, values});
  }
  made.target = nb::cast<std::string>(state[2]);
  made.affine.alpha = nb::cast<double>(state[3]);
  made.affine.beta = sized(nb::cast<VectorIn>(state[4]), static_cast<Index>(made.columns.size()));
  set_features(made, nb::cast<MatrixIn>(state[5]), nb::cast<VectorIn>(state[6]),
               nb::cast<VectorIn>(state[7]));
  made.biases = nb::cast<bool>(state[8]);
  made.standardization.kind = parse_standardization(nb::cast<std::string>(step[0]));
  made.standardization.center = sized(nb::cast<VectorIn>(step[1]), made.dimension());
  made.standardization.scale = sized(nb::cast<VectorIn>(step[2]), made.dimension());
  made.standardization.map = view(nb::cast<MatrixIn>(step[3]));
  if (made.standardization.map.size() > 0 && made.standardization.map.rows() != made.dimension()) {
    throw InvalidArgument("model", "a map of another size", "it must have a row for each column");
  }
  made.standardization.target_scale = nb::cast<double>(step[4]);
  made.provenance = {nb::cast<std::string>(from[0]), nb::cast<std::string>(from[1]),
                     nb::cast<std::string>(from[2]), nb::cast<std::uint64_t>(from[3]),
                     nb::cast<double>(from[4]),      nb::cast<double>(from[5]),
                     nb::cast<Index>(from[6])};
  made.family.kind = parse_family(nb::cast<std::string>(family[0]));
  made.family.huber_width = nb::cast<double>(family[1]);
  made.family.linear_ridge = nb::cast<double>(family[2]);
  made.family.linear = parse_linear_part(nb::cast<std::string>(family[3]));
  made.classes = nb::cast<std::vector<std::string>>(state[13]);
  made.offset_column = nb::cast<std::string>(state[14]);
  for (const auto& [column, mean, has_indicator] :
       nb::cast<std::vector<ImputationState>>(state[15])) {
    made.imputations.push_back({column, mean, has_indicator});
  }
  for (const auto& [first, count, freedom, explained] :
       nb::cast<std::vector<RidgeState>>(state[12])) {
    made.ridges.push_back({first, count, freedom, explained});
  }
  const nb::tuple outputs = part_of(state, 16, 2);
  restore_outputs(made, nb::cast<nb::list>(outputs[0]));
  made.standardization.target_scales = view(nb::cast<VectorIn>(outputs[1]));
  made.constraints = SignConstraints(view(nb::cast<VectorIn>(state[17])));
  new (&model) Model(std::move(made));
}

Model from_arrays(const VectorIn& a, const MatrixIn& W, const std::optional<VectorIn>& b,
                  double alpha, const VectorIn& beta, std::vector<std::string> columns,
                  std::string target) {
  Model model;
  model.columns = std::move(columns);
  model.target = std::move(target);
  model.biases = b.has_value();
  const auto d = static_cast<Index>(model.columns.size());
  model.affine = {alpha, sized(beta, d)};
  const Vector zero = Vector::Zero(view(a).size());
  const VectorIn no_biases(zero.data(), {static_cast<std::size_t>(zero.size())}, nb::handle());
  set_features(model, W, b ? *b : no_biases, a);
  model.standardization.center = Vector::Zero(d);
  model.standardization.scale = Vector::Ones(d);
  return model;
}

// ---- intervals

using FoldState = std::tuple<Model, VectorOut, double, Index>;

std::vector<FoldState> folds_of(const PredictionIntervals& intervals) {
  std::vector<FoldState> state;
  for (const PredictionIntervals::Fold& fold : intervals.folds) {
    state.emplace_back(fold.model, to_numpy(fold.residuals), fold.weight, fold.rows);
  }
  return state;
}

void restore_folds(PredictionIntervals& intervals, const nb::list& state) {
  PredictionIntervals made;
  for (const nb::handle item : state) {
    const auto fold = nb::cast<nb::tuple>(item);
    check_length(fold, 4);
    made.folds.push_back({nb::cast<Model>(fold[0]), view(nb::cast<VectorIn>(fold[1])),
                          nb::cast<double>(fold[2]), nb::cast<Index>(fold[3])});
  }
  new (&intervals) PredictionIntervals(std::move(made));
}

void bind_intervals(nb::module_& module) {
  nb::class_<PredictionIntervals>(
      module, "PredictionIntervals",
      "What intervals around predictions are made of: the chosen model without each fold of the\n"
      "cross-validation, and its residuals at the rows of that fold (docs/math.md, 9.9).")
      .def_static(
          "read", [](nb::handle path) { return read_intervals(to_path(path)); }, nb::arg("path"),
          nb::sig("def read(path: str | bytes | os.PathLike) -> PredictionIntervals"),
          "Reads intervals.json of a fit. Raises OSError.")
      .def(
          "around",
          [](const PredictionIntervals& intervals, const MatrixIn& X, double level,
             const std::optional<VectorIn>& offset) {
            const auto rows = view(X);
            return to_numpy(
                without_lock([&] { return intervals.around(rows, level, to_offset(offset)); }));
          },
          nb::arg("X"), nb::arg("level"), nb::arg("offset") = nb::none(),
          "Lower and upper ends, an array (n, 2), for rows X (n, d) with their offset (n) where "
          "the\n"
          "model has one: they hold a share `level` of new targets. Raises ValueError for a level "
          "outside (0, 1) and another number of "
          "columns.")
      .def("__getstate__",
           [](const PredictionIntervals& intervals) {
             nb::list state;
             for (FoldState& fold : folds_of(intervals)) state.append(nb::cast(std::move(fold)));
             return state;
           })
      .def("__setstate__", [](PredictionIntervals& intervals,
                              const nb::list& state) { restore_folds(intervals, state); })
      .def("__repr__", [](const PredictionIntervals& intervals) {
        return "<lodestone.PredictionIntervals of " + std::to_string(intervals.folds.size()) +
               " folds>";
      });
}

}  // namespace

void bind_model(nb::module_& module) {
  // Arrays that properties return own what they hold, not a part of the model.
  constexpr auto arrays_own = nb::rv_policy::automatic;
  nb::class_<Model>(
      module, "Model",
      "A trained predictor in the data's own units, the score\n\n"
      "    alpha + beta . x + sum_i amplitudes[i] * relu(directions[i] . x + biases[i])\n\n"
      "told as its family tells scores: as it is, or the probability of 1 or mean it stands for.\n"
      "What `lodestone fit` and `lodestone train` write as model.json. Read-only; it\n"
      "can be pickled and copied, and predicts the same bits afterwards.")
      .def_static(
          "read", [](nb::handle path) { return read_model(to_path(path)); }, nb::arg("path"),
          nb::sig("def read(path: str | bytes | os.PathLike) -> Model"),
          "Reads model.json or network.json. Raises OSError for a missing, damaged or newer file.")
      .def_static(
          "read_network", [](nb::handle path) { return read_network_arrays(to_path(path)); },
          nb::arg("path"), nb::sig("def read_network(path: str | bytes | os.PathLike) -> Model"),
          "Reads a network trained elsewhere from an NPZ file with the arrays a, W (and b, alpha,\n"
          "beta), or those of scikit-learn's MLPRegressor, or of a PyTorch state_dict. Raises "
          "OSError.")
      .def_static(
          "from_arrays", &from_arrays, nb::arg("a"), nb::arg("W"), nb::arg("b").none(),
          nb::arg("alpha"), nb::arg("beta"), nb::arg("columns"), nb::arg("target"),
          "A network in the data's own units: a (m), W (m, d), b (m) or None, alpha, beta (d).")
      .def(
          "write", [](const Model& model, nb::handle path) { write_model(to_path(path), model); },
          nb::arg("path"), nb::sig("def write(self, path: str | bytes | os.PathLike) -> None"),
          "Writes the file that `lodestone predict` and `Model.read` take, whole or not at all.\n"
          "Raises OSError.")
      .def(
          "predict",
          [](const Model& model, const MatrixIn& X, const std::optional<VectorIn>& offset) {
            return predict(model, X, offset);
          },
          nb::arg("X"), nb::arg("offset") = nb::none(),
          "Predictions (n) for rows X (n, d) of float64, columns in the model's order; other\n"
          "layouts are copied first: scores, of the logistic family the probability of 1, of\n"
          "counts their mean. With several outputs (n, outputs): each target's prediction, or the\n"
          "probability of each class. `offset` (n) is added to the scores; a model that was "
          "trained\n"
          "with one needs it. Raises ValueError for another number of columns or offsets.")
      .def(
          "scores",
          [](const Model& model, const MatrixIn& X, const std::optional<VectorIn>& offset) {
            return scores(model, X, offset);
          },
          nb::arg("X"), nb::arg("offset") = nb::none(),
          "The scores (n), or (n, outputs), themselves. Raises as `predict`.")
      .def(
          "output",
          [](const Model& model, Index output) {
            if (output < 0 || output >= model.output_count()) {
              throw InvalidArgument("output", std::to_string(output),
                                    "must be 0 to " + std::to_string(model.output_count() - 1));
            }
            return model.output(output);
          },
          nb::arg("output"),
          "One of several outputs as a model of its own, whose predictions are that output's\n"
          "scores; of one output the model itself. Raises ValueError.")
      .def_prop_ro(
          "outputs",
          [](const Model& model) {
            std::vector<std::string> names;
            for (const Output& output : model.outputs) names.push_back(output.name);
            return names;
          },
          "Names of several outputs, targets or classes; empty where there is one.")
      .def(
          "predict_finite", &predict_finite, nb::arg("X"),
          "The same for at least one row where all of X and all predictions are finite, else None.")
      .def(
          "features",
          [](const Model& model, const MatrixIn& X) { return to_numpy(features(model, X)); },
          nb::arg("X"), "relu(directions . x + biases) for rows X (n, d): an array (n, features).")
      .def_prop_ro(
          "columns", [](const Model& model) { return model.columns; }, "Names of the d inputs.")
      .def_prop_ro("encodings", &encodings,
                   "(column, values) of each column that held labels: it became one 0/1 column a "
                   "value, which\n"
                   "`columns` has as \"column=value\".")
      .def_prop_ro(
          "imputations", &imputations,
          "(column, mean, has_indicator) of each column of the table whose missing values the\n"
          "model takes: the number in their place (None: it held labels, whose 0/1 columns are\n"
          "0), and whether `columns` has the 0/1 column \"column is missing\". Empty where they "
          "are\nrefused.")
      .def_prop_ro(
          "target", [](const Model& model) { return model.target; }, "Name of the target.")
      .def_prop_ro(
          "family", [](const Model& model) { return std::string(name(model.family.kind)); },
          "'square', 'logistic', 'poisson', 'huber' or 'softmax': what a score means.")
      .def_prop_ro(
          "classes", [](const Model& model) { return model.classes; },
          "The texts that 0, 1, ... stand for, in that order; empty where the target's numbers\n"
          "are meant.")
      .def_prop_ro(
          "offset", [](const Model& model) { return model.offset_column; },
          "Name of the known part of a score that training had; empty where scores have none.")
      .def_prop_ro(
          "huber_width", [](const Model& model) { return model.family.huber_width; },
          "The error beyond which Huber's loss grows linearly, in units of the target.")
      .def_prop_ro(
          "linear", [](const Model& model) { return std::string(name(model.family.linear)); },
          "'free', or 'none' where features carry what is linear: beta is 0.")
      .def_prop_ro(
          "increasing", [](const Model& model) { return monotone(model, 1.0); },
          "Names of the columns in which scores never fall, as the fit was told.")
      .def_prop_ro(
          "decreasing", [](const Model& model) { return monotone(model, -1.0); },
          "Names of the columns in which scores never rise, as the fit was told.")
      .def_prop_ro(
          "alpha", [](const Model& model) { return alpha(model); },
          nb::sig("def alpha(self) -> typing.Any"), "The constant; of several outputs (outputs).")
      .def_prop_ro(
          "beta", [](const Model& model) { return beta(model); }, arrays_own,
          "The linear part (d), in units of the target per unit of the column; of several outputs\n"
          "(outputs, d).")
      .def_prop_ro(
          "directions", [](const Model& model) { return to_numpy(directions(model)); }, arrays_own,
          "(features, d), each of unit length in standardized columns, in 1 / units of the column.")
      .def_prop_ro(
          "biases", [](const Model& model) { return to_numpy(numbers(model, &Feature::bias)); },
          arrays_own, "(features).")
      .def_prop_ro(
          "amplitudes", [](const Model& model) { return amplitudes(model); }, arrays_own,
          "(features), in units of the target; of several outputs (features, outputs).")
      .def_prop_ro("ridges", &ridges,
                   "(first, count, degrees_of_freedom, explained) of each smooth function: so many "
                   "features\n"
                   "from the first on share a direction and are linear between its knots. Empty "
                   "where\n"
                   "each feature stands for itself.")
      .def_prop_ro(
          "linear_ridge", [](const Model& model) { return model.family.linear_ridge; },
          "The ridge on the linear part that it was trained with; 0 where that was free.")
      .def_prop_ro(
          "has_biases", [](const Model& model) { return model.biases; },
          "Whether neurons have a bias of their own, penalized like a weight.")
      .def_prop_ro(
          "standardization",
          [](const Model& model) { return std::string(name(model.standardization.kind)); },
          "'none', 'scale' or 'whiten': the coordinates of training.")
      .def_prop_ro(
          "center", [](const Model& model) { return to_numpy(model.standardization.center); },
          arrays_own, "(d) what training subtracted from the columns.")
      .def_prop_ro(
          "scale", [](const Model& model) { return to_numpy(model.standardization.scale); },
          arrays_own, "(d) what it divided them by.")
      .def_prop_ro(
          "target_scale", [](const Model& model) { return model.standardization.target_scale; },
          "What it divided the target by; of several targets 1.")
      .def_prop_ro(
          "weight_decay", [](const Model& model) { return model.provenance.lambda; },
          "Lambda of the standardized problem it was trained with; 0 where that is not known.")
      .def_prop_ro(
          "target_scales",
          [](const Model& model) { return to_numpy(model.standardization.target_scales); },
          arrays_own, "(outputs) what it divided several targets by; empty where there is one.")
      .def("__getstate__", &state_of)
      .def("__setstate__", &restore)
      .def("__repr__", [](const Model& model) {
        return "<lodestone.Model of " + std::to_string(model.dimension()) + " columns with " +
               std::to_string(model.shown_count()) +
               (model.ridges.empty() ? " features>" : " smooth functions>");
      });
  bind_intervals(module);
}

}  // namespace lodestone::python
