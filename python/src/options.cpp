#include "options.hpp"

#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>

#include <algorithm>
#include <string_view>

#include "bindings.hpp"
#include "results.hpp"

namespace lodestone::python {

std::string python_name(const std::string& option) {
  constexpr std::string_view lambda = "lambda";
  if (!option.starts_with(lambda)) return option;
  return "weight_decay" + option.substr(lambda.size());
}

void set_options(const OptionTexts& texts, const std::vector<Option>& table) {
  for (const auto& [name, text] : texts) {
    const auto found = std::find_if(table.begin(), table.end(), [&](const Option& option) {
      return python_name(option.name) == name;
    });
    if (found == table.end()) {
      throw InvalidArgument(name, "'" + text + "'", "there is no such option");
    }
    found->set(text);
  }
}

namespace {

nb::dict as_dict(const Option& option) {
  nb::dict dict;
  dict["name"] = python_name(option.name);
  dict["is_number"] = option.is_number();
  dict["default"] = option.default_value;
  dict["range"] = option.range ? option.range->text() : std::string();
  dict["unit"] = option.unit;
  dict["group"] = option.group;
  dict["help"] = in_python_words(option.description());
  return dict;
}

// The options of a verb, bound to requests that nothing else reads.
struct Records {
  explicit Records(const std::string& verb)
      : table(verb == "train"         ? train_options(train)
              : verb == "fit"         ? fit_options(fit)
              : verb == "certificate" ? certificate_options(certificate)
              : verb == "flow"        ? flow_options(flow)
                                      : certify_options(certify)) {}

  TrainOptions train;
  FitRequest fit;
  CertifyRequest certify;
  CertificateRequest certificate;
  FlowRequest flow;
  std::vector<Option> table;
};

nb::list records(const std::string& verb) {
  const Records all(verb);
  nb::list list;
  for (const Option& option : all.table) list.append(as_dict(option));
  return list;
}

void check_option(const std::string& verb, const std::string& name, const std::string& text,
                  const std::string& argument) {
  const Records scratch(verb);
  try {
    set_options({{name, text}}, scratch.table);
  } catch (const InvalidArgument& error) {
    throw InvalidArgument(argument, error.value(), error.rule());
  }
}

}  // namespace

void bind_options(nb::module_& module) {
  module.def(
      "options", &records, nb::arg("verb"),
      "Records of the options of \"train\", \"fit\", \"certify\", \"certificate\" or \"flow\": "
      "name,\ndefault as text, range, unit, group and help.");
  module.def("check_option", &check_option, nb::arg("verb"), nb::arg("name"), nb::arg("text"),
             nb::arg("argument"),
             "Raises ValueError, which names the argument, where the option does not take the "
             "text.");
}

}  // namespace lodestone::python
