// nanobind, as all files of the module see it: which conversions they know has to be the same everywhere.
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

namespace triage::python {

namespace nb = nanobind;

void bind_outcomes(nb::module_& module);
void bind_classifier(nb::module_& module);
void bind_run_files(nb::module_& module);

}  // namespace triage::python
