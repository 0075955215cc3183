#include "workflow/search/open_supernets.h"

#include <algorithm>

namespace triage::workflow {

OpenSupernets::OpenSupernets(const std::vector<std::string>& directories, const Context& context,
                             std::optional<train::ComputeType> precision) {
  for (const std::string& directory : directories) {
    auto opened = std::make_unique<OpenSupernet>(directory, context, precision);
    for (const auto& other : all_) {
      if (other->family() == opened->family())
        fail("{} and {}: expected supernets of different families, found two of {}", other->file.string(),
             opened->file.string(), opened->family());
      const Json here = identity_of(*opened), there = identity_of(*other);
      for (const char* key : {"data", "splits"})
        if (here[key] != there[key])
          fail("{}: {}: expected {} as of {}, found {}", opened->file.string(), key, there[key].dump(),
               other->file.string(), here[key].dump());
    }
    all_.push_back(std::move(opened));
  }
}

const OpenSupernet& OpenSupernets::of(const family::ArchSpec& net) const {
  const auto found = std::ranges::find(all_, net.family, [](const auto& one) { return one->family(); });
  if (found == all_.end()) fail("net {}: expected a supernet of the family {}, found none", net.text(), net.family);
  return **found;
}

search::SearchedSpaces OpenSupernets::spaces() const {
  search::SearchedSpaces spaces;
  for (const auto& one : all_) spaces.push_back({one->space(), one->exits()});
  return spaces;
}

namespace {

// Of one its own.
template <class Of>
Json by_family(const OpenSupernets& supernets, const Of& of) {
  if (supernets.all().size() == 1) return of(supernets.first());
  Json json = Json::object();
  for (const auto& one : supernets.all()) json[one->family()] = of(*one);
  return json;
}

Json weights_of(const OpenSupernets& supernets) {
  return by_family(supernets, [](const OpenSupernet& one) { return one.trained.sha256; });
}

}  // namespace

Json identity_of(const OpenSupernets& supernets) {
  Json identity = identity_of(supernets.first());
  identity["supernet"] = weights_of(supernets);
  return identity;
}

Json scoring_identity(const OpenSupernets& supernets, const AnswersOf& answers, const std::string& location) {
  Json identity = scoring_identity(supernets.first(), answers, location);
  identity["supernet"] = weights_of(supernets);
  if (identity.contains("activations"))
    identity["activations"] = by_family(supernets, [](const OpenSupernet& one) { return one.activations(); });
  return identity;
}

}  // namespace triage::workflow
