#pragma once

// What the library found, as dictionaries of numbers and arrays: the Python side makes its own
// documented types of them, which can be pickled and printed.

#include <nanobind/nanobind.h>

#include <string>
#include <vector>

#include "lodestone/certify/certificate.hpp"
#include "lodestone/certify/model_certificate.hpp"
#include "lodestone/fit/fit.hpp"
#include "lodestone/model/recovery.hpp"
#include "lodestone/runs/train.hpp"
#include "lodestone/verifier/verifier.hpp"

namespace lodestone::python {

namespace nb = nanobind;

nb::dict as_dict(const Certificate& certificate);
nb::dict as_dict(const Recovery& recovery);
nb::dict as_dict(const ModelCertificate& certificate);
nb::dict as_dict(const VerifiedNumbers& numbers);
nb::dict as_dict(const HistoryRow& row);

/// Takes the result's parts: arrays are moved out of it.
nb::dict as_dict(FitResult result);
nb::dict as_dict(TrainResult result);

/// The name that an option of the command line has in Python: max_features for max-features, and
/// weight_decay_start for lambda-start, because `lambda` is a keyword of Python.
std::string python_name(std::string option);

/// Text with the command line's names (--max-features) in Python's words (max_features).
std::string in_python_words(const std::string& text);
std::vector<std::string> in_python_words(std::vector<std::string> texts);

}  // namespace lodestone::python
