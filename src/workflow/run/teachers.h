// What networks of a run are distilled from: another of them, a supernet's largest, a file of weights, an imported net.
#pragma once

#include <map>
#include <string>

#include "workflow/run/pipeline.h"

namespace triage::workflow {

// Throws Error, before anything is trained, where a stage's teacher is a file that cannot teach it.
void check_teacher_file(const Workspace& workspace, const StageConfig& stage);

// The teachers of the stages, each loaded once and kept while others may learn from it.
class Teachers {
 public:
  explicit Teachers(const Workspace& workspace) : workspace_(workspace) {}

  // Sets the teacher of a job of `stage`. A stage that teaches must have been keep()-ed, or be imported.
  void add_to(train::TrainJob& job, const StageConfig& stage);
  bool has(const std::string& name) const { return networks_.contains(name); }
  void keep(const std::string& name, const supernet::AnyNetwork& network, Json identity);

 private:
  void load(const std::string& name, const fs::path& file);
  void add_imported(train::TrainJob& job, const StageConfig& stage);

  const Workspace& workspace_;
  std::map<std::string, supernet::AnyNetwork> networks_;
  std::map<std::string, Json> identities_;
};

// A network's weights start from this file, whose stage says `from`.
fs::path start_file(const Workspace& workspace, const StageConfig& stage);

// An imported net as a teacher (imported_teacher.cc): of the stage that is imported. Its identity: the checksum of the
// imported file. Of several processes rank 0 imports it and each asks a session of its own; all must ask at the same
// time.
struct ImportedTeacher {
  std::function<at::Tensor(const at::Tensor& images)> ask;
  std::string sha256;
};
ImportedTeacher imported_teacher(const Workspace& workspace, const StageConfig& imported);
void check_imported_teacher(const Workspace& workspace, const StageConfig& imported);

}  // namespace triage::workflow
