// In place of import_stages.cc and imported_teacher.cc in a program that was built without ONNX.
#include "workflow/run/teachers.h"

namespace triage::workflow {

void check_imports(const Workspace& w) {
  for (const StageConfig& stage : w.config.stages) {
    if (stage.onnx)
      fail(
          "{}: stage '{}': onnx: expected stages that are trained, found a net to import: this program was built "
          "without ONNX, with the preset cuda",
          w.config.origin, stage.name);
  }
}

void check_imported_teacher(const Workspace& w, const StageConfig& imported) {
  fail(
      "{}: {}: teacher: expected a network of ours (.pt), found {}: this program was built without ONNX, with the "
      "preset "
      "cuda",
      w.config.origin, imported.name, imported.onnx->file.string());
}

ImportedTeacher imported_teacher(const Workspace& workspace, const StageConfig& imported) {
  check_imported_teacher(workspace, imported);
  return {};
}

void make_imports(const Workspace&) {}  // there are none: check_imports() was asked first

}  // namespace triage::workflow
