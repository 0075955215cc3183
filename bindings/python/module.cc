// The extension module of the Python package: docs/python.md.
#include "bindings/python/errors.h"
#include "triage/classifier.h"

NB_MODULE(_triage, module) {
  using namespace triage::python;  // NOLINT(google-build-using-namespace)
  module.doc() = "Triage: classifies images, each with as much network as it needs.";
  module.attr("__version__") = triage::version();
  bind_errors(module);
  bind_outcomes(module);
  bind_classifier(module);
  bind_run_files(module);
}
