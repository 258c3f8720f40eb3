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
#include "lodestone/theory/recovery_bound.hpp"
#include "lodestone/verifier/verifier.hpp"

namespace lodestone::python {

namespace nb = nanobind;

nb::dict as_dict(const Certificate& certificate);
nb::dict as_dict(const Recovery& recovery);
nb::dict as_dict(const RecoveryBound& bound);
nb::dict as_dict(const ModelCertificate& certificate);
nb::dict as_dict(const VerifiedNumbers& numbers);
nb::dict as_dict(const HistoryRow& row);

/// Takes the result's parts: arrays are moved out of it.
nb::dict as_dict(FitResult result);
nb::dict as_dict(TrainResult result);

/// Options as Python's arguments: weight_decay for the library's lambda.
std::string in_python_words(const Message& message);

/// Each as (text, code, arguments).
nb::list as_list(const std::vector<Warning>& warnings);

}  // namespace lodestone::python
