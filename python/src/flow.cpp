#include "lodestone/runs/flow.hpp"

#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>

#include <optional>
#include <utility>

#include "arrays.hpp"
#include "bindings.hpp"
#include "interpreter.hpp"
#include "lodestone/runs/options.hpp"
#include "options.hpp"
#include "records.hpp"
#include "results.hpp"
#include "teacher.hpp"

namespace lodestone::python {
namespace {

nb::dict dict_of_flow(FlowResult result) {
  nb::dict dict = dict_of(result.summary);
  dict["message"] = in_python_words(result.flow.message);
  dict["recovery"] = as_dict(result.recovery);
  nb::list history;
  for (const FlowRow& row : result.flow.history) history.append(dict_of(row));
  dict["history"] = history;
  nb::list events;
  for (const FlowEvent& event : result.flow.events) events.append(dict_of(event));
  dict["events"] = events;
  nb::list networks;
  for (Network& network : result.flow.networks) {
    networks.append(nb::make_tuple(to_numpy(std::move(network.a)), to_numpy(std::move(network.W))));
  }
  dict["networks"] = networks;
  return dict;
}

}  // namespace

void bind_flow(nb::module_& module) {
  module.def(
      "flow",
      [](const MatrixIn& directions, const VectorIn& amplitudes,
         const std::optional<std::pair<VectorIn, MatrixIn>>& start, const OptionTexts& texts,
         const nb::object& on_record) {
        FlowRequest request;
        set_options(texts, flow_options(request));
        request.teacher = "arrays";
        std::optional<Network> network;
        if (start) network = to_network(start->first, start->second);
        const Teacher teacher = to_teacher(directions, amplitudes);
        LongCall call;
        FlowObserver observer;
        observer.should_stop = [&] { return call.should_stop(); };
        if (!on_record.is_none()) {
          observer.on_record = [&](const FlowRow& row) {
            call.ask([&] {
              if (nb::cast<bool>(nb::bool_(on_record(dict_of(row))))) call.stop();
            });
          };
        }
        FlowResult result;
        call.run([&] {
          const FlowProblem problem = make_flow_problem(request, teacher, std::move(network));
          result = run_flow(problem, request, observer);
        });
        nb::dict dict = dict_of_flow(std::move(result));
        dict["error"] = call.error();
        return dict;
      },
      nb::arg("directions"), nb::arg("amplitudes"), nb::arg("start").none(), nb::arg("options"),
      nb::arg("on_record").none());
}

}  // namespace lodestone::python
