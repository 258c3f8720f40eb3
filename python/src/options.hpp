#pragma once

#include <nanobind/stl/map.h>
#include <nanobind/stl/string.h>

#include <map>
#include <string>
#include <vector>

#include "lodestone/core/error.hpp"
#include "lodestone/runs/options.hpp"

namespace lodestone::python {

/// Options by name with their values in text, so that the command line and Python share one table,
/// with its ranges and its messages. Numbers come in Python's shortest form that reads back
/// exactly.
using OptionTexts = std::map<std::string, std::string>;

/// Throws InvalidArgument for a name that is not in the table, and what Option::set throws.
inline void set_options(const OptionTexts& texts, const std::vector<Option>& table) {
  for (const auto& [name, text] : texts) {
    const Option* found = nullptr;
    for (const Option& option : table) {
      if (option.name == name) found = &option;
    }
    if (found == nullptr) throw InvalidArgument(name, "'" + text + "'", "there is no such option");
    found->set(text);
  }
}

}  // namespace lodestone::python
