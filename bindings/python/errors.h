// Errors of the library as exceptions of Python: the classes of triage/errors.py, by their code.
#pragma once

#include <string>
#include <vector>

#include "bindings/python/nanobind.h"
#include "core/warning.h"
#include "engine/status.h"

namespace triage::python {

// From now on what C++ throws (engine::Failure, Error, FileError, bad_alloc) arrives in Python as one of those classes.
void bind_errors(nb::module_& module);

// While it lives, warnings of this thread are kept; raise() hands them to Python's module warnings, with the GIL held.
class Warnings {
 public:
  Warnings();
  ~Warnings();
  Warnings(const Warnings&) = delete;
  Warnings& operator=(const Warnings&) = delete;
  void raise();

 private:
  std::vector<std::string> messages_;
  std::vector<std::string>* outer_;
};

}  // namespace triage::python
