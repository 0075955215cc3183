#include "workflow/study/cut_subnet.h"

#include "core/files/new_files.h"
#include "workflow/build/plan_source.h"

namespace triage::workflow {

family::NetSize cut_subnet(const OpenSupernet& supernet, const family::ArchSpec& subnet,
                           const train::RecalibrationOptions& recalibration, const fs::path& onnx,
                           const fs::path& weights) {
  const supernet::AnyNetwork network = supernet.cutter(recalibration).cut(subnet);
  NewFiles files(onnx.parent_path(), onnx.stem());
  write_net(supernet.workspace, network, onnx.stem(), files.path());
  train::save_network(files.path() / weights.filename(), *network, network->state(),
                      {supernet.trained.classes, supernet.trained.normalization, supernet.trained.identity});
  files.commit();
  return supernet.size(subnet);
}

}  // namespace triage::workflow
