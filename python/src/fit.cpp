#include "lodestone/fit/fit.hpp"

#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <mutex>

#include "arrays.hpp"
#include "bindings.hpp"
#include "interpreter.hpp"
#include "lodestone/core/stopwatch.hpp"
#include "lodestone/runs/train_inputs.hpp"
#include "lodestone/version.hpp"
#include "options.hpp"
#include "results.hpp"
#include "teacher.hpp"

namespace lodestone::python {
namespace {

// What both kinds of fit share: options from text, the watch on time and signals, progress.
class Fitting {
 public:
  explicit Fitting(const OptionTexts& texts) {
    set_options(texts, fit_options(request_));
    request_.how.standardize = request_.standardize.value_or(Standardization::Kind::scale);
    request_.how.biases = request_.biases.value_or(true);
  }

  FitOptions& how() { return request_.how; }

  nb::dict run(const std::function<FitResult(const FitOptions&, const FitObserver&)>& fit,
               const nb::object& on_progress, const std::string& source, Index rows) {
    LongCall call;
    FitObserver observer;
    observer.should_stop = [&] { return call.should_stop(); };
    observer.max_seconds = request_.max_seconds - stopwatch_.seconds();
    if (!on_progress.is_none()) {
      observer.on_progress = [&](double share, const std::string& what) {
        call.ask([&] { on_progress(share, what); });
      };
    }
    FitResult result;
    call.run([&] { result = fit(request_.how, observer); });
    std::vector<Model*> models = {&result.model, &result.network_model};
    for (CurvePoint& point : result.curve) models.push_back(&point.model);
    for (Model* model : models) {
      model->provenance = {version,       "fit",
                           source,        request_.how.seed,
                           result.lambda, result.lambda * result.standardization.target_scale,
                           rows};
    }
    nb::dict dict = as_dict(std::move(result));
    dict["error"] = call.error();
    return dict;
  }

 private:
  FitRequest request_;
  Stopwatch stopwatch_;
};

// A column that held labels, and the values of its 0/1 columns.
using EncodingParts = std::pair<std::string, std::vector<std::string>>;

// A column, its mean where it holds numbers, and whether it has an indicator.
using ImputationParts = std::tuple<std::string, std::optional<double>, bool>;

using Rows = nb::ndarray<const std::int64_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

std::vector<Index> to_rows(const Rows& rows) { return {rows.data(), rows.data() + rows.shape(0)}; }

}  // namespace

void bind_fit(nb::module_& module) {
  module.def(
      "fit",
      [](const MatrixIn& X, const VectorIn& y, const std::optional<VectorIn>& weights,
         std::vector<std::string> columns, std::string target, const OptionTexts& options,
         const std::vector<std::pair<Rows, Rows>>& splits, const nb::object& on_progress,
         const std::vector<EncodingParts>& encodings, const std::optional<VectorIn>& offset,
         const std::string& offset_name, const std::vector<ImputationParts>& imputations,
         const std::optional<MatrixIn>& targets, std::vector<std::string> target_names,
         std::vector<std::string> classes) {
        Dataset data = to_dataset(X, y, weights, std::move(columns), std::move(target));
        set_offset(data, offset, offset_name);
        for (const auto& [column, values] : encodings) data.encodings.push_back({column, values});
        for (const auto& [column, mean, has_indicator] : imputations) {
          data.imputations.push_back({column, mean, has_indicator});
        }
        if (targets) data.Y = view(*targets);
        data.targets = std::move(target_names);
        data.classes = std::move(classes);
        const Index rows = data.X.rows();
        Fitting fitting(options);
        for (const auto& [training, held_out] : splits) {
          fitting.how().splits.push_back({to_rows(training), to_rows(held_out)});
        }
        return fitting.run(
            [&](const FitOptions& how, const FitObserver& observer) {
              return fit(std::move(data), std::nullopt, how, observer);
            },
            on_progress, "arrays", rows);
      },
      nb::arg("X"), nb::arg("y"), nb::arg("sample_weight").none(), nb::arg("columns"),
      nb::arg("target"), nb::arg("options"), nb::arg("splits"), nb::arg("on_progress").none(),
      nb::arg("encodings") = std::vector<EncodingParts>(), nb::arg("offset") = nb::none(),
      nb::arg("offset_name") = "offset", nb::arg("imputations") = std::vector<ImputationParts>(),
      nb::arg("targets") = nb::none(), nb::arg("target_names") = std::vector<std::string>(),
      nb::arg("classes") = std::vector<std::string>());
  module.def(
      "mean_of_present",
      [](const VectorIn& values, const VectorIn& weights) {
        return mean_of_present(view(values), view(weights));
      },
      nb::arg("values"), nb::arg("weights"));
  module.def(
      "read_rows",
      [](const OptionTexts& options, const std::string& run) {
        FitRequest request;
        set_options(options, fit_options(request));
        if (!run.empty()) request.data = source_of_run(run, std::move(request.data));
        Dataset data = without_lock([&] { return read_dataset(request.source()); });
        return nb::make_tuple(to_numpy(std::move(data.X)), to_numpy(std::move(data.y)),
                              data.columns);
      },
      nb::arg("options"), nb::arg("run") = "");
}

}  // namespace lodestone::python
