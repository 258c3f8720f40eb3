#pragma once

#include <nanobind/nanobind.h>

namespace lodestone::python {

/// One for each file of this folder that adds something to the module.
void bind_model(nanobind::module_& module);
void bind_objective(nanobind::module_& module);
void bind_fit(nanobind::module_& module);
void bind_train(nanobind::module_& module);
void bind_flow(nanobind::module_& module);
void bind_certify(nanobind::module_& module);
void bind_teacher(nanobind::module_& module);
void bind_options(nanobind::module_& module);

}  // namespace lodestone::python
