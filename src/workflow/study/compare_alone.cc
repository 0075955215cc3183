#include "workflow/study/compare_alone.h"

#include <algorithm>

#include "train/files/checkpoint.h"

namespace triage::workflow {

std::vector<AloneNet> collect_alone(const OpenSupernet& supernet, const LabelledSplit& test,
                                    const LabelledSplit& validation, const std::vector<std::string>& sources) {
  std::vector<AloneNet> nets;
  for (const std::string& source : sources) {
    for (AloneNet& net : alone_nets(supernet, test, validation, source)) {
      if (std::ranges::find(nets, net.arch, &AloneNet::arch) == nets.end()) nets.push_back(std::move(net));
    }
  }
  return nets;
}

std::vector<SubnetPair> compare_alone(const OpenSupernet& supernet, const LabelledSplit& test,
                                      const LabelledSplit& validation, std::span<const AloneNet> nets) {
  const train::SubnetCutter cutter = supernet.cutter();
  std::vector<SubnetPair> pairs;
  for (const AloneNet& net : nets) {
    const supernet::AnyNetwork cut = cutter.cut(net.arch);
    pairs.push_back({.arch = net.arch,
                     .macs = supernet.size(net.arch).macs,
                     .origin = net.origin,
                     .alone = net.test,
                     .inherited = test.ask(*cut),
                     .alone_validation = net.validation,
                     .inherited_validation = share(validation.ask(*cut))});
  }
  return pairs;
}

Figure exits_gap(const OpenSupernet& supernet, std::span<const SubnetPair> pairs, const fs::path& without) {
  const OpenSupernet plain(without, supernet.workspace.context);
  Json expected = train::without_device(supernet.trained.identity),
       found = train::without_device(plain.trained.identity);
  for (Json* identity : {&expected, &found}) (*identity)["supernet"].erase("exits");
  if (expected != found || !plain.trained.network->exits().empty()) {
    fail("{}: expected a supernet trained as {} but without exits, found {}", plain.file.string(),
         supernet.file.string(), plain.trained.identity.dump());
  }
  const LabelledSplit test(plain, "test");
  const train::SubnetCutter cutter = plain.cutter();
  std::vector<SubnetPair> against(pairs.begin(), pairs.end());
  for (SubnetPair& pair : against) {
    pair.alone = test.ask(*cutter.cut(pair.arch));
  }
  return gap(against);
}

}  // namespace triage::workflow
