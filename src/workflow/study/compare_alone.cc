#include "workflow/study/compare_alone.h"

#include <algorithm>

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
    supernet::Network cut = cutter.cut(net.arch);
    pairs.push_back({.arch = net.arch,
                     .macs = plan::arch_cost(net.arch, cut->input(), cut->classes()).macs,
                     .origin = net.origin,
                     .alone = net.test,
                     .inherited = test.ask(cut),
                     .alone_validation = net.validation,
                     .inherited_validation = share(validation.ask(cut))});
  }
  return pairs;
}

Figure exits_gap(const OpenSupernet& supernet, std::span<const SubnetPair> pairs, const fs::path& without) {
  const OpenSupernet plain(without, supernet.workspace.context);
  Json expected = supernet.trained.identity, found = plain.trained.identity;
  for (Json* identity : {&expected, &found}) (*identity)["supernet"].erase("exits");
  if (expected != found || !plain.trained.network->options().exits.empty()) {
    fail("{}: expected a supernet trained as {} but without exits, found {}", plain.file.string(),
         supernet.file.string(), plain.trained.identity.dump());
  }
  const LabelledSplit test(plain, "test");
  const train::SubnetCutter cutter = plain.cutter();
  std::vector<SubnetPair> against(pairs.begin(), pairs.end());
  for (SubnetPair& pair : against) {
    supernet::Network cut = cutter.cut(pair.arch);
    pair.alone = test.ask(cut);
  }
  return gap(against);
}

}  // namespace triage::workflow
