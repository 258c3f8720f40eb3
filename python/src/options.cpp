#include "options.hpp"

#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>

#include "bindings.hpp"
#include "results.hpp"

namespace lodestone::python {
namespace {

nb::dict as_dict(const Option& option) {
  nb::dict dict;
  dict["name"] = option.name;
  dict["is_number"] = option.is_number();
  dict["default"] = option.default_value;
  dict["range"] = option.range ? option.range->text() : std::string();
  dict["unit"] = option.unit;
  dict["group"] = option.group;
  dict["help"] = in_python_words(option.description());
  return dict;
}

// The records of a verb's options: what the arguments of the package are held against.
nb::list records(const std::string& verb) {
  TrainOptions train;
  FitRequest fit;
  CertifyRequest certify;
  const std::vector<Option> table = verb == "train" ? train_options(train)
                                    : verb == "fit" ? fit_options(fit)
                                                    : certify_options(certify);
  nb::list list;
  for (const Option& option : table) list.append(as_dict(option));
  return list;
}

}  // namespace

void bind_options(nb::module_& module) {
  module.def("options", &records, nb::arg("verb"),
             "Records of the options of \"train\", \"fit\" or \"certify\": name, default as text, "
             "range, unit,\ngroup and help.");
}

}  // namespace lodestone::python
