#include "workflow/search/taken_nets.h"

#include <format>

#include "core/json.h"
#include "family/fixed/fixed.h"

namespace triage::workflow {
namespace {

fs::path directory_of(const fs::path& file) { return fs::absolute(file).parent_path(); }

}  // namespace

std::vector<TakenNet> taken_nets(const search::Genome& plan, const FixedNets& nets, const fs::path& file) {
  std::vector<TakenNet> taken;
  for (std::size_t leg = 0; leg < plan.nets.size(); ++leg) {
    const family::ArchSpec& arch = plan.nets[leg].arch;
    if (!family::is_fixed(arch)) continue;
    const FixedNet& net = nets.of(arch);
    const fs::path onnx = fs::absolute(net.directory / net.stage.onnx);
    taken.push_back({.net = arch.text(),
                     .onnx = onnx.lexically_proximate(directory_of(file)).string(),
                     .preprocess = std::format("{}-{}.preprocess.json", file.stem().string(), net_name(leg))});
  }
  return taken;
}

void write_preprocess_files(std::span<const TakenNet> taken, const FixedNets& nets, const fs::path& file) {
  std::vector<std::pair<fs::path, Json>> missing;
  for (const TakenNet& net : taken) {
    fs::path path = directory_of(file) / net.preprocess;
    Json preprocess = to_json(nets.preprocess_of(nets.of(family::ArchSpec::parse(net.net))));
    if (!fs::exists(path))
      missing.emplace_back(std::move(path), std::move(preprocess));
    else if (read_json(path) != preprocess)
      fail("{}: expected no such file, found one of another content", path.string());
  }
  for (const auto& [path, preprocess] : missing) write_json(path, preprocess);
}

}  // namespace triage::workflow
