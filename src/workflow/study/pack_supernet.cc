#include "core/files/new_directory.h"
#include "workflow/study/cut_subnet.h"

namespace triage::workflow {

void pack_supernet(const OpenSupernet& supernet, const fs::path& out) {
  NewDirectory made(out);
  train::save_network(made.path() / "supernet.pt", *supernet.trained.network, supernet.trained.network->state(),
                      {supernet.trained.classes, supernet.trained.normalization, supernet.trained.identity},
                      train::WeightStorage::bf16);
  write_file_atomic(made.path() / "config.toml", supernet.workspace.config.text);
  made.take_over({});
  made.commit();
}

}  // namespace triage::workflow
