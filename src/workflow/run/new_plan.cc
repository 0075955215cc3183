#include "workflow/run/new_plan.h"

#include "core/error.h"
#include "runtime/control/curve_file.h"

namespace triage::workflow {
namespace {

constexpr const char* kBesidePlan[] = {"costs.json", "latency.json", "router.pt", "router.json", "int8.json"};

std::set<std::string> with_stage_files(std::set<std::string> names, const fs::path& directory) {
  for (const std::string& file : files_of_plan(directory)) {
    if (file.ends_with(".onnx") && file != "plan.onnx") names.insert(file);
  }
  return names;
}

bool is_regular(const fs::path& path) { return fs::symlink_status(path).type() == fs::file_type::regular; }

// A link to RUN/plan/NAME at RUN/NAME, whatever was there; a copy where the file system has no links.
void link_into_plan(const fs::path& run, const std::string& name) {
  const fs::path target = fs::path("plan") / name;
  if (fs::is_symlink(run / name) && fs::read_symlink(run / name) == target) return;
  const TemporaryDirectory place(run, name);
  std::error_code error;
  fs::create_symlink(target, place.path() / name, error);
  if (error)
    write_file_atomic(run / name, read_file(run / target));
  else
    fs::rename(place.path() / name, run / name);
}

// Runs of before have the files themselves: they become links to copies with the same bytes.
void move_into_plan(const fs::path& run, const std::string& name) {
  if (!is_regular(run / name) || !fs::is_directory(run / "plan")) return;
  write_file_atomic(run / "plan" / name, read_file(run / name));
  link_into_plan(run, name);
}

}  // namespace

std::set<std::string> files_of_plan(const fs::path& directory) {
  if (!fs::exists(directory)) return {};
  std::set<std::string> files{"plan.json", "plan.onnx", runtime::kCurveFile};
  for (const fs::path& file : compiler::compiled_files(directory)) files.insert(file.filename());
  try {
    const plan::Plan plan = plan::load_plan(directory);
    for (const plan::Stage& stage : plan.stages) {
      files.insert(stage.onnx);
      for (const engine::Artifact& artifact : stage.artifacts) files.insert(artifact.file);
    }
  } catch (const Error&) {
    return files;  // which stages it has is not known: their files stay
  }
  return files;
}

NewPlan::NewPlan(fs::path run) : run_(std::move(run)), made_(run_ / "plan") {}

void NewPlan::publish() {
  const fs::path old = run_ / "plan";
  std::set<std::string> names(std::begin(kBesidePlan), std::end(kBesidePlan));
  names = with_stage_files(with_stage_files(names, old), directory());
  for (const std::string& name : names) move_into_plan(run_, name);
  std::set<std::string> replaced = files_of_plan(old);
  replaced.insert(names.begin(), names.end());
  made_.take_over(replaced);
  made_.commit();
  for (const std::string& name : names) {
    if (fs::exists(old / name))
      link_into_plan(run_, name);
    else
      fs::remove(run_ / name);
  }
}

}  // namespace triage::workflow
