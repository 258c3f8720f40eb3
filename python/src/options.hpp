#pragma once

#include <nanobind/stl/map.h>
#include <nanobind/stl/string.h>

#include <map>
#include <string>
#include <vector>

#include "lodestone/core/error.hpp"
#include "lodestone/runs/options.hpp"

namespace lodestone::python {

/// Arguments of Python by name with their values in text, so that the command line and Python share
/// one table, with its ranges and its messages. Numbers come in Python's shortest form that reads
/// back exactly.
using OptionTexts = std::map<std::string, std::string>;

/// The name that an option of the library has among Python's arguments: weight_decay_start for
/// lambda_start, because `lambda` is a keyword of Python. Other names are the same in both.
std::string python_name(const std::string& option);

/// Throws InvalidArgument for a name that is not in the table, and what Option::set throws.
void set_options(const OptionTexts& texts, const std::vector<Option>& table);

}  // namespace lodestone::python
