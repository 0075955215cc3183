#include "workflow/search/taken_nets.h"

#include <format>

#include "core/json.h"
#include "family/fixed/fixed.h"

namespace triage::workflow {

std::vector<TakenNet> take_nets(const search::Genome& plan, const FixedNets& nets, const fs::path& file) {
  const fs::path directory = fs::absolute(file).parent_path();
  std::vector<TakenNet> taken;
  for (std::size_t leg = 0; leg < plan.nets.size(); ++leg) {
    const family::ArchSpec& arch = plan.nets[leg].arch;
    if (!family::is_fixed(arch)) continue;
    const FixedNet& net = nets.of(arch);
    const std::string beside = std::format("{}-{}.preprocess.json", file.stem().string(), net_name(leg));
    const Json preprocess = to_json(nets.preprocess_of(net));
    if (!fs::exists(directory / beside))
      write_json(directory / beside, preprocess);
    else if (read_json(directory / beside) != preprocess)
      fail("{}: expected no such file, found one of another content", (directory / beside).string());
    taken.push_back({.net = arch.text(),
                     .onnx = fs::absolute(net.directory / net.stage.onnx).lexically_proximate(directory).string(),
                     .preprocess = beside});
  }
  return taken;
}

}  // namespace triage::workflow
